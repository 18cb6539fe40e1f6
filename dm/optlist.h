/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One word of a command line in QEMU's form: "value,key=value,key". A doubled comma is a comma, a
 * bare first item has the key that the option names, a later bare item is "on" ("nokey": "off"),
 * of repeated keys the last counts. Wrong values end the program with one line (die()).
 */
#ifndef CLEAVE_DM_OPTLIST_H
#define CLEAVE_DM_OPTLIST_H

#include <stdbool.h>
#include <stdint.h>

#define OPTLIST_MAX 32

struct optlist {
    const char *option; /* for messages: "-drive" */
    const char *text;   /* as given */
    unsigned n;
    struct {
        const char *key;
        const char *value;
        bool used;
    } row[OPTLIST_MAX];
};

/* `option` and `text` must stay valid. `first_key` NULL: a bare first item is like any other. */
void optlist_parse(struct optlist *l, const char *option, const char *text, const char *first_key);

/* Adds what `text` says; for options that add up over several words (-boot). */
void optlist_merge(struct optlist *l, const char *option, const char *text, const char *first_key);

/* Appends one setting; the strings must stay valid. */
void optlist_add(struct optlist *l, const char *key, const char *value);

/* The value, or `missing`. Counts as understood. */
const char *optlist_get(struct optlist *l, const char *key, const char *missing);

/* The value, which must be one of the NULL-terminated `choice`s: its index, or `missing`. */
int optlist_choice(struct optlist *l, const char *key, const char *const *choice, int missing);

bool optlist_bool(struct optlist *l, const char *key, bool missing);

/* Decimal, 0x or octal. */
int64_t optlist_number(struct optlist *l, const char *key, int64_t missing, int64_t min,
                       int64_t max);

/* Bytes, with suffix k, M, G or T; `unit` is that of a number without. */
uint64_t optlist_size(struct optlist *l, const char *key, uint64_t missing, uint64_t unit);

/* An inherited descriptor that is open, close-on-exec from now on; -1 when not given. */
int optlist_fd(struct optlist *l, const char *key);

/* Ends the program when a setting was not asked for: it is unknown. */
void optlist_done(const struct optlist *l);

/* The same readers for bare values; `what` names the setting. */
int64_t parse_number(const char *what, const char *text, int64_t min, int64_t max);
uint64_t parse_size(const char *what, const char *text, uint64_t unit);
bool parse_bool(const char *what, const char *text);
int parse_fd(const char *what, const char *text);

#endif
