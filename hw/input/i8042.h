/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 8042 keyboard controller with its keyboard and mouse, ports 60 and 64; see i8042.c. */
#ifndef CLEAVE_HW_INPUT_I8042_H
#define CLEAVE_HW_INPUT_I8042_H

#include "core/bus.h"
#include "core/clock.h"
#include "core/device.h"
#include "core/irq.h"
#include "input/ps2kbd.h"
#include "input/ps2mouse.h"

#define I8042_STATE(V, A, S, T)                                                                    \
    S(T, ps2_kbd_state, kbd, 1, 1)                                                                 \
    S(T, ps2_mouse_state, mouse, 1, 1)                                                             \
    V(T, uint8_t, status, 1)      /* port 64 */                                                    \
    V(T, uint8_t, output, 1)      /* output buffer, port 60 */                                     \
    V(T, uint8_t, command, 1)     /* waits for its data byte at port 60, or 0 */                   \
    V(T, uint8_t, out_port, 1)    /* reset, A20; the other bits are computed */                    \
    V(T, uint8_t, answer, 1)      /* of the controller itself, when answer_from is not 0 */        \
    V(T, uint8_t, answer_from, 1) /* 0 none, 1 controller or keyboard, 2 mouse */                  \
    V(T, uint8_t, break_seen, 1)  /* translation: F0 came, its key not yet */                      \
    V(T, uint8_t, reserved, 1)                                                                     \
    A(T, uint8_t, ram, 32, 1) /* byte 0 is the command byte */

STATE_STRUCT(i8042_state, I8042_STATE);

struct i8042 {
    struct device dev;
    struct i8042_state *s;
    struct ps2_kbd kbd;
    struct ps2_mouse mouse;
    struct region data;        /* port 60 */
    struct region control;     /* port 64 */
    struct irq_line irq_kbd;   /* ISA IRQ 1, an edge per byte */
    struct irq_line irq_mouse; /* ISA IRQ 12 */
    struct power power;
    struct clock *clock;
    unsigned timer; /* the next byte's arrival */
};

/* What the arena or the bus refuses. */
int i8042_init(struct i8042 *c, const struct hw *hw, struct irq_line irq_kbd,
               struct irq_line irq_mouse);

#endif
