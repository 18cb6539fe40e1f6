/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Serial ports with the device model's own back end behind them: entries SER-02..04 of the
 * catalogue in docs/security.md.
 */
#include "pc-rig.h"

#include <fcntl.h>
#include <unistd.h>

#include "char/ns16550.h"
#include "chr_fd.h"

#define SPEC_BASE    0x3f8
#define SPEC_THRE    0x20
#define SPEC_TEMT    0x40
#define SPEC_DLAB    0x80
#define SPEC_SECONDS 4000u /* bytes that the slow reader takes, one at a time */

struct line {
    struct rig r;
    struct loop loop;
    struct chr_fd chr;
    struct ns16550 u;
    int fd[2]; /* ours to read, the device model's to write */
};

static void line_init(struct line *l)
{
    memset(l, 0, sizeof(*l));
    rig_init(&l->r);
    g_assert_cmpint(loop_init(&l->loop), ==, 0);
    g_assert_cmpint(pipe2(l->fd, O_NONBLOCK | O_CLOEXEC), ==, 0);
    fcntl(l->fd[1], F_SETPIPE_SZ, 4096);
    g_assert_cmpint(chr_fd_init(&l->chr, &l->loop, l->fd[1]), ==, 0);
    struct ns16550_config config = {"serial0", SPEC_BASE, world_line(&l->r.w, 4), &l->chr.chr};

    g_assert_cmpint(ns16550_init(&l->u, &l->r.w.hw, &config), ==, 0);
    chr_fd_connect(&l->chr, &l->u.front);
    rig_reset(&l->r);
}

static void line_destroy(struct line *l)
{
    close(l->fd[0]);
    close(l->fd[1]);
    close(l->loop.epfd);
    rig_destroy(&l->r);
}

static unsigned watches(const struct line *l)
{
    unsigned n = 0;

    for (unsigned i = 0; i < LOOP_MAX_WATCHES; i++) {
        n += l->loop.watch[i].ready || l->loop.watch[i].readable;
    }
    return n;
}

/* Writes while the line says that it has room; returns how many it took. */
static unsigned flat_out(struct line *l, unsigned next)
{
    unsigned n = 0;

    while (rig_inb(&l->r, SPEC_BASE + 5) & SPEC_THRE) {
        rig_outb(&l->r, SPEC_BASE, (uint8_t)(next + n++));
        g_assert_cmpuint(n, <, 100000);
    }
    return n;
}

/* SER-02: one watch, one buffer of fixed size, order kept, nothing invented, nothing lost. */
static void test_slow_reader(void)
{
    struct line *l = g_new(struct line, 1);
    unsigned sent, got = 0, before;

    line_init(l);
    rig_outb(&l->r, SPEC_BASE + 2, 1);
    sent = flat_out(l, 0);
    before = watches(l);
    while (got < SPEC_SECONDS + 4096) {
        uint8_t byte;

        loop_wait_io(&l->loop, 0);
        chr_fd_flush(&l->chr);
        if (read(l->fd[0], &byte, 1) == 1) {
            g_assert_cmphex(byte, ==, got & 0xff);
            got++;
        }
        sent += flat_out(l, sent);
        g_assert_cmpuint(l->chr.used, <=, CHR_FD_BUFFER);
        g_assert_cmpuint(watches(l), ==, before);
        g_assert_cmpuint(l->loop.ndeferred, <=, 1);
        g_assert_cmpuint(sent - got, <=, 4096 + CHR_FD_BUFFER + 17);
    }
    while (got < sent) { /* all that was sent arrives */
        uint8_t buf[512];
        ssize_t n;

        loop_wait_io(&l->loop, 0);
        chr_fd_flush(&l->chr);
        n = read(l->fd[0], buf, sizeof(buf));
        for (ssize_t i = 0; i < n; i++) {
            g_assert_cmphex(buf[i], ==, got & 0xff);
            got++;
        }
    }
    g_assert_cmphex(rig_inb(&l->r, SPEC_BASE + 5), ==, SPEC_THRE | SPEC_TEMT);
    line_destroy(l);
    g_free(l);
}

