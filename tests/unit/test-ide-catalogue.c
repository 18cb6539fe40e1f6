/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hw/ide against every publicly known class of bug in such devices: one test per entry of the
 * project's catalogue (IDE-01..IDE-16, X-01..X-05). Run under ASan and UBSan, they also show that
 * no byte outside the buffers is touched; rig_free() compares the disks with what was asked for.
 */
#include "test-ide-rig.h"

#define P  RIG_PRIMARY
#define S  RIG_SECONDARY
#define CD 2048u

#define OUT_OF_RANGE 0x052100u

static uint8_t reply[70000];

/* Everything about the disk except what the test wrote into golden is unchanged. */
static void disk_intact(struct rig *r, unsigned i)
{
    g_assert_true(memcmp(r->disk[i].data, r->disk[i].golden, r->disk[i].blk.bytes) == 0);
}

static void ram_intact(struct rig *r)
{
    for (uint32_t i = 0; i < RIG_LOW; i++) {
        if (i < RIG_PRDT || i >= RIG_PRDT + 0x10000) {
            g_assert_cmphex(r->low[i], ==, RIG_CANARY);
        }
    }
    for (uint32_t i = 0; i < RIG_HIGH_LEN; i++) {
        g_assert_cmphex(r->high[i], ==, RIG_CANARY);
    }
}

static void good_packet(struct rig *r, uint16_t base, unsigned unit)
{
    uint8_t packet[12];
    uint8_t status;
    struct rig_disk *d = &r->disk[(base == S) * 2 + unit];

    packet_read10(packet, 1, 1);
    g_assert_cmpuint(atapi_pio(r, base, unit, packet, 2048, reply, sizeof(reply), &status), ==, CD);
    g_assert_cmphex(status, ==, 0x50);
    g_assert_true(memcmp(reply, d->data + CD, CD) == 0);
}

/* --- IDE-01: the data port after the end of every data phase --- */

static void hammer_data_port(struct rig *r, uint16_t base)
{
    static uint8_t junk[4096];

    for (unsigned size = 1; size <= 4; size *= 2) {
        for (unsigned i = 0; i < 65536 / 4096; i++) {
            bus_read_rep(&r->pio, base, size, 4096 / size, junk);
            for (unsigned j = 0; j < 4096; j++) {
                g_assert_cmphex(junk[j], ==, 0xff);
            }
            bus_write_rep(&r->pio, base, size, 4096 / size, junk);
        }
    }
}

static void test_ide_01(void)
{
    struct rig *r = rig_new("d-c-");
    static uint8_t out[65536];

    for (unsigned op = 0; op < 256; op++) {
        ata_issue(r, P, 0, (uint8_t)op, 1, 1);
        rig_run(r);
        if (alt(r, P) & SPEC_DRQ) {
            /* 32 KiB more than any command asks for, both ways. */
            bus_read_rep(&r->pio, P, 2, 256, out);
            memcpy(out, r->disk[0].golden + 512, 512);
            bus_write_rep(&r->pio, P, 2, 256, out);
            rig_run(r);
        }
        if (alt(r, P) & SPEC_DRQ) { /* DMA waits for its bus master */
            ata_soft_reset(r, P);
        }
        g_assert_cmphex(alt(r, P) & (SPEC_DRQ | SPEC_BSY), ==, 0);
        hammer_data_port(r, P);
    }
    rig_alive(r, P, 0);
    for (unsigned op = 0; op < 256; op++) {
        uint8_t packet[12] = {(uint8_t)op, 0, 0, 0, 0x30, 0, 0, 0, 0x10, 0x10};
        uint8_t status;

        if (op == 0x1b) {
            packet[4] = 0x32; /* START STOP UNIT with a power condition */
        }
        atapi_pio(r, S, 0, packet, 2048, reply, sizeof(reply), &status);
        g_assert_cmphex(status & SPEC_DRQ, ==, 0);
        hammer_data_port(r, S);
    }
    good_packet(r, S, 0);
    rig_free(r);
}

/* --- IDE-02: CD addresses at and past the end --- */

static void read_refused(struct rig *r, uint8_t op, uint32_t lba, uint32_t n, uint8_t feature,
                         uint32_t sense)
{
    uint8_t packet[12] = {
        op, 0, (uint8_t)(lba >> 24), (uint8_t)(lba >> 16), (uint8_t)(lba >> 8), (uint8_t)lba};

    if (op == 0x28) {
        packet[7] = (uint8_t)(n >> 8);
        packet[8] = (uint8_t)n;
    } else if (op == 0xa8) {
        packet[6] = (uint8_t)(n >> 24);
        packet[7] = (uint8_t)(n >> 16);
        packet[8] = (uint8_t)(n >> 8);
        packet[9] = (uint8_t)n;
    } else {
        packet[6] = (uint8_t)(n >> 16);
        packet[7] = (uint8_t)(n >> 8);
        packet[8] = (uint8_t)n;
        packet[9] = 0x10;
    }
    atapi_send(r, S, 0, packet, 2048, feature);
    rig_run(r);
    g_assert_cmphex(inb(r, S + 7), ==, 0x51);
    g_assert_cmphex(atapi_sense(r, S, 0), ==, sense);
}

static void test_ide_02(void)
{
    static const uint8_t ops[] = {0x28, 0xa8, 0xbe};
    static const uint32_t lbas[] = {RIG_SECTORS / 4, 0x80000000u, 0xffffffffu, 0x7fffffff};
    static const uint32_t counts[] = {0, 1, 0xffff, 0xffffffffu};
    struct rig *r = rig_new("--c-");
    uint8_t packet[12];

    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned o = 0; o < G_N_ELEMENTS(ops); o++) {
            for (unsigned l = 0; l < G_N_ELEMENTS(lbas); l++) {
                for (unsigned c = 0; c < G_N_ELEMENTS(counts); c++) {
                    read_refused(r, ops[o], lbas[l], counts[c], c & 1,
                                 pass ? 0x023a00u : OUT_OF_RANGE);
                }
            }
            read_refused(r, ops[o], RIG_SECTORS / 4 - 1, 2, 0, pass ? 0x023a00u : OUT_OF_RANGE);
        }
        if (!pass) {
            good_packet(r, S, 0);
            ide_media_change(&r->ide, 2, NULL);
        }
    }
    /* The disc is pulled out in the middle of a read; a smaller one comes. */
    for (unsigned step = 0; step < 3; step++) {
        ide_media_change(&r->ide, 2, &r->disk[2].blk);
        atapi_sense(r, S, 0);
        r->ide.channel[1].drive[0].s->media_change = 0;
        packet_read10(packet, 1000, 20);
        atapi_send(r, S, 0, packet, 2048, 0);
        for (unsigned i = 0; i < step; i++) {
            rig_run(r);
            bus_read_rep(&r->pio, S, 2, 1024, reply);
        }
        struct blk small = r->disk[2].blk;
        small.bytes = 16 * CD;
        ide_media_change(&r->ide, 2, &small);
        for (unsigned i = 0; i < 100; i++) {
            rig_run(r);
            bus_read_rep(&r->pio, S, 2, 1024, reply);
        }
        g_assert_cmphex(inb(r, S + 7) & (SPEC_BSY | SPEC_DRQ), ==, 0);
        ide_media_change(&r->ide, 2, NULL);
    }
    ide_media_change(&r->ide, 2, &r->disk[2].blk);
    r->ide.channel[1].drive[0].s->media_change = 0;
    good_packet(r, S, 0);
    rig_free(r);
}

/* --- IDE-03: the SMART self-test log goes round --- */

static void smart(struct rig *r, uint8_t feature, uint8_t lba_low, uint8_t count)
{
    ata_select(r, P, 0);
    outb(r, P + 1, feature);
    ata_issue(r, P, 0, 0xb0, 0xc24f00u | lba_low, count);
}

