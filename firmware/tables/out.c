/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table builder's output buffer. */
#include <string.h>

#include "build.h"

static uint8_t *out_room(struct out *o, uint32_t len)
{
    if (o->overflow || len > o->capacity - o->len) {
        o->overflow = true;
        return NULL;
    }
    o->len += len;
    return o->buf + o->len - len;
}

void out_bytes(struct out *o, const void *data, uint32_t len)
{
    uint8_t *p = out_room(o, len);

    if (p) {
        memcpy(p, data, len);
    }
}

void out_zero(struct out *o, uint32_t len)
{
    uint8_t *p = out_room(o, len);

    if (p) {
        memset(p, 0, len);
    }
}

void out_align(struct out *o, uint32_t align)
{
    out_zero(o, -o->len & (align - 1));
}

static void out_le(struct out *o, uint64_t value, uint32_t size)
{
    uint8_t *p = out_room(o, size);

    for (uint32_t i = 0; p && i < size; i++) {
        p[i] = (uint8_t)(value >> (8 * i));
    }
}

void out_8(struct out *o, uint32_t value)
{
    out_le(o, value, 1);
}

void out_16(struct out *o, uint32_t value)
{
    out_le(o, value, 2);
}

void out_32(struct out *o, uint32_t value)
{
    out_le(o, value, 4);
}

void out_64(struct out *o, uint64_t value)
{
    out_le(o, value, 8);
}

void out_text(struct out *o, const char *text)
{
    out_bytes(o, text, (uint32_t)strlen(text));
}

void out_pointer(struct out *o, uint32_t target, uint32_t size)
{
    if (o->npointers == OUT_MAX_POINTERS) {
        o->overflow = true;
        return;
    }
    o->pointer[o->npointers].offset = o->len;
    o->pointer[o->npointers].size = size;
    o->npointers++;
    out_le(o, (uint64_t)o->base + target, size);
}

void out_patch_32(struct out *o, uint32_t offset, uint32_t value)
{
    for (uint32_t i = 0; !o->overflow && i < 4; i++) {
        o->buf[offset + i] = (uint8_t)(value >> (8 * i));
    }
}

static bool out_has_pointer(const struct out *o, uint32_t start, uint32_t len)
{
    for (uint32_t i = 0; i < o->npointers; i++) {
        if (o->pointer[i].offset >= start && o->pointer[i].offset < start + len) {
            return true;
        }
    }
    return false;
}

void out_checksum(struct out *o, uint32_t offset, uint32_t start, uint32_t len)
{
    uint32_t sum = 0;

    if (o->overflow) {
        return;
    }
    o->buf[offset] = 0;
    if (o->base == 0 && out_has_pointer(o, start, len)) {
        if (o->nsums == OUT_MAX_SUMS) {
            o->overflow = true;
            return;
        }
        o->sum[o->nsums].offset = offset;
        o->sum[o->nsums].start = start;
        o->sum[o->nsums].len = len;
        o->nsums++;
        return;
    }
    for (uint32_t i = 0; i < len; i++) {
        sum += o->buf[start + i];
    }
    o->buf[offset] = (uint8_t)-sum;
}

uint32_t config_apic_id(const struct fwtables_config *c, uint32_t vcpu)
{
    return c->mode == FWTABLES_XEN ? 2 * vcpu : vcpu;
}

uint32_t config_ioapic_id(const struct fwtables_config *c)
{
    /* Local APIC ids are even in mode xen; mode qemu leaves the chip's reset value. */
    return c->mode == FWTABLES_XEN ? 1 : 0;
}
