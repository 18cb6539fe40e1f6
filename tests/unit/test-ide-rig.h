/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine with nothing but RAM, a PCI bus and the IDE function, for the tests of hw/ide. Disks
 * are memory; their requests stay pending until rig_run(), so that a test can do something in
 * between.
 */
#ifndef CLEAVE_TEST_IDE_RIG_H
#define CLEAVE_TEST_IDE_RIG_H

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "core/clock.h"
#include "ide/ide.h"

/* ATA/ATAPI-6, Bus Master IDE 1.0. */
#define SPEC_BSY       0x80
#define SPEC_DRDY      0x40
#define SPEC_DF        0x20
#define SPEC_DRQ       0x08
#define SPEC_ERR       0x01
#define SPEC_UNC       0x40
#define SPEC_IDNF      0x10
#define SPEC_ABRT      0x04
#define SPEC_BM_ACTIVE 0x01
#define SPEC_BM_ERROR  0x02
#define SPEC_BM_INTR   0x04
#define SPEC_PRD_EOT   0x80000000u
#define SPEC_CMD_IDENT 0xec
#define SPEC_SRST      0x04
#define SPEC_NIEN      0x02
#define SPEC_HOB       0x80

#define RIG_PRIMARY   0x1f0
#define RIG_SECONDARY 0x170
#define RIG_BM        0xc000
#define RIG_LOW       0xa0000u  /* RAM up to the VGA window, */
#define RIG_HIGH      0x100000u /* from 1 MiB */
#define RIG_ARENA     (128u << 10)
#define RIG_HIGH_LEN  0x200000u   /* to 3 MiB, */
#define RIG_TOP       0xfffff000u /* and the last page below 4 GiB */
#define RIG_SECTORS   4096u
#define RIG_CANARY    0xc5

struct rig_disk {
    struct blk blk;
    uint8_t *data;
    uint8_t *golden; /* what the test says it must be */
    struct blk_req *pending;
    uint64_t fail_sector; /* EIO for requests that touch it */
    bool fail_all;
    bool half_on_cancel; /* a cancelled write has written its first half */
    unsigned reads, writes, flushes, discards, cancels;
};

struct rig {
    void *mem;
    struct arena arena;
    struct bus pio, mmio;
    struct memmap memmap;
    struct dma_ram ram;
    struct clock clock;
    struct hw hw;
    struct pci_bus pci;
    struct ide ide;
    struct rig_disk disk[IDE_DRIVES];
    uint8_t *low, *high, *top;
    int line[2];
    unsigned edges[2];
    unsigned depth, max_depth;
};

/* --- disk --- */

static inline void rig_submit(void *opaque, struct blk_req *req)
{
    struct rig_disk *d = opaque;
    uint64_t total = 0;

    g_assert_null(d->pending); /* a channel has one request in flight */
    for (unsigned i = 0; i < req->nsg; i++) {
        total += req->sg[i].len;
    }
    if (req->op == BLK_READ || req->op == BLK_WRITE) {
        g_assert_cmpuint(total, ==, req->bytes);
        g_assert_cmpuint(req->nsg, <=, BLK_MAX_SG);
        g_assert_cmpuint(req->bytes % 512, ==, 0);
    }
    if (req->op != BLK_FLUSH) {
        g_assert_cmpuint(req->offset + req->bytes, <=, d->blk.bytes);
        g_assert_cmpuint(req->offset, <=, req->offset + req->bytes);
    }
    g_assert(!(d->blk.readonly && req->op != BLK_READ && req->op != BLK_FLUSH));
    d->pending = req;
}

