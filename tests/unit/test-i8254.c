/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 8254 through its ports. Constants: Intel 8254 data sheet; the PC's 1.193182 MHz. */
#include "chip-world.h"
#include "i8254.h"

#define SPEC_CONTROL  0x43
#define SPEC_PORT_B   0x61
#define SPEC_HZ       1193182ull
#define SPEC_BOTH     0x30
#define SPEC_LATCH(n) ((uint8_t)((n) << 6))

enum { OUT0 };

struct pit {
    struct world w;
    struct i8254 d;
};

static uint8_t in(struct pit *p, uint16_t port)
{
    return (uint8_t)bus_read(&p->w.pio, port, 1);
}

static void out(struct pit *p, uint16_t port, uint8_t val)
{
    bus_write(&p->w.pio, port, 1, val);
}

static void pit_init(struct pit *p)
{
    world_init(&p->w);
    g_assert_cmpint(i8254_init(&p->d, &p->w.hw, world_line(&p->w, OUT0)), ==, 0);
    arena_reset(&p->w.arena, RESET_POWER_ON);
}

/* To the middle of CLK period `tick` since power-on. */
static void pass_to(struct pit *p, uint64_t tick)
{
    uint64_t ns = (uint64_t)(((unsigned __int128)tick * 2 + 1) * 1000000000u / (2 * SPEC_HZ));

    g_assert_cmpuint(ns, >=, p->w.now);
    world_pass(&p->w, ns - p->w.now);
}

static void program(struct pit *p, unsigned n, unsigned mode, uint16_t count)
{
    out(p, SPEC_CONTROL, (uint8_t)(n << 6 | SPEC_BOTH | mode << 1));
    out(p, (uint16_t)(0x40 + n), (uint8_t)count);
    out(p, (uint16_t)(0x40 + n), (uint8_t)(count >> 8));
}

static uint16_t count(struct pit *p, unsigned n)
{
    out(p, SPEC_CONTROL, SPEC_LATCH(n));
    uint16_t low = in(p, (uint16_t)(0x40 + n));

    return (uint16_t)(low | in(p, (uint16_t)(0x40 + n)) << 8);
}

static uint8_t status(struct pit *p, unsigned n)
{
    out(p, SPEC_CONTROL, (uint8_t)(0xe0 | 2u << n));
    return in(p, (uint16_t)(0x40 + n));
}

/* OUT goes high N + 1 CLKs after the count was written, and stays. */
static void test_mode0(void)
{
    struct pit p;

    pit_init(&p);
    program(&p, 0, 0, 1000);
    g_assert_cmpint(p.w.line[OUT0].level, ==, 0);
    pass_to(&p, 1);
    g_assert_cmpuint(count(&p, 0), ==, 1000);
    pass_to(&p, 11);
    g_assert_cmpuint(count(&p, 0), ==, 990);
    pass_to(&p, 1000);
    g_assert_cmpint(p.w.line[OUT0].level, ==, 0);
    pass_to(&p, 1001);
    g_assert_cmpint(p.w.line[OUT0].level, ==, 1);
    g_assert_cmphex(status(&p, 0), ==, 0xb0);
    pass_to(&p, 1002);
    g_assert_cmpuint(count(&p, 0), ==, 0xffff);
    pass_to(&p, 100000);
    g_assert_cmpuint(p.w.line[OUT0].rises, ==, 1);
    out(&p, 0x40, 5); /* the first byte lowers OUT, the second starts */
    g_assert_cmpint(p.w.line[OUT0].level, ==, 0);
    pass_to(&p, 100100);
    g_assert_cmpint(p.w.line[OUT0].level, ==, 0);
    out(&p, 0x40, 0);
    pass_to(&p, 100100 + 6);
    g_assert_cmpint(p.w.line[OUT0].level, ==, 1);
}

