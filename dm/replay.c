/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records are what hypervisor/trace.h describes, and hostile: they are as likely to come from
 * somebody else's machine.
 */
#include "replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleave_core.h"
#include "log.h"
#include "machine.h"
#include "server.h"

#define CHUNK    1024u /* records read at once */
#define SHOWN    20u
#define MAX_STEP (3600ull * NS_PER_S) /* one gap between two requests */

struct record {
    uint64_t ns; /* of the host that recorded */
    uint32_t vcpu;
    uint32_t server;
    struct ioreq req;
};
_Static_assert(sizeof(struct record) == 48, "the trace's format");

struct replay {
    struct machine *m;
    struct ioreq_server server;
    uint8_t bounce[CORE_MAX_VCPUS * CORE_PAGE];
    uint64_t last; /* the previous record's time, 0 before the first */
    uint64_t records;
    uint64_t reads;
    uint64_t differ;
    struct record chunk[CHUNK];
};

static uint32_t config_read(void *opaque, uint8_t devfn, unsigned off, unsigned size)
{
    return pci_config_read(&((struct machine *)opaque)->pc.pci, devfn, off, size);
}

static void config_write(void *opaque, uint8_t devfn, unsigned off, unsigned size, uint32_t val)
{
    pci_config_write(&((struct machine *)opaque)->pc.pci, devfn, off, size, val);
}

/* As much time as passed between the two on the host, within reason. */
static void time_pass(struct replay *r, uint64_t ns)
{
    uint64_t gap = r->last && ns > r->last ? ns - r->last : 0;

    r->last = ns;
    alone_run_until(&r->m->alone, clock_add(r->m->alone.now, gap < MAX_STEP ? gap : MAX_STEP));
}

static const char *type_name(uint8_t type)
{
    return type == IOREQ_TYPE_PIO          ? "port"
           : type == IOREQ_TYPE_COPY       ? "memory"
           : type == IOREQ_TYPE_PCI_CONFIG ? "config"
                                           : "other";
}

/* A read whose answer is in the record; string input went to guest memory. */
static void answer_compare(struct replay *r, const struct record *rec, const struct ioreq *now)
{
    uint64_t mask = rec->req.size >= 8 ? UINT64_MAX : (1ull << (rec->req.size * 8)) - 1;

    if (rec->req.dir != IOREQ_READ || rec->req.data_is_ptr || rec->req.type > IOREQ_TYPE_COPY + 1) {
        return;
    }
    r->reads++;
    if (!((rec->req.data ^ now->data) & mask) || r->differ++ >= SHOWN) {
        return;
    }
    printf("request %" PRIu64 ": vCPU %u reads %s %#" PRIx64 ", %u bytes: %#" PRIx64
           " recorded, %#" PRIx64 " now\n",
           r->records, rec->vcpu, type_name(rec->req.type), rec->req.addr, rec->req.size,
           rec->req.data & mask, now->data & mask);
}

static void record_run(struct replay *r, const struct record *rec)
{
    struct ioreq req = rec->req;

    time_pass(r, rec->ns);
    ioreq_dispatch(&r->server, &req, rec->vcpu % CORE_MAX_VCPUS);
    answer_compare(r, rec, &req);
    machine_drain(r->m);
    machine_settle(r->m);
    r->records++;
}

/* Whole records into the chunk; how many, 0 at the end, -EINVAL for a part of one. */
static int chunk_read(struct replay *r, int fd)
{
    size_t have = 0;

    while (have < sizeof(r->chunk)) {
        ssize_t n = read(fd, (uint8_t *)r->chunk + have, sizeof(r->chunk) - have);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -errno;
        }
        if (n == 0) {
            break;
        }
        have += (size_t)n;
    }
    return have % sizeof(struct record) ? -EINVAL : (int)(have / sizeof(struct record));
}

int replay_run(struct machine *m, int fd)
{
    static struct replay r;
    int n;

    r.m = m;
    r.server = (struct ioreq_server){
        .pio = &m->pc.pio,
        .mmio = &m->pc.mmio,
        .dma = m->t->dma,
        .bounce = {CORE_BOUNCE_GPA, r.bounce},
        .ops = {.config_read = config_read, .config_write = config_write, .opaque = m},
    };
    while ((n = chunk_read(&r, fd)) > 0) {
        for (int i = 0; i < n && !m->loop->quit; i++) {
            record_run(&r, &r.chunk[i]);
        }
    }
    if (n < 0) {
        log_error("-replay-trace: %s",
                  n == -EINVAL ? "not a whole number of 48-byte records: cut off, or no trace"
                               : strerror(-n));
        return 2;
    }
    printf("%" PRIu64 " requests, %" PRIu64 " malformed; %" PRIu64 " reads, %" PRIu64
           " answered otherwise\n",
           r.records, r.server.malformed, r.reads, r.differ);
    return 0;
}
