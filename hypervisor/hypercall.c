/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hypercalls and the MSR that hvmloader and SeaBIOS use. Xen public headers (memory.h,
 * version.h, sched.h, event_channel.h, hvm/hvm_op.h), 32-bit layouts decoded by hand.
 *
 * Not modelled: everything that a guest operating system would use beyond firmware (-ENOSYS), RAM
 * that moves (hvmloader asks only when its PCI hole grows, and the store tells it not to).
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#include <xen/arch-x86/cpuid.h>
#include <xen/event_channel.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/hvm/hvm_op.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/version.h>

#include "cpuid.h"
#include "hv.h"
#include "vcpu.h"

#define XEN_ENOSYS   38
#define HCALL_STUB   32u
#define HCALL_IRET   23u /* not callable: UD2 */
#define PAGE_SHIFT   12u
#define POPULATE_MAX 65536u /* extents per call; more is answered by a partial count */
#define EXTENT_SHIFT 6u     /* memory_op: command in the low bits, first extent above */
#define EXTRAVERSION ".0-cleave"

/* The public header's names stand for older calls, unless one asks for a version of its interface.
 */
enum {
    CALL_MEMORY_OP = 12,
    CALL_XEN_VERSION = 17,
    CALL_SCHED_OP = 29,
    CALL_EVENT_CHANNEL_OP = 32,
    CALL_HVM_OP = 34,
};

/* 32-bit layouts of the public structs. */
struct populate32 {
    uint32_t list;
    uint32_t nr;
    uint32_t order;
    uint32_t flags;
    uint16_t domid;
    uint16_t pad;
};

struct physmap32 {
    uint16_t domid;
    uint16_t size;
    uint32_t space;
    uint32_t idx;
    uint32_t gpfn;
};

struct memory_map32 {
    uint32_t nr;
    uint32_t buffer;
};

struct hvm_param_args {
    uint16_t domid;
    uint16_t pad;
    uint32_t index;
    uint64_t value;
};

struct e820_packed {
    uint64_t addr;
    uint64_t size;
    uint32_t type;
} __attribute__((packed));

/* A call in progress: arguments and the guest's mode. */
struct call {
    struct vcpu *vcpu;
    uint64_t arg[5];
    bool long_mode;
};

static bool is_self(const struct hv *hv, uint16_t domid)
{
    return domid == DOMID_SELF || domid == hv->cfg.domid;
}

/* --- memory_op --- */

static int64_t memory_populate(struct call *c, uint32_t first)
{
    struct hv *hv = c->vcpu->hv;
    struct populate32 p;
    uint32_t done;

    if (!vcpu_read(c->vcpu, c->arg[1], &p, sizeof(p))) {
        return -EFAULT;
    }
    if (!is_self(hv, p.domid)) {
        return -ESRCH;
    }
    if (first > p.nr || p.order > 18) {
        return first;
    }
    /* The loader's area is RAM from the start, so there is nothing to do but to look. */
    for (done = first; done < p.nr && done - first < POPULATE_MAX; done++) {
        uint64_t at = (uint64_t)p.list + (uint64_t)done * sizeof(uint32_t);
        uint32_t gfn;

        if (!vcpu_read(c->vcpu, at, &gfn, sizeof(gfn)) ||
            !mem_ram_ptr(hv, (uint64_t)gfn << PAGE_SHIFT, (uint64_t)CORE_PAGE << p.order)) {
            break;
        }
    }
    return done;
}

/*
 * shared_info in its 32-bit layout: only the time of each vCPU means anything (the loader takes the
 * CPU's frequency from it).
 */
static void shared_info_fill(struct vcpu *vcpu, uint8_t *page)
{
    enum { VCPUS = 32, VCPU_INFO = 64, TIME = 32, MUL = 24, SHIFT = 28, UPCALL_MASK = 1 };
    int khz = ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0);
    uint64_t hz = khz > 0 ? (uint64_t)khz * 1000 : 1000000000ull;
    int8_t shift = 0;

    /* ns = ((tsc << shift) * mul) >> 32 with mul in [2^31, 2^32) */
    while (hz > 2000000000ull) {
        hz >>= 1;
        shift--;
    }
    while (hz <= 1000000000ull) {
        hz <<= 1;
        shift++;
    }
    uint32_t mul = (uint32_t)((1000000000ull << 32) / hz);

    memset(page, 0, CORE_PAGE);
    for (unsigned i = 0; i < VCPUS; i++) {
        uint8_t *info = page + i * VCPU_INFO;

        info[UPCALL_MASK] = 1;
        memcpy(info + TIME + MUL, &mul, sizeof(mul));
        memcpy(info + TIME + SHIFT, &shift, sizeof(shift));
    }
}

