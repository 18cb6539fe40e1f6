/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * human-monitor-command: the few lines that test programs send to the monitor for people. Answers
 * are text; a command that fails says so in it, as there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qmp_int.h"

/* --- qemu-io DRIVE "COMMAND": faults and breakpoints of a blkdebug drive --- */

static void debug_command(struct block_debug *d, const char *line, GString *answer)
{
    g_auto(GStrv) word = g_strsplit_set(line, " \t", -1);
    unsigned n = g_strv_length(word);
    int rc = -EINVAL;

    if (n == 3 && !strcmp(word[0], "break")) {
        int event = block_event_by_name(word[1]);

        rc = event < 0 ? -EINVAL : block_debug_break(d, (enum block_event)event, word[2]);
    } else if (n == 2 && !strcmp(word[0], "resume")) {
        rc = block_debug_resume(d, word[1]);
    } else if (n == 2 && !strcmp(word[0], "remove_break")) {
        rc = block_debug_remove(d, word[1]);
    } else if (n == 2 && !strcmp(word[0], "wait_break")) {
        rc = block_debug_held(d, word[1]) ? 0 : -ENOENT;
    } else {
        g_string_append(answer, "use break EVENT TAG, resume TAG, remove_break TAG or wait_break "
                                "TAG\r\n");
        return;
    }
    if (rc) {
        g_string_append_printf(answer, "%s: %s\r\n", word[0], strerror(-rc));
    }
}

static void hmp_qemu_io(struct monitor *mon, const char *rest, GString *answer)
{
    g_auto(GStrv) argv = NULL;
    struct drives *s = &mon->machine->drives;
    struct drive *d;
    int argc;

    if (!g_shell_parse_argv(rest, &argc, &argv, NULL)) {
        g_string_append(answer, "qemu-io: give a drive and a command in quotes\r\n");
        return;
    }
    bool qdev = argc && !strcmp(argv[0], "-d");
    if (argc != 2 + qdev) {
        g_string_append(answer, "qemu-io: give a drive and a command in quotes\r\n");
        return;
    }
    d = qdev ? drives_by_qdev(s, argv[1]) : drives_by_name(s, argv[0]);
    if (!d) {
        g_string_append_printf(answer, "Error: Device '%s' not found\r\n", argv[qdev]);
    } else if (!d->debug) {
        g_string_append(answer, "Could not set breakpoint: Operation not supported\r\n");
    } else {
        debug_command(d->debug, argv[1 + qdev], answer);
        if (mon->machine->world->alone) { /* as with every request of a test */
            machine_drain(mon->machine);
        }
    }
}

/* --- info --- */

static void info_status(struct monitor *mon, GString *answer)
{
    const char *status = machine_status(mon->machine);

    if (mon->machine->loop->running) {
        g_string_append(answer, "VM status: running\r\n");
    } else if (!strcmp(status, "paused")) {
        g_string_append(answer, "VM status: paused\r\n");
    } else {
        g_string_append_printf(answer, "VM status: paused (%s)\r\n", status);
    }
}

static void info_block(struct monitor *mon, GString *answer)
{
    struct drive *d;

    for (unsigned i = 0; (d = drives_nth(&mon->machine->drives, i)); i++) {
        g_autofree char *qdev = drive_qdev(d);

        if (drive_has_medium(d)) {
            g_string_append_printf(answer, "%s: %s (raw%s)\r\n", d->cfg.id,
                                   d->cfg.file ? d->cfg.file : "fd",
                                   d->blk->readonly ? ", read-only" : "");
        } else {
            g_string_append_printf(answer, "%s: [not inserted]\r\n", d->cfg.id);
        }
        g_string_append_printf(answer, "    Attached to:      %s\r\n", qdev);
        if (drive_removable(d)) {
            g_string_append_printf(answer, "    Removable device: %slocked, tray %s\r\n",
                                   drive_locked(d) ? "" : "not ",
                                   drive_tray_open(d) ? "open" : "closed");
        }
    }
}

static void info_name(struct monitor *mon, GString *answer)
{
    if (mon->machine->o->name) {
        g_string_append_printf(answer, "%s\r\n", mon->machine->o->name);
    }
}

static void info_version(struct monitor *mon, GString *answer)
{
    g_string_append(answer, "7.2.0cleave-dm " CLEAVE_VERSION "\r\n");
}

static void info_chardev(struct monitor *mon, GString *answer)
{
    const struct dm_options *o = mon->machine->o;

    for (unsigned i = 0; i < o->nchardevs; i++) {
        g_string_append_printf(answer, "%s: filename=%s\r\n", o->chardev[i].id,
                               o->chardev[i].filename);
    }
}

static const struct {
    const char *name;
    void (*run)(struct monitor *mon, GString *answer);
} infos[] = {{"status", info_status},
             {"block", info_block},
             {"name", info_name},
             {"version", info_version},
             {"chardev", info_chardev}};

static void hmp_info(struct monitor *mon, const char *rest, GString *answer)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(infos); i++) {
        if (!strcmp(infos[i].name, rest)) {
            infos[i].run(mon, answer);
            return;
        }
    }
    g_string_append_printf(answer, "unknown command: 'info %s'\r\n", rest);
}

static void hmp_stop(struct monitor *mon, const char *rest, GString *answer)
{
    runstate_pause(mon->machine);
}

static void hmp_cont(struct monitor *mon, const char *rest, GString *answer)
{
    const char *why_not = runstate_try_cont(mon->machine);

    if (why_not) {
        g_string_append_printf(answer, "Error: %s\r\n", why_not);
    }
}

static const struct {
    const char *name;
    void (*run)(struct monitor *mon, const char *rest, GString *answer);
} table[] = {{"qemu-io", hmp_qemu_io},
             {"info", hmp_info},
             {"stop", hmp_stop},
             {"cont", hmp_cont},
             {"c", hmp_cont}};

QMP_COMMAND(cmd_human_monitor_command)
{
    const char *line = qmp_member_string(args, "command-line", NULL);
    g_autoptr(GString) answer = g_string_new(NULL);

    if (!line) {
        return fail(error, "Parameter 'command-line' is missing");
    }
    line += strspn(line, " \t");
    size_t len = strcspn(line, " \t");
    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        if (strlen(table[i].name) == len && !strncmp(table[i].name, line, len)) {
            table[i].run(opaque, line + len + strspn(line + len, " \t"), answer);
            return qmp_string(answer->str);
        }
    }
    g_autofree char *name = g_strndup(line, len);
    g_string_append_printf(answer, "unknown command: '%s'\r\n", name);
    return qmp_string(answer->str);
}

const struct qmp_command hmp_commands[] = {
    {"human-monitor-command", cmd_human_monitor_command},
    {NULL, NULL},
};
