/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI bus 0: configuration space, BAR decoding, INTx wires, configuration mechanism 1.
 * Source: PCI Local Bus Specification 3.0, chapters 3.2.2.3 and 6.
 * Not modelled: bridges, capabilities' side effects, parity, 64-bit BARs.
 */
#include "pci/pci.h"

#include <errno.h>
#include <string.h>

/* Offsets and bits of a type 0 header (chapter 6.1). */
#define PCI_COMMAND              0x04
#define PCI_COMMAND_IO           0x0001u
#define PCI_COMMAND_MEMORY       0x0002u
#define PCI_COMMAND_MASTER       0x0004u
#define PCI_COMMAND_PARITY       0x0040u
#define PCI_COMMAND_SERR         0x0100u
#define PCI_COMMAND_INTX_DISABLE 0x0400u
#define PCI_COMMAND_WMASK                                                                          \
    (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |               \
     PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE)
#define PCI_STATUS         0x06
#define PCI_STATUS_INTX    0x0008u
#define PCI_STATUS_W1C     0xf900u
#define PCI_REVISION       0x08
#define PCI_BAR0           0x10
#define PCI_ROM            0x30
#define PCI_INTERRUPT_LINE 0x3c
#define PCI_INTERRUPT_PIN  0x3d

#define PCI_BAR_IO_SPACE     0x1u
#define PCI_BAR_PREFETCHABLE 0x8u
#define PCI_ROM_ENABLE       0x1u

#define PCI_IO_LIMIT 0x10000u

/* Configuration mechanism 1 (chapter 3.2.2.3.2). */
#define CONFIG_ADDRESS_ENABLE 0x80000000u
#define CONFIG_ADDRESS_WMASK  0x80ffffffu
#define CONFIG_ADDRESS_LOW    0x00000003u /* reserved: read as 0 */

/* --- INTx wires --- */

/* Bit of a function's pin in intx_level[device]: eight functions of four pins. */
static uint32_t intx_bit(uint8_t devfn, unsigned pin)
{
    return 1u << ((devfn & 7) * 4 + pin);
}

