/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VGA on buses of its own, with a clock stepped by hand. Pages that cannot be touched lie on both
 * sides of its video memory, canaries behind the pixels.
 */
#ifndef CLEAVE_TEST_VGA_H
#define CLEAVE_TEST_VGA_H

#include <glib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/bus.h"
#include "core/clock.h"
#include "core/memmap.h"
#include "vga/vga.h"

#define FIX_VRAM_OBJECT 1u
#define FIX_ROM_OBJECT  2u
#define FIX_GUARD       0x1000000u
#define FIX_CANARY      0xc5
#define FIX_LFB         0xe0000000u
#define FIX_MMIO        0xfe000000u
#define FIX_ROM         0xfe010000u
#define FIX_PIXEL_GUARD 4096u

struct fixture {
    struct bus pio;
    struct bus mmio;
    struct memmap mem;
    struct clock clock;
    struct arena arena;
    struct pci_bus pci;
    struct vga vga;
    struct surface surface;
    uint64_t now;
    uint32_t vram_size;
    uint8_t *guarded; /* guard pages, vram, guard pages */
    uint8_t *vram;
    uint32_t *pixels;
    uint8_t *block;
};

static uint64_t fix_now(void *opaque)
{
    return ((struct fixture *)opaque)->now;
}

static G_GNUC_UNUSED void outb(struct fixture *f, unsigned port, unsigned val)
{
    bus_write(&f->pio, port, 1, val);
}

static G_GNUC_UNUSED unsigned inb(struct fixture *f, unsigned port)
{
    return (unsigned)bus_read(&f->pio, port, 1);
}

/* Index and data by one 16-bit OUT. */
static G_GNUC_UNUSED void out_reg(struct fixture *f, unsigned port, unsigned index, unsigned val)
{
    bus_write(&f->pio, port, 2, index | val << 8);
}

static G_GNUC_UNUSED unsigned in_reg(struct fixture *f, unsigned port, unsigned index)
{
    outb(f, port, index);
    return inb(f, port + 1);
}

static G_GNUC_UNUSED void out_attr(struct fixture *f, unsigned index, unsigned val)
{
    inb(f, 0x3da);
    outb(f, 0x3c0, index);
    outb(f, 0x3c0, val);
}

static G_GNUC_UNUSED void dispi_out(struct fixture *f, unsigned index, unsigned val)
{
    bus_write(&f->pio, 0x1ce, 2, index);
    bus_write(&f->pio, 0x1cf, 2, val);
}

static G_GNUC_UNUSED unsigned dispi_in(struct fixture *f, unsigned index)
{
    bus_write(&f->pio, 0x1ce, 2, index);
    return (unsigned)bus_read(&f->pio, 0x1cf, 2);
}

static G_GNUC_UNUSED void dispi_mode(struct fixture *f, unsigned x, unsigned y, unsigned bpp,
                                     unsigned flags)
{
    dispi_out(f, 4, 0);
    dispi_out(f, 1, x);
    dispi_out(f, 2, y);
    dispi_out(f, 3, bpp);
    dispi_out(f, 4, flags);
    outb(f, 0x3c2, 0x67); /* colour: 3DA answers */
    inb(f, 0x3da);
    outb(f, 0x3c0, 0x20);
}

/* Nothing was drawn beyond the surface. (Video memory's guards speak for themselves.) */
static G_GNUC_UNUSED void check_guards(const struct fixture *f)
{
    for (unsigned i = 0; i < FIX_PIXEL_GUARD; i++) {
        g_assert_cmphex(f->pixels[SURFACE_MAX_WIDTH * SURFACE_MAX_HEIGHT + i], ==, 0xc5c5c5c5);
    }
}

static G_GNUC_UNUSED void render(struct fixture *f, unsigned flags)
{
    vga_render(&f->vga, &f->surface, flags);
    g_assert_cmpuint(f->surface.width, <=, SURFACE_MAX_WIDTH);
    g_assert_cmpuint(f->surface.height, <=, SURFACE_MAX_HEIGHT);
    g_assert_cmpuint(f->surface.width, >, 0);
    g_assert_cmpuint(f->surface.height, >, 0);
}

static G_GNUC_UNUSED uint32_t pixel(const struct fixture *f, unsigned x, unsigned y)
{
    g_assert_cmpuint(x, <, f->surface.width);
    g_assert_cmpuint(y, <, f->surface.height);
    return f->surface.pixels[y * f->surface.width + x];
}

static struct fixture *fixture_with_rom(uint32_t vram_size, uint32_t rom_size)
{
    struct fixture *f = g_new0(struct fixture, 1);
    size_t npixels = SURFACE_MAX_WIDTH * SURFACE_MAX_HEIGHT + FIX_PIXEL_GUARD;
    struct hw hw;

