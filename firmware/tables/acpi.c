/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI tables. ACPI 2.0c for FADT, RSDP, RSDT and XSDT; ACPI 6.0 section 5.2.12 for the MADT and
 * section 20 for the AML of the small SSDT; IA-PC HPET 1.0a; Microsoft's WAET 1.0.
 */
#include <string.h>

#include "build.h"
#include "dsdt.h"
#include "machine_qemu.h"
#include "machine_xen.h"

#define SCI_IRQ      9u
#define GPE0_BASE    0xafe0u
#define IOAPIC_ADDR  0xfec00000u
#define LAPIC_ADDR   0xfee00000u
#define HPET_ADDR    0xfed00000u
#define HPET_ID      0x8086a201u /* capability register, bits 31:0 */
#define HEADER_LEN   36u
#define CHECKSUM_OFF 9u
#define MAX_TABLES   6u

/* Address space ids of a generic address structure. */
#define GAS_IO 1u

#define FADT_WBINVD       (1u << 0)
#define FADT_PROC_C1      (1u << 2)
#define FADT_SLP_BUTTON   (1u << 5) /* no fixed-feature sleep button */
#define FADT_FIX_RTC      (1u << 6) /* RTC wake status is not in PM1a_STS */
#define FADT_TMR_VAL_EXT  (1u << 8) /* PM timer has 32 bits */
#define FADT_RESET_REG    (1u << 10)
#define FADT_USE_PLATFORM (1u << 15) /* PM timer and HPET are better clocks than the TSC */

static uint32_t header_begin(struct out *o, const char *signature, uint32_t revision)
{
    uint32_t start = o->len;

    out_text(o, signature);
    out_32(o, 0); /* length */
    out_8(o, revision);
    out_8(o, 0); /* checksum */
    out_text(o, "CLEAVE");
    out_text(o, "CLEAVE-1");
    out_32(o, 1);
    out_text(o, "CLV ");
    out_32(o, 1);
    return start;
}

static void header_end(struct out *o, uint32_t start)
{
    out_patch_32(o, start + 4, o->len - start);
    out_checksum(o, start + CHECKSUM_OFF, start, o->len - start);
}

static void gas_io(struct out *o, uint32_t port, uint32_t bits)
{
    out_8(o, GAS_IO);
    out_8(o, bits);
    out_8(o, 0);
    out_8(o, 0);
    out_64(o, port);
}

static uint32_t facs_build(struct out *o)
{
    uint32_t start;

    out_align(o, 64);
    start = o->len;
    out_text(o, "FACS");
    out_32(o, 64);
    out_zero(o, 24);
    out_8(o, 1); /* version */
    out_zero(o, 31);
    return start;
}

static uint32_t pm_base(const struct fwtables_config *c)
{
    return c->mode == FWTABLES_XEN ? FWTABLES_PM_BASE_XEN : FWTABLES_PM_BASE_QEMU;
}

/* The fields of ACPI 1.0, offsets 36 to 115. */
static void fadt_fields(struct out *o, const struct fwtables_config *c, uint32_t facs,
                        uint32_t dsdt)
{
    uint32_t base = pm_base(c);

    out_pointer(o, facs, 4);
    out_pointer(o, dsdt, 4);
    out_8(o, 1); /* 44: dual PIC, as in ACPI 1.0 */
    out_8(o, 0); /* preferred profile: unspecified */
    out_16(o, SCI_IRQ);
    out_32(o, 0xb2); /* SMI_CMD */
    out_8(o, 0xf1);  /* ACPI_ENABLE */
    out_8(o, 0xf0);  /* ACPI_DISABLE */
    out_16(o, 0);    /* S4BIOS_REQ, PSTATE_CNT */
    out_32(o, base); /* 56: PM1a_EVT_BLK */
    out_32(o, 0);
    out_32(o, base + 4); /* PM1a_CNT_BLK */
    out_32(o, 0);
    out_32(o, 0);        /* PM2_CNT_BLK */
    out_32(o, base + 8); /* PM_TMR_BLK */
    out_32(o, GPE0_BASE);
    out_32(o, 0);
    out_8(o, 4); /* 88: PM1_EVT_LEN, PM1_CNT_LEN, PM2_CNT_LEN, PM_TMR_LEN */
    out_8(o, 2);
    out_8(o, 0);
    out_8(o, 4);
    out_8(o, 4); /* GPE0_BLK_LEN, GPE1_BLK_LEN, GPE1_BASE, CST_CNT */
    out_zero(o, 3);
    out_16(o, 0xfff); /* P_LVL2_LAT, P_LVL3_LAT: no such states */
    out_16(o, 0xfff);
    out_zero(o, 4 + 2 + 2); /* flush size and stride, duty offset and width, day, month alarm */
    out_8(o, 0x32);         /* 108: century byte in CMOS */
    out_16(o, 0x3);         /* IA-PC boot: legacy devices, 8042 */
    out_8(o, 0);
    out_32(o, FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_FIX_RTC | FADT_TMR_VAL_EXT |
                  FADT_RESET_REG | FADT_USE_PLATFORM);
}

