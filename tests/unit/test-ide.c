/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hw/ide, disks: identification, PIO, multiple, 48 bits, geometry, DMA, resets, missing drives. */
#include "test-ide-rig.h"

#define P RIG_PRIMARY
#define S RIG_SECONDARY

static uint16_t word(const uint8_t *buf, unsigned n)
{
    return (uint16_t)(buf[2 * n] | buf[2 * n + 1] << 8);
}

static void identify(struct rig *r, uint16_t base, unsigned unit, uint8_t *buf)
{
    ata_issue(r, base, unit, SPEC_CMD_IDENT, 0, 0);
    g_assert_cmphex(inb(r, base + 7), ==, 0x58);
    ata_data_in(r, base, buf, 256);
    g_assert_cmphex(inb(r, base + 7), ==, 0x50);
}

static char *text(const uint8_t *buf, unsigned first, unsigned words)
{
    char *s = g_malloc0(words * 2 + 1);

    for (unsigned i = 0; i < words * 2; i++) {
        s[i] = (char)buf[(first * 2 + i) ^ 1];
    }
    return g_strchomp(s);
}

static void test_identify(void)
{
    struct rig *r = rig_new("dd-d");
    uint8_t buf[512];
    uint8_t sum = 0;
    char *s;

    identify(r, P, 0, buf);
    s = text(buf, 27, 20);
    g_assert_cmpstr(s, ==, "CLEAVE HARDDISK");
    g_free(s);
    s = text(buf, 10, 10);
    g_assert_cmpstr(s, ==, "CL00001");
    g_free(s);
    for (unsigned i = 0; i < 512; i++) {
        sum = (uint8_t)(sum + buf[i]);
    }
    g_assert_cmphex(sum, ==, 0);
    g_assert_cmpuint(word(buf, 60), ==, RIG_SECTORS);
    g_assert_cmpuint(word(buf, 100), ==, RIG_SECTORS);
    g_assert_true(word(buf, 49) & 0x0300); /* LBA, DMA */
    g_assert_true(word(buf, 83) & 0x0400); /* 48 bits */
    g_assert_true(word(buf, 85) & 0x0020); /* write cache */
    g_assert_cmphex(word(buf, 93) & 0x0040, ==, 0);
    identify(r, S, 1, buf);
    s = text(buf, 10, 10);
    g_assert_cmpstr(s, ==, "CL00004");
    g_free(s);
    rig_free(r);
}

/* The sizes on either side of each limit of the translation. */
static void test_geometry(void)
{
    static const struct {
        uint64_t sectors;
        unsigned cylinders;
    } sizes[] = {{1, 2}, {2 * 1008, 2}, {3 * 1008 - 1, 2}, {3 * 1008, 3}, {100 * 1008 + 5, 100}};
    uint8_t buf[512];

    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        struct rig *r = rig_new_sized("d", sizes[i].sectors);

        identify(r, P, 0, buf);
        g_assert_cmpuint(word(buf, 1), ==, sizes[i].cylinders);
        g_assert_cmpuint(word(buf, 3), ==, 16);
        g_assert_cmpuint(word(buf, 6), ==, 63);
        rig_free(r);
    }
    struct rig *r = rig_new("d");
    r->disk[0].blk.bytes = 20ull << 30;
    r->ide.channel[0].drive[0].cylinders = 16383;
    identify(r, P, 0, buf);
    g_assert_cmpuint(word(buf, 60) | word(buf, 61) << 16, ==, (20u << 21));
    r->disk[0].blk.bytes = 200ull << 30; /* beyond 28 bits */
    identify(r, P, 0, buf);
    g_assert_cmphex(word(buf, 60) | (uint32_t)word(buf, 61) << 16, ==, 0x0fffffff);
    g_assert_cmpuint(word(buf, 100) | (uint32_t)word(buf, 101) << 16, ==, 200u << 21);
    r->disk[0].blk.bytes = RIG_SECTORS * 512;
    rig_free(r);
}

/* As firmware looks for drives: signature bytes in the task file, then commands. */
static bool probe(struct rig *r, uint16_t base, unsigned unit)
{
    uint8_t dh = (uint8_t)(0xa0 | unit << 4);

    outb(r, base + 6, dh);
    if (inb(r, base + 7) == 0xff) {
        return false;
    }
    g_assert_false(inb(r, base + 7) & SPEC_BSY);
    outb(r, base + 6, dh);
    outb(r, base + 2, 0x55);
    outb(r, base + 3, 0xaa);
    if (inb(r, base + 2) != 0x55 || inb(r, base + 3) != 0xaa || inb(r, base + 6) != dh) {
        return false;
    }
    outb(r, rig_control(base), 0x0e);
    outb(r, rig_control(base), 0x0a);
    g_assert_false(inb(r, base + 7) & SPEC_BSY);
    outb(r, base + 6, dh);
    g_assert_cmphex(inb(r, base + 6), ==, dh);
    outb(r, base + 7, 0xa1);
    if (inb(r, base + 7) & SPEC_DRQ) {
        return true;
    }
    outb(r, base + 7, 0xec);
    if (inb(r, base + 7) & SPEC_DRQ) {
        g_assert_cmphex(inb(r, base + 7), ==, 0x58);
        return true;
    }
    return false;
}

