/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nvram/fw_cfg.h"

#include <errno.h>
#include <string.h>

STATE_TYPE(fw_cfg_state, FW_CFG_STATE);

/* Selector keys. */
enum {
    KEY_SIGNATURE = 0x00,
    KEY_ID = 0x01,
    KEY_RAM_SIZE = 0x03,
    KEY_NB_CPUS = 0x05,
    KEY_BOOT_MENU = 0x0e,
    KEY_MAX_CPUS = 0x0f,
    KEY_FILE_DIR = 0x19,
    KEY_FILE_FIRST = 0x20,
};

#define ID_TRADITIONAL 1u
#define ID_DMA         2u

/* The DMA control word. */
#define DMA_ERROR  0x01u
#define DMA_READ   0x02u
#define DMA_SKIP   0x04u
#define DMA_SELECT 0x08u
#define DMA_WRITE  0x10u

#define DMA_SIGNATURE 0x51454d5520434647ull /* "QEMU CFG" */
#define DMA_MAX_BYTES (4u << 20)            /* work per guest access; more is an error */

/* Offsets into `small`. */
enum { SMALL_ID = 0, SMALL_RAM = 8, SMALL_CPUS = 16, SMALL_MENU = 18, SMALL_MAX = 20 };

/* --- items --- */

static struct fw_cfg_item fw_cfg_item(const struct fw_cfg *f, uint16_t key)
{
    static const uint8_t signature[4] = {'Q', 'E', 'M', 'U'};

    switch (key) {
    case KEY_SIGNATURE:
        return (struct fw_cfg_item){key, signature, sizeof(signature)};
    case KEY_ID:
        return (struct fw_cfg_item){key, f->small + SMALL_ID, 4};
    case KEY_RAM_SIZE:
        return (struct fw_cfg_item){key, f->small + SMALL_RAM, 8};
    case KEY_NB_CPUS:
        return (struct fw_cfg_item){key, f->small + SMALL_CPUS, 2};
    case KEY_BOOT_MENU:
        return (struct fw_cfg_item){key, f->small + SMALL_MENU, 2};
    case KEY_MAX_CPUS:
        return (struct fw_cfg_item){key, f->small + SMALL_MAX, 2};
    case KEY_FILE_DIR:
        return (struct fw_cfg_item){key, f->directory, 4 + f->nfiles * 64};
    default:
        break;
    }
    if (key >= KEY_FILE_FIRST && key - KEY_FILE_FIRST < f->nfiles) {
        const struct fw_cfg_file *file = &f->file[key - KEY_FILE_FIRST];

        return (struct fw_cfg_item){key, file->data, file->len};
    }
    return (struct fw_cfg_item){key, NULL, 0};
}

static void put_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static uint32_t get_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_le(uint8_t *p, uint64_t v, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        p[i] = (uint8_t)(v >> (i * 8));
    }
}

/* Directory entry: be32 size, be16 selector, be16 zero, 56 bytes of name. */
static void fw_cfg_directory(struct fw_cfg *f)
{
    put_be32(f->directory, f->nfiles);
    for (unsigned i = 0; i < f->nfiles; i++) {
        uint8_t *e = f->directory + 4 + i * 64;

        put_be32(e, f->file[i].len);
        put_be32(e + 4, (KEY_FILE_FIRST + i) << 16);
        memcpy(e + 8, f->file[i].name, FW_CFG_FILE_NAME);
    }
}

