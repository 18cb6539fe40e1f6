/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/bus.h"

#include <errno.h>
#include <string.h>

/* Buses up to this address have a direct index. */
#define INDEX_LIMIT (BUS_BLOCKS * BUS_BLOCK - 1u)

/* --- who answers at an address --- */

static bool region_covers(const struct region *r, uint64_t addr)
{
    return addr >= r->base && addr - r->base < r->len;
}

static bool bus_indexed(const struct bus *b)
{
    return b->limit <= INDEX_LIMIT;
}

static const struct region *bus_search(const struct bus *b, uint64_t addr)
{
    const struct region *best = NULL;

    for (unsigned i = 0; i < b->nregions; i++) {
        const struct region *r = b->region[i];

        if (region_covers(r, addr) && (!best || r->priority > best->priority)) {
            best = r;
        }
    }
    return best;
}

/* The 1 + region number at an address of a bus that has an index. */
static unsigned index_get(const struct bus *b, uint64_t addr)
{
    return b->indexed[addr / BUS_BLOCK] ? b->index[addr] : 0;
}

/* Blocks are written to when somebody is in them, so that few pages of the index get dirty. */
static void index_set(struct bus *b, uint64_t addr, uint8_t n)
{
    uint64_t block = addr / BUS_BLOCK;

    if (index_get(b, addr) == n) {
        return;
    }
    if (!b->indexed[block]) {
        b->indexed[block] = true;
        memset(b->index + block * BUS_BLOCK, 0, BUS_BLOCK);
    }
    b->index[addr] = n;
}

/* Fills the index for [base, base+len) anew. */
static void bus_reindex(struct bus *b, uint64_t base, uint64_t len)
{
    if (!bus_indexed(b)) {
        return;
    }
    for (uint64_t a = base; a < base + len; a++) {
        const struct region *r = bus_search(b, a);
        uint8_t n = 0;

        for (unsigned i = 0; r && i < b->nregions; i++) {
            if (b->region[i] == r) {
                n = (uint8_t)(i + 1);
            }
        }
        index_set(b, a, n);
    }
}

const struct region *bus_find(struct bus *b, uint64_t addr)
{
    if (addr > b->limit) {
        return NULL;
    }
    if (bus_indexed(b)) {
        unsigned n = index_get(b, addr);

        return n ? b->region[n - 1] : NULL;
    }
    return bus_search(b, addr);
}

/* The index stays untouched. */
void bus_init(struct bus *b, uint64_t limit)
{
    memset(b, 0, offsetof(struct bus, index));
    b->limit = limit;
}

int bus_map(struct bus *b, struct region *r, uint64_t base)
{
    if (r->mapped && r->base == base) {
        return 0;
    }
    bus_unmap(b, r);
    if (base > b->limit || r->len == 0 || r->len > REGION_LEN_MAX || r->len - 1 > b->limit - base) {
        return -ERANGE;
    }
    if (b->nregions == BUS_MAX_REGIONS) {
        return -ENOSPC;
    }
    r->base = base;
    r->mapped = true;
    b->region[b->nregions++] = r;
    bus_reindex(b, base, r->len);
    if (b->listener.mapped) {
        b->listener.mapped(b->listener.opaque, r);
    }
    return 0;
}

void bus_unmap(struct bus *b, struct region *r)
{
    unsigned i = 0;

    if (!r->mapped) {
        return;
    }
    while (i < b->nregions && b->region[i] != r) {
        i++;
    }
    if (i == b->nregions) {
        return;
    }
    /* Order decides between equal priorities, so the rest moves up; numbers change: reindex all. */
    memmove(&b->region[i], &b->region[i + 1], (b->nregions - i - 1) * sizeof(b->region[0]));
    b->nregions--;
    r->mapped = false;
    bus_reindex(b, r->base, r->len);
    for (; i < b->nregions; i++) {
        bus_reindex(b, b->region[i]->base, b->region[i]->len);
    }
    if (b->listener.unmapped) {
        b->listener.unmapped(b->listener.opaque, r);
    }
}

/* --- one access to the rows of a region --- */

static const struct reg *region_row(const struct region *r, uint32_t off)
{
    for (unsigned i = 0; i < r->nregs; i++) {
        if (off - r->regs[i].offset < r->regs[i].length) {
            return &r->regs[i];
        }
    }
    return NULL;
}

