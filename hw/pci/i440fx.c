/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 82441FX (PMC) host bridge. Source: Intel 440FX PCIset data sheet 290549-001, chapter 3.2.
 * Not modelled: DRAM timing and sizing (registers are storage), system management RAM (the machine
 * has no SMM, so SMRAM opens nothing).
 */
#include "pci/i440fx.h"

#include <errno.h>
#include <string.h>

#define VENDOR_INTEL   0x8086
#define DEVICE_82441FX 0x1237
#define SUBSYSTEM_ID   0x11001af4u /* 1AF4:1100, by which SeaBIOS knows this machine */
#define CLASS_HOST     0x060000
#define PCI_COMMAND    0x04
#define PCI_STATUS     0x06
#define PCI_SUBSYSTEM  0x2c

/* Device-specific registers. */
#define PMCCFG 0x50 /* to DRAMT 58h: configuration and timing */
#define PAM0   0x59
#define PAM6   0x5f
#define DRB0   0x60 /* to FDHC 68h */
#define MTT    0x70 /* and CLT 71h */
#define SMRAM  0x72
#define ERRCMD 0x90
#define TRC    0x93

#define PAM_READ  0x1u /* reads go to DRAM */
#define PAM_WRITE 0x2u
#define PAM_RW    (PAM_READ | PAM_WRITE)

#define SMRAM_FIXED 0x02u /* C_BASE_SEG: A0000 */
#define SMRAM_LCK   0x10u
#define SMRAM_OPEN  0x40u
#define SMRAM_WMASK 0x78u

#define SEGMENT_BASE  0xc0000u
#define SEGMENT_SIZE  0x4000u
#define ISA_BIOS_SIZE 0x20000u
#define ISA_TOP       0x100000u
#define FOUR_GIB      0x100000000ull
#define MAX_BIOS_SIZE 0x1000000u

/* Shadow memory and flash lie above RAM in the memory map. */
#define AREA_PRIORITY 10

STATE_TYPE(i440fx_state, I440FX_STATE);

/* --- shadow memory: chapter 3.2.13, PAM --- */

/* PAM0's high nibble is F0000-FFFFF; PAM1 low, PAM1 high, PAM2 low ... ascend from C0000. */
static unsigned segment_attribute(const uint8_t *config, unsigned n)
{
    uint8_t reg = n == I440FX_SEGMENTS - 1 ? config[PAM0] : config[PAM0 + 1 + n / 2];
    bool high_nibble = n == I440FX_SEGMENTS - 1 || n % 2 == 1;

    return (high_nibble ? reg >> 4 : reg) & PAM_RW;
}

/* What lies on PCI behind a segment: the end of the BIOS image below 1 MiB, else nothing. */
static void segment_show_pci(struct i440fx *d, struct mem_area *a)
{
    uint32_t below_top = ISA_TOP - (uint32_t)a->gpa;
    uint32_t isa_size = d->config.bios_size < ISA_BIOS_SIZE ? d->config.bios_size : ISA_BIOS_SIZE;

    a->kind = below_top <= isa_size ? MEM_ROM : MEM_HOLE;
    a->object = d->config.bios_object;
    a->offset = a->kind == MEM_ROM ? d->config.bios_size - below_top : 0;
}

/* PAM "write only": what PCI shows is read, writes land in the DRAM behind it. */
static void shadow_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct i440fx_shadow *s = dev;

    dma_write(s->host->dma, s->start + off, &val, size);
}

static const struct reg shadow_regs[] = {
    {0, 4 * SEGMENT_SIZE, BUS_W1 | BUS_W2 | BUS_W4 | BUS_W8, NULL, shadow_write, "PAM"},
};

static void segment_write_only(struct i440fx *d, unsigned n, bool on)
{
    if (on) {
        (void)bus_map(d->mmio, &d->shadow[n].region, d->segment[n].gpa);
    } else {
        bus_unmap(d->mmio, &d->shadow[n].region);
    }
}

static void segment_update(struct i440fx *d, unsigned n)
{
    struct mem_area *a = &d->segment[n];
    unsigned attribute = segment_attribute(d->s->pci[0].config, n);

    if (attribute & PAM_READ) {
        a->kind = attribute & PAM_WRITE ? MEM_RAM : MEM_ROM;
        a->object = MEM_OBJECT_RAM;
        a->offset = a->gpa;
    } else {
        segment_show_pci(d, a);
    }
    segment_write_only(d, n, attribute == PAM_WRITE);
}

static void shadow_update(struct i440fx *d)
{
    if (d->config.bios_size == 0) {
        return;
    }
    for (unsigned n = 0; n < I440FX_SEGMENTS; n++) {
        segment_update(d, n);
    }
    memmap_commit(d->mem);
}

/* --- SMRAM: chapter 3.2.17 --- */

/* D_LCK closes SMRAM and makes the whole register read-only until reset. */
static void smram_update(struct i440fx *d)
{
    uint8_t *smram = &d->s->pci[0].config[SMRAM];

    if (*smram & SMRAM_LCK) {
        *smram &= (uint8_t)~SMRAM_OPEN;
        d->pci.wmask[SMRAM] = 0;
    } else {
        d->pci.wmask[SMRAM] = SMRAM_WMASK;
    }
}

