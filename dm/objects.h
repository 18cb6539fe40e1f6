/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory objects of the machine: memfds that the hypervisor may map into the guest. */
#ifndef CLEAVE_DM_OBJECTS_H
#define CLEAVE_DM_OBJECTS_H

#include <stdint.h>

/* A memfd that cannot shrink, mapped. */
struct object {
    int fd;
    uint64_t size;
    uint8_t *host;
};

/* A new one of `size` bytes, zero-filled. 0 or a negative errno. */
int object_new(struct object *o, const char *name, uint64_t size);

/*
 * Memory of this process alone: fd is -1. For a toolstack that limits the size of files, memfds
 * included (libxl's dm_restrict=1: 256 KiB).
 */
int object_private(struct object *o, uint64_t size);

/* Maps an inherited memfd of at least `size` bytes. -EINVAL when it is smaller. */
int object_attach(struct object *o, int fd, uint64_t size);

/*
 * A copy of the file `fd` at the start of a memfd of the next size
 * that is a power of two and at least 4 KiB. At most `max` bytes: else -EFBIG; -ENODATA when empty.
 */
int object_copy(struct object *o, const char *name, int fd, uint64_t max);

/* Gives the mapping back; the descriptor stays open. */
void object_unmap(struct object *o);

#endif
