/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ioreq server against pages that hold anything: entries XEN-01, 03, 04, 09 and VGA-08 of the
 * catalogue in docs/security.md. Pages that change under it: test-ioreq-page.c, test-ioreq-race.c.
 */
#include "test-ioreq.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleave_core.h"
#include "local.h"

/* VGA-08: a span that straddles the window's start is done element by element. */
static void test_movs_straddles_window(struct fixture *f, gconstpointer data)
{
    struct spec_request movs = {.addr = 0xa0001,
                                .data = 0x1000,
                                .count = 4,
                                .size = 1,
                                .ptr = 1,
                                .df = 1,
                                .type = SPEC_TYPE_COPY};

    serve(f, &movs);
    g_assert_cmpuint(f->writes, ==, 2);
}

/* XEN-03: every combination of edges; whatever is malformed answers ones and does nothing. */
static void test_hostile_slots(struct fixture *f, gconstpointer data)
{
    static const uint64_t addr[] = {0,       0x1f0,      0xfffd,         0xffff,    0x10000,
                                    0xa0000, 1ull << 32, UINT64_MAX - 1, UINT64_MAX};
    static const uint32_t size[] = {0, 1, 2, 3, 4, 5, 8, 0xffffffff};
    static const uint32_t count[] = {0, 1, 512, 4096, 4097, 0xffffffff};
    struct spec_request r = {0};
    unsigned served = 0;

    for (unsigned type = 0; type < 256; type += type < 10 ? 1 : 49) {
        for (unsigned i = 0; i < G_N_ELEMENTS(addr) * G_N_ELEMENTS(size) * G_N_ELEMENTS(count) * 8;
             i++) {
            r.type = (uint8_t)type;
            r.ptr = i & 1;
            r.read = (i >> 1) & 1;
            r.df = (i >> 2) & 1;
            r.addr = addr[(i >> 3) % G_N_ELEMENTS(addr)];
            r.size = size[(i >> 3) / G_N_ELEMENTS(addr) % G_N_ELEMENTS(size)];
            r.count = count[(i >> 3) / G_N_ELEMENTS(addr) / G_N_ELEMENTS(size)];
            r.data = r.addr;
            uint64_t before = f->s.malformed;
            uint64_t answer = serve(f, &r);
            if (f->s.malformed != before && r.read && !r.ptr) {
                g_assert_cmphex(answer, ==, UINT64_MAX);
            }
            served++;
        }
    }
    g_assert_cmpuint(f->s.malformed, >, served / 2);
    r = (struct spec_request){.addr = 0xffff, .count = 1, .size = 2, .read = 1};
    uint64_t before = f->s.malformed;
    serve(f, &r); /* a port access that leaves the port space */
    g_assert_cmpuint(f->s.malformed, ==, before + 1);
}

static void change_slot(void *opaque, unsigned vcpu)
{
    struct fixture *f = opaque;

    memset(f->page, 0xff, 30); /* the other side changes everything before the response */
}

/* XEN-01: what changes in the slot after the copy has no effect on the work or the state byte. */
static void test_slot_changes_under_us(struct fixture *f, gconstpointer data)
{
    struct spec_request out = {.addr = 0x1f1, .data = 0x55, .count = 1, .size = 1};

    put(f, 0, &out);
    g_assert_true(ioreq_serve(&f->s, 0, change_slot, f));
    g_assert_cmphex(f->last[0], ==, 0x55 | 1ull << 32);
    g_assert_cmphex(f->page[30], ==, SPEC_STATE_RESP);
}

/* XEN-04: pointers at any value: bounded work, and the ring goes on afterwards. */
static void test_ring_hostile(struct fixture *f, gconstpointer data)
{
    static const uint32_t edge[] = {0,          1,          510,        511,       512,
                                    0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};

    for (unsigned i = 0; i < G_N_ELEMENTS(edge); i++) {
        for (unsigned j = 0; j < G_N_ELEMENTS(edge); j++) {
            ring_set(f, edge[i], edge[j]);
            g_assert_cmpuint(ioreq_drain(&f->s), <=, 511);
        }
    }
    ring_set(f, 7, 7 + 512);
    uint64_t before = f->s.malformed;
    g_assert_cmpuint(ioreq_drain(&f->s), ==, 0);
    g_assert_cmpuint(f->s.malformed, ==, before + 1);
    g_assert_false(ioreq_ring_pending(&f->s));
}