static void i440fx_config_written(void *opaque, unsigned off, unsigned size)
{
    struct i440fx *d = opaque;

    if (pci_touches(off, size, PAM0, PAM6 - PAM0 + 1)) {
        shadow_update(d);
    }
    smram_update(d);
}

/* --- life --- */

static void i440fx_reset(struct device *dev, enum reset_kind kind)
{
    struct i440fx *d = (struct i440fx *)dev;

    pci_function_reset(&d->pci);
    shadow_update(d);
    smram_update(d);
}

static int i440fx_check(const void *state)
{
    const struct i440fx_state *s = state;
    uint8_t smram = s->pci[0].config[SMRAM];

    return (smram & SMRAM_LCK) && (smram & SMRAM_OPEN) ? -EINVAL : 0;
}

static void i440fx_resume(struct device *dev)
{
    struct i440fx *d = (struct i440fx *)dev;

    d->pci.wmask[SMRAM] = SMRAM_WMASK; /* whatever it holds, the guest once wrote */
    pci_function_resume(&d->pci);
    shadow_update(d);
    smram_update(d);
}

static const struct device_class i440fx_class = {
    .name = "i440fx",
    .state = &i440fx_state_type,
    .reset = i440fx_reset,
    .check = i440fx_check,
    .resume = i440fx_resume,
};

/* Reset values: 440FX data sheet, table 3. */
static void i440fx_set_up_config(struct pci_function *pci)
{
    uint8_t *c = pci->reset_config;

    pci_set_ids(pci, VENDOR_INTEL, DEVICE_82441FX, 0x02, CLASS_HOST);
    pci_put16(c, PCI_COMMAND, 0x0006);
    pci_put16(c, PCI_STATUS, 0x0280);
    pci_put32(c, PCI_SUBSYSTEM, SUBSYSTEM_ID);
    memset(&c[DRB0], 0x01, 8);
    c[SMRAM] = SMRAM_FIXED;

    memset(&pci->wmask[PMCCFG], 0xff, PAM0 - PMCCFG);
    pci->wmask[PAM0] = 0x30;
    memset(&pci->wmask[PAM0 + 1], 0x33, PAM6 - PAM0);
    memset(&pci->wmask[DRB0], 0xff, 9);
    memset(&pci->wmask[MTT], 0xff, 2);
    pci->wmask[SMRAM] = SMRAM_WMASK;
    pci->wmask[ERRCMD] = 0xff;
    pci->wmask[TRC] = 0x0f;
}

static int i440fx_set_up_areas(struct i440fx *d, const struct hw *hw)
{
    int err = 0;

    for (unsigned n = 0; n < I440FX_SEGMENTS && !err; n++) {
        d->segment[n] = (struct mem_area){
            .name = "pam",
            .gpa = SEGMENT_BASE + n * SEGMENT_SIZE,
            .len = n == I440FX_SEGMENTS - 1 ? 4 * SEGMENT_SIZE : SEGMENT_SIZE,
            .priority = AREA_PRIORITY,
            .kind = MEM_HOLE,
            .enabled = true,
        };
        err = memmap_add(hw->mem, &d->segment[n]);
        d->shadow[n].host = d;
        d->shadow[n].start = (uint32_t)d->segment[n].gpa;
        d->shadow[n].region = (struct region){
            .name = "pam",
            .regs = shadow_regs,
            .nregs = 1,
            .opaque = &d->shadow[n],
            .len = d->segment[n].len,
        };
    }
    d->flash = (struct mem_area){
        .name = "flash",
        .gpa = FOUR_GIB - d->config.bios_size,
        .len = d->config.bios_size,
        .object = d->config.bios_object,
        .kind = MEM_ROM,
        .priority = AREA_PRIORITY,
        .enabled = true,
    };
    return err ? err : memmap_add(hw->mem, &d->flash);
}

int i440fx_init(struct i440fx *d, const struct hw *hw, struct pci_bus *bus,
                const struct i440fx_config *config)
{
    if (config->bios_size % SEGMENT_SIZE || config->bios_size > MAX_BIOS_SIZE) {
        return -EINVAL;
    }
    int err = arena_add(hw->arena, &d->dev, &i440fx_class, "i440fx");

    if (err) {
        return err;
    }
    d->s = d->dev.state;
    d->mem = hw->mem;
    d->mmio = hw->mmio;
    d->dma = hw->dma;
    d->config = *config;
    d->pci = (struct pci_function){
        .name = "i440fx",
        .devfn = I440FX_DEVFN,
        .s = &d->s->pci[0],
        .config_written = i440fx_config_written,
        .opaque = d,
    };
    i440fx_set_up_config(&d->pci);
    err = pci_add(bus, &d->pci);
    /* Memory and bus-master enable are hard-wired; SERR and parity enable are not. */
    pci_put16(d->pci.wmask, PCI_COMMAND, 0x0140);
    d->pci.wmask[0x3c] = 0;
    if (err || config->bios_size == 0) {
        return err;
    }
    return i440fx_set_up_areas(d, hw);
}
