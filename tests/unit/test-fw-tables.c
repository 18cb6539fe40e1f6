/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The firmware tables, read back as a guest or SeaBIOS reads them: ACPI 2.0c and 6.0, SMBIOS 2.8,
 * MP specification 1.4, PCI IRQ Routing Table 1.0, QEMU's table loader. iasl judges the AML.
 */
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "tables/fwtables.h"

#define BASE 0x0fff8000u

struct memory {
    uint32_t base;
    uint32_t size;
    uint8_t *bytes;
};

static uint32_t le(const uint8_t *p, unsigned n)
{
    uint32_t v = 0;

    for (unsigned i = 0; i < n && i < 4; i++) {
        v |= (uint32_t)p[i] << (8 * i);
    }
    return v;
}

static uint8_t *mem_at(struct memory *m, uint32_t addr, uint32_t len)
{
    g_assert_cmpuint(addr, >=, m->base);
    g_assert_cmpuint(len, <=, m->size);
    g_assert_cmpuint(addr - m->base, <=, m->size - len);
    return m->bytes + (addr - m->base);
}

static uint8_t sum(const uint8_t *p, uint32_t len)
{
    uint8_t s = 0;

    while (len-- > 0) {
        s += *p++;
    }
    return s;
}

static struct fwtables_config config_new(enum fwtables_mode mode, uint32_t vcpus)
{
    struct fwtables_config c = {.mode = mode, .vcpus = vcpus, .low_mem_end = 0x10000000};

    for (unsigned i = 0; i < 16; i++) {
        c.uuid[i] = (uint8_t)(i + 1);
    }
    return c;
}

/* ---- ACPI ---- */

struct acpi {
    uint8_t *fadt;
    uint8_t *madt;
    uint8_t *hpet;
    uint8_t *waet;
    uint8_t *ssdt[2];
    unsigned ssdts;
    uint8_t *dsdt;
    uint8_t *facs;
};

static uint8_t *table_at(struct memory *m, uint32_t addr)
{
    uint8_t *t = mem_at(m, addr, 36);
    uint32_t len = le(t + 4, 4);

    g_assert_cmpuint(len, >=, 36);
    mem_at(m, addr, len);
    g_assert_cmpuint(sum(t, len), ==, 0);
    return t;
}

static void table_note(struct acpi *a, uint8_t *t)
{
    if (memcmp(t, "FACP", 4) == 0) {
        a->fadt = t;
    } else if (memcmp(t, "APIC", 4) == 0) {
        a->madt = t;
    } else if (memcmp(t, "HPET", 4) == 0) {
        a->hpet = t;
    } else if (memcmp(t, "WAET", 4) == 0) {
        a->waet = t;
    } else {
        g_assert_cmpmem(t, 4, "SSDT", 4);
        g_assert_cmpuint(a->ssdts, <, 2);
        a->ssdt[a->ssdts++] = t;
    }
}

/* Reads everything from the RSDT; an XSDT must say the same. */
static void acpi_read(struct memory *m, const uint8_t *rsdp, struct acpi *a)
{
    uint8_t *rsdt;
    uint32_t n;

    memset(a, 0, sizeof(*a));
    g_assert_cmpmem(rsdp, 8, "RSD PTR ", 8);
    g_assert_cmpuint(sum(rsdp, 20), ==, 0);
    rsdt = table_at(m, le(rsdp + 16, 4));
    g_assert_cmpmem(rsdt, 4, "RSDT", 4);
    n = (le(rsdt + 4, 4) - 36) / 4;
    for (uint32_t i = 0; i < n; i++) {
        table_note(a, table_at(m, le(rsdt + 36 + 4 * i, 4)));
    }
    if (rsdp[15] == 2) {
        uint8_t *xsdt = table_at(m, le(rsdp + 24, 4));

        g_assert_cmpuint(sum(rsdp, 36), ==, 0);
        g_assert_cmpmem(xsdt, 4, "XSDT", 4);
        g_assert_cmpuint(le(xsdt + 4, 4), ==, 36 + 8 * n);
        for (uint32_t i = 0; i < n; i++) {
            g_assert_cmpuint(le(xsdt + 36 + 8 * i, 4), ==, le(rsdt + 36 + 4 * i, 4));
            g_assert_cmpuint(le(xsdt + 40 + 8 * i, 4), ==, 0);
        }
    }
    g_assert_nonnull(a->fadt);
    a->facs = mem_at(m, le(a->fadt + 36, 4), 64);
    a->dsdt = table_at(m, le(a->fadt + 40, 4));
}

