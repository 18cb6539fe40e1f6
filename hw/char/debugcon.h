/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug output port: a byte written appears on the host (402h of SeaBIOS, E9h of Bochs). */
#ifndef CLEAVE_HW_CHAR_DEBUGCON_H
#define CLEAVE_HW_CHAR_DEBUGCON_H

#include "core/bus.h"
#include "core/chr.h"
#include "core/device.h"

/*
 * Has no guest-visible state, so it is no device of the arena. chr NULL: nobody listens; then reads
 * give all ones, and firmware that looks (SeaBIOS does) prints nothing.
 */
struct debugcon {
    const struct chr *chr;
    uint64_t lost; /* bytes that the back end had no room for */
    struct region port;
};

int debugcon_init(struct debugcon *d, const struct hw *hw, uint16_t base, const struct chr *chr);

#endif
