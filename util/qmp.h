/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP framing on a stream socket, both ends. Every control channel but the core's dm_op socket
 * speaks it: monitor to core, monitor to device model, `cleave` commands to the monitor, libxl to
 * the device model. jansson parses; lines end in CR LF; an "id" is echoed; descriptors travel
 * with the first byte of the message they belong to.
 *
 * No threads and no main loop of its own: the caller polls qmp_fd() and calls qmp_process().
 */
#ifndef CLEAVE_UTIL_QMP_H
#define CLEAVE_UTIL_QMP_H

#include <stdbool.h>
#include <glib.h>
#include <jansson.h>

#define QMP_MAX_FDS 8

struct qmp;

/* Descriptors that came with a command, or go with a reply. The receiver owns what it takes; what
 * is left in `in` after the handler is closed. What a handler puts into `out` is sent, and closed
 * only if it sets `close`. */
struct qmp_fds {
    int fd[QMP_MAX_FDS];
    unsigned n;
    bool close; /* of `out`: the handler has no more use for them */
};

/*
 * A command. Returns the "return" value (ownership passes; NULL means {}), or NULL with *error set:
 * the message becomes "desc" of a GenericError. `args` is NULL when there were none.
 */
typedef json_t *(*qmp_handler)(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                               GError **error);

/* Errors of this domain: a client's calls end with them, a handler's become classes of QMP (all but
 * two are "GenericError"). */
enum qmp_error_class {
    QMP_GENERIC_ERROR,
    QMP_DEVICE_NOT_FOUND,
    QMP_DEVICE_NOT_ACTIVE,
    QMP_TIMED_OUT
};
GQuark qmp_error(void);
void qmp_set_error(GError **error, enum qmp_error_class class, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

struct qmp_command {
    const char *name;
    qmp_handler handler;
};

/* The server's end: sends the greeting, then refuses all but qmp_capabilities until negotiated.
 * Unknown commands get CommandNotFound. `commands` ends with a NULL name and must stay valid.
 * Takes over fd. `product` goes into the greeting's version. */
struct qmp *qmp_server_new(int fd, const char *product, const struct qmp_command *commands,
                           void *opaque);

/*
 * The same over two descriptors that are no sockets (standard input and output). No descriptors
 * travel; output to a peer that does not read waits for it.
 */
struct qmp *qmp_server_new_plain(int fd, int out_fd, const char *product,
                                 const struct qmp_command *commands, void *opaque);

/* The client's end: negotiates at once (blocking, at most timeout_ms). NULL with *error set. Takes
 * over fd, also when it fails. */
typedef void (*qmp_event_handler)(void *opaque, const char *event, json_t *data);
struct qmp *qmp_client_new(int fd, qmp_event_handler on_event, void *opaque, int timeout_ms,
                           GError **error);

/*
 * Sends a command and waits for its reply (events that come first are delivered). `args` may be
 * NULL and is consumed. `in`/`out` descriptors are optional. Returns the "return" node (caller
 * frees) or NULL with *error set. timeout_ms < 0 waits for ever; a vanished peer is an error.
 */
json_t *qmp_call(struct qmp *q, const char *command, json_t *args, const struct qmp_fds *send,
                 struct qmp_fds *received, int timeout_ms, GError **error);

/*
 * Members of a peer's object, which may be of any type: `otherwise` (or NULL) when `o` is NULL, or
 * the member is absent or of another type.
 */
const char *qmp_member_string(json_t *o, const char *name, const char *otherwise);
gint64 qmp_member_int(json_t *o, const char *name, gint64 otherwise);
bool qmp_member_bool(json_t *o, const char *name, bool otherwise);
json_t *qmp_member_object(json_t *o, const char *name);
json_t *qmp_member_array(json_t *o, const char *name);

/* A string to be sent, what is no UTF-8 in it replaced; NULL becomes null. */
json_t *qmp_string(const char *text);

/* Sends an event (server). `data` may be NULL and is consumed. A timestamp is added. */
void qmp_event(struct qmp *q, const char *event, json_t *data);

/* Call when qmp_fd() is readable (or qmp_wants_write() and writable). False: the peer is gone. */
bool qmp_process(struct qmp *q);
int qmp_fd(const struct qmp *q);
bool qmp_wants_write(const struct qmp *q);

void qmp_free(struct qmp *q);

#endif
