/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mutator as afl-fuzz loads it (AFL_CUSTOM_MUTATOR_LIBRARY); see AFL++'s custom_mutators.md. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

void *afl_custom_init(void *afl, unsigned seed);
size_t afl_custom_fuzz(void *data, uint8_t *buf, size_t size, uint8_t **out, uint8_t *add,
                       size_t add_size, size_t max_size);
void afl_custom_deinit(void *data);

struct mutator {
    struct fuzz_world *w;
    uint64_t seed;
    uint8_t buf[FUZZ_MAX_OPS * FUZZ_OP_BYTES];
};

EXPORT void *afl_custom_init(void *afl, unsigned seed)
{
    const char *name = getenv("CLEAVE_FUZZ_TARGET");
    struct fuzz_target *t = fuzz_find(name ? name : "");
    struct mutator *m = calloc(1, sizeof(*m));

    m->w = t ? fuzz_start(t) : NULL;
    m->seed = seed;
    if (!m->w) {
        fprintf(stderr, "CLEAVE_FUZZ_TARGET names no target\n");
        exit(2);
    }
    return m;
}

EXPORT size_t afl_custom_fuzz(void *data, uint8_t *buf, size_t size, uint8_t **out, uint8_t *add,
                              size_t add_size, size_t max_size)
{
    struct mutator *m = data;
    size_t max = max_size < sizeof(m->buf) ? max_size : sizeof(m->buf);

    size = size < max ? size : max;
    memcpy(m->buf, buf, size);
    *out = m->buf;
    return fuzz_mutate(m->w, m->buf, size, max, ++m->seed);
}

EXPORT void afl_custom_deinit(void *data)
{
    free(data);
}
