/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every device has: a class with three functions, and its state in the machine's arena.
 */
#ifndef CLEAVE_HW_CORE_DEVICE_H
#define CLEAVE_HW_CORE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "state.h"

struct arena;
struct bus;
struct clock;
struct dma;
struct memmap;
struct device;

enum reset_kind {
    RESET_POWER_ON, /* power-on: everything takes its power-on value */
    RESET_HARD,     /* platform reset (port CF9h, 8042, port 92h, triple fault) */
};

/*
 * reset:  puts the whole state to its value for `kind`, drops pending work, lowers all lines.
 * check:  refuses (-EINVAL) state that hardware cannot reach; loaded state is hostile input. May
 *         be called on bytes of any content; it touches nothing but the state. 0 when acceptable.
 * resume: the state was replaced as a whole (load, fuzzer reset, successor process): rebuilds what
 *         follows from it on the host side: lines, mappings, deadlines, requests in flight.
 */
struct device_class {
    const char *name;
    const struct state_type *state;
    void (*reset)(struct device *dev, enum reset_kind kind);
    int (*check)(const void *state);
    void (*resume)(struct device *dev);
};

/* Embedded first in each device's own struct. `state` points into the arena. */
struct device {
    const struct device_class *cls;
    const char *id; /* unique in the machine, for example "ide" or "serial0" */
    void *state;
};

/* Requests from a device to the machine. They are carried out after the handler returned. */
enum power_event {
    POWER_OFF,        /* soft-off (ACPI S5) */
    POWER_RESET,      /* platform reset */
    POWER_CPU_INIT,   /* INIT to the CPUs only; treated like POWER_RESET on a PC of this kind */
    POWER_SUSPEND,    /* ACPI S3 */
    POWER_DEBUG_EXIT, /* the debug-exit port; `value` is the byte written */
};

struct power {
    void (*request)(void *opaque, enum power_event event, uint32_t value);
    void *opaque;
};

static inline void power_request(const struct power *p, enum power_event event, uint32_t value)
{
    if (p->request) {
        p->request(p->opaque, event, value);
    }
}

/*
 * The whole world that a device may see. The machine fills it once; a device copies what it needs.
 */
struct hw {
    struct bus *pio;    /* I/O ports, 16-bit addresses */
    struct bus *mmio;   /* memory-mapped registers, guest physical addresses */
    struct memmap *mem; /* RAM, ROM, alias: memory topology */
    struct dma *dma;    /* guest RAM, bounds-checked */
    struct clock *clock;
    struct arena *arena;
    struct power power;
};

/*
 * The machine's state structs, one after the other (64-byte aligned) in one block of memory that
 * the world provides (a memfd with a guest, plain memory in a test). Fixed order, no heap.
 */
#define ARENA_MAX_DEVICES 48

struct arena {
    uint8_t *base; /* page aligned, zero-filled when new */
    size_t size;   /* bytes available at base */
    size_t used;   /* bytes handed out, header included */
    unsigned ndev;
    struct device *dev[ARENA_MAX_DEVICES];
    uint32_t offset[ARENA_MAX_DEVICES];
};

/* `base` stays the caller's. Writes nothing to it. */
void arena_init(struct arena *a, void *base, size_t size);

/*
 * Gives `dev` its place: sets cls, id and state. The first to ask comes first, so the order in
 * which the machine creates devices is part of the layout. -ENOSPC when full.
 */
int arena_add(struct arena *a, struct device *dev, const struct device_class *cls, const char *id);

/* Hash over ids and field tables of all devices: equal hashes may share an arena as it is. */
uint64_t arena_layout_hash(const struct arena *a);

/* Writes the header (magic, layout hash, used bytes) once all devices are there. */
void arena_seal(struct arena *a);

/* 0 when base holds a sealed arena of this layout in which every device's check() is content. */
int arena_check(const struct arena *a);

/* All devices in order. */
void arena_reset(struct arena *a, enum reset_kind kind);
void arena_resume(struct arena *a);

#endif
