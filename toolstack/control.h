/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket: what `cleave COMMAND NAME` asks of a guest's monitor. */
#ifndef CLEAVE_TOOLSTACK_CONTROL_H
#define CLEAVE_TOOLSTACK_CONTROL_H

#include "guest.h"

#define MAX_CLIENTS 16

/* A new client on the listening socket. */
void control_accept(struct guest *g, int listen_fd);
/* A client may be read or written. False: it has gone (and was freed). */
bool control_process(struct guest *g, struct qmp *client);

#endif
