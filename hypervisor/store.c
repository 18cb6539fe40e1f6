/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's end of xenstore: a ring in one special page, answered in place by a handful of fixed
 * keys that hvmloader reads. xen/io/xs_wire.h.
 *
 * Not modelled: writing, watches, transactions, directories: EACCES or ENOSYS. There is no store
 * behind this, so that no guest comes to rely on one.
 */
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <xen/io/xs_wire.h>

#include "builder.h"
#include "hv.h"

#define RING ((uint32_t)XENSTORE_RING_SIZE)

/* struct xenstore_domain_interface with atomic indexes: the guest writes them at any time. */
struct xs_ring {
    uint8_t req[RING];
    uint8_t rsp[RING];
    _Atomic uint32_t req_cons;
    _Atomic uint32_t req_prod;
    _Atomic uint32_t rsp_cons;
    _Atomic uint32_t rsp_prod;
    _Atomic uint32_t server_features;
    _Atomic uint32_t connection;
    _Atomic uint32_t error;
};

_Static_assert(offsetof(struct xs_ring, error) == offsetof(struct xenstore_domain_interface, error),
               "layout of the store's page");

static const struct {
    const char *key;
    const char *value;
} store_keys[] = {
    {"hvmloader/bios", "seabios"},
    /* RAM stays where it is: BARs must fit into the hole */
    {"hvmloader/allow-memory-relocate", "0"},
    {"platform/acpi", "1"},
    {"platform/device-model", "qemu_xen"},
};

static struct xs_ring *store_ring(struct hv *hv)
{
    return mem_ram_ptr(hv, (uint64_t)BUILDER_PFN_XENSTORE * CORE_PAGE, CORE_PAGE);
}

/* The value of a key named relative to the domain's own directory, or NULL. */
static const char *store_lookup(const struct hv *hv, const char *path)
{
    char home[32];
    size_t n = (size_t)snprintf(home, sizeof(home), "/local/domain/%u/", hv->cfg.domid);

    if (strncmp(path, home, n) == 0) {
        path += n;
    }
    for (size_t i = 0; i < sizeof(store_keys) / sizeof(store_keys[0]); i++) {
        if (strcmp(path, store_keys[i].key) == 0) {
            return store_keys[i].value;
        }
    }
    return NULL;
}

static void ring_copy_out(const struct xs_ring *r, uint32_t at, void *buf, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        ((uint8_t *)buf)[i] = r->req[(at + i) % RING];
    }
}

static void ring_copy_in(struct xs_ring *r, uint32_t at, const void *buf, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        r->rsp[(at + i) % RING] = ((const uint8_t *)buf)[i];
    }
}

/* Errors carry their name with the NUL, values come without. */
static bool store_reply(struct xs_ring *r, struct xsd_sockmsg h, uint32_t type, const char *text)
{
    uint32_t prod = atomic_load(&r->rsp_prod);
    uint32_t used = prod - atomic_load(&r->rsp_cons);

    h.type = type;
    h.len = (uint32_t)strlen(text) + (type == XS_ERROR);
    if (used > RING || RING - used < sizeof(h) + h.len) {
        return false; /* the guest makes room and notifies again */
    }
    ring_copy_in(r, prod, &h, sizeof(h));
    ring_copy_in(r, prod + (uint32_t)sizeof(h), text, h.len);
    atomic_store(&r->rsp_prod, prod + (uint32_t)sizeof(h) + h.len);
    return true;
}

/* `payload` holds h->len bytes, or is NULL when they are too many for the ring. */
static bool store_answer(struct hv *hv, struct xs_ring *r, const struct xsd_sockmsg *h,
                         const uint8_t *payload)
{
    const char *value;

    if (!payload) {
        return store_reply(r, *h, XS_ERROR, "EINVAL");
    }
    switch (h->type) {
    case XS_READ:
        if (h->len == 0 || payload[h->len - 1] != '\0') {
            return store_reply(r, *h, XS_ERROR, "EINVAL");
        }
        value = store_lookup(hv, (const char *)payload);
        return store_reply(r, *h, value ? XS_READ : XS_ERROR, value ? value : "ENOENT");
    case XS_WRITE:
    case XS_MKDIR:
    case XS_RM:
    case XS_SET_PERMS:
        return store_reply(r, *h, XS_ERROR, "EACCES");
    default:
        return store_reply(r, *h, XS_ERROR, "ENOSYS");
    }
}

/* Takes one request off the ring. False when there is none that can be answered now. */
static bool store_serve(struct hv *hv, struct xs_ring *r)
{
    uint32_t cons = atomic_load(&r->req_cons);
    uint32_t avail = atomic_load(&r->req_prod) - cons;
    uint8_t payload[RING];
    struct xsd_sockmsg h;

    if (avail > RING) {
        atomic_store(&r->error, XENSTORE_ERROR_RINGIDX);
        return false;
    }
    if (hv->store_skip) {
        uint32_t n = avail < hv->store_skip ? avail : hv->store_skip;

        hv->store_skip -= n;
        atomic_store(&r->req_cons, cons + n);
        return n > 0;
    }
    if (avail < sizeof(h)) {
        return false;
    }
    ring_copy_out(r, cons, &h, sizeof(h));
    if (h.len > XENSTORE_PAYLOAD_MAX) {
        atomic_store(&r->error, XENSTORE_ERROR_PROTO);
        return false;
    }
    bool whole = h.len <= RING - sizeof(h);

    if (whole) {
        if (avail < sizeof(h) + h.len) {
            return false; /* the rest is on its way */
        }
        ring_copy_out(r, cons + (uint32_t)sizeof(h), payload, h.len);
    }
    if (!store_answer(hv, r, &h, whole ? payload : NULL)) {
        return false;
    }
    hv->store_skip = whole ? 0 : h.len;
    atomic_store(&r->req_cons, cons + (uint32_t)sizeof(h) + (whole ? h.len : 0));
    return true;
}

/* The guest asked for a fresh connection: hvmloader does before it hands over to the BIOS. */
static void store_reconnect(struct hv *hv, struct xs_ring *r)
{
    hv->store_skip = 0;
    atomic_store(&r->req_cons, 0);
    atomic_store(&r->req_prod, 0);
    atomic_store(&r->rsp_cons, 0);
    atomic_store(&r->rsp_prod, 0);
    atomic_store(&r->error, 0);
    atomic_store(&r->connection, XENSTORE_CONNECTED);
}

/* A ring holds at most this many requests; what another vCPU adds meanwhile has its own event. */
#define SERVE_MAX (RING / sizeof(struct xsd_sockmsg) + 1)

void store_event(struct hv *hv)
{
    struct xs_ring *r = store_ring(hv);

    if (!r) {
        return;
    }
    pthread_mutex_lock(&hv->params_lock);
    if (atomic_load(&r->connection) == XENSTORE_RECONNECT) {
        store_reconnect(hv, r);
    }
    for (unsigned i = 0; i < SERVE_MAX && !atomic_load(&r->error); i++) {
        if (!store_serve(hv, r)) {
            break;
        }
    }
    pthread_mutex_unlock(&hv->params_lock);
}

void store_reset(struct hv *hv)
{
    struct xs_ring *r = store_ring(hv);

    if (!r || hv->cfg.firmware != HV_FIRMWARE_XEN) {
        return;
    }
    pthread_mutex_lock(&hv->params_lock);
    memset(r, 0, CORE_PAGE);
    hv->store_skip = 0;
    atomic_store(&r->server_features,
                 XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR);
    pthread_mutex_unlock(&hv->params_lock);
}
