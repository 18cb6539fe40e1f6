/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz targets: host bridge with the memory map, ISA bridge, power management, fw_cfg. */
#include "fuzz.h"

#include <string.h>

#include "acpi/piix4_pm.h"
#include "nvram/fw_cfg.h"
#include "pci/i440fx.h"
#include "pci/piix3.h"

#define BIOS_OBJECT 3u
#define BIOS_SIZE   (256u << 10)

/* --- pci: configuration mechanism, i440FX, PIIX3, memory topology --- */

static struct i440fx i440fx;
static struct piix3 piix3;
static uint8_t *bios;

static void pirq_route(void *opaque, unsigned link, unsigned irq)
{
    fuzz_answer(opaque, link << 8 | irq);
    if (link >= PIIX3_LINKS || irq > 15) {
        fuzz_finding(opaque, "PCI link %u goes to ISA IRQ %u", link, irq);
    }
}

/* The resolved map must be sorted and without overlaps, and show no more than there is. */
static void map_must_hold(struct fuzz_world *w)
{
    const struct memmap *m = w->hw.mem;

    for (unsigned i = 0; i < m->nflat; i++) {
        const struct mem_flat *f = &m->flat[i];

        if (f->len == 0 || (i && m->flat[i - 1].gpa + m->flat[i - 1].len > f->gpa)) {
            fuzz_finding(w, "memory map: piece %u is empty or overlaps", i);
        }
        if (f->object != MEM_OBJECT_RAM && f->offset + f->len > m->object[f->object].size) {
            fuzz_finding(w, "memory map: piece %u shows more than its object has", i);
        }
    }
}

/* Posted stores wait: the memory map must not change until they were carried out. */
static void posted(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    struct memmap *m = w->hw.mem;

    m->hold = val & 1;
    if (!m->hold && m->pending) {
        memmap_commit(m);
    }
}

static void pci_rewind(struct fuzz_world *w)
{
    posted(w, 0, 0);
}

/* A card with a BAR of every kind, as later devices will have. */
#define CARD_OBJECT 4u
#define CARD_MEMORY (64u << 10)
#define CARD_DEVFN  PCI_DEVFN(3, 0)

static struct {
    struct device dev;
    struct pci_function fn;
    struct region io;
    struct region mmio;
    struct mem_area memory;
    struct mem_area rom;
} card;

static uint64_t card_read(void *dev, uint32_t off, unsigned size)
{
    return off;
}

static const struct reg card_regs[] = {
    {0, 4096, BUS_W1 | BUS_W2 | BUS_W4, card_read, NULL, "card"},
};

#define CARD_STATE(V, A, S, T) S(T, pci_function_state, pci, 1, 1)
STATE_STRUCT(card_state, CARD_STATE);
STATE_TYPE(card_state, CARD_STATE);

static void card_reset(struct device *dev, enum reset_kind kind)
{
    pci_function_reset(&card.fn);
}

static int card_check(const void *state)
{
    return 0;
}

static void card_resume(struct device *dev)
{
    pci_function_resume(&card.fn);
}

static const struct device_class card_class = {"card", &card_state_type, card_reset, card_check,
                                               card_resume};

/* Functions that make no sense are refused. */
static bool bad_cards_refused(struct pci_bus *bus)
{
    static struct region r;
    static struct mem_area a;
    static const struct {
        struct pci_bar bar;
        unsigned n;
    } bad[] = {
        {{PCI_BAR_IO, 3, false, &r, NULL}, 0},
        {{PCI_BAR_IO, 2, false, &r, NULL}, 0},
        {{PCI_BAR_IO, 512, false, &r, NULL}, 0},
        {{PCI_BAR_IO, 16, false, NULL, NULL}, 0},
        {{PCI_BAR_IO, 16, false, &r, NULL}, 6},
        {{PCI_BAR_MMIO, 4097, false, &r, NULL}, 1},
        {{PCI_BAR_MMIO, 2048, false, &r, NULL}, 1},
        {{PCI_BAR_MMIO, 4096, false, NULL, NULL}, 1},
        {{PCI_BAR_MMIO, 4096, false, &r, NULL}, 6},
        {{PCI_BAR_MEMORY, 4097, false, NULL, &a}, 1},
        {{PCI_BAR_MEMORY, 2048, false, NULL, &a}, 1},
        {{PCI_BAR_MEMORY, 4096, false, NULL, NULL}, 1},
        {{PCI_BAR_MEMORY, 4096, false, NULL, &a}, 6},
        {{PCI_BAR_ROM, 4097, false, NULL, &a}, 6},
        {{PCI_BAR_ROM, 2048, false, NULL, &a}, 6},
        {{PCI_BAR_ROM, 4096, false, NULL, NULL}, 6},
        {{PCI_BAR_ROM, 4096, false, NULL, &a}, 0},
    };
    bool ok = true;

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct pci_function fn = {.name = "bad", .devfn = PCI_DEVFN(30, 0)};

        fn.bar[bad[i].n] = bad[i].bar;
        ok = pci_add(bus, &fn) < 0 && ok;
    }
    return ok;
}

