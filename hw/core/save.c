/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Saved state: see save.h for the layout. No compression, no encryption, no signature. */
#include "core/save.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TAG_DEVICE 0x49564544u /* "DEVI" */
#define TAG_BLOB   0x424f4c42u /* "BLOB" */
#define TAG_END    0x53444e45u /* "ENDS" */

#define OFFSET_BYTES  24u /* of the length in the header */
#define TRAILER_BYTES 12u
#define MIN_BYTES     (40u + 2u + TRAILER_BYTES) /* no devices, no blobs */

#define FNV_OFFSET 0xcbf29ce484222325ull
#define FNV_PRIME  0x100000001b3ull

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fields are copied as they lie");

/* Words, not bytes, for video memory's sake. Each step is one to one in h and in the word. */
uint64_t save_checksum(const void *buf, uint64_t len)
{
    const uint8_t *p = buf;
    uint64_t h = FNV_OFFSET;
    uint64_t word;

    for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
        memcpy(&word, p, sizeof(word));
        h = (h ^ word) * FNV_PRIME;
    }
    word = 0;
    memcpy(&word, p, len);
    return (h ^ word) * FNV_PRIME;
}

static uint32_t type_version(const struct state_type *t)
{
    uint32_t version = 0;

    for (uint32_t i = 0; i < t->nfields; i++) {
        version = t->fields[i].since > version ? t->fields[i].since : version;
    }
    return version;
}

/* --- writing --- */

/* Counts only while buf is NULL. */
struct writer {
    uint8_t *buf;
    uint64_t len;
    uint64_t at;
    int err;
};

static void put_bytes(struct writer *w, const void *data, uint64_t n)
{
    if (w->buf && !w->err) {
        if (n > w->len - w->at) {
            w->err = -ENOSPC;
            return;
        }
        memcpy(w->buf + w->at, data, n);
    }
    w->at += n;
}

static void put_u32(struct writer *w, uint32_t v)
{
    put_bytes(w, &v, sizeof(v));
}

static void put_u64(struct writer *w, uint64_t v)
{
    put_bytes(w, &v, sizeof(v));
}

static void put_name(struct writer *w, const char *name)
{
    size_t n = strlen(name);
    uint8_t len = (uint8_t)n;

    if (n == 0 || n > SAVE_MAX_NAME) {
        w->err = w->err ? w->err : -ENAMETOOLONG;
        return;
    }
    put_bytes(w, &len, 1);
    put_bytes(w, name, n);
}

static void put_type(struct writer *w, const struct state_type *t)
{
    put_name(w, t->name);
    put_u32(w, type_version(t));
    put_u32(w, t->nfields);
    for (uint32_t i = 0; i < t->nfields; i++) {
        const struct state_field *f = &t->fields[i];

        put_name(w, f->name);
        put_u32(w, f->sub ? 0 : f->size);
        put_u32(w, f->count);
        put_u32(w, f->since);
        put_u32(w, f->sub != NULL);
        if (f->sub) {
            put_type(w, f->sub);
        }
    }
}

/* Structs have no padding and their tables are in the order of declaration: the fields' bytes, one
 * after the other, are the struct. */
static void put_device(struct writer *w, const struct device *dev)
{
    put_u32(w, TAG_DEVICE);
    put_name(w, dev->id);
    put_type(w, dev->cls->state);
    put_bytes(w, dev->state, dev->cls->state->size);
}

static void put_image(struct writer *w, const struct save_image *img, uint64_t total)
{
    const struct arena *a = img->arena;

    put_u64(w, SAVE_MAGIC);
    put_u32(w, SAVE_FORMAT);
    put_u32(w, a->ndev);
    put_u32(w, img->nblobs);
    put_u32(w, 0);
    put_u64(w, total);
    put_u64(w, arena_layout_hash(a));
    put_name(w, img->machine);
    for (unsigned i = 0; i < a->ndev; i++) {
        put_device(w, a->dev[i]);
    }
    for (unsigned i = 0; i < img->nblobs; i++) {
        put_u32(w, TAG_BLOB);
        put_name(w, img->blobs[i].name);
        put_u64(w, img->blobs[i].size);
        put_bytes(w, img->blobs[i].data, img->blobs[i].size);
    }
    put_u32(w, TAG_END);
}

