/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Intel SDM volume 2, sections 2.1 (prefixes), MOVS, OUTS, STOS. */
#include "decode.h"

#define MAX_PREFIXES 14u

/* Prefixes seen so far. */
struct prefixes {
    bool rep;
    bool opsize;
    bool addrsize;
    bool rex_w;
    enum rep_segment segment;
};

/* True when `byte` is a prefix that is taken note of. */
static bool prefix_take(struct prefixes *p, uint8_t byte, unsigned bits)
{
    static const struct {
        uint8_t byte;
        uint8_t segment;
    } segments[] = {{0x26, REP_ES}, {0x2e, REP_CS}, {0x36, REP_SS},
                    {0x3e, REP_DS}, {0x64, REP_FS}, {0x65, REP_GS}};

    for (unsigned i = 0; i < sizeof(segments) / sizeof(segments[0]); i++) {
        if (byte == segments[i].byte) {
            if (bits != 64 || byte >= 0x64) {
                p->segment = segments[i].segment;
            }
            return true;
        }
    }
    switch (byte) {
    case 0xf2:
    case 0xf3:
        p->rep = true;
        return true;
    case 0x66:
        p->opsize = true;
        return true;
    case 0x67:
        p->addrsize = true;
        return true;
    default:
        return false;
    }
}

static unsigned operand_size(const struct prefixes *p, uint8_t opcode, unsigned bits, bool io)
{
    if (!(opcode & 1)) {
        return 1;
    }
    if (p->rex_w && !io) {
        return 8;
    }
    return (bits == 16) != p->opsize ? 2 : 4;
}

static unsigned address_bits(const struct prefixes *p, unsigned bits)
{
    if (!p->addrsize) {
        return bits;
    }
    return bits == 32 ? 16 : 32;
}

bool rep_decode(const uint8_t *code, unsigned n, unsigned bits, struct rep_insn *insn)
{
    struct prefixes p = {.segment = REP_DS};
    unsigned at = 0;

    while (at < n && at < MAX_PREFIXES && prefix_take(&p, code[at], bits)) {
        at++;
    }
    if (at < n && bits == 64 && (code[at] & 0xf0) == 0x40) {
        p.rex_w = code[at] & 8;
        at++;
    }
    if (at >= n || !p.rep) {
        return false;
    }
    switch (code[at] & 0xfe) {
    case 0x6e:
        insn->kind = REP_OUTS;
        break;
    case 0xaa:
        insn->kind = REP_STOS;
        break;
    case 0xa4:
        insn->kind = REP_MOVS;
        break;
    default:
        return false;
    }
    insn->size = operand_size(&p, code[at], bits, insn->kind == REP_OUTS);
    insn->addr_bits = address_bits(&p, bits);
    insn->segment = p.segment;
    insn->length = at + 1;
    return true;
}

uint32_t rep_in_page(uint64_t addr, unsigned size, bool down, uint64_t count)
{
    uint32_t off = (uint32_t)addr & 4095;
    uint32_t fit;

    if (off + size > 4096) {
        return 0;
    }
    fit = down ? off / size + 1 : (4096 - off) / size;
    return count < fit ? (uint32_t)count : fit;
}

uint64_t rep_advance(uint64_t reg, int64_t step, unsigned bits)
{
    uint64_t sum = reg + (uint64_t)step;

    if (bits == 16) {
        return (reg & ~0xffffull) | (sum & 0xffff);
    }
    return bits == 32 ? (uint32_t)sum : sum;
}
