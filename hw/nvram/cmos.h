/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CMOS RAM bytes 14-127 behind ports 70h/71h (MC146818A, figure 8: the general-purpose RAM). Bytes
 * 0-13 are the clock's and belong to the hypervisor (chips/), as under Xen: index writes reach
 * both, data accesses go by index, and this device leaves those below 14 alone.
 */
#ifndef CLEAVE_HW_NVRAM_CMOS_H
#define CLEAVE_HW_NVRAM_CMOS_H

#include "core/bus.h"
#include "core/device.h"

#define CMOS_FIRST 14u
#define CMOS_SIZE  128u

#define CMOS_STATE(V, A, S, T)                                                                     \
    V(T, uint8_t, index, 1)                                                                        \
    A(T, uint8_t, reserved, 7, 1)                                                                  \
    A(T, uint8_t, ram, CMOS_SIZE, 1)
STATE_STRUCT(cmos_state, CMOS_STATE);

/* What a BIOS finds there. `boot` holds up to three of 'a', 'c', 'd', 'n', in order. */
struct cmos_config {
    uint64_t low_mem_end; /* end of RAM below 4 GiB */
    uint64_t high_mem;    /* bytes of RAM above 4 GiB */
    unsigned vcpus;
    uint8_t floppy_type[2]; /* CMOS drive types: 0 none, 4 1.44M, 5 2.88M ... */
    char boot[4];
    bool check_floppy; /* false: skip the floppy boot signature test */
};

struct cmos {
    struct device dev;
    struct cmos_state *s;
    struct region ports;
    struct cmos_config cfg;
};

int cmos_init(struct cmos *c, const struct hw *hw, const struct cmos_config *cfg);

/* For a world without hypervisor chips: the index that the guest wrote last (bit 7 removed). */
uint8_t cmos_index(const struct cmos *c);

#endif
