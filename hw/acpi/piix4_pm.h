/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 82371AB (PIIX4) power management, PCI 01.3: PM1a_CNT, APM control, SMBus host, and the GPE0,
 * PCI-hotplug and CPU-presence registers that firmware of this class of machine expects.
 */
#ifndef CLEAVE_HW_ACPI_PIIX4_PM_H
#define CLEAVE_HW_ACPI_PIIX4_PM_H

#include "core/irq.h"
#include "pci/pci.h"

#define PIIX4_PM_DEVFN       PCI_DEVFN(1, 3)
#define PIIX4_PM_SCI_IRQ     9u
#define PIIX4_PM_SMBUS_BLOCK 32u

#define PIIX4_PM_STATE(V, A, S, T)                                                                 \
    S(T, pci_function_state, pci, 1, 1)                                                            \
    V(T, uint16_t, pm1_cnt, 1)                                                                     \
    V(T, uint16_t, gpe0_sts, 1)                                                                    \
    V(T, uint16_t, gpe0_en, 1)                                                                     \
    V(T, uint8_t, apmc, 1)                                                                         \
    V(T, uint8_t, apms, 1)                                                                         \
    V(T, uint8_t, smbhststs, 1)                                                                    \
    V(T, uint8_t, smbhstcnt, 1)                                                                    \
    V(T, uint8_t, smbhstcmd, 1)                                                                    \
    V(T, uint8_t, smbhstadd, 1)                                                                    \
    V(T, uint8_t, smbhstdat0, 1)                                                                   \
    V(T, uint8_t, smbhstdat1, 1)                                                                   \
    V(T, uint8_t, smbblk_index, 1) /* next byte of the block that SMBBLKDAT shows */               \
    V(T, uint8_t, reserved, 1)                                                                     \
    A(T, uint8_t, smbblk, PIIX4_PM_SMBUS_BLOCK, 1)
STATE_STRUCT(piix4_pm_state, PIIX4_PM_STATE);

/*
 * pm_base is told where the PM registers begin (0: nowhere) after each write that may move them, on
 * reset and on resume (the same base again means nothing); PM1a_EVT at +0 and PM_TMR at +8 are the
 * core's. `sci` is this chip's share of IRQ 9.
 */
struct piix4_pm_config {
    void (*pm_base)(void *opaque, uint16_t base);
    void *opaque;
    struct irq_line sci;
    unsigned vcpus; /* 1..256; present from the start */
};

struct piix4_pm {
    struct device dev;
    struct piix4_pm_state *s;
    struct pci_function pci;
    struct bus *pio;
    struct power power;
    struct piix4_pm_config config;
    struct region pm1_cnt; /* PMBA + 4 */
    struct region smbus;
    struct region apm;     /* B2, B3 */
    struct region gpe0;    /* AFE0-AFE3 */
    struct region hotplug; /* AE00-AE13 */
    struct region cpus;    /* AF00-AF1F */
};

int piix4_pm_init(struct piix4_pm *d, const struct hw *hw, struct pci_bus *bus,
                  const struct piix4_pm_config *config);

/* An event on general-purpose pin 0..15: sets its status bit, which raises the SCI if enabled. */
void piix4_pm_gpe(struct piix4_pm *d, unsigned pin);

/*
 * CPU `cpu` is there from now on, and the guest is told (GPE0 bit 2). They come in order: -EEXIST
 * for one that is there, -EINVAL for one that is not the next.
 */
int piix4_pm_cpu_add(struct piix4_pm *d, unsigned cpu);

#endif
