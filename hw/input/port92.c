/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System control port A, port 92. Source: IBM PS/2 Hardware Interface Technical Reference, "System
 * control port A". The A20 bit is kept, but masks no address; no watchdog, no lights.
 */
#include "input/port92.h"

#include <errno.h>
#include <string.h>

#define RESET_FAST 0x01u /* its rising edge resets */
#define A20        0x02u
#define WRITABLE   0xcbu /* lights, lock, A20, reset */

STATE_TYPE(port92_state, PORT92_STATE);

static void value_announce(const struct port92 *p)
{
    if (p->value_changed) {
        p->value_changed(p->opaque, PORT92, p->s->value);
    }
}

static uint64_t port_read(void *dev, uint32_t off, unsigned size)
{
    const struct port92 *p = dev;

    return p->s->value;
}

static void port_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct port92 *p = dev;
    uint8_t old = p->s->value;

    p->s->value = val & WRITABLE;
    if (p->s->value != old) {
        value_announce(p);
    }
    if (~old & val & RESET_FAST) {
        power_request(&p->power, POWER_RESET, 0);
    }
}

static const struct reg port_regs[] = {
    {0, 1, BUS_W1, port_read, port_write, "port92"},
};

static void port92_reset(struct device *dev, enum reset_kind kind)
{
    struct port92 *p = (struct port92 *)dev;

    *p->s = (struct port92_state){.value = A20};
    value_announce(p);
}

static int port92_check(const void *state)
{
    const struct port92_state *s = state;

    return s->value & ~WRITABLE ? -EINVAL : 0;
}

static void port92_resume(struct device *dev)
{
    value_announce((struct port92 *)dev);
}

static const struct device_class port92_class = {
    .name = "port92",
    .state = &port92_state_type,
    .reset = port92_reset,
    .check = port92_check,
    .resume = port92_resume,
};

int port92_init(struct port92 *p, const struct hw *hw)
{
    int ret;

    memset(p, 0, sizeof(*p));
    ret = arena_add(hw->arena, &p->dev, &port92_class, "port92");
    if (ret) {
        return ret;
    }
    p->s = p->dev.state;
    p->power = hw->power;
    p->region = (struct region){.name = "port92", .regs = port_regs, .nregs = 1, .opaque = p};
    p->region.len = 1;
    return bus_map(hw->pio, &p->region, PORT92);
}
