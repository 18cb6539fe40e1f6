/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "alone.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define VGA_HOLE_START 0xa0000ull
#define VGA_HOLE_END   0xc0000ull
#define FOUR_GIB       0x100000000ull
#define STUCK_ROUNDS   64 /* rounds of timers at one and the same time */
#define BLOCK_PIECE    4u /* widest access to registers in a block */

/* --- the transport: nobody to tell --- */

static int alone_claim(struct transport *t, enum transport_space space, uint64_t start,
                       uint64_t end, bool on)
{
    return 0;
}

static void alone_line(struct transport *t, unsigned n, int level)
{
}

static void alone_intx(struct transport *t, unsigned dev, unsigned pin, int level)
{
}

static void alone_route(struct transport *t, unsigned link, unsigned irq)
{
}

static int alone_add_object(struct transport *t, uint32_t object, int fd, uint64_t size)
{
    return 0;
}

static int alone_map(struct transport *t, const struct mem_flat *piece, bool on)
{
    return 0;
}

static void alone_post(struct transport *t, enum transport_space space, uint64_t start,
                       uint64_t end, bool on)
{
}

static void alone_ignore(struct transport *t, uint64_t port, uint8_t value, bool on)
{
}

static void alone_pm_base(struct transport *t, uint16_t base)
{
}

static void alone_shutdown(struct transport *t, unsigned reason)
{
}

static int alone_enable(struct transport *t)
{
    return 0;
}

static unsigned alone_poll(struct transport *t)
{
    return 0;
}

static bool alone_false(const struct transport *t)
{
    return false;
}

static bool alone_prepare_sleep(struct transport *t)
{
    return true;
}

static void alone_nothing(struct transport *t)
{
}

static const struct transport_ops alone_ops = {
    .claim = alone_claim,
    .set_isa_irq = alone_line,
    .set_pci_intx = alone_intx,
    .set_pci_link_route = alone_route,
    .add_object = alone_add_object,
    .map = alone_map,
    .post = alone_post,
    .ignore = alone_ignore,
    .set_pm_base = alone_pm_base,
    .shutdown = alone_shutdown,
    .enable = alone_enable,
    .poll = alone_poll,
    .pending = alone_false,
    .may_spin = alone_false,
    .prepare_sleep = alone_prepare_sleep,
    .awake = alone_nothing,
    .flush_posted = alone_nothing,
    .reset_lines = alone_nothing,
};

/* --- guest RAM --- */