/* XEN-03: of the sixteen states only READY is work; a slot in any other is left alone. */
static void test_states(struct fixture *f, gconstpointer data)
{
    struct spec_request out = {.addr = 0x1f0, .data = 0x77, .count = 1, .size = 1};

    for (unsigned state = 0; state < 16; state++) {
        uint8_t before[32];

        put(f, 0, &out);
        f->page[30] = (uint8_t)((f->page[30] & 0xf0) | state);
        memcpy(before, f->page, 32);
        g_assert_cmpint(ioreq_ready(&f->s, 0), ==, state == SPEC_STATE_READY);
        g_assert_cmpint(ioreq_serve(&f->s, 0, NULL, NULL), ==, state == SPEC_STATE_READY);
        if (state != SPEC_STATE_READY) {
            g_assert_cmpmem(f->page, 32, before, 32);
        }
    }
    g_assert_cmpuint(f->writes, ==, 1);
}

/* XEN-03: the address decides before it is cut to 16 bits; nothing aliases a port below 64 KiB. */
static void test_wide_ports(struct fixture *f, gconstpointer data)
{
    for (unsigned bit = 16; bit < 64; bit++) {
        for (unsigned read = 0; read < 2; read++) {
            for (unsigned ptr = 0; ptr < 2; ptr++) {
                struct spec_request r = {.addr = 1ull << bit | 0x1f0,
                                         .data = 0x1000,
                                         .count = 1,
                                         .size = 1,
                                         .ptr = (uint8_t)ptr,
                                         .read = (uint8_t)read};
                uint64_t answer = serve(f, &r);

                if (read && !ptr) {
                    g_assert_cmphex(answer, ==, UINT64_MAX);
                }
            }
        }
    }
    g_assert_cmpuint(f->reads + f->writes, ==, 0);
    g_assert_cmpuint(f->s.malformed, ==, 48 * 4);
}

/* --- XEN-09: what goes to the core holds nothing but what was meant --- */

#define CORE_OPS 64

struct fake_core {
    int fd[2];
    pthread_t thread;
    struct core_op op[CORE_OPS];
    unsigned n;
};

static void core_answer(int fd, struct core_reply *reply, const int *fds, unsigned nfds)
{
    union {
        struct cmsghdr hdr;
        char buf[CMSG_SPACE(sizeof(int) * 4)];
    } control = {0};
    struct iovec iov = {reply, sizeof(*reply)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    reply->nfds = nfds;
    if (nfds) {
        msg.msg_control = control.buf;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
        control.hdr.cmsg_level = SOL_SOCKET;
        control.hdr.cmsg_type = SCM_RIGHTS;
        control.hdr.cmsg_len = CMSG_LEN(sizeof(int) * nfds);
        memcpy(CMSG_DATA(&control.hdr), fds, sizeof(int) * nfds);
    }
    g_assert_cmpint(sendmsg(fd, &msg, 0), ==, sizeof(*reply));
}

static int memory_fd(off_t size)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    g_assert_cmpint(ftruncate(fd, size), ==, 0);
    return fd;
}

static void *core_main(void *opaque)
{
    struct fake_core *c = opaque;
    struct core_op op;

    while (recv(c->fd[1], &op, sizeof(op), 0) == sizeof(op)) {
        struct core_reply reply = {.u.op = op};
        int fds[3] = {-1, -1, -1};
        unsigned n = 0;

        g_assert_cmpuint(c->n, <, CORE_OPS);
        c->op[c->n++] = op;
        if (op.op == CORE_OP_GET_RAM) {
            memset(&reply.u, 0, sizeof(reply.u));
            reply.u.ram.n = 1;
            reply.u.ram.piece[0].len = 0x10000;
            fds[n++] = memory_fd(0x10000);
        } else if (op.op == CORE_OP_GET_PAGES) {
            reply.u.op.u.pages = (struct core_pages){.nvcpus = 1,
                                                     .size = 4 * CORE_PAGE,
                                                     .bufioreq = CORE_PAGE,
                                                     .side = 2 * CORE_PAGE,
                                                     .bounce = 3 * CORE_PAGE};
            fds[n++] = memory_fd(4 * CORE_PAGE);
            fds[n++] = eventfd(0, 0);
            fds[n++] = eventfd(0, 0);
        } else if (op.op == CORE_OP_BIND_WIRE) {
            fds[n++] = eventfd(0, 0);
            fds[n++] = eventfd(0, 0);
        }
        core_answer(c->fd[1], &reply, fds, n);
        for (unsigned i = 0; i < n; i++) {
            close(fds[i]);
        }
    }
    return NULL;
}

static int no_watch(void *loop, int fd, bool edge, void (*ready)(void *opaque), void *opaque)
{
    return 0;
}

/* Leaves a pattern where the next calls have their locals. */
__attribute__((noinline)) static void poison_stack(void)
{
    volatile uint8_t junk[16384];

    for (unsigned i = 0; i < sizeof(junk); i++) {
        junk[i] = 0xa5;
    }
}

#define POISONED(call) (poison_stack(), (call))

