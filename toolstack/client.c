/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A command's connection to a running guest's monitor. */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "options.h"
#include "rundir.h"

#define CONNECT_MS 20000 /* the monitor may be waiting for a half */
#define TRY_MS     2000
#define CALL_MS    30000

static int control_open(const char *name)
{
    g_autofree char *path = rundir_control(name);
    struct sockaddr_un a;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!unix_address(&a, path)) {
        errno = ENAMETOOLONG;
    } else if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0) {
        return fd;
    }
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

struct qmp *client_try(const char *name)
{
    GError *error = NULL;
    int fd = control_open(name);
    struct qmp *q = fd < 0 ? NULL : qmp_client_new(fd, NULL, NULL, TRY_MS, &error);
    g_clear_error(&error);
    return q;
}

struct qmp *client_connect(const char *name)
{
    if (!name_valid(name)) {
        die("%s: is no guest's name; `cleave list` shows them", name);
    }
    int fd = control_open(name);
    if (fd < 0 && (errno == ENOENT || errno == ECONNREFUSED)) {
        die("%s: no such guest runs; `cleave list` shows them", name);
    }
    if (fd < 0) {
        die("%s: its monitor cannot be reached: %s", name, strerror(errno));
    }
    GError *error = NULL;
    struct qmp *q = qmp_client_new(fd, NULL, NULL, CONNECT_MS, &error);
    if (!q) {
        die("%s: its monitor does not answer: %s", name, error->message);
    }
    return q;
}

json_t *client_call(struct qmp *q, const char *name, const char *command, json_t *args,
                    struct qmp_fds *received)
{
    GError *error = NULL;
    json_t *n = qmp_call(q, command, args, NULL, received, CALL_MS, &error);
    if (!n) {
        log_error("%s: %s: %s", name, command, error->message);
        exit(1);
    }
    return n;
}

void client_usage(int argc, int min, int max, char **argv, const char *usage)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        printf("Usage: cleave %s\n", usage);
        exit(0);
    }
    if (argc - 1 < min || argc - 1 > max) {
        die("%s: usage: cleave %s", argv[0], usage);
    }
}
