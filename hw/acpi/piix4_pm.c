/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 82371AB (PIIX4), function 3: power management. Sources: Intel 82371AB data sheet 290562, chapters
 * 7 and 11; ACPI specification 1.0b chapter 4.7 for PM1_CNT and GPE0. The blocks at AE00h, AF00h
 * and AFE0h are not Intel's: firmware tables of this class of machine look for them there. Not
 * modelled: SMI, device monitors, the global and GPIO registers, hot-plug itself. PM1a_EVT and the
 * PM timer are the core's.
 */
#include "acpi/piix4_pm.h"

#include <errno.h>
#include <string.h>

#define VENDOR_INTEL   0x8086
#define DEVICE_82371AB 0x7113
#define SUBSYSTEM_ID   0x11001af4u
#define CLASS_BRIDGE   0x068000

#define PCI_COMMAND        0x04
#define PCI_STATUS         0x06
#define PCI_SUBSYSTEM      0x2c
#define PCI_INTERRUPT_LINE 0x3c
#define PCI_INTERRUPT_PIN  0x3d

/* Configuration registers. */
#define PMBA          0x40
#define PMBA_MASK     0xffc0u
#define DEVACTB       0x58
#define DEVACTB_APMC  0x02 /* in byte 3: APMC_EN. Set, firmware takes SMM for already set up */
#define PMREGMISC     0x80
#define PMREGMISC_EN  0x01u
#define SMBBA         0x90
#define SMBBA_MASK    0xfff0u
#define SMBHSTCFG     0xd2
#define SMBHSTCFG_EN  0x01u
#define SMBHSTCFG_SEL 0x0eu
#define SMBHSTCFG_IRQ 0x08u /* interrupt by IRQ 9, not by SMI */

/* PM1a_CNT: offset from the base, bits. */
#define PM1_CNT         4
#define PM1_CNT_SCI_EN  0x0001u
#define PM1_CNT_SLP_EN  0x2000u
#define PM1_CNT_STORED  0x1c03u /* SLP_TYP, BRLD_EN_BM, SCI_EN */
#define PM1_SLP_TYP(v)  (((v) >> 10) & 7)
#define SLP_TYP_OFF     0
#define SLP_TYP_SUSPEND 1

#define APM_BASE          0xb2
#define APMC_ACPI_ENABLE  0xf1
#define APMC_ACPI_DISABLE 0xf0

#define GPE0_BASE    0xafe0
#define HOTPLUG_BASE 0xae00
#define CPUS_BASE    0xaf00
#define CPUS_LEN     32u
#define GPE_CPUS     2u

/* SMBus host registers: offsets and bits. */
#define SMBHSTSTS_DEV_ERR 0x04u
#define SMBHSTSTS_FAILED  0x10u
#define SMBHSTSTS_W1C     0x1eu
#define SMBHSTCNT_INTEREN 0x01u
#define SMBHSTCNT_KILL    0x02u
#define SMBHSTCNT_START   0x40u
#define SMBHSTCNT_STORED  0x1du

STATE_TYPE(piix4_pm_state, PIIX4_PM_STATE);

/* --- SCI: the level of this chip's share --- */

static bool smbus_interrupts(const struct piix4_pm_state *s)
{
    return (s->smbhstcnt & SMBHSTCNT_INTEREN) && (s->smbhststs & SMBHSTSTS_W1C) &&
           (s->pci[0].config[SMBHSTCFG] & SMBHSTCFG_SEL) == SMBHSTCFG_IRQ;
}

static void sci_update(struct piix4_pm *d)
{
    const struct piix4_pm_state *s = d->s;
    bool gpe = (s->pm1_cnt & PM1_CNT_SCI_EN) && (s->gpe0_sts & s->gpe0_en);

    irq_set(&d->config.sci, gpe || smbus_interrupts(s));
}

/* --- PM1a_CNT: 290562 chapter 7.2.3 --- */

static uint64_t pm1_cnt_read(void *opaque, uint32_t off, unsigned size)
{
    const struct piix4_pm *d = opaque;

    return d->s->pm1_cnt >> (off * 8);
}

static void sleep_enter(struct piix4_pm *d, unsigned slp_typ)
{
    if (slp_typ == SLP_TYP_OFF) {
        power_request(&d->power, POWER_OFF, 0);
    } else if (slp_typ == SLP_TYP_SUSPEND) {
        power_request(&d->power, POWER_SUSPEND, 0);
    }
}

