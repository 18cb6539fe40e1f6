/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The core's control socket with a hostile device model at the other end: hypervisor/control.c and
 * all that it calls, on a stand-in for KVM that looks at what it is told. An input is a list of
 * requests: see request_next. Chips and vCPU threads are stood in for.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "../../hypervisor/control.c"
#include "post.h"
#include "trace.h"
#include "vcpu.h"

#define MEMORY       (64ull << 20)
#define MAX_REQUESTS 64u
#define FDS_WATCHED  128

int fuzz_kvm_ioctl(int fd, unsigned long request, ...);

static struct hv hv;
static struct fuzz_world *world;
static int dm_end; /* the device model's end of the socket */
static bool kvm_refuses;

/* --- what stands in --- */

/* Memory that a slot shows must be one that the core mapped, wholly. */
static void memory_region_check(const struct kvm_userspace_memory_region *r)
{
    if (!r->memory_size) {
        return;
    }
    for (unsigned i = 0; i < hv.mem.nram; i++) {
        uint64_t off = r->userspace_addr - (uintptr_t)hv.mem.ram[i].host;

        if (off < hv.mem.ram[i].len && r->memory_size <= hv.mem.ram[i].len - off) {
            return;
        }
    }
    for (unsigned i = 1; i < MEM_MAX_OBJECTS; i++) {
        uint64_t off = r->userspace_addr - (uintptr_t)hv.mem.object[i].host;

        if (hv.mem.object[i].host && off < hv.mem.object[i].size &&
            r->memory_size <= hv.mem.object[i].size - off) {
            if (!hv.mem.object[i].writable && !(r->flags & KVM_MEM_READONLY)) {
                fuzz_finding(world, "a read-only object is shown writable");
            }
            return;
        }
    }
    fuzz_finding(world, "slot %u shows %#llx bytes that are no guest memory", r->slot,
                 (unsigned long long)r->memory_size);
}

int fuzz_kvm_ioctl(int fd, unsigned long request, ...)
{
    va_list ap;

    va_start(ap, request);
    void *arg = va_arg(ap, void *);
    va_end(ap);
    if (kvm_refuses) {
        errno = ENOSPC;
        return -1;
    }
    if (request == KVM_SET_USER_MEMORY_REGION) {
        memory_region_check(arg);
    } else if (request == KVM_GET_DIRTY_LOG) {
        struct kvm_dirty_log *log = arg;

        memset(log->dirty_bitmap, 0xa5, hv.mem.slot[log->slot].len / CORE_PAGE / 64 * 8);
    } else if (request == KVM_GET_IRQCHIP) {
        ((struct kvm_irqchip *)arg)->chip.pic.irr = 0xff;
    }
    return 0;
}

int chips_set_pm_base(struct hv *h, uint16_t base)
{
    return 0;
}

void chips_set_alarm(struct hv *h, uint64_t ns)
{
}

bool chips_pio_read(struct hv *h, uint16_t port, unsigned size, uint32_t *val)
{
    return false;
}

bool chips_pio_write(struct hv *h, uint16_t port, unsigned size, uint32_t val)
{
    return false;
}

bool chips_mmio_read(struct hv *h, uint64_t addr, unsigned size, uint64_t *val)
{
    return false;
}

bool chips_mmio_write(struct hv *h, uint64_t addr, unsigned size, uint64_t val)
{
    return false;
}

void vcpu_wake(struct vcpu *vcpu)
{
}

void slot_call(struct vcpu *vcpu, struct ioreq_server *s, struct access *a, bool posted)
{
    a->data = UINT64_MAX;
}

void trace_posted(struct hv *h, unsigned server, uint8_t type, uint64_t addr, unsigned size,
                  uint64_t data)
{
}

void hv_shutdown(struct hv *h, enum hv_reason reason, const char *fmt, ...)
{
    fuzz_answer(world, reason);
}

/* --- the core, once, and what an input left in it --- */

