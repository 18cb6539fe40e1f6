/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The standalone world: no hypervisor and no vCPUs. Guest RAM is this process's own, the memory map
 * is resolved here, the interrupt controllers are the PC's, and time moves by hand. What accesses
 * the machine is a test (qtest.h), a trace or a fuzzer.
 */
#ifndef CLEAVE_DM_ALONE_H
#define CLEAVE_DM_ALONE_H

#include "pc.h"
#include "transport.h"

struct alone {
    struct transport t;
    struct dma_ram ram;
    struct pc *pc;
    uint64_t now; /* guest ns */
    void *memory;
    uint64_t memory_size;
    /* Brings what is in flight to its end; called after each round of timers. May be NULL. */
    void (*settle)(void *opaque);
    void *opaque;
};

/* Allocates guest RAM. `pc` is the machine to be; it may be initialised later. 0 or -ENOMEM. */
int alone_init(struct alone *a, struct pc *pc, uint32_t memory_mib);
void alone_free(struct alone *a);

/* For struct pc_config: `opaque` is a struct alone. */
uint64_t alone_now(void *alone);

/*
 * Accesses of a CPU to guest physical addresses: what the memory map shows there, else the mmio
 * bus. One access of 1, 2, 4 or 8 bytes; or a block, which reaches registers in pieces of up to 4
 * bytes, aligned.
 */
uint64_t alone_read(struct alone *a, uint64_t gpa, unsigned size);
void alone_write(struct alone *a, uint64_t gpa, unsigned size, uint64_t val);
void alone_read_block(struct alone *a, uint64_t gpa, void *buf, uint64_t len);
void alone_write_block(struct alone *a, uint64_t gpa, const void *buf, uint64_t len);
void alone_fill_block(struct alone *a, uint64_t gpa, uint8_t byte, uint64_t len);

/* Lets time pass up to `target` ns; every deadline on the way finds its own time. */
void alone_run_until(struct alone *a, uint64_t target);

#endif
