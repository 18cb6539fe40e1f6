/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The transport to the Xen hypervisor: one domain, by Xen's own libraries. Sources:
 * xen/hvm/dm_op.h, xen/hvm/ioreq.h, xendevicemodel.h, xenforeignmemory.h, xenevtchn.h (Debian's
 * libxen-dev, 4.17).
 */
#ifndef CLEAVE_IOREQ_XEN_H
#define CLEAVE_IOREQ_XEN_H

#include "server.h"
#include "transport.h"

#define XEN_MAX_VCPUS 128u /* slots of the one page of requests */

/*
 * vcpus: all that the domain may ever have; each gets its event channel. Addresses on the buses are
 * what the guest sees.
 */
struct xen_config {
    uint32_t domid;
    unsigned vcpus;
    struct bus *pio;
    struct bus *mmio;
    struct ioreq_ops ops; /* invalidate is the transport's own */
};

/*
 * Creates an ioreq server for the domain and maps its pages. Returns NULL with one line in `err`.
 * The transport lives until the process ends.
 */
struct transport *xen_new(const struct xen_config *cfg, char *err, size_t size);

/*
 * Video memory: `object` of the memory map, `size` bytes, seen by this process at the address that
 * is returned in *host, for ever. With `gfn` it is new memory of the guest, at that frame number;
 * with 0 the guest has it already (xen_vram_attach() says where), and until then there are zeros.
 */
int xen_vram_new(struct transport *t, uint32_t object, uint64_t size, uint64_t gfn, uint8_t **host);
int xen_vram_attach(struct transport *t, uint64_t gfn);

/* A byte per page of it: the caller sets those that it writes to 1 (see xen_log_dirty()). NULL when
 * there is none. */
uint8_t *xen_vram_written(struct transport *t);

/* Where it is now, for saved state; 0: there is none. */
uint64_t xen_vram_gfn(const struct transport *t);

/* Pages written by the guest since the last call, a bit each; all of them when nobody knows. */
int xen_vram_dirty(struct transport *t, unsigned long *bitmap);

/*
 * Whether the toolstack wants to know of pages that we write (it is saving the guest): by DMA, and
 * those of xen_vram_written(), looked at whenever a request was served.
 */
void xen_log_dirty(struct transport *t, bool on);

/* Guest memory that ROM shadowing makes read-only, or writable again. */
int xen_set_rom(struct transport *t, uint64_t start, uint64_t end, bool readonly);

/* HVM_PARAM_ACPI_S_STATE: 3 puts the guest to sleep, 0 wakes it. */
int xen_set_sleep(struct transport *t, unsigned state);

/* From now on this process can reach no other domain, and what the lesser libraries do is lost:
 * new video memory, sleep states, the store. 0 or a negative errno. */
int xen_restrict(struct transport *t);

#endif