static void check_fadt(const struct acpi *a, uint32_t pm_base)
{
    const uint8_t *f = a->fadt;

    g_assert_cmpuint(le(f + 4, 4), ==, 244);
    g_assert_cmpuint(f[8], ==, 3);
    g_assert_cmpmem(a->facs, 4, "FACS", 4);
    g_assert_cmpuint(le(a->facs + 4, 4), ==, 64);
    g_assert_cmpmem(a->dsdt, 4, "DSDT", 4);
    g_assert_cmpuint(le(f + 46, 2), ==, 9);
    g_assert_cmpuint(le(f + 48, 4), ==, 0xb2);
    g_assert_cmpuint(f[52], ==, 0xf1);
    g_assert_cmpuint(f[53], ==, 0xf0);
    g_assert_cmpuint(le(f + 56, 4), ==, pm_base);
    g_assert_cmpuint(le(f + 64, 4), ==, pm_base + 4);
    g_assert_cmpuint(le(f + 76, 4), ==, pm_base + 8);
    g_assert_cmpuint(le(f + 80, 4), ==, 0xafe0);
    g_assert_cmpuint(f[88], ==, 4);
    g_assert_cmpuint(f[89], ==, 2);
    g_assert_cmpuint(f[91], ==, 4);
    g_assert_cmpuint(f[92], ==, 4);
    g_assert_cmpuint(le(f + 112, 4) & (1u << 10), !=, 0); /* reset register supported */
    g_assert_cmpuint(f[116], ==, 1);
    g_assert_cmpuint(le(f + 120, 4), ==, 0xcf9);
    g_assert_cmpuint(f[128], ==, 6);
    g_assert_cmpuint(le(f + 152, 4), ==, pm_base); /* X_PM1a_EVT_BLK */
    g_assert_cmpuint(le(f + 176, 4), ==, pm_base + 4);
    g_assert_cmpuint(le(f + 212, 4), ==, pm_base + 8);
    g_assert_cmpuint(le(f + 224, 4), ==, 0xafe0);
}

struct madt {
    unsigned lapics;
    unsigned ioapics;
    unsigned nmis;
    uint32_t gsi[16];
    uint16_t flags[16];
    uint32_t ids; /* bit per local APIC id up to 31; the rest is checked on the way */
};

static void madt_read(const uint8_t *t, unsigned id_step, unsigned ioapic_id, struct madt *m)
{
    const uint8_t *end = t + le(t + 4, 4);

    memset(m, 0, sizeof(*m));
    g_assert_cmpuint(le(t + 36, 4), ==, 0xfee00000);
    g_assert_cmpuint(le(t + 40, 4), ==, 1);
    for (const uint8_t *e = t + 44; e < end; e += e[1]) {
        g_assert_cmpuint(e[1], >=, 6);
        g_assert_cmpint(end - e, >=, e[1]);
        switch (e[0]) {
        case 0:
            g_assert_cmpuint(e[2], ==, m->lapics);
            g_assert_cmpuint(e[3], ==, m->lapics * id_step);
            g_assert_cmpuint(le(e + 4, 4), ==, 1);
            m->lapics++;
            break;
        case 1:
            g_assert_cmpuint(e[2], ==, ioapic_id);
            g_assert_cmpuint(le(e + 4, 4), ==, 0xfec00000);
            g_assert_cmpuint(le(e + 8, 4), ==, 0);
            m->ioapics++;
            break;
        case 2:
            g_assert_cmpuint(e[3], <, 16);
            m->gsi[e[3]] = le(e + 4, 4);
            m->flags[e[3]] = (uint16_t)le(e + 8, 2);
            break;
        case 4:
            g_assert_cmpuint(e[2], ==, 0xff);
            g_assert_cmpuint(e[5], ==, 1);
            m->nmis++;
            break;
        default:
            g_assert_not_reached();
        }
    }
    g_assert_cmpuint(m->ioapics, ==, 1);
    g_assert_cmpuint(m->nmis, ==, 1);
    g_assert_cmpuint(m->gsi[0], ==, 2);
    g_assert_cmpuint(m->gsi[9], ==, 9);
    g_assert_cmpuint(m->flags[9], ==, 0xd);
}

