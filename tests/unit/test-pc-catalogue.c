/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The whole PC against what goes wrong between devices: DMA into registers, resets under way, BARs
 * laid over each other, floods, and state that nobody could have reached. Entries X, PCI, RES and
 * ST of the catalogue in docs/security.md.
 */
#include "pc-whole.h"

/* Where a bus master may be sent that is not RAM. */
static const uint32_t not_ram[] = {
    0xa0000,    0xb8000,    0xbfe00,         0xc0000,    0xe0000,     0xf0000,    0xffe00,
    0x400000,   0xe0000000, WHOLE_LFB,       WHOLE_MMIO, WHOLE_ROM,   0xfec00000, 0xfed00000,
    0xfee00000, 0xff000000, 0u - WHOLE_BIOS, 0xfffffe00, 0x3ffffe00u,
};

/* Every device but the bus masters and the clock: their states together. */
static char *bystanders(struct whole *w)
{
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    char *text;

    for (unsigned i = 0; i < w->pc.arena.ndev; i++) {
        const struct device *d = w->pc.arena.dev[i];

        if (d != &w->pc.ide.dev && d != &w->pc.fdc.dev && d != &w->pc.dma8237.dev &&
            d != &w->pc.fw_cfg.dev && d != &w->pc.clock.dev) {
            g_checksum_update(sum, d->state, d->cls->state->size);
        }
    }
    g_checksum_update(sum, w->vram, 0x40000);
    g_checksum_update(sum, w->bios, WHOLE_BIOS);
    text = g_strdup(g_checksum_get_string(sum));
    g_checksum_free(sum);
    return text;
}

static void dma_everywhere(struct whole *w, uint32_t target)
{
    struct whole_prd prd = {target, 512 | WHOLE_EOT};

    for (unsigned write = 0; write < 2; write++) {
        memcpy(w->low + 0x8000, &prd, 8);
        whole_ide_dma(w, 0x8000, !write, 5, 1); /* data there */
        whole_complete(w, 10);
        g_assert_cmphex(whole_inb(w, WHOLE_BM + 2) & 2, ==, 2);
        whole_ide_end(w);
        whole_ide_dma(w, target, !write, 5, 1); /* the table there */
        whole_complete(w, 10);
        g_assert_cmphex(whole_inb(w, WHOLE_BM + 2) & 2, ==, 2);
        whole_ide_end(w);
        whole_fdc_start(w);
        whole_fdc_dma(w, target, 512, !write, 1);
        whole_complete(w, 10);
        whole_fdc_end(w);
    }
    (void)whole_fw_dma(w, target, 0, 0, 0, 0); /* its block there, */
    g_assert_cmphex(whole_fw_dma(w, 0x9000, 0, 0x0a, 4, target), ==, 1);
    g_assert_cmphex(whole_fw_dma(w, 0x9000, 0, 0x0a, 4, 1ull << 32 | target), ==, 1);
    g_assert_cmphex(whole_fw_dma(w, 0x9000, 0, 0x0a, 4, 0xffffffff00000000ull | target), ==, 1);
}

/* every bus master, every place that is no RAM: an error, and nobody else noticed. */
static void test_x_01(void)
{
    struct whole *w = whole_new(true);
    char *before = bystanders(w), *after;
    uint64_t unclaimed = w->pc.mmio.unclaimed;
    unsigned writes = w->disk[0].writes;
    uint8_t *image = g_memdup2(w->disk[0].data, w->disk[0].blk.bytes);

    for (unsigned i = 0; i < G_N_ELEMENTS(not_ram); i++) {
        dma_everywhere(w, not_ram[i]);
    }
    after = bystanders(w);
    g_assert_cmpstr(before, ==, after);
    g_assert_cmpuint(w->pc.mmio.unclaimed, ==, unclaimed);
    g_assert_cmpuint(w->disk[0].writes, ==, writes);
    g_assert_cmpmem(w->disk[0].data, w->disk[0].blk.bytes, image, w->disk[0].blk.bytes);
    g_assert_cmpuint(w->power_requests, ==, 0);
    whole_alive(w);
    g_free(before);
    g_free(after);
    g_free(image);
    whole_free(w);
}

/* pieces that begin in RAM and end outside move what is RAM, or nothing, and no more. */
static void test_x_03(void)
{
    static const uint32_t ends[] = {WHOLE_LOW, WHOLE_HIGH + WHOLE_HIGH_LEN};
    struct whole *w = whole_new(false);

    for (unsigned i = 0; i < G_N_ELEMENTS(ends); i++) {
        for (unsigned inside = 2; inside < 512; inside += 170) {
            struct whole_prd prd = {ends[i] - inside, 512 | WHOLE_EOT};

            memcpy(w->low + 0x8000, &prd, 8);
            whole_ide_dma(w, 0x8000, true, 5, 1);
            whole_complete(w, 10);
            g_assert_cmphex(whole_inb(w, WHOLE_BM + 2) & 2, ==, 2);
            whole_ide_end(w);
            g_assert_cmphex(whole_fw_dma(w, 0x9000, 0x19, 0x0a, 512, ends[i] - inside), ==, 1);
            (void)whole_fw_dma(w, ends[i] - inside % 16, 0, 0, 0, 0);
        }
    }
    /* A block that ends with the last byte of RAM is whole. */
    g_assert_cmphex(whole_fw_dma(w, WHOLE_LOW - 16, 0, 0x0a, 4, 0x9100), ==, 0);
    whole_alive(w);
    whole_free(w);
}

