/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --trace-fd: every ioreq, as completed, as one binary record of 48 bytes: u64 host monotonic time
 * in ns, u32 vCPU, u32 ioreq server, struct ioreq.
 */
#ifndef CLEAVE_HYPERVISOR_TRACE_H
#define CLEAVE_HYPERVISOR_TRACE_H

#include "hv.h"

void trace_create(struct hv *hv);
void trace_access(struct vcpu *vcpu, unsigned server, const struct access *a);
/* Writes what is buffered. */
void trace_flush(struct hv *hv);

#endif
