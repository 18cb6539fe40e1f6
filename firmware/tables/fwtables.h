/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Firmware tables of machine cleave-1: ACPI, SMBIOS 2.8, MP and $PIR. One source for two users: our
 * hvmloader writes them to guest memory (firmware mode xen), the device model hands them to SeaBIOS
 * as fw_cfg files (mode qemu). No heap, no libc beyond memcpy and memset.
 */
#ifndef CLEAVE_FIRMWARE_FWTABLES_H
#define CLEAVE_FIRMWARE_FWTABLES_H

#include <stdbool.h>
#include <stdint.h>

#define FWTABLES_MAX_VCPUS 32u

/* Bases of the PIIX4 register block (PMBA) that each mode's firmware programs: SeaBIOS takes 0600h
 * when it finds etc/table-loader (its pciinit.c). */
#define FWTABLES_PM_BASE_XEN  0xb000u
#define FWTABLES_PM_BASE_QEMU 0x0600u

enum fwtables_mode {
    FWTABLES_XEN,  /* INTx by GSI 16 + ((dev + pin) & 3), APIC ids 2n, IOAPIC id 1 */
    FWTABLES_QEMU, /* INTx by links (dev - 1 + pin) & 3, APIC ids n, IOAPIC id 0 */
};

struct fwtables_config {
    enum fwtables_mode mode;
    uint32_t vcpus;        /* 1..FWTABLES_MAX_VCPUS */
    uint64_t low_mem_end;  /* end of RAM below 4 GiB */
    uint64_t high_mem_end; /* end of RAM above 4 GiB; 0: none */
    uint8_t uuid[16];      /* big-endian, as printed */
};

/* One file: `data` and `capacity` are the caller's, `size` is filled in. */
struct fwtables_blob {
    uint8_t *data;
    uint32_t capacity;
    uint32_t size;
};

/* fw_cfg files of mode qemu. */
struct fwtables_blobs {
    struct fwtables_blob acpi_tables;   /* etc/acpi/tables */
    struct fwtables_blob acpi_rsdp;     /* etc/acpi/rsdp */
    struct fwtables_blob table_loader;  /* etc/table-loader */
    struct fwtables_blob smbios_tables; /* etc/smbios/smbios-tables */
    struct fwtables_blob smbios_anchor; /* etc/smbios/smbios-anchor */
};

/* Capacities that always suffice. */
#define FWTABLES_ACPI_MAX   8192u
#define FWTABLES_RSDP_MAX   64u
#define FWTABLES_LOADER_MAX 4096u
#define FWTABLES_SMBIOS_MAX 8192u
#define FWTABLES_ANCHOR_MAX 64u

/* Builds the five files of mode qemu. 0, -22 for a bad config, -28 when a buffer is too small. */
int fwtables_build(const struct fwtables_config *config, struct fwtables_blobs *blobs);

/*
 * Where the tables of mode xen lie: all inside the `size` bytes at `buf`, which stand at guest
 * physical address `base` (64-byte aligned).
 */
struct fwtables_placed {
    uint32_t rsdp;
    uint32_t smbios;
    uint32_t mp;
    uint32_t pir;
    uint32_t used; /* bytes */
};

#define FWTABLES_PLACE_MAX 0x8000u

int fwtables_place(const struct fwtables_config *config, void *buf, uint32_t size, uint32_t base,
                   struct fwtables_placed *placed);

#endif
