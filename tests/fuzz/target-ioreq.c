/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ioreq page and the buffered ring: any content, changing while it is read. An input is a list
 * of records: a byte that says what, then what belongs to it (see record_next).
 */
#include "fuzz.h"

#include <inttypes.h>
#include <string.h>

#include "server.h"
#include "target-page.h"

#define VCPUS       2u
#define SLOT        32u
#define SLOT_STATE  30u
#define STATE_MASK  0xfu
#define BOUNCE_GPA  (1ull << 60)
#define CANARY      0x77u
#define RAM_BYTES   0x8000u
#define MAX_RECORDS 64u
#define MAX_TRAPS   6u
#define PORT_BASE   0x1f0u
#define WINDOW      0xa0000u

enum record_kind {
    REC_SLOT,     /* a slot made of well-chosen values, and served */
    REC_RAW,      /* 32 bytes, and served */
    REC_POINTERS, /* the ring's pointers, and drained */
    REC_ENTRY,    /* one entry of the ring */
    REC_FILL,     /* all entries alike */
    REC_OTHER,    /* what the page changes into: 32 bytes for the slot */
    REC_HOW,      /* when it changes: never, in the device, after each access */
    REC_RAM,      /* 8 bytes of RAM */
    REC_KINDS,
};

enum change { CHANGE_NEVER, CHANGE_IN_DEVICE, CHANGE_EACH_ACCESS, CHANGES };

struct record {
    enum record_kind kind;
    uint8_t arg;
    const uint8_t *bytes; /* SLOT, RAW and OTHER: 32, else 8 */
    uint8_t made[SLOT];
};

static struct {
    struct ioreq_server s;
    struct fuzz_world *w;
    _Alignas(4096) uint8_t page[4096];
    _Alignas(4096) uint8_t ring[4096];
    uint8_t bounce[VCPUS * 4096];
    uint8_t ram[RAM_BYTES];
    struct dma_ram dma;
    struct bus pio, mmio;
    struct region bytes, words, window;
    uint8_t other[SLOT];
    enum change change;
    unsigned accesses;
    unsigned traps;
} t;

/* --- the devices behind it --- */

static void device_access(uint32_t off, unsigned size, uint64_t val)
{
    t.accesses++;
    fuzz_answer(t.w, off ^ (uint64_t)size << 32 ^ val);
    if (t.change == CHANGE_IN_DEVICE) {
        memcpy(t.s.slots, t.other, SLOT);
        memcpy(t.ring, t.other + 8, 8);
    }
}

static void width_check(const char *what, uint32_t off, unsigned size, unsigned widths,
                        uint32_t len)
{
    if (!(size & widths) || off >= len || len - off < size) {
        fuzz_finding(t.w, "%s: offset %#x size %u reached the handler", what, off, size);
    }
}

static uint64_t bytes_read(void *dev, uint32_t off, unsigned size)
{
    width_check("bytes", off, size, 1, 8);
    device_access(off, size, 0);
    return 0xa0 + off;
}

static void bytes_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    width_check("bytes", off, size, 1, 8);
    device_access(off, size, val);
}

static uint64_t words_read(void *dev, uint32_t off, unsigned size)
{
    width_check("words", off, size, 6, 16);
    device_access(off, size, 0);
    return UINT64_MAX; /* more than was asked for */
}

static void words_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    width_check("words", off, size, 6, 16);
    if (val >> (size * 8)) {
        fuzz_finding(t.w, "a value of more than %u bytes reached the handler", size);
    }
    device_access(off, size, val);
}

static uint64_t window_read(void *dev, uint32_t off, unsigned size)
{
    width_check("window", off, size, 7, 0x10000);
    device_access(off, size, 0);
    return off;
}

static void window_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    width_check("window", off, size, 7, 0x10000);
    device_access(off, size, val);
}

static uint32_t config_read(void *opaque, uint8_t devfn, unsigned off, unsigned size)
{
    if (off > 256 - size || size > 4) {
        fuzz_finding(t.w, "configuration register %#x size %u", off, size);
    }
    device_access(off, size, devfn);
    return 0x71138086;
}

