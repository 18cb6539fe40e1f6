/* SPDX-License-Identifier: GPL-2.0-or-later */
/* block/: rerror and werror, faults on demand, media without the ring. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "debug.h"
#include "file.h"
#include "policy.h"
#include "simple.h"

/* --- a back end that is finished by hand --- */

struct fake {
    struct blk blk;
    struct blk_req *req;
    unsigned submits;
    unsigned cancels;
    int finish_err;
};

static void fake_submit(void *opaque, struct blk_req *req)
{
    struct fake *f = opaque;

    g_assert_null(f->req);
    f->req = req;
    f->submits++;
}

static void fake_cancel(void *opaque, struct blk_req *req)
{
    struct fake *f = opaque;

    g_assert_true(f->req == req);
    f->req = NULL;
    f->cancels++;
}

static int fake_finish(void *opaque, struct blk_req *req)
{
    struct fake *f = opaque;

    g_assert_true(f->req == req);
    f->req = NULL;
    return f->finish_err;
}

static const struct blk_ops fake_ops = {fake_submit, fake_cancel, fake_finish};

static void fake_init(struct fake *f)
{
    *f = (struct fake){.blk = {&fake_ops, f, 1 << 20, false}};
}

static void fake_done(struct fake *f, int err)
{
    struct blk_req *req = f->req;

    f->req = NULL;
    req->done(req, err);
}

/* --- a device's request --- */

struct request {
    struct blk_req req;
    uint8_t buf[512];
    int err; /* -1: not done */
};

static void request_done(struct blk_req *req, int err)
{
    struct request *r = req->opaque;

    g_assert_cmpint(r->err, ==, -1);
    r->err = err;
}

static void request_submit(struct request *r, struct blk *b, enum blk_op op, uint64_t sector)
{
    memset(&r->req, 0, sizeof(r->req));
    memset(r->buf, 0xa5, sizeof(r->buf));
    r->err = -1;
    r->req.op = op;
    r->req.offset = sector * 512;
    r->req.done = request_done;
    r->req.opaque = r;
    if (op == BLK_READ || op == BLK_WRITE) {
        r->req.bytes = 512;
        r->req.nsg = 1;
        r->req.sg[0].base = r->buf;
        r->req.sg[0].len = 512;
    }
    b->ops->submit(b->opaque, &r->req);
}

/* --- rerror, werror --- */

struct told {
    unsigned n;
    bool write;
    int err;
    enum block_policy_error action;
};

static void told_failed(void *opaque, bool write, int err, enum block_policy_error action)
{
    struct told *t = opaque;

    *t = (struct told){t->n + 1, write, err, action};
}

struct policy {
    struct fake inner;
    struct told told;
    struct block_policy *p;
    struct blk *blk;
};

static void policy_init(struct policy *p, enum block_policy_error read,
                        enum block_policy_error write)
{
    struct block_policy_config cfg = {read, write, told_failed, &p->told};

    memset(p, 0, sizeof(*p));
    fake_init(&p->inner);
    p->p = block_policy_new(&p->inner.blk, &cfg);
    p->blk = block_policy_blk(p->p);
    g_assert_cmpuint(p->blk->bytes, ==, 1 << 20);
    g_assert_false(p->blk->readonly);
}

static void test_report(void)
{
    struct policy p;
    struct request r;

    policy_init(&p, POLICY_REPORT, POLICY_REPORT);
    request_submit(&r, p.blk, BLK_READ, 0);
    fake_done(&p.inner, 0);
    g_assert_cmpint(r.err, ==, 0);
    g_assert_cmpuint(p.told.n, ==, 0);
    request_submit(&r, p.blk, BLK_WRITE, 0);
    fake_done(&p.inner, EIO);
    g_assert_cmpint(r.err, ==, EIO);
    g_assert_cmpuint(p.told.n, ==, 1);
    g_assert_true(p.told.write);
    g_assert_cmpint(p.told.err, ==, EIO);
    g_assert_cmpint(p.told.action, ==, POLICY_REPORT);
    block_policy_free(p.p);
}

/* What was not read is zeros, not what lay there before. */
static void test_ignore(void)
{
    struct policy p;
    struct request r;

    policy_init(&p, POLICY_IGNORE, POLICY_IGNORE);
    request_submit(&r, p.blk, BLK_READ, 0);
    fake_done(&p.inner, EIO);
    g_assert_cmpint(r.err, ==, 0);
    for (unsigned i = 0; i < 512; i++) {
        g_assert_cmphex(r.buf[i], ==, 0);
    }
    request_submit(&r, p.blk, BLK_FLUSH, 0);
    fake_done(&p.inner, EIO);
    g_assert_cmpint(r.err, ==, 0);
    g_assert_cmpuint(p.told.n, ==, 2);
    block_policy_free(p.p);
}

