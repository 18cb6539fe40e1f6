/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What surrounds the devices of a target: RAM, disks, lines, time, and the events they make. */
#include "fuzz.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_int.h"
#include "pci/pci.h"

#define RAM_HOLE_START 0xa0000u /* video memory and ROMs */
#define RAM_HOLE_END   0x100000u
#define RAM_MMIO_START 0xf0000000u
#define RAM_MMIO_END   0x100000000u
#define RAM_END        0x1000000000u
#define STEP_DEADLINES 32u /* that one step of time stops at */
#define IMAGE_MAX      (512u * FUZZ_PAGE)

/* --- events --- */

static void emit(struct fuzz_world *w, const struct fuzz_event *e)
{
    if (w->observer.event) {
        w->observer.event(w->observer.opaque, w, e);
    }
}

void fuzz_note(struct fuzz_world *w, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    if (!w->observer.event) {
        return;
    }
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    emit(w, &(struct fuzz_event){.kind = FUZZ_EV_NOTE, .text = text});
}

void fuzz_finding(struct fuzz_world *w, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fprintf(stderr, "FINDING: %s: ", w->target->name);
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\n");
    va_end(ap);
    abort();
}

bool fuzz_spend(struct fuzz_world *w, uint64_t bytes)
{
    if (w->budget < (int64_t)bytes) {
        return false;
    }
    w->budget -= (int64_t)bytes;
    return true;
}

/* --- lines, power, time --- */

void fuzz_line_set(void *opaque, unsigned n, int level)
{
    struct fuzz_world *w = opaque;

    if (n < FUZZ_LINES && w->level[n] != (level != 0)) {
        w->level[n] = level != 0;
        fuzz_answer(w, n << 1 | (level != 0));
        emit(w, &(struct fuzz_event){.kind = FUZZ_EV_LINE, .n = n, .val = level != 0});
    }
}

struct irq_line fuzz_line(struct fuzz_world *w, unsigned n)
{
    return (struct irq_line){fuzz_line_set, w, n};
}

void fuzz_power(void *opaque, enum power_event event, uint32_t value)
{
    struct fuzz_world *w = opaque;

    fuzz_answer(w, event);
    emit(w, &(struct fuzz_event){.kind = FUZZ_EV_POWER, .n = event, .val = value});
    w->reset_wanted |= event == POWER_RESET || event == POWER_CPU_INIT;
}

uint64_t fuzz_now(void *opaque)
{
    return ((struct fuzz_world *)opaque)->now;
}

void fuzz_pass(struct fuzz_world *w, uint64_t ns)
{
    uint64_t end = clock_add(w->now, ns);

    for (unsigned i = 0; i < STEP_DEADLINES && clock_next(w->hw.clock) <= end; i++) {
        uint64_t next = clock_next(w->hw.clock);

        w->now = next > w->now ? next : w->now;
        clock_run(w->hw.clock);
    }
    w->now = end;
    clock_run(w->hw.clock);
    emit(w, &(struct fuzz_event){.kind = FUZZ_EV_CLOCK, .val = w->now});
}

/* --- RAM --- */

static void page_fill(struct fuzz_world *w, uint64_t page)
{
    uint8_t *p = &w->ram[page * FUZZ_PAGE];

    w->ram_stamp[page] = w->run;
    for (unsigned i = 0; i < FUZZ_PAGE; i += sizeof(w->pattern)) {
        memcpy(&p[i], w->pattern, sizeof(w->pattern));
    }
    emit(w, &(struct fuzz_event){
                .kind = FUZZ_EV_RAM_FILL, .addr = page * FUZZ_PAGE, .data = p, .size = FUZZ_PAGE});
}

uint8_t *fuzz_ram(struct fuzz_world *w, uint64_t gpa, uint64_t *len)
{
    uint64_t off = gpa & (FUZZ_RAM_SIZE - 1);
    uint64_t left = FUZZ_RAM_SIZE - off;

    if ((gpa >= RAM_HOLE_START && gpa < RAM_HOLE_END) ||
        (gpa >= RAM_MMIO_START && gpa < RAM_MMIO_END) || gpa >= RAM_END || *len == 0) {
        return NULL;
    }
    if (gpa < RAM_HOLE_START && RAM_HOLE_START - gpa < left) {
        left = RAM_HOLE_START - gpa;
    }
    *len = *len < left ? *len : left;
    for (uint64_t page = off / FUZZ_PAGE; page <= (off + *len - 1) / FUZZ_PAGE; page++) {
        if (w->ram_stamp[page] != w->run) {
            page_fill(w, page);
        }
    }
    return &w->ram[off];
}

