/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ioreq server against good shared pages; test-ioreq-catalogue.c has the hostile ones. */
#include "test-ioreq.h"

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
        {"/ioreq/config", test_config},
        {"/ioreq/invalidate", test_invalidate},
        {"/ioreq/ring", test_ring},
        {"/ioreq/ring-quad", test_ring_quad},
    };

    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add(tests[i].name, struct fixture, NULL, set_up, tests[i].fn, tear_down);
    }
    return g_test_run();
}
