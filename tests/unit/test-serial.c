/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 16550A UART, through its ports and its byte stream. Chapters are those of PC16550D. */
#include "pc-rig.h"

#include "char/ns16550.h"

#define SPEC_BASE 0x3f8
#define SPEC_RBR  (SPEC_BASE + 0)
#define SPEC_THR  (SPEC_BASE + 0)
#define SPEC_DLL  (SPEC_BASE + 0)
#define SPEC_IER  (SPEC_BASE + 1)
#define SPEC_DLM  (SPEC_BASE + 1)
#define SPEC_IIR  (SPEC_BASE + 2)
#define SPEC_FCR  (SPEC_BASE + 2)
#define SPEC_LCR  (SPEC_BASE + 3)
#define SPEC_MCR  (SPEC_BASE + 4)
#define SPEC_LSR  (SPEC_BASE + 5)
#define SPEC_MSR  (SPEC_BASE + 6)
#define SPEC_SCR  (SPEC_BASE + 7)

#define SPEC_IIR_NONE    0x01
#define SPEC_IIR_THRE    0x02
#define SPEC_IIR_RDA     0x04
#define SPEC_IIR_LINE    0x06
#define SPEC_IIR_TIMEOUT 0x0c
#define SPEC_LSR_DR      0x01
#define SPEC_LSR_OE      0x02
#define SPEC_LSR_EMPTY   0x60 /* THRE, TEMT */
#define SPEC_MCR_OUT2    0x08
#define SPEC_MCR_LOOP    0x10

/* Four characters of 8N1 at 115200 baud. */
#define SPEC_TIMEOUT_NS (4 * 10 * 1000000000ull / 115200)

struct serial {
    struct rig r;
    struct rig_chr c;
    struct ns16550 u;
};

static void serial_init(struct serial *s)
{
    rig_init(&s->r);
    rig_chr_init(&s->c);
    struct ns16550_config config = {"serial0", SPEC_BASE, world_line(&s->r.w, 4), &s->c.chr};

    g_assert_cmpint(ns16550_init(&s->u, &s->r.w.hw, &config), ==, 0);
    rig_reset(&s->r);
    rig_outb(&s->r, SPEC_MCR, SPEC_MCR_OUT2);
}

static void serial_destroy(struct serial *s)
{
    rig_chr_destroy(&s->c);
    rig_destroy(&s->r);
}

static int line(const struct serial *s)
{
    return s->r.w.line[4].level;
}

static void set_divisor(struct serial *s, uint16_t divisor)
{
    rig_outb(&s->r, SPEC_LCR, 0x83);
    rig_outb(&s->r, SPEC_DLL, (uint8_t)divisor);
    rig_outb(&s->r, SPEC_DLM, (uint8_t)(divisor >> 8));
    rig_outb(&s->r, SPEC_LCR, 0x03);
}

static size_t feed(struct serial *s, const char *text)
{
    size_t room = s->u.front.can_receive(s->u.front.opaque);
    size_t len = strlen(text);

    len = len < room ? len : room;
    s->u.front.receive(s->u.front.opaque, (const uint8_t *)text, len);
    return len;
}

/* Table II: values after a reset. */
static void test_reset(void)
{
    struct serial s;

    serial_init(&s);
    rig_outb(&s.r, SPEC_SCR, 0x5a);
    rig_outb(&s.r, SPEC_IER, 0x0f);
    rig_reset(&s.r);
    g_assert_cmphex(rig_inb(&s.r, SPEC_IER), ==, 0);
    g_assert_cmphex(rig_inb(&s.r, SPEC_IIR), ==, SPEC_IIR_NONE);
    g_assert_cmphex(rig_inb(&s.r, SPEC_LCR), ==, 0);
    g_assert_cmphex(rig_inb(&s.r, SPEC_MCR), ==, 0);
    g_assert_cmphex(rig_inb(&s.r, SPEC_LSR), ==, SPEC_LSR_EMPTY);
    g_assert_cmphex(rig_inb(&s.r, SPEC_MSR) & 0x0f, ==, 0);
    g_assert_cmpint(line(&s), ==, 0);
    serial_destroy(&s);
}