static bool card_setup(struct fuzz_world *w)
{
    static uint8_t memory[CARD_MEMORY];

    memset(&card, 0, sizeof(card));
    if (arena_add(w->hw.arena, &card.dev, &card_class, "card")) {
        return false;
    }
    memmap_set_object(w->hw.mem, CARD_OBJECT, memory, sizeof(memory));
    card.fn.name = "card";
    card.fn.devfn = CARD_DEVFN;
    card.fn.s = card.dev.state;
    card.io = (struct region){.name = "card-io", .regs = card_regs, .nregs = 1, .len = 64};
    card.mmio = (struct region){.name = "card-mmio", .regs = card_regs, .nregs = 1, .len = 4096};
    card.memory = (struct mem_area){.object = CARD_OBJECT, .len = CARD_MEMORY, .kind = MEM_RAM};
    card.rom = (struct mem_area){.object = CARD_OBJECT, .len = 4096, .kind = MEM_ROM};
    pci_set_ids(&card.fn, 0x1234, 0x5678, 1, 0xff0000);
    card.fn.reset_config[0x3d] = 1;
    card.fn.bar[0] = (struct pci_bar){PCI_BAR_IO, 64, false, &card.io, NULL};
    card.fn.bar[1] = (struct pci_bar){PCI_BAR_MMIO, 4096, false, &card.mmio, NULL};
    card.fn.bar[2] = (struct pci_bar){PCI_BAR_MEMORY, CARD_MEMORY, true, NULL, &card.memory};
    card.fn.bar[6] = (struct pci_bar){PCI_BAR_ROM, 4096, false, NULL, &card.rom};
    fuzz_window_add(w, &(struct fuzz_window){"card-io", FUZZ_PIO, 0xc000, 64, &card.io, NULL});
    fuzz_window_add(
        w, &(struct fuzz_window){"card-mmio", FUZZ_MEM, 0xfebf0000, 4096, &card.mmio, NULL});
    fuzz_window_add(w, &(struct fuzz_window){"card-memory", FUZZ_MEM, 0xfd000000, CARD_MEMORY, NULL,
                                             &card.memory});
    if (memmap_add(w->hw.mem, &card.memory) || memmap_add(w->hw.mem, &card.rom) ||
        pci_add(w->pci, &card.fn)) {
        return false;
    }
    return pci_add(w->pci, &card.fn) < 0 && bad_cards_refused(w->pci);
}

static void interrupt(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    pci_set_intx(&card.fn, addr & 3, val & 1);
}

static bool bridges_setup(struct fuzz_world *w, uint32_t bios_size)
{
    static uint8_t image[BIOS_SIZE];
    static struct i440fx bad;
    struct i440fx_config host = {BIOS_OBJECT, bios_size};
    struct i440fx_config odd = {BIOS_OBJECT, 0x4100}, huge = {BIOS_OBJECT, 32u << 20};
    struct piix3_config isa = {pirq_route, w};

    bios = image;
    memset(bios, 0xb1, BIOS_SIZE);
    memmap_set_object(w->hw.mem, BIOS_OBJECT, bios, BIOS_SIZE);
    fuzz_ports_add(w, "pci-config", 0xcf8, 8);
    fuzz_ports_add(w, "rcr", 0xcf9, 1);
    fuzz_window_add(w, &(struct fuzz_window){"shadow", FUZZ_MEM, 0xa0000, 0x60000, NULL, NULL});
    fuzz_window_add(w, &(struct fuzz_window){"flash", FUZZ_MEM, 0xfffc0000, BIOS_SIZE, NULL, NULL});
    fuzz_ports_add(w, "highest-ports", 0xfff8, 8);
    fuzz_window_add(
        w, &(struct fuzz_window){"highest-memory", FUZZ_MEM, UINT64_MAX - 7, 8, NULL, NULL});
    fuzz_action_add(w, "posted stores", posted);
    fuzz_action_add(w, "card's interrupt", interrupt);
    if (!fuzz_pci_new(w) || !i440fx_init(&bad, &w->hw, w->pci, &odd) ||
        !i440fx_init(&bad, &w->hw, w->pci, &huge)) {
        return false;
    }
    return i440fx_init(&i440fx, &w->hw, w->pci, &host) == 0 &&
           piix3_init(&piix3, &w->hw, w->pci, &isa) == 0 && card_setup(w);
}

