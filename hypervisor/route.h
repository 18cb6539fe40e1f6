/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From an access to its target: core chips, ioreq servers, nobody. Slots, buffered rings, KVM's
 * coalesced ring. Included by hv.h.
 */
#ifndef CLEAVE_HYPERVISOR_ROUTE_H
#define CLEAVE_HYPERVISOR_ROUTE_H

#define ROUTE_MAX_SERVERS 8u
#define ROUTE_MAX_RANGES  256u
#define ROUTE_MAX_POSTS   64u

enum range_type { RANGE_PORT, RANGE_MEMORY, RANGE_PCI, RANGE_TYPES };

/* Sorted, inclusive, without overlap. */
struct range_set {
    unsigned n;
    struct {
        uint64_t start;
        uint64_t end;
    } r[ROUTE_MAX_RANGES];
};

/* -EEXIST on overlap, -ENOSPC when full, -EINVAL when start > end. */
int range_add(struct range_set *s, uint64_t start, uint64_t end);
/* Takes away a contained range (may split one in two). -ENOENT when not wholly contained. */
int range_remove(struct range_set *s, uint64_t start, uint64_t end);
bool range_contains(const struct range_set *s, uint64_t start, uint64_t end);

struct ioreq_server {
    unsigned id;
    bool exists;
    atomic_bool enabled;
    uint8_t bufioreq_mode;
    bool owns_gfns; /* has the frames of params IOREQ_PFN and BUFIOREQ_PFN */
    struct range_set ranges[RANGE_TYPES];
    int page_fd;
    size_t page_size;
    uint8_t *pages;
    struct ioreq *slot;            /* per vCPU */
    struct buffered_iopage *buf;   /* NULL: no ring */
    struct core_side *side;
    uint8_t *bounce; /* a page per vCPU */
    int dm_fd;       /* eventfd that wakes the device model */
};

struct route_post {
    struct core_post post;
    int event_fd; /* POST_IGNORE */
    bool used;
};

struct hv_route {
    pthread_rwlock_t lock; /* servers' ranges and existence */
    struct ioreq_server server[ROUTE_MAX_SERVERS];
    atomic_uint_fast32_t cf8;
    pthread_mutex_t post_lock;
    struct kvm_coalesced_mmio_ring *ring; /* NULL: the kernel has none */
    bool ring_pio;                        /* ports too */
    struct route_post post[ROUTE_MAX_POSTS];
    unsigned cpus; /* usable CPUs */
    atomic_bool may_spin;
    atomic_bool dm_gone;
};

struct hv;
struct vcpu;

void route_create(struct hv *hv);
void route_reset(struct hv *hv);

/* The access of a vCPU; data for reads is filled in (all ones when nobody answers). */
struct access {
    uint64_t addr;
    uint64_t data; /* value, or guest physical address when is_ptr */
    uint32_t count;
    uint32_t size;
    uint8_t type; /* IOREQ_TYPE_* */
    bool write;
    bool df;
    bool is_ptr;
};

void route_access(struct vcpu *vcpu, struct access *a);
/* Everything that KVM posted goes to its target; called before each synchronous request.
 * vcpu NULL (control thread): stops with false when a buffered ring is full. */
bool route_drain(struct hv *hv, struct vcpu *vcpu);

/* Control operations on servers: 0 or -errno. */
int server_create(struct hv *hv, struct xen_dm_op_create_ioreq_server *op);
int server_info(struct hv *hv, struct xen_dm_op_get_ioreq_server_info *op);
int server_map_range(struct hv *hv, const struct xen_dm_op_ioreq_server_range *op, bool map);
int server_set_state(struct hv *hv, const struct xen_dm_op_set_ioreq_server_state *op);
int server_destroy(struct hv *hv, const struct xen_dm_op_destroy_ioreq_server *op);
int server_pages(struct hv *hv, struct core_pages *op, int *fds, unsigned *nfds);
int route_set_post(struct hv *hv, const struct core_post *p);

/* The device model's end hung up: nothing waits for it in vain, nothing new is sent. */
void route_dm_gone(struct hv *hv);

#endif
