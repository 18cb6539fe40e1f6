/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen platform device. Source: Xen's docs/misc/hvm-emulated-unplug and xen/include/public/hvm. Not
 * modelled: a list of drivers that may not unplug.
 */
#include "xen/platform.h"

#include <errno.h>
#include <string.h>

#define VENDOR_XEN      0x5853
#define DEVICE_PLATFORM 0x0001
#define CLASS_OTHER     0xff8000
#define MEMORY_SIZE     (16u << 20)
#define PORTS_SIZE      256u

#define PCI_SUBSYSTEM     0x2c
#define PCI_INTERRUPT_PIN 0x3d

#define FIXED_BASE 0x10
#define FIXED_LEN  16u

/* Offsets within the fixed ports; what a port means depends on the width. */
#define PORT_FLAGS   0 /* byte */
#define PORT_UNPLUG  0 /* word: reads MAGIC */
#define PORT_BUILD   0 /* double word */
#define PORT_LOG     2 /* byte: reads PROTOCOL */
#define PORT_PRODUCT 2 /* word */
#define BAR_PORT_LOG 4

#define MAGIC          0x49d2u
#define PROTOCOL       1u
#define FLAG_ROM_LOCK  1u
#define UNPLUG_DEFINED (XEN_UNPLUG_DISKS | XEN_UNPLUG_NICS | XEN_UNPLUG_AUX_DISKS | XEN_UNPLUG_NVME)

STATE_TYPE(xen_platform_state, XEN_PLATFORM_STATE);

static void unplug(struct xen_platform *d, unsigned what)
{
    if (what && d->cfg.unplug) {
        d->cfg.unplug(d->cfg.opaque, what);
    }
}

static void rom_lock(struct xen_platform *d)
{
    if (d->cfg.rom_lock) {
        d->cfg.rom_lock(d->cfg.opaque, d->s->flags & FLAG_ROM_LOCK);
    }
}

static void flags_write(struct xen_platform *d, uint8_t val)
{
    if ((val ^ d->s->flags) & FLAG_ROM_LOCK) {
        d->s->flags = val & FLAG_ROM_LOCK;
        rom_lock(d);
    }
}

/* Lines of printable characters; a longer one is told in pieces. */
static void log_write(struct xen_platform *d, uint8_t c)
{
    if (c >= 0x20 && c < 0x7f) {
        d->line[d->line_used++] = (char)c;
    }
    if (d->line_used && (c == '\n' || d->line_used == XEN_PLATFORM_LINE)) {
        d->line[d->line_used] = 0;
        d->line_used = 0;
        if (d->cfg.log) {
            d->cfg.log(d->cfg.opaque, d->line);
        }
    }
}

static uint64_t fixed_read(void *opaque, uint32_t off, unsigned size)
{
    const struct xen_platform *d = opaque;

    if (off == PORT_FLAGS && size == 1) {
        return d->s->flags;
    }
    if (off == PORT_UNPLUG && size == 2) {
        return MAGIC;
    }
    return off == PORT_LOG && size == 1 ? PROTOCOL : UINT64_MAX;
}

static void fixed_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    struct xen_platform *d = opaque;

    if (off == PORT_FLAGS && size == 1) {
        flags_write(d, (uint8_t)val);
    } else if (off == PORT_UNPLUG && size == 2) {
        d->s->unplugged |= val & UNPLUG_DEFINED;
        unplug(d, val & UNPLUG_DEFINED);
    } else if (off == PORT_BUILD) { /* a double word */
        d->s->build = (uint32_t)val;
    } else if (off == PORT_LOG && size == 1) {
        log_write(d, (uint8_t)val);
    } else if (off == PORT_PRODUCT && size == 2) {
        d->s->product = (uint16_t)val;
    }
}

static uint64_t ports_read(void *opaque, uint32_t off, unsigned size)
{
    const struct xen_platform *d = opaque;

    return off == PORT_FLAGS ? d->s->flags : UINT64_MAX;
}

