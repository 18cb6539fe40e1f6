/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PS/2 mouse with the IntelliMouse wheel and five buttons; see ps2mouse.c. */
#ifndef CLEAVE_HW_INPUT_PS2MOUSE_H
#define CLEAVE_HW_INPUT_PS2MOUSE_H

#include "input/ps2queue.h"

#define PS2_MOUSE_STATE(V, A, S, T)                                                                \
    S(T, ps2_queue_state, queue, 1, 1)                                                             \
    V(T, uint32_t, dx, 1) /* movement not yet reported, signed */                                  \
    V(T, uint32_t, dy, 1) /* upwards */                                                            \
    V(T, uint32_t, dz, 1)                                                                          \
    V(T, uint8_t, buttons, 1)                                                                      \
    V(T, uint8_t, reported, 1) /* buttons of the last packet */                                    \
    V(T, uint8_t, command, 1)  /* waits for its parameter, or 0 */                                 \
    V(T, uint8_t, id, 1)       /* 0, 3 (wheel) or 4 (five buttons) */                              \
    V(T, uint8_t, knock, 1)    /* how far the sequence of rates has come */                        \
    V(T, uint8_t, remote, 1)                                                                       \
    V(T, uint8_t, wrap, 1)                                                                         \
    V(T, uint8_t, enabled, 1)                                                                      \
    V(T, uint8_t, scaling, 1) /* 1: 2:1 */                                                         \
    V(T, uint8_t, resolution, 1)                                                                   \
    V(T, uint8_t, rate, 1)                                                                         \
    V(T, uint8_t, reserved, 1)

STATE_STRUCT(ps2_mouse_state, PS2_MOUSE_STATE);

struct ps2_mouse {
    struct ps2_mouse_state *s;
    struct ps2_port port;
};

#define PS2_BUTTON_LEFT   0x01u
#define PS2_BUTTON_RIGHT  0x02u
#define PS2_BUTTON_MIDDLE 0x04u
#define PS2_BUTTON_SIDE   0x08u
#define PS2_BUTTON_EXTRA  0x10u

void ps2_mouse_reset(struct ps2_mouse *m);
int ps2_mouse_check(const struct ps2_mouse_state *s);

/* A byte from the host computer. */
void ps2_mouse_command(struct ps2_mouse *m, uint8_t val);

/* Movement to the right and down, wheel towards the user, and the buttons as they are now. */
void ps2_mouse_event(struct ps2_mouse *m, int dx, int dy, int dz, unsigned buttons);

/* The controller fetched a byte: movement that had found no room may be reported now. */
void ps2_mouse_fetched(struct ps2_mouse *m);

#endif
