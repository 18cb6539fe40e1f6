/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words about the machine as a whole: type, memory, CPUs, firmware, clock, names. */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "options_int.h"

#define MIB 1048576ull

/* --- machine --- */

static void accel_set(struct optctx *c, const char *name)
{
    if (!strcmp(name, "qtest")) {
        c->o->accel = ACCEL_QTEST;
    } else if (!strcmp(name, "cleave")) {
        c->o->accel = ACCEL_CLEAVE;
    } else if (!strcmp(name, "xen")) {
        c->o->accel = ACCEL_XEN;
    } else {
        die("%s: unknown accelerator '%s'; use accel=cleave or accel=qtest", c->option, name);
    }
}

static void machine_help(void)
{
    printf("Supported machines are:\n"
           "cleave-1             i440FX/PIIX3 PC, nothing in it by default\n"
           "xenfv                as pc,accel=xen, with the Xen platform device\n"
           "pc                   the same with QEMU's default drives and display\n"
           "none                 no drives, no display\n");
    exit(0);
}

void option_machine(struct optctx *c, const char *arg)
{
    static const char *const types[] = {"cleave-1", "pc", "none", "xenfv", NULL};
    static const char *const modes[] = {"xen", "qemu", NULL};
    struct dm_options *o = c->o;
    struct optlist s;
    const char *accel;

    optlist_parse(&s, c->option, arg, "type");
    const char *type = optlist_get(&s, "type", NULL);
    if (type && (!strcmp(type, "help") || !strcmp(type, "?"))) {
        machine_help();
    }
    if (type && !g_strv_contains(types, type)) {
        xen_machine_refuse(c->option, type);
        die("%s %s: unknown machine; use cleave-1 or pc", c->option, type);
    }
    c->machine_given |= type != NULL;
    o->machine = (enum dm_machine)optlist_choice(&s, "type", types, (int)o->machine);
    xen_machine(c, &s);
    accel = optlist_get(&s, "accel", NULL);
    if (accel) {
        accel_set(c, accel);
    }
    o->firmware_qemu = optlist_choice(&s, "firmware-mode", modes, o->firmware_qemu) == 1;
    o->core_fd = optlist_get(&s, "core-fd", NULL) ? optlist_fd(&s, "core-fd") : o->core_fd;
    o->arena_fd = optlist_get(&s, "arena-fd", NULL) ? optlist_fd(&s, "arena-fd") : o->arena_fd;
    o->vram_fd = optlist_get(&s, "vram-fd", NULL) ? optlist_fd(&s, "vram-fd") : o->vram_fd;
    if (optlist_bool(&s, "usb", false)) {
        die("%s usb=on: there is no USB controller; leave it out", c->option);
    }
    optlist_bool(&s, "dump-guest-core", true);
    optlist_bool(&s, "mem-merge", true);
    optlist_bool(&s, "graphics", true);
    optlist_bool(&s, "suppress-vmdesc", false);
    optlist_done(&s);
}

void option_accel(struct optctx *c, const char *arg)
{
    struct optlist s;

    optlist_parse(&s, c->option, arg, "accel");
    accel_set(c, optlist_get(&s, "accel", ""));
    optlist_done(&s);
}

void option_memory(struct optctx *c, const char *arg)
{
    struct optlist s;

    optlist_parse(&s, c->option, arg, "size");
    uint64_t bytes = optlist_size(&s, "size", 0, MIB);

    if (bytes < MIB || bytes % MIB || bytes > MIB << 20) {
        die("-m %s: is not a number from 1 to 1048576 (MiB), or whole MiB with M or G behind it",
            arg);
    }
    c->o->memory_mib = (uint32_t)(bytes / MIB);
    optlist_done(&s);
}

void option_smp(struct optctx *c, const char *arg)
{
    struct optlist s;

    optlist_parse(&s, c->option, arg, "cpus");
    int64_t sockets = optlist_number(&s, "sockets", 1, 1, 32);
    int64_t cores = optlist_number(&s, "cores", 1, 1, 32);
    int64_t threads = optlist_number(&s, "threads", 1, 1, 32);
    c->o->vcpus = (unsigned)optlist_number(&s, "cpus", MIN(sockets * cores * threads, 32), 1, 128);
    c->o->max_vcpus = (unsigned)optlist_number(&s, "maxcpus", c->o->vcpus, c->o->vcpus, 128);
    optlist_done(&s);
}

void option_vga(struct optctx *c, const char *arg)
{
    if (strcmp(arg, "std") && strcmp(arg, "none")) {
        die("-vga %s: use std or none", arg);
    }
    c->vga = arg;
}

void option_boot(struct optctx *c, const char *arg)
{
    optlist_merge(&c->boot, c->option, arg, "order");
}

static void boot_letters(const char *key, const char *letters)
{
    if (letters && strspn(letters, "acdn") != strlen(letters)) {
        die("-boot %s=%s: use the letters a, c, d and n", key, letters);
    }
}

void boot_resolve(struct optctx *c)
{
    struct dm_options *o = c->o;

    o->boot_order = optlist_get(&c->boot, "order", o->machine == MACHINE_CLEAVE1 ? "cda" : "cad");
    o->boot_once = optlist_get(&c->boot, "once", NULL);
    boot_letters("order", o->boot_order);
    boot_letters("once", o->boot_once);
    o->boot_menu = optlist_bool(&c->boot, "menu", false);
    o->reboot_timeout = optlist_number(&c->boot, "reboot-timeout", INT64_MIN, -1, 0xffff);
    o->splash_time = optlist_number(&c->boot, "splash-time", INT64_MIN, 0, 0xffff);
    optlist_bool(&c->boot, "strict", false);
    optlist_done(&c->boot);
}

