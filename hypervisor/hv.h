/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hypervisor core: one guest on /dev/kvm. This header holds the central structs and the
 * functions between the core's files; hv.c creates, stops and resets a guest, main.c is the
 * process.
 *
 * Threads: one per vCPU; "control" serves the device model's socket; "timer" runs the chips'
 * deadlines; the main thread serves the monitor. Locks, outermost first:
 *   run.lock     run state; never held over a KVM_RUN or a wait for the device model
 *   mem.lock     memory map and KVM slots
 *   chip[].lock  one chip's registers and clock
 *   irq.lock     line levels and GSI routes
 *   chips.timer_lock  alarms of the chips; taken inside chip[].lock
 *   params_lock  HVM parameters and the store; innermost
 *   route.drain_lock  one drains KVM's coalesced ring; a vCPU may wait for the device model in it
 *   route.post_lock   producers of buffered rings
 *   route.lock        (rwlock) the ioreq servers' ranges and the posted ranges
 */
#ifndef CLEAVE_HYPERVISOR_HV_H
#define CLEAVE_HYPERVISOR_HV_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleave_core.h"
#include "cleave_stats.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/device.h"
#include "core/irq.h"
#include "core/memmap.h"

/* Fixed guest-physical layout (contract, sections 3.2 and 4). */
#define HV_HOLE_START     0xf0000000ull /* end of RAM below 4 GiB at most */
#define HV_HIGH_START     0x100000000ull
#define HV_VGA_START      0xa0000ull
#define HV_VGA_END        0xc0000ull
#define HV_LOADER_START   0xfc000000ull /* ACPI info and the loader's dynamic memory: RAM */
#define HV_LOADER_END     0xfe000000ull
#define HV_SPECIAL_START  0xfeff0000ull /* special pages: RAM */
#define HV_SPECIAL_END    0xff000000ull
#define HV_IDENT_MAP_ADDR 0xfffbc000ull /* KVM's own pages, inside the reserved top */
#define HV_TSS_ADDR       0xfffbd000ull

/*
 * Hypercall stubs are MOV EAX,nr / OUT imm8,EAX / RET: a 4-byte OUT to this port, firmware mode xen
 * only, is a hypercall. Other widths are ordinary port accesses.
 */
#define HV_HYPERCALL_PORT 0xe4u
#define HV_HYPERCALL_MSR  0x40000000u

#define HV_MAX_PARAMS 64u
#define HV_MAX_RAM    8u /* host mappings of guest RAM */

struct hv;

enum hv_firmware { HV_FIRMWARE_XEN, HV_FIRMWARE_QEMU };

/* The command line. Descriptors stay open for the guest's life: system_reset reads them again. */
struct hv_config {
    uint64_t memory; /* bytes, the VGA hole included */
    unsigned vcpus;  /* 1..CORE_MAX_VCPUS */
    enum hv_firmware firmware;
    int loader_fd; /* ELF (or flat image, raw_loader) that stands at the start; -1: none */
    int bios_fd;   /* BIOS image; -1: none */
    bool raw_loader;
    bool rtc_localtime;
    bool boot_menu;
    uint16_t domid;
    uint8_t uuid[16];
    int core_fd;
    int monitor_fd;
    int trace_fd; /* -1: off */
    bool sandbox;
    const char *runas; /* UID:GID, NULL: stay */
};

/* One vCPU. Its thread owns everything but the atomics. */
struct vcpu {
    struct hv *hv;
    unsigned id;
    uint32_t apic_id; /* KVM's vCPU id too: 2 * id in firmware mode xen, id in mode qemu */
    int fd;
    struct kvm_run *run;
    pthread_t thread;
    bool started;       /* the thread exists */
    int wake_fd;        /* eventfd by which a device model wakes this thread */
    bool parked;        /* run.lock: not in the guest, nothing pending in KVM */
    bool waiting;       /* run.lock: at a pending ioreq */
    bool pending;       /* an exit has been handled that only KVM_RUN completes */
    unsigned ends_seen; /* run.ends when this vCPU was last allowed to run */
    struct stats_vcpu *stats;
    /* Adaptive spinning (spin.c). */
    uint32_t spin_failures;
    uint32_t spin_skip;
    uint64_t cpu_seen; /* CPU time of the thread when last looked at */
    /* exit.c: what makes a REP worth decoding. */
    uint64_t last_rip;
    uint64_t plain_rip; /* known not to be one */
    bool sregs_valid;
    struct kvm_sregs sregs;
    struct vcpu_reset_state *at_reset;
};

#include "chipset.h"
#include "irq.h"
#include "mem.h"
#include "route.h"

enum hv_run { HV_STOPPED, HV_RUNNING };

/* Why a guest ended, in the order of the monitor's SHUTDOWN reasons. */
enum hv_reason {
    HV_REASON_NONE,
    HV_REASON_POWEROFF,
    HV_REASON_RESET,
    HV_REASON_SUSPEND,
    HV_REASON_CRASH,
    HV_REASON_DEBUG_EXIT,
    HV_REASON_TRIPLE_FAULT,
    HV_REASON_INTERNAL_ERROR,
    HV_REASON_DM_GONE,
};

#define HV_NAME_MAX 1024

