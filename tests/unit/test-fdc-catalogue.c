/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The floppy controller against every publicly known class of bug in such devices: FDC-01..04,
 * DMA-02 and X-05 of the catalogue in docs/security.md. Bad input tried, nothing lost.
 */
#include "test-fdc.h"

/* FDC-04: after power-on everything that can be read is defined. */
static void test_power_on(void)
{
    struct fd f;
    uint8_t res[10];

    fd_init(&f);
    g_assert_cmphex(rig_inb(&f.r, SPEC_DOR), ==, 0);
    g_assert_cmphex(msr(&f), ==, 0); /* held in reset */
    g_assert_cmphex(rig_inb(&f.r, SPEC_FIFO), ==, 0);
    rig_outb(&f.r, SPEC_DOR, 0x0c);
    g_assert_cmphex(msr(&f), ==, SPEC_RQM);
    SEND(&f, SPEC_VERSION);
    g_assert_cmpuint(result(&f, res), ==, 1);
    g_assert_cmphex(res[0], ==, 0x90);
    SEND(&f, SPEC_DUMPREG);
    g_assert_cmpuint(result(&f, res), ==, 10);
    for (unsigned i = 0; i < 8; i++) {
        g_assert_cmphex(res[i], ==, 0);
    }
    g_assert_cmphex(res[8], ==, 0x20);
    g_assert_cmphex(res[9], ==, 0);
    for (unsigned i = 0; i < 512; i++) {
        g_assert_cmphex(f.d.s->buf[i], ==, 0);
    }
    fd_destroy(&f);
}

/* FDC-01 (VENOM): each opcode, then thousands of bytes in both directions. */
static void test_fifo_flood(void)
{
    struct fd f;
    uint8_t res[10];

    fd_init(&f);
    start(&f);
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        rig_outb(&f.r, SPEC_FIFO, (uint8_t)opcode);
        for (unsigned i = 0; i < 4096; i++) {
            rig_outb(&f.r, SPEC_FIFO, (uint8_t)i);
            (void)disk_complete(&f.disk);
        }
        for (unsigned i = 0; i < 4096; i++) {
            (void)rig_inb(&f.r, SPEC_FIFO);
            (void)disk_complete(&f.disk);
        }
        rig_outb(&f.r, SPEC_DOR, 0x00);
        g_assert_null(f.disk.pending);
        rig_outb(&f.r, SPEC_DOR, 0x1c);
        SEND(&f, SPEC_VERSION);
        g_assert_cmpuint(result(&f, res), ==, 1);
        g_assert_cmphex(res[0], ==, 0x90);
    }
    fd_destroy(&f);
}

static void one_transfer(struct fd *f, uint8_t eot, uint8_t rec, uint8_t n, uint8_t opcode)
{
    uint8_t res[10];

    dma_program(f, 4, BUFFER, 0x8000);
    SEND(f, opcode, 0x00, 0, 0, rec, n, eot, 0x1b, 0xff);
    run(f);
    g_assert_cmpint(line(f), ==, 1);
    g_assert_cmpuint(result(f, res), ==, 7);
}

/* FDC-02: EOT, sector and size code in all combinations that matter; with and without MT. */
static void test_end_of_track(void)
{
    struct fd f;
    static const uint8_t edge[] = {0, 1, 2, 17, 18, 19, 127, 128, 254, 255};

    fd_init(&f);
    start(&f);
    for (unsigned e = 0; e < 256; e++) {
        for (unsigned i = 0; i < G_N_ELEMENTS(edge); i++) {
            one_transfer(&f, (uint8_t)e, edge[i], 2, SPEC_READ);
            one_transfer(&f, (uint8_t)e, edge[i], 2, 0x46);
            one_transfer(&f, edge[i], (uint8_t)e, 2, SPEC_READ);
            one_transfer(&f, edge[i], 1, (uint8_t)e, SPEC_READ);
        }
    }
    for (unsigned i = 0x8000; i < 0x8000 + 512; i++) {
        g_assert_cmphex(f.r.bytes[BUFFER + i], ==, 0xa5);
    }
    fd_destroy(&f);
}

