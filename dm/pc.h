/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest-visible PC: buses, memory map, clock, arena, and all devices of machine cleave-1 at
 * their addresses and lines. It knows no files, descriptors, threads or hypervisor: what stands
 * behind it comes in by struct pc_config, what it wants goes out by struct pc_hooks. The device
 * model, the qtest world and the fuzzers build the same one.
 */
#ifndef CLEAVE_DM_PC_H
#define CLEAVE_DM_PC_H

#include "acpi/piix4_pm.h"
#include "char/debug_exit.h"
#include "char/debugcon.h"
#include "char/ns16550.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/dma.h"
#include "core/memmap.h"
#include "dma/i8237.h"
#include "firmware_tables.h"
#include "floppy/fdc.h"
#include "ide/ide.h"
#include "input/i8042.h"
#include "input/port92.h"
#include "misc/pc_testdev.h"
#include "misc/pvpanic.h"
#include "nvram/cmos.h"
#include "nvram/fw_cfg.h"
#include "pc_chips.h"
#include "pci/i440fx.h"
#include "pci/pci.h"
#include "pci/piix3.h"
#include "vga/vga.h"
#include "watchdog/ib700.h"
#include "xen/platform.h"

/* Memory objects besides guest RAM. */
#define OBJECT_VRAM   1u
#define OBJECT_VGAROM 2u
#define OBJECT_BIOS   3u

#define PC_ARENA_SIZE   (1u << 20)
#define PC_VRAM_SIZE    (16u << 20)
#define PC_SERIAL_PORTS 2u
#define PC_FLOPPIES     2u

/* A drive. `blk` is the caller's; NULL: no medium in it. The rest is for hard disks. */
struct pc_drive {
    bool present;
    bool cdrom;
    struct blk *blk;
    uint16_t cylinders;
    uint8_t heads;
    uint8_t sectors;
    uint8_t translation; /* enum cmos_translation's values: CMOS byte 39h */
    const char *serial;  /* IDE: what IDENTIFY tells; NULL: ours */
    const char *firmware;
    const char *model;
};

/* A memory object as this process sees it; size 0: there is none. */
struct pc_object {
    uint8_t *host;
    uint64_t size;
};

/*
 * What the PC asks of the world; each may be NULL. Repeating a level or a route has no effect. Of
 * isa_irq, pci_intx, pirq_route and pm_base nobody hears anything where the chips are the PC's own.
 * power: see struct power. port92: the value that port 92h holds now.
 */
struct pc_hooks {
    void (*isa_irq)(void *opaque, unsigned irq, int level);
    void (*pci_intx)(void *opaque, unsigned dev, unsigned pin, int level);
    void (*pirq_route)(void *opaque, unsigned link, unsigned irq);
    void (*pm_base)(void *opaque, uint16_t base);
    void (*power)(void *opaque, enum power_event event, uint32_t value);
    void (*function_added)(void *opaque, uint8_t devfn);
    void (*port92)(void *opaque, uint16_t port, uint8_t value);
    void (*gsi)(void *opaque, unsigned n, int level); /* with chips: see struct pc_chips_config */
    void (*panic)(void *opaque, uint8_t bits);        /* pvpanic: PVPANIC_ bits */
    void (*watchdog)(void *opaque);                   /* has expired */
    void *opaque;
};

struct pc_config {
    bool firmware_qemu; /* SeaBIOS from the reset vector: flash, PAM, tables by fw_cfg */
    uint32_t memory_mib;
    unsigned vcpus;
    struct dma *dma;               /* guest RAM; must outlive the PC */
    uint8_t *arena;                /* page aligned, zero-filled when new */
    size_t arena_size;             /* PC_ARENA_SIZE suffices */
    uint64_t (*now)(void *opaque); /* as in struct clock */
    void (*rearm)(void *opaque, uint64_t next);
    void *clock; /* now's and rearm's */
    bool vga;
    struct pc_object vram; /* PC_VRAM_SIZE; with vga */
    uint8_t *vram_dirty;   /* as in struct vga_config */
    struct pc_object vgarom;
    struct pc_object bios; /* with firmware_qemu */
    struct pc_drive ide[IDE_DRIVES];
    struct pc_drive floppy[PC_FLOPPIES];
    struct chr *serial[PC_SERIAL_PORTS]; /* NULL: a port with nothing plugged in */
    struct chr *debugcon;
    const char *boot_order; /* letters a, c, d, n */
    const char *boot_once;  /* until the first reset, or NULL */
    bool boot_menu;
    bool any_floppy; /* boot floppies without signature, too */
    bool has_reboot_timeout;
    int32_t reboot_timeout; /* these: struct firmware_tables_config */
    bool has_splash_time;
    uint16_t splash_time;
    bool has_uuid;
    uint8_t uuid[16];
    uint16_t debug_exit; /* its port, 0: none */
    uint16_t pvpanic;    /* likewise */
    uint8_t pvpanic_events;
    bool ib700;
    uint8_t *testdev; /* TESTDEV_IOMEM bytes for a pc-testdev, NULL: none */
    bool no_acpi;     /* without PIIX4 power management */
    bool xen_platform;
    struct xen_platform_config xen; /* with xen_platform; devfn is ours */
    bool chips;     /* clock chips and interrupt controllers are here, not in a hypervisor */
    bool ram_areas; /* the memory map lists guest RAM, too: nobody else shows it */
    int64_t epoch;  /* with chips: time of day at guest time 0, seconds since 1970 */
    struct pc_hooks hooks;
};

struct pc {
    struct pc_config cfg;
    const char *step; /* what pc_init() is at, for messages */

    /* The world of the devices. */
    struct arena arena;
    struct bus pio;
    struct bus mmio;
    struct memmap mem;
    struct clock clock;
    struct hw hw;

    /* The devices, in the order of the arena. */
    struct pci_bus pci;
    struct i440fx i440fx;
    struct piix3 piix3;
    struct piix4_pm pm;
    struct i8237 dma8237;
    struct port92 port92;
    struct i8042 i8042;
    struct ide ide;
    struct fdc fdc;
    struct vga vga;
    struct ns16550 serial[PC_SERIAL_PORTS];
    struct debugcon debugcon[2];
    struct debug_exit debug_exit;
    struct pvpanic pvpanic;
    struct ib700 ib700;
    struct pc_testdev testdev;
    struct xen_platform xen_platform;
    struct cmos cmos;
    struct fw_cfg fw_cfg;
    struct pc_chips chips;

    struct mem_area ram[3]; /* below and above the VGA hole, above 4 GiB */
    struct blk no_medium;   /* an empty drive's */
    struct firmware_tables tables;
};

/*
 * `p` is zero-filled and never moves. Builds the PC and seals its arena; pc_reset(RESET_POWER_ON)
 * or pc_resume() must follow. 0 or a negative errno; p->step names the part that failed then.
 */
int pc_init(struct pc *p, const struct pc_config *cfg);

/* All devices; as arena_reset() and arena_resume(), with the lines settled at the end. */
void pc_reset(struct pc *p, enum reset_kind kind);
void pc_resume(struct pc *p);

#endif