static void test_ide_03(void)
{
    struct rig *r = rig_new("d");
    uint8_t page[512];

    for (unsigned n = 1; n <= 200; n++) {
        uint8_t sum = 0;

        smart(r, 0xd4, (uint8_t)(1 + n % 2), 0);
        g_assert_cmphex(inb(r, P + 7), ==, 0x50);
        smart(r, 0xd5, 6, 1);
        g_assert_cmphex(inb(r, P + 7), ==, 0x58);
        ata_data_in(r, P, page, 256);
        for (unsigned i = 0; i < 512; i++) {
            sum = (uint8_t)(sum + page[i]);
        }
        g_assert_cmphex(sum, ==, 0);
        g_assert_cmpuint(page[508], ==, (n - 1) % 21 + 1);
        g_assert_cmpuint(page[2 + 24 * ((n - 1) % 21)], ==, 1 + n % 2);
        g_assert_cmpuint(page[2 + 24 * 20] != 0, ==, n >= 21);
    }
    smart(r, 0xd4, 0x33, 0);
    g_assert_cmphex(inb(r, P + 7), ==, 0x51);
    smart(r, 0xd5, 0x06, 2);
    g_assert_cmphex(inb(r, P + 7), ==, 0x51);
    for (unsigned feature = 0; feature < 256; feature++) {
        smart(r, (uint8_t)feature, 0, 1);
        if (alt(r, P) & SPEC_DRQ) {
            ata_data_in(r, P, page, 256);
        }
        g_assert_cmphex(inb(r, P + 7) & (SPEC_DRQ | SPEC_BSY), ==, 0);
    }
    smart(r, 0xd8, 0, 0);
    g_assert_cmphex(inb(r, P + 7), ==, 0x50);
    rig_alive(r, P, 0);
    rig_free(r);
}

/* --- IDE-04: who accepts what --- */

/* Opcodes that each kind of drive runs; ATA/ATAPI-6 table 5 and ACS-2, as modelled. */
static bool spec_permitted(char kind, unsigned op)
{
    static const uint8_t both[] = {0x08, 0x90, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0xa0,
                                   0xa1, 0xe0, 0xe1, 0xe2, 0xe3, 0xe5, 0xe6, 0xe7};
    static const uint8_t disk[] = {0x20, 0x21, 0x24, 0x25, 0x27, 0x29, 0x30, 0x31, 0x34,
                                   0x35, 0x39, 0x40, 0x41, 0x42, 0x91, 0xc4, 0xc5, 0xc6,
                                   0xc8, 0xc9, 0xca, 0xcb, 0xea, 0xec, 0xf8};
    bool packet = op == 0x08 || op == 0xa0 || op == 0xa1;

    for (unsigned i = 0; i < sizeof(both); i++) {
        if (both[i] == op) {
            return kind == 'd' ? !packet : true;
        }
    }
    if (kind != 'd') {
        return false;
    }
    for (unsigned i = 0; i < sizeof(disk); i++) {
        if (disk[i] == op) {
            return true;
        }
    }
    return (op & 0xf0) == 0x10 || (op & 0xf0) == 0x70;
}

struct irq_spy {
    struct rig *r;
    uint16_t base;
    uint8_t status; /* when the line rose */
    bool rose;
};

static void spy_line(void *opaque, unsigned n, int level)
{
    struct irq_spy *spy = opaque;

    if (level && !spy->rose) {
        spy->rose = true;
        spy->status = alt(spy->r, spy->base);
    }
}

static void opcode_try(const char *machine, uint16_t base, unsigned unit, char kind, unsigned op)
{
    struct rig *r = rig_new_sized(machine, 64);
    struct irq_spy spy = {r, base, 0, false};

    r->ide.channel[base == S].irq = (struct irq_line){spy_line, &spy, 0};
    ata_select(r, base, unit);
    outb(r, base + 1, 0);
    ata_issue_ext(r, base, unit, (uint8_t)op, 3, 1);
    if (kind == '-') {
        g_assert_false(spy.rose && op != 0x90);
        g_assert_cmphex(inb(r, base + 7) & SPEC_DRQ, ==, 0);
    } else if (spec_permitted(kind, op)) {
        g_assert_cmphex(alt(r, base) & SPEC_ERR, ==, 0);
        rig_run(r);
        g_assert_cmphex(alt(r, base) & SPEC_ERR, ==, 0);
    } else {
        g_assert_cmphex(alt(r, base) & (SPEC_ERR | SPEC_DRQ | SPEC_BSY), ==, SPEC_ERR);
        g_assert_cmphex(inb(r, base + 1) & SPEC_ABRT, ==, SPEC_ABRT);
        g_assert_true(spy.rose);
        g_assert_cmphex(spy.status & SPEC_ERR, ==, SPEC_ERR); /* ERR before the interrupt */
    }
    ata_soft_reset(r, base);
    rig_free(r);
}

static void test_ide_04(void)
{
    for (unsigned op = 0; op < 256; op++) {
        opcode_try("d---", P, 0, 'd', op);
        opcode_try("--c-", S, 0, 'c', op);
        opcode_try("---e", S, 1, 'e', op);
        opcode_try("d---", S, 0, '-', op);
        opcode_try("d---", P, 1, '-', op);
    }
    /* A read-only medium never sees a write: rig_submit() asserts it. */
    struct rig *r = rig_new("r-c-");
    static const uint8_t writes[] = {0x30, 0x31, 0x34, 0x35, 0x39, 0xc5, 0xca, 0xcb, 0x06};

    for (unsigned i = 0; i < sizeof(writes); i++) {
        for (unsigned d = 0; d < 2; d++) {
            uint16_t base = d ? S : P;

            outb(r, base + 1, 1);
            ata_issue(r, base, 0, writes[i], 0, 1);
            bm_start(r, base, false);
            bus_write_rep(&r->pio, base, 2, 256, reply);
            rig_run(r);
            g_assert_cmphex(inb(r, base + 7) & SPEC_ERR, ==, SPEC_ERR);
        }
    }
    g_assert_cmpuint(r->disk[0].writes + r->disk[2].writes, ==, 0);
    rig_free(r);
}

/* --- IDE-05: CHS arithmetic without divisors --- */

static void test_ide_05(void)
{
    static const uint8_t sectors[] = {0, 1, 63, 255};
    struct rig *r = rig_new("ddc-");

    for (unsigned s = 0; s < sizeof(sectors); s++) {
        for (unsigned head = 0; head < 16; head += 5) {
            for (unsigned unit = 0; unit < 2; unit++) {
                outb(r, P + 6, (uint8_t)(0xa0 | unit << 4 | head));
                outb(r, P + 2, sectors[s]);
                outb(r, P + 7, 0x91);
                g_assert_cmphex(inb(r, P + 7) & SPEC_ERR, ==, sectors[s] ? 0 : SPEC_ERR);
                for (unsigned sector = 0; sector < 256; sector += 51) {
                    outb(r, P + 6, (uint8_t)(0xa0 | unit << 4 | (head ^ 1)));
                    outb(r, P + 2, 2);
                    outb(r, P + 3, (uint8_t)sector);
                    outb(r, P + 4, 1);
                    outb(r, P + 5, 0);
                    outb(r, P + 7, 0x20);
                    outb(r, P + 6, (uint8_t)(0xa0 | !unit << 4)); /* not while it is busy */
                    rig_run(r);
                    bus_read_rep(&r->pio, P, 2, 512, reply);
                    rig_run(r);
                    bus_read_rep(&r->pio, P, 2, 512, reply);
                    g_assert_cmphex(inb(r, P + 7) & (SPEC_BSY | SPEC_DRQ), ==, 0);
                }
            }
        }
    }
    /* A CD in CHS mode: every opcode with the LBA bit off. */
    for (unsigned op = 0; op < 256; op++) {
        outb(r, S + 6, 0xa0);
        outb(r, S + 2, 0);
        outb(r, S + 3, 0);
        outb(r, S + 7, (uint8_t)op);
        rig_run(r);
        ata_soft_reset(r, S);
    }
    good_packet(r, S, 0);
    rig_alive(r, P, 0);
    rig_alive(r, P, 1);
    rig_free(r);
}

/* --- IDE-06, IDE-08, X-05: resets at every step of a command --- */

enum reset {
    RESET_SRST,
    RESET_SRST_TWICE,
    RESET_DEVICE,
    RESET_BM_STOP,
    RESET_FUNCTION,
    RESET_MACHINE,
    RESETS,
};

