/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs inputs: the initial state, the operations one by one, what must hold afterwards. */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_int.h"
#include "pci/pci.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define WITH_ASAN 1
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#endif

#define START_NS 1000000000u
#define BUDGET   (2 << 20) /* bytes moved in one input */
#define MAX_ENDS 64u       /* requests that end after one operation */
#define MAX_PASS (1ull << 36)
#define REP_MASK 0x7ffu

/* The memory of the process's one world. */
static struct fuzz_world the_world;
static _Alignas(FUZZ_PAGE) uint8_t arena_mem[FUZZ_ARENA_SIZE];
static uint8_t arena_start[FUZZ_ARENA_SIZE];
static uint8_t arena_saved[FUZZ_ARENA_SIZE];

/* --- the arena as a whole --- */

/* Under ASan what lies between two devices' states is out of bounds. */
static void arena_gaps_poison(const struct arena *a)
{
#ifdef WITH_ASAN
    for (unsigned i = 0; i < a->ndev; i++) {
        size_t end = a->offset[i] + a->dev[i]->cls->state->size;
        size_t next = i + 1 < a->ndev ? a->offset[i + 1] : a->used + 64;

        __asan_poison_memory_region(a->base + end, next - end);
    }
#endif
}

static void arena_copy_out(const struct arena *a, uint8_t *to)
{
    for (unsigned i = 0; i < a->ndev; i++) {
        memcpy(to + a->offset[i], a->base + a->offset[i], a->dev[i]->cls->state->size);
    }
}

static void arena_copy_in(const struct arena *a, const uint8_t *from)
{
    for (unsigned i = 0; i < a->ndev; i++) {
        memcpy(a->base + a->offset[i], from + a->offset[i], a->dev[i]->cls->state->size);
    }
}

static void state_must_be_acceptable(struct fuzz_world *w, const char *when)
{
    for (unsigned i = 0; i < w->hw.arena->ndev && !w->poked; i++) {
        struct device *d = w->hw.arena->dev[i];

        if (d->cls->check(d->state)) {
            fuzz_finding(w, "%s: check() refuses the state that %s reached", when, d->id);
        }
    }
}

static void world_reset(struct fuzz_world *w, enum reset_kind kind)
{
    if (w->target->machine_reset) {
        w->target->machine_reset(w, kind);
    } else {
        arena_reset(w->hw.arena, kind);
    }
}

static void world_resume(struct fuzz_world *w)
{
    if (w->target->machine_resume) {
        w->target->machine_resume(w);
    } else {
        arena_resume(w->hw.arena);
    }
}

/* --- accesses --- */

static const struct fuzz_window *window_of(struct fuzz_world *w, const struct fuzz_op *op,
                                           uint64_t *addr)
{
    const struct fuzz_window *win = w->nwindows ? &w->window[op->sel % w->nwindows] : NULL;
    uint64_t base;

    if (!win) {
        return NULL;
    }
    base = win->region && win->region->mapped ? win->region->base
           : win->area && win->area->enabled  ? win->area->gpa
                                              : win->base;
    *addr = base + op->addr % win->len;
    return win;
}

static unsigned access_size(const struct fuzz_window *win, const struct fuzz_op *op)
{
    return win->space == FUZZ_PIO && op->size > 4 ? 4 : op->size;
}

static void op_read(struct fuzz_world *w, const struct fuzz_op *op)
{
    uint64_t addr;
    const struct fuzz_window *win = window_of(w, op, &addr);

    if (win) {
        fuzz_read(w, win->space, addr, access_size(win, op));
    }
}

static void op_write(struct fuzz_world *w, const struct fuzz_op *op)
{
    uint64_t addr;
    const struct fuzz_window *win = window_of(w, op, &addr);

    if (win) {
        fuzz_write(w, win->space, addr, access_size(win, op), op->val);
    }
}

static void emit_rep(struct fuzz_world *w, bool write, uint64_t addr, unsigned size, uint32_t count)
{
    if (w->observer.event) {
        struct fuzz_event e = {.kind = FUZZ_EV_ACCESS,
                               .space = FUZZ_PIO,
                               .write = write,
                               .addr = addr,
                               .size = size,
                               .count = count,
                               .data = w->rep};

        w->observer.event(w->observer.opaque, w, &e);
    }
}

