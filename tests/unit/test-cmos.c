/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CMOS RAM: contents at power-on, ports, battery. */
#include "pc-rig.h"

#include "nvram/cmos.h"

#define SPEC_INDEX 0x70
#define SPEC_DATA  0x71

struct nv {
    struct rig r;
    struct cmos c;
};

static void nv_init(struct nv *n, const struct cmos_config *config)
{
    rig_init(&n->r);
    g_assert_cmpint(cmos_init(&n->c, &n->r.w.hw, config), ==, 0);
    rig_reset(&n->r);
}

static uint8_t get(struct nv *n, uint8_t index)
{
    rig_outb(&n->r, SPEC_INDEX, index);
    return rig_inb(&n->r, SPEC_DATA);
}

static unsigned get16(struct nv *n, uint8_t index)
{
    return get(n, index) | (unsigned)get(n, (uint8_t)(index + 1)) << 8;
}

static const struct cmos_config ordinary = {
    .ram_below_4g = 512ull << 20,
    .ram_above_4g = 3ull << 30,
    .vcpus = 4,
    .floppy_type = {4, 0},
    .disk = {{1024, 16, 63}, {16383, 16, 63, .translation = 1}},
    .boot_order = "cda",
    .century = 20,
    .map_ports = true,
};

static void test_contents(void)
{
    struct nv n;

    nv_init(&n, &ordinary);
    g_assert_cmpuint(get16(&n, 0x15), ==, 640);
    g_assert_cmpuint(get16(&n, 0x17), ==, 65535);
    g_assert_cmpuint(get16(&n, 0x30), ==, 65535);
    g_assert_cmpuint(get16(&n, 0x34), ==, (512 - 16) * 16);
    g_assert_cmphex(get16(&n, 0x5b), ==, 0xc000);
    g_assert_cmphex(get(&n, 0x5d), ==, 0);
    g_assert_cmphex(get(&n, 0x10), ==, 0x40);
    g_assert_cmphex(get(&n, 0x14), ==, 0x07);
    g_assert_cmphex(get(&n, 0x3d), ==, 0x32);
    g_assert_cmphex(get(&n, 0x38), ==, 0x10);
    g_assert_cmphex(get(&n, 0x5f), ==, 3);
    g_assert_cmphex(get(&n, 0x32), ==, 0x20);
    g_assert_cmphex(get(&n, 0x0f), ==, 0);
    g_assert_cmphex(get(&n, 0x12), ==, 0xff);
    g_assert_cmphex(get(&n, 0x19), ==, 47);
    g_assert_cmphex(get16(&n, 0x1b), ==, 1024);
    g_assert_cmphex(get(&n, 0x1d), ==, 16);
    g_assert_cmphex(get(&n, 0x20), ==, 0xc8);
    g_assert_cmphex(get(&n, 0x23), ==, 63);
    g_assert_cmphex(get16(&n, 0x24), ==, 16383);
    g_assert_cmphex(get(&n, 0x39), ==, 0x04); /* LBA translation for the second disk */
    rig_destroy(&n.r);
}

static void test_empty(void)
{
    struct nv n;
    struct cmos_config bare = {.ram_below_4g = 8 << 20,
                               .vcpus = 1,
                               .map_ports = true,
                               .floppy_type = {4, 5},
                               .boot_order = ""};

    nv_init(&n, &bare);
    g_assert_cmpuint(get16(&n, 0x17), ==, 7 * 1024);
    g_assert_cmpuint(get16(&n, 0x34), ==, 0);
    g_assert_cmphex(get(&n, 0x10), ==, 0x45);
    g_assert_cmphex(get(&n, 0x14), ==, 0x47);
    g_assert_cmphex(get(&n, 0x12), ==, 0);
    g_assert_cmphex(get(&n, 0x39), ==, 0);
    g_assert_cmphex(get(&n, 0x3d), ==, 0);
    g_assert_cmphex(get(&n, 0x5f), ==, 0);
    rig_destroy(&n.r);
}

/* Bytes 14-127 are storage; those of the clock are not ours; bit 7 of the index is NMI's. */
static void test_ports(void)
{
    struct nv n;

    nv_init(&n, &ordinary);
    for (unsigned i = 0; i < 128; i++) {
        rig_outb(&n.r, SPEC_INDEX, (uint8_t)(0x80 | i));
        rig_outb(&n.r, SPEC_DATA, (uint8_t)(i ^ 0x55));
    }
    for (unsigned i = 0; i < 128; i++) {
        g_assert_cmphex(get(&n, (uint8_t)i), ==, i < 14 ? 0xff : i ^ 0x55);
    }
    g_assert_cmphex(rig_inb(&n.r, SPEC_INDEX), ==, 0xff);
    rig_out(&n.r, SPEC_INDEX, 2, 0x770f); /* index, then data */
    g_assert_cmphex(get(&n, 0x0f), ==, 0x77);
    g_assert_cmphex(cmos_byte_read(&n.c, 0x0f), ==, 0x77);
    cmos_byte_write(&n.c, 200, 1);
    g_assert_cmphex(cmos_byte_read(&n.c, 200), ==, 0xff);
    rig_destroy(&n.r);
}

/* The shutdown code survives a hard reset; power-on writes everything anew. */
static void test_battery(void)
{
    struct nv n;

    nv_init(&n, &ordinary);
    rig_out(&n.r, SPEC_INDEX, 2, 0x0a0f);
    arena_reset(&n.r.w.arena, RESET_HARD);
    g_assert_cmphex(n.c.s->index, ==, 0);
    g_assert_cmphex(get(&n, 0x0f), ==, 0x0a);
    rig_reset(&n.r);
    g_assert_cmphex(get(&n, 0x0f), ==, 0);
    rig_destroy(&n.r);
}

static void poke(struct rig *r)
{
    (void)rig_inb(r, SPEC_DATA);
    rig_outb(r, SPEC_DATA, 0xff);
}

static void test_state(void)
{
    struct nv n;

    nv_init(&n, &ordinary);
    rig_hostile_state(&n.r, &n.c.dev, 1000, poke);
    rig_destroy(&n.r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cmos/contents", test_contents);
    g_test_add_func("/cmos/empty", test_empty);
    g_test_add_func("/cmos/ports", test_ports);
    g_test_add_func("/cmos/battery", test_battery);
    g_test_add_func("/catalogue/ST-01/cmos", test_state);
    return g_test_run();
}
