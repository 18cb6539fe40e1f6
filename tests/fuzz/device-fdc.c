/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: floppy disk controller with its DMA controller and two drives. */
#include "fuzz.h"

#include "floppy/fdc.h"

#define IMAGE_144 (1440u << 10)
#define IMAGE_360 (360u << 10)
#define IMAGE_180 (180u << 10)
#define IMAGE_BIG (3000u << 10) /* more than any format holds */

static struct i8237 dma;
static struct fdc fdc;
static struct fuzz_blk *disk[5];
static struct blk no_disk;

/* Bit 0 of addr: the drive. Value: which disk, or none. */
static void media_change(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    if (!fdc.drive[addr & 1]) {
        return; /* no drive, no slot */
    }
    fdc_change_disk(&fdc, addr & 1, (val & 3) < 3 ? &disk[val & 3]->blk : &no_disk);
    if (fdc_cmos_type(&fdc, addr & 1) != ((val & 3) % 3 ? 2 : 4)) {
        fuzz_finding(w, "the wrong type of drive for disk %u", (unsigned)val & 3);
    }
}

/* The same with a disk of one side, or one whose image is larger than disks are. */
static void odd_disk(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    if (fdc.drive[addr & 1]) {
        fdc_change_disk(&fdc, addr & 1, &disk[3 + (val & 1)]->blk);
    }
}

/* Value bit 0: no DMA controller is wired to it. */
static void wiring(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    fdc.dma = val & 1 ? NULL : &dma;
}

static bool setup(struct fuzz_world *w, bool compat)
{
    struct fdc_config cfg = {.irq = fuzz_line(w, 6), .dma = &dma, .compat = compat};

    disk[0] = fuzz_blk_new(w, IMAGE_144, 1u << 20, false);
    disk[1] = fuzz_blk_new(w, IMAGE_360, 1u << 18, true);
    disk[2] = fuzz_blk_new(w, IMAGE_360, 1u << 18, false);
    disk[3] = fuzz_blk_new(w, IMAGE_180, 1u << 18, false);
    disk[4] = fuzz_blk_new(w, IMAGE_BIG, 1u << 18, false);
    cfg.drive[0] = &disk[0]->blk;
    cfg.drive[1] = compat ? NULL : &disk[1]->blk;
    fuzz_ports_add(w, "fdc", 0x3f0, 8);
    fuzz_ports_add(w, "fdc-fifo", 0x3f5, 1);
    fuzz_ports_add(w, "dma0", 0, 16);
    fuzz_ports_add(w, "dma1", 0xc0, 32);
    fuzz_ports_add(w, "dma-page", 0x80, 16);
    fuzz_ports_add(w, "dma-page-high", 0x480, 16);
    fuzz_action_add(w, "disk change", media_change);
    fuzz_action_add(w, "odd disk", odd_disk);
    fuzz_action_add(w, "wiring", wiring);
    if (i8237_init(&dma, &w->hw) || fdc_init(&fdc, &w->hw, &cfg)) {
        return false;
    }
    return fdc_cmos_type(&fdc, 0) == 4 && fdc_cmos_type(&fdc, 2) == 0 &&
           !fdc_cmos_type(&fdc, 1) == compat;
}

static bool fdc_setup(struct fuzz_world *w)
{
    return setup(w, false);
}

static bool compat_setup(struct fuzz_world *w)
{
    return setup(w, true);
}

/* --- typical sequences --- */

enum {
    WIN_FDC,
    WIN_FIFO,
    WIN_DMA0,
    WIN_DMA1,
    WIN_PAGE,
};

static struct fuzz_op out(unsigned window, unsigned addr, uint64_t val)
{
    return (struct fuzz_op){FUZZ_WRITE, 1, (uint8_t)window, addr, val & 0xff};
}

/* Channel 2: mode, address, count, page, unmasked. */
static size_t dma_set_up(uint64_t r, struct fuzz_op *op)
{
    static const uint8_t mode[] = {0x46, 0x4a, 0x42, 0x56, 0x5a, 0x66, 0x06, 0xc6};
    const struct fuzz_op list[] = {out(WIN_DMA0, 12, 0),          out(WIN_DMA0, 11, mode[r & 7]),
                                   out(WIN_DMA0, 4, r >> 8),      out(WIN_DMA0, 4, r >> 16),
                                   out(WIN_DMA0, 5, r >> 24),     out(WIN_DMA0, 5, r >> 32 & 7),
                                   out(WIN_PAGE, 1, r >> 40 & 3), out(WIN_DMA1, 0x14, 0),
                                   out(WIN_DMA0, 10, 2)};
    size_t n = sizeof(list) / sizeof(list[0]);

    for (size_t i = 0; i < n; i++) {
        op[i] = list[i];
    }
    return n;
}

