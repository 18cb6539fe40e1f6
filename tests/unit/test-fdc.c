/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 82077AA floppy controller with the 8237, driven as a BIOS and as an attacker would. */
#include "pc-rig.h"

#include "dma/i8237.h"
#include "floppy/fdc.h"

/* 82077AA data sheet, chapters 2, 5 and 6. */
#define SPEC_DOR  0x3f2
#define SPEC_MSR  0x3f4
#define SPEC_DSR  0x3f4
#define SPEC_FIFO 0x3f5
#define SPEC_DIR  0x3f7
#define SPEC_CCR  0x3f7

#define SPEC_RQM  0x80
#define SPEC_DIO  0x40
#define SPEC_NDMA 0x20
#define SPEC_BUSY 0x10

#define SPEC_READ        0xe6 /* MT, MFM, SK */
#define SPEC_WRITE       0xc5 /* MT, MFM */
#define SPEC_FORMAT      0x4d
#define SPEC_READ_ID     0x4a
#define SPEC_VERIFY      0xf6
#define SPEC_RECALIBRATE 0x07
#define SPEC_SENSE_INT   0x08
#define SPEC_SPECIFY     0x03
#define SPEC_SENSE_DRIVE 0x04
#define SPEC_SEEK        0x0f
#define SPEC_VERSION     0x10
#define SPEC_DUMPREG     0x0e
#define SPEC_CONFIGURE   0x13

#define SECTORS 18u
#define SIZE    (1440u * 1024u)
#define BUFFER  0x20000u /* guest address of the DMA buffer */

/* A disk that answers when told to. */
struct disk {
    struct blk blk;
    uint8_t *data;
    struct blk_req *pending;
    unsigned submits, writes;
    int err;
};

static void disk_submit(void *opaque, struct blk_req *req)
{
    struct disk *k = opaque;

    g_assert_null(k->pending);
    g_assert_cmpuint(req->offset + req->bytes, <=, k->blk.bytes);
    g_assert_cmpuint(req->bytes, ==, 512);
    g_assert_true(req->op == BLK_READ || !k->blk.readonly);
    k->pending = req;
    k->submits++;
    k->writes += req->op == BLK_WRITE;
}

static void disk_cancel(void *opaque, struct blk_req *req)
{
    struct disk *k = opaque;

    g_assert_true(k->pending == req);
    k->pending = NULL;
}

static const struct blk_ops disk_ops = {disk_submit, disk_cancel};

static bool disk_complete(struct disk *k)
{
    struct blk_req *req = k->pending;

    if (!req) {
        return false;
    }
    k->pending = NULL;
    if (!k->err && req->op == BLK_READ) {
        memcpy(req->sg[0].base, k->data + req->offset, 512);
    } else if (!k->err) {
        memcpy(k->data + req->offset, req->sg[0].base, 512);
    }
    req->done(req, k->err);
    return true;
}

struct fd {
    struct rig r;
    struct i8237 dma;
    struct fdc d;
    struct disk disk;
    struct blk empty;
};

static void disk_init(struct disk *k, uint64_t size)
{
    *k = (struct disk){.blk = {&disk_ops, k, size, false}};
    k->data = g_malloc(size);
    for (uint64_t i = 0; i < size; i++) {
        k->data[i] = (uint8_t)(i / 512 * 7 + i);
    }
}

/* Drive 0 with a disk, drive 1 empty, drives 2 and 3 absent. */
static void fd_init_sized(struct fd *f, uint64_t size)
{
    memset(f, 0xff, sizeof(*f));
    rig_init(&f->r);
    f->empty = (struct blk){0};
    disk_init(&f->disk, size);
    struct fdc_config config = {world_line(&f->r.w, 6), &f->dma, {&f->disk.blk, &f->empty}};

    g_assert_cmpint(i8237_init(&f->dma, &f->r.w.hw), ==, 0);
    g_assert_cmpint(fdc_init(&f->d, &f->r.w.hw, &config), ==, 0);
    rig_reset(&f->r);
}

static void fd_init(struct fd *f)
{
    fd_init_sized(f, SIZE);
}

static void fd_destroy(struct fd *f)
{
    g_free(f->disk.data);
    rig_destroy(&f->r);
}

static int line(const struct fd *f)
{
    return f->r.w.line[6].level;
}

static uint8_t msr(struct fd *f)
{
    return rig_inb(&f->r, SPEC_MSR);
}

static void send(struct fd *f, const uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        g_assert_cmphex(msr(f) & (SPEC_RQM | SPEC_DIO), ==, SPEC_RQM);
        rig_outb(&f->r, SPEC_FIFO, bytes[i]);
    }
}

