/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arena, clock and DMA of hw/core. */
#include <glib.h>
#include <errno.h>
#include <string.h>

#include "core/clock.h"
#include "core/dma.h"

/* --- clock --- */

struct fixture {
    struct arena arena;
    struct clock clock;
    uint64_t now, rearmed;
    unsigned timer[3];
    char order[8];
    unsigned n;
    uint8_t mem[8192];
};

static uint64_t fake_now(void *opaque)
{
    return ((struct fixture *)opaque)->now;
}

static void fake_rearm(void *opaque, uint64_t next)
{
    ((struct fixture *)opaque)->rearmed = next;
}

static void fire_a(void *opaque)
{
    struct fixture *f = opaque;

    f->order[f->n++] = 'a';
}

static void fire_b(void *opaque)
{
    struct fixture *f = opaque;

    f->order[f->n++] = 'b';
    clock_timer_set(&f->clock, f->timer[1], f->now); /* due again at once */
}

static void set_up(struct fixture *f, gconstpointer data)
{
    memset(f, 0, sizeof(*f));
    arena_init(&f->arena, f->mem, sizeof(f->mem));
    f->clock.now = fake_now;
    f->clock.rearm = fake_rearm;
    f->clock.opaque = f;
    g_assert_cmpint(clock_init(&f->clock, &f->arena, "clock"), ==, 0);
    f->timer[0] = clock_timer_new(&f->clock, fire_a, f);
    f->timer[1] = clock_timer_new(&f->clock, fire_b, f);
    arena_reset(&f->arena, RESET_POWER_ON);
}

static void tear_down(struct fixture *f, gconstpointer data)
{
}

static void test_order(struct fixture *f, gconstpointer data)
{
    g_assert_cmpuint(clock_next(&f->clock), ==, CLOCK_NEVER);
    clock_timer_set(&f->clock, f->timer[0], 200);
    clock_timer_set(&f->clock, f->timer[1], 100);
    g_assert_cmpuint(f->rearmed, ==, 100);
    f->now = 99;
    clock_run(&f->clock);
    g_assert_cmpstr(f->order, ==, "");
    f->now = 300;
    clock_run(&f->clock);
    g_assert_cmpstr(f->order, ==, "ba"); /* b came due again: not twice in one run */
    g_assert_cmpuint(clock_next(&f->clock), ==, 300);
    g_assert_false(clock_timer_pending(&f->clock, f->timer[0]));
    clock_timer_cancel(&f->clock, f->timer[1]);
    g_assert_cmpuint(f->rearmed, ==, CLOCK_NEVER);
}

static void test_resume_announces(struct fixture *f, gconstpointer data)
{
    uint8_t saved[sizeof(f->mem)];

    clock_timer_set(&f->clock, f->timer[0], 500);
    memcpy(saved, f->mem, sizeof(saved));
    clock_timer_cancel(&f->clock, f->timer[0]);
    memcpy(f->mem, saved, sizeof(saved));
    arena_resume(&f->arena);
    g_assert_cmpuint(f->rearmed, ==, 500);
}

/* One timer more than there is room for is a mistake in the machine's wiring. */
static void test_too_many(void)
{
    static struct clock c;

    if (!g_test_subprocess()) {
        g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
        g_test_trap_assert_failed();
        g_test_trap_assert_stdout("*all are there*");
        return;
    }
    for (unsigned i = 0; i < CLOCK_MAX_TIMERS; i++) {
        g_assert_cmpuint(clock_timer_new(&c, fire_a, NULL), ==, i);
    }
    g_print("all are there\n");
    clock_timer_new(&c, fire_a, NULL);
}

static void test_saturates(void)
{
    g_assert_cmpuint(clock_add(UINT64_MAX - 1, 5), ==, UINT64_MAX);
    g_assert_cmpuint(clock_muldiv(UINT64_MAX / 2, 4, 8), ==, UINT64_MAX / 4);
}

/* --- arena --- */

#define ONE_STATE(V, A, S, T)                                                                      \
    V(T, uint32_t, a, 1)                                                                           \
    A(T, uint8_t, b, 4, 1)