static void test_firmware_probe(void)
{
    static const char *machines[] = {"----", "d---", "-d--", "dd--",
                                     "d-c-", "c---", "-e-r", "dddd"};

    for (unsigned m = 0; m < G_N_ELEMENTS(machines); m++) {
        struct rig *r = rig_new(machines[m]);

        for (unsigned i = 0; i < 4; i++) {
            uint16_t base = i < 2 ? P : S;

            g_assert_cmpint(probe(r, base, i & 1), ==, machines[m][i] != '-');
            ata_soft_reset(r, base);
        }
        g_assert_cmpuint(r->edges[0] + r->edges[1], ==, 0); /* nIEN was set */
        rig_free(r);
    }
}

static void test_absent(void)
{
    struct rig *r = rig_new("d---");

    ata_select(r, P, 1);
    g_assert_cmphex(inb(r, P + 7), ==, 0);
    g_assert_cmphex(alt(r, P), ==, 0);
    outb(r, P + 7, 0xec);
    g_assert_cmphex(inb(r, P + 7), ==, 0);
    for (unsigned port = 0; port < 8; port++) {
        g_assert_cmphex(inb(r, (uint16_t)(S + port)), ==, port ? 0 : 0xff);
    }
    g_assert_cmpint(r->line[0] | r->line[1], ==, 0);
    rig_alive(r, P, 0);
    rig_free(r);
    /* Beside a lone CD, device 1 does not look like a second one (drivers tell by status 0). */
    r = rig_new("c---");
    ata_soft_reset(r, P);
    ata_select(r, P, 1);
    g_assert_cmphex(inb(r, P + 4) | inb(r, P + 5) << 8, ==, 0);
    g_assert_cmphex(inb(r, P + 7), ==, 0);
    rig_free(r);
}

/* Status goes BSY, then DRQ with an interrupt per sector; the line follows nIEN and status reads.
 */
static void test_pio_protocol(void)
{
    struct rig *r = rig_new("d");
    uint8_t buf[1024];

    ata_issue(r, P, 0, 0x20, 7, 2);
    g_assert_cmphex(alt(r, P) & SPEC_BSY, ==, SPEC_BSY);
    g_assert_cmpint(r->line[0], ==, 0);
    g_assert_cmphex(rig_in(r, P, 2), ==, 0xffff); /* no data yet */
    rig_run(r);
    g_assert_cmphex(alt(r, P), ==, 0x58);
    g_assert_cmpint(r->line[0], ==, 1);
    outb(r, rig_control(P), SPEC_NIEN);
    g_assert_cmpint(r->line[0], ==, 0);
    outb(r, rig_control(P), 0);
    g_assert_cmpint(r->line[0], ==, 1);
    g_assert_cmphex(inb(r, P + 7), ==, 0x58);
    g_assert_cmpint(r->line[0], ==, 0);
    ata_data_in(r, P, buf, 256);
    g_assert_cmpint(r->line[0], ==, 1); /* next sector */
    inb(r, P + 7);
    ata_data_in(r, P, buf + 512, 256);
    g_assert_cmpint(r->line[0], ==, 0); /* none at the end of a read */
    g_assert_cmphex(inb(r, P + 7), ==, 0x50);
    g_assert_true(memcmp(buf, r->disk[0].data + 7 * 512, 1024) == 0);
    g_assert_cmpuint(r->disk[0].reads, ==, 1); /* one request for both */
    rig_free(r);
}

/* BM IDE 1.0: the status bit follows the rising wire, also when it rises because nIEN goes. */
static void test_interrupt_bit(void)
{
    struct rig *r = rig_new("d");

    outb(r, rig_control(P), SPEC_NIEN);
    ata_issue(r, P, 0, 0x20, 7, 1);
    rig_run(r);
    g_assert_cmpint(r->line[0], ==, 0);
    g_assert_cmphex(inb(r, RIG_BM + 2) & SPEC_BM_INTR, ==, 0);
    outb(r, rig_control(P), 0);
    g_assert_cmpint(r->line[0], ==, 1);
    g_assert_cmphex(inb(r, RIG_BM + 2) & SPEC_BM_INTR, ==, SPEC_BM_INTR);
    outb(r, RIG_BM + 2, SPEC_BM_INTR);
    outb(r, rig_control(P), 0); /* no edge */
    g_assert_cmphex(inb(r, RIG_BM + 2) & SPEC_BM_INTR, ==, 0);
    rig_free(r);
}

static void test_data_widths(void)
{
    struct rig *r = rig_new("d");
    uint8_t buf[512];

    ata_issue(r, P, 0, 0x20, 9, 1);
    rig_run(r);
    g_assert_cmphex(rig_in(r, P, 1), ==, 0xff); /* no 8-bit side */
    for (unsigned i = 0; i < 256; i += 4) {
        uint32_t v = rig_in(r, P, 4);

        memcpy(buf + i, &v, 4);
    }
    for (unsigned i = 256; i < 384; i += 2) {
        uint16_t v = (uint16_t)rig_in(r, P, 2);

        memcpy(buf + i, &v, 2);
    }
    bus_read_rep(&r->pio, P, 4, 32, buf + 384);
    g_assert_true(memcmp(buf, r->disk[0].data + 9 * 512, 512) == 0);
    g_assert_cmphex(inb(r, P + 7), ==, 0x50);
    g_assert_cmphex(rig_in(r, P, 2), ==, 0xffff);
    rig_free(r);
}

