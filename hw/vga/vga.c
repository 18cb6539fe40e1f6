/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Standard VGA: the legacy ports, the PCI function, reset and restore. Sources: IBM VGA Technical
 * Reference, "VGA Function"; PCI Local Bus Specification 3.0, chapter 6. The legacy ports and the
 * window answer whether or not the PCI command register decodes I/O and memory.
 */
#include "vga/vga_regs.h"

#include <errno.h>
#include <string.h>

#define PORT_BASE 0x3b0u

#define WINDOW_BASE 0xa0000u
#define DISPI_BASE  0x1ceu

#define MISC_WRITABLE    0xefu
#define FEATURE_WRITABLE 0x0bu

#define VRAM_MIN 0x40000u
#define VRAM_MAX 0x10000000u
#define ROM_MAX  0x1000000u

STATE_TYPE(vga_state, VGA_STATE);

/* --- legacy ports --- */

/* The CRTC's ports are at 3Bx or at 3Dx; the other set answers nobody. */
static bool port_hidden(const struct vga_state *s, unsigned port)
{
    unsigned set = port & ~0x0fu;

    return (set == 0x3b0 && (s->misc & MISC_COLOR)) || (set == 0x3d0 && !(s->misc & MISC_COLOR));
}

/* Input status register 1: also makes the next write of 3C0 an index. */
static uint8_t status1_read(struct vga *v)
{
    v->s->attr_data = 0;
    return crtc_input_status(v->s, clock_now(v->clock));
}

uint8_t vga_port_read(struct vga *v, unsigned port)
{
    struct vga_state *s = v->s;

    if (port_hidden(s, port)) {
        return 0xff;
    }
    switch (port) {
    case 0x3c0:
        return attr_read_index(s);
    case 0x3c1:
        return attr_read_data(s);
    case 0x3c2: /* input status 0: no interrupt, switch sense low */
        return 0;
    case 0x3c3:
        return s->enable;
    case 0x3c4:
        return s->seq_index;
    case 0x3c5:
        return seq_read(s);
    case 0x3c6:
        return s->dac_mask;
    case 0x3c7:
        return s->dac_state;
    case 0x3c8:
        return s->dac_write_index;
    case 0x3c9:
        return dac_read(s);
    case 0x3ca:
        return s->feature;
    case 0x3cc:
        return s->misc;
    case 0x3ce:
        return s->gfx_index;
    case 0x3cf:
        return gfx_read(s);
    case 0x3b4:
    case 0x3d4:
        return s->crtc_index;
    case 0x3b5:
    case 0x3d5:
        return crtc_read(s);
    case 0x3ba:
    case 0x3da:
        return status1_read(v);
    default:
        return 0xff;
    }
}

void vga_port_write(struct vga *v, unsigned port, uint8_t val)
{
    struct vga_state *s = v->s;

    if (port_hidden(s, port)) {
        return;
    }
    switch (port) {
    case 0x3c0:
        attr_write(s, val);
        return;
    case 0x3c2:
        s->misc = val & MISC_WRITABLE;
        break;
    case 0x3c3:
        s->enable = val & 1;
        return;
    case 0x3c4:
        s->seq_index = val & 7;
        return;
    case 0x3c5:
        seq_write(s, val);
        break;
    case 0x3c6:
        s->dac_mask = val;
        return;
    case 0x3c7:
        dac_set_read_index(s, val);
        return;
    case 0x3c8:
        dac_set_write_index(s, val);
        return;
    case 0x3c9:
        dac_write(s, val);
        return;
    case 0x3ce:
        s->gfx_index = val & 0x0f;
        return;
    case 0x3cf:
        gfx_write(s, val);
        break;
    case 0x3b4:
    case 0x3d4:
        s->crtc_index = val;
        return;
    case 0x3b5:
    case 0x3d5:
        crtc_write(s, val);
        return;
    case 0x3ba:
    case 0x3da:
        s->feature = val & FEATURE_WRITABLE;
        return;
    default:
        return;
    }
    window_update(v); /* MISC, sequencer and graphics controller decide who answers at A0000 */
}

static uint64_t legacy_read(void *dev, uint32_t off, unsigned size)
{
    return vga_port_read(dev, PORT_BASE + off);
}

static void legacy_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    vga_port_write(dev, PORT_BASE + off, (uint8_t)val);
}

/* Byte ports: a 16-bit OUT is index, then data. 3BC-3BF belong to a parallel port. */
static const struct reg legacy_regs[] = {
    {0x04, 2, BUS_W1, legacy_read, legacy_write, "crtc-mono"},
    {0x0a, 1, BUS_W1, legacy_read, legacy_write, "status1-mono"},
    {0x10, 16, BUS_W1, legacy_read, legacy_write, "vga"},
    {0x24, 2, BUS_W1, legacy_read, legacy_write, "crtc"},
    {0x2a, 1, BUS_W1, legacy_read, legacy_write, "status1"},
};

/* --- device --- */

static void vga_reset(struct device *dev, enum reset_kind kind)
{
    struct vga *v = (struct vga *)dev;
    struct pci_function_state pci = v->s->pci[0];

    *v->s = (struct vga_state){
        .pci = {pci}, /* changed below, by its owner */
        .dac_mask = 0xff,
    };
    dispi_reset(v->s);
    pci_function_reset(&v->pci);
    window_update(v);
}

