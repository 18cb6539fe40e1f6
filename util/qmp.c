/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP framing on a stream socket: messages cut out of the stream by their JSON nesting, commands
 * and replies with echoed ids, events, descriptors beside a message's first byte. What the peer
 * sends is hostile: input and output are bounded, and every fault ends at most this connection.
 * Not modelled: out-of-band commands.
 */
#include "qmp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_MESSAGE (1u << 20) /* bytes of one message */
#define MAX_OUTPUT  (4u << 20) /* bytes waiting for a peer that does not read */
#define MAX_DEPTH   32u        /* it is parsed by recursion */
#define CHUNK       65536u
#define MAX_READS   16u /* per qmp_process(), so that no peer holds the caller's loop */

/* A message, received or to be sent. `raw` is what lies outside any object: it is an error. */
struct frame {
    GString *text;
    size_t sent;
    bool raw;
    struct qmp_fds fds;
};

struct qmp {
    int fd;
    int plain_out; /* not a socket: where output goes; else -1 */
    bool broken;
    bool busy;
    const char *product;

    GQueue in; /* complete frames */
    struct frame *partial;
    unsigned depth;
    char quote; /* that ends the string under way, or 0 */
    bool escaped;
    struct qmp_fds early; /* came before the first byte of their message */

    GQueue out;
    size_t out_bytes;

    const struct qmp_command *commands; /* server */
    bool negotiated;
    void *opaque;

    qmp_event_handler on_event; /* client */
    bool greeted;
    gint64 next_id;
    gint64 call_id; /* 0: none is waiting */
    json_t *reply;  /* the whole message that answers call_id */
    struct qmp_fds reply_fds;
};

/* jansson seeds its hashes at the first object, from a file that the sandbox no longer opens. */
static void __attribute__((constructor)) hashes_seed(void)
{
    uint32_t seed = 0;
    if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed) || seed == 0) {
        seed = (uint32_t)getpid(); /* 0 would mean the file */
    }
    json_object_seed(seed);
}

static void fds_close(struct qmp_fds *fds)
{
    for (unsigned i = 0; i < fds->n && i < QMP_MAX_FDS; i++) {
        if (fds->fd[i] >= 0) {
            close(fds->fd[i]);
        }
    }
    fds->n = 0;
}

static struct frame *frame_new(bool raw)
{
    struct frame *f = g_new0(struct frame, 1);
    f->text = g_string_new(NULL);
    f->raw = raw;
    return f;
}

static void frame_free(struct frame *f)
{
    if (f) {
        fds_close(&f->fds);
        g_string_free(f->text, TRUE);
        g_free(f);
    }
}

/* Output. */

/* Sends what the socket takes of one message; the descriptors go with its first byte. */
static ssize_t frame_send(int fd, struct frame *f)
{
    struct iovec iov = {f->text->str + f->sent, f->text->len - f->sent};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(QMP_MAX_FDS * sizeof(int))];
    } control;
    if (f->fds.n > 0) {
        memset(&control, 0, sizeof(control));
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(f->fds.n * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(f->fds.n * sizeof(int));
        memcpy(CMSG_DATA(c), f->fds.fd, f->fds.n * sizeof(int));
    }
    return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void output_flush(struct qmp *q)
{
    struct frame *f = g_queue_peek_head(&q->out);
    while (f && !q->broken) {
        ssize_t n = q->plain_out >= 0
                        ? write(q->plain_out, f->text->str + f->sent, f->text->len - f->sent)
                        : frame_send(q->fd, f);
        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            q->broken = errno != EAGAIN && errno != EWOULDBLOCK;
            return;
        }
        fds_close(&f->fds);
        f->sent += (size_t)n;
        q->out_bytes -= (size_t)n;
        if (f->sent == f->text->len) {
            frame_free(g_queue_pop_head(&q->out));
            f = g_queue_peek_head(&q->out);
        }
    }
}

/* Queues duplicates of the descriptors, since the message may leave later. */
static void fds_dup(struct qmp_fds *to, const struct qmp_fds *from)
{
    for (unsigned i = 0; i < from->n && i < QMP_MAX_FDS; i++) {
        int fd = fcntl(from->fd[i], F_DUPFD_CLOEXEC, 0);
        if (fd >= 0) {
            to->fd[to->n++] = fd;
        }
    }
}

static int text_append(const char *text, size_t len, void *to)
{
    g_string_append_len(to, text, (gssize)len);
    return 0;
}