/* Counts the processor objects in the small SSDT and finds a named dword. */
static unsigned ssdt_processors(const uint8_t *t)
{
    uint32_t len = le(t + 4, 4);
    unsigned n = 0;

    for (uint32_t i = 36; i + 1 < len; i++) {
        n += t[i] == 0x5b && t[i + 1] == 0x83;
    }
    return n;
}

static uint32_t ssdt_dword(const uint8_t *t, const char *name)
{
    uint32_t len = le(t + 4, 4);

    for (uint32_t i = 36; i + 10 <= len; i++) {
        if (t[i] == 0x08 && memcmp(t + i + 1, name, 4) == 0 && t[i + 5] == 0x0c) {
            return le(t + i + 6, 4);
        }
    }
    g_assert_not_reached();
}

static void iasl_accepts(const uint8_t *t, const char *name)
{
    g_autofree char *dir = g_dir_make_tmp("fw-XXXXXX", NULL);
    g_autofree char *aml = g_strdup_printf("%s/%s.aml", dir, name);
    g_autofree char *dsl = g_strdup_printf("%s/%s.dsl", dir, name);
    g_autofree char *text = NULL;
    g_autofree char *out = NULL;
    g_autofree char *err = NULL;
    char *argv[] = {"iasl", "-d", aml, NULL};
    int status;

    g_assert_true(g_file_set_contents(aml, (const char *)t, le(t + 4, 4), NULL));
    if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, &status,
                      NULL)) {
        g_test_message("no iasl: AML not disassembled");
    } else {
        g_assert_cmpint(status, ==, 0);
        g_assert_null(strstr(err, "Error"));
        g_assert_true(g_file_get_contents(dsl, &text, NULL, NULL));
        g_assert_true(strstr(text, "DefinitionBlock") || strstr(text, "Signature"));
        g_assert_null(strstr(text, "Invalid"));
        g_assert_null(strstr(text, "Unknown"));
    }
    g_remove(aml);
    g_remove(dsl);
    g_rmdir(dir);
}

/* ---- SMBIOS ---- */

static void smbios_read(const uint8_t *p, uint32_t len, unsigned count, unsigned largest,
                        unsigned of_type[128])
{
    const uint8_t *end = p + len;
    unsigned n = 0;
    unsigned most = 0;

    memset(of_type, 0, 128 * sizeof(of_type[0]));
    while (p < end) {
        const uint8_t *start = p;

        g_assert_cmpuint(p[0], <, 128);
        of_type[p[0]]++;
        p += p[1];
        while (p[0] != 0 || p[1] != 0) {
            p++;
            g_assert_true(p + 1 < end);
        }
        p += 2;
        n++;
        most = MAX(most, (unsigned)(p - start));
    }
    g_assert_true(p == end);
    g_assert_cmpuint(n, ==, count);
    g_assert_cmpuint(most, ==, largest);
}

static void check_anchor(const uint8_t *a)
{
    g_assert_cmpmem(a, 4, "_SM_", 4);
    g_assert_cmpuint(a[5], ==, 31);
    g_assert_cmpuint(a[6], ==, 2);
    g_assert_cmpuint(a[7], ==, 8);
    g_assert_cmpmem(a + 16, 5, "_DMI_", 5);
    g_assert_cmpuint(sum(a, 31), ==, 0);
    g_assert_cmpuint(sum(a + 16, 15), ==, 0);
}

