/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fw_cfg: selector, data and DMA interface. */
#include "pc-rig.h"

#include "nvram/fw_cfg.h"

/* QEMU's fw_cfg specification. */
#define SPEC_SELECTOR   0x510
#define SPEC_DATA       0x511
#define SPEC_DMA_HIGH   0x514
#define SPEC_DMA_LOW    0x518
#define SPEC_DMA_ERROR  1u
#define SPEC_DMA_READ   2u
#define SPEC_DMA_SKIP   4u
#define SPEC_DMA_SELECT 8u
#define SPEC_DMA_WRITE  16u
#define SPEC_FILE_DIR   0x19
#define SPEC_FILE_FIRST 0x20

#define BLOCK  0x1000u /* guest address of the DMA block */
#define TARGET 0x8000u

struct fw {
    struct rig r;
    struct fw_cfg f;
};

static const uint8_t file_a[] = "first file";
static uint8_t file_b[3000];

static void fw_init(struct fw *w)
{
    struct fw_cfg_config config = {.ram_bytes = 0x123456789000, .vcpus = 3, .boot_menu = true};

    rig_init(&w->r);
    g_assert_cmpint(fw_cfg_init(&w->f, &w->r.w.hw, &config), ==, 0);
    for (unsigned i = 0; i < sizeof(file_b); i++) {
        file_b[i] = (uint8_t)(i * 13 + 1);
    }
    g_assert_cmpint(fw_cfg_add_file(&w->f, "etc/zebra", file_b, sizeof(file_b)), ==, 0);
    g_assert_cmpint(fw_cfg_add_file(&w->f, "etc/ant", file_a, sizeof(file_a)), ==, 0);
    rig_reset(&w->r);
}

static void select_key(struct fw *w, uint16_t key)
{
    rig_out(&w->r, SPEC_SELECTOR, 2, key);
}

static uint64_t read_le(struct fw *w, unsigned bytes)
{
    uint64_t val = 0;

    for (unsigned i = 0; i < bytes; i++) {
        val |= (uint64_t)rig_inb(&w->r, SPEC_DATA) << (8 * i);
    }
    return val;
}

static void put_be(uint8_t *p, uint64_t val, unsigned bytes)
{
    while (bytes--) {
        p[bytes] = (uint8_t)val;
        val >>= 8;
    }
}

