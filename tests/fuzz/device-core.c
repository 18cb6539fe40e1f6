/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: hw/core alone. Areas, regions, deadlines and pieces of RAM lie where no device would
 * put them; a slow and simple look at the same must agree.
 */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#define AREAS    8u
#define REGIONS  8u
#define TIMERS   4u
#define PIECES   3u
#define ROW      4096u
#define OBJECT   5u
#define NO_OWNER REGIONS

static struct memmap map;
static struct mem_area area[AREAS];
static uint8_t shown[64u << 10];
static struct mem_flat told[MEMMAP_MAX_FLAT]; /* pieces that the listener knows of */
static unsigned ntold;

/* --- memory map --- */

static bool area_shows(const struct mem_area *a)
{
    uint64_t size = a->object < MEM_MAX_OBJECTS ? map.object[a->object].size : 0;
    bool whole = !((a->gpa | a->len | a->offset) & (FUZZ_PAGE - 1)) && a->len;

    return a->enabled && whole && a->gpa + (a->len - 1) >= a->gpa &&
           (a->kind == MEM_HOLE || a->object == MEM_OBJECT_RAM ||
            (a->offset <= size && a->len <= size - a->offset));
}

/* The map at one address against a look at all areas. */
static void map_compare(struct fuzz_world *w, uint64_t gpa)
{
    const struct mem_flat *f = memmap_find(&map, gpa);
    const struct mem_area *best = NULL;

    for (unsigned i = 0; i < AREAS; i++) {
        const struct mem_area *a = &area[i];

        if (area_shows(a) && gpa >= a->gpa && gpa - a->gpa < a->len &&
            (!best || a->priority > best->priority)) {
            best = a;
        }
    }
    best = best && best->kind != MEM_HOLE ? best : NULL;
    if (!best != !f || (f && (f->object != best->object || f->kind != best->kind ||
                              f->log_dirty != best->log_dirty ||
                              f->offset + (gpa - f->gpa) != best->offset + (gpa - best->gpa)))) {
        fuzz_finding(w, "memory map at %#llx", (unsigned long long)gpa);
    }
    fuzz_answer(w, f ? f->offset + (gpa - f->gpa) + 1 : 0);
}

static int told_find(const struct mem_flat *f)
{
    for (unsigned i = 0; i < ntold; i++) {
        const struct mem_flat *t = &told[i];

        if (t->gpa == f->gpa && t->len == f->len && t->offset == f->offset &&
            t->object == f->object && t->kind == f->kind && t->log_dirty == f->log_dirty) {
            return (int)i;
        }
    }
    return -1;
}

static void piece_removed(void *opaque, const struct mem_flat *f)
{
    int i = told_find(f);

    if (i < 0) {
        fuzz_finding(opaque, "a piece is removed that was not added");
    }
    told[i] = told[--ntold];
}

static void piece_added(void *opaque, const struct mem_flat *f)
{
    if (told_find(f) >= 0 || ntold == MEMMAP_MAX_FLAT) {
        fuzz_finding(opaque, "a piece is added twice");
    }
    told[ntold++] = *f;
}

/* What the listener was told must be the map. */
static void map_commit(struct fuzz_world *w, bool listen)
{
    map.listener = listen ? (struct memmap_listener){piece_removed, piece_added, w}
                          : (struct memmap_listener){0};
    memmap_commit(&map);
    for (unsigned i = 0; i < map.nflat && listen; i++) {
        if (ntold != map.nflat || told_find(&map.flat[i]) < 0) {
            fuzz_finding(w, "nobody was told of piece %u", i);
        }
    }
    memcpy(told, map.flat, map.nflat * sizeof(told[0]));
    ntold = map.nflat;
}

/* Bits 2-0 of addr: area; bits 5-3: which field becomes val; bit 6: nobody listens. */
static void area_change(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    struct mem_area *a = &area[addr % AREAS];

    switch (addr >> 3 & 7) {
    case 0:
        a->gpa = val;
        break;
    case 1:
        a->len = val;
        break;
    case 2:
        a->offset = val;
        break;
    case 3:
        a->object = val & 31;
        break;
    case 4:
        a->kind = (enum mem_kind)(val % 3);
        break;
    case 5:
        a->priority = val & 3;
        break;
    case 6:
        a->enabled = val & 1;
        break;
    default:
        a->log_dirty = val & 1;
        break;
    }
    map_commit(w, !(addr & 0x40));
    for (unsigned i = 0; i < AREAS; i++) {
        map_compare(w, area[i].gpa);
        map_compare(w, area[i].gpa - 1);
        map_compare(w, area[i].gpa + area[i].len);
    }
}

