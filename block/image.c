/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

long long block_image_size(int fd, const char *name, char *err, size_t size)
{
    struct stat st;
    uint64_t bytes = 0;

    if (fstat(fd, &st) < 0) {
        snprintf(err, size, "%s: %s", name, strerror(errno));
        return -errno;
    }
    if (S_ISREG(st.st_mode)) {
        bytes = (uint64_t)st.st_size;
    } else if (!S_ISBLK(st.st_mode)) {
        snprintf(err, size, "%s: neither a file nor a block device; give a raw image", name);
        return -EINVAL;
    } else if (ioctl(fd, BLKGETSIZE64, &bytes) < 0) {
        snprintf(err, size, "%s: cannot tell its size: %s", name, strerror(errno));
        return -errno;
    }
    if (bytes == 0) {
        snprintf(err, size, "%s: the image is empty; make one with truncate -s 1G %s", name, name);
        return -EINVAL;
    }
    if (bytes % BLK_SECTOR) {
        snprintf(
            err, size,
            "%s: its size, %llu bytes, is not a multiple of 512; pad it with truncate -s %%512 %s",
            name, (unsigned long long)bytes, name);
        return -EINVAL;
    }
    return (long long)bytes;
}

int block_image_lock(int fd, bool readonly)
{
    struct flock fl = {.l_type = readonly ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(fd, F_OFD_SETLK, &fl) == 0) {
        return 0;
    }
    return errno == EACCES ? -EAGAIN : -errno;
}
