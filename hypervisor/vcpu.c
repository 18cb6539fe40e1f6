/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vcpu.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log.h"

#define MAX_CPUID         256u
#define MAX_MSRS          512u
#define CR0_PG            0x80000000u
#define LVT0              0x350u
#define LVT_EXTINT        0x700u
#define LVT_MASKED_EXTINT 0x10700u
#define MSR_TSC           0x10u
#define MSR_TSC_ADJUST    0x3bu

/* What a vCPU was like when KVM had just made it. */
struct vcpu_reset_state {
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    struct kvm_xsave xsave;
    struct kvm_xcrs xcrs;
    struct kvm_debugregs debugregs;
    struct kvm_vcpu_events events;
    struct kvm_lapic_state lapic;
    struct kvm_mp_state mp;
    uint32_t nmsrs;
    struct kvm_msr_entry msr[MAX_MSRS];
};

/* --- registers --- */

struct kvm_regs *vcpu_regs(struct vcpu *vcpu)
{
    return &vcpu->run->s.regs.regs;
}

void vcpu_set_regs(struct vcpu *vcpu)
{
    vcpu->run->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
}

const struct kvm_sregs *vcpu_sregs(struct vcpu *vcpu)
{
    if (!vcpu->sregs_valid) {
        vcpu->sregs_valid = ioctl(vcpu->fd, KVM_GET_SREGS, &vcpu->sregs) == 0;
    }
    return vcpu->sregs_valid ? &vcpu->sregs : NULL;
}

bool vcpu_translate(struct vcpu *vcpu, uint64_t linear, uint64_t *gpa)
{
    const struct kvm_sregs *s = vcpu_sregs(vcpu);
    struct kvm_translation t = {.linear_address = linear};

    if (!s) {
        return false;
    }
    if (!(s->cr0 & CR0_PG)) {
        *gpa = (uint32_t)linear;
        return true;
    }
    if (ioctl(vcpu->fd, KVM_TRANSLATE, &t) < 0 || !t.valid) {
        return false;
    }
    *gpa = t.physical_address;
    return true;
}

/* Calls for each part that lies in one page. */
static bool vcpu_copy(struct vcpu *vcpu, uint64_t addr, uint8_t *buf, size_t len, bool write)
{
    while (len) {
        size_t part = 4096 - (addr & 4095);
        uint64_t gpa;

        part = part < len ? part : len;
        uint8_t *host = vcpu_translate(vcpu, addr, &gpa) ? mem_seen(vcpu->hv, gpa, write) : NULL;

        if (!host) {
            return false;
        }
        if (write) {
            memcpy(host, buf, part);
        } else {
            memcpy(buf, host, part);
        }
        addr += part;
        buf += part;
        len -= part;
    }
    return true;
}

bool vcpu_read(struct vcpu *vcpu, uint64_t addr, void *buf, size_t len)
{
    return vcpu_copy(vcpu, addr, buf, len, false);
}

bool vcpu_write(struct vcpu *vcpu, uint64_t addr, const void *buf, size_t len)
{
    return vcpu_copy(vcpu, addr, (uint8_t *)(uintptr_t)buf, len, true);
}

void vcpu_fix_lvt0(struct vcpu *vcpu)
{
    struct kvm_lapic_state lapic;
    uint32_t lvt0, fixed = LVT_EXTINT;

    if (ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic) < 0) {
        return;
    }
    memcpy(&lvt0, lapic.regs + LVT0, 4);
    if (lvt0 == LVT_MASKED_EXTINT) {
        memcpy(lapic.regs + LVT0, &fixed, 4);
        ioctl(vcpu->fd, KVM_SET_LAPIC, &lapic);
    }
}

void vcpu_describe(struct vcpu *vcpu, char *buf, size_t len)
{
    const struct kvm_regs *r = vcpu_regs(vcpu);
    const struct kvm_sregs *s = vcpu_sregs(vcpu);
    static const struct kvm_sregs none;

    s = s ? s : &none;
    snprintf(buf, len,
             "vcpu=%u cs=%04x:%" PRIx64 " rip=%" PRIx64 " rflags=%" PRIx64 " rax=%" PRIx64
             " rbx=%" PRIx64 " rcx=%" PRIx64 " rdx=%" PRIx64 " rsi=%" PRIx64 " rdi=%" PRIx64
             " rbp=%" PRIx64 " rsp=%" PRIx64 " ss=%04x ds=%04x es=%04x cr0=%" PRIx64 " cr2=%" PRIx64
             " cr3=%" PRIx64 " cr4=%" PRIx64 " efer=%" PRIx64,
             vcpu->id, s->cs.selector, (uint64_t)s->cs.base, (uint64_t)r->rip, (uint64_t)r->rflags,
             (uint64_t)r->rax, (uint64_t)r->rbx, (uint64_t)r->rcx, (uint64_t)r->rdx,
             (uint64_t)r->rsi, (uint64_t)r->rdi, (uint64_t)r->rbp, (uint64_t)r->rsp, s->ss.selector,
             s->ds.selector, s->es.selector, (uint64_t)s->cr0, (uint64_t)s->cr2, (uint64_t)s->cr3,
             (uint64_t)s->cr4, (uint64_t)s->efer);
}

