/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counters of a guest in shared memory: written by cleave-hv (each vCPU its own block, so no locked
 * operations), mapped read-only by `cleave stats`. Readers add the blocks up.
 */
#ifndef CLEAVE_STATS_H
#define CLEAVE_STATS_H

#include <stdint.h>

#define STATS_MAGIC   0x5354415453564c43ull /* "CLVSTATS" */
#define STATS_VERSION 1u
#define STATS_BUCKETS 32u  /* bucket n: latency in [2^n, 2^(n+1)) ns */
#define STATS_PORTS   192u /* distinct ports counted; the last entry takes the overflow */

enum stats_exit {
    STATS_EXIT_PIO_IN,
    STATS_EXIT_PIO_OUT,
    STATS_EXIT_MMIO_READ,
    STATS_EXIT_MMIO_WRITE,
    STATS_EXIT_HLT,
    STATS_EXIT_MSR,
    STATS_EXIT_HYPERCALL,
    STATS_EXIT_INTR,
    STATS_EXIT_SHUTDOWN,
    STATS_EXIT_INTERNAL_ERROR,
    STATS_EXIT_OTHER,
    STATS_EXITS,
};

enum stats_ioreq {
    STATS_IOREQ_PIO,
    STATS_IOREQ_COPY,
    STATS_IOREQ_PCI_CONFIG,
    STATS_IOREQ_BUFFERED,  /* put on the buffered ring */
    STATS_IOREQ_COALESCED, /* writes that came from KVM's coalesced ring without an exit */
    STATS_IOREQ_CORE,      /* answered by the core's own chips */
    STATS_IOREQ_UNCLAIMED, /* all ones */
    STATS_IOREQS,
};

struct stats_vcpu {
    uint64_t exits[STATS_EXITS];
    uint64_t ioreqs[STATS_IOREQS];
    uint64_t latency[STATS_BUCKETS]; /* synchronous ioreqs, READY to RESP_READY */
    uint64_t spins;                  /* answered while spinning */
    uint64_t sleeps;                 /* had to sleep */
    struct {
        uint64_t port; /* bit 63 set: entry in use */
        uint64_t count;
    } port[STATS_PORTS];
};

struct stats_page {
    uint64_t magic;
    uint32_t version;
    uint32_t nvcpus;
    struct stats_vcpu vcpu[];
};

#endif
