/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor: one loop over the halves' sockets and deaths, the control socket, the consoles,
 * signals and the deadline. It sleeps until one of them has something to say.
 */
#include "monitor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control.h"
#include "disks.h"
#include "log.h"
#include "picture.h"
#include "spawn.h"

#define START_MS    120000 /* large guests take time to get their memory */
#define START_STEP  250
#define CALL_MS     15000
#define FATE_MS     1000  /* between a closed socket and the process's end */
#define FLUSH_MS    60000 /* a disk may be slow */
#define QUIT_MS     3000
#define DRAIN_MS    2000
#define MAX_WATCHES 64

/* Something to wait for. `fn` may end the guest but frees nothing else's data. */
struct watch {
    struct pollfd *p;
    void (*fn)(struct guest *g, void *arg, const struct pollfd *p);
    void *arg;
};

struct loop {
    struct pollfd p[MAX_WATCHES];
    struct watch watch[MAX_WATCHES];
    unsigned fds;
    unsigned watches;
    int listen_fd;
};

void guest_say(struct guest *g, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    g_autofree char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    fprintf(stderr, "cleave: %s\n", text);
    if (g->files.log >= 0) {
        log_error("%s", text);
    }
}

void guest_end(struct guest *g, int status, const char *fmt, ...)
{
    if (g->ending.over) {
        return;
    }
    g->ending.over = true;
    g->ending.status = status;
    if (fmt) {
        va_list ap;
        va_start(ap, fmt);
        g_autofree char *text = g_strdup_vprintf(fmt, ap);
        va_end(ap);
        guest_say(g, "%s", text);
    }
}

/* Commands to the halves. */

static bool call(struct half *h, const char *command, GError **error)
{
    json_t *n = NULL;
    if (h->qmp) {
        n = qmp_call(h->qmp, command, NULL, NULL, NULL, CALL_MS, error);
    } else {
        qmp_set_error(error, QMP_GENERIC_ERROR, "the connection was closed");
    }
    if (!n) {
        g_prefix_error(error, "%s: %s: ", h->program, command);
        return false;
    }
    json_decref(n);
    return true;
}

bool guest_stop(struct guest *g, GError **error)
{
    g->running = false;
    return call(&g->hv, "stop", error) && call(&g->dm, "stop", error);
}

bool guest_cont(struct guest *g, GError **error)
{
    if (!call(&g->dm, "cont", error)) {
        return false;
    }
    g->running = true; /* the guest may end before the core's answer is read */
    bool good = call(&g->hv, "cont", error);
    g->running = g->running && good;
    return good;
}

bool guest_reset(struct guest *g, GError **error)
{
    g->reset_wanted = false;
    return call(&g->dm, "system_reset", error) && call(&g->hv, "system_reset", error) &&
           (g->paused || guest_cont(g, error));
}

/* What the halves tell. Only noted here, since it may come in the middle of a command. */

static void dm_gone(struct guest *g)
{
    half_wait(g, &g->dm, FATE_MS);
    g_autofree char *fate = half_fate(&g->dm);
    guest_end(g, STATUS_KILLED, "cleave-dm %s; guest %s ended", fate, g->name);
}

static void shutdown_handle(struct guest *g, const char *reason, const char *detail)
{
    g->running = false;
    if (strcmp(reason, "reset") == 0) {
        g->reset_wanted = true;
    } else if (strcmp(reason, "debug-exit") == 0) {
        g->debug_exit = true;
    } else if (strcmp(reason, "poweroff") == 0) {
        guest_end(g, STATUS_POWEROFF, NULL);
    } else if (strcmp(reason, "suspend") == 0) {
        guest_end(g, STATUS_POWEROFF, "guest %s suspended itself; it was ended", g->name);
    } else if (strcmp(reason, "crash") == 0) {
        guest_end(g, STATUS_CRASH, "guest %s reported a crash%s%s", g->name, *detail ? ": " : "",
                  detail);
    } else if (strcmp(reason, "triple-fault") == 0) {
        const char *title = g_str_has_prefix(detail, "triple fault") ? "" : "triple fault: ";
        guest_end(g, STATUS_TRIPLE_FAULT, "guest %s: %s%s", g->name, title, detail);
    } else if (strcmp(reason, "dm-gone") == 0) {
        dm_gone(g);
    } else if (strcmp(reason, "internal-error") == 0) {
        guest_end(g, STATUS_INTERNAL, "guest %s: internal error: %s", g->name, detail);
    } else {
        guest_end(g, STATUS_INTERNAL, "guest %s: %s: %s", g->name, reason, detail);
    }
}