static void test_stop_retry(void)
{
    struct policy p;
    struct request r;

    policy_init(&p, POLICY_REPORT, POLICY_STOP);
    request_submit(&r, p.blk, BLK_WRITE, 5);
    for (unsigned i = 1; i <= 3; i++) { /* again and again */
        fake_done(&p.inner, EIO);
        g_assert_cmpint(r.err, ==, -1);
        g_assert_cmpuint(p.told.n, ==, i);
        g_assert_cmpint(p.told.action, ==, POLICY_STOP);
        block_policy_retry(p.p);
        g_assert_cmpuint(p.inner.submits, ==, i + 1);
        block_policy_retry(p.p); /* in flight: nothing to do */
        g_assert_cmpuint(p.inner.submits, ==, i + 1);
        g_assert_cmpuint(p.inner.req->offset, ==, 5 * 512);
    }
    fake_done(&p.inner, 0);
    g_assert_cmpint(r.err, ==, 0);
    block_policy_retry(p.p);
    g_assert_cmpuint(p.inner.submits, ==, 4);
    request_submit(&r, p.blk, BLK_READ, 0); /* reads are reported */
    fake_done(&p.inner, EIO);
    g_assert_cmpint(r.err, ==, EIO);
    block_policy_free(p.p);
}

static void test_enospc(void)
{
    struct policy p;
    struct request r;

    policy_init(&p, POLICY_REPORT, POLICY_ENOSPC);
    request_submit(&r, p.blk, BLK_WRITE, 0);
    fake_done(&p.inner, EIO);
    g_assert_cmpint(r.err, ==, EIO);
    request_submit(&r, p.blk, BLK_WRITE, 0);
    fake_done(&p.inner, ENOSPC);
    g_assert_cmpint(r.err, ==, -1);
    g_assert_cmpint(p.told.action, ==, POLICY_STOP);
    block_policy_retry(p.p);
    fake_done(&p.inner, 0);
    g_assert_cmpint(r.err, ==, 0);
    block_policy_free(p.p);
}

/* A reset of the guest takes back what waits, without a trace. */
static void test_stop_cancel(void)
{
    struct policy p;
    struct request r;

    policy_init(&p, POLICY_STOP, POLICY_STOP);
    request_submit(&r, p.blk, BLK_WRITE, 0);
    p.blk->ops->cancel(p.blk->opaque, &r.req);
    g_assert_cmpuint(p.inner.cancels, ==, 1);
    request_submit(&r, p.blk, BLK_WRITE, 0);
    fake_done(&p.inner, EIO);
    p.blk->ops->cancel(p.blk->opaque, &r.req);
    g_assert_cmpuint(p.inner.cancels, ==, 1); /* the back end has it no more */
    block_policy_retry(p.p);
    g_assert_cmpuint(p.inner.submits, ==, 2);
    g_assert_true(r.req.done == request_done);
    for (unsigned i = 0; i < 100; i++) { /* nothing is used up */
        request_submit(&r, p.blk, BLK_WRITE, 0);
        fake_done(&p.inner, EIO);
        p.blk->ops->cancel(p.blk->opaque, &r.req);
    }
    block_policy_free(p.p);
}

/* A bus master that is stopped cannot wait for a person. */
static void test_finish(void)
{
    struct policy p;
    struct request r;

    policy_init(&p, POLICY_STOP, POLICY_IGNORE);
    request_submit(&r, p.blk, BLK_READ, 0);
    fake_done(&p.inner, ENXIO);
    g_assert_cmpint(p.blk->ops->finish(p.blk->opaque, &r.req), ==, ENXIO);
    g_assert_true(r.req.done == request_done);
    request_submit(&r, p.blk, BLK_WRITE, 0);
    p.inner.finish_err = EIO;
    g_assert_cmpint(p.blk->ops->finish(p.blk->opaque, &r.req), ==, 0);
    g_assert_cmpint(p.blk->ops->finish(p.blk->opaque, &r.req), ==, 0); /* nothing there */
    block_policy_free(p.p);
}

/* --- faults on demand --- */

struct faults {
    struct block_ring *ring;
    struct fake inner;
    struct block_debug *d;
    struct blk *blk;
};

