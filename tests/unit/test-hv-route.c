/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Routing of accesses and batching of REPs, with stand-ins for chips, slots, KVM and guest memory.
 */
#include <glib.h>
#include <string.h>

#include "batch.h"
#include "decode.h"
#include "hv.h"
#include "post.h"
#include "vcpu.h"

#define MAX_SENT 16u

static struct {
    struct hv hv;
    struct stats_vcpu stats;
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    uint8_t code[16];
    bool regs_set;
    unsigned nsent;
    struct access sent[MAX_SENT];
    unsigned server[MAX_SENT];
    uint64_t answer;
    uint8_t index;    /* the RTC's */
    uint8_t chip[14]; /* what was written to its registers */
    bool buffered;
} w;

/* --- stand-ins --- */

void slot_call(struct vcpu *vcpu, struct ioreq_server *s, struct access *a, bool posted)
{
    g_assert_cmpuint(w.nsent, <, MAX_SENT);
    w.server[w.nsent] = s->id;
    w.sent[w.nsent++] = *a;
    if (!a->write) {
        a->data = w.answer;
    }
}

bool chips_pio_read(struct hv *hv, uint16_t port, unsigned size, uint32_t *val)
{
    if (size != 1 || port < 0x70 || port > 0x71 || (port == 0x71 && w.index > 13)) {
        return false;
    }
    *val = port == 0x70 ? 0xff : 0x40 + w.index;
    return true;
}

bool chips_pio_write(struct hv *hv, uint16_t port, unsigned size, uint32_t val)
{
    if (size == 1 && port == 0x70) {
        w.index = val & 0x7f;
        return false;
    }
    if (size == 1 && port == 0x71 && w.index < 14) {
        w.chip[w.index] = (uint8_t)val;
        return true;
    }
    return false;
}

bool chips_mmio_read(struct hv *hv, uint64_t addr, unsigned size, uint64_t *val)
{
    *val = 0x8086;
    return addr >> 10 == 0xfed00000 >> 10;
}

bool chips_mmio_write(struct hv *hv, uint64_t addr, unsigned size, uint64_t val)
{
    return addr >> 10 == 0xfed00000 >> 10;
}

bool post_is_buffered(struct hv *hv, const struct access *a)
{
    return w.buffered && a->write;
}

bool post_push(struct hv *hv, struct ioreq_server *s, uint8_t type, uint64_t addr, unsigned size,
               uint64_t data)
{
    return true;
}

bool route_drain(struct hv *hv, struct vcpu *vcpu)
{
    return true;
}

bool route_ring_pending(const struct hv *hv)
{
    return false;
}

void post_latch_written(struct hv *hv)
{
}

void post_latch_used(struct hv *hv)
{
}

struct kvm_regs *vcpu_regs(struct vcpu *vcpu)
{
    return &w.regs;
}

void vcpu_set_regs(struct vcpu *vcpu)
{
    w.regs_set = true;
}

const struct kvm_sregs *vcpu_sregs(struct vcpu *vcpu)
{
    return &w.sregs;
}

bool vcpu_read(struct vcpu *vcpu, uint64_t addr, void *buf, size_t len)
{
    memcpy(buf, w.code, len < sizeof(w.code) ? len : sizeof(w.code));
    return true;
}

bool vcpu_translate(struct vcpu *vcpu, uint64_t linear, uint64_t *gpa)
{
    *gpa = linear;
    return true;
}

bool mem_is_ram(struct hv *hv, uint64_t gpa, uint64_t len)
{
    return gpa < 0xa0000 || gpa >= 0x100000;
}

/* --- the rig --- */

static struct vcpu *vcpu(void)
{
    return &w.hv.vcpu[0];
}

static void server_on(unsigned id)
{
    w.hv.route.server[id].exists = true;
    atomic_store(&w.hv.route.server[id].enabled, true);
}