uint64_t save_size(const struct save_image *img)
{
    struct writer w = {0};

    put_image(&w, img, 0);
    return w.at + sizeof(uint64_t);
}

int save_write(const struct save_image *img, void *buf, uint64_t len)
{
    struct writer w = {.buf = buf, .len = len};

    put_image(&w, img, save_size(img));
    if (!w.err) {
        put_u64(&w, save_checksum(buf, w.at));
    }
    return w.err;
}

/* --- reading --- */

/* `failed` once something did not fit; `err` then holds the first line. */
struct reader {
    const uint8_t *buf;
    uint64_t len;
    uint64_t at;
    bool failed;
    bool defaults;  /* a field was younger than the stream */
    const char *id; /* the device being read, for messages */
    char *err;
    size_t size;
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct reader *r, const char *fmt, ...)
{
    va_list ap;
    int n = 0;

    if (r->failed) {
        return false;
    }
    r->failed = true;
    if (r->id) {
        n = snprintf(r->err, r->size, "saved state: device %s: ", r->id);
    } else {
        n = snprintf(r->err, r->size, "saved state: ");
    }
    if (n >= 0 && (size_t)n < r->size) {
        va_start(ap, fmt);
        vsnprintf(r->err + n, r->size - (size_t)n, fmt, ap);
        va_end(ap);
    }
    return false;
}

/* NULL, and refused, when there are fewer than n bytes left. */
static const uint8_t *get_bytes(struct reader *r, uint64_t n)
{
    const uint8_t *p = r->buf + r->at;

    if (r->failed || n > r->len - r->at) {
        refuse(r, "it ends in the middle of something");
        return NULL;
    }
    r->at += n;
    return p;
}

static uint32_t get_u32(struct reader *r)
{
    const uint8_t *p = get_bytes(r, 4);
    uint32_t v = 0;

    if (p) {
        memcpy(&v, p, sizeof(v));
    }
    return v;
}

static uint64_t get_u64(struct reader *r)
{
    const uint8_t *p = get_bytes(r, 8);
    uint64_t v = 0;

    if (p) {
        memcpy(&v, p, sizeof(v));
    }
    return v;
}

struct name {
    char text[SAVE_MAX_NAME + 1];
};

/* What could disturb a log is shown as a question mark; such a name equals none of ours. */
static bool get_name(struct reader *r, struct name *name)
{
    const uint8_t *len = get_bytes(r, 1);
    const uint8_t *p = len ? get_bytes(r, *len) : NULL;

    name->text[0] = 0;
    if (!p || *len == 0 || *len > SAVE_MAX_NAME) {
        return refuse(r, "a name has no characters or too many");
    }
    for (unsigned i = 0; i < *len; i++) {
        name->text[i] = p[i] > 32 && p[i] < 127 ? (char)p[i] : '?';
    }
    name->text[*len] = 0;
    return true;
}

static bool expect_name(struct reader *r, const char *what, const char *ours)
{
    struct name name;

    if (!get_name(r, &name)) {
        return false;
    }
    return !strcmp(name.text, ours) || refuse(r, "%s is %s, here it is %s", what, name.text, ours);
}

static bool type_check(struct reader *r, const struct state_type *t);