static void reset_do(struct rig *r, uint16_t base, enum reset kind)
{
    switch (kind) {
    case RESET_SRST:
        ata_soft_reset(r, base);
        break;
    case RESET_SRST_TWICE:
        outb(r, rig_control(base), SPEC_SRST);
        outb(r, base + 7, 0x20);
        outb(r, rig_control(base), SPEC_SRST);
        outb(r, rig_control(base), 0);
        ata_issue(r, base, 0, 0x20, 9, 4);
        ata_soft_reset(r, base);
        break;
    case RESET_DEVICE:
        outb(r, base + 7, 0x08);
        if (inb(r, base + 7) & (SPEC_BSY | SPEC_DRQ)) { /* a disk does not hear it */
            ata_soft_reset(r, base);
        }
        break;
    case RESET_BM_STOP:
        bm_stop_write(r, base);
        if (inb(r, base + 7) & (SPEC_BSY | SPEC_DRQ)) {
            ata_soft_reset(r, base);
        }
        break;
    case RESET_FUNCTION:
        pci_function_reset(&r->ide.fn);
        ata_soft_reset(r, base);
        rig_bars(r);
        break;
    default:
        arena_reset(&r->arena, RESET_HARD);
        rig_bars(r);
        break;
    }
    bm_stop_write(r, base);
}

#define STEPS 12

/*
 * Begins command `what` and takes `steps` steps of it: completions, blocks of data. The range that
 * it may change is [lba, lba+count) of the disk.
 */
static void command_steps(struct rig *r, unsigned what, unsigned steps)
{
    static const struct rig_prd prd[] = {{0x20000, 0x800},
                                         {0x30000, 0x10000 | 0x7800u | SPEC_PRD_EOT}};
    static const uint8_t opcodes[] = {0x20, 0x30, 0xc8, 0xca, 0xc4, 0xc5, 0xe7, 0x40};
    uint8_t op = opcodes[what];

    memset(r->low + 0x20000, 0xd5, 0x800);
    memset(r->low + 0x30000, 0xd5, 0x7800);
    memset(reply, 0xd5, sizeof(reply));
    bm_table(r, prd, 2);
    ata_issue(r, P, 0, op, 300, 64);
    if (op == 0xc8 || op == 0xca) {
        bm_start(r, P, op == 0xc8);
    }
    for (unsigned i = 0; i < steps; i++) {
        if (rig_step(r)) {
            continue;
        }
        if (alt(r, P) & SPEC_DRQ) {
            if (op == 0x30 || op == 0xc5) {
                bus_write_rep(&r->pio, P, 2, 256 * 7, reply);
            } else {
                bus_read_rep(&r->pio, P, 2, 256 * 7, reply);
            }
        }
    }
}

static void reset_matrix(bool with_finish)
{
    for (unsigned what = 0; what < 8; what++) {
        for (unsigned kind = 0; kind < RESETS; kind++) {
            for (unsigned steps = 0; steps < STEPS; steps++) {
                struct rig *r = rig_new_sized("d---", 512);
                unsigned reads;

                r->disk[0].half_on_cancel = true;
                r->disk[0].blk.ops = with_finish ? &rig_ops : &rig_ops_no_finish;
                command_steps(r, what, steps);
                reset_do(r, P, kind);
                g_assert_null(r->disk[0].pending); /* no completion is left over */
                reads = r->disk[0].reads + r->disk[0].writes;
                g_assert_cmpuint(rig_run(r), ==, 0);
                g_assert_cmpuint(r->disk[0].reads + r->disk[0].writes, ==, reads);
                g_assert_cmphex(inb(r, P + 7) & (SPEC_BSY | SPEC_DRQ), ==, 0);
                /* Sectors 300..363 may hold the new data; nothing else may, sector 0 least of all.
                 */
                memcpy(r->disk[0].golden + 300 * 512, r->disk[0].data + 300 * 512, 64 * 512);
                disk_intact(r, 0);
                rig_alive(r, P, 0);
                rig_free(r);
            }
        }
    }
}

static void test_ide_06(void)
{
    struct rig *r = rig_new("dd");

    for (unsigned i = 0; i < 100; i++) {
        ata_issue(r, P, i & 1, 0x20, i, 3);
        outb(r, rig_control(P), SPEC_SRST);
        g_assert_null(r->disk[i & 1].pending);
        ata_issue(r, P, 0, 0x20, 0, 1); /* nobody listens */
        g_assert_null(r->disk[0].pending);
        outb(r, rig_control(P), 0);
        g_assert_cmphex(inb(r, P + 7), ==, 0x50);
        g_assert_cmphex(inb(r, P + 2) | inb(r, P + 3) << 8, ==, 0x0101);
        g_assert_cmphex(inb(r, P + 4) | inb(r, P + 5) << 8, ==, 0);
        g_assert_cmpint(r->line[0], ==, 0);
    }
    rig_alive(r, P, 1);
    rig_free(r);
    reset_matrix(true);
}

static void test_ide_08(void)
{
    reset_matrix(false);
}

static void test_x_05(void)
{
    struct rig *r = rig_new("--c-");
    const struct rig_prd prd = {0x20000, 0x4000 | SPEC_PRD_EOT};
    uint8_t packet[12];

    for (unsigned kind = 0; kind < RESETS; kind++) {
        for (unsigned steps = 0; steps < 4; steps++) {
            for (unsigned dma = 0; dma < 2; dma++) {
                bm_table(r, &prd, 1);
                packet_read10(packet, 7, 8);
                atapi_send(r, S, 0, packet, 2048, (uint8_t)dma);
                if (dma) {
                    bm_start(r, S, true);
                }
                for (unsigned i = 0; i < steps; i++) {
                    rig_step(r);
                    bus_read_rep(&r->pio, S, 2, 1024, reply);
                }
                reset_do(r, S, kind);
                g_assert_null(r->disk[2].pending);
                memset(r->low + 0x20000, RIG_CANARY, 0x4000);
                g_assert_cmpuint(rig_run(r), ==, 0);
                g_assert_cmphex(r->low[0x20000], ==, RIG_CANARY);
                good_packet(r, S, 0);
            }
        }
    }
    rig_free(r);
}

/* --- IDE-07: nobody there --- */

static void test_ide_07(void)
{
    static const char *machines[] = {"----", "-d--", "d---", "e---", "-e--", "c---"};

    for (unsigned m = 0; m < G_N_ELEMENTS(machines); m++) {
        struct rig *r = rig_new_sized(machines[m], 64);

        for (unsigned op = 0; op < 256; op++) {
            for (unsigned unit = 0; unit < 2; unit++) {
                outb(r, P + 1, 1);
                ata_issue(r, P, unit, (uint8_t)op, 0, 1);
                bm_start(r, P, op & 1);
                bm_stop_write(r, P);
                outb(r, RIG_BM, 1);
                if (machines[m][unit] == 'c') {
                    ide_media_change(&r->ide, unit, NULL); /* ejected while busy */
                }
                outb(r, RIG_BM, 0);
                rig_run(r);
                ata_soft_reset(r, P);
                if (machines[m][unit] == 'c') {
                    ide_media_change(&r->ide, unit, &r->disk[unit].blk);
                }
            }
        }
        ata_issue(r, P, 0, 0xe7, 0, 0); /* FLUSH CACHE on an empty CD succeeds */
        if (machines[m][0] == 'e') {
            g_assert_cmphex(inb(r, P + 7), ==, 0x50);
        }
        rig_run(r);
        rig_free(r);
    }
}

/* --- IDE-09, IDE-10: descriptor tables of every size --- */

static void prdt_case(struct rig *r, bool write, uint32_t request, uint32_t total, uint32_t piece)
{
    struct rig_prd prd[600];
    unsigned n = 0;
    uint32_t at = 0x20000;
    uint32_t left = total;
    uint8_t status;

    while (left) {
        uint32_t len = MIN(left, piece);

        prd[n++] = (struct rig_prd){at, len & 0xffff};
        at += len;
        left -= len;
    }
    prd[n - 1].flags |= SPEC_PRD_EOT;
    bm_table(r, prd, n);
    memcpy(r->low + 0x20000, r->disk[0].golden + 600 * 512, total);
    ata_issue(r, P, 0, write ? 0xca : 0xc8, 600, (uint8_t)(request / 512));
    bm_start(r, P, !write);
    rig_run(r);
    status = bm_status(r, P);
    if (total < request) {
        g_assert_cmphex(status, ==, 0);
        g_assert_cmpint(r->line[0], ==, 0);
    } else {
        g_assert_cmphex(status, ==, SPEC_BM_INTR | (total > request ? SPEC_BM_ACTIVE : 0));
        g_assert_cmpint(r->line[0], ==, 1);
        g_assert_true(memcmp(r->low + 0x20000, r->disk[0].data + 600 * 512, request) == 0);
    }
    g_assert_cmphex(inb(r, P + 7), ==, 0x50);
    g_assert_cmphex(r->low[0x20000 + total], ==, RIG_CANARY);
    bm_stop_write(r, P);
    g_assert_cmphex(bm_status(r, P) & SPEC_BM_ACTIVE, ==, 0);
    memset(r->low + 0x20000, RIG_CANARY, total);
}

