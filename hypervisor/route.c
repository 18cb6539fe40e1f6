/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who answers an access: the core's chips, the ioreq servers (highest id first), nobody. Xen's
 * rules, contract sections 1.2 and 1.7.
 */
#include "hv.h"

#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>

#include "post.h"

#define PORT_CF8     0xcf8u
#define PORT_CFC     0xcfcu
#define CF8_ENABLE   0x80000000u
#define PORT_RTC     0x70u
#define PORT_RTC_END 0x71u

static uint64_t ones(unsigned size)
{
    return size >= 8 ? UINT64_MAX : (1ull << (size * 8)) - 1;
}

struct ioreq_server *route_find(struct hv *hv, enum range_type type, uint64_t start, uint64_t end)
{
    struct ioreq_server *found = NULL;

    pthread_rwlock_rdlock(&hv->route.lock);
    for (unsigned i = ROUTE_MAX_SERVERS; i-- > 0 && !found;) {
        struct ioreq_server *s = &hv->route.server[i];

        if (atomic_load_explicit(&s->enabled, memory_order_acquire) &&
            range_contains(&s->ranges[type], start, end)) {
            found = s;
        }
    }
    pthread_rwlock_unlock(&hv->route.lock);
    return found;
}

/* First and last byte that all repetitions touch. */
static void access_span(const struct access *a, uint64_t *start, uint64_t *end)
{
    uint64_t extra = a->type == IOREQ_TYPE_COPY ? (uint64_t)(a->count - 1) * a->size : 0;

    *start = a->df ? a->addr - extra : a->addr;
    *end = *start + extra + a->size - 1;
}

static struct ioreq_server *access_server(struct hv *hv, const struct access *a)
{
    uint64_t start, end;

    if (a->type == IOREQ_TYPE_PCI_CONFIG) {
        uint64_t sbdf = a->addr >> 32;

        return route_find(hv, RANGE_PCI, sbdf, sbdf);
    }
    access_span(a, &start, &end);
    return route_find(hv, a->type == IOREQ_TYPE_PIO ? RANGE_PORT : RANGE_MEMORY, start, end);
}

static void access_unclaimed(struct vcpu *vcpu, struct access *a)
{
    vcpu->stats->ioreqs[STATS_IOREQ_UNCLAIMED]++;
    if (a->write) {
        return;
    }
    a->data = ones(a->size);
    if (a->string) {
        memset(a->string, 0xff, (size_t)a->count * a->size);
    }
}

/* To a server, by the buffered ring where the device model allowed that. */
static void access_send(struct vcpu *vcpu, struct access *a)
{
    struct hv *hv = vcpu->hv;
    struct ioreq_server *s = access_server(hv, a);

    if (!s) {
        access_unclaimed(vcpu, a);
    } else if (post_is_buffered(hv, a) && post_push(hv, s, a->type, a->addr, a->size, a->data)) {
        vcpu->stats->ioreqs[STATS_IOREQ_BUFFERED]++;
    } else {
        slot_call(vcpu, s, a, false);
    }
}

/* --- ports --- */

static bool port_is_config(const struct hv *hv, const struct access *a)
{
    return a->addr >= PORT_CFC && a->addr + a->size <= PORT_CFC + 4 &&
           (atomic_load(&hv->route.cf8) & CF8_ENABLE);
}

static void pio_config(struct vcpu *vcpu, struct access *a)
{
    uint32_t cf8 = (uint32_t)atomic_load(&vcpu->hv->route.cf8);
    struct access c = *a;

    post_latch_used(vcpu->hv);
    c.type = IOREQ_TYPE_PCI_CONFIG;
    c.addr = (uint64_t)((cf8 >> 8) & 0xffff) << 32 | (cf8 & 0xfc) | (a->addr & 3);
    access_send(vcpu, &c);
    a->data = c.data;
}

/* The latch is the core's; the access goes on to whoever claims the port, as under Xen. */
static void pio_cf8(struct vcpu *vcpu, struct access *a)
{
    struct hv *hv = vcpu->hv;

    if (a->write) {
        atomic_store(&hv->route.cf8, (uint32_t)a->data);
        post_latch_written(hv);
    }
    if (access_server(hv, a)) {
        access_send(vcpu, a);
    } else if (!a->write) {
        a->data = (uint32_t)atomic_load(&hv->route.cf8);
    }
    vcpu->stats->ioreqs[STATS_IOREQ_CORE]++;
}

static bool pio_chip(struct vcpu *vcpu, struct access *a)
{
    uint32_t val = 0;
    bool mine = a->write ? chips_pio_write(vcpu->hv, (uint16_t)a->addr, a->size, (uint32_t)a->data)
                         : chips_pio_read(vcpu->hv, (uint16_t)a->addr, a->size, &val);

    if (mine) {
        a->data = val;
        vcpu->stats->ioreqs[STATS_IOREQ_CORE]++;
    }
    return mine;
}

