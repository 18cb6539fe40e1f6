/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host side of the PC, and its connection to the hypervisor. */
#include "machine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <time.h>

#include <xen/sched.h>

#include "cleave_core.h"

#include "log.h"
#include "monitor.h"
#include "qtest.h"
#include "state.h"

#define BIOS_MAX    (16u << 20)
#define VGABIOS_MAX (256u << 10)
#define BLANK_BIOS  (256u << 10)

#define VGA_WINDOW_START 0xa0000ull
#define VGA_WINDOW_END   0xc0000ull

/* One step of set-up failed: says which. */
static bool failed(char *err, size_t size, const char *what, int rc)
{
    snprintf(err, size, "%s: %s", what, strerror(-rc));
    return false;
}

/* --- what devices ask of the world --- */

static void isa_irq(void *opaque, unsigned irq, int level)
{
    struct machine *m = opaque;

    m->t->ops->set_isa_irq(m->t, irq, level);
}

static void pci_intx(void *opaque, unsigned dev, unsigned pin, int level)
{
    struct machine *m = opaque;

    m->t->ops->set_pci_intx(m->t, dev, pin, level);
}

static void pirq_route(void *opaque, unsigned link, unsigned irq)
{
    struct machine *m = opaque;

    m->t->ops->set_pci_link_route(m->t, link, irq);
}

static void pm_base(void *opaque, uint16_t base)
{
    struct machine *m = opaque;

    m->t->ops->set_pm_base(m->t, base);
}

/* The first wish wins: what follows comes from a guest that is no longer supposed to run. */
static void power_requested(void *opaque, enum power_event event, uint32_t value)
{
    static const unsigned reason[] = {
        [POWER_OFF] = SHUTDOWN_poweroff,
        [POWER_RESET] = SHUTDOWN_reboot,
        [POWER_CPU_INIT] = SHUTDOWN_reboot,
        [POWER_SUSPEND] = SHUTDOWN_suspend,
        [POWER_DEBUG_EXIT] = CORE_SHUTDOWN_DEBUG_EXIT,
    };
    struct machine *m = opaque;

    if (m->ended) {
        return;
    }
    m->ended = true;
    if (m->world->alone) {
        m->wish = true;
        m->wished = event;
        m->exit_status = event == POWER_DEBUG_EXIT ? (int)((value << 1 | 1) & 0xff) : 0;
        return;
    }
    if (event == POWER_DEBUG_EXIT) {
        json_t *data = json_object();

        json_object_set_new(data, "value", json_integer(value));
        monitor_event(m->monitor, "DEBUG_EXIT", data);
    }
    if (event == POWER_SUSPEND && m->world->suspend) {
        m->ended = false; /* the guest wakes up in this machine */
        m->world->suspend(m);
        return;
    }
    m->t->ops->shutdown(m->t, reason[event]);
}

/* --- what the hypervisor is told about ranges and memory --- */

static void post_region(struct machine *m, enum transport_space space, const struct region *r,
                        bool on)
{
    for (unsigned i = 0; i < REGION_POSTED_MAX && r->posted[i].length; i++) {
        uint64_t start = r->base + r->posted[i].offset;

        m->t->ops->post(m->t, space, start, start + r->posted[i].length - 1, on);
    }
}

static bool region_postable(const struct machine *m, const struct region *r)
{
    return !((r->flags & REGION_WINDOW) && m->window_mapped);
}

static void claim(struct machine *m, enum transport_space space, const struct region *r, bool on)
{
    uint64_t end = r->base + r->len - 1;

    if (!m->connected) {
        return;
    }
    if (region_postable(m, r) && !on) {
        post_region(m, space, r, false);
    }
    int rc = m->t->ops->claim(m->t, space, r->base, end, on);
    if (rc) {
        static struct log_limit limit;

        log_limited(&limit, LOG_WARN, "%s at %#llx: the hypervisor refused the range: %s", r->name,
                    (unsigned long long)r->base, strerror(-rc));
    } else if (region_postable(m, r) && on) {
        post_region(m, space, r, true);
    }
}

static void port_mapped(void *opaque, const struct region *r)
{
    claim(opaque, SPACE_PIO, r, true);
}

static void port_unmapped(void *opaque, const struct region *r)
{
    claim(opaque, SPACE_PIO, r, false);
}

static void mmio_mapped(void *opaque, const struct region *r)
{
    claim(opaque, SPACE_MMIO, r, true);
}

static void mmio_unmapped(void *opaque, const struct region *r)
{
    claim(opaque, SPACE_MMIO, r, false);
}

