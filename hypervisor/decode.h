/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The repeated string instructions that are worth one ioreq instead of one per element. */
#ifndef CLEAVE_HYPERVISOR_DECODE_H
#define CLEAVE_HYPERVISOR_DECODE_H

#include <stdbool.h>
#include <stdint.h>

enum rep_kind { REP_OUTS, REP_STOS, REP_MOVS };
enum rep_segment { REP_ES, REP_CS, REP_SS, REP_DS, REP_FS, REP_GS };

struct rep_insn {
    enum rep_kind kind;
    unsigned size;            /* element: 1, 2, 4, 8 bytes */
    unsigned addr_bits;       /* 16, 32 or 64: width of RCX, RSI, RDI */
    enum rep_segment segment; /* of the source */
    unsigned length;          /* instruction bytes */
};

/*
 * Decodes `n` bytes as code of a segment of `bits` (16, 32, 64). False unless it is REP OUTS, REP
 * STOS or REP MOVS in full (F3 or F2; neither distinguishes them).
 */
bool rep_decode(const uint8_t *code, unsigned n, unsigned bits, struct rep_insn *insn);

/* How many of `count` elements at `addr` lie wholly in its page, going up or down; at most 4096
 * bytes. 0 when the first one straddles. */
uint32_t rep_in_page(uint64_t addr, unsigned size, bool down, uint64_t count);

/* A register of `bits` moved by `step`; the upper bits stay as the processor leaves them. */
uint64_t rep_advance(uint64_t reg, int64_t step, unsigned bits);

#endif