static int vga_check(const void *state)
{
    const struct vga_state *s = state;

    if (s->dac_component > 2 || (s->dac_state != 0 && s->dac_state != 3) || s->attr_data > 1 ||
        s->seq_index > 7 || s->gfx_index > 15 || s->attr_index > 0x3f || s->enable > 1 ||
        s->big_endian > 1) {
        return -EINVAL;
    }
    if ((s->misc & ~MISC_WRITABLE) || (s->feature & ~FEATURE_WRITABLE)) {
        return -EINVAL;
    }
    return seq_check(s) && gfx_check(s) && attr_check(s) ? 0 : -EINVAL;
}

static void vga_resume(struct device *dev)
{
    struct vga *v = (struct vga *)dev;

    dispi_fixup(v);
    pci_function_resume(&v->pci);
    window_update(v);
}

static const struct device_class vga_class = {
    .name = "vga",
    .state = &vga_state_type,
    .reset = vga_reset,
    .check = vga_check,
    .resume = vga_resume,
};

static uint32_t round_up_pow2(uint32_t val)
{
    uint32_t size = 4096;

    while (size < val) {
        size <<= 1;
    }
    return size;
}

static void vga_init_regions(struct vga *v)
{
    v->legacy = (struct region){
        .name = "vga",
        .regs = legacy_regs,
        .opaque = v,
        .len = 0x30,
        .posted = {{0, 0x30}},
        .flags = REGION_WINDOW,
        .nregs = sizeof(legacy_regs) / sizeof(legacy_regs[0]),
    };
    v->dispi_ports = (struct region){
        .name = "vga-dispi",
        .regs = dispi_port_regs,
        .nregs = DISPI_PORT_REGS,
        .opaque = v,
        .len = 4,
        .posted = {{0, 4}},
        .flags = REGION_WINDOW,
    };
    v->window = (struct region){
        .name = "vga-window",
        .regs = window_regs,
        .nregs = WINDOW_REGS,
        .opaque = v,
        .len = 0x20000,
        .posted = {{0, 0x20000}},
        .flags = REGION_WINDOW,
    };
    v->mmio = (struct region){
        .name = "vga-mmio",
        .regs = vga_mmio_regs,
        .nregs = VGA_MMIO_REGS,
        .opaque = v,
        .len = 0x1000,
    };
}

static void vga_init_areas(struct vga *v, const struct vga_config *cfg)
{
    v->alias = (struct mem_area){
        .name = "vga-window",
        .object = cfg->vram_object,
        .kind = MEM_RAM,
        .priority = 1,
    };
    v->lfb = (struct mem_area){
        .name = "vga-lfb",
        .object = cfg->vram_object,
        .kind = MEM_RAM,
        .priority = 1,
        .len = cfg->vram_size,
    };
    v->rom = (struct mem_area){
        .name = "vga-rom",
        .object = cfg->rom_object,
        .kind = MEM_ROM,
        .priority = 1,
        .len = round_up_pow2(cfg->rom_size),
    };
}

static void vga_init_pci(struct vga *v, const struct vga_config *cfg)
{
    struct pci_function *f = &v->pci;

    f->name = "vga";
    f->devfn = cfg->devfn;
    f->s = &v->s->pci[0];
    f->opaque = v;
    pci_set_ids(f, 0x1234, 0x1111, 2, 0x030000);
    pci_put16(f->reset_config, 0x2c, 0x1af4);
    pci_put16(f->reset_config, 0x2e, 0x1100);
    f->bar[0] = (struct pci_bar){
        .kind = PCI_BAR_MEMORY,
        .size = cfg->vram_size,
        .prefetchable = true,
        .area = &v->lfb,
    };
    f->bar[2] = (struct pci_bar){.kind = PCI_BAR_MMIO, .size = 0x1000, .region = &v->mmio};
    if (cfg->rom_size) {
        f->bar[PCI_ROM_BAR] = (struct pci_bar){
            .kind = PCI_BAR_ROM,
            .size = (uint32_t)v->rom.len,
            .area = &v->rom,
        };
    }
}

int vga_init(struct vga *v, const struct hw *hw, struct pci_bus *bus, const struct vga_config *cfg)
{
    uint32_t size = cfg->vram_size;
    int ret;

    if (size < VRAM_MIN || size > VRAM_MAX || (size & (size - 1)) || cfg->rom_size > ROM_MAX) {
        return -EINVAL;
    }
    memset(v, 0, sizeof(*v));
    v->clock = hw->clock;
    v->mem = hw->mem;
    v->vram = cfg->vram;
    v->vram_size = size;
    v->vram_dirty = cfg->vram_dirty;
    edid_fill(v->edid);
    ret = arena_add(hw->arena, &v->dev, &vga_class, "vga");
    if (ret) {
        return ret;
    }
    v->s = v->dev.state;
    vga_init_regions(v);
    vga_init_areas(v, cfg);
    vga_init_pci(v, cfg);
    ret = memmap_add(hw->mem, &v->alias);
    ret = ret ? ret : pci_add(bus, &v->pci);
    ret = ret ? ret : bus_map(hw->pio, &v->legacy, PORT_BASE);
    ret = ret ? ret : bus_map(hw->pio, &v->dispi_ports, DISPI_BASE);
    ret = ret ? ret : bus_map(hw->mmio, &v->window, WINDOW_BASE);
    return ret;
}