static void check_smbios(struct memory *m, uint32_t anchor, unsigned vcpus)
{
    const uint8_t *a = mem_at(m, anchor, 31);
    const uint8_t *structures = mem_at(m, le(a + 24, 4), le(a + 22, 2));
    unsigned of_type[128];

    check_anchor(a);
    smbios_read(structures, le(a + 22, 2), le(a + 28, 2), le(a + 8, 2), of_type);
    g_assert_cmpuint(of_type[0], ==, 1);
    g_assert_cmpuint(of_type[1], ==, 1);
    g_assert_cmpuint(of_type[3], ==, 1);
    g_assert_cmpuint(of_type[4], ==, vcpus);
    g_assert_cmpuint(of_type[16], ==, 1);
    g_assert_cmpuint(of_type[17], ==, 1);
    g_assert_cmpuint(of_type[19], ==, 1);
    g_assert_cmpuint(of_type[32], ==, 1);
    g_assert_cmpuint(of_type[127], ==, 1);
}

/* ---- MP and PIR ---- */

static void check_mp(struct memory *m, uint32_t addr, unsigned vcpus)
{
    const uint8_t *f = mem_at(m, addr, 16);
    const uint8_t *t;
    unsigned of_type[5] = {0};
    uint32_t pos = 44;

    g_assert_cmpmem(f, 4, "_MP_", 4);
    g_assert_cmpuint(sum(f, 16), ==, 0);
    g_assert_cmpuint(f[9], ==, 4);
    t = mem_at(m, le(f + 4, 4), 44);
    g_assert_cmpmem(t, 4, "PCMP", 4);
    mem_at(m, le(f + 4, 4), le(t + 4, 2));
    g_assert_cmpuint(sum(t, le(t + 4, 2)), ==, 0);
    for (unsigned i = 0; i < le(t + 34, 2); i++) {
        g_assert_cmpuint(t[pos], <, 5);
        if (t[pos] == 0) {
            g_assert_cmpuint(t[pos + 1], ==, 2 * of_type[0]);
        }
        if (t[pos] == 3 && t[pos + 4] == 0) { /* PCI: pin 16 + ((dev + pin) & 3) */
            unsigned source = t[pos + 5];

            g_assert_cmpuint(t[pos + 7], ==, 16 + ((source / 4 + source % 4) & 3));
        }
        of_type[t[pos]]++;
        pos += t[pos] == 0 ? 20 : 8;
    }
    g_assert_cmpuint(pos, ==, le(t + 4, 2));
    g_assert_cmpuint(of_type[0], ==, vcpus);
    g_assert_cmpuint(of_type[1], ==, 2);
    g_assert_cmpuint(of_type[2], ==, 1);
    g_assert_cmpuint(of_type[4], ==, 2);
}

static void check_pir(struct memory *m, uint32_t addr)
{
    const uint8_t *p = mem_at(m, addr, 32);
    uint32_t len = le(p + 6, 2);

    g_assert_cmpmem(p, 4, "$PIR", 4);
    g_assert_cmpuint(le(p + 4, 2), ==, 0x100);
    g_assert_cmpuint(len % 16, ==, 0);
    mem_at(m, addr, len);
    g_assert_cmpuint(sum(p, len), ==, 0);
    for (const uint8_t *e = p + 32; e < p + len; e += 16) {
        for (unsigned pin = 0; pin < 4; pin++) {
            g_assert_cmpuint(e[2 + 3 * pin], ==, 0x60 + (((e[1] >> 3) + pin) & 3));
            g_assert_cmpuint(le(e + 3 + 3 * pin, 2), ==, 0x0c20);
        }
    }
}

/* ---- the tests ---- */

