/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HPET, against the IA-PC HPET specification 1.0a. */
#include "chip-world.h"
#include "hpet.h"

#define SPEC_CAP      0x000
#define SPEC_CFG      0x010
#define SPEC_ISR      0x020
#define SPEC_CNT      0x0f0
#define SPEC_TCFG(n)  (0x100 + 0x20 * (n))
#define SPEC_TCMP(n)  (0x108 + 0x20 * (n))
#define SPEC_ENABLE   1u
#define SPEC_LEG_RT   2u
#define SPEC_LEVEL    0x002u
#define SPEC_INT_ENB  0x004u
#define SPEC_PERIODIC 0x008u
#define SPEC_VAL_SET  0x040u
#define SPEC_32MODE   0x100u
#define SPEC_ROUTE(g) ((uint32_t)(g) << 9)
#define TICK          16u /* ns at 62.5 MHz */
#define TICKS_PER_MS  62500u
#define MS            1000000ull

enum { LINE_GSI20 = 0, LINE_IRQ0 = 4, LINE_IRQ8 = 5, LINE_LEGACY = 6 };

struct fixture {
    struct world w;
    struct hpet hpet;
};

static void set_up(struct fixture *f, gconstpointer data)
{
    struct hpet_lines lines;

    world_init(&f->w);
    for (unsigned i = 0; i < HPET_GSIS; i++) {
        lines.gsi[i] = world_line(&f->w, LINE_GSI20 + i);
    }
    lines.irq0 = world_line(&f->w, LINE_IRQ0);
    lines.irq8 = world_line(&f->w, LINE_IRQ8);
    lines.legacy = world_line(&f->w, LINE_LEGACY);
    g_assert_cmpint(hpet_init(&f->hpet, &f->w.hw, &lines), ==, 0);
    arena_reset(&f->w.arena, RESET_POWER_ON);
    world_pass(&f->w, MS + 8); /* not aligned to a tick */
}

static void tear_down(struct fixture *f, gconstpointer data)
{
    world_destroy(&f->w);
}

static uint64_t get(struct fixture *f, uint32_t reg)
{
    return bus_read(&f->w.mmio, 0xfed00000 + reg, 8);
}

static void put(struct fixture *f, uint32_t reg, uint64_t val)
{
    bus_write(&f->w.mmio, 0xfed00000 + reg, 8, val);
}

static void put32(struct fixture *f, uint32_t reg, uint32_t val)
{
    bus_write(&f->w.mmio, 0xfed00000 + reg, 4, val);
}

static void test_capabilities(struct fixture *f, gconstpointer data)
{
    g_assert_cmphex(get(f, SPEC_CAP), ==, 0x00f424008086a201ull);
    g_assert_cmphex(bus_read(&f->w.mmio, 0xfed00002, 2), ==, 0x8086);
    g_assert_cmphex(bus_read(&f->w.mmio, 0xfed00004, 4), ==, 0x00f42400);
    for (unsigned n = 0; n < 3; n++) {
        g_assert_cmphex(get(f, SPEC_TCFG(n)), ==, 0x00f0000000000030ull);
        g_assert_cmphex(get(f, SPEC_TCMP(n)), ==, UINT64_MAX);
        put(f, SPEC_TCFG(n), UINT64_MAX); /* all that is writable: route 31 is not offered */
        g_assert_cmphex(get(f, SPEC_TCFG(n)), ==, 0x00f000000000017eull);
        put(f, SPEC_TCFG(n), SPEC_ROUTE(21));
        g_assert_cmphex(get(f, SPEC_TCFG(n)), ==, 0x00f0000000000030ull | SPEC_ROUTE(21));
    }
    g_assert_cmphex(get(f, 0x160), ==, 0); /* no fourth timer */
    g_assert_cmphex(bus_read(&f->w.mmio, 0xfed00006, 4), ==, 0xffffffff);
}

