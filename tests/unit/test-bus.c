/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bus: widths are split and merged by the rows' declarations, and nothing else reaches a
 * handler. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "core/bus.h"

struct call {
    char kind;
    uint32_t off;
    unsigned size;
    uint64_t val;
};

struct fake {
    struct call call[64];
    unsigned n;
};

static uint64_t fake_read(void *dev, uint32_t off, unsigned size)
{
    struct fake *f = dev;

    f->call[f->n++] = (struct call){'r', off, size, 0};
    return 0xa0 + off;
}

static void fake_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct fake *f = dev;

    f->call[f->n++] = (struct call){'w', off, size, val};
}

static void fake_read_rep(void *dev, uint32_t off, unsigned size, uint32_t count, void *buf)
{
    struct fake *f = dev;

    f->call[f->n++] = (struct call){'R', off, size, count};
    memset(buf, 0x5a, (size_t)size * count);
}

static const struct reg fake_regs[] = {
    {0, 4, BUS_W2 | BUS_W4, fake_read, fake_write, "DATA", fake_read_rep, NULL},
    {4, 2, BUS_W1, fake_read, fake_write, "BYTES", NULL, NULL},
    {6, 1, BUS_W1, NULL, fake_write, "WRITE ONLY", NULL, NULL},
};

struct fixture {
    struct bus bus;
    struct fake fake;
    struct region region;
};

static void set_up(struct fixture *f, gconstpointer limit)
{
    memset(f, 0x5a, sizeof(*f)); /* bus_init() takes memory with anything in it */
    f->fake.n = 0;
    bus_init(&f->bus, (uint64_t)GPOINTER_TO_SIZE(limit));
    f->region = (struct region){.name = "fake",
                                .regs = fake_regs,
                                .nregs = G_N_ELEMENTS(fake_regs),
                                .opaque = &f->fake,
                                .len = 8};
    g_assert_cmpint(bus_map(&f->bus, &f->region, 0x100), ==, 0);
}

static void tear_down(struct fixture *f, gconstpointer limit)
{
}

static void assert_call(struct fixture *f, unsigned i, char kind, uint32_t off, unsigned size,
                        uint64_t val)
{
    g_assert_cmpuint(i, <, f->fake.n);
    g_assert_cmpint(f->fake.call[i].kind, ==, kind);
    g_assert_cmpuint(f->fake.call[i].off, ==, off);
    g_assert_cmpuint(f->fake.call[i].size, ==, size);
    g_assert_cmphex(f->fake.call[i].val, ==, val);
}

static void test_declared_widths(struct fixture *f, gconstpointer limit)
{
    g_assert_cmphex(bus_read(&f->bus, 0x100, 4), ==, 0xa0);
    g_assert_cmphex(bus_read(&f->bus, 0x102, 2), ==, 0xa2);
    assert_call(f, 0, 'r', 0, 4, 0);
    assert_call(f, 1, 'r', 2, 2, 0);
    g_assert_cmpuint(f->fake.n, ==, 2);
}

static void test_nobody_around(struct fixture *f, gconstpointer limit)
{
    static const uint64_t elsewhere[] = {0, 0xff, 0x108, 0x1ff, 0x200, 0x8100, 0xffff};

    for (unsigned i = 0; i < G_N_ELEMENTS(elsewhere); i++) {
        g_assert_null(bus_find(&f->bus, elsewhere[i]));
    }
    g_assert_true(bus_find(&f->bus, 0x100) == &f->region);
    g_assert_true(bus_find(&f->bus, 0x107) == &f->region);
    bus_unmap(&f->bus, &f->region);
    g_assert_null(bus_find(&f->bus, 0x100));
}

static void test_too_narrow_reads_ones(struct fixture *f, gconstpointer limit)
{
    g_assert_cmphex(bus_read(&f->bus, 0x100, 1), ==, 0xff);
    bus_write(&f->bus, 0x100, 1, 0x12);
    g_assert_cmpuint(f->fake.n, ==, 0);
}

/* OUT of a word to index/data byte registers: index first, then data. */
static void test_wide_is_split_low_first(struct fixture *f, gconstpointer limit)
{
    bus_write(&f->bus, 0x104, 2, 0x3412);
    assert_call(f, 0, 'w', 4, 1, 0x12);
    assert_call(f, 1, 'w', 5, 1, 0x34);
    g_assert_cmphex(bus_read(&f->bus, 0x104, 2), ==, 0xa5a4);
    g_assert_cmpuint(f->fake.n, ==, 4);
}

static void test_across_rows(struct fixture *f, gconstpointer limit)
{
    bus_write(&f->bus, 0x102, 4, 0x44332211);
    assert_call(f, 0, 'w', 2, 2, 0x2211);
    assert_call(f, 1, 'w', 4, 1, 0x33);
    assert_call(f, 2, 'w', 5, 1, 0x44);
    g_assert_cmpuint(f->fake.n, ==, 3);
}

