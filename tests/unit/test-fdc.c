/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 82077AA floppy controller with the 8237, driven as a BIOS does. */
#include "test-fdc.h"

/* Chapter 2.1.2: leaving reset interrupts; four SENSE INTERRUPTs tell about the polled drives. */
static void test_reset(void)
{
    struct fd f;
    uint8_t res[10];

    fd_init(&f);
    rig_outb(&f.r, SPEC_DOR, 0x0c);
    g_assert_cmpint(line(&f), ==, 1);
    rig_outb(&f.r, SPEC_DOR, 0x04); /* DMA gate off: INT is off the bus */
    g_assert_cmpint(line(&f), ==, 0);
    rig_outb(&f.r, SPEC_DOR, 0x0c);
    for (unsigned i = 0; i < 4; i++) {
        SEND(&f, SPEC_SENSE_INT);
        g_assert_cmpuint(result(&f, res), ==, 2);
        g_assert_cmphex(res[0], ==, 0xc0 | i);
    }
    g_assert_cmpint(line(&f), ==, 0);
    SEND(&f, SPEC_SENSE_INT);
    g_assert_cmpuint(result(&f, res), ==, 1);
    g_assert_cmphex(res[0], ==, 0x80);
    rig_outb(&f.r, SPEC_DSR, 0x80);
    g_assert_cmpint(line(&f), ==, 1);
    g_assert_cmphex(msr(&f), ==, SPEC_RQM);
    fd_destroy(&f);
}

/* SeaBIOS asks once after a reset, then recalibrates: the answer must be the recalibration's. */
static void test_recalibrate(void)
{
    struct fd f;
    uint8_t res[10];

    fd_init(&f);
    rig_outb(&f.r, SPEC_DOR, 0x1c);
    SEND(&f, SPEC_SENSE_INT);
    (void)result(&f, res);
    SEND(&f, SPEC_RECALIBRATE, 0);
    g_assert_cmpint(line(&f), ==, 1);
    SEND(&f, SPEC_SENSE_INT);
    g_assert_cmpuint(result(&f, res), ==, 2);
    g_assert_cmphex(res[0], ==, 0x20);
    g_assert_cmphex(res[1], ==, 0);
    SEND(&f, SPEC_RECALIBRATE, 3); /* no such drive */
    SEND(&f, SPEC_SENSE_INT);
    (void)result(&f, res);
    g_assert_cmphex(res[0], ==, 0x73);
    fd_destroy(&f);
}

static void test_sense_drive(void)
{
    struct fd f;
    uint8_t res[10];

    fd_init(&f);
    start(&f);
    SEND(&f, SPEC_SENSE_DRIVE, 0x04);
    g_assert_cmpuint(result(&f, res), ==, 1);
    g_assert_cmphex(res[0], ==, 0x3c);
    seek(&f, 0, 5);
    f.disk.blk.readonly = true;
    SEND(&f, SPEC_SENSE_DRIVE, 0x00);
    (void)result(&f, res);
    g_assert_cmphex(res[0], ==, 0x68);
    fd_destroy(&f);
}

/* The change line: set with a fresh disk, cleared by a step, always set without a disk. */
static void test_disk_change(void)
{
    struct fd f;

    fd_init(&f);
    start(&f);
    g_assert_cmphex(rig_inb(&f.r, SPEC_DIR) & 0x80, ==, 0x80);
    seek(&f, 0, 1);
    g_assert_cmphex(rig_inb(&f.r, SPEC_DIR) & 0x80, ==, 0);
    fdc_change_disk(&f.d, 0, &f.empty);
    seek(&f, 0, 2);
    g_assert_cmphex(rig_inb(&f.r, SPEC_DIR) & 0x80, ==, 0x80);
    fdc_change_disk(&f.d, 0, &f.disk.blk);
    g_assert_cmphex(rig_inb(&f.r, SPEC_DIR) & 0x80, ==, 0x80);
    seek(&f, 0, 0);
    g_assert_cmphex(rig_inb(&f.r, SPEC_DIR) & 0x80, ==, 0);
    rig_outb(&f.r, SPEC_DOR, 0x2d);
    g_assert_cmphex(rig_inb(&f.r, SPEC_DIR) & 0x80, ==, 0x80);
    fd_destroy(&f);
}