/* String I/O goes to ports; elsewhere it is an access like others. */
static void op_rep(struct fuzz_world *w, const struct fuzz_op *op)
{
    uint64_t addr;
    const struct fuzz_window *win = window_of(w, op, &addr);
    uint32_t count = ((op->val & REP_MASK) >> (op->val >> 12 & 15)) + 1;
    bool write = op->kind == FUZZ_WRITE_REP;

    if (!win || win->space != FUZZ_PIO) {
        (write ? op_write : op_read)(w, op);
        return;
    }
    unsigned size = access_size(win, op);
    if (!fuzz_spend(w, (uint64_t)count * size)) {
        return;
    }
    if (!write) {
        mark_unknown(w->rep, (size_t)count * size);
        bus_read_rep(w->hw.pio, addr, size, count, w->rep);
        guest_sees(w->rep, (size_t)count * size);
        fuzz_answer(w, w->rep[0] | (uint64_t)w->rep[(count - 1) * size] << 8);
        emit_rep(w, false, addr, size, count);
        return;
    }
    uint64_t pattern = op->val >> 16 | op->val >> 16 << 48;
    for (uint32_t i = 0; i < count * size; i += 8) {
        memcpy(&w->rep[i], &pattern, 8);
    }
    emit_rep(w, true, addr, size, count);
    bus_write_rep(w->hw.pio, addr, size, count, w->rep);
}

static void op_cfg(struct fuzz_world *w, const struct fuzz_op *op)
{
    struct fuzz_event e = {.kind = FUZZ_EV_CFG,
                           .write = op->kind == FUZZ_CFG_WRITE,
                           .size = op->size > 4 ? 4 : op->size};

    if (!w->pci || !w->nfunctions) {
        return;
    }
    e.n = w->function[op->sel % w->nfunctions];
    e.addr = op->addr & 0xff;
    e.val = op->val & (e.size == 4 ? UINT32_MAX : (1u << (e.size * 8)) - 1);
    if (e.write) {
        pci_config_write(w->pci, (uint8_t)e.n, (unsigned)e.addr, e.size, (uint32_t)e.val);
    } else {
        e.val = pci_config_read(w->pci, (uint8_t)e.n, (unsigned)e.addr, e.size);
        fuzz_answer(w, e.val);
    }
    if (w->observer.event) {
        w->observer.event(w->observer.opaque, w, &e);
    }
}

static void op_ram(struct fuzz_world *w, const struct fuzz_op *op)
{
    struct fuzz_event e = {.kind = FUZZ_EV_RAM,
                           .write = op->kind == FUZZ_RAM_WRITE,
                           .addr = op->addr,
                           .size = op->size,
                           .val = op->val};
    uint64_t len = op->size;
    uint8_t *p = fuzz_ram(w, op->addr, &len);

    if (!p || len < op->size) {
        return;
    }
    if (e.write) {
        memcpy(p, &op->val, op->size);
    } else {
        e.val = 0;
        memcpy(&e.val, p, op->size);
        fuzz_answer(w, e.val);
    }
    if (w->observer.event) {
        w->observer.event(w->observer.opaque, w, &e);
    }
}

/* --- what is not an access --- */

static void op_step(struct fuzz_world *w, const struct fuzz_op *op)
{
    uint64_t ns = (op->val & 0xffff) << (op->val >> 16 & 31);

    if (op->kind == FUZZ_STEP_NEXT) {
        uint64_t next = clock_next(w->hw.clock);

        ns = next == CLOCK_NEVER || next < w->now ? 0 : next - w->now;
    }
    fuzz_pass(w, ns < MAX_PASS ? ns : MAX_PASS);
}

static void op_blk(struct fuzz_world *w, const struct fuzz_op *op)
{
    static const int outcome[] = {0, EIO, ENOSPC, ENOMEDIUM, EAGAIN, ECANCELED, EROFS, 0};

    if (op->kind == FUZZ_BLK_MODE) {
        w->blk_hold = op->sel & 1;
    } else if (w->nreqs) {
        fuzz_blk_done(w, op->sel % w->nreqs, outcome[op->val & 7]);
    }
}

static void op_action(struct fuzz_world *w, const struct fuzz_op *op)
{
    if (w->nactions) {
        w->action[op->sel % w->nactions].run(w, op->addr, op->val);
    }
}

static void machine_reset(struct fuzz_world *w, enum reset_kind kind)
{
    struct fuzz_event e = {.kind = FUZZ_EV_RESET, .n = kind};

    if (w->observer.event) {
        w->observer.event(w->observer.opaque, w, &e);
    }
    w->reset_wanted = false;
    world_reset(w, kind);
    if (w->nreqs) {
        fuzz_finding(w, "a block request outlived a reset");
    }
}

static void op_reset(struct fuzz_world *w, const struct fuzz_op *op)
{
    machine_reset(w, op->sel & 1 ? RESET_HARD : RESET_POWER_ON);
}