int alone_init(struct alone *a, struct pc *pc, uint32_t memory_mib)
{
    uint64_t low = memory_low_end(memory_mib, true);
    uint64_t high = memory_high(memory_mib, true);
    uint8_t *host;

    memset(a, 0, sizeof(*a));
    a->pc = pc;
    a->t.ops = &alone_ops;
    a->memory_size = low + high;
    host = mmap(NULL, a->memory_size, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (host == MAP_FAILED) {
        return -ENOMEM;
    }
    a->memory = host;
    dma_ram_init(&a->ram);
    dma_ram_add(&a->ram, 0, VGA_HOLE_START, host);
    dma_ram_add(&a->ram, VGA_HOLE_END, low - VGA_HOLE_END, host + VGA_HOLE_END);
    if (high) {
        dma_ram_add(&a->ram, FOUR_GIB, high, host + low);
    }
    a->t.dma = &a->ram.dma;
    return 0;
}

void alone_free(struct alone *a)
{
    if (a->memory) {
        munmap(a->memory, a->memory_size);
        a->memory = NULL;
    }
}

/* --- accesses --- */

/*
 * Host memory behind gpa, with *len cut to what is contiguous; NULL where registers or nothing
 * answer (*len is then cut to what the same holds for).
 */
static uint8_t *memory_at(struct alone *a, uint64_t gpa, uint64_t *len, bool write)
{
    const struct memmap *m = &a->pc->mem;
    const struct mem_flat *f = memmap_find(m, gpa);

    if (!f) {
        *len = 1;
        return NULL;
    }
    uint64_t off = gpa - f->gpa;

    *len = *len < f->len - off ? *len : f->len - off;
    if (write && f->kind == MEM_ROM) {
        return NULL;
    }
    if (f->object == MEM_OBJECT_RAM) {
        uint8_t *host = dma_map(a->t.dma, f->offset + off, len, write);

        *len = host ? *len : 1;
        return host;
    }
    return m->object[f->object].host ? m->object[f->object].host + f->offset + off : NULL;
}

uint64_t alone_read(struct alone *a, uint64_t gpa, unsigned size)
{
    uint64_t len = size;
    uint64_t val = 0;
    const uint8_t *host = memory_at(a, gpa, &len, false);

    if (!host) {
        return bus_read(&a->pc->mmio, gpa, size);
    }
    if (len == size) {
        memcpy(&val, host, size);
        return val;
    }
    for (unsigned i = 0; i < size; i++) { /* the access leaves the piece */
        val |= alone_read(a, gpa + i, 1) << (i * 8);
    }
    return val;
}

void alone_write(struct alone *a, uint64_t gpa, unsigned size, uint64_t val)
{
    uint64_t len = size;
    uint8_t *host = memory_at(a, gpa, &len, true);

    if (!host) {
        bus_write(&a->pc->mmio, gpa, size, val);
    } else if (len == size) {
        memcpy(host, &val, size);
    } else {
        for (unsigned i = 0; i < size; i++) {
            alone_write(a, gpa + i, 1, (val >> (i * 8)) & 0xff);
        }
    }
}

/* The widest access of a block at gpa: aligned, inside the rest. */
static unsigned piece_size(uint64_t gpa, uint64_t left)
{
    unsigned size = BLOCK_PIECE;

    while (size > 1 && (gpa % size || left < size)) {
        size /= 2;
    }
    return size;
}

void alone_read_block(struct alone *a, uint64_t gpa, void *buf, uint64_t len)
{
    uint8_t *p = buf;

    while (len) {
        uint64_t n = len;
        const uint8_t *host = memory_at(a, gpa, &n, false);

        if (host) {
            memcpy(p, host, n);
        } else {
            n = piece_size(gpa, len);
            uint64_t val = bus_read(&a->pc->mmio, gpa, (unsigned)n);
            memcpy(p, &val, n);
        }
        p += n;
        gpa += n;
        len -= n;
    }
}

void alone_write_block(struct alone *a, uint64_t gpa, const void *buf, uint64_t len)
{
    const uint8_t *p = buf;

    while (len) {
        uint64_t n = len;
        uint8_t *host = memory_at(a, gpa, &n, true);

        if (host) {
            memcpy(host, p, n);
        } else {
            uint64_t val = 0;

            n = piece_size(gpa, len);
            memcpy(&val, p, n);
            bus_write(&a->pc->mmio, gpa, (unsigned)n, val);
        }
        p += n;
        gpa += n;
        len -= n;
    }
}

void alone_fill_block(struct alone *a, uint64_t gpa, uint8_t byte, uint64_t len)
{
    while (len) {
        uint64_t n = len;
        uint8_t *host = memory_at(a, gpa, &n, true);

        if (host) {
            memset(host, byte, n);
        } else {
            n = piece_size(gpa, len);
            bus_write(&a->pc->mmio, gpa, (unsigned)n, 0x01010101u * byte);
        }
        gpa += n;
        len -= n;
    }
}

/* --- time --- */

uint64_t alone_now(void *alone)
{
    return ((struct alone *)alone)->now;
}

void alone_run_until(struct alone *a, uint64_t target)
{
    unsigned rounds = 0;

    for (;;) {
        uint64_t next = clock_next(&a->pc->clock);

        if (next > target || rounds == STUCK_ROUNDS) {
            break;
        }
        rounds = next > a->now ? 0 : rounds + 1;
        a->now = next > a->now ? next : a->now;
        clock_run(&a->pc->clock);
        if (a->settle) {
            a->settle(a->opaque);
        }
    }
    a->now = target > a->now ? target : a->now;
}
