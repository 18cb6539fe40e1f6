/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The picture of every kind of mode, against expectations computed here from the data sheet. */
#include "test-vga.h"

#define SPEC_VRAM (16u << 20)

/* Glyph line of the test font: distinct for each character and line. */
static uint8_t spec_glyph(unsigned font, unsigned ch, unsigned line)
{
    return (uint8_t)(ch * 7 + line * 37 + font * 91 + (ch >> 3));
}

static void font_load(struct fixture *f, unsigned place, unsigned font)
{
    for (unsigned ch = 0; ch < 256; ch++) {
        for (unsigned line = 0; line < 32; line++) {
            f->vram[(place * 8192 + ch * 32 + line) * 4 + 2] = spec_glyph(font, ch, line);
        }
    }
}

/* Cells through the window: character i, attribute from i, bit 7 clear. */
static unsigned spec_char(unsigned cell)
{
    return cell & 0xff;
}

static unsigned spec_attr(unsigned cell)
{
    return (cell * 5 + (cell >> 8)) & 0x7f;
}

static void cells_fill(struct fixture *f, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        bus_write(&f->mmio, 0xb8000 + 2 * i, 2, spec_char(i) | spec_attr(i) << 8);
    }
}

/* Attribute controller of the text modes above: 0-5, 14h, 7, 38h-3Fh. */
static uint32_t spec_color(unsigned i)
{
    return spec_dac(i < 8 ? (i == 6 ? 0x14 : i) : 0x30 + i);
}

static uint32_t spec_dot(unsigned font, unsigned cell, unsigned dot, unsigned line)
{
    unsigned ch = spec_char(cell), attr = spec_attr(cell);
    uint8_t glyph = spec_glyph(font, ch, line);
    bool joins = ch >= 0xb0 && ch <= 0xdf;
    bool on = dot < 8 ? glyph >> (7 - dot) & 1 : joins && (glyph & 1);

    return spec_color(on ? attr & 15 : attr >> 4);
}

static void test_text_80x25(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    mode_set(f, &mode_03h);
    font_load(f, 0, 0);
    cells_fill(f, 2000);
    render(f, 0);
    g_assert_cmpuint(f->surface.width, ==, 720);
    g_assert_cmpuint(f->surface.height, ==, 400);
    for (unsigned y = 0; y < 400; y++) {
        for (unsigned x = 0; x < 720; x++) {
            uint32_t want = spec_dot(0, y / 16 * 80 + x / 9, x % 9, y % 16);

            g_assert_cmphex(pixel(f, x, y), ==, want);
        }
    }
    fixture_free(f);
}

static void test_text_widths(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    mode_set(f, &mode_03h);
    font_load(f, 0, 0);
    cells_fill(f, 2000);
    out_reg(f, 0x3c4, 1, 0x01); /* 8 dots */
    out_attr(f, 0x13, 0);
    outb(f, 0x3c0, 0x20);
    render(f, 0);
    g_assert_cmpuint(f->surface.width, ==, 640);
    for (unsigned x = 0; x < 640; x++) {
        g_assert_cmphex(pixel(f, x, 37), ==, spec_dot(0, 2 * 80 + x / 8, x % 8, 5));
    }
    mode_set(f, &mode_01h); /* 40 columns, dots twice as wide */
    render(f, 0);
    g_assert_cmpuint(f->surface.width, ==, 640);
    for (unsigned x = 0; x < 640; x++) {
        g_assert_cmphex(pixel(f, x, 37), ==, spec_dot(0, 2 * 40 + x / 16, x % 16 / 2, 5));
    }
    fixture_free(f);
}

static void test_text_heights(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    mode_set(f, &mode_03h);
    font_load(f, 0, 0);
    cells_fill(f, 4000);
    out_reg(f, 0x3d4, 9, 0x47); /* 50 rows of 8 lines */
    render(f, 0);
    g_assert_cmpuint(f->surface.height, ==, 400);
    g_assert_cmphex(pixel(f, 13, 395), ==, spec_dot(0, 49 * 80 + 1, 4, 3));
    out_reg(f, 0x3d4, 9, 0xc7); /* 25 rows of 8 lines, each twice */
    render(f, 0);
    g_assert_cmpuint(f->surface.height, ==, 400);
    g_assert_cmphex(pixel(f, 13, 395), ==, spec_dot(0, 24 * 80 + 1, 4, 5));
    out_reg(f, 0x3d4, 9, 0x4d); /* 28 rows of 14 lines: the rest is cut off */
    render(f, 0);
    g_assert_cmpuint(f->surface.height, ==, 392);
    fixture_free(f);
}

