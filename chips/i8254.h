/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 8254 interval timer of a PC with system control port B (61h). */
#ifndef CLEAVE_CHIPS_I8254_H
#define CLEAVE_CHIPS_I8254_H

#include "core/bus.h"
#include "core/clock.h"
#include "core/device.h"
#include "core/irq.h"

#define I8254_HZ       1193182u
#define I8254_COUNTERS 3u

/* Times are in CLK periods since power-on. */
#define I8254_COUNTER_STATE(V, A, S, T)                                                            \
    V(T, uint64_t, start, 1)   /* when the counting element was loaded; later while it starts */   \
    V(T, uint64_t, elapsed, 1) /* periods counted up to the moment when GATE stopped it */         \
    V(T, uint16_t, count, 1)   /* in the counting element; 0 is 65536 (10000 in BCD) */            \
    V(T, uint16_t, cr, 1)      /* count register: loaded at the next trigger or period */          \
    V(T, uint16_t, latch, 1)   /* output latch */                                                  \
    V(T, uint8_t, control, 1)  /* RW, mode and BCD bits as written */                              \
    V(T, uint8_t, status, 1)   /* latched status byte */                                           \
    V(T, uint8_t, gate, 1)                                                                         \
    V(T, uint8_t, running, 1)    /* a count was loaded (modes 1 and 5: and triggered) */           \
    V(T, uint8_t, reload, 1)     /* cr waits for the end of the period (modes 2 and 3) */          \
    V(T, uint8_t, null_count, 1) /* cr holds what is not in the counting element yet */            \
    V(T, uint8_t, status_latched, 1)                                                               \
    V(T, uint8_t, latched, 1)    /* bytes of `latch` that are still to be read */                  \
    V(T, uint8_t, read_high, 1)  /* the next read is the high byte */                              \
    V(T, uint8_t, write_high, 1) /* the next write is the high byte */                             \
    V(T, uint8_t, low, 1)        /* low byte written */                                            \
    A(T, uint8_t, reserved, 7, 1)
STATE_STRUCT(i8254_counter_state, I8254_COUNTER_STATE);

#define I8254_STATE(V, A, S, T)                                                                    \
    S(T, i8254_counter_state, counter, I8254_COUNTERS, 1)                                          \
    V(T, uint8_t, port_b, 1) /* bits 0-3 of port 61h */                                            \
    A(T, uint8_t, reserved, 7, 1)
STATE_STRUCT(i8254_state, I8254_STATE);

struct i8254 {
    struct device dev;
    struct i8254_state *s;
    struct clock *clock;
    struct irq_line out0; /* OUT 0: IRQ 0 */
    unsigned timer;
    struct region ports; /* 40h-43h */
    struct region port_b;
};

/* What the arena or the bus refuses. */
int i8254_init(struct i8254 *p, const struct hw *hw, struct irq_line out0);

#endif
