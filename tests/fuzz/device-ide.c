/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz targets: the IDE function with disks, with CD drives, and with both and its bus master. */
#include "fuzz.h"

#include "ide/ide.h"

#define DISK_LARGE (200ull << 30)
#define DISK_SMALL (2ull << 20)
#define CD_BYTES   (1200u << 10)
#define CD_OTHER   (600u << 10)
#define CD_TINY    1024u
#define CD_HUGE    (1ull << 43) /* more blocks than 32 bits count */
#define IMAGE      (1u << 20)

/* Order of the windows. */
enum {
    WIN_COMMAND0,
    WIN_CONTROL0,
    WIN_COMMAND1,
    WIN_CONTROL1,
    WIN_BM,
};

static struct ide ide;
static struct fuzz_blk *disc[2];
static struct fuzz_blk *odd_disc[2];
static struct blk_ops no_finish;       /* of the second one */
static struct blk *medium[IDE_DRIVES]; /* at the start */

/* addr: the drive; value: which disc, or none. Refused for disks. */
static void media_change(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    struct blk *blk = (val & 3) < 2 ? &disc[val & 1]->blk : NULL;

    fuzz_note(w, "drive %u: disc %d: %d, tray locked %d", addr & 3, blk ? (int)(val & 1) : -1,
              ide_media_change(&ide, addr & 3, blk), ide_tray_locked(&ide, addr & 3));
}

static void tray_move(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    int err = ide_tray_move(&ide, addr & 3, val & 1);

    fuzz_note(w, "drive %u: tray open %d: %d, in flight %d", addr & 3,
              ide_tray_open(&ide, addr & 3), err, ide_in_flight(&ide));
}

/* A disk leaves for good; it is put back for the next input. */
static void unplug(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    if ((val & 7) == 0) {
        ide_unplug(&ide, addr & 3);
    }
}

/* Discs of odd sizes, and drives that there are not (addr 4 to 7). */
static void odd_medium(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    unsigned drive = addr & 7;
    int err = ide_media_change(&ide, drive, &odd_disc[val & 1]->blk);

    fuzz_note(w, "drive %u: odd disc %d: %d, tray open %d, locked %d", drive, (int)(val & 1), err,
              ide_tray_open(&ide, drive), ide_tray_locked(&ide, drive));
    ide_unplug(&ide, drive | IDE_DRIVES);
}

static void tray_moved(void *opaque, unsigned drive, bool open)
{
    fuzz_note(opaque, "drive %u: the guest moves the tray, open %d", drive, open);
}

static void windows_add(struct fuzz_world *w)
{
    fuzz_ports_add(w, "ide0", 0x1f0, 8);
    fuzz_ports_add(w, "ide0-control", 0x3f6, 1);
    fuzz_ports_add(w, "ide1", 0x170, 8);
    fuzz_ports_add(w, "ide1-control", 0x376, 1);
    fuzz_window_add(w, &(struct fuzz_window){"bmdma", FUZZ_PIO, 0xc000, 16, &ide.bm_ports, NULL});
    fuzz_action_add(w, "disc change", media_change);
    fuzz_action_add(w, "tray", tray_move);
    fuzz_action_add(w, "unplug", unplug);
    fuzz_action_add(w, "odd disc", odd_medium);
}

static void odd_discs_new(struct fuzz_world *w)
{
    odd_disc[0] = fuzz_blk_new(w, CD_TINY, FUZZ_PAGE, true);
    odd_disc[1] = fuzz_blk_new(w, CD_HUGE, IMAGE / 4, true);
    no_finish = *odd_disc[1]->blk.ops;
    no_finish.finish = NULL;
    odd_disc[1]->blk.ops = &no_finish;
}

