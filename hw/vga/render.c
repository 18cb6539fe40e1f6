/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The picture: VGA graphics modes and DISPI modes drawn into a surface. Sources: IBM VGA Technical
 * Reference, "Display memory organisation" and the CRTC's address counter. Drawn on request from
 * video memory as it is at that moment; nothing is kept between two calls. Every read of video
 * memory is reduced to its size, every size comes from registers read once and is cut to the
 * surface.
 */
#include "vga/vga_regs.h"

#include <string.h>

static void surface_set_size(struct surface *out, unsigned width, unsigned height)
{
    out->width = width < SURFACE_MAX_WIDTH ? width : SURFACE_MAX_WIDTH;
    out->height = height < SURFACE_MAX_HEIGHT ? height : SURFACE_MAX_HEIGHT;
}

static uint32_t *surface_line(const struct surface *out, unsigned y)
{
    return out->pixels + (size_t)y * out->width;
}

static void surface_clear(const struct surface *out)
{
    memset(out->pixels, 0, (size_t)out->width * out->height * sizeof(out->pixels[0]));
}

/* --- VGA graphics modes --- */

enum vga_shift { SHIFT_PLANAR, SHIFT_CGA, SHIFT_256 };

/* What one frame needs, taken from the registers once. */
struct frame {
    const struct vga *v;
    enum vga_shift shift;
    unsigned double_dots; /* 1: each pixel is two dots wide */
    uint32_t palette[256];
};

static void frame_init(struct frame *f, const struct vga *v)
{
    const struct vga_state *s = v->s;
    unsigned mode = (s->gfx[GFX_MODE] >> 5) & 3;

    f->v = v;
    f->shift = mode & 2 ? SHIFT_256 : mode == 1 ? SHIFT_CGA : SHIFT_PLANAR;
    f->double_dots = f->shift == SHIFT_256 || (s->seq[SEQ_CLOCKING_MODE] & SEQ1_DOT_HALF);
    for (unsigned i = 0; i < 256; i++) {
        f->palette[i] = f->shift == SHIFT_256 ? dac_color(s, (uint8_t)i) : attr_color(s, i & 15);
    }
}

/* The eight pixels of a dword: each plane's byte holds one bit of each, leftmost highest. */
static void dword_planar(uint32_t dword, uint8_t pixel[8])
{
    for (unsigned i = 0; i < 8; i++) {
        unsigned shift = 7 - i;

        pixel[i] = (uint8_t)((dword >> shift & 1) | (dword >> (shift + 8) & 1) << 1 |
                             (dword >> (shift + 16) & 1) << 2 | (dword >> (shift + 24) & 1) << 3);
    }
}

/* CGA: planes 0 and 1 in turn hold four pixels of two bits, planes 2 and 3 two more bits of each.
 */
static void dword_cga(uint32_t dword, uint8_t pixel[8])
{
    for (unsigned i = 0; i < 8; i++) {
        unsigned shift = 6 - 2 * (i & 3) + (i < 4 ? 0 : 8);

        pixel[i] = (uint8_t)((dword >> shift & 3) | (dword >> (shift + 16) & 3) << 2);
    }
}

/* 256 colours: one pixel per plane. */
static void dword_256(uint32_t dword, uint8_t pixel[8])
{
    for (unsigned i = 0; i < 4; i++) {
        pixel[i] = (uint8_t)(dword >> (8 * i));
    }
}

/* Draws a line from dword `start` of video memory, `pan` pixels of it left out. */
static void line_draw(const struct frame *f, uint32_t start, unsigned pan, uint32_t *out,
                      unsigned width)
{
    unsigned per_dword = f->shift == SHIFT_256 ? 4 : 8;
    unsigned x = 0;
    uint8_t pixel[8];

    for (unsigned n = 0; x < width; n++) {
        uint32_t dword = vram_dword(f->v, (uint64_t)start + n);

        if (f->shift == SHIFT_256) {
            dword_256(dword, pixel);
        } else if (f->shift == SHIFT_CGA) {
            dword_cga(dword, pixel);
        } else {
            dword_planar(dword, pixel);
        }
        for (unsigned i = n ? 0 : pan; i < per_dword; i++) {
            for (unsigned d = 0; d <= f->double_dots && x < width; d++) {
                out[x++] = f->palette[pixel[i]];
            }
        }
    }
}

/*
 * CR17 bits 0 and 1 clear: the row scan counter takes the place of an address bit, which makes the
 * interleaved banks of CGA and Hercules. In word mode (CR17 bit 6 clear) the bit lies one lower,
 * since the counter itself is shifted.
 */
static uint32_t bank_address(const struct vga_state *s, uint32_t address, unsigned scan)
{
    unsigned mode = s->crtc[CRTC_MODE];
    unsigned bit = mode & 0x40 ? 13 : 12;

    if (!(mode & 1)) {
        address = (address & ~(1u << bit)) | (scan & 1) << bit;
    }
    if (!(mode & 2)) {
        address = (address & ~(2u << bit)) | (scan >> 1 & 1) << (bit + 1);
    }
    return address;
}

static unsigned pixel_pan(const struct vga_state *s, const struct crtc_scan *c)
{
    unsigned pan = s->attr[ATTR_PANNING] & 7;

    if (c->below_split && (s->attr[ATTR_MODE] & ATTR10_SPLIT_PAN)) {
        return 0;
    }
    return (s->gfx[GFX_MODE] >> 5) & 2 ? pan >> 1 : pan;
}

