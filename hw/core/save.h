/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine's state as a stream of bytes that another build can read: made from the field tables,
 * read back with nothing taken on trust. Pure functions on memory: files and sockets are the
 * caller's.
 *
 * Layout, all numbers little endian, a name being one length byte (1 to 63) and its characters:
 *
 *     header   u64 magic, u32 format, u32 devices, u32 blobs, u32 0, u64 bytes of the stream,
 *              u64 layout hash of the arena, name of the machine
 *     device   u32 "DEVI", name of the instance, type, the bytes of the type's fields
 *     type     name, u32 version, u32 fields, the fields
 *     field    name, u32 element size (0 if nested), u32 elements, u32 since, u32 nested (0 or 1),
 *              and if nested the type of the elements
 *     blob     u32 "BLOB", name, u64 bytes, the bytes
 *     trailer  u32 "ENDS", u64 checksum of all bytes before it
 *
 * A type's version is the highest `since` of its fields. Fields that are younger than the stream's
 * version are not in it and keep the value that the arena holds before (reset it first); every
 * other difference is refused.
 */
#ifndef CLEAVE_HW_CORE_SAVE_H
#define CLEAVE_HW_CORE_SAVE_H

#include "device.h"

#define SAVE_MAGIC    0x3145544154534c43ull /* "CLSTATE1" */
#define SAVE_FORMAT   1u
#define SAVE_MAX_NAME 63u

/* Bytes beside the arena that belong to the machine: video memory, sector buffers. */
struct save_blob {
    const char *name;
    void *data;
    uint64_t size;
};

/*
 * What is saved or loaded. `machine` names whatever must be equal on both sides (type, memory size,
 * options), at most SAVE_MAX_NAME characters; ids of devices and names of fields have the same
 * bound.
 */
struct save_image {
    struct arena *arena;
    const char *machine;
    const struct save_blob *blobs;
    unsigned nblobs;
};

/* Bytes that save_write() will need. */
uint64_t save_size(const struct save_image *img);

/* Writes the stream. 0, -ENOSPC when `len` is too small, -ENAMETOOLONG for a name out of bounds. */
int save_write(const struct save_image *img, void *buf, uint64_t len);

/*
 * Reads a stream into the arena and the blobs. `buf` is hostile; `scratch` is room for arena->used
 * bytes, aligned as the arena is. 0 when every device's check() is content; the caller resumes
 * then. Otherwise -EINVAL, one line in `err` (size bytes), and arena and blobs are as they were.
 */
int save_read(const struct save_image *img, const void *buf, uint64_t len, void *scratch, char *err,
              size_t size);

/*
 * The trailer's checksum: FNV-1a with 64 bits, taken over 64-bit words, the last one filled up with
 * zeros. Finds accidents, not malice: check() is for that.
 */
uint64_t save_checksum(const void *buf, uint64_t len);

#endif
