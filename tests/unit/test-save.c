/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The saved-state stream: round trip, older and newer layouts, and hostile streams. The layout's
 * numbers are spelled out here, from save.h's comment, not taken from the code under test.
 */
#include <glib.h>
#include <errno.h>
#include <string.h>

#include "core/save.h"

#define SPEC_MAGIC       "CLSTATE1"
#define SPEC_AT_FORMAT   8
#define SPEC_AT_DEVICES  12
#define SPEC_AT_BLOBS    16
#define SPEC_AT_RESERVED 20
#define SPEC_AT_BYTES    24
#define SPEC_AT_HASH     32
#define SPEC_AT_MACHINE  40

#define CHAN_STATE(V, A, S, T)                                                                     \
    V(T, uint16_t, count, 1)                                                                       \
    V(T, uint16_t, latch, 1)
STATE_STRUCT(chan_state, CHAN_STATE);
STATE_TYPE(chan_state, CHAN_STATE);

#define TIMER_STATE(V, A, S, T)                                                                    \
    V(T, uint32_t, mode, 1)                                                                        \
    A(T, uint8_t, reg, 4, 1)                                                                       \
    S(T, chan_state, chan, 3, 1)                                                                   \
    V(T, uint32_t, extra, 2)                                                                       \
    V(T, uint64_t, deadline, 1)
STATE_STRUCT(timer_state, TIMER_STATE);
STATE_TYPE(timer_state, TIMER_STATE);

/* The same chip as an older build had it: without `extra`. */
static const struct state_field old_fields[] = {
    {"mode", NULL, 0, 1, 4, 1},
    {"reg", NULL, 4, 4, 1, 1},
    {"chan", &chan_state_type, 8, 3, 4, 1},
    {"deadline", NULL, 20, 1, 8, 1},
};
static const struct state_type old_type = {"timer_state", old_fields, 4, 28};

/* Variants of it that are not the same chip. */
static const struct state_field wide_fields[] = {
    {"mode", NULL, 0, 1, 8, 1},
    {"reg", NULL, 8, 4, 1, 1},
    {"chan", &chan_state_type, 12, 3, 4, 1},
    {"deadline", NULL, 24, 1, 8, 1},
};
static const struct state_type wide_type = {"timer_state", wide_fields, 4, 32};
static const struct state_field swapped_fields[] = {
    {"reg", NULL, 0, 4, 1, 1},
    {"mode", NULL, 4, 1, 4, 1},
    {"chan", &chan_state_type, 8, 3, 4, 1},
    {"deadline", NULL, 20, 1, 8, 1},
};
static const struct state_type swapped_type = {"timer_state", swapped_fields, 4, 28};
static const struct state_field missing_fields[] = {
    {"mode", NULL, 0, 1, 4, 1},
    {"reg", NULL, 4, 4, 1, 1},
    {"chan", &chan_state_type, 8, 3, 4, 1},
};
static const struct state_type missing_type = {"timer_state", missing_fields, 3, 20};
static const struct state_field unknown_fields[] = {
    {"mode", NULL, 0, 1, 4, 1},
    {"reg", NULL, 4, 4, 1, 1},
    {"chan", &chan_state_type, 8, 3, 4, 1},
    {"deadline", NULL, 20, 1, 8, 1},
    {"more", NULL, 28, 1, 4, 1},
};
static const struct state_type unknown_type = {"timer_state", unknown_fields, 5, 32};
static const struct state_field newer_fields[] = {
    {"mode", NULL, 0, 1, 4, 1},
    {"reg", NULL, 4, 4, 1, 1},
    {"chan", &chan_state_type, 8, 3, 4, 1},
    {"deadline", NULL, 20, 1, 8, 1},
    {"more", NULL, 28, 1, 4, 3},
};
static const struct state_type newer_type = {"timer_state", newer_fields, 5, 32};

static int timer_check(const void *state)
{
    return *(const uint32_t *)state > 5 ? -EINVAL : 0; /* mode comes first */
}

static const struct device_class timer_class = {
    .name = "timer", .state = &timer_state_type, .check = timer_check};

/* --- a machine of two timers and one memory --- */

struct machine {
    uint8_t mem[1024] __attribute__((aligned(64)));
    uint8_t blob[100];
    struct arena arena;
    struct device dev[2];
    struct save_blob blobs[1];
    struct save_image img;
};

