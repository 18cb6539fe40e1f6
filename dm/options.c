/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "options_int.h"

struct optlist *optctx_collect(struct optctx *c, GPtrArray *a, const char *arg,
                               const char *first_key)
{
    struct optlist *l = g_new0(struct optlist, 1);

    optlist_parse(l, c->option, arg, first_key);
    g_ptr_array_add(a, l);
    return l;
}

/* --- drives and devices --- */

static void option_drive(struct optctx *c, const char *arg)
{
    optctx_collect(c, c->drive, arg, NULL);
}

static void option_blockdev(struct optctx *c, const char *arg)
{
    optctx_collect(c, c->blockdev, arg, "driver");
}

/* -hda FILE and its like: the name is taken as it is, commas and all. */
static void short_drive(struct optctx *c, const char *file, const char *interface,
                        const char *index, const char *media)
{
    struct optlist *l = optctx_collect(c, c->drive, "", NULL);

    l->text = file;
    optlist_add(l, "if", interface);
    optlist_add(l, "file", file);
    optlist_add(l, "media", media);
    if (index) {
        optlist_add(l, "index", index);
    }
}

static void option_short_drive(struct optctx *c, const char *arg)
{
    static const struct {
        const char *option;
        const char *interface;
        const char *index;
        const char *media;
    } table[] = {{"-hda", "ide", "0", "disk"},    {"-hdb", "ide", "1", "disk"},
                 {"-hdc", "ide", "2", "disk"},    {"-hdd", "ide", "3", "disk"},
                 {"-cdrom", "ide", "2", "cdrom"}, {"-fda", "floppy", "0", "disk"},
                 {"-fdb", "floppy", "1", "disk"}, {"-pflash", "pflash", NULL, "disk"}};

    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        if (!strcmp(table[i].option, c->option)) {
            short_drive(c, arg, table[i].interface, table[i].index, table[i].media);
        }
    }
}

static void option_device(struct optctx *c, const char *arg)
{
    if (!strcmp(arg, "help") || !strcmp(arg, "?")) {
        devices_help();
        exit(0);
    }
    optctx_collect(c, c->device, arg, "driver");
}

/* DRIVER.PROPERTY=VALUE, the value verbatim; or driver=,property=,value=. */
static void option_global(struct optctx *c, const char *arg)
{
    const char *eq = strchr(arg, '=');
    const char *dot = eq ? g_strrstr_len(arg, eq - arg, ".") : NULL;

    if (!dot) {
        optctx_collect(c, c->global, arg, NULL);
        return;
    }
    struct optlist *l = optctx_collect(c, c->global, "", NULL);
    l->text = arg;
    optlist_add(l, "driver", g_strndup(arg, (gsize)(dot - arg)));
    optlist_add(l, "property", g_strndup(dot + 1, (gsize)(eq - dot - 1)));
    optlist_add(l, "value", eq + 1);
}

static void option_bios(struct optctx *c, const char *arg)
{
    c->bios = arg;
}

static void option_data_dir(struct optctx *c, const char *arg)
{
    c->data_dir = arg;
}

static void option_bios_fd(struct optctx *c, const char *arg)
{
    c->o->bios_fd = parse_fd("-bios-fd", arg);
}

static void option_vgabios_fd(struct optctx *c, const char *arg)
{
    c->o->vgabios_fd = parse_fd("-vgabios-fd", arg);
}

static void option_nodefaults(struct optctx *c, const char *arg)
{
    c->nodefaults = true;
}

/* --- streams and monitors --- */

static void option_chardev(struct optctx *c, const char *arg)
{
    optctx_collect(c, c->chardev, arg, "backend");
}

static void option_serial(struct optctx *c, const char *arg)
{
    g_ptr_array_add(c->serial, (char *)arg);
}

static void option_debugcon(struct optctx *c, const char *arg)
{
    c->debugcon = arg;
}

static void option_mon(struct optctx *c, const char *arg)
{
    optctx_collect(c, c->monitor, arg, "chardev");
}

static void option_qmp(struct optctx *c, const char *arg)
{
    struct optlist *l = optctx_collect(c, c->monitor, "", NULL);

    l->text = arg;
    optlist_add(l, "spec", arg);
    optlist_add(l, "mode", "control");
}

static void option_log(struct optctx *c, const char *arg)
{
    if (strncmp(arg, "fd:", 3)) {
        die("-log %s: use fd:N", arg);
    }
    c->o->log_fd = parse_fd("-log", arg + 3);
}

