/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "drives.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "blkdebug.h"
#include "log.h"

static enum block_policy_error policy_of(enum dm_on_error e)
{
    static const enum block_policy_error table[] = {[DM_ERROR_REPORT] = POLICY_REPORT,
                                                    [DM_ERROR_IGNORE] = POLICY_IGNORE,
                                                    [DM_ERROR_STOP] = POLICY_STOP,
                                                    [DM_ERROR_ENOSPC] = POLICY_ENOSPC};

    return table[e];
}

static void drive_failed(void *opaque, bool write, int err, enum block_policy_error action)
{
    struct drive *d = opaque;

    if (d->set->hooks.failed) {
        d->set->hooks.failed(d->set->hooks.opaque, d, write, err, action);
    }
}

/* --- the chain behind a device: policy, faults, image --- */

static bool no_memory(char *err, size_t size)
{
    snprintf(err, size, "no memory for a drive");
    return false;
}

static bool filters_add(struct drive *d, struct blk *b, char *err, size_t size)
{
    struct block_policy_config policy = {policy_of(d->cfg.rerror), policy_of(d->cfg.werror),
                                         drive_failed, d};

    if (d->cfg.blkdebug) {
        d->debug = block_debug_new(b, d->set->ring);
        if (!d->debug) {
            return no_memory(err, size);
        }
        if (!blkdebug_load(d->debug, d->cfg.blkdebug_config, err, size)) {
            return false;
        }
        b = block_debug_blk(d->debug);
    }
    if (d->set->tell || d->cfg.rerror != DM_ERROR_REPORT || d->cfg.werror != DM_ERROR_REPORT) {
        d->policy = block_policy_new(b, &policy);
        if (!d->policy) {
            return no_memory(err, size);
        }
        b = block_policy_blk(d->policy);
    }
    d->blk = b;
    return true;
}

static bool drive_open(struct drive *d, char *err, size_t size)
{
    if (d->cfg.null_bytes) {
        block_null_init(&d->null, d->set->ring, d->cfg.null_bytes, d->cfg.readonly);
        return filters_add(d, &d->null, err, size);
    }
    if (!d->cfg.present || d->cfg.fd < 0) {
        return true;
    }
    d->file = block_file_new(d->set->ring, d->cfg.fd, d->cfg.readonly, err, size);
    return d->file && filters_add(d, block_file_blk(d->file), err, size);
}

/* The device has let go of it. */
static void medium_free(struct drive *d)
{
    block_policy_free(d->policy);
    block_debug_free(d->debug);
    if (d->direct) {
        block_direct_free(d->direct);
    } else if (d->file) { /* the ring keeps it open */
        block_image_unlock(d->cfg.fd);
        close(d->cfg.fd);
    }
    d->policy = NULL;
    d->debug = NULL;
    d->direct = NULL;
    d->file = NULL;
    d->blk = NULL;
    d->cfg.fd = -1;
    d->cfg.file = NULL;
    d->cfg.null_bytes = 0;
    d->cfg.blkdebug = false;
}

bool drives_init(struct drives *s, const struct dm_options *o, struct block_ring *ring,
                 const struct drives_hooks *hooks, char *err, size_t size)
{
    s->ring = ring;
    s->hooks = *hooks;
    s->tell = o->accel != ACCEL_CLEAVE;
    for (unsigned i = 0; i < DM_IDE_DRIVES + DM_FLOPPIES; i++) {
        bool floppy = i >= DM_IDE_DRIVES;
        unsigned unit = floppy ? i - DM_IDE_DRIVES : i;
        struct drive *d = floppy ? &s->floppy[unit] : &s->ide[unit];

        *d = (struct drive){.set = s, .floppy = floppy, .unit = unit};
        d->cfg = floppy ? o->floppy[unit] : o->ide[unit];
        if (!drive_open(d, err, size)) {
            return false;
        }
    }
    return true;
}

static void geometry_set(const struct drive *d, struct pc_drive *p)
{
    struct block_geometry g;

    block_image_geometry(d->cfg.fd, (long long)d->blk->bytes, &g);
    if (d->cfg.cylinders) {
        bool chs = d->cfg.cylinders <= 1024;

        g.cylinders = (uint16_t)d->cfg.cylinders;
        g.heads = (uint8_t)d->cfg.heads;
        g.sectors = (uint8_t)d->cfg.sectors;
        g.translation = chs ? BLOCK_TRANSLATION_NONE : BLOCK_TRANSLATION_LBA;
    }
    p->cylinders = g.cylinders;
    p->heads = g.heads;
    p->sectors = g.sectors;
    p->translation = (uint8_t)(d->cfg.translation == DM_TRANS_AUTO ? (unsigned)g.translation
                                                                   : (unsigned)d->cfg.translation);
}

struct pc_drive drives_config(struct drives *s, bool floppy, unsigned unit)
{
    struct drive *d = floppy ? &s->floppy[unit] : &s->ide[unit];
    struct pc_drive p = {.present = d->cfg.present,
                         .cdrom = d->cfg.cdrom,
                         .blk = d->blk,
                         .serial = d->cfg.serial,
                         .firmware = d->cfg.version,
                         .model = d->cfg.model};

    if (d->blk && !floppy && !d->cfg.cdrom) {
        geometry_set(d, &p);
    }
    return p;
}

