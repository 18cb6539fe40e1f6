/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fw_cfg against entries FW-01..03 and XEN-05 of the catalogue in docs/security.md. */
#include "test-fwcfg.h"

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
    while (w.f.nitems < FW_CFG_MAX_ITEMS) {
        g_assert_cmpint(fw_cfg_add_item(&w.f, 0x9000 + w.f.nitems, file_a, 2), ==, 0);
    }
    g_assert_cmpint(fw_cfg_add_item(&w.f, 0x8001, file_a, 2), ==, -ENOSPC);
    rig_destroy(&w.r);
}

/* Lengths of the items that the directory and the tests know; 0: nothing. */
static uint32_t item_len(const struct fw *w, uint16_t key)
{
    for (unsigned i = 0; i < w->f.nitems; i++) {
        if (w->f.item[i].key == key) {
            return w->f.item[i].len;
        }
    }
    return key >= SPEC_FILE_FIRST && key < SPEC_FILE_FIRST + w->f.nfiles
               ? w->f.file[key - SPEC_FILE_FIRST].len
               : 0;
}

/* FW-01: read to the end and 64 bytes on, one by one and as strings: the item, then zeros. */
static void test_past_every_end(void)
{
    static uint8_t one[8192], string[8192];
    struct fw w;

    fw_init(&w);
    for (unsigned key = 0; key < 0x10000; key++) {
        uint32_t len = item_len(&w, (uint16_t)key), total = len + 64;

        if (!len && key % 97 && key > 0x8100) {
            continue;
        }
        g_assert_cmpuint(total, <=, sizeof(one));
        select_key(&w, (uint16_t)key);
        for (uint32_t i = 0; i < total; i++) {
            one[i] = rig_inb(&w.r, SPEC_DATA);
        }
        select_key(&w, (uint16_t)key);
        memset(string, 0xee, sizeof(string));
        bus_read_rep(&w.r.w.pio, SPEC_DATA, 1, total, string);
        g_assert_cmpmem(one, total, string, total);
        for (uint32_t i = len; i < total; i++) {
            g_assert_cmphex(one[i], ==, 0);
        }
        g_assert_cmphex(string[total], ==, 0xee);
        for (unsigned i = 0; i < 4; i++) { /* and far beyond, by skipping */
            (void)dma(&w, BLOCK, SPEC_DMA_SKIP, 0xffffffff, 0);
            g_assert_cmphex(rig_inb(&w.r, SPEC_DATA), ==, 0);
        }
    }
    rig_destroy(&w.r);
}

/* Guest RAM that notes how often what is mapped, and changes a block once it has been read. */
struct spy {
    struct dma dma;
    struct dma_ram *ram;
    uint64_t maps, bytes;
    unsigned block_reads;
    bool change;
};

static void *spy_map(void *opaque, uint64_t gpa, uint64_t *len, bool write)
{
    struct spy *s = opaque;

    s->maps++;
    void *host = s->ram->dma.map(s->ram->dma.opaque, gpa, len, write);

    s->bytes += host ? *len : 0;
    return host;
}

static void spy_unmap(void *opaque, void *host, uint64_t gpa, uint64_t len, uint64_t written)
{
    struct spy *s = opaque;

    if (gpa == BLOCK && !written) {
        s->block_reads++;
        if (s->change) {
            memset(host, 0xff, len);
        }
    }
}

static void spy_init(struct spy *s, struct fw *w)
{
    *s = (struct spy){.dma = {spy_map, spy_unmap, s}, .ram = &w->r.ram};
    w->f.dma = &s->dma;
}

/* FW-02: what one write can cost at most, counted in mappings and bytes, for every control word. */
static void test_work_per_write(void)
{
    static const uint32_t length[] = {0, 1, 65535, 65536, 65537, 1u << 20, 0x7fffffff, 0xffffffff};
    struct fw w;
    struct spy spy;

    fw_init(&w);
    spy_init(&spy, &w);
    for (unsigned control = 0; control < 32; control++) {
        for (unsigned l = 0; l < G_N_ELEMENTS(length); l++) {
            for (unsigned key = 0; key < 0x24; key++) {
                uint64_t maps = spy.maps, bytes = spy.bytes;

                (void)dma(&w, BLOCK, key << 16 | control, length[l], TARGET);
                g_assert_cmpuint(spy.maps - maps, <=, 600);
                g_assert_cmpuint(spy.bytes - bytes, <=, 65536 + 32);
            }
        }
    }
    select_key(&w, 0);
    g_assert_cmphex(read_le(&w, 4), ==, 0x554d4551);
    rig_destroy(&w.r);
}

/* XEN-05: the block is read once; what it says afterwards has no effect. */
static void test_block_read_once(void)
{
    struct fw w;
    struct spy spy;
    uint32_t key = (SPEC_FILE_FIRST + 1) << 16;

    fw_init(&w);
    spy_init(&spy, &w);
    spy.change = true;
    g_assert_cmphex(dma(&w, BLOCK, key | SPEC_DMA_SELECT | SPEC_DMA_READ, 100, TARGET), ==, 0);
    g_assert_cmpuint(spy.block_reads, ==, 1);
    g_assert_cmpmem(w.r.bytes + TARGET, 100, file_b, 100);
    g_assert_cmphex(w.r.bytes[TARGET + 100], ==, 0xa5);
    /* Over its own block: the item arrives, then the status. */
    spy.change = false;
    g_assert_cmphex(dma(&w, BLOCK, key | SPEC_DMA_SELECT | SPEC_DMA_READ, 64, BLOCK), ==, 0);
    g_assert_cmpmem(w.r.bytes + BLOCK + 4, 60, file_b + 4, 60);
    g_assert_cmphex(w.r.bytes[BLOCK + 64], ==, 0xa5);
    rig_destroy(&w.r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/catalogue/FW-01/selectors", test_selectors);
    g_test_add_func("/catalogue/FW-01/past-every-end", test_past_every_end);
    g_test_add_func("/catalogue/FW-02/dma-hostile", test_dma_hostile);
    g_test_add_func("/catalogue/FW-02/work-per-write", test_work_per_write);
    g_test_add_func("/catalogue/FW-03/full", test_full);
    g_test_add_func("/catalogue/XEN-05/block-read-once", test_block_read_once);
    return g_test_run();
}