static void config_write(void *opaque, uint8_t devfn, unsigned off, unsigned size, uint32_t val)
{
    config_read(opaque, devfn, off, size);
}

static void invalidate(void *opaque)
{
    device_access(0, 0, 0);
}

static const struct reg bytes_regs[] = {{0, 8, BUS_W1, bytes_read, bytes_write, "B", NULL, NULL}};
static const struct reg words_regs[] = {
    {0, 16, BUS_W2 | BUS_W4, words_read, words_write, "W", NULL, NULL}};
static const struct reg window_regs[] = {
    {0, 0x10000, BUS_W1 | BUS_W2 | BUS_W4, window_read, window_write, "M", NULL, NULL}};

static void region_map(struct bus *b, struct region *r, const struct reg *regs, uint64_t base)
{
    *r = (struct region){.regs = regs, .nregs = 1, .opaque = r, .len = regs->length};
    bus_map(b, r, base);
}

static bool ioreq_setup(struct fuzz_world *w)
{
    t.w = w;
    bus_init(&t.pio, 0xffff);
    bus_init(&t.mmio, UINT64_MAX);
    region_map(&t.pio, &t.bytes, bytes_regs, PORT_BASE);
    region_map(&t.pio, &t.words, words_regs, PORT_BASE + 8);
    region_map(&t.mmio, &t.window, window_regs, WINDOW);
    dma_ram_init(&t.dma);
    dma_ram_add(&t.dma, 0, RAM_BYTES / 2, t.ram);
    dma_ram_add(&t.dma, RAM_BYTES, RAM_BYTES / 2, t.ram + RAM_BYTES / 2);
    t.s = (struct ioreq_server){.slots = (struct ioreq *)(void *)t.page,
                                .ring = (struct buffered_iopage *)(void *)t.ring,
                                .nvcpus = VCPUS,
                                .pio = &t.pio,
                                .mmio = &t.mmio,
                                .dma = &t.dma.dma,
                                .bounce = {BOUNCE_GPA, t.bounce},
                                .ops = {config_read, config_write, invalidate, NULL}};
    return trap_init();
}

/* --- records --- */

/* A slot of values that matter, chosen by six bytes. */
static void slot_make(const uint8_t *b, uint8_t *slot)
{
    static const uint64_t addrs[] = {PORT_BASE,       PORT_BASE + 7, PORT_BASE + 8, 0xfffc,
                                     0xffff,          0x10000,       WINDOW,        WINDOW - 1,
                                     WINDOW + 0xfffe, 1ull << 32,    UINT64_MAX,    UINT64_MAX - 3,
                                     1ull << 32 | 8,  0xfd,          0x100,         1ull << 40};
    static const uint64_t datas[] = {0,
                                     0x1000,
                                     RAM_BYTES / 2 - 1,
                                     RAM_BYTES / 2,
                                     RAM_BYTES,
                                     UINT64_MAX,
                                     BOUNCE_GPA,
                                     BOUNCE_GPA + 4095,
                                     BOUNCE_GPA + 4096,
                                     BOUNCE_GPA + 8192,
                                     BOUNCE_GPA - 1,
                                     0x1122334455667788};
    static const uint32_t sizes[] = {1, 2, 4, 8, 0, 3, 5, 0xffffffff};
    static const uint32_t counts[] = {1, 2, 3, 16, 512, 1024, 4096, 4097, 0, 0xffffffff};
    static const uint8_t types[] = {0, 1, 2, 7, 8, 3, 0xff};
    uint64_t addr = addrs[b[0] % (sizeof(addrs) / 8)] + (b[0] >> 4);
    uint64_t data = datas[b[1] % (sizeof(datas) / 8)] + (b[1] >> 4);
    uint32_t count = counts[b[2] % (sizeof(counts) / 4)];
    uint32_t size = sizes[b[3] % (sizeof(sizes) / 4)];

    memset(slot, 0, SLOT);
    memcpy(slot, &addr, 8);
    memcpy(slot + 8, &data, 8);
    memcpy(slot + 16, &count, 4);
    memcpy(slot + 20, &size, 4);
    slot[SLOT_STATE] = (uint8_t)((b[4] & 0x70) | STATE_IOREQ_READY);
    slot[31] = types[b[5] % sizeof(types)];
}

