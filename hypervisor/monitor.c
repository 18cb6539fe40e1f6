/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "qmp.h"

#define MSI_ADDRESS     0xfee00000u
#define MSI_DELIVER_NMI 0x400u

struct monitor {
    struct hv *hv;
    struct qmp *qmp;
    bool started; /* has been continued once */
    bool ended;   /* SHUTDOWN was sent and nothing has happened since */
    bool quit;
};

static const char *status_name(const struct monitor *m)
{
    if (m->hv->run.was_running) {
        return "running";
    }
    if (m->ended) {
        return "shutdown";
    }
    return m->started ? "paused" : "prelaunch";
}

static json_t *cmd_status(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                          GError **error)
{
    struct monitor *m = opaque;
    json_t *o = json_object();

    json_object_set_new(o, "status", qmp_string(status_name(m)));
    json_object_set_new(o, "running", json_boolean(m->hv->run.was_running));
    return o;
}

static json_t *cmd_cont(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                        GError **error)
{
    struct monitor *m = opaque;

    m->started = true;
    m->ended = false;
    hv_cont(m->hv);
    return NULL;
}

static json_t *cmd_stop(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                        GError **error)
{
    hv_stop(((struct monitor *)opaque)->hv);
    return NULL;
}

static json_t *cmd_reset(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                         GError **error)
{
    struct monitor *m = opaque;
    int err = hv_reset(m->hv);

    m->ended = false;
    if (err) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "reset failed: %s", strerror(-err));
    }
    return NULL;
}

static json_t *cmd_powerdown(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                             GError **error)
{
    chips_power_button(((struct monitor *)opaque)->hv);
    return NULL;
}

static json_t *cmd_nmi(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                       GError **error)
{
    struct hv *hv = ((struct monitor *)opaque)->hv;

    /* As a message, not by KVM_NMI: that would wait for a halted vCPU to leave the guest. */
    for (unsigned i = 0; i < hv->nvcpus; i++) {
        irq_inject_msi(hv, MSI_ADDRESS | hv->vcpu[i].apic_id << 12, MSI_DELIVER_NMI);
    }
    return NULL;
}

static json_t *cmd_stats(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                         GError **error)
{
    struct hv *hv = ((struct monitor *)opaque)->hv;
    json_t *o = json_object();

    out->fd[out->n++] = hv->stats_fd;
    json_object_set_new(o, "size", json_integer((gint64)hv->stats_size));
    json_object_set_new(o, "vcpus", json_integer(hv->nvcpus));
    return o;
}

static json_t *cmd_quit(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,
                        GError **error)
{
    ((struct monitor *)opaque)->quit = true;
    return NULL;
}

static const struct qmp_command commands[] = {
    {"query-status", cmd_status},
    {"cont", cmd_cont},
    {"stop", cmd_stop},
    {"system_reset", cmd_reset},
    {"system_powerdown", cmd_powerdown},
    {"query-stats", cmd_stats},
    {"nmi", cmd_nmi},
    {"quit", cmd_quit},
    {NULL, NULL},
};

/* The guest ended: everything stands still before the monitor hears of it. */
static void tell_shutdown(struct monitor *m)
{
    struct hv *hv = m->hv;
    uint64_t count;
    char detail[sizeof(hv->run.detail)];
    enum hv_reason reason;

    if (read(hv->run.notify_fd, &count, sizeof(count)) < 0) {
        return;
    }
    pthread_mutex_lock(&hv->run.lock);
    reason = hv->run.reason;
    pthread_mutex_unlock(&hv->run.lock);
    if (reason == HV_REASON_NONE) {
        return; /* told already, or a reset made it history */
    }
    hv_stop(hv);
    pthread_mutex_lock(&hv->run.lock);
    reason = hv->run.reason;
    hv->run.reason = HV_REASON_NONE;
    memcpy(detail, hv->run.detail, sizeof(detail));
    pthread_mutex_unlock(&hv->run.lock);
    json_t *data = json_object();

    json_object_set_new(data, "reason", qmp_string(hv_reason_name(reason)));
    json_object_set_new(data, "detail", qmp_string(detail));
    m->ended = true;
    log_info("guest stopped: %s: %s", hv_reason_name(reason), detail);
    qmp_event(m->qmp, "SHUTDOWN", data);
}

void monitor_run(struct hv *hv)
{
    struct monitor m = {.hv = hv};
    bool alive = true;

    m.qmp = qmp_server_new(hv->cfg.monitor_fd, "cleave-hv", commands, &m);
    while (alive && !m.quit) {
        struct pollfd p[2] = {{.fd = qmp_fd(m.qmp), .events = POLLIN},
                              {.fd = hv->run.notify_fd, .events = POLLIN}};

        if (qmp_wants_write(m.qmp)) {
            p[0].events |= POLLOUT;
        }
        if (poll(p, 2, -1) < 0 && errno != EINTR) {
            break;
        }
        if (p[1].revents) {
            tell_shutdown(&m);
        }
        if (p[0].revents) {
            alive = qmp_process(m.qmp);
        }
    }
    while (alive && qmp_wants_write(m.qmp) && qmp_process(m.qmp)) {
    }
    qmp_free(m.qmp);
}