/* --- the thread --- */

static void vcpu_park(struct vcpu *vcpu)
{
    struct hv *hv = vcpu->hv;

    pthread_mutex_lock(&hv->run.lock);
    vcpu->parked = true;
    pthread_cond_broadcast(&hv->run.changed);
    while (atomic_load(&hv->run.stop) && !atomic_load(&hv->run.quit)) {
        pthread_cond_wait(&hv->run.changed, &hv->run.lock);
    }
    vcpu->parked = false;
    vcpu->ends_seen = atomic_load(&hv->run.ends);
    vcpu->run->immediate_exit = 0;
    pthread_mutex_unlock(&hv->run.lock);
}

/* Enters the guest, or only lets KVM finish the last exit when immediate_exit is set. */
static void vcpu_enter(struct vcpu *vcpu)
{
    static struct log_limit limit;

    if (ioctl(vcpu->fd, KVM_RUN, 0) == 0) {
        vcpu->pending = true;
        exit_handle(vcpu);
        return;
    }
    vcpu->pending = false;
    if (errno == EINTR) {
        vcpu->stats->exits[STATS_EXIT_INTR]++;
    } else if (errno != EAGAIN) {
        log_limited(&limit, LOG_ERROR, "vCPU %u: KVM_RUN: %s", vcpu->id, strerror(errno));
        hv_shutdown(vcpu->hv, HV_REASON_INTERNAL_ERROR, "KVM_RUN: %s", strerror(errno));
    }
}

static void *vcpu_main(void *opaque)
{
    struct vcpu *vcpu = opaque;
    struct hv *hv = vcpu->hv;

    while (!atomic_load(&hv->run.quit)) {
        /* A kick while it waited at a slot: parking takes it back, even if the stop is over. */
        if (!atomic_load(&hv->run.stop) && !vcpu->run->immediate_exit) {
            vcpu_enter(vcpu);
        } else if (vcpu->pending) {
            vcpu->run->immediate_exit = 1;
            vcpu_enter(vcpu);
        } else {
            vcpu_park(vcpu);
        }
    }
    pthread_mutex_lock(&hv->run.lock);
    vcpu->parked = true;
    pthread_cond_broadcast(&hv->run.changed);
    pthread_mutex_unlock(&hv->run.lock);
    return NULL;
}

void vcpu_wake(struct vcpu *vcpu)
{
    uint64_t one = 1;

    if (write(vcpu->wake_fd, &one, sizeof(one)) < 0) {
        log_debug("vCPU %u: wake-up not delivered", vcpu->id);
    }
}

void vcpu_kick(struct vcpu *vcpu)
{
    vcpu->run->immediate_exit = 1;
    pthread_kill(vcpu->thread, SIGUSR1);
}

void vcpu_start(struct vcpu *vcpu)
{
    if (pthread_create(&vcpu->thread, NULL, vcpu_main, vcpu) != 0) {
        die("--vcpus: cannot create a thread for vCPU %u: %s", vcpu->id, strerror(errno));
    }
    vcpu->started = true;
}

/* --- set-up and reset --- */

static void set_cpuid(struct vcpu *vcpu)
{
    size_t size = sizeof(struct kvm_cpuid2) + MAX_CPUID * sizeof(struct kvm_cpuid_entry2);
    struct kvm_cpuid2 *c = calloc(1, size);

    if (!c) {
        die("out of memory");
    }
    c->nent = MAX_CPUID;
    if (ioctl(vcpu->hv->kvm_fd, KVM_GET_SUPPORTED_CPUID, c) < 0 ||
        cpuid_fill(vcpu, c, MAX_CPUID) < 0 || ioctl(vcpu->fd, KVM_SET_CPUID2, c) < 0) {
        die("/dev/kvm: the kernel refused the guest's CPUID: %s", strerror(errno));
    }
    free(c);
}

/* Time goes on through a reset, and synthetic MSRs are the core's. */
static bool msr_is_reset(uint32_t index)
{
    return index != MSR_TSC && index != MSR_TSC_ADJUST &&
           (index < 0x40000000 || index > 0x400001ff);
}

