/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

#define MAX_KEYS 16

/* "value,key=value,..." split up; values point into a copy that is never freed (start-up only). */
struct suboptions {
    const char *option; /* for messages: "-drive" */
    unsigned n;
    struct {
        const char *key;
        const char *value;
        bool used;
    } row[MAX_KEYS];
};

static void suboptions_parse(struct suboptions *s, const char *option, const char *arg,
                             const char *first_key)
{
    char **part = g_strsplit(arg, ",", MAX_KEYS + 1);

    memset(s, 0, sizeof(*s));
    s->option = option;
    for (unsigned i = 0; part[i]; i++) {
        char *eq = strchr(part[i], '=');

        if (i >= MAX_KEYS) {
            die("%s %s: too many settings; give at most %d", option, arg, MAX_KEYS);
        }
        if (!eq && i == 0 && first_key) {
            s->row[s->n].key = first_key;
            s->row[s->n++].value = part[i];
            continue;
        }
        if (eq) {
            *eq = 0;
        }
        s->row[s->n].key = part[i];
        s->row[s->n++].value = eq ? eq + 1 : "on";
    }
}

static const char *suboption(struct suboptions *s, const char *key, const char *missing)
{
    for (unsigned i = 0; i < s->n; i++) {
        if (!strcmp(s->row[i].key, key)) {
            s->row[i].used = true;
            return s->row[i].value;
        }
    }
    return missing;
}

static long parse_number(const char *what, const char *text, long min, long max)
{
    char *end;
    long v;

    errno = 0;
    v = text ? strtol(text, &end, 0) : 0;
    if (!text || errno || end == text || *end || v < min || v > max) {
        die("%s: '%s' is not a number from %ld to %ld", what, text ? text : "", min, max);
    }
    return v;
}

/* An inherited descriptor that is open. */
static int parse_fd(const char *what, const char *text)
{
    int fd = (int)parse_number(what, text, 0, 1 << 20);

    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        die("%s: descriptor %d is not open; the program that starts cleave-dm must pass it", what,
            fd);
    }
    return fd;
}

static int suboption_fd(struct suboptions *s, const char *key)
{
    const char *text = suboption(s, key, NULL);
    char what[64];

    if (!text) {
        return -1;
    }
    snprintf(what, sizeof(what), "%s %s", s->option, key);
    return parse_fd(what, text);
}

static bool suboption_bool(struct suboptions *s, const char *key, bool missing)
{
    const char *text = suboption(s, key, NULL);

    if (!text) {
        return missing;
    }
    if (strcmp(text, "on") && strcmp(text, "off")) {
        die("%s %s=%s: use on or off", s->option, key, text);
    }
    return !strcmp(text, "on");
}

static void suboptions_done(const struct suboptions *s)
{
    for (unsigned i = 0; i < s->n; i++) {
        if (!s->row[i].used) {
            die("%s: unknown setting '%s'", s->option, s->row[i].key);
        }
    }
}

/* --- the options --- */

static void option_machine(struct dm_options *o, const char *arg)
{
    struct suboptions s;
    const char *type, *accel, *firmware;

    suboptions_parse(&s, "-machine", arg, "type");
    type = suboption(&s, "type", "cleave-1");
    if (strcmp(type, "cleave-1") && strcmp(type, "pc")) {
        die("-machine %s: unknown machine; use cleave-1", type);
    }
    accel = suboption(&s, "accel", "");
    if (strcmp(accel, "cleave")) {
        die("-machine accel=%s: unknown accelerator; use accel=cleave", accel);
    }
    o->accel = ACCEL_CLEAVE;
    firmware = suboption(&s, "firmware-mode", "xen");
    if (strcmp(firmware, "xen") && strcmp(firmware, "qemu")) {
        die("-machine firmware-mode=%s: use xen or qemu", firmware);
    }
    o->firmware_qemu = !strcmp(firmware, "qemu");
    o->core_fd = suboption_fd(&s, "core-fd");
    o->arena_fd = suboption_fd(&s, "arena-fd");
    o->vram_fd = suboption_fd(&s, "vram-fd");
    suboptions_done(&s);
}