static inline int rig_perform(struct rig_disk *d, struct blk_req *req, uint64_t limit)
{
    uint64_t at = req->offset;
    uint64_t end = req->offset + MIN(req->bytes, limit);

    d->reads += req->op == BLK_READ;
    d->writes += req->op == BLK_WRITE;
    d->flushes += req->op == BLK_FLUSH;
    d->discards += req->op == BLK_DISCARD;
    if (d->fail_all ||
        (d->fail_sector * 512 >= req->offset && d->fail_sector * 512 < req->offset + req->bytes)) {
        return EIO;
    }
    for (unsigned i = 0; i < req->nsg && at < end; i++) {
        size_t n = MIN(req->sg[i].len, end - at);

        if (req->op == BLK_READ) {
            memcpy(req->sg[i].base, d->data + at, n);
        } else {
            memcpy(d->data + at, req->sg[i].base, n);
        }
        at += n;
    }
    if (req->op == BLK_DISCARD) {
        memset(d->data + req->offset, 0, req->bytes);
    }
    return 0;
}

static inline void rig_cancel(void *opaque, struct blk_req *req)
{
    struct rig_disk *d = opaque;

    g_assert_true(d->pending == req);
    d->pending = NULL;
    d->cancels++;
    if (d->half_on_cancel && req->op == BLK_WRITE) {
        rig_perform(d, req, req->bytes / 2 / 512 * 512);
    }
}

static inline int rig_finish(void *opaque, struct blk_req *req)
{
    struct rig_disk *d = opaque;

    g_assert_true(d->pending == req);
    d->pending = NULL;
    return rig_perform(d, req, UINT64_MAX);
}

static const struct blk_ops rig_ops = {rig_submit, rig_cancel, rig_finish};
static const struct blk_ops rig_ops_no_finish = {rig_submit, rig_cancel, NULL};

/* Completes one pending request of any disk. False: there was none. */
static inline bool rig_step(struct rig *r)
{
    for (unsigned i = 0; i < IDE_DRIVES; i++) {
        struct rig_disk *d = &r->disk[i];
        struct blk_req *req = d->pending;

        if (req) {
            int err = rig_perform(d, req, UINT64_MAX);

            d->pending = NULL;
            req->done(req, err);
            return true;
        }
    }
    return false;
}

static inline unsigned rig_run(struct rig *r)
{
    unsigned n = 0;

    while (rig_step(r)) {
        g_assert_cmpuint(++n, <, 200000);
    }
    return n;
}

/* --- ports --- */

static inline uint32_t rig_in(struct rig *r, uint16_t port, unsigned size)
{
    return (uint32_t)bus_read(&r->pio, port, size);
}

static inline void rig_out(struct rig *r, uint16_t port, unsigned size, uint32_t val)
{
    bus_write(&r->pio, port, size, val);
}

static inline uint8_t inb(struct rig *r, uint16_t port)
{
    return (uint8_t)rig_in(r, port, 1);
}

static inline void outb(struct rig *r, uint16_t port, uint8_t val)
{
    rig_out(r, port, 1, val);
}

static inline void outl(struct rig *r, uint16_t port, uint32_t val)
{
    rig_out(r, port, 4, val);
}

static inline uint16_t rig_control(uint16_t base)
{
    return base + 0x206;
}

/* Alternate status: does not acknowledge. */
static inline uint8_t alt(struct rig *r, uint16_t base)
{
    return inb(r, rig_control(base));
}

static inline uint16_t rig_bm(uint16_t base)
{
    return base == RIG_PRIMARY ? RIG_BM : RIG_BM + 8;
}

/* --- set-up --- */

static inline void rig_line(void *opaque, unsigned n, int level)
{
    struct rig *r = opaque;

    r->edges[n] += level && !r->line[n];
    r->line[n] = level;
}

static inline uint64_t rig_now(void *opaque)
{
    return 0;
}

static inline void rig_disk_init(struct rig_disk *d, uint64_t bytes)
{
    d->data = g_malloc(bytes);
    for (uint64_t i = 0; i < bytes; i += 4) {
        uint32_t v = (uint32_t)(i / 512 * 2654435761u + i);

        memcpy(d->data + i, &v, 4);
    }
    d->golden = g_memdup2(d->data, bytes);
    d->blk.ops = &rig_ops;
    d->blk.opaque = d;
    d->blk.bytes = bytes;
    d->fail_sector = UINT64_MAX / 1024;
}

