/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a PS/2 device has to say: replies to commands, which go first, and a bounded queue of events
 * into which a sequence enters whole or not at all.
 */
#ifndef CLEAVE_HW_INPUT_PS2QUEUE_H
#define CLEAVE_HW_INPUT_PS2QUEUE_H

#include <stdbool.h>

#include "core/state.h"

#define PS2_QUEUE_SIZE 256u /* divides 2^32 */
#define PS2_REPLY_SIZE 8u

#define PS2_QUEUE_STATE(V, A, S, T)                                                                \
    V(T, uint16_t, head, 1)  /* next event byte to send */                                         \
    V(T, uint16_t, count, 1) /* event bytes queued */                                              \
    V(T, uint8_t, reply_head, 1)                                                                   \
    V(T, uint8_t, reply_count, 1)                                                                  \
    V(T, uint8_t, last, 1) /* what FEh repeats */                                                  \
    V(T, uint8_t, reserved, 1)                                                                     \
    A(T, uint8_t, reply, PS2_REPLY_SIZE, 1)                                                        \
    A(T, uint8_t, data, PS2_QUEUE_SIZE, 1)

STATE_STRUCT(ps2_queue_state, PS2_QUEUE_STATE);

/* Told that there may be something new to fetch. */
struct ps2_port {
    void (*ready)(void *opaque);
    void *opaque;
};

static inline void ps2_port_ready(const struct ps2_port *p)
{
    p->ready(p->opaque);
}

void ps2_queue_clear(struct ps2_queue_state *q);
/* Forgets earlier replies: a device answers the command it got last. */
void ps2_queue_reply_begin(struct ps2_queue_state *q);
void ps2_queue_reply(struct ps2_queue_state *q, uint8_t val);
/* False and no change unless `len` bytes and `spare` more fit. */
bool ps2_queue_put(struct ps2_queue_state *q, const uint8_t *data, unsigned len, unsigned spare);
bool ps2_queue_empty(const struct ps2_queue_state *q);
/* The next byte; the last one again when empty. */
uint8_t ps2_queue_get(struct ps2_queue_state *q);
/* 0, or -EINVAL for indices out of range. */
int ps2_queue_check(const struct ps2_queue_state *q);

#endif
