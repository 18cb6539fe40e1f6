/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Buses of registers: I/O ports and memory-mapped registers.
 *
 * A device declares its registers as a table of rows; the bus finds the row, splits and merges
 * widths, and a handler never sees an offset or a width that its row did not declare.
 */
#ifndef CLEAVE_HW_CORE_BUS_H
#define CLEAVE_HW_CORE_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Access widths of a row; a mask. */
#define BUS_W1 1u
#define BUS_W2 2u
#define BUS_W4 4u
#define BUS_W8 8u

/*
 * One row: registers at [offset, offset+length) of a region.
 *
 * read/write get `off` relative to the region and a `size` in bytes that is in `widths`, aligned
 * as the guest gave it, wholly inside the row. NULL read answers all ones, NULL write is ignored.
 * An access wider than the row's widths, or one that reaches into further rows, is split into the
 * widest pieces that each row takes, low address first (so a 16-bit OUT to a byte-wide index port
 * writes index, then data). An access narrower than every width of its row reads all ones and is
 * not written.
 *
 * read_rep/write_rep, both optional, move `count` elements of `size` bytes on one register in one
 * call (REP INS and OUTS); without them the bus loops over read/write.
 */
struct reg {
    uint32_t offset;
    uint32_t length;
    uint32_t widths;
    uint64_t (*read)(void *dev, uint32_t off, unsigned size);
    void (*write)(void *dev, uint32_t off, unsigned size, uint64_t val);
    const char *name;
    void (*read_rep)(void *dev, uint32_t off, unsigned size, uint32_t count, void *buf);
    void (*write_rep)(void *dev, uint32_t off, unsigned size, uint32_t count, const void *buf);
};

/*
 * Bytes of a region whose writes may be buffered, so that a transport can save exits: nothing that
 * the guest could wait for follows from such a write before its next access that is not buffered,
 * and all that was buffered comes before that one, in order. A register that raises an interrupt,
 * moves memory or begins a transfer is not among them.
 */
struct region_posted {
    uint32_t offset;
    uint32_t length; /* 0: none */
};

#define REGION_POSTED_MAX 2
#define REGION_LEN_MAX    (1ull << 32) /* handlers' offsets have 32 bits */

/* Property of a region: it is posted only while no memory is mapped at A0000-BFFFF (VGA), because
 * direct stores must not overtake buffered ones. */
#define REGION_WINDOW 1u

/*
 * A device's registers on a bus. The struct belongs to the device and must outlive its mapping.
 * Fill name, regs, nregs, len, opaque, posted, flags and priority; the bus owns the rest.
 */
struct region {
    const char *name;
    const struct reg *regs;
    unsigned nregs;
    void *opaque; /* handlers' `dev` */
    uint64_t len; /* bytes decoded, up to REGION_LEN_MAX; rows lie inside */
    struct region_posted posted[REGION_POSTED_MAX];
    uint32_t flags;
    int priority; /* the higher one answers where regions overlap; equal: the first mapped */
    uint64_t base;
    bool mapped;
};

/* Told about each range that begins or ceases to be decoded. */
struct bus_listener {
    void (*mapped)(void *opaque, const struct region *r);
    void (*unmapped)(void *opaque, const struct region *r);
    void *opaque;
};

/* The fields of a region of one row of registers; set the others where they are not 0. */
static inline struct region region_of(const char *name, const struct reg *row, uint64_t len,
                                      void *opaque)
{
    return (struct region){.name = name, .regs = row, .nregs = 1, .opaque = opaque, .len = len};
}

/* What an access of `size` bytes (1 to 8) can hold: all ones. */
static inline uint64_t bus_ones(unsigned size)
{
    return size >= 8 ? UINT64_MAX : (1ull << (size * 8)) - 1;
}

#define BUS_MAX_REGIONS 128
#define BUS_BLOCK       256u /* addresses */
#define BUS_BLOCKS      256u

/* A bus. 16-bit buses have a direct index, the others few regions: those are searched. */
struct bus {
    uint64_t limit; /* last valid address */
    unsigned nregions;
    struct region *region[BUS_MAX_REGIONS];
    struct bus_listener listener;
    uint64_t unclaimed;       /* accesses nobody answered, for statistics */
    bool indexed[BUS_BLOCKS]; /* 16-bit buses: whether the index holds this block of addresses */
    uint8_t index[BUS_BLOCKS * BUS_BLOCK]; /* per address 1 + region number, 0: nobody */
};

/* `limit` is the last address: 0xffff for ports. */
void bus_init(struct bus *b, uint64_t limit);

/*
 * Maps and unmaps. Overlap is allowed (guests program BARs as they like): see priority. -ENOSPC
 * when the table is full, -ERANGE when the region is too long or does not fit below the limit;
 * guest-triggered callers then simply stay unmapped. Mapping a mapped region moves it.
 */
int bus_map(struct bus *b, struct region *r, uint64_t base);
void bus_unmap(struct bus *b, struct region *r);

/* The region that answers at addr, or NULL. */
const struct region *bus_find(struct bus *b, uint64_t addr);

/*
 * Guest accesses: size 1, 2, 4 or 8, any alignment. What nobody claims reads all ones (per byte)
 * and ignores writes. The value is in the low `size` bytes.
 */
uint64_t bus_read(struct bus *b, uint64_t addr, unsigned size);
void bus_write(struct bus *b, uint64_t addr, unsigned size, uint64_t val);

/* `count` accesses to one address (string I/O); buf holds count*size bytes, little endian. */
void bus_read_rep(struct bus *b, uint64_t addr, unsigned size, uint32_t count, void *buf);
void bus_write_rep(struct bus *b, uint64_t addr, unsigned size, uint32_t count, const void *buf);

#endif