static void test_ide_09(void)
{
    static const uint32_t pieces[] = {65536, 512, 510, 2, 34, 1022};
    struct rig *r = rig_new("d");

    for (unsigned write = 0; write < 2; write++) {
        for (unsigned p = 0; p < G_N_ELEMENTS(pieces); p++) {
            for (uint32_t sectors = 1; sectors <= 8; sectors *= 2) {
                for (int delta = -514; delta <= 514; delta += 2) {
                    int total = (int)(sectors * 512) + delta;

                    if (total > 0 && (unsigned)total <= 580 * pieces[p]) {
                        prdt_case(r, write, sectors * 512, (uint32_t)total, pieces[p]);
                    }
                }
            }
        }
    }
    disk_intact(r, 0);
    /* An odd count loses its low bit: 513 is 512, 1 is 0 and means 64 KiB. */
    struct rig_prd odd = {0x20000, 513 | SPEC_PRD_EOT};
    bm_table(r, &odd, 1);
    ata_issue(r, P, 0, 0xc8, 0, 1);
    bm_start(r, P, true);
    rig_run(r);
    g_assert_cmphex(bm_status(r, P), ==, SPEC_BM_INTR);
    g_assert_cmphex(r->low[0x20200], ==, RIG_CANARY);
    odd.flags = 1 | SPEC_PRD_EOT;
    bm_table(r, &odd, 1);
    ata_issue(r, P, 0, 0xc8, 0, 1);
    bm_start(r, P, true);
    rig_run(r);
    g_assert_cmphex(bm_status(r, P), ==, SPEC_BM_INTR | SPEC_BM_ACTIVE);
    rig_free(r);
}

static void test_ide_10(void)
{
    struct rig *r = rig_new("d");
    struct rig_prd prd[600];

    for (unsigned i = 0; i < 100000; i++) {
        const struct rig_prd one = {0x20000, (2 + 2 * (i % 250)) | SPEC_PRD_EOT};

        bm_table(r, &one, 1);
        ata_issue(r, P, 0, 0xc8, 0, 1);
        bm_start(r, P, true);
        g_assert_cmpuint(rig_run(r), <=, 2);
        g_assert_cmphex(bm_status(r, P), ==, 0);
    }
    /* A table of far more than the command asks for: no more is mapped than asked for. */
    for (unsigned i = 0; i < 600; i++) {
        prd[i] = (struct rig_prd){RIG_HIGH, 0};
    }
    bm_table(r, prd, 600);
    ata_issue(r, P, 0, 0xc8, 0, 1);
    bm_start(r, P, true);
    g_assert_cmpuint(r->disk[0].pending->bytes, ==, 512);
    g_assert_cmpuint(r->disk[0].pending->nsg, ==, 1);
    rig_run(r);
    g_assert_cmphex(r->high[512], ==, RIG_CANARY);
    g_assert_cmphex(bm_status(r, P), ==, SPEC_BM_INTR | SPEC_BM_ACTIVE);
    rig_free(r);
}

/* --- IDE-11: tables that loop, wrap, overwrite themselves --- */

struct dma_spy {
    struct dma dma;
    struct dma_ram *ram;
    unsigned maps;
};

static void *spy_map(void *opaque, uint64_t gpa, uint64_t *len, bool write)
{
    struct dma_spy *spy = opaque;

    spy->maps++;
    return spy->ram->dma.map(spy->ram->dma.opaque, gpa, len, write);
}

static void fault_expected(struct rig *r)
{
    g_assert_cmphex(bm_status(r, P), ==, SPEC_BM_ERROR | SPEC_BM_INTR);
    g_assert_cmphex(inb(r, P + 7), ==, 0x51);
    g_assert_cmphex(inb(r, P + 1) & SPEC_ABRT, ==, SPEC_ABRT);
    bm_stop_write(r, P);
    outb(r, RIG_BM + 2, 0x06);
    rig_alive(r, P, 0);
}

static void start_at(struct rig *r, uint32_t table, uint8_t opcode, uint8_t count)
{
    outb(r, RIG_BM, 0);
    outl(r, RIG_BM + 4, table);
    outb(r, RIG_BM, 0x08);
    ata_issue(r, P, 0, opcode, 0, count);
    outb(r, RIG_BM, 0x09);
    rig_run(r);
}

static void test_ide_11(void)
{
    struct rig *r = rig_new("d");
    struct dma_spy spy = {.ram = &r->ram};
    struct rig_prd *table = (struct rig_prd *)(void *)(r->low + RIG_PRDT);

    spy.dma.map = spy_map;
    spy.dma.opaque = &spy;
    r->ide.channel[0].dma = &spy.dma;
    /* No end, 2 bytes each: bounded by the command. */
    for (unsigned i = 0; i < 8192; i++) {
        table[i] = (struct rig_prd){0x40000, 2};
    }
    ata_issue(r, P, 0, 0xc8, 0, 32); /* 16 KiB: 8192 descriptors */
    bm_start(r, P, true);
    rig_run(r);
    g_assert_cmpuint(spy.maps, <, 8192 * 4);
    g_assert_cmphex(bm_status(r, P), ==, SPEC_BM_INTR | SPEC_BM_ACTIVE);
    inb(r, P + 7);
    bm_stop_write(r, P);
    /* More than a table may hold. */
    memset(table, 0, 0x10000);
    for (unsigned i = 0; i < 8192; i++) {
        table[i] = (struct rig_prd){0x40000, 2};
    }
    ata_issue(r, P, 0, 0xc8, 0, 40);
    bm_start(r, P, true);
    rig_run(r);
    fault_expected(r);
    /* At the top of memory, without an end: the next descriptor would lie at 4 GiB. */
    struct rig_prd *top = (struct rig_prd *)(void *)(r->top + 0xff8);
    *top = (struct rig_prd){0x40000, 512};
    start_at(r, 0xfffffff8, 0xc8, 2);
    fault_expected(r);
    start_at(r, 0xfffffffc, 0xc8, 1);
    fault_expected(r);
    /* In its own data buffer: what was read once stays as it was read. */
    for (unsigned i = 0; i < 16; i++) {
        table[i] = (struct rig_prd){RIG_PRDT + i * 512, 512 | (i == 15 ? SPEC_PRD_EOT : 0)};
    }
    ata_issue(r, P, 0, 0xc8, 8, 16);
    bm_start(r, P, true);
    rig_run(r);
    g_assert_cmphex(bm_status(r, P), ==, SPEC_BM_INTR);
    g_assert_true(memcmp(r->low + RIG_PRDT, r->disk[0].data + 8 * 512, 8192) == 0);
    /* Bit 0 of an address is not there; an entry may cross 64 KiB. */
    table[0] = (struct rig_prd){0x4fe01, 0x400 | SPEC_PRD_EOT};
    ata_issue(r, P, 0, 0xc8, 8, 2);
    bm_start(r, P, true);
    rig_run(r);
    g_assert_cmphex(bm_status(r, P), ==, SPEC_BM_INTR);
    g_assert_true(memcmp(r->low + 0x4fe00, r->disk[0].data + 8 * 512, 1024) == 0);
    /* An entry that runs over 4 GiB. */
    table[0] = (struct rig_prd){0xffffff00, 0x400 | SPEC_PRD_EOT};
    ata_issue(r, P, 0, 0xc8, 8, 2);
    bm_start(r, P, true);
    rig_run(r);
    fault_expected(r);
    rig_free(r);
}

/* --- IDE-12: byte count limit 0, tiny limits --- */

