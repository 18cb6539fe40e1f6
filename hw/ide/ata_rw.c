/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ATA commands that move data: PIO (single, multiple), verify, the beginning of DMA, flush and
 * TRIM. ATA/ATAPI-6 (T13 1410D), clauses 8 and 9; ACS-2, 7.5 (DATA SET MANAGEMENT).
 *
 * PIO goes through the channel's buffer: a read fetches up to 16 sectors in one back-end request
 * and presents them DRQ block by DRQ block, a write collects as many. The command's own lba and
 * count lead; the task file only reports.
 */
#include "ide/ide_int.h"

#define TRIM_MAX     8u /* blocks of entries, as IDENTIFY says */
#define FEATURE_TRIM 1u

static void fail_address(struct ide_channel *ch)
{
    ata_put_position(ch);
    ide_fail(ch, 0, ATA_IDNF | ATA_ABRT);
}

/* Whether sectors [lba, lba+n) exist. */
static bool in_range(const struct ide_drive *d, uint64_t lba, uint64_t n)
{
    uint64_t total = ata_sectors(d);

    return lba < total && n <= total - lba;
}

/* Takes the address from the task file. False: the command has been failed. */
static bool command_begin(struct ide_drive *d, bool ext)
{
    struct ide_channel_state *s = d->ch->s;
    uint32_t count;

    s->ext = ext;
    s->block = BLK_SECTOR;
    s->retry = 0;
    s->pos = s->end = s->fill = 0;
    if (!ata_get_address(d, ext, &s->lba, &count)) {
        ide_fail(d->ch, 0, ATA_IDNF | ATA_ABRT);
        return false;
    }
    s->left = count;
    return true;
}

static bool refuse_write(struct ide_drive *d)
{
    if (d->blk->readonly) {
        ide_fail(d->ch, 0, ATA_WP | ATA_ABRT);
        return true;
    }
    return false;
}

/* Sectors of the next DRQ block. */
static uint32_t drq_sectors(const struct ide_channel *ch)
{
    return ch->s->left < ch->s->drq ? ch->s->left : ch->s->drq;
}

/* --- PIO reads and verify --- */

/*
 * Fetches the next sectors: as many as fit the buffer and exist, in whole DRQ blocks. A DRQ block
 * that reaches past the end fails as a whole, the ones before it are delivered.
 */
static void read_next(struct ide_channel *ch)
{
    struct ide_channel_state *s = ch->s;
    struct ide_drive *d = ide_selected(ch);
    uint32_t drq = drq_sectors(ch);
    uint32_t n = s->left < IDE_BUF_SECTORS ? s->left : IDE_BUF_SECTORS;

    if (!in_range(d, s->lba, drq)) {
        fail_address(ch);
        return;
    }
    if (!in_range(d, s->lba, n)) {
        n = (uint32_t)(ata_sectors(d) - s->lba);
        n -= n % drq;
    }
    if (s->retry) {
        n = drq;
    }
    ide_submit(ch, IDE_REQ_READ, s->lba * BLK_SECTOR, n * BLK_SECTOR, 0);
}

static void read_done(struct ide_channel *ch, int err)
{
    struct ide_channel_state *s = ch->s;
    uint32_t drq = drq_sectors(ch);

    if (err && s->req_bytes > drq * BLK_SECTOR) {
        s->retry = 1;
        read_next(ch);
        return;
    }
    if (err) {
        ata_put_position(ch);
        ide_fail(ch, 0, ATA_UNC);
        return;
    }
    if (s->work == IDE_WORK_READ) {
        s->fill = s->req_bytes;
        s->pos = 0;
        ide_pio_in(ch, IDE_WORK_READ, drq * BLK_SECTOR);
        return;
    }
    s->lba += s->req_bytes / BLK_SECTOR;
    s->left -= s->req_bytes / BLK_SECTOR;
    if (s->left) {
        read_next(ch);
    } else {
        ata_put_position(ch);
        ide_complete(ch);
    }
}

