/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faults on demand, for tests: a filter in front of a back end that fails requests by rule and
 * holds them at named events (what QEMU's blkdebug driver offers, in part).
 */
#ifndef CLEAVE_BLOCK_DEBUG_H
#define CLEAVE_BLOCK_DEBUG_H

#include "core/blk.h"
#include "file.h"

/* Where a request is on its way, in this order. NONE: always. */
enum block_event {
    BLOCK_EVENT_NONE,
    BLOCK_EVENT_READ_AIO,
    BLOCK_EVENT_WRITE_AIO,
    BLOCK_EVENT_PWRITEV,
    BLOCK_EVENT_FLUSH_TO_OS,
    BLOCK_EVENT_FLUSH_TO_DISK,
    BLOCK_EVENTS,
};

/* By QEMU's name ("flush_to_os"), or -1. */
int block_event_by_name(const char *name);

/* A rule counts while the filter is in `state` (0: always). States are numbers from 1. */
struct block_rule {
    enum block_event event;
    int state;
    int new_state;  /* not 0: the event leads to this state, and nothing else */
    int err;        /* errno of the failure */
    int64_t sector; /* only requests that touch it; -1: all */
    unsigned ops;   /* mask of 1 << enum blk_op; 0: all */
    bool once;      /* forgotten after one failure */
    bool active;    /* the filter's: the event has come */
    bool spent;
};

#define BLOCK_DEBUG_RULES 16u
#define BLOCK_DEBUG_TAG   32u /* bytes of a breakpoint's name, NUL included */

struct block_debug;

/* `inner` stays the caller's; failures are delivered by `r`. NULL when there is no memory. */
struct block_debug *block_debug_new(struct blk *inner, struct block_ring *r);
struct blk *block_debug_blk(struct block_debug *d);

/* -ENOSPC when there are too many. */
int block_debug_rule(struct block_debug *d, const struct block_rule *rule);

/* The next request that comes to `event` is held. -ENOSPC, -EINVAL. */
int block_debug_break(struct block_debug *d, enum block_event event, const char *tag);

/* Lets a held request go on. -ENOENT when none is held under that name. */
int block_debug_resume(struct block_debug *d, const char *tag);

/* Takes the breakpoint away; a request held there goes on. -ENOENT. */
int block_debug_remove(struct block_debug *d, const char *tag);
bool block_debug_held(const struct block_debug *d, const char *tag);

void block_debug_free(struct block_debug *d);

#endif