static int64_t memory_physmap(struct call *c)
{
    struct hv *hv = c->vcpu->hv;
    struct physmap32 p;
    uint8_t *page;

    if (!vcpu_read(c->vcpu, c->arg[1], &p, sizeof(p))) {
        return -EFAULT;
    }
    if (!is_self(hv, p.domid)) {
        return -ESRCH;
    }
    if (p.space != XENMAPSPACE_shared_info || p.idx != 0) {
        return -EINVAL;
    }
    page = mem_ram_ptr(hv, (uint64_t)p.gpfn << PAGE_SHIFT, CORE_PAGE);
    if (!page) {
        return -EINVAL;
    }
    shared_info_fill(c->vcpu, page);
    hv->shared_info_gfn = p.gpfn;
    return 0;
}

static int64_t memory_map(struct call *c)
{
    const struct hv_mem *mem = &c->vcpu->hv->mem;
    const struct e820_packed e[] = {
        {0x100000, mem->low_end - 0x100000, XEN_HVM_MEMMAP_TYPE_RAM},
        {HV_HIGH_START, mem->high_end > HV_HIGH_START ? mem->high_end - HV_HIGH_START : 0,
         XEN_HVM_MEMMAP_TYPE_RAM},
    };
    uint32_t n = e[1].size ? 2 : 1;
    struct memory_map32 m;

    if (!vcpu_read(c->vcpu, c->arg[1], &m, sizeof(m))) {
        return -EFAULT;
    }
    m.nr = m.nr < n ? m.nr : n;
    if (!vcpu_write(c->vcpu, m.buffer, e, m.nr * sizeof(e[0])) ||
        !vcpu_write(c->vcpu, c->arg[1], &m.nr, sizeof(m.nr))) {
        return -EFAULT;
    }
    return 0;
}

static int64_t call_memory_op(struct call *c)
{
    uint32_t cmd = (uint32_t)c->arg[0];

    if (c->long_mode) {
        return -XEN_ENOSYS; /* other layouts; firmware is 32-bit */
    }
    switch (cmd & ((1u << EXTENT_SHIFT) - 1)) {
    case XENMEM_populate_physmap:
        return memory_populate(c, cmd >> EXTENT_SHIFT);
    case XENMEM_add_to_physmap:
        return memory_physmap(c);
    case XENMEM_memory_map:
        return memory_map(c);
    case XENMEM_get_vnumainfo:
        return -EOPNOTSUPP;
    default:
        return -XEN_ENOSYS;
    }
}

/* --- the others --- */

static int64_t call_xen_version(struct call *c)
{
    xen_extraversion_t extra = EXTRAVERSION;

    switch ((uint32_t)c->arg[0]) {
    case XENVER_version:
        return CPUID_XEN_MAJOR << 16 | CPUID_XEN_MINOR;
    case XENVER_extraversion:
        return vcpu_write(c->vcpu, c->arg[1], extra, sizeof(extra)) ? 0 : -EFAULT;
    case XENVER_guest_handle:
        return vcpu_write(c->vcpu, c->arg[1], c->vcpu->hv->cfg.uuid, 16) ? 0 : -EFAULT;
    default:
        return -XEN_ENOSYS;
    }
}

static int64_t sched_shutdown(struct call *c)
{
    struct hv *hv = c->vcpu->hv;
    uint32_t reason;

    if (!vcpu_read(c->vcpu, c->arg[1], &reason, sizeof(reason))) {
        return -EFAULT;
    }
    switch (reason) {
    case SHUTDOWN_poweroff:
        hv_shutdown(hv, HV_REASON_POWEROFF, "requested by the guest");
        return 0;
    case SHUTDOWN_reboot:
        hv_shutdown(hv, HV_REASON_RESET, "requested by the guest");
        return 0;
    case SHUTDOWN_suspend:
        hv_shutdown(hv, HV_REASON_SUSPEND, "requested by the guest");
        return 0;
    case SHUTDOWN_crash:
    case SHUTDOWN_watchdog:
        hv_shutdown(hv, HV_REASON_CRASH, "the guest's firmware gave up (vCPU %u)", c->vcpu->id);
        return 0;
    default:
        return -EINVAL;
    }
}

static int64_t call_sched_op(struct call *c)
{
    switch ((uint32_t)c->arg[0]) {
    case SCHEDOP_yield:
    case SCHEDOP_poll: /* what it would wait for was answered inside the send */
        return 0;
    case SCHEDOP_shutdown:
        return sched_shutdown(c);
    default:
        return -XEN_ENOSYS;
    }
}

