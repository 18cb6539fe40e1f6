/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting and ending cleave-hv and cleave-dm. They die with the monitor (PDEATHSIG). */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "disks.h"
#include "log.h"
#include "monitor.h"

#define ERRORS_MAX 8192 /* of a half's first words */

/* Of root's halves: above what systems and containers hand out, two for each monitor. */
#define USERS_FIRST 1879048192u
#define USER_NOBODY 65534u

/* An argument list and the descriptors that the program inherits. */
struct command {
    GPtrArray *argv;
    GArray *fds;
};

static void command_init(struct command *c, const struct half *h)
{
    c->argv = g_ptr_array_new_with_free_func(g_free);
    c->fds = g_array_new(FALSE, FALSE, sizeof(int));
    g_ptr_array_add(c->argv, g_strdup(h->program));
}

static void command_free(struct command *c)
{
    g_ptr_array_unref(c->argv);
    g_array_unref(c->fds);
}

static void add(struct command *c, const char *arg)
{
    g_ptr_array_add(c->argv, g_strdup(arg));
}

G_GNUC_PRINTF(2, 3) static void add_printf(struct command *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    g_ptr_array_add(c->argv, g_strdup_vprintf(fmt, ap));
    va_end(ap);
}

static int pass(struct command *c, int fd)
{
    g_array_append_val(c->fds, fd);
    return fd;
}

static void add_fd(struct command *c, const char *option, int fd)
{
    if (fd >= 0) {
        add(c, option);
        add_printf(c, "%d", pass(c, fd));
    }
}

/* Whether a user number means anything here: in a container few do. */
static bool user_exists(unsigned uid)
{
    unsigned inside, outside, count;
    FILE *f = fopen("/proc/self/uid_map", "re");
    bool found = false;
    while (f && !found && fscanf(f, "%u %u %u", &inside, &outside, &count) == 3) {
        found = uid >= inside && uid - inside < count;
    }
    if (f) {
        fclose(f);
    }
    return found;
}

/* Root's halves become users that nobody else is. */
static void add_user(struct command *c, const struct guest *g, const char *option, unsigned half)
{
    unsigned uid = USERS_FIRST + 2 * (unsigned)getpid() + half;
    if (g->o.no_sandbox || geteuid() != 0) {
        return;
    }
    uid = user_exists(uid) ? uid : USER_NOBODY;
    if (user_exists(uid)) {
        add(c, option);
        add_printf(c, "%u:%u", uid, uid);
    }
}

static void hv_command(const struct guest *g, struct command *c, int core_fd, int monitor_fd)
{
    const struct run_options *o = &g->o;
    add(c, "--memory");
    add_printf(c, "%lu", o->memory_mib);
    add(c, "--vcpus");
    add_printf(c, "%lu", o->vcpus);
    add(c, "--firmware-mode");
    add(c, o->firmware_qemu ? "qemu" : "xen");
    add_fd(c, "--loader", g->files.loader);
    if (g->files.loader < 0) {
        add(c, "--loader");
        add(c, "-");
    }
    add_fd(c, "--bios", g->files.bios);
    add_fd(c, "--core-fd", core_fd);
    add_fd(c, "--monitor-fd", monitor_fd);
    add_fd(c, "--log-fd", g->files.log);
    add_fd(c, "--trace-fd", g->files.trace);
    add(c, "--rtc");
    add(c, o->rtc_localtime ? "localtime" : "utc");
    add(c, "--machine");
    add(c, "cleave-1");
    if (o->boot_menu) {
        add(c, "--boot-menu");
    }
    add_user(c, g, "--runas", 0);
    if (o->no_sandbox) {
        add(c, "--no-sandbox");
    }
    for (unsigned i = 0; i < o->verbose; i++) {
        add(c, "-v");
    }
}

