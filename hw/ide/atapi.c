/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PACKET command: how a packet device receives its command and moves its data, by PIO within
 * the host's byte count limit or by DMA. ATA/ATAPI-6 (T13 1410D), 8.24 and 9.7, 9.8. Not modelled:
 * overlap, data from the host.
 */
#include "ide/ide_int.h"

#define PACKET_SIZE   12u
#define PACKET_DMA    0x01u
#define PACKET_OVL    0x02u
#define RAW_DATA      16u
#define MSF_OFFSET    150u /* frames before LBA 0 */
#define MODE_1        0x01u
#define FRAMES_PER_S  75u
#define SECONDS_PER_M 60u

bool atapi_medium(const struct ide_drive *d)
{
    return blk_present(d->blk) && !d->s->tray_open && d->blk->bytes >= CD_BLOCK;
}

uint32_t atapi_blocks(const struct ide_drive *d)
{
    uint64_t n = d->blk->bytes / CD_BLOCK;

    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* --- ends --- */

static void reason_put(struct ide_drive *d, uint8_t reason)
{
    d->s->count = (uint8_t)((d->s->count & ~(ATAPI_COD | ATAPI_IO)) | reason);
}

void atapi_good(struct ide_drive *d)
{
    reason_put(d, ATAPI_COD | ATAPI_IO);
    ide_complete(d->ch);
}

void atapi_check(struct ide_drive *d, uint8_t key, uint8_t asc, uint8_t ascq)
{
    d->s->sense_key = key;
    d->s->asc = asc;
    d->s->ascq = ascq;
    reason_put(d, ATAPI_COD | ATAPI_IO);
    ide_fail(d->ch, 0, (uint8_t)(key << 4));
}

/* --- data by PIO --- */

/*
 * Whether `bytes` can be sent within the host's limit: an odd limit counts as the next lower even
 * number unless all fits. A limit of 0 would never get anything across (9.7).
 */
static bool limit_usable(const struct ide_channel *ch, uint32_t bytes)
{
    return bytes <= ch->s->limit || (ch->s->limit & ~1u);
}

static void limit_abort(struct ide_drive *d)
{
    reason_put(d, ATAPI_COD | ATAPI_IO);
    ide_fail(d->ch, 0, ATA_ABRT);
}

/* One DRQ block of what lies in buf; its length is in the byte count registers. */
static void data_send(struct ide_channel *ch)
{
    struct ide_drive *d = ide_selected(ch);
    uint32_t n = ch->s->fill - ch->s->pos;

    if (n > ch->s->limit) {
        n = ch->s->limit & ~1u;
    }
    reason_put(d, ATAPI_IO);
    d->s->lba_mid = (uint8_t)n;
    d->s->lba_high = (uint8_t)(n >> 8);
    ide_pio_in(ch, ch->s->work, n);
}

void atapi_reply(struct ide_drive *d, uint32_t len, uint32_t room)
{
    struct ide_channel *ch = d->ch;
    uint32_t n = len < room ? len : room;

    if (n == 0) {
        atapi_good(d);
        return;
    }
    ch->s->pos = 0;
    ch->s->fill = n;
    if (ch->s->packet_dma) {
        ch->s->work = IDE_WORK_CD_REPLY_DMA;
        bm_run(ch);
    } else if (limit_usable(ch, n)) {
        ch->s->work = IDE_WORK_CD_REPLY;
        data_send(ch);
    } else {
        limit_abort(d);
    }
}

/* --- blocks of the medium --- */

static uint8_t to_bcd(uint32_t n)
{
    return (uint8_t)(n / 10 % 10 << 4 | n % 10);
}

/* Sync pattern, header, data; the error correction is left zero, as no reader checks it here. */
void atapi_make_raw(struct ide_channel *ch, uint32_t at, uint64_t lba)
{
    uint8_t *p = ch->s->buf + at;
    uint32_t frame = (uint32_t)lba + MSF_OFFSET;

    for (unsigned i = 0; i < 12; i++) {
        p[i] = i == 0 || i == 11 ? 0x00 : 0xff;
    }
    p[12] = to_bcd(frame / FRAMES_PER_S / SECONDS_PER_M);
    p[13] = to_bcd(frame / FRAMES_PER_S % SECONDS_PER_M);
    p[14] = to_bcd(frame % FRAMES_PER_S);
    p[15] = MODE_1;
    __builtin_memset(p + RAW_DATA + CD_BLOCK, 0, CD_RAW_BLOCK - RAW_DATA - CD_BLOCK);
}

/* Moves what is left in buf to its start and appends as many blocks as fit. False: none. */
static bool read_ahead(struct ide_channel *ch)
{
    struct ide_channel_state *s = ch->s;
    bool raw = s->block == CD_RAW_BLOCK;
    uint32_t rest = s->fill - s->pos;
    uint32_t n = (IDE_BUF - rest) / s->block;

    n = raw && n ? 1 : n;
    n = n < s->left ? n : s->left;
#ifdef CLEAVE_FUZZ_BUGS /* as CVE-2015-5154: more than the buffer holds */
    n = s->left;
#endif
    if (n == 0) {
        return false;
    }
    __builtin_memmove(s->buf, s->buf + s->pos, rest);
    s->pos = s->end = 0;
    s->fill = rest;
    ide_submit(ch, IDE_REQ_READ, s->lba * CD_BLOCK, n * CD_BLOCK, rest + (raw ? RAW_DATA : 0));
    return true;
}

/* Fills the buffer until a DRQ block of the full limit can be sent, or all that there is. */
static void read_continue(struct ide_channel *ch)
{
    struct ide_channel_state *s = ch->s;

    if (s->left && s->fill - s->pos < (s->limit & ~1u) && read_ahead(ch)) {
        return;
    }
    if (s->pos < s->fill) {
        data_send(ch);
    } else {
        atapi_good(ide_selected(ch));
    }
}

void atapi_read(struct ide_drive *d, uint32_t lba, uint32_t blocks, uint16_t block)
{
    struct ide_channel *ch = d->ch;
    uint32_t total = atapi_blocks(d);

    if (lba >= total || blocks > total - lba) {
        atapi_check(d, SENSE_ILLEGAL_REQUEST, 0x21, 0x00);
        return;
    }
    if (blocks == 0) {
        atapi_good(d);
        return;
    }
    ch->s->lba = lba;
    ch->s->left = blocks;
    ch->s->block = block;
    ch->s->pos = ch->s->fill = 0;
    if (ch->s->packet_dma) {
        ch->s->work = IDE_WORK_CD_READ_DMA;
        bm_run(ch);
    } else if (limit_usable(ch, block)) {
        ch->s->work = IDE_WORK_CD_READ;
        read_continue(ch);
    } else {
        limit_abort(d);
    }
}

void atapi_request_done(struct ide_channel *ch, int err)
{
    struct ide_channel_state *s = ch->s;
    uint32_t n = s->req_bytes / CD_BLOCK;

    if (err) {
        atapi_check(ide_selected(ch), SENSE_MEDIUM_ERROR, 0x11, 0x00);
        return;
    }
    if (s->block == CD_RAW_BLOCK) {
        atapi_make_raw(ch, s->fill, s->lba);
    }
    s->fill += n * s->block;
    s->lba += n;
    s->left -= n;
    read_continue(ch);
}

/* --- the command --- */

void atapi_packet(struct ide_drive *d)
{
    struct ide_channel_state *s = d->ch->s;

    if (d->s->feature & PACKET_OVL) {
        ide_fail(d->ch, 0, ATA_ABRT);
        return;
    }
    s->packet_dma = d->s->feature & PACKET_DMA;
    s->limit = d->s->lba_mid | d->s->lba_high << 8;
    s->pos = s->fill = 0;
    reason_put(d, ATAPI_COD);
    ide_pio_out(d->ch, IDE_WORK_PACKET, PACKET_SIZE, false);
}

void atapi_block_end(struct ide_channel *ch)
{
    struct ide_drive *d = ide_selected(ch);
    uint8_t packet[PACKET_SIZE];

    switch (ch->s->work) {
    case IDE_WORK_PACKET:
        __builtin_memcpy(packet, ch->s->buf, sizeof(packet));
        ch->s->pos = ch->s->end = ch->s->fill = 0;
        ch->s->phase = IDE_IDLE;
        d->s->status = ATA_DRDY | ATA_DSC;
        atapi_execute(d, packet);
        break;
    case IDE_WORK_CD_REPLY:
        if (ch->s->pos < ch->s->fill) {
            data_send(ch);
        } else {
            atapi_good(d);
        }
        break;
    default:
        read_continue(ch);
        break;
    }
}
