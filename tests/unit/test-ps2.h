/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An 8042 with keyboard and mouse on a bus of its own: lines and resets are counted. */
#ifndef CLEAVE_TEST_PS2_H
#define CLEAVE_TEST_PS2_H

#include <glib.h>
#include <string.h>

#include "core/bus.h"
#include "core/clock.h"
#include "input/i8042.h"
#include "input/port92.h"

#define SPEC_OBF     0x01
#define SPEC_SYS     0x04
#define SPEC_CMD     0x08
#define SPEC_UNLOCK  0x10
#define SPEC_AUX_OBF 0x20

#define FIX_ARENA 16384u

struct fixture {
    struct bus pio;
    struct clock clock;
    struct arena arena;
    struct i8042 kbc;
    struct port92 port92;
    uint64_t now;
    int level[16];
    unsigned rises[16];
    unsigned resets;
    unsigned announced; /* what port 92 said last */
    uint8_t *block;
};

static uint64_t fix_now(void *opaque)
{
    return ((struct fixture *)opaque)->now;
}

static void fix_line(void *opaque, unsigned n, int level)
{
    struct fixture *f = opaque;

    f->rises[n] += level && !f->level[n];
    f->level[n] = level;
}

static void fix_power(void *opaque, enum power_event event, uint32_t value)
{
    g_assert_cmpint(event, ==, POWER_RESET);
    ((struct fixture *)opaque)->resets++;
}

static void fix_value(void *opaque, uint16_t port, uint8_t value)
{
    g_assert_cmphex(port, ==, 0x92);
    ((struct fixture *)opaque)->announced = value;
}

static struct fixture *fixture_new(void)
{
    struct fixture *f = g_new0(struct fixture, 1);
    struct hw hw;

    bus_init(&f->pio, 0xffff);
    f->block = g_malloc0(FIX_ARENA);
    arena_init(&f->arena, f->block, FIX_ARENA);
    f->clock.now = fix_now;
    f->clock.opaque = f;
    g_assert_cmpint(clock_init(&f->clock, &f->arena, "clock"), ==, 0);
    hw = (struct hw){.pio = &f->pio,
                     .clock = &f->clock,
                     .arena = &f->arena,
                     .power = {.request = fix_power, .opaque = f}};
    g_assert_cmpint(i8042_init(&f->kbc, &hw, (struct irq_line){fix_line, f, 1},
                               (struct irq_line){fix_line, f, 12}),
                    ==, 0);
    g_assert_cmpint(port92_init(&f->port92, &hw), ==, 0);
    f->port92.value_changed = fix_value;
    f->port92.opaque = f;
    arena_reset(&f->arena, RESET_POWER_ON);
    return f;
}

static void fixture_free(struct fixture *f)
{
    g_free(f->block);
    g_free(f);
}

static G_GNUC_UNUSED unsigned inb(struct fixture *f, unsigned port)
{
    return (unsigned)bus_read(&f->pio, port, 1);
}

static G_GNUC_UNUSED void outb(struct fixture *f, unsigned port, unsigned val)
{
    bus_write(&f->pio, port, 1, val);
}

/* Time for the next byte to arrive. */
static G_GNUC_UNUSED void step(struct fixture *f)
{
    f->now += 2000000;
    clock_run(&f->clock);
}

/* The next byte, -1 when there is none. */
static G_GNUC_UNUSED int take(struct fixture *f)
{
    if (!(inb(f, 0x64) & SPEC_OBF)) {
        step(f);
    }
    return inb(f, 0x64) & SPEC_OBF ? (int)inb(f, 0x60) : -1;
}

static G_GNUC_UNUSED void drain(struct fixture *f)
{
    for (unsigned i = 0; i < 1000 && take(f) >= 0; i++) {
    }
}

/* Exactly these bytes come, and no more. `want` ends with -1. */
static G_GNUC_UNUSED void expect(struct fixture *f, const int *want)
{
    for (unsigned i = 0; i == 0 || want[i - 1] >= 0; i++) {
        g_assert_cmphex(take(f), ==, want[i]);
    }
}

#define EXPECT(f, ...) expect(f, (const int[]){__VA_ARGS__, -1})

static G_GNUC_UNUSED void kbc_command(struct fixture *f, unsigned command, unsigned data)
{
    outb(f, 0x64, command);
    outb(f, 0x60, data);
}

static G_GNUC_UNUSED unsigned kbc_query(struct fixture *f, unsigned command)
{
    outb(f, 0x64, command);
    return (unsigned)take(f);
}

static G_GNUC_UNUSED void mouse_out(struct fixture *f, unsigned val)
{
    kbc_command(f, 0xd4, val);
}

static G_GNUC_UNUSED void key(struct fixture *f, const char *name, bool down)
{
    unsigned code = ps2_keycode_by_name(name);

    g_assert_cmpuint(code, !=, PS2_KEY_NONE);
    ps2_kbd_key(&f->kbc.kbd, code, down);
}

#endif
