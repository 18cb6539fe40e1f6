/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The whole PC of the device model with nothing behind it but memory: RAM and video memory between
 * pages that cannot be touched, disks that answer when told to, a clock stepped by hand.
 */
#ifndef CLEAVE_TESTS_PC_WHOLE_H
#define CLEAVE_TESTS_PC_WHOLE_H

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/mman.h>

#include "pc.h"

#define WHOLE_LOW      0xa0000u  /* RAM up to the VGA window, */
#define WHOLE_HIGH     0x100000u /* and from 1 MiB */
#define WHOLE_HIGH_LEN 0x300000u
#define WHOLE_GUARD    0x10000u
#define WHOLE_CANARY   0xc5
#define WHOLE_DISKS    3u /* IDE 0, the CD (IDE 2), the floppy */
#define WHOLE_BM       0xc000u
#define WHOLE_LFB      0xf0000000u
#define WHOLE_MMIO     0xf1000000u
#define WHOLE_ROM      0xf1010000u
#define WHOLE_PM       0xb000u
#define WHOLE_BIOS     0x20000u

#define FN_HOST PCI_DEVFN(0, 0)
#define FN_ISA  PCI_DEVFN(1, 0)
#define FN_IDE  PCI_DEVFN(1, 1)
#define FN_PM   PCI_DEVFN(1, 3)
#define FN_VGA  PCI_DEVFN(2, 0)

enum whole_kind {
    WHOLE_CORE,  /* as under our own core */
    WHOLE_ALONE, /* with clock chips, interrupt controllers and extra devices */
    WHOLE_XEN,   /* with the platform device */
};

struct whole_disk {
    struct blk blk;
    uint8_t *data;
    struct blk_req *pending;
    unsigned submits, writes;
};

struct whole {
    struct pc pc;
    struct dma dma; /* counts, then asks ram */
    struct dma_ram ram;
    uint64_t maps;
    uint8_t *low, *high, *vram; /* guarded */
    uint8_t *arena;
    uint8_t *bios, *vgarom, *testdev;
    struct whole_disk disk[WHOLE_DISKS];
    uint64_t now;
    uint64_t wakes;
    uint32_t isa; /* levels */
    uint32_t intx[32];
    unsigned power_requests;
    uint8_t fn_vga;
    struct chr chr;
    uint64_t chr_bytes;
};