static bool ide_setup(struct fuzz_world *w, const enum ide_kind kind[IDE_DRIVES])
{
    struct ide_config cfg = {.devfn = PCI_DEVFN(1, 1), .irq = {fuzz_line(w, 14), fuzz_line(w, 15)}};

    disc[0] = fuzz_blk_new(w, CD_BYTES, IMAGE, true);
    disc[1] = fuzz_blk_new(w, CD_OTHER, IMAGE / 4, true);
    for (unsigned i = 0; i < IDE_DRIVES; i++) {
        cfg.drive[i].kind = kind[i];
        if (kind[i] == IDE_KIND_DISK) {
            uint64_t bytes = i == 0 ? DISK_LARGE : DISK_SMALL;

            cfg.drive[i].blk = medium[i] = &fuzz_blk_new(w, bytes, IMAGE, i == 2)->blk;
        } else if (kind[i] == IDE_KIND_CD && i != 3) {
            cfg.drive[i].blk = medium[i] = &disc[0]->blk;
        }
    }
    cfg.drive[1].cylinders = 4; /* what its size gives, too */
    cfg.drive[1].heads = 16;
    cfg.drive[1].sectors = 63;
    cfg.drive[1].serial = "NUMBER";
    cfg.drive[1].firmware = "9.9";
    cfg.drive[1].model = "MODEL";
    odd_discs_new(w);
    windows_add(w);
    if (!fuzz_pci_new(w) || ide_init(&ide, &w->hw, w->pci, &cfg)) {
        return false;
    }
    ide.tray_moved = kind[0] == IDE_KIND_CD ? tray_moved : NULL;
    ide.tray_opaque = w;
    return true;
}

static bool hd_setup(struct fuzz_world *w)
{
    static const enum ide_kind kind[] = {IDE_KIND_DISK, IDE_KIND_DISK, IDE_KIND_DISK,
                                         IDE_KIND_NONE};

    return ide_setup(w, kind);
}

static bool cd_setup(struct fuzz_world *w)
{
    static const enum ide_kind kind[] = {IDE_KIND_CD, IDE_KIND_NONE, IDE_KIND_NONE, IDE_KIND_CD};

    return ide_setup(w, kind);
}

static bool bm_setup(struct fuzz_world *w)
{
    static const enum ide_kind kind[] = {IDE_KIND_DISK, IDE_KIND_DISK, IDE_KIND_CD, IDE_KIND_CD};

    return ide_setup(w, kind);
}

static void ide_reset(struct fuzz_world *w)
{
    for (unsigned i = 0; i < IDE_DRIVES; i++) {
        struct ide_drive *d = &ide.channel[i / 2].drive[i % 2];

        if (d->kind == IDE_KIND_CD && d->blk != medium[i]) {
            ide_media_change(&ide, i, medium[i]);
        } else if (d->kind == IDE_KIND_NONE && medium[i]) {
            d->kind = IDE_KIND_DISK;
            d->blk = medium[i];
        }
    }
}

/* --- typical sequences --- */

static struct fuzz_op out(unsigned window, unsigned reg, unsigned size, uint64_t val)
{
    return (struct fuzz_op){FUZZ_WRITE, (uint8_t)size, (uint8_t)window, reg, val};
}

/* Address, count and drive; the high order bytes too now and then. */
static size_t task_file(uint64_t r, struct fuzz_op *op, unsigned window)
{
    size_t n = 0;

    if ((r & 7) == 0) {
        op[n++] = out(window, 2, 1, 0);
        op[n++] = out(window, 3, 1, r >> 8 & 1);
        op[n++] = out(window, 5, 1, 0);
    }
    op[n++] = out(window, 2, 1, r >> 16 & (r & 8 ? 0xff : 7));
    op[n++] = out(window, 3, 1, r >> 24 & 0xff);
    op[n++] = out(window, 4, 1, r >> 32 & (r & 0x10 ? 0xff : 0));
    op[n++] = out(window, 5, 1, r >> 40 & (r & 0x20 ? 0xff : 0));
    op[n++] = out(window, 6, 1, (r >> 48 & 0x1f) | (r & 0x40 ? 0xe0 : 0xa0));
    return n;
}

