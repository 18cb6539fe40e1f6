/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of the core: ranges of ioreq servers, the buffered ring, memory slots, GSI routes. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "hv.h"

#define SPEC_RING_SLOTS 511u

/* --- ranges --- */

static void test_range_add(void)
{
    struct range_set s = {0};

    g_assert_cmpint(range_add(&s, 0x1f0, 0x1f7), ==, 0);
    g_assert_cmpint(range_add(&s, 0x60, 0x60), ==, 0);
    g_assert_cmpint(range_add(&s, 0x1f7, 0x1f8), ==, -EEXIST);
    g_assert_cmpint(range_add(&s, 0x100, 0x200), ==, -EEXIST);
    g_assert_cmpint(range_add(&s, 0x1f8, 0x1f8), ==, 0);
    g_assert_cmpint(range_add(&s, 5, 4), ==, -EINVAL);
    g_assert_cmpuint(s.n, ==, 3);
    g_assert_true(range_contains(&s, 0x1f0, 0x1f3));
    g_assert_true(range_contains(&s, 0x60, 0x60));
    g_assert_false(range_contains(&s, 0x5f, 0x60));
    g_assert_false(range_contains(&s, 0x1f6, 0x1f9)); /* two neighbours are not one range */
    g_assert_false(range_contains(&s, 0x300, 0x300));
}

static void test_range_remove(void)
{
    struct range_set s = {0};

    range_add(&s, 0x100, 0x1ff);
    g_assert_cmpint(range_remove(&s, 0x1f0, 0x200), ==, -ENOENT);
    g_assert_cmpint(range_remove(&s, 0x140, 0x14f), ==, 0);
    g_assert_cmpuint(s.n, ==, 2);
    g_assert_true(range_contains(&s, 0x100, 0x13f));
    g_assert_true(range_contains(&s, 0x150, 0x1ff));
    g_assert_false(range_contains(&s, 0x140, 0x140));
    g_assert_cmpint(range_remove(&s, 0x100, 0x10f), ==, 0);
    g_assert_cmpint(range_remove(&s, 0x1f0, 0x1ff), ==, 0);
    g_assert_true(range_contains(&s, 0x110, 0x13f));
    g_assert_true(range_contains(&s, 0x150, 0x1ef));
    g_assert_cmpint(range_remove(&s, 0x110, 0x13f), ==, 0);
    g_assert_cmpint(range_remove(&s, 0x150, 0x1ef), ==, 0);
    g_assert_cmpuint(s.n, ==, 0);
}

static void test_range_full(void)
{
    struct range_set s = {0};

    for (unsigned i = 0; i < ROUTE_MAX_RANGES; i++) {
        g_assert_cmpint(range_add(&s, i * 4, i * 4 + 2), ==, 0);
    }
    g_assert_cmpint(range_add(&s, 0x10000, 0x10000), ==, -ENOSPC);
    g_assert_cmpint(range_remove(&s, 1, 1), ==, -ENOSPC); /* would need one more */
    g_assert_true(range_contains(&s, 0, 2));
    g_assert_cmpint(range_remove(&s, 0, 0), ==, 0);
}

static void test_range_ends(void)
{
    struct range_set s = {0};

    g_assert_cmpint(range_add(&s, 0, UINT64_MAX), ==, 0);
    g_assert_true(range_contains(&s, UINT64_MAX, UINT64_MAX));
    g_assert_cmpint(range_remove(&s, UINT64_MAX, UINT64_MAX), ==, 0);
    g_assert_cmpint(range_remove(&s, 0, 0), ==, 0);
    g_assert_false(range_contains(&s, 0, 0));
    g_assert_true(range_contains(&s, 1, UINT64_MAX - 1));
}

/* --- the buffered ring --- */

static union {
    struct buffered_iopage page;
    uint32_t word[1024];
} ring;

static void test_ring_layout(void)
{
    uint32_t write = 0;

    memset(&ring, 0, sizeof(ring));
    g_assert_cmpint(ring_put(&ring.page, &write, IOREQ_TYPE_COPY, 0xb8000, 2, 0x0741), ==, RING_OK);
    g_assert_cmphex(ring.word[0], ==, 0);
    g_assert_cmphex(ring.word[1], ==, 1);
    /* type 1, dir 0, size log2 1 in bits 11:10, address in bits 31:12 */
    g_assert_cmphex(ring.word[2], ==, 0xb8000401);
    g_assert_cmphex(ring.word[3], ==, 0x0741);
    g_assert_cmpint(
        ring_put(&ring.page, &write, IOREQ_TYPE_COPY, 0xa0000, 8, 0x1122334455667788ull), ==,
        RING_OK);
    g_assert_cmphex(ring.word[1], ==, 3);
    g_assert_cmphex(ring.word[4], ==, 0xa0000c01);
    g_assert_cmphex(ring.word[5], ==, 0x55667788);
    g_assert_cmphex(ring.word[6], ==, 0xa0000c01);
    g_assert_cmphex(ring.word[7], ==, 0x11223344);
}