void fuzz_ram_check(struct fuzz_world *w)
{
#ifdef WITH_MSAN
    for (unsigned page = 0; page < FUZZ_RAM_SIZE / FUZZ_PAGE; page++) {
        if (w->ram_stamp[page] == w->run) {
            guest_sees(&w->ram[page * FUZZ_PAGE], FUZZ_PAGE);
        }
    }
#endif
}

static void *world_dma_map(void *opaque, uint64_t gpa, uint64_t *len, bool write)
{
    return fuzz_ram(opaque, gpa, len);
}

/* --- disks --- */

static void image_byte_order(uint8_t *image, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        image[i] = (uint8_t)((i >> 9) * 7 + i);
    }
}

static void blk_submit(void *opaque, struct blk_req *req)
{
    struct fuzz_blk *b = opaque;
    struct fuzz_world *w = b->w;
    uint64_t bytes = 0;

    for (unsigned i = 0; i < req->nsg && req->nsg <= BLK_MAX_SG; i++) {
        bytes += req->sg[i].len;
    }
    if (req->nsg > BLK_MAX_SG || req->op > BLK_DISCARD || (req->nsg && bytes != req->bytes) ||
        req->offset > b->blk.bytes || req->bytes > b->blk.bytes - req->offset ||
        ((req->offset | req->bytes) & (BLK_SECTOR - 1)) || !req->done ||
        (req->op == BLK_WRITE && b->blk.readonly)) {
        fuzz_finding(w, "bad block request: op %d offset %llu bytes %llu pieces %u", (int)req->op,
                     (unsigned long long)req->offset, (unsigned long long)req->bytes, req->nsg);
    }
    if (w->nreqs == FUZZ_MAX_REQS) {
        fuzz_finding(w, "more than %u block requests in flight", FUZZ_MAX_REQS);
    }
    for (unsigned i = 0; i < w->nreqs; i++) {
        if (w->reqs[i].req == req) {
            fuzz_finding(w, "a block request in flight was submitted again");
        }
    }
    w->reqs[w->nreqs].req = req;
    w->reqs[w->nreqs].blk = b;
    w->nreqs++;
    emit(w, &(struct fuzz_event){.kind = FUZZ_EV_BLK,
                                 .n = b->n,
                                 .val = req->op,
                                 .addr = req->offset,
                                 .size = (unsigned)req->bytes});
}

static void image_touched(struct fuzz_blk *b, uint32_t off, uint32_t len)
{
    for (uint32_t page = off / FUZZ_PAGE; page <= (off + len - 1) / FUZZ_PAGE; page++) {
        if (!b->is_dirty[page]) {
            b->is_dirty[page] = 1;
            b->dirty[b->ndirty++] = (uint16_t)page;
        }
    }
}

/* One piece of memory of a request; the image repeats itself over the whole medium. */
static void piece_transfer(struct fuzz_blk *b, bool write, uint64_t offset, uint8_t *p, size_t len)
{
    while (len) {
        uint32_t at = (uint32_t)(offset & (b->image_size - 1));
        size_t n = len < b->image_size - at ? len : b->image_size - at;

        if (write) {
            guest_sees(p, n);
            image_touched(b, at, (uint32_t)n);
            memcpy(&b->image[at], p, n);
        } else {
            memcpy(p, &b->image[at], n);
        }
        offset += n;
        p += n;
        len -= n;
    }
}

/* Takes request `i` out of the queue and carries it out; its error is the outcome. */
static struct blk_req *request_end(struct fuzz_world *w, unsigned i, int err)
{
    struct blk_req *req = w->reqs[i].req;
    struct fuzz_blk *b = w->reqs[i].blk;
    uint64_t offset = req->offset;

    w->nreqs--;
    memmove(&w->reqs[i], &w->reqs[i + 1], (w->nreqs - i) * sizeof(w->reqs[0]));
    for (unsigned s = 0; s < req->nsg && err != EIO; s++) {
        piece_transfer(b, req->op == BLK_WRITE, offset, req->sg[s].base, req->sg[s].len);
        offset += req->sg[s].len;
    }
    w->budget -= (int64_t)req->bytes;
    emit(w, &(struct fuzz_event){
                .kind = FUZZ_EV_BLK_DONE, .n = b->n, .addr = req->offset, .val = (unsigned)err});
    return req;
}

void fuzz_blk_done(struct fuzz_world *w, unsigned i, int err)
{
    struct blk_req *req = request_end(w, i, err);

    req->done(req, err);
}

static int request_find(struct fuzz_world *w, const struct blk_req *req)
{
    for (unsigned i = 0; i < w->nreqs; i++) {
        if (w->reqs[i].req == req) {
            return (int)i;
        }
    }
    fuzz_finding(w, "a block request that is not in flight was cancelled or waited for");
}

static void blk_cancel(void *opaque, struct blk_req *req)
{
    struct fuzz_world *w = ((struct fuzz_blk *)opaque)->w;
    unsigned i = (unsigned)request_find(w, req);

    w->nreqs--;
    memmove(&w->reqs[i], &w->reqs[i + 1], (w->nreqs - i) * sizeof(w->reqs[0]));
}

