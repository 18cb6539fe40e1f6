/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Output of a PS/2 device: replies first, then events. See ps2queue.h. */
#include "input/ps2queue.h"

#include <errno.h>

STATE_TYPE(ps2_queue_state, PS2_QUEUE_STATE);

void ps2_queue_clear(struct ps2_queue_state *q)
{
    *q = (struct ps2_queue_state){0};
}

void ps2_queue_reply_begin(struct ps2_queue_state *q)
{
    q->reply_head = 0;
    q->reply_count = 0;
}

void ps2_queue_reply(struct ps2_queue_state *q, uint8_t val)
{
    if (q->reply_count < PS2_REPLY_SIZE) {
        q->reply[(q->reply_head + q->reply_count) % PS2_REPLY_SIZE] = val;
        q->reply_count++;
    }
}

bool ps2_queue_put(struct ps2_queue_state *q, const uint8_t *data, unsigned len, unsigned spare)
{
    if (len + spare > PS2_QUEUE_SIZE - q->count) {
        return false;
    }
    for (unsigned i = 0; i < len; i++) {
        q->data[((unsigned)q->head + q->count) % PS2_QUEUE_SIZE] = data[i];
        q->count++;
    }
    return true;
}

bool ps2_queue_empty(const struct ps2_queue_state *q)
{
    return q->reply_count == 0 && q->count == 0;
}

uint8_t ps2_queue_get(struct ps2_queue_state *q)
{
    if (q->reply_count) {
        q->last = q->reply[q->reply_head % PS2_REPLY_SIZE];
        q->reply_head = (uint8_t)((q->reply_head + 1) % PS2_REPLY_SIZE);
        q->reply_count--;
    } else if (q->count) {
        q->last = q->data[q->head % PS2_QUEUE_SIZE];
        q->head = (uint16_t)((q->head + 1) % PS2_QUEUE_SIZE);
        q->count--;
    }
    return q->last;
}

int ps2_queue_check(const struct ps2_queue_state *q)
{
    if (q->head >= PS2_QUEUE_SIZE || q->count > PS2_QUEUE_SIZE || q->reply_head >= PS2_REPLY_SIZE ||
        q->reply_count > PS2_REPLY_SIZE) {
        return -EINVAL;
    }
    return 0;
}
