/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of a guest: create, run, stop, reset, end. */
#include "hv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "post.h"
#include "sandbox.h"
#include "spin.h"
#include "trace.h"
#include "vcpu.h"

#define MSR_FILTER_BASE  0x40000000u
#define MSR_FILTER_COUNT 0x100u
#define LAPIC_LVTT       0x320u
#define LAPIC_TMICT      0x380u
#define LAPIC_TMCCT      0x390u
#define LVTT_MODE        0x60000u
#define LVTT_DEADLINE    0x40000u
#define RESET_WAIT_S     2

/* --- stopping and going on --- */

static uint64_t mono_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static uint32_t lapic_reg(const struct kvm_lapic_state *l, unsigned reg)
{
    uint32_t v;

    memcpy(&v, l->regs + reg, sizeof(v));
    return v;
}

/* What is left of a LAPIC timer; 0 when it does not count. */
static uint32_t lapic_timer_left(struct vcpu *vcpu)
{
    struct kvm_lapic_state l;

    if (ioctl(vcpu->fd, KVM_GET_LAPIC, &l) < 0 || lapic_reg(&l, LAPIC_TMICT) == 0 ||
        (lapic_reg(&l, LAPIC_LVTT) & LVTT_MODE) == LVTT_DEADLINE) {
        return 0;
    }
    return lapic_reg(&l, LAPIC_TMCCT);
}

/* Interrupts that arrived meanwhile stay; only the timer goes back. */
static void lapic_timer_resume(struct vcpu *vcpu, uint32_t left)
{
    struct kvm_lapic_state l;

    if (left && ioctl(vcpu->fd, KVM_GET_LAPIC, &l) == 0) {
        memcpy(l.regs + LAPIC_TMCCT, &left, sizeof(left));
        ioctl(vcpu->fd, KVM_SET_LAPIC, &l);
    }
}

static void clocks_freeze(struct hv *hv)
{
    hv->stopped_at = mono_ns();
    chips_freeze(hv);
    irq_freeze_pit(hv);
    memset(&hv->clock, 0, sizeof(hv->clock));
    ioctl(hv->vm_fd, KVM_GET_CLOCK, &hv->clock);
    hv->clock.flags = 0;
    for (unsigned i = 0; i < hv->nvcpus; i++) {
        hv->lapic_left[i] = lapic_timer_left(&hv->vcpu[i]);
        ioctl(hv->vcpu[i].fd, KVM_KVMCLOCK_CTRL, 0); /* fails where the guest does not use it */
    }
}

static void clocks_thaw(struct hv *hv)
{
    for (unsigned i = 0; i < hv->nvcpus; i++) {
        lapic_timer_resume(&hv->vcpu[i], hv->lapic_left[i]);
    }
    ioctl(hv->vm_fd, KVM_SET_CLOCK, &hv->clock);
    irq_thaw_pit(hv, mono_ns() - hv->stopped_at);
    chips_thaw(hv);
}

static bool all_vcpus(const struct hv *hv, bool waiting_too)
{
    for (unsigned i = 0; i < hv->nvcpus; i++) {
        if (!hv->vcpu[i].parked && !(waiting_too && hv->vcpu[i].waiting)) {
            return false;
        }
    }
    return true;
}

/* Called with run.lock held. */
static void stop_begin(struct hv *hv)
{
    if (atomic_exchange(&hv->run.stop, true)) {
        return;
    }
    for (unsigned i = 0; i < hv->nvcpus; i++) {
        if (hv->vcpu[i].started) {
            vcpu_kick(&hv->vcpu[i]);
        }
    }
}

void hv_stop(struct hv *hv)
{
    pthread_mutex_lock(&hv->run.lock);
    stop_begin(hv);
    while (!all_vcpus(hv, true)) {
        pthread_cond_wait(&hv->run.changed, &hv->run.lock);
    }
    bool freeze = hv->run.was_running;

    hv->run.was_running = false;
    pthread_mutex_unlock(&hv->run.lock);
    if (freeze) {
        clocks_freeze(hv);
        trace_flush(hv);
    }
}

