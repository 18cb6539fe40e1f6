/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Byte streams: -chardev, and the short forms that -serial, -debugcon and -qmp take. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "log.h"
#include "options_int.h"
#include "sockets.h"

struct chardev_kind {
    const char *name;
    void (*open)(struct optlist *l, struct dm_chardev *c);
};

static void open_null(struct optlist *l, struct dm_chardev *c)
{
    c->filename = "null";
}

static void open_fd(struct optlist *l, struct dm_chardev *c)
{
    c->fd = c->out_fd = optlist_fd(l, "fd");
    c->filename = g_strdup_printf("fd:%d", c->fd);
    if (c->fd < 0) {
        die("-chardev %s: needs fd=N", l->text);
    }
}

static void open_stdio(struct optlist *l, struct dm_chardev *c)
{
    optlist_bool(l, "signal", true);
    c->fd = STDIN_FILENO;
    c->out_fd = STDOUT_FILENO;
    c->filename = "stdio";
}

static void open_file(struct optlist *l, struct dm_chardev *c)
{
    const char *path = optlist_get(l, "path", NULL);
    bool append = optlist_bool(l, "append", false);

    if (!path) {
        die("%s %s: needs path=FILE", l->option, l->text);
    }
    c->filename = "file";
    c->out_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC), 0666);
    c->fd = c->out_fd;
    if (c->fd < 0) {
        die("%s %s: %s: %s", l->option, l->text, path, strerror(errno));
    }
}

static void open_device(struct optlist *l, struct dm_chardev *c)
{
    const char *path = optlist_get(l, "path", "");

    c->filename = path;
    c->fd = c->out_fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (c->fd < 0) {
        die("%s %s: %s: %s", l->option, l->text, path, strerror(errno));
    }
}

/* The other end stays open here too: no hang-up while nobody has it open. */
static void open_pty(struct optlist *l, struct dm_chardev *c)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    const char *name = master < 0 || grantpt(master) || unlockpt(master) ? NULL : ptsname(master);
    int slave = name ? open(name, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
    struct termios t;

    if (slave < 0 || tcgetattr(slave, &t) < 0) {
        die("%s %s: no pseudo terminal: %s", l->option, l->text, strerror(errno));
    }
    cfmakeraw(&t);
    tcsetattr(slave, TCSAFLUSH, &t);
    c->filename = g_strdup_printf("pty:%s", name);
    c->fd = c->out_fd = master;
    c->lossy = true;
    fprintf(stderr, "char device redirected to %s (label %s)\n", name, c->id);
}

static int socket_server(struct optlist *l, const char *path, const char *host, const char *port)
{
    char err[256];
    int fd = optlist_fd(l, "fd");

    if (fd < 0) {
        fd = path ? socket_listen_unix(path, err, sizeof(err))
                  : socket_listen_tcp(host, port, err, sizeof(err));
    }
    if (fd < 0) {
        die("%s %s: %s", l->option, l->text, err);
    }
    return fd;
}

static int socket_client(struct optlist *l, const char *path, const char *host, const char *port)
{
    char err[256];
    int fd = optlist_fd(l, "fd");

    if (fd < 0) {
        fd = path ? socket_connect_unix(path, err, sizeof(err))
                  : socket_connect_tcp(host, port, err, sizeof(err));
    }
    if (fd < 0) {
        die("%s %s: %s", l->option, l->text, err);
    }
    return fd;
}

static void open_socket(struct optlist *l, struct dm_chardev *c)
{
    const char *path = optlist_get(l, "path", NULL);
    const char *host = optlist_get(l, "host", "");
    const char *port = optlist_get(l, "port", NULL);
    bool server = optlist_bool(l, "server", false);
    bool wait = optlist_bool(l, "wait", server);
    char err[256];

    optlist_bool(l, "nodelay", false);
    optlist_bool(l, "delay", true);
    if (!path == !port && !optlist_get(l, "fd", NULL)) {
        die("%s %s: a socket needs path=FILE or host=HOST,port=PORT", l->option, l->text);
    }
    if (wait && !server) {
        die("%s %s: wait=on is for server=on", l->option, l->text);
    }
    c->is_socket = true;
    c->filename = path   ? g_strdup_printf("unix:%s%s", path, server ? ",server=on" : "")
                  : port ? g_strdup_printf("tcp:%s:%s%s", host, port, server ? ",server=on" : "")
                         : "fd";
    if (!server) {
        c->fd = c->out_fd = socket_client(l, path, host, port);
        return;
    }
    c->listen_fd = socket_server(l, path, host, port);
    if (wait) {
        c->fd = c->out_fd = socket_accept(c->listen_fd, err, sizeof(err));
        if (c->fd < 0) {
            die("%s %s: %s", l->option, l->text, err);
        }
    }
}

static const struct chardev_kind kinds[] = {
    {"null", open_null},     {"vc", open_null},    {"fd", open_fd},
    {"stdio", open_stdio},   {"file", open_file},  {"pty", open_pty},
    {"serial", open_device}, {"tty", open_device}, {"socket", open_socket},
};

static struct dm_chardev *chardev_new(struct optctx *c, const char *option, const char *id)
{
    struct dm_options *o = c->o;

    if (options_chardev_find(o, id)) {
        die("%s: chardev id '%s' is given twice", option, id);
    }
    if (o->nchardevs == DM_MAX_CHARDEVS) {
        die("%s: at most %d chardevs", option, DM_MAX_CHARDEVS);
    }
    struct dm_chardev *d = &o->chardev[o->nchardevs++];
    *d = (struct dm_chardev){.id = id, .fd = -1, .out_fd = -1, .listen_fd = -1};
    return d;
}

