/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spin.h"

#include <stdatomic.h>
#include <time.h>
#include <x86intrin.h>

#include "hv.h"

#define SPIN_NS        30000u   /* a wake-up across CPUs costs more than this */
#define SPIN_FAILURES  8u       /* in a row, before spinning is left off for a while */
#define SPIN_RETRY     32u      /* requests without it */
#define SAMPLE_NS      8000000u /* how often threads' CPU time is looked at */
#define BUSY_PER_MILLE 250u

/* Nanoseconds per cycle, 32-bit fixed point; set before any vCPU runs. */
static uint64_t ns_per_cycle_fp = 1ull << 32;

static uint64_t host_ns(clockid_t clock)
{
    struct timespec t;

    if (clock_gettime(clock, &t) < 0) {
        return 0;
    }
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

void spin_create(struct hv *hv)
{
    uint64_t ns = host_ns(CLOCK_MONOTONIC);
    uint64_t tsc = __rdtsc();

    while (host_ns(CLOCK_MONOTONIC) - ns < 1000000) {
    }
    uint64_t cycles = __rdtsc() - tsc;

    ns = host_ns(CLOCK_MONOTONIC) - ns;
    if (cycles) {
        ns_per_cycle_fp = (uint64_t)(((unsigned __int128)ns << 32) / cycles);
    }
}

uint64_t spin_cycles_to_ns(uint64_t cycles)
{
    return (uint64_t)(((unsigned __int128)cycles * ns_per_cycle_fp) >> 32);
}

static uint64_t ns_to_cycles(uint64_t ns)
{
    return (uint64_t)(((unsigned __int128)ns << 32) / (ns_per_cycle_fp ? ns_per_cycle_fp : 1));
}

/* The device model's thread and every vCPU that has used a good part of the time since the last
 * look. */
static unsigned runnable_threads(struct hv *hv, uint64_t elapsed)
{
    unsigned n = 1;

    for (unsigned i = 0; i < hv->nvcpus; i++) {
        struct vcpu *v = &hv->vcpu[i];
        clockid_t clock;

        if (pthread_getcpuclockid(v->thread, &clock) != 0) {
            continue;
        }
        uint64_t used = host_ns(clock);

        n += (used - v->cpu_seen) * 1000 > elapsed * BUSY_PER_MILLE;
        v->cpu_seen = used;
    }
    return n;
}

/* Looked at by whoever comes first after the interval; costs a few system calls per 8 ms of busy
 * guest and nothing when idle. */
static void sample_threads(struct hv *hv)
{
    struct hv_route *r = &hv->route;
    uint64_t now = __rdtsc();
    uint64_t last = atomic_load_explicit(&r->sampled, memory_order_relaxed);

    if (now - last < ns_to_cycles(SAMPLE_NS) ||
        !atomic_compare_exchange_strong(&r->sampled, &last, now)) {
        return;
    }
    bool spin = runnable_threads(hv, spin_cycles_to_ns(now - last)) <= r->cpus;

    atomic_store(&r->may_spin, spin);
    for (unsigned i = 0; i < ROUTE_MAX_SERVERS; i++) {
        if (atomic_load(&r->server[i].enabled)) {
            r->server[i].side->dm_idle_cpus = spin;
        }
    }
}

uint64_t spin_limit(struct vcpu *vcpu)
{
    struct hv_route *r = &vcpu->hv->route;

    if (r->cpus < 2) {
        return 0;
    }
    if (r->cpus <= vcpu->hv->nvcpus) {
        sample_threads(vcpu->hv);
    }
    if (!atomic_load_explicit(&r->may_spin, memory_order_relaxed)) {
        return 0;
    }
    if (vcpu->spin_skip) {
        vcpu->spin_skip--;
        return 0;
    }
    return ns_to_cycles(SPIN_NS);
}

void spin_succeeded(struct vcpu *vcpu)
{
    vcpu->spin_failures = 0;
}

void spin_failed(struct vcpu *vcpu)
{
    if (++vcpu->spin_failures >= SPIN_FAILURES) {
        vcpu->spin_failures = SPIN_FAILURES / 2;
        vcpu->spin_skip = SPIN_RETRY;
    }
}