static inline void rig_bars(struct rig *r)
{
    pci_config_write(&r->pci, PCI_DEVFN(1, 1), 0x20, 4, RIG_BM);
    pci_config_write(&r->pci, PCI_DEVFN(1, 1), 0x04, 2, 0x0005);
}

/* Guest RAM is kept for the next machine: pages are touched once. */
static uint8_t *rig_spare;

static inline void rig_ram_take(struct rig *r)
{
    uint8_t *p = rig_spare ? rig_spare : g_malloc(RIG_LOW + RIG_HIGH_LEN + 0x1000);

    rig_spare = NULL;
    r->high = p;
    r->low = p + RIG_HIGH_LEN;
    r->top = r->low + RIG_LOW;
}

static inline void rig_ram_give(struct rig *r)
{
    g_free(rig_spare);
    rig_spare = r->high;
}

/* kinds: one letter per drive: d disk, c CD with medium, e empty CD, r read-only disk, - none. */
static inline struct rig *rig_new_sized(const char *kinds, uint64_t sectors)
{
    struct rig *r = g_new0(struct rig, 1);
    struct ide_config cfg = {.devfn = PCI_DEVFN(1, 1)};

    r->mem = g_malloc0(RIG_ARENA);
    arena_init(&r->arena, r->mem, RIG_ARENA);
    bus_init(&r->pio, 0xffff);
    bus_init(&r->mmio, UINT64_MAX);
    memmap_init(&r->memmap);
    dma_ram_init(&r->ram);
    rig_ram_take(r);
    memset(r->low, RIG_CANARY, RIG_LOW);
    memset(r->high, RIG_CANARY, RIG_HIGH_LEN);
    memset(r->top, RIG_CANARY, 0x1000);
    dma_ram_add(&r->ram, 0, RIG_LOW, r->low);
    dma_ram_add(&r->ram, RIG_HIGH, RIG_HIGH_LEN, r->high);
    dma_ram_add(&r->ram, RIG_TOP, 0x1000, r->top);
    r->clock.now = rig_now;
    r->hw = (struct hw){.pio = &r->pio,
                        .mmio = &r->mmio,
                        .mem = &r->memmap,
                        .dma = &r->ram.dma,
                        .clock = &r->clock,
                        .arena = &r->arena};
    g_assert_cmpint(clock_init(&r->clock, &r->arena, "clock"), ==, 0);
    g_assert_cmpint(pci_bus_init(&r->pci, &r->hw), ==, 0);
    for (unsigned i = 0; i < IDE_DRIVES && kinds[i]; i++) {
        static const char letters[] = "-dcer";
        static const enum ide_kind kind[] = {IDE_KIND_NONE, IDE_KIND_DISK, IDE_KIND_CD, IDE_KIND_CD,
                                             IDE_KIND_DISK};
        const char *l = strchr(letters, kinds[i]);

        g_assert_nonnull(l);
        cfg.drive[i].kind = kind[l - letters];
        if (*l == 'd' || *l == 'c' || *l == 'r') {
            rig_disk_init(&r->disk[i], sectors * 512);
            r->disk[i].blk.readonly = *l != 'd';
        }
        cfg.drive[i].blk = &r->disk[i].blk;
    }
    for (unsigned i = 0; i < 2; i++) {
        cfg.irq[i] = (struct irq_line){rig_line, r, i};
    }
    g_assert_cmpint(ide_init(&r->ide, &r->hw, &r->pci, &cfg), ==, 0);
    arena_seal(&r->arena);
    arena_reset(&r->arena, RESET_POWER_ON);
    rig_bars(r);
    return r;
}

static inline struct rig *rig_new(const char *kinds)
{
    return rig_new_sized(kinds, RIG_SECTORS);
}

