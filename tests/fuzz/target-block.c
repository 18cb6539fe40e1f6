/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the device model makes of a disk image before a guest sees it: size, lock, geometry. An
 * input is 6 bytes of size and flags, then the image's first bytes; the rest of it is a hole.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file.h"

#define HEAD 6u

static bool line_is_clear(const char *err)
{
    return err[0] && !strchr(err, '\n') && strstr(err, "disk.img");
}

/* A disk can report it, and a BIOS can use it. */
static void geometry_check(struct fuzz_world *w, const struct block_geometry *g)
{
    if (g->cylinders < 1 || g->cylinders > 16383 || g->heads < 1 || g->heads > 16 ||
        g->sectors < 1 || g->sectors > 63 || (unsigned)g->translation > BLOCK_TRANSLATION_LARGE) {
        fuzz_finding(w, "geometry %u/%u/%u, translation %d", g->cylinders, g->heads, g->sectors,
                     (int)g->translation);
    }
    fuzz_answer(w, g->cylinders | (uint64_t)g->heads << 16 | (uint64_t)g->sectors << 24 |
                       (uint64_t)g->translation << 32);
}

/* Two openings of one image: both may read, only one may write. */
static void lock_check(struct fuzz_world *w, int fd, bool first, bool second)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int other = open(path, O_RDWR | O_CLOEXEC);

    if (other < 0) {
        return;
    }
    if (block_image_lock(fd, first) != 0) {
        fuzz_finding(w, "a free image cannot be locked");
    }
    if ((block_image_lock(other, second) == 0) != (first && second)) {
        fuzz_finding(w, "two guests: %d %d", first, second);
    }
    close(other);
}

static uint64_t image_size(const uint8_t *data)
{
    uint64_t size = 0;

    memcpy(&size, data, 5);
    return size;
}

static void block_run(struct fuzz_world *w, const uint8_t *data, size_t len)
{
    struct block_geometry g = {0};
    char err[200] = "";

    if (len < HEAD) {
        return;
    }
    int fd = memfd_create("disk.img", MFD_CLOEXEC);
    if (fd < 0 || (len > HEAD && pwrite(fd, data + HEAD, len - HEAD, 0) < 0) ||
        ftruncate(fd, (off_t)image_size(data)) < 0) {
        abort();
    }
    long long bytes = block_image_size(fd, "disk.img", err, sizeof(err));
    if (bytes >= 0 && ((uint64_t)bytes != image_size(data) || bytes % BLK_SECTOR || bytes == 0)) {
        fuzz_finding(w, "%lld bytes", bytes);
    }
    if (bytes < 0 && !line_is_clear(err)) {
        fuzz_finding(w, "refused without a clear line: %s", err);
    }
    if (bytes > 0) {
        block_image_geometry(fd, bytes, &g);
        geometry_check(w, &g);
        lock_check(w, fd, data[5] & 1, data[5] & 2);
    }
    close(fd);
}

static void block_describe(struct fuzz_world *w, const uint8_t *data, size_t len)
{
    if (len >= HEAD) {
        printf("an image of %" PRIu64 " bytes, %zu given, locked %s and %s\n", image_size(data),
               len - HEAD, data[5] & 1 ? "shared" : "alone", data[5] & 2 ? "shared" : "alone");
    }
}

FUZZ_TARGET(block) = {
    .name = "block",
    .about = "disk images: size, lock, geometry",
    .run = block_run,
    .describe = block_describe,
    .max_bytes = HEAD + 1024,
};
