/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * High precision event timers. IA-PC HPET specification 1.0a: one block at 62.5 MHz, 64-bit main
 * counter, three comparators, each one-shot or periodic, edge or level, on GSI 20-23 or, with
 * legacy replacement, IRQ 0 and IRQ 8.
 *
 * Matches are worked out from the counter values between two looks; a timer runs only for a
 * comparator that may interrupt. Interrupts of one comparator keep a distance, so no period,
 * however short, floods the host; what falls into the gap is one late interrupt.
 *
 * Not modelled: front-side-bus (MSI) delivery; its capability bit says so.
 */
#include "hpet.h"

#include <errno.h>
#include <string.h>

#define REG_CAP     0x000
#define REG_CFG     0x010
#define REG_ISR     0x020
#define REG_CNT     0x0f0
#define REG_TIMERS  0x100
#define TIMER_BLOCK 0x20
#define TN_CFG      0x00
#define TN_CMP      0x08

#define NS_PER_TICK 16u
#define CAP_ID      0x8086a201u /* 64-bit counter, legacy replacement, three timers, revision 1 */
#define CAP_PERIOD  (NS_PER_TICK * 1000000ull) /* femtoseconds */

#define CFG_ENABLE 0x1u
#define CFG_LEG_RT 0x2u

#define TN_LEVEL     0x0002u
#define TN_INT_ENB   0x0004u
#define TN_PERIODIC  0x0008u
#define TN_PER_CAP   0x0010u
#define TN_SIZE_CAP  0x0020u
#define TN_VAL_SET   0x0040u
#define TN_32MODE    0x0100u
#define TN_ROUTE     0x3e00u
#define TN_ROUTE_POS 9u
#define TN_WRITABLE  (TN_LEVEL | TN_INT_ENB | TN_PERIODIC | TN_VAL_SET | TN_32MODE | TN_ROUTE)
#define TN_ROUTE_CAP (((1ull << HPET_GSIS) - 1) << HPET_GSI_FIRST)

#define MIN_SPACING_NS 100000u /* between two interrupts of one comparator */
/* A comparator written this little behind the counter fires at once: the guest was interrupted
 * between reading the counter and writing, which it could not see on hardware. */
#define JUST_PAST_TICKS (1000000u / NS_PER_TICK)

STATE_TYPE(hpet_timer_state, HPET_TIMER_STATE);
STATE_TYPE(hpet_state, HPET_STATE);

static uint64_t hpet_base_ticks(struct hpet *h)
{
    return clock_now(h->clock) / NS_PER_TICK;
}

uint64_t hpet_counter(struct hpet *h)
{
    return h->s->counter + (h->s->config & CFG_ENABLE ? hpet_base_ticks(h) : 0);
}

static uint64_t timer_mask(const struct hpet_timer_state *t)
{
    return t->config & TN_32MODE ? UINT32_MAX : UINT64_MAX;
}

/* --- output --- */

enum { LINE_IRQ0 = HPET_GSIS, LINE_IRQ8, LINES, LINE_NONE = LINES };

static unsigned timer_line(const struct hpet_state *s, unsigned n)
{
    unsigned route = (s->timer[n].config & TN_ROUTE) >> TN_ROUTE_POS;

    if ((s->config & CFG_LEG_RT) && n < 2) {
        return n == 0 ? LINE_IRQ0 : LINE_IRQ8;
    }
    return route >= HPET_GSI_FIRST && route < HPET_GSI_FIRST + HPET_GSIS ? route - HPET_GSI_FIRST
                                                                         : LINE_NONE;
}

static const struct irq_line *hpet_line(const struct hpet *h, unsigned line)
{
    return line < HPET_GSIS ? &h->lines.gsi[line]
                            : (line == LINE_IRQ0 ? &h->lines.irq0 : &h->lines.irq8);
}

static bool timer_may_interrupt(const struct hpet_state *s, unsigned n)
{
    return (s->config & CFG_ENABLE) && (s->timer[n].config & TN_INT_ENB) &&
           timer_line(s, n) != LINE_NONE;
}

/* The lines' levels: edge-triggered comparators pulse them elsewhere. */
static void hpet_update_irq(struct hpet *h)
{
    const struct hpet_state *s = h->s;
    int level[LINES] = {0};

    for (unsigned n = 0; n < HPET_TIMERS; n++) {
        if (timer_may_interrupt(s, n) && (s->isr & (1u << n))) {
            level[timer_line(s, n)] = 1;
        }
    }
    irq_set(&h->lines.legacy, s->config & CFG_LEG_RT ? 1 : 0);
    for (unsigned i = 0; i < LINES; i++) {
        irq_set(hpet_line(h, i), level[i]);
    }
}