static void test_counter(struct fixture *f, gconstpointer data)
{
    g_assert_cmpuint(get(f, SPEC_CNT), ==, 0);
    world_pass(&f->w, MS);
    g_assert_cmpuint(get(f, SPEC_CNT), ==, 0);
    put(f, SPEC_CNT, 1000);
    put32(f, SPEC_CFG, SPEC_ENABLE);
    world_pass(&f->w, MS);
    g_assert_cmpuint(get(f, SPEC_CNT), ==, 1000 + TICKS_PER_MS);
    put32(f, SPEC_CFG, 0);
    world_pass(&f->w, MS);
    g_assert_cmpuint(get(f, SPEC_CNT), ==, 1000 + TICKS_PER_MS);
    put32(f, SPEC_CNT + 4, 7);
    g_assert_cmphex(get(f, SPEC_CNT), ==, (7ull << 32) + 1000 + TICKS_PER_MS);
    bus_write(&f->w.mmio, 0xfed000f0, 1, 0xff); /* too narrow */
    bus_write(&f->w.mmio, 0xfed000f2, 4, 0xff); /* not aligned */
    g_assert_cmphex(get(f, SPEC_CNT), ==, (7ull << 32) + 1000 + TICKS_PER_MS);
    g_assert_cmpuint(f->w.wakes, ==, 0);
}

static void test_one_shot(struct fixture *f, gconstpointer data)
{
    put32(f, SPEC_CFG, SPEC_ENABLE);
    put32(f, SPEC_TCFG(2), SPEC_INT_ENB | SPEC_ROUTE(22));
    put(f, SPEC_TCMP(2), get(f, SPEC_CNT) + 2 * TICKS_PER_MS);
    world_pass(&f->w, 2 * MS - 2 * TICK);
    g_assert_cmpuint(f->w.line[2].rises, ==, 0);
    world_pass(&f->w, 2 * TICK);
    g_assert_cmpuint(f->w.line[2].rises, ==, 1);
    g_assert_cmpint(f->w.line[2].level, ==, 0); /* an edge */
    g_assert_cmphex(get(f, SPEC_ISR), ==, 0);
    world_pass(&f->w, 3600 * NS_PER_S);
    g_assert_cmpuint(f->w.line[2].rises, ==, 1);
    g_assert_cmpuint(f->w.wakes, ==, 1);
}

static void test_one_shot_32(struct fixture *f, gconstpointer data)
{
    put(f, SPEC_CNT, 0xfffffff0);
    put32(f, SPEC_TCFG(0), SPEC_INT_ENB | SPEC_32MODE | SPEC_ROUTE(20));
    put32(f, SPEC_TCMP(0), TICKS_PER_MS);
    put32(f, SPEC_CFG, SPEC_ENABLE);
    world_pass(&f->w, MS + 100 * TICK);
    g_assert_cmpuint(f->w.line[0].rises, ==, 1);
    world_pass(&f->w, 16ull << 32); /* again at each turn of 32 bits */
    g_assert_cmpuint(f->w.line[0].rises, ==, 2);
}

/* Written a moment too late: fires at once. Long past: waits. */
static void test_past(struct fixture *f, gconstpointer data)
{
    put32(f, SPEC_CFG, SPEC_ENABLE);
    put32(f, SPEC_TCFG(1), SPEC_INT_ENB | SPEC_ROUTE(23));
    world_pass(&f->w, 100 * MS);
    put(f, SPEC_TCMP(1), get(f, SPEC_CNT) - 10);
    g_assert_cmpuint(f->w.line[3].rises, ==, 1);
    world_pass(&f->w, 100 * MS);
    put(f, SPEC_TCMP(1), get(f, SPEC_CNT) - 50 * TICKS_PER_MS);
    world_pass(&f->w, 1000 * NS_PER_S);
    g_assert_cmpuint(f->w.line[3].rises, ==, 1);
    g_assert_cmpuint(clock_next(&f->w.clock), ==, CLOCK_NEVER);
}

static void start_periodic(struct fixture *f, unsigned n, uint32_t flags, uint64_t first,
                           uint64_t period)
{
    put32(f, SPEC_CFG, SPEC_ENABLE);
    put32(f, SPEC_TCFG(n), SPEC_INT_ENB | SPEC_PERIODIC | SPEC_VAL_SET | flags);
    put(f, SPEC_TCMP(n), get(f, SPEC_CNT) + first);
    g_assert_cmphex(get(f, SPEC_TCFG(n)) & SPEC_VAL_SET, ==, 0);
    put(f, SPEC_TCMP(n), period);
}

