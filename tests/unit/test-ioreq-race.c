/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Catalogue XEN-01 with a second thread: it changes every field of the slot and moves the ring's
 * pointers while requests are served. Built with the thread sanitizer where there is one, which
 * also reports every access to the shared pages that is not atomic.
 */
#include <glib.h>
#include <string.h>

#include "server.h"

#define SPEC_READY 1
#define SPEC_RESP  3
#define SPEC_SLOTS 511u
#define PORT_A     0x1f0u
#define PORT_B     0x3f6u
#define ROUNDS     20000u

struct world {
    struct ioreq_server s;
    uint64_t page[512];
    uint64_t ring[512];
    uint8_t ram[4096];
    struct dma_ram dma;
    struct bus pio, mmio;
    struct region a, b;
    unsigned seen[2];
    int stop;
};

static const uint64_t val_a = 0x1111111111111111ull;
static const uint64_t val_b = 0x2222222222222222ull;

/* Each field comes from one of the two requests; a value is never half of each. */
static void port_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct world *w = dev;
    uint64_t mask = (1ull << (size * 8)) - 1;

    g_assert_true(size == 1 || size == 2 || size == 4);
    g_assert_true(val == (val_a & mask) || val == (val_b & mask));
    w->seen[val == (val_b & mask)]++;
}

static uint64_t port_read(void *dev, uint32_t off, unsigned size)
{
    return 0x33333333;
}

static const struct reg regs[] = {
    {0, 4, BUS_W1 | BUS_W2 | BUS_W4, port_read, port_write, "R", NULL, NULL}};

static void world_init(struct world *w)
{
    memset(w, 0, sizeof(*w));
    bus_init(&w->pio, 0xffff);
    bus_init(&w->mmio, UINT64_MAX);
    w->a = (struct region){.regs = regs, .nregs = 1, .opaque = w, .len = 4};
    w->b = (struct region){.regs = regs, .nregs = 1, .opaque = w, .len = 4};
    bus_map(&w->pio, &w->a, PORT_A);
    bus_map(&w->pio, &w->b, PORT_B);
    dma_ram_init(&w->dma);
    dma_ram_add(&w->dma, 0, sizeof(w->ram), w->ram);
    w->s = (struct ioreq_server){.slots = (struct ioreq *)(void *)w->page,
                                 .ring = (struct buffered_iopage *)(void *)w->ring,
                                 .nvcpus = 1,
                                 .pio = &w->pio,
                                 .mmio = &w->mmio,
                                 .dma = &w->dma.dma};
}

static void slot_store(struct world *w, uint64_t addr, uint64_t data, uint32_t size, uint8_t type)
{
    uint8_t *slot = (uint8_t *)w->page;

    __atomic_store_n(&w->page[0], addr, __ATOMIC_RELAXED);
    __atomic_store_n(&w->page[1], data, __ATOMIC_RELAXED);
    __atomic_store_n((uint32_t *)(void *)(slot + 16), 1, __ATOMIC_RELAXED);
    __atomic_store_n((uint32_t *)(void *)(slot + 20), size, __ATOMIC_RELAXED);
    __atomic_store_n(slot + 31, type, __ATOMIC_RELAXED);
    __atomic_store_n(slot + 30, SPEC_READY, __ATOMIC_RELEASE);
}

static gpointer slot_racer(gpointer opaque)
{
    static const uint32_t sizes[] = {1, 2, 4, 0xffffffff};
    struct world *w = opaque;

    for (unsigned i = 0; !__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE); i++) {
        slot_store(w, i % 5 ? PORT_A : UINT64_MAX, val_a, sizes[i % 4], 0);
        slot_store(w, PORT_B, val_b, sizes[(i / 4) % 4], i % 7 ? 0 : 0xff);
    }
    return NULL;
}

static void test_slot(void)
{
    g_autofree struct world *w = g_new(struct world, 1);
    unsigned served = 0;

    world_init(w);
    GThread *t = g_thread_new("racer", slot_racer, w);
    while (served < ROUNDS || ((!w->seen[0] || !w->seen[1]) && served < 1000 * ROUNDS)) {
        served += ioreq_ready(&w->s, 0) && ioreq_serve(&w->s, 0, NULL, NULL);
    }
    __atomic_store_n(&w->stop, 1, __ATOMIC_RELEASE);
    g_thread_join(t);
    g_assert_cmpuint(w->seen[0], >, 0);
    g_assert_cmpuint(w->seen[1], >, 0);
}

static gpointer ring_racer(gpointer opaque)
{
    struct world *w = opaque;
    uint32_t *pointer = (uint32_t *)(void *)w->ring;
    GRand *rand = g_rand_new_with_seed(3);

    while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE)) {
        uint32_t at = g_rand_int(rand);
        uint64_t val = at & 1 ? val_a : val_b;
        uint64_t entry =
            (uint64_t)(at % 3) << 10 | (uint64_t)PORT_A << 12 | (val & 0xffffffff) << 32;

        __atomic_store_n(&w->ring[1 + at % SPEC_SLOTS], entry, __ATOMIC_RELAXED);
        if (at % 3 == 0) {
            __atomic_store_n(&pointer[0], at % 1000, __ATOMIC_RELAXED);
        }
        if (at % 5 == 0) {
            __atomic_store_n(&pointer[1], at % 1024, __ATOMIC_RELEASE);
        }
    }
    g_rand_free(rand);
    return NULL;
}

static void test_ring(void)
{
    g_autofree struct world *w = g_new(struct world, 1);
    unsigned served = 0;

    world_init(w);
    for (unsigned i = 0; i < SPEC_SLOTS; i++) {
        w->ring[1 + i] = (uint64_t)PORT_A << 12 | (val_a & 0xffffffff) << 32;
    }
    GThread *t = g_thread_new("racer", ring_racer, w);
    for (unsigned i = 0; i < ROUNDS / 10 || (!served && i < 1000 * ROUNDS); i++) {
        unsigned n = ioreq_ring_pending(&w->s) ? ioreq_drain(&w->s) : 0;

        g_assert_cmpuint(n, <=, SPEC_SLOTS);
        served += n;
    }
    __atomic_store_n(&w->stop, 1, __ATOMIC_RELEASE);
    g_thread_join(t);
    g_assert_cmpuint(served, >, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/catalogue/XEN-01/racing-thread", test_slot);
    g_test_add_func("/catalogue/XEN-04/racing-thread", test_ring);
    return g_test_run();
}
