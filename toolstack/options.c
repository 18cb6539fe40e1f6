/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of `cleave run`. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "log.h"

#define MIN_MEMORY_MIB  2ul
#define BIOS_MEMORY_MIB 8ul
#define MAX_MEMORY_MIB  (1ul << 20)
#define MAX_VCPUS       32ul
#define MAX_NAME        48

struct run_option {
    const char *name;
    const char *arg; /* NULL: takes none */
    void (*set)(struct run_options *o, const char *setting, const char *value);
    const char *help;
};

static void usage(void);

bool name_valid(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= MAX_NAME && g_ascii_isalnum(name[0]) &&
           strspn(name, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "._-") == len;
}

static unsigned long parse_count(const char *setting, const char *text, unsigned long min,
                                 unsigned long max)
{
    char *end;
    errno = 0;
    unsigned long v = strtoul(text, &end, 10);
    if (errno != 0 || !g_ascii_isdigit(text[0]) || *end != 0 || v < min || v > max) {
        die("%s %s: give a number from %lu to %lu", setting, text, min, max);
    }
    return v;
}

static void set_memory(struct run_options *o, const char *setting, const char *value)
{
    o->memory_mib = parse_count(setting, value, MIN_MEMORY_MIB, MAX_MEMORY_MIB);
}

static void set_vcpus(struct run_options *o, const char *setting, const char *value)
{
    o->vcpus = parse_count(setting, value, 1, MAX_VCPUS);
}

/* FILE[,readonly][,format=raw]: settings are taken from the end, so that a path may have commas. */
static void parse_drive(struct drive_option *d, const char *setting, const char *value)
{
    d->setting = setting;
    d->path = g_strdup(value);
    for (char *comma = strrchr(d->path, ','); comma; comma = strrchr(d->path, ',')) {
        if (strcmp(comma, ",readonly") == 0) {
            d->readonly = true;
        } else if (strcmp(comma, ",format=raw") == 0) {
            d->raw = true;
        } else {
            break;
        }
        *comma = 0;
    }
    if (d->path[0] == 0) {
        die("%s %s: the file's name is missing", setting, value);
    }
}

static void set_disk(struct run_options *o, const char *setting, const char *value)
{
    if (o->disks == MAX_DISKS) {
        die("%s %s: at most %d disks fit a guest", setting, value, MAX_DISKS);
    }
    parse_drive(&o->disk[o->disks++], setting, value);
}

/* The positional DISK is the first disk wherever it stands. */
static void set_first_disk(struct run_options *o, const char **given, const char *value)
{
    if (*given) {
        die("DISK %s: one disk was given already (%s); use --disk for more", value, *given);
    }
    *given = value;
    set_disk(o, "DISK", value);
    struct drive_option first = o->disk[o->disks - 1];
    memmove(&o->disk[1], &o->disk[0], (o->disks - 1) * sizeof(first));
    o->disk[0] = first;
}

static void set_cdrom(struct run_options *o, const char *setting, const char *value)
{
    if (o->cdrom.path) {
        die("%s %s: a guest has one CD drive; leave one --cdrom out", setting, value);
    }
    parse_drive(&o->cdrom, setting, value);
    o->cdrom.readonly = true;
}

static void set_floppy(struct run_options *o, const char *setting, const char *value)
{
    if (o->floppies == MAX_FLOPPIES) {
        die("%s %s: at most %d floppy disks fit a guest", setting, value, MAX_FLOPPIES);
    }
    parse_drive(&o->floppy[o->floppies++], setting, value);
}

static void set_boot(struct run_options *o, const char *setting, const char *value)
{
    size_t len = strlen(value);
    bool good = len > 0 && strspn(value, "acdn") == len;
    for (size_t i = 0; i < len; i++) {
        good = good && strchr(value + i + 1, value[i]) == NULL;
    }
    if (!good) {
        die("%s %s: use the letters a (floppy), c (disk), d (CD) and n (network), each once",
            setting, value);
    }
    o->boot_order = value;
}

static void set_boot_menu(struct run_options *o, const char *setting, const char *value)
{
    o->boot_menu = true;
}

static void parse_stream(struct stream_option *s, const char *setting, const char *value)
{
    s->setting = setting;
    if (strcmp(value, "none") == 0) {
        s->kind = STREAM_NONE;
    } else if (strcmp(value, "stdio") == 0) {
        s->kind = STREAM_STDIO;
    } else if (g_str_has_prefix(value, "file:") && value[5]) {
        s->kind = STREAM_FILE;
        s->path = value + 5;
    } else if (g_str_has_prefix(value, "unix:") && value[5]) {
        s->kind = STREAM_UNIX;
        s->path = value + 5;
    } else {
        die("%s %s: use stdio, file:PATH, unix:PATH or none", setting, value);
    }
}