static struct fuzz_op data(unsigned window, bool write, uint64_t count, uint64_t pattern)
{
    return (struct fuzz_op){write ? FUZZ_WRITE_REP : FUZZ_READ_REP, 2, (uint8_t)window, 0,
                            ((count - 1) & 0x7ff) | pattern << 16};
}

static const uint8_t ata_pio[] = {0x20, 0x24, 0x29, 0xc4, 0x30, 0x34, 0x39, 0xc5, 0xec, 0xb0,
                                  0x21, 0x40, 0x42, 0xe8, 0xe4, 0xf8, 0x37, 0xf9, 0x27, 0x91,
                                  0xc6, 0xef, 0xe5, 0xe0, 0xe7, 0xea, 0x10, 0x90, 0x00, 0x06,
                                  0xa1, 0x08, 0xe1, 0xe2, 0xe3, 0xe6, 0x70, 0x2f, 0x94, 0x95};
static const uint8_t ata_dma[] = {0xc8, 0x25, 0xca, 0x35, 0x06, 0xc9, 0xcb, 0x3d};

static size_t hd_pio(uint64_t (*rnd)(void), struct fuzz_op *op)
{
    static const uint8_t smart[] = {0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd8, 0xd9, 0xda, 0xdb};
    static const uint8_t feature[] = {0x02, 0x82, 0x03, 0x55, 0xaa, 0x66, 0xcc, 0x05, 0x85, 0x42};
    uint64_t r = rnd(), s = rnd();
    unsigned window = s & 3 ? WIN_COMMAND0 : WIN_COMMAND1;
    uint8_t command = ata_pio[(s >> 8) % sizeof(ata_pio)];
    size_t n = task_file(r, op, window);

    if (command == 0xb0) {
        op[n++] = out(window, 1, 1, smart[(s >> 16) % sizeof(smart)]);
        op[n++] = out(window, 4, 1, s >> 24 & 15 ? 0x4f : 0);
        op[n++] = out(window, 5, 1, s >> 28 & 15 ? 0xc2 : 0);
    } else if (command == 0xef) {
        op[n++] = out(window, 1, 1, feature[(s >> 16) % sizeof(feature)]);
        op[n++] = out(window, 2, 1, s >> 24 & 0x47);
    }
    op[n++] = out(window, 7, 1, command);
    if (s & 0x10) {
        op[n++] = data(window, (s & 0x60) == 0, 256u << (s >> 32 & 3), s >> 36);
    }
    op[n++] = (struct fuzz_op){FUZZ_READ, 1, (uint8_t)window, 7, 0};
    return n;
}

/* Descriptors in RAM, the bus master told of them and started, around a command. */
static size_t bm_around(uint64_t (*rnd)(void), struct fuzz_op *op, unsigned channel,
                        size_t (*command)(uint64_t (*rnd)(void), struct fuzz_op *op, unsigned ch))
{
    uint64_t r = rnd();
    uint32_t table = (uint32_t)(r >> 8 & 0x3ff00);
    unsigned prds = 1 + (r & 3);
    uint32_t bm = channel * 8;
    bool to_memory = r & 0x40;
    size_t n = 0;

    op[n++] = (struct fuzz_op){FUZZ_CFG_WRITE, 4, 0, 0x20, 0xc001};
    op[n++] = (struct fuzz_op){FUZZ_CFG_WRITE, 2, 0, 0x04, r & 0x80 ? 5 : 1};
    for (unsigned i = 0; i < prds; i++) {
        uint64_t s = rnd();
        uint64_t flags = (i + 1 == prds && s >> 60) ? 0x80000000u : 0;
        uint64_t len = s & 7 ? (s >> 8 & 0x7f) << 9 & 0xffff : s >> 16 & 0xffff;

        op[n++] = (struct fuzz_op){FUZZ_RAM_WRITE, 8, 0, table + 8 * i,
                                   (s >> 32 & 0xfffff) | (len | flags) << 32};
    }
    op[n++] = out(WIN_BM, bm + 4, 4, table);
    op[n++] = out(WIN_BM, bm, 1, to_memory ? 8 : 0);
    n += command(rnd, &op[n], channel);
    op[n++] = out(WIN_BM, bm, 1, to_memory ? 9 : 1);
    if (r & 0x1000) {
        op[n++] = (struct fuzz_op){FUZZ_BLK_DONE, 1, 0, 0, r >> 20 & 7};
        op[n++] = (struct fuzz_op){FUZZ_READ, 1, WIN_BM, bm + 2, 0};
        op[n++] = out(WIN_BM, bm, 1, 0);
        op[n++] = out(WIN_BM, bm + 2, 1, 6);
    }
    return n;
}

