/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IB700 watchdog. Source: iBASE IB700 user's manual, "Watchdog timer configuration": any write to
 * 441h disables it; a write to 443h starts it over, the low four bits select 30 seconds (0) down to
 * none (15) in steps of two. The board decodes a word for each. Reads answer nothing.
 */
#include "watchdog/ib700.h"

#include <errno.h>
#include <string.h>

#define PORTS   0x441u
#define CODE    0x0fu
#define STEP    (2 * NS_PER_S)
#define LONGEST 15u

STATE_TYPE(ib700_state, IB700_STATE);

static void timer_start(struct ib700 *d)
{
    uint64_t timeout = (LONGEST - d->s->code) * STEP;

    clock_timer_set(d->clock, d->timer, clock_add(clock_now(d->clock), timeout));
}

static void timer_expired(void *opaque)
{
    struct ib700 *d = opaque;

    d->s->enabled = 0;
    if (d->cfg.expired) {
        d->cfg.expired(d->cfg.opaque);
    }
}

static void disable_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    struct ib700 *d = opaque;

    d->s->enabled = 0;
    clock_timer_cancel(d->clock, d->timer);
}

static void enable_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    struct ib700 *d = opaque;

    d->s->enabled = 1;
    d->s->code = val & CODE;
    timer_start(d);
}

static const struct reg ib700_regs[] = {
    {0, 2, BUS_W1, NULL, disable_write, "disable"},
    {2, 2, BUS_W1, NULL, enable_write, "enable"},
};

static void ib700_reset(struct device *dev, enum reset_kind kind)
{
    struct ib700 *d = (struct ib700 *)dev;

    *d->s = (struct ib700_state){0};
    clock_timer_cancel(d->clock, d->timer);
}

static int ib700_check(const void *state)
{
    const struct ib700_state *s = state;

    return s->enabled > 1 || s->code > CODE ? -EINVAL : 0;
}

/* The deadline came with the clock's own state; here only what contradicts it is put right. */
static void ib700_resume(struct device *dev)
{
    struct ib700 *d = (struct ib700 *)dev;

    if (!d->s->enabled) {
        clock_timer_cancel(d->clock, d->timer);
    } else if (!clock_timer_pending(d->clock, d->timer)) {
        timer_start(d);
    }
}

static const struct device_class ib700_class = {
    .name = "ib700",
    .state = &ib700_state_type,
    .reset = ib700_reset,
    .check = ib700_check,
    .resume = ib700_resume,
};

int ib700_init(struct ib700 *d, const struct hw *hw, const struct ib700_config *cfg)
{
    int ret;

    memset(d, 0, sizeof(*d));
    d->cfg = *cfg;
    d->clock = hw->clock;
    ret = arena_add(hw->arena, &d->dev, &ib700_class, "ib700");
    if (ret) {
        return ret;
    }
    d->s = d->dev.state;
    d->timer = clock_timer_new(hw->clock, timer_expired, d);
    d->ports =
        (struct region){.name = "ib700", .regs = ib700_regs, .nregs = 2, .opaque = d, .len = 4};
    return bus_map(hw->pio, &d->ports, PORTS);
}