int fw_cfg_add_file(struct fw_cfg *f, const char *name, const void *data, uint32_t len)
{
    size_t n = strlen(name);
    unsigned at = 0;

    if (n >= FW_CFG_FILE_NAME) {
        return -EINVAL;
    }
    if (f->nfiles == FW_CFG_MAX_FILES) {
        return -ENOSPC;
    }
    while (at < f->nfiles && strcmp(f->file[at].name, name) < 0) {
        at++;
    }
    if (at < f->nfiles && !strcmp(f->file[at].name, name)) {
        return -EEXIST;
    }
    memmove(&f->file[at + 1], &f->file[at], (f->nfiles - at) * sizeof(f->file[0]));
    memset(&f->file[at], 0, sizeof(f->file[at]));
    memcpy(f->file[at].name, name, n);
    f->file[at].data = data;
    f->file[at].len = len;
    f->nfiles++;
    fw_cfg_directory(f);
    return 0;
}

/* --- ports --- */

static void fw_cfg_select(struct fw_cfg *f, uint16_t key)
{
    f->s->selector = key;
    f->s->offset = 0;
}

static void fw_cfg_selector_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    fw_cfg_select(dev, (uint16_t)val);
}

/* Past the end of an item, and of items that do not exist, there are zeros. */
static uint8_t fw_cfg_next(struct fw_cfg *f)
{
    struct fw_cfg_item item = fw_cfg_item(f, f->s->selector);

    return f->s->offset < item.len ? item.data[f->s->offset++] : 0;
}

static uint64_t fw_cfg_data_read(void *dev, uint32_t off, unsigned size)
{
    return fw_cfg_next(dev);
}

static void fw_cfg_data_read_rep(void *dev, uint32_t off, unsigned size, uint32_t count, void *buf)
{
    uint8_t *p = buf;

    for (uint32_t i = 0; i < count; i++) {
        p[i] = fw_cfg_next(dev);
    }
}

/* The ports overlap: a word at 510h is the selector, a byte at 511h is data. The first row wins. */
static const struct reg fw_cfg_regs[] = {
    {1, 1, BUS_W1, fw_cfg_data_read, NULL, "data", fw_cfg_data_read_rep, NULL},
    {0, 2, BUS_W2, NULL, fw_cfg_selector_write, "selector", NULL, NULL},
};

/* --- DMA --- */

struct fw_cfg_access {
    uint32_t control;
    uint32_t length;
    uint64_t address;
};

static bool fw_cfg_dma_skip(struct fw_cfg *f, const struct fw_cfg_access *a)
{
    struct fw_cfg_item item = fw_cfg_item(f, f->s->selector);
    uint32_t left = item.len - f->s->offset;

    f->s->offset += a->length < left ? a->length : left;
    return true;
}

/* Copies what the item has left, then zeros, up to the length asked for. */
static bool fw_cfg_dma_read(struct fw_cfg *f, const struct fw_cfg_access *a)
{
    static const uint8_t zeros[4096];
    struct fw_cfg_item item = fw_cfg_item(f, f->s->selector);
    uint32_t left = item.len - f->s->offset;
    uint32_t n = a->length < left ? a->length : left;
    uint64_t gpa = a->address + n;

    if (a->length > DMA_MAX_BYTES) {
        return false;
    }
    if (n && !dma_write(f->dma, a->address, item.data + f->s->offset, n)) {
        return false;
    }
    f->s->offset += n;
    for (uint32_t rest = a->length - n; rest;) {
        uint32_t step = rest < sizeof(zeros) ? rest : (uint32_t)sizeof(zeros);

        if (!dma_write(f->dma, gpa, zeros, step)) {
            return false;
        }
        gpa += step;
        rest -= step;
    }
    return true;
}

/* The descriptor is copied once; its control word takes the result (0, or the error bit). */
static void fw_cfg_dma_run(struct fw_cfg *f, uint64_t descriptor)
{
    uint8_t raw[16];
    uint8_t result[4] = {0};
    bool ok = true;

    if (!dma_read(f->dma, descriptor, raw, sizeof(raw))) {
        return; /* nowhere to put a result either */
    }
    struct fw_cfg_access a = {get_be32(raw), get_be32(raw + 4),
                              (uint64_t)get_be32(raw + 8) << 32 | get_be32(raw + 12)};

    if (a.control & DMA_SELECT) {
        fw_cfg_select(f, (uint16_t)(a.control >> 16));
    }
    if (a.control & DMA_READ) {
        ok = fw_cfg_dma_read(f, &a);
    } else if (a.control & DMA_WRITE) {
        ok = a.length == 0;
    } else if (a.control & DMA_SKIP) {
        ok = fw_cfg_dma_skip(f, &a);
    }
    put_be32(result, ok ? 0 : DMA_ERROR);
    dma_write(f->dma, descriptor, result, sizeof(result));
}

