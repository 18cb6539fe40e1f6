/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server.h"

#include <stddef.h>
#include <string.h>

#define PIO_LIMIT 0x10000ull

/* The byte that holds state (low nibble) and the flags data_is_ptr, dir and df. */
#define SLOT_STATE_OFFSET 30

static uint8_t *slot_state(const struct ioreq_server *s, unsigned vcpu)
{
    return (uint8_t *)&s->slots[vcpu] + SLOT_STATE_OFFSET;
}

static uint64_t size_mask(unsigned size)
{
    return size >= 8 ? UINT64_MAX : (1ull << (size * 8)) - 1;
}

/* --- memory beside the request --- */

/* The bounce page, when [addr, addr+len) lies in that of this vCPU; else NULL. */
static uint8_t *bounce_at(const struct ioreq_server *s, unsigned vcpu, uint64_t addr, uint32_t len)
{
    uint64_t page = s->bounce.gpa + (uint64_t)vcpu * IOREQ_MAX_BYTES;
    uint64_t off = addr - page;

    if (!s->bounce.host || addr < page || off > IOREQ_MAX_BYTES || len > IOREQ_MAX_BYTES - off) {
        return NULL;
    }
    return s->bounce.host + (uint64_t)vcpu * IOREQ_MAX_BYTES + off;
}

static void data_read(struct ioreq_server *s, unsigned vcpu, uint64_t addr, void *buf, uint32_t len)
{
    const uint8_t *bounce = bounce_at(s, vcpu, addr, len);

    if (bounce) {
        memcpy(buf, bounce, len);
    } else {
        dma_read(s->dma, addr, buf, len);
    }
}

static void data_write(struct ioreq_server *s, unsigned vcpu, uint64_t addr, const void *buf,
                       uint32_t len)
{
    uint8_t *bounce = bounce_at(s, vcpu, addr, len);

    if (bounce) {
        memcpy(bounce, buf, len);
    } else {
        dma_write(s->dma, addr, buf, len);
    }
}

/* Memory order to iteration order and back, for strings that run downwards. */
static void reverse_elements(uint8_t *buf, uint32_t count, uint32_t size)
{
    for (uint32_t i = 0, j = count - 1; i < j; i++, j--) {
        uint8_t tmp[8];

        memcpy(tmp, buf + i * size, size);
        memcpy(buf + i * size, buf + j * size, size);
        memcpy(buf + j * size, tmp, size);
    }
}

/* The lowest address of `count` elements that start at addr and run up, or down if df. */
static uint64_t span_start(uint64_t addr, const struct ioreq *req)
{
    return req->df ? addr - (uint64_t)(req->count - 1) * req->size : addr;
}

/* --- the types of request --- */

static void pio_string(struct ioreq_server *s, const struct ioreq *req, unsigned vcpu)
{
    uint8_t buf[IOREQ_MAX_BYTES];
    uint32_t len = req->count * req->size;
    uint64_t start = span_start(req->data, req);

    if (req->dir == IOREQ_READ) {
        bus_read_rep(s->pio, req->addr, req->size, req->count, buf);
        if (req->df) {
            reverse_elements(buf, req->count, req->size);
        }
        data_write(s, vcpu, start, buf, len);
        return;
    }
    data_read(s, vcpu, start, buf, len);
    if (req->df) {
        reverse_elements(buf, req->count, req->size);
    }
    bus_write_rep(s->pio, req->addr, req->size, req->count, buf);
}

static bool dispatch_pio(struct ioreq_server *s, struct ioreq *req, unsigned vcpu)
{
    if (req->size > 4 || req->addr > PIO_LIMIT - req->size) {
        return false;
    }
    if (req->data_is_ptr) {
        pio_string(s, req, vcpu);
    } else if (req->dir == IOREQ_READ) {
        for (uint32_t i = 0; i < req->count; i++) {
            req->data = bus_read(s->pio, req->addr, req->size);
        }
    } else {
        for (uint32_t i = 0; i < req->count; i++) {
            bus_write(s->pio, req->addr, req->size, req->data & size_mask(req->size));
        }
    }
    return true;
}

