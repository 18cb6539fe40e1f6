/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/memmap.h"

#include <errno.h>
#include <string.h>

#define PAGE_MASK 4095ull

void memmap_init(struct memmap *m)
{
    memset(m, 0, sizeof(*m));
}

void memmap_set_object(struct memmap *m, uint32_t object, uint8_t *host, uint64_t size)
{
    m->object[object].host = host;
    m->object[object].size = size;
}

int memmap_add(struct memmap *m, struct mem_area *a)
{
    if (m->nareas == MEMMAP_MAX_AREAS) {
        return -ENOSPC;
    }
    m->area[m->nareas++] = a;
    return 0;
}

/* Whether the area can be shown at all: guests choose gpa, and sometimes offset. */
static bool area_valid(const struct memmap *m, const struct mem_area *a)
{
    if (!a->enabled || a->len == 0 || ((a->gpa | a->len | a->offset) & PAGE_MASK)) {
        return false;
    }
    if (a->len - 1 > UINT64_MAX - a->gpa) {
        return false;
    }
    if (a->kind == MEM_HOLE || a->object == MEM_OBJECT_RAM) {
        return true;
    }
    uint64_t size = a->object < MEM_MAX_OBJECTS ? m->object[a->object].size : 0;

    return a->offset <= size && a->len <= size - a->offset;
}

/* The area seen at gpa; *end is lowered to where another area begins to be seen or this one ends.
 */
static const struct mem_area *area_at(const struct memmap *m, uint64_t gpa, uint64_t *end)
{
    const struct mem_area *best = NULL;

    for (unsigned i = 0; i < m->nareas; i++) {
        const struct mem_area *a = m->area[i];

        if (!area_valid(m, a)) {
            continue;
        }
        uint64_t last = a->gpa + (a->len - 1);

        if (gpa >= a->gpa && gpa <= last) {
            *end = *end < last ? *end : last;
            if (!best || a->priority > best->priority) {
                best = a;
            }
        } else if (a->gpa > gpa && a->gpa - 1 < *end) {
            *end = a->gpa - 1;
        }
    }
    return best;
}

static bool flat_equal(const struct mem_flat *f, const struct mem_flat *g)
{
    return f->gpa == g->gpa && f->len == g->len && f->offset == g->offset &&
           f->object == g->object && f->kind == g->kind && f->log_dirty == g->log_dirty;
}

/*
 * Walks the address space once, piece by piece. Pieces of different areas stay apart even where
 * they show consecutive memory, so that a machine can choose boundaries (KVM slots) by its areas.
 */
static unsigned memmap_resolve(const struct memmap *m, struct mem_flat *out)
{
    const struct mem_area *last = NULL;
    unsigned n = 0;
    uint64_t gpa = 0;

    while (n < MEMMAP_MAX_FLAT) {
        uint64_t end = UINT64_MAX;
        const struct mem_area *a = area_at(m, gpa, &end);

        if (a && a->kind != MEM_HOLE) {
            struct mem_flat f = {.gpa = gpa,
                                 .len = end - gpa + 1,
                                 .offset = a->offset + (gpa - a->gpa),
                                 .object = a->object,
                                 .kind = a->kind,
                                 .log_dirty = a->log_dirty};

            if (a == last) {
                out[n - 1].len += f.len;
            } else {
                out[n++] = f;
            }
        }
        last = a;
        if (end == UINT64_MAX) {
            break;
        }
        gpa = end + 1;
    }
    return n;
}

static bool flat_listed(const struct mem_flat *list, unsigned n, const struct mem_flat *f)
{
    for (unsigned i = 0; i < n; i++) {
        if (flat_equal(&list[i], f)) {
            return true;
        }
    }
    return false;
}

void memmap_commit(struct memmap *m)
{
    struct mem_flat old[MEMMAP_MAX_FLAT];
    unsigned nold = m->nflat;

    m->pending = m->hold;
    if (m->hold) {
        return;
    }
    memcpy(old, m->flat, nold * sizeof(old[0]));
    m->nflat = memmap_resolve(m, m->flat);
    for (unsigned i = 0; i < nold; i++) {
        if (m->listener.removed && !flat_listed(m->flat, m->nflat, &old[i])) {
            m->listener.removed(m->listener.opaque, &old[i]);
        }
    }
    for (unsigned i = 0; i < m->nflat; i++) {
        if (m->listener.added && !flat_listed(old, nold, &m->flat[i])) {
            m->listener.added(m->listener.opaque, &m->flat[i]);
        }
    }
}

const struct mem_flat *memmap_find(const struct memmap *m, uint64_t gpa)
{
    unsigned lo = 0, hi = m->nflat;

    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        const struct mem_flat *f = &m->flat[mid];

        if (gpa < f->gpa) {
            hi = mid;
        } else if (gpa - f->gpa >= f->len) {
            lo = mid + 1;
        } else {
            return f;
        }
    }
    return NULL;
}
