/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitor's commands and events, on the main thread. */
#ifndef CLEAVE_HYPERVISOR_MONITOR_H
#define CLEAVE_HYPERVISOR_MONITOR_H

#include "hv.h"

/* Serves hv->cfg.monitor_fd until `quit` or until the monitor is gone. */
void monitor_run(struct hv *hv);

#endif
