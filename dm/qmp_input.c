/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monitor commands: the screen, keys and mouse. Arguments are QEMU's. */
#include <errno.h>
#include <string.h>

#include "qmp_int.h"

#define MAX_KEYS 16

/* --- the screen --- */

QMP_COMMAND(cmd_screendump)
{
    struct monitor *mon = opaque;
    bool cursor = qmp_member_bool(args, "cursor", false);
    struct surface s;
    int fd = machine_render(mon->machine, &s, cursor);

    if (fd < 0) {
        return fail(error, fd == -ENODEV ? "this guest has no display (vga none)"
                                         : "no memory for the picture");
    }
    json_t *o = json_object();
    json_object_set_new(o, "width", json_integer(s.width));
    json_object_set_new(o, "height", json_integer(s.height));
    json_object_set_new(o, "stride", json_integer((gint64)s.width * 4));
    out->fd[out->n++] = fd;
    out->close = true;
    return o;
}

QMP_COMMAND(cmd_screen_text)
{
    struct monitor *mon = opaque;
    g_autofree char *text = g_malloc(VGA_TEXT_SIZE);
    json_t *rows = json_array();

    if (machine_screen_text(mon->machine, text, VGA_TEXT_SIZE) >= 0) {
        g_auto(GStrv) line = g_strsplit(text, "\n", -1);

        for (unsigned i = 0; line[i] && (line[i + 1] || line[i][0]); i++) {
            json_array_append_new(rows, qmp_string(line[i]));
        }
    }
    return rows;
}

/* --- keys --- */

static bool key_value(json_t *key, unsigned *code)
{
    const char *type = qmp_member_string(key, "type", "");

    if (strcmp(type, "qcode")) {
        return false;
    }
    return machine_key_by_name(qmp_member_string(key, "data", ""), code);
}

/* All keys down in order, then up in reverse order: a chord as a person presses it. */
QMP_COMMAND(cmd_send_key)
{
    struct monitor *mon = opaque;
    json_t *keys = qmp_member_array(args, "keys");
    unsigned code[MAX_KEYS];
    unsigned n = keys ? json_array_size(keys) : 0;

    if (n == 0 || n > MAX_KEYS) {
        return fail(error, "keys: give an array of 1 to 16 keys");
    }
    for (unsigned i = 0; i < n; i++) {
        json_t *k = json_array_get(keys, i);

        if (!json_is_object(k) || !key_value(k, &code[i])) {
            return fail(error,
                        "keys: each is {\"type\": \"qcode\", \"data\": NAME} with a known NAME");
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

/* --- events --- */

/* One event of input-send-event; false when it is not understood. */
static bool input_event(struct monitor *mon, json_t *event)
{
    const char *type = qmp_member_string(event, "type", "");
    json_t *data = qmp_member_object(event, "data");
    json_t *key = qmp_member_object(data, "key");
    unsigned code;

    if (!data) {
        return false;
    }
    if (!strcmp(type, "key")) {
        if (!key || !key_value(key, &code)) {
            return false;
        }
        machine_key(mon->machine, code, qmp_member_bool(data, "down", false));
        return true;
    }
    if (!strcmp(type, "rel")) {
        const char *axis = qmp_member_string(data, "axis", "");
        int value = (int)qmp_member_int(data, "value", 0);

        machine_mouse(mon->machine, !strcmp(axis, "x") ? value : 0, !strcmp(axis, "y") ? value : 0,
                      NULL, false);
        return true;
    }
    if (!strcmp(type, "btn")) {
        machine_mouse(mon->machine, 0, 0, qmp_member_string(data, "button", ""),
                      qmp_member_bool(data, "down", false));
        return true;
    }
    return false;
}

QMP_COMMAND(cmd_input_send_event)
{
    struct monitor *mon = opaque;
    json_t *events = qmp_member_array(args, "events");

    if (!events) {
        return fail(error, "events: give an array of events");
    }
    for (unsigned i = 0; i < json_array_size(events); i++) {
        json_t *e = json_array_get(events, i);

        if (!json_is_object(e) || !input_event(mon, e)) {
            return fail(error, "events: unknown event; use key, rel and btn");
        }
    }
    return NULL;
}

const struct qmp_command qmp_input_commands[] = {
    {"screendump", cmd_screendump},
    {"screen-text", cmd_screen_text},
    {"send-key", cmd_send_key},
    {"input-send-event", cmd_input_send_event},
    {NULL, NULL},
};
