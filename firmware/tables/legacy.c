/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables for systems without ACPI: Intel's MultiProcessor Specification 1.4 and Microsoft's PCI IRQ
 * Routing Table 1.0. Firmware mode xen only; SeaBIOS builds its own in mode qemu.
 */
#include "build.h"

#define SLOTS      8u /* PCI devices 1..7 are described */
#define LINKS_MASK ((1u << 5) | (1u << 10) | (1u << 11))

#define MP_BUS_PCI    0u
#define MP_BUS_ISA    1u
#define MP_EXTINT     3u
#define MP_NMI        1u
#define MP_LEVEL_HIGH 0xdu
#define MP_LEVEL_LOW  0xfu
#define MP_ALL_LAPICS 0xffu

struct mp {
    struct out *out;
    uint32_t entries;
};

static void mp_processor(struct mp *m, uint32_t apic_id, bool boot)
{
    out_8(m->out, 0);
    out_8(m->out, apic_id);
    out_8(m->out, 0x14);
    out_8(m->out, boot ? 3 : 1);
    out_32(m->out, 0x600); /* family 6: the guest asks CPUID */
    out_32(m->out, 0x201); /* FPU, APIC */
    out_64(m->out, 0);
    m->entries++;
}

static void mp_bus(struct mp *m, uint32_t id, const char *type)
{
    out_8(m->out, 1);
    out_8(m->out, id);
    out_text(m->out, type);
    m->entries++;
}

/* Entry types 3 (to an IOAPIC pin) and 4 (to a LAPIC input) look alike. */
static void mp_interrupt(struct mp *m, uint32_t entry, uint32_t type, uint32_t flags, uint32_t bus,
                         uint32_t source, uint32_t apic, uint32_t pin)
{
    out_8(m->out, entry);
    out_8(m->out, type);
    out_16(m->out, flags);
    out_8(m->out, bus);
    out_8(m->out, source);
    out_8(m->out, apic);
    out_8(m->out, pin);
    m->entries++;
}

static void mp_interrupts(struct mp *m, uint32_t ioapic)
{
    for (uint32_t irq = 0; irq < 16; irq++) {
        if (irq == 2 || (LINKS_MASK & 1u << irq)) {
            continue;
        }
        mp_interrupt(m, 3, 0, irq == 9 ? MP_LEVEL_HIGH : 0, MP_BUS_ISA, irq, ioapic,
                     irq == 0 ? 2 : irq);
    }
    for (uint32_t i = 4; i < 4 * SLOTS; i++) {
        mp_interrupt(m, 3, 0, MP_LEVEL_LOW, MP_BUS_PCI, i, ioapic, 16 + ((i / 4 + i % 4) & 3));
    }
    mp_interrupt(m, 4, MP_EXTINT, 0, MP_BUS_ISA, 0, MP_ALL_LAPICS, 0);
    mp_interrupt(m, 4, MP_NMI, 0, MP_BUS_ISA, 0, MP_ALL_LAPICS, 1);
}

void mp_build(struct out *o, const struct fwtables_config *c)
{
    struct mp m = {.out = o};
    uint32_t start = o->len;
    uint32_t table = start + 16;

    out_text(o, "_MP_");
    out_pointer(o, table, 4);
    out_8(o, 1); /* length in 16-byte units */
    out_8(o, 4); /* revision 1.4 */
    out_8(o, 0); /* checksum */
    out_zero(o, 5);
    out_checksum(o, start + 10, start, 16);

    out_text(o, "PCMP");
    out_16(o, 0); /* length */
    out_8(o, 4);
    out_8(o, 0); /* checksum */
    out_text(o, "CLEAVE  ");
    out_text(o, "CLEAVE-1    ");
    out_32(o, 0);
    out_16(o, 0);
    out_16(o, 0); /* entry count */
    out_32(o, 0xfee00000u);
    out_32(o, 0);
    for (uint32_t i = 0; i < c->vcpus; i++) {
        mp_processor(&m, config_apic_id(c, i), i == 0);
    }
    mp_bus(&m, MP_BUS_PCI, "PCI   ");
    mp_bus(&m, MP_BUS_ISA, "ISA   ");
    out_8(o, 2); /* IOAPIC: id, version, enabled */
    out_8(o, config_ioapic_id(c));
    out_8(o, 0x11);
    out_8(o, 1);
    out_32(o, 0xfec00000u);
    m.entries++;
    mp_interrupts(&m, config_ioapic_id(c));
    if (!o->overflow) {
        o->buf[table + 4] = (uint8_t)(o->len - table);
        o->buf[table + 5] = (uint8_t)((o->len - table) >> 8);
        o->buf[table + 34] = (uint8_t)m.entries;
        o->buf[table + 35] = (uint8_t)(m.entries >> 8);
    }
    out_checksum(o, table + 7, table, o->len - table);
}

void pir_build(struct out *o)
{
    uint32_t start = o->len;
    uint32_t len = 32 + 16 * (SLOTS - 1);

    out_text(o, "$PIR");
    out_16(o, 0x100);
    out_16(o, len);
    out_8(o, 0); /* the router is 00:01.0 */
    out_8(o, 1 << 3);
    out_16(o, 0);          /* no IRQ belongs to PCI alone */
    out_32(o, 0x122e8086); /* compatible with PIIX: registers 60h to 63h */
    out_32(o, 0);
    out_zero(o, 12); /* reserved, then checksum as its last byte */
    for (uint32_t dev = 1; dev < SLOTS; dev++) {
        out_8(o, 0);
        out_8(o, dev << 3);
        for (uint32_t pin = 0; pin < 4; pin++) {
            out_8(o, 0x60 + ((dev + pin) & 3));
            out_16(o, LINKS_MASK);
        }
        out_8(o, dev); /* slot; 0 would mean on the board */
        out_8(o, 0);
    }
    out_checksum(o, start + 31, start, len);
}
