/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A byte stream over a descriptor: pipe, socket, pty, file. */
#ifndef CLEAVE_DM_CHR_FD_H
#define CLEAVE_DM_CHR_FD_H

#include "core/chr.h"
#include "loop.h"

struct chr_fd {
    struct chr chr;                /* for the device */
    const struct chr_front *front; /* the device's side, set by chr_fd_connect() */
    struct loop *loop;
    int fd;
    bool pollable; /* regular files are not: always ready */
    bool blocked;  /* the device waits for room */
};

/* `fd` stays the caller's; it is made non-blocking. */
int chr_fd_init(struct chr_fd *c, struct loop *loop, int fd);

/* Starts input. `front` may be NULL for output only. */
void chr_fd_connect(struct chr_fd *c, const struct chr_front *front);

#endif