static size_t dma_command(uint64_t (*rnd)(void), struct fuzz_op *op, unsigned channel)
{
    unsigned window = channel ? WIN_COMMAND1 : WIN_COMMAND0;
    uint64_t r = rnd();
    size_t n = task_file(rnd(), op, window);

    op[n++] = out(window, 1, 1, r >> 8 & 1);
    op[n++] = out(window, 7, 1, ata_dma[r % sizeof(ata_dma)]);
    return n;
}

static const uint8_t packet_code[] = {
    0x00, 0x03, 0x12, 0x1b, 0x1b, 0x1e, 0x1e, 0x25, 0x28, 0xa8, 0xbe, 0x42, 0x43, 0x44, 0x46, 0x4a,
    0x51, 0x52, 0x5a, 0x1a, 0xbd, 0xad, 0xa4, 0x35, 0x2b, 0x4e, 0xbb, 0xb9, 0x15, 0x55, 0x23};

/* Requests are held back and end one by one, some of them with an error. */
static size_t held(uint64_t (*rnd)(void), struct fuzz_op *op, unsigned window)
{
    uint64_t r = rnd();
    bool write = r & 1;
    size_t n = 0;

    op[n++] = (struct fuzz_op){FUZZ_BLK_MODE, 1, 1, 0, 0};
    n += task_file(rnd() & ~0x1f08ull, &op[n], window);
    op[n++] = out(window, 2, 1, 1 + (r >> 8 & 31));
    op[n++] = out(window, 7, 1, write ? (r & 2 ? 0x30 : 0xc5) : (r & 2 ? 0x20 : 0xc4));
    for (unsigned i = 0; i < 4; i++) {
        op[n++] = write ? data(window, true, 2048, r) : data(window, false, 2048, 0);
        op[n++] = (struct fuzz_op){FUZZ_BLK_DONE, 1, 0, 0, r >> (16 + 3 * i) & (i ? 7 : 1)};
    }
    if (r >> 40 & 1) {
        op[n++] = out(window == WIN_COMMAND0 ? WIN_CONTROL0 : WIN_CONTROL1, 0, 1, r >> 41 & 6);
    }
    if (r >> 43 & 1) {
        op[n++] = (struct fuzz_op){FUZZ_BLK_MODE, 1, 0, 0, 0};
    }
    return n;
}

/* SMART on, a self-test, a log. */
static size_t smart(uint64_t (*rnd)(void), struct fuzz_op *op, unsigned window)
{
    static const uint8_t test[] = {0, 1, 2, 3, 0x7f, 0x81, 0x82, 0x40};
    static const uint8_t log[] = {0, 1, 6, 9, 0x80, 0x30, 2, 3};
    uint64_t r = rnd();
    const uint8_t feature[3] = {0xd8, 0xd4, r & 1 ? 0xd5 : (uint8_t)(0xd0 + (r >> 1 & 15))};
    const uint8_t low[3] = {0, test[r >> 8 & 7], log[r >> 12 & 7]};
    size_t n = 0;

    op[n++] = out(window, 6, 1, 0xa0 | (r >> 4 & 0x10));
    for (unsigned i = 0; i < 3; i++) {
        op[n++] = out(window, 1, 1, feature[i]);
        op[n++] = out(window, 2, 1, 1);
        op[n++] = out(window, 3, 1, low[i]);
        op[n++] = out(window, 4, 1, 0x4f);
        op[n++] = out(window, 5, 1, 0xc2);
        op[n++] = out(window, 7, 1, 0xb0);
    }
    op[n++] = data(window, r >> 16 & 1, 256, r >> 20);
    return n;
}

