/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The counters of a guest. */
#include "stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qmp.h"

#define MAX_VCPUS 32u
#define IN_USE    (1ull << 63)
#define BAR       40u
#define TOP_PORTS 24u

static const char *const exit_names[STATS_EXITS] = {
    [STATS_EXIT_PIO_IN] = "pio-in",
    [STATS_EXIT_PIO_OUT] = "pio-out",
    [STATS_EXIT_MMIO_READ] = "mmio-read",
    [STATS_EXIT_MMIO_WRITE] = "mmio-write",
    [STATS_EXIT_HLT] = "hlt",
    [STATS_EXIT_MSR] = "msr",
    [STATS_EXIT_HYPERCALL] = "hypercall",
    [STATS_EXIT_INTR] = "intr",
    [STATS_EXIT_SHUTDOWN] = "shutdown",
    [STATS_EXIT_INTERNAL_ERROR] = "internal-error",
    [STATS_EXIT_OTHER] = "other",
};

static const char *const ioreq_names[STATS_IOREQS] = {
    [STATS_IOREQ_PIO] = "pio",
    [STATS_IOREQ_COPY] = "copy",
    [STATS_IOREQ_PCI_CONFIG] = "pci-config",
    [STATS_IOREQ_BUFFERED] = "buffered",
    [STATS_IOREQ_COALESCED] = "coalesced",
    [STATS_IOREQ_CORE] = "core",
    [STATS_IOREQ_UNCLAIMED] = "unclaimed",
};

struct port_count {
    uint64_t port;
    uint64_t count;
};

/* All vCPUs' blocks in one; ports sorted by count. */
struct sums {
    struct stats_vcpu all;
    struct port_count port[STATS_PORTS * MAX_VCPUS];
    unsigned ports;
};

static bool read_all(int fd, void *buf, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(fd, (char *)buf + done, len - done, (off_t)done);
        if (n <= 0) {
            return false;
        }
        done += (size_t)n;
    }
    return true;
}

struct stats_page *stats_read(int fd, GError **error)
{
    struct stats_page head;
    if (fd < 0 || !read_all(fd, &head, sizeof(head)) || head.magic != STATS_MAGIC ||
        head.version != STATS_VERSION || head.nvcpus > MAX_VCPUS) {
        qmp_set_error(error, QMP_GENERIC_ERROR, "the core sent no counters of this version");
        return NULL;
    }
    size_t size = sizeof(head) + head.nvcpus * sizeof(struct stats_vcpu);
    struct stats_page *s = g_malloc0(size);
    if (!read_all(fd, s, size)) {
        qmp_set_error(error, QMP_GENERIC_ERROR, "the counters are cut off");
        g_clear_pointer(&s, g_free);
    } else {
        s->nvcpus = head.nvcpus;
    }
    return s;
}

static void port_add(struct sums *t, uint64_t port, uint64_t count)
{
    for (unsigned i = 0; i < t->ports; i++) {
        if (t->port[i].port == port) {
            t->port[i].count += count;
            return;
        }
    }
    t->port[t->ports++] = (struct port_count){port, count};
}

static int compare_ports(const void *a, const void *b)
{
    const struct port_count *x = a, *y = b;
    if (x->count != y->count) {
        return x->count < y->count ? 1 : -1;
    }
    return x->port < y->port ? -1 : x->port > y->port;
}

static void vcpu_add(struct sums *t, const struct stats_vcpu *v)
{
    for (unsigned i = 0; i < STATS_EXITS; i++) {
        t->all.exits[i] += v->exits[i];
    }
    for (unsigned i = 0; i < STATS_IOREQS; i++) {
        t->all.ioreqs[i] += v->ioreqs[i];
    }
    for (unsigned i = 0; i < STATS_BUCKETS; i++) {
        t->all.latency[i] += v->latency[i];
    }
    for (unsigned i = 0; i < STATS_PORTS; i++) {
        if (v->port[i].port & IN_USE) {
            port_add(t, v->port[i].port & ~IN_USE, v->port[i].count);
        }
    }
    t->all.spins += v->spins;
    t->all.sleeps += v->sleeps;
}

static struct sums *sums_new(const struct stats_page *s)
{
    struct sums *t = g_new0(struct sums, 1);
    for (unsigned i = 0; i < s->nvcpus; i++) {
        vcpu_add(t, &s->vcpu[i]);
    }
    qsort(t->port, t->ports, sizeof(t->port[0]), compare_ports);
    return t;
}

static uint64_t total(const uint64_t *v, unsigned n)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++) {
        sum += v[i];
    }
    return sum;
}

