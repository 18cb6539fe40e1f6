/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ioreq server against good and hostile shared pages. Offsets and states are spelled out here,
 * from the public header's layout, not taken from the code under test.
 */
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

static uint64_t counting_read(void *dev, uint32_t off, unsigned size)
{
    struct fixture *f = dev;

    return 0x10 + f->reads++;
}

static void counting_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct fixture *f = dev;

    f->last[f->writes++ % 16] = val | (uint64_t)off << 32;
}

static const struct reg counting[] = {
    {0, 0x10000, BUS_W1 | BUS_W2 | BUS_W4, counting_read, counting_write, "COUNT", NULL, NULL}};

static uint32_t config_read(void *opaque, uint8_t devfn, unsigned off, unsigned size)
{
    ((struct fixture *)opaque)->config_off = off;
    return 0x71138086;
}

static void invalidate(void *opaque)
{
    ((struct fixture *)opaque)->invalidated++;
}

static void set_up(struct fixture *f, gconstpointer data)
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

static void tear_down(struct fixture *f, gconstpointer data)
{
}

struct spec_request {
    uint64_t addr, data;
    uint32_t count, size;
    uint8_t ptr, read, df, type;
};

static void put(struct fixture *f, unsigned vcpu, const struct spec_request *r)
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

static uint64_t result(struct fixture *f, unsigned vcpu)
{
    uint64_t data;

    g_assert_cmpuint(f->page[vcpu * 32 + 30] & 0xf, ==, SPEC_STATE_RESP);
    memcpy(&data, f->page + vcpu * 32 + 8, 8);
    return data;
}

static uint64_t serve(struct fixture *f, const struct spec_request *r)
{
    put(f, 0, r);
    g_assert_true(ioreq_serve(&f->s, 0, NULL, NULL));
    return result(f, 0);
}

static void test_pio(struct fixture *f, gconstpointer data)
{
    struct spec_request in = {.addr = 0x1f7, .count = 1, .size = 1, .read = 1};
    struct spec_request out = {.addr = 0x1f0, .data = 0xffff1234, .count = 1, .size = 2};

    g_assert_cmphex(serve(f, &in), ==, 0x10);
    serve(f, &out);
    g_assert_cmphex(f->last[0], ==, 0x1234);
    g_assert_false(ioreq_serve(&f->s, 0, NULL, NULL)); /* RESP_READY is not work */
    in.addr = 0x200;
    in.size = 4;
    g_assert_cmphex(serve(f, &in), ==, 0xffffffff);
}

static void test_string_in(struct fixture *f, gconstpointer data)
{
    struct spec_request ins = {
        .addr = 0x1f0, .data = 0x1000, .count = 4, .size = 2, .ptr = 1, .read = 1};

    serve(f, &ins);
    g_assert_cmpuint(f->reads, ==, 4);
    g_assert_cmphex(f->ram[0x1000], ==, 0x10);
    g_assert_cmphex(f->ram[0x1006], ==, 0x13);
    ins.df = 1; /* data names the first, highest element */
    serve(f, &ins);
    g_assert_cmphex(f->ram[0x1000], ==, 0x14);
    g_assert_cmphex(f->ram[0xffa], ==, 0x17);
}

static void test_string_bounce(struct fixture *f, gconstpointer data)
{
    struct spec_request ins = {
        .addr = 0x1f0, .data = SPEC_BOUNCE + 4096, .count = 256, .size = 2, .ptr = 1, .read = 1};

    put(f, 1, &ins);
    g_assert_true(ioreq_serve(&f->s, 1, NULL, NULL));
    g_assert_cmphex(f->bounce[4096], ==, 0x10);
    /* Another vCPU's bounce page is out of reach. */
    memset(f->bounce, 0x77, sizeof(f->bounce));
    put(f, 0, &ins);
    g_assert_true(ioreq_serve(&f->s, 0, NULL, NULL));
    g_assert_cmphex(f->bounce[4096], ==, 0x77);
}

static void test_string_out_down(struct fixture *f, gconstpointer data)
{
    struct spec_request outs = {
        .addr = 0x1f0, .data = 0x1002, .count = 2, .size = 2, .ptr = 1, .df = 1};

    f->ram[0x1000] = 0xaa;
    f->ram[0x1002] = 0xbb;
    serve(f, &outs);
    g_assert_cmphex(f->last[0], ==, 0xbb);
    g_assert_cmphex(f->last[1], ==, 0xaa);
}

