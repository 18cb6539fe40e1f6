/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hypercalls: Xen's CPUID leaves (base + 0 to + 2), the hypercall page, and the few calls that we
 * need. Numbers and layouts: xen/include/public of libxen-dev.
 */
#include <string.h>

#include "loader.h"

#define CALL_XEN_VERSION 17u
#define CALL_SCHED_OP    29u
#define CALL_HVM_OP      34u

#define VERSION_GUEST_HANDLE 8u
#define SCHED_SHUTDOWN       2u
#define SHUTDOWN_CRASH       3u
#define HVM_SET_PARAM        0u
#define DOMID_SELF           0x7ff0u

#define STUB_SIZE 32u

static uint8_t hypercall_page[4096] __attribute__((aligned(4096)));
static bool present;

static int64_t call(uint32_t number, uint64_t a, uint64_t b)
{
    if (!present) {
        return -1;
    }
    return hypercall2(hypercall_page + (uintptr_t)number * STUB_SIZE, a, b);
}

void hypercalls_init(void)
{
    uint32_t reg[4];

    for (uint32_t leaf = 0x40000000u; leaf < 0x40010000u; leaf += 0x100) {
        cpuid(leaf, reg);
        if (memcmp(&reg[1], "XenVMMXenVMM", 12) == 0 && reg[0] >= leaf + 2) {
            cpuid(leaf + 2, reg);
            wrmsr(reg[1], (uintptr_t)hypercall_page);
            present = true;
            return;
        }
    }
    fail("no Xen CPUID leaves: start it with --firmware-mode xen");
}

void hypercall_uuid(uint8_t uuid[16])
{
    if (call(CALL_XEN_VERSION, VERSION_GUEST_HANDLE, (uintptr_t)uuid) != 0) {
        memset(uuid, 0, 16);
    }
}

void hypercall_set_param(uint32_t index, uint64_t value)
{
    struct {
        uint16_t domid;
        uint16_t pad;
        uint32_t index;
        uint64_t value;
    } param = {DOMID_SELF, 0, index, value};

    call(CALL_HVM_OP, HVM_SET_PARAM, (uintptr_t)&param);
}

void hypercall_crash(void)
{
    uint32_t reason = SHUTDOWN_CRASH;

    call(CALL_SCHED_OP, SCHED_SHUTDOWN, (uintptr_t)&reason);
}
