/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sockets.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4

static int failed(int fd, char *err, size_t size, const char *what, const char *name)
{
    snprintf(err, size, "%s %s: %s", what, name, strerror(errno));
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

static int unix_socket(const char *path, struct sockaddr_un *addr, char *err, size_t size)
{
    *addr = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (!*path || strlen(path) >= sizeof(addr->sun_path)) {
        snprintf(err, size, "socket path '%s': give 1 to %zu bytes", path,
                 sizeof(addr->sun_path) - 1);
        return -1;
    }
    strcpy(addr->sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return fd < 0 ? failed(fd, err, size, "socket", path) : fd;
}

int socket_connect_unix(const char *path, char *err, size_t size)
{
    struct sockaddr_un addr;
    int fd = unix_socket(path, &addr, err, size);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
        return failed(fd, err, size, "cannot connect to socket", path);
    }
    return fd;
}

/* True when a socket file is there that nobody listens on. */
static bool unix_stale(const struct sockaddr_un *addr)
{
    struct stat st;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool dead = fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 &&
                errno == ECONNREFUSED;

    if (fd >= 0) {
        close(fd);
    }
    return dead && stat(addr->sun_path, &st) == 0 && S_ISSOCK(st.st_mode);
}

int socket_listen_unix(const char *path, char *err, size_t size)
{
    struct sockaddr_un addr;
    int fd = unix_socket(path, &addr, err, size);

    if (fd < 0) {
        return -1;
    }
    int rc = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
    if (rc < 0 && errno == EADDRINUSE) {
        if (unix_stale(&addr)) {
            unlink(path);
        }
        rc = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
    }
    if (rc < 0 || listen(fd, BACKLOG) < 0) {
        return failed(fd, err, size, "cannot listen on socket", path);
    }
    return fd;
}

static int tcp_open(const char *host, const char *port, bool server, char *err, size_t size)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = server ? AI_PASSIVE : 0};
    struct addrinfo *list;
    int rc = getaddrinfo(*host ? host : NULL, port, &hints, &list);
    int fd = -1;
    int one = 1;

    if (rc) {
        snprintf(err, size, "%s:%s: %s", host, port, gai_strerror(rc));
        return -1;
    }
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && server) {
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        }
        rc = fd < 0   ? -1
             : server ? bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, BACKLOG)
                      : connect(fd, a->ai_addr, a->ai_addrlen);
        if (fd >= 0 && rc) {
            failed(fd, err, size, server ? "cannot listen on port" : "cannot connect to port",
                   port);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd;
}

int socket_connect_tcp(const char *host, const char *port, char *err, size_t size)
{
    return tcp_open(host, port, false, err, size);
}

int socket_listen_tcp(const char *host, const char *port, char *err, size_t size)
{
    return tcp_open(host, port, true, err, size);
}

int socket_accept(int fd, char *err, size_t size)
{
    int client;

    do {
        client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    } while (client < 0 && errno == EINTR);
    if (client < 0) {
        snprintf(err, size, "accept: %s", strerror(errno));
    }
    return client;
}
