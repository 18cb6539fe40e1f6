/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A floppy controller with its 8237 and a drive whose disk answers when told to. */
#ifndef CLEAVE_TESTS_FDC_H
#define CLEAVE_TESTS_FDC_H

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

static inline void disk_submit(void *opaque, struct blk_req *req)
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

static inline void disk_cancel(void *opaque, struct blk_req *req)
{
    struct disk *k = opaque;

    g_assert_true(k->pending == req);
    k->pending = NULL;
}

static const struct blk_ops disk_ops = {disk_submit, disk_cancel};

static inline bool disk_complete(struct disk *k)
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

/* The standalone world's settings. */
static bool fd_compat;

struct fd {
    struct rig r;
    struct i8237 dma;
    struct fdc d;
    struct disk disk;
    struct blk empty;
};

static inline void disk_init(struct disk *k, uint64_t size)
{
    *k = (struct disk){.blk = {&disk_ops, k, size, false}};
    k->data = g_malloc(size);
    for (uint64_t i = 0; i < size; i++) {
        k->data[i] = (uint8_t)(i / 512 * 7 + i);
    }
}

/* Drive 0 with a disk, drive 1 empty, drives 2 and 3 absent. */
static inline void fd_init_sized(struct fd *f, uint64_t size)
{
    memset(f, 0xff, sizeof(*f));
    rig_init(&f->r);
    f->empty = (struct blk){0};
    disk_init(&f->disk, size);
    struct fdc_config config = {
        world_line(&f->r.w, 6), &f->dma, {&f->disk.blk, &f->empty}, fd_compat};

    g_assert_cmpint(i8237_init(&f->dma, &f->r.w.hw), ==, 0);
    g_assert_cmpint(fdc_init(&f->d, &f->r.w.hw, &config), ==, 0);
    rig_reset(&f->r);
}

static inline void fd_init(struct fd *f)
{
    fd_init_sized(f, SIZE);
}

static inline void fd_destroy(struct fd *f)
{
    g_free(f->disk.data);
    rig_destroy(&f->r);
}

static inline int line(const struct fd *f)
{
    return f->r.w.line[6].level;
}

static inline uint8_t msr(struct fd *f)
{
    return rig_inb(&f->r, SPEC_MSR);
}

static inline void send(struct fd *f, const uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        g_assert_cmphex(msr(f) & (SPEC_RQM | SPEC_DIO), ==, SPEC_RQM);
        rig_outb(&f->r, SPEC_FIFO, bytes[i]);
    }
}

#define SEND(f, ...) send(f, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* Takes the whole result; returns its length. */
static inline unsigned result(struct fd *f, uint8_t *bytes)
{
    unsigned n = 0;

    while ((msr(f) & (SPEC_RQM | SPEC_DIO | SPEC_BUSY)) == (SPEC_RQM | SPEC_DIO | SPEC_BUSY)) {
        bytes[n++] = rig_inb(&f->r, SPEC_FIFO);
        g_assert_cmpuint(n, <=, 10);
    }
    g_assert_cmphex(msr(f), ==, SPEC_RQM);
    return n;
}

static inline void run(struct fd *f)
{
    unsigned steps = 0;

    while (disk_complete(&f->disk)) {
        g_assert_cmpuint(++steps, <=, 256 * 2);
    }
}

/* Reset, SPECIFY, data rate 500 kbit/s: as a BIOS begins. */
static inline void start(struct fd *f)
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
static inline void dma_program(struct fd *f, uint8_t type, uint32_t gpa, uint32_t bytes)
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

static inline void seek(struct fd *f, uint8_t unit, uint8_t cylinder)
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

static inline void expect(struct fd *f, uint8_t st0, uint8_t st1, uint8_t st2, uint8_t c, uint8_t h,
                          uint8_t rec)
{
    uint8_t res[10];

    g_assert_cmpint(line(f), ==, 1);
    res[0] = rig_inb(&f->r, SPEC_FIFO);
    g_assert_cmpint(line(f), ==, 0); /* 82077AA, 5.1.2: with the first byte */
    g_assert_cmpuint(result(f, res + 1), ==, 6);
    g_assert_cmphex(res[0], ==, st0);
    g_assert_cmphex(res[1], ==, st1);
    g_assert_cmphex(res[2], ==, st2);
    g_assert_cmpuint(res[3], ==, c);
    g_assert_cmpuint(res[4], ==, h);
    g_assert_cmpuint(res[5], ==, rec);
    g_assert_cmpuint(res[6], ==, 2);
    g_assert_cmpint(line(f), ==, 0);
}

#endif
