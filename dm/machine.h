/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine as a process: the PC (pc.h), what stands behind its devices on the host, and the
 * hypervisor it is connected to (machine.c). Running, pausing and showing it is machine_run.c.
 */
#ifndef CLEAVE_DM_MACHINE_H
#define CLEAVE_DM_MACHINE_H

#include "alone.h"
#include "chr_fd.h"
#include "drives.h"
#include "core/surface.h"
#include "file.h"
#include "loop.h"
#include "objects.h"
#include "options.h"
#include "pc.h"
#include "runstate.h"
#include "transport.h"
#include "world.h"

struct monitor;
struct xs_handle;

struct machine {
    const struct dm_options *o;
    const struct world *world;
    int pid; /* the sandbox has no getpid() */
    struct loop *loop;
    struct transport *t;
    struct alone alone;      /* the standalone world; unused with a hypervisor */
    struct qtest *qtest;     /* who drives it, or NULL */
    struct xs_handle *store; /* xenstore, in a Xen domain */
    struct monitor *monitor; /* NULL: nobody listens */

    struct pc pc;
    struct object arena_mem;
    struct object vram;
    struct object vgarom;
    struct object bios;

    /* The host side. */
    struct block_ring *ring;
    struct drives drives;
    uint8_t *testdev; /* memory of a pc-testdev, or NULL */
    struct chr_fd serial_chr[DM_SERIAL_PORTS];
    struct chr_fd debug_chr;

    bool window_mapped; /* memory is shown at A0000-BFFFF */
    bool connected;     /* bus and memory changes go to the hypervisor */
    unsigned mouse_buttons;
    int port92_ignored; /* value whose writes to port 92h the hypervisor swallows, or -1 */
    bool started;       /* has run before */
    bool ended;         /* the guest asked for its end */
    bool wish;          /* standalone: the guest wants what `wished` says */
    enum power_event wished;
    struct runstate run;
    bool locks_given; /* the images are not locked: another process is to have them */
    int exit_status;  /* of the process */
};

/*
 * `m` is zero-filled. Builds the machine of the options and connects it to the hypervisor; it is
 * reset and stopped then. False with one line in `err` (size bytes).
 */
bool machine_init(struct machine *m, const struct dm_options *o, struct loop *loop, char *err,
                  size_t size);

/* "prelaunch", "running", "paused" or "shutdown". */
const char *machine_status(const struct machine *m);
void machine_cont(struct machine *m);

/* Returns when the guest clock stands still and nothing is in flight. */
void machine_stop(struct machine *m);
/* Answers what vCPUs that are stopped still wait for. Not from within a request. */
void machine_serve(struct machine *m);

/* Platform reset of all devices; run state stays. */
void machine_reset(struct machine *m);

/* Standalone: nothing is in flight afterwards. */
void machine_drain(struct machine *m);

/* Standalone: does what the guest asked for (reset, power-off) once its access is answered. */
void machine_settle(struct machine *m);

/* Everything that guests wrote goes to stable storage; the exit status tells if it did not. */
void machine_flush_disks(struct machine *m);

/* Posted output included. */
void machine_flush_consoles(struct machine *m);

/* Before the process ends. */
void machine_exit(struct machine *m);

/*
 * Draws the screen into a new memfd and returns it (the caller closes it); s->pixels is not valid
 * afterwards. -ENODEV without display, -ENOMEM.
 */
int machine_render(struct machine *m, struct surface *s, bool cursor);

/* As vga_text(). -1 without display or in graphics modes. */
int machine_screen_text(struct machine *m, char *out, size_t size);

/* Input. Buttons by QEMU's names: left, middle, right, wheel-up, wheel-down, side, extra. */
bool machine_key_by_name(const char *name, unsigned *code);
void machine_key(struct machine *m, unsigned code, bool down);
void machine_mouse(struct machine *m, int dx, int dy, const char *button, bool down);

#endif
