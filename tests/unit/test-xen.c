/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The transport to Xen, with stand-ins for Xen's libraries: a hypervisor of a few pages that notes
 * what it is asked for.
 */
#define __XEN_TOOLS__ 1
#include <errno.h>
#include <glib.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/memory.h>
#include <xencall.h>
#include <xendevicemodel.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xentoolcore.h>

#include "xen.h"
#include "xen_map.h"
#include "xen_ranges.h"

#define SPEC_PAGE    4096u
#define DOMID        7u
#define REMOTE_BASE  40u /* event channel of vCPU 0 as the guest has it */
#define LOCAL_OFFSET 100
#define FAKE_PAGES   (3 * 1024u) /* guest memory: 12 MiB */
#define VRAM_OBJECT  1u
#define ROM_OBJECT   2u
#define VRAM_PAGES   512u
#define VRAM_FIRST   0x8000u

/* --- the hypervisor --- */

static struct {
    GString *log; /* what was asked for, in words */
    uint8_t pages[2 * SPEC_PAGE];
    int memory; /* guest memory, a memfd */
    bool missing[FAKE_PAGES];
    bool readonly[FAKE_PAGES];
    unsigned maps;
    unsigned unmaps;
    unsigned dirty_pages;
    int pending_port;
    unsigned unmasked;
    uint64_t vram_gfn;
    int fail_ranges;
    int pipe[2];
} xen;

#define NOTE(...) g_string_append_printf(xen.log, __VA_ARGS__)

static struct ioreq *slot(unsigned n)
{
    return &((struct ioreq *)(void *)(xen.pages + SPEC_PAGE))[n];
}

static struct buffered_iopage *ring(void)
{
    return (struct buffered_iopage *)(void *)xen.pages;
}

xendevicemodel_handle *xendevicemodel_open(struct xentoollog_logger *l, unsigned f)
{
    return (xendevicemodel_handle *)&xen;
}

int xendevicemodel_create_ioreq_server(xendevicemodel_handle *d, domid_t domid, int mode,
                                       ioservid_t *id)
{
    g_assert_cmpint(domid, ==, DOMID);
    NOTE("create %d;", mode);
    *id = 3;
    return 0;
}

int xendevicemodel_get_ioreq_server_info(xendevicemodel_handle *d, domid_t domid, ioservid_t id,
                                         xen_pfn_t *a, xen_pfn_t *b, evtchn_port_t *port)
{
    g_assert_null(a);
    g_assert_null(b);
    NOTE("info;");
    *port = 60;
    return 0;
}

int xendevicemodel_map_io_range_to_ioreq_server(xendevicemodel_handle *d, domid_t domid,
                                                ioservid_t id, int mmio, uint64_t s, uint64_t e)
{
    if (xen.fail_ranges) {
        errno = EEXIST;
        return -1;
    }
    NOTE("+%s %lx-%lx;", mmio ? "mem" : "io", (unsigned long)s, (unsigned long)e);
    return 0;
}

int xendevicemodel_unmap_io_range_from_ioreq_server(xendevicemodel_handle *d, domid_t domid,
                                                    ioservid_t id, int mmio, uint64_t s, uint64_t e)
{
    NOTE("-%s %lx-%lx;", mmio ? "mem" : "io", (unsigned long)s, (unsigned long)e);
    return 0;
}

int xendevicemodel_map_pcidev_to_ioreq_server(xendevicemodel_handle *h, domid_t domid,
                                              ioservid_t id, uint16_t s, uint8_t b, uint8_t d,
                                              uint8_t f)
{
    NOTE("+pci %x:%x:%x.%x;", s, b, d, f);
    return 0;
}

int xendevicemodel_unmap_pcidev_from_ioreq_server(xendevicemodel_handle *h, domid_t domid,
                                                  ioservid_t id, uint16_t s, uint8_t b, uint8_t d,
                                                  uint8_t f)
{
    NOTE("-pci %x:%x:%x.%x;", s, b, d, f);
    return 0;
}

/* The channels' numbers are there from now on. */
int xendevicemodel_set_ioreq_server_state(xendevicemodel_handle *d, domid_t domid, ioservid_t id,
                                          int on)
{
    NOTE("enable %d;", on);
    for (unsigned i = 0; i < 128; i++) {
        slot(i)->vp_eport = REMOTE_BASE + i;
    }
    return 0;
}

