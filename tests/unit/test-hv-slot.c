/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The synchronous slot: the core's side of the state machine against device models that behave and
 * that do not. The device model acts inside server_wake_dm(), after the request became ready.
 */
#include <glib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hv.h"
#include "log.h"
#include "spin.h"
#include "trace.h"

/* Layout of a slot, xen/hvm/ioreq.h. */
#define SPEC_DATA       8
#define SPEC_COUNT      16
#define SPEC_SIZE       20
#define SPEC_EPORT      24
#define SPEC_STATE      30
#define SPEC_TYPE       31
#define SPEC_NONE       0
#define SPEC_READY      1
#define SPEC_INPROCESS  2
#define SPEC_RESP_READY 3

static struct {
    struct hv hv;
    struct stats_vcpu stats;
    struct ioreq_server server;
    struct core_side side;
    uint8_t slots[CORE_PAGE];
    uint8_t bounce[CORE_PAGE];
    uint8_t seen[32]; /* the slot as the device model found it */
    void (*dm)(uint8_t *slot);
    unsigned wakes;
    unsigned looks; /* spinning turns */
    uint32_t changed, level, pulsed;
    enum hv_reason reason;
} w;

/* --- stand-ins --- */

void server_wake_dm(struct ioreq_server *s)
{
    w.wakes++;
    memcpy(w.seen, w.slots, sizeof(w.seen));
    if (w.dm) {
        w.dm(w.slots);
    }
}

void irq_apply_side(struct hv *hv, uint32_t changed, uint32_t level, uint32_t pulsed)
{
    w.changed = changed;
    w.level = level;
    w.pulsed = pulsed;
}

void hv_shutdown(struct hv *hv, enum hv_reason reason, const char *fmt, ...)
{
    w.reason = reason;
}

uint64_t spin_limit(struct vcpu *vcpu)
{
    return w.looks ? 1000000 : 0;
}

void spin_succeeded(struct vcpu *vcpu)
{
}

void spin_failed(struct vcpu *vcpu)
{
}

uint64_t spin_cycles_to_ns(uint64_t cycles)
{
    return cycles;
}

void trace_access(struct vcpu *vcpu, unsigned server, const struct access *a)
{
}

void log_msg(enum log_level level, const char *fmt, ...)
{
}

bool log_enabled(enum log_level level)
{
    return false;
}

/* --- the rig --- */

static void rig(void (*dm)(uint8_t *slot))
{
    uint32_t eport = 1;

    if (w.hv.vcpu[0].wake_fd > 0) {
        close(w.hv.vcpu[0].wake_fd);
    }
    memset(&w, 0, sizeof(w));
    w.dm = dm;
    pthread_mutex_init(&w.hv.run.lock, NULL);
    pthread_cond_init(&w.hv.run.changed, NULL);
    w.hv.nvcpus = 1;
    w.hv.vcpu[0].hv = &w.hv;
    w.hv.vcpu[0].stats = &w.stats;
    w.hv.vcpu[0].wake_fd = eventfd(0, EFD_NONBLOCK);
    w.server.slot = (struct ioreq *)w.slots;
    w.server.side = &w.side;
    w.server.bounce = w.bounce;
    memcpy(w.slots + SPEC_EPORT, &eport, sizeof(eport));
}

static void set_state(uint8_t *slot, uint8_t state)
{
    slot[SPEC_STATE] = (uint8_t)((slot[SPEC_STATE] & 0xf0) | state);
}

static void dm_answers(uint8_t *slot)
{
    uint64_t data = 0x1122334455667788ull;

    memcpy(slot + SPEC_DATA, &data, sizeof(data));
    set_state(slot, SPEC_RESP_READY);
}

static struct access call(bool write, bool posted)
{
    struct access a = {
        .type = IOREQ_TYPE_PIO, .addr = 0x1f7, .data = 0xa0, .count = 1, .size = 1, .write = write};

    slot_call(&w.hv.vcpu[0], &w.server, &a, posted);
    return a;
}

static uint32_t seen32(unsigned at)
{
    uint32_t v;

    memcpy(&v, w.seen + at, sizeof(v));
    return v;
}

/* --- device models that behave --- */

