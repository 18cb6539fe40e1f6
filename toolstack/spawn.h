/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting and ending the guest's two processes and the janitor. */
#ifndef CLEAVE_TOOLSTACK_SPAWN_H
#define CLEAVE_TOOLSTACK_SPAWN_H

#include "guest.h"

/* Finds both programs: $CLEAVE_LIBEXEC, beside `cleave`, libexecdir. One line, status 2 if missing.
 */
void halves_find(struct guest *g);
/* Starts both. False with one line said. */
bool halves_start(struct guest *g);

/* Relays or holds back (until g->up) what a half says on standard error. */
void half_stderr(struct guest *g, struct half *h);
/* Says what was held back. */
void half_errors_flush(struct half *h);
/* True once the half has ended; its status is then known. */
bool half_reap(struct half *h);
/* Waits for the end for at most `ms`, then kills it. True: it ended by itself. */
bool half_wait(struct guest *g, struct half *h, int ms);
void half_kill(struct half *h);
/* "was killed by signal 9 (Killed)" or "exited with status 1"; free it. */
char *half_fate(const struct half *h);

/*
 * A child that survives the monitor: when that dies without a word it kills the halves, restores
 * the terminal and removes the run directory.
 */
bool janitor_start(struct guest *g);
/* The processes that it has to end. */
void janitor_tell(struct guest *g, int pidfd);
/* The monitor has cleaned up itself. */
void janitor_dismiss(struct guest *g);

#endif
