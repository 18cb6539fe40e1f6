/* SPDX-License-Identifier: GPL-2.0-or-later */
/* block/: raw images through the restricted ring; sizes, locks, geometry of images. */
#include "test-block.h"

static void test_transfer(void)
{
    struct image im;
    uint8_t buf[8192];

    if (!image_new(&im, false)) {
        return;
    }
    g_assert_cmpint(perform(&im, BLK_READ, 4096, 8192, buf), ==, 0);
    g_assert_true(memcmp(buf, im.data + 4096, 8192) == 0);
    memset(buf, 0x5a, sizeof(buf));
    g_assert_cmpint(perform(&im, BLK_WRITE, 512, 1024, buf), ==, 0);
    g_assert_cmpint(perform(&im, BLK_FLUSH, 0, 0, NULL), ==, 0);
    memset(im.data + 512, 0x5a, 1024);
    uint8_t *all = g_malloc(BYTES);
    g_assert_cmpint(pread(im.fd, all, BYTES, 0), ==, BYTES);
    g_assert_true(memcmp(all, im.data, BYTES) == 0);
    g_free(all);
    g_assert_cmpint(block_file_sync(im.file), ==, 0);
    g_assert_cmpuint(block_ring_in_flight(im.ring), ==, 0);
    image_free(&im);
}

static void test_scatter(void)
{
    struct image im;
    struct request r = {.err = -1};
    uint8_t buf[BLK_MAX_SG][256];

    if (!image_new(&im, false)) {
        return;
    }
    r.req.op = BLK_READ;
    r.req.offset = 1024;
    r.req.bytes = sizeof(buf);
    r.req.nsg = BLK_MAX_SG;
    for (unsigned i = 0; i < BLK_MAX_SG; i++) {
        r.req.sg[i].base = buf[BLK_MAX_SG - 1 - i];
        r.req.sg[i].len = 256;
    }
    r.req.done = request_done;
    r.req.opaque = &r;
    im.blk->ops->submit(im.blk->opaque, &r.req);
    g_assert_cmpint(complete(&im, &r), ==, 0);
    for (unsigned i = 0; i < BLK_MAX_SG; i++) {
        g_assert_true(memcmp(buf[BLK_MAX_SG - 1 - i], im.data + 1024 + 256 * i, 256) == 0);
    }
    image_free(&im);
}

static void test_many_at_once(void)
{
    struct image im;
    struct request r[8];
    uint8_t buf[8][4096];

    if (!image_new(&im, false)) {
        return;
    }
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < 8; i++) {
            submit(&im, &r[i], BLK_READ, (i + round) * 4096, 4096, buf[i]);
        }
        /* Waiting for one delivers none of the others. */
        g_assert_cmpint(im.blk->ops->finish(im.blk->opaque, &r[5].req), ==, 0);
        im.blk->ops->cancel(im.blk->opaque, &r[2].req);
        for (unsigned i = 0; i < 8; i++) {
            g_assert_cmpint(r[i].err, ==, -1);
        }
        for (unsigned i = 0; i < 8; i++) {
            if (i != 5 && i != 2) {
                g_assert_cmpint(complete(&im, &r[i]), ==, 0);
            }
            g_assert_true(i == 2 || memcmp(buf[i], im.data + (i + round) * 4096, 4096) == 0);
        }
        g_assert_cmpint(r[5].err, ==, -1);
        g_assert_cmpint(r[2].err, ==, -1);
        g_assert_cmpuint(block_ring_in_flight(im.ring), ==, 0);
    }
    image_free(&im);
}

static void test_limits(void)
{
    struct image im;
    uint8_t buf[1024] = {0};

    if (!image_new(&im, false)) {
        return;
    }
    g_assert_cmpint(perform(&im, BLK_WRITE, BYTES - 512, 1024, buf), ==, EIO);
    g_assert_cmpint(perform(&im, BLK_WRITE, BYTES, 512, buf), ==, EIO);
    g_assert_cmpint(perform(&im, BLK_READ, UINT64_MAX - 511, 512, buf), ==, EIO);
    g_assert_cmpint(perform(&im, BLK_DISCARD, BYTES - 512, 1024, NULL), ==, EIO);
    g_assert_cmpint(lseek(im.fd, 0, SEEK_END), ==, BYTES);
    image_free(&im);
}

