/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ranges of one type as a Xen ioreq server has them. The hypervisor refuses overlaps within a
 * server, our buses do not: what overlaps is told as one range, and only what changes is told.
 */
#ifndef CLEAVE_IOREQ_XEN_RANGES_H
#define CLEAVE_IOREQ_XEN_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#define XEN_RANGES_MAX 200u /* claims; the hypervisor has room for 256 ranges of a type */

struct xen_range {
    uint64_t start;
    uint64_t end; /* inclusive */
};

struct xen_ranges {
    unsigned nclaims;
    struct xen_range claim[XEN_RANGES_MAX]; /* as devices made them, sorted by start */
    unsigned ntold;
    struct xen_range told[XEN_RANGES_MAX]; /* as the hypervisor has them, sorted */
    int (*tell)(void *opaque, uint64_t start, uint64_t end, bool on);
    void *opaque;
};

/* One more claim, or one less. 0 or a negative errno: -ENOSPC, -ENOENT, or what tell() returned. */
int xen_ranges_claim(struct xen_ranges *r, uint64_t start, uint64_t end, bool on);

#endif