/* Consumes `message`. A peer that reads nothing until the bound is reached is given up. */
static void message_send(struct qmp *q, json_t *message, const struct qmp_fds *fds)
{
    struct frame *f = frame_new(false);
    bool whole = json_dump_callback(message, text_append, f->text, JSON_COMPACT) == 0;
    json_decref(message);
    g_string_append(f->text, "\r\n");
    if (fds) {
        fds_dup(&f->fds, fds);
    }
    if (!whole || q->broken || q->out_bytes + f->text->len > MAX_OUTPUT) {
        q->broken = true;
        frame_free(f);
        return;
    }
    q->out_bytes += f->text->len;
    g_queue_push_tail(&q->out, f);
    output_flush(q);
}

/* Input: cutting the stream into frames. */

static void frame_begin(struct qmp *q, char c)
{
    q->partial = frame_new(c != '{' && c != '[');
    q->partial->fds = q->early;
    q->early.n = 0;
    q->depth = 0;
    q->quote = 0;
    q->escaped = false;
}

/* A byte of a string, or the quote that begins or ends it. */
static void string_step(struct qmp *q, char c)
{
    GString *text = q->partial->text;
    if (q->escaped) {
        q->escaped = false;
        if (c != '\'') {
            g_string_append_c(text, '\\');
        }
        g_string_append_c(text, c);
    } else if (c == '\\') {
        q->escaped = true; /* what it stands before decides */
    } else if (c == q->quote) {
        q->quote = 0;
        g_string_append_c(text, '"');
    } else if (c == '"') {
        g_string_append(text, "\\\"");
    } else {
        g_string_append_c(text, c);
    }
}

/* Takes a byte, following strings and nesting; true when it was the message's last. QMP's JSON has
 * strings in single quotes, too; here they get double ones. */
static bool frame_step(struct qmp *q, char c)
{
    GString *text = q->partial->text;
    if (q->partial->raw) {
        g_string_append_c(text, c);
        return c == '\n';
    }
    if (q->quote) {
        string_step(q, c);
        return false;
    }
    if (c == '"' || c == '\'') {
        q->quote = c;
        g_string_append_c(text, '"');
        return false;
    }
    q->depth += c == '{' || c == '[';
    q->depth -= c == '}' || c == ']';
    g_string_append_c(text, c);
    return q->depth == 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/*
 * Descriptors of one read belong to the last message that begins in it: the kernel ends a read
 * after the piece that carried them, and each sender's piece holds the start of one message only.
 */
static void input_frame(struct qmp *q, const char *data, size_t len, struct qmp_fds *fds)
{
    struct frame *owner = q->partial;
    for (size_t i = 0; i < len && !q->broken; i++) {
        if (!q->partial) {
            if (is_space(data[i])) {
                continue;
            }
            frame_begin(q, data[i]);
            owner = q->partial;
        }
        if (frame_step(q, data[i])) {
            g_queue_push_tail(&q->in, q->partial);
            q->partial = NULL;
        } else if (q->partial->text->len > MAX_MESSAGE || q->depth > MAX_DEPTH) {
            q->broken = true;
        }
    }
    struct qmp_fds *to = owner ? &owner->fds : &q->early;
    for (unsigned i = 0; i < fds->n && to->n < QMP_MAX_FDS; i++) {
        to->fd[to->n++] = fds->fd[i];
        fds->fd[i] = -1;
    }
    fds_close(fds);
}

static void control_take(struct msghdr *msg, struct qmp_fds *fds)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            if (fds->n < QMP_MAX_FDS) {
                fds->fd[fds->n++] = fd;
            } else {
                close(fd);
            }
        }
    }
}

/* One read. 1: something came, 0: nothing there, -1: the peer is gone. */
static int input_read(struct qmp *q)
{
    char buf[CHUNK];
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(QMP_MAX_FDS * sizeof(int))];
    } control;
    struct iovec iov = {buf, sizeof(buf)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    struct pollfd p = {q->fd, POLLIN, 0};
    if (q->plain_out >= 0 && poll(&p, 1, 0) <= 0) {
        return 0; /* a read would wait */
    }
    ssize_t n = q->plain_out >= 0 ? read(q->fd, buf, sizeof(buf))
                                  : recvmsg(q->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
    }
    struct qmp_fds fds = {.n = 0};
    if (q->plain_out < 0) {
        control_take(&msg, &fds);
    }
    if (n == 0) {
        fds_close(&fds);
        return -1;
    }
    input_frame(q, buf, (size_t)n, &fds);
    return 1;
}

/* NULL when the frame is not one JSON object. */
static json_t *frame_parse(const struct frame *f)
{
    if (f->raw || memchr(f->text->str, 0, f->text->len) != NULL) {
        return NULL;
    }
    json_t *root = json_loadb(f->text->str, f->text->len, 0, NULL);
    if (!json_is_object(root)) {
        g_clear_pointer(&root, json_decref);
    }
    return root;
}