void hv_cont(struct hv *hv)
{
    bool thaw;

    pthread_mutex_lock(&hv->run.lock);
    thaw = !hv->run.was_running;
    hv->run.was_running = true;
    pthread_mutex_unlock(&hv->run.lock);
    if (thaw) {
        clocks_thaw(hv);
    }
    pthread_mutex_lock(&hv->run.lock);
    if (hv->run.reason == HV_REASON_NONE) {
        atomic_store(&hv->run.stop, false);
        pthread_cond_broadcast(&hv->run.changed);
    }
    pthread_mutex_unlock(&hv->run.lock);
}

void hv_shutdown(struct hv *hv, enum hv_reason reason, const char *fmt, ...)
{
    uint64_t one = 1;
    va_list ap;

    pthread_mutex_lock(&hv->run.lock);
    atomic_fetch_add(&hv->run.ends, 1);
    if (hv->run.reason == HV_REASON_NONE) {
        hv->run.reason = reason;
        va_start(ap, fmt);
        vsnprintf(hv->run.detail, sizeof(hv->run.detail), fmt, ap);
        va_end(ap);
    }
    stop_begin(hv);
    pthread_mutex_unlock(&hv->run.lock);
    if (write(hv->run.notify_fd, &one, sizeof(one)) < 0) {
        log_error("cannot tell the monitor: %s", strerror(errno));
    }
}

const char *hv_reason_name(enum hv_reason reason)
{
    static const char *const names[] = {"none",         "poweroff",       "reset",
                                        "suspend",      "crash",          "debug-exit",
                                        "triple-fault", "internal-error", "dm-gone"};

    return names[reason];
}

/* --- reset --- */

/* Requests that nobody will answer any more are dropped; their slots become usable again. */
static void abandon_requests(struct hv *hv)
{
    atomic_store(&hv->run.abandon, true);
    for (unsigned i = 0; i < hv->nvcpus; i++) {
        vcpu_wake(&hv->vcpu[i]);
    }
    pthread_mutex_lock(&hv->run.lock);
    while (!all_vcpus(hv, false)) {
        pthread_cond_wait(&hv->run.changed, &hv->run.lock);
    }
    pthread_mutex_unlock(&hv->run.lock);
    atomic_store(&hv->run.abandon, false);
    route_clear_slots(hv);
}

/* All vCPU threads out of the core's code, not only out of the guest. */
static void wait_parked(struct hv *hv)
{
    struct timespec until;
    bool parked;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += RESET_WAIT_S;
    pthread_mutex_lock(&hv->run.lock);
    while (!all_vcpus(hv, false) &&
           pthread_cond_timedwait(&hv->run.changed, &hv->run.lock, &until) == 0) {
    }
    parked = all_vcpus(hv, false);
    pthread_mutex_unlock(&hv->run.lock);
    if (!parked) {
        abandon_requests(hv);
    }
}

/* What the guest asked for, or fell into, before its reset is history. */
static void forget_end(struct hv *hv)
{
    pthread_mutex_lock(&hv->run.lock);
    if (hv->run.reason != HV_REASON_DM_GONE) {
        hv->run.reason = HV_REASON_NONE;
    }
    pthread_mutex_unlock(&hv->run.lock);
}

static int build(struct hv *hv, char *err, size_t errlen)
{
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    int rc = 0;

    for (unsigned i = hv->nvcpus; i-- > 0 && !rc;) {
        rc = vcpu_reset(&hv->vcpu[i], &regs, &sregs);
    }
    if (rc) {
        snprintf(err, errlen, "/dev/kvm: the kernel refused the state of a new vCPU");
        return rc;
    }
    rc = builder_build(hv, &regs, &sregs, err, errlen);
    if (!rc && (ioctl(hv->vcpu[0].fd, KVM_SET_SREGS, &sregs) < 0 ||
                ioctl(hv->vcpu[0].fd, KVM_SET_REGS, &regs) < 0)) {
        rc = -errno;
        snprintf(err, errlen, "/dev/kvm: the kernel refused the first vCPU's start state: %s",
                 strerror(-rc));
    }
    return rc;
}

