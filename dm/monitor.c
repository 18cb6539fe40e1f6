/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor.h"

#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "qmp_int.h"

/* One connection, or a server that waits for one. */
struct monitor_port {
    struct monitor *mon;
    int listen_fd; /* -1: not a server */
    bool ends;     /* the process goes when the other end does */
    struct qmp *qmp;
};

/* An event that waits for a command's reply. */
struct later {
    const char *event;
    json_t *data;
};

json_t *fail(GError **error, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    g_autofree char *text = g_strdup_vprintf(format, ap);
    va_end(ap);
    qmp_set_error(error, QMP_GENERIC_ERROR, "%s", text);
    return NULL;
}

/* --- connections --- */

static void port_serve(struct monitor_port *p, int fd, int out_fd);

static void port_accept(void *opaque, uint32_t events)
{
    struct monitor_port *p = opaque;
    int fd = accept4(p->listen_fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd >= 0) {
        loop_modify(p->mon->machine->loop, p->listen_fd, 0); /* others wait */
        port_serve(p, fd, fd);
    }
}

static void port_closed(struct monitor_port *p)
{
    struct machine *m = p->mon->machine;

    loop_remove(m->loop, qmp_fd(p->qmp));
    qmp_free(p->qmp);
    p->qmp = NULL;
    if (p->listen_fd >= 0) {
        loop_modify(m->loop, p->listen_fd, EPOLLIN);
    }
    if (p->ends) {
        log_info("the monitor has gone; ending");
        machine_stop(m);
        machine_flush_disks(m);
        m->loop->quit = true;
    }
}

static void port_rearm(struct monitor_port *p)
{
    loop_modify(p->mon->machine->loop, qmp_fd(p->qmp),
                EPOLLIN | (qmp_wants_write(p->qmp) ? (uint32_t)EPOLLOUT : 0));
}

static void later_send(void *opaque)
{
    struct monitor *mon = opaque;
    struct later *l;

    while ((l = g_queue_pop_head(&mon->later))) {
        monitor_event(mon, l->event, l->data);
        g_free(l);
    }
}

static void port_ready(void *opaque, uint32_t events)
{
    struct monitor_port *p = opaque;

    if (!p->qmp) {
        return;
    }
    if (!qmp_process(p->qmp)) {
        port_closed(p);
    } else {
        port_rearm(p);
    }
    later_send(p->mon);
}

static bool is_socket(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode); /* a call that the sandbox has */
}

static void port_serve(struct monitor_port *p, int fd, int out_fd)
{
    p->qmp =
        qmp_server_new_plain(fd, is_socket(fd) ? -1 : out_fd, "cleave-dm " CLEAVE_VERSION,
                             (const struct qmp_command *)(void *)p->mon->commands->data, p->mon);
    loop_add(p->mon->machine->loop, qmp_fd(p->qmp), EPOLLIN, port_ready, p);
    port_rearm(p);
}

static void port_new(struct monitor *mon, const struct dm_chardev *c)
{
    struct monitor_port *p = g_new0(struct monitor_port, 1);

    p->mon = mon;
    p->listen_fd = c->listen_fd;
    p->ends = !c->is_socket;
    g_ptr_array_add(mon->ports, p);
    if (p->listen_fd >= 0) {
        loop_add(mon->machine->loop, p->listen_fd, c->fd < 0 ? EPOLLIN : 0, port_accept, p);
    }
    if (c->fd >= 0) {
        port_serve(p, c->fd, c->out_fd);
    }
}

/* --- all of them --- */

static void commands_add(struct monitor *mon, const struct qmp_command *c)
{
    for (; c->name; c++) {
        g_array_append_vals(mon->commands, c, 1);
    }
}

struct monitor *monitors_new(struct machine *m)
{
    struct monitor *mon = g_new0(struct monitor, 1);

    mon->machine = m;
    mon->ports = g_ptr_array_new();
    mon->commands = g_array_new(TRUE, TRUE, sizeof(struct qmp_command));
    g_queue_init(&mon->later);
    for (unsigned i = 0; i < MONITOR_MAX_FDSETS; i++) {
        mon->fdset[i].fd = -1;
    }
    commands_add(mon, qmp_run_commands);
    commands_add(mon, qmp_query_commands);
    commands_add(mon, qmp_block_commands);
    commands_add(mon, qmp_input_commands);
    commands_add(mon, qom_commands);
    commands_add(mon, hmp_commands);
    for (unsigned i = 0; i < m->world->ncommands; i++) {
        commands_add(mon, m->world->commands[i]);
    }
    for (unsigned i = 0; i < m->o->nmonitors; i++) {
        port_new(mon, options_chardev_find(m->o, m->o->monitor[i]));
    }
    return m->o->nmonitors ? mon : NULL;
}

void monitor_event(struct monitor *mon, const char *event, json_t *data)
{
    bool silent = mon && mon->machine->world->silent;

    for (unsigned i = 0; mon && !silent && i < mon->ports->len; i++) {
        struct monitor_port *p = mon->ports->pdata[i];

        if (p->qmp) {
            qmp_event(p->qmp, event, json_incref(data));
            port_rearm(p);
        }
    }
    json_decref(data);
}

void monitor_event_later(struct monitor *mon, const char *event, json_t *data)
{
    struct later *l;

    if (!mon) {
        json_decref(data);
        return;
    }
    l = g_new(struct later, 1);
    *l = (struct later){event, data};
    g_queue_push_tail(&mon->later, l);
    loop_defer(mon->machine->loop, later_send, mon);
}