static void test_text_fonts(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    mode_set(f, &mode_03h);
    font_load(f, 0, 0);
    font_load(f, 5, 3);
    cells_fill(f, 80);
    /* Place 5 of 8: 8 KiB units; the two low bits of the select count 16 KiB, its third 8 KiB. */
    out_reg(f, 0x3c4, 3, 0x20 | 2 << 2);
    render(f, 0);
    for (unsigned c = 0; c < 80; c++) {
        unsigned font = spec_attr(c) & 8 ? 3 : 0;

        g_assert_cmphex(pixel(f, c * 9 + 2, 6), ==, spec_dot(font, c, 2, 6));
    }
    out_reg(f, 0x3c4, 3, 0x10 | 2); /* the other way round */
    render(f, 0);
    for (unsigned c = 0; c < 80; c++) {
        unsigned font = spec_attr(c) & 8 ? 0 : 3;

        g_assert_cmphex(pixel(f, c * 9 + 2, 6), ==, spec_dot(font, c, 2, 6));
    }
    fixture_free(f);
}

static void test_text_cursor(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);
    uint32_t fg = spec_color(7), bg = spec_color(0);

    mode_set(f, &mode_03h);
    for (unsigned i = 0; i < 2000; i++) {
        bus_write(&f->mmio, 0xb8000 + 2 * i, 2, 0x0700);
    }
    out_reg(f, 0x3d4, 0x0a, 13);
    out_reg(f, 0x3d4, 0x0b, 14);
    out_reg(f, 0x3d4, 0x0e, 0);
    out_reg(f, 0x3d4, 0x0f, 82); /* row 1, column 2 */
    render(f, VGA_CURSOR);
    for (unsigned y = 0; y < 400; y++) {
        for (unsigned x = 0; x < 720; x++) {
            bool in = x / 9 == 2 && (y == 16 + 13 || y == 16 + 14);

            g_assert_cmphex(pixel(f, x, y), ==, in ? fg : bg);
        }
    }
    render(f, 0); /* its dark phase */
    g_assert_cmphex(pixel(f, 20, 29), ==, bg);
    out_reg(f, 0x3d4, 0x0a, 0x20 | 13); /* off */
    render(f, VGA_CURSOR);
    g_assert_cmphex(pixel(f, 20, 29), ==, bg);
    out_reg(f, 0x3d4, 0x0a, 14); /* ends before it begins: no cursor */
    out_reg(f, 0x3d4, 0x0b, 13);
    render(f, VGA_CURSOR);
    g_assert_cmphex(pixel(f, 20, 29), ==, bg);
    fixture_free(f);
}

static void test_text_blink(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    mode_set(f, &mode_03h);
    memset(f->vram, 0, 4096 * 4);
    f->vram[4 * 1 * 32 + 2] = 0x80; /* one dot in the first line of glyph 1 */
    bus_write(&f->mmio, 0xb8000, 2, 0x9c01);
    render(f, 0); /* blinking, visible: background 1 of 8 */
    g_assert_cmphex(pixel(f, 0, 0), ==, spec_color(12));
    g_assert_cmphex(pixel(f, 1, 0), ==, spec_color(1));
    render(f, VGA_BLINK_OFF);
    g_assert_cmphex(pixel(f, 0, 0), ==, spec_color(1));
    out_attr(f, 0x10, 0x04); /* bright backgrounds instead */
    outb(f, 0x3c0, 0x20);
    render(f, VGA_BLINK_OFF);
    g_assert_cmphex(pixel(f, 0, 0), ==, spec_color(12));
    g_assert_cmphex(pixel(f, 1, 0), ==, spec_color(9));
    fixture_free(f);
}

static void test_text_palette(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    mode_set(f, &mode_03h);
    bus_write(&f->mmio, 0xb8000, 2, 0x1000); /* background 1 */
    out_attr(f, 1, 0x2b);
    outb(f, 0x3c0, 0x20);
    render(f, 0);
    g_assert_cmphex(pixel(f, 0, 0), ==, spec_dac(0x2b));
    out_attr(f, 0x14, 0x0f); /* P6 and P7 only */
    outb(f, 0x3c0, 0x20);
    render(f, 0);
    g_assert_cmphex(pixel(f, 0, 0), ==, spec_dac(0xeb));
    out_attr(f, 0x14, 0x05); /* P4 to P7 */
    out_attr(f, 0x10, 0x8c);
    outb(f, 0x3c0, 0x20);
    render(f, 0);
    g_assert_cmphex(pixel(f, 0, 0), ==, spec_dac(0x5b));
    outb(f, 0x3c6, 0x0f); /* pixel mask */
    render(f, 0);
    g_assert_cmphex(pixel(f, 0, 0), ==, spec_dac(0x0b));
    fixture_free(f);
}

