/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of cleave-dm: QEMU's words, as far as a toolstack needs them. */
#ifndef CLEAVE_DM_OPTIONS_H
#define CLEAVE_DM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define DM_IDE_DRIVES   4
#define DM_FLOPPIES     2
#define DM_SERIAL_PORTS 2
#define DM_MAX_CHARDEVS 8

/* ACCEL_QTEST: no guest; a test speaks the qtest protocol. */
enum dm_accel { ACCEL_NONE, ACCEL_CLEAVE, ACCEL_QTEST };
enum dm_vga { DM_VGA_NONE, DM_VGA_STD };

/* A drive as given by -drive. fd < 0 with `present`: a drive without medium. */
struct dm_drive {
    bool present;
    bool cdrom;
    bool readonly;
    int fd;
};

struct dm_chardev {
    const char *id;
    int fd;
};

/* Strings belong to argv. Descriptors are those inherited; -1 where not given. */
struct dm_options {
    enum dm_accel accel;
    bool firmware_qemu; /* SeaBIOS in QEMU personality: flash alias, PAM, its own interrupt swizzle
                         */
    int core_fd;
    int arena_fd;
    int vram_fd;
    int bios_fd;
    int vgabios_fd;
    int qmp_fd;
    int log_fd;
    bool verbose;
    uint32_t memory_mib;
    unsigned vcpus;
    enum dm_vga vga;
    struct dm_drive ide[DM_IDE_DRIVES];
    struct dm_drive floppy[DM_FLOPPIES];
    struct dm_chardev chardev[DM_MAX_CHARDEVS];
    unsigned nchardevs;
    const char *serial[DM_SERIAL_PORTS]; /* chardev id or NULL */
    unsigned nserial;
    const char *debugcon; /* chardev id or NULL */
    const char *boot_order;
    bool boot_menu;
    bool rtc_localtime;
    bool debug_exit;
    const char *qtest;     /* -qtest's argument as given, or NULL */
    const char *qtest_log; /* -qtest-log's, or NULL */
    bool paused;           /* -S */
    bool sandbox;          /* without a word: on with a guest, off for qtest */
    bool sandbox_given;
    const char *runas;  /* USER or UID:GID, or NULL */
    const char *chroot; /* the directory that becomes the root, or NULL: an empty one */
};

/* Fills `o`; anything wrong is one line on standard error and exit status 2. */
void options_parse(struct dm_options *o, int argc, char **argv);

/* The descriptor of a chardev, or -1. */
int options_chardev(const struct dm_options *o, const char *id);

#endif
