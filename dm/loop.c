/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define SPIN_MAX_NS 200000u /* longest time to spin for a request */
#define SPIN_MIN_NS 4000u   /* first step up from not spinning at all */
#define SPIN_ROUND  64      /* loads between two looks at the time */
#define MAX_EVENTS  16
#define BUSY_TURNS  256 /* all else waits no longer than this for vCPUs that keep asking */

uint64_t loop_host_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t loop_guest_now(void *loop)
{
    const struct loop *l = loop;

    return (l->running ? loop_host_now() : l->paused_at) - l->clock_offset;
}

void loop_set_guest_time(struct loop *l, uint64_t guest_ns)
{
    l->clock_offset = l->paused_at - guest_ns;
}

void loop_set_running(struct loop *l, bool running)
{
    uint64_t now = loop_host_now();

    if (running == l->running) {
        return;
    }
    if (running) {
        l->clock_offset += now - l->paused_at;
    } else {
        l->paused_at = now;
    }
    l->running = running;
}

int loop_init(struct loop *l)
{
    memset(l, 0, sizeof(*l));
    for (unsigned i = 0; i < LOOP_MAX_WATCHES; i++) {
        l->watch[i].fd = -1;
    }
    l->paused_at = l->clock_offset = loop_host_now();
    l->spin_ns = SPIN_MAX_NS;
    l->epfd = epoll_create1(EPOLL_CLOEXEC);
    return l->epfd < 0 ? -errno : 0;
}

static struct loop_watch *loop_find(struct loop *l, int fd)
{
    for (unsigned i = 0; i < LOOP_MAX_WATCHES; i++) {
        if (l->watch[i].fd == fd) {
            return &l->watch[i];
        }
    }
    return NULL;
}

static int loop_register(struct loop *l, const struct loop_watch *w, uint32_t events)
{
    struct loop_watch *slot = loop_find(l, -1);
    struct epoll_event ev = {.events = events, .data.ptr = slot};

    if (!slot) {
        return -ENOSPC;
    }
    *slot = *w;
    if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, w->fd, &ev) < 0) {
        slot->fd = -1;
        return -errno;
    }
    return 0;
}

int loop_add(struct loop *l, int fd, uint32_t events, void (*ready)(void *opaque, uint32_t events),
             void *opaque)
{
    return loop_register(l, &(struct loop_watch){.fd = fd, .ready = ready, .opaque = opaque},
                         events);
}

int loop_watch_readable(void *loop, int fd, bool edge, void (*ready)(void *opaque), void *opaque)
{
    return loop_register(loop, &(struct loop_watch){.fd = fd, .readable = ready, .opaque = opaque},
                         EPOLLIN | (edge ? (uint32_t)EPOLLET : 0));
}

int loop_modify(struct loop *l, int fd, uint32_t events)
{
    struct loop_watch *w = loop_find(l, fd);
    struct epoll_event ev = {.events = events, .data.ptr = w};

    if (!w) {
        return -ENOENT;
    }
    return epoll_ctl(l->epfd, EPOLL_CTL_MOD, fd, &ev) < 0 ? -errno : 0;
}

void loop_remove(struct loop *l, int fd)
{
    struct loop_watch *w = loop_find(l, fd);

    if (w) {
        epoll_ctl(l->epfd, EPOLL_CTL_DEL, fd, NULL);
        w->fd = -1;
    }
}

void loop_defer(struct loop *l, void (*run)(void *opaque), void *opaque)
{
    for (unsigned i = 0; i < l->ndeferred; i++) {
        if (l->deferred[i].run == run && l->deferred[i].opaque == opaque) {
            return;
        }
    }
    if (l->ndeferred == LOOP_MAX_DEFERRED) {
        run(opaque);
        return;
    }
    l->deferred[l->ndeferred++] = (struct loop_deferred){run, opaque};
}

/* What is deferred anew on the way waits for the next time. */
static void loop_run_deferred(struct loop *l)
{
    struct loop_deferred todo[LOOP_MAX_DEFERRED];
    unsigned n = l->ndeferred;

    memcpy(todo, l->deferred, n * sizeof(todo[0]));
    l->ndeferred = 0;
    for (unsigned i = 0; i < n; i++) {
        todo[i].run(todo[i].opaque);
    }
}

