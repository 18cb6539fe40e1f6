/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monitor commands: drives and their media. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "qmp_int.h"

/* --- what there is --- */

static json_t *image_describe(const struct drive *d)
{
    json_t *image = json_object();
    struct stat st;

    json_object_set_new(image, "filename", qmp_string(d->cfg.file ? d->cfg.file : "fd"));
    json_object_set_new(image, "format", qmp_string("raw"));
    json_object_set_new(image, "virtual-size", json_integer((gint64)d->blk->bytes));
    if (d->cfg.fd >= 0 && fstat(d->cfg.fd, &st) == 0) {
        json_object_set_new(image, "actual-size", json_integer((gint64)st.st_blocks * 512));
    }
    json_object_set_new(image, "dirty-flag", json_false());
    return image;
}

static json_t *medium_describe(const struct drive *d)
{
    static const char *const zero[] = {"bps",
                                       "bps_rd",
                                       "bps_wr",
                                       "iops",
                                       "iops_rd",
                                       "iops_wr",
                                       "backing_file_depth",
                                       "write_threshold"};
    json_t *o = json_object();
    json_t *cache = json_object();

    json_object_set_new(o, "file", qmp_string(d->cfg.file ? d->cfg.file : "fd"));
    if (d->cfg.blockdev) {
        json_object_set_new(o, "node-name", qmp_string(d->cfg.id));
    }
    json_object_set_new(o, "ro", json_boolean(d->blk->readonly));
    json_object_set_new(o, "drv", qmp_string("raw"));
    json_object_set_new(o, "encrypted", json_false());
    json_object_set_new(o, "detect_zeroes", qmp_string("off"));
    for (unsigned i = 0; i < G_N_ELEMENTS(zero); i++) {
        json_object_set_new(o, zero[i], json_integer(0));
    }
    json_object_set_new(cache, "writeback", json_true());
    json_object_set_new(cache, "direct", json_false());
    json_object_set_new(cache, "no-flush", json_false());
    json_object_set_new(o, "cache", cache);
    json_object_set_new(o, "image", image_describe(d));
    return o;
}

static json_t *drive_describe(struct monitor *mon, const struct drive *d)
{
    json_t *o = json_object();
    g_autofree char *qdev = drive_qdev(d);
    const char *why = mon->machine->run.stopped;

    json_object_set_new(o, "device", qmp_string(d->cfg.blockdev ? "" : d->cfg.id));
    json_object_set_new(o, "qdev", qmp_string(qdev));
    json_object_set_new(o, "type", qmp_string("unknown"));
    json_object_set_new(o, "removable", json_boolean(drive_removable(d)));
    json_object_set_new(o, "locked", json_boolean(drive_locked(d)));
    if (drive_has_tray(d)) {
        json_object_set_new(o, "tray_open", json_boolean(drive_tray_open(d)));
    }
    json_object_set_new(o, "io-status",
                        qmp_string(why && !strcmp(why, "io-error") ? "failed" : "ok"));
    if (drive_has_medium(d)) {
        json_object_set_new(o, "inserted", medium_describe(d));
    }
    return o;
}

json_t *block_list(struct monitor *mon)
{
    json_t *a = json_array();
    struct drive *d;

    for (unsigned i = 0; (d = drives_nth(&mon->machine->drives, i)); i++) {
        json_array_append_new(a, drive_describe(mon, d));
    }
    return a;
}

QMP_COMMAND(cmd_query_block)
{
    return block_list(opaque);
}

/* --- descriptors that a client hands over --- */

static struct fdset *fdset_find(struct monitor *mon, gint64 id)
{
    for (unsigned i = 0; i < MONITOR_MAX_FDSETS; i++) {
        if (mon->fdset[i].fd >= 0 && mon->fdset[i].id == id) {
            return &mon->fdset[i];
        }
    }
    return NULL;
}

static struct fdset *fdset_free(struct monitor *mon)
{
    for (unsigned i = 0; i < MONITOR_MAX_FDSETS; i++) {
        if (mon->fdset[i].fd < 0) {
            return &mon->fdset[i];
        }
    }
    return NULL;
}

QMP_COMMAND(cmd_add_fd)
{
    struct monitor *mon = opaque;
    gint64 id = qmp_member_int(args, "fdset-id", -1);
    struct fdset *set = fdset_free(mon);

    if (in->n == 0) {
        return fail(error, "No file descriptor supplied via SCM_RIGHTS");
    }
    if (!set || (id >= 0 && fdset_find(mon, id)) || id > G_MAXINT) {
        return fail(error, "fdset-id %" G_GINT64_FORMAT ": in use, or too many", id);
    }
    for (gint64 k = 0; id < 0; k++) {
        id = fdset_find(mon, k) ? -1 : k;
    }
    *set = (struct fdset){in->fd[in->n - 1], (int)id,
                          g_strdup(qmp_member_string(args, "opaque", NULL))};
    in->n--;
    json_t *o = json_object();
    json_object_set_new(o, "fdset-id", json_integer(set->id));
    json_object_set_new(o, "fd", json_integer(set->fd));
    return o;
}

