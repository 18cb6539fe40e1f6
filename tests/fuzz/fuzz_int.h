/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of the harness; targets have no use for it. */
#ifndef CLEAVE_TESTS_FUZZ_INT_H
#define CLEAVE_TESTS_FUZZ_INT_H

#include "fuzz.h"

bool fuzz_world_init(struct fuzz_world *w, void *arena);
/* Ends waiting request number `i`. */
void fuzz_blk_done(struct fuzz_world *w, unsigned i, int err);
void fuzz_blk_restore(struct fuzz_blk *b);
void fuzz_vram_restore(struct fuzz_world *w);

#endif