static void test_stos(struct fixture *f, gconstpointer data)
{
    struct spec_request stos = {
        .addr = 0xa0000, .data = 0x0720, .count = 2048, .size = 2, .type = SPEC_TYPE_COPY};

    serve(f, &stos);
    g_assert_cmpuint(f->writes, ==, 2048);
    g_assert_cmphex(f->last[(2047) % 16], ==, 0x0720 | 4094ull << 32);
}

static void test_movs_from_window_down(struct fixture *f, gconstpointer data)
{
    struct spec_request movs = {.addr = 0xa0003,
                                .data = 0x2003,
                                .count = 4,
                                .size = 1,
                                .ptr = 1,
                                .read = 1,
                                .df = 1,
                                .type = SPEC_TYPE_COPY};

    serve(f, &movs);
    g_assert_cmphex(f->ram[0x2003], ==, 0x10);
    g_assert_cmphex(f->ram[0x2000], ==, 0x13);
}

/* VGA-08: a span that straddles the window's start is done element by element. */
static void test_movs_straddles_window(struct fixture *f, gconstpointer data)
{
    struct spec_request movs = {.addr = 0xa0001,
                                .data = 0x1000,
                                .count = 4,
                                .size = 1,
                                .ptr = 1,
                                .df = 1,
                                .type = SPEC_TYPE_COPY};

    serve(f, &movs);
    g_assert_cmpuint(f->writes, ==, 2);
}

static void test_config(struct fixture *f, gconstpointer data)
{
    struct spec_request r = {
        .addr = 1ull << 32 | 0x3c, .count = 1, .size = 4, .read = 1, .type = SPEC_TYPE_PCI};

    g_assert_cmphex(serve(f, &r), ==, 0x71138086);
    g_assert_cmphex(f->config_off, ==, 0x3c);
    r.addr |= 1ull << 40; /* bus 1 */
    g_assert_cmphex(serve(f, &r), ==, UINT64_MAX);
}

static void test_invalidate(struct fixture *f, gconstpointer data)
{
    struct spec_request r = {
        .data = UINT64_MAX, .count = 1, .size = 4, .type = SPEC_TYPE_INVALIDATE};

    serve(f, &r);
    g_assert_cmpuint(f->invalidated, ==, 1);
}

/* XEN-03: every combination of edges; whatever is malformed answers ones and does nothing. */
static void test_hostile_slots(struct fixture *f, gconstpointer data)
{
    static const uint64_t addr[] = {0,       0x1f0,      0xfffd,         0xffff,    0x10000,
                                    0xa0000, 1ull << 32, UINT64_MAX - 1, UINT64_MAX};
    static const uint32_t size[] = {0, 1, 2, 3, 4, 5, 8, 0xffffffff};
    static const uint32_t count[] = {0, 1, 512, 4096, 4097, 0xffffffff};
    struct spec_request r = {0};
    unsigned served = 0;

    for (unsigned type = 0; type < 256; type += type < 10 ? 1 : 49) {
        for (unsigned i = 0; i < G_N_ELEMENTS(addr) * G_N_ELEMENTS(size) * G_N_ELEMENTS(count) * 8;
             i++) {
            r.type = (uint8_t)type;
            r.ptr = i & 1;
            r.read = (i >> 1) & 1;
            r.df = (i >> 2) & 1;
            r.addr = addr[(i >> 3) % G_N_ELEMENTS(addr)];
            r.size = size[(i >> 3) / G_N_ELEMENTS(addr) % G_N_ELEMENTS(size)];
            r.count = count[(i >> 3) / G_N_ELEMENTS(addr) / G_N_ELEMENTS(size)];
            r.data = r.addr;
            uint64_t before = f->s.malformed;
            uint64_t answer = serve(f, &r);
            if (f->s.malformed != before && r.read && !r.ptr) {
                g_assert_cmphex(answer, ==, UINT64_MAX);
            }
            served++;
        }
    }
    g_assert_cmpuint(f->s.malformed, >, served / 2);
    r = (struct spec_request){.addr = 0xffff, .count = 1, .size = 2, .read = 1};
    uint64_t before = f->s.malformed;
    serve(f, &r); /* a port access that leaves the port space */
    g_assert_cmpuint(f->s.malformed, ==, before + 1);
}

static void change_slot(void *opaque, unsigned vcpu)
{
    struct fixture *f = opaque;

    memset(f->page, 0xff, 30); /* the other side changes everything before the response */
}

