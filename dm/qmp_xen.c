/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monitor commands that only libxl and its tools send: saving, CPUs, statistics. */
#include <string.h>
#include <unistd.h>

#include "qmp_int.h"
#include "state.h"

#define CPU_TYPE     "qemu64-x86_64-cpu"
#define FDSET_PREFIX "/dev/fdset/"

/* --- saving --- */

QMP_COMMAND(cmd_global_dirty_log)
{
    struct monitor *mon = opaque;

    mon->machine->world->log_dirty(mon->machine, qmp_member_bool(args, "enable", false));
    return NULL;
}

static struct fdset *fdset_of(struct monitor *mon, const char *file)
{
    gint64 id = -1;

    if (!g_str_has_prefix(file, FDSET_PREFIX)) {
        return NULL;
    }
    id = g_ascii_strtoll(file + strlen(FDSET_PREFIX), NULL, 10);
    for (unsigned i = 0; i < MONITOR_MAX_FDSETS; i++) {
        if (mon->fdset[i].fd >= 0 && mon->fdset[i].id == id) {
            return &mon->fdset[i];
        }
    }
    return NULL;
}

/*
 * The guest is stopped and may go on later (a checkpoint, a migration that failed). With `live`
 * another host is about to have the disks: their locks are given up until then.
 */
QMP_COMMAND(cmd_save_devices_state)
{
    struct monitor *mon = opaque;
    struct machine *m = mon->machine;
    const char *file = qmp_member_string(args, "filename", "");
    struct fdset *set = fdset_of(mon, file);
    char err[256];

    if (!set) {
        return fail(error, "filename '%s': give /dev/fdset/N of a set that add-fd made", file);
    }
    bool running = m->loop->running;
    if (running) {
        runstate_stop(m, NULL);
    }
    bool good = drives_flush(&m->drives);
    if (good) {
        good = state_save(m, set->fd, err, sizeof(err));
    } else { /* what goes on from here would have other disks than the guest */
        g_strlcpy(err, "a disk could not be flushed; see the log", sizeof(err));
    }
    close(set->fd);
    g_free(set->opaque);
    *set = (struct fdset){.fd = -1};
    if (running) {
        runstate_cont(m);
    } else if (good && qmp_member_bool(args, "live", true)) {
        state_locks_give(m);
    }
    return good ? NULL : fail(error, "%s", err);
}

/* --- CPUs --- */

static json_t *cpu_props(unsigned cpu)
{
    json_t *o = json_object();

    json_object_set_new(o, "socket-id", json_integer(cpu));
    json_object_set_new(o, "core-id", json_integer(0));
    json_object_set_new(o, "thread-id", json_integer(0));
    return o;
}

QMP_COMMAND(cmd_query_hotpluggable_cpus)
{
    struct monitor *mon = opaque;
    json_t *a = json_array();

    for (unsigned i = mon->machine->o->max_vcpus; i-- > 0;) {
        json_t *o = json_object();

        json_object_set_new(o, "type", qmp_string(CPU_TYPE));
        json_object_set_new(o, "vcpus-count", json_integer(1));
        json_object_set_new(o, "props", cpu_props(i));
        json_array_append_new(a, o);
    }
    return a;
}

/* The one device that can be added: the next CPU, which the guest learns by its ACPI tables. */
QMP_COMMAND(cmd_device_add)
{
    struct monitor *mon = opaque;
    struct machine *m = mon->machine;
    const char *driver = qmp_member_string(args, "driver", "");
    gint64 cpu = qmp_member_int(args, "socket-id", -1);

    if (strcmp(driver, CPU_TYPE)) {
        return fail(error, "'%s': this machine takes CPUs only while it runs", driver);
    }
    if (cpu < 0 || cpu >= m->o->max_vcpus || m->o->no_acpi) {
        return fail(error, "socket-id %" G_GINT64_FORMAT ": there is no such CPU", cpu);
    }
    if (piix4_pm_cpu_add(&m->pc.pm, (unsigned)cpu)) {
        return fail(error, "CPU %" G_GINT64_FORMAT ": is there already", cpu);
    }
    return NULL;
}

/* --- statistics --- */

QMP_COMMAND(cmd_query_blockstats)
{
    struct monitor *mon = opaque;
    json_t *a = json_array();
    struct drive *d;

    for (unsigned i = 0; (d = drives_nth(&mon->machine->drives, i)); i++) {
        json_t *o = json_object();
        json_t *s = json_object();
        struct block_file_stats n = {0};

        if (d->file) {
            block_file_stats(d->file, &n);
        }
        json_object_set_new(s, "rd_bytes", json_integer((gint64)n.read_bytes));
        json_object_set_new(s, "wr_bytes", json_integer((gint64)n.write_bytes));
        json_object_set_new(s, "rd_operations", json_integer((gint64)n.reads));
        json_object_set_new(s, "wr_operations", json_integer((gint64)n.writes));
        json_object_set_new(o, "device", qmp_string(d->cfg.id ? d->cfg.id : ""));
        json_object_set_new(o, "stats", s);
        json_array_append_new(a, o);
    }
    return a;
}

/* Asked for after pass-through, which is not offered: bus 0 with what has a -device id. */
QMP_COMMAND(cmd_query_pci)
{
    struct monitor *mon = opaque;
    json_t *buses = json_array();
    json_t *devices = json_array();
    json_t *bus = json_object();

    for (unsigned devfn = 0; devfn < 256; devfn++) {
        const struct pci_function *f = mon->machine->pc.pci.function[devfn];

        if (f) {
            json_t *o = json_object();

            json_object_set_new(o, "bus", json_integer(0));
            json_object_set_new(o, "slot", json_integer(devfn >> 3));
            json_object_set_new(o, "function", json_integer(devfn & 7));
            json_object_set_new(o, "qdev_id", qmp_string(""));
            json_array_append_new(devices, o);
        }
    }
    json_object_set_new(bus, "bus", json_integer(0));
    json_object_set_new(bus, "devices", devices);
    json_array_append_new(buses, bus);
    return buses;
}

QMP_COMMAND(cmd_system_wakeup)
{
    struct monitor *mon = opaque;

    if (!mon->machine->world->wakeup(mon->machine)) {
        return fail(error, "the hypervisor does not let this process wake the guest");
    }
    return NULL;
}

/* Also without a guest. */
const struct qmp_command qmp_save_commands[] = {
    {"xen-save-devices-state", cmd_save_devices_state},
    {NULL, NULL},
};

const struct qmp_command qmp_xen_commands[] = {
    {"xen-set-global-dirty-log", cmd_global_dirty_log},
    {"query-hotpluggable-cpus", cmd_query_hotpluggable_cpus},
    {"device_add", cmd_device_add},
    {"query-blockstats", cmd_query_blockstats},
    {"query-pci", cmd_query_pci},
    {"system_wakeup", cmd_system_wakeup},
    {NULL, NULL},
};
