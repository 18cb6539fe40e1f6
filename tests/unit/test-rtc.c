/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MC146818A real-time clock, against the data sheet. */
#include "chip-world.h"
#include "mc146818.h"

/* MC146818A data sheet, figures 8 to 16 */
#define SPEC_A         0x0a
#define SPEC_B         0x0b
#define SPEC_C         0x0c
#define SPEC_D         0x0d
#define SPEC_UIP       0x80
#define SPEC_DV_32K    0x20
#define SPEC_DV_RESET  0x70
#define SPEC_SET       0x80
#define SPEC_PIE       0x40
#define SPEC_AIE       0x20
#define SPEC_UIE       0x10
#define SPEC_DM        0x04
#define SPEC_24H       0x02
#define SPEC_IRQF      0x80
#define SPEC_PF        0x40
#define SPEC_AF        0x20
#define SPEC_UF        0x10
#define SPEC_VRT       0x80
#define SPEC_DONT_CARE 0xff
#define SPEC_UIP_NS    244140u /* tBUC: at least 244 us */

#define EPOCH 1709251198ll /* Thursday 2024-02-29 23:59:58 UTC */
#define MS    1000000ull

struct fixture {
    struct world w;
    struct rtc rtc;
    uint8_t cmos_index, cmos_value;
};

static uint8_t get(struct fixture *f, uint8_t index)
{
    bus_write(&f->w.pio, 0x70, 1, index);
    return (uint8_t)bus_read(&f->w.pio, 0x71, 1);
}

static void put(struct fixture *f, uint8_t index, uint8_t val)
{
    bus_write(&f->w.pio, 0x70, 1, index);
    bus_write(&f->w.pio, 0x71, 1, val);
}

static uint8_t cmos_read(void *opaque, uint8_t index)
{
    return (uint8_t)(index ^ 0x55);
}

static void cmos_write(void *opaque, uint8_t index, uint8_t val)
{
    struct fixture *f = opaque;

    f->cmos_index = index;
    f->cmos_value = val;
}

static void set_up(struct fixture *f, gconstpointer data)
{
    world_init(&f->w);
    g_assert_cmpint(rtc_init(&f->rtc, &f->w.hw, world_line(&f->w, 0), EPOCH), ==, 0);
    f->rtc.cmos_read = cmos_read;
    f->rtc.cmos_write = cmos_write;
    f->rtc.cmos = f;
    g_assert_cmpint(bus_map(&f->w.pio, &f->rtc.region, 0x70), ==, 0);
    arena_reset(&f->w.arena, RESET_POWER_ON);
}

static void tear_down(struct fixture *f, gconstpointer data)
{
    world_destroy(&f->w);
}

static void assert_time(struct fixture *f, const char *want)
{
    char *got = g_strdup_printf("%02x-%02x-%02x %02x:%02x:%02x day %x", get(f, 9), get(f, 8),
                                get(f, 7), get(f, 4), get(f, 2), get(f, 0), get(f, 6));

    g_assert_cmpstr(got, ==, want);
    g_free(got);
}

static void test_power_on(struct fixture *f, gconstpointer data)
{
    assert_time(f, "24-02-29 23:59:58 day 5");
    g_assert_cmphex(get(f, SPEC_A), ==, 0x26);
    g_assert_cmphex(get(f, SPEC_B), ==, SPEC_24H);
    g_assert_cmphex(get(f, SPEC_C), ==, 0);
    g_assert_cmphex(get(f, SPEC_D), ==, SPEC_VRT);
    g_assert_cmphex(bus_read(&f->w.pio, 0x70, 1), ==, 0xff);
}

static void test_carry(struct fixture *f, gconstpointer data)
{
    world_pass(&f->w, 2 * NS_PER_S);
    assert_time(f, "24-03-01 00:00:00 day 6");
    world_pass(&f->w, 306ull * 86400 * NS_PER_S);
    assert_time(f, "25-01-01 00:00:00 day 4");
    g_assert_cmpuint(f->w.wakes, ==, 0);
}

/* The clock goes round after 99; a century later is the same date. */
static void test_century(struct fixture *f, gconstpointer data)
{
    put(f, SPEC_B, SPEC_24H | SPEC_SET);
    put(f, 9, 0x99);
    put(f, 8, 0x12);
    put(f, 7, 0x31);
    put(f, 6, 5);
    put(f, SPEC_B, SPEC_24H);
    world_pass(&f->w, 2 * NS_PER_S);
    assert_time(f, "00-01-01 00:00:00 day 6");
}