static void option_drive(struct dm_options *o, const char *arg)
{
    struct suboptions s;
    const char *bus, *media, *format;

    suboptions_parse(&s, "-drive", arg, NULL);
    bus = suboption(&s, "if", "ide");
    bool floppy = !strcmp(bus, "floppy");
    if (!floppy && strcmp(bus, "ide")) {
        die("-drive if=%s: unknown interface; use ide or floppy", bus);
    }
    long max = floppy ? DM_FLOPPIES - 1 : DM_IDE_DRIVES - 1;
    long index = parse_number("-drive index", suboption(&s, "index", "0"), 0, max);
    struct dm_drive *d = floppy ? &o->floppy[index] : &o->ide[index];
    if (d->present) {
        die("-drive if=%s,index=%ld: given twice", bus, index);
    }
    media = suboption(&s, "media", "disk");
    if (strcmp(media, "disk") && (floppy || strcmp(media, "cdrom"))) {
        die("-drive media=%s: use disk or cdrom", media);
    }
    format = suboption(&s, "format", "raw");
    if (strcmp(format, "raw")) {
        die("-drive format=%s: only raw images are supported; convert with qemu-img convert -O raw",
            format);
    }
    d->present = true;
    d->cdrom = !strcmp(media, "cdrom");
    d->readonly = suboption_bool(&s, "readonly", d->cdrom);
    d->fd = suboption_fd(&s, "fd");
    suboptions_done(&s);
    if (d->fd < 0 && !d->cdrom && !floppy) {
        die("-drive if=%s,index=%ld: a disk needs fd=N", bus, index);
    }
}

static void option_chardev(struct dm_options *o, const char *arg)
{
    struct suboptions s;

    suboptions_parse(&s, "-chardev", arg, "backend");
    if (strcmp(suboption(&s, "backend", ""), "fd")) {
        die("-chardev %s: use -chardev fd,id=ID,fd=N", arg);
    }
    if (o->nchardevs == DM_MAX_CHARDEVS) {
        die("-chardev: at most %d", DM_MAX_CHARDEVS);
    }
    struct dm_chardev *c = &o->chardev[o->nchardevs++];
    c->id = suboption(&s, "id", NULL);
    c->fd = suboption_fd(&s, "fd");
    suboptions_done(&s);
    if (!c->id || c->fd < 0) {
        die("-chardev %s: needs id=ID and fd=N", arg);
    }
}

static void option_boot(struct dm_options *o, const char *arg)
{
    struct suboptions s;

    suboptions_parse(&s, "-boot", arg, "order");
    o->boot_order = suboption(&s, "order", o->boot_order);
    o->boot_menu = suboption_bool(&s, "menu", false);
    suboptions_done(&s);
    if (strspn(o->boot_order, "acdn") != strlen(o->boot_order)) {
        die("-boot order=%s: use the letters a, c, d and n", o->boot_order);
    }
}

static void option_serial(struct dm_options *o, const char *arg)
{
    if (o->nserial == DM_SERIAL_PORTS) {
        die("-serial: at most %d", DM_SERIAL_PORTS);
    }
    if (!strcmp(arg, "none")) {
        o->serial[o->nserial++] = NULL;
    } else if (!strncmp(arg, "chardev:", 8)) {
        o->serial[o->nserial++] = arg + 8;
    } else {
        die("-serial %s: use none or chardev:ID", arg);
    }
}

static void option_debugcon(struct dm_options *o, const char *arg)
{
    if (strncmp(arg, "chardev:", 8)) {
        die("-debugcon %s: use chardev:ID", arg);
    }
    o->debugcon = arg + 8;
}

static void option_device(struct dm_options *o, const char *arg)
{
    struct suboptions s;
    const char *type;

    suboptions_parse(&s, "-device", arg, "driver");
    type = suboption(&s, "driver", "");
    if (strcmp(type, "isa-debug-exit")) {
        die("-device %s: unknown device", type);
    }
    parse_number("-device isa-debug-exit iobase", suboption(&s, "iobase", "0x501"), 0x501, 0x501);
    suboptions_done(&s);
    o->debug_exit = true;
}