/* READ (10), READ (12) and READ CD of sectors that are there, within limits of any kind. */
static size_t packet_read(uint64_t (*rnd)(void), struct fuzz_op *op, unsigned channel)
{
    static const uint16_t limit[] = {0xfffe, 0xffff, 2048, 512, 2, 1, 2352, 3000};
    unsigned window = channel ? WIN_COMMAND1 : WIN_COMMAND0;
    uint64_t r = rnd();
    uint8_t blocks = (uint8_t)(1 + (r >> 8 & 7));
    uint8_t lba = (uint8_t)(r >> 16);
    static const uint8_t flags[] = {0x10, 0xf8, 0x78, 0x00};
    const uint8_t form[3][12] = {{0x28, 0, 0, 0, 0, lba, 0, 0, blocks},
                                 {0xa8, 0, 0, 0, 0, lba, 0, 0, 0, blocks},
                                 {0xbe, 0, 0, 0, 0, lba, 0, 0, blocks, flags[r >> 24 & 3]}};
    const uint8_t *p = form[(r >> 26 & 0xff) % 3];
    size_t n = 0;

    op[n++] = out(window, 6, 1, 0xa0);
    op[n++] = out(window, 1, 1, r & 1);
    op[n++] = out(window, 4, 1, limit[r >> 4 & 7] & 0xff);
    op[n++] = out(window, 5, 1, limit[r >> 4 & 7] >> 8);
    op[n++] = out(window, 7, 1, 0xa0);
    for (unsigned i = 0; i < 6; i++) {
        op[n++] = out(window, 0, 2, p[2 * i] | (uint64_t)p[2 * i + 1] << 8);
    }
    if (r >> 34 & 1) {
        op[n++] = data(window, false, 1024, 0);
    }
    return n;
}

/* PACKET with its twelve bytes; addresses and lengths are mostly small. */
static size_t packet(uint64_t (*rnd)(void), struct fuzz_op *op, unsigned channel)
{
    unsigned window = channel ? WIN_COMMAND1 : WIN_COMMAND0;
    uint64_t r = rnd(), s = rnd();
    uint8_t code = packet_code[(s >> 8) % sizeof(packet_code)];
    uint64_t first = code | (r >> 8 & (r & 1 ? 0xff : 0x02)) << 8;
    static const uint8_t page[] = {0x01, 0x0e, 0x2a, 0x3f, 0xaa, 0x10, 0x80, 0x05};
    uint64_t second = r & 2 ? r >> 16 & 0xffff : s >> 48 & 1 ? page[s >> 49 & 7] : 0;
    size_t n = 0;

    op[n++] = out(window, 6, 1, 0xa0 | (s & 0x10));
    op[n++] = out(window, 1, 1, s >> 16 & 1);
    op[n++] = out(window, 4, 1, s & 0x20 ? 0xff : s >> 24 & 0xff);
    op[n++] = out(window, 5, 1, s & 0x40 ? 0xff : s >> 32 & 0xff);
    op[n++] = out(window, 7, 1, 0xa0);
    op[n++] = out(window, 0, 2, first);
    op[n++] = out(window, 0, 2, second);
    op[n++] = out(window, 0, 2, r >> 32 & 0xff03); /* START, LOEJ, PREVENT */
    op[n++] = out(window, 0, 2, r & 4 ? (r >> 40 & 0xff) << 8 : r >> 24 & 0xffff);
    op[n++] = out(window, 0, 2, r & 8 ? 0x0040 : r >> 48 & 0xf8ff);
    op[n++] = out(window, 0, 2, 0);
    return n;
}

