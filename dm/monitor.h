/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitors of the device model: any number of QMP connections that see the same machine. The
 * commands are in qmp_*.c, qom.c and hmp.c; docs/architecture.md lists those that `cleave` uses.
 */
#ifndef CLEAVE_DM_MONITOR_H
#define CLEAVE_DM_MONITOR_H

#include "qmp.h"
#include <stdbool.h>

struct machine;
struct monitor;

/*
 * Serves the monitors that the options name from the machine's loop, until the process ends. NULL:
 * none is named. When the other end of an inherited descriptor hangs up, the process ends; a server
 * socket takes the next client.
 */
struct monitor *monitors_new(struct machine *m);

/* To all of them. `data` is consumed and may be NULL; `mon` NULL: nobody listens. */
void monitor_event(struct monitor *mon, const char *event, json_t *data);

/* The same, but behind the reply of a command that is being carried out. */
void monitor_event_later(struct monitor *mon, const char *event, json_t *data);

#endif
