/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/dma.h"

#include <errno.h>
#include <string.h>

void *dma_map(struct dma *d, uint64_t gpa, uint64_t *len, bool write)
{
    return *len ? d->map(d->opaque, gpa, len, write) : NULL;
}

void dma_unmap(struct dma *d, void *host, uint64_t gpa, uint64_t len, uint64_t written)
{
    if (d->unmap) {
        d->unmap(d->opaque, host, gpa, len, written);
    }
}

bool dma_read(struct dma *d, uint64_t gpa, void *buf, size_t len)
{
    uint8_t *p = buf;

    while (len) {
        uint64_t n = len;
        void *host = gpa > UINT64_MAX - len ? NULL : dma_map(d, gpa, &n, false);

        if (!host) {
            memset(p, 0xff, len);
            return false;
        }
        memcpy(p, host, n);
        dma_unmap(d, host, gpa, n, 0);
        p += n;
        gpa += n;
        len -= n;
    }
    return true;
}

bool dma_write(struct dma *d, uint64_t gpa, const void *buf, size_t len)
{
    const uint8_t *p = buf;

    while (len) {
        uint64_t n = len;
        void *host = gpa > UINT64_MAX - len ? NULL : dma_map(d, gpa, &n, true);

        if (!host) {
            return false;
        }
        memcpy(host, p, n);
        dma_unmap(d, host, gpa, n, n);
        p += n;
        gpa += n;
        len -= n;
    }
    return true;
}

static void *dma_ram_map(void *opaque, uint64_t gpa, uint64_t *len, bool write)
{
    struct dma_ram *r = opaque;

    for (unsigned i = 0; i < r->n; i++) {
        uint64_t off = gpa - r->piece[i].gpa;

        if (gpa >= r->piece[i].gpa && off < r->piece[i].len) {
            uint64_t left = r->piece[i].len - off;

            *len = *len < left ? *len : left;
            return r->piece[i].host + off;
        }
    }
    return NULL;
}

void dma_ram_init(struct dma_ram *r)
{
    memset(r, 0, sizeof(*r));
    r->dma.map = dma_ram_map;
    r->dma.opaque = r;
}

int dma_ram_add(struct dma_ram *r, uint64_t gpa, uint64_t len, void *host)
{
    if (r->n == DMA_MAX_RAM) {
        return -ENOSPC;
    }
    r->piece[r->n].gpa = gpa;
    r->piece[r->n].len = len;
    r->piece[r->n].host = host;
    r->n++;
    return 0;
}
