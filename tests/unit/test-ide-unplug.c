/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks that Xen guests take away before they use drivers of their own. */
#include "test-ide-rig.h"

static uint8_t status_of(struct rig *r, uint16_t base, unsigned unit)
{
    ata_select(r, base, unit);
    return alt(r, base);
}

/* The place answers as one with nothing plugged in; the CD drive beside it stays. */
static void test_disks(void)
{
    struct rig *r = rig_new("dd-c");

    for (unsigned i = 0; i < IDE_DRIVES; i++) {
        ide_unplug(&r->ide, i);
    }
    g_assert_cmphex(status_of(r, RIG_PRIMARY, 0) & SPEC_DRDY, ==, 0);
    g_assert_cmphex(status_of(r, RIG_PRIMARY, 1) & SPEC_DRDY, ==, 0);
    outb(r, RIG_PRIMARY + 7, SPEC_CMD_IDENT);
    g_assert_cmphex(alt(r, RIG_PRIMARY) & SPEC_DRQ, ==, 0);
    g_assert_cmpint(r->ide.channel[1].drive[1].kind, ==, IDE_KIND_CD);
    ide_unplug(&r->ide, 99);
    rig_free(r);
}

/* One of two: the other goes on. */
static void test_one(void)
{
    struct rig *r = rig_new("dd--");

    ide_unplug(&r->ide, 1);
    rig_alive(r, RIG_PRIMARY, 0);
    g_assert_cmphex(status_of(r, RIG_PRIMARY, 1) & SPEC_DRDY, ==, 0);
    rig_free(r);
}

/* In the middle of a read: the request is taken back, the channel is idle. */
static void test_busy(void)
{
    struct rig *r = rig_new("dd--");

    ata_issue(r, RIG_PRIMARY, 0, 0x20, 0, 8);
    g_assert_nonnull(r->disk[0].pending);
    ide_unplug(&r->ide, 0);
    g_assert_null(r->disk[0].pending);
    g_assert_false(ide_in_flight(&r->ide));
    rig_run(r);
    rig_alive(r, RIG_PRIMARY, 1);
    rig_free(r);
}

/* A state from before that is loaded into a machine without the disk. */
static void test_state(void)
{
    struct rig *r = rig_new("d---");
    g_autofree void *before = g_memdup2(r->arena.base, r->arena.used);

    ide_unplug(&r->ide, 0);
    memcpy(r->arena.base, before, r->arena.used);
    g_assert_cmpint(arena_check(&r->arena), ==, 0);
    arena_resume(&r->arena);
    outb(r, RIG_PRIMARY + 7, SPEC_CMD_IDENT);
    g_assert_cmphex(alt(r, RIG_PRIMARY) & SPEC_DRQ, ==, 0);
    rig_free(r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ide-unplug/disks", test_disks);
    g_test_add_func("/ide-unplug/one", test_one);
    g_test_add_func("/ide-unplug/busy", test_busy);
    g_test_add_func("/ide-unplug/state", test_state);
    return g_test_run();
}