static void set_serial(struct run_options *o, const char *setting, const char *value)
{
    if (o->serials == MAX_SERIALS) {
        die("%s %s: a guest has %d serial ports; leave one out", setting, value, MAX_SERIALS);
    }
    parse_stream(&o->serial[o->serials++], setting, value);
}

static void set_debugcon(struct run_options *o, const char *setting, const char *value)
{
    parse_stream(&o->debugcon, setting, value);
}

static void set_loader(struct run_options *o, const char *setting, const char *value)
{
    o->loader = value;
}

static void set_firmware(struct run_options *o, const char *setting, const char *value)
{
    o->firmware = value;
}

static void set_firmware_mode(struct run_options *o, const char *setting, const char *value)
{
    if (strcmp(value, "xen") != 0 && strcmp(value, "qemu") != 0) {
        die("%s %s: use xen or qemu", setting, value);
    }
    o->firmware_qemu = strcmp(value, "qemu") == 0;
}

static void set_vga(struct run_options *o, const char *setting, const char *value)
{
    if (strcmp(value, "std") != 0 && strcmp(value, "none") != 0) {
        die("%s %s: use std or none", setting, value);
    }
    o->vga = strcmp(value, "std") == 0;
}

static void set_debug_exit(struct run_options *o, const char *setting, const char *value)
{
    o->debug_exit = true;
}

static void set_timeout(struct run_options *o, const char *setting, const char *value)
{
    char *end;
    double v = g_ascii_strtod(value, &end);
    if (end == value || *end != 0 || !isfinite(v) || v <= 0 || v > 1e7) {
        die("%s %s: give a number of seconds above 0", setting, value);
    }
    o->timeout = v;
}

static void set_screenshot(struct run_options *o, const char *setting, const char *value)
{
    o->screenshot = value;
}

static void set_name(struct run_options *o, const char *setting, const char *value)
{
    if (!name_valid(value)) {
        die("%s %s: use 1 to %d letters, digits, '.', '_' or '-', a letter or digit first", setting,
            value, MAX_NAME);
    }
    o->name = value;
}

static void set_log(struct run_options *o, const char *setting, const char *value)
{
    o->log = value;
}

static void set_rtc(struct run_options *o, const char *setting, const char *value)
{
    if (strcmp(value, "utc") != 0 && strcmp(value, "localtime") != 0) {
        die("%s %s: use utc or localtime", setting, value);
    }
    o->rtc_localtime = strcmp(value, "localtime") == 0;
}

static void set_machine(struct run_options *o, const char *setting, const char *value)
{
    if (strcmp(value, "cleave-1") != 0) {
        die("%s %s: no such machine; use cleave-1", setting, value);
    }
}

static void set_trace(struct run_options *o, const char *setting, const char *value)
{
    o->trace = value;
}

static void set_no_sandbox(struct run_options *o, const char *setting, const char *value)
{
    o->no_sandbox = true;
}

static void set_verbose(struct run_options *o, const char *setting, const char *value)
{
    o->verbose++;
}

static void set_help(struct run_options *o, const char *setting, const char *value)
{
    usage();
    exit(0);
}

static const struct run_option table[] = {
    {"memory", "MIB", set_memory, "guest memory in MiB (also -m; 256)"},
    {"vcpus", "N", set_vcpus, "number of vCPUs, 1 to 32 (1)"},
    {"disk", "FILE[,readonly]", set_disk, "a raw image or block device; up to four"},
    {"cdrom", "FILE", set_cdrom, "an ISO image in the CD drive"},
    {"floppy", "FILE[,readonly]", set_floppy, "a floppy image; up to two"},
    {"boot", "ORDER", set_boot, "letters a (floppy), c (disk), d (CD), n (network)"},
    {"boot-menu", NULL, set_boot_menu, "the BIOS waits for a key that opens its boot menu"},
    {"serial", "stdio|file:PATH|unix:PATH|none", set_serial, "COM1; given twice, COM2 too (none)"},
    {"debugcon", "stdio|file:PATH|unix:PATH|none", set_debugcon, "debug ports 0x402, 0xe9 (none)"},
    {"vga", "std|none", set_vga, "display adapter (std)"},
    {"firmware-mode", "xen|qemu", set_firmware_mode, "how the BIOS is started (xen)"},
    {"firmware", "FILE", set_firmware, "the BIOS image"},
    {"loader", "FILE", set_loader, "a 32-bit ELF program in hvmloader's place"},
    {"machine", "cleave-1", set_machine, "fixes everything that a guest can see"},
    {"rtc", "utc|localtime", set_rtc, "what the guest's clock shows (utc)"},
    {"debug-exit", NULL, set_debug_exit, "a write of V to port 0x501 ends with status V*2+1"},
    {"timeout", "SECONDS", set_timeout, "end the guest after this time with status 124"},
    {"screenshot", "FILE.png", set_screenshot, "written when the guest ends or times out"},
    {"name", "NAME", set_name, "the guest's name for the other commands (guest-PID)"},
    {"log", "FILE", set_log, "messages of all three processes go there"},
    {"trace", "FILE", set_trace, "records every ioreq"},
    {"no-sandbox", NULL, set_no_sandbox, "does not lock the guest's processes down (debugging)"},
    {"verbose", NULL, set_verbose, "more messages (also -v; twice: still more)"},
    {"help", NULL, set_help, "prints this (also -h)"},
};

