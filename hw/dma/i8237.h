/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PC's two 8237A DMA controllers with their page registers. */
#ifndef CLEAVE_HW_DMA_I8237_H
#define CLEAVE_HW_DMA_I8237_H

#include "core/bus.h"
#include "core/device.h"
#include "core/dma.h"

#define I8237_CHANNELS 4u
#define I8237_PAGES    16u

#define I8237_CHANNEL_STATE(V, A, S, T)                                                            \
    V(T, uint16_t, base_address, 1)                                                                \
    V(T, uint16_t, base_count, 1)                                                                  \
    V(T, uint16_t, current_address, 1)                                                             \
    V(T, uint16_t, current_count, 1)                                                               \
    V(T, uint8_t, mode, 1) /* bits 7-2 of the mode register */                                     \
    A(T, uint8_t, reserved, 7, 1)
STATE_STRUCT(i8237_channel_state, I8237_CHANNEL_STATE);

#define I8237_UNIT_STATE(V, A, S, T)                                                               \
    S(T, i8237_channel_state, channel, I8237_CHANNELS, 1)                                          \
    V(T, uint8_t, command, 1)                                                                      \
    V(T, uint8_t, tc, 1)      /* status 3-0: terminal count reached, cleared by a read */          \
    V(T, uint8_t, request, 1) /* software requests */                                              \
    V(T, uint8_t, mask, 1)                                                                         \
    V(T, uint8_t, flip_flop, 1) /* 1: next byte of address or count is the high one */             \
    V(T, uint8_t, temporary, 1)                                                                    \
    A(T, uint8_t, reserved, 2, 1)
STATE_STRUCT(i8237_unit_state, I8237_UNIT_STATE);

#define I8237_STATE(V, A, S, T)                                                                    \
    S(T, i8237_unit_state, unit, 2, 1)  /* channels 0-3 (bytes), 4-7 (words) */                    \
    A(T, uint8_t, page, I8237_PAGES, 1) /* ports 80h-8Fh: address bits 23-16 */                    \
    A(T, uint8_t, high, I8237_PAGES, 1) /* ports 480h-48Fh: address bits 31-24 */
STATE_STRUCT(i8237_state, I8237_STATE);

struct i8237 {
    struct device dev;
    struct i8237_state *s;
    struct dma *dma;
    struct region low;   /* 00-0F */
    struct region high;  /* C0-DF */
    struct region pages; /* 80-8F */
    struct region pages_high;
};

int i8237_init(struct i8237 *d, const struct hw *hw);

/*
 * A device's DREQ on channel 0-7 (not 4): moves up to `len` bytes between `buf` and guest RAM and
 * returns how many were moved, less than `len` when the channel is masked, set up for the other
 * direction, or reaches its terminal count first. `to_memory` is the device's direction. In verify
 * mode bytes count but do not move. *tc is set when the channel reached terminal count in this
 * call. Outside RAM, writes vanish and reads give ones, as on the bus.
 */
uint32_t i8237_transfer(struct i8237 *d, unsigned channel, uint8_t *buf, uint32_t len,
                        bool to_memory, bool *tc);

/* Whether a DREQ on the channel would be served now (controller enabled, channel unmasked). */
bool i8237_ready(const struct i8237 *d, unsigned channel);

#endif
