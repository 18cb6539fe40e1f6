/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ioreq server on shared pages of the test's own, with a device that counts. Offsets and states
 * are spelled out here, from the public header's layout, not taken from the code under test.
 */
#ifndef CLEAVE_TESTS_IOREQ_H
#define CLEAVE_TESTS_IOREQ_H

#include <glib.h>
#include <string.h>

#include "server.h"

#define SPEC_STATE_NONE      0
#define SPEC_STATE_READY     1
#define SPEC_STATE_RESP      3
#define SPEC_TYPE_PIO        0
#define SPEC_TYPE_COPY       1
#define SPEC_TYPE_PCI        2
#define SPEC_TYPE_INVALIDATE 8
#define SPEC_BOUNCE          (1ull << 60)
#define RAM_SIZE             0x4000u

struct fixture {
    struct ioreq_server s;
    uint8_t page[4096] __attribute__((aligned(16)));
    uint8_t ring[4096] __attribute__((aligned(16)));
    uint8_t bounce[2 * 4096];
    uint8_t ram[RAM_SIZE];
    struct dma_ram dma;
    struct bus pio, mmio;
    struct region port, window;
    uint32_t reads, writes;
    uint64_t last[16];
    uint32_t config_off;
    unsigned invalidated;
};

static inline uint64_t counting_read(void *dev, uint32_t off, unsigned size)
{
    struct fixture *f = dev;

    return 0x10 + f->reads++;
}

static inline void counting_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct fixture *f = dev;

    f->last[f->writes++ % 16] = val | (uint64_t)off << 32;
}

static const struct reg counting[] = {
    {0, 0x10000, BUS_W1 | BUS_W2 | BUS_W4, counting_read, counting_write, "COUNT", NULL, NULL}};

static inline uint32_t config_read(void *opaque, uint8_t devfn, unsigned off, unsigned size)
{
    ((struct fixture *)opaque)->config_off = off;
    return 0x71138086;
}

static inline void invalidate(void *opaque)
{
    ((struct fixture *)opaque)->invalidated++;
}

static inline void set_up(struct fixture *f, gconstpointer data)
{
    memset(f, 0, sizeof(*f));
    bus_init(&f->pio, 0xffff);
    bus_init(&f->mmio, UINT64_MAX);
    f->port = (struct region){.regs = counting, .nregs = 1, .opaque = f, .len = 8};
    f->window = (struct region){.regs = counting, .nregs = 1, .opaque = f, .len = 0x10000};
    bus_map(&f->pio, &f->port, 0x1f0);
    bus_map(&f->mmio, &f->window, 0xa0000);
    dma_ram_init(&f->dma);
    dma_ram_add(&f->dma, 0, RAM_SIZE, f->ram);
    f->s = (struct ioreq_server){.slots = (struct ioreq *)f->page,
                                 .ring = (struct buffered_iopage *)f->ring,
                                 .nvcpus = 2,
                                 .pio = &f->pio,
                                 .mmio = &f->mmio,
                                 .dma = &f->dma.dma,
                                 .bounce = {SPEC_BOUNCE, f->bounce},
                                 .ops = {config_read, NULL, invalidate, f}};
}

static inline void tear_down(struct fixture *f, gconstpointer data)
{
}

struct spec_request {
    uint64_t addr, data;
    uint32_t count, size;
    uint8_t ptr, read, df, type;
};

static inline void put(struct fixture *f, unsigned vcpu, const struct spec_request *r)
{
    uint8_t *slot = f->page + vcpu * 32;

    memset(slot, 0, 32);
    memcpy(slot, &r->addr, 8);
    memcpy(slot + 8, &r->data, 8);
    memcpy(slot + 16, &r->count, 4);
    memcpy(slot + 20, &r->size, 4);
    slot[30] = (uint8_t)(SPEC_STATE_READY | r->ptr << 4 | r->read << 5 | r->df << 6);
    slot[31] = r->type;
}

static inline uint64_t result(struct fixture *f, unsigned vcpu)
{
    uint64_t data;

    g_assert_cmpuint(f->page[vcpu * 32 + 30] & 0xf, ==, SPEC_STATE_RESP);
    memcpy(&data, f->page + vcpu * 32 + 8, 8);
    return data;
}

static inline uint64_t serve(struct fixture *f, const struct spec_request *r)
{
    put(f, 0, r);
    g_assert_true(ioreq_serve(&f->s, 0, NULL, NULL));
    return result(f, 0);
}

/* --- the buffered ring --- */

static inline void ring_set(struct fixture *f, uint32_t read, uint32_t write)
{
    memcpy(f->ring, &read, 4);
    memcpy(f->ring + 4, &write, 4);
}

static inline void ring_put(struct fixture *f, uint32_t at, uint8_t type, unsigned log2,
                            uint32_t addr, uint32_t data)
{
    uint32_t first = type | 0u << 9 | log2 << 10 | addr << 12;

    memcpy(f->ring + 8 + (at % 511) * 8, &first, 4);
    memcpy(f->ring + 12 + (at % 511) * 8, &data, 4);
}

#endif