static void test_read_256(void)
{
    struct rig *r = rig_new("d");
    uint8_t *buf = g_malloc(256 * 512);

    ata_read_pio(r, P, 0, 100, 256, buf);
    g_assert_true(memcmp(buf, r->disk[0].data + 100 * 512, 256 * 512) == 0);
    g_assert_cmpuint(r->disk[0].reads, ==, 16);
    g_free(buf);
    rig_free(r);
}

static void write_pio(struct rig *r, uint16_t base, unsigned unit, uint8_t opcode, uint32_t lba,
                      unsigned count, unsigned block)
{
    struct rig_disk *d = &r->disk[(base == S) * 2 + unit];

    for (unsigned i = 0; i < count * 512; i++) {
        d->golden[lba * 512 + i] = (uint8_t)(i * 7 + lba + (i >> 9));
    }
    ata_issue(r, base, unit, opcode, lba, (uint8_t)count);
    for (unsigned i = 0; i < count; i += block) {
        unsigned n = MIN(block, count - i);

        rig_run(r);
        g_assert_cmphex(inb(r, base + 7), ==, 0x58);
        ata_data_out(r, base, d->golden + (lba + i) * 512, 256 * n);
    }
    g_assert_cmphex(alt(r, base) & SPEC_DRQ, ==, 0);
    rig_run(r);
    g_assert_cmphex(inb(r, base + 7), ==, 0x50);
}

static void test_write(void)
{
    struct rig *r = rig_new("dd");

    write_pio(r, P, 1, 0x30, 11, 1, 1);
    write_pio(r, P, 0, 0x30, 50, 40, 1);
    g_assert_cmpuint(r->disk[0].writes, ==, 3); /* 16 + 16 + 8 */
    g_assert_cmpuint(r->disk[0].flushes, ==, 0);
    rig_free(r);
}

static void test_multiple(void)
{
    struct rig *r = rig_new("d");
    uint8_t buf[8192 * 2];

    g_assert_cmphex(ata_simple(r, P, 0, 0xc6, 0, 3) & 1, ==, 1); /* not a power of two */
    g_assert_cmphex(ata_simple(r, P, 0, 0xc6, 0, 32) & 1, ==, 1);
    g_assert_cmphex(ata_simple(r, P, 0, 0xc6, 0, 0), ==, 0x50);
    ata_issue(r, P, 0, 0xc4, 0, 1);
    g_assert_cmphex(inb(r, P + 7) & 1, ==, 1); /* disabled */
    g_assert_cmphex(ata_simple(r, P, 0, 0xc6, 0, 8), ==, 0x50);
    write_pio(r, P, 0, 0xc5, 200, 20, 8);
    ata_issue(r, P, 0, 0xc4, 200, 20);
    for (unsigned i = 0; i < 20; i += 8) {
        rig_run(r);
        g_assert_cmphex(inb(r, P + 7), ==, 0x58);
        ata_data_in(r, P, buf + i * 512, 256 * MIN(8u, 20 - i));
    }
    g_assert_cmphex(inb(r, P + 7), ==, 0x50);
    g_assert_true(memcmp(buf, r->disk[0].data + 200 * 512, 20 * 512) == 0);
    rig_free(r);
}

static void test_write_cache(void)
{
    struct rig *r = rig_new("d");
    const struct rig_prd prd = {0x1000, 512 | SPEC_PRD_EOT};
    uint8_t buf[512];

    g_assert_cmphex(ata_simple(r, P, 0, 0xef, 0x82, 0), ==, 0x50);
    g_assert_cmpuint(r->disk[0].flushes, ==, 1); /* what was cached */
    write_pio(r, P, 0, 0x30, 3, 20, 1);
    g_assert_cmpuint(r->disk[0].flushes, ==, 2);
    bm_table(r, &prd, 1);
    memcpy(r->low + 0x1000, r->disk[0].golden + 512, 512);
    ata_issue(r, P, 0, 0xca, 1, 1);
    bm_start(r, P, false);
    g_assert_true(rig_step(r));
    g_assert_cmphex(alt(r, P) & SPEC_BSY, ==, SPEC_BSY); /* not complete before the flush */
    rig_run(r);
    g_assert_cmpuint(r->disk[0].flushes, ==, 3);
    g_assert_cmphex(inb(r, P + 7), ==, 0x50);
    identify(r, P, 0, buf);
    g_assert_cmphex(word(buf, 85) & 0x20, ==, 0);
    g_assert_cmphex(ata_simple(r, P, 0, 0xe7, 0, 0), ==, 0x50);
    g_assert_cmphex(ata_simple(r, P, 0, 0xea, 0, 0), ==, 0x50);
    g_assert_cmpuint(r->disk[0].flushes, ==, 5);
    r->disk[0].fail_all = true;
    g_assert_cmphex(ata_simple(r, P, 0, 0xe7, 0, 0) & 0x21, ==, 0x21);
    rig_free(r);
}

