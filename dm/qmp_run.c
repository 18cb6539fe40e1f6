/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monitor commands: whether the guest runs. */
#include "qmp_int.h"

QMP_COMMAND(cmd_query_status)
{
    struct monitor *mon = opaque;
    json_t *o = json_object();

    json_object_set_new(o, "status", qmp_string(machine_status(mon->machine)));
    json_object_set_new(o, "running", json_boolean(mon->machine->loop->running));
    json_object_set_new(o, "singlestep", json_false());
    return o;
}

QMP_COMMAND(cmd_cont)
{
    struct monitor *mon = opaque;
    const char *why_not = runstate_try_cont(mon->machine);

    return why_not ? fail(error, "%s", why_not) : NULL;
}

QMP_COMMAND(cmd_stop)
{
    struct monitor *mon = opaque;

    runstate_pause(mon->machine);
    return NULL;
}

QMP_COMMAND(cmd_system_reset)
{
    struct monitor *mon = opaque;

    runstate_reset(mon->machine, false, "host-qmp-system-reset");
    return NULL;
}

/* The power button is in the hypervisor core, where the ACPI timer is. */
QMP_COMMAND(cmd_system_powerdown)
{
    struct monitor *mon = opaque;

    if (mon->machine->world->power_button) {
        return fail(error, "%s", mon->machine->world->power_button);
    }
    monitor_event(mon, "POWERDOWN", NULL);
    return NULL;
}

QMP_COMMAND(cmd_inject_nmi)
{
    struct monitor *mon = opaque;

    if (mon->machine->world->nmi) {
        return fail(error, "%s", mon->machine->world->nmi);
    }
    return NULL; /* no CPU is there to take it */
}

QMP_COMMAND(cmd_quit)
{
    struct monitor *mon = opaque;
    json_t *data = json_object();

    machine_stop(mon->machine);
    machine_flush_disks(mon->machine);
    json_object_set_new(data, "guest", json_false());
    json_object_set_new(data, "reason", qmp_string("host-qmp-quit"));
    monitor_event(mon, "SHUTDOWN", data);
    mon->machine->loop->quit = true;
    return NULL;
}

const struct qmp_command qmp_run_commands[] = {
    {"query-status", cmd_query_status},
    {"cont", cmd_cont},
    {"stop", cmd_stop},
    {"system_reset", cmd_system_reset},
    {"system_powerdown", cmd_system_powerdown},
    {"inject-nmi", cmd_inject_nmi},
    {"quit", cmd_quit},
    {NULL, NULL},
};
