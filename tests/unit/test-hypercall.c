/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hypercalls of firmware, in the 32-bit layouts of the Xen headers. */
#include "hv-domain.h"

#define SPEC_MEMORY_OP  12u
#define SPEC_XEN_VER    17u
#define SPEC_SCHED_OP   29u
#define SPEC_EVTCHN_OP  32u
#define SPEC_HVM_OP     34u
#define SPEC_ENOSYS     (-38)
#define SPEC_DOMID_SELF 0x7ff0
#define ARGS            0x2000u /* guest addresses that the tests use */
#define BUF             0x3000u

struct fixture {
    struct domain *d;
    struct vcpu *vcpu;
    struct kvm_regs regs;
};

static void set_up(struct fixture *f, gconstpointer data)
{
    f->d = domain_new();
    f->vcpu = &f->d->hv.vcpu[0];
    f->vcpu->sregs.cr0 = 1;
    param_reset(&f->d->hv);
    store_reset(&f->d->hv);
}

static void tear_down(struct fixture *f, gconstpointer data)
{
    domain_free(f->d);
}

static int32_t call(struct fixture *f, uint32_t nr, uint32_t a, uint32_t b)
{
    f->regs = (struct kvm_regs){.rax = nr, .rbx = a, .rcx = b, .rip = 0x80000};
    hypercall(f->vcpu, &f->regs);
    g_assert_cmphex(f->regs.rax >> 32, ==, 0);
    g_assert_cmphex(f->regs.rip, ==, 0x80000);
    return (int32_t)f->regs.rax;
}

