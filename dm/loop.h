/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device model's only loop: requests from the hypervisor, deadlines of the guest clock, and
 * descriptors. It spins for a bounded, adaptive time before it sleeps, and wakes only for a reason.
 */
#ifndef CLEAVE_DM_LOOP_H
#define CLEAVE_DM_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock.h"
#include "transport.h"

#define LOOP_MAX_WATCHES 96

struct loop_watch {
    int fd;
    void (*ready)(void *opaque, uint32_t events);
    void (*readable)(void *opaque);
    void *opaque;
};

/* Called while spinning: true when it found (and did) work without a system call. */
struct loop_poller {
    bool (*poll)(void *opaque);
    void *opaque;
};

#define LOOP_MAX_DEFERRED 8

struct loop_deferred {
    void (*run)(void *opaque);
    void *opaque;
};

struct loop {
    int epfd;
    bool quit;
    bool running;        /* the guest runs: serve requests and fire deadlines */
    struct transport *t; /* NULL until the machine is connected */
    struct clock *clock; /* likewise */
    struct loop_poller poller;
    uint64_t spin_ns;      /* the current spinning time, adapted */
    uint64_t paused_at;    /* host ns when the guest clock was stopped */
    uint64_t clock_offset; /* host ns - guest ns while running */
    unsigned turns;        /* requests served since all else had its turn */
    unsigned ndeferred;
    struct loop_deferred deferred[LOOP_MAX_DEFERRED];
    struct loop_watch watch[LOOP_MAX_WATCHES];
};

int loop_init(struct loop *l);

/* Host time in ns (CLOCK_MONOTONIC). */
uint64_t loop_host_now(void);

/* The guest clock's time source: stands still unless running. */
uint64_t loop_guest_now(void *loop);

/* While stopped: the guest's time from which it goes on. */
void loop_set_guest_time(struct loop *l, uint64_t guest_ns);

/*
 * Starts and stops guest time and the serving of requests. After a start, guest time goes on where
 * it stopped.
 */
void loop_set_running(struct loop *l, bool running);

/* Watches fd for `events` (EPOLLIN, EPOLLOUT, EPOLLET); 0 events keep it registered but silent.
 * Returns 0 or a negative errno. */
int loop_add(struct loop *l, int fd, uint32_t events, void (*ready)(void *opaque, uint32_t events),
             void *opaque);
int loop_modify(struct loop *l, int fd, uint32_t events);
void loop_remove(struct loop *l, int fd);

/* Has run(opaque) called once, soon: when nothing is ready, or after a bounded number of busy
 * turns. The same pair again before that changes nothing; from within run() it is called once more.
 */
void loop_defer(struct loop *l, void (*run)(void *opaque), void *opaque);

/* For struct transport's `watch`. */
int loop_watch_readable(void *loop, int fd, bool edge, void (*ready)(void *opaque), void *opaque);

/* Waits once for descriptors only (no requests, no deadlines), at most timeout_ms. */
void loop_wait_io(struct loop *l, int timeout_ms);

/* Runs until quit is set. */
void loop_run(struct loop *l);

#endif
