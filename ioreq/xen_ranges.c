/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "xen_ranges.h"

#include <errno.h>
#include <string.h>

static int claim_add(struct xen_ranges *r, struct xen_range c)
{
    unsigned at = 0;

    if (r->nclaims == XEN_RANGES_MAX) {
        return -ENOSPC;
    }
    while (at < r->nclaims && r->claim[at].start <= c.start) {
        at++;
    }
    memmove(&r->claim[at + 1], &r->claim[at], (r->nclaims - at) * sizeof(c));
    r->claim[at] = c;
    r->nclaims++;
    return 0;
}

static int claim_remove(struct xen_ranges *r, struct xen_range c)
{
    for (unsigned at = 0; at < r->nclaims; at++) {
        if (r->claim[at].start == c.start && r->claim[at].end == c.end) {
            r->nclaims--;
            memmove(&r->claim[at], &r->claim[at + 1], (r->nclaims - at) * sizeof(c));
            return 0;
        }
    }
    return -ENOENT;
}

/* Claims that overlap are one range; neighbours stay apart. */
static unsigned ranges_merge(const struct xen_ranges *r, struct xen_range *out)
{
    unsigned n = 0;

    for (unsigned i = 0; i < r->nclaims; i++) {
        const struct xen_range *c = &r->claim[i];

        if (n && c->start <= out[n - 1].end) {
            out[n - 1].end = c->end > out[n - 1].end ? c->end : out[n - 1].end;
        } else {
            out[n++] = *c;
        }
    }
    return n;
}

static bool ranges_have(const struct xen_range *list, unsigned n, const struct xen_range *c)
{
    for (unsigned i = 0; i < n; i++) {
        if (list[i].start == c->start && list[i].end == c->end) {
            return true;
        }
    }
    return false;
}

/* What the hypervisor has not and should have, and the reverse. What fails is tried again with the
 * next change. */
static int ranges_tell(struct xen_ranges *r)
{
    struct xen_range want[XEN_RANGES_MAX];
    struct xen_range have[XEN_RANGES_MAX];
    unsigned n = ranges_merge(r, want);
    unsigned nhave = 0;
    int result = 0;

    for (unsigned i = 0; i < r->ntold; i++) {
        if (!ranges_have(want, n, &r->told[i])) {
            r->tell(r->opaque, r->told[i].start, r->told[i].end, false);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        int rc = 0;

        if (!ranges_have(r->told, r->ntold, &want[i])) {
            rc = r->tell(r->opaque, want[i].start, want[i].end, true);
        }
        if (rc) {
            result = rc;
        } else {
            have[nhave++] = want[i];
        }
    }
    memcpy(r->told, have, nhave * sizeof(have[0]));
    r->ntold = nhave;
    return result;
}

int xen_ranges_claim(struct xen_ranges *r, uint64_t start, uint64_t end, bool on)
{
    struct xen_range c = {start, end};
    int rc = on ? claim_add(r, c) : claim_remove(r, c);

    return rc ? rc : ranges_tell(r);
}