/* Every state a test ends in must be one that check() accepts; disks must be as the test says. */
static inline void rig_free(struct rig *r)
{
    g_assert_cmpint(arena_check(&r->arena), ==, 0);
    for (unsigned i = 0; i < IDE_DRIVES; i++) {
        struct rig_disk *d = &r->disk[i];

        if (d->data) {
            g_assert_true(memcmp(d->data, d->golden, d->blk.bytes) == 0);
        }
        g_free(d->data);
        g_free(d->golden);
    }
    rig_ram_give(r);
    g_free(r->mem);
    g_free(r);
}

static inline uint8_t *rig_ram(struct rig *r, uint64_t gpa)
{
    if (gpa >= RIG_TOP) {
        return r->top + (gpa - RIG_TOP);
    }
    return gpa < RIG_LOW ? r->low + gpa : r->high + (gpa - RIG_HIGH);
}

/* --- commands --- */

static inline void ata_select(struct rig *r, uint16_t base, unsigned unit)
{
    outb(r, base + 6, (uint8_t)(0xe0 | unit << 4));
}

static inline void ata_issue(struct rig *r, uint16_t base, unsigned unit, uint8_t opcode,
                             uint32_t lba, uint8_t count)
{
    outb(r, base + 6, (uint8_t)(0xe0 | unit << 4 | (lba >> 24 & 0x0f)));
    outb(r, base + 2, count);
    outb(r, base + 3, (uint8_t)lba);
    outb(r, base + 4, (uint8_t)(lba >> 8));
    outb(r, base + 5, (uint8_t)(lba >> 16));
    outb(r, base + 7, opcode);
}

static inline void ata_issue_ext(struct rig *r, uint16_t base, unsigned unit, uint8_t opcode,
                                 uint64_t lba, uint32_t count)
{
    outb(r, base + 6, (uint8_t)(0xe0 | unit << 4));
    for (int half = 1; half >= 0; half--) {
        outb(r, base + 2, (uint8_t)(count >> (8 * half)));
        outb(r, base + 3, (uint8_t)(lba >> (24 * half)));
        outb(r, base + 4, (uint8_t)(lba >> (24 * half + 8)));
        outb(r, base + 5, (uint8_t)(lba >> (24 * half + 16)));
    }
    outb(r, base + 7, opcode);
}

/* A command without data, to its end: status. */
static inline uint8_t ata_simple(struct rig *r, uint16_t base, unsigned unit, uint8_t opcode,
                                 uint8_t feature, uint8_t count)
{
    ata_select(r, base, unit);
    outb(r, base + 1, feature);
    ata_issue(r, base, unit, opcode, 0, count);
    rig_run(r);
    return inb(r, base + 7);
}

static inline void ata_soft_reset(struct rig *r, uint16_t base)
{
    outb(r, rig_control(base), SPEC_SRST);
    outb(r, rig_control(base), 0);
}

static inline void ata_data_in(struct rig *r, uint16_t base, void *buf, uint32_t words)
{
    bus_read_rep(&r->pio, base, 2, words, buf);
}

static inline void ata_data_out(struct rig *r, uint16_t base, const void *buf, uint32_t words)
{
    bus_write_rep(&r->pio, base, 2, words, buf);
}

/* PIO read of whole sectors by READ SECTORS, checking status before each. */
static inline void ata_read_pio(struct rig *r, uint16_t base, unsigned unit, uint32_t lba,
                                unsigned count, uint8_t *buf)
{
    ata_issue(r, base, unit, 0x20, lba, (uint8_t)count);
    for (unsigned i = 0; i < count; i++) {
        rig_run(r);
        g_assert_cmphex(inb(r, base + 7) & 0xa9, ==, SPEC_DRQ);
        ata_data_in(r, base, buf + 512 * i, 256);
    }
    g_assert_cmphex(inb(r, base + 7), ==, 0x50);
}

/* The known-good command: sector 5 by PIO is what the image says. */
static inline void rig_alive(struct rig *r, uint16_t base, unsigned unit)
{
    struct rig_disk *d = &r->disk[(base == RIG_SECONDARY) * 2 + unit];
    uint8_t buf[512];

    ata_read_pio(r, base, unit, 5, 1, buf);
    g_assert_true(memcmp(buf, d->data + 5 * 512, 512) == 0);
}