/* One field's description, of which the stream and we must have the same idea. */
static bool field_check(struct reader *r, const struct state_field *f)
{
    struct name name;

    if (!get_name(r, &name)) {
        return false;
    }
    if (strcmp(name.text, f->name)) {
        return refuse(r, "field %s where %s was expected", name.text, f->name);
    }
    uint32_t size = get_u32(r);
    uint32_t count = get_u32(r);
    uint32_t since = get_u32(r);
    uint32_t nested = get_u32(r);

    if (size != (f->sub ? 0 : f->size)) {
        return refuse(r, "field %s has elements of %u bytes, here of %u", f->name, size,
                      f->sub ? 0 : f->size);
    }
    if (count != f->count || since != f->since || nested != (f->sub != NULL)) {
        return refuse(r, "field %s is not what it is here", f->name);
    }
    return !nested || type_check(r, f->sub);
}

/* Walks a type's description to its end. */
static bool type_check(struct reader *r, const struct state_type *t)
{
    uint32_t ours = type_version(t);

    if (!expect_name(r, "a type", t->name)) {
        return false;
    }
    uint32_t version = get_u32(r);
    uint32_t nfields = get_u32(r);

    if (version > ours) {
        return refuse(r, "%s is of version %u, newer than %u", t->name, version, ours);
    }
    for (uint32_t i = 0; i < t->nfields && !r->failed; i++) {
        if (t->fields[i].since > version) {
            r->defaults = true;
            continue;
        }
        if (nfields == 0) {
            return refuse(r, "%s lacks field %s", t->name, t->fields[i].name);
        }
        nfields--;
        field_check(r, &t->fields[i]);
    }
    if (nfields) {
        return refuse(r, "%s has %u fields that are unknown here", t->name, nfields);
    }
    return !r->failed;
}

/*
 * Loads one struct. `desc` stands at its type's description, already checked, and is left behind
 * it; the bytes come from `r`. Depth is that of our own types.
 */
static bool struct_load(struct reader *r, struct reader *desc, const struct state_type *t,
                        uint8_t *to)
{
    struct name name;

    get_name(desc, &name);
    uint32_t version = get_u32(desc);
    get_u32(desc);
    for (uint32_t i = 0; i < t->nfields && !r->failed; i++) {
        const struct state_field *f = &t->fields[i];

        if (f->since > version) {
            continue;
        }
        get_name(desc, &name);
        get_bytes(desc, 16);
        if (!f->sub) {
            const uint8_t *p = get_bytes(r, (uint64_t)f->size * f->count);

            if (p) {
                memcpy(to + f->offset, p, (size_t)f->size * f->count);
            }
            continue;
        }
        struct reader sub = *desc;
        for (uint32_t e = 0; e < f->count && !r->failed; e++) {
            sub = *desc;
            struct_load(r, &sub, f->sub, to + f->offset + (size_t)e * f->size);
        }
        desc->at = sub.at;
    }
    return !r->failed;
}

static bool device_load(struct reader *r, const struct device *dev, uint8_t *to)
{
    if (get_u32(r) != TAG_DEVICE) {
        return refuse(r, "no device where %s was expected", dev->id);
    }
    if (!expect_name(r, "a device", dev->id)) {
        return false;
    }
    r->id = dev->id;
    struct reader desc = *r;
    if (!type_check(r, dev->cls->state) || !struct_load(r, &desc, dev->cls->state, to)) {
        return false;
    }
    if (dev->cls->check(to)) {
        return refuse(r, "the device cannot be in such a state");
    }
    r->id = NULL;
    return true;
}

/* Where the blob's bytes lie, or NULL. */
static const uint8_t *blob_find(struct reader *r, const struct save_blob *b)
{
    if (get_u32(r) != TAG_BLOB) {
        refuse(r, "no memory %s where it was expected", b->name);
        return NULL;
    }
    if (!expect_name(r, "a memory", b->name)) {
        return NULL;
    }
    uint64_t bytes = get_u64(r);
    if (bytes != b->size) {
        refuse(r, "memory %s has %llu bytes, here %llu", b->name, (unsigned long long)bytes,
               (unsigned long long)b->size);
        return NULL;
    }
    return get_bytes(r, bytes);
}