static void test_writable_bits(void)
{
    struct serial s;

    serial_init(&s);
    rig_outb(&s.r, SPEC_IER, 0xff);
    g_assert_cmphex(rig_inb(&s.r, SPEC_IER), ==, 0x0f);
    rig_outb(&s.r, SPEC_MCR, 0xff);
    g_assert_cmphex(rig_inb(&s.r, SPEC_MCR), ==, 0x1f);
    rig_outb(&s.r, SPEC_LCR, 0xff);
    g_assert_cmphex(rig_inb(&s.r, SPEC_LCR), ==, 0xff);
    rig_outb(&s.r, SPEC_SCR, 0xa5);
    g_assert_cmphex(rig_inb(&s.r, SPEC_SCR), ==, 0xa5);
    serial_destroy(&s);
}

/* SER-03: DLAB turns 0 and 1 into the divisor; wide accesses are the bytes that they hold. */
static void test_widths(void)
{
    struct serial s;

    serial_init(&s);
    set_divisor(&s, 0x1234);
    rig_outb(&s.r, SPEC_LCR, 0x83);
    g_assert_cmphex(rig_inb(&s.r, SPEC_DLL), ==, 0x34);
    g_assert_cmphex(rig_in(&s.r, SPEC_DLL, 2), ==, 0x1234);
    rig_out(&s.r, SPEC_DLL, 2, 0x0001);
    g_assert_cmphex(rig_in(&s.r, SPEC_DLL, 2), ==, 0x0001);
    rig_outb(&s.r, SPEC_LCR, 0x03);
    g_assert_cmphex(rig_inb(&s.r, SPEC_IER), ==, 0);
    g_assert_cmpuint(s.c.got->len, ==, 0);
    for (unsigned off = 0; off < 8; off++) {
        for (unsigned size = 1; size <= 4; size *= 2) {
            rig_out(&s.r, (uint16_t)(SPEC_BASE + off), size, 0x03030303);
            (void)rig_in(&s.r, (uint16_t)(SPEC_BASE + off), size);
        }
    }
    rig_out(&s.r, SPEC_MCR, 4, 0x77000000); /* MCR, LSR, MSR, SCR */
    g_assert_cmphex(rig_inb(&s.r, SPEC_SCR), ==, 0x77);
    serial_destroy(&s);
}

/* SER-01: every divisor, 0 too, gives a time-out that comes, and not at once. */
static void test_divisors(void)
{
    struct serial s;

    serial_init(&s);
    rig_outb(&s.r, SPEC_FCR, 0xc1);
    rig_outb(&s.r, SPEC_IER, 1);
    for (unsigned divisor = 0; divisor < 0x10000; divisor++) {
        set_divisor(&s, (uint16_t)divisor);
        feed(&s, "x");
        g_assert_cmpuint(clock_next(&s.r.w.clock), >=, s.r.w.now + SPEC_TIMEOUT_NS - 1000);
        g_assert_cmpuint(clock_next(&s.r.w.clock), <, s.r.w.now + 60 * NS_PER_S);
        (void)rig_inb(&s.r, SPEC_RBR);
        g_assert_cmpuint(clock_next(&s.r.w.clock), ==, CLOCK_NEVER);
    }
    serial_destroy(&s);
}

static void test_transmit(void)
{
    struct serial s;
    static const char text[] = "boot:";

    serial_init(&s);
    for (unsigned i = 0; text[i]; i++) {
        g_assert_cmphex(rig_inb(&s.r, SPEC_LSR), ==, SPEC_LSR_EMPTY);
        rig_outb(&s.r, SPEC_THR, (uint8_t)text[i]);
    }
    g_assert_cmpmem(s.c.got->data, s.c.got->len, text, 5);
    serial_destroy(&s);
}

