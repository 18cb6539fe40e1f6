/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locking a process down, in two steps: lockdown_isolate() while it has one thread and may still
 * open things, lockdown_seal() when all its threads run. docs/security.md says what for.
 */
#ifndef CLEAVE_LOCKDOWN_H
#define CLEAVE_LOCKDOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <seccomp.h>

/* Largest file that a locked-down process may write, unless a disk is larger. */
#define LOCKDOWN_FILE_SIZE (16ull << 30)

struct lockdown_place {
    const char *runas;  /* USER or UID:GID to become, NULL: stay */
    const char *root;   /* directory to have as root, NULL: an empty one */
    uint64_t file_size; /* largest size of a file, in bytes */
    uint64_t memory;    /* address space beyond what is mapped now, in bytes; 0: no limit */
    unsigned files;     /* highest number of open files */
};

/*
 * Enters namespaces of its own (mount, net, ipc, uts, cgroup, user) where the host permits it,
 * changes to an empty read-only root and to the user, drops all capabilities and the right to get
 * any, sets limits. What the host does not permit is logged and left out. False, with one line in
 * `err`, when a setting (runas, root) cannot be had or capabilities remain. Takes one thread.
 */
bool lockdown_isolate(const struct lockdown_place *place, char *err, size_t size);

#define LOCKDOWN_CONDS 3

/* (argument `arg` & mask) == value */
struct lockdown_cond {
    unsigned arg;
    uint64_t mask;
    uint64_t value;
};

/* An allowed system call; several rows of one call are alternatives. */
struct lockdown_rule {
    int nr;
    unsigned n;
    struct lockdown_cond cond[LOCKDOWN_CONDS];
};

#define LOCKDOWN_INT UINT32_MAX /* mask of an argument of which the kernel takes 32 bits */
#define LOCKDOWN_CALL(name)                                                                        \
    {                                                                                              \
        SCMP_SYS(name), 0,                                                                         \
        {                                                                                          \
            {                                                                                      \
                0, 0, 0                                                                            \
            }                                                                                      \
        }                                                                                          \
    }
#define LOCKDOWN_IF(name, arg, mask, value)                                                        \
    {                                                                                              \
        SCMP_SYS(name), 1,                                                                         \
        {                                                                                          \
            {                                                                                      \
                arg, mask, value                                                                   \
            }                                                                                      \
        }                                                                                          \
    }

/*
 * From now on, in all threads: any other system call kills the process. Rows used most come first.
 * False, with `err`.
 */
bool lockdown_seal(const struct lockdown_rule *rule, unsigned n, char *err, size_t size);

/* A sanitizer's run-time makes calls of its own: such a build is not locked down. */
bool lockdown_possible(void);

/*
 * Gives up all capabilities but `keep` (a bit mask) and any way to get more. 0 or -errno: then some
 * remain.
 */
int lockdown_drop_caps(uint64_t keep);

#endif
