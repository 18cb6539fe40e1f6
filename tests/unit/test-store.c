/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The xenstore ring that the core answers. */
#include "hv-domain.h"

/* xen/io/xs_wire.h */
#define SPEC_RING     1024u
#define SPEC_REQ_CONS 2048
#define SPEC_REQ_PROD 2052
#define SPEC_RSP_CONS 2056
#define SPEC_RSP_PROD 2060
#define SPEC_FEATURES 2064
#define SPEC_CONNECT  2068
#define SPEC_ERROR    2072
#define SPEC_READ     2u
#define SPEC_WRITE    11u
#define SPEC_XS_ERROR 16u
#define SPEC_PAGE     0xfeffc000u

struct header {
    uint32_t type, req_id, tx_id, len;
};

struct fixture {
    struct domain *d;
    uint8_t *page;
    uint32_t id;
};

static void set_up(struct fixture *f, gconstpointer data)
{
    f->d = domain_new();
    f->page = f->d->special + (SPEC_PAGE - HV_SPECIAL_START);
    f->id = 100;
    store_reset(&f->d->hv);
}

static void tear_down(struct fixture *f, gconstpointer data)
{
    domain_free(f->d);
}

static uint32_t *reg(struct fixture *f, unsigned off)
{
    return (uint32_t *)(f->page + off);
}

static void push(struct fixture *f, const void *bytes, uint32_t len)
{
    uint32_t prod = *reg(f, SPEC_REQ_PROD);

    for (uint32_t i = 0; i < len; i++) {
        f->page[(prod + i) % SPEC_RING] = ((const uint8_t *)bytes)[i];
    }
    *reg(f, SPEC_REQ_PROD) = prod + len;
}

static void request(struct fixture *f, uint32_t type, const char *payload, uint32_t len)
{
    struct header h = {type, ++f->id, 0, len};

    push(f, &h, sizeof(h));
    push(f, payload, len);
}

static void pop(struct fixture *f, void *buf, uint32_t len)
{
    uint32_t cons = *reg(f, SPEC_RSP_CONS);

    g_assert_cmpuint(*reg(f, SPEC_RSP_PROD) - cons, >=, len);
    for (uint32_t i = 0; i < len; i++) {
        ((uint8_t *)buf)[i] = f->page[SPEC_RING + (cons + i) % SPEC_RING];
    }
    *reg(f, SPEC_RSP_CONS) = cons + len;
}

/* The next reply's payload, NUL added; `type` and the request's id are asserted. */
static char *reply(struct fixture *f, uint32_t type, uint32_t id)
{
    struct header h;
    char *text;

    pop(f, &h, sizeof(h));
    g_assert_cmpuint(h.type, ==, type);
    g_assert_cmpuint(h.req_id, ==, id);
    text = g_malloc0(h.len + 1);
    pop(f, text, h.len);
    return text;
}

static void assert_reply(struct fixture *f, uint32_t type, const char *want)
{
    char *got = reply(f, type, f->id);

    g_assert_cmpstr(got, ==, want);
    g_free(got);
}

static void assert_read(struct fixture *f, const char *key, const char *want)
{
    request(f, SPEC_READ, key, (uint32_t)strlen(key) + 1);
    store_event(&f->d->hv);
    assert_reply(f, want ? SPEC_READ : SPEC_XS_ERROR, want ? want : "ENOENT");
    g_assert_cmpuint(*reg(f, SPEC_REQ_CONS), ==, *reg(f, SPEC_REQ_PROD));
}

static void test_keys(struct fixture *f, gconstpointer data)
{
    g_assert_cmphex(*reg(f, SPEC_FEATURES) & 1, ==, 1);
    assert_read(f, "hvmloader/bios", "seabios");
    assert_read(f, "platform/acpi", "1");
    assert_read(f, "platform/device-model", "qemu_xen");
    assert_read(f, "/local/domain/7/hvmloader/bios", "seabios");
    assert_read(f, "/local/domain/8/hvmloader/bios", NULL);
    assert_read(f, "hvmloader", NULL);
    assert_read(f, "", NULL);
}

/* Around the ends of both rings many times. */
static void test_wrap(struct fixture *f, gconstpointer data)
{
    for (unsigned i = 0; i < 500; i++) {
        assert_read(f, "hvmloader/bios", "seabios");
        assert_read(f, "bios-strings/bios-vendor", NULL);
    }
}

static void test_start_near_overflow(struct fixture *f, gconstpointer data)
{
    for (unsigned off = SPEC_REQ_CONS; off <= SPEC_RSP_PROD; off += 4) {
        *reg(f, off) = 0xfffffff4;
    }
    assert_read(f, "hvmloader/bios", "seabios");
    assert_read(f, "hvmloader/bios", "seabios");
}

static void test_split(struct fixture *f, gconstpointer data)
{
    struct header h = {SPEC_READ, ++f->id, 0, 15};

    push(f, &h, 7);
    store_event(&f->d->hv);
    push(f, (uint8_t *)&h + 7, sizeof(h) - 7);
    push(f, "hvmload", 7);
    store_event(&f->d->hv);
    g_assert_cmpuint(*reg(f, SPEC_RSP_PROD), ==, 0);
    push(f, "er/bios", 8);
    store_event(&f->d->hv);
    assert_reply(f, SPEC_READ, "seabios");
}