static void test_formats(struct fixture *f, gconstpointer data)
{
    put(f, SPEC_B, SPEC_SET); /* BCD, 12 hours */
    put(f, 4, 0x81);          /* 1 pm */
    put(f, 2, 0x59);
    put(f, 0, 0x59);
    put(f, SPEC_B, 0);
    world_pass(&f->w, 1 * NS_PER_S);
    g_assert_cmphex(get(f, 4), ==, 0x82);
    world_pass(&f->w, 10 * 3600 * NS_PER_S);
    g_assert_cmphex(get(f, 4), ==, 0x12); /* midnight is 12 am */
    world_pass(&f->w, 12 * 3600 * NS_PER_S);
    g_assert_cmphex(get(f, 4), ==, 0x92);

    put(f, SPEC_B, SPEC_SET | SPEC_DM | SPEC_24H);
    put(f, 4, 23);
    put(f, 2, 59);
    put(f, 0, 58);
    put(f, SPEC_B, SPEC_DM | SPEC_24H);
    world_pass(&f->w, 1 * NS_PER_S);
    g_assert_cmpuint(get(f, 4), ==, 23);
    g_assert_cmpuint(get(f, 0), ==, 59);
    world_pass(&f->w, 1 * NS_PER_S);
    g_assert_cmpuint(get(f, 4), ==, 0);
}

/* SET freezes the registers; letting go keeps the phase of the seconds. */
static void test_set(struct fixture *f, gconstpointer data)
{
    world_pass(&f->w, 300 * MS);
    put(f, SPEC_B, SPEC_24H | SPEC_SET | SPEC_UIE);
    g_assert_cmphex(get(f, SPEC_B), ==, SPEC_24H | SPEC_SET); /* SET clears UIE */
    world_pass(&f->w, 5 * NS_PER_S);
    assert_time(f, "24-02-29 23:59:58 day 5");
    put(f, 0, 0x30);
    put(f, SPEC_B, SPEC_24H);
    world_pass(&f->w, 699 * MS);
    g_assert_cmphex(get(f, 0), ==, 0x30);
    world_pass(&f->w, 1 * MS);
    g_assert_cmphex(get(f, 0), ==, 0x31);
}

/* "the first update occurs one half second later" after the divider reset is removed */
static void test_divider(struct fixture *f, gconstpointer data)
{
    world_pass(&f->w, 700 * MS);
    put(f, SPEC_A, SPEC_DV_RESET | 6);
    world_pass(&f->w, 10 * NS_PER_S);
    g_assert_cmphex(get(f, 0), ==, 0x58);
    put(f, SPEC_A, SPEC_DV_32K | 6);
    world_pass(&f->w, 499 * MS);
    g_assert_cmphex(get(f, 0), ==, 0x58);
    world_pass(&f->w, 1 * MS);
    g_assert_cmphex(get(f, 0), ==, 0x59);
}

static void test_uip(struct fixture *f, gconstpointer data)
{
    world_pass(&f->w, NS_PER_S - SPEC_UIP_NS - 1);
    g_assert_cmphex(get(f, SPEC_A) & SPEC_UIP, ==, 0);
    world_pass(&f->w, 1);
    g_assert_cmphex(get(f, SPEC_A) & SPEC_UIP, ==, SPEC_UIP);
    put(f, SPEC_A, SPEC_UIP | 0x26); /* read-only */
    put(f, SPEC_B, SPEC_24H | SPEC_SET);
    g_assert_cmphex(get(f, SPEC_A) & SPEC_UIP, ==, 0);
    put(f, SPEC_B, SPEC_24H);
    world_pass(&f->w, SPEC_UIP_NS);
    g_assert_cmphex(get(f, SPEC_A) & SPEC_UIP, ==, 0);
    g_assert_cmphex(get(f, 0), ==, 0x59);
}

static void test_update_interrupt(struct fixture *f, gconstpointer data)
{
    world_pass(&f->w, 1500 * MS);
    g_assert_cmphex(get(f, SPEC_C) & SPEC_UF, ==, SPEC_UF); /* a flag even without the enable */
    g_assert_cmpuint(f->w.wakes, ==, 0);
    put(f, SPEC_B, SPEC_24H | SPEC_UIE);
    g_assert_cmpint(f->w.line[0].level, ==, 0);
    world_pass(&f->w, 500 * MS);
    g_assert_cmpint(f->w.line[0].level, ==, 1);
    g_assert_cmphex(get(f, SPEC_C) & (SPEC_IRQF | SPEC_UF), ==, SPEC_IRQF | SPEC_UF);
    g_assert_cmpint(f->w.line[0].level, ==, 0);
    g_assert_cmphex(get(f, SPEC_C), ==, 0);
    world_pass(&f->w, 1000 * MS);
    g_assert_cmpint(f->w.line[0].level, ==, 1);
    put(f, SPEC_B, SPEC_24H); /* without the enable no interrupt request */
    g_assert_cmpint(f->w.line[0].level, ==, 0);
}

