/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operations of an input: bytes to fields and back; targets and their list. */
#include "fuzz.h"

#include <string.h>

static struct fuzz_target *first;

void fuzz_register(struct fuzz_target *t)
{
    struct fuzz_target **at = &first;

    while (*at && strcmp((*at)->name, t->name) < 0) {
        at = &(*at)->next;
    }
    t->next = *at;
    *at = t;
}

struct fuzz_target *fuzz_targets(void)
{
    return first;
}

struct fuzz_target *fuzz_find(const char *name)
{
    struct fuzz_target *t = first;

    while (t && strcmp(t->name, name) != 0) {
        t = t->next;
    }
    return t;
}

/*
 * Byte 0: kind in bits 4-0, size in bits 6-5. Byte 1: sel in bits 5-0, address bits 17-16 in bits
 * 7-6. Bytes 2-3: address. Bytes 4-11: value. Little endian.
 */
struct fuzz_op fuzz_op_decode(const uint8_t bytes[FUZZ_OP_BYTES])
{
    struct fuzz_op op = {
        .kind = (uint8_t)((bytes[0] & 31) % FUZZ_NKINDS),
        .size = (uint8_t)(1u << (bytes[0] >> 5 & 3)),
        .sel = bytes[1] & 63,
        .addr = bytes[2] | (uint32_t)bytes[3] << 8 | (uint32_t)(bytes[1] >> 6) << 16,
    };

    for (unsigned i = 0; i < 8; i++) {
        op.val |= (uint64_t)bytes[4 + i] << (8 * i);
    }
    return op;
}

void fuzz_op_encode(const struct fuzz_op *op, uint8_t bytes[FUZZ_OP_BYTES])
{
    unsigned size = op->size >= 8 ? 3 : op->size >= 4 ? 2 : op->size >= 2 ? 1 : 0;

    bytes[0] = (uint8_t)(op->kind | size << 5);
    bytes[1] = (uint8_t)((op->sel & 63) | (op->addr >> 16 & 3) << 6);
    bytes[2] = (uint8_t)op->addr;
    bytes[3] = (uint8_t)(op->addr >> 8);
    for (unsigned i = 0; i < 8; i++) {
        bytes[4 + i] = (uint8_t)(op->val >> (8 * i));
    }
}