static void test_place(void)
{
    static const unsigned vcpus[] = {1, 2, 31, 32};

    for (unsigned i = 0; i < G_N_ELEMENTS(vcpus); i++) {
        struct fwtables_config c = config_new(FWTABLES_XEN, vcpus[i]);
        g_autofree uint8_t *bytes = g_malloc0(FWTABLES_PLACE_MAX);
        struct memory m = {BASE, FWTABLES_PLACE_MAX, bytes};
        struct fwtables_placed p;
        struct acpi a;
        struct madt madt;

        g_assert_cmpint(fwtables_place(&c, bytes, FWTABLES_PLACE_MAX, BASE, &p), ==, 0);
        g_assert_cmpuint(p.rsdp % 16 + p.smbios % 16 + p.mp % 16 + p.pir % 16, ==, 0);
        acpi_read(&m, mem_at(&m, p.rsdp, 36), &a);
        g_assert_cmpuint((uintptr_t)(a.facs - bytes) % 64, ==, 0);
        check_fadt(&a, 0xb000);
        g_assert_cmpuint(le(a.fadt + 140, 4), ==, le(a.fadt + 40, 4)); /* X_DSDT */
        madt_read(a.madt, 2, 1, &madt);
        g_assert_cmpuint(madt.lapics, ==, vcpus[i]);
        g_assert_cmpuint(ssdt_processors(a.ssdt[0]), ==, vcpus[i]);
        g_assert_cmpuint(ssdt_dword(a.ssdt[0], "PMBA"), ==, 0xb000);
        g_assert_cmpuint(ssdt_dword(a.ssdt[0], "MWLO"), ==, 0xf0000000);
        g_assert_cmpuint(ssdt_dword(a.ssdt[0], "MWHI"), ==, 0xfbffffff);
        check_smbios(&m, p.smbios, vcpus[i]);
        check_mp(&m, p.mp, vcpus[i]);
        check_pir(&m, p.pir);
    }
}

struct files {
    struct fwtables_blobs blobs;
    uint8_t tables[FWTABLES_ACPI_MAX];
    uint8_t rsdp[FWTABLES_RSDP_MAX];
    uint8_t loader[FWTABLES_LOADER_MAX];
    uint8_t smbios[FWTABLES_SMBIOS_MAX];
    uint8_t anchor[FWTABLES_ANCHOR_MAX];
};

static int files_build(struct files *f, const struct fwtables_config *c)
{
    f->blobs = (struct fwtables_blobs){
        .acpi_tables = {f->tables, sizeof(f->tables), 0},
        .acpi_rsdp = {f->rsdp, sizeof(f->rsdp), 0},
        .table_loader = {f->loader, sizeof(f->loader), 0},
        .smbios_tables = {f->smbios, sizeof(f->smbios), 0},
        .smbios_anchor = {f->anchor, sizeof(f->anchor), 0},
    };
    return fwtables_build(c, &f->blobs);
}

/* Runs the linker script as SeaBIOS does, with etc/acpi/tables at BASE. */
static void loader_run(struct files *f)
{
    struct {
        const char *name;
        struct fwtables_blob *blob;
        bool allocated;
    } file[2] = {{"etc/acpi/tables", &f->blobs.acpi_tables, false},
                 {"etc/acpi/rsdp", &f->blobs.acpi_rsdp, false}};

    g_assert_cmpuint(f->blobs.table_loader.size % 128, ==, 0);
    for (uint32_t pos = 0; pos < f->blobs.table_loader.size; pos += 128) {
        const uint8_t *e = f->loader + pos;
        unsigned i = strcmp((const char *)e + 4, file[0].name) == 0 ? 0 : 1;
        struct fwtables_blob *b = file[i].blob;

        g_assert_cmpstr((const char *)e + 4, ==, file[i].name);
        switch (le(e, 4)) {
        case 1:
            g_assert_false(file[i].allocated);
            file[i].allocated = true;
            g_assert_cmpuint(le(e + 60, 4), ==, i == 0 ? 64 : 16);
            g_assert_cmpuint(e[64], ==, i == 0 ? 1 : 2);
            break;
        case 2: {
            uint32_t offset = le(e + 116, 4);
            uint32_t value;

            g_assert_true(file[i].allocated && file[0].allocated);
            g_assert_cmpstr((const char *)e + 60, ==, file[0].name);
            g_assert_cmpuint(e[120], ==, 4);
            g_assert_cmpuint(offset + 4, <=, b->size);
            value = le(b->data + offset, 4);
            g_assert_cmpuint(value, <, file[0].blob->size);
            value += BASE;
            memcpy(b->data + offset, &value, 4);
            break;
        }
        case 3: {
            uint32_t offset = le(e + 60, 4);
            uint32_t start = le(e + 64, 4);
            uint32_t len = le(e + 68, 4);

            g_assert_cmpuint(start + len, <=, b->size);
            g_assert_cmpuint(offset, <, b->size);
            b->data[offset] -= sum(b->data + start, len);
            break;
        }
        default:
            g_assert_not_reached();
        }
    }
}