/* SER-04: nobody reads, then the reader goes away: the guest waits, then goes on. */
static void test_nobody_reads(void)
{
    struct line *l = g_new(struct line, 1);
    unsigned sent;

    line_init(l);
    sent = flat_out(l, 0);
    g_assert_cmpuint(sent, <=, 2 * 4096 + CHR_FD_BUFFER);
    for (unsigned i = 0; i < 1000000; i++) { /* a guest that does not look */
        rig_outb(&l->r, SPEC_BASE, (uint8_t)i);
        g_assert_cmpuint(l->chr.used, <=, CHR_FD_BUFFER);
    }
    close(l->fd[0]);
    signal(SIGPIPE, SIG_IGN);
    for (unsigned i = 0; i < 10; i++) {
        loop_wait_io(&l->loop, 0);
        chr_fd_flush(&l->chr);
    }
    for (unsigned i = 0; i < 100000; i++) {
        rig_outb(&l->r, SPEC_BASE, (uint8_t)i);
        if (i % 1000 == 0) {
            loop_wait_io(&l->loop, 0);
            chr_fd_flush(&l->chr);
        }
    }
    loop_wait_io(&l->loop, 0);
    chr_fd_flush(&l->chr);
    g_assert_cmphex(rig_inb(&l->r, SPEC_BASE + 5) & SPEC_THRE, ==, SPEC_THRE);
    line_destroy(l);
    g_free(l);
}

struct port {
    struct rig r;
    struct rig_chr c;
    struct ns16550 u;
};

static void port_init(struct port *p)
{
    rig_init(&p->r);
    rig_chr_init(&p->c);
    struct ns16550_config config = {"serial0", SPEC_BASE, world_line(&p->r.w, 4), &p->c.chr};

    g_assert_cmpint(ns16550_init(&p->u, &p->r.w.hw, &config), ==, 0);
    rig_reset(&p->r);
}

static void port_destroy(struct port *p)
{
    rig_chr_destroy(&p->c);
    rig_destroy(&p->r);
}

/* SER-03: 2- and 4-byte accesses at each offset, DLAB on and off: what byte accesses do on a twin.
 */
static void test_wide_is_bytes(void)
{
    struct port wide, bytes;

    port_init(&wide);
    port_init(&bytes);
    for (unsigned n = 0; n < 20000; n++) {
        unsigned off = (unsigned)g_test_rand_int_range(0, 8), size = 1u << n % 3;
        uint32_t val = (uint32_t)g_test_rand_int(), mask = size == 4 ? ~0u : (1u << 8 * size) - 1;
        uint8_t lcr = n & 8 ? SPEC_DLAB | 3 : 3;

        rig_outb(&wide.r, SPEC_BASE + 3, lcr);
        rig_outb(&bytes.r, SPEC_BASE + 3, lcr);
        if (n & 16) {
            uint32_t want = 0;

            for (unsigned i = 0; i < size; i++) {
                want |= (uint32_t)rig_inb(&bytes.r, (uint16_t)(SPEC_BASE + off + i)) << 8 * i;
            }
            g_assert_cmphex(rig_in(&wide.r, (uint16_t)(SPEC_BASE + off), size) & mask, ==, want);
        } else {
            rig_out(&wide.r, (uint16_t)(SPEC_BASE + off), size, val & mask);
            for (unsigned i = 0; i < size; i++) {
                rig_outb(&bytes.r, (uint16_t)(SPEC_BASE + off + i), (uint8_t)(val >> 8 * i));
            }
        }
        if (n % 5 == 0) {
            wide.u.front.receive(wide.u.front.opaque, (const uint8_t *)"z", 1);
            bytes.u.front.receive(bytes.u.front.opaque, (const uint8_t *)"z", 1);
        }
        g_assert_cmpmem(wide.u.s, sizeof(*wide.u.s), bytes.u.s, sizeof(*bytes.u.s));
        g_assert_cmpint(wide.r.w.line[4].level, ==, bytes.r.w.line[4].level);
    }
    g_assert_cmpmem(wide.c.got->data, wide.c.got->len, bytes.c.got->data, bytes.c.got->len);
    g_assert_cmpuint(wide.c.got->len, >, 100);
    port_destroy(&wide);
    port_destroy(&bytes);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/catalogue/SER-02/slow-reader", test_slow_reader);
    g_test_add_func("/catalogue/SER-03/wide-is-bytes", test_wide_is_bytes);
    g_test_add_func("/catalogue/SER-04/nobody-reads", test_nobody_reads);
    return g_test_run();
}
