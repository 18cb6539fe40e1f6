/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runstate.h"

#include <errno.h>
#include <string.h>

#include <xen/sched.h>

#include "log.h"
#include "machine.h"
#include "monitor.h"
#include "state.h"

static json_t *reason_data(bool guest, const char *reason)
{
    json_t *data = json_object();

    json_object_set_new(data, "guest", json_boolean(guest));
    json_object_set_new(data, "reason", qmp_string(reason));
    return data;
}

static json_t *action_data(const char *action)
{
    json_t *data = json_object();

    json_object_set_new(data, "action", qmp_string(action));
    return data;
}

/* Under a hypervisor the toolstack decides what the end of a guest means. */
static void domain_end(struct machine *m, unsigned reason)
{
    if (!m->ended) {
        m->ended = true;
        m->t->ops->shutdown(m->t, reason);
    }
}

/* --- stop, cont, reset, end --- */

void runstate_stop(struct machine *m, const char *why)
{
    if (!m->loop->running) {
        return;
    }
    machine_stop(m);
    m->run.stopped = why;
    monitor_event(m->monitor, "STOP", NULL);
}

void runstate_pause(struct machine *m)
{
    machine_serve(m);
    runstate_stop(m, NULL);
    machine_stop(m);
    machine_flush_consoles(m);
}

void runstate_cont(struct machine *m)
{
    bool running = m->loop->running;

    m->run.stopped = NULL;
    m->run.stop = NULL; /* what it was wanted for is tried again */
    machine_cont(m);
    if (!running) {
        monitor_event(m->monitor, "RESUME", NULL);
    }
    drives_retry(&m->drives);
    if (m->world->alone) { /* a test sees the end of what it started */
        machine_drain(m);
    }
}

/* A guest that has crashed or switched itself off goes on only by way of a reset. */
const char *runstate_try_cont(struct machine *m)
{
    const char *why = m->run.stopped;

    if (why && (!strcmp(why, "guest-panicked") || !strcmp(why, "shutdown"))) {
        return "Resetting the Virtual Machine is required";
    }
    if (!state_locks_take(m)) {
        return "another process has locked a disk image";
    }
    runstate_cont(m);
    return NULL;
}

void runstate_end(struct machine *m, bool guest, const char *reason)
{
    monitor_event(m->monitor, "SHUTDOWN", reason_data(guest, reason));
    if (m->o->no_shutdown) {
        runstate_stop(m, "shutdown");
        m->run.stopped = "shutdown";
    } else {
        m->loop->quit = true;
    }
}

void runstate_reset(struct machine *m, bool guest, const char *reason)
{
    bool running = m->loop->running;

    if (m->world->one_life) {
        domain_end(m, SHUTDOWN_reboot);
        return;
    }
    if (m->o->no_reboot) {
        runstate_end(m, guest, reason);
        return;
    }
    machine_reset(m);
    m->run.stop = NULL; /* for a request that is taken back */
    if (m->world->alone && running) {
        loop_set_running(m->loop, true);
    }
    m->run.stopped = m->run.stopped && strcmp(m->run.stopped, "shutdown") ? m->run.stopped : NULL;
    monitor_event_later(m->monitor, "RESET", reason_data(guest, reason));
}

/* --- what is done when nothing is in the middle of anything --- */

static void settle_wish(struct machine *m)
{
    m->wish = false;
    switch (m->wished) {
    case POWER_RESET:
    case POWER_CPU_INIT:
        runstate_reset(m, true, "guest-reset");
        break;
    case POWER_OFF:
        runstate_end(m, true, "guest-shutdown");
        break;
    case POWER_SUSPEND:
        m->ended = false;
        monitor_event(m->monitor, "SUSPEND", NULL);
        break;
    case POWER_DEBUG_EXIT:
        m->loop->quit = true;
        break;
    }
}

void runstate_settle(struct machine *m)
{
    struct runstate *r = &m->run;

    if (r->stop) {
        const char *why = r->stop;

        r->stop = NULL;
        runstate_stop(m, why);
    }
    if (r->end) {
        r->end = false;
        runstate_end(m, true, r->end_reason);
    }
    if (m->wish) {
        settle_wish(m);
    }
}

static void settle_deferred(void *opaque)
{
    runstate_settle(opaque);
}

static void want_stop(struct machine *m, const char *why)
{
    m->run.stop = m->run.stop ? m->run.stop : why;
    loop_defer(m->loop, settle_deferred, m);
}