static void chardev_open(struct optctx *c, struct optlist *l, const char *label)
{
    const char *backend = optlist_get(l, "backend", "");
    const char *id = optlist_get(l, "id", label);

    if (!id) {
        die("-chardev %s: needs id=ID", l->text);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (!strcmp(kinds[i].name, backend)) {
            kinds[i].open(l, chardev_new(c, l->option, id));
            optlist_done(l);
            return;
        }
    }
    die("%s %s: unknown kind '%s'; use socket, stdio, file, pty, null or fd", l->option, l->text,
        backend);
}

void chardevs_resolve(struct optctx *c)
{
    for (unsigned i = 0; i < c->chardev->len; i++) {
        chardev_open(c, c->chardev->pdata[i], NULL);
    }
}

struct dm_chardev *chardev_use(struct optctx *c, const char *option, const char *id)
{
    struct dm_chardev *d = (struct dm_chardev *)options_chardev_find(c->o, id);

    if (!d) {
        die("%s: there is no -chardev with id=%s", option, id);
    }
    if (d->used) {
        die("%s: chardev '%s' is in use; give each its own", option, id);
    }
    d->used = true;
    return d;
}

/* tcp:HOST:PORT[,...]: the host may be empty or in brackets. */
static void spec_tcp(struct optlist *l, const char *rest)
{
    const char *address = optlist_get(l, "address", "");
    const char *colon = strrchr(address, ':');

    if (!colon) {
        die("%s %s: give tcp:HOST:PORT", l->option, rest);
    }
    const char *host = g_strndup(address, (gsize)(colon - address));
    size_t len = strlen(host);
    bool brackets = len > 1 && host[0] == '[' && host[len - 1] == ']';
    optlist_add(l, "host", brackets ? g_strndup(host + 1, len - 2) : host);
    optlist_add(l, "port", colon + 1);
}

/* QEMU's short forms, as settings of -chardev. */
static struct optlist *spec_parse(const char *option, const char *spec)
{
    static const struct {
        const char *prefix;
        const char *backend;
        const char *first_key;
    } forms[] = {{"unix:", "socket", "path"}, {"tcp:", "socket", "address"},
                 {"fd:", "fd", "fd"},         {"file:", "file", "path"},
                 {"stdio", "stdio", NULL},    {"null", "null", NULL},
                 {"pty", "pty", NULL},        {"vc", "vc", NULL},
                 {"/dev/", "tty", NULL}};
    struct optlist *l = g_new0(struct optlist, 1);

    for (unsigned i = 0; i < G_N_ELEMENTS(forms); i++) {
        size_t len = strlen(forms[i].prefix);

        if (strncmp(spec, forms[i].prefix, len)) {
            continue;
        }
        if (forms[i].first_key) {
            optlist_parse(l, option, spec + len, forms[i].first_key);
        }
        l->option = option;
        l->text = spec;
        optlist_add(l, "backend", forms[i].backend);
        if (!strcmp(forms[i].prefix, "tcp:")) {
            spec_tcp(l, spec);
        } else if (!strcmp(forms[i].prefix, "/dev/")) {
            optlist_add(l, "path", spec);
        }
        return l;
    }
    die("%s %s: use chardev:ID, unix:PATH, tcp:HOST:PORT, file:PATH, pty, stdio, null or fd:N",
        option, spec);
}

const char *chardev_by_spec(struct optctx *c, const char *option, const char *spec,
                            const char *label)
{
    if (g_str_has_prefix(spec, "chardev:")) {
        return chardev_use(c, option, spec + 8)->id;
    }
    chardev_open(c, spec_parse(option, spec), label);
    return chardev_use(c, option, label)->id;
}

void serials_resolve(struct optctx *c)
{
    struct dm_options *o = c->o;

    for (unsigned i = 0; i < c->serial->len; i++) {
        const char *spec = c->serial->pdata[i];

        if (o->nserial == DM_SERIAL_PORTS) {
            die("-serial %s: there are %d ports", spec, DM_SERIAL_PORTS);
        }
        o->serial[o->nserial] =
            strcmp(spec, "none")
                ? chardev_by_spec(c, "-serial", spec, g_strdup_printf("serial%u", o->nserial))
                : NULL;
        o->nserial++;
    }
    if (c->debugcon) {
        o->debugcon = chardev_by_spec(c, "-debugcon", c->debugcon, "debugcon");
    }
}

void monitors_resolve(struct optctx *c)
{
    static const char *const modes[] = {"control", "readline", NULL};
    struct dm_options *o = c->o;

    for (unsigned i = 0; i < c->monitor->len; i++) {
        struct optlist *l = c->monitor->pdata[i];
        const char *id = optlist_get(l, "chardev", NULL);
        const char *spec = optlist_get(l, "spec", NULL);

        if (optlist_choice(l, "mode", modes, 1) != 0) {
            die("%s %s: a monitor for people is not offered; use mode=control (QMP)", l->option,
                l->text);
        }
        optlist_bool(l, "pretty", false);
        if (!id && !spec) {
            die("%s %s: needs chardev=ID", l->option, l->text);
        }
        if (o->nmonitors == DM_MAX_MONITORS) {
            die("%s: at most %d monitors", l->option, DM_MAX_MONITORS);
        }
        o->monitor[o->nmonitors] =
            id ? chardev_use(c, l->option, id)->id
               : chardev_by_spec(c, l->option, spec,
                                 g_strdup_printf("compat_monitor%u", o->nmonitors));
        o->nmonitors++;
        optlist_done(l);
    }
}