int xendevicemodel_set_isa_irq_level(xendevicemodel_handle *d, domid_t domid, uint8_t irq,
                                     unsigned level)
{
    NOTE("isa %u %u;", irq, level);
    return 0;
}

int xendevicemodel_set_pci_intx_level(xendevicemodel_handle *h, domid_t domid, uint16_t s,
                                      uint8_t b, uint8_t d, uint8_t pin, unsigned level)
{
    NOTE("intx %u %u %u;", d, pin, level);
    return 0;
}

int xendevicemodel_set_pci_link_route(xendevicemodel_handle *d, domid_t domid, uint8_t link,
                                      uint8_t irq)
{
    NOTE("link %u %u;", link, irq);
    return 0;
}

int xendevicemodel_shutdown(xendevicemodel_handle *d, domid_t domid, unsigned reason)
{
    NOTE("shutdown %u;", reason);
    return 0;
}

int xendevicemodel_relocate_memory(xendevicemodel_handle *d, domid_t domid, uint32_t n,
                                   uint64_t src, uint64_t dst)
{
    NOTE("move %x %lx %lx;", n, (unsigned long)src, (unsigned long)dst);
    return 0;
}

int xendevicemodel_pin_memory_cacheattr(xendevicemodel_handle *d, domid_t domid, uint64_t s,
                                        uint64_t e, uint32_t type)
{
    return 0;
}

int xendevicemodel_track_dirty_vram(xendevicemodel_handle *d, domid_t domid, uint64_t pfn,
                                    uint32_t n, unsigned long *bitmap)
{
    NOTE("track %lx %x;", (unsigned long)pfn, n);
    errno = ENODATA;
    return -1;
}

int xendevicemodel_modified_memory(xendevicemodel_handle *d, domid_t domid, uint64_t pfn,
                                   uint32_t n)
{
    NOTE("dirty %lx %x;", (unsigned long)pfn, n);
    return 0;
}

int xendevicemodel_set_mem_type(xendevicemodel_handle *d, domid_t domid, hvmmem_type_t type,
                                uint64_t pfn, uint32_t n)
{
    NOTE("type %d %lx %x;", (int)type, (unsigned long)pfn, n);
    return 0;
}

xenforeignmemory_handle *xenforeignmemory_open(struct xentoollog_logger *l, unsigned f)
{
    return (xenforeignmemory_handle *)&xen;
}

xenforeignmemory_resource_handle *xenforeignmemory_map_resource(xenforeignmemory_handle *f,
                                                                domid_t domid, unsigned type,
                                                                unsigned id, unsigned long frame,
                                                                unsigned long n, void **addr,
                                                                int prot, int flags)
{
    g_assert_cmpuint(type, ==, XENMEM_resource_ioreq_server);
    g_assert_cmpuint(id, ==, 3);
    g_assert_cmpuint(frame, ==, 0);
    g_assert_cmpuint(n, ==, 2);
    NOTE("pages;");
    *addr = xen.pages;
    return (xenforeignmemory_resource_handle *)&xen;
}

/* Pages that are not there are not accessible, as with the real one. */
void *xenforeignmemory_map2(xenforeignmemory_handle *f, uint32_t domid, void *addr, int prot,
                            int flags, size_t n, const xen_pfn_t *pfn, int *err)
{
    uint8_t *p = mmap(addr, n * SPEC_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

    xen.maps++;
    for (size_t i = 0; i < n; i++) {
        uint64_t at = pfn[i] >= VRAM_FIRST ? pfn[i] % FAKE_PAGES : pfn[i];
        bool there =
            at < FAKE_PAGES && !xen.missing[at] && !(xen.readonly[at] && (prot & PROT_WRITE));

        err[i] = there ? 0 : -EINVAL;
        if (there) {
            g_assert_true(mmap(p + i * SPEC_PAGE, SPEC_PAGE, prot, MAP_SHARED | MAP_FIXED,
                               xen.memory, (off_t)(at * SPEC_PAGE)) != MAP_FAILED);
        }
    }
    return p;
}

void *xenforeignmemory_map(xenforeignmemory_handle *f, uint32_t domid, int prot, size_t n,
                           const xen_pfn_t *pfn, int *err)
{
    return xenforeignmemory_map2(f, domid, NULL, prot, 0, n, pfn, err);
}

int xenforeignmemory_unmap(xenforeignmemory_handle *f, void *addr, size_t n)
{
    xen.unmaps++;
    return munmap(addr, n * SPEC_PAGE);
}

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *l, unsigned f)
{
    return (xenevtchn_handle *)&xen;
}

