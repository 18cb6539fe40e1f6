/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 8237A DMA controllers, against a reference that moves one element at a time. */
#include "pc-rig.h"

#include "dma/i8237.h"

/* 8237A data sheet; PC wiring of the page registers. */
#define SPEC_VERIFY    0x00
#define SPEC_TO_MEMORY 0x04
#define SPEC_TO_DEVICE 0x08
#define SPEC_AUTOINIT  0x10
#define SPEC_DECREMENT 0x20
#define SPEC_SINGLE    0x40
#define SPEC_CASCADE   0xc0

struct dm {
    struct rig r;
    struct i8237 d;
};

static const uint8_t page_port[8] = {0x87, 0x83, 0x81, 0x82, 0x8f, 0x8b, 0x89, 0x8a};

static void dm_init(struct dm *m)
{
    rig_init(&m->r);
    g_assert_cmpint(i8237_init(&m->d, &m->r.w.hw), ==, 0);
    rig_reset(&m->r);
}

/* A register of the controller that a channel belongs to. */
static uint16_t port(unsigned channel, unsigned reg)
{
    return (uint16_t)(channel < 4 ? reg : 0xc0 + 2 * reg);
}

static void put16(struct dm *m, unsigned channel, unsigned reg, uint16_t val)
{
    rig_outb(&m->r, port(channel, 12), 0);
    rig_outb(&m->r, port(channel, reg), (uint8_t)val);
    rig_outb(&m->r, port(channel, reg), (uint8_t)(val >> 8));
}

static uint16_t get16(struct dm *m, unsigned channel, unsigned reg)
{
    rig_outb(&m->r, port(channel, 12), 0);
    uint8_t low = rig_inb(&m->r, port(channel, reg));

    return (uint16_t)(low | rig_inb(&m->r, port(channel, reg)) << 8);
}

static void program(struct dm *m, unsigned channel, uint8_t mode, uint8_t page, uint16_t address,
                    uint16_t count)
{
    unsigned n = channel & 3;

    rig_outb(&m->r, 0xd6, SPEC_CASCADE);
    rig_outb(&m->r, 0xd4, 0);
    rig_outb(&m->r, port(channel, 10), (uint8_t)(4 | n));
    put16(m, channel, 2 * n, address);
    put16(m, channel, 2 * n + 1, count);
    rig_outb(&m->r, page_port[channel], page);
    rig_outb(&m->r, port(channel, 11), (uint8_t)(mode | n));
    rig_outb(&m->r, port(channel, 10), (uint8_t)n);
}

static void test_registers(void)
{
    struct dm m;

    dm_init(&m);
    for (unsigned channel = 0; channel < 8; channel++) {
        unsigned n = channel & 3;

        put16(&m, channel, 2 * n, (uint16_t)(0x1234 + channel));
        put16(&m, channel, 2 * n + 1, (uint16_t)(0x5678 + channel));
        g_assert_cmphex(get16(&m, channel, 2 * n), ==, 0x1234 + channel);
        g_assert_cmphex(get16(&m, channel, 2 * n + 1), ==, 0x5678 + channel);
    }
    for (unsigned i = 0; i < 16; i++) {
        rig_outb(&m.r, (uint16_t)(0x80 + i), (uint8_t)(0x11 * i));
        rig_outb(&m.r, (uint16_t)(0x480 + i), (uint8_t)(0x0f - i));
    }
    for (unsigned i = 0; i < 16; i++) {
        g_assert_cmphex(rig_inb(&m.r, (uint16_t)(0x80 + i)), ==, 0x11 * i);
        g_assert_cmphex(rig_inb(&m.r, (uint16_t)(0x480 + i)), ==, 0x0f - i);
    }
    rig_destroy(&m.r);
}

/* Master clear masks all channels and resets the flip-flop; a stray byte shifts what follows. */
static void test_flip_flop(void)
{
    struct dm m;

    dm_init(&m);
    rig_outb(&m.r, 0x00, 0x11);
    rig_outb(&m.r, 0x0d, 0);
    rig_outb(&m.r, 0x00, 0x22);
    rig_outb(&m.r, 0x00, 0x33);
    g_assert_cmphex(get16(&m, 0, 0), ==, 0x3322);
    (void)rig_inb(&m.r, 0x00);
    rig_outb(&m.r, 0x02, 0x44);
    rig_outb(&m.r, 0x02, 0x55);
    g_assert_cmphex(get16(&m, 1, 2), ==, 0x4455);
    g_assert_cmphex(rig_inb(&m.r, 0x0f) & 0xf, ==, 0xf);
    rig_outb(&m.r, 0x0e, 0);
    g_assert_cmphex(rig_inb(&m.r, 0x0f) & 0xf, ==, 0);
    rig_destroy(&m.r);
}