static uint32_t fadt_build(struct out *o, const struct fwtables_config *c, uint32_t facs,
                           uint32_t dsdt)
{
    uint32_t start = header_begin(o, "FACP", 3);
    uint32_t base = pm_base(c);

    fadt_fields(o, c, facs, dsdt);
    gas_io(o, 0xcf9, 8);
    out_8(o, 6);
    out_zero(o, 3);
    /* The 64-bit pointers say the same again; the linker script is shorter without them. */
    out_64(o, 0);
    if (o->base != 0) {
        out_pointer(o, dsdt, 8);
    } else {
        out_64(o, 0);
    }
    gas_io(o, base, 32);
    out_zero(o, 12);
    gas_io(o, base + 4, 16);
    out_zero(o, 12);
    out_zero(o, 12);
    gas_io(o, base + 8, 32);
    gas_io(o, GPE0_BASE, 32);
    out_zero(o, 12);
    header_end(o, start);
    return start;
}

/* Interrupt source override. Polarity 1 high, 3 low; trigger 3 level. */
static void madt_override(struct out *o, uint32_t irq, uint32_t gsi, uint32_t flags)
{
    out_8(o, 2);
    out_8(o, 10);
    out_8(o, 0);
    out_8(o, irq);
    out_32(o, gsi);
    out_16(o, flags);
}

static uint32_t madt_build(struct out *o, const struct fwtables_config *c)
{
    uint32_t start = header_begin(o, "APIC", 2);

    out_32(o, LAPIC_ADDR);
    out_32(o, 1); /* PC/AT 8259s */
    for (uint32_t i = 0; i < c->vcpus; i++) {
        out_8(o, 0);
        out_8(o, 8);
        out_8(o, i);
        out_8(o, config_apic_id(c, i));
        out_32(o, 1); /* enabled */
    }
    out_8(o, 1);
    out_8(o, 12);
    out_8(o, config_ioapic_id(c));
    out_8(o, 0);
    out_32(o, IOAPIC_ADDR);
    out_32(o, 0);
    madt_override(o, 0, 2, 0);
    madt_override(o, SCI_IRQ, SCI_IRQ, 0xd);
    if (c->mode == FWTABLES_QEMU) {
        madt_override(o, 5, 5, 0xf);
        madt_override(o, 10, 10, 0xf);
        madt_override(o, 11, 11, 0xf);
    }
    out_8(o, 4); /* NMI at LINT1 of every processor */
    out_8(o, 6);
    out_8(o, 0xff);
    out_16(o, 0);
    out_8(o, 1);
    header_end(o, start);
    return start;
}

static uint32_t hpet_build(struct out *o)
{
    uint32_t start = header_begin(o, "HPET", 1);

    out_32(o, HPET_ID);
    out_8(o, 0); /* system memory, 64 bits wide */
    out_8(o, 0);
    out_8(o, 0);
    out_8(o, 0);
    out_64(o, HPET_ADDR);
    out_8(o, 0);
    out_16(o, 0);
    out_8(o, 0);
    header_end(o, start);
    return start;
}

static uint32_t waet_build(struct out *o)
{
    uint32_t start = header_begin(o, "WAET", 1);

    out_32(o, 3); /* RTC needs no REG_C read, one read of the PM timer is enough */
    header_end(o, start);
    return start;
}

static void aml_name_dword(struct out *o, const char *name, uint32_t value)
{
    out_8(o, 0x08);
    out_text(o, name);
    out_8(o, 0x0c);
    out_32(o, value);
}

