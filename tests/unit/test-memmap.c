/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory map: areas over one another resolve to a flat list, and only changes are told. */
#include <glib.h>
#include <string.h>

#include "core/memmap.h"

struct fixture {
    struct memmap map;
    struct mem_area ram, high, rom;
    unsigned removed, added;
};

static void on_removed(void *opaque, const struct mem_flat *f)
{
    ((struct fixture *)opaque)->removed++;
}

static void on_added(void *opaque, const struct mem_flat *f)
{
    ((struct fixture *)opaque)->added++;
}

static void set_up(struct fixture *f, gconstpointer data)
{
    memset(f, 0, sizeof(*f));
    memmap_init(&f->map);
    memmap_set_object(&f->map, 1, NULL, 0x10000);
    f->map.listener = (struct memmap_listener){on_removed, on_added, f};
    f->ram = (struct mem_area){.gpa = 0, .len = 0x100000, .enabled = true};
    f->high =
        (struct mem_area){.gpa = 0x100000, .len = 0x100000, .offset = 0x100000, .enabled = true};
    f->rom = (struct mem_area){
        .gpa = 0xf0000, .len = 0x10000, .object = 1, .kind = MEM_ROM, .priority = 1};
    g_assert_cmpint(memmap_add(&f->map, &f->ram), ==, 0);
    g_assert_cmpint(memmap_add(&f->map, &f->high), ==, 0);
    g_assert_cmpint(memmap_add(&f->map, &f->rom), ==, 0);
    memmap_commit(&f->map);
    f->added = f->removed = 0;
}

static void tear_down(struct fixture *f, gconstpointer data)
{
}

static void assert_at(struct fixture *f, uint64_t gpa, uint32_t object, uint64_t offset)
{
    const struct mem_flat *flat = memmap_find(&f->map, gpa);

    g_assert_nonnull(flat);
    g_assert_cmpuint(flat->object, ==, object);
    g_assert_cmphex(flat->offset + (gpa - flat->gpa), ==, offset);
}

static void test_areas_stay_apart(struct fixture *f, gconstpointer data)
{
    g_assert_cmpuint(f->map.nflat, ==, 2);
    assert_at(f, 0x100000, MEM_OBJECT_RAM, 0x100000);
}

static void test_overlay_touches_only_its_area(struct fixture *f, gconstpointer data)
{
    f->rom.enabled = true;
    memmap_commit(&f->map);
    g_assert_cmpuint(f->map.nflat, ==, 3);
    assert_at(f, 0xf0010, 1, 0x10);
    assert_at(f, 0xeffff, MEM_OBJECT_RAM, 0xeffff);
    g_assert_cmpuint(f->removed, ==, 1); /* low RAM shrank; high RAM was left alone */
    g_assert_cmpuint(f->added, ==, 2);
    f->rom.enabled = false;
    memmap_commit(&f->map);
    assert_at(f, 0xf0010, MEM_OBJECT_RAM, 0xf0010);
}

static void test_no_change_tells_nobody(struct fixture *f, gconstpointer data)
{
    memmap_commit(&f->map);
    g_assert_cmpuint(f->added + f->removed, ==, 0);
}

static void test_hole(struct fixture *f, gconstpointer data)
{
    f->rom.kind = MEM_HOLE;
    f->rom.enabled = true;
    f->rom.gpa = 0xa0000;
    memmap_commit(&f->map);
    g_assert_null(memmap_find(&f->map, 0xa0000));
    g_assert_null(memmap_find(&f->map, 0xaffff));
    assert_at(f, 0xb0000, MEM_OBJECT_RAM, 0xb0000);
    assert_at(f, 0x9ffff, MEM_OBJECT_RAM, 0x9ffff);
}

/* What a guest can make of a BAR: unaligned, wrapping, more than the object holds. */
static void test_invalid_counts_as_disabled(struct fixture *f, gconstpointer data)
{
    static const struct {
        uint64_t gpa, len, offset;
    } bad[] = {
        {0xf0010, 0x1000, 0},
        {0xf0000, 0x11000, 0},
        {0xf0000, 0x1000, 0x10000},
        {0xf0000, 0x1000, UINT64_MAX - 0xfff},
        {UINT64_MAX - 0xfff, 0x2000, 0},
        {0xf0000, 0, 0},
    };

    f->rom.enabled = true;
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        f->rom.gpa = bad[i].gpa;
        f->rom.len = bad[i].len;
        f->rom.offset = bad[i].offset;
        memmap_commit(&f->map);
        g_assert_cmpuint(f->map.nflat, ==, 2);
    }
    g_assert_cmpuint(f->added + f->removed, ==, 0);
}

static void test_top_of_space(struct fixture *f, gconstpointer data)
{
    f->rom.gpa = UINT64_MAX - 0xffff;
    f->rom.enabled = true;
    memmap_commit(&f->map);
    assert_at(f, UINT64_MAX, 1, 0xffff);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, fn) g_test_add("/memmap/" name, struct fixture, NULL, set_up, fn, tear_down)
    ADD("areas-stay-apart", test_areas_stay_apart);
    ADD("overlay-touches-only-its-area", test_overlay_touches_only_its_area);
    ADD("no-change-tells-nobody", test_no_change_tells_nobody);
    ADD("hole", test_hole);
    ADD("invalid-counts-as-disabled", test_invalid_counts_as_disabled);
    ADD("top-of-space", test_top_of_space);
    return g_test_run();
}