/* --- what is under way when the reset comes --- */

static unsigned busy_set_up(struct whole *w, unsigned steps)
{
    const struct whole_prd prd[] = {{0x40000, 0x8000}, {0x48000, 0x8000 | WHOLE_EOT}};
    unsigned irq = 0;

    memset(w->low + 0x40000, WHOLE_CANARY, 0x10000);
    memset(w->low + 0x60000, WHOLE_CANARY, 0x2000);
    memcpy(w->low + 0x8000, prd, sizeof(prd));
    whole_outb(w, 0x3f9, 0x0f); /* COM1: all interrupts, a byte received */
    whole_outb(w, 0x3fc, 0x0b);
    w->pc.serial[0].front.receive(w->pc.serial[0].front.opaque, (const uint8_t *)"x", 1);
    whole_outb(w, 0x64, 0x60); /* keyboard: interrupts, keys that nobody reads */
    whole_outb(w, 0x60, 0x03);
    for (unsigned i = 0; i < 20; i++) {
        ps2_kbd_key(&w->pc.i8042.kbd, 1 + i, true);
        ps2_mouse_event(&w->pc.i8042.mouse, 1, 1, 0, 1);
    }
    piix4_pm_gpe(&w->pc.pm, 0); /* the SCI */
    whole_out(w, 0xafe2, 2, 1);
    whole_outb(w, 0xb2, 0xf1);
    whole_fdc_start(w);
    whole_fdc_dma(w, 0x60000, 4096, steps & 1, 1);
    whole_ide_dma(w, 0x8000, !(steps & 1), 100, 128);
    whole_complete(w, steps);
    whole_pass(w, 1000000);
    irq = w->isa;
    return irq;
}

/* All resets that one machine has, at each step: nothing from before is seen after. */
static void resets(bool alone)
{
    struct whole *w = whole_new(alone);
    uint8_t *first[2] = {g_memdup2(w->disk[0].data, 512), g_memdup2(w->disk[2].data, 512)};

    for (unsigned kind = 0; kind < 4; kind++) {
        for (unsigned steps = 0; steps < 8; steps++) {
            unsigned submits;

            g_assert_cmphex(busy_set_up(w, steps), !=, 0);
            if (kind < 2) {
                pc_reset(&w->pc, kind ? RESET_HARD : RESET_POWER_ON);
                g_assert_cmphex(w->isa, ==, 0);
                for (unsigned dev = 0; dev < 32; dev++) {
                    g_assert_cmphex(w->intx[dev], ==, 0);
                }
                g_assert_cmpuint(clock_next(&w->pc.clock), ==, CLOCK_NEVER);
                whole_bars(w);
            } else if (kind == 2) { /* every function and chip by its own reset */
                pci_function_reset(&w->pc.ide.fn);
                whole_outb(w, 0x3f6, 0x04);
                whole_outb(w, 0x3f6, 0x00);
                whole_outb(w, 0x3f2, 0x00);
                whole_outb(w, 0x0d, 0x00);
                whole_bars(w);
            } else { /* the stop bits alone, and BARs away */
                whole_outb(w, WHOLE_BM, 0);
                whole_cfg(w, FN_IDE, 4, 2, 0);
                whole_outb(w, 0x3f6, 0x04);
                whole_outb(w, 0x3f6, 0x00);
                whole_outb(w, 0x3f4, 0x80);
                whole_bars(w);
            }
            for (unsigned i = 0; i < WHOLE_DISKS; i++) {
                g_assert_null(w->disk[i].pending);
            }
            submits = w->disk[0].submits + w->disk[2].submits;
            memset(w->low + 0x40000, WHOLE_CANARY, 0x10000);
            memset(w->low + 0x60000, WHOLE_CANARY, 0x2000);
            g_assert_cmpuint(whole_complete(w, 100), ==, 0);
            whole_pass(w, 3600ull * NS_PER_S);
            g_assert_cmpuint(w->disk[0].submits + w->disk[2].submits, ==, submits);
            for (unsigned i = 0; i < 0x10000; i++) {
                g_assert_cmphex(w->low[0x40000 + i], ==, WHOLE_CANARY);
            }
            g_assert_cmpmem(w->disk[0].data, 512, first[0], 512);
            whole_sane(w);
            whole_reset(w, RESET_HARD);
            whole_alive(w);
        }
    }
    g_free(first[0]);
    g_free(first[1]);
    whole_free(w);
}

static void test_x_05(void)
{
    resets(false);
    resets(true);
}

/* --- XEN-08: disks unplugged by the guest's own drivers --- */

/* What the guest may still ask of a disk that is gone: nobody answers, nothing reaches the image.
 */
