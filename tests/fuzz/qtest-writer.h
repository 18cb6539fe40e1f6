/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes what an input does as a script of the qtest protocol, for another machine to repeat. */
#ifndef CLEAVE_TESTS_FUZZ_QTEST_WRITER_H
#define CLEAVE_TESTS_FUZZ_QTEST_WRITER_H

#include "fuzz.h"

/*
 * Watches the world from here on, in place of any other observer; then run one input, and have the
 * script written to `out` by fuzz_qtest_end(). False when there is no memory.
 *
 * Lines that begin with # are comments, for people and for qtest-diff.py: "#= VALUE" is what the
 * request before it answered here. What the protocol has no request for (a reset, a back end that
 * fails, keys) is a comment.
 */
bool fuzz_qtest_begin(struct fuzz_world *w);
bool fuzz_qtest_end(struct fuzz_world *w, FILE *out);

#endif