static void machine_init(struct machine *m, const struct device_class *cls)
{
    memset(m, 0, sizeof(*m));
    arena_init(&m->arena, m->mem, sizeof(m->mem));
    g_assert_cmpint(arena_add(&m->arena, &m->dev[0], cls, "timer0"), ==, 0);
    g_assert_cmpint(arena_add(&m->arena, &m->dev[1], cls, "timer1"), ==, 0);
    arena_seal(&m->arena);
    m->blobs[0] = (struct save_blob){"vram", m->blob, sizeof(m->blob)};
    m->img = (struct save_image){&m->arena, "cleave-1,m=64", m->blobs, 1};
}

static void machine_fill(struct machine *m)
{
    for (unsigned d = 0; d < 2; d++) {
        memset(m->dev[d].state, 0x10 + (int)d, m->dev[d].cls->state->size);
        *(uint32_t *)m->dev[d].state = d + 1;
    }
    memset(m->blob, 0x77, sizeof(m->blob));
}

/* The stream, in an allocation of exactly its size so that a sanitizer sees one byte too many. */
static uint8_t *machine_save(const struct machine *m, uint64_t *len)
{
    *len = save_size(&m->img);
    uint8_t *buf = g_malloc(*len);

    g_assert_cmpint(save_write(&m->img, buf, *len), ==, 0);
    return buf;
}

static int machine_load(struct machine *m, const uint8_t *buf, uint64_t len, char *err)
{
    uint8_t scratch[sizeof(m->mem)] __attribute__((aligned(64)));

    return save_read(&m->img, buf, len, scratch, err, 160);
}

static __attribute__((noinline)) void seal(uint8_t *buf, uint64_t len)
{
    uint64_t sum = 0xcbf29ce484222325ull;

    memcpy(buf + SPEC_AT_BYTES, &len, 8);
    for (uint64_t i = 0; i <= (len - 8) / 8; i++) { /* words, the last one of what is left */
        uint64_t word = 0;

        for (uint64_t k = 0; k < 8 && i * 8 + k < len - 8; k++) {
            word |= (uint64_t)buf[i * 8 + k] << (k * 8);
        }
        sum = (sum ^ word) * 0x100000001b3ull;
    }
    memcpy(buf + len - 8, &sum, 8);
}

/* Refused, in one line, and nothing of the machine has changed. */
static void assert_refused(struct machine *m, const uint8_t *buf, uint64_t len, const char *says)
{
    struct machine before = *m;
    char err[160];

    g_assert_cmpint(machine_load(m, buf, len, err), ==, -EINVAL);
    g_assert_cmpmem(m->mem, sizeof(m->mem), before.mem, sizeof(before.mem));
    g_assert_cmpmem(m->blob, sizeof(m->blob), before.blob, sizeof(before.blob));
    g_assert_true(g_str_has_prefix(err, "saved state: "));
    g_assert_null(strchr(err, '\n'));
    if (says && !strstr(err, says)) {
        g_error("expected '%s' in '%s'", says, err);
    }
}

static void test_round_trip(void)
{
    struct machine a, b;
    char err[160];
    uint64_t len;

    machine_init(&a, &timer_class);
    machine_fill(&a);
    machine_init(&b, &timer_class);
    g_autofree uint8_t *buf = machine_save(&a, &len);
    g_assert_cmpmem(buf, 8, SPEC_MAGIC, 8);
    g_assert_cmpuint(buf[SPEC_AT_FORMAT], ==, 1);
    g_assert_cmpuint(buf[SPEC_AT_DEVICES], ==, 2);
    g_assert_cmpint(machine_load(&b, buf, len, err), ==, 0);
    g_assert_cmpstr(err, ==, "");
    g_assert_cmpmem(a.mem, a.arena.used, b.mem, b.arena.used);
    g_assert_cmpmem(a.blob, sizeof(a.blob), b.blob, sizeof(b.blob));
    g_autofree uint8_t *again = machine_save(&b, &len);
    g_assert_cmpmem(buf, len, again, len);
}

