/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside qtest: qtest.c is the connection and the log, qtest_command.c the commands. */
#ifndef CLEAVE_DM_QTEST_INT_H
#define CLEAVE_DM_QTEST_INT_H

#include <stdint.h>
#include <stdio.h>

#include "machine.h"
#include "qtest.h"

#define QTEST_WORDS 6u /* of a line that are looked at */

/* Whose pins are reported. */
enum qtest_intercept {
    QTEST_NOBODY,
    QTEST_IOAPIC_IN,
    QTEST_IOAPIC_OUT, /* has no pins */
    QTEST_PIC_IN,
    QTEST_PIC_OUT,
};

/* Bytes that grow. */
struct qtest_buffer {
    char *data;
    size_t used;
    size_t size;
};

struct qtest {
    struct machine *m;
    int in_fd; /* -1: nobody connected */
    int out_fd;
    int listen_fd; /* a server's, or -1 */
    bool busy;     /* a request is being served: what is said now goes out with its reply */
    bool blocked;  /* the client takes no more for now */
    struct qtest_buffer in;
    size_t looked; /* bytes of `in` known to hold no end of line */
    struct qtest_buffer out;
    size_t sent; /* bytes of `out` that are written */
    enum qtest_intercept intercept;
    uint32_t level;  /* of the intercepted pins, as the client knows them */
    FILE *log;       /* or NULL */
    uint64_t opened; /* host ns */
};

/* A word of a request; not terminated. */
struct qtest_word {
    const char *p;
    size_t len;
};

/* Serves one request: `line` without its end. Replies go to q->out. */
void qtest_command(struct qtest *q, const char *line, size_t len);

/* Adds to the reply. `reserve` returns room for n bytes, which the caller must fill. */
char *qtest_reserve(struct qtest *q, size_t n);
void qtest_send(struct qtest *q, const char *text);
void qtest_sendf(struct qtest *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
