/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ACPI PM1a event block and PM timer, against ACPI 6.0 section 4.8. */
#include "acpipm.h"
#include "chip-world.h"

#define SPEC_HZ     3579545ull
#define SPEC_TMR    0x0001
#define SPEC_GBL    0x0020
#define SPEC_PWRBTN 0x0100
#define SPEC_SLPBTN 0x0200
#define SPEC_RTC    0x0400
#define BASE        0xb000

struct fixture {
    struct world w;
    struct acpipm pm;
};

static void set_up(struct fixture *f, gconstpointer data)
{
    world_init(&f->w);
    g_assert_cmpint(acpipm_init(&f->pm, &f->w.hw, world_line(&f->w, 0), BASE), ==, 0);
    arena_reset(&f->w.arena, RESET_POWER_ON);
}

static void tear_down(struct fixture *f, gconstpointer data)
{
    world_destroy(&f->w);
}

static uint32_t in(struct fixture *f, uint16_t port, unsigned size)
{
    return (uint32_t)bus_read(&f->w.pio, port, size);
}

static void out(struct fixture *f, uint16_t port, unsigned size, uint32_t val)
{
    bus_write(&f->w.pio, port, size, val);
}

static void test_timer(struct fixture *f, gconstpointer data)
{
    g_assert_cmpuint(in(f, BASE + 8, 4), ==, 0);
    world_pass(&f->w, NS_PER_S);
    g_assert_cmpuint(in(f, BASE + 8, 4), ==, SPEC_HZ);
    g_assert_cmphex(in(f, BASE + 8, 2), ==, SPEC_HZ & 0xffff);
    g_assert_cmphex(in(f, BASE + 10, 2), ==, SPEC_HZ >> 16);
    g_assert_cmphex(in(f, BASE + 9, 1), ==, (SPEC_HZ >> 8) & 0xff);
    out(f, BASE + 8, 4, 0); /* read-only */
    g_assert_cmpuint(in(f, BASE + 8, 4), ==, SPEC_HZ);
    world_pass(&f->w, 3600 * NS_PER_S); /* 32 bits wrap */
    g_assert_cmpuint(in(f, BASE + 8, 4), ==, (uint32_t)(3601 * SPEC_HZ));
    g_assert_cmphex(in(f, BASE + 4, 2), ==, 0xffff); /* PM1a_CNT is not here */
}

/* PM-04: every width at every offset, against a model of plain bytes. */
static void test_widths(struct fixture *f, gconstpointer data)
{
    uint8_t model[4];

    for (unsigned size = 1; size <= 4; size *= 2) {
        for (unsigned off = 0; off + size <= 4; off++) {
            out(f, BASE, 4, 0); /* enables off; status bits stay */
            out(f, BASE, 4, 0xffff);
            acpipm_power_button(&f->pm);
            acpipm_sleep_button(&f->pm);
            memset(model, 0, sizeof(model));
            model[1] = (SPEC_PWRBTN | SPEC_SLPBTN) >> 8;
            out(f, (uint16_t)(BASE + off), size, 0xffffffff);
            for (unsigned i = off; i < off + size; i++) {
                model[i] = i < 2 ? 0 : (i == 2 ? SPEC_TMR | SPEC_GBL : model[1] | 3);
            }
            if (off <= 3 && off + size > 3) {
                model[3] = (SPEC_PWRBTN | SPEC_SLPBTN | SPEC_RTC) >> 8;
            }
            for (unsigned rsize = 1; rsize <= 4; rsize *= 2) {
                for (unsigned roff = 0; roff + rsize <= 4; roff++) {
                    uint32_t want = 0;

                    memcpy(&want, model + roff, rsize);
                    g_assert_cmphex(in(f, (uint16_t)(BASE + roff), rsize), ==, want);
                }
            }
        }
    }
}

static void test_power_button(struct fixture *f, gconstpointer data)
{
    acpipm_power_button(&f->pm);
    g_assert_cmpint(f->w.line[0].level, ==, 0);
    out(f, BASE + 2, 2, SPEC_PWRBTN);
    g_assert_cmpint(f->w.line[0].level, ==, 1); /* level: pending status counts */
    out(f, BASE, 2, SPEC_TMR);
    g_assert_cmpint(f->w.line[0].level, ==, 1);
    out(f, BASE, 2, SPEC_PWRBTN);
    g_assert_cmpint(f->w.line[0].level, ==, 0);
    acpipm_power_button(&f->pm);
    g_assert_cmpint(f->w.line[0].level, ==, 1);
    out(f, BASE + 2, 2, 0);
    g_assert_cmpint(f->w.line[0].level, ==, 0);
}

