/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qtest.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "qtest_int.h"
#include "sockets.h"

#define READ_SIZE  (64u << 10)
#define LINE_MAX_  (512u << 20) /* a request longer than this ends the connection */
#define FLUSH_SIZE (1u << 20)   /* replies to a burst of requests leave at this size */

/* --- what is said --- */

static void buffer_room(struct qtest_buffer *b, size_t n)
{
    if (b->size - b->used < n) {
        b->size = (b->used + n) * 2;
        b->data = g_realloc(b->data, b->size);
    }
}

char *qtest_reserve(struct qtest *q, size_t n)
{
    buffer_room(&q->out, n);
    q->out.used += n;
    return q->out.data + q->out.used - n;
}

void qtest_send(struct qtest *q, const char *text)
{
    size_t len = strlen(text);

    memcpy(qtest_reserve(q, len), text, len);
}

void qtest_sendf(struct qtest *q, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    qtest_send(q, text);
}

static double seconds(const struct qtest *q)
{
    return (double)(loop_host_now() - q->opened) / 1e9;
}

/* The reply that begins at `from`, line by line. */
static void log_reply(struct qtest *q, size_t from)
{
    while (q->log && from < q->out.used) {
        const char *line = q->out.data + from;
        const char *end = memchr(line, '\n', q->out.used - from);
        size_t len = end ? (size_t)(end - line) : q->out.used - from;

        fprintf(q->log, "[S +%.6f] %.*s\n", seconds(q), (int)len, line);
        from += len + 1;
    }
}

/* --- the connection --- */

static void qtest_readable(void *opaque, uint32_t events);

static void log_event(struct qtest *q, const char *what)
{
    if (q->log) {
        fprintf(q->log, "[I +%.6f] %s\n", seconds(q), what);
        fflush(q->log);
    }
}

/* The client has gone: a server waits for the next one. */
static void qtest_close(struct qtest *q)
{
    log_event(q, "CLOSED");
    loop_remove(q->m->loop, q->in_fd);
    if (q->out_fd != q->in_fd) {
        loop_remove(q->m->loop, q->out_fd);
    }
    if (q->in_fd > STDERR_FILENO) {
        close(q->in_fd);
    }
    q->in_fd = -1;
    q->in.used = q->looked = 0;
    q->out.used = q->sent = 0;
    q->blocked = false;
    if (q->listen_fd < 0) {
        q->m->loop->quit = true;
    }
}

/* Readable only while nothing waits to be written: a client that takes no replies is not served. */
static void qtest_watch(struct qtest *q, bool blocked)
{
    struct loop *loop = q->m->loop;

    if (q->blocked == blocked) {
        return;
    }
    q->blocked = blocked;
    if (q->out_fd == q->in_fd) {
        loop_modify(loop, q->in_fd, blocked ? EPOLLOUT : EPOLLIN);
        return;
    }
    loop_modify(loop, q->in_fd, blocked ? 0 : EPOLLIN);
    if (blocked) {
        loop_add(loop, q->out_fd, EPOLLOUT, qtest_readable, q);
    } else {
        loop_remove(loop, q->out_fd);
    }
}

static void qtest_flush(struct qtest *q)
{
    while (q->in_fd >= 0 && q->sent < q->out.used) {
        ssize_t n = write(q->out_fd, q->out.data + q->sent, q->out.used - q->sent);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            qtest_watch(q, true);
            return;
        }
        if (n < 0) {
            qtest_close(q);
            return;
        }
        q->sent += (size_t)n;
    }
    q->sent = q->out.used = 0;
    if (q->in_fd >= 0) {
        qtest_watch(q, false);
    }
}

static void qtest_request(struct qtest *q, const char *line, size_t len)
{
    size_t from = q->out.used;

    if (q->log) {
        fprintf(q->log, "[R +%.6f] %.*s\n", seconds(q), (int)len, line);
    }
    qtest_command(q, line, len);
    log_reply(q, from);
    machine_settle(q->m);
}

/* Requests that are complete; the rest stays for the next read. */
static void qtest_process(struct qtest *q)
{
    char *start = q->in.data;
    size_t left = q->in.used;
    char *end;

    while (q->in_fd >= 0 && !q->blocked &&
           (end = memchr(start + q->looked, '\n', left - q->looked))) {
        size_t len = (size_t)(end - start);

        qtest_request(q, start, len);
        start = end + 1;
        left -= len + 1;
        q->looked = 0;
        if (q->out.used - q->sent >= FLUSH_SIZE) {
            qtest_flush(q);
        }
    }
    if (q->in_fd < 0) {
        return;
    }
    if (!q->blocked) {
        q->looked = left;
    }
    memmove(q->in.data, start, left);
    q->in.used = left;
}