static void hv_event(void *opaque, const char *event, json_t *data)
{
    if (strcmp(event, "SHUTDOWN") == 0) {
        shutdown_handle(opaque, qmp_member_string(data, "reason", ""),
                        qmp_member_string(data, "detail", ""));
    }
}

static void dm_event(void *opaque, const char *event, json_t *data)
{
    struct guest *g = opaque;
    json_t *n = json_object_get(data, "value");
    if (strcmp(event, "DEBUG_EXIT") == 0 && json_is_integer(n)) {
        g->debug_value = (int)(json_integer_value(n) & 0xffffffff) & 0x7fffffff;
    }
}

/* Start. */

/* The one that was killed; else a half that refused its settings and has said why; else anybody. */
static struct half *start_culprit(struct guest *g)
{
    struct half *const halves[] = {&g->hv, &g->dm};
    struct half *best = &g->hv;
    int best_rank = -1;
    for (unsigned i = 0; i < G_N_ELEMENTS(halves); i++) {
        struct half *h = halves[i];
        int rank = 0;
        if (h->ended && !h->killed) {
            bool refused = WIFEXITED(h->status) && WEXITSTATUS(h->status) == STATUS_SETTING;
            rank = WIFSIGNALED(h->status) ? 3 : refused && h->errors->len > 0 ? 2 : 1;
        }
        if (rank > best_rank) {
            best_rank = rank;
            best = h;
        }
    }
    return best;
}

static void start_failed(struct guest *g)
{
    half_wait(g, &g->hv, START_STEP);
    half_wait(g, &g->dm, START_STEP);
    struct half *h = start_culprit(g);
    bool said = h->errors->len > 0;
    half_errors_flush(h);
    if (said && WIFEXITED(h->status) && WEXITSTATUS(h->status) == STATUS_SETTING) {
        guest_end(g, STATUS_SETTING, NULL);
        return;
    }
    g_autofree char *fate = half_fate(h);
    guest_end(g, STATUS_INTERNAL, "%s %s before guest %s ran", h->program, fate, g->name);
}

/* Waits until `h` speaks. False: a half ended, or too late. */
static bool half_connect(struct guest *g, struct half *h, gint64 deadline)
{
    struct half *other = h == &g->hv ? &g->dm : &g->hv;
    GError *error = NULL;
    struct pollfd p[] = {{h->qmp_fd, POLLIN, 0}, {h->pidfd, POLLIN, 0}, {other->pidfd, POLLIN, 0}};
    int left = (int)((deadline - g_get_monotonic_time() + 999) / 1000);
    if (poll(p, 3, MAX(left, 0)) <= 0 || p[1].revents || p[2].revents) {
        return false;
    }
    h->qmp = qmp_client_new(h->qmp_fd, h == &g->hv ? hv_event : dm_event, g, CALL_MS, &error);
    g_clear_error(&error);
    return h->qmp != NULL;
}

static bool half_up(struct guest *g, struct half *h, gint64 deadline)
{
    while (half_connect(g, h, deadline)) {
        GError *error = NULL;
        json_t *n = NULL;
        do {
            g_clear_error(&error);
            n = qmp_call(h->qmp, "query-status", NULL, NULL, NULL, START_STEP, &error);
        } while (!n && g_error_matches(error, qmp_error(), QMP_TIMED_OUT) &&
                 g_get_monotonic_time() < deadline && !half_reap(&g->hv) && !half_reap(&g->dm));
        g_clear_error(&error);
        if (n) {
            json_decref(n);
        }
        return n != NULL;
    }
    return false;
}