static void gone_check(struct whole *w, unsigned submits)
{
    const struct whole_prd prd = {0x40000, 0x8000 | WHOLE_EOT};

    memcpy(w->low + 0x8000, &prd, 8);
    for (unsigned op = 0; op < 256; op += 5) {
        whole_outb(w, 0x1f6, 0xe0);
        whole_outb(w, 0x1f2, 1);
        whole_outb(w, 0x1f7, op);
        (void)whole_in(w, 0x1f0, 4);
        whole_outb(w, WHOLE_BM, 9);
        whole_outb(w, WHOLE_BM, 0);
        g_assert_cmphex(whole_inb(w, 0x1f7) & 0x88, ==, 0);
    }
    whole_ide_dma(w, 0x8000, false, 0, 8);
    g_assert_null(w->disk[0].pending);
    whole_ide_end(w);
    g_assert_cmpuint(w->disk[0].submits, ==, submits);
}

/* XEN-08: every mask, again and again, at each step of a transfer; then configuration space, media,
 * resets. The emulated path is dead, the CD drive alive, the image as it was. */
static void test_xen_08(void)
{
    static const uint16_t more[] = {0, 0xffff, 0x8000, 1, 0xfff0};

    for (unsigned mask = 0; mask < 64; mask++) {
        struct whole *w = whole_new_kind(WHOLE_XEN);
        bool gone = mask & XEN_UNPLUG_DISKS;
        uint8_t *image;
        unsigned submits;

        busy_set_up(w, 9); /* a floppy's transfer, and a read of the disk: */
        whole_ide_end(w);
        whole_ide_dma(w, 0x8000, true, 100, 128);
        whole_complete(w, mask / 32);
        g_assert_cmpint(w->disk[0].pending != NULL, ==, mask < 32);
        image = g_memdup2(w->disk[0].data, w->disk[0].blk.bytes);
        g_assert_cmphex(whole_in(w, 0x10, 2), ==, 0x49d2);
        whole_out(w, 0x10, 2, mask << (mask / 16 % 3 * 4) | mask);
        gone |= (mask << (mask / 16 % 3 * 4)) & XEN_UNPLUG_DISKS;
        for (unsigned i = 0; i < 3; i++) {
            whole_out(w, 0x10, 2, mask);
        }
        submits = w->disk[0].submits;
        if (gone) {
            g_assert_null(w->disk[0].pending);
            gone_check(w, submits);
        }
        whole_complete(w, 100);
        for (unsigned i = 0; i < G_N_ELEMENTS(more); i++) { /* and now everything, at all ports */
            whole_out(w, 0x10, 1u << i % 3, more[i]);
            whole_out(w, 0x12, 1u << i % 2, more[i]);
            whole_cfg(w, FN_IDE, 0x20, 4, WHOLE_BM + 0x100 * i);
            whole_cfg(w, FN_IDE, 0x04, 2, i & 1 ? 0 : 5);
            whole_cfg(w, PCI_DEVFN(2, 0), 0x04, 2, 7);
        }
        whole_bars(w);
        gone_check(w, w->disk[0].submits);
        ide_media_change(&w->pc.ide, 2, NULL);
        g_assert_cmpint(ide_media_change(&w->pc.ide, 0, &w->disk[0].blk), <, 0);
        ide_media_change(&w->pc.ide, 2, &w->disk[1].blk);
        whole_sane(w);
        pc_resume(&w->pc); /* a successor has them unplugged, too */
        gone_check(w, w->disk[0].submits);
        whole_reset(w, RESET_HARD);
        whole_outb(w, 0x176, 0xa0);
        whole_outb(w, 0x177, 0xa1); /* IDENTIFY PACKET DEVICE: the CD drive is there */
        g_assert_cmphex(whole_inb(w, 0x177) & 0x89, ==, 0x08);
        g_assert_cmpmem(w->disk[0].data, w->disk[0].blk.bytes, image, w->disk[0].blk.bytes);
        g_free(image);
        whole_free(w);
    }
}

/* --- one bus master's buffer is another's descriptor --- */

enum { MASTER_IDE, MASTER_FDC, MASTER_FW, MASTERS };

/* Sends master `m` to RAM at `target`, `bytes` of them, writing to memory. */
static void master_write(struct whole *w, unsigned m, uint32_t target, unsigned bytes)
{
    struct whole_prd prd = {target, bytes | WHOLE_EOT};

    if (m == MASTER_IDE) {
        memcpy(w->low + 0xa000, &prd, 8);
        whole_ide_dma(w, 0xa000, true, 9, (bytes + 511) / 512);
    } else if (m == MASTER_FDC) {
        whole_fdc_start(w);
        whole_fdc_dma(w, target, bytes, true, 2);
    } else {
        (void)whole_fw_dma(w, 0xb000, 0x19, 0x0a, bytes, target);
    }
}

