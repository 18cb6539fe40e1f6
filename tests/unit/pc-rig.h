/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A world for the devices of a PC: chip-world.h plus RAM, memory map, PCI bus, power, byte streams.
 */
#ifndef CLEAVE_TESTS_PC_RIG_H
#define CLEAVE_TESTS_PC_RIG_H

#include "chip-world.h"

#include <errno.h>

#include "core/chr.h"
#include "core/dma.h"
#include "core/memmap.h"
#include "pci/pci.h"

#define RIG_RAM   0x400000u /* bytes of RAM from address 0 */
#define RIG_WIRES 128

/* The other end of a byte stream: takes `room` bytes, keeps what it got. */
struct rig_chr {
    struct chr chr;
    size_t room;
    unsigned calls;
    unsigned accepts;
    GByteArray *got;
};

struct rig {
    struct world w;
    struct memmap mem;
    unsigned map_changes; /* pieces added or removed */
    struct dma_ram ram;
    uint8_t *bytes; /* RAM, with canaries on both sides */
    struct pci_bus pci;
    int wire[RIG_WIRES];
    unsigned power_requests;
    enum power_event power;
    uint32_t power_value;
};

#define RIG_GUARD 4096u

static inline void rig_power(void *opaque, enum power_event event, uint32_t value)
{
    struct rig *r = opaque;

    r->power_requests++;
    r->power = event;
    r->power_value = value;
}

static inline void rig_wire(void *opaque, unsigned n, int level)
{
    ((struct rig *)opaque)->wire[n] = level;
}

static inline void rig_map_change(void *opaque, const struct mem_flat *f)
{
    ((struct rig *)opaque)->map_changes++;
}

static inline void rig_init(struct rig *r)
{
    memset(r, 0, sizeof(*r));
    world_init(&r->w);
    memmap_init(&r->mem);
    r->mem.listener = (struct memmap_listener){rig_map_change, rig_map_change, r};
    r->bytes = (uint8_t *)g_malloc(RIG_RAM + 2 * RIG_GUARD) + RIG_GUARD;
    memset(r->bytes - RIG_GUARD, 0xa5, RIG_RAM + 2 * RIG_GUARD);
    dma_ram_init(&r->ram);
    g_assert_cmpint(dma_ram_add(&r->ram, 0, RIG_RAM, r->bytes), ==, 0);
    r->w.hw.mem = &r->mem;
    r->w.hw.dma = &r->ram.dma;
    r->w.hw.power = (struct power){rig_power, r};
    r->pci.intx = (struct irq_line){rig_wire, r, 0};
    g_assert_cmpint(pci_bus_init(&r->pci, &r->w.hw), ==, 0);
}

/* Nothing outside RAM may have changed in any test. */
static inline void rig_destroy(struct rig *r)
{
    for (unsigned i = 0; i < RIG_GUARD; i++) {
        g_assert_cmphex(r->bytes[-1 - (int)i], ==, 0xa5);
        g_assert_cmphex(r->bytes[RIG_RAM + i], ==, 0xa5);
    }
    g_free(r->bytes - RIG_GUARD);
    world_destroy(&r->w);
}

static inline void rig_reset(struct rig *r)
{
    arena_reset(&r->w.arena, RESET_POWER_ON);
}

static inline uint64_t rig_in(struct rig *r, uint16_t port, unsigned size)
{
    return bus_read(&r->w.pio, port, size);
}

static inline uint8_t rig_inb(struct rig *r, uint16_t port)
{
    return (uint8_t)rig_in(r, port, 1);
}

static inline void rig_out(struct rig *r, uint16_t port, unsigned size, uint64_t val)
{
    bus_write(&r->w.pio, port, size, val);
}

static inline void rig_outb(struct rig *r, uint16_t port, uint8_t val)
{
    rig_out(r, port, 1, val);
}

/* Configuration space as a guest reaches it, by ports CF8 and CFC. */
static inline void rig_select(struct rig *r, uint8_t devfn, unsigned off)
{
    rig_out(r, 0xcf8, 4, 0x80000000u | (uint32_t)devfn << 8 | (off & 0xfc));
}

static inline uint32_t rig_cfg_read(struct rig *r, uint8_t devfn, unsigned off, unsigned size)
{
    rig_select(r, devfn, off);
    return (uint32_t)rig_in(r, (uint16_t)(0xcfc + (off & 3)), size);
}

static inline void rig_cfg_write(struct rig *r, uint8_t devfn, unsigned off, unsigned size,
                                 uint32_t val)
{
    rig_select(r, devfn, off);
    rig_out(r, (uint16_t)(0xcfc + (off & 3)), size, val);
}

static inline size_t rig_chr_write(void *opaque, const uint8_t *buf, size_t len)
{
    struct rig_chr *c = opaque;
    size_t n = len < c->room ? len : c->room;

    c->calls++;
    c->room -= n;
    g_byte_array_append(c->got, buf, (guint)n);
    return n;
}

static inline void rig_chr_accept(void *opaque)
{
    ((struct rig_chr *)opaque)->accepts++;
}

static inline void rig_chr_init(struct rig_chr *c)
{
    *c = (struct rig_chr){.chr = {rig_chr_write, rig_chr_accept, c}, .room = SIZE_MAX};
    c->got = g_byte_array_new();
}

static inline void rig_chr_destroy(struct rig_chr *c)
{
    g_byte_array_free(c->got, TRUE);
}

/* A register of a device's state may hold the bits of `mask` and no others. */
static inline void rig_state_bits(struct device *dev, uint8_t *reg, uint8_t mask)
{
    uint8_t good = *reg;

    for (unsigned bit = 0; bit < 8; bit++) {
        *reg = (uint8_t)(1u << bit);
        g_assert_cmpint(dev->cls->check(dev->state) == 0, ==, mask >> bit & 1);
    }
    *reg = good;
    g_assert_cmpint(dev->cls->check(dev->state), ==, 0);
}

/*
 * State of random bytes is refused, or the device lives with it: `poke` is then run, and a reset
 * brings the device back to the state that a first reset gave.
 */
static inline void rig_hostile_state(struct rig *r, struct device *dev, unsigned rounds,
                                     void (*poke)(struct rig *r))
{
    size_t size = dev->cls->state->size;
    uint8_t *first = (rig_reset(r), g_memdup2(dev->state, size));

    for (unsigned round = 0; round < rounds; round++) {
        uint8_t *state = dev->state;

        memcpy(state, first, size);
        for (unsigned n = g_test_rand_int_range(1, 2 + (int)(round % 32)); n; n--) {
            state[g_test_rand_int_range(0, (int)size)] = (uint8_t)g_test_rand_int();
        }
        if (dev->cls->check(state) == 0) {
            dev->cls->resume(dev);
            poke(r);
        }
        rig_reset(r);
        g_assert_cmpmem(dev->state, size, first, size);
    }
    g_free(first);
}

#endif