/* TMR_STS at each change of the top bit; a wake-up only while TMR_EN. */
static void test_overflow(struct fixture *f, gconstpointer data)
{
    uint64_t half = ((1ull << 31) * NS_PER_S + SPEC_HZ - 1) / SPEC_HZ;

    g_assert_cmpuint(clock_next(&f->w.clock), ==, CLOCK_NEVER);
    world_pass(&f->w, half - 1);
    g_assert_cmphex(in(f, BASE, 2), ==, 0);
    world_pass(&f->w, 1);
    g_assert_cmphex(in(f, BASE, 2), ==, SPEC_TMR);
    g_assert_cmpuint(f->w.wakes, ==, 0);
    out(f, BASE, 2, SPEC_TMR);
    out(f, BASE + 2, 2, SPEC_TMR);
    world_pass(&f->w, half - 10);
    g_assert_cmpint(f->w.line[0].level, ==, 0);
    world_pass(&f->w, 20);
    g_assert_cmpint(f->w.line[0].level, ==, 1);
    g_assert_cmpuint(f->w.wakes, ==, 1);
    g_assert_cmpuint(clock_next(&f->w.clock), ==, CLOCK_NEVER); /* up already */
    out(f, BASE, 2, SPEC_TMR);
    g_assert_cmpint(f->w.line[0].level, ==, 0);
    world_pass(&f->w, 10 * half);
    g_assert_cmpuint(f->w.wakes, ==, 2);
}

static void test_base(struct fixture *f, gconstpointer data)
{
    acpipm_power_button(&f->pm);
    acpipm_set_base(&f->pm, 0x1f7f);
    g_assert_cmphex(in(f, BASE, 4), ==, 0xffffffff);
    g_assert_cmphex(in(f, BASE + 8, 4), ==, 0xffffffff);
    g_assert_cmphex(in(f, 0x1f40, 2), ==, SPEC_PWRBTN);
    acpipm_set_base(&f->pm, 0);
    g_assert_cmphex(in(f, 0x1f40, 2), ==, 0xffff);
    acpipm_set_base(&f->pm, 0xffff);
    g_assert_cmphex(in(f, 0xffc0, 2), ==, SPEC_PWRBTN);
    arena_reset(&f->w.arena, RESET_HARD);
    g_assert_cmphex(in(f, 0xffc0, 2), ==, 0xffff);
    g_assert_cmphex(in(f, BASE, 4), ==, 0);
}

static void test_state(struct fixture *f, gconstpointer data)
{
    struct acpipm_state saved;

    out(f, BASE + 2, 2, SPEC_PWRBTN | SPEC_TMR);
    acpipm_power_button(&f->pm);
    acpipm_set_base(&f->pm, 0x600);
    saved = *f->pm.s;
    arena_reset(&f->w.arena, RESET_HARD);
    g_assert_cmpint(f->w.line[0].level, ==, 0);
    *f->pm.s = saved;
    g_assert_cmpint(f->pm.dev.cls->check(f->pm.s), ==, 0);
    f->pm.dev.cls->resume(&f->pm.dev);
    g_assert_cmpint(f->w.line[0].level, ==, 1);
    g_assert_cmphex(in(f, 0x600, 2), ==, SPEC_PWRBTN);
    world_hostile_state(&f->w, &f->pm.dev);
    f->pm.s->pm1_sts = 2;
    g_assert_cmpint(f->pm.dev.cls->check(f->pm.s), !=, 0);
}

#define ADD(name, func) g_test_add("/pmtimer/" name, struct fixture, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("timer", test_timer);
    g_test_add("/catalogue/PM-04/pmtimer-widths", struct fixture, NULL, set_up, test_widths,
               tear_down);
    ADD("power-button", test_power_button);
    ADD("overflow", test_overflow);
    ADD("base", test_base);
    g_test_add("/catalogue/ST-01/pmtimer", struct fixture, NULL, set_up, test_state, tear_down);
    return g_test_run();
}
