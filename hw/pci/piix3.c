/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 82371SB (PIIX3), function 0: PCI-to-ISA bridge. Source: Intel 82371FB/82371SB data sheet 290550,
 * chapters 2.2 and 2.5.
 * Not modelled: X-bus chip selects, ISA timing, SMI and clock control (registers are storage).
 */
#include "pci/piix3.h"

#include <errno.h>

#define VENDOR_INTEL   0x8086
#define DEVICE_82371SB 0x7000
#define SUBSYSTEM_ID   0x11001af4u
#define CLASS_ISA      0x060100

#define PCI_COMMAND     0x04
#define PCI_STATUS      0x06
#define PCI_HEADER_TYPE 0x0e
#define PCI_SUBSYSTEM   0x2c

#define PIRQRC        0x60 /* to 63h: links A to D */
#define PIRQ_DISABLED 0x80u
#define PIRQ_IRQ      0x0fu
#define PIRQ_VALID    0xdef8u /* IRQs 3-7, 9-12, 14, 15; others are reserved */
#define RCR_PORT      0xcf9
#define RCR_SYSTEM    0x02u /* a reset is hard, not just of the CPU */
#define RCR_RESET     0x04u
#define RCR_PRIORITY  1 /* above CONFIG_ADDRESS, whose range it lies in */

STATE_TYPE(piix3_state, PIIX3_STATE);

/* --- PCI interrupt routing: chapter 2.2.9 --- */

/* The ISA IRQ of a PIRQRC value; 0 when disabled or reserved. */
static unsigned pirq_irq(uint8_t pirqrc)
{
    unsigned irq = pirqrc & PIRQ_IRQ;

    return !(pirqrc & PIRQ_DISABLED) && (PIRQ_VALID >> irq & 1) ? irq : 0;
}

static void pirq_update(struct piix3 *d)
{
    for (unsigned link = 0; link < PIIX3_LINKS; link++) {
        d->config.pirq_route(d->config.opaque, link, pirq_irq(d->s->pci[0].config[PIRQRC + link]));
    }
}

static void piix3_config_written(void *opaque, unsigned off, unsigned size)
{
    if (pci_touches(off, size, PIRQRC, PIIX3_LINKS)) {
        pirq_update(opaque);
    }
}

/* --- reset control register: chapter 2.5.5.3 --- */

static uint64_t rcr_read(void *opaque, uint32_t off, unsigned size)
{
    const struct piix3 *d = opaque;

    return d->s->rcr;
}

/* RCR_RESET starts the reset and falls with it, so it never reads as one. */
static void rcr_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    struct piix3 *d = opaque;

    d->s->rcr = val & RCR_SYSTEM;
    if (val & RCR_RESET) {
        power_request(&d->power, val & RCR_SYSTEM ? POWER_RESET : POWER_CPU_INIT, 0);
    }
}

static const struct reg rcr_regs[] = {
    {0, 1, BUS_W1, rcr_read, rcr_write, "RCR"},
};

/* --- life --- */

static void piix3_reset(struct device *dev, enum reset_kind kind)
{
    struct piix3 *d = (struct piix3 *)dev;

    *d->s = (struct piix3_state){0};
    pci_function_reset(&d->pci);
    pirq_update(d);
}

static int piix3_check(const void *state)
{
    const struct piix3_state *s = state;

    return s->rcr & ~RCR_SYSTEM ? -EINVAL : 0;
}

static void piix3_resume(struct device *dev)
{
    struct piix3 *d = (struct piix3 *)dev;

    pci_function_resume(&d->pci);
    pirq_update(d);
}

static const struct device_class piix3_class = {
    .name = "piix3",
    .state = &piix3_state_type,
    .reset = piix3_reset,
    .check = piix3_check,
    .resume = piix3_resume,
};

