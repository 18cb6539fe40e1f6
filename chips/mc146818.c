/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Real-time clock. Motorola MC146818A data sheet (1984), with the PC's 32.768 kHz time base.
 *
 * The time of day is an offset to guest time: nothing runs until a guest asks for interrupts.
 * Flags in register C are worked out from the time that passed since they were last looked at.
 *
 * Not modelled: other time bases (counted as 32.768 kHz), daylight saving (DSE is only stored), the
 * square wave output. As under Xen, an unread register C does not hold back the next interrupt:
 * firmware announces that in the ACPI WAET table, and guests then leave out the read.
 */
#include "mc146818.h"

#include <errno.h>
#include <string.h>

enum {
    REG_SEC = 0,
    REG_SEC_ALARM = 1,
    REG_MIN = 2,
    REG_MIN_ALARM = 3,
    REG_HOUR = 4,
    REG_HOUR_ALARM = 5,
    REG_DOW = 6,
    REG_DOM = 7,
    REG_MONTH = 8,
    REG_YEAR = 9,
    REG_A = 10,
    REG_B = 11,
    REG_C = 12,
    REG_D = 13,
};

#define A_UIP     0x80
#define A_DV      0x70
#define A_RS      0x0f
#define B_SET     0x80
#define B_PIE     0x40
#define B_AIE     0x20
#define B_UIE     0x10
#define B_DM      0x04 /* binary */
#define B_24H     0x02
#define C_IRQF    0x80
#define C_PF      0x40
#define C_AF      0x20
#define C_UF      0x10
#define C_FLAGS   (C_PF | C_AF | C_UF)
#define D_VRT     0x80
#define HOUR_PM   0x80
#define ALARM_ANY 0xc0 /* both top bits set: don't care */

#define DV_LAST_COUNTING 0x20 /* 000, 001, 010: the three time bases; above: test and reset */

#define TIME_BASE_HZ 32768u
#define DAY_S        86400u
#define YEARS_S      (36525ull * DAY_S) /* 100 years: every fourth is a leap year, 00 included */
#define EPOCH_2000   946684800ll
#define UIP_NS       244140u /* notice of 8 periods of 32.768 kHz; the update is instant */
#define OWED_MAX     32u     /* periodic interrupts made up for after a delay */
#define OWED_PERIOD  (NS_PER_S / 1024) /* faster rates are not made up for */

STATE_TYPE(rtc_state, RTC_STATE);

static uint64_t rtc_now(struct rtc *r)
{
    return clock_add(clock_now(r->clock), NS_PER_S);
}

static void rtc_timer_at(struct rtc *r, unsigned timer, uint64_t t)
{
    clock_timer_set(r->clock, timer, t == CLOCK_NEVER ? t : t - NS_PER_S);
}

static bool rtc_divider_counts(const struct rtc_state *s)
{
    return (s->reg[REG_A] & A_DV) <= DV_LAST_COUNTING;
}

/* Does the time of day advance? */
static bool rtc_running(const struct rtc_state *s)
{
    return rtc_divider_counts(s) && !(s->reg[REG_B] & B_SET);
}

/* --- register formats --- */

static uint8_t rtc_encode(const struct rtc_state *s, unsigned val)
{
    return (uint8_t)(s->reg[REG_B] & B_DM ? val : (val / 10) << 4 | val % 10);
}

static unsigned rtc_decode(const struct rtc_state *s, uint8_t raw)
{
    return s->reg[REG_B] & B_DM ? raw : (raw >> 4) * 10u + (raw & 15);
}

static uint8_t rtc_encode_hour(const struct rtc_state *s, unsigned hour)
{
    if (s->reg[REG_B] & B_24H) {
        return rtc_encode(s, hour);
    }
    unsigned h12 = hour % 12 ? hour % 12 : 12;

    return (uint8_t)(rtc_encode(s, h12) | (hour >= 12 ? HOUR_PM : 0));
}

