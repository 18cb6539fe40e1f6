/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The short commands: list, pause, unpause, shutdown, reset, destroy, screenshot, sendkey. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "commands.h"
#include "keys.h"
#include "log.h"
#include "options.h"
#include "picture.h"
#include "rundir.h"

#define DESTROY_MS 70000 /* the disks are flushed first */
#define HOLD_MS    40
#define GAP_MS     20

static int simple(int argc, char **argv, const char *usage, const char *command)
{
    client_usage(argc, 1, 1, argv, usage);
    struct qmp *q = client_connect(argv[1]);
    json_decref(client_call(q, argv[1], command, NULL, NULL));
    qmp_free(q);
    return 0;
}

int cmd_pause(int argc, char **argv)
{
    return simple(argc, argv, "pause NAME", "stop");
}

int cmd_unpause(int argc, char **argv)
{
    return simple(argc, argv, "unpause NAME", "cont");
}

int cmd_shutdown(int argc, char **argv)
{
    return simple(argc, argv, "shutdown NAME", "system_powerdown");
}

int cmd_reset(int argc, char **argv)
{
    return simple(argc, argv, "reset NAME", "system_reset");
}

/* Returns when the name is free again: the monitor closes its sockets last. */
int cmd_destroy(int argc, char **argv)
{
    client_usage(argc, 1, 1, argv, "destroy NAME");
    struct qmp *q = client_connect(argv[1]);
    json_decref(client_call(q, argv[1], "quit", NULL, NULL));
    struct pollfd p = {qmp_fd(q), POLLIN, 0};
    gint64 end = g_get_monotonic_time() + DESTROY_MS * 1000ll;
    bool there = true;
    while (there && g_get_monotonic_time() < end && poll(&p, 1, DESTROY_MS) > 0) {
        there = qmp_process(q);
    }
    qmp_free(q);
    if (there) {
        log_error("%s: still ending after %d seconds", argv[1], DESTROY_MS / 1000);
        return 1;
    }
    return 0;
}

int cmd_screenshot(int argc, char **argv)
{
    client_usage(argc, 2, 2, argv, "screenshot NAME FILE.png");
    struct qmp *q = client_connect(argv[1]);
    struct qmp_fds fds;
    json_t *n = client_call(q, argv[1], "screendump", NULL, &fds);
    GError *error = NULL;
    bool good = picture_save(argv[2], n, fds.n > 0 ? fds.fd[0] : -1, &error);
    if (!good) {
        log_error("screenshot: %s", error->message);
    }
    json_decref(n);
    qmp_free(q);
    return good ? 0 : 1;
}

/* All are parsed before the first is pressed. */
int cmd_sendkey(int argc, char **argv)
{
    client_usage(argc, 2, 1000, argv, "sendkey NAME KEYS...");
    json_t **keys = g_new0(json_t *, (gsize)argc);
    for (int i = 2; i < argc; i++) {
        g_autofree char *wrong = NULL;
        keys[i] = keys_parse(argv[i], &wrong);
        if (!keys[i]) {
            die("KEYS %s: there is no key '%s'; names are like a, 7, ret, f1, ctrl-alt-delete",
                argv[i], wrong);
        }
    }
    struct qmp *q = client_connect(argv[1]);
    for (int i = 2; i < argc; i++) {
        json_t *args = json_object();
        json_object_set_new(args, "keys", keys[i]);
        json_object_set_new(args, "hold-time", json_integer(HOLD_MS));
        json_decref(client_call(q, argv[1], "send-key", args, NULL));
        g_usleep((HOLD_MS + GAP_MS) * 1000);
    }
    g_free(keys);
    qmp_free(q);
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_one(const char *name)
{
    struct qmp *q = client_try(name);
    json_t *n = q ? qmp_call(q, "query-status", NULL, NULL, NULL, 2000, NULL) : NULL;
    if (n) {
        printf("%-24s %-9s %8ld %7ld %6ld\n", name, qmp_member_string(n, "status", "?"),
               (long)qmp_member_int(n, "pid", 0), (long)qmp_member_int(n, "memory", 0),
               (long)qmp_member_int(n, "vcpus", 0));
    } else if (q) {
        printf("%-24s %-9s\n", name, "busy");
    }
    g_clear_pointer(&n, json_decref);
    qmp_free(q);
}

int cmd_list(int argc, char **argv)
{
    client_usage(argc, 0, 0, argv, "list");
    GDir *dir = g_dir_open(rundir_base(), 0, NULL);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    const char *name;
    while (dir && (name = g_dir_read_name(dir)) != NULL) {
        if (name_valid(name)) {
            g_ptr_array_add(names, g_strdup(name));
        }
    }
    qsort(names->pdata, names->len, sizeof(char *), compare_names);
    printf("%-24s %-9s %8s %7s %6s\n", "NAME", "STATUS", "PID", "MEMORY", "VCPUS");
    for (unsigned i = 0; i < names->len; i++) {
        list_one(g_ptr_array_index(names, i));
    }
    g_ptr_array_unref(names);
    g_clear_pointer(&dir, g_dir_close);
    return 0;
}
