/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sorted sets of inclusive ranges: what an ioreq server claims. */
#include "hv.h"

#include <errno.h>
#include <string.h>

/* The first range whose end is at or after `start`, or s->n. */
static unsigned range_lower(const struct range_set *s, uint64_t start)
{
    unsigned lo = 0, hi = s->n;

    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;

        if (s->r[mid].end < start) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static void range_insert(struct range_set *s, unsigned at, uint64_t start, uint64_t end)
{
    memmove(&s->r[at + 1], &s->r[at], (s->n - at) * sizeof(s->r[0]));
    s->r[at].start = start;
    s->r[at].end = end;
    s->n++;
}

int range_add(struct range_set *s, uint64_t start, uint64_t end)
{
    unsigned at = range_lower(s, start);

    if (start > end) {
        return -EINVAL;
    }
    if (at < s->n && s->r[at].start <= end) {
        return -EEXIST;
    }
    if (s->n == ROUTE_MAX_RANGES) {
        return -ENOSPC;
    }
    range_insert(s, at, start, end);
    return 0;
}

bool range_contains(const struct range_set *s, uint64_t start, uint64_t end)
{
    unsigned at = range_lower(s, start);

    return start <= end && at < s->n && s->r[at].start <= start && end <= s->r[at].end;
}

int range_remove(struct range_set *s, uint64_t start, uint64_t end)
{
    unsigned at = range_lower(s, start);

    if (!range_contains(s, start, end)) {
        return -ENOENT;
    }
    uint64_t tail = s->r[at].end;
    bool left = s->r[at].start < start;

    if (left && tail > end) {
        if (s->n == ROUTE_MAX_RANGES) {
            return -ENOSPC;
        }
        s->r[at].end = start - 1;
        range_insert(s, at + 1, end + 1, tail);
    } else if (left) {
        s->r[at].end = start - 1;
    } else if (tail > end) {
        s->r[at].start = end + 1;
    } else {
        s->n--;
        memmove(&s->r[at], &s->r[at + 1], (s->n - at) * sizeof(s->r[0]));
    }
    return 0;
}
