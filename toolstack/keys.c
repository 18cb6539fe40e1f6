/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of keys: QMP's QKeyCode where a PC keyboard has the key, and the signs of a US keyboard as
 * short forms, so that a line can be typed.
 */
#include "keys.h"

#include <stdbool.h>
#include <string.h>

#define MAX_KEYS 8

static const char names[] =
    " a b c d e f g h i j k l m n o p q r s t u v w x y z 0 1 2 3 4 5 6 7 8 9 shift"
    " shift_r alt alt_r ctrl ctrl_r menu esc minus equal backspace tab bracket_left"
    " bracket_right ret semicolon apostrophe grave_accent backslash comma dot slash"
    " asterisk spc caps_lock num_lock scroll_lock kp_divide kp_multiply kp_subtract"
    " kp_add kp_enter kp_decimal sysrq kp_0 kp_1 kp_2 kp_3 kp_4 kp_5 kp_6 kp_7 kp_8"
    " kp_9 less print home pgup pgdn end left up down right insert delete meta_l"
    " meta_r compose pause f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 henkan hiragana"
    " katakanahiragana kp_comma kp_equals muhenkan power ro sleep yen ";

static const struct {
    const char *text;
    const char *name;
} aliases[] = {
    {"enter", "ret"},       {"return", "ret"},  {"space", "spc"},    {"escape", "esc"},
    {"control", "ctrl"},    {"del", "delete"},  {"ins", "insert"},   {"pageup", "pgup"},
    {"pagedown", "pgdn"},   {" ", "spc"},       {"=", "equal"},      {"[", "bracket_left"},
    {"]", "bracket_right"}, {";", "semicolon"}, {"'", "apostrophe"}, {"`", "grave_accent"},
    {"\\", "backslash"},    {",", "comma"},     {".", "dot"},        {"/", "slash"},
    {"-", "minus"},         {"win", "meta_l"},  {"altgr", "alt_r"},  {"super", "meta_l"},
};

/* The key's name, or NULL. */
static const char *key_find(const char *text)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(aliases); i++) {
        if (strcmp(text, aliases[i].text) == 0) {
            return aliases[i].name;
        }
    }
    g_autofree char *word = g_strdup_printf(" %s ", text);
    return text[0] && !strchr(text, ' ') && strstr(names, word) ? text : NULL;
}

/* False: no such key. */
static bool key_add(json_t *keys, const char *text)
{
    g_autofree char *lower = g_ascii_strdown(text, -1);
    const char *name = key_find(lower);
    if (!name) {
        return false;
    }
    json_t *key = json_object();
    json_object_set_new(key, "type", qmp_string("qcode"));
    json_object_set_new(key, "data", qmp_string(name));
    json_array_append_new(keys, key);
    return true;
}

json_t *keys_parse(const char *text, char **wrong)
{
    const char *const minus[] = {"-", NULL};
    g_auto(GStrv) parts =
        strcmp(text, "-") == 0 ? g_strdupv((char **)minus) : g_strsplit(text, "-", MAX_KEYS + 1);
    json_t *keys = json_array();
    for (unsigned i = 0; parts[i] || i == 0; i++) {
        if (!parts[i] || i == MAX_KEYS || !key_add(keys, parts[i])) {
            *wrong = g_strdup(parts[i] ? parts[i] : "");
            json_decref(keys);
            return NULL;
        }
    }
    return keys;
}
