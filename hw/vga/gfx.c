/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VGA graphics controller registers, ports 3CE-3CF. Source: IBM VGA Technical Reference, "Graphics
 * Controller Registers". What they do to memory accesses is in window.c.
 */
#include "vga/vga_regs.h"

static const uint8_t gfx_mask[9] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};

bool gfx_check(const struct vga_state *s)
{
    return bits_within(s->gfx, gfx_mask, sizeof(gfx_mask));
}

uint8_t gfx_read(const struct vga_state *s)
{
    unsigned index = s->gfx_index & 0x0f;

    return index < sizeof(gfx_mask) ? s->gfx[index] : 0;
}

void gfx_write(struct vga_state *s, uint8_t val)
{
    unsigned index = s->gfx_index & 0x0f;

    if (index < sizeof(gfx_mask)) {
        s->gfx[index] = val & gfx_mask[index];
    }
}