/* False where there is no io_uring. */
static bool faults_init(struct faults *f)
{
    char err[256];

    f->ring = block_ring_new(err, sizeof(err));
    if (!f->ring) {
        g_test_skip(err);
        return false;
    }
    g_assert_cmpint(block_ring_start(f->ring), ==, 0);
    fake_init(&f->inner);
    f->d = block_debug_new(&f->inner.blk, f->ring);
    f->blk = block_debug_blk(f->d);
    return true;
}

static void faults_free(struct faults *f)
{
    g_assert_cmpuint(block_ring_in_flight(f->ring), ==, 0);
    block_debug_free(f->d);
    block_ring_free(f->ring);
}

/* The errno that a request gets from the filter; 0: it went through. */
static int verdict(struct faults *f, enum blk_op op, uint64_t sector)
{
    struct request r;
    unsigned before = f->inner.submits;

    request_submit(&r, f->blk, op, sector);
    g_assert_cmpint(r.err, ==, -1); /* never at once */
    if (f->inner.submits > before) {
        fake_done(&f->inner, 0);
    } else {
        g_assert_true(block_ring_poll(f->ring));
    }
    g_assert_cmpint(r.err, >=, 0);
    return r.err;
}

static void test_rule_once(void)
{
    struct faults f;
    struct block_rule rule = {
        .event = BLOCK_EVENT_FLUSH_TO_DISK, .err = ENOSPC, .sector = -1, .once = true};

    if (!faults_init(&f)) {
        return;
    }
    block_debug_rule(f.d, &rule);
    g_assert_cmpint(verdict(&f, BLK_WRITE, 0), ==, 0);
    g_assert_cmpint(verdict(&f, BLK_FLUSH, 0), ==, ENOSPC);
    g_assert_cmpint(verdict(&f, BLK_FLUSH, 0), ==, 0);
    faults_free(&f);
}

static void test_rule_match(void)
{
    struct faults f;
    struct block_rule sector = {.event = BLOCK_EVENT_NONE, .err = EIO, .sector = 7};
    struct block_rule reads = {
        .event = BLOCK_EVENT_READ_AIO, .err = EPERM, .sector = -1, .ops = 1u << BLK_READ};

    if (!faults_init(&f)) {
        return;
    }
    block_debug_rule(f.d, &sector);
    g_assert_cmpint(verdict(&f, BLK_WRITE, 6), ==, 0);
    g_assert_cmpint(verdict(&f, BLK_WRITE, 7), ==, EIO);
    g_assert_cmpint(verdict(&f, BLK_READ, 7), ==, EIO);
    g_assert_cmpint(verdict(&f, BLK_READ, 8), ==, 0);
    block_debug_rule(f.d, &reads);
    g_assert_cmpint(verdict(&f, BLK_WRITE, 8), ==, 0);
    g_assert_cmpint(verdict(&f, BLK_READ, 8), ==, EPERM);
    g_assert_cmpint(verdict(&f, BLK_WRITE, 8), ==, 0); /* the mask spares writes */
    for (unsigned i = 2; i < BLOCK_DEBUG_RULES; i++) {
        g_assert_cmpint(block_debug_rule(f.d, &reads), ==, 0);
    }
    g_assert_cmpint(block_debug_rule(f.d, &reads), ==, -ENOSPC);
    faults_free(&f);
}

static void test_rule_states(void)
{
    struct faults f;
    struct block_rule third = {
        .event = BLOCK_EVENT_WRITE_AIO, .state = 3, .err = EIO, .sector = -1, .once = true};

    if (!faults_init(&f)) {
        return;
    }
    block_debug_rule(f.d, &third);
    for (int state = 1; state <= 3; state++) {
        struct block_rule next = {
            .event = BLOCK_EVENT_WRITE_AIO, .state = state, .new_state = state + 1, .sector = -1};

        block_debug_rule(f.d, &next);
    }
    g_assert_cmpint(verdict(&f, BLK_WRITE, 0), ==, 0);
    g_assert_cmpint(verdict(&f, BLK_WRITE, 0), ==, 0);
    g_assert_cmpint(verdict(&f, BLK_READ, 0), ==, 0); /* another event */
    g_assert_cmpint(verdict(&f, BLK_WRITE, 0), ==, EIO);
    g_assert_cmpint(verdict(&f, BLK_WRITE, 0), ==, 0);
    faults_free(&f);
}

