/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the table builder: a bounded output buffer that notes which of its fields are addresses,
 * so that a table can be placed now (hvmloader) or by a linker script (fw_cfg).
 */
#ifndef CLEAVE_FIRMWARE_BUILD_H
#define CLEAVE_FIRMWARE_BUILD_H

#include "fwtables.h"

#define OUT_MAX_POINTERS 24u
#define OUT_MAX_SUMS     8u

/*
 * `base` is the address of buf[0], 0 if it is not known yet. Running out of room sets `overflow`
 * and writes nothing more; the caller looks at the end, once.
 */
struct out {
    uint8_t *buf;
    uint32_t capacity;
    uint32_t len;
    uint32_t base;
    bool overflow;
    uint32_t npointers;
    struct {
        uint32_t offset;
        uint32_t size;
    } pointer[OUT_MAX_POINTERS];
    uint32_t nsums;
    struct {
        uint32_t offset; /* of the checksum byte */
        uint32_t start;
        uint32_t len;
    } sum[OUT_MAX_SUMS];
};

void out_bytes(struct out *o, const void *data, uint32_t len);
void out_zero(struct out *o, uint32_t len);
void out_align(struct out *o, uint32_t align);
void out_8(struct out *o, uint32_t value);
void out_16(struct out *o, uint32_t value);
void out_32(struct out *o, uint32_t value);
void out_64(struct out *o, uint64_t value);
void out_text(struct out *o, const char *text); /* without its NUL */
/* An address inside this buffer, in `size` bytes. */
void out_pointer(struct out *o, uint32_t target, uint32_t size);
void out_patch_32(struct out *o, uint32_t offset, uint32_t value);
/* Makes the bytes of the range sum to 0; noted for the script when addresses lie in it. */
void out_checksum(struct out *o, uint32_t offset, uint32_t start, uint32_t len);

uint32_t config_apic_id(const struct fwtables_config *c, uint32_t vcpu);
uint32_t config_ioapic_id(const struct fwtables_config *c);

/* acpi.c: the tables, then the RSDP by itself. Returns the RSDT's offset; *xsdt is 0 if there is
 * none. */
uint32_t acpi_build(struct out *o, const struct fwtables_config *c, uint32_t *xsdt);
/* `rsdt` and `xsdt` are what the fields hold (addresses, or offsets to which the script adds). */
void acpi_rsdp_build(struct out *o, uint32_t rsdt, uint32_t xsdt);

/* smbios.c: structures, then the 31-byte entry point for structures at `address`. */
uint32_t smbios_build(struct out *o, const struct fwtables_config *c, uint32_t *largest);
void smbios_anchor_build(struct out *o, uint32_t address, uint32_t len, uint32_t count,
                         uint32_t largest);

/* legacy.c */
void mp_build(struct out *o, const struct fwtables_config *c);
void pir_build(struct out *o);

#endif
