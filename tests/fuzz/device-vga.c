/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz targets: the VGA's registers and memory, and the same with the picture drawn at the end. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "vga/vga.h"

#define VRAM_SIZE       (1u << 20)
#define VRAM_OBJECT     1u
#define ROM_OBJECT      2u
#define ROM_SIZE        0xa000u
#define ROM_OBJECT_SIZE 0x10000u

enum {
    WIN_LEGACY,
    WIN_DISPI,
    WIN_WINDOW,
    WIN_MMIO,
    WIN_LFB,
    WIN_ROM,
};

static struct vga vga;
static struct surface surface;

static void windows_add(struct fuzz_world *w)
{
    const struct fuzz_window window[] = {
        {"vga", FUZZ_PIO, 0x3b0, 0x30, NULL, NULL},
        {"dispi", FUZZ_PIO, 0x1ce, 4, NULL, NULL},
        {"a0000", FUZZ_MEM, 0xa0000, 0x20000, NULL, NULL},
        {"vga-mmio", FUZZ_MEM, 0xfebf0000, 0x1000, &vga.mmio, NULL},
        {"frame-buffer", FUZZ_MEM, 0xfd000000, VRAM_SIZE, NULL, &vga.lfb},
        {"vga-rom", FUZZ_MEM, 0xfebe0000, ROM_OBJECT_SIZE, NULL, &vga.rom},
    };

    for (unsigned i = 0; i < sizeof(window) / sizeof(window[0]); i++) {
        fuzz_window_add(w, &window[i]);
    }
}

static void text_read(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    static char text[VGA_TEXT_SIZE];
    size_t size = val & 1 ? sizeof(text) : addr % sizeof(text);
    int rows = vga_text(&vga, text, size);

    fuzz_note(w, "%d rows of text", rows);
    fuzz_answer(w, (uint64_t)rows);
    if (rows >= 0 && memchr(text, 0, size) == NULL) {
        fuzz_finding(w, "vga_text() left no NUL in %zu bytes", size);
    }
}

static bool vga_setup(struct fuzz_world *w)
{
    static uint8_t rom[ROM_OBJECT_SIZE];
    struct vga_config cfg = {.vram_size = VRAM_SIZE,
                             .vram_object = VRAM_OBJECT,
                             .rom_object = ROM_OBJECT,
                             .rom_size = ROM_SIZE,
                             .devfn = PCI_DEVFN(2, 0)};

    fuzz_vram_new(w, VRAM_SIZE);
    cfg.vram = w->vram;
    cfg.vram_dirty = w->vram_dirty;
    memmap_set_object(w->hw.mem, VRAM_OBJECT, w->vram, VRAM_SIZE);
    memmap_set_object(w->hw.mem, ROM_OBJECT, rom, sizeof(rom));
    windows_add(w);
    fuzz_action_add(w, "screen text", text_read);
    return fuzz_pci_new(w) && vga_init(&vga, &w->hw, w->pci, &cfg) == 0;
}

static bool render_setup(struct fuzz_world *w)
{
    free(surface.pixels);
    surface.pixels = malloc(sizeof(uint32_t) * SURFACE_MAX_WIDTH * SURFACE_MAX_HEIGHT);
    return surface.pixels && vga_setup(w);
}

static void render_end(struct fuzz_world *w)
{
    vga_render(&vga, &surface, vga.s->crtc_index >> 1 & 3);
    if (surface.width > SURFACE_MAX_WIDTH || surface.height > SURFACE_MAX_HEIGHT) {
        fuzz_finding(w, "a picture of %ux%u", surface.width, surface.height);
    }
    fuzz_answer(w, (uint64_t)surface.width << 32 | surface.height);
    fuzz_note(w, "the picture is %ux%u", surface.width, surface.height);
}

/* --- typical sequences --- */

static struct fuzz_op out(unsigned window, unsigned addr, unsigned size, uint64_t val)
{
    return (struct fuzz_op){FUZZ_WRITE, (uint8_t)size, (uint8_t)window, addr, val};
}