int xenevtchn_fd(xenevtchn_handle *e)
{
    return xen.pipe[0];
}

int xenevtchn_notify(xenevtchn_handle *e, evtchn_port_t port)
{
    NOTE("notify %u;", port);
    return 0;
}

int xenevtchn_bind_interdomain(xenevtchn_handle *e, uint32_t domid, evtchn_port_t remote)
{
    NOTE("bind %u;", remote);
    return (int)remote + LOCAL_OFFSET;
}

int xenevtchn_pending(xenevtchn_handle *e)
{
    return xen.pending_port;
}

int xenevtchn_unmask(xenevtchn_handle *e, evtchn_port_t port)
{
    xen.unmasked++;
    return 0;
}

xencall_handle *xencall_open(struct xentoollog_logger *l, unsigned f)
{
    return (xencall_handle *)&xen;
}

void *xencall_alloc_buffer(xencall_handle *c, size_t size)
{
    return g_malloc0(size);
}

void xencall_free_buffer(xencall_handle *c, void *p)
{
    g_free(p);
}

long xencall2L(xencall_handle *c, unsigned op, uint64_t a, uint64_t b)
{
    struct xen_memory_reservation *r = (void *)(uintptr_t)b;

    g_assert_cmpuint(op, ==, __HYPERVISOR_memory_op);
    g_assert_cmpuint(a, ==, XENMEM_populate_physmap);
    g_assert_cmpuint(r->domid, ==, DOMID);
    xen.vram_gfn = r->extent_start.p[0];
    NOTE("populate %lx %lx;", (unsigned long)xen.vram_gfn, (unsigned long)r->nr_extents);
    return (long)r->nr_extents;
}

int xencall2(xencall_handle *c, unsigned op, uint64_t a, uint64_t b)
{
    NOTE("call %u;", op);
    return 0;
}

int xentoolcore_restrict_all(domid_t domid)
{
    NOTE("restrict %u;", domid);
    return 0;
}

/* --- the other side: two buses with a register each --- */

static struct {
    struct bus pio;
    struct bus mmio;
    struct region port;
    uint32_t value;
    uint8_t devfn;
    unsigned config_off;
    struct transport *t;
    void (*ready)(void *opaque);
    void *opaque;
} dm;

static uint64_t port_read(void *opaque, uint32_t off, unsigned size)
{
    return 0x5a;
}

static void port_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    dm.value = (uint32_t)val;
}

static const struct reg port_regs[] = {{0, 4, BUS_W1 | BUS_W4, port_read, port_write, "port"}};

static uint32_t config_read(void *opaque, uint8_t devfn, unsigned off, unsigned size)
{
    dm.devfn = devfn;
    dm.config_off = off;
    return 0x12345678;
}

static int watch(void *loop, int fd, bool edge, void (*ready)(void *opaque), void *opaque)
{
    dm.ready = ready;
    dm.opaque = opaque;
    return 0;
}

static void on_mapped(void *opaque, const struct region *r)
{
    dm.t->ops->claim(dm.t, SPACE_MMIO, r->base, r->base + r->len - 1, true);
}

static void on_unmapped(void *opaque, const struct region *r)
{
    dm.t->ops->claim(dm.t, SPACE_MMIO, r->base, r->base + r->len - 1, false);
}

static void set_up(unsigned vcpus)
{
    struct xen_config cfg = {.domid = DOMID,
                             .vcpus = vcpus,
                             .pio = &dm.pio,
                             .mmio = &dm.mmio,
                             .ops = {.config_read = config_read}};
    char err[128];

    if (xen.log) {
        g_string_free(xen.log, TRUE);
        close(xen.memory);
    }
    memset(&xen, 0, sizeof(xen));
    memset(&dm, 0, sizeof(dm));
    xen.log = g_string_new(NULL);
    xen.memory = memfd_create("guest", 0);
    g_assert_cmpint(ftruncate(xen.memory, FAKE_PAGES * SPEC_PAGE), ==, 0);
    bus_init(&dm.pio, 0xffff);
    bus_init(&dm.mmio, UINT64_MAX);
    dm.port = (struct region){.name = "port", .regs = port_regs, .nregs = 1, .len = 4};
    g_assert_cmpint(bus_map(&dm.pio, &dm.port, 0x300), ==, 0);
    dm.t = xen_new(&cfg, err, sizeof(err));
    g_assert_nonnull(dm.t);
    dm.t->watch = watch;
    dm.mmio.listener = (struct bus_listener){on_mapped, on_unmapped, NULL};
}

