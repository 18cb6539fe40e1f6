/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The wiring list of machine cleave-1. */
#include "pc.h"

#include <string.h>

#include <errno.h>

#define IRQ_KEYBOARD 1u
#define IRQ_COM2     3u
#define IRQ_COM1     4u
#define IRQ_FLOPPY   6u
#define IRQ_SCI      9u
#define IRQ_MOUSE    12u
#define IRQ_IDE0     14u
#define IRQ_IDE1     15u

#define VGA_HOLE_START 0xa0000ull
#define VGA_HOLE_END   0xc0000ull
#define FOUR_GIB       0x100000000ull

/* --- what devices ask of the world --- */

static void isa_irq_set(void *opaque, unsigned n, int level)
{
    struct pc *p = opaque;
    const struct pc_hooks *h = &p->cfg.hooks;

    if (p->cfg.chips) {
        pc_chips_line(&p->chips, SOURCE_DEVICE, n, level);
    } else if (h->isa_irq) {
        h->isa_irq(h->opaque, n, level);
    }
}

static struct irq_line isa_irq(struct pc *p, unsigned n)
{
    return (struct irq_line){isa_irq_set, p, n};
}

static void pci_intx_set(void *opaque, unsigned n, int level)
{
    struct pc *p = opaque;
    const struct pc_hooks *h = &p->cfg.hooks;

    if (p->cfg.chips) {
        pc_chips_intx(&p->chips, n / 4, n % 4, level);
    } else if (h->pci_intx) {
        h->pci_intx(h->opaque, n / 4, n % 4, level);
    }
}

static void pirq_route(void *opaque, unsigned link, unsigned irq)
{
    struct pc *p = opaque;
    const struct pc_hooks *h = &p->cfg.hooks;

    if (p->cfg.chips) {
        pc_chips_route(&p->chips, link, irq);
    } else if (h->pirq_route) {
        h->pirq_route(h->opaque, link, irq);
    }
}

static void pm_base(void *opaque, uint16_t base)
{
    struct pc *p = opaque;
    const struct pc_hooks *h = &p->cfg.hooks;

    if (p->cfg.chips) {
        acpipm_set_base(&p->chips.pm, base);
    } else if (h->pm_base) {
        h->pm_base(h->opaque, base);
    }
}

static void world_init(struct pc *p)
{
    const struct pc_config *c = &p->cfg;

    bus_init(&p->pio, 0xffff);
    bus_init(&p->mmio, UINT64_MAX);
    memmap_init(&p->mem);
    memmap_set_object(&p->mem, OBJECT_VRAM, c->vram.host, c->vram.size);
    memmap_set_object(&p->mem, OBJECT_VGAROM, c->vgarom.host, c->vgarom.size);
    memmap_set_object(&p->mem, OBJECT_BIOS, c->bios.host, c->bios.size);
    arena_init(&p->arena, c->arena, c->arena_size);
    p->clock = (struct clock){.now = c->now, .rearm = c->rearm, .opaque = c->clock};
    p->hw = (struct hw){.pio = &p->pio,
                        .mmio = &p->mmio,
                        .mem = &p->mem,
                        .dma = c->dma,
                        .clock = &p->clock,
                        .arena = &p->arena,
                        .power = {c->hooks.power, c->hooks.opaque}};
}

/* --- the devices --- */

static int clock_add_first(struct pc *p)
{
    return clock_init(&p->clock, &p->arena, "clock");
}

static int chipset_init(struct pc *p)
{
    const struct pc_hooks *h = &p->cfg.hooks;
    struct i440fx_config host = {OBJECT_BIOS, (uint32_t)p->cfg.bios.size};
    struct piix3_config isa = {pirq_route, p};
    struct piix4_pm_config pm = {pm_base, p, isa_irq(p, IRQ_SCI), p->cfg.vcpus};
    int rc = pci_bus_init(&p->pci, &p->hw);

    p->pci.intx = (struct irq_line){pci_intx_set, p, 0};
    p->pci.function_added = h->function_added;
    p->pci.opaque = h->opaque;
    rc = rc ? rc : i440fx_init(&p->i440fx, &p->hw, &p->pci, &host);
    rc = rc ? rc : piix3_init(&p->piix3, &p->hw, &p->pci, &isa);
    rc = rc || p->cfg.no_acpi ? rc : piix4_pm_init(&p->pm, &p->hw, &p->pci, &pm);
    rc = rc ? rc : i8237_init(&p->dma8237, &p->hw);
    rc = rc ? rc : port92_init(&p->port92, &p->hw);
    p->port92.value_changed = h->port92;
    p->port92.opaque = h->opaque;
    return rc ? rc : i8042_init(&p->i8042, &p->hw, isa_irq(p, IRQ_KEYBOARD), isa_irq(p, IRQ_MOUSE));
}

static bool is_disk(const struct pc_drive *d)
{
    return d->present && !d->cdrom && d->blk;
}

