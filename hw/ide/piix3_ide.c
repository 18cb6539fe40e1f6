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

STATE_TYPE(ide_drive_state, IDE_DRIVE_STATE);
STATE_TYPE(ide_channel_state, IDE_CHANNEL_STATE);
STATE_TYPE(ide_state, IDE_STATE);

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

static bool drive_state_ok(const struct ide_drive_state *d)
{
    bool multiple_ok = d->multiple <= IDE_BUF_SECTORS && !(d->multiple & (d->multiple - 1));

    return multiple_ok && d->heads >= 1 && d->heads <= 16 && d->sectors >= 1 &&
           d->write_cache <= 1 && d->look_ahead <= 1 && d->keep_settings <= 1 && d->smart <= 1 &&
           d->smart_autosave <= 1 && d->smart_tests <= IDE_SELF_TESTS &&
           d->smart_next < IDE_SELF_TESTS && d->tray_open <= 1 && d->locked <= 1 &&
           d->media_change <= 2 && d->media_event <= 3 && d->transfer_mode < 0x48;
}

static bool prds_ok(const struct ide_channel_state *s)
{
    if (s->prd_n > IDE_PRDS || s->prd_i > s->prd_n || s->prd_end >= IDE_PRD_ENDS) {
        return false;
    }
    for (unsigned i = 0; i < s->prd_n; i++) {
        if (s->prd_len[i] < 1 || s->prd_len[i] > 0x10000) {
            return false;
        }
    }
    return s->prd_off == 0 || (s->prd_i < s->prd_n && s->prd_off < s->prd_len[s->prd_i]);
}

/* Work that goes through blocks of 512 or CD blocks, by PIO or DMA. */
static bool block_ok(const struct ide_channel_state *s)
{
    switch (s->work) {
    case IDE_WORK_CD_READ:
    case IDE_WORK_CD_READ_DMA:
        return s->block == CD_BLOCK || s->block == CD_RAW_BLOCK;
    case IDE_WORK_NONE:
        return s->block == BLK_SECTOR || s->block == CD_BLOCK || s->block == CD_RAW_BLOCK;
    case IDE_WORK_PACKET:
    case IDE_WORK_CD_REPLY:
    case IDE_WORK_CD_REPLY_DMA:
    case IDE_WORK_REPLY:
    case IDE_WORK_FLUSH:
        return s->block != 0;
    default:
        return s->block == BLK_SECTOR;
    }
}

static bool pio_ok(const struct ide_channel_state *s)
{
    uint32_t bytes = s->end - s->pos;

    if (s->pos >= s->end || s->end > IDE_BUF) {
        return false;
    }
    switch (s->work) {
    case IDE_WORK_REPLY:
        return s->phase == IDE_PIO_IN;
    case IDE_WORK_CD_REPLY:
    case IDE_WORK_CD_READ:
        return s->phase == IDE_PIO_IN && s->end <= s->fill &&
               (s->limit >= 2 || s->fill <= s->limit);
    case IDE_WORK_READ:
        return s->phase == IDE_PIO_IN && s->end <= s->fill && s->left >= 1 &&
               (uint64_t)s->left * BLK_SECTOR >= s->fill - (s->end - bytes);
    case IDE_WORK_WRITE:
        return s->phase == IDE_PIO_OUT && s->left >= 1 && s->end % BLK_SECTOR == 0 &&
               s->end - s->fill == (s->left < s->drq ? s->left : s->drq) * BLK_SECTOR &&
               s->fill <= s->pos && s->fill % BLK_SECTOR == 0;
    case IDE_WORK_PACKET:
        return s->phase == IDE_PIO_OUT && s->end == 12;
    default:
        return false;
    }
}

static bool work_is_dma(uint8_t work)
{
    return work == IDE_WORK_READ_DMA || work == IDE_WORK_WRITE_DMA || work == IDE_WORK_TRIM ||
           work == IDE_WORK_CD_REPLY_DMA || work == IDE_WORK_CD_READ_DMA;
}

/* A request through buf: where it lies there, and what its completion will add to `fill`. */
static bool buffer_request_ok(const struct ide_channel_state *s)
{
    uint32_t raw = s->block == CD_RAW_BLOCK ? 16 : 0;
    uint32_t blocks = s->req_bytes / CD_BLOCK;

    if (s->req_bytes > IDE_BUF || s->req_buf > IDE_BUF - s->req_bytes || s->req_bytes == 0) {
        return false;
    }
    switch (s->work) {
    case IDE_WORK_READ:
    case IDE_WORK_VERIFY:
        return s->req == IDE_REQ_READ && s->req_buf == 0 && s->req_bytes / BLK_SECTOR <= s->left &&
               s->req_bytes % BLK_SECTOR == 0;
    case IDE_WORK_WRITE:
        return s->req == IDE_REQ_WRITE && s->req_buf == s->pos &&
               s->req_bytes <= s->fill - s->pos && s->req_bytes % BLK_SECTOR == 0 &&
               (s->fill - s->pos) / BLK_SECTOR <= s->left;
    case IDE_WORK_READ_DMA:
        return s->req == IDE_REQ_READ && s->req_buf == 0 && s->req_bytes == BLK_SECTOR;
    case IDE_WORK_WRITE_DMA:
        return s->req == IDE_REQ_WRITE && s->req_buf == 0 && s->req_bytes == BLK_SECTOR;
    case IDE_WORK_CD_READ_DMA:
        return s->req == IDE_REQ_READ && s->req_buf == raw && s->req_bytes == CD_BLOCK;
    case IDE_WORK_CD_READ:
        return s->req == IDE_REQ_READ && s->pos == 0 && s->req_buf == s->fill + raw &&
               s->req_bytes % CD_BLOCK == 0 && blocks <= s->left && (!raw || blocks == 1) &&
               s->fill + blocks * s->block <= IDE_BUF && (s->limit & ~1u);
    default:
        return false;
    }
}

