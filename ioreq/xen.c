/* SPDX-License-Identifier: GPL-2.0-or-later */
#define __XEN_TOOLS__ 1 /* for HVM_IOREQSRV_BUFIOREQ_ATOMIC */
#include "xen_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xentoolcore.h>

#include <xen/memory.h>

#define CONFIG_ADDRESS     0xcf8u
#define CONFIG_ADDRESS_END 0xcfbu
#define NO_PORT            (-1)

/* What a call of Xen's libraries says: -1 and errno. */
static int result(int rc)
{
    return rc < 0 ? -errno : 0;
}

/* --- lines: only changes are told --- */

static void xen_set_isa_irq(struct transport *t, unsigned irq, int level)
{
    struct xen *x = to_xen(t);
    uint16_t bit = (uint16_t)(1u << (irq & 15));

    if (!(x->isa_levels & bit) == !level) {
        return;
    }
    x->isa_levels ^= bit;
    xendevicemodel_set_isa_irq_level(x->dmod, (domid_t)x->domid, (uint8_t)(irq & 15), level != 0);
}

static void xen_set_pci_intx(struct transport *t, unsigned dev, unsigned pin, int level)
{
    struct xen *x = to_xen(t);
    uint32_t bit = 1u << (dev & 31);

    if (!(x->intx_levels[pin & 3] & bit) == !level) {
        return;
    }
    x->intx_levels[pin & 3] ^= bit;
    xendevicemodel_set_pci_intx_level(x->dmod, (domid_t)x->domid, 0, 0, (uint8_t)(dev & 31),
                                      (uint8_t)(pin & 3), level != 0);
}

static void xen_set_pci_link_route(struct transport *t, unsigned link, unsigned irq)
{
    struct xen *x = to_xen(t);
    uint8_t told = (uint8_t)(1 + (irq & 15));

    if (link > 3 || x->link_route[link] == told) {
        return;
    }
    x->link_route[link] = told;
    xendevicemodel_set_pci_link_route(x->dmod, (domid_t)x->domid, (uint8_t)link, irq & 15);
}

/* A reset of the machine is a new domain here; lines are what devices drive. */
static void xen_reset_lines(struct transport *t)
{
}

/* --- ranges --- */

static int ports_tell(void *opaque, uint64_t start, uint64_t end, bool on)
{
    struct xen *x = opaque;

    return result(on ? xendevicemodel_map_io_range_to_ioreq_server(x->dmod, (domid_t)x->domid,
                                                                   x->id, 0, start, end)
                     : xendevicemodel_unmap_io_range_from_ioreq_server(x->dmod, (domid_t)x->domid,
                                                                       x->id, 0, start, end));
}

static int memory_tell(void *opaque, uint64_t start, uint64_t end, bool on)
{
    struct xen *x = opaque;

    return result(on ? xendevicemodel_map_io_range_to_ioreq_server(x->dmod, (domid_t)x->domid,
                                                                   x->id, 1, start, end)
                     : xendevicemodel_unmap_io_range_from_ioreq_server(x->dmod, (domid_t)x->domid,
                                                                       x->id, 1, start, end));
}

/* An SBDF: segment, bus, device, function. */
static int function_tell(struct xen *x, uint64_t sbdf, bool on)
{
    uint16_t segment = (uint16_t)(sbdf >> 16);
    uint8_t bus = (uint8_t)(sbdf >> 8);
    uint8_t dev = (uint8_t)((sbdf >> 3) & 31);
    uint8_t fn = (uint8_t)(sbdf & 7);

    return result(on ? xendevicemodel_map_pcidev_to_ioreq_server(x->dmod, (domid_t)x->domid, x->id,
                                                                 segment, bus, dev, fn)
                     : xendevicemodel_unmap_pcidev_from_ioreq_server(x->dmod, (domid_t)x->domid,
                                                                     x->id, segment, bus, dev, fn));
}

static int xen_claim(struct transport *t, enum transport_space space, uint64_t start, uint64_t end,
                     bool on)
{
    struct xen *x = to_xen(t);

    if (space == SPACE_PCI) {
        return function_tell(x, start, on);
    }
    return xen_ranges_claim(space == SPACE_PIO ? &x->ports : &x->memory, start, end, on);
}

/* Xen buffers writes to A0000-BFFFF by itself, and nothing else. */
static void xen_post(struct transport *t, enum transport_space space, uint64_t start, uint64_t end,
                     bool on)
{
}

static void xen_ignore(struct transport *t, uint64_t port, uint8_t value, bool on)
{
}

/* The loader tells Xen itself where the PM timer is. */
static void xen_set_pm_base(struct transport *t, uint16_t base)
{
}

