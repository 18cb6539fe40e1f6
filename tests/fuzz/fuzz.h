/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz targets. One file per target (device-NAME.c, target-NAME.c) registers a struct fuzz_target;
 * the harness runs inputs on it under libFuzzer, under AFL++, or from files (harness-main.c).
 *
 * An input of a device target is a list of operations of FUZZ_OP_BYTES each; any bytes are a valid
 * list. Targets with an input of another kind set `run`.
 */
#ifndef CLEAVE_TESTS_FUZZ_H
#define CLEAVE_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/blk.h"
#include "core/bus.h"
#include "core/chr.h"
#include "core/clock.h"
#include "core/device.h"
#include "core/dma.h"
#include "core/irq.h"
#include "core/memmap.h"

struct fuzz_world;
struct pci_bus;

/* --- operations (ops.c) --- */

#define FUZZ_OP_BYTES 12u
#define FUZZ_MAX_OPS  256u

enum fuzz_kind {
    FUZZ_READ,      /* window, addr, size */
    FUZZ_WRITE,     /* window, addr, size, val */
    FUZZ_READ_REP,  /* string input: (val bits 10-0 >> bits 15-12) + 1 elements */
    FUZZ_WRITE_REP, /* string output: as many elements, made of val bits 63-16 */
    FUZZ_CFG_READ,  /* PCI configuration: function number sel of those that exist, addr, size */
    FUZZ_CFG_WRITE, /* the same, val */
    FUZZ_STEP,      /* val bits 15-0 << val bits 20-16 nanoseconds pass */
    FUZZ_STEP_NEXT, /* the clock goes to the next deadline */
    FUZZ_RAM_WRITE, /* the guest writes val (size) to RAM at addr */
    FUZZ_RAM_READ,  /* and reads */
    FUZZ_PATTERN,   /* dword sel (of 8) of what a page holds at its first use is val */
    FUZZ_BLK_MODE,  /* sel bit 0: back-end requests wait for BLK_DONE, else end after the operation
                     */
    FUZZ_BLK_DONE,  /* request number sel of those waiting ends with errno val (one of a list) */
    FUZZ_ACTION, /* number sel of the target's: input, media change, drawing ... with addr, val */
    FUZZ_RESET,  /* the machine: sel bit 0: hard, else power-on */
    FUZZ_SAVE,   /* the arena is saved, and must be acceptable */
    FUZZ_RESUME, /* the arena is as saved last */
    FUZZ_POKE,   /* hostile saved state: a field (addr) of device sel altered; check, resume */
    FUZZ_NKINDS,
};

struct fuzz_op {
    uint8_t kind;  /* enum fuzz_kind */
    uint8_t size;  /* 1, 2, 4 or 8 */
    uint8_t sel;   /* 0..63 */
    uint32_t addr; /* 18 bits */
    uint64_t val;
};

struct fuzz_op fuzz_op_decode(const uint8_t bytes[FUZZ_OP_BYTES]);
void fuzz_op_encode(const struct fuzz_op *op, uint8_t bytes[FUZZ_OP_BYTES]);

/* --- what a target declares --- */

enum fuzz_space {
    FUZZ_PIO,
    FUZZ_MEM,
};

/* Where operations go: a range of ports or guest physical addresses. */
struct fuzz_window {
    const char *name;
    enum fuzz_space space;
    uint64_t base;
    uint32_t len;
    const struct region *region; /* set: follows this region while it is mapped (a BAR) */
    const struct mem_area *area; /* the same for memory */
};

#define FUZZ_MAX_WINDOWS 64u
#define FUZZ_MAX_ACTIONS 32u

/* Something outside the guest does: keys, serial input, media, a look at the screen. */
struct fuzz_action {
    const char *name;
    void (*run)(struct fuzz_world *w, uint32_t addr, uint64_t val);
};

/* A value worth writing: the mutator's dictionary. */
struct fuzz_word {
    uint8_t window;
    uint8_t size;
    uint16_t addr;
    uint32_t val;
};

/*
 * setup: builds the target in the world, once; then the world is reset (power-on) and that is the
 *        state that every input starts from. False stops the program.
 * reset: puts back what the target keeps outside the arena (media), before each input; may be NULL.
 * machine_reset, machine_resume: instead of arena_reset() and arena_resume(); may be NULL.
 * end:   looks whether all is well after each input; may be NULL.
 * run:   set: the input is not a list of operations but whatever this takes; `setup` need not build
 *        anything then. `describe` prints such an input in words (--replay).
 */
