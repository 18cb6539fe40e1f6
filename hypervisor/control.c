/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Serves struct core_op requests. The peer is not trusted: sizes, ids, flags and descriptors are
 * checked here or by the function that a request goes to, and each request gets one reply.
 */
#include "control.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <xen/sched.h>

#include "log.h"

#define DIRTY_BYTES 4096u
#define NO_FD       (-1)

/* One request on its way through. */
struct control_call {
    struct hv *hv;
    struct core_op op;
    int fd; /* came along, or NO_FD; taken over by setting it to NO_FD */
    struct core_reply reply;
    int fds[CORE_MAX_FDS];
    unsigned nfds;
    uint8_t dirty[DIRTY_BYTES];
    size_t ndirty;
};

/* --- operations: 0 or -errno --- */

static int op_get_ram(struct control_call *c)
{
    struct core_ram *ram = &c->reply.u.ram;
    struct hv_mem *m = &c->hv->mem;

    memset(ram, 0, sizeof(*ram));
    for (unsigned i = 0; i < m->nram; i++) {
        ram->piece[i].gpa = m->ram[i].gpa;
        ram->piece[i].len = m->ram[i].len;
        ram->piece[i].offset = m->ram[i].offset;
        ram->piece[i].fd = i;
        ram->piece[i].page_shift = m->ram[i].page_shift;
        c->fds[i] = m->ram[i].fd;
    }
    ram->n = c->nfds = m->nram;
    return 0;
}

static int op_get_pages(struct control_call *c)
{
    return server_pages(c->hv, &c->reply.u.op.u.pages, c->fds, &c->nfds);
}

static int op_add_object(struct control_call *c)
{
    int err = c->fd < 0 ? -EBADF : mem_add_object(c->hv, &c->op.u.object, c->fd);

    if (!err) {
        c->fd = NO_FD;
    }
    return err;
}

static int op_map(struct control_call *c)
{
    return mem_map(c->hv, &c->op.u.map);
}

static int op_unmap(struct control_call *c)
{
    return mem_unmap(c->hv, &c->op.u.map);
}

static int op_bind_wire(struct control_call *c)
{
    if (c->op.u.wire.reserved) {
        return -EINVAL;
    }
    int err = irq_bind_wire(c->hv, c->op.u.wire.wire, &c->fds[0], &c->fds[1]);

    c->nfds = err ? 0 : c->fds[1] < 0 ? 1 : 2;
    return err;
}

static int op_lower_wire(struct control_call *c)
{
    return c->op.u.wire.reserved ? -EINVAL : irq_lower_wire(c->hv, c->op.u.wire.wire);
}

static int op_post(struct control_call *c)
{
    return route_set_post(c->hv, &c->op.u.post);
}

static int op_set_pm_base(struct control_call *c)
{
    return chips_set_pm_base(c->hv, c->op.u.pm.base);
}

static int op_get_dirty(struct control_call *c)
{
    return mem_get_dirty(c->hv, &c->op.u.dirty, c->dirty, &c->ndirty);
}

static int op_flush_posted(struct control_call *c)
{
    return route_drain(c->hv, NULL) ? 0 : -EAGAIN;
}

static int op_create(struct control_call *c)
{
    return server_create(c->hv, &c->reply.u.op.u.create);
}

static int op_info(struct control_call *c)
{
    return server_info(c->hv, &c->reply.u.op.u.info);
}

static int op_map_range(struct control_call *c)
{
    return server_map_range(c->hv, &c->op.u.range, true);
}

static int op_unmap_range(struct control_call *c)
{
    return server_map_range(c->hv, &c->op.u.range, false);
}

static int op_set_state(struct control_call *c)
{
    return server_set_state(c->hv, &c->op.u.state);
}

static int op_destroy(struct control_call *c)
{
    return server_destroy(c->hv, &c->op.u.destroy);
}

static int op_intx(struct control_call *c)
{
    const struct xen_dm_op_set_pci_intx_level *o = &c->op.u.intx;

    if (o->domain || o->bus || o->level > 1) {
        return -EINVAL;
    }
    return irq_set_intx(c->hv, o->device, o->intx, o->level);
}

static int op_isa(struct control_call *c)
{
    if (c->op.u.isa.level > 1) {
        return -EINVAL;
    }
    return irq_set_isa(c->hv, c->op.u.isa.isa_irq, c->op.u.isa.level);
}

static int op_link(struct control_call *c)
{
    return irq_set_link_route(c->hv, c->op.u.link.link, c->op.u.link.isa_irq);
}

static int op_msi(struct control_call *c)
{
    return c->op.u.msi.pad ? -EINVAL : irq_inject_msi(c->hv, c->op.u.msi.addr, c->op.u.msi.data);
}

static int op_shutdown(struct control_call *c)
{
    static const enum hv_reason reasons[] = {
        [SHUTDOWN_poweroff] = HV_REASON_POWEROFF, [SHUTDOWN_reboot] = HV_REASON_RESET,
        [SHUTDOWN_suspend] = HV_REASON_SUSPEND,   [SHUTDOWN_crash] = HV_REASON_CRASH,
        [SHUTDOWN_watchdog] = HV_REASON_RESET,
    };
    uint32_t reason = c->op.u.shutdown.reason;

    if (reason == CORE_SHUTDOWN_DEBUG_EXIT) {
        hv_shutdown(c->hv, HV_REASON_DEBUG_EXIT, "the debug-exit port was written");
        return 0;
    }
    if (reason >= sizeof(reasons) / sizeof(reasons[0])) {
        return -EINVAL;
    }
    hv_shutdown(c->hv, reasons[reason], "the device model asked for it");
    return 0;
}

