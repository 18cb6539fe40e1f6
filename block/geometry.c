/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The geometry that a disk reports. Guests that partition by cylinders must see the one that the
 * disk was partitioned with, wherever it was; so the end of a partition in the boot record counts
 * first, as in other virtual machines that may have run the image before.
 */
#include "file.h"

#include <stdint.h>
#include <unistd.h>

#define HEADS         16u
#define SECTORS       63u
#define MAX_CYLINDERS 16383u
#define MIN_CYLINDERS 2u

#define TABLE      446u /* four entries of 16 bytes in the boot record */
#define ENTRY      16u
#define END_HEAD   5u
#define END_SECTOR 6u /* bits 0-5 */
#define LENGTH     12u

#define LARGE_TRACKS 131072u /* cylinders * heads that bit shifting alone can express */

static void geometry_standard(uint64_t sectors, struct block_geometry *g)
{
    uint64_t cylinders = sectors / (HEADS * SECTORS);

    cylinders = cylinders > MAX_CYLINDERS ? MAX_CYLINDERS : cylinders;
    g->cylinders = (uint16_t)(cylinders < MIN_CYLINDERS ? MIN_CYLINDERS : cylinders);
    g->heads = HEADS;
    g->sectors = SECTORS;
}

static enum block_translation geometry_shift(const struct block_geometry *g)
{
    return (uint32_t)g->cylinders * g->heads <= LARGE_TRACKS ? BLOCK_TRANSLATION_LARGE
                                                             : BLOCK_TRANSLATION_LBA;
}

/* A partition ends on the last sector of a cylinder; heads come out up to 256. */
static bool entry_geometry(const uint8_t *e, uint64_t total, uint32_t *cylinders, uint32_t *heads,
                           uint32_t *sectors)
{
    bool used = e[LENGTH] | e[LENGTH + 1] | e[LENGTH + 2] | e[LENGTH + 3];
    uint64_t n;

    *heads = e[END_HEAD] + 1u;
    *sectors = e[END_SECTOR] & 63;
    if (!used || e[END_HEAD] == 0 || *sectors == 0) {
        return false;
    }
    n = total / (*heads * *sectors);
    *cylinders = (uint32_t)n;
    return n >= 1 && n <= MAX_CYLINDERS;
}

void block_image_geometry(int fd, long long bytes, struct block_geometry *g)
{
    uint8_t mbr[BLK_SECTOR] = {0};
    uint64_t total = (uint64_t)bytes / BLK_SECTOR;
    uint32_t cylinders = 0;
    uint32_t heads = 0;
    uint32_t sectors = 0;
    bool found = false;

    if (pread(fd, mbr, sizeof(mbr), 0) == sizeof(mbr) && mbr[510] == 0x55 && mbr[511] == 0xaa) {
        for (unsigned i = 0; i < 4 && !found; i++) {
            found = entry_geometry(mbr + TABLE + i * ENTRY, total, &cylinders, &heads, &sectors);
        }
    }
    geometry_standard(total, g);
    if (!found) {
        bool fits = g->cylinders <= 1024;

        g->translation = fits ? BLOCK_TRANSLATION_NONE : geometry_shift(g);
    } else if (heads > HEADS) { /* partitioned through a translation, which the BIOS repeats */
        g->translation = geometry_shift(g);
    } else {
        g->cylinders = (uint16_t)cylinders;
        g->heads = (uint8_t)heads;
        g->sectors = (uint8_t)sectors;
        g->translation = BLOCK_TRANSLATION_NONE;
    }
}
