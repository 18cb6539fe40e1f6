/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the resolved memory map to the list of KVM memory slots that shows it. */
#include "hv.h"

/* The end of the part of [start, end) before the next cut. */
static uint64_t cut_end(const uint64_t *cut, unsigned ncut, uint64_t start, uint64_t end)
{
    for (unsigned i = 0; i < ncut; i++) {
        if (cut[i] > start && cut[i] < end) {
            return cut[i];
        }
    }
    return end;
}

static uint32_t slot_flags(const struct mem_flat *f)
{
    return (f->kind == MEM_ROM ? KVM_MEM_READONLY : 0) |
           (f->log_dirty ? KVM_MEM_LOG_DIRTY_PAGES : 0);
}

unsigned mem_slots_wanted(const struct memmap *map, const uint64_t *cut, unsigned ncut,
                          struct mem_slot *want, unsigned max)
{
    unsigned n = 0;

    for (unsigned i = 0; i < map->nflat; i++) {
        const struct mem_flat *f = &map->flat[i];
        uint64_t end = f->gpa + f->len;

        if (f->kind == MEM_HOLE) {
            continue;
        }
        for (uint64_t at = f->gpa; at < end && n < max;) {
            uint64_t stop = cut_end(cut, ncut, at, end);

            want[n++] = (struct mem_slot){.gpa = at,
                                          .len = stop - at,
                                          .offset = f->offset + (at - f->gpa),
                                          .object = f->object,
                                          .flags = slot_flags(f)};
            at = stop;
        }
    }
    return n;
}

bool mem_slot_listed(const struct mem_slot *list, unsigned n, const struct mem_slot *s)
{
    for (unsigned i = 0; i < n; i++) {
        const struct mem_slot *l = &list[i];

        if (l->gpa == s->gpa && l->len == s->len && l->offset == s->offset &&
            l->object == s->object && l->flags == s->flags) {
            return true;
        }
    }
    return false;
}