static unsigned rtc_decode_hour(const struct rtc_state *s, uint8_t raw)
{
    if (s->reg[REG_B] & B_24H) {
        return rtc_decode(s, raw);
    }
    unsigned h12 = rtc_decode(s, raw & (uint8_t)~HOUR_PM);

    return (h12 == 12 ? 0 : h12) + (raw & HOUR_PM ? 12 : 0);
}

/* --- calendar: 00-99 with a leap year every fourth --- */

static const uint16_t month_start[2][13] = {
    {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365},
    {0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366},
};

#define DAYS_4Y 1461u

static uint64_t date_to_days(unsigned year, unsigned month, unsigned dom)
{
    unsigned leap = year % 4 == 0;
    unsigned m = month >= 1 && month <= 12 ? month - 1 : 0;
    unsigned d = dom >= 1 ? dom - 1 : 0;

    return year / 4 * DAYS_4Y + (year % 4) * 365u + (year % 4 > 0) + month_start[leap][m] + d;
}

static void days_to_date(unsigned days, unsigned *year, unsigned *month, unsigned *dom)
{
    unsigned in4 = days % DAYS_4Y;
    unsigned y = in4 < 366 ? 0 : 1 + (in4 - 366) / 365;
    unsigned day = y == 0 ? in4 : (in4 - 366) % 365;
    unsigned m = 0;

    while (day >= month_start[y == 0][m + 1]) {
        m++;
    }
    *year = days / DAYS_4Y * 4 + y;
    *month = m + 1;
    *dom = day - month_start[y == 0][m] + 1;
}

/* 2000-01-01 was a Saturday, day 7. */
static unsigned days_to_dow(uint64_t days)
{
    return (unsigned)((days + 6) % 7);
}

/* Time registers from seconds, which may go beyond the 100 years; alarm registers stay. */
static void rtc_store_time(struct rtc_state *s, uint64_t sec)
{
    unsigned tod = (unsigned)(sec % DAY_S);
    uint64_t days = sec / DAY_S; /* the day of week knows no centuries */
    unsigned year, month, dom;

    days_to_date((unsigned)(days % (YEARS_S / DAY_S)), &year, &month, &dom);
    s->reg[REG_SEC] = rtc_encode(s, tod % 60);
    s->reg[REG_MIN] = rtc_encode(s, tod / 60 % 60);
    s->reg[REG_HOUR] = rtc_encode_hour(s, tod / 3600);
    s->reg[REG_DOW] = rtc_encode(s, (days_to_dow(days) + s->dow_skew) % 7 + 1);
    s->reg[REG_DOM] = rtc_encode(s, dom);
    s->reg[REG_MONTH] = rtc_encode(s, month);
    s->reg[REG_YEAR] = rtc_encode(s, year);
}

/* Seconds from the time registers. Values out of range carry over, so any content has a meaning. */
static uint64_t rtc_load_time(struct rtc_state *s)
{
    uint64_t days = date_to_days(rtc_decode(s, s->reg[REG_YEAR]) % 100,
                                 rtc_decode(s, s->reg[REG_MONTH]), rtc_decode(s, s->reg[REG_DOM]));
    uint64_t sec = days * DAY_S + rtc_decode_hour(s, s->reg[REG_HOUR]) * 3600u +
                   rtc_decode(s, s->reg[REG_MIN]) * 60u + rtc_decode(s, s->reg[REG_SEC]);
    unsigned dow = rtc_decode(s, s->reg[REG_DOW]) + 6;

    sec %= YEARS_S;
    s->dow_skew = (uint8_t)((dow + 7 - days_to_dow(sec / DAY_S)) % 7);
    return sec;
}

/* --- what passes with time --- */

/* Whole seconds of the divider chain between base_ns and t. */
static uint64_t rtc_elapsed(const struct rtc_state *s, uint64_t t)
{
    return t > s->base_ns ? (t - s->base_ns) / NS_PER_S : 0;
}