static void dm_drives(const struct guest *g, struct command *c)
{
    for (unsigned i = 0; i < g->files.drives; i++) {
        const struct drive *d = &g->files.drive[i];
        const char *media = d->cdrom ? ",media=cdrom" : ",media=disk";
        add(c, "-drive");
        add_printf(c, "if=%s,index=%u%s,format=raw,fd=%d%s", d->floppy ? "floppy" : "ide", d->index,
                   d->floppy ? "" : media, pass(c, d->fd), d->readonly ? ",readonly=on" : "");
    }
}

static void dm_chardev(struct command *c, const char *option, const char *id,
                       const struct console *con)
{
    if (con) {
        add(c, "-chardev");
        add_printf(c, "fd,id=%s,fd=%d", id, pass(c, console_dm_fd(con)));
    }
    if (con || strcmp(option, "-serial") == 0) {
        add(c, option);
        add_printf(c, con ? "chardev:%s" : "none", id);
    }
}

static void dm_command(const struct guest *g, struct command *c, int core_fd, int monitor_fd)
{
    const struct run_options *o = &g->o;
    add(c, "-machine");
    pass(c, core_fd);
    pass(c, g->files.arena);
    GString *machine = g_string_new(NULL);
    g_string_printf(machine, "cleave-1,accel=cleave,firmware-mode=%s,core-fd=%d,arena-fd=%d",
                    o->firmware_qemu ? "qemu" : "xen", core_fd, g->files.arena);
    if (g->files.vram >= 0) {
        g_string_append_printf(machine, ",vram-fd=%d", pass(c, g->files.vram));
    }
    g_ptr_array_add(c->argv, g_string_free(machine, FALSE));
    add(c, "-m");
    add_printf(c, "%lu", o->memory_mib);
    add(c, "-smp");
    add_printf(c, "%lu", o->vcpus);
    dm_drives(g, c);
    add(c, "-vga");
    add(c, o->vga ? "std" : "none");
    add_fd(c, "-bios-fd", g->files.bios);
    add_fd(c, "-vgabios-fd", g->files.vgabios);
    add(c, "-boot");
    add_printf(c, "order=%s,menu=%s", o->boot_order ? o->boot_order : "cda",
               o->boot_menu ? "on" : "off");
    add(c, "-rtc");
    add_printf(c, "base=%s", o->rtc_localtime ? "localtime" : "utc");
    dm_chardev(c, "-serial", "serial0", g->console[0]);
    dm_chardev(c, "-serial", "serial1", g->console[1]);
    dm_chardev(c, "-debugcon", "debugcon", g->console[MAX_SERIALS]);
    if (o->debug_exit) {
        add(c, "-device");
        add(c, "isa-debug-exit,iobase=0x501");
    }
    add_user(c, g, "-runas", 1);
    add(c, "-sandbox");
    add(c, o->no_sandbox ? "off" : "on");
    add(c, "-qmp");
    add_printf(c, "fd:%d", pass(c, monitor_fd));
    if (g->files.log >= 0) {
        add(c, "-log");
        add_printf(c, "fd:%d", pass(c, g->files.log));
    }
    if (o->verbose) {
        add(c, "-v");
    }
}

void halves_find(struct guest *g)
{
    const char *env = g_getenv("CLEAVE_LIBEXEC");
    const char *const dirs[] = {env ? env : program_dir(), env ? NULL : CLEAVE_LIBEXECDIR, NULL};
    struct half *const halves[] = {&g->hv, &g->dm};
    for (unsigned i = 0; i < G_N_ELEMENTS(halves); i++) {
        struct half *h = halves[i];
        for (unsigned d = 0; dirs[d] && !h->path; d++) {
            h->path = g_strdup_printf("%s/%s", dirs[d], h->program);
            if (access(h->path, X_OK) < 0) {
                g_clear_pointer(&h->path, g_free);
            }
        }
        if (!h->path) {
            die("%s is not in %s; build or install it, or set CLEAVE_LIBEXEC", h->program, dirs[0]);
        }
    }
}

