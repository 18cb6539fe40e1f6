/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The run directory of a guest: /run/cleave/NAME for root, $XDG_RUNTIME_DIR/cleave/NAME for others.
 * It holds `lock` (locked while the guest lives, the monitor's pid inside) and `control`.
 */
#ifndef CLEAVE_TOOLSTACK_RUNDIR_H
#define CLEAVE_TOOLSTACK_RUNDIR_H

#include <stdbool.h>

struct rundir {
    char *path;
    char *control;
    int lock_fd;
};

/* The directory of all guests of this user; static. */
const char *rundir_base(void);
/* The control socket's path of a guest; free it. */
char *rundir_control(const char *name);

/* Takes NAME, also from a guest that died without a trace. One line and status 2 when it is in use.
 */
void rundir_create(struct rundir *r, const char *name);
/* Listens at the control socket. One line and status 2 when it cannot. */
int rundir_listen(const struct rundir *r);
/* Removes what it created and gives the name free. Callable twice. */
void rundir_remove(struct rundir *r);

/* Fills a unix socket's address; false when the path is too long for one. */
struct sockaddr_un;
bool unix_address(struct sockaddr_un *a, const char *path);

#endif
