/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When the guest runs and why it does not: stops, resets and ends, whoever wants them, with the
 * events that monitors get. What is wanted in the middle of a guest's access is done afterwards, by
 * runstate_settle().
 */
#ifndef CLEAVE_DM_RUNSTATE_H
#define CLEAVE_DM_RUNSTATE_H

#include <stdbool.h>
#include <stdint.h>

#include "drives.h"

struct machine;

struct runstate {
    const char *stopped; /* why, for query-status; NULL: somebody said stop */
    const char *stop;    /* wanted: stop for this reason */
    bool end;            /* wanted: SHUTDOWN, for `end_reason` */
    const char *end_reason;
};

/* stop and cont as a monitor says them; with events. cont sends failed requests again. */
void runstate_stop(struct machine *m, const char *why);
/* A monitor's `stop`: nothing is asked, in flight or unwritten afterwards. Not within a request. */
void runstate_pause(struct machine *m);
void runstate_cont(struct machine *m);

/* cont where somebody asks for it. NULL, or why not: a line without an end. */
const char *runstate_try_cont(struct machine *m);

/* What is wanted since the last call. */
void runstate_settle(struct machine *m);

/* A reset; with -no-reboot the end. `reason` is QEMU's word, `guest`: the guest asked for it. */
void runstate_reset(struct machine *m, bool guest, const char *reason);

/* The end of the machine and, unless -no-shutdown, of the process. */
void runstate_end(struct machine *m, bool guest, const char *reason);

/* Hooks of drives and PC; opaque is the machine. */
void runstate_request_failed(void *opaque, const struct drive *d, bool write, int err,
                             enum block_policy_error action);
void runstate_tray_moved(void *opaque, const struct drive *d, bool open);
void runstate_panicked(void *opaque, uint8_t bits);
void runstate_watchdog(void *opaque);

#endif
