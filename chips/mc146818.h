/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MC146818A real-time clock: registers 0 to 13 (the CMOS bytes above belong to hw/nvram). */
#ifndef CLEAVE_CHIPS_MC146818_H
#define CLEAVE_CHIPS_MC146818_H

#include "core/bus.h"
#include "core/clock.h"
#include "core/device.h"
#include "core/irq.h"

#define RTC_REGS         14u
#define RTC_ISA_IRQ      8u
#define RTC_IO_BASE      0x70u
#define RTC_INDEX_NO_NMI 0x7fu /* bit 7 of port 70h is the NMI mask, not part of the index */

/*
 * Times are nanoseconds of guest time plus one second (so that a divider that was reset half a
 * second before power-on has a positive start). While the clock counts, the time of day is
 * `base_sec` at `base_ns` and reg[0,2,4,6-9] are stale; while it stands, they are the time of day.
 */
#define RTC_STATE(V, A, S, T)                                                                      \
    V(T, uint64_t, base_ns, 1)  /* start of a second: divider chain at zero */                     \
    V(T, uint64_t, base_sec, 1) /* seconds since 2000-01-01, modulo 100 years */                   \
    V(T, uint64_t, seen_ns, 1)  /* events up to here are in register C */                          \
    A(T, uint8_t, reg, 14, 1)                                                                      \
    V(T, uint8_t, index, 1)                                                                        \
    V(T, uint8_t, dow_skew, 1) /* day of week as set by the guest against the calendar's */        \
    V(T, uint32_t, owed, 1)    /* periodic interrupts that came too late to be separate */         \
    V(T, uint32_t, phase, 1) /* divider ticks (of a second) at which periodic interrupts count */  \
                             /* from: a change of the rate takes effect with the tick before */

STATE_STRUCT(rtc_state, RTC_STATE);

struct rtc {
    struct device dev;
    struct rtc_state *s;
    struct clock *clock;
    struct irq_line irq;
    int64_t epoch; /* time of day at guest time 0, seconds since 1970 */
    unsigned periodic_timer;
    unsigned second_timer;
    struct region region; /* ports 70h-71h for a world where nobody else dispatches them */
    /* There: CMOS bytes 14-127. May be NULL. Set by the machine before the region is mapped. */
    uint8_t (*cmos_read)(void *opaque, uint8_t index);
    void (*cmos_write)(void *opaque, uint8_t index, uint8_t val);
    void *cmos;
};

/*
 * Adds the chip to hw->arena. `epoch` is the time of day at guest time 0 in seconds since
 * 1970-01-01, already shifted by the caller if the guest wants local time. 0 or -ENOSPC.
 */
int rtc_init(struct rtc *r, const struct hw *hw, struct irq_line irq, int64_t epoch);

/*
 * Port 70h: latches the index (bit 7 ignored). True when it selects a register of this chip; a
 * write always goes to the CMOS bytes' owner too. Reads of port 70h answer FFh everywhere.
 */
bool rtc_index_write(struct rtc *r, uint8_t val);

/* Port 71h. False, with nothing done, when the latched index is 14 or more. */
bool rtc_data_read(struct rtc *r, uint8_t *val);
bool rtc_data_write(struct rtc *r, uint8_t val);

#endif
