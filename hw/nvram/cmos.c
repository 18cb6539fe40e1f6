/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CMOS RAM of a PC, bytes 14 to 127. Sources: the IBM PC AT Technical Reference for bytes 10h to
 * 3Fh; SeaBIOS's documentation of bytes 38h to 5Fh for what firmware of this machine looks up.
 * Not modelled: the checksum of bytes 10h-2Dh (no firmware of this machine checks it), NMI masking.
 */
#include "nvram/cmos.h"

#include <errno.h>
#include <string.h>

#define CMOS_INDEX_MASK 0x7fu /* bit 7 of port 70h masks NMI */

/* Byte numbers. */
#define CMOS_FLOPPY_TYPES   0x10
#define CMOS_DISK_TYPES     0x12 /* drives 0 and 1: Fh says "see the extended type" */
#define CMOS_EQUIPMENT      0x14
#define CMOS_BASE_MEMORY    0x15 /* KiB */
#define CMOS_EXT_MEMORY     0x17 /* KiB above 1 MiB, as set up */
#define CMOS_DISK0_TYPE     0x19
#define CMOS_DISK1_TYPE     0x1a
#define CMOS_DISK0_GEOMETRY 0x1b
#define CMOS_DISK1_GEOMETRY 0x24
#define CMOS_EXT_MEMORY2    0x30 /* the same, as found by the test */
#define CMOS_CENTURY        0x32
#define CMOS_MEMORY_16M     0x34 /* 64 KiB units above 16 MiB */
#define CMOS_BOOT_3         0x38 /* third boot device in bits 7-4 */
#define CMOS_TRANSLATION    0x39 /* two bits per disk */
#define CMOS_BOOT_1_2       0x3d
#define CMOS_MEMORY_4G      0x5b /* three bytes: 64 KiB units above 4 GiB */
#define CMOS_CPUS           0x5f /* number of CPUs - 1 */

#define DISK_TYPE_USER       47
#define EQUIPMENT_FPU        0x02u
#define EQUIPMENT_MOUSE      0x04u
#define EQUIPMENT_FLOPPY     0x01u
#define EQUIPMENT_FLOPPY_TWO 0x40u

#define KIB 1024ull
#define MIB (1024 * KIB)

STATE_TYPE(cmos_state, CMOS_STATE);

/* --- contents at power-on --- */

static void put16(uint8_t *ram, unsigned at, uint64_t val)
{
    uint16_t capped = (uint16_t)(val > 0xffff ? 0xffff : val);

    ram[at] = (uint8_t)capped;
    ram[at + 1] = (uint8_t)(capped >> 8);
}

static uint64_t above(uint64_t size, uint64_t limit)
{
    return size > limit ? size - limit : 0;
}

static void fill_memory(uint8_t *ram, const struct cmos_config *c)
{
    uint64_t high = c->ram_above_4g / (64 * KIB);

    put16(ram, CMOS_BASE_MEMORY, 640);
    put16(ram, CMOS_EXT_MEMORY, above(c->ram_below_4g, MIB) / KIB);
    put16(ram, CMOS_EXT_MEMORY2, above(c->ram_below_4g, MIB) / KIB);
    put16(ram, CMOS_MEMORY_16M, above(c->ram_below_4g, 16 * MIB) / (64 * KIB));
    for (unsigned i = 0; i < 3; i++) {
        ram[CMOS_MEMORY_4G + i] = (uint8_t)(high >> (8 * i));
    }
}

static void fill_floppies(uint8_t *ram, const struct cmos_config *c)
{
    unsigned drives = !!c->floppy_type[0] + !!c->floppy_type[1];

    ram[CMOS_FLOPPY_TYPES] = (uint8_t)(c->floppy_type[0] << 4 | c->floppy_type[1]);
    ram[CMOS_EQUIPMENT] = EQUIPMENT_FPU | EQUIPMENT_MOUSE;
    if (drives) {
        ram[CMOS_EQUIPMENT] |= EQUIPMENT_FLOPPY;
    }
    if (drives == 2) {
        ram[CMOS_EQUIPMENT] |= EQUIPMENT_FLOPPY_TWO;
    }
}

/* User-defined disk type: cylinders, heads, precompensation, control, landing zone, sectors. */
static void fill_geometry(uint8_t *p, const struct cmos_disk *disk)
{
    put16(p, 0, disk->cylinders);
    p[2] = disk->heads;
    p[3] = 0xff;
    p[4] = 0xff;
    p[5] = (uint8_t)(0xc0 | (disk->heads > 8) << 3);
    put16(p, 6, disk->cylinders);
    p[8] = disk->sectors;
}