static bool intx_enabled(const struct pci_function *fn)
{
    return !(pci_get16(fn->s->config, PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE);
}

/* A wire is high while any function of the device asserts the pin and may (chapter 6.2.2). */
static void intx_update(struct pci_bus *bus, unsigned device)
{
    uint32_t pins = 0;

    for (unsigned f = 0; f < 8; f++) {
        const struct pci_function *fn = bus->function[PCI_DEVFN(device, f)];

        if (fn && intx_enabled(fn)) {
            pins |= (bus->s->intx_level[device] >> (f * 4)) & 0xf;
        }
    }
    for (unsigned pin = 0; pin < 4; pin++) {
        struct irq_line wire = bus->intx;

        wire.n = device * 4 + pin;
        irq_set(&wire, (pins >> pin) & 1);
    }
}

static void intx_update_all(struct pci_bus *bus)
{
    for (unsigned device = 0; device < 32; device++) {
        intx_update(bus, device);
    }
}

/* Interrupt status tells what the function asserts, may it or not (chapter 6.2.3). */
static void intx_status_update(struct pci_function *fn)
{
    uint32_t all = 0xfu << ((fn->devfn & 7) * 4);

    fn->s->config[PCI_STATUS] &= (uint8_t)~PCI_STATUS_INTX;
    if (fn->bus->s->intx_level[fn->devfn >> 3] & all) {
        fn->s->config[PCI_STATUS] |= PCI_STATUS_INTX;
    }
}

void pci_set_intx(struct pci_function *fn, unsigned pin, int level)
{
    uint32_t *levels = &fn->bus->s->intx_level[fn->devfn >> 3];
    uint32_t bit = intx_bit(fn->devfn, pin & 3);

    *levels = level ? *levels | bit : *levels & ~bit;
    intx_status_update(fn);
    intx_update(fn->bus, fn->devfn >> 3);
}

/* In a loaded state pins may be up that no function has. */
static void intx_repair(struct pci_bus *bus)
{
    for (unsigned device = 0; device < 32; device++) {
        uint32_t pins = 0;

        for (unsigned f = 0; f < 8; f++) {
            const struct pci_function *fn = bus->function[PCI_DEVFN(device, f)];
            uint8_t pin = fn ? fn->reset_config[PCI_INTERRUPT_PIN] : 0;

            pins |= pin ? intx_bit((uint8_t)f, pin - 1) : 0;
        }
        bus->s->intx_level[device] &= pins;
    }
}

/* --- BARs --- */

static unsigned bar_offset(unsigned n)
{
    return n == PCI_ROM_BAR ? PCI_ROM : PCI_BAR0 + 4 * n;
}

static uint32_t bar_base(const struct pci_function *fn, unsigned n)
{
    return pci_get32(fn->s->config, bar_offset(n)) & ~(fn->bar[n].size - 1);
}

/*
 * Whether a BAR decodes now. Address 0 counts as unassigned. A port range above 64 KiB is never
 * decoded: an x86 CPU cannot address it.
 */
static bool bar_decodes(const struct pci_function *fn, unsigned n)
{
    uint16_t command = pci_get16(fn->s->config, PCI_COMMAND);
    uint32_t base = bar_base(fn, n);

    switch (fn->bar[n].kind) {
    case PCI_BAR_IO:
        return (command & PCI_COMMAND_IO) && base && base < PCI_IO_LIMIT;
    case PCI_BAR_ROM:
        return (command & PCI_COMMAND_MEMORY) && base && (fn->s->config[PCI_ROM] & PCI_ROM_ENABLE);
    case PCI_BAR_MMIO:
    case PCI_BAR_MEMORY:
        return (command & PCI_COMMAND_MEMORY) && base;
    default: /* PCI_BAR_NONE */
        return false;
    }
}

/* Registers that find no place on a full bus stay unmapped: the guest reads all ones. */
static void bar_map_region(struct bus *bus, struct region *r, bool decodes, uint32_t base)
{
    if (decodes) {
        (void)bus_map(bus, r, base);
    } else {
        bus_unmap(bus, r);
    }
}

/* True when the memory map has to be recomputed. */
static bool bar_map_area(struct mem_area *a, bool decodes, uint32_t base)
{
    bool changed = a->enabled != decodes || (decodes && a->gpa != base);

    a->enabled = decodes;
    if (decodes) {
        a->gpa = base;
    }
    return changed;
}

/* Makes ports, registers and memory follow command register and BARs. */
static void function_map(struct pci_function *fn)
{
    bool areas_changed = false;

    for (unsigned n = 0; n < PCI_NUM_BARS; n++) {
        const struct pci_bar *bar = &fn->bar[n];
        bool decodes = bar_decodes(fn, n);
        uint32_t base = bar->kind == PCI_BAR_NONE ? 0 : bar_base(fn, n);

        if (bar->kind == PCI_BAR_IO) {
            bar_map_region(fn->bus->pio, bar->region, decodes, base);
        } else if (bar->kind == PCI_BAR_MMIO) {
            bar_map_region(fn->bus->mmio, bar->region, decodes, base);
        } else if (bar->kind != PCI_BAR_NONE) {
            areas_changed |= bar_map_area(bar->area, decodes, base);
        }
    }
    if (areas_changed) {
        memmap_commit(fn->bus->mem);
    }
}

/* --- configuration space --- */

uint32_t pci_config_read(struct pci_bus *bus, uint8_t devfn, unsigned off, unsigned size)
{
    const struct pci_function *fn = bus->function[devfn];
    uint32_t val = 0;

    for (unsigned i = 0; i < size; i++) {
        uint8_t byte = 0xff;

        if (fn && off + i < PCI_CONFIG_SIZE) {
            byte = fn->s->config[off + i];
        }
        val |= (uint32_t)byte << (i * 8);
    }
    return val;
}

static void config_write_byte(struct pci_function *fn, unsigned off, uint8_t val)
{
    uint8_t *reg = &fn->s->config[off];
    uint8_t wmask = fn->wmask[off];

    *reg = (uint8_t)((*reg & ~wmask) | (val & wmask));
    *reg &= (uint8_t) ~(val & fn->w1c[off]);
}

void pci_config_write(struct pci_bus *bus, uint8_t devfn, unsigned off, unsigned size, uint32_t val)
{
    struct pci_function *fn = bus->function[devfn];

    if (!fn || off >= PCI_CONFIG_SIZE) {
        return;
    }
    if (size > PCI_CONFIG_SIZE - off) {
        size = PCI_CONFIG_SIZE - off;
    }
    for (unsigned i = 0; i < size; i++) {
        config_write_byte(fn, off + i, (uint8_t)(val >> (i * 8)));
    }
    if (pci_touches(off, size, PCI_COMMAND, 2) ||
        pci_touches(off, size, PCI_BAR0, 4 * PCI_MAX_BARS) || pci_touches(off, size, PCI_ROM, 4)) {
        function_map(fn);
        intx_update(bus, devfn >> 3);
    }
    if (fn->config_written) {
        fn->config_written(fn->opaque, off, size);
    }
}

bool pci_bus_master(const struct pci_function *fn)
{
    return pci_get16(fn->s->config, PCI_COMMAND) & PCI_COMMAND_MASTER;
}

/* --- a function's life --- */

void pci_set_ids(struct pci_function *fn, uint16_t vendor, uint16_t device, uint8_t revision,
                 uint32_t class_code)
{
    pci_put16(fn->reset_config, 0x00, vendor);
    pci_put16(fn->reset_config, 0x02, device);
    pci_put32(fn->reset_config, PCI_REVISION, class_code << 8 | revision);
}

static bool bar_valid(const struct pci_bar *bar, unsigned n)
{
    bool power_of_two = bar->size && !(bar->size & (bar->size - 1));

    switch (bar->kind) {
    case PCI_BAR_IO:
        return power_of_two && bar->size >= 4 && bar->size <= 256 && bar->region &&
               n != PCI_ROM_BAR;
    case PCI_BAR_MMIO:
        return power_of_two && bar->size >= 4096 && bar->region && n != PCI_ROM_BAR;
    case PCI_BAR_MEMORY:
        return power_of_two && bar->size >= 4096 && bar->area && n != PCI_ROM_BAR;
    case PCI_BAR_ROM:
        return power_of_two && bar->size >= 4096 && bar->area && n == PCI_ROM_BAR;
    default: /* PCI_BAR_NONE */
        return true;
    }
}

/*
 * Type bits of a BAR, its writable bits, and who answers where BARs were laid over something: the
 * fixed devices (priority 0) first, then BARs in order of function and number, whatever the order
 * in which the guest programmed them.
 */
static void bar_set_up(struct pci_function *fn, unsigned n)
{
    struct pci_bar *bar = &fn->bar[n];
    unsigned off = bar_offset(n);
    uint32_t type = bar->prefetchable ? PCI_BAR_PREFETCHABLE : 0;
    uint32_t enable = bar->kind == PCI_BAR_ROM ? PCI_ROM_ENABLE : 0;
    int priority = -1 - (int)(fn->devfn * PCI_NUM_BARS + n);

    if (bar->kind == PCI_BAR_NONE) {
        return;
    }
    if (bar->kind == PCI_BAR_IO) {
        type = PCI_BAR_IO_SPACE;
    }
    pci_put32(fn->reset_config, off, type);
    pci_put32(fn->wmask, off, ~(bar->size - 1) | enable);
    if (bar->region) {
        bar->region->priority = priority;
    }
    if (bar->area) {
        bar->area->priority = priority;
    }
}

int pci_add(struct pci_bus *bus, struct pci_function *fn)
{
    if (bus->function[fn->devfn]) {
        return -EEXIST;
    }
    for (unsigned n = 0; n < PCI_NUM_BARS; n++) {
        if (!bar_valid(&fn->bar[n], n)) {
            return -EINVAL;
        }
    }
    for (unsigned n = 0; n < PCI_NUM_BARS; n++) {
        bar_set_up(fn, n);
    }
    pci_put16(fn->wmask, PCI_COMMAND, PCI_COMMAND_WMASK);
    pci_put16(fn->w1c, PCI_STATUS, PCI_STATUS_W1C);
    fn->wmask[PCI_INTERRUPT_LINE] = 0xff;
    fn->bus = bus;
    bus->function[fn->devfn] = fn;
    for (unsigned n = 0; n < PCI_NUM_BARS; n++) {
        if (fn->bar[n].area) {
            int err = memmap_add(bus->mem, fn->bar[n].area);

            if (err) {
                return err;
            }
        }
    }
    if (bus->function_added) {
        bus->function_added(bus->opaque, fn->devfn);
    }
    return 0;
}

void pci_function_reset(struct pci_function *fn)
{
    memcpy(fn->s->config, fn->reset_config, PCI_CONFIG_SIZE);
    fn->bus->s->intx_level[fn->devfn >> 3] &= ~(0xfu << ((fn->devfn & 7) * 4));
    function_map(fn);
    intx_update(fn->bus, fn->devfn >> 3);
}

/* A loaded state may differ from ours where neither guest nor device can change anything. */
static void config_repair(struct pci_function *fn)
{
    for (unsigned i = 0; i < PCI_CONFIG_SIZE; i++) {
        uint8_t own = fn->wmask[i] | fn->w1c[i];
        uint8_t *reg = &fn->s->config[i];

        *reg = (uint8_t)((*reg & own) | (fn->reset_config[i] & ~own));
    }
    intx_status_update(fn);
}

void pci_function_resume(struct pci_function *fn)
{
    config_repair(fn);
    function_map(fn);
    intx_update(fn->bus, fn->devfn >> 3);
}

/* --- ports CF8-CFF --- */

static uint64_t config_address_read(void *opaque, uint32_t off, unsigned size)
{
    const struct pci_bus *bus = opaque;

    return bus->s->config_address & ~CONFIG_ADDRESS_LOW;
}

static void config_address_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    struct pci_bus *bus = opaque;

    bus->s->config_address = (uint32_t)val & CONFIG_ADDRESS_WMASK;
}