/* Registers of function 0 behind the header: offset, reset value, writable bits (table 2-1). */
static const struct {
    uint8_t offset;
    uint8_t reset;
    uint8_t wmask;
} piix3_registers[] = {
    {0x4c, 0x4d, 0xff},                                                             /* IORT */
    {0x4e, 0x03, 0xff},                                                             /* XBCS */
    {0x4f, 0x00, 0x01}, {0x60, 0x80, 0x8f},                                         /* PIRQRCA */
    {0x61, 0x80, 0x8f},                                                             /* PIRQRCB */
    {0x62, 0x80, 0x8f},                                                             /* PIRQRCC */
    {0x63, 0x80, 0x8f},                                                             /* PIRQRCD */
    {0x69, 0x02, 0xfe},                                                             /* TOM */
    {0x6a, 0x00, 0x80},                                                             /* MSTAT */
    {0x6b, 0x00, 0x80}, {0x70, 0x80, 0xef},                                         /* MBIRQ0 */
    {0x76, 0x0c, 0x87},                                                             /* MBDMA0 */
    {0x77, 0x0c, 0x87},                                                             /* MBDMA1 */
    {0x78, 0x02, 0xff},                                                             /* PCSC */
    {0x79, 0x00, 0xff}, {0x80, 0x00, 0x7f},                                         /* APICBASE */
    {0x82, 0x00, 0x0f},                                                             /* DLC */
    {0xa0, 0x08, 0x1f},                                                             /* SMICNTL */
    {0xa2, 0x00, 0xff},                                                             /* SMIEN */
    {0xa3, 0x00, 0x01}, {0xa4, 0x00, 0xff},                                         /* SEE */
    {0xa5, 0x00, 0xfb}, {0xa6, 0x00, 0x00}, {0xa7, 0x00, 0xe0}, {0xa8, 0x0f, 0xff}, /* FTMR */
    {0xac, 0x00, 0xff},                                                             /* CTLTMR */
    {0xae, 0x00, 0xff},                                                             /* CTHTMR */
};

static void piix3_set_up_config(struct pci_function *pci)
{
    pci_set_ids(pci, VENDOR_INTEL, DEVICE_82371SB, 0x00, CLASS_ISA);
    pci_put16(pci->reset_config, PCI_COMMAND, 0x0007);
    pci_put16(pci->reset_config, PCI_STATUS, 0x0200);
    pci->reset_config[PCI_HEADER_TYPE] = 0x80;
    pci_put32(pci->reset_config, PCI_SUBSYSTEM, SUBSYSTEM_ID);
    for (unsigned i = 0; i < sizeof(piix3_registers) / sizeof(piix3_registers[0]); i++) {
        pci->reset_config[piix3_registers[i].offset] = piix3_registers[i].reset;
        pci->wmask[piix3_registers[i].offset] = piix3_registers[i].wmask;
    }
}

int piix3_init(struct piix3 *d, const struct hw *hw, struct pci_bus *bus,
               const struct piix3_config *config)
{
    int err = arena_add(hw->arena, &d->dev, &piix3_class, "piix3");

    if (err) {
        return err;
    }
    d->s = d->dev.state;
    d->power = hw->power;
    d->config = *config;
    d->pci = (struct pci_function){
        .name = "piix3",
        .devfn = PIIX3_DEVFN,
        .s = &d->s->pci[0],
        .config_written = piix3_config_written,
        .opaque = d,
    };
    piix3_set_up_config(&d->pci);
    err = pci_add(bus, &d->pci);
    if (err) {
        return err;
    }
    /* I/O, memory and bus-master enable are hard-wired; special cycle and SERR enable are not. */
    pci_put16(d->pci.wmask, PCI_COMMAND, 0x0108);
    d->pci.wmask[0x3c] = 0;
    d->rcr_port = (struct region){
        .name = "rcr",
        .regs = rcr_regs,
        .nregs = 1,
        .opaque = d,
        .len = 1,
        .priority = RCR_PRIORITY,
    };
    return bus_map(hw->pio, &d->rcr_port, RCR_PORT);
}
