/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A world for one chip: buses, a clock stepped by hand, lines that count their edges. */
#ifndef CLEAVE_TESTS_CHIP_WORLD_H
#define CLEAVE_TESTS_CHIP_WORLD_H

#include <glib.h>
#include <string.h>

#include "core/bus.h"
#include "core/clock.h"
#include "core/device.h"
#include "core/irq.h"

#define WORLD_LINES 8

struct world {
    struct bus pio, mmio;
    struct arena arena;
    struct clock clock;
    struct hw hw;
    uint64_t now;
    unsigned wakes; /* deadlines that passed */
    struct {
        int level;
        unsigned rises;
    } line[WORLD_LINES];
    _Alignas(64) uint8_t mem[8192];
};

static inline uint64_t world_clock(void *opaque)
{
    return ((struct world *)opaque)->now;
}

static inline void world_line_set(void *opaque, unsigned n, int level)
{
    struct world *w = opaque;

    w->line[n].rises += level && !w->line[n].level;
    w->line[n].level = level;
}

static inline struct irq_line world_line(struct world *w, unsigned n)
{
    return (struct irq_line){world_line_set, w, n};
}

static inline void world_init(struct world *w)
{
    memset(w, 0, sizeof(*w));
    bus_init(&w->pio, 0xffff);
    bus_init(&w->mmio, UINT64_MAX);
    arena_init(&w->arena, w->mem, sizeof(w->mem));
    w->clock.now = world_clock;
    w->clock.opaque = w;
    g_assert_cmpint(clock_init(&w->clock, &w->arena, "clock"), ==, 0);
    w->hw = (struct hw){.pio = &w->pio, .mmio = &w->mmio, .clock = &w->clock, .arena = &w->arena};
}

static inline void world_destroy(struct world *w)
{
}

/* Lets `ns` pass, stopping at every deadline as the world's timer thread does. */
static inline void world_pass(struct world *w, uint64_t ns)
{
    uint64_t end = clock_add(w->now, ns);

    while (clock_next(&w->clock) <= end) {
        uint64_t next = clock_next(&w->clock);

        w->now = next > w->now ? next : w->now;
        w->wakes++;
        clock_run(&w->clock);
    }
    w->now = end;
}

/* Lets `ns` pass with nobody looking (a busy host), then runs what is due. */
static inline void world_stall(struct world *w, uint64_t ns)
{
    w->now = clock_add(w->now, ns);
    clock_run(&w->clock);
}

/* Every byte of the state set to every value: refused by check(), or harmless afterwards. */
static inline void world_hostile_state(struct world *w, struct device *dev)
{
    uint8_t *state = dev->state;
    uint8_t *saved = g_memdup2(state, dev->cls->state->size);

    for (uint32_t i = 0; i < dev->cls->state->size; i++) {
        for (unsigned v = 0; v < 256; v++) {
            memcpy(state, saved, dev->cls->state->size);
            state[i] = (uint8_t)v;
            if (dev->cls->check(state) == 0) {
                dev->cls->resume(dev);
                for (unsigned step = 0; step < 4; step++) {
                    world_stall(w, 1000000);
                }
            }
        }
    }
    memcpy(state, saved, dev->cls->state->size);
    dev->cls->resume(dev);
    g_free(saved);
}

#endif