/* The function that CONFIG_ADDRESS selects; false when nobody can answer (not bus 0, disabled). */
static bool config_selected(const struct pci_bus *bus, uint8_t *devfn)
{
    uint32_t address = bus->s->config_address;

    *devfn = (uint8_t)(address >> 8);
    return (address & CONFIG_ADDRESS_ENABLE) && (address & 0x00ff0000) == 0;
}

/* Some programs leave the low bits of the offset in CONFIG_ADDRESS and access CFCh: they count,
 * too. */
static unsigned config_offset(const struct pci_bus *bus, uint32_t off)
{
    return (bus->s->config_address & 0xff) | (off & 3);
}

static uint64_t config_data_read(void *opaque, uint32_t off, unsigned size)
{
    struct pci_bus *bus = opaque;
    uint8_t devfn;

    if (!config_selected(bus, &devfn)) {
        return UINT64_MAX;
    }
    return pci_config_read(bus, devfn, config_offset(bus, off), size);
}

static void config_data_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    struct pci_bus *bus = opaque;
    uint8_t devfn;

    if (config_selected(bus, &devfn)) {
        pci_config_write(bus, devfn, config_offset(bus, off), size, (uint32_t)val);
    }
}

static const struct reg config_regs[] = {
    {0, 4, BUS_W4, config_address_read, config_address_write, "CONFIG_ADDRESS"},
    {4, 4, BUS_W1 | BUS_W2 | BUS_W4, config_data_read, config_data_write, "CONFIG_DATA"},
};

