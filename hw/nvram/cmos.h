/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CMOS RAM, bytes 14-127, at ports 70h/71h. Bytes 0-13 are the clock chip's (the core's). */
#ifndef CLEAVE_HW_NVRAM_CMOS_H
#define CLEAVE_HW_NVRAM_CMOS_H

#include "core/bus.h"
#include "core/device.h"

#define CMOS_SIZE       128u
#define CMOS_FIRST      14u
#define CMOS_DISKS      4u
#define CMOS_BOOT_ORDER 3u

#define CMOS_STATE(V, A, S, T)                                                                     \
    V(T, uint8_t, index, 1)                                                                        \
    A(T, uint8_t, reserved, 7, 1)                                                                  \
    A(T, uint8_t, ram, CMOS_SIZE, 1) /* 0-13 unused */
STATE_STRUCT(cmos_state, CMOS_STATE);

/* An IDE disk (no CD-ROM) as the BIOS shall see it; cylinders 0: no disk in this place. */
struct cmos_disk {
    uint16_t cylinders;
    uint8_t heads;
    uint8_t sectors;
    uint8_t translation; /* of int 13h addresses: 0 none, 1 LBA, 2 bit shifting ("large") */
};

/* What is in the machine. Sizes in bytes. */
struct cmos_config {
    uint64_t ram_below_4g; /* from address 0, the VGA hole included */
    uint64_t ram_above_4g;
    unsigned vcpus;
    uint8_t floppy_type[2]; /* CMOS codes: 0 none, 1 360K, 2 1.2M, 3 720K, 4 1.44M, 5 2.88M */
    struct cmos_disk disk[CMOS_DISKS];
    const char *boot_order; /* up to three letters of a, c, d, n; may be empty */
    bool any_floppy;        /* boot floppies without the boot sector's signature, too */
    uint8_t century;        /* 19 or 20 */
    bool map_ports;         /* false where the clock chip dispatches ports 70h/71h for both */
};

struct cmos {
    struct device dev;
    struct cmos_state *s;
    struct cmos_config config; /* boot_order is not kept */
    uint8_t boot[CMOS_BOOT_ORDER];
    struct region ports;
};

int cmos_init(struct cmos *c, const struct hw *hw, const struct cmos_config *config);

/* Another boot order, as if the set-up program had stored it. */
void cmos_set_boot_order(struct cmos *c, const char *letters);

/* For a clock chip that dispatches both ports; `cmos` is a struct cmos. Index 14-127. */
uint8_t cmos_byte_read(void *cmos, uint8_t index);
void cmos_byte_write(void *cmos, uint8_t index, uint8_t val);

#endif
