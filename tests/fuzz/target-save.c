/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reader of saved-state streams on a small machine whose field tables have all there is: nested
 * structs, arrays, younger fields. An input is a stream; length and checksum are made right, since
 * nobody would guess them.
 */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "core/save.h"

#define AT_BYTES   24u /* of the length, see save.h */
#define AT_HASH    32u
#define STREAM_MAX 4096u
#define BLOB       64u

#define INNER_STATE(V, A, S, T)                                                                    \
    V(T, uint16_t, count, 1)                                                                       \
    V(T, uint16_t, young, 2)
STATE_STRUCT(fuzz_inner_state, INNER_STATE);
STATE_TYPE(fuzz_inner_state, INNER_STATE);

#define OUTER_STATE(V, A, S, T)                                                                    \
    V(T, uint32_t, mode, 1)                                                                        \
    A(T, uint8_t, reg, 4, 1)                                                                       \
    S(T, fuzz_inner_state, inner, 3, 1)                                                            \
    V(T, uint32_t, extra, 3)                                                                       \
    V(T, uint64_t, deadline, 1)
STATE_STRUCT(fuzz_outer_state, OUTER_STATE);
STATE_TYPE(fuzz_outer_state, OUTER_STATE);

static struct {
    _Alignas(64) uint8_t mem[512];
    _Alignas(64) uint8_t scratch[512];
    uint8_t start[512];
    uint8_t blob[BLOB];
    struct arena arena;
    struct device dev[2];
    struct save_blob blobs[1];
    struct save_image img;
} m;

static int outer_check(const void *state)
{
    return ((const struct fuzz_outer_state *)state)->mode > 5 ? -EINVAL : 0;
}

static const struct device_class outer_class = {
    .name = "outer", .state = &fuzz_outer_state_type, .check = outer_check};
static const struct device_class inner_class = {
    .name = "inner", .state = &fuzz_outer_state_type, .check = outer_check};

static bool save_setup(struct fuzz_world *w)
{
    arena_init(&m.arena, m.mem, sizeof(m.mem));
    if (arena_add(&m.arena, &m.dev[0], &outer_class, "a") ||
        arena_add(&m.arena, &m.dev[1], &inner_class, "b")) {
        return false;
    }
    arena_seal(&m.arena);
    memcpy(m.start, m.mem, sizeof(m.start));
    m.blobs[0] = (struct save_blob){"vram", m.blob, BLOB};
    m.img = (struct save_image){&m.arena, "cleave-1", m.blobs, 1};
    return true;
}

/* What was accepted must be what this machine saves now, but for younger fields and the hash. */
static void accepted(struct fuzz_world *w, uint8_t *stream, uint64_t len)
{
    static uint8_t again[STREAM_MAX];
    uint64_t n = save_size(&m.img);

    if (n > sizeof(again) || save_write(&m.img, again, n)) {
        fuzz_finding(w, "an accepted state cannot be saved");
    }
    if (arena_check(&m.arena)) {
        fuzz_finding(w, "an accepted state is refused by the arena");
    }
    if (n == len) {
        memcpy(stream + AT_HASH, again + AT_HASH, 8);
        if (memcmp(stream, again, n - 8) != 0) {
            fuzz_finding(w, "an accepted stream saves as another");
        }
    } else if (n < len) {
        fuzz_finding(w, "an accepted stream of %llu bytes saves as %llu", (unsigned long long)len,
                     (unsigned long long)n);
    }
    fuzz_answer(w, save_checksum(again, n));
}

static void save_run(struct fuzz_world *w, const uint8_t *data, size_t size)
{
    uint8_t stream[STREAM_MAX];
    uint64_t len = size < STREAM_MAX - 8 ? size + 8 : STREAM_MAX;
    char err[160];

    memcpy(m.mem, m.start, sizeof(m.mem));
    memset(m.blob, 0x5a, BLOB);
    memcpy(stream, data, len - 8);
    if (len >= AT_BYTES + 16) {
        memcpy(stream + AT_BYTES, &len, 8);
    }
    uint64_t sum = save_checksum(stream, len - 8);
    memcpy(stream + len - 8, &sum, 8);
    if (save_read(&m.img, stream, len, m.scratch, err, sizeof(err)) == 0) {
        accepted(w, stream, len);
        return;
    }
    if (memcmp(m.mem, m.start, sizeof(m.mem)) != 0 || m.blob[0] != 0x5a) {
        fuzz_finding(w, "a refused stream changed the machine");
    }
    if (strncmp(err, "saved state: ", 13) != 0 || strchr(err, '\n')) {
        fuzz_finding(w, "a refusal without a clear line");
    }
    fuzz_answer(w, save_checksum(err, strlen(err)));
}

static void save_describe(struct fuzz_world *w, const uint8_t *data, size_t size)
{
    printf("a stream of %zu bytes; length and checksum are made right\n", size + 8);
}

FUZZ_TARGET(save) = {
    .name = "save",
    .about = "saved-state streams, on a small machine",
    .setup = save_setup,
    .run = save_run,
    .describe = save_describe,
    .max_bytes = 1024,
};
