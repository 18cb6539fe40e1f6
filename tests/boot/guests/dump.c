/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes what a guest can see of machine cleave-1 to COM1, for the golden test: hypervisor CPUID
 * leaves, PCI configuration, e820, ACPI, MP, PIR and SMBIOS tables, CMOS.
 */
#include <stdint.h>

#define E820_COUNT  (*(volatile uint32_t *)0x5ffc)
#define E820_ENTRY  ((const volatile uint32_t *)0x6000)
#define BIOS_START  0xe0000u
#define BIOS_END    0x100000u
#define MAX_TABLES  32u
#define ACPI_HEADER 36u
#define FADT_FACS   36u
#define FADT_DSDT   40u

void dump_main(void);

static void outb(uint16_t port, uint8_t v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static uint8_t inb(uint16_t port)
{
    uint8_t v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static void outl(uint16_t port, uint32_t v)
{
    __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

static uint32_t inl(uint16_t port)
{
    uint32_t v;
    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static char line[16]; /* what COM1's FIFO takes at once: one wait and one string write each */
static unsigned filled;

static void put_flush(void)
{
    const char *p = line;

    while (!(inb(0x3fd) & 0x20)) {
    }
    __asm__ volatile("rep outsb" : "+S"(p), "+c"(filled) : "d"(0x3f8) : "memory");
}

static void put_char(char c)
{
    line[filled++] = c;
    if (filled == sizeof(line) || c == '\n') {
        put_flush();
    }
}

static void put(const char *s)
{
    for (; *s; s++) {
        put_char(*s);
    }
}

static void put_hex(uint32_t v, unsigned digits)
{
    put_char(' ');
    while (digits--) {
        put_char("0123456789abcdef"[v >> (4 * digits) & 15]);
    }
}

static void put_text(const uint8_t *p, unsigned n)
{
    put_char(' ');
    for (unsigned i = 0; i < n; i++) {
        put_char(p[i] >= 32 && p[i] < 127 ? (char)p[i] : '.');
    }
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* FNV-1a. */
static uint32_t hash(uint32_t h, const uint8_t *p, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        h = (h ^ p[i]) * 16777619u;
    }
    return h;
}

#define HASH_START 2166136261u

static void dump_cpuid(void)
{
    static const uint32_t leaf[] = {0x40000000, 0x40000001, 0x40000002, 0x40000100};
    for (unsigned i = 0; i < sizeof(leaf) / sizeof(leaf[0]); i++) {
        uint32_t a, b, c, d;
        __asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(leaf[i]), "c"(0));
        put("cpuid");
        put_hex(leaf[i], 8);
        put_hex(a, 8);
        put_hex(b, 8);
        put_hex(c, 8);
        put_hex(d, 8);
        put("\n");
    }
}

static void dump_function(unsigned devfn)
{
    outl(0xcf8, 0x80000000u | devfn << 8);
    if (inl(0xcfc) == 0xffffffffu) {
        return;
    }
    for (unsigned reg = 0; reg < 256; reg += 16) {
        put("pci");
        put_hex(devfn >> 3, 2);
        put_hex(devfn & 7, 1);
        put_hex(reg, 2);
        for (unsigned i = 0; i < 16; i += 4) {
            outl(0xcf8, 0x80000000u | devfn << 8 | (reg + i));
            put_hex(inl(0xcfc), 8);
        }
        put("\n");
    }
}

static void dump_e820(void)
{
    for (uint32_t i = 0; i < E820_COUNT && i < 64; i++) {
        put("e820");
        for (unsigned j = 0; j < 5; j++) {
            put_hex(E820_ENTRY[i * 5 + j], 8);
        }
        put("\n");
    }
}

/* Without the checksum and the compiler's id and version. */
static void dump_table(uint32_t address)
{
    const uint8_t *t = (const uint8_t *)address;
    uint32_t length = get32(t + 4);
    put("acpi");
    put_text(t, 4);
    put_hex(address, 8);
    put_hex(length, 8);
    put_hex(t[8], 2);
    put_text(t + 10, 6);
    put_text(t + 16, 8);
    if (length < (1u << 20)) {
        uint32_t h = hash(HASH_START, t, 9);
        h = hash(h, t + 10, 18);
        if (length > ACPI_HEADER) {
            h = hash(h, t + ACPI_HEADER, length - ACPI_HEADER);
        }
        put_hex(h, 8);
    }
    put("\n");
    if (get32(t) == 0x50434146) { /* "FACP" */
        dump_table(get32(t + FADT_DSDT));
        put("acpi facs");
        put_hex(get32(t + FADT_FACS), 8);
        put("\n");
    }
}

static const uint8_t *find(const char *signature, unsigned length, unsigned step)
{
    for (uint32_t a = BIOS_START; a < BIOS_END; a += step) {
        const uint8_t *p = (const uint8_t *)a;
        unsigned i = 0;
        while (i < length && p[i] == (uint8_t)signature[i]) {
            i++;
        }
        if (i == length) {
            return p;
        }
    }
    return 0;
}

static void dump_acpi(void)
{
    const uint8_t *rsdp = find("RSD PTR ", 8, 16);
    if (!rsdp) {
        put("acpi none\n");
        return;
    }
    put("acpi rsdp");
    put_text(rsdp + 9, 6);
    put_hex(rsdp[15], 2);
    put_hex(get32(rsdp + 16), 8);
    put("\n");
    const uint8_t *rsdt = (const uint8_t *)get32(rsdp + 16);
    uint32_t tables = (get32(rsdt + 4) - ACPI_HEADER) / 4;
    dump_table((uint32_t)rsdt);
    for (uint32_t i = 0; i < tables && i < MAX_TABLES; i++) {
        dump_table(get32(rsdt + ACPI_HEADER + 4 * i));
    }
}

static void dump_legacy(void)
{
    const uint8_t *mp = find("_MP_", 4, 16);
    put("mp");
    if (mp) {
        const uint8_t *t = (const uint8_t *)get32(mp + 4);
        uint32_t length = t[4] | (uint32_t)t[5] << 8;
        put_text(t, 4);
        put_hex(length, 4);
        put_text(t + 8, 20);
        put_hex(hash(HASH_START, t, length), 8);
    }
    const uint8_t *pir = find("$PIR", 4, 16);
    put("\npir");
    if (pir) {
        uint32_t length = pir[6] | (uint32_t)pir[7] << 8;
        put_hex(length, 4);
        put_hex(hash(HASH_START, pir, length), 8);
    }
    put("\n");
}

/* The types and lengths of the structures; their texts may hold the guest's identity. */
static void dump_smbios(void)
{
    const uint8_t *entry = find("_SM_", 4, 16);
    if (!entry) {
        put("smbios none\n");
        return;
    }
    uint32_t length = entry[0x16] | (uint32_t)entry[0x17] << 8;
    const uint8_t *p = (const uint8_t *)get32(entry + 0x18);
    const uint8_t *end = p + length;
    put("smbios");
    put_hex(entry[6], 2);
    put_hex(entry[7], 2);
    put("\n");
    while (p + 4 <= end && p[1] >= 4) {
        put("smbios structure");
        put_hex(p[0], 2);
        put_hex(p[1], 2);
        put("\n");
        p += p[1];
        while (p + 1 < end && (p[0] || p[1])) {
            p++;
        }
        p += 2;
    }
}

/* Bytes 10h to 7Fh: below lies the clock. */
static void dump_cmos(void)
{
    for (unsigned i = 0x10; i < 0x80; i++) {
        if (i % 16 == 0) {
            put("cmos");
            put_hex(i, 2);
        }
        outb(0x70, (uint8_t)i);
        put_hex(inb(0x71), 2);
        if (i % 16 == 15) {
            put("\n");
        }
    }
}

void dump_main(void)
{
    outb(0x3fa, 1); /* FIFO on */
    dump_cpuid();
    for (unsigned devfn = 0; devfn < 256; devfn++) {
        dump_function(devfn);
    }
    dump_e820();
    dump_acpi();
    dump_legacy();
    dump_smbios();
    dump_cmos();
    put("done\n");
}