static void test_alarm(struct fixture *f, gconstpointer data)
{
    put(f, 1, 0x05);
    put(f, 3, 0x00);
    put(f, 5, 0x00);
    put(f, SPEC_B, SPEC_24H | SPEC_AIE);
    world_pass(&f->w, 6999 * MS);
    g_assert_cmpint(f->w.line[0].level, ==, 0);
    world_pass(&f->w, 1 * MS);
    g_assert_cmpint(f->w.line[0].level, ==, 1);
    g_assert_cmphex(get(f, SPEC_C) & SPEC_AF, ==, SPEC_AF);
    world_pass(&f->w, 86399 * NS_PER_S);
    g_assert_cmpint(f->w.line[0].level, ==, 0);
    world_pass(&f->w, NS_PER_S);
    g_assert_cmpint(f->w.line[0].level, ==, 1);
    g_assert_cmpuint(f->w.wakes, ==, 2); /* two alarms, nothing else */
}

static void test_alarm_wildcards(struct fixture *f, gconstpointer data)
{
    put(f, 1, 0x30);
    put(f, 3, SPEC_DONT_CARE);
    put(f, 5, 0xc0); /* any code with both top bits set */
    put(f, SPEC_B, SPEC_24H | SPEC_AIE);
    world_pass(&f->w, 32 * NS_PER_S);
    g_assert_cmpuint(f->w.line[0].rises, ==, 1);
    get(f, SPEC_C);
    world_pass(&f->w, 60 * NS_PER_S);
    g_assert_cmpuint(f->w.line[0].rises, ==, 2);
    get(f, SPEC_C);
    put(f, 1, SPEC_DONT_CARE);
    world_pass(&f->w, NS_PER_S);
    g_assert_cmpuint(f->w.line[0].rises, ==, 3);
    get(f, SPEC_C);
    put(f, 1, 0x75); /* never */
    world_pass(&f->w, 3 * 86400 * NS_PER_S);
    g_assert_cmpuint(f->w.line[0].rises, ==, 3);
}

/* Rates of figure 14: RS 1 and 2 repeat 8 and 9, RS 3 is 8192 Hz, each step halves. */
static void test_periodic_rates(struct fixture *f, gconstpointer data)
{
    for (uint8_t rs = 1; rs < 16; rs++) {
        unsigned hz = rs <= 2 ? 512 >> rs : 65536 >> rs;
        unsigned before = f->w.line[0].rises;

        put(f, SPEC_A, SPEC_DV_32K | rs);
        put(f, SPEC_B, SPEC_24H | SPEC_PIE);
        for (unsigned i = 0; i < hz; i++) {
            world_pass(&f->w, clock_next(&f->w.clock) - f->w.now);
            g_assert_cmphex(get(f, SPEC_C) & SPEC_PF, ==, SPEC_PF);
        }
        g_assert_cmpuint(f->w.now % NS_PER_S, <=, 1); /* hz interrupts fill a second */
        g_assert_cmpuint(f->w.line[0].rises - before, ==, hz);
        put(f, SPEC_B, SPEC_24H);
    }
    put(f, SPEC_A, SPEC_DV_32K);
    put(f, SPEC_B, SPEC_24H | SPEC_PIE);
    g_assert_cmpuint(clock_next(&f->w.clock), ==, CLOCK_NEVER);
}

/* WAET: guests that never read register C get every interrupt as an edge. */
static void test_periodic_unread(struct fixture *f, gconstpointer data)
{
    put(f, SPEC_A, SPEC_DV_32K | 10); /* 64 Hz */
    put(f, SPEC_B, SPEC_24H | SPEC_PIE);
    world_pass(&f->w, NS_PER_S);
    g_assert_cmpuint(f->w.line[0].rises, ==, 64);
}

/* Ticks missed by a busy host come at twice the rate, but not more than a few. */
static void test_periodic_catch_up(struct fixture *f, gconstpointer data)
{
    put(f, SPEC_A, SPEC_DV_32K | 10);
    put(f, SPEC_B, SPEC_24H | SPEC_PIE);
    world_stall(&f->w, 160 * MS); /* ten periods */
    g_assert_cmpuint(f->w.line[0].rises, ==, 1);
    world_pass(&f->w, 840 * MS);
    g_assert_cmpuint(f->w.line[0].rises, ==, 64);

    f->w.line[0].rises = 0;
    world_stall(&f->w, 3600 * NS_PER_S);
    world_pass(&f->w, 10 * NS_PER_S);
    g_assert_cmpuint(f->w.line[0].rises, <=, 640 + 33 + 1);
    g_assert_cmpuint(f->w.line[0].rises, >=, 640);
}

/* No interrupt enabled: no deadline, whatever is read or written. */
static void test_idle(struct fixture *f, gconstpointer data)
{
    for (uint8_t reg = 0; reg < 14; reg++) {
        get(f, reg);
    }
    put(f, 0, 0x12);
    put(f, SPEC_B, SPEC_24H);
    g_assert_cmpuint(clock_next(&f->w.clock), ==, CLOCK_NEVER);
}

