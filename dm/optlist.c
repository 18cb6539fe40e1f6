/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "optlist.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

void optlist_add(struct optlist *l, const char *key, const char *value)
{
    if (l->n == OPTLIST_MAX) {
        die("%s %s: too many settings; give at most %d", l->option, l->text, OPTLIST_MAX);
    }
    l->row[l->n].key = key;
    l->row[l->n].value = value;
    l->row[l->n++].used = false;
}

/* The item at *text up to a lone comma, with doubled ones made single; *text moves behind it. */
static char *item_next(const char **text)
{
    GString *item = g_string_new(NULL);
    const char *p = *text;

    while (*p && (*p != ',' || p[1] == ',')) {
        p += *p == ',';
        g_string_append_c(item, *p++);
    }
    *text = *p ? p + 1 : p;
    return g_string_free(item, FALSE); /* start-up only: never freed */
}

static void item_add(struct optlist *l, char *item, const char *first_key)
{
    char *eq = strchr(item, '=');

    if (eq) {
        *eq = 0;
        optlist_add(l, item, eq + 1);
    } else if (first_key) {
        optlist_add(l, first_key, item);
    } else if (g_str_has_prefix(item, "no") && item[2]) {
        optlist_add(l, item + 2, "off");
    } else {
        optlist_add(l, item, "on");
    }
}

void optlist_merge(struct optlist *l, const char *option, const char *text, const char *first_key)
{
    const char *p = text;

    l->option = option;
    l->text = text;
    while (*p) {
        item_add(l, item_next(&p), first_key);
        first_key = NULL;
    }
}

void optlist_parse(struct optlist *l, const char *option, const char *text, const char *first_key)
{
    memset(l, 0, sizeof(*l));
    optlist_merge(l, option, text, first_key);
}

const char *optlist_get(struct optlist *l, const char *key, const char *missing)
{
    for (unsigned i = 0; i < l->n; i++) {
        if (!strcmp(l->row[i].key, key)) {
            l->row[i].used = true;
            missing = l->row[i].value;
        }
    }
    return missing;
}

static void name_setting(char *what, size_t size, const struct optlist *l, const char *key)
{
    snprintf(what, size, "%s %s", l->option, key);
}

int optlist_choice(struct optlist *l, const char *key, const char *const *choice, int missing)
{
    const char *text = optlist_get(l, key, NULL);

    if (!text) {
        return missing;
    }
    for (int i = 0; choice[i]; i++) {
        if (!strcmp(choice[i], text)) {
            return i;
        }
    }
    die("%s %s=%s: use %s", l->option, key, text, g_strjoinv(" or ", (char **)choice));
}

bool parse_bool(const char *what, const char *text)
{
    static const char *const word[2][5] = {{"off", "no", "n", "false", NULL},
                                           {"on", "yes", "y", "true", NULL}};

    if (!g_strv_contains(word[0], text) && !g_strv_contains(word[1], text)) {
        die("%s=%s: use on or off", what, text);
    }
    return g_strv_contains(word[1], text);
}

bool optlist_bool(struct optlist *l, const char *key, bool missing)
{
    const char *text = optlist_get(l, key, NULL);
    char what[96];

    name_setting(what, sizeof(what), l, key);
    return text ? parse_bool(what, text) : missing;
}

int64_t parse_number(const char *what, const char *text, int64_t min, int64_t max)
{
    char *end = NULL;
    int64_t v;

    errno = 0;
    v = strtoll(text, &end, 0);
    if (errno || end == text || *end || v < min || v > max) {
        die("%s: '%s' is not a number from %lld to %lld", what, text, (long long)min,
            (long long)max);
    }
    return v;
}

int64_t optlist_number(struct optlist *l, const char *key, int64_t missing, int64_t min,
                       int64_t max)
{
    const char *text = optlist_get(l, key, NULL);
    char what[96];

    name_setting(what, sizeof(what), l, key);
    return text ? parse_number(what, text, min, max) : missing;
}

uint64_t parse_size(const char *what, const char *text, uint64_t unit)
{
    static const char suffix[] = "bkmgt";
    char *end = NULL;
    uint64_t v;

    errno = 0;
    v = g_ascii_strtoull(text, &end, 0);
    if (end != text && *end) {
        const char *s = strchr(suffix, g_ascii_tolower(*end));

        unit = s ? 1ull << (10 * (s - suffix)) : 0;
        end += s != NULL;
    }
    if (errno || end == text || *end || *text == '-' || !unit || v > UINT64_MAX / unit) {
        die("%s: '%s' is not a size; give a number with k, M, G or T behind it", what, text);
    }
    return v * unit;
}

uint64_t optlist_size(struct optlist *l, const char *key, uint64_t missing, uint64_t unit)
{
    const char *text = optlist_get(l, key, NULL);
    char what[96];

    name_setting(what, sizeof(what), l, key);
    return text ? parse_size(what, text, unit) : missing;
}

int parse_fd(const char *what, const char *text)
{
    int fd = (int)parse_number(what, text, 0, 1 << 20);

    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        die("%s: descriptor %d is not open; the program that starts cleave-dm must pass it", what,
            fd);
    }
    return fd;
}

int optlist_fd(struct optlist *l, const char *key)
{
    const char *text = optlist_get(l, key, NULL);
    char what[96];

    name_setting(what, sizeof(what), l, key);
    return text ? parse_fd(what, text) : -1;
}

void optlist_done(const struct optlist *l)
{
    for (unsigned i = 0; i < l->n; i++) {
        if (!l->row[i].used) {
            die("%s %s: unknown setting '%s'; leave it out", l->option, l->text, l->row[i].key);
        }
    }
}
