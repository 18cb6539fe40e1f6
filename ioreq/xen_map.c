/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "xen_map.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_SHIFT_XEN 12
#define CHUNK_SIZE     ((uint64_t)XEN_MAP_PAGES << PAGE_SHIFT_XEN)
#define PAGE_BYTES     (1ull << PAGE_SHIFT_XEN)
#define GPA_LIMIT      (1ull << 48)

static bool page_valid(const struct xen_chunk *c, unsigned page)
{
    return c->valid[page / 64] >> (page % 64) & 1;
}

static void chunk_drop(struct xen_map *m, struct xen_chunk *c)
{
    xenforeignmemory_unmap(m->fmem, c->host, XEN_MAP_PAGES);
    *c = (struct xen_chunk){0};
}

/* A page that is not there (a hole, ballooned out) is an error of its own and no failure. */
static bool chunk_fill(struct xen_map *m, struct xen_chunk *c, uint64_t index, bool writable)
{
    xen_pfn_t pfn[XEN_MAP_PAGES];
    int err[XEN_MAP_PAGES];
    int prot = writable ? PROT_READ | PROT_WRITE : PROT_READ;

    for (unsigned i = 0; i < XEN_MAP_PAGES; i++) {
        pfn[i] = index * XEN_MAP_PAGES + i;
        err[i] = 0;
    }
    void *host = xenforeignmemory_map(m->fmem, m->domid, prot, XEN_MAP_PAGES, pfn, err);
    if (!host) {
        return false;
    }
    *c = (struct xen_chunk){.index = index, .host = host, .writable = writable};
    for (unsigned i = 0; i < XEN_MAP_PAGES; i++) {
        c->valid[i / 64] |= (uint64_t)(err[i] == 0) << (i % 64);
    }
    return true;
}

static bool chunk_is(const struct xen_chunk *c, uint64_t index, bool writable)
{
    return c->host && !c->stale && c->index == index && c->writable == writable;
}

static struct xen_chunk *chunk_find(struct xen_map *m, uint64_t index, bool writable)
{
    if (chunk_is(&m->chunk[m->last], index, writable)) {
        return &m->chunk[m->last];
    }
    for (unsigned i = 0; i < XEN_MAP_CHUNKS; i++) {
        if (chunk_is(&m->chunk[i], index, writable)) {
            m->last = i;
            return &m->chunk[i];
        }
    }
    return NULL;
}

/* A free place, or that of the least recently used chunk; NULL when all are in use. */
static struct xen_chunk *chunk_place(struct xen_map *m)
{
    struct xen_chunk *oldest = NULL;

    for (unsigned i = 0; i < XEN_MAP_CHUNKS; i++) {
        struct xen_chunk *c = &m->chunk[i];

        if (!c->host) {
            return c;
        }
        if (!c->users && (!oldest || c->used_at < oldest->used_at)) {
            oldest = c;
        }
    }
    if (oldest) {
        chunk_drop(m, oldest);
    }
    return oldest;
}

/* A mapped chunk in which `page` is valid, or NULL. */
static struct xen_chunk *chunk_get(struct xen_map *m, uint64_t index, unsigned page, bool writable)
{
    struct xen_chunk *c = chunk_find(m, index, writable);

    if (c && page_valid(c, page)) {
        return c;
    }
    /* The page may have come since: once more, unless somebody uses what there is. */
    if (c && c->users) {
        c->stale = true;
    } else if (c) {
        chunk_drop(m, c);
    }
    c = chunk_place(m);
    if (!c || !chunk_fill(m, c, index, writable)) {
        return NULL;
    }
    m->last = (unsigned)(c - m->chunk);
    return page_valid(c, page) ? c : NULL;
}

static void *map_map(void *opaque, uint64_t gpa, uint64_t *len, bool write)
{
    struct xen_map *m = opaque;
    uint64_t index = gpa / CHUNK_SIZE;
    uint64_t off = gpa % CHUNK_SIZE;
    unsigned page = (unsigned)(off >> PAGE_SHIFT_XEN);

    if (gpa >= GPA_LIMIT) {
        return NULL;
    }
    struct xen_chunk *c = chunk_get(m, index, page, true);
    if (!c && !write) { /* what the guest itself cannot write (ROM), a bus master still reads */
        c = chunk_get(m, index, page, false);
    }
    if (!c) {
        return NULL;
    }
    uint64_t end = ((uint64_t)page + 1) << PAGE_SHIFT_XEN;
    while (end < CHUNK_SIZE && end - off < *len && page_valid(c, (unsigned)(end >> 12))) {
        end += PAGE_BYTES;
    }
    *len = *len < end - off ? *len : end - off;
    c->users++;
    c->used_at = ++m->clock;
    return c->host + off;
}

static struct xen_chunk *chunk_of(struct xen_map *m, const uint8_t *host)
{
    for (unsigned i = 0; i < XEN_MAP_CHUNKS; i++) {
        struct xen_chunk *c = &m->chunk[i];

        if (c->host && host >= c->host && host < c->host + CHUNK_SIZE) {
            return c;
        }
    }
    return NULL;
}

static void map_unmap(void *opaque, void *host, uint64_t gpa, uint64_t len, uint64_t written)
{
    struct xen_map *m = opaque;
    struct xen_chunk *c = chunk_of(m, host);

    if (written && m->log_dirty) {
        uint64_t first = gpa >> PAGE_SHIFT_XEN;
        uint64_t last = (gpa + written - 1) >> PAGE_SHIFT_XEN;

        m->dirty(m->opaque, first, (uint32_t)(last - first + 1));
    }
    if (c && c->users && --c->users == 0 && c->stale) {
        chunk_drop(m, c);
    }
}

void xen_map_init(struct xen_map *m, xenforeignmemory_handle *fmem, uint32_t domid,
                  void (*dirty)(void *opaque, uint64_t pfn, uint32_t pages), void *opaque)
{
    memset(m, 0, sizeof(*m));
    m->dma = (struct dma){map_map, map_unmap, m};
    m->fmem = fmem;
    m->domid = domid;
    m->dirty = dirty;
    m->opaque = opaque;
}

void xen_map_invalidate(struct xen_map *m)
{
    for (unsigned i = 0; i < XEN_MAP_CHUNKS; i++) {
        struct xen_chunk *c = &m->chunk[i];

        if (c->host && c->users) {
            c->stale = true;
        } else if (c->host) {
            chunk_drop(m, c);
        }
    }
}

unsigned xen_map_count(const struct xen_map *m)
{
    unsigned n = 0;

    for (unsigned i = 0; i < XEN_MAP_CHUNKS; i++) {
        n += m->chunk[i].host != NULL;
    }
    return n;
}
