/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A Xen guest's memory as bus masters reach it, against entries XEN-06 and XEN-07 of the catalogue
 * in docs/security.md. The hypervisor is a memfd; what is unmapped while in use is a fault.
 */
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "xen_map.h"

#define SPEC_PAGE 4096u
#define PAGES     (4 * XEN_MAP_PAGES) /* of the guest */
#define MANY      70000u              /* more than 16 bits count */

static struct {
    int memory;
    bool missing[PAGES];
    bool readonly[PAGES];
    unsigned maps, unmaps;
} xen;

void *xenforeignmemory_map(xenforeignmemory_handle *f, uint32_t domid, int prot, size_t n,
                           const xen_pfn_t pfn[], int err[])
{
    uint8_t *host =
        mmap(NULL, n * SPEC_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    g_assert_true(host != MAP_FAILED);
    for (size_t i = 0; i < n; i++) {
        bool there =
            pfn[i] < PAGES && !xen.missing[pfn[i]] && !(xen.readonly[pfn[i]] && prot & PROT_WRITE);

        err[i] = there ? 0 : -2;
        if (there) { /* what is not given stays without access: touching it ends the test */
            g_assert_true(mmap(host + i * SPEC_PAGE, SPEC_PAGE, prot, MAP_SHARED | MAP_FIXED,
                               xen.memory, (off_t)(pfn[i] * SPEC_PAGE)) != MAP_FAILED);
        }
    }
    xen.maps++;
    return host;
}

int xenforeignmemory_unmap(xenforeignmemory_handle *f, void *addr, size_t pages)
{
    xen.unmaps++;
    return munmap(addr, pages * SPEC_PAGE);
}

static void no_dirty(void *opaque, uint64_t pfn, uint32_t pages)
{
}

static struct xen_map *map_new(void)
{
    struct xen_map *m = g_new0(struct xen_map, 1);

    memset(&xen, 0, sizeof(xen));
    xen.memory = memfd_create("guest", MFD_CLOEXEC);
    g_assert_cmpint(ftruncate(xen.memory, PAGES * SPEC_PAGE), ==, 0);
    xen_map_init(m, NULL, 7, no_dirty, NULL);
    return m;
}

static void map_free(struct xen_map *m)
{
    xen_map_invalidate(m);
    g_assert_cmpuint(xen_map_count(m), ==, 0);
    g_assert_cmpuint(xen.maps, ==, xen.unmaps);
    close(xen.memory);
    g_free(m);
}

struct use {
    uint8_t *host;
    uint64_t gpa, len;
};

static struct use use_begin(struct xen_map *m, uint64_t gpa, uint64_t len)
{
    struct use u = {.gpa = gpa, .len = len};

    u.host = dma_map(&m->dma, gpa, &u.len, true);
    g_assert_nonnull(u.host);
    g_assert_cmpuint(u.len, >=, 1);
    g_assert_cmpuint(u.len, <=, len);
    return u;
}

/* The mapping still is what it was: its first and last byte can be written and are the guest's. */
static void use_check(const struct use *u)
{
    uint8_t val[2] = {(uint8_t)(u->gpa >> 4 ^ 0x5a), (uint8_t)(u->len ^ 0xa5)};
    uint8_t seen[2];

    u->host[0] = val[0];
    g_assert_cmpint(pread(xen.memory, &seen[0], 1, (off_t)u->gpa), ==, 1);
    g_assert_cmphex(seen[0], ==, val[0]);
    u->host[u->len - 1] = val[1];
    g_assert_cmpint(pread(xen.memory, &seen[1], 1, (off_t)(u->gpa + u->len - 1)), ==, 1);
    g_assert_cmphex(seen[1], ==, val[1]);
}

static void use_end(struct xen_map *m, struct use *u)
{
    dma_unmap(&m->dma, u->host, u->gpa, u->len, u->len);
    u->host = NULL;
}

/* XEN-06: one page in use seventy thousand times: the count does not come round to nobody. */
static void test_count(void)
{
    struct xen_map *m = map_new();
    struct use *u = g_new(struct use, MANY);

    for (unsigned i = 0; i < MANY; i++) {
        u[i] = use_begin(m, 5 * SPEC_PAGE + i % 4000, 64);
    }
    g_assert_cmpuint(xen.maps, ==, 1);
    xen_map_invalidate(m); /* would unmap what nobody uses */
    for (unsigned i = 0; i < MANY; i++) {
        if (i % 997 == 0 || i + 1 == MANY) {
            use_check(&u[i]);
        }
        g_assert_cmpuint(xen.unmaps, ==, 0);
        use_end(m, &u[i]);
    }
    g_assert_cmpuint(xen.unmaps, ==, 1);
    g_free(u);
    map_free(m);
}

/* XEN-06: maps of all sizes that overlap, invalidated and evicted meanwhile, released in any order.
 */
static void test_overlap(void)
{
    struct xen_map *m = map_new();
    struct use u[64] = {{NULL}};

    for (unsigned n = 0; n < 6000; n++) {
        struct use *one = &u[g_test_rand_int_range(0, 64)];

        if (one->host) {
            use_check(one);
            use_end(m, one);
        } else {
            uint64_t gpa = (uint64_t)g_test_rand_int_range(0, (PAGES - 1) * SPEC_PAGE);
            uint64_t len = 1ull << g_test_rand_int_range(0, 19);

            *one = use_begin(m, gpa, MIN(len, PAGES * SPEC_PAGE - gpa));
        }
        if (n % 50 == 0) {
            xen_map_invalidate(m);
        }
        g_assert_cmpuint(xen_map_count(m), <=, XEN_MAP_CHUNKS);
    }
    for (unsigned i = 0; i < 64; i++) {
        if (u[i].host) {
            use_check(&u[i]);
            use_end(m, &u[i]);
        }
    }
    map_free(m);
}

/* XEN-06: every place in use, in pieces that stay: no more is handed out, and nothing is lost. */
static void test_full(void)
{
    struct xen_map *m = map_new();
    struct use u[XEN_MAP_CHUNKS];
    uint64_t len = 16;

    for (unsigned i = 0; i < XEN_MAP_CHUNKS; i++) {
        u[i] = use_begin(m, 0x1000, 16);
        xen_map_invalidate(m); /* so that the next one is a chunk of its own */
    }
    g_assert_cmpuint(xen_map_count(m), ==, XEN_MAP_CHUNKS);
    g_assert_null(dma_map(&m->dma, 0x1000, &len, true));
    for (unsigned i = 0; i < XEN_MAP_CHUNKS; i++) {
        use_check(&u[i]);
        use_end(m, &u[i]);
    }
    u[0] = use_begin(m, 0x1000, 16);
    use_check(&u[0]);
    use_end(m, &u[0]);
    map_free(m);
}

/* XEN-07: pages go away between map and use, in the middle of a copy, and come back. */
static void test_page_gone(void)
{
    struct xen_map *m = map_new();
    uint8_t buf[3 * SPEC_PAGE];
    struct use u;

    memset(buf, 0x11, sizeof(buf));
    g_assert_true(dma_write(&m->dma, SPEC_PAGE, buf, sizeof(buf)));
    u = use_begin(m, SPEC_PAGE, sizeof(buf));
    xen.missing[2] = true; /* ballooned out while in use */
    xen_map_invalidate(m);
    use_check(&u); /* who uses it keeps it */
    memset(buf, 0x22, sizeof(buf));
    g_assert_false(dma_read(&m->dma, SPEC_PAGE, buf, sizeof(buf)));
    g_assert_cmphex(buf[SPEC_PAGE - 1], !=, 0xff); /* what lies before it arrives, */
    for (unsigned i = SPEC_PAGE; i < sizeof(buf); i++) {
        g_assert_cmphex(buf[i], ==, 0xff); /* the rest reads as nobody */
    }
    g_assert_false(dma_write(&m->dma, 2 * SPEC_PAGE, buf, 4));
    use_end(m, &u);
    xen.missing[2] = false; /* and back, without a word */
    g_assert_true(dma_read(&m->dma, SPEC_PAGE, buf, sizeof(buf)));
    xen.readonly[3] = true;
    xen_map_invalidate(m);
    g_assert_true(dma_read(&m->dma, SPEC_PAGE, buf, sizeof(buf)));
    g_assert_false(dma_write(&m->dma, 3 * SPEC_PAGE, buf, 1));
    g_assert_false(dma_write(&m->dma, SPEC_PAGE, buf, sizeof(buf)));
    map_free(m);
}

/* XEN-07: pages that come and go at random under copies of all sizes. */
static void test_pages_random(void)
{
    struct xen_map *m = map_new();
    static uint8_t buf[64 * SPEC_PAGE];

    for (unsigned n = 0; n < 500; n++) {
        unsigned page = (unsigned)g_test_rand_int_range(0, PAGES);
        uint64_t gpa = (uint64_t)g_test_rand_int_range(0, (PAGES + 8) * SPEC_PAGE);
        uint64_t len = (uint64_t)g_test_rand_int_range(1, 1 << g_test_rand_int_range(1, 18));
        bool whole = gpa + len <= PAGES * SPEC_PAGE;

        xen.missing[page] = n & 1;
        xen_map_invalidate(m);
        for (uint64_t p = gpa / SPEC_PAGE; whole && p <= (gpa + len - 1) / SPEC_PAGE; p++) {
            whole = !xen.missing[p];
        }
        g_assert_cmpint(n & 2 ? dma_read(&m->dma, gpa, buf, len)
                              : dma_write(&m->dma, gpa, buf, len),
                        ==, whole);
        g_assert_cmpuint(xen_map_count(m), <=, XEN_MAP_CHUNKS);
    }
    for (unsigned bit = 31; bit < 64; bit++) { /* addresses of any width */
        g_assert_false(dma_read(&m->dma, 1ull << bit, buf, 16));
        g_assert_false(dma_write(&m->dma, (1ull << bit) - 8, buf, 16));
    }
    g_assert_false(dma_write(&m->dma, UINT64_MAX - 3, buf, 16));
    map_free(m);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/catalogue/XEN-06/wide-counts", test_count);
    g_test_add_func("/catalogue/XEN-06/any-order", test_overlap);
    g_test_add_func("/catalogue/XEN-06/all-in-use", test_full);
    g_test_add_func("/catalogue/XEN-07/page-goes-away", test_page_gone);
    g_test_add_func("/catalogue/XEN-07/pages-at-random", test_pages_random);
    return g_test_run();
}