static void want_end(struct machine *m, const char *reason)
{
    m->run.end = true;
    m->run.end_reason = reason;
    loop_defer(m->loop, settle_deferred, m);
}

/* --- reasons --- */

void runstate_request_failed(void *opaque, const struct drive *d, bool write, int err,
                             enum block_policy_error action)
{
    static const char *const actions[] = {
        [POLICY_REPORT] = "report", [POLICY_IGNORE] = "ignore", [POLICY_STOP] = "stop"};
    struct machine *m = opaque;
    json_t *data = json_object();

    json_object_set_new(data, "device", qmp_string(d->cfg.id));
    json_object_set_new(data, "operation", qmp_string(write ? "write" : "read"));
    json_object_set_new(data, "action", qmp_string(actions[action]));
    json_object_set_new(data, "nospace", json_boolean(err == ENOSPC));
    json_object_set_new(data, "reason", qmp_string(strerror(err)));
    monitor_event(m->monitor, "BLOCK_IO_ERROR", data);
    if (action == POLICY_STOP) {
        want_stop(m, "io-error");
    }
}

void runstate_tray_moved(void *opaque, const struct drive *d, bool open)
{
    struct machine *m = opaque;
    json_t *data = json_object();
    g_autofree char *qdev = drive_qdev(d);

    json_object_set_new(data, "device", qmp_string(d->cfg.id));
    json_object_set_new(data, "tray-open", json_boolean(open));
    json_object_set_new(data, "id", qmp_string(qdev));
    monitor_event(m->monitor, "DEVICE_TRAY_MOVED", data);
}

static void panicked(struct machine *m)
{
    enum dm_panic action = m->o->panic_action;

    if (action == DM_PANIC_SHUTDOWN && m->o->no_shutdown) {
        action = DM_PANIC_PAUSE;
    }
    if (action == DM_PANIC_NONE) {
        monitor_event(m->monitor, "GUEST_PANICKED", action_data("run"));
    } else if (action == DM_PANIC_PAUSE) {
        monitor_event(m->monitor, "GUEST_PANICKED", action_data("pause"));
        want_stop(m, "guest-panicked");
    } else {
        monitor_event(m->monitor, "GUEST_PANICKED", action_data("poweroff"));
        m->exit_status = action == DM_PANIC_EXIT_FAILURE;
        want_stop(m, "guest-panicked");
        want_end(m, "guest-panic");
    }
}

void runstate_panicked(void *opaque, uint8_t bits)
{
    struct machine *m = opaque;

    if ((bits & PVPANIC_PANICKED) && !m->world->alone) {
        monitor_event(m->monitor, "GUEST_PANICKED", action_data("run"));
        domain_end(m, SHUTDOWN_crash);
    } else if (bits & PVPANIC_PANICKED) {
        panicked(m);
    } else {
        monitor_event(m->monitor, "GUEST_CRASHLOADED", action_data("run"));
    }
}

void runstate_watchdog(void *opaque)
{
    static const char *const names[] = {
        [DM_WATCHDOG_RESET] = "reset",       [DM_WATCHDOG_SHUTDOWN] = "shutdown",
        [DM_WATCHDOG_POWEROFF] = "poweroff", [DM_WATCHDOG_INJECT_NMI] = "inject-nmi",
        [DM_WATCHDOG_PAUSE] = "pause",       [DM_WATCHDOG_DEBUG] = "debug",
        [DM_WATCHDOG_NONE] = "none",
    };
    struct machine *m = opaque;
    enum dm_watchdog action = m->o->watchdog_action;

    monitor_event(m->monitor, "WATCHDOG", action_data(names[action]));
    switch (action) {
    case DM_WATCHDOG_RESET:
        power_request(&m->pc.hw.power, POWER_RESET, 0);
        loop_defer(m->loop, settle_deferred, m);
        break;
    case DM_WATCHDOG_SHUTDOWN: /* the power button; the guest does the rest */
        monitor_event(m->monitor, "POWERDOWN", NULL);
        break;
    case DM_WATCHDOG_POWEROFF:
        if (!m->world->alone) {
            power_request(&m->pc.hw.power, POWER_OFF, 0);
        } else {
            m->loop->quit = true;
        }
        break;
    case DM_WATCHDOG_PAUSE:
        want_stop(m, "watchdog");
        break;
    case DM_WATCHDOG_DEBUG:
        log_warn("watchdog: the guest did not write in time");
        break;
    case DM_WATCHDOG_INJECT_NMI: /* there is no CPU here that could take it */
    case DM_WATCHDOG_NONE:
        break;
    }
}
