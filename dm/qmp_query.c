/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monitor commands: what there is. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "qmp_int.h"

#define MIB           1048576
#define QEMU_MAJOR    7 /* the dialect that is spoken */
#define QEMU_MINOR    2
#define MAX_VCPUS     32
#define OPTION_PARAMS 24

QMP_COMMAND(cmd_query_version)
{
    json_t *o = json_object();
    json_t *q = json_object();

    json_object_set_new(q, "major", json_integer(QEMU_MAJOR));
    json_object_set_new(q, "minor", json_integer(QEMU_MINOR));
    json_object_set_new(q, "micro", json_integer(0));
    json_object_set_new(o, "qemu", q);
    json_object_set_new(o, "package", qmp_string("cleave-dm " CLEAVE_VERSION));
    return o;
}

QMP_COMMAND(cmd_query_name)
{
    struct monitor *mon = opaque;
    json_t *o = json_object();

    if (mon->machine->o->name) {
        json_object_set_new(o, "name", qmp_string(mon->machine->o->name));
    }
    return o;
}

QMP_COMMAND(cmd_query_uuid)
{
    struct monitor *mon = opaque;
    const uint8_t *u = mon->machine->o->uuid;
    json_t *o = json_object();
    g_autoptr(GString) text = g_string_new(NULL);

    for (unsigned i = 0; i < 16; i++) {
        g_string_append_printf(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                               u[i]);
    }
    json_object_set_new(o, "UUID", qmp_string(text->str));
    return o;
}

/* The device model never touches /dev/kvm. */
QMP_COMMAND(cmd_query_kvm)
{
    json_t *o = json_object();

    json_object_set_new(o, "enabled", json_false());
    json_object_set_new(o, "present", json_false());
    return o;
}

QMP_COMMAND(cmd_query_target)
{
    struct monitor *mon = opaque;
    json_t *o = json_object();

    json_object_set_new(o, "arch", qmp_string(mon->machine->o->arch_i386 ? "i386" : "x86_64"));
    return o;
}

QMP_COMMAND(cmd_query_current_machine)
{
    json_t *o = json_object();

    json_object_set_new(o, "wakeup-suspend-support", json_false());
    return o;
}

QMP_COMMAND(cmd_query_memory_size_summary)
{
    struct monitor *mon = opaque;
    json_t *o = json_object();

    json_object_set_new(o, "base-memory", json_integer((gint64)mon->machine->o->memory_mib * MIB));
    json_object_set_new(o, "plugged-memory", json_integer(0));
    return o;
}

QMP_COMMAND(cmd_query_vnc)
{
    json_t *o = json_object();

    json_object_set_new(o, "enabled", json_false());
    return o;
}

QMP_COMMAND(cmd_query_chardev)
{
    struct monitor *mon = opaque;
    const struct dm_options *o = mon->machine->o;
    json_t *a = json_array();

    for (unsigned i = 0; i < o->nchardevs; i++) {
        json_t *c = json_object();

        json_object_set_new(c, "label", qmp_string(o->chardev[i].id));
        json_object_set_new(c, "filename", qmp_string(o->chardev[i].filename));
        json_object_set_new(c, "frontend-open", json_boolean(o->chardev[i].used));
        json_array_append_new(a, c);
    }
    return a;
}

QMP_COMMAND(cmd_query_cpus_fast)
{
    struct monitor *mon = opaque;
    const struct dm_options *o = mon->machine->o;
    json_t *a = json_array();

    unsigned vcpus = mon->machine->pc.pm.config.vcpus; /* those added later, too */

    for (unsigned i = 0; i < (vcpus ? vcpus : o->vcpus); i++) {
        json_t *c = json_object();
        json_t *props = json_object();
        g_autofree char *path = g_strdup_printf("/machine/unattached/cpu[%u]", i);

        json_object_set_new(props, "socket-id", json_integer(i));
        json_object_set_new(props, "core-id", json_integer(0));
        json_object_set_new(props, "thread-id", json_integer(0));
        json_object_set_new(c, "cpu-index", json_integer(i));
        json_object_set_new(c, "qom-path", qmp_string(path));
        json_object_set_new(c, "thread-id", json_integer(mon->machine->pid));
        json_object_set_new(c, "target", qmp_string(o->arch_i386 ? "i386" : "x86_64"));
        json_object_set_new(c, "props", props);
        json_array_append_new(a, c);
    }
    return a;
}

