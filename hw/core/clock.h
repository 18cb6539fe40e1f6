/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest time and deadlines. Time is in nanoseconds since the machine was powered on and stands
 * still while the guest is paused; the world provides it (real time with a guest, stepped by hand
 * under qtest and fuzzing). Deadlines lie in the arena; functions beside them.
 */
#ifndef CLEAVE_HW_CORE_CLOCK_H
#define CLEAVE_HW_CORE_CLOCK_H

#include "device.h"

#define CLOCK_MAX_TIMERS 48
#define CLOCK_NEVER      UINT64_MAX

#define CLOCK_STATE(V, A, S, T)                                                                    \
    A(T, uint64_t, deadline, CLOCK_MAX_TIMERS, 1) /* guest ns, CLOCK_NEVER when unarmed */

STATE_STRUCT(clock_state, CLOCK_STATE);

struct clock {
    struct device dev; /* must be the first device in the arena */
    struct clock_state *s;
    uint64_t (*now)(void *opaque);              /* guest ns, never goes back */
    void (*rearm)(void *opaque, uint64_t next); /* the earliest deadline changed; may be NULL */
    void *opaque;
    unsigned ntimers;
    uint64_t announced; /* what rearm was last told */
    struct {
        void (*fire)(void *opaque);
        void *opaque;
    } timer[CLOCK_MAX_TIMERS];
};

/* Adds itself to the arena under `id`. now, rearm and opaque are set by the caller before. */
int clock_init(struct clock *c, struct arena *arena, const char *id);

static inline uint64_t clock_now(struct clock *c)
{
    return c->now(c->opaque);
}

/* A timer, at set-up only; the number is fixed by the order of the calls. Aborts when full. */
unsigned clock_timer_new(struct clock *c, void (*fire)(void *opaque), void *opaque);

/* Arms (replaces) or cancels. A deadline in the past fires at the next clock_run(). */
void clock_timer_set(struct clock *c, unsigned timer, uint64_t deadline);
void clock_timer_cancel(struct clock *c, unsigned timer);
bool clock_timer_pending(const struct clock *c, unsigned timer);

/* The earliest deadline, or CLOCK_NEVER. */
uint64_t clock_next(const struct clock *c);

/*
 * Fires every timer that is due, each at most once per call, in order of deadline. A timer is
 * unarmed before its function runs. Rate limits are the devices' (they know the real period).
 */
void clock_run(struct clock *c);

/* a + b without wrapping, and a * b / div in 128 bits. */
static inline uint64_t clock_add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static inline uint64_t clock_muldiv(uint64_t a, uint64_t b, uint64_t div)
{
    return (uint64_t)((unsigned __int128)a * b / div);
}

#define NS_PER_S 1000000000ull

#endif