static bool pci_setup(struct fuzz_world *w)
{
    return bridges_setup(w, BIOS_SIZE);
}

/* As under Xen: no flash, PAM without effect. */
static bool pci_xen_setup(struct fuzz_world *w)
{
    return bridges_setup(w, 0);
}

/* A configuration cycle by ports; PAM and PIRQ registers more often. */
static size_t pci_generate(uint64_t (*rnd)(void), struct fuzz_op *op, size_t max)
{
    static const uint8_t reg[] = {0x58, 0x5c, 0x60, 0x70, 0x80, 0x04, 0x3c, 0x0c};
    static const uint8_t bar[] = {0x10, 0x14, 0x18, 0x30};
    uint64_t r = rnd();

    if ((r >> 60) == 0) { /* the card, at places where others are, too */
        for (unsigned i = 0; i < 4; i++) {
            op[i] = (struct fuzz_op){FUZZ_CFG_WRITE, 4, 2, bar[i], (rnd() & 0xfff3f001) | 1};
        }
        op[4] = (struct fuzz_op){FUZZ_CFG_WRITE, 2, 2, 4, r & 7};
        return 5;
    }
    uint8_t size = (uint8_t)(1u << (r % 3));
    uint32_t bus = (r >> 40 & 15) == 0 ? 0x10000 : 0;
    uint32_t address = 0x80000000u | bus | (uint32_t)(r >> 8 & 0xf00) | reg[r >> 16 & 7];

    op[0] = (struct fuzz_op){FUZZ_WRITE, 4, 0, 0, address};
    op[1] = (struct fuzz_op){r & 0x80 ? FUZZ_WRITE : FUZZ_READ, size, 0,
                             4 + (uint32_t)(r >> 24 & 3 & ~(size - 1u)), r >> 32};
    return 2;
}

FUZZ_TARGET(pci) = {
    .name = "pci",
    .about = "PCI configuration, i440FX host bridge and memory map, PIIX3 ISA bridge",
    .setup = pci_setup,
    .reset = pci_rewind,
    .end = map_must_hold,
    .generate = pci_generate,
};

FUZZ_TARGET(pci_xen) = {
    .name = "pci-xen",
    .about = "the same without flash, as a Xen guest has it",
    .setup = pci_xen_setup,
    .reset = pci_rewind,
    .end = map_must_hold,
    .generate = pci_generate,
};

/* --- piix4-pm --- */

#define PM_VCPUS 11

static struct piix4_pm pm;

static void pm_base(void *opaque, uint16_t base)
{
    fuzz_answer(opaque, base);
}

static void gpe(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    piix4_pm_gpe(&pm, addr & 15);
}

/* CPUs from number addr to the val-th after it; only the next one can be taken, 256 at most. */
static void cpu_plug(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    for (unsigned i = 0; i <= (val & 0xff); i++) {
        unsigned cpu = (addr & 0x1ff) + i;
        bool next = cpu == pm.config.vcpus && cpu < 256;

        if ((piix4_pm_cpu_add(&pm, cpu) == 0) != next) {
            fuzz_finding(w, "CPU %u: %s", cpu, next ? "refused" : "plugged in");
        }
    }
}

static void pm_rewind(struct fuzz_world *w)
{
    pm.config.vcpus = PM_VCPUS;
}

static bool pm_setup(struct fuzz_world *w)
{
    struct piix4_pm_config cfg = {pm_base, w, fuzz_line(w, PIIX4_PM_SCI_IRQ), PM_VCPUS};
    const struct fuzz_window window[] = {
        {"pm1a-cnt", FUZZ_PIO, 0xb004, 2, &pm.pm1_cnt, NULL},
        {"smbus", FUZZ_PIO, 0xb100, 16, &pm.smbus, NULL},
        {"apm", FUZZ_PIO, 0xb2, 2, NULL, NULL},
        {"gpe0", FUZZ_PIO, 0xafe0, 4, NULL, NULL},
        {"pci-hotplug", FUZZ_PIO, 0xae00, 20, NULL, NULL},
        {"cpus", FUZZ_PIO, 0xaf00, 32, NULL, NULL},
    };

    for (unsigned i = 0; i < sizeof(window) / sizeof(window[0]); i++) {
        fuzz_window_add(w, &window[i]);
    }
    fuzz_action_add(w, "GPE", gpe);
    fuzz_action_add(w, "CPU", cpu_plug);
    return fuzz_pci_new(w) && piix4_pm_init(&pm, &w->hw, w->pci, &cfg) == 0;
}