json_t *qmp_string(const char *text)
{
    json_t *string = json_string(text);
    if (!string && text) {
        char *valid = g_utf8_make_valid(text, -1);
        string = json_string(valid);
        g_free(valid);
    }
    return string ? string : json_null();
}

const char *qmp_member_string(json_t *o, const char *name, const char *otherwise)
{
    json_t *n = json_object_get(o, name);
    return json_is_string(n) ? json_string_value(n) : otherwise;
}

gint64 qmp_member_int(json_t *o, const char *name, gint64 otherwise)
{
    json_t *n = json_object_get(o, name);
    return json_is_integer(n) ? json_integer_value(n) : otherwise;
}

bool qmp_member_bool(json_t *o, const char *name, bool otherwise)
{
    json_t *n = json_object_get(o, name);
    return json_is_boolean(n) ? json_is_true(n) : otherwise;
}

json_t *qmp_member_object(json_t *o, const char *name)
{
    json_t *n = json_object_get(o, name);
    return json_is_object(n) ? n : NULL;
}

json_t *qmp_member_array(json_t *o, const char *name)
{
    json_t *n = json_object_get(o, name);
    return json_is_array(n) ? n : NULL;
}

/* The server's end. */

static void reply_finish(struct qmp *q, json_t *reply, json_t *id, const struct qmp_fds *fds)
{
    if (id) {
        json_object_set(reply, "id", id);
    }
    message_send(q, reply, fds);
}

static void reply_error(struct qmp *q, json_t *id, const char *class, const char *desc)
{
    json_t *error = json_object();
    json_object_set_new(error, "class", qmp_string(class));
    json_object_set_new(error, "desc", qmp_string(desc));
    json_t *reply = json_object();
    json_object_set_new(reply, "error", error);
    reply_finish(q, reply, id, NULL);
}

static void reply_return(struct qmp *q, json_t *id, json_t *value, const struct qmp_fds *fds)
{
    json_t *reply = json_object();
    if (value) {
        json_object_set_new(reply, "return", value);
    } else {
        json_object_set_new(reply, "return", json_object());
    }
    reply_finish(q, reply, id, fds);
}

static const struct qmp_command *command_find(const struct qmp *q, const char *name)
{
    for (const struct qmp_command *c = q->commands; c->name; c++) {
        if (strcmp(c->name, name) == 0) {
            return c;
        }
    }
    return NULL;
}

GQuark qmp_error(void)
{
    return g_quark_from_static_string("cleave-qmp");
}

void qmp_set_error(GError **error, enum qmp_error_class class, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    char *text = g_strdup_vprintf(format, ap);
    va_end(ap);
    g_set_error_literal(error, qmp_error(), (int)class, text);
    g_free(text);
}

static const char *error_class(const GError *error)
{
    static const char *const names[] = {"GenericError", "DeviceNotFound", "DeviceNotActive",
                                        "GenericError"};
    return error->domain == qmp_error() ? names[error->code] : names[QMP_GENERIC_ERROR];
}

static void command_run(struct qmp *q, const struct qmp_command *c, json_t *args, json_t *id,
                        struct qmp_fds *in)
{
    struct qmp_fds out = {.n = 0};
    GError *error = NULL;
    json_t *value = c->handler(q->opaque, args, in, &out, &error);
    if (error) {
        reply_error(q, id, error_class(error), error->message);
        g_error_free(error);
        g_clear_pointer(&value, json_decref);
    } else {
        reply_return(q, id, value, &out);
    }
    if (out.close) {
        fds_close(&out);
    }
}

static void command_capabilities(struct qmp *q, json_t *id)
{
    if (q->negotiated) {
        reply_error(q, id, "CommandNotFound",
                    "Capabilities negotiation is already complete, command ignored");
        return;
    }
    q->negotiated = true;
    reply_return(q, id, NULL, NULL);
}

/* The first member that no command has, or NULL. */
static const char *member_unknown(json_t *o)
{
    static const char *const known[] = {"execute", "arguments", "id", NULL};
    const char *name;
    json_t *value;
    json_object_foreach(o, name, value)
    {
        if (!g_strv_contains(known, name)) {
            return name;
        }
    }
    return NULL;
}