struct fuzz_target {
    const char *name;
    const char *about; /* one line */
    bool (*setup)(struct fuzz_world *w);
    void (*reset)(struct fuzz_world *w);
    void (*end)(struct fuzz_world *w);
    void (*machine_reset)(struct fuzz_world *w, enum reset_kind kind);
    void (*machine_resume)(struct fuzz_world *w);
    void (*run)(struct fuzz_world *w, const uint8_t *data, size_t size);
    void (*describe)(struct fuzz_world *w, const uint8_t *data, size_t size);
    /* Appends a typical sequence of operations (at most `max`), for the mutator; may be NULL. */
    size_t (*generate)(uint64_t (*rnd)(void), struct fuzz_op *op, size_t max);
    const struct fuzz_word *words;
    size_t nwords;
    size_t max_bytes; /* of an input; 0: FUZZ_MAX_OPS operations */
    struct fuzz_target *next;
};

/* Registers itself when the program starts: FUZZ_TARGET(fdc) = {.name = "fdc", ...}; */
#define FUZZ_TARGET(id)                                                                            \
    static struct fuzz_target fuzz_target_##id;                                                    \
    __attribute__((constructor)) static void fuzz_register_##id(void)                              \
    {                                                                                              \
        fuzz_register(&fuzz_target_##id);                                                          \
    }                                                                                              \
    static struct fuzz_target fuzz_target_##id

void fuzz_register(struct fuzz_target *t);
struct fuzz_target *fuzz_targets(void); /* sorted by name */
struct fuzz_target *fuzz_find(const char *name);

/* --- the world (harness.c) --- */

#define FUZZ_ARENA_SIZE     (128u << 10)
#define FUZZ_RAM_SIZE       (4u << 20) /* all of the guest's RAM shows these bytes, repeated */
#define FUZZ_PAGE           4096u
#define FUZZ_MAX_REQS       16u
#define FUZZ_MAX_BLKS       8u
#define FUZZ_LINES          256u
#define FUZZ_PATTERN_DWORDS 8u

/* What happened, for --replay and for writers of scripts. */
enum fuzz_event_kind {
    FUZZ_EV_OP,       /* an operation begins: op, n = its number */
    FUZZ_EV_ACCESS,   /* read or write: space, write, addr, size, count (0: not a string), data */
    FUZZ_EV_CFG,      /* n = devfn, write, addr, size, val */
    FUZZ_EV_RAM_FILL, /* a page of RAM is used for the first time: addr, data, size = FUZZ_PAGE */
    FUZZ_EV_RAM,      /* the guest reads or writes its RAM: write, addr, size, val */
    FUZZ_EV_CLOCK,    /* guest time is now val */
    FUZZ_EV_LINE,     /* interrupt line n is at level val */
    FUZZ_EV_BLK,      /* a request begins: n = drive, op = enum blk_op in val, addr, size = bytes */
    FUZZ_EV_BLK_DONE, /* and ends: n, addr, val = errno */
    FUZZ_EV_POWER,    /* the guest asks for: n = enum power_event, val */
    FUZZ_EV_RESET,    /* the machine is reset: n = enum reset_kind */
    FUZZ_EV_NOTE,     /* text */
};

struct fuzz_event {
    enum fuzz_event_kind kind;
    enum fuzz_space space;
    bool write;
    unsigned n;
    unsigned size;
    uint32_t count;
    uint64_t addr;
    uint64_t val;
    const void *data; /* EV_ACCESS of a string: count * size bytes; EV_RAM_FILL */
    const struct fuzz_op *op;
    const char *text;
};

struct fuzz_observer {
    void (*event)(void *opaque, struct fuzz_world *w, const struct fuzz_event *e);
    void *opaque;
};

/* A disk: `blk.bytes` of it show `image` again and again. Pages written are put back. */
struct fuzz_blk {
    struct blk blk;
    struct fuzz_world *w;
    unsigned n;
    uint8_t *image;
    uint32_t image_size; /* a power of two */
    uint32_t ndirty;
    uint16_t dirty[512];
    uint8_t *is_dirty; /* per page of the image */
};

/* One per process. */
struct fuzz_world {
    struct fuzz_target *target;
    struct hw hw; /* what devices are given; a target with a world of its own replaces it */
    struct {
        struct bus pio;
        struct bus mmio;
        struct memmap mem;
        struct clock clock;
        struct arena arena;
        struct dma dma;
    } own;
    uint8_t *arena_mem;  /* FUZZ_ARENA_SIZE bytes */
    struct pci_bus *pci; /* set by targets that have one: configuration accesses go there */
    unsigned pci_taken;  /* so many of its functions, the last ones, are somebody else's */

    unsigned nwindows;
    struct fuzz_window window[FUZZ_MAX_WINDOWS];
    unsigned nactions;
    struct fuzz_action action[FUZZ_MAX_ACTIONS];
    unsigned nfunctions;
    uint8_t function[32]; /* devfn of those that exist */

    uint64_t now;
    uint32_t run;   /* number of the input: pages stamped otherwise are unused */
    int64_t budget; /* bytes of work left in this input */
    bool poked;     /* the state was altered by hand: reachable no more */
    bool saved_valid;
    bool reset_wanted;
    uint8_t level[FUZZ_LINES];
    uint64_t digest;   /* of all answers */
    uint64_t op_count; /* since the start of the program */

    bool blk_hold;
    unsigned nreqs;
    struct {
        struct blk_req *req;
        struct fuzz_blk *blk;
    } reqs[FUZZ_MAX_REQS];
    unsigned nblks;
    struct fuzz_blk blk[FUZZ_MAX_BLKS];

    uint32_t pattern[FUZZ_PATTERN_DWORDS];
    uint8_t *ram;
    uint32_t ram_stamp[FUZZ_RAM_SIZE / FUZZ_PAGE];

    /* Video memory, when the target has some: restored by touched pages. */
    uint8_t *vram;
    uint32_t vram_size;
    uint8_t *vram_dirty; /* per page */

    struct fuzz_observer observer;
    size_t rep_len;
    uint8_t rep[2048 * 8];
};

/* For setup(). The lists must not change afterwards. */
void fuzz_window_add(struct fuzz_world *w, const struct fuzz_window *window);
/* Ports at a fixed place. */
void fuzz_ports_add(struct fuzz_world *w, const char *name, uint16_t base, uint32_t len);
void fuzz_action_add(struct fuzz_world *w, const char *name,
                     void (*run)(struct fuzz_world *w, uint32_t addr, uint64_t val));
/* The world's time, for a clock of the target's own; `opaque` is the world. */
uint64_t fuzz_now(void *opaque);
void fuzz_power(void *opaque, enum power_event event, uint32_t value);
void fuzz_line_set(void *opaque, unsigned n, int level);
struct irq_line fuzz_line(struct fuzz_world *w, unsigned n);
/* A disk of `bytes` that shows `image_size` bytes (a power of two, at most 2 MiB) repeatedly. */
struct fuzz_blk *fuzz_blk_new(struct fuzz_world *w, uint64_t bytes, uint32_t image_size,
                              bool readonly);
/* Video memory of `size` bytes; a device tells what it touched in w->vram_dirty. */
void fuzz_vram_new(struct fuzz_world *w, uint32_t size);
/* Creates the bus where PCI functions go; w->pci. */
bool fuzz_pci_new(struct fuzz_world *w);

/* For actions and targets: accesses as the guest makes them, with events. */
uint64_t fuzz_read(struct fuzz_world *w, enum fuzz_space space, uint64_t addr, unsigned size);
void fuzz_write(struct fuzz_world *w, enum fuzz_space space, uint64_t addr, unsigned size,
                uint64_t val);
/* Guest RAM at gpa, filled when it was not used before; *len is reduced. NULL: no RAM there. */
uint8_t *fuzz_ram(struct fuzz_world *w, uint64_t gpa, uint64_t *len);
/* Time passes, stopping at deadlines (a bounded number of them). */
void fuzz_pass(struct fuzz_world *w, uint64_t ns);
/* An event that is text, printed by --replay. */
void fuzz_note(struct fuzz_world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A finding of the harness itself: says what is wrong and aborts. */
void fuzz_finding(struct fuzz_world *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), noreturn));
/* Whether work worth `bytes` may still be done in this input. */
bool fuzz_spend(struct fuzz_world *w, uint64_t bytes);
/* Adds to the digest of answers. */
static inline void fuzz_answer(struct fuzz_world *w, uint64_t val)
{
    w->digest = (w->digest ^ val) * 0x9e3779b97f4a7c15ull;
    w->digest ^= w->digest >> 29;
}

/* --- for the engines --- */

/* Sets the one world up for a target. False, with a line on standard error, when it cannot. */
struct fuzz_world *fuzz_start(struct fuzz_target *t);
/* Sets it up where there is no room, before fuzz_start(): it must say so and harm nothing. */
void fuzz_set_up_failing(struct fuzz_target *t);
/* Runs one input from the initial state on. */
void fuzz_run(struct fuzz_world *w, const uint8_t *data, size_t size);
/* Prints every event in words. */
void fuzz_print_events(struct fuzz_world *w, FILE *out);

/* --- mutator.c --- */

/* Changes `size` bytes of data in place, up to `max`; returns the new size. */
size_t fuzz_mutate(const struct fuzz_world *w, uint8_t *data, size_t size, size_t max,
                   uint64_t seed);
/* A list of `nops` operations made from nothing. */
size_t fuzz_generate(const struct fuzz_world *w, uint8_t *data, unsigned nops, uint64_t seed);

#endif
