/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Power management, timers and the display's EDID against entries PM-02, 03, 05, 06 and RES-02 of
 * the catalogue in docs/security.md.
 */
#include "chip-world.h"
#include "pc-whole.h"

#include <pthread.h>

#include "acpipm.h"
#include "hpet.h"
#include "hv.h"
#include "i8254.h"
#include "mc146818.h"
#include "post.h"

#define SPEC_PIT     0x40u
#define SPEC_CONTROL 0x43u
#define SPEC_PORT_B  0x61u
#define YEAR         (366ull * 86400 * NS_PER_S)
#define EPOCH        1709251198ll

/* PM-02: every eject register with every mask; then an hour of timers on whatever is left. */
static void test_eject(void)
{
    struct whole *w = whole_new(false);

    for (unsigned n = 0; n < 400; n++) {
        whole_out(w, 0xae00 + n % 20, 1u << n % 3, n & 1 ? 0xffffffff : 1u << n % 32);
        whole_out(w, 0xaf00 + n % 32, 1u << n % 3, 0xffffffff);
        whole_out(w, 0xafe0 + n % 4, 1u << n % 3, 0xffffffff);
    }
    whole_pass(w, 3600ull * NS_PER_S);
    for (unsigned i = 0; i < 5; i++) {
        static const uint8_t functions[] = {FN_HOST, FN_ISA, FN_IDE, FN_PM, FN_VGA};

        g_assert_nonnull(w->pc.pci.function[functions[i]]);
        g_assert_cmphex(pci_config_read(&w->pc.pci, functions[i], 0, 2), !=, 0xffff);
    }
    g_assert_cmpuint(w->power_requests, ==, 0);
    whole_alive(w);
    whole_free(w);
}

/* PM-03: the EDID's page byte by byte and in every width: the block, then zeros, then nobody. */
static void test_edid(void)
{
    struct whole *w = whole_new(false);
    uint8_t sum = 0;

    for (unsigned off = 0; off < 0x1000; off++) {
        uint8_t val = (uint8_t)bus_read(&w->pc.mmio, WHOLE_MMIO + off, 1);

        sum = (uint8_t)(sum + (off < 128 ? val : 0));
        if (off >= 128 && off < 0x100) {
            g_assert_cmphex(val, ==, 0);
        } else if (off >= 0x100 && off < 0x400) {
            g_assert_cmphex(val, ==, 0xff);
        }
        for (unsigned size = 2; size <= 8; size *= 2) {
            (void)bus_read(&w->pc.mmio, WHOLE_MMIO + off, size);
        }
        bus_write(&w->pc.mmio, WHOLE_MMIO + (off & 0xff), 8, UINT64_MAX); /* read-only */
    }
    g_assert_cmphex(sum, ==, 0);
    g_assert_cmphex(bus_read(&w->pc.mmio, WHOLE_MMIO, 8), ==, 0x00ffffffffffff00ull);
    whole_free(w);
}

/* --- the 8254 --- */

struct pit_world {
    struct world w;
    struct i8254 pit;
};

static void pit_start(struct pit_world *p)
{
    world_init(&p->w);
    g_assert_cmpint(i8254_init(&p->pit, &p->w.hw, world_line(&p->w, 0)), ==, 0);
    arena_reset(&p->w.arena, RESET_POWER_ON);
}

static void pit_good(struct pit_world *p)
{
    uint32_t val;

    bus_write(&p->w.pio, SPEC_CONTROL, 1, 0x34);
    bus_write(&p->w.pio, SPEC_PIT, 1, 1000 & 0xff);
    bus_write(&p->w.pio, SPEC_PIT, 1, 1000 >> 8);
    world_pass(&p->w, 3000000);
    bus_write(&p->w.pio, SPEC_CONTROL, 1, 0x00);
    val = (uint32_t)bus_read(&p->w.pio, SPEC_PIT, 1);
    val |= (uint32_t)bus_read(&p->w.pio, SPEC_PIT, 1) << 8;
    g_assert_cmpuint(val, >=, 1);
    g_assert_cmpuint(val, <=, 1000);
}

