/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks, CDs, floppies and their images: -drive, -blockdev and the short forms. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "log.h"
#include "options_int.h"

#define COPY_PIECE 65536

#define NULL_DEFAULT (1ull << 30)
#define CDROM_SLOT   2u /* where the default CD-ROM drive is */

int file_open(const char *option, const char *path, bool readonly)
{
    int fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY);

    if (fd < 0) {
        bool denied = !readonly && (errno == EACCES || errno == EROFS || errno == EPERM);

        die("%s %s: %s%s", option, path, strerror(errno),
            denied ? "; give readonly=on or make it writable" : "");
    }
    return fd;
}

/* --- back ends --- */

static struct backend *backend_new(struct optctx *c, const char *interface)
{
    struct backend *b = g_new0(struct backend, 1);

    b->drive = (struct dm_drive){.present = true,
                                 .fd = -1,
                                 .translation = DM_TRANS_AUTO,
                                 .rerror = DM_ERROR_REPORT,
                                 .werror = c->o->accel == ACCEL_CLEAVE ? DM_ERROR_REPORT
                                                                       : DM_ERROR_ENOSPC};
    b->interface = interface;
    b->index = -1;
    g_ptr_array_add(c->backend, b);
    return b;
}

struct backend *backend_empty(struct optctx *c, const char *id)
{
    struct backend *b = backend_new(c, "none");

    b->drive.id = id ? id : "";
    return b;
}

struct backend *backend_find(struct optctx *c, const char *id)
{
    for (unsigned i = 0; i < c->backend->len; i++) {
        struct backend *b = c->backend->pdata[i];

        if (b->drive.id && !strcmp(b->drive.id, id)) {
            return b;
        }
    }
    return NULL;
}

/* What a file name may begin with; other protocols are refused, not taken for files. */
static void file_word(struct optlist *l, struct dm_drive *d, const char *text)
{
    if (g_str_has_prefix(text, "blkdebug:")) {
        const char *config = text + strlen("blkdebug:");
        const char *colon = strchr(config, ':');

        if (!colon) {
            die("%s %s: give blkdebug:CONFIG:FILE", l->option, l->text);
        }
        d->blkdebug = true;
        d->blkdebug_config = g_strndup(config, (gsize)(colon - config));
        text = colon + 1;
    }
    if (g_str_has_prefix(text, "null-co:")) {
        d->null_bytes = NULL_DEFAULT;
    } else if (strcspn(text, ":") < strcspn(text, "/") && !g_str_has_prefix(text, "file:")) {
        die("%s %s: protocol '%.*s' is not offered; give a file", l->option, l->text,
            (int)strcspn(text, ":"), text);
    }
    d->file = g_str_has_prefix(text, "file:") ? text + strlen("file:") : text;
    if (!*d->file) {
        d->file = NULL;
    }
}

static void require_raw(struct optlist *l, const char *key)
{
    const char *format = optlist_get(l, key, "raw");

    if (strcmp(format, "raw")) {
        die("%s %s=%s: only raw images are supported; convert with qemu-img convert -O raw"
            " (xl.cfg: disk)",
            l->option, key, format);
    }
}

/* Settings of the host side that change nothing here, but must be right. */
static void host_settings(struct optlist *l)
{
    static const char *const cache[] = {"none",       "writeback", "writethrough",
                                        "directsync", "unsafe",    NULL};
    static const char *const aio[] = {"threads", "native", "io_uring", NULL};
    static const char *const discard[] = {"ignore", "off", "unmap", "on", NULL};

    optlist_choice(l, "cache", cache, 0);
    optlist_choice(l, "aio", aio, 0);
    optlist_choice(l, "discard", discard, 0);
    optlist_bool(l, "auto-read-only", true);
    optlist_bool(l, "file.locking", true);
    optlist_bool(l, "locking", true);
    optlist_bool(l, "read-zeroes", true);
    optlist_bool(l, "file.read-zeroes", true);
    if (optlist_bool(l, "copy-on-read", false)) {
        die("%s copy-on-read=on: not offered", l->option);
    }
}

static void error_settings(struct optlist *l, struct dm_drive *d)
{
    static const char *const read[] = {"report", "ignore", "stop", NULL};
    static const char *const write[] = {"report", "ignore", "stop", "enospc", NULL};

    d->snapshot = optlist_bool(l, "snapshot", false);
    d->rerror = (enum dm_on_error)optlist_choice(l, "rerror", read, (int)d->rerror);
    d->werror = (enum dm_on_error)optlist_choice(l, "werror", write, (int)d->werror);
}

static void medium_settings(struct optlist *l, struct dm_drive *d)
{
    const char *file = optlist_get(l, "file", optlist_get(l, "file.filename", NULL));
    uint64_t size = optlist_size(l, "size", 0, 1);

    d->fd = optlist_fd(l, "fd");
    if (file) {
        file_word(l, d, file);
    }
    if (size && !d->null_bytes) {
        die("%s %s: size= is for file=null-co://", l->option, l->text);
    }
    d->null_bytes = size ? size : d->null_bytes;
    if (file && d->fd >= 0) {
        die("%s %s: give file= or fd=, not both", l->option, l->text);
    }
}

