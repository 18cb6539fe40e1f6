/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log.h"
#include "machine.h"
#include "qmp.h"

struct monitor {
    struct machine *machine;
    struct qmp *qmp;
};

static JsonNode *node_object(JsonObject *o)
{
    JsonNode *n = json_node_new(JSON_NODE_OBJECT);

    json_node_take_object(n, o);
    return n;
}

static void fail(GError **error, const char *message)
{
    g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_FAILED, message);
}

/* --- run state --- */

static JsonNode *cmd_query_status(void *opaque, JsonObject *args, struct qmp_fds *in,
                                  struct qmp_fds *out, GError **error)
{
    struct monitor *mon = opaque;
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, "status", machine_status(mon->machine));
    json_object_set_boolean_member(o, "running", mon->machine->loop->running);
    return node_object(o);
}

static JsonNode *cmd_cont(void *opaque, JsonObject *args, struct qmp_fds *in, struct qmp_fds *out,
                          GError **error)
{
    struct monitor *mon = opaque;

    machine_cont(mon->machine);
    return NULL;
}

static JsonNode *cmd_stop(void *opaque, JsonObject *args, struct qmp_fds *in, struct qmp_fds *out,
                          GError **error)
{
    struct monitor *mon = opaque;

    machine_stop(mon->machine);
    machine_flush_consoles(mon->machine);
    return NULL;
}

static JsonNode *cmd_system_reset(void *opaque, JsonObject *args, struct qmp_fds *in,
                                  struct qmp_fds *out, GError **error)
{
    struct monitor *mon = opaque;

    machine_reset(mon->machine);
    return NULL;
}

static JsonNode *cmd_quit(void *opaque, JsonObject *args, struct qmp_fds *in, struct qmp_fds *out,
                          GError **error)
{
    struct monitor *mon = opaque;

    machine_stop(mon->machine);
    machine_flush_disks(mon->machine);
    mon->machine->loop->quit = true;
    return NULL;
}

/* --- the screen --- */

static JsonNode *cmd_screendump(void *opaque, JsonObject *args, struct qmp_fds *in,
                                struct qmp_fds *out, GError **error)
{
    struct monitor *mon = opaque;
    bool cursor = args && json_object_get_boolean_member_with_default(args, "cursor", FALSE);
    struct surface s;
    int fd = machine_render(mon->machine, &s, cursor);

    if (fd < 0) {
        fail(error,
             fd == -ENODEV ? "this guest has no display (vga none)" : "no memory for the picture");
        return NULL;
    }
    JsonObject *o = json_object_new();
    json_object_set_int_member(o, "width", s.width);
    json_object_set_int_member(o, "height", s.height);
    json_object_set_int_member(o, "stride", (gint64)s.width * 4);
    out->fd[out->n++] = fd;
    out->close = true;
    return node_object(o);
}

static JsonNode *cmd_screen_text(void *opaque, JsonObject *args, struct qmp_fds *in,
                                 struct qmp_fds *out, GError **error)
{
    struct monitor *mon = opaque;
    g_autofree char *text = g_malloc(VGA_TEXT_SIZE);
    JsonArray *rows = json_array_new();
    JsonNode *n = json_node_new(JSON_NODE_ARRAY);

    if (machine_screen_text(mon->machine, text, VGA_TEXT_SIZE) >= 0) {
        g_auto(GStrv) line = g_strsplit(text, "\n", -1);

        for (unsigned i = 0; line[i] && (line[i + 1] || line[i][0]); i++) {
            json_array_add_string_element(rows, line[i]);
        }
    }
    json_node_take_array(n, rows);
    return n;
}

/* --- input: QEMU's arguments --- */

static bool key_value(JsonObject *key, unsigned *code)
{
    const char *type = json_object_get_string_member_with_default(key, "type", "");
    const char *name = NULL;

    if (strcmp(type, "qcode")) {
        return false;
    }
    name = json_object_get_string_member_with_default(key, "data", "");
    return machine_key_by_name(name, code);
}

#define MAX_KEYS 16

/* All keys down in order, then up in reverse order: a chord as a person presses it. */
static JsonNode *cmd_send_key(void *opaque, JsonObject *args, struct qmp_fds *in,
                              struct qmp_fds *out, GError **error)
{
    struct monitor *mon = opaque;
    JsonNode *node = args ? json_object_get_member(args, "keys") : NULL;
    JsonArray *keys = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
    unsigned code[MAX_KEYS];
    unsigned n = keys ? json_array_get_length(keys) : 0;

