/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw_cfg: items that the firmware reads by number, byte by byte or by DMA. Source: QEMU's
 * docs/specs/fw_cfg.rst (interface description; x86 port layout).
 * Not modelled: writable items (guest writes do nothing; a DMA write fails).
 */
#include "nvram/fw_cfg.h"

#include <errno.h>
#include <string.h>

#define FW_CFG_BASE     0x510
#define FW_CFG_LEN      12u
#define FW_CFG_SELECTOR 0u
#define FW_CFG_DATA     1u
#define FW_CFG_DMA      4u /* to 11: 64-bit big-endian address, the low half starts */

/* Keys. */
#define KEY_SIGNATURE     0x0000
#define KEY_ID            0x0001
#define KEY_RAM_SIZE      0x0003
#define KEY_NB_CPUS       0x0005
#define KEY_BOOT_MENU     0x000e
#define KEY_MAX_CPUS      0x000f
#define KEY_FILE_DIR      0x0019
#define KEY_FILE_FIRST    0x0020
#define KEY_IRQ0_OVERRIDE 0x8002

#define ID_TRADITIONAL 0x1u
#define ID_DMA         0x2u

/* DMA control word; bits 31-16 are the key to select. */
#define DMA_ERROR  0x01u
#define DMA_READ   0x02u
#define DMA_SKIP   0x04u
#define DMA_SELECT 0x08u
#define DMA_WRITE  0x10u

#define DMA_SIGNATURE 0x51454d5520434647ull /* "QEMU CFG" */

/* The longest run of zeros behind an item's end that one DMA request may ask for. */
#define DMA_MAX_PADDING 65536u

STATE_TYPE(fw_cfg_state, FW_CFG_STATE);

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_be(uint8_t *p, uint64_t val, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        p[i] = (uint8_t)(val >> (8 * (bytes - 1 - i)));
    }
}

static void put_le(uint8_t *p, uint64_t val, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        p[i] = (uint8_t)(val >> (8 * i));
    }
}

/* --- items --- */

/* What a key stands for; length 0 for a key that nobody has. */
static struct fw_cfg_item item_find(const struct fw_cfg *f, uint16_t key)
{
    unsigned file = key - KEY_FILE_FIRST;

    if (key >= KEY_FILE_FIRST && file < f->nfiles) {
        return (struct fw_cfg_item){key, f->file[file].len, f->file[file].data};
    }
    for (unsigned i = 0; i < f->nitems; i++) {
        if (f->item[i].key == key) {
            return f->item[i];
        }
    }
    return (struct fw_cfg_item){key, 0, NULL};
}

static void item_select(struct fw_cfg *f, uint16_t key)
{
    f->s->selector = key;
    f->s->offset = 0;
}

/* Bytes of the selected item that are left at the offset. */
static uint32_t item_left(const struct fw_cfg *f, const struct fw_cfg_item *item)
{
    return f->s->offset < item->len ? item->len - f->s->offset : 0;
}

static void offset_advance(struct fw_cfg_state *s, uint32_t by)
{
    s->offset = by > UINT32_MAX - s->offset ? UINT32_MAX : s->offset + by;
}

/* --- selector and data ports --- */

static void selector_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    if (size == 2) { /* of two ports: at the first */
        item_select(opaque, (uint16_t)val);
    }
}

/* Zeros follow an item's end. */
static void item_read(struct fw_cfg *f, uint8_t *buf, uint32_t len)
{
    struct fw_cfg_item item = item_find(f, f->s->selector);
    uint32_t left = item_left(f, &item);
    uint32_t n = len < left ? len : left;

    if (n) {
        memcpy(buf, item.data + f->s->offset, n);
    }
    memset(buf + n, 0, len - n);
    offset_advance(f->s, n);
}

/* Only the byte at 511h is data. */
static void data_read_rep(void *opaque, uint32_t off, unsigned size, uint32_t count, void *buf)
{
    if (size == 1 && off == FW_CFG_DATA) {
        item_read(opaque, buf, count);
    } else {
        memset(buf, 0xff, (size_t)size * count);
    }
}