static void test_read_id(void)
{
    struct fd f;

    fd_init(&f);
    start(&f);
    seek(&f, 0, 3);
    SEND(&f, SPEC_READ_ID, 0x04);
    expect(&f, 0x04, 0, 0, 3, 1, 1);
    rig_outb(&f.r, SPEC_CCR, 2); /* wrong data rate: no address mark */
    SEND(&f, SPEC_READ_ID, 0x00);
    expect(&f, 0x40, 0x01, 0, 3, 0, 1);
    rig_outb(&f.r, SPEC_CCR, 0);
    SEND(&f, SPEC_READ_ID, 0x01); /* empty drive */
    expect(&f, 0x41, 0x01, 0, 0, 0, 1);
    fd_destroy(&f);
}

/* Boot sector as SeaBIOS reads it: terminal count after one sector. */
static void test_read_sector(void)
{
    struct fd f;

    fd_init(&f);
    start(&f);
    dma_program(&f, 4, BUFFER, 512);
    SEND(&f, SPEC_READ, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    g_assert_cmphex(msr(&f), ==, SPEC_BUSY);
    g_assert_cmpint(line(&f), ==, 0);
    run(&f);
    g_assert_cmpmem(f.r.bytes + BUFFER, 512, f.disk.data, 512);
    g_assert_cmphex(f.r.bytes[BUFFER + 512], ==, 0xa5);
    expect(&f, 0x00, 0, 0, 0, 0, 2);
    fd_destroy(&f);
}

/* MT: a whole cylinder, both heads, then the ID of the next one (table 5-6). */
static void test_read_cylinder(void)
{
    struct fd f;
    uint32_t bytes = 2 * SECTORS * 512;

    fd_init(&f);
    start(&f);
    seek(&f, 0, 7);
    dma_program(&f, 4, BUFFER, bytes);
    SEND(&f, SPEC_READ, 0x00, 7, 0, 1, 2, 18, 0x1b, 0xff);
    run(&f);
    g_assert_cmpmem(f.r.bytes + BUFFER, bytes, f.disk.data + 7 * bytes, bytes);
    expect(&f, 0x04, 0, 0, 8, 0, 1); /* head 1 was the last one selected */
    g_assert_cmpuint(f.disk.submits, ==, 36);
    fd_destroy(&f);
}

static void test_write(void)
{
    struct fd f;
    uint8_t *before;
    uint64_t at = ((2 * 2 + 1) * SECTORS + 4) * 512ull;

    fd_init(&f);
    start(&f);
    seek(&f, 0, 2);
    before = g_memdup2(f.disk.data, SIZE);
    memset(f.r.bytes + BUFFER, 0x3c, 1024);
    dma_program(&f, 8, BUFFER, 700); /* terminal count inside the second sector: zeros follow */
    SEND(&f, SPEC_WRITE, 0x04, 2, 1, 5, 2, 18, 0x1b, 0xff);
    run(&f);
    expect(&f, 0x04, 0, 0, 2, 1, 7);
    memset(before + at, 0x3c, 700);
    memset(before + at + 700, 0, 1024 - 700);
    g_assert_cmpmem(f.disk.data, SIZE, before, SIZE);
    g_free(before);
    fd_destroy(&f);
}

static void test_write_protected(void)
{
    struct fd f;

    fd_init(&f);
    f.disk.blk.readonly = true;
    start(&f);
    dma_program(&f, 8, BUFFER, 512);
    SEND(&f, SPEC_WRITE, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    expect(&f, 0x40, 0x02, 0, 0, 0, 1);
    SEND(&f, SPEC_FORMAT, 0x00, 2, 18, 0x54, 0xf6);
    expect(&f, 0x40, 0x02, 0, 0, 0, 1);
    g_assert_cmpuint(f.disk.submits, ==, 0);
    fd_destroy(&f);
}

static void test_format(void)
{
    struct fd f;
    uint64_t track = (9 * 2 + 1) * SECTORS * 512ull;
    uint8_t *before;

    fd_init(&f);
    start(&f);
    seek(&f, 0, 9);
    before = g_memdup2(f.disk.data, SIZE);
    for (unsigned i = 0; i < SECTORS; i++) {
        memcpy(f.r.bytes + BUFFER + 4 * i, (const uint8_t[]){9, 1, (uint8_t)(i + 1), 2}, 4);
    }
    dma_program(&f, 8, BUFFER, 4 * SECTORS);
    SEND(&f, SPEC_FORMAT, 0x04, 2, SECTORS, 0x54, 0xf6);
    run(&f);
    expect(&f, 0x04, 0, 0, 9, 1, 18);
    memset(before + track, 0xf6, SECTORS * 512);
    g_assert_cmpmem(f.disk.data, SIZE, before, SIZE);
    g_free(before);
    fd_destroy(&f);
}

/* Without DMA every byte passes through the FIFO; with nobody to say TC, EOT ends abnormally. */
static void test_pio(void)
{
    struct fd f;

    fd_init(&f);
    start(&f);
    SEND(&f, SPEC_SPECIFY, 0xaf, 0x03);
    SEND(&f, 0x46, 0x00, 0, 0, 17, 2, 18, 0x1b, 0xff);
    for (unsigned sector = 16; sector < 18; sector++) {
        run(&f);
        g_assert_cmpint(line(&f), ==, 1);
        g_assert_cmphex(msr(&f), ==, SPEC_RQM | SPEC_DIO | SPEC_NDMA | SPEC_BUSY);
        for (unsigned i = 0; i < 512; i++) {
            g_assert_cmphex(rig_inb(&f.r, SPEC_FIFO), ==, f.disk.data[sector * 512 + i]);
        }
    }
    expect(&f, 0x40, 0x80, 0, 1, 0, 1);

    SEND(&f, 0x45, 0x00, 0, 0, 18, 2, 18, 0x1b, 0xff);
    g_assert_cmphex(msr(&f), ==, SPEC_RQM | SPEC_NDMA | SPEC_BUSY);
    for (unsigned i = 0; i < 512; i++) {
        rig_outb(&f.r, SPEC_FIFO, (uint8_t)(i ^ 0x77));
    }
    rig_outb(&f.r, SPEC_FIFO, 0xee); /* one too many is ignored */
    run(&f);
    expect(&f, 0x40, 0x80, 0, 1, 0, 1);
    for (unsigned i = 0; i < 512; i++) {
        g_assert_cmphex(f.disk.data[17 * 512 + i], ==, (i ^ 0x77) & 0xff);
    }
    fd_destroy(&f);
}

static void test_errors(void)
{
    struct fd f;

    fd_init(&f);
    start(&f);
    dma_program(&f, 4, BUFFER, 512);
    SEND(&f, SPEC_READ, 0x00, 5, 0, 1, 2, 18, 0x1b, 0xff); /* not where the head is */
    expect(&f, 0x40, 0x04, 0x10, 5, 0, 1);
    SEND(&f, SPEC_READ, 0x00, 0, 0, 19, 2, 18, 0x1b, 0xff); /* no such sector */
    expect(&f, 0x40, 0x04, 0, 0, 0, 19);
    SEND(&f, SPEC_READ, 0x00, 0, 1, 1, 2, 18, 0x1b, 0xff); /* wrong head in the ID */
    expect(&f, 0x40, 0x04, 0, 0, 0, 1);
    SEND(&f, 0xa6, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff); /* FM */
    expect(&f, 0x40, 0x01, 0, 0, 0, 1);
    f.disk.err = 5;
    SEND(&f, SPEC_READ, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    run(&f);
    expect(&f, 0x40, 0x20, 0x20, 0, 0, 1);
    f.disk.err = 0;
    rig_outb(&f.r, 0x0a, 0x06); /* masked channel: overrun, not a hang */
    SEND(&f, SPEC_READ, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    run(&f);
    expect(&f, 0x40, 0x10, 0, 0, 0, 1);
    fd_destroy(&f);
}

static void test_implied_seek(void)
{
    struct fd f;

    fd_init(&f);
    start(&f);
    SEND(&f, SPEC_CONFIGURE, 0, 0x40, 0);
    dma_program(&f, 4, BUFFER, 512);
    SEND(&f, SPEC_READ, 0x00, 40, 0, 3, 2, 18, 0x1b, 0xff);
    run(&f);
    g_assert_cmpmem(f.r.bytes + BUFFER, 512, f.disk.data + (40 * 36 + 2) * 512, 512);
    expect(&f, 0x00, 0, 0, 40, 0, 4);
    fd_destroy(&f);
}

static void test_verify(void)
{
    struct fd f;

    fd_init(&f);
    start(&f);
    SEND(&f, SPEC_VERIFY, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    run(&f);
    expect(&f, 0x04, 0, 0, 1, 0, 1);
    g_assert_cmpuint(f.disk.submits, ==, 36);
    SEND(&f, SPEC_VERIFY, 0x80, 0, 0, 1, 2, 18, 0x1b, 5); /* EC: five sectors */
    run(&f);
    expect(&f, 0x00, 0, 0, 0, 0, 6);
    g_assert_cmpuint(f.disk.submits, ==, 41);
    fd_destroy(&f);
}

static void test_lock(void)
{
    struct fd f;
    uint8_t res[10];

    fd_init(&f);
    start(&f);
    SEND(&f, SPEC_CONFIGURE, 0, 0x57, 0x22);
    SEND(&f, 0x12, 0xbf); /* PERPENDICULAR */
    SEND(&f, 0x94);
    g_assert_cmpuint(result(&f, res), ==, 1);
    g_assert_cmphex(res[0], ==, 0x10);
    rig_outb(&f.r, SPEC_DSR, 0x80);
    SEND(&f, SPEC_DUMPREG);
    g_assert_cmpuint(result(&f, res), ==, 10);
    g_assert_cmphex(res[4], ==, 0xaf);
    g_assert_cmphex(res[7], ==, 0x80 | 0x3c);
    g_assert_cmphex(res[8], ==, 0x07);
    g_assert_cmphex(res[9], ==, 0x22);
    SEND(&f, 0x14);
    (void)result(&f, res);
    g_assert_cmphex(res[0], ==, 0);
    rig_outb(&f.r, SPEC_DSR, 0x80);
    SEND(&f, SPEC_DUMPREG);
    (void)result(&f, res);
    g_assert_cmphex(res[8], ==, 0x20);
    g_assert_cmphex(res[9], ==, 0);
    fd_destroy(&f);
}

/* A successor process repeats the request that was in flight. */
static void test_resume(void)
{
    struct fd f;

    fd_init(&f);
    start(&f);
    dma_program(&f, 4, BUFFER, 512);
    SEND(&f, SPEC_READ, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    arena_resume(&f.r.w.arena);
    g_assert_cmpuint(f.disk.submits, ==, 2);
    run(&f);
    g_assert_cmpmem(f.r.bytes + BUFFER, 512, f.disk.data, 512);
    expect(&f, 0x00, 0, 0, 0, 0, 2);
    fd_destroy(&f);
}

/* Geometry by size of image; an image of another size never gives sectors that it lacks. */
static void test_formats(void)
{
    static const struct {
        unsigned kib, sectors, cylinders, heads, rate, type;
    } known[] = {{160, 8, 40, 1, 1, 2},   {180, 9, 40, 1, 1, 2},   {320, 8, 40, 2, 1, 2},
                 {360, 9, 40, 2, 1, 2},   {720, 9, 80, 2, 2, 4},   {1200, 15, 80, 2, 0, 2},
                 {1440, 18, 80, 2, 0, 4}, {2880, 36, 80, 2, 3, 5}, {1000, 15, 80, 2, 0, 2},
                 {4000, 36, 80, 2, 3, 5}};

    for (unsigned i = 0; i < G_N_ELEMENTS(known); i++) {
        struct fd f;
        uint8_t h = (uint8_t)(known[i].heads - 1), c = (uint8_t)(known[i].cylinders - 1);
        uint8_t s = (uint8_t)known[i].sectors, hu = (uint8_t)(h << 2);
        bool whole = known[i].kib != 1000;

        fd_init_sized(&f, known[i].kib * 1024);
        g_assert_cmpuint(fdc_cmos_type(&f.d, 0), ==, known[i].type);
        start(&f);
        rig_outb(&f.r, SPEC_CCR, (uint8_t)known[i].rate);
        seek(&f, 0, c);
        dma_program(&f, 4, BUFFER, 512);
        SEND(&f, 0x66, hu, c, h, s, 2, s, 0x1b, 0xff);
        run(&f);
        expect(&f, whole ? hu : (uint8_t)(0x40 | hu), whole ? 0 : 0x04, 0, (uint8_t)(c + whole), h,
               whole ? 1 : s);
        fd_destroy(&f);
    }
}

static struct fd *poked;

static void poke(struct rig *r)
{
    for (unsigned i = 0; i < 300; i++) {
        uint16_t port = (uint16_t)(0x3f0 + g_test_rand_int_range(0, 8));

        if (i & 1) {
            rig_outb(r, port, (uint8_t)g_test_rand_int());
        } else {
            (void)rig_inb(r, port);
        }
        (void)disk_complete(&poked->disk);
    }
}

static void test_state(void)
{
    struct fd f;

    fd_init(&f);
    poked = &f;
    rig_state_bits(&f.d.dev, &f.d.s->tdr, 0x03); /* 82077AA: 2.1.3, 2.1.5, 5.2 */
    rig_state_bits(&f.d.dev, &f.d.s->dsr, 0x5f);
    rig_state_bits(&f.d.dev, &f.d.s->configure, 0x7f);
    rig_state_bits(&f.d.dev, &f.d.s->lock, 0x80);
    rig_state_bits(&f.d.dev, &f.d.s->perpendicular, 0x3f);
    rig_state_bits(&f.d.dev, &f.d.s->disk_change, 0x03);
    rig_state_bits(&f.d.dev, &f.d.s->reserved, 0);
    rig_hostile_state(&f.r, &f.d.dev, 1000, poke);
    fd_destroy(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fdc/reset", test_reset);
    g_test_add_func("/fdc/recalibrate", test_recalibrate);
    g_test_add_func("/fdc/sense-drive", test_sense_drive);
    g_test_add_func("/fdc/disk-change", test_disk_change);
    g_test_add_func("/fdc/read-id", test_read_id);
    g_test_add_func("/fdc/read-sector", test_read_sector);
    g_test_add_func("/fdc/read-cylinder", test_read_cylinder);
    g_test_add_func("/fdc/write", test_write);
    g_test_add_func("/fdc/write-protected", test_write_protected);
    g_test_add_func("/fdc/format", test_format);
    g_test_add_func("/fdc/pio", test_pio);
    g_test_add_func("/fdc/errors", test_errors);
    g_test_add_func("/fdc/implied-seek", test_implied_seek);
    g_test_add_func("/fdc/verify", test_verify);
    g_test_add_func("/fdc/lock", test_lock);
    g_test_add_func("/fdc/resume", test_resume);
    g_test_add_func("/fdc/formats", test_formats);
    g_test_add_func("/catalogue/ST-01/fdc", test_state);
    return g_test_run();
}