static void test_read(void)
{
    rig(dm_answers);
    struct access a = call(false, false);

    g_assert_cmphex(a.data, ==, 0x1122334455667788ull);
    g_assert_cmphex(w.seen[SPEC_STATE], ==, 0x20 | SPEC_READY); /* dir 1: read */
    g_assert_cmphex(w.seen[SPEC_TYPE], ==, IOREQ_TYPE_PIO);
    g_assert_cmphex(seen32(0), ==, 0x1f7);
    g_assert_cmphex(seen32(SPEC_COUNT), ==, 1);
    g_assert_cmphex(seen32(SPEC_SIZE), ==, 1);
    g_assert_cmphex(seen32(SPEC_EPORT), ==, 1);
    g_assert_cmphex(w.slots[SPEC_STATE] & 0xf, ==, SPEC_NONE);
    g_assert_cmpuint(w.wakes, ==, 1);
    g_assert_cmpuint(w.stats.ioreqs[STATS_IOREQ_PIO], ==, 1);
    g_assert_cmpint(w.reason, ==, HV_REASON_NONE);
}

static void test_write(void)
{
    rig(dm_answers);
    struct access a = call(true, false);

    g_assert_cmphex(a.data, ==, 0xa0); /* an answer to a write has no data */
    g_assert_cmphex(w.seen[SPEC_STATE], ==, SPEC_READY);
    g_assert_cmphex(w.seen[SPEC_DATA], ==, 0xa0);
}

static void test_flags(void)
{
    struct access a = {.type = IOREQ_TYPE_COPY,
                       .addr = 0xb8000,
                       .data = 0x5000,
                       .count = 16,
                       .size = 2,
                       .write = true,
                       .df = true,
                       .is_ptr = true};

    rig(dm_answers);
    slot_call(&w.hv.vcpu[0], &w.server, &a, false);
    g_assert_cmphex(w.seen[SPEC_STATE], ==, 0x40 | 0x10 | SPEC_READY);
    g_assert_cmphex(seen32(SPEC_DATA), ==, 0x5000);
    g_assert_cmpuint(seen32(SPEC_COUNT), ==, 16);
}

static void dm_fills_bounce(uint8_t *slot)
{
    memcpy(w.bounce, "sector", 6);
    set_state(slot, SPEC_RESP_READY);
}

static void test_string_input(void)
{
    uint8_t buf[8] = "........";
    struct access a = {.type = IOREQ_TYPE_PIO, .addr = 0x1f0, .count = 3, .size = 2, .string = buf};

    rig(dm_fills_bounce);
    slot_call(&w.hv.vcpu[0], &w.server, &a, false);
    g_assert_cmpmem(buf, 8, "sector..", 8);
    g_assert_cmphex(w.seen[SPEC_STATE], ==, 0x20 | 0x10 | SPEC_READY);
    g_assert_cmphex(seen32(SPEC_DATA + 4), ==, CORE_BOUNCE_GPA >> 32);
}

static void dm_changes_lines(uint8_t *slot)
{
    w.side.vcpu[0].lines_changed = 1u << 14 | 1u << 16;
    w.side.vcpu[0].lines_level = 1u << 16;
    w.side.vcpu[0].lines_pulsed = 1u << 14;
    set_state(slot, SPEC_RESP_READY);
}

static void test_lines(void)
{
    rig(dm_changes_lines);
    call(true, false);
    g_assert_cmphex(w.changed, ==, 0x14000);
    g_assert_cmphex(w.level, ==, 0x10000);
    g_assert_cmphex(w.pulsed, ==, 0x4000);
    g_assert_cmphex(w.side.vcpu[0].lines_changed, ==, 0);
    g_assert_cmphex(w.side.vcpu[0].lines_pulsed, ==, 0);
}

static gpointer slow_dm(gpointer slot)
{
    uint64_t one = 1;

    while (!__atomic_load_n(&w.side.vcpu[0].core_sleeping, __ATOMIC_SEQ_CST)) {
    }
    dm_answers(slot);
    g_assert_cmpint(write(w.hv.vcpu[0].wake_fd, &one, sizeof(one)), ==, sizeof(one));
    return NULL;
}

static GThread *slow_thread;

