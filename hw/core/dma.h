/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest RAM as a bus master sees it. Reaches RAM only: anything else (registers, ROM, video memory,
 * holes) is a failed transfer, so DMA cannot re-enter a device.
 */
#ifndef CLEAVE_HW_CORE_DMA_H
#define CLEAVE_HW_CORE_DMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * map:   a host pointer to guest RAM at gpa; *len is reduced to what is contiguous (>= 1). NULL if
 *        gpa is not RAM. The range stays valid until unmap.
 * unmap: `written` bytes from the start were changed (dirty tracking). May be NULL.
 */
struct dma {
    void *(*map)(void *opaque, uint64_t gpa, uint64_t *len, bool write);
    void (*unmap)(void *opaque, void *host, uint64_t gpa, uint64_t len, uint64_t written);
    void *opaque;
};

/*
 * Copies. False when any byte of the range is not RAM: the bytes before it are transferred, a read
 * fills the rest of buf with ones, a write drops the rest.
 */
bool dma_read(struct dma *d, uint64_t gpa, void *buf, size_t len);
bool dma_write(struct dma *d, uint64_t gpa, const void *buf, size_t len);

/* For bulk data between a back end and guest RAM. Guests may change the bytes at any time. */
void *dma_map(struct dma *d, uint64_t gpa, uint64_t *len, bool write);
void dma_unmap(struct dma *d, void *host, uint64_t gpa, uint64_t len, uint64_t written);

/* The common world: RAM in a few pieces, all mapped. */
#define DMA_MAX_RAM 16

struct dma_ram {
    struct dma dma;
    unsigned n;
    struct {
        uint64_t gpa;
        uint64_t len;
        uint8_t *host;
    } piece[DMA_MAX_RAM];
};

/* Pieces must not overlap. -ENOSPC when full. */
void dma_ram_init(struct dma_ram *r);
int dma_ram_add(struct dma_ram *r, uint64_t gpa, uint64_t len, void *host);

#endif
