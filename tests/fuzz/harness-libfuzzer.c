/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libFuzzer's entry points. The target comes from --target=NAME, from the environment variable
 * CLEAVE_FUZZ_TARGET, or from the program's name: fuzz-NAME.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
/* Engines other than libFuzzer need not have it. */
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

static struct fuzz_world *world;

static const char *target_name(int argc, char **argv)
{
    const char *name = getenv("CLEAVE_FUZZ_TARGET");
    const char *base = strrchr(argv[0], '/');

    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--target=", 9) == 0) {
            return argv[i] + 9;
        }
    }
    base = base ? base + 1 : argv[0];
    return name ? name : strncmp(base, "fuzz-", 5) == 0 ? base + 5 : "";
}

/* --list-targets, for whoever makes a program of each (.clusterfuzzlite/build.sh). */
static void list_targets(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list-targets") == 0) {
        for (struct fuzz_target *t = fuzz_targets(); t; t = t->next) {
            printf("%s\n", t->name);
        }
        exit(0);
    }
}

__attribute__((visibility("default"))) int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    list_targets(*argc, *argv);
    const char *name = target_name(*argc, *argv);
    struct fuzz_target *t = fuzz_find(name);

    if (!t) {
        fprintf(stderr, "%s: no target \"%s\"; say --target=NAME\n", (*argv)[0], name);
        exit(2);
    }
    world = fuzz_start(t);
    if (!world) {
        exit(2);
    }
    return 0;
}

__attribute__((visibility("default"))) int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_run(world, data, size);
    return 0;
}

/* Now and then the engine's own: it knows what values the code compares with. */
__attribute__((visibility("default"))) size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    if (world->target->run || seed % 5 == 0) {
        return LLVMFuzzerMutate ? LLVMFuzzerMutate(data, size, max_size) : size;
    }
    return fuzz_mutate(world, data, size, max_size, seed);
}
