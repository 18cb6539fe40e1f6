/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cleave-dm: the device model of one guest. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "log.h"
#include "loop.h"
#include "machine.h"
#include "monitor.h"
#include "options.h"

static struct loop loop;
static struct machine machine;

int main(int argc, char **argv)
{
    struct dm_options options;
    char err[256];
    int rc;

    log_init("cleave-dm", -1, LOG_WARN);
    options_parse(&options, argc, argv);
    log_init("cleave-dm", options.log_fd, options.verbose ? LOG_INFO : LOG_WARN);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    rc = loop_init(&loop);
    if (rc) {
        die("epoll: %s", strerror(-rc));
    }
    if (!machine_init(&machine, &options, &loop, err, sizeof(err))) {
        die("%s", err);
    }
    if (options.qmp_fd >= 0) {
        machine.monitor = monitor_new(&machine, options.qmp_fd);
    } else {
        machine_cont(&machine);
    }
    loop_run(&loop);
    machine_exit(&machine);
    return 0;
}
