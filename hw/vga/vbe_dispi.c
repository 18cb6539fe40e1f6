/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bochs display interface (DISPI) B0C5h, ports 1CE (index), 1CF and 1D0 (data), all 16 bits.
 * Source: Bochs documentation of VBE_DISPI. While a mode is enabled every write re-checks the whole
 * group of registers against one another and against video memory, in 64 bits.
 */
#include "vga/vga_regs.h"

#include <string.h>

#define DISPI_ID0   0xb0c0u
#define DISPI_ID5   0xb0c5u
#define BANK_SHIFT  16
#define BPP_DEFAULT 8u

/* Widths are multiples of eight pixels. */
#define XRES_MIN       8u
#define VIRT_WIDTH_MAX 0x7ff8u

static bool bpp_valid(unsigned bpp)
{
    return bpp == 4 || bpp == 8 || bpp == 15 || bpp == 16 || bpp == 24 || bpp == 32;
}

/* Bits of video memory that one pixel takes; 15 bits take 16. */
static uint64_t pixel_bits(const struct vga_state *s)
{
    return s->dispi[DISPI_BPP] == 15 ? 16 : s->dispi[DISPI_BPP];
}

static uint64_t pitch_of(const struct vga_state *s, uint64_t width)
{
    return width * pixel_bits(s) / 8;
}

uint64_t dispi_pitch(const struct vga_state *s)
{
    return pitch_of(s, s->dispi[DISPI_VIRT_WIDTH]);
}

static unsigned clamp(unsigned val, unsigned min, unsigned max)
{
    return val < min ? min : val > max ? max : val;
}

/* Resolution: within the surface's size, and at least one whole line in video memory. */
static void fixup_resolution(struct vga *v)
{
    uint16_t *r = v->s->dispi;

    if (!bpp_valid(r[DISPI_BPP])) {
        r[DISPI_BPP] = BPP_DEFAULT;
    }
    r[DISPI_XRES] = (uint16_t)clamp(r[DISPI_XRES] & ~7u, XRES_MIN, SURFACE_MAX_WIDTH);
    r[DISPI_YRES] = (uint16_t)clamp(r[DISPI_YRES], 1, SURFACE_MAX_HEIGHT);
    uint64_t lines = v->vram_size / pitch_of(v->s, r[DISPI_XRES]);

    if (r[DISPI_YRES] > lines) {
        r[DISPI_YRES] = (uint16_t)lines;
    }
}

/* The virtual screen: as wide as YRES lines allow (XRES at least), as high as video memory. */
static void fixup_virtual(struct vga *v)
{
    uint16_t *r = v->s->dispi;
    uint64_t widest = (uint64_t)v->vram_size / r[DISPI_YRES] * 8 / pixel_bits(v->s);
    unsigned max = (unsigned)(widest > VIRT_WIDTH_MAX ? VIRT_WIDTH_MAX : widest) & ~7u;

    r[DISPI_VIRT_WIDTH] = (uint16_t)clamp(r[DISPI_VIRT_WIDTH] & ~7u, r[DISPI_XRES], max);
    uint64_t lines = v->vram_size / dispi_pitch(v->s);

    r[DISPI_VIRT_HEIGHT] = (uint16_t)(lines > 0xffff ? 0xffff : lines);
}

/* Offsets: what is shown lies inside the virtual screen, and that inside video memory. */
static void fixup_offsets(struct vga *v)
{
    uint16_t *r = v->s->dispi;
    unsigned max_y = r[DISPI_VIRT_HEIGHT] - r[DISPI_YRES]; /* widths above leave YRES lines */

    r[DISPI_Y_OFFSET] = (uint16_t)clamp(r[DISPI_Y_OFFSET], 0, max_y);
    /*
     * An X offset beyond the virtual width shows the start of the next line at the right edge, as
     * hardware does; only the last line must end inside video memory.
     */
    uint64_t used = dispi_pitch(v->s) * ((uint64_t)r[DISPI_Y_OFFSET] + r[DISPI_YRES] - 1) +
                    pitch_of(v->s, r[DISPI_XRES]);
    uint64_t spare = (v->vram_size - used) * 8 / pixel_bits(v->s);

    if (r[DISPI_X_OFFSET] > spare) {
        r[DISPI_X_OFFSET] = (uint16_t)spare;
    }
    if (r[DISPI_BPP] == 4) {
        r[DISPI_X_OFFSET] &= (uint16_t)~7u;
    }
}

