/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "simple.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

struct block_direct {
    struct block_ring *ring;
    int fd;
    struct blk blk;
};

/* --- a file, read and written at once --- */

/* One piece of a request. A short transfer is an error: the image shrank. */
static int piece_move(const struct block_direct *d, bool write, uint8_t *base, size_t len,
                      uint64_t offset)
{
    while (len) {
        ssize_t n = write ? pwrite(d->fd, base, len, (off_t)offset)
                          : pread(d->fd, base, len, (off_t)offset);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? errno : EIO;
        }
        base += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

static int direct_move(const struct block_direct *d, const struct blk_req *req)
{
    uint64_t offset = req->offset;
    int err = 0;

    if (req->bytes > d->blk.bytes || req->offset > d->blk.bytes - req->bytes) {
        return EIO;
    }
    for (unsigned i = 0; !err && i < req->nsg; i++) {
        err = piece_move(d, req->op == BLK_WRITE, req->sg[i].base, req->sg[i].len, offset);
        offset += req->sg[i].len;
    }
    return err;
}

static void direct_submit(void *opaque, struct blk_req *req)
{
    struct block_direct *d = opaque;
    int err = 0;

    if (d->blk.readonly && (req->op == BLK_WRITE || req->op == BLK_DISCARD)) {
        err = EROFS;
    } else if (req->op == BLK_FLUSH) {
        err = fdatasync(d->fd) < 0 && errno != EINVAL && errno != EROFS ? errno : 0;
    } else if (req->op != BLK_DISCARD) {
        err = direct_move(d, req);
    }
    block_ring_complete(d->ring, req, err);
}

static int direct_finish(void *opaque, struct blk_req *req)
{
    struct block_direct *d = opaque;
    int err = block_ring_withdraw(d->ring, req);

    return err < 0 ? 0 : err;
}

static void direct_cancel(void *opaque, struct blk_req *req)
{
    direct_finish(opaque, req);
}

static const struct blk_ops direct_ops = {direct_submit, direct_cancel, direct_finish};

struct block_direct *block_direct_new(struct block_ring *r, int fd, bool readonly, uint64_t bytes)
{
    struct block_direct *d = calloc(1, sizeof(*d));

    if (d) {
        *d = (struct block_direct){r, fd, {&direct_ops, d, bytes, readonly}};
    }
    return d;
}

struct blk *block_direct_blk(struct block_direct *d)
{
    return &d->blk;
}

int block_direct_fd(const struct block_direct *d)
{
    return d->fd;
}

void block_direct_free(struct block_direct *d)
{
    if (d) {
        close(d->fd);
        free(d);
    }
}

/* --- nothing --- */

static void null_submit(void *opaque, struct blk_req *req)
{
    for (unsigned i = 0; req->op == BLK_READ && i < req->nsg; i++) {
        memset(req->sg[i].base, 0, req->sg[i].len);
    }
    block_ring_complete(opaque, req, 0);
}

static int null_finish(void *opaque, struct blk_req *req)
{
    int err = block_ring_withdraw(opaque, req);

    return err < 0 ? 0 : err;
}

static void null_cancel(void *opaque, struct blk_req *req)
{
    null_finish(opaque, req);
}

static const struct blk_ops null_ops = {null_submit, null_cancel, null_finish};

void block_null_init(struct blk *b, struct block_ring *r, uint64_t bytes, bool readonly)
{
    *b = (struct blk){&null_ops, r, bytes, readonly};
}
