/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "debug.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_REQUESTS 4u /* a drive has one */
#define MAX_BREAKS   8u

/* A request on its way through the events, held (tag not empty) or behind the filter. */
struct passage {
    struct blk_req *req; /* NULL: free */
    enum block_event next;
    bool failing; /* the ring delivers the failure */
    char tag[BLOCK_DEBUG_TAG];
};

struct breakpoint {
    enum block_event event; /* NONE: free */
    char tag[BLOCK_DEBUG_TAG];
};

struct block_debug {
    struct block_ring *ring;
    struct blk *inner;
    struct blk blk;
    int state;
    unsigned nrules;
    struct block_rule rule[BLOCK_DEBUG_RULES];
    struct breakpoint stop[MAX_BREAKS];
    struct passage passage[MAX_REQUESTS];
};

static const struct {
    const char *name;
    unsigned ops; /* which requests pass it */
} events[BLOCK_EVENTS] = {
    [BLOCK_EVENT_NONE] = {"none", 0},
    [BLOCK_EVENT_READ_AIO] = {"read_aio", 1u << BLK_READ},
    [BLOCK_EVENT_WRITE_AIO] = {"write_aio", 1u << BLK_WRITE},
    [BLOCK_EVENT_PWRITEV] = {"pwritev", 1u << BLK_WRITE},
    [BLOCK_EVENT_FLUSH_TO_OS] = {"flush_to_os", 1u << BLK_FLUSH},
    [BLOCK_EVENT_FLUSH_TO_DISK] = {"flush_to_disk", 1u << BLK_FLUSH},
};

int block_event_by_name(const char *name)
{
    for (int i = 0; i < BLOCK_EVENTS; i++) {
        if (!strcmp(events[i].name, name)) {
            return i;
        }
    }
    return -1;
}

/* --- rules --- */

static bool rule_counts(const struct block_debug *d, const struct block_rule *r)
{
    return !r->spent && (r->state == 0 || r->state == d->state);
}

/* Rules of an event become active together, those of an earlier one no longer are. */
static void event_rules(struct block_debug *d, enum block_event event)
{
    int state = d->state;
    bool any = false;

    for (unsigned i = 0; i < d->nrules; i++) {
        struct block_rule *r = &d->rule[i];

        any |= r->event == event && rule_counts(d, r) && !r->new_state;
    }
    for (unsigned i = 0; i < d->nrules; i++) {
        struct block_rule *r = &d->rule[i];
        bool now = r->event == event && rule_counts(d, r);

        if (r->new_state) {
            state = now ? r->new_state : state;
        } else if (any && r->event != BLOCK_EVENT_NONE) {
            r->active = now;
        }
    }
    d->state = state;
}

static bool rule_matches(const struct block_rule *r, const struct blk_req *req)
{
    uint64_t start = req->offset / BLK_SECTOR;
    uint64_t end = start + req->bytes / BLK_SECTOR;
    bool active = r->event == BLOCK_EVENT_NONE || r->active;

    return active && !r->spent && !r->new_state && (!r->ops || (r->ops & 1u << req->op)) &&
           (r->sector < 0 || ((uint64_t)r->sector >= start && (uint64_t)r->sector < end));
}

/* The errno that a rule wants for this request, or 0. */
static int rules_verdict(struct block_debug *d, const struct blk_req *req)
{
    for (unsigned i = 0; i < d->nrules; i++) {
        struct block_rule *r = &d->rule[i];

        if (rule_matches(r, req)) {
            r->spent = r->once;
            return r->err;
        }
    }
    return 0;
}

int block_debug_rule(struct block_debug *d, const struct block_rule *rule)
{
    if (d->nrules == BLOCK_DEBUG_RULES) {
        return -ENOSPC;
    }
    d->rule[d->nrules] = *rule;
    d->rule[d->nrules].active = d->rule[d->nrules].spent = false;
    d->nrules++;
    return 0;
}

/* --- passage --- */

static struct passage *passage_find(struct block_debug *d, const struct blk_req *req)
{
    for (unsigned i = 0; i < MAX_REQUESTS; i++) {
        if (d->passage[i].req == req) {
            return &d->passage[i];
        }
    }
    return NULL;
}

/* A breakpoint is gone when a request met it. */
static bool passage_holds(struct block_debug *d, struct passage *p, enum block_event event)
{
    for (unsigned i = 0; i < MAX_BREAKS; i++) {
        struct breakpoint *b = &d->stop[i];

        if (b->event == event) {
            memcpy(p->tag, b->tag, sizeof(p->tag));
            *b = (struct breakpoint){BLOCK_EVENT_NONE, ""};
            return true;
        }
    }
    return false;
}

