/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 16550A UART (National Semiconductor PC16550D): a serial port. */
#ifndef CLEAVE_HW_CHAR_NS16550_H
#define CLEAVE_HW_CHAR_NS16550_H

#include "core/bus.h"
#include "core/chr.h"
#include "core/clock.h"
#include "core/device.h"
#include "core/irq.h"

#define NS16550_FIFO 16u

#define NS16550_STATE(V, A, S, T)                                                                  \
    V(T, uint16_t, divisor, 1) /* DLM:DLL */                                                       \
    V(T, uint8_t, ier, 1)                                                                          \
    V(T, uint8_t, fcr, 1) /* FIFO enable, DMA mode and trigger level as written */                 \
    V(T, uint8_t, lcr, 1)                                                                          \
    V(T, uint8_t, mcr, 1)                                                                          \
    V(T, uint8_t, lsr, 1) /* overrun, parity, framing, break, FIFO error */                        \
    V(T, uint8_t, msr, 1) /* delta bits only; levels follow from MCR in loopback */                \
    V(T, uint8_t, scr, 1)                                                                          \
    V(T, uint8_t, thri, 1)    /* transmitter-empty interrupt pending */                            \
    V(T, uint8_t, timeout, 1) /* character timeout interrupt pending */                            \
    V(T, uint8_t, rx_count, 1)                                                                     \
    V(T, uint8_t, rx_first, 1)                                                                     \
    V(T, uint8_t, tx_count, 1)                                                                     \
    V(T, uint8_t, tx_first, 1)                                                                     \
    V(T, uint8_t, reserved, 1)                                                                     \
    A(T, uint8_t, rx, NS16550_FIFO, 1)                                                             \
    A(T, uint8_t, tx, NS16550_FIFO, 1)
STATE_STRUCT(ns16550_state, NS16550_STATE);

/* chr NULL: nobody at the other end; what is sent vanishes. It is the caller's. */
struct ns16550_config {
    const char *id; /* "serial0" */
    uint16_t base;  /* 0x3f8, 0x2f8 */
    struct irq_line irq;
    const struct chr *chr;
};

struct ns16550 {
    struct device dev;
    struct ns16550_state *s;
    struct clock *clock;
    struct irq_line irq;
    const struct chr *chr;
    struct chr_front front; /* for the back end: it calls these */
    struct region ports;
    unsigned timer;
};

int ns16550_init(struct ns16550 *u, const struct hw *hw, const struct ns16550_config *config);

#endif
