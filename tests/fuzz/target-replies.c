/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device model's end of the control socket (ioreq/local.c) with answers that no core of ours
 * gives. An input is a list of replies, each waiting when its operation is sent: see reply_next.
 */
#include "fuzz.h"

#include <inttypes.h>
#include <sys/eventfd.h>

#include "../../ioreq/local.c"

#define MAX_REPLIES 48u
#define MAX_LEN     (1u << 20) /* of memory that a reply speaks of, behind its descriptor */
#define FDS_WATCHED 128

static struct fuzz_world *world;
static int core_end, dm_end;
static struct bus pio, mmio;
static const uint8_t *input;
static size_t left;
static unsigned calls;
static struct {
    void (*ready)(void *opaque);
    void *opaque;
    int fd;
} watched[CORE_WIRES + 4];
static unsigned nwatched;

/* --- replies --- */

struct reply_spec {
    struct core_reply reply;
    size_t len;
    unsigned nfds;
    uint8_t kind; /* of descriptors */
};

/*
 * Byte 0: bits 1-0 result (0, -EINVAL, positive, huge), bit 2 too short, bits 7-3 descriptors.
 * Byte 1: bits 1-0 kind of descriptors (eventfd, memfd, memfd of one page). Bytes 2-3: how many
 * bytes of the payload follow.
 */
static bool reply_next(const uint8_t **at, size_t *n, struct reply_spec *r)
{
    static const int32_t results[] = {0, -EINVAL, 7, INT32_MIN};
    size_t bytes;

    if (*n < 4) {
        return false;
    }
    bytes = ((*at)[2] | (size_t)(*at)[3] << 8) % (sizeof(r->reply.u) + 1);
    bytes = bytes > *n - 4 ? *n - 4 : bytes;
    memset(r, 0, sizeof(*r));
    r->reply.result = results[(*at)[0] & 3];
    r->len = (*at)[0] & 4 ? 4 : sizeof(r->reply);
    r->nfds = ((*at)[0] >> 3) % (CORE_MAX_FDS + 1);
    r->kind = (*at)[1] & 3;
    memcpy(&r->reply.u, *at + 4, bytes);
    *at += 4 + bytes;
    *n -= 4 + bytes;
    return true;
}

