/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI bus 0: configuration space, BARs, interrupt pins. Source: PCI Local Bus Specification 3.0,
 * chapter 6. One segment, one bus, type 0 headers only (this class of machine has no bridges behind
 * the host bridge that need one).
 */
#ifndef CLEAVE_HW_PCI_PCI_H
#define CLEAVE_HW_PCI_PCI_H

#include "core/bus.h"
#include "core/device.h"
#include "core/irq.h"
#include "core/memmap.h"

#define PCI_CONFIG_SIZE 256u
#define PCI_MAX_BARS    6u
#define PCI_ROM_BAR     6u
#define PCI_NUM_BARS    7u
#define PCI_DEVFN(d, f) ((uint8_t)(((d) << 3) | (f)))

#define PCI_FUNCTION_STATE(V, A, S, T) A(T, uint8_t, config, PCI_CONFIG_SIZE, 1)
STATE_STRUCT(pci_function_state, PCI_FUNCTION_STATE);

enum pci_bar_kind {
    PCI_BAR_NONE,
    PCI_BAR_IO,     /* registers on the port bus */
    PCI_BAR_MMIO,   /* registers on the mmio bus */
    PCI_BAR_MEMORY, /* a mem_area: video memory */
    PCI_BAR_ROM,    /* a mem_area in BAR 6, shown while its enable bit is set */
};

struct pci_function;

/*
 * One BAR: what it shows. `size` is a power of two (4 to 256 for I/O, >= 4096 for the others).
 * pci_add() sets the priority of regions and areas below 0: fixed devices and RAM win over a BAR
 * that a guest lays over them, and among BARs the lower function and BAR number.
 */
struct pci_bar {
    enum pci_bar_kind kind;
    uint32_t size;
    bool prefetchable;
    struct region *region; /* PCI_BAR_IO, PCI_BAR_MMIO */
    struct mem_area *area; /* PCI_BAR_MEMORY, PCI_BAR_ROM */
};

struct pci_bus;

/*
 * A function. The device embeds it, points `s` at the pci_function_state inside its own state,
 * fills devfn, reset_config, wmask, w1c and bar[], then calls pci_add(). Interrupt pin (3Dh) of
 * reset_config says which pin pci_set_intx() drives.
 *
 * A guest write of a byte changes the bits in wmask, clears the bits in w1c that it writes as one,
 * and keeps the rest, which is as in reset_config for ever (a resume puts it back, so that a device
 * does not change it either). pci_add() sets the masks of command, status, BARs, ROM BAR and
 * interrupt line by itself.
 *
 * config_written, optional, is called after a write changed [off, off+size), with BARs already
 * remapped.
 */
struct pci_function {
    const char *name;
    uint8_t devfn;
    struct pci_function_state *s;
    uint8_t reset_config[PCI_CONFIG_SIZE];
    uint8_t wmask[PCI_CONFIG_SIZE];
    uint8_t w1c[PCI_CONFIG_SIZE];
    struct pci_bar bar[PCI_NUM_BARS];
    void (*config_written)(void *opaque, unsigned off, unsigned size);
    void *opaque;
    struct pci_bus *bus;
};

/*
 * The bus with the 0xCF8/0xCFC ports (the latch is used when accesses come as ports, that is under
 * qtest; from a hypervisor they come by pci_config_read/write).
 */
#define PCI_BUS_STATE(V, A, S, T)                                                                  \
    V(T, uint32_t, config_address, 1)                                                              \
    V(T, uint32_t, reserved, 1)                                                                    \
    A(T, uint32_t, intx_level, 32, 1) /* per device: bit function * 4 + pin */
STATE_STRUCT(pci_bus_state, PCI_BUS_STATE);

struct pci_bus {
    struct device dev;
    struct pci_bus_state *s;
    struct bus *pio;
    struct bus *mmio;
    struct memmap *mem;
    struct pci_function *function[256];
    struct region config_ports;
    /* Wire changes go here: n = device * 4 + pin. The machine swizzles and routes. */
    struct irq_line intx;
    /* A function appeared or vanished (ioreq servers claim functions one by one); may be NULL. */
    void (*function_added)(void *opaque, uint8_t devfn);
    void *opaque;
};

/* Adds the bus to the arena and maps CF8-CFF. */
int pci_bus_init(struct pci_bus *bus, const struct hw *hw);

/* -EEXIST when devfn is taken, -EINVAL for a bad BAR size. */
int pci_add(struct pci_bus *bus, struct pci_function *fn);

/* Reset to reset_config with BARs disabled; and re-map everything after the state was replaced. */
void pci_function_reset(struct pci_function *fn);
void pci_function_resume(struct pci_function *fn);

/* The level of INTA..INTD (pin 0..3) of a function. */
void pci_set_intx(struct pci_function *fn, unsigned pin, int level);

/* Bus-master enable (command bit 2). */
bool pci_bus_master(const struct pci_function *fn);

/* Accesses to a function's space: size 1, 2, 4; absent functions read all ones. */
uint32_t pci_config_read(struct pci_bus *bus, uint8_t devfn, unsigned off, unsigned size);
void pci_config_write(struct pci_bus *bus, uint8_t devfn, unsigned off, unsigned size,
                      uint32_t val);

/* Whether an access to [off, off+size) reaches a register at [first, first+length). */
static inline bool pci_touches(unsigned off, unsigned size, unsigned first, unsigned length)
{
    return off < first + length && first < off + size;
}

/* Helpers for reset_config. */
static inline void pci_put16(uint8_t *c, unsigned off, uint16_t v)
{
    c[off] = (uint8_t)v;
    c[off + 1] = (uint8_t)(v >> 8);
}

static inline void pci_put32(uint8_t *c, unsigned off, uint32_t v)
{
    pci_put16(c, off, (uint16_t)v);
    pci_put16(c, off + 2, (uint16_t)(v >> 16));
}

static inline uint16_t pci_get16(const uint8_t *c, unsigned off)
{
    return (uint16_t)(c[off] | c[off + 1] << 8);
}

static inline uint32_t pci_get32(const uint8_t *c, unsigned off)
{
    return pci_get16(c, off) | (uint32_t)pci_get16(c, off + 2) << 16;
}

/* Fills vendor, device, revision, class (24 bits: base, sub, prog-if) of reset_config. */
void pci_set_ids(struct pci_function *fn, uint16_t vendor, uint16_t device, uint8_t revision,
                 uint32_t class_code);

#endif
