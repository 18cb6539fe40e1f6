/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes inputs operation by operation, so that what comes out still means something. */
#include "fuzz.h"

#include <string.h>

static uint64_t state;

static uint64_t rnd(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static unsigned below(unsigned n)
{
    return (unsigned)(rnd() >> 11) % n;
}

/* Of 64: how often an operation made from nothing is of a kind. */
static const uint8_t weight[FUZZ_NKINDS] = {
    [FUZZ_READ] = 12,     [FUZZ_WRITE] = 24,    [FUZZ_READ_REP] = 1, [FUZZ_WRITE_REP] = 1,
    [FUZZ_CFG_READ] = 1,  [FUZZ_CFG_WRITE] = 3, [FUZZ_STEP] = 2,     [FUZZ_STEP_NEXT] = 3,
    [FUZZ_RAM_WRITE] = 2, [FUZZ_RAM_READ] = 1,  [FUZZ_PATTERN] = 2,  [FUZZ_BLK_MODE] = 1,
    [FUZZ_BLK_DONE] = 2,  [FUZZ_ACTION] = 4,    [FUZZ_RESET] = 1,    [FUZZ_SAVE] = 1,
    [FUZZ_RESUME] = 1,    [FUZZ_POKE] = 3,
};

static uint64_t value(void)
{
    static const uint64_t edge[] = {0,       1,          2,          0x7f,       0x80,
                                    0xff,    0x100,      0x7fff,     0x8000,     0xffff,
                                    0x10000, 0x7fffffff, 0x80000000, 0xffffffff, UINT64_MAX};

    switch (below(6)) {
    case 0:
        return edge[below(sizeof(edge) / sizeof(edge[0]))];
    case 1:
        return 1ull << below(64);
    case 2:
        return rnd() & 0xffff;
    case 3:
        return rnd() & 0xff;
    case 4:
        return rnd() & 0x0f;
    default:
        return rnd();
    }
}

static uint8_t kind(void)
{
    for (;;) {
        unsigned k = below(FUZZ_NKINDS);

        if (below(24) < weight[k]) {
            return (uint8_t)k;
        }
    }
}

static bool has_access(unsigned k)
{
    return k <= FUZZ_WRITE_REP;
}

static struct fuzz_op op_new(const struct fuzz_world *w)
{
    static const uint8_t size[] = {1, 1, 1, 2, 2, 4, 4, 8};
    struct fuzz_op op = {.kind = kind(),
                         .size = size[below(8)],
                         .sel = (uint8_t)below(64),
                         .addr = (uint32_t)(rnd() & 0x3ffff),
                         .val = value()};

    if ((op.kind == FUZZ_CFG_READ || op.kind == FUZZ_CFG_WRITE) && !w->nfunctions) {
        op.kind = FUZZ_WRITE;
    }
    if (has_access(op.kind) && w->nwindows) {
        op.sel = (uint8_t)below(w->nwindows);
        op.addr %= w->window[op.sel].len;
    }
    if (op.kind == FUZZ_READ_REP || op.kind == FUZZ_WRITE_REP) {
        op.val = rnd(); /* its own bits make long strings rare */
    }
    if (op.kind == FUZZ_POKE && below(2)) { /* what the target is about was created last */
        op.sel = (uint8_t)(w->hw.arena->ndev - 1);
    }
    const struct fuzz_target *t = w->target;
    if (op.kind == FUZZ_WRITE && t->nwords && below(2)) {
        const struct fuzz_word *word = &t->words[below((unsigned)t->nwords)];

        op.sel = word->window;
        op.size = word->size;
        op.addr = word->addr;
        op.val = word->val;
    }
    return op;
}

/* One field becomes another. */
static void op_change(const struct fuzz_world *w, struct fuzz_op *op)
{
    switch (below(6)) {
    case 0:
        op->kind = kind();
        break;
    case 1:
        op->size = (uint8_t)(1u << below(4));
        break;
    case 2:
        op->addr = below(2) ? op->addr + below(16) - 8 : (uint32_t)(rnd() & 0x3ffff);
        break;
    case 3:
        op->val ^= 1ull << below(32);
        break;
    case 4:
        op->val += below(64) - 32;
        break;
    default:
        op->val = value();
        break;
    }
}

static unsigned ops_insert(uint8_t *data, unsigned n, unsigned max, unsigned at,
                           const struct fuzz_op *op, unsigned count)
{
    count = count < max - n ? count : max - n;
    memmove(&data[(at + count) * FUZZ_OP_BYTES], &data[at * FUZZ_OP_BYTES],
            (size_t)(n - at) * FUZZ_OP_BYTES);
    for (unsigned i = 0; i < count; i++) {
        fuzz_op_encode(&op[i], &data[(at + i) * FUZZ_OP_BYTES]);
    }
    return n + count;
}

static unsigned ops_erase(uint8_t *data, unsigned n)
{
    unsigned at = below(n);
    unsigned count = below(3) ? 1 : 1 + below(n - at);

    memmove(&data[at * FUZZ_OP_BYTES], &data[(at + count) * FUZZ_OP_BYTES],
            (size_t)(n - at - count) * FUZZ_OP_BYTES);
    return n - count;
}

/* A run of operations once more, somewhere else. */
static unsigned ops_copy(uint8_t *data, unsigned n, unsigned max)
{
    struct fuzz_op op[16];
    unsigned from = below(n);
    unsigned count = 1 + below(n - from < 16 ? n - from : 16);

    for (unsigned i = 0; i < count; i++) {
        op[i] = fuzz_op_decode(&data[(from + i) * FUZZ_OP_BYTES]);
    }
    return ops_insert(data, n, max, below(n + 1), op, count);
}

static unsigned ops_new(const struct fuzz_world *w, uint8_t *data, unsigned n, unsigned max)
{
    struct fuzz_op op[64];
    unsigned count = 1 + below(3);

    if (w->target->generate && below(2)) {
        count = (unsigned)w->target->generate(rnd, op, 64);
    } else {
        for (unsigned i = 0; i < count; i++) {
            op[i] = op_new(w);
        }
    }
    return ops_insert(data, n, max, below(n + 1), op, count);
}

static unsigned ops_mutate(const struct fuzz_world *w, uint8_t *data, unsigned n, unsigned max)
{
    unsigned what = below(10);

    if (n == 0 || what < 3) {
        return ops_new(w, data, n, max);
    }
    if (what == 3) {
        return n > 1 ? ops_erase(data, n) : n;
    }
    if (what == 4) {
        return ops_copy(data, n, max);
    }
    uint8_t *at = &data[below(n) * FUZZ_OP_BYTES];
    struct fuzz_op op = fuzz_op_decode(at);
    op_change(w, &op);
    fuzz_op_encode(&op, at);
    return n;
}

size_t fuzz_mutate(const struct fuzz_world *w, uint8_t *data, size_t size, size_t max,
                   uint64_t seed)
{
    unsigned n = (unsigned)(size / FUZZ_OP_BYTES);
    unsigned limit = (unsigned)(max / FUZZ_OP_BYTES);

    state = seed * 0x9e3779b97f4a7c15ull | 1;
    limit = limit < FUZZ_MAX_OPS ? limit : FUZZ_MAX_OPS;
    n = n < limit ? n : limit;
    for (unsigned times = 1 + below(3) * below(3); times; times--) {
        n = ops_mutate(w, data, n, limit);
    }
    return (size_t)n * FUZZ_OP_BYTES;
}

size_t fuzz_generate(const struct fuzz_world *w, uint8_t *data, unsigned nops, uint64_t seed)
{
    state = seed * 0x9e3779b97f4a7c15ull | 1;
    for (unsigned i = 0; i < 8; i++) {
        rnd();
    }
    for (unsigned n = 0; n < nops;) {
        n = ops_new(w, data, n, nops);
    }
    return (size_t)nops * FUZZ_OP_BYTES;
}