/* Waits for descriptors; ts NULL waits for ever. */
static void loop_wait(struct loop *l, const struct timespec *ts)
{
    struct epoll_event ev[MAX_EVENTS];
    int n = epoll_pwait2(l->epfd, ev, MAX_EVENTS, ts, NULL);

    if (n < 0 && errno == ENOSYS) { /* kernels before 5.11 */
        int ms = ts ? (int)(ts->tv_sec * 1000 + (ts->tv_nsec + 999999) / 1000000) : -1;

        n = epoll_wait(l->epfd, ev, MAX_EVENTS, ms);
    }
    for (int i = 0; i < n; i++) {
        struct loop_watch *w = ev[i].data.ptr;

        if (w->fd < 0) {
            continue; /* removed by an earlier callback of this round */
        }
        if (w->ready) {
            w->ready(w->opaque, ev[i].events);
        } else {
            w->readable(w->opaque);
        }
    }
}

void loop_wait_io(struct loop *l, int timeout_ms)
{
    struct timespec ts = {timeout_ms / 1000, (timeout_ms % 1000) * 1000000L};

    loop_wait(l, &ts);
}

/* Requests and completions that can be had without a system call. */
static bool loop_serve(struct loop *l)
{
    bool worked = false;

    if (l->poller.poll) {
        worked = l->poller.poll(l->poller.opaque);
    }
    if (l->running && l->t && l->t->ops->poll(l->t)) {
        worked = true;
    }
    return worked;
}

/* Guest ns until the earliest deadline; CLOCK_NEVER if there is none or time stands still. */
static uint64_t loop_time_left(struct loop *l)
{
    uint64_t next = l->running && l->clock ? clock_next(l->clock) : CLOCK_NEVER;

    if (next == CLOCK_NEVER) {
        return CLOCK_NEVER;
    }
    uint64_t now = loop_guest_now(l);

    return next > now ? next - now : 0;
}

/* Spins for at most the adapted time. True when work turned up. */
static bool loop_spin(struct loop *l, uint64_t start)
{
    if (!l->running || !l->t || !l->spin_ns || !l->t->ops->may_spin(l->t)) {
        return false;
    }
    do {
        for (int i = 0; i < SPIN_ROUND; i++) {
            if (l->t->ops->pending(l->t)) {
                return true;
            }
            __builtin_ia32_pause();
        }
        if (l->poller.poll && l->poller.poll(l->poller.opaque)) {
            return true;
        }
    } while (loop_host_now() - start < l->spin_ns);
    return false;
}

/*
 * After a sleep: would spinning a little longer have caught what woke us? The same rule as the
 * kernel's halt polling: grow after short sleeps, shrink after long ones.
 */
static void loop_adapt(struct loop *l, uint64_t waited)
{
    if (waited < SPIN_MAX_NS) {
        l->spin_ns = l->spin_ns < SPIN_MIN_NS ? SPIN_MIN_NS : l->spin_ns * 2;
        l->spin_ns = l->spin_ns > SPIN_MAX_NS ? SPIN_MAX_NS : l->spin_ns;
    } else {
        l->spin_ns = l->spin_ns / 2 < SPIN_MIN_NS ? 0 : l->spin_ns / 2;
    }
}

/* Waits for whatever comes next: a request, a descriptor, a deadline. */
static void loop_sleep(struct loop *l, uint64_t start, uint64_t left)
{
    bool serving = l->running && l->t;
    struct timespec ts = {(time_t)(left / NS_PER_S), (long)(left % NS_PER_S)};

    if (serving && !l->t->ops->prepare_sleep(l->t)) {
        return;
    }
    loop_wait(l, left == CLOCK_NEVER ? NULL : &ts);
    if (serving) {
        l->t->ops->awake(l->t);
    }
    loop_adapt(l, loop_host_now() - start);
}

/* Several vCPUs can see to it that there always is a request: all else gets its turn. */
static void loop_look_around(struct loop *l)
{
    l->turns = 0;
    loop_run_deferred(l);
    if (loop_time_left(l) == 0) {
        clock_run(l->clock);
    }
    loop_wait_io(l, 0);
}

void loop_run(struct loop *l)
{
    while (!l->quit) {
        if (loop_serve(l)) {
            if (++l->turns >= BUSY_TURNS) {
                loop_look_around(l);
            }
            continue;
        }
        if (l->ndeferred) {
            loop_run_deferred(l);
        }
        uint64_t start = loop_host_now();
        uint64_t left = loop_time_left(l);

        if (left == 0) {
            clock_run(l->clock);
            continue;
        }
        if (l->quit || l->ndeferred) {
            continue; /* deferred work wants the end, or deferred more: not to be slept over */
        }
        if (left > l->spin_ns && loop_spin(l, start)) {
            continue;
        }
        loop_sleep(l, start, left);
    }
}