static void kinds_print(const char *title, const char *const *names, const uint64_t *v, unsigned n)
{
    printf("\n%-20s %14" G_GUINT64_FORMAT "\n", title, total(v, n));
    for (unsigned i = 0; i < n; i++) {
        if (v[i]) {
            printf("  %-18s %14" G_GUINT64_FORMAT "\n", names[i], v[i]);
        }
    }
}

static void ports_print(const struct sums *t)
{
    printf("\n%-20s %14s\n", "Port", "accesses");
    for (unsigned i = 0; i < t->ports && i < TOP_PORTS; i++) {
        g_autofree char *port = t->port[i].port > 0xffff
                                    ? g_strdup("others")
                                    : g_strdup_printf("%04x", (unsigned)t->port[i].port);
        printf("  %-18s %14" G_GUINT64_FORMAT "\n", port, t->port[i].count);
    }
    if (t->ports > TOP_PORTS) {
        printf("  ... and %u more (--json has all)\n", t->ports - TOP_PORTS);
    }
}

static char *duration(unsigned bucket)
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    double v = (double)(1ull << bucket);
    unsigned u = 0;
    for (; v >= 1000 && u < 3; u++) {
        v /= 1000;
    }
    return g_strdup_printf("%.3g %s", v, units[u]);
}

static void latency_print(const struct sums *t)
{
    uint64_t most = 0;
    for (unsigned i = 0; i < STATS_BUCKETS; i++) {
        most = MAX(most, t->all.latency[i]);
    }
    printf("\nSynchronous ioreqs  %14" G_GUINT64_FORMAT " (%" G_GUINT64_FORMAT
           " answered while spinning, %" G_GUINT64_FORMAT " slept)\n",
           total(t->all.latency, STATS_BUCKETS), t->all.spins, t->all.sleeps);
    for (unsigned i = 0; i < STATS_BUCKETS; i++) {
        if (t->all.latency[i]) {
            g_autofree char *from = duration(i);
            unsigned len = (unsigned)((double)t->all.latency[i] / (double)most * BAR + 0.5);
            printf("  from %-13s %14" G_GUINT64_FORMAT " %.*s\n", from, t->all.latency[i],
                   (int)MIN(len, BAR), "########################################");
        }
    }
}

void stats_print(const struct stats_page *s, const char *name)
{
    struct sums *t = sums_new(s);
    printf("Guest %s, %u vCPU%s\n", name, s->nvcpus, s->nvcpus == 1 ? "" : "s");
    kinds_print("Exits", exit_names, t->all.exits, STATS_EXITS);
    kinds_print("Accesses", ioreq_names, t->all.ioreqs, STATS_IOREQS);
    ports_print(t);
    latency_print(t);
    g_free(t);
}

static json_t *kinds_json(const char *const *names, const uint64_t *v, unsigned n)
{
    json_t *o = json_object();
    for (unsigned i = 0; i < n; i++) {
        json_object_set_new(o, names[i], json_integer((json_int_t)v[i]));
    }
    return o;
}

static json_t *ports_json(const struct sums *t)
{
    json_t *a = json_array();
    for (unsigned i = 0; i < t->ports; i++) {
        json_int_t port = t->port[i].port > 0xffff ? -1 : (json_int_t)t->port[i].port;
        json_array_append_new(
            a, json_pack("{s:I, s:I}", "port", port, "count", (json_int_t)t->port[i].count));
    }
    return a;
}

static json_t *latency_json(const struct sums *t)
{
    json_t *a = json_array();
    for (unsigned i = 0; i < STATS_BUCKETS; i++) {
        if (t->all.latency[i]) {
            json_array_append_new(a, json_pack("{s:I, s:I}", "from-ns", (json_int_t)1 << i, "count",
                                               (json_int_t)t->all.latency[i]));
        }
    }
    return a;
}

void stats_print_json(const struct stats_page *s, const char *name)
{
    struct sums *t = sums_new(s);
    json_t *o = json_pack("{s:s, s:i}", "name", name, "vcpus", (int)s->nvcpus);
    json_object_set_new(o, "exits", kinds_json(exit_names, t->all.exits, STATS_EXITS));
    json_object_set_new(o, "ioreqs", kinds_json(ioreq_names, t->all.ioreqs, STATS_IOREQS));
    json_object_set_new(o, "ports", ports_json(t));
    json_object_set_new(o, "latency", latency_json(t));
    json_object_set_new(o, "spins", json_integer((json_int_t)t->all.spins));
    json_object_set_new(o, "sleeps", json_integer((json_int_t)t->all.sleeps));
    json_dumpf(o, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(o);
    g_free(t);
}