static void test_ring_full(void)
{
    uint32_t write = 0;

    memset(&ring, 0, sizeof(ring));
    for (unsigned i = 0; i < SPEC_RING_SLOTS - 1; i++) {
        g_assert_cmpint(ring_put(&ring.page, &write, IOREQ_TYPE_PIO, 0x402, 1, i), ==, RING_OK);
    }
    g_assert_cmpint(ring_put(&ring.page, &write, IOREQ_TYPE_PIO, 0x402, 8, 0), ==, RING_FULL);
    g_assert_cmpint(ring_put(&ring.page, &write, IOREQ_TYPE_PIO, 0x402, 1, 0), ==, RING_OK);
    g_assert_cmpint(ring_put(&ring.page, &write, IOREQ_TYPE_PIO, 0x402, 1, 0), ==, RING_FULL);
    g_assert_cmpuint(ring.word[1], ==, SPEC_RING_SLOTS);
}

/* Pointers come back by a multiple of 511 and the contents stay where they are read. */
static void test_ring_wraps(void)
{
    uint32_t write = 0;

    memset(&ring, 0, sizeof(ring));
    for (unsigned i = 0; i < 5000; i++) {
        g_assert_cmpint(ring_put(&ring.page, &write, IOREQ_TYPE_PIO, 0x402, 1, i), ==, RING_OK);
        uint32_t read = ring.word[0];

        g_assert_cmpuint(ring.word[1] - read, ==, 1);
        g_assert_cmpuint(read, <, 2 * SPEC_RING_SLOTS);
        g_assert_cmpuint(ring.word[2 + 2 * (read % SPEC_RING_SLOTS) + 1], ==, i);
        ring.word[0]++;
    }
}

static void test_ring_hostile(void)
{
    uint32_t write = 0;

    memset(&ring, 0, sizeof(ring));
    ring.word[0] = 1; /* consumed what was never there */
    g_assert_cmpint(ring_put(&ring.page, &write, IOREQ_TYPE_PIO, 0x402, 1, 0), ==, RING_BROKEN);
    ring.word[0] = 0x80000000;
    g_assert_cmpint(ring_put(&ring.page, &write, IOREQ_TYPE_PIO, 0x402, 1, 0), ==, RING_BROKEN);
    ring.word[0] = 0;
    ring.word[1] = 0xdeadbeef; /* the producer does not believe its own pointer */
    g_assert_cmpint(ring_put(&ring.page, &write, IOREQ_TYPE_PIO, 0x402, 1, 0), ==, RING_OK);
    g_assert_cmpuint(ring.word[1], ==, 1);
}

/* --- memory slots --- */

static void test_slots_split(void)
{
    static const uint64_t cuts[] = {0xa0000, 0xc0000, 0x100000};
    struct memmap map = {.nflat = 3};
    struct mem_slot want[8];

    map.flat[0] = (struct mem_flat){.gpa = 0, .len = 0xa0000, .kind = MEM_RAM};
    map.flat[1] = (struct mem_flat){
        .gpa = 0xe0000, .len = 0x40000, .offset = 0x1000, .object = 2, .kind = MEM_ROM};
    map.flat[2] = (struct mem_flat){
        .gpa = 0xd0000000, .len = 0x1000, .object = 3, .kind = MEM_RAM, .log_dirty = true};
    unsigned n = mem_slots_wanted(&map, cuts, 3, want, 8);

    g_assert_cmpuint(n, ==, 4);
    g_assert_cmphex(want[1].gpa, ==, 0xe0000);
    g_assert_cmphex(want[1].len, ==, 0x20000);
    g_assert_cmphex(want[1].flags, ==, KVM_MEM_READONLY);
    g_assert_cmphex(want[2].gpa, ==, 0x100000);
    g_assert_cmphex(want[2].offset, ==, 0x21000);
    g_assert_cmphex(want[3].flags, ==, KVM_MEM_LOG_DIRTY_PAGES);
    g_assert_true(mem_slot_listed(want, n, &want[2]));
    struct mem_slot other = want[2];

    other.offset += 0x1000;
    g_assert_false(mem_slot_listed(want, n, &other));
    g_assert_cmpuint(mem_slots_wanted(&map, cuts, 3, want, 2), ==, 2);
}

static void test_slots_holes(void)
{
    struct memmap map = {.nflat = 1};
    struct mem_slot want[8];

    map.flat[0] = (struct mem_flat){.gpa = 0, .len = 0x1000, .kind = MEM_HOLE};
    g_assert_cmpuint(mem_slots_wanted(&map, NULL, 0, want, 8), ==, 0);
}

