/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A byte stream over a descriptor: pipe, socket, pty, file. */
#ifndef CLEAVE_DM_CHR_FD_H
#define CLEAVE_DM_CHR_FD_H

#include "core/chr.h"
#include "loop.h"

#define CHR_FD_BUFFER 4096u

/*
 * Output is collected and written when the loop has nothing better to do, when half of the buffer
 * is full, and at the end: a guest that prints byte by byte does not cost a system call a byte.
 */
struct chr_fd {
    struct chr chr;                /* for the device */
    const struct chr_front *front; /* the device's side, set by chr_fd_connect() */
    struct loop *loop;
    int fd;
    bool pollable; /* regular files are not: always ready */
    bool blocked;  /* the descriptor takes no more for now */
    bool starved;  /* the device waits for room */
    size_t used;
    uint8_t out[CHR_FD_BUFFER];
};

/* `fd` stays the caller's; it is made non-blocking. */
int chr_fd_init(struct chr_fd *c, struct loop *loop, int fd);

/* Writes out what was collected, as far as the descriptor takes it. */
void chr_fd_flush(struct chr_fd *c);

/* Starts input. `front` may be NULL for output only. */
void chr_fd_connect(struct chr_fd *c, const struct chr_front *front);

#endif
