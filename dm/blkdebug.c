/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sections [inject-error] (event, state, errno, sector, iotype, once, immediately) and [set-state]
 * (event, state, new_state), repeated as often as wanted. GKeyFile merges sections of one name, so
 * it gets them one at a time.
 */
#include "blkdebug.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct section {
    GKeyFile *keys;
    char *group;
    const char *config;
};

/* The value without the quotes that QEMU's files have; NULL when there is none. */
static char *value(const struct section *s, const char *key)
{
    char *text = g_key_file_get_value(s->keys, s->group, key, NULL);
    size_t len = text ? strlen(text) : 0;

    if (len >= 2 && text[0] == '"' && text[len - 1] == '"') {
        char *inner = g_strndup(text + 1, len - 2);

        g_free(text);
        return inner;
    }
    return text;
}

static int64_t number(const struct section *s, const char *key, int64_t missing)
{
    g_autofree char *text = value(s, key);

    return text ? g_ascii_strtoll(text, NULL, 0) : missing;
}

static bool flag(const struct section *s, const char *key)
{
    g_autofree char *text = value(s, key);

    return text && !strcmp(text, "on");
}

static unsigned ops_by_name(const char *name)
{
    static const struct {
        const char *name;
        unsigned ops;
    } table[] = {{"read", 1u << BLK_READ},
                 {"write", 1u << BLK_WRITE},
                 {"discard", 1u << BLK_DISCARD},
                 {"flush", 1u << BLK_FLUSH}};

    for (unsigned i = 0; name && i < G_N_ELEMENTS(table); i++) {
        if (!strcmp(table[i].name, name)) {
            return table[i].ops;
        }
    }
    return 0;
}

static bool section_rule(struct block_debug *d, const struct section *s, char *err, size_t size)
{
    g_autofree char *event = value(s, "event");
    g_autofree char *iotype = value(s, "iotype");
    bool set_state = !strcmp(s->group, "set-state");
    int e = event ? block_event_by_name(event) : BLOCK_EVENT_NONE;
    struct block_rule r = {.event = (enum block_event)e,
                           .state = (int)number(s, "state", 0),
                           .new_state = set_state ? (int)number(s, "new_state", 0) : 0,
                           .err = (int)number(s, "errno", EIO),
                           .sector = number(s, "sector", -1),
                           .ops = ops_by_name(iotype),
                           .once = flag(s, "once")};

    if (!set_state && strcmp(s->group, "inject-error")) {
        snprintf(err, size, "blkdebug: %s: unknown section [%s]", s->config, s->group);
        return false;
    }
    if (e < 0 || (iotype && !r.ops) || r.err <= 0 || (set_state && r.new_state <= 0)) {
        snprintf(err, size, "blkdebug: %s: [%s]: unknown event, iotype, errno or new_state",
                 s->config, s->group);
        return false;
    }
    if (block_debug_rule(d, &r)) {
        snprintf(err, size, "blkdebug: %s: too many rules; give at most %u", s->config,
                 BLOCK_DEBUG_RULES);
        return false;
    }
    return true;
}

static bool section_load(struct block_debug *d, const char *config, const char *text, char *err,
                         size_t size)
{
    g_autoptr(GKeyFile) keys = g_key_file_new();
    g_autoptr(GError) error = NULL;

    if (!g_key_file_load_from_data(keys, text, strlen(text), G_KEY_FILE_NONE, &error)) {
        snprintf(err, size, "blkdebug: %s: %s", config, error->message);
        return false;
    }
    g_auto(GStrv) groups = g_key_file_get_groups(keys, NULL);
    struct section s = {keys, groups[0], config};

    return !groups[0] || section_rule(d, &s, err, size);
}

bool blkdebug_load(struct block_debug *d, const char *config, char *err, size_t size)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    bool good = true;

    if (!*config) {
        return true;
    }
    if (!g_file_get_contents(config, &text, NULL, &error)) {
        snprintf(err, size, "blkdebug: %s", error->message);
        return false;
    }
    g_auto(GStrv) line = g_strsplit(text, "\n", -1);
    g_autoptr(GString) section = g_string_new(NULL);
    for (unsigned i = 0; good; i++) {
        const char *l = line[i] ? g_strchug(line[i]) : NULL;

        if (!l || *l == '[') {
            good = section_load(d, config, section->str, err, size);
            g_string_truncate(section, 0);
        }
        if (!l) {
            return good;
        }
        g_string_append_printf(section, "%s\n", l);
    }
    return false;
}
