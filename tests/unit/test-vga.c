/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VGA registers, memory window, DISPI and PCI function, through the buses only. */
#include "test-vga.h"

#define SPEC_VRAM (16u << 20)

/* --- registers --- */

static void test_reset_values(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    g_assert_cmphex(inb(f, 0x3cc), ==, 0);
    g_assert_cmphex(inb(f, 0x3c6), ==, 0xff);
    g_assert_cmphex(inb(f, 0x3c7), ==, 0);
    for (unsigned i = 0; i < 5; i++) {
        g_assert_cmphex(in_reg(f, 0x3c4, i), ==, 0);
    }
    for (unsigned i = 0; i < 9; i++) {
        g_assert_cmphex(in_reg(f, 0x3ce, i), ==, 0);
    }
    g_assert_cmphex(dispi_in(f, 0), ==, 0xb0c5);
    g_assert_cmphex(dispi_in(f, 4), ==, 0);
    g_assert_cmphex(dispi_in(f, 10), ==, SPEC_VRAM >> 16);
    fixture_free(f);
}

static void test_reset_assigns_all(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);
    struct vga_state fresh = *f->vga.s;

    memset((uint8_t *)f->vga.s + 256, 0x5a, sizeof(fresh) - 256);
    arena_reset(&f->arena, RESET_HARD);
    g_assert_cmpmem(f->vga.s, sizeof(fresh), &fresh, sizeof(fresh));
    fixture_free(f);
}

/* Port pair, index, bits that a write of all ones leaves set. */
static void test_writable_bits(void)
{
    static const uint8_t seq[] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e};
    static const uint8_t gfx[] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};
    struct fixture *f = fixture_new(SPEC_VRAM);

    outb(f, 0x3c2, 0x01);
    for (unsigned i = 0; i < sizeof(seq); i++) {
        out_reg(f, 0x3c4, i, 0xff);
        g_assert_cmphex(in_reg(f, 0x3c4, i), ==, seq[i]);
        out_reg(f, 0x3c4, i, 0);
        g_assert_cmphex(in_reg(f, 0x3c4, i), ==, 0);
    }
    for (unsigned i = 0; i < sizeof(gfx); i++) {
        out_reg(f, 0x3ce, i, 0xff);
        g_assert_cmphex(in_reg(f, 0x3ce, i), ==, gfx[i]);
    }
    for (unsigned i = 0; i < 25; i++) {
        out_reg(f, 0x3d4, 0x11, 0);
        out_reg(f, 0x3d4, i, 0xa5);
        g_assert_cmphex(in_reg(f, 0x3d4, i), ==, 0xa5);
    }
    for (unsigned i = 0; i < 16; i++) {
        out_attr(f, i, 0xff);
        inb(f, 0x3da);
        outb(f, 0x3c0, i);
        g_assert_cmphex(inb(f, 0x3c1), ==, 0x3f);
    }
    outb(f, 0x3c2, 0xff);
    g_assert_cmphex(inb(f, 0x3cc), ==, 0xef);
    fixture_free(f);
}

static void test_crtc_protect(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    outb(f, 0x3c2, 0x01);
    for (unsigned i = 0; i < 8; i++) {
        out_reg(f, 0x3d4, i, 0x11);
    }
    out_reg(f, 0x3d4, 0x11, 0x80);
    for (unsigned i = 0; i < 8; i++) {
        out_reg(f, 0x3d4, i, 0xee);
    }
    for (unsigned i = 0; i < 7; i++) {
        g_assert_cmphex(in_reg(f, 0x3d4, i), ==, 0x11);
    }
    g_assert_cmphex(in_reg(f, 0x3d4, 7), ==, 0x01); /* only line compare bit 8 changed */
    out_reg(f, 0x3d4, 7, 0x10);
    g_assert_cmphex(in_reg(f, 0x3d4, 7), ==, 0x11);
    out_reg(f, 0x3d4, 8, 0x22);
    g_assert_cmphex(in_reg(f, 0x3d4, 8), ==, 0x22);
    fixture_free(f);
}

