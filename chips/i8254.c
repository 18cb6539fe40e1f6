/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 8254 programmable interval timer. Intel 8254 data sheet (231164-005); port 61h: 82371SB (PIIX3).
 * Nothing counts: a counter is worked out from the time when it was loaded. A timer runs only for
 * the edges of OUT 0.
 *
 * Not modelled: the speaker (port 61h bit 1 is kept), NMI sources (bits 6 and 7 read 0).
 */
#include "i8254.h"

#include <errno.h>
#include <string.h>

#define CONTROL_BCD   0x01u
#define CONTROL_MODE  0x0eu
#define CONTROL_RW    0x30u
#define CONTROL_BITS  0x3fu
#define RW_LATCH      0u
#define RW_LOW        1u
#define RW_HIGH       2u
#define RW_BOTH       3u
#define READ_BACK     3u /* counter number 3 in a control word */
#define BACK_NO_COUNT 0x20u
#define BACK_NO_STAT  0x10u
#define STATUS_OUT    0x80u
#define STATUS_NULL   0x40u

#define PORT_B_GATE2   0x01u
#define PORT_B_BITS    0x0fu
#define PORT_B_REFRESH 0x10u
#define PORT_B_OUT2    0x20u
#define REFRESH_NS     15085u

STATE_TYPE(i8254_counter_state, I8254_COUNTER_STATE);
STATE_TYPE(i8254_state, I8254_STATE);

/* --- time --- */

static uint64_t pit_now(const struct i8254 *p)
{
    return clock_muldiv(clock_now(p->clock), I8254_HZ, NS_PER_S);
}

/* The first nanosecond of CLK period `tick`. */
static uint64_t pit_ns(uint64_t tick)
{
    return clock_muldiv(tick, NS_PER_S, I8254_HZ) + 1;
}

static unsigned counter_mode(const struct i8254_counter_state *c)
{
    unsigned mode = (c->control & CONTROL_MODE) >> 1;

    return mode > 5 ? mode - 4 : mode; /* x10 and x11: modes 2 and 3 */
}

static bool counter_bcd(const struct i8254_counter_state *c)
{
    return c->control & CONTROL_BCD;
}

static bool counter_periodic(const struct i8254_counter_state *c)
{
    return counter_mode(c) == 2 || counter_mode(c) == 3;
}

/* CLK periods that a count stands for: 1..65536. */
static uint32_t count_periods(const struct i8254_counter_state *c, uint16_t count)
{
    uint32_t n = count;

    if (counter_bcd(c)) {
        n = (count >> 12) * 1000u + (count >> 8 & 15) * 100u + (count >> 4 & 15) * 10u +
            (count & 15);
        return n ? n : 10000;
    }
    return n ? n : 65536;
}

static uint16_t count_encode(const struct i8254_counter_state *c, uint32_t n)
{
    if (!counter_bcd(c)) {
        return (uint16_t)n;
    }
    n %= 10000;
    return (uint16_t)(n / 1000 << 12 | n / 100 % 10 << 8 | n / 10 % 10 << 4 | n % 10);
}

/* Periods since the counting element was loaded. */
static uint64_t counter_elapsed(const struct i8254_counter_state *c, uint64_t now)
{
    bool stopped = !c->gate && counter_mode(c) != 1 && counter_mode(c) != 5;

    if (stopped) {
        return c->elapsed;
    }
    return now > c->start ? now - c->start : 0;
}

/* Puts the count register into the counting element, from the next CLK on. */
static void counter_load(struct i8254_counter_state *c, uint64_t start)
{
    c->start = start;
    c->elapsed = 0;
    c->count = c->cr;
    c->running = 1;
    c->reload = 0;
    c->null_count = 0;
}

/* A count written in the middle of a period begins with the next one: modes 2 and 3. */
static void counter_sync(struct i8254_counter_state *c, uint64_t now)
{
    uint32_t period = count_periods(c, c->count);

    if (c->reload && c->gate && now >= c->start + period) {
        uint64_t done = (now - c->start) / period;

        counter_load(c, c->start + done * period);
    }
}

