/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of `cleave run`: parsing and every check that needs no file. */
#ifndef CLEAVE_TOOLSTACK_OPTIONS_H
#define CLEAVE_TOOLSTACK_OPTIONS_H

#include <stdbool.h>

#define MAX_DISKS    4
#define MAX_FLOPPIES 2
#define MAX_SERIALS  2

/* A file for a drive. `path` belongs to argv or to the options. */
struct drive_option {
    const char *setting; /* as given, for messages: "--disk" */
    char *path;
    bool readonly;
    bool raw; /* format=raw was given: no look at the contents */
};

enum stream_kind { STREAM_NONE, STREAM_STDIO, STREAM_FILE, STREAM_UNIX };

struct stream_option {
    const char *setting; /* "--serial" */
    enum stream_kind kind;
    const char *path;
};

struct run_options {
    const char *name; /* NULL: guest-PID */
    unsigned long memory_mib;
    unsigned long vcpus;
    struct drive_option disk[MAX_DISKS];
    unsigned disks;
    struct drive_option cdrom; /* path NULL: none */
    struct drive_option floppy[MAX_FLOPPIES];
    unsigned floppies;
    const char *boot_order; /* NULL: what the drives suggest */
    bool boot_menu;
    struct stream_option serial[MAX_SERIALS];
    unsigned serials;
    struct stream_option debugcon;
    const char *loader;   /* NULL: our hvmloader */
    const char *firmware; /* NULL: the distribution's SeaBIOS */
    bool firmware_qemu;
    bool vga;
    bool debug_exit;
    double timeout; /* seconds; 0: none */
    const char *screenshot;
    const char *log;
    const char *trace;
    bool rtc_localtime;
    bool no_sandbox;
    unsigned verbose;
};

/* Ends the process with one line and status 2 on a bad option; --help and --version with 0. */
void options_parse(struct run_options *o, int argc, char **argv);

/* Whether `name` may be a guest's name (and so a file's). */
bool name_valid(const char *name);

#endif
