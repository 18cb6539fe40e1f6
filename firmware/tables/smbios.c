/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMBIOS 2.8 (DMTF DSP0134 2.8.0): types 0, 1, 3, 4 per vCPU, 16, 17, 19, 32, 127.
 */
#include <string.h>

#include "build.h"

#define ANCHOR_LEN     31u
#define VERSION_MAJOR  2u
#define VERSION_MINOR  8u
#define UNKNOWN        2u /* the enumerations' common value */
#define OTHER          1u
#define MIB_PER_MODULE 16384u /* memory per type 17 structure */

enum {
    HANDLE_BIOS = 0x0000,
    HANDLE_SYSTEM = 0x0100,
    HANDLE_CHASSIS = 0x0300,
    HANDLE_CPU = 0x0400,
    HANDLE_ARRAY = 0x1000,
    HANDLE_MODULE = 0x1100,
    HANDLE_MAP = 0x1300,
    HANDLE_BOOT = 0x2000,
    HANDLE_END = 0x7f00,
    NO_HANDLE = 0xfffe, /* for the error information fields: not provided */
};

struct smbios {
    struct out *out;
    uint32_t start; /* of the structure being written */
    uint32_t count;
    uint32_t largest;
};

static void structure_begin(struct smbios *s, uint32_t type, uint32_t len, uint32_t handle)
{
    s->start = s->out->len;
    out_8(s->out, type);
    out_8(s->out, len);
    out_16(s->out, handle);
}

/* `strings` are numbered from 1 in the order given; each ends with NUL, the list with an empty one.
 */
static void structure_end(struct smbios *s, const char *strings)
{
    uint32_t len = 0;

    while (strings[len] != '\0') {
        len += (uint32_t)strlen(strings + len) + 1;
    }
    out_bytes(s->out, strings, len);
    out_zero(s->out, len == 0 ? 2 : 1);
    s->count++;
    if (s->out->len - s->start > s->largest) {
        s->largest = s->out->len - s->start;
    }
}

static void type_0(struct smbios *s)
{
    structure_begin(s, 0, 24, HANDLE_BIOS);
    out_8(s->out, 1); /* vendor */
    out_8(s->out, 2); /* version */
    out_16(s->out, 0xe800);
    out_8(s->out, 3);        /* release date */
    out_8(s->out, 3);        /* 256 KiB, in units of 64 KiB less one */
    out_64(s->out, 1u << 3); /* BIOS characteristics are not supported */
    out_8(s->out, 0x01);     /* ACPI */
    out_8(s->out, 0x14);     /* targeted content distribution; a virtual machine */
    out_8(s->out, 1);        /* release 1.0 */
    out_8(s->out, 0);
    out_16(s->out, 0xffff); /* no embedded controller */
    structure_end(s, "SeaBIOS\0cleave-1\0"
                     "04/01/2014\0");
}

static void type_1(struct smbios *s, const struct fwtables_config *c)
{
    /* The first three fields of a UUID are little-endian here. */
    static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

    structure_begin(s, 1, 27, HANDLE_SYSTEM);
    out_8(s->out, 1); /* manufacturer */
    out_8(s->out, 2); /* product */
    out_8(s->out, 3); /* version */
    out_8(s->out, 0);
    for (uint32_t i = 0; i < 16; i++) {
        out_8(s->out, c->uuid[order[i]]);
    }
    out_8(s->out, 6); /* woken by the power switch */
    out_16(s->out, 0);
    structure_end(s, "Cleave\0cleave-1\0001\0");
}

static void type_3(struct smbios *s)
{
    structure_begin(s, 3, 21, HANDLE_CHASSIS);
    out_8(s->out, 1);
    out_8(s->out, OTHER);
    out_8(s->out, 0);
    out_16(s->out, 0);
    for (uint32_t i = 0; i < 3; i++) {
        out_8(s->out, 3); /* boot-up, power supply and thermal state: safe */
    }
    out_8(s->out, UNKNOWN); /* security */
    out_32(s->out, 0);
    out_32(s->out, 0); /* height, power cords, contained elements of length 0 */
    structure_end(s, "Cleave\0");
}

static void type_4(struct smbios *s, uint32_t cpu)
{
    char socket[] = "CPU 00\0Cleave\0";

    socket[4] = (char)('0' + cpu / 10);
    socket[5] = (char)('0' + cpu % 10);
    structure_begin(s, 4, 42, HANDLE_CPU + cpu);
    out_8(s->out, 1);
    out_8(s->out, 3); /* central processor */
    out_8(s->out, OTHER);
    out_8(s->out, 2);
    out_zero(s->out, 8 + 1 + 1); /* id, version, voltage */
    out_16(s->out, 0);           /* clocks in MHz: unknown */
    out_16(s->out, 2000);
    out_16(s->out, 2000);
    out_8(s->out, 0x41); /* populated, enabled */
    out_8(s->out, OTHER);
    for (uint32_t i = 0; i < 3; i++) {
        out_16(s->out, 0xffff); /* no cache information */
    }
    out_zero(s->out, 3); /* serial number, tag, part number */
    out_8(s->out, 1);    /* cores, enabled, threads */
    out_8(s->out, 1);
    out_8(s->out, 1);
    out_16(s->out, 1u << 2); /* 64-bit capable */
    out_16(s->out, OTHER);
    structure_end(s, socket);
}

