/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Posted writes: set-up and reset. */
#ifndef CLEAVE_HYPERVISOR_POST_H
#define CLEAVE_HYPERVISOR_POST_H

#include <stdbool.h>

struct hv;

/* After the first vCPU exists: its mapping holds KVM's coalesced ring. */
void post_create(struct hv *hv);
void post_reset(struct hv *hv);

/*
 * The PCI address latch, CF8h. Where a guest writes it again and again (a bus scan), its writes are
 * posted too, for as long as that lasts: post_latch_written after each that left the guest,
 * post_latch_used at each use of the latch, post_alarm from the timer thread.
 */
void post_latch_written(struct hv *hv);
void post_latch_used(struct hv *hv);
void post_alarm(struct hv *hv);

/* Whether the write that left the guest did so because the coalesced ring had no room. */
bool post_ring_was_full(const struct hv *hv);

#endif
