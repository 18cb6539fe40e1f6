/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PC test device that kvm-unit-tests and qtest programs talk to. For tests only. */
#ifndef CLEAVE_HW_MISC_PC_TESTDEV_H
#define CLEAVE_HW_MISC_PC_TESTDEV_H

#include "core/bus.h"
#include "core/device.h"
#include "core/irq.h"

#define TESTDEV_LINES      16u /* ISA interrupt lines, one byte port each */
#define TESTDEV_LINE_PORTS 24u /* the ports above 15 have no line */
#define TESTDEV_IOMEM      0x10000u

#define PC_TESTDEV_STATE(V, A, S, T)                                                               \
    V(T, uint32_t, data, 1)  /* ports E0-E3 and E8-EB */                                           \
    V(T, uint16_t, lines, 1) /* levels */                                                          \
    V(T, uint16_t, reserved, 1)
STATE_STRUCT(pc_testdev_state, PC_TESTDEV_STATE);

struct pc_testdev_config {
    struct irq_line irq[TESTDEV_LINES];
    uint8_t *iomem; /* TESTDEV_IOMEM bytes, the caller's; not part of the saved state */
};

struct pc_testdev {
    struct device dev;
    struct pc_testdev_state *s;
    struct pc_testdev_config cfg;
    struct region word_ports; /* E0-E3 */
    struct region flush_port; /* E4-E7 */
    struct region byte_ports; /* E8-EB */
    struct region line_ports; /* 2000-2017 */
    struct region memory;     /* FF000000-FF00FFFF */
};

int pc_testdev_init(struct pc_testdev *d, const struct hw *hw, const struct pc_testdev_config *cfg);

#endif
