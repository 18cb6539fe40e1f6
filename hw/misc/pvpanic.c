/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pvpanic: read says which events are understood, write reports them. Source: the interface as
 * Linux's drivers/misc/pvpanic and the specification shipped with it use it (bit 0 panicked, bit 1
 * crash loaded). Other bits are ignored.
 */
#include "misc/pvpanic.h"

static uint64_t port_read(void *opaque, uint32_t off, unsigned size)
{
    const struct pvpanic *p = opaque;

    return p->cfg.events;
}

static void port_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    const struct pvpanic *p = opaque;
    uint8_t bits = (uint8_t)val & (PVPANIC_PANICKED | PVPANIC_CRASHLOADED);

    if (bits && p->cfg.event) {
        p->cfg.event(p->cfg.opaque, bits);
    }
}

static const struct reg pvpanic_regs[] = {
    {0, 1, BUS_W1, port_read, port_write, "events"},
};

int pvpanic_init(struct pvpanic *p, const struct hw *hw, const struct pvpanic_config *cfg)
{
    p->cfg = *cfg;
    p->ports =
        (struct region){.name = "pvpanic", .regs = pvpanic_regs, .nregs = 1, .opaque = p, .len = 1};
    return bus_map(hw->pio, &p->ports, cfg->port);
}