static void test_no_room(void)
{
    struct machine a;
    uint64_t len;

    machine_init(&a, &timer_class);
    g_autofree uint8_t *buf = machine_save(&a, &len);
    for (uint64_t n = 0; n < len; n++) {
        g_autofree uint8_t *small = g_malloc(n + 1);

        small[n] = 0x5a;
        g_assert_cmpint(save_write(&a.img, small, n), ==, -ENOSPC);
        g_assert_cmpuint(small[n], ==, 0x5a);
    }
    a.img.machine = "";
    g_assert_cmpint(save_write(&a.img, buf, len), ==, -ENAMETOOLONG);
}

/* SAVE: no byte of a stream can change unnoticed, by the checksum. */
static void test_every_byte(void)
{
    struct machine a, b;
    uint64_t len;

    machine_init(&a, &timer_class);
    machine_fill(&a);
    machine_init(&b, &timer_class);
    g_autofree uint8_t *buf = machine_save(&a, &len);
    for (uint64_t i = 0; i < len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            buf[i] ^= (uint8_t)(1u << bit);
            assert_refused(&b, buf, len, NULL);
            buf[i] ^= (uint8_t)(1u << bit);
        }
        buf[i] ^= 0xff;
        assert_refused(&b, buf, len, NULL);
        buf[i] ^= 0xff;
    }
}

/* With the checksum made right again: what is accepted is state that save would have written. */
static void test_every_byte_resealed(void)
{
    struct machine a, b;
    unsigned accepted = 0;
    char err[160];
    uint64_t len;

    machine_init(&a, &timer_class);
    machine_fill(&a);
    g_autofree uint8_t *buf = machine_save(&a, &len);
    g_autofree uint8_t *bad = g_malloc(len);
    for (uint64_t i = 0; i < len - 8; i++) {
        for (unsigned v = 1; v < 256; v += 9) {
            memcpy(bad, buf, len);
            bad[i] ^= (uint8_t)v;
            if (i < SPEC_AT_BYTES || i >= SPEC_AT_BYTES + 8) {
                seal(bad, len);
            }
            machine_init(&b, &timer_class);
            if (machine_load(&b, bad, len, err)) {
                g_assert_true(g_str_has_prefix(err, "saved state: "));
                continue;
            }
            uint64_t n;
            g_autofree uint8_t *again = machine_save(&b, &n);
            g_assert_cmpuint(n, ==, len);
            /* The layout hash is only a hint. */
            memcpy(bad + SPEC_AT_HASH, again + SPEC_AT_HASH, 8);
            seal(bad, len);
            g_assert_cmpmem(bad, len, again, n);
            accepted++;
        }
    }
    g_assert_cmpuint(accepted, >, 1000); /* the registers and the memory */
}

static void test_every_length(void)
{
    struct machine a, b;
    uint64_t len;

    machine_init(&a, &timer_class);
    machine_init(&b, &timer_class);
    machine_fill(&b);
    g_autofree uint8_t *buf = machine_save(&a, &len);
    for (uint64_t n = 0; n < len; n++) {
        g_autofree uint8_t *cut = g_memdup2(buf, n ? n : 1);

        assert_refused(&b, cut, n, NULL);
        if (n > 48) { /* and again with length and checksum that fit what is left */
            seal(cut, n);
            assert_refused(&b, cut, n, NULL);
        }
    }
    g_autofree uint8_t *longer = g_malloc0(len + 16);
    memcpy(longer, buf, len);
    assert_refused(&b, longer, len + 1, "cut off, or altered");
    seal(longer, len + 16);
    assert_refused(&b, longer, len + 16, "something follows");
}

static void test_header(void)
{
    struct machine a, b;
    uint64_t len;

    machine_init(&a, &timer_class);
    machine_init(&b, &timer_class);
    g_autofree uint8_t *buf = machine_save(&a, &len);
    b.img.machine = "cleave-1,m=128";
    assert_refused(&b, buf, len, "the machine is cleave-1,m=64, here it is cleave-1,m=128");
    b.img.machine = a.img.machine;
    b.img.nblobs = 0;
    assert_refused(&b, buf, len, "2 devices and 1 memories, here 2 and 0");
    b.img.nblobs = 1;
    b.blobs[0].size = 99;
    assert_refused(&b, buf, len, "memory vram has 100 bytes, here 99");
    b.blobs[0].size = 100;
    b.blobs[0].name = "flash";
    assert_refused(&b, buf, len, "a memory is vram");
    b.blobs[0].name = "vram";
    buf[SPEC_AT_FORMAT] = 2;
    seal(buf, len);
    assert_refused(&b, buf, len, "format 2");
    buf[SPEC_AT_FORMAT] = 1;
    buf[SPEC_AT_RESERVED] = 1;
    seal(buf, len);
    assert_refused(&b, buf, len, "devices");
    buf[SPEC_AT_RESERVED] = 0;
    memset(buf + SPEC_AT_MACHINE + 1, '\n', 5); /* no line breaks into a log */
    seal(buf, len);
    assert_refused(&b, buf, len, "the machine is ?????");
    assert_refused(&b, (const uint8_t *)"QEVM\0\0\0\3", 8, "not a state");
}

