/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VM exits: what KVM_RUN returned with becomes accesses, hypercalls, MSRs, or the guest's end. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "batch.h"
#include "log.h"
#include "post.h"
#include "vcpu.h"

#define PORT_COUNTED (1ull << 63)
#define PORT_RESET   0xcf9u /* the PIIX3's reset control register */

/* --- counters --- */

static void count_exit(struct vcpu *vcpu, enum stats_exit kind)
{
    vcpu->stats->exits[kind]++;
}

static void count_port(struct vcpu *vcpu, uint16_t port)
{
    unsigned at = (port * 37u) % (STATS_PORTS - 1);

    for (unsigned i = 0; i < STATS_PORTS - 1; i++) {
        uint64_t have = vcpu->stats->port[at].port;

        if (!have) {
            vcpu->stats->port[at].port = PORT_COUNTED | port;
            have = PORT_COUNTED | port;
        }
        if (have == (PORT_COUNTED | port)) {
            vcpu->stats->port[at].count++;
            return;
        }
        at = (at + 1) % (STATS_PORTS - 1);
    }
    vcpu->stats->port[STATS_PORTS - 1].port = PORT_COUNTED;
    vcpu->stats->port[STATS_PORTS - 1].count++;
}

/* --- ports --- */

static void exit_hypercall(struct vcpu *vcpu)
{
    count_exit(vcpu, STATS_EXIT_HYPERCALL);
    hypercall(vcpu, vcpu_regs(vcpu));
    vcpu_set_regs(vcpu);
}

/* Whether RIP has been here before and may be a REP: cheap, before anything is decoded. */
static bool may_batch(struct vcpu *vcpu, bool certain)
{
    const struct kvm_regs *r = vcpu_regs(vcpu);
    bool again = r->rip == vcpu->last_rip || certain;

    vcpu->last_rip = r->rip;
    return again && r->rcx != 0 && r->rip != vcpu->plain_rip;
}

static void exit_in(struct vcpu *vcpu, uint8_t *data)
{
    struct kvm_run *run = vcpu->run;
    struct access a = {
        .type = IOREQ_TYPE_PIO, .addr = run->io.port, .count = run->io.count, .size = run->io.size};

    count_exit(vcpu, STATS_EXIT_PIO_IN);
    if (a.count > 1) {
        a.string = data;
    }
    route_access(vcpu, &a);
    if (a.count == 1) {
        memcpy(data, &a.data, a.size);
    }
}

static void exit_out(struct vcpu *vcpu, const uint8_t *data)
{
    struct kvm_run *run = vcpu->run;

    count_exit(vcpu, STATS_EXIT_PIO_OUT);
    for (uint32_t i = 0; i < run->io.count; i++) {
        struct access a = {.type = IOREQ_TYPE_PIO,
                           .addr = run->io.port,
                           .count = 1,
                           .size = run->io.size,
                           .write = true};

        memcpy(&a.data, data + (size_t)i * run->io.size, run->io.size);
        route_access(vcpu, &a);
    }
    if (run->io.count == 1 && (vcpu_regs(vcpu)->rdx & 0xffff) == run->io.port &&
        may_batch(vcpu, false) && !batch_outs(vcpu, run->io.port, run->io.size)) {
        vcpu->plain_rip = vcpu_regs(vcpu)->rip;
    }
}

static void exit_io(struct vcpu *vcpu)
{
    struct kvm_run *run = vcpu->run;
    uint8_t *data = (uint8_t *)run + run->io.data_offset;

    count_port(vcpu, run->io.port);
    if (run->io.direction == KVM_EXIT_IO_IN) {
        exit_in(vcpu, data);
    } else if (run->io.port == HV_HYPERCALL_PORT && run->io.size == 4 &&
               vcpu->hv->cfg.firmware == HV_FIRMWARE_XEN) {
        exit_hypercall(vcpu);
    } else {
        exit_out(vcpu, data);
    }
}

/* --- memory --- */

/* Pieces of a power of two, in rising order, as Xen sends them. */
static void exit_mmio(struct vcpu *vcpu)
{
    struct kvm_run *run = vcpu->run;
    bool full = post_ring_was_full(vcpu->hv);
    uint32_t len = run->mmio.len <= 8 ? run->mmio.len : 8;

    count_exit(vcpu, run->mmio.is_write ? STATS_EXIT_MMIO_WRITE : STATS_EXIT_MMIO_READ);
    for (uint32_t at = 0; at < len;) {
        uint32_t left = len - at;
        struct access a = {.type = IOREQ_TYPE_COPY,
                           .addr = run->mmio.phys_addr + at,
                           .count = 1,
                           .size = left >= 8   ? 8
                                   : left >= 4 ? 4
                                   : left >= 2 ? 2
                                               : 1,
                           .write = run->mmio.is_write};

        if (a.write) {
            memcpy(&a.data, run->mmio.data + at, a.size);
        }
        route_access(vcpu, &a);
        if (!a.write) {
            memcpy(run->mmio.data + at, &a.data, a.size);
        }
        at += a.size;
    }
    if (run->mmio.is_write && (len & (len - 1)) == 0 && may_batch(vcpu, full) &&
        !batch_store(vcpu, run->mmio.phys_addr, len)) {
        vcpu->plain_rip = vcpu_regs(vcpu)->rip;
    }
}