/* Ticks of the time base; the period of the periodic interrupt in them, 0 for none. */
static uint64_t rtc_ticks(const struct rtc_state *s, uint64_t t)
{
    return t > s->base_ns ? clock_muldiv(t - s->base_ns, TIME_BASE_HZ, NS_PER_S) : 0;
}

static unsigned rtc_period(const struct rtc_state *s)
{
    unsigned rs = s->reg[REG_A] & A_RS;

    if (rs == 0 || !rtc_divider_counts(s)) {
        return 0;
    }
    return 1u << (rs <= 2 ? rs + 6 : rs - 1);
}

static bool alarm_match(unsigned any, unsigned want, unsigned val)
{
    return any || want == val;
}

/*
 * Seconds from `after` to the next alarm, at least 1; 0 when the alarm registers hold no time that
 * ever comes. Looks at most at the minutes of 25 hours.
 */
static uint32_t rtc_alarm_distance(const struct rtc_state *s, uint64_t after)
{
    uint8_t raw_s = s->reg[REG_SEC_ALARM];
    uint8_t raw_m = s->reg[REG_MIN_ALARM];
    uint8_t raw_h = s->reg[REG_HOUR_ALARM];
    unsigned any_s = raw_s >= ALARM_ANY, sec = any_s ? 0 : rtc_decode(s, raw_s);
    unsigned any_m = raw_m >= ALARM_ANY, min = any_m ? 0 : rtc_decode(s, raw_m);
    unsigned any_h = raw_h >= ALARM_ANY, hour = any_h ? 0 : rtc_decode_hour(s, raw_h);
    uint32_t start = (uint32_t)((after + 1) % DAY_S);

    if (sec > 59 || min > 59 || hour > 23) {
        return 0;
    }
    for (uint32_t m = start / 60; m <= start / 60 + DAY_S / 60; m++) {
        uint32_t first = m == start / 60 ? start % 60 : 0;

        if (!alarm_match(any_h, hour, m / 60 % 24) || !alarm_match(any_m, min, m % 60)) {
            continue;
        }
        if (any_s || sec >= first) {
            return m * 60 + (any_s ? first : sec) - start + 1;
        }
    }
    return 0;
}

/* Periodic ticks up to `t`; the difference of two counts. */
static uint64_t rtc_beats(const struct rtc_state *s, uint64_t t)
{
    unsigned period = rtc_period(s);

    return period ? (rtc_ticks(s, t) + TIME_BASE_HZ - s->phase) / period : 0;
}

/* Flags of what happened in (seen_ns, now]; counts delayed periodic interrupts. */
static uint8_t rtc_events(struct rtc_state *s, uint64_t now)
{
    uint8_t events = 0;
    unsigned period = rtc_period(s);
    uint64_t from = rtc_elapsed(s, s->seen_ns), to = rtc_elapsed(s, now);

    if (period) {
        uint64_t n = rtc_beats(s, now) - rtc_beats(s, s->seen_ns);

        events |= n ? C_PF : 0;
        if (n > 1 && (s->reg[REG_B] & B_PIE)) {
            s->owed = n - 1 > OWED_MAX - s->owed ? OWED_MAX : s->owed + (uint32_t)(n - 1);
        }
    }
    if (rtc_running(s) && to > from) {
        uint32_t alarm = rtc_alarm_distance(s, s->base_sec + from);

        events |= C_UF;
        events |= alarm && alarm <= to - from ? C_AF : 0;
    }
    return events;
}

/* --- output --- */

/* IRQF and the line. An event pulses a line that is still up, see the head of this file. */
static void rtc_update_irq(struct rtc *r, uint8_t events)
{
    struct rtc_state *s = r->s;
    uint8_t enabled = s->reg[REG_B] & C_FLAGS; /* enable and flag bits have the same places */

    if ((s->reg[REG_C] & C_IRQF) && (events & enabled)) {
        irq_set(&r->irq, 0);
    }
    s->reg[REG_C] |= events;
    s->reg[REG_C] &= C_FLAGS;
    s->reg[REG_C] |= s->reg[REG_C] & enabled ? C_IRQF : 0;
    irq_set(&r->irq, s->reg[REG_C] & C_IRQF ? 1 : 0);
}