static void map_look(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    map_compare(w, val);
}

/* --- buses: one with an index, one without --- */

static struct bus bus[2];
static struct region region[REGIONS];
static struct bus *home[REGIONS]; /* the bus that a region is mapped on */
static unsigned number[REGIONS];
static unsigned mapped_order[REGIONS], orders;

static uint8_t byte_at(unsigned n, uint64_t off)
{
    return (uint8_t)(n * 31 + off * 7);
}

static uint64_t region_answer(void *opaque, uint32_t off, unsigned size)
{
    uint64_t val = 0;

    for (unsigned i = 0; i < size; i++) {
        val |= (uint64_t)byte_at(*(unsigned *)opaque, off + i) << (8 * i);
    }
    return val;
}

static const struct reg region_regs[] = {
    {0, ROW, BUS_W1 | BUS_W2 | BUS_W4 | BUS_W8, region_answer, NULL, "row"}};

/* Who answers on a bus: the highest priority, of equals the first that came. */
static unsigned owner_of(const struct bus *b, uint64_t addr)
{
    unsigned best = NO_OWNER;

    for (unsigned n = 0; n < REGIONS; n++) {
        const struct region *r = &region[n];

        if (home[n] != b || addr < r->base || addr - r->base >= r->len) {
            continue;
        }
        if (best == NO_OWNER || r->priority > region[best].priority ||
            (r->priority == region[best].priority && mapped_order[n] < mapped_order[best])) {
            best = n;
        }
    }
    return best;
}

static void region_map(struct fuzz_world *w, struct bus *b, unsigned n, uint64_t base)
{
    struct region *r = &region[n];
    bool same = home[n] && r->base == base;
    bool fits =
        base <= b->limit && r->len && r->len <= REGION_LEN_MAX && r->len - 1 <= b->limit - base;

    if ((home[n] && home[n] != b) || !fuzz_spend(w, 8 * (r->len < 0x10000 ? r->len : 0x10000))) {
        return; /* on one bus at a time; an index takes its time */
    }
    if ((bus_map(b, r, base) == 0) != fits) {
        fuzz_finding(w, "region of %#llx bytes at %#llx: %s", (unsigned long long)r->len,
                     (unsigned long long)base, fits ? "refused" : "mapped");
    }
    if (!same) {
        mapped_order[n] = orders++;
    }
    home[n] = fits ? b : NULL;
}

/* Bits 2-0 of addr: region; bit 3: which bus; bits 5-4: map at val, unmap, length, priority. */
static void region_change(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    unsigned n = addr % REGIONS;
    struct bus *b = &bus[addr >> 3 & 1];

    switch (addr >> 4 & 3) {
    case 0:
        region_map(w, b, n, val);
        break;
    case 1:
        bus_unmap(b, &region[n]); /* from the other bus it is not taken */
        home[n] = home[n] == b ? NULL : home[n];
        break;
    case 2:
        region[n].len = home[n] ? region[n].len : addr & 0x100 ? val : val & (2 * ROW - 1);
        break;
    default:
        region[n].priority = home[n] ? region[n].priority : (int)(val & 3);
        break;
    }
    if (region[n].mapped != (home[n] != NULL)) {
        fuzz_finding(w, "region %u is %smapped", n, region[n].mapped ? "" : "not ");
    }
}

/*
 * Bits 1-0 of addr: width; bit 3: which bus. A read goes to the owner of its first byte if all of
 * it lies in there (CF8h as a dword is not CF9h), else each byte to its own.
 */
static void bus_look(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    unsigned size = 1u << (addr & 3);
    struct bus *b = &bus[addr >> 3 & 1];
    uint64_t got = bus_read(b, val, size);
    unsigned first = owner_of(b, val);
    bool whole = first != NO_OWNER && region[first].len - (val - region[first].base) >= size;

    for (unsigned i = 0; i < size; i++) {
        unsigned n = whole ? first : val + i < val ? NO_OWNER : owner_of(b, val + i);
        uint64_t off = n == NO_OWNER ? ROW : val + i - region[n].base;
        uint8_t byte = off < ROW ? byte_at(n, off) : 0xff;

        if ((uint8_t)(got >> (8 * i)) != byte) {
            fuzz_finding(w, "bus at %#llx: %#llx", (unsigned long long)val,
                         (unsigned long long)got);
        }
    }
    bus_write(b, val, size, got);
    fuzz_answer(w, got);
}

/* --- clock --- */

static struct arena arena;
static uint8_t arena_memory[4096];
static struct clock ticker;
static uint64_t ticker_time;
static unsigned timer[TIMERS], fired[TIMERS], again[TIMERS];
static struct fuzz_world *world;

