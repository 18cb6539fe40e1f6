/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 82077AA: the commands that move sectors. Source: Intel 82077AA data sheet 290166-007, chapters
 * 5.1 and 6, tables 5-3 to 5-8 for the result bytes.
 * Each step handles one sector: find it, move it between disk and `buf` by a block request, and
 * between `buf` and the host by DMA or byte by byte; the completion starts the next one. Everything
 * that a sector depends on is checked again at each step.
 */
#include "floppy/fdc_int.h"

#include <string.h>

#define OPCODE_MASK         0x1fu
#define OPCODE_READ         0x06u
#define OPCODE_FORMAT       0x0du
#define OPCODE_VERIFY       0x16u
#define OPCODE_READ_DELETED 0x0cu
#define FORMAT_ID_BYTES     4u

static void sector_step(struct fdc *d);

static unsigned opcode(const struct fdc_state *s)
{
    return s->cmd[CMD_OPCODE] & OPCODE_MASK;
}

static bool non_dma(const struct fdc *d)
{
    return (d->s->hlt_nd & HLT_NON_DMA) || (d->compat && !(d->s->dor & DOR_DMA_GATE));
}

/* --- end of a command --- */

void fdc_data_end(struct fdc *d, uint8_t st0, uint8_t st1, uint8_t st2)
{
    struct fdc_state *s = d->s;

    s->result[0] = (uint8_t)(st0 | s->head_select << 2 | command_unit(s));
    s->result[1] = st1;
    s->result[2] = st2;
    s->result[3] = s->cylinder;
    s->result[4] = s->head;
    s->result[5] = s->record;
    s->result[6] = N_512;
    fdc_result(d, 7, true);
}

static void data_fail(struct fdc *d, uint8_t st1, uint8_t st2)
{
    fdc_data_end(d, ST0_ABNORMAL, st1, st2);
}

/* --- where a sector lies --- */

/* Whether the head can read IDs at all here: disk, data rate, MFM, a formatted track and side. */
static bool track_readable(const struct fdc *d)
{
    const struct fdc_state *s = d->s;
    const struct fdc_format *f = command_format(d);

    return f && (s->dsr & DSR_RATE) == f->rate && (s->cmd[CMD_OPCODE] & CMD_MF) &&
           s->pcn[command_unit(s)] < f->cylinders && s->head < f->heads;
}

/* Whether the sector in work is on this track. Its place in the image, or status bits, come out. */
static bool sector_find(const struct fdc *d, uint64_t *offset, uint8_t *st1, uint8_t *st2)
{
    const struct fdc_state *s = d->s;
    const struct fdc_format *f = command_format(d);

    *st1 = ST1_MISSING_ADDRESS;
    *st2 = 0;
    if (!track_readable(d)) {
        return false;
    }
    *st1 = ST1_NO_DATA;
    if (s->cylinder != s->pcn[command_unit(s)]) {
        *st2 = ST2_WRONG_CYLINDER;
        return false;
    }
    if (s->record < 1 || s->record > f->sectors) {
        return false;
    }
    *offset =
        (((uint64_t)s->cylinder * f->heads + s->head) * f->sectors + s->record - 1) * FDC_SECTOR;
    return *offset + FDC_SECTOR <= command_blk(d)->bytes;
}

/*
 * The ID after the sector in work (table 5-6); false when that was the last of the cylinder. MT
 * continues on head 1.
 */
static bool sector_advance(struct fdc_state *s)
{
    bool multi_track = s->cmd[CMD_OPCODE] & CMD_MT;
    bool more = true;

    if (s->record != s->eot) {
        s->record++;
        return true;
    }
    s->record = 1;
    if (!multi_track || s->head == 1) {
        s->cylinder++;
        more = false;
    }
    if (multi_track) {
        s->head ^= 1;
    }
    return more;
}

/* --- between disk and buf --- */

static void blk_done(struct blk_req *req, int err);

