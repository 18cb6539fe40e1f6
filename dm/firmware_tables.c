/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "firmware_tables.h"

#include <string.h>

#define MIB            (1ull << 20)
#define HIGH_START     (1ull << 32)
#define LOW_LIMIT_XEN  0xf0000000ull /* Xen's default MMIO hole */
#define LOW_LIMIT_QEMU 0xe0000000ull /* SeaBIOS puts PCI memory there at the latest */
#define KEY_UUID       2u
#define E820_RAM       1u

uint64_t memory_low_end(uint32_t mib, bool firmware_qemu)
{
    uint64_t limit = firmware_qemu ? LOW_LIMIT_QEMU : LOW_LIMIT_XEN;
    uint64_t bytes = mib * MIB;

    return bytes < limit ? bytes : limit;
}

uint64_t memory_high(uint32_t mib, bool firmware_qemu)
{
    return mib * MIB - memory_low_end(mib, firmware_qemu);
}

static void e820_put(uint8_t *e, uint64_t start, uint64_t len)
{
    uint32_t type = E820_RAM;

    memcpy(e, &start, 8);
    memcpy(e + 8, &len, 8);
    memcpy(e + 16, &type, 4);
}

static int add_memory_map(struct firmware_tables *t, struct fw_cfg *f,
                          const struct firmware_tables_config *c)
{
    uint64_t high = memory_high(c->memory_mib, c->firmware_qemu);

    e820_put(t->e820, 0, memory_low_end(c->memory_mib, c->firmware_qemu));
    if (high) {
        e820_put(t->e820 + E820_ENTRY, HIGH_START, high);
    }
    return fw_cfg_add_file(f, "etc/e820", t->e820, high ? 2 * E820_ENTRY : E820_ENTRY);
}

static int add_tables(struct firmware_tables *t, struct fw_cfg *f,
                      const struct firmware_tables_config *c)
{
    uint64_t high = memory_high(c->memory_mib, c->firmware_qemu);
    struct fwtables_config cfg = {.mode = FWTABLES_QEMU,
                                  .vcpus = c->vcpus,
                                  .low_mem_end = memory_low_end(c->memory_mib, c->firmware_qemu),
                                  .high_mem_end = high ? HIGH_START + high : 0};
    struct fwtables_blobs b = {
        .acpi_tables = {t->acpi, sizeof(t->acpi), 0},
        .acpi_rsdp = {t->rsdp, sizeof(t->rsdp), 0},
        .table_loader = {t->loader, sizeof(t->loader), 0},
        .smbios_tables = {t->smbios, sizeof(t->smbios), 0},
        .smbios_anchor = {t->anchor, sizeof(t->anchor), 0},
    };
    const struct {
        const char *name;
        const struct fwtables_blob *blob;
    } files[] = {
        {"etc/acpi/tables", &b.acpi_tables},
        {"etc/acpi/rsdp", &b.acpi_rsdp},
        {"etc/table-loader", &b.table_loader},
        {"etc/smbios/smbios-tables", &b.smbios_tables},
        {"etc/smbios/smbios-anchor", &b.smbios_anchor},
    };
    int err = fwtables_build(&cfg, &b);

    for (unsigned i = 0; !err && i < sizeof(files) / sizeof(files[0]); i++) {
        err = fw_cfg_add_file(f, files[i].name, files[i].blob->data, files[i].blob->size);
    }
    return err;
}

/* What was asked for only: without, the firmware has its own ideas. */
static int add_settings(struct firmware_tables *t, struct fw_cfg *f,
                        const struct firmware_tables_config *c)
{
    int err = 0;

    if (c->has_reboot_timeout) {
        memcpy(t->reboot_timeout, &c->reboot_timeout, sizeof(t->reboot_timeout));
        err =
            fw_cfg_add_file(f, "etc/boot-fail-wait", t->reboot_timeout, sizeof(t->reboot_timeout));
    }
    if (!err && c->has_splash_time) {
        memcpy(t->splash_time, &c->splash_time, sizeof(t->splash_time));
        err = fw_cfg_add_file(f, "etc/boot-menu-wait", t->splash_time, sizeof(t->splash_time));
    }
    if (!err && c->has_uuid) {
        memcpy(t->uuid, c->uuid, sizeof(t->uuid));
        err = fw_cfg_add_item(f, KEY_UUID, t->uuid, sizeof(t->uuid));
    }
    return err;
}

int firmware_tables_add(struct firmware_tables *t, struct fw_cfg *f,
                        const struct firmware_tables_config *c)
{
    t->show_boot_menu[0] = c->boot_menu;
    int err =
        fw_cfg_add_file(f, "etc/show-boot-menu", t->show_boot_menu, sizeof(t->show_boot_menu));

    err = err ? err : add_settings(t, f, c);
    if (err || !c->firmware_qemu) {
        return err;
    }
    err = add_memory_map(t, f, c);
    return err ? err : add_tables(t, f, c);
}