/* --- the bus as a device --- */

STATE_TYPE(pci_function_state, PCI_FUNCTION_STATE);
STATE_TYPE(pci_bus_state, PCI_BUS_STATE);

static void pci_bus_reset(struct device *dev, enum reset_kind kind)
{
    struct pci_bus *bus = (struct pci_bus *)dev;

    *bus->s = (struct pci_bus_state){0};
    intx_update_all(bus);
}

static int pci_bus_check(const void *state)
{
    const struct pci_bus_state *s = state;

    if (s->reserved || (s->config_address & ~CONFIG_ADDRESS_WMASK)) {
        return -EINVAL;
    }
    return 0;
}

static void pci_bus_resume(struct device *dev)
{
    struct pci_bus *bus = (struct pci_bus *)dev;

    intx_repair(bus);
    intx_update_all(bus);
}

static const struct device_class pci_bus_class = {
    .name = "pci-bus",
    .state = &pci_bus_state_type,
    .reset = pci_bus_reset,
    .check = pci_bus_check,
    .resume = pci_bus_resume,
};

int pci_bus_init(struct pci_bus *bus, const struct hw *hw)
{
    int err = arena_add(hw->arena, &bus->dev, &pci_bus_class, "pci");

    if (err) {
        return err;
    }
    bus->s = bus->dev.state;
    bus->pio = hw->pio;
    bus->mmio = hw->mmio;
    bus->mem = hw->mem;
    bus->config_ports = (struct region){
        .name = "pci-config",
        .regs = config_regs,
        .nregs = sizeof(config_regs) / sizeof(config_regs[0]),
        .opaque = bus,
        .len = 8,
    };
    return bus_map(hw->pio, &bus->config_ports, 0xcf8);
}
