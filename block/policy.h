/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What becomes of failed requests: QEMU's rerror= and werror=. A filter in front of a back end;
 * a request that stops the guest is kept, and sent again by block_policy_retry().
 */
#ifndef CLEAVE_BLOCK_POLICY_H
#define CLEAVE_BLOCK_POLICY_H

#include "core/blk.h"

/* POLICY_ENOSPC: stop when the host's disk is full, else report. */
enum block_policy_error { POLICY_REPORT, POLICY_IGNORE, POLICY_STOP, POLICY_ENOSPC };

struct block_policy_config {
    enum block_policy_error read;
    enum block_policy_error write; /* flushes and discards, too */
    /* Told of each failure and what was done: POLICY_REPORT, _IGNORE or _STOP. The guest must be
     * stopped by the callee, later: this is in the middle of a completion. */
    void (*failed)(void *opaque, bool write, int err, enum block_policy_error action);
    void *opaque;
};

struct block_policy;

/* `inner` stays the caller's. NULL when there is no memory. */
struct block_policy *block_policy_new(struct blk *inner, const struct block_policy_config *cfg);
struct blk *block_policy_blk(struct block_policy *p);

/* Sends requests again that wait since the guest was stopped. */
void block_policy_retry(struct block_policy *p);

/* Another medium behind it. Nothing may be in flight or wait. */
void block_policy_change(struct block_policy *p, struct blk *inner);

void block_policy_free(struct block_policy *p);

#endif