static void test_ide_12(void)
{
    struct rig *r = rig_new("--c-");
    static const uint8_t unknown[12] = {0xd7};
    static const uint8_t inquiry[12] = {0x12, 0, 0, 0, 36};
    static const uint8_t nothing[12] = {0xbe, 0, 0, 0, 0, 9, 0, 0, 2, 0};
    uint8_t packet[12];
    uint8_t status;

    packet_read10(packet, 0, 1);
    for (unsigned limit = 0; limit < 2; limit++) {
        atapi_send(r, S, 0, packet, (uint16_t)limit, 0);
        rig_run(r);
        g_assert_cmphex(inb(r, S + 7), ==, 0x51);
        g_assert_cmphex(inb(r, S + 1), ==, SPEC_ABRT);
        atapi_send(r, S, 0, inquiry, (uint16_t)limit, 0);
        g_assert_cmphex(inb(r, S + 7), ==, 0x51);
        g_assert_cmphex(inb(r, S + 1), ==, SPEC_ABRT);
        atapi_send(r, S, 0, unknown, (uint16_t)limit, 0);
        g_assert_cmphex(inb(r, S + 7), ==, 0x51);
        g_assert_cmphex(inb(r, S + 1) >> 4, ==, 5); /* the unknown opcode wins */
        g_assert_cmphex(atapi_sense(r, S, 0), ==, 0x052000);
        atapi_send(r, S, 0, nothing, (uint16_t)limit, 0);
        g_assert_cmphex(inb(r, S + 7), ==, 0x50);
    }
    /* 64 KiB in pieces of 2 bytes. */
    packet_read10(packet, 5, 32);
    g_assert_cmpuint(atapi_pio(r, S, 0, packet, 2, reply, sizeof(reply), &status), ==, 65536);
    g_assert_true(memcmp(reply, r->disk[2].data + 5 * CD, 65536) == 0);
    rig_free(r);
}

/* --- IDE-13: the data port in the wrong direction --- */

static void test_ide_13(void)
{
    struct rig *r = rig_new("d-c-");
    uint8_t junk[512];

    ata_issue(r, P, 0, 0x30, 20, 1);
    g_assert_cmphex(alt(r, P), ==, 0x58);
    bus_read_rep(&r->pio, P, 2, 256, junk);
    for (unsigned i = 0; i < 512; i++) {
        g_assert_cmphex(junk[i], ==, 0xff);
    }
    memset(r->disk[0].golden + 20 * 512, 0x6b, 512);
    ata_data_out(r, P, r->disk[0].golden + 20 * 512, 256); /* the pointer has not moved */
    rig_run(r);
    g_assert_cmphex(inb(r, P + 7), ==, 0x50);
    ata_issue(r, P, 0, 0x20, 21, 1);
    rig_run(r);
    ata_data_out(r, P, junk, 256);
    g_assert_cmphex(alt(r, P), ==, 0x58);
    ata_data_in(r, P, junk, 256);
    g_assert_true(memcmp(junk, r->disk[0].data + 21 * 512, 512) == 0);
    /* A packet is awaited. */
    outb(r, S + 7, 0xa0);
    g_assert_cmphex(rig_in(r, S, 4), ==, 0xffffffff);
    ata_soft_reset(r, S);
    rig_free(r);
}

/* --- IDE-14: TRIM --- */

static uint8_t trim(struct rig *r, const uint64_t *entries, unsigned n, uint8_t blocks)
{
    const struct rig_prd prd = {0x20000, (uint32_t)(blocks * 512) | SPEC_PRD_EOT};
    uint8_t status;

    memset(r->low + 0x20000, 0, 4096);
    memcpy(r->low + 0x20000, entries, n * 8);
    bm_table(r, &prd, 1);
    ata_select(r, P, 0);
    outb(r, P + 1, 1);
    ata_issue_ext(r, P, 0, 0x06, 0, blocks);
    bm_start(r, P, false);
    rig_run(r);
    status = inb(r, P + 7);
    g_assert_cmphex(status & (SPEC_BSY | SPEC_DRQ), ==, 0);
    return status;
}

static void test_ide_14(void)
{
    struct rig *r = rig_new("d");
    uint64_t e[512] = {0};

    g_assert_cmphex(trim(r, e, 64, 1), ==, 0x50); /* all zero: no work, and an end */
    g_assert_cmpuint(r->disk[0].discards, ==, 0);
    e[0] = 16ull << 48 | 100;
    e[3] = 8ull << 48 | 108; /* overlapping */
    memset(r->disk[0].golden + 100 * 512, 0, 16 * 512);
    g_assert_cmphex(trim(r, e, 64, 1), ==, 0x50);
    g_assert_cmpuint(r->disk[0].discards, ==, 2);
    /* One range past the end: nothing of the list is done. */
    e[1] = 2ull << 48 | (RIG_SECTORS - 1);
    g_assert_cmphex(trim(r, e, 64, 1) & SPEC_ERR, ==, SPEC_ERR);
    g_assert_cmphex(inb(r, P + 1) & SPEC_ABRT, ==, SPEC_ABRT);
    for (unsigned i = 0; i < 64; i++) {
        e[i] = 0xffffull << 48 | (0xffffffffffffull - i);
    }
    g_assert_cmphex(trim(r, e, 64, 1) & SPEC_ERR, ==, SPEC_ERR);
    g_assert_cmpuint(r->disk[0].discards, ==, 2);
    g_assert_cmphex(trim(r, e, 0, 9) & SPEC_ERR, ==, SPEC_ERR); /* too long a list */
    /* The longest list, and a stop in the middle of it. */
    for (unsigned i = 0; i < 512; i++) {
        e[i] = 1ull << 48 | (2000 + i);
    }
    memset(r->disk[0].golden + 2000 * 512, 0, 512 * 512);
    g_assert_cmphex(trim(r, e, 512, 8), ==, 0x50);
    ata_select(r, P, 0);
    outb(r, P + 1, 1);
    ata_issue_ext(r, P, 0, 0x06, 0, 1);
    bm_start(r, P, false);
    rig_step(r);
    bm_stop_write(r, P);
    rig_run(r);
    g_assert_cmphex(inb(r, P + 7), ==, 0x50);
    rig_alive(r, P, 0);
    rig_free(r);
}

/* The most that one command can ask for: 64 ranges of 65,535 blocks; counted, never looped over. */
static void test_ide_14_most(void)
{
    struct rig *r = rig_new("d");
    struct blk_req *last = NULL;
    uint64_t e[64], asked = 0;
    unsigned requests = 0;

    r->disk[0].blk.bytes = 1ull << 41; /* says so; no byte of it is ever touched */
    arena_reset(&r->arena, RESET_POWER_ON);
    rig_bars(r);
    for (unsigned i = 0; i < 64; i++) {
        e[i] = 0xffffull << 48 | (uint64_t)i * 0x10000;
    }
    memset(r->low + 0x20000, 0, 4096);
    memcpy(r->low + 0x20000, e, sizeof(e));
    bm_table(r, &(struct rig_prd){0x20000, 512 | SPEC_PRD_EOT}, 1);
    ata_select(r, P, 0);
    outb(r, P + 1, 1);
    ata_issue_ext(r, P, 0, 0x06, 0, 1);
    bm_start(r, P, false);
    while (r->disk[0].pending) {
        struct blk_req *req = r->disk[0].pending;

        g_assert_cmpuint(++requests, <=, 65);
        g_assert_cmpint(req->op == BLK_DISCARD || req->op == BLK_WRITE, ==, true);
        asked += req->bytes;
        r->disk[0].pending = NULL;
        last = req;
        req->done(req, 0);
    }
    g_assert_nonnull(last);
    g_assert_cmphex(inb(r, P + 7), ==, 0x50);
    g_assert_cmpuint(asked, ==, 64ull * 0xffff * 512);
    r->disk[0].blk.bytes = RIG_SECTORS * 512;
    arena_reset(&r->arena, RESET_POWER_ON);
    rig_bars(r);
    rig_alive(r, P, 0);
    rig_free(r);
}

/* --- IDE-15: the ends of the address ranges --- */

