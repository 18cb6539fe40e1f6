/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hostile saved state of the whole PC: accesses, then its state as a stream with parts altered,
 * loaded, then accesses again, on what was accepted. An input is a list of records of eight bytes:
 * see record_run.
 */
#include "fuzz.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/save.h"
#include "pc.h"

#define RECORD      8u
#define MAX_RECORDS 128u
#define RAM_BYTES   (256u << 10)
#define DISK_BYTES  (64ull << 20)
#define AT_HASH     32u
#define REQS        16u
#define MAX_ENDS    64u
#define MAX_LOADS   8u
#define START_NS    1000000000u

static struct {
    struct fuzz_world *w;
    struct pc pc;
    struct dma_ram ram;
    uint8_t *arena;
    uint8_t *start; /* the arena after power-on */
    uint8_t *scratch;
    uint8_t *before;
    uint8_t *stream;
    uint8_t *again;
    uint64_t len;
    unsigned loads;
    bool pending;                   /* stream holds a state with parts altered */
    uint32_t at[ARENA_MAX_DEVICES]; /* where each device's bytes lie in a stream */
    uint64_t now;
    bool reset;
    struct blk disk, cd, floppy;
    struct blk_req *req[REQS];
    unsigned nreqs;
    struct chr chr;
    struct save_image img;
} t;

/* --- what stands behind the devices --- */

static void blk_submit(void *opaque, struct blk_req *req)
{
    if (t.nreqs == REQS) {
        fuzz_finding(t.w, "more than %u block requests in flight", REQS);
    }
    t.req[t.nreqs++] = req;
}

static void blk_cancel(void *opaque, struct blk_req *req)
{
    for (unsigned i = 0; i < t.nreqs; i++) {
        if (t.req[i] == req) {
            t.req[i] = t.req[--t.nreqs];
            return;
        }
    }
    fuzz_finding(t.w, "a request that was not in flight is cancelled");
}

static const struct blk_ops blk_ops = {blk_submit, blk_cancel, NULL};

/* The pieces of a request must be the device's or guest memory: a read writes all of them. */
static void blk_done(unsigned i, int err)
{
    struct blk_req *req = t.req[i];
    uint64_t bytes = 0;

    t.req[i] = t.req[--t.nreqs];
    for (unsigned k = 0; k < req->nsg; k++) {
        if (req->op == BLK_READ) {
            memset(req->sg[k].base, 0x5a, req->sg[k].len);
        }
        bytes += req->sg[k].len;
    }
    if ((req->op == BLK_READ || req->op == BLK_WRITE) &&
        (bytes != req->bytes || req->offset % BLK_SECTOR || req->bytes % BLK_SECTOR ||
         req->offset > DISK_BYTES || req->bytes > DISK_BYTES - req->offset)) {
        fuzz_finding(t.w, "a request of %#" PRIx64 " bytes at %#" PRIx64, req->bytes, req->offset);
    }
    req->done(req, err);
}

static size_t chr_write(void *opaque, const uint8_t *buf, size_t len)
{
    return len;
}

static uint64_t state_now(void *opaque)
{
    return t.now;
}

static void power(void *opaque, enum power_event event, uint32_t value)
{
    t.reset |= event == POWER_RESET || event == POWER_CPU_INIT;
}

static void devices_config(struct pc_config *c)
{
    t.disk = t.cd = (struct blk){.ops = &blk_ops, .bytes = DISK_BYTES};
    t.cd.readonly = true;
    t.floppy = (struct blk){.ops = &blk_ops, .bytes = 2880 * BLK_SECTOR};
    t.chr.write = chr_write;
    c->ide[0] = (struct pc_drive){
        .present = true, .blk = &t.disk, .cylinders = 130, .heads = 16, .sectors = 63};
    c->ide[2] = (struct pc_drive){.present = true, .cdrom = true, .blk = &t.cd};
    c->floppy[0] = (struct pc_drive){.present = true, .blk = &t.floppy};
    c->serial[0] = &t.chr;
    c->debugcon = &t.chr;
    c->vram = (struct pc_object){calloc(1, PC_VRAM_SIZE), PC_VRAM_SIZE};
}

