/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VGA text modes: the picture, and the screen read back as text. Source: IBM VGA Technical
 * Reference, "Alphanumeric modes". A cell is one dword of video memory: character in plane 0,
 * attribute in plane 1; glyphs lie in plane 2, 32 bytes each.
 */
#include "vga/vga_regs.h"

#include <string.h>

#define GLYPH_BYTES 32u
#define FONT_GLYPHS 256u
#define FONT_UNIT   8192u /* plane addresses between two of the eight font places */

#define ATTR_BLINK 0x80u

/* The data sheet has C0h; the shades from B0h on join, too, on the screens guests are used to. */
#define LINE_GRAPHICS_FIRST 0xb0u
#define LINE_GRAPHICS_LAST  0xdfu

struct text_geometry text_geometry(const struct vga_state *s)
{
    struct text_geometry g;
    unsigned clocking = s->seq[SEQ_CLOCKING_MODE];

    g.columns = s->crtc[CRTC_H_DISPLAY] + 1u;
    g.scans = (s->crtc[CRTC_MAX_SCAN] & 0x1fu) + 1;
    g.cell_height = g.scans << (s->crtc[CRTC_MAX_SCAN] >> 7);
    g.cell_width = clocking & SEQ1_DOT_HALF ? 16 : clocking & SEQ1_8DOT ? 8 : 9;
    g.rows = crtc_height(s) / g.cell_height;
    g.rows = g.rows ? g.rows : 1;
    return g;
}

/* --- a cell --- */

/* What all cells of a frame share. */
struct text_frame {
    const struct vga *v;
    struct text_geometry g;
    uint32_t palette[16];
    uint32_t font[2]; /* plane addresses of the tables for attribute bit 3 = 0 and 1 */
    bool line_graphics;
    bool blink;     /* attribute bit 7 blinks instead of a bright background */
    bool blink_off; /* and blinking characters are invisible now */
    bool mono;
    unsigned underline;
    int64_t cursor; /* dword of the cell with the cursor, or -1 */
    unsigned cursor_first;
    unsigned cursor_last;
};

static void text_frame_init(struct text_frame *f, const struct vga *v, unsigned flags)
{
    const struct vga_state *s = v->s;
    unsigned map = s->seq[SEQ_CHARACTER_MAP];
    unsigned start = s->crtc[CRTC_CURSOR_START];

    f->v = v;
    f->g = text_geometry(s);
    for (unsigned i = 0; i < 16; i++) {
        f->palette[i] = attr_color(s, i);
    }
    f->font[0] = ((map & 3) << 1 | (map >> 4 & 1)) * FONT_UNIT;
    f->font[1] = ((map >> 2 & 3) << 1 | (map >> 5 & 1)) * FONT_UNIT;
    f->line_graphics = s->attr[ATTR_MODE] & ATTR10_LINE_GFX;
    f->blink = s->attr[ATTR_MODE] & ATTR10_BLINK;
    f->blink_off = flags & VGA_BLINK_OFF;
    f->mono = s->attr[ATTR_MODE] & ATTR10_MONO;
    f->underline = s->crtc[CRTC_UNDERLINE] & 0x1f;
    f->cursor = -1;
    if ((flags & VGA_CURSOR) && !(start & 0x20)) {
        f->cursor = s->crtc[CRTC_CURSOR_HIGH] << 8 | s->crtc[CRTC_CURSOR_LOW];
    }
    f->cursor_first = start & 0x1f;
    f->cursor_last = s->crtc[CRTC_CURSOR_END] & 0x1f;
}

/* The dots of one line of a cell, leftmost in bit 8, the ninth in bit 0. */
static unsigned cell_dots(const struct text_frame *f, uint32_t address, unsigned scan)
{
    uint32_t cell = vram_dword(f->v, address);
    unsigned ch = cell & 0xff, attr = cell >> 8 & 0xff;
    uint32_t glyph = f->font[attr >> 3 & 1] + ch * GLYPH_BYTES + scan;
    unsigned dots = (vram_dword(f->v, glyph) >> 16 & 0xff) << 1;

    if (f->line_graphics && ch >= LINE_GRAPHICS_FIRST && ch <= LINE_GRAPHICS_LAST) {
        dots |= dots >> 1 & 1; /* the ninth dot continues horizontal lines */
    }
    if (f->mono && (attr & 0x77) == 0x01 && scan == f->underline) {
        dots = 0x1ff;
    }
    if (f->blink && (attr & ATTR_BLINK) && f->blink_off) {
        dots = 0;
    }
    if (f->cursor == (int64_t)address && scan >= f->cursor_first && scan <= f->cursor_last) {
        dots = 0x1ff;
    }
    return dots;
}

/* Draws the dots of a cell at x (may be left of the screen), cut to the line. */
static void cell_draw(const struct text_frame *f, uint32_t address, unsigned scan, int x,
                      uint32_t *out, unsigned width)
{
    unsigned attr = vram_dword(f->v, address) >> 8 & 0xff;
    unsigned dots = cell_dots(f, address, scan);
    unsigned wide = f->g.cell_width == 16;
    uint32_t fg = f->palette[attr & 15];
    uint32_t bg = f->palette[f->blink ? attr >> 4 & 7 : attr >> 4];

    for (unsigned i = 0; i < f->g.cell_width; i++, x++) {
        if (x >= 0 && (unsigned)x < width) {
            out[x] = dots >> (8 - (i >> wide)) & 1 ? fg : bg;
        }
    }
}