static void test_readonly(void)
{
    struct image im;
    uint8_t buf[512] = {0};

    if (!image_new(&im, true)) {
        return;
    }
    g_assert_true(im.blk->readonly);
    g_assert_cmpint(perform(&im, BLK_WRITE, 0, 512, buf), ==, EROFS);
    g_assert_cmpint(perform(&im, BLK_DISCARD, 0, 512, NULL), ==, EROFS);
    g_assert_cmpint(perform(&im, BLK_FLUSH, 0, 0, NULL), ==, 0);
    g_assert_cmpint(perform(&im, BLK_READ, 0, 512, buf), ==, 0);
    g_assert_true(memcmp(buf, im.data, 512) == 0);
    image_free(&im);
}

static void test_discard(void)
{
    struct image im;
    uint8_t buf[8192];

    if (!image_new(&im, false)) {
        return;
    }
    g_assert_cmpint(perform(&im, BLK_DISCARD, 65536, 65536, NULL), ==, 0);
    g_assert_cmpint(perform(&im, BLK_READ, 65536 - 4096, 8192, buf), ==, 0);
    g_assert_true(memcmp(buf, im.data + 65536 - 4096, 4096) == 0);
    g_assert_cmpint(lseek(im.fd, 0, SEEK_END), ==, BYTES);
    image_free(&im);
}

/* What the kernel did not take fails, and does not go with the next request instead: the second has
 * the first one's slot. */
static void test_not_taken(void)
{
    struct image im;
    uint8_t written[4096], read[4096];

    if (!image_new(&im, false)) {
        return;
    }
    int fd = block_ring_fd(im.ring), ring = dup(fd), other = open("/dev/null", O_RDWR);
    memset(written, 0x5a, sizeof(written));
    g_assert_cmpint(dup2(other, fd), ==, fd); /* no ring: every submission fails */
    g_assert_cmpint(perform(&im, BLK_WRITE, 65536, 4096, written), >, 0);
    g_assert_cmpint(perform(&im, BLK_READ, 0, 4096, read), >, 0);
    g_assert_cmpint(dup2(ring, fd), ==, fd);
    g_assert_cmpint(perform(&im, BLK_READ, 4096, 4096, read), ==, 0);
    g_assert_cmpmem(read, 4096, im.data + 4096, 4096);
    g_assert_cmpint(perform(&im, BLK_FLUSH, 0, 0, NULL), ==, 0);
    uint8_t *all = g_malloc(BYTES);
    g_assert_cmpint(pread(im.fd, all, BYTES, 0), ==, BYTES);
    g_assert_true(memcmp(all, im.data, BYTES) == 0);
    g_free(all);
    for (unsigned i = 0; i < 40; i++) { /* more than the ring has entries: none is lost */
        g_assert_cmpint(dup2(other, fd), ==, fd);
        g_assert_cmpint(perform(&im, BLK_WRITE, 65536, 4096, written), >, 0);
        g_assert_cmpint(dup2(ring, fd), ==, fd);
        g_assert_cmpint(perform(&im, BLK_READ, 65536, 4096, read), ==, 0);
        g_assert_cmpmem(read, 4096, im.data + 65536, 4096);
    }
    close(ring);
    close(other);
    image_free(&im);
}

/* After the start the ring takes no other files: the kernel refuses. */
static void test_restricted(void)
{
    struct image im;
    int fd = 0;
    struct io_uring_files_update update = {.offset = 0, .fds = (uintptr_t)&fd};

    if (!image_new(&im, false)) {
        return;
    }
    g_assert_cmpint(syscall(__NR_io_uring_register, block_ring_fd(im.ring),
                            IORING_REGISTER_FILES_UPDATE, &update, 1),
                    ==, -1);
    g_assert_cmpint(errno, ==, EACCES);
    image_free(&im);
}