/* Where a device's bytes begin: at the end of its section, since a section ends with them. */
static void stream_measure(void)
{
    uint64_t at = t.len - 12; /* the trailer */

    for (unsigned i = t.pc.arena.ndev; i-- > 0;) {
        const struct device *d = t.pc.arena.dev[i];
        struct arena one = t.pc.arena;
        struct save_image img = {&one, t.img.machine, NULL, 0};

        t.at[i] = (uint32_t)(at - d->cls->state->size);
        one.ndev = i; /* what a machine without it and those behind it would need */
        at = save_size(&img) - 12;
    }
}

static bool state_setup(struct fuzz_world *w)
{
    struct pc_config c = {.memory_mib = 64,
                          .vcpus = 2,
                          .dma = &t.ram.dma,
                          .arena_size = PC_ARENA_SIZE,
                          .now = state_now,
                          .vga = true,
                          .boot_order = "cd",
                          .chips = true,
                          .hooks = {.power = power}};

    t.w = w;
    t.now = START_NS;
    dma_ram_init(&t.ram);
    dma_ram_add(&t.ram, 0, RAM_BYTES, calloc(1, RAM_BYTES));
    t.arena = c.arena = aligned_alloc(4096, PC_ARENA_SIZE);
    memset(t.arena, 0, PC_ARENA_SIZE);
    devices_config(&c);
    if (pc_init(&t.pc, &c)) {
        fprintf(stderr, "state: %s\n", t.pc.step);
        return false;
    }
    pc_reset(&t.pc, RESET_POWER_ON);
    t.img = (struct save_image){&t.pc.arena, "cleave-1", NULL, 0};
    t.len = save_size(&t.img);
    t.start = malloc(t.pc.arena.used);
    t.scratch = aligned_alloc(64, t.pc.arena.used);
    t.before = malloc(t.pc.arena.used);
    t.stream = malloc(t.len);
    t.again = malloc(t.len);
    memcpy(t.start, t.arena, t.pc.arena.used);
    stream_measure();
    return true;
}

/* --- records --- */

enum {
    REC_OUT,
    REC_IN,
    REC_CONFIG,
    REC_TIME,
    REC_DONE,
    REC_STATE,
    REC_STREAM,
    REC_LOAD,
    REC_KINDS
};

static void pending_begin(void)
{
    if (!t.pending && save_write(&t.img, t.stream, t.len)) {
        fuzz_finding(t.w, "the state cannot be saved");
    }
    t.pending = true;
}

/* The altered stream is loaded: taken as it is, or refused and nothing has changed. */
static void pending_load(void)
{
    char err[160];
    uint64_t sum;

    pending_begin();
    sum = save_checksum(t.stream, t.len - 8);
    memcpy(t.stream + t.len - 8, &sum, 8);
    memcpy(t.before, t.arena, t.pc.arena.used);
    t.pending = false;
    if (save_read(&t.img, t.stream, t.len, t.scratch, err, sizeof(err))) {
        if (memcmp(t.before, t.arena, t.pc.arena.used) != 0) {
            fuzz_finding(t.w, "a refused stream changed the machine");
        }
        fuzz_answer(t.w, 1);
        return;
    }
    save_write(&t.img, t.again, t.len);
    memcpy(t.stream + AT_HASH, t.again + AT_HASH, 8);
    if (memcmp(t.stream, t.again, t.len - 8) != 0) {
        fuzz_finding(t.w, "an accepted stream saves as another");
    }
    pc_resume(&t.pc); /* cancels what was in flight, and submits what is */
}

static uint32_t get32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

