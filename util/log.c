/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_LINES  10
#define LIMIT_WINDOW 10000000000ull

static const char *log_program = "cleave";
static int log_fd = STDERR_FILENO;
static enum log_level log_max = LOG_WARN;

void log_init(const char *program, int fd, enum log_level level)
{
    log_program = program;
    log_fd = fd < 0 ? STDERR_FILENO : fd;
    log_max = level;
}

bool log_enabled(enum log_level level)
{
    return level <= log_max;
}

/* One write() per line, so that lines of several processes in one file do not mix. */
static void log_line(const char *fmt, va_list ap)
{
    char line[1024];
    int n = snprintf(line, sizeof(line), "%s: ", log_program);
    int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
    size_t len = (size_t)n + (m < 0 ? 0 : (size_t)m);

    if (len > sizeof(line) - 2) {
        len = sizeof(line) - 2;
    }
    line[len++] = '\n';
    if (write(log_fd, line, len) < 0) {
        return; /* nowhere left to say it */
    }
}

void log_msg(enum log_level level, const char *fmt, ...)
{
    va_list ap;

    if (!log_enabled(level)) {
        return;
    }
    va_start(ap, fmt);
    log_line(fmt, ap);
    va_end(ap);
}

void log_limited(struct log_limit *l, enum log_level level, const char *fmt, ...)
{
    struct timespec ts;
    va_list ap;

    if (!log_enabled(level)) {
        return;
    }
    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    unsigned long long now = (unsigned long long)ts.tv_sec * 1000000000ull + (unsigned)ts.tv_nsec;
    if (now - l->window >= LIMIT_WINDOW) {
        if (l->suppressed) {
            log_msg(level, "%u similar lines suppressed", l->suppressed);
        }
        *l = (struct log_limit){.window = now};
    }
    if (l->shown >= LIMIT_LINES) {
        l->suppressed++;
        return;
    }
    l->shown++;
    va_start(ap, fmt);
    log_line(fmt, ap);
    va_end(ap);
}

void die(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_line(fmt, ap);
    va_end(ap);
    exit(2);
}
