/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC's DMA: an 8237A for byte channels 0-3, one for word channels 5-7, page registers. Sources:
 * Intel 8237A data sheet 231466; IBM PC AT Technical Reference for the wiring (channel 4 cascades
 * the first controller; the second counts words and shifts its address left by one).
 * Not modelled: memory-to-memory transfers, software requests (latched, never served), bus timing
 * and priorities. A channel costs nothing until a device asks for a transfer.
 */
#include "dma/i8237.h"

#include <errno.h>
#include <string.h>

/* Register numbers 0-7 are address and count of channels 0-3. */
enum {
    REG_COMMAND = 8, /* read: status */
    REG_REQUEST,
    REG_MASK_BIT,
    REG_MODE,
    REG_CLEAR_FLIP_FLOP,
    REG_MASTER_CLEAR, /* read: temporary register */
    REG_CLEAR_MASK,
    REG_MASK_ALL,
};

#define COMMAND_DISABLE 0x04u

#define MODE_TYPE      0x0cu
#define MODE_VERIFY    0x00u
#define MODE_WRITE     0x04u /* to memory */
#define MODE_READ      0x08u
#define MODE_AUTOINIT  0x10u
#define MODE_DECREMENT 0x20u
#define MODE_SELECT    0xc0u
#define MODE_CASCADE   0xc0u
#define MODE_STORED    0xfcu

#define CASCADE_CHANNEL 4u
#define ALL_CHANNELS    0x0fu

STATE_TYPE(i8237_channel_state, I8237_CHANNEL_STATE);
STATE_TYPE(i8237_unit_state, I8237_UNIT_STATE);
STATE_TYPE(i8237_state, I8237_STATE);

/* --- registers of one controller --- */

static uint8_t flip_flop_read(struct i8237_unit_state *u, uint16_t val)
{
    uint8_t byte = u->flip_flop ? (uint8_t)(val >> 8) : (uint8_t)val;

    u->flip_flop ^= 1;
    return byte;
}

/* Writing a byte of address or count loads base and current register alike. */
static void flip_flop_write(struct i8237_unit_state *u, uint16_t *base, uint16_t *current,
                            uint8_t byte)
{
    unsigned shift = u->flip_flop ? 8 : 0;

    *base = (uint16_t)((*base & ~(0xffu << shift)) | (unsigned)byte << shift);
    *current = (uint16_t)((*current & ~(0xffu << shift)) | (unsigned)byte << shift);
    u->flip_flop ^= 1;
}

static void master_clear(struct i8237_unit_state *u)
{
    u->command = 0;
    u->tc = 0;
    u->request = 0;
    u->temporary = 0;
    u->flip_flop = 0;
    u->mask = ALL_CHANNELS;
}

static uint8_t status_read(struct i8237_unit_state *u)
{
    uint8_t val = (uint8_t)(u->request << 4 | u->tc);

    u->tc = 0;
    return val;
}

static uint8_t unit_read(struct i8237_unit_state *u, unsigned reg)
{
    const struct i8237_channel_state *c = &u->channel[(reg >> 1) & 3];

    if (reg < REG_COMMAND) {
        return flip_flop_read(u, reg & 1 ? c->current_count : c->current_address);
    }
    switch (reg) {
    case REG_COMMAND:
        return status_read(u);
    case REG_MASTER_CLEAR:
        return u->temporary;
    case REG_MASK_ALL:
        return (uint8_t)(0xf0 | u->mask);
    default:
        return 0xff;
    }
}

/* Bits 1-0 choose a channel, bit 2 is its new bit. */
static uint8_t bit_written(uint8_t bits, uint8_t val)
{
    uint8_t bit = (uint8_t)(1u << (val & 3));

    return val & 4 ? bits | bit : bits & (uint8_t)~bit;
}

static void unit_control_write(struct i8237_unit_state *u, unsigned reg, uint8_t val)
{
    switch (reg) {
    case REG_COMMAND:
        u->command = val;
        break;
    case REG_REQUEST:
        u->request = bit_written(u->request, val);
        break;
    case REG_MASK_BIT:
        u->mask = bit_written(u->mask, val);
        break;
    case REG_MODE:
        u->channel[val & 3].mode = val & MODE_STORED;
        break;
    case REG_CLEAR_FLIP_FLOP:
        u->flip_flop = 0;
        break;
    case REG_MASTER_CLEAR:
        master_clear(u);
        break;
    case REG_CLEAR_MASK:
        u->mask = 0;
        break;
    default:
        u->mask = val & ALL_CHANNELS;
        break;
    }
}

