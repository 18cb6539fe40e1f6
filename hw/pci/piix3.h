/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 82371SB (PIIX3) ISA bridge, PCI 01.0: PCI interrupt routing and the reset control register. */
#ifndef CLEAVE_HW_PCI_PIIX3_H
#define CLEAVE_HW_PCI_PIIX3_H

#include "pci/pci.h"

#define PIIX3_DEVFN PCI_DEVFN(1, 0)
#define PIIX3_LINKS 4u

#define PIIX3_STATE(V, A, S, T)                                                                    \
    S(T, pci_function_state, pci, 1, 1)                                                            \
    V(T, uint8_t, rcr, 1) /* reset control register, port CF9h */                                  \
    A(T, uint8_t, reserved, 7, 1)
STATE_STRUCT(piix3_state, PIIX3_STATE);

/*
 * pirq_route is told the ISA IRQ (0: disabled) of PCI link 0..3 (PIRQA..PIRQD) after each write to
 * a PIRQRC register, on reset and on resume; the same IRQ again means nothing.
 */
struct piix3_config {
    void (*pirq_route)(void *opaque, unsigned link, unsigned irq);
    void *opaque;
};

struct piix3 {
    struct device dev;
    struct piix3_state *s;
    struct pci_function pci;
    struct power power;
    struct piix3_config config;
    struct region rcr_port;
};

int piix3_init(struct piix3 *d, const struct hw *hw, struct pci_bus *bus,
               const struct piix3_config *config);

#endif