static int disks_init(struct pc *p)
{
    struct ide_config ide = {.devfn = PCI_DEVFN(1, 1),
                             .irq = {isa_irq(p, IRQ_IDE0), isa_irq(p, IRQ_IDE1)}};
    struct fdc_config fdc = {
        .dma = &p->dma8237, .irq = isa_irq(p, IRQ_FLOPPY), .compat = p->cfg.chips};

    for (unsigned i = 0; i < IDE_DRIVES; i++) {
        const struct pc_drive *d = &p->cfg.ide[i];

        ide.drive[i].kind = !d->present ? IDE_KIND_NONE : d->cdrom ? IDE_KIND_CD : IDE_KIND_DISK;
        ide.drive[i].blk = d->blk;
        ide.drive[i].serial = d->serial;
        ide.drive[i].firmware = d->firmware;
        ide.drive[i].model = d->model;
        if (is_disk(d)) {
            ide.drive[i].cylinders = d->cylinders;
            ide.drive[i].heads = d->heads;
            ide.drive[i].sectors = d->sectors;
        }
    }
    for (unsigned i = 0; i < PC_FLOPPIES; i++) {
        if (p->cfg.floppy[i].present) {
            fdc.drive[i] = p->cfg.floppy[i].blk ? p->cfg.floppy[i].blk : &p->no_medium;
        }
    }
    int rc = ide_init(&p->ide, &p->hw, &p->pci, &ide);
    return rc ? rc : fdc_init(&p->fdc, &p->hw, &fdc);
}

static int display_init(struct pc *p)
{
    struct vga_config cfg = {.vram = p->cfg.vram.host,
                             .vram_dirty = p->cfg.vram_dirty,
                             .vram_size = (uint32_t)p->cfg.vram.size,
                             .vram_object = OBJECT_VRAM,
                             .rom_object = OBJECT_VGAROM,
                             .rom_size = (uint32_t)p->cfg.vgarom.size,
                             .devfn = PCI_DEVFN(p->cfg.xen_platform ? 3 : 2, 0)};

    return p->cfg.vga ? vga_init(&p->vga, &p->hw, &p->pci, &cfg) : 0;
}

static int serial_init(struct pc *p)
{
    static const struct {
        const char *id;
        uint16_t base;
        unsigned irq;
    } port[PC_SERIAL_PORTS] = {{"serial0", 0x3f8, IRQ_COM1}, {"serial1", 0x2f8, IRQ_COM2}};
    int rc = 0;

    for (unsigned i = 0; !rc && i < PC_SERIAL_PORTS; i++) {
        struct ns16550_config cfg = {.id = port[i].id,
                                     .base = port[i].base,
                                     .irq = isa_irq(p, port[i].irq),
                                     .chr = p->cfg.serial[i]};

        rc = ns16550_init(&p->serial[i], &p->hw, &cfg);
    }
    return rc;
}

static int debug_init(struct pc *p)
{
    static const uint16_t port[2] = {0x402, 0xe9};
    int rc = 0;

    for (unsigned i = 0; !rc && i < 2; i++) {
        rc = debugcon_init(&p->debugcon[i], &p->hw, port[i], p->cfg.debugcon);
    }
    if (!rc && p->cfg.debug_exit) {
        rc = debug_exit_init(&p->debug_exit, &p->hw, p->cfg.debug_exit);
    }
    return rc;
}

static void panicked(void *opaque, uint8_t bits)
{
    struct pc *p = opaque;

    if (p->cfg.hooks.panic) {
        p->cfg.hooks.panic(p->cfg.hooks.opaque, bits);
    }
}

static void watchdog_expired(void *opaque)
{
    struct pc *p = opaque;

    if (p->cfg.hooks.watchdog) {
        p->cfg.hooks.watchdog(p->cfg.hooks.opaque);
    }
}

/* What a machine has only when asked. */
static int extras_init(struct pc *p)
{
    const struct pc_config *c = &p->cfg;
    struct pvpanic_config panic = {c->pvpanic, c->pvpanic_events, panicked, p};
    struct ib700_config dog = {watchdog_expired, p};
    struct pc_testdev_config test = {.iomem = c->testdev};
    struct xen_platform_config xen = c->xen;
    int rc = c->pvpanic ? pvpanic_init(&p->pvpanic, &p->hw, &panic) : 0;

    for (unsigned i = 0; i < TESTDEV_LINES; i++) {
        test.irq[i] = isa_irq(p, i);
    }
    rc = rc || !c->ib700 ? rc : ib700_init(&p->ib700, &p->hw, &dog);
    xen.devfn = PCI_DEVFN(2, 0);
    rc = rc || !c->xen_platform ? rc : xen_platform_init(&p->xen_platform, &p->hw, &p->pci, &xen);
    return rc || !c->testdev ? rc : pc_testdev_init(&p->testdev, &p->hw, &test);
}