static void save_msrs(struct vcpu *vcpu, struct vcpu_reset_state *r)
{
    struct {
        struct kvm_msr_list head;
        uint32_t index[MAX_MSRS];
    } list = {.head = {.nmsrs = MAX_MSRS}};

    if (ioctl(vcpu->hv->kvm_fd, KVM_GET_MSR_INDEX_LIST, &list) < 0) {
        return;
    }
    for (uint32_t i = 0; i < list.head.nmsrs && r->nmsrs < MAX_MSRS; i++) {
        struct {
            struct kvm_msrs head;
            struct kvm_msr_entry e;
        } one = {.head = {.nmsrs = 1}, .e = {.index = list.head.indices[i]}};

        if (msr_is_reset(one.e.index) && ioctl(vcpu->fd, KVM_GET_MSRS, &one) == 1) {
            r->msr[r->nmsrs++] = one.e;
        }
    }
}

static void restore_msrs(struct vcpu *vcpu, const struct vcpu_reset_state *r)
{
    for (uint32_t i = 0; i < r->nmsrs; i++) {
        struct {
            struct kvm_msrs head;
            struct kvm_msr_entry e;
        } one = {.head = {.nmsrs = 1}, .e = r->msr[i]};

        ioctl(vcpu->fd, KVM_SET_MSRS, &one); /* read-only ones refuse, and need nothing */
    }
}

static void save_state(struct vcpu *vcpu)
{
    struct vcpu_reset_state *r = calloc(1, sizeof(*r));

    if (!r) {
        die("out of memory");
    }
    if (ioctl(vcpu->fd, KVM_GET_REGS, &r->regs) < 0 ||
        ioctl(vcpu->fd, KVM_GET_SREGS, &r->sregs) < 0 ||
        ioctl(vcpu->fd, KVM_GET_XSAVE, &r->xsave) < 0 ||
        ioctl(vcpu->fd, KVM_GET_XCRS, &r->xcrs) < 0 ||
        ioctl(vcpu->fd, KVM_GET_DEBUGREGS, &r->debugregs) < 0 ||
        ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &r->events) < 0 ||
        ioctl(vcpu->fd, KVM_GET_LAPIC, &r->lapic) < 0 ||
        ioctl(vcpu->fd, KVM_GET_MP_STATE, &r->mp) < 0) {
        die("/dev/kvm: cannot read the state of vCPU %u: %s", vcpu->id, strerror(errno));
    }
    save_msrs(vcpu, r);
    vcpu->at_reset = r;
}

int vcpu_reset(struct vcpu *vcpu, struct kvm_regs *regs, struct kvm_sregs *sregs)
{
    const struct vcpu_reset_state *r = vcpu->at_reset;
    int bad = 0;

    *regs = r->regs;
    *sregs = r->sregs;
    bad |= ioctl(vcpu->fd, KVM_SET_MP_STATE, &r->mp);
    bad |= ioctl(vcpu->fd, KVM_SET_SREGS, &r->sregs);
    bad |= ioctl(vcpu->fd, KVM_SET_REGS, &r->regs);
    if (r->xcrs.nr_xcrs > 0) { /* a host without XSAVE gives none, and takes none */
        bad |= ioctl(vcpu->fd, KVM_SET_XCRS, &r->xcrs);
    }
    bad |= ioctl(vcpu->fd, KVM_SET_XSAVE, &r->xsave);
    bad |= ioctl(vcpu->fd, KVM_SET_DEBUGREGS, &r->debugregs);
    restore_msrs(vcpu, r);
    bad |= ioctl(vcpu->fd, KVM_SET_LAPIC, &r->lapic);
    bad |= ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &r->events);
    vcpu->run->kvm_dirty_regs = 0;
    vcpu->sregs_valid = false;
    vcpu->last_rip = vcpu->plain_rip = 0;
    return bad ? -EIO : 0;
}

void vcpu_create(struct hv *hv, unsigned id)
{
    struct vcpu *vcpu = &hv->vcpu[id];
    int size = ioctl(hv->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

    vcpu->hv = hv;
    vcpu->id = id;
    vcpu->apic_id = hv->cfg.firmware == HV_FIRMWARE_XEN ? 2 * id : id;
    vcpu->stats = &hv->stats->vcpu[id];
    vcpu->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    vcpu->fd = ioctl(hv->vm_fd, KVM_CREATE_VCPU, (unsigned long)vcpu->apic_id);
    if (vcpu->fd < 0 || vcpu->wake_fd < 0 || size < 0) {
        die("--vcpus %u: the kernel cannot create vCPU %u: %s", hv->nvcpus, id, strerror(errno));
    }
    vcpu->run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
    if (vcpu->run == MAP_FAILED) {
        die("/dev/kvm: cannot map vCPU %u: %s", id, strerror(errno));
    }
    vcpu->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
    set_cpuid(vcpu);
    save_state(vcpu);
}