/* Starts the request for the sector in work, or ends the command if there is no such sector. */
static void blk_start(struct fdc *d, enum fdc_phase phase)
{
    struct fdc_state *s = d->s;
    struct blk *blk = command_unit(s) < FDC_DRIVES ? command_blk(d) : NULL;
    uint64_t offset;
    uint8_t st1, st2;

    if (!sector_find(d, &offset, &st1, &st2)) {
        data_fail(d, st1, st2);
        return;
    }
    if (phase == FDC_BLK_WRITE && blk->readonly) {
        data_fail(d, ST1_NOT_WRITABLE, 0);
        return;
    }
    s->phase = (uint8_t)phase;
    d->req = (struct blk_req){
        .op = phase == FDC_BLK_WRITE ? BLK_WRITE : BLK_READ,
        .offset = offset,
        .bytes = FDC_SECTOR,
        .nsg = 1,
        .sg = {{s->buf, FDC_SECTOR}},
        .done = blk_done,
        .opaque = d,
    };
    d->req_blk = blk;
    blk->ops->submit(blk->opaque, &d->req);
}

void fdc_cancel(struct fdc *d)
{
    if (d->req_blk) {
        d->req_blk->ops->cancel(d->req_blk->opaque, &d->req);
        d->req_blk = NULL;
    }
}

void fdc_reissue(struct fdc *d)
{
    if (d->s->phase == FDC_BLK_READ || d->s->phase == FDC_BLK_WRITE) {
        blk_start(d, d->s->phase);
    }
}

/* --- between buf and host --- */

static void pio_start(struct fdc *d, enum fdc_phase phase, uint16_t len)
{
    struct fdc_state *s = d->s;

    s->phase = (uint8_t)phase;
    s->buf_pos = 0;
    s->buf_len = len;
    s->interrupt |= INT_DATA;
    fdc_update_irq(d);
}

/*
 * `len` bytes by DMA. A channel that takes or gives less, without having reached its terminal
 * count, is too late for the disk: overrun. Bytes that a terminal count withheld from a write are
 * zeros.
 */
static bool dma_move(struct fdc *d, uint32_t len, bool to_memory)
{
    struct fdc_state *s = d->s;
    bool tc = false;
    uint32_t n = 0;

    if (!to_memory) {
        memset(s->buf, 0, sizeof(s->buf));
    }
    if (d->dma && (s->dor & DOR_DMA_GATE)) {
        n = i8237_transfer(d->dma, FDC_CHANNEL, s->buf, len, to_memory, &tc);
    }
    s->tc = tc;
    if (n < len && !tc) {
        data_fail(d, ST1_OVERRUN, 0);
        return false;
    }
    return true;
}

/* --- one sector after the other --- */

/* Compat, READ DATA without DMA: the sector after the one in work; false when there is none. */
static bool counted_advance(struct fdc *d)
{
    struct fdc_state *s = d->s;
    const struct fdc_format *f = command_format(d);

    if (s->left <= 1 || !f) {
        return false;
    }
    s->left--;
    if (s->record < f->sectors && s->record != s->eot) {
        s->record++;
        return true;
    }
    s->record = 1;
    if (!(s->cmd[CMD_OPCODE] & CMD_MT)) {
        return false;
    }
    s->head ^= 1;
    if (s->head == 0) {
        s->cylinder++;
        fdc_step_to(d, command_unit(s), s->cylinder);
    }
    return true;
}

static bool counted(const struct fdc *d)
{
    return d->compat && opcode(d->s) == OPCODE_READ && non_dma(d);
}

static void counted_done(struct fdc *d)
{
    if (counted_advance(d)) {
        sector_step(d);
    } else {
        fdc_data_end(d, d->s->cylinder != d->s->cmd[CMD_C] ? ST0_SEEK_END : 0, 0, 0);
    }
}