static void test_mono_and_color_ports(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    outb(f, 0x3c2, 0x00);
    out_reg(f, 0x3b4, 0x0f, 0x12);
    g_assert_cmphex(in_reg(f, 0x3b4, 0x0f), ==, 0x12);
    g_assert_cmphex(inb(f, 0x3d4), ==, 0xff);
    g_assert_cmphex(inb(f, 0x3da), ==, 0xff);
    out_reg(f, 0x3d4, 0x0f, 0x34);
    g_assert_cmphex(in_reg(f, 0x3b4, 0x0f), ==, 0x12);
    outb(f, 0x3c2, 0x01);
    g_assert_cmphex(inb(f, 0x3b5), ==, 0xff);
    g_assert_cmphex(in_reg(f, 0x3d4, 0x0f), ==, 0x12);
    fixture_free(f);
}

static void test_attribute_flip_flop(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    outb(f, 0x3c2, 0x01);
    inb(f, 0x3da);
    outb(f, 0x3c0, 0x05);
    outb(f, 0x3c0, 0x2a);
    outb(f, 0x3c0, 0x06); /* an index again */
    g_assert_cmphex(inb(f, 0x3c0), ==, 0x06);
    inb(f, 0x3da);
    outb(f, 0x3c0, 0x05); /* the flip-flop was cleared: not data of 06 */
    g_assert_cmphex(inb(f, 0x3c1), ==, 0x2a);
    g_assert_cmphex(in_reg(f, 0x3d4, 0x24) & 0x80, ==, 0x80);
    fixture_free(f);
}

static void test_dac(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    outb(f, 0x3c8, 254);
    for (unsigned i = 0; i < 9; i++) { /* wraps from 255 to 0 */
        outb(f, 0x3c9, 0xc0 | i);
    }
    g_assert_cmphex(inb(f, 0x3c8), ==, 1);
    outb(f, 0x3c7, 254);
    g_assert_cmphex(inb(f, 0x3c7), ==, 3);
    for (unsigned i = 0; i < 9; i++) {
        g_assert_cmphex(inb(f, 0x3c9), ==, i); /* six bits */
    }
    outb(f, 0x3c8, 7);
    g_assert_cmphex(inb(f, 0x3c7), ==, 0);
    outb(f, 0x3c9, 1);
    outb(f, 0x3c9, 2); /* two of three: the entry is unchanged */
    outb(f, 0x3c7, 7);
    g_assert_cmphex(inb(f, 0x3c9), ==, 0);
    dispi_out(f, 4, 0x20); /* eight bits */
    outb(f, 0x3c8, 7);
    outb(f, 0x3c9, 0xab);
    outb(f, 0x3c9, 0xcd);
    outb(f, 0x3c9, 0xef);
    outb(f, 0x3c7, 7);
    g_assert_cmphex(inb(f, 0x3c9), ==, 0xab);
    fixture_free(f);
}

/* Both bits change within a frame, and the retrace comes once per 14.3 ms (70 Hz). */
static void test_retrace(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);
    unsigned rises = 0, last = 0, display_off = 0;

    mode_set(f, &mode_03h);
    for (unsigned i = 0; i < 100000; i++) { /* one second in steps of 10 us */
        unsigned v = inb(f, 0x3da);

        rises += (v & 8) && !(last & 8);
        display_off += v & 1;
        last = v;
        f->now += 10000;
    }
    g_assert_cmpuint(rises, >=, 69);
    g_assert_cmpuint(rises, <=, 71);
    g_assert_cmpuint(display_off, >, 15000);
    g_assert_cmpuint(display_off, <, 50000);
    fixture_free(f);
}

