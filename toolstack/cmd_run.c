/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `cleave run`: checks everything, then becomes the guest's monitor. */
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "commands.h"
#include "disks.h"
#include "log.h"
#include "monitor.h"
#include "spawn.h"

static struct guest guest; /* for clean_up(), which exit() calls without an argument */
static pid_t monitor_pid;

/* Every orderly end comes through here; for the others there is the janitor. */
static void clean_up(void)
{
    if (getpid() != monitor_pid) {
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(guest.console); i++) {
        if (guest.console[i]) {
            console_restore(guest.console[i]);
        }
    }
    rundir_remove(&guest.rundir);
    janitor_dismiss(&guest);
}

static void consoles_open(struct guest *g)
{
    for (unsigned i = 0; i < g->o.serials; i++) {
        g->console[i] = console_open(&g->o.serial[i]);
    }
    g->console[MAX_SERIALS] = console_open(&g->o.debugcon);
}

static void half_init(struct half *h, const char *program)
{
    *h = (struct half){.program = program, .pidfd = -1, .stderr_fd = -1, .qmp_fd = -1};
    h->errors = g_string_new(NULL);
}

int cmd_run(int argc, char **argv)
{
    struct guest *g = &guest;
    options_parse(&g->o, argc, argv);
    g->name = g->o.name ? g_strdup(g->o.name) : g_strdup_printf("guest-%d", getpid());
    g->files.log = -1;
    g->signal_fd = -1;
    half_init(&g->hv, "cleave-hv");
    half_init(&g->dm, "cleave-dm");
    halves_find(g);
    signal(SIGPIPE, SIG_IGN);
    monitor_pid = getpid();
    atexit(clean_up);
    rundir_create(&g->rundir, g->name);
    files_open(&g->files, &g->o);
    consoles_open(g);
    enum log_level level = (enum log_level)MIN(LOG_WARN + g->o.verbose, LOG_DEBUG);
    log_init("cleave", g->files.log, level);
    if (!g->o.no_sandbox) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* for whatever it starts, too */
    }
    return monitor_run(g);
}
