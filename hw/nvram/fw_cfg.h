/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fw_cfg: constant items for the firmware at ports 510h-51Bh. */
#ifndef CLEAVE_HW_NVRAM_FW_CFG_H
#define CLEAVE_HW_NVRAM_FW_CFG_H

#include "core/bus.h"
#include "core/device.h"
#include "core/dma.h"

#define FW_CFG_MAX_ITEMS 16u
#define FW_CFG_MAX_FILES 32u
#define FW_CFG_NAME      56u /* bytes of a file name, NUL included */
#define FW_CFG_DIR_SIZE  (4u + 64u * FW_CFG_MAX_FILES)

#define FW_CFG_STATE(V, A, S, T)                                                                   \
    V(T, uint64_t, dma_address, 1)                                                                 \
    V(T, uint32_t, offset, 1) /* of the next byte in the selected item */                          \
    V(T, uint16_t, selector, 1)                                                                    \
    V(T, uint16_t, reserved, 1)
STATE_STRUCT(fw_cfg_state, FW_CFG_STATE);

struct fw_cfg_config {
    uint64_t ram_bytes;
    uint16_t vcpus;
    bool boot_menu; /* SeaBIOS offers its menu and waits for a key */
};

struct fw_cfg_item {
    uint16_t key;
    uint32_t len;
    const uint8_t *data;
};

struct fw_cfg_file {
    char name[FW_CFG_NAME];
    uint32_t len;
    const uint8_t *data;
};

/* Everything but the state is constant once the guest runs. */
struct fw_cfg {
    struct device dev;
    struct fw_cfg_state *s;
    struct dma *dma;
    unsigned nitems;
    struct fw_cfg_item item[FW_CFG_MAX_ITEMS];
    unsigned nfiles;
    struct fw_cfg_file file[FW_CFG_MAX_FILES]; /* sorted by name; the key is 20h + index */
    uint8_t directory[FW_CFG_DIR_SIZE];
    uint8_t small[32]; /* values of the numeric items */
    struct region ports;
};

int fw_cfg_init(struct fw_cfg *f, const struct hw *hw, const struct fw_cfg_config *config);

/*
 * At set-up only. The data stays the caller's and must not change. -ENOSPC when full, -EINVAL for a
 * name that is empty or longer than 55 bytes, -EEXIST for one that is there already.
 */
int fw_cfg_add_file(struct fw_cfg *f, const char *name, const void *data, uint32_t len);

/* The same for an item with a fixed key (below 20h, or 8000h and up). */
int fw_cfg_add_item(struct fw_cfg *f, uint16_t key, const void *data, uint32_t len);

#endif