/* Whatever the CRTC holds, both bits change sooner or later. */
static void test_retrace_any_timing(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    outb(f, 0x3c2, 0x01);
    for (unsigned val = 0; val < 256; val += 51) {
        unsigned set = 0, clear = 0;

        out_reg(f, 0x3d4, 0x11, val & 0x7f);
        for (unsigned i = 0; i < 0x19; i++) {
            out_reg(f, 0x3d4, i, i == 0x11 ? val & 0x7f : val);
        }
        for (unsigned i = 0; i < 200000; i++) {
            unsigned v = inb(f, 0x3da);

            set |= v;
            clear |= ~v;
            f->now += 7000;
        }
        g_assert_cmphex(set & 9, ==, 9);
        g_assert_cmphex(clear & 9, ==, 9);
    }
    fixture_free(f);
}

/* --- the window --- */

static uint8_t peek(struct fixture *f, unsigned addr)
{
    return (uint8_t)bus_read(&f->mmio, addr, 1);
}

static void poke(struct fixture *f, unsigned addr, unsigned val)
{
    bus_write(&f->mmio, addr, 1, val);
}

static void test_window_text(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    mode_set(f, &mode_03h);
    bus_write(&f->mmio, 0xb8000, 2, 0x1f41);
    bus_write(&f->mmio, 0xb8002, 4, 0x2e432d42);
    g_assert_cmphex(bus_read(&f->mmio, 0xb8000, 8), ==, 0x00002e432d421f41);
    g_assert_cmphex(f->vram[0], ==, 0x41);
    g_assert_cmphex(f->vram[1], ==, 0x1f);
    g_assert_cmphex(f->vram[4], ==, 0x42);
    g_assert_cmphex(f->vram[9], ==, 0x2e);
    g_assert_cmphex(f->vram[2] | f->vram[3], ==, 0);
    poke(f, 0xa0000, 0x55); /* outside the decoded part */
    g_assert_cmphex(peek(f, 0xa0000), ==, 0xff);
    g_assert_cmphex(peek(f, 0xb0000), ==, 0xff);
    outb(f, 0x3c2, 0x65); /* RAM disabled */
    poke(f, 0xb8000, 0x99);
    g_assert_cmphex(peek(f, 0xb8000), ==, 0xff);
    outb(f, 0x3c2, 0x67);
    g_assert_cmphex(peek(f, 0xb8000), ==, 0x41);
    fixture_free(f);
}

static void set_dword(struct fixture *f, unsigned n, uint32_t val)
{
    memcpy(f->vram + 4 * n, &val, 4);
}

static uint32_t get_dword(const struct fixture *f, unsigned n)
{
    uint32_t val;

    memcpy(&val, f->vram + 4 * n, 4);
    return val;
}

static void test_window_read_modes(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    mode_set(f, &mode_12h);
    set_dword(f, 5, 0x88442211);
    for (unsigned plane = 0; plane < 4; plane++) {
        out_reg(f, 0x3ce, 4, plane);
        g_assert_cmphex(peek(f, 0xa0005), ==, 0x11 << plane);
        g_assert_cmphex(in_reg(f, 0x3d4, 0x22), ==, 0x11 << plane); /* the latch */
    }
    out_reg(f, 0x3ce, 5, 0x08);
    for (unsigned color = 0; color < 16; color++) {
        uint8_t expect = 0;

        out_reg(f, 0x3ce, 2, color);
        for (unsigned bit = 0; bit < 8; bit++) { /* pixel `bit` has only plane (bit & 3) set */
            expect |= (uint8_t)((color == 1u << (bit & 3)) << bit);
        }
        g_assert_cmphex(peek(f, 0xa0005), ==, expect);
    }
    out_reg(f, 0x3ce, 7, 0); /* no plane matters */
    g_assert_cmphex(peek(f, 0xa0005), ==, 0xff);
    fixture_free(f);
}