static uint64_t fw_cfg_dma_address_read(void *dev, uint32_t off, unsigned size)
{
    uint64_t be = __builtin_bswap64(DMA_SIGNATURE);

    return be >> (off * 8);
}

/* Big-endian; writing the lower half (the last four bytes) starts the transfer. */
static void fw_cfg_dma_address_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct fw_cfg *f = dev;
    uint32_t half = __builtin_bswap32((uint32_t)val);

    if (off == 0) {
        f->s->dma_address = (uint64_t)half << 32;
        return;
    }
    uint64_t descriptor = f->s->dma_address | half;
    f->s->dma_address = 0;
    fw_cfg_dma_run(f, descriptor);
}

static const struct reg fw_cfg_dma_regs[] = {
    {0, 4, BUS_W4, fw_cfg_dma_address_read, fw_cfg_dma_address_write, "DMA address high", NULL,
     NULL},
    {4, 4, BUS_W4, fw_cfg_dma_address_read, fw_cfg_dma_address_write, "DMA address low", NULL,
     NULL},
};

/* --- device --- */

static void fw_cfg_reset(struct device *dev, enum reset_kind kind)
{
    struct fw_cfg *f = (struct fw_cfg *)dev;

    memset(f->s, 0, sizeof(*f->s));
}

/* Selector and offset are checked at use. */
static int fw_cfg_check(const void *state)
{
    return ((const struct fw_cfg_state *)state)->offset <= INT32_MAX ? 0 : -EINVAL;
}

static void fw_cfg_resume(struct device *dev)
{
    struct fw_cfg *f = (struct fw_cfg *)dev;
    uint32_t len = fw_cfg_item(f, f->s->selector).len;

    /* Another build may have shorter items: the subtractions above rely on this. */
    f->s->offset = f->s->offset < len ? f->s->offset : len;
}

static const struct device_class fw_cfg_class = {
    .name = "fw_cfg",
    .state = &fw_cfg_state_type,
    .reset = fw_cfg_reset,
    .check = fw_cfg_check,
    .resume = fw_cfg_resume,
};

int fw_cfg_init(struct fw_cfg *f, const struct hw *hw, const struct fw_cfg_config *cfg)
{
    int err = arena_add(hw->arena, &f->dev, &fw_cfg_class, "fw_cfg");

    if (err) {
        return err;
    }
    f->s = f->dev.state;
    f->dma = hw->dma;
    f->cfg = *cfg;
    put_le(f->small + SMALL_ID, ID_TRADITIONAL | ID_DMA, 4);
    put_le(f->small + SMALL_RAM, cfg->ram_size, 8);
    put_le(f->small + SMALL_CPUS, cfg->vcpus, 2);
    put_le(f->small + SMALL_MENU, cfg->boot_menu, 2);
    put_le(f->small + SMALL_MAX, cfg->vcpus, 2);
    fw_cfg_directory(f);
    f->ports =
        (struct region){.name = "fw_cfg", .regs = fw_cfg_regs, .nregs = 2, .opaque = f, .len = 2};
    f->dma_ports = (struct region){
        .name = "fw_cfg DMA", .regs = fw_cfg_dma_regs, .nregs = 2, .opaque = f, .len = 8};
    err = bus_map(hw->pio, &f->ports, 0x510);
    return err ? err : bus_map(hw->pio, &f->dma_ports, 0x514);
}
