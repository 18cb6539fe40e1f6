/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug-exit port: a byte written ends the guest with that value. Reads give all ones. */
#include "char/debug_exit.h"

static void debug_exit_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    const struct debug_exit *d = opaque;

    power_request(&d->power, POWER_DEBUG_EXIT, (uint32_t)val);
}

static const struct reg debug_exit_regs[] = {
    {0, 1, BUS_W1, NULL, debug_exit_write, "debug-exit"},
};

int debug_exit_init(struct debug_exit *d, const struct hw *hw, uint16_t base)
{
    d->power = hw->power;
    d->port = (struct region){
        .name = "debug-exit",
        .regs = debug_exit_regs,
        .nregs = 1,
        .opaque = d,
        .len = 1,
    };
    return bus_map(hw->pio, &d->port, base);
}
