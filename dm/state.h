/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's state as a stream to and from a descriptor: hw/core/save.h says how it looks. */
#ifndef CLEAVE_DM_STATE_H
#define CLEAVE_DM_STATE_H

#include <stdbool.h>
#include <stddef.h>

struct machine;

/* The machine is stopped. Writes it to `fd`; false with one line in `err` (size bytes). */
bool state_save(struct machine *m, int fd, char *err, size_t size);

/*
 * Reads `fd` to its end into a machine that was reset and has not run. False with one line in
 * `err`: then the machine is not to be used.
 */
bool state_load(struct machine *m, int fd, char *err, size_t size);

/* The images' locks: given up for another process, and taken again. False: somebody has them. */
void state_locks_give(struct machine *m);
bool state_locks_take(struct machine *m);

#endif
