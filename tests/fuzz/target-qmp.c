/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both ends of QMP (util/qmp.c) with a hostile peer. Byte 0 of an input chooses the end; then come
 * pieces as they arrive: one byte of length, bits of descriptors and bytes.
 */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "qmp.h"

#define MAX_PIECES  64u
#define FDS_WATCHED 128
#define ANSWERS     65536u

static struct fuzz_world *world;
static char *answers; /* what came back, for the checks */
static size_t nanswers;

/* --- commands that do what handlers do: look at arguments, take and give descriptors, fail --- */

static json_t *cmd_echo(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                        GError **error)
{
    return json_incref(args);
}

static json_t *cmd_take(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                        GError **error)
{
    json_t *n = json_integer(in->n);

    for (; in->n > 0; in->n--) {
        close(in->fd[in->n - 1]);
    }
    return n;
}

static json_t *cmd_give(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                        GError **error)
{
    out->fd[out->n++] = eventfd(0, EFD_CLOEXEC);
    out->close = true;
    return NULL;
}

static json_t *cmd_fail(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                        GError **error)
{
    const char *why = qmp_member_string(args, "why", "no string");

    if (qmp_member_bool(args, "b", false) || qmp_member_array(args, "a") ||
        qmp_member_object(args, "o")) {
        return json_integer(qmp_member_int(args, "i", 5));
    }

    g_set_error(error, g_quark_from_static_string("fuzz"), 1, "%s", why);
    return NULL;
}

static const struct qmp_command commands[] = {
    {"echo", cmd_echo}, {"take", cmd_take}, {"give", cmd_give}, {"fail", cmd_fail}, {NULL, NULL}};

static void on_event(void *opaque, const char *event, json_t *data)
{
    fuzz_answer(world, strlen(event));
}

/* --- the peer --- */

/* Sends one piece: `len` bytes, and `nfds` descriptors with the first of them. */
static void piece_send(int fd, const uint8_t *bytes, size_t len, unsigned nfds)
{
    union {
        struct cmsghdr hdr;
        char buf[CMSG_SPACE(sizeof(int) * 16)];
    } control = {0};
    struct iovec iov = {(void *)(uintptr_t)bytes, len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    int fds[16];

    for (unsigned i = 0; i < nfds; i++) {
        fds[i] = eventfd(0, EFD_CLOEXEC);
    }
    if (nfds) {
        msg.msg_control = control.buf;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
        control.hdr.cmsg_level = SOL_SOCKET;
        control.hdr.cmsg_type = SCM_RIGHTS;
        control.hdr.cmsg_len = CMSG_LEN(sizeof(int) * nfds);
        memcpy(CMSG_DATA(&control.hdr), fds, sizeof(int) * nfds);
    }
    if (len) {
        sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    for (unsigned i = 0; i < nfds; i++) {
        close(fds[i]);
    }
}

/* Takes what came back; descriptors are closed. */
static void answers_take(int fd)
{
    union {
        struct cmsghdr hdr;
        char buf[CMSG_SPACE(sizeof(int) * 16)];
    } control;
    ssize_t n;

    do {
        struct iovec iov = {answers + nanswers, ANSWERS - nanswers};
        struct msghdr msg = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.buf,
                             .msg_controllen = sizeof(control.buf)};

        n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        for (struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&msg) : NULL; c; c = CMSG_NXTHDR(&msg, c)) {
            for (size_t i = 0; CMSG_LEN(sizeof(int) * (i + 1)) <= c->cmsg_len; i++) {
                int got;

                memcpy(&got, CMSG_DATA(c) + i * sizeof(int), sizeof(got));
                close(got);
            }
        }
        nanswers = n > 0 ? (nanswers + (size_t)n) % ANSWERS : nanswers;
    } while (n > 0);
}

/* What a server says is whole lines of JSON, one object each. */
static void answers_check(void)
{
    size_t at = 0;

    while (at < nanswers) {
        char *end = memchr(answers + at, '\n', nanswers - at);

        if (!end) {
            return; /* cut off where the connection ended */
        }
        if (answers[at] != '{' || end == answers || end[-1] != '\r' || end[-2] != '}') {
            fuzz_finding(world, "the server said: %.80s", answers + at);
        }
        at = (size_t)(end - answers) + 1;
    }
}

