/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ioreq servers: life cycle, ranges, shared pages. Contract section 1.6. */
#define __XEN_TOOLS__ 1 /* HVM_IOREQSRV_BUFIOREQ_* */
#include "hv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/hvm/hvm_op.h>

#include "log.h"
#include "post.h"
#include "vcpu.h"

/* Layout of a server's memfd; the bounce pages follow. */
enum { PAGE_IOREQ, PAGE_BUFIOREQ, PAGE_SIDE, PAGE_BOUNCE };

static struct ioreq_server *server_get(struct hv *hv, uint16_t id)
{
    if (id >= ROUTE_MAX_SERVERS || !hv->route.server[id].exists) {
        return NULL;
    }
    return &hv->route.server[id];
}

/*
 * New pages. A vCPU thread may still hold pointers into those of a destroyed server with this id:
 * they are replaced in place, never unmapped, and the eventfd is kept.
 */
static int pages_map(struct hv *hv, struct ioreq_server *s)
{
    size_t size = (size_t)(PAGE_BOUNCE + hv->nvcpus) * CORE_PAGE;
    int fd = memfd_create("ioreq-pages", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0) {
        return -errno;
    }
    void *p = MAP_FAILED;
    if (ftruncate(fd, (off_t)size) == 0) {
        p = mmap(s->pages, size, PROT_READ | PROT_WRITE, MAP_SHARED | (s->pages ? MAP_FIXED : 0),
                 fd, 0);
    }
    if (p == MAP_FAILED) {
        int err = -errno;

        close(fd);
        return err;
    }
    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    s->page_fd = fd;
    s->page_size = size;
    s->pages = p;
    s->slot = (struct ioreq *)(s->pages + PAGE_IOREQ * CORE_PAGE);
    s->buf = s->bufioreq_mode == HVM_IOREQSRV_BUFIOREQ_OFF
                 ? NULL
                 : (struct buffered_iopage *)(s->pages + PAGE_BUFIOREQ * CORE_PAGE);
    s->side = (struct core_side *)(s->pages + PAGE_SIDE * CORE_PAGE);
    s->bounce = s->pages + PAGE_BOUNCE * CORE_PAGE;
    return 0;
}