static void option_vga(struct dm_options *o, const char *arg)
{
    if (strcmp(arg, "std") && strcmp(arg, "none")) {
        die("-vga %s: use std or none", arg);
    }
    o->vga = strcmp(arg, "std") ? DM_VGA_NONE : DM_VGA_STD;
}

static void option_rtc(struct dm_options *o, const char *arg)
{
    if (strcmp(arg, "base=utc") && strcmp(arg, "base=localtime")) {
        die("-rtc %s: use base=utc or base=localtime", arg);
    }
    o->rtc_localtime = !strcmp(arg, "base=localtime");
}

static void option_memory(struct dm_options *o, const char *arg)
{
    o->memory_mib = (uint32_t)parse_number("-m", arg, 1, 1 << 20);
}

static void option_smp(struct dm_options *o, const char *arg)
{
    o->vcpus = (unsigned)parse_number("-smp", arg, 1, 32);
}

static void option_bios_fd(struct dm_options *o, const char *arg)
{
    o->bios_fd = parse_fd("-bios-fd", arg);
}

static void option_vgabios_fd(struct dm_options *o, const char *arg)
{
    o->vgabios_fd = parse_fd("-vgabios-fd", arg);
}

static void option_qmp(struct dm_options *o, const char *arg)
{
    if (strncmp(arg, "fd:", 3)) {
        die("-qmp %s: use fd:N", arg);
    }
    o->qmp_fd = parse_fd("-qmp", arg + 3);
}

static void option_log(struct dm_options *o, const char *arg)
{
    if (strncmp(arg, "fd:", 3)) {
        die("-log %s: use fd:N", arg);
    }
    o->log_fd = parse_fd("-log", arg + 3);
}

/* QEMU's further settings name parts of its list that ours forbids anyway. */
static void option_sandbox(struct dm_options *o, const char *arg)
{
    static const char *const part[] = {"obsolete", "elevateprivileges", "spawn", "resourcecontrol"};
    struct suboptions s;

    suboptions_parse(&s, "-sandbox", arg, "enable");
    o->sandbox = suboption_bool(&s, "enable", true);
    o->sandbox_given = true;
    for (unsigned i = 0; i < G_N_ELEMENTS(part); i++) {
        const char *value = suboption(&s, part[i], "deny");

        if (strcmp(value, "deny") && strcmp(value, "allow") && strcmp(value, "children")) {
            die("-sandbox %s=%s: use deny or allow", part[i], value);
        }
    }
    suboptions_done(&s);
}

static void option_no_sandbox(struct dm_options *o, const char *arg)
{
    o->sandbox = false;
    o->sandbox_given = true;
}

static void option_runas(struct dm_options *o, const char *arg)
{
    o->runas = arg;
}

static void option_chroot(struct dm_options *o, const char *arg)
{
    o->chroot = arg;
}

static void option_run_with(struct dm_options *o, const char *arg)
{
    struct suboptions s;

    suboptions_parse(&s, "-run-with", arg, NULL);
    o->chroot = suboption(&s, "chroot", o->chroot);
    o->runas = suboption(&s, "user", o->runas);
    suboptions_done(&s);
}

static void option_verbose(struct dm_options *o, const char *arg)
{
    o->verbose = true;
}

static void option_version(struct dm_options *o, const char *arg)
{
    printf("cleave-dm " CLEAVE_VERSION "\n");
    exit(0);
}

static void option_help(struct dm_options *o, const char *arg);