static uint64_t data_read(void *opaque, uint32_t off, unsigned size)
{
    uint64_t val = UINT64_MAX;

    data_read_rep(opaque, off, size, 1, &val);
    return val;
}

/* --- DMA --- */

/* Zeros into guest RAM, a piece at a time. */
static bool dma_zero(struct dma *dma, uint64_t gpa, uint32_t len)
{
    static const uint8_t zeros[512];

    while (len) {
        uint32_t n = len < sizeof(zeros) ? len : (uint32_t)sizeof(zeros);

        if (!dma_write(dma, gpa, zeros, n)) {
            return false;
        }
        gpa += n;
        len -= n;
    }
    return true;
}

static bool dma_read_item(struct fw_cfg *f, uint64_t gpa, uint32_t len)
{
    struct fw_cfg_item item = item_find(f, f->s->selector);
    uint32_t left = item_left(f, &item);
    uint32_t n = len < left ? len : left;
    bool ok = len - n <= DMA_MAX_PADDING && gpa <= UINT64_MAX - len;

    ok = ok && (n == 0 || dma_write(f->dma, gpa, item.data + f->s->offset, n));
    ok = ok && dma_zero(f->dma, gpa + n, len - n);
    offset_advance(f->s, n);
    return ok;
}

/* Carries out one request block; false makes it end with the error bit. */
static bool dma_execute(struct fw_cfg *f, const uint8_t *block)
{
    uint32_t control = be32(&block[0]);
    uint32_t length = be32(&block[4]);
    uint64_t gpa = (uint64_t)be32(&block[8]) << 32 | be32(&block[12]);

    if (control & DMA_SELECT) {
        item_select(f, (uint16_t)(control >> 16));
    }
    if (control & DMA_READ) {
        return dma_read_item(f, gpa, length);
    }
    if (control & DMA_WRITE) {
        return false;
    }
    if (control & DMA_SKIP) {
        offset_advance(f->s, length);
    }
    return true;
}

/* The block is fetched once; only its control word is written back. */
static void dma_start(struct fw_cfg *f)
{
    uint64_t gpa = f->s->dma_address;
    uint8_t block[16];
    uint8_t status[4];

    f->s->dma_address = 0;
    if (!dma_read(f->dma, gpa, block, sizeof(block))) {
        return;
    }
    put_be(status, dma_execute(f, block) ? 0 : DMA_ERROR, sizeof(status));
    (void)dma_write(f->dma, gpa, status, sizeof(status));
}

static uint64_t dma_address_read(void *opaque, uint32_t off, unsigned size)
{
    uint8_t signature[8];
    uint64_t val = 0;

    put_be(signature, DMA_SIGNATURE, sizeof(signature));
    memcpy(&val, &signature[off - FW_CFG_DMA], size);
    return val;
}

/* Only whole halves count. They are big-endian: the value arrives byte-swapped. */
static void dma_address_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    struct fw_cfg *f = opaque;
    uint32_t half = __builtin_bswap32((uint32_t)val);

    if (size != 4) {
        return;
    }
    if (off == FW_CFG_DMA) {
        f->s->dma_address = (uint64_t)half << 32;
    } else if (off == FW_CFG_DMA + 4) {
        f->s->dma_address |= half;
        dma_start(f);
    }
}

static const struct reg fw_cfg_regs[] = {
    {FW_CFG_SELECTOR, 2, BUS_W1 | BUS_W2, data_read, selector_write, "selector, data",
     data_read_rep, NULL},
    {FW_CFG_DMA, 8, BUS_W1 | BUS_W2 | BUS_W4, dma_address_read, dma_address_write, "DMA address"},
};

/* --- set-up --- */

/* Count, then 64 bytes per file: size, key, reserved, name. */
static void directory_build(struct fw_cfg *f)
{
    put_be(f->directory, f->nfiles, 4);
    for (unsigned i = 0; i < f->nfiles; i++) {
        uint8_t *entry = &f->directory[4 + 64 * i];

        memset(entry, 0, 64);
        put_be(&entry[0], f->file[i].len, 4);
        put_be(&entry[4], KEY_FILE_FIRST + i, 2);
        memcpy(&entry[8], f->file[i].name, FW_CFG_NAME);
    }
}