static int server_init(struct hv *hv, struct ioreq_server *s, uint8_t mode)
{
    s->bufioreq_mode = mode;
    s->ring_write = 0;
    memset(s->ranges, 0, sizeof(s->ranges));
    if (s->dm_fd < 0) {
        s->dm_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    int err = s->dm_fd < 0 ? -errno : pages_map(hv, s);

    s->exists = err == 0;
    return err;
}

int server_create(struct hv *hv, struct xen_dm_op_create_ioreq_server *op)
{
    if (op->handle_bufioreq > HVM_IOREQSRV_BUFIOREQ_ATOMIC || op->pad[0] || op->pad[1] ||
        op->pad[2]) {
        return -EINVAL;
    }
    int err = -ENOSPC;

    pthread_rwlock_wrlock(&hv->route.lock);
    for (unsigned i = 0; i < ROUTE_MAX_SERVERS; i++) {
        struct ioreq_server *s = &hv->route.server[i];

        if (!s->exists) {
            err = server_init(hv, s, op->handle_bufioreq);
            op->id = (ioservid_t)i;
            break;
        }
    }
    pthread_rwlock_unlock(&hv->route.lock);
    return err;
}

/* Only the first to ask has the frames of the params; they are placed once. */
static void server_place_frames(struct hv *hv, struct ioreq_server *s)
{
    for (unsigned i = 0; i < ROUTE_MAX_SERVERS; i++) {
        if (hv->route.server[i].owns_gfns) {
            return;
        }
    }
    s->owns_gfns = true;
}

int server_info(struct hv *hv, struct xen_dm_op_get_ioreq_server_info *op)
{
    struct ioreq_server *s = server_get(hv, op->id);

    if (!s) {
        return -ENOENT;
    }
    if (op->flags & ~XEN_DMOP_no_gfns) {
        return -EINVAL;
    }
    op->bufioreq_port = 0;
    if (op->flags & XEN_DMOP_no_gfns) {
        return 0;
    }
    pthread_rwlock_wrlock(&hv->route.lock);
    server_place_frames(hv, s);
    pthread_rwlock_unlock(&hv->route.lock);
    if (!s->owns_gfns) {
        return -ENOSPC;
    }
    op->ioreq_gfn = hv->params[HVM_PARAM_IOREQ_PFN];
    op->bufioreq_gfn = s->buf ? hv->params[HVM_PARAM_BUFIOREQ_PFN] : 0;
    return 0;
}

/* The address limit of each kind of range; the numbers are Xen's XEN_DMOP_IO_RANGE_*. */
static bool range_type_of(uint32_t xen, enum range_type *type, uint64_t *limit)
{
    switch (xen) {
    case XEN_DMOP_IO_RANGE_PORT:
        *type = RANGE_PORT;
        *limit = 0xffff;
        return true;
    case XEN_DMOP_IO_RANGE_MEMORY:
        *type = RANGE_MEMORY;
        *limit = UINT64_MAX;
        return true;
    case XEN_DMOP_IO_RANGE_PCI:
        *type = RANGE_PCI;
        *limit = UINT32_MAX;
        return true;
    default:
        return false;
    }
}

int server_map_range(struct hv *hv, const struct xen_dm_op_ioreq_server_range *op, bool map)
{
    struct ioreq_server *s = server_get(hv, op->id);
    enum range_type type;
    uint64_t limit;

    if (!s) {
        return -ENOENT;
    }
    if (op->pad || !range_type_of(op->type, &type, &limit) || op->start > op->end ||
        op->end > limit) {
        return -EINVAL;
    }
    pthread_rwlock_wrlock(&hv->route.lock);
    int err = map ? range_add(&s->ranges[type], op->start, op->end)
                  : range_remove(&s->ranges[type], op->start, op->end);
    pthread_rwlock_unlock(&hv->route.lock);
    return err;
}

static void server_clear_pages(struct hv *hv, struct ioreq_server *s)
{
    memset(s->pages, 0, PAGE_BOUNCE * CORE_PAGE);
    s->ring_write = 0;
    for (unsigned i = 0; i < hv->nvcpus; i++) {
        s->slot[i].vp_eport = i + 1;
    }
    s->side->dm_idle_cpus = atomic_load(&hv->route.may_spin);
}

int server_set_state(struct hv *hv, const struct xen_dm_op_set_ioreq_server_state *op)
{
    struct ioreq_server *s = server_get(hv, op->id);

    if (!s) {
        return -ENOENT;
    }
    if (op->enabled > 1 || op->pad) {
        return -EINVAL;
    }
    pthread_rwlock_wrlock(&hv->route.lock);
    if (op->enabled && !atomic_load(&s->enabled)) {
        server_clear_pages(hv, s);
    }
    atomic_store(&s->enabled, op->enabled != 0);
    pthread_rwlock_unlock(&hv->route.lock);
    return 0;
}

/* A vCPU that waits at a slot of this server sees state NONE and goes on with all ones. */
int server_destroy(struct hv *hv, const struct xen_dm_op_destroy_ioreq_server *op)
{
    struct ioreq_server *s = server_get(hv, op->id);

    if (!s) {
        return -ENOENT;
    }
    pthread_rwlock_wrlock(&hv->route.lock);
    atomic_store(&s->enabled, false);
    s->exists = false;
    s->owns_gfns = false;
    memset(s->pages, 0, PAGE_BOUNCE * CORE_PAGE);
    close(s->page_fd);
    s->page_fd = -1;
    pthread_rwlock_unlock(&hv->route.lock);
    for (unsigned i = 0; i < hv->nvcpus; i++) {
        vcpu_wake(&hv->vcpu[i]);
    }
    return 0;
}

int server_pages(struct hv *hv, struct core_pages *op, int *fds, unsigned *nfds)
{
    struct ioreq_server *s = server_get(hv, op->id);

    if (!s) {
        return -ENOENT;
    }
    if (!atomic_load(&s->enabled)) {
        return -EAGAIN;
    }
    op->nvcpus = (uint16_t)hv->nvcpus;
    op->size = (uint32_t)s->page_size;
    op->ioreq = PAGE_IOREQ * CORE_PAGE;
    op->bufioreq = s->buf ? PAGE_BUFIOREQ * CORE_PAGE : 0;
    op->side = PAGE_SIDE * CORE_PAGE;
    op->bounce = PAGE_BOUNCE * CORE_PAGE;
    fds[0] = s->page_fd;
    fds[1] = s->dm_fd;
    for (unsigned i = 0; i < hv->nvcpus; i++) {
        fds[2 + i] = hv->vcpu[i].wake_fd;
    }
    *nfds = 2 + hv->nvcpus;
    return 0;
}

void route_clear_slots(struct hv *hv)
{
    pthread_rwlock_wrlock(&hv->route.lock);
    for (unsigned i = 0; i < ROUTE_MAX_SERVERS; i++) {
        struct ioreq_server *s = &hv->route.server[i];

        for (unsigned n = 0; s->exists && n < hv->nvcpus; n++) {
            memset(&s->slot[n], 0, sizeof(s->slot[n]));
            s->slot[n].vp_eport = n + 1;
        }
    }
    pthread_rwlock_unlock(&hv->route.lock);
}

void route_reset(struct hv *hv)
{
    atomic_store(&hv->route.cf8, 0);
    post_reset(hv);
    pthread_rwlock_wrlock(&hv->route.lock);
    for (unsigned i = 0; i < ROUTE_MAX_SERVERS; i++) {
        struct ioreq_server *s = &hv->route.server[i];

        if (s->exists && s->buf) {
            s->ring_write = __atomic_load_n(&s->buf->read_pointer, __ATOMIC_ACQUIRE);
            __atomic_store_n(&s->buf->write_pointer, s->ring_write, __ATOMIC_RELEASE);
        }
    }
    pthread_rwlock_unlock(&hv->route.lock);
}
