/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pvpanic, PC test device, IB700 watchdog. */
#include "chip-world.h"

#include "misc/pc_testdev.h"
#include "misc/pvpanic.h"
#include "watchdog/ib700.h"

#define SPEC_S 1000000000ull

/* --- pvpanic --- */

static void panic_event(void *opaque, uint8_t bits)
{
    uint8_t *seen = opaque;

    seen[0]++;
    seen[1] = bits;
}

static void test_pvpanic(void)
{
    struct world w;
    struct pvpanic p;
    uint8_t seen[2] = {0, 0};
    struct pvpanic_config cfg = {0x505, 3, panic_event, seen};

    world_init(&w);
    g_assert_cmpint(pvpanic_init(&p, &w.hw, &cfg), ==, 0);
    g_assert_cmphex(bus_read(&w.pio, 0x505, 1), ==, 3);
    bus_write(&w.pio, 0x505, 1, 1);
    g_assert_cmpuint(seen[0], ==, 1);
    g_assert_cmphex(seen[1], ==, 1);
    bus_write(&w.pio, 0x505, 1, 2);
    g_assert_cmphex(seen[1], ==, 2);
    bus_write(&w.pio, 0x505, 1, 0xfc); /* nothing that is known */
    g_assert_cmpuint(seen[0], ==, 2);
    bus_write(&w.pio, 0x504, 2, 0x0100); /* its byte of a wider access */
    g_assert_cmpuint(seen[0], ==, 3);
    bus_write(&w.pio, 0x506, 1, 1);
    g_assert_cmpuint(seen[0], ==, 3);
}

static void test_pvpanic_narrow(void)
{
    struct world w;
    struct pvpanic p;
    struct pvpanic_config cfg = {0x700, 1, NULL, NULL};

    world_init(&w);
    g_assert_cmpint(pvpanic_init(&p, &w.hw, &cfg), ==, 0);
    g_assert_cmphex(bus_read(&w.pio, 0x700, 1), ==, 1);
    g_assert_cmphex(bus_read(&w.pio, 0x505, 1), ==, 0xff);
    bus_write(&w.pio, 0x700, 1, 3); /* nobody listens */
}

/* --- PC test device --- */

struct testdev {
    struct world w;
    struct pc_testdev d;
    uint8_t iomem[TESTDEV_IOMEM];
};

static struct testdev *testdev_new(void)
{
    struct testdev *t = g_new0(struct testdev, 1);
    struct pc_testdev_config cfg = {.iomem = t->iomem};

    world_init(&t->w);
    for (unsigned i = 0; i < WORLD_LINES; i++) {
        cfg.irq[i] = world_line(&t->w, i);
    }
    g_assert_cmpint(pc_testdev_init(&t->d, &t->w.hw, &cfg), ==, 0);
    arena_seal(&t->w.arena);
    arena_reset(&t->w.arena, RESET_POWER_ON);
    return t;
}

/* Every width at every place, written on one side and read on the other. */
static void test_testdev_register(void)
{
    static const uint16_t base[2] = {0xe0, 0xe8};
    struct testdev *t = testdev_new();

    for (unsigned side = 0; side < 2; side++) {
        struct bus *pio = &t->w.pio;
        uint16_t to = base[side], from = base[!side];

        bus_write(pio, to, 4, 0x87654321);
        g_assert_cmphex(bus_read(pio, from, 4), ==, 0x87654321);
        g_assert_cmphex(bus_read(pio, from + 2, 2), ==, 0x8765);
        g_assert_cmphex(bus_read(pio, from + 1, 2), ==, 0x6543);
        for (unsigned i = 0; i < 4; i++) {
            g_assert_cmphex(bus_read(pio, from + i, 1), ==, 0x87654321u >> (8 * i) & 0xff);
        }
        bus_write(pio, to + 2, 2, 0x8866);
        g_assert_cmphex(bus_read(pio, from, 4), ==, 0x88664321);
        bus_write(pio, to + 3, 1, 0x12);
        g_assert_cmphex(bus_read(pio, from, 4), ==, 0x12664321);
        bus_write(pio, to, 1, 0x34);
        g_assert_cmphex(bus_read(pio, from, 4), ==, 0x12664334);
    }
    bus_write(&t->w.pio, 0xe4, 4, 0x12345000); /* flush: nothing to see */
    g_assert_cmphex(bus_read(&t->w.pio, 0xe4, 4), ==, 0xffffffff);
    g_assert_cmphex(bus_read(&t->w.pio, 0xe0, 4), ==, 0x12664334);
    arena_reset(&t->w.arena, RESET_HARD);
    g_assert_cmphex(bus_read(&t->w.pio, 0xe0, 4), ==, 0);
    g_free(t);
}

static void test_testdev_lines(void)
{
    struct testdev *t = testdev_new();

    bus_write(&t->w.pio, 0x2003, 1, 1);
    g_assert_cmpint(t->w.line[3].level, ==, 1);
    bus_write(&t->w.pio, 0x2003, 1, 0x80);
    g_assert_cmpuint(t->w.line[3].rises, ==, 1);
    bus_write(&t->w.pio, 0x2003, 1, 0);
    g_assert_cmpint(t->w.line[3].level, ==, 0);
    for (unsigned i = 0; i < 24; i++) { /* lines that are not there included */
        bus_write(&t->w.pio, 0x2000 + i, 1, 1);
    }
    bus_write(&t->w.pio, 0x2016, 4, 0x01010101);
    t->w.line[5].level = 0;
    arena_resume(&t->w.arena); /* a successor drives them again */
    g_assert_cmpint(t->w.line[5].level, ==, 1);
    arena_reset(&t->w.arena, RESET_HARD);
    g_assert_cmpint(t->w.line[5].level, ==, 0);
    world_hostile_state(&t->w, &t->d.dev);
    g_free(t);
}