static void test_text_start_and_split(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    mode_set(f, &mode_03h);
    font_load(f, 0, 0);
    cells_fill(f, 4000);
    out_reg(f, 0x3d4, 0x0d, 160); /* two rows down */
    render(f, 0);
    g_assert_cmphex(pixel(f, 100, 5), ==, spec_dot(0, 160 + 11, 1, 5));
    out_reg(f, 0x3d4, 0x07, 0x0f);
    out_reg(f, 0x3d4, 0x09, 0x0f);
    out_reg(f, 0x3d4, 0x18, 99); /* from line 100 on: memory from 0 */
    render(f, 0);
    g_assert_cmphex(pixel(f, 100, 99), ==, spec_dot(0, 160 + 6 * 80 + 11, 1, 3));
    for (unsigned x = 0; x < 720; x++) {
        g_assert_cmphex(pixel(f, x, 100), ==, spec_dot(0, x / 9, x % 9, 0));
    }
    g_assert_cmphex(pixel(f, 100, 117), ==, spec_dot(0, 80 + 11, 1, 1));
    fixture_free(f);
}

static void test_text_panning(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    mode_set(f, &mode_03h);
    font_load(f, 0, 0);
    cells_fill(f, 2000);
    out_attr(f, 0x13, 2); /* 9 dots: 8, 0, 1, 2 are 0, 1, 2, 3 pixels */
    outb(f, 0x3c0, 0x20);
    out_reg(f, 0x3d4, 8, 5); /* and five lines up */
    render(f, 0);
    for (unsigned x = 0; x < 700; x++) {
        g_assert_cmphex(pixel(f, x, 20), ==, spec_dot(0, 80 + (x + 3) / 9, (x + 3) % 9, 9));
    }
    fixture_free(f);
}

static void test_text_underline(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    mode_set(f, &mode_03h);
    bus_write(&f->mmio, 0xb8000, 2, 0x0100);
    out_reg(f, 0x3d4, 0x14, 12);
    render(f, 0); /* colour: attribute 1 is blue */
    g_assert_cmphex(pixel(f, 4, 12), ==, spec_color(0));
    out_attr(f, 0x10, 0x0e);
    outb(f, 0x3c0, 0x20);
    render(f, 0); /* monochrome: underlined */
    g_assert_cmphex(pixel(f, 4, 12), ==, spec_color(1));
    g_assert_cmphex(pixel(f, 4, 11), ==, spec_color(0));
    fixture_free(f);
}

static void test_text_read_back(void)
{
    static const char want[] = "Hello\n\n  caf\303\251 \342\226\210\n";
    static const char cafe[] = "  caf\202 \333 ";
    struct fixture *f = fixture_new(SPEC_VRAM);
    char text[VGA_TEXT_SIZE];

    mode_set(f, &mode_03h);
    for (unsigned i = 0; i < 2000; i++) {
        bus_write(&f->mmio, 0xb8000 + 2 * i, 2, 0x0720);
    }
    for (unsigned i = 0; i < 5; i++) {
        bus_write(&f->mmio, 0xb8000 + 2 * i, 1, (uint8_t) "Hello"[i]);
    }
    for (unsigned i = 0; i < sizeof(cafe) - 1; i++) {
        bus_write(&f->mmio, 0xb8000 + 320 + 2 * i, 1, (uint8_t)cafe[i]);
    }
    g_assert_cmpint(vga_text(&f->vga, text, sizeof(text)), ==, 25);
    g_assert_true(g_str_has_prefix(text, want));
    g_assert_cmpuint(strlen(text), ==, sizeof(want) - 1 + 22);
    g_assert_true(g_utf8_validate(text, -1, NULL));
    for (size_t n = 1; n < 40; n++) { /* any size: whole characters, ended, nothing beyond */
        memset(text, 0x7f, sizeof(text));
        vga_text(&f->vga, text, n);
        g_assert_cmpuint(strlen(text), <, n);
        g_assert_true(g_utf8_validate(text, -1, NULL));
        g_assert_cmphex(text[n], ==, 0x7f);
    }
    mode_set(f, &mode_13h);
    g_assert_cmpint(vga_text(&f->vga, text, sizeof(text)), ==, -1);
    fixture_free(f);
}

/* --- graphics --- */