/* --- OUT and the count --- */

/* OUT after `t` periods; the count is loaded and GATE allows. */
static bool out_after(const struct i8254_counter_state *c, uint64_t t)
{
    uint32_t n = count_periods(c, c->count);

    switch (counter_mode(c)) {
    case 0:
    case 1:
        return t >= n;
    case 2:
        return t % n != n - 1;
    case 3:
        return t % n < (n + 1) / 2;
    default:
        return t != n;
    }
}

static bool counter_out(const struct i8254_counter_state *c, uint64_t now)
{
    if (!c->running || (!c->gate && counter_periodic(c))) {
        return counter_mode(c) != 0;
    }
    return out_after(c, counter_elapsed(c, now));
}

/* What the counting element shows; after terminal count it goes on below zero. */
static uint16_t counter_value(const struct i8254_counter_state *c, uint64_t now)
{
    uint64_t t = c->running ? counter_elapsed(c, now) : 0;
    uint32_t n = count_periods(c, c->count);
    uint32_t modulus = counter_bcd(c) ? 10000 : 65536;

    switch (counter_mode(c)) {
    case 2:
        return count_encode(c, n - (uint32_t)(t % n));
    case 3: /* counts by two, twice per period; an odd count is loaded less one */
        t = t % n < (n + 1) / 2 ? t % n : t % n - (n + 1) / 2;
        return count_encode(c, (n & ~1u) - 2 * (uint32_t)t);
    default:
        return count_encode(c, n % modulus + modulus - (uint32_t)(t % modulus));
    }
}

/* When OUT changes next after `now`; CLOCK_NEVER when it does not by itself. */
static uint64_t counter_next_edge(const struct i8254_counter_state *c, uint64_t now)
{
    uint64_t n = count_periods(c, c->count);
    uint64_t t = counter_elapsed(c, now);

    if (!c->running || (!c->gate && counter_mode(c) != 1 && counter_mode(c) != 5) ||
        (n == 1 && counter_periodic(c))) { /* a period of one is not allowed and shows no edge */
        return CLOCK_NEVER;
    }
    switch (counter_mode(c)) {
    case 0:
    case 1:
        return t < n ? c->start + n : CLOCK_NEVER;
    case 2:
        return c->start + (t % n < n - 1 ? t - t % n + n - 1 : t + 1);
    case 3:
        return c->start + (t % n < (n + 1) / 2 ? t - t % n + (n + 1) / 2 : t - t % n + n);
    default:
        return t < n ? c->start + n : t == n ? c->start + n + 1 : CLOCK_NEVER;
    }
}

/* OUT 0's level, and the timer for its next change. */
static void pit_update(struct i8254 *p)
{
    struct i8254_counter_state *c = &p->s->counter[0];
    uint64_t now = pit_now(p);

    counter_sync(c, now);
    irq_set(&p->out0, counter_out(c, now));

    uint64_t edge = counter_next_edge(c, now);

    clock_timer_set(p->clock, p->timer, edge == CLOCK_NEVER ? CLOCK_NEVER : pit_ns(edge));
}

static void pit_edge(void *opaque)
{
    pit_update(opaque);
}

/* --- GATE --- */

static void counter_gate(struct i8254_counter_state *c, uint64_t now, uint8_t level)
{
    if (c->gate == level) {
        return;
    }
    counter_sync(c, now);
    if (!level) {
        c->elapsed = counter_elapsed(c, now);
        c->gate = 0;
        return;
    }
    c->gate = 1;
    switch (counter_mode(c)) {
    case 0:
    case 4: /* goes on where it stopped */
        c->start = now - (c->elapsed < now ? c->elapsed : now);
        break;
    default: /* a trigger loads the count register, if there was a count at all */
        if (c->running || c->null_count) {
            counter_load(c, now + 1);
        }
        break;
    }
}

/* --- writes --- */

