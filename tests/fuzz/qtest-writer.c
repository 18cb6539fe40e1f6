/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inputs as qtest scripts. Guest RAM is filled at its first use, often in the middle of a transfer;
 * a script must have it there before, so those lines come first.
 */
#include "qtest-writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PORT_CF8   0xcf8u
#define PORT_CFC   0xcfcu
#define CF8_ENABLE 0x80000000u

static struct {
    FILE *head; /* memory, before anything else */
    FILE *body;
    char *head_text;
    char *body_text;
    size_t head_size;
    size_t body_size;
    uint64_t clock;
} q;

static char width_letter(unsigned size)
{
    return size == 1 ? 'b' : size == 2 ? 'w' : size == 4 ? 'l' : 'q';
}

static void put_access(enum fuzz_space space, bool write, uint64_t addr, unsigned size,
                       uint64_t val)
{
    const char *verb = space == FUZZ_PIO ? (write ? "out" : "in") : (write ? "write" : "read");

    size = space == FUZZ_PIO && size > 4 ? 4 : size;
    val &= size < 8 ? (1ull << (size * 8)) - 1 : UINT64_MAX;
    if (write) {
        fprintf(q.body, "%s%c 0x%" PRIx64 " 0x%" PRIx64 "\n", verb, width_letter(size), addr, val);
    } else {
        fprintf(q.body, "%s%c 0x%" PRIx64 "\n#= 0x%" PRIx64 "\n", verb, width_letter(size), addr,
                val);
    }
}

/* String I/O is one request per element. */
static void put_string(const struct fuzz_event *e)
{
    const uint8_t *data = e->data;

    for (uint32_t i = 0; i < e->count; i++) {
        uint64_t val = 0;

        memcpy(&val, data + (size_t)i * e->size, e->size);
        put_access(e->space, e->write, e->addr, e->size, val);
    }
}

static void put_config(const struct fuzz_event *e)
{
    uint32_t latch = CF8_ENABLE | e->n << 8 | (uint32_t)(e->addr & 0xfc);

    put_access(FUZZ_PIO, true, PORT_CF8, 4, latch);
    put_access(FUZZ_PIO, e->write, PORT_CFC + (e->addr & 3), e->size, e->val);
}

static void put_memory(const struct fuzz_event *e)
{
    const uint8_t *data = e->data;

    if (data[0] == 0 && memcmp(data, data + 1, e->size - 1) == 0) {
        return; /* as a new machine has it */
    }
    fprintf(q.head, "write 0x%" PRIx64 " 0x%x 0x", e->addr, e->size);
    for (unsigned i = 0; i < e->size; i++) {
        fprintf(q.head, "%02x", data[i]);
    }
    fprintf(q.head, "\n");
}

static void put_clock(uint64_t now)
{
    if (now > q.clock) {
        fprintf(q.body, "clock_step %" PRIu64 "\n", now - q.clock);
        q.clock = now;
    }
}

static void event(void *opaque, struct fuzz_world *w, const struct fuzz_event *e)
{
    switch (e->kind) {
    case FUZZ_EV_OP:
        q.clock = e->n ? q.clock : w->now; /* where the input began */
        fprintf(q.body, "# operation %u\n", e->n);
        break;
    case FUZZ_EV_ACCESS:
        if (e->count) {
            put_string(e);
        } else {
            put_access(e->space, e->write, e->addr, e->size, e->val);
        }
        break;
    case FUZZ_EV_CFG:
        put_config(e);
        break;
    case FUZZ_EV_RAM_FILL:
        put_memory(e);
        break;
    case FUZZ_EV_RAM:
        put_access(FUZZ_MEM, e->write, e->addr, e->size, e->val);
        break;
    case FUZZ_EV_CLOCK:
        put_clock(e->val);
        break;
    case FUZZ_EV_LINE:
        fprintf(q.body, "#line %u %" PRIu64 "\n", e->n, e->val);
        break;
    case FUZZ_EV_BLK:
        fprintf(q.body, "# drive %u: operation %" PRIu64 " at 0x%" PRIx64 ", %u bytes\n", e->n,
                e->val, e->addr, e->size);
        break;
    case FUZZ_EV_BLK_DONE:
        fprintf(q.body, "# drive %u: ends with %" PRIu64 "\n", e->n, e->val);
        break;
    case FUZZ_EV_POWER:
        fprintf(q.body, "# power event %u\n", e->n);
        break;
    case FUZZ_EV_RESET:
        fprintf(q.body, "#reset %u\n", e->n);
        break;
    case FUZZ_EV_NOTE:
        fprintf(q.body, "# %s\n", e->text);
        break;
    }
}

bool fuzz_qtest_begin(struct fuzz_world *w)
{
    q.head = open_memstream(&q.head_text, &q.head_size);
    q.body = open_memstream(&q.body_text, &q.body_size);
    w->observer.event = event;
    w->observer.opaque = NULL;
    return q.head && q.body;
}

bool fuzz_qtest_end(struct fuzz_world *w, FILE *out)
{
    w->observer.event = NULL;
    fclose(q.head);
    fclose(q.body);
    fprintf(out, "#target %s\n%s%s", w->target->name, q.head_text, q.body_text);
    free(q.head_text);
    free(q.body_text);
    return !ferror(out);
}