/* A byte write changes its byte; SLP_EN lies in the high one and acts on the type written there. */
static void pm1_cnt_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    struct piix4_pm *d = opaque;
    unsigned mask = (size == 2 ? 0xffffu : 0xffu) << (off * 8);
    unsigned bits = (unsigned)(val << (off * 8)) & mask;

    d->s->pm1_cnt = (uint16_t)(((d->s->pm1_cnt & ~mask) | bits) & PM1_CNT_STORED);
    if (bits & PM1_CNT_SLP_EN) {
        sleep_enter(d, PM1_SLP_TYP(d->s->pm1_cnt));
    }
    sci_update(d);
}

static const struct reg pm1_cnt_regs[] = {
    {0, 2, BUS_W1 | BUS_W2, pm1_cnt_read, pm1_cnt_write, "PM1a_CNT"},
};

/* --- APM control and status: 290562 chapter 7.1 --- */

static uint64_t apm_read(void *opaque, uint32_t off, unsigned size)
{
    const struct piix4_pm *d = opaque;

    return off == 0 ? d->s->apmc : d->s->apms;
}

/* An SMI handler would switch ACPI on and off; without SMM the chip does it itself. */
static void apm_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    struct piix4_pm *d = opaque;

    if (off == 1) {
        d->s->apms = (uint8_t)val;
        return;
    }
    d->s->apmc = (uint8_t)val;
    if (val == APMC_ACPI_ENABLE) {
        d->s->pm1_cnt |= PM1_CNT_SCI_EN;
    } else if (val == APMC_ACPI_DISABLE) {
        d->s->pm1_cnt &= (uint16_t)~PM1_CNT_SCI_EN;
    }
    sci_update(d);
}

static const struct reg apm_regs[] = {
    {0, 2, BUS_W1, apm_read, apm_write, "APMC, APMS"},
};

/* --- GPE0: two bytes of status, two of enable --- */

static uint64_t gpe0_read(void *opaque, uint32_t off, unsigned size)
{
    const struct piix4_pm *d = opaque;

    return (d->s->gpe0_sts | (uint32_t)d->s->gpe0_en << 16) >> (off * 8);
}

static void gpe0_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    struct piix4_pm *d = opaque;
    unsigned shift = (off & 1) * 8;

    if (off < 2) {
        d->s->gpe0_sts &= (uint16_t) ~((unsigned)val << shift);
    } else {
        d->s->gpe0_en = (uint16_t)((d->s->gpe0_en & ~(0xffu << shift)) | (unsigned)val << shift);
    }
    sci_update(d);
}

static const struct reg gpe0_regs[] = {
    {0, 4, BUS_W1, gpe0_read, gpe0_write, "GPE0"},
};

void piix4_pm_gpe(struct piix4_pm *d, unsigned pin)
{
    d->s->gpe0_sts |= (uint16_t)(1u << (pin & 15));
    sci_update(d);
}

/* --- hot-plug registers --- */

/* Nothing was inserted or removed and nothing can be ejected: everything reads zero. */
static uint64_t hotplug_read(void *opaque, uint32_t off, unsigned size)
{
    return 0;
}

static void hotplug_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
}

static const struct reg hotplug_regs[] = {
    {0x00, 0x14, BUS_W1 | BUS_W2 | BUS_W4, hotplug_read, hotplug_write, "PCI hot-plug"},
};

/* Bit n of the map: CPU n is there. */
static uint64_t cpus_read(void *opaque, uint32_t off, unsigned size)
{
    const struct piix4_pm *d = opaque;
    unsigned first = off * 8;

    if (d->config.vcpus >= first + 8) {
        return 0xff;
    }
    return d->config.vcpus > first ? (1u << (d->config.vcpus - first)) - 1 : 0;
}

int piix4_pm_cpu_add(struct piix4_pm *d, unsigned cpu)
{
    if (cpu != d->config.vcpus || cpu >= CPUS_LEN * 8) {
        return cpu < d->config.vcpus ? -EEXIST : -EINVAL;
    }
    d->config.vcpus++;
    piix4_pm_gpe(d, GPE_CPUS);
    return 0;
}