int fw_cfg_add_file(struct fw_cfg *f, const char *name, const void *data, uint32_t len)
{
    unsigned at = 0;

    if (!*name || strlen(name) >= FW_CFG_NAME) {
        return -EINVAL;
    }
    while (at < f->nfiles && strcmp(f->file[at].name, name) < 0) {
        at++;
    }
    if (at < f->nfiles && strcmp(f->file[at].name, name) == 0) {
        return -EEXIST;
    }
    if (f->nfiles == FW_CFG_MAX_FILES) {
        return -ENOSPC;
    }
    memmove(&f->file[at + 1], &f->file[at], (f->nfiles - at) * sizeof(f->file[0]));
    f->file[at] = (struct fw_cfg_file){.len = len, .data = data};
    memcpy(f->file[at].name, name, strlen(name));
    f->nfiles++;
    directory_build(f);
    return 0;
}

static void item_put(struct fw_cfg *f, uint16_t key, const void *data, uint32_t len)
{
    f->item[f->nitems++] = (struct fw_cfg_item){key, len, data};
}

int fw_cfg_add_item(struct fw_cfg *f, uint16_t key, const void *data, uint32_t len)
{
    if (key >= KEY_FILE_FIRST && key < 0x8000) {
        return -EINVAL;
    }
    if (item_find(f, key).data) {
        return -EEXIST;
    }
    if (f->nitems == FW_CFG_MAX_ITEMS) {
        return -ENOSPC;
    }
    item_put(f, key, data, len);
    return 0;
}

/* Numbers that every machine has, little endian in f->small. */
static void items_add(struct fw_cfg *f, const struct fw_cfg_config *config)
{
    const struct {
        uint16_t key;
        uint8_t bytes;
        uint64_t val;
    } number[] = {
        {KEY_ID, 4, ID_TRADITIONAL | ID_DMA}, {KEY_RAM_SIZE, 8, config->ram_bytes},
        {KEY_NB_CPUS, 2, config->vcpus},      {KEY_BOOT_MENU, 2, config->boot_menu},
        {KEY_MAX_CPUS, 2, config->vcpus},     {KEY_IRQ0_OVERRIDE, 4, 1},
    };
    uint8_t *p = f->small;

    item_put(f, KEY_SIGNATURE, "QEMU", 4);
    for (unsigned i = 0; i < sizeof(number) / sizeof(number[0]); i++) {
        put_le(p, number[i].val, number[i].bytes);
        item_put(f, number[i].key, p, number[i].bytes);
        p += number[i].bytes;
    }
    item_put(f, KEY_FILE_DIR, f->directory, sizeof(f->directory));
}

/* --- life --- */

static void fw_cfg_reset(struct device *dev, enum reset_kind kind)
{
    *((struct fw_cfg *)dev)->s = (struct fw_cfg_state){0};
}

/* Every selector and offset can be reached, and both are checked where they are used. */
static int fw_cfg_check(const void *state)
{
    return 0;
}

static void fw_cfg_resume(struct device *dev)
{
}

static const struct device_class fw_cfg_class = {
    .name = "fw-cfg",
    .state = &fw_cfg_state_type,
    .reset = fw_cfg_reset,
    .check = fw_cfg_check,
    .resume = fw_cfg_resume,
};

int fw_cfg_init(struct fw_cfg *f, const struct hw *hw, const struct fw_cfg_config *config)
{
    int err = arena_add(hw->arena, &f->dev, &fw_cfg_class, "fw-cfg");

    if (err) {
        return err;
    }
    f->s = f->dev.state;
    f->dma = hw->dma;
    f->nitems = 0;
    f->nfiles = 0;
    directory_build(f);
    items_add(f, config);
    f->ports = (struct region){
        .name = "fw-cfg",
        .regs = fw_cfg_regs,
        .nregs = sizeof(fw_cfg_regs) / sizeof(fw_cfg_regs[0]),
        .opaque = f,
        .len = FW_CFG_LEN,
        .posted = {{0, 2}}, /* the selector */
    };
    return bus_map(hw->pio, &f->ports, FW_CFG_BASE);
}