/* How a half starts: in a process namespace of its own if the host permits that. */
struct birth {
    const struct half *h;
    const struct command *c;
    int stderr_fd;
    char uid_map[32]; /* for a user namespace, where that is the way to the other */
    char gid_map[32];
};

/*
 * A child that is the first of its process namespace: it sees nobody to signal or trace, and what
 * it might start would end with it. Unlike fork(), 0 in the child comes with no handlers run.
 */
static pid_t half_fork(struct guest *g, bool *new_user)
{
    long pid = -1;
    *new_user = false;
    if (!g->o.no_sandbox) {
        pid = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);
    }
    if (!g->o.no_sandbox && pid < 0) {
        *new_user = true;
        pid = syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);
    }
    if (pid < 0) {
        *new_user = false;
        if (!g->o.no_sandbox) {
            log_info("sandbox: no process namespaces: %s", strerror(errno));
        }
        pid = fork();
    }
    return (pid_t)pid;
}

static void child_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (write(fd, text, strlen(text)) < 0) {
            return; /* without a number of its own it is a stranger there, no more */
        }
        close(fd);
    }
}

/* Whether there is no monitor to read what the half says: it ended before PDEATHSIG was set. */
static bool monitor_gone(int stderr_fd)
{
    struct pollfd p = {stderr_fd, 0, 0};
    return poll(&p, 1, 0) > 0 && (p.revents & POLLERR);
}

/* In the child: only async-signal-safe calls from here to the program. */
_Noreturn static void child_exec(const struct birth *b, bool new_user)
{
    const struct half *h = b->h;
    const struct command *c = b->c;
    sigset_t none;
    if (new_user) {
        child_write("/proc/self/setgroups", "deny");
        child_write("/proc/self/uid_map", b->uid_map);
        child_write("/proc/self/gid_map", b->gid_map);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setsid(); /* the terminal's signals are the monitor's */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null = open("/dev/null", O_RDWR);
    if (monitor_gone(b->stderr_fd) || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
        dup2(b->stderr_fd, 2) < 0) {
        _exit(1);
    }
    for (unsigned i = 0; i < c->fds->len; i++) {
        fcntl(g_array_index(c->fds, int, i), F_SETFD, 0);
    }
    close_range(null, (unsigned)null, 0);
    execv(h->path, (char **)c->argv->pdata);
    const char text[] = "cannot be executed; build or install it again\n";
    if (write(2, h->path, strlen(h->path)) < 0 || write(2, ": ", 2) < 0 ||
        write(2, text, sizeof(text) - 1) < 0) {
        _exit(1);
    }
    _exit(2);
}

static bool half_spawn(struct guest *g, struct half *h, struct command *c)
{
    int pipe_fd[2];
    g_ptr_array_add(c->argv, NULL);
    /* Non-blocking: a monitor that is busy must not hold up a half that has much to say. */
    if (pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK) < 0) {
        guest_say(g, "%s: %s; raise the limit of open files (ulimit -n)", h->program,
                  strerror(errno));
        return false;
    }
    struct birth b = {.h = h, .c = c, .stderr_fd = pipe_fd[1]};
    bool new_user;
    snprintf(b.uid_map, sizeof(b.uid_map), "%u %u 1", geteuid(), geteuid());
    snprintf(b.gid_map, sizeof(b.gid_map), "%u %u 1", getegid(), getegid());
    h->pid = half_fork(g, &new_user);
    if (h->pid == 0) {
        close(pipe_fd[0]);
        child_exec(&b, new_user);
    }
    close(pipe_fd[1]);
    h->stderr_fd = pipe_fd[0];
    h->pidfd = h->pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, h->pid, 0);
    if (h->pidfd < 0) {
        guest_say(g, "%s: cannot be started: %s", h->program, strerror(errno));
        return false;
    }
    fcntl(h->pidfd, F_SETFD, FD_CLOEXEC);
    janitor_tell(g, h->pidfd);
    return true;
}