static void test_periodic(struct fixture *f, gconstpointer data)
{
    start_periodic(f, 0, SPEC_ROUTE(20), 5 * TICKS_PER_MS, TICKS_PER_MS);
    world_pass(&f->w, 5 * MS);
    g_assert_cmpuint(f->w.line[0].rises, ==, 1);
    g_assert_cmpuint(get(f, SPEC_TCMP(0)) - get(f, SPEC_CNT), <=, TICKS_PER_MS);
    world_pass(&f->w, 1000 * MS);
    g_assert_cmpuint(f->w.line[0].rises, ==, 1001);
    world_stall(&f->w, 3600 * NS_PER_S); /* missed ticks are one */
    g_assert_cmpuint(f->w.line[0].rises, ==, 1002);
    world_pass(&f->w, 10 * MS);
    g_assert_cmpuint(f->w.line[0].rises, ==, 1012);
    put32(f, SPEC_TCFG(0), SPEC_PERIODIC | SPEC_ROUTE(20));
    g_assert_cmpuint(clock_next(&f->w.clock), ==, CLOCK_NEVER);
}

/* Held up between the two writes for longer than the first period: goes on, a turn not lost. */
static void test_periodic_late(struct fixture *f, gconstpointer data)
{
    put32(f, SPEC_CFG, SPEC_ENABLE);
    put32(f, SPEC_TCFG(0),
          SPEC_INT_ENB | SPEC_PERIODIC | SPEC_VAL_SET | SPEC_32MODE | SPEC_ROUTE(20));
    put32(f, SPEC_TCMP(0), (uint32_t)get(f, SPEC_CNT) + TICKS_PER_MS);
    world_stall(&f->w, 20 * MS);
    put32(f, SPEC_TCMP(0), TICKS_PER_MS);
    f->w.line[0].rises = 0;
    world_pass(&f->w, 10 * MS);
    g_assert_cmpuint(f->w.line[0].rises, >=, 9);
}

/* PM-06, RES-02: the shortest period a guest can ask for. */
static void test_storm(struct fixture *f, gconstpointer data)
{
    start_periodic(f, 0, SPEC_ROUTE(20), 1, 1);
    start_periodic(f, 1, SPEC_ROUTE(21) | SPEC_LEVEL, 1, 1);
    start_periodic(f, 2, SPEC_ROUTE(22) | SPEC_32MODE, 3, 0);
    f->w.wakes = 0;
    for (unsigned i = 0; i < 1000; i++) {
        world_pass(&f->w, MS / 10);
        put32(f, SPEC_ISR, 7);
    }
    g_assert_cmpuint(f->w.wakes, <=, 4 * 1000);
    g_assert_cmpuint(f->w.line[0].rises, <=, 1002);
    g_assert_cmpuint(f->w.line[0].rises, >=, 900);
}

/* PM-06: comparators and periods near the end of the number range. */
static void test_saturation(struct fixture *f, gconstpointer data)
{
    static const uint64_t value[] = {UINT64_MAX, UINT64_MAX - 1,   1ull << 63,
                                     1ull << 60, (1ull << 60) - 1, 0};

    for (unsigned i = 0; i < G_N_ELEMENTS(value); i++) {
        for (unsigned j = 0; j < G_N_ELEMENTS(value); j++) {
            start_periodic(f, 0, SPEC_ROUTE(20), value[i], value[j]);
            put(f, SPEC_CNT, value[j]);
            f->w.wakes = 0;
            world_pass(&f->w, NS_PER_S);
            g_assert_cmpuint(f->w.wakes, <=, 2);
            put(f, SPEC_CNT, 0);
        }
    }
}

static void test_level(struct fixture *f, gconstpointer data)
{
    put32(f, SPEC_CFG, SPEC_ENABLE);
    put32(f, SPEC_TCFG(1), SPEC_INT_ENB | SPEC_LEVEL | SPEC_ROUTE(23));
    put(f, SPEC_TCMP(1), get(f, SPEC_CNT) + TICKS_PER_MS);
    world_pass(&f->w, 2 * MS);
    g_assert_cmpint(f->w.line[3].level, ==, 1);
    g_assert_cmphex(get(f, SPEC_ISR), ==, 2);
    put32(f, SPEC_ISR, 1);
    g_assert_cmpint(f->w.line[3].level, ==, 1);
    put32(f, SPEC_CFG, 0); /* disables all interrupts */
    g_assert_cmpint(f->w.line[3].level, ==, 0);
    put32(f, SPEC_CFG, SPEC_ENABLE);
    g_assert_cmpint(f->w.line[3].level, ==, 1);
    put32(f, SPEC_ISR, 2);
    g_assert_cmpint(f->w.line[3].level, ==, 0);
    g_assert_cmphex(get(f, SPEC_ISR), ==, 0);
}