static void expect(const char *text)
{
    g_assert_cmpstr(xen.log->str, ==, text);
    g_string_truncate(xen.log, 0);
}

/* --- start --- */

/* Ports of the channels are in the page only after the server was enabled. */
static void test_order(void)
{
    set_up(2);
    expect("create 2;pages;info;");
    g_assert_cmpint(dm.t->ops->enable(dm.t), ==, 0);
    expect("+io cf8-cfb;enable 1;bind 40;bind 41;bind 60;");
    g_assert_nonnull(dm.ready);
}

static void test_vcpus(void)
{
    struct xen_config cfg = {.domid = DOMID, .vcpus = 129, .pio = &dm.pio, .mmio = &dm.mmio};
    char err[128] = "";

    set_up(1);
    g_assert_null(xen_new(&cfg, err, sizeof(err)));
    g_assert_nonnull(strstr(err, "128"));
}

static void test_restrict(void)
{
    set_up(1);
    g_string_truncate(xen.log, 0);
    g_assert_cmpint(xen_set_sleep(dm.t, 3), ==, 0);
    expect("call 34;");
    g_assert_cmpint(xen_restrict(dm.t), ==, 0);
    expect("restrict 7;");
    /* Nothing may be opened that would not be restricted. */
    g_assert_cmpint(xen_set_sleep(dm.t, 3), ==, -EPERM);
    expect("");
}

/* --- ranges --- */

static void claim(uint64_t start, uint64_t end, bool on)
{
    g_assert_cmpint(dm.t->ops->claim(dm.t, SPACE_PIO, start, end, on), ==, 0);
}

/* The hypervisor has no overlaps within a server: what overlaps is one range. */
static void test_ranges(void)
{
    set_up(1);
    g_string_truncate(xen.log, 0);
    claim(0xcf9, 0xcf9, true);
    expect("+io cf9-cf9;");
    claim(0xcf8, 0xcfb, true);
    expect("-io cf9-cf9;+io cf8-cfb;");
    claim(0xcfc, 0xcff, true); /* a neighbour stays one of its own */
    expect("+io cfc-cff;");
    claim(0xcf8, 0xcfb, false);
    expect("-io cf8-cfb;+io cf9-cf9;");
    claim(0xcf9, 0xcf9, false);
    expect("-io cf9-cf9;");
    g_assert_cmpint(dm.t->ops->claim(dm.t, SPACE_PIO, 1, 2, false), ==, -ENOENT);
}

static void test_ranges_same(void)
{
    set_up(1);
    g_string_truncate(xen.log, 0);
    claim(0x10, 0x1f, true);
    claim(0x10, 0x1f, true);
    expect("+io 10-1f;");
    claim(0x10, 0x1f, false);
    expect("");
    claim(0x10, 0x1f, false);
    expect("-io 10-1f;");
}

/* A refusal is told, and made good as soon as it can be. */
static void test_ranges_refused(void)
{
    set_up(1);
    g_string_truncate(xen.log, 0);
    xen.fail_ranges = 1;
    g_assert_cmpint(dm.t->ops->claim(dm.t, SPACE_PIO, 0x10, 0x1f, true), ==, -EEXIST);
    xen.fail_ranges = 0;
    claim(0x20, 0x2f, true);
    expect("+io 10-1f;+io 20-2f;");
}

static void test_ranges_full(void)
{
    int rc = 0;

    set_up(1);
    for (unsigned i = 0; i < 256 && !rc; i++) {
        rc = dm.t->ops->claim(dm.t, SPACE_PIO, i * 2, i * 2, true);
    }
    g_assert_cmpint(rc, ==, -ENOSPC);
}

static void test_functions(void)
{
    set_up(1);
    g_string_truncate(xen.log, 0);
    dm.t->ops->claim(dm.t, SPACE_PCI, 0x0b, 0x0b, true);
    dm.t->ops->claim(dm.t, SPACE_PCI, 0x0b, 0x0b, false);
    expect("+pci 0:0:1.3;-pci 0:0:1.3;");
}

/* --- lines --- */