/* Firmware's way to the registers: PMBA, SMBBA and their enable bits; then an SMBus command. */
static size_t pm_generate(uint64_t (*rnd)(void), struct fuzz_op *op, size_t max)
{
    uint64_t r = rnd();

    op[0] = (struct fuzz_op){FUZZ_CFG_WRITE, 4, 0, 0x40, 0xb001};
    op[1] = (struct fuzz_op){FUZZ_CFG_WRITE, 1, 0, 0x80, 1};
    op[2] = (struct fuzz_op){FUZZ_CFG_WRITE, 4, 0, 0x90, 0xb101};
    op[3] = (struct fuzz_op){FUZZ_CFG_WRITE, 1, 0, 0xd2, r & 1 ? 0x09 : 0x01};
    op[4] = (struct fuzz_op){FUZZ_CFG_WRITE, 2, 0, 0x04, 1};
    op[5] = (struct fuzz_op){FUZZ_WRITE, 1, 1, 4, r >> 8 & 0xff};
    op[6] = (struct fuzz_op){FUZZ_WRITE, 1, 1, 2, 0x40 | (r >> 16 & 0x1d)};
    op[7] = (struct fuzz_op){FUZZ_READ, 1, 1, 0, 0};
    op[8] = (struct fuzz_op){FUZZ_WRITE, 2, 0, 0, 0x2000 | (r >> 24 & 0x1c00)};
    return r & 2 ? 9 : 5;
}

FUZZ_TARGET(piix4_pm) = {
    .name = "piix4-pm",
    .about = "PIIX4 power management, SMBus, GPE0 and hot-plug registers",
    .setup = pm_setup,
    .reset = pm_rewind,
    .generate = pm_generate,
};

/* --- fw_cfg --- */

static struct fw_cfg fw_cfg;

static bool fw_cfg_setup(struct fuzz_world *w)
{
    static const uint8_t data[5000] = {1, 2, 3, 4, 5};
    struct fw_cfg_config cfg = {.ram_bytes = 64u << 20, .vcpus = 2, .boot_menu = true};

    fuzz_ports_add(w, "fw_cfg", 0x510, 12);
    return fw_cfg_init(&fw_cfg, &w->hw, &cfg) == 0 &&
           fw_cfg_add_file(&fw_cfg, "etc/long", data, sizeof(data)) == 0 &&
           fw_cfg_add_file(&fw_cfg, "etc/short", data, 3) == 0 &&
           fw_cfg_add_file(&fw_cfg, "etc/empty", data, 0) == 0 &&
           fw_cfg_add_item(&fw_cfg, 0x8003, data, 700) == 0 &&
           fw_cfg_add_item(&fw_cfg, 2, data, 16) == 0; /* the UUID */
}

/* A DMA request: control word, length and address in RAM, then the two halves of its place. */
static size_t fw_cfg_generate(uint64_t (*rnd)(void), struct fuzz_op *op, size_t max)
{
    static const uint16_t key[] = {0, 1, 3, 5, 0x0e, 0x19, 0x20, 0x21, 0x22, 0x8003, 0x7777};
    uint64_t r = rnd();
    uint32_t at = (uint32_t)(r >> 40 & 0x3fff0);
    uint32_t control = (uint32_t)key[(r >> 8) % 11] << 16 | (uint32_t)(r & 0x1f);
    uint32_t len = (uint32_t)(r >> 16 & 0xff) << (r >> 24 & 7);

    op[0] = (struct fuzz_op){FUZZ_RAM_WRITE, 4, 0, at, __builtin_bswap32(control)};
    op[1] = (struct fuzz_op){FUZZ_RAM_WRITE, 4, 0, at + 4, __builtin_bswap32(len)};
    op[2] = (struct fuzz_op){FUZZ_RAM_WRITE, 8, 0, at + 8, __builtin_bswap64(r >> 30 & 0xfffff)};
    op[3] = (struct fuzz_op){FUZZ_WRITE, 4, 0, 4, r & 0x1c0 ? 0 : UINT32_MAX};
    op[4] = (struct fuzz_op){FUZZ_WRITE, 4, 0, 8, r & 0x1c0 ? __builtin_bswap32(at) : UINT32_MAX};
    op[5] = (struct fuzz_op){FUZZ_RAM_READ, 4, 0, at, 0};
    if (r & 0x20) {
        op[0] = (struct fuzz_op){FUZZ_WRITE, 2, 0, 0, key[(r >> 8) % 11]};
        op[1] = (struct fuzz_op){FUZZ_READ_REP, 1, 0, 1, r >> 16 & 0x7ff};
        return 2;
    }
    return 6;
}

FUZZ_TARGET(fw_cfg) = {
    .name = "fw-cfg",
    .about = "fw_cfg items by ports and by DMA",
    .setup = fw_cfg_setup,
    .generate = fw_cfg_generate,
};
