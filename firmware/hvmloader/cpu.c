/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The boot processor's interrupt inputs, all processors' MTRRs, and the IOAPIC's id. Intel SDM
 * volume 3, chapters "APIC", "Multiple-processor initialization" and "Memory cache control"; Intel
 * 82093AA. Operating systems expect the same MTRRs in every processor.
 */
#include <string.h>

#include "ap.h"
#include "loader.h"

#define LAPIC_SVR  0xfee000f0u
#define LAPIC_ICR  0xfee00300u
#define LAPIC_LVT0 0xfee00350u
#define LAPIC_LVT1 0xfee00360u
#define SVR_ON     0x1ffu
#define LVT_EXTINT 0x700u
#define LVT_NMI    0x400u
#define ICR_INIT   0x000c4500u /* to all but this one */
#define ICR_SIPI   0x000c4600u /* the page's number is added */

#define IOAPIC_SELECT 0xfec00000u
#define IOAPIC_WINDOW 0xfec00010u

#define CPUID_1_EDX_MTRR (1u << 12)

#define MSR_MTRR_BASE0     0x200u
#define MSR_MTRR_MASK0     0x201u
#define MSR_MTRR_FIX64K    0x250u
#define MSR_MTRR_FIX16K_80 0x258u
#define MSR_MTRR_FIX16K_A0 0x259u
#define MSR_MTRR_FIX4K     0x268u
#define MSR_MTRR_DEF_TYPE  0x2ffu
#define ALL_WB             0x0606060606060606ull
#define DEF_WB_ENABLED     0xc06u /* MTRRs and fixed ranges on, write-back elsewhere */
#define MASK_VALID         0x800u

struct ap_msr {
    uint32_t index;
    uint32_t low;
    uint32_t high;
};

/* Here at once, in the other processors when they start. */
static void wrmsr_all(uint32_t index, uint64_t value)
{
    uint32_t *count = at(AP_PAGE + AP_COUNT);
    struct ap_msr *list = at(AP_PAGE + AP_MSRS);

    wrmsr(index, value);
    list[*count] = (struct ap_msr){index, (uint32_t)value, (uint32_t)(value >> 32)};
    ++*count;
}

static void mtrr_setup(void)
{
    uint32_t reg[4];
    uint32_t bits = 36;

    cpuid(0x80000000u, reg);
    if (reg[0] >= 0x80000008u) {
        cpuid(0x80000008u, reg);
        bits = reg[0] & 0xff;
    }
    wrmsr_all(MSR_MTRR_FIX64K, ALL_WB);
    wrmsr_all(MSR_MTRR_FIX16K_80, ALL_WB);
    wrmsr_all(MSR_MTRR_FIX16K_A0, 0);
    for (uint32_t i = 0; i < 8; i++) {
        wrmsr_all(MSR_MTRR_FIX4K + i, ALL_WB);
    }
    /* Uncached from MMIO_START to 4 GiB. */
    wrmsr_all(MSR_MTRR_BASE0, MMIO_START);
    wrmsr_all(MSR_MTRR_MASK0, ((1ull << bits) - (FOUR_GIB - MMIO_START)) | MASK_VALID);
    wrmsr_all(MSR_MTRR_DEF_TYPE, DEF_WB_ENABLED);
}

/* Without an end to the wait: one that came later would find the BIOS's data in its page. */
static void others_start(uint32_t others)
{
    volatile uint32_t *called_in = at(AP_PAGE + AP_CALLED_IN);

    memcpy(at(AP_PAGE), ap_code, (uint32_t)(ap_code_end - ap_code));
    mmio_write(LAPIC_ICR, ICR_INIT);
    mmio_write(LAPIC_ICR, ICR_SIPI | AP_PAGE >> 12);
    while (*called_in < others) {
        __asm__ volatile("pause");
    }
}

void cpu_setup(uint32_t processors)
{
    uint32_t reg[4];

    /* KVM takes the 8259's interrupts only through an unmasked ExtINT at LINT0. A disabled APIC
     * forces the masks, so it is enabled first. */
    mmio_write(LAPIC_SVR, SVR_ON);
    mmio_write(LAPIC_LVT0, LVT_EXTINT);
    mmio_write(LAPIC_LVT1, LVT_NMI);
    mmio_write(IOAPIC_SELECT, 0);
    mmio_write(IOAPIC_WINDOW, 1u << 24);
    cpuid(1, reg);
    if (!(reg[3] & CPUID_1_EDX_MTRR)) {
        return;
    }
    memset(at(AP_PAGE), 0, AP_MSRS);
    mtrr_setup();
    if (processors > 1) {
        others_start(processors - 1);
    }
}
