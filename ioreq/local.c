/* SPDX-License-Identifier: GPL-2.0-or-later */
#define __XEN_TOOLS__ 1 /* for HVM_IOREQSRV_BUFIOREQ_ATOMIC */
#include "local.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xen/hvm/hvm_op.h>

#include "cleave_core.h"

#define WIRE_SCI    9u
#define LEVEL_WIRES ((1u << WIRE_SCI) | 0xfu << CORE_WIRE_LINK)
#define NO_VCPU     (-1)
#define MAX_ERRNO   4095

/*
 * Levels of the wires, and how each came to be up:
 *   level   what the devices drive now
 *   held    the core was told "high" (side slot) and holds the line until told "low"
 *   raised  a level wire went up by its eventfd; the guest's EOI or LOWER_WIRE takes it down
 * An edge wire raised by its eventfd was a pulse: nothing holds it.
 */
struct wires {
    uint32_t level;
    uint32_t held;
    uint32_t raised;
    int eventfd[CORE_WIRES];
    int resample_fd[CORE_WIRES];
};

struct local {
    struct transport t;
    int core_fd;
    struct dma_ram ram;
    struct ioreq_server server;
    struct core_side *side;
    uint8_t *pages; /* the mapping that slots, ring, side and bounce lie in */
    size_t pages_size;
    int wake_fd;
    int vcpu_fd[CORE_MAX_VCPUS];
    ioservid_t id;
    int current; /* the vCPU whose synchronous request is being served, or NO_VCPU */
    struct wires wires;
    unsigned link_offset;
    uint32_t link_asserted[4]; /* per link: bit per PCI device */
};

static struct local *to_local(struct transport *t)
{
    return (struct local *)t;
}

/* --- the control socket --- */

