/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket. Most commands go on to the half that they are for. */
#include "control.h"

#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "monitor.h"

#define CALL_MS 10000

static const char *status_name(const struct guest *g)
{
    return g->ending.over ? "shutdown" : g->running ? "running" : "paused";
}

static json_t *do_status(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                         GError **error)
{
    struct guest *g = opaque;
    json_t *o = json_object();
    json_object_set_new(o, "name", qmp_string(g->name));
    json_object_set_new(o, "status", qmp_string(status_name(g)));
    json_object_set_new(o, "running", json_boolean(g->running));
    json_object_set_new(o, "pid", json_integer(getpid()));
    json_object_set_new(o, "hv-pid", json_integer(g->hv.pid));
    json_object_set_new(o, "dm-pid", json_integer(g->dm.pid));
    json_object_set_new(o, "memory", json_integer((gint64)g->o.memory_mib));
    json_object_set_new(o, "vcpus", json_integer((gint64)g->o.vcpus));
    return o;
}

static json_t *do_stop(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                       GError **error)
{
    struct guest *g = opaque;
    g->paused = guest_stop(g, error);
    return NULL;
}

static json_t *do_cont(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                       GError **error)
{
    struct guest *g = opaque;
    if (guest_cont(g, error)) {
        g->paused = false;
    }
    return NULL;
}

static json_t *do_reset(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                        GError **error)
{
    struct guest *g = opaque;
    if (!g->running || guest_stop(g, error)) {
        guest_reset(g, error);
    }
    return NULL;
}

static json_t *do_quit(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                       GError **error)
{
    struct guest *g = opaque;
    guest_end(g, STATUS_KILLED, "guest %s was destroyed", g->name);
    return NULL;
}

/* Passes a command on, with its arguments, and the answer back, with its descriptors. */
static json_t *forward(struct half *h, const char *command, json_t *args, struct qmp_fds *in,
                       struct qmp_fds *out, GError **error)
{
    json_t *n = qmp_call(h->qmp, command, json_incref(args), in, out, CALL_MS, error);
    out->close = true;
    return n;
}

#define FORWARD(function, half, command)                                                           \
    static json_t *function(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,   \
                            GError **error)                                                        \
    {                                                                                              \
        struct guest *g = opaque;                                                                  \
        return forward(&g->half, command, args, in, out, error);                                   \
    }

FORWARD(do_screendump, dm, "screendump")
FORWARD(do_screen_text, dm, "screen-text")
FORWARD(do_send_key, dm, "send-key")
FORWARD(do_input_event, dm, "input-send-event")
FORWARD(do_powerdown, hv, "system_powerdown")
FORWARD(do_nmi, hv, "nmi")
FORWARD(do_stats, hv, "query-stats")

static const struct qmp_command commands[] = {
    {"query-status", do_status},
    {"stop", do_stop},
    {"cont", do_cont},
    {"system_reset", do_reset},
    {"system_powerdown", do_powerdown},
    {"nmi", do_nmi},
    {"screendump", do_screendump},
    {"screen-text", do_screen_text},
    {"send-key", do_send_key},
    {"input-send-event", do_input_event},
    {"query-stats", do_stats},
    {"quit", do_quit},
    {NULL, NULL},
};

void control_accept(struct guest *g, int listen_fd)
{
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return;
    }
    if (g->clients->len >= MAX_CLIENTS) {
        close(fd);
        return;
    }
    g_ptr_array_add(g->clients, qmp_server_new(fd, "cleave " CLEAVE_VERSION, commands, g));
}

bool control_process(struct guest *g, struct qmp *client)
{
    if (qmp_process(client)) {
        return true;
    }
    g_ptr_array_remove_fast(g->clients, client); /* frees it */
    return false;
}