static void fixup_bank(struct vga *v)
{
    uint32_t banks = v->vram_size >> BANK_SHIFT;

    if (v->s->dispi[DISPI_BPP] == 4) {
        banks /= 4; /* a bank is 64 KiB of each of the four planes */
    }
#ifndef CLEAVE_FUZZ_BUGS /* left out: as CVE-2016-3710, a bank beyond video memory */
    v->s->dispi[DISPI_BANK] &= (uint16_t)(banks - 1);
#endif
}

void dispi_fixup(struct vga *v)
{
    if (!dispi_enabled(v->s)) {
        return;
    }
    fixup_resolution(v);
    fixup_virtual(v);
    fixup_offsets(v);
    fixup_bank(v);
}

void dispi_reset(struct vga_state *s)
{
    memset(s->dispi, 0, sizeof(s->dispi));
    s->dispi_index = 0;
    s->dispi[DISPI_ID] = DISPI_ID5;
}

static uint16_t dispi_limit(unsigned index)
{
    return index == DISPI_XRES ? SURFACE_MAX_WIDTH : index == DISPI_YRES ? SURFACE_MAX_HEIGHT : 32;
}

uint16_t dispi_read(const struct vga *v, unsigned index)
{
    const uint16_t *r = v->s->dispi;

    if (index >= DISPI_COUNT) {
        return 0;
    }
    if (index == DISPI_VIDEO_MEMORY_64K) {
        return (uint16_t)(v->vram_size >> 16);
    }
    if (index >= DISPI_XRES && index <= DISPI_BPP && (r[DISPI_ENABLE] & DISPI_GETCAPS)) {
        return dispi_limit(index);
    }
    return r[index];
}

/* Switching on starts from the top left corner, on a cleared screen unless told otherwise. */
static void enable_write(struct vga *v, uint16_t val)
{
    uint16_t *r = v->s->dispi;
    bool was_on = dispi_enabled(v->s);

    r[DISPI_ENABLE] =
        val & (DISPI_ENABLED | DISPI_GETCAPS | DISPI_8BIT_DAC | DISPI_LFB | DISPI_NOCLEARMEM);
    if (!(val & DISPI_ENABLED)) {
        r[DISPI_BANK] = 0;
        return;
    }
    if (was_on) {
        return;
    }
    r[DISPI_VIRT_WIDTH] = r[DISPI_XRES];
    r[DISPI_X_OFFSET] = 0;
    r[DISPI_Y_OFFSET] = 0;
    r[DISPI_BANK] = 0;
    dispi_fixup(v);
    if (!(val & DISPI_NOCLEARMEM)) {
        uint64_t len = dispi_pitch(v->s) * r[DISPI_YRES]; /* within vram: fixup_virtual() */

        memset(v->vram, 0, len);
        vram_touched(v, 0, len);
    }
}

void dispi_write(struct vga *v, unsigned index, uint16_t val)
{
    uint16_t *r = v->s->dispi;

    switch (index) {
    case DISPI_ID:
        if (val >= DISPI_ID0 && val <= DISPI_ID5) {
            r[index] = val;
        }
        break;
    case DISPI_ENABLE:
        enable_write(v, val);
        break;
    case DISPI_XRES:
    case DISPI_YRES:
    case DISPI_BPP:
    case DISPI_BANK:
    case DISPI_VIRT_WIDTH:
    case DISPI_X_OFFSET:
    case DISPI_Y_OFFSET:
        r[index] = val;
        break;
    default: /* VIRT_HEIGHT follows from the others; VIDEO_MEMORY_64K is fixed */
        return;
    }
    dispi_fixup(v);
    window_update(v);
}

/* --- ports: offset 0 is the index; the data register answers at 1 and, aligned, at 2 --- */

static uint64_t port_read(void *dev, uint32_t off, unsigned size)
{
    const struct vga *v = dev;

    return off == 0 ? v->s->dispi_index : dispi_read(v, v->s->dispi_index);
}

static void port_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct vga *v = dev;

    if (off == 0) {
        v->s->dispi_index = (uint16_t)val;
    } else {
        dispi_write(v, v->s->dispi_index, (uint16_t)val);
    }
}

const struct reg dispi_port_regs[DISPI_PORT_REGS] = {
    {0, 4, BUS_W2, port_read, port_write, "dispi"},
};