static void test_break(void)
{
    struct faults f;
    struct request r;

    if (!faults_init(&f)) {
        return;
    }
    g_assert_cmpint(block_debug_break(f.d, BLOCK_EVENT_FLUSH_TO_OS, "A"), ==, 0);
    g_assert_cmpint(block_debug_break(f.d, BLOCK_EVENT_FLUSH_TO_DISK, "B"), ==, 0);
    g_assert_cmpint(block_debug_resume(f.d, "A"), ==, -ENOENT);
    request_submit(&r, f.blk, BLK_FLUSH, 0);
    g_assert_cmpuint(block_ring_in_flight(f.ring), ==, 0); /* a stop of the guest need not wait */
    g_assert_true(block_debug_held(f.d, "A"));
    g_assert_cmpint(block_debug_resume(f.d, "B"), ==, -ENOENT);
    g_assert_cmpint(block_debug_resume(f.d, "A"), ==, 0);
    g_assert_true(block_debug_held(f.d, "B"));
    g_assert_cmpuint(f.inner.submits, ==, 0);
    g_assert_cmpint(block_debug_remove(f.d, "B"), ==, 0);
    fake_done(&f.inner, 0);
    g_assert_cmpint(r.err, ==, 0);
    g_assert_cmpint(verdict(&f, BLK_FLUSH, 0), ==, 0); /* breakpoints are for one request */
    g_assert_cmpint(block_debug_break(f.d, BLOCK_EVENT_FLUSH_TO_OS, "C"), ==, 0);
    g_assert_cmpint(block_debug_remove(f.d, "C"), ==, 0);
    g_assert_cmpint(verdict(&f, BLK_FLUSH, 0), ==, 0);
    g_assert_cmpint(block_debug_break(f.d, BLOCK_EVENT_NONE, "D"), ==, -EINVAL);
    g_assert_cmpint(block_debug_break(f.d, BLOCK_EVENT_READ_AIO, ""), ==, -EINVAL);
    faults_free(&f);
}

/* Requests that are held, failing or behind the filter can all be taken back, and waited for. */
static void test_break_cancel(void)
{
    struct faults f;
    struct request r;
    struct block_rule rule = {.event = BLOCK_EVENT_NONE, .err = EIO, .sector = 3};

    if (!faults_init(&f)) {
        return;
    }
    block_debug_rule(f.d, &rule);
    for (unsigned i = 0; i < 10; i++) {
        block_debug_break(f.d, BLOCK_EVENT_READ_AIO, "A");
        request_submit(&r, f.blk, BLK_READ, 0);
        f.blk->ops->cancel(f.blk->opaque, &r.req);
        g_assert_false(block_debug_held(f.d, "A"));
        request_submit(&r, f.blk, BLK_READ, 3);
        f.blk->ops->cancel(f.blk->opaque, &r.req);
        g_assert_false(block_ring_poll(f.ring));
        request_submit(&r, f.blk, BLK_READ, 0);
        f.blk->ops->cancel(f.blk->opaque, &r.req);
        g_assert_cmpuint(f.inner.cancels, ==, i + 1);
        g_assert_cmpint(r.err, ==, -1);
        request_submit(&r, f.blk, BLK_READ, 3);
        g_assert_cmpint(f.blk->ops->finish(f.blk->opaque, &r.req), ==, EIO);
        block_debug_break(f.d, BLOCK_EVENT_READ_AIO, "A");
        request_submit(&r, f.blk, BLK_READ, 0);
        g_assert_cmpint(f.blk->ops->finish(f.blk->opaque, &r.req), ==, 0);
    }
    faults_free(&f);
}

static void test_events(void)
{
    g_assert_cmpint(block_event_by_name("flush_to_os"), ==, BLOCK_EVENT_FLUSH_TO_OS);
    g_assert_cmpint(block_event_by_name("pwritev"), ==, BLOCK_EVENT_PWRITEV);
    g_assert_cmpint(block_event_by_name("l1_update"), ==, -1);
}

/* --- media without the ring's files --- */

static void test_null(void)
{
    struct faults f;
    struct request r;
    struct blk b;

    if (!faults_init(&f)) {
        return;
    }
    block_null_init(&b, f.ring, 1 << 20, false);
    request_submit(&r, &b, BLK_WRITE, 0);
    g_assert_cmpint(r.err, ==, -1);
    g_assert_true(block_ring_poll(f.ring));
    g_assert_cmpint(r.err, ==, 0);
    request_submit(&r, &b, BLK_READ, 0);
    g_assert_true(block_ring_poll(f.ring));
    g_assert_cmphex(r.buf[511], ==, 0);
    request_submit(&r, &b, BLK_READ, 0);
    b.ops->cancel(b.opaque, &r.req);
    g_assert_cmpuint(block_ring_in_flight(f.ring), ==, 0);
    request_submit(&r, &b, BLK_READ, 0);
    g_assert_cmpint(b.ops->finish(b.opaque, &r.req), ==, 0);
    faults_free(&f);
}