static void server_message(struct qmp *q, struct frame *f, json_t *o)
{
    json_t *id = json_object_get(o, "id");
    const char *name = qmp_member_string(o, "execute", NULL);
    const char *unknown = member_unknown(o);
    char *text = NULL;
    if (unknown) {
        text = g_strdup_printf("QMP input member '%.64s' is unexpected", unknown);
        reply_error(q, id, "GenericError", text);
    } else if (!name) {
        reply_error(q, id, "GenericError", "QMP input lacks member 'execute'");
    } else if (json_object_get(o, "arguments") && !qmp_member_object(o, "arguments")) {
        reply_error(q, id, "GenericError", "QMP input member 'arguments' must be an object");
    } else if (strcmp(name, "qmp_capabilities") == 0) {
        command_capabilities(q, id);
    } else if (!q->negotiated) {
        reply_error(q, id, "CommandNotFound",
                    "Expecting capabilities negotiation with 'qmp_capabilities'");
    } else if (command_find(q, name)) {
        command_run(q, command_find(q, name), qmp_member_object(o, "arguments"), id, &f->fds);
    } else {
        text = g_strdup_printf("The command %.64s has not been found", name);
        reply_error(q, id, "CommandNotFound", text);
    }
    g_free(text);
}

struct qmp *qmp_server_new(int fd, const char *product, const struct qmp_command *commands,
                           void *opaque)
{
    return qmp_server_new_plain(fd, -1, product, commands, opaque);
}

struct qmp *qmp_server_new_plain(int fd, int out_fd, const char *product,
                                 const struct qmp_command *commands, void *opaque)
{
    struct qmp *q = g_new0(struct qmp, 1);
    q->fd = fd;
    q->plain_out = out_fd;
    q->commands = commands;
    q->opaque = opaque;

    /* Clients of QMP want the version of its dialect there; who we are stands in "package". */
    json_t *dialect = json_object();
    json_object_set_new(dialect, "major", json_integer(7));
    json_object_set_new(dialect, "minor", json_integer(2));
    json_object_set_new(dialect, "micro", json_integer(0));
    json_t *version = json_object();
    json_object_set_new(version, "qemu", dialect);
    json_object_set_new(version, "package", qmp_string(product));
    json_t *banner = json_object();
    json_object_set_new(banner, "version", version);
    json_object_set_new(banner, "capabilities", json_array());
    json_t *greeting = json_object();
    json_object_set_new(greeting, "QMP", banner);
    message_send(q, greeting, NULL);
    return q;
}

void qmp_event(struct qmp *q, const char *event, json_t *data)
{
    if (!q->negotiated) {
        json_decref(data);
        return;
    }
    gint64 now = g_get_real_time();
    json_t *stamp = json_object();
    json_object_set_new(stamp, "seconds", json_integer(now / G_USEC_PER_SEC));
    json_object_set_new(stamp, "microseconds", json_integer(now % G_USEC_PER_SEC));
    json_t *message = json_object();
    json_object_set_new(message, "event", qmp_string(event));
    json_object_set_new(message, "timestamp", stamp);
    if (data) {
        json_object_set_new(message, "data", data);
    }
    message_send(q, message, NULL);
}

/* The client's end. */

static bool id_matches(const struct qmp *q, json_t *o)
{
    json_t *id = json_object_get(o, "id");
    return q->call_id != 0 && json_is_integer(id) && json_integer_value(id) == q->call_id;
}

static void client_message(struct qmp *q, struct frame *f, json_t *o)
{
    const char *event = qmp_member_string(o, "event", NULL);
    if (event) {
        json_t *data = qmp_member_object(o, "data");
        json_t *none = data ? NULL : json_object();
        if (q->on_event) {
            q->on_event(q->opaque, event, data ? data : none);
        }
        json_decref(none);
    } else if (json_object_get(o, "QMP")) {
        q->greeted = true;
    } else if (id_matches(q, o) && !q->reply) {
        q->reply = json_incref(o);
        q->reply_fds = f->fds;
        f->fds.n = 0;
    }
}

/* Waits until `done` is set, the peer is gone or `deadline` (monotonic µs, < 0: never) passes. */
static bool client_wait(struct qmp *q, const bool *greeted, gint64 deadline, GError **error)
{
    while (greeted ? !*greeted : !q->reply) {
        gint64 left = deadline < 0 ? -1 : (deadline - g_get_monotonic_time() + 999) / 1000;
        if (deadline >= 0 && left <= 0) {
            qmp_set_error(error, QMP_TIMED_OUT, "no answer in time");
            return false;
        }
        struct pollfd p = {q->fd, (short)(POLLIN | (qmp_wants_write(q) ? POLLOUT : 0)), 0};
        if (poll(&p, 1, (int)MIN(left, G_MAXINT)) > 0 && !qmp_process(q)) {
            if (greeted ? *greeted : q->reply != NULL) {
                break;
            }
            qmp_set_error(error, QMP_GENERIC_ERROR, "the connection was closed");
            return false;
        }
    }
    return true;
}