static uint64_t rtc_next_periodic(const struct rtc_state *s, uint64_t now)
{
    unsigned period = rtc_period(s);
    uint64_t tick = (rtc_beats(s, now) + 1) * period - (TIME_BASE_HZ - s->phase);
    uint64_t next = s->base_ns + clock_muldiv(tick, NS_PER_S, TIME_BASE_HZ);
    uint64_t period_ns = clock_muldiv(period, NS_PER_S, TIME_BASE_HZ);

    /* the product was rounded down: on the tick itself or the first ns after it */
    next += rtc_ticks(s, next) < tick;
    if (s->owed && next - now > period_ns / 2) {
        next = now + period_ns / 2;
    }
    return next;
}

/* Timers run only for interrupts that the guest asked for. */
static void rtc_arm(struct rtc *r, uint64_t now)
{
    struct rtc_state *s = r->s;
    uint8_t b = s->reg[REG_B];
    uint64_t second = CLOCK_NEVER;

    if (!(b & B_PIE) || !rtc_period(s)) {
        s->owed = 0;
    } else if (clock_muldiv(rtc_period(s), NS_PER_S, TIME_BASE_HZ) < OWED_PERIOD) {
        s->owed = 0;
    }
    rtc_timer_at(r, r->periodic_timer,
                 b & B_PIE && rtc_period(s) ? rtc_next_periodic(s, now) : CLOCK_NEVER);

    if (rtc_running(s) && b & (B_AIE | B_UIE)) {
        uint64_t at = rtc_elapsed(s, now);
        uint32_t wait = b & B_UIE ? 1 : rtc_alarm_distance(s, s->base_sec + at);

        if (wait) {
            second = s->base_ns + (at + wait) * NS_PER_S;
        }
    }
    rtc_timer_at(r, r->second_timer, second);
}

/* Brings register C up to `now`. */
static void rtc_sync(struct rtc *r, uint64_t now, uint8_t extra)
{
    struct rtc_state *s = r->s;
    uint8_t events = rtc_events(s, now);

    s->seen_ns = now;
    rtc_update_irq(r, events | extra);
}

static void rtc_second_fired(void *opaque)
{
    struct rtc *r = opaque;
    uint64_t now = rtc_now(r);

    rtc_sync(r, now, 0);
    rtc_arm(r, now);
}

/* On a tick, or half a period later to make up for one that was missed. */
static void rtc_periodic_fired(void *opaque)
{
    struct rtc *r = opaque;
    uint64_t now = rtc_now(r);
    bool on_tick = rtc_beats(r->s, now) != rtc_beats(r->s, r->s->seen_ns);
    uint8_t extra = 0;

    if (!on_tick && r->s->owed) {
        r->s->owed--;
        extra = C_PF;
    }
    rtc_sync(r, now, extra);
    rtc_arm(r, now);
}

/* --- starting and stopping --- */

/* Freezes the time of day into the registers. */
static void rtc_stop(struct rtc_state *s, uint64_t now)
{
    if (rtc_running(s)) {
        rtc_store_time(s, s->base_sec + rtc_elapsed(s, now));
    }
}

/* Counts on from the registers, keeping the divider's phase. */
static void rtc_start(struct rtc_state *s, uint64_t now)
{
    if (rtc_divider_counts(s)) {
        s->base_ns += rtc_elapsed(s, now) * NS_PER_S;
    }
    if (rtc_running(s)) {
        s->base_sec = rtc_load_time(s);
    }
}