static void qtest_serve(struct qtest *q)
{
    bool held;

    do {
        q->busy = true;
        qtest_process(q);
        q->busy = false;
        held = q->blocked; /* requests are left, and the client may have read meanwhile */
        qtest_flush(q);
    } while (held && !q->blocked && q->in_fd >= 0);
    if (q->log) {
        fflush(q->log);
    }
}

static void qtest_readable(void *opaque, uint32_t events)
{
    struct qtest *q = opaque;

    if (q->blocked) { /* what was not taken, then what was not served */
        qtest_flush(q);
        if (!q->blocked && q->in_fd >= 0) {
            qtest_serve(q);
        }
        return;
    }
    buffer_room(&q->in, READ_SIZE);
    ssize_t n = read(q->in_fd, q->in.data + q->in.used, q->in.size - q->in.used);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0 || q->in.used > LINE_MAX_) {
        qtest_close(q);
        return;
    }
    q->in.used += (size_t)n;
    qtest_serve(q);
}

static bool qtest_open(struct qtest *q, int in_fd, int out_fd)
{
    q->in_fd = in_fd;
    q->out_fd = out_fd;
    q->opened = loop_host_now();
    q->level = 0;
    log_event(q, "OPENED");
    if (in_fd == out_fd) { /* a socket is ours alone; standard streams are shared with others */
        fcntl(in_fd, F_SETFL, fcntl(in_fd, F_GETFL) | O_NONBLOCK);
    }
    int rc = loop_add(q->m->loop, in_fd, EPOLLIN, qtest_readable, q);
    if (rc == -EPERM) { /* a file: as if it were always readable */
        rc = loop_add(q->m->loop, eventfd(1, EFD_CLOEXEC), EPOLLIN, qtest_readable, q);
    }
    return rc == 0;
}

static void qtest_accept(void *opaque, uint32_t events)
{
    struct qtest *q = opaque;
    char err[128];
    int fd = socket_accept(q->listen_fd, err, sizeof(err));

    if (fd >= 0 && (q->in_fd >= 0 || !qtest_open(q, fd, fd))) {
        close(fd); /* one client at a time */
    }
}

/* --- interrupt lines --- */

void qtest_line(struct qtest *q, unsigned n, int level)
{
    uint32_t bit = 1u << n;
    size_t from = q->out.used;

    if (!(n == PC_INTR
              ? q->intercept == QTEST_PIC_OUT
              : q->intercept == QTEST_IOAPIC_IN || (q->intercept == QTEST_PIC_IN && n < 16))) {
        return;
    }
    if (((q->level & bit) != 0) == (level != 0)) {
        return;
    }
    q->level ^= bit;
    if (q->in_fd < 0) {
        return;
    }
    qtest_sendf(q, "IRQ %s %u\n", level ? "raise" : "lower", n == PC_INTR ? 0 : n);
    if (!q->busy) {
        log_reply(q, from);
        qtest_flush(q);
    }
}

/* --- set-up --- */

/* "SPEC[,server=on|off][,wait=on|off]" cut into its parts; the words server and nowait, too. */
struct endpoint {
    char *address;
    bool server;
    bool wait;
};

static bool endpoint_parse(struct endpoint *e, const char *spec, char *err, size_t size)
{
    g_auto(GStrv) part = g_strsplit(spec, ",", -1);

    *e = (struct endpoint){.address = g_strdup(part[0] ? part[0] : ""), .wait = true};
    for (unsigned i = 1; part[0] && part[i]; i++) {
        if (!strcmp(part[i], "server=on") || !strcmp(part[i], "server")) {
            e->server = true;
        } else if (!strcmp(part[i], "wait=off") || !strcmp(part[i], "nowait")) {
            e->wait = false;
        } else if (strcmp(part[i], "server=off") && strcmp(part[i], "wait=on")) {
            snprintf(err, size, "-qtest %s: unknown setting '%s'; use server=on and wait=off", spec,
                     part[i]);
            return false;
        }
    }
    return true;
}

