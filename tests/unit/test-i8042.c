/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 8042 controller and port 92: registers, commands, lines; the order of BIOS and Linux probing. */
#include "test-ps2.h"

static void test_reset_values(void)
{
    struct fixture *f = fixture_new();

    g_assert_cmphex(inb(f, 0x64), ==, SPEC_CMD | SPEC_UNLOCK);
    g_assert_cmphex(kbc_query(f, 0x20), ==, 0x03);
    g_assert_cmphex(kbc_query(f, 0xd0), ==, 0xcf); /* A20 open, no reset, lines high */
    g_assert_cmphex(inb(f, 0x92), ==, 0x02);
    memset(f->kbc.s, 0x5a, sizeof(*f->kbc.s));
    arena_reset(&f->arena, RESET_HARD);
    g_assert_cmphex(inb(f, 0x64), ==, SPEC_CMD | SPEC_UNLOCK);
    g_assert_cmpint(f->kbc.dev.cls->check(f->kbc.s), ==, 0);
    g_assert_cmpint(f->level[1] + f->level[12], ==, 0);
    fixture_free(f);
}

static void test_tests(void)
{
    struct fixture *f = fixture_new();

    g_assert_cmphex(kbc_query(f, 0xaa), ==, 0x55);
    g_assert_cmphex(inb(f, 0x64) & SPEC_SYS, ==, SPEC_SYS);
    g_assert_cmphex(kbc_query(f, 0xab), ==, 0x00);
    g_assert_cmphex(kbc_query(f, 0xa9), ==, 0x00);
    g_assert_cmphex(kbc_query(f, 0xa4), ==, 0xf1);
    g_assert_cmphex(kbc_query(f, 0xe0), ==, 0x00);
    g_assert_cmphex(kbc_query(f, 0xc0), ==, 0x80);
    fixture_free(f);
}

static void test_ram(void)
{
    struct fixture *f = fixture_new();

    for (unsigned i = 1; i < 32; i++) {
        kbc_command(f, 0x60 + i, 0xa0 ^ i);
    }
    for (unsigned i = 1; i < 32; i++) {
        g_assert_cmphex(kbc_query(f, 0x20 + i), ==, 0xa0 ^ i);
    }
    kbc_command(f, 0x60, 0xff);
    g_assert_cmphex(kbc_query(f, 0x20), ==, 0x7f); /* bit 7 is none */
    g_assert_cmphex(inb(f, 0x64) & SPEC_SYS, ==, SPEC_SYS);
    kbc_command(f, 0x60, 0x00);
    g_assert_cmphex(inb(f, 0x64) & SPEC_SYS, ==, 0);
    fixture_free(f);
}

static void test_enable_bits(void)
{
    struct fixture *f = fixture_new();

    kbc_command(f, 0x60, 0);
    outb(f, 0x64, 0xa7);
    g_assert_cmphex(kbc_query(f, 0x20), ==, 0x20);
    outb(f, 0x64, 0xad);
    g_assert_cmphex(kbc_query(f, 0x20), ==, 0x30);
    key(f, "a", true);
    g_assert_cmpint(take(f), ==, -1); /* held back */
    outb(f, 0x64, 0xae);
    g_assert_cmphex(take(f), ==, 0x1c);
    outb(f, 0x64, 0xa8);
    g_assert_cmphex(kbc_query(f, 0x20), ==, 0x00);
    outb(f, 0x64, 0xad);
    outb(f, 0x60, 0xee); /* a byte to the keyboard switches it on */
    EXPECT(f, 0xee);
    g_assert_cmphex(kbc_query(f, 0x20), ==, 0x00);
    fixture_free(f);
}

static void test_status_bits(void)
{
    struct fixture *f = fixture_new();

    outb(f, 0x60, 0xee);
    g_assert_cmphex(inb(f, 0x64), ==, SPEC_UNLOCK | SPEC_OBF);
    outb(f, 0x64, 0xad);
    g_assert_cmphex(inb(f, 0x64), ==, SPEC_UNLOCK | SPEC_OBF | SPEC_CMD);
    g_assert_cmphex(inb(f, 0x60), ==, 0xee);
    g_assert_cmphex(inb(f, 0x60), ==, 0xee); /* an empty buffer keeps its byte */
    g_assert_cmphex(inb(f, 0x64), ==, SPEC_UNLOCK | SPEC_CMD);
    kbc_command(f, 0xd3, 0x5a);
    g_assert_cmphex(inb(f, 0x64), ==, SPEC_UNLOCK | SPEC_OBF | SPEC_AUX_OBF);
    g_assert_cmphex(inb(f, 0x60), ==, 0x5a);
    g_assert_cmphex(inb(f, 0x64), ==, SPEC_UNLOCK);
    fixture_free(f);
}