/* --- matches --- */

/* Counts from `from` until the counter equals the comparator: 1 .. 2^32 or 2^64 - 1 for never. */
static uint64_t timer_distance(const struct hpet_timer_state *t, uint64_t from)
{
    uint64_t d = (t->comparator - from) & timer_mask(t);

    return d ? d : (t->config & TN_32MODE ? 1ull << 32 : UINT64_MAX);
}

/* Did the comparator match in the `elapsed` counts after `from`? Moves a periodic one on. */
static bool timer_match(struct hpet_timer_state *t, uint64_t from, uint64_t elapsed)
{
    uint64_t d = timer_distance(t, from);

    if (d > elapsed) {
        return false;
    }
    if ((t->config & TN_PERIODIC) && t->period) {
        uint64_t n = (elapsed - d) / t->period + 1;

        t->comparator = (t->comparator + n * t->period) & timer_mask(t);
    }
    return true;
}

/* A comparator's interrupt, unless the last one is too short ago. */
static void timer_event(struct hpet *h, unsigned n, uint64_t now)
{
    struct hpet_state *s = h->s;
    struct hpet_timer_state *t = &s->timer[n];

    if (now < clock_add(t->fired_ns, MIN_SPACING_NS)) {
        s->owed |= 1u << n;
        return;
    }
    s->owed &= ~(1ull << n);
    t->fired_ns = now;
    if (t->config & TN_LEVEL) {
        s->isr |= 1u << n;
    } else if (timer_may_interrupt(s, n)) {
        const struct irq_line *line = hpet_line(h, timer_line(s, n));

        irq_set(line, 1);
        irq_set(line, 0);
    }
}

/* Deals with all that happened since the last look. */
static void hpet_sync(struct hpet *h)
{
    struct hpet_state *s = h->s;
    uint64_t now = clock_now(h->clock);
    uint64_t counter = hpet_counter(h);
    uint64_t elapsed = counter - s->seen;

    if (!(s->config & CFG_ENABLE)) {
        return;
    }
    for (unsigned n = 0; n < HPET_TIMERS; n++) {
        bool due = (s->owed & (1u << n)) && now >= clock_add(s->timer[n].fired_ns, MIN_SPACING_NS);

        if (timer_match(&s->timer[n], s->seen, elapsed) || due) {
            timer_event(h, n, now);
        }
    }
    s->seen = counter;
}

/* When comparator n has to be looked at, in guest ns. */
static uint64_t timer_deadline(struct hpet *h, unsigned n)
{
    const struct hpet_state *s = h->s;
    const struct hpet_timer_state *t = &s->timer[n];
    uint64_t earliest = clock_add(t->fired_ns, MIN_SPACING_NS);
    uint64_t ticks, due;

    if (!timer_may_interrupt(s, n) || (s->isr & (1u << n))) {
        return CLOCK_NEVER; /* nothing to say, or the line is up already */
    }
    if (s->owed & (1u << n)) {
        return earliest;
    }
    ticks = clock_add(s->seen - s->counter, timer_distance(t, s->seen));
    if (ticks >= CLOCK_NEVER / NS_PER_TICK) {
        return CLOCK_NEVER;
    }
    due = ticks * NS_PER_TICK;
    return due > earliest ? due : earliest;
}

static void hpet_update(struct hpet *h)
{
    hpet_update_irq(h);
    for (unsigned n = 0; n < HPET_TIMERS; n++) {
        clock_timer_set(h->clock, h->cmp[n].timer, timer_deadline(h, n));
    }
}

static void hpet_timer_fired(void *opaque)
{
    struct hpet *h = *(struct hpet **)opaque;

    hpet_sync(h);
    hpet_update(h);
}

/* --- registers --- */

static uint64_t timer_read(const struct hpet_timer_state *t, uint32_t off)
{
    switch (off) {
    case TN_CFG:
        return t->config | TN_PER_CAP | TN_SIZE_CAP | TN_ROUTE_CAP << 32;
    case TN_CMP:
        return t->comparator;
    default:
        return 0; /* FSB route: no such capability */
    }
}

