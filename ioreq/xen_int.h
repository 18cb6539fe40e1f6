/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the Xen transport: xen.c is requests, lines and ranges; xen_memory.c is memory. */
#ifndef CLEAVE_IOREQ_XEN_INT_H
#define CLEAVE_IOREQ_XEN_INT_H

#include <xencall.h>
#include <xendevicemodel.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>

#include "xen.h"
#include "xen_map.h"
#include "xen_ranges.h"

#define XEN_PAGE    4096u
#define XEN_OBJECTS 4u /* ROM images */
#define XEN_WINDOWS 8u /* places where a ROM image is seen */

/* A ROM image, and a place where the guest reads it: each read is a request. */
struct xen_object {
    uint32_t id; /* 0: free */
    uint64_t size;
    const uint8_t *host;
};

struct xen_window {
    bool used;
    struct mem_flat piece;
    const uint8_t *host; /* of the piece's first byte */
    struct reg reg;
    struct region region;
};

struct xen_vram {
    uint32_t object; /* 0: none */
    uint64_t pages;
    uint64_t gfn; /* where the guest has it now, 0: nowhere yet */
    uint8_t *host;
    uint8_t *written; /* per page */
};

struct xen {
    struct transport t;
    uint32_t domid;
    xendevicemodel_handle *dmod;
    xenforeignmemory_handle *fmem;
    xenevtchn_handle *evtchn;
    xencall_handle *call; /* NULL: not needed so far; see xen_memory.c */
    bool restricted;      /* no handle may be opened any more: it would not be */
    ioservid_t id;
    struct bus *mmio;
    struct ioreq_ops ops; /* the caller's */
    struct ioreq_server server;
    struct xen_map map;
    struct xen_ranges ports;
    struct xen_ranges memory;
    struct xen_object object[XEN_OBJECTS];
    struct xen_window window[XEN_WINDOWS];
    struct xen_vram vram;
    evtchn_port_t buffered_remote;
    int buffered_port;
    int port[XEN_MAX_VCPUS];
    uint16_t isa_levels;
    uint32_t intx_levels[4]; /* per pin: bit per device */
    uint8_t link_route[4];   /* 1 + IRQ; 0: never told */
};

static inline struct xen *to_xen(struct transport *t)
{
    return (struct xen *)t;
}

int xen_add_object(struct transport *t, uint32_t object, int fd, uint64_t size);
int xen_map_piece(struct transport *t, const struct mem_flat *piece, bool on);
void xen_page_written(void *opaque, uint64_t pfn, uint32_t pages);
void xen_vram_tell(struct xen *x);

#endif
