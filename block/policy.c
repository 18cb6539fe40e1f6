/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_REQUESTS 4u /* a drive has one */

enum { OWN_WORD = 1 }; /* of blk_req.backend: which filter has it */

struct held {
    struct blk_req *req; /* NULL: free */
    void (*done)(struct blk_req *req, int err);
    bool waits; /* for block_policy_retry() */
    int err;
};

struct block_policy {
    struct block_policy_config cfg;
    struct blk *inner;
    struct blk blk;
    struct held held[MAX_REQUESTS];
};

static struct held *held_find(struct block_policy *p, const struct blk_req *req)
{
    for (unsigned i = 0; i < MAX_REQUESTS; i++) {
        if (p->held[i].req == req) {
            return &p->held[i];
        }
    }
    return NULL;
}

static bool is_read(const struct blk_req *req)
{
    return req->op == BLK_READ;
}

static enum block_policy_error action_for(const struct block_policy *p, const struct blk_req *req,
                                          int err)
{
    enum block_policy_error e = is_read(req) ? p->cfg.read : p->cfg.write;

    if (e == POLICY_ENOSPC) {
        return err == ENOSPC ? POLICY_STOP : POLICY_REPORT;
    }
    return e;
}

/* The guest gets no bytes that were not its own. */
static void reads_nothing(struct blk_req *req)
{
    for (unsigned i = 0; is_read(req) && i < req->nsg; i++) {
        memset(req->sg[i].base, 0, req->sg[i].len);
    }
}

static void tell(struct block_policy *p, const struct blk_req *req, int err,
                 enum block_policy_error action)
{
    if (p->cfg.failed) {
        p->cfg.failed(p->cfg.opaque, !is_read(req), err, action);
    }
}

static void release(struct held *h)
{
    h->req->done = h->done;
    h->req = NULL;
}

static void policy_done(struct blk_req *req, int err)
{
    struct block_policy *p = (struct block_policy *)req->backend[OWN_WORD];
    struct held *h = held_find(p, req);
    enum block_policy_error action = err ? action_for(p, req, err) : POLICY_REPORT;

    if (err && action == POLICY_STOP) {
        h->waits = true;
        h->err = err;
        tell(p, req, err, action);
        return;
    }
    release(h);
    if (err) {
        tell(p, req, err, action);
    }
    if (err && action == POLICY_IGNORE) {
        reads_nothing(req);
        err = 0;
    }
    req->done(req, err);
}

static void policy_submit(void *opaque, struct blk_req *req)
{
    struct block_policy *p = opaque;
    struct held *h = held_find(p, NULL);

    if (!h) {
        abort(); /* more requests than a drive has: our own mistake */
    }
    *h = (struct held){.req = req, .done = req->done};
    req->done = policy_done;
    req->backend[OWN_WORD] = (uintptr_t)p;
    p->inner->ops->submit(p->inner->opaque, req);
}

static void policy_cancel(void *opaque, struct blk_req *req)
{
    struct block_policy *p = opaque;
    struct held *h = held_find(p, req);

    if (h && !h->waits) {
        p->inner->ops->cancel(p->inner->opaque, req);
    }
    if (h) {
        release(h);
    }
}

/* Nobody can wait for the guest's continuation here: the error is reported, or ignored. */
static int policy_finish(void *opaque, struct blk_req *req)
{
    struct block_policy *p = opaque;
    struct held *h = held_find(p, req);

    if (!h) {
        return 0;
    }
    int err = h->waits ? h->err : p->inner->ops->finish(p->inner->opaque, req);
    release(h);
    if (err && action_for(p, req, err) == POLICY_IGNORE) {
        reads_nothing(req);
        return 0;
    }
    return err;
}

static const struct blk_ops policy_ops = {policy_submit, policy_cancel, policy_finish};

struct block_policy *block_policy_new(struct blk *inner, const struct block_policy_config *cfg)
{
    struct block_policy *p = calloc(1, sizeof(*p));

    if (p) {
        p->cfg = *cfg;
        block_policy_change(p, inner);
    }
    return p;
}

struct blk *block_policy_blk(struct block_policy *p)
{
    return &p->blk;
}

void block_policy_retry(struct block_policy *p)
{
    for (unsigned i = 0; i < MAX_REQUESTS; i++) {
        struct held *h = &p->held[i];

        if (h->req && h->waits) {
            h->waits = false;
            p->inner->ops->submit(p->inner->opaque, h->req);
        }
    }
}

void block_policy_change(struct block_policy *p, struct blk *inner)
{
    p->inner = inner;
    p->blk = (struct blk){&policy_ops, p, inner->bytes, inner->readonly};
}

void block_policy_free(struct block_policy *p)
{
    free(p);
}