static bool control_setup(struct fuzz_world *w)
{
    int ends[2];

    world = w;
    log_init("fuzz", -1, LOG_ERROR);
    hv.cfg.memory = MEMORY;
    hv.cfg.firmware = HV_FIRMWARE_XEN;
    hv.vm_fd = hv.kvm_fd = -1;
    hv.nvcpus = 2;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
        return false;
    }
    hv.cfg.core_fd = ends[0];
    dm_end = ends[1];
    for (unsigned i = 0; i < hv.nvcpus; i++) {
        hv.vcpu[i].hv = &hv;
        hv.vcpu[i].id = i;
        hv.vcpu[i].wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    pthread_mutex_init(&hv.run.lock, NULL);
    mem_create(&hv);
    irq_create(&hv);
    route_create(&hv);
    return true;
}

static void servers_clear(void)
{
    for (unsigned i = 0; i < ROUTE_MAX_SERVERS; i++) {
        struct ioreq_server *s = &hv.route.server[i];
        struct xen_dm_op_destroy_ioreq_server op = {.id = (ioservid_t)i};

        server_destroy(&hv, &op);
        if (s->pages) {
            munmap(s->pages, s->page_size);
        }
        if (s->dm_fd >= 0) {
            close(s->dm_fd);
        }
        *s = (struct ioreq_server){.id = i, .page_fd = -1, .dm_fd = -1};
    }
    while (hv.route.nposts) {
        struct core_post p = hv.route.post[0].post;

        p.on = 0;
        if (route_set_post(&hv, &p) != 0) {
            fuzz_finding(world, "what is posted cannot be taken back");
        }
    }
}

static void memory_clear(void)
{
    for (unsigned i = 0; i < MEM_MAX_PIECES; i++) {
        const struct mem_area *a = &hv.mem.piece[i];
        struct core_map m = {.gpa = a->gpa,
                             .len = a->len,
                             .offset = a->offset,
                             .object = a->object,
                             .kind = (uint8_t)a->kind,
                             .log_dirty = a->log_dirty};

        if (a->enabled && mem_unmap(&hv, &m) != 0) {
            fuzz_finding(world, "a mapped piece cannot be taken away");
        }
    }
    for (unsigned i = 1; i < MEM_MAX_OBJECTS; i++) {
        if (hv.mem.object[i].host) {
            munmap(hv.mem.object[i].host, hv.mem.object[i].size);
            memset(&hv.mem.object[i], 0, sizeof(hv.mem.object[i]));
            memmap_set_object(&hv.mem.map, i, NULL, 0);
        }
    }
}

static void wires_clear(void)
{
    for (unsigned i = 0; i < CORE_WIRES; i++) {
        if (hv.irq.wire_fd[i] >= 0) {
            close(hv.irq.wire_fd[i]);
        }
        if (hv.irq.resample_fd[i] >= 0) {
            close(hv.irq.resample_fd[i]);
        }
        hv.irq.wire_fd[i] = hv.irq.resample_fd[i] = -1;
    }
    memset(hv.irq.held, 0, sizeof(hv.irq.held));
    memset(hv.irq.line, 0, sizeof(hv.irq.line));
    memset(hv.irq.intx, 0, sizeof(hv.irq.intx));
    for (unsigned i = 0; i < 4; i++) {
        irq_set_link_route(&hv, i, 0);
    }
}

