/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the command line: words are collected while they are read and resolved at the end, in the
 * order chardevs, drives, devices, ports, monitors.
 */
#ifndef CLEAVE_DM_OPTIONS_INT_H
#define CLEAVE_DM_OPTIONS_INT_H

#include <glib.h>

#include "options.h"
#include "optlist.h"

/* A -drive, -blockdev or short form, before a place is found for it. */
struct backend {
    struct dm_drive drive;
    const char *interface; /* "ide", "floppy", "pflash", "none" */
    int index;             /* place on that interface, or -1 */
    bool placed;
};

struct optctx {
    struct dm_options *o;
    const char *option;  /* the word at hand */
    GPtrArray *drive;    /* struct optlist * of -drive */
    GPtrArray *blockdev; /* struct optlist * */
    GPtrArray *device;   /* struct optlist * */
    GPtrArray *global;   /* struct optlist *: driver, property, value */
    GPtrArray *chardev;  /* struct optlist * */
    GPtrArray *serial;   /* char *: arguments of -serial */
    GPtrArray *monitor;  /* struct optlist * of -mon */
    GPtrArray *backend;  /* struct backend * */
    struct optlist boot;
    const char *debugcon;
    const char *bios;
    const char *vga; /* -vga as given, or NULL */
    bool nodefaults;
    bool machine_given;
    bool no_default_floppy; /* a -device or a -drive stands in its place */
    bool no_default_cdrom;
    const char *data_dir;
};

/* A new settings list of the word at hand, parsed and appended to `a`. */
struct optlist *optctx_collect(struct optctx *c, GPtrArray *a, const char *arg,
                               const char *first_key);

/* opt_machine.c: words, and what is found out of them at the end. */
void option_machine(struct optctx *c, const char *arg);
void option_accel(struct optctx *c, const char *arg);
void option_memory(struct optctx *c, const char *arg);
void option_smp(struct optctx *c, const char *arg);
void option_vga(struct optctx *c, const char *arg);
void option_boot(struct optctx *c, const char *arg);
void option_no_fd_bootchk(struct optctx *c, const char *arg);
void option_rtc(struct optctx *c, const char *arg);
void option_uuid(struct optctx *c, const char *arg);
void option_name(struct optctx *c, const char *arg);
void machine_resolve(struct optctx *c);
void boot_resolve(struct optctx *c);
void vga_resolve(struct optctx *c);
void firmware_resolve(struct optctx *c);

/* opt_chardev.c. Returns the id: of a chardev that exists, or of a new one made after `spec`. */
void chardevs_resolve(struct optctx *c);
void serials_resolve(struct optctx *c);
void monitors_resolve(struct optctx *c);
const char *chardev_by_spec(struct optctx *c, const char *option, const char *spec,
                            const char *label);
struct dm_chardev *chardev_use(struct optctx *c, const char *option, const char *id);

/* opt_drive.c */
void drives_resolve(struct optctx *c);
void drives_open(struct optctx *c);
void drive_place_ide(struct optctx *c, struct backend *b, unsigned slot);
void drive_place_floppy(struct optctx *c, struct backend *b, unsigned slot);
struct backend *backend_find(struct optctx *c, const char *id);
struct backend *backend_empty(struct optctx *c, const char *id);
int file_open(const char *option, const char *path, bool readonly);

/* opt_device.c */
void devices_scan(struct optctx *c);
void devices_resolve(struct optctx *c);
void globals_apply(struct optctx *c, const char *type, struct optlist *into);
void drive_properties(struct optlist *l, struct dm_drive *d);
void devices_help(void);

/* opt_xen.c: what libxl says beyond the rest. */
void xen_machine(struct optctx *c, struct optlist *l);
void xen_machine_refuse(const char *option, const char *type);
void xen_resolve(struct optctx *c);
void xen_word_refuse(struct optctx *c, const char *arg);
void xen_device_refuse(const char *type);
void option_xen_domid(struct optctx *c, const char *arg);
void option_xen_restrict(struct optctx *c, const char *arg);
void option_xen_refused(struct optctx *c, const char *arg);
void option_xen_refused_flag(struct optctx *c, const char *arg);
void option_xen_ignored(struct optctx *c, const char *arg);
void option_incoming(struct optctx *c, const char *arg);
void option_no_acpi(struct optctx *c, const char *arg);

/* Rows of the table of options. */
#define XEN_OPTIONS                                                                                \
    {"-xen-domid", "N", option_xen_domid, "the Xen domain to serve (accel=xen)"},                  \
        {"-xen-domid-restrict", NULL, option_xen_restrict, "reach no other domain"},               \
        {"-xen-attach", NULL, option_xen_refused_flag, NULL},                                      \
        {"-incoming", "fd:N", option_incoming, "go on from this saved state"},                     \
        {"-no-acpi", NULL, option_no_acpi, "without power management"},                            \
        {"-k", "LAYOUT", option_xen_ignored, NULL}, {"-kernel", "FILE", option_xen_refused, NULL}, \
        {"-initrd", "FILE", option_xen_refused, NULL},                                             \
        {"-append", "TEXT", option_xen_refused, NULL},                                             \
        {"-usb", NULL, option_xen_refused_flag, NULL},                                             \
        {"-usbdevice", "TYPE", option_xen_refused, NULL},                                          \
        {"-netdev", "KIND", option_xen_refused, NULL},                                             \
        {"-spice", "SETTINGS", option_xen_refused, NULL},                                          \
        {"-soundhw", "TYPE", option_xen_refused, NULL},                                            \
        {"-object", "TYPE", option_xen_refused, NULL},

#endif