/* each over each one's table, block and program, at each distance; all go on living. */
static void test_x_07(void)
{
    struct whole *w = whole_new(false);

    for (unsigned a = 0; a < MASTERS; a++) {
        for (unsigned b = 0; b < MASTERS; b++) {
            for (unsigned n = 0; n < 40; n++) {
                static const uint32_t table[] = {0xa000, 0xb000, 0x8000, 0xa000 - 8};
                uint32_t target = table[n % 4] - 4 * (n / 4 % 5);

                master_write(w, a, target, 512 << n % 3);
                master_write(w, b, target + 4 * (n % 7), 512);
                for (unsigned steps = 0; whole_complete(w, 1); steps++) {
                    g_assert_cmpuint(steps, <, 400);
                    if (n & 1) { /* what now lies there is used at once */
                        whole_outb(w, WHOLE_BM, 0);
                        whole_out(w, WHOLE_BM + 4, 4, target & ~3u);
                        whole_outb(w, WHOLE_BM, 9);
                        (void)whole_fw_dma(w, 1ull << 40, 0, 0, 0, 0);
                        whole_out(w, 0x518, 4, __builtin_bswap32(target));
                    }
                }
                whole_sane(w);
                whole_ide_end(w);
                whole_fdc_end(w);
                whole_alive(w);
            }
        }
    }
    whole_free(w);
}

/* media vanish and come in the middle of anything, as often as somebody likes. */
static void test_x_06(void)
{
    struct whole *w = whole_new(false);
    const struct whole_prd prd = {0x40000, 0x8000 | WHOLE_EOT};
    static const uint8_t eject[12] = {0x1b, 0, 0, 0, 0x02}, load[12] = {0x1b, 0, 0, 0, 0x03};
    static const uint8_t read10[12] = {0x28, 0, 0, 0, 0, 3, 0, 0, 16};

    memcpy(w->low + 0x8000, &prd, 8);
    for (unsigned n = 0; n < 3000; n++) {
        const uint8_t *packet = n % 3 == 0 ? eject : n % 3 == 1 ? load : read10;

        whole_outb(w, 0x176, 0xa0);
        whole_outb(w, 0x171, n & 1);
        whole_outb(w, 0x174, 0x00);
        whole_outb(w, 0x175, 0x08);
        whole_outb(w, 0x177, 0xa0);
        for (unsigned i = 0; i < 12; i += 2) {
            whole_out(w, 0x170, 2, packet[i] | packet[i + 1] << 8);
        }
        whole_out(w, WHOLE_BM + 12, 4, 0x8000);
        whole_outb(w, WHOLE_BM + 8, 9);
        if (n % 5 == 0) {
            g_assert_cmpint(ide_media_change(&w->pc.ide, 2, NULL), ==, 0);
            g_assert_null(w->disk[1].pending);
        }
        whole_complete(w, n % 4);
        if (n % 7 == 0) {
            ide_media_change(&w->pc.ide, 2, &w->disk[1].blk);
        }
        fdc_change_disk(&w->pc.fdc, 0, n & 1 ? &w->pc.no_medium : &w->disk[2].blk);
        whole_complete(w, 100);
        for (unsigned i = 0; i < 40000 && whole_inb(w, 0x376) & 0x08; i++) {
            (void)whole_in(w, 0x170, 2);
            whole_complete(w, 1);
        }
        whole_outb(w, WHOLE_BM + 8, 0);
        whole_outb(w, 0x376, 0x04);
        whole_outb(w, 0x376, 0x00);
    }
    fdc_change_disk(&w->pc.fdc, 0, &w->disk[2].blk);
    whole_sane(w);
    whole_reset(w, RESET_POWER_ON);
    whole_alive(w);
    whole_free(w);
}

/* --- PCI --- */

/* PCI-02: every byte of every function, all values; read-only bits keep, the machine lives. */
static void test_pci_02(void)
{
    static const uint8_t functions[] = {FN_HOST, FN_ISA, FN_IDE, FN_PM, FN_VGA};
    struct whole *w = whole_new(true);

    for (unsigned f = 0; f < sizeof(functions); f++) {
        const struct pci_function *fn = w->pc.pci.function[functions[f]];

        g_assert_nonnull(fn);
        for (unsigned off = 0; off < 256; off++) {
            for (unsigned val = 0; val < 256; val++) {
                whole_cfg(w, functions[f], off, 1, val);
            }
            whole_cfg(w, functions[f], off, 4, 0xffffffff);
            whole_cfg(w, functions[f], off, 2, 0x5555);
        }
        for (unsigned off = 0; off < 0x40; off++) {
            uint8_t fixed = (uint8_t) ~(fn->wmask[off] | fn->w1c[off]);

            if (off != 6) { /* status: the interrupt bit is the device's */
                g_assert_cmphex(fn->s->config[off] & fixed, ==, fn->reset_config[off] & fixed);
            }
        }
    }
    for (unsigned devfn = 0; devfn < 256; devfn++) {
        if (!w->pc.pci.function[devfn]) {
            g_assert_cmphex(pci_config_read(&w->pc.pci, (uint8_t)devfn, 0, 4), ==, 0xffffffff);
        }
    }
    whole_sane(w);
    whole_reset(w, RESET_POWER_ON);
    whole_alive(w);
    whole_free(w);
}