static void guest_moved_tray(void *opaque, unsigned drive, bool open)
{
    struct drives *s = opaque;

    if (s->hooks.tray) {
        s->hooks.tray(s->hooks.opaque, &s->ide[drive], open);
    }
}

void drives_connect(struct drives *s, struct pc *pc)
{
    s->pc = pc;
    pc->ide.tray_moved = guest_moved_tray;
    pc->ide.tray_opaque = s;
}

/* --- all of them --- */

struct drive *drives_nth(struct drives *s, unsigned n)
{
    for (unsigned i = 0; i < DM_IDE_DRIVES + DM_FLOPPIES; i++) {
        struct drive *d = i < DM_IDE_DRIVES ? &s->ide[i] : &s->floppy[i - DM_IDE_DRIVES];

        if (d->cfg.present && n-- == 0) {
            return d;
        }
    }
    return NULL;
}

void drives_retry(struct drives *s)
{
    struct drive *d;

    for (unsigned i = 0; (d = drives_nth(s, i)); i++) {
        if (d->policy) {
            block_policy_retry(d->policy);
        }
    }
}

bool drives_flush(struct drives *s)
{
    struct drive *d;
    bool good = true;

    for (unsigned i = 0; (d = drives_nth(s, i)); i++) {
        int rc = 0;

        if (d->blk && !d->blk->readonly && d->file) {
            rc = block_file_sync(d->file);
        } else if (d->blk && !d->blk->readonly && d->direct) {
            rc = fdatasync(block_direct_fd(d->direct)) < 0 ? -errno : 0;
        }
        if (rc) {
            log_error("drive %s: flush failed: %s; recent writes may be lost", d->cfg.id,
                      strerror(-rc));
            good = false;
        }
    }
    return good;
}

uint64_t drives_largest(const struct drives *s)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < DM_IDE_DRIVES; i++) {
        if (s->ide[i].blk && s->ide[i].blk->bytes > bytes) {
            bytes = s->ide[i].blk->bytes;
        }
    }
    return bytes;
}

/* --- names --- */

char *drive_qdev(const struct drive *d)
{
    if (d->cfg.qdev) {
        return g_strdup(d->cfg.qdev);
    }
    return g_strdup_printf("/machine/unattached/%s[%u]", d->floppy ? "floppy" : "ide", d->unit);
}

struct drive *drives_by_name(struct drives *s, const char *name)
{
    struct drive *d;

    for (unsigned i = 0; *name && (d = drives_nth(s, i)); i++) {
        if (!strcmp(d->cfg.id, name)) {
            return d;
        }
    }
    return NULL;
}

struct drive *drives_by_qdev(struct drives *s, const char *qdev)
{
    const char *prefix = "/machine/peripheral/";
    const char *id = g_str_has_prefix(qdev, prefix) ? qdev + strlen(prefix) : qdev;
    struct drive *d;

    for (unsigned i = 0; (d = drives_nth(s, i)); i++) {
        g_autofree char *name = drive_qdev(d);

        if (!strcmp(name, id)) {
            return d;
        }
    }
    return NULL;
}

/* --- media --- */

bool drive_removable(const struct drive *d)
{
    return d->floppy || d->cfg.cdrom;
}

bool drive_has_tray(const struct drive *d)
{
    return d->cfg.cdrom;
}

bool drive_tray_open(const struct drive *d)
{
    return drive_has_tray(d) && ide_tray_open(&d->set->pc->ide, d->unit);
}

bool drive_locked(const struct drive *d)
{
    return drive_has_tray(d) && ide_tray_locked(&d->set->pc->ide, d->unit);
}

bool drive_has_medium(const struct drive *d)
{
    return d->blk != NULL;
}

void drive_tray_move(struct drive *d, bool open)
{
    if (drive_has_tray(d) && drive_tray_open(d) != open) {
        ide_tray_move(&d->set->pc->ide, d->unit, open);
        guest_moved_tray(d->set, d->unit, open);
    }
}

/* The tray stays where it is: the device sees only what is in it. */
static void device_medium(struct drive *d, struct blk *blk)
{
    if (d->floppy) {
        fdc_change_disk(&d->set->pc->fdc, d->unit, blk ? blk : &d->set->no_medium);
    } else {
        bool open = drive_tray_open(d);

        ide_media_change(&d->set->pc->ide, d->unit, blk);
        ide_tray_move(&d->set->pc->ide, d->unit, open);
    }
}

void drive_remove(struct drive *d)
{
    if (d->blk) {
        device_medium(d, NULL);
        medium_free(d);
    }
}

bool drive_insert(struct drive *d, int fd, const char *file, bool readonly, char *err, size_t size)
{
    long long bytes = block_image_open(fd, file, readonly, false, err, size);

    if (bytes < 0) {
        close(fd);
        return false;
    }
    d->direct = block_direct_new(d->set->ring, fd, readonly || d->cfg.cdrom, (uint64_t)bytes);
    if (!d->direct) {
        close(fd);
        return no_memory(err, size);
    }
    if (!filters_add(d, block_direct_blk(d->direct), err, size)) {
        medium_free(d);
        return false;
    }
    d->cfg.fd = fd;
    d->cfg.file = g_strdup(file); /* a few bytes per change */
    d->cfg.readonly = readonly;
    device_medium(d, d->blk);
    return true;
}
