/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug-exit port (501h): a write ends the guest with the value written. For tests only. */
#ifndef CLEAVE_HW_CHAR_DEBUG_EXIT_H
#define CLEAVE_HW_CHAR_DEBUG_EXIT_H

#include "core/bus.h"
#include "core/device.h"

/* Has no guest-visible state, so it is no device of the arena. */
struct debug_exit {
    struct power power;
    struct region port;
};

int debug_exit_init(struct debug_exit *d, const struct hw *hw, uint16_t base);

#endif
