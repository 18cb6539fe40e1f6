/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "objects.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define OBJECT_MIN 4096u

static int object_map(struct object *o)
{
    o->host = mmap(NULL, o->size, PROT_READ | PROT_WRITE, MAP_SHARED, o->fd, 0);
    return o->host == MAP_FAILED ? -errno : 0;
}

int object_new(struct object *o, const char *name, uint64_t size)
{
    o->size = size;
    o->fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (o->fd < 0 || ftruncate(o->fd, (off_t)size) < 0 ||
        fcntl(o->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0) {
        return -errno;
    }
    return object_map(o);
}

int object_private(struct object *o, uint64_t size)
{
    o->fd = -1;
    o->size = size;
    o->host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return o->host == MAP_FAILED ? -errno : 0;
}

int object_attach(struct object *o, int fd, uint64_t size)
{
    struct stat st;

    o->fd = fd;
    o->size = size;
    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    return (uint64_t)st.st_size < size ? -EINVAL : object_map(o);
}

int object_copy(struct object *o, const char *name, int fd, uint64_t max)
{
    struct stat st;
    uint64_t size = OBJECT_MIN;

    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    if (st.st_size == 0 || (uint64_t)st.st_size > max) {
        return st.st_size ? -EFBIG : -ENODATA;
    }
    while (size < (uint64_t)st.st_size) {
        size *= 2;
    }
    int err = object_new(o, name, size);
    for (off_t at = 0; !err && at < st.st_size;) {
        ssize_t n = pread(fd, o->host + at, (size_t)(st.st_size - at), at);

        if (n <= 0) {
            return n ? -errno : -EIO;
        }
        at += n;
    }
    return err;
}

void object_unmap(struct object *o)
{
    munmap(o->host, o->size);
    o->host = NULL;
}