static void region_poke(struct whole *w, struct bus *b, const struct region *r, uint64_t off)
{
    for (unsigned size = 1; size <= 8; size *= 2) {
        if (!r->mapped || off >= r->len) {
            return; /* it moved itself */
        }
        (void)bus_read(b, r->base + off, size);
        bus_write(b, r->base + off, size, (uint64_t)g_test_rand_int() << 32 | off);
        bus_write(b, r->base + off, size, UINT64_MAX);
        bus_write(b, r->base + off, size, 0);
        whole_complete(w, 10);
    }
}

/* PCI-03: every offset of every region, both directions, all widths: a row without a handler
 * answers all ones. */
static void test_pci_03(void)
{
    struct whole *w = whole_new(true);
    struct bus *buses[] = {&w->pc.pio, &w->pc.mmio};

    for (unsigned b = 0; b < 2; b++) {
        for (unsigned i = 0; i < buses[b]->nregions; i++) {
            struct region *r = buses[b]->region[i];

            g_assert_nonnull(r->regs);
            for (unsigned n = 0; n < r->nregs; n++) {
                g_assert_cmpuint((uint64_t)r->regs[n].offset + r->regs[n].length, <=, r->len);
                g_assert_cmphex(r->regs[n].widths & ~15u, ==, 0);
                g_assert_cmphex(r->regs[n].widths, !=, 0);
            }
            for (uint64_t off = 0; off<r->len; off += r->len> 0x1000 ? 251 : 1) {
                region_poke(w, buses[b], r, off);
            }
            whole_bars(w);
        }
    }
    whole_sane(w);
    whole_reset(w, RESET_POWER_ON);
    whole_alive(w);
    whole_free(w);
}

/* What the world was told, kept beside what is. */
struct mirror {
    const struct region *region[BUS_MAX_REGIONS];
    uint64_t base[BUS_MAX_REGIONS];
    unsigned n;
    struct mem_flat flat[MEMMAP_MAX_FLAT];
    unsigned nflat;
};

static void mirror_mapped(void *opaque, const struct region *r)
{
    struct mirror *m = opaque;

    g_assert_cmpuint(m->n, <, BUS_MAX_REGIONS);
    m->base[m->n] = r->base;
    m->region[m->n++] = r;
}

static void mirror_unmapped(void *opaque, const struct region *r)
{
    struct mirror *m = opaque;
    unsigned i = 0;

    while (i < m->n && m->region[i] != r) {
        i++;
    }
    g_assert_cmpuint(i, <, m->n);
    g_assert_cmphex(m->base[i], ==, r->base); /* given back where it was claimed */
    m->n--;
    m->region[i] = m->region[m->n];
    m->base[i] = m->base[m->n];
}

static void mirror_added(void *opaque, const struct mem_flat *f)
{
    struct mirror *m = opaque;

    for (unsigned i = 0; i < m->nflat; i++) { /* never two pieces at one place */
        g_assert_true(f->gpa + f->len <= m->flat[i].gpa ||
                      m->flat[i].gpa + m->flat[i].len <= f->gpa);
    }
    g_assert_cmpuint(m->nflat, <, MEMMAP_MAX_FLAT);
    m->flat[m->nflat++] = *f;
}

static bool flat_same(const struct mem_flat *f, const struct mem_flat *g)
{
    return f->gpa == g->gpa && f->len == g->len && f->offset == g->offset &&
           f->object == g->object && f->kind == g->kind && f->log_dirty == g->log_dirty;
}

static void mirror_removed(void *opaque, const struct mem_flat *f)
{
    struct mirror *m = opaque;
    unsigned i = 0;

    while (i < m->nflat && !flat_same(&m->flat[i], f)) {
        i++;
    }
    g_assert_cmpuint(i, <, m->nflat);
    m->flat[i] = m->flat[--m->nflat];
}

static void mirror_compare(const struct mirror *m, const struct bus *b, const struct memmap *mem)
{
    if (b) {
        g_assert_cmpuint(m->n, ==, b->nregions);
    }
    for (unsigned i = 0; b && i < m->n; i++) {
        g_assert_true(m->region[i]->mapped);
        g_assert_cmphex(m->region[i]->base, ==, m->base[i]);
    }
    if (mem) {
        g_assert_cmpuint(m->nflat, ==, mem->nflat);
        for (unsigned i = 0; i < m->nflat; i++) {
            const struct mem_flat *f = memmap_find(mem, m->flat[i].gpa);

            g_assert_nonnull(f);
            g_assert_true(flat_same(f, &m->flat[i]));
        }
    }
}

/* A BAR's registers answer where command register and BAR say, and nowhere else. */
static void bar_check(const struct pci_function *fn, unsigned n, const struct region *r, bool io)
{
    uint16_t command = pci_get16(fn->s->config, 0x04);
    uint32_t base = pci_get32(fn->s->config, 0x10 + 4 * n) & ~(fn->bar[n].size - 1);
    bool decodes = command & (io ? 1 : 2) && base && (!io || base < 0x10000);

    g_assert_cmpint(r->mapped, ==, decodes);
    if (decodes) {
        g_assert_cmphex(r->base, ==, base);
    }
}

