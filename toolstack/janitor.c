/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The janitor: a child of the monitor that does nothing but wait for its end. After a kill -9 of
 * the monitor it kills the halves, restores the terminal and removes the run directory, whose lock
 * it holds too, so that nobody takes the name before that is done.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lockdown.h"
#include "log.h"
#include "monitor.h"
#include "spawn.h"

#define MAX_CHILDREN 8
#define DISMISSED    'q'
#define CHILD        'c'
#define WAIT_MS      5000

/* What the monitor says next: a byte and perhaps a descriptor. 0 at its end. */
static char janitor_receive(int fd, int *child)
{
    char byte = 0;
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    ssize_t n;
    do {
        n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
    if (c && c->cmsg_type == SCM_RIGHTS) {
        memcpy(child, CMSG_DATA(c), sizeof(*child));
    }
    return n > 0 ? byte : 0;
}

/* Everything but standard input, standard error, the lock and the socket. */
static void janitor_close(const struct guest *g, int fd)
{
    int low = MIN(fd, g->rundir.lock_fd);
    int high = MAX(fd, g->rundir.lock_fd);
    close(STDOUT_FILENO);
    if (low > 3) {
        close_range(3, (unsigned)low - 1, 0);
    }
    if (high > low + 1) {
        close_range((unsigned)low + 1, (unsigned)high - 1, 0);
    }
    close_range((unsigned)high + 1, ~0u, 0);
}

static void janitor_clean(struct guest *g, const int *child, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        syscall(SYS_pidfd_send_signal, child[i], SIGKILL, NULL, 0);
    }
    for (unsigned i = 0; i < n; i++) {
        struct pollfd p = {child[i], POLLIN, 0};
        poll(&p, 1, WAIT_MS);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(g->console); i++) {
        if (g->console[i]) {
            console_restore(g->console[i]);
        }
    }
    log_error("the monitor of guest %s was killed; the guest was ended", g->name);
    rundir_remove(&g->rundir);
}

/* Root's needs the right to signal other users, and to remove a socket from anybody's directory. */
#define KEPT_CAPS (UINT64_C(1) << CAP_KILL | UINT64_C(1) << CAP_DAC_OVERRIDE)

static void janitor_lock_down(void)
{
    static const struct lockdown_rule rules[] = {
        LOCKDOWN_CALL(recvmsg),
        LOCKDOWN_CALL(poll),
        LOCKDOWN_CALL(restart_syscall),
        LOCKDOWN_CALL(pidfd_send_signal),
        LOCKDOWN_IF(ioctl, 1, LOCKDOWN_INT, TCSETS), /* the terminal as it was, */
        LOCKDOWN_IF(ioctl, 1, LOCKDOWN_INT, TCGETS), /* which the C library checks */
        LOCKDOWN_CALL(unlink),
        LOCKDOWN_CALL(rmdir),
        LOCKDOWN_CALL(write),
        LOCKDOWN_CALL(close),
        LOCKDOWN_IF(mmap, 2, PROT_EXEC, 0),
        LOCKDOWN_CALL(munmap),
        LOCKDOWN_CALL(brk),
        LOCKDOWN_CALL(futex),
        LOCKDOWN_CALL(getrandom),
        LOCKDOWN_CALL(exit_group),
    };
    char err[256];
    int rc = lockdown_drop_caps(KEPT_CAPS);
    if (rc) {
        log_warn("the janitor keeps its capabilities: %s", strerror(-rc));
    }
    if (!lockdown_seal(rules, G_N_ELEMENTS(rules), err, sizeof(err))) {
        log_warn("the janitor: %s", err);
    }
}

_Noreturn static void janitor_run(struct guest *g, int fd)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGTTOU};
    for (unsigned i = 0; i < G_N_ELEMENTS(ignored); i++) {
        signal(ignored[i], SIG_IGN);
    }
    setsid();
    prctl(PR_SET_NAME, "cleave-janitor");
    janitor_close(g, fd);
    log_init("cleave", -1, LOG_WARN);
    if (!g->o.no_sandbox && lockdown_possible()) {
        janitor_lock_down();
    }
    int child[MAX_CHILDREN];
    unsigned n = 0;
    for (;;) {
        int got = -1;
        char what = janitor_receive(fd, &got);
        if (what == 0) {
            janitor_clean(g, child, n);
        }
        if (what != CHILD) {
            _exit(0);
        }
        if (got >= 0 && n < MAX_CHILDREN) {
            child[n++] = got;
        }
    }
}

bool janitor_start(struct guest *g)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        guest_say(g, "sockets: %s; raise the limit of open files (ulimit -n)", strerror(errno));
        return false;
    }
    g->janitor = fork();
    if (g->janitor == 0) {
        close(pair[0]);
        janitor_run(g, pair[1]);
    }
    close(pair[1]);
    g->janitor_fd = pair[0];
    if (g->janitor < 0) {
        guest_say(g, "no process can be started: %s; raise the limit (ulimit -u)", strerror(errno));
        return false;
    }
    return true;
}

void janitor_tell(struct guest *g, int pidfd)
{
    char byte = CHILD;
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &pidfd, sizeof(pidfd));
    if (sendmsg(g->janitor_fd, &msg, MSG_NOSIGNAL) < 0) {
        log_warn("the janitor is gone: %s", strerror(errno));
    }
}

void janitor_dismiss(struct guest *g)
{
    if (g->janitor <= 0) {
        return;
    }
    char byte = DISMISSED;
    send(g->janitor_fd, &byte, 1, MSG_NOSIGNAL);
    close(g->janitor_fd);
    waitpid(g->janitor, NULL, 0);
    g->janitor = 0;
}
