/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Locking cleave-dm down: docs/security.md says what it can do afterwards. */
#ifndef CLEAVE_DM_SANDBOX_H
#define CLEAVE_DM_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"

/*
 * After start-up, before the first request of a guest. `largest_disk` in bytes. Ends the process
 * with one line when it cannot be had. Does nothing when `o` has it off.
 */
void dm_sandbox_enter(const struct dm_options *o, uint64_t largest_disk);

/* Whether nothing can be opened any more. */
bool dm_sandboxed(void);

#endif
