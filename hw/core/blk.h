/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a disk device asks of a block back end. Requests are asynchronous: submit() never blocks and
 * never calls done() before it returns; completions come from the loop, one at a time.
 */
#ifndef CLEAVE_HW_CORE_BLK_H
#define CLEAVE_HW_CORE_BLK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLK_SECTOR 512u
#define BLK_MAX_SG 64u

enum blk_op {
    BLK_READ,
    BLK_WRITE,
    BLK_FLUSH,   /* done() means: everything completed before is on stable storage */
    BLK_DISCARD, /* advisory */
};

/* Belongs to the device, one per slot that can be in flight; untouched by it until done(). */
struct blk_req {
    enum blk_op op;
    uint64_t offset; /* bytes, multiple of 512 */
    uint64_t bytes;  /* total, multiple of 512 for READ, WRITE and DISCARD */
    unsigned nsg;    /* pieces cover exactly `bytes`; 0 for FLUSH and DISCARD */
    struct {
        void *base;
        size_t len;
    } sg[BLK_MAX_SG];
    void (*done)(struct blk_req *req, int err); /* 0 or a positive errno */
    void *opaque;
    uintptr_t backend[4]; /* the back end's own */
};

/*
 * cancel: after it returns the back end no longer touches the request's memory and done() will not
 * be called. It may wait for the kernel (only reset paths use it). A cancelled write may or may not
 * have reached the disk, wholly or in part, but never anything outside its range.
 *
 * finish, optional: waits for the request and returns what done() would have been told; done() is
 * not called (for a bus master that is stopped while it transfers).
 */
struct blk_ops {
    void (*submit)(void *opaque, struct blk_req *req);
    void (*cancel)(void *opaque, struct blk_req *req);
    int (*finish)(void *opaque, struct blk_req *req);
};

/* A back end as the device sees it. ops == NULL: no medium. */
struct blk {
    const struct blk_ops *ops;
    void *opaque;
    uint64_t bytes; /* size of the medium */
    bool readonly;
};

static inline bool blk_present(const struct blk *b)
{
    return b && b->ops;
}

#endif
