/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of hw/ide share. Names are those of ATA/ATAPI-6 (T13 1410D) and of the Programming
 * Interface for Bus Master IDE Controller, revision 1.0.
 */
#ifndef CLEAVE_HW_IDE_INT_H
#define CLEAVE_HW_IDE_INT_H

#include "ide/ide.h"

/* Status register. */
#define ATA_ERR  0x01u
#define ATA_DRQ  0x08u
#define ATA_DSC  0x10u
#define ATA_DF   0x20u
#define ATA_DRDY 0x40u
#define ATA_BSY  0x80u

/* Error register. */
#define ATA_ABRT 0x04u
#define ATA_IDNF 0x10u
#define ATA_UNC  0x40u
#define ATA_WP   0x40u

/* Device register. */
#define ATA_DEV 0x10u
#define ATA_LBA 0x40u
#define ATA_OBS 0xa0u /* obsolete bits, read as ones */

/* Device control register. */
#define ATA_NIEN 0x02u
#define ATA_SRST 0x04u
#define ATA_HOB  0x80u

#define ATA_DEVCTL_MASK (ATA_NIEN | ATA_SRST | ATA_HOB)

#define ATA_MAX_COUNT 65536u /* sectors of one command */

/* Interrupt reason of a packet command, in the sector count register. */
#define ATAPI_COD 0x01u
#define ATAPI_IO  0x02u

/* Bus master command and status. */
#define BMIC_START  0x01u
#define BMIC_READ   0x08u /* from the drive to memory */
#define BMIS_ACTIVE 0x01u
#define BMIS_ERROR  0x02u
#define BMIS_INTR   0x04u
#define BMIC_MASK   (BMIC_START | BMIC_READ)
#define BMIS_CAPS   0x60u /* drives DMA capable: the host's own notes */
#define BMIS_MASK   (BMIS_ACTIVE | BMIS_ERROR | BMIS_INTR | BMIS_CAPS)

#define IDE_PRD_MAX 8192u /* descriptors of a table, which lies within 64 KiB */

#define CD_BLOCK     2048u
#define CD_RAW_BLOCK 2352u

/* Where the protocol stands. */
enum ide_phase {
    IDE_IDLE,
    IDE_PIO_IN,   /* DRQ: the host reads buf[pos..end) */
    IDE_PIO_OUT,  /* DRQ: the host writes buf[pos..end) */
    IDE_DMA_WAIT, /* the drive is ready, the bus master is not */
    IDE_BACKEND,  /* BSY: a request is in flight */
    IDE_IN_RESET, /* BSY: SRST is set */
    IDE_PHASES,
};

/* What the command in progress does next. */
enum ide_work {
    IDE_WORK_NONE,
    IDE_WORK_REPLY, /* one block of data prepared in buf */
    IDE_WORK_READ,
    IDE_WORK_VERIFY,
    IDE_WORK_WRITE,
    IDE_WORK_FLUSH, /* also ends a write when the cache is off */
    IDE_WORK_READ_DMA,
    IDE_WORK_WRITE_DMA,
    IDE_WORK_TRIM,
    IDE_WORK_PACKET,
    IDE_WORK_CD_REPLY,
    IDE_WORK_CD_READ,
    IDE_WORK_CD_REPLY_DMA,
    IDE_WORK_CD_READ_DMA,
    IDE_WORKS,
};

/* The back-end request in flight. */
enum ide_request {
    IDE_REQ_NONE,
    IDE_REQ_READ,     /* to buf */
    IDE_REQ_WRITE,    /* from buf */
    IDE_REQ_READ_SG,  /* to guest RAM, as the descriptors say */
    IDE_REQ_WRITE_SG, /* from guest RAM */
    IDE_REQ_FLUSH,
    IDE_REQ_DISCARD,
    IDE_REQS,
};

/* What follows the cached descriptors. */
enum ide_prd_end {
    IDE_PRD_MORE,
    IDE_PRD_EOT,
    IDE_PRD_FAULT, /* not RAM, or too many */
    IDE_PRD_ENDS,
};

/* --- ide_state.c --- */

int ide_state_check(const void *state);

/* --- channel.c: task file, data port, interrupt, reset --- */

extern const struct reg ide_command_regs[];
extern const struct reg ide_control_regs[];

struct ide_drive *ide_selected(struct ide_channel *ch);
/* Computes the interrupt line. */
void ide_irq_update(struct ide_channel *ch);
/* The command in progress ends: well, with an error (error register bits), or without interrupt. */
void ide_complete(struct ide_channel *ch);
void ide_fail(struct ide_channel *ch, uint8_t status, uint8_t error);
void ide_end_quietly(struct ide_channel *ch);
/* A DRQ block of buf[pos..end) begins. */
void ide_pio_in(struct ide_channel *ch, enum ide_work work, uint32_t bytes);
void ide_pio_out(struct ide_channel *ch, enum ide_work work, uint32_t bytes, bool interrupt);
void ide_set_signature(struct ide_drive *d);
/* Cancels what is in flight and gives both drives their state after reset. */
void ide_channel_reset(struct ide_channel *ch, enum reset_kind kind);
void ide_execute_diagnostic(struct ide_channel *ch);
/* DEVICE RESET: one drive, no interrupt. */
void ide_device_reset(struct ide_drive *d);

