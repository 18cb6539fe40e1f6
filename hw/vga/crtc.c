/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VGA CRT controller, ports 3B4-3B5 or 3D4-3D5, and the timing bits of input status register 1.
 * Source: IBM VGA Technical Reference, "CRT Controller Registers". No light pen, no vertical
 * interrupt, no interlace.
 */
#include "vga/vga_regs.h"

#define CRTC_READ_LATCH 0x22u /* data latch of the plane in GR4; undocumented, on every VGA */
#define CRTC_READ_ATTR  0x24u /* bit 7: attribute flip-flop */

#define PROTECT      0x80u /* CR11 bit 7: CR0-7 cannot be written */
#define OVERFLOW_LC8 0x10u /* CR7 bit 4, writable even when protected */

#define STATUS1_DISPLAY_OFF 0x01u
#define STATUS1_V_RETRACE   0x08u

uint8_t crtc_read(const struct vga_state *s)
{
    switch (s->crtc_index) {
    case CRTC_READ_LATCH:
        return (uint8_t)(s->latch >> (8 * (s->gfx[GFX_READ_MAP] & 3)));
    case CRTC_READ_ATTR:
        return s->attr_data ? 0x80 : 0;
    default:
        return s->crtc_index < CRTC_COUNT ? s->crtc[s->crtc_index] : 0;
    }
}

void crtc_write(struct vga_state *s, uint8_t val)
{
    unsigned index = s->crtc_index;

    if (index >= CRTC_COUNT) {
        return;
    }
    if ((s->crtc[CRTC_V_SYNC_END] & PROTECT) && index <= CRTC_OVERFLOW) {
        if (index == CRTC_OVERFLOW) {
            s->crtc[index] = (uint8_t)((s->crtc[index] & ~OVERFLOW_LC8) | (val & OVERFLOW_LC8));
        }
        return;
    }
    s->crtc[index] = val;
}

unsigned crtc_height(const struct vga_state *s)
{
    unsigned high = s->crtc[CRTC_OVERFLOW];

    return (s->crtc[CRTC_V_DISPLAY] | (high & 0x02) << 7 | (high & 0x40) << 3) + 1;
}

unsigned crtc_line_compare(const struct vga_state *s)
{
    return s->crtc[CRTC_LINE_COMPARE] | (s->crtc[CRTC_OVERFLOW] & 0x10u) << 4 |
           (s->crtc[CRTC_MAX_SCAN] & 0x40u) << 3;
}

/* --- address counter --- */

struct crtc_scan crtc_scan_first(const struct vga_state *s)
{
    unsigned preset = s->crtc[CRTC_PRESET_SCAN]; /* and byte panning */

    return (struct crtc_scan){
        .address = crtc_start(s) + (preset >> 5 & 3),
        .scan = preset & 0x1f,
        .repeat = s->crtc[CRTC_MAX_SCAN] >> 7,
    };
}

void crtc_scan_next(const struct vga_state *s, struct crtc_scan *c)
{
    unsigned doubled = s->crtc[CRTC_MAX_SCAN] >> 7;

    if (c->y++ == crtc_line_compare(s)) { /* the lines below come from the start of memory */
        c->address = 0;
        c->scan = 0;
        c->repeat = doubled;
        c->below_split = true;
    } else if (c->repeat) {
        c->repeat--;
    } else {
        c->repeat = doubled;
        if (c->scan >= (s->crtc[CRTC_MAX_SCAN] & 0x1fu)) {
            c->scan = 0;
            c->address += s->crtc[CRTC_OFFSET] * 2u;
        } else {
            c->scan++;
        }
    }
}

/* --- timing --- */

/* Duration of a frame and of its lines. */
struct frame {
    uint64_t line_ns;
    unsigned displayed;
    unsigned sync_start;
    unsigned sync_end;
    unsigned total;
};

static struct frame frame_timing(const struct vga_state *s)
{
    unsigned high = s->crtc[CRTC_OVERFLOW];
    unsigned chars = s->crtc[CRTC_H_TOTAL] + 5u;
    unsigned dots = s->seq[SEQ_CLOCKING_MODE] & SEQ1_8DOT ? 8 : 9;
    uint64_t clock = s->misc & 0x04 ? 28322000 : 25175000;
    struct frame f;

    if (dispi_enabled(s)) { /* 60 frames a second, 1/16 of each blank */
        f.displayed = s->dispi[DISPI_YRES];
        f.sync_start = f.displayed + f.displayed / 48;
        f.sync_end = f.sync_start + 2;
        f.total = f.displayed + f.displayed / 16 + 4;
        f.line_ns = NS_PER_S / 60 / f.total;
    } else {
        if (s->seq[SEQ_CLOCKING_MODE] & SEQ1_DOT_HALF) {
            clock /= 2;
        }
        f.displayed = crtc_height(s);
        f.sync_start = s->crtc[CRTC_V_SYNC_START] | (high & 0x04) << 6 | (high & 0x80) << 2;
        f.sync_end = f.sync_start + ((s->crtc[CRTC_V_SYNC_END] - f.sync_start) & 0x0f);
        f.total = (s->crtc[CRTC_V_TOTAL] | (high & 0x01) << 8 | (high & 0x20) << 4) + 2;
        f.line_ns = chars * dots * NS_PER_S / clock;
    }
    /* Registers that make no picture still give both bits an edge now and then. */
    if (f.total < 64 || f.sync_start >= f.total || f.sync_end <= f.sync_start) {
        f = (struct frame){31778, 480, 490, 492, 525};
    }
    return f;
}

uint8_t crtc_input_status(const struct vga_state *s, uint64_t now)
{
    struct frame f = frame_timing(s);
    uint64_t in_frame = now % (f.line_ns * f.total);
    unsigned line = (unsigned)(in_frame / f.line_ns);
    uint64_t in_line = in_frame % f.line_ns;
    uint8_t val = 0;

    if (line >= f.displayed || in_line * 5 >= f.line_ns * 4) { /* a fifth of a line is blank */
        val |= STATUS1_DISPLAY_OFF;
    }
    if (line >= f.sync_start && line < f.sync_end) {
        val |= STATUS1_V_RETRACE;
    }
    return val;
}