/* A shadow in the BIOS area leaves every slot from 1 MiB up as it is. */
static void test_slots_shadow(void)
{
    static const uint64_t cuts[] = {0xa0000, 0xc0000, 0x100000};
    struct mem_area low = {
        .gpa = 0xc0000, .len = 0x40000, .offset = 0xc0000, .kind = MEM_RAM, .enabled = true};
    struct mem_area ram = {.gpa = 0x100000,
                           .len = 0x7f00000,
                           .offset = 0x100000,
                           .kind = MEM_RAM,
                           .priority = 2,
                           .enabled = true};
    struct mem_area rom = {
        .gpa = 0xe0000, .len = 0x40000, .object = 1, .kind = MEM_ROM, .priority = 1};
    struct memmap map;
    struct mem_slot before[8], after[8];

    memmap_init(&map);
    memmap_set_object(&map, 1, NULL, 0x40000);
    memmap_add(&map, &low);
    memmap_add(&map, &ram);
    memmap_add(&map, &rom);
    memmap_commit(&map);
    unsigned n = mem_slots_wanted(&map, cuts, 3, before, 8);

    g_assert_cmpuint(n, ==, 2);
    rom.enabled = true;
    memmap_commit(&map);
    unsigned m = mem_slots_wanted(&map, cuts, 3, after, 8);

    g_assert_cmpuint(m, ==, 3);
    g_assert_true(mem_slot_listed(after, m, &before[1]));
    g_assert_false(mem_slot_listed(after, m, &before[0]));
}

/* --- GSI routes --- */

/* What a GSI drives: bit 0-15 PIC input, bit 16+pin IOAPIC pin. */
static uint64_t gsi_drives(const struct hv_irq *irq, unsigned gsi)
{
    struct kvm_irq_routing_entry e[64];
    unsigned n = irq_build_routes(irq, e, 64);
    uint64_t drives = 0;

    for (unsigned i = 0; i < n; i++) {
        unsigned pin = e[i].u.irqchip.pin;

        if (e[i].gsi != gsi) {
            continue;
        }
        switch (e[i].u.irqchip.irqchip) {
        case KVM_IRQCHIP_PIC_MASTER:
            drives |= 1ull << pin;
            break;
        case KVM_IRQCHIP_PIC_SLAVE:
            drives |= 1ull << (pin + 8);
            break;
        default:
            drives |= 1ull << (pin + 16);
        }
    }
    return drives;
}

static void test_gsi_isa(void)
{
    struct hv_irq irq = {0};

    irq_group_links(&irq);
    g_assert_cmphex(gsi_drives(&irq, 0), ==, 1ull << 0 | 1ull << (16 + 2));
    g_assert_cmphex(gsi_drives(&irq, 2), ==, 0);
    g_assert_cmphex(gsi_drives(&irq, 14), ==, 1ull << 14 | 1ull << (16 + 14));
    g_assert_cmphex(gsi_drives(&irq, 16), ==, 0); /* pin 16 is link A's */
    g_assert_cmphex(gsi_drives(&irq, 20), ==, 1ull << (16 + 20));
}

static void test_gsi_links_xen(void)
{
    struct hv_irq irq = {.link_route = {5, 10, 11, 5}};

    irq_group_links(&irq);
    g_assert_cmphex(gsi_drives(&irq, IRQ_GSI_LINK), ==, 1ull << 5 | 1ull << (16 + 16));
    g_assert_cmphex(gsi_drives(&irq, IRQ_GSI_LINK + 3), ==, 1ull << 5 | 1ull << (16 + 19));
    irq.link_route[1] = 0;
    g_assert_cmphex(gsi_drives(&irq, IRQ_GSI_LINK + 1), ==, 1ull << (16 + 17));
}

static void test_gsi_links_qemu(void)
{
    struct hv_irq irq = {.qemu = true, .link_route = {10, 10, 11, 11}};

    irq_group_links(&irq);
    g_assert_cmpuint(irq.link_gsi[1], ==, IRQ_GSI_LINK);
    g_assert_cmpuint(irq.link_gsi[2], ==, IRQ_GSI_LINK + 2);
    g_assert_cmphex(gsi_drives(&irq, IRQ_GSI_LINK), ==, 1ull << 10 | 1ull << (16 + 10));
    g_assert_cmphex(gsi_drives(&irq, IRQ_GSI_LINK + 1), ==, 0);
    g_assert_cmphex(gsi_drives(&irq, 16), ==, 1ull << (16 + 16));
    memset(irq.link_route, 0, 4);
    irq_group_links(&irq);
    g_assert_cmpuint(irq.link_gsi[1], ==, IRQ_GSI_LINK + 1);
    g_assert_cmphex(gsi_drives(&irq, IRQ_GSI_LINK), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hv/range/add", test_range_add);
    g_test_add_func("/hv/range/remove", test_range_remove);
    g_test_add_func("/hv/range/full", test_range_full);
    g_test_add_func("/hv/range/ends", test_range_ends);
    g_test_add_func("/hv/ring/layout", test_ring_layout);
    g_test_add_func("/hv/ring/full", test_ring_full);
    g_test_add_func("/hv/ring/wraps", test_ring_wraps);
    g_test_add_func("/hv/ring/hostile", test_ring_hostile);
    g_test_add_func("/hv/slots/split", test_slots_split);
    g_test_add_func("/hv/slots/holes", test_slots_holes);
    g_test_add_func("/hv/slots/shadow", test_slots_shadow);
    g_test_add_func("/hv/gsi/isa", test_gsi_isa);
    g_test_add_func("/hv/gsi/links-xen", test_gsi_links_xen);
    g_test_add_func("/hv/gsi/links-qemu", test_gsi_links_qemu);
    return g_test_run();
}