/* Who may be served: disabled controller, masked channel, masked cascade, wrong direction. */
static void test_ready(void)
{
    struct dm m;
    uint8_t buf[4] = {0};
    bool tc;

    dm_init(&m);
    program(&m, 2, SPEC_SINGLE | SPEC_TO_MEMORY, 0, 0x100, 3);
    g_assert_true(i8237_ready(&m.d, 2));
    rig_outb(&m.r, 0xd4, 4);
    g_assert_false(i8237_ready(&m.d, 2));
    rig_outb(&m.r, 0xd4, 0);
    rig_outb(&m.r, 0x08, 4);
    g_assert_false(i8237_ready(&m.d, 2));
    rig_outb(&m.r, 0x08, 0);
    g_assert_cmpuint(i8237_transfer(&m.d, 2, buf, 4, false, &tc), ==, 0);
    rig_outb(&m.r, 0x0b, 0xc2); /* cascade mode: no transfers of its own */
    g_assert_cmpuint(i8237_transfer(&m.d, 2, buf, 4, true, &tc), ==, 0);
    g_assert_false(i8237_ready(&m.d, 4));
    g_assert_cmphex(rig_inb(&m.r, 0x08), ==, 0);
    rig_destroy(&m.r);
}

/* DMA-01: terminal count is set once and cleared by reading; the channel then is masked. */
static void test_terminal_count(void)
{
    struct dm m;
    uint8_t buf[16] = "0123456789abcdef";
    bool tc;

    dm_init(&m);
    program(&m, 2, SPEC_SINGLE | SPEC_TO_MEMORY, 1, 0x2000, 9);
    g_assert_cmpuint(i8237_transfer(&m.d, 2, buf, 4, true, &tc), ==, 4);
    g_assert_false(tc);
    g_assert_cmphex(get16(&m, 2, 4), ==, 0x2004);
    g_assert_cmphex(get16(&m, 2, 5), ==, 5);
    g_assert_cmpuint(i8237_transfer(&m.d, 2, buf + 4, 12, true, &tc), ==, 6);
    g_assert_true(tc);
    g_assert_cmpmem(m.r.bytes + 0x12000, 10, buf, 10);
    g_assert_cmphex(m.r.bytes[0x1200a], ==, 0xa5);
    g_assert_cmphex(get16(&m, 2, 5), ==, 0xffff);
    g_assert_cmphex(rig_inb(&m.r, 0x08), ==, 0x04);
    g_assert_cmphex(rig_inb(&m.r, 0x08), ==, 0x00);
    g_assert_cmpuint(i8237_transfer(&m.d, 2, buf, 4, true, &tc), ==, 0);
    g_assert_cmpuint(clock_next(&m.r.w.clock), ==, CLOCK_NEVER);
    rig_destroy(&m.r);
}

/* One element at a time, by the data sheet's words. */
static void reference(uint8_t *ram, unsigned channel, uint8_t mode, uint8_t page, uint16_t address,
                      const uint8_t *buf, unsigned elements)
{
    unsigned width = channel < 4 ? 1 : 2;
    uint32_t base = channel < 4 ? (uint32_t)page << 16 : (uint32_t)(page & 0xfe) << 16;

    for (unsigned i = 0; i < elements; i++) {
        uint32_t gpa = base | (uint32_t)address * width;

        if (gpa < RIG_RAM) {
            memcpy(ram + gpa, buf + i * width, width);
        }
        address = (uint16_t)(mode & SPEC_DECREMENT ? address - 1 : address + 1);
    }
}

/* DMA-02: counts, wraps in the page, directions, both widths, in pieces of any size. */
static void test_reference(void)
{
    struct dm m;
    uint8_t *model = g_malloc(RIG_RAM);
    uint8_t *buf = g_malloc(0x20000);
    static const uint16_t counts[] = {0, 1, 511, 0x7fff, 0xffff};
    static const uint16_t addresses[] = {0, 1, 0x8000, 0xfff0, 0xffff};

    dm_init(&m);
    for (unsigned round = 0; round < 400; round++) {
        unsigned channel = (unsigned[]){0, 1, 2, 3, 5, 6, 7}[round % 7];
        unsigned width = channel < 4 ? 1 : 2;
        uint8_t mode = SPEC_SINGLE | SPEC_TO_MEMORY | (round & 8 ? SPEC_DECREMENT : 0);
        uint8_t page = (uint8_t)g_test_rand_int_range(0, 0x42);
        uint16_t address = addresses[round % 5], count = counts[round / 5 % 5];
        uint32_t done = 0, total = (count + 1u) * width;
        bool tc = false;

        for (unsigned i = 0; i < total; i++) {
            buf[i] = (uint8_t)(i * 31 + round);
        }
        memcpy(model, m.r.bytes, RIG_RAM);
        reference(model, channel, mode, page, address, buf, count + 1u);
        program(&m, channel, mode, page, address, count);
        while (!tc) {
            uint32_t piece = (uint32_t)g_test_rand_int_range(1, 0x9000) * width;

            piece = piece < total - done ? piece : total - done;
            uint32_t n = i8237_transfer(&m.d, channel, buf + done, piece, true, &tc);

            g_assert_cmpuint(n, ==, piece);
            done += n;
        }
        g_assert_cmpuint(done, ==, total);
        g_assert_true(memcmp(model, m.r.bytes, RIG_RAM) == 0);
    }
    g_free(model);
    g_free(buf);
    rig_destroy(&m.r);
}

