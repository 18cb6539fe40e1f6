/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz targets: real-time clock with CMOS RAM, HPET, ACPI PM timer. */
#include "fuzz.h"

#include "acpipm.h"
#include "hpet.h"
#include "mc146818.h"
#include "nvram/cmos.h"

#define EPOCH      1700000000
#define EPOCH_1998 883612800

/* --- rtc --- */

static struct rtc rtc;
static struct cmos cmos;

/* What a machine decides. Value bit 0: no CMOS RAM; bit 1: switched on before the year 2000. */
static void rtc_wiring(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    rtc.cmos_read = val & 1 ? NULL : cmos_byte_read;
    rtc.cmos_write = val & 1 ? NULL : cmos_byte_write;
    rtc.epoch = val & 2 ? EPOCH_1998 : EPOCH;
}

static void rtc_rewind(struct fuzz_world *w)
{
    rtc_wiring(w, 0, 0);
}

static bool rtc_setup(struct fuzz_world *w)
{
    struct cmos_config cfg = {
        .ram_below_4g = 1u << 20, .vcpus = 1, .boot_order = "xa", .century = 20};

    if (cmos_init(&cmos, &w->hw, &cfg) || rtc_init(&rtc, &w->hw, fuzz_line(w, 8), EPOCH)) {
        return false;
    }
    rtc.cmos = &cmos;
    rtc_wiring(w, 0, 0);
    fuzz_action_add(w, "wiring", rtc_wiring);
    fuzz_ports_add(w, "rtc", RTC_IO_BASE, 2);
    return bus_map(w->hw.pio, &rtc.region, RTC_IO_BASE) == 0;
}

/* A register is selected, then read or written. */
static size_t rtc_generate(uint64_t (*rnd)(void), struct fuzz_op *op, size_t max)
{
    static const uint8_t value[] = {0x00, 0x26, 0x70, 0x20, 0x2f, 0x02, 0x82, 0x06, 0x86, 0xf2,
                                    0xc0, 0xff, 0x59, 0x23, 0x12, 0x31, 0x80, 0x07, 0x76, 0x42};
    uint64_t r = rnd();
    uint8_t val = r & 0x100 ? value[(r >> 16) % sizeof(value)] : (uint8_t)(r >> 24);

    op[0] = (struct fuzz_op){FUZZ_WRITE, 1, 0, 0, (r >> 32) % ((r & 0x200) ? 14 : 128)};
    op[1] = (struct fuzz_op){(r & 0xc00) ? FUZZ_WRITE : FUZZ_READ, 1, 0, 1, val};
    op[2] = (struct fuzz_op){FUZZ_STEP, 1, 0, 0, (r >> 40) & 0x1affff};
    return r & 0x7000 ? 2 : 3;
}

FUZZ_TARGET(rtc) = {
    .name = "rtc",
    .about = "MC146818A real-time clock and CMOS RAM",
    .setup = rtc_setup,
    .reset = rtc_rewind,
    .generate = rtc_generate,
};

/* --- cmos, with ports of its own --- */

static bool cmos_setup(struct fuzz_world *w)
{
    struct cmos_config cfg = {.ram_below_4g = 3u << 30,
                              .ram_above_4g = 1ull << 32,
                              .vcpus = 8,
                              .floppy_type = {4, 2},
                              .disk = {{1024, 16, 63, 1}, {20, 16, 63, 0}, {0}, {1000, 15, 17, 2}},
                              .boot_order = "dnc",
                              .century = 20,
                              .map_ports = true};

    fuzz_ports_add(w, "cmos", RTC_IO_BASE, 2);
    return cmos_init(&cmos, &w->hw, &cfg) == 0;
}

FUZZ_TARGET(cmos) = {
    .name = "cmos",
    .about = "CMOS RAM with ports of its own",
    .setup = cmos_setup,
    .generate = rtc_generate,
};

/* --- hpet --- */

static struct hpet hpet;

static bool hpet_setup(struct fuzz_world *w)
{
    struct hpet_lines lines = {
        .irq0 = fuzz_line(w, 0), .irq8 = fuzz_line(w, 8), .legacy = fuzz_line(w, 32)};

    for (unsigned i = 0; i < HPET_GSIS; i++) {
        lines.gsi[i] = fuzz_line(w, HPET_GSI_FIRST + i);
    }
    fuzz_window_add(w, &(struct fuzz_window){"hpet", FUZZ_MEM, HPET_BASE, HPET_LEN, NULL, NULL});
    fuzz_window_add(
        w, &(struct fuzz_window){"hpet-timers", FUZZ_MEM, HPET_BASE + 0x100, 0x60, NULL, NULL});
    return hpet_init(&hpet, &w->hw, &lines) == 0;
}

static const struct fuzz_word hpet_words[] = {
    {0, 8, 0x10, 1},      {0, 8, 0x10, 3},      {0, 8, 0x10, 0},       {0, 8, 0x20, 7},
    {0, 8, 0xf0, 0},      {0, 4, 0xf4, 1},      {1, 8, 0x00, 0x004c},  {1, 8, 0x00, 0x2a04},
    {1, 8, 0x20, 0x2a0e}, {1, 8, 0x40, 0x2e04}, {1, 4, 0x08, 1000000}, {1, 8, 0x08, 0x100},
    {1, 4, 0x00, 0x014c}, {1, 8, 0x28, 2},      {1, 4, 0x2c, 1},       {1, 8, 0x48, 0xffffffff},
};

FUZZ_TARGET(hpet) = {
    .name = "hpet",
    .about = "high precision event timers",
    .setup = hpet_setup,
    .words = hpet_words,
    .nwords = sizeof(hpet_words) / sizeof(hpet_words[0]),
};

/* --- pmtimer --- */

static struct acpipm acpipm;

static void power_button(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    acpipm_power_button(&acpipm);
}

static void sleep_button(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    acpipm_sleep_button(&acpipm);
}

static void base_moves(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    acpipm_set_base(&acpipm, val & 1 ? ACPIPM_BASE_PIIX : val & 2 ? 0 : (uint16_t)addr);
}

static bool pmtimer_setup(struct fuzz_world *w)
{
    fuzz_window_add(w, &(struct fuzz_window){"pm1a-evt", FUZZ_PIO, ACPIPM_BASE_PIIX, ACPIPM_EVT_LEN,
                                             &acpipm.evt, NULL});
    fuzz_window_add(w, &(struct fuzz_window){"pm-tmr", FUZZ_PIO, ACPIPM_BASE_PIIX + ACPIPM_TMR,
                                             ACPIPM_TMR_LEN, &acpipm.tmr, NULL});
    fuzz_action_add(w, "power button", power_button);
    fuzz_action_add(w, "sleep button", sleep_button);
    fuzz_action_add(w, "base", base_moves);
    return acpipm_init(&acpipm, &w->hw, fuzz_line(w, ACPIPM_SCI_IRQ), ACPIPM_BASE_PIIX) == 0;
}

FUZZ_TARGET(pmtimer) = {
    .name = "pmtimer",
    .about = "ACPI PM1a event block and PM timer",
    .setup = pmtimer_setup,
};