static void test_lba48(void)
{
    struct rig *r = rig_new("d");
    uint8_t buf[512 * 3];

    ata_issue_ext(r, P, 0, 0x24, 4090, 3);
    for (unsigned i = 0; i < 3; i++) {
        rig_run(r);
        inb(r, P + 7);
        ata_data_in(r, P, buf + 512 * i, 256);
    }
    g_assert_cmphex(inb(r, P + 7), ==, 0x50);
    g_assert_true(memcmp(buf, r->disk[0].data + 4090 * 512, sizeof(buf)) == 0);
    /* The previous contents of each register behind HOB; any write turns HOB off. */
    outb(r, P + 3, 0x11);
    outb(r, P + 3, 0x22);
    g_assert_cmphex(inb(r, P + 3), ==, 0x22);
    outb(r, rig_control(P), SPEC_HOB);
    g_assert_cmphex(inb(r, P + 3), ==, 0x11);
    outb(r, P + 4, 0);
    g_assert_cmphex(inb(r, P + 3), ==, 0x22);
    /* READ NATIVE MAX ADDRESS, short and long. */
    ata_issue(r, P, 0, 0xf8, 0, 0);
    g_assert_cmphex(inb(r, P + 3) | inb(r, P + 4) << 8, ==, RIG_SECTORS - 1);
    ata_issue_ext(r, P, 0, 0x27, 0, 0);
    g_assert_cmphex(inb(r, P + 3) | inb(r, P + 4) << 8, ==, RIG_SECTORS - 1);
    rig_free(r);
}

static void test_chs(void)
{
    struct rig *r = rig_new("d");
    uint8_t buf[512];

    outb(r, P + 6, 0xa3); /* head 3 */
    outb(r, P + 2, 1);
    outb(r, P + 3, 5);
    outb(r, P + 4, 2);
    outb(r, P + 5, 0);
    outb(r, P + 7, 0x20);
    rig_run(r);
    inb(r, P + 7);
    ata_data_in(r, P, buf, 256);
    g_assert_true(memcmp(buf, r->disk[0].data + ((2 * 16 + 3) * 63 + 4) * 512, 512) == 0);
    /* The next address is reported the same way. */
    g_assert_cmpuint(inb(r, P + 3), ==, 6);
    g_assert_cmphex(inb(r, P + 6), ==, 0xa3);
    rig_free(r);
}

static void read_by_dma(struct rig *r, const struct rig_prd *prd, unsigned n, uint32_t lba,
                        uint8_t count)
{
    bm_table(r, prd, n);
    ata_issue(r, P, 0, 0xc8, lba, count);
    bm_start(r, P, true);
    rig_run(r);
}

static void test_dma(void)
{
    struct rig *r = rig_new("d");
    const struct rig_prd prd[] = {
        {0x20000, 0x1000}, {RIG_HIGH + 2, 0x200}, {0x30000, 0x0e00 | SPEC_PRD_EOT}};

    read_by_dma(r, prd, 3, 64, 16);
    g_assert_cmphex(bm_status(r, P), ==, SPEC_BM_INTR);
    g_assert_cmpint(r->line[0], ==, 1);
    g_assert_cmphex(inb(r, P + 7), ==, 0x50);
    g_assert_cmpint(r->line[0], ==, 0);
    g_assert_true(memcmp(r->low + 0x20000, r->disk[0].data + 64 * 512, 0x1000) == 0);
    g_assert_true(memcmp(r->high + 2, r->disk[0].data + 64 * 512 + 0x1000, 0x200) == 0);
    g_assert_true(memcmp(r->low + 0x30000, r->disk[0].data + 64 * 512 + 0x1200, 0xe00) == 0);
    g_assert_cmphex(r->high[1], ==, RIG_CANARY);
    g_assert_cmphex(r->high[0x202], ==, RIG_CANARY);
    g_assert_cmpuint(r->disk[0].reads, ==, 1);
    /* And back to another place, with the long command. */
    ata_issue_ext(r, P, 0, 0x35, 512, 16);
    bm_start(r, P, false);
    rig_run(r);
    g_assert_cmphex(bm_status(r, P), ==, SPEC_BM_INTR);
    memcpy(r->disk[0].golden + 512 * 512, r->disk[0].golden + 64 * 512, 16 * 512);
    g_assert_cmphex(inb(r, P + 7), ==, 0x50);
    rig_free(r);
}

/* The bus master started before the command. */
static void test_dma_started_first(void)
{
    struct rig *r = rig_new("--d");
    const struct rig_prd prd = {0x20000, 512 | SPEC_PRD_EOT};

    bm_table(r, &prd, 1);
    bm_start(r, S, true);
    g_assert_cmphex(bm_status(r, S), ==, SPEC_BM_ACTIVE);
    ata_issue(r, S, 0, 0xc8, 3, 1);
    rig_run(r);
    g_assert_cmphex(bm_status(r, S), ==, SPEC_BM_INTR);
    g_assert_cmpint(r->line[1], ==, 1);
    g_assert_true(memcmp(r->low + 0x20000, r->disk[2].data + 3 * 512, 512) == 0);
    rig_free(r);
}

