/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PC's pair of 8259A interrupt controllers with PIIX's edge/level registers. */
#ifndef CLEAVE_CHIPS_I8259_H
#define CLEAVE_CHIPS_I8259_H

#include "core/bus.h"
#include "core/device.h"
#include "core/irq.h"

#define I8259_UNITS   2u
#define I8259_INPUTS  16u
#define I8259_CASCADE 2u /* master input that the slave drives; nothing else may */

#define I8259_UNIT_STATE(V, A, S, T)                                                               \
    V(T, uint8_t, lines, 1) /* level of each input */                                              \
    V(T, uint8_t, irr, 1)                                                                          \
    V(T, uint8_t, imr, 1)                                                                          \
    V(T, uint8_t, isr, 1)                                                                          \
    V(T, uint8_t, elcr, 1)   /* 1: level triggered */                                              \
    V(T, uint8_t, base, 1)   /* ICW2: vector of input 0 */                                         \
    V(T, uint8_t, lowest, 1) /* input of lowest priority */                                        \
    V(T, uint8_t, step, 1)   /* ICW expected at the data port next; 0: OCW1 */                     \
    V(T, uint8_t, icw1, 1)                                                                         \
    V(T, uint8_t, icw3, 1)                                                                         \
    V(T, uint8_t, icw4, 1)                                                                         \
    V(T, uint8_t, rotate_aeoi, 1)                                                                  \
    V(T, uint8_t, special_mask, 1)                                                                 \
    V(T, uint8_t, poll, 1)     /* the next read is a poll */                                       \
    V(T, uint8_t, read_isr, 1) /* the command port shows ISR, not IRR */                           \
    V(T, uint8_t, reserved, 1)
STATE_STRUCT(i8259_unit_state, I8259_UNIT_STATE);

#define I8259_STATE(V, A, S, T) S(T, i8259_unit_state, unit, I8259_UNITS, 1)
STATE_STRUCT(i8259_state, I8259_STATE);

struct i8259 {
    struct device dev;
    struct i8259_state *s;
    struct irq_line intr; /* to the CPU */
    struct region ports[I8259_UNITS];
    struct region elcr;
};

/* Ports 20h, A0h and 4D0h. What the arena or the bus refuses. */
int i8259_init(struct i8259 *p, const struct hw *hw, struct irq_line intr);

/* The level of input 0-15; input 2 is the slave's and is ignored. */
void i8259_set(struct i8259 *p, unsigned input, int level);

/* The CPU's acknowledge cycle: the vector. */
uint8_t i8259_acknowledge(struct i8259 *p);

/* Whether INTR is high. */
bool i8259_pending(const struct i8259 *p);

#endif
