/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Raw images against entries IMG-01, 02, 07 and 08 of the catalogue in docs/security.md. */
#include "test-block.h"

#include <dirent.h>
#include <sys/mman.h>

/* The image shrinks under us: an error, and no bytes made up for what is not there. */
static void test_truncated(void)
{
    struct image im;
    uint8_t buf[4096];

    if (!image_new(&im, false)) {
        return;
    }
    g_assert_cmpint(truncate(im.path, 2048), ==, 0);
    g_assert_cmpint(perform(&im, BLK_READ, 0, 4096, buf), ==, EIO);
    g_assert_cmpint(perform(&im, BLK_READ, 8192, 4096, buf), ==, EIO);
    g_assert_cmpint(perform(&im, BLK_READ, 0, 2048, buf), ==, 0);
    image_free(&im);
}

/* What other formats begin with: name, bytes, place. */
static const struct {
    const char *format;
    const char *magic;
    unsigned len, at;
} magics[] = {
    {"qcow", "QFI\xfb\0\0\0\1", 8, 0},
    {"qcow2", "QFI\xfb\0\0\0\3", 8, 0},
    {"vmdk", "KDMV\1\0\0\0", 8, 0},
    {"vmdk, descriptor", "# Disk DescriptorFile\n", 22, 0},
    {"vhd", "conectix", 8, 0},
    {"vhd, fixed", "conectix", 8, BYTES - 512},
    {"vhdx", "vhdxfile", 8, 0},
    {"vdi", "\x7f\x10\xda\xbe", 4, 64},
    {"qed", "QED\0", 4, 0},
    {"luks", "LUKS\xba\xbe", 6, 0},
    {"parallels", "WithoutFreeSpace", 16, 0},
    {"cloop", "#!/bin/sh\n#V2.0 Format\n", 23, 0},
    {"dmg", "koly", 4, BYTES - 512},
};

/* A header as a guest would write it, with the name of a file of the host where such names stand.
 */
static void header_write(uint8_t *sector, unsigned n)
{
    static const char name[] = "/etc/hostname";

    memset(sector, 0, 512);
    memcpy(sector + magics[n].at % 512, magics[n].magic, magics[n].len);
    sector[15] = 128; /* qcow2: the backing file's name lies at 128, */
    sector[19] = sizeof(name) - 1;
    memcpy(sector + 128, name, sizeof(name));
}

static unsigned open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;

    while (readdir(dir)) {
        n++;
    }
    closedir(dir);
    return n;
}

/* IMG-01: any magic at its place, written by the guest: raw it was and raw it stays, after a new
 * start too. Where nobody named the format, such an image is refused, not believed. */
static void test_magics(void)
{
    for (unsigned n = 0; n < G_N_ELEMENTS(magics); n++) {
        struct image im;
        uint8_t sector[512], buf[512];
        unsigned at = magics[n].at / 512 * 512;
        char err[256];
        struct stat st;
        long long probed;

        if (!image_new(&im, false)) {
            return;
        }
        header_write(sector, n);
        g_assert_cmpint(perform(&im, BLK_WRITE, at, 512, sector), ==, 0);
        g_assert_cmpint(perform(&im, BLK_FLUSH, 0, 0, NULL), ==, 0);
        block_ring_free(im.ring);
        im.ring = block_ring_new(err, sizeof(err));
        g_assert_nonnull(im.ring);
        g_assert_cmpint(block_image_open(im.fd, im.path, false, false, err, sizeof(err)), ==,
                        BYTES);
        im.file = block_file_new(im.ring, im.fd, false, err, sizeof(err));
        g_assert_nonnull(im.file);
        im.blk = block_file_blk(im.file);
        g_assert_cmpuint(im.blk->bytes, ==, BYTES);
        g_assert_cmpint(block_ring_start(im.ring), ==, 0);
        g_assert_cmpint(perform(&im, BLK_READ, at, 512, buf), ==, 0);
        g_assert_cmpmem(buf, 512, sector, 512);
        g_assert_cmpint(perform(&im, BLK_READ, 1024, 512, buf), ==, 0);
        g_assert_cmpmem(buf, 512, im.data + 1024, 512);
        probed = block_image_open(im.fd, im.path, false, true, err, sizeof(err));
        g_assert_true(probed == BYTES || probed < 0);
        g_assert_cmpint(fstat(im.fd, &st), ==, 0);
        g_assert_cmpint(st.st_size, ==, BYTES);
        image_free(&im);
    }
}

