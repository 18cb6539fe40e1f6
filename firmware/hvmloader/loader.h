/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hvmloader: what its files share. All code runs with physical addresses mapped one to one. Port
 * accesses belong in ring 0, loops over memory in ring 3: see entry.S.
 */
#ifndef CLEAVE_HVMLOADER_LOADER_H
#define CLEAVE_HVMLOADER_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIOS_END      0x100000u
#define BIOS_MAX      0x40000u
#define MMIO_START    0xf0000000u /* first address for memory BARs */
#define MMIO_END      0xfc000000u
#define RESERVED_FROM 0xfc000000u /* up to 4 GiB: chips, special pages */
#define IO_START      0xc000u
#define IO_END        0x10000u
#define FOUR_GIB      0x100000000ull

static inline void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint16_t in16(uint16_t port)
{
    uint16_t value;

    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint32_t in32(uint16_t port)
{
    uint32_t value;

    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void cpuid(uint32_t leaf, uint32_t reg[4])
{
    __asm__ volatile("cpuid"
                     : "=a"(reg[0]), "=b"(reg[1]), "=c"(reg[2]), "=d"(reg[3])
                     : "a"(leaf), "c"(0));
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

static inline void mmio_write(uint32_t address, uint32_t value)
{
    *(volatile uint32_t *)(uintptr_t)address = value;
}

/* A physical address as a pointer. The compiler must not reason about objects near address 0. */
static inline void *at(uint64_t address)
{
    void *p = (void *)(uintptr_t)address;

    __asm__("" : "+r"(p));
    return p;
}

/* entry.S */
void run_native(void (*function)(void));
int64_t hypercall2(void *stub, uint64_t a, uint64_t b);
_Noreturn void start_bios(void);
extern const char ap_code[], ap_code_end[];
_Noreturn void loader_main(uint64_t start_info);

/* lib.c. The debug text goes to port E9, only with "debug" on the start info's command line. */
extern bool debug_on;
void debug_text(const char *text);
void debug_value(const char *name, uint64_t value);
/* Says why, tells the hypervisor that the guest crashed, never returns. */
_Noreturn void fail(const char *why);

/* hypercall.c */
void hypercalls_init(void);
void hypercall_uuid(uint8_t uuid[16]);
void hypercall_set_param(uint32_t index, uint64_t value);
void hypercall_crash(void);

/* pci.c: bus 0, all functions: BARs, interrupts, chip set registers, command bits. */
void pci_setup(void);

/* cpu.c: local APIC, IOAPIC id, MTRRs of all processors. */
void cpu_setup(uint32_t processors);

#endif