static void test_bm_registers(void)
{
    struct rig *r = rig_new("d");

    outl(r, RIG_BM + 4, 0x12345677);
    g_assert_cmphex(rig_in(r, RIG_BM + 4, 4), ==, 0x12345674);
    outb(r, RIG_BM + 5, 0xaa);
    g_assert_cmphex(rig_in(r, RIG_BM + 4, 4), ==, 0x1234aa74);
    rig_out(r, RIG_BM + 6, 2, 0xbeef);
    g_assert_cmphex(rig_in(r, RIG_BM + 4, 4), ==, 0xbeefaa74);
    g_assert_cmphex(rig_in(r, RIG_BM + 6, 2), ==, 0xbeef);
    outb(r, RIG_BM + 10, 0xff);
    g_assert_cmphex(inb(r, RIG_BM + 10), ==, 0x60);
    g_assert_cmphex(inb(r, RIG_BM + 2), ==, 0);
    g_assert_cmphex(inb(r, RIG_BM + 1), ==, 0xff);
    outb(r, RIG_BM, 0xff);
    g_assert_cmphex(inb(r, RIG_BM), ==, 0x09);
    g_assert_cmphex(inb(r, RIG_BM + 2), ==, SPEC_BM_ACTIVE);
    outb(r, RIG_BM, 0);
    g_assert_cmphex(inb(r, RIG_BM + 2), ==, 0);
    rig_free(r);
}

static void test_config_space(void)
{
    struct rig *r = rig_new("d");
    uint8_t devfn = PCI_DEVFN(1, 1);

    g_assert_cmphex(pci_config_read(&r->pci, devfn, 0, 4), ==, 0x70108086);
    g_assert_cmphex(pci_config_read(&r->pci, devfn, 8, 4), ==, 0x01018000);
    g_assert_cmphex(pci_config_read(&r->pci, devfn, 0x2c, 4), ==, 0x11001af4);
    g_assert_cmphex(pci_config_read(&r->pci, devfn, 0x3d, 1), ==, 0);
    pci_config_write(&r->pci, devfn, 0x40, 4, 0x80008000);
    g_assert_cmphex(pci_config_read(&r->pci, devfn, 0x40, 4), ==, 0x80008000);
    pci_config_write(&r->pci, devfn, 0x20, 4, 0xffffffff);
    g_assert_cmphex(pci_config_read(&r->pci, devfn, 0x20, 4), ==, 0xfffffff1);
    rig_free(r);
}

static void test_soft_reset(void)
{
    struct rig *r = rig_new("dc");

    ata_select(r, P, 1);
    outb(r, P + 2, 0x99);
    outb(r, rig_control(P), SPEC_SRST);
    g_assert_cmphex(alt(r, P), ==, SPEC_BSY);
    outb(r, P + 2, 0x77); /* nobody listens */
    outb(r, rig_control(P), 0);
    g_assert_cmphex(inb(r, P + 6) & 0x10, ==, 0);
    g_assert_cmphex(inb(r, P + 1), ==, 1);
    g_assert_cmphex(inb(r, P + 2), ==, 1);
    g_assert_cmphex(inb(r, P + 4) | inb(r, P + 5) << 8, ==, 0);
    g_assert_cmphex(inb(r, P + 7), ==, 0x50);
    outb(r, P + 6, 0xb0);
    g_assert_cmphex(inb(r, P + 4) | inb(r, P + 5) << 8, ==, 0xeb14);
    g_assert_cmphex(inb(r, P + 7), ==, 0);
    rig_alive(r, P, 0);
    rig_free(r);
}

static void test_diagnostic(void)
{
    struct rig *r = rig_new("dd");

    ata_select(r, P, 1);
    outb(r, P + 7, 0x90);
    g_assert_cmphex(inb(r, P + 6) & 0x10, ==, 0);
    g_assert_cmphex(inb(r, P + 1), ==, 1);
    g_assert_cmpint(r->line[0], ==, 1);
    g_assert_cmphex(inb(r, P + 7), ==, 0x50);
    rig_free(r);
}

/* The failing sector is found although 16 are fetched at once; the ones before it arrive. */
static void test_bad_sector(void)
{
    struct rig *r = rig_new("d");
    uint8_t buf[512];

    r->disk[0].fail_sector = 13;
    ata_issue(r, P, 0, 0x20, 10, 8);
    for (unsigned i = 0; i < 3; i++) {
        rig_run(r);
        g_assert_cmphex(inb(r, P + 7), ==, 0x58);
        ata_data_in(r, P, buf, 256);
        g_assert_true(memcmp(buf, r->disk[0].data + (10 + i) * 512, 512) == 0);
    }
    rig_run(r);
    g_assert_cmphex(inb(r, P + 7), ==, 0x51);
    g_assert_cmphex(inb(r, P + 1), ==, SPEC_UNC);
    g_assert_cmpuint(inb(r, P + 3), ==, 13);
    /* VERIFY finds it as well, a write up to it arrives. */
    ata_issue(r, P, 0, 0x40, 0, 100);
    rig_run(r);
    g_assert_cmphex(inb(r, P + 7), ==, 0x51);
    g_assert_cmpuint(inb(r, P + 3), ==, 13);
    ata_issue(r, P, 0, 0x30, 12, 2);
    memset(r->disk[0].golden + 12 * 512, 0xab, 512);
    memset(buf, 0xab, sizeof(buf));
    ata_data_out(r, P, buf, 256);
    ata_data_out(r, P, buf, 256);
    rig_run(r);
    g_assert_cmphex(inb(r, P + 7) & 0x21, ==, 0x21);
    g_assert_cmpuint(inb(r, P + 3), ==, 13);
    rig_free(r);
}

