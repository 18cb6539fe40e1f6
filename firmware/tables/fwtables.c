/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two ways out of the table builder: at a known address for hvmloader, or as fw_cfg files with
 * the linker script (QEMU's "table loader" format, 128-byte entries) that SeaBIOS runs.
 */
#include "fwtables.h"

#include <string.h>

#include "build.h"

#define ERR_INVAL   (-22)
#define ERR_NOSPACE (-28)

#define FILE_TABLES "etc/acpi/tables"
#define FILE_RSDP   "etc/acpi/rsdp"

enum { LOADER_ALLOCATE = 1, LOADER_ADD_POINTER = 2, LOADER_ADD_CHECKSUM = 3 };
enum { ZONE_HIGH = 1, ZONE_FSEG = 2 };

#define LOADER_NAME  56u
#define LOADER_ENTRY 128u

static void loader_name(struct out *o, const char *name)
{
    out_text(o, name);
    out_zero(o, LOADER_NAME - (uint32_t)strlen(name));
}

static void loader_allocate(struct out *o, const char *file, uint32_t align, uint32_t zone)
{
    out_32(o, LOADER_ALLOCATE);
    loader_name(o, file);
    out_32(o, align);
    out_8(o, zone);
    out_align(o, LOADER_ENTRY);
}

static void loader_pointer(struct out *o, const char *file, uint32_t offset, uint32_t size)
{
    out_32(o, LOADER_ADD_POINTER);
    loader_name(o, file);
    loader_name(o, FILE_TABLES);
    out_32(o, offset);
    out_8(o, size);
    out_align(o, LOADER_ENTRY);
}

static void loader_checksum(struct out *o, const char *file, uint32_t offset, uint32_t start,
                            uint32_t len)
{
    out_32(o, LOADER_ADD_CHECKSUM);
    loader_name(o, file);
    out_32(o, offset);
    out_32(o, start);
    out_32(o, len);
    out_align(o, LOADER_ENTRY);
}

static void loader_build(struct out *o, const struct out *tables)
{
    loader_allocate(o, FILE_TABLES, 64, ZONE_HIGH);
    loader_allocate(o, FILE_RSDP, 16, ZONE_FSEG);
    for (uint32_t i = 0; i < tables->npointers; i++) {
        loader_pointer(o, FILE_TABLES, tables->pointer[i].offset, tables->pointer[i].size);
    }
    for (uint32_t i = 0; i < tables->nsums; i++) {
        loader_checksum(o, FILE_TABLES, tables->sum[i].offset, tables->sum[i].start,
                        tables->sum[i].len);
    }
    loader_pointer(o, FILE_RSDP, 16, 4);
    loader_checksum(o, FILE_RSDP, 8, 0, 20);
}

static bool config_valid(const struct fwtables_config *c)
{
    return c->vcpus >= 1 && c->vcpus <= FWTABLES_MAX_VCPUS && c->low_mem_end >= 0x200000 &&
           c->low_mem_end <= 0x100000000ull &&
           (c->high_mem_end == 0 ||
            (c->high_mem_end > 0x100000000ull && c->high_mem_end <= 1ull << 46)) &&
           (c->mode == FWTABLES_XEN || c->mode == FWTABLES_QEMU);
}

static void out_begin(struct out *o, const struct fwtables_blob *blob)
{
    memset(o, 0, sizeof(*o));
    o->buf = blob->data;
    o->capacity = blob->capacity;
}

static bool out_end(const struct out *o, struct fwtables_blob *blob)
{
    blob->size = o->len;
    return !o->overflow;
}

static bool smbios_blobs(const struct fwtables_config *config, struct fwtables_blobs *blobs)
{
    struct out o;
    uint32_t largest;
    uint32_t count;

    out_begin(&o, &blobs->smbios_tables);
    count = smbios_build(&o, config, &largest);
    if (!out_end(&o, &blobs->smbios_tables)) {
        return false;
    }
    out_begin(&o, &blobs->smbios_anchor);
    /* SeaBIOS fills in the address and both checksums. */
    smbios_anchor_build(&o, 0, blobs->smbios_tables.size, count, largest);
    return out_end(&o, &blobs->smbios_anchor);
}

int fwtables_build(const struct fwtables_config *config, struct fwtables_blobs *blobs)
{
    struct out tables;
    struct out o;
    uint32_t rsdt;
    uint32_t xsdt;

    if (!config_valid(config) || config->mode != FWTABLES_QEMU) {
        return ERR_INVAL;
    }
    out_begin(&tables, &blobs->acpi_tables);
    rsdt = acpi_build(&tables, config, &xsdt);
    if (!out_end(&tables, &blobs->acpi_tables)) {
        return ERR_NOSPACE;
    }
    out_begin(&o, &blobs->acpi_rsdp);
    acpi_rsdp_build(&o, rsdt, xsdt);
    if (!out_end(&o, &blobs->acpi_rsdp)) {
        return ERR_NOSPACE;
    }
    out_begin(&o, &blobs->table_loader);
    loader_build(&o, &tables);
    if (!out_end(&o, &blobs->table_loader)) {
        return ERR_NOSPACE;
    }
    return smbios_blobs(config, blobs) ? 0 : ERR_NOSPACE;
}

int fwtables_place(const struct fwtables_config *config, void *buf, uint32_t size, uint32_t base,
                   struct fwtables_placed *placed)
{
    struct out o = {.buf = buf, .capacity = size, .base = base};
    uint32_t rsdt;
    uint32_t xsdt;
    uint32_t smbios;
    uint32_t smbios_len;
    uint32_t largest;
    uint32_t count;

    if (!config_valid(config) || config->mode != FWTABLES_XEN || base == 0 || base % 64 != 0) {
        return ERR_INVAL;
    }
    rsdt = acpi_build(&o, config, &xsdt);
    out_align(&o, 16);
    placed->rsdp = base + o.len;
    acpi_rsdp_build(&o, base + rsdt, base + xsdt);
    out_align(&o, 16);
    smbios = o.len;
    count = smbios_build(&o, config, &largest);
    smbios_len = o.len - smbios;
    out_align(&o, 16);
    placed->smbios = base + o.len;
    smbios_anchor_build(&o, base + smbios, smbios_len, count, largest);
    out_align(&o, 16);
    placed->mp = base + o.len;
    mp_build(&o, config);
    out_align(&o, 16);
    placed->pir = base + o.len;
    pir_build(&o);
    placed->used = o.len;
    return o.overflow ? ERR_NOSPACE : 0;
}