static void test_mode2(void)
{
    struct pit p;

    pit_init(&p);
    program(&p, 0, 2, 100);
    g_assert_cmpint(p.w.line[OUT0].level, ==, 1);
    pass_to(&p, 1 + 99);
    g_assert_cmpint(p.w.line[OUT0].level, ==, 0); /* low for one CLK */
    pass_to(&p, 1 + 100);
    g_assert_cmpint(p.w.line[OUT0].level, ==, 1);
    g_assert_cmpuint(count(&p, 0), ==, 100);
    unsigned before = p.w.line[OUT0].rises;
    pass_to(&p, 1 + 100 + 5000);
    g_assert_cmpuint(p.w.line[OUT0].rises - before, ==, 50);
    /* a new count takes effect after the period */
    pass_to(&p, 1 + 5110);
    out(&p, 0x40, 10);
    out(&p, 0x40, 0);
    g_assert_cmphex(status(&p, 0) & 0x40, ==, 0x40); /* null count */
    g_assert_cmpuint(count(&p, 0), ==, 90);
    pass_to(&p, 1 + 5200);
    g_assert_cmphex(status(&p, 0) & 0x40, ==, 0);
    g_assert_cmpuint(count(&p, 0), ==, 10);
    before = p.w.line[OUT0].rises;
    pass_to(&p, 1 + 5300);
    g_assert_cmpuint(p.w.line[OUT0].rises - before, ==, 10);
}

static void test_mode3(void)
{
    struct pit p;

    pit_init(&p);
    program(&p, 0, 3, 5); /* odd: high for three, low for two */
    static const int level[] = {1, 1, 1, 0, 0, 1, 1, 1, 0, 0};
    for (unsigned i = 0; i < G_N_ELEMENTS(level); i++) {
        pass_to(&p, 1 + i);
        g_assert_cmpint(p.w.line[OUT0].level, ==, level[i]);
    }
    program(&p, 0, 3, 0); /* 65536: a second is 18.2 ticks */
    uint64_t start = p.w.now;
    unsigned before = p.w.line[OUT0].rises;
    world_pass(&p.w, 10000000000ull);
    g_assert_cmpuint(p.w.line[OUT0].rises - before, ==, 10 * SPEC_HZ / 65536);
    g_assert_cmpuint(p.w.now - start, ==, 10000000000ull);
}

/* Counter 2: gate by port 61h, OUT in bit 5. */
static void test_gate(void)
{
    struct pit p;

    pit_init(&p);
    program(&p, 2, 0, 100);
    pass_to(&p, 50);
    g_assert_cmpuint(count(&p, 2), ==, 100); /* gate is low */
    out(&p, SPEC_PORT_B, 0x01);
    pass_to(&p, 60);
    g_assert_cmpuint(count(&p, 2), ==, 90);
    out(&p, SPEC_PORT_B, 0x00);
    pass_to(&p, 500);
    g_assert_cmpuint(count(&p, 2), ==, 90);
    g_assert_cmphex(in(&p, SPEC_PORT_B) & 0x20, ==, 0);
    out(&p, SPEC_PORT_B, 0x03);
    g_assert_cmphex(in(&p, SPEC_PORT_B) & 0x0f, ==, 0x03);
    pass_to(&p, 590);
    g_assert_cmphex(in(&p, SPEC_PORT_B) & 0x20, ==, 0x20);
}

static void test_one_shot(void)
{
    struct pit p;

    pit_init(&p);
    program(&p, 2, 1, 20);
    g_assert_cmphex(in(&p, SPEC_PORT_B) & 0x20, ==, 0x20);
    out(&p, SPEC_PORT_B, 1);
    pass_to(&p, 10);
    g_assert_cmphex(in(&p, SPEC_PORT_B) & 0x20, ==, 0);
    out(&p, SPEC_PORT_B, 0); /* the gate's fall does nothing, its rise starts anew */
    out(&p, SPEC_PORT_B, 1);
    pass_to(&p, 10 + 20);
    g_assert_cmphex(in(&p, SPEC_PORT_B) & 0x20, ==, 0);
    pass_to(&p, 10 + 21);
    g_assert_cmphex(in(&p, SPEC_PORT_B) & 0x20, ==, 0x20);
}