static void unit_write(struct i8237_unit_state *u, unsigned reg, uint8_t val)
{
    struct i8237_channel_state *c = &u->channel[(reg >> 1) & 3];

    if (reg >= REG_COMMAND) {
        unit_control_write(u, reg, val);
    } else if (reg & 1) {
        flip_flop_write(u, &c->base_count, &c->current_count, val);
    } else {
        flip_flop_write(u, &c->base_address, &c->current_address, val);
    }
}

/* --- ports --- */

static uint64_t low_read(void *opaque, uint32_t off, unsigned size)
{
    return unit_read(&((struct i8237 *)opaque)->s->unit[0], off);
}

static void low_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    unit_write(&((struct i8237 *)opaque)->s->unit[0], off, (uint8_t)val);
}

/* The second controller is wired one address line higher. */
static uint64_t high_read(void *opaque, uint32_t off, unsigned size)
{
    return unit_read(&((struct i8237 *)opaque)->s->unit[1], off >> 1);
}

static void high_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    unit_write(&((struct i8237 *)opaque)->s->unit[1], off >> 1, (uint8_t)val);
}

static uint64_t page_read(void *opaque, uint32_t off, unsigned size)
{
    return ((struct i8237 *)opaque)->s->page[off];
}

static void page_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    ((struct i8237 *)opaque)->s->page[off] = (uint8_t)val;
}

static uint64_t page_high_read(void *opaque, uint32_t off, unsigned size)
{
    return ((struct i8237 *)opaque)->s->high[off];
}

static void page_high_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    ((struct i8237 *)opaque)->s->high[off] = (uint8_t)val;
}

static const struct reg low_regs[] = {{0, 16, BUS_W1, low_read, low_write, "8237 0-3"}};
static const struct reg high_regs[] = {{0, 32, BUS_W1, high_read, high_write, "8237 4-7"}};
static const struct reg page_regs[] = {{0, I8237_PAGES, BUS_W1, page_read, page_write, "DMA page"}};
static const struct reg page_high_regs[] = {
    {0, I8237_PAGES, BUS_W1, page_high_read, page_high_write, "DMA high page"},
};

/* --- transfers --- */

/* Where the current transfer of a channel goes. Word channels ignore bit 0 of the page. */
static uint64_t channel_gpa(const struct i8237_state *s, unsigned channel)
{
    static const uint8_t page_port[8] = {0x7, 0x3, 0x1, 0x2, 0xf, 0xb, 0x9, 0xa};
    const struct i8237_channel_state *c = &s->unit[channel >> 2].channel[channel & 3];
    uint32_t top = (uint32_t)s->high[page_port[channel]] << 24;
    uint32_t page = s->page[page_port[channel]];

    if (channel < CASCADE_CHANNEL) {
        return top | page << 16 | c->current_address;
    }
    return top | (page & 0xfe) << 16 | (uint32_t)c->current_address << 1;
}

static bool unit_serves(const struct i8237_unit_state *u, unsigned channel)
{
    return !(u->command & COMMAND_DISABLE) && !(u->mask >> channel & 1);
}

/* Requests of channels 0-3 pass through channel 4. */
bool i8237_ready(const struct i8237 *d, unsigned channel)
{
    const struct i8237_unit_state *second = &d->s->unit[1];

    if (channel < CASCADE_CHANNEL) {
        return unit_serves(&d->s->unit[0], channel) && unit_serves(second, 0);
    }
    return channel != CASCADE_CHANNEL && channel < 8 && unit_serves(second, channel & 3);
}

/* The direction a device must have for the channel's mode; verify takes both. */
static bool mode_fits(const struct i8237_channel_state *c, bool to_memory)
{
    unsigned type = c->mode & MODE_TYPE;

    if ((c->mode & MODE_SELECT) == MODE_CASCADE) {
        return false;
    }
    return type == MODE_VERIFY || type == (to_memory ? MODE_WRITE : MODE_READ);
}

/*
 * Elements until the terminal count, the end of the caller's buffer, or the wrap of the 16-bit
 * address (at 64 KiB, or 128 KiB of words), whichever is first. Downwards it is one at a time.
 */
static uint32_t run_length(const struct i8237_channel_state *c, uint32_t elements)
{
    uint32_t to_tc = c->current_count + 1u;
    uint32_t to_wrap = 0x10000u - c->current_address;
    uint32_t run = elements < to_tc ? elements : to_tc;

    if (c->mode & MODE_DECREMENT) {
        return 1;
    }
    return run < to_wrap ? run : to_wrap;
}

