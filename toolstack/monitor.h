/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitor of one guest: waits for its halves, its users and the clock. */
#ifndef CLEAVE_TOOLSTACK_MONITOR_H
#define CLEAVE_TOOLSTACK_MONITOR_H

#include "guest.h"

/* Starts the halves and lets the guest run until it ends; the exit status. */
int monitor_run(struct guest *g);

/* Ends the guest with a status and one line (NULL: silently); the first caller wins. */
void guest_end(struct guest *g, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* One line for the person at the terminal, and for the log file if there is one. */
void guest_say(struct guest *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* NULL with *error set. Both halves in the order that each needs. */
bool guest_stop(struct guest *g, GError **error);
bool guest_cont(struct guest *g, GError **error);
bool guest_reset(struct guest *g, GError **error);

#endif
