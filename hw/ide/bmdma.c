/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bus master of an IDE channel: registers, descriptor tables, and the transfer of whole blocks
 * between a drive and guest RAM. Programming Interface for Bus Master IDE Controller, revision 1.0;
 * 82371SB data sheet, 2.6. Not modelled: a drive that goes on after a stop in mid-transfer (its
 * command ends without interrupt, as after too short a table).
 */
#include "ide/ide_int.h"

#define PRD_SIZE    8u
#define PRD_EOT     0x80000000u
#define PRD_MAX_LEN 0x10000u
#define DMA_LIMIT   (1ull << 32) /* the master drives 32 address bits */
#define CHUNK       0x80000u     /* bytes per back-end request */
#define RAW_DATA    16u          /* where the data of a raw CD block begins */

/* --- descriptors --- */

static void prd_restart(struct ide_channel *ch)
{
    ch->s->prd_table = ch->s->bmidtp;
    ch->s->prd_read = 0;
    ch->s->prd_off = 0;
    ch->s->prd_n = 0;
    ch->s->prd_i = 0;
    ch->s->prd_end = IDE_PRD_MORE;
}

static void prd_read(struct ide_channel *ch)
{
    struct ide_channel_state *s = ch->s;
    uint8_t raw[PRD_SIZE];
    uint32_t addr;
    uint32_t flags;

    if (s->prd_read == IDE_PRD_MAX || s->prd_table > UINT32_MAX - (PRD_SIZE - 1) ||
        !dma_read(ch->dma, s->prd_table, raw, sizeof(raw))) {
        s->prd_end = IDE_PRD_FAULT;
        return;
    }
    addr = pci_get32(raw, 0);
    flags = pci_get32(raw, 4);
    s->prd_addr[s->prd_n] = addr & ~1u;
    s->prd_len[s->prd_n] = flags & 0xfffe ? flags & 0xfffe : PRD_MAX_LEN;
    s->prd_n++;
    s->prd_read++;
    s->prd_table += PRD_SIZE;
    if (flags & PRD_EOT) {
        s->prd_end = IDE_PRD_EOT;
    }
}

/* Tops the cache up, so that each descriptor is read from guest RAM exactly once. */
static void prd_fetch(struct ide_channel *ch)
{
    struct ide_channel_state *s = ch->s;

    for (unsigned i = s->prd_i; s->prd_i && i < s->prd_n; i++) {
        s->prd_addr[i - s->prd_i] = s->prd_addr[i];
        s->prd_len[i - s->prd_i] = s->prd_len[i];
    }
    s->prd_n -= s->prd_i;
    s->prd_i = 0;
    while (s->prd_n < IDE_PRDS && s->prd_end == IDE_PRD_MORE) {
        prd_read(ch);
    }
}

static bool prd_used_up(const struct ide_channel *ch)
{
    return ch->s->prd_i == ch->s->prd_n;
}

/* The contiguous rest of descriptor i from `off`; length 0 beyond the address space. */
static uint32_t prd_piece(const struct ide_channel *ch, unsigned i, uint32_t off, uint64_t *gpa)
{
    uint32_t len = ch->s->prd_len[i] - off;

    *gpa = (uint64_t)ch->s->prd_addr[i] + off;
    if (*gpa >= DMA_LIMIT) {
        return 0;
    }
    return len < DMA_LIMIT - *gpa ? len : (uint32_t)(DMA_LIMIT - *gpa);
}

/* Consumes `len` bytes of cached descriptors. */
static void prd_advance(struct ide_channel *ch, uint32_t len)
{
    struct ide_channel_state *s = ch->s;

    while (len && s->prd_i < s->prd_n) {
        uint32_t n = s->prd_len[s->prd_i] - s->prd_off;

        n = n < len ? n : len;
        s->prd_off += n;
        len -= n;
        if (s->prd_off == s->prd_len[s->prd_i]) {
            s->prd_off = 0;
            s->prd_i++;
        }
    }
}

/* --- guest RAM --- */