static void counter_write_count(struct i8254_counter_state *c, uint64_t now, uint16_t count)
{
    c->cr = count;
    c->null_count = 1;
    switch (counter_mode(c)) {
    case 0:
    case 4:
        counter_load(c, now + 1);
        break;
    case 2:
    case 3:
        if (c->running && c->gate) {
            uint64_t t = counter_elapsed(c, now);

            c->start += t - t % count_periods(c, c->count); /* of the period that goes on */
            c->reload = 1;
        } else if (c->gate) {
            counter_load(c, now + 1);
        }
        break;
    default: /* waits for a trigger */
        break;
    }
}

static void counter_write(struct i8254_counter_state *c, uint64_t now, uint8_t val)
{
    switch ((c->control & CONTROL_RW) >> 4) {
    case RW_LOW:
        counter_write_count(c, now, val);
        break;
    case RW_HIGH:
        counter_write_count(c, now, (uint16_t)(val << 8));
        break;
    default:
        if (c->write_high) {
            c->write_high = 0;
            counter_write_count(c, now, (uint16_t)(val << 8 | c->low));
            break;
        }
        c->low = val;
        c->write_high = 1;
        if (counter_mode(c) == 0) { /* the first byte stops the count and lowers OUT */
            c->running = 0;
        }
        break;
    }
}

static void counter_latch(struct i8254_counter_state *c, uint64_t now)
{
    if (c->latched) {
        return; /* held until it is read */
    }
    c->latch = counter_value(c, now);
    c->latched = (c->control & CONTROL_RW) >> 4 == RW_BOTH ? 2 : 1;
}

static void counter_latch_status(struct i8254_counter_state *c, uint64_t now)
{
    if (c->status_latched) {
        return;
    }
    c->status = (uint8_t)((counter_out(c, now) ? STATUS_OUT : 0) |
                          (c->null_count ? STATUS_NULL : 0) | c->control);
    c->status_latched = 1;
}

/* A control word: OUT takes its initial level, and the counter waits for a count. */
static void counter_program(struct i8254_counter_state *c, uint8_t val)
{
    c->control = val & CONTROL_BITS;
    c->running = 0;
    c->reload = 0;
    c->null_count = 1;
    c->cr = 0;
    c->count = 0;
    c->elapsed = 0;
    c->read_high = 0;
    c->write_high = 0;
    c->latched = 0;
    c->status_latched = 0;
}

static void pit_read_back(struct i8254 *p, uint64_t now, uint8_t val)
{
    for (unsigned n = 0; n < I8254_COUNTERS; n++) {
        if (!(val & (2u << n))) {
            continue;
        }
        if (!(val & BACK_NO_COUNT)) {
            counter_latch(&p->s->counter[n], now);
        }
        if (!(val & BACK_NO_STAT)) {
            counter_latch_status(&p->s->counter[n], now);
        }
    }
}

static void counter_port_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct i8254 *p = dev;
    uint64_t now = pit_now(p);

    counter_sync(&p->s->counter[off], now);
    counter_write(&p->s->counter[off], now, (uint8_t)val);
    pit_update(p);
}

static void control_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct i8254 *p = dev;
    uint64_t now = pit_now(p);
    unsigned n = (val >> 6) & 3;

    for (unsigned i = 0; i < I8254_COUNTERS; i++) {
        counter_sync(&p->s->counter[i], now);
    }
    if (n == READ_BACK) {
        pit_read_back(p, now, (uint8_t)val);
    } else if ((val & CONTROL_RW) >> 4 == RW_LATCH) {
        counter_latch(&p->s->counter[n], now);
    } else {
        counter_program(&p->s->counter[n], (uint8_t)val);
    }
    pit_update(p);
}

/* --- reads --- */

/* Low and high byte alternate in RW mode 3, latched or not. */
static uint64_t counter_read(struct i8254_counter_state *c, uint64_t now)
{
    unsigned rw = (c->control & CONTROL_RW) >> 4;
    uint16_t val = c->latched ? c->latch : counter_value(c, now);
    bool high = rw == RW_HIGH || (rw == RW_BOTH && c->read_high);

    if (c->status_latched) {
        c->status_latched = 0;
        return c->status;
    }
    if (rw == RW_BOTH) {
        c->read_high = !c->read_high;
    }
    c->latched -= c->latched != 0;
    return high ? val >> 8 : val & 0xff;
}