static int poll_one(struct faults *f, struct request *r)
{
    g_assert_cmpint(r->err, ==, -1);
    g_assert_true(block_ring_poll(f->ring));
    return r->err;
}

static void test_direct(void)
{
    struct faults f;
    struct request r;
    char *path;
    uint8_t sector[512];
    int fd = g_file_open_tmp("cleave-block-XXXXXX", &path, NULL);

    g_assert_cmpint(ftruncate(fd, 64 * 512), ==, 0);
    if (!faults_init(&f)) {
        return;
    }
    struct block_direct *d = block_direct_new(f.ring, dup(fd), false, 64 * 512);
    struct blk *b = block_direct_blk(d);
    request_submit(&r, b, BLK_WRITE, 63);
    g_assert_cmpint(poll_one(&f, &r), ==, 0);
    g_assert_cmpint(pread(fd, sector, 512, 63 * 512), ==, 512);
    g_assert_cmphex(sector[511], ==, 0xa5);
    request_submit(&r, b, BLK_READ, 0);
    g_assert_cmpint(poll_one(&f, &r), ==, 0);
    g_assert_cmphex(r.buf[0], ==, 0);
    request_submit(&r, b, BLK_FLUSH, 0);
    g_assert_cmpint(poll_one(&f, &r), ==, 0);
    request_submit(&r, b, BLK_WRITE, 64); /* an image never grows */
    g_assert_cmpint(poll_one(&f, &r), ==, EIO);
    g_assert_cmpint(ftruncate(fd, 512), ==, 0);
    request_submit(&r, b, BLK_READ, 1); /* it shrank: no invented data */
    g_assert_cmpint(poll_one(&f, &r), ==, EIO);
    block_direct_free(d);
    d = block_direct_new(f.ring, dup(fd), true, 512);
    request_submit(&r, block_direct_blk(d), BLK_WRITE, 0);
    g_assert_cmpint(poll_one(&f, &r), ==, EROFS);
    block_direct_free(d);
    faults_free(&f);
    close(fd);
    g_unlink(path);
    g_free(path);
}

/* --- opening an image by name --- */

static void test_open(void)
{
    char err[256];
    char *path;
    int fd = g_file_open_tmp("cleave-block-XXXXXX", &path, NULL);

    g_assert_cmpint(block_image_open(fd, path, false, true, err, sizeof(err)), <, 0);
    g_assert_nonnull(strstr(err, "empty"));
    g_assert_cmpint(ftruncate(fd, 1024), ==, 0);
    g_assert_cmpint(block_image_open(fd, path, false, true, err, sizeof(err)), ==, 1024);
    int other = open(path, O_RDWR);
    g_assert_cmpint(block_image_open(other, path, false, true, err, sizeof(err)), <, 0);
    g_assert_nonnull(strstr(err, "in use"));
    block_image_unlock(fd);
    g_assert_cmpint(block_image_open(other, path, false, true, err, sizeof(err)), ==, 1024);
    block_image_unlock(other);
    g_assert_cmpint(pwrite(fd, "QFI\xfb", 4, 0), ==, 4);
    g_assert_cmpint(block_image_open(fd, path, true, true, err, sizeof(err)), <, 0);
    g_assert_nonnull(strstr(err, "qcow2"));
    g_assert_cmpint(block_image_open(fd, path, true, false, err, sizeof(err)), ==, 1024);
    close(other);
    close(fd);
    g_unlink(path);
    g_free(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy/report", test_report);
    g_test_add_func("/policy/ignore", test_ignore);
    g_test_add_func("/policy/stop-and-retry", test_stop_retry);
    g_test_add_func("/policy/enospc", test_enospc);
    g_test_add_func("/policy/cancel", test_stop_cancel);
    g_test_add_func("/policy/finish", test_finish);
    g_test_add_func("/faults/once", test_rule_once);
    g_test_add_func("/faults/match", test_rule_match);
    g_test_add_func("/faults/states", test_rule_states);
    g_test_add_func("/faults/break", test_break);
    g_test_add_func("/faults/break-cancel", test_break_cancel);
    g_test_add_func("/faults/events", test_events);
    g_test_add_func("/media/null", test_null);
    g_test_add_func("/media/direct", test_direct);
    g_test_add_func("/media/open", test_open);
    return g_test_run();
}