static uint64_t hpet_reg_read(struct hpet *h, uint32_t reg)
{
    const struct hpet_state *s = h->s;

    switch (reg) {
    case REG_CAP:
        return CAP_PERIOD << 32 | CAP_ID;
    case REG_CFG:
        return s->config;
    case REG_ISR:
        return s->isr;
    case REG_CNT:
        return hpet_counter(h);
    default:
        break;
    }
    if (reg >= REG_TIMERS && reg < REG_TIMERS + HPET_TIMERS * TIMER_BLOCK) {
        unsigned n = (reg - REG_TIMERS) / TIMER_BLOCK;

        return timer_read(&s->timer[n], reg % TIMER_BLOCK);
    }
    return 0;
}

static void write_config(struct hpet *h, uint64_t val)
{
    struct hpet_state *s = h->s;
    uint64_t counter = hpet_counter(h);

    s->config = val & (CFG_ENABLE | CFG_LEG_RT);
    s->counter = counter - (s->config & CFG_ENABLE ? hpet_base_ticks(h) : 0);
    s->seen = counter;
    if (!(s->config & CFG_ENABLE)) {
        s->owed = 0;
    }
}

static void write_counter(struct hpet *h, uint64_t val)
{
    h->s->counter = val - (h->s->config & CFG_ENABLE ? hpet_base_ticks(h) : 0);
    h->s->seen = val;
}

static void write_timer_config(struct hpet_state *s, unsigned n, uint64_t val)
{
    struct hpet_timer_state *t = &s->timer[n];
    unsigned route = (unsigned)(val & TN_ROUTE) >> TN_ROUTE_POS;

    val &= TN_WRITABLE;
    if (route && !(TN_ROUTE_CAP & (1ull << route))) {
        val = (val & ~(uint64_t)TN_ROUTE) | (t->config & TN_ROUTE); /* reads back unchanged */
    }
    t->config = val;
    t->comparator &= timer_mask(t);
    t->period &= timer_mask(t);
    if (!(val & TN_LEVEL)) {
        s->isr &= ~(1ull << n);
    }
    if (!(val & TN_INT_ENB)) {
        s->owed &= ~(1ull << n);
    }
}

/*
 * A write to a periodic comparator sets the period and, with VAL_SET (which lasts for one write),
 * the accumulator too. Software writes accumulator, then period; if it was held up for so long that
 * the accumulator is in the past by then, the next multiple takes its place.
 */
static void write_periodic(struct hpet_state *s, struct hpet_timer_state *t, uint64_t mask,
                           uint64_t val)
{
    uint64_t behind;

    t->period = ((t->period & ~mask) | val) & timer_mask(t);
    if (t->config & TN_VAL_SET) {
        t->comparator = ((t->comparator & ~mask) | val) & timer_mask(t);
        t->config &= ~(uint64_t)TN_VAL_SET;
        return;
    }
    behind = (s->seen - t->comparator) & timer_mask(t);
    if (t->period && behind <= timer_mask(t) / 2) {
        t->comparator = (t->comparator + (behind / t->period + 1) * t->period) & timer_mask(t);
    }
}

static void write_comparator(struct hpet *h, unsigned n, uint64_t mask, uint64_t val)
{
    struct hpet_state *s = h->s;
    struct hpet_timer_state *t = &s->timer[n];

    s->owed &= ~(1ull << n);
    if (t->config & TN_PERIODIC) {
        write_periodic(s, t, mask, val);
        return;
    }
    t->comparator = ((t->comparator & ~mask) | val) & timer_mask(t);
    t->config &= ~(uint64_t)TN_VAL_SET;
    if ((s->config & CFG_ENABLE) &&
        ((s->seen - t->comparator) & timer_mask(t)) <= JUST_PAST_TICKS) {
        timer_event(h, n, clock_now(h->clock));
    }
}

static void timer_write(struct hpet *h, uint32_t reg, uint64_t mask, uint64_t val)
{
    unsigned n = (reg - REG_TIMERS) / TIMER_BLOCK;

    switch (reg % TIMER_BLOCK) {
    case TN_CFG:
        write_timer_config(h->s, n, (h->s->timer[n].config & ~mask) | val);
        break;
    case TN_CMP:
        write_comparator(h, n, mask, val);
        break;
    default:
        break;
    }
}

