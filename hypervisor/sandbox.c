/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sandbox.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lockdown.h"
#include "log.h"

#define MAX_FILES      256 /* and for each vCPU: */
#define FILES_PER_VCPU 8

#define KVM_CALL(name) LOCKDOWN_IF(ioctl, 1, LOCKDOWN_INT, name)

/* docs/security.md has the same list, and a test holds them together. */
static const struct lockdown_rule rules[] = {
    /* vCPUs: running them; what the memory map, interrupts, pauses and resets need */
    LOCKDOWN_IF(ioctl, 1, UINT64_MAX, KVM_RUN), /* the widest mask: compared before the others */
    KVM_CALL(KVM_IRQ_LINE),
    KVM_CALL(KVM_SIGNAL_MSI),
    KVM_CALL(KVM_IRQFD),
    KVM_CALL(KVM_IOEVENTFD),
    KVM_CALL(KVM_SET_GSI_ROUTING),
    KVM_CALL(KVM_SET_USER_MEMORY_REGION),
    KVM_CALL(KVM_GET_DIRTY_LOG),
    KVM_CALL(KVM_REGISTER_COALESCED_MMIO),
    KVM_CALL(KVM_UNREGISTER_COALESCED_MMIO),
    KVM_CALL(KVM_GET_CLOCK),
    KVM_CALL(KVM_SET_CLOCK),
    KVM_CALL(KVM_KVMCLOCK_CTRL),
    KVM_CALL(KVM_GET_TSC_KHZ),
    KVM_CALL(KVM_TRANSLATE),
    KVM_CALL(KVM_GET_IRQCHIP),
    KVM_CALL(KVM_SET_IRQCHIP),
    KVM_CALL(KVM_GET_PIT2),
    KVM_CALL(KVM_SET_PIT2),
    KVM_CALL(KVM_REINJECT_CONTROL),
    KVM_CALL(KVM_GET_LAPIC),
    KVM_CALL(KVM_SET_LAPIC),
    KVM_CALL(KVM_GET_REGS),
    KVM_CALL(KVM_SET_REGS),
    KVM_CALL(KVM_GET_SREGS),
    KVM_CALL(KVM_SET_SREGS),
    KVM_CALL(KVM_SET_MSRS),
    KVM_CALL(KVM_SET_XCRS),
    KVM_CALL(KVM_SET_XSAVE),
    KVM_CALL(KVM_SET_DEBUGREGS),
    KVM_CALL(KVM_SET_VCPU_EVENTS),
    KVM_CALL(KVM_SET_MP_STATE),
    /* threads and time */
    LOCKDOWN_CALL(futex),
    LOCKDOWN_CALL(read),
    LOCKDOWN_CALL(write),
    LOCKDOWN_CALL(poll),
    LOCKDOWN_CALL(timerfd_settime),
    LOCKDOWN_CALL(clock_gettime),
    LOCKDOWN_CALL(rt_sigreturn),
    LOCKDOWN_CALL(rt_sigprocmask),
    LOCKDOWN_CALL(restart_syscall),
    LOCKDOWN_CALL(getpid), /* pthread_kill() needs both */
    LOCKDOWN_CALL(gettid),
    LOCKDOWN_CALL(rseq), /* of threads that have just begun */
    LOCKDOWN_CALL(set_robust_list),
    LOCKDOWN_CALL(exit),
    LOCKDOWN_CALL(exit_group),
    /* sockets; descriptors come and go with messages */
    LOCKDOWN_CALL(recvmsg),
    LOCKDOWN_CALL(sendmsg),
    LOCKDOWN_CALL(eventfd2),
    LOCKDOWN_CALL(close),
    LOCKDOWN_IF(fcntl, 1, LOCKDOWN_INT, F_GETFL),
    LOCKDOWN_IF(fcntl, 1, LOCKDOWN_INT, F_SETFL),
    LOCKDOWN_IF(fcntl, 1, LOCKDOWN_INT, F_DUPFD_CLOEXEC),
    LOCKDOWN_IF(fcntl, 1, LOCKDOWN_INT, F_ADD_SEALS),
    LOCKDOWN_IF(fcntl, 1, LOCKDOWN_INT, F_GET_SEALS),
    /* a reset reads the loader and the BIOS again */
    LOCKDOWN_CALL(pread64),
    LOCKDOWN_CALL(lseek),
    LOCKDOWN_CALL(fstat),
    LOCKDOWN_IF(newfstatat, 3, AT_EMPTY_PATH, AT_EMPTY_PATH), /* the C library's fstat() */
    /* memory, never executable */
    LOCKDOWN_IF(mmap, 2, PROT_EXEC, 0),
    LOCKDOWN_IF(mprotect, 2, PROT_EXEC, 0), /* each thread's heap grows by it */
    LOCKDOWN_CALL(munmap),
    LOCKDOWN_CALL(mremap),
    LOCKDOWN_CALL(brk),
    LOCKDOWN_IF(madvise, 2, LOCKDOWN_INT, MADV_DONTNEED),
    LOCKDOWN_IF(madvise, 2, LOCKDOWN_INT, MADV_REMOVE),
    LOCKDOWN_IF(madvise, 2, LOCKDOWN_INT, MADV_DONTDUMP),
    LOCKDOWN_IF(madvise, 2, LOCKDOWN_INT, MADV_HUGEPAGE),
    LOCKDOWN_IF(memfd_create, 1, LOCKDOWN_INT, MFD_CLOEXEC | MFD_ALLOW_SEALING),
    LOCKDOWN_CALL(ftruncate),
    LOCKDOWN_CALL(getrandom),
};

static bool wanted(const struct hv *hv)
{
    return hv->cfg.sandbox && lockdown_possible();
}

void hv_sandbox_isolate(const struct hv *hv)
{
    struct lockdown_place place = {.runas = hv->cfg.runas,
                                   .file_size = LOCKDOWN_FILE_SIZE,
                                   .files = MAX_FILES + FILES_PER_VCPU * hv->nvcpus};
    char err[256];

    if (hv->cfg.sandbox && !lockdown_possible()) {
        log_info("sandbox: left out, this is a build with sanitizers");
    }
    tzset(); /* later its file is out of reach */
    if (wanted(hv) && !lockdown_isolate(&place, err, sizeof(err))) {
        die("%s", err);
    }
}

void hv_sandbox_seal(const struct hv *hv)
{
    /* The process may be the first of its namespace: then it signals itself by that number. */
    const struct lockdown_rule kick = {
        SCMP_SYS(tgkill), 1, {{0, LOCKDOWN_INT, (uint64_t)getpid()}}};
    struct lockdown_rule all[sizeof(rules) / sizeof(rules[0]) + 1];
    unsigned n = sizeof(rules) / sizeof(rules[0]);
    char err[256];

    for (unsigned i = 0; i < n; i++) {
        all[i] = rules[i];
    }
    all[n++] = kick;
    if (wanted(hv) && !lockdown_seal(all, n, err, sizeof(err))) {
        die("%s", err);
    }
}