/* The transport says everything that it can say. */
static void say_everything(struct transport *t, int fd)
{
    const struct mem_flat piece = {0xf0000000, 0x1000, 0, 1, MEM_RAM, true};

    POISONED(t->ops->claim(t, SPACE_PIO, 0x1f0, 0x1f7, true));
    POISONED(t->ops->claim(t, SPACE_PCI, 8, 8, true));
    POISONED(t->ops->claim(t, SPACE_MMIO, 0xa0000, 0xbffff, false));
    POISONED(t->ops->add_object(t, 1, fd, 0x1000));
    POISONED(t->ops->map(t, &piece, true));
    POISONED(t->ops->map(t, &piece, false));
    POISONED(t->ops->enable(t));
    POISONED(t->ops->set_pci_link_route(t, 1, 10));
    POISONED(t->ops->set_isa_irq(t, 4, 1));
    POISONED(t->ops->set_isa_irq(t, 4, 0));
    POISONED(t->ops->set_isa_irq(t, 9, 1));
    POISONED(t->ops->set_isa_irq(t, 9, 0));
    POISONED(t->ops->set_pci_intx(t, 3, 0, 1));
    POISONED(t->ops->set_pci_intx(t, 3, 0, 0));
    POISONED(t->ops->post(t, SPACE_PIO, 0x3c0, 0x3df, true));
    POISONED(t->ops->ignore(t, 0x80, 1, true));
    POISONED(t->ops->set_pm_base(t, 0xb000));
    POISONED(t->ops->flush_posted(t));
    POISONED(t->ops->shutdown(t, 1));
}

/* The bytes of an operation that mean something; all others must be zero. */
static size_t op_payload(const struct core_op *op)
{
    switch (op->op) {
    case CORE_OP_GET_RAM:
    case CORE_OP_FLUSH_POSTED:
        return 0;
    case CORE_OP_GET_PAGES:
    case CORE_OP_SET_PM_BASE:
    case XEN_DMOP_create_ioreq_server:
        return 2;
    case CORE_OP_ADD_OBJECT:
        return sizeof(op->u.object);
    case CORE_OP_MAP:
    case CORE_OP_UNMAP:
        return 30;
    case CORE_OP_BIND_WIRE:
    case CORE_OP_LOWER_WIRE:
    case XEN_DMOP_remote_shutdown:
        return 4;
    case CORE_OP_POST:
        return 28;
    case XEN_DMOP_map_io_range_to_ioreq_server:
    case XEN_DMOP_unmap_io_range_from_ioreq_server:
        return sizeof(op->u.range);
    case XEN_DMOP_set_ioreq_server_state:
        return 3;
    case XEN_DMOP_set_pci_link_route:
        return 2;
    default:
        g_assert_not_reached(); /* a new operation: say here how long it is */
    }
}

static void test_leak(struct fixture *f, gconstpointer data)
{
    struct fake_core c = {0};
    struct local_config cfg = {.pio = &f->pio, .mmio = &f->mmio};
    char err[200] = "";
    int fd = memory_fd(0x1000);

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, c.fd), ==, 0);
    g_assert_cmpint(pthread_create(&c.thread, NULL, core_main, &c), ==, 0);
    cfg.core_fd = c.fd[0];
    struct transport *t = POISONED(local_new(&cfg, err, sizeof(err)));

    g_assert_nonnull(t);
    t->watch = no_watch;
    say_everything(t, fd);
    shutdown(c.fd[0], SHUT_RDWR);
    pthread_join(c.thread, NULL);
    g_assert_cmpuint(c.n, >=, 18);
    for (unsigned i = 0; i < c.n; i++) {
        g_assert_cmphex(c.op[i].pad, ==, 0);
        for (size_t at = op_payload(&c.op[i]); at < sizeof(c.op[i].u); at++) {
            g_assert_cmphex(c.op[i].u.bytes[at], ==, 0);
        }
        if (c.op[i].op == XEN_DMOP_map_io_range_to_ioreq_server) {
            g_assert_cmphex(c.op[i].u.range.pad, ==, 0);
        }
    }
    close(c.fd[0]);
    close(c.fd[1]);
    close(fd);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*fn)(struct fixture *, gconstpointer);
    } tests[] = {
        {"/catalogue/VGA-08/movs-straddles-window", test_movs_straddles_window},
        {"/catalogue/XEN-01/slot-changes-under-us", test_slot_changes_under_us},
        {"/catalogue/XEN-03/hostile-slots", test_hostile_slots},
        {"/catalogue/XEN-03/states", test_states},
        {"/catalogue/XEN-03/wide-ports", test_wide_ports},
        {"/catalogue/XEN-04/ring-hostile", test_ring_hostile},
        {"/catalogue/XEN-09/requests-to-the-core", test_leak},
    };

    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add(tests[i].name, struct fixture, NULL, set_up, tests[i].fn, tear_down);
    }
    return g_test_run();
}