/* Each byte is an edge of its own; a byte stays, with its source, until it is read. */
static void test_lines(void)
{
    struct fixture *f = fixture_new();

    kbc_command(f, 0x60, 0x03);
    key(f, "up", true); /* two bytes */
    g_assert_cmpint(f->level[1], ==, 1);
    g_assert_cmpuint(f->rises[1], ==, 1);
    ps2_mouse_event(&f->kbc.mouse, 1, 1, 0, 0);
    g_assert_cmphex(inb(f, 0x64) & SPEC_AUX_OBF, ==, 0);
    g_assert_cmphex(inb(f, 0x60), ==, 0xe0);
    g_assert_cmpint(f->level[1], ==, 0);
    g_assert_cmphex(inb(f, 0x60), ==, 0xe0); /* a chained handler sees the same */
    step(f);
    g_assert_cmpint(f->level[1], ==, 1);
    g_assert_cmpuint(f->rises[1], ==, 2);
    kbc_command(f, 0x60, 0x02); /* masked */
    g_assert_cmpint(f->level[1], ==, 0);
    kbc_command(f, 0x60, 0x03);
    g_assert_cmpint(f->level[1], ==, 1);
    g_assert_cmphex(inb(f, 0x60), ==, 0x75);
    kbc_command(f, 0xd3, 0xa5);
    step(f);
    g_assert_cmpint(f->level[12], ==, 1);
    g_assert_cmpint(f->level[1], ==, 0);
    g_assert_cmphex(inb(f, 0x60), ==, 0xa5);
    g_assert_cmpint(f->level[12], ==, 0);
    kbc_command(f, 0xd2, 0x77);
    g_assert_cmpint(f->level[1], ==, 1);
    g_assert_cmphex(kbc_query(f, 0x00), ==, 0x77);
    fixture_free(f);
}

static void test_output_port(void)
{
    struct fixture *f = fixture_new();

    kbc_command(f, 0xd1, 0xdd); /* A20 off */
    g_assert_cmphex(kbc_query(f, 0xd0), ==, 0xcd);
    outb(f, 0x64, 0xdf);
    g_assert_cmphex(kbc_query(f, 0xd0), ==, 0xcf);
    outb(f, 0x64, 0xdd);
    g_assert_cmphex(kbc_query(f, 0xd0), ==, 0xcd);
    g_assert_cmpuint(f->resets, ==, 0);
    kbc_command(f, 0xd1, 0xfe);
    g_assert_cmpuint(f->resets, ==, 1);
    fixture_free(f);
}

static void test_pulse_reset(void)
{
    struct fixture *f = fixture_new();

    for (unsigned c = 0xf0; c < 0x100; c++) {
        unsigned before = f->resets;

        outb(f, 0x64, c);
        g_assert_cmpuint(f->resets - before, ==, c & 1 ? 0 : 1);
    }
    fixture_free(f);
}

static void test_port92(void)
{
    struct fixture *f = fixture_new();

    g_assert_cmphex(f->announced, ==, 0x02);
    outb(f, 0x92, 0x00);
    g_assert_cmphex(inb(f, 0x92), ==, 0x00);
    g_assert_cmphex(f->announced, ==, 0x00);
    outb(f, 0x92, 0xff);
    g_assert_cmphex(inb(f, 0x92), ==, 0xcb);
    g_assert_cmphex(f->announced, ==, 0xcb);
    g_assert_cmpuint(f->resets, ==, 1);
    outb(f, 0x92, 0x03); /* no rising edge */
    g_assert_cmpuint(f->resets, ==, 1);
    outb(f, 0x92, 0x02);
    outb(f, 0x92, 0x03);
    g_assert_cmpuint(f->resets, ==, 2);
    arena_reset(&f->arena, RESET_HARD);
    g_assert_cmphex(f->announced, ==, 0x02);
    fixture_free(f);
}

