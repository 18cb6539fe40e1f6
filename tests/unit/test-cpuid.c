/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPUID of machine cleave-1: golden lists for hosts that can do all, nothing, and both vendors. */
#include "cpuid.h"
#include "hv-domain.h"

#define MAX_LEAVES 64

struct list {
    struct kvm_cpuid_entry2 e[MAX_LEAVES];
    unsigned n;
};

/* A host that claims every bit of every leaf, or none. */
static void make_host(struct kvm_cpuid2 *host, const char vendor[static 12], uint32_t bits)
{
    static const uint32_t leaf[][2] = {{1, 0},          {7, 0},          {0xd, 0},
                                       {0xd, 1},        {0x40000001, 0}, {0x80000001, 0},
                                       {0x80000007, 0}, {0x80000008, 0}};
    uint32_t v[3];

    memcpy(v, vendor, sizeof(v));
    host->nent = 0;
    host->entries[host->nent++] =
        (struct kvm_cpuid_entry2){.eax = 0x1f, .ebx = v[0], .ecx = v[1], .edx = v[2]};
    for (unsigned i = 0; i < G_N_ELEMENTS(leaf); i++) {
        host->entries[host->nent++] =
            (struct kvm_cpuid_entry2){.function = leaf[i][0],
                                      .index = leaf[i][1],
                                      .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
                                      .eax = bits,
                                      .ebx = bits,
                                      .ecx = bits,
                                      .edx = bits};
    }
}

static void make(struct list *l, const char *vendor, uint32_t bits, unsigned vcpus, unsigned id,
                 bool xen)
{
    struct kvm_cpuid2 *host = g_malloc0(sizeof(*host) + MAX_LEAVES * sizeof(host->entries[0]));
    struct cpuid_setup setup = {.apic_id = id * (xen ? 2 : 1),
                                .vcpus = vcpus,
                                .apic_step = xen ? 2 : 1,
                                .xen = xen,
                                .tsc_deadline = bits != 0};

    make_host(host, vendor, bits);
    l->n = cpuid_build(&setup, host, l->e, MAX_LEAVES);
    g_assert_cmpuint(l->n, >, 0);
    g_free(host);
}

static char *print(const struct list *l)
{
    GString *s = g_string_new("");

    for (unsigned i = 0; i < l->n; i++) {
        g_string_append_printf(s, "%08x.%x %08x %08x %08x %08x\n", l->e[i].function, l->e[i].index,
                               l->e[i].eax, l->e[i].ebx, l->e[i].ecx, l->e[i].edx);
    }
    return g_string_free(s, FALSE);
}

static struct kvm_cpuid_entry2 find(const struct list *l, uint32_t function, uint32_t index)
{
    for (unsigned i = 0; i < l->n; i++) {
        if (l->e[i].function == function && l->e[i].index == index) {
            return l->e[i];
        }
    }
    return (struct kvm_cpuid_entry2){0};
}

static void assert_text(const struct list *l, uint32_t function, const char *want)
{
    struct kvm_cpuid_entry2 e = find(l, function, 0);
    uint32_t got[3] = {e.ebx, e.ecx, e.edx};

    g_assert_cmpmem(got, sizeof(got), want, sizeof(got));
}