/* Tries every kind of data command; all must fail and move nothing past the end. */
static void edge(struct rig *r, uint64_t lba, uint32_t count, bool ext, bool ok)
{
    static const uint8_t short_ops[] = {0x20, 0x30, 0xc4, 0xc5, 0xc8, 0xca, 0x40};
    static const uint8_t long_ops[] = {0x24, 0x34, 0x29, 0x39, 0x25, 0x35, 0x42};

    for (unsigned i = 0; i < sizeof(short_ops); i++) {
        static const struct rig_prd prd[] = {{0x20000, 0}, {0x20000, 0}, {0x20000, 0x80000000u}};
        uint8_t op = ext ? long_ops[i] : short_ops[i];
        uint8_t status;

        if (ext) {
            ata_issue_ext(r, P, 0, op, lba, count);
        } else {
            ata_issue(r, P, 0, op, (uint32_t)lba, (uint8_t)count);
        }
        bm_table(r, prd, 3);
        bm_start(r, P, op == 0xc8 || op == 0x25);
        for (unsigned n = 0; n < 2048 && !(inb(r, P + 7) & SPEC_ERR); n++) {
            rig_run(r);
            if (!(alt(r, P) & SPEC_DRQ)) {
                break;
            }
            if (i & 1) {
                uint64_t at = lba + n < RIG_SECTORS ? lba + n : 0;

                ata_data_out(r, P, r->disk[0].golden + at * 512, 256);
            } else {
                ata_data_in(r, P, reply, 256);
            }
        }
        rig_run(r);
        status = inb(r, P + 7);
        g_assert_cmphex(status & SPEC_ERR, ==, ok ? 0 : SPEC_ERR);
        if (!ok) {
            g_assert_cmphex(inb(r, P + 1), ==, SPEC_IDNF | SPEC_ABRT);
        }
        bm_stop_write(r, P);
        if (i == 5) { /* DMA wrote whatever lay in RAM */
            memcpy(r->disk[0].golden, r->disk[0].data, r->disk[0].blk.bytes);
        }
    }
}

static void test_ide_15(void)
{
    struct rig *r = rig_new("d");
    uint64_t last = RIG_SECTORS - 1;

    ata_simple(r, P, 0, 0xc6, 0, 1);
    edge(r, last, 1, false, true);
    edge(r, last, 1, true, true);
    edge(r, last, 2, false, false);
    edge(r, last, 2, true, false);
    edge(r, last + 1, 1, false, false);
    edge(r, last + 1, 1, true, false);
    edge(r, 0x0fffffff, 1, false, false);
    edge(r, 0x10000000, 1, true, false);
    edge(r, 0xffffffffffffull, 1, true, false);
    edge(r, 0xffffffffffffull, 0, true, false);
    edge(r, last - 254, 0, false, false); /* 256 sectors, one too many */
    edge(r, last - 255, 0, false, true);
    rig_free(r);
    /* 65,536 sectors across the end, and an odd number of sectors. */
    r = rig_new_sized("d", 2049);
    ata_issue_ext(r, P, 0, 0x25, 0, 0);
    bm_start(r, P, true);
    g_assert_cmphex(inb(r, P + 7), ==, 0x51);
    bm_stop_write(r, P);
    rig_free(r);
}

/* --- IDE-16: every port, width and alignment; errors, then a reset --- */

static void test_ide_16(void)
{
    struct rig *r = rig_new("d-c-");
    static const uint16_t starts[] = {0x1ee, 0x16e, 0x3f4, 0x374, RIG_BM - 2};

    for (unsigned s = 0; s < G_N_ELEMENTS(starts); s++) {
        for (unsigned off = 0; off < 20; off++) {
            for (unsigned size = 1; size <= 4; size *= 2) {
                uint16_t port = (uint16_t)(starts[s] + off);

                if (port == 0x3f6 || port == 0x376 || port == RIG_BM) {
                    continue; /* control and start: elsewhere */
                }
                rig_in(r, port, size);
                rig_out(r, port, size, 0x20 * off);
                rig_run(r);
                ata_soft_reset(r, P);
                ata_soft_reset(r, S);
            }
        }
    }
    /* A wide write behind the data port is no data. */
    memset(r->disk[0].golden + 30 * 512, 0x31, 512);
    ata_issue(r, P, 0, 0x30, 30, 1);
    rig_out(r, P + 1, 2, 0xdead);
    rig_out(r, P + 2, 4, 0xdeadbeef);
    rig_out(r, P, 1, 0x99);
    ata_data_out(r, P, r->disk[0].golden + 30 * 512, 256);
    rig_run(r);
    g_assert_cmphex(inb(r, P + 7), ==, 0x50);
    /* 16 bits to two byte registers: the low one first. */
    rig_out(r, P + 2, 2, 0x3412);
    g_assert_cmphex(inb(r, P + 2), ==, 0x12);
    g_assert_cmphex(inb(r, P + 3), ==, 0x34);
    g_assert_cmphex(rig_in(r, P + 2, 2), ==, 0x3412);
    for (unsigned i = 0; i < 20; i++) {
        r->disk[0].fail_all = true;
        ata_issue(r, P, 0, i & 1 ? 0x40 : 0x20, 0, 20);
        rig_run(r);
        g_assert_cmphex(inb(r, P + 7) & SPEC_ERR, ==, SPEC_ERR);
        ata_soft_reset(r, P);
        r->disk[0].fail_all = false;
        rig_alive(r, P, 0);
    }
    rig_free(r);
}

/* --- XEN-05: a descriptor counts as it was when it was read, once --- */

struct once {
    struct dma dma;
    struct dma_ram *ram;
    uint8_t *table;
    unsigned entries;
    unsigned loads[64];
};

static void *once_map(void *opaque, uint64_t gpa, uint64_t *len, bool write)
{
    struct once *o = opaque;

    return o->ram->dma.map(o->ram->dma.opaque, gpa, len, write);
}

/* Whatever of the table was read is something else from now on: other addresses, other lengths. */
static void once_unmap(void *opaque, void *host, uint64_t gpa, uint64_t len, uint64_t written)
{
    static const struct rig_prd hostile = {0xfee00000, 0};
    struct once *o = opaque;

    for (unsigned i = 0; i < o->entries && !written; i++) {
        uint64_t at = RIG_PRDT + 8 * i;

        if (gpa <= at && at + 8 <= gpa + len) {
            o->loads[i]++;
            memcpy(o->table + 8 * i, &hostile, 8);
        }
    }
}

static void test_xen_05(void)
{
    struct rig *r = rig_new("d");
    struct once once = {.ram = &r->ram, .table = r->low + RIG_PRDT, .entries = 40};
    struct rig_prd prd[40];

    once.dma = (struct dma){once_map, once_unmap, &once};
    r->ide.channel[0].dma = &once.dma;
    for (unsigned write = 0; write < 2; write++) {
        for (unsigned i = 0; i < 40; i++) {
            prd[i] = (struct rig_prd){0x20000 + 1024 * i, i == 39 ? 512 | SPEC_PRD_EOT : 512};
            memcpy(r->low + prd[i].addr, r->disk[0].golden + (60 + i) * 512, 512);
        }
        memset(once.loads, 0, sizeof(once.loads));
        bm_table(r, prd, 40);
        ata_issue(r, P, 0, write ? 0xca : 0xc8, 60, 40);
        bm_start(r, P, !write);
        rig_run(r);
        g_assert_cmphex(bm_status(r, P), ==, SPEC_BM_INTR);
        g_assert_cmphex(inb(r, P + 7), ==, 0x50);
        for (unsigned i = 0; i < 40; i++) {
            g_assert_cmpuint(once.loads[i], ==, 1);
            g_assert_true(
                memcmp(r->low + 0x20000 + 1024 * i, r->disk[0].data + (60 + i) * 512, 512) == 0);
            g_assert_cmphex(r->low[0x20000 + 1024 * i + 512], ==, RIG_CANARY);
        }
        bm_stop_write(r, P);
        disk_intact(r, 0);
    }
    rig_free(r);
}

/* --- X-01..X-04 --- */

struct trap {
    struct rig *r;
    unsigned hits;
};

static uint64_t trap_read(void *dev, uint32_t off, unsigned size)
{
    ((struct trap *)dev)->hits++;
    return 0;
}

static void trap_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    ((struct trap *)dev)->hits++;
}

