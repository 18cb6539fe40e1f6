/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The transport to our own core, cleave-hv: include/cleave_core.h over a socket and shared pages.
 */
#ifndef CLEAVE_IOREQ_LOCAL_H
#define CLEAVE_IOREQ_LOCAL_H

#include "server.h"
#include "transport.h"

struct local;

/*
 * link_offset: PCI link of a pin is (dev + pin + link_offset) & 3: 0 as Xen and our tables have it,
 * 3 as SeaBIOS's own tables do.
 */
struct local_config {
    int core_fd; /* taken over */
    struct bus *pio;
    struct bus *mmio;
    struct ioreq_ops ops;
    unsigned link_offset;
};

/*
 * Connects: maps guest RAM, creates the ioreq server. Returns NULL with one line in `err` (size
 * bytes). The transport lives until the process ends.
 */
struct transport *local_new(const struct local_config *cfg, char *err, size_t size);

#endif