/* VERIFY is done when it counted its sectors or reached EOT; others go on until TC. */
static void sector_done(struct fdc *d)
{
    struct fdc_state *s = d->s;
    bool verify = opcode(s) == OPCODE_VERIFY;

    if (counted(d)) {
        counted_done(d);
        return;
    }
    bool more = sector_advance(s);

    if (opcode(s) == OPCODE_READ_DELETED) {
        fdc_data_end(d, 0, 0, ST2_CONTROL_MARK);
    } else if (s->tc || (verify && (!more || (s->left && --s->left == 0)))) {
        fdc_data_end(d, 0, 0, 0);
    } else if (!more) {
        data_fail(d, ST1_END_OF_CYLINDER, 0);
    } else {
        sector_step(d);
    }
}

static void read_arrived(struct fdc *d)
{
    if (opcode(d->s) == OPCODE_VERIFY) {
        sector_done(d);
    } else if (non_dma(d)) {
        pio_start(d, FDC_PIO_READ, FDC_SECTOR);
    } else if (dma_move(d, FDC_SECTOR, true)) {
        sector_done(d);
    }
}

/* A format goes on while there are sectors and the host gives IDs. */
static void written(struct fdc *d)
{
    struct fdc_state *s = d->s;

    if (opcode(s) != OPCODE_FORMAT) {
        sector_done(d);
    } else if (s->tc || s->left == 0) {
        fdc_data_end(d, 0, 0, 0);
    } else {
        sector_step(d);
    }
}

static void blk_done(struct blk_req *req, int err)
{
    struct fdc *d = req->opaque;

    d->req_blk = NULL;
    if (err) {
        data_fail(d, ST1_DATA_ERROR, ST2_DATA_ERROR);
    } else if (d->s->phase == FDC_BLK_READ) {
        read_arrived(d);
    } else {
        written(d);
    }
}

/* The four bytes C, H, R, N of the next sector to format came: fills it. */
static void format_sector(struct fdc *d)
{
    struct fdc_state *s = d->s;
    bool fits = s->buf[1] == command_head(s) && s->buf[3] == N_512;

    s->cylinder = s->buf[0];
    s->head = command_head(s);
    s->record = s->buf[2];
    s->left -= s->left > 0;
    if (!fits) {
        data_fail(d, ST1_NO_DATA, 0);
        return;
    }
    memset(s->buf, s->cmd[CMD_N], sizeof(s->buf)); /* the filler is the sixth byte here */
    blk_start(d, FDC_BLK_WRITE);
}

static void host_gave(struct fdc *d)
{
    if (opcode(d->s) == OPCODE_FORMAT) {
        format_sector(d);
    } else {
        blk_start(d, FDC_BLK_WRITE);
    }
}

void fdc_pio_done(struct fdc *d)
{
    struct fdc_state *s = d->s;

    s->interrupt &= (uint8_t)~INT_DATA;
    fdc_update_irq(d);
    if (s->phase == FDC_PIO_READ) {
        sector_done(d);
    } else {
        host_gave(d);
    }
}

static bool command_writes(const struct fdc_state *s)
{
    return opcode(s) == 0x05 || opcode(s) == 0x09 || opcode(s) == OPCODE_FORMAT;
}

static void sector_step(struct fdc *d)
{
    uint16_t len = opcode(d->s) == OPCODE_FORMAT ? FORMAT_ID_BYTES : FDC_SECTOR;

    d->s->head_select = d->s->head & 1;
    if (!command_writes(d->s)) {
        blk_start(d, FDC_BLK_READ);
    } else if (non_dma(d)) {
        pio_start(d, FDC_PIO_WRITE, len);
    } else if (dma_move(d, len, false)) {
        host_gave(d);
    }
}

/* --- start of a command --- */

