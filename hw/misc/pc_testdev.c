/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PC test device: a 32-bit register reachable in every width at ports E0 and E8 (there byte by
 * byte), a byte port per ISA interrupt line from 2000h, 64 KiB of registers that keep what is
 * written at FF000000h. Source: what kvm-unit-tests' x86 tests ask of it. The page that a write to
 * port E4 names is always mapped here, so that the write has no effect.
 */
#include "misc/pc_testdev.h"

#include <string.h>

#define PORT_WORD  0xe0u
#define PORT_FLUSH 0xe4u
#define PORT_BYTES 0xe8u
#define PORT_LINES 0x2000u
#define MEMORY     0xff000000ull

STATE_TYPE(pc_testdev_state, PC_TESTDEV_STATE);

/* --- the register --- */

static uint64_t data_read(void *opaque, uint32_t off, unsigned size)
{
    const struct pc_testdev *d = opaque;

    return (d->s->data >> (8 * off)) & bus_ones(size);
}

static void data_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    struct pc_testdev *d = opaque;
    uint32_t mask = (uint32_t)bus_ones(size) << (8 * off);

    d->s->data = (d->s->data & ~mask) | ((uint32_t)val << (8 * off) & mask);
}

static const struct reg word_regs[] = {
    {0, 4, BUS_W1 | BUS_W2 | BUS_W4, data_read, data_write, "data"},
};

static const struct reg byte_regs[] = {
    {0, 4, BUS_W1, data_read, data_write, "data bytes"},
};

static const struct reg flush_regs[] = {
    {0, 4, BUS_W4, NULL, NULL, "flush page"},
};

/* --- interrupt lines --- */

static void lines_update(struct pc_testdev *d)
{
    for (unsigned n = 0; n < TESTDEV_LINES; n++) {
        irq_set(&d->cfg.irq[n], d->s->lines >> n & 1);
    }
}

static void line_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    struct pc_testdev *d = opaque;

    if (off < TESTDEV_LINES) {
        uint16_t bit = (uint16_t)(1u << off);

        d->s->lines = (uint16_t)(val ? d->s->lines | bit : d->s->lines & ~bit);
        irq_set(&d->cfg.irq[off], val != 0);
    }
}

static const struct reg line_regs[] = {
    {0, TESTDEV_LINE_PORTS, BUS_W1, NULL, line_write, "lines"},
};

/* --- memory-mapped bytes --- */

static uint64_t memory_read(void *opaque, uint32_t off, unsigned size)
{
    const struct pc_testdev *d = opaque;
    uint64_t val = 0;

    memcpy(&val, d->cfg.iomem + off, size);
    return val;
}

static void memory_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    struct pc_testdev *d = opaque;

    memcpy(d->cfg.iomem + off, &val, size);
}

static const struct reg memory_regs[] = {
    {0, TESTDEV_IOMEM, BUS_W1 | BUS_W2 | BUS_W4 | BUS_W8, memory_read, memory_write, "memory"},
};

/* --- the device --- */

static void testdev_reset(struct device *dev, enum reset_kind kind)
{
    struct pc_testdev *d = (struct pc_testdev *)dev;

    *d->s = (struct pc_testdev_state){0};
    memset(d->cfg.iomem, 0, TESTDEV_IOMEM);
    lines_update(d);
}

/* Any value can be written, so any can be loaded. */
static int testdev_check(const void *state)
{
    return 0;
}

static void testdev_resume(struct device *dev)
{
    lines_update((struct pc_testdev *)dev);
}

static const struct device_class testdev_class = {
    .name = "pc-testdev",
    .state = &pc_testdev_state_type,
    .reset = testdev_reset,
    .check = testdev_check,
    .resume = testdev_resume,
};

/* Above what else may be at the same address (the debug port E9). */
static struct region testdev_region(struct pc_testdev *d, const char *name, const struct reg *regs,
                                    uint64_t len)
{
    struct region r = region_of(name, regs, len, d);

    r.priority = 1;
    return r;
}

int pc_testdev_init(struct pc_testdev *d, const struct hw *hw, const struct pc_testdev_config *cfg)
{
    int ret;

    memset(d, 0, sizeof(*d));
    d->cfg = *cfg;
    ret = arena_add(hw->arena, &d->dev, &testdev_class, "pc-testdev");
    if (ret) {
        return ret;
    }
    d->s = d->dev.state;
    d->word_ports = testdev_region(d, "testdev", word_regs, 4);
    d->flush_port = testdev_region(d, "testdev-flush", flush_regs, 4);
    d->byte_ports = testdev_region(d, "testdev-bytes", byte_regs, 4);
    d->line_ports = testdev_region(d, "testdev-lines", line_regs, TESTDEV_LINE_PORTS);
    d->memory = testdev_region(d, "testdev-memory", memory_regs, TESTDEV_IOMEM);
    ret = bus_map(hw->pio, &d->word_ports, PORT_WORD);
    ret = ret ? ret : bus_map(hw->pio, &d->flush_port, PORT_FLUSH);
    ret = ret ? ret : bus_map(hw->pio, &d->byte_ports, PORT_BYTES);
    ret = ret ? ret : bus_map(hw->pio, &d->line_ports, PORT_LINES);
    return ret ? ret : bus_map(hw->mmio, &d->memory, MEMORY);
}
