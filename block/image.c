/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

long long block_image_size(int fd, const char *name, char *err, size_t size)
{
    struct stat st;
    off_t bytes = 0;

    if (fstat(fd, &st) < 0) {
        snprintf(err, size, "%s: %s", name, strerror(errno));
        return -errno;
    }
    if (S_ISREG(st.st_mode)) {
        bytes = st.st_size;
    } else if (!S_ISBLK(st.st_mode)) {
        snprintf(err, size, "%s: neither a file nor a block device; give a raw image", name);
        return -EINVAL;
    } else if ((bytes = lseek(fd, 0, SEEK_END)) < 0) { /* no ioctl: the sandbox has none */
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

void block_image_unlock(int fd)
{
    struct flock fl = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

    fcntl(fd, F_OFD_SETLK, &fl);
}

/* Signatures at the start of images that are not raw; VHD's may be at the end only. */
static const char *image_format(int fd)
{
    static const struct {
        const char *signature;
        size_t len;
        off_t at;
        const char *name;
    } formats[] = {{"QFI\xfb", 4, 0, "qcow2"},         {"KDMV", 4, 0, "vmdk"},
                   {"conectix", 8, 0, "vpc"},          {"vhdxfile", 8, 0, "vhdx"},
                   {"\x7f\x10\xda\xbe", 4, 64, "vdi"}, {"QED", 4, 0, "qed"}};

    for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        char buf[8];
        size_t len = formats[i].len;

        if (pread(fd, buf, len, formats[i].at) == (ssize_t)len &&
            !memcmp(buf, formats[i].signature, len)) {
            return formats[i].name;
        }
    }
    return NULL;
}

long long block_image_open(int fd, const char *name, bool readonly, bool probe, char *err,
                           size_t size)
{
    const char *format = probe ? image_format(fd) : NULL;
    long long bytes = block_image_size(fd, name, err, size);

    if (bytes < 0) {
        return bytes;
    }
    if (format) {
        snprintf(err, size, "%s: is %s, not raw; convert it with qemu-img convert -O raw", name,
                 format);
        return -EINVAL;
    }
    int rc = block_image_lock(fd, readonly);
    if (rc == -EAGAIN) {
        snprintf(err, size, "%s: is in use by another guest; end that one or use a copy", name);
    } else if (rc < 0) {
        snprintf(err, size, "%s: cannot be locked: %s", name, strerror(-rc));
    }
    return rc < 0 ? rc : bytes;
}
