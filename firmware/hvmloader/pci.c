/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI bus 0 by configuration mechanism 1: finds the functions, sizes and places BARs, routes
 * interrupts. PCI 2.1; Intel 290550 (PIIX3), 290562 (PIIX4). Bridges to other buses are left alone.
 * Each access to a port costs an exit, so the address register is written only when it changes and
 * registers that a class cannot have are not probed.
 */
#include "loader.h"

#define CONFIG_ADDRESS 0xcf8u
#define CONFIG_DATA    0xcfcu
#define CONFIG_ENABLE  0x80000000u

#define REG_ID        0x00u
#define REG_COMMAND   0x04u
#define REG_CLASS     0x08u
#define REG_HEADER    0x0cu
#define REG_BAR0      0x10u
#define REG_BAR4      0x20u
#define REG_ROM       0x30u
#define REG_INTERRUPT 0x3cu

#define HEADER_MULTI 0x800000u

#define COMMAND_IO     0x1u
#define COMMAND_MEMORY 0x2u
#define COMMAND_MASTER 0x4u

#define CLASS_IDE        0x0101u
#define CLASS_VGA        0x0300u
#define CLASS_BRIDGE     0x06u
#define CLASS_ISA_BRIDGE 0x0601u
#define IDE_NATIVE       0x05u /* programming interface: either channel is not at 1F0 or 170 */
#define VENDOR_INTEL     0x8086u
#define DEVICE_PIIX4_PM  0x7113u

#define BAR_IO     1u
#define BAR_64     4u
#define BAR_TYPE   6u
#define MAX_BARS   64u
#define ROM_ENABLE 1u

#define MAX_FUNCTIONS 64u

#define PM_BASE 0xb000u

struct bar {
    uint32_t function; /* its CONFIG_ADDRESS */
    uint32_t reg;
    uint32_t size;
    bool io;
    bool wide; /* 64 bits: the upper half follows */
};

static struct bar bars[MAX_BARS];
static uint32_t nbars;
static struct {
    uint32_t function;
    uint16_t value;
} commands[MAX_FUNCTIONS];
static uint32_t ncommands;
static uint32_t latch; /* what CONFIG_ADDRESS holds */

/* PIRQ A to D. The line of a function's pin is the entry (device + pin) & 3. */
static const uint8_t link_irq[4] = {5, 10, 11, 5};

static void config_select(uint32_t function, uint32_t reg)
{
    uint32_t address = function | (reg & 0xfc);

    if (address != latch) {
        out32(CONFIG_ADDRESS, address);
        latch = address;
    }
}

static uint32_t config_read(uint32_t function, uint32_t reg)
{
    config_select(function, reg);
    return in32(CONFIG_DATA);
}

static void config_write(uint32_t function, uint32_t reg, uint32_t value)
{
    config_select(function, reg);
    out32(CONFIG_DATA, value);
}

static void config_write16(uint32_t function, uint32_t reg, uint16_t value)
{
    config_select(function, reg);
    out16(CONFIG_DATA + (reg & 2), value);
}

static void config_write8(uint32_t function, uint32_t reg, uint8_t value)
{
    config_select(function, reg);
    out8((uint16_t)(CONFIG_DATA + (reg & 3)), value);
}

/* Notes one BAR if it exists; returns how many registers it takes. */
static uint32_t bar_size(uint32_t function, uint32_t reg)
{
    struct bar *b = &bars[nbars];
    uint32_t mask;

    config_write(function, reg, reg == REG_ROM ? ~ROM_ENABLE : ~0u);
    mask = config_read(function, reg);
    if (mask == 0 || mask == ~0u || nbars == MAX_BARS) {
        return 1;
    }
    b->function = function;
    b->reg = reg;
    b->io = reg != REG_ROM && (mask & BAR_IO);
    b->wide = reg != REG_ROM && !b->io && (mask & BAR_TYPE) == BAR_64;
    if (reg == REG_ROM) {
        mask &= 0xfffff800u;
    } else {
        mask &= b->io ? 0xfffffffcu : 0xfffffff0u;
    }
    b->size = mask & -mask; /* also right when an I/O BAR has no upper half */
    nbars++;
    return b->wide ? 2 : 1;
}

/* Returns the decode bits that the BARs need. */
static uint32_t function_bars(uint32_t function, uint32_t class, uint32_t interface)
{
    uint32_t first = nbars;
    uint32_t command = 0;

    if (class == CLASS_IDE && !(interface & IDE_NATIVE)) {
        bar_size(function, REG_BAR4); /* both channels at their ISA ports: the bus master alone */
        return nbars > first ? COMMAND_IO : 0;
    }
    for (uint32_t reg = REG_BAR0; reg < REG_BAR0 + 24;) {
        reg += 4 * bar_size(function, reg);
    }
    for (uint32_t i = first; i < nbars; i++) {
        command |= bars[i].io ? COMMAND_IO : COMMAND_MEMORY;
    }
    bar_size(function, REG_ROM); /* stays disabled; its address is for SeaBIOS */
    return command;
}

