/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A picture that the device model rendered, into a PNG file. */
#ifndef CLEAVE_TOOLSTACK_PICTURE_H
#define CLEAVE_TOOLSTACK_PICTURE_H

#include <stdbool.h>

#include "qmp.h"

/*
 * `reply` is screendump's ({"width", "height", "stride"}, XRGB8888) and `fd` its memfd. Neither is
 * trusted. The file appears complete or not at all. False with *error set.
 */
bool picture_save(const char *path, json_t *reply, int fd, GError **error);

#endif