static void test_lines(void)
{
    set_up(1);
    g_string_truncate(xen.log, 0);
    for (int i = 0; i < 2; i++) { /* repeating a level tells nobody */
        dm.t->ops->set_isa_irq(dm.t, 14, 1);
        dm.t->ops->set_pci_intx(dm.t, 3, 0, 1);
        dm.t->ops->set_pci_link_route(dm.t, 1, 10);
    }
    expect("isa 14 1;intx 3 0 1;link 1 10;");
    dm.t->ops->set_isa_irq(dm.t, 14, 0);
    dm.t->ops->set_pci_intx(dm.t, 3, 1, 0); /* another pin */
    dm.t->ops->set_pci_intx(dm.t, 3, 0, 0);
    dm.t->ops->set_pci_link_route(dm.t, 1, 0);
    expect("isa 14 0;intx 3 0 0;link 1 0;");
}

static void test_shutdown(void)
{
    set_up(1);
    g_string_truncate(xen.log, 0);
    dm.t->ops->shutdown(dm.t, 1);
    expect("shutdown 1;");
}

/* --- requests --- */

static void request(unsigned vcpu, uint8_t type, uint64_t addr, unsigned dir, uint64_t data)
{
    struct ioreq *r = slot(vcpu);
    uint32_t port = r->vp_eport;

    memset(r, 0, sizeof(*r));
    r->addr = addr;
    r->data = data;
    r->count = 1;
    r->size = 4;
    r->dir = dir & 1;
    r->type = type;
    r->vp_eport = port;
    r->state = STATE_IOREQ_READY;
}

static void test_requests(void)
{
    set_up(2);
    dm.t->ops->enable(dm.t);
    g_string_truncate(xen.log, 0);
    g_assert_false(dm.t->ops->pending(dm.t));
    g_assert_true(dm.t->ops->prepare_sleep(dm.t));
    request(0, IOREQ_TYPE_PIO, 0x300, IOREQ_READ, 0);
    request(1, IOREQ_TYPE_PIO, 0x300, IOREQ_WRITE, 0xabcd);
    g_assert_true(dm.t->ops->pending(dm.t));
    g_assert_false(dm.t->ops->prepare_sleep(dm.t));
    g_assert_cmpuint(dm.t->ops->poll(dm.t), ==, 2);
    expect("notify 140;notify 141;");
    g_assert_cmpuint(slot(0)->state, ==, STATE_IORESP_READY);
    g_assert_cmpuint(slot(0)->data, ==, 0x5a);
    g_assert_cmphex(dm.value, ==, 0xabcd);
    request(0, IOREQ_TYPE_PCI_CONFIG, (uint64_t)0x10 << 32 | 4, IOREQ_READ, 0);
    dm.t->ops->poll(dm.t);
    g_assert_cmphex(slot(0)->data, ==, 0x12345678);
    g_assert_cmphex(dm.devfn, ==, 0x10);
    g_assert_cmphex(dm.config_off, ==, 4);
}

/* Buffered writes come before the request that follows them; alone they wait for a reader. */
static void test_buffered(void)
{
    set_up(1);
    dm.t->ops->enable(dm.t);
    ring()->buf_ioreq[0] =
        (buf_ioreq_t){.type = IOREQ_TYPE_PIO, .size = 2, .addr = 0x300, .data = 9};
    ring()->write_pointer = 1;
    g_assert_cmpuint(dm.t->ops->poll(dm.t), ==, 0);
    dm.t->ops->flush_posted(dm.t);
    ring()->buf_ioreq[1] =
        (buf_ioreq_t){.type = IOREQ_TYPE_PIO, .size = 2, .addr = 0x300, .data = 7};
    ring()->write_pointer = 2;
    request(0, IOREQ_TYPE_PIO, 0x300, IOREQ_READ, 0);
    dm.t->ops->poll(dm.t);
    g_assert_cmpuint(ring()->read_pointer, ==, 2);
}

/* The ring's channel rests after an event; a vCPU's goes on. */
static void test_events(void)
{
    set_up(1);
    dm.t->ops->enable(dm.t);
    xen.pending_port = 60 + LOCAL_OFFSET;
    dm.ready(dm.opaque);
    g_assert_cmpuint(xen.unmasked, ==, 0);
    xen.pending_port = REMOTE_BASE + LOCAL_OFFSET;
    dm.ready(dm.opaque);
    g_assert_cmpuint(xen.unmasked, ==, 1);
    xen.pending_port = -1;
    dm.ready(dm.opaque);
    g_assert_cmpuint(xen.unmasked, ==, 1);
}

/* --- guest memory --- */

