/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cleave-dm: the device model of one guest. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#ifdef CLEAVE_TEST_BACKDOOR
#include "backdoor.h"
#endif
#include "log.h"
#include "loop.h"
#include "machine.h"
#include "monitor.h"
#include "options.h"
#include "replay.h"
#include "sandbox.h"

static struct loop loop;
static struct machine machine;

static int signals;

/* Told to end: the disks are flushed on the way out. */
static void signalled(void *opaque, uint32_t events)
{
    struct signalfd_siginfo info;

    if (read(signals, &info, sizeof(info)) == sizeof(info)) {
        loop.quit = true;
    }
}

static void signals_init(const struct dm_options *o)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0 || loop_add(&loop, signals, EPOLLIN, signalled, NULL) < 0) {
        die("signalfd: cannot be had on this kernel");
    }
    if (!world_of(o)->orphan) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
    }
}

int main(int argc, char **argv)
{
    struct dm_options options;
    char err[256];
    int rc;

    log_init("cleave-dm", -1, LOG_WARN);
    options_parse(&options, argc, argv);
    log_init("cleave-dm", options.log_fd, options.verbose ? LOG_INFO : LOG_WARN);
    rc = loop_init(&loop);
    if (rc) {
        die("epoll: %s", strerror(-rc));
    }
    signals_init(&options);
    if (!machine_init(&machine, &options, &loop, err, sizeof(err))) {
        die("%s", err);
    }
    machine.monitor = monitors_new(&machine);
#ifdef CLEAVE_TEST_BACKDOOR
    backdoor_open(&machine);
#endif
    if (machine.world->announce) {
        machine.world->announce(&machine);
    }
    dm_sandbox_enter(&options, drives_largest(&machine.drives));
    if (dm_sandboxed()) {
        block_ring_seal(machine.ring);
    }
    if (!options.paused) {
        machine_cont(&machine);
    }
    rc = 0;
    if (options.replay_fd >= 0) {
        rc = replay_run(&machine, options.replay_fd);
    } else {
        loop_run(&loop);
    }
    machine_exit(&machine);
    return rc ? rc : machine.exit_status;
}
