/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device model's side of an ioreq server: takes requests from the shared pages, validates them,
 * and turns them into accesses on hw/core's buses. Layout: xen/hvm/ioreq.h. Knows no device and no
 * transport; the pages may change under it at any time and hold anything.
 */
#ifndef CLEAVE_IOREQ_SERVER_H
#define CLEAVE_IOREQ_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/hvm/ioreq.h>

#include "core/bus.h"
#include "core/dma.h"

/* A request may move at most one page of data, as Xen's do. */
#define IOREQ_MAX_BYTES 4096u

/* Where string I/O of vCPU n finds its data when the address lies at bounce_gpa + n pages. */
struct ioreq_bounce {
    uint64_t gpa;
    uint8_t *host; /* NULL: there is none */
};

/*
 * PCI configuration accesses go to functions, not to a bus: `off` is the register, `size` 1, 2, 4.
 * invalidate is called for IOREQ_TYPE_INVALIDATE. Each may be NULL.
 */
struct ioreq_ops {
    uint32_t (*config_read)(void *opaque, uint8_t devfn, unsigned off, unsigned size);
    void (*config_write)(void *opaque, uint8_t devfn, unsigned off, unsigned size, uint32_t val);
    void (*invalidate)(void *opaque);
    void *opaque;
};

struct ioreq_server {
    struct ioreq *slots;          /* the shared page: nvcpus slots */
    struct buffered_iopage *ring; /* or NULL */
    unsigned nvcpus;
    struct bus *pio;
    struct bus *mmio;
    struct dma *dma;
    struct ioreq_bounce bounce;
    struct ioreq_ops ops;
    uint64_t malformed; /* requests that no core of ours or Xen's would send */
};

/* Whether vCPU's slot holds a request that waits. One volatile load. */
bool ioreq_ready(const struct ioreq_server *s, unsigned vcpu);

/*
 * Serves vCPU's request if one is ready: the slot is copied once, then only the copy is used. The
 * buffered ring must have been drained before. `before_done`, optional, runs after the work and
 * before the response becomes visible. False: nothing was ready.
 *
 * A malformed request (type, size, count, address) is answered with all ones and counted.
 */
bool ioreq_serve(struct ioreq_server *s, unsigned vcpu,
                 void (*before_done)(void *opaque, unsigned vcpu), void *opaque);

/*
 * Serves everything on the buffered ring, at most one ring's length per call. Returns the number of
 * slots consumed. Pointers that make no sense (more entries than slots) are counted as malformed
 * and the ring is emptied.
 */
unsigned ioreq_drain(struct ioreq_server *s);

/* Whether the buffered ring holds anything. */
bool ioreq_ring_pending(const struct ioreq_server *s);

/* Carries out one request that lies in private memory; `req->data` takes the result. False when it
 * is malformed. For traces and fuzzers. */
bool ioreq_dispatch(struct ioreq_server *s, struct ioreq *req, unsigned vcpu);

#endif