void option_no_fd_bootchk(struct optctx *c, const char *arg)
{
    c->o->fd_bootchk = false;
}

void option_rtc(struct optctx *c, const char *arg)
{
    static const char *const clocks[] = {"host", "vm", "rt", NULL};
    static const char *const drift[] = {"none", "slew", NULL};
    struct optlist s;

    optlist_parse(&s, c->option, arg, NULL);
    const char *base = optlist_get(&s, "base", "utc");
    optlist_choice(&s, "clock", clocks, 0);
    optlist_choice(&s, "driftfix", drift, 0);
    optlist_done(&s);
    c->o->rtc_localtime = !strcmp(base, "localtime");
    if (strcmp(base, "utc") && strcmp(base, "localtime")) {
        struct tm tm = {0};
        const char *end = strptime(base, "%Y-%m-%dT%H:%M:%S", &tm);

        end = end ? end : strptime(base, "%Y-%m-%d", &tm);
        if (!end || *end) {
            die("-rtc base=%s: use utc, localtime or YYYY-MM-DDTHH:MM:SS", base);
        }
        c->o->rtc_base = timegm(&tm);
    }
}

void option_uuid(struct optctx *c, const char *arg)
{
    char hex[33];
    unsigned n = 0;

    for (const char *p = arg; *p && n < 32; p++) {
        if (*p != '-') {
            hex[n++] = *p;
        }
    }
    hex[n] = 0;
    bool good = g_uuid_string_is_valid(arg);
    for (unsigned i = 0; good && i < 16; i++) {
        c->o->uuid[i] =
            (uint8_t)(g_ascii_xdigit_value(hex[i * 2]) * 16 + g_ascii_xdigit_value(hex[i * 2 + 1]));
    }
    if (!good) {
        die("-uuid %s: is not a UUID such as 01234567-89ab-cdef-0123-456789abcdef", arg);
    }
    c->o->has_uuid = true;
}

void option_name(struct optctx *c, const char *arg)
{
    struct optlist s;

    optlist_parse(&s, c->option, arg, "guest");
    c->o->name = optlist_get(&s, "guest", NULL);
    optlist_get(&s, "process", NULL);
    optlist_bool(&s, "debug-threads", false);
    optlist_done(&s);
}

/* --- after the last word --- */

void machine_resolve(struct optctx *c)
{
    struct dm_options *o = c->o;

    if (o->accel == ACCEL_NONE && (o->qtest || o->replay_fd >= 0)) {
        o->accel = ACCEL_QTEST;
    }
    xen_resolve(c);
    if (o->accel != ACCEL_XEN && o->max_vcpus > 32) {
        die("-smp %u: at most 32", o->max_vcpus);
    }
    if (o->accel == ACCEL_NONE) {
        die("-machine: give -machine cleave-1,accel=cleave,core-fd=N; usually `cleave run` does");
    }
    if (o->accel == ACCEL_CLEAVE && o->core_fd < 0) {
        die("-machine accel=cleave: needs core-fd=N, a socket to cleave-hv");
    }
    if (o->accel != ACCEL_QTEST && o->replay_fd >= 0) {
        die("-replay-trace: needs a machine without a guest: leave out accel=cleave");
    }
    if (!c->machine_given && o->accel == ACCEL_QTEST) {
        o->machine = MACHINE_PC;
    }
    c->nodefaults |= o->machine != MACHINE_PC;
    o->firmware_qemu |= o->accel == ACCEL_QTEST;
    if (!o->memory_mib) {
        o->memory_mib = o->machine == MACHINE_CLEAVE1 ? 256 : 128;
    }
}

/* Finds a firmware file: as named, then in -L's directory, then where the distribution puts it. */
static int firmware_open(struct optctx *c, const char *name)
{
    const char *dirs[] = {c->data_dir, CLEAVE_SEABIOS_DIR};

    if (access(name, R_OK) == 0) {
        return file_open("-bios", name, true);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(dirs) && !strchr(name, '/'); i++) {
        g_autofree char *path = dirs[i] ? g_build_filename(dirs[i], name, NULL) : NULL;

        if (path && access(path, R_OK) == 0) {
            return file_open("-bios", path, true);
        }
    }
    return -1;
}

/* A test machine without firmware is no error: nothing runs it. */
void firmware_resolve(struct optctx *c)
{
    struct dm_options *o = c->o;

    if (c->bios) {
        if (o->bios_fd >= 0) {
            die("-bios %s: there is a BIOS already; give one", c->bios);
        }
        o->bios_fd = firmware_open(c, c->bios);
        if (o->bios_fd < 0) {
            die("-bios %s: no such file; give a path, or -L DIR", c->bios);
        }
    }
    if (o->accel == ACCEL_QTEST && o->bios_fd < 0) {
        o->bios_fd = firmware_open(c, "bios-256k.bin");
    }
    if (o->accel != ACCEL_CLEAVE && o->vga == DM_VGA_STD && o->vgabios_fd < 0) {
        o->vgabios_fd = firmware_open(c, "vgabios-stdvga.bin");
    }
    if (o->accel != ACCEL_QTEST && o->firmware_qemu && o->bios_fd < 0) {
        die("-machine firmware-mode=qemu: needs -bios-fd N");
    }
}

/* QEMU's machine has a display unless told otherwise; ours does, too, unless it is a test's. */
void vga_resolve(struct optctx *c)
{
    bool wanted = c->o->machine == MACHINE_CLEAVE1 || !c->nodefaults;

    if (c->vga) {
        wanted = !strcmp(c->vga, "std");
    }
    c->o->vga = wanted ? DM_VGA_STD : DM_VGA_NONE;
}