static int nvram_init(struct pc *p)
{
    const struct pc_config *c = &p->cfg;
    struct cmos_config cmos = {
        .ram_below_4g = memory_low_end(c->memory_mib, c->firmware_qemu),
        .ram_above_4g = memory_high(c->memory_mib, c->firmware_qemu),
        .vcpus = c->vcpus,
        .floppy_type = {fdc_cmos_type(&p->fdc, 0), fdc_cmos_type(&p->fdc, 1)},
        .boot_order = c->boot_once ? c->boot_once : c->boot_order,
        .any_floppy = c->any_floppy,
        .century = 20,
        .map_ports = !c->chips};
    struct fw_cfg_config fw = {.vcpus = (uint16_t)c->vcpus,
                               .ram_bytes = (uint64_t)c->memory_mib << 20,
                               .boot_menu = c->boot_menu};
    struct firmware_tables_config tables = {.memory_mib = c->memory_mib,
                                            .vcpus = c->vcpus,
                                            .boot_menu = c->boot_menu,
                                            .firmware_qemu = c->firmware_qemu,
                                            .has_reboot_timeout = c->has_reboot_timeout,
                                            .reboot_timeout = c->reboot_timeout,
                                            .has_splash_time = c->has_splash_time,
                                            .splash_time = c->splash_time,
                                            .has_uuid = c->has_uuid};

    memcpy(tables.uuid, c->uuid, sizeof(tables.uuid));
    for (unsigned i = 0; i < IDE_DRIVES; i++) {
        const struct pc_drive *d = &c->ide[i];

        if (is_disk(d)) {
            cmos.disk[i] = (struct cmos_disk){d->cylinders, d->heads, d->sectors, d->translation};
        }
    }
    int rc = cmos_init(&p->cmos, &p->hw, &cmos);
    rc = rc ? rc : fw_cfg_init(&p->fw_cfg, &p->hw, &fw);
    return rc ? rc : firmware_tables_add(&p->tables, &p->fw_cfg, &tables);
}

static int chips_init(struct pc *p)
{
    struct pc_chips_config cfg = {.epoch = p->cfg.epoch,
                                  .firmware_qemu = p->cfg.firmware_qemu,
                                  .gsi = p->cfg.hooks.gsi,
                                  .opaque = p->cfg.hooks.opaque};

    return p->cfg.chips ? pc_chips_init(&p->chips, &p->hw, &p->cmos, &cfg) : 0;
}

/* Guest RAM in the memory map, below everything that is laid over it. */
static int memory_init(struct pc *p)
{
    uint64_t low = memory_low_end(p->cfg.memory_mib, p->cfg.firmware_qemu);
    uint64_t high = memory_high(p->cfg.memory_mib, p->cfg.firmware_qemu);
    const uint64_t start[] = {0, VGA_HOLE_END, FOUR_GIB};
    const uint64_t len[] = {VGA_HOLE_START, low - VGA_HOLE_END, high};
    int rc = 0;

    for (unsigned i = 0; p->cfg.ram_areas && !rc && i < sizeof(start) / sizeof(start[0]); i++) {
        p->ram[i] = (struct mem_area){.name = "ram",
                                      .gpa = start[i],
                                      .len = len[i],
                                      .offset = start[i],
                                      .object = MEM_OBJECT_RAM,
                                      .kind = MEM_RAM,
                                      .enabled = true};
        rc = memmap_add(&p->mem, &p->ram[i]);
    }
    if (p->cfg.ram_areas) { /* with a core, the first commit is the one that it is told of */
        memmap_commit(&p->mem);
    }
    return rc;
}

void pc_reset(struct pc *p, enum reset_kind kind)
{
    if (kind == RESET_HARD && p->cfg.boot_once) {
        cmos_set_boot_order(&p->cmos, p->cfg.boot_order);
        p->cfg.boot_once = NULL;
    }
    pc_chips_hold(&p->chips);
    arena_reset(&p->arena, kind);
    if (p->cfg.chips) {
        pc_chips_settle(&p->chips);
    }
}

void pc_resume(struct pc *p)
{
    pc_chips_hold(&p->chips);
    arena_resume(&p->arena);
    if (p->cfg.chips) {
        pc_chips_settle(&p->chips);
    }
}

int pc_init(struct pc *p, const struct pc_config *cfg)
{
    static const struct {
        const char *what;
        int (*init)(struct pc *p);
    } step[] = {
        {"clock", clock_add_first},     {"chipset", chipset_init}, {"disks", disks_init},
        {"display", display_init},      {"serial", serial_init},   {"debug ports", debug_init},
        {"nvram", nvram_init},          {"chips", chips_init},     {"memory", memory_init},
        {"extra devices", extras_init},
    };

    p->cfg = *cfg;
    world_init(p);
    for (unsigned i = 0; i < sizeof(step) / sizeof(step[0]); i++) {
        p->step = step[i].what;
        int rc = step[i].init(p);

        if (rc) {
            return rc;
        }
    }
    arena_seal(&p->arena);
    return 0;
}