static void guest_put(uint64_t gpa, uint8_t val)
{
    g_assert_cmpint(pwrite(xen.memory, &val, 1, (off_t)gpa), ==, 1);
}

static void test_dma(void)
{
    uint8_t buf[16] = {0};

    set_up(1);
    guest_put(0x1000, 0x77);
    g_assert_true(dma_read(dm.t->dma, 0x1000, buf, 1));
    g_assert_cmphex(buf[0], ==, 0x77);
    g_assert_true(dma_write(dm.t->dma, 0xffff8, "0123456789abcdef", 16)); /* across two chunks */
    g_assert_cmpint(pread(xen.memory, buf, 16, 0xffff8), ==, 16);
    g_assert_cmpmem(buf, 16, "0123456789abcdef", 16);
    g_assert_cmpuint(xen.maps, ==, 2); /* what is mapped stays mapped */
    g_assert_true(dma_read(dm.t->dma, 0x1000, buf, 1));
    g_assert_cmpuint(xen.maps, ==, 2);
}

/* A page that is not there reads ones, takes nothing, and counts when it comes back. */
static void test_dma_missing(void)
{
    uint8_t buf[8] = {0};

    set_up(1);
    xen.missing[2] = true;
    g_assert_false(dma_read(dm.t->dma, 0x1ffc, buf, 8));
    g_assert_cmphex(buf[4], ==, 0xff);
    g_assert_false(dma_write(dm.t->dma, 0x2000, buf, 4));
    g_assert_true(dma_write(dm.t->dma, 0x3000, buf, 4));
    xen.missing[2] = false;
    g_assert_true(dma_write(dm.t->dma, 0x2000, "back", 4));
    g_assert_false(dma_read(dm.t->dma, 1ull << 52, buf, 4));
    g_assert_false(dma_read(dm.t->dma, UINT64_MAX - 2, buf, 8));
}

static void test_dma_readonly(void)
{
    uint8_t buf[4];

    set_up(1);
    xen.readonly[5] = true;
    guest_put(0x5000, 0x55);
    g_assert_true(dma_read(dm.t->dma, 0x5000, buf, 1));
    g_assert_cmphex(buf[0], ==, 0x55);
    g_assert_false(dma_write(dm.t->dma, 0x5000, buf, 1));
}

/* An invalidation while a transfer holds pages: they stay until it ends, and no longer. */
static void test_invalidate(void)
{
    uint64_t len = 64;
    uint8_t buf[4];

    set_up(1);
    dm.t->ops->enable(dm.t);
    uint8_t *held = dma_map(dm.t->dma, 0x1000, &len, true);
    g_assert_nonnull(held);
    request(0, IOREQ_TYPE_INVALIDATE, 0, IOREQ_WRITE, UINT64_MAX);
    dm.t->ops->poll(dm.t);
    g_assert_cmpuint(slot(0)->state, ==, STATE_IORESP_READY);
    g_assert_cmpuint(xen.unmaps, ==, 0);
    held[0] = 1;
    g_assert_true(dma_read(dm.t->dma, 0x1000, buf, 1)); /* by a mapping of its own */
    g_assert_cmpuint(xen.maps, ==, 2);
    dma_unmap(dm.t->dma, held, 0x1000, len, 0);
    g_assert_cmpuint(xen.unmaps, ==, 1);
    request(0, IOREQ_TYPE_INVALIDATE, 0, IOREQ_WRITE, UINT64_MAX);
    dm.t->ops->poll(dm.t);
    g_assert_cmpuint(xen.unmaps, ==, 2);
}

static void note_dirty(void *opaque, uint64_t pfn, uint32_t n)
{
    xen.dirty_pages += n;
}

/* All places in use: a transfer fails. All free: the oldest makes room. */
static void test_bounded(void)
{
    static struct xen_map m;
    void *held[XEN_MAP_CHUNKS];
    uint64_t len = 1;

    set_up(1);
    xen_map_init(&m, (xenforeignmemory_handle *)&xen, DOMID, note_dirty, NULL);
    for (unsigned i = 0; i < XEN_MAP_CHUNKS; i++) {
        held[i] =
            dma_map(&m.dma, (VRAM_FIRST + i * XEN_MAP_PAGES) * (uint64_t)SPEC_PAGE, &len, true);
        g_assert_nonnull(held[i]);
    }
    g_assert_cmpuint(xen_map_count(&m), ==, XEN_MAP_CHUNKS);
    g_assert_null(dma_map(&m.dma, 0, &len, true));
    for (unsigned i = 0; i < XEN_MAP_CHUNKS; i++) {
        dma_unmap(&m.dma, held[i], 0, 1, 0);
    }
    g_assert_nonnull(dma_map(&m.dma, 0, &len, true));
    g_assert_cmpuint(xen_map_count(&m), ==, XEN_MAP_CHUNKS);
    g_assert_cmpuint(xen.unmaps, ==, 1);
    xen_map_invalidate(&m);
    g_assert_cmpuint(xen_map_count(&m), ==, 1);
}