static int blk_finish(void *opaque, struct blk_req *req)
{
    struct fuzz_world *w = ((struct fuzz_blk *)opaque)->w;

    request_end(w, (unsigned)request_find(w, req), 0);
    return 0;
}

static const struct blk_ops blk_ops = {blk_submit, blk_cancel, blk_finish};

struct fuzz_blk *fuzz_blk_new(struct fuzz_world *w, uint64_t bytes, uint32_t image_size,
                              bool readonly)
{
    struct fuzz_blk *b = w->nblks < FUZZ_MAX_BLKS ? &w->blk[w->nblks] : NULL;

    if (!b || image_size > IMAGE_MAX || (image_size & (image_size - 1))) {
        fuzz_finding(w, "fuzz_blk_new: too many disks, or a bad size");
    }
    b->n = w->nblks++;
    b->w = w;
    b->blk = (struct blk){&blk_ops, b, bytes, readonly};
    b->image_size = image_size;
    b->image = malloc(image_size);
    b->is_dirty = calloc(image_size / FUZZ_PAGE, 1);
    if (!b->image || !b->is_dirty) {
        fuzz_finding(w, "no memory");
    }
    image_byte_order(b->image, image_size);
    return b;
}

/* Back to the content that it had at the start. */
void fuzz_blk_restore(struct fuzz_blk *b)
{
    for (uint32_t i = 0; i < b->ndirty; i++) {
        uint32_t page = b->dirty[i];

        b->is_dirty[page] = 0;
        for (uint32_t at = page * FUZZ_PAGE; at < (page + 1) * FUZZ_PAGE; at++) {
            b->image[at] = (uint8_t)((at >> 9) * 7 + at);
        }
    }
    b->ndirty = 0;
}

/* --- video memory --- */

void fuzz_vram_new(struct fuzz_world *w, uint32_t size)
{
    w->vram = aligned_alloc(FUZZ_PAGE, size);
    w->vram_dirty = calloc(size / FUZZ_PAGE, 1);
    if (!w->vram || !w->vram_dirty) {
        fuzz_finding(w, "no memory");
    }
    w->vram_size = size;
    memset(w->vram, 0, size);
}

void fuzz_vram_restore(struct fuzz_world *w)
{
    uint64_t eight = 0;

    for (uint32_t page = 0; page < w->vram_size / FUZZ_PAGE; page++) {
        if (page % 8 == 0) {
            memcpy(&eight, &w->vram_dirty[page], sizeof(eight));
        }
        if (eight && w->vram_dirty[page]) {
            w->vram_dirty[page] = 0;
            memset(&w->vram[page * FUZZ_PAGE], 0, FUZZ_PAGE);
        }
    }
}

/* --- accesses of the guest --- */

/* Host memory that shows at gpa, or NULL. */
static uint8_t *memory_at(struct fuzz_world *w, uint64_t gpa, bool write, bool *rom)
{
    const struct mem_flat *f = memmap_find(w->hw.mem, gpa);
    uint64_t one = 1;

    *rom = false;
    if (!f) {
        return NULL;
    }
    uint64_t off = f->offset + (gpa - f->gpa);
    if (f->object == MEM_OBJECT_RAM) {
        return fuzz_ram(w, off, &one);
    }
    uint8_t *host = w->hw.mem->object[f->object].host;
    *rom = f->kind == MEM_ROM;
    if (host == w->vram && write && host && !*rom) {
        w->vram_dirty[off / FUZZ_PAGE] = 1;
    }
    return host ? host + off : NULL;
}

static bool memory_read(struct fuzz_world *w, uint64_t gpa, unsigned size, uint64_t *val)
{
    bool rom;

    if (!memory_at(w, gpa, false, &rom)) {
        return false;
    }
    *val = 0;
    for (unsigned i = 0; i < size; i++) {
        uint8_t *p = memory_at(w, gpa + i, false, &rom);

        *val |= (uint64_t)(p ? *p : 0xff) << (8 * i);
    }
    return true;
}

static bool memory_write(struct fuzz_world *w, uint64_t gpa, unsigned size, uint64_t val)
{
    bool rom;

    if (!memory_at(w, gpa, true, &rom) || rom) {
        return false;
    }
    for (unsigned i = 0; i < size; i++) {
        uint8_t *p = memory_at(w, gpa + i, true, &rom);

        if (p && !rom) {
            *p = (uint8_t)(val >> (8 * i));
        }
    }
    return true;
}

static void emit_access(struct fuzz_world *w, enum fuzz_space space, bool write, uint64_t addr,
                        unsigned size, uint64_t val)
{
    emit(w, &(struct fuzz_event){.kind = FUZZ_EV_ACCESS,
                                 .space = space,
                                 .write = write,
                                 .addr = addr,
                                 .size = size,
                                 .val = val});
}