static void fill_disks(uint8_t *ram, const struct cmos_config *c)
{
    if (c->disk[0].cylinders) {
        ram[CMOS_DISK_TYPES] |= 0xf0;
        ram[CMOS_DISK0_TYPE] = DISK_TYPE_USER;
        fill_geometry(&ram[CMOS_DISK0_GEOMETRY], &c->disk[0]);
    }
    if (c->disk[1].cylinders) {
        ram[CMOS_DISK_TYPES] |= 0x0f;
        ram[CMOS_DISK1_TYPE] = DISK_TYPE_USER;
        fill_geometry(&ram[CMOS_DISK1_GEOMETRY], &c->disk[1]);
    }
    for (unsigned i = 0; i < CMOS_DISKS; i++) {
        ram[CMOS_TRANSLATION] |= (uint8_t)((c->disk[i].translation & 3) << (2 * i));
    }
}

/* Bit 0 of CMOS_BOOT_3: 0 where the boot sector of a floppy must carry its signature. */
static void fill_boot(const struct cmos *c, uint8_t *ram)
{
    ram[CMOS_BOOT_1_2] = (uint8_t)(c->boot[1] << 4 | c->boot[0]);
    ram[CMOS_BOOT_3] = (uint8_t)(c->boot[2] << 4 | c->config.any_floppy);
}

static void fill_contents(const struct cmos *c, uint8_t *ram)
{
    memset(ram, 0, CMOS_SIZE);
    fill_memory(ram, &c->config);
    fill_floppies(ram, &c->config);
    fill_disks(ram, &c->config);
    fill_boot(c, ram);
    ram[CMOS_CENTURY] = (uint8_t)(c->config.century / 10 << 4 | c->config.century % 10);
    ram[CMOS_CPUS] = (uint8_t)(c->config.vcpus - 1);
}

/* SeaBIOS's numbers of boot devices; 0 for none. */
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

/* --- ports --- */

/* Whether a byte is not the clock chip's, and there. */
static bool byte_exists(uint8_t index)
{
    return index >= CMOS_FIRST && index < CMOS_SIZE;
}

uint8_t cmos_byte_read(void *cmos, uint8_t index)
{
    const struct cmos *c = cmos;

    return byte_exists(index) ? c->s->ram[index] : 0xff;
}

void cmos_byte_write(void *cmos, uint8_t index, uint8_t val)
{
    struct cmos *c = cmos;

    if (byte_exists(index)) {
        c->s->ram[index] = val;
    }
}

static void index_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    struct cmos *c = opaque;

    c->s->index = val & CMOS_INDEX_MASK;
}

static uint64_t data_read(void *opaque, uint32_t off, unsigned size)
{
    const struct cmos *c = opaque;

    return cmos_byte_read(opaque, c->s->index);
}

static void data_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    const struct cmos *c = opaque;

    cmos_byte_write(opaque, c->s->index, (uint8_t)val);
}

static const struct reg cmos_regs[] = {
    {0, 1, BUS_W1, NULL, index_write, "CMOS index"},
    {1, 1, BUS_W1, data_read, data_write, "CMOS data"},
};

/* --- life --- */

/* The battery keeps the contents over a reset; firmware finds its shutdown code (0Fh) again. */
static void cmos_reset(struct device *dev, enum reset_kind kind)
{
    struct cmos *c = (struct cmos *)dev;

    c->s->index = 0;
    memset(c->s->reserved, 0, sizeof(c->s->reserved));
    if (kind == RESET_POWER_ON) {
        fill_contents(c, c->s->ram);
    }
}

static int cmos_check(const void *state)
{
    const struct cmos_state *s = state;

    return s->index > CMOS_INDEX_MASK ? -EINVAL : 0;
}

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

void cmos_set_boot_order(struct cmos *c, const char *letters)
{
    for (unsigned i = 0; i < CMOS_BOOT_ORDER; i++) {
        c->boot[i] = *letters ? boot_code(*letters++) : 0;
    }
    fill_boot(c, c->s->ram);
}

int cmos_init(struct cmos *c, const struct hw *hw, const struct cmos_config *config)
{
    int err = arena_add(hw->arena, &c->dev, &cmos_class, "cmos");

    if (err) {
        return err;
    }
    c->s = c->dev.state;
    c->config = *config;
    c->config.boot_order = NULL;
    cmos_set_boot_order(c, config->boot_order);
    if (!config->map_ports) {
        return 0;
    }
    c->ports = (struct region){
        .name = "cmos",
        .regs = cmos_regs,
        .nregs = sizeof(cmos_regs) / sizeof(cmos_regs[0]),
        .opaque = c,
        .len = 2,
    };
    return bus_map(hw->pio, &c->ports, 0x70);
}