static unsigned fds_open(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < FDS_WATCHED; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

/* --- pieces --- */

struct piece {
    const uint8_t *bytes;
    size_t len;
    unsigned nfds;
};

/* Byte 0: length; byte 1: bits 3-0 descriptors if bit 7 is set. */
static bool piece_next(const uint8_t **at, size_t *left, struct piece *p)
{
    if (*left < 2) {
        return false;
    }
    p->len = (*at)[0] < *left - 2 ? (*at)[0] : *left - 2;
    p->nfds = (*at)[1] & 0x80 ? (*at)[1] & 15 : 0;
    p->bytes = *at + 2;
    *at += 2 + p->len;
    *left -= 2 + p->len;
    return true;
}

static void server_run(int ours, int theirs, const uint8_t *data, size_t size)
{
    struct qmp *q = qmp_server_new(ours, "fuzz", commands, NULL);
    struct piece p;
    bool alive = true;

    for (unsigned i = 0; i < MAX_PIECES && alive && piece_next(&data, &size, &p); i++) {
        piece_send(theirs, p.bytes, p.len, p.nfds);
        alive = qmp_process(q);
        if (i % 4 == 3) {
            qmp_event(q, "STOP", NULL);
        }
        answers_take(theirs);
    }
    fuzz_answer(world, alive);
    answers_take(theirs);
    answers_check();
    close(theirs);
    if (qmp_process(q)) {
        fuzz_finding(world, "the peer has gone and nobody noticed");
    }
    qmp_free(q);
}

/* All that the server will ever say lies there when the client begins. */
static void client_run(int ours, int theirs, const uint8_t *data, size_t size)
{
    GError *error = NULL;
    struct qmp_fds fds = {.n = 0};
    struct piece p;

    for (unsigned i = 0; i < MAX_PIECES && piece_next(&data, &size, &p); i++) {
        piece_send(theirs, p.bytes, p.len, p.nfds);
    }
    shutdown(theirs, SHUT_WR);
    struct qmp *q = qmp_client_new(ours, on_event, NULL, 1000, &error);
    for (unsigned i = 0; q && i < 3; i++) {
        json_t *n = qmp_call(q, "query-status", NULL, NULL, &fds, 1000, &error);

        fuzz_answer(world, n != NULL);
        if (!n && !error) {
            fuzz_finding(world, "a call failed without saying why");
        }
        g_clear_pointer(&n, json_decref);
        g_clear_error(&error);
        while (fds.n > 0) {
            close(fds.fd[--fds.n]);
        }
    }
    g_clear_error(&error);
    qmp_free(q);
    close(theirs);
}

static bool qmp_setup(struct fuzz_world *w)
{
    world = w;
    answers = g_malloc0(ANSWERS + 128);
    return true;
}

static void qmp_run(struct fuzz_world *w, const uint8_t *data, size_t size)
{
    unsigned before = fds_open();
    int ends[2];

    if (size < 1 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        return;
    }
    nanswers = 0;
    memset(answers, 0, ANSWERS);
    if (data[0] & 1) {
        client_run(ends[0], ends[1], data + 1, size - 1);
    } else {
        server_run(ends[0], ends[1], data + 1, size - 1);
    }
    if (fds_open() != before) {
        fuzz_finding(w, "%u descriptors open, %u before", fds_open(), before);
    }
}

static void qmp_describe(struct fuzz_world *w, const uint8_t *data, size_t size)
{
    struct piece p;

    if (size < 1) {
        return;
    }
    printf("hostile %s\n", data[0] & 1 ? "server" : "client");
    data++;
    size--;
    for (unsigned i = 0; i < MAX_PIECES && piece_next(&data, &size, &p); i++) {
        printf("%3u %u descriptors, %zu bytes: ", i, p.nfds, p.len);
        for (size_t k = 0; k < p.len; k++) {
            putchar(p.bytes[k] >= 32 && p.bytes[k] < 127 ? p.bytes[k] : '?');
        }
        printf("\n");
    }
}

FUZZ_TARGET(qmp) = {
    .name = "qmp",
    .about = "QMP, either end, with a hostile peer",
    .setup = qmp_setup,
    .run = qmp_run,
    .describe = qmp_describe,
    .max_bytes = 4096,
};