static const struct reg cpus_regs[] = {
    {0, CPUS_LEN, BUS_W1, cpus_read, hotplug_write, "CPUs present"},
};

/* --- SMBus host controller: 290562 chapter 11.3. There is no slave on the bus. --- */

static uint64_t smbus_block_read(struct piix4_pm_state *s)
{
    uint8_t val = s->smbblk[s->smbblk_index];

    s->smbblk_index = (s->smbblk_index + 1) % PIIX4_PM_SMBUS_BLOCK;
    return val;
}

static uint64_t smbus_read(void *opaque, uint32_t off, unsigned size)
{
    struct piix4_pm_state *s = ((struct piix4_pm *)opaque)->s;

    switch (off) {
    case 0:
        return s->smbhststs;
    case 2:
        s->smbblk_index = 0;
        return s->smbhstcnt;
    case 3:
        return s->smbhstcmd;
    case 4:
        return s->smbhstadd;
    case 5:
        return s->smbhstdat0;
    case 6:
        return s->smbhstdat1;
    case 7:
        return smbus_block_read(s);
    default:
        return 0; /* slave interface: idle */
    }
}

/* Nobody acknowledges the address, so every transaction ends at once in a device error. */
static void smbus_control(struct piix4_pm_state *s, uint8_t val)
{
    s->smbhstcnt = val & SMBHSTCNT_STORED;
    if (val & SMBHSTCNT_KILL) {
        s->smbhststs |= SMBHSTSTS_FAILED;
    } else if (val & SMBHSTCNT_START) {
        s->smbhststs |= SMBHSTSTS_DEV_ERR;
    }
}

static void smbus_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    struct piix4_pm *d = opaque;
    struct piix4_pm_state *s = d->s;

    switch (off) {
    case 0:
        s->smbhststs &= (uint8_t) ~(val & SMBHSTSTS_W1C);
        break;
    case 2:
        smbus_control(s, (uint8_t)val);
        break;
    case 3:
        s->smbhstcmd = (uint8_t)val;
        break;
    case 4:
        s->smbhstadd = (uint8_t)val;
        break;
    case 5:
        s->smbhstdat0 = (uint8_t)val;
        break;
    case 6:
        s->smbhstdat1 = (uint8_t)val;
        break;
    case 7:
        s->smbblk[s->smbblk_index] = (uint8_t)val;
        s->smbblk_index = (s->smbblk_index + 1) % PIIX4_PM_SMBUS_BLOCK;
        break;
    default:
        break;
    }
    sci_update(d);
}

static const struct reg smbus_regs[] = {
    {0, 14, BUS_W1, smbus_read, smbus_write, "SMBus host"},
};

/* --- configuration space: where the blocks are --- */

static uint16_t pm_base(const struct piix4_pm_state *s)
{
    bool enabled = s->pci[0].config[PMREGMISC] & PMREGMISC_EN;

    return enabled ? pci_get16(s->pci[0].config, PMBA) & PMBA_MASK : 0;
}

static uint16_t smbus_base(const struct piix4_pm_state *s)
{
    bool enabled = s->pci[0].config[SMBHSTCFG] & SMBHSTCFG_EN;

    return enabled ? pci_get16(s->pci[0].config, SMBBA) & SMBBA_MASK : 0;
}

/* A base of 0 means not decoded: port 0 is the DMA controller's. */
static void block_map(struct bus *pio, struct region *r, uint16_t base, unsigned offset)
{
    if (base) {
        (void)bus_map(pio, r, base + offset);
    } else {
        bus_unmap(pio, r);
    }
}

static void blocks_update(struct piix4_pm *d)
{
    uint16_t base = pm_base(d->s);

    block_map(d->pio, &d->pm1_cnt, base, PM1_CNT);
    block_map(d->pio, &d->smbus, smbus_base(d->s), 0);
    d->config.pm_base(d->config.opaque, base);
}

static void piix4_pm_config_written(void *opaque, unsigned off, unsigned size)
{
    struct piix4_pm *d = opaque;

    if (pci_touches(off, size, PMBA, 2) || pci_touches(off, size, PMREGMISC, 1) ||
        pci_touches(off, size, SMBBA, 2) || pci_touches(off, size, SMBHSTCFG, 1)) {
        blocks_update(d);
        sci_update(d);
    }
}

/* --- life --- */