/* Another process would look at the header, too: altered, it must be refused. */
static void header_must_hold(struct fuzz_world *w, const struct fuzz_op *op)
{
    struct arena *a = w->hw.arena;
    uint8_t *p = &a->base[op->addr % 24];

    if (!w->poked && arena_check(a)) {
        fuzz_finding(w, "arena_check() refuses the state that the machine reached");
    }
    *p ^= 0x10;
    if (!arena_check(a)) {
        fuzz_finding(w, "arena_check() accepts an altered header");
    }
    *p ^= 0x10;
}

static void op_state(struct fuzz_world *w, const struct fuzz_op *op)
{
    if (op->kind == FUZZ_SAVE) {
        header_must_hold(w, op);
        state_must_be_acceptable(w, "save");
        arena_copy_out(w->hw.arena, arena_saved);
        w->saved_valid = true;
    } else if (w->saved_valid) {
        arena_copy_in(w->hw.arena, arena_saved);
        world_resume(w);
    }
}

/* Fields of a state, those of nested structs included, each array of scalars as one. */
static uint32_t leaves(const struct state_type *t)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < t->nfields; i++) {
        n += t->fields[i].sub ? t->fields[i].count * leaves(t->fields[i].sub) : 1;
    }
    return n;
}

/* Field number `n` of them, and where it begins. */
static const struct state_field *leaf_find(const struct state_type *t, uint32_t n, uint32_t *offset)
{
    const struct state_field *f = t->fields;

    for (uint32_t size; (size = f->sub ? f->count * leaves(f->sub) : 1) <= n; f++) {
        n -= size;
    }
    *offset += f->offset;
    if (!f->sub) {
        return f;
    }
    *offset += n / leaves(f->sub) * f->size;
    return leaf_find(f->sub, n % leaves(f->sub), offset);
}

/* One more or less than it was, something else, one bit. */
static uint64_t field_value(const struct fuzz_op *op, uint64_t old)
{
    switch (op->size) {
    case 1:
        return old + (uint64_t)(int8_t)op->val;
    case 2:
        return old ^ 1ull << (op->val & 63);
    default:
        return op->val;
    }
}

/* A field of one device's state becomes another; refused, or taken over and survived. */
static void op_poke(struct fuzz_world *w, const struct fuzz_op *op)
{
    struct device *d = w->hw.arena->dev[op->sel % w->hw.arena->ndev];
    uint32_t n = leaves(d->cls->state), offset = 0;
    const struct state_field *f = leaf_find(d->cls->state, op->addr % n, &offset);

    offset += op->addr / n % f->count * f->size;
    uint8_t *p = (uint8_t *)d->state + offset;
    uint64_t old = 0;

    memcpy(&old, p, f->size);
    uint64_t val = field_value(op, old);
    memcpy(p, &val, f->size);
    if (d->cls->check(d->state)) {
        memcpy(p, &old, f->size);
        fuzz_note(w, "%s: %s at %u: refused", d->id, f->name, offset);
        return;
    }
    fuzz_note(w, "%s: %s at %u: %#llx accepted", d->id, f->name, offset, (unsigned long long)val);
    w->poked = true;
    world_resume(w);
}

/* --- one operation, one input --- */

static void (*const op_run[FUZZ_NKINDS])(struct fuzz_world *w, const struct fuzz_op *op) = {
    [FUZZ_READ] = op_read,     [FUZZ_WRITE] = op_write,    [FUZZ_READ_REP] = op_rep,
    [FUZZ_WRITE_REP] = op_rep, [FUZZ_CFG_READ] = op_cfg,   [FUZZ_CFG_WRITE] = op_cfg,
    [FUZZ_STEP] = op_step,     [FUZZ_STEP_NEXT] = op_step, [FUZZ_RAM_WRITE] = op_ram,
    [FUZZ_RAM_READ] = op_ram,  [FUZZ_BLK_MODE] = op_blk,   [FUZZ_BLK_DONE] = op_blk,
    [FUZZ_ACTION] = op_action, [FUZZ_RESET] = op_reset,    [FUZZ_SAVE] = op_state,
    [FUZZ_RESUME] = op_state,  [FUZZ_POKE] = op_poke,
};

static void op_do(struct fuzz_world *w, const struct fuzz_op *op, unsigned n)
{
    if (w->observer.event) {
        struct fuzz_event e = {.kind = FUZZ_EV_OP, .op = op, .n = n};

        w->observer.event(w->observer.opaque, w, &e);
    }
    if (op->kind == FUZZ_PATTERN) {
        w->pattern[op->sel % FUZZ_PATTERN_DWORDS] = (uint32_t)op->val;
    } else {
        op_run[op->kind](w, op);
    }
    for (unsigned i = 0; !w->blk_hold && w->nreqs && i < MAX_ENDS && w->budget > 0; i++) {
        fuzz_blk_done(w, 0, 0);
    }
    if (w->reset_wanted) {
        machine_reset(w, RESET_HARD);
    }
}

