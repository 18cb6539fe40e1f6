/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "batch.h"

#include <string.h>

#include "decode.h"
#include "vcpu.h"

#define RFLAGS_TF               0x100u
#define RFLAGS_DF               0x400u
#define CR0_PG                  0x80000000u
#define EFER_LMA                0x400u
#define SEG_TYPE_EXPAND_DOWN(s) (((s)->type & 0xc) == 0x4)

/* What a batch needs to know of the vCPU. */
struct batch {
    struct vcpu *vcpu;
    struct kvm_regs *regs;
    const struct kvm_sregs *sregs;
    struct rep_insn insn;
    bool down;
    uint64_t left; /* iterations */
};

static unsigned code_bits(const struct kvm_sregs *s)
{
    if ((s->efer & EFER_LMA) && s->cs.l) {
        return 64;
    }
    return s->cs.db ? 32 : 16;
}

static uint64_t mask_bits(uint64_t v, unsigned bits)
{
    return bits == 64 ? v : v & ((1ull << bits) - 1);
}

static const struct kvm_segment *source_segment(const struct batch *b)
{
    const struct kvm_sregs *s = b->sregs;
    const struct kvm_segment *by_number[] = {&s->es, &s->cs, &s->ss, &s->ds, &s->fs, &s->gs};

    return by_number[b->insn.segment];
}

/* Linear address of `count` elements at seg:offset; false when the segment does not allow them or
 * the offset wraps on the way. */
static bool linear_of(const struct batch *b, const struct kvm_segment *seg, uint64_t offset,
                      uint32_t count, uint64_t *linear)
{
    uint64_t extra = (uint64_t)(count - 1) * b->insn.size;
    uint64_t low = b->down ? offset - extra : offset;
    bool wide = code_bits(b->sregs) == 64;

    if (b->down && extra > offset) {
        return false;
    }
    if (wide) {
        bool based = seg == &b->sregs->fs || seg == &b->sregs->gs;

        *linear = offset + (based ? seg->base : 0);
        return true;
    }
    if (seg->unusable || SEG_TYPE_EXPAND_DOWN(seg) || low + extra + b->insn.size - 1 > seg->limit) {
        return false;
    }
    *linear = (uint32_t)(seg->base + offset);
    return true;
}

/* Whether the instruction at RIP is a REP with something left to do. */
static bool batch_prepare(struct vcpu *vcpu, struct batch *b)
{
    uint8_t code[15];
    uint64_t at;

    b->vcpu = vcpu;
    b->regs = vcpu_regs(vcpu);
    if (b->regs->rcx == 0 || (b->regs->rflags & RFLAGS_TF)) {
        return false;
    }
    b->sregs = vcpu_sregs(vcpu);
    if (!b->sregs) {
        return false;
    }
    unsigned bits = code_bits(b->sregs);

    at = bits == 64 ? b->regs->rip : (uint32_t)(b->sregs->cs.base + b->regs->rip);
    unsigned n = 4096 - (at & 4095);

    n = n < sizeof(code) ? n : sizeof(code);
    if (!vcpu_read(vcpu, at, code, n) || !rep_decode(code, n, bits, &b->insn)) {
        return false;
    }
    b->down = b->regs->rflags & RFLAGS_DF;
    b->left = mask_bits(b->regs->rcx, b->insn.addr_bits);
    return b->left != 0;
}

static void batch_advance(struct batch *b, uint32_t count, bool source, bool destination)
{
    struct kvm_regs *r = b->regs;
    int64_t step = (int64_t)count * b->insn.size;
    unsigned bits = b->insn.addr_bits;

    step = b->down ? -step : step;
    if (source) {
        r->rsi = rep_advance(r->rsi, step, bits);
    }
    if (destination) {
        r->rdi = rep_advance(r->rdi, step, bits);
    }
    r->rcx = rep_advance(r->rcx, -(int64_t)count, bits);
    if (mask_bits(r->rcx, bits) == 0) {
        unsigned code = code_bits(b->sregs);

        r->rip = code == 64 ? r->rip + b->insn.length
                            : mask_bits(r->rip + b->insn.length, code == 16 ? 16 : 32);
    }
    vcpu_set_regs(b->vcpu);
}

