/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Catalogue XEN-01, XEN-02, XEN-04 on the program as it was compiled: which bytes of the shared
 * pages are read, how often, and what happens when they change after each single access.
 */
#include <glib.h>
#include <string.h>

#include "../fuzz/target-page.h"
#include "server.h"

#define SPEC_READY 1
#define SPEC_RESP  3
#define SPEC_PIO   0
#define SPEC_COPY  1
#define SPEC_PTR   0x10
#define SPEC_READ  0x20
#define SPEC_ADDR  0
#define SPEC_DATA  8
#define SPEC_COUNT 16
#define SPEC_SIZE  20
#define SPEC_STATE 30
#define SPEC_TYPE  31
#define SPEC_SLOTS 511u
#define RAM_SIZE   0x4000u
#define PORT_A     0x1f1u
#define PORT_B     0x3f6u

struct fixture {
    struct ioreq_server s;
    uint8_t ram[RAM_SIZE];
    struct dma_ram dma;
    struct bus pio, mmio;
    struct region a, b, window;
    unsigned accesses;
    uint64_t port; /* of the last access, its size and value */
    unsigned size;
    uint64_t val;
    uint8_t snapshot[2][TRAP_PAGE];
    GRand *rand;
};

static struct fixture *the_fixture;

static void note(uint64_t port, unsigned size, uint64_t val)
{
    struct fixture *f = the_fixture;

    f->accesses++;
    f->port = port;
    f->size = size;
    f->val = val;
}

static uint64_t port_read(void *dev, uint32_t off, unsigned size)
{
    note(((struct region *)dev)->base + off, size, 0);
    return 0x77;
}

static void port_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    note(((struct region *)dev)->base + off, size, val);
}

static const struct reg regs[] = {
    {0, 0x10000, BUS_W1 | BUS_W2 | BUS_W4, port_read, port_write, "R", NULL, NULL}};

static void set_up(struct fixture *f, gconstpointer data)
{
    memset(f, 0, sizeof(*f));
    the_fixture = f;
    if (!trap_page.mem) {
        g_assert_true(trap_init());
    }
    memset(trap_page.mem, 0, TRAP_PAGE);
    bus_init(&f->pio, 0xffff);
    bus_init(&f->mmio, UINT64_MAX);
    f->a = (struct region){.regs = regs, .nregs = 1, .opaque = &f->a, .len = 4};
    f->b = (struct region){.regs = regs, .nregs = 1, .opaque = &f->b, .len = 4};
    f->window = (struct region){.regs = regs, .nregs = 1, .opaque = &f->window, .len = 0x10000};
    bus_map(&f->pio, &f->a, PORT_A);
    bus_map(&f->pio, &f->b, PORT_B);
    bus_map(&f->mmio, &f->window, 0xa0000);
    dma_ram_init(&f->dma);
    dma_ram_add(&f->dma, 0, RAM_SIZE, f->ram);
    f->s = (struct ioreq_server){.nvcpus = 1, .pio = &f->pio, .mmio = &f->mmio, .dma = &f->dma.dma};
    f->rand = g_rand_new_with_seed(1);
}

static void tear_down(struct fixture *f, gconstpointer data)
{
    g_rand_free(f->rand);
    the_fixture = NULL;
}

static void slot_put(uint8_t *slot, uint64_t addr, uint64_t data, uint32_t count, uint32_t size,
                     uint8_t flags, uint8_t type)
{
    memset(slot, 0, 32);
    memcpy(slot + SPEC_ADDR, &addr, 8);
    memcpy(slot + SPEC_DATA, &data, 8);
    memcpy(slot + SPEC_COUNT, &count, 4);
    memcpy(slot + SPEC_SIZE, &size, 4);
    slot[SPEC_STATE] = SPEC_READY | flags;
    slot[SPEC_TYPE] = type;
}

static void assert_one_load_each(unsigned stores_of_data)
{
    g_assert_cmpuint(trap_count(SPEC_ADDR, false), ==, 1);
    g_assert_cmpuint(trap_count(SPEC_DATA, false), ==, 1);
    g_assert_cmpuint(trap_count(SPEC_COUNT, false), ==, 1);
    g_assert_cmpuint(trap_count(SPEC_SIZE, false), ==, 1);
    g_assert_cmpuint(trap_count(SPEC_STATE, false), ==, 1);
    g_assert_cmpuint(trap_count(SPEC_TYPE, false), ==, 1);
    g_assert_cmpuint(trap_count(SPEC_STATE, true), ==, 2); /* INPROCESS, RESP_READY */
    g_assert_cmpuint(trap_count(SPEC_DATA, true), ==, stores_of_data);
    g_assert_cmpuint(trap_page.n, ==, 8 + stores_of_data); /* and nothing else */
}

