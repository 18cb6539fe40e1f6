/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 8259A pair through its ports. Constants: Intel 8259A data sheet, 82371SB for ELCR. */
#include "chip-world.h"
#include "i8259.h"

#define SPEC_M      0x20
#define SPEC_S      0xa0
#define SPEC_ELCR1  0x4d0
#define SPEC_ELCR2  0x4d1
#define SPEC_EOI    0x20
#define SPEC_SEOI   0x60
#define SPEC_ROTATE 0xa0
#define SPEC_SETPRI 0xc0
#define SPEC_POLL   0x0c
#define SPEC_IRR    0x0a
#define SPEC_ISR    0x0b
#define SPEC_SMM    0x68
#define SPEC_NO_SMM 0x48

enum { INTR };

struct pic {
    struct world w;
    struct i8259 d;
};

static uint8_t in(struct pic *p, uint16_t port)
{
    return (uint8_t)bus_read(&p->w.pio, port, 1);
}

static void out(struct pic *p, uint16_t port, uint8_t val)
{
    bus_write(&p->w.pio, port, 1, val);
}

/* As a PC's BIOS: vectors 08h and 70h, cascade on 2. */
static void pic_program(struct pic *p, uint8_t master_icw4)
{
    out(p, SPEC_M, 0x11);
    out(p, SPEC_M + 1, 0x08);
    out(p, SPEC_M + 1, 0x04);
    out(p, SPEC_M + 1, master_icw4);
    out(p, SPEC_S, 0x11);
    out(p, SPEC_S + 1, 0x70);
    out(p, SPEC_S + 1, 0x02);
    out(p, SPEC_S + 1, 0x01);
}

static void pic_init(struct pic *p)
{
    world_init(&p->w);
    g_assert_cmpint(i8259_init(&p->d, &p->w.hw, world_line(&p->w, INTR)), ==, 0);
    arena_reset(&p->w.arena, RESET_POWER_ON);
    pic_program(p, 0x01);
}

static void assert_ack(struct pic *p, uint8_t vector)
{
    g_assert_cmpint(p->w.line[INTR].level, ==, 1);
    g_assert_cmphex(i8259_acknowledge(&p->d), ==, vector);
}

static void test_edge(void)
{
    struct pic p;

    pic_init(&p);
    g_assert_cmpint(p.w.line[INTR].level, ==, 0);
    i8259_set(&p.d, 4, 1);
    out(&p, SPEC_M, SPEC_IRR);
    g_assert_cmphex(in(&p, SPEC_M), ==, 0x10);
    assert_ack(&p, 0x0c);
    g_assert_cmphex(in(&p, SPEC_M), ==, 0); /* the latch is taken, though the input is high */
    out(&p, SPEC_M, SPEC_ISR);
    g_assert_cmphex(in(&p, SPEC_M), ==, 0x10);
    out(&p, SPEC_M, SPEC_EOI);
    g_assert_cmphex(in(&p, SPEC_M), ==, 0);
    g_assert_cmpint(p.w.line[INTR].level, ==, 0);
    i8259_set(&p.d, 4, 0);
    i8259_set(&p.d, 4, 1);
    assert_ack(&p, 0x0c);
}

/* A request that goes away is interrupt 7 without an in-service bit. */
static void test_spurious(void)
{
    struct pic p;

    pic_init(&p);
    i8259_set(&p.d, 3, 1);
    i8259_set(&p.d, 3, 0);
    g_assert_cmpint(p.w.line[INTR].level, ==, 0);
    g_assert_cmphex(i8259_acknowledge(&p.d), ==, 0x0f);
    out(&p, SPEC_M, SPEC_ISR);
    g_assert_cmphex(in(&p, SPEC_M), ==, 0);
}

static void test_priority(void)
{
    struct pic p;

    pic_init(&p);
    i8259_set(&p.d, 5, 1);
    assert_ack(&p, 0x0d);
    i8259_set(&p.d, 6, 1); /* lower: waits */
    g_assert_cmpint(p.w.line[INTR].level, ==, 0);
    i8259_set(&p.d, 1, 1); /* higher: nests */
    assert_ack(&p, 0x09);
    out(&p, SPEC_M, SPEC_EOI); /* ends 1, the highest in service */
    out(&p, SPEC_M, SPEC_ISR);
    g_assert_cmphex(in(&p, SPEC_M), ==, 0x20);
    out(&p, SPEC_M, SPEC_SEOI | 5);
    assert_ack(&p, 0x0e);
}

static void test_rotation(void)
{
    struct pic p;

    pic_init(&p);
    i8259_set(&p.d, 3, 1);
    assert_ack(&p, 0x0b);
    out(&p, SPEC_M, SPEC_ROTATE); /* 3 becomes the lowest */
    i8259_set(&p.d, 3, 0);
    i8259_set(&p.d, 3, 1);
    i8259_set(&p.d, 4, 1);
    assert_ack(&p, 0x0c);
    out(&p, SPEC_M, SPEC_EOI);
    out(&p, SPEC_M, SPEC_SETPRI | 2); /* now 3 is the highest */
    assert_ack(&p, 0x0b);
}

static void test_mask(void)
{
    struct pic p;

    pic_init(&p);
    out(&p, SPEC_M + 1, 0x10);
    g_assert_cmphex(in(&p, SPEC_M + 1), ==, 0x10);
    i8259_set(&p.d, 4, 1);
    g_assert_cmpint(p.w.line[INTR].level, ==, 0);
    out(&p, SPEC_M + 1, 0);
    assert_ack(&p, 0x0c);
    /* special mask mode: what is in service and masked holds nobody back */
    i8259_set(&p.d, 6, 1);
    g_assert_cmpint(p.w.line[INTR].level, ==, 0);
    out(&p, SPEC_M + 1, 0x10);
    g_assert_cmpint(p.w.line[INTR].level, ==, 0);
    out(&p, SPEC_M, SPEC_SMM);
    g_assert_cmpint(p.w.line[INTR].level, ==, 1);
    out(&p, SPEC_M, SPEC_NO_SMM);
    g_assert_cmpint(p.w.line[INTR].level, ==, 0);
}

