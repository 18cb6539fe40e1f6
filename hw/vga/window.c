/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VGA memory window A0000-BFFFF: address decoding, latches, read and write modes. Source: IBM VGA
 * Technical Reference, "Video Memory Addressing", "Graphics Controller Registers". In linear modes
 * the window is plain memory and costs no exits.
 */
#include "vga/vga_regs.h"

#define WINDOW_BASE 0xa0000u
#define WINDOW_LEN  0x20000u
#define BANK_LEN    0x10000u

/* A nibble with one bit per plane to a dword with one byte per plane. */
static uint32_t planes_expand(unsigned nibble)
{
    return (nibble & 1 ? 0xffu : 0) | (nibble & 2 ? 0xff00u : 0) | (nibble & 4 ? 0xff0000u : 0) |
           (nibble & 8 ? 0xff000000u : 0);
}

/* --- address decoding --- */

/* The part of A0000-BFFFF that the memory map select (GR6 bits 3-2) decodes. */
static void window_range(const struct vga_state *s, uint32_t *base, uint32_t *len)
{
    static const struct {
        uint32_t base, len;
    } map[4] = {{0, 0x20000}, {0, 0x10000}, {0x10000, 0x8000}, {0x18000, 0x8000}};
    unsigned select = dispi_enabled(s) ? 1 : (s->gfx[GFX_MISC] >> 2) & 3;

    *base = map[select].base;
    *len = map[select].len;
}

/* Packed-pixel DISPI modes show video memory byte by byte, whatever the VGA registers say. */
static bool window_linear(const struct vga_state *s)
{
    return dispi_enabled(s) && s->dispi[DISPI_BPP] != 4;
}

/* Offset within the decoded part; false where nothing answers. */
static bool window_decode(const struct vga_state *s, uint32_t off, uint32_t *addr)
{
    uint32_t base, len;

    window_range(s, &base, &len);
    *addr = off - base;
    return (s->misc & MISC_RAM || dispi_enabled(s)) && off >= base && off - base < len;
}

/* First dword of the bank that DISPI selected; 0 in VGA modes. */
static uint32_t bank_dword(const struct vga_state *s)
{
    if (!dispi_enabled(s)) {
        return 0;
    }
    uint32_t bank = s->dispi[DISPI_BANK];

    return s->dispi[DISPI_BPP] == 4 ? bank * BANK_LEN : bank * (BANK_LEN / 4);
}

static bool chain4(const struct vga_state *s)
{
    return (s->seq[SEQ_MEMORY_MODE] & SEQ4_CHAIN4) && !dispi_enabled(s);
}

/* --- reads --- */

/* Read mode 1: a bit is set where all planes that matter equal the compare colour. */
static uint8_t color_compare(const struct vga_state *s, uint32_t data)
{
    uint32_t differ = (data ^ planes_expand(s->gfx[GFX_COLOR_COMPARE])) &
                      planes_expand(s->gfx[GFX_COLOR_DONT_CARE]);

    return (uint8_t) ~(differ | differ >> 8 | differ >> 16 | differ >> 24);
}

static uint8_t window_read_byte(struct vga *v, uint32_t off)
{
    struct vga_state *s = v->s;
    uint32_t addr, dword;
    unsigned plane = s->gfx[GFX_READ_MAP] & 3;

    if (!window_decode(s, off, &addr)) {
        return 0xff;
    }
    if (window_linear(s)) {
        return vram_byte(v, (uint64_t)bank_dword(s) * 4 + addr);
    }
    if (chain4(s)) {
        plane = addr & 3;
        dword = addr >> 2;
    } else if (s->gfx[GFX_MODE] & GFX5_ODD_EVEN) {
        plane = (plane & 2) | (addr & 1);
        dword = addr >> 1;
    } else {
        dword = addr;
    }
    s->latch = vram_dword(v, bank_dword(s) + dword);
    if (s->gfx[GFX_MODE] & GFX5_READ_MODE) {
        return color_compare(s, s->latch);
    }
    return (uint8_t)(s->latch >> (8 * plane));
}

/* --- writes --- */

static uint32_t logic_function(const struct vga_state *s, uint32_t data)
{
    switch ((s->gfx[GFX_DATA_ROTATE] >> 3) & 3) {
    case 1:
        return data & s->latch;
    case 2:
        return data | s->latch;
    case 3:
        return data ^ s->latch;
    default:
        return data;
    }
}

