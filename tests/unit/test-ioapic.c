/* SPDX-License-Identifier: GPL-2.0-or-later */
/* I/O APIC through its window. Constants: Intel 82093AA data sheet. */
#include "chip-world.h"
#include "ioapic.h"

#define SPEC_BASE    0xfec00000u
#define SPEC_ID      0x00
#define SPEC_VER     0x01
#define SPEC_ARB     0x02
#define SPEC_RT(n)   ((uint8_t)(0x10 + 2 * (n)))
#define SPEC_MASKED  0x00010000u
#define SPEC_LEVEL   0x00008000u
#define SPEC_RIRR    0x00004000u
#define SPEC_LOW     0x00002000u
#define SPEC_PENDING 0x00001000u

struct apic {
    struct world w;
    struct ioapic d;
    bool deaf; /* no local APIC accepts */
    unsigned messages;
    unsigned input;
    uint64_t entry;
};

static bool message(void *opaque, unsigned input, uint64_t entry)
{
    struct apic *a = opaque;

    a->messages += !a->deaf;
    a->input = input;
    a->entry = entry;
    return !a->deaf;
}

static uint32_t get(struct apic *a, uint8_t reg)
{
    bus_write(&a->w.mmio, SPEC_BASE, 4, reg);
    return (uint32_t)bus_read(&a->w.mmio, SPEC_BASE + 0x10, 4);
}

static void put(struct apic *a, uint8_t reg, uint32_t val)
{
    bus_write(&a->w.mmio, SPEC_BASE, 4, reg);
    bus_write(&a->w.mmio, SPEC_BASE + 0x10, 4, val);
}

static void apic_init(struct apic *a)
{
    memset(a, 0, sizeof(*a));
    world_init(&a->w);
    g_assert_cmpint(ioapic_init(&a->d, &a->w.hw, (struct ioapic_bus){message, a}), ==, 0);
    arena_reset(&a->w.arena, RESET_POWER_ON);
}

static void test_registers(void)
{
    struct apic a;

    apic_init(&a);
    g_assert_cmphex(get(&a, SPEC_VER), ==, 0x00170011);
    put(&a, SPEC_ID, 0xffffffff);
    g_assert_cmphex(get(&a, SPEC_ID), ==, 0x0f000000);
    g_assert_cmphex(get(&a, SPEC_ARB), ==, 0x0f000000);
    put(&a, SPEC_VER, 0);
    g_assert_cmphex(get(&a, SPEC_VER), ==, 0x00170011);
    for (unsigned n = 0; n < 24; n++) {
        g_assert_cmphex(get(&a, SPEC_RT(n)), ==, SPEC_MASKED);
    }
    put(&a, SPEC_RT(23), 0xffffffff);
    put(&a, SPEC_RT(23) + 1, 0xffffffff);
    g_assert_cmphex(get(&a, SPEC_RT(23)), ==, 0x0001afff); /* status and remote IRR: read-only */
    g_assert_cmphex(get(&a, SPEC_RT(23) + 1), ==, 0xff000000);
    g_assert_cmphex(get(&a, 0x40), ==, 0);
    g_assert_cmphex(get(&a, 0xff), ==, 0);
}

static void test_edge(void)
{
    struct apic a;

    apic_init(&a);
    ioapic_set(&a.d, 4, 1); /* masked: lost */
    put(&a, SPEC_RT(4) + 1, 0x03000000);
    put(&a, SPEC_RT(4), 0x41);
    g_assert_cmpuint(a.messages, ==, 0);
    ioapic_set(&a.d, 4, 0);
    ioapic_set(&a.d, 4, 1);
    ioapic_set(&a.d, 4, 1);
    g_assert_cmpuint(a.messages, ==, 1);
    g_assert_cmpuint(a.input, ==, 4);
    g_assert_cmphex(a.entry, ==, 0x0300000000000041ull);
    put(&a, SPEC_RT(5), 0x42 | SPEC_LOW); /* active low: the fall counts */
    ioapic_set(&a.d, 5, 1);
    g_assert_cmpuint(a.messages, ==, 1);
    ioapic_set(&a.d, 5, 0);
    g_assert_cmpuint(a.messages, ==, 2);
}

static void test_level(void)
{
    struct apic a;

    apic_init(&a);
    ioapic_set(&a.d, 10, 1);
    put(&a, SPEC_RT(10), 0x51 | SPEC_LEVEL); /* unmasked while high: sent at once */
    g_assert_cmpuint(a.messages, ==, 1);
    g_assert_cmphex(get(&a, SPEC_RT(10)), ==, 0x51 | SPEC_LEVEL | SPEC_RIRR);
    ioapic_eoi(&a.d, 0x52); /* somebody else's */
    g_assert_cmpuint(a.messages, ==, 1);
    ioapic_eoi(&a.d, 0x51);
    g_assert_cmpuint(a.messages, ==, 2); /* still high */
    ioapic_set(&a.d, 10, 0);
    ioapic_eoi(&a.d, 0x51);
    g_assert_cmpuint(a.messages, ==, 2);
    g_assert_cmphex(get(&a, SPEC_RT(10)), ==, 0x51 | SPEC_LEVEL);
}

static void test_pending(void)
{
    struct apic a;

    apic_init(&a);
    a.deaf = true;
    put(&a, SPEC_RT(9), 0x61 | SPEC_LEVEL);
    ioapic_set(&a.d, 9, 1);
    g_assert_cmphex(get(&a, SPEC_RT(9)), ==, 0x61 | SPEC_LEVEL | SPEC_PENDING);
    ioapic_set(&a.d, 9, 0);
    g_assert_cmphex(get(&a, SPEC_RT(9)), ==, 0x61 | SPEC_LEVEL);
    ioapic_set(&a.d, 24, 1); /* no such input */
    g_assert_cmphex(a.d.s->lines, ==, 0);
}

static void test_widths(void)
{
    struct apic a;

    apic_init(&a);
    bus_write(&a.w.mmio, SPEC_BASE, 1, SPEC_VER); /* the index by bytes, the window by dwords */
    g_assert_cmphex(bus_read(&a.w.mmio, SPEC_BASE, 4), ==, SPEC_VER);
    g_assert_cmphex(bus_read(&a.w.mmio, SPEC_BASE + 0x10, 1), ==, 0xff);
    bus_write(&a.w.mmio, SPEC_BASE + 0x10, 1, 0);
    g_assert_cmphex(bus_read(&a.w.mmio, SPEC_BASE + 0x20, 4), ==, 0xffffffff);
}

static void test_state(void)
{
    struct apic a;

    apic_init(&a);
    put(&a, SPEC_RT(10), 0x51 | SPEC_LEVEL);
    g_assert_cmpint(a.d.dev.cls->check(a.d.s), ==, 0);
    a.d.s->lines = 1u << 24;
    g_assert_cmpint(a.d.dev.cls->check(a.d.s), !=, 0);
    a.d.s->lines = 0;
    world_hostile_state(&a.w, &a.d.dev);
    arena_reset(&a.w.arena, RESET_HARD);
    g_assert_cmphex(get(&a, SPEC_RT(10)), ==, SPEC_MASKED);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ioapic/registers", test_registers);
    g_test_add_func("/ioapic/edge", test_edge);
    g_test_add_func("/ioapic/level", test_level);
    g_test_add_func("/ioapic/pending", test_pending);
    g_test_add_func("/ioapic/widths", test_widths);
    g_test_add_func("/ioapic/state", test_state);
    return g_test_run();
}