static void test_x_01(void)
{
    static const uint32_t targets[] = {0xa0000,    0xb8000,    0xe0000,  0xfec00000,
                                       0xfee00000, 0xf0000000, 0x600000, 0xf1000000};
    static const struct reg regs[] = {
        {0, 0x1000, BUS_W1 | BUS_W2 | BUS_W4, trap_read, trap_write, "trap", NULL, NULL}};
    struct rig *r = rig_new("d");
    struct trap trap = {r, 0};
    struct region region[G_N_ELEMENTS(targets)];

    for (unsigned i = 0; i < G_N_ELEMENTS(targets); i++) {
        region[i] = (struct region){
            .name = "trap", .regs = regs, .nregs = 1, .opaque = &trap, .len = 0x1000};
        g_assert_cmpint(bus_map(&r->mmio, &region[i], targets[i]), ==, 0);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(targets); i++) {
        for (unsigned write = 0; write < 2; write++) {
            const struct rig_prd prd = {targets[i], 512 | SPEC_PRD_EOT};

            bm_table(r, &prd, 1); /* as data */
            ata_issue(r, P, 0, write ? 0xca : 0xc8, 0, 1);
            bm_start(r, P, !write);
            rig_run(r);
            fault_expected(r);
            start_at(r, targets[i], 0xc8, 1); /* as the table */
            fault_expected(r);
        }
    }
    g_assert_cmpuint(trap.hits, ==, 0);
    ram_intact(r);
    rig_free(r);
}

/* No bounce path leaks or grows: pieces too small for direct transfers, cut short. */
static void test_x_02(void)
{
    struct rig *r = rig_new("d");
    struct rig_prd prd[400];

    for (unsigned n = 1; n < 400; n += 7) {
        for (unsigned i = 0; i < n; i++) {
            prd[i] = (struct rig_prd){0x20000 + 4 * i, 2};
        }
        prd[n - 1].flags |= SPEC_PRD_EOT;
        bm_table(r, prd, n);
        memset(r->low + 0x20000, RIG_CANARY, 4096);
        ata_issue(r, P, 0, 0xc8, 77, 2);
        bm_start(r, P, true);
        rig_run(r);
        for (unsigned i = 0; i < 1024; i++) {
            bool inside = i / 4 < n && i % 4 < 2 && i / 4 * 2 < 1024;

            g_assert_cmphex(r->low[0x20000 + i], ==,
                            inside ? r->disk[0].data[77 * 512 + i / 4 * 2 + i % 4] : RIG_CANARY);
        }
        inb(r, P + 7);
        bm_stop_write(r, P);
    }
    /* Too short a table writes no sector that was not there whole. */
    prd[0] = (struct rig_prd){0x20000, 700 | SPEC_PRD_EOT};
    bm_table(r, prd, 1);
    memcpy(r->low + 0x20000, r->disk[0].golden + 512 * 90, 512);
    ata_issue(r, P, 0, 0xca, 90, 4);
    bm_start(r, P, false);
    rig_run(r);
    g_assert_cmphex(bm_status(r, P), ==, 0);
    rig_free(r);
}

static void test_x_03(void)
{
    struct rig *r = rig_new("d");
    struct rig_prd prd[3];

    /* Up to the last byte of RAM below the VGA window. */
    prd[0] = (struct rig_prd){RIG_LOW - 512, 512 | SPEC_PRD_EOT};
    bm_table(r, prd, 1);
    ata_issue(r, P, 0, 0xc8, 3, 1);
    bm_start(r, P, true);
    rig_run(r);
    g_assert_cmphex(bm_status(r, P), ==, SPEC_BM_INTR);
    g_assert_true(memcmp(r->low + RIG_LOW - 512, r->disk[0].data + 3 * 512, 512) == 0);
    /* Over it, from below, and at the ends of the other pieces. */
    static const uint32_t over[] = {RIG_LOW - 510, RIG_LOW - 256, RIG_HIGH + RIG_HIGH_LEN - 2,
                                    RIG_HIGH - 2, 0xfffffe02};
    for (unsigned i = 0; i < G_N_ELEMENTS(over); i++) {
        prd[0] = (struct rig_prd){over[i], 512 | SPEC_PRD_EOT};
        bm_table(r, prd, 1);
        ata_issue(r, P, 0, i & 1 ? 0xca : 0xc8, 3, 1);
        bm_start(r, P, !(i & 1));
        rig_run(r);
        fault_expected(r);
    }
    /* The last 512 bytes below 4 GiB are RAM here. */
    prd[0] = (struct rig_prd){0xfffffe00, 512 | SPEC_PRD_EOT};
    bm_table(r, prd, 1);
    ata_issue(r, P, 0, 0xc8, 3, 1);
    bm_start(r, P, true);
    rig_run(r);
    g_assert_cmphex(bm_status(r, P), ==, SPEC_BM_INTR);
    /* Two descriptors on the same bytes: the later data stays. */
    prd[0] = (struct rig_prd){0x30000, 512};
    prd[1] = (struct rig_prd){0x30100, 512 | SPEC_PRD_EOT};
    bm_table(r, prd, 2);
    inb(r, P + 7);
    ata_issue(r, P, 0, 0xc8, 3, 2);
    bm_start(r, P, true);
    rig_run(r);
    g_assert_true(memcmp(r->low + 0x30000, r->disk[0].data + 3 * 512, 256) == 0);
    g_assert_true(memcmp(r->low + 0x30100, r->disk[0].data + 4 * 512, 512) == 0);
    inb(r, P + 7);
    rig_free(r);
}

static void test_x_04(void)
{
    struct rig *r = rig_new("d");
    const struct rig_prd prd[] = {
        {0x20000, 0}, {0x30000, 0}, {0x40000, 0}, {0x20000, 0}, {0x20000, SPEC_PRD_EOT}};

    /* Off from the beginning: nothing moves, the read ends, the stop is heard. */
    pci_config_write(&r->pci, PCI_DEVFN(1, 1), 4, 2, 0x0001);
    bm_table(r, prd, 5);
    ata_issue(r, P, 0, 0xc8, 0, 0);
    bm_start(r, P, true);
    g_assert_cmpuint(rig_run(r), ==, 0);
    g_assert_cmphex(bm_status(r, P), ==, SPEC_BM_ACTIVE | SPEC_BM_INTR);
    ram_intact(r);
    bm_stop_write(r, P);
    g_assert_cmphex(bm_status(r, P), ==, SPEC_BM_INTR);
    /* A write waits, and its sector stays what it is. */
    ata_issue(r, P, 0, 0xca, 0, 1);
    bm_start(r, P, false);
    g_assert_cmpuint(rig_run(r), ==, 0);
    g_assert_cmphex(bm_status(r, P) & SPEC_BM_ACTIVE, ==, SPEC_BM_ACTIVE);
    bm_stop_write(r, P);
    ata_soft_reset(r, P);
    rig_alive(r, P, 0);
    pci_config_write(&r->pci, PCI_DEVFN(1, 1), 4, 2, 0x0005);
    /* Off while it runs: it stands still, and goes on when switched on again. */
    ata_issue_ext(r, P, 0, 0x25, 0, 2560); /* 1.25 MiB: several requests */
    struct rig_prd many[20];
    for (unsigned i = 0; i < 20; i++) {
        many[i] = (struct rig_prd){RIG_HIGH + i * 0x10000, i == 19 ? SPEC_PRD_EOT : 0};
    }
    bm_table(r, many, 20);
    bm_start(r, P, true);
    g_assert_true(rig_step(r));
    pci_config_write(&r->pci, PCI_DEVFN(1, 1), 4, 2, 0x0001);
    rig_run(r);
    g_assert_cmphex(bm_status(r, P), ==, SPEC_BM_ACTIVE);
    g_assert_cmphex(r->high[0x13ffff], ==, RIG_CANARY);
    pci_config_write(&r->pci, PCI_DEVFN(1, 1), 4, 2, 0x0005);
    rig_run(r);
    g_assert_cmphex(bm_status(r, P), ==, SPEC_BM_INTR);
    g_assert_true(memcmp(r->high, r->disk[0].data, 2560 * 512) == 0);
    inb(r, P + 7);
    rig_free(r);
}

/* --- loaded state is hostile (ST-01): mutated bytes are refused or harmless --- */

