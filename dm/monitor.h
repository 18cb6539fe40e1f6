/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitor socket of the device model: docs/architecture.md lists its commands. */
#ifndef CLEAVE_DM_MONITOR_H
#define CLEAVE_DM_MONITOR_H

#include <json-glib/json-glib.h>

struct machine;
struct monitor;

/* Serves `fd` (taken over) from the machine's loop. The monitor lives until the process ends; when
 * the other end hangs up, the process does. */
struct monitor *monitor_new(struct machine *m, int fd);

/* `data` is consumed and may be NULL; `mon` NULL: nobody listens. */
void monitor_event(struct monitor *mon, const char *event, JsonObject *data);

#endif