/* XEN-01: what changes in the slot after the copy has no effect on the work or the state byte. */
static void test_slot_changes_under_us(struct fixture *f, gconstpointer data)
{
    struct spec_request out = {.addr = 0x1f1, .data = 0x55, .count = 1, .size = 1};

    put(f, 0, &out);
    g_assert_true(ioreq_serve(&f->s, 0, change_slot, f));
    g_assert_cmphex(f->last[0], ==, 0x55 | 1ull << 32);
    g_assert_cmphex(f->page[30], ==, SPEC_STATE_RESP);
}

/* --- the buffered ring --- */

static void ring_set(struct fixture *f, uint32_t read, uint32_t write)
{
    memcpy(f->ring, &read, 4);
    memcpy(f->ring + 4, &write, 4);
}

static void ring_put(struct fixture *f, uint32_t at, uint8_t type, unsigned log2, uint32_t addr,
                     uint32_t data)
{
    uint32_t first = type | 0u << 9 | log2 << 10 | addr << 12;

    memcpy(f->ring + 8 + (at % 511) * 8, &first, 4);
    memcpy(f->ring + 12 + (at % 511) * 8, &data, 4);
}

static void test_ring(struct fixture *f, gconstpointer data)
{
    ring_put(f, 510, SPEC_TYPE_COPY, 1, 0xa0002, 0x1111);
    ring_put(f, 511, SPEC_TYPE_PIO, 0, 0x1f0, 0x22);
    ring_set(f, 510, 512);
    g_assert_true(ioreq_ring_pending(&f->s));
    g_assert_cmpuint(ioreq_drain(&f->s), ==, 2);
    g_assert_cmphex(f->last[0], ==, 0x1111 | 2ull << 32);
    g_assert_cmphex(f->last[1], ==, 0x22);
    g_assert_false(ioreq_ring_pending(&f->s));
}

static void test_ring_quad(struct fixture *f, gconstpointer data)
{
    ring_put(f, 0, SPEC_TYPE_COPY, 3, 0xa0000, 0x11111111);
    ring_put(f, 1, SPEC_TYPE_COPY, 3, 0xa0000, 0x22222222);
    ring_set(f, 0, 1); /* the second half is not there yet */
    g_assert_cmpuint(ioreq_drain(&f->s), ==, 0);
    ring_set(f, 0, 2);
    g_assert_cmpuint(ioreq_drain(&f->s), ==, 2);
    g_assert_cmphex(f->last[0], ==, 0x11111111);
    g_assert_cmphex(f->last[1], ==, 0x22222222 | 4ull << 32);
}

/* XEN-04: pointers at any value: bounded work, and the ring goes on afterwards. */
static void test_ring_hostile(struct fixture *f, gconstpointer data)
{
    static const uint32_t edge[] = {0,          1,          510,        511,       512,
                                    0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};

    for (unsigned i = 0; i < G_N_ELEMENTS(edge); i++) {
        for (unsigned j = 0; j < G_N_ELEMENTS(edge); j++) {
            ring_set(f, edge[i], edge[j]);
            g_assert_cmpuint(ioreq_drain(&f->s), <=, 511);
        }
    }
    ring_set(f, 7, 7 + 512);
    uint64_t before = f->s.malformed;
    g_assert_cmpuint(ioreq_drain(&f->s), ==, 0);
    g_assert_cmpuint(f->s.malformed, ==, before + 1);
    g_assert_false(ioreq_ring_pending(&f->s));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*fn)(struct fixture *, gconstpointer);
    } tests[] = {
        {"/ioreq/pio", test_pio},
        {"/ioreq/string-in", test_string_in},
        {"/ioreq/string-bounce", test_string_bounce},
        {"/ioreq/string-out-down", test_string_out_down},
        {"/ioreq/stos", test_stos},
        {"/ioreq/movs-from-window-down", test_movs_from_window_down},
        {"/catalogue/VGA-08/movs-straddles-window", test_movs_straddles_window},
        {"/ioreq/config", test_config},
        {"/ioreq/invalidate", test_invalidate},
        {"/catalogue/XEN-03/hostile-slots", test_hostile_slots},
        {"/catalogue/XEN-01/slot-changes-under-us", test_slot_changes_under_us},
        {"/ioreq/ring", test_ring},
        {"/ioreq/ring-quad", test_ring_quad},
        {"/catalogue/XEN-04/ring-hostile", test_ring_hostile},
    };

    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add(tests[i].name, struct fixture, NULL, set_up, tests[i].fn, tear_down);
    }
    return g_test_run();
}