static void xen_shutdown(struct transport *t, unsigned reason)
{
    struct xen *x = to_xen(t);

    xendevicemodel_shutdown(x->dmod, (domid_t)x->domid, reason);
}

/* --- requests --- */

static bool xen_pending(const struct transport *t)
{
    const struct xen *x = (const struct xen *)t;

    for (unsigned i = 0; i < x->server.nvcpus; i++) {
        if (ioreq_ready(&x->server, i)) {
            return true;
        }
    }
    return false;
}

static void xen_before_done(void *opaque, unsigned vcpu)
{
    struct xen *x = opaque;

    if (x->t.settle) {
        x->t.settle(x->t.opaque);
    }
    xen_vram_tell(x);
}

/* Posted writes with nobody waiting: what they change in memory topology must wait. */
static unsigned xen_drain(struct xen *x)
{
    unsigned served;

    if (!ioreq_ring_pending(&x->server)) {
        return 0;
    }
    if (x->t.posted) {
        x->t.posted(x->t.opaque, true);
    }
    served = ioreq_drain(&x->server);
    if (x->t.posted) {
        x->t.posted(x->t.opaque, false);
    }
    xen_vram_tell(x);
    return served;
}

/* Buffered writes wait for the next synchronous request, or for somebody who looks: a ring that is
 * full makes the next write synchronous. */
static unsigned xen_poll(struct transport *t)
{
    struct xen *x = to_xen(t);
    unsigned served = 0;

    for (unsigned i = 0; i < x->server.nvcpus; i++) {
        if (!ioreq_ready(&x->server, i)) {
            continue;
        }
        served += ioreq_drain(&x->server);
        ioreq_serve(&x->server, i, xen_before_done, x);
        if (x->port[i] != NO_PORT) {
            xenevtchn_notify(x->evtchn, (evtchn_port_t)x->port[i]);
        }
        served++;
    }
    return served;
}

/* Every wake-up comes by an event channel: spinning in dom0 takes time from the guests. */
static bool xen_may_spin(const struct transport *t)
{
    return false;
}

/* An event that arrives from now on makes the descriptor readable: nothing to announce. */
static bool xen_prepare_sleep(struct transport *t)
{
    return !xen_pending(t);
}

static void xen_awake(struct transport *t)
{
}

static void xen_flush_posted(struct transport *t)
{
    xen_drain(to_xen(t));
}

/* The slots are looked at by poll(). The ring's channel stays masked after its first event: it
 * tells nothing that could not wait. */
static void xen_event(void *opaque)
{
    struct xen *x = opaque;
    int port = xenevtchn_pending(x->evtchn);

    if (port >= 0 && port != x->buffered_port) {
        xenevtchn_unmask(x->evtchn, (evtchn_port_t)port);
    }
}

static int channels_bind(struct xen *x)
{
    for (unsigned i = 0; i < x->server.nvcpus; i++) {
        uint32_t remote = __atomic_load_n(&x->server.slots[i].vp_eport, __ATOMIC_RELAXED);
        int port = xenevtchn_bind_interdomain(x->evtchn, x->domid, remote);

        if (port < 0) {
            return -errno;
        }
        x->port[i] = port;
    }
    x->buffered_port = xenevtchn_bind_interdomain(x->evtchn, x->domid, x->buffered_remote);
    return result(x->buffered_port);
}

/* CONFIG_ADDRESS: Xen latches it and passes it on, too; guests read it back from us. */
static int xen_enable(struct transport *t)
{
    struct xen *x = to_xen(t);
    int rc = xen_ranges_claim(&x->ports, CONFIG_ADDRESS, CONFIG_ADDRESS_END, true);

    /* Only now are the channels' numbers in the slots. */
    rc = rc ? rc
            : result(xendevicemodel_set_ioreq_server_state(x->dmod, (domid_t)x->domid, x->id, 1));
    rc = rc ? rc : channels_bind(x);
    return rc ? rc : t->watch(t->loop, xenevtchn_fd(x->evtchn), false, xen_event, x);
}

/* --- set-up --- */

static const struct transport_ops xen_ops = {
    .claim = xen_claim,
    .set_isa_irq = xen_set_isa_irq,
    .set_pci_intx = xen_set_pci_intx,
    .set_pci_link_route = xen_set_pci_link_route,
    .add_object = xen_add_object,
    .map = xen_map_piece,
    .post = xen_post,
    .ignore = xen_ignore,
    .set_pm_base = xen_set_pm_base,
    .shutdown = xen_shutdown,
    .enable = xen_enable,
    .poll = xen_poll,
    .pending = xen_pending,
    .may_spin = xen_may_spin,
    .prepare_sleep = xen_prepare_sleep,
    .awake = xen_awake,
    .flush_posted = xen_flush_posted,
    .reset_lines = xen_reset_lines,
};