/* What a PC BIOS does: self-test, interface test, keyboard reset, scan set, then translation on. */
static void test_bios_sequence(void)
{
    struct fixture *f = fixture_new();

    g_assert_cmphex(kbc_query(f, 0xaa), ==, 0x55);
    g_assert_cmphex(kbc_query(f, 0xab), ==, 0x00);
    kbc_command(f, 0x60, 0x30);
    outb(f, 0x64, 0xae);
    outb(f, 0x60, 0xff);
    EXPECT(f, 0xfa, 0xaa);
    outb(f, 0x60, 0xf5);
    EXPECT(f, 0xfa);
    outb(f, 0x60, 0xf0);
    EXPECT(f, 0xfa);
    outb(f, 0x60, 0x02);
    EXPECT(f, 0xfa);
    kbc_command(f, 0x60, 0x61);
    outb(f, 0x60, 0xf4);
    EXPECT(f, 0xfa);
    key(f, "a", true);
    key(f, "a", false);
    EXPECT(f, 0x1e, 0x9e);
    g_assert_cmpuint(f->rises[1], >=, 3);
    fixture_free(f);
}

/* Linux: loop test, which multiplexers would fail, interrupt test, port bits, then both devices. */
static void test_linux_sequence(void)
{
    static const uint8_t loop[] = {0x5a, 0xf0, 0x56, 0xa4};
    struct fixture *f = fixture_new();

    g_assert_cmphex(kbc_query(f, 0x20), ==, 0x03);
    kbc_command(f, 0x60, 0x74); /* both off, translated */
    for (unsigned i = 0; i < sizeof(loop); i++) {
        kbc_command(f, 0xd3, loop[i]);
        g_assert_cmphex(inb(f, 0x64) & (SPEC_OBF | SPEC_AUX_OBF), ==, SPEC_OBF | SPEC_AUX_OBF);
        g_assert_cmphex(inb(f, 0x60), ==, loop[i]);
    }
    outb(f, 0x64, 0xa7);
    g_assert_cmphex(kbc_query(f, 0x20) & 0x20, ==, 0x20);
    outb(f, 0x64, 0xa8);
    g_assert_cmphex(kbc_query(f, 0x20) & 0x20, ==, 0);
    kbc_command(f, 0x60, 0x56);
    kbc_command(f, 0xd3, 0xa5);
    g_assert_cmpuint(f->rises[12], ==, 1);
    g_assert_cmphex(inb(f, 0x60), ==, 0xa5);
    kbc_command(f, 0x60, 0x47);
    outb(f, 0x60, 0xf2);
    EXPECT(f, 0xfa, 0xab, 0x41); /* the id, translated */
    mouse_out(f, 0xff);
    EXPECT(f, 0xfa, 0xaa, 0x00);
    mouse_out(f, 0xf2);
    EXPECT(f, 0xfa, 0x00);
    fixture_free(f);
}

static void test_widths(void)
{
    struct fixture *f = fixture_new();

    g_assert_cmphex(bus_read(&f->pio, 0x64, 2), ==, 0xff00 | SPEC_CMD | SPEC_UNLOCK);
    bus_write(&f->pio, 0x60, 4, 0xeeeeeeee); /* one byte to port 60, the rest to nobody */
    EXPECT(f, 0xee);
    fixture_free(f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8042/reset-values", test_reset_values);
    g_test_add_func("/i8042/tests", test_tests);
    g_test_add_func("/i8042/ram", test_ram);
    g_test_add_func("/i8042/enable-bits", test_enable_bits);
    g_test_add_func("/i8042/status-bits", test_status_bits);
    g_test_add_func("/i8042/lines", test_lines);
    g_test_add_func("/i8042/output-port", test_output_port);
    g_test_add_func("/i8042/pulse-reset", test_pulse_reset);
    g_test_add_func("/i8042/port92", test_port92);
    g_test_add_func("/i8042/bios-sequence", test_bios_sequence);
    g_test_add_func("/i8042/linux-sequence", test_linux_sequence);
    g_test_add_func("/i8042/widths", test_widths);
    return g_test_run();
}