static unsigned fds_open(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < FDS_WATCHED; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

/* --- requests --- */

static const uint32_t ops[] = {
    CORE_OP_GET_RAM,
    CORE_OP_GET_PAGES,
    CORE_OP_ADD_OBJECT,
    CORE_OP_MAP,
    CORE_OP_UNMAP,
    CORE_OP_BIND_WIRE,
    CORE_OP_LOWER_WIRE,
    CORE_OP_POST,
    CORE_OP_SET_PM_BASE,
    CORE_OP_GET_DIRTY,
    CORE_OP_FLUSH_POSTED,
    XEN_DMOP_create_ioreq_server,
    XEN_DMOP_get_ioreq_server_info,
    XEN_DMOP_map_io_range_to_ioreq_server,
    XEN_DMOP_unmap_io_range_from_ioreq_server,
    XEN_DMOP_set_ioreq_server_state,
    XEN_DMOP_destroy_ioreq_server,
    XEN_DMOP_set_pci_intx_level,
    XEN_DMOP_set_isa_irq_level,
    XEN_DMOP_set_pci_link_route,
    XEN_DMOP_inject_msi,
    XEN_DMOP_remote_shutdown,
    XEN_DMOP_nr_vcpus,
};
#define NOPS (sizeof(ops) / sizeof(ops[0]))

enum sent_fd { FD_NONE, FD_SEALED, FD_UNSEALED, FD_SMALL, FD_READONLY, FD_EVENT, FD_TWO, FD_KINDS };

struct request {
    struct core_op op;
    size_t len;
    enum sent_fd fd;
    bool kvm_refuses;
};

/*
 * Byte 0: number in ops, or beyond it any. Byte 1: bits 2-0 what descriptor comes along, bit 3 a
 * datagram too short, bit 4 too long, bit 5 a pad that is not zero, bit 6 KVM refuses all. Byte 2:
 * how many bytes follow, of the payload.
 */
static bool request_next(const uint8_t **at, size_t *left, struct request *r)
{
    size_t n;

    if (*left < 3) {
        return false;
    }
    n = (*at)[2] % (sizeof(r->op.u) + 1);
    n = n > *left - 3 ? *left - 3 : n;
    memset(r, 0, sizeof(*r));
    r->op.op = (*at)[0] < NOPS ? ops[(*at)[0]] : (*at)[0] * 0x01010101u;
    r->op.pad = ((*at)[1] >> 5) & 1;
    r->fd = ((*at)[1] & 7) % FD_KINDS;
    r->kvm_refuses = ((*at)[1] & 64) != 0;
    r->len = sizeof(r->op) - ((*at)[1] & 8) + ((*at)[1] & 16);
    memcpy(r->op.u.bytes, *at + 3, n);
    *at += 3 + n;
    *left -= 3 + n;
    return true;
}

/* A memfd of as much as the request speaks of, within bounds. */
static int object_fd(const struct request *r)
{
    uint64_t size = r->op.u.object.size < (4u << 20) ? r->op.u.object.size : 4u << 20;
    unsigned seals = r->fd == FD_UNSEALED ? 0 : F_SEAL_SHRINK;
    int fd = memfd_create("object", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (r->fd == FD_EVENT) {
        close(fd);
        return eventfd(0, EFD_CLOEXEC);
    }
    if (ftruncate(fd, (off_t)(r->fd == FD_SMALL ? size / 2 : size)) < 0) {
        abort();
    }
    if (r->fd == FD_READONLY) {
        seals |= F_SEAL_WRITE;
    }
    if (seals) {
        fcntl(fd, F_ADD_SEALS, seals);
    }
    return fd;
}

static void request_send(const struct request *r)
{
    uint8_t bytes[sizeof(struct core_op) + 16] = {0};
    union {
        struct cmsghdr hdr;
        char buf[CMSG_SPACE(sizeof(int) * 2)];
    } control = {0};
    struct iovec iov = {bytes, r->len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    unsigned nfds = r->fd == FD_NONE ? 0 : r->fd == FD_TWO ? 2 : 1;
    int fds[2];

    memcpy(bytes, &r->op, sizeof(r->op));
    for (unsigned i = 0; i < nfds; i++) {
        fds[i] = object_fd(r);
    }
    if (nfds) {
        msg.msg_control = control.buf;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
        control.hdr.cmsg_level = SOL_SOCKET;
        control.hdr.cmsg_type = SCM_RIGHTS;
        control.hdr.cmsg_len = CMSG_LEN(sizeof(int) * nfds);
        memcpy(CMSG_DATA(&control.hdr), fds, sizeof(int) * nfds);
    }
    if (sendmsg(dm_end, &msg, MSG_NOSIGNAL) < 0) {
        abort();
    }
    for (unsigned i = 0; i < nfds; i++) {
        close(fds[i]);
    }
}

/* Takes the reply off the socket; its descriptors are closed. */
static void reply_check(const struct request *r)
{
    static uint8_t bytes[sizeof(struct core_reply) + DIRTY_BYTES + 1];
    struct core_reply reply;
    union {
        struct cmsghdr hdr;
        char buf[CMSG_SPACE(sizeof(int) * CORE_MAX_FDS)];
    } control;
    struct iovec iov = {bytes, sizeof(bytes)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.buf,
                         .msg_controllen = sizeof(control.buf)};
    ssize_t n = recvmsg(dm_end, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    unsigned nfds = 0;

    if (n < (ssize_t)sizeof(reply)) {
        fuzz_finding(world, "operation %#x: a reply of %zd bytes", r->op.op, n);
    }
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
        for (size_t i = 0; CMSG_LEN(sizeof(int) * (i + 1)) <= c->cmsg_len; i++, nfds++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            close(fd);
        }
    }
    memcpy(&reply, bytes, sizeof(reply));
    if (reply.result > 0 || reply.nfds != nfds) {
        fuzz_finding(world, "operation %#x: result %d, %u descriptors of %u", r->op.op,
                     reply.result, nfds, reply.nfds);
    }
    if (reply.result == 0 && (r->len != sizeof(struct core_op) || r->op.pad)) {
        fuzz_finding(world, "operation %#x was accepted malformed", r->op.op);
    }
    fuzz_answer(world, (uint32_t)reply.result);
}

/* --- what must hold after each request --- */

static void ranges_check(const struct range_set *s)
{
    for (unsigned i = 0; i < s->n; i++) {
        if (s->r[i].start > s->r[i].end || (i && s->r[i - 1].end >= s->r[i].start)) {
            fuzz_finding(world, "a server's ranges are out of order");
        }
    }
}

static void state_check(void)
{
    for (unsigned i = 0; i < ROUTE_MAX_SERVERS; i++) {
        for (unsigned k = 0; hv.route.server[i].exists && k < RANGE_TYPES; k++) {
            ranges_check(&hv.route.server[i].ranges[k]);
        }
    }
    for (unsigned i = 0; i < hv.route.nposts; i++) {
        const struct core_post *p = &hv.route.post[i].post;

        if (p->space == 0 && p->kind == CORE_POST_BUFFER && p->start <= 0xcfb && p->end >= 0xcf8) {
            fuzz_finding(world, "the configuration address was posted");
        }
    }
}

static void control_run(struct fuzz_world *w, const uint8_t *data, size_t size)
{
    static struct control_call call;
    unsigned before = fds_open();
    struct request r;

    for (unsigned i = 0; i < MAX_REQUESTS && request_next(&data, &size, &r); i++) {
        request_send(&r);
        kvm_refuses = r.kvm_refuses;
        if (!call_serve(&hv, &call)) {
            fuzz_finding(w, "operation %#x ended the service", r.op.op);
        }
        kvm_refuses = false;
        reply_check(&r);
        state_check();
    }
    servers_clear();
    memory_clear();
    wires_clear();
    if (fds_open() != before) {
        fuzz_finding(w, "%u descriptors open, %u before", fds_open(), before);
    }
}

static void control_describe(struct fuzz_world *w, const uint8_t *data, size_t size)
{
    static const char *const fds[FD_KINDS] = {
        "",          " +memfd",     " +memfd not sealed", " +memfd too small", " +memfd read-only",
        " +eventfd", " +two memfds"};
    struct request r;

    for (unsigned i = 0; i < MAX_REQUESTS && request_next(&data, &size, &r); i++) {
        printf("%3u op %#x pad %u, %zu bytes%s%s:", i, r.op.op, r.op.pad, r.len, fds[r.fd],
               r.kvm_refuses ? ", KVM refuses" : "");
        for (unsigned k = 0; k < sizeof(r.op.u); k += 8) {
            uint64_t v;

            memcpy(&v, r.op.u.bytes + k, 8);
            printf(" %#" PRIx64, v);
        }
        printf("\n");
    }
}

FUZZ_TARGET(control) = {
    .name = "control",
    .about = "the core's control socket, with a hostile device model",
    .setup = control_setup,
    .run = control_run,
    .describe = control_describe,
    .max_bytes = 2048,
};