/* Length, magic and checksum: whether the stream is one, whole and unaltered. */
static bool stream_check(struct reader *r)
{
    uint64_t magic = 0;
    uint64_t total = 0;
    uint64_t sum = 0;

    if (r->len < sizeof(magic) || (memcpy(&magic, r->buf, sizeof(magic)), magic != SAVE_MAGIC)) {
        return refuse(r, "not a state that cleave-dm saved");
    }
    if (r->len < MIN_BYTES) {
        return refuse(r, "cut off after %llu bytes", (unsigned long long)r->len);
    }
    memcpy(&total, r->buf + OFFSET_BYTES, sizeof(total));
    if (total != r->len) {
        return refuse(r, "%llu bytes where it says that it has %llu: cut off, or altered",
                      (unsigned long long)r->len, (unsigned long long)total);
    }
    memcpy(&sum, r->buf + total - sizeof(sum), sizeof(sum));
    if (sum != save_checksum(r->buf, total - sizeof(sum))) {
        return refuse(r, "the checksum is wrong: damaged, or altered");
    }
    r->len -= sizeof(sum);
    return true;
}

/* The header; *hash is the arena's layout where it was saved. */
static bool header_check(struct reader *r, const struct save_image *img, uint64_t *hash)
{
    get_u64(r);
    uint32_t format = get_u32(r);

    if (format != SAVE_FORMAT) {
        return refuse(r, "format %u is unknown here", format);
    }
    uint32_t ndev = get_u32(r);
    uint32_t nblobs = get_u32(r);
    uint32_t reserved = get_u32(r);
    get_u64(r);
    *hash = get_u64(r);
    if (!expect_name(r, "the machine", img->machine)) {
        return false;
    }
    if (ndev != img->arena->ndev || nblobs != img->nblobs || reserved) {
        return refuse(r, "%u devices and %u memories, here %u and %u", ndev, nblobs,
                      img->arena->ndev, img->nblobs);
    }
    return true;
}

static bool devices_load(struct reader *r, const struct save_image *img, uint8_t *scratch)
{
    const struct arena *a = img->arena;

    for (unsigned i = 0; i < a->ndev; i++) {
        if (!device_load(r, a->dev[i], scratch + a->offset[i])) {
            return false;
        }
    }
    return true;
}

/* Every blob once to see that all is there, and, when `commit`, once more to take the bytes. */
static bool blobs_load(struct reader *r, const struct save_image *img, bool commit)
{
    for (unsigned i = 0; i < img->nblobs; i++) {
        const uint8_t *p = blob_find(r, &img->blobs[i]);

        if (!p) {
            return false;
        }
        if (commit) {
            memcpy(img->blobs[i].data, p, img->blobs[i].size);
        }
    }
    return true;
}

int save_read(const struct save_image *img, const void *buf, uint64_t len, void *scratch, char *err,
              size_t size)
{
    struct reader r = {.buf = buf, .len = len, .err = err, .size = size};
    struct arena *a = img->arena;
    uint64_t hash = 0;

    if (size) {
        err[0] = 0;
    }
    if (!stream_check(&r) || !header_check(&r, img, &hash)) {
        return -EINVAL;
    }
    memcpy(scratch, a->base, a->used);
    if (!devices_load(&r, img, scratch)) {
        return -EINVAL;
    }
    struct reader blobs = r;
    if (!blobs_load(&r, img, false)) {
        return -EINVAL;
    }
    if (get_u32(&r) != TAG_END || r.at != r.len) {
        refuse(&r, "something follows that does not belong to it");
        return -EINVAL;
    }
    if (r.defaults && hash == arena_layout_hash(a)) {
        refuse(&r, "it has this layout, but fields are missing");
        return -EINVAL;
    }
    memcpy(a->base, scratch, a->used);
    blobs_load(&blobs, img, true);
    return 0;
}