static void rtc_write_a(struct rtc *r, uint8_t val, uint64_t now)
{
    struct rtc_state *s = r->s;
    bool counted = rtc_divider_counts(s);
    unsigned period = rtc_period(s);

    if (period) {
        uint64_t ticks = rtc_ticks(s, now) + TIME_BASE_HZ;

        s->phase = (uint32_t)((ticks - (ticks - s->phase) % period) % TIME_BASE_HZ);
    }
    rtc_stop(s, now);
    s->reg[REG_A] = val & (uint8_t)~A_UIP;
    if (!counted && rtc_divider_counts(s)) {
        /* the first update comes half a second after the divider is let go */
        s->base_ns = now - NS_PER_S / 2;
        s->phase = 0;
    }
    rtc_start(s, now);
}

/*
 * A change of format while the clock counts converts the time; on the chip the bytes would stay and
 * then count on from nonsense, which nobody can want. While SET is on, the bytes stay.
 */
static void rtc_write_b(struct rtc *r, uint8_t val, uint64_t now)
{
    struct rtc_state *s = r->s;

    if (val & B_SET) {
        rtc_stop(s, now);
        s->reg[REG_B] = val & (uint8_t)~B_UIE;
    } else if (s->reg[REG_B] & B_SET) {
        s->reg[REG_B] = val;
        rtc_start(s, now);
    } else {
        s->reg[REG_B] = val;
    }
}

static void rtc_write_time(struct rtc *r, unsigned reg, uint8_t val, uint64_t now)
{
    struct rtc_state *s = r->s;

    rtc_stop(s, now);
    s->reg[reg] = reg == REG_SEC ? val & 0x7f : val;
    rtc_start(s, now);
}

static void rtc_write(struct rtc *r, unsigned reg, uint8_t val)
{
    uint64_t now = rtc_now(r);

    rtc_sync(r, now, 0);
    switch (reg) {
    case REG_SEC_ALARM:
    case REG_MIN_ALARM:
    case REG_HOUR_ALARM:
        r->s->reg[reg] = val;
        break;
    case REG_A:
        rtc_write_a(r, val, now);
        break;
    case REG_B:
        rtc_write_b(r, val, now);
        break;
    case REG_C:
    case REG_D:
        return; /* read-only */
    default:
        rtc_write_time(r, reg, val, now);
        break;
    }
    rtc_update_irq(r, 0);
    rtc_arm(r, now);
}

static uint8_t rtc_read_a(const struct rtc_state *s, uint64_t now)
{
    uint64_t phase = now > s->base_ns ? (now - s->base_ns) % NS_PER_S : 0;
    bool uip = rtc_running(s) && phase >= NS_PER_S - UIP_NS;

    return s->reg[REG_A] | (uip ? A_UIP : 0);
}

static uint8_t rtc_read_c(struct rtc *r, uint64_t now)
{
    uint8_t val;

    rtc_sync(r, now, 0);
    val = r->s->reg[REG_C];
    r->s->reg[REG_C] = 0;
    rtc_update_irq(r, 0);
    rtc_arm(r, now);
    return val;
}

static uint8_t rtc_read(struct rtc *r, unsigned reg)
{
    struct rtc_state *s = r->s;
    uint64_t now = rtc_now(r);

    switch (reg) {
    case REG_A:
        return rtc_read_a(s, now);
    case REG_C:
        return rtc_read_c(r, now);
    case REG_B:
    case REG_D:
    case REG_SEC_ALARM:
    case REG_MIN_ALARM:
    case REG_HOUR_ALARM:
        return s->reg[reg];
    default:
        rtc_stop(s, now); /* refreshes the registers; what they hold while it counts is not used */
        return s->reg[reg];
    }
}

/* --- ports --- */

bool rtc_index_write(struct rtc *r, uint8_t val)
{
    r->s->index = val & RTC_INDEX_NO_NMI;
    return r->s->index < RTC_REGS;
}

bool rtc_data_read(struct rtc *r, uint8_t *val)
{
    if (r->s->index >= RTC_REGS) {
        return false;
    }
    *val = rtc_read(r, r->s->index);
    return true;
}

bool rtc_data_write(struct rtc *r, uint8_t val)
{
    if (r->s->index >= RTC_REGS) {
        return false;
    }
    rtc_write(r, r->s->index, val);
    return true;
}

