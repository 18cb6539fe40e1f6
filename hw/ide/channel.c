/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ATA channel as the host sees it: task file, data port, interrupt line, resets. ATA/ATAPI-6
 * (T13 1410D), clauses 7 (registers) and 9 (protocol). Not modelled: overlapped and queued
 * commands, the time that a reset takes.
 */
#include "ide/ide_int.h"

#include <string.h>

enum {
    REG_DATA,
    REG_ERROR, /* read; features when written */
    REG_COUNT,
    REG_LBA_LOW,
    REG_LBA_MID,
    REG_LBA_HIGH,
    REG_DEVICE,
    REG_STATUS, /* read; command when written */
};

#define DIAG_PASSED 0x01u
#define MODE_PIO4   0x0cu
#define POWER_IDLE  0xffu /* CHECK POWER MODE: active or idle */

struct ide_drive *ide_selected(struct ide_channel *ch)
{
    return &ch->drive[ch->s->unit];
}

/* --- interrupt --- */

/* The bus master sees the wire rise, be it for a new interrupt or because nIEN went (1.0). */
void ide_irq_update(struct ide_channel *ch)
{
    bool level = ch->s->intrq && !(ch->s->devctl & ATA_NIEN);

    if (level && !ch->s->line) {
        ch->s->bmis |= BMIS_INTR;
    }
    ch->s->line = level;
    irq_set(&ch->irq, level);
}

static void interrupt_raise(struct ide_channel *ch)
{
    ch->s->intrq = 1;
    ide_irq_update(ch);
    if (ch->s->line) {
        ch->s->bmis |= BMIS_INTR;
    }
}

static void interrupt_clear(struct ide_channel *ch)
{
    if (ch->s->intrq) {
        ch->s->intrq = 0;
        ide_irq_update(ch);
    }
}

/* --- ends and data phases of a command --- */

static void command_idle(struct ide_channel *ch, uint8_t status)
{
    ch->s->phase = IDE_IDLE;
    ch->s->work = IDE_WORK_NONE;
    ch->s->pos = ch->s->end = ch->s->fill = 0;
    ide_selected(ch)->s->status = status;
}

void ide_complete(struct ide_channel *ch)
{
    command_idle(ch, ATA_DRDY | ATA_DSC);
    interrupt_raise(ch);
}

void ide_fail(struct ide_channel *ch, uint8_t status, uint8_t error)
{
    ide_selected(ch)->s->error = error;
    command_idle(ch, ATA_DRDY | ATA_DSC | ATA_ERR | status);
    interrupt_raise(ch);
}

void ide_end_quietly(struct ide_channel *ch)
{
    command_idle(ch, ATA_DRDY | ATA_DSC);
}

void ide_pio_in(struct ide_channel *ch, enum ide_work work, uint32_t bytes)
{
    ch->s->phase = IDE_PIO_IN;
    ch->s->work = (uint8_t)work;
    ch->s->end = ch->s->pos + bytes;
    ide_selected(ch)->s->status = ATA_DRDY | ATA_DSC | ATA_DRQ;
    interrupt_raise(ch);
}

void ide_pio_out(struct ide_channel *ch, enum ide_work work, uint32_t bytes, bool interrupt)
{
    ch->s->phase = IDE_PIO_OUT;
    ch->s->work = (uint8_t)work;
    ch->s->end = ch->s->pos + bytes;
    ide_selected(ch)->s->status = ATA_DRDY | ATA_DSC | ATA_DRQ;
    if (interrupt) {
        interrupt_raise(ch);
    }
}

static void block_end(struct ide_channel *ch)
{
    switch (ch->s->work) {
    case IDE_WORK_PACKET:
    case IDE_WORK_CD_REPLY:
    case IDE_WORK_CD_READ:
        atapi_block_end(ch);
        break;
    case IDE_WORK_READ:
    case IDE_WORK_WRITE:
        ata_block_end(ch);
        break;
    default:
        ide_end_quietly(ch);
        break;
    }
}

/* --- data port --- */

/*
 * Bytes that no DRQ block has read as an open bus. A block's odd last byte is padded: accesses are
 * 2 or 4 bytes wide, so that there is always room for it.
 */
static void data_read(struct ide_channel *ch, uint8_t *p, uint32_t len)
{
    struct ide_channel_state *s = ch->s;

    while (len) {
        uint32_t n = s->end - s->pos;

        if (s->phase != IDE_PIO_IN) {
            memset(p, 0xff, len);
            return;
        }
        n = n < len ? n : len;
        memcpy(p, s->buf + s->pos, n);
        p += n;
        len -= n;
        s->pos += n;
        if (s->pos < s->end) {
            return;
        }
        if (n & 1) {
            *p++ = 0;
            len--;
        }
        block_end(ch);
    }
}

