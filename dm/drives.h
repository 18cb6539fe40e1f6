/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands behind the machine's drives: images, filters in front of them, and media that come
 * and go while the guest runs.
 */
#ifndef CLEAVE_DM_DRIVES_H
#define CLEAVE_DM_DRIVES_H

#include "debug.h"
#include "file.h"
#include "options.h"
#include "pc.h"
#include "policy.h"
#include "simple.h"

/* A node of blockdev-add that waits to be inserted. */
#define DRIVES_MAX_NODES 8

struct drives;

struct drive {
    struct drives *set;
    struct dm_drive cfg; /* file and fd follow the medium */
    bool floppy;
    unsigned unit;   /* IDE drive 0..3, floppy drive 0..1 */
    struct blk *blk; /* what the device has, NULL: no medium */
    struct block_file *file;
    struct block_direct *direct;
    struct blk null;
    struct block_debug *debug;
    struct block_policy *policy;
};

struct drive_node {
    const char *name; /* NULL: free */
    const char *file;
    int fd;
    bool readonly;
};

/* Told from within a completion, or a guest's access: only note it, or send it on. */
struct drives_hooks {
    void (*failed)(void *opaque, const struct drive *d, bool write, int err,
                   enum block_policy_error action);
    void (*tray)(void *opaque, const struct drive *d, bool open);
    void *opaque;
};

struct drives {
    struct block_ring *ring;
    struct pc *pc; /* NULL until drives_connect() */
    struct blk no_medium;
    struct drives_hooks hooks;
    bool tell; /* of every failure: somebody listens who knows what that is */
    struct drive ide[DM_IDE_DRIVES];
    struct drive floppy[DM_FLOPPIES];
    struct drive_node node[DRIVES_MAX_NODES];
};

/*
 * Opens the options' images on the ring, which is not started yet. False with one line in `err`.
 */
bool drives_init(struct drives *s, const struct dm_options *o, struct block_ring *ring,
                 const struct drives_hooks *hooks, char *err, size_t size);

/* What the PC is told of IDE drive 0..3, or with `floppy` of floppy drive 0..1. */
struct pc_drive drives_config(struct drives *s, bool floppy, unsigned unit);

/* The PC is there: media can change from now on. */
void drives_connect(struct drives *s, struct pc *pc);

/* Requests that stopped the guest are tried again. */
void drives_retry(struct drives *s);

/* Everything that guests wrote goes to stable storage. False: not all did; that is logged. */
bool drives_flush(struct drives *s);

/* The largest medium's size in bytes. */
uint64_t drives_largest(const struct drives *s);

/* All drives that there are, in the order of query-block: n from 0; NULL behind the last. */
struct drive *drives_nth(struct drives *s, unsigned n);

/* By the back end's name, or by the device's id or path. NULL: there is none. */
struct drive *drives_by_name(struct drives *s, const char *name);
struct drive *drives_by_qdev(struct drives *s, const char *qdev);

/* The device's -device id, or its path. The caller frees it. */
char *drive_qdev(const struct drive *d);

/* A medium can be taken out; it has a tray; that is open; the guest has locked it. */
bool drive_removable(const struct drive *d);
bool drive_has_tray(const struct drive *d);
bool drive_tray_open(const struct drive *d);
bool drive_locked(const struct drive *d);
bool drive_has_medium(const struct drive *d);

/* Moves the tray, if it is not there already. */
void drive_tray_move(struct drive *d, bool open);

/* Takes the medium out, if there is one. */
void drive_remove(struct drive *d);

/*
 * Puts a medium in: takes `fd` over, which was opened for reading, and writing unless `readonly`;
 * `file` is its name for people. False with one line in `err`, `fd` closed.
 */
bool drive_insert(struct drive *d, int fd, const char *file, bool readonly, char *err, size_t size);

#endif
