/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 82093AA I/O APIC with 24 inputs at FEC00000. */
#ifndef CLEAVE_CHIPS_IOAPIC_H
#define CLEAVE_CHIPS_IOAPIC_H

#include "core/bus.h"
#include "core/device.h"

#define IOAPIC_BASE   0xfec00000u
#define IOAPIC_LEN    0x1000u
#define IOAPIC_INPUTS 24u

#define IOAPIC_STATE(V, A, S, T)                                                                   \
    A(T, uint64_t, redtbl, IOAPIC_INPUTS, 1)                                                       \
    V(T, uint32_t, lines, 1) /* level of each input, before its polarity */                        \
    V(T, uint32_t, id, 1)                                                                          \
    V(T, uint8_t, regsel, 1)                                                                       \
    A(T, uint8_t, reserved, 7, 1)
STATE_STRUCT(ioapic_state, IOAPIC_STATE);

/* An interrupt message on the APIC bus: `entry` is the redirection table entry. True: accepted. */
struct ioapic_bus {
    bool (*message)(void *opaque, unsigned input, uint64_t entry);
    void *opaque;
};

struct ioapic {
    struct device dev;
    struct ioapic_state *s;
    struct ioapic_bus apic;
    struct region region;
};

/* apic.message may be NULL: nobody accepts, delivery stays pending. */
int ioapic_init(struct ioapic *a, const struct hw *hw, struct ioapic_bus apic);

/* The level of input 0-23 (ISA IRQ 0 is wired to input 2 by the machine). */
void ioapic_set(struct ioapic *a, unsigned input, int level);

/* A local APIC ended the interrupt with this vector. */
void ioapic_eoi(struct ioapic *a, uint8_t vector);

#endif
