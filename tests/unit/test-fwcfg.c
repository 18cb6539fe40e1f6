/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fw_cfg: selector, data and DMA interface. */
#include "test-fwcfg.h"

static void test_items(void)
{
    struct fw w;

    fw_init(&w);
    g_assert_cmphex(read_le(&w, 4), ==, 0x554d4551); /* selected after reset: "QEMU" */
    g_assert_cmphex(read_le(&w, 4), ==, 0);
    select_key(&w, 1);
    g_assert_cmphex(read_le(&w, 4), ==, 3);
    select_key(&w, 3);
    g_assert_cmphex(read_le(&w, 8), ==, 0x123456789000);
    select_key(&w, 5);
    g_assert_cmphex(read_le(&w, 2), ==, 3);
    select_key(&w, 0x0e);
    g_assert_cmphex(read_le(&w, 2), ==, 1);
    select_key(&w, 0x0f);
    g_assert_cmphex(read_le(&w, 2), ==, 3);
    rig_destroy(&w.r);
}

/* Sorted by name, keys in that order, sizes and keys big-endian. */
static void test_directory(void)
{
    struct fw w;
    uint8_t dir[4 + 3 * 64];

    fw_init(&w);
    select_key(&w, SPEC_FILE_DIR);
    bus_read_rep(&w.r.w.pio, SPEC_DATA, 1, sizeof(dir), dir);
    g_assert_cmpmem(dir, 4, "\0\0\0\2", 4);
    g_assert_cmpmem(dir + 4, 8, "\0\0\0\x0b\0\x20\0\0", 8);
    g_assert_cmpstr((const char *)dir + 12, ==, "etc/ant");
    g_assert_cmpmem(dir + 68, 8, "\0\0\x0b\xb8\0\x21\0\0", 8);
    g_assert_cmpstr((const char *)dir + 76, ==, "etc/zebra");
    select_key(&w, SPEC_FILE_FIRST + 1);
    for (unsigned i = 0; i < sizeof(file_b); i++) {
        g_assert_cmphex(rig_inb(&w.r, SPEC_DATA), ==, file_b[i]);
    }
    g_assert_cmphex(rig_inb(&w.r, SPEC_DATA), ==, 0);
    rig_destroy(&w.r);
}

static void test_dma_signature(void)
{
    struct fw w;

    fw_init(&w);
    g_assert_cmphex(rig_in(&w.r, SPEC_DMA_HIGH, 4), ==, 0x554d4551);
    g_assert_cmphex(rig_in(&w.r, SPEC_DMA_LOW, 4), ==, 0x47464320);
    g_assert_cmphex(rig_inb(&w.r, SPEC_DMA_LOW + 3), ==, 'G');
    rig_destroy(&w.r);
}

static void test_dma(void)
{
    struct fw w;
    uint32_t key = (SPEC_FILE_FIRST + 1) << 16;

    fw_init(&w);
    g_assert_cmphex(dma(&w, BLOCK, key | SPEC_DMA_SELECT | SPEC_DMA_READ, 100, TARGET), ==, 0);
    g_assert_cmpmem(w.r.bytes + TARGET, 100, file_b, 100);
    g_assert_cmphex(w.r.bytes[TARGET + 100], ==, 0xa5);
    g_assert_cmphex(dma(&w, BLOCK, SPEC_DMA_SKIP, 50, 0), ==, 0);
    g_assert_cmphex(dma(&w, BLOCK, SPEC_DMA_READ, sizeof(file_b), TARGET), ==, 0);
    g_assert_cmpmem(w.r.bytes + TARGET, sizeof(file_b) - 150, file_b + 150, sizeof(file_b) - 150);
    for (unsigned i = sizeof(file_b) - 150; i < sizeof(file_b); i++) {
        g_assert_cmphex(w.r.bytes[TARGET + i], ==, 0);
    }
    g_assert_cmphex(w.r.bytes[TARGET + sizeof(file_b)], ==, 0xa5);
    rig_destroy(&w.r);
}

/* Half-written and narrow addresses start nothing. */
static void test_dma_widths(void)
{
    struct fw w;

    fw_init(&w);
    memset(w.r.bytes + BLOCK, 0, 16);
    w.r.bytes[BLOCK + 3] = SPEC_DMA_WRITE;
    for (unsigned off = 0; off < 8; off++) {
        rig_outb(&w.r, (uint16_t)(SPEC_DMA_HIGH + off), 0x10);
        rig_out(&w.r, (uint16_t)(SPEC_DMA_HIGH + off), 2, 0x10);
    }
    g_assert_cmphex(w.r.bytes[BLOCK + 3], ==, SPEC_DMA_WRITE);
    rig_out(&w.r, SPEC_DMA_LOW, 4, __builtin_bswap32(BLOCK));
    g_assert_cmphex(w.r.bytes[BLOCK + 3], ==, SPEC_DMA_ERROR);
    rig_destroy(&w.r);
}

static void poke(struct rig *r)
{
    uint8_t buf[64];

    bus_read_rep(&r->w.pio, SPEC_DATA, 1, sizeof(buf), buf);
    rig_out(r, SPEC_DMA_LOW, 4, g_test_rand_int());
    bus_read_rep(&r->w.pio, SPEC_DATA, 1, sizeof(buf), buf);
}

static void test_state(void)
{
    struct fw w;

    fw_init(&w);
    rig_hostile_state(&w.r, &w.f.dev, 1000, poke);
    rig_destroy(&w.r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fwcfg/items", test_items);
    g_test_add_func("/fwcfg/directory", test_directory);
    g_test_add_func("/fwcfg/dma", test_dma);
    g_test_add_func("/fwcfg/dma-signature", test_dma_signature);
    g_test_add_func("/fwcfg/dma-widths", test_dma_widths);
    g_test_add_func("/catalogue/ST-01/fwcfg", test_state);
    return g_test_run();
}