/* --- request.c: back-end requests --- */

/*
 * Begins a request, described by state alone so that resume can repeat it. Must be the last thing a
 * handler does: a request that cannot be submitted fails at once.
 */
void ide_submit(struct ide_channel *ch, enum ide_request req, uint64_t offset, uint32_t bytes,
                uint32_t buf);
void ide_cancel(struct ide_channel *ch);
/* Waits for the request in flight where the back end can, else cancels. True: done() was run. */
bool ide_finish(struct ide_channel *ch);
void ide_resubmit(struct ide_channel *ch);

/* --- bmdma.c --- */

extern const struct reg ide_bm_regs[];
#define IDE_BM_NREGS 6u

/* The drive is ready for DMA: run if the bus master is, else wait. */
void bm_run(struct ide_channel *ch);
/* Data of a drive's block transfer came or went. */
void bm_request_done(struct ide_channel *ch, enum ide_request req, int err);
/* Copies between buf[at..at+len) and guest RAM, consuming descriptors; returns the bytes moved. */
uint32_t bm_copy(struct ide_channel *ch, uint32_t at, uint32_t len, bool to_memory);
/* The descriptors did not suffice: too short a table, or a transfer that reached no RAM. */
void bm_fail(struct ide_channel *ch);
/*
 * Fills ch->req.sg and ch->mapped with at most `want` bytes of guest RAM, a multiple of `granule`;
 * 0 when not even one granule is there in BLK_MAX_SG pieces. Nothing is consumed.
 */
uint32_t bm_map(struct ide_channel *ch, uint32_t want, uint32_t granule, bool to_memory);
void bm_unmap(struct ide_channel *ch, bool to_memory);
/* The drive's command ended: clears Active when the descriptors ended with it. */
void bm_command_end(struct ide_channel *ch);
void bm_reset(struct ide_channel *ch);

/* --- ata.c, ata_rw.c, identify.c, smart.c --- */

void ata_command(struct ide_drive *d, uint8_t opcode);
uint64_t ata_sectors(const struct ide_drive *d);
/* Address registers and count to and from numbers. False: an address that CHS does not have. */
bool ata_get_address(const struct ide_drive *d, bool ext, uint64_t *lba, uint32_t *count);
void ata_put_address(struct ide_drive *d, bool ext, uint64_t lba);
/* Reports where the command in progress stands in the address registers. */
void ata_put_position(struct ide_channel *ch);

/* Commands with an address; drq is the number of sectors per DRQ block. */
void ata_read(struct ide_drive *d, bool ext, uint8_t drq);
void ata_write(struct ide_drive *d, bool ext, uint8_t drq);
void ata_verify(struct ide_drive *d, bool ext);
void ata_dma(struct ide_drive *d, bool ext, bool write);
void ata_trim(struct ide_drive *d);
void ata_flush(struct ide_drive *d);
/* A write has reached the back end: complete it, through a flush when the cache is off. */
void ata_write_complete(struct ide_channel *ch);
void ata_block_end(struct ide_channel *ch);
void ata_request_done(struct ide_channel *ch, int err);
void ata_trim_run(struct ide_channel *ch);

void ata_identify(struct ide_drive *d);
void ata_identify_packet(struct ide_drive *d);
void ata_smart(struct ide_drive *d);

/* --- atapi.c, atapi_cmd.c --- */

void atapi_packet(struct ide_drive *d);
void atapi_block_end(struct ide_channel *ch);
void atapi_request_done(struct ide_channel *ch, int err);
void atapi_execute(struct ide_drive *d, const uint8_t *packet);
bool atapi_medium(const struct ide_drive *d);
uint32_t atapi_blocks(const struct ide_drive *d); /* of a drive with a medium */
/* Ends of a packet command. */
void atapi_good(struct ide_drive *d);
void atapi_check(struct ide_drive *d, uint8_t key, uint8_t asc, uint8_t ascq);
/* Sends buf[0..len), cut to `room`. */
void atapi_reply(struct ide_drive *d, uint32_t len, uint32_t room);
void atapi_read(struct ide_drive *d, uint32_t lba, uint32_t blocks, uint16_t block);
/* Makes a raw block of buf[at+16 .. at+16+2048). */
void atapi_make_raw(struct ide_channel *ch, uint32_t at, uint64_t lba);

/* Media events of GET EVENT STATUS NOTIFICATION. */
#define EVENT_NEW_MEDIA     2u
#define EVENT_MEDIA_REMOVAL 3u

#define SENSE_NOT_READY       0x02u
#define SENSE_MEDIUM_ERROR    0x03u
#define SENSE_ILLEGAL_REQUEST 0x05u
#define SENSE_UNIT_ATTENTION  0x06u
#define SENSE_ABORTED         0x0bu

static inline uint8_t *ide_reply_clear(struct ide_channel *ch, uint32_t len)
{
    __builtin_memset(ch->s->buf, 0, len);
    return ch->s->buf;
}

#endif
