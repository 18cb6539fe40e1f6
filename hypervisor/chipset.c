/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The core's own chips. vCPU threads call at once, so each chip has a lock, and its own bus, clock
 * and arena behind it. One thread runs the deadlines of all of them; its timer is armed only while
 * there is a deadline.
 */
#include "hv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "acpipm.h"
#include "hpet.h"
#include "log.h"
#include "mc146818.h"
#include "post.h"

struct chips_devices {
    struct rtc rtc;
    struct acpipm pm;
    struct hpet hpet;
};

static uint64_t mono_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t chips_now(struct hv *hv)
{
    struct hv_chips *c = &hv->chips;

    if (!atomic_load(&c->running)) {
        return c->frozen_at;
    }
    return mono_ns() - (uint64_t)atomic_load(&c->offset);
}

/* --- deadlines --- */

/* Sets the timer to the earliest deadline of all chips; called with timer_lock held. */
static void timer_update(struct hv *hv)
{
    struct hv_chips *c = &hv->chips;
    uint64_t next = CLOCK_NEVER;
    uint64_t host = atomic_load(&c->alarm);
    struct itimerspec t = {0};

    for (unsigned i = 0; i < CHIPS && atomic_load(&c->running); i++) {
        uint64_t d = atomic_load(&c->chip[i].deadline);

        next = d < next ? d : next;
    }
    if (next != CLOCK_NEVER) {
        next = clock_add(next, (uint64_t)atomic_load(&c->offset));
        host = next < host ? next : host;
    }
    if (host != CLOCK_NEVER) {
        t.it_value.tv_sec = (time_t)(host / NS_PER_S);
        t.it_value.tv_nsec = (long)(host % NS_PER_S);
        t.it_value.tv_nsec += !t.it_value.tv_sec && !t.it_value.tv_nsec;
    }
    timerfd_settime(c->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
}

void chips_set_alarm(struct hv *hv, uint64_t ns)
{
    atomic_store(&hv->chips.alarm, mono_ns() + ns);
    pthread_mutex_lock(&hv->chips.timer_lock);
    timer_update(hv);
    pthread_mutex_unlock(&hv->chips.timer_lock);
}

static void alarm_run(struct hv *hv)
{
    if (mono_ns() >= atomic_load(&hv->chips.alarm)) {
        atomic_store(&hv->chips.alarm, CLOCK_NEVER);
        post_alarm(hv);
    }
}

static void chip_rearm(void *opaque, uint64_t next)
{
    struct chip *chip = opaque;
    struct hv *hv = chip->hv;

    atomic_store(&chip->deadline, next);
    pthread_mutex_lock(&hv->chips.timer_lock);
    timer_update(hv);
    pthread_mutex_unlock(&hv->chips.timer_lock);
}

static uint64_t chip_now(void *opaque)
{
    return chips_now(((struct chip *)opaque)->hv);
}

static void chip_run(struct chip *chip)
{
    pthread_mutex_lock(&chip->lock);
    if (atomic_load(&chip->hv->chips.running)) {
        clock_run(&chip->clock);
    }
    pthread_mutex_unlock(&chip->lock);
}

static void *timer_main(void *opaque)
{
    struct hv *hv = opaque;
    uint64_t expired;

    while (!atomic_load(&hv->run.quit)) {
        if (read(hv->chips.timer_fd, &expired, sizeof(expired)) < 0 && errno != EINTR) {
            log_error("timer thread: %s", strerror(errno));
            break;
        }
        for (unsigned i = 0; i < CHIPS; i++) {
            chip_run(&hv->chips.chip[i]);
        }
        alarm_run(hv);
        pthread_mutex_lock(&hv->chips.timer_lock);
        timer_update(hv); /* a deadline that was not quite due keeps its announcement */
        pthread_mutex_unlock(&hv->chips.timer_lock);
    }
    return NULL;
}

void chips_freeze(struct hv *hv)
{
    struct hv_chips *c = &hv->chips;

    c->frozen_at = chips_now(hv);
    atomic_store(&c->running, false);
    pthread_mutex_lock(&c->timer_lock);
    timer_update(hv);
    pthread_mutex_unlock(&c->timer_lock);
}

void chips_thaw(struct hv *hv)
{
    struct hv_chips *c = &hv->chips;

    atomic_store(&c->offset, (int_fast64_t)(mono_ns() - c->frozen_at));
    atomic_store(&c->running, true);
    pthread_mutex_lock(&c->timer_lock);
    timer_update(hv);
    pthread_mutex_unlock(&c->timer_lock);
}

/* --- lines --- */

static void rtc_line(void *opaque, unsigned n, int level)
{
    irq_set_input(opaque, IRQ_FROM_RTC, n, level);
}

static void pm_line(void *opaque, unsigned n, int level)
{
    irq_set_input(opaque, IRQ_FROM_PM, n, level);
}

static void hpet_line(void *opaque, unsigned n, int level)
{
    irq_set_input(opaque, IRQ_FROM_HPET, n, level);
}

static void hpet_legacy_line(void *opaque, unsigned n, int level)
{
    irq_set_hpet_legacy(opaque, level != 0);
}

/* --- accesses --- */

static struct chip *chip_for_port(struct hv *hv, uint16_t port, unsigned size)
{
    uint16_t pm = (uint16_t)atomic_load(&hv->chips.pm_base);
    unsigned off = port - pm;

    if (port == RTC_IO_BASE || port == RTC_IO_BASE + 1) {
        return size == 1 ? &hv->chips.chip[CHIP_RTC] : NULL;
    }
    if (!pm || port < pm) {
        return NULL;
    }
    if (off + size <= ACPIPM_EVT_LEN ||
        (off >= ACPIPM_TMR && off + size <= ACPIPM_TMR + ACPIPM_TMR_LEN)) {
        return &hv->chips.chip[CHIP_PM];
    }
    return NULL;
}

static bool rtc_read(struct rtc *rtc, uint16_t port, uint32_t *val)
{
    uint8_t byte = 0xff;

    if (port == RTC_IO_BASE) {
        *val = 0xff; /* the index cannot be read back */
        return true;
    }
    bool mine = rtc_data_read(rtc, &byte);

    *val = byte;
    return mine;
}

bool chips_pio_read(struct hv *hv, uint16_t port, unsigned size, uint32_t *val)
{
    struct chip *chip = chip_for_port(hv, port, size);
    bool mine = true;

    if (!chip) {
        return false;
    }
    pthread_mutex_lock(&chip->lock);
    if (chip == &hv->chips.chip[CHIP_RTC]) {
        mine = rtc_read(&hv->chips.dev->rtc, port, val);
    } else {
        *val = (uint32_t)bus_read(&chip->pio, port, size);
    }
    pthread_mutex_unlock(&chip->lock);
    return mine;
}

/* The index goes on to the CMOS bytes' owner whatever it selects. */
static bool rtc_write(struct rtc *rtc, uint16_t port, uint8_t val)
{
    if (port == RTC_IO_BASE) {
        rtc_index_write(rtc, val);
        return false;
    }
    return rtc_data_write(rtc, val);
}

bool chips_pio_write(struct hv *hv, uint16_t port, unsigned size, uint32_t val)
{
    struct chip *chip = chip_for_port(hv, port, size);
    bool mine = true;

    if (!chip) {
        return false;
    }
    pthread_mutex_lock(&chip->lock);
    if (chip == &hv->chips.chip[CHIP_RTC]) {
        mine = rtc_write(&hv->chips.dev->rtc, port, (uint8_t)val);
    } else {
        bus_write(&chip->pio, port, size, val);
    }
    pthread_mutex_unlock(&chip->lock);
    return mine;
}

static bool in_hpet(uint64_t addr, unsigned size)
{
    return addr >= HPET_BASE && addr + size <= (uint64_t)HPET_BASE + HPET_LEN;
}

bool chips_mmio_read(struct hv *hv, uint64_t addr, unsigned size, uint64_t *val)
{
    struct chip *chip = &hv->chips.chip[CHIP_HPET];

    if (!in_hpet(addr, size)) {
        return false;
    }
    pthread_mutex_lock(&chip->lock);
    *val = bus_read(&chip->mmio, addr, size);
    pthread_mutex_unlock(&chip->lock);
    return true;
}

bool chips_mmio_write(struct hv *hv, uint64_t addr, unsigned size, uint64_t val)
{
    struct chip *chip = &hv->chips.chip[CHIP_HPET];

    if (!in_hpet(addr, size)) {
        return false;
    }
    pthread_mutex_lock(&chip->lock);
    bus_write(&chip->mmio, addr, size, val);
    pthread_mutex_unlock(&chip->lock);
    return true;
}

int chips_set_pm_base(struct hv *hv, uint16_t base)
{
    struct chip *chip = &hv->chips.chip[CHIP_PM];

    pthread_mutex_lock(&chip->lock);
    acpipm_set_base(&hv->chips.dev->pm, base);
    atomic_store(&hv->chips.pm_base, hv->chips.dev->pm.s->base);
    pthread_mutex_unlock(&chip->lock);
    return 0;
}

void chips_power_button(struct hv *hv)
{
    struct chip *chip = &hv->chips.chip[CHIP_PM];

    pthread_mutex_lock(&chip->lock);
    acpipm_power_button(&hv->chips.dev->pm);
    pthread_mutex_unlock(&chip->lock);
}

/* --- set-up --- */

static void chip_create(struct hv *hv, struct chip *chip, const char *clock_id)
{
    pthread_mutex_init(&chip->lock, NULL);
    chip->hv = hv;
    atomic_store(&chip->deadline, CLOCK_NEVER);
    arena_init(&chip->arena, chip->state, sizeof(chip->state));
    chip->clock.now = chip_now;
    chip->clock.rearm = chip_rearm;
    chip->clock.opaque = chip;
    /* 32-bit limits: no index of 64 KiB for a chip with two regions */
    bus_init(&chip->pio, UINT32_MAX);
    bus_init(&chip->mmio, UINT64_MAX);
    if (clock_init(&chip->clock, &chip->arena, clock_id) < 0) {
        die("out of memory");
    }
    chip->hw = (struct hw){
        .pio = &chip->pio, .mmio = &chip->mmio, .clock = &chip->clock, .arena = &chip->arena};
}

/* Seconds since 1970 at guest time 0. */
static int64_t rtc_epoch(const struct hv *hv)
{
    time_t now = time(NULL);
    struct tm local;

    if (!hv->cfg.rtc_localtime || !localtime_r(&now, &local)) {
        return now;
    }
    return (int64_t)now + local.tm_gmtoff;
}

static struct hpet_lines hpet_wiring(struct hv *hv)
{
    struct hpet_lines lines = {.irq0 = {hpet_line, hv, 0},
                               .irq8 = {hpet_line, hv, RTC_ISA_IRQ},
                               .legacy = {hpet_legacy_line, hv, 0}};

    for (unsigned i = 0; i < HPET_GSIS; i++) {
        lines.gsi[i] = (struct irq_line){hpet_line, hv, HPET_GSI_FIRST + i};
    }
    return lines;
}

void chips_create(struct hv *hv)
{
    static const char *const clocks[CHIPS] = {"rtc-clock", "pm-clock", "hpet-clock"};
    struct hv_chips *c = &hv->chips;
    struct hpet_lines lines = hpet_wiring(hv);

    c->dev = calloc(1, sizeof(*c->dev));
    c->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (!c->dev || c->timer_fd < 0) {
        die("cannot create the guest's timers: %s", strerror(errno));
    }
    pthread_mutex_init(&c->timer_lock, NULL);
    atomic_store(&c->alarm, CLOCK_NEVER);
    for (unsigned i = 0; i < CHIPS; i++) {
        chip_create(hv, &c->chip[i], clocks[i]);
    }
    rtc_init(&c->dev->rtc, &c->chip[CHIP_RTC].hw, (struct irq_line){rtc_line, hv, RTC_ISA_IRQ},
             rtc_epoch(hv));
    acpipm_init(&c->dev->pm, &c->chip[CHIP_PM].hw, (struct irq_line){pm_line, hv, ACPIPM_SCI_IRQ},
                0);
    hpet_init(&c->dev->hpet, &c->chip[CHIP_HPET].hw, &lines);
    for (unsigned i = 0; i < CHIPS; i++) {
        arena_seal(&c->chip[i].arena);
        arena_reset(&c->chip[i].arena, RESET_POWER_ON);
    }
    if (pthread_create(&c->thread, NULL, timer_main, hv) != 0) {
        die("cannot create the timer thread");
    }
}

void chips_reset(struct hv *hv)
{
    uint16_t base = (uint16_t)atomic_load(&hv->chips.pm_base);

    for (unsigned i = 0; i < CHIPS; i++) {
        struct chip *chip = &hv->chips.chip[i];

        pthread_mutex_lock(&chip->lock);
        arena_reset(&chip->arena, RESET_HARD);
        pthread_mutex_unlock(&chip->lock);
    }
    chips_set_pm_base(hv, base); /* the device model's to move; its own reset came first */
}
