/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupt lines of the core, as KVM is told about them: ioctl() is a stand-in that writes down.
 */
#include <glib.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hv.h"

#define SPEC_IRQ_RTC 8u /* IA-PC HPET 1.0a, 2.3.5: comparator 1 in legacy replacement */
#define VM_FD        77

static struct {
    int level[IRQ_GSIS];
    unsigned edges[IRQ_GSIS];
    unsigned pit_loads;
    struct kvm_pit_state2 pit;
} kvm;

int ioctl(int fd, unsigned long request, ...)
{
    va_list ap;

    va_start(ap, request);
    void *arg = va_arg(ap, void *);
    va_end(ap);
    g_assert_cmpint(fd, ==, VM_FD);
    if (request == KVM_IRQ_LINE) {
        const struct kvm_irq_level *l = arg;

        g_assert_cmpuint(l->irq, <, IRQ_GSIS);
        kvm.edges[l->irq] += l->level && !kvm.level[l->irq];
        kvm.level[l->irq] = (int)l->level;
    } else if (request == KVM_GET_PIT2) {
        *(struct kvm_pit_state2 *)arg = kvm.pit;
    } else if (request == KVM_SET_PIT2) {
        kvm.pit = *(struct kvm_pit_state2 *)arg;
        kvm.pit_loads++;
    }
    return 0;
}

static struct hv *hv_new(void)
{
    struct hv *hv = g_new0(struct hv, 1);

    memset(&kvm, 0, sizeof(kvm));
    hv->vm_fd = VM_FD;
    irq_create(hv);
    irq_thaw_pit(hv, 0);
    kvm.pit_loads = 0;
    return hv;
}

static bool pit_is_off(void)
{
    return kvm.pit.flags & KVM_PIT_FLAGS_HPET_LEGACY;
}

/* With the RTC's line high, an HPET that takes IRQ 8 over has its edges seen. */
static void test_legacy_on(void)
{
    struct hv *hv = hv_new();

    irq_set_input(hv, IRQ_FROM_RTC, SPEC_IRQ_RTC, 1);
    g_assert_cmpint(kvm.level[SPEC_IRQ_RTC], ==, 1);
    irq_set_hpet_legacy(hv, true);
    g_assert_cmpint(kvm.level[SPEC_IRQ_RTC], ==, 0);
    g_assert_true(pit_is_off());
    kvm.edges[SPEC_IRQ_RTC] = 0;
    for (unsigned i = 0; i < 3; i++) {
        irq_set_input(hv, IRQ_FROM_HPET, SPEC_IRQ_RTC, 1);
        irq_set_input(hv, IRQ_FROM_RTC, SPEC_IRQ_RTC, i & 1);
        irq_set_input(hv, IRQ_FROM_HPET, SPEC_IRQ_RTC, 0);
    }
    g_assert_cmpuint(kvm.edges[SPEC_IRQ_RTC], ==, 3);
    g_free(hv);
}

/* Afterwards the line is what the RTC drives now. */
static void test_legacy_off(void)
{
    struct hv *hv = hv_new();

    irq_set_hpet_legacy(hv, true);
    irq_set_input(hv, IRQ_FROM_RTC, SPEC_IRQ_RTC, 1);
    g_assert_cmpint(kvm.level[SPEC_IRQ_RTC], ==, 0);
    irq_set_hpet_legacy(hv, false);
    g_assert_cmpint(kvm.level[SPEC_IRQ_RTC], ==, 1);
    g_assert_false(pit_is_off());
    irq_set_input(hv, IRQ_FROM_RTC, SPEC_IRQ_RTC, 0);
    g_assert_cmpint(kvm.level[SPEC_IRQ_RTC], ==, 0);
    g_free(hv);
}

/* The HPET tells its setting with every change of its own: the PIT is loaded when it changes. */
static void test_legacy_repeated(void)
{
    struct hv *hv = hv_new();

    irq_set_hpet_legacy(hv, false);
    g_assert_cmpuint(kvm.pit_loads, ==, 0);
    irq_set_hpet_legacy(hv, true);
    irq_set_hpet_legacy(hv, true);
    g_assert_cmpuint(kvm.pit_loads, ==, 1);
    g_free(hv);
}

/* A reset gives IRQ 8 back to the RTC, and the PIT its line when the guest goes on. */
static void test_legacy_reset(void)
{
    struct hv *hv = hv_new();

    irq_set_hpet_legacy(hv, true);
    irq_set_input(hv, IRQ_FROM_RTC, SPEC_IRQ_RTC, 1);
    irq_freeze_pit(hv);
    irq_reset(hv);
    irq_thaw_pit(hv, 0);
    g_assert_false(pit_is_off());
    irq_set_hpet_legacy(hv, false);
    g_assert_cmpint(kvm.level[SPEC_IRQ_RTC], ==, 0);
    irq_set_input(hv, IRQ_FROM_RTC, SPEC_IRQ_RTC, 1);
    g_assert_cmpint(kvm.level[SPEC_IRQ_RTC], ==, 1);
    g_free(hv);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hv-irq/legacy-on", test_legacy_on);
    g_test_add_func("/hv-irq/legacy-off", test_legacy_off);
    g_test_add_func("/hv-irq/legacy-repeated", test_legacy_repeated);
    g_test_add_func("/hv-irq/legacy-reset", test_legacy_reset);
    return g_test_run();
}
