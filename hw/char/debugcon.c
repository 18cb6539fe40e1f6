/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debug output port. Source: Bochs' port E9 convention, also SeaBIOS's for port 402h: a byte
 * written is a character, and E9h read back says that somebody listens. Not modelled: waiting. What
 * the back end has no room for is lost, and counted.
 */
#include "char/debugcon.h"

#define DEBUGCON_PRESENT 0xe9u

static uint64_t debugcon_read(void *opaque, uint32_t off, unsigned size)
{
    const struct debugcon *d = opaque;

    return d->chr ? DEBUGCON_PRESENT : UINT64_MAX;
}

static void debugcon_write_rep(void *opaque, uint32_t off, unsigned size, uint32_t count,
                               const void *buf)
{
    struct debugcon *d = opaque;

    if (d->chr) {
        d->lost += count - d->chr->write(d->chr->opaque, buf, count);
    }
}

static void debugcon_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    uint8_t byte = (uint8_t)val;

    debugcon_write_rep(opaque, off, size, 1, &byte);
}

static const struct reg debugcon_regs[] = {
    {0, 1, BUS_W1, debugcon_read, debugcon_write, "debug", NULL, debugcon_write_rep},
};

int debugcon_init(struct debugcon *d, const struct hw *hw, uint16_t base, const struct chr *chr)
{
    d->chr = chr;
    d->lost = 0;
    d->port = (struct region){
        .name = "debugcon",
        .regs = debugcon_regs,
        .nregs = 1,
        .opaque = d,
        .len = 1,
        .posted = {{0, 1}},
    };
    return bus_map(hw->pio, &d->port, base);
}