/* PCI-04: BARs anywhere, over anything, switched at any time: the world's list is the bus's. */
static void test_pci_04(void)
{
    static const uint32_t places[] = {0,          0xa0000,    0xc0000,    0xf0000,    0x100000,
                                      0x00100cf8, 0xc000,     0xcf8,      0x1f0,      0xfff0,
                                      WHOLE_LFB,  WHOLE_MMIO, 0xfec00000, 0xfee00000, 0xff000000,
                                      0xfffff000, 0xffffffff, 0xfffe0000, 0xfe000001, 0x60};
    struct whole *w = whole_new(true);
    struct mirror *pio = g_new0(struct mirror, 1), *mmio = g_new0(struct mirror, 1);

    for (unsigned i = 0; i < w->pc.pio.nregions; i++) {
        mirror_mapped(pio, w->pc.pio.region[i]);
    }
    for (unsigned i = 0; i < w->pc.mmio.nregions; i++) {
        mirror_mapped(mmio, w->pc.mmio.region[i]);
    }
    for (unsigned i = 0; i < w->pc.mem.nflat; i++) {
        mirror_added(mmio, &w->pc.mem.flat[i]);
    }
    w->pc.pio.listener = (struct bus_listener){mirror_mapped, mirror_unmapped, pio};
    w->pc.mmio.listener = (struct bus_listener){mirror_mapped, mirror_unmapped, mmio};
    w->pc.mem.listener = (struct memmap_listener){mirror_removed, mirror_added, mmio};
    for (unsigned n = 0; n < 6000; n++) {
        static const uint8_t functions[] = {FN_HOST, FN_IDE, FN_PM, FN_VGA, FN_VGA};
        static const uint8_t offsets[] = {0x10, 0x14, 0x18, 0x20, 0x30, 0x40, 0x90, 0x58, 0x5c};
        unsigned r = (unsigned)g_test_rand_int();
        uint8_t fn = functions[r % 5];
        uint32_t val =
            r & 0x100 ? places[(r >> 12) % G_N_ELEMENTS(places)] : (uint32_t)g_test_rand_int();

        whole_cfg(w, fn, offsets[(r >> 20) % 9], r & 0x80 ? 4 : 1, val | (r >> 30 & 1));
        whole_cfg(w, fn, 0x04, 2, r >> 24 & 7);
        if (n % 16 == 0) {
            bus_write(&w->pc.mmio, val, 4, r);
            (void)bus_read(&w->pc.mmio, val, 8);
            (void)whole_in(w, val & 0xffff, 4);
        }
        mirror_compare(pio, &w->pc.pio, NULL);
        mirror_compare(mmio, &w->pc.mmio, &w->pc.mem);
        bar_check(&w->pc.ide.fn, 4, &w->pc.ide.bm_ports, true);
        bar_check(&w->pc.vga.pci, 2, &w->pc.vga.mmio, false);
        for (unsigned i = 0; i < w->pc.mem.nflat; i++) { /* PCI-05: the flash is never writable */
            const struct mem_flat *f = &w->pc.mem.flat[i];

            g_assert_true(f->object == MEM_OBJECT_RAM || f->object == OBJECT_VRAM ||
                          f->kind == MEM_ROM);
        }
    }
    whole_reset(w, RESET_POWER_ON);
    mirror_compare(pio, &w->pc.pio, NULL);
    mirror_compare(mmio, &w->pc.mmio, &w->pc.mem);
    whole_alive(w);
    g_free(pio);
    g_free(mmio);
    whole_free(w);
}

/* --- RES: what one access can cost --- */

/* RES-01: the most expensive single accesses there are, counted: mappings and requests per exit. */
static void test_res_01(void)
{
    struct whole *w = whole_new(true);
    struct whole_prd *table = (struct whole_prd *)(void *)(w->low + 0x10000);
    static uint8_t buf[4096];
    uint64_t most = 0;

    for (unsigned i = 0; i < 8192; i++) { /* no end, 2 bytes each */
        table[i] = (struct whole_prd){0x50000, 2};
    }
    for (unsigned n = 0; n < 6; n++) {
        uint64_t before = w->maps;

        switch (n) {
        case 0: /* fw_cfg: 4 GiB */
            (void)whole_fw_dma(w, 0x9000, 0x19, 0x0a, 0xffffffff, 0x20000);
            break;
        case 1:
            (void)whole_fw_dma(w, 0x9000, 0x19, 0x0c, 0xffffffff, 0x20000);
            break;
        case 2: /* IDE: the longest command over the worst table */
            whole_ide_dma(w, 0x10000, true, 0, 0);
            break;
        case 3:
            whole_complete(w, 1);
            break;
        case 4:
            whole_fdc_start(w);
            whole_fdc_dma(w, 0x20000, 65536, true, 1);
            break;
        default: /* string I/O of a page on every port */
            for (unsigned port = 0; port < 0x10000; port++) {
                if (bus_find(&w->pc.pio, port)) {
                    before = w->maps;
                    bus_read_rep(&w->pc.pio, port, 1, sizeof(buf), buf);
                    g_assert_cmpuint(w->maps - before, <=, 1024);
                }
            }
        }
        most = MAX(most, w->maps - before);
        g_assert_cmpuint(w->maps - before, <=, 1024);
    }
    g_test_message("at most %" G_GUINT64_FORMAT " mappings in one exit", most);
    whole_complete(w, 10000);
    whole_sane(w);
    whole_reset(w, RESET_POWER_ON);
    whole_alive(w);
    whole_free(w);
}

