/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The firmware configuration device of QEMU's PCs, as firmware finds it: selector 510h, data 511h,
 * DMA interface 514h-51Bh. Source: QEMU's "fw_cfg" interface specification (docs/specs).
 *
 * Items are constant once the machine runs: guests can read, nothing else (writes by DMA are
 * refused with the error bit). Only selector, offset and DMA address are state.
 */
#ifndef CLEAVE_HW_NVRAM_FW_CFG_H
#define CLEAVE_HW_NVRAM_FW_CFG_H

#include "core/bus.h"
#include "core/device.h"
#include "core/dma.h"

#define FW_CFG_MAX_FILES 24u
#define FW_CFG_FILE_NAME 56u

#define FW_CFG_STATE(V, A, S, T)                                                                   \
    V(T, uint64_t, dma_address, 1) /* upper half written first */                                  \
    V(T, uint32_t, offset, 1)      /* next byte of the selected item */                            \
    V(T, uint16_t, selector, 1)                                                                    \
    V(T, uint16_t, reserved, 1)
STATE_STRUCT(fw_cfg_state, FW_CFG_STATE);

struct fw_cfg_item {
    uint16_t key;
    const uint8_t *data;
    uint32_t len;
};

struct fw_cfg_file {
    char name[FW_CFG_FILE_NAME]; /* NUL-terminated */
    const uint8_t *data;
    uint32_t len;
};

struct fw_cfg_config {
    uint16_t vcpus;
    uint64_t ram_size;
    bool boot_menu;
};

struct fw_cfg {
    struct device dev;
    struct fw_cfg_state *s;
    struct dma *dma;
    struct region ports;
    struct region dma_ports;
    struct fw_cfg_config cfg;
    unsigned nfiles;
    struct fw_cfg_file file[FW_CFG_MAX_FILES]; /* sorted by name */
    uint8_t directory[4 + FW_CFG_MAX_FILES * 64];
    uint8_t small[64]; /* the numeric items, little endian */
};

int fw_cfg_init(struct fw_cfg *f, const struct hw *hw, const struct fw_cfg_config *cfg);

/*
 * Adds a file at set-up; data stays the caller's. -ENOSPC when there are too many, -EEXIST for a
 * name that is there already, -EINVAL for one that is too long.
 */
int fw_cfg_add_file(struct fw_cfg *f, const char *name, const void *data, uint32_t len);

#endif