/* Threads of the kernel's that do what the ring cannot do at once. */
static unsigned workers(void)
{
    unsigned found = 0;
    GDir *tasks = g_dir_open("/proc/self/task", 0, NULL);

    g_assert_nonnull(tasks);
    for (const char *task; (task = g_dir_read_name(tasks));) {
        char *path = g_strdup_printf("/proc/self/task/%s/comm", task);
        char *name = NULL;

        if (g_file_get_contents(path, &name, NULL, NULL)) { /* some end meanwhile */
            found += g_str_has_prefix(name, "iou-wrk");
        }
        g_free(name);
        g_free(path);
    }
    g_dir_close(tasks);
    return found;
}

/* Who has nothing to do does not wake up: no thread is left behind by a flush. */
static void test_workers(void)
{
    struct image im;
    uint8_t buf[512] = {0};

    if (!image_new(&im, false)) {
        return;
    }
    g_assert_cmpint(perform(&im, BLK_WRITE, 512, 512, buf), ==, 0);
    g_assert_cmpint(perform(&im, BLK_FLUSH, 0, 0, NULL), ==, 0);
    if (workers() == 0) {
        g_test_skip("this kernel flushes without a thread");
    }
    gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
    while (workers() > 0 && g_get_monotonic_time() < end) {
        g_usleep(G_USEC_PER_SEC / 10);
    }
    g_assert_cmpuint(workers(), ==, 0);
    g_assert_cmpint(perform(&im, BLK_FLUSH, 0, 0, NULL), ==, 0);
    image_free(&im);
}

static void test_sizes(void)
{
    char err[256] = "";
    char *path;
    int fd = g_file_open_tmp("cleave-block-XXXXXX", &path, NULL);

    g_assert_cmpint(block_image_size(fd, "disk.img", err, sizeof(err)), <, 0);
    g_assert_nonnull(strstr(err, "disk.img"));
    g_assert_cmpint(ftruncate(fd, 1000), ==, 0);
    g_assert_cmpint(block_image_size(fd, "disk.img", err, sizeof(err)), <, 0);
    g_assert_nonnull(strstr(err, "512"));
    g_assert_null(strchr(err, '\n'));
    g_assert_cmpint(ftruncate(fd, 1024), ==, 0);
    g_assert_cmpint(block_image_size(fd, "disk.img", err, sizeof(err)), ==, 1024);
    close(fd);
    fd = open("/dev/null", O_RDONLY);
    g_assert_cmpint(block_image_size(fd, "null", err, sizeof(err)), <, 0);
    close(fd);
    g_unlink(path);
    g_free(path);
}

static void test_locks(void)
{
    char *path;
    int a = g_file_open_tmp("cleave-block-XXXXXX", &path, NULL);
    int b = open(path, O_RDWR);
    int c = open(path, O_RDONLY);

    g_assert_cmpint(block_image_lock(a, false), ==, 0);
    g_assert_cmpint(block_image_lock(b, false), ==, -EAGAIN);
    g_assert_cmpint(block_image_lock(c, true), ==, -EAGAIN);
    int copy = dup(a);
    close(a);
    g_assert_cmpint(block_image_lock(b, false), ==, -EAGAIN); /* the duplicate holds it */
    close(copy);
    g_assert_cmpint(block_image_lock(b, true), ==, 0);
    g_assert_cmpint(block_image_lock(c, true), ==, 0); /* readers share */
    a = open(path, O_RDWR);
    g_assert_cmpint(block_image_lock(a, false), ==, -EAGAIN);
    close(a);
    close(b);
    close(c);
    g_unlink(path);
    g_free(path);
}