static void graphics_render(const struct vga *v, struct surface *out)
{
    const struct vga_state *s = v->s;
    struct crtc_scan c = crtc_scan_first(s);
    struct frame f;

    frame_init(&f, v);
    for (unsigned y = 0; y < out->height; y++, crtc_scan_next(s, &c)) {
        line_draw(&f, bank_address(s, c.address, c.scan), pixel_pan(s, &c), surface_line(out, y),
                  out->width);
    }
}

/* --- DISPI modes --- */

/* n bits to 8: the highest bits fill up below. */
static uint32_t widen(uint32_t val, unsigned bits)
{
    return val << (8 - bits) | val >> (2 * bits - 8);
}

static uint32_t pixel_15(uint32_t p)
{
    return widen(p >> 10 & 31, 5) << 16 | widen(p >> 5 & 31, 5) << 8 | widen(p & 31, 5);
}

static uint32_t pixel_16(uint32_t p)
{
    return widen(p >> 11 & 31, 5) << 16 | widen(p >> 5 & 63, 6) << 8 | widen(p & 31, 5);
}

/* `bytes` bytes of a pixel as a number, in the frame buffer's byte order. */
static uint32_t pixel_load(const struct vga *v, uint64_t offset, unsigned bytes)
{
    uint32_t val = 0;

    for (unsigned i = 0; i < bytes; i++) {
        unsigned place = v->s->big_endian && bytes != 3 ? bytes - 1 - i : i;

        val |= (uint32_t)vram_byte(v, offset + i) << (8 * place);
    }
    return val;
}

static void line_direct(const struct vga *v, uint64_t offset, unsigned bpp, uint32_t *out,
                        unsigned width)
{
    unsigned bytes = (bpp + 7) / 8;

    for (unsigned x = 0; x < width; x++) {
        uint32_t p = pixel_load(v, offset + (uint64_t)x * bytes, bytes);

        out[x] = bpp == 15 ? pixel_15(p) : bpp == 16 ? pixel_16(p) : p & 0xffffff;
    }
}

static void line_palette(const struct vga *v, uint64_t offset, const uint32_t *palette,
                         uint32_t *out, unsigned width)
{
    for (unsigned x = 0; x < width; x++) {
        out[x] = palette[vram_byte(v, offset + x)];
    }
}

static void line_copy(const struct vga *v, uint64_t offset, uint32_t *out, unsigned width)
{
    const uint8_t *src = v->vram + offset;

    for (unsigned x = 0; x < width; x++, src += 4) {
        out[x] = (uint32_t)src[0] | (uint32_t)src[1] << 8 | (uint32_t)src[2] << 16;
    }
}

static void dispi_render(const struct vga *v, struct surface *out)
{
    const struct vga_state *s = v->s;
    unsigned bpp = s->dispi[DISPI_BPP];
    uint64_t pitch = dispi_pitch(s);
    uint64_t start = pitch * s->dispi[DISPI_Y_OFFSET] +
                     (uint64_t)s->dispi[DISPI_X_OFFSET] * (bpp == 15 ? 16 : bpp) / 8;
    struct frame f;

    frame_init(&f, v);
    f.shift = SHIFT_PLANAR;
    f.double_dots = 0;
    for (unsigned i = 0; i < 256; i++) {
        f.palette[i] = bpp == 4 ? attr_color(s, i & 15) : dac_color(s, (uint8_t)i);
    }
    for (unsigned y = 0; y < out->height; y++) {
        uint64_t offset = start + pitch * y;
        uint32_t *line = surface_line(out, y);

        if (bpp == 4) {
            line_draw(&f, (uint32_t)(offset / 4), 0, line, out->width);
        } else if (bpp == 8) {
            line_palette(v, offset, f.palette, line, out->width);
        } else if (bpp == 32 && !s->big_endian &&
                   offset + (uint64_t)out->width * 4 <= v->vram_size) {
            line_copy(v, offset, line, out->width);
        } else {
            line_direct(v, offset, bpp, line, out->width);
        }
    }
}

/* --- what is on the screen --- */

static void geometry_set(const struct vga_state *s, struct surface *out)
{
    if (dispi_enabled(s)) {
        surface_set_size(out, s->dispi[DISPI_XRES], s->dispi[DISPI_YRES]);
    } else if (vga_is_text(s)) {
        struct text_geometry g = text_geometry(s);

        surface_set_size(out, g.columns * g.cell_width, g.rows * g.cell_height);
    } else {
        unsigned width = (s->crtc[CRTC_H_DISPLAY] + 1u) * 8;
        bool wide = (s->seq[SEQ_CLOCKING_MODE] & SEQ1_DOT_HALF) && !((s->gfx[GFX_MODE] >> 5) & 2);

        surface_set_size(out, wide ? width * 2 : width, crtc_height(s));
    }
}

void vga_render(const struct vga *v, struct surface *out, unsigned flags)
{
    const struct vga_state *s = v->s;

    geometry_set(s, out);
    if (!(s->attr_index & ATTR_PAS) || (s->seq[SEQ_CLOCKING_MODE] & SEQ1_SCREEN_OFF)) {
        surface_clear(out);
    } else if (dispi_enabled(s)) {
        dispi_render(v, out);
    } else if (vga_is_text(s)) {
        text_render(v, out, flags);
    } else {
        graphics_render(v, out);
    }
}