/* Reference for write modes 0, 2 and 3, bit by bit. */
static uint32_t spec_write(const uint8_t *g, unsigned map, uint32_t latch, uint32_t old,
                           uint8_t val)
{
    unsigned mode = g[5] & 3, rot = g[3] & 7;
    uint8_t r = (uint8_t)((val >> rot) | (val << (8 - rot)));
    uint32_t out = 0;

    for (unsigned p = 0; p < 4; p++) {
        for (unsigned b = 0; b < 8; b++) {
            unsigned l = latch >> (8 * p + b) & 1, d, mask = g[8] >> b & 1, sr = g[0] >> p & 1;

            if (mode == 0) {
                d = g[1] >> p & 1 ? sr : r >> b & 1;
            } else if (mode == 2) {
                d = val >> p & 1;
            } else {
                d = sr;
                mask &= r >> b & 1;
            }
            switch (g[3] >> 3) {
            case 1:
                d &= l;
                break;
            case 2:
                d |= l;
                break;
            case 3:
                d ^= l;
                break;
            }
            if (mode == 1) {
                d = l;
                mask = 1;
            }
            d = mask ? d : l;
            d = map >> p & 1 ? d : old >> (8 * p + b) & 1;
            out |= (uint32_t)d << (8 * p + b);
        }
    }
    return out;
}

static void test_window_write_modes(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);
    GRand *rand = g_rand_new_with_seed(1);

    mode_set(f, &mode_12h);
    for (unsigned n = 0; n < 20000; n++) {
        uint8_t g[9];
        unsigned map = g_rand_int(rand) & 15;
        uint32_t latch = g_rand_int(rand), old = g_rand_int(rand);
        uint8_t val = (uint8_t)g_rand_int(rand);

        for (unsigned i = 0; i < 9; i++) {
            static const uint8_t mask[] = {15, 15, 15, 31, 3, 3, 0, 15, 255};

            g[i] = (uint8_t)g_rand_int(rand) & mask[i];
        }
        g[6] = 5;
        for (unsigned i = 0; i < 9; i++) {
            out_reg(f, 0x3ce, i, g[i]);
        }
        out_reg(f, 0x3c4, 2, map);
        set_dword(f, 100, latch);
        set_dword(f, 200, old);
        peek(f, 0xa0000 + 100);
        poke(f, 0xa0000 + 200, val);
        g_assert_cmphex(get_dword(f, 200), ==, spec_write(g, map, latch, old, val));
    }
    g_rand_free(rand);
    fixture_free(f);
}

static void test_window_chain4(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);
    const struct mem_flat *m;

    mode_set(f, &mode_13h);
    m = memmap_find(&f->mem, 0xa1234);
    g_assert_nonnull(m); /* shown as memory */
    g_assert_cmphex(m->gpa, ==, 0xa0000);
    g_assert_cmphex(m->len, ==, 0x10000);
    g_assert_cmphex(m->offset, ==, 0);
    g_assert_cmpuint(m->object, ==, FIX_VRAM_OBJECT);
    /* The registers answer the same, for accesses on their way. */
    bus_write(&f->mmio, 0xa0007, 4, 0x44332211);
    g_assert_cmphex(f->vram[7], ==, 0x11);
    g_assert_cmphex(f->vram[10], ==, 0x44);
    g_assert_cmphex(bus_read(&f->mmio, 0xa0007, 4), ==, 0x44332211);
    out_reg(f, 0x3ce, 3, 0x18); /* XOR with the latch: registers again */
    g_assert_null(memmap_find(&f->mem, 0xa1234));
    peek(f, 0xa0007);
    poke(f, 0xa0007, 0xff);
    g_assert_cmphex(f->vram[7], ==, 0xee);
    out_reg(f, 0x3ce, 3, 0);
    g_assert_nonnull(memmap_find(&f->mem, 0xa1234));
    out_reg(f, 0x3c4, 4, 0x06); /* unchained */
    g_assert_null(memmap_find(&f->mem, 0xa1234));
    fixture_free(f);
}