static void piix4_pm_reset(struct device *dev, enum reset_kind kind)
{
    struct piix4_pm *d = (struct piix4_pm *)dev;

    *d->s = (struct piix4_pm_state){0};
    pci_function_reset(&d->pci);
    blocks_update(d);
    sci_update(d);
}

static int piix4_pm_check(const void *state)
{
    const struct piix4_pm_state *s = state;

    if (s->smbblk_index >= PIIX4_PM_SMBUS_BLOCK || (s->pm1_cnt & ~PM1_CNT_STORED)) {
        return -EINVAL;
    }
    return (s->smbhststs & ~SMBHSTSTS_W1C) || (s->smbhstcnt & ~SMBHSTCNT_STORED) || s->reserved
               ? -EINVAL
               : 0;
}

static void piix4_pm_resume(struct device *dev)
{
    struct piix4_pm *d = (struct piix4_pm *)dev;

    pci_function_resume(&d->pci);
    blocks_update(d);
    sci_update(d);
}

static const struct device_class piix4_pm_class = {
    .name = "piix4-pm",
    .state = &piix4_pm_state_type,
    .reset = piix4_pm_reset,
    .check = piix4_pm_check,
    .resume = piix4_pm_resume,
};

static void piix4_pm_set_up_config(struct pci_function *pci)
{
    uint8_t *c = pci->reset_config;

    pci_set_ids(pci, VENDOR_INTEL, DEVICE_82371AB, 0x03, CLASS_BRIDGE);
    pci_put16(c, PCI_STATUS, 0x0280);
    pci_put32(c, PCI_SUBSYSTEM, SUBSYSTEM_ID);
    c[PCI_INTERRUPT_LINE] = PIIX4_PM_SCI_IRQ;
    c[PCI_INTERRUPT_PIN] = 1;
    pci_put32(c, PMBA, 1);
    c[DEVACTB + 3] = DEVACTB_APMC;
    pci_put32(c, SMBBA, 1);

    pci_put32(pci->wmask, PMBA, PMBA_MASK);
    memset(&pci->wmask[0x44], 0xff, PMREGMISC - 0x44); /* CNTA to DEVRES: storage */
    pci->wmask[PMREGMISC] = PMREGMISC_EN;
    pci_put32(pci->wmask, SMBBA, SMBBA_MASK);
    pci->wmask[SMBHSTCFG] = SMBHSTCFG_EN | SMBHSTCFG_SEL;
    memset(&pci->wmask[0xd3], 0xff, 3); /* SMBSLVC, SMBSHDW1, SMBSHDW2 */
}

static int piix4_pm_map_fixed(struct piix4_pm *d)
{
    int err = bus_map(d->pio, &d->apm, APM_BASE);

    err = err ? err : bus_map(d->pio, &d->gpe0, GPE0_BASE);
    err = err ? err : bus_map(d->pio, &d->hotplug, HOTPLUG_BASE);
    return err ? err : bus_map(d->pio, &d->cpus, CPUS_BASE);
}

int piix4_pm_init(struct piix4_pm *d, const struct hw *hw, struct pci_bus *bus,
                  const struct piix4_pm_config *config)
{
    int err = arena_add(hw->arena, &d->dev, &piix4_pm_class, "piix4-pm");

    if (err) {
        return err;
    }
    d->s = d->dev.state;
    d->pio = hw->pio;
    d->power = hw->power;
    d->config = *config;
    d->pm1_cnt = region_of("pm1a-cnt", pm1_cnt_regs, 2, d);
    d->smbus = region_of("smbus", smbus_regs, 14, d);
    d->apm = region_of("apm", apm_regs, 2, d);
    d->gpe0 = region_of("gpe0", gpe0_regs, 4, d);
    d->hotplug = region_of("pci-hotplug", hotplug_regs, 0x14, d);
    d->cpus = region_of("cpus", cpus_regs, CPUS_LEN, d);
    d->pci = (struct pci_function){
        .name = "piix4-pm",
        .devfn = PIIX4_PM_DEVFN,
        .s = &d->s->pci[0],
        .config_written = piix4_pm_config_written,
        .opaque = d,
    };
    piix4_pm_set_up_config(&d->pci);
    err = pci_add(bus, &d->pci);
    return err ? err : piix4_pm_map_fixed(d);
}
