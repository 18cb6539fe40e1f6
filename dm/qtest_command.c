/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The requests. Parsed in place, without copies: a test program sends some hundred thousand of them
 * per second.
 */
#include <glib.h>
#include <inttypes.h>
#include <string.h>

#include "qtest_int.h"

#define PORT_LAST   0xffffu
#define BLOCK_LIMIT (256ull << 20) /* bytes of one block read or write */
#define FILL_LIMIT  (64ull << 30)  /* of a memset */

/* --- words --- */

static bool word_is(const struct qtest_word *w, const char *text)
{
    return strlen(text) == w->len && !memcmp(w->p, text, w->len);
}

static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A number as strtoull() reads it with base 0: 0x, octal, decimal, a minus sign. */
static bool word_number(const struct qtest_word *w, uint64_t *val)
{
    const char *p = w->p;
    const char *end = p + w->len;
    bool minus = p < end && *p == '-';
    unsigned base = 10;
    uint64_t v = 0;

    p += minus;
    if (end - p > 2 && p[0] == '0' && (p[1] | 0x20) == 'x') {
        base = 16;
        p += 2;
    } else if (end - p > 1 && p[0] == '0') {
        base = 8;
        p++;
    }
    if (p == end) {
        return false;
    }
    for (; p < end; p++) {
        int d = digit(*p);

        if (d < 0 || (unsigned)d >= base || v > (UINT64_MAX - (unsigned)d) / base) {
            return false;
        }
        v = v * base + (unsigned)d;
    }
    *val = minus ? -v : v;
    return true;
}

struct request {
    unsigned n; /* words, the command included */
    struct qtest_word word[QTEST_WORDS];
};

static void request_split(struct request *r, const char *line, size_t len)
{
    const char *end = line + len;

    r->n = 0;
    while (r->n < QTEST_WORDS) {
        const char *space = memchr(line, ' ', (size_t)(end - line));
        const char *stop = space ? space : end;

        r->word[r->n++] = (struct qtest_word){line, (size_t)(stop - line)};
        if (!space) {
            break;
        }
        line = space + 1;
    }
}

/* Word i as a number; else the client is told. */
static bool request_number(struct qtest *q, const struct request *r, unsigned i, uint64_t *val)
{
    if (i < r->n && word_number(&r->word[i], val)) {
        return true;
    }
    qtest_sendf(q, "FAIL %.*s: argument %u is not a number\n", (int)r->word[0].len, r->word[0].p,
                i);
    return false;
}

/* Address and length of a block. */
static bool request_block(struct qtest *q, const struct request *r, uint64_t *gpa, uint64_t *len,
                          uint64_t limit)
{
    if (!request_number(q, r, 1, gpa) || !request_number(q, r, 2, len)) {
        return false;
    }
    if (*len > limit) {
        qtest_sendf(q, "FAIL %.*s: at most %" PRIu64 " bytes\n", (int)r->word[0].len, r->word[0].p,
                    limit);
        return false;
    }
    return true;
}

/*
 * What an access started ends before it is answered: lines that change come before the reply, and
 * the same requests have the same answers.
 */
static void access_done(struct qtest *q)
{
    machine_drain(q->m);
}

/* "OK 0x" and `digits` hexadecimal digits. */
static void reply_hex(struct qtest *q, uint64_t val, unsigned digits)
{
    static const char hex[] = "0123456789abcdef";

    access_done(q);
    char *p = qtest_reserve(q, 5 + digits + 1);

    memcpy(p, "OK 0x", 5);
    for (unsigned i = 0; i < digits; i++) {
        p[5 + i] = hex[(val >> ((digits - 1 - i) * 4)) & 15];
    }
    p[5 + digits] = '\n';
}

static void reply_ok(struct qtest *q)
{
    access_done(q);
    memcpy(qtest_reserve(q, 3), "OK\n", 3);
}

/* The letter at the end of a command: b, w, l, q. */
static unsigned width(const struct request *r)
{
    switch (r->word[0].p[r->word[0].len - 1]) {
    case 'b':
        return 1;
    case 'w':
        return 2;
    case 'l':
        return 4;
    default:
        return 8;
    }
}

/* --- ports and memory --- */

static bool request_port(struct qtest *q, const struct request *r, uint64_t *port)
{
    if (!request_number(q, r, 1, port)) {
        return false;
    }
    if (*port > PORT_LAST) {
        qtest_sendf(q, "FAIL %.*s: no such port\n", (int)r->word[0].len, r->word[0].p);
        return false;
    }
    return true;
}

static void command_in(struct qtest *q, const struct request *r)
{
    uint64_t port;

    if (request_port(q, r, &port)) {
        uint64_t val = bus_read(&q->m->pc.pio, port, width(r));
        unsigned digits = 4;

        while (val >> (digits * 4)) {
            digits++;
        }
        reply_hex(q, val, digits);
    }
}