/* A comparator without INT_ENB still shows its status, and costs no wake-up. */
static void test_polled(struct fixture *f, gconstpointer data)
{
    put32(f, SPEC_CFG, SPEC_ENABLE);
    put32(f, SPEC_TCFG(0), SPEC_LEVEL | SPEC_ROUTE(20));
    put(f, SPEC_TCMP(0), get(f, SPEC_CNT) + TICKS_PER_MS);
    world_pass(&f->w, 2 * MS);
    g_assert_cmphex(get(f, SPEC_ISR), ==, 1);
    g_assert_cmpint(f->w.line[0].level, ==, 0);
    g_assert_cmpuint(f->w.wakes, ==, 0);
}

static void test_legacy(struct fixture *f, gconstpointer data)
{
    g_assert_cmpint(f->w.line[LINE_LEGACY].level, ==, 0);
    start_periodic(f, 0, SPEC_ROUTE(20), TICKS_PER_MS, TICKS_PER_MS);
    start_periodic(f, 1, SPEC_ROUTE(21), TICKS_PER_MS, TICKS_PER_MS);
    start_periodic(f, 2, SPEC_ROUTE(22), TICKS_PER_MS, TICKS_PER_MS);
    put32(f, SPEC_CFG, SPEC_ENABLE | SPEC_LEG_RT);
    g_assert_cmpint(f->w.line[LINE_LEGACY].level, ==, 1);
    world_pass(&f->w, 10 * MS);
    g_assert_cmpuint(f->w.line[LINE_IRQ0].rises, ==, 10);
    g_assert_cmpuint(f->w.line[LINE_IRQ8].rises, ==, 10);
    g_assert_cmpuint(f->w.line[0].rises, ==, 0);
    g_assert_cmpuint(f->w.line[2].rises, ==, 10);
    arena_reset(&f->w.arena, RESET_HARD);
    g_assert_cmpint(f->w.line[LINE_LEGACY].level, ==, 0);
    g_assert_cmphex(get(f, SPEC_CFG), ==, 0);
    g_assert_cmpuint(clock_next(&f->w.clock), ==, CLOCK_NEVER);
}

static void test_state(struct fixture *f, gconstpointer data)
{
    struct hpet_state saved;

    put32(f, SPEC_TCFG(1), SPEC_INT_ENB | SPEC_LEVEL | SPEC_ROUTE(23));
    put(f, SPEC_TCMP(1), TICKS_PER_MS);
    start_periodic(f, 0, SPEC_ROUTE(20), TICKS_PER_MS, TICKS_PER_MS);
    world_pass(&f->w, 2 * MS);
    saved = *f->hpet.s;
    uint64_t next = clock_next(&f->w.clock);

    arena_reset(&f->w.arena, RESET_POWER_ON);
    *f->hpet.s = saved;
    g_assert_cmpint(f->hpet.dev.cls->check(f->hpet.s), ==, 0);
    f->hpet.dev.cls->resume(&f->hpet.dev);
    g_assert_cmpint(f->w.line[3].level, ==, 1);
    g_assert_cmpuint(clock_next(&f->w.clock), ==, next);
    world_hostile_state(&f->w, &f->hpet.dev);
    f->hpet.s->timer[1].config = SPEC_ROUTE(3);
    g_assert_cmpint(f->hpet.dev.cls->check(f->hpet.s), !=, 0);
}

#define ADD_PATH(path, func) g_test_add(path, struct fixture, NULL, set_up, func, tear_down)
#define ADD(name, func)      ADD_PATH("/hpet/" name, func)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("capabilities", test_capabilities);
    ADD("counter", test_counter);
    ADD("one-shot", test_one_shot);
    ADD("one-shot-32", test_one_shot_32);
    ADD("past", test_past);
    ADD("periodic", test_periodic);
    ADD("periodic-late", test_periodic_late);
    ADD_PATH("/catalogue/RES-02/hpet-storm", test_storm);
    ADD_PATH("/catalogue/PM-06/hpet-saturation", test_saturation);
    ADD("level", test_level);
    ADD("polled", test_polled);
    ADD("legacy", test_legacy);
    ADD_PATH("/catalogue/ST-01/hpet", test_state);
    return g_test_run();
}
