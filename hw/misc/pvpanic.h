/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pvpanic, ISA variant: a port by which a guest's kernel says that it has crashed. */
#ifndef CLEAVE_HW_MISC_PVPANIC_H
#define CLEAVE_HW_MISC_PVPANIC_H

#include "core/bus.h"
#include "core/device.h"

#define PVPANIC_PORT 0x505u

#define PVPANIC_PANICKED    0x01u /* the guest panicked; the host decides what happens */
#define PVPANIC_CRASHLOADED 0x02u /* it panicked and handles that itself (crash kernel) */

struct pvpanic_config {
    uint16_t port;
    uint8_t events;                            /* what a read says is supported */
    void (*event)(void *opaque, uint8_t bits); /* after a write of supported bits */
    void *opaque;
};

/* Has no guest-visible state, so it is no device of the arena. */
struct pvpanic {
    struct pvpanic_config cfg;
    struct region ports;
};

int pvpanic_init(struct pvpanic *p, const struct hw *hw, const struct pvpanic_config *cfg);

#endif