static void test_files(void)
{
    static const unsigned vcpus[] = {1, 4, 32};

    for (unsigned i = 0; i < G_N_ELEMENTS(vcpus); i++) {
        struct fwtables_config c = config_new(FWTABLES_QEMU, vcpus[i]);
        g_autofree struct files *f = g_new0(struct files, 1);
        struct memory m = {BASE, 0, f->tables};
        unsigned of_type[128];
        struct acpi a;
        struct madt madt;

        g_assert_cmpint(files_build(f, &c), ==, 0);
        m.size = f->blobs.acpi_tables.size;
        loader_run(f);
        acpi_read(&m, f->rsdp, &a);
        g_assert_cmpuint((uintptr_t)(a.facs - f->tables) % 64, ==, 0);
        check_fadt(&a, 0x600);
        madt_read(a.madt, 1, 0, &madt);
        g_assert_cmpuint(madt.lapics, ==, vcpus[i]);
        g_assert_cmpuint(madt.gsi[10], ==, 10);
        g_assert_cmpuint(madt.gsi[11], ==, 11);
        g_assert_cmpuint(ssdt_dword(a.ssdt[0], "PMBA"), ==, 0x600);
        g_assert_cmpuint(ssdt_dword(a.ssdt[0], "MWLO"), ==, 0x80000000);
        g_assert_cmpuint(ssdt_dword(a.ssdt[0], "MWHI"), ==, 0xfebfffff);
        check_anchor(f->anchor);
        g_assert_cmpuint(le(f->anchor + 22, 2), ==, f->blobs.smbios_tables.size);
        smbios_read(f->smbios, f->blobs.smbios_tables.size, le(f->anchor + 28, 2),
                    le(f->anchor + 8, 2), of_type);
        g_assert_cmpuint(of_type[4], ==, vcpus[i]);
    }
}

/* SeaBIOS moves its memory window up with the RAM (its pciinit.c). */
static void test_window(void)
{
    static const struct {
        uint64_t ram;
        uint32_t window;
    } row[] = {{0x80000000, 0x80000000},
               {0x80100000, 0xc0000000},
               {0xc0000000, 0xc0000000},
               {0xc0100000, 0xe0000000},
               {0xe0000000, 0xe0000000}};

    for (unsigned i = 0; i < G_N_ELEMENTS(row); i++) {
        struct fwtables_config c = config_new(FWTABLES_QEMU, 1);
        g_autofree struct files *f = g_new0(struct files, 1);
        struct memory m = {BASE, 0, f->tables};
        struct acpi a;

        c.low_mem_end = row[i].ram;
        g_assert_cmpint(files_build(f, &c), ==, 0);
        m.size = f->blobs.acpi_tables.size;
        loader_run(f);
        acpi_read(&m, f->rsdp, &a);
        g_assert_cmpuint(ssdt_dword(a.ssdt[0], "MWLO"), ==, row[i].window);
    }
}

