/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Back-end requests of a channel: one at a time, described in the state (kind, place, length), so
 * that a successor can repeat it. Every request is checked here against the medium's size, whatever
 * was checked when the command was issued.
 */
#include "ide/ide_int.h"

#include <errno.h>

static bool request_to_memory(const struct ide_channel *ch)
{
    return ch->s->req == IDE_REQ_READ_SG;
}

/* Guest RAM is let go; all of it may have been written, done or not. */
static void request_release(struct ide_channel *ch)
{
    ch->in_flight = false;
    if (ch->mapped) {
        bm_unmap(ch, request_to_memory(ch));
    }
}

static void request_dispatch(struct ide_channel *ch, int err)
{
    enum ide_request req = ch->s->req;

    ch->s->req = IDE_REQ_NONE;
    switch (ch->s->work) {
    case IDE_WORK_READ_DMA:
    case IDE_WORK_WRITE_DMA:
    case IDE_WORK_CD_READ_DMA:
        bm_request_done(ch, req, err);
        break;
    case IDE_WORK_CD_READ:
        atapi_request_done(ch, err);
        break;
    default:
        ata_request_done(ch, err);
        break;
    }
}

static void request_done(struct blk_req *req, int err)
{
    struct ide_channel *ch = req->opaque;

    request_release(ch);
    request_dispatch(ch, err);
}

/* What ch->s->req says as a struct blk_req. False: it cannot be carried out. */
static bool request_fill(struct ide_channel *ch)
{
    struct ide_channel_state *s = ch->s;
    struct blk_req *r = &ch->req;

    r->offset = s->req_offset;
    r->bytes = s->req_bytes;
    switch (s->req) {
    case IDE_REQ_READ:
    case IDE_REQ_WRITE:
        r->op = s->req == IDE_REQ_READ ? BLK_READ : BLK_WRITE;
        r->nsg = 1;
        r->sg[0].base = s->buf + s->req_buf;
        r->sg[0].len = s->req_bytes;
        return true;
    case IDE_REQ_READ_SG:
    case IDE_REQ_WRITE_SG:
        r->op = request_to_memory(ch) ? BLK_READ : BLK_WRITE;
        if (!ch->mapped) {
            bm_map(ch, s->req_bytes, s->block, request_to_memory(ch));
        }
        return ch->mapped == s->req_bytes;
    case IDE_REQ_DISCARD:
        r->op = BLK_DISCARD;
        r->nsg = 0;
        return true;
    default:
        r->op = BLK_FLUSH;
        r->nsg = 0;
        r->offset = r->bytes = 0;
        return true;
    }
}

static bool request_allowed(const struct ide_channel *ch, const struct blk *blk)
{
    const struct ide_channel_state *s = ch->s;
    bool write = s->req == IDE_REQ_WRITE || s->req == IDE_REQ_WRITE_SG || s->req == IDE_REQ_DISCARD;

    if (!blk_present(blk) || (write && blk->readonly)) {
        return false;
    }
    return s->req == IDE_REQ_FLUSH ||
           (s->req_bytes > 0 && s->req_bytes <= blk->bytes &&
            s->req_offset <= blk->bytes - s->req_bytes && s->req_offset % BLK_SECTOR == 0 &&
            s->req_bytes % BLK_SECTOR == 0);
}

void ide_resubmit(struct ide_channel *ch)
{
    struct blk *blk = ide_selected(ch)->blk;

    if (!request_allowed(ch, blk) || !request_fill(ch)) {
        request_release(ch);
        request_dispatch(ch, EIO);
        return;
    }
    ch->req.done = request_done;
    ch->req.opaque = ch;
    ch->req_blk = blk;
    ch->in_flight = true;
    blk->ops->submit(blk->opaque, &ch->req);
}

void ide_submit(struct ide_channel *ch, enum ide_request req, uint64_t offset, uint32_t bytes,
                uint32_t buf)
{
    ch->s->req = (uint8_t)req;
    ch->s->req_offset = offset;
    ch->s->req_bytes = bytes;
    ch->s->req_buf = buf;
    ch->s->phase = IDE_BACKEND;
    ide_selected(ch)->s->status = ATA_BSY | ATA_DRDY | ATA_DSC;
    ide_resubmit(ch);
}

void ide_cancel(struct ide_channel *ch)
{
    if (ch->in_flight) {
        ch->req_blk->ops->cancel(ch->req_blk->opaque, &ch->req);
        request_release(ch);
    }
    ch->s->req = IDE_REQ_NONE;
}

bool ide_finish(struct ide_channel *ch)
{
    int err;

    if (!ch->req_blk->ops->finish) {
        ide_cancel(ch);
        return false;
    }
    err = ch->req_blk->ops->finish(ch->req_blk->opaque, &ch->req);
    request_done(&ch->req, err);
    return true;
}
