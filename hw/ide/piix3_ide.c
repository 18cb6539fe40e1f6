/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IDE function of the PIIX3: configuration space, ports, state of the whole controller. 82371SB
 * data sheet (290550), 2.3 and 2.6. Not modelled: timing (IDETIM only keeps its value), the decode
 * enable bits of IDETIM and of the command register for the legacy ports: these always answer, as
 * firmware for this machine expects.
 */
#include "ide/ide_int.h"

#include <errno.h>
#include <string.h>

#define CONFIG_IDETIM   0x40u
#define CONFIG_SIDETIM  0x44u
#define CLASS_IDE       0x010180u /* bus master, both channels in legacy mode */
#define BM_PORTS        16u
#define BM_BAR          4u
#define DEVSEL_MEDIUM   0x0280u
#define MAX_CYLINDERS   16383u
#define DEFAULT_HEADS   16u
#define DEFAULT_SECTORS 63u

static const struct {
    uint16_t command;
    uint16_t control;
    const char *name;
} legacy[IDE_CHANNELS] = {
    {0x1f0, 0x3f6, "ide0"},
    {0x170, 0x376, "ide1"},
};

static struct ide *ide_of(struct device *dev)
{
    return (struct ide *)((char *)dev - offsetof(struct ide, dev));
}

/* --- device class --- */

static void ide_reset(struct device *dev, enum reset_kind kind)
{
    struct ide *ide = ide_of(dev);

    for (unsigned i = 0; i < IDE_CHANNELS; i++) {
        ide_channel_reset(&ide->channel[i], kind);
    }
    pci_function_reset(&ide->fn);
}

static void ide_resume(struct device *dev)
{
    struct ide *ide = ide_of(dev);

    pci_function_resume(&ide->fn);
    for (unsigned i = 0; i < IDE_CHANNELS; i++) {
        struct ide_channel *ch = &ide->channel[i];

        /* The old request belongs to the state that was replaced; it must not complete into it. */
        if (ch->in_flight) {
            uint8_t req = ch->s->req;

            ide_cancel(ch);
            ch->s->req = req;
        }
        ide_irq_update(ch);
        if (ch->s->phase == IDE_BACKEND) {
            ide_resubmit(ch);
        }
    }
}

static const struct device_class ide_class = {
    .name = "piix3-ide",
    .state = &ide_state_type,
    .reset = ide_reset,
    .check = ide_state_check,
    .resume = ide_resume,
};

/* --- set-up --- */

/* Bus mastering was switched: a transfer may have waited for it. */
static void config_written(void *opaque, unsigned off, unsigned size)
{
    struct ide *ide = opaque;

    for (unsigned i = 0; i < IDE_CHANNELS; i++) {
        if (ide->channel[i].s->phase == IDE_DMA_WAIT) {
            bm_run(&ide->channel[i]);
        }
    }
}

static void function_describe(struct ide *ide, uint8_t devfn)
{
    struct pci_function *fn = &ide->fn;

    fn->name = "piix3-ide";
    fn->devfn = devfn;
    fn->s = &ide->s->pci[0];
    pci_set_ids(fn, 0x8086, 0x7010, 0, CLASS_IDE);
    pci_put16(fn->reset_config, 0x06, DEVSEL_MEDIUM);
    pci_put16(fn->reset_config, 0x2c, 0x1af4);
    pci_put16(fn->reset_config, 0x2e, 0x1100);
    memset(fn->wmask + CONFIG_IDETIM, 0xff, 4);
    fn->wmask[CONFIG_SIDETIM] = 0xff;
    fn->bar[BM_BAR].kind = PCI_BAR_IO;
    fn->bar[BM_BAR].size = BM_PORTS;
    fn->bar[BM_BAR].region = &ide->bm_ports;
    fn->config_written = config_written;
    fn->opaque = ide;
    ide->bm_ports = (struct region){.name = "ide-bm",
                                    .regs = ide_bm_regs,
                                    .nregs = IDE_BM_NREGS,
                                    .opaque = ide,
                                    .len = BM_PORTS,
                                    .posted = {{4, 4}, {12, 4}}}; /* the descriptor tables */
}

/* The geometry that a disk of this size reports: 16 heads, 63 sectors, at least 2 cylinders. */
static int drive_geometry(struct ide_drive *d, const struct ide_drive_config *cfg)
{
    uint64_t cylinders = ata_sectors(d) / (DEFAULT_HEADS * DEFAULT_SECTORS);

    if (cfg->cylinders == 0) {
        cylinders = cylinders < 2 ? 2 : cylinders;
        d->cylinders = (uint16_t)(cylinders < MAX_CYLINDERS ? cylinders : MAX_CYLINDERS);
        d->heads = DEFAULT_HEADS;
        d->sectors = DEFAULT_SECTORS;
        return 0;
    }
    d->cylinders = cfg->cylinders;
    d->heads = cfg->heads;
    d->sectors = cfg->sectors;
    return d->heads < 1 || d->heads > 16 || d->sectors < 1 || d->sectors > 63 ? -EINVAL : 0;
}

