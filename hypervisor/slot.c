/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One synchronous request: through the vCPU's slot to the device model and back. Contract section
 * 1.3; include/cleave_core.h tells about sleeping and waking.
 *
 * The page is shared with a process that is not trusted: every field is read once, and a state that
 * no device model may store ends this guest and nothing else.
 */
#include "hv.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

#include "log.h"
#include "spin.h"
#include "trace.h"
#include "vcpu.h"

#define SLOT_STATE_OFFSET 30
#define FLAG_IS_PTR       0x10u
#define FLAG_READ         0x20u
#define FLAG_DF           0x40u

static volatile uint8_t *slot_state(struct ioreq_server *s, unsigned vcpu)
{
    return (volatile uint8_t *)&s->slot[vcpu] + SLOT_STATE_OFFSET;
}

static uint8_t access_flags(const struct access *a)
{
    return (uint8_t)((a->is_ptr ? FLAG_IS_PTR : 0) | (a->write ? 0 : FLAG_READ) |
                     (a->df ? FLAG_DF : 0));
}

/* False: the slot is not the core's to use, which only a wrong device model brings about. */
static bool slot_fill(struct ioreq_server *s, unsigned n, const struct access *a)
{
    volatile struct ioreq *slot = &s->slot[n];
    volatile uint8_t *state = slot_state(s, n);

    if ((__atomic_load_n(state, __ATOMIC_ACQUIRE) & 0xf) != STATE_IOREQ_NONE ||
        slot->vp_eport != n + 1) {
        return false;
    }
    slot->addr = a->addr;
    slot->data = a->data;
    slot->count = a->count;
    slot->size = a->size;
    ((volatile uint8_t *)slot)[SLOT_STATE_OFFSET + 1] = a->type;
    __atomic_store_n(state, (uint8_t)(access_flags(a) | STATE_IOREQ_READY), __ATOMIC_RELEASE);
    return true;
}

static void wait_enter(struct vcpu *vcpu, bool waiting)
{
    struct hv *hv = vcpu->hv;

    pthread_mutex_lock(&hv->run.lock);
    vcpu->waiting = waiting;
    if (waiting) {
        pthread_cond_broadcast(&hv->run.changed);
    }
    pthread_mutex_unlock(&hv->run.lock);
}