static gint64 deadline_of(int timeout_ms)
{
    return timeout_ms < 0 ? -1 : g_get_monotonic_time() + (gint64)timeout_ms * 1000;
}

/* Takes the reply apart: the "return" node, or NULL with *error set. */
static json_t *reply_take(struct qmp *q, struct qmp_fds *received, GError **error)
{
    json_t *result = json_incref(json_object_get(q->reply, "return"));
    if (!result) {
        json_t *e = qmp_member_object(q->reply, "error");
        qmp_set_error(error, QMP_GENERIC_ERROR, "%s",
                      qmp_member_string(e, "desc", "malformed reply"));
    }
    if (received && result) {
        *received = q->reply_fds;
        q->reply_fds.n = 0;
    }
    fds_close(&q->reply_fds);
    g_clear_pointer(&q->reply, json_decref);
    return result;
}

json_t *qmp_call(struct qmp *q, const char *command, json_t *args, const struct qmp_fds *send,
                 struct qmp_fds *received, int timeout_ms, GError **error)
{
    if (received) {
        *received = (struct qmp_fds){.n = 0};
    }
    if (q->call_id != 0 || q->busy || q->commands) {
        json_decref(args);
        qmp_set_error(error, QMP_GENERIC_ERROR, "a command is already under way");
        return NULL;
    }
    q->call_id = ++q->next_id;
    json_t *message = json_object();
    json_object_set_new(message, "execute", qmp_string(command));
    if (args) {
        json_object_set_new(message, "arguments", args);
    }
    json_object_set_new(message, "id", json_integer(q->call_id));
    message_send(q, message, send);
    json_t *result = NULL;
    if (client_wait(q, NULL, deadline_of(timeout_ms), error)) {
        result = reply_take(q, received, error);
    }
    q->call_id = 0;
    return result;
}

struct qmp *qmp_client_new(int fd, qmp_event_handler on_event, void *opaque, int timeout_ms,
                           GError **error)
{
    struct qmp *q = g_new0(struct qmp, 1);
    q->fd = fd;
    q->plain_out = -1;
    q->on_event = on_event;
    q->opaque = opaque;
    gint64 deadline = deadline_of(timeout_ms);
    json_t *result = NULL;
    if (client_wait(q, &q->greeted, deadline, error)) {
        int left = deadline < 0 ? -1 : (int)MAX(1, (deadline - g_get_monotonic_time()) / 1000);
        result = qmp_call(q, "qmp_capabilities", NULL, NULL, NULL, left, error);
    }
    if (!result) {
        qmp_free(q);
        return NULL;
    }
    json_decref(result);
    return q;
}

/* Both ends. */

static void frame_handle(struct qmp *q, struct frame *f)
{
    json_t *o = frame_parse(f);
    if (!o) {
        if (q->commands) {
            reply_error(q, NULL, "GenericError", "Invalid JSON syntax: expecting one object");
        } else {
            q->broken = true;
        }
    } else if (q->commands) {
        server_message(q, f, o);
    } else {
        client_message(q, f, o);
    }
    json_decref(o);
}

static void frames_handle(struct qmp *q)
{
    struct frame *f;
    while ((f = g_queue_pop_head(&q->in)) != NULL) {
        if (!q->broken) {
            frame_handle(q, f);
        }
        frame_free(f);
    }
}

bool qmp_process(struct qmp *q)
{
    if (q->busy) {
        return !q->broken;
    }
    q->busy = true;
    output_flush(q);
    for (unsigned i = 0; i < MAX_READS && !q->broken; i++) {
        int got = input_read(q);
        if (got == 0) {
            break;
        }
        bool too_long = q->broken;
        q->broken = false;
        frames_handle(q);
        if (too_long && q->commands) {
            reply_error(q, NULL, "GenericError", "QMP input is too long or too deeply nested");
        }
        q->broken |= too_long || got < 0;
    }
    q->busy = false;
    return !q->broken;
}

int qmp_fd(const struct qmp *q)
{
    return q->fd;
}

bool qmp_wants_write(const struct qmp *q)
{
    return !q->broken && q->out.length > 0;
}

void qmp_free(struct qmp *q)
{
    if (!q) {
        return;
    }
    g_queue_clear_full(&q->in, (GDestroyNotify)frame_free);
    g_queue_clear_full(&q->out, (GDestroyNotify)frame_free);
    frame_free(q->partial);
    fds_close(&q->early);
    fds_close(&q->reply_fds);
    g_clear_pointer(&q->reply, json_decref);
    close(q->fd);
    g_free(q);
}