static size_t dispi_mode(uint64_t r, struct fuzz_op *op)
{
    static const uint8_t bpp[] = {4, 8, 15, 16, 24, 32, 8, 7};
    static const uint16_t wide[] = {8, 320, 640, 800, 1024, 1280, 2560, 65535};
    const uint16_t val[][2] = {{4, 0},
                               {1, wide[r & 7]},
                               {2, (uint16_t)(r >> 3 & 0x3ff)},
                               {3, bpp[r >> 13 & 7]},
                               {4, (uint16_t)(1 | (r >> 16 & 0xe0))},
                               {6, (uint16_t)(r >> 24 & 0xfff)},
                               {8, (uint16_t)(r >> 36 & 0x3f)},
                               {9, (uint16_t)(r >> 42 & 0x3ff)},
                               {5, (uint16_t)(r >> 52 & 0x1f)}};
    unsigned count = r >> 60 & 1 ? 9 : 5;
    size_t n = 0;

    for (unsigned i = 0; i < count; i++) {
        op[n++] = out(WIN_DISPI, 0, 2, val[i][0]);
        op[n++] = out(WIN_DISPI, 2, 2, val[i][1]);
    }
    return n;
}

/* Register files by index: sequencer, graphics controller, CRTC, attributes. */
static size_t register_write(uint64_t r, struct fuzz_op *op)
{
    static const struct {
        uint16_t port;
        uint8_t count;
    } file[] = {{0x14, 5}, {0x1e, 9}, {0x24, 40}, {0x04, 40}};
    unsigned f = r & 3;

    if (r & 4) {
        op[0] = (struct fuzz_op){FUZZ_READ, 1, WIN_LEGACY, 0x2a, 0};
        op[1] = out(WIN_LEGACY, 0x10, 1, r >> 8 & 0x3f);
        op[2] = out(WIN_LEGACY, 0x10, 1, r >> 16 & 0xff);
        return 3;
    }
    op[0] = out(WIN_LEGACY, file[f].port, 2, (r >> 8) % file[f].count | (r >> 16 & 0xff) << 8);
    return 1;
}

static size_t bars_enable(uint64_t r, struct fuzz_op *op)
{
    op[0] = (struct fuzz_op){FUZZ_CFG_WRITE, 4, 0, 0x10, 0xfd000000};
    op[1] = (struct fuzz_op){FUZZ_CFG_WRITE, 4, 0, 0x18, 0xfebf0000};
    op[2] = (struct fuzz_op){FUZZ_CFG_WRITE, 4, 0, 0x30, 0xfebe0001};
    op[3] = (struct fuzz_op){FUZZ_CFG_WRITE, 2, 0, 0x04, 3};
    return 4;
}

/* Register sets of BIOS modes: planar, CGA, 256 colours, text; with their oddities at random. */
static size_t bios_mode(uint64_t r, struct fuzz_op *op)
{
    static const struct {
        uint8_t seq4, gfx5, gfx6, crtc17, attr10;
    } mode[] = {{0x06, 0x00, 0x05, 0xe3, 0x01}, {0x02, 0x30, 0x0f, 0xa2, 0x01},
                {0x0e, 0x40, 0x05, 0xa3, 0x41}, {0x02, 0x10, 0x0e, 0xa3, 0x0c},
                {0x06, 0x40, 0x05, 0xe3, 0x41}, {0x02, 0x10, 0x0a, 0xa3, 0x0e}};
    unsigned m = (unsigned)(r & 0xff) % 6;
    const uint16_t val[][2] = {
        {0x12, 0x63},
        {0x14, (uint16_t)(4 | mode[m].seq4 << 8)},
        {0x14, (uint16_t)(2 | (r & 0x100 ? 0x0f00 : r >> 16 & 0x0f00))},
        {0x14, (uint16_t)(1 | (r >> 20 & 0x0900))},
        {0x1e, (uint16_t)(5 | mode[m].gfx5 << 8)},
        {0x1e, (uint16_t)(6 | mode[m].gfx6 << 8)},
        {0x1e, (uint16_t)(1 | (r & 0x200 ? 0 : 0x0300))},
        {0x1e, (uint16_t)(3 | (r & 0x400 ? 0 : 0x0800))},
        {0x1e, (uint16_t)(8 | (r & 0x800 ? 0xff00 : 0x0f00))},
        {0x24, 0x4f01},
        {0x24, (uint16_t)(0x12 | (r >> 32 & 0xff00))},
        {0x24, (uint16_t)(0x09 | (r >> 12 & 0xff00))},
        {0x24, (uint16_t)(0x13 | 0x2800)},
        {0x24, (uint16_t)(0x18 | (r >> 40 & 0xff00))},
        {0x24, (uint16_t)(0x17 | mode[m].crtc17 << 8)},
    };
    size_t n = 0;

    for (unsigned i = 0; i < sizeof(val) / sizeof(val[0]); i++) {
        op[n++] = out(WIN_LEGACY, val[i][0], i ? 2 : 1, val[i][1]);
    }
    op[n++] = (struct fuzz_op){FUZZ_READ, 1, WIN_LEGACY, 0x2a, 0};
    op[n++] = out(WIN_LEGACY, 0x10, 1, 0x10);
    op[n++] = out(WIN_LEGACY, 0x10, 1, mode[m].attr10 | (r >> 48 & 0x28));
    op[n++] = out(WIN_LEGACY, 0x10, 1, 0x20 | 0x13);
    op[n++] = out(WIN_LEGACY, 0x10, 1, r >> 52 & 0x0f);
    return n;
}

