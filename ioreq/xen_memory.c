/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory of a Xen domain beside plain RAM: video memory, ROM images, what is written while saving.
 */
#define __XEN_TOOLS__ 1 /* for the memory reservation of another domain */
#include "xen_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>

#include "core/bus.h"

#define RELOCATE_MAX     0x8000u /* pages of one call */
#define CACHE_WRITE_BACK 6u      /* as in PAT and MTRR entries */

static int result(int rc)
{
    return rc < 0 ? -errno : 0;
}

/* --- ROM images: every read is a request, SeaBIOS copies them once --- */

int xen_add_object(struct transport *t, uint32_t object, int fd, uint64_t size)
{
    struct xen *x = to_xen(t);

    if (object == x->vram.object) {
        return 0;
    }
    for (unsigned i = 0; i < XEN_OBJECTS; i++) {
        struct xen_object *o = &x->object[i];

        if (o->id) {
            continue;
        }
        void *host = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);

        if (host == MAP_FAILED) {
            return -errno;
        }
        *o = (struct xen_object){object, size, host};
        return 0;
    }
    return -ENOSPC;
}

static const uint8_t *object_at(const struct xen *x, const struct mem_flat *f)
{
    for (unsigned i = 0; i < XEN_OBJECTS; i++) {
        const struct xen_object *o = &x->object[i];

        if (o->id == f->object && f->offset <= o->size && f->len <= o->size - f->offset) {
            return o->host + f->offset;
        }
    }
    return NULL;
}

static uint64_t window_read(void *opaque, uint32_t off, unsigned size)
{
    const struct xen_window *w = opaque;
    uint64_t val = 0;

    memcpy(&val, w->host + off, size);
    return val;
}

static int window_open(struct xen *x, const struct mem_flat *f)
{
    const uint8_t *host = object_at(x, f);

    for (unsigned i = 0; host && f->len <= UINT32_MAX && i < XEN_WINDOWS; i++) {
        struct xen_window *w = &x->window[i];

        if (w->used) {
            continue;
        }
        w->used = true;
        w->piece = *f;
        w->host = host;
        w->reg = (struct reg){
            0, (uint32_t)f->len, BUS_W1 | BUS_W2 | BUS_W4 | BUS_W8, window_read, NULL, "rom"};
        w->region = (struct region){
            .name = "rom", .regs = &w->reg, .nregs = 1, .opaque = w, .len = f->len, .priority = 1};
        int rc = bus_map(x->mmio, &w->region, f->gpa);

        w->used = rc == 0;
        return rc;
    }
    return -ENOSPC;
}

static void window_close(struct xen *x, const struct mem_flat *f)
{
    for (unsigned i = 0; i < XEN_WINDOWS; i++) {
        struct xen_window *w = &x->window[i];

        if (w->used && w->piece.gpa == f->gpa && w->piece.len == f->len) {
            bus_unmap(x->mmio, &w->region);
            w->used = false;
        }
    }
}

/* --- video memory --- */

static int vram_move(struct xen *x, uint64_t gfn)
{
    uint64_t done = 0;

    if (gfn == x->vram.gfn) {
        return 0;
    }
    while (done < x->vram.pages) {
        uint64_t left = x->vram.pages - done;
        uint32_t n = left < RELOCATE_MAX ? (uint32_t)left : RELOCATE_MAX;
        int rc = xendevicemodel_relocate_memory(x->dmod, (domid_t)x->domid, n, x->vram.gfn + done,
                                                gfn + done);
        if (rc < 0) {
            return -errno;
        }
        done += n;
    }
    x->vram.gfn = gfn;
    /* For guests that have a pass-through device; others do not need it. */
    xendevicemodel_pin_memory_cacheattr(x->dmod, (domid_t)x->domid, gfn, gfn + x->vram.pages - 1,
                                        CACHE_WRITE_BACK);
    return 0;
}

/*
 * Guest RAM is the hypervisor's. Video memory goes where the guest put its BAR, as a whole; where
 * it is seen elsewhere (the window at A0000h), and while it is nowhere, accesses are requests.
 */
int xen_map_piece(struct transport *t, const struct mem_flat *f, bool on)
{
    struct xen *x = to_xen(t);

    if (x->vram.object && f->object == x->vram.object) {
        bool whole = f->offset == 0 && f->len == x->vram.pages * XEN_PAGE;

        return on && whole && x->vram.gfn ? vram_move(x, f->gpa / XEN_PAGE) : 0;
    }
    if (f->kind != MEM_ROM || f->object == MEM_OBJECT_RAM) {
        return 0;
    }
    if (!on) {
        window_close(x, f);
        return 0;
    }
    return window_open(x, f);
}

/* Maps the guest's pages from gfn on over what is at the fixed address of video memory. */
int xen_vram_attach(struct transport *t, uint64_t gfn)
{
    struct xen *x = to_xen(t);
    xen_pfn_t pfn[XEN_MAP_PAGES];
    int err[XEN_MAP_PAGES];

    for (uint64_t done = 0; done < x->vram.pages; done += XEN_MAP_PAGES) {
        for (unsigned i = 0; i < XEN_MAP_PAGES; i++) {
            pfn[i] = gfn + done + i;
        }
        if (!xenforeignmemory_map2(x->fmem, x->domid, x->vram.host + done * XEN_PAGE,
                                   PROT_READ | PROT_WRITE, MAP_FIXED, XEN_MAP_PAGES, pfn, err)) {
            return -errno;
        }
        for (unsigned i = 0; i < XEN_MAP_PAGES; i++) {
            if (err[i]) {
                return err[i] < 0 ? err[i] : -EFAULT;
            }
        }
    }
    x->vram.gfn = gfn;
    return 0;
}