static void test_several(struct fixture *f, gconstpointer data)
{
    request(f, SPEC_READ, "platform/acpi", 14);
    request(f, SPEC_READ, "nothing", 8);
    store_event(&f->d->hv);
    char *first = reply(f, SPEC_READ, f->id - 1);

    g_assert_cmpstr(first, ==, "1");
    g_free(first);
    assert_reply(f, SPEC_XS_ERROR, "ENOENT");
}

/* A guest that reads no answers: requests stay in the ring until there is room. */
static void test_full(struct fixture *f, gconstpointer data)
{
    for (unsigned i = 0; i < 200; i++) {
        if (SPEC_RING - (*reg(f, SPEC_REQ_PROD) - *reg(f, SPEC_REQ_CONS)) >= 31) {
            request(f, SPEC_READ, "hvmloader/bios", 15);
        }
        store_event(&f->d->hv);
    }
    g_assert_cmpuint(*reg(f, SPEC_RSP_PROD), <=, SPEC_RING);
    uint32_t waiting = *reg(f, SPEC_REQ_PROD) - *reg(f, SPEC_REQ_CONS);

    g_assert_cmpuint(waiting, >, SPEC_RING - 31);
    *reg(f, SPEC_RSP_CONS) = *reg(f, SPEC_RSP_PROD);
    store_event(&f->d->hv);
    g_assert_cmpuint(*reg(f, SPEC_REQ_PROD) - *reg(f, SPEC_REQ_CONS), ==, 0);
}

static void test_refused(struct fixture *f, gconstpointer data)
{
    request(f, SPEC_WRITE, "hvmloader/bios\0rombios", 22);
    store_event(&f->d->hv);
    assert_reply(f, SPEC_XS_ERROR, "EACCES");
    assert_read(f, "hvmloader/bios", "seabios");
    request(f, 0x12345, "", 0);
    store_event(&f->d->hv);
    assert_reply(f, SPEC_XS_ERROR, "ENOSYS");
    request(f, SPEC_READ, "hvmloader/bios", 14); /* no NUL */
    store_event(&f->d->hv);
    assert_reply(f, SPEC_XS_ERROR, "EINVAL");
}

/* Longer than the ring but within the protocol: refused, skipped, the next one works. */
static void test_long(struct fixture *f, gconstpointer data)
{
    struct header h = {SPEC_READ, ++f->id, 0, 4096};
    static const char junk[512];

    push(f, &h, sizeof(h));
    store_event(&f->d->hv);
    assert_reply(f, SPEC_XS_ERROR, "EINVAL");
    for (unsigned i = 0; i < 8; i++) {
        push(f, junk, sizeof(junk));
        store_event(&f->d->hv);
    }
    assert_read(f, "hvmloader/bios", "seabios");
}

static void test_hostile(struct fixture *f, gconstpointer data)
{
    struct header h = {SPEC_READ, 1, 0, 0xffffffff};

    push(f, &h, sizeof(h));
    store_event(&f->d->hv);
    g_assert_cmpuint(*reg(f, SPEC_ERROR), !=, 0);
    store_event(&f->d->hv);
    store_reset(&f->d->hv);
    *reg(f, SPEC_REQ_PROD) = 5000; /* more than a ring */
    store_event(&f->d->hv);
    g_assert_cmpuint(*reg(f, SPEC_ERROR), !=, 0);
    for (unsigned i = 0; i < 20000; i++) {
        for (unsigned j = 0; j < 2080; j += j < 64 ? 1 : 4) {
            f->page[j] = (uint8_t)g_test_rand_int();
        }
        memset(f->page + SPEC_CONNECT, 0, 8);
        *reg(f, SPEC_REQ_PROD) = *reg(f, SPEC_REQ_CONS) + (uint32_t)g_test_rand_int_range(0, 1100);
        store_event(&f->d->hv);
    }
}

/* hvmloader's last act. */
static void test_reconnect(struct fixture *f, gconstpointer data)
{
    assert_read(f, "platform/acpi", "1");
    push(f, "junk", 4);
    *reg(f, SPEC_CONNECT) = 1;
    store_event(&f->d->hv);
    g_assert_cmpuint(*reg(f, SPEC_CONNECT), ==, 0);
    for (unsigned off = SPEC_REQ_CONS; off <= SPEC_RSP_PROD; off += 4) {
        g_assert_cmpuint(*reg(f, off), ==, 0);
    }
    assert_read(f, "platform/acpi", "1");
}

#define ADD(name, func) g_test_add("/store/" name, struct fixture, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("keys", test_keys);
    ADD("wrap", test_wrap);
    ADD("start-near-overflow", test_start_near_overflow);
    ADD("split", test_split);
    ADD("several", test_several);
    ADD("full", test_full);
    ADD("refused", test_refused);
    ADD("long", test_long);
    ADD("hostile", test_hostile);
    ADD("reconnect", test_reconnect);
    return g_test_run();
}