static void command_out(struct qtest *q, const struct request *r)
{
    uint64_t port, val;

    if (request_port(q, r, &port) && request_number(q, r, 2, &val)) {
        bus_write(&q->m->pc.pio, port, width(r), val);
        reply_ok(q);
    }
}

static void command_read_one(struct qtest *q, const struct request *r)
{
    uint64_t gpa;

    if (request_number(q, r, 1, &gpa)) {
        reply_hex(q, alone_read(&q->m->alone, gpa, width(r)), 16);
    }
}

static void command_write_one(struct qtest *q, const struct request *r)
{
    uint64_t gpa, val;

    if (request_number(q, r, 1, &gpa) && request_number(q, r, 2, &val)) {
        alone_write(&q->m->alone, gpa, width(r), val);
        reply_ok(q);
    }
}

static void command_read(struct qtest *q, const struct request *r)
{
    static const char hex[] = "0123456789abcdef";
    uint64_t gpa, len;

    if (!request_block(q, r, &gpa, &len, BLOCK_LIMIT)) {
        return;
    }
    if (!len) {
        qtest_send(q, "FAIL read: nothing to read\n");
        return;
    }
    g_autofree uint8_t *data = g_malloc(len);

    alone_read_block(&q->m->alone, gpa, data, len);
    access_done(q);
    char *p = qtest_reserve(q, 5 + 2 * len + 1);
    memcpy(p, "OK 0x", 5);
    p += 5;
    for (uint64_t i = 0; i < len; i++) {
        *p++ = hex[data[i] >> 4];
        *p++ = hex[data[i] & 15];
    }
    *p = '\n';
}

/* Digits that are missing count as zero, those too many are dropped. */
static void command_write(struct qtest *q, const struct request *r)
{
    uint64_t gpa, len;

    if (!request_block(q, r, &gpa, &len, BLOCK_LIMIT)) {
        return;
    }
    if (r->n < 4 || r->word[3].len < 3) {
        qtest_send(q, "ERR invalid argument size\n");
        return;
    }
    const char *p = r->word[3].p + 2;
    uint64_t given = (r->word[3].len - 2) / 2;
    g_autofree uint8_t *data = g_malloc0(len + 1);

    for (uint64_t i = 0; i < len && i < given; i++) {
        data[i] = (uint8_t)(digit(p[2 * i]) << 4 | (digit(p[2 * i + 1]) & 15));
    }
    alone_write_block(&q->m->alone, gpa, data, len);
    reply_ok(q);
}

static void command_b64read(struct qtest *q, const struct request *r)
{
    uint64_t gpa, len;

    if (!request_block(q, r, &gpa, &len, BLOCK_LIMIT)) {
        return;
    }
    g_autofree uint8_t *data = g_malloc(len + 1);

    alone_read_block(&q->m->alone, gpa, data, len);
    access_done(q);
    g_autofree char *text = g_base64_encode(data, len);
    qtest_send(q, "OK ");
    qtest_send(q, text);
    qtest_send(q, "\n");
}

/* Data shorter than the length writes what there is. */
static void command_b64write(struct qtest *q, const struct request *r)
{
    uint64_t gpa, len;
    gsize given = 0;

    if (!request_block(q, r, &gpa, &len, BLOCK_LIMIT)) {
        return;
    }
    if (r->n < 4 || r->word[3].len < 3) {
        qtest_send(q, "ERR invalid argument size\n");
        return;
    }
    g_autofree char *text = g_strndup(r->word[3].p, r->word[3].len);
    g_autofree uint8_t *data = g_base64_decode(text, &given);

    alone_write_block(&q->m->alone, gpa, data, given < len ? given : len);
    reply_ok(q);
}

static void command_memset(struct qtest *q, const struct request *r)
{
    uint64_t gpa, len, val;

    if (request_block(q, r, &gpa, &len, FILL_LIMIT) && request_number(q, r, 3, &val)) {
        alone_fill_block(&q->m->alone, gpa, (uint8_t)val, len);
        reply_ok(q);
    }
}

static void command_endianness(struct qtest *q, const struct request *r)
{
    qtest_send(q, "OK little\n");
}

/* --- time --- */

static void reply_clock(struct qtest *q)
{
    qtest_sendf(q, "OK %" PRIu64 "\n", q->m->alone.now);
}

/*
 * Time is a signed number of ns: it ends at 292 years. While the machine is stopped (-S, stop) it
 * passes, but no deadline fires.
 */
static void clock_to(struct qtest *q, uint64_t target)
{
    struct alone *a = &q->m->alone;

    if (target <= INT64_MAX && q->m->loop->running) {
        alone_run_until(a, target);
    } else if (target <= INT64_MAX) {
        a->now = target > a->now ? target : a->now;
    }
    reply_clock(q);
}