/* Takes one record off the input. */
static bool record_next(const uint8_t **at, size_t *left, struct record *r)
{
    size_t need;

    if (*left < 2) {
        return false;
    }
    r->kind = (*at)[0] % REC_KINDS;
    r->arg = (*at)[1];
    need = r->kind == REC_RAW || r->kind == REC_OTHER ? SLOT : r->kind == REC_HOW ? 0 : 8;
    if (*left - 2 < need) {
        return false;
    }
    r->bytes = *at + 2;
    if (r->kind == REC_SLOT) {
        slot_make(r->bytes, r->made);
        r->bytes = r->made;
    }
    *at += 2 + need;
    *left -= 2 + need;
    return true;
}

static uint64_t get64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static uint32_t get32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

/* --- what must hold --- */

/* After each access the slot, or the ring's pointers and one entry, become something else. */
static void change_slot(void *opaque, unsigned n)
{
    uint8_t was[SLOT];

    memcpy(was, trap_page.mem, SLOT);
    memcpy(trap_page.mem, t.other, SLOT);
    memcpy(t.other, was, SLOT);
}

static void change_ring(void *opaque, unsigned n)
{
    memcpy(trap_page.mem, t.other + (n & 1) * 8, 8);
    memcpy(trap_page.mem + 8 + n % 511 * 8, t.other + 16 + (n & 1) * 8, 8);
}

static void slot_serve(unsigned vcpu, const uint8_t *slot)
{
    bool trapping = t.change == CHANGE_EACH_ACCESS && t.traps++ < MAX_TRAPS;
    struct ioreq *slots = t.s.slots;
    uint64_t malformed = t.s.malformed;
    unsigned other = (vcpu + 1) % VCPUS;

    memcpy(t.page + vcpu * SLOT, slot, SLOT);
    memset(t.bounce + other * 4096, CANARY, 4096);
    t.accesses = 0;
    bool ready = (slot[SLOT_STATE] & STATE_MASK) == STATE_IOREQ_READY;
    if (trapping) {
        t.s.slots = (struct ioreq *)(void *)(trap_page.mem - vcpu * SLOT);
        memcpy(trap_page.mem, slot, SLOT);
        trap_arm(change_slot, NULL);
    }
    bool served = ioreq_serve(&t.s, vcpu, NULL, NULL);
    if (trapping) {
        trap_disarm();
        t.s.slots = slots;
        return;
    }
    if (served != ready) {
        fuzz_finding(t.w, "a slot of state %u was%s served", slot[SLOT_STATE] & STATE_MASK,
                     served ? "" : " not");
    }
    if (t.accesses > IOREQ_MAX_BYTES) {
        fuzz_finding(t.w, "one request made %u accesses", t.accesses);
    }
    const uint8_t *canary = t.bounce + other * 4096;
    if (canary[0] != CANARY || memcmp(canary, canary + 1, 4095) != 0) {
        fuzz_finding(t.w, "the bounce page of another vCPU was written");
    }
    if (!served || t.change == CHANGE_IN_DEVICE) {
        return;
    }
    if ((t.page[vcpu * SLOT + SLOT_STATE] & STATE_MASK) != STATE_IORESP_READY) {
        fuzz_finding(t.w, "the slot's state after the response is %u",
                     t.page[vcpu * SLOT + SLOT_STATE] & STATE_MASK);
    }
    if (t.s.malformed != malformed && t.accesses) {
        fuzz_finding(t.w, "a malformed request reached a device");
    }
    fuzz_answer(t.w, get64(t.page + vcpu * SLOT + 8));
}

