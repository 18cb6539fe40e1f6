/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ACPI PM1a event block and PM timer. PM1a_CNT between the two is the device model's. */
#ifndef CLEAVE_CHIPS_ACPIPM_H
#define CLEAVE_CHIPS_ACPIPM_H

#include "core/bus.h"
#include "core/clock.h"
#include "core/device.h"
#include "core/irq.h"

#define ACPIPM_SCI_IRQ   9u
#define ACPIPM_EVT       0u /* offsets from the base */
#define ACPIPM_EVT_LEN   4u
#define ACPIPM_TMR       8u
#define ACPIPM_TMR_LEN   4u
#define ACPIPM_BASE_XEN  0x1f40u /* HVM_PARAM_ACPI_IOPORTS_LOCATION 0 */
#define ACPIPM_BASE_PIIX 0xb000u /* and 1 */

#define ACPIPM_STATE(V, A, S, T)                                                                   \
    V(T, uint64_t, seen_ns, 1) /* timer overflows up to here are in pm1_sts */                     \
    V(T, uint16_t, pm1_sts, 1)                                                                     \
    V(T, uint16_t, pm1_en, 1)                                                                      \
    V(T, uint16_t, base, 1) /* 0: not decoded */                                                   \
    V(T, uint16_t, reserved, 1)

STATE_STRUCT(acpipm_state, ACPIPM_STATE);

struct acpipm {
    struct device dev;
    struct acpipm_state *s;
    struct clock *clock;
    struct bus *bus;
    struct irq_line sci;
    unsigned timer;
    uint16_t reset_base;
    struct region evt;
    struct region tmr;
};

/*
 * Adds the chip to hw->arena; its registers appear on hw->pio at `base` (0: nowhere) from the first
 * reset on. 0 or -ENOSPC.
 */
int acpipm_init(struct acpipm *p, const struct hw *hw, struct irq_line sci, uint16_t base);

/* Moves the registers (rounded down to 64 bytes, as PIIX4's PMBA); 0 takes them off the bus. */
void acpipm_set_base(struct acpipm *p, uint16_t base);

/* The PM timer's value now, for callers that answer reads without the bus. */
uint32_t acpipm_timer(struct acpipm *p);

/* Pressed: sets the status bit, which raises the SCI if the guest enabled it. */
void acpipm_power_button(struct acpipm *p);
void acpipm_sleep_button(struct acpipm *p);

#endif