/* A connected socket, or a listening one; -1 with one line in err. */
static int endpoint_socket(const struct endpoint *e, char *err, size_t size)
{
    char why[192] = "";
    int fd;

    if (!strncmp(e->address, "unix:", 5)) {
        fd = e->server ? socket_listen_unix(e->address + 5, why, sizeof(why))
                       : socket_connect_unix(e->address + 5, why, sizeof(why));
    } else {
        g_auto(GStrv) part = g_strsplit(e->address, ":", 3);

        if (g_strv_length(part) != 3) {
            snprintf(err, size, "-qtest %s: use tcp:HOST:PORT", e->address);
            return -1;
        }
        fd = e->server ? socket_listen_tcp(part[1], part[2], why, sizeof(why))
                       : socket_connect_tcp(part[1], part[2], why, sizeof(why));
    }
    if (fd < 0) {
        snprintf(err, size, "-qtest %s: %s", e->address, why);
    }
    return fd;
}

static bool qtest_listen(struct qtest *q, int fd, bool wait, char *err, size_t size)
{
    char why[192] = "";

    q->listen_fd = fd;
    if (wait) {
        int client = socket_accept(fd, why, sizeof(why));

        if (client < 0 || !qtest_open(q, client, client)) {
            snprintf(err, size, "-qtest: %s", why);
            return false;
        }
    }
    return loop_add(q->m->loop, fd, EPOLLIN, qtest_accept, q) == 0;
}

static bool qtest_open_chardev(struct qtest *q, const char *id, char *err, size_t size)
{
    const struct dm_chardev *c = options_chardev_find(q->m->o, id);

    if (!c) {
        snprintf(err, size, "-qtest chardev:%s: no -chardev with that id", id);
        return false;
    }
    if (c->listen_fd >= 0) {
        q->listen_fd = c->listen_fd;
        loop_add(q->m->loop, c->listen_fd, EPOLLIN, qtest_accept, q);
    }
    return c->fd < 0 || qtest_open(q, c->fd, c->out_fd >= 0 ? c->out_fd : c->fd);
}

static bool qtest_connect(struct qtest *q, const char *spec, char *err, size_t size)
{
    struct endpoint e;
    bool good;

    if (!endpoint_parse(&e, spec, err, size)) {
        return false;
    }
    if (!strcmp(e.address, "stdio")) {
        good = qtest_open(q, STDIN_FILENO, STDOUT_FILENO);
        if (!good) {
            snprintf(err, size, "-qtest stdio: standard input must be a pipe, socket or terminal");
        }
    } else if (!strncmp(e.address, "fd:", 3)) {
        int fd = atoi(e.address + 3);

        good = fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && qtest_open(q, fd, fd);
        if (!good) {
            snprintf(err, size, "-qtest %s: not an open socket", e.address);
        }
    } else if (!strncmp(e.address, "chardev:", 8)) {
        good = qtest_open_chardev(q, e.address + 8, err, size);
    } else if (!strncmp(e.address, "unix:", 5) || !strncmp(e.address, "tcp:", 4)) {
        int fd = endpoint_socket(&e, err, size);

        good =
            fd >= 0 && (e.server ? qtest_listen(q, fd, e.wait, err, size) : qtest_open(q, fd, fd));
    } else {
        snprintf(err, size, "-qtest %s: use unix:PATH, tcp:HOST:PORT, fd:N, chardev:ID or stdio",
                 spec);
        good = false;
    }
    g_free(e.address);
    return good;
}

/* Without -qtest-log the log goes to standard error, as with QEMU. */
static bool qtest_log_open(struct qtest *q, const char *name, char *err, size_t size)
{
    if (!name) {
        q->log = stderr;
    } else if (strcmp(name, "none") && strcmp(name, "/dev/null")) {
        q->log = fopen(name, "w");
        if (!q->log) {
            snprintf(err, size, "-qtest-log %s: %s", name, strerror(errno));
            return false;
        }
    }
    return true;
}

bool qtest_start(struct machine *m, char *err, size_t size)
{
    struct qtest *q = g_new0(struct qtest, 1);

    q->m = m;
    q->in_fd = q->out_fd = q->listen_fd = -1;
    m->qtest = q;
    return qtest_log_open(q, m->o->qtest_log, err, size) &&
           qtest_connect(q, m->o->qtest, err, size);
}
