/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rest of a REP after its first element left the guest. At such an exit KVM's registers stand
 * at an iteration boundary with RIP at the instruction, so what follows may be done here: as much
 * as lies in one page goes to the device model as one ioreq, and the registers move on.
 */
#ifndef CLEAVE_HYPERVISOR_BATCH_H
#define CLEAVE_HYPERVISOR_BATCH_H

#include "hv.h"

/* After an OUT (or an element of OUTS) to `port` was carried out. False: nothing to do together. */
bool batch_outs(struct vcpu *vcpu, uint16_t port, unsigned size);
/* After a write of `size` bytes at `gpa` that no slot took was carried out. */
bool batch_store(struct vcpu *vcpu, uint64_t gpa, unsigned size);

#endif
