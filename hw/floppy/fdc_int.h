/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two halves of the floppy controller share: fdc.c (registers, commands), fdc_data.c. */
#ifndef CLEAVE_HW_FLOPPY_FDC_INT_H
#define CLEAVE_HW_FLOPPY_FDC_INT_H

#include "floppy/fdc.h"

/* Status register 0 (82077AA data sheet, chapter 6.1). */
#define ST0_ABNORMAL     0x40u
#define ST0_INVALID      0x80u
#define ST0_READY_CHANGE 0xc0u
#define ST0_SEEK_END     0x20u
#define ST0_EQUIPMENT    0x10u

/* Status register 1. */
#define ST1_MISSING_ADDRESS 0x01u
#define ST1_NOT_WRITABLE    0x02u
#define ST1_NO_DATA         0x04u
#define ST1_OVERRUN         0x10u
#define ST1_DATA_ERROR      0x20u
#define ST1_END_OF_CYLINDER 0x80u

/* Status register 2. */
#define ST2_WRONG_CYLINDER 0x10u
#define ST2_DATA_ERROR     0x20u
#define ST2_CONTROL_MARK   0x40u

/* Opcode bits. */
#define CMD_MT 0x80u
#define CMD_MF 0x40u
#define CMD_SK 0x20u

/* Positions in a command. */
enum { CMD_OPCODE, CMD_UNIT, CMD_C, CMD_H, CMD_R, CMD_N, CMD_EOT, CMD_GPL, CMD_DTL };

#define UNIT_SELECT 0x03u
#define UNIT_HEAD   0x04u
#define UNIT_EC     0x80u /* VERIFY: DTL is a number of sectors */

#define CONFIGURE_EIS 0x40u /* implied seek */
#define HLT_NON_DMA   0x01u
#define N_512         2u
#define DSR_RATE      0x03u
#define DOR_DMA_GATE  0x08u /* gates interrupt and DMA request onto the bus */

/* Bits of fdc_state.interrupt: who holds the INT pin. */
#define INT_DATA 0x01u /* result phase, or a byte without DMA */
#define INT_SEEK 0x02u /* seek ended or reset left; SENSE INTERRUPT tells */

/* Drive and head that the command in work names. */
static inline unsigned command_unit(const struct fdc_state *s)
{
    return s->cmd[CMD_UNIT] & UNIT_SELECT;
}

static inline uint8_t command_head(const struct fdc_state *s)
{
    return (s->cmd[CMD_UNIT] & UNIT_HEAD) >> 2;
}

/* The disk in the drive that the command names, or NULL. */
static inline const struct fdc_format *command_format(const struct fdc *d)
{
    unsigned unit = command_unit(d->s);

    return unit < FDC_DRIVES ? d->format[unit] : NULL;
}

static inline struct blk *command_blk(const struct fdc *d)
{
    return d->drive[command_unit(d->s)];
}

/* fdc.c: computes the interrupt line. Ends a command with `n` bytes in s->result. */
void fdc_update_irq(struct fdc *d);
void fdc_result(struct fdc *d, unsigned n, bool interrupt);
/* Moves a drive's head to a cylinder; implied and explicit seeks. */
void fdc_step_to(struct fdc *d, unsigned unit, uint8_t cylinder);

/* fdc_data.c: execution of the commands that touch the medium. */
void fdc_read_data(struct fdc *d);
void fdc_read_deleted(struct fdc *d);
void fdc_read_track(struct fdc *d);
void fdc_verify(struct fdc *d);
void fdc_write_data(struct fdc *d);
void fdc_format_track(struct fdc *d);
void fdc_read_id(struct fdc *d);
/* Ends a data command: the seven result bytes, and the interrupt. */
void fdc_data_end(struct fdc *d, uint8_t st0, uint8_t st1, uint8_t st2);
/* The CPU took, or gave, the last byte of buf in a transfer without DMA. */
void fdc_pio_done(struct fdc *d);
/* Drops a request in flight; issues again the one that the state says is in flight. */
void fdc_cancel(struct fdc *d);
void fdc_reissue(struct fdc *d);

#endif