static void move(struct i8237 *d, const struct i8237_channel_state *c, uint64_t gpa, uint8_t *buf,
                 uint32_t bytes)
{
    unsigned type = c->mode & MODE_TYPE;

    if (type == MODE_WRITE) {
        (void)dma_write(d->dma, gpa, buf, bytes);
    } else if (type == MODE_READ) {
        (void)dma_read(d->dma, gpa, buf, bytes);
    }
}

/* Counts a run; true at terminal count: reload, or mask the channel. */
static bool channel_advance(struct i8237_unit_state *u, unsigned n, uint32_t run)
{
    struct i8237_channel_state *c = &u->channel[n];
    bool tc = run > c->current_count;

    c->current_address = (uint16_t)(c->current_address + (c->mode & MODE_DECREMENT ? -run : run));
    c->current_count = (uint16_t)(c->current_count - run);
    if (!tc) {
        return false;
    }
    u->tc |= (uint8_t)(1u << n);
    u->request &= (uint8_t) ~(1u << n);
    if (c->mode & MODE_AUTOINIT) {
        c->current_address = c->base_address;
        c->current_count = c->base_count;
    } else {
        u->mask |= (uint8_t)(1u << n);
    }
    return true;
}

uint32_t i8237_transfer(struct i8237 *d, unsigned channel, uint8_t *buf, uint32_t len,
                        bool to_memory, bool *tc)
{
    struct i8237_unit_state *u = &d->s->unit[(channel >> 2) & 1];
    struct i8237_channel_state *c = &u->channel[channel & 3];
    unsigned width = channel < CASCADE_CHANNEL ? 1 : 2;
    uint32_t done = 0;

    *tc = false;
    if (!i8237_ready(d, channel) || !mode_fits(c, to_memory)) {
        return 0;
    }
    while (!*tc && len - done >= width) {
        uint32_t run = run_length(c, (len - done) / width);

        move(d, c, channel_gpa(d->s, channel), buf + done, run * width);
        *tc = channel_advance(u, channel & 3, run);
        done += run * width;
    }
    return done;
}

/* --- life --- */

static void i8237_reset(struct device *dev, enum reset_kind kind)
{
    struct i8237_state *s = ((struct i8237 *)dev)->s;

    *s = (struct i8237_state){0};
    master_clear(&s->unit[0]);
    master_clear(&s->unit[1]);
}

static int i8237_check(const void *state)
{
    const struct i8237_state *s = state;

    for (unsigned i = 0; i < 2; i++) {
        const struct i8237_unit_state *u = &s->unit[i];

        if (u->flip_flop > 1 || ((u->tc | u->request | u->mask) & ~ALL_CHANNELS)) {
            return -EINVAL;
        }
        for (unsigned n = 0; n < 4; n++) {
            if (u->channel[n].mode & ~MODE_STORED) {
                return -EINVAL;
            }
        }
    }
    return 0;
}

static void i8237_resume(struct device *dev)
{
}

static const struct device_class i8237_class = {
    .name = "i8237",
    .state = &i8237_state_type,
    .reset = i8237_reset,
    .check = i8237_check,
    .resume = i8237_resume,
};

int i8237_init(struct i8237 *d, const struct hw *hw)
{
    int err = arena_add(hw->arena, &d->dev, &i8237_class, "i8237");

    if (err) {
        return err;
    }
    d->s = d->dev.state;
    d->dma = hw->dma;
    d->low = region_of("dma-low", low_regs, low_regs->length, d);
    d->high = region_of("dma-high", high_regs, high_regs->length, d);
    d->pages = region_of("dma-page", page_regs, page_regs->length, d);
    d->pages_high = region_of("dma-page-high", page_high_regs, page_high_regs->length, d);
    /* Addresses, counts, pages: they matter when a transfer begins. Port 80h gets POST codes. */
    d->low.posted[0] = (struct region_posted){0, REG_COMMAND};
    d->high.posted[0] = (struct region_posted){0, 2 * REG_COMMAND};
    d->pages.posted[0] = (struct region_posted){0, I8237_PAGES};
    d->pages_high.posted[0] = (struct region_posted){0, I8237_PAGES};
    err = bus_map(hw->pio, &d->low, 0x00);
    err = err ? err : bus_map(hw->pio, &d->high, 0xc0);
    err = err ? err : bus_map(hw->pio, &d->pages, 0x80);
    return err ? err : bus_map(hw->pio, &d->pages_high, 0x480);
}
