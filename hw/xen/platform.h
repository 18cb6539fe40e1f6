/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Xen platform device, PCI 5853:0001: a place for the guest's Xen drivers, and the ports 10h to
 * 1Fh by which they take emulated disks and network cards away before they use their own.
 */
#ifndef CLEAVE_HW_XEN_PLATFORM_H
#define CLEAVE_HW_XEN_PLATFORM_H

#include "pci/pci.h"

#define XEN_PLATFORM_STATE(V, A, S, T)                                                             \
    S(T, pci_function_state, pci, 1, 1)                                                            \
    V(T, uint32_t, build, 1)     /* of the guest's drivers, as they said */                        \
    V(T, uint16_t, product, 1)   /* likewise */                                                    \
    V(T, uint16_t, unplugged, 1) /* XEN_UNPLUG_ bits so far */                                     \
    V(T, uint8_t, flags, 1)      /* bit 0: C0000-FFFFF cannot be written */                        \
    A(T, uint8_t, reserved, 7, 1)
STATE_STRUCT(xen_platform_state, XEN_PLATFORM_STATE);

/* What an unplug takes away. */
#define XEN_UNPLUG_DISKS     1u /* all IDE disks, not the CD drives */
#define XEN_UNPLUG_NICS      2u
#define XEN_UNPLUG_AUX_DISKS 4u /* all IDE disks but the first */
#define XEN_UNPLUG_NVME      8u

#define XEN_PLATFORM_LINE 128u

/*
 * unplug: XEN_UNPLUG_ bits; repeated after a load. rom_lock: whether C0000-FFFFF is read-only from
 * now on. log: a line that the guest's drivers wrote, at most XEN_PLATFORM_LINE characters. Each
 * may be NULL.
 */
struct xen_platform_config {
    uint8_t devfn;
    void (*unplug)(void *opaque, unsigned what);
    void (*rom_lock)(void *opaque, bool locked);
    void (*log)(void *opaque, const char *line);
    void *opaque;
};

struct xen_platform {
    struct device dev;
    struct xen_platform_state *s;
    struct pci_function pci;
    struct xen_platform_config cfg;
    struct region fixed;  /* ports 10h-1Fh */
    struct region ports;  /* BAR 0 */
    struct region memory; /* BAR 1: room for the guest's own use, nothing is there */
    unsigned line_used;
    char line[XEN_PLATFORM_LINE + 1];
};

int xen_platform_init(struct xen_platform *d, const struct hw *hw, struct pci_bus *bus,
                      const struct xen_platform_config *cfg);

#endif