/* Opcodes and how many parameters they take. */
static const struct {
    uint8_t opcode, params;
} command[] = {{0x46, 8}, {0xe6, 8}, {0x66, 8}, {0x4c, 8}, {0x6c, 8}, {0x45, 8}, {0xc5, 8},
               {0x49, 8}, {0x42, 8}, {0x56, 8}, {0xd6, 8}, {0x4a, 1}, {0x4d, 5}, {0x07, 1},
               {0x08, 0}, {0x03, 2}, {0x04, 1}, {0x0f, 2}, {0x8f, 2}, {0xcf, 2}, {0x13, 3},
               {0x0e, 0}, {0x10, 0}, {0x12, 1}, {0x14, 0}, {0x94, 0}, {0x8e, 5}, {0x18, 0}};

/* C, H, R, N, EOT, GPL and DTL fit the drive, mostly; the head in the unit byte agrees. */
static size_t parameters(uint64_t r, struct fuzz_op *op, unsigned count)
{
    uint8_t head = r >> 2 & 1;
    const uint8_t val[8] = {(uint8_t)((r & 1) | head << 2 | ((r >> 60) == 0 ? 0x80 : 0)),
                            (uint8_t)(r >> 8 & (r >> 61 ? 0x03 : 0x7f)),
                            (uint8_t)(r >> 56 & 15 ? head : !head),
                            (uint8_t)(r >> 16 & (r >> 62 ? 0x0f : 0x1f)),
                            (uint8_t)(r >> 20 & 15 ? 2 : 3),
                            (uint8_t)(r >> 24 & 1 ? 18 : r >> 25 & 15),
                            0x1b,
                            (uint8_t)(r >> 32)};
    /* FORMAT TRACK has N, sectors, gap, filler behind the unit; CONFIGURE a zero first. */
    const uint8_t format[5] = {val[0], 2, (uint8_t)(r >> 40 & 1 ? 18 : r >> 41 & 31), 0x50, 0xf6};
    const uint8_t *list = count == 5 ? format : val;
    const uint8_t configure[3] = {0, (uint8_t)(r >> 8), (uint8_t)(r >> 16)};

    list = count == 3 ? configure : list;
    for (unsigned i = 0; i < count; i++) {
        op[i] = out(WIN_FIFO, 0, list[i]);
    }
    return count;
}

/* A whole transfer by the CPU: drive on, mode, head at cylinder 0, command, data, result. */
static size_t transfer(uint64_t (*rnd)(void), struct fuzz_op *op)
{
    static const uint8_t code[] = {0x46, 0xc6, 0x45, 0xc5, 0x4d, 0x42, 0x56, 0x49};
    uint64_t r = rnd();
    uint8_t unit = (uint8_t)((r >> 8 & 7) == 0), head = r >> 12 & 1;
    uint8_t opcode = code[r & 7], record = (uint8_t)(1 + (r >> 16 & 7));
    uint8_t eot = (uint8_t)(record + (r >> 20 & 3));
    bool format = opcode == 0x4d,
         write = format || opcode == 0x45 || opcode == 0xc5 || opcode == 0x49;
    const uint8_t list[] = {0x03, 0xdf,   (uint8_t)(0x02 | (r >> 24 & 7 ? 1 : 0)),       0x07, unit,
                            0x08, opcode, (uint8_t)(unit | head << 2 | (r >> 28 & 0x80))};
    const uint8_t data[] = {0, head, record, 2, eot, 0x1b, (uint8_t)(r >> 32 & 3 ? 0xff : 2)};
    const uint8_t track[] = {2, (uint8_t)(r >> 34 & 3), 0x50, 0xf6};
    size_t n = 0;

    op[n++] = out(WIN_FDC, 2, 0x3c | unit);
    for (unsigned i = 0; i < sizeof(list); i++) {
        op[n++] = out(WIN_FIFO, 0, list[i]);
    }
    for (unsigned i = 0; i < (format ? sizeof(track) : sizeof(data)); i++) {
        op[n++] = out(WIN_FIFO, 0, format ? track[i] : data[i]);
    }
    op[n++] = (struct fuzz_op){FUZZ_READ, 1, WIN_FDC, 4, 0};
    for (unsigned i = 0; format && i < 8; i++) {
        op[n++] = out(WIN_FIFO, 0, i % 4 == 1 ? head : i % 4 == 3 ? 2 : i);
    }
    op[n++] = (struct fuzz_op){write ? FUZZ_WRITE_REP : FUZZ_READ_REP, 1, WIN_FIFO, 0,
                               r >> 40 & 7 ? 511 : 1023};
    if (r >> 37 & 1) {
        op[n++] = (struct fuzz_op){FUZZ_ACTION, 1, 0, unit, r >> 38 & 3};
    }
    op[n++] = (struct fuzz_op){FUZZ_READ_REP, 1, WIN_FIFO, 0, 6};
    return n;
}