static void aml_processor(struct out *o, uint32_t id)
{
    const uint8_t name[4] = {'C', 'P', (uint8_t)('0' + id / 10), (uint8_t)('0' + id % 10)};

    out_8(o, 0x5b);
    out_8(o, 0x83);
    out_8(o, 11); /* package length, itself included */
    out_bytes(o, name, 4);
    out_8(o, id);
    out_32(o, 0);
    out_8(o, 0);
}

/* What differs from guest to guest: register base, PCI memory window, processors. */
static uint32_t ssdt_build(struct out *o, const struct fwtables_config *c)
{
    uint32_t start = header_begin(o, "SSDT", 2);
    uint32_t scope;
    uint32_t low = 0xf0000000u;
    uint32_t high = 0xfbffffffu;

    if (c->mode == FWTABLES_QEMU) {
        /* SeaBIOS's choice by memory size, pciinit.c. */
        low = c->low_mem_end <= 0x80000000u   ? 0x80000000u
              : c->low_mem_end <= 0xc0000000u ? 0xc0000000u
                                              : 0xe0000000u;
        high = 0xfebfffffu;
    }
    aml_name_dword(o, "PMBA", pm_base(c));
    aml_name_dword(o, "MWLO", low);
    aml_name_dword(o, "MWHI", high);
    out_8(o, 0x10);
    scope = c->vcpus * 13 + 2 + 5;
    out_8(o, 0x40 | (scope & 0xf)); /* two-byte package length */
    out_8(o, scope >> 4);
    out_text(o, "\\_SB_");
    for (uint32_t i = 0; i < c->vcpus; i++) {
        aml_processor(o, i);
    }
    header_end(o, start);
    return start;
}

static uint32_t aml_copy(struct out *o, const uint8_t *aml, uint32_t len)
{
    uint32_t start = o->len;

    out_bytes(o, aml, len);
    return start;
}

/* RSDT (entries of 4 bytes) or XSDT (8). */
static uint32_t sdt_build(struct out *o, const char *signature, uint32_t entry,
                          const uint32_t *table, uint32_t n)
{
    uint32_t start;

    out_align(o, 8);
    start = header_begin(o, signature, 1);
    for (uint32_t i = 0; i < n; i++) {
        out_pointer(o, table[i], entry);
    }
    header_end(o, start);
    return start;
}

uint32_t acpi_build(struct out *o, const struct fwtables_config *c, uint32_t *xsdt)
{
    uint32_t table[MAX_TABLES];
    uint32_t facs = facs_build(o);
    uint32_t dsdt = aml_copy(o, dsdt_aml, sizeof(dsdt_aml));
    uint32_t rsdt;

    out_align(o, 8);
    table[0] = fadt_build(o, c, facs, dsdt); /* first: firmware looks for it */
    out_align(o, 8);
    table[1] = madt_build(o, c);
    out_align(o, 8);
    table[2] = hpet_build(o);
    out_align(o, 8);
    table[3] = waet_build(o);
    out_align(o, 8);
    table[4] = ssdt_build(o, c);
    out_align(o, 8);
    if (c->mode == FWTABLES_XEN) {
        table[5] = aml_copy(o, machine_xen_aml, sizeof(machine_xen_aml));
    } else {
        table[5] = aml_copy(o, machine_qemu_aml, sizeof(machine_qemu_aml));
    }
    rsdt = sdt_build(o, "RSDT", 4, table, MAX_TABLES);
    *xsdt = c->mode == FWTABLES_XEN ? sdt_build(o, "XSDT", 8, table, MAX_TABLES) : 0;
    return rsdt;
}

void acpi_rsdp_build(struct out *o, uint32_t rsdt, uint32_t xsdt)
{
    uint32_t start;

    out_align(o, 16);
    start = o->len;
    out_text(o, "RSD PTR ");
    out_8(o, 0);
    out_text(o, "CLEAVE");
    out_8(o, xsdt != 0 ? 2 : 0);
    out_32(o, rsdt);
    if (xsdt != 0) {
        out_32(o, 36);
        out_64(o, xsdt);
        out_32(o, 0); /* extended checksum, reserved */
    }
    if (xsdt != 0) {
        out_checksum(o, start + 8, start, 20);
        out_checksum(o, start + 32, start, 36);
    }
}