static void test_strobe(void)
{
    struct pit p;

    pit_init(&p);
    program(&p, 0, 4, 8);
    g_assert_cmpint(p.w.line[OUT0].level, ==, 1);
    pass_to(&p, 1 + 8);
    g_assert_cmpint(p.w.line[OUT0].level, ==, 0);
    pass_to(&p, 1 + 9);
    g_assert_cmpint(p.w.line[OUT0].level, ==, 1);
    pass_to(&p, 1000);
    g_assert_cmpuint(p.w.line[OUT0].rises, ==, 2);
}

static void test_bcd(void)
{
    struct pit p;

    pit_init(&p);
    out(&p, SPEC_CONTROL, SPEC_BOTH | 1); /* mode 0 */
    out(&p, 0x40, 0x00);
    out(&p, 0x40, 0x10); /* 1000 */
    pass_to(&p, 1 + 1);
    g_assert_cmphex(count(&p, 0), ==, 0x0999);
    pass_to(&p, 1 + 1001);
    g_assert_cmphex(count(&p, 0), ==, 0x9999);
}

/* A latch is held until it is read; the status comes before the count. */
static void test_latch(void)
{
    struct pit p;

    pit_init(&p);
    program(&p, 0, 2, 1000);
    pass_to(&p, 1 + 100);
    out(&p, SPEC_CONTROL, 0xc2); /* read back: count and status of counter 0 */
    pass_to(&p, 1 + 200);
    out(&p, SPEC_CONTROL, SPEC_LATCH(0));
    g_assert_cmphex(in(&p, 0x40), ==, 0xb4);
    g_assert_cmpuint(in(&p, 0x40), ==, 900 & 0xff);
    g_assert_cmpuint(in(&p, 0x40), ==, 900 >> 8);
    g_assert_cmpuint(in(&p, 0x40), ==, 800 & 0xff); /* live again */
    g_assert_cmpuint(in(&p, 0x40), ==, 800 >> 8);
    out(&p, SPEC_CONTROL, 0x10 | 2 << 1); /* low byte only */
    out(&p, 0x40, 50);
    pass_to(&p, 1 + 211);
    g_assert_cmpuint(in(&p, 0x40), ==, 50 - 10);
    g_assert_cmpuint(in(&p, 0x40), ==, 50 - 10);
}

static void test_refresh(void)
{
    struct pit p;
    unsigned changes = 0;
    uint8_t last;

    pit_init(&p);
    last = in(&p, SPEC_PORT_B) & 0x10;
    for (unsigned i = 0; i < 1000; i++) {
        world_pass(&p.w, 1000);
        uint8_t now = in(&p, SPEC_PORT_B) & 0x10;

        changes += now != last;
        last = now;
    }
    g_assert_cmpuint(changes, ==, 1000000 / 15085);
}

static void test_state(void)
{
    struct pit p;

    pit_init(&p);
    program(&p, 0, 2, 100);
    pass_to(&p, 1 + 50);
    arena_resume(&p.w.arena);
    pass_to(&p, 1 + 99);
    g_assert_cmpint(p.w.line[OUT0].level, ==, 0);
    g_assert_cmpint(p.d.dev.cls->check(p.d.s), ==, 0);
    p.d.s->counter[1].latched = 3;
    g_assert_cmpint(p.d.dev.cls->check(p.d.s), !=, 0);
    p.d.s->counter[1].latched = 0;
    p.d.s->counter[0].count = 20000;
    world_hostile_state(&p.w, &p.d.dev);
    arena_reset(&p.w.arena, RESET_HARD);
    g_assert_cmpint(p.w.line[OUT0].level, ==, 0);
    g_assert_cmpuint(clock_next(&p.w.clock), ==, CLOCK_NEVER);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8254/mode-0", test_mode0);
    g_test_add_func("/i8254/mode-2", test_mode2);
    g_test_add_func("/i8254/mode-3", test_mode3);
    g_test_add_func("/i8254/gate", test_gate);
    g_test_add_func("/i8254/one-shot", test_one_shot);
    g_test_add_func("/i8254/strobe", test_strobe);
    g_test_add_func("/i8254/bcd", test_bcd);
    g_test_add_func("/i8254/latch", test_latch);
    g_test_add_func("/i8254/refresh", test_refresh);
    g_test_add_func("/i8254/state", test_state);
    return g_test_run();
}