/* IMG-02: names in an image are bytes: nothing is opened for them. */
static void test_names(void)
{
    for (unsigned n = 0; n < G_N_ELEMENTS(magics); n++) {
        struct image im;
        uint8_t sector[512];
        char err[256];
        unsigned before;

        if (!image_new(&im, false)) {
            return;
        }
        header_write(sector, n);
        g_assert_cmpint(pwrite(im.fd, sector, 512, magics[n].at / 512 * 512), ==, 512);
        before = open_files();
        g_assert_cmpint(block_image_open(im.fd, im.path, false, false, err, sizeof(err)), ==,
                        BYTES);
        (void)block_image_open(im.fd, im.path, false, true, err, sizeof(err));
        g_assert_cmpint(perform(&im, BLK_READ, 0, 512, sector), ==, 0);
        g_assert_cmpuint(open_files(), ==, before);
        image_free(&im);
    }
}

/* IMG-07: the descriptor itself is read-only: when a flag is lost on the way, the kernel has it. */
static void test_read_only(void)
{
    struct image im;
    struct request r;
    uint8_t buf[512] = {0};

    if (!image_new(&im, true)) {
        return;
    }
    g_assert_cmpint(fcntl(im.fd, F_GETFL) & O_ACCMODE, ==, O_RDONLY);
    for (unsigned lost = 0; lost < 2; lost++) {
        im.blk->readonly = !lost;
        submit(&im, &r, BLK_WRITE, 0, 512, buf);
        g_assert_cmpint(complete(&im, &r), ==, lost ? EBADF : EROFS);
        submit(&im, &r, BLK_DISCARD, 0, 512, NULL);
        g_assert_cmpint(complete(&im, &r), ==, lost ? EBADF : EROFS);
    }
    uint8_t *all = g_malloc(BYTES);

    g_assert_cmpint(pread(im.fd, all, BYTES, 0), ==, BYTES);
    g_assert_cmpmem(all, BYTES, im.data, BYTES);
    g_free(all);
    image_free(&im);
}

/* IMG-08: the host refuses to store: the guest hears of it, what was there stays. */
static void test_refused(void)
{
    char err[256];
    uint8_t buf[4096];
    struct image im = {.fd = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING)};

    g_assert_cmpint(ftruncate(im.fd, BYTES), ==, 0);
    memset(buf, 0x3c, sizeof(buf));
    g_assert_cmpint(pwrite(im.fd, buf, sizeof(buf), 0), ==, sizeof(buf));
    g_assert_cmpint(fcntl(im.fd, F_ADD_SEALS, F_SEAL_WRITE), ==, 0);
    im.ring = block_ring_new(err, sizeof(err));
    if (!im.ring) {
        g_test_skip(err);
        close(im.fd);
        return;
    }
    im.file = block_file_new(im.ring, im.fd, false, err, sizeof(err));
    im.blk = block_file_blk(im.file);
    g_assert_cmpint(block_ring_start(im.ring), ==, 0);
    memset(buf, 0xff, sizeof(buf));
    for (unsigned i = 0; i < 100; i++) {
        g_assert_cmpint(perform(&im, BLK_WRITE, 512 * i, 4096, buf), >, 0);
    }
    g_assert_cmpuint(block_ring_in_flight(im.ring), ==, 0);
    g_assert_cmpint(perform(&im, BLK_READ, 0, 4096, buf), ==, 0);
    for (unsigned i = 0; i < 4096; i++) {
        g_assert_cmphex(buf[i], ==, 0x3c);
    }
    block_ring_free(im.ring);
    close(im.fd);
}

/* IMG-08: sizes that are no whole sectors are refused at the start, with what to do. */
static void test_odd_size(void)
{
    static const off_t sizes[] = {0, 1, 511, 513, BYTES - 1, BYTES + 511};
    char err[256], *path;
    int fd = g_file_open_tmp("cleave-block-XXXXXX", &path, NULL);

    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        struct stat st;

        g_assert_cmpint(ftruncate(fd, sizes[i]), ==, 0);
        g_assert_cmpint(block_image_open(fd, "odd.img", false, i & 1, err, sizeof(err)), <, 0);
        g_assert_nonnull(strstr(err, "odd.img"));
        g_assert_nonnull(strstr(err, "truncate"));
        g_assert_cmpint(fstat(fd, &st), ==, 0);
        g_assert_cmpint(st.st_size, ==, sizes[i]);
    }
    close(fd);
    g_unlink(path);
    g_free(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/catalogue/IMG-01/magics-stay-raw", test_magics);
    g_test_add_func("/catalogue/IMG-02/names-are-bytes", test_names);
    g_test_add_func("/catalogue/IMG-07/read-only-holds", test_read_only);
    g_test_add_func("/catalogue/IMG-08/file-shrinks", test_truncated);
    g_test_add_func("/catalogue/IMG-08/writes-refused", test_refused);
    g_test_add_func("/catalogue/IMG-08/odd-size", test_odd_size);
    return g_test_run();
}