static void test_aml(void)
{
    for (int mode = FWTABLES_XEN; mode <= FWTABLES_QEMU; mode++) {
        struct fwtables_config c = config_new(mode, 32);
        g_autofree struct files *f = g_new0(struct files, 1);
        g_autofree uint8_t *bytes = g_malloc0(FWTABLES_PLACE_MAX);
        struct memory m = {BASE, FWTABLES_PLACE_MAX, bytes};
        struct fwtables_placed p;
        struct acpi a;

        if (mode == FWTABLES_XEN) {
            g_assert_cmpint(fwtables_place(&c, bytes, FWTABLES_PLACE_MAX, BASE, &p), ==, 0);
            acpi_read(&m, mem_at(&m, p.rsdp, 36), &a);
        } else {
            g_assert_cmpint(files_build(f, &c), ==, 0);
            m = (struct memory){BASE, f->blobs.acpi_tables.size, f->tables};
            loader_run(f);
            acpi_read(&m, f->rsdp, &a);
        }
        g_assert_cmpuint(a.ssdts, ==, 2);
        iasl_accepts(a.dsdt, "dsdt");
        iasl_accepts(a.ssdt[0], "ssdt0");
        iasl_accepts(a.ssdt[1], "ssdt1");
        iasl_accepts(a.fadt, "facp");
        iasl_accepts(a.madt, "apic");
        iasl_accepts(a.hpet, "hpet");
        iasl_accepts(a.waet, "waet");
    }
}

/* Guest-visible through machine cleave-1: a change here is a new machine version. */
static void test_golden_sizes(void)
{
    struct fwtables_config c = config_new(FWTABLES_QEMU, 1);
    g_autofree struct files *f = g_new0(struct files, 1);
    g_autofree uint8_t *bytes = g_malloc0(FWTABLES_PLACE_MAX);
    struct fwtables_placed p;

    g_assert_cmpint(files_build(f, &c), ==, 0);
    g_assert_cmpuint(f->blobs.acpi_tables.size, ==, 2460);
    g_assert_cmpuint(f->blobs.acpi_rsdp.size, ==, 20);
    g_assert_cmpuint(f->blobs.table_loader.size, ==, 1792);
    g_assert_cmpuint(f->blobs.smbios_tables.size, ==, 311);
    g_assert_cmpuint(f->blobs.smbios_anchor.size, ==, 31);
    c.mode = FWTABLES_XEN;
    g_assert_cmpint(fwtables_place(&c, bytes, FWTABLES_PLACE_MAX, BASE, &p), ==, 0);
    g_assert_cmpuint(p.used, ==, 3552);
}

static void test_errors(void)
{
    struct fwtables_config c = config_new(FWTABLES_QEMU, 0);
    g_autofree struct files *f = g_new0(struct files, 1);
    g_autofree uint8_t *bytes = g_malloc0(FWTABLES_PLACE_MAX + 1);
    struct fwtables_placed p;

    g_assert_cmpint(files_build(f, &c), ==, -22);
    c.vcpus = 33;
    g_assert_cmpint(files_build(f, &c), ==, -22);
    c.vcpus = 1;
    c.high_mem_end = 0x1000;
    g_assert_cmpint(files_build(f, &c), ==, -22);
    c.high_mem_end = 0;
    g_assert_cmpint(fwtables_place(&c, bytes, FWTABLES_PLACE_MAX, BASE, &p), ==, -22);
    c.mode = FWTABLES_XEN;
    g_assert_cmpint(files_build(f, &c), ==, -22);
    g_assert_cmpint(fwtables_place(&c, bytes, FWTABLES_PLACE_MAX, BASE + 1, &p), ==, -22);
    /* Every size that is too small is refused and nothing is written behind it. */
    for (uint32_t size = 0; size < 3552; size += 7) {
        bytes[size] = 0xee;
        g_assert_cmpint(fwtables_place(&c, bytes, size, BASE, &p), ==, -28);
        g_assert_cmpuint(bytes[size], ==, 0xee);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fw-tables/place", test_place);
    g_test_add_func("/fw-tables/files", test_files);
    g_test_add_func("/fw-tables/window", test_window);
    g_test_add_func("/fw-tables/aml", test_aml);
    g_test_add_func("/fw-tables/golden-sizes", test_golden_sizes);
    g_test_add_func("/fw-tables/errors", test_errors);
    return g_test_run();
}
