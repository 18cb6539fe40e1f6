/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID of machine cleave-1. Intel SDM volume 2 (CPUID), AMD APM volume 3 appendix E,
 * xen/arch-x86/cpuid.h, Linux Documentation/virt/kvm/x86/cpuid.rst.
 *
 * Only the vendor comes from the host (the processors differ in more than CPUID can say); family,
 * model, caches, brand and the list of features are fixed, and a feature that the host lacks is
 * missing. What is not in a list here is hidden: performance counters, power management, memory
 * encryption, nested virtualisation, AVX-512 and later state, frequencies.
 */
#include "cpuid.h"

#include <asm/kvm_para.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hv.h"

#define BIT(n) (1u << (n))

/* Leaf 1 */
#define L1_ECX_TSC_DEADLINE BIT(24)
#define L1_ECX_XSAVE        BIT(26)
#define L1_ECX_AVX          BIT(28)
#define L1_ECX_HYPERVISOR   BIT(31)
#define L1_EDX_HTT          BIT(28)
#define L1_ECX                                                                                     \
    (BIT(0) /* SSE3 */ | BIT(1) /* PCLMULQDQ */ | BIT(9) /* SSSE3 */ | BIT(12) /* FMA */ |         \
     BIT(13) /* CMPXCHG16B */ | BIT(17) /* PCID */ | BIT(19) /* SSE4.1 */ | BIT(20) /* SSE4.2 */ | \
     BIT(21) /* x2APIC */ | BIT(22) /* MOVBE */ | BIT(23) /* POPCNT */ | BIT(25) /* AES */ |       \
     L1_ECX_XSAVE | L1_ECX_AVX | BIT(29) /* F16C */ | BIT(30) /* RDRAND */)
/* FPU VME DE PSE TSC MSR PAE MCE CX8 APIC SEP MTRR PGE MCA CMOV PAT PSE36 CLFSH MMX FXSR SSE SSE2
 */
#define L1_EDX 0x078bfbffu
/* Leaf 7: FSGSBASE TSC_ADJUST BMI1 AVX2 SMEP BMI2 ERMS INVPCID RDSEED ADX SMAP CLFLUSHOPT SHA */
#define L7_EBX_TSC_ADJUST BIT(1)
#define L7_EBX_AVX2       BIT(5)
#define L7_EBX                                                                                     \
    (BIT(0) | L7_EBX_TSC_ADJUST | BIT(3) | L7_EBX_AVX2 | BIT(7) | BIT(8) | BIT(9) | BIT(10) |      \
     BIT(18) | BIT(19) | BIT(20) | BIT(23) | BIT(29))
#define L7_ECX BIT(2)                                  /* UMIP */
#define L7_EDX (BIT(10) | BIT(26) | BIT(27) | BIT(31)) /* MD_CLEAR, IBRS, STIBP, SSBD */
/* XSAVE */
#define XCR0_LEGACY       0x3u
#define XCR0_AVX          0x4u
#define XSAVE_LEGACY_SIZE 576u
#define XSAVE_AVX_SIZE    256u
#define LD1_EAX           (BIT(0) | BIT(1) | BIT(2)) /* XSAVEOPT, XSAVEC, XGETBV with ECX=1 */
/* Extended: LAHF, CMP_LEGACY, LZCNT, 3DNOWPREFETCH; SYSCALL NX PDPE1GB RDTSCP LM */
#define E1_ECX_CMP_LEGACY BIT(1)
#define E1_ECX            (BIT(0) | BIT(5) | BIT(8))
#define E1_EDX            (BIT(11) | BIT(20) | BIT(26) | BIT(27) | BIT(29))
#define E1_EDX_AMD_COPY   0x0183f3ffu /* bits that AMD repeats from leaf 1 */
#define E7_EDX            BIT(8)      /* invariant TSC */
#define E8_EBX            (BIT(12) | BIT(14) | BIT(15) | BIT(24)) /* IBPB, IBRS, STIBP, SSBD */
/* CLOCKSOURCE NOP_IO_DELAY CLOCKSOURCE2 STEAL_TIME PV_EOI PV_UNHALT PV_TLB_FLUSH PV_SEND_IPI
 * PV_SCHED_YIELD CLOCKSOURCE_STABLE */