static void ring_drain(const uint8_t *pointers)
{
    bool trapping = t.change == CHANGE_EACH_ACCESS && t.traps++ < MAX_TRAPS;

    memcpy(t.ring, pointers, 8);
    t.accesses = 0;
    if (trapping) {
        memcpy(trap_page.mem, t.ring, 4096);
        t.s.ring = (struct buffered_iopage *)(void *)trap_page.mem;
        trap_arm(change_ring, NULL);
    }
    unsigned served = ioreq_drain(&t.s);
    if (trapping) {
        trap_disarm();
        t.s.ring = (struct buffered_iopage *)(void *)t.ring;
    }
    if (served > IOREQ_BUFFER_SLOT_NUM || t.accesses > 8 * IOREQ_BUFFER_SLOT_NUM) {
        fuzz_finding(t.w, "one drain took %u entries and made %u accesses", served, t.accesses);
    }
    if (t.change == CHANGE_NEVER && ioreq_ring_pending(&t.s)) {
        fuzz_finding(t.w, "a drained ring keeps its reader awake");
    }
    fuzz_answer(t.w, served);
}

static void record_run(const struct record *r)
{
    switch (r->kind) {
    case REC_SLOT:
    case REC_RAW:
        slot_serve(r->arg % VCPUS, r->bytes);
        break;
    case REC_POINTERS:
        ring_drain(r->bytes);
        break;
    case REC_ENTRY:
        memcpy(t.ring + 8 + r->arg % 8 * 8, r->bytes, 8);
        break;
    case REC_FILL:
        for (unsigned i = 0; i < IOREQ_BUFFER_SLOT_NUM; i++) {
            memcpy(t.ring + 8 + i * 8, r->bytes, 8);
        }
        break;
    case REC_OTHER:
        memcpy(t.other, r->bytes, SLOT);
        break;
    case REC_HOW:
        t.change = r->arg % CHANGES;
        break;
    default:
        memcpy(t.ram + r->arg * 8, r->bytes, 8);
    }
}

static void ioreq_run(struct fuzz_world *w, const uint8_t *data, size_t size)
{
    struct record r;

    memset(t.page, 0, sizeof(t.page));
    memset(t.ring, 0, sizeof(t.ring));
    memset(t.ram, 0, sizeof(t.ram));
    memset(t.bounce, 0, sizeof(t.bounce));
    memset(t.other, 0, SLOT);
    t.change = CHANGE_NEVER;
    t.traps = 0;
    for (unsigned i = 0; i < MAX_RECORDS && record_next(&data, &size, &r); i++) {
        record_run(&r);
    }
}

/* --- in words --- */

static void slot_describe(const char *what, const uint8_t *s)
{
    printf("%s: type %u %s addr %#" PRIx64 " data %#" PRIx64 "%s size %u count %u%s state %u\n",
           what, s[31], s[SLOT_STATE] & 0x20 ? "read" : "write", get64(s), get64(s + 8),
           s[SLOT_STATE] & 0x10 ? " (pointer)" : "", get32(s + 20), get32(s + 16),
           s[SLOT_STATE] & 0x40 ? " down" : "", s[SLOT_STATE] & STATE_MASK);
}

static void ioreq_describe(struct fuzz_world *w, const uint8_t *data, size_t size)
{
    static const char *const how[] = {"never", "inside the device", "after each access"};
    struct record r;

    for (unsigned i = 0; i < MAX_RECORDS && record_next(&data, &size, &r); i++) {
        printf("%3u ", i);
        if (r.kind == REC_SLOT || r.kind == REC_RAW) {
            slot_describe(r.arg % VCPUS ? "vCPU 1" : "vCPU 0", r.bytes);
        } else if (r.kind == REC_OTHER) {
            slot_describe("changes into", r.bytes);
        } else if (r.kind == REC_HOW) {
            printf("the page changes %s\n", how[r.arg % CHANGES]);
        } else if (r.kind == REC_POINTERS) {
            printf("ring read %#x write %#x\n", get32(r.bytes), get32(r.bytes + 4));
        } else if (r.kind == REC_RAM) {
            printf("RAM %#x = %#" PRIx64 "\n", r.arg * 8u, get64(r.bytes));
        } else {
            printf("%s = %#" PRIx64 "\n", r.kind == REC_FILL ? "all entries" : "an entry",
                   get64(r.bytes));
        }
    }
}

FUZZ_TARGET(ioreq) = {
    .name = "ioreq",
    .about = "ioreq page and buffered ring, hostile and changing under the reader",
    .setup = ioreq_setup,
    .run = ioreq_run,
    .describe = ioreq_describe,
    .max_bytes = 2048,
};
