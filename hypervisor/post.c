/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Posted writes: KVM's coalesced ring (the kernel completes the guest's write without leaving it),
 * and the buffered ioreq ring to the device model.
 *
 * The coalesced ring is drained into the buffered ring, in order, before every synchronous request;
 * the device model drains the buffered ring before it serves one. So nothing overtakes a posted
 * write. Nobody is woken for them unless the buffered ring fills up.
 */
#include "hv.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "log.h"
#include "post.h"
#include "trace.h"

#define RING_SLOTS   IOREQ_BUFFER_SLOT_NUM
#define RING_WAKE    (RING_SLOTS / 2)
#define PORT_CF8     0xcf8u
#define LATCH_WRITES 2u
#define LATCH_NS     50000000ull
#define LATCH_IDLE   10u        /* times LATCH_NS without use */
#define BUFFERED_MAX 0xfffffull /* addresses have 20 bits in the ring */
#define COALESCED_MAX                                                                              \
    ((4096 - sizeof(struct kvm_coalesced_mmio_ring)) / sizeof(struct kvm_coalesced_mmio))

void server_wake_dm(struct ioreq_server *s)
{
    uint64_t one = 1;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&s->side->dm_sleeping, __ATOMIC_RELAXED)) {
        return;
    }
    __atomic_store_n(&s->side->dm_sleeping, 0, __ATOMIC_RELAXED);
    if (write(s->dm_fd, &one, sizeof(one)) < 0) {
        log_debug("ioreq server %u: cannot wake the device model", s->id);
    }
}

