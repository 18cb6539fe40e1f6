/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hw/ide, the CD-ROM drive: packets, byte count limit, DMA, trays and media. */
#include "test-ide-rig.h"

#define P  RIG_PRIMARY
#define S  RIG_SECONDARY
#define CD 2048u

#define BLOCKS (RIG_SECTORS / 4)

#define NO_MEDIUM    0x023a00u
#define NEW_MEDIUM   0x062800u
#define OUT_OF_RANGE 0x052100u
#define BAD_OPCODE   0x052000u
#define BAD_FIELD    0x052400u
#define READ_ERROR   0x031100u

static uint8_t reply[70000];

/* Sends a packet of up to 12 bytes; returns the reply's length, asserts the final ERR bit. */
static uint32_t run(struct rig *r, bool ok, uint16_t limit, const uint8_t *packet, unsigned n)
{
    uint8_t full[12] = {0};
    uint8_t status;
    uint32_t len;

    memcpy(full, packet, n);
    len = atapi_pio(r, S, 0, full, limit, reply, sizeof(reply), &status);
    g_assert_cmphex(status & SPEC_ERR, ==, ok ? 0 : SPEC_ERR);
    return len;
}
#define RUN(r, ok, ...)                                                                            \
    run(r, ok, 0xfffe, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static void test_identify(void)
{
    struct rig *r = rig_new("--c-");
    uint8_t buf[512];

    ata_issue(r, S, 0, SPEC_CMD_IDENT, 0, 0);
    g_assert_cmphex(inb(r, S + 7), ==, 0x51);
    g_assert_cmphex(inb(r, S + 4) | inb(r, S + 5) << 8, ==, 0xeb14);
    ata_issue(r, S, 0, 0xa1, 0, 0);
    g_assert_cmphex(inb(r, S + 7), ==, 0x58);
    ata_data_in(r, S, buf, 256);
    g_assert_cmphex(buf[0] | buf[1] << 8, ==, 0x85c0);
    g_assert_cmphex(inb(r, S + 7), ==, 0x50);
    rig_free(r);
}

static void test_inquiry(void)
{
    struct rig *r = rig_new("--c-");

    g_assert_cmpuint(RUN(r, true, 0x12, 0, 0, 0, 36), ==, 36);
    g_assert_cmphex(reply[0], ==, 0x05);
    g_assert_cmpint(memcmp(reply + 8, "CLEAVE  CLEAVE CD-ROM   1.0 ", 28), ==, 0);
    g_assert_cmpuint(RUN(r, true, 0x12, 0, 0, 0, 5), ==, 5); /* odd, shorter than a reply */
    g_assert_cmpuint(RUN(r, true, 0x12, 0, 0, 0, 0), ==, 0);
    g_assert_cmpuint(RUN(r, false, 0x12, 1, 0, 0, 36), ==, 0);
    g_assert_cmphex(atapi_sense(r, S, 0), ==, BAD_FIELD);
    g_assert_cmphex(atapi_sense(r, S, 0), ==, 0);
    rig_free(r);
}

static void test_read(void)
{
    static const uint16_t limits[] = {2, 510, 511, 2000, 2048, 5120, 6144, 8192, 9000, 65534};
    struct rig *r = rig_new("--c-");
    uint8_t packet[12];
    uint8_t status;

    for (unsigned i = 0; i < G_N_ELEMENTS(limits); i++) {
        for (unsigned n = 1; n <= 31; n += 5) {
            memset(reply, 0, sizeof(reply));
            packet_read10(packet, 17, (uint16_t)n);
            g_assert_cmpuint(atapi_pio(r, S, 0, packet, limits[i], reply, sizeof(reply), &status),
                             ==, n * CD);
            g_assert_cmphex(status, ==, 0x50);
            g_assert_true(memcmp(reply, r->disk[2].data + 17 * CD, n * CD) == 0);
        }
    }
    g_assert_cmpuint(RUN(r, true, 0xa8, 0, 0, 0, 0, 3, 0, 0, 0, 2), ==, 2 * CD); /* READ(12) */
    g_assert_true(memcmp(reply, r->disk[2].data + 3 * CD, 2 * CD) == 0);
    g_assert_cmpuint(RUN(r, true, 0x28, 0, 0, 0, 0, 3, 0, 0, 0), ==, 0);
    rig_free(r);
}

/* One command for most of a DVD: its state is one that can be saved and loaded. */
static void test_read_long(void)
{
    struct rig *r = rig_new("--c-");
    uint64_t bytes = r->disk[2].blk.bytes;
    uint8_t packet[12] = {0xa8, 0, 0, 0, 0, 0, 0, 0x20, 0, 0}; /* 2097152 blocks: 4 GiB */

    r->disk[2].blk.bytes = 4700ull << 20;
    atapi_send(r, S, 0, packet, 0xfffe, 0);
    g_assert_nonnull(r->disk[2].pending);
    g_assert_cmpint(arena_check(&r->arena), ==, 0);
    arena_resume(&r->arena);
    g_assert_nonnull(r->disk[2].pending);
    rig_step(r);
    g_assert_cmpint(arena_check(&r->arena), ==, 0);
    ata_data_in(r, S, reply, 4096);
    g_assert_true(memcmp(reply, r->disk[2].data, 4096 * 2) == 0);
    outb(r, S + 7, 0x08);
    r->disk[2].blk.bytes = bytes;
    rig_free(r);
}

/* Each DRQ block has the full limit as long as there is that much (drivers count on it). */
static void test_bursts(void)
{
    struct rig *r = rig_new("--c-");
    uint8_t packet[12];
    uint32_t left = 10 * CD;

    packet_read10(packet, 0, 10);
    atapi_send(r, S, 0, packet, 5120, 0);
    g_assert_cmpint(r->line[1], ==, 0);
    while (left) {
        uint32_t n = MIN(left, 5120u);

        rig_run(r);
        g_assert_cmpint(r->line[1], ==, 1);
        g_assert_cmphex(inb(r, S + 7) & 0xc9, ==, SPEC_DRDY | SPEC_DRQ);
        g_assert_cmpuint(inb(r, S + 4) | inb(r, S + 5) << 8, ==, n);
        for (unsigned i = 0; i < n; i += 2) {
            rig_in(r, S, 2);
        }
        left -= n;
    }
    g_assert_cmpint(r->line[1], ==, 1); /* a packet command ends with an interrupt */
    g_assert_cmphex(inb(r, S + 7), ==, 0x50);
    rig_free(r);
}

static void test_read_cd(void)
{
    struct rig *r = rig_new("--c-");

    g_assert_cmpuint(RUN(r, true, 0xbe, 0, 0, 0, 0, 9, 0, 0, 2, 0x10), ==, 2 * CD);
    g_assert_true(memcmp(reply, r->disk[2].data + 9 * CD, 2 * CD) == 0);
    g_assert_cmpuint(RUN(r, true, 0xbe, 0, 0, 0, 0, 9, 0, 0, 5, 0xf8), ==, 5 * 2352);
    for (unsigned i = 0; i < 5; i++) {
        const uint8_t *p = reply + i * 2352;

        g_assert_cmphex(be32(p), ==, 0x00ffffff);
        g_assert_cmphex(be32(p + 12), ==, i ? 0x00020f01 + (i << 8) : 0x00020901); /* BCD, mode 1 */
        g_assert_true(memcmp(p + 16, r->disk[2].data + (9 + i) * CD, CD) == 0);
        g_assert_cmphex(p[2351], ==, 0);
    }
    g_assert_cmpuint(run(r, true, 0, (const uint8_t[]){0xbe, 0, 0, 0, 0, 9, 0, 0, 2, 0}, 10), ==,
                     0);
    g_assert_cmpuint(RUN(r, false, 0xbe, 0, 0, 0, 0, 9, 0, 0, 2, 0x08), ==, 0);
    g_assert_cmphex(atapi_sense(r, S, 0), ==, BAD_FIELD);
    rig_free(r);
}

static void test_dma(void)
{
    struct rig *r = rig_new("--c-");
    const struct rig_prd prd[] = {{0x20000, 0x1000}, {0x40000, 0x3000 | SPEC_PRD_EOT}};
    const struct rig_prd exact = {0x60000, 8 | SPEC_PRD_EOT};
    uint8_t packet[12];

    bm_table(r, prd, 2);
    packet_read10(packet, 21, 8);
    atapi_send(r, S, 0, packet, 0, 1); /* the limit means nothing for DMA */
    bm_start(r, S, true);
    rig_run(r);
    g_assert_cmphex(bm_status(r, S), ==, SPEC_BM_INTR);
    g_assert_cmphex(inb(r, S + 7), ==, 0x50);
    g_assert_true(memcmp(r->low + 0x20000, r->disk[2].data + 21 * CD, 0x1000) == 0);
    g_assert_true(memcmp(r->low + 0x40000, r->disk[2].data + 21 * CD + 0x1000, 0x3000) == 0);
    /* A reply by DMA. */
    memset(packet, 0, sizeof(packet));
    packet[0] = 0x25;
    bm_table(r, &exact, 1);
    atapi_send(r, S, 0, packet, 0, 1);
    bm_start(r, S, true);
    rig_run(r);
    g_assert_cmphex(bm_status(r, S), ==, SPEC_BM_INTR);
    g_assert_cmpuint(be32(r->low + 0x60000), ==, BLOCKS - 1);
    g_assert_cmphex(r->low[0x60008], ==, RIG_CANARY);
    /* Raw blocks by DMA, through the buffer. */
    const uint8_t raw[12] = {0xbe, 0, 0, 0, 0, 4, 0, 0, 2, 0xf8};
    const struct rig_prd two = {0x60000, (2 * 2352) | SPEC_PRD_EOT};

    bm_table(r, &two, 1);
    atapi_send(r, S, 0, raw, 0, 1);
    bm_start(r, S, true);
    rig_run(r);
    g_assert_cmphex(bm_status(r, S), ==, SPEC_BM_INTR);
    g_assert_true(memcmp(r->low + 0x60000 + 2352 + 16, r->disk[2].data + 5 * CD, CD) == 0);
    rig_free(r);
}

static void test_capacity_toc(void)
{
    struct rig *r = rig_new("--c-");

    g_assert_cmpuint(RUN(r, true, 0x25), ==, 8);
    g_assert_cmpuint(be32(reply), ==, BLOCKS - 1);
    g_assert_cmpuint(be32(reply + 4), ==, CD);
    g_assert_cmpuint(RUN(r, true, 0x43, 0, 0, 0, 0, 0, 0, 0, 255), ==, 20);
    g_assert_cmpuint(reply[0] << 8 | reply[1], ==, 18);
    g_assert_cmphex(reply[5], ==, 0x14);
    g_assert_cmphex(reply[14], ==, 0xaa);
    g_assert_cmpuint(be32(reply + 16), ==, BLOCKS);
    g_assert_cmpuint(RUN(r, true, 0x43, 2, 0, 0, 0, 0, 0xaa, 0, 255), ==, 12); /* MSF, lead-out */
    g_assert_cmphex(be32(reply + 8), ==, (((BLOCKS + 150) / 75) << 8 | (BLOCKS + 150) % 75));
    g_assert_cmpuint(RUN(r, true, 0x43, 0, 1, 0, 0, 0, 0, 0, 255), ==, 12);
    g_assert_cmpuint(RUN(r, true, 0x43, 0, 0, 0, 0, 0, 0, 0, 255, 0x40), ==, 12);
    g_assert_cmpuint(RUN(r, true, 0x43, 0, 2, 0, 0, 0, 0, 0, 255), ==, 48);
    g_assert_cmphex(reply[4 + 3], ==, 0xa0);
    g_assert_cmpuint(RUN(r, false, 0x43, 0, 3, 0, 0, 0, 0, 0, 255), ==, 0);
    g_assert_cmpuint(RUN(r, false, 0x43, 0, 0, 0, 0, 0, 2, 0, 255), ==, 0);
    g_assert_cmpuint(RUN(r, true, 0x51, 0, 0, 0, 0, 0, 0, 0, 255), ==, 34);
    g_assert_cmpuint(RUN(r, true, 0x2b, 0, 0, 0, 0, 9), ==, 0);
    g_assert_cmpuint(RUN(r, false, 0x2b, 0, 1, 0, 0, 0), ==, 0);
    g_assert_cmphex(atapi_sense(r, S, 0), ==, OUT_OF_RANGE);
    rig_free(r);
}

static void test_capabilities(void)
{
    struct rig *r = rig_new("--c-");

    g_assert_cmpuint(RUN(r, true, 0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 255), ==, 30);
    g_assert_cmphex(reply[8], ==, 0x2a);
    g_assert_cmpuint(RUN(r, true, 0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 255), ==, 38);
    g_assert_cmpuint(RUN(r, false, 0x5a, 0, 0x33, 0, 0, 0, 0, 0, 255), ==, 0);
    g_assert_cmpuint(RUN(r, false, 0x5a, 0, 0xea, 0, 0, 0, 0, 0, 255), ==, 0);
    g_assert_cmphex(atapi_sense(r, S, 0), ==, 0x053900);
    g_assert_cmpuint(RUN(r, true, 0x46, 0, 0, 0, 0, 0, 0, 1, 0), ==, be32(reply) + 4);
    g_assert_cmphex(reply[7], ==, 0x08);
    g_assert_cmpuint(RUN(r, true, 0x46, 2, 0, 3, 0, 0, 0, 1, 0), ==, 16);
    g_assert_cmpuint(RUN(r, false, 0x46, 3, 0, 0, 0, 0, 0, 1, 0), ==, 0);
    g_assert_cmpuint(RUN(r, true, 0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8), ==, 8);
    g_assert_cmpuint(RUN(r, true, 0xbb, 0, 0xff, 0xff), ==, 0);
    g_assert_cmpuint(RUN(r, false, 0xff), ==, 0);
    g_assert_cmphex(atapi_sense(r, S, 0), ==, BAD_OPCODE);
    rig_free(r);
}

static void test_tray(void)
{
    struct rig *r = rig_new("--c-");

    g_assert_cmpuint(RUN(r, true, 0x1e, 0, 0, 0, 1), ==, 0);
    g_assert_true(ide_tray_locked(&r->ide, 2));
    g_assert_cmpuint(RUN(r, false, 0x1b, 0, 0, 0, 2), ==, 0);
    g_assert_cmphex(atapi_sense(r, S, 0), ==, 0x055302);
    RUN(r, true, 0x00);
    g_assert_cmpuint(RUN(r, true, 0x1e, 0, 0, 0, 0), ==, 0);
    g_assert_cmpuint(RUN(r, true, 0x1b, 0, 0, 0, 2), ==, 0); /* open */
    RUN(r, false, 0x00);
    g_assert_cmphex(atapi_sense(r, S, 0), ==, NO_MEDIUM);
    g_assert_cmpuint(RUN(r, true, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 255), ==, 8);
    g_assert_cmphex(reply[4], ==, 3); /* removed */
    g_assert_cmphex(reply[5], ==, 1);
    g_assert_cmpuint(RUN(r, true, 0x1b, 0, 0, 0, 3), ==, 0); /* closed */
    g_assert_cmpuint(RUN(r, true, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 255), ==, 8);
    g_assert_cmphex(reply[4], ==, 2); /* new medium */
    g_assert_cmphex(reply[5], ==, 2);
    RUN(r, false, 0x00);
    g_assert_cmphex(atapi_sense(r, S, 0), ==, NEW_MEDIUM);
    RUN(r, true, 0x00);
    g_assert_cmpuint(RUN(r, true, 0x1b, 0, 0, 0, 0x32), ==, 0); /* power condition: no tray */
    RUN(r, true, 0x00);
    rig_free(r);
}

static void test_empty(void)
{
    struct rig *r = rig_new("--e-");
    static const uint8_t medium[] = {0x00, 0x25, 0x28, 0x2b, 0x43, 0x51, 0xa8, 0xbe};

    for (unsigned i = 0; i < sizeof(medium); i++) {
        g_assert_cmpuint(RUN(r, false, medium[i], 0, 0, 0, 0, 0, 0, 0, 1, 0x10), ==, 0);
        g_assert_cmphex(atapi_sense(r, S, 0), ==, NO_MEDIUM);
    }
    g_assert_cmpuint(RUN(r, true, 0x12, 0, 0, 0, 36), ==, 36);
    g_assert_cmpuint(RUN(r, true, 0x46, 0, 0, 0, 0, 0, 0, 1, 0), >, 8);
    g_assert_cmphex(reply[7], ==, 0); /* no current profile */
    rig_free(r);
}

static void test_media_change(void)
{
    struct rig *r = rig_new("d-ce");
    struct blk *disc = &r->disk[2].blk;

    g_assert_cmpint(ide_media_change(&r->ide, 0, disc), ==, -EINVAL);
    g_assert_cmpint(ide_media_change(&r->ide, 4, disc), ==, -EINVAL);
    g_assert_cmpint(ide_media_change(&r->ide, 2, NULL), ==, 0);
    RUN(r, false, 0x00);
    g_assert_cmphex(atapi_sense(r, S, 0), ==, NO_MEDIUM);
    g_assert_cmpint(ide_media_change(&r->ide, 2, disc), ==, 0);
    g_assert_cmpuint(RUN(r, true, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 255), ==, 8);
    g_assert_cmphex(reply[4], ==, 2); /* new medium */
    RUN(r, true, 0x12, 0, 0, 0, 36);  /* INQUIRY does not consume it */
    RUN(r, false, 0x00);
    g_assert_cmphex(atapi_sense(r, S, 0), ==, NO_MEDIUM);
    RUN(r, false, 0x00);
    g_assert_cmphex(atapi_sense(r, S, 0), ==, NEW_MEDIUM);
    RUN(r, true, 0x00);
    rig_free(r);
}

/* The guest opens the tray, the host changes the disc, the guest closes the tray. */
static void test_media_change_open(void)
{
    struct rig *r = rig_new("--c-");
    struct blk *disc = &r->disk[2].blk;

    g_assert_cmpuint(RUN(r, true, 0x1b, 0, 0, 0, 2), ==, 0);
    g_assert_cmpint(ide_media_change(&r->ide, 2, NULL), ==, 0);
    g_assert_cmpint(ide_tray_move(&r->ide, 2, true), ==, 0);
    g_assert_cmpint(ide_media_change(&r->ide, 2, disc), ==, 0);
    g_assert_cmpint(ide_tray_move(&r->ide, 2, true), ==, 0);
    RUN(r, false, 0x00);
    g_assert_cmphex(atapi_sense(r, S, 0), ==, NO_MEDIUM);
    g_assert_cmpuint(RUN(r, true, 0x1b, 0, 0, 0, 3), ==, 0);
    RUN(r, false, 0x00);
    g_assert_cmphex(atapi_sense(r, S, 0), ==, NEW_MEDIUM);
    RUN(r, true, 0x00);
    rig_free(r);
}

/* An empty tray that closes has nothing new; that the disc is gone can still be polled. */
static void test_tray_emptied(void)
{
    struct rig *r = rig_new("--c-");

    g_assert_cmpuint(RUN(r, true, 0x1b, 0, 0, 0, 2), ==, 0);
    g_assert_cmpint(ide_media_change(&r->ide, 2, NULL), ==, 0);
    g_assert_cmpint(ide_tray_move(&r->ide, 2, true), ==, 0);
    g_assert_cmpuint(RUN(r, true, 0x1b, 0, 0, 0, 3), ==, 0);
    RUN(r, false, 0x00);
    g_assert_cmphex(atapi_sense(r, S, 0), ==, NO_MEDIUM);
    g_assert_cmpuint(RUN(r, true, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 255), ==, 8);
    g_assert_cmphex(reply[4], ==, 3);
    g_assert_cmphex(reply[5], ==, 0);
    rig_free(r);
}

static void test_media_error(void)
{
    struct rig *r = rig_new("--c-");
    const struct rig_prd prd = {0x20000, CD | SPEC_PRD_EOT};
    uint8_t packet[12];

    r->disk[2].fail_sector = 40;
    RUN(r, false, 0x28, 0, 0, 0, 0, 10, 0, 0, 1);
    g_assert_cmphex(atapi_sense(r, S, 0), ==, READ_ERROR);
    bm_table(r, &prd, 1);
    packet_read10(packet, 10, 1);
    atapi_send(r, S, 0, packet, 0, 1);
    bm_start(r, S, true);
    rig_run(r);
    g_assert_cmphex(inb(r, S + 7), ==, 0x51);
    g_assert_cmphex(bm_status(r, S) & SPEC_BM_INTR, ==, SPEC_BM_INTR);
    bm_stop_write(r, S);
    g_assert_cmphex(atapi_sense(r, S, 0), ==, READ_ERROR);
    rig_free(r);
}

static void test_device_reset(void)
{
    struct rig *r = rig_new("--cd");
    uint8_t packet[12];

    packet_read10(packet, 0, 4);
    atapi_send(r, S, 0, packet, 2048, 0);
    g_assert_cmphex(alt(r, S) & SPEC_BSY, ==, SPEC_BSY);
    outb(r, S + 7, 0x08); /* heard while busy */
    g_assert_null(r->disk[2].pending);
    g_assert_cmphex(inb(r, S + 7), ==, 0);
    g_assert_cmphex(inb(r, S + 4) | inb(r, S + 5) << 8, ==, 0xeb14);
    RUN(r, true, 0x00);
    /* A disk refuses it. */
    ata_issue(r, S, 1, 0x08, 0, 0);
    g_assert_cmphex(inb(r, S + 7), ==, 0x51);
    rig_free(r);
}

struct moved {
    unsigned n;
    unsigned drive;
    bool open;
};

static void tray_moved(void *opaque, unsigned drive, bool open)
{
    struct moved *m = opaque;

    *m = (struct moved){m->n + 1, drive, open};
}

/* The host moves the tray with the disc in it: the guest is told as if it were another. */
static void test_tray_host(void)
{
    struct rig *r = rig_new("d-c-");

    g_assert_cmpint(ide_tray_move(&r->ide, 0, true), ==, -EINVAL);
    g_assert_cmpint(ide_tray_move(&r->ide, 7, true), ==, -EINVAL);
    RUN(r, true, 0x00);
    g_assert_cmpint(ide_tray_move(&r->ide, 2, false), ==, 0); /* where it is */
    RUN(r, true, 0x00);
    g_assert_cmpint(ide_tray_move(&r->ide, 2, true), ==, 0);
    g_assert_true(ide_tray_open(&r->ide, 2));
    RUN(r, false, 0x00);
    g_assert_cmphex(atapi_sense(r, S, 0), ==, NO_MEDIUM);
    g_assert_cmpuint(RUN(r, true, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 255), ==, 8);
    g_assert_cmphex(reply[4], ==, 3); /* removal */
    g_assert_cmpint(ide_tray_move(&r->ide, 2, false), ==, 0);
    RUN(r, false, 0x00);
    g_assert_cmphex(atapi_sense(r, S, 0), ==, NO_MEDIUM);
    RUN(r, false, 0x00);
    g_assert_cmphex(atapi_sense(r, S, 0), ==, NEW_MEDIUM);
    RUN(r, true, 0x00);
    rig_free(r);
}

/* The host hears of what the guest does with the tray, once per movement. */
static void test_tray_guest(void)
{
    struct rig *r = rig_new("--c-");
    struct moved m = {0, 0, false};

    r->ide.tray_moved = tray_moved;
    r->ide.tray_opaque = &m;
    RUN(r, true, 0x1b, 0, 0, 0, 2);
    g_assert_cmpuint(m.n, ==, 1);
    g_assert_cmpuint(m.drive, ==, 2);
    g_assert_true(m.open);
    RUN(r, true, 0x1b, 0, 0, 0, 2);
    g_assert_cmpuint(m.n, ==, 1);
    RUN(r, true, 0x1b, 0, 0, 0, 3);
    g_assert_cmpuint(m.n, ==, 2);
    g_assert_false(m.open);
    RUN(r, false, 0x00); /* the unit attention of a new medium */
    RUN(r, true, 0x1e, 0, 0, 0, 1);
    RUN(r, false, 0x1b, 0, 0, 0, 2); /* locked */
    g_assert_cmpuint(m.n, ==, 2);
    ide_tray_move(&r->ide, 2, true); /* the host need not be told what it did */
    g_assert_cmpuint(m.n, ==, 2);
    rig_free(r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/atapi/identify", test_identify);
    g_test_add_func("/atapi/inquiry", test_inquiry);
    g_test_add_func("/atapi/read", test_read);
    g_test_add_func("/atapi/read-long", test_read_long);
    g_test_add_func("/atapi/bursts", test_bursts);
    g_test_add_func("/atapi/read-cd", test_read_cd);
    g_test_add_func("/atapi/dma", test_dma);
    g_test_add_func("/atapi/capacity-toc", test_capacity_toc);
    g_test_add_func("/atapi/capabilities", test_capabilities);
    g_test_add_func("/atapi/tray", test_tray);
    g_test_add_func("/atapi/empty", test_empty);
    g_test_add_func("/atapi/media-change", test_media_change);
    g_test_add_func("/atapi/media-change-open", test_media_change_open);
    g_test_add_func("/atapi/tray-emptied", test_tray_emptied);
    g_test_add_func("/atapi/tray-host", test_tray_host);
    g_test_add_func("/atapi/tray-guest", test_tray_guest);
    g_test_add_func("/atapi/media-error", test_media_error);
    g_test_add_func("/atapi/device-reset", test_device_reset);
    return g_test_run();
}