/* REP MOVS between guest RAM and registers: both sides step. */
static void copy_string(struct ioreq_server *s, const struct ioreq *req, unsigned vcpu)
{
    uint8_t buf[IOREQ_MAX_BYTES];
    uint32_t len = req->count * req->size;
    uint64_t step = req->df ? -(uint64_t)req->size : req->size;
    uint64_t addr = req->addr;
    uint64_t start = span_start(req->data, req);

    if (req->dir == IOREQ_WRITE) {
        data_read(s, vcpu, start, buf, len);
    }
    for (uint32_t i = 0; i < req->count; i++, addr += step) {
        uint32_t at = (req->df ? req->count - 1 - i : i) * req->size;
        uint64_t val = 0;

        if (req->dir == IOREQ_WRITE) {
            memcpy(&val, buf + at, req->size);
            bus_write(s->mmio, addr, req->size, val);
        } else {
            val = bus_read(s->mmio, addr, req->size);
            memcpy(buf + at, &val, req->size);
        }
    }
    if (req->dir == IOREQ_READ) {
        data_write(s, vcpu, start, buf, len);
    }
}

static bool dispatch_copy(struct ioreq_server *s, struct ioreq *req, unsigned vcpu)
{
    uint64_t step = req->df ? -(uint64_t)req->size : req->size;
    uint64_t addr = req->addr;

    if (req->data_is_ptr) {
        copy_string(s, req, vcpu);
        return true;
    }
    for (uint32_t i = 0; i < req->count; i++, addr += step) {
        if (req->dir == IOREQ_READ) {
            req->data = bus_read(s->mmio, addr, req->size);
        } else {
            bus_write(s->mmio, addr, req->size, req->data & size_mask(req->size));
        }
    }
    return true;
}

/* addr: [63:48] segment, [47:40] bus, [39:32] device and function, [31:0] register. */
static bool dispatch_config(struct ioreq_server *s, struct ioreq *req)
{
    uint32_t off = (uint32_t)req->addr;
    uint8_t devfn = (uint8_t)(req->addr >> 32);

    if (req->size > 4 || req->count != 1 || req->data_is_ptr || off > 256 - req->size) {
        return false;
    }
    if (req->addr >> 40) {
        req->data = UINT64_MAX; /* no such bus here */
        return true;
    }
    if (req->dir == IOREQ_READ) {
        req->data = s->ops.config_read ? s->ops.config_read(s->ops.opaque, devfn, off, req->size)
                                       : UINT64_MAX;
    } else if (s->ops.config_write) {
        s->ops.config_write(s->ops.opaque, devfn, off, req->size,
                            (uint32_t)(req->data & size_mask(req->size)));
    }
    return true;
}

static bool request_valid(const struct ioreq *req)
{
    if (req->size != 1 && req->size != 2 && req->size != 4 && req->size != 8) {
        return false;
    }
    return req->count >= 1 && req->count <= IOREQ_MAX_BYTES / req->size;
}

bool ioreq_dispatch(struct ioreq_server *s, struct ioreq *req, unsigned vcpu)
{
    bool ok = request_valid(req);

    switch (ok ? req->type : UINT8_MAX) {
    case IOREQ_TYPE_PIO:
        ok = dispatch_pio(s, req, vcpu);
        break;
    case IOREQ_TYPE_COPY:
        ok = dispatch_copy(s, req, vcpu);
        break;
    case IOREQ_TYPE_PCI_CONFIG:
        ok = dispatch_config(s, req);
        break;
    case IOREQ_TYPE_TIMEOFFSET:
        break; /* the guest set its clock; ours is the core's */
    case IOREQ_TYPE_INVALIDATE:
        if (s->ops.invalidate) {
            s->ops.invalidate(s->ops.opaque);
        }
        break;
    default:
        ok = false;
    }
    if (!ok) {
        s->malformed++;
        req->data = UINT64_MAX;
    }
    return ok;
}

/* --- the shared pages --- */

bool ioreq_ready(const struct ioreq_server *s, unsigned vcpu)
{
    uint8_t flags = __atomic_load_n(slot_state(s, vcpu), __ATOMIC_RELAXED);

    return (flags & 0xf) == STATE_IOREQ_READY;
}

/*
 * Exactly one load per field, none of which the compiler may repeat or invent: what the other side
 * changes later does not exist for us (catalogue XEN-01, XEN-02; a test counts the loads). The
 * flags' byte was read by the caller.
 */
static struct ioreq slot_copy(const struct ioreq_server *s, unsigned vcpu, uint8_t flags)
{
    const struct ioreq *slot = &s->slots[vcpu];
    struct ioreq req;

