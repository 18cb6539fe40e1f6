/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files with rules that blkdebug:CONFIG:FILE names. */
#ifndef CLEAVE_DM_BLKDEBUG_H
#define CLEAVE_DM_BLKDEBUG_H

#include <stdbool.h>
#include <stddef.h>

#include "debug.h"

/* `config` empty: no rules. False with one line in `err`. */
bool blkdebug_load(struct block_debug *d, const char *config, char *err, size_t size);

#endif
