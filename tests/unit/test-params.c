/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HVM params: who may read and write which. */
#include "hv-domain.h"

/* Xen 4.17: what a guest may set and get; numbers without meaning; numbers that are set once. */
static const uint8_t spec_set[] = {0, 2, 15, 18, 19, 34, 36, 37};
static const uint8_t spec_get[] = {0, 1, 2, 15, 17, 18, 19, 34, 35, 36, 37};
static const uint8_t spec_gone[] = {4, 13, 20, 21, 22, 23, 24, 25, 26, 30};
static const uint8_t spec_once[] = {5, 6, 9, 32, 33};
#define SPEC_NR 39u

struct fixture {
    struct domain *d;
};

static void set_up(struct fixture *f, gconstpointer data)
{
    f->d = domain_new();
    param_reset(&f->d->hv);
}

static void tear_down(struct fixture *f, gconstpointer data)
{
    domain_free(f->d);
}

static bool listed(const uint8_t *list, size_t n, uint32_t index)
{
    return index < 256 && memchr(list, (int)index, n);
}
#define LISTED(list, index) listed(list, sizeof(list), index)

static void test_guest_rights(struct fixture *f, gconstpointer data)
{
    for (uint32_t i = 0; i < 70; i++) {
        bool bad = i >= SPEC_NR || LISTED(spec_gone, i);
        int set = bad ? -EINVAL : (LISTED(spec_set, i) ? 0 : -EPERM);
        int get = bad ? -EINVAL : (LISTED(spec_get, i) ? 0 : -EPERM);
        uint64_t v = 0;

        g_assert_cmpint(param_set(&f->d->hv.vcpu[0], i, true, 0), ==, set);
        g_assert_cmpint(param_get(&f->d->hv, i, true, &v), ==, get);
    }
    g_assert_cmpint(param_set(&f->d->hv.vcpu[0], UINT32_MAX, true, 0), ==, -EINVAL);
}

static void test_tool_rights(struct fixture *f, gconstpointer data)
{
    for (uint32_t i = 0; i < SPEC_NR; i++) {
        bool bad = LISTED(spec_gone, i);
        uint64_t v = 0;

        g_assert_cmpint(param_get(&f->d->hv, i, false, &v), ==, bad ? -EINVAL : 0);
        g_assert_cmpint(param_set(&f->d->hv.vcpu[0], i, false, v), ==, bad ? -EINVAL : 0);
    }
}

static void test_once(struct fixture *f, gconstpointer data)
{
    for (unsigned i = 0; i < sizeof(spec_once); i++) {
        uint64_t v;

        f->d->hv.params[spec_once[i]] = 0;
        g_assert_cmpint(param_set(&f->d->hv.vcpu[0], spec_once[i], false, 7), ==, 0);
        g_assert_cmpint(param_set(&f->d->hv.vcpu[0], spec_once[i], false, 8), ==, -EEXIST);
        g_assert_cmpint(param_set(&f->d->hv.vcpu[0], spec_once[i], false, 7), ==, 0);
        g_assert_cmpint(param_get(&f->d->hv, spec_once[i], false, &v), ==, 0);
        g_assert_cmpuint(v, ==, 7);
    }
}

static void test_effects(struct fixture *f, gconstpointer data)
{
    struct vcpu *vcpu = &f->d->hv.vcpu[0];
    uint64_t v;

    g_assert_cmpint(param_set(vcpu, 19, true, 1), ==, 0);
    g_assert_cmphex(f->d->pm_base, ==, 0xb000);
    g_assert_cmpint(param_set(vcpu, 19, true, 0), ==, 0);
    g_assert_cmphex(f->d->pm_base, ==, 0x1f40);
    g_assert_cmpint(param_set(vcpu, 19, true, 2), ==, -EINVAL);
    g_assert_cmpuint(f->d->lvt0_fixed, ==, 0);
    g_assert_cmpint(param_set(vcpu, 37, true, 384ull << 32 | 0xfc001000), ==, 0);
    g_assert_cmpuint(f->d->lvt0_fixed, ==, 1);
    g_assert_cmpint(param_get(&f->d->hv, 37, true, &v), ==, 0);
    g_assert_cmphex(v, ==, 384ull << 32 | 0xfc001000);
    param_reset(&f->d->hv);
    g_assert_cmpint(param_get(&f->d->hv, 37, true, &v), ==, 0);
    g_assert_cmphex(v, ==, 0);
    g_assert_cmpint(param_get(&f->d->hv, 1, true, &v), ==, 0);
    g_assert_cmphex(v, ==, 0xfeffc);
}

/* The hypercall page: MOV EAX, nr; OUT; RET, 32 bytes each, and nothing else at that MSR. */
static void test_hypercall_page(struct fixture *f, gconstpointer data)
{
    static const uint8_t stub12[] = {0xb8, 12, 0, 0, 0, 0xe7, HV_HYPERCALL_PORT, 0xc3};
    struct vcpu *vcpu = &f->d->hv.vcpu[0];
    uint64_t v;

    g_assert_true(msr_write(vcpu, HV_HYPERCALL_MSR, 0x80000));
    g_assert_cmpmem(f->d->ram + 0x80000 + 12 * 32, sizeof(stub12), stub12, sizeof(stub12));
    g_assert_cmphex(f->d->ram[0x80000 + 23 * 32], ==, 0x0f); /* UD2 */
    g_assert_false(msr_write(vcpu, HV_HYPERCALL_MSR, 0x80001));
    g_assert_false(msr_write(vcpu, HV_HYPERCALL_MSR, 0xa0000));
    g_assert_false(msr_write(vcpu, HV_HYPERCALL_MSR, UINT64_MAX & ~0xfffull));
    g_assert_false(msr_write(vcpu, HV_HYPERCALL_MSR + 1, 0x80000));
    g_assert_true(msr_read(vcpu, HV_HYPERCALL_MSR, &v));
    f->d->hv.cfg.firmware = HV_FIRMWARE_QEMU;
    g_assert_false(msr_write(vcpu, HV_HYPERCALL_MSR, 0x80000));
    g_assert_false(msr_read(vcpu, HV_HYPERCALL_MSR, &v));
}

#define ADD(name, func) g_test_add("/params/" name, struct fixture, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("guest-rights", test_guest_rights);
    ADD("tool-rights", test_tool_rights);
    ADD("once", test_once);
    ADD("effects", test_effects);
    ADD("hypercall-page", test_hypercall_page);
    return g_test_run();
}
