/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the monitor: the tables of commands, and what their handlers share. */
#ifndef CLEAVE_DM_QMP_INT_H
#define CLEAVE_DM_QMP_INT_H

#include "machine.h"
#include "monitor.h"
#include "qmp.h"

#define MONITOR_MAX_FDSETS 16

/* A descriptor of add-fd, known as /dev/fdset/ID. */
struct fdset {
    int fd; /* -1: free */
    int id;
    char *opaque;
};

struct monitor_port;

struct monitor {
    struct machine *machine;
    GPtrArray *ports; /* struct monitor_port * */
    GArray *commands; /* struct qmp_command, ends with a NULL name */
    GQueue later;     /* struct later * */
    struct fdset fdset[MONITOR_MAX_FDSETS];
};

/* A handler's parameters; `opaque` is the monitor. */
#define QMP_COMMAND(name)                                                                          \
    static json_t *name(void *opaque, json_t *args, struct qmp_fds *in, struct qmp_fds *out,       \
                        GError **error)

/* Each ends with a NULL name. */
extern const struct qmp_command qmp_run_commands[];
extern const struct qmp_command qmp_query_commands[];
extern const struct qmp_command qmp_block_commands[];
extern const struct qmp_command qmp_input_commands[];
extern const struct qmp_command qom_commands[];
extern const struct qmp_command qmp_save_commands[];
extern const struct qmp_command qmp_xen_commands[];
extern const struct qmp_command hmp_commands[];

/* The error that QMP clients get; always NULL, so that a handler can return it. */
json_t *fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* query-block's answer, for others that list drives. */
json_t *block_list(struct monitor *mon);

#endif
