/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/clock.h"

STATE_TYPE(clock_state, CLOCK_STATE);

static void clock_announce(struct clock *c)
{
    uint64_t next = clock_next(c);

    if (next != c->announced) {
        c->announced = next;
        if (c->rearm) {
            c->rearm(c->opaque, next);
        }
    }
}

static void clock_reset(struct device *dev, enum reset_kind kind)
{
    struct clock *c = (struct clock *)dev;

    for (unsigned i = 0; i < CLOCK_MAX_TIMERS; i++) {
        c->s->deadline[i] = CLOCK_NEVER;
    }
    clock_announce(c);
}

/* Any deadline is reachable: those of the past fire at once, those of unused timers never do. */
static int clock_check(const void *state)
{
    return 0;
}

static void clock_resume(struct device *dev)
{
    struct clock *c = (struct clock *)dev;

    c->announced = ~clock_next(c); /* the world knows nothing yet: tell it whatever it is */
    clock_announce(c);
}

static const struct device_class clock_class = {
    .name = "clock",
    .state = &clock_state_type,
    .reset = clock_reset,
    .check = clock_check,
    .resume = clock_resume,
};

int clock_init(struct clock *c, struct arena *arena, const char *id)
{
    int err = arena_add(arena, &c->dev, &clock_class, id);

    if (err) {
        return err;
    }
    c->s = c->dev.state;
    c->ntimers = 0;
    c->announced = CLOCK_NEVER;
    return 0;
}

unsigned clock_timer_new(struct clock *c, void (*fire)(void *opaque), void *opaque)
{
    if (c->ntimers == CLOCK_MAX_TIMERS) {
        __builtin_trap(); /* the machine's wiring asks for more timers than there are: our own
                             mistake */
    }
    c->timer[c->ntimers].fire = fire;
    c->timer[c->ntimers].opaque = opaque;
    return c->ntimers++;
}

void clock_timer_set(struct clock *c, unsigned timer, uint64_t deadline)
{
    if (c->s->deadline[timer] == deadline) {
        return;
    }
    c->s->deadline[timer] = deadline;
    clock_announce(c);
}

void clock_timer_cancel(struct clock *c, unsigned timer)
{
    clock_timer_set(c, timer, CLOCK_NEVER);
}

bool clock_timer_pending(const struct clock *c, unsigned timer)
{
    return c->s->deadline[timer] != CLOCK_NEVER;
}

/* The timer with the earliest deadline at or before `limit`, or -1. */
static int clock_earliest(const struct clock *c, uint64_t limit, uint64_t not_yet)
{
    int best = -1;

    for (unsigned i = 0; i < c->ntimers; i++) {
        uint64_t d = c->s->deadline[i];

        if (d == CLOCK_NEVER || d > limit || (not_yet & (1ull << i))) {
            continue;
        }
        if (best < 0 || d < c->s->deadline[best]) {
            best = (int)i;
        }
    }
    return best;
}

uint64_t clock_next(const struct clock *c)
{
    int i = clock_earliest(c, CLOCK_NEVER, 0);

    return i < 0 ? CLOCK_NEVER : c->s->deadline[i];
}

void clock_run(struct clock *c)
{
    uint64_t now = clock_now(c);
    uint64_t fired = 0;
    int i;

    while ((i = clock_earliest(c, now, fired)) >= 0) {
        fired |= 1ull << i;
        c->s->deadline[i] = CLOCK_NEVER;
        c->timer[i].fire(c->timer[i].opaque);
    }
    clock_announce(c);
}
