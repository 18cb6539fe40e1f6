/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nvram/cmos.h"

#include <errno.h>
#include <string.h>

STATE_TYPE(cmos_state, CMOS_STATE);

/* Bytes with a fixed meaning for PC BIOSes. */
enum {
    CMOS_DIAGNOSTIC = 0x0e,
    CMOS_FLOPPY_TYPES = 0x10,
    CMOS_EQUIPMENT = 0x14,
    CMOS_BASE_KB = 0x15,
    CMOS_EXT_KB = 0x17,
    CMOS_EXT_KB_POST = 0x30,
    CMOS_CENTURY = 0x32,
    CMOS_EXT_64KB = 0x34,   /* above 16 MiB */
    CMOS_BOOT_FLAG1 = 0x38, /* third boot device [7:4]; bit 0: no floppy signature check */
    CMOS_BOOT_FLAG2 = 0x3d, /* first [3:0] and second [7:4] boot device */
    CMOS_HIGH_64KB = 0x5b,  /* above 4 GiB, three bytes */
    CMOS_AP_COUNT = 0x5f,   /* processors besides the first */
};

#define EQUIPMENT_FPU   0x02
#define EQUIPMENT_MOUSE 0x04
#define KIB             1024ull
#define BASE_KB         640u
#define EXT_START       (1024 * KIB)
#define EXT_64KB_START  (16 * 1024 * KIB)

static void put16(uint8_t *ram, unsigned at, uint64_t v)
{
    v = v > 0xffff ? 0xffff : v;
    ram[at] = (uint8_t)v;
    ram[at + 1] = (uint8_t)(v >> 8);
}

static uint8_t boot_code(char letter)
{
    switch (letter) {
    case 'a':
        return 1;
    case 'c':
        return 2;
    case 'd':
        return 3;
    case 'n':
        return 4;
    default:
        return 0;
    }
}

/* The bytes a BIOS's set-up program would have written. */
static void cmos_fill(const struct cmos_config *cfg, uint8_t *ram)
{
    unsigned floppies = (cfg->floppy_type[0] != 0) + (cfg->floppy_type[1] != 0);
    uint64_t ext = cfg->low_mem_end > EXT_START ? (cfg->low_mem_end - EXT_START) / KIB : 0;
    uint64_t ext64 =
        cfg->low_mem_end > EXT_64KB_START ? (cfg->low_mem_end - EXT_64KB_START) / (64 * KIB) : 0;
    uint64_t high = cfg->high_mem / (64 * KIB);

    memset(ram, 0, CMOS_SIZE);
    ram[CMOS_FLOPPY_TYPES] = (uint8_t)(cfg->floppy_type[0] << 4 | cfg->floppy_type[1]);
    ram[CMOS_EQUIPMENT] =
        (uint8_t)(EQUIPMENT_FPU | EQUIPMENT_MOUSE | (floppies ? 1 | (floppies - 1) << 6 : 0));
    put16(ram, CMOS_BASE_KB, BASE_KB);
    put16(ram, CMOS_EXT_KB, ext);
    put16(ram, CMOS_EXT_KB_POST, ext);
    ram[CMOS_CENTURY] = 0x20;
    put16(ram, CMOS_EXT_64KB, ext64);
    ram[CMOS_HIGH_64KB] = (uint8_t)high;
    ram[CMOS_HIGH_64KB + 1] = (uint8_t)(high >> 8);
    ram[CMOS_HIGH_64KB + 2] = (uint8_t)(high >> 16);
    ram[CMOS_BOOT_FLAG1] = (uint8_t)(boot_code(cfg->boot[2]) << 4 | (cfg->check_floppy ? 0 : 1));
    ram[CMOS_BOOT_FLAG2] = (uint8_t)(boot_code(cfg->boot[1]) << 4 | boot_code(cfg->boot[0]));
    ram[CMOS_AP_COUNT] = (uint8_t)(cfg->vcpus - 1);
}

static void cmos_index_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct cmos *c = dev;

    c->s->index =
        (uint8_t)(val & 0x7f); /* bit 7 is the NMI gate, which no PC of this class reads */
}

static uint64_t cmos_data_read(void *dev, uint32_t off, unsigned size)
{
    struct cmos *c = dev;

    return c->s->index >= CMOS_FIRST ? c->s->ram[c->s->index] : 0xff;
}

static void cmos_data_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct cmos *c = dev;

    if (c->s->index >= CMOS_FIRST) {
        c->s->ram[c->s->index] = (uint8_t)val;
    }
}

static const struct reg cmos_regs[] = {
    {0, 1, BUS_W1, NULL, cmos_index_write, "CMOS index", NULL, NULL},
    {1, 1, BUS_W1, cmos_data_read, cmos_data_write, "CMOS data", NULL, NULL},
};

/* The RAM is on a battery: only power-on fills it. */
static void cmos_reset(struct device *dev, enum reset_kind kind)
{
    struct cmos *c = (struct cmos *)dev;

    if (kind == RESET_POWER_ON) {
        memset(c->s, 0, sizeof(*c->s));
        cmos_fill(&c->cfg, c->s->ram);
    }
    c->s->index = 0;
}

static int cmos_check(const void *state)
{
    return ((const struct cmos_state *)state)->index < CMOS_SIZE ? 0 : -EINVAL;
}

/* Nothing on the host side follows from the bytes. */
static void cmos_resume(struct device *dev)
{
}

static const struct device_class cmos_class = {
    .name = "cmos",
    .state = &cmos_state_type,
    .reset = cmos_reset,
    .check = cmos_check,
    .resume = cmos_resume,
};

int cmos_init(struct cmos *c, const struct hw *hw, const struct cmos_config *cfg)
{
    int err = arena_add(hw->arena, &c->dev, &cmos_class, "cmos");

    if (err) {
        return err;
    }
    c->s = c->dev.state;
    c->cfg = *cfg;
    c->ports = (struct region){.name = "CMOS",
                               .regs = cmos_regs,
                               .nregs = sizeof(cmos_regs) / sizeof(cmos_regs[0]),
                               .opaque = c,
                               .len = 2};
    return bus_map(hw->pio, &c->ports, 0x70);
}

uint8_t cmos_index(const struct cmos *c)
{
    return c->s->index;
}