static void pio_one(struct vcpu *vcpu, struct access *a)
{
    if (a->addr == PORT_CF8 && a->size == 4) {
        pio_cf8(vcpu, a);
    } else if (port_is_config(vcpu->hv, a)) {
        pio_config(vcpu, a);
    } else if (!pio_chip(vcpu, a)) {
        access_send(vcpu, a);
    }
}

/* An access that reaches into the RTC's pair goes byte by byte: index, then data. */
static void pio_bytes(struct vcpu *vcpu, struct access *a)
{
    uint64_t data = 0;

    for (unsigned i = 0; i < a->size; i++) {
        struct access b = {.type = IOREQ_TYPE_PIO,
                           .addr = (a->addr + i) & 0xffff,
                           .data = (a->data >> (i * 8)) & 0xff,
                           .count = 1,
                           .size = 1,
                           .write = a->write};

        pio_one(vcpu, &b);
        data |= (b.data & 0xff) << (i * 8);
    }
    a->data = data;
}

static bool port_is_core(struct hv *hv, uint64_t port, unsigned size)
{
    uint64_t last = port + size - 1;
    uint64_t pm = atomic_load(&hv->chips.pm_base);

    return (last >= PORT_RTC && port <= PORT_RTC_END) ||
           (last >= PORT_CF8 && port < PORT_CFC + 4) || (pm && last >= pm && port < pm + 12);
}

static void pio_single(struct vcpu *vcpu, struct access *a)
{
    bool rtc = a->addr <= PORT_RTC_END && a->addr + a->size > PORT_RTC;

    if ((rtc && a->size > 1) || a->addr + a->size > 0x10000) {
        pio_bytes(vcpu, a);
    } else {
        pio_one(vcpu, a);
    }
}

/* String input from the core's own ports, one element after the other. */
static void pio_string_core(struct vcpu *vcpu, struct access *a)
{
    for (uint32_t i = 0; i < a->count; i++) {
        struct access e = {.type = IOREQ_TYPE_PIO, .addr = a->addr, .count = 1, .size = a->size};

        pio_single(vcpu, &e);
        memcpy(a->string + (size_t)i * a->size, &e.data, a->size);
    }
}

static void route_pio(struct vcpu *vcpu, struct access *a)
{
    if (a->count == 1 && !a->is_ptr && !a->string) {
        pio_single(vcpu, a);
    } else if (a->string && port_is_core(vcpu->hv, a->addr, a->size)) {
        pio_string_core(vcpu, a);
    } else {
        access_send(vcpu, a);
    }
}

/* --- memory --- */

static void route_mmio(struct vcpu *vcpu, struct access *a)
{
    struct hv *hv = vcpu->hv;

    if (a->count == 1 && !a->is_ptr) {
        bool mine = a->write ? chips_mmio_write(hv, a->addr, a->size, a->data)
                             : chips_mmio_read(hv, a->addr, a->size, &a->data);
        if (mine) {
            vcpu->stats->ioreqs[STATS_IOREQ_CORE]++;
            return;
        }
    }
    access_send(vcpu, a);
}

bool route_can_batch(struct hv *hv, const struct access *a)
{
    if (a->type == IOREQ_TYPE_PIO && port_is_core(hv, a->addr, a->size)) {
        return false;
    }
    return access_server(hv, a) != NULL;
}

void route_access(struct vcpu *vcpu, struct access *a)
{
    if (route_ring_pending(vcpu->hv)) {
        route_drain(vcpu->hv, vcpu);
    }
    if (a->type == IOREQ_TYPE_PIO) {
        route_pio(vcpu, a);
    } else {
        route_mmio(vcpu, a);
    }
}

/* --- set-up --- */

static unsigned usable_cpus(void)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) < 0) {
        return 1;
    }
    return (unsigned)CPU_COUNT(&set);
}

void route_create(struct hv *hv)
{
    struct hv_route *r = &hv->route;

    pthread_rwlock_init(&r->lock, NULL);
    pthread_mutex_init(&r->drain_lock, NULL);
    pthread_mutex_init(&r->post_lock, NULL);
    r->cpus = usable_cpus();
    atomic_store(&r->may_spin, r->cpus > hv->nvcpus);
    for (unsigned i = 0; i < ROUTE_MAX_SERVERS; i++) {
        r->server[i].id = i;
        r->server[i].page_fd = r->server[i].dm_fd = -1;
    }
}

void route_dm_gone(struct hv *hv)
{
    atomic_store(&hv->route.dm_gone, true);
    for (unsigned i = 0; i < hv->nvcpus; i++) {
        eventfd_write(hv->vcpu[i].wake_fd,
                      1); /* a signal may come before its sleep, this does not get lost */
    }
}
