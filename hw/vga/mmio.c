/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VGA BAR 2, 4 KiB: EDID at 0, the VGA ports 3C0-3DF at 400h, DISPI registers at 500h, frame buffer
 * byte order at 600h. Sources: QEMU's description of its standard VGA; VESA E-EDID 1.4.
 */
#include "vga/vga_regs.h"

#include <string.h>

#define MMIO_PORTS    0x400u
#define MMIO_DISPI    0x500u
#define MMIO_EXT      0x600u
#define EXT_SIZE      0u /* bytes of this group */
#define EXT_ENDIAN    4u
#define ENDIAN_LITTLE 0x1e1e1e1eu
#define ENDIAN_BIG    0xbebebebeu

static uint64_t edid_read(void *dev, uint32_t off, unsigned size)
{
    const struct vga *v = dev;

    return off < VGA_EDID_SIZE ? v->edid[off] : 0;
}

static uint64_t ports_read(void *dev, uint32_t off, unsigned size)
{
    return vga_port_read(dev, 0x3c0 + (off - MMIO_PORTS));
}

static void ports_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    vga_port_write(dev, 0x3c0 + (off - MMIO_PORTS), (uint8_t)val);
}

/* An odd offset reaches the register that holds it, as a whole. */
static uint64_t dispi_mmio_read(void *dev, uint32_t off, unsigned size)
{
    return dispi_read(dev, (off - MMIO_DISPI) / 2);
}

static void dispi_mmio_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    dispi_write(dev, (off - MMIO_DISPI) / 2, (uint16_t)val);
}

static uint64_t ext_read(void *dev, uint32_t off, unsigned size)
{
    const struct vga *v = dev;

    switch (off - MMIO_EXT) {
    case EXT_SIZE:
        return 8;
    case EXT_ENDIAN:
        return v->s->big_endian ? ENDIAN_BIG : ENDIAN_LITTLE;
    default:
        return 0;
    }
}

static void ext_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct vga *v = dev;

    if (off - MMIO_EXT == EXT_ENDIAN && (val == ENDIAN_LITTLE || val == ENDIAN_BIG)) {
        v->s->big_endian = val == ENDIAN_BIG;
    }
}

const struct reg vga_mmio_regs[VGA_MMIO_REGS] = {
    {0x000, 0x100, BUS_W1, edid_read, NULL, "edid"},
    {MMIO_PORTS, 0x20, BUS_W1, ports_read, ports_write, "ports"},
    {MMIO_DISPI, 2 * DISPI_COUNT, BUS_W2, dispi_mmio_read, dispi_mmio_write, "dispi"},
    {MMIO_EXT, 8, BUS_W4, ext_read, ext_write, "ext"},
};

/* --- EDID --- */

/*
 * E-EDID 1.4, base block: manufacturer "CLV", digital input, 1024x768 at 60 Hz preferred (VESA DMT
 * 10h: 65 MHz, 1344x806 in all), the common established timings.
 */
static const uint8_t edid_block[VGA_EDID_SIZE - 1] = {
    0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, /* header */
    0x0d, 0x96, 0x01, 0x00, 0x01, 0x00, 0x00, 0x00, /* "CLV", product 1, serial 1 */
    0x01, 0x22, 0x01, 0x04,                         /* week 1 of 2024, EDID 1.4 */
    0xa0, 0x1a, 0x14, 0x78, 0x0a,                   /* digital 8 bpc, 26x20 cm, gamma 2.2, RGB */
    0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54, /* sRGB */
    0x21, 0x08, 0x00, /* 640x480, 800x600, 1024x768 at 60 */
    /* standard timings: 1280x1024, 1600x1200, 1920x1080, 1280x720, 1440x900; three unused */
    0x81, 0x80, 0xa9, 0x40, 0xd1, 0xc0, 0x81, 0xc0, 0x95, 0x00, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    /* detailed timing: 65.00 MHz, 1024+320, 768+38, front 24, sync 136, front 3, sync 6 */
    0x64, 0x19, 0x00, 0x40, 0x41, 0x00, 0x26, 0x30, 0x18, 0x88, 0x36, 0x00, 0x04, 0xc8, 0x00, 0x00,
    0x00, 0x18,
    /* range limits: 50-125 Hz, 30-160 kHz, up to 300 MHz, no formula */
    0x00, 0x00, 0x00, 0xfd, 0x00, 0x32, 0x7d, 0x1e, 0xa0, 0x1e, 0x01, 0x0a, 0x20, 0x20, 0x20, 0x20,
    0x20, 0x20,
    /* product name */
    0x00, 0x00, 0x00, 0xfc, 0x00, 'C', 'l', 'e', 'a', 'v', 'e', ' ', 'V', 'G', 'A', '\n', ' ', ' ',
    /* dummy descriptor */
    0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, /* no extension */
};

void edid_fill(uint8_t edid[VGA_EDID_SIZE])
{
    uint8_t sum = 0;

    memcpy(edid, edid_block, sizeof(edid_block));
    for (unsigned i = 0; i < sizeof(edid_block); i++) {
        sum = (uint8_t)(sum + edid[i]);
    }
    edid[VGA_EDID_SIZE - 1] = (uint8_t)-sum;
}