#define KVM_EAX                                                                                    \
    (BIT(0) | BIT(1) | BIT(3) | BIT(5) | BIT(6) | BIT(7) | BIT(9) | BIT(11) | BIT(13) | BIT(24))

/* Family 6 model 60 stepping 3, and family 23 model 1 stepping 2. */
#define SIGNATURE_INTEL 0x000306c3u
#define SIGNATURE_AMD   0x00800f12u
#define BRAND           "Cleave Virtual CPU cleave-1"
#define VENDOR_AMD      0x68747541u /* EBX of leaf 0: "Auth" */
#define VENDOR_HYGON    0x6f677948u /* "Hygo" */
#define PHYS_BITS       40u
#define LINEAR_BITS     48u
#define CLFLUSH_LINE    64u

struct list {
    const struct cpuid_setup *setup;
    const struct kvm_cpuid2 *host;
    struct kvm_cpuid_entry2 *out;
    unsigned n;
    unsigned max;
    bool amd;
    uint32_t core_shift; /* APIC id bits below the package */
    uint32_t smt_shift;  /* and below the core: ids without a processor */
};

/* The host's answer, all zero where it has none. */
static struct kvm_cpuid_entry2 host_leaf(const struct list *l, uint32_t function, uint32_t index)
{
    for (uint32_t i = 0; i < l->host->nent; i++) {
        const struct kvm_cpuid_entry2 *e = &l->host->entries[i];

        if (e->function == function &&
            (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e->index == index)) {
            return *e;
        }
    }
    return (struct kvm_cpuid_entry2){.function = function, .index = index};
}

static void add(struct list *l, struct kvm_cpuid_entry2 e)
{
    if (l->n < l->max) {
        l->out[l->n] = e;
    }
    l->n++;
}

static void add_leaf(struct list *l, uint32_t function, uint32_t eax, uint32_t ebx, uint32_t ecx,
                     uint32_t edx)
{
    add(l, (struct kvm_cpuid_entry2){
               .function = function, .eax = eax, .ebx = ebx, .ecx = ecx, .edx = edx});
}

static void add_sub(struct list *l, uint32_t function, uint32_t index, uint32_t eax, uint32_t ebx,
                    uint32_t ecx, uint32_t edx)
{
    add(l, (struct kvm_cpuid_entry2){.function = function,
                                     .index = index,
                                     .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
                                     .eax = eax,
                                     .ebx = ebx,
                                     .ecx = ecx,
                                     .edx = edx});
}

static void add_text(struct list *l, uint32_t function, uint32_t eax, const char text[static 12])
{
    uint32_t r[3];

    memcpy(r, text, sizeof(r));
    add_leaf(l, function, eax, r[0], r[1], r[2]);
}

/* --- basic leaves --- */

static uint32_t xcr0(const struct list *l)
{
    return XCR0_LEGACY | (host_leaf(l, 0xd, 0).eax & XCR0_AVX);
}

static bool has_xsave(const struct list *l)
{
    return host_leaf(l, 1, 0).ecx & L1_ECX_XSAVE;
}

/* Features that need AVX state go with it. */
static uint32_t leaf1_ecx(const struct list *l)
{
    uint32_t ecx = host_leaf(l, 1, 0).ecx & L1_ECX;

    if (!has_xsave(l) || !(xcr0(l) & XCR0_AVX)) {
        ecx &= ~(L1_ECX_AVX | BIT(12) | BIT(29));
    }
    return ecx | BIT(21) | L1_ECX_HYPERVISOR | (l->setup->tsc_deadline ? L1_ECX_TSC_DEADLINE : 0);
}

static uint32_t leaf1_edx(const struct list *l)
{
    return (host_leaf(l, 1, 0).edx & L1_EDX) | (l->setup->vcpus > 1 ? L1_EDX_HTT : 0);
}

static void add_identity(struct list *l)
{
    struct kvm_cpuid_entry2 h = host_leaf(l, 0, 0);
    uint32_t ids = l->setup->vcpus > 1 ? 1u << l->core_shift : 1;

    add_leaf(l, 0, 0xd, h.ebx, h.ecx, h.edx);
    add_leaf(l, 1, l->amd ? SIGNATURE_AMD : SIGNATURE_INTEL,
             l->setup->apic_id << 24 | ids << 16 | CLFLUSH_LINE / 8 << 8, leaf1_ecx(l),
             leaf1_edx(l));
}