static void type_16(struct smbios *s, uint32_t mib, uint32_t modules)
{
    structure_begin(s, 16, 23, HANDLE_ARRAY);
    out_8(s->out, OTHER);
    out_8(s->out, 3); /* system memory */
    out_8(s->out, 6); /* multi-bit ECC */
    if (mib < 0x80000000u >> 10) {
        out_32(s->out, mib << 10); /* KiB */
    } else {
        out_32(s->out, 0x80000000u);
    }
    out_16(s->out, NO_HANDLE);
    out_16(s->out, modules);
    out_64(s->out, mib < 0x80000000u >> 10 ? 0 : (uint64_t)mib << 20);
    structure_end(s, "");
}

static void type_17(struct smbios *s, uint32_t module, uint32_t mib)
{
    char locator[] = "DIMM 00\0";

    locator[5] = (char)('0' + module / 10 % 10);
    locator[6] = (char)('0' + module % 10);
    structure_begin(s, 17, 40, HANDLE_MODULE + module);
    out_16(s->out, HANDLE_ARRAY);
    out_16(s->out, NO_HANDLE);
    out_16(s->out, 64);
    out_16(s->out, 64);
    out_16(s->out, mib); /* at most 16384: below the 7FFFh that means "see extended size" */
    out_8(s->out, 9);    /* DIMM */
    out_8(s->out, 0);
    out_8(s->out, 1);
    out_8(s->out, 0);
    out_8(s->out, 7); /* RAM */
    out_16(s->out, 0);
    out_16(s->out, 0);
    out_zero(s->out, 4 + 1); /* manufacturer, serial, tag, part; attributes */
    out_32(s->out, 0);
    out_zero(s->out, 2 + 6); /* configured clock, voltages */
    structure_end(s, locator);
}

static void type_19(struct smbios *s, uint32_t nr, uint64_t start, uint64_t end)
{
    structure_begin(s, 19, 31, HANDLE_MAP + nr);
    if (end <= 0x100000000ull) {
        out_32(s->out, (uint32_t)(start >> 10));
        out_32(s->out, (uint32_t)((end - 1) >> 10));
        out_16(s->out, HANDLE_ARRAY);
        out_8(s->out, 1);
        out_64(s->out, 0);
        out_64(s->out, 0);
    } else {
        out_32(s->out, 0xffffffffu);
        out_32(s->out, 0xffffffffu);
        out_16(s->out, HANDLE_ARRAY);
        out_8(s->out, 1);
        out_64(s->out, start);
        out_64(s->out, end - 1);
    }
    structure_end(s, "");
}

uint32_t smbios_build(struct out *o, const struct fwtables_config *c, uint32_t *largest)
{
    struct smbios s = {.out = o};
    uint64_t high = c->high_mem_end != 0 ? c->high_mem_end - 0x100000000ull : 0;
    uint32_t mib = (uint32_t)((c->low_mem_end + high) >> 20);
    uint32_t modules = (mib + MIB_PER_MODULE - 1) / MIB_PER_MODULE;

    if (modules > 64) {
        modules = 64; /* a terabyte is told by type 16 and 19 alone */
    }
    type_0(&s);
    type_1(&s, c);
    type_3(&s);
    for (uint32_t i = 0; i < c->vcpus; i++) {
        type_4(&s, i);
    }
    type_16(&s, mib, modules);
    for (uint32_t i = 0; i < modules; i++) {
        uint32_t left = mib - i * MIB_PER_MODULE;

        type_17(&s, i, left < MIB_PER_MODULE ? left : MIB_PER_MODULE);
    }
    type_19(&s, 0, 0, c->low_mem_end);
    if (high != 0) {
        type_19(&s, 1, 0x100000000ull, c->high_mem_end);
    }
    structure_begin(&s, 32, 11, HANDLE_BOOT);
    out_zero(o, 7);
    structure_end(&s, "");
    structure_begin(&s, 127, 4, HANDLE_END);
    structure_end(&s, "");
    *largest = s.largest;
    return s.count;
}

void smbios_anchor_build(struct out *o, uint32_t address, uint32_t len, uint32_t count,
                         uint32_t largest)
{
    uint32_t start = o->len;

    out_text(o, "_SM_");
    out_8(o, 0);
    out_8(o, ANCHOR_LEN);
    out_8(o, VERSION_MAJOR);
    out_8(o, VERSION_MINOR);
    out_16(o, largest);
    out_zero(o, 1 + 5); /* entry point revision, formatted area */
    out_text(o, "_DMI_");
    out_8(o, 0);
    out_16(o, len);
    out_32(o, address);
    out_16(o, count);
    out_8(o, VERSION_MAJOR << 4 | VERSION_MINOR);
    out_checksum(o, start + 21, start + 16, 15);
    out_checksum(o, start + 4, start, ANCHOR_LEN);
}