static void noise(struct fixture *f, size_t n)
{
    uint32_t x = 1;

    for (size_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        f->vram[i] = (uint8_t)(x >> 24);
    }
}

/* Pixel x of a planar line whose first dword is `dword`. */
static unsigned spec_planar(const struct fixture *f, unsigned dword, unsigned x)
{
    unsigned val = 0;

    for (unsigned p = 0; p < 4; p++) {
        val |= (f->vram[(dword + x / 8) * 4 + p] >> (7 - x % 8) & 1u) << p;
    }
    return val;
}

static void test_planar(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    mode_set(f, &mode_12h);
    noise(f, 262144);
    render(f, 0);
    g_assert_cmpuint(f->surface.width, ==, 640);
    g_assert_cmpuint(f->surface.height, ==, 480);
    for (unsigned y = 0; y < 480; y++) {
        for (unsigned x = 0; x < 640; x++) {
            g_assert_cmphex(pixel(f, x, y), ==, spec_color(spec_planar(f, y * 80, x)));
        }
    }
    out_attr(f, 0x12, 0x05); /* planes 0 and 2 only */
    out_attr(f, 0x13, 3);    /* three pixels to the left */
    outb(f, 0x3c0, 0x20);
    out_reg(f, 0x3d4, 8, 0x20); /* and a byte */
    out_reg(f, 0x3d4, 0x0c, 0x12);
    out_reg(f, 0x3d4, 0x0d, 0x34);
    render(f, 0);
    for (unsigned x = 0; x < 640; x++) {
        unsigned val = spec_planar(f, 0x1234 + 7 * 80 + 1, x + 3) & 5;

        g_assert_cmphex(pixel(f, x, 7), ==, spec_color(val));
    }
    fixture_free(f);
}

static void test_256_colors(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    mode_set(f, &mode_13h);
    noise(f, 262144);
    render(f, 0);
    g_assert_cmpuint(f->surface.width, ==, 640);
    g_assert_cmpuint(f->surface.height, ==, 400);
    for (unsigned y = 0; y < 400; y++) {
        for (unsigned x = 0; x < 640; x++) {
            g_assert_cmphex(pixel(f, x, y), ==, spec_dac(f->vram[y / 2 * 320 + x / 2]));
        }
    }
    fixture_free(f);
}

static void test_split(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    mode_set(f, &mode_13h);
    noise(f, 262144);
    out_reg(f, 0x3d4, 0x11, 0);
    out_reg(f, 0x3d4, 0x0c, 0x20);
    out_reg(f, 0x3d4, 0x07, 0x0f);
    out_reg(f, 0x3d4, 0x09, 0x01);
    out_reg(f, 0x3d4, 0x18, 150);
    out_attr(f, 0x13, 4); /* two pixels */
    outb(f, 0x3c0, 0x20);
    render(f, 0);
    g_assert_cmphex(pixel(f, 20, 150), ==, spec_dac(f->vram[0x2000 * 4 + 75 * 320 + 12]));
    g_assert_cmphex(pixel(f, 20, 151), ==, spec_dac(f->vram[12]));
    g_assert_cmphex(pixel(f, 20, 152), ==, spec_dac(f->vram[12]));
    g_assert_cmphex(pixel(f, 20, 153), ==, spec_dac(f->vram[320 + 12]));
    out_attr(f, 0x10, 0x61); /* no panning below the split */
    outb(f, 0x3c0, 0x20);
    render(f, 0);
    g_assert_cmphex(pixel(f, 20, 150), ==, spec_dac(f->vram[0x2000 * 4 + 75 * 320 + 12]));
    g_assert_cmphex(pixel(f, 20, 151), ==, spec_dac(f->vram[10]));
    fixture_free(f);
}

static void test_cga(void)
{
    static const uint8_t palette[4] = {0x00, 0x13, 0x15, 0x17};
    struct fixture *f = fixture_new(SPEC_VRAM);

    mode_set(f, &mode_04h);
    for (unsigned i = 0; i < 16384; i++) {
        bus_write(&f->mmio, 0xb8000 + i, 1, (i * 73 + (i >> 7)) & 0xff);
    }
    render(f, 0);
    g_assert_cmpuint(f->surface.width, ==, 640);
    g_assert_cmpuint(f->surface.height, ==, 400);
    for (unsigned y = 0; y < 400; y++) {
        for (unsigned x = 0; x < 640; x++) {
            unsigned line = y / 2, column = x / 2;
            unsigned i = (line & 1) * 8192 + line / 2 * 80 + column / 4;
            uint8_t byte = (uint8_t)(i * 73 + (i >> 7));

            g_assert_cmphex(pixel(f, x, y), ==,
                            spec_dac(palette[byte >> (6 - 2 * (column & 3)) & 3]));
        }
    }
    fixture_free(f);
}

