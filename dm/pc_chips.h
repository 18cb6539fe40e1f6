/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The chips that a hypervisor core keeps under a guest: clock chips and interrupt controllers,
 * wired to the PC of the standalone world.
 */
#ifndef CLEAVE_DM_PC_CHIPS_H
#define CLEAVE_DM_PC_CHIPS_H

#include "acpipm.h"
#include "hpet.h"
#include "i8254.h"
#include "i8259.h"
#include "ioapic.h"
#include "mc146818.h"

#define PC_GSIS  24u
#define PC_INTR  24u /* not an input, but the PIC's output to the CPU */
#define PC_LINKS 4u

/* Who may hold a line: a bit each, wired OR. */
enum pc_source {
    SOURCE_DEVICE,
    SOURCE_LINK0,
    SOURCE_RTC = SOURCE_LINK0 + PC_LINKS,
    SOURCE_PM,
    SOURCE_HPET,
    SOURCE_PIT,
    SOURCE_TEST, /* qtest's set_irq_in */
};

/*
 * gsi, optional, is told each level change of interrupt line 0..23: 0-15 are the ISA lines (inputs
 * of PIC and I/O APIC), 16-23 inputs of the I/O APIC alone; and PC_INTR.
 */
struct pc_chips_config {
    int64_t epoch; /* time of day at guest time 0, seconds since 1970 */
    bool firmware_qemu;
    void (*gsi)(void *opaque, unsigned n, int level);
    void *opaque;
};

struct cmos;

/* What is not in the arena is rebuilt by pc_chips_settle() after a resume. */
struct pc_chips {
    struct pc_chips_config cfg;
    struct rtc rtc;
    struct hpet hpet;
    struct acpipm pm;
    struct i8254 pit;
    struct i8259 pic;
    struct ioapic ioapic;
    uint16_t held[PC_GSIS];      /* bits of enum pc_source */
    uint32_t told;               /* level of each line as chips and cfg.gsi know it */
    uint32_t asserted[PC_LINKS]; /* devices that assert a PCI link, a bit each */
    uint8_t route[PC_LINKS];     /* ISA IRQ of a link, 0: none */
    bool hpet_legacy;
    bool hold; /* lines change at pc_chips_settle() */
};

/* `c` is zero-filled. Ports 70h and 71h lead to both halves of the CMOS then. */
int pc_chips_init(struct pc_chips *c, const struct hw *hw, struct cmos *cmos,
                  const struct pc_chips_config *cfg);

/* Lines into the controllers. */
void pc_chips_line(struct pc_chips *c, enum pc_source source, unsigned gsi, int level);
void pc_chips_intx(struct pc_chips *c, unsigned dev, unsigned pin, int level);
void pc_chips_route(struct pc_chips *c, unsigned link, unsigned irq);

/* Around a reset or a resume of the arena: lines that all devices announce anew on the way reach
 * the controllers once, at the end. */
void pc_chips_hold(struct pc_chips *c);
void pc_chips_settle(struct pc_chips *c);

#endif