/* vCPU 3 of 4. Changing a line here changes the machine: it needs a new machine name. */
static const char golden_intel_xen[] = "00000000.0 0000000d 756e6547 6c65746e 49656e69\n"
                                       "00000001.0 000306c3 06080800 f7fa3203 178bfbff\n"
                                       "00000002.0 00ff0001 00000000 00000000 00000000\n"
                                       "00000004.0 0c004121 01c0003f 0000003f 00000000\n"
                                       "00000004.1 0c004122 01c0003f 0000003f 00000000\n"
                                       "00000004.2 0c004143 01c0003f 000001ff 00000000\n"
                                       "00000004.3 0c01c163 03c0003f 00001fff 00000002\n"
                                       "00000004.4 00000000 00000000 00000000 00000000\n"
                                       "00000006.0 00000004 00000000 00000000 00000000\n"
                                       "00000007.0 00000000 209c07ab 00000004 8c000400\n"
                                       "0000000b.0 00000001 00000001 00000100 00000006\n"
                                       "0000000b.1 00000003 00000004 00000201 00000006\n"
                                       "0000000b.2 00000000 00000000 00000002 00000006\n"
                                       "0000000d.0 00000007 00000340 00000340 00000000\n"
                                       "0000000d.1 00000007 00000000 00000000 00000000\n"
                                       "0000000d.2 00000100 00000240 00000000 00000000\n"
                                       "40000000.0 40000002 566e6558 65584d4d 4d4d566e\n"
                                       "40000001.0 00040011 00000000 00000000 00000000\n"
                                       "40000002.0 00000001 40000000 00000000 00000000\n"
                                       "40000100.0 40000101 4b4d564b 564b4d56 0000004d\n"
                                       "40000101.0 01002aeb 00000000 00000000 00000000\n"
                                       "80000000.0 80000008 00000000 00000000 00000000\n"
                                       "80000001.0 00000000 00000000 00000121 2c100800\n"
                                       "80000002.0 61656c43 56206576 75747269 43206c61\n"
                                       "80000003.0 63205550 7661656c 00312d65 00000000\n"
                                       "80000004.0 00000000 00000000 00000000 00000000\n"
                                       "80000006.0 00000000 00000000 01006040 00000000\n"
                                       "80000007.0 00000000 00000000 00000000 00000100\n"
                                       "80000008.0 00003028 00000000 00000000 00000000\n";

static const char golden_amd_qemu[] = "00000000.0 0000000d 68747541 444d4163 69746e65\n"
                                      "00000001.0 00800f12 03040800 f7fa3203 178bfbff\n"
                                      "00000006.0 00000004 00000000 00000000 00000000\n"
                                      "00000007.0 00000000 209c07ab 00000004 8c000400\n"
                                      "0000000b.0 00000000 00000001 00000100 00000003\n"
                                      "0000000b.1 00000002 00000004 00000201 00000003\n"
                                      "0000000b.2 00000000 00000000 00000002 00000003\n"
                                      "0000000d.0 00000007 00000340 00000340 00000000\n"
                                      "0000000d.1 00000007 00000000 00000000 00000000\n"
                                      "0000000d.2 00000100 00000240 00000000 00000000\n"
                                      "40000000.0 40000001 4b4d564b 564b4d56 0000004d\n"
                                      "40000001.0 01002aeb 00000000 00000000 00000000\n"
                                      "80000000.0 80000008 68747541 444d4163 69746e65\n"
                                      "80000001.0 00800f12 00000000 00000123 2d93fbff\n"
                                      "80000002.0 61656c43 56206576 75747269 43206c61\n"
                                      "80000003.0 63205550 7661656c 00312d65 00000000\n"
                                      "80000004.0 00000000 00000000 00000000 00000000\n"
                                      "80000005.0 ff40ff40 ff40ff40 20080140 20080140\n"
                                      "80000006.0 00000000 42004200 02006140 00409140\n"
                                      "80000007.0 00000000 00000000 00000000 00000100\n"
                                      "80000008.0 00003028 0100d000 00002003 00000000\n";

static void test_golden_intel(void)
{
    struct list l;

    make(&l, "GenuntelineI", UINT32_MAX, 4, 3, true);
    char *got = print(&l);

    g_assert_cmpstr(got, ==, golden_intel_xen);
    g_free(got);
}

static void test_golden_amd(void)
{
    struct list l;

    make(&l, "AuthcAMDenti", UINT32_MAX, 4, 3, false);
    char *got = print(&l);

    g_assert_cmpstr(got, ==, golden_amd_qemu);
    g_free(got);
}

