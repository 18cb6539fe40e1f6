/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Posted writes: set-up and reset. */
#ifndef CLEAVE_HYPERVISOR_POST_H
#define CLEAVE_HYPERVISOR_POST_H

#include <stdbool.h>

struct hv;

/* After the first vCPU exists: its mapping holds KVM's coalesced ring. */
void post_create(struct hv *hv);
void post_reset(struct hv *hv);

/* Whether the write that left the guest did so because the coalesced ring had no room. */
bool post_ring_was_full(const struct hv *hv);

#endif