static void test_window_odd_even_planes(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    mode_set(f, &mode_03h);
    /* The font: sequential, plane 2, A0000. */
    out_reg(f, 0x3c4, 2, 4);
    out_reg(f, 0x3c4, 4, 7);
    out_reg(f, 0x3ce, 4, 2);
    out_reg(f, 0x3ce, 5, 0);
    out_reg(f, 0x3ce, 6, 4);
    poke(f, 0xa0000 + 0x41 * 32 + 3, 0x7e);
    g_assert_cmphex(peek(f, 0xa0000 + 0x41 * 32 + 3), ==, 0x7e);
    g_assert_cmphex(f->vram[(0x41 * 32 + 3) * 4 + 2], ==, 0x7e);
    fixture_free(f);
}

/* --- DISPI --- */

static void test_dispi_limits(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    dispi_out(f, 0, 0xb0c4);
    g_assert_cmphex(dispi_in(f, 0), ==, 0xb0c4);
    dispi_out(f, 0, 0x1234);
    g_assert_cmphex(dispi_in(f, 0), ==, 0xb0c4);
    dispi_out(f, 4, 2); /* GETCAPS */
    g_assert_cmpuint(dispi_in(f, 1), ==, SURFACE_MAX_WIDTH);
    g_assert_cmpuint(dispi_in(f, 2), ==, SURFACE_MAX_HEIGHT);
    g_assert_cmpuint(dispi_in(f, 3), ==, 32);
    dispi_mode(f, 1024, 768, 32, 0x41);
    g_assert_cmpuint(dispi_in(f, 1), ==, 1024);
    g_assert_cmpuint(dispi_in(f, 2), ==, 768);
    g_assert_cmpuint(dispi_in(f, 6), ==, 1024);
    g_assert_cmpuint(dispi_in(f, 7), ==, 4096);
    dispi_out(f, 9, 5000); /* no further than the last whole screen */
    g_assert_cmpuint(dispi_in(f, 9), ==, 4096 - 768);
    dispi_out(f, 6, 2048);
    g_assert_cmpuint(dispi_in(f, 7), ==, 2048);
    g_assert_cmpuint(dispi_in(f, 9), ==, 2048 - 768);
    dispi_out(f, 7, 9999); /* read only */
    g_assert_cmpuint(dispi_in(f, 7), ==, 2048);
    dispi_out(f, 5, 0xffff);
    g_assert_cmpuint(dispi_in(f, 5), ==, 255);
    dispi_mode(f, 65535, 65535, 77, 0x41);
    g_assert_cmpuint(dispi_in(f, 1), ==, SURFACE_MAX_WIDTH);
    g_assert_cmpuint(dispi_in(f, 2), ==, SURFACE_MAX_HEIGHT);
    g_assert_cmpuint(dispi_in(f, 3), ==, 8);
    dispi_mode(f, 0, 0, 16, 0x41);
    g_assert_cmpuint(dispi_in(f, 1), ==, 8);
    g_assert_cmpuint(dispi_in(f, 2), ==, 1);
    g_assert_cmphex(bus_read(&f->pio, 0x1d0, 2), ==, 1); /* the data port's other place */
    fixture_free(f);
}

static void test_dispi_clears_memory(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    memset(f->vram, 0xaa, SPEC_VRAM);
    dispi_mode(f, 640, 480, 16, 0xc1);
    g_assert_cmphex(f->vram[0], ==, 0xaa);
    dispi_mode(f, 640, 480, 16, 0x41);
    g_assert_cmphex(f->vram[0], ==, 0);
    g_assert_cmphex(f->vram[640 * 480 * 2 - 1], ==, 0);
    g_assert_cmphex(f->vram[640 * 480 * 2], ==, 0xaa);
    fixture_free(f);
}