/* While the toolstack saves, it is told which pages we wrote: whole ones, only those. */
static void test_dirty_log(void)
{
    uint8_t buf[64] = {0};

    set_up(1);
    g_string_truncate(xen.log, 0);
    dma_write(dm.t->dma, 0x1000, buf, 4);
    xen_log_dirty(dm.t, true);
    dma_write(dm.t->dma, 0x2ff0, buf, 32);
    dma_read(dm.t->dma, 0x2ff0, buf, 32);
    expect("dirty 2 2;");
    xen_log_dirty(dm.t, false);
    dma_write(dm.t->dma, 0x1000, buf, 4);
    expect("");
}

/* --- video memory and ROMs --- */

static struct mem_flat piece(uint64_t gpa, uint64_t len, uint32_t object, enum mem_kind kind)
{
    return (struct mem_flat){.gpa = gpa, .len = len, .object = object, .kind = kind};
}

static void test_vram(void)
{
    struct mem_flat lfb = piece(0xf0000000, VRAM_PAGES * SPEC_PAGE, VRAM_OBJECT, MEM_RAM);
    struct mem_flat window = piece(0xa0000, 0x10000, VRAM_OBJECT, MEM_RAM);
    uint8_t *host = NULL;

    set_up(1);
    g_string_truncate(xen.log, 0);
    g_assert_cmpint(xen_vram_new(dm.t, VRAM_OBJECT, VRAM_PAGES * SPEC_PAGE, VRAM_FIRST, &host), ==,
                    0);
    expect("populate 8000 200;");
    host[0] = 0x42;
    host[VRAM_PAGES * SPEC_PAGE - 1] = 0x43;
    g_assert_cmpint(dm.t->ops->map(dm.t, &lfb, true), ==, 0);
    expect("move 200 8000 f0000;");
    g_assert_cmphex(xen_vram_gfn(dm.t), ==, 0xf0000);
    g_assert_cmpint(dm.t->ops->map(dm.t, &window, true), ==, 0); /* served by requests */
    g_assert_cmpint(dm.t->ops->map(dm.t, &lfb, false), ==, 0);   /* stays where it was */
    g_assert_cmpint(dm.t->ops->map(dm.t, &lfb, true), ==, 0);
    expect("");
}

/* With -incoming nothing is populated: zeros until the place is known, then the guest's pages. */
static void test_vram_incoming(void)
{
    unsigned long bitmap[VRAM_PAGES / 64];
    uint8_t *host = NULL;

    set_up(1);
    g_string_truncate(xen.log, 0);
    g_assert_cmpint(xen_vram_new(dm.t, VRAM_OBJECT, VRAM_PAGES * SPEC_PAGE, 0, &host), ==, 0);
    g_assert_cmphex(host[5], ==, 0);
    guest_put(0xf0000 % FAKE_PAGES * (uint64_t)SPEC_PAGE + 5, 0x99);
    g_assert_cmpint(xen_vram_attach(dm.t, 0xf0000), ==, 0);
    expect("");
    g_assert_cmphex(host[5], ==, 0x99);
    g_assert_cmpint(xen_vram_dirty(dm.t, bitmap), ==, 0);
    g_assert_cmphex(bitmap[VRAM_PAGES / 64 - 1], ==, ULONG_MAX); /* nobody knows: all */
    xen.missing[0xf0001 % FAKE_PAGES] = true;
    g_assert_cmpint(xen_vram_attach(dm.t, 0xf0000), <, 0);
}