/* With the ring the image's lock goes, at once. */
static void test_lock_released(void)
{
    struct image im;
    uint8_t buf[512];

    if (!image_new(&im, false)) {
        return;
    }
    int other = open(im.path, O_RDWR);
    g_assert_cmpint(block_image_lock(im.fd, false), ==, 0);
    g_assert_cmpint(perform(&im, BLK_READ, 0, 512, buf), ==, 0);
    g_assert_cmpint(block_image_lock(other, false), ==, -EAGAIN);
    block_ring_free(im.ring);
    im.ring = NULL;
    close(im.fd);
    g_assert_cmpint(block_image_lock(other, false), ==, 0);
    im.fd = other;
    image_free(&im);
}

/* end_head, end_sector of the first partition; 0 head: no partition. */
static struct block_geometry geometry(long long bytes, uint8_t end_head, uint8_t end_sector)
{
    uint8_t mbr[512] = {0};
    struct block_geometry g;
    char *path;
    int fd = g_file_open_tmp("cleave-block-XXXXXX", &path, NULL);

    mbr[510] = 0x55;
    mbr[511] = 0xaa;
    mbr[446 + 5] = end_head;
    mbr[446 + 6] = end_sector;
    mbr[446 + 12] = end_head ? 100 : 0;
    g_assert_cmpint(write(fd, mbr, sizeof(mbr)), ==, sizeof(mbr));
    block_image_geometry(fd, bytes, &g);
    close(fd);
    g_unlink(path);
    g_free(path);
    return g;
}

/* The values are those of a machine that other software knows (PC, 16 heads, 63 sectors). */
static void test_geometry(void)
{
    const long long mib = 1 << 20;
    struct block_geometry g = geometry(64 * mib, 0, 0);

    g_assert_cmpuint(g.cylinders, ==, 130);
    g_assert_cmpuint(g.heads, ==, 16);
    g_assert_cmpuint(g.sectors, ==, 63);
    g_assert_cmpint(g.translation, ==, BLOCK_TRANSLATION_NONE);
    g_assert_cmpuint(geometry(512, 0, 0).cylinders, ==, 2);
    g_assert_cmpint(geometry(1024 * mib, 0, 0).translation, ==, BLOCK_TRANSLATION_LARGE);
    g = geometry(100000 * mib, 0, 0);
    g_assert_cmpuint(g.cylinders, ==, 16383);
    g_assert_cmpint(g.translation, ==, BLOCK_TRANSLATION_LBA);
    /* Partitioned as 255 heads: the standard geometry, translated. */
    g = geometry(64 * mib, 254, 63);
    g_assert_cmpuint(g.cylinders, ==, 130);
    g_assert_cmpint(g.translation, ==, BLOCK_TRANSLATION_LARGE);
    /* Partitioned as 8 heads of 32 sectors: that is what the disk is. */
    g = geometry(64 * mib, 7, 32);
    g_assert_cmpuint(g.cylinders, ==, 512);
    g_assert_cmpuint(g.heads, ==, 8);
    g_assert_cmpuint(g.sectors, ==, 32);
    g_assert_cmpint(g.translation, ==, BLOCK_TRANSLATION_NONE);
    /* Nonsense is passed over. */
    g = geometry(64 * mib, 7, 0);
    g_assert_cmpuint(g.heads, ==, 16);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/block/transfer", test_transfer);
    g_test_add_func("/block/scatter", test_scatter);
    g_test_add_func("/block/many-at-once", test_many_at_once);
    g_test_add_func("/block/limits", test_limits);
    g_test_add_func("/block/readonly", test_readonly);
    g_test_add_func("/block/discard", test_discard);
    g_test_add_func("/block/not-taken", test_not_taken);
    g_test_add_func("/block/restricted", test_restricted);
    g_test_add_func("/block/workers", test_workers);
    g_test_add_func("/block/sizes", test_sizes);
    g_test_add_func("/block/locks", test_locks);
    g_test_add_func("/block/lock-released", test_lock_released);
    g_test_add_func("/block/geometry", test_geometry);
    return g_test_run();
}
