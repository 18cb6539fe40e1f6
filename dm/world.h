/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The three worlds of a machine: beside our own core, in a Xen domain, alone under a test. What
 * differs between them beyond the transport is a row of this table; other code asks for the
 * property, never for the world.
 */
#ifndef CLEAVE_DM_WORLD_H
#define CLEAVE_DM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server.h"
#include "transport.h"
#include "xen/platform.h"

struct dm_options;
struct machine;
struct qmp_command;

/* Functions and texts that are NULL: there is nothing of the kind in that world. */
struct world {
    /* NULL with one line in `err`. */
    struct transport *(*connect)(struct machine *m, const struct ioreq_ops *ops, char *err,
                                 size_t size);
    /* All is there and monitors listen; before the sandbox. Ends the process where it cannot be. */
    void (*announce)(struct machine *m);

    /* Makes m->vram, the display's memory: 0 or a negative errno. The setting to look at then. */
    int (*vram)(struct machine *m);
    const char *vram_setting;
    /* For memory that is the guest's: the map of pages written, for the display device, or NULL. */
    uint8_t *(*vram_written)(const struct machine *m);
    /* Where it is, saved with the machine because the guest takes it along. 0: nowhere. */
    uint64_t (*vram_gfn)(const struct machine *m);
    int (*vram_attach)(struct machine *m, uint64_t gfn);
    void (*log_dirty)(struct machine *m, bool on);

    /* ACPI S3 and the way out of it. False: the hypervisor does not let this process. */
    void (*suspend)(struct machine *m);
    bool (*wakeup)(struct machine *m);

    /* Of the Xen platform device; `opaque` is to be the machine. */
    struct xen_platform_config platform;

    /* Monitor commands of this world alone. */
    const struct qmp_command *const *commands;
    unsigned ncommands;
    /* Where these are instead, in one line; NULL: here. */
    const char *power_button;
    const char *nmi;

    bool alone;    /* a test is the CPU: it steps time, and each request ends what it started */
    bool one_life; /* the guest's reset is the end of this process: the toolstack makes another */
    bool silent;   /* monitors send no events */
    bool orphan;   /* outlives the process that started it */
    bool private_arena; /* nobody takes the arena over */
};

/* The row for -machine accel=. */
const struct world *world_of(const struct dm_options *o);

/* xen.c, or where Xen's libraries are missing xen_none.c, which refuses to connect. */
extern const struct world world_xen;

#endif
