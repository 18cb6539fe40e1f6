/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 82077AA floppy disk controller as a PC uses it: ports 3F0-3F5 and 3F7, two drives. */
#ifndef CLEAVE_HW_FLOPPY_FDC_H
#define CLEAVE_HW_FLOPPY_FDC_H

#include "core/blk.h"
#include "core/bus.h"
#include "core/device.h"
#include "core/irq.h"
#include "dma/i8237.h"

#define FDC_DRIVES  2u /* present at most; the chip addresses four */
#define FDC_UNITS   4u
#define FDC_SECTOR  512u
#define FDC_PARAMS  9u  /* longest command */
#define FDC_RESULTS 10u /* longest result */
#define FDC_ISA_IRQ 6u
#define FDC_CHANNEL 2u

/* Where the controller is in a command; fdc_state.phase. */
enum fdc_phase {
    FDC_IDLE,      /* waits for an opcode */
    FDC_COMMAND,   /* waits for parameters */
    FDC_PIO_READ,  /* the CPU takes `buf` byte by byte */
    FDC_PIO_WRITE, /* the CPU fills `buf` byte by byte */
    FDC_BLK_READ,  /* a sector is being read into `buf` */
    FDC_BLK_WRITE, /* `buf` is being written to a sector */
    FDC_RESULT,    /* the CPU takes result bytes */
    FDC_NPHASES,
};

#define FDC_STATE(V, A, S, T)                                                                      \
    V(T, uint8_t, phase, 1)                                                                        \
    V(T, uint8_t, dor, 1)                                                                          \
    V(T, uint8_t, tdr, 1)                                                                          \
    V(T, uint8_t, dsr, 1)         /* data rate and precompensation; rate also by CCR */            \
    V(T, uint8_t, interrupt, 1)   /* INT pin before the DOR gate */                                \
    V(T, uint8_t, disk_change, 1) /* per drive: DSKCHG latch */                                    \
    V(T, uint8_t, reset_sense, 1) /* SENSE INTERRUPTs owed after a reset: units 4-n .. 3 */        \
    V(T, uint8_t, seek_ended, 1)  /* per unit: SENSE INTERRUPT owes seek_st0 */                    \
    A(T, uint8_t, seek_st0, FDC_UNITS, 1)                                                          \
    A(T, uint8_t, pcn, FDC_UNITS, 1) /* present cylinder number */                                 \
    V(T, uint8_t, srt_hut, 1)        /* SPECIFY */                                                 \
    V(T, uint8_t, hlt_nd, 1)                                                                       \
    V(T, uint8_t, configure, 1) /* EIS, EFIFO, POLL, FIFOTHR */                                    \
    V(T, uint8_t, pretrk, 1)                                                                       \
    V(T, uint8_t, perpendicular, 1)                                                                \
    V(T, uint8_t, lock, 1)                                                                         \
    V(T, uint8_t, eot, 1) /* of the last data command, for DUMPREG */                              \
    V(T, uint8_t, cmd_len, 1)                                                                      \
    A(T, uint8_t, cmd, FDC_PARAMS, 1) /* opcode and parameters */                                  \
    V(T, uint8_t, result_len, 1)                                                                   \
    V(T, uint8_t, result_pos, 1)                                                                   \
    A(T, uint8_t, result, FDC_RESULTS, 1)                                                          \
    V(T, uint8_t, cylinder, 1) /* ID of the sector in work */                                      \
    V(T, uint8_t, head, 1)                                                                         \
    V(T, uint8_t, record, 1)                                                                       \
    V(T, uint8_t, left, 1)        /* sectors still to format, verify or read by READ TRACK */      \
    V(T, uint8_t, tc, 1)          /* terminal count came with the bytes in buf */                  \
    V(T, uint8_t, head_select, 1) /* the side last accessed */                                     \
    V(T, uint8_t, reserved, 1)                                                                     \
    V(T, uint16_t, buf_pos, 1)                                                                     \
    V(T, uint16_t, buf_len, 1)                                                                     \
    A(T, uint8_t, buf, FDC_SECTOR, 1)
STATE_STRUCT(fdc_state, FDC_STATE);

/* Sectors per track, cylinders and so on of a medium, by the size of its image. */
struct fdc_format {
    uint16_t kib;
    uint8_t sectors;
    uint8_t cylinders;
    uint8_t heads;
    uint8_t rate;      /* data rate select bits that read it */
    uint8_t cmos_type; /* of the drive that takes it */
};

/* drive[n] NULL: there is no such drive; a blk without ops: a drive without a disk. */
/*
 * compat: after a reset it is as firmware leaves it (out of reset, DMA on, 500 kbit/s), a drive
 * that takes a disk goes to cylinder 0, READ ID finds an ID whether there is a disk or not, DOR's
 * DMA gate chooses between DMA and none and leaves the interrupt alone, and READ DATA without DMA
 * ends in good order after EOT - R + 1 sectors (with MT twice as many), over the ends of tracks.
 */
struct fdc_config {
    struct irq_line irq;
    struct i8237 *dma;
    struct blk *drive[FDC_DRIVES];
    bool compat; /* standalone world: what QEMU's test programs find */
};

struct fdc {
    struct device dev;
    struct fdc_state *s;
    struct irq_line irq;
    struct i8237 *dma;
    bool compat;
    struct blk *drive[FDC_DRIVES];
    const struct fdc_format *format[FDC_DRIVES]; /* NULL: no disk */
    struct blk_req req;
    struct blk *req_blk; /* where req is in flight, or NULL */
    struct region ports; /* 3F0-3F5 */
    struct region dir;   /* 3F7 */
};

int fdc_init(struct fdc *d, const struct hw *hw, const struct fdc_config *config);

/* CMOS code of drive 0 or 1 (0: none). Without a disk it is a 1.44 MB drive. */
uint8_t fdc_cmos_type(const struct fdc *d, unsigned drive);

/*
 * Puts another disk into drive 0 or 1, or takes it out (a blk without ops). The old blk must still
 * be usable: a transfer under way is cancelled and ends as if the disk had been pulled out.
 */
void fdc_change_disk(struct fdc *d, unsigned drive, struct blk *blk);

#endif