QMP_COMMAND(cmd_remove_fd)
{
    struct monitor *mon = opaque;
    gint64 id = qmp_member_int(args, "fdset-id", -1);
    struct fdset *set = fdset_find(mon, id);

    if (!set) {
        return fail(error, "File descriptor named 'fdset-id:%" G_GINT64_FORMAT "' not found", id);
    }
    close(set->fd);
    g_free(set->opaque);
    *set = (struct fdset){.fd = -1};
    return NULL;
}

QMP_COMMAND(cmd_query_fdsets)
{
    struct monitor *mon = opaque;
    json_t *a = json_array();

    for (unsigned i = 0; i < MONITOR_MAX_FDSETS; i++) {
        const struct fdset *set = &mon->fdset[i];

        if (set->fd < 0) {
            continue;
        }
        json_t *o = json_object();
        json_t *fd = json_object();
        json_t *fds = json_array();
        json_object_set_new(fd, "fd", json_integer(set->fd));
        if (set->opaque) {
            json_object_set_new(fd, "opaque", qmp_string(set->opaque));
        }
        json_array_append_new(fds, fd);
        json_object_set_new(o, "fdset-id", json_integer(set->id));
        json_object_set_new(o, "fds", fds);
        json_array_append_new(a, o);
    }
    return a;
}

/* --- opening --- */

/*
 * The file of a medium: a descriptor that came with the command, one of add-fd, or opened here by
 * name (which a locked down process cannot). -1 with *error set.
 */
static int medium_open(struct monitor *mon, const char *file, bool readonly, struct qmp_fds *in,
                       GError **error)
{
    const char *prefix = "/dev/fdset/";
    int fd;

    if (in->n) {
        return in->fd[--in->n];
    }
    if (g_str_has_prefix(file, prefix)) {
        struct fdset *set = fdset_find(mon, g_ascii_strtoll(file + strlen(prefix), NULL, 10));

        fd = set ? fcntl(set->fd, F_DUPFD_CLOEXEC, 0) : -1;
        if (fd < 0) {
            fail(error, "Could not open '%s': no such set", file);
        }
        return fd;
    }
    if (mon->machine->o->sandbox) {
        fail(error, "Could not open '%s': this process is locked down; hand a descriptor over",
             file);
        return -1;
    }
    fd = open(file, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        fail(error, "Could not open '%s': %s", file, strerror(errno));
    }
    return fd;
}