static void sg_drop(struct ide_channel *ch, uint32_t len)
{
    struct blk_req *r = &ch->req;

    while (len) {
        unsigned last = r->nsg - 1;

        if (r->sg[last].len > len) {
            r->sg[last].len -= len;
            return;
        }
        len -= (uint32_t)r->sg[last].len;
        dma_unmap(ch->dma, r->sg[last].base, ch->sg_gpa[last], r->sg[last].len, 0);
        r->nsg--;
    }
}

uint32_t bm_map(struct ide_channel *ch, uint32_t want, uint32_t granule, bool to_memory)
{
    struct blk_req *r = &ch->req;
    uint32_t total = 0;
    uint32_t off = ch->s->prd_off;
    unsigned i;

    r->nsg = 0;
    prd_fetch(ch);
    i = ch->s->prd_i;
    while (r->nsg < BLK_MAX_SG && total < want && i < ch->s->prd_n) {
        uint64_t gpa;
        uint64_t len = prd_piece(ch, i, off, &gpa);
        void *host;

        len = len < want - total ? len : want - total;
        host = dma_map(ch->dma, gpa, &len, to_memory);
        if (!host) {
            break;
        }
        r->sg[r->nsg].base = host;
        r->sg[r->nsg].len = len;
        ch->sg_gpa[r->nsg++] = gpa;
        total += (uint32_t)len;
        off += (uint32_t)len;
        if (off == ch->s->prd_len[i]) {
            off = 0;
            i++;
        }
    }
    sg_drop(ch, total % granule);
    ch->mapped = total - total % granule;
    return ch->mapped;
}

void bm_unmap(struct ide_channel *ch, bool to_memory)
{
    for (unsigned i = 0; i < ch->req.nsg; i++) {
        size_t len = ch->req.sg[i].len;

        dma_unmap(ch->dma, ch->req.sg[i].base, ch->sg_gpa[i], len, to_memory ? len : 0);
    }
    ch->req.nsg = 0;
    ch->mapped = 0;
}

uint32_t bm_copy(struct ide_channel *ch, uint32_t at, uint32_t len, bool to_memory)
{
    uint32_t done = 0;

    while (done < len) {
        uint64_t gpa;
        uint32_t n;
        bool ok;

        prd_fetch(ch);
        if (prd_used_up(ch)) {
            break;
        }
        n = prd_piece(ch, ch->s->prd_i, ch->s->prd_off, &gpa);
        n = n < len - done ? n : len - done;
        ok = n && (to_memory ? dma_write(ch->dma, gpa, ch->s->buf + at + done, n)
                             : dma_read(ch->dma, gpa, ch->s->buf + at + done, n));
        if (!ok) {
            break;
        }
        prd_advance(ch, n);
        done += n;
    }
    return done;
}

/* --- transfers --- */

static bool work_is_packet(const struct ide_channel *ch)
{
    return ch->s->work == IDE_WORK_CD_REPLY_DMA || ch->s->work == IDE_WORK_CD_READ_DMA;
}

static bool work_to_memory(const struct ide_channel *ch)
{
    return work_is_packet(ch) || ch->s->work == IDE_WORK_READ_DMA;
}

static void fault(struct ide_channel *ch)
{
    ch->s->bmis |= BMIS_ERROR;
    ch->s->bmis &= (uint8_t)~BMIS_ACTIVE;
    if (work_is_packet(ch)) {
        atapi_check(ide_selected(ch), SENSE_ABORTED, 0x4b, 0x00);
    } else {
        ata_put_position(ch);
        ide_fail(ch, 0, ATA_ABRT);
    }
}

void bm_fail(struct ide_channel *ch)
{
    if (!prd_used_up(ch) || ch->s->prd_end != IDE_PRD_EOT) {
        fault(ch);
        return;
    }
    /* The table was too short: Active goes, no interrupt comes (1.0, Status register). */
    ch->s->bmis &= (uint8_t)~BMIS_ACTIVE;
    if (!work_is_packet(ch)) {
        ata_put_position(ch);
    }
    ide_end_quietly(ch);
}

void bm_command_end(struct ide_channel *ch)
{
    prd_fetch(ch);
    if (prd_used_up(ch) && ch->s->prd_end == IDE_PRD_EOT) {
        ch->s->bmis &= (uint8_t)~BMIS_ACTIVE;
    }
}

