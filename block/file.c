/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RING_ENTRIES 32u
#define RING_SLOTS   16u /* devices have one request in flight each; files are at most 8 */

enum slot_state { SLOT_FREE, SLOT_IN_FLIGHT, SLOT_DONE };

/* One request in the ring. The vector is a copy that moves on after a short transfer. */
struct slot {
    enum slot_state state;
    struct blk_req *req;
    struct block_file *file;
    struct iovec iov[BLK_MAX_SG];
    unsigned iov_first;
    unsigned iov_n;
    uint64_t offset;
    uint64_t left;
    int err; /* positive errno when SLOT_DONE */
};

struct block_file {
    struct block_ring *ring;
    int fd;
    unsigned index; /* among the registered files */
    struct blk blk;
    struct block_file_stats stats;
};

struct block_ring {
    struct io_uring uring;
    unsigned nfiles;
    struct block_file file[BLOCK_MAX_FILES];
    unsigned busy; /* slots not free */
    bool sealed;   /* the process may no longer change what is registered */
    struct slot slot[RING_SLOTS];
};

/* --- submission --- */

static void slot_finish(struct slot *s, int err)
{
    s->state = SLOT_DONE;
    s->err = err;
}

static void slot_prepare(struct slot *s, struct io_uring_sqe *sqe)
{
    int fd = (int)s->file->index;

    switch (s->req->op) {
    case BLK_READ:
        io_uring_prep_readv(sqe, fd, s->iov + s->iov_first, s->iov_n, s->offset);
        break;
    case BLK_WRITE:
        io_uring_prep_writev(sqe, fd, s->iov + s->iov_first, s->iov_n, s->offset);
        break;
    case BLK_FLUSH:
        io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
        break;
    case BLK_DISCARD:
        io_uring_prep_fallocate(sqe, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                (off_t)s->offset, (off_t)s->left);
        break;
    }
    io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    io_uring_sqe_set_data64(sqe, (uint64_t)(s - s->file->ring->slot));
}

/*
 * An entry that the kernel did not take would go with the next submission, when the slot, and with
 * it the vector that the entry points to, may be another request's. The kernel looks at the queue
 * only when we call it.
 */
static void entry_take_back(struct io_uring *u)
{
    u->sq.sqe_head = --u->sq.sqe_tail;
    *u->sq.ktail = u->sq.sqe_tail;
}

static void slot_submit(struct slot *s)
{
    struct io_uring *u = &s->file->ring->uring;
    struct io_uring_sqe *sqe = io_uring_get_sqe(u);
    int rc;

    if (!sqe) {
        slot_finish(s, EAGAIN);
        return;
    }
    slot_prepare(s, sqe);
    do {
        rc = io_uring_submit(u);
    } while (rc == -EINTR);
    if (io_uring_sq_ready(u)) {
        entry_take_back(u);
        slot_finish(s, rc < 0 ? -rc : EAGAIN);
    }
}

static struct slot *ring_slot(struct block_ring *r)
{
    for (unsigned i = 0; i < RING_SLOTS; i++) {
        if (r->slot[i].state == SLOT_FREE) {
            return &r->slot[i];
        }
    }
    abort(); /* more requests than the machine has devices: our own mistake */
}

static void stats_count(struct block_file_stats *s, const struct blk_req *req)
{
    s->reads += req->op == BLK_READ;
    s->read_bytes += req->op == BLK_READ ? req->bytes : 0;
    s->writes += req->op == BLK_WRITE;
    s->write_bytes += req->op == BLK_WRITE ? req->bytes : 0;
}

void block_file_stats(const struct block_file *f, struct block_file_stats *to)
{
    *to = f->stats;
}

static void file_submit(void *opaque, struct blk_req *req)
{
    struct block_file *f = opaque;
    struct slot *s = ring_slot(f->ring);

    s->state = SLOT_IN_FLIGHT;
    s->req = req;
    s->file = f;
    s->offset = req->offset;
    s->left = req->bytes;
    s->iov_first = 0;
    s->iov_n = req->nsg;
    for (unsigned i = 0; i < req->nsg; i++) {
        s->iov[i] = (struct iovec){req->sg[i].base, req->sg[i].len};
    }
    req->backend[0] = (uintptr_t)s;
    f->ring->busy++;
    stats_count(&f->stats, req);
    if (f->blk.readonly && (req->op == BLK_WRITE || req->op == BLK_DISCARD)) {
        slot_finish(s, EROFS);
        return;
    }
    if (req->bytes > f->blk.bytes || req->offset > f->blk.bytes - req->bytes) {
        slot_finish(s, EIO); /* an image never grows by a request */
        return;
    }
    slot_submit(s);
}

