/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What CPUID answers: a fixed list for machine cleave-1, cut down to what the host can do. */
#ifndef CLEAVE_HYPERVISOR_CPUID_H
#define CLEAVE_HYPERVISOR_CPUID_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

/* The version that the Xen leaves and xen_version name. */
#define CPUID_XEN_MAJOR 4u
#define CPUID_XEN_MINOR 17u

#define CPUID_XEN_BASE 0x40000000u
#define CPUID_KVM_BASE 0x40000100u /* above Xen's: Linux takes the highest that it knows */

struct cpuid_setup {
    uint32_t apic_id;
    unsigned vcpus;
    unsigned apic_step; /* APIC id = vCPU id * step: 1 or 2 */
    bool xen;           /* Xen leaves below KVM's */
    bool tsc_deadline;  /* the host's LAPIC has it */
};

/*
 * Writes one vCPU's leaves to `out` (room for `max`) from KVM's supported ones. Returns how many, 0
 * when there is too little room. Pure: neither descriptors nor globals.
 */
unsigned cpuid_build(const struct cpuid_setup *setup, const struct kvm_cpuid2 *host,
                     struct kvm_cpuid_entry2 *out, unsigned max);

#endif