static void reply_run(struct ide_channel *ch)
{
    uint32_t len = ch->s->fill;

    if (bm_copy(ch, 0, len, true) < len) {
        bm_fail(ch);
        return;
    }
    bm_command_end(ch);
    atapi_good(ide_selected(ch));
}

/*
 * One back-end request: as much of the rest as the descriptors give in one piece. Where they give
 * less than a block that way, or the block is not what lies on the medium, one block goes through
 * buf.
 */
static void transfer_run(struct ide_channel *ch)
{
    struct ide_channel_state *s = ch->s;
    bool raw = s->block == CD_RAW_BLOCK;
    uint32_t medium_block = raw ? CD_BLOCK : s->block;
    uint64_t want = (uint64_t)s->left * s->block;
    uint64_t offset = s->lba * medium_block;
    bool in = work_to_memory(ch);

    prd_fetch(ch);
    if (prd_used_up(ch)) {
        bm_fail(ch);
        return;
    }
    if (!raw && bm_map(ch, want < CHUNK ? (uint32_t)want : CHUNK, s->block, in)) {
        ide_submit(ch, in ? IDE_REQ_READ_SG : IDE_REQ_WRITE_SG, offset, ch->mapped, 0);
    } else if (in) {
        ide_submit(ch, IDE_REQ_READ, offset, medium_block, raw ? RAW_DATA : 0);
    } else if (bm_copy(ch, 0, s->block, false) == s->block) {
        ide_submit(ch, IDE_REQ_WRITE, offset, s->block, 0);
    } else {
        bm_fail(ch);
    }
}

void bm_run(struct ide_channel *ch)
{
    struct ide_channel_state *s = ch->s;

    s->phase = IDE_DMA_WAIT;
    ide_selected(ch)->s->status = ATA_DRDY | ATA_DSC | ATA_DRQ;
    if (!(s->bmic & BMIC_START) || !(s->bmis & BMIS_ACTIVE)) {
        return;
    }
    if (!pci_bus_master(&ch->ide->fn)) {
        if (s->work == IDE_WORK_READ_DMA && s->prd_read == 0) { /* nobody takes the data */
            s->lba += s->left;
            s->left = 0;
            ata_put_position(ch);
            ide_complete(ch);
        }
        return;
    }
    if (work_to_memory(ch) != ((s->bmic & BMIC_READ) != 0)) {
        fault(ch);
    } else if (s->work == IDE_WORK_TRIM) {
        ata_trim_run(ch);
    } else if (s->work == IDE_WORK_CD_REPLY_DMA) {
        reply_run(ch);
    } else {
        transfer_run(ch);
    }
}

static void transfer_end(struct ide_channel *ch)
{
    bm_command_end(ch);
    if (ch->s->work == IDE_WORK_CD_READ_DMA) {
        atapi_good(ide_selected(ch));
        return;
    }
    ata_put_position(ch);
    if (ch->s->work == IDE_WORK_WRITE_DMA) {
        ata_write_complete(ch);
    } else {
        ide_complete(ch);
    }
}

static void transfer_error(struct ide_channel *ch)
{
    if (ch->s->work == IDE_WORK_CD_READ_DMA) {
        atapi_request_done(ch, 1);
        return;
    }
    ata_put_position(ch);
    if (ch->s->work == IDE_WORK_WRITE_DMA) {
        ide_fail(ch, ATA_DF, ATA_ABRT);
    } else {
        ide_fail(ch, 0, ATA_UNC);
    }
}

void bm_request_done(struct ide_channel *ch, enum ide_request req, int err)
{
    struct ide_channel_state *s = ch->s;
    uint32_t blocks = 1;

    if (err) {
        transfer_error(ch);
        return;
    }
    if (req == IDE_REQ_READ_SG || req == IDE_REQ_WRITE_SG) {
        prd_advance(ch, s->req_bytes);
        blocks = s->req_bytes / s->block;
    } else if (req == IDE_REQ_READ) {
        if (s->block == CD_RAW_BLOCK) {
            atapi_make_raw(ch, 0, s->lba);
        }
        if (bm_copy(ch, 0, s->block, true) < s->block) {
            bm_fail(ch);
            return;
        }
    }
    s->lba += blocks;
    s->left -= blocks < s->left ? blocks : s->left;
    if (s->left) {
        bm_run(ch);
    } else {
        transfer_end(ch);
    }
}

