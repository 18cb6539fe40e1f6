/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: floppy disk controller with its DMA controller and two drives. */
#include "fuzz.h"

#include "floppy/fdc.h"

#define IMAGE_144 (1440u << 10)
#define IMAGE_360 (360u << 10)

static struct i8237 dma;
static struct fdc fdc;
static struct fuzz_blk *disk[3];
static struct blk no_disk;

/* Bit 0 of addr: the drive. Value: which disk, or none. */
static void media_change(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    fdc_change_disk(&fdc, addr & 1, (val & 3) < 3 ? &disk[val & 3]->blk : &no_disk);
}

static bool fdc_setup(struct fuzz_world *w)
{
    struct fdc_config cfg = {.irq = fuzz_line(w, 6), .dma = &dma};

    disk[0] = fuzz_blk_new(w, IMAGE_144, 1u << 20, false);
    disk[1] = fuzz_blk_new(w, IMAGE_360, 1u << 18, true);
    disk[2] = fuzz_blk_new(w, IMAGE_360, 1u << 18, false);
    cfg.drive[0] = &disk[0]->blk;
    cfg.drive[1] = &disk[1]->blk;
    fuzz_ports_add(w, "fdc", 0x3f0, 8);
    fuzz_ports_add(w, "fdc-fifo", 0x3f5, 1);
    fuzz_ports_add(w, "dma0", 0, 16);
    fuzz_ports_add(w, "dma1", 0xc0, 32);
    fuzz_ports_add(w, "dma-page", 0x80, 16);
    fuzz_ports_add(w, "dma-page-high", 0x480, 16);
    fuzz_action_add(w, "disk change", media_change);
    return i8237_init(&dma, &w->hw) == 0 && fdc_init(&fdc, &w->hw, &cfg) == 0;
}

static void fdc_reset(struct fuzz_world *w)
{
    for (unsigned i = 0; i < 2; i++) {
        if (fdc.drive[i] != &disk[i]->blk) {
            fdc_change_disk(&fdc, i, &disk[i]->blk);
        }
    }
}

FUZZ_TARGET(fdc) = {
    .name = "fdc",
    .about = "82077AA floppy disk controller, two drives, with the 8237A DMA controllers",
    .setup = fdc_setup,
    .reset = fdc_reset,
};
