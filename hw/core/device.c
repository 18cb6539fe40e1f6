/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/device.h"

#include <errno.h>
#include <string.h>

#define ARENA_ALIGN 64u
#define ARENA_MAGIC 0x31414e5241564c43ull /* "CLVARNA1" */

/* At the start of the block, so that another process can tell whether the layout is its own. */
struct arena_header {
    uint64_t magic;
    uint64_t hash;
    uint64_t used;
    uint64_t ndev;
};

void arena_init(struct arena *a, void *base, size_t size)
{
    memset(a, 0, sizeof(*a));
    a->base = base;
    a->size = size;
    a->used = ARENA_ALIGN;
}

int arena_add(struct arena *a, struct device *dev, const struct device_class *cls, const char *id)
{
    size_t need = (cls->state->size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);

    if (a->ndev == ARENA_MAX_DEVICES || a->size - a->used < need) {
        return -ENOSPC;
    }
    dev->cls = cls;
    dev->id = id;
    dev->state = a->base + a->used;
    a->dev[a->ndev] = dev;
    a->offset[a->ndev] = (uint32_t)a->used;
    a->ndev++;
    a->used += need;
    return 0;
}

uint64_t arena_layout_hash(const struct arena *a)
{
    uint64_t h = a->ndev;

    for (unsigned i = 0; i < a->ndev; i++) {
        for (const char *s = a->dev[i]->id; *s; s++) {
            h = (h ^ (uint8_t)*s) * 0x100000001b3ull;
        }
        h = (h ^ a->offset[i]) * 0x100000001b3ull;
        h ^= state_type_hash(a->dev[i]->cls->state);
    }
    return h;
}

void arena_seal(struct arena *a)
{
    struct arena_header h = {ARENA_MAGIC, arena_layout_hash(a), a->used, a->ndev};

    memcpy(a->base, &h, sizeof(h));
}

int arena_check(const struct arena *a)
{
    struct arena_header h;

    memcpy(&h, a->base, sizeof(h));
    if (h.magic != ARENA_MAGIC || h.hash != arena_layout_hash(a) || h.used != a->used) {
        return -EINVAL;
    }
    for (unsigned i = 0; i < a->ndev; i++) {
        int err = a->dev[i]->cls->check(a->dev[i]->state);

        if (err) {
            return err;
        }
    }
    return 0;
}

void arena_reset(struct arena *a, enum reset_kind kind)
{
    for (unsigned i = 0; i < a->ndev; i++) {
        a->dev[i]->cls->reset(a->dev[i], kind);
    }
}

void arena_resume(struct arena *a)
{
    for (unsigned i = 0; i < a->ndev; i++) {
        a->dev[i]->cls->resume(a->dev[i]);
    }
}