static void test_read_and_verify(void)
{
    struct dm m;
    uint8_t buf[64];
    bool tc;

    dm_init(&m);
    memcpy(m.r.bytes + 0x300, "from memory", 11);
    program(&m, 3, SPEC_SINGLE | SPEC_TO_DEVICE, 0, 0x300, 10);
    g_assert_cmpuint(i8237_transfer(&m.d, 3, buf, sizeof(buf), false, &tc), ==, 11);
    g_assert_cmpmem(buf, 11, "from memory", 11);
    program(&m, 1, SPEC_SINGLE | SPEC_VERIFY, 0, 0x300, 10);
    memset(buf, 0xee, sizeof(buf));
    g_assert_cmpuint(i8237_transfer(&m.d, 1, buf, sizeof(buf), true, &tc), ==, 11);
    g_assert_true(tc);
    g_assert_cmpmem(m.r.bytes + 0x300, 11, "from memory", 11);
    program(&m, 1, SPEC_SINGLE | SPEC_TO_DEVICE, 0x80, 0, 3); /* no RAM there: ones */
    g_assert_cmpuint(i8237_transfer(&m.d, 1, buf, 4, false, &tc), ==, 4);
    g_assert_cmpmem(buf, 4, "\xff\xff\xff\xff", 4);
    rig_destroy(&m.r);
}

static void test_autoinit(void)
{
    struct dm m;
    uint8_t buf[8] = "abcdefg";
    bool tc;

    dm_init(&m);
    program(&m, 1, SPEC_SINGLE | SPEC_TO_MEMORY | SPEC_AUTOINIT, 0, 0x500, 3);
    for (unsigned i = 0; i < 10; i++) {
        g_assert_cmpuint(i8237_transfer(&m.d, 1, buf, 8, true, &tc), ==, 4);
        g_assert_true(tc);
        g_assert_cmphex(get16(&m, 1, 2), ==, 0x500);
        g_assert_cmphex(get16(&m, 1, 3), ==, 3);
    }
    g_assert_true(i8237_ready(&m.d, 1));
    rig_destroy(&m.r);
}

/* Odd lengths on word channels, no bytes, page bit 0 ignored there. */
static void test_words(void)
{
    struct dm m;
    uint8_t buf[8] = "ABCDEFG";
    bool tc;

    dm_init(&m);
    program(&m, 5, SPEC_SINGLE | SPEC_TO_MEMORY, 0x03, 0x0800, 1);
    g_assert_cmpuint(i8237_transfer(&m.d, 5, buf, 0, true, &tc), ==, 0);
    g_assert_cmpuint(i8237_transfer(&m.d, 5, buf, 3, true, &tc), ==, 2);
    g_assert_cmpmem(m.r.bytes + 0x21000, 2, "AB", 2);
    g_assert_cmphex(m.r.bytes[0x21002], ==, 0xa5);
    rig_destroy(&m.r);
}

static struct dm *poked;

static void poke(struct rig *r)
{
    uint8_t buf[700];
    bool tc;

    for (unsigned i = 0; i < 300; i++) {
        uint16_t at = (uint16_t)g_test_rand_int_range(0, 48);

        rig_outb(r, at < 16 ? at : (uint16_t)(0xb0 + at), (uint8_t)g_test_rand_int());
        (void)rig_inb(r, at < 16 ? at : (uint16_t)(0xb0 + at));
        g_assert_cmpuint(i8237_transfer(&poked->d, i % 9, buf, sizeof(buf), i & 8, &tc), <=,
                         sizeof(buf));
    }
}

static void test_state(void)
{
    struct dm m;

    dm_init(&m);
    poked = &m;
    for (unsigned n = 0; n < 8; n++) { /* 231466: bits 1-0 of a mode choose the channel */
        rig_state_bits(&m.d.dev, &m.d.s->unit[n / 4].channel[n % 4].mode, 0xfc);
    }
    rig_hostile_state(&m.r, &m.d.dev, 300, poke);
    rig_destroy(&m.r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8237/registers", test_registers);
    g_test_add_func("/i8237/flip-flop", test_flip_flop);
    g_test_add_func("/i8237/ready", test_ready);
    g_test_add_func("/catalogue/DMA-01/terminal-count", test_terminal_count);
    g_test_add_func("/catalogue/DMA-02/reference", test_reference);
    g_test_add_func("/i8237/read-and-verify", test_read_and_verify);
    g_test_add_func("/i8237/autoinit", test_autoinit);
    g_test_add_func("/i8237/words", test_words);
    g_test_add_func("/catalogue/ST-01/i8237", test_state);
    return g_test_run();
}