/* RES-02: everything that has a timer at its fastest: wake-ups per second are few, and an hour
 * without the CPU is not made up for. */
static void test_res_02(void)
{
    struct whole *w = whole_new(false);

    whole_outb(w, 0x3fb, 0x83); /* divisor 1 */
    whole_outb(w, 0x3f8, 1);
    whole_outb(w, 0x3f9, 0);
    whole_outb(w, 0x3fb, 0x03);
    whole_outb(w, 0x3fa, 0xc1);
    whole_outb(w, 0x3f9, 0x0f);
    whole_outb(w, 0x64, 0x60);
    whole_outb(w, 0x60, 0x03);
    ps2_kbd_key(&w->pc.i8042.kbd, 30, true);
    w->wakes = 0;
    for (unsigned ms = 0; ms < 1000; ms++) {
        w->pc.serial[0].front.receive(w->pc.serial[0].front.opaque, (const uint8_t *)"y", 1);
        whole_pass(w, 1000000);
        (void)whole_inb(w, 0x3f8);
        (void)whole_inb(w, 0x60);
    }
    g_assert_cmpuint(w->wakes, <=, 4000);
    w->now += 3600ull * NS_PER_S; /* stalled */
    w->wakes = 0;
    whole_pass(w, NS_PER_S);
    g_assert_cmpuint(w->wakes, <=, 100);
    whole_alive(w);
    whole_free(w);
}

/* RES-03: a million accesses that nobody answers and a million bytes to the debug ports: counted,
 * not stored. */
static void test_res_03(void)
{
    struct whole *w = whole_new(false);
    uint64_t bytes = w->chr_bytes;

    for (unsigned n = 0; n < 1000000; n++) {
        whole_out(w, 0x7000 + n % 64, 4, n);
        g_assert_cmphex(whole_in(w, 0x7000 + n % 64, 4), ==, 0xffffffff);
        whole_outb(w, 0x402, n);
        whole_outb(w, 0x501 + 4 + n % 4, n);
    }
    g_assert_cmpuint(w->chr_bytes - bytes, ==, 1000000);
    g_assert_cmpuint(w->power_requests, ==, 0);
    whole_alive(w);
    whole_free(w);
}

/* --- ST-01 and LEAK --- */

static void poke_all(struct whole *w)
{
    static const uint16_t base[] = {0x1f0, 0x170, 0x3f0, 0x3f8, 0x60,  0x70,  0x00,   0x80,
                                    0xc0,  0x510, 0x3c0, 0x3d0, 0x1ce, 0xcf8, 0xc000, 0xb000};

    for (unsigned n = 0; n < 120; n++) {
        unsigned r = (unsigned)g_test_rand_int();
        unsigned port = base[r % G_N_ELEMENTS(base)] + (r >> 8 & 15);

        if (r & 0x1000) {
            whole_out(w, port, 1u << (r >> 14 & 1), r >> 16);
        } else {
            (void)whole_in(w, port, 1u << (r >> 14 & 3) % 3);
        }
        whole_complete(w, 4);
        if (n % 32 == 0) {
            whole_pass(w, 20000000);
            bus_write(&w->pc.mmio, 0xa0000 + (r & 0x1ffff), 1, r);
        }
    }
}

/* What was in flight is gone with the process that had it. */
static void forget_requests(struct whole *w)
{
    for (unsigned i = 0; i < WHOLE_DISKS; i++) {
        if (w->disk[i].pending) {
            w->disk[i].pending = NULL;
        }
    }
    for (unsigned i = 0; i < IDE_CHANNELS; i++) {
        w->pc.ide.channel[i].in_flight = false;
        w->pc.ide.channel[i].mapped = 0;
    }
    w->pc.fdc.req_blk = NULL;
}

/* ST-01: any bytes of the whole arena changed: refused, or the machine lives with it. */
static void test_st_01(void)
{
    struct whole *w = whole_new(true);
    struct arena *a = &w->pc.arena;
    uint8_t *saved;
    unsigned accepted = 0;

    busy_set_up(w, 3);
    saved = g_memdup2(a->base, a->used);
    for (unsigned n = 0; n < 4000; n++) {
        forget_requests(w);
        memcpy(a->base, saved, a->used);
        for (unsigned bytes = 1 + n % 5; bytes; bytes--) {
            unsigned d = (unsigned)g_test_rand_int_range(0, (int)a->ndev);
            unsigned size = a->dev[d]->cls->state->size;
            uint8_t *s = a->dev[d]->state;

            s[g_test_rand_int_range(0, (int)size)] = (uint8_t)g_test_rand_int();
        }
        if (arena_check(a)) {
            continue;
        }
        accepted++;
        pc_resume(&w->pc);
        poke_all(w);
        whole_sane(w);
    }
    g_assert_cmpuint(accepted, >, 400);
    forget_requests(w);
    memcpy(a->base, saved, a->used);
    for (unsigned i = 0; i < 24; i++) { /* magic, layout, size */
        a->base[i] ^= 0x10;
        g_assert_cmpint(arena_check(a), !=, 0);
        a->base[i] ^= 0x10;
    }
    g_assert_cmpint(arena_check(a), ==, 0);
    g_free(saved);
    whole_reset(w, RESET_POWER_ON);
    whole_alive(w);
    whole_free(w);
}

