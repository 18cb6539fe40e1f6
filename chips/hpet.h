/* SPDX-License-Identifier: GPL-2.0-or-later */
/* High precision event timers: one block, three comparators. */
#ifndef CLEAVE_CHIPS_HPET_H
#define CLEAVE_CHIPS_HPET_H

#include "core/bus.h"
#include "core/clock.h"
#include "core/device.h"
#include "core/irq.h"

#define HPET_BASE      0xfed00000u
#define HPET_LEN       0x400u
#define HPET_TIMERS    3u
#define HPET_GSI_FIRST 20u /* routes offered: GSI 20-23 */
#define HPET_GSIS      4u

#define HPET_TIMER_STATE(V, A, S, T)                                                               \
    V(T, uint64_t, config, 1)                                                                      \
    V(T, uint64_t, comparator, 1)                                                                  \
    V(T, uint64_t, period, 1)                                                                      \
    V(T, uint64_t, fired_ns, 1) /* last interrupt; spacing is bounded */

STATE_STRUCT(hpet_timer_state, HPET_TIMER_STATE);

/* While the counter runs it is guest time / 16 ns + `counter`, else `counter` itself. */
#define HPET_STATE(V, A, S, T)                                                                     \
    V(T, uint64_t, config, 1)                                                                      \
    V(T, uint64_t, isr, 1)                                                                         \
    V(T, uint64_t, counter, 1)                                                                     \
    V(T, uint64_t, seen, 1) /* matches up to this counter value are dealt with */                  \
    V(T, uint64_t, owed, 1) /* edges held back by the minimum spacing, a bit per timer */          \
    S(T, hpet_timer_state, timer, HPET_TIMERS, 1)

STATE_STRUCT(hpet_state, HPET_STATE);

/*
 * Lines to the interrupt controllers. `legacy` tells whether legacy replacement is on: then the
 * PIT's and the RTC's own outputs must be cut off IRQ 0 and IRQ 8, which `irq0` and `irq8` drive.
 */
struct hpet_lines {
    struct irq_line gsi[HPET_GSIS];
    struct irq_line irq0;
    struct irq_line irq8;
    struct irq_line legacy;
};

struct hpet {
    struct device dev;
    struct hpet_state *s;
    struct clock *clock;
    struct hpet_lines lines;
    struct region region; /* on hw->mmio at HPET_BASE */
    struct {
        struct hpet *hpet;
        unsigned n;
        unsigned timer;
    } cmp[HPET_TIMERS];
};

/* Adds the chip to hw->arena and maps it on hw->mmio. 0 or -ENOSPC. */
int hpet_init(struct hpet *h, const struct hw *hw, const struct hpet_lines *lines);

/* The main counter now. */
uint64_t hpet_counter(struct hpet *h);

#endif