static void function_added(void *opaque, uint8_t devfn)
{
    struct machine *m = opaque;

    if (m->connected) {
        m->t->ops->claim(m->t, SPACE_PCI, devfn, devfn, true);
    }
}

/* Regions that may be posted only while their window shows no memory. */
static void window_changed(struct machine *m, bool mapped)
{
    struct {
        struct bus *bus;
        enum transport_space space;
    } side[] = {{&m->pc.pio, SPACE_PIO}, {&m->pc.mmio, SPACE_MMIO}};

    m->window_mapped = mapped;
    for (unsigned s = 0; s < 2; s++) {
        for (unsigned i = 0; i < side[s].bus->nregions; i++) {
            const struct region *r = side[s].bus->region[i];

            if (r->flags & REGION_WINDOW) {
                post_region(m, side[s].space, r, !mapped);
            }
        }
    }
}

static bool in_window(const struct mem_flat *f)
{
    return f->gpa >= VGA_WINDOW_START && f->gpa < VGA_WINDOW_END;
}

static void memory_told(struct machine *m, const struct mem_flat *f, bool on)
{
    if (!m->connected) {
        return;
    }
    if (in_window(f) && on) {
        window_changed(m, true);
    }
    int rc = m->t->ops->map(m->t, f, on);
    if (rc) {
        static struct log_limit limit;

        log_limited(&limit, LOG_WARN, "memory at %#llx: the hypervisor refused: %s",
                    (unsigned long long)f->gpa, strerror(-rc));
    }
    if (in_window(f) && !on) {
        window_changed(m, false);
    }
}

static void memory_removed(void *opaque, const struct mem_flat *f)
{
    memory_told(opaque, f, false);
}

static void memory_added(void *opaque, const struct mem_flat *f)
{
    memory_told(opaque, f, true);
}

/* Writes of what port 92h holds already need nobody (SeaBIOS does one per mode switch). */
static void port92_value(void *opaque, uint16_t port, uint8_t value)
{
    struct machine *m = opaque;

    if (!m->connected || m->port92_ignored == value) {
        return;
    }
    if (m->port92_ignored >= 0) {
        m->t->ops->ignore(m->t, port, (uint8_t)m->port92_ignored, false);
    }
    m->port92_ignored = value;
    m->t->ops->ignore(m->t, port, value, true);
}

/* Memory topology must not change under CPUs that store directly while posted stores wait. */
static void posted(void *opaque, bool begin)
{
    struct machine *m = opaque;

    m->pc.mem.hold = begin;
}

static void settle(void *opaque)
{
    struct machine *m = opaque;

    if (m->pc.mem.pending) {
        memmap_commit(&m->pc.mem);
    }
}

static void hypervisor_gone(void *opaque)
{
    struct machine *m = opaque;

    log_info("the hypervisor core has gone; ending");
    m->loop->quit = true;
}

static void line_changed(void *opaque, unsigned n, int level)
{
    struct machine *m = opaque;

    if (m->qtest) {
        qtest_line(m->qtest, n, level);
    }
}

static uint32_t config_read(void *opaque, uint8_t devfn, unsigned off, unsigned size)
{
    struct machine *m = opaque;

    return pci_config_read(&m->pc.pci, devfn, off, size);
}

static void config_write(void *opaque, uint8_t devfn, unsigned off, unsigned size, uint32_t val)
{
    struct machine *m = opaque;

    pci_config_write(&m->pc.pci, devfn, off, size, val);
}

static bool world_init(struct machine *m, char *err, size_t size)
{
    struct ioreq_ops ops = {.config_read = config_read, .config_write = config_write, .opaque = m};
    struct object *arena = &m->arena_mem;
    int rc = m->o->arena_fd >= 0       ? object_attach(arena, m->o->arena_fd, PC_ARENA_SIZE)
             : m->world->private_arena ? object_private(arena, PC_ARENA_SIZE)
                                       : object_new(arena, "cleave-arena", PC_ARENA_SIZE);

    if (rc) {
        return failed(err, size, "-machine arena-fd", rc);
    }
    m->t = m->world->connect(m, &ops, err, size);
    if (!m->t) {
        return false;
    }
    m->t->watch = loop_watch_readable;
    m->t->loop = m->loop;
    m->t->posted = posted;
    m->t->settle = settle;
    m->t->gone = hypervisor_gone;
    m->t->opaque = m;
    return true;
}

/* --- host side of the devices --- */

