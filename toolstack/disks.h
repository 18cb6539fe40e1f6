/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of a guest: images, firmware, loader, logs. */
#ifndef CLEAVE_TOOLSTACK_DISKS_H
#define CLEAVE_TOOLSTACK_DISKS_H

#include "guest.h"

/* Opens, checks and locks everything that the options name. One line and status 2 when it cannot.
 */
void files_open(struct files *f, const struct run_options *o);

/*
 * Gives the images free although the kernel may not have closed the device model's files yet. Only
 * once it has ended by itself, so that none of its writes is under way.
 */
void drives_unlock(const struct files *f);

/* The directory of the running program, without slash. */
const char *program_dir(void);

#endif