/* Chapter 8.7: THRE interrupts when enabled while empty, and after each byte; IIR acknowledges. */
static void test_transmit_interrupt(void)
{
    struct serial s;
    unsigned rises;

    serial_init(&s);
    rig_outb(&s.r, SPEC_IER, 2);
    g_assert_cmpint(line(&s), ==, 1);
    g_assert_cmphex(rig_inb(&s.r, SPEC_IIR), ==, SPEC_IIR_THRE);
    g_assert_cmpint(line(&s), ==, 0);
    g_assert_cmphex(rig_inb(&s.r, SPEC_IIR), ==, SPEC_IIR_NONE);
    rises = s.r.w.line[4].rises;
    rig_outb(&s.r, SPEC_THR, 'a');
    rig_outb(&s.r, SPEC_THR, 'b'); /* without reading IIR: still an edge per byte */
    g_assert_cmpuint(s.r.w.line[4].rises, ==, rises + 2);
    rig_outb(&s.r, SPEC_IER, 0);
    g_assert_cmpint(line(&s), ==, 0);
    rig_outb(&s.r, SPEC_IER, 2);
    g_assert_cmphex(rig_inb(&s.r, SPEC_IIR), ==, SPEC_IIR_THRE);
    serial_destroy(&s);
}

/* SER-02: a full back end holds THRE back; order is kept, nothing is invented, nobody polls. */
static void test_back_pressure(void)
{
    struct serial s;
    unsigned sent = 0;

    serial_init(&s);
    rig_outb(&s.r, SPEC_FCR, 1);
    rig_outb(&s.r, SPEC_IER, 2);
    (void)rig_inb(&s.r, SPEC_IIR);
    s.c.room = 0;
    while (sent < 1000) {
        while (rig_inb(&s.r, SPEC_LSR) & 0x20) {
            for (unsigned i = 0; i < 16 && sent < 1000; i++) {
                rig_outb(&s.r, SPEC_THR, (uint8_t)sent++);
            }
        }
        g_assert_cmpint(line(&s), ==, 0);
        s.c.room = 1;
        s.u.front.writable(s.u.front.opaque);
    }
    g_assert_cmphex(rig_inb(&s.r, SPEC_LSR) & SPEC_LSR_EMPTY, ==, 0);
    s.c.room = SIZE_MAX;
    s.u.front.writable(s.u.front.opaque);
    g_assert_cmphex(rig_inb(&s.r, SPEC_LSR), ==, SPEC_LSR_EMPTY);
    g_assert_cmpint(line(&s), ==, 1);
    g_assert_cmpuint(s.c.got->len, ==, 1000);
    for (unsigned i = 0; i < 1000; i++) {
        g_assert_cmphex(s.c.got->data[i], ==, i & 0xff);
    }
    s.u.front.writable(s.u.front.opaque);
    g_assert_cmpuint(s.c.got->len, ==, 1000);
    g_assert_cmpuint(s.r.w.wakes, ==, 0);
    serial_destroy(&s);
}

static void test_receive(void)
{
    struct serial s;

    serial_init(&s);
    rig_outb(&s.r, SPEC_IER, 1);
    g_assert_cmpuint(feed(&s, "xy"), ==, 1); /* without FIFO: one byte at a time */
    g_assert_cmpint(line(&s), ==, 1);
    g_assert_cmphex(rig_inb(&s.r, SPEC_IIR), ==, SPEC_IIR_RDA);
    g_assert_cmphex(rig_inb(&s.r, SPEC_LSR), ==, SPEC_LSR_EMPTY | SPEC_LSR_DR);
    s.c.accepts = 0;
    g_assert_cmphex(rig_inb(&s.r, SPEC_RBR), ==, 'x');
    g_assert_cmpuint(s.c.accepts, ==, 1);
    g_assert_cmpint(line(&s), ==, 0);
    g_assert_cmphex(rig_inb(&s.r, SPEC_LSR), ==, SPEC_LSR_EMPTY);
    serial_destroy(&s);
}

