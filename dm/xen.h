/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine in a Xen domain that libxl has built: connection to the hypervisor, video memory, and
 * what is said in xenstore. Without Xen's libraries only xen_world_new() is there, and refuses.
 */
#ifndef CLEAVE_DM_XEN_H
#define CLEAVE_DM_XEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server.h"
#include "transport.h"

struct machine;

/* The transport for -xen-domid; NULL with one line in `err`. */
struct transport *xen_world_new(struct machine *m, const struct ioreq_ops *ops, char *err,
                                size_t size);

/* m->vram: new memory of the guest, or with -incoming what it has already. 0 or a negative errno.
 */
int xen_world_vram(struct machine *m);

/*
 * All is there and monitors listen: says in xenstore what back ends there are, and that the device
 * model runs, which the toolstack waits for. Then -xen-domid-restrict: ends the process where it
 * cannot be had. Xenstore is closed afterwards. Before the sandbox; nothing without a domain.
 */
void xen_world_announce(struct machine *m);

/* ACPI S3 and the way out of it: the hypervisor does it. False: it does not let this process. */
void xen_world_suspend(struct machine *m);
bool xen_world_wakeup(struct machine *m);

/* Where video memory is: saved with the machine, because the guest takes it along. 0: nowhere. */
uint8_t *xen_world_vram_written(const struct machine *m); /* for the display device, or NULL */
uint64_t xen_world_vram_gfn(const struct machine *m);
int xen_world_vram_attach(struct machine *m, uint64_t gfn);

void xen_world_log_dirty(struct machine *m, bool on);

/* Hooks of the Xen platform device; opaque is the machine. */
void xen_world_unplug(void *opaque, unsigned what);
void xen_world_rom_lock(void *opaque, bool locked);
void xen_world_guest_log(void *opaque, const char *line);

#endif