static bool request_ok(const struct ide_channel_state *s)
{
    bool in = s->work == IDE_WORK_READ_DMA || s->work == IDE_WORK_CD_READ_DMA;

    switch (s->req) {
    case IDE_REQ_READ:
    case IDE_REQ_WRITE:
        return buffer_request_ok(s);
    case IDE_REQ_READ_SG:
    case IDE_REQ_WRITE_SG:
        return (in ? s->req == IDE_REQ_READ_SG
                   : s->req == IDE_REQ_WRITE_SG && s->work == IDE_WORK_WRITE_DMA) &&
               s->block != CD_RAW_BLOCK && s->req_bytes && s->req_bytes % s->block == 0 &&
               s->req_bytes / s->block <= s->left;
    case IDE_REQ_DISCARD:
        return s->work == IDE_WORK_TRIM;
    case IDE_REQ_FLUSH:
        return s->work == IDE_WORK_FLUSH;
    default:
        return false;
    }
}

static bool channel_state_ok(const struct ide_channel_state *s)
{
    if (s->unit > 1 || s->intrq > 1 || s->line > 1 || s->phase >= IDE_PHASES ||
        s->work >= IDE_WORKS || s->req >= IDE_REQS || s->retry > 1 || s->packet_dma > 1 ||
        s->ext > 1 || s->drq < 1 || s->drq > IDE_BUF_SECTORS || s->fill > IDE_BUF ||
        s->pos > IDE_BUF || s->end > IDE_BUF || s->limit > 0xffff || s->left > UINT32_MAX / 4096 ||
        s->lba > UINT64_MAX / 4096 || (s->bmidtp & 3) || !block_ok(s) || !prds_ok(s) ||
        !drive_state_ok(&s->drive[0]) || !drive_state_ok(&s->drive[1])) {
        return false;
    }
    if ((s->phase == IDE_BACKEND) != (s->req != IDE_REQ_NONE)) {
        return false;
    }
    switch (s->phase) {
    case IDE_PIO_IN:
    case IDE_PIO_OUT:
        return pio_ok(s);
    case IDE_DMA_WAIT:
        return work_is_dma(s->work) && (s->left || s->work == IDE_WORK_CD_REPLY_DMA);
    case IDE_BACKEND:
        return request_ok(s);
    default:
        return s->work == IDE_WORK_NONE;
    }
}

static int ide_check(const void *state)
{
    const struct ide_state *s = state;

    for (unsigned i = 0; i < IDE_CHANNELS; i++) {
        if (!channel_state_ok(&s->channel[i])) {
            return -EINVAL;
        }
    }
    return 0;
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
    .check = ide_check,
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
                                    .len = BM_PORTS};
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
    ch->command_ports = (struct region){
        .name = legacy[n].name, .regs = ide_command_regs, .nregs = 1, .opaque = ch, .len = 8};
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

int ide_media_change(struct ide *ide, unsigned drive, struct blk *blk)
{
    struct ide_channel *ch;
    struct ide_drive *d;
    bool reading;

    if (drive >= IDE_DRIVES || ide->channel[drive / 2].drive[drive % 2].kind != IDE_KIND_CD) {
        return -EINVAL;
    }
    ch = &ide->channel[drive / 2];
    d = &ch->drive[drive % 2];
    reading = ide_selected(ch) == d &&
              (ch->s->work == IDE_WORK_CD_READ || ch->s->work == IDE_WORK_CD_READ_DMA);
    if (reading && ch->s->phase != IDE_PIO_IN) {
        ide_cancel(ch);
    }
    d->blk = blk;
    d->s->tray_open = 0;
    d->s->media_change = blk_present(blk) ? 2 : 0;
    d->s->media_event = blk_present(blk) ? 2 : 3;
    if (reading && ch->s->phase != IDE_PIO_IN) {
        atapi_check(d, SENSE_MEDIUM_ERROR, 0x11, 0x00);
    } else if (reading) {
        ch->s->left = 0; /* what was read before may still be taken; the rest is gone */
    }
    return 0;
}

bool ide_tray_locked(const struct ide *ide, unsigned drive)
{
    return drive < IDE_DRIVES && ide->channel[drive / 2].drive[drive % 2].s->locked;
}

bool ide_in_flight(const struct ide *ide)
{
    return ide->channel[0].in_flight || ide->channel[1].in_flight;
}