/* The host has taken a DRQ block. The last one ends the command without interrupt. */
static void read_block_end(struct ide_channel *ch)
{
    struct ide_channel_state *s = ch->s;
    uint32_t n = drq_sectors(ch);

    s->lba += n;
    s->left -= n;
    ata_put_position(ch);
    if (!s->left) {
        ide_end_quietly(ch);
    } else if (s->pos < s->fill) {
        ide_pio_in(ch, IDE_WORK_READ, drq_sectors(ch) * BLK_SECTOR);
    } else {
        read_next(ch);
    }
}

void ata_read(struct ide_drive *d, bool ext, uint8_t drq)
{
    if (command_begin(d, ext)) {
        d->ch->s->drq = drq;
        d->ch->s->work = IDE_WORK_READ;
        read_next(d->ch);
    }
}

void ata_verify(struct ide_drive *d, bool ext)
{
    if (command_begin(d, ext)) {
        d->ch->s->drq = 1;
        d->ch->s->work = IDE_WORK_VERIFY;
        read_next(d->ch);
    }
}

/* --- PIO writes --- */

void ata_write_complete(struct ide_channel *ch)
{
    if (ide_selected(ch)->s->write_cache) {
        ide_complete(ch);
        return;
    }
    ch->s->work = IDE_WORK_FLUSH;
    ide_submit(ch, IDE_REQ_FLUSH, 0, 0, 0);
}

/* Asks the host for the next DRQ block. `collected` sectors in buf are not written yet. */
static void write_ask(struct ide_channel *ch, bool first)
{
    struct ide_channel_state *s = ch->s;

    s->pos = s->fill;
    ide_pio_out(ch, IDE_WORK_WRITE, drq_sectors(ch) * BLK_SECTOR, !first);
}

/* Writes what lies in buf from pos on: all of it, or after an error block by block. */
static void write_submit(struct ide_channel *ch)
{
    struct ide_channel_state *s = ch->s;
    uint32_t n = s->fill - s->pos;
    uint32_t drq = s->drq * BLK_SECTOR;

    if (s->retry && n > drq) {
        n = drq;
    }
    ide_submit(ch, IDE_REQ_WRITE, s->lba * BLK_SECTOR, n, s->pos);
}

/*
 * `left` and `lba` are those of what has not been asked for while collecting; they are turned back
 * to what has not been written before the request.
 */
static void write_block_end(struct ide_channel *ch)
{
    struct ide_channel_state *s = ch->s;
    uint32_t n = drq_sectors(ch);
    uint32_t collected;

    s->fill = s->pos;
    s->left -= n;
    collected = s->fill / BLK_SECTOR;
    if (s->left && collected + drq_sectors(ch) <= IDE_BUF_SECTORS &&
        in_range(ide_selected(ch), s->lba, collected + drq_sectors(ch))) {
        write_ask(ch, false);
        return;
    }
    s->left += collected;
    s->pos = 0;
    write_submit(ch);
}

static void write_done(struct ide_channel *ch, int err)
{
    struct ide_channel_state *s = ch->s;

    if (err && s->req_bytes > s->drq * BLK_SECTOR) {
        s->retry = 1;
        write_submit(ch);
        return;
    }
    if (err) {
        ata_put_position(ch);
        ide_fail(ch, ATA_DF, ATA_ABRT);
        return;
    }
    s->pos += s->req_bytes;
    s->lba += s->req_bytes / BLK_SECTOR;
    s->left -= s->req_bytes / BLK_SECTOR;
    if (s->pos < s->fill) {
        write_submit(ch);
        return;
    }
    ata_put_position(ch);
    s->fill = 0;
    if (!s->left) {
        ata_write_complete(ch);
    } else if (in_range(ide_selected(ch), s->lba, drq_sectors(ch))) {
        write_ask(ch, false);
    } else {
        fail_address(ch);
    }
}

void ata_write(struct ide_drive *d, bool ext, uint8_t drq)
{
    if (refuse_write(d) || !command_begin(d, ext)) {
        return;
    }
    d->ch->s->drq = drq;
    if (in_range(d, d->ch->s->lba, drq_sectors(d->ch))) {
        write_ask(d->ch, true);
    } else {
        fail_address(d->ch);
    }
}

/* --- DMA, flush --- */