/* `mask` covers the bits that are written, `val` lies inside it. */
static void hpet_reg_write(struct hpet *h, uint32_t reg, uint64_t mask, uint64_t val)
{
    struct hpet_state *s = h->s;

    switch (reg) {
    case REG_CFG:
        write_config(h, (s->config & ~mask) | val);
        break;
    case REG_ISR:
        s->isr &= ~val; /* write 1 to clear */
        break;
    case REG_CNT:
        write_counter(h, (hpet_counter(h) & ~mask) | val);
        break;
    default:
        if (reg >= REG_TIMERS && reg < REG_TIMERS + HPET_TIMERS * TIMER_BLOCK) {
            timer_write(h, reg, mask, val);
        }
        break;
    }
}

/* Reads of any width inside one register (firmware probes the vendor id as a word). */
static uint64_t hpet_read(void *dev, uint32_t off, unsigned size)
{
    struct hpet *h = dev;

    if (off % 8 + size > 8) {
        return bus_ones(size);
    }
    hpet_sync(h);
    hpet_update(h);
    return (hpet_reg_read(h, off & ~7u) >> (off % 8 * 8)) & bus_ones(size);
}

/* Writes must be aligned and 32 or 64 bits wide (section 2.3.1). */
static void hpet_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct hpet *h = dev;
    unsigned shift = off % 8 * 8;

    if (size < 4 || off % size) {
        return;
    }
    hpet_sync(h);
    hpet_reg_write(h, off & ~7u, bus_ones(size) << shift, (val & bus_ones(size)) << shift);
    hpet_update(h);
}

static const struct reg hpet_regs[] = {
    {0, HPET_LEN, BUS_W1 | BUS_W2 | BUS_W4 | BUS_W8, hpet_read, hpet_write, "hpet"},
};

/* --- the device --- */

static void hpet_reset(struct device *dev, enum reset_kind kind)
{
    struct hpet *h = (struct hpet *)dev;

    *h->s = (struct hpet_state){0};
    for (unsigned n = 0; n < HPET_TIMERS; n++) {
        h->s->timer[n].comparator = UINT64_MAX;
    }
    hpet_update(h);
}

static int hpet_check(const void *state)
{
    const struct hpet_state *s = state;
    uint64_t bits = (1u << HPET_TIMERS) - 1;

    if ((s->config & ~(uint64_t)(CFG_ENABLE | CFG_LEG_RT)) || (s->isr & ~bits) ||
        (s->owed & ~bits)) {
        return -EINVAL;
    }
    for (unsigned n = 0; n < HPET_TIMERS; n++) {
        const struct hpet_timer_state *t = &s->timer[n];
        unsigned route = (unsigned)(t->config & TN_ROUTE) >> TN_ROUTE_POS;

        if ((t->config & ~(uint64_t)TN_WRITABLE) || (t->comparator & ~timer_mask(t)) ||
            (t->period & ~timer_mask(t)) || t->fired_ns > UINT64_MAX / 4 ||
            (route && !(TN_ROUTE_CAP & (1ull << route))) ||
            ((s->isr & (1u << n)) && !(t->config & TN_LEVEL))) {
            return -EINVAL;
        }
    }
    return 0;
}

static void hpet_resume(struct device *dev)
{
    struct hpet *h = (struct hpet *)dev;
    uint64_t now = clock_now(h->clock);

    for (unsigned n = 0; n < HPET_TIMERS; n++) {
        if (h->s->timer[n].fired_ns > now) {
            h->s->timer[n].fired_ns = now;
        }
    }
    hpet_update(h);
}

static const struct device_class hpet_class = {
    .name = "hpet",
    .state = &hpet_state_type,
    .reset = hpet_reset,
    .check = hpet_check,
    .resume = hpet_resume,
};

int hpet_init(struct hpet *h, const struct hw *hw, const struct hpet_lines *lines)
{
    int err;

    memset(h, 0, sizeof(*h));
    err = arena_add(hw->arena, &h->dev, &hpet_class, "hpet");
    if (err) {
        return err;
    }
    h->s = h->dev.state;
    h->clock = hw->clock;
    h->lines = *lines;
    for (unsigned n = 0; n < HPET_TIMERS; n++) {
        h->cmp[n].hpet = h;
        h->cmp[n].n = n;
        h->cmp[n].timer = clock_timer_new(h->clock, hpet_timer_fired, &h->cmp[n]);
    }
    h->region = (struct region){
        .name = "hpet", .regs = hpet_regs, .nregs = 1, .opaque = h, .len = HPET_LEN};
    return bus_map(hw->mmio, &h->region, HPET_BASE);
}