static inline void *whole_guarded(size_t len)
{
    uint8_t *p = mmap(NULL, len + 2 * WHOLE_GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    g_assert_true(p != MAP_FAILED);
    g_assert_cmpint(mprotect(p + WHOLE_GUARD, len, PROT_READ | PROT_WRITE), ==, 0);
    return p + WHOLE_GUARD;
}

static inline void whole_unguard(uint8_t *p, size_t len)
{
    munmap(p - WHOLE_GUARD, len + 2 * WHOLE_GUARD);
}

/* --- the world --- */

static inline void whole_submit(void *opaque, struct blk_req *req)
{
    struct whole_disk *k = opaque;

    g_assert_null(k->pending);
    g_assert_cmpuint(req->nsg, <=, BLK_MAX_SG);
    if (req->op != BLK_FLUSH) {
        g_assert_cmpuint(req->offset + req->bytes, <=, k->blk.bytes);
    }
    g_assert_true(!k->blk.readonly || req->op == BLK_READ || req->op == BLK_FLUSH);
    k->pending = req;
    k->submits++;
    k->writes += req->op == BLK_WRITE;
}

static inline void whole_cancel(void *opaque, struct blk_req *req)
{
    struct whole_disk *k = opaque;

    g_assert_true(k->pending == req);
    k->pending = NULL;
}

static const struct blk_ops whole_blk_ops = {whole_submit, whole_cancel, NULL};

static inline int whole_perform(struct whole_disk *k, struct blk_req *req)
{
    uint64_t at = req->offset;

    for (unsigned i = 0; i < req->nsg; at += req->sg[i].len, i++) {
        if (req->op == BLK_READ) {
            memcpy(req->sg[i].base, k->data + at, req->sg[i].len);
        } else if (req->op == BLK_WRITE) {
            memcpy(k->data + at, req->sg[i].base, req->sg[i].len);
        }
    }
    return 0;
}

/* Completes what is pending, at most `most` requests; returns how many. */
static inline unsigned whole_complete(struct whole *w, unsigned most)
{
    unsigned done = 0;

    for (bool any = true; any && done < most;) {
        any = false;
        for (unsigned i = 0; i < WHOLE_DISKS && done < most; i++) {
            struct blk_req *req = w->disk[i].pending;

            if (req) {
                w->disk[i].pending = NULL;
                req->done(req, whole_perform(&w->disk[i], req));
                any = true;
                done++;
            }
        }
    }
    return done;
}

static inline void *whole_map(void *opaque, uint64_t gpa, uint64_t *len, bool write)
{
    struct whole *w = opaque;

    w->maps++;
    return w->ram.dma.map(w->ram.dma.opaque, gpa, len, write);
}

static inline uint64_t whole_now(void *opaque)
{
    return ((struct whole *)opaque)->now;
}

static inline void whole_isa(void *opaque, unsigned irq, int level)
{
    struct whole *w = opaque;

    w->isa = (w->isa & ~(1u << irq)) | (uint32_t)(level != 0) << irq;
}

/* The standalone world's lines: 0-23; the output to the CPU is nobody's. */
static inline void whole_gsi(void *opaque, unsigned n, int level)
{
    if (n < PC_GSIS) {
        whole_isa(opaque, n, level);
    }
}

static inline void whole_intx(void *opaque, unsigned dev, unsigned pin, int level)
{
    struct whole *w = opaque;

    w->intx[dev] = (w->intx[dev] & ~(1u << pin)) | (uint32_t)(level != 0) << pin;
}

static inline void whole_power(void *opaque, enum power_event event, uint32_t value)
{
    ((struct whole *)opaque)->power_requests++;
}

static inline size_t whole_chr_write(void *opaque, const uint8_t *buf, size_t len)
{
    ((struct whole *)opaque)->chr_bytes += len;
    return len;
}

/* Lets `ns` pass, stopping at every deadline. */
static inline void whole_pass(struct whole *w, uint64_t ns)
{
    uint64_t end = w->now + ns;

    while (clock_next(&w->pc.clock) <= end) {
        uint64_t next = clock_next(&w->pc.clock);

        w->now = next > w->now ? next : w->now;
        w->wakes++;
        clock_run(&w->pc.clock);
    }
    w->now = end;
}

/* --- accesses --- */

static inline uint32_t whole_in(struct whole *w, unsigned port, unsigned size)
{
    return (uint32_t)bus_read(&w->pc.pio, port, size);
}

static inline void whole_out(struct whole *w, unsigned port, unsigned size, uint32_t val)
{
    bus_write(&w->pc.pio, port, size, val);
}

static inline uint8_t whole_inb(struct whole *w, unsigned port)
{
    return (uint8_t)whole_in(w, port, 1);
}

static inline void whole_outb(struct whole *w, unsigned port, unsigned val)
{
    whole_out(w, port, 1, val & 0xff);
}

static inline void whole_cfg(struct whole *w, uint8_t devfn, unsigned off, unsigned size,
                             uint32_t val)
{
    pci_config_write(&w->pc.pci, devfn, off, size, val);
}

static inline uint8_t *whole_ram(struct whole *w, uint64_t gpa)
{
    return gpa < WHOLE_LOW ? w->low + gpa : w->high + (gpa - WHOLE_HIGH);
}

static inline void whole_put_be(uint8_t *p, uint64_t val, unsigned bytes)
{
    while (bytes--) {
        p[bytes] = (uint8_t)val;
        val >>= 8;
    }
}

/* --- life --- */

/* BARs and enable bits as a BIOS sets them. */
static inline void whole_bars(struct whole *w)
{
    whole_cfg(w, FN_IDE, 0x20, 4, WHOLE_BM);
    whole_cfg(w, FN_IDE, 0x04, 2, 0x0005);
    whole_cfg(w, w->fn_vga, 0x10, 4, WHOLE_LFB);
    whole_cfg(w, w->fn_vga, 0x18, 4, WHOLE_MMIO);
    whole_cfg(w, w->fn_vga, 0x30, 4, WHOLE_ROM | 1);
    whole_cfg(w, w->fn_vga, 0x04, 2, 0x0003);
    whole_cfg(w, FN_PM, 0x40, 4, WHOLE_PM | 1);
    whole_cfg(w, FN_PM, 0x80, 1, 1);
    whole_cfg(w, FN_PM, 0x90, 4, 0xb101);
    whole_cfg(w, FN_PM, 0xd2, 1, 0x09);
}

static inline void whole_reset(struct whole *w, enum reset_kind kind)
{
    pc_reset(&w->pc, kind);
    whole_bars(w);
}

static inline void whole_disk_init(struct whole_disk *k, uint64_t bytes, bool readonly)
{
    *k = (struct whole_disk){.blk = {&whole_blk_ops, k, bytes, readonly}};
    k->data = g_malloc(bytes);
    for (uint64_t i = 0; i < bytes; i++) {
        k->data[i] = (uint8_t)(i / 512 * 11 + i);
    }
}

/* The bytes between the states in the arena: nobody's. */
static inline void whole_gaps(struct whole *w, bool fill)
{
    struct arena *a = &w->pc.arena;

    for (unsigned i = 0; i < a->ndev; i++) {
        size_t from = a->offset[i] + a->dev[i]->cls->state->size;
        size_t to = i + 1 < a->ndev ? a->offset[i + 1] : a->used;

        for (size_t at = from; at < to; at++) {
            if (fill) {
                a->base[at] = WHOLE_CANARY;
            }
            g_assert_cmphex(a->base[at], ==, WHOLE_CANARY);
        }
    }
}

/* As dm/xen.c has it. */
static inline void whole_unplug(void *opaque, unsigned what)
{
    struct whole *w = opaque;

    for (unsigned i = 0; i < IDE_DRIVES; i++) {
        if ((what & XEN_UNPLUG_DISKS) || ((what & XEN_UNPLUG_AUX_DISKS) && i)) {
            ide_unplug(&w->pc.ide, i);
        }
    }
}

static inline struct whole *whole_new_kind(enum whole_kind kind)
{
    bool alone = kind == WHOLE_ALONE;
    struct whole *w = g_new0(struct whole, 1);
    struct pc_config c = {.firmware_qemu = alone,
                          .chips = alone,
                          .ram_areas = alone,
                          .ib700 = alone,
                          .xen_platform = kind == WHOLE_XEN,
                          .pvpanic = alone ? 0x505 : 0,
                          .epoch = 1709251198,
                          .memory_mib = 4,
                          .vcpus = 2,
                          .arena_size = PC_ARENA_SIZE,
                          .now = whole_now,
                          .clock = w,
                          .vga = true,
                          .boot_order = "cda",
                          .debug_exit = 0x501};

    w->fn_vga = kind == WHOLE_XEN ? PCI_DEVFN(3, 0) : FN_VGA;
    w->low = whole_guarded(WHOLE_LOW);
    w->high = whole_guarded(WHOLE_HIGH_LEN);
    w->vram = whole_guarded(PC_VRAM_SIZE);
    w->arena = whole_guarded(PC_ARENA_SIZE);
    w->bios = whole_guarded(WHOLE_BIOS);
    w->vgarom = whole_guarded(0x10000);
    w->testdev = whole_guarded(TESTDEV_IOMEM);
    memset(w->low, WHOLE_CANARY, WHOLE_LOW);
    memset(w->high, WHOLE_CANARY, WHOLE_HIGH_LEN);
    whole_disk_init(&w->disk[0], 2u << 20, false);
    whole_disk_init(&w->disk[1], 1u << 20, true);
    whole_disk_init(&w->disk[2], 1440u << 10, false);
    dma_ram_init(&w->ram);
    dma_ram_add(&w->ram, 0, WHOLE_LOW, w->low);
    dma_ram_add(&w->ram, WHOLE_HIGH, WHOLE_HIGH_LEN, w->high);
    w->dma = (struct dma){whole_map, NULL, w};
    w->chr = (struct chr){whole_chr_write, NULL, w};
    c.dma = &w->dma;
    c.arena = w->arena;
    c.vram = (struct pc_object){w->vram, PC_VRAM_SIZE};
    c.vgarom = (struct pc_object){w->vgarom, 0x10000};
    c.bios = (struct pc_object){w->bios, alone ? WHOLE_BIOS : 0};
    c.testdev = alone ? w->testdev : NULL;
    c.ide[0] = (struct pc_drive){
        .present = true, .blk = &w->disk[0].blk, .cylinders = 64, .heads = 2, .sectors = 32};
    c.ide[2] = (struct pc_drive){.present = true, .cdrom = true, .blk = &w->disk[1].blk};
    c.floppy[0] = (struct pc_drive){.present = true, .blk = &w->disk[2].blk};
    c.floppy[1] = (struct pc_drive){.present = true};
    c.xen.unplug = whole_unplug;
    c.xen.opaque = w;
    c.serial[0] = &w->chr;
    c.debugcon = &w->chr;
    c.hooks = (struct pc_hooks){.isa_irq = whole_isa,
                                .gsi = whole_gsi,
                                .pci_intx = whole_intx,
                                .power = whole_power,
                                .opaque = w};
    g_assert_cmpint(pc_init(&w->pc, &c), ==, 0);
    whole_gaps(w, true);
    whole_reset(w, RESET_POWER_ON);
    return w;
}

static inline struct whole *whole_new(bool alone)
{
    return whole_new_kind(alone ? WHOLE_ALONE : WHOLE_CORE);
}

/* The state is one that check() accepts, and nothing lies beside the states. */
static inline void whole_sane(struct whole *w)
{
    g_assert_cmpint(arena_check(&w->pc.arena), ==, 0);
    whole_gaps(w, false);
}

static inline void whole_free(struct whole *w)
{
    whole_sane(w);
    whole_unguard(w->low, WHOLE_LOW);
    whole_unguard(w->high, WHOLE_HIGH_LEN);
    whole_unguard(w->vram, PC_VRAM_SIZE);
    whole_unguard(w->arena, PC_ARENA_SIZE);
    whole_unguard(w->bios, WHOLE_BIOS);
    whole_unguard(w->vgarom, 0x10000);
    whole_unguard(w->testdev, TESTDEV_IOMEM);
    for (unsigned i = 0; i < WHOLE_DISKS; i++) {
        g_free(w->disk[i].data);
    }
    g_free(w);
}

/* --- what the bus masters do --- */

struct whole_prd {
    uint32_t addr, flags;
};

#define WHOLE_EOT 0x80000000u

/* READ DMA or WRITE DMA of `count` sectors from `lba` on disk 0, its table at `table`. */
static inline void whole_ide_dma(struct whole *w, uint32_t table, bool to_memory, uint32_t lba,
                                 unsigned count)
{
    whole_outb(w, WHOLE_BM, 0);
    whole_out(w, WHOLE_BM + 4, 4, table);
    whole_outb(w, WHOLE_BM + 2, 0x06);
    whole_outb(w, 0x1f6, 0xe0);
    whole_outb(w, 0x1f2, count);
    whole_outb(w, 0x1f3, lba);
    whole_outb(w, 0x1f4, lba >> 8);
    whole_outb(w, 0x1f5, lba >> 16);
    whole_outb(w, 0x1f7, to_memory ? 0xc8 : 0xca);
    whole_outb(w, WHOLE_BM, to_memory ? 9 : 1);
}

static inline void whole_ide_end(struct whole *w)
{
    (void)whole_inb(w, 0x1f7);
    whole_outb(w, WHOLE_BM, 0);
    whole_outb(w, WHOLE_BM + 2, 0x06);
}

/* A fw_cfg DMA: the block at `at`, selecting `key`. Returns the control word left there (in RAM).
 */
static inline uint32_t whole_fw_dma(struct whole *w, uint64_t at, uint16_t key, uint32_t bits,
                                    uint32_t len, uint64_t target)
{
    bool low = at <= WHOLE_LOW - 16;
    bool high = at >= WHOLE_HIGH && at <= WHOLE_HIGH + WHOLE_HIGH_LEN - 16;
    uint8_t *p = low || high ? whole_ram(w, at) : NULL;

    if (p) {
        whole_put_be(p, (uint32_t)key << 16 | bits, 4);
        whole_put_be(p + 4, len, 4);
        whole_put_be(p + 8, target, 8);
    }
    whole_out(w, 0x514, 4, __builtin_bswap32((uint32_t)(at >> 32)));
    whole_out(w, 0x518, 4, __builtin_bswap32((uint32_t)at));
    return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

static inline void whole_fdc_start(struct whole *w)
{
    whole_outb(w, 0x3f2, 0x00);
    whole_outb(w, 0x3f2, 0x1c);
    for (unsigned i = 0; i < 4; i++) {
        whole_outb(w, 0x3f5, 0x08);
        (void)whole_inb(w, 0x3f5);
        (void)whole_inb(w, 0x3f5);
    }
    whole_outb(w, 0x3f5, 0x03);
    whole_outb(w, 0x3f5, 0xaf);
    whole_outb(w, 0x3f5, 0x02);
    whole_outb(w, 0x3f7, 0x00);
}

/* Floppy transfer of cylinder 0, head 0 from sector `record` by channel 2 at `gpa`. */
static inline void whole_fdc_dma(struct whole *w, uint32_t gpa, unsigned bytes, bool to_memory,
                                 unsigned record)
{
    const uint8_t command[] = {
        to_memory ? 0x46 : 0x45, 0, 0, 0, (uint8_t)record, 2, 18, 0x1b, 0xff};

    whole_outb(w, 0xd6, 0xc0);
    whole_outb(w, 0xd4, 0x00);
    whole_outb(w, 0x0a, 0x06);
    whole_outb(w, 0x0c, 0x00);
    whole_outb(w, 0x04, gpa);
    whole_outb(w, 0x04, gpa >> 8);
    whole_outb(w, 0x05, bytes - 1);
    whole_outb(w, 0x05, (bytes - 1) >> 8);
    whole_outb(w, 0x0b, to_memory ? 0x46 : 0x4a);
    whole_outb(w, 0x81, gpa >> 16);
    whole_outb(w, 0x0a, 0x02);
    for (unsigned i = 0; i < sizeof(command); i++) {
        whole_outb(w, 0x3f5, command[i]);
    }
}

static inline void whole_fdc_end(struct whole *w)
{
    for (unsigned i = 0; i < 7; i++) {
        (void)whole_inb(w, 0x3f5);
    }
}

/* Known-good work on every device gives the known-good answer. */
static inline void whole_alive(struct whole *w)
{
    const struct whole_prd prd = {0x20000, 1024 | WHOLE_EOT};

    whole_outb(w, 0x3f6, 0x04);
    whole_outb(w, 0x3f6, 0x00);
    memcpy(w->low + 0x8000, &prd, 8);
    whole_ide_dma(w, 0x8000, true, 7, 2);
    whole_complete(w, 100);
    g_assert_cmphex(whole_inb(w, WHOLE_BM + 2) & 7, ==, 4);
    whole_ide_end(w);
    g_assert_cmpmem(w->low + 0x20000, 1024, w->disk[0].data + 7 * 512, 1024);
    whole_fdc_start(w);
    whole_fdc_dma(w, 0x30000, 512, true, 3);
    whole_complete(w, 100);
    g_assert_cmphex(whole_inb(w, 0x3f5) & 0xc0, ==, 0);
    whole_fdc_end(w);
    g_assert_cmpmem(w->low + 0x30000, 512, w->disk[2].data + 2 * 512, 512);
    g_assert_cmphex(whole_fw_dma(w, 0x9000, 0x0000, 0x0a, 4, 0x9100), ==, 0);
    g_assert_cmpmem(w->low + 0x9100, 4, "QEMU", 4);
    g_assert_cmphex(pci_config_read(&w->pc.pci, FN_ISA, 0, 4), ==, 0x70008086);
    whole_outb(w, 0x3ff, 0x5a);
    g_assert_cmphex(whole_inb(w, 0x3ff), ==, 0x5a);
}

#endif
