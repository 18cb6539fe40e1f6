/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hvmloader: from the domain builder's protected mode to the BIOS's reset vector. Xen's
 * xen/include/public/arch-x86/hvm/start_info.h and hvm/hvm_info_table.h say what we are handed;
 * SeaBIOS expects its information block at 1000h.
 *
 * Not done, because nothing here needs it: relocation of RAM under a grown MMIO hole, xenstore,
 * CMOS memory sizes (the device model's).
 */
#include <string.h>

#include "loader.h"
#include "tables/fwtables.h"

#define START_MAGIC                 0x336ec578u
#define HVM_INFO_ADDR               0x9f800u
#define PARAM_ACPI_IOPORTS_LOCATION 19u
#define PARAM_VM_GENERATION_ID_ADDR 34u

#define SEABIOS_INFO   0x1000u
#define SEABIOS_TABLES 0x1100u
#define SEABIOS_E820   0x1200u

#define E820_RAM      1u
#define E820_RESERVED 2u
#define E820_NVS      4u

struct start_info {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;
    uint32_t nr_modules;
    uint64_t modlist_paddr;
    uint64_t cmdline_paddr;
};

struct hvm_info {
    char signature[8];
    uint32_t length;
    uint8_t checksum;
    uint8_t apic_mode;
    uint16_t pad;
    uint32_t nr_vcpus;
    uint32_t low_mem_pgend;
    uint32_t reserved_mem_pgstart;
    uint32_t high_mem_pgend;
    uint8_t vcpu_online[16];
};

struct module {
    uint64_t paddr;
    uint64_t size;
    uint64_t cmdline_paddr;
    uint64_t reserved;
};

struct e820_entry {
    uint64_t addr;
    uint64_t size;
    uint32_t type;
} __attribute__((packed));

struct seabios_info {
    char signature[14];
    uint8_t length;
    uint8_t checksum;
    uint32_t tables;
    uint32_t tables_nr;
    uint32_t e820;
    uint32_t e820_nr;
};

static const struct start_info *start_info;
static struct fwtables_config config;
static uint32_t tables_base; /* end of usable RAM below 4 GiB */

static const struct module *module_find(const char *name)
{
    const struct module *m = at(start_info->modlist_paddr);

    for (uint32_t i = 0; i < start_info->nr_modules; i++) {
        if (m[i].cmdline_paddr != 0 &&
            memcmp(at(m[i].cmdline_paddr), name, strlen(name) + 1) == 0) {
            return &m[i];
        }
    }
    return NULL;
}

/* The builder may have put the module where it belongs. */
static void bios_place(void)
{
    const struct module *m = module_find("firmware");
    uint32_t start;

    if (m == NULL || m->size == 0 || m->size > BIOS_MAX) {
        fail("no module \"firmware\", or larger than 256 KiB");
    }
    start = BIOS_END - (uint32_t)m->size;
    if (m->paddr != start) {
        memcpy(at(start), at(m->paddr), m->size);
    }
}

static void info_read(void)
{
    const struct hvm_info *info = at(HVM_INFO_ADDR);
    uint8_t sum = 0;

    if (memcmp(info->signature, "HVM INFO", 8) != 0 || info->length < sizeof(*info) ||
        info->length > 0x800) {
        fail("no hvm_info table at 9F800h");
    }
    for (uint32_t i = 0; i < info->length; i++) {
        sum += ((const uint8_t *)info)[i];
    }
    if (sum != 0) {
        fail("hvm_info: bad checksum");
    }
    config.mode = FWTABLES_XEN;
    config.vcpus = info->nr_vcpus;
    config.low_mem_end = (uint64_t)info->low_mem_pgend << 12;
    config.high_mem_end = (uint64_t)info->high_mem_pgend << 12;
    if (config.low_mem_end < 0x800000 || config.low_mem_end > MMIO_START) {
        fail("RAM below 4 GiB must be 8 MiB to 3840 MiB");
    }
    tables_base = (uint32_t)config.low_mem_end - FWTABLES_PLACE_MAX;
}

static void e820_add(struct seabios_info *info, uint64_t start, uint64_t end, uint32_t type)
{
    struct e820_entry *e = at(info->e820);

    e[info->e820_nr].addr = start;
    e[info->e820_nr].size = end - start;
    e[info->e820_nr].type = type;
    info->e820_nr++;
}

static void seabios_info_build(const struct fwtables_placed *placed)
{
    struct seabios_info *info = at(SEABIOS_INFO);
    uint32_t *tables = at(SEABIOS_TABLES);
    uint8_t sum = 0;

    memset(info, 0, sizeof(*info));
    memcpy(info->signature, "XenHVMSeaBIOS", 14);
    info->length = sizeof(*info);
    info->tables = SEABIOS_TABLES;
    tables[info->tables_nr++] = placed->rsdp;
    tables[info->tables_nr++] = placed->smbios;
    tables[info->tables_nr++] = placed->mp;
    tables[info->tables_nr++] = placed->pir;
    info->e820 = SEABIOS_E820;
    e820_add(info, 0, 0xa0000, E820_RAM);
    e820_add(info, 0xf0000, BIOS_END, E820_RESERVED);
    e820_add(info, BIOS_END, tables_base, E820_RAM);
    e820_add(info, tables_base, config.low_mem_end, E820_NVS);
    e820_add(info, RESERVED_FROM, FOUR_GIB, E820_RESERVED);
    if (config.high_mem_end != 0) {
        e820_add(info, FOUR_GIB, config.high_mem_end, E820_RAM);
    }
    for (uint32_t i = 0; i < sizeof(*info); i++) {
        sum += ((uint8_t *)info)[i];
    }
    info->checksum = -sum;
}

/* What needs no port: in ring 3. */
static void memory_setup(void)
{
    struct fwtables_placed placed;

    bios_place();
    if (fwtables_place(&config, at(tables_base), FWTABLES_PLACE_MAX, tables_base, &placed) != 0) {
        fail("the firmware tables do not fit");
    }
    seabios_info_build(&placed);
}

static bool debug_asked(void)
{
    const char *cmdline = at(start_info->cmdline_paddr);

    for (uint32_t i = 0; start_info->cmdline_paddr != 0 && cmdline[i] != '\0'; i++) {
        if (memcmp(cmdline + i, "debug", 5) == 0) {
            return true;
        }
    }
    return false;
}

void loader_main(uint64_t start_info_paddr)
{
    start_info = at(start_info_paddr);
    hypercalls_init();
    if (start_info_paddr == 0 || start_info->magic != START_MAGIC) {
        fail("EBX is no hvm_start_info");
    }
    debug_on = debug_asked();
    info_read();
    hypercall_uuid(config.uuid);
    pci_setup();
    cpu_setup(config.vcpus);
    run_native(memory_setup);
    hypercall_set_param(PARAM_ACPI_IOPORTS_LOCATION, 1);
    hypercall_set_param(PARAM_VM_GENERATION_ID_ADDR, 0);
    debug_text("hvmloader: to the BIOS\n");
    start_bios();
}