/* Takes the parameters over and seeks if told to. False when the command ended already. */
static bool data_begin(struct fdc *d)
{
    struct fdc_state *s = d->s;
    uint64_t offset;
    uint8_t st1, st2;

    s->cylinder = s->cmd[CMD_C];
    s->head = command_head(s);
    s->head_select = s->head;
    s->record = s->cmd[CMD_R];
    s->eot = s->cmd[CMD_EOT];
    s->left = 0;
    s->tc = 0;
    if (s->configure & CONFIGURE_EIS) {
        fdc_step_to(d, command_unit(s), s->cylinder);
    }
    if (s->cmd[CMD_H] != s->head || s->cmd[CMD_N] != N_512) {
        data_fail(d, track_readable(d) ? ST1_NO_DATA : ST1_MISSING_ADDRESS, 0);
        return false;
    }
    if (!sector_find(d, &offset, &st1, &st2)) {
        data_fail(d, st1, st2);
        return false;
    }
    return true;
}

void fdc_read_data(struct fdc *d)
{
    if (data_begin(d)) {
        unsigned n = (unsigned)(d->s->eot - d->s->record + 1) & UINT8_MAX;

        if (counted(d)) {
            n = d->s->cmd[CMD_OPCODE] & CMD_MT ? 2 * n : n;
            d->s->left = (uint8_t)(n < UINT8_MAX ? n : UINT8_MAX);
        }
        sector_step(d);
    }
}

/* No sector of an image carries the deleted mark: SK skips them all, else the first one stops. */
void fdc_read_deleted(struct fdc *d)
{
    struct fdc_state *s = d->s;

    if (!data_begin(d)) {
        return;
    }
    if (s->cmd[CMD_OPCODE] & CMD_SK) {
        s->record = s->eot;
        (void)sector_advance(s);
        data_fail(d, ST1_END_OF_CYLINDER, ST2_CONTROL_MARK);
        return;
    }
    sector_step(d);
}

/* Starts at the index hole, that is at sector 1, whatever R says. */
void fdc_read_track(struct fdc *d)
{
    d->s->cmd[CMD_R] = 1;
    fdc_read_data(d);
}

void fdc_verify(struct fdc *d)
{
    if (data_begin(d)) {
        d->s->left = d->s->cmd[CMD_UNIT] & UNIT_EC ? d->s->cmd[CMD_DTL] : 0;
        sector_step(d);
    }
}

void fdc_write_data(struct fdc *d)
{
    if (!data_begin(d)) {
        return;
    }
    if (command_blk(d)->readonly) {
        data_fail(d, ST1_NOT_WRITABLE, 0);
        return;
    }
    sector_step(d);
}

/* Parameters: N, sectors per track, gap, filler. An image keeps its own number of sectors. */
void fdc_format_track(struct fdc *d)
{
    struct fdc_state *s = d->s;

    s->cylinder = s->pcn[command_unit(s)];
    s->head = command_head(s);
    s->head_select = s->head;
    s->record = 1;
    s->left = s->cmd[3];
    s->tc = 0;
    if (!track_readable(d)) {
        data_fail(d, ST1_MISSING_ADDRESS, 0);
    } else if (command_blk(d)->readonly) {
        data_fail(d, ST1_NOT_WRITABLE, 0);
    } else if (s->cmd[2] != N_512 || s->left > command_format(d)->sectors) {
        data_fail(d, ST1_NO_DATA, 0);
    } else if (s->left == 0) {
        fdc_data_end(d, 0, 0, 0);
    } else {
        sector_step(d);
    }
}

/* The first ID that passes under the head. */
void fdc_read_id(struct fdc *d)
{
    struct fdc_state *s = d->s;

    s->cylinder = s->pcn[command_unit(s)];
    s->head = command_head(s);
    s->head_select = s->head;
    s->record = 1;
    if (d->compat || track_readable(d)) {
        fdc_data_end(d, 0, 0, 0);
    } else {
        data_fail(d, ST1_MISSING_ADDRESS, 0);
    }
}