static int drive_init(struct ide_channel *ch, unsigned unit, const struct ide_drive_config *cfg)
{
    struct ide_drive *d = &ch->drive[unit];

    d->kind = cfg->kind;
    d->index = ch->n * 2 + unit;
    d->blk = cfg->kind == IDE_KIND_NONE ? NULL : cfg->blk;
    d->serial = cfg->serial;
    d->firmware = cfg->firmware;
    d->model = cfg->model;
    d->ch = ch;
    d->s = &ch->s->drive[unit];
    if (d->kind == IDE_KIND_DISK && ata_sectors(d) == 0) {
        return -EINVAL;
    }
    return drive_geometry(d, cfg);
}

static int channel_init(struct ide *ide, unsigned n, const struct hw *hw,
                        const struct ide_config *cfg)
{
    struct ide_channel *ch = &ide->channel[n];
    int err = 0;

    ch->ide = ide;
    ch->n = n;
    ch->s = &ide->s->channel[n];
    ch->irq = cfg->irq[n];
    ch->dma = hw->dma;
    for (unsigned unit = 0; unit < 2 && !err; unit++) {
        err = drive_init(ch, unit, &cfg->drive[n * 2 + unit]);
    }
    if (err) {
        return err;
    }
    ch->command_ports = region_of(legacy[n].name, ide_command_regs, 8, ch);
    ch->command_ports.posted[0] = (struct region_posted){1, 5}; /* Features to LBA High */
    ch->control_port = (struct region){
        .name = legacy[n].name, .regs = ide_control_regs, .nregs = 1, .opaque = ch, .len = 1};
    err = bus_map(hw->pio, &ch->command_ports, legacy[n].command);
    return err ? err : bus_map(hw->pio, &ch->control_port, legacy[n].control);
}

int ide_init(struct ide *ide, const struct hw *hw, struct pci_bus *bus,
             const struct ide_config *cfg)
{
    int err;

    memset(ide, 0, sizeof(*ide));
    err = arena_add(hw->arena, &ide->dev, &ide_class, "ide");
    if (err) {
        return err;
    }
    ide->s = ide->dev.state;
    for (unsigned n = 0; n < IDE_CHANNELS; n++) {
        err = channel_init(ide, n, hw, cfg);
        if (err) {
            return err;
        }
    }
    function_describe(ide, cfg->devfn);
    return pci_add(bus, &ide->fn);
}

/* --- media --- */

static struct ide_drive *cd_drive(struct ide *ide, unsigned drive)
{
    struct ide_drive *d = drive < IDE_DRIVES ? &ide->channel[drive / 2].drive[drive % 2] : NULL;

    return d && d->kind == IDE_KIND_CD ? d : NULL;
}

/* The medium becomes another, comes or goes: a read in progress fails. */
static void medium_replace(struct ide_drive *d, struct blk *blk, bool open)
{
    struct ide_channel *ch = d->ch;
    bool there = blk_present(blk) && !open;
    bool reading = ide_selected(ch) == d &&
                   (ch->s->work == IDE_WORK_CD_READ || ch->s->work == IDE_WORK_CD_READ_DMA);

    if (reading && ch->s->phase != IDE_PIO_IN) {
        ide_cancel(ch);
    }
    d->blk = blk;
    d->s->tray_open = open;
    d->s->media_change = there ? 2 : 0;
    d->s->media_event = there ? EVENT_NEW_MEDIA : EVENT_MEDIA_REMOVAL;
    if (reading && ch->s->phase != IDE_PIO_IN) {
        atapi_check(d, SENSE_MEDIUM_ERROR, 0x11, 0x00);
    } else if (reading) {
        ch->s->left = 0; /* what was read before may still be taken; the rest is gone */
    }
}

int ide_media_change(struct ide *ide, unsigned drive, struct blk *blk)
{
    struct ide_drive *d = cd_drive(ide, drive);

    if (!d) {
        return -EINVAL;
    }
    medium_replace(d, blk, false);
    return 0;
}

int ide_tray_move(struct ide *ide, unsigned drive, bool open)
{
    struct ide_drive *d = cd_drive(ide, drive);

    if (!d) {
        return -EINVAL;
    }
    if (ide_tray_open(ide, drive) != open) {
        medium_replace(d, d->blk, open);
    }
    return 0;
}

bool ide_tray_open(const struct ide *ide, unsigned drive)
{
    return drive < IDE_DRIVES && ide->channel[drive / 2].drive[drive % 2].s->tray_open;
}

bool ide_tray_locked(const struct ide *ide, unsigned drive)
{
    return drive < IDE_DRIVES && ide->channel[drive / 2].drive[drive % 2].s->locked;
}

void ide_unplug(struct ide *ide, unsigned drive)
{
    struct ide_drive *d = drive < IDE_DRIVES ? &ide->channel[drive / 2].drive[drive % 2] : NULL;

    if (!d || d->kind != IDE_KIND_DISK) {
        return;
    }
    if (ide_selected(d->ch) == d && d->ch->s->phase != IDE_IDLE) {
        ide_channel_reset(d->ch, RESET_HARD);
    }
    d->kind = IDE_KIND_NONE;
    d->blk = NULL;
    d->s->status = 0;
}

bool ide_in_flight(const struct ide *ide)
{
    return ide->channel[0].in_flight || ide->channel[1].in_flight;
}