/* PM-05: 40h-43h and 61h in every width, every control word, counts 0 and 1, BCD, read-back. */
static void test_pit(void)
{
    static const uint32_t counts[] = {0, 1, 2, 0xffff, 0x9999, 0xaaaa};
    struct pit_world *p = g_new0(struct pit_world, 1);

    pit_start(p);
    for (unsigned control = 0; control < 256; control++) {
        for (unsigned c = 0; c < G_N_ELEMENTS(counts); c++) {
            bus_write(&p->w.pio, SPEC_CONTROL, 1, control);
            for (unsigned port = SPEC_PIT; port < SPEC_PIT + 3; port++) {
                bus_write(&p->w.pio, port, 1, counts[c] & 0xff);
                bus_write(&p->w.pio, port, 1, counts[c] >> 8);
            }
            bus_write(&p->w.pio, SPEC_PORT_B, 1, control);
            for (unsigned port = SPEC_PIT; port < SPEC_PIT + 5; port++) {
                struct i8254_state before = *p->pit.s;

                g_assert_cmphex(bus_read(&p->w.pio, SPEC_CONTROL, 1), ==, 0xff); /* no counter 3 */
                g_assert_cmpmem(&before, sizeof(before), p->pit.s, sizeof(before));
                for (unsigned size = 1; size <= 4; size *= 2) {
                    (void)bus_read(&p->w.pio, port, size);
                }
            }
            (void)bus_read(&p->w.pio, SPEC_PORT_B, 4);
            world_stall(&p->w, 1 + control * 4000ull);
            g_assert_cmpint(p->pit.dev.cls->check(p->pit.s), ==, 0);
        }
    }
    pit_good(p);
    world_destroy(&p->w);
    g_free(p);
}

/* --- time that jumps --- */

struct time_world {
    struct world w;
    struct rtc rtc;
    struct hpet hpet;
    struct acpipm pm;
    struct i8254 pit;
};

static void hpet_put(struct time_world *t, unsigned reg, uint64_t val)
{
    bus_write(&t->w.mmio, 0xfed00000ull + reg, 8, val);
}

/* PM-06, RES-02: nobody runs the deadlines for a year, with every timer at its fastest: each is
 * made up for in a few turns, and the time of day is right. */
static void test_year(void)
{
    struct time_world *t = g_new0(struct time_world, 1);
    struct hpet_lines lines = {.irq0 = world_line(&t->w, 1)};

    world_init(&t->w);
    g_assert_cmpint(rtc_init(&t->rtc, &t->w.hw, world_line(&t->w, 0), EPOCH), ==, 0);
    g_assert_cmpint(bus_map(&t->w.pio, &t->rtc.region, 0x70), ==, 0);
    g_assert_cmpint(hpet_init(&t->hpet, &t->w.hw, &lines), ==, 0);
    g_assert_cmpint(acpipm_init(&t->pm, &t->w.hw, world_line(&t->w, 2), 0xb000), ==, 0);
    g_assert_cmpint(i8254_init(&t->pit, &t->w.hw, world_line(&t->w, 3)), ==, 0);
    arena_seal(&t->w.arena);
    arena_reset(&t->w.arena, RESET_POWER_ON);
    acpipm_set_base(&t->pm, 0xb000);
    bus_write(&t->w.pio, 0x70, 1, 0x0a); /* 8192 Hz */
    bus_write(&t->w.pio, 0x71, 1, 0x23);
    bus_write(&t->w.pio, 0x70, 1, 0x0b);
    bus_write(&t->w.pio, 0x71, 1, 0x72); /* PIE, AIE, UIE off, 24 h, BCD */
    hpet_put(t, 0x100, 0x0000004cull | 20ull << 9);
    hpet_put(t, 0x108, 1);
    hpet_put(t, 0x108, 1);
    hpet_put(t, 0x10, 1);
    bus_write(&t->w.pio, 0xb002, 2, 0x0001); /* TMR_EN */
    bus_write(&t->w.pio, SPEC_CONTROL, 1, 0x34);
    bus_write(&t->w.pio, SPEC_PIT, 1, 2);
    bus_write(&t->w.pio, SPEC_PIT, 1, 0);
    for (unsigned n = 0; n < 50; n++) {
        world_stall(&t->w, n & 1 ? YEAR : 86400 * NS_PER_S - 1);
        for (unsigned i = 0; i < 16; i++) { /* what is still due comes at most once more each */
            t->w.wakes = 0;
            clock_run(&t->w.clock);
        }
        g_assert_cmpuint(clock_next(&t->w.clock), >, t->w.now);
        g_assert_cmpint(arena_check(&t->w.arena), ==, 0);
        bus_write(&t->w.pio, 0x70, 1, 0x0c);
        (void)bus_read(&t->w.pio, 0x71, 1);
        bus_write(&t->w.pio, 0xb000, 2, 0xffff);
    }
    /* 25 years of 366 days and 25 days, a nanosecond short of each, after 2024-02-29 23:59:58. */
    GDateTime *start = g_date_time_new_from_unix_utc(EPOCH);
    GDateTime *now = g_date_time_add_seconds(start, (gdouble)(t->w.now / NS_PER_S));
    static const uint8_t index[] = {0x00, 0x02, 0x04, 0x07, 0x08, 0x09};
    const int want[] = {g_date_time_get_second(now), g_date_time_get_minute(now),
                        g_date_time_get_hour(now),   g_date_time_get_day_of_month(now),
                        g_date_time_get_month(now),  g_date_time_get_year(now) % 100};

    for (unsigned i = 0; i < sizeof(index); i++) {
        bus_write(&t->w.pio, 0x70, 1, index[i]);
        unsigned bcd = (unsigned)bus_read(&t->w.pio, 0x71, 1);

        g_assert_cmpint((int)(bcd >> 4) * 10 + (int)(bcd & 15), ==, want[i]);
    }
    g_date_time_unref(start);
    g_date_time_unref(now);
    world_destroy(&t->w);
    g_free(t);
}

