/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The qtest protocol, as QEMU's test programs speak it: lines over a socket that access the machine
 * of the standalone world, move its time and hear its interrupt lines.
 */
#ifndef CLEAVE_DM_QTEST_H
#define CLEAVE_DM_QTEST_H

#include <stdbool.h>
#include <stddef.h>

struct machine;
struct qtest;

/*
 * Opens what -qtest names (unix:PATH, tcp:HOST:PORT, fd:N, stdio, chardev:ID; a socket is connected
 * to unless server=on) and serves it from the machine's loop. Sets m->qtest. When the other end
 * hangs up the process ends, unless it is a server: then the next client may come. False with one
 * line in `err`.
 */
bool qtest_start(struct machine *m, char *err, size_t size);

/* Interrupt line n changed: see struct pc_hooks. */
void qtest_line(struct qtest *q, unsigned n, int level);

#endif