/*
 * Byte 0: kind in bits 2-0, size in bits 4-3. Ports: bytes 2-3 port, 4-7 value. Configuration: byte
 * 1 function, byte 2 register. State: byte 1 device, bytes 2-3 offset, 4-7 value. Stream: bytes 1-3
 * offset, 4-7 value.
 */
static void record_run(const uint8_t *b)
{
    unsigned size = 1u << ((b[0] >> 3) % 3);
    uint16_t port = (uint16_t)(b[2] | b[3] << 8);
    uint32_t val = get32(b + 4);
    uint32_t mask = size == 4 ? UINT32_MAX : (1u << (size * 8)) - 1;
    const struct arena *a = &t.pc.arena;
    uint32_t room;
    uint32_t off;

    switch (b[0] % REC_KINDS) {
    case REC_OUT:
        bus_write(&t.pc.pio, port, size, val & mask);
        break;
    case REC_IN:
        fuzz_answer(t.w, bus_read(&t.pc.pio, port, size));
        break;
    case REC_CONFIG:
        pci_config_write(&t.pc.pci, b[1], b[2] & ~(size - 1), size, val & mask);
        break;
    case REC_TIME:
        t.now += (uint64_t)port << (b[1] & 31);
        clock_run(&t.pc.clock);
        break;
    case REC_DONE:
        if (t.nreqs) {
            blk_done(b[1] % t.nreqs, b[2] & 7 ? 0 : 5);
        }
        break;
    case REC_STATE:
        pending_begin();
        room = a->dev[b[1] % a->ndev]->cls->state->size;
        off = port % room;
        size = size < room - off ? size : room - off;
        memcpy(t.stream + t.at[b[1] % a->ndev] + off, &val, size);
        break;
    case REC_STREAM:
        pending_begin();
        off = (b[1] | (uint32_t)port << 8) % (uint32_t)(t.len - 12);
        memcpy(t.stream + off, &val, size);
        break;
    default:
        if (t.loads++ < MAX_LOADS) {
            pending_load();
        }
    }
}

static void state_run(struct fuzz_world *w, const uint8_t *data, size_t size)
{
    t.now = START_NS;
    t.pending = t.reset = false;
    t.loads = 0;
    memset(t.ram.piece[0].host, 0, RAM_BYTES);
    memcpy(t.arena, t.start, t.pc.arena.used);
    pc_resume(&t.pc);
    if (t.nreqs) {
        fuzz_finding(w, "a block request outlived the replacement of the state");
    }
    for (unsigned i = 0; i < MAX_RECORDS && (i + 1) * RECORD <= size; i++) {
        record_run(data + i * RECORD);
        for (unsigned k = 0; t.nreqs > REQS / 2 && k < MAX_ENDS; k++) {
            blk_done(0, 0);
        }
        if (t.reset) {
            t.reset = false;
            pc_reset(&t.pc, RESET_HARD);
        }
    }
}

static void state_describe(struct fuzz_world *w, const uint8_t *data, size_t size)
{
    static const char *const kinds[REC_KINDS] = {"out",  "in",    "config", "time",
                                                 "done", "state", "stream", "load"};

    for (unsigned i = 0; i < MAX_RECORDS && (i + 1) * RECORD <= size; i++) {
        const uint8_t *b = data + i * RECORD;
        unsigned dev = b[1] % t.pc.arena.ndev;

        printf("%3u %s%u %#x", i, kinds[b[0] % REC_KINDS], 8u << ((b[0] >> 3) % 3),
               b[2] | b[3] << 8);
        if (b[0] % REC_KINDS == REC_STATE) {
            printf(" of %s", t.pc.arena.dev[dev]->id);
        }
        printf(" (%#x) = %#" PRIx32 "\n", b[1], get32(b + 4));
    }
    fflush(stdout);
}

FUZZ_TARGET(state) = {
    .name = "state",
    .about = "hostile saved state of the whole PC, and what it does afterwards",
    .setup = state_setup,
    .run = state_run,
    .describe = state_describe,
    .max_bytes = MAX_RECORDS * RECORD,
};