/* Characters and attributes that text modes treat apart, and BAR 2's own registers. */
static size_t text_cells(uint64_t r, struct fuzz_op *op)
{
    static const uint8_t cell[] = {0xc0, 0xdf, 0xe0, 0xb0, 0x41, 0x7f, 0x00, 0x20};
    static const uint8_t attr[] = {0x01, 0x87, 0x07, 0xf1};
    size_t n = bios_mode((r & ~0xffull) | (r & 1 ? 3 : 5), op);

    n += bars_enable(r, &op[n]);

    for (unsigned i = 0; i < 4; i++, r >>= 8) {
        op[n++] = out(WIN_WINDOW, 0x18000 + i * 2 + (uint32_t)(r >> 40 & 0x1e0), 2,
                      cell[r & 7] | (uint64_t)attr[r >> 3 & 3] << 8);
    }
    op[n++] = out(WIN_MMIO, 0x604, 4, r & 1 ? 0xbebebebe : 0x1e1e1e1e);
    op[n++] = out(WIN_LEGACY, 0x24, 1, r >> 4 & 0x27);
    op[n++] = (struct fuzz_op){FUZZ_READ, 4, WIN_MMIO, 0x600 + (uint32_t)(r >> 1 & 12), 0};
    return n;
}

/* Memory shown, then the window written and read. */
static size_t window_use(uint64_t r, struct fuzz_op *op)
{
    op[0] = out(WIN_LEGACY, 0x12, 1, r & 0xff);
    op[1] = (struct fuzz_op){FUZZ_READ, 1, WIN_WINDOW, (uint32_t)(r >> 8 & 0x1ffff), 0};
    op[2] = (struct fuzz_op){FUZZ_WRITE, (uint8_t)(1u << (r >> 26 & 3)), WIN_WINDOW,
                             (uint32_t)(r >> 8 & 0x1ffff), r >> 32};
    return 3;
}

static size_t vga_generate(uint64_t (*rnd)(void), struct fuzz_op *op, size_t max)
{
    uint64_t r = rnd();

    switch (r >> 56 & 15) {
    case 0:
    case 1:
        return dispi_mode(rnd(), op);
    case 2:
        return bars_enable(r, op);
    case 3:
    case 4:
    case 5:
        op[0] = out(WIN_LEGACY, 0x12, 1, r >> 8 & 0xff);
        return 1;
    case 6:
    case 7:
        return window_use(rnd(), op);
    case 8:
        return text_cells(rnd(), op);
    case 9:
        return bios_mode(rnd(), op);
    default:
        return register_write(rnd(), op);
    }
}

FUZZ_TARGET(vga) = {
    .name = "vga",
    .about = "standard VGA with DISPI: registers, memory window, text",
    .setup = vga_setup,
    .generate = vga_generate,
};

FUZZ_TARGET(vga_render) = {
    .name = "vga-render",
    .about = "the same VGA, and the picture drawn after each input",
    .setup = render_setup,
    .end = render_end,
    .generate = vga_generate,
};
