/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a vCPU thread spins before it sleeps at a request: a bounded time that follows what
 * spinning brought so far, and none while there are more runnable threads than CPUs.
 */
#ifndef CLEAVE_HYPERVISOR_SPIN_H
#define CLEAVE_HYPERVISOR_SPIN_H

#include <stdint.h>

struct hv;
struct vcpu;

/* Measures the time stamp counter; once, before any vCPU runs. */
void spin_create(struct hv *hv);
uint64_t spin_cycles_to_ns(uint64_t cycles);

/* Cycles to spin now; 0: sleep at once. */
uint64_t spin_limit(struct vcpu *vcpu);
void spin_succeeded(struct vcpu *vcpu);
void spin_failed(struct vcpu *vcpu);

#endif
