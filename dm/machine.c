/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The wiring list of machine cleave-1. */
#include "machine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include <xen/sched.h>

#include "cleave_core.h"

#include "local.h"
#include "log.h"
#include "monitor.h"

#define BIOS_MAX    (16u << 20)
#define VGABIOS_MAX (256u << 10)

#define IRQ_KEYBOARD 1u
#define IRQ_COM2     3u
#define IRQ_COM1     4u
#define IRQ_FLOPPY   6u
#define IRQ_SCI      9u
#define IRQ_MOUSE    12u
#define IRQ_IDE0     14u
#define IRQ_IDE1     15u

#define VGA_WINDOW_START 0xa0000ull
#define VGA_WINDOW_END   0xc0000ull

/* One step of set-up failed: says which. */
static bool failed(char *err, size_t size, const char *what, int rc)
{
    snprintf(err, size, "%s: %s", what, strerror(-rc));
    return false;
}

/* --- what devices ask of the world --- */

static void isa_irq_set(void *opaque, unsigned n, int level)
{
    struct machine *m = opaque;

    m->t->ops->set_isa_irq(m->t, n, level);
}

static struct irq_line isa_irq(struct machine *m, unsigned n)
{
    return (struct irq_line){isa_irq_set, m, n};
}

static void pci_intx_set(void *opaque, unsigned n, int level)
{
    struct machine *m = opaque;

    m->t->ops->set_pci_intx(m->t, n / 4, n % 4, level);
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
    if (event == POWER_DEBUG_EXIT) {
        JsonObject *data = json_object_new();

        json_object_set_int_member(data, "value", value);
        monitor_event(m->monitor, "DEBUG_EXIT", data);
    }
    m->t->ops->shutdown(m->t, reason[event]);
}

/* --- what the hypervisor is told about ranges and memory --- */

static bool region_postable(const struct machine *m, const struct region *r)
{
    return (r->flags & REGION_POSTED) && !((r->flags & REGION_WINDOW) && m->window_mapped);
}

