/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's memory topology: areas of RAM, ROM and video memory laid over one another. Devices
 * own areas and switch them (PAM, flash alias, ROM BARs, frame buffers); the map resolves them to a
 * flat list without overlaps and tells the world what changed (KVM memory slots, overlays, Xen page
 * moves).
 */
#ifndef CLEAVE_HW_CORE_MEMMAP_H
#define CLEAVE_HW_CORE_MEMMAP_H

#include <stdbool.h>
#include <stdint.h>

enum mem_kind {
    MEM_RAM,  /* read and write */
    MEM_ROM,  /* reads the object; writes are dropped, or go to the mmio bus where it decodes */
    MEM_HOLE, /* hides what lies below; accesses go to the mmio bus */
};

/* Memory that areas show parts of: guest RAM, video memory, a ROM image. Id 0 is guest RAM. */
#define MEM_OBJECT_RAM  0u
#define MEM_MAX_OBJECTS 16u

/*
 * A range of guest physical addresses. The struct belongs to the device. Addresses, lengths and
 * offsets are multiples of 4 KiB; where a guest asks for something else the device must round.
 * For object MEM_OBJECT_RAM, `offset` is the guest physical address that is shown (an alias).
 */
struct mem_area {
    const char *name;
    uint64_t gpa;
    uint64_t len;
    uint64_t offset;
    uint32_t object;
    enum mem_kind kind;
    int priority; /* the higher one is seen; equal: the one added first */
    bool enabled;
    bool log_dirty; /* the world tracks guest writes (video memory) */
};

/* One piece of the resolved map. */
struct mem_flat {
    uint64_t gpa;
    uint64_t len;
    uint64_t offset;
    uint32_t object;
    enum mem_kind kind;
    bool log_dirty;
};

#define MEMMAP_MAX_AREAS 48
#define MEMMAP_MAX_FLAT  128

/* `removed` for all old pieces first, then `added` for all new ones; unchanged pieces stay. */
struct memmap_listener {
    void (*removed)(void *opaque, const struct mem_flat *f);
    void (*added)(void *opaque, const struct mem_flat *f);
    void *opaque;
};

struct memmap {
    unsigned nareas;
    struct mem_area *area[MEMMAP_MAX_AREAS];
    unsigned nflat;
    struct mem_flat flat[MEMMAP_MAX_FLAT];
    struct memmap_listener listener;
    bool hold; /* the world's: commits wait, because guest CPUs run and posted writes are in flight
                */
    bool pending; /* a commit waits */
    struct {
        uint8_t *host; /* NULL where this process has no mapping */
        uint64_t size;
    } object[MEM_MAX_OBJECTS];
};

void memmap_init(struct memmap *m);

/* Makes an object known; used to refuse areas that show more than there is. */
void memmap_set_object(struct memmap *m, uint32_t object, uint8_t *host, uint64_t size);

/* At set-up only. -ENOSPC when full. */
int memmap_add(struct memmap *m, struct mem_area *a);

/* Recomputes after areas changed and tells the listener, unless `hold` is set: then `pending` is. A
 * change that resolves to the same flat list tells nobody. Areas that show more than their object
 * holds count as disabled. */
void memmap_commit(struct memmap *m);

/* What is seen at gpa, or NULL. */
const struct mem_flat *memmap_find(const struct memmap *m, uint64_t gpa);

#endif