static void abuse_drive(struct fd *f, uint8_t unit, bool non_dma)
{
    static const uint8_t opcodes[] = {0xe6, 0xc5, 0xc9, 0xec, 0x42, 0xf6};
    uint8_t res[10];

    SEND(f, SPEC_SPECIFY, 0xaf, (uint8_t)(2 | non_dma));
    for (unsigned i = 0; i < G_N_ELEMENTS(opcodes); i++) {
        dma_program(f, opcodes[i] == 0xc5 || opcodes[i] == 0xc9 ? 8 : 4, BUFFER, 512);
        SEND(f, opcodes[i], unit, 0, 0, 1, 2, 18, 0x1b, 0xff);
        g_assert_cmpuint(result(f, res), ==, 7);
        g_assert_cmphex(res[0] & 0xc3, ==, 0x40 | unit);
    }
    SEND(f, SPEC_FORMAT, unit, 2, 18, 0x54, 0xf6);
    g_assert_cmpuint(result(f, res), ==, 7);
    SEND(f, SPEC_READ_ID, unit);
    g_assert_cmpuint(result(f, res), ==, 7);
}

/* FDC-03: absent and empty drives under every data command, DOR pointing anywhere; ejection. */
static void test_no_medium(void)
{
    struct fd f;

    fd_init(&f);
    start(&f);
    for (unsigned select = 0; select < 4; select++) {
        rig_outb(&f.r, SPEC_DOR, (uint8_t)(0x0c | select));
        (void)rig_inb(&f.r, SPEC_DIR);
        for (uint8_t unit = 1; unit < 4; unit++) {
            abuse_drive(&f, unit, false);
            abuse_drive(&f, unit, true);
        }
    }
    g_assert_cmpuint(f.disk.submits, ==, 0);
    SEND(&f, SPEC_SPECIFY, 0xaf, 2);
    dma_program(&f, 4, BUFFER, 512);
    SEND(&f, SPEC_READ, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    fdc_change_disk(&f.d, 0, &f.empty);
    g_assert_null(f.disk.pending);
    expect(&f, 0x40, 0x01, 0, 0, 0, 1);
    fd_destroy(&f);
}

/* a reset in the middle of a write cancels it; sector 0 keeps its bytes. */
static void test_reset_in_flight(void)
{
    struct fd f;
    uint8_t first[512];

    fd_init(&f);
    memcpy(first, f.disk.data, 512);
    for (unsigned kind = 0; kind < 3; kind++) {
        start(&f);
        seek(&f, 0, 1);
        dma_program(&f, 8, BUFFER, 2048);
        SEND(&f, SPEC_WRITE, 0x00, 1, 0, 1, 2, 18, 0x1b, 0xff);
        (void)disk_complete(&f.disk);
        g_assert_nonnull(f.disk.pending);
        if (kind == 0) {
            rig_outb(&f.r, SPEC_DOR, 0);
        } else if (kind == 1) {
            rig_outb(&f.r, SPEC_DSR, 0x80);
        } else {
            rig_reset(&f.r);
        }
        g_assert_null(f.disk.pending);
        g_assert_cmpmem(f.disk.data, 512, first, 512);
    }
    g_assert_cmpint(line(&f), ==, 0);
    fd_destroy(&f);
}

/* A known-good command gives the known-good answer. */
static void alive(struct fd *f)
{
    start(f);
    SEND(f, SPEC_RECALIBRATE, 0x00);
    SEND(f, SPEC_SENSE_INT);
    uint8_t res[10];

    g_assert_cmpuint(result(f, res), ==, 2);
    dma_program(f, 4, BUFFER, 512);
    SEND(f, 0x46, 0x00, 0, 0, 2, 2, 18, 0x1b, 0xff);
    run(f);
    g_assert_cmpmem(f->r.bytes + BUFFER, 512, f->disk.data + 512, 512);
    g_assert_cmpuint(result(f, res), ==, 7);
    g_assert_cmphex(res[0] & 0xc0, ==, 0);
}

/* FDC-01, second line of defence: without RQM nothing that is written arrives, in any phase. */
static void test_no_rqm(void)
{
    struct fd f;
    uint8_t res[10];

    fd_init(&f);
    start(&f);
    dma_program(&f, 4, BUFFER, 1024);
    SEND(&f, SPEC_READ, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    while (f.disk.pending) {
        struct fdc_state before = *f.d.s;

        g_assert_cmphex(msr(&f) & SPEC_RQM, ==, 0);
        for (unsigned i = 0; i < 8192; i++) {
            rig_outb(&f.r, SPEC_FIFO, (uint8_t)i);
            g_assert_cmphex(rig_inb(&f.r, SPEC_FIFO), ==, 0);
        }
        g_assert_cmpmem(&before, sizeof(before), f.d.s, sizeof(before));
        (void)disk_complete(&f.disk);
    }
    /* In the result phase writing does nothing; the result has its length and no byte more. */
    for (unsigned i = 0; i < 8192; i++) {
        rig_outb(&f.r, SPEC_FIFO, 0xee);
    }
    g_assert_cmpuint(result(&f, res), ==, 7);
    g_assert_cmphex(res[0], ==, 0x00);
    for (unsigned i = 0; i < 8192; i++) {
        g_assert_cmphex(rig_inb(&f.r, SPEC_FIFO), ==, 0);
    }
    g_assert_cmpmem(f.r.bytes + BUFFER, 1024, f.disk.data, 1024);
    alive(&f);
    fd_destroy(&f);
}

/* FDC-01: sequences of opcodes and parameters cut off by others, as a blind fuzzer makes them. */
static void test_random_sequences(void)
{
    static const uint8_t favourite[] = {0x0a, 0x4a, 0x8e, 0xe6, 0xc5, 0x4d, 0x42, 0x0f,
                                        0x07, 0x08, 0x13, 0x0e, 0x03, 0x9d, 0xcd};
    struct fd f;

    fd_init(&f);
    start(&f);
    for (unsigned n = 0; n < 300000; n++) {
        unsigned r = (unsigned)g_test_rand_int();

        switch (r & 15) {
        case 0:
            rig_outb(&f.r, (uint16_t)(SPEC_DOR + (r >> 4 & 7)), (uint8_t)(r >> 8));
            break;
        case 1:
            rig_outb(&f.r, SPEC_DOR, 0x1c);
            break;
        case 2:
            f.disk.err = r & 0x100 ? EIO : 0;
            (void)disk_complete(&f.disk);
            break;
        case 3:
        case 4:
            (void)rig_inb(&f.r, SPEC_FIFO);
            break;
        case 5:
            rig_outb(&f.r, SPEC_FIFO, favourite[(r >> 8) % sizeof(favourite)]);
            break;
        default:
            rig_outb(&f.r, SPEC_FIFO, (uint8_t)(r & 0x10 ? r >> 8 : r >> 8 & 3));
        }
        if (n % 64 == 0) {
            g_assert_cmpint(f.d.dev.cls->check(f.d.s), ==, 0);
        }
    }
    f.disk.err = 0;
    rig_reset(&f.r);
    alive(&f);
    fd_destroy(&f);
}

/* FDC-03: a write-protected disk never sees a write, by DMA or byte by byte. */
static void test_read_only(void)
{
    static const uint8_t opcodes[] = {0xc5, 0x45, 0xc9, 0x49, 0x05, 0x09};
    struct fd f;
    uint8_t res[10];

    fd_init(&f);
    f.disk.blk.readonly = true;
    start(&f);
    for (unsigned pio = 0; pio < 2; pio++) {
        SEND(&f, SPEC_SPECIFY, 0xaf, (uint8_t)(2 | pio));
        for (unsigned i = 0; i < sizeof(opcodes); i++) {
            dma_program(&f, 8, BUFFER, 2048);
            SEND(&f, opcodes[i], 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
            run(&f);
            g_assert_cmpuint(result(&f, res), ==, 7);
            g_assert_cmphex(res[0] & 0xc0, ==, 0x40);
            g_assert_cmphex(res[1] & (opcodes[i] & 0x40 ? 0x02 : 0xff), !=, 0);
        }
        SEND(&f, SPEC_FORMAT, 0x00, 2, 18, 0x54, 0xf6);
        run(&f);
        g_assert_cmpuint(result(&f, res), ==, 7);
        g_assert_cmphex(res[1], ==, 0x02);
    }
    g_assert_cmpuint(f.disk.writes, ==, 0);
    alive(&f);
    fd_destroy(&f);
}

/* One data command, its disk pulled out after `steps` steps; then another is put in. */
static void eject_at(struct fd *f, uint8_t opcode, bool pio, unsigned steps)
{
    uint8_t res[10];
    unsigned submits;

    start(f);
    SEND(f, SPEC_SPECIFY, 0xaf, (uint8_t)(2 | pio));
    dma_program(f, opcode == 0xc5 ? 8 : 4, BUFFER, 4096);
    SEND(f, opcode, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    for (unsigned i = 0; i < steps; i++) {
        if (!disk_complete(&f->disk) && msr(f) & SPEC_NDMA) {
            for (unsigned n = 0; n < 300; n++) {
                if (opcode == 0xc5) {
                    rig_outb(&f->r, SPEC_FIFO, f->disk.data[n]);
                } else {
                    (void)rig_inb(&f->r, SPEC_FIFO);
                }
            }
        }
    }
    fdc_change_disk(&f->d, 0, &f->empty);
    g_assert_null(f->disk.pending);
    submits = f->disk.submits;
    for (unsigned n = 0; n < 40 * 512; n++) { /* the host goes on regardless */
        rig_outb(&f->r, SPEC_FIFO, 0);
        (void)rig_inb(&f->r, SPEC_FIFO);
    }
    g_assert_cmpuint(f->disk.submits, ==, submits);
    g_assert_cmphex(rig_inb(&f->r, SPEC_DIR) & 0x80, ==, 0x80);
    rig_outb(&f->r, SPEC_DOR, 0);
    rig_outb(&f->r, SPEC_DOR, 0x1c);
    for (unsigned i = 0; i < 4; i++) {
        SEND(f, SPEC_SENSE_INT);
        (void)result(f, res);
    }
    SEND(f, SPEC_READ_ID, 0x00);
    g_assert_cmpuint(result(f, res), ==, 7);
    g_assert_cmphex(res[0] & 0xc0, ==, 0x40);
    fdc_change_disk(&f->d, 0, &f->disk.blk);
    alive(f);
}

/* FDC-03: the disk is pulled out at each step of each kind of transfer. */
static void test_ejected(void)
{
    struct fd f;

    fd_init(&f);
    for (unsigned steps = 0; steps < 7; steps++) {
        for (unsigned pio = 0; pio < 2; pio++) {
            eject_at(&f, SPEC_READ, pio, steps);
            eject_at(&f, SPEC_WRITE, pio, steps);
            eject_at(&f, SPEC_VERIFY, pio, steps);
        }
    }
    fd_destroy(&f);
}

/* FDC-03: no DMA controller at all, a channel never programmed, DOR without the DMA gate. */
static void test_dma_unconfigured(void)
{
    struct fd f;
    uint8_t res[10];

    for (unsigned how = 0; how < 3; how++) {
        fd_init(&f);
        start(&f);
        if (how == 0) {
            f.d.dma = NULL;
        } else if (how == 2) {
            dma_program(&f, 4, BUFFER, 512);
            rig_outb(&f.r, SPEC_DOR, 0x14); /* selected, not reset, no gate */
        }
        SEND(&f, SPEC_READ, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
        run(&f);
        g_assert_cmpuint(result(&f, res), ==, 7);
        g_assert_cmphex(res[0] & 0xc0, ==, 0x40);
        g_assert_cmphex(res[1], ==, 0x10); /* overrun */
        SEND(&f, SPEC_WRITE, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
        run(&f);
        g_assert_cmpuint(result(&f, res), ==, 7);
        g_assert_cmphex(res[1], ==, 0x10);
        g_assert_cmpuint(f.disk.writes, ==, 0);
        g_assert_cmphex(f.r.bytes[BUFFER], ==, 0xa5);
        f.d.dma = &f.dma;
        alive(&f);
        fd_destroy(&f);
    }
}

/* DMA-02: any mode, count and flip-flop phase, changed under way: bounded, and inside the page. */
static void test_dma_modes(void)
{
    static const uint16_t counts[] = {0, 1, 510, 511, 512, 0x7fff, 0xffff};
    struct fd f;
    uint8_t *image;

    fd_init(&f);
    image = g_memdup2(f.disk.data, SIZE);
    for (unsigned mode = 0; mode < 256; mode += 4) {
        for (unsigned c = 0; c < G_N_ELEMENTS(counts); c++) {
            for (unsigned write = 0; write < 2; write++) {
                start(&f);
                dma_program(&f, 4, BUFFER + 0xfe00, counts[c] + 1u);
                if (c & 1) {
                    rig_outb(&f.r, 0x05, 0x33); /* flip-flop out of phase */
                }
                rig_outb(&f.r, 0x0b, (uint8_t)(mode | 2));
                SEND(&f, write ? SPEC_WRITE : SPEC_READ, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
                for (unsigned step = 0; disk_complete(&f.disk); step++) {
                    g_assert_cmpuint(step, <=, 2 * SECTORS);
                    if (step == 2) { /* other mode, masked, unmasked */
                        rig_outb(&f.r, 0x0b, (uint8_t)(~mode & 0xfc) | 2);
                        rig_outb(&f.r, 0x0a, 0x06);
                        rig_outb(&f.r, 0x0a, 0x02);
                    }
                }
                g_assert_cmphex(msr(&f) & SPEC_RQM, ==, SPEC_RQM);
                rig_outb(&f.r, 0x0d, 0); /* master clear */
            }
        }
    }
    for (unsigned i = 0; i < RIG_RAM; i++) { /* the 64 KiB page alone changed */
        if (i < BUFFER || i >= BUFFER + 0x10000) {
            g_assert_cmphex(f.r.bytes[i], ==, 0xa5);
        }
    }
    g_assert_cmpmem(f.disk.data + 36 * 512, SIZE - 36 * 512, image + 36 * 512, SIZE - 36 * 512);
    g_free(image);
    alive(&f);
    fd_destroy(&f);
}

/* FDC-01, 02: the same where the controller is as QEMU's test programs want it. */
static void test_compat(void)
{
    fd_compat = true;
    test_fifo_flood();
    test_no_rqm();
    test_random_sequences();
    test_end_of_track();
    test_dma_modes();
    fd_compat = false;
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/catalogue/FDC-01/fifo-flood", test_fifo_flood);
    g_test_add_func("/catalogue/FDC-01/no-rqm", test_no_rqm);
    g_test_add_func("/catalogue/FDC-01/random-sequences", test_random_sequences);
    g_test_add_func("/catalogue/FDC-02/end-of-track", test_end_of_track);
    g_test_add_func("/catalogue/FDC-02/standalone-settings", test_compat);
    g_test_add_func("/catalogue/FDC-03/no-medium", test_no_medium);
    g_test_add_func("/catalogue/FDC-03/read-only", test_read_only);
    g_test_add_func("/catalogue/FDC-03/ejected", test_ejected);
    g_test_add_func("/catalogue/FDC-03/dma-unconfigured", test_dma_unconfigured);
    g_test_add_func("/catalogue/FDC-04/power-on", test_power_on);
    g_test_add_func("/catalogue/DMA-02/fdc-any-mode", test_dma_modes);
    g_test_add_func("/catalogue/X-05/fdc-reset-in-flight", test_reset_in_flight);
    return g_test_run();
}
