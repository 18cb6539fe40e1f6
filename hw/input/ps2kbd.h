/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PS/2 keyboard (enhanced, 101/102 keys). Source: IBM PS/2 keyboard reference; see ps2kbd.c. */
#ifndef CLEAVE_HW_INPUT_PS2KBD_H
#define CLEAVE_HW_INPUT_PS2KBD_H

#include "core/clock.h"
#include "input/keymap.h"
#include "input/ps2queue.h"

#define PS2_KBD_STATE(V, A, S, T)                                                                  \
    S(T, ps2_queue_state, queue, 1, 1)                                                             \
    V(T, uint8_t, command, 1)  /* waits for its parameter, or 0 */                                 \
    V(T, uint8_t, set, 1)      /* scan code set 1..3 */                                            \
    V(T, uint8_t, scanning, 1) /* 1: keys are reported */                                          \
    V(T, uint8_t, leds, 1)                                                                         \
    V(T, uint8_t, typematic, 1)  /* delay and rate, as F3h sets them */                            \
    V(T, uint8_t, make_only, 1)  /* set 3 without break codes */                                   \
    V(T, uint8_t, no_repeat, 1)  /* set 3 without typematic */                                     \
    V(T, uint8_t, repeat_key, 1) /* the key that repeats while it is held, or 0 */

STATE_STRUCT(ps2_kbd_state, PS2_KBD_STATE);

struct ps2_kbd {
    struct ps2_kbd_state *s;
    struct ps2_port port;
    struct clock *clock;
    unsigned timer; /* the next repetition; armed only while a key is held */
};

/* At set-up: takes a timer of the clock. */
void ps2_kbd_init(struct ps2_kbd *k, struct ps2_kbd_state *s, struct ps2_port port,
                  struct clock *clock);

void ps2_kbd_reset(struct ps2_kbd *k);
int ps2_kbd_check(const struct ps2_kbd_state *s);

/* A byte from the host computer. */
void ps2_kbd_command(struct ps2_kbd *k, uint8_t val);

/*
 * A key goes down or up; `key` from ps2_keycode_by_name(). The keyboard repeats the last key that
 * went down until it is let go; a further `down` of it changes nothing. When the guest does not
 * read, the newest keys are lost, releases last.
 */
void ps2_kbd_key(struct ps2_kbd *k, unsigned key, bool down);

#endif
