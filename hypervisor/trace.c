/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trace.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define TRACE_RECORDS 1024u

struct trace_record {
    uint64_t ns;
    uint32_t vcpu;
    uint32_t server;
    struct ioreq req;
};

struct hv_trace {
    pthread_mutex_t lock;
    int fd;
    unsigned n;
    struct trace_record rec[TRACE_RECORDS];
};

static void write_all(struct hv_trace *t)
{
    const uint8_t *at = (const uint8_t *)t->rec;
    size_t left = t->n * sizeof(t->rec[0]);

    while (left) {
        ssize_t done = write(t->fd, at, left);

        if (done <= 0) {
            log_warn("--trace-fd: cannot write, the trace is incomplete");
            break;
        }
        at += done;
        left -= (size_t)done;
    }
    t->n = 0;
}

void trace_create(struct hv *hv)
{
    if (hv->cfg.trace_fd < 0) {
        return;
    }
    hv->trace = calloc(1, sizeof(*hv->trace));
    if (!hv->trace) {
        die("out of memory");
    }
    pthread_mutex_init(&hv->trace->lock, NULL);
    hv->trace->fd = hv->cfg.trace_fd;
}

static void trace_record(struct hv_trace *t, uint32_t vcpu, unsigned server,
                         const struct ioreq *req)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    pthread_mutex_lock(&t->lock);
    t->rec[t->n++] =
        (struct trace_record){.ns = (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec,
                              .vcpu = vcpu,
                              .server = server,
                              .req = *req};
    if (t->n == TRACE_RECORDS) {
        write_all(t);
    }
    pthread_mutex_unlock(&t->lock);
}

void trace_access(struct vcpu *vcpu, unsigned server, const struct access *a)
{
    struct ioreq req = {.addr = a->addr,
                        .data = a->data,
                        .count = a->count,
                        .size = a->size,
                        .state = STATE_IORESP_READY,
                        .data_is_ptr = a->is_ptr,
                        .dir = a->write ? IOREQ_WRITE : IOREQ_READ,
                        .df = a->df,
                        .type = a->type};

    trace_record(vcpu->hv->trace, vcpu->id, server, &req);
}

void trace_posted(struct hv *hv, unsigned server, uint8_t type, uint64_t addr, unsigned size,
                  uint64_t data)
{
    struct ioreq req = {.addr = addr,
                        .data = data,
                        .count = 1,
                        .size = size,
                        .state = STATE_IORESP_READY,
                        .dir = IOREQ_WRITE,
                        .type = type};

    trace_record(hv->trace, TRACE_POSTED, server, &req);
}

void trace_flush(struct hv *hv)
{
    if (hv->trace) {
        pthread_mutex_lock(&hv->trace->lock);
        write_all(hv->trace);
        pthread_mutex_unlock(&hv->trace->lock);
    }
}