/* One level of cache: size = (ways + 1) * line * (sets + 1). */
static void add_cache(struct list *l, uint32_t index, uint32_t type, uint32_t level, uint32_t ways,
                      uint32_t sets, uint32_t sharing)
{
    uint32_t cores = (1u << (l->core_shift - l->smt_shift)) - 1;

    add_sub(l, 4, index, type | level << 5 | BIT(8) | (sharing - 1) << 14 | cores << 26,
            (ways - 1) << 22 | (CLFLUSH_LINE - 1), sets - 1, level == 3 ? BIT(1) : 0);
}

static void add_caches(struct list *l)
{
    uint32_t one = 1u << l->smt_shift, all = 1u << l->core_shift;

    if (l->amd) {
        return; /* AMD describes them in the extended leaves */
    }
    add_leaf(l, 2, 0x00ff0001, 0, 0, 0); /* see leaf 4 */
    add_cache(l, 0, 1, 1, 8, 64, one);   /* 32 KiB data */
    add_cache(l, 1, 2, 1, 8, 64, one);   /* 32 KiB instructions */
    add_cache(l, 2, 3, 2, 8, 512, one);  /* 256 KiB */
    add_cache(l, 3, 3, 3, 16, 8192, all);
    add_sub(l, 4, 4, 0, 0, 0, 0);
}

/* APIC ids: smt_shift bits without meaning (one thread per core), then cores, then the package. */
static void add_topology(struct list *l)
{
    uint32_t id = l->setup->apic_id;

    add_sub(l, 0xb, 0, l->smt_shift, 1, 1 << 8, id);
    add_sub(l, 0xb, 1, l->core_shift, l->setup->vcpus, 2 << 8 | 1, id);
    add_sub(l, 0xb, 2, 0, 0, 2, id);
}

static void add_features(struct list *l)
{
    struct kvm_cpuid_entry2 h = host_leaf(l, 7, 0);
    uint32_t ebx = h.ebx & L7_EBX;

    if (!has_xsave(l) || !(xcr0(l) & XCR0_AVX)) {
        ebx &= ~L7_EBX_AVX2;
    }
    add_leaf(l, 6, BIT(2), 0, 0, 0); /* the LAPIC timer always runs */
    add_sub(l, 7, 0, 0, ebx, h.ecx & L7_ECX, h.edx & L7_EDX);
}

static void add_xsave(struct list *l)
{
    uint32_t states = xcr0(l);
    uint32_t size = XSAVE_LEGACY_SIZE + (states & XCR0_AVX ? XSAVE_AVX_SIZE : 0);

    if (!has_xsave(l)) {
        return;
    }
    add_sub(l, 0xd, 0, states, size, size, 0);
    add_sub(l, 0xd, 1, host_leaf(l, 0xd, 1).eax & LD1_EAX, 0, 0, 0);
    if (states & XCR0_AVX) {
        add_sub(l, 0xd, 2, XSAVE_AVX_SIZE, XSAVE_LEGACY_SIZE, 0, 0);
    }
}

/* --- extended leaves --- */

static void add_brand(struct list *l)
{
    char text[48] = BRAND;
    uint32_t r[12];

    memcpy(r, text, sizeof(r));
    for (unsigned i = 0; i < 3; i++) {
        add_leaf(l, 0x80000002 + i, r[i * 4], r[i * 4 + 1], r[i * 4 + 2], r[i * 4 + 3]);
    }
}

static void add_extended_caches(struct list *l)
{
    if (l->amd) {
        /* TLBs of 64 entries; 32 KiB of L1, 8 ways, 64-byte lines; 512 KiB of L2, 8 MiB of L3 */
        add_leaf(l, 0x80000005, 0xff40ff40, 0xff40ff40, 0x20080140, 0x20080140);
        add_leaf(l, 0x80000006, 0, 0x42004200, 0x02006140, 0x00409140);
    } else {
        add_leaf(l, 0x80000006, 0, 0, 0x01006040, 0);
    }
}

