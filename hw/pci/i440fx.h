/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 82441FX (440FX) host bridge, PCI 00.0: shadow memory (PAM) and the BIOS flash alias. */
#ifndef CLEAVE_HW_PCI_I440FX_H
#define CLEAVE_HW_PCI_I440FX_H

#include "core/dma.h"
#include "pci/pci.h"

#define I440FX_DEVFN    PCI_DEVFN(0, 0)
#define I440FX_SEGMENTS 13u /* C0000-EFFFF in steps of 16 KiB, then F0000-FFFFF */

#define I440FX_STATE(V, A, S, T) S(T, pci_function_state, pci, 1, 1)
STATE_STRUCT(i440fx_state, I440FX_STATE);

/*
 * bios_size 0 (firmware mode xen): C0000-FFFFF is plain RAM, there is no flash, and the PAM
 * registers have no effect. Otherwise memory object `bios_object` holds `bios_size` bytes, a
 * multiple of 16 KiB, at most 16 MiB: all of it ends at 4 GiB, its last 128 KiB (or less) at 1 MiB.
 */
struct i440fx_config {
    uint32_t bios_object;
    uint32_t bios_size;
};

struct i440fx {
    struct device dev;
    struct i440fx_state *s;
    struct pci_function pci;
    struct memmap *mem;
    struct i440fx_config config;
    struct mem_area segment[I440FX_SEGMENTS];
    struct mem_area flash; /* ends at 4 GiB */
    struct bus *mmio;
    struct dma *dma;
    struct i440fx_shadow {
        struct i440fx *host;
        uint32_t start;
        struct region region; /* mapped while writes go to DRAM and reads to PCI */
    } shadow[I440FX_SEGMENTS];
};

/* -EINVAL for a bad BIOS size, else what arena, PCI and memory map answer. */
int i440fx_init(struct i440fx *d, const struct hw *hw, struct pci_bus *bus,
                const struct i440fx_config *config);

#endif