static const struct {
    const char *name;
    const char *arg; /* NULL: takes none */
    void (*set)(struct dm_options *o, const char *arg);
    const char *help;
} option_table[] = {
    {"-machine", "cleave-1,accel=cleave,...", option_machine,
     "machine, core-fd, arena-fd, vram-fd"},
    {"-m", "MIB", option_memory, "guest memory"},
    {"-smp", "N", option_smp, "number of vCPUs"},
    {"-drive", "if=ide|floppy,index=N,media=...,fd=N", option_drive, "a disk, CD or floppy drive"},
    {"-vga", "std|none", option_vga, "display adapter"},
    {"-bios-fd", "N", option_bios_fd, "BIOS image for the flash alias"},
    {"-vgabios-fd", "N", option_vgabios_fd, "VGA BIOS image for the ROM BAR"},
    {"-boot", "order=acdn,menu=on|off", option_boot, "boot order"},
    {"-rtc", "base=utc|localtime", option_rtc, "real-time clock"},
    {"-chardev", "fd,id=ID,fd=N", option_chardev, "a byte stream"},
    {"-serial", "chardev:ID|none", option_serial, "a serial port"},
    {"-debugcon", "chardev:ID", option_debugcon, "debug ports 0x402 and 0xe9"},
    {"-device", "isa-debug-exit,iobase=0x501", option_device, "the debug-exit port"},
    {"-qmp", "fd:N", option_qmp, "monitor socket"},
    {"-log", "fd:N", option_log, "where messages go"},
    {"-sandbox", "on|off", option_sandbox, "lock-down after start (on with a guest)"},
    {"-no-sandbox", NULL, option_no_sandbox, "no lock-down, for debugging"},
    {"-runas", "USER|UID:GID", option_runas, "the user to become"},
    {"-chroot", "DIR", option_chroot, "the root directory after start (an empty one)"},
    {"-run-with", "chroot=DIR,user=USER", option_run_with, "the same in newer words"},
    {"-v", NULL, option_verbose, "more messages"},
    {"-version", NULL, option_version, "print the version"},
    {"-help", NULL, option_help, "print this"},
};

static void option_help(struct dm_options *o, const char *arg)
{
    printf("usage: cleave-dm [option ...]\n");
    for (unsigned i = 0; i < G_N_ELEMENTS(option_table); i++) {
        printf("  %-11s %-38s %s\n", option_table[i].name,
               option_table[i].arg ? option_table[i].arg : "", option_table[i].help);
    }
    exit(0);
}

static void options_default(struct dm_options *o)
{
    *o = (struct dm_options){.core_fd = -1,
                             .arena_fd = -1,
                             .vram_fd = -1,
                             .bios_fd = -1,
                             .vgabios_fd = -1,
                             .qmp_fd = -1,
                             .log_fd = -1,
                             .memory_mib = 256,
                             .vcpus = 1,
                             .vga = DM_VGA_STD,
                             .boot_order = "cda"};
}

static void options_check(const struct dm_options *o)
{
    if (o->accel == ACCEL_NONE) {
        die("-machine: give -machine cleave-1,accel=cleave,core-fd=N; usually `cleave run` does");
    }
    if (o->core_fd < 0) {
        die("-machine accel=cleave: needs core-fd=N, a socket to cleave-hv");
    }
    if (o->firmware_qemu && o->bios_fd < 0) {
        die("-machine firmware-mode=qemu: needs -bios-fd N");
    }
    for (unsigned i = 0; i < DM_SERIAL_PORTS; i++) {
        if (o->serial[i] && options_chardev(o, o->serial[i]) < 0) {
            die("-serial chardev:%s: no -chardev with that id", o->serial[i]);
        }
    }
    if (o->debugcon && options_chardev(o, o->debugcon) < 0) {
        die("-debugcon chardev:%s: no -chardev with that id", o->debugcon);
    }
}

void options_parse(struct dm_options *o, int argc, char **argv)
{
    options_default(o);
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i] + (argv[i][0] == '-' && argv[i][1] == '-');
        unsigned k = 0;

        while (k < G_N_ELEMENTS(option_table) && strcmp(option_table[k].name, name)) {
            k++;
        }
        if (k == G_N_ELEMENTS(option_table)) {
            die("unknown option '%s'; -help lists them", argv[i]);
        }
        if (option_table[k].arg && ++i == argc) {
            die("%s needs an argument (%s)", name, option_table[k].arg);
        }
        option_table[k].set(o, option_table[k].arg ? argv[i] : NULL);
    }
    if (!o->sandbox_given) {
        o->sandbox = o->accel != ACCEL_QTEST;
    }
    options_check(o);
}

int options_chardev(const struct dm_options *o, const char *id)
{
    for (unsigned i = 0; id && i < o->nchardevs; i++) {
        if (!strcmp(o->chardev[i].id, id)) {
            return o->chardev[i].fd;
        }
    }
    return -1;
}