#define TWO_STATE(V, A, S, T)                                                                      \
    V(T, uint32_t, a, 1)                                                                           \
    A(T, uint8_t, c, 4, 1)
STATE_STRUCT(one_state, ONE_STATE);
STATE_STRUCT(two_state, TWO_STATE);
STATE_TYPE(one_state, ONE_STATE);
STATE_TYPE(two_state, TWO_STATE);

static int one_check(const void *state)
{
    return ((const struct one_state *)state)->a > 9 ? -EINVAL : 0;
}

static void test_arena(struct fixture *f, gconstpointer data)
{
    static const struct device_class one = {
        .name = "one", .state = &one_state_type, .check = one_check};
    static const struct device_class two = {
        .name = "two", .state = &two_state_type, .check = one_check};
    struct device d1, d2;
    struct arena again;
    struct device d3;

    g_assert_cmpint(arena_add(&f->arena, &d1, &one, "d1"), ==, 0);
    g_assert_cmpint(((uint8_t *)d1.state - f->mem) % 64, ==, 0);
    g_assert_cmpint(arena_check(&f->arena), ==, -EINVAL); /* not sealed */
    arena_seal(&f->arena);
    g_assert_cmpint(arena_check(&f->arena), ==, 0);
    ((struct one_state *)d1.state)->a = 10;
    g_assert_cmpint(arena_check(&f->arena), ==, -EINVAL); /* the device refuses */
    ((struct one_state *)d1.state)->a = 9;
    g_assert_cmpint(arena_add(&f->arena, &d2, &one, "d2"), ==, 0);
    g_assert_cmpint(arena_check(&f->arena), ==, -EINVAL); /* another layout */

    /* Same sizes, another field name: another layout. */
    arena_init(&again, f->mem, sizeof(f->mem));
    g_assert_cmpint(arena_add(&again, &d3, &two, "d1"), ==, 0);
    g_assert_cmpuint(state_type_hash(&one_state_type), !=, state_type_hash(&two_state_type));
}

static void test_arena_full(void)
{
    static uint8_t mem[256];
    static const struct device_class one = {.name = "one", .state = &one_state_type};
    struct arena a;
    struct device d[8];
    int err = 0;
    unsigned n = 0;

    arena_init(&a, mem, sizeof(mem));
    while (!err && n < 8) {
        err = arena_add(&a, &d[n++], &one, "d");
    }
    g_assert_cmpint(err, ==, -ENOSPC);
    g_assert_cmpuint(a.used, <=, sizeof(mem));
}

/* --- DMA --- */

static void test_dma(void)
{
    uint8_t low[64], high[64], buf[96];
    struct dma_ram r;

    memset(low, 1, sizeof(low));
    memset(high, 2, sizeof(high));
    dma_ram_init(&r);
    dma_ram_add(&r, 0x1000, 64, low);
    dma_ram_add(&r, 0x1040, 64, high);
    g_assert_true(dma_read(&r.dma, 0x1020, buf, 64)); /* across two pieces */
    g_assert_cmphex(buf[31], ==, 1);
    g_assert_cmphex(buf[32], ==, 2);
    g_assert_false(dma_read(&r.dma, 0x1060, buf, 64)); /* past the end: ones */
    g_assert_cmphex(buf[31], ==, 2);
    g_assert_cmphex(buf[32], ==, 0xff);
    memset(buf, 9, sizeof(buf));
    g_assert_false(dma_write(&r.dma, 0xff0, buf, 32));
    g_assert_cmphex(low[0], ==, 1); /* does not begin in RAM: nothing moved */
    g_assert_false(dma_read(&r.dma, UINT64_MAX - 3, buf, 16));
    g_assert_cmphex(buf[0], ==, 0xff);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, fn) g_test_add(name, struct fixture, NULL, set_up, fn, tear_down)
    ADD("/clock/order", test_order);
    ADD("/clock/resume-announces", test_resume_announces);
    g_test_add_func("/clock/too-many-timers", test_too_many);
    g_test_add_func("/clock/saturates", test_saturates);
    ADD("/arena/check", test_arena);
    g_test_add_func("/arena/full", test_arena_full);
    g_test_add_func("/dma/pieces", test_dma);
    return g_test_run();
}
