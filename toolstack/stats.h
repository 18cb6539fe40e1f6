/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The counters of a guest, added up over its vCPUs, as a table or as JSON. */
#ifndef CLEAVE_TOOLSTACK_STATS_H
#define CLEAVE_TOOLSTACK_STATS_H

#include <stdbool.h>
#include <glib.h>

#include "cleave_stats.h"

/* Reads the counters out of a memfd that is not trusted; NULL when it holds none. Free it. */
struct stats_page *stats_read(int fd, GError **error);
void stats_print(const struct stats_page *s, const char *name);
void stats_print_json(const struct stats_page *s, const char *name);

#endif