static void data_write(struct ide_channel *ch, const uint8_t *p, uint32_t len)
{
    struct ide_channel_state *s = ch->s;

    while (len && s->phase == IDE_PIO_OUT) {
        uint32_t n = s->end - s->pos;

        n = n < len ? n : len;
        memcpy(s->buf + s->pos, p, n);
        p += n;
        len -= n;
        s->pos += n;
        if (s->pos == s->end) {
            block_end(ch);
        }
    }
}

/* --- resets --- */

void ide_set_signature(struct ide_drive *d)
{
    d->s->count = 1;
    d->s->lba_low = 1;
    d->s->lba_mid = d->kind == IDE_KIND_CD ? 0x14 : 0;
    d->s->lba_high = d->kind == IDE_KIND_CD ? 0xeb : 0;
}

/* Registers after any reset, and what a packet device reports until its first command. */
static void drive_ready(struct ide_drive *d)
{
    ide_set_signature(d);
    d->s->feature = 0;
    d->s->error = DIAG_PASSED;
    d->s->hob_feature = d->s->hob_count = 0;
    d->s->hob_lba_low = d->s->hob_lba_mid = d->s->hob_lba_high = 0;
    d->s->status = d->kind == IDE_KIND_DISK ? ATA_DRDY | ATA_DSC : 0;
    d->s->power = POWER_IDLE;
}

static void drive_defaults(struct ide_drive *d)
{
    d->s->multiple = d->kind == IDE_KIND_DISK ? IDE_BUF_SECTORS : 0;
    d->s->heads = d->heads;
    d->s->sectors = d->sectors;
    d->s->look_ahead = 1;
    d->s->transfer_mode = MODE_PIO4;
    d->s->keep_settings = 0;
}

static void command_drop(struct ide_channel *ch)
{
    ide_cancel(ch);
    ch->s->phase = IDE_IDLE;
    ch->s->work = IDE_WORK_NONE;
    ch->s->pos = ch->s->end = ch->s->fill = 0;
    ch->s->retry = 0;
}

void ide_channel_reset(struct ide_channel *ch, enum reset_kind kind)
{
    uint8_t tray[2] = {ch->drive[0].s->tray_open, ch->drive[1].s->tray_open};

    ide_cancel(ch);
    memset(ch->s, 0, sizeof(*ch->s));
    bm_reset(ch);
    ch->s->block = BLK_SECTOR;
    ch->s->drq = 1;
    for (unsigned i = 0; i < 2; i++) {
        struct ide_drive *d = &ch->drive[i];

        drive_ready(d);
        drive_defaults(d);
        d->s->write_cache = 1;
        d->s->smart = 1;
        d->s->smart_autosave = 1;
        d->s->tray_open = kind == RESET_HARD ? tray[i] : 0;
    }
    ide_irq_update(ch);
}

/* SRST: everything in progress is dropped before any register changes. */
static void reset_begin(struct ide_channel *ch)
{
    command_drop(ch);
    ch->s->phase = IDE_IN_RESET;
    ch->drive[0].s->status = ch->drive[1].s->status = ATA_BSY;
    interrupt_clear(ch);
}

static void reset_end(struct ide_channel *ch)
{
    ch->s->phase = IDE_IDLE;
    ch->s->unit = 0;
    for (unsigned i = 0; i < 2; i++) {
        struct ide_drive *d = &ch->drive[i];

        drive_ready(d);
        d->s->device = 0;
        if (!d->s->keep_settings) {
            drive_defaults(d);
        }
    }
}

void ide_execute_diagnostic(struct ide_channel *ch)
{
    ch->s->unit = 0;
    for (unsigned i = 0; i < 2; i++) {
        drive_ready(&ch->drive[i]);
        ch->drive[i].s->device = 0;
    }
    interrupt_raise(ch);
}

void ide_device_reset(struct ide_drive *d)
{
    uint8_t device = d->s->device;

    command_drop(d->ch);
    interrupt_clear(d->ch);
    drive_ready(d);
    d->s->device = device & ATA_DEV;
}

/* --- task file --- */

/*
 * Who answers for the selected device. A lone device 0 answers for device 1 (9.16.1): status 0, and
 * what was written to the other registers, or a disk's signature. Nobody answers for a missing
 * device 0.
 */
static const struct ide_drive *register_owner(struct ide_channel *ch)
{
    if (ide_selected(ch)->kind != IDE_KIND_NONE ||
        (ch->s->unit && ch->drive[0].kind != IDE_KIND_NONE)) {
        return ide_selected(ch);
    }
    return NULL;
}

static uint8_t status_get(struct ide_channel *ch)
{
    const struct ide_drive *d = ide_selected(ch);

    return d->kind != IDE_KIND_NONE ? d->s->status : 0;
}