/* XEN-02: one load per field, for requests of every kind. */
static void test_one_load(struct fixture *f, gconstpointer data)
{
    static const struct {
        uint64_t addr, data;
        uint32_t count, size;
        uint8_t flags, type;
    } request[] = {
        {PORT_A, 0x55, 1, 1, 0, SPEC_PIO},
        {PORT_A, 0, 1, 2, SPEC_READ, SPEC_PIO},
        {PORT_A, 0x1000, 16, 2, SPEC_READ | SPEC_PTR, SPEC_PIO},
        {0xa0000, 0x1000, 16, 4, SPEC_PTR, SPEC_COPY},
        {0xa0000, 7, 1, 4, 0, SPEC_COPY},
        {UINT64_MAX, 7, 0, 3, 0, SPEC_PIO},
        {0, 0, 1, 4, 0, 8},
        {0, 0, 1, 4, 0, 200},
    };

    f->s.slots = (struct ioreq *)(void *)trap_page.mem;
    for (unsigned i = 0; i < G_N_ELEMENTS(request); i++) {
        slot_put(trap_page.mem, request[i].addr, request[i].data, request[i].count, request[i].size,
                 request[i].flags, request[i].type);
        trap_arm(NULL, NULL);
        bool served = ioreq_serve(&f->s, 0, NULL, NULL);
        trap_disarm();
        g_assert_true(served);
        assert_one_load_each((request[i].flags & (SPEC_READ | SPEC_PTR)) == SPEC_READ);
    }
}

/* After each access the slot is the other of two requests, or noise. */
static void flip(void *opaque, unsigned n)
{
    struct fixture *f = opaque;

    memcpy(trap_page.mem, f->snapshot[(n + 1) & 1], 32);
}

/* XEN-01: what reaches the device is one field of either request, and was validated as it is. */
static void test_flipping(struct fixture *f, gconstpointer data)
{
    static const uint32_t sizes[] = {1, 2, 4, 8, 0, 3, 0xffffffff};
    static const uint64_t addrs[] = {PORT_A, PORT_B, 0xffff, 0x10000, UINT64_MAX};
    unsigned done = 0;

    f->s.slots = (struct ioreq *)(void *)trap_page.mem;
    for (unsigned i = 0; i < 1500; i++) {
        uint64_t addr[2];
        uint64_t val[2] = {0x1111111111111111ull, 0x2222222222222222ull};
        uint32_t size[2];

        for (unsigned k = 0; k < 2; k++) {
            addr[k] = addrs[g_rand_int_range(f->rand, 0, G_N_ELEMENTS(addrs))];
            size[k] = sizes[g_rand_int_range(f->rand, 0, G_N_ELEMENTS(sizes))];
            slot_put(f->snapshot[k], addr[k], val[k], (uint32_t)g_rand_int_range(f->rand, 0, 3),
                     size[k], (uint8_t)(g_rand_int_range(f->rand, 0, 8) << 4),
                     (uint8_t)g_rand_int_range(f->rand, 0, 2));
        }
        memcpy(trap_page.mem, f->snapshot[0], 32);
        f->accesses = 0;
        trap_arm(flip, f);
        bool served = ioreq_serve(&f->s, 0, NULL, NULL);
        trap_disarm();
        g_assert_true(served);
        g_assert_cmpuint(f->accesses, <=, IOREQ_MAX_BYTES);
        g_assert_cmpuint(trap_page.mem[SPEC_STATE] & 0xf, <=, SPEC_RESP);
        if (!f->accesses) {
            continue;
        }
        done++;
        g_assert_true(f->size == 1 || f->size == 2 || f->size == 4);
        g_assert_true(f->port < PORT_A + 4 || (f->port >= PORT_B && f->port < PORT_B + 4) ||
                      f->port >= 0xa0000);
    }
    g_assert_cmpuint(done, >, 30);
}

/* --- the ring --- */