static void start(struct guest *g)
{
    gint64 deadline = g_get_monotonic_time() + START_MS * 1000ll;
    if (g->deadline && g->deadline < deadline) {
        deadline = g->deadline;
    }
    if (!janitor_start(g) || !halves_start(g)) {
        guest_end(g, STATUS_INTERNAL, NULL);
        return;
    }
    if (!half_up(g, &g->hv, deadline) || !half_up(g, &g->dm, deadline)) {
        if (g_get_monotonic_time() >= deadline) {
            bool user = deadline == g->deadline;
            guest_end(g, user ? STATUS_TIMEOUT : STATUS_INTERNAL,
                      "guest %s did not start within %.3g seconds", g->name,
                      user ? g->o.timeout : START_MS / 1000.0);
        } else {
            start_failed(g);
        }
        return;
    }
    g->up = true;
    half_errors_flush(&g->hv);
    half_errors_flush(&g->dm);
    for (unsigned i = 0; i < G_N_ELEMENTS(g->console); i++) {
        if (g->console[i]) {
            console_raw(g->console[i]);
        }
    }
    GError *error = NULL;
    if (!guest_cont(g, &error) && !g->ending.over) {
        guest_end(g, STATUS_INTERNAL, "guest %s cannot run: %s", g->name, error->message);
    }
    g_clear_error(&error);
}

/* The loop. */

static struct pollfd *watch_add(struct loop *l, unsigned n, void *arg,
                                void (*fn)(struct guest *g, void *arg, const struct pollfd *p))
{
    if (l->fds + n > MAX_WATCHES) {
        return NULL;
    }
    struct pollfd *p = &l->p[l->fds];
    l->watch[l->watches++] = (struct watch){p, fn, arg};
    l->fds += n;
    return p;
}

static void watch_fd(struct loop *l, int fd, short events, void *arg,
                     void (*fn)(struct guest *g, void *arg, const struct pollfd *p))
{
    struct pollfd *p = fd >= 0 ? watch_add(l, 1, arg, fn) : NULL;
    if (p) {
        *p = (struct pollfd){.fd = fd, .events = events};
    }
}

static short qmp_events(const struct qmp *q)
{
    return (short)(POLLIN | (qmp_wants_write(q) ? POLLOUT : 0));
}

/*
 * A closed socket is a death, or as bad. A half that gave up since the other one was killed is not
 * the one to name.
 */
static void half_died(struct guest *g, struct half *h)
{
    struct half *other = h == &g->hv ? &g->dm : &g->hv;
    bool by_itself = half_wait(g, h, FATE_MS);
    if (by_itself && !WIFSIGNALED(h->status) && half_reap(other) && WIFSIGNALED(other->status)) {
        h = other;
    }
    g_autofree char *fate = by_itself ? half_fate(h) : g_strdup("closed its monitor socket");
    guest_end(g, STATUS_KILLED, "%s %s; guest %s ended", h->program, fate, g->name);
}

static void on_half(struct guest *g, void *arg, const struct pollfd *p)
{
    struct half *h = arg;
    if (h->qmp && !qmp_process(h->qmp)) {
        half_died(g, h);
    }
}

static void on_half_end(struct guest *g, void *arg, const struct pollfd *p)
{
    half_died(g, arg);
}

static void on_stderr(struct guest *g, void *arg, const struct pollfd *p)
{
    half_stderr(g, arg);
}

static void on_console(struct guest *g, void *arg, const struct pollfd *p)
{
    if (!console_handle(arg, p)) {
        guest_end(g, STATUS_POWEROFF, NULL);
    }
}