/* Requests wait while disks change and resets come. */
static size_t interrupted(uint64_t (*rnd)(void), struct fuzz_op *op)
{
    size_t n = 0;

    op[n++] = (struct fuzz_op){FUZZ_BLK_MODE, 1, 1, 0, 0};
    n += transfer(rnd, &op[n]);
    op[n++] = rnd() & 1 ? (struct fuzz_op){FUZZ_ACTION, 1, 0, 0, rnd() & 3}
                        : out(WIN_FDC, rnd() & 1 ? 2 : 4, rnd());
    return n;
}

static size_t fdc_generate(uint64_t (*rnd)(void), struct fuzz_op *op, size_t max)
{
    uint64_t r = rnd(), s = rnd();
    unsigned c = (unsigned)(s >> 8) % (sizeof(command) / sizeof(command[0]));
    size_t n = 0;

    if (s >> 60 < 2) {
        return transfer(rnd, op);
    }
    if (s >> 60 < 3) {
        return interrupted(rnd, op);
    }
    if (s & 1) {
        op[n++] = out(WIN_FDC, 2, 0x3c | (r & 1));
    }
    if ((s & 6) == 0) {
        n += dma_set_up(rnd(), &op[n]);
    }
    if ((s & 0x38) == 0) { /* SPECIFY: with DMA or without */
        op[n++] = out(WIN_FIFO, 0, 0x03);
        op[n++] = out(WIN_FIFO, 0, 0xdf);
        op[n++] = out(WIN_FIFO, 0, 0x02 | (s >> 40 & 1));
    }
    op[n++] = out(WIN_FIFO, 0, command[c].opcode);
    n += parameters(r, &op[n], command[c].params);
    op[n++] = (struct fuzz_op){FUZZ_READ, 1, WIN_FDC, 4, 0};
    if (s >> 48 & 1) {
        op[n++] = (struct fuzz_op){FUZZ_ACTION, 1, 0, (uint32_t)(s >> 49 & 1), s >> 50 & 3};
    }
    if (s >> 52 & 1) { /* the IDs of a track to format, head 0 or 1 */
        for (unsigned i = 0; i < 4; i++) {
            op[n++] = out(WIN_FIFO, 0, i == 3 ? 2 : i == 1 ? r >> 2 & 1 : i);
        }
    }
    if (s >> 41 & 1) {
        op[n++] = (struct fuzz_op){s >> 42 & 1 ? FUZZ_WRITE_REP : FUZZ_READ_REP, 1, WIN_FIFO, 0,
                                   s >> 43 & 1 ? 511 | 0x02120000 : 6};
    }
    if (s >> 53 & 1) {
        op[n++] = (struct fuzz_op){FUZZ_BLK_MODE, 1, (uint8_t)(s >> 54 & 1), 0, 0};
    }
    if (s >> 44 & 1) {
        op[n++] = (struct fuzz_op){FUZZ_BLK_DONE, 1, 0, 0, s >> 45 & 7};
    }
    return n;
}

static void fdc_reset(struct fuzz_world *w)
{
    fdc.dma = &dma;
    for (unsigned i = 0; i < 2; i++) {
        struct blk *first = i && fdc.compat ? NULL : &disk[i]->blk;

        if (fdc.drive[i] != first) {
            fdc_change_disk(&fdc, i, first);
        }
    }
}

FUZZ_TARGET(fdc) = {
    .name = "fdc",
    .about = "82077AA floppy disk controller, two drives, with the 8237A DMA controllers",
    .setup = fdc_setup,
    .reset = fdc_reset,
    .generate = fdc_generate,
};

FUZZ_TARGET(fdc_compat) = {
    .name = "fdc-compat",
    .about = "the same as the standalone world sets it, with one drive",
    .setup = compat_setup,
    .reset = fdc_reset,
    .generate = fdc_generate,
};