/* RAM that the device model can reach at seg:RSI: physical address of the first element, and how
 * many elements there are in that page. */
static uint32_t source_run(struct batch *b, uint64_t max, uint64_t *gpa)
{
    const struct kvm_segment *seg = source_segment(b);
    uint64_t offset = mask_bits(b->regs->rsi, b->insn.addr_bits);
    uint64_t linear;

    /* KVM's translation does not check a user's rights to the page. */
    if (((b->sregs->cr0 & CR0_PG) && b->sregs->ss.dpl == 3) ||
        !linear_of(b, seg, offset, 1, &linear)) {
        return 0;
    }
    uint32_t n = rep_in_page(linear, b->insn.size, b->down, max);

    if (n == 0 || !linear_of(b, seg, offset, n, &linear) || !vcpu_translate(b->vcpu, linear, gpa)) {
        return 0;
    }
    uint64_t low = b->down ? *gpa - (uint64_t)(n - 1) * b->insn.size : *gpa;

    return mem_is_ram(b->vcpu->hv, low, (uint64_t)n * b->insn.size) ? n : 0;
}

bool batch_outs(struct vcpu *vcpu, uint16_t port, unsigned size)
{
    struct batch b;
    uint64_t gpa;

    if (!batch_prepare(vcpu, &b) || b.insn.kind != REP_OUTS || b.insn.size != size ||
        (b.regs->rdx & 0xffff) != port) {
        return false;
    }
    uint32_t n = source_run(&b, b.left, &gpa);
    struct access a = {.type = IOREQ_TYPE_PIO,
                       .addr = port,
                       .data = gpa,
                       .count = n,
                       .size = size,
                       .write = true,
                       .df = b.down,
                       .is_ptr = true};

    if (n == 0 || !route_can_batch(vcpu->hv, &a)) {
        return false;
    }
    route_access(vcpu, &a);
    batch_advance(&b, n, true, false);
    return true;
}

/* The elements that follow the one at `gpa` in its page; RDI must agree with that. */
static uint32_t destination_run(struct batch *b, uint64_t gpa, uint64_t *next)
{
    const struct kvm_segment *es = &b->sregs->es;
    uint64_t offset = mask_bits(b->regs->rdi, b->insn.addr_bits);
    uint64_t linear;

    *next = b->down ? gpa - b->insn.size : gpa + b->insn.size;
    if ((*next ^ gpa) >> 12 || !linear_of(b, es, offset, 1, &linear) ||
        (linear & 4095) != (*next & 4095)) {
        return 0;
    }
    if (!(b->sregs->cr0 & CR0_PG) && linear != *next) {
        return 0;
    }
    uint32_t n = rep_in_page(*next, b->insn.size, b->down, b->left);

    return n && linear_of(b, es, offset, n, &linear) ? n : 0;
}

static bool store_movs(struct batch *b, struct access *a)
{
    uint64_t source;
    uint32_t n = source_run(b, a->count, &source);

    a->count = n;
    a->data = source;
    a->is_ptr = true;
    return n != 0;
}

bool batch_store(struct vcpu *vcpu, uint64_t gpa, unsigned size)
{
    struct batch b;
    uint64_t next;

    if (!batch_prepare(vcpu, &b) || b.insn.kind == REP_OUTS || b.insn.size != size) {
        return false;
    }
    uint32_t n = destination_run(&b, gpa, &next);
    struct access a = {.type = IOREQ_TYPE_COPY,
                       .addr = next,
                       .data = b.regs->rax,
                       .count = n,
                       .size = size,
                       .write = true,
                       .df = b.down};

    if (n == 0 || (b.insn.kind == REP_MOVS && !store_movs(&b, &a)) ||
        !route_can_batch(vcpu->hv, &a)) {
        return false;
    }
    if (size < 8) {
        a.data = a.is_ptr ? a.data : a.data & ((1ull << (size * 8)) - 1);
    }
    route_access(vcpu, &a);
    batch_advance(&b, a.count, b.insn.kind == REP_MOVS, true);
    return true;
}