static void test_dma_error(void)
{
    struct rig *r = rig_new("d");
    const struct rig_prd prd = {0x20000, 1024 | SPEC_PRD_EOT};

    for (unsigned write = 0; write < 2; write++) {
        r->disk[0].fail_sector = 21;
        bm_table(r, &prd, 1);
        ata_issue(r, P, 0, write ? 0xca : 0xc8, 20, 2);
        bm_start(r, P, !write);
        rig_run(r);
        g_assert_cmphex(bm_status(r, P) & SPEC_BM_INTR, ==, SPEC_BM_INTR);
        g_assert_cmphex(inb(r, P + 7), ==, write ? 0x71 : 0x51);
        g_assert_cmphex(inb(r, P + 1), ==, write ? SPEC_ABRT : SPEC_UNC);
        bm_stop_write(r, P);
    }
    r->disk[0].fail_sector = UINT64_MAX / 1024;
    rig_alive(r, P, 0);
    rig_free(r);
}

/* A geometry from the configuration is reported, and is what CHS addresses mean. */
static void test_given_geometry(void)
{
    struct rig *r = rig_new("d");
    struct ide ide;
    struct arena arena;
    struct hw hw = r->hw;
    struct ide_config cfg = {.devfn = PCI_DEVFN(9, 0)};
    void *mem = g_malloc0(RIG_ARENA);
    uint8_t buf[512];

    r->ide.channel[0].drive[0].cylinders = 128;
    r->ide.channel[0].drive[0].heads = 8;
    r->ide.channel[0].drive[0].sectors = 4;
    arena_reset(&r->arena, RESET_POWER_ON);
    rig_bars(r);
    identify(r, P, 0, buf);
    g_assert_cmpuint(word(buf, 1), ==, 128);
    g_assert_cmpuint(word(buf, 55), ==, 8);
    outb(r, P + 6, 0xa7);
    outb(r, P + 2, 1);
    outb(r, P + 3, 4);
    outb(r, P + 4, 10);
    outb(r, P + 5, 0);
    outb(r, P + 7, 0x20);
    rig_run(r);
    ata_data_in(r, P, buf, 256);
    g_assert_true(memcmp(buf, r->disk[0].data + ((10 * 8 + 7) * 4 + 3) * 512, 512) == 0);
    /* One that no drive can have is refused, and so is a disk without medium. */
    hw.arena = &arena;
    for (unsigned i = 0; i < 8; i++) {
        static const uint8_t bad[4][2] = {{17, 63}, {0, 63}, {16, 64}, {16, 0}};

        arena_init(&arena, mem, RIG_ARENA);
        cfg.drive[0] = (struct ide_drive_config){IDE_KIND_DISK, &r->disk[0].blk};
        cfg.drive[i / 4] = (struct ide_drive_config){IDE_KIND_DISK, &r->disk[0].blk, 100,
                                                     bad[i % 4][0], bad[i % 4][1]};
        g_assert_cmpint(ide_init(&ide, &hw, &r->pci, &cfg), ==, -EINVAL);
    }
    arena_init(&arena, mem, RIG_ARENA);
    cfg.drive[0] = (struct ide_drive_config){.kind = IDE_KIND_DISK};
    g_assert_cmpint(ide_init(&ide, &hw, &r->pci, &cfg), ==, -EINVAL);
    g_free(mem);
    rig_free(r);
}

static void test_features(void)
{
    struct rig *r = rig_new("d");
    uint8_t buf[512];

    g_assert_cmphex(ata_simple(r, P, 0, 0xef, 0x03, 0x45), ==, 0x50); /* Ultra 5 */
    identify(r, P, 0, buf);
    g_assert_cmphex(word(buf, 88), ==, 0x203f);
    g_assert_cmphex(ata_simple(r, P, 0, 0xef, 0x03, 0x22), ==, 0x50); /* multiword 2 */
    identify(r, P, 0, buf);
    g_assert_cmphex(word(buf, 63), ==, 0x0407);
    g_assert_cmphex(word(buf, 88), ==, 0x003f);
    g_assert_cmphex(ata_simple(r, P, 0, 0xef, 0x03, 0x46) & 1, ==, 1);
    g_assert_cmphex(ata_simple(r, P, 0, 0xef, 0x77, 0) & 1, ==, 1);
    g_assert_cmphex(ata_simple(r, P, 0, 0xe5, 0, 0), ==, 0x50);
    g_assert_cmphex(inb(r, P + 2), ==, 0xff);
    g_assert_cmphex(ata_simple(r, P, 0, 0xe0, 0, 0), ==, 0x50);
    g_assert_cmphex(ata_simple(r, P, 0, 0xe5, 0, 0), ==, 0x50);
    g_assert_cmphex(inb(r, P + 2), ==, 0x00);
    g_assert_cmphex(ata_simple(r, P, 0, 0x10, 0, 0), ==, 0x50);
    g_assert_cmphex(ata_simple(r, P, 0, 0x70, 0, 0), ==, 0x50);
    rig_free(r);
}