static void dm_is_slow(uint8_t *slot)
{
    set_state(slot, SPEC_INPROCESS);
    slow_thread = g_thread_new("dm", slow_dm, slot);
}

/* It sleeps, is woken once, and does not count as waiting afterwards. */
static void test_sleep(void)
{
    rig(dm_is_slow);
    struct access a = call(false, false);

    g_thread_join(slow_thread);
    g_assert_cmphex(a.data, ==, 0x1122334455667788ull);
    g_assert_cmpuint(w.stats.sleeps, ==, 1);
    g_assert_cmpuint(w.side.vcpu[0].core_sleeping, ==, 0);
    g_assert_false(w.hv.vcpu[0].waiting);
}

/* --- device models that do not --- */

static void dm_goes_back(uint8_t *slot)
{
    set_state(slot, 9);
}

static void dm_tears_down(uint8_t *slot)
{
    set_state(slot, SPEC_NONE);
}

static void test_impossible_state(void)
{
    rig(dm_goes_back);
    struct access a = call(false, false);

    g_assert_cmphex(a.data, ==, UINT64_MAX);
    g_assert_cmpint(w.reason, ==, HV_REASON_CRASH);
}

static gpointer falls_back(gpointer slot)
{
    uint64_t one = 1;

    while (!__atomic_load_n(&w.side.vcpu[0].core_sleeping, __ATOMIC_SEQ_CST)) {
    }
    set_state(slot, SPEC_READY);
    g_assert_cmpint(write(w.hv.vcpu[0].wake_fd, &one, sizeof(one)), ==, sizeof(one));
    return NULL;
}

static void dm_falls_back(uint8_t *slot)
{
    set_state(slot, SPEC_INPROCESS);
    slow_thread = g_thread_new("dm", falls_back, slot);
}

/* From INPROCESS back to READY: only a rising order is legal. */
static void test_falling_state(void)
{
    rig(dm_falls_back);
    struct access a = call(false, false);

    g_thread_join(slow_thread);
    g_assert_cmphex(a.data, ==, UINT64_MAX);
    g_assert_cmpint(w.reason, ==, HV_REASON_CRASH);
}

static void test_torn_down(void)
{
    rig(dm_tears_down);
    struct access a = call(false, false);

    g_assert_cmphex(a.data, ==, UINT64_MAX);
    g_assert_cmpint(w.reason, ==, HV_REASON_NONE); /* the server was destroyed: no crime */
}

static void test_slot_taken(void)
{
    rig(dm_answers);
    w.slots[SPEC_STATE] = SPEC_RESP_READY;
    g_assert_cmphex(call(false, false).data, ==, UINT64_MAX);
    g_assert_cmpint(w.reason, ==, HV_REASON_CRASH);
    g_assert_cmpuint(w.wakes, ==, 0);
    rig(dm_answers);
    w.slots[SPEC_EPORT] = 7;
    g_assert_cmphex(call(false, false).data, ==, UINT64_MAX);
    g_assert_cmpint(w.reason, ==, HV_REASON_CRASH);
}

/* Posted writes are dropped with a device model that has gone; nothing is sent. */
static void test_gone(void)
{
    rig(dm_answers);
    atomic_store(&w.hv.route.dm_gone, true);
    call(true, true);
    atomic_store(&w.hv.run.abandon, true);
    g_assert_cmphex(call(false, false).data, ==, UINT64_MAX);
    g_assert_cmpuint(w.wakes, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hv/slot/read", test_read);
    g_test_add_func("/hv/slot/write", test_write);
    g_test_add_func("/hv/slot/flags", test_flags);
    g_test_add_func("/hv/slot/string-input", test_string_input);
    g_test_add_func("/hv/slot/lines", test_lines);
    g_test_add_func("/hv/slot/sleep", test_sleep);
    g_test_add_func("/hv/slot/impossible-state", test_impossible_state);
    g_test_add_func("/hv/slot/falling-state", test_falling_state);
    g_test_add_func("/hv/slot/torn-down", test_torn_down);
    g_test_add_func("/hv/slot/slot-taken", test_slot_taken);
    g_test_add_func("/hv/slot/gone", test_gone);
    return g_test_run();
}