/* --- completion --- */

/* Some bytes are there: drop them from the vector. */
static void slot_advance(struct slot *s, uint64_t n)
{
    s->offset += n;
    s->left -= n;
    while (n && s->iov_n) {
        struct iovec *v = &s->iov[s->iov_first];

        if (n < v->iov_len) {
            v->iov_base = (uint8_t *)v->iov_base + n;
            v->iov_len -= n;
            return;
        }
        n -= v->iov_len;
        s->iov_first++;
        s->iov_n--;
    }
}

static void slot_complete(struct slot *s, int res)
{
    bool transfer = s->req->op == BLK_READ || s->req->op == BLK_WRITE;

    if (res == -EINTR || res == -EAGAIN) {
        slot_submit(s);
    } else if (res < 0) {
        bool advisory = s->req->op == BLK_DISCARD && (res == -EOPNOTSUPP || res == -ENOSYS);

        slot_finish(s, advisory ? 0 : -res);
    } else if (!transfer) {
        slot_finish(s, 0);
    } else if (res == 0 || (uint64_t)res > s->left) {
        slot_finish(s, EIO); /* the image shrank under us: no invented data */
    } else {
        slot_advance(s, (uint64_t)res);
        if (s->left) {
            slot_submit(s);
        } else {
            slot_finish(s, 0);
        }
    }
}

/* Takes completions out of the ring; nobody is told yet. */
static void ring_reap(struct block_ring *r)
{
    struct io_uring_cqe *cqe;

    while (io_uring_peek_cqe(&r->uring, &cqe) == 0) {
        uint64_t n = io_uring_cqe_get_data64(cqe);
        int res = cqe->res;

        io_uring_cqe_seen(&r->uring, cqe);
        if (n < RING_SLOTS && r->slot[n].state == SLOT_IN_FLIGHT) {
            slot_complete(&r->slot[n], res);
        }
    }
}

static void slot_release(struct block_ring *r, struct slot *s)
{
    s->state = SLOT_FREE;
    r->busy--;
}

bool block_ring_poll(struct block_ring *r)
{
    bool any = false;

    if (!r->busy) {
        return false;
    }
    ring_reap(r);
    for (unsigned i = 0; i < RING_SLOTS; i++) {
        struct slot *s = &r->slot[i];

        if (s->state == SLOT_DONE) {
            struct blk_req *req = s->req;
            int err = s->err;

            slot_release(r, s);
            any = true;
            req->done(req, err);
        }
    }
    return any;
}

/* Waits for one request, whatever becomes of the others; they are delivered by the loop. */
static int file_wait(void *opaque, struct blk_req *req)
{
    struct block_file *f = opaque;
    struct slot *s = (struct slot *)req->backend[0];
    struct io_uring_cqe *cqe;

    if (!s || s->req != req || s->state == SLOT_FREE) {
        return 0;
    }
    ring_reap(f->ring);
    while (s->state != SLOT_DONE) {
        io_uring_wait_cqe(&f->ring->uring, &cqe);
        ring_reap(f->ring);
    }
    slot_release(f->ring, s);
    return s->err;
}

void block_ring_complete(struct block_ring *r, struct blk_req *req, int err)
{
    struct slot *s = ring_slot(r);

    s->req = req;
    s->file = NULL;
    r->busy++;
    slot_finish(s, err);
}

int block_ring_withdraw(struct block_ring *r, const struct blk_req *req)
{
    for (unsigned i = 0; i < RING_SLOTS; i++) {
        struct slot *s = &r->slot[i];

        if (s->state == SLOT_DONE && s->req == req && !s->file) {
            slot_release(r, s);
            return s->err;
        }
    }
    return -1;
}

static void file_cancel(void *opaque, struct blk_req *req)
{
    file_wait(opaque, req);
}

static const struct blk_ops file_ops = {
    .submit = file_submit,
    .cancel = file_cancel,
    .finish = file_wait,
};

/* --- set-up --- */

struct block_ring *block_ring_new(char *err, size_t size)
{
    struct block_ring *r = calloc(1, sizeof(*r));
    int rc = r ? io_uring_queue_init(RING_ENTRIES, &r->uring, IORING_SETUP_R_DISABLED) : -ENOMEM;

