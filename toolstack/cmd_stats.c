/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `cleave stats`: the counters of a guest, from memory shared with its core. */
#include <string.h>

#include "client.h"
#include "commands.h"
#include "log.h"
#include "stats.h"

int cmd_stats(int argc, char **argv)
{
    static const char usage[] = "stats NAME [--json]";
    client_usage(argc, 1, 2, argv, usage);
    bool json = false;
    const char *name = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (argv[i][0] == '-' || name) {
            die("stats: %s: unknown option; usage: cleave %s", argv[i], usage);
        } else {
            name = argv[i];
        }
    }
    if (!name) {
        die("stats: usage: cleave %s", usage);
    }
    struct qmp *q = client_connect(name);
    struct qmp_fds fds;
    json_decref(client_call(q, name, "query-stats", NULL, &fds));
    GError *error = NULL;
    struct stats_page *s = stats_read(fds.n > 0 ? fds.fd[0] : -1, &error);
    if (!s) {
        log_error("stats: %s", error->message);
        return 1;
    }
    if (json) {
        stats_print_json(s, name);
    } else {
        stats_print(s, name);
    }
    g_free(s);
    qmp_free(q);
    return 0;
}