static void isa_bridge_setup(uint32_t function)
{
    uint32_t routes = 0;
    uint32_t elcr = 0;

    for (uint32_t i = 0; i < 4; i++) {
        routes |= (uint32_t)link_irq[i] << (8 * i);
        elcr |= 1u << link_irq[i];
    }
    config_write(function, 0x60, routes);
    out8(0x4d0, (uint8_t)elcr);
    out8(0x4d1, (uint8_t)(elcr >> 8));
}

static void ide_setup(uint32_t function)
{
    config_write(function, 0x40, 0x80008000u); /* decode both channels */
}

static void pm_setup(uint32_t function)
{
    config_write(function, 0x40, PM_BASE | 1);
    config_write8(function, 0x80, 1); /* PMREGMISC: the registers answer */
    config_write8(function, REG_INTERRUPT, 9);
}

static void interrupt_setup(uint32_t function)
{
    uint32_t device = function >> 11 & 0x1f;
    uint32_t pin = config_read(function, REG_INTERRUPT) >> 8 & 0xff;

    if (pin >= 1 && pin <= 4) {
        config_write8(function, REG_INTERRUPT, link_irq[(device + pin - 1) & 3]);
    }
}

static void function_setup(uint32_t function, uint32_t id)
{
    uint32_t class = config_read(function, REG_CLASS) >> 8;
    uint32_t interface = class & 0xff;
    uint32_t command = 0;

    class >>= 8;
    if (class >> 8 != CLASS_BRIDGE) {
        command = COMMAND_MASTER | function_bars(function, class, interface);
        interrupt_setup(function);
    }
    if (class == CLASS_ISA_BRIDGE) {
        isa_bridge_setup(function);
    } else if (class == CLASS_IDE && (id & 0xffff) == VENDOR_INTEL) {
        ide_setup(function);
        command |= COMMAND_IO;
    } else if (id == (DEVICE_PIIX4_PM << 16 | VENDOR_INTEL)) {
        pm_setup(function);
    } else if (class == CLASS_VGA) {
        command |= COMMAND_IO | COMMAND_MEMORY;
    }
    if (command != 0 && ncommands < MAX_FUNCTIONS) {
        commands[ncommands].function = function;
        commands[ncommands].value = (uint16_t)command;
        ncommands++;
    }
    debug_value("pci", function);
    debug_value("id", id);
    debug_text("\n");
}

static void scan(void)
{
    for (uint32_t device = 0; device < 32; device++) {
        uint32_t function = CONFIG_ENABLE | device << 11;
        uint32_t id = config_read(function, REG_ID);
        bool multi;

        if ((id & 0xffff) == 0xffff) {
            continue;
        }
        multi = config_read(function, REG_HEADER) & HEADER_MULTI;
        function_setup(function, id);
        for (uint32_t i = 1; multi && i < 8; i++) {
            id = config_read(function | i << 8, REG_ID);
            if ((id & 0xffff) != 0xffff) {
                function_setup(function | i << 8, id);
            }
        }
    }
}

/* The largest BAR without an address. */
static struct bar *bar_next(void)
{
    struct bar *largest = NULL;

    for (uint32_t i = 0; i < nbars; i++) {
        if (bars[i].size != 0 && (largest == NULL || bars[i].size > largest->size)) {
            largest = &bars[i];
        }
    }
    return largest;
}

static void bars_place(void)
{
    uint64_t memory = MMIO_START;
    uint64_t io = IO_START;
    struct bar *b;

    for (b = bar_next(); b != NULL; b = bar_next()) {
        uint64_t *next = b->io ? &io : &memory;
        uint64_t start = (*next + b->size - 1) & ~(uint64_t)(b->size - 1);

        if (start + b->size > (b->io ? IO_END : MMIO_END)) {
            debug_text("no room for a BAR\n");
        } else {
            config_write(b->function, b->reg, (uint32_t)start);
            *next = start + b->size;
            debug_value("bar", b->function | b->reg);
            debug_value("at", start);
            debug_text("\n");
        }
        b->size = 0;
    }
}

void pci_setup(void)
{
    scan();
    bars_place();
    for (uint32_t i = 0; i < ncommands; i++) {
        config_write16(commands[i].function, REG_COMMAND, commands[i].value);
    }
}