/* index=, or bus= and unit=; -1: the next free one. */
static int drive_index(struct optlist *l, int places, int per_bus)
{
    int64_t bus = optlist_number(l, "bus", -1, 0, places / per_bus - 1);
    int64_t unit = optlist_number(l, "unit", -1, 0, per_bus - 1);
    int64_t index = optlist_number(l, "index", -1, 0, places - 1);

    if (index >= 0 && (bus >= 0 || unit >= 0)) {
        die("%s %s: give index=, or bus= and unit=", l->option, l->text);
    }
    if (bus < 0 && unit < 0) {
        return (int)index;
    }
    return (int)((bus < 0 ? 0 : bus) * per_bus + (unit < 0 ? 0 : unit));
}

static bool index_taken(struct optctx *c, const char *interface, int index)
{
    for (unsigned i = 0; i < c->backend->len; i++) {
        struct backend *b = c->backend->pdata[i];

        if (b->index == index && !strcmp(b->interface, interface)) {
            return true;
        }
    }
    return false;
}

static const char *backend_name(const struct backend *b)
{
    if (!strcmp(b->interface, "ide")) {
        return g_strdup_printf("ide%d-%s%d", b->index / 2, b->drive.cdrom ? "cd" : "hd",
                               b->index % 2);
    }
    return g_strdup_printf("%s%d", b->interface, b->index);
}

static const struct {
    const char *name;
    int places;
    int per_bus;
} interfaces[] = {{"ide", DM_IDE_DRIVES, 2},
                  {"floppy", DM_FLOPPIES, DM_FLOPPIES},
                  {"pflash", 1, 1},
                  {"none", 1 << 16, 1 << 16}};

static void drive_resolve(struct optctx *c, struct optlist *l)
{
    static const char *const media[] = {"disk", "cdrom", NULL};
    static const char *const names[] = {"ide", "floppy", "pflash", "none", NULL};
    int k = optlist_choice(l, "if", names, 0);
    struct backend *b = backend_new(c, interfaces[k].name);
    int index = drive_index(l, interfaces[k].places, interfaces[k].per_bus);
    const char *id = optlist_get(l, "id", optlist_get(l, "node-name", NULL));

    b->drive.cdrom = optlist_choice(l, "media", media, 0) == 1;
    if (b->drive.cdrom && (k == 1 || k == 2)) {
        die("-drive if=%s,media=cdrom: use media=disk", names[k]);
    }
    b->drive.readonly = optlist_bool(l, "readonly", optlist_bool(l, "read-only", b->drive.cdrom));
    require_raw(l, optlist_get(l, "format", NULL) ? "format" : "driver");
    b->drive.raw = optlist_get(l, "format", optlist_get(l, "driver", NULL)) != NULL;
    medium_settings(l, &b->drive);
    error_settings(l, &b->drive);
    host_settings(l);
    optlist_done(l);
    if (index >= 0 && index_taken(c, b->interface, index)) {
        die("-drive if=%s,index=%d: given twice", b->interface, index);
    }
    for (int i = 0; index < 0; i++) {
        if (i == interfaces[k].places) {
            die("-drive %s: there are only %d places", l->text, i);
        }
        index = index_taken(c, b->interface, i) ? -1 : i;
    }
    b->index = index;
    if (id && backend_find(c, id)) {
        die("-drive id=%s: given twice", id);
    }
    b->drive.id = id ? id : backend_name(b);
}

/* Only nodes that a raw image needs; a raw node on top of a file node is that file. */
static void blockdev_resolve(struct optctx *c, struct optlist *l)
{
    static const char *const drivers[] = {"file", "host_device", "host_cdrom",
                                          "raw",  "null-co",     NULL};
    int driver = optlist_choice(l, "driver", drivers, 0);
    const char *name = optlist_get(l, "node-name", NULL);
    const char *file = optlist_get(l, "file", optlist_get(l, "file.filename", NULL));
    struct backend *b = driver == 3 && file ? backend_find(c, file) : NULL;

    if (!name || backend_find(c, name)) {
        die("-blockdev %s: needs a node-name of its own", l->text);
    }
    b = b ? b : backend_new(c, "none");
    b->drive.id = name;
    b->drive.blockdev = true;
    b->drive.readonly = optlist_bool(l, "read-only", b->drive.readonly);
    if (driver == 4) {
        b->drive.null_bytes = optlist_size(l, "size", NULL_DEFAULT, 1);
        b->drive.file = "null-co://";
    } else if (!b->drive.file) {
        file = optlist_get(l, "filename", file);
        if (!file) {
            die("-blockdev %s: needs filename=FILE", l->text);
        }
        file_word(l, &b->drive, file);
    }
    b->drive.raw = true;
    optlist_get(l, "file.driver", NULL);
    optlist_bool(l, "cache.direct", false);
    optlist_bool(l, "cache.no-flush", false);
    host_settings(l);
    optlist_done(l);
}

/* --- places --- */

