/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machine cleave-1: an i440FX/PIIX3 class PC. The wiring list (machine.c) says which devices there
 * are, at which addresses and lines, and what stands behind them on the host; running, pausing and
 * showing it is machine_run.c.
 */
#ifndef CLEAVE_DM_MACHINE_H
#define CLEAVE_DM_MACHINE_H

#include "acpi/piix4_pm.h"
#include "char/debug_exit.h"
#include "char/debugcon.h"
#include "char/ns16550.h"
#include "chr_fd.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/dma.h"
#include "core/memmap.h"
#include "core/surface.h"
#include "dma/i8237.h"
#include "file.h"
#include "floppy/fdc.h"
#include "firmware_tables.h"
#include "ide/ide.h"
#include "input/i8042.h"
#include "input/port92.h"
#include "loop.h"
#include "nvram/cmos.h"
#include "nvram/fw_cfg.h"
#include "objects.h"
#include "options.h"
#include "pci/i440fx.h"
#include "pci/pci.h"
#include "pci/piix3.h"
#include "transport.h"
#include "vga/vga.h"

/* Memory objects besides guest RAM. */
#define OBJECT_VRAM   1u
#define OBJECT_VGAROM 2u
#define OBJECT_BIOS   3u

#define MACHINE_ARENA_SIZE (1u << 20)
#define MACHINE_VRAM_SIZE  (16u << 20)

struct monitor;

struct machine {
    const struct dm_options *o;
    struct loop *loop;
    struct transport *t;
    struct monitor *monitor; /* NULL: nobody listens */

    /* The world of the devices. */
    struct arena arena;
    struct bus pio;
    struct bus mmio;
    struct memmap mem;
    struct clock clock;
    struct hw hw;
    struct object arena_mem;
    struct object vram;
    struct object vgarom;
    struct object bios;

    /* The devices, in the order of the arena. */
    struct pci_bus pci;
    struct i440fx i440fx;
    struct piix3 piix3;
    struct piix4_pm pm;
    struct ide ide;
    struct vga vga;
    struct i8042 i8042;
    struct port92 port92;
    struct i8237 dma8237;
    struct fdc fdc;
    struct ns16550 serial[DM_SERIAL_PORTS];
    struct cmos cmos;
    struct fw_cfg fw_cfg;
    struct debugcon debugcon[2];
    struct debug_exit debug_exit;

    /* The host side. */
    struct block_ring *ring;
    struct block_file *ide_file[DM_IDE_DRIVES];
    struct block_file *floppy_file[DM_FLOPPIES];
    struct blk no_medium; /* an empty drive's */
    struct chr_fd serial_chr[DM_SERIAL_PORTS];
    struct chr_fd debug_chr;
    struct firmware_tables tables;

    bool window_mapped; /* memory is shown at A0000-BFFFF */
    bool connected;     /* bus and memory changes go to the hypervisor */
    unsigned mouse_buttons;
    int port92_ignored; /* value whose writes to port 92h the hypervisor swallows, or -1 */
    bool started;       /* has run before */
    bool ended;         /* the guest asked for its end */
};

/*
 * `m` is zero-filled. Builds the machine of the options and connects it to the hypervisor; it is
 * reset and stopped then. False with one line in `err` (size bytes).
 */
bool machine_init(struct machine *m, const struct dm_options *o, struct loop *loop, char *err,
                  size_t size);

/* "prelaunch", "running", "paused" or "shutdown". */
const char *machine_status(const struct machine *m);
void machine_cont(struct machine *m);

/* Returns when the guest clock stands still and nothing is in flight. */
void machine_stop(struct machine *m);

/* Platform reset of all devices; run state stays. */
void machine_reset(struct machine *m);

/* Everything that guests wrote goes to stable storage. */
void machine_flush_disks(struct machine *m);

/* Posted output included. */
void machine_flush_consoles(struct machine *m);

/* Before the process ends. */
void machine_exit(struct machine *m);

/*
 * Draws the screen into a new memfd and returns it (the caller closes it); s->pixels is not valid
 * afterwards. -ENODEV without display, -ENOMEM.
 */
int machine_render(struct machine *m, struct surface *s, bool cursor);

/* As vga_text(). -1 without display or in graphics modes. */
int machine_screen_text(struct machine *m, char *out, size_t size);

/* Input. Buttons by QEMU's names: left, middle, right, wheel-up, wheel-down, side, extra. */
bool machine_key_by_name(const char *name, unsigned *code);
void machine_key(struct machine *m, unsigned code, bool down);
void machine_mouse(struct machine *m, int dx, int dy, const char *button, bool down);

#endif