static int core_send(struct local *l, const struct core_op *op, int fd)
{
    union {
        struct cmsghdr hdr;
        char buf[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {(void *)(uintptr_t)op, sizeof(*op)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    if (fd >= 0) {
        msg.msg_control = control.buf;
        msg.msg_controllen = sizeof(control.buf);
        control.hdr.cmsg_level = SOL_SOCKET;
        control.hdr.cmsg_type = SCM_RIGHTS;
        control.hdr.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.hdr), &fd, sizeof(int));
    }
    ssize_t n;
    do {
        n = sendmsg(l->core_fd, &msg, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

static void fds_close(const int *fds, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        close(fds[i]);
    }
}

/* Descriptors beside a message: the first `max` go to fds, any more are closed. */
static unsigned fds_take(struct msghdr *msg, int *fds, unsigned max)
{
    unsigned got = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        unsigned count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (unsigned i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (got < max) {
                fds[got++] = fd;
            } else {
                close(fd);
            }
        }
    }
    return got;
}

/* Receives one reply; descriptors go to fds (room for max). Returns their number or an errno. */
static int core_receive(struct local *l, struct core_reply *reply, int *fds, unsigned max)
{
    union {
        struct cmsghdr hdr;
        char buf[CMSG_SPACE(sizeof(int) * CORE_MAX_FDS)];
    } control;
    struct iovec iov = {reply, sizeof(*reply)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.buf,
                         .msg_controllen = sizeof(control.buf)};
    ssize_t n;

    do {
        n = recvmsg(l->core_fd, &msg, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return -errno;
    }
    unsigned got = fds_take(&msg, fds, max);
    if (n < (ssize_t)offsetof(struct core_reply, u)) {
        fds_close(fds, got);
        return -EPIPE;
    }
    return (int)got;
}

/* 0 or an errno: the core says nothing else. */
static int reply_result(const struct core_reply *reply)
{
    return reply->result <= 0 && reply->result >= -MAX_ERRNO ? reply->result : -EPROTO;
}

/* One operation; op's OUT fields are filled. 0 or a negative errno. */
static int core_call_fds(struct local *l, struct core_op *op, int fd, int *fds, unsigned max,
                         unsigned *nfds)
{
    struct core_reply reply;
    int err = core_send(l, op, fd);

    memset(&reply, 0, sizeof(reply));
    if (err) {
        return err;
    }
    int got = core_receive(l, &reply, fds, max);
    if (got < 0) {
        return got;
    }
    if (reply.result) {
        fds_close(fds, (unsigned)got); /* whatever came with a refusal is of no use */
        return reply_result(&reply);
    }
    if (nfds) {
        *nfds = (unsigned)got;
    }
    *op = reply.u.op;
    return 0;
}

static int core_call(struct local *l, struct core_op *op)
{
    return core_call_fds(l, op, -1, NULL, 0, NULL);
}

/* --- lines --- */

static void wire_resampled(void *opaque);

/* The argument of a resample watch: which local, which wire. Allocated once at bind. */
struct resample {
    struct local *l;
    unsigned wire;
};

static int wire_bind(struct local *l, unsigned wire)
{
    struct core_op op = {.op = CORE_OP_BIND_WIRE, .u.wire.wire = wire};
    int fds[2] = {-1, -1};
    unsigned n = 0;
    int err = core_call_fds(l, &op, -1, fds, 2, &n);

    if (err || n < 1) {
        return err ? err : -EPROTO;
    }
    l->wires.eventfd[wire] = fds[0];
    if (n > 1) {
        struct resample *r = malloc(sizeof(*r));

        if (!r) {
            close(fds[1]);
            return -ENOMEM;
        }
        *r = (struct resample){l, wire};
        fcntl(fds[1], F_SETFL, O_NONBLOCK);
        l->wires.resample_fd[wire] = fds[1];
        l->t.watch(l->t.loop, fds[1], false, wire_resampled, r);
    }
    return 0;
}

static void wire_signal(struct local *l, unsigned wire)
{
    uint64_t one = 1;

    if (l->wires.eventfd[wire] < 0 && wire_bind(l, wire) < 0) {
        return;
    }
    if (write(l->wires.eventfd[wire], &one, sizeof(one)) < 0) {
        return; /* the counter is full: the line has been signalled often enough */
    }
}

/* The guest has acknowledged a level wire: raise it again if the devices still drive it. */
static void wire_resampled(void *opaque)
{
    const struct resample *r = opaque;
    struct local *l = r->l;
    uint32_t bit = 1u << r->wire;
    uint64_t count;

    if (read(l->wires.resample_fd[r->wire], &count, sizeof(count)) < 0) {
        return;
    }
    l->wires.raised &= ~bit;
    if ((l->wires.level & bit) && !(l->wires.held & bit)) {
        l->wires.raised |= bit;
        wire_signal(l, r->wire);
    }
}

/* A change while a synchronous request is served: the vCPU thread applies it. */
static void wire_set_sync(struct local *l, unsigned wire, int level)
{
    struct core_side_vcpu *side = &l->side->vcpu[l->current];
    uint32_t bit = 1u << wire;
    uint32_t changed = side->lines_changed;

    if (!level && (changed & bit) && (side->lines_level & bit)) {
        side->lines_pulsed |= bit;
    }
    side->lines_level = level ? side->lines_level | bit : side->lines_level & ~bit;
    side->lines_changed = changed | bit;
    l->wires.held = level ? l->wires.held | bit : l->wires.held & ~bit;
}

static void wire_lower(struct local *l, unsigned wire)
{
    struct core_op op = {.op = CORE_OP_LOWER_WIRE, .u.wire.wire = wire};

    l->wires.held &= ~(1u << wire);
    l->wires.raised &= ~(1u << wire);
    core_call(l, &op);
}

static void wire_set_async(struct local *l, unsigned wire, int level)
{
    uint32_t bit = 1u << wire;

    if (level) {
        l->wires.raised |= bit & LEVEL_WIRES;
        wire_signal(l, wire);
    } else if ((l->wires.held | l->wires.raised) & bit) {
        wire_lower(l, wire);
    }
}

static void wire_set(struct local *l, unsigned wire, int level)
{
    uint32_t bit = 1u << wire;

    if (!(l->wires.level & bit) == !level) {
        return;
    }
    l->wires.level ^= bit;
    if (l->current == NO_VCPU) {
        wire_set_async(l, wire, level);
        return;
    }
    /* What went up by its eventfd and was not acknowledged is not in the side slot's power. */
    if (!level && (l->wires.raised & bit)) {
        wire_lower(l, wire);
    }
    wire_set_sync(l, wire, level);
}

static void local_set_isa_irq(struct transport *t, unsigned irq, int level)
{
    wire_set(to_local(t), irq & 15, level);
}

static void local_set_pci_intx(struct transport *t, unsigned dev, unsigned pin, int level)
{
    struct local *l = to_local(t);
    unsigned link = (dev + pin + l->link_offset) & 3;
    uint32_t bit = 1u << (dev & 31);

    l->link_asserted[link] = level ? l->link_asserted[link] | bit : l->link_asserted[link] & ~bit;
    wire_set(l, CORE_WIRE_LINK + link, l->link_asserted[link] != 0);
}

static void local_set_pci_link_route(struct transport *t, unsigned link, unsigned irq)
{
    struct core_op op = {.op = XEN_DMOP_set_pci_link_route,
                         .u.link = {.link = (uint8_t)link, .isa_irq = (uint8_t)irq}};

    core_call(to_local(t), &op);
}

static void local_reset_lines(struct transport *t)
{
    struct local *l = to_local(t);

    l->wires.level = 0;
    l->wires.held = 0;
    l->wires.raised = 0;
    memset(l->link_asserted, 0, sizeof(l->link_asserted));
}

/* --- ranges and memory --- */

static int local_claim(struct transport *t, enum transport_space space, uint64_t start,
                       uint64_t end, bool on)
{
    static const uint32_t type[] = {XEN_DMOP_IO_RANGE_PORT, XEN_DMOP_IO_RANGE_MEMORY,
                                    XEN_DMOP_IO_RANGE_PCI};
    struct local *l = to_local(t);
    struct core_op op = {.op = on ? XEN_DMOP_map_io_range_to_ioreq_server
                                  : XEN_DMOP_unmap_io_range_from_ioreq_server,
                         .u.range = {.id = l->id, .type = type[space], .start = start, .end = end}};

    return core_call(l, &op);
}

static int local_add_object(struct transport *t, uint32_t object, int fd, uint64_t size)
{
    struct core_op op = {.op = CORE_OP_ADD_OBJECT, .u.object = {.object = object, .size = size}};

    return core_call_fds(to_local(t), &op, fd, NULL, 0, NULL);
}

static int local_map(struct transport *t, const struct mem_flat *piece, bool on)
{
    struct core_op op = {.op = on ? CORE_OP_MAP : CORE_OP_UNMAP,
                         .u.map = {.gpa = piece->gpa,
                                   .len = piece->len,
                                   .offset = piece->offset,
                                   .object = piece->object,
                                   .kind = (uint8_t)piece->kind,
                                   .log_dirty = piece->log_dirty}};

    return core_call(to_local(t), &op);
}

static void local_post(struct transport *t, enum transport_space space, uint64_t start,
                       uint64_t end, bool on)
{
    struct core_op op = {.op = CORE_OP_POST,
                         .u.post = {.start = start,
                                    .end = end,
                                    .space = space == SPACE_MMIO,
                                    .kind = CORE_POST_BUFFER,
                                    .on = on}};

    core_call(to_local(t), &op);
}

static void local_ignore(struct transport *t, uint64_t port, uint8_t value, bool on)
{
    struct core_op op = {.op = CORE_OP_POST,
                         .u.post = {.start = port,
                                    .end = port,
                                    .value = value,
                                    .kind = CORE_POST_IGNORE,
                                    .size = 1,
                                    .on = on}};

    core_call(to_local(t), &op);
}

static void local_set_pm_base(struct transport *t, uint16_t base)
{
    struct core_op op = {.op = CORE_OP_SET_PM_BASE, .u.pm.base = base};

    core_call(to_local(t), &op);
}

static void local_shutdown(struct transport *t, unsigned reason)
{
    struct core_op op = {.op = XEN_DMOP_remote_shutdown, .u.shutdown.reason = reason};

    core_call(to_local(t), &op);
}

/* --- requests --- */

static bool local_pending(const struct transport *t)
{
    const struct local *l = (const struct local *)t;

    for (unsigned i = 0; i < l->server.nvcpus; i++) {
        if (ioreq_ready(&l->server, i)) {
            return true;
        }
    }
    return ioreq_ring_pending(&l->server);
}

/* The response is visible: wake the vCPU's thread if it gave up spinning. */
static void local_notify(struct local *l, unsigned vcpu)
{
    uint32_t *sleeping = &l->side->vcpu[vcpu].core_sleeping;
    uint64_t one = 1;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!__atomic_load_n(sleeping, __ATOMIC_RELAXED)) {
        return;
    }
    __atomic_store_n(sleeping, 0, __ATOMIC_RELAXED);
    if (write(l->vcpu_fd[vcpu], &one, sizeof(one)) < 0) {
        return; /* the core is gone; its socket tells us */
    }
}

/* Changes belong to the vCPU's side slot up to the moment of the response. */
static void local_before_done(void *opaque, unsigned vcpu)
{
    struct local *l = opaque;

    if (l->t.settle) {
        l->t.settle(l->t.opaque);
    }
    l->current = NO_VCPU;
}

/* Posted writes with nobody waiting: what they change in memory topology must wait. */
static unsigned local_drain_async(struct local *l)
{
    unsigned served;

    if (!ioreq_ring_pending(&l->server)) {
        return 0;
    }
    if (l->t.posted) {
        l->t.posted(l->t.opaque, true);
    }
    served = ioreq_drain(&l->server);
    if (l->t.posted) {
        l->t.posted(l->t.opaque, false);
    }
    return served;
}

static unsigned local_poll(struct transport *t)
{
    struct local *l = to_local(t);
    unsigned served = 0;

    for (unsigned i = 0; i < l->server.nvcpus; i++) {
        if (!ioreq_ready(&l->server, i)) {
            continue;
        }
        l->current = (int)i;
        served += ioreq_drain(&l->server);
        ioreq_serve(&l->server, i, local_before_done, l);
        l->current = NO_VCPU;
        local_notify(l, i);
        served++;
    }
    return served ? served : local_drain_async(l);
}

static bool local_may_spin(const struct transport *t)
{
    const struct local *l = (const struct local *)t;

    return __atomic_load_n(&l->side->dm_idle_cpus, __ATOMIC_RELAXED) != 0;
}

static void local_awake(struct transport *t)
{
    __atomic_store_n(&to_local(t)->side->dm_sleeping, 0, __ATOMIC_RELAXED);
}

static bool local_prepare_sleep(struct transport *t)
{
    __atomic_store_n(&to_local(t)->side->dm_sleeping, 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (local_pending(t)) {
        local_awake(t);
        return false;
    }
    return true;
}

static void local_flush_posted(struct transport *t)
{
    struct local *l = to_local(t);
    struct core_op op = {.op = CORE_OP_FLUSH_POSTED};

    /* The core's own ring may hold more than the buffered ring has room for. */
    for (int i = 0; i < 64; i++) {
        int err = core_call(l, &op);

        local_drain_async(l);
        if (err != -EAGAIN) {
            break;
        }
    }
}

/* The loop looks at the slots by itself once it is awake. */
static void local_woken(void *opaque)
{
}

static void local_socket_ready(void *opaque)
{
    struct local *l = opaque;
    struct pollfd p = {l->core_fd, POLLIN, 0};

    if (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)) && l->t.gone) {
        l->t.gone(l->t.opaque);
    }
}

static bool pages_fit(const struct core_pages *p, uint32_t offset, uint32_t pages)
{
    return offset % CORE_PAGE == 0 && offset <= p->size && pages <= (p->size - offset) / CORE_PAGE;
}

/* Whether all that the core speaks of lies in the object that it passed. */
static bool pages_valid(const struct core_pages *p, int fd)
{
    struct stat st;

    return p->nvcpus >= 1 && p->nvcpus <= CORE_MAX_VCPUS && fstat(fd, &st) == 0 &&
           st.st_size >= 0 && (uint64_t)st.st_size >= p->size && pages_fit(p, p->ioreq, 1) &&
           pages_fit(p, p->bufioreq, 1) && pages_fit(p, p->side, 1) &&
           pages_fit(p, p->bounce, p->nvcpus);
}

/* Maps the shared pages and takes the channels that the core hands out for an enabled server. */
static int local_attach_pages(struct local *l)
{
    struct core_op op = {.op = CORE_OP_GET_PAGES, .u.pages.id = l->id};
    int fds[CORE_MAX_VCPUS + 2];
    unsigned n = 0;
    int err = core_call_fds(l, &op, -1, fds, CORE_MAX_VCPUS + 2, &n);
    const struct core_pages *p = &op.u.pages;

    if (err) {
        return err;
    }
    uint8_t *base = MAP_FAILED;
    if (n == p->nvcpus + 2u && pages_valid(p, fds[0])) {
        base = mmap(NULL, p->size, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
    }
    if (base == MAP_FAILED) {
        fds_close(fds, n);
        return -EPROTO;
    }
    close(fds[0]);
    l->pages = base;
    l->pages_size = p->size;
    l->server.slots = (struct ioreq *)(base + p->ioreq);
    l->server.ring = p->bufioreq ? (struct buffered_iopage *)(base + p->bufioreq) : NULL;
    l->server.bounce = (struct ioreq_bounce){CORE_BOUNCE_GPA, base + p->bounce};
    l->side = (struct core_side *)(base + p->side);
    l->server.nvcpus = p->nvcpus;
    l->wake_fd = fds[1];
    memcpy(l->vcpu_fd, fds + 2, p->nvcpus * sizeof(int));
    return 0;
}

static int local_enable(struct transport *t)
{
    struct local *l = to_local(t);
    struct core_op op = {.op = XEN_DMOP_set_ioreq_server_state,
                         .u.state = {.id = l->id, .enabled = 1}};
    int err = core_call(l, &op);

    err = err ? err : local_attach_pages(l);
    err = err ? err : t->watch(t->loop, l->wake_fd, true, local_woken, l);
    return err ? err : t->watch(t->loop, l->core_fd, false, local_socket_ready, l);
}

/* --- set-up --- */

/* One piece, wholly inside its object and beside the pieces before it. */
static int ram_map_piece(struct local *l, const struct core_ram *ram, unsigned i, int fd)
{
    uint64_t gpa = ram->piece[i].gpa;
    uint64_t len = ram->piece[i].len;
    uint64_t offset = ram->piece[i].offset;
    struct stat st;

    if (len == 0 || len - 1 > UINT64_MAX - gpa || fstat(fd, &st) < 0 || st.st_size < 0 ||
        offset > (uint64_t)st.st_size || len > (uint64_t)st.st_size - offset) {
        return -EPROTO;
    }
    for (unsigned k = 0; k < i; k++) {
        if (gpa <= ram->piece[k].gpa + ram->piece[k].len - 1 &&
            ram->piece[k].gpa <= gpa + len - 1) {
            return -EPROTO;
        }
    }
    void *host = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);

    return host == MAP_FAILED ? -EPROTO : dma_ram_add(&l->ram, gpa, len, host);
}

static void local_unmap_ram(struct local *l)
{
    for (unsigned i = 0; i < l->ram.n; i++) {
        munmap(l->ram.piece[i].host, l->ram.piece[i].len);
    }
    l->ram.n = 0;
}

static int local_map_ram(struct local *l)
{
    struct core_op op = {.op = CORE_OP_GET_RAM};
    struct core_reply reply;
    int fds[CORE_MAX_RAM];
    int err = core_send(l, &op, -1);
    const struct core_ram *ram = &reply.u.ram;

    memset(&reply, 0, sizeof(reply));
    int n = err ? err : core_receive(l, &reply, fds, CORE_MAX_RAM);
    if (n < 0) {
        return n;
    }
    err = reply_result(&reply);
    err = err ? err : ram->n > CORE_MAX_RAM ? -EPROTO : 0;
    for (uint32_t i = 0; !err && i < ram->n; i++) {
        uint32_t fd = ram->piece[i].fd;

        err = fd < (uint32_t)n ? ram_map_piece(l, ram, i, fds[fd]) : -EPROTO;
    }
    fds_close(fds, (unsigned)n);
    return err;
}

static int local_create_server(struct local *l)
{
    struct core_op op = {.op = XEN_DMOP_create_ioreq_server,
                         .u.create.handle_bufioreq = HVM_IOREQSRV_BUFIOREQ_ATOMIC};
    int err = core_call(l, &op);

    l->id = op.u.create.id;
    return err;
}

static const struct transport_ops local_ops = {
    .claim = local_claim,
    .set_isa_irq = local_set_isa_irq,
    .set_pci_intx = local_set_pci_intx,
    .set_pci_link_route = local_set_pci_link_route,
    .add_object = local_add_object,
    .map = local_map,
    .post = local_post,
    .ignore = local_ignore,
    .set_pm_base = local_set_pm_base,
    .shutdown = local_shutdown,
    .enable = local_enable,
    .poll = local_poll,
    .pending = local_pending,
    .may_spin = local_may_spin,
    .prepare_sleep = local_prepare_sleep,
    .awake = local_awake,
    .flush_posted = local_flush_posted,
    .reset_lines = local_reset_lines,
};

struct transport *local_new(const struct local_config *cfg, char *err, size_t size)
{
    struct local *l = calloc(1, sizeof(*l));

    if (!l) {
        snprintf(err, size, "out of memory");
        return NULL;
    }
    l->t.ops = &local_ops;
    l->core_fd = cfg->core_fd;
    l->current = NO_VCPU;
    l->link_offset = cfg->link_offset;
    for (unsigned i = 0; i < CORE_WIRES; i++) {
        l->wires.eventfd[i] = -1;
        l->wires.resample_fd[i] = -1;
    }
    dma_ram_init(&l->ram);
    l->t.dma = &l->ram.dma;
    l->server.pio = cfg->pio;
    l->server.mmio = cfg->mmio;
    l->server.dma = &l->ram.dma;
    l->server.ops = cfg->ops;
    int rc = local_map_ram(l);
    rc = rc ? rc : local_create_server(l);
    if (rc) {
        snprintf(err, size, "core-fd=%d: the hypervisor core refused: %s", cfg->core_fd,
                 strerror(-rc));
        local_unmap_ram(l);
        free(l);
        return NULL;
    }
    return &l->t;
}
