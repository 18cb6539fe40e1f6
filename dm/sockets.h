/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stream sockets by the words of a command line: unix:PATH and tcp:HOST:PORT. */
#ifndef CLEAVE_DM_SOCKETS_H
#define CLEAVE_DM_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

/* All return a close-on-exec descriptor, or -1 with one line in `err`. A stale socket file is
 * replaced; one that somebody listens on is not. */
int socket_connect_unix(const char *path, char *err, size_t size);
int socket_listen_unix(const char *path, char *err, size_t size);
int socket_connect_tcp(const char *host, const char *port, char *err, size_t size);
int socket_listen_tcp(const char *host, const char *port, char *err, size_t size);

/* Blocks until somebody connects. */
int socket_accept(int fd, char *err, size_t size);

#endif
