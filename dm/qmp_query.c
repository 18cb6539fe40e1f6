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
    JsonObject *o = json_object_new();
    JsonObject *q = json_object_new();

    json_object_set_int_member(q, "major", QEMU_MAJOR);
    json_object_set_int_member(q, "minor", QEMU_MINOR);
    json_object_set_int_member(q, "micro", 0);
    json_object_set_object_member(o, "qemu", q);
    json_object_set_string_member(o, "package", "cleave-dm " CLEAVE_VERSION);
    return node_object(o);
}

QMP_COMMAND(cmd_query_name)
{
    struct monitor *mon = opaque;
    JsonObject *o = json_object_new();

    if (mon->machine->o->name) {
        json_object_set_string_member(o, "name", mon->machine->o->name);
    }
    return node_object(o);
}

QMP_COMMAND(cmd_query_uuid)
{
    struct monitor *mon = opaque;
    const uint8_t *u = mon->machine->o->uuid;
    JsonObject *o = json_object_new();
    g_autoptr(GString) text = g_string_new(NULL);

    for (unsigned i = 0; i < 16; i++) {
        g_string_append_printf(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                               u[i]);
    }
    json_object_set_string_member(o, "UUID", text->str);
    return node_object(o);
}

/* The device model never touches /dev/kvm. */
QMP_COMMAND(cmd_query_kvm)
{
    JsonObject *o = json_object_new();

    json_object_set_boolean_member(o, "enabled", FALSE);
    json_object_set_boolean_member(o, "present", FALSE);
    return node_object(o);
}

QMP_COMMAND(cmd_query_target)
{
    struct monitor *mon = opaque;
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, "arch", mon->machine->o->arch_i386 ? "i386" : "x86_64");
    return node_object(o);
}

QMP_COMMAND(cmd_query_current_machine)
{
    JsonObject *o = json_object_new();

    json_object_set_boolean_member(o, "wakeup-suspend-support", FALSE);
    return node_object(o);
}

QMP_COMMAND(cmd_query_memory_size_summary)
{
    struct monitor *mon = opaque;
    JsonObject *o = json_object_new();

    json_object_set_int_member(o, "base-memory", (gint64)mon->machine->o->memory_mib * MIB);
    json_object_set_int_member(o, "plugged-memory", 0);
    return node_object(o);
}

QMP_COMMAND(cmd_query_vnc)
{
    JsonObject *o = json_object_new();

    json_object_set_boolean_member(o, "enabled", FALSE);
    return node_object(o);
}

QMP_COMMAND(cmd_query_chardev)
{
    struct monitor *mon = opaque;
    const struct dm_options *o = mon->machine->o;
    JsonArray *a = json_array_new();

    for (unsigned i = 0; i < o->nchardevs; i++) {
        JsonObject *c = json_object_new();

        json_object_set_string_member(c, "label", o->chardev[i].id);
        json_object_set_string_member(c, "filename", o->chardev[i].filename);
        json_object_set_boolean_member(c, "frontend-open", o->chardev[i].used);
        json_array_add_object_element(a, c);
    }
    return node_array(a);
}

QMP_COMMAND(cmd_query_cpus_fast)
{
    struct monitor *mon = opaque;
    const struct dm_options *o = mon->machine->o;
    JsonArray *a = json_array_new();

    unsigned vcpus = mon->machine->pc.pm.config.vcpus; /* those added later, too */

    for (unsigned i = 0; i < (vcpus ? vcpus : o->vcpus); i++) {
        JsonObject *c = json_object_new();
        JsonObject *props = json_object_new();
        g_autofree char *path = g_strdup_printf("/machine/unattached/cpu[%u]", i);

        json_object_set_int_member(props, "socket-id", i);
        json_object_set_int_member(props, "core-id", 0);
        json_object_set_int_member(props, "thread-id", 0);
        json_object_set_int_member(c, "cpu-index", i);
        json_object_set_string_member(c, "qom-path", path);
        json_object_set_int_member(c, "thread-id", mon->machine->pid);
        json_object_set_string_member(c, "target", o->arch_i386 ? "i386" : "x86_64");
        json_object_set_object_member(c, "props", props);
        json_array_add_object_element(a, c);
    }
    return node_array(a);
}

QMP_COMMAND(cmd_query_machines)
{
    static const struct {
        const char *name;
        const char *alias;
        int cpus;
    } table[] = {{"cleave-1", "pc", MAX_VCPUS}, {"none", NULL, 1}};
    JsonArray *a = json_array_new();

    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        JsonObject *m = json_object_new();

        json_object_set_string_member(m, "name", table[i].name);
        json_object_set_int_member(m, "cpu-max", table[i].cpus);
        json_object_set_boolean_member(m, "hotpluggable-cpus", FALSE);
        json_object_set_boolean_member(m, "numa-mem-supported", FALSE);
        json_object_set_boolean_member(m, "deprecated", FALSE);
        if (table[i].alias) {
            json_object_set_string_member(m, "alias", table[i].alias);
            json_object_set_boolean_member(m, "is-default", TRUE);
        }
        json_array_add_object_element(a, m);
    }
    return node_array(a);
}

QMP_COMMAND(cmd_query_commands)
{
    struct monitor *mon = opaque;
    JsonArray *a = json_array_new();
    JsonObject *first = json_object_new();

    json_object_set_string_member(first, "name", "qmp_capabilities");
    json_array_add_object_element(a, first);
    for (unsigned i = 0; i < mon->commands->len; i++) {
        JsonObject *c = json_object_new();

        json_object_set_string_member(c, "name",
                                      g_array_index(mon->commands, struct qmp_command, i).name);
        json_array_add_object_element(a, c);
    }
    return node_array(a);
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
    JsonArray *a = json_array_new();

    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        if (wanted && strcmp(wanted, table[i].option)) {
            continue;
        }
        JsonObject *o = json_object_new();
        JsonArray *p = json_array_new();
        for (unsigned k = 0; k < OPTION_PARAMS && table[i].parameters[k]; k++) {
            JsonObject *param = json_object_new();

            json_object_set_string_member(param, "name", table[i].parameters[k]);
            json_object_set_string_member(param, "type", "string");
            json_array_add_object_element(p, param);
        }
        json_object_set_string_member(o, "option", table[i].option);
        json_object_set_array_member(o, "parameters", p);
        json_array_add_object_element(a, o);
    }
    if (wanted && json_array_get_length(a) == 0) {
        json_array_unref(a);
        return fail(error, "invalid option name: %s", wanted);
    }
    return node_array(a);
}

QMP_COMMAND(cmd_query_nothing)
{
    return node_array(json_array_new());
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