static bool object_offer(struct machine *m, uint32_t id, const struct object *o, const char *what,
                         char *err, size_t size)
{
    int rc = m->t->ops->add_object(m->t, id, o->fd, o->size);

    return rc ? failed(err, size, what, rc) : true;
}

static bool objects_init(struct machine *m, char *err, size_t size)
{
    const struct dm_options *o = m->o;
    int rc;

    if (o->vga == DM_VGA_STD) {
        rc = m->world->vram(m);
        if (rc) {
            return failed(err, size, m->world->vram_setting, rc);
        }
    }
    if (o->vga == DM_VGA_STD && o->vgabios_fd >= 0) {
        rc = object_copy(&m->vgarom, "cleave-vgarom", o->vgabios_fd, VGABIOS_MAX);
        if (rc) {
            return failed(err, size, "-vgabios-fd", rc);
        }
        if (!object_offer(m, OBJECT_VGAROM, &m->vgarom, "-vgabios-fd", err, size)) {
            return false;
        }
    }
    if (o->bios_fd < 0 && m->world->alone) { /* nothing but the flash's erased bytes */
        rc = object_new(&m->bios, "cleave-bios", BLANK_BIOS);
        if (rc == 0) {
            memset(m->bios.host, 0xff, BLANK_BIOS);
        }
        return rc ? failed(err, size, "-bios", rc) : true;
    }
    if (o->firmware_qemu || m->world->alone) {
        rc = object_copy(&m->bios, "cleave-bios", o->bios_fd, BIOS_MAX);
        if (rc) {
            return failed(err, size, "-bios-fd", rc);
        }
        return object_offer(m, OBJECT_BIOS, &m->bios, "-bios-fd", err, size);
    }
    return true;
}

static bool ring_poll(void *opaque)
{
    return block_ring_poll(((struct machine *)opaque)->ring);
}

static void ring_ready(void *opaque, uint32_t events)
{
    ring_poll(opaque);
}

static bool block_init(struct machine *m, char *err, size_t size)
{
    struct drives_hooks hooks = {runstate_request_failed, runstate_tray_moved, m};

    m->ring = block_ring_new(err, size);
    if (!m->ring || !drives_init(&m->drives, m->o, m->ring, &hooks, err, size)) {
        return false;
    }
    int rc = block_ring_start(m->ring);
    rc = rc < 0 ? rc : loop_add(m->loop, block_ring_fd(m->ring), EPOLLIN, ring_ready, m);
    m->loop->poller.poll = ring_poll;
    m->loop->poller.opaque = m;
    return rc ? failed(err, size, "io_uring", rc) : true;
}

/* The byte stream of a -chardev, or NULL; a negative errno in *rc. */
static struct chr *chardev(struct machine *m, struct chr_fd *c, const char *id, int *rc)
{
    const struct dm_chardev *d = options_chardev_find(m->o, id);

    if (!d || (d->fd < 0 && d->listen_fd < 0) || *rc) {
        return NULL;
    }
    *rc = chr_fd_init_stream(c, m->loop, d->fd, d->out_fd, d->listen_fd);
    c->lossy = d->lossy;
    return &c->chr;
}

/* The time of day at the start of the guest's clock. */
static int64_t rtc_epoch(const struct dm_options *o)
{
    time_t now = time(NULL);
    struct tm local;

    if (o->rtc_base != INT64_MIN) {
        return o->rtc_base;
    }
    if (o->rtc_localtime && localtime_r(&now, &local)) {
        return (int64_t)now + local.tm_gmtoff;
    }
    return (int64_t)now;
}