static void command_clock_step(struct qtest *q, const struct request *r)
{
    uint64_t now = q->m->alone.now;
    uint64_t ns;

    if (r->n < 2 || !r->word[1].len) {
        uint64_t next = clock_next(&q->m->pc.clock);

        clock_to(q, next == CLOCK_NEVER || next < now ? now : next);
    } else if (request_number(q, r, 1, &ns)) {
        clock_to(q, ns > INT64_MAX ? now : clock_add(now, ns));
    }
}

static void command_clock_set(struct qtest *q, const struct request *r)
{
    uint64_t ns;

    if (request_number(q, r, 1, &ns)) {
        clock_to(q, ns > INT64_MAX ? q->m->alone.now : ns);
    }
}

/* --- interrupts --- */

/* The last part of a QOM path names the device; 0: IOAPIC, 1: PIC, -1: neither. */
static int device_by_path(const struct qtest_word *w)
{
    const char *slash = memrchr(w->p, '/', w->len);
    const char *p = slash ? slash + 1 : w->p;
    struct qtest_word last = {p, w->len - (size_t)(p - w->p)};

    if (word_is(&last, "ioapic")) {
        return 0;
    }
    return word_is(&last, "isa-i8259") || word_is(&last, "i8259") || word_is(&last, "pic") ? 1 : -1;
}

/* Once: the same device again is fine, another one is not. */
static void command_intercept(struct qtest *q, const struct request *r)
{
    bool out = r->word[0].len == strlen("irq_intercept_out");
    int device = r->n > 1 ? device_by_path(&r->word[1]) : -1;
    enum qtest_intercept first = device ? QTEST_PIC_IN : QTEST_IOAPIC_IN;

    if (device < 0) {
        qtest_send(q, "FAIL Unknown device\n");
    } else if (q->intercept == QTEST_NOBODY) {
        q->intercept = out ? first + 1 : first;
        reply_ok(q);
    } else if (q->intercept == first || q->intercept == first + 1) {
        reply_ok(q);
    } else {
        qtest_send(q, "FAIL IRQ intercept already enabled\n");
    }
}

static void command_set_irq_in(struct qtest *q, const struct request *r)
{
    int device = r->n > 1 ? device_by_path(&r->word[1]) : -1;
    uint64_t n, level;

    if (device < 0) {
        qtest_send(q, "FAIL Unknown device\n");
        return;
    }
    if (!request_number(q, r, 3, &n) || !request_number(q, r, 4, &level)) {
        return;
    }
    if (!word_is(&r->word[2], "unnamed-gpio-in") || n >= (device ? 16 : PC_GSIS)) {
        qtest_send(q, "FAIL set_irq_in: no such input\n");
        return;
    }
    pc_chips_line(&q->m->pc.chips, SOURCE_TEST, (unsigned)n, level != 0);
    reply_ok(q);
}

/* There are no modules: everything is linked in. */
static void command_module_load(struct qtest *q, const struct request *r)
{
    qtest_send(q, "FAIL\n");
}

/* --- dispatch: the most frequent ones first --- */

static const struct {
    const char *name;
    size_t len;
    void (*run)(struct qtest *q, const struct request *r);
} commands[] = {
#define COMMAND(name, run)                                                                         \
    {                                                                                              \
        name, sizeof(name) - 1, run                                                                \
    }
    COMMAND("inb", command_in),
    COMMAND("outb", command_out),
    COMMAND("inw", command_in),
    COMMAND("outw", command_out),
    COMMAND("inl", command_in),
    COMMAND("outl", command_out),
    COMMAND("readb", command_read_one),
    COMMAND("readw", command_read_one),
    COMMAND("readl", command_read_one),
    COMMAND("readq", command_read_one),
    COMMAND("writeb", command_write_one),
    COMMAND("writew", command_write_one),
    COMMAND("writel", command_write_one),
    COMMAND("writeq", command_write_one),
    COMMAND("read", command_read),
    COMMAND("write", command_write),
    COMMAND("b64read", command_b64read),
    COMMAND("b64write", command_b64write),
    COMMAND("memset", command_memset),
    COMMAND("clock_step", command_clock_step),
    COMMAND("clock_set", command_clock_set),
    COMMAND("irq_intercept_in", command_intercept),
    COMMAND("irq_intercept_out", command_intercept),
    COMMAND("set_irq_in", command_set_irq_in),
    COMMAND("endianness", command_endianness),
    COMMAND("module_load", command_module_load),
};

void qtest_command(struct qtest *q, const char *line, size_t len)
{
    struct request r;

    request_split(&r, line, len);
    for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (commands[i].len == r.word[0].len && !memcmp(commands[i].name, line, r.word[0].len)) {
            commands[i].run(q, &r);
            return;
        }
    }
    qtest_sendf(q, "FAIL Unknown command '%.*s'\n", (int)(r.word[0].len < 80 ? r.word[0].len : 80),
                r.word[0].p);
}
