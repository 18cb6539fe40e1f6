/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the state of the IDE function may hold: loaded state is hostile input, and every index,
 * count and combination that the other files rely on is checked here.
 */
#include "ide/ide_int.h"

#include <errno.h>

STATE_TYPE(ide_drive_state, IDE_DRIVE_STATE);
STATE_TYPE(ide_channel_state, IDE_CHANNEL_STATE);
STATE_TYPE(ide_state, IDE_STATE);

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
    if (s->prd_n > IDE_PRDS || s->prd_i > s->prd_n || s->prd_end >= IDE_PRD_ENDS ||
        s->prd_read > IDE_PRD_MAX) {
        return false;
    }
    for (unsigned i = 0; i < s->prd_n; i++) {
        if (s->prd_len[i] < 1 || s->prd_len[i] > 0x10000) {
            return false;
        }
    }
    return s->prd_off == 0 || (s->prd_i < s->prd_n && s->prd_off < s->prd_len[s->prd_i]);
}

/* The block size that the work in progress counts in. */
static bool block_ok(const struct ide_channel_state *s)
{
    switch (s->work) {
    case IDE_WORK_CD_READ:
    case IDE_WORK_CD_READ_DMA:
        return s->block == CD_BLOCK || s->block == CD_RAW_BLOCK;
    case IDE_WORK_TRIM:
        return s->block == BLK_SECTOR && s->fill % BLK_SECTOR == 0;
    case IDE_WORK_READ:
    case IDE_WORK_VERIFY:
    case IDE_WORK_WRITE:
    case IDE_WORK_READ_DMA:
    case IDE_WORK_WRITE_DMA:
        return s->block == BLK_SECTOR;
    default: /* left from the command before */
        return s->block == BLK_SECTOR || s->block == CD_BLOCK || s->block == CD_RAW_BLOCK;
    }
}

/* Sectors of the DRQ block that comes next. */
static uint32_t drq_next(const struct ide_channel_state *s, uint32_t left)
{
    return left < s->drq ? left : s->drq;
}

/* Whole DRQ blocks, or all that is left of the command. */
static bool drq_whole(const struct ide_channel_state *s, uint32_t sectors, uint32_t left)
{
    return sectors <= left && (sectors % s->drq == 0 || sectors == left);
}

static bool pio_read_ok(const struct ide_channel_state *s)
{
    uint32_t n = drq_next(s, s->left);

    return s->left >= 1 && s->end <= s->fill && s->end % BLK_SECTOR == 0 &&
           s->fill % BLK_SECTOR == 0 && s->end >= n * BLK_SECTOR &&
           s->pos >= s->end - n * BLK_SECTOR &&
           drq_whole(s, (s->fill - s->end) / BLK_SECTOR, s->left - n);
}

static bool pio_write_ok(const struct ide_channel_state *s)
{
    return s->left >= 1 && s->fill % BLK_SECTOR == 0 && s->fill <= s->pos &&
           s->end - s->fill == drq_next(s, s->left) * BLK_SECTOR;
}

static bool pio_ok(const struct ide_channel_state *s)
{
    if (s->pos >= s->end) {
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
        return s->phase == IDE_PIO_IN && pio_read_ok(s);
    case IDE_WORK_WRITE:
        return s->phase == IDE_PIO_OUT && pio_write_ok(s);
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

    if (s->req_bytes > IDE_BUF || s->req_bytes == 0) {
        return false;
    }
    switch (s->work) {
    case IDE_WORK_READ:
    case IDE_WORK_VERIFY:
        return s->req == IDE_REQ_READ && s->req_buf == 0 && s->req_bytes % BLK_SECTOR == 0 &&
               drq_whole(s, s->req_bytes / BLK_SECTOR, s->left);
    case IDE_WORK_WRITE:
        return s->req == IDE_REQ_WRITE && s->req_buf == s->pos && s->pos <= s->fill &&
               s->req_bytes <= s->fill - s->pos &&
               (s->req_bytes | s->fill | s->pos) % BLK_SECTOR == 0 &&
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
        return s->work == IDE_WORK_TRIM && s->pos % 8 == 0;
    default: /* a flush: there is a request */
        return s->work == IDE_WORK_FLUSH;
    }
}

/* Registers' bits, the wire that follows from them, and SRST, which is a phase of its own. */
static bool registers_ok(const struct ide_channel_state *s)
{
    bool level = s->intrq && !(s->devctl & ATA_NIEN);
    bool srst = s->devctl & ATA_SRST;

    return !(s->devctl & ~ATA_DEVCTL_MASK) && !(s->bmic & ~BMIC_MASK) && !(s->bmis & ~BMIS_MASK) &&
           s->line == level && srst == (s->phase == IDE_IN_RESET);
}

static bool channel_state_ok(const struct ide_channel_state *s)
{
    if (s->unit > 1 || s->intrq > 1 || s->phase >= IDE_PHASES || s->work >= IDE_WORKS ||
        s->req >= IDE_REQS || s->retry > 1 || s->packet_dma > 1 || s->ext > 1 || s->drq < 1 ||
        s->drq > IDE_BUF_SECTORS || s->fill > IDE_BUF || s->pos > IDE_BUF || s->end > IDE_BUF ||
        s->limit > 0xffff || (s->block == BLK_SECTOR && s->left > ATA_MAX_COUNT) ||
        s->lba > UINT64_MAX / 4096 || (s->bmidtp & 3) || !block_ok(s) || !prds_ok(s) ||
        !registers_ok(s) || !drive_state_ok(&s->drive[0]) || !drive_state_ok(&s->drive[1])) {
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

/* BSY and DRQ tell where the selected device stands, the other has neither; in a reset both may. */
static bool status_ok(const struct ide_channel_state *s)
{
    static const uint8_t shown[IDE_PHASES] = {[IDE_PIO_IN] = ATA_DRQ,
                                              [IDE_PIO_OUT] = ATA_DRQ,
                                              [IDE_DMA_WAIT] = ATA_DRQ,
                                              [IDE_BACKEND] = ATA_BSY};
    uint8_t mask = ATA_BSY | ATA_DRQ;

    return s->phase == IDE_IN_RESET || ((s->drive[s->unit].status & mask) == shown[s->phase] &&
                                        !(s->drive[!s->unit].status & mask));
}

int ide_state_check(const void *state)
{
    const struct ide_state *s = state;

    for (unsigned i = 0; i < IDE_CHANNELS; i++) {
        if (!channel_state_ok(&s->channel[i]) || !status_ok(&s->channel[i])) {
            return -EINVAL;
        }
    }
    return 0;
}
