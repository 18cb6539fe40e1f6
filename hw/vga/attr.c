/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VGA attribute controller, ports 3C0-3C1. Source: IBM VGA Technical Reference, "Attribute
 * Controller Registers".
 */
#include "vga/vga_regs.h"

static const uint8_t attr_mask[ATTR_COUNT] = {
    0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
    0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0xef, 0xff, 0x3f, 0x0f, 0x0f,
};

bool attr_check(const struct vga_state *s)
{
    return bits_within(s->attr, attr_mask, sizeof(attr_mask));
}

uint8_t attr_read_index(const struct vga_state *s)
{
    return s->attr_index;
}

uint8_t attr_read_data(const struct vga_state *s)
{
    unsigned index = s->attr_index & 0x1f;

    return index < ATTR_COUNT ? s->attr[index] : 0;
}

void attr_write(struct vga_state *s, uint8_t val)
{
    unsigned index = s->attr_index & 0x1f;

    if (!s->attr_data) {
        s->attr_index = val & 0x3f;
    } else if (index < ATTR_COUNT) {
        /* The data sheet asks for PAS = 0 to load the palette; VGAs take it with PAS = 1, too. */
        s->attr[index] = val & attr_mask[index];
    }
    s->attr_data ^= 1;
}

uint32_t attr_color(const struct vga_state *s, unsigned index)
{
    unsigned p = s->attr[index & s->attr[ATTR_PLANE_ENABLE] & 0x0f];
    unsigned select = s->attr[ATTR_COLOR_SELECT];

    if (s->attr[ATTR_MODE] & ATTR10_P54) {
        p = (p & 0x0f) | (select & 0x0f) << 4;
    } else {
        p = (p & 0x3f) | (select & 0x0c) << 4;
    }
    return dac_color(s, (uint8_t)p);
}