/* Sleeps until something may have changed. */
static void wait_sleep(struct vcpu *vcpu, struct ioreq_server *s, uint8_t seen)
{
    uint32_t *sleeping = &s->side->vcpu[vcpu->id].core_sleeping;
    struct pollfd p = {.fd = vcpu->wake_fd, .events = POLLIN};
    uint64_t count;

    __atomic_store_n(sleeping, 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    uint8_t state = __atomic_load_n(slot_state(s, vcpu->id), __ATOMIC_ACQUIRE) & 0xf;

    if (state == seen && poll(&p, 1, -1) > 0 && read(vcpu->wake_fd, &count, sizeof(count)) < 0) {
        log_debug("vCPU %u: spurious wake-up", vcpu->id);
    }
    __atomic_store_n(sleeping, 0, __ATOMIC_RELAXED);
}

/* Whether the wait shall end without an answer. `posted` writes are dropped with the device model;
 * other requests hold their vCPU until somebody decides. */
static bool wait_is_over(struct hv *hv, bool posted)
{
    return atomic_load(&hv->run.abandon) || atomic_load(&hv->run.quit) ||
           (posted && atomic_load(&hv->route.dm_gone));
}

enum wait_result { WAIT_ANSWERED, WAIT_NOBODY, WAIT_BROKEN };

/* One look at the state; `*seen` is the last one. False: go on waiting. */
static bool wait_look(struct ioreq_server *s, unsigned n, uint8_t *seen, enum wait_result *result)
{
    uint8_t state = __atomic_load_n(slot_state(s, n), __ATOMIC_ACQUIRE) & 0xf;

    if (state == STATE_IORESP_READY) {
        *result = WAIT_ANSWERED;
        return true;
    }
    if (state == STATE_IOREQ_NONE) {
        *result = WAIT_NOBODY;
        return true;
    }
    if (state < *seen || state > STATE_IORESP_READY) {
        *result = WAIT_BROKEN;
        return true;
    }
    *seen = state;
    return false;
}

static bool wait_spin(struct vcpu *vcpu, struct ioreq_server *s, uint8_t *seen,
                      enum wait_result *result)
{
    uint64_t limit = spin_limit(vcpu);
    uint64_t start = __rdtsc();

    while (limit) {
        for (unsigned i = 0; i < 16; i++) {
            if (wait_look(s, vcpu->id, seen, result)) {
                spin_succeeded(vcpu);
                return true;
            }
            _mm_pause();
        }
        if (__rdtsc() - start > limit) {
            spin_failed(vcpu);
            break;
        }
    }
    return false;
}

static enum wait_result slot_wait(struct vcpu *vcpu, struct ioreq_server *s, bool posted)
{
    enum wait_result result = WAIT_NOBODY;
    uint8_t seen = STATE_IOREQ_READY;

    if (wait_look(s, vcpu->id, &seen, &result) || wait_spin(vcpu, s, &seen, &result)) {
        vcpu->stats->spins++;
        return result;
    }
    vcpu->stats->sleeps++;
    wait_enter(vcpu, true);
    while (!wait_look(s, vcpu->id, &seen, &result)) {
        if (wait_is_over(vcpu->hv, posted)) {
            result = WAIT_NOBODY;
            break;
        }
        wait_sleep(vcpu, s, seen);
    }
    wait_enter(vcpu, false);
    return result;
}

/* Takes the answer out of the slot and gives the slot back. */
static void slot_finish(struct vcpu *vcpu, struct ioreq_server *s, struct access *a)
{
    volatile struct ioreq *slot = &s->slot[vcpu->id];
    struct core_side_vcpu *side = &s->side->vcpu[vcpu->id];

    if (!a->write && !a->is_ptr) {
        a->data = slot->data;
    }
    uint32_t changed = __atomic_load_n(&side->lines_changed, __ATOMIC_RELAXED);
    if (changed) {
        uint32_t level = __atomic_load_n(&side->lines_level, __ATOMIC_RELAXED);
        uint32_t pulsed = __atomic_load_n(&side->lines_pulsed, __ATOMIC_RELAXED);

        __atomic_store_n(&side->lines_changed, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&side->lines_pulsed, 0, __ATOMIC_RELAXED);
        irq_apply_side(vcpu->hv, changed, level, pulsed);
    }
    if (a->string) {
        memcpy(a->string, s->bounce + (size_t)vcpu->id * CORE_PAGE, (size_t)a->count * a->size);
    }
    __atomic_store_n(slot_state(s, vcpu->id), STATE_IOREQ_NONE, __ATOMIC_RELEASE);
}

static void access_all_ones(struct access *a)
{
    if (!a->write) {
        a->data = UINT64_MAX;
    }
    if (a->string) {
        memset(a->string, 0xff, (size_t)a->count * a->size);
    }
}

static void count_latency(struct vcpu *vcpu, uint64_t cycles)
{
    uint64_t ns = spin_cycles_to_ns(cycles);
    unsigned bucket = ns ? 63 - (unsigned)__builtin_clzll(ns) : 0;

    vcpu->stats->latency[bucket < STATS_BUCKETS ? bucket : STATS_BUCKETS - 1]++;
}

static void count_type(struct vcpu *vcpu, uint8_t type)
{
    unsigned kind = type == IOREQ_TYPE_PIO          ? STATS_IOREQ_PIO
                    : type == IOREQ_TYPE_PCI_CONFIG ? STATS_IOREQ_PCI_CONFIG
                                                    : STATS_IOREQ_COPY;

    vcpu->stats->ioreqs[kind]++;
}

/* The guest ends with its device model's mistake; the vCPU waits to be stopped. */
static void slot_broken(struct vcpu *vcpu, struct ioreq_server *s, const char *what)
{
    hv_shutdown(vcpu->hv, HV_REASON_CRASH, "ioreq server %u, vCPU %u: the device model %s", s->id,
                vcpu->id, what);
}

/* While the device model is gone nothing is sent: the vCPU stays at its request until the guest is
 * reset or ended. */
static void hold_without_dm(struct vcpu *vcpu, bool posted)
{
    struct hv *hv = vcpu->hv;
    struct pollfd p = {.fd = vcpu->wake_fd, .events = POLLIN};
    uint64_t count;

    wait_enter(vcpu, true);
    while (!wait_is_over(hv, posted)) {
        if (poll(&p, 1, -1) > 0 && read(vcpu->wake_fd, &count, sizeof(count)) < 0) {
            break;
        }
    }
    wait_enter(vcpu, false);
}

void slot_call(struct vcpu *vcpu, struct ioreq_server *s, struct access *a, bool posted)
{
    struct hv *hv = vcpu->hv;

    count_type(vcpu, a->type);
    if (a->string) {
        a->is_ptr = true;
        a->data = CORE_BOUNCE_GPA + (uint64_t)vcpu->id * CORE_PAGE;
    }
    if (atomic_load(&hv->run.abandon)) {
        access_all_ones(a); /* the slot may still hold what was given up */
        return;
    }
    if (atomic_load(&hv->route.dm_gone)) {
        hold_without_dm(vcpu, posted);
        access_all_ones(a);
        return;
    }
    uint64_t start = __rdtsc();

    if (!slot_fill(s, vcpu->id, a)) {
        slot_broken(vcpu, s, "left the slot in a wrong state");
        access_all_ones(a);
        return;
    }
    server_wake_dm(s);
    enum wait_result result = slot_wait(vcpu, s, posted);

    count_latency(vcpu, __rdtsc() - start);
    if (result == WAIT_ANSWERED) {
        slot_finish(vcpu, s, a);
    } else {
        access_all_ones(a);
    }
    if (result == WAIT_BROKEN) {
        slot_broken(vcpu, s, "stored a state that is out of order");
    }
    if (hv->trace) {
        trace_access(vcpu, s->id, a);
    }
}
