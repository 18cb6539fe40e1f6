/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Back ends beside the ring's files. They answer through the ring, so that completions come from
 * the loop like all others.
 */
#ifndef CLEAVE_BLOCK_SIMPLE_H
#define CLEAVE_BLOCK_SIMPLE_H

#include "core/blk.h"
#include "file.h"

/*
 * A medium put in while the guest runs: files cannot be added to a ring that is locked down, so it
 * is read and written at once, with the calls of the system that wait.
 */
struct block_direct;
struct block_direct *block_direct_new(struct block_ring *r, int fd, bool readonly, uint64_t bytes);
struct blk *block_direct_blk(struct block_direct *d);
int block_direct_fd(const struct block_direct *d);

/* Nothing may be in flight. The descriptor is closed. */
void block_direct_free(struct block_direct *d);

/* A medium of `bytes` bytes that reads zeros and forgets what is written. `b` is filled. */
void block_null_init(struct blk *b, struct block_ring *r, uint64_t bytes, bool readonly);

#endif
