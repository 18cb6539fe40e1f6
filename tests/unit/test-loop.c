/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The device model's loop: deferred work. */
#include <glib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/clock.h"
#include "loop.h"

#define PATIENCE_S 2

struct rig {
    struct loop loop;
    int timer;  /* ends a loop that sleeps */
    bool slept; /* it had to */
    unsigned first, second;
};

static void patience_ends(void *opaque, uint32_t events)
{
    struct rig *r = opaque;

    r->slept = true;
    r->loop.quit = true;
}

static void rig_init(struct rig *r)
{
    const struct itimerspec when = {.it_value = {.tv_sec = PATIENCE_S}};

    memset(r, 0, sizeof(*r));
    g_assert_cmpint(loop_init(&r->loop), ==, 0);
    r->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    g_assert_cmpint(timerfd_settime(r->timer, 0, &when, NULL), ==, 0);
    g_assert_cmpint(loop_add(&r->loop, r->timer, EPOLLIN, patience_ends, r), ==, 0);
}

static void rig_destroy(struct rig *r)
{
    close(r->timer);
    close(r->loop.epfd);
}

static void count_second(void *opaque)
{
    struct rig *r = opaque;

    r->second++;
    r->loop.quit = true;
}

static void defer_second(void *opaque)
{
    struct rig *r = opaque;

    r->first++;
    loop_defer(&r->loop, count_second, r);
}

/* Work that defers other work: that is done before the loop sleeps. */
static void test_other(void)
{
    struct rig r;

    rig_init(&r);
    loop_defer(&r.loop, defer_second, &r);
    loop_defer(&r.loop, defer_second, &r);
    loop_run(&r.loop);
    g_assert_false(r.slept);
    g_assert_cmpuint(r.first, ==, 1);
    g_assert_cmpuint(r.second, ==, 1);
    rig_destroy(&r);
}

static void again(void *opaque)
{
    struct rig *r = opaque;

    r->loop.quit = ++r->first == 3;
    loop_defer(&r->loop, again, r);
}

/* Work that defers itself is done again. */
static void test_itself(void)
{
    struct rig r;

    rig_init(&r);
    loop_defer(&r.loop, again, &r);
    loop_run(&r.loop);
    g_assert_false(r.slept);
    g_assert_cmpuint(r.first, ==, 3);
    rig_destroy(&r);
}

/* vCPUs that never stop asking. */
static bool always(void *opaque)
{
    struct rig *r = opaque;

    r->loop.quit |= ++r->first == 100000;
    return true;
}

static void told(void *opaque, uint32_t events)
{
    ((struct rig *)opaque)->loop.quit = true;
}

static void due(void *opaque)
{
    ((struct rig *)opaque)->second++;
}

/* Requests without end keep neither descriptors nor deadlines waiting. */
static void test_busy(void)
{
    struct rig r;
    static uint8_t memory[4096];
    struct arena arena;
    struct clock clock = {.now = loop_guest_now, .opaque = &r.loop};
    int pipes[2];

    rig_init(&r);
    arena_init(&arena, memory, sizeof(memory));
    g_assert_cmpint(clock_init(&clock, &arena, "clock"), ==, 0);
    clock_timer_set(&clock, clock_timer_new(&clock, due, &r), 0);
    r.loop.clock = &clock;
    r.loop.running = true;
    r.loop.clock_offset = loop_host_now();
    g_assert_cmpint(pipe(pipes), ==, 0);
    g_assert_cmpint(loop_add(&r.loop, pipes[0], EPOLLIN, told, &r), ==, 0);
    g_assert_cmpint(write(pipes[1], "x", 1), ==, 1);
    r.loop.poller.poll = always;
    r.loop.poller.opaque = &r;
    loop_run(&r.loop);
    g_assert_cmpuint(r.first, <, 100000);
    g_assert_cmpuint(r.second, ==, 1);
    close(pipes[0]);
    close(pipes[1]);
    rig_destroy(&r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/loop/deferred-defers-other", test_other);
    g_test_add_func("/loop/deferred-defers-itself", test_itself);
    g_test_add_func("/loop/busy", test_busy);
    return g_test_run();
}