/* The descriptor says what may be done with it. */
static bool fd_readonly(int fd)
{
    return (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
}

/* --- changing media --- */

static struct drive *drive_arg(struct monitor *mon, json_t *args, GError **error)
{
    const char *device = qmp_member_string(args, "device", NULL);
    const char *id = qmp_member_string(args, "id", NULL);
    struct drive *d = NULL;

    if (!device == !id) {
        fail(error, "Need exactly one of 'device' and 'id'");
        return NULL;
    }
    d = id ? drives_by_qdev(&mon->machine->drives, id)
           : drives_by_name(&mon->machine->drives, device);
    if (!d) {
        qmp_set_error(error, QMP_DEVICE_NOT_FOUND, "Device '%s' not found", id ? id : device);
        return NULL;
    }
    if (!drive_removable(d)) {
        fail(error, "Device '%s' is not removable", id ? id : device);
        return NULL;
    }
    return d;
}

/* Opens the tray. A guest that has locked it is not overruled unless `force`. */
static bool tray_open(struct drive *d, bool force, GError **error)
{
    if (drive_locked(d) && !drive_tray_open(d) && !force) {
        fail(error,
             "Device '%s' is locked and force was not specified, wait for tray to open and try "
             "again",
             d->cfg.id);
        return false;
    }
    drive_tray_move(d, true);
    return true;
}

QMP_COMMAND(cmd_open_tray)
{
    struct drive *d = drive_arg(opaque, args, error);

    if (d && tray_open(d, qmp_member_bool(args, "force", false), error) && !drive_has_tray(d)) {
        fail(error, "Device '%s' does not have a tray", d->cfg.id);
    }
    return NULL;
}

QMP_COMMAND(cmd_close_tray)
{
    struct drive *d = drive_arg(opaque, args, error);

    if (d) {
        drive_tray_move(d, false);
    }
    return NULL;
}

QMP_COMMAND(cmd_eject)
{
    struct drive *d = drive_arg(opaque, args, error);

    if (d && tray_open(d, qmp_member_bool(args, "force", false), error)) {
        drive_remove(d);
    }
    return NULL;
}

static bool tray_is_open(struct drive *d, GError **error)
{
    if (drive_has_tray(d) && !drive_tray_open(d)) {
        fail(error, "Tray of device '%s' is not open", d->cfg.id);
        return false;
    }
    return true;
}

QMP_COMMAND(cmd_remove_medium)
{
    struct drive *d = drive_arg(opaque, args, error);

    if (d && tray_is_open(d, error)) {
        drive_remove(d);
    }
    return NULL;
}

static void medium_insert(struct drive *d, int fd, const char *file, bool readonly, GError **error)
{
    char err[256];

    if (!drive_insert(d, fd, file, readonly || fd_readonly(fd), err, sizeof(err))) {
        fail(error, "%s", err);
    }
}

static struct drive_node *node_find(struct drives *s, const char *name)
{
    for (unsigned i = 0; i < DRIVES_MAX_NODES; i++) {
        if (s->node[i].name && !strcmp(s->node[i].name, name)) {
            return &s->node[i];
        }
    }
    return NULL;
}

static void node_free(struct drive_node *n)
{
    g_free((char *)n->name);
    g_free((char *)n->file);
    *n = (struct drive_node){.fd = -1};
}

QMP_COMMAND(cmd_insert_medium)
{
    struct monitor *mon = opaque;
    const char *name = qmp_member_string(args, "node-name", "");
    struct drive *d = drive_arg(mon, args, error);
    struct drive_node *n = node_find(&mon->machine->drives, name);

    if (!d || !tray_is_open(d, error)) {
        return NULL;
    }
    if (!n) {
        return fail(error, "Node '%s' not found", name);
    }
    if (drive_has_medium(d)) {
        return fail(error, "There already is a medium in device '%s'", d->cfg.id);
    }
    medium_insert(d, n->fd, n->file, n->readonly, error);
    node_free(n);
    return NULL;
}

/* Nodes that wait for blockdev-insert-medium; only raw files. */
QMP_COMMAND(cmd_blockdev_add)
{
    static const char *const drivers[] = {"file", "host_device", "raw", NULL};
    struct monitor *mon = opaque;
    struct drives *s = &mon->machine->drives;
    const char *driver = qmp_member_string(args, "driver", "");
    const char *name = qmp_member_string(args, "node-name", NULL);
    json_t *nested = qmp_member_object(args, "file");
    const char *file = qmp_member_string(nested ? nested : args, "filename", NULL);
    bool readonly = qmp_member_bool(args, "read-only", false);
    struct drive_node *n = NULL;

    for (unsigned i = 0; !n && i < DRIVES_MAX_NODES; i++) {
        n = s->node[i].name ? NULL : &s->node[i];
    }
    if (!g_strv_contains(drivers, driver) || !name || !file || node_find(s, name) || !n) {
        return fail(error, "blockdev-add: give driver file or raw, a new node-name, a filename");
    }
    int fd = medium_open(mon, file, readonly, in, error);
    if (fd >= 0) {
        *n = (struct drive_node){g_strdup(name), g_strdup(file), fd, readonly};
    }
    return NULL;
}

QMP_COMMAND(cmd_blockdev_del)
{
    struct monitor *mon = opaque;
    const char *name = qmp_member_string(args, "node-name", "");
    struct drive_node *n = node_find(&mon->machine->drives, name);

    if (!n) {
        return fail(error, "Failed to find node with node-name='%s'", name);
    }
    close(n->fd);
    node_free(n);
    return NULL;
}

/* Open, take out, put in, close: what a person would do. */
QMP_COMMAND(cmd_change_medium)
{
    static const char *const modes[] = {"retain", "read-only", "read-write", NULL};
    struct monitor *mon = opaque;
    struct drive *d = drive_arg(mon, args, error);
    const char *file = qmp_member_string(args, "filename", NULL);
    const char *format = qmp_member_string(args, "format", "raw");
    const char *mode = qmp_member_string(args, "read-only-mode", "retain");

    if (!d) {
        return NULL;
    }
    if (!file || strcmp(format, "raw") || !g_strv_contains(modes, mode)) {
        return fail(error, "give filename, format raw, and read-only-mode retain, read-only or "
                           "read-write");
    }
    bool readonly =
        d->cfg.cdrom || !strcmp(mode, "read-only") || (!strcmp(mode, "retain") && d->cfg.readonly);
    int fd = medium_open(mon, file, readonly, in, error);
    if (fd < 0) {
        return NULL;
    }
    if (!tray_open(d, qmp_member_bool(args, "force", false), error)) {
        close(fd);
        return NULL;
    }
    drive_remove(d);
    medium_insert(d, fd, file, readonly, error);
    drive_tray_move(d, false);
    return NULL;
}

const struct qmp_command qmp_block_commands[] = {
    {"query-block", cmd_query_block},
    {"add-fd", cmd_add_fd},
    {"remove-fd", cmd_remove_fd},
    {"query-fdsets", cmd_query_fdsets},
    {"eject", cmd_eject},
    {"blockdev-open-tray", cmd_open_tray},
    {"blockdev-close-tray", cmd_close_tray},
    {"blockdev-remove-medium", cmd_remove_medium},
    {"blockdev-insert-medium", cmd_insert_medium},
    {"blockdev-change-medium", cmd_change_medium},
    {"blockdev-add", cmd_blockdev_add},
    {"blockdev-del", cmd_blockdev_del},
    {NULL, NULL},
};