static void test_testdev_memory(void)
{
    struct testdev *t = testdev_new();

    bus_write(&t->w.mmio, 0xff000000, 8, 0x8877665544332211);
    g_assert_cmphex(bus_read(&t->w.mmio, 0xff000000, 8), ==, 0x8877665544332211);
    g_assert_cmphex(bus_read(&t->w.mmio, 0xff000003, 2), ==, 0x5544);
    bus_write(&t->w.mmio, 0xff00ffff, 1, 0x5a);
    g_assert_cmphex(bus_read(&t->w.mmio, 0xff00ffff, 1), ==, 0x5a);
    g_assert_cmphex(bus_read(&t->w.mmio, 0xff00fffe, 4), ==, 0xffff5a00); /* its end */
    bus_write(&t->w.mmio, 0xff00fffc, 8, UINT64_MAX);
    g_assert_cmphex(bus_read(&t->w.mmio, 0xff00fffc, 4), ==, 0xffffffff);
    g_assert_cmphex(bus_read(&t->w.mmio, 0xff010000, 1), ==, 0xff);
    g_free(t);
}

/* --- watchdog --- */

struct dog {
    struct world w;
    struct ib700 d;
    unsigned barks;
};

static void bark(void *opaque)
{
    ((struct dog *)opaque)->barks++;
}

static void dog_init(struct dog *g)
{
    struct ib700_config cfg = {bark, g};

    g->barks = 0;
    world_init(&g->w);
    g_assert_cmpint(ib700_init(&g->d, &g->w.hw, &cfg), ==, 0);
    arena_seal(&g->w.arena);
    arena_reset(&g->w.arena, RESET_POWER_ON);
}

/* Each code's time, to the nanosecond. */
static void test_dog_times(void)
{
    struct dog g;

    dog_init(&g);
    for (unsigned code = 0; code < 16; code++) {
        uint64_t s = 30 - 2 * code;

        g.barks = 0;
        bus_write(&g.w.pio, 0x443, 1, 0xf0 | code); /* the high bits do not count */
        if (s) {
            world_pass(&g.w, s * SPEC_S - 1);
            g_assert_cmpuint(g.barks, ==, 0);
        }
        world_pass(&g.w, 1);
        g_assert_cmpuint(g.barks, ==, 1);
        world_pass(&g.w, 100 * SPEC_S); /* it does so once */
        g_assert_cmpuint(g.barks, ==, 1);
    }
    g_assert_cmphex(bus_read(&g.w.pio, 0x443, 1), ==, 0xff);
    g_assert_cmphex(bus_read(&g.w.pio, 0x441, 1), ==, 0xff);
}

static void test_dog_use(void)
{
    struct dog g;

    dog_init(&g);
    world_pass(&g.w, 100 * SPEC_S); /* asleep until told */
    bus_write(&g.w.pio, 0x443, 1, 14);
    for (unsigned i = 0; i < 10; i++) { /* fed in time */
        world_pass(&g.w, 2 * SPEC_S - 1);
        bus_write(&g.w.pio, 0x443, 1, 14);
    }
    bus_write(&g.w.pio, 0x441, 1, 0xaa); /* any value disables */
    world_pass(&g.w, 100 * SPEC_S);
    g_assert_cmpuint(g.barks, ==, 0);
    bus_write(&g.w.pio, 0x443, 1, 14);
    arena_reset(&g.w.arena, RESET_HARD);
    world_pass(&g.w, 100 * SPEC_S);
    g_assert_cmpuint(g.barks, ==, 0);
    bus_write(&g.w.pio, 0x443, 1, 13);
    world_pass(&g.w, 4 * SPEC_S);
    g_assert_cmpuint(g.barks, ==, 1);
}

static void test_dog_state(void)
{
    struct dog g;

    dog_init(&g);
    bus_write(&g.w.pio, 0x443, 1, 10);
    world_pass(&g.w, 4 * SPEC_S);
    arena_resume(&g.w.arena); /* a pending deadline is kept */
    world_pass(&g.w, 6 * SPEC_S - 1);
    g_assert_cmpuint(g.barks, ==, 0);
    world_pass(&g.w, 1);
    g_assert_cmpuint(g.barks, ==, 1);
    g_assert_cmpint(g.d.dev.cls->check(&(struct ib700_state){.code = 16}), !=, 0);
    g_assert_cmpint(g.d.dev.cls->check(&(struct ib700_state){.enabled = 2}), !=, 0);
    world_hostile_state(&g.w, &g.d.dev);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pvpanic/events", test_pvpanic);
    g_test_add_func("/pvpanic/one", test_pvpanic_narrow);
    g_test_add_func("/pc-testdev/register", test_testdev_register);
    g_test_add_func("/pc-testdev/lines", test_testdev_lines);
    g_test_add_func("/pc-testdev/memory", test_testdev_memory);
    g_test_add_func("/ib700/times", test_dog_times);
    g_test_add_func("/ib700/use", test_dog_use);
    g_test_add_func("/ib700/state", test_dog_state);
    return g_test_run();
}
