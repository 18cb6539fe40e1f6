/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What fw_cfg tells firmware: settings in both firmware modes, tables and memory map in mode qemu.
 */
#ifndef CLEAVE_DM_FIRMWARE_TABLES_H
#define CLEAVE_DM_FIRMWARE_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "nvram/fw_cfg.h"
#include "tables/fwtables.h"

#define E820_ENTRY 20u

struct firmware_tables_config {
    uint32_t memory_mib;
    unsigned vcpus;
    bool boot_menu;
    bool firmware_qemu;
    bool has_reboot_timeout;
    int32_t reboot_timeout; /* ms until a failed boot is tried again, -1: never */
    bool has_splash_time;
    uint16_t splash_time; /* ms that the boot menu's offer stands */
    bool has_uuid;
    uint8_t uuid[16];
};

/* Must live as long as the fw_cfg device: it points here. */
struct firmware_tables {
    uint8_t acpi[FWTABLES_ACPI_MAX];
    uint8_t rsdp[FWTABLES_RSDP_MAX];
    uint8_t loader[FWTABLES_LOADER_MAX];
    uint8_t smbios[FWTABLES_SMBIOS_MAX];
    uint8_t anchor[FWTABLES_ANCHOR_MAX];
    uint8_t e820[2 * E820_ENTRY];
    uint8_t show_boot_menu[8];
    uint8_t reboot_timeout[4];
    uint8_t splash_time[2];
    uint8_t uuid[16];
};

/* End of RAM below 4 GiB, and bytes above it, of a guest with `mib` MiB in this firmware mode. */
uint64_t memory_low_end(uint32_t mib, bool firmware_qemu);
uint64_t memory_high(uint32_t mib, bool firmware_qemu);

/* Adds the files. 0 or a negative errno. */
int firmware_tables_add(struct firmware_tables *t, struct fw_cfg *f,
                        const struct firmware_tables_config *c);

#endif
