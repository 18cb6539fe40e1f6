/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A command's connection to a running guest's monitor. */
#ifndef CLEAVE_TOOLSTACK_CLIENT_H
#define CLEAVE_TOOLSTACK_CLIENT_H

#include "qmp.h"

/* One line and status 2 when there is no such guest. */
struct qmp *client_connect(const char *name);
/* The same for `cleave list`: NULL when nobody is there. */
struct qmp *client_try(const char *name);
/* Like qmp_call(); one line and status 1 when it fails. Consumes args, free the result. */
json_t *client_call(struct qmp *q, const char *name, const char *command, json_t *args,
                    struct qmp_fds *received);
/* Checks the number of arguments: `usage` is what follows "cleave". */
void client_usage(int argc, int min, int max, char **argv, const char *usage);

#endif
