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
    struct ioreq *slot;          /* per vCPU */
    struct buffered_iopage *buf; /* NULL: no ring */
    struct core_side *side;
    uint8_t *bounce;     /* a page per vCPU */
    int dm_fd;           /* eventfd that wakes the device model */
    uint32_t ring_write; /* post_lock: our copy of the ring's write pointer */
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
    pthread_mutex_t
        drain_lock; /* one drains at a time; a vCPU may wait for the device model in it */
    pthread_mutex_t post_lock;            /* short: producers of buffered rings */
    struct kvm_coalesced_mmio_ring *ring; /* NULL: the kernel has none */
    bool ring_pio;                        /* ports too */
    struct {
        atomic_uint written; /* writes of CF8 that left the guest since it was last posted */
        atomic_bool posted;  /* CF8 is a coalesced zone */
        atomic_bool used;    /* since the last look */
        unsigned idle;       /* looks since it was used; the alarm's */
    } latch;
    unsigned nposts;
    struct route_post post[ROUTE_MAX_POSTS];
    unsigned cpus; /* usable CPUs */
    atomic_bool may_spin;
    atomic_uint_fast64_t sampled; /* time stamp of the last look at the threads' CPU time */
    atomic_bool dm_gone;
};

struct hv;
struct vcpu;

void route_create(struct hv *hv);
/* Rings emptied, latches zero; the device model's ranges stay. The guest is stopped. */
void route_reset(struct hv *hv);
/* Gives up what is in the slots. No vCPU thread may be at one. */
void route_clear_slots(struct hv *hv);

/* One access of a vCPU, as an ioreq would carry it. */
struct access {
    uint64_t addr;
    uint64_t data; /* value (reads: the answer), or guest physical address when is_ptr */
    uint32_t count;
    uint32_t size;
    uint8_t type; /* IOREQ_TYPE_* */
    bool write;
    bool df;
    bool is_ptr;
    uint8_t *string; /* string input: takes count * size bytes (through the bounce page) */
};

/* Carries it out: core chips, then the ioreq servers, else all ones. */
void route_access(struct vcpu *vcpu, struct access *a);

/* Whether the whole span of a batched access goes to one server and to no chip of the core. */
bool route_can_batch(struct hv *hv, const struct access *a);

/* The server for [start, end]; highest id first. NULL: nobody. */
struct ioreq_server *route_find(struct hv *hv, enum range_type type, uint64_t start, uint64_t end);

/*
 * Everything that KVM posted goes to its target; called before each synchronous request. vcpu NULL
 * (control thread): false when it could not be finished without the device model's help.
 */
bool route_drain(struct hv *hv, struct vcpu *vcpu);
bool route_ring_pending(const struct hv *hv);

/* slot.c: sends `a` through the vCPU's slot and waits. `posted`: from the coalesced ring. */
void slot_call(struct vcpu *vcpu, struct ioreq_server *s, struct access *a, bool posted);

/* post.c: puts a write on the server's buffered ring. False: no ring, full, or not representable.
 */
bool post_push(struct hv *hv, struct ioreq_server *s, uint8_t type, uint64_t addr, unsigned size,
               uint64_t data);
bool post_is_buffered(struct hv *hv, const struct access *a);
void server_wake_dm(struct ioreq_server *s);

/* The ring itself, no server around it (post.c): slots as struct buffered_iopage, `write` is the
 * producer's copy of the write pointer. RING_BROKEN: pointers that no consumer of ours makes. */
enum ring_result { RING_OK, RING_FULL, RING_BROKEN };
enum ring_result ring_put(struct buffered_iopage *page, uint32_t *write, uint8_t type,
                          uint64_t addr, unsigned size, uint64_t data);

/* server.c: control operations, 0 or -errno. */
int server_create(struct hv *hv, struct xen_dm_op_create_ioreq_server *op);
int server_info(struct hv *hv, struct xen_dm_op_get_ioreq_server_info *op);
int server_map_range(struct hv *hv, const struct xen_dm_op_ioreq_server_range *op, bool map);
int server_set_state(struct hv *hv, const struct xen_dm_op_set_ioreq_server_state *op);
int server_destroy(struct hv *hv, const struct xen_dm_op_destroy_ioreq_server *op);
int server_pages(struct hv *hv, struct core_pages *op, int *fds, unsigned *nfds);
int route_set_post(struct hv *hv, const struct core_post *p);

/* The device model's end hung up: nothing new is sent to it. */
void route_dm_gone(struct hv *hv);

#endif
