/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Raw images and block devices behind hw/core's block interface, through one io_uring per process.
 * The ring takes only reads, writes, fsync and fallocate on the registered files: the kernel
 * enforces that from block_ring_start() on.
 */
#ifndef CLEAVE_BLOCK_FILE_H
#define CLEAVE_BLOCK_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/blk.h"

#define BLOCK_MAX_FILES 8u

struct block_ring;
struct block_file;

/* NULL with one line in `err` (size bytes) when the kernel has no io_uring for us. */
struct block_ring *block_ring_new(char *err, size_t size);

/*
 * Adds an open image before block_ring_start(); fd stays the caller's and must stay open. The size
 * is taken now. NULL with one line in `err`.
 */
struct block_file *block_file_new(struct block_ring *r, int fd, bool readonly, char *err,
                                  size_t size);

/* Registers the files and locks the ring down. 0 or a negative errno. */
int block_ring_start(struct block_ring *r);

/* The process has given up io_uring_register: the ring stays as it is to its end. */
void block_ring_seal(struct block_ring *r);

/* Readable when completions wait. */
int block_ring_fd(const struct block_ring *r);

/* Delivers completions: calls done(). True when there were any. A few loads when there are none. */
bool block_ring_poll(struct block_ring *r);

/* Waits for the kernel to complete a request, if there is one in flight; delivers nothing. */
void block_ring_wait(struct block_ring *r);

/* Requests in flight or completed and not yet delivered. */
unsigned block_ring_in_flight(const struct block_ring *r);

/*
 * For back ends without a file of the ring: has block_ring_poll() call req->done(req, err), and
 * takes that back (the err, or -1 when there was nothing to take back).
 */
void block_ring_complete(struct block_ring *r, struct blk_req *req, int err);
int block_ring_withdraw(struct block_ring *r, const struct blk_req *req);

/* The device's view; belongs to the file. */
struct blk *block_file_blk(struct block_file *f);

/* Puts everything written so far on stable storage, now. 0 or a negative errno. */
int block_file_sync(struct block_file *f);

/* What went through it so far; for people. */
struct block_file_stats {
    uint64_t reads;
    uint64_t read_bytes;
    uint64_t writes;
    uint64_t write_bytes;
};
void block_file_stats(const struct block_file *f, struct block_file_stats *to);

void block_ring_free(struct block_ring *r);

/* --- for whoever opens images (the monitor) --- */

/*
 * Size of an image in bytes, or a negative number with one line in `err` that names `name`: empty,
 * or not a multiple of 512 bytes.
 */
long long block_image_size(int fd, const char *name, char *err, size_t size);

/*
 * Open-file-description lock on the whole image: shared for readonly, else exclusive; held until
 * the last duplicate of fd is closed. 0, -EAGAIN when somebody holds it, or another negative errno.
 */
int block_image_lock(int fd, bool readonly);
void block_image_unlock(int fd);

/*
 * What has to be done with an image that a user named: it is not empty, raw (with `probe`: has no
 * other format's signature), and gets locked (block_image_lock). Its size in bytes, or a negative
 * number with one line in `err` that names `name`.
 */
long long block_image_open(int fd, const char *name, bool readonly, bool probe, char *err,
                           size_t size);

/* How the BIOS makes int 13h addresses of a geometry; values are those of CMOS byte 39h. */
enum block_translation {
    BLOCK_TRANSLATION_NONE,
    BLOCK_TRANSLATION_LBA,
    BLOCK_TRANSLATION_LARGE,
};

struct block_geometry {
    uint16_t cylinders; /* 1..16383 */
    uint8_t heads;      /* 1..16 */
    uint8_t sectors;    /* 1..63 */
    enum block_translation translation;
};

/*
 * The geometry of a disk image of `bytes` bytes: that of its partition table where it has one that
 * a disk can report, else 16 heads of 63 sectors. An unreadable image has the latter.
 */
void block_image_geometry(int fd, long long bytes, struct block_geometry *g);

#endif