/* --- two CPUs at one chip --- */

void irq_set_input(struct hv *hv, enum irq_source from, unsigned gsi, int level)
{
}

void irq_set_hpet_legacy(struct hv *hv, bool on)
{
}

void post_alarm(struct hv *hv)
{
}

struct cpu {
    struct hv *hv;
    pthread_t thread;
    unsigned seed;
    unsigned answered;
};

static void *cpu_main(void *opaque)
{
    struct cpu *c = opaque;
    unsigned n = c->seed;

    for (unsigned i = 0; i < 100000; i++) {
        uint32_t val = 0x5a5a5a5a;
        uint64_t wide = 0;

        n = n * 1103515245 + 12345;
        chips_pio_write(c->hv, 0x70, 1, n >> 16 & 0xff);
        if (n & 0x100 && chips_pio_write(c->hv, 0x71, 1, n >> 8 & 0xff)) {
            c->answered++;
        }
        if (chips_pio_read(c->hv, 0x71, 1, &val)) {
            c->answered++;
            g_assert_cmphex(val, <=, 0xff);
        }
        if (n % 64 == 0) {
            chips_mmio_write(c->hv, 0xfed00000ull + (n >> 8 & 0x3f8), 8, n);
            chips_mmio_read(c->hv, 0xfed00000ull + (n >> 8 & 0x3f8), 8, &wide);
            chips_set_pm_base(c->hv, (uint16_t)(n >> 12 & 0xffc0));
            chips_pio_read(c->hv, (uint16_t)(n >> 12 & 0xffc0), 4, &val);
            chips_power_button(c->hv);
        }
    }
    return NULL;
}

/* PM-06: index and data from two CPUs at once: any index that is answered lies inside the chip. */
static void test_two_cpus(void)
{
    struct hv *hv = g_new0(struct hv, 1);
    struct cpu cpu[2] = {{.hv = hv, .seed = 1}, {.hv = hv, .seed = 77}};

    chips_create(hv);
    chips_thaw(hv);
    for (unsigned i = 0; i < 2; i++) {
        g_assert_cmpint(pthread_create(&cpu[i].thread, NULL, cpu_main, &cpu[i]), ==, 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(cpu[i].thread, NULL);
        g_assert_cmpuint(cpu[i].answered, >, 1000);
    }
    for (unsigned i = 0; i < CHIPS; i++) {
        g_assert_cmpint(arena_check(&hv->chips.chip[i].arena), ==, 0);
    }
    atomic_store(&hv->run.quit, true);
    chips_set_alarm(hv, 1); /* its thread sees that it shall end */
    pthread_join(hv->chips.thread, NULL);
    free(hv->chips.dev);
    g_free(hv);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/catalogue/PM-02/eject-all-then-an-hour", test_eject);
    g_test_add_func("/catalogue/PM-03/edid", test_edid);
    g_test_add_func("/catalogue/PM-05/pit-all-accesses", test_pit);
    g_test_add_func("/catalogue/PM-06/a-year-passes", test_year);
    g_test_add_func("/catalogue/PM-06/cmos-two-cpus", test_two_cpus);
    return g_test_run();
}