static void test_dispi_bank(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);
    const struct mem_flat *m;

    dispi_mode(f, 1024, 768, 8, 0x01);
    dispi_out(f, 5, 3);
    m = memmap_find(&f->mem, 0xa0000);
    g_assert_nonnull(m);
    g_assert_cmphex(m->offset, ==, 0x30000);
    g_assert_cmphex(m->len, ==, 0x10000);
    poke(f, 0xa0010, 0x5c);
    g_assert_cmphex(f->vram[0x30010], ==, 0x5c);
    dispi_mode(f, 1024, 768, 4, 0x01);
    g_assert_null(memmap_find(&f->mem, 0xa0000));
    dispi_out(f, 5, 1);
    out_reg(f, 0x3c4, 2, 0x0f);
    out_reg(f, 0x3ce, 8, 0xff);
    poke(f, 0xa0003, 0x81);
    g_assert_cmphex(get_dword(f, 0x10003), ==, 0x81818181);
    dispi_out(f, 4, 0);
    g_assert_null(memmap_find(&f->mem, 0xa0000));
    fixture_free(f);
}

/* --- PCI function --- */

static uint32_t cfg(struct fixture *f, unsigned off)
{
    return pci_config_read(&f->pci, PCI_DEVFN(2, 0), off, 4);
}

static void cfg_write(struct fixture *f, unsigned off, uint32_t val)
{
    pci_config_write(&f->pci, PCI_DEVFN(2, 0), off, 4, val);
}

static void test_pci(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    g_assert_cmphex(cfg(f, 0), ==, 0x11111234);
    g_assert_cmphex(cfg(f, 8), ==, 0x03000002);
    g_assert_cmphex(cfg(f, 0x2c), ==, 0x11001af4);
    cfg_write(f, 0x10, 0xffffffff);
    cfg_write(f, 0x18, 0xffffffff);
    cfg_write(f, 0x30, 0xffffffff);
    g_assert_cmphex(cfg(f, 0x10), ==, 0xff000008);
    g_assert_cmphex(cfg(f, 0x18), ==, 0xfffff000);
    g_assert_cmphex(cfg(f, 0x30), ==, 0xffff0001);
    cfg_write(f, 0x10, FIX_LFB);
    cfg_write(f, 0x18, FIX_MMIO);
    cfg_write(f, 0x30, FIX_ROM | 1);
    g_assert_null(memmap_find(&f->mem, FIX_LFB));
    cfg_write(f, 4, 3);
    g_assert_cmpuint(memmap_find(&f->mem, FIX_LFB)->len, ==, SPEC_VRAM);
    g_assert_cmpuint(memmap_find(&f->mem, FIX_ROM)->kind, ==, MEM_ROM);
    g_assert_cmpuint(memmap_find(&f->mem, FIX_ROM)->object, ==, FIX_ROM_OBJECT);
    fixture_free(f);
}

static void test_no_rom(void)
{
    struct fixture *f = fixture_with_rom(SPEC_VRAM, 0);

    cfg_write(f, 0x30, 0xffffffff);
    g_assert_cmphex(cfg(f, 0x30), ==, 0);
    cfg_write(f, 4, 3);
    g_assert_null(memmap_find(&f->mem, FIX_ROM));
    fixture_free(f);
}

static void test_bad_sizes(void)
{
    static const uint32_t bad[][2] = {
        {0, 0}, {0x20000, 0}, {0x20000000, 0}, {0x50000, 0}, {SPEC_VRAM, 0x1000001}};
    struct hw hw = {0};
    struct vga vga;

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct vga_config cfg = {.vram_size = bad[i][0], .rom_size = bad[i][1]};

        g_assert_cmpint(vga_init(&vga, &hw, NULL, &cfg), ==, -EINVAL);
    }
}