/* Brings channel 0 or 1 into one of the states that a command passes through. */
static void state_prepare(struct rig *r, unsigned which)
{
    static const struct rig_prd prd[] = {{0x20000, 0x500}, {0x30000, 0x4b00 | SPEC_PRD_EOT}};
    uint8_t packet[12];

    bm_table(r, prd, 2);
    packet_read10(packet, 9, 10);
    switch (which) {
    case 1: /* a read between two DRQ blocks, another in the back end */
        ata_issue(r, P, 0, 0x20, 10, 40);
        rig_run(r);
        bus_read_rep(&r->pio, P, 2, 700, reply);
        atapi_send(r, S, 0, packet, 2000, 0);
        break;
    case 2: /* a write that collects, a CD in a DRQ block */
        ata_issue(r, P, 1, 0xc5, 10, 40);
        bus_write_rep(&r->pio, P, 2, 300, reply);
        atapi_send(r, S, 0, packet, 3000, 0);
        rig_run(r);
        break;
    case 3: /* DMA in flight, DMA that waits */
        ata_issue(r, P, 0, 0xc8, 10, 40);
        bm_start(r, P, true);
        atapi_send(r, S, 0, packet, 0, 1);
        break;
    case 4: /* a write in the back end, a packet half sent */
        ata_issue(r, P, 0, 0x30, 10, 2);
        bus_write_rep(&r->pio, P, 2, 512, reply);
        outb(r, S + 7, 0xa0);
        rig_out(r, S, 2, 0);
        break;
    case 5: /* TRIM, a raw read */
        memset(r->low + 0x20000, 0, 0x500);
        r->low[0x20000] = 50;
        r->low[0x20006] = 2;
        outb(r, P + 1, 1);
        ata_issue_ext(r, P, 0, 0x06, 0, 1);
        bm_start(r, P, false);
        memcpy(packet, (const uint8_t[]){0xbe, 0, 0, 0, 0, 9, 0, 0, 7, 0xf8}, 10);
        atapi_send(r, S, 0, packet, 4000, 0);
        break;
    default:
        break;
    }
}

static void state_use(struct rig *r, GRand *rand)
{
    for (unsigned op = 0; op < 12; op++) {
        uint16_t base = op & 1 ? S : P;

        rig_in(r, (uint16_t)(base + g_rand_int_range(rand, 0, 8)), 2);
        bus_read_rep(&r->pio, base, 2, 4096, reply);
        bus_write_rep(&r->pio, base, 2, 4096, reply);
        rig_out(r, (uint16_t)(base + g_rand_int_range(rand, 0, 8)), 1, g_rand_int(rand));
        outb(r, rig_bm(base), (uint8_t)g_rand_int_range(rand, 0, 10));
        rig_run(r);
    }
}

/* Loses what is in flight without touching the state, as the death of a process does. */
static void state_forget(struct rig *r)
{
    for (unsigned i = 0; i < IDE_DRIVES; i++) {
        r->disk[i].pending = NULL;
    }
    for (unsigned i = 0; i < IDE_CHANNELS; i++) {
        r->ide.channel[i].in_flight = false;
        r->ide.channel[i].mapped = 0;
    }
}

#define REFUSED(r, field, val)                                                                     \
    do {                                                                                           \
        __typeof__(field) good = (field);                                                          \
                                                                                                   \
        (field) = (__typeof__(field))(val);                                                        \
        g_assert_cmpint(arena_check(&(r)->arena), !=, 0);                                          \
        (field) = good;                                                                            \
        g_assert_cmpint(arena_check(&(r)->arena), ==, 0);                                          \
    } while (0)

/* Registers, wire and phases that contradict one another. */
static void test_state_refused(void)
{
    struct rig *r = rig_new("ddce");
    struct ide_channel_state *p = &r->ide.s->channel[0], *s = &r->ide.s->channel[1];

    REFUSED(r, p->devctl, 0x01);
    REFUSED(r, p->devctl, SPEC_SRST);
    REFUSED(r, p->bmic, 0x02);
    REFUSED(r, p->bmis, 0x08);
    REFUSED(r, p->bmis, 0x80);
    REFUSED(r, p->line, 1);
    REFUSED(r, p->intrq, 1);
    outb(r, rig_control(P), SPEC_SRST);
    REFUSED(r, p->devctl, 0);
    outb(r, rig_control(P), 0);
    for (unsigned which = 1; which < 6; which++) {
        state_prepare(r, which);
        REFUSED(r, p->drive[p->unit].status, 0x50);
        REFUSED(r, s->drive[s->unit].status, 0x50);
        REFUSED(r, p->drive[p->unit].status, 0xd8);
        state_forget(r);
        arena_reset(&r->arena, RESET_HARD);
    }
    rig_free(r);
}

static void test_state(void)
{
    GRand *rand = g_rand_new_with_seed(20240607);

    for (unsigned which = 0; which < 6; which++) {
        struct rig *r = rig_new("ddce");
        struct ide_state *s = r->ide.s;
        unsigned accepted = 0;

        state_prepare(r, which);
        g_assert_cmpint(arena_check(&r->arena), ==, 0);
        struct ide_state *base = g_memdup2(s, sizeof(*s));
        for (unsigned i = 0; i < 6000; i++) {
            unsigned n = (unsigned)g_rand_int_range(rand, 1, 4);

            state_forget(r);
            memcpy(s, base, sizeof(*s));
            while (n--) {
                uint8_t *p = (uint8_t *)&s->channel[g_rand_int_range(rand, 0, 2)];
                int head = offsetof(struct ide_channel_state, prd_addr);
                int most = g_rand_boolean(rand) ? 8 : 256;

                p[g_rand_int_range(rand, 0, head)] = (uint8_t)g_rand_int_range(rand, 0, most);
            }
            if (arena_check(&r->arena)) {
                continue;
            }
            accepted++;
            arena_resume(&r->arena);
            state_use(r, rand);
            g_assert_cmpint(arena_check(&r->arena), ==, 0);
        }
        g_assert_cmpuint(accepted, >, 300);
        state_forget(r);
        arena_reset(&r->arena, RESET_POWER_ON);
        for (unsigned i = 0; i < 3; i++) {
            memcpy(r->disk[i].golden, r->disk[i].data, r->disk[i].blk.bytes);
        }
        rig_alive(r, P, 0);
        g_free(base);
        rig_free(r);
    }
    g_rand_free(rand);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/catalogue/IDE-01/data-port-after-the-end", test_ide_01);
    g_test_add_func("/catalogue/IDE-02/address-past-the-disc", test_ide_02);
    g_test_add_func("/catalogue/IDE-03/self-test-log-goes-round", test_ide_03);
    g_test_add_func("/catalogue/IDE-04/who-accepts-what", test_ide_04);
    g_test_add_func("/catalogue/IDE-05/geometry-of-zeros", test_ide_05);
    g_test_add_func("/catalogue/IDE-06/software-reset-at-each-step", test_ide_06);
    g_test_add_func("/catalogue/IDE-07/nobody-there", test_ide_07);
    g_test_add_func("/catalogue/IDE-08/reset-during-a-write", test_ide_08);
    g_test_add_func("/catalogue/IDE-09/table-sizes", test_ide_09);
    g_test_add_func("/catalogue/IDE-10/short-tables", test_ide_10);
    g_test_add_func("/catalogue/IDE-11/tables-that-loop", test_ide_11);
    g_test_add_func("/catalogue/IDE-12/byte-count-limit", test_ide_12);
    g_test_add_func("/catalogue/IDE-13/wrong-direction", test_ide_13);
    g_test_add_func("/catalogue/IDE-14/trim", test_ide_14);
    g_test_add_func("/catalogue/IDE-14/trim-the-most", test_ide_14_most);
    g_test_add_func("/catalogue/IDE-15/ends-of-the-disk", test_ide_15);
    g_test_add_func("/catalogue/IDE-16/every-width", test_ide_16);
    g_test_add_func("/catalogue/XEN-05/prd-read-once", test_xen_05);
    g_test_add_func("/catalogue/X-01/ide-into-registers", test_x_01);
    g_test_add_func("/catalogue/X-02/pieces", test_x_02);
    g_test_add_func("/catalogue/X-03/ide-end-of-ram", test_x_03);
    g_test_add_func("/catalogue/X-04/bus-master-off", test_x_04);
    g_test_add_func("/catalogue/X-05/atapi-every-reset", test_x_05);
    g_test_add_func("/ide/state-refused", test_state_refused);
    g_test_add_func("/catalogue/ST-01/ide", test_state);
    return g_test_run();
}