static int op_nr_vcpus(struct control_call *c)
{
    uint32_t n = c->hv->nvcpus;

    memcpy(c->reply.u.op.u.bytes, &n, sizeof(n));
    return 0;
}

static const struct {
    uint32_t op;
    int (*fn)(struct control_call *c);
} operations[] = {
    {CORE_OP_GET_RAM, op_get_ram},
    {CORE_OP_GET_PAGES, op_get_pages},
    {CORE_OP_ADD_OBJECT, op_add_object},
    {CORE_OP_MAP, op_map},
    {CORE_OP_UNMAP, op_unmap},
    {CORE_OP_BIND_WIRE, op_bind_wire},
    {CORE_OP_LOWER_WIRE, op_lower_wire},
    {CORE_OP_POST, op_post},
    {CORE_OP_SET_PM_BASE, op_set_pm_base},
    {CORE_OP_GET_DIRTY, op_get_dirty},
    {CORE_OP_FLUSH_POSTED, op_flush_posted},
    {XEN_DMOP_create_ioreq_server, op_create},
    {XEN_DMOP_get_ioreq_server_info, op_info},
    {XEN_DMOP_map_io_range_to_ioreq_server, op_map_range},
    {XEN_DMOP_unmap_io_range_from_ioreq_server, op_unmap_range},
    {XEN_DMOP_set_ioreq_server_state, op_set_state},
    {XEN_DMOP_destroy_ioreq_server, op_destroy},
    {XEN_DMOP_set_pci_intx_level, op_intx},
    {XEN_DMOP_set_isa_irq_level, op_isa},
    {XEN_DMOP_set_pci_link_route, op_link},
    {XEN_DMOP_inject_msi, op_msi},
    {XEN_DMOP_remote_shutdown, op_shutdown},
    {XEN_DMOP_nr_vcpus, op_nr_vcpus},
};

static int call_dispatch(struct control_call *c)
{
    static struct log_limit limit;

    for (unsigned i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (operations[i].op == c->op.op) {
            int err = operations[i].fn(c);

            if (err && err != -EAGAIN) {
                log_limited(&limit, LOG_DEBUG, "device model: operation %u: %s", c->op.op,
                            strerror(-err));
            }
            return err;
        }
    }
    return -ENOSYS;
}

/* --- the socket --- */

/* Keeps the first descriptor, closes any other. */
static void take_fds(struct msghdr *msg, int *fd)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        for (size_t i = 0; i < n; i++) {
            int got;

            memcpy(&got, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (*fd == NO_FD) {
                *fd = got;
            } else {
                close(got);
            }
        }
    }
}

/* Bytes received, 0 at the end of the connection. */
static ssize_t call_receive(struct control_call *c)
{
    union {
        struct cmsghdr hdr;
        char buf[CMSG_SPACE(sizeof(int) * 4)];
    } control;
    struct iovec iov = {&c->op, sizeof(c->op)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.buf,
                         .msg_controllen = sizeof(control.buf)};
    ssize_t n;

    do {
        n = recvmsg(c->hv->cfg.core_fd, &msg, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        take_fds(&msg, &c->fd);
        if (msg.msg_flags & MSG_TRUNC) {
            n = 1; /* refused below by its size */
        }
    }
    return n;
}

static bool call_reply(struct control_call *c)
{
    union {
        struct cmsghdr hdr;
        char buf[CMSG_SPACE(sizeof(int) * CORE_MAX_FDS)];
    } control = {0};
    struct iovec iov[2] = {{&c->reply, sizeof(c->reply)}, {c->dirty, c->ndirty}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = c->ndirty ? 2 : 1};
    ssize_t n;

    c->reply.nfds = c->nfds;
    if (c->nfds) {
        msg.msg_control = control.buf;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * c->nfds);
        control.hdr.cmsg_level = SOL_SOCKET;
        control.hdr.cmsg_type = SCM_RIGHTS;
        control.hdr.cmsg_len = CMSG_LEN(sizeof(int) * c->nfds);
        memcpy(CMSG_DATA(&control.hdr), c->fds, sizeof(int) * c->nfds);
    }
    do {
        n = sendmsg(c->hv->cfg.core_fd, &msg, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n >= 0;
}

static bool call_serve(struct hv *hv, struct control_call *c)
{
    memset(c, 0, offsetof(struct control_call, dirty));
    c->ndirty = 0;
    c->hv = hv;
    c->fd = NO_FD;
    ssize_t n = call_receive(c);

    if (n <= 0) {
        return false;
    }
    c->reply.u.op = c->op;
    c->reply.result = n == sizeof(c->op) && !c->op.pad ? call_dispatch(c) : -EINVAL;
    if (c->reply.result) {
        c->nfds = 0;
        c->ndirty = 0;
    }
    if (c->fd != NO_FD) {
        close(c->fd);
    }
    return call_reply(c);
}

static void *control_main(void *opaque)
{
    struct hv *hv = opaque;
    struct control_call *c = malloc(sizeof(*c));

    if (!c) {
        die("out of memory");
    }
    while (call_serve(hv, c)) {
    }
    free(c);
    if (!atomic_load(&hv->run.quit)) {
        route_dm_gone(hv);
        hv_shutdown(hv, HV_REASON_DM_GONE, "the device model has gone");
    }
    return NULL;
}

void control_start(struct hv *hv)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, control_main, hv) != 0) {
        die("cannot create the control thread");
    }
    pthread_detach(thread);
}