static void rig(void)
{
    static const struct kvm_segment flat = {.limit = 0xffffffff, .type = 3, .db = 1};

    memset(&w, 0, sizeof(w));
    w.hv.nvcpus = 1;
    w.hv.vcpu[0].hv = &w.hv;
    w.hv.vcpu[0].stats = &w.stats;
    route_create(&w.hv);
    server_on(0);
    w.sregs.cs = w.sregs.ds = w.sregs.es = w.sregs.ss = flat;
    w.sregs.fs = w.sregs.gs = flat;
    w.sregs.cr0 = 0x11;
}

static void claim(unsigned id, enum range_type type, uint64_t start, uint64_t end)
{
    g_assert_cmpint(range_add(&w.hv.route.server[id].ranges[type], start, end), ==, 0);
}

static uint64_t in(uint16_t port, unsigned size)
{
    struct access a = {.type = IOREQ_TYPE_PIO, .addr = port, .count = 1, .size = size};

    route_access(vcpu(), &a);
    return a.data & (size == 4 ? 0xffffffff : (1u << (size * 8)) - 1);
}

static void out(uint16_t port, unsigned size, uint32_t val)
{
    struct access a = {
        .type = IOREQ_TYPE_PIO, .addr = port, .data = val, .count = 1, .size = size, .write = true};

    route_access(vcpu(), &a);
}

/* --- routing --- */

static void test_unclaimed(void)
{
    rig();
    g_assert_cmphex(in(0x1f7, 1), ==, 0xff);
    g_assert_cmphex(in(0x1f0, 4), ==, 0xffffffff);
    out(0x1f7, 1, 0x20);
    g_assert_cmpuint(w.nsent, ==, 0);
    g_assert_cmpuint(w.stats.ioreqs[STATS_IOREQ_UNCLAIMED], ==, 3);
}

static void test_whole_range(void)
{
    rig();
    claim(0, RANGE_PORT, 0x1f0, 0x1f7);
    w.answer = 0x1150;
    g_assert_cmphex(in(0x1f7, 1), ==, 0x50);
    g_assert_cmphex(in(0x1f7, 2), ==, 0xffff); /* reaches out of the range */
    g_assert_cmpuint(w.nsent, ==, 1);
}

static void test_highest_id_first(void)
{
    rig();
    server_on(3);
    claim(0, RANGE_PORT, 0x1f0, 0x1f7);
    claim(3, RANGE_PORT, 0x1f7, 0x1f7);
    in(0x1f7, 1);
    in(0x1f6, 1);
    atomic_store(&w.hv.route.server[3].enabled, false);
    in(0x1f7, 1);
    g_assert_cmpuint(w.server[0], ==, 3);
    g_assert_cmpuint(w.server[1], ==, 0);
    g_assert_cmpuint(w.server[2], ==, 0);
}

static void test_config(void)
{
    rig();
    claim(0, RANGE_PCI, 0x0009, 0x0009); /* 01.1 */
    w.answer = 0x7010;
    out(0xcf8, 4, 0x80000902);
    g_assert_cmphex(in(0xcfe, 2), ==, 0x7010);
    g_assert_cmpuint(w.sent[0].type, ==, IOREQ_TYPE_PCI_CONFIG);
    g_assert_cmphex(w.sent[0].addr, ==, 0x0000000900000002ull);
    out(0xcf8, 4, 0x80001000);
    g_assert_cmphex(in(0xcfc, 4), ==, 0xffffffff);
    g_assert_cmphex(in(0xcf8, 4), ==, 0x80001000);
    out(0xcf8, 1, 0x12); /* not a latch write */
    g_assert_cmphex(in(0xcf8, 4), ==, 0x80001000);
}

/* With bit 31 clear CFCh-CFFh are ordinary ports. */
static void test_config_off(void)
{
    rig();
    claim(0, RANGE_PORT, 0xcfc, 0xcff);
    out(0xcf8, 4, 0x00000800);
    in(0xcfd, 1);
    g_assert_cmpuint(w.sent[0].type, ==, IOREQ_TYPE_PIO);
    g_assert_cmphex(w.sent[0].addr, ==, 0xcfd);
}

