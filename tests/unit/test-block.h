/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A raw image in a temporary file behind the restricted ring. */
#ifndef CLEAVE_TESTS_BLOCK_H
#define CLEAVE_TESTS_BLOCK_H

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <sys/stat.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "file.h"

#define SECTORS 2048u
#define BYTES   (SECTORS * 512u)

struct image {
    char *path;
    int fd;
    uint8_t *data;
    struct block_ring *ring;
    struct block_file *file;
    struct blk *blk;
};

struct request {
    struct blk_req req;
    int err; /* -1: not done */
};

static inline void request_done(struct blk_req *req, int err)
{
    struct request *r = req->opaque;

    g_assert_cmpint(r->err, ==, -1);
    r->err = err;
}

/* True when there is an io_uring to test with. */
static inline bool image_new(struct image *im, bool readonly)
{
    char err[256];
    int fd = g_file_open_tmp("cleave-block-XXXXXX", &im->path, NULL);

    g_assert_cmpint(fd, >=, 0);
    im->data = g_malloc(BYTES);
    for (unsigned i = 0; i < BYTES; i++) {
        im->data[i] = (uint8_t)(i / 512 * 31 + i);
    }
    g_assert_cmpint(write(fd, im->data, BYTES), ==, BYTES);
    close(fd);
    im->fd = open(im->path, readonly ? O_RDONLY : O_RDWR);
    im->ring = block_ring_new(err, sizeof(err));
    if (!im->ring) {
        g_assert_nonnull(strstr(err, "io_uring"));
        g_test_skip(err);
        return false;
    }
    im->file = block_file_new(im->ring, im->fd, readonly, err, sizeof(err));
    g_assert_nonnull(im->file);
    im->blk = block_file_blk(im->file);
    g_assert_cmpuint(im->blk->bytes, ==, BYTES);
    g_assert_cmpint(block_ring_start(im->ring), ==, 0);
    return true;
}

static inline void image_free(struct image *im)
{
    block_ring_free(im->ring);
    close(im->fd);
    g_unlink(im->path);
    g_free(im->path);
    g_free(im->data);
}

static inline void submit(struct image *im, struct request *r, enum blk_op op, uint64_t offset,
                          uint64_t bytes, void *buf)
{
    memset(r, 0, sizeof(*r));
    r->err = -1;
    r->req.op = op;
    r->req.offset = offset;
    r->req.bytes = bytes;
    r->req.nsg = buf ? 1 : 0;
    r->req.sg[0].base = buf;
    r->req.sg[0].len = bytes;
    r->req.done = request_done;
    r->req.opaque = r;
    im->blk->ops->submit(im->blk->opaque, &r->req);
    g_assert_cmpint(r->err, ==, -1); /* never before submit returns */
}

static inline int complete(struct image *im, struct request *r)
{
    struct pollfd p = {block_ring_fd(im->ring), POLLIN, 0};

    while (r->err == -1) {
        if (!block_ring_poll(im->ring)) {
            g_assert_cmpint(poll(&p, 1, 10000), ==, 1);
        }
    }
    return r->err;
}

static inline int perform(struct image *im, enum blk_op op, uint64_t offset, uint64_t bytes,
                          void *buf)
{
    struct request r;

    submit(im, &r, op, offset, bytes, buf);
    return complete(im, &r);
}

#endif
