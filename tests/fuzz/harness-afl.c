/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AFL++'s persistent mode; the target comes from the environment variable CLEAVE_FUZZ_TARGET. */
#include "fuzz.h"

#include <stdlib.h>
#include <unistd.h>

#define LOOPS 1000000

__AFL_FUZZ_INIT();

int main(void)
{
    const char *name = getenv("CLEAVE_FUZZ_TARGET");
    struct fuzz_target *t = fuzz_find(name ? name : "");
    struct fuzz_world *w = t ? fuzz_start(t) : NULL;

    if (!w) {
        fprintf(stderr, "CLEAVE_FUZZ_TARGET names no target\n");
        return 2;
    }
#ifdef __AFL_HAVE_MANUAL_CONTROL
    __AFL_INIT();
#endif
    const uint8_t *data = __AFL_FUZZ_TESTCASE_BUF;
    while (__AFL_LOOP(LOOPS)) {
        fuzz_run(w, data, (size_t)__AFL_FUZZ_TESTCASE_LEN);
    }
    return 0;
}