static uint64_t counter_port_read(void *dev, uint32_t off, unsigned size)
{
    struct i8254 *p = dev;
    uint64_t now = pit_now(p);

    counter_sync(&p->s->counter[off], now);
    return counter_read(&p->s->counter[off], now);
}

static uint64_t port_b_read(void *dev, uint32_t off, unsigned size)
{
    struct i8254 *p = dev;
    uint64_t now = pit_now(p);
    uint64_t val = p->s->port_b;

    counter_sync(&p->s->counter[2], now);
    val |= counter_out(&p->s->counter[2], now) ? PORT_B_OUT2 : 0;
    val |= clock_now(p->clock) / REFRESH_NS % 2 ? PORT_B_REFRESH : 0;
    return val;
}

static void port_b_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct i8254 *p = dev;

    p->s->port_b = (uint8_t)val & PORT_B_BITS;
    counter_gate(&p->s->counter[2], pit_now(p), val & PORT_B_GATE2);
}

static const struct reg pit_regs[] = {
    {0, 3, BUS_W1, counter_port_read, counter_port_write, "COUNTER"},
    {3, 1, BUS_W1, NULL, control_write, "CONTROL"},
};
static const struct reg port_b_regs[] = {{0, 1, BUS_W1, port_b_read, port_b_write, "PORT B"}};

/* --- life --- */

/* Undefined on the chip until programmed; like this OUT is low and nothing counts. */
static void i8254_reset(struct device *dev, enum reset_kind kind)
{
    struct i8254 *p = (struct i8254 *)dev;

    memset(p->s, 0, sizeof(*p->s));
    for (unsigned n = 0; n < I8254_COUNTERS; n++) {
        p->s->counter[n].control = RW_BOTH << 4;
        p->s->counter[n].gate = n != 2;
    }
    pit_update(p);
}

static bool counter_acceptable(const struct i8254_counter_state *c)
{
    const uint64_t latest = 1ull << 54; /* 478 years: in nanoseconds still 64 bits */
    const uint8_t flags = c->gate | c->running | c->reload | c->null_count | c->status_latched |
                          c->read_high | c->write_high;

    return c->start <= latest && c->elapsed <= latest && flags <= 1 && c->latched <= 2 &&
           !(c->control & ~CONTROL_BITS) && (c->control & CONTROL_RW) &&
           (!c->reload || (c->running && counter_periodic(c)));
}

static int i8254_check(const void *state)
{
    const struct i8254_state *s = state;

    for (unsigned n = 0; n < I8254_COUNTERS; n++) {
        if (!counter_acceptable(&s->counter[n])) {
            return -EINVAL;
        }
    }
    return s->port_b & ~PORT_B_BITS ? -EINVAL : 0;
}

static void i8254_resume(struct device *dev)
{
    pit_update((struct i8254 *)dev);
}

static const struct device_class i8254_class = {
    .name = "i8254",
    .state = &i8254_state_type,
    .reset = i8254_reset,
    .check = i8254_check,
    .resume = i8254_resume,
};

int i8254_init(struct i8254 *p, const struct hw *hw, struct irq_line out0)
{
    int err;

    memset(p, 0, sizeof(*p));
    err = arena_add(hw->arena, &p->dev, &i8254_class, "i8254");
    if (err) {
        return err;
    }
    p->s = p->dev.state;
    p->clock = hw->clock;
    p->out0 = out0;
    p->timer = clock_timer_new(p->clock, pit_edge, p);
    p->ports = (struct region){.name = "PIT", .regs = pit_regs, .nregs = 2, .opaque = p, .len = 4};
    p->port_b =
        (struct region){.name = "PORT B", .regs = port_b_regs, .nregs = 1, .opaque = p, .len = 1};
    err = bus_map(hw->pio, &p->ports, 0x40);
    return err ? err : bus_map(hw->pio, &p->port_b, 0x61);
}
