/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PS/2 keyboard (enhanced, 101/102 keys). Source: IBM PS/2 keyboard reference; see ps2kbd.c. */
#ifndef CLEAVE_HW_INPUT_PS2KBD_H
#define CLEAVE_HW_INPUT_PS2KBD_H

#include "input/keymap.h"
#include "input/ps2queue.h"

#define PS2_KBD_STATE(V, A, S, T)                                                                  \
    S(T, ps2_queue_state, queue, 1, 1)                                                             \
    V(T, uint8_t, command, 1)  /* waits for its parameter, or 0 */                                 \
    V(T, uint8_t, set, 1)      /* scan code set 1..3 */                                            \
    V(T, uint8_t, scanning, 1) /* 1: keys are reported */                                          \
    V(T, uint8_t, leds, 1)                                                                         \
    V(T, uint8_t, typematic, 1)                                                                    \
    V(T, uint8_t, make_only, 1) /* set 3 without break codes */                                    \
    A(T, uint8_t, reserved, 2, 1)

STATE_STRUCT(ps2_kbd_state, PS2_KBD_STATE);

struct ps2_kbd {
    struct ps2_kbd_state *s;
    struct ps2_port port;
};

void ps2_kbd_reset(struct ps2_kbd *k);
int ps2_kbd_check(const struct ps2_kbd_state *s);

/* A byte from the host computer. */
void ps2_kbd_command(struct ps2_kbd *k, uint8_t val);

/*
 * A key goes down or up; `key` from ps2_keycode_by_name(). The keyboard does not repeat by itself:
 * a held key is a further `down`. When the guest does not read, the newest keys are lost, releases
 * last.
 */
void ps2_kbd_key(struct ps2_kbd *k, unsigned key, bool down);

#endif