static void test_rtc_by_index(void)
{
    rig();
    claim(0, RANGE_PORT, 0x70, 0x71);
    w.answer = 0x99;
    out(0x70, 1, 0x8b); /* bit 7 is the NMI mask */
    g_assert_cmphex(w.sent[0].addr, ==, 0x70);
    g_assert_cmphex(in(0x71, 1), ==, 0x4b);
    g_assert_cmpuint(w.nsent, ==, 1);
    out(0x70, 1, 14);
    g_assert_cmphex(in(0x71, 1), ==, 0x99);
    g_assert_cmphex(in(0x70, 1), ==, 0xff);
    out(0x70, 2, 0x550e); /* index, then data */
    g_assert_cmphex(w.sent[w.nsent - 1].addr, ==, 0x71);
    g_assert_cmphex(w.sent[w.nsent - 1].data, ==, 0x55);
    unsigned sent = w.nsent;
    out(0x70, 2, 0x120b); /* the same to a register of the core's chip */
    g_assert_cmphex(w.chip[0x0b], ==, 0x12);
    out(0x6f, 4, 0x34028000u | 0x0a00); /* from below, over both and beyond */
    g_assert_cmphex(w.chip[0x0a], ==, 0x02);
    g_assert_cmphex(in(0x70, 2), ==, 0x4aff);
    for (; sent < w.nsent; sent++) {
        g_assert_cmphex(w.sent[sent].addr, !=, 0x71);
    }
}

static void test_string_from_core(void)
{
    uint8_t buf[4];
    struct access a = {.type = IOREQ_TYPE_PIO, .addr = 0x71, .count = 4, .size = 1, .string = buf};

    rig();
    out(0x70, 1, 3);
    route_access(vcpu(), &a);
    g_assert_cmpmem(buf, 4, "CCCC", 4);
}

