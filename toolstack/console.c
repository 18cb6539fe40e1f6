/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Relay between a port of the guest and the terminal, a file or a unix socket. */
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <glib.h>

#include "log.h"
#include "rundir.h"

#define ESCAPE 0x01 /* Ctrl-A */
#define CHUNK  4096 /* a pipe that polls writable takes this much */
#define ENOUGH 65536

enum { P_DM, P_IN, P_OUT, P_LISTEN };

struct console {
    enum stream_kind kind;
    int ours; /* end of the socketpair; -1 once the device model is gone */
    int theirs;
    int in;  /* terminal, standard input or client; -1: none */
    int out; /* the same, or the file; -1: output is dropped */
    int listen;
    char *path;    /* of the unix socket that we made */
    bool in_ended; /* the client sends no more, but may still listen */
    bool escape;   /* on a terminal: Ctrl-A is ours */
    bool escaped;
    bool tty;
    struct termios saved;
    GByteArray *to_host;
    GByteArray *to_guest;
};

/*
 * Standard output's flags are shared with the shell and others, so a terminal or pipe is opened
 * once more for our own O_NONBLOCK. Where that fails, poll() and small writes have to do.
 */
static int stdout_open(void)
{
    struct stat st;
    if (fstat(STDOUT_FILENO, &st) == 0 && (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode))) {
        int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd >= 0) {
            return fd;
        }
    }
    return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
}

static void stdio_open(struct console *c)
{
    c->in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    c->out = stdout_open();
    c->tty = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &c->saved) == 0;
    c->escape = c->tty;
}