/* Chapter 8.4: trigger levels 1, 4, 8, 14. */
static void test_trigger(void)
{
    struct serial s;
    static const uint8_t level[] = {1, 4, 8, 14};

    serial_init(&s);
    rig_outb(&s.r, SPEC_IER, 1);
    for (unsigned i = 0; i < 4; i++) {
        rig_outb(&s.r, SPEC_FCR, (uint8_t)(i << 6 | 7));
        for (unsigned n = 1; n <= 16; n++) {
            g_assert_cmpuint(feed(&s, "z"), ==, 1);
            g_assert_cmpint(line(&s), ==, n >= level[i]);
        }
        g_assert_cmpuint(feed(&s, "z"), ==, 0);
        g_assert_cmphex(rig_inb(&s.r, SPEC_IIR), ==, 0xc0 | SPEC_IIR_RDA);
        for (unsigned n = 16; n > 0; n--) {
            g_assert_cmphex(rig_inb(&s.r, SPEC_RBR), ==, 'z');
            g_assert_cmpint(line(&s), ==, n - 1 >= level[i]);
        }
    }
    serial_destroy(&s);
}

/* Chapter 8.4.2: bytes below the trigger level interrupt after four character times. */
static void test_timeout(void)
{
    struct serial s;

    serial_init(&s);
    set_divisor(&s, 1);
    rig_outb(&s.r, SPEC_FCR, 0xc1);
    rig_outb(&s.r, SPEC_IER, 1);
    feed(&s, "abc");
    world_pass(&s.r.w, SPEC_TIMEOUT_NS - 1000);
    g_assert_cmpint(line(&s), ==, 0);
    feed(&s, "d"); /* starts anew */
    world_pass(&s.r.w, SPEC_TIMEOUT_NS - 1000);
    g_assert_cmpint(line(&s), ==, 0);
    world_pass(&s.r.w, 2000);
    g_assert_cmpint(line(&s), ==, 1);
    g_assert_cmphex(rig_inb(&s.r, SPEC_IIR), ==, 0xc0 | SPEC_IIR_TIMEOUT);
    g_assert_cmphex(rig_inb(&s.r, SPEC_RBR), ==, 'a');
    g_assert_cmpint(line(&s), ==, 0);
    world_pass(&s.r.w, SPEC_TIMEOUT_NS + 1000);
    g_assert_cmpint(line(&s), ==, 1);
    (void)rig_inb(&s.r, SPEC_RBR);
    (void)rig_inb(&s.r, SPEC_RBR);
    (void)rig_inb(&s.r, SPEC_RBR);
    g_assert_cmpuint(clock_next(&s.r.w.clock), ==, CLOCK_NEVER); /* idle means idle */
    serial_destroy(&s);
}

/* Table V: the line status comes before data, data before THRE, THRE before modem status. */
static void test_priority(void)
{
    struct serial s;

    serial_init(&s);
    rig_outb(&s.r, SPEC_MCR, SPEC_MCR_LOOP);
    rig_outb(&s.r, SPEC_THR, 'a');
    rig_outb(&s.r, SPEC_THR, 'b'); /* overrun: one byte of room */
    rig_outb(&s.r, SPEC_MCR, SPEC_MCR_LOOP | 3);
    rig_outb(&s.r, SPEC_IER, 0x0f);
    g_assert_cmphex(rig_inb(&s.r, SPEC_IIR), ==, SPEC_IIR_LINE);
    g_assert_cmphex(rig_inb(&s.r, SPEC_LSR), ==, SPEC_LSR_EMPTY | SPEC_LSR_OE | SPEC_LSR_DR);
    g_assert_cmphex(rig_inb(&s.r, SPEC_IIR), ==, SPEC_IIR_RDA);
    g_assert_cmphex(rig_inb(&s.r, SPEC_RBR), ==, 'b');
    g_assert_cmphex(rig_inb(&s.r, SPEC_IIR), ==, SPEC_IIR_THRE);
    g_assert_cmphex(rig_inb(&s.r, SPEC_IIR), ==, 0x00);
    (void)rig_inb(&s.r, SPEC_MSR);
    g_assert_cmphex(rig_inb(&s.r, SPEC_IIR), ==, SPEC_IIR_NONE);
    serial_destroy(&s);
}