/* --- registers --- */

static bool work_is_transfer(const struct ide_channel *ch)
{
    return ch->s->work == IDE_WORK_READ_DMA || ch->s->work == IDE_WORK_WRITE_DMA ||
           ch->s->work == IDE_WORK_CD_READ_DMA;
}

/*
 * A stop waits for the transfer under way where the back end can, so that nothing moves afterwards;
 * the rest of the command is not done. A drive that only waits for its bus master goes on waiting.
 */
static void bm_stop(struct ide_channel *ch)
{
    if (ch->s->phase == IDE_BACKEND && work_is_transfer(ch)) {
        bool finished = ide_finish(ch);

        if (!finished || ch->s->phase == IDE_DMA_WAIT) {
            ide_end_quietly(ch);
        }
    }
    ch->s->bmis &= (uint8_t)~BMIS_ACTIVE;
}

void bm_reset(struct ide_channel *ch)
{
    ch->s->bmic = 0;
    ch->s->bmis = 0;
    ch->s->bmidtp = 0;
    prd_restart(ch);
}

static struct ide_channel *bm_channel(void *dev, uint32_t off)
{
    struct ide *ide = dev;

    return &ide->channel[off / 8];
}

static uint64_t bmic_read(void *dev, uint32_t off, unsigned size)
{
    return bm_channel(dev, off)->s->bmic;
}

static void bmic_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct ide_channel *ch = bm_channel(dev, off);
    bool was = ch->s->bmic & BMIC_START;

    if (was && (val & BMIC_START)) {
        return;
    }
    ch->s->bmic = (uint8_t)val & BMIC_MASK;
    if (was) {
        bm_stop(ch);
    } else if (val & BMIC_START) {
        prd_restart(ch);
        ch->s->bmis |= BMIS_ACTIVE;
        if (ch->s->phase == IDE_DMA_WAIT) {
            bm_run(ch);
        }
    }
}

static uint64_t bmis_read(void *dev, uint32_t off, unsigned size)
{
    return bm_channel(dev, off)->s->bmis;
}

static void bmis_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct ide_channel_state *s = bm_channel(dev, off)->s;
    uint8_t keep = s->bmis & (BMIS_ACTIVE | BMIS_ERROR | BMIS_INTR);

    s->bmis = (keep & (uint8_t) ~(val & (BMIS_ERROR | BMIS_INTR))) | (val & BMIS_CAPS);
}

static uint64_t bmidtp_read(void *dev, uint32_t off, unsigned size)
{
    return bm_channel(dev, off)->s->bmidtp >> (8 * (off & 3));
}

static void bmidtp_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct ide_channel_state *s = bm_channel(dev, off)->s;
    unsigned shift = 8 * (off & 3);
    uint32_t mask = (uint32_t)bus_ones(size) << shift;

    s->bmidtp = ((s->bmidtp & ~mask) | ((uint32_t)(val << shift) & mask)) & ~3u;
}

const struct reg ide_bm_regs[IDE_BM_NREGS] = {
    {0x0, 1, BUS_W1, bmic_read, bmic_write, "BMICP", NULL, NULL},
    {0x2, 1, BUS_W1, bmis_read, bmis_write, "BMISP", NULL, NULL},
    {0x4, 4, BUS_W1 | BUS_W2 | BUS_W4, bmidtp_read, bmidtp_write, "BMIDTPP", NULL, NULL},
    {0x8, 1, BUS_W1, bmic_read, bmic_write, "BMICS", NULL, NULL},
    {0xa, 1, BUS_W1, bmis_read, bmis_write, "BMISS", NULL, NULL},
    {0xc, 4, BUS_W1 | BUS_W2 | BUS_W4, bmidtp_read, bmidtp_write, "BMIDTPS", NULL, NULL},
};