void ata_dma(struct ide_drive *d, bool ext, bool write)
{
    struct ide_channel *ch = d->ch;

    if ((write && refuse_write(d)) || !command_begin(d, ext)) {
        return;
    }
    if (!in_range(d, ch->s->lba, ch->s->left)) {
        fail_address(ch);
        return;
    }
    ch->s->work = write ? IDE_WORK_WRITE_DMA : IDE_WORK_READ_DMA;
    bm_run(ch);
}

/* Also a packet device accepts it; without medium, or on a read-only one, there is nothing to do.
 */
void ata_flush(struct ide_drive *d)
{
    if (!blk_present(d->blk) || d->kind != IDE_KIND_DISK) {
        ide_complete(d->ch);
        return;
    }
    d->ch->s->work = IDE_WORK_FLUSH;
    ide_submit(d->ch, IDE_REQ_FLUSH, 0, 0, 0);
}

static void flush_done(struct ide_channel *ch, int err)
{
    if (err) {
        ide_fail(ch, ATA_DF, ATA_ABRT);
    } else {
        ide_complete(ch);
    }
}

/* --- TRIM --- */

void ata_trim(struct ide_drive *d)
{
    struct ide_channel_state *s = d->ch->s;
    uint32_t blocks = d->s->count; /* no valid one needs the high byte, which some do not write */

    if (!(d->s->feature & FEATURE_TRIM) || blocks == 0 || blocks > TRIM_MAX) {
        ide_fail(d->ch, 0, ATA_ABRT);
        return;
    }
    if (refuse_write(d)) {
        return;
    }
    s->ext = 1;
    s->block = BLK_SECTOR;
    s->lba = 0;
    s->left = blocks;
    s->pos = 0;
    s->fill = blocks * BLK_SECTOR;
    s->work = IDE_WORK_TRIM;
    bm_run(d->ch);
}

/* One entry: 48 bits of address, 16 bits of length. */
static uint32_t trim_entry(const struct ide_channel *ch, uint32_t at, uint64_t *lba)
{
    const uint8_t *p = ch->s->buf + at;

    *lba = pci_get32(p, 0) | (uint64_t)pci_get16(p, 4) << 32;
    return pci_get16(p, 6);
}

/* Submits the next entry that says something, from pos on. */
static void trim_next(struct ide_channel *ch)
{
    struct ide_channel_state *s = ch->s;

    while (s->pos < s->fill) {
        uint64_t lba;
        uint32_t n = trim_entry(ch, s->pos, &lba);

        s->pos += 8;
        if (n) {
            ide_submit(ch, IDE_REQ_DISCARD, lba * BLK_SECTOR, n * BLK_SECTOR, 0);
            return;
        }
    }
    ide_complete(ch);
}

/* The host's list comes in; nothing is trimmed unless all of it lies on the disk. */
void ata_trim_run(struct ide_channel *ch)
{
    struct ide_channel_state *s = ch->s;

    if (bm_copy(ch, 0, s->fill, false) < s->fill) {
        bm_fail(ch);
        return;
    }
    bm_command_end(ch);
    for (uint32_t at = 0; at < s->fill; at += 8) {
        uint64_t lba;
        uint32_t n = trim_entry(ch, at, &lba);

        if (n && !in_range(ide_selected(ch), lba, n)) {
            ide_fail(ch, 0, ATA_IDNF | ATA_ABRT);
            return;
        }
    }
    trim_next(ch);
}

static void trim_done(struct ide_channel *ch, int err)
{
    if (err) {
        ide_fail(ch, ATA_DF, ATA_ABRT);
    } else {
        trim_next(ch);
    }
}

/* --- entry points --- */

void ata_block_end(struct ide_channel *ch)
{
    if (ch->s->work == IDE_WORK_READ) {
        read_block_end(ch);
    } else {
        write_block_end(ch);
    }
}

void ata_request_done(struct ide_channel *ch, int err)
{
    switch (ch->s->work) {
    case IDE_WORK_READ:
    case IDE_WORK_VERIFY:
        read_done(ch, err);
        break;
    case IDE_WORK_WRITE:
        write_done(ch, err);
        break;
    case IDE_WORK_TRIM:
        trim_done(ch, err);
        break;
    default:
        flush_done(ch, err);
        break;
    }
}