    memset(&req, 0, sizeof(req));
    req.addr = __atomic_load_n(&slot->addr, __ATOMIC_RELAXED);
    req.data = __atomic_load_n(&slot->data, __ATOMIC_RELAXED);
    req.count = __atomic_load_n(&slot->count, __ATOMIC_RELAXED);
    req.size = __atomic_load_n(&slot->size, __ATOMIC_RELAXED);
    req.type = __atomic_load_n(&slot->type, __ATOMIC_RELAXED);
    req.data_is_ptr = (flags >> 4) & 1;
    req.dir = (flags >> 5) & 1;
    req.df = (flags >> 6) & 1;
    return req;
}

bool ioreq_serve(struct ioreq_server *s, unsigned vcpu,
                 void (*before_done)(void *opaque, unsigned vcpu), void *opaque)
{
    uint8_t *state = slot_state(s, vcpu);
    uint8_t flags = __atomic_load_n(state, __ATOMIC_ACQUIRE);

    if ((flags & 0xf) != STATE_IOREQ_READY) {
        return false;
    }
    struct ioreq req = slot_copy(s, vcpu, flags);

    flags &= 0xf0;
    __atomic_store_n(state, (uint8_t)(flags | STATE_IOREQ_INPROCESS), __ATOMIC_RELAXED);
    ioreq_dispatch(s, &req, vcpu);
    if (!req.data_is_ptr && req.dir == IOREQ_READ) {
        __atomic_store_n(&s->slots[vcpu].data, req.data, __ATOMIC_RELAXED);
    }
    if (before_done) {
        before_done(opaque, vcpu);
    }
    __atomic_store_n(state, (uint8_t)(flags | STATE_IORESP_READY), __ATOMIC_RELEASE);
    return true;
}

/* Both pointers in one load: the core may move both back by a multiple of the ring's length. */
static uint32_t ring_used(const struct ioreq_server *s, uint32_t *read)
{
    uint64_t both = __atomic_load_n((const uint64_t *)(const void *)s->ring, __ATOMIC_ACQUIRE);

    *read = (uint32_t)both;
    return (uint32_t)(both >> 32) - (uint32_t)both;
}

static uint64_t ring_slot(const struct ioreq_server *s, uint32_t at)
{
    const uint64_t *slot = (const uint64_t *)(const void *)s->ring->buf_ioreq;

    return __atomic_load_n(&slot[at % IOREQ_BUFFER_SLOT_NUM], __ATOMIC_RELAXED);
}

static unsigned entry_size(uint64_t raw)
{
    return 1u << ((raw >> 10) & 3);
}

/* The first half of an 8-byte entry alone is no work yet; else a caller would never sleep. */
bool ioreq_ring_pending(const struct ioreq_server *s)
{
    uint32_t read = 0;
    uint32_t used = s->ring ? ring_used(s, &read) : 0;

    return used > 1 || (used == 1 && entry_size(ring_slot(s, read)) < 8);
}

/* One buffered entry as a request; an 8-byte entry takes its upper half from the next slot. */
static struct ioreq ring_entry(const struct ioreq_server *s, uint32_t at)
{
    uint64_t raw = ring_slot(s, at);
    struct ioreq req;

    memset(&req, 0, sizeof(req));
    req.type = (uint8_t)raw;
    req.dir = (raw >> 9) & 1;
    req.size = entry_size(raw);
    req.addr = (raw >> 12) & 0xfffff;
    req.data = raw >> 32;
    req.count = 1;
    if (req.size == 8) {
        req.data |= ring_slot(s, at + 1) & 0xffffffff00000000ull;
    }
    return req;
}

/* An atomic add: the core may move both pointers back by a multiple of the ring's length. */
static void ring_consume(struct ioreq_server *s, uint32_t slots)
{
    __atomic_fetch_add(&s->ring->read_pointer, slots, __ATOMIC_RELEASE);
}

unsigned ioreq_drain(struct ioreq_server *s)
{
    uint32_t read = 0;
    uint32_t pending = s->ring ? ring_used(s, &read) : 0;
    uint32_t done = 0;

    if (pending > IOREQ_BUFFER_SLOT_NUM) {
        s->malformed++;
        ring_consume(s, pending);
        return 0;
    }
    while (done < pending) {
        struct ioreq req = ring_entry(s, read + done);
        uint32_t slots = req.size == 8 ? 2 : 1;

        if (slots > pending - done) {
            break; /* the second half has not been written yet */
        }
        ioreq_dispatch(s, &req, 0);
        done += slots;
        ring_consume(s, slots);
    }
    return done;
}