QMP_COMMAND(cmd_query_machines)
{
    static const struct {
        const char *name;
        const char *alias;
        int cpus;
    } table[] = {{"cleave-1", "pc", MAX_VCPUS}, {"none", NULL, 1}};
    json_t *a = json_array();

    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        json_t *m = json_object();

        json_object_set_new(m, "name", qmp_string(table[i].name));
        json_object_set_new(m, "cpu-max", json_integer(table[i].cpus));
        json_object_set_new(m, "hotpluggable-cpus", json_false());
        json_object_set_new(m, "numa-mem-supported", json_false());
        json_object_set_new(m, "deprecated", json_false());
        if (table[i].alias) {
            json_object_set_new(m, "alias", qmp_string(table[i].alias));
            json_object_set_new(m, "is-default", json_true());
        }
        json_array_append_new(a, m);
    }
    return a;
}

QMP_COMMAND(cmd_query_commands)
{
    struct monitor *mon = opaque;
    json_t *a = json_array();
    json_t *first = json_object();

    json_object_set_new(first, "name", qmp_string("qmp_capabilities"));
    json_array_append_new(a, first);
    for (unsigned i = 0; i < mon->commands->len; i++) {
        json_t *c = json_object();

        json_object_set_new(c, "name",
                            qmp_string(g_array_index(mon->commands, struct qmp_command, i).name));
        json_array_append_new(a, c);
    }
    return a;
}

/* The lists of settings that words take, for those who ask before they use one. */
QMP_COMMAND(cmd_query_command_line_options)
{
    static const struct {
        const char *option;
        const char *parameters[OPTION_PARAMS];
    } table[] = {
        {"machine", {"type", "accel", "firmware-mode", "core-fd", "arena-fd", "vram-fd"}},
        {"accel", {"accel"}},
        {"memory", {"size"}},
        {"smp-opts", {"cpus", "maxcpus", "sockets", "cores", "threads"}},
        {"drive",
         {"if", "index", "bus", "unit", "media", "file", "fd", "format", "id", "node-name",
          "readonly", "read-only", "cache", "aio", "discard", "rerror", "werror", "size"}},
        {"device", {"driver", "id"}},
        {"global", {"driver", "property", "value"}},
        {"chardev",
         {"backend", "id", "path", "host", "port", "fd", "server", "wait", "append", "signal"}},
        {"mon", {"chardev", "mode", "pretty"}},
        {"boot-opts", {"order", "once", "menu", "reboot-timeout", "splash-time", "strict"}},
        {"rtc", {"base", "clock", "driftfix"}},
        {"name", {"guest", "process", "debug-threads"}},
        {"action", {"reboot", "shutdown", "panic", "watchdog"}},
        {"sandbox", {"enable", "obsolete", "elevateprivileges", "spawn", "resourcecontrol"}},
        {"run-with", {"chroot", "user"}},
    };
    const char *wanted = qmp_member_string(args, "option", NULL);
    json_t *a = json_array();

    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        if (wanted && strcmp(wanted, table[i].option)) {
            continue;
        }
        json_t *o = json_object();
        json_t *p = json_array();
        for (unsigned k = 0; k < OPTION_PARAMS && table[i].parameters[k]; k++) {
            json_t *param = json_object();

            json_object_set_new(param, "name", qmp_string(table[i].parameters[k]));
            json_object_set_new(param, "type", qmp_string("string"));
            json_array_append_new(p, param);
        }
        json_object_set_new(o, "option", qmp_string(table[i].option));
        json_object_set_new(o, "parameters", p);
        json_array_append_new(a, o);
    }
    if (wanted && json_array_size(a) == 0) {
        json_decref(a);
        return fail(error, "invalid option name: %s", wanted);
    }
    return a;
}

QMP_COMMAND(cmd_query_nothing)
{
    return json_array();
}

const struct qmp_command qmp_query_commands[] = {
    {"query-version", cmd_query_version},
    {"query-name", cmd_query_name},
    {"query-uuid", cmd_query_uuid},
    {"query-kvm", cmd_query_kvm},
    {"query-target", cmd_query_target},
    {"query-current-machine", cmd_query_current_machine},
    {"query-memory-size-summary", cmd_query_memory_size_summary},
    {"query-vnc", cmd_query_vnc},
    {"query-chardev", cmd_query_chardev},
    {"query-cpus-fast", cmd_query_cpus_fast},
    {"query-machines", cmd_query_machines},
    {"query-commands", cmd_query_commands},
    {"query-command-line-options", cmd_query_command_line_options},
    {"query-iothreads", cmd_query_nothing},
    {"query-jobs", cmd_query_nothing},
    {"query-block-jobs", cmd_query_nothing},
    {NULL, NULL},
};
