/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: the whole PC of machine cleave-1, its chips included. */
#include "fuzz.h"

#include <string.h>

#include "pc.h"

#define VRAM_SIZE (1u << 20)
#define BIOS_SIZE (256u << 10)
#define ROM_SIZE  (64u << 10)
#define DISK      (8ull << 30)
#define CD        (1200u << 10)
#define FLOPPY    (1440u << 10)
#define IMAGE     (1u << 20)

static struct pc pc;
static struct fuzz_world *pc_world;
static struct fuzz_blk *cd, *floppy;
static struct blk nothing;
static struct chr chr;

static size_t chr_write(void *opaque, const uint8_t *buf, size_t len)
{
    return len;
}

static void intx(void *opaque, unsigned dev, unsigned pin, int level)
{
    fuzz_line_set(opaque, 64 + dev * 4 + pin, level);
}

static void gsi(void *opaque, unsigned n, int level)
{
    fuzz_line_set(opaque, n, level);
}

/* --- what happens outside --- */

static void key(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    ps2_kbd_key(&pc.i8042.kbd, addr & 0xff, val & 1);
}

static void mouse(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    ps2_mouse_event(&pc.i8042.mouse, (int16_t)val, (int16_t)(val >> 16), (int8_t)(val >> 32),
                    addr & 0x1f);
}

static void serial_input(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    struct chr_front *f = &pc.serial[addr & 1].front;
    uint8_t buf[16];
    size_t can = f->can_receive(f->opaque);

    memcpy(buf, &val, 8);
    memcpy(buf + 8, &val, 8);
    if (can) {
        f->receive(f->opaque, buf, can < sizeof(buf) ? can : sizeof(buf));
    }
}

static void disc_change(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    ide_media_change(&pc.ide, 2, val & 1 ? &cd->blk : NULL);
}

static void floppy_change(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    fdc_change_disk(&pc.fdc, 0, val & 1 ? &floppy->blk : &nothing);
}

static void gpe(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    piix4_pm_gpe(&pc.pm, addr & 15);
}

static void power_button(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    acpipm_power_button(&pc.chips.pm);
}

/* --- set-up --- */

static void config_drives(struct fuzz_world *w, struct pc_config *c)
{
    struct fuzz_blk *disk = fuzz_blk_new(w, DISK, IMAGE, false);

    cd = fuzz_blk_new(w, CD, IMAGE, true);
    floppy = fuzz_blk_new(w, FLOPPY, IMAGE, false);
    c->ide[0] = (struct pc_drive){
        .present = true, .blk = &disk->blk, .cylinders = 16383, .heads = 16, .sectors = 63};
    c->ide[2] = (struct pc_drive){.present = true, .cdrom = true, .blk = &cd->blk};
    c->floppy[0] = (struct pc_drive){.present = true, .blk = &floppy->blk};
}

static struct pc_config config(struct fuzz_world *w)
{
    static uint8_t bios[BIOS_SIZE], rom[ROM_SIZE], iomem[TESTDEV_IOMEM];
    struct pc_config c = {
        .firmware_qemu = true,
        .memory_mib = 64,
        .vcpus = 2,
        .dma = w->hw.dma,
        .arena = w->arena_mem,
        .arena_size = FUZZ_ARENA_SIZE,
        .now = fuzz_now,
        .clock = w,
        .vga = true,
        .vram = {w->vram, VRAM_SIZE},
        .vram_dirty = w->vram_dirty,
        .vgarom = {rom, ROM_SIZE},
        .bios = {bios, BIOS_SIZE},
        .serial = {&chr, NULL},
        .debugcon = &chr,
        .boot_order = "cda",
        .debug_exit = 0x501,
        .pvpanic = PVPANIC_PORT,
        .pvpanic_events = 3,
        .ib700 = true,
        .testdev = iomem,
        .chips = true,
        .ram_areas = true,
        .epoch = 1700000000,
        .hooks = {.isa_irq = gsi, .pci_intx = intx, .power = fuzz_power, .gsi = gsi, .opaque = w}};

    chr.write = chr_write;
    config_drives(w, &c);
    return c;
}

/* Every region that is mapped at power-on, and those that a guest maps. */
static void windows_add(struct fuzz_world *w)
{
    struct region *later[] = {&pc.ide.bm_ports, &pc.vga.mmio, &pc.pm.pm1_cnt, &pc.pm.smbus};
    struct bus *bus[] = {&pc.pio, &pc.mmio};

    for (unsigned b = 0; b < 2; b++) {
        for (unsigned i = 0; i < bus[b]->nregions; i++) {
            const struct region *r = bus[b]->region[i];

            fuzz_window_add(w, &(struct fuzz_window){r->name, b ? FUZZ_MEM : FUZZ_PIO, r->base,
                                                     (uint32_t)r->len, r, NULL});
        }
    }
    for (unsigned i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
        struct region *r = later[i];

        if (!r->mapped) {
            fuzz_window_add(w,
                            &(struct fuzz_window){r->name, r == &pc.vga.mmio ? FUZZ_MEM : FUZZ_PIO,
                                                  r == &pc.vga.mmio ? 0xfebf0000 : 0xc000,
                                                  (uint32_t)r->len, r, NULL});
        }
    }
    fuzz_window_add(
        w, &(struct fuzz_window){"memory-below-1M", FUZZ_MEM, 0xa0000, 0x60000, NULL, NULL});
    fuzz_window_add(w, &(struct fuzz_window){"frame-buffer", FUZZ_MEM, 0xfd000000, VRAM_SIZE, NULL,
                                             &pc.vga.lfb});
    fuzz_window_add(w, &(struct fuzz_window){"ports", FUZZ_PIO, 0, 0x10000, NULL, NULL});
}