/* The display device marks pages; they are told in runs when a request was served, while saving. */
static void test_vram_written(void)
{
    uint8_t *host = NULL;

    set_up(1);
    dm.t->ops->enable(dm.t);
    xen_vram_new(dm.t, VRAM_OBJECT, VRAM_PAGES * SPEC_PAGE, VRAM_FIRST, &host);
    uint8_t *written = xen_vram_written(dm.t);
    written[3] = 1;
    xen_log_dirty(dm.t, true); /* forgets what was before */
    written[0] = written[10] = written[11] = written[VRAM_PAGES - 1] = 1;
    g_string_truncate(xen.log, 0);
    request(0, IOREQ_TYPE_PIO, 0x300, IOREQ_READ, 0);
    dm.t->ops->poll(dm.t);
    expect("dirty 8000 1;dirty 800a 2;dirty 81ff 1;notify 140;");
    request(0, IOREQ_TYPE_PIO, 0x300, IOREQ_READ, 0);
    dm.t->ops->poll(dm.t);
    expect("notify 140;");
    xen_log_dirty(dm.t, false);
    written[5] = 1;
    request(0, IOREQ_TYPE_PIO, 0x300, IOREQ_READ, 0);
    dm.t->ops->poll(dm.t);
    expect("notify 140;");
}

static void test_rom(void)
{
    int fd = memfd_create("rom", 0);
    struct mem_flat rom = piece(0xf1000000, 2 * SPEC_PAGE, ROM_OBJECT, MEM_ROM);

    set_up(1);
    g_string_truncate(xen.log, 0);
    g_assert_cmpint(ftruncate(fd, 2 * SPEC_PAGE), ==, 0);
    g_assert_cmpint(pwrite(fd, "\x55\xaa\x20\x10", 4, 0), ==, 4);
    g_assert_cmpint(dm.t->ops->add_object(dm.t, ROM_OBJECT, fd, 2 * SPEC_PAGE), ==, 0);
    g_assert_cmpint(dm.t->ops->map(dm.t, &rom, true), ==, 0);
    expect("+mem f1000000-f1001fff;");
    g_assert_cmphex(bus_read(&dm.mmio, 0xf1000000, 4), ==, 0x1020aa55);
    bus_write(&dm.mmio, 0xf1000000, 4, 0);
    g_assert_cmphex(bus_read(&dm.mmio, 0xf1000000, 2), ==, 0xaa55);
    dm.t->ops->map(dm.t, &rom, false);
    expect("-mem f1000000-f1001fff;");
    g_assert_cmphex(bus_read(&dm.mmio, 0xf1000000, 2), ==, 0xffff);
    rom.len = 3 * SPEC_PAGE; /* more than there is */
    g_assert_cmpint(dm.t->ops->map(dm.t, &rom, true), ==, -ENOSPC);
    close(fd);
}

static void test_rom_lock(void)
{
    set_up(1);
    g_string_truncate(xen.log, 0);
    g_assert_cmpint(xen_set_rom(dm.t, 0xc0000, 0x100000, true), ==, 0);
    g_assert_cmpint(xen_set_rom(dm.t, 0xc0000, 0x100000, false), ==, 0);
    expect("type 1 c0 40;type 0 c0 40;");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xen/start/order", test_order);
    g_test_add_func("/xen/start/vcpus", test_vcpus);
    g_test_add_func("/xen/start/restrict", test_restrict);
    g_test_add_func("/xen/ranges/merge", test_ranges);
    g_test_add_func("/xen/ranges/same", test_ranges_same);
    g_test_add_func("/xen/ranges/refused", test_ranges_refused);
    g_test_add_func("/xen/ranges/full", test_ranges_full);
    g_test_add_func("/xen/ranges/functions", test_functions);
    g_test_add_func("/xen/lines", test_lines);
    g_test_add_func("/xen/shutdown", test_shutdown);
    g_test_add_func("/xen/requests", test_requests);
    g_test_add_func("/xen/buffered", test_buffered);
    g_test_add_func("/xen/events", test_events);
    g_test_add_func("/xen/dma/copy", test_dma);
    g_test_add_func("/xen/dma/missing", test_dma_missing);
    g_test_add_func("/xen/dma/readonly", test_dma_readonly);
    g_test_add_func("/xen/dma/invalidate", test_invalidate);
    g_test_add_func("/xen/dma/bounded", test_bounded);
    g_test_add_func("/xen/dma/dirty-log", test_dirty_log);
    g_test_add_func("/xen/memory/vram", test_vram);
    g_test_add_func("/xen/memory/incoming", test_vram_incoming);
    g_test_add_func("/xen/memory/written", test_vram_written);
    g_test_add_func("/xen/memory/rom", test_rom);
    g_test_add_func("/xen/memory/rom-lock", test_rom_lock);
    return g_test_run();
}