/* Chapter 8.8: in loopback MCR's outputs are MSR's inputs, and nothing leaves or enters. */
static void test_loopback(void)
{
    struct serial s;

    serial_init(&s);
    g_assert_cmphex(rig_inb(&s.r, SPEC_MSR) & 0xf0, ==, 0xb0);
    rig_outb(&s.r, SPEC_MCR, SPEC_MCR_LOOP);
    g_assert_cmphex(rig_inb(&s.r, SPEC_MSR), ==, 0x0b); /* CTS, DSR, DCD fell */
    g_assert_cmphex(rig_inb(&s.r, SPEC_MSR), ==, 0x00);
    for (unsigned mcr = 0; mcr < 16; mcr++) {
        unsigned msr = (mcr & 1) << 5 | (mcr & 2) << 3 | (mcr & 4) << 4 | (mcr & 8) << 4;

        rig_outb(&s.r, SPEC_MCR, (uint8_t)(SPEC_MCR_LOOP | mcr));
        g_assert_cmphex(rig_inb(&s.r, SPEC_MSR) & 0xf0, ==, msr);
    }
    rig_outb(&s.r, SPEC_MCR, SPEC_MCR_LOOP | 4);
    (void)rig_inb(&s.r, SPEC_MSR);
    rig_outb(&s.r, SPEC_MCR, SPEC_MCR_LOOP);
    g_assert_cmphex(rig_inb(&s.r, SPEC_MSR), ==, 0x04); /* TERI: the trailing edge of RI */
    rig_outb(&s.r, SPEC_THR, 0x5a);
    g_assert_cmphex(rig_inb(&s.r, SPEC_RBR), ==, 0x5a);
    g_assert_cmpuint(s.c.got->len, ==, 0);
    g_assert_cmpuint(s.u.front.can_receive(s.u.front.opaque), ==, 0);
    serial_destroy(&s);
}

/* OUT2 gates the interrupt onto the bus. */
static void test_out2(void)
{
    struct serial s;

    serial_init(&s);
    rig_outb(&s.r, SPEC_MCR, 0);
    rig_outb(&s.r, SPEC_IER, 2);
    g_assert_cmpint(line(&s), ==, 0);
    rig_outb(&s.r, SPEC_MCR, SPEC_MCR_OUT2);
    g_assert_cmpint(line(&s), ==, 1);
    serial_destroy(&s);
}

static void test_fifo_control(void)
{
    struct serial s;

    serial_init(&s);
    rig_outb(&s.r, SPEC_FCR, 0xc8); /* without bit 0 nothing is programmed */
    g_assert_cmphex(rig_inb(&s.r, SPEC_IIR) & 0xc0, ==, 0);
    rig_outb(&s.r, SPEC_FCR, 0x81);
    g_assert_cmphex(rig_inb(&s.r, SPEC_IIR) & 0xc0, ==, 0xc0);
    feed(&s, "abcdef");
    rig_outb(&s.r, SPEC_FCR, 0x83);
    g_assert_cmphex(rig_inb(&s.r, SPEC_LSR) & SPEC_LSR_DR, ==, 0);
    feed(&s, "abcdef");
    rig_outb(&s.r, SPEC_FCR, 0);
    g_assert_cmphex(rig_inb(&s.r, SPEC_LSR) & SPEC_LSR_DR, ==, 0);
    g_assert_cmphex(rig_inb(&s.r, SPEC_IIR) & 0xc0, ==, 0);
    serial_destroy(&s);
}

