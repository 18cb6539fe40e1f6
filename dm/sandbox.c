/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <xen/xen.h>
#include <xen/sys/evtchn.h>
#include <xen/sys/privcmd.h>

#include "lockdown.h"
#include "log.h"

#define MAX_FILES  256
#define MAX_MEMORY (1ull << 30) /* beyond what start-up mapped: pictures, QMP */

/*
 * All that cleave-dm does once a guest runs. docs/security.md has the same list, and a test holds
 * them together.
 */
static const struct lockdown_rule rules[] = {
    /* the loop; and one of wait_rules */
    LOCKDOWN_CALL(epoll_ctl),
    LOCKDOWN_CALL(poll),
    LOCKDOWN_CALL(read),
    LOCKDOWN_CALL(write),
    LOCKDOWN_CALL(clock_gettime), /* where the vDSO has no clock to read */
    LOCKDOWN_CALL(restart_syscall),
    LOCKDOWN_CALL(exit_group),
    /* the disks: the ring is restricted to them (block/file.c) */
    LOCKDOWN_CALL(io_uring_enter),
    LOCKDOWN_CALL(fdatasync),
    LOCKDOWN_CALL(pread64), /* media put in while the guest runs (block/simple.c) */
    LOCKDOWN_CALL(pwrite64),
    LOCKDOWN_CALL(lseek),
    /* the core's and the monitor's sockets; descriptors come and go with messages */
    LOCKDOWN_CALL(recvmsg),
    LOCKDOWN_CALL(sendmsg),
    LOCKDOWN_CALL(close),
    LOCKDOWN_CALL(fstat),
    LOCKDOWN_IF(newfstatat, 3, AT_EMPTY_PATH, AT_EMPTY_PATH), /* the C library's fstat() */
    LOCKDOWN_IF(fcntl, 1, LOCKDOWN_INT, F_GETFL),
    LOCKDOWN_IF(fcntl, 1, LOCKDOWN_INT, F_SETFL),
    LOCKDOWN_IF(fcntl, 1, LOCKDOWN_INT, F_SETFD),
    LOCKDOWN_IF(fcntl, 1, LOCKDOWN_INT, F_DUPFD_CLOEXEC),
    LOCKDOWN_IF(fcntl, 1, LOCKDOWN_INT, F_ADD_SEALS),
    LOCKDOWN_IF(fcntl, 1, LOCKDOWN_INT, F_OFD_SETLK),
    /* memory, never executable; pictures of the screen */
    LOCKDOWN_IF(mmap, 2, PROT_EXEC, 0),
    LOCKDOWN_CALL(munmap),
    LOCKDOWN_CALL(mremap),
    LOCKDOWN_CALL(brk),
    LOCKDOWN_IF(madvise, 2, LOCKDOWN_INT, MADV_DONTNEED),
    LOCKDOWN_IF(madvise, 2, LOCKDOWN_INT, MADV_REMOVE),
    LOCKDOWN_IF(memfd_create, 1, LOCKDOWN_INT, MFD_CLOEXEC | MFD_ALLOW_SEALING),
    LOCKDOWN_CALL(ftruncate),
    /* the C library's */
    LOCKDOWN_CALL(futex),
    LOCKDOWN_CALL(getrandom),
};

/* Under Xen: requests of the device model's own kind, guest memory that comes into use, events. */
static const struct lockdown_rule xen_rules[] = {
    LOCKDOWN_IF(ioctl, 1, LOCKDOWN_INT, IOCTL_PRIVCMD_DM_OP),
    LOCKDOWN_IF(ioctl, 1, LOCKDOWN_INT, IOCTL_PRIVCMD_MMAPBATCH_V2),
    LOCKDOWN_IF(ioctl, 1, LOCKDOWN_INT, IOCTL_EVTCHN_NOTIFY),
};

/* Which one the kernel has: the first since Linux 5.11. */
static const struct lockdown_rule wait_rules[] = {
    LOCKDOWN_CALL(epoll_pwait2),
    LOCKDOWN_CALL(epoll_wait),
};

/* With sockets at which others may call, as libxl does to speak QMP. */
static const struct lockdown_rule server_rules[] = {
    LOCKDOWN_CALL(accept4),
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define ALL_RULES    (COUNT(rules) + COUNT(xen_rules) + COUNT(server_rules) + 1)

static bool entered;

/* The attacks in the tests are repeated without the filter: what else would hold? */
static bool filter_wanted(void)
{
#ifdef CLEAVE_TEST_BACKDOOR
    return !getenv("CLEAVE_TEST_NO_FILTER");
#else
    return true;
#endif
}

static bool has_servers(const struct dm_options *o)
{
    for (unsigned i = 0; i < o->nchardevs; i++) {
        if (o->chardev[i].listen_fd >= 0) {
            return true;
        }
    }
    return false;
}

static bool rules_seal(const struct dm_options *o, char *err, size_t size)
{
    struct lockdown_rule all[ALL_RULES];
    struct epoll_event ev;
    bool old = epoll_pwait2(-1, &ev, 1, NULL, NULL) < 0 && errno == ENOSYS;
    unsigned n = 0;

    all[n++] = wait_rules[old];
    memcpy(all + n, rules, sizeof(rules));
    n += COUNT(rules);
    if (o->accel == ACCEL_XEN) {
        memcpy(all + n, xen_rules, sizeof(xen_rules));
        n += COUNT(xen_rules);
    }
    if (has_servers(o)) {
        memcpy(all + n, server_rules, sizeof(server_rules));
        n += COUNT(server_rules);
    }
    return lockdown_seal(all, n, err, size);
}

void dm_sandbox_enter(const struct dm_options *o, uint64_t largest_disk)
{
    struct lockdown_place place = {
        .runas = o->runas,
        .root = o->chroot,
        .file_size = largest_disk > LOCKDOWN_FILE_SIZE ? largest_disk : LOCKDOWN_FILE_SIZE,
        .memory = MAX_MEMORY,
        .files = MAX_FILES};
    char err[256];

    if (!o->sandbox) {
        return;
    }
    if (!lockdown_possible()) {
        log_info("sandbox: left out, this is a build with sanitizers");
        return;
    }
    if (!lockdown_isolate(&place, err, sizeof(err)) ||
        (filter_wanted() && !rules_seal(o, err, sizeof(err)))) {
        die("%s", err);
    }
    entered = true;
}

bool dm_sandboxed(void)
{
    return entered;
}