static void add_extended(struct list *l)
{
    struct kvm_cpuid_entry2 h = host_leaf(l, 0, 0);
    struct kvm_cpuid_entry2 h1 = host_leaf(l, 0x80000001, 0);
    struct kvm_cpuid_entry2 h8 = host_leaf(l, 0x80000008, 0);
    uint32_t bits = (h8.eax & 0xff) && (h8.eax & 0xff) < PHYS_BITS ? h8.eax & 0xff : PHYS_BITS;
    uint32_t ecx = h1.ecx & E1_ECX, edx = h1.edx & E1_EDX, cores = 0;

    if (l->amd) {
        edx |= leaf1_edx(l) & E1_EDX_AMD_COPY;
        ecx |= l->setup->vcpus > 1 ? E1_ECX_CMP_LEGACY : 0;
        cores = l->core_shift << 12 | (l->setup->vcpus - 1);
    }
    add_leaf(l, 0x80000000, 0x80000008, l->amd ? h.ebx : 0, l->amd ? h.ecx : 0, l->amd ? h.edx : 0);
    add_leaf(l, 0x80000001, l->amd ? SIGNATURE_AMD : 0, 0, ecx, edx);
    add_brand(l);
    add_extended_caches(l);
    add_leaf(l, 0x80000007, 0, 0, 0, host_leaf(l, 0x80000007, 0).edx & E7_EDX);
    add_leaf(l, 0x80000008, bits | LINEAR_BITS << 8, l->amd ? h8.ebx & E8_EBX : 0, cores, 0);
}

/* --- hypervisor leaves --- */

static void add_xen(struct list *l)
{
    add_text(l, CPUID_XEN_BASE, CPUID_XEN_BASE + 2, "XenVMMXenVMM");
    add_leaf(l, CPUID_XEN_BASE + 1, CPUID_XEN_MAJOR << 16 | CPUID_XEN_MINOR, 0, 0, 0);
    add_leaf(l, CPUID_XEN_BASE + 2, 1, HV_HYPERCALL_MSR, 0, 0);
}

static void add_kvm(struct list *l)
{
    uint32_t base = l->setup->xen ? CPUID_KVM_BASE : CPUID_XEN_BASE;

    add_text(l, base, base + 1, "KVMKVMKVM\0\0\0");
    add_leaf(l, base + 1, host_leaf(l, KVM_CPUID_FEATURES, 0).eax & KVM_EAX, 0, 0, 0);
}

static uint32_t bits_for(unsigned n)
{
    uint32_t bits = 0;

    while ((1u << bits) < n) {
        bits++;
    }
    return bits;
}

static bool host_is_amd(const struct list *l)
{
    uint32_t ebx = host_leaf(l, 0, 0).ebx;

    return ebx == VENDOR_AMD || ebx == VENDOR_HYGON;
}

unsigned cpuid_build(const struct cpuid_setup *setup, const struct kvm_cpuid2 *host,
                     struct kvm_cpuid_entry2 *out, unsigned max)
{
    struct list l = {.setup = setup, .host = host, .out = out, .max = max};

    l.amd = host_is_amd(&l);
    l.smt_shift = bits_for(setup->apic_step);
    l.core_shift = l.smt_shift + bits_for(setup->vcpus);
    add_identity(&l);
    add_caches(&l);
    add_features(&l);
    add_topology(&l);
    add_xsave(&l);
    if (setup->xen) {
        add_xen(&l);
    }
    add_kvm(&l);
    add_extended(&l);
    return l.n <= max ? l.n : 0;
}

int cpuid_fill(struct vcpu *vcpu, struct kvm_cpuid2 *c, unsigned max)
{
    struct hv *hv = vcpu->hv;
    struct cpuid_setup setup = {
        .apic_id = vcpu->apic_id,
        .vcpus = hv->nvcpus,
        .apic_step = hv->cfg.firmware == HV_FIRMWARE_XEN ? 2 : 1,
        .xen = hv->cfg.firmware == HV_FIRMWARE_XEN,
        .tsc_deadline = ioctl(hv->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0,
    };
    struct kvm_cpuid_entry2 *out = calloc(max, sizeof(*out));
    unsigned n;

    if (!out) {
        return -ENOMEM;
    }
    n = cpuid_build(&setup, c, out, max);
    if (n) {
        memcpy(c->entries, out, n * sizeof(*out));
        c->nent = n;
    }
    free(out);
    return n ? 0 : -E2BIG;
}