static void args(struct fixture *f, const uint32_t *v, unsigned n)
{
    memcpy(f->d->ram + ARGS, v, n * sizeof(*v));
}
#define ARGS_ARE(...)                                                                              \
    args(f, (const uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void test_version(struct fixture *f, gconstpointer data)
{
    g_assert_cmphex(call(f, SPEC_XEN_VER, 0, 0), ==, 4 << 16 | 17);
    memset(f->d->ram + BUF, 0xff, 32);
    g_assert_cmpint(call(f, SPEC_XEN_VER, 1, BUF), ==, 0);
    g_assert_cmpstr((char *)f->d->ram + BUF, ==, ".0-cleave");
    g_assert_cmphex(f->d->ram[BUF + 16], ==, 0xff); /* 16 bytes, no more */
    memset(f->d->hv.cfg.uuid, 0x5a, 16);
    g_assert_cmpint(call(f, SPEC_XEN_VER, 8, BUF), ==, 0);
    g_assert_cmpmem(f->d->ram + BUF, 16, f->d->hv.cfg.uuid, 16);
    g_assert_cmpint(call(f, SPEC_XEN_VER, 1, 0xfffffff8), ==, -EFAULT);
    g_assert_cmpint(call(f, SPEC_XEN_VER, 6, BUF), ==, SPEC_ENOSYS);
}

static void test_unknown(struct fixture *f, gconstpointer data)
{
    for (uint32_t nr = 0; nr < 70; nr++) {
        if (nr != 12 && nr != 17 && nr != 29 && nr != 32 && nr != 34) {
            g_assert_cmpint(call(f, nr, 0, ARGS), ==, SPEC_ENOSYS);
        }
    }
    for (uint32_t sub = 0; sub < 64; sub++) {
        if (sub != 6 && sub != 7 && sub != 9 && sub != 26) {
            g_assert_cmpint(call(f, SPEC_MEMORY_OP, sub, ARGS), ==, SPEC_ENOSYS);
        }
    }
    g_assert_cmpint(call(f, SPEC_MEMORY_OP, 26, ARGS), ==, -EOPNOTSUPP);
}

static void test_populate(struct fixture *f, gconstpointer data)
{
    uint32_t gfn[] = {0x100, 0x101, 0xfff, 0x1000, 0x102};

    memcpy(f->d->ram + BUF, gfn, sizeof(gfn));
    ARGS_ARE(BUF, 3, 0, 0, SPEC_DOMID_SELF);
    g_assert_cmpint(call(f, SPEC_MEMORY_OP, 6, ARGS), ==, 3);
    ARGS_ARE(BUF, 5, 0, 0, SPEC_DOMID_SELF);
    g_assert_cmpint(call(f, SPEC_MEMORY_OP, 6, ARGS), ==, 3); /* 1000h is no RAM here */
    g_assert_cmpint(call(f, SPEC_MEMORY_OP, 6 | 4 << 6, ARGS), ==, 5);
    ARGS_ARE(BUF, 0xffffffff, 0, 0, SPEC_DOMID_SELF); /* a list without end */
    g_assert_cmpint(call(f, SPEC_MEMORY_OP, 6, ARGS), ==, 3);
    ARGS_ARE(BUF, 1, 0xffffffff, 0, SPEC_DOMID_SELF);
    g_assert_cmpint(call(f, SPEC_MEMORY_OP, 6, ARGS), ==, 0);
    ARGS_ARE(BUF, 1, 0, 0, 3);
    g_assert_cmpint(call(f, SPEC_MEMORY_OP, 6, ARGS), ==, -ESRCH);
    g_assert_cmpint(call(f, SPEC_MEMORY_OP, 6, 0xa0000), ==, -EFAULT);
}

static void test_shared_info(struct fixture *f, gconstpointer data)
{
    uint32_t mul;

    ARGS_ARE(SPEC_DOMID_SELF, 0, 0, 0x200);
    g_assert_cmpint(call(f, SPEC_MEMORY_OP, 7, ARGS), ==, 0);
    memcpy(&mul, f->d->ram + 0x200000 + 32 + 24, 4);
    g_assert_cmphex(mul, >=, 1u << 31); /* 0 would be a division by zero in the loader */
    ARGS_ARE(SPEC_DOMID_SELF, 0, 0, 0xa0);
    g_assert_cmpint(call(f, SPEC_MEMORY_OP, 7, ARGS), ==, -EINVAL);
    ARGS_ARE(SPEC_DOMID_SELF, 2, 0x100, 0x200);
    g_assert_cmpint(call(f, SPEC_MEMORY_OP, 7, ARGS), ==, -EINVAL);
}

static void test_memory_map(struct fixture *f, gconstpointer data)
{
    uint64_t v;
    uint32_t n;

    f->d->hv.mem.high_end = HV_HIGH_START + 0x40000000;
    ARGS_ARE(128, BUF);
    g_assert_cmpint(call(f, SPEC_MEMORY_OP, 9, ARGS), ==, 0);
    memcpy(&n, f->d->ram + ARGS, 4);
    g_assert_cmpuint(n, ==, 2);
    memcpy(&v, f->d->ram + BUF, 8);
    g_assert_cmphex(v, ==, 0x100000);
    memcpy(&v, f->d->ram + BUF + 8, 8);
    g_assert_cmphex(v, ==, DOMAIN_RAM - 0x100000);
    memcpy(&v, f->d->ram + BUF + 20, 8); /* packed entries of 20 bytes */
    g_assert_cmphex(v, ==, HV_HIGH_START);
    memcpy(&n, f->d->ram + BUF + 36, 4);
    g_assert_cmpuint(n, ==, 1);
    memset(f->d->ram + BUF, 0xff, 64);
    ARGS_ARE(1, BUF);
    g_assert_cmpint(call(f, SPEC_MEMORY_OP, 9, ARGS), ==, 0);
    g_assert_cmphex(f->d->ram[BUF + 20], ==, 0xff);
}

static void test_params(struct fixture *f, gconstpointer data)
{
    uint64_t v;

    ARGS_ARE(SPEC_DOMID_SELF, 1, 0, 0);
    g_assert_cmpint(call(f, SPEC_HVM_OP, 1, ARGS), ==, 0);
    memcpy(&v, f->d->ram + ARGS + 8, 8);
    g_assert_cmphex(v, ==, 0xfeffc);
    ARGS_ARE(SPEC_DOMID_SELF, 34, 0x89abcdef, 1);
    g_assert_cmpint(call(f, SPEC_HVM_OP, 0, ARGS), ==, 0);
    g_assert_cmphex(f->d->hv.params[34], ==, 0x189abcdefull);
    ARGS_ARE(SPEC_DOMID_SELF, 5, 1, 0);
    g_assert_cmpint(call(f, SPEC_HVM_OP, 0, ARGS), ==, -EPERM);
    ARGS_ARE(1, 34, 1, 0);
    g_assert_cmpint(call(f, SPEC_HVM_OP, 0, ARGS), ==, -ESRCH);
    g_assert_cmpint(call(f, SPEC_HVM_OP, 2, ARGS), ==, SPEC_ENOSYS);
}

static void test_store(struct fixture *f, gconstpointer data)
{
    static const uint8_t request[] = "\2\0\0\0\1\0\0\0\0\0\0\0\16\0\0\0platform/acpi";
    uint8_t *page = f->d->special + (0xfeffc000u - HV_SPECIAL_START);

    memcpy(page, request, 30);
    page[2052] = 30;
    ARGS_ARE(1);
    g_assert_cmpint(call(f, SPEC_EVTCHN_OP, 4, ARGS), ==, 0);
    g_assert_cmpuint(page[2060], ==, 17); /* the answer is there when the call returns */
    g_assert_cmpint(page[1024 + 16], ==, '1');
    ARGS_ARE(77);
    g_assert_cmpint(call(f, SPEC_EVTCHN_OP, 4, ARGS), ==, -EINVAL);
}

static void test_shutdown(struct fixture *f, gconstpointer data)
{
    static const enum hv_reason want[] = {HV_REASON_POWEROFF, HV_REASON_RESET, HV_REASON_SUSPEND,
                                          HV_REASON_CRASH, HV_REASON_CRASH};

    for (uint32_t i = 0; i < 5; i++) {
        ARGS_ARE(i);
        g_assert_cmpint(call(f, SPEC_SCHED_OP, 2, ARGS), ==, 0);
        g_assert_cmpint(f->d->reason, ==, want[i]);
    }
    ARGS_ARE(99);
    g_assert_cmpint(call(f, SPEC_SCHED_OP, 2, ARGS), ==, -EINVAL);
    g_assert_cmpint(call(f, SPEC_SCHED_OP, 3, ARGS), ==, 0);
}

static void test_privilege(struct fixture *f, gconstpointer data)
{
    f->vcpu->sregs.ss.dpl = 3;
    g_assert_cmpint(call(f, SPEC_XEN_VER, 0, 0), ==, -EPERM);
    f->vcpu->sregs.ss.dpl = 0;
    f->vcpu->sregs.cr0 = 0; /* real mode */
    g_assert_cmpint(call(f, SPEC_XEN_VER, 0, 0), ==, -EPERM);
}

static void test_long_mode(struct fixture *f, gconstpointer data)
{
    f->vcpu->sregs.efer = 0x500;
    f->vcpu->sregs.cs.l = 1;
    f->regs = (struct kvm_regs){.rax = SPEC_XEN_VER, .rdi = 1, .rsi = BUF, .rbx = 99};
    hypercall(f->vcpu, &f->regs);
    g_assert_cmpuint(f->regs.rax, ==, 0);
    g_assert_cmphex(f->d->ram[BUF], ==, '.');
    f->regs = (struct kvm_regs){.rax = SPEC_MEMORY_OP, .rdi = 9, .rsi = ARGS};
    hypercall(f->vcpu, &f->regs);
    g_assert_cmpint((int64_t)f->regs.rax, ==, SPEC_ENOSYS);
}

#define ADD(name, func)                                                                            \
    g_test_add("/hypercall/" name, struct fixture, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("version", test_version);
    ADD("unknown", test_unknown);
    ADD("populate", test_populate);
    ADD("shared-info", test_shared_info);
    ADD("memory-map", test_memory_map);
    ADD("params", test_params);
    ADD("store", test_store);
    ADD("shutdown", test_shutdown);
    ADD("privilege", test_privilege);
    ADD("long-mode", test_long_mode);
    return g_test_run();
}
