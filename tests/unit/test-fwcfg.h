/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fw_cfg with two files, its selector, data and DMA ports. */
#ifndef CLEAVE_TESTS_FWCFG_H
#define CLEAVE_TESTS_FWCFG_H

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

static inline void fw_init(struct fw *w)
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

static inline void select_key(struct fw *w, uint16_t key)
{
    rig_out(&w->r, SPEC_SELECTOR, 2, key);
}

static inline uint64_t read_le(struct fw *w, unsigned bytes)
{
    uint64_t val = 0;

    for (unsigned i = 0; i < bytes; i++) {
        val |= (uint64_t)rig_inb(&w->r, SPEC_DATA) << (8 * i);
    }
    return val;
}

static inline void put_be(uint8_t *p, uint64_t val, unsigned bytes)
{
    while (bytes--) {
        p[bytes] = (uint8_t)val;
        val >>= 8;
    }
}

/* Returns the control word that was written back. */
static inline uint32_t dma(struct fw *w, uint64_t block, uint32_t control, uint32_t length,
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

#endif