static void ring_set(uint32_t read, uint32_t write)
{
    memcpy(trap_page.mem, &read, 4);
    memcpy(trap_page.mem + 4, &write, 4);
}

static void ring_put(uint32_t at, unsigned log2, uint32_t addr, uint32_t value)
{
    uint32_t first = SPEC_COPY | log2 << 10 | addr << 12;

    memcpy(trap_page.mem + 8 + at % SPEC_SLOTS * 8, &first, 4);
    memcpy(trap_page.mem + 12 + at % SPEC_SLOTS * 8, &value, 4);
}

static void test_ring_one_load(struct fixture *f, gconstpointer data)
{
    f->s.ring = (struct buffered_iopage *)(void *)trap_page.mem;
    ring_put(0, 2, 0xa0000, 0x1234);
    ring_put(1, 3, 0xa0008, 0x5678);
    ring_put(2, 3, 0xa0008, 0x9abc);
    ring_set(0, 3);
    trap_arm(NULL, NULL);
    unsigned served = ioreq_drain(&f->s);
    trap_disarm();
    g_assert_cmpuint(served, ==, 3);
    for (unsigned slot = 0; slot < 3; slot++) {
        g_assert_cmpuint(trap_count(8 + slot * 8, false), ==, 1);
    }
    g_assert_cmpuint(trap_count(4, false), ==, 0); /* with the read pointer, in one load */
    g_assert_cmpuint(trap_count(0, false), ==, 1);
    g_assert_cmpuint(trap_count(0, true), ==, 2); /* one addition per entry */
}

/* After each access another pair of pointers. */
static void shuffle(void *opaque, unsigned n)
{
    struct fixture *f = opaque;
    uint32_t word[4];

    for (unsigned i = 0; i < 4; i++) {
        word[i] = g_rand_int(f->rand);
    }
    memcpy(trap_page.mem, word, n & 1 ? 8 : 4);
    memcpy(trap_page.mem + 8 + word[2] % SPEC_SLOTS * 8, &word[2], 8);
}

/* XEN-04: whatever the pointers do, a call ends after at most one ring's length. */
static void test_ring_shuffled(struct fixture *f, gconstpointer data)
{
    f->s.ring = (struct buffered_iopage *)(void *)trap_page.mem;
    for (unsigned i = 0; i < 30; i++) {
        uint32_t read = g_rand_int(f->rand);

        for (unsigned k = 0; k < SPEC_SLOTS; k++) {
            ring_put(k, g_rand_int(f->rand) & 3, g_rand_int(f->rand) & 0xfffff, k);
        }
        ring_set(read, read + (uint32_t)g_rand_int_range(f->rand, 0, 600));
        f->accesses = 0;
        trap_arm(shuffle, f);
        unsigned served = ioreq_drain(&f->s);
        trap_disarm();
        g_assert_cmpuint(served, <=, SPEC_SLOTS);
        g_assert_cmpuint(f->accesses, <=, 2 * SPEC_SLOTS);
    }
}

/* XEN-04: half of an 8-byte entry is no reason to stay awake; the whole one is. */
static void test_half_entry(struct fixture *f, gconstpointer data)
{
    f->s.ring = (struct buffered_iopage *)(void *)trap_page.mem;
    ring_put(0, 3, 0xa0000, 1);
    ring_put(1, 3, 0xa0000, 2);
    ring_set(0, 1);
    g_assert_false(ioreq_ring_pending(&f->s));
    g_assert_cmpuint(ioreq_drain(&f->s), ==, 0);
    g_assert_false(ioreq_ring_pending(&f->s));
    ring_set(0, 2);
    g_assert_true(ioreq_ring_pending(&f->s));
    g_assert_cmpuint(ioreq_drain(&f->s), ==, 2);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*fn)(struct fixture *, gconstpointer);
    } tests[] = {
        {"/catalogue/XEN-02/one-load-per-field", test_one_load},
        {"/catalogue/XEN-01/slot-flips-after-each-access", test_flipping},
        {"/catalogue/XEN-02/ring-one-load", test_ring_one_load},
        {"/catalogue/XEN-04/ring-changes-after-each-access", test_ring_shuffled},
        {"/catalogue/XEN-04/half-entry", test_half_entry},
    };

    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add(tests[i].name, struct fixture, NULL, set_up, tests[i].fn, tear_down);
    }
    return g_test_run();
}