/* What the host lacks is missing; nothing else changes. */
static void test_poor_host(void)
{
    struct list l;

    make(&l, "GenuntelineI", 0, 1, 0, true);
    g_assert_cmphex(find(&l, 1, 0).ecx, ==, 1u << 31 | 1u << 21); /* hypervisor, x2APIC */
    g_assert_cmphex(find(&l, 1, 0).edx, ==, 0);
    g_assert_cmphex(find(&l, 7, 0).ebx, ==, 0);
    g_assert_cmphex(find(&l, 0xd, 0).eax, ==, 0);
    g_assert_cmphex(find(&l, 0x80000001, 0).edx, ==, 0);
    g_assert_cmphex(find(&l, 0x40000101, 0).eax, ==, 0);
    g_assert_cmphex(find(&l, 0x40000000, 0).eax, ==, 0x40000002);
}

/* Xen's leaves first for firmware, KVM's highest for Linux; no Xen leaves in mode qemu. */
static void test_hypervisor_leaves(void)
{
    struct list l;

    make(&l, "GenuntelineI", UINT32_MAX, 1, 0, true);
    assert_text(&l, 0x40000000, "XenVMMXenVMM");
    g_assert_cmphex(find(&l, 0x40000002, 0).ebx, ==, 0x40000000);
    assert_text(&l, 0x40000100, "KVMKVMKVM\0\0\0");
    make(&l, "GenuntelineI", UINT32_MAX, 1, 0, false);
    assert_text(&l, 0x40000000, "KVMKVMKVM\0\0\0");
    g_assert_cmphex(find(&l, 0x40000100, 0).eax, ==, 0);
    g_assert_null(memmem(l.e, sizeof(l.e), "XenVMM", 6));
}

/* From its APIC id and leaf Bh a guest finds one thread per core and all cores in one package. */
static void test_topology(void)
{
    for (unsigned xen = 0; xen < 2; xen++) {
        for (unsigned n = 1; n <= CORE_MAX_VCPUS; n++) {
            uint64_t cores = 0;

            for (unsigned id = 0; id < n; id++) {
                struct list l;

                make(&l, "AuthcAMDenti", UINT32_MAX, n, id, xen);
                uint32_t apic = find(&l, 1, 0).ebx >> 24;
                uint32_t smt = find(&l, 0xb, 0).eax, pkg = find(&l, 0xb, 1).eax;

                g_assert_cmpuint(apic, ==, find(&l, 0xb, 0).edx);
                g_assert_cmpuint(apic & ((1u << smt) - 1), ==, 0);
                g_assert_cmpuint(apic >> pkg, ==, 0);
                g_assert_cmpuint(find(&l, 0xb, 1).ebx, ==, n);
                cores |= 1ull << (apic >> smt);
                if (n > 1) {
                    g_assert_cmpuint((find(&l, 1, 0).ebx >> 16) & 0xff, ==, 1u << pkg);
                    g_assert_cmpuint((find(&l, 0x80000008, 0).ecx >> 12) & 15, ==, pkg);
                }
            }
            g_assert_cmphex(cores, ==, (1ull << n) - 1);
        }
    }
}

static void test_little_room(void)
{
    struct kvm_cpuid2 host = {0};
    struct cpuid_setup setup = {.vcpus = 1, .apic_step = 1};
    struct kvm_cpuid_entry2 e[5];

    memset(e, 0xee, sizeof(e));
    g_assert_cmpuint(cpuid_build(&setup, &host, e, 4), ==, 0);
    g_assert_cmphex(e[4].function, ==, 0xeeeeeeee);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cpuid/golden-intel", test_golden_intel);
    g_test_add_func("/cpuid/golden-amd", test_golden_amd);
    g_test_add_func("/cpuid/poor-host", test_poor_host);
    g_test_add_func("/cpuid/hypervisor-leaves", test_hypervisor_leaves);
    g_test_add_func("/cpuid/topology", test_topology);
    g_test_add_func("/cpuid/little-room", test_little_room);
    return g_test_run();
}