int hv_reset(struct hv *hv)
{
    char err[256] = "";

    hv_stop(hv);
    wait_parked(hv);
    forget_end(hv);
    chips_reset(hv);
    irq_reset(hv); /* after the chips, which lower their lines */
    route_reset(hv);
    mem_reset(hv);
    hv->shared_info_gfn = 0;
    memset(hv->lapic_left, 0, sizeof(hv->lapic_left));
    int rc = build(hv, err, sizeof(err));

    if (rc) {
        log_error("system_reset: %s", err);
    }
    return rc;
}

/* --- creation --- */

static void open_kvm(struct hv *hv)
{
    static const struct {
        int cap;
        const char *name;
    } need[] = {
        {KVM_CAP_IRQCHIP, "IRQCHIP"},
        {KVM_CAP_PIT2, "PIT2"},
        {KVM_CAP_IRQFD_RESAMPLE, "IRQFD_RESAMPLE"},
        {KVM_CAP_IOEVENTFD, "IOEVENTFD"},
        {KVM_CAP_IRQ_ROUTING, "IRQ_ROUTING"},
        {KVM_CAP_SYNC_REGS, "SYNC_REGS"},
        {KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT"},
        {KVM_CAP_READONLY_MEM, "READONLY_MEM"},
        {KVM_CAP_X86_USER_SPACE_MSR, "X86_USER_SPACE_MSR"},
        {KVM_CAP_X86_MSR_FILTER, "X86_MSR_FILTER"},
    };

    hv->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (hv->kvm_fd < 0) {
        if (errno == EACCES || errno == EPERM) {
            die("/dev/kvm: no permission: add yourself to group kvm (adduser USER kvm)");
        }
        die("/dev/kvm: %s: load kvm_intel or kvm_amd, and enable virtualisation in the firmware",
            strerror(errno));
    }
    if (ioctl(hv->kvm_fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
        die("/dev/kvm: unknown API version: a newer kernel is needed");
    }
    for (unsigned i = 0; i < sizeof(need) / sizeof(need[0]); i++) {
        if (ioctl(hv->kvm_fd, KVM_CHECK_EXTENSION, need[i].cap) <= 0) {
            die("/dev/kvm: the kernel lacks KVM_CAP_%s: Linux 5.10 or newer is needed",
                need[i].name);
        }
    }
    int max = ioctl(hv->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
    if (max > 0 && hv->nvcpus > (unsigned)max) {
        die("--vcpus %u: this host allows %d: give fewer", hv->nvcpus, max);
    }
}

/* The hypercall page's MSR and its neighbours come to user space; all others are KVM's. */
static void filter_msrs(struct hv *hv)
{
    static uint8_t none[MSR_FILTER_COUNT / 8];
    struct kvm_enable_cap cap = {.cap = KVM_CAP_X86_USER_SPACE_MSR,
                                 .args = {KVM_MSR_EXIT_REASON_FILTER}};
    struct kvm_msr_filter filter = {.flags = KVM_MSR_FILTER_DEFAULT_ALLOW};

    filter.ranges[0].flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE;
    filter.ranges[0].base = MSR_FILTER_BASE;
    filter.ranges[0].nmsrs = MSR_FILTER_COUNT;
    filter.ranges[0].bitmap = none;
    if (ioctl(hv->vm_fd, KVM_ENABLE_CAP, &cap) < 0 ||
        ioctl(hv->vm_fd, KVM_X86_SET_MSR_FILTER, &filter) < 0) {
        die("/dev/kvm: the kernel refused the MSR filter: %s", strerror(errno));
    }
}

static void create_vm(struct hv *hv)
{
    uint64_t ident = HV_IDENT_MAP_ADDR;

    do {
        hv->vm_fd = ioctl(hv->kvm_fd, KVM_CREATE_VM, 0);
    } while (hv->vm_fd < 0 && errno == EINTR);
    if (hv->vm_fd < 0) {
        die("/dev/kvm: cannot create a virtual machine: %s", strerror(errno));
    }
    if (ioctl(hv->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &ident) < 0 ||
        ioctl(hv->vm_fd, KVM_SET_TSS_ADDR, (unsigned long)HV_TSS_ADDR) < 0) {
        die("/dev/kvm: cannot place the kernel's own pages: %s", strerror(errno));
    }
    if (hv->cfg.firmware == HV_FIRMWARE_XEN) {
        filter_msrs(hv);
    }
}

static void create_stats(struct hv *hv)
{
    hv->stats_size = sizeof(struct stats_page) + hv->nvcpus * sizeof(struct stats_vcpu);
    hv->stats_size = (hv->stats_size + CORE_PAGE - 1) & ~(size_t)(CORE_PAGE - 1);
    hv->stats_fd = memfd_create("stats", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (hv->stats_fd < 0 || ftruncate(hv->stats_fd, (off_t)hv->stats_size) < 0) {
        die("cannot create the counters: %s", strerror(errno));
    }
    hv->stats = mmap(NULL, hv->stats_size, PROT_READ | PROT_WRITE, MAP_SHARED, hv->stats_fd, 0);
    if (hv->stats == MAP_FAILED) {
        die("cannot map the counters: %s", strerror(errno));
    }
    fcntl(hv->stats_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE);
    hv->stats->magic = STATS_MAGIC;
    hv->stats->version = STATS_VERSION;
    hv->stats->nvcpus = hv->nvcpus;
}

static void kick_handler(int sig)
{
}

static void init_run(struct hv *hv)
{
    struct sigaction sa = {.sa_handler = kick_handler}; /* no SA_RESTART: KVM_RUN must return */

    sigaction(SIGUSR1, &sa, NULL);
    pthread_mutex_init(&hv->run.lock, NULL);
    pthread_cond_init(&hv->run.changed, NULL);
    pthread_mutex_init(&hv->params_lock, NULL);
    atomic_store(&hv->run.stop, true);
    hv->run.notify_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (hv->run.notify_fd < 0) {
        die("cannot create an eventfd: %s", strerror(errno));
    }
}

void hv_create(struct hv *hv, const struct hv_config *cfg)
{
    char err[256] = "";

    memset(hv, 0, sizeof(*hv));
    hv->cfg = *cfg;
    hv->nvcpus = cfg->vcpus;
    init_run(hv);
    open_kvm(hv);
    create_stats(hv);
    create_vm(hv);
    irq_create(hv);
    mem_create(hv);
    hv_sandbox_isolate(hv);
    chips_create(hv);
    for (unsigned i = 0; i < hv->nvcpus; i++) {
        vcpu_create(hv, i);
    }
    spin_create(hv);
    route_create(hv);
    post_create(hv);
    trace_create(hv);
    ioctl(hv->vm_fd, KVM_GET_CLOCK, &hv->clock);
    hv->clock.flags = 0;
    hv->stopped_at = mono_ns();
    if (build(hv, err, sizeof(err)) < 0) {
        die("%s", err);
    }
    for (unsigned i = 0; i < hv->nvcpus; i++) {
        vcpu_start(&hv->vcpu[i]);
    }
}

void hv_destroy(struct hv *hv)
{
    pthread_mutex_lock(&hv->run.lock);
    atomic_store(&hv->run.quit, true);
    stop_begin(hv);
    pthread_cond_broadcast(&hv->run.changed);
    pthread_mutex_unlock(&hv->run.lock);
    for (unsigned i = 0; i < hv->nvcpus; i++) {
        vcpu_wake(&hv->vcpu[i]);
        vcpu_kick(&hv->vcpu[i]);
    }
    for (unsigned i = 0; i < hv->nvcpus; i++) {
        pthread_join(hv->vcpu[i].thread, NULL);
    }
    trace_flush(hv);
}