/* Pixels by which AR13 shifts the picture to the left; in 9-dot modes 8 means none. */
static unsigned text_pan(const struct vga_state *s, const struct text_geometry *g,
                         const struct crtc_scan *c)
{
    unsigned pan = s->attr[ATTR_PANNING] & 0x0f;

    if (c->below_split && (s->attr[ATTR_MODE] & ATTR10_SPLIT_PAN)) {
        return 0;
    }
    if (s->seq[SEQ_CLOCKING_MODE] & SEQ1_8DOT) {
        pan &= 7;
    } else {
        pan = pan >= 8 ? 0 : pan + 1;
    }
    return g->cell_width == 16 ? pan * 2 % 16 : pan % g->cell_width;
}

void text_render(const struct vga *v, struct surface *out, unsigned flags)
{
    const struct vga_state *s = v->s;
    struct crtc_scan scan = crtc_scan_first(s);
    struct text_frame f;

    text_frame_init(&f, v, flags);
    for (unsigned y = 0; y < out->height; y++, crtc_scan_next(s, &scan)) {
        uint32_t *line = out->pixels + (size_t)y * out->width;
        int x = -(int)text_pan(s, &f.g, &scan);

        for (unsigned c = 0; c <= f.g.columns; c++, x += (int)f.g.cell_width) {
            cell_draw(&f, scan.address + c, scan.scan, x, line, out->width);
        }
    }
}

/* --- the screen as text --- */

/* Code page 437 as Unicode: control characters have pictures, too. */
static const uint16_t cp437_low[32] = {
    0x0020, 0x263a, 0x263b, 0x2665, 0x2666, 0x2663, 0x2660, 0x2022, 0x25d8, 0x25cb, 0x25d9,
    0x2642, 0x2640, 0x266a, 0x266b, 0x263c, 0x25ba, 0x25c4, 0x2195, 0x203c, 0x00b6, 0x00a7,
    0x25ac, 0x21a8, 0x2191, 0x2193, 0x2192, 0x2190, 0x221f, 0x2194, 0x25b2, 0x25bc,
};

static const uint16_t cp437_high[129] = {
    0x2302, 0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7, 0x00ea, 0x00eb, 0x00e8,
    0x00ef, 0x00ee, 0x00ec, 0x00c4, 0x00c5, 0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2, 0x00fb,
    0x00f9, 0x00ff, 0x00d6, 0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7, 0x0192, 0x00e1, 0x00ed, 0x00f3,
    0x00fa, 0x00f1, 0x00d1, 0x00aa, 0x00ba, 0x00bf, 0x2310, 0x00ac, 0x00bd, 0x00bc, 0x00a1, 0x00ab,
    0x00bb, 0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556, 0x2555, 0x2563, 0x2551,
    0x2557, 0x255d, 0x255c, 0x255b, 0x2510, 0x2514, 0x2534, 0x252c, 0x251c, 0x2500, 0x253c, 0x255e,
    0x255f, 0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256c, 0x2567, 0x2568, 0x2564, 0x2565,
    0x2559, 0x2558, 0x2552, 0x2553, 0x256b, 0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590,
    0x2580, 0x03b1, 0x00df, 0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4, 0x03a6, 0x0398, 0x03a9,
    0x03b4, 0x221e, 0x03c6, 0x03b5, 0x2229, 0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7,
    0x2248, 0x00b0, 0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0, 0x0020,
};

static unsigned cp437_unicode(uint8_t ch)
{
    return ch < 0x20 ? cp437_low[ch] : ch < 0x7f ? ch : cp437_high[ch - 0x7f];
}

struct text_out {
    char *buf;
    size_t size; /* without the final NUL */
    size_t used;
};

/* Whole characters only. */
static void text_put(struct text_out *o, unsigned c)
{
    char utf8[3];
    size_t n;

    if (c < 0x80) {
        utf8[0] = (char)c;
        n = 1;
    } else if (c < 0x800) {
        utf8[0] = (char)(0xc0 | c >> 6);
        utf8[1] = (char)(0x80 | (c & 0x3f));
        n = 2;
    } else {
        utf8[0] = (char)(0xe0 | c >> 12);
        utf8[1] = (char)(0x80 | (c >> 6 & 0x3f));
        utf8[2] = (char)(0x80 | (c & 0x3f));
        n = 3;
    }
    if (o->size - o->used >= n) {
        memcpy(o->buf + o->used, utf8, n);
        o->used += n;
    }
}

static void text_put_row(struct text_out *o, const struct vga *v, uint32_t row, unsigned columns)
{
    unsigned end = 0;

    for (unsigned c = 0; c < columns; c++) {
        if (cp437_unicode((uint8_t)vram_dword(v, row + c)) != ' ') {
            end = c + 1;
        }
    }
    for (unsigned c = 0; c < end; c++) {
        text_put(o, cp437_unicode((uint8_t)vram_dword(v, row + c)));
    }
    text_put(o, '\n');
}

int vga_text(const struct vga *v, char *out, size_t size)
{
    const struct vga_state *s = v->s;
    struct text_geometry g = text_geometry(s);
    struct text_out o = {.buf = out, .size = size ? size - 1 : 0};
    uint32_t row = crtc_start(s);

    if (size == 0 || !vga_is_text(s)) {
        if (size) {
            out[0] = '\0';
        }
        return -1;
    }
    for (unsigned r = 0; r < g.rows; r++, row += s->crtc[CRTC_OFFSET] * 2u) {
        text_put_row(&o, v, row, g.columns);
    }
    out[o.used] = '\0';
    return (int)g.rows;
}