/* --- bus master --- */

struct rig_prd {
    uint32_t addr;
    uint32_t flags;
};

#define RIG_PRDT 0x8000u

static inline void bm_table(struct rig *r, const struct rig_prd *prd, unsigned n)
{
    memcpy(r->low + RIG_PRDT, prd, n * sizeof(*prd));
}

static inline void bm_start(struct rig *r, uint16_t base, bool to_memory)
{
    uint16_t bm = rig_bm(base);

    outb(r, bm, 0);
    outl(r, bm + 4, RIG_PRDT);
    outb(r, bm + 2, SPEC_BM_ERROR | SPEC_BM_INTR);
    outb(r, bm, to_memory ? 0x08 : 0);
    outb(r, bm, (to_memory ? 0x08 : 0) | 1);
}

static inline uint8_t bm_status(struct rig *r, uint16_t base)
{
    return inb(r, rig_bm(base) + 2);
}

static inline void bm_stop_write(struct rig *r, uint16_t base)
{
    outb(r, rig_bm(base), 0);
}

/* --- packet commands --- */

static inline void atapi_send(struct rig *r, uint16_t base, unsigned unit, const uint8_t *packet,
                              uint16_t limit, uint8_t feature)
{
    ata_select(r, base, unit);
    outb(r, base + 1, feature);
    outb(r, base + 4, (uint8_t)limit);
    outb(r, base + 5, (uint8_t)(limit >> 8));
    outb(r, base + 7, 0xa0);
    g_assert_cmphex(inb(r, base + 7) & 0xc9, ==, SPEC_DRDY | SPEC_DRQ);
    g_assert_cmphex(inb(r, base + 2) & 3, ==, 1);
    ata_data_out(r, base, packet, 6);
}

/* A packet command by PIO to its end; returns the number of bytes, *status the final status. */
static inline uint32_t atapi_pio(struct rig *r, uint16_t base, unsigned unit, const uint8_t *packet,
                                 uint16_t limit, uint8_t *buf, uint32_t room, uint8_t *status)
{
    uint32_t total = 0;

    atapi_send(r, base, unit, packet, limit, 0);
    for (;;) {
        uint32_t n;

        rig_run(r);
        *status = inb(r, base + 7);
        g_assert_false(*status & SPEC_BSY);
        if (!(*status & SPEC_DRQ)) {
            g_assert_cmphex(inb(r, base + 2) & 3, ==, 3);
            return total;
        }
        g_assert_cmphex(inb(r, base + 2) & 3, ==, 2);
        n = inb(r, base + 4) | inb(r, base + 5) << 8;
        g_assert_cmpuint(n, >, 0);
        g_assert_cmpuint(n, <=, limit);
        g_assert_cmpuint(total + n + 1, <=, room);
        ata_data_in(r, base, buf + total, (n + 1) / 2);
        total += n;
    }
}

/* Key, code and qualifier of the last error. */
static inline uint32_t atapi_sense(struct rig *r, uint16_t base, unsigned unit)
{
    static const uint8_t packet[12] = {0x03, 0, 0, 0, 18};
    uint8_t buf[64];
    uint8_t status;

    g_assert_cmpuint(atapi_pio(r, base, unit, packet, 64, buf, sizeof(buf), &status), ==, 18);
    return (uint32_t)buf[2] << 16 | buf[12] << 8 | buf[13];
}

static inline void packet_read10(uint8_t *packet, uint32_t lba, uint16_t n)
{
    const uint8_t p[12] = {0x28,
                           0,
                           (uint8_t)(lba >> 24),
                           (uint8_t)(lba >> 16),
                           (uint8_t)(lba >> 8),
                           (uint8_t)lba,
                           0,
                           (uint8_t)(n >> 8),
                           (uint8_t)n};

    memcpy(packet, p, 12);
}

#endif
