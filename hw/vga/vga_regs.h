/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the parts of the VGA: register files, DISPI, the memory window, the picture. */
#ifndef CLEAVE_HW_VGA_VGA_REGS_H
#define CLEAVE_HW_VGA_VGA_REGS_H

#include "vga/vga.h"

#define MISC_COLOR 0x01u /* I/O address select: 1 = CRTC at 3D4 */
#define MISC_RAM   0x02u /* enable RAM */

#define SEQ_CLOCKING_MODE 1u
#define SEQ_MAP_MASK      2u
#define SEQ_CHARACTER_MAP 3u
#define SEQ_MEMORY_MODE   4u
#define SEQ1_8DOT         0x01u
#define SEQ1_DOT_HALF     0x08u
#define SEQ1_SCREEN_OFF   0x20u
#define SEQ4_SEQUENTIAL   0x04u /* odd/even addressing off */
#define SEQ4_CHAIN4       0x08u

#define GFX_SET_RESET        0u
#define GFX_ENABLE_SET_RESET 1u
#define GFX_COLOR_COMPARE    2u
#define GFX_DATA_ROTATE      3u
#define GFX_READ_MAP         4u
#define GFX_MODE             5u
#define GFX_MISC             6u
#define GFX_COLOR_DONT_CARE  7u
#define GFX_BIT_MASK         8u
#define GFX5_READ_MODE       0x08u
#define GFX5_ODD_EVEN        0x10u
#define GFX6_GRAPHICS        0x01u

#define CRTC_COUNT        25u
#define CRTC_H_TOTAL      0x00u
#define CRTC_H_DISPLAY    0x01u
#define CRTC_V_TOTAL      0x06u
#define CRTC_OVERFLOW     0x07u
#define CRTC_PRESET_SCAN  0x08u
#define CRTC_MAX_SCAN     0x09u
#define CRTC_CURSOR_START 0x0au
#define CRTC_CURSOR_END   0x0bu
#define CRTC_START_HIGH   0x0cu
#define CRTC_START_LOW    0x0du
#define CRTC_CURSOR_HIGH  0x0eu
#define CRTC_CURSOR_LOW   0x0fu
#define CRTC_V_SYNC_START 0x10u
#define CRTC_V_SYNC_END   0x11u
#define CRTC_V_DISPLAY    0x12u
#define CRTC_OFFSET       0x13u
#define CRTC_UNDERLINE    0x14u
#define CRTC_MODE         0x17u
#define CRTC_LINE_COMPARE 0x18u

#define ATTR_COUNT        21u
#define ATTR_PAS          0x20u /* index bit 5: palette belongs to the display */
#define ATTR_MODE         0x10u
#define ATTR_PLANE_ENABLE 0x12u
#define ATTR_PANNING      0x13u
#define ATTR_COLOR_SELECT 0x14u
#define ATTR10_MONO       0x02u
#define ATTR10_LINE_GFX   0x04u
#define ATTR10_BLINK      0x08u
#define ATTR10_SPLIT_PAN  0x20u
#define ATTR10_P54        0x80u

enum dispi_reg {
    DISPI_ID,
    DISPI_XRES,
    DISPI_YRES,
    DISPI_BPP,
    DISPI_ENABLE,
    DISPI_BANK,
    DISPI_VIRT_WIDTH,
    DISPI_VIRT_HEIGHT,
    DISPI_X_OFFSET,
    DISPI_Y_OFFSET,
    DISPI_VIDEO_MEMORY_64K,
    DISPI_COUNT,
};

#define DISPI_ENABLED    0x01u
#define DISPI_GETCAPS    0x02u
#define DISPI_8BIT_DAC   0x20u
#define DISPI_LFB        0x40u
#define DISPI_NOCLEARMEM 0x80u

/* --- register files: each its own index, masks and side effects --- */

/* check: whether no register has a bit that nobody can set. */
static inline bool bits_within(const uint8_t *reg, const uint8_t *mask, size_t n)
{
    uint8_t other = 0;

    for (size_t i = 0; i < n; i++) {
        other |= reg[i] & (uint8_t)~mask[i];
    }
    return other == 0;
}

bool seq_check(const struct vga_state *s);
bool gfx_check(const struct vga_state *s);
bool attr_check(const struct vga_state *s);
uint8_t seq_read(const struct vga_state *s);
void seq_write(struct vga_state *s, uint8_t val);
uint8_t gfx_read(const struct vga_state *s);
void gfx_write(struct vga_state *s, uint8_t val);
uint8_t crtc_read(const struct vga_state *s);
void crtc_write(struct vga_state *s, uint8_t val);
/* Input status register 1 at guest time `now`: display enable and vertical retrace. */
uint8_t crtc_input_status(const struct vga_state *s, uint64_t now);
/* Lines displayed, split position in lines, bytes from one row to the next. */
unsigned crtc_height(const struct vga_state *s);
unsigned crtc_line_compare(const struct vga_state *s);