static void test_cascade(void)
{
    struct pic p;

    pic_init(&p);
    i8259_set(&p.d, 2, 1); /* not an input of the machine */
    g_assert_cmpint(p.w.line[INTR].level, ==, 0);
    i8259_set(&p.d, 14, 1);
    assert_ack(&p, 0x76);
    out(&p, SPEC_M, SPEC_ISR);
    out(&p, SPEC_S, SPEC_ISR);
    g_assert_cmphex(in(&p, SPEC_M), ==, 0x04);
    g_assert_cmphex(in(&p, SPEC_S), ==, 0x40);
    i8259_set(&p.d, 8, 1); /* a higher one of the slave: not through a busy input 2 */
    g_assert_cmpint(p.w.line[INTR].level, ==, 0);
    pic_program(&p, 0x11); /* special fully nested mode lets it through */
    i8259_set(&p.d, 14, 0);
    i8259_set(&p.d, 14, 1);
    assert_ack(&p, 0x76);
    i8259_set(&p.d, 8, 0);
    i8259_set(&p.d, 8, 1);
    assert_ack(&p, 0x70);
}

static void test_auto_eoi(void)
{
    struct pic p;

    pic_init(&p);
    pic_program(&p, 0x03);
    i8259_set(&p.d, 5, 1);
    assert_ack(&p, 0x0d);
    out(&p, SPEC_M, SPEC_ISR);
    g_assert_cmphex(in(&p, SPEC_M), ==, 0);
}

static void test_level(void)
{
    struct pic p;

    pic_init(&p);
    out(&p, SPEC_ELCR1, 0xff);
    out(&p, SPEC_ELCR2, 0xff);
    g_assert_cmphex(in(&p, SPEC_ELCR1), ==, 0xf8); /* 0, 1 and 2 are fixed edges */
    g_assert_cmphex(in(&p, SPEC_ELCR2), ==, 0xde); /* 8 and 13, too */
    i8259_set(&p.d, 10, 1);
    assert_ack(&p, 0x72);
    out(&p, SPEC_S, SPEC_EOI);
    out(&p, SPEC_M, SPEC_EOI);
    assert_ack(&p, 0x72); /* still high */
    i8259_set(&p.d, 10, 0);
    out(&p, SPEC_S, SPEC_EOI);
    out(&p, SPEC_M, SPEC_EOI);
    g_assert_cmpint(p.w.line[INTR].level, ==, 0);
}

static void test_poll(void)
{
    struct pic p;

    pic_init(&p);
    out(&p, SPEC_M, SPEC_POLL);
    g_assert_cmphex(in(&p, SPEC_M), ==, 0);
    i8259_set(&p.d, 6, 1);
    out(&p, SPEC_M, SPEC_POLL);
    g_assert_cmphex(in(&p, SPEC_M), ==, 0x86);
    out(&p, SPEC_M, SPEC_ISR);
    g_assert_cmphex(in(&p, SPEC_M), ==, 0x40);
}

/* ICW1 forgets edges, the mask and what is in service. */
static void test_icw1(void)
{
    struct pic p;

    pic_init(&p);
    out(&p, SPEC_M + 1, 0xff);
    i8259_set(&p.d, 4, 1);
    out(&p, SPEC_M, 0x13); /* single, with ICW4 */
    out(&p, SPEC_M + 1, 0x20);
    out(&p, SPEC_M + 1, 0x01);
    g_assert_cmphex(in(&p, SPEC_M + 1), ==, 0);
    g_assert_cmphex(in(&p, SPEC_M), ==, 0);
    out(&p, SPEC_M + 1, 0xfe); /* OCW1 again: ICW3 was left out */
    g_assert_cmphex(in(&p, SPEC_M + 1), ==, 0xfe);
    i8259_set(&p.d, 0, 1);
    assert_ack(&p, 0x20);
}

static void test_state(void)
{
    struct pic p;

    pic_init(&p);
    i8259_set(&p.d, 4, 1);
    arena_resume(&p.w.arena);
    g_assert_cmpint(p.w.line[INTR].level, ==, 1);
    g_assert_cmpint(p.d.dev.cls->check(p.d.s), ==, 0);
    p.d.s->unit[0].lowest = 8;
    g_assert_cmpint(p.d.dev.cls->check(p.d.s), !=, 0);
    p.d.s->unit[0].lowest = 7;
    world_hostile_state(&p.w, &p.d.dev);
    arena_reset(&p.w.arena, RESET_HARD);
    g_assert_cmpint(p.w.line[INTR].level, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8259/edge", test_edge);
    g_test_add_func("/i8259/spurious", test_spurious);
    g_test_add_func("/i8259/priority", test_priority);
    g_test_add_func("/i8259/rotation", test_rotation);
    g_test_add_func("/i8259/mask", test_mask);
    g_test_add_func("/i8259/cascade", test_cascade);
    g_test_add_func("/i8259/auto-eoi", test_auto_eoi);
    g_test_add_func("/i8259/level", test_level);
    g_test_add_func("/i8259/poll", test_poll);
    g_test_add_func("/i8259/icw1", test_icw1);
    g_test_add_func("/i8259/state", test_state);
    return g_test_run();
}