    if (rc < 0) {
        snprintf(err, size,
                 "io_uring: %s; disks need Linux 5.10 or later and kernel.io_uring_disabled = 0",
                 strerror(-rc));
        free(r);
        return NULL;
    }
    return r;
}

struct block_file *block_file_new(struct block_ring *r, int fd, bool readonly, char *err,
                                  size_t size)
{
    char name[32];

    snprintf(name, sizeof(name), "fd %d", fd);
    long long bytes = block_image_size(fd, name, err, size);
    if (bytes < 0) {
        return NULL;
    }
    if (r->nfiles == BLOCK_MAX_FILES) {
        snprintf(err, size, "too many disks; at most %u", BLOCK_MAX_FILES);
        return NULL;
    }
    struct block_file *f = &r->file[r->nfiles];
    *f = (struct block_file){
        .ring = r,
        .fd = fd,
        .index = r->nfiles++,
        .blk = {.ops = &file_ops, .opaque = f, .bytes = (uint64_t)bytes, .readonly = readonly}};
    return f;
}

/* liburing 2.3 declares these two and does not export them. */
static int ring_register(struct block_ring *r, unsigned opcode, const void *arg, unsigned n)
{
    long rc = syscall(__NR_io_uring_register, r->uring.ring_fd, opcode, arg, n);

    return rc < 0 ? -errno : 0;
}

/* What the ring may do from now on, whoever fills it. */
static int ring_restrict(struct block_ring *r)
{
    static const uint8_t ops[] = {IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_FSYNC,
                                  IORING_OP_FALLOCATE};
    struct io_uring_restriction res[sizeof(ops) + 2];

    memset(res, 0, sizeof(res));
    for (unsigned i = 0; i < sizeof(ops); i++) {
        res[i].opcode = IORING_RESTRICTION_SQE_OP;
        res[i].sqe_op = ops[i];
    }
    res[sizeof(ops)].opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED;
    res[sizeof(ops)].sqe_flags = IOSQE_FIXED_FILE;
    res[sizeof(ops) + 1].opcode = IORING_RESTRICTION_REGISTER_OP;
    res[sizeof(ops) + 1].register_op = IORING_UNREGISTER_FILES;
    return ring_register(r, IORING_REGISTER_RESTRICTIONS, res, sizeof(ops) + 2);
}

/*
 * The kernel's thread behind a ring (flushes go to one) ends when it has been idle for five seconds
 * and stands on a processor that is not among those it was told. By itself the last one stays and
 * wakes up every five seconds for nothing. With no processor at all it starts wherever it may
 * (measured on Linux 6.1 and 6.18); where a kernel refuses, all is as without.
 */
static void ring_workers_end(struct block_ring *r)
{
    static const unsigned long none[1];

    ring_register(r, IORING_REGISTER_IOWQ_AFF, none, sizeof(none));
}

int block_ring_start(struct block_ring *r)
{
    int fd[BLOCK_MAX_FILES];
    int rc = 0;

    ring_workers_end(r);

    for (unsigned i = 0; i < r->nfiles; i++) {
        fd[i] = r->file[i].fd;
    }
    if (r->nfiles) {
        rc = io_uring_register_files(&r->uring, fd, r->nfiles);
    }
    rc = rc < 0 ? rc : ring_restrict(r);
    return rc < 0 ? rc : ring_register(r, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

void block_ring_seal(struct block_ring *r)
{
    r->sealed = true;
}

int block_ring_fd(const struct block_ring *r)
{
    return r->uring.ring_fd;
}

void block_ring_wait(struct block_ring *r)
{
    struct io_uring_cqe *cqe;

    if (block_ring_in_flight(r)) {
        io_uring_wait_cqe(&r->uring, &cqe);
    }
}

unsigned block_ring_in_flight(const struct block_ring *r)
{
    return r->busy;
}

struct blk *block_file_blk(struct block_file *f)
{
    return &f->blk;
}

int block_file_sync(struct block_file *f)
{
    return fdatasync(f->fd) < 0 ? -errno : 0;
}

void block_ring_free(struct block_ring *r)
{
    if (r) {
        /* Otherwise the kernel lets go of the files, and of their locks, some time later; the
         * monitor of a sealed process unlocks them. */
        if (!r->sealed) {
            ring_register(r, IORING_UNREGISTER_FILES, NULL, 0);
        }
        io_uring_queue_exit(&r->uring);
        free(r);
    }
}
