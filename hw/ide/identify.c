/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IDENTIFY DEVICE and IDENTIFY PACKET DEVICE. ATA/ATAPI-6 (T13 1410D), 8.15 and 8.16; word 169 from
 * ACS-2. Guests see the values below as long as the machine's name stays the same.
 */
#include "ide/ide_int.h"

#define LBA28_MAX 0x0fffffffull
#define FIRMWARE  "1.0"

static void word_put(uint8_t *buf, unsigned word, uint16_t val)
{
    pci_put16(buf, word * 2, val);
}

static void words_put32(uint8_t *buf, unsigned word, uint32_t val)
{
    pci_put32(buf, word * 2, val);
}

/* ATA strings: padded with spaces, the first character in the high byte. */
static void string_put(uint8_t *buf, unsigned word, unsigned words, const char *s)
{
    for (unsigned i = 0; i < words * 2; i++) {
        buf[(word * 2 + i) ^ 1] = *s ? (uint8_t)*s++ : ' ';
    }
}

static void names_put(const struct ide_drive *d, uint8_t *buf, const char *model)
{
    char serial[] = "CL00001";

    serial[6] = (char)('1' + d->index);
    string_put(buf, 10, 10, d->serial ? d->serial : serial);
    string_put(buf, 23, 4, d->firmware ? d->firmware : FIRMWARE);
    string_put(buf, 27, 20, d->model ? d->model : model);
}

/* Words 53, 62-68, 88: transfer modes, with the selected one. */
static void modes_put(const struct ide_drive *d, uint8_t *buf)
{
    uint8_t mode = d->s->transfer_mode;
    uint8_t selected = (uint8_t)(1u << (mode & 7));
    uint8_t type = mode >> 3;

    word_put(buf, 53, 0x0007); /* words 54-58, 64-70 and 88 are valid */
    word_put(buf, 62, (uint16_t)(0x07 | (type == 2 ? selected << 8 : 0)));
    word_put(buf, 63, (uint16_t)(0x07 | (type == 4 ? selected << 8 : 0)));
    word_put(buf, 64, 0x03); /* PIO 3 and 4 */
    for (unsigned word = 65; word <= 68; word++) {
        word_put(buf, word, 120); /* cycle times in ns */
    }
    word_put(buf, 88, (uint16_t)(0x3f | (type == 8 ? selected << 8 : 0)));
}

/*
 * Word 93, hardware reset result: the number comes from a jumper; a lone device 0 says that it
 * answers for device 1, so that firmware need not look for one.
 */
static void reset_result_put(const struct ide_drive *d, uint8_t *buf)
{
    uint16_t val = 0x6000;

    if (d->index & 1) {
        val |= 0x0b00;
    } else {
        val |= 0x000b | (d->ch->drive[1].kind == IDE_KIND_NONE ? 0x0040 : 0x0030);
    }
    word_put(buf, 93, val);
}

static void checksum_put(uint8_t *buf)
{
    uint8_t sum = 0;

    buf[510] = 0xa5;
    for (unsigned i = 0; i < 511; i++) {
        sum = (uint8_t)(sum + buf[i]);
    }
    buf[511] = (uint8_t)-sum;
}

static void geometry_put(const struct ide_drive *d, uint8_t *buf)
{
    uint64_t total = ata_sectors(d);
    uint32_t heads = d->s->heads;
    uint32_t sectors = d->s->sectors;
    uint64_t cylinders = total / (heads * sectors);

    if (heads == d->heads && sectors == d->sectors) {
        cylinders = d->cylinders;
    }
    cylinders = cylinders < 65535 ? cylinders : 65535;
    word_put(buf, 1, d->cylinders);
    word_put(buf, 3, d->heads);
    word_put(buf, 6, d->sectors);
    word_put(buf, 54, (uint16_t)cylinders);
    word_put(buf, 55, (uint16_t)heads);
    word_put(buf, 56, (uint16_t)sectors);
    words_put32(buf, 57, (uint32_t)(cylinders * heads * sectors));
    words_put32(buf, 60, (uint32_t)(total < LBA28_MAX ? total : LBA28_MAX));
    words_put32(buf, 100, (uint32_t)total);
    words_put32(buf, 102, (uint32_t)(total >> 32));
}

static void disk_put(const struct ide_drive *d, uint8_t *buf)
{
    word_put(buf, 0, 0x0040); /* fixed */
    names_put(d, buf, "CLEAVE HARDDISK");
    geometry_put(d, buf);
    word_put(buf, 20, 3); /* dual ported buffer with read ahead, 256 KiB, 4 ECC bytes */
    word_put(buf, 21, 512);
    word_put(buf, 22, 4);
    word_put(buf, 47, 0x8000 | IDE_BUF_SECTORS);
    word_put(buf, 48, 1);      /* 32-bit data port */
    word_put(buf, 49, 0x0b00); /* IORDY, LBA, DMA */
    word_put(buf, 50, 0x4000);
    word_put(buf, 51, 0x0200);
    word_put(buf, 52, 0x0200);
    word_put(buf, 59, d->s->multiple ? 0x0100 | d->s->multiple : 0);
    modes_put(d, buf);
    word_put(buf, 80, 0x00f0); /* ATA-4 to ATA-7 */
    word_put(buf, 82, 0x4069); /* NOP, look-ahead, write cache, power management, SMART */
    word_put(buf, 83, 0x7400); /* FLUSH CACHE EXT, FLUSH CACHE, 48-bit */
    word_put(buf, 84, 0x4003); /* SMART self-test and error log */
    word_put(buf, 85,
             (uint16_t)(0x4008 | d->s->look_ahead << 6 | d->s->write_cache << 5 | d->s->smart));
    word_put(buf, 86, 0x3400);
    word_put(buf, 87, 0x4003);
    reset_result_put(d, buf);
    word_put(buf, 106, 0x6000); /* a physical sector is a logical sector */
    if (!d->blk->readonly) {
        word_put(buf, 105, 8); /* blocks of TRIM entries */
        word_put(buf, 169, 1);
    }
    checksum_put(buf);
}

static void packet_put(const struct ide_drive *d, uint8_t *buf)
{
    word_put(buf, 0, 0x85c0); /* ATAPI, CD, removable, DRQ within 50 us, 12-byte packets */
    names_put(d, buf, "CLEAVE CD-ROM");
    word_put(buf, 20, 3);
    word_put(buf, 21, 512);
    word_put(buf, 22, 4);
    word_put(buf, 48, 1);
    word_put(buf, 49, 0x0b00);
    modes_put(d, buf);
    word_put(buf, 71, 30);
    word_put(buf, 72, 30);
    word_put(buf, 80, 0x00f0);
    word_put(buf, 82, 0x4218); /* NOP, DEVICE RESET, PACKET, power management */
    word_put(buf, 83, 0x4000);
    word_put(buf, 84, 0x4000);
    word_put(buf, 85, 0x4218);
    word_put(buf, 87, 0x4000);
    reset_result_put(d, buf);
    checksum_put(buf);
}

void ata_identify(struct ide_drive *d)
{
    disk_put(d, ide_reply_clear(d->ch, BLK_SECTOR));
    d->ch->s->pos = 0;
    ide_pio_in(d->ch, IDE_WORK_REPLY, BLK_SECTOR);
}

void ata_identify_packet(struct ide_drive *d)
{
    packet_put(d, ide_reply_clear(d->ch, BLK_SECTOR));
    d->ch->s->pos = 0;
    ide_pio_in(d->ch, IDE_WORK_REPLY, BLK_SECTOR);
}
