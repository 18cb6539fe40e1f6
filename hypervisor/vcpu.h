/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vCPU threads. */
#ifndef CLEAVE_HYPERVISOR_VCPU_H
#define CLEAVE_HYPERVISOR_VCPU_H

#include "hv.h"

/* Creates vCPU `id`: its KVM object, CPUID, MSR filter. The thread comes with vcpu_start. */
void vcpu_create(struct hv *hv, unsigned id);
void vcpu_start(struct vcpu *vcpu);

/* Registers, LAPIC, MSRs as when it was created; tells them. The thread must be parked. 0 or -EIO.
 */
int vcpu_reset(struct vcpu *vcpu, struct kvm_regs *regs, struct kvm_sregs *sregs);

/* Makes the thread look at hv->run: leaves KVM_RUN or a wait. */
void vcpu_kick(struct vcpu *vcpu);
/* Makes a thread that waits for a device model look at its slot again. */
void vcpu_wake(struct vcpu *vcpu);

/* exit.c: handles what KVM_RUN returned with. */
void exit_handle(struct vcpu *vcpu);

/* One line of registers. */
void vcpu_describe(struct vcpu *vcpu, char *buf, size_t len);

/* The general registers of the last exit; vcpu_set_regs makes changed ones count. */
struct kvm_regs *vcpu_regs(struct vcpu *vcpu);
void vcpu_set_regs(struct vcpu *vcpu);
/* Fetched once per exit. NULL when the kernel refuses. */
const struct kvm_sregs *vcpu_sregs(struct vcpu *vcpu);

/* A linear address to a physical one as the vCPU sees it now. */
bool vcpu_translate(struct vcpu *vcpu, uint64_t linear, uint64_t *gpa);

#endif