uint64_t fuzz_read(struct fuzz_world *w, enum fuzz_space space, uint64_t addr, unsigned size)
{
    uint64_t val;

    if (space == FUZZ_PIO) {
        val = bus_read(w->hw.pio, addr & 0xffff, size > 4 ? 4 : size);
    } else if (!memory_read(w, addr, size, &val)) {
        val = bus_read(w->hw.mmio, addr, size);
    }
    guest_sees(&val, sizeof(val));
    fuzz_answer(w, val);
    emit_access(w, space, false, addr, size, val);
    return val;
}

void fuzz_write(struct fuzz_world *w, enum fuzz_space space, uint64_t addr, unsigned size,
                uint64_t val)
{
    val &= size >= 8 ? UINT64_MAX : (1ull << (size * 8)) - 1;
    emit_access(w, space, true, addr, size, val);
    if (space == FUZZ_PIO) {
        bus_write(w->hw.pio, addr & 0xffff, size > 4 ? 4 : size, val & UINT32_MAX);
    } else if (!memory_write(w, addr, size, val)) {
        bus_write(w->hw.mmio, addr, size, val);
    }
}

/* --- building --- */

void fuzz_window_add(struct fuzz_world *w, const struct fuzz_window *window)
{
    if (w->nwindows == FUZZ_MAX_WINDOWS || window->len == 0) {
        fuzz_finding(w, "window %s: empty, or one too many", window->name);
    }
    w->window[w->nwindows++] = *window;
}

void fuzz_ports_add(struct fuzz_world *w, const char *name, uint16_t base, uint32_t len)
{
    fuzz_window_add(w, &(struct fuzz_window){name, FUZZ_PIO, base, len, NULL, NULL});
}

void fuzz_action_add(struct fuzz_world *w, const char *name,
                     void (*run)(struct fuzz_world *w, uint32_t addr, uint64_t val))
{
    if (w->nactions == FUZZ_MAX_ACTIONS) {
        fuzz_finding(w, "action %s: one too many", name);
    }
    w->action[w->nactions++] = (struct fuzz_action){name, run};
}

bool fuzz_pci_new(struct fuzz_world *w)
{
    static struct pci_bus bus;
    static struct pci_function nobody;

    memset(&bus, 0, sizeof(bus));
    for (unsigned i = 0; i < w->pci_taken; i++) {
        bus.function[255 - i] = &nobody;
    }
    w->pci = &bus;
    bus.intx = fuzz_line(w, 64); /* 64.. are PCI wires */
    return pci_bus_init(&bus, &w->hw) == 0;
}

/* --- what a hypervisor would be told --- */

static void region_told(void *opaque, const struct region *r)
{
    fuzz_note(opaque, "%s: decoding of %#llx changes", r->name, (unsigned long long)r->base);
}

static void memory_told(void *opaque, const struct mem_flat *f)
{
    fuzz_note(opaque, "memory at %#llx, %llu bytes, changes", (unsigned long long)f->gpa,
              (unsigned long long)f->len);
}

static void deadline_told(void *opaque, uint64_t next)
{
}

static void world_unmap(void *opaque, void *host, uint64_t gpa, uint64_t len, uint64_t written)
{
    if (written > len) {
        fuzz_finding(opaque, "%llu bytes of a range of %llu were written",
                     (unsigned long long)written, (unsigned long long)len);
    }
}

/* The empty world. */
bool fuzz_world_init(struct fuzz_world *w, void *arena)
{
    w->arena_mem = arena;
    bus_init(&w->own.pio, 0xffff);
    bus_init(&w->own.mmio, UINT64_MAX);
    memmap_init(&w->own.mem);
    arena_init(&w->own.arena, arena, FUZZ_ARENA_SIZE);
    w->own.pio.listener = (struct bus_listener){region_told, region_told, w};
    w->own.mmio.listener = w->own.pio.listener;
    w->own.mem.listener = (struct memmap_listener){memory_told, memory_told, w};
    w->own.clock = (struct clock){.now = fuzz_now, .rearm = deadline_told, .opaque = w};
    w->own.dma = (struct dma){world_dma_map, world_unmap, w};
    w->hw = (struct hw){.pio = &w->own.pio,
                        .mmio = &w->own.mmio,
                        .mem = &w->own.mem,
                        .dma = &w->own.dma,
                        .clock = &w->own.clock,
                        .arena = &w->own.arena,
                        .power = {fuzz_power, w}};
    w->ram = aligned_alloc(FUZZ_PAGE, FUZZ_RAM_SIZE);
    return w->ram && clock_init(&w->own.clock, &w->own.arena, "clock") == 0;
}