static void test_dispi_depths(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    mode_set(f, &mode_03h);
    noise(f, 4 << 20);
    dispi_mode(f, 648, 480, 8, 0x81);
    dispi_out(f, 6, 1000);
    dispi_out(f, 8, 24);
    dispi_out(f, 9, 30);
    render(f, 0);
    g_assert_cmpuint(f->surface.width, ==, 648);
    g_assert_cmphex(pixel(f, 7, 9), ==, spec_dac(f->vram[39 * 1000 + 31]));
    dispi_mode(f, 640, 480, 4, 0x81);
    render(f, 0);
    g_assert_cmphex(pixel(f, 100, 9), ==, spec_color(spec_planar(f, 9 * 80, 100)));
    dispi_mode(f, 640, 480, 15, 0x81);
    memcpy(f->vram + (640 * 3 + 5) * 2, "\x1f\x42", 2);
    render(f, 0); /* 0 10000 10000 11111 */
    g_assert_cmphex(pixel(f, 5, 3), ==, 0x8484ff);
    dispi_mode(f, 640, 480, 16, 0x81);
    render(f, 0); /* 01000 010000 11111 */
    g_assert_cmphex(pixel(f, 5, 3), ==, 0x4241ff);
    dispi_mode(f, 640, 480, 24, 0x81);
    memcpy(f->vram + (640 * 3 + 5) * 3, "\x11\x22\x33", 3);
    render(f, 0);
    g_assert_cmphex(pixel(f, 5, 3), ==, 0x332211);
    dispi_mode(f, 640, 480, 32, 0x81);
    memcpy(f->vram + (640 * 3 + 5) * 4, "\x11\x22\x33\x44", 4);
    render(f, 0);
    g_assert_cmphex(pixel(f, 5, 3), ==, 0x332211);
    pci_config_write(&f->pci, PCI_DEVFN(2, 0), 0x18, 4, FIX_MMIO);
    pci_config_write(&f->pci, PCI_DEVFN(2, 0), 4, 2, 2);
    bus_write(&f->mmio, FIX_MMIO + 0x604, 4, 0xbebebebe);
    render(f, 0);
    g_assert_cmphex(pixel(f, 5, 3), ==, 0x223344);
    fixture_free(f);
}

/* --- blank --- */

static void test_blank(void)
{
    struct fixture *f = fixture_new(SPEC_VRAM);

    mode_set(f, &mode_13h);
    noise(f, 262144);
    inb(f, 0x3da);
    outb(f, 0x3c0, 0x00); /* the palette is the CPU's */
    render(f, 0);
    for (unsigned i = 0; i < 640 * 400; i++) {
        g_assert_cmphex(f->pixels[i], ==, 0);
    }
    outb(f, 0x3c0, 0);
    outb(f, 0x3c0, 0x20);
    out_reg(f, 0x3c4, 1, 0x21); /* screen off */
    render(f, 0);
    g_assert_cmphex(pixel(f, 11, 11), ==, 0);
    out_reg(f, 0x3c4, 1, 0x01);
    render(f, 0);
    g_assert_cmphex(pixel(f, 11, 11), ==, spec_dac(f->vram[5 * 320 + 5]));
    fixture_free(f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vga-render/text/80x25", test_text_80x25);
    g_test_add_func("/vga-render/text/widths", test_text_widths);
    g_test_add_func("/vga-render/text/heights", test_text_heights);
    g_test_add_func("/vga-render/text/fonts", test_text_fonts);
    g_test_add_func("/vga-render/text/cursor", test_text_cursor);
    g_test_add_func("/vga-render/text/blink", test_text_blink);
    g_test_add_func("/vga-render/text/palette", test_text_palette);
    g_test_add_func("/vga-render/text/start-and-split", test_text_start_and_split);
    g_test_add_func("/vga-render/text/panning", test_text_panning);
    g_test_add_func("/vga-render/text/underline", test_text_underline);
    g_test_add_func("/vga-render/text/read-back", test_text_read_back);
    g_test_add_func("/vga-render/planar", test_planar);
    g_test_add_func("/vga-render/256-colors", test_256_colors);
    g_test_add_func("/vga-render/split", test_split);
    g_test_add_func("/vga-render/cga", test_cga);
    g_test_add_func("/vga-render/dispi-depths", test_dispi_depths);
    g_test_add_func("/vga-render/blank", test_blank);
    return g_test_run();
}
