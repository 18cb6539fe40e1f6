/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Running, pausing, resetting and showing the machine. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "machine.h"
#include "monitor.h"

#define SERVE_MAX 1024u /* a hostile hypervisor never comes to an end */

const char *machine_status(const struct machine *m)
{
    if (m->loop->running) {
        return "running";
    }
    if (m->run.stopped) {
        return m->run.stopped;
    }
    return m->ended ? "shutdown" : m->started ? "paused" : "prelaunch";
}

void machine_cont(struct machine *m)
{
    m->started = true;
    m->ended = false;
    loop_set_running(m->loop, true);
}

void machine_drain(struct machine *m)
{
    while (block_ring_in_flight(m->ring)) {
        if (!block_ring_poll(m->ring)) {
            block_ring_wait(m->ring);
        }
    }
}

void machine_serve(struct machine *m)
{
    for (unsigned i = 0; i < SERVE_MAX && m->loop->running && m->t->ops->poll(m->t); i++) {
    }
}

void machine_stop(struct machine *m)
{
    loop_set_running(m->loop, false);
    machine_drain(m);
}

/* The same lines as after power-on: what devices lower on the way is forgotten on both sides. */
void machine_reset(struct machine *m)
{
    machine_stop(m);
    m->t->ops->flush_posted(m->t);
    pc_reset(&m->pc, RESET_HARD);
    m->t->ops->reset_lines(m->t);
    m->ended = false;
}

void machine_settle(struct machine *m)
{
    runstate_settle(m);
}

void machine_flush_disks(struct machine *m)
{
    if (!drives_flush(&m->drives) && !m->exit_status) {
        m->exit_status = 1;
    }
}

void machine_flush_consoles(struct machine *m)
{
    m->t->ops->flush_posted(m->t);
    for (unsigned i = 0; i < DM_SERIAL_PORTS; i++) {
        chr_fd_flush(&m->serial_chr[i]);
    }
    chr_fd_flush(&m->debug_chr);
}

void machine_exit(struct machine *m)
{
    machine_stop(m);
    machine_flush_consoles(m);
    machine_flush_disks(m);
    block_ring_free(m->ring);
}

int machine_render(struct machine *m, struct surface *s, bool cursor)
{
    struct object o;

    if (m->o->vga != DM_VGA_STD) {
        return -ENODEV;
    }
    int rc = object_new(&o, "cleave-screen", (uint64_t)SURFACE_MAX_WIDTH * SURFACE_MAX_HEIGHT * 4);
    if (rc) {
        return -ENOMEM;
    }
    m->t->ops->flush_posted(m->t);
    s->pixels = (uint32_t *)o.host;
    vga_render(&m->pc.vga, s, cursor ? VGA_CURSOR : 0);
    object_unmap(&o);
    return o.fd;
}

int machine_screen_text(struct machine *m, char *out, size_t size)
{
    if (m->o->vga != DM_VGA_STD) {
        return -1;
    }
    m->t->ops->flush_posted(m->t);
    return vga_text(&m->pc.vga, out, size);
}

bool machine_key_by_name(const char *name, unsigned *code)
{
    *code = ps2_keycode_by_name(name);
    return *code != PS2_KEY_NONE;
}

void machine_key(struct machine *m, unsigned code, bool down)
{
    ps2_kbd_key(&m->pc.i8042.kbd, code, down);
}

void machine_mouse(struct machine *m, int dx, int dy, const char *button, bool down)
{
    static const struct {
        const char *name;
        unsigned bit;
        int wheel;
    } table[] = {
        {"left", PS2_BUTTON_LEFT, 0},   {"middle", PS2_BUTTON_MIDDLE, 0},
        {"right", PS2_BUTTON_RIGHT, 0}, {"side", PS2_BUTTON_SIDE, 0},
        {"extra", PS2_BUTTON_EXTRA, 0}, {"wheel-up", 0, -1},
        {"wheel-down", 0, 1},
    };
    int wheel = 0;

    for (unsigned i = 0; button && i < sizeof(table) / sizeof(table[0]); i++) {
        if (!strcmp(table[i].name, button)) {
            m->mouse_buttons =
                down ? m->mouse_buttons | table[i].bit : m->mouse_buttons & ~table[i].bit;
            wheel = down ? table[i].wheel : 0;
        }
    }
    ps2_mouse_event(&m->pc.i8042.mouse, dx, dy, wheel, m->mouse_buttons);
}