/* The CRTC's counters on their way down the screen: where the line to be drawn next comes from. */
struct crtc_scan {
    uint32_t address; /* dword of video memory, of the row */
    unsigned scan;    /* line of the row */
    unsigned repeat;  /* times that it is still to be repeated */
    unsigned y;
    bool below_split;
};

struct crtc_scan crtc_scan_first(const struct vga_state *s);
void crtc_scan_next(const struct vga_state *s, struct crtc_scan *c);

uint8_t attr_read_index(const struct vga_state *s);
uint8_t attr_read_data(const struct vga_state *s);
void attr_write(struct vga_state *s, uint8_t val);
void dac_set_read_index(struct vga_state *s, uint8_t val);
void dac_set_write_index(struct vga_state *s, uint8_t val);
uint8_t dac_read(struct vga_state *s);
void dac_write(struct vga_state *s, uint8_t val);
/* 0x00RRGGBB of a palette entry; the pixel mask applies. */
uint32_t dac_color(const struct vga_state *s, uint8_t index);
/* Of one of the 16 colours of the attribute controller. */
uint32_t attr_color(const struct vga_state *s, unsigned index);

/* --- DISPI --- */

static inline bool dispi_enabled(const struct vga_state *s)
{
    return s->dispi[DISPI_ENABLE] & DISPI_ENABLED;
}

uint16_t dispi_read(const struct vga *v, unsigned index);
void dispi_write(struct vga *v, unsigned index, uint16_t val);
void dispi_reset(struct vga_state *s);
/* Brings all registers of an enabled mode within limits and video memory; after any change. */
void dispi_fixup(struct vga *v);
/* Bytes from one line to the next. */
uint64_t dispi_pitch(const struct vga_state *s);
extern const struct reg dispi_port_regs[];
#define DISPI_PORT_REGS 1u

/* --- the window at A0000 --- */

extern const struct reg window_regs[];
#define WINDOW_REGS 1u
/* Shows the window as memory or as registers, as the mode asks for; after any change of mode. */
void window_update(struct vga *v);

/* --- legacy ports, by port number 3B0..3DF --- */

uint8_t vga_port_read(struct vga *v, unsigned port);
void vga_port_write(struct vga *v, unsigned port, uint8_t val);

/* --- BAR 2, EDID --- */

extern const struct reg vga_mmio_regs[];
#define VGA_MMIO_REGS 4u
void edid_fill(uint8_t edid[VGA_EDID_SIZE]);

/* --- the picture --- */

struct text_geometry {
    unsigned columns;
    unsigned rows;
    unsigned cell_width;  /* pixels on the screen: 8, 9 or 16 */
    unsigned cell_height; /* lines on the screen, doubling included */
    unsigned scans;       /* lines of the glyph */
};

struct text_geometry text_geometry(const struct vga_state *s);
void text_render(const struct vga *v, struct surface *out, unsigned flags);

static inline bool vga_is_text(const struct vga_state *s)
{
    return !dispi_enabled(s) && !(s->gfx[GFX_MISC] & GFX6_GRAPHICS);
}

/* Start address of the display, in dwords of vram. */
static inline uint32_t crtc_start(const struct vga_state *s)
{
    return (uint32_t)s->crtc[CRTC_START_HIGH] << 8 | s->crtc[CRTC_START_LOW];
}

/* Video memory at use: every address is reduced to its size, a power of two. */
static inline uint8_t vram_byte(const struct vga *v, uint64_t offset)
{
    return v->vram[offset & (v->vram_size - 1)];
}

/* The device wrote `len` bytes (at least 1, within video memory). */
static inline void vram_touched(struct vga *v, uint64_t offset, uint64_t len)
{
    if (v->vram_dirty) {
        for (uint64_t page = offset >> 12; page <= (offset + len - 1) >> 12; page++) {
            v->vram_dirty[page] = 1;
        }
    }
}

static inline uint32_t vram_dword(const struct vga *v, uint64_t index)
{
    uint64_t offset = (index * 4) & (v->vram_size - 1);

    return (uint32_t)v->vram[offset] | (uint32_t)v->vram[offset + 1] << 8 |
           (uint32_t)v->vram[offset + 2] << 16 | (uint32_t)v->vram[offset + 3] << 24;
}

#endif