static void test_gaps_and_outside(struct fixture *f, gconstpointer limit)
{
    g_assert_cmphex(bus_read(&f->bus, 0x106, 1), ==, 0xff); /* no read handler */
    g_assert_cmphex(bus_read(&f->bus, 0x107, 1), ==, 0xff); /* no row */
    g_assert_cmphex(bus_read(&f->bus, 0x200, 4), ==, 0xffffffff);
    g_assert_cmphex(bus_read(&f->bus, 0x200, 8), ==, UINT64_MAX);
    bus_write(&f->bus, 0x200, 4, 0);
    g_assert_cmpuint(f->fake.n, ==, 0);
    /* Starts before the region and reaches into its byte... */
    g_assert_cmphex(bus_read(&f->bus, 0xfe, 4), ==, 0xffffffff);
    /* ...and past its end. */
    bus_write(&f->bus, 0x106, 4, 0x04030201);
    assert_call(f, 0, 'w', 6, 1, 1);
    g_assert_cmpuint(f->fake.n, ==, 1);
}

static void test_rep(struct fixture *f, gconstpointer limit)
{
    uint8_t buf[512];

    bus_read_rep(&f->bus, 0x100, 2, 256, buf);
    assert_call(f, 0, 'R', 0, 2, 256);
    g_assert_cmphex(buf[511], ==, 0x5a);
    bus_read_rep(&f->bus, 0x104, 1, 3, buf); /* a row without read_rep: one by one */
    g_assert_cmpuint(f->fake.n, ==, 4);
    g_assert_cmphex(buf[2], ==, 0xa4);
}

static void test_move_and_overlap(struct fixture *f, gconstpointer limit)
{
    struct fake other = {0};
    struct region high = {
        .regs = fake_regs + 1, .nregs = 1, .opaque = &other, .len = 6, .priority = 1};

    g_assert_cmpint(bus_map(&f->bus, &high, 0x100), ==, 0);
    bus_write(&f->bus, 0x104, 1, 7);
    g_assert_cmpuint(f->fake.n, ==, 0);
    g_assert_cmpuint(other.n, ==, 1);
    bus_write(&f->bus, 0x106, 1, 7); /* the lower one answers beside the overlap... */
    g_assert_cmpuint(f->fake.n, ==, 1);
    f->fake.n = 0;
    bus_write(&f->bus, 0x104, 1, 7); /* ...and still not inside it */
    g_assert_cmpuint(other.n, ==, 2);
    g_assert_cmpuint(f->fake.n, ==, 0);
    bus_unmap(&f->bus, &high);
    bus_write(&f->bus, 0x104, 1, 7);
    g_assert_cmpuint(f->fake.n, ==, 1);
    g_assert_cmpint(bus_map(&f->bus, &f->region, 0x300), ==, 0);
    g_assert_cmphex(bus_read(&f->bus, 0x104, 1), ==, 0xff);
    g_assert_cmphex(bus_read(&f->bus, 0x304, 1), ==, 0xa4);
}

static void test_ends_of_space(struct fixture *f, gconstpointer limit)
{
    uint64_t last = (uint64_t)GPOINTER_TO_SIZE(limit);

    g_assert_cmpint(bus_map(&f->bus, &f->region, last - 6), <, 0);
    g_assert_false(f->region.mapped);
    g_assert_cmpint(bus_map(&f->bus, &f->region, last - 7), ==, 0);
    g_assert_cmphex(bus_read(&f->bus, last - 3, 4) & 0xffff, ==, 0xa5a4);
    g_assert_cmphex(bus_read(&f->bus, last, 8) >> 8, ==, UINT64_MAX >> 8);
    bus_write(&f->bus, last, 8, 0);
}

/* Handlers' offsets have 32 bits: beyond 4 GiB they would begin again at row 0. */
static void test_too_long(struct fixture *f, gconstpointer limit)
{
    bool fits = GPOINTER_TO_SIZE(limit) > REGION_LEN_MAX;

    bus_unmap(&f->bus, &f->region);
    f->region.len = REGION_LEN_MAX + 1;
    g_assert_cmpint(bus_map(&f->bus, &f->region, 0), ==, -ERANGE);
    g_assert_false(f->region.mapped);
    f->region.len = REGION_LEN_MAX;
    g_assert_cmpint(bus_map(&f->bus, &f->region, 0), ==, fits ? 0 : -ERANGE);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        gsize limit;
    } spaces[] = {{"ports", 0xffff}, {"memory", 0xffffffffffffffff}};
    static const struct {
        const char *name;
        void (*fn)(struct fixture *, gconstpointer);
    } tests[] = {
        {"declared-widths", test_declared_widths},
        {"nobody-around", test_nobody_around},
        {"too-narrow-reads-ones", test_too_narrow_reads_ones},
        {"wide-is-split-low-first", test_wide_is_split_low_first},
        {"across-rows", test_across_rows},
        {"gaps-and-outside", test_gaps_and_outside},
        {"rep", test_rep},
        {"move-and-overlap", test_move_and_overlap},
        {"ends-of-space", test_ends_of_space},
        {"too-long", test_too_long},
    };

    g_test_init(&argc, &argv, NULL);
    for (unsigned s = 0; s < G_N_ELEMENTS(spaces); s++) {
        for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
            g_autofree char *path = g_strdup_printf("/bus/%s/%s", spaces[s].name, tests[i].name);

            g_test_add(path, struct fixture, GSIZE_TO_POINTER(spaces[s].limit), set_up, tests[i].fn,
                       tear_down);
        }
    }
    return g_test_run();
}
