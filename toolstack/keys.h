/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of keys, as QMP has them. */
#ifndef CLEAVE_TOOLSTACK_KEYS_H
#define CLEAVE_TOOLSTACK_KEYS_H

#include "qmp.h"

/*
 * "ctrl-alt-delete" to send-key's "keys": [{"type": "qcode", "data": "ctrl"}, ...]. NULL with
 * *wrong (free it) the name that no key has. A single '-' is "minus".
 */
json_t *keys_parse(const char *text, char **wrong);

#endif