/* The initial state: one copy, and what was touched beside it. */
static void world_rewind(struct fuzz_world *w)
{
    w->run++;
    w->now = START_NS;
    w->budget = BUDGET;
    w->poked = w->saved_valid = w->blk_hold = w->reset_wanted = false;
    memset(w->pattern, 0, sizeof(w->pattern));
    if (w->target->reset) {
        w->target->reset(w);
    }
    memset(w->level, 0, sizeof(w->level));
    arena_copy_in(w->hw.arena, arena_start);
    world_resume(w);
    if (w->nreqs) {
        fuzz_finding(w, "a block request outlived the replacement of the state");
    }
    for (unsigned i = 0; i < w->nblks; i++) {
        fuzz_blk_restore(&w->blk[i]);
    }
    fuzz_vram_restore(w);
    w->digest = 0;
}

static void ops_run(struct fuzz_world *w, const uint8_t *data, size_t size)
{
    unsigned nops = (unsigned)(size / FUZZ_OP_BYTES);

    world_rewind(w);
    for (unsigned i = 0; i < nops && i < FUZZ_MAX_OPS && w->budget > 0; i++) {
        struct fuzz_op op = fuzz_op_decode(&data[i * FUZZ_OP_BYTES]);

        op_do(w, &op, i);
        w->op_count++;
    }
    state_must_be_acceptable(w, "end");
    fuzz_ram_check(w);
    if (w->target->end) {
        w->target->end(w);
    }
}

void fuzz_run(struct fuzz_world *w, const uint8_t *data, size_t size)
{
    if (w->target->run) {
        w->digest = 0;
        w->target->run(w, data, size);
    } else {
        ops_run(w, data, size);
    }
}

static void functions_find(struct fuzz_world *w)
{
    for (unsigned i = 0; w->pci && i < 256 && w->nfunctions < sizeof(w->function); i++) {
        if (w->pci->function[i]) {
            w->function[w->nfunctions++] = (uint8_t)i;
        }
    }
}

/* --- set-up --- */

static void world_free(struct fuzz_world *w)
{
    for (unsigned i = 0; i < w->nblks; i++) {
        free(w->blk[i].image);
        free(w->blk[i].is_dirty);
    }
    free(w->ram);
    free(w->vram);
    free(w->vram_dirty);
    memset(w, 0, sizeof(*w));
}

/* Leaves room for `room` more devices, regions, areas or PCI functions. */
static void world_fill(struct fuzz_world *w, unsigned kind, unsigned room)
{
    static struct region nobody = {.name = "nobody", .base = 0xfffe, .len = 1, .mapped = true};
    static struct mem_area nothing;

    switch (kind) {
    case 0:
        w->own.arena.ndev = ARENA_MAX_DEVICES - room;
        break;
    case 1:
    case 2: {
        struct bus *b = kind == 1 ? &w->own.pio : &w->own.mmio;

        while (b->nregions < BUS_MAX_REGIONS - room) {
            b->region[b->nregions++] = &nobody;
        }
        break;
    }
    case 3:
        while (w->own.mem.nareas < MEMMAP_MAX_AREAS - room) {
            w->own.mem.area[w->own.mem.nareas++] = &nothing;
        }
        break;
    default:
        w->pci_taken = 256 - room;
        break;
    }
}

void fuzz_set_up_failing(struct fuzz_target *t)
{
    struct fuzz_world *w = &the_world;

    for (unsigned kind = 0; kind < 5 && t->setup && !t->run && !t->machine_reset; kind++) {
        bool ok = false;

        for (unsigned room = 0; room < 32 && !ok; room++) {
            w->target = t;
            fuzz_world_init(w, arena_mem);
            world_fill(w, kind, room);
            ok = t->setup(w);
            world_free(w);
        }
    }
}

struct fuzz_world *fuzz_start(struct fuzz_target *t)
{
    struct fuzz_world *w = &the_world;

    w->target = t;
    if (!fuzz_world_init(w, arena_mem) || (t->setup && !t->setup(w))) {
        fprintf(stderr, "%s: cannot be set up\n", t->name);
        return NULL;
    }
    functions_find(w);
    arena_seal(w->hw.arena);
    arena_gaps_poison(w->hw.arena);
    world_reset(w, RESET_POWER_ON);
    arena_copy_out(w->hw.arena, arena_start);
    return w;
}