/* What finishes is forgotten here: its end is delivered to the device, by the ring or by inner. */
static void passage_go(struct block_debug *d, struct passage *p)
{
    struct blk_req *req = p->req;

    p->tag[0] = 0;
    while (p->next < BLOCK_EVENTS) {
        enum block_event event = p->next++;

        if (!(events[event].ops & 1u << req->op)) {
            continue;
        }
        event_rules(d, event);
        if (passage_holds(d, p, event)) {
            return;
        }
    }
    int err = rules_verdict(d, req);
    if (err) {
        p->failing = true;
        block_ring_complete(d->ring, req, err);
    } else {
        p->req = NULL;
        d->inner->ops->submit(d->inner->opaque, req);
    }
}

/* Failed requests leave their entry when the ring delivers them; it cannot tell us. */
static struct passage *passage_new(struct block_debug *d)
{
    struct passage *p = passage_find(d, NULL);

    for (unsigned i = 0; !p && i < MAX_REQUESTS; i++) {
        p = d->passage[i].failing ? &d->passage[i] : NULL;
    }
    return p;
}

static void debug_submit(void *opaque, struct blk_req *req)
{
    struct block_debug *d = opaque;
    struct passage *p = passage_find(d, req);

    p = p ? p : passage_new(d);
    if (!p) {
        abort(); /* more requests than a drive has: our own mistake */
    }
    *p = (struct passage){.req = req, .next = BLOCK_EVENT_NONE + 1};
    passage_go(d, p);
}

static int debug_finish(void *opaque, struct blk_req *req)
{
    struct block_debug *d = opaque;
    struct passage *p = passage_find(d, req);

    while (p && p->req == req && p->tag[0]) {
        passage_go(d, p);
    }
    if (p && p->req == req && p->failing) {
        int err = block_ring_withdraw(d->ring, req);

        p->req = NULL;
        if (err >= 0) {
            return err;
        }
    }
    return d->inner->ops->finish(d->inner->opaque, req);
}

static void debug_cancel(void *opaque, struct blk_req *req)
{
    struct block_debug *d = opaque;
    struct passage *p = passage_find(d, req);

    if (p) {
        block_ring_withdraw(d->ring, req);
        p->req = NULL;
    } else {
        d->inner->ops->cancel(d->inner->opaque, req);
    }
}

static const struct blk_ops debug_ops = {debug_submit, debug_cancel, debug_finish};

struct block_debug *block_debug_new(struct blk *inner, struct block_ring *r)
{
    struct block_debug *d = calloc(1, sizeof(*d));

    if (d) {
        d->ring = r;
        d->inner = inner;
        d->state = 1;
        d->blk = (struct blk){&debug_ops, d, inner->bytes, inner->readonly};
    }
    return d;
}

struct blk *block_debug_blk(struct block_debug *d)
{
    return &d->blk;
}

/* --- breakpoints --- */

int block_debug_break(struct block_debug *d, enum block_event event, const char *tag)
{
    if (event <= BLOCK_EVENT_NONE || event >= BLOCK_EVENTS || !*tag ||
        strlen(tag) >= BLOCK_DEBUG_TAG) {
        return -EINVAL;
    }
    for (unsigned i = 0; i < MAX_BREAKS; i++) {
        if (d->stop[i].event == BLOCK_EVENT_NONE) {
            d->stop[i].event = event;
            snprintf(d->stop[i].tag, sizeof(d->stop[i].tag), "%s", tag);
            return 0;
        }
    }
    return -ENOSPC;
}

bool block_debug_held(const struct block_debug *d, const char *tag)
{
    for (unsigned i = 0; i < MAX_REQUESTS; i++) {
        if (d->passage[i].req && !strcmp(d->passage[i].tag, tag)) {
            return true;
        }
    }
    return false;
}

int block_debug_resume(struct block_debug *d, const char *tag)
{
    for (unsigned i = 0; *tag && i < MAX_REQUESTS; i++) {
        struct passage *p = &d->passage[i];

        if (p->req && !strcmp(p->tag, tag)) {
            passage_go(d, p);
            return 0;
        }
    }
    return -ENOENT;
}

int block_debug_remove(struct block_debug *d, const char *tag)
{
    int found = block_debug_resume(d, tag);

    for (unsigned k = 0; *tag && k < MAX_BREAKS; k++) {
        if (!strcmp(d->stop[k].tag, tag)) {
            d->stop[k] = (struct breakpoint){BLOCK_EVENT_NONE, ""};
            found = 0;
        }
    }
    return found;
}

void block_debug_free(struct block_debug *d)
{
    free(d);
}