static void ports_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    struct xen_platform *d = opaque;

    if (off == PORT_FLAGS) {
        flags_write(d, (uint8_t)val);
    } else if (off == BAR_PORT_LOG) {
        log_write(d, (uint8_t)val);
    }
}

/* The guest's drivers lay their own pages over it; what is left reads zero. */
static uint64_t memory_read(void *opaque, uint32_t off, unsigned size)
{
    return 0;
}

static const struct reg fixed_regs[] = {
    {0, FIXED_LEN, BUS_W1 | BUS_W2 | BUS_W4, fixed_read, fixed_write, "platform"},
};

static const struct reg ports_regs[] = {
    {0, PORTS_SIZE, BUS_W1, ports_read, ports_write, "platform"},
};

static const struct reg memory_regs[] = {
    {0, MEMORY_SIZE, BUS_W1 | BUS_W2 | BUS_W4 | BUS_W8, memory_read, NULL, "platform"},
};

/* --- life --- */

static void platform_reset(struct device *dev, enum reset_kind kind)
{
    struct xen_platform *d = (struct xen_platform *)dev;
    bool locked = d->s->flags & FLAG_ROM_LOCK;

    *d->s = (struct xen_platform_state){0};
    d->line_used = 0;
    pci_function_reset(&d->pci);
    if (locked) {
        rom_lock(d);
    }
}

static int platform_check(const void *state)
{
    const struct xen_platform_state *s = state;

    return (s->unplugged & ~UNPLUG_DEFINED) || (s->flags & ~FLAG_ROM_LOCK) ? -EINVAL : 0;
}

static void platform_resume(struct device *dev)
{
    struct xen_platform *d = (struct xen_platform *)dev;

    pci_function_resume(&d->pci);
    unplug(d, d->s->unplugged);
    if (d->s->flags & FLAG_ROM_LOCK) {
        rom_lock(d);
    }
}

static const struct device_class platform_class = {
    .name = "xen-platform",
    .state = &xen_platform_state_type,
    .reset = platform_reset,
    .check = platform_check,
    .resume = platform_resume,
};

static void platform_set_up_config(struct xen_platform *d)
{
    struct pci_function *f = &d->pci;

    f->name = "xen-platform";
    f->devfn = d->cfg.devfn;
    f->s = &d->s->pci[0];
    f->opaque = d;
    pci_set_ids(f, VENDOR_XEN, DEVICE_PLATFORM, 0x01, CLASS_OTHER);
    pci_put32(f->reset_config, PCI_SUBSYSTEM, DEVICE_PLATFORM << 16 | VENDOR_XEN);
    f->reset_config[PCI_INTERRUPT_PIN] = 1;
    f->bar[0] = (struct pci_bar){.kind = PCI_BAR_IO, .size = PORTS_SIZE, .region = &d->ports};
    f->bar[1] = (struct pci_bar){
        .kind = PCI_BAR_MMIO, .size = MEMORY_SIZE, .prefetchable = true, .region = &d->memory};
}

int xen_platform_init(struct xen_platform *d, const struct hw *hw, struct pci_bus *bus,
                      const struct xen_platform_config *cfg)
{
    int ret;

    memset(d, 0, sizeof(*d));
    d->cfg = *cfg;
    ret = arena_add(hw->arena, &d->dev, &platform_class, "xen-platform");
    if (ret) {
        return ret;
    }
    d->s = d->dev.state;
    d->fixed = region_of("xen-platform-fixed", fixed_regs, FIXED_LEN, d);
    d->ports = region_of("xen-platform", ports_regs, PORTS_SIZE, d);
    d->memory = region_of("xen-platform-memory", memory_regs, MEMORY_SIZE, d);
    platform_set_up_config(d);
    ret = pci_add(bus, &d->pci);
    return ret ? ret : bus_map(hw->pio, &d->fixed, FIXED_BASE);
}