    if (n == 0 || n > MAX_KEYS) {
        fail(error, "keys: give an array of 1 to 16 keys");
        return NULL;
    }
    for (unsigned i = 0; i < n; i++) {
        JsonNode *k = json_array_get_element(keys, i);

        if (!JSON_NODE_HOLDS_OBJECT(k) || !key_value(json_node_get_object(k), &code[i])) {
            fail(error, "keys: each is {\"type\": \"qcode\", \"data\": NAME} with a known NAME");
            return NULL;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        machine_key(mon->machine, code[i], true);
    }
    for (unsigned i = n; i-- > 0;) {
        machine_key(mon->machine, code[i], false);
    }
    return NULL;
}

/* One event of input-send-event; false when it is not understood. */
static bool input_event(struct monitor *mon, JsonObject *event)
{
    const char *type = json_object_get_string_member_with_default(event, "type", "");
    JsonNode *node = json_object_get_member(event, "data");
    JsonObject *data = node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    unsigned code;

    if (!data) {
        return false;
    }
    if (!strcmp(type, "key")) {
        JsonNode *key = json_object_get_member(data, "key");

        if (!key || !JSON_NODE_HOLDS_OBJECT(key) || !key_value(json_node_get_object(key), &code)) {
            return false;
        }
        machine_key(mon->machine, code,
                    json_object_get_boolean_member_with_default(data, "down", FALSE));
        return true;
    }
    if (!strcmp(type, "rel")) {
        const char *axis = json_object_get_string_member_with_default(data, "axis", "");
        int value = (int)json_object_get_int_member_with_default(data, "value", 0);

        machine_mouse(mon->machine, !strcmp(axis, "x") ? value : 0, !strcmp(axis, "y") ? value : 0,
                      NULL, false);
        return true;
    }
    if (!strcmp(type, "btn")) {
        machine_mouse(mon->machine, 0, 0,
                      json_object_get_string_member_with_default(data, "button", ""),
                      json_object_get_boolean_member_with_default(data, "down", FALSE));
        return true;
    }
    return false;
}

static JsonNode *cmd_input_send_event(void *opaque, JsonObject *args, struct qmp_fds *in,
                                      struct qmp_fds *out, GError **error)
{
    struct monitor *mon = opaque;
    JsonNode *node = args ? json_object_get_member(args, "events") : NULL;
    JsonArray *events = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;

    for (unsigned i = 0; events && i < json_array_get_length(events); i++) {
        JsonNode *e = json_array_get_element(events, i);

        if (!JSON_NODE_HOLDS_OBJECT(e) || !input_event(mon, json_node_get_object(e))) {
            fail(error, "events: unknown event; use key, rel and btn");
            return NULL;
        }
    }
    if (!events) {
        fail(error, "events: give an array of events");
    }
    return NULL;
}

static JsonNode *cmd_query_version(void *opaque, JsonObject *args, struct qmp_fds *in,
                                   struct qmp_fds *out, GError **error)
{
    JsonObject *o = json_object_new();

    json_object_set_string_member(o, "package", "cleave-dm " CLEAVE_VERSION);
    return node_object(o);
}

static const struct qmp_command commands[] = {
    {"query-status", cmd_query_status},
    {"query-version", cmd_query_version},
    {"cont", cmd_cont},
    {"stop", cmd_stop},
    {"system_reset", cmd_system_reset},
    {"screendump", cmd_screendump},
    {"screen-text", cmd_screen_text},
    {"send-key", cmd_send_key},
    {"input-send-event", cmd_input_send_event},
    {"quit", cmd_quit},
    {NULL, NULL},
};

/* --- the socket --- */

static void monitor_ready(void *opaque, uint32_t events)
{
    struct monitor *mon = opaque;
    struct loop *loop = mon->machine->loop;

    if (!qmp_process(mon->qmp)) {
        log_info("the monitor has gone; ending");
        machine_stop(mon->machine);
        machine_flush_disks(mon->machine);
        loop->quit = true;
        return;
    }
    loop_modify(loop, qmp_fd(mon->qmp),
                EPOLLIN | (qmp_wants_write(mon->qmp) ? (uint32_t)EPOLLOUT : 0));
}

struct monitor *monitor_new(struct machine *m, int fd)
{
    struct monitor *mon = g_new0(struct monitor, 1);

    mon->machine = m;
    mon->qmp = qmp_server_new(fd, "cleave-dm " CLEAVE_VERSION, commands, mon);
    loop_add(m->loop, qmp_fd(mon->qmp), EPOLLIN, monitor_ready, mon);
    return mon;
}

void monitor_event(struct monitor *mon, const char *event, JsonObject *data)
{
    if (mon) {
        qmp_event(mon->qmp, event, data);
        monitor_ready(mon, 0);
    } else if (data) {
        json_object_unref(data);
    }
}