static uint8_t register_read(struct ide_channel *ch, uint32_t reg)
{
    const struct ide_drive *d = register_owner(ch);
    bool hob = ch->s->devctl & ATA_HOB;

    if (reg == REG_STATUS) {
        interrupt_clear(ch);
        return status_get(ch);
    }
    if (reg == REG_DATA) {
        return 0xff;
    }
    if (!d) {
        return 0;
    }
    switch (reg) {
    case REG_ERROR:
        return hob ? d->s->hob_feature : d->s->error;
    case REG_COUNT:
        return hob ? d->s->hob_count : d->s->count;
    case REG_LBA_LOW:
        return hob ? d->s->hob_lba_low : d->s->lba_low;
    case REG_LBA_MID:
        return hob ? d->s->hob_lba_mid : d->s->lba_mid;
    case REG_LBA_HIGH:
        return hob ? d->s->hob_lba_high : d->s->lba_high;
    default:
        return d->s->device | ATA_OBS;
    }
}

/* Each register is two bytes deep (48-bit addresses); both devices see every write. */
static void register_push(struct ide_drive_state *s, uint32_t reg, uint8_t val)
{
    switch (reg) {
    case REG_ERROR:
        s->hob_feature = s->feature;
        s->feature = val;
        break;
    case REG_COUNT:
        s->hob_count = s->count;
        s->count = val;
        break;
    case REG_LBA_LOW:
        s->hob_lba_low = s->lba_low;
        s->lba_low = val;
        break;
    case REG_LBA_MID:
        s->hob_lba_mid = s->lba_mid;
        s->lba_mid = val;
        break;
    case REG_LBA_HIGH:
        s->hob_lba_high = s->lba_high;
        s->lba_high = val;
        break;
    default:
        s->device = val;
        break;
    }
}

static void register_write(struct ide_channel *ch, uint32_t reg, uint8_t val)
{
    if (reg == REG_STATUS) {
        ch->s->devctl &= (uint8_t)~ATA_HOB;
        if (ch->s->phase == IDE_IDLE) {
            interrupt_clear(ch);
        }
        ata_command(ide_selected(ch), val);
        return;
    }
    if (reg == REG_DATA || ch->s->phase != IDE_IDLE) {
        return;
    }
    ch->s->devctl &= (uint8_t)~ATA_HOB;
    register_push(ch->drive[0].s, reg, val);
    register_push(ch->drive[1].s, reg, val);
    if (reg == REG_DEVICE) {
        ch->s->unit = (val & ATA_DEV) != 0;
    }
}

/*
 * The data port is 16 bits wide and takes 32 as two halves; it has no 8-bit side. The registers
 * behind it are bytes, and wider accesses to them fall apart into bytes.
 */
static uint64_t command_read(void *dev, uint32_t off, unsigned size)
{
    struct ide_channel *ch = dev;
    uint32_t val = 0;

    if (off == REG_DATA && size > 1) {
        uint8_t raw[4] = {0};

        data_read(ch, raw, size);
        return raw[0] | raw[1] << 8 | raw[2] << 16 | (uint32_t)raw[3] << 24;
    }
    for (unsigned i = 0; i < size; i++) {
        val |= (uint32_t)register_read(ch, off + i) << (8 * i);
    }
    return val;
}

static void command_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct ide_channel *ch = dev;

    if (off == REG_DATA && size > 1) {
        const uint8_t raw[4] = {(uint8_t)val, (uint8_t)(val >> 8), (uint8_t)(val >> 16),
                                (uint8_t)(val >> 24)};

        data_write(ch, raw, size);
        return;
    }
    for (unsigned i = 0; i < size; i++) {
        register_write(ch, off + i, (uint8_t)(val >> (8 * i)));
    }
}

/* REP INS and OUTS: a DRQ block moves in one copy. */
static void command_read_rep(void *dev, uint32_t off, unsigned size, uint32_t count, void *buf)
{
    uint8_t *p = buf;

    if (off == REG_DATA && size > 1) {
        data_read(dev, p, size * count);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t val = (uint32_t)command_read(dev, off, size);

        memcpy(p + (size_t)i * size, &val, size);
    }
}

static void command_write_rep(void *dev, uint32_t off, unsigned size, uint32_t count,
                              const void *buf)
{
    const uint8_t *p = buf;

    if (off == REG_DATA && size > 1) {
        data_write(dev, p, size * count);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t val = 0;

        memcpy(&val, p + (size_t)i * size, size);
        command_write(dev, off, size, val);
    }
}

static uint64_t control_read(void *dev, uint32_t off, unsigned size)
{
    return status_get(dev);
}

static void control_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct ide_channel *ch = dev;
    uint8_t old = ch->s->devctl;

    ch->s->devctl = (uint8_t)val & ATA_DEVCTL_MASK;
    if (~old & val & ATA_SRST) {
        reset_begin(ch);
    } else if (old & ~val & ATA_SRST) {
        reset_end(ch);
    }
    ide_irq_update(ch);
}

const struct reg ide_command_regs[] = {
    {0, 8, BUS_W1 | BUS_W2 | BUS_W4, command_read, command_write, "task file", command_read_rep,
     command_write_rep},
};

const struct reg ide_control_regs[] = {
    {0, 1, BUS_W1, control_read, control_write, "device control", NULL, NULL},
};