bool halves_start(struct guest *g)
{
    int core[2], hv[2], dm[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, core) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, hv) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, dm) < 0) {
        guest_say(g, "sockets: %s; raise the limit of open files (ulimit -n)", strerror(errno));
        return false;
    }
    struct command c;
    command_init(&c, &g->hv);
    hv_command(g, &c, core[0], hv[1]);
    bool good = half_spawn(g, &g->hv, &c);
    command_free(&c);
    command_init(&c, &g->dm);
    dm_command(g, &c, core[1], dm[1]);
    good = good && half_spawn(g, &g->dm, &c);
    command_free(&c);
    close(core[0]);
    close(core[1]);
    close(hv[1]);
    close(dm[1]);
    g->hv.qmp_fd = hv[0];
    g->dm.qmp_fd = dm[0];
    for (unsigned i = 0; i < G_N_ELEMENTS(g->console); i++) {
        if (g->console[i]) {
            console_started(g->console[i]);
        }
    }
    return good;
}

static void stderr_say(const char *text, size_t len)
{
    if (len > 0 && write(STDERR_FILENO, text, len) < 0) {
        return; /* nowhere left to say it */
    }
}

void half_stderr(struct guest *g, struct half *h)
{
    char buf[4096];
    ssize_t n;
    while (h->stderr_fd >= 0 && (n = read(h->stderr_fd, buf, sizeof(buf))) != 0) {
        if (n < 0) {
            return;
        }
        if (g->up) {
            stderr_say(buf, (size_t)n);
        } else if (h->errors->len < ERRORS_MAX) {
            g_string_append_len(h->errors, buf, n);
        }
    }
    if (h->stderr_fd >= 0) {
        close(h->stderr_fd);
        h->stderr_fd = -1;
    }
}

void half_errors_flush(struct half *h)
{
    stderr_say(h->errors->str, h->errors->len);
    g_string_truncate(h->errors, 0);
}

bool half_reap(struct half *h)
{
    if (!h->ended && h->pid > 0 && waitpid(h->pid, &h->status, WNOHANG) == h->pid) {
        h->ended = true;
        h->pid = 0;
    }
    return h->ended;
}

bool half_wait(struct guest *g, struct half *h, int ms)
{
    gint64 end = g_get_monotonic_time() + (gint64)ms * 1000;
    while (h->pid > 0 && !half_reap(h)) {
        gint64 left = (end - g_get_monotonic_time()) / 1000;
        struct pollfd p[] = {
            {h->pidfd, POLLIN, 0}, {h->stderr_fd, POLLIN, 0}, {g->signal_fd, POLLIN, 0}};
        int ready = left > 0 ? poll(p, 3, (int)left) : 0;
        if (left <= 0 || (ready > 0 && p[2].revents)) { /* too late, or a second Ctrl-C */
            half_kill(h);
            return false;
        }
        if (ready > 0 && p[1].revents) {
            half_stderr(g, h);
        }
    }
    half_stderr(g, h);
    return true;
}

void half_kill(struct half *h)
{
    if (h->pid > 0) {
        kill(h->pid, SIGKILL);
        h->killed = true;
        if (waitpid(h->pid, &h->status, 0) == h->pid) {
            h->ended = true;
        }
        h->pid = 0;
    }
}

char *half_fate(const struct half *h)
{
    if (WIFSIGNALED(h->status) && WTERMSIG(h->status) == SIGSYS) {
        return g_strdup("was killed by its sandbox: it made a system call that it never needs; "
                        "somebody broke in, or this is a bug");
    }
    if (WIFSIGNALED(h->status)) {
        return g_strdup_printf("was killed by signal %d (%s)", WTERMSIG(h->status),
                               strsignal(WTERMSIG(h->status)));
    }
    return g_strdup_printf("exited with status %d", WEXITSTATUS(h->status));
}