static void test_order_of_devices(void)
{
    struct machine a, b;
    uint64_t len;

    machine_init(&a, &timer_class);
    machine_init(&b, &timer_class);
    b.dev[0].id = "timer1";
    b.dev[1].id = "timer0";
    g_autofree uint8_t *buf = machine_save(&a, &len);
    assert_refused(&b, buf, len, "a device is timer0, here it is timer1");
}

static void test_check_refuses(void)
{
    struct machine a, b;
    uint64_t len;

    machine_init(&a, &timer_class);
    machine_init(&b, &timer_class);
    machine_fill(&b);
    *(uint32_t *)a.dev[1].state = 6;
    g_autofree uint8_t *buf = machine_save(&a, &len);
    assert_refused(&b, buf, len, "device timer1: the device cannot be in such a state");
}

/* An older stream: the younger field keeps what the arena held. */
static void test_default(void)
{
    static const struct device_class old = {
        .name = "timer", .state = &old_type, .check = timer_check};
    const struct timer_state *s;
    struct machine a, b;
    char err[160];
    uint64_t len;

    machine_init(&a, &old);
    machine_fill(&a);
    machine_init(&b, &timer_class);
    ((struct timer_state *)b.dev[0].state)->extra = 0xabcd;
    ((struct timer_state *)b.dev[0].state)->deadline = 9;
    g_autofree uint8_t *buf = machine_save(&a, &len);
    g_assert_cmpint(machine_load(&b, buf, len, err), ==, 0);
    s = b.dev[0].state;
    g_assert_cmphex(s->extra, ==, 0xabcd);
    g_assert_cmphex(s->mode, ==, 1);
    g_assert_cmphex(s->reg[3], ==, 0x10);
    g_assert_cmphex(s->chan[2].latch, ==, 0x1010);
    g_assert_cmphex(s->deadline, ==, 0x1010101010101010ull);
    s = b.dev[1].state;
    g_assert_cmphex(s->deadline, ==, 0x1111111111111111ull);

    uint64_t ours = arena_layout_hash(&b.arena);
    memcpy(buf + SPEC_AT_HASH, &ours, 8);
    seal(buf, len);
    assert_refused(&b, buf, len, "fields are missing");
}

static void test_other_fields(void)
{
    static const struct {
        const struct state_type *type;
        const char *says;
    } other[] = {
        {&wide_type, "field mode has elements of 8 bytes, here of 4"},
        {&swapped_type, "field reg where mode was expected"},
        {&missing_type, "lacks field deadline"},
        {&unknown_type, "1 fields that are unknown here"},
        {&newer_type, "timer_state is of version 3, newer than 2"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(other); i++) {
        struct device_class cls = {.name = "timer", .state = other[i].type, .check = timer_check};
        struct machine a, b;
        uint64_t len;

        machine_init(&a, &cls);
        machine_init(&b, &timer_class);
        machine_fill(&b);
        g_autofree uint8_t *buf = machine_save(&a, &len);
        assert_refused(&b, buf, len, other[i].says);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/save/round-trip", test_round_trip);
    g_test_add_func("/save/no-room", test_no_room);
    g_test_add_func("/save/every-byte", test_every_byte);
    g_test_add_func("/save/every-byte-resealed", test_every_byte_resealed);
    g_test_add_func("/save/every-length", test_every_length);
    g_test_add_func("/save/header", test_header);
    g_test_add_func("/save/order-of-devices", test_order_of_devices);
    g_test_add_func("/save/check-refuses", test_check_refuses);
    g_test_add_func("/save/default", test_default);
    g_test_add_func("/save/other-fields", test_other_fields);
    return g_test_run();
}
