/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VGA palette DAC, ports 3C6-3C9: 256 entries of three 6-bit components, 8 bits when the DISPI asks
 * for it. Source: IBM VGA Technical Reference, "Video DAC Subsystem".
 */
#include "vga/vga_regs.h"

#define DAC_WRITE_MODE 0u
#define DAC_READ_MODE  3u

static bool dac_wide(const struct vga_state *s)
{
    return s->dispi[DISPI_ENABLE] & DISPI_8BIT_DAC;
}

void dac_set_read_index(struct vga_state *s, uint8_t val)
{
    s->dac_read_index = val;
    s->dac_component = 0;
    s->dac_state = DAC_READ_MODE;
}

void dac_set_write_index(struct vga_state *s, uint8_t val)
{
    s->dac_write_index = val;
    s->dac_component = 0;
    s->dac_state = DAC_WRITE_MODE;
}

uint8_t dac_read(struct vga_state *s)
{
    unsigned c = s->dac_component % 3;
    uint8_t val = s->dac[s->dac_read_index * 3u + c];

    if (c == 2) {
        s->dac_read_index++;
    }
    s->dac_component = (uint8_t)((c + 1) % 3);
    return dac_wide(s) ? val : val & 0x3f;
}

/* An entry changes when its third component arrives. */
void dac_write(struct vga_state *s, uint8_t val)
{
    unsigned c = s->dac_component % 3;

    s->dac_pending[c] = dac_wide(s) ? val : val & 0x3f;
    if (c == 2) {
        for (unsigned i = 0; i < 3; i++) {
            s->dac[s->dac_write_index * 3u + i] = s->dac_pending[i];
        }
        s->dac_write_index++;
    }
    s->dac_component = (uint8_t)((c + 1) % 3);
}

/* 6 to 8 bits; the two new bits repeat the lowest one, so that 3Fh is FFh and 2Ah is A8h. */
static uint32_t component_widen(uint8_t val)
{
    uint32_t low = val & 1;

    return (uint32_t)(val & 0x3f) << 2 | low << 1 | low;
}

uint32_t dac_color(const struct vga_state *s, uint8_t index)
{
    const uint8_t *c = &s->dac[(index & s->dac_mask) * 3u];

    if (dac_wide(s)) {
        return (uint32_t)c[0] << 16 | (uint32_t)c[1] << 8 | c[2];
    }
    return component_widen(c[0]) << 16 | component_widen(c[1]) << 8 | component_widen(c[2]);
}
