/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The producer's side of a buffered ioreq ring. Contract section 1.5. */
#include "hv.h"

#include <string.h>

#define RING_SLOTS IOREQ_BUFFER_SLOT_NUM
#define ADDR_MASK  0xfffffu

static void ring_store(struct buffered_iopage *page, uint32_t at, uint8_t type, uint64_t addr,
                       unsigned log2size, uint32_t data)
{
    struct buf_ioreq e = {.type = type,
                          .dir = IOREQ_WRITE,
                          .size = (uint8_t)(log2size & 3),
                          .addr = (uint32_t)(addr & ADDR_MASK),
                          .data = data};

    memcpy(&page->buf_ioreq[at % RING_SLOTS], &e, sizeof(e));
}

/*
 * Pointers run freely and count slots; 2^32 is no multiple of 511, so both are brought back by a
 * multiple of 511 together (the consumer advances with an atomic add).
 */
static void ring_normalise(struct buffered_iopage *page, uint32_t *write)
{
    uint64_t *both = (uint64_t *)(void *)page;
    uint64_t old = __atomic_load_n(both, __ATOMIC_ACQUIRE);
    uint32_t read = (uint32_t)old;

    if (read < RING_SLOTS) {
        return;
    }
    uint32_t back = read - read % RING_SLOTS;
    uint64_t new = (uint64_t)(*write - back) << 32 | (read - back);

    if (__atomic_compare_exchange_n(both, &old, new, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        *write -= back;
    }
}

enum ring_result ring_put(struct buffered_iopage *page, uint32_t *write, uint8_t type,
                          uint64_t addr, unsigned size, uint64_t data)
{
    uint32_t need = size == 8 ? 2 : 1;
    uint32_t read = __atomic_load_n(&page->read_pointer, __ATOMIC_ACQUIRE);
    uint32_t used = *write - read;

    if (used > RING_SLOTS) {
        return RING_BROKEN;
    }
    if (used + need > RING_SLOTS) {
        return RING_FULL;
    }
    unsigned log2size = (unsigned)__builtin_ctz(size);

    ring_store(page, *write, type, addr, log2size, (uint32_t)data);
    if (need == 2) {
        ring_store(page, *write + 1, type, addr, log2size, (uint32_t)(data >> 32));
    }
    *write += need;
    __atomic_store_n(&page->write_pointer, *write, __ATOMIC_RELEASE);
    ring_normalise(page, write);
    return RING_OK;
}