static bool devices_init(struct machine *m, char *err, size_t size)
{
    const struct dm_options *o = m->o;
    struct pc_config c = {.firmware_qemu = o->firmware_qemu || m->world->alone,
                          .memory_mib = o->memory_mib,
                          .vcpus = o->vcpus,
                          .dma = m->t->dma,
                          .arena = m->arena_mem.host,
                          .arena_size = m->arena_mem.size,
                          .now = m->world->alone ? alone_now : loop_guest_now,
                          .clock = m->world->alone ? (void *)&m->alone : m->loop,
                          .vga = o->vga == DM_VGA_STD,
                          .vram = {m->vram.host, m->vram.size},
                          .vram_dirty = m->world->vram_written ? m->world->vram_written(m) : NULL,
                          .vgarom = {m->vgarom.host, m->vgarom.size},
                          .bios = {m->bios.host, m->bios.size},
                          .boot_order = o->boot_order,
                          .boot_once = o->boot_once,
                          .boot_menu = o->boot_menu,
                          .any_floppy = !o->fd_bootchk,
                          .has_reboot_timeout = o->reboot_timeout != INT64_MIN,
                          .reboot_timeout = (int32_t)o->reboot_timeout,
                          .has_splash_time = o->splash_time != INT64_MIN,
                          .splash_time = (uint16_t)o->splash_time,
                          .has_uuid = o->has_uuid,
                          .debug_exit = o->debug_exit,
                          .pvpanic = o->pvpanic ? o->pvpanic_port : 0,
                          .pvpanic_events = o->pvpanic_events,
                          .ib700 = o->ib700,
                          .testdev = o->pc_testdev ? g_malloc0(TESTDEV_IOMEM) : NULL,
                          .no_acpi = o->no_acpi,
                          .xen_platform = o->xen_platform,
                          .xen = m->world->platform,
                          .chips = m->world->alone,
                          .ram_areas = m->world->alone,
                          .epoch = rtc_epoch(o),
                          .hooks = {isa_irq, pci_intx, pirq_route, pm_base, power_requested,
                                    function_added, port92_value, line_changed, runstate_panicked,
                                    runstate_watchdog, m}};
    int rc = 0;

    memcpy(c.uuid, o->uuid, sizeof(c.uuid));
    c.xen.opaque = m;

    for (unsigned i = 0; i < DM_IDE_DRIVES; i++) {
        c.ide[i] = drives_config(&m->drives, false, i);
    }
    for (unsigned i = 0; i < DM_FLOPPIES; i++) {
        c.floppy[i] = drives_config(&m->drives, true, i);
    }
    for (unsigned i = 0; i < DM_SERIAL_PORTS; i++) {
        c.serial[i] = chardev(m, &m->serial_chr[i], o->serial[i], &rc);
    }
    c.debugcon = chardev(m, &m->debug_chr, o->debugcon, &rc);
    if (rc) {
        return failed(err, size, "-chardev", rc);
    }
    rc = pc_init(&m->pc, &c);
    drives_connect(&m->drives, &m->pc);
    return rc ? failed(err, size, m->pc.step, rc) : true;
}

/* --- the hypervisor --- */

/* Devices are all there: tell of every range and function at once, from now on of changes. */
static int connect_ranges(struct machine *m)
{
    m->pc.pio.listener = (struct bus_listener){port_mapped, port_unmapped, m};
    m->pc.mmio.listener = (struct bus_listener){mmio_mapped, mmio_unmapped, m};
    m->pc.mem.listener = (struct memmap_listener){memory_removed, memory_added, m};
    m->connected = true;
    for (unsigned i = 0; i < m->pc.pio.nregions; i++) {
        if (m->pc.pio.region[i] !=
            &m->pc.pci.config_ports) { /* those come as PCI_CONFIG requests */
            port_mapped(m, m->pc.pio.region[i]);
        }
    }
    for (unsigned i = 0; i < m->pc.mmio.nregions; i++) {
        mmio_mapped(m, m->pc.mmio.region[i]);
    }
    for (unsigned i = 0; i < 256; i++) {
        if (m->pc.pci.function[i]) {
            function_added(m, (uint8_t)i);
        }
    }
    return m->t->ops->enable(m->t);
}

static void consoles_connect(struct machine *m)
{
    for (unsigned i = 0; i < DM_SERIAL_PORTS; i++) {
        if (m->pc.serial[i].chr) {
            chr_fd_connect(&m->serial_chr[i], &m->pc.serial[i].front);
        }
    }
    if (m->pc.debugcon[0].chr) {
        chr_fd_connect(&m->debug_chr, NULL);
    }
}

bool machine_init(struct machine *m, const struct dm_options *o, struct loop *loop, char *err,
                  size_t size)
{
    m->o = o;
    m->world = world_of(o);
    m->pid = getpid();
    m->loop = loop;
    m->port92_ignored = -1;
    if (!world_init(m, err, size) || !objects_init(m, err, size) || !block_init(m, err, size) ||
        !devices_init(m, err, size)) {
        return false;
    }
    int rc = connect_ranges(m);
    if (rc) {
        return failed(err, size, "the hypervisor core refused the device model", rc);
    }
    pc_reset(&m->pc, RESET_POWER_ON);
    if (o->incoming_fd >= 0 && !state_load(m, o->incoming_fd, err, size)) {
        return false;
    }
    consoles_connect(m);
    if (m->world->alone) { /* time and accesses come from elsewhere */
        return !o->qtest || qtest_start(m, err, size);
    }
    loop->t = m->t;
    loop->clock = &m->pc.clock;
    return true;
}
