/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One guest as its monitor sees it: what `cleave run` opened, started and waits for. */
#ifndef CLEAVE_TOOLSTACK_GUEST_H
#define CLEAVE_TOOLSTACK_GUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <glib.h>

#include "console.h"
#include "options.h"
#include "qmp.h"
#include "rundir.h"

#define ARENA_SIZE (1u << 20)
#define VRAM_SIZE  (16u << 20)

/* Exit statuses of `cleave run`; V*2+1 after a write to the debug-exit port. */
enum run_status {
    STATUS_POWEROFF = 0,
    STATUS_SETTING = 2,
    STATUS_TRIPLE_FAULT = 3,
    STATUS_INTERNAL = 4,
    STATUS_KILLED = 5,
    STATUS_CRASH = 6,
    STATUS_TIMEOUT = 124,
};

/* A drive of the guest; its descriptor stays open (and the image locked) for the guest's life. */
struct drive {
    bool floppy;
    bool cdrom;
    bool readonly;
    unsigned index;
    int fd;
};

#define MAX_DRIVES (MAX_DISKS + 1 + MAX_FLOPPIES)

/* cleave-hv or cleave-dm. */
struct half {
    const char *program;
    char *path;
    pid_t pid; /* 0: not started, or waited for */
    int pidfd;
    int stderr_fd;   /* our end of its standard error, -1 at its end */
    GString *errors; /* held back until the guest runs */
    struct qmp *qmp;
    int qmp_fd; /* our end until qmp is made, the half's number before */
    int status; /* waitpid's, once pid is 0 again */
    bool ended;
    bool killed; /* by us */
};

/* Files that the halves read; -1: not used. */
struct files {
    int loader;
    int bios;
    int vgabios;
    int log;
    int trace;
    int arena;
    int vram;
    struct drive drive[MAX_DRIVES];
    unsigned drives;
};

/* Why the guest has ended (or not yet). */
struct ending {
    bool over;
    int status;
};

struct guest {
    struct run_options o;
    char *name;
    struct rundir rundir;
    struct files files;
    struct half hv;
    struct half dm;
    pid_t janitor; /* 0: not started, or dismissed */
    int janitor_fd;
    struct console *console[MAX_SERIALS + 1]; /* COM1, COM2, debug port; NULL: none */
    struct ending ending;
    bool running;
    bool paused;        /* by a command: stays it, also over a reset */
    bool up;            /* both halves were told to go */
    bool reset_wanted;  /* the core told so; the monitor's loop acts on it */
    bool debug_exit;    /* the core stopped at the debug-exit port */
    int debug_value;    /* -1: not told yet */
    int signal_fd;      /* -1: signals still kill */
    gint64 deadline;    /* monotonic µs, 0: none */
    GPtrArray *clients; /* struct qmp of the control socket */
};

#endif