/* Returns the control word that was written back. */
static uint32_t dma(struct fw *w, uint64_t block, uint32_t control, uint32_t length,
                    uint64_t target)
{
    uint8_t *p = w->r.bytes + BLOCK;

    if (block == BLOCK) {
        put_be(p, control, 4);
        put_be(p + 4, length, 4);
        put_be(p + 8, target, 8);
    }
    rig_out(&w->r, SPEC_DMA_HIGH, 4, __builtin_bswap32((uint32_t)(block >> 32)));
    rig_out(&w->r, SPEC_DMA_LOW, 4, __builtin_bswap32((uint32_t)block));
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

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

/* FW-01: every selector, beyond its end, in every width; unknown ones are zeros; writes do nothing.
 */
static void test_selectors(void)
{
    struct fw w;

    fw_init(&w);
    for (unsigned key = 0; key < 0x10000; key++) {
        uint8_t buf[96];

        select_key(&w, (uint16_t)key);
        bus_read_rep(&w.r.w.pio, SPEC_DATA, 1, sizeof(buf), buf);
        if ((key >= 0x22 && key < 0x8000) || key > 0x8010) {
            for (unsigned i = 0; i < sizeof(buf); i++) {
                g_assert_cmphex(buf[i], ==, 0);
            }
        }
        rig_outb(&w.r, SPEC_DATA, 0xee);
        (void)rig_in(&w.r, SPEC_DATA, 2);
        (void)rig_in(&w.r, SPEC_SELECTOR, 4);
    }
    select_key(&w, 5);
    rig_outb(&w.r, SPEC_DATA, 0xee);
    g_assert_cmphex(read_le(&w, 2), ==, 3);
    g_assert_cmphex(rig_in(&w.r, SPEC_SELECTOR, 2), ==, 0xffff);
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

/* FW-02: lengths up to 4 GiB, all controls, targets outside RAM, over the block, at the wraps. */
static void test_dma_hostile(void)
{
    struct fw w;
    static const uint64_t target[] = {0,          BLOCK,          BLOCK + 4,  RIG_RAM - 1,
                                      RIG_RAM,    0xa0000,        0xfee00000, 0xffffffff,
                                      1ull << 32, UINT64_MAX - 1, UINT64_MAX};
    static const uint32_t length[] = {0, 1, 16, 65536, 65537, 0x7fffffff, 0xffffffff};

    fw_init(&w);
    g_assert_cmphex(dma(&w, BLOCK, 0x190000 | SPEC_DMA_SELECT | SPEC_DMA_READ, 0xffffffff, TARGET),
                    ==, SPEC_DMA_ERROR);
    g_assert_cmphex(w.r.bytes[TARGET], ==, 0xa5);
    g_assert_cmphex(dma(&w, BLOCK, SPEC_DMA_WRITE, 4, TARGET), ==, SPEC_DMA_ERROR);
    g_assert_cmphex(dma(&w, BLOCK, SPEC_DMA_READ, 4, RIG_RAM), ==, SPEC_DMA_ERROR);
    for (unsigned control = 0; control < 32; control++) {
        for (unsigned t = 0; t < G_N_ELEMENTS(target); t++) {
            for (unsigned l = 0; l < G_N_ELEMENTS(length); l++) {
                (void)dma(&w, BLOCK, 0x210000 | control, length[l], target[t]);
                (void)dma(&w, target[t], 0, 0, 0);
            }
        }
    }
    select_key(&w, 0);
    g_assert_cmphex(read_le(&w, 4), ==, 0x554d4551);
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

/* FW-03: as many files as fit and one more, longest names, duplicates. */
static void test_full(void)
{
    struct fw w;
    char name[80];

    fw_init(&w);
    g_assert_cmpint(fw_cfg_add_file(&w.f, "etc/ant", file_a, 1), ==, -EEXIST);
    g_assert_cmpint(fw_cfg_add_file(&w.f, "", file_a, 1), ==, -EINVAL);
    memset(name, 'n', sizeof(name));
    name[56] = 0;
    g_assert_cmpint(fw_cfg_add_file(&w.f, name, file_a, 1), ==, -EINVAL);
    name[55] = 0;
    g_assert_cmpint(fw_cfg_add_file(&w.f, name, file_a, 1), ==, 0);
    while (w.f.nfiles < FW_CFG_MAX_FILES) {
        g_snprintf(name, sizeof(name), "file%u", w.f.nfiles * 7919 % 1000);
        g_assert_cmpint(fw_cfg_add_file(&w.f, name, file_a, 1), ==, 0);
    }
    g_assert_cmpint(fw_cfg_add_file(&w.f, "one more", file_a, 1), ==, -ENOSPC);
    for (unsigned i = 1; i < w.f.nfiles; i++) {
        g_assert_cmpint(strcmp(w.f.file[i - 1].name, w.f.file[i].name), <, 0);
    }
    g_assert_cmpint(fw_cfg_add_item(&w.f, 0x8000, file_a, 2), ==, 0);
    g_assert_cmpint(fw_cfg_add_item(&w.f, 0x8000, file_a, 2), ==, -EEXIST);
    g_assert_cmpint(fw_cfg_add_item(&w.f, 0x20, file_a, 2), ==, -EINVAL);
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
    g_test_add_func("/catalogue/FW-01/selectors", test_selectors);
    g_test_add_func("/catalogue/FW-02/dma-hostile", test_dma_hostile);
    g_test_add_func("/catalogue/FW-03/full", test_full);
    g_test_add_func("/fwcfg/dma", test_dma);
    g_test_add_func("/fwcfg/dma-signature", test_dma_signature);
    g_test_add_func("/fwcfg/dma-widths", test_dma_widths);
    g_test_add_func("/catalogue/ST-01/fwcfg", test_state);
    return g_test_run();
}