#define SEND(f, ...) send(f, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* Takes the whole result; returns its length. */
static unsigned result(struct fd *f, uint8_t *bytes)
{
    unsigned n = 0;

    while ((msr(f) & (SPEC_RQM | SPEC_DIO | SPEC_BUSY)) == (SPEC_RQM | SPEC_DIO | SPEC_BUSY)) {
        bytes[n++] = rig_inb(&f->r, SPEC_FIFO);
        g_assert_cmpuint(n, <=, 10);
    }
    g_assert_cmphex(msr(f), ==, SPEC_RQM);
    return n;
}

static void run(struct fd *f)
{
    unsigned steps = 0;

    while (disk_complete(&f->disk)) {
        g_assert_cmpuint(++steps, <=, 256 * 2);
    }
}

/* Reset, SPECIFY, data rate 500 kbit/s: as a BIOS begins. */
static void start(struct fd *f)
{
    uint8_t res[10];

    rig_outb(&f->r, SPEC_DOR, 0x00);
    rig_outb(&f->r, SPEC_DOR, 0x1c);
    for (unsigned i = 0; i < 4; i++) {
        SEND(f, SPEC_SENSE_INT);
        g_assert_cmpuint(result(f, res), ==, 2);
    }
    SEND(f, SPEC_SPECIFY, 0xaf, 0x02);
    rig_outb(&f->r, SPEC_CCR, 0);
}

/* Channel 2, single mode; `type` 4 to memory, 8 from memory. */
static void dma_program(struct fd *f, uint8_t type, uint32_t gpa, uint32_t bytes)
{
    struct rig *r = &f->r;

    rig_outb(r, 0xd6, 0xc0);
    rig_outb(r, 0xd4, 0x00);
    rig_outb(r, 0x0a, 0x06);
    rig_outb(r, 0x0c, 0x00);
    rig_outb(r, 0x04, (uint8_t)gpa);
    rig_outb(r, 0x04, (uint8_t)(gpa >> 8));
    rig_outb(r, 0x0c, 0x00);
    rig_outb(r, 0x05, (uint8_t)(bytes - 1));
    rig_outb(r, 0x05, (uint8_t)((bytes - 1) >> 8));
    rig_outb(r, 0x0b, (uint8_t)(0x42 | type));
    rig_outb(r, 0x81, (uint8_t)(gpa >> 16));
    rig_outb(r, 0x0a, 0x02);
}

static void seek(struct fd *f, uint8_t unit, uint8_t cylinder)
{
    uint8_t res[10];

    SEND(f, SPEC_SEEK, unit, cylinder);
    g_assert_cmpint(line(f), ==, 1);
    SEND(f, SPEC_SENSE_INT);
    g_assert_cmpuint(result(f, res), ==, 2);
    g_assert_cmphex(res[0], ==, 0x20 | unit);
    g_assert_cmphex(res[1], ==, cylinder);
    g_assert_cmpint(line(f), ==, 0);
}

static void expect(struct fd *f, uint8_t st0, uint8_t st1, uint8_t st2, uint8_t c, uint8_t h,
                   uint8_t rec)
{
    uint8_t res[10];

    g_assert_cmpint(line(f), ==, 1);
    g_assert_cmpuint(result(f, res), ==, 7);
    g_assert_cmphex(res[0], ==, st0);
    g_assert_cmphex(res[1], ==, st1);
    g_assert_cmphex(res[2], ==, st2);
    g_assert_cmpuint(res[3], ==, c);
    g_assert_cmpuint(res[4], ==, h);
    g_assert_cmpuint(res[5], ==, rec);
    g_assert_cmpuint(res[6], ==, 2);
    g_assert_cmpint(line(f), ==, 0);
}

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
    rig_hostile_state(&f.r, &f.d.dev, 1000, poke);
    fd_destroy(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fdc/FDC-04-power-on", test_power_on);
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
    g_test_add_func("/fdc/FDC-01-fifo-flood", test_fifo_flood);
    g_test_add_func("/fdc/FDC-02-end-of-track", test_end_of_track);
    g_test_add_func("/fdc/FDC-03-no-medium", test_no_medium);
    g_test_add_func("/fdc/X-05-reset-in-flight", test_reset_in_flight);
    g_test_add_func("/fdc/resume", test_resume);
    g_test_add_func("/fdc/formats", test_formats);
    g_test_add_func("/fdc/state", test_state);
    return g_test_run();
}
