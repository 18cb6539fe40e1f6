/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line per event, to standard error or the file that the monitor passed; rate-limited. */
#ifndef CLEAVE_UTIL_LOG_H
#define CLEAVE_UTIL_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* `program` prefixes each line ("cleave-dm: ..."); fd < 0 is standard error. */
void log_init(const char *program, int fd, enum log_level level);
bool log_enabled(enum log_level level);
void log_msg(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_msg(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_msg(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_msg(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
    do {                                                                                           \
        if (log_enabled(LOG_DEBUG)) {                                                              \
            log_msg(LOG_DEBUG, __VA_ARGS__);                                                       \
        }                                                                                          \
    } while (0)

/*
 * For what a guest can trigger: at most 10 lines per call site and 10 seconds, the rest is counted
 * and reported with the next line.
 */
struct log_limit {
    unsigned long long window;
    unsigned shown;
    unsigned suppressed;
};
void log_limited(struct log_limit *l, enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* One line "PROGRAM: ..." on standard error and exit status 2: for bad settings at start-up. */
_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