/* What the graphics controller makes of a byte from the CPU: one byte for each plane. */
static uint32_t write_data(const struct vga_state *s, uint8_t val)
{
    unsigned rotate = s->gfx[GFX_DATA_ROTATE] & 7;
    uint8_t rotated = (uint8_t)(val >> rotate | val << (8 - rotate));
    uint32_t bits = s->gfx[GFX_BIT_MASK] * 0x01010101u;
    uint32_t set = planes_expand(s->gfx[GFX_SET_RESET]);
    uint32_t enable = planes_expand(s->gfx[GFX_ENABLE_SET_RESET]);
    uint32_t data;

    switch (s->gfx[GFX_MODE] & 3) {
    case 0:
        data = ((rotated * 0x01010101u) & ~enable) | (set & enable);
        break;
    case 1:
        return s->latch;
    case 2:
        data = planes_expand(val);
        break;
    default:
        bits &= rotated * 0x01010101u;
        data = set;
        break;
    }
    return (logic_function(s, data) & bits) | (s->latch & ~bits);
}

static void vram_merge(struct vga *v, uint64_t dword, uint32_t data, uint32_t planes)
{
    uint64_t offset = (dword * 4) & (v->vram_size - 1);

    vram_touched(v, offset, 4);
    for (unsigned i = 0; i < 4; i++) {
        if (planes >> (8 * i) & 0xff) {
            v->vram[offset + i] = (uint8_t)(data >> (8 * i));
        }
    }
}

static void window_write_byte(struct vga *v, uint32_t off, uint8_t val)
{
    struct vga_state *s = v->s;
    unsigned planes = s->seq[SEQ_MAP_MASK] & 0x0f;
    uint32_t addr, dword;

    if (!window_decode(s, off, &addr)) {
        return;
    }
    if (window_linear(s)) {
        uint64_t offset = (uint64_t)bank_dword(s) * 4 + addr;

#ifndef CLEAVE_FUZZ_BUGS /* left out: as CVE-2016-3710, a bank beyond video memory */
        offset &= v->vram_size - 1;
#endif
        vram_touched(v, offset, 1);
        v->vram[offset] = val;
        return;
    }
    if (dispi_enabled(s)) { /* 16 colours, always planar */
        dword = addr;
    } else if (chain4(s)) {
        planes &= 1u << (addr & 3);
        dword = addr >> 2;
    } else if (!(s->seq[SEQ_MEMORY_MODE] & SEQ4_SEQUENTIAL)) {
        planes &= addr & 1 ? 0x0a : 0x05;
        dword = addr >> 1;
    } else {
        dword = addr;
    }
    vram_merge(v, (uint64_t)bank_dword(s) + dword, write_data(s, val), planes_expand(planes));
}

/* --- registers of the region: wide accesses are bytes, low address first --- */

static uint64_t window_read(void *dev, uint32_t off, unsigned size)
{
    uint64_t val = 0;

    for (unsigned i = 0; i < size; i++) {
        val |= (uint64_t)window_read_byte(dev, off + i) << (8 * i);
    }
    return val;
}

static void window_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    for (unsigned i = 0; i < size; i++) {
        window_write_byte(dev, off + i, (uint8_t)(val >> (8 * i)));
    }
}

const struct reg window_regs[WINDOW_REGS] = {
    {0, WINDOW_LEN, BUS_W1 | BUS_W2 | BUS_W4 | BUS_W8, window_read, window_write, "window"},
};

/* --- the window as memory --- */

/*
 * Chain-4 writes go through unchanged when the graphics controller is in its neutral setting. Reads
 * then no longer load the latches, which nothing can observe until the mode changes.
 */
static bool chain4_neutral(const struct vga_state *s)
{
    const uint8_t *g = s->gfx;

    return (s->misc & MISC_RAM) && chain4(s) && s->seq[SEQ_MAP_MASK] == 0x0f &&
           !(g[GFX_MODE] & (3 | GFX5_READ_MODE)) && g[GFX_ENABLE_SET_RESET] == 0 &&
           g[GFX_DATA_ROTATE] == 0 && g[GFX_BIT_MASK] == 0xff;
}

void window_update(struct vga *v)
{
    struct mem_area *a = &v->alias;
    bool enabled = window_linear(v->s) || (!dispi_enabled(v->s) && chain4_neutral(v->s));
    uint64_t offset = enabled ? (uint64_t)bank_dword(v->s) * 4 : 0;
    uint32_t base, len;

    window_range(v->s, &base, &len);
    if (!enabled && !a->enabled) {
        return;
    }
    if (a->enabled == enabled && a->gpa == WINDOW_BASE + base && a->len == len &&
        a->offset == offset) {
        return;
    }
    a->enabled = enabled;
    a->gpa = WINDOW_BASE + base;
    a->len = len;
    a->offset = offset;
    memmap_commit(v->mem);
}