static void usage(void)
{
    printf("Usage: cleave run [OPTION...] [DISK]\n"
           "Starts a guest in the foreground; DISK is its first disk.\n\n");
    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *left = g_strdup_printf("--%s%s%s", table[i].name, table[i].arg ? " " : "",
                                                table[i].arg ? table[i].arg : "");
        printf("  %-*s %s\n", 27, left, table[i].help);
    }
    printf("\nExit status: 0 power-off, V*2+1 debug-exit, 2 bad setting, 3 triple fault,\n"
           "4 internal error, 5 killed, 6 crash reported by the guest, 124 timeout.\n"
           "Ctrl-A x ends a guest whose serial port is on the terminal.\n");
}

static void options_default(struct run_options *o)
{
    *o = (struct run_options){.memory_mib = 256, .vcpus = 1, .vga = true};
    o->debugcon.setting = "--debugcon";
}

static void options_check(const struct run_options *o)
{
    unsigned stdio = o->debugcon.kind == STREAM_STDIO;
    for (unsigned i = 0; i < o->serials; i++) {
        stdio += o->serial[i].kind == STREAM_STDIO;
    }
    if (stdio > 1) {
        die("--serial stdio: the terminal can be given to one port only");
    }
    if (!o->loader && o->memory_mib < BIOS_MEMORY_MIB) {
        die("--memory %lu: the BIOS needs %lu MiB; give more", o->memory_mib, BIOS_MEMORY_MIB);
    }
    if (o->cdrom.path && o->disks == MAX_DISKS) {
        die("--cdrom %s: four disks leave no place for a CD drive; take one --disk away",
            o->cdrom.path);
    }
    if (o->screenshot && !o->vga) {
        die("--screenshot %s: a guest without display has no screen; leave --vga none out",
            o->screenshot);
    }
    if (o->firmware_qemu && o->loader) {
        die("--loader %s: a loader needs --firmware-mode xen", o->loader);
    }
}

/* getopt's own messages lack the remedy. */
_Noreturn static void bad_option(int c, char **argv)
{
    const char *given = argv[optind - 1];
    if (c == ':') {
        die("%s: needs an argument; `cleave run --help` tells which", given);
    }
    if (optopt > 0 && optopt < 256) {
        die("-%c: unknown option; `cleave run --help` lists them", optopt);
    }
    if (optopt >= 256) {
        die("%s: takes no argument", given);
    }
    die("%s: unknown option; `cleave run --help` lists them", given);
}

void options_parse(struct run_options *o, int argc, char **argv)
{
    struct option longs[G_N_ELEMENTS(table) + 1] = {0};
    char *settings[G_N_ELEMENTS(table)]; /* live as long as the options */
    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        settings[i] = g_strdup_printf("--%s", table[i].name);
        longs[i] = (struct option){table[i].name, table[i].arg ? required_argument : no_argument,
                                   NULL, (int)i + 256};
    }
    const char *first_disk = NULL;
    options_default(o);
    opterr = 0;
    optind = 1;
    int c;
    while ((c = getopt_long(argc, argv, "-:m:vh", longs, NULL)) != -1) {
        if (c >= 256) {
            table[c - 256].set(o, settings[c - 256], optarg);
        } else if (c == 1) {
            set_first_disk(o, &first_disk, optarg);
        } else if (c == 'm') {
            set_memory(o, "-m", optarg);
        } else if (c == 'v') {
            set_verbose(o, "-v", NULL);
        } else if (c == 'h') {
            set_help(o, "-h", NULL);
        } else {
            bad_option(c, argv);
        }
    }
    for (; optind < argc; optind++) {
        set_first_disk(o, &first_disk, argv[optind]);
    }
    options_check(o);
}