static size_t cd_pio(uint64_t (*rnd)(void), struct fuzz_op *op)
{
    uint64_t r = rnd();
    unsigned channel = r & 3 ? 0 : 1;
    size_t n = packet(rnd, op, channel);

    if (r & 4) {
        op[n++] = data(channel ? WIN_COMMAND1 : WIN_COMMAND0, false, 1u << (r >> 8 & 11), 0);
    }
    return n;
}

/* Door locked or not, opened and closed, and what then tells of it. */
static size_t tray(uint64_t (*rnd)(void), struct fuzz_op *op, unsigned channel)
{
    static const uint8_t code[][2] = {{0x1e, 1}, {0x1e, 0}, {0x1b, 2}, {0x1b, 3}, {0x1b, 2},
                                      {0x5a, 0}, {0xbd, 0}, {0x4a, 0}, {0x43, 0}, {0x1b, 0x12}};
    unsigned window = channel ? WIN_COMMAND1 : WIN_COMMAND0;
    size_t n = 0;

    op[n++] = out(window, 6, 1, 0xa0);
    op[n++] = out(window, 5, 1, 0x40);
    for (unsigned i = 0; i < 6; i++) {
        uint64_t r = rnd();
        unsigned c = (unsigned)(r & 0xff) % 10;

        op[n++] = out(window, 7, 1, 0xa0);
        op[n++] = out(window, 0, 2, i ? code[c][0] | (code[c][0] == 0x4a) << 8 : 0x03);
        op[n++] = out(window, 0, 2, code[c][0] == 0x5a ? 0x2a : 0);
        op[n++] = out(window, 0, 2, i ? code[c][1] | (code[c][0] == 0x4a ? 0x10 : 0) : 18);
        op[n++] = out(window, 0, 2, r >> 8 & 1 ? 0xaa : 1);
        op[n++] = out(window, 0, 2, 0x40);
        op[n++] = out(window, 0, 2, 0);
        op[n++] = data(window, false, 64, 0);
    }
    return n;
}

static size_t hd_generate(uint64_t (*rnd)(void), struct fuzz_op *op, size_t max)
{
    uint64_t r = rnd();

    switch (r & 7) {
    case 0:
        return bm_around(rnd, op, r >> 8 & 1, dma_command);
    case 1:
        return held(rnd, op, r >> 8 & 1 ? WIN_COMMAND0 : WIN_COMMAND1);
    case 2:
        return smart(rnd, op, r >> 8 & 3 ? WIN_COMMAND0 : WIN_COMMAND1);
    default:
        return hd_pio(rnd, op);
    }
}

static size_t cd_generate(uint64_t (*rnd)(void), struct fuzz_op *op, size_t max)
{
    switch (rnd() & 7) {
    case 0:
        return bm_around(rnd, op, 0, packet);
    case 1:
        return bm_around(rnd, op, 0, packet_read);
    case 2:
        return packet_read(rnd, op, 0);
    case 3:
        return tray(rnd, op, 0);
    default:
        return cd_pio(rnd, op);
    }
}

static size_t bm_generate(uint64_t (*rnd)(void), struct fuzz_op *op, size_t max)
{
    switch (rnd() & 7) {
    case 0:
        return hd_pio(rnd, op);
    case 1:
        return bm_around(rnd, op, 1, packet);
    case 2:
        return bm_around(rnd, op, 1, packet_read);
    default:
        return bm_around(rnd, op, 0, dma_command);
    }
}

FUZZ_TARGET(ide_hd) = {
    .name = "ide-hd",
    .about = "IDE with three disks (one of them read-only)",
    .setup = hd_setup,
    .reset = ide_reset,
    .generate = hd_generate,
};

FUZZ_TARGET(ide_cd) = {
    .name = "ide-cd",
    .about = "IDE with two CD drives (one of them empty)",
    .setup = cd_setup,
    .reset = ide_reset,
    .generate = cd_generate,
};

FUZZ_TARGET(bmdma) = {
    .name = "bmdma",
    .about = "IDE bus master with disks and CD drives",
    .setup = bm_setup,
    .reset = ide_reset,
    .generate = bm_generate,
};
