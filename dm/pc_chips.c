/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc_chips.h"

#include "nvram/cmos.h"

#define IRQ_PIT 0u
#define IRQ_RTC 8u
#define IRQ_SCI 9u

#define PIC_LINES   16u
#define IOAPIC_IRQ0 2u /* where ISA IRQ 0 is wired to */
#define LINK_GSI    16u

/* --- lines --- */

static void line_tell(struct pc_chips *c, unsigned gsi, int level)
{
    c->told = level ? c->told | 1u << gsi : c->told & ~(1u << gsi);
    if (gsi < PIC_LINES) {
        i8259_set(&c->pic, gsi, level);
    }
    if (gsi != IOAPIC_IRQ0) {
        ioapic_set(&c->ioapic, gsi ? gsi : IOAPIC_IRQ0, level);
    }
    if (c->cfg.gsi) {
        c->cfg.gsi(c->cfg.opaque, gsi, level);
    }
}

static void line_update(struct pc_chips *c, unsigned gsi)
{
    bool level = c->held[gsi] != 0;

    if (!c->hold && level != (c->told >> gsi & 1)) {
        line_tell(c, gsi, level);
    }
}

void pc_chips_line(struct pc_chips *c, enum pc_source source, unsigned gsi, int level)
{
    uint16_t bit = (uint16_t)(1u << source);

    if (gsi < PC_GSIS) {
        c->held[gsi] = level ? c->held[gsi] | bit : c->held[gsi] & (uint16_t)~bit;
        line_update(c, gsi);
    }
}

/* A PCI link goes to the ISA line that PIIX3 routes it to; with Xen's wiring to its own GSI, too.
 */
static void link_update(struct pc_chips *c, unsigned link)
{
    int level = c->asserted[link] != 0;

    if (c->route[link]) {
        pc_chips_line(c, SOURCE_LINK0 + link, c->route[link], level);
    }
    if (!c->cfg.firmware_qemu) {
        pc_chips_line(c, SOURCE_LINK0 + link, LINK_GSI + link, level);
    }
}

void pc_chips_intx(struct pc_chips *c, unsigned dev, unsigned pin, int level)
{
    unsigned link = (dev + pin + (c->cfg.firmware_qemu ? 3 : 0)) % PC_LINKS;
    uint32_t bit = 1u << (dev & 31);

    c->asserted[link] = level ? c->asserted[link] | bit : c->asserted[link] & ~bit;
    link_update(c, link);
}

void pc_chips_route(struct pc_chips *c, unsigned link, unsigned irq)
{
    if (c->route[link] && c->route[link] != irq) {
        pc_chips_line(c, SOURCE_LINK0 + link, c->route[link], 0);
    }
    c->route[link] = (uint8_t)(irq & (PIC_LINES - 1));
    link_update(c, link);
}

void pc_chips_hold(struct pc_chips *c)
{
    c->hold = true;
}

void pc_chips_settle(struct pc_chips *c)
{
    c->hold = false;
    for (unsigned n = 0; n < PC_GSIS; n++) {
        bool level = c->held[n] != 0;

        if (n < PIC_LINES) {
            i8259_set(&c->pic, n, level);
        }
        if (n != IOAPIC_IRQ0) {
            ioapic_set(&c->ioapic, n ? n : IOAPIC_IRQ0, level);
        }
        line_update(c, n);
    }
}

/* --- the chips' outputs --- */

static void rtc_line(void *opaque, unsigned n, int level)
{
    struct pc_chips *c = opaque;

    pc_chips_line(c, SOURCE_RTC, IRQ_RTC, level && !c->hpet_legacy);
}

static void pit_line(void *opaque, unsigned n, int level)
{
    struct pc_chips *c = opaque;

    pc_chips_line(c, SOURCE_PIT, IRQ_PIT, level && !c->hpet_legacy);
}

static void pm_line(void *opaque, unsigned n, int level)
{
    pc_chips_line(opaque, SOURCE_PM, IRQ_SCI, level);
}

static void hpet_line(void *opaque, unsigned n, int level)
{
    pc_chips_line(opaque, SOURCE_HPET, n, level);
}

/* Legacy replacement cuts the clock chips off their lines; their levels come back afterwards. */
static void hpet_legacy_line(void *opaque, unsigned n, int level)
{
    struct pc_chips *c = opaque;

    if (c->hpet_legacy == (level != 0)) {
        return;
    }
    c->hpet_legacy = level != 0;
    c->rtc.dev.cls->resume(&c->rtc.dev);
    c->pit.dev.cls->resume(&c->pit.dev);
}

static void intr_line(void *opaque, unsigned n, int level)
{
    struct pc_chips *c = opaque;

    if (c->cfg.gsi) {
        c->cfg.gsi(c->cfg.opaque, n, level);
    }
}

static int hpet_wire(struct pc_chips *c, const struct hw *hw)
{
    struct hpet_lines lines = {.irq0 = {hpet_line, c, IRQ_PIT},
                               .irq8 = {hpet_line, c, IRQ_RTC},
                               .legacy = {hpet_legacy_line, c, 0}};

    for (unsigned i = 0; i < HPET_GSIS; i++) {
        lines.gsi[i] = (struct irq_line){hpet_line, c, HPET_GSI_FIRST + i};
    }
    return hpet_init(&c->hpet, hw, &lines);
}

/* The controllers come last: a reset finds their inputs low. */
int pc_chips_init(struct pc_chips *c, const struct hw *hw, struct cmos *cmos,
                  const struct pc_chips_config *cfg)
{
    c->cfg = *cfg;
    int rc = rtc_init(&c->rtc, hw, (struct irq_line){rtc_line, c, 0}, cfg->epoch);

    c->rtc.cmos_read = cmos_byte_read;
    c->rtc.cmos_write = cmos_byte_write;
    c->rtc.cmos = cmos;
    rc = rc ? rc : bus_map(hw->pio, &c->rtc.region, RTC_IO_BASE);
    rc = rc ? rc : acpipm_init(&c->pm, hw, (struct irq_line){pm_line, c, 0}, 0);
    rc = rc ? rc : i8254_init(&c->pit, hw, (struct irq_line){pit_line, c, 0});
    rc = rc ? rc : hpet_wire(c, hw);
    rc = rc ? rc : i8259_init(&c->pic, hw, (struct irq_line){intr_line, c, PC_INTR});
    return rc ? rc : ioapic_init(&c->ioapic, hw, (struct ioapic_bus){0});
}
