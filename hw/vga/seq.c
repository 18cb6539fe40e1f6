/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VGA sequencer, ports 3C4-3C5. Source: IBM VGA Technical Reference, "Sequencer Registers". The
 * reset register is kept but does not stop the display.
 */
#include "vga/vga_regs.h"

static const uint8_t seq_mask[8] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0x00, 0x00, 0x00};

bool seq_check(const struct vga_state *s)
{
    return bits_within(s->seq, seq_mask, sizeof(seq_mask));
}

uint8_t seq_read(const struct vga_state *s)
{
    return s->seq[s->seq_index & 7];
}

void seq_write(struct vga_state *s, uint8_t val)
{
    unsigned index = s->seq_index & 7;

    s->seq[index] = val & seq_mask[index];
}