static void test_readonly_disk(void)
{
    struct rig *r = rig_new("r");

    ata_issue(r, P, 0, 0x30, 0, 1);
    g_assert_cmphex(inb(r, P + 7), ==, 0x51);
    g_assert_cmphex(inb(r, P + 1) & SPEC_ABRT, ==, SPEC_ABRT);
    ata_issue(r, P, 0, 0xca, 0, 1);
    g_assert_cmphex(inb(r, P + 7), ==, 0x51);
    rig_alive(r, P, 0);
    rig_free(r);
}

/* State taken in mid-transfer goes on in another instance: requests are repeated from state alone.
 */
static void test_resume(void)
{
    struct rig *a = rig_new("dd");
    struct rig *b = rig_new("dd");
    const struct rig_prd prd[] = {{0x20000, 0x300}, {0x40000, 0x500 | SPEC_PRD_EOT}};
    uint8_t buf[512];

    bm_table(b, prd, 2);
    bm_table(a, prd, 2);
    ata_issue(a, P, 0, 0xc8, 40, 4);
    bm_start(a, P, true);
    memcpy(b->mem, a->mem, RIG_ARENA);
    g_assert_cmpint(arena_check(&b->arena), ==, 0);
    arena_resume(&b->arena);
    g_assert_nonnull(b->disk[0].pending);
    rig_run(b);
    g_assert_cmphex(bm_status(b, P), ==, SPEC_BM_INTR);
    g_assert_cmpint(b->line[0], ==, 1);
    g_assert_true(memcmp(b->low + 0x20000, b->disk[0].data + 40 * 512, 0x300) == 0);
    g_assert_true(memcmp(b->low + 0x40000, b->disk[0].data + 40 * 512 + 0x300, 0x500) == 0);
    rig_run(a);
    inb(a, P + 7);
    /* In the middle of a PIO block. */
    ata_issue(a, P, 1, 0x20, 8, 2);
    rig_run(a);
    ata_data_in(a, P, buf, 100);
    memcpy(b->mem, a->mem, RIG_ARENA);
    g_assert_cmpint(arena_check(&b->arena), ==, 0);
    arena_resume(&b->arena);
    ata_data_in(b, P, buf + 200, 156);
    g_assert_true(memcmp(buf, b->disk[1].data + 8 * 512, 512) == 0);
    rig_free(a);
    rig_free(b);
}

/* --- random guests: every state that they reach is one that check() accepts --- */

static const uint8_t opcodes[] = {0x20, 0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0x39, 0x40, 0x42,
                                  0xa0, 0xa0, 0xa0, 0xb0, 0xc4, 0xc5, 0xc6, 0xc8, 0xca, 0xe7,
                                  0xea, 0xec, 0xef, 0x06, 0x08, 0x91, 0x90, 0xa1};
static const uint8_t packets[] = {0x00, 0x03, 0x12, 0x1b, 0x1e, 0x25, 0x28, 0x28, 0x43,
                                  0x46, 0x4a, 0x51, 0x5a, 0xa8, 0xbd, 0xbe, 0xbe};

static void random_table(struct rig *r, GRand *rand)
{
    struct rig_prd prd[80];
    unsigned n = (unsigned)g_rand_int_range(rand, 1, 80);
    bool small = g_rand_boolean(rand);

    for (unsigned i = 0; i < n; i++) {
        prd[i].addr = g_rand_int(rand) % (g_rand_int(rand) % 64 ? 0x80000 : 0xffffffff);
        prd[i].flags = g_rand_int(rand) % (small ? 96 : 0x4000);
        prd[i].addr += prd[i].addr < RIG_PRDT + 0x1000 ? 0x10000 : 0;
    }
    prd[n - 1].flags |= SPEC_PRD_EOT;
    bm_table(r, prd, n);
}

static void random_command(struct rig *r, GRand *rand, uint16_t base)
{
    unsigned unit = g_rand_int(rand) & 1;
    uint8_t op = base == S && !unit ? 0xa0 : opcodes[g_rand_int(rand) % sizeof(opcodes)];
    uint8_t packet[12] = {packets[g_rand_int(rand) % sizeof(packets)]};

    ata_select(r, base, unit);
    outb(r, base + 1, (uint8_t)(g_rand_int(rand) & 1));
    if (op == 0xef) {
        static const uint8_t features[] = {0x02, 0x82, 0x03, 0x66, 0xcc};

        outb(r, base + 1, features[g_rand_int(rand) % sizeof(features)]);
    }
    if (op == 0xa0) {
        outb(r, base + 4, (uint8_t)g_rand_int(rand));
        outb(r, base + 5, (uint8_t)g_rand_int(rand));
        outb(r, base + 7, op);
        for (unsigned i = 1; i < 12; i++) {
            packet[i] = g_rand_int(rand) % 5 ? 0 : (uint8_t)g_rand_int(rand);
        }
        packet[5] = (uint8_t)g_rand_int(rand);
        packet[8] = (uint8_t)(g_rand_int(rand) % 20);
        packet[9] = packet[0] == 0xbe ? (g_rand_boolean(rand) ? 0x10 : 0xf8) : packet[8];
        ata_data_out(r, base, packet, 6);
    } else {
        ata_issue_ext(r, base, unit, op, g_rand_int(rand) % (RIG_SECTORS + 40),
                      g_rand_int(rand) % 70);
    }
}