void drive_place_ide(struct optctx *c, struct backend *b, unsigned slot)
{
    if (c->o->ide[slot].present) {
        die("IDE bus %u, unit %u: there are two drives for this place; take one away", slot / 2,
            slot % 2);
    }
    if (!b->drive.cdrom && b->drive.fd < 0 && !b->drive.file) {
        die("drive %s: a disk needs a medium; give file=FILE or fd=N", b->drive.id);
    }
    b->placed = true;
    c->o->ide[slot] = b->drive;
}

void drive_place_floppy(struct optctx *c, struct backend *b, unsigned slot)
{
    if (c->o->floppy[slot].present) {
        die("floppy unit %u: there are two drives for this place; take one away", slot);
    }
    b->placed = true;
    c->o->floppy[slot] = b->drive;
}

static void flash_place(struct optctx *c, struct backend *b)
{
    b->placed = true;
    if (!b->drive.file && b->drive.fd < 0) {
        die("-drive if=pflash: needs file=FILE");
    }
    if (c->bios || c->o->bios_fd >= 0) {
        die("-drive if=pflash: there is a -bios already; give one of the two");
    }
    c->o->bios_fd =
        b->drive.fd >= 0 ? b->drive.fd : file_open("-drive if=pflash,file", b->drive.file, true);
}

static void backend_place(struct optctx *c, struct backend *b)
{
    struct optlist l = {.option = "-global"};

    if (!strcmp(b->interface, "ide")) {
        globals_apply(c, b->drive.cdrom ? "ide-cd" : "ide-hd", &l);
        drive_properties(&l, &b->drive);
        drive_place_ide(c, b, (unsigned)b->index);
    } else if (!strcmp(b->interface, "floppy")) {
        drive_place_floppy(c, b, (unsigned)b->index);
    } else if (!strcmp(b->interface, "pflash")) {
        flash_place(c, b);
    }
}

static void default_drive(struct optctx *c, const char *interface, int index, bool cdrom)
{
    if (index_taken(c, interface, index)) {
        return;
    }
    struct backend *b = backend_new(c, interface);
    b->index = index;
    b->drive.cdrom = b->drive.readonly = cdrom;
    b->drive.id = backend_name(b);
}

void drives_resolve(struct optctx *c)
{
    for (unsigned i = 0; i < c->blockdev->len; i++) {
        blockdev_resolve(c, c->blockdev->pdata[i]);
    }
    for (unsigned i = 0; i < c->drive->len; i++) {
        drive_resolve(c, c->drive->pdata[i]);
    }
    if (!c->nodefaults && !c->no_default_cdrom) {
        default_drive(c, "ide", CDROM_SLOT, true);
    }
    if (!c->nodefaults && !c->no_default_floppy) {
        default_drive(c, "floppy", 0, false);
    }
    for (unsigned i = 0; i < c->backend->len; i++) {
        backend_place(c, c->backend->pdata[i]);
    }
}

/* --- images --- */

/* A copy without a name, holes kept: it vanishes with the process. */
static int private_copy(int from, const char *name)
{
    int to = open(g_get_tmp_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    off_t end = lseek(from, 0, SEEK_END);
    off_t at = 0;

    if (to < 0 || end < 0 || ftruncate(to, end) < 0) {
        die("image %s: snapshot=on: %s: %s", name, g_get_tmp_dir(), strerror(errno));
    }
    while ((at = lseek(from, at, SEEK_DATA)) >= 0 && at < end) {
        off_t stop = lseek(from, at, SEEK_HOLE);

        while (at < stop) {
            char piece[COPY_PIECE];
            size_t len = stop - at < COPY_PIECE ? (size_t)(stop - at) : COPY_PIECE;
            ssize_t n = pread(from, piece, len, at);

            if (n <= 0 || pwrite(to, piece, (size_t)n, at) != n) {
                die("image %s: snapshot=on: copy: %s", name, strerror(n ? errno : EIO));
            }
            at += n;
        }
    }
    close(from);
    return to;
}

static void image_open(struct dm_drive *d)
{
    char err[256];

    if (!d->present || !d->file || d->null_bytes) {
        return;
    }
    d->fd = file_open("image", d->file, d->readonly || d->snapshot);
    if (d->snapshot) {
        d->fd = private_copy(d->fd, d->file);
    }
    int rc = block_image_open(d->fd, d->file, d->readonly, !d->raw, err, sizeof(err));
    if (rc < 0) {
        die("image %s", err);
    }
}

void drives_open(struct optctx *c)
{
    for (unsigned i = 0; i < DM_IDE_DRIVES; i++) {
        image_open(&c->o->ide[i]);
    }
    for (unsigned i = 0; i < DM_FLOPPIES; i++) {
        image_open(&c->o->floppy[i]);
    }
    for (unsigned i = 0; i < c->backend->len; i++) {
        const struct backend *b = c->backend->pdata[i];

        if (!b->placed && (b->drive.file || b->drive.fd >= 0)) {
            log_warn("drive %s: no -device uses it", b->drive.id);
        }
    }
}