static void test_mmio_bar(void)
{
    static const uint8_t header[8] = {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};
    struct fixture *f = fixture_new(SPEC_VRAM);
    uint8_t sum = 0;

    cfg_write(f, 0x18, FIX_MMIO);
    cfg_write(f, 4, 2);
    for (unsigned i = 0; i < 128; i++) {
        uint8_t val = peek(f, FIX_MMIO + i);

        g_assert_true(i >= 8 || val == header[i]);
        sum = (uint8_t)(sum + val);
    }
    g_assert_cmpuint(sum, ==, 0);
    poke(f, FIX_MMIO + 0x400 + 2, 0x67); /* 3C2 */
    g_assert_cmphex(inb(f, 0x3cc), ==, 0x67);
    bus_write(&f->mmio, FIX_MMIO + 0x414, 2, 0x550f); /* 3D4, 3D5 */
    g_assert_cmphex(in_reg(f, 0x3d4, 0x0f), ==, 0x55);
    g_assert_cmphex(bus_read(&f->mmio, FIX_MMIO + 0x500, 2), ==, 0xb0c5);
    bus_write(&f->mmio, FIX_MMIO + 0x502, 4, 600 << 16 | 800);
    g_assert_cmpuint(dispi_in(f, 1), ==, 800);
    g_assert_cmpuint(dispi_in(f, 2), ==, 600);
    g_assert_cmphex(bus_read(&f->mmio, FIX_MMIO + 0x600, 4), ==, 8);
    g_assert_cmphex(bus_read(&f->mmio, FIX_MMIO + 0x604, 4), ==, 0x1e1e1e1e);
    bus_write(&f->mmio, FIX_MMIO + 0x604, 4, 0xbebebebe);
    g_assert_cmphex(bus_read(&f->mmio, FIX_MMIO + 0x604, 4), ==, 0xbebebebe);
    bus_write(&f->mmio, FIX_MMIO + 0x604, 4, 0x12345678);
    g_assert_cmphex(bus_read(&f->mmio, FIX_MMIO + 0x604, 4), ==, 0xbebebebe);
    fixture_free(f);
}

/* --- state --- */

static void test_save_and_load(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM), *g = fixture_new(SPEC_VRAM);

    mode_set(f, &mode_13h);
    cfg_write(f, 0x10, FIX_LFB);
    cfg_write(f, 4, 3);
    memcpy(g->block, f->block, 65536);
    g_assert_cmpint(g->vga.dev.cls->check(g->vga.s), ==, 0);
    arena_resume(&g->arena);
    g_assert_nonnull(memmap_find(&g->mem, 0xa0000));
    g_assert_nonnull(memmap_find(&g->mem, FIX_LFB));
    g_assert_cmphex(in_reg(g, 0x3d4, 9), ==, 0x41);
    fixture_free(f);
    fixture_free(g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vga/reset-values", test_reset_values);
    g_test_add_func("/vga/reset-assigns-all", test_reset_assigns_all);
    g_test_add_func("/vga/writable-bits", test_writable_bits);
    g_test_add_func("/vga/crtc-protect", test_crtc_protect);
    g_test_add_func("/vga/mono-and-color-ports", test_mono_and_color_ports);
    g_test_add_func("/vga/attribute-flip-flop", test_attribute_flip_flop);
    g_test_add_func("/vga/dac", test_dac);
    g_test_add_func("/vga/retrace", test_retrace);
    g_test_add_func("/vga/retrace-any-timing", test_retrace_any_timing);
    g_test_add_func("/vga/window/text", test_window_text);
    g_test_add_func("/vga/window/read-modes", test_window_read_modes);
    g_test_add_func("/vga/window/write-modes", test_window_write_modes);
    g_test_add_func("/vga/window/chain4", test_window_chain4);
    g_test_add_func("/vga/window/font-plane", test_window_odd_even_planes);
    g_test_add_func("/vga/dispi/limits", test_dispi_limits);
    g_test_add_func("/vga/dispi/clears-memory", test_dispi_clears_memory);
    g_test_add_func("/vga/dispi/bank", test_dispi_bank);
    g_test_add_func("/vga/pci", test_pci);
    g_test_add_func("/vga/no-rom", test_no_rom);
    g_test_add_func("/vga/bad-sizes", test_bad_sizes);
    g_test_add_func("/vga/mmio-bar", test_mmio_bar);
    g_test_add_func("/vga/save-and-load", test_save_and_load);
    return g_test_run();
}
