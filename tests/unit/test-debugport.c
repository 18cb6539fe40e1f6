/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug output ports 402h and E9h, debug-exit port 501h. */
#include "pc-rig.h"

#include "char/debug_exit.h"
#include "char/debugcon.h"

static void test_output(void)
{
    struct rig r;
    struct rig_chr c;
    struct debugcon d, e;

    rig_init(&r);
    rig_chr_init(&c);
    g_assert_cmpint(debugcon_init(&d, &r.w.hw, 0x402, &c.chr), ==, 0);
    g_assert_cmpint(debugcon_init(&e, &r.w.hw, 0xe9, &c.chr), ==, 0);
    g_assert_cmphex(rig_inb(&r, 0x402), ==, 0xe9);
    g_assert_cmphex(rig_inb(&r, 0xe9), ==, 0xe9);
    rig_outb(&r, 0x402, 'a');
    rig_outb(&r, 0xe9, 'b');
    bus_write_rep(&r.w.pio, 0x402, 1, 3, "cde");
    g_assert_cmpmem(c.got->data, c.got->len, "abcde", 5);
    g_assert_cmpuint(c.calls, ==, 3); /* a REP OUTS is one call */
    g_assert_cmpuint(d.port.posted[0].length, ==, 1);
    rig_chr_destroy(&c);
    rig_destroy(&r);
}

/* RES-03: a reader that does not read costs bytes, not memory. */
static void test_full(void)
{
    struct rig r;
    struct rig_chr c;
    struct debugcon d;

    rig_init(&r);
    rig_chr_init(&c);
    c.room = 10;
    g_assert_cmpint(debugcon_init(&d, &r.w.hw, 0x402, &c.chr), ==, 0);
    for (unsigned i = 0; i < 1000; i++) {
        rig_outb(&r, 0x402, 'x');
    }
    g_assert_cmpuint(c.got->len, ==, 10);
    g_assert_cmpuint(d.lost, ==, 990);
    rig_chr_destroy(&c);
    rig_destroy(&r);
}

/* Without a listener the port reads as absent, and SeaBIOS prints nothing. */
static void test_nobody(void)
{
    struct rig r;
    struct debugcon d;

    rig_init(&r);
    g_assert_cmpint(debugcon_init(&d, &r.w.hw, 0x402, NULL), ==, 0);
    g_assert_cmphex(rig_inb(&r, 0x402), ==, 0xff);
    rig_outb(&r, 0x402, 'x');
    rig_destroy(&r);
}

static void test_exit(void)
{
    struct rig r;
    struct debug_exit d;

    rig_init(&r);
    g_assert_cmpint(debug_exit_init(&d, &r.w.hw, 0x501), ==, 0);
    g_assert_cmphex(rig_inb(&r, 0x501), ==, 0xff);
    g_assert_cmpuint(r.power_requests, ==, 0);
    rig_outb(&r, 0x501, 0x2a);
    g_assert_cmpuint(r.power_requests, ==, 1);
    g_assert_cmpint(r.power, ==, POWER_DEBUG_EXIT);
    g_assert_cmphex(r.power_value, ==, 0x2a);
    rig_destroy(&r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/debugport/output", test_output);
    g_test_add_func("/catalogue/RES-03/debugport-full", test_full);
    g_test_add_func("/debugport/nobody", test_nobody);
    g_test_add_func("/debugport/exit", test_exit);
    return g_test_run();
}
