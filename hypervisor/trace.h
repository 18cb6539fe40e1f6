/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --trace-fd: every ioreq, as completed, as one binary record of 48 bytes: u64 host monotonic time
 * in ns, u32 vCPU (TRACE_POSTED for a write on the buffered ring), u32 ioreq server, struct ioreq.
 */
#ifndef CLEAVE_HYPERVISOR_TRACE_H
#define CLEAVE_HYPERVISOR_TRACE_H

#include "hv.h"

#define TRACE_POSTED UINT32_MAX

void trace_create(struct hv *hv);
void trace_access(struct vcpu *vcpu, unsigned server, const struct access *a);
void trace_posted(struct hv *hv, unsigned server, uint8_t type, uint64_t addr, unsigned size,
                  uint64_t data);
/* Writes what is buffered. */
void trace_flush(struct hv *hv);

#endif
