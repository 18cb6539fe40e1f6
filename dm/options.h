/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line of cleave-dm: QEMU's words, as far as toolstacks and QEMU's test programs use
 * them. Everything is resolved after the last word, so a word may name another that follows.
 */
#ifndef CLEAVE_DM_OPTIONS_H
#define CLEAVE_DM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define DM_IDE_DRIVES   4
#define DM_FLOPPIES     2
#define DM_SERIAL_PORTS 2
#define DM_MAX_CHARDEVS 16
#define DM_MAX_MONITORS 8
#define DM_MAX_DEVICES  24

/* ACCEL_QTEST: no guest; a test speaks the qtest protocol. */
enum dm_accel { ACCEL_NONE, ACCEL_CLEAVE, ACCEL_QTEST, ACCEL_XEN };
enum dm_machine { MACHINE_CLEAVE1, MACHINE_PC, MACHINE_NONE };
enum dm_vga { DM_VGA_NONE, DM_VGA_STD };

/* What becomes of a failed request; DM_ERROR_ENOSPC: stop when the host's disk is full. */
enum dm_on_error { DM_ERROR_REPORT, DM_ERROR_IGNORE, DM_ERROR_STOP, DM_ERROR_ENOSPC };

/* CMOS byte 39h's values; AUTO: found out from the image. */
enum dm_translation { DM_TRANS_NONE, DM_TRANS_LBA, DM_TRANS_LARGE, DM_TRANS_RECHS, DM_TRANS_AUTO };

/*
 * A drive and its medium. fd < 0 with `present`: a drive without medium, unless null_bytes is set:
 * a medium of that size that reads zeros and forgets what is written.
 */
struct dm_drive {
    bool present;
    bool cdrom;
    bool readonly;
    int fd;
    uint64_t null_bytes;
    const char *id;     /* of the back end: "ide0-hd0" or -drive id= or -blockdev node-name= */
    bool blockdev;      /* `id` is a node name */
    bool raw;           /* the format was named: the image may look like another */
    const char *qdev;   /* -device id=, or NULL */
    const char *file;   /* as the user named it; NULL without medium */
    const char *serial; /* these three: what IDENTIFY tells; NULL: ours */
    const char *version;
    const char *model;
    uint32_t cylinders; /* 0: geometry by the image */
    uint32_t heads;
    uint32_t sectors;
    enum dm_translation translation;
    enum dm_on_error rerror;
    enum dm_on_error werror;
    bool snapshot; /* a private copy of the file, which stays as it is */
    bool blkdebug;
    const char *blkdebug_config; /* file with rules, or "" */
};

/* A byte stream. */
struct dm_chardev {
    const char *id;
    const char *filename; /* how query-chardev shows it */
    int fd;               /* -1: nothing connected (null, or a server that waits for a client) */
    int out_fd;           /* the same, but for stdio */
    int listen_fd;        /* a server's, or -1 */
    bool lossy;           /* output that nobody takes is lost, not held back */
    bool is_socket;
    bool used;
};

/* A -device beside the drives, for those who list devices. */
struct dm_device {
    const char *type;
    const char *id; /* or NULL */
};

enum dm_watchdog {
    DM_WATCHDOG_RESET,
    DM_WATCHDOG_SHUTDOWN,
    DM_WATCHDOG_POWEROFF,
    DM_WATCHDOG_INJECT_NMI,
    DM_WATCHDOG_PAUSE,
    DM_WATCHDOG_DEBUG,
    DM_WATCHDOG_NONE,
};

enum dm_panic { DM_PANIC_SHUTDOWN, DM_PANIC_PAUSE, DM_PANIC_EXIT_FAILURE, DM_PANIC_NONE };

/* Strings live as long as the process. Descriptors are -1 where there is none. */
struct dm_options {
    enum dm_accel accel;
    enum dm_machine machine;
    bool firmware_qemu; /* SeaBIOS in QEMU personality: flash alias, PAM, its own interrupt swizzle
                         */
    int core_fd;
    int arena_fd;
    int vram_fd;
    int bios_fd;
    int vgabios_fd;
    int log_fd;
    bool verbose;
    uint32_t memory_mib;
    unsigned vcpus;
    unsigned max_vcpus;
    enum dm_vga vga;
    uint32_t vgamem_mib;
    struct dm_drive ide[DM_IDE_DRIVES];
    struct dm_drive floppy[DM_FLOPPIES];
    struct dm_chardev chardev[DM_MAX_CHARDEVS];
    unsigned nchardevs;
    const char *serial[DM_SERIAL_PORTS]; /* chardev id or NULL */
    unsigned nserial;
    const char *debugcon;                 /* chardev id or NULL */
    const char *monitor[DM_MAX_MONITORS]; /* chardev ids */
    unsigned nmonitors;
    struct dm_device device[DM_MAX_DEVICES];
    unsigned ndevices;

    const char *boot_order; /* letters a, c, d, n; may be empty */
    const char *boot_once;  /* until the first reset, or NULL */
    bool boot_menu;
    bool fd_bootchk;        /* the BIOS looks at a floppy's signature */
    int64_t reboot_timeout; /* ms, -1: never, INT64_MIN: not given */
    int64_t splash_time;    /* ms, INT64_MIN: not given */
    bool rtc_localtime;
    int64_t rtc_base;    /* seconds since 1970, or INT64_MIN: the host's */
    uint16_t debug_exit; /* its port, 0: none */

    bool pvpanic;
    uint16_t pvpanic_port;
    uint8_t pvpanic_events; /* what it says it supports */
    bool ib700;
    bool pc_testdev;

    bool no_reboot;
    bool no_shutdown;
    enum dm_watchdog watchdog_action;
    enum dm_panic panic_action;

    const char *qtest;     /* -qtest's argument as given, or NULL */
    const char *qtest_log; /* -qtest-log's, or NULL */
    int replay_fd;         /* -replay-trace's file, or -1 */
    bool paused;           /* -S, or somebody else says cont */
    const char *name;      /* or NULL */
    bool has_uuid;
    uint8_t uuid[16];
    const char *pidfile;
    bool arch_i386; /* started as ...-system-i386 */

    int64_t xen_domid;         /* the Xen domain, -1: none */
    bool xen_restrict;         /* confine the process to it by the kernel's means */
    bool xen_platform;         /* with the Xen platform device */
    bool no_acpi;              /* without power management */
    uint64_t max_ram_below_4g; /* bytes; 0: the default */
    int incoming_fd;           /* the saved state to go on from */

    bool sandbox; /* without a word: on with a guest, off for qtest */
    bool sandbox_given;
    const char *runas;  /* USER or UID:GID, or NULL */
    const char *chroot; /* the directory that becomes the root, or NULL: an empty one */
};

/* Fills `o`; anything wrong is one line on standard error and exit status 2. */
void options_parse(struct dm_options *o, int argc, char **argv);

/* NULL when there is none of that id. */
const struct dm_chardev *options_chardev_find(const struct dm_options *o, const char *id);

/* The descriptor of a chardev, or -1. */
int options_chardev(const struct dm_options *o, const char *id);

#endif