static void on_listen(struct guest *g, void *arg, const struct pollfd *p)
{
    control_accept(g, p->fd);
}

static void on_client(struct guest *g, void *arg, const struct pollfd *p)
{
    control_process(g, arg);
}

static void on_signal(struct guest *g, void *arg, const struct pollfd *p)
{
    struct signalfd_siginfo s;
    if (read(p->fd, &s, sizeof(s)) == sizeof(s)) {
        guest_end(g, STATUS_KILLED, "guest %s was ended by signal %u (%s)", g->name, s.ssi_signo,
                  strsignal((int)s.ssi_signo));
    }
}

/* Sockets come before deaths: what a half said last counts. */
static void watches_collect(struct guest *g, struct loop *l)
{
    struct half *const halves[] = {&g->hv, &g->dm};
    l->fds = l->watches = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(halves); i++) {
        struct half *h = halves[i];
        watch_fd(l, qmp_fd(h->qmp), qmp_events(h->qmp), h, on_half);
        watch_fd(l, h->stderr_fd, POLLIN, h, on_stderr);
    }
    watch_fd(l, g->hv.pidfd, POLLIN, &g->hv, on_half_end);
    watch_fd(l, g->dm.pidfd, POLLIN, &g->dm, on_half_end);
    watch_fd(l, g->signal_fd, POLLIN, NULL, on_signal);
    for (unsigned i = 0; i < G_N_ELEMENTS(g->console); i++) {
        struct console *c = g->console[i];
        struct pollfd *p = c ? watch_add(l, CONSOLE_FDS, c, on_console) : NULL;
        if (p) {
            console_poll(c, p);
        }
    }
    watch_fd(l, l->listen_fd, POLLIN, NULL, on_listen);
    for (unsigned i = 0; i < g->clients->len; i++) {
        struct qmp *q = g_ptr_array_index(g->clients, i);
        watch_fd(l, qmp_fd(q), qmp_events(q), q, on_client);
    }
}

static bool watch_ready(const struct watch *w)
{
    unsigned n = w->fn == on_console ? CONSOLE_FDS : 1;
    for (unsigned i = 0; i < n; i++) {
        if (w->p[i].fd >= 0 && w->p[i].revents) {
            return true;
        }
    }
    return false;
}

/* The device model's event follows the core's, or comes first. */
static void debug_exit_handle(struct guest *g)
{
    struct pollfd p = {.fd = qmp_fd(g->dm.qmp), .events = POLLIN};
    gint64 end = g_get_monotonic_time() + CALL_MS * 1000ll;
    while (g->debug_value < 0 && g_get_monotonic_time() < end && poll(&p, 1, CALL_MS) > 0) {
        if (!qmp_process(g->dm.qmp)) {
            break;
        }
    }
    if (g->debug_value < 0) {
        guest_end(g, STATUS_INTERNAL, "guest %s: debug exit without a value", g->name);
    } else {
        guest_end(g, (g->debug_value * 2 + 1) & 0xff, NULL);
    }
}

/* What was noted while messages were handled. */
static void notes_handle(struct guest *g)
{
    GError *error = NULL;
    if (g->ending.over) {
        return;
    }
    if (g->debug_exit || g->debug_value >= 0) {
        debug_exit_handle(g);
    } else if (g->reset_wanted && !guest_reset(g, &error)) {
        if (!half_reap(&g->hv) && !half_reap(&g->dm)) {
            guest_end(g, STATUS_INTERNAL, "guest %s cannot be reset: %s", g->name, error->message);
        }
    }
    g_clear_error(&error);
    if (g->deadline && g_get_monotonic_time() >= g->deadline) {
        guest_end(g, STATUS_TIMEOUT, "guest %s reached its timeout of %g seconds", g->name,
                  g->o.timeout);
    }
}

static int poll_timeout(const struct guest *g)
{
    if (!g->deadline) {
        return -1;
    }
    gint64 left = (g->deadline - g_get_monotonic_time() + 999) / 1000;
    return (int)CLAMP(left, 0, G_MAXINT);
}

