/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A byte stream over descriptors: pipe, socket, pty, file, standard input and output. */
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
    int fd;        /* -1: nobody is connected, output is lost */
    int out_fd;    /* the same, but for stdio */
    int listen_fd; /* a server's, or -1: takes one client after the other */
    bool lossy;    /* what the descriptor does not take is lost, not held back */
    bool pollable; /* regular files are not: always ready */
    bool out_pollable;
    bool ended;   /* no more input comes */
    bool hung_up; /* the other end is gone; what it sent may wait here for the device */
    bool blocked; /* the descriptor takes no more for now */
    bool starved; /* the device waits for room */
    size_t used;
    uint8_t out[CHR_FD_BUFFER];
};

/*
 * The descriptors are made non-blocking. `fd` may be -1 where `listen_fd` is not; out_fd is fd but
 * for a stream in two parts. A client of listen_fd is closed when it hangs up, others stay the
 * caller's.
 */
int chr_fd_init_stream(struct chr_fd *c, struct loop *loop, int fd, int out_fd, int listen_fd);

/* One descriptor, the caller's. */
int chr_fd_init(struct chr_fd *c, struct loop *loop, int fd);

/* Writes out what was collected, as far as the descriptor takes it. */
void chr_fd_flush(struct chr_fd *c);

/* Starts input. `front` may be NULL for output only. */
void chr_fd_connect(struct chr_fd *c, const struct chr_front *front);

#endif
