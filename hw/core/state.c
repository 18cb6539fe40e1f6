/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/state.h"

#define FNV_OFFSET 0xcbf29ce484222325ull
#define FNV_PRIME  0x100000001b3ull

static uint64_t hash_u32(uint64_t h, uint32_t v)
{
    for (int i = 0; i < 4; i++, v >>= 8) {
        h = (h ^ (v & 0xff)) * FNV_PRIME;
    }
    return h;
}

static uint64_t hash_name(uint64_t h, const char *s)
{
    for (; *s; s++) {
        h = (h ^ (uint8_t)*s) * FNV_PRIME;
    }
    return hash_u32(h, 0);
}

uint64_t state_type_hash(const struct state_type *type)
{
    uint64_t h = hash_u32(hash_name(FNV_OFFSET, type->name), type->size);

    for (uint32_t i = 0; i < type->nfields; i++) {
        const struct state_field *f = &type->fields[i];

        h = hash_name(h, f->name);
        h = hash_u32(h, f->offset);
        h = hash_u32(h, f->count);
        h = hash_u32(h, f->size);
        if (f->sub) {
            uint64_t sub = state_type_hash(f->sub);

            h = hash_u32(h, (uint32_t)sub);
            h = hash_u32(h, (uint32_t)(sub >> 32));
        }
    }
    return h;
}