static int64_t call_event_channel_op(struct call *c)
{
    struct hv *hv = c->vcpu->hv;
    uint64_t store = 0, console = 0;
    uint32_t port;

    if ((uint32_t)c->arg[0] != EVTCHNOP_send) {
        return -XEN_ENOSYS;
    }
    if (!vcpu_read(c->vcpu, c->arg[1], &port, sizeof(port))) {
        return -EFAULT;
    }
    param_get(hv, HVM_PARAM_STORE_EVTCHN, false, &store);
    param_get(hv, HVM_PARAM_CONSOLE_EVTCHN, false, &console);
    if (port && port == store) {
        store_event(hv);
        return 0;
    }
    return port && port == console ? 0 : -EINVAL; /* nobody reads the PV console */
}

/* The struct is the same for both word sizes. */
static int64_t call_hvm_op(struct call *c)
{
    uint32_t op = (uint32_t)c->arg[0];
    struct hvm_param_args a;
    int rc;

    if (op != HVMOP_set_param && op != HVMOP_get_param) {
        return -XEN_ENOSYS;
    }
    if (!vcpu_read(c->vcpu, c->arg[1], &a, sizeof(a))) {
        return -EFAULT;
    }
    if (!is_self(c->vcpu->hv, a.domid)) {
        return -ESRCH;
    }
    if (op == HVMOP_set_param) {
        return param_set(c->vcpu, a.index, true, a.value);
    }
    rc = param_get(c->vcpu->hv, a.index, true, &a.value);
    if (!rc && !vcpu_write(c->vcpu, c->arg[1], &a, sizeof(a))) {
        rc = -EFAULT;
    }
    return rc;
}

/* Only protected-mode kernels may call; finds out where the arguments lie. */
static int64_t call_mode(struct call *c, const struct kvm_regs *regs)
{
    const struct kvm_sregs *s = vcpu_sregs(c->vcpu);

    if (!s) {
        return -EFAULT;
    }
    if (!(s->cr0 & 1) || (regs->rflags & (1u << 17)) || s->ss.dpl) {
        return -EPERM;
    }
    c->long_mode = (s->efer & (1u << 10)) && s->cs.l;
    if (c->long_mode) {
        const uint64_t arg[] = {regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8};

        memcpy(c->arg, arg, sizeof(c->arg));
    } else {
        const uint64_t arg[] = {(uint32_t)regs->rbx, (uint32_t)regs->rcx, (uint32_t)regs->rdx,
                                (uint32_t)regs->rsi, (uint32_t)regs->rdi};

        memcpy(c->arg, arg, sizeof(c->arg));
    }
    return 0;
}

void hypercall(struct vcpu *vcpu, struct kvm_regs *regs)
{
    struct call c = {.vcpu = vcpu};
    int64_t rc = call_mode(&c, regs);

    if (!rc) {
        switch ((uint32_t)regs->rax) {
        case CALL_MEMORY_OP:
            rc = call_memory_op(&c);
            break;
        case CALL_XEN_VERSION:
            rc = call_xen_version(&c);
            break;
        case CALL_SCHED_OP:
            rc = call_sched_op(&c);
            break;
        case CALL_EVENT_CHANNEL_OP:
            rc = call_event_channel_op(&c);
            break;
        case CALL_HVM_OP:
            rc = call_hvm_op(&c);
            break;
        default:
            rc = -XEN_ENOSYS;
            break;
        }
    }
    regs->rax = c.long_mode ? (uint64_t)rc : (uint32_t)rc;
}

/* --- the hypercall page --- */

/* MOV EAX, nr; OUT imm8, EAX; RET; the rest INT3. */
static void stub_write(uint8_t *stub, uint32_t nr)
{
    const uint8_t out[] = {0xe7, HV_HYPERCALL_PORT, 0xc3};

    memset(stub, 0xcc, HCALL_STUB);
    if (nr == HCALL_IRET) {
        stub[0] = 0x0f;
        stub[1] = 0x0b;
        return;
    }
    stub[0] = 0xb8;
    memcpy(stub + 1, &nr, sizeof(nr));
    memcpy(stub + 5, out, sizeof(out));
}

bool msr_read(struct vcpu *vcpu, uint32_t index, uint64_t *value)
{
    if (vcpu->hv->cfg.firmware != HV_FIRMWARE_XEN || index != HV_HYPERCALL_MSR) {
        return false;
    }
    *value = 0;
    return true;
}

/* The low 12 bits choose one of the hypercall pages, of which there is one. */
bool msr_write(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
    uint8_t *page;

    if (vcpu->hv->cfg.firmware != HV_FIRMWARE_XEN || index != HV_HYPERCALL_MSR ||
        (value & (CORE_PAGE - 1))) {
        return false;
    }
    page = mem_ram_ptr(vcpu->hv, value, CORE_PAGE);
    if (!page) {
        return false;
    }
    for (uint32_t nr = 0; nr < CORE_PAGE / HCALL_STUB; nr++) {
        stub_write(page + nr * HCALL_STUB, nr);
    }
    return true;
}