/* SER-04: a guest that writes without end into nothing costs nothing. */
static void test_nobody(void)
{
    struct rig r;
    struct ns16550 u;
    struct ns16550_config config = {"serial1", 0x2f8, {0}, NULL};

    rig_init(&r);
    g_assert_cmpint(ns16550_init(&u, &r.w.hw, &config), ==, 0);
    rig_reset(&r);
    for (unsigned i = 0; i < 100000; i++) {
        rig_outb(&r, 0x2f8, (uint8_t)i);
    }
    g_assert_cmphex(rig_inb(&r, 0x2fd), ==, SPEC_LSR_EMPTY);
    rig_destroy(&r);
}

static struct serial *poked;

static void poke(struct rig *r)
{
    for (unsigned i = 0; i < 200; i++) {
        uint16_t port = (uint16_t)(SPEC_BASE + g_test_rand_int_range(0, 8));

        if (i & 1) {
            rig_outb(r, port, (uint8_t)g_test_rand_int());
        } else {
            (void)rig_inb(r, port);
        }
        poked->c.room = (size_t)g_test_rand_int_range(0, 20);
        feed(poked, "hostile");
        world_stall(&r->w, 1000000);
    }
    poked->c.room = SIZE_MAX;
}

static void test_state(void)
{
    struct serial s;

    serial_init(&s);
    poked = &s;
    rig_state_bits(&s.u.dev, &s.u.s->ier, 0x0f); /* PC16550D: table II */
    rig_state_bits(&s.u.dev, &s.u.s->mcr, 0x1f);
    rig_state_bits(&s.u.dev, &s.u.s->lsr, 0x02); /* of what is kept, only overrun is modelled */
    rig_state_bits(&s.u.dev, &s.u.s->thri, 0x01);
    rig_state_bits(&s.u.dev, &s.u.s->timeout, 0x00); /* nothing has been received */
    s.u.s->rx_count = 1;
    rig_state_bits(&s.u.dev, &s.u.s->timeout, 0x01);
    s.u.s->rx_count = 0;
    rig_state_bits(&s.u.dev, &s.u.s->reserved, 0);
    rig_hostile_state(&s.r, &s.u.dev, 500, poke);
    serial_destroy(&s);
}

/* A successor process sends what its predecessor could not. */
static void test_resume(void)
{
    struct serial s;

    serial_init(&s);
    rig_outb(&s.r, SPEC_IER, 2);
    s.c.room = 0;
    rig_outb(&s.r, SPEC_THR, 'q');
    g_assert_cmpint(line(&s), ==, 0);
    s.c.room = 100;
    arena_resume(&s.r.w.arena);
    g_assert_cmpuint(s.c.got->len, ==, 1);
    g_assert_cmpint(line(&s), ==, 1);
    serial_destroy(&s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/serial/reset", test_reset);
    g_test_add_func("/serial/writable-bits", test_writable_bits);
    g_test_add_func("/catalogue/SER-01/divisors", test_divisors);
    g_test_add_func("/catalogue/SER-02/back-pressure", test_back_pressure);
    g_test_add_func("/catalogue/SER-03/widths", test_widths);
    g_test_add_func("/catalogue/SER-04/nobody", test_nobody);
    g_test_add_func("/serial/transmit", test_transmit);
    g_test_add_func("/serial/transmit-interrupt", test_transmit_interrupt);
    g_test_add_func("/serial/receive", test_receive);
    g_test_add_func("/serial/trigger", test_trigger);
    g_test_add_func("/serial/timeout", test_timeout);
    g_test_add_func("/serial/priority", test_priority);
    g_test_add_func("/serial/loopback", test_loopback);
    g_test_add_func("/serial/out2", test_out2);
    g_test_add_func("/serial/fifo-control", test_fifo_control);
    g_test_add_func("/catalogue/ST-01/serial", test_state);
    g_test_add_func("/serial/resume", test_resume);
    return g_test_run();
}