static void loop_run(struct guest *g, struct loop *l)
{
    notes_handle(g);
    while (!g->ending.over) {
        watches_collect(g, l);
        if (poll(l->p, l->fds, poll_timeout(g)) < 0 && errno != EINTR) {
            guest_end(g, STATUS_INTERNAL, "poll: %s", strerror(errno));
            return;
        }
        for (unsigned i = 0; i < l->watches && !g->ending.over; i++) {
            if (watch_ready(&l->watch[i])) {
                l->watch[i].fn(g, l->watch[i].arg, l->watch[i].p);
            }
        }
        notes_handle(g);
    }
}

/* End. */

static void screenshot(struct guest *g)
{
    GError *error = NULL;
    struct qmp_fds fds = {.n = 0};
    json_t *n = NULL;
    if (g->dm.qmp && !half_reap(&g->dm)) {
        n = qmp_call(g->dm.qmp, "screendump", NULL, NULL, &fds, CALL_MS, &error);
    } else {
        qmp_set_error(&error, QMP_GENERIC_ERROR, "cleave-dm is gone");
    }
    if (!n || !picture_save(g->o.screenshot, n, fds.n > 0 ? fds.fd[0] : -1, &error)) {
        guest_say(g, "--screenshot %s: not written: %s", g->o.screenshot, error->message);
    }
    g_clear_error(&error);
    g_clear_pointer(&n, json_decref);
    for (unsigned i = 0; i < fds.n; i++) {
        close(fds.fd[i]);
    }
}

/* Asks a half to go, and sees to it. */
static void half_quit(struct guest *g, struct half *h, int ms)
{
    if (h->qmp && !half_reap(h)) {
        GError *error = NULL;
        json_t *n = qmp_call(h->qmp, "quit", NULL, NULL, NULL, ms, &error);
        g_clear_error(&error);
        g_clear_pointer(&n, json_decref);
        if (!half_wait(g, h, ms)) {
            guest_say(g, "%s did not end when asked; it was killed", h->program);
        }
    }
    half_kill(h);
    half_stderr(g, h);
}

static void finish(struct guest *g)
{
    if (g->up) {
        GError *error = NULL;
        if (g->running && !half_reap(&g->hv)) {
            call(&g->hv, "stop", &error);
            g_clear_error(&error);
        }
        if (g->o.screenshot) {
            screenshot(g);
        }
        bool alive = !half_reap(&g->dm) && !half_reap(&g->hv); /* it may give up without a core */
        half_quit(g, &g->dm, FLUSH_MS);
        if (alive && g->dm.status != 0) {
            g_autofree char *fate = half_fate(&g->dm);
            guest_say(g, "cleave-dm %s while it flushed the disks", fate);
            g->ending.status = g->ending.status ? g->ending.status : STATUS_INTERNAL;
        }
        if (alive && g->dm.status == 0) {
            drives_unlock(&g->files);
        }
        half_quit(g, &g->hv, QUIT_MS);
    }
    half_kill(&g->dm);
    half_kill(&g->hv);
    for (unsigned i = 0; i < G_N_ELEMENTS(g->console); i++) {
        if (g->console[i]) {
            console_drain(g->console[i], DRAIN_MS);
        }
    }
}

static int signals_take(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGQUIT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int monitor_run(struct guest *g)
{
    struct loop l = {.listen_fd = -1};
    g->debug_value = -1;
    g->clients = g_ptr_array_new_with_free_func((GDestroyNotify)qmp_free);
    g->deadline =
        g->o.timeout > 0 ? g_get_monotonic_time() + (gint64)(g->o.timeout * G_USEC_PER_SEC) : 0;
    l.listen_fd = rundir_listen(&g->rundir);
    start(g);
    g->signal_fd = signals_take();
    loop_run(g, &l);
    finish(g);
    return g->ending.status;
}