/* LEAK: a reset gives every bit of every state its value, whatever lay there before. */
static void test_leak(void)
{
    struct whole *w = whole_new(true);
    struct arena *a = &w->pc.arena;

    for (unsigned i = 0; i < a->ndev; i++) {
        struct device *d = a->dev[i];
        size_t size = d->cls->state->size;
        uint8_t *first;

        memset(d->state, 0x00, size);
        d->cls->reset(d, RESET_POWER_ON);
        first = g_memdup2(d->state, size);
        for (unsigned fill = 0x5a; fill < 256; fill += 0x4b) {
            memset(d->state, (int)fill, size);
            d->cls->reset(d, RESET_POWER_ON);
            g_test_message("%s filled with %02x", d->id, fill);
            g_assert_cmpmem(d->state, size, first, size);
        }
        g_free(first);
    }
    whole_reset(w, RESET_POWER_ON);
    whole_alive(w);
    whole_free(w);
}

/* LEAK: bytes that the guest never wrote and no data sheet names are never read back: the same
 * reads on two machines whose memory was poisoned differently. */
static void test_leak_reads(void)
{
    struct whole *w[2];
    GChecksum *sum[2];

    for (unsigned i = 0; i < 2; i++) {
        w[i] = whole_new(true);
        sum[i] = g_checksum_new(G_CHECKSUM_SHA256);
        for (unsigned d = 0; d < w[i]->pc.arena.ndev; d++) {
            struct device *dev = w[i]->pc.arena.dev[d];

            memset(dev->state, i ? 0xa5 : 0x3c, dev->cls->state->size);
        }
        whole_reset(w[i], RESET_POWER_ON);
        for (unsigned port = 0; port < 0x10000; port++) {
            for (unsigned size = 1; size <= 4; size *= 2) {
                uint32_t val = whole_in(w[i], port, size);

                g_checksum_update(sum[i], (const guchar *)&val, sizeof(val));
            }
        }
        /* The data ports after commands that expect data, read and written the wrong way. */
        for (unsigned op = 0; op < 256; op++) {
            for (unsigned base = 0x170; base <= 0x1f0; base += 0x80) {
                whole_outb(w[i], base + 6, 0xe0);
                whole_outb(w[i], base + 2, 1);
                whole_outb(w[i], base + 3, 1);
                whole_outb(w[i], base + 4, 0);
                whole_outb(w[i], base + 5, 0);
                whole_outb(w[i], base + 7, op);
                whole_complete(w[i], 10);
                for (unsigned n = 0; n < 300; n++) {
                    uint32_t val = whole_in(w[i], base, 2);

                    g_checksum_update(sum[i], (const guchar *)&val, sizeof(val));
                }
                whole_outb(w[i], base + 0x206, 0x04);
                whole_outb(w[i], base + 0x206, 0x00);
            }
            whole_outb(w[i], 0x3f5, op);
            for (unsigned n = 0; n < 600; n++) {
                uint8_t val = whole_inb(w[i], 0x3f5);

                g_checksum_update(sum[i], &val, 1);
                whole_complete(w[i], 10);
            }
            whole_fdc_start(w[i]);
        }
    }
    g_assert_cmpstr(g_checksum_get_string(sum[0]), ==, g_checksum_get_string(sum[1]));
    for (unsigned i = 0; i < 2; i++) {
        g_checksum_free(sum[i]);
        whole_reset(w[i], RESET_POWER_ON);
        whole_alive(w[i]);
        whole_free(w[i]);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/catalogue/X-01/every-master-every-place", test_x_01);
    g_test_add_func("/catalogue/X-03/end-of-ram", test_x_03);
    g_test_add_func("/catalogue/X-05/every-reset", test_x_05);
    g_test_add_func("/catalogue/XEN-08/unplug-at-any-time", test_xen_08);
    g_test_add_func("/catalogue/X-06/media-storm", test_x_06);
    g_test_add_func("/catalogue/X-07/pairs", test_x_07);
    g_test_add_func("/catalogue/PCI-02/every-function", test_pci_02);
    g_test_add_func("/catalogue/PCI-03/every-region", test_pci_03);
    g_test_add_func("/catalogue/PCI-04/world-follows", test_pci_04);
    g_test_add_func("/catalogue/RES-01/one-exit", test_res_01);
    g_test_add_func("/catalogue/RES-02/whole-machine", test_res_02);
    g_test_add_func("/catalogue/RES-03/nobody-answers", test_res_03);
    g_test_add_func("/catalogue/ST-01/whole-arena", test_st_01);
    g_test_add_func("/catalogue/LEAK/reset-assigns-all", test_leak);
    g_test_add_func("/catalogue/LEAK/reads", test_leak_reads);
    return g_test_run();
}
