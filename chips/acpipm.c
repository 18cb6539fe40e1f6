/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI fixed hardware, event half: PM1a_STS, PM1a_EN and the 32-bit PM timer at 3.579545 MHz.
 * ACPI 6.0 sections 4.8.2.1 and 4.8.3.1; Intel 82371AB for the base register's granularity.
 *
 * Not modelled: RTC and wake status. The SCI does not depend on SCI_EN, which lies in PM1a_CNT, the
 * device model's.
 */
#include "acpipm.h"

#include <errno.h>
#include <string.h>

#define PM1_TMR    0x0001
#define PM1_GBL    0x0020
#define PM1_PWRBTN 0x0100
#define PM1_SLPBTN 0x0200
#define PM1_RTC    0x0400 /* can be enabled, never happens: the FADT says so (FIX_RTC), Linux asks */
#define PM1_BITS   (PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_SLPBTN | PM1_RTC)

#define PM_TMR_HZ     3579545u
#define PM_TMR_HALF   (1ull << 31) /* TMR_STS is set when the top bit changes */
#define PM_BASE_ALIGN 64u

STATE_TYPE(acpipm_state, ACPIPM_STATE);

static uint64_t pm_ticks(uint64_t ns)
{
    return clock_muldiv(ns, PM_TMR_HZ, NS_PER_S);
}

uint32_t acpipm_timer(struct acpipm *p)
{
    return (uint32_t)pm_ticks(clock_now(p->clock));
}

/* Notes an overflow since the last look. */
static void acpipm_sync(struct acpipm *p)
{
    uint64_t now = clock_now(p->clock);

    if (pm_ticks(now) / PM_TMR_HALF != pm_ticks(p->s->seen_ns) / PM_TMR_HALF) {
        p->s->pm1_sts |= PM1_TMR;
    }
    p->s->seen_ns = now;
}

/* The SCI line, and the overflow timer: it runs only while a guest waits for the interrupt. */
static void acpipm_update(struct acpipm *p)
{
    const struct acpipm_state *s = p->s;

    irq_set(&p->sci, s->pm1_sts & s->pm1_en ? 1 : 0);
    if ((s->pm1_en & PM1_TMR) && !(s->pm1_sts & PM1_TMR)) {
        uint64_t tick = (pm_ticks(s->seen_ns) / PM_TMR_HALF + 1) * PM_TMR_HALF;

        clock_timer_set(p->clock, p->timer, clock_muldiv(tick, NS_PER_S, PM_TMR_HZ) + 1);
    } else {
        clock_timer_cancel(p->clock, p->timer);
    }
}

static void acpipm_overflowed(void *opaque)
{
    struct acpipm *p = opaque;

    acpipm_sync(p);
    acpipm_update(p);
}

static void acpipm_button(struct acpipm *p, uint16_t bit)
{
    acpipm_sync(p);
    p->s->pm1_sts |= bit;
    acpipm_update(p);
}

void acpipm_power_button(struct acpipm *p)
{
    acpipm_button(p, PM1_PWRBTN);
}

void acpipm_sleep_button(struct acpipm *p)
{
    acpipm_button(p, PM1_SLPBTN);
}

/* --- registers: STS in bytes 0-1, EN in bytes 2-3; any width at any offset --- */

static uint64_t evt_read(void *dev, uint32_t off, unsigned size)
{
    struct acpipm *p = dev;

    acpipm_sync(p);
    acpipm_update(p);

    uint64_t val = ((uint32_t)p->s->pm1_en << 16 | p->s->pm1_sts) >> (off * 8);

    return val & bus_ones(size);
}

static void evt_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct acpipm *p = dev;
    uint32_t mask = (uint32_t)bus_ones(size) << (off * 8);
    uint32_t bits = (uint32_t)(val << (off * 8)) & mask;

    acpipm_sync(p);
    p->s->pm1_sts &= (uint16_t)~bits; /* write 1 to clear */
    p->s->pm1_en &= (uint16_t) ~(mask >> 16);
    p->s->pm1_en |= (uint16_t)(bits >> 16) & PM1_BITS;
    acpipm_update(p);
}

static uint64_t tmr_read(void *dev, uint32_t off, unsigned size)
{
    return ((uint64_t)acpipm_timer(dev) >> (off * 8)) & bus_ones(size);
}

static const struct reg evt_regs[] = {
    {0, ACPIPM_EVT_LEN, BUS_W1 | BUS_W2 | BUS_W4, evt_read, evt_write, "PM1a_EVT"},
};

static const struct reg tmr_regs[] = {
    {0, ACPIPM_TMR_LEN, BUS_W1 | BUS_W2 | BUS_W4, tmr_read, NULL, "PM_TMR"},
};

static void acpipm_map(struct acpipm *p)
{
    if (p->s->base) {
        bus_map(p->bus, &p->evt, p->s->base + ACPIPM_EVT);
        bus_map(p->bus, &p->tmr, p->s->base + ACPIPM_TMR);
        return;
    }
    if (p->evt.mapped) {
        bus_unmap(p->bus, &p->evt);
        bus_unmap(p->bus, &p->tmr);
    }
}

void acpipm_set_base(struct acpipm *p, uint16_t base)
{
    p->s->base = base & (uint16_t) ~(PM_BASE_ALIGN - 1);
    acpipm_map(p);
}

/* --- the device --- */

static void acpipm_reset(struct device *dev, enum reset_kind kind)
{
    struct acpipm *p = (struct acpipm *)dev;

    *p->s = (struct acpipm_state){.seen_ns = clock_now(p->clock), .base = p->reset_base};
    acpipm_map(p);
    acpipm_update(p);
}

static int acpipm_check(const void *state)
{
    const struct acpipm_state *s = state;

    if ((s->pm1_sts & ~PM1_BITS) || (s->pm1_en & ~PM1_BITS) || s->base % PM_BASE_ALIGN ||
        s->reserved || s->seen_ns > UINT64_MAX / 4) {
        return -EINVAL;
    }
    return 0;
}

static void acpipm_resume(struct device *dev)
{
    struct acpipm *p = (struct acpipm *)dev;

    acpipm_map(p);
    acpipm_update(p);
}

static const struct device_class acpipm_class = {
    .name = "acpipm",
    .state = &acpipm_state_type,
    .reset = acpipm_reset,
    .check = acpipm_check,
    .resume = acpipm_resume,
};

int acpipm_init(struct acpipm *p, const struct hw *hw, struct irq_line sci, uint16_t base)
{
    int err;

    memset(p, 0, sizeof(*p));
    err = arena_add(hw->arena, &p->dev, &acpipm_class, "acpipm");
    if (err) {
        return err;
    }
    p->s = p->dev.state;
    p->clock = hw->clock;
    p->bus = hw->pio;
    p->sci = sci;
    p->reset_base = base & (uint16_t) ~(PM_BASE_ALIGN - 1);
    p->timer = clock_timer_new(p->clock, acpipm_overflowed, p);
    p->evt = (struct region){
        .name = "PM1a_EVT", .regs = evt_regs, .nregs = 1, .opaque = p, .len = ACPIPM_EVT_LEN};
    p->tmr = (struct region){
        .name = "PM_TMR", .regs = tmr_regs, .nregs = 1, .opaque = p, .len = ACPIPM_TMR_LEN};
    return 0;
}