static void test_reset(struct fixture *f, gconstpointer data)
{
    put(f, SPEC_B, SPEC_24H | SPEC_DM | SPEC_PIE | SPEC_AIE | SPEC_UIE);
    world_pass(&f->w, NS_PER_S);
    g_assert_cmpint(f->w.line[0].level, ==, 1);
    arena_reset(&f->w.arena, RESET_HARD);
    g_assert_cmpint(f->w.line[0].level, ==, 0);
    g_assert_cmphex(get(f, SPEC_B), ==, SPEC_24H | SPEC_DM);
    g_assert_cmphex(get(f, SPEC_C), ==, 0);
    g_assert_cmpuint(get(f, 0), ==, 59);
    g_assert_cmpuint(clock_next(&f->w.clock), ==, CLOCK_NEVER);
}

static void test_index(struct fixture *f, gconstpointer data)
{
    uint8_t val;

    g_assert_cmphex(get(f, 0x80 | 0x0d), ==, SPEC_VRT); /* NMI mask bit */
    g_assert_cmphex(get(f, 14), ==, 14 ^ 0x55);
    put(f, 0x7f, 0x33);
    g_assert_cmphex(f->cmos_index, ==, 0x7f);
    g_assert_cmphex(f->cmos_value, ==, 0x33);
    g_assert_true(rtc_index_write(&f->rtc, 0x8d));
    g_assert_true(rtc_data_read(&f->rtc, &val));
    g_assert_false(rtc_index_write(&f->rtc, 14));
    g_assert_false(rtc_data_read(&f->rtc, &val));
    g_assert_false(rtc_data_write(&f->rtc, 0));
    bus_write(&f->w.pio, 0x70, 2, 0x1200 | 0x02); /* 16 bits: index, then data */
    g_assert_cmphex(get(f, 2), ==, 0x12);
}

static void test_garbage_time(struct fixture *f, gconstpointer data)
{
    for (unsigned i = 0; i < 10; i++) {
        put(f, (uint8_t)i, 0xff);
    }
    world_pass(&f->w, 86400 * NS_PER_S);
    g_assert_cmphex(get(f, 0), <=, 0x59);
    g_assert_cmphex(get(f, 8), <=, 0x12);
    g_assert_cmpint(f->rtc.dev.cls->check(f->rtc.s), ==, 0);
}

static void test_resume(struct fixture *f, gconstpointer data)
{
    struct rtc_state saved;

    put(f, SPEC_B, SPEC_24H | SPEC_UIE);
    world_pass(&f->w, NS_PER_S);
    saved = *f->rtc.s;
    arena_reset(&f->w.arena, RESET_POWER_ON);
    g_assert_cmpint(f->w.line[0].level, ==, 0);
    g_assert_cmpint(f->rtc.dev.cls->check(&saved), ==, 0);
    *f->rtc.s = saved;
    f->rtc.dev.cls->resume(&f->rtc.dev);
    g_assert_cmpint(f->w.line[0].level, ==, 1);
    g_assert_cmpuint(clock_next(&f->w.clock), ==, 2 * NS_PER_S);
}

static void test_hostile_state(struct fixture *f, gconstpointer data)
{
    put(f, SPEC_B, SPEC_24H | SPEC_UIE | SPEC_PIE | SPEC_AIE);
    world_hostile_state(&f->w, &f->rtc.dev);
    f->rtc.s->index = 0x80;
    g_assert_cmpint(f->rtc.dev.cls->check(f->rtc.s), !=, 0);
}

#define ADD_PATH(path, func) g_test_add(path, struct fixture, NULL, set_up, func, tear_down)
#define ADD(name, func)      ADD_PATH("/rtc/" name, func)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("power-on", test_power_on);
    ADD("carry", test_carry);
    ADD("century", test_century);
    ADD("formats", test_formats);
    ADD("set", test_set);
    ADD("divider", test_divider);
    ADD("uip", test_uip);
    ADD("update-interrupt", test_update_interrupt);
    ADD("alarm", test_alarm);
    ADD("alarm-wildcards", test_alarm_wildcards);
    ADD("periodic-rates", test_periodic_rates);
    ADD("periodic-unread", test_periodic_unread);
    ADD_PATH("/catalogue/RES-02/rtc-catch-up", test_periodic_catch_up);
    ADD("idle", test_idle);
    ADD("reset", test_reset);
    ADD("index", test_index);
    ADD_PATH("/catalogue/PM-06/rtc-garbage-time", test_garbage_time);
    ADD("resume", test_resume);
    ADD_PATH("/catalogue/ST-01/rtc", test_hostile_state);
    return g_test_run();
}