static void claim(struct machine *m, enum transport_space space, const struct region *r, bool on)
{
    uint64_t end = r->base + r->len - 1;

    if (!m->connected) {
        return;
    }
    if (region_postable(m, r) && !on) {
        m->t->ops->post(m->t, space, r->base, end, false);
    }
    int rc = m->t->ops->claim(m->t, space, r->base, end, on);
    if (rc) {
        log_warn("%s at %#llx: the hypervisor refused the range: %s", r->name,
                 (unsigned long long)r->base, strerror(-rc));
    } else if (region_postable(m, r) && on) {
        m->t->ops->post(m->t, space, r->base, end, true);
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
    } side[] = {{&m->pio, SPACE_PIO}, {&m->mmio, SPACE_MMIO}};

    m->window_mapped = mapped;
    for (unsigned s = 0; s < 2; s++) {
        for (unsigned i = 0; i < side[s].bus->nregions; i++) {
            const struct region *r = side[s].bus->region[i];

            if ((r->flags & REGION_POSTED) && (r->flags & REGION_WINDOW)) {
                m->t->ops->post(m->t, side[s].space, r->base, r->base + r->len - 1, !mapped);
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
        log_warn("memory at %#llx: the hypervisor refused: %s", (unsigned long long)f->gpa,
                 strerror(-rc));
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

    m->mem.hold = begin;
}

static void settle(void *opaque)
{
    struct machine *m = opaque;

    if (m->mem.pending) {
        memmap_commit(&m->mem);
    }
}

static void hypervisor_gone(void *opaque)
{
    struct machine *m = opaque;

    log_info("the hypervisor core has gone; ending");
    m->loop->quit = true;
}

static uint32_t config_read(void *opaque, uint8_t devfn, unsigned off, unsigned size)
{
    struct machine *m = opaque;

    return pci_config_read(&m->pci, devfn, off, size);
}

static void config_write(void *opaque, uint8_t devfn, unsigned off, unsigned size, uint32_t val)
{
    struct machine *m = opaque;

    pci_config_write(&m->pci, devfn, off, size, val);
}

static bool world_init(struct machine *m, char *err, size_t size)
{
    int rc;

    bus_init(&m->pio, 0xffff);
    bus_init(&m->mmio, UINT64_MAX);
    rc = m->o->arena_fd >= 0 ? object_attach(&m->arena_mem, m->o->arena_fd, MACHINE_ARENA_SIZE)
                             : object_new(&m->arena_mem, "cleave-arena", MACHINE_ARENA_SIZE);
    if (rc) {
        return failed(err, size, "-machine arena-fd", rc);
    }
    memmap_init(&m->mem);
    arena_init(&m->arena, m->arena_mem.host, m->arena_mem.size);
    m->clock = (struct clock){.now = loop_guest_now, .opaque = m->loop};
    rc = clock_init(&m->clock, &m->arena, "clock");
    struct local_config cfg = {
        .core_fd = m->o->core_fd,
        .pio = &m->pio,
        .mmio = &m->mmio,
        .ops = {.config_read = config_read, .config_write = config_write, .opaque = m},
        .link_offset = m->o->firmware_qemu ? 3 : 0,
    };
    m->t = rc ? NULL : local_new(&cfg, err, size);
    if (!m->t) {
        return rc ? failed(err, size, "arena", rc) : false;
    }
    m->t->watch = loop_watch_readable;
    m->t->loop = m->loop;
    m->t->posted = posted;
    m->t->settle = settle;
    m->t->gone = hypervisor_gone;
    m->t->opaque = m;
    m->hw = (struct hw){.pio = &m->pio,
                        .mmio = &m->mmio,
                        .mem = &m->mem,
                        .dma = m->t->dma,
                        .clock = &m->clock,
                        .arena = &m->arena,
                        .power = {power_requested, m}};
    return true;
}

/* --- host side of the devices --- */

static bool object_offer(struct machine *m, uint32_t id, const struct object *o, const char *what,
                         char *err, size_t size)
{
    int rc = m->t->ops->add_object(m->t, id, o->fd, o->size);

    memmap_set_object(&m->mem, id, o->host, o->size);
    return rc ? failed(err, size, what, rc) : true;
}

static bool objects_init(struct machine *m, char *err, size_t size)
{
    const struct dm_options *o = m->o;
    int rc;

    if (o->vga == DM_VGA_STD) {
        rc = o->vram_fd >= 0 ? object_attach(&m->vram, o->vram_fd, MACHINE_VRAM_SIZE)
                             : object_new(&m->vram, "cleave-vram", MACHINE_VRAM_SIZE);
        if (rc) {
            return failed(err, size, "-machine vram-fd", rc);
        }
        if (!object_offer(m, OBJECT_VRAM, &m->vram, "-machine vram-fd", err, size)) {
            return false;
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
    if (o->firmware_qemu) {
        rc = object_copy(&m->bios, "cleave-bios", o->bios_fd, BIOS_MAX);
        if (rc) {
            return failed(err, size, "-bios-fd", rc);
        }
        return object_offer(m, OBJECT_BIOS, &m->bios, "-bios-fd", err, size);
    }
    return true;
}

static bool drives_open(struct machine *m, const struct dm_drive *d, unsigned n,
                        struct block_file **file, char *err, size_t size)
{
    for (unsigned i = 0; i < n; i++) {
        if (d[i].present && d[i].fd >= 0) {
            file[i] = block_file_new(m->ring, d[i].fd, d[i].readonly, err, size);
            if (!file[i]) {
                return false;
            }
        }
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
    m->ring = block_ring_new(err, size);
    if (!m->ring || !drives_open(m, m->o->ide, DM_IDE_DRIVES, m->ide_file, err, size) ||
        !drives_open(m, m->o->floppy, DM_FLOPPIES, m->floppy_file, err, size)) {
        return false;
    }
    int rc = block_ring_start(m->ring);
    rc = rc < 0 ? rc : loop_add(m->loop, block_ring_fd(m->ring), EPOLLIN, ring_ready, m);
    m->loop->poller.poll = ring_poll;
    m->loop->poller.opaque = m;
    return rc ? failed(err, size, "io_uring", rc) : true;
}

static struct blk *file_blk(struct block_file *f)
{
    return f ? block_file_blk(f) : NULL;
}

/* --- the devices --- */

static int chipset_init(struct machine *m)
{
    struct i440fx_config host = {OBJECT_BIOS, (uint32_t)m->bios.size};
    struct piix3_config isa = {pirq_route, m};
    struct piix4_pm_config pm = {pm_base, m, isa_irq(m, IRQ_SCI), m->o->vcpus};
    int rc = pci_bus_init(&m->pci, &m->hw);

    m->pci.intx = (struct irq_line){pci_intx_set, m, 0};
    m->pci.function_added = function_added;
    m->pci.opaque = m;
    rc = rc ? rc : i440fx_init(&m->i440fx, &m->hw, &m->pci, &host);
    rc = rc ? rc : piix3_init(&m->piix3, &m->hw, &m->pci, &isa);
    rc = rc ? rc : piix4_pm_init(&m->pm, &m->hw, &m->pci, &pm);
    rc = rc ? rc : i8237_init(&m->dma8237, &m->hw);
    rc = rc ? rc : port92_init(&m->port92, &m->hw);
    m->port92.value_changed = port92_value;
    m->port92.opaque = m;
    return rc ? rc : i8042_init(&m->i8042, &m->hw, isa_irq(m, IRQ_KEYBOARD), isa_irq(m, IRQ_MOUSE));
}

/* False: no disk in this place. */
static bool disk_geometry(const struct machine *m, unsigned i, struct block_geometry *g)
{
    const struct dm_drive *d = &m->o->ide[i];

    if (!d->present || d->cdrom || !m->ide_file[i]) {
        return false;
    }
    block_image_geometry(d->fd, (long long)file_blk(m->ide_file[i])->bytes, g);
    return true;
}

static int disks_init(struct machine *m)
{
    struct ide_config ide = {.devfn = PCI_DEVFN(1, 1),
                             .irq = {isa_irq(m, IRQ_IDE0), isa_irq(m, IRQ_IDE1)}};
    struct fdc_config fdc = {.dma = &m->dma8237, .irq = isa_irq(m, IRQ_FLOPPY)};
    struct block_geometry g;

    for (unsigned i = 0; i < DM_IDE_DRIVES; i++) {
        const struct dm_drive *d = &m->o->ide[i];

        ide.drive[i].kind = !d->present ? IDE_KIND_NONE : d->cdrom ? IDE_KIND_CD : IDE_KIND_DISK;
        ide.drive[i].blk = file_blk(m->ide_file[i]);
        if (disk_geometry(m, i, &g)) {
            ide.drive[i].cylinders = g.cylinders;
            ide.drive[i].heads = g.heads;
            ide.drive[i].sectors = g.sectors;
        }
    }
    for (unsigned i = 0; i < DM_FLOPPIES; i++) {
        if (m->o->floppy[i].present) {
            fdc.drive[i] = m->floppy_file[i] ? file_blk(m->floppy_file[i]) : &m->no_medium;
        }
    }
    int rc = ide_init(&m->ide, &m->hw, &m->pci, &ide);
    return rc ? rc : fdc_init(&m->fdc, &m->hw, &fdc);
}

static int display_init(struct machine *m)
{
    struct vga_config cfg = {.vram = m->vram.host,
                             .vram_size = (uint32_t)m->vram.size,
                             .vram_object = OBJECT_VRAM,
                             .rom_object = OBJECT_VGAROM,
                             .rom_size = (uint32_t)m->vgarom.size,
                             .devfn = PCI_DEVFN(2, 0)};

    return m->o->vga == DM_VGA_STD ? vga_init(&m->vga, &m->hw, &m->pci, &cfg) : 0;
}

static int serial_init(struct machine *m)
{
    static const struct {
        const char *id;
        uint16_t base;
        unsigned irq;
    } port[DM_SERIAL_PORTS] = {{"serial0", 0x3f8, IRQ_COM1}, {"serial1", 0x2f8, IRQ_COM2}};
    int rc = 0;

    for (unsigned i = 0; !rc && i < DM_SERIAL_PORTS; i++) {
        int fd = options_chardev(m->o, m->o->serial[i]);
        struct ns16550_config cfg = {.id = port[i].id,
                                     .base = port[i].base,
                                     .irq = isa_irq(m, port[i].irq),
                                     .chr = fd >= 0 ? &m->serial_chr[i].chr : NULL};

        rc = fd >= 0 ? chr_fd_init(&m->serial_chr[i], m->loop, fd) : 0;
        rc = rc ? rc : ns16550_init(&m->serial[i], &m->hw, &cfg);
    }
    return rc;
}

static int debug_init(struct machine *m)
{
    static const uint16_t port[2] = {0x402, 0xe9};
    int fd = options_chardev(m->o, m->o->debugcon);
    int rc = fd >= 0 ? chr_fd_init(&m->debug_chr, m->loop, fd) : 0;

    for (unsigned i = 0; !rc && i < 2; i++) {
        rc = debugcon_init(&m->debugcon[i], &m->hw, port[i], fd >= 0 ? &m->debug_chr.chr : NULL);
    }
    if (!rc && m->o->debug_exit) {
        rc = debug_exit_init(&m->debug_exit, &m->hw, 0x501);
    }
    return rc;
}

static int nvram_init(struct machine *m)
{
    const struct dm_options *o = m->o;
    struct cmos_config cmos = {
        .ram_below_4g = memory_low_end(o->memory_mib, o->firmware_qemu),
        .ram_above_4g = memory_high(o->memory_mib, o->firmware_qemu),
        .vcpus = o->vcpus,
        .floppy_type = {fdc_cmos_type(&m->fdc, 0), fdc_cmos_type(&m->fdc, 1)},
        .boot_order = o->boot_order,
        .century = 20,
        .map_ports = true};
    struct fw_cfg_config fw = {.vcpus = (uint16_t)o->vcpus,
                               .ram_bytes = (uint64_t)o->memory_mib << 20,
                               .boot_menu = o->boot_menu};

    for (unsigned i = 0; i < IDE_DRIVES; i++) {
        struct block_geometry g;

        if (disk_geometry(m, i, &g)) {
            cmos.disk[i] =
                (struct cmos_disk){g.cylinders, g.heads, g.sectors, (uint8_t)g.translation};
        }
    }
    int rc = cmos_init(&m->cmos, &m->hw, &cmos);
    rc = rc ? rc : fw_cfg_init(&m->fw_cfg, &m->hw, &fw);
    return rc ? rc : firmware_tables_add(&m->tables, &m->fw_cfg, o);
}

static bool devices_init(struct machine *m, char *err, size_t size)
{
    static const struct {
        const char *what;
        int (*init)(struct machine *m);
    } step[] = {
        {"chipset", chipset_init}, {"disks", disks_init},       {"display", display_init},
        {"serial", serial_init},   {"debug ports", debug_init}, {"nvram", nvram_init},
    };

    for (unsigned i = 0; i < sizeof(step) / sizeof(step[0]); i++) {
        int rc = step[i].init(m);

        if (rc) {
            return failed(err, size, step[i].what, rc);
        }
    }
    return true;
}

/* --- the hypervisor --- */

/* Devices are all there: tell of every range and function at once, from now on of changes. */
static int connect_ranges(struct machine *m)
{
    m->pio.listener = (struct bus_listener){port_mapped, port_unmapped, m};
    m->mmio.listener = (struct bus_listener){mmio_mapped, mmio_unmapped, m};
    m->mem.listener = (struct memmap_listener){memory_removed, memory_added, m};
    m->connected = true;
    for (unsigned i = 0; i < m->pio.nregions; i++) {
        if (m->pio.region[i] != &m->pci.config_ports) { /* those come as PCI_CONFIG requests */
            port_mapped(m, m->pio.region[i]);
        }
    }
    for (unsigned i = 0; i < m->mmio.nregions; i++) {
        mmio_mapped(m, m->mmio.region[i]);
    }
    for (unsigned i = 0; i < 256; i++) {
        if (m->pci.function[i]) {
            function_added(m, (uint8_t)i);
        }
    }
    return m->t->ops->enable(m->t);
}

static void consoles_connect(struct machine *m)
{
    for (unsigned i = 0; i < DM_SERIAL_PORTS; i++) {
        if (m->serial[i].chr) {
            chr_fd_connect(&m->serial_chr[i], &m->serial[i].front);
        }
    }
    if (m->debugcon[0].chr) {
        chr_fd_connect(&m->debug_chr, NULL);
    }
}

bool machine_init(struct machine *m, const struct dm_options *o, struct loop *loop, char *err,
                  size_t size)
{
    m->o = o;
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
    arena_seal(&m->arena);
    arena_reset(&m->arena, RESET_POWER_ON);
    consoles_connect(m);
    loop->t = m->t;
    loop->clock = &m->clock;
    return true;
}