/* For hypercalls that are not a device model's own, of which many guests need none. */
static int call_open(struct xen *x)
{
    if (x->restricted) {
        return -EPERM;
    }
    x->call = x->call ? x->call : xencall_open(NULL, 0);
    return x->call ? 0 : -errno;
}

static int populate(struct xen *x, uint64_t gfn, uint64_t pages)
{
    int opened = call_open(x);

    if (opened) {
        return opened;
    }
    struct xen_memory_reservation *r = xencall_alloc_buffer(x->call, sizeof(*r));
    xen_pfn_t *extent = xencall_alloc_buffer(x->call, pages * sizeof(*extent));
    int rc = -ENOMEM;

    if (r && extent) {
        for (uint64_t i = 0; i < pages; i++) {
            extent[i] = gfn + i;
        }
        *r = (struct xen_memory_reservation){.nr_extents = pages, .domid = (domid_t)x->domid};
        set_xen_guest_handle_raw(r->extent_start, extent);
        long done = xencall2L(x->call, __HYPERVISOR_memory_op, XENMEM_populate_physmap,
                              (uint64_t)(uintptr_t)r);
        rc = done < 0 ? -errno : (uint64_t)done == pages ? 0 : -ENOMEM;
    }
    xencall_free_buffer(x->call, extent);
    xencall_free_buffer(x->call, r);
    return rc;
}

int xen_vram_new(struct transport *t, uint32_t object, uint64_t size, uint64_t gfn, uint8_t **host)
{
    struct xen *x = to_xen(t);
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);

    if (p == MAP_FAILED) {
        return -errno;
    }
    x->vram = (struct xen_vram){.object = object,
                                .pages = size / XEN_PAGE,
                                .host = p,
                                .written = calloc(1, size / XEN_PAGE)};
    if (!x->vram.written) {
        return -ENOMEM;
    }
    *host = p;
    if (!gfn) {
        return 0;
    }
    int rc = populate(x, gfn, x->vram.pages);
    return rc ? rc : xen_vram_attach(t, gfn);
}

uint8_t *xen_vram_written(struct transport *t)
{
    return to_xen(t)->vram.written;
}

/* Pages of video memory that the display device wrote, in runs. */
void xen_vram_tell(struct xen *x)
{
    struct xen_vram *v = &x->vram;
    uint8_t *end = v->written + v->pages;
    uint8_t *p = v->written;

    if (!x->map.log_dirty || !v->written || !v->gfn) {
        return;
    }
    while ((p = memchr(p, 1, (size_t)(end - p)))) {
        uint8_t *first = p;

        while (p < end && *p) {
            *p++ = 0;
        }
        xen_page_written(x, v->gfn + (uint64_t)(first - v->written), (uint32_t)(p - first));
    }
}

uint64_t xen_vram_gfn(const struct transport *t)
{
    return ((const struct xen *)t)->vram.gfn;
}

int xen_vram_dirty(struct transport *t, unsigned long *bitmap)
{
    struct xen *x = to_xen(t);
    int rc = xendevicemodel_track_dirty_vram(x->dmod, (domid_t)x->domid, x->vram.gfn,
                                             (uint32_t)x->vram.pages, bitmap);

    if (rc < 0 && errno == ENODATA) { /* not tracked before: anything may have changed */
        memset(bitmap, 0xff, (x->vram.pages + 7) / 8);
        return 0;
    }
    return result(rc);
}

/* --- what the toolstack and the guest ask for --- */

void xen_page_written(void *opaque, uint64_t pfn, uint32_t pages)
{
    struct xen *x = opaque;

    xendevicemodel_modified_memory(x->dmod, (domid_t)x->domid, pfn, pages);
}

int xen_set_rom(struct transport *t, uint64_t start, uint64_t end, bool readonly)
{
    struct xen *x = to_xen(t);

    return result(xendevicemodel_set_mem_type(
        x->dmod, (domid_t)x->domid, readonly ? HVMMEM_ram_ro : HVMMEM_ram_rw, start / XEN_PAGE,
        (uint32_t)((end - start) / XEN_PAGE)));
}

int xen_set_sleep(struct transport *t, unsigned state)
{
    struct xen *x = to_xen(t);
    int opened = call_open(x);

    if (opened) {
        return opened;
    }
    struct xen_hvm_param *p = xencall_alloc_buffer(x->call, sizeof(*p));

    if (!p) {
        return -ENOMEM;
    }
    *p = (struct xen_hvm_param){
        .domid = (domid_t)x->domid, .index = HVM_PARAM_ACPI_S_STATE, .value = state};
    int rc =
        result(xencall2(x->call, __HYPERVISOR_hvm_op, HVMOP_set_param, (uint64_t)(uintptr_t)p));

    xencall_free_buffer(x->call, p);
    return rc;
}