static void port_index_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    rtc_index_write(dev, (uint8_t)val);
}

static uint64_t port_data_read(void *dev, uint32_t off, unsigned size)
{
    struct rtc *r = dev;
    uint8_t val;

    if (rtc_data_read(r, &val)) {
        return val;
    }
    return r->cmos_read ? r->cmos_read(r->cmos, r->s->index) : 0xff;
}

static void port_data_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct rtc *r = dev;

    if (!rtc_data_write(r, (uint8_t)val) && r->cmos_write) {
        r->cmos_write(r->cmos, r->s->index, (uint8_t)val);
    }
}

static const struct reg rtc_regs[] = {
    {0, 1, BUS_W1, NULL, port_index_write, "index"},
    {1, 1, BUS_W1, port_data_read, port_data_write, "data"},
};

/* --- the device --- */

/* The RESET pin clears interrupt enables and flags; time, alarm and divider run on the battery. */
static void rtc_reset(struct device *dev, enum reset_kind kind)
{
    struct rtc *r = (struct rtc *)dev;
    uint64_t now = rtc_now(r);
    struct rtc_state *s = r->s;

    if (kind == RESET_POWER_ON) {
        int64_t sec = (r->epoch - EPOCH_2000) % (int64_t)YEARS_S;

        *s = (struct rtc_state){.base_ns = NS_PER_S};
        s->base_sec = (uint64_t)(sec < 0 ? sec + (int64_t)YEARS_S : sec);
        s->reg[REG_A] = 0x26;
        s->reg[REG_B] = B_24H;
    } else {
        rtc_sync(r, now, 0);
        s->reg[REG_B] &= (uint8_t) ~(B_PIE | B_AIE | B_UIE | 0x08);
    }
    s->reg[REG_C] = 0;
    s->reg[REG_D] = D_VRT;
    s->index = 0;
    s->owed = 0;
    s->seen_ns = now;
    rtc_update_irq(r, 0);
    rtc_arm(r, now);
}

#define LATEST_NS (UINT64_MAX / 4) /* 146 years: sums with it do not wrap */

static int rtc_check(const void *state)
{
    const struct rtc_state *s = state;

    if (s->base_ns > LATEST_NS || s->seen_ns > LATEST_NS || s->base_sec >= YEARS_S ||
        s->index > RTC_INDEX_NO_NMI || s->dow_skew > 6 || s->owed > OWED_MAX ||
        s->phase >= TIME_BASE_HZ) {
        return -EINVAL;
    }
    if ((s->reg[REG_A] & A_UIP) || (s->reg[REG_C] & 0x0f) || s->reg[REG_D] != D_VRT ||
        (s->reg[REG_SEC] & 0x80)) {
        return -EINVAL;
    }
    return 0;
}

static void rtc_resume(struct device *dev)
{
    struct rtc *r = (struct rtc *)dev;

    rtc_update_irq(r, 0);
    rtc_arm(r, rtc_now(r));
}

static const struct device_class rtc_class = {
    .name = "mc146818",
    .state = &rtc_state_type,
    .reset = rtc_reset,
    .check = rtc_check,
    .resume = rtc_resume,
};

int rtc_init(struct rtc *r, const struct hw *hw, struct irq_line irq, int64_t epoch)
{
    int err;

    memset(r, 0, sizeof(*r));
    err = arena_add(hw->arena, &r->dev, &rtc_class, "rtc");
    if (err) {
        return err;
    }
    r->s = r->dev.state;
    r->clock = hw->clock;
    r->irq = irq;
    r->epoch = epoch;
    r->periodic_timer = clock_timer_new(r->clock, rtc_periodic_fired, r);
    r->second_timer = clock_timer_new(r->clock, rtc_second_fired, r);
    r->region = (struct region){.name = "rtc",
                                .regs = rtc_regs,
                                .nregs = sizeof(rtc_regs) / sizeof(rtc_regs[0]),
                                .opaque = r,
                                .len = 2};
    return 0;
}