bool post_push(struct hv *hv, struct ioreq_server *s, uint8_t type, uint64_t addr, unsigned size,
               uint64_t data)
{
    enum ring_result result = RING_FULL;
    uint32_t used = 0;

    if (addr > BUFFERED_MAX) {
        return false;
    }
    pthread_mutex_lock(&hv->route.post_lock);
    if (s->buf) {
        result = ring_put(s->buf, &s->ring_write, type, addr, size, data);
        used = s->ring_write - __atomic_load_n(&s->buf->read_pointer, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&hv->route.post_lock);
    if (result == RING_BROKEN) {
        hv_shutdown(hv, HV_REASON_CRASH, "the device model's buffered ring is corrupt");
        return true;
    }
    if (result == RING_OK && used >= RING_WAKE) {
        server_wake_dm(s);
    }
    if (result == RING_OK && hv->trace) {
        trace_posted(hv, s->id, type, addr, size, data);
    }
    return result == RING_OK;
}

/* --- KVM's coalesced ring --- */

bool route_ring_pending(const struct hv *hv)
{
    const struct kvm_coalesced_mmio_ring *r = hv->route.ring;

    return r && __atomic_load_n(&r->first, __ATOMIC_RELAXED) !=
                    __atomic_load_n(&r->last, __ATOMIC_ACQUIRE);
}

bool post_ring_was_full(const struct hv *hv)
{
    const struct kvm_coalesced_mmio_ring *r = hv->route.ring;

    if (!r) {
        return false;
    }
    uint32_t used = (r->last + COALESCED_MAX - r->first) % COALESCED_MAX;

    return used >= COALESCED_MAX - 2;
}

/* One piece of a power-of-two size. False: needs the device model, but there is no vCPU to wait. */
static bool deliver_piece(struct hv *hv, struct vcpu *vcpu, bool pio, uint64_t addr, unsigned size,
                          uint64_t data)
{
    struct access a = {.type = pio ? IOREQ_TYPE_PIO : IOREQ_TYPE_COPY,
                       .addr = addr,
                       .data = data,
                       .count = 1,
                       .size = size,
                       .write = true};
    struct ioreq_server *s = route_find(hv, pio ? RANGE_PORT : RANGE_MEMORY, addr, addr + size - 1);

    if (!s || post_push(hv, s, a.type, addr, size, data)) {
        return true;
    }
    if (!vcpu) {
        server_wake_dm(s);
        return false;
    }
    slot_call(vcpu, s, &a, true);
    return true;
}

/* CF9h, the reset control register, lies within the latch's zone: its owner must act now. */
static bool deliver_beside_latch(struct hv *hv, struct vcpu *vcpu, uint64_t addr, unsigned size,
                                 uint64_t data)
{
    struct ioreq_server *s = route_find(hv, RANGE_PORT, addr, addr + size - 1);
    bool done = deliver_piece(hv, vcpu, true, addr, size, data);

    if (s) {
        server_wake_dm(s);
    }
    return done;
}

static bool deliver(struct hv *hv, struct vcpu *vcpu, const struct kvm_coalesced_mmio *e)
{
    uint64_t data = 0;
    unsigned len = e->len <= 8 ? e->len : 8;
    bool done = true;

    memcpy(&data, e->data, len);
    if (vcpu) {
        vcpu->stats->ioreqs[STATS_IOREQ_COALESCED]++;
    }
    if (e->pio && e->phys_addr == PORT_CF8 && len == 4) {
        atomic_store(&hv->route.cf8, (uint32_t)data);
        return true;
    }
    if (e->pio && e->phys_addr > PORT_CF8 && e->phys_addr < PORT_CF8 + 4) {
        return deliver_beside_latch(hv, vcpu, e->phys_addr, len, data);
    }
    if (e->pio && e->phys_addr == 0x70 && len == 1) {
        chips_pio_write(hv, 0x70, 1, (uint32_t)data);
    }
    for (unsigned at = 0; at < len;) {
        unsigned size = len - at >= 8 ? 8 : len - at >= 4 ? 4 : len - at >= 2 ? 2 : 1;

        done &= deliver_piece(hv, vcpu, e->pio, e->phys_addr + at, size, data >> (at * 8));
        at += size;
    }
    return done;
}

static bool drain_locked(struct hv *hv, struct vcpu *vcpu)
{
    struct kvm_coalesced_mmio_ring *r = hv->route.ring;
    uint32_t first = r->first;

    while (first < COALESCED_MAX && first != __atomic_load_n(&r->last, __ATOMIC_ACQUIRE)) {
        struct kvm_coalesced_mmio e = r->coalesced_mmio[first];

        if (!deliver(hv, vcpu, &e)) {
            return false;
        }
        first = (first + 1) % COALESCED_MAX;
        __atomic_store_n(&r->first, first, __ATOMIC_RELEASE);
    }
    return true;
}

bool route_drain(struct hv *hv, struct vcpu *vcpu)
{
    if (!hv->route.ring) {
        return true;
    }
    if (vcpu) {
        pthread_mutex_lock(&hv->route.drain_lock);
    } else if (pthread_mutex_trylock(&hv->route.drain_lock) != 0) {
        return false; /* a vCPU is at it and may be waiting for the one who asks */
    }
    bool done = drain_locked(hv, vcpu);
    pthread_mutex_unlock(&hv->route.drain_lock);
    return done;
}

/* --- what may be posted --- */

bool post_is_buffered(struct hv *hv, const struct access *a)
{
    bool memory = a->type == IOREQ_TYPE_COPY;
    bool found = false;

    if (!a->write || a->count != 1 || a->is_ptr || a->addr > BUFFERED_MAX ||
        a->type == IOREQ_TYPE_PCI_CONFIG) {
        return false;
    }
    if (!memory && a->addr == 0x70) {
        return true;
    }
    pthread_rwlock_rdlock(&hv->route.lock);
    for (unsigned i = 0; i < hv->route.nposts && !found; i++) {
        const struct core_post *p = &hv->route.post[i].post;

        found = p->kind == CORE_POST_BUFFER && (p->space != 0) == memory && a->addr >= p->start &&
                a->addr + a->size - 1 <= p->end;
    }
    pthread_rwlock_unlock(&hv->route.lock);
    return found;
}

static int zone_set(struct hv *hv, uint64_t start, uint64_t len, bool pio, bool on)
{
    struct kvm_coalesced_mmio_zone z = {.addr = start, .size = (uint32_t)len, .pio = pio};

    if (!hv->route.ring || (pio && !hv->route.ring_pio)) {
        return 0; /* such writes leave the guest and are buffered then */
    }
    return ioctl(hv->vm_fd, on ? KVM_REGISTER_COALESCED_MMIO : KVM_UNREGISTER_COALESCED_MMIO, &z) <
                   0
               ? -errno
               : 0;
}

/* --- the PCI address latch --- */

/*
 * KVM has no narrower rule than "inside the zone", so a byte written to CF9h (reset) would be
 * posted along with CF8h. Therefore the zone exists only while configuration space is being used
 * (firmware does it in bursts), and the alarm delivers what was posted at most LATCH_NS late.
 */
void post_latch_written(struct hv *hv)
{
    struct hv_route *r = &hv->route;

    if (!r->ring_pio || atomic_fetch_add(&r->latch.written, 1) + 1 != LATCH_WRITES) {
        return;
    }
    if (zone_set(hv, PORT_CF8, 4, true, true) == 0) {
        atomic_store(&r->latch.posted, true);
        chips_set_alarm(hv, LATCH_NS);
    }
}

void post_latch_used(struct hv *hv)
{
    if (!atomic_load_explicit(&hv->route.latch.used, memory_order_relaxed)) {
        atomic_store(&hv->route.latch.used, true);
    }
}

void post_alarm(struct hv *hv)
{
    struct hv_route *r = &hv->route;
    bool posted = atomic_load(&r->latch.posted);

    r->latch.idle = atomic_exchange(&r->latch.used, false) ? 0 : r->latch.idle + 1;
    if (posted && r->latch.idle >= LATCH_IDLE) {
        zone_set(hv, PORT_CF8, 4, true, false);
        atomic_store(&r->latch.posted, false);
        atomic_store(&r->latch.written, 0);
        posted = false;
    }
    if (!route_drain(hv, NULL) || posted) {
        chips_set_alarm(hv, LATCH_NS);
    }
}

static int ignore_set(struct hv *hv, const struct core_post *p, int fd, bool on)
{
    struct kvm_ioeventfd e = {.datamatch = p->value,
                              .addr = p->start,
                              .len = p->size,
                              .fd = fd,
                              .flags = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH |
                                       (on ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN)};

    return ioctl(hv->vm_fd, KVM_IOEVENTFD, &e) < 0 ? -errno : 0;
}

static bool post_same(const struct core_post *a, const struct core_post *b)
{
    return a->start == b->start && a->end == b->end && a->value == b->value &&
           a->space == b->space && a->kind == b->kind && a->size == b->size;
}

/* Nothing that the core answers itself, or whose effect must be at once, may be posted. What was
 * posted can be taken back whoever claims the port by then. */
static bool post_valid(struct hv *hv, const struct core_post *p)
{
    uint64_t limit = p->space ? BUFFERED_MAX : 0xffff;
    struct access a = {.type = IOREQ_TYPE_PIO, .addr = p->start, .count = 1, .size = 1};

    if (p->reserved || p->space > 1 || p->kind > CORE_POST_IGNORE || p->on > 1 ||
        p->start > p->end || p->end > limit) {
        return false;
    }
    if (p->kind == CORE_POST_IGNORE) {
        return p->space == 0 && p->start == p->end &&
               (p->size == 1 || p->size == 2 || p->size == 4) &&
               (!p->on || route_can_batch(hv, &a));
    }
    if (p->space == 0 &&
        ((p->start <= 0x71 && p->end >= 0x70) || (p->start <= 0xcff && p->end >= 0xcf8))) {
        return false;
    }
    return p->size == 0;
}

static int post_add(struct hv *hv, const struct core_post *p)
{
    struct hv_route *r = &hv->route;
    struct route_post *slot = &r->post[r->nposts];
    int err;

    if (r->nposts == ROUTE_MAX_POSTS) {
        return -ENOSPC;
    }
    slot->post = *p;
    slot->event_fd = -1;
    if (p->kind == CORE_POST_IGNORE) {
        slot->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        err = ignore_set(hv, p, slot->event_fd, true);
        if (err) {
            close(slot->event_fd);
        }
    } else {
        err = zone_set(hv, p->start, p->end - p->start + 1, p->space == 0, true);
    }
    r->nposts += err == 0;
    return err;
}

static int post_remove(struct hv *hv, unsigned i)
{
    struct hv_route *r = &hv->route;
    struct route_post *slot = &r->post[i];
    const struct core_post *p = &slot->post;

    if (p->kind == CORE_POST_IGNORE) {
        ignore_set(hv, p, slot->event_fd, false);
        close(slot->event_fd);
    } else {
        zone_set(hv, p->start, p->end - p->start + 1, p->space == 0, false);
    }
    *slot = r->post[--r->nposts];
    return 0;
}

int route_set_post(struct hv *hv, const struct core_post *p)
{
    struct hv_route *r = &hv->route;
    int err = p->on ? 0 : -ENOENT;

    if (!post_valid(hv, p)) {
        return -EINVAL;
    }
    pthread_rwlock_wrlock(&r->lock);
    for (unsigned i = 0; i < r->nposts; i++) {
        if (post_same(&r->post[i].post, p)) {
            err = p->on ? -EEXIST : post_remove(hv, i);
            break;
        }
    }
    if (p->on && !err) {
        err = post_add(hv, p);
    }
    pthread_rwlock_unlock(&r->lock);
    return err;
}

void post_create(struct hv *hv)
{
    struct hv_route *r = &hv->route;
    int page = ioctl(hv->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO);

    if (page <= 0) {
        return;
    }
    r->ring = (struct kvm_coalesced_mmio_ring *)((uint8_t *)hv->vcpu[0].run + page * 4096);
    r->ring_pio = ioctl(hv->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_PIO) > 0;
    zone_set(hv, 0x70, 1, true, true); /* the RTC's index: matters to the next access of 0x71 */
}

void post_reset(struct hv *hv)
{
    struct hv_route *r = &hv->route;

    if (r->ring) {
        __atomic_store_n(&r->ring->first, __atomic_load_n(&r->ring->last, __ATOMIC_ACQUIRE),
                         __ATOMIC_RELEASE);
    }
}