static uint64_t ticker_now(void *opaque)
{
    return ticker_time;
}

/* Bits 1-0 of addr: timer; bits 3-2: how often it comes again at once. Value: in how long, or how
 * long ago. */
static void timer_change(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    unsigned n = addr % TIMERS;

    again[n] = addr >> 2 & 3;
    clock_timer_set(&ticker, timer[n], clock_add(ticker_time, val & 0xffff) - 0x8000);
}

static void timer_fired(void *opaque)
{
    unsigned n = (unsigned)((unsigned *)opaque - fired);

    if (fired[n]++ || clock_timer_pending(&ticker, timer[n])) {
        fuzz_finding(world, "timer %u fired twice in a run, or is armed while it fires", n);
    }
    fuzz_answer(world, n);
    if (again[n]) {
        again[n]--;
        clock_timer_set(&ticker, timer[n], 0);
    }
}

static void ticker_pass(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    ticker_time += val & 0xffff;
    memset(fired, 0, sizeof(fired));
    world = w;
    clock_run(&ticker);
    for (unsigned n = 0; n < TIMERS; n++) {
        if (!fired[n] && ticker.s->deadline[timer[n]] <= ticker_time) {
            fuzz_finding(w, "timer %u did not fire", n);
        }
    }
}

/* --- state that a device refuses --- */

#define ONE_STATE(V, A, S, T) V(T, uint32_t, small, 1)
STATE_STRUCT(one_state, ONE_STATE);
STATE_TYPE(one_state, ONE_STATE);

static struct device one;

static int one_check(const void *state)
{
    return ((const struct one_state *)state)->small > 9 ? -EINVAL : 0;
}

static const struct device_class one_class = {"one", &one_state_type, NULL, one_check, NULL};

static void one_change(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    ((struct one_state *)one.state)->small = (uint32_t)val;
    if ((arena_check(&arena) == 0) != ((uint32_t)val <= 9)) {
        fuzz_finding(w, "arena_check() does not see what a device refuses");
    }
}

/* --- DMA --- */

static struct dma_ram ram;
static uint8_t memory[PIECES][FUZZ_PAGE]; /* the last piece first: neighbours only for the guest */
static const uint64_t piece_gpa[PIECES] = {0, FUZZ_PAGE, 0x10000}; /* two are neighbours */

static uint8_t *piece_host(unsigned i)
{
    return memory[PIECES - 1 - i];
}

static const uint8_t *ram_at(uint64_t gpa)
{
    for (unsigned i = 0; i < PIECES; i++) {
        if (gpa - piece_gpa[i] < FUZZ_PAGE) {
            return piece_host(i) + (gpa - piece_gpa[i]);
        }
    }
    return NULL;
}

/* Bits 7-0 of addr: bytes; bit 8: to memory. */
static void dma_move(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    static const struct power nobody;
    uint8_t buf[256];
    size_t len = addr & 0xff, in = 0;
    uint64_t none = 0;

    while (in < len && val <= UINT64_MAX - len && ram_at(val + in)) {
        in++;
    }
    for (size_t i = 0; i < len; i++) {
        buf[i] = (uint8_t)(i * 5 + 1);
    }
    bool done =
        addr & 0x100 ? dma_write(&ram.dma, val, buf, len) : dma_read(&ram.dma, val, buf, len);
    for (size_t i = 0; i < (addr & 0x100 ? in : len); i++) {
        if (buf[i] != (i < in ? *ram_at(val + i) : 0xff)) {
            fuzz_finding(w, "DMA of %zu bytes at %#llx: byte %zu", len, (unsigned long long)val, i);
        }
    }
    if (done != (in == len) || dma_map(&ram.dma, val, &none, false)) {
        fuzz_finding(w, "DMA of %zu bytes at %#llx", len, (unsigned long long)val);
    }
    power_request(&nobody, POWER_OFF, 0); /* nobody hears it */
    fuzz_answer(w, done);
}

/* --- set-up --- */

/* Where there is no room left. */
static bool full_is_refused(void)
{
    static struct dma_ram all;
    static struct clock late;
    struct arena none;
    int err = 0;

    dma_ram_init(&all);
    for (unsigned i = 0; i < DMA_MAX_RAM; i++) {
        err |= dma_ram_add(&all, i * FUZZ_PAGE, FUZZ_PAGE, memory[0]);
    }
    arena_init(&none, arena_memory, 64);
    return !err && dma_ram_add(&all, 0, 1, memory[0]) && clock_init(&late, &none, "late");
}