/*
 * The size of the first piece of an access: the widest that the row implements, that fits what is
 * left of the access, and that lies inside the row; 0 when the row has no width small enough.
 */
static unsigned piece_size(const struct reg *row, uint32_t off, unsigned left)
{
    uint32_t room = row->length - (off - row->offset);

    for (unsigned size = 8; size; size >>= 1) {
        if ((row->widths & size) && size <= left && size <= room) {
            return size;
        }
    }
    return 0;
}

static uint64_t region_read(const struct region *r, uint32_t off, unsigned size)
{
    uint64_t val = 0;
    unsigned done = 0;

    while (done < size) {
        const struct reg *row = region_row(r, off + done);
        unsigned n = row ? piece_size(row, off + done, size - done) : 0;
        uint64_t part;

        if (n && row->read) {
            part = row->read(r->opaque, off + done, n) & bus_ones(n);
        } else {
            n = n ? n : 1;
            part = bus_ones(n);
        }
        val |= part << (done * 8);
        done += n;
    }
    return val;
}

static void region_write(const struct region *r, uint32_t off, unsigned size, uint64_t val)
{
    unsigned done = 0;

    while (done < size) {
        const struct reg *row = region_row(r, off + done);
        unsigned n = row ? piece_size(row, off + done, size - done) : 0;

        if (n && row->write) {
            row->write(r->opaque, off + done, n, (val >> (done * 8)) & bus_ones(n));
        }
        done += n ? n : 1;
    }
}

/* --- guest accesses --- */

static bool region_holds(const struct region *r, uint64_t addr, unsigned size)
{
    return r->len - (addr - r->base) >= size;
}

uint64_t bus_read(struct bus *b, uint64_t addr, unsigned size)
{
    const struct region *r = bus_find(b, addr);
    uint64_t val = 0;

    if (r && region_holds(r, addr, size)) {
        return region_read(r, (uint32_t)(addr - r->base), size);
    }
    /* Nobody, or an access that leaves the region: each byte goes to whoever decodes it. */
    b->unclaimed += !r;
    for (unsigned i = 0; i < size; i++) {
        r = addr + i < addr ? NULL : bus_find(b, addr + i);
        uint64_t byte = r ? region_read(r, (uint32_t)(addr + i - r->base), 1) : 0xff;

        val |= byte << (i * 8);
    }
    return val;
}

void bus_write(struct bus *b, uint64_t addr, unsigned size, uint64_t val)
{
    const struct region *r = bus_find(b, addr);

    if (r && region_holds(r, addr, size)) {
        region_write(r, (uint32_t)(addr - r->base), size, val);
        return;
    }
    b->unclaimed += !r;
    for (unsigned i = 0; i < size; i++) {
        r = addr + i < addr ? NULL : bus_find(b, addr + i);
        if (r) {
            region_write(r, (uint32_t)(addr + i - r->base), 1, (val >> (i * 8)) & 0xff);
        }
    }
}

/* The row that takes a whole REP, or NULL. */
static const struct reg *rep_row(const struct region *r, uint64_t addr, unsigned size)
{
    const struct reg *row = r ? region_row(r, (uint32_t)(addr - r->base)) : NULL;

    if (!row || !(row->widths & size) ||
        piece_size(row, (uint32_t)(addr - r->base), size) != size) {
        return NULL;
    }
    return row;
}

void bus_read_rep(struct bus *b, uint64_t addr, unsigned size, uint32_t count, void *buf)
{
    const struct region *r = bus_find(b, addr);
    const struct reg *row = rep_row(r, addr, size);
    uint8_t *p = buf;

    if (row && row->read_rep) {
        row->read_rep(r->opaque, (uint32_t)(addr - r->base), size, count, buf);
        return;
    }
    for (uint32_t i = 0; i < count; i++, p += size) {
        uint64_t val = bus_read(b, addr, size);

        memcpy(p, &val, size);
    }
}

void bus_write_rep(struct bus *b, uint64_t addr, unsigned size, uint32_t count, const void *buf)
{
    const struct region *r = bus_find(b, addr);
    const struct reg *row = rep_row(r, addr, size);
    const uint8_t *p = buf;

    if (row && row->write_rep) {
        row->write_rep(r->opaque, (uint32_t)(addr - r->base), size, count, buf);
        return;
    }
    for (uint32_t i = 0; i < count; i++, p += size) {
        uint64_t val = 0;

        memcpy(&val, p, size);
        bus_write(b, addr, size, val);
    }
}