static void option_log_file(struct optctx *c, const char *arg)
{
    c->o->log_fd = open(arg, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (c->o->log_fd < 0) {
        die("-D %s: %s", arg, strerror(errno));
    }
}

/* QEMU's items name parts of its log; ours has one. */
static void option_log_items(struct optctx *c, const char *arg)
{
    c->o->verbose = true;
}

static void option_verbose(struct optctx *c, const char *arg)
{
    c->o->verbose = true;
}

static void option_qtest(struct optctx *c, const char *arg)
{
    c->o->qtest = arg;
}

static void option_qtest_log(struct optctx *c, const char *arg)
{
    c->o->qtest_log = arg;
}

static void option_replay_trace(struct optctx *c, const char *arg)
{
    c->o->replay_fd = file_open("-replay-trace", arg, true);
}

/* --- what happens when --- */

static void option_paused(struct optctx *c, const char *arg)
{
    c->o->paused = true;
}

static void option_no_reboot(struct optctx *c, const char *arg)
{
    c->o->no_reboot = true;
}

static void option_no_shutdown(struct optctx *c, const char *arg)
{
    c->o->no_shutdown = true;
}

static const char *const watchdog_actions[] = {"reset", "shutdown", "poweroff", "inject-nmi",
                                               "pause", "debug",    "none",     NULL};

static void option_watchdog_action(struct optctx *c, const char *arg)
{
    struct optlist s = {.option = c->option, .text = arg};

    optlist_add(&s, "action", arg);
    c->o->watchdog_action =
        (enum dm_watchdog)optlist_choice(&s, "action", watchdog_actions, DM_WATCHDOG_RESET);
}

static void option_action(struct optctx *c, const char *arg)
{
    static const char *const reboot[] = {"reset", "shutdown", NULL};
    static const char *const shutdown[] = {"poweroff", "pause", NULL};
    static const char *const panic[] = {"shutdown", "pause", "exit-failure", "none", NULL};
    struct dm_options *o = c->o;
    struct optlist s;

    optlist_parse(&s, c->option, arg, NULL);
    o->no_reboot = optlist_choice(&s, "reboot", reboot, o->no_reboot) == 1;
    o->no_shutdown = optlist_choice(&s, "shutdown", shutdown, o->no_shutdown) == 1;
    o->panic_action = (enum dm_panic)optlist_choice(&s, "panic", panic, (int)o->panic_action);
    o->watchdog_action =
        (enum dm_watchdog)optlist_choice(&s, "watchdog", watchdog_actions, (int)o->watchdog_action);
    optlist_done(&s);
}

static void option_pidfile(struct optctx *c, const char *arg)
{
    c->o->pidfile = arg;
}

/* --- the sandbox --- */

/* QEMU's further settings name parts of its list that ours forbids anyway. */
static void option_sandbox(struct optctx *c, const char *arg)
{
    static const char *const part[] = {"obsolete", "elevateprivileges", "spawn", "resourcecontrol"};
    static const char *const values[] = {"deny", "allow", "children", NULL};
    struct optlist s;

    optlist_parse(&s, c->option, arg, "enable");
    c->o->sandbox = optlist_bool(&s, "enable", true);
    c->o->sandbox_given = true;
    for (unsigned i = 0; i < G_N_ELEMENTS(part); i++) {
        optlist_choice(&s, part[i], values, 0);
    }
    optlist_done(&s);
}

static void option_no_sandbox(struct optctx *c, const char *arg)
{
    c->o->sandbox = false;
    c->o->sandbox_given = true;
}

static void option_chroot(struct optctx *c, const char *arg)
{
    c->o->chroot = arg;
}

static void option_runas(struct optctx *c, const char *arg)
{
    c->o->runas = arg;
}

static void option_run_with(struct optctx *c, const char *arg)
{
    struct optlist s;

    optlist_parse(&s, c->option, arg, NULL);
    c->o->chroot = optlist_get(&s, "chroot", c->o->chroot);
    c->o->runas = optlist_get(&s, "user", c->o->runas);
    optlist_done(&s);
}

/* --- words that say what is the case anyway --- */

static void accept_nothing(struct optctx *c, const char *arg)
{
}

static void accept_none(struct optctx *c, const char *arg)
{
    if (strcmp(arg, "none") && strcmp(arg, "null")) {
        xen_word_refuse(c, arg);
        die("%s %s: only none is offered", c->option, arg);
    }
}

static void option_version(struct optctx *c, const char *arg)
{
    printf("cleave-dm " CLEAVE_VERSION "\n");
    exit(0);
}

static void option_help(struct optctx *c, const char *arg);

static const struct {
    const char *name;
    const char *arg; /* NULL: takes none */
    void (*set)(struct optctx *c, const char *arg);
    const char *help; /* NULL: as the one before */
} option_table[] = {
    {"-machine", "cleave-1|pc|none[,accel=...]", option_machine,
     "machine; firmware-mode=xen|qemu, core-fd, arena-fd, vram-fd"},
    {"-M", "MACHINE", option_machine, NULL},
    {"-accel", "cleave|qtest", option_accel, "who runs the guest"},
    {"-m", "SIZE", option_memory, "guest memory, in MiB without suffix"},
    {"-smp", "N", option_smp, "number of vCPUs"},
    {"-drive", "if=ide|floppy|pflash|none,...", option_drive,
     "file=FILE|fd=N, index=, media=disk|cdrom, id=, readonly=on, rerror=, werror="},
    {"-blockdev", "driver=file,node-name=ID,...", option_blockdev, "filename=FILE, read-only=on"},
    {"-hda", "FILE", option_short_drive, "a disk; also -hdb, -hdc, -hdd"},
    {"-hdb", "FILE", option_short_drive, NULL},
    {"-hdc", "FILE", option_short_drive, NULL},
    {"-hdd", "FILE", option_short_drive, NULL},
    {"-cdrom", "FILE", option_short_drive, "a CD in the drive hdc"},
    {"-fda", "FILE", option_short_drive, "a floppy; also -fdb"},
    {"-fdb", "FILE", option_short_drive, NULL},
    {"-pflash", "FILE", option_short_drive, "BIOS image, as -bios"},
    {"-device", "TYPE,prop=value,...", option_device, "a device; -device help lists them"},
    {"-global", "TYPE.prop=value", option_global, "a setting for all devices of a type"},
    {"-vga", "std|none", option_vga, "display adapter"},
    {"-nodefaults", NULL, option_nodefaults, "only what the command line names"},
    {"-no-user-config", NULL, accept_nothing, "no configuration files are read anyway"},
    {"-bios", "FILE", option_bios, "BIOS image"},
    {"-L", "DIR", option_data_dir, "where -bios is looked for"},
    {"-bios-fd", "N", option_bios_fd, "BIOS image for the flash alias"},
    {"-vgabios-fd", "N", option_vgabios_fd, "VGA BIOS image for the ROM BAR"},
    {"-boot", "[order=]acdn,...", option_boot,
     "boot order; once=, menu=on|off, reboot-timeout=MS, splash-time=MS"},
    {"-no-fd-bootchk", NULL, option_no_fd_bootchk, "boot floppies without signature"},
    {"-rtc", "base=utc|localtime|DATE", option_rtc, "real-time clock"},
    {"-uuid", "UUID", option_uuid, "the machine's"},
    {"-name", "NAME", option_name, "for messages and query-name"},
    {"-chardev", "KIND,id=ID,...", option_chardev,
     "a byte stream: socket, stdio, file, pty, null, fd"},
    {"-serial", "chardev:ID|SPEC|none", option_serial, "a serial port"},
    {"-debugcon", "chardev:ID|SPEC", option_debugcon, "debug ports 0x402 and 0xe9"},
    {"-mon", "chardev=ID,mode=control", option_mon, "a monitor (QMP)"},
    {"-qmp", "SPEC", option_qmp, "a monitor; SPEC is unix:PATH, tcp:HOST:PORT, fd:N or stdio"},
    {"-qtest", "unix:PATH|stdio", option_qtest, "serve the qtest protocol"},
    {"-qtest-log", "FILE", option_qtest_log, "what went over it"},
    {"-replay-trace", "FILE", option_replay_trace,
     "repeat a trace of `cleave run --trace`, and end"},
    {"-S", NULL, option_paused, "wait for cont"},
    {"-no-reboot", NULL, option_no_reboot, "a reset ends the machine"},
    {"-no-shutdown", NULL, option_no_shutdown, "the end only stops the machine"},
    {"-watchdog-action", "ACTION", option_watchdog_action,
     "reset, shutdown, poweroff, inject-nmi, pause, debug or none"},
    {"-action", "EVENT=ACTION,...", option_action, "reboot=, shutdown=, panic=, watchdog="},
    {"-pidfile", "FILE", option_pidfile, "the process id goes there"},
    {"-sandbox", "on|off", option_sandbox, "lock-down after start (on with a guest)"},
    {"-no-sandbox", NULL, option_no_sandbox, "no lock-down, for debugging"},
    {"-runas", "USER|UID:GID", option_runas, "the user to become"},
    {"-chroot", "DIR", option_chroot, "the root directory after start (an empty one)"},
    {"-run-with", "chroot=DIR,user=USER", option_run_with, "the same in newer words"},
    XEN_OPTIONS{"-display", "none", accept_none,
                "no window, ever; likewise -vnc, -net, -nic, -parallel"},
    {"-vnc", "none", accept_none, NULL},
    {"-net", "none", accept_none, NULL},
    {"-nic", "none", accept_none, NULL},
    {"-parallel", "none", accept_none, NULL},
    {"-monitor", "none", accept_none, NULL},
    {"-nographic", NULL, accept_nothing, NULL},
    {"-log", "fd:N", option_log, "where messages go"},
    {"-D", "FILE", option_log_file, "messages are appended to it"},
    {"-d", "ITEMS", option_log_items, "as -v"},
    {"-cpu", "MODEL", accept_nothing, "the CPUs are not here"},
    {"-v", NULL, option_verbose, "more messages"},
    {"-version", NULL, option_version, "print the version"},
    {"-help", NULL, option_help, "print this"},
    {"-h", NULL, option_help, NULL},
};

static void option_help(struct optctx *c, const char *arg)
{
    printf("usage: cleave-dm [option ...]\n");
    for (unsigned i = 0; i < G_N_ELEMENTS(option_table); i++) {
        if (option_table[i].help) {
            printf("  %-16s %-30s %s\n", option_table[i].name,
                   option_table[i].arg ? option_table[i].arg : "", option_table[i].help);
        }
    }
    printf("devices:\n");
    devices_help();
    exit(0);
}

static void options_default(struct optctx *c, struct dm_options *o, const char *argv0)
{
    *o = (struct dm_options){.core_fd = -1,
                             .replay_fd = -1,
                             .arena_fd = -1,
                             .vram_fd = -1,
                             .bios_fd = -1,
                             .vgabios_fd = -1,
                             .log_fd = -1,
                             .vcpus = 1,
                             .max_vcpus = 1,
                             .fd_bootchk = true,
                             .vgamem_mib = 16,
                             .xen_domid = -1,
                             .incoming_fd = -1,
                             .rtc_base = INT64_MIN,
                             .arch_i386 = g_str_has_suffix(argv0, "-system-i386")};
    *c = (struct optctx){.o = o,
                         .drive = g_ptr_array_new(),
                         .blockdev = g_ptr_array_new(),
                         .device = g_ptr_array_new(),
                         .global = g_ptr_array_new(),
                         .chardev = g_ptr_array_new(),
                         .serial = g_ptr_array_new(),
                         .monitor = g_ptr_array_new(),
                         .backend = g_ptr_array_new(),
                         .boot = {.option = "-boot", .text = ""}};
}

/* --- after the last word --- */

static void pidfile_write(const struct dm_options *o)
{
    FILE *f = o->pidfile ? fopen(o->pidfile, "we") : NULL;

    if (o->pidfile && (!f || fprintf(f, "%d\n", (int)getpid()) < 0 || fclose(f))) {
        die("-pidfile %s: %s", o->pidfile, strerror(errno));
    }
}

static void options_resolve(struct optctx *c)
{
    machine_resolve(c);
    boot_resolve(c);
    devices_scan(c);
    vga_resolve(c);
    chardevs_resolve(c);
    serials_resolve(c);
    drives_resolve(c);
    devices_resolve(c);
    monitors_resolve(c);
    firmware_resolve(c);
    drives_open(c);
    pidfile_write(c->o);
}

static unsigned option_find(const char *word)
{
    const char *name = word + (word[0] == '-' && word[1] == '-');

    for (unsigned k = 0; k < G_N_ELEMENTS(option_table); k++) {
        if (!strcmp(option_table[k].name, name) || !strcmp(option_table[k].name, word)) {
            return k;
        }
    }
    die("unknown option '%s'; -help lists them", word);
}

void options_parse(struct dm_options *o, int argc, char **argv)
{
    struct optctx c;

    options_default(&c, o, argv[0] ? argv[0] : "");
    for (int i = 1; i < argc; i++) {
        unsigned k = option_find(argv[i]);

        c.option = option_table[k].name;
        if (option_table[k].arg && ++i == argc) {
            die("%s needs an argument (%s)", c.option, option_table[k].arg);
        }
        option_table[k].set(&c, option_table[k].arg ? argv[i] : NULL);
    }
    options_resolve(&c);
    if (!o->sandbox_given) {
        o->sandbox = o->accel != ACCEL_QTEST;
    }
    /* Under a hypervisor a monitor says when: it has to start the core, too. */
    o->paused |= o->accel == ACCEL_CLEAVE && o->nmonitors;
}

const struct dm_chardev *options_chardev_find(const struct dm_options *o, const char *id)
{
    for (unsigned i = 0; id && i < o->nchardevs; i++) {
        if (!strcmp(o->chardev[i].id, id)) {
            return &o->chardev[i];
        }
    }
    return NULL;
}

int options_chardev(const struct dm_options *o, const char *id)
{
    const struct dm_chardev *c = options_chardev_find(o, id);

    return c ? c->fd : -1;
}
