/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System control port A (92h): fast A20 and fast reset; see port92.c. */
#ifndef CLEAVE_HW_INPUT_PORT92_H
#define CLEAVE_HW_INPUT_PORT92_H

#include "core/bus.h"
#include "core/device.h"

#define PORT92 0x92u

#define PORT92_STATE(V, A, S, T)                                                                   \
    V(T, uint8_t, value, 1)                                                                        \
    A(T, uint8_t, reserved, 7, 1)
STATE_STRUCT(port92_state, PORT92_STATE);

struct port92 {
    struct device dev;
    struct port92_state *s;
    struct region region;
    struct power power;
    /*
     * Told what the port now holds: writing the same value again changes nothing, so a transport
     * may swallow such writes. Called from register writes, reset and resume. May be NULL; the
     * machine sets both fields after port92_init().
     */
    void (*value_changed)(void *opaque, uint16_t port, uint8_t value);
    void *opaque;
};

/* What the arena or the bus refuses. */
int port92_init(struct port92 *p, const struct hw *hw);

#endif