static bool handles_open(struct xen *x)
{
    x->dmod = xendevicemodel_open(NULL, 0);
    x->fmem = x->dmod ? xenforeignmemory_open(NULL, 0) : NULL;
    x->evtchn = x->fmem ? xenevtchn_open(NULL, 0) : NULL;
    return x->evtchn != NULL;
}

/* Frame 0 is the ring, frame 1 the slots; never in the guest's own address space. */
static int pages_map(struct xen *x)
{
    void *pages = NULL;

    if (!xenforeignmemory_map_resource(x->fmem, (domid_t)x->domid, XENMEM_resource_ioreq_server,
                                       x->id, XENMEM_resource_ioreq_server_frame_bufioreq, 2,
                                       &pages, PROT_READ | PROT_WRITE, 0)) {
        return -errno;
    }
    x->server.ring = pages;
    x->server.slots = (struct ioreq *)(void *)((uint8_t *)pages + XEN_PAGE);
    return 0;
}

static int server_create(struct xen *x)
{
    int rc = result(xendevicemodel_create_ioreq_server(x->dmod, (domid_t)x->domid,
                                                       HVM_IOREQSRV_BUFIOREQ_ATOMIC, &x->id));

    rc = rc ? rc : pages_map(x);
    return rc ? rc
              : result(xendevicemodel_get_ioreq_server_info(x->dmod, (domid_t)x->domid, x->id, NULL,
                                                            NULL, &x->buffered_remote));
}

/* INVALIDATE ends here, configuration accesses go where the caller said. */
static uint32_t xen_config_read(void *opaque, uint8_t devfn, unsigned off, unsigned size)
{
    const struct ioreq_ops *o = &((struct xen *)opaque)->ops;

    return o->config_read ? o->config_read(o->opaque, devfn, off, size) : UINT32_MAX;
}

static void xen_config_write(void *opaque, uint8_t devfn, unsigned off, unsigned size, uint32_t val)
{
    const struct ioreq_ops *o = &((struct xen *)opaque)->ops;

    if (o->config_write) {
        o->config_write(o->opaque, devfn, off, size, val);
    }
}

static void xen_invalidate(void *opaque)
{
    xen_map_invalidate(&((struct xen *)opaque)->map);
}

static void xen_setup(struct xen *x, const struct xen_config *cfg)
{
    x->t.ops = &xen_ops;
    x->domid = cfg->domid;
    x->mmio = cfg->mmio;
    x->ops = cfg->ops;
    x->buffered_port = NO_PORT;
    for (unsigned i = 0; i < XEN_MAX_VCPUS; i++) {
        x->port[i] = NO_PORT;
    }
    x->ports = (struct xen_ranges){.tell = ports_tell, .opaque = x};
    x->memory = (struct xen_ranges){.tell = memory_tell, .opaque = x};
    x->server =
        (struct ioreq_server){.nvcpus = cfg->vcpus,
                              .pio = cfg->pio,
                              .mmio = cfg->mmio,
                              .dma = &x->map.dma,
                              .ops = {xen_config_read, xen_config_write, xen_invalidate, x}};
    x->t.dma = &x->map.dma;
}

struct transport *xen_new(const struct xen_config *cfg, char *err, size_t size)
{
    struct xen *x = calloc(1, sizeof(*x));

    if (!x || cfg->vcpus == 0 || cfg->vcpus > XEN_MAX_VCPUS) {
        snprintf(err, size, "-smp: 1 to %u vCPUs", XEN_MAX_VCPUS);
        free(x);
        return NULL;
    }
    xen_setup(x, cfg);
    if (!handles_open(x)) {
        snprintf(err, size, "-machine accel=xen: no access to Xen's devices in /dev/xen: %s",
                 strerror(errno));
        return NULL;
    }
    xen_map_init(&x->map, x->fmem, x->domid, xen_page_written, x);
    int rc = server_create(x);
    if (rc) {
        snprintf(err, size, "-xen-domid %u: the hypervisor refused a device model: %s", x->domid,
                 strerror(-rc));
        return NULL;
    }
    return &x->t;
}

void xen_log_dirty(struct transport *t, bool on)
{
    struct xen *x = to_xen(t);

    x->map.log_dirty = on;
    if (x->vram.written) { /* what was written before is nobody's concern */
        memset(x->vram.written, 0, x->vram.pages);
    }
}

int xen_restrict(struct transport *t)
{
    struct xen *x = to_xen(t);

    x->restricted = true;
    return result(xentoolcore_restrict_all((domid_t)x->domid));
}