struct hv {
    struct hv_config cfg;
    char loader_name[HV_NAME_MAX]; /* files behind cfg's descriptors, for messages */
    char bios_name[HV_NAME_MAX];
    int kvm_fd;
    int vm_fd;
    unsigned nvcpus;
    struct vcpu vcpu[CORE_MAX_VCPUS];

    struct {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        enum hv_run want;
        bool was_running; /* clocks run */
        enum hv_reason reason;
        char detail[512];
        atomic_uint ends; /* how often hv_shutdown was called */
        int notify_fd;    /* eventfd: the main thread looks at reason */
        atomic_bool stop; /* vCPU threads leave the guest */
        atomic_bool quit;
        atomic_bool abandon; /* waits for the device model end at once with all ones */
    } run;

    struct hv_mem mem;
    struct hv_irq irq;
    struct hv_chips chips;
    struct hv_route route;

    uint64_t params[HV_MAX_PARAMS]; /* HVM_PARAM_*, params.c */
    pthread_mutex_t params_lock;    /* innermost; the store too */
    uint32_t store_skip; /* payload still to come of a request too long for the store's ring */
    /* The frame that XENMEM_add_to_physmap placed shared_info at, 0 when none. */
    uint64_t shared_info_gfn;

    /* While stopped: KVM's clock, and what was left of each LAPIC's timer (0: not running). */
    struct kvm_clock_data clock;
    uint64_t stopped_at;
    uint32_t lapic_left[CORE_MAX_VCPUS];

    struct stats_page *stats;
    size_t stats_size;
    int stats_fd;
    struct hv_trace *trace; /* NULL when off */
};

/* hv.c: life of a guest. */

/* Creates VM, memory, irq chips, vCPUs (threads parked) and builds the domain. Bad settings and a
 * poor host end the process with one line and status 2. */
void hv_create(struct hv *hv, const struct hv_config *cfg);
/* Starts and stops the vCPUs. hv_stop returns when none runs guest code; guest timers stand still.
 */
void hv_cont(struct hv *hv);
void hv_stop(struct hv *hv);
/* Everything as after hv_create; the guest must be stopped. 0 or -errno. */
int hv_reset(struct hv *hv);
/* From any thread: stops all vCPUs and has the monitor told. The first reason wins. */
void hv_shutdown(struct hv *hv, enum hv_reason reason, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
const char *hv_reason_name(enum hv_reason reason);
void hv_destroy(struct hv *hv);

/* ---- builder.c, cpuid.c, hypercall.c, params.c, store.c: the Xen side of the domain ---- */

/*
 * Lays out the domain: loader ELF (libelf, bounds and overlaps checked), BIOS module, hvm_info,
 * start_info, identity page table, special pages zeroed, params. All guest RAM that it does not
 * write was zeroed by the caller on a reset. `regs` and `sregs` hold vCPU 0's architectural reset
 * state and are changed to its start state (mode qemu without loader: left alone). Runs at start
 * and at each system_reset. 0, or -errno with one line in err (setting and remedy).
 */
int builder_build(struct hv *hv, struct kvm_regs *regs, struct kvm_sregs *sregs, char *err,
                  size_t errlen);

/*
 * `c` comes with KVM's supported leaves in c->nent (room for `max`); changes it to what the vCPU
 * shall see: APIC ids (vcpu->apic_id) and topology, Xen leaves 0x40000000.. and KVM's at 0x40000100
 * in firmware mode xen, KVM's at 0x40000000 in mode qemu, no nested virtualisation. 0 or -errno.
 */
int cpuid_fill(struct vcpu *vcpu, struct kvm_cpuid2 *c, unsigned max);

/*
 * One hypercall on the vCPU's thread: number in rax, arguments in rbx, rcx, rdx, rsi, rdi (32-bit
 * guests; rdi, rsi, rdx.. in long mode); the result goes to rax. Other registers may be changed.
 */
void hypercall(struct vcpu *vcpu, struct kvm_regs *regs);

/* MSRs 0x40000000..0x400000ff in user space. False: #GP. */
bool msr_read(struct vcpu *vcpu, uint32_t index, uint64_t *value);
bool msr_write(struct vcpu *vcpu, uint32_t index, uint64_t value);

/* HVM params. `guest`: asked by a hypercall, with Xen's rules of who may (contract 3.1). 0 or a
 * negative Xen errno (equal to Linux's). param_reset: values at domain start. */
int param_get(struct hv *hv, uint32_t index, bool guest, uint64_t *value);
int param_set(struct vcpu *vcpu, uint32_t index, bool guest, uint64_t value);
void param_reset(struct hv *hv);

/* The guest sent on STORE_EVTCHN: answers every request in the ring before it returns. */
void store_event(struct hv *hv);
/* Keys at domain start. */
void store_reset(struct hv *hv);

/* ---- services for them ---- */

/* Copies between the core and guest-linear addresses as the vCPU sees them now (physical while
 * paging is off). False when any byte is not RAM. vCPU thread only. */
bool vcpu_read(struct vcpu *vcpu, uint64_t addr, void *buf, size_t len);
bool vcpu_write(struct vcpu *vcpu, uint64_t addr, const void *buf, size_t len);
/* 8259 interrupts need LVT0 = unmasked ExtINT under KVM: sets it when it still is masked ExtINT
 * (stock hvmloader; call on HVM_PARAM_VM86_TSS_SIZED). vCPU thread only. */
void vcpu_fix_lvt0(struct vcpu *vcpu);

#endif