/* --- MSRs --- */

static void exit_rdmsr(struct vcpu *vcpu)
{
    uint64_t value = 0;

    count_exit(vcpu, STATS_EXIT_MSR);
    vcpu->run->msr.error = !msr_read(vcpu, vcpu->run->msr.index, &value);
    vcpu->run->msr.data = value;
}

static void exit_wrmsr(struct vcpu *vcpu)
{
    count_exit(vcpu, STATS_EXIT_MSR);
    vcpu->run->msr.error = !msr_write(vcpu, vcpu->run->msr.index, vcpu->run->msr.data);
}

/* --- the end --- */

/*
 * A write of the reset control register may have been posted (post_latch_written), and firmware
 * triple-faults 50 us later in case it did nothing. Reading that register waits until its owner
 * has done all that was posted. True: the guest's end was asked for by that.
 */
static bool ended_by_posted(struct vcpu *vcpu)
{
    struct access a = {.type = IOREQ_TYPE_PIO, .addr = PORT_RESET, .count = 1, .size = 1};

    route_access(vcpu, &a);
    return atomic_load(&vcpu->hv->run.ends) != vcpu->ends_seen;
}

static void exit_shutdown(struct vcpu *vcpu)
{
    char regs[400];

    count_exit(vcpu, STATS_EXIT_SHUTDOWN);
    if (ended_by_posted(vcpu)) {
        return;
    }
    vcpu_describe(vcpu, regs, sizeof(regs));
    hv_shutdown(vcpu->hv, HV_REASON_TRIPLE_FAULT, "triple fault: %s", regs);
}

/* The bytes at CS:RIP: from KVM when it tells, else from what the guest has there. */
static unsigned instruction_bytes(struct vcpu *vcpu, uint8_t *code)
{
    struct kvm_run *run = vcpu->run;
    const struct kvm_sregs *s = vcpu_sregs(vcpu);
    unsigned n = 0;

    if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
        run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION && run->internal.ndata >= 3 &&
        (run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES)) {
        n = run->emulation_failure.insn_size <= 15 ? run->emulation_failure.insn_size : 15;
        memcpy(code, run->emulation_failure.insn_bytes, n);
        return n;
    }
    while (s && n < 15 && vcpu_read(vcpu, s->cs.base + vcpu_regs(vcpu)->rip + n, code + n, 1)) {
        n++;
    }
    return n;
}

static void exit_internal_error(struct vcpu *vcpu)
{
    char regs[400], hex[15 * 3 + 1] = "";
    uint8_t code[15];
    unsigned n = instruction_bytes(vcpu, code);

    count_exit(vcpu, STATS_EXIT_INTERNAL_ERROR);
    for (unsigned i = 0; i < n; i++) {
        snprintf(hex + i * 3, 4, "%02x ", code[i]);
    }
    vcpu_describe(vcpu, regs, sizeof(regs));
    hv_shutdown(vcpu->hv, HV_REASON_INTERNAL_ERROR,
                "KVM cannot run this instruction (error %u.%u): bytes %s%s", vcpu->run->exit_reason,
                vcpu->run->internal.suberror, hex, regs);
}

static void exit_fail_entry(struct vcpu *vcpu)
{
    char regs[400];

    count_exit(vcpu, STATS_EXIT_INTERNAL_ERROR);
    vcpu_describe(vcpu, regs, sizeof(regs));
    hv_shutdown(vcpu->hv, HV_REASON_INTERNAL_ERROR,
                "KVM could not enter the guest (exit %u, reason 0x%" PRIx64 "): %s",
                vcpu->run->exit_reason,
                (uint64_t)vcpu->run->fail_entry.hardware_entry_failure_reason, regs);
}

void exit_handle(struct vcpu *vcpu)
{
    vcpu->sregs_valid = false;
    switch (vcpu->run->exit_reason) {
    case KVM_EXIT_IO:
        exit_io(vcpu);
        break;
    case KVM_EXIT_MMIO:
        exit_mmio(vcpu);
        break;
    case KVM_EXIT_X86_RDMSR:
        exit_rdmsr(vcpu);
        break;
    case KVM_EXIT_X86_WRMSR:
        exit_wrmsr(vcpu);
        break;
    case KVM_EXIT_HLT:
        count_exit(vcpu, STATS_EXIT_HLT);
        break;
    case KVM_EXIT_INTR:
        count_exit(vcpu, STATS_EXIT_INTR);
        break;
    case KVM_EXIT_SHUTDOWN:
        exit_shutdown(vcpu);
        break;
    case KVM_EXIT_INTERNAL_ERROR:
        exit_internal_error(vcpu);
        break;
    case KVM_EXIT_FAIL_ENTRY:
    case KVM_EXIT_UNKNOWN:
        exit_fail_entry(vcpu);
        break;
    default:
        count_exit(vcpu, STATS_EXIT_OTHER);
        exit_internal_error(vcpu);
        break;
    }
}