static bool machine_setup(struct fuzz_world *w)
{
    fuzz_vram_new(w, VRAM_SIZE);
    struct pc_config c = config(w);
    int rc = pc_init(&pc, &c);

    if (rc) {
        fprintf(stderr, "pc: %s: error %d\n", pc.step, rc);
        return false;
    }
    pc_world = w;
    w->hw = pc.hw;
    w->pci = &pc.pci;
    pc_reset(&pc, RESET_POWER_ON);
    windows_add(w);
    fuzz_action_add(w, "key", key);
    fuzz_action_add(w, "mouse", mouse);
    fuzz_action_add(w, "serial input", serial_input);
    fuzz_action_add(w, "disc change", disc_change);
    fuzz_action_add(w, "floppy change", floppy_change);
    fuzz_action_add(w, "GPE", gpe);
    fuzz_action_add(w, "power button", power_button);
    return true;
}

static void machine_rewind(struct fuzz_world *w)
{
    memset(pc.cfg.testdev, 0, TESTDEV_IOMEM);
    if (pc.ide.channel[1].drive[0].blk != &cd->blk) {
        ide_media_change(&pc.ide, 2, &cd->blk);
    }
    if (pc.fdc.drive[0] != &floppy->blk) {
        fdc_change_disk(&pc.fdc, 0, &floppy->blk);
    }
}

static void machine_reset(struct fuzz_world *w, enum reset_kind kind)
{
    pc_reset(&pc, kind);
}

static void machine_resume(struct fuzz_world *w)
{
    pc_resume(&pc);
}

/* --- typical sequences: those of the devices' own targets, at their places in the PC --- */

#define BM_WINDOW 0xffffffffu /* where the guest puts the bus master */

static const struct {
    const char *target;
    uint8_t devfn[3];   /* of its PCI functions */
    uint32_t window[6]; /* where its windows begin; memory from 10000h up */
} part[] = {
    {"bmdma", {PCI_DEVFN(1, 1)}, {0x1f0, 0x3f6, 0x170, 0x376, BM_WINDOW}},
    {"vga", {PCI_DEVFN(2, 0)}, {0x3b0, 0x1ce, 0xa0000, 0xfebf0000, 0xfd000000}},
    {"fdc", {0}, {0x3f0, 0x3f5, 0, 0xc0, 0x80, 0x480}},
    {"i8042", {0}, {0x60, 0x64, 0x92}},
    {"rtc", {0}, {0x70}},
    {"i8254", {0}, {0x40, 0x61}},
    {"i8259", {0}, {0x20, 0xa0, 0x4d0}},
    {"fw-cfg", {0}, {0x510}},
    {"piix4-pm", {PCI_DEVFN(1, 3)}, {0xb004, 0xb100, 0xb2, 0xafe0, 0xae00, 0xaf00}},
    {"pci", {PCI_DEVFN(0, 0), PCI_DEVFN(1, 0), PCI_DEVFN(2, 0)}, {0xcf8, 0xcf9, 0xa0000}},
};

/* An access of a device's target becomes one of the PC's: to the window that holds its address. */
static void access_move(struct fuzz_op *op, uint32_t base)
{
    uint64_t addr = (uint64_t)base + op->addr;

    for (unsigned i = 0; i < pc_world->nwindows; i++) {
        const struct fuzz_window *win = &pc_world->window[i];
        bool memory = base >= 0x10000 && base != BM_WINDOW;

        if (base == BM_WINDOW ? win->region == &pc.ide.bm_ports
                              : (win->space == FUZZ_MEM) == memory && addr - win->base < win->len) {
            op->sel = (uint8_t)i;
            op->addr = (uint32_t)(base == BM_WINDOW ? op->addr : addr - win->base);
            return;
        }
    }
}

static uint8_t function_number(uint8_t devfn)
{
    for (unsigned i = 0; i < pc_world->nfunctions; i++) {
        if (pc_world->function[i] == devfn) {
            return (uint8_t)i;
        }
    }
    return 0;
}

static size_t machine_generate(uint64_t (*rnd)(void), struct fuzz_op *op, size_t max)
{
    unsigned p = (unsigned)(rnd() >> 20) % (sizeof(part) / sizeof(part[0]));
    struct fuzz_target *t = fuzz_find(part[p].target);
    size_t n = t ? t->generate(rnd, op, max) : 0;

    for (size_t i = 0; i < n; i++) {
        if (op[i].kind <= FUZZ_WRITE_REP) {
            access_move(&op[i], part[p].window[op[i].sel % 6]);
        } else if (op[i].kind == FUZZ_CFG_READ || op[i].kind == FUZZ_CFG_WRITE) {
            op[i].sel = function_number(part[p].devfn[op[i].sel % 3]);
        }
    }
    return n;
}

FUZZ_TARGET(pc) = {
    .name = "pc",
    .about = "the whole PC, with the chips that a hypervisor has otherwise",
    .setup = machine_setup,
    .reset = machine_rewind,
    .machine_reset = machine_reset,
    .machine_resume = machine_resume,
    .generate = machine_generate,
};