static int reply_fd(const struct reply_spec *r)
{
    if (r->kind == 0) {
        return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    int fd = memfd_create("reply", MFD_CLOEXEC);

    if (fd < 0 || ftruncate(fd, r->kind == 1 ? MAX_LEN : CORE_PAGE) < 0) {
        abort();
    }
    return fd;
}

static void reply_send(const struct reply_spec *r)
{
    union {
        struct cmsghdr hdr;
        char buf[CMSG_SPACE(sizeof(int) * CORE_MAX_FDS)];
    } control = {0};
    struct iovec iov = {(void *)(uintptr_t)&r->reply, r->len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    int fds[CORE_MAX_FDS];

    for (unsigned i = 0; i < r->nfds; i++) {
        fds[i] = reply_fd(r);
    }
    if (r->nfds) {
        msg.msg_control = control.buf;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * r->nfds);
        control.hdr.cmsg_level = SOL_SOCKET;
        control.hdr.cmsg_type = SCM_RIGHTS;
        control.hdr.cmsg_len = CMSG_LEN(sizeof(int) * r->nfds);
        memcpy(CMSG_DATA(&control.hdr), fds, sizeof(int) * r->nfds);
    }
    if (sendmsg(core_end, &msg, MSG_NOSIGNAL) < 0) {
        abort();
    }
    for (unsigned i = 0; i < r->nfds; i++) {
        close(fds[i]);
    }
}

/* Puts the next reply where the operation to come will find it; one that says yes when none is
 * left. */
static void prepare(void)
{
    struct reply_spec r = {.len = sizeof(r.reply)};

    if (calls++ < MAX_REPLIES) {
        reply_next(&input, &left, &r);
    }
    reply_send(&r);
}

/* Takes off both ends of the socket what an operation left there. */
static void settle(void)
{
    struct core_reply reply;
    struct core_op op;
    int fds[CORE_MAX_FDS];
    struct local fake = {.core_fd = dm_end};
    int n;

    while (recv(core_end, &op, sizeof(op), MSG_DONTWAIT) > 0) {
        fuzz_answer(world, op.op);
    }
    struct pollfd p = {dm_end, POLLIN, 0};
    while (poll(&p, 1, 0) > 0) {
        n = core_receive(&fake, &reply, fds, CORE_MAX_FDS);
        for (int i = 0; i < n; i++) {
            close(fds[i]);
        }
    }
}

/* --- the device model --- */

static int watch(void *loop, int fd, bool edge, void (*ready)(void *opaque), void *opaque)
{
    if (nwatched < sizeof(watched) / sizeof(watched[0])) {
        watched[nwatched].ready = ready;
        watched[nwatched].opaque = opaque;
        watched[nwatched++].fd = fd;
    }
    return 0;
}

static struct transport *connect_core(void)
{
    struct local_config cfg = {.core_fd = dm_end, .pio = &pio, .mmio = &mmio};
    char err[160];

    prepare(); /* guest RAM */
    prepare(); /* the server */
    struct transport *t = local_new(&cfg, err, sizeof(err));

    if (t) {
        t->watch = watch;
    }
    return t;
}

/* Guest RAM must be what its descriptor holds: reading its ends must not fault. */
static void ram_touch(struct local *l)
{
    uint8_t b[2];

    for (unsigned i = 0; i < l->ram.n; i++) {
        dma_read(&l->ram.dma, l->ram.piece[i].gpa, b, 1);
        dma_read(&l->ram.dma, l->ram.piece[i].gpa + l->ram.piece[i].len - 1, b + 1, 1);
        fuzz_answer(world, l->ram.piece[i].len);
    }
}

static void serve(struct transport *t)
{
    struct local *l = to_local(t);

    prepare(); /* set state */
    prepare(); /* pages */
    if (t->ops->enable(t) != 0) {
        settle();
        return;
    }
    settle();
    fuzz_answer(world, l->server.nvcpus);
    for (unsigned i = 0; i < l->server.nvcpus; i++) {
        volatile uint8_t *slot = (volatile uint8_t *)&l->server.slots[i];

        slot[30] = STATE_IOREQ_READY;
        slot[20] = 1;
        slot[16] = 1;
        *(l->server.bounce.host + (size_t)i * CORE_PAGE + CORE_PAGE - 1) = 1;
    }
    t->ops->poll(t);
    t->ops->prepare_sleep(t);
    t->ops->awake(t);
    prepare(); /* one wire bound, on the way */
    t->ops->set_isa_irq(t, 4, 1);
    settle();
    for (unsigned dev = 0; dev < 3; dev++) {
        prepare();
        t->ops->set_pci_intx(t, dev, dev & 3, 1);
        settle();
        for (unsigned i = 0; i < nwatched && watched[i].fd != dm_end; i++) {
            watched[i].ready(watched[i].opaque);
        }
        prepare();
        t->ops->set_pci_intx(t, dev, dev & 3, 0);
        settle();
    }
    prepare();
    t->ops->flush_posted(t);
    settle();
}

/* What the process would keep to its end. */
static void local_free(struct local *l)
{
    local_unmap_ram(l);
    for (unsigned i = 0; i < CORE_WIRES; i++) {
        if (l->wires.eventfd[i] >= 0) {
            close(l->wires.eventfd[i]);
        }
        if (l->wires.resample_fd[i] >= 0) {
            close(l->wires.resample_fd[i]);
        }
    }
    if (l->server.slots) {
        close(l->wake_fd);
        for (unsigned i = 0; i < l->server.nvcpus; i++) {
            close(l->vcpu_fd[i]);
        }
        munmap(l->pages, l->pages_size);
    }
    for (unsigned i = 0; i < nwatched; i++) {
        if (watched[i].ready == wire_resampled) {
            free(watched[i].opaque);
        }
    }
    free(l);
}

static unsigned fds_open(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < FDS_WATCHED; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

static bool replies_setup(struct fuzz_world *w)
{
    int ends[2];

    world = w;
    bus_init(&pio, 0xffff);
    bus_init(&mmio, UINT64_MAX);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
        return false;
    }
    core_end = ends[0];
    dm_end = ends[1];
    return true;
}

static void replies_run(struct fuzz_world *w, const uint8_t *data, size_t size)
{
    unsigned before = fds_open();

    input = data;
    left = size;
    calls = nwatched = 0;
    struct transport *t = connect_core();
    settle();
    if (t) {
        ram_touch(to_local(t));
        prepare();
        t->ops->claim(t, SPACE_PIO, 0x1f0, 0x1f7, true);
        settle();
        serve(t);
        local_free(to_local(t));
    }
    settle();
    if (fds_open() != before) {
        fuzz_finding(w, "%u descriptors open, %u before", fds_open(), before);
    }
}

static void replies_describe(struct fuzz_world *w, const uint8_t *data, size_t size)
{
    static const char *const kinds[] = {"eventfd", "memfd", "memfd of a page", "memfd of a page"};
    struct reply_spec r;

    for (unsigned i = 0; i < MAX_REPLIES && reply_next(&data, &size, &r); i++) {
        printf("%3u result %d, %zu bytes, %u x %s:", i, r.reply.result, r.len, r.nfds,
               kinds[r.kind]);
        for (unsigned k = 0; k < 8; k++) {
            printf(" %#" PRIx32, ((uint32_t *)&r.reply.u)[k]);
        }
        printf("\n");
    }
}

FUZZ_TARGET(replies) = {
    .name = "replies",
    .about = "the device model's end of the control socket, with a hostile core",
    .setup = replies_setup,
    .run = replies_run,
    .describe = replies_describe,
    .max_bytes = 4096,
};