    f->vram_size = vram_size;
    f->guarded = mmap(NULL, (size_t)vram_size + 2 * FIX_GUARD, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert_true(f->guarded != MAP_FAILED);
    f->vram = f->guarded + FIX_GUARD;
    g_assert_cmpint(mprotect(f->vram, vram_size, PROT_READ | PROT_WRITE), ==, 0);
    f->pixels = g_malloc(npixels * 4);
    memset(f->pixels, FIX_CANARY, npixels * 4);
    f->surface.pixels = f->pixels;
    bus_init(&f->pio, 0xffff);
    bus_init(&f->mmio, UINT64_MAX);
    memmap_init(&f->mem);
    memmap_set_object(&f->mem, FIX_VRAM_OBJECT, f->vram, vram_size);
    memmap_set_object(&f->mem, FIX_ROM_OBJECT, NULL, 65536);
    f->block = g_malloc0(65536);
    arena_init(&f->arena, f->block, 65536);
    f->clock.now = fix_now;
    f->clock.opaque = f;
    g_assert_cmpint(clock_init(&f->clock, &f->arena, "clock"), ==, 0);
    hw = (struct hw){
        .pio = &f->pio, .mmio = &f->mmio, .mem = &f->mem, .clock = &f->clock, .arena = &f->arena};
    g_assert_cmpint(pci_bus_init(&f->pci, &hw), ==, 0);
    struct vga_config cfg = {.vram = f->vram,
                             .vram_size = vram_size,
                             .vram_object = FIX_VRAM_OBJECT,
                             .rom_object = FIX_ROM_OBJECT,
                             .rom_size = rom_size,
                             .devfn = PCI_DEVFN(2, 0)};
    g_assert_cmpint(vga_init(&f->vga, &hw, &f->pci, &cfg), ==, 0);
    arena_reset(&f->arena, RESET_POWER_ON);
    return f;
}

static struct fixture *fixture_new(uint32_t vram_size)
{
    return fixture_with_rom(vram_size, 39936);
}

static void fixture_free(struct fixture *f)
{
    check_guards(f);
    munmap(f->guarded, (size_t)f->vram_size + 2 * FIX_GUARD);
    g_free(f->pixels);
    g_free(f->block);
    g_free(f);
}

/* --- modes as the IBM BIOS programs them (data sheet tables) --- */

struct vga_mode {
    uint8_t misc;
    uint8_t seq[5];
    uint8_t crtc[25];
    uint8_t attr[21];
    uint8_t gfx[9];
};

static G_GNUC_UNUSED const struct vga_mode mode_03h = {
    0x67,
    {0x03, 0x00, 0x03, 0x00, 0x02},
    {0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00,
     0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff},
    {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a,
     0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00},
    {0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x0f, 0xff},
};

static G_GNUC_UNUSED const struct vga_mode mode_01h = {
    0x67,
    {0x03, 0x08, 0x03, 0x00, 0x02},
    {0x2d, 0x27, 0x28, 0x90, 0x2b, 0xa0, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00,
     0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x14, 0x1f, 0x96, 0xb9, 0xa3, 0xff},
    {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a,
     0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00},
    {0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x0f, 0xff},
};

static G_GNUC_UNUSED const struct vga_mode mode_04h = {
    0x63,
    {0x03, 0x09, 0x03, 0x00, 0x02},
    {0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0x00, 0xc1, 0x00, 0x00, 0x00,
     0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x14, 0x00, 0x96, 0xb9, 0xa2, 0xff},
    {0x00, 0x13, 0x15, 0x17, 0x02, 0x04, 0x06, 0x07, 0x10, 0x11, 0x12,
     0x13, 0x14, 0x15, 0x16, 0x17, 0x01, 0x00, 0x03, 0x00, 0x00},
    {0x00, 0x00, 0x00, 0x00, 0x00, 0x30, 0x0f, 0x0f, 0xff},
};

static G_GNUC_UNUSED const struct vga_mode mode_12h = {
    0xe3,
    {0x03, 0x01, 0x0f, 0x00, 0x06},
    {0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0x00, 0x40, 0x00, 0x00, 0x00,
     0x00, 0x00, 0x00, 0xea, 0x8c, 0xdf, 0x28, 0x00, 0xe7, 0x04, 0xe3, 0xff},
    {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a,
     0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x01, 0x00, 0x0f, 0x00, 0x00},
    {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x0f, 0xff},
};

static G_GNUC_UNUSED const struct vga_mode mode_13h = {
    0x63,
    {0x03, 0x01, 0x0f, 0x00, 0x0e},
    {0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0x41, 0x00, 0x00, 0x00,
     0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff},
    {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a,
     0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x41, 0x00, 0x0f, 0x00, 0x00},
    {0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x05, 0x0f, 0xff},
};

/* Programs a mode; DAC entry n gets red = n & 63, green = n ^ 63, blue = 2 * n & 63. */
static G_GNUC_UNUSED void mode_set(struct fixture *f, const struct vga_mode *m)
{
    outb(f, 0x3c2, m->misc);
    for (unsigned i = 0; i < 5; i++) {
        out_reg(f, 0x3c4, i, m->seq[i]);
    }
    out_reg(f, 0x3d4, 0x11, 0);
    for (unsigned i = 0; i < 25; i++) {
        out_reg(f, 0x3d4, i, m->crtc[i]);
    }
    for (unsigned i = 0; i < 9; i++) {
        out_reg(f, 0x3ce, i, m->gfx[i]);
    }
    for (unsigned i = 0; i < 21; i++) {
        out_attr(f, i, m->attr[i]);
    }
    outb(f, 0x3c6, 0xff);
    outb(f, 0x3c8, 0);
    for (unsigned i = 0; i < 256; i++) {
        outb(f, 0x3c9, i & 63);
        outb(f, 0x3c9, (i & 63) ^ 63);
        outb(f, 0x3c9, 2 * i & 63);
    }
    inb(f, 0x3da);
    outb(f, 0x3c0, 0x20);
}

/* 6 bits to 8 as the screen shows them, from the definition: the low bit is repeated. */
static G_GNUC_UNUSED uint32_t spec_widen(unsigned v)
{
    return (v & 63) << 2 | (v & 1) * 3;
}

static G_GNUC_UNUSED uint32_t spec_dac(unsigned i)
{
    return spec_widen(i & 63) << 16 | spec_widen((i & 63) ^ 63) << 8 | spec_widen(2 * i & 63);
}

#endif
