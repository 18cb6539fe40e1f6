/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The chips that answer inside the core (RTC registers 0-13, PM1a event block and PM timer, HPET):
 * one lock, bus, clock and arena per chip, and the one timer thread. Included by hv.h.
 */
#ifndef CLEAVE_HYPERVISOR_CHIPSET_H
#define CLEAVE_HYPERVISOR_CHIPSET_H

enum chip_id { CHIP_RTC, CHIP_PM, CHIP_HPET, CHIPS };

struct chip {
    pthread_mutex_t lock;
    struct hv *hv;
    struct bus pio;
    struct bus mmio;
    struct arena arena;
    struct clock clock;
    struct hw hw;
    atomic_uint_fast64_t deadline; /* host ns of the earliest deadline, CLOCK_NEVER */
    _Alignas(64) uint8_t state[4096];
};

struct chips_devices; /* the chips' own structs, chipset.c */

struct hv_chips {
    struct chip chip[CHIPS];
    struct chips_devices *dev;
    atomic_uint_fast16_t pm_base; /* 0: not decoded */
    /* Guest time = host monotonic time - offset while running, else frozen_at. */
    atomic_bool running;
    atomic_int_fast64_t offset;
    uint64_t frozen_at;
    atomic_uint_fast64_t alarm; /* host ns, CLOCK_NEVER: chips_set_alarm */
    int timer_fd;
    pthread_mutex_t timer_lock;
    pthread_t thread;
};

void chips_create(struct hv *hv);
void chips_reset(struct hv *hv);
void chips_freeze(struct hv *hv);
void chips_thaw(struct hv *hv);

/* An access to a core chip. False: not the core's. */
bool chips_pio_read(struct hv *hv, uint16_t port, unsigned size, uint32_t *val);
bool chips_pio_write(struct hv *hv, uint16_t port, unsigned size, uint32_t val);
bool chips_mmio_read(struct hv *hv, uint64_t addr, unsigned size, uint64_t *val);
bool chips_mmio_write(struct hv *hv, uint64_t addr, unsigned size, uint64_t val);

int chips_set_pm_base(struct hv *hv, uint16_t base);
void chips_power_button(struct hv *hv);

/* Has the timer thread call post_alarm() once, after `ns` of host time. */
void chips_set_alarm(struct hv *hv, uint64_t ns);

/* Guest nanoseconds since power-on. */
uint64_t chips_now(struct hv *hv);

#endif