static void core_reset(struct fuzz_world *w)
{
    memset(area, 0, sizeof(area));
    memset(home, 0, sizeof(home));
    memset(again, 0, sizeof(again));
    for (unsigned n = 0; n < PIECES; n++) {
        memset(memory[n], (int)(0x50 + n), FUZZ_PAGE);
    }
    orders = 0;
    ticker_time = 1u << 20;
    bus_init(&bus[0], 0xffff);
    bus_init(&bus[1], UINT64_MAX);
    for (unsigned n = 0; n < REGIONS; n++) {
        number[n] = n;
        region[n] = region_of("region", region_regs, 16, &number[n]);
    }
    for (unsigned n = 0; n < AREAS; n++) {
        area[n] = (struct mem_area){.len = FUZZ_PAGE, .object = OBJECT};
    }
    map_commit(w, false);
    ((struct one_state *)one.state)->small = 0;
    ticker.dev.cls->reset(&ticker.dev, RESET_POWER_ON);
}

static bool core_setup(struct fuzz_world *w)
{
    bool ok = full_is_refused();

    memmap_init(&map);
    memmap_set_object(&map, OBJECT, shown, sizeof(shown));
    for (unsigned n = 0; n < AREAS; n++) {
        ok = memmap_add(&map, &area[n]) == 0 && ok;
    }
    arena_init(&arena, arena_memory, sizeof(arena_memory));
    ticker = (struct clock){.now = ticker_now};
    ok = clock_init(&ticker, &arena, "ticker") == 0 && ok;
    ok = arena_add(&arena, &one, &one_class, "one") == 0 && ok;
    for (unsigned n = 0; n < TIMERS; n++) {
        timer[n] = clock_timer_new(&ticker, timer_fired, &fired[n]);
    }
    arena_seal(&arena);
    dma_ram_init(&ram);
    for (unsigned n = 0; n < PIECES; n++) {
        ok = dma_ram_add(&ram, piece_gpa[n], FUZZ_PAGE, piece_host(n)) == 0 && ok;
    }
    fuzz_action_add(w, "area", area_change);
    fuzz_action_add(w, "map", map_look);
    fuzz_action_add(w, "region", region_change);
    fuzz_action_add(w, "bus", bus_look);
    fuzz_action_add(w, "timer", timer_change);
    fuzz_action_add(w, "time", ticker_pass);
    fuzz_action_add(w, "state", one_change);
    fuzz_action_add(w, "dma", dma_move);
    return ok;
}

/* Neighbours and overlaps are where things go wrong. */
static size_t core_generate(uint64_t (*rnd)(void), struct fuzz_op *op, size_t max)
{
    uint64_t r = rnd();
    uint32_t n = (uint32_t)(r & 7), b = (uint32_t)(r & 8);

    if (r & 0x10) {
        op[0] = (struct fuzz_op){FUZZ_ACTION, 1, 0, n, (r >> 8 & 15) << 12};
        op[1] = (struct fuzz_op){FUZZ_ACTION, 1, 0, n | 1u << 3, (r >> 12 & 7) << 12};
        op[2] = (struct fuzz_op){FUZZ_ACTION, 1, 0, n | 5u << 3, r >> 16 & 3};
        op[3] = (struct fuzz_op){FUZZ_ACTION, 1, 0, n | 4u << 3, r >> 18 & 3};
        op[4] = (struct fuzz_op){FUZZ_ACTION, 1, 0, n | 6u << 3, 1};
        return 5;
    }
    op[0] = (struct fuzz_op){FUZZ_ACTION, 1, 2, n | b | 1u << 4, 0};
    op[1] = (struct fuzz_op){FUZZ_ACTION, 1, 2, n | b | 2u << 4, r >> 8 & 15};
    op[2] = (struct fuzz_op){FUZZ_ACTION, 1, 2, n | b | 3u << 4, r >> 12 & 3};
    op[3] = (struct fuzz_op){FUZZ_ACTION, 1, 2, n | b, 0x100 + (r >> 16 & 15)};
    op[4] = (struct fuzz_op){FUZZ_ACTION, 1, 3, b | (r >> 20 & 3), 0x100 + (r >> 24 & 31)};
    op[5] = (struct fuzz_op){FUZZ_ACTION, 1, 4, (uint32_t)(r >> 32 & 15), r >> 36 & 0xffff};
    op[6] = (struct fuzz_op){FUZZ_ACTION, 1, 5, 0, r >> 52};
    return 7;
}

FUZZ_TARGET(core) = {
    .name = "core",
    .about = "buses, memory map, clock, arena and DMA without a device",
    .setup = core_setup,
    .reset = core_reset,
    .generate = core_generate,
};