static void file_open(struct console *c, const struct stream_option *o)
{
    c->out = open(o->path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
    if (c->out < 0) {
        die("%s file:%s: %s; give a path that can be written", o->setting, o->path,
            strerror(errno));
    }
}

/* A socket file that nobody listens at is left over from a guest that died. */
static void stale_remove(const struct stream_option *o, const struct sockaddr_un *a)
{
    struct stat st;
    if (lstat(o->path, &st) < 0) {
        return;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool stale = S_ISSOCK(st.st_mode) && connect(fd, (const struct sockaddr *)a, sizeof(*a)) < 0 &&
                 errno == ECONNREFUSED;
    close(fd);
    if (!stale || unlink(o->path) < 0) {
        die("%s unix:%s: exists; remove it or give another path", o->setting, o->path);
    }
}

static void unix_open(struct console *c, const struct stream_option *o)
{
    struct sockaddr_un a;
    if (!unix_address(&a, o->path)) {
        die("%s unix:%s: too long for a socket; give a shorter path", o->setting, o->path);
    }
    stale_remove(o, &a);
    c->listen = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(c->listen, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(c->listen, 1) < 0) {
        die("%s unix:%s: %s; give a path that can be written", o->setting, o->path,
            strerror(errno));
    }
    /* Absolute, since the janitor removes it from another directory. */
    c->path = g_canonicalize_filename(o->path, NULL);
}

struct console *console_open(const struct stream_option *o)
{
    if (o->kind == STREAM_NONE) {
        return NULL;
    }
    struct console *c = g_new0(struct console, 1);
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
        die("%s: %s; raise the limit of open files (ulimit -n)", o->setting, strerror(errno));
    }
    *c = (struct console){.kind = o->kind, .ours = pair[0], .theirs = pair[1]};
    c->in = c->out = c->listen = -1;
    c->to_host = g_byte_array_new();
    c->to_guest = g_byte_array_new();
    if (o->kind == STREAM_STDIO) {
        stdio_open(c);
    } else if (o->kind == STREAM_FILE) {
        file_open(c, o);
    } else {
        unix_open(c, o);
    }
    return c;
}

int console_dm_fd(const struct console *c)
{
    return c->theirs;
}

void console_started(struct console *c)
{
    close(c->theirs);
    c->theirs = -1;
}

void console_raw(struct console *c)
{
    if (!c->tty) {
        return;
    }
    struct termios t = c->saved;
    cfmakeraw(&t);
    t.c_oflag |= OPOST; /* our own messages end in a bare line feed */
    tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

void console_restore(const struct console *c)
{
    if (c->tty) {
        tcsetattr(STDIN_FILENO, TCSANOW, &c->saved);
    }
    if (c->path) {
        unlink(c->path);
    }
}

int console_terminal(const struct console *c)
{
    return c->tty ? STDIN_FILENO : -1;
}

void console_poll(const struct console *c, struct pollfd *p)
{
    for (unsigned i = 0; i < CONSOLE_FDS; i++) {
        p[i] = (struct pollfd){.fd = -1};
    }
    p[P_DM].fd = c->ours;
    p[P_DM].events =
        (short)((c->to_host->len < ENOUGH ? POLLIN : 0) | (c->to_guest->len > 0 ? POLLOUT : 0));
    /* A terminal is always read, lest a guest that reads nothing takes Ctrl-A x away. */
    if (c->in >= 0 && (c->to_guest->len < CHUNK || c->escape) && c->ours >= 0) {
        p[P_IN] = (struct pollfd){.fd = c->in, .events = c->in_ended ? 0 : POLLIN};
    }
    if (c->out >= 0 && c->to_host->len > 0) {
        p[P_OUT] = (struct pollfd){.fd = c->out, .events = POLLOUT};
    }
    if (c->listen >= 0 && c->in < 0) {
        p[P_LISTEN] = (struct pollfd){.fd = c->listen, .events = POLLIN};
    }
}

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static void client_close(struct console *c)
{
    close(c->in);
    c->in = c->out = -1;
    c->in_ended = false;
    g_byte_array_set_size(c->to_host, 0);
}

/* Output that has no reader any more is dropped; the guest goes on. */
static void out_lost(struct console *c)
{
    if (c->kind == STREAM_UNIX) {
        client_close(c);
        return;
    }
    close(c->out);
    c->out = -1;
    g_byte_array_set_size(c->to_host, 0);
}

static void out_write(struct console *c)
{
    ssize_t n = write(c->out, c->to_host->data, MIN(c->to_host->len, CHUNK));
    if (n > 0) {
        g_byte_array_remove_range(c->to_host, 0, (guint)n);
    } else if (n < 0 && !would_block()) {
        out_lost(c);
    }
}

/* True when something came. */
static bool dm_read(struct console *c)
{
    uint8_t buf[CHUNK];
    ssize_t n = read(c->ours, buf, sizeof(buf));
    if (n > 0) {
        if (c->out >= 0) {
            g_byte_array_append(c->to_host, buf, (guint)n);
        }
        return true;
    }
    if (n == 0 || !would_block()) {
        close(c->ours);
        c->ours = -1;
    }
    return false;
}

static void dm_write(struct console *c)
{
    ssize_t n = send(c->ours, c->to_guest->data, c->to_guest->len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
        g_byte_array_remove_range(c->to_guest, 0, (guint)n);
    }
}

static void say(struct console *c, const char *text)
{
    g_byte_array_append(c->to_host, (const uint8_t *)text, (guint)strlen(text));
}

/* The byte after Ctrl-A. False: leave. */
static bool escape_handle(struct console *c, uint8_t byte)
{
    const uint8_t escape = ESCAPE;
    c->escaped = false;
    if (byte == 'a' || byte == ESCAPE) {
        g_byte_array_append(c->to_guest, &escape, 1);
    } else if (byte == 'h' || byte == '?') {
        say(c, "\r\nCtrl-A x ends the guest, Ctrl-A a sends Ctrl-A, Ctrl-A h shows this.\r\n");
    }
    return byte != 'x';
}

/* A client may stop to send (`nc -U PATH </dev/null`) and still want to read. */
static void in_end(struct console *c, bool orderly)
{
    if (c->kind != STREAM_UNIX) {
        close(c->in);
        c->in = -1;
    } else if (orderly && !c->in_ended) {
        c->in_ended = true;
    } else {
        client_close(c);
    }
}

static bool in_read(struct console *c)
{
    uint8_t buf[CHUNK];
    ssize_t n = read(c->in, buf, sizeof(buf));
    if (n == 0 || (n < 0 && !would_block())) {
        in_end(c, n == 0);
        return true;
    }
    for (ssize_t i = 0; i < n; i++) {
        if (c->escaped) {
            if (!escape_handle(c, buf[i])) {
                return false;
            }
        } else if (c->escape && buf[i] == ESCAPE) {
            c->escaped = true;
        } else if (!c->escape || c->to_guest->len < CHUNK) {
            g_byte_array_append(c->to_guest, &buf[i], 1);
        }
    }
    return true;
}

static void client_accept(struct console *c)
{
    c->in = c->out = accept4(c->listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

bool console_handle(struct console *c, const struct pollfd *p)
{
    const short in = POLLIN | POLLHUP | POLLERR;
    if (p[P_DM].fd >= 0 && (p[P_DM].revents & POLLOUT)) {
        dm_write(c);
    }
    if (p[P_DM].fd >= 0 && (p[P_DM].revents & in)) {
        dm_read(c);
    }
    if (p[P_OUT].fd >= 0 && p[P_OUT].revents) {
        out_write(c);
    }
    if (p[P_IN].fd >= 0 && p[P_IN].fd == c->in && (p[P_IN].revents & in)) {
        return in_read(c);
    }
    if (p[P_LISTEN].fd >= 0 && (p[P_LISTEN].revents & POLLIN)) {
        client_accept(c);
    }
    return true;
}

void console_drain(struct console *c, int ms)
{
    gint64 end = g_get_monotonic_time() + ms * 1000;
    while (c->ours >= 0 && c->to_host->len < 16 * ENOUGH && dm_read(c)) {
    }
    while (c->out >= 0 && c->to_host->len > 0 && g_get_monotonic_time() < end) {
        struct pollfd p = {.fd = c->out, .events = POLLOUT};
        if (poll(&p, 1, 50) > 0) {
            out_write(c);
        }
    }
}

void console_free(struct console *c)
{
    const int fds[] = {c->ours, c->theirs, c->in, c->listen, c->kind == STREAM_UNIX ? -1 : c->out};
    for (unsigned i = 0; i < G_N_ELEMENTS(fds); i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    g_byte_array_unref(c->to_host);
    g_byte_array_unref(c->to_guest);
    g_free(c->path);
    g_free(c);
}
