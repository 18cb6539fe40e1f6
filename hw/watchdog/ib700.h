/* SPDX-License-Identifier: GPL-2.0-or-later */
/* iBASE IB700 single board computer: its watchdog timer at ports 441h and 443h. */
#ifndef CLEAVE_HW_WATCHDOG_IB700_H
#define CLEAVE_HW_WATCHDOG_IB700_H

#include "core/bus.h"
#include "core/clock.h"
#include "core/device.h"

#define IB700_STATE(V, A, S, T)                                                                    \
    V(T, uint8_t, enabled, 1)                                                                      \
    V(T, uint8_t, code, 1) /* time-out as written last, 0-15 */                                    \
    A(T, uint8_t, reserved, 6, 1)
STATE_STRUCT(ib700_state, IB700_STATE);

struct ib700_config {
    void (*expired)(void *opaque); /* the guest did not write in time */
    void *opaque;
};

struct ib700 {
    struct device dev;
    struct ib700_state *s;
    struct ib700_config cfg;
    struct clock *clock;
    unsigned timer;
    struct region ports;
};

int ib700_init(struct ib700 *d, const struct hw *hw, const struct ib700_config *cfg);

#endif
