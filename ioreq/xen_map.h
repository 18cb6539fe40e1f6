/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory of a Xen domain as a bus master reaches it: chunks of it are mapped when they are
 * first used, a bounded number at a time, and stay until room or an invalidation takes them.
 */
#ifndef CLEAVE_IOREQ_XEN_MAP_H
#define CLEAVE_IOREQ_XEN_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xenforeignmemory.h>

#include "core/dma.h"

#define XEN_MAP_PAGES  256u /* of a chunk: 1 MiB */
#define XEN_MAP_CHUNKS 160u /* more than two IDE channels can have in flight in pieces */

/* A chunk of guest memory. Pages that the hypervisor did not give are not to be touched. */
struct xen_chunk {
    uint64_t index; /* guest address / chunk size */
    uint8_t *host;  /* NULL: free */
    unsigned users; /* mappings handed out */
    bool writable;
    bool stale; /* invalidated while in use: goes with its last user */
    uint64_t used_at;
    uint64_t valid[XEN_MAP_PAGES / 64];
};

struct xen_map {
    struct dma dma;
    xenforeignmemory_handle *fmem;
    uint32_t domid;
    uint64_t clock; /* counts uses, for the least recently used */
    unsigned last;  /* the chunk that was used last */
    struct xen_chunk chunk[XEN_MAP_CHUNKS];

    /* Pages written by us, while the toolstack wants to know. */
    bool log_dirty;
    void (*dirty)(void *opaque, uint64_t pfn, uint32_t pages);
    void *opaque;
};

/* `fmem` stays the caller's. `dirty` is called while log_dirty is set. */
void xen_map_init(struct xen_map *m, xenforeignmemory_handle *fmem, uint32_t domid,
                  void (*dirty)(void *opaque, uint64_t pfn, uint32_t pages), void *opaque);

/* The hypervisor took pages away: nothing that is mapped now is used for a new access. */
void xen_map_invalidate(struct xen_map *m);

/* Chunks that are mapped now. */
unsigned xen_map_count(const struct xen_map *m);

#endif