static void test_string_unclaimed(void)
{
    uint8_t buf[8] = {0};
    struct access a = {.type = IOREQ_TYPE_PIO, .addr = 0x1f0, .count = 4, .size = 2, .string = buf};

    rig();
    route_access(vcpu(), &a);
    g_assert_cmpmem(buf, 8, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
}

static void test_mmio_span(void)
{
    struct access a = {.type = IOREQ_TYPE_COPY,
                       .addr = 0xd0000ffc,
                       .count = 2,
                       .size = 4,
                       .write = true,
                       .df = true};

    rig();
    claim(0, RANGE_MEMORY, 0xd0000ff8, 0xd0000fff);
    g_assert_true(route_can_batch(&w.hv, &a));
    a.count = 3;
    g_assert_false(route_can_batch(&w.hv, &a));
    a.df = false;
    a.count = 2;
    g_assert_false(route_can_batch(&w.hv, &a));
}

static void test_hpet_is_the_core(void)
{
    struct access a = {.type = IOREQ_TYPE_COPY, .addr = 0xfed00000, .count = 1, .size = 4};

    rig();
    claim(0, RANGE_MEMORY, 0, UINT64_MAX);
    route_access(vcpu(), &a);
    g_assert_cmphex(a.data, ==, 0x8086);
    g_assert_cmpuint(w.nsent, ==, 0);
}

static void test_buffered(void)
{
    rig();
    claim(0, RANGE_PORT, 0x402, 0x402);
    w.buffered = true;
    out(0x402, 1, 'A');
    in(0x402, 1);
    g_assert_cmpuint(w.nsent, ==, 1);
    g_assert_cmpuint(w.stats.ioreqs[STATS_IOREQ_BUFFERED], ==, 1);
}

/* --- decoding --- */

static void test_decode(void)
{
    static const struct {
        const char *code;
        unsigned n, bits;
        struct rep_insn want; /* length 0: not one of ours */
    } t[] = {
        {"\xf3\x6e", 2, 16, {REP_OUTS, 1, 16, REP_DS, 2}},
        {"\xf3\x6f", 2, 16, {REP_OUTS, 2, 16, REP_DS, 2}},
        {"\xf3\x6f", 2, 32, {REP_OUTS, 4, 32, REP_DS, 2}},
        {"\xf3\x66\x6f", 3, 16, {REP_OUTS, 4, 16, REP_DS, 3}},
        {"\x2e\xf3\x66\x6f", 4, 32, {REP_OUTS, 2, 32, REP_CS, 4}},
        {"\xf2\xaa", 2, 32, {REP_STOS, 1, 32, REP_DS, 2}},
        {"\xf3\xab", 2, 16, {REP_STOS, 2, 16, REP_DS, 2}},
        {"\x67\xf3\xab", 3, 16, {REP_STOS, 2, 32, REP_DS, 3}},
        {"\x67\xf3\xab", 3, 32, {REP_STOS, 4, 16, REP_DS, 3}},
        {"\xf3\x48\xab", 3, 64, {REP_STOS, 8, 64, REP_DS, 3}},
        {"\xf3\x48\x6f", 3, 64, {REP_OUTS, 4, 64, REP_DS, 3}},
        {"\x2e\xf3\xa4", 3, 64, {REP_MOVS, 1, 64, REP_DS, 3}}, /* CS is ignored there */
        {"\x65\xf3\xa5", 3, 64, {REP_MOVS, 4, 64, REP_GS, 3}},
        {"\x67\xf3\xa5", 3, 64, {REP_MOVS, 4, 32, REP_DS, 3}},
        {"\xab", 1, 32, {0}},
        {"\xf3\xa6", 2, 32, {0}},
        {"\xf3\xac", 2, 32, {0}},
        {"\xf3\x6c", 2, 32, {0}},
        {"\xf3\x48\xab", 3, 32, {0}}, /* 48 is DEC EAX */
        {"\xf3\x66", 2, 32, {0}},
        {"\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\xf3", 15, 32, {0}},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(t); i++) {
        struct rep_insn got;
        bool ok = rep_decode((const uint8_t *)t[i].code, t[i].n, t[i].bits, &got);

        g_test_message("case %u", i);
        g_assert_cmpint(ok, ==, t[i].want.length != 0);
        if (ok) {
            g_assert_cmpuint(got.kind, ==, t[i].want.kind);
            g_assert_cmpuint(got.size, ==, t[i].want.size);
            g_assert_cmpuint(got.addr_bits, ==, t[i].want.addr_bits);
            g_assert_cmpuint(got.segment, ==, t[i].want.segment);
            g_assert_cmpuint(got.length, ==, t[i].want.length);
        }
    }
}

static void test_in_page(void)
{
    g_assert_cmpuint(rep_in_page(0x1000, 2, false, 5000), ==, 2048);
    g_assert_cmpuint(rep_in_page(0x1ffe, 2, false, 9), ==, 1);
    g_assert_cmpuint(rep_in_page(0x1fff, 2, false, 9), ==, 0);
    g_assert_cmpuint(rep_in_page(0x1004, 4, true, 9), ==, 2);
    g_assert_cmpuint(rep_in_page(0x1000, 4, true, 9), ==, 1);
    g_assert_cmpuint(rep_in_page(0x1002, 4, true, 9), ==, 1);
    g_assert_cmpuint(rep_in_page(0x1800, 1, false, 3), ==, 3);
    g_assert_cmphex(rep_advance(0x1234fffe, 4, 16), ==, 0x12340002);
    g_assert_cmphex(rep_advance(0xfffffffe, 4, 32), ==, 2);
    g_assert_cmphex(rep_advance(0xfffffffe, 4, 64), ==, 0x100000002ull);
    g_assert_cmphex(rep_advance(2, -4, 16), ==, 0xfffe);
}

/* --- batching --- */

static void batch_rig(const char *code, unsigned n)
{
    rig();
    claim(0, RANGE_PORT, 0x1f0, 0x1f7);
    claim(0, RANGE_MEMORY, 0xa0000, 0xbffff);
    memcpy(w.code, code, n);
    w.regs.rip = 0x100000;
    w.regs.rdx = 0x1f0;
}

static void test_batch_outs(void)
{
    batch_rig("\xf3\x6f", 2); /* 32-bit: OUTSD */
    w.regs.rsi = 0x200004;
    w.regs.rcx = 127;
    g_assert_true(batch_outs(vcpu(), 0x1f0, 4));
    g_assert_cmpuint(w.nsent, ==, 1);
    g_assert_true(w.sent[0].is_ptr && w.sent[0].write && !w.sent[0].df);
    g_assert_cmphex(w.sent[0].data, ==, 0x200004);
    g_assert_cmpuint(w.sent[0].count, ==, 127);
    g_assert_cmphex(w.regs.rsi, ==, 0x200200);
    g_assert_cmphex(w.regs.rcx, ==, 0);
    g_assert_cmphex(w.regs.rip, ==, 0x100002);
    g_assert_true(w.regs_set);
}

/* To the end of the page; RIP stays while there is more to do. */
static void test_batch_outs_page(void)
{
    batch_rig("\xf3\x66\x6f", 3);
    w.regs.rsi = 0x200ffc;
    w.regs.rcx = 256;
    g_assert_true(batch_outs(vcpu(), 0x1f0, 2));
    g_assert_cmpuint(w.sent[0].count, ==, 2);
    g_assert_cmpuint(w.regs.rcx, ==, 254);
    g_assert_cmphex(w.regs.rip, ==, 0x100000);
}

static void test_batch_outs_down(void)
{
    batch_rig("\xf3\x66\x6f", 3);
    w.regs.rflags = 0x402;
    w.regs.rsi = 0x200006;
    w.regs.rcx = 3;
    g_assert_true(batch_outs(vcpu(), 0x1f0, 2));
    g_assert_true(w.sent[0].df);
    g_assert_cmphex(w.sent[0].data, ==, 0x200006);
    g_assert_cmphex(w.regs.rsi, ==, 0x200000);
}

/* Each of these must leave the rest of the REP to KVM. */
static void test_batch_refused(void)
{
    batch_rig("\xf3\x6f", 2);
    w.regs.rsi = 0x200000;
    w.regs.rcx = 4;
    w.regs.rflags = 0x102; /* single step */
    g_assert_false(batch_outs(vcpu(), 0x1f0, 4));
    w.regs.rflags = 2;
    g_assert_false(batch_outs(vcpu(), 0x1f0, 2)); /* not the width that left the guest */
    g_assert_false(batch_outs(vcpu(), 0x1f2, 4)); /* nor the port */
    w.sregs.ds.limit = 0x1fffff;
    g_assert_false(batch_outs(vcpu(), 0x1f0, 4));
    w.sregs.ds.limit = 0xffffffff;
    w.sregs.ds.type = 7; /* expand-down */
    g_assert_false(batch_outs(vcpu(), 0x1f0, 4));
    w.sregs.ds.type = 3;
    w.regs.rsi = 0xb8000; /* not RAM */
    g_assert_false(batch_outs(vcpu(), 0x1f0, 4));
    w.regs.rsi = 0x200000;
    w.sregs.cr0 = 0x80000011;
    w.sregs.ss.dpl = 3; /* a user's page rights are not known here */
    g_assert_false(batch_outs(vcpu(), 0x1f0, 4));
    w.sregs.ss.dpl = 0;
    g_assert_cmpuint(w.nsent, ==, 0);
    g_assert_false(w.regs_set);
    g_assert_true(batch_outs(vcpu(), 0x1f0, 4));
}

static void test_batch_stos(void)
{
    batch_rig("\xf3\x66\xab", 3);
    w.regs.rax = 0x12340720;
    w.regs.rdi = 0xb8002;
    w.regs.rcx = 16383;
    g_assert_true(batch_store(vcpu(), 0xb8000, 2));
    g_assert_cmphex(w.sent[0].addr, ==, 0xb8002);
    g_assert_cmphex(w.sent[0].data, ==, 0x0720);
    g_assert_cmpuint(w.sent[0].count, ==, 2047);
    g_assert_false(w.sent[0].is_ptr);
    g_assert_cmphex(w.regs.rdi, ==, 0xb9000);
    g_assert_cmpuint(w.regs.rcx, ==, 16383 - 2047);
}

/* In 16-bit code: segments, and registers whose upper halves stay. */
static void test_batch_stos_real(void)
{
    batch_rig("\xf3\xab", 2);
    w.sregs.cs.db = 0;
    w.sregs.es.base = 0xb8000;
    w.sregs.es.limit = 0xffff;
    w.regs.rdi = 0xabcd0002;
    w.regs.rcx = 0x50000004;
    g_assert_true(batch_store(vcpu(), 0xb8000, 2));
    g_assert_cmpuint(w.sent[0].count, ==, 4);
    g_assert_cmphex(w.regs.rdi, ==, 0xabcd000a);
    g_assert_cmphex(w.regs.rcx, ==, 0x50000000);
}

static void test_batch_store_elsewhere(void)
{
    batch_rig("\xf3\xaa", 2);
    w.regs.rdi = 0xb9002; /* the store that left the guest was not this instruction's */
    w.regs.rcx = 4;
    g_assert_false(batch_store(vcpu(), 0xb8000, 1));
    w.regs.rdi = 0xb9000; /* the next element lies in another page */
    g_assert_false(batch_store(vcpu(), 0xb8fff, 1));
}

static void test_batch_movs(void)
{
    batch_rig("\xf3\xa4", 2);
    w.regs.rsi = 0x200001;
    w.regs.rdi = 0xa0001;
    w.regs.rcx = 15;
    g_assert_true(batch_store(vcpu(), 0xa0000, 1));
    g_assert_true(w.sent[0].is_ptr);
    g_assert_cmphex(w.sent[0].addr, ==, 0xa0001);
    g_assert_cmphex(w.sent[0].data, ==, 0x200001);
    g_assert_cmphex(w.regs.rsi, ==, 0x200010);
    g_assert_cmphex(w.regs.rdi, ==, 0xa0010);
    g_assert_cmphex(w.regs.rip, ==, 0x100002);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hv/route/unclaimed", test_unclaimed);
    g_test_add_func("/hv/route/whole-range", test_whole_range);
    g_test_add_func("/hv/route/highest-id-first", test_highest_id_first);
    g_test_add_func("/hv/route/config", test_config);
    g_test_add_func("/hv/route/config-off", test_config_off);
    g_test_add_func("/hv/route/rtc-by-index", test_rtc_by_index);
    g_test_add_func("/hv/route/string-from-core", test_string_from_core);
    g_test_add_func("/hv/route/string-unclaimed", test_string_unclaimed);
    g_test_add_func("/hv/route/mmio-span", test_mmio_span);
    g_test_add_func("/hv/route/hpet", test_hpet_is_the_core);
    g_test_add_func("/hv/route/buffered", test_buffered);
    g_test_add_func("/hv/decode/table", test_decode);
    g_test_add_func("/hv/decode/in-page", test_in_page);
    g_test_add_func("/hv/batch/outs", test_batch_outs);
    g_test_add_func("/hv/batch/outs-page", test_batch_outs_page);
    g_test_add_func("/hv/batch/outs-down", test_batch_outs_down);
    g_test_add_func("/hv/batch/refused", test_batch_refused);
    g_test_add_func("/hv/batch/stos", test_batch_stos);
    g_test_add_func("/hv/batch/stos-real", test_batch_stos_real);
    g_test_add_func("/hv/batch/store-elsewhere", test_batch_store_elsewhere);
    g_test_add_func("/hv/batch/movs", test_batch_movs);
    return g_test_run();
}
