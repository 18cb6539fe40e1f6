/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of the harness; targets have no use for it. */
#ifndef CLEAVE_TESTS_FUZZ_INT_H
#define CLEAVE_TESTS_FUZZ_INT_H

#include "fuzz.h"

#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#define WITH_MSAN 1
#include <sanitizer/msan_interface.h>
#endif
#endif

/* What the guest gets to see must be initialized: else it is memory of the host. */
static inline void guest_sees(const void *p, size_t len)
{
#ifdef WITH_MSAN
    __msan_check_mem_is_initialized(p, len);
#endif
}

/* Until a device fills it. */
static inline void mark_unknown(void *p, size_t len)
{
#ifdef WITH_MSAN
    __msan_poison(p, len);
#endif
}

bool fuzz_world_init(struct fuzz_world *w, void *arena);
/* Ends waiting request number `i`. */
void fuzz_blk_done(struct fuzz_world *w, unsigned i, int err);
void fuzz_blk_restore(struct fuzz_blk *b);
/* Under MSan: what devices wrote to guest RAM is initialized. */
void fuzz_ram_check(struct fuzz_world *w);
void fuzz_vram_restore(struct fuzz_world *w);

#endif