static void random_step(struct rig *r, GRand *rand)
{
    static uint8_t buf[9000];
    uint16_t base = g_rand_boolean(rand) ? P : S;
    uint32_t words = (uint32_t)g_rand_int_range(rand, 1, 4500);

    switch (g_rand_int(rand) % 16) {
    case 0 ... 2:
        random_command(r, rand, base);
        break;
    case 3 ... 5:
        rig_step(r);
        break;
    case 6 ... 8:
        bus_read_rep(&r->pio, base, 2, words, buf);
        break;
    case 9:
        bus_write_rep(&r->pio, base, 2, words, buf);
        break;
    case 10:
        random_table(r, rand);
        bm_start(r, base, g_rand_boolean(rand));
        break;
    case 11:
        outb(r, rig_bm(base), (uint8_t)(g_rand_int(rand) & 9));
        break;
    case 12:
        rig_out(r, (uint16_t)(base + g_rand_int(rand) % 8), 1u << g_rand_int(rand) % 3,
                g_rand_int(rand));
        break;
    case 13:
        rig_in(r, (uint16_t)(base + g_rand_int(rand) % 8), 1u << g_rand_int(rand) % 3);
        break;
    case 14:
        if (g_rand_boolean(rand)) {
            ata_soft_reset(r, base);
        }
        r->disk[g_rand_int(rand) % 4].fail_sector = g_rand_int(rand) % (RIG_SECTORS * 2);
        break;
    default:
        if (g_rand_int(rand) % 8 == 0) {
            ide_media_change(&r->ide, 2, g_rand_int(rand) % 4 ? &r->disk[2].blk : NULL);
        }
        break;
    }
}

/* Now and then the state is taken over as a successor would: the request in flight is repeated. */
static void random_resume(struct rig *r)
{
    uint8_t *copy = g_memdup2(r->mem, RIG_ARENA);

    for (unsigned i = 0; i < 2; i++) {
        struct ide_channel *ch = &r->ide.channel[i];

        if (ch->in_flight) {
            ch->req_blk->ops->cancel(ch->req_blk->opaque, &ch->req);
            ch->in_flight = false;
            ch->mapped = 0;
        }
    }
    memcpy(r->mem, copy, RIG_ARENA);
    g_free(copy);
    arena_resume(&r->arena);
}

static void test_random(void)
{
    for (unsigned seed = 0; seed < 20; seed++) {
        struct rig *r = rig_new("ddcd");
        GRand *rand = g_rand_new_with_seed(seed);

        for (unsigned i = 0; i < 6000; i++) {
            random_step(r, rand);
            if (arena_check(&r->arena)) {
                g_error("seed %u, step %u: check() refuses what was reached", seed, i);
            }
            if (i % 16 == 0) {
                random_resume(r);
            }
        }
        ide_media_change(&r->ide, 2, &r->disk[2].blk);
        arena_reset(&r->arena, RESET_HARD);
        rig_bars(r);
        for (unsigned i = 0; i < 4; i++) {
            r->disk[i].fail_sector = UINT64_MAX / 1024;
            memcpy(r->disk[i].golden, r->disk[i].data, r->disk[i].blk.bytes);
        }
        rig_alive(r, P, 0);
        rig_alive(r, S, 1);
        g_rand_free(rand);
        rig_free(r);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ide/identify", test_identify);
    g_test_add_func("/ide/geometry", test_geometry);
    g_test_add_func("/ide/firmware-probe", test_firmware_probe);
    g_test_add_func("/ide/absent", test_absent);
    g_test_add_func("/ide/pio-protocol", test_pio_protocol);
    g_test_add_func("/ide/interrupt-bit", test_interrupt_bit);
    g_test_add_func("/ide/data-widths", test_data_widths);
    g_test_add_func("/ide/read-256", test_read_256);
    g_test_add_func("/ide/write", test_write);
    g_test_add_func("/ide/multiple", test_multiple);
    g_test_add_func("/ide/write-cache", test_write_cache);
    g_test_add_func("/ide/lba48", test_lba48);
    g_test_add_func("/ide/chs", test_chs);
    g_test_add_func("/ide/dma", test_dma);
    g_test_add_func("/ide/dma-started-first", test_dma_started_first);
    g_test_add_func("/ide/bm-registers", test_bm_registers);
    g_test_add_func("/ide/config-space", test_config_space);
    g_test_add_func("/ide/soft-reset", test_soft_reset);
    g_test_add_func("/ide/diagnostic", test_diagnostic);
    g_test_add_func("/ide/bad-sector", test_bad_sector);
    g_test_add_func("/ide/dma-error", test_dma_error);
    g_test_add_func("/ide/given-geometry", test_given_geometry);
    g_test_add_func("/ide/features", test_features);
    g_test_add_func("/ide/readonly-disk", test_readonly_disk);
    g_test_add_func("/ide/resume", test_resume);
    g_test_add_func("/ide/random", test_random);
    return g_test_run();
}
