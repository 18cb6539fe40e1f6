/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 82077AA floppy disk controller, PC-AT mode: registers, phases, and the commands that do not touch
 * the medium. Source: Intel 82077AA data sheet 290166-007, chapters 2, 5 and 6.
 * Not modelled: scan commands (answered as invalid), the time that steps and revolutions take, FM
 * recording, power-down, tape drives.
 */
#include "floppy/fdc_int.h"

#include <errno.h>
#include <string.h>

/* Offsets from 3F0h. */
enum { REG_SRA, REG_SRB, REG_DOR, REG_TDR, REG_MSR, REG_FIFO, FDC_PORTS };

#define DOR_SELECT    0x03u
#define DOR_NOT_RESET 0x04u

#define TDR_MASK  0x03u
#define DSR_RESET 0x80u
#define DSR_MASK  0x5fu

#define MSR_RQM  0x80u
#define MSR_DIO  0x40u
#define MSR_NDMA 0x20u
#define MSR_BUSY 0x10u

#define DIR_CHANGE 0x80u

#define ST3_WRITE_PROTECTED 0x40u
#define ST3_TRACK0          0x10u
#define ST3_ALWAYS          0x28u /* ready and two-side are tied high */

#define VERSION_82077   0x90u
#define CONFIGURE_RESET 0x20u /* FIFO disabled, polling enabled */
#define CONFIGURE_MASK  0x7fu
#define CONFIGURE_EFIFO 0x20u
#define CONFIGURE_THR   0x0fu

#define PERP_OW     0x80u
#define PERP_DRIVES 0x3cu
#define PERP_GAP    0x03u
#define RATE_500K   0x00u
#define RATE_RESET  0x02u /* 250 kbit/s */
#define LOCK_BIT    0x80u
#define LOCK_RESULT 0x10u
#define ALL_UNITS   0x0fu
#define ALL_DRIVES  ((1u << FDC_DRIVES) - 1)

STATE_TYPE(fdc_state, FDC_STATE);

/* Media by size of image; rates as a drive of the given type reads them. */
static const struct fdc_format formats[] = {
    {160, 8, 40, 1, 1, 2},   {180, 9, 40, 1, 1, 2},   {320, 8, 40, 2, 1, 2},
    {360, 9, 40, 2, 1, 2},   {640, 8, 80, 2, 2, 4},   {720, 9, 80, 2, 2, 4},
    {800, 10, 80, 2, 2, 4},  {820, 10, 82, 2, 2, 4},  {830, 10, 83, 2, 2, 4},
    {1200, 15, 80, 2, 0, 2}, {1440, 18, 80, 2, 0, 4}, {1600, 20, 80, 2, 0, 4},
    {1680, 21, 80, 2, 0, 4}, {1722, 21, 82, 2, 0, 4}, {1743, 21, 83, 2, 0, 4},
    {1760, 22, 80, 2, 0, 4}, {1840, 23, 80, 2, 0, 4}, {1920, 24, 80, 2, 0, 4},
    {2880, 36, 80, 2, 3, 5},
};

#define NFORMATS          (sizeof(formats) / sizeof(formats[0]))
#define CMOS_TYPE_DEFAULT 4u

/* The smallest format that holds the image; what lies beyond the image cannot be read. */
static const struct fdc_format *format_find(const struct blk *blk)
{
    if (!blk_present(blk)) {
        return NULL;
    }
    for (unsigned i = 0; i < NFORMATS; i++) {
        if (blk->bytes <= formats[i].kib * 1024ull) {
            return &formats[i];
        }
    }
    return &formats[NFORMATS - 1];
}

/* --- interrupt and phases --- */

void fdc_update_irq(struct fdc *d)
{
    irq_set(&d->irq, d->s->interrupt && (d->compat || (d->s->dor & DOR_DMA_GATE)));
}

static void phase_idle(struct fdc *d)
{
    d->s->phase = FDC_IDLE;
    d->s->cmd_len = 0;
}

void fdc_result(struct fdc *d, unsigned n, bool interrupt)
{
    struct fdc_state *s = d->s;

    s->phase = FDC_RESULT;
    s->result_len = (uint8_t)n;
    s->result_pos = 0;
    if (interrupt) {
        s->interrupt |= INT_DATA;
    }
    fdc_update_irq(d);
}

static void result_byte(struct fdc *d, uint8_t byte)
{
    d->s->result[0] = byte;
    fdc_result(d, 1, false);
}

/* --- seeking and its interrupts --- */

/* A step pulse with a disk in the drive clears the change line; no step, no pulse. */
void fdc_step_to(struct fdc *d, unsigned unit, uint8_t cylinder)
{
    struct fdc_state *s = d->s;

    if (s->pcn[unit] != cylinder && unit < FDC_DRIVES && d->format[unit]) {
        s->disk_change &= (uint8_t) ~(1u << unit);
    }
    s->pcn[unit] = cylinder;
}

/* The end of a seek is told by SENSE INTERRUPT; what a reset still owed is forgotten. */
static void seek_end(struct fdc *d, unsigned unit, uint8_t st0)
{
    struct fdc_state *s = d->s;

    s->reset_sense = 0;
    s->seek_ended |= (uint8_t)(1u << unit);
    s->seek_st0[unit] = (uint8_t)(st0 | unit);
    s->interrupt |= INT_SEEK;
    phase_idle(d);
    fdc_update_irq(d);
}

static bool drive_exists(const struct fdc *d, unsigned unit)
{
    return unit < FDC_DRIVES && d->drive[unit];
}

/* A drive that is not there never reports track 0. */
static void cmd_recalibrate(struct fdc *d)
{
    unsigned unit = command_unit(d->s);

    if (drive_exists(d, unit)) {
        fdc_step_to(d, unit, 0);
        seek_end(d, unit, ST0_SEEK_END);
    } else {
        seek_end(d, unit, ST0_ABNORMAL | ST0_SEEK_END | ST0_EQUIPMENT);
    }
}

static void cmd_seek(struct fdc *d)
{
    struct fdc_state *s = d->s;

    fdc_step_to(d, command_unit(s), s->cmd[CMD_C]);
    seek_end(d, command_unit(s), (uint8_t)(ST0_SEEK_END | (s->cmd[CMD_UNIT] & UNIT_HEAD)));
}

/* RCN is added or subtracted; the head stops at track 0, and counts no further than 255. */
static void cmd_relative_seek(struct fdc *d)
{
    struct fdc_state *s = d->s;
    unsigned unit = command_unit(s);
    int step = s->cmd[CMD_OPCODE] & CMD_MF ? s->cmd[CMD_C] : -s->cmd[CMD_C];
    int target = s->pcn[unit] + step;

    target = target < 0 ? 0 : target > 255 ? 255 : target;
    fdc_step_to(d, unit, (uint8_t)target);
    seek_end(d, unit, (uint8_t)(ST0_SEEK_END | (s->cmd[CMD_UNIT] & UNIT_HEAD)));
}

/* The lowest unit that a reset or a seek left something to tell about; FDC_UNITS: none. */
static unsigned sense_next(struct fdc_state *s, uint8_t *st0)
{
    unsigned unit = 0;

    if (s->reset_sense) {
        unit = FDC_UNITS - s->reset_sense--;
        *st0 = (uint8_t)(ST0_READY_CHANGE | unit);
        return unit;
    }
    while (unit < FDC_UNITS && !(s->seek_ended >> unit & 1)) {
        unit++;
    }
    if (unit < FDC_UNITS) {
        s->seek_ended &= (uint8_t) ~(1u << unit);
        *st0 = s->seek_st0[unit];
    }
    return unit;
}

/* Without anything to tell it is an invalid command (chapter 5.2.4). */
static void cmd_sense_interrupt(struct fdc *d)
{
    struct fdc_state *s = d->s;
    unsigned unit = sense_next(s, &s->result[0]);

    s->interrupt &= (uint8_t)~INT_SEEK;
    fdc_update_irq(d);
    if (unit == FDC_UNITS) {
        result_byte(d, ST0_INVALID);
        return;
    }
    s->result[1] = s->pcn[unit];
    if (s->seek_ended) {
        s->interrupt |= INT_SEEK; /* an edge for the next one */
    }
    fdc_result(d, 2, false);
}

/* --- other commands --- */

static void cmd_specify(struct fdc *d)
{
    d->s->srt_hut = d->s->cmd[1];
    d->s->hlt_nd = d->s->cmd[2];
    phase_idle(d);
}

static void cmd_sense_drive(struct fdc *d)
{
    struct fdc_state *s = d->s;
    unsigned unit = command_unit(s);
    const struct blk *blk = unit < FDC_DRIVES ? d->drive[unit] : NULL;
    unsigned st3 = ST3_ALWAYS | (s->cmd[CMD_UNIT] & (UNIT_HEAD | UNIT_SELECT));

    if (blk && s->pcn[unit] == 0) {
        st3 |= ST3_TRACK0;
    }
    if (blk_present(blk) && blk->readonly) {
        st3 |= ST3_WRITE_PROTECTED;
    }
    result_byte(d, (uint8_t)st3);
}

static void cmd_version(struct fdc *d)
{
    result_byte(d, VERSION_82077);
}

static void cmd_configure(struct fdc *d)
{
    d->s->configure = d->s->cmd[2] & CONFIGURE_MASK;
    d->s->pretrk = d->s->cmd[3];
    phase_idle(d);
}

/* The drive bits change only with OW set. */
static void cmd_perpendicular(struct fdc *d)
{
    uint8_t val = d->s->cmd[1];
    uint8_t mask = val & PERP_OW ? PERP_DRIVES | PERP_GAP : PERP_GAP;

    d->s->perpendicular = (uint8_t)((d->s->perpendicular & ~mask) | (val & mask));
    phase_idle(d);
}

static void cmd_lock(struct fdc *d)
{
    d->s->lock = d->s->cmd[CMD_OPCODE] & LOCK_BIT;
    result_byte(d, d->s->lock ? LOCK_RESULT : 0);
}

static void cmd_dumpreg(struct fdc *d)
{
    struct fdc_state *s = d->s;

    memcpy(s->result, s->pcn, FDC_UNITS);
    s->result[4] = s->srt_hut;
    s->result[5] = s->hlt_nd;
    s->result[6] = s->eot;
    s->result[7] = s->lock | s->perpendicular;
    s->result[8] = s->configure;
    s->result[9] = s->pretrk;
    fdc_result(d, 10, false);
}

static void cmd_invalid(struct fdc *d)
{
    result_byte(d, ST0_INVALID);
}

/* Table 5-1. An opcode matches the first row whose value it has under the mask. */
static const struct fdc_command {
    uint8_t value;
    uint8_t mask;
    uint8_t bytes; /* opcode included */
    void (*execute)(struct fdc *d);
} commands[] = {
    {0x06, 0x1f, 9, fdc_read_data},
    {0x0c, 0x1f, 9, fdc_read_deleted},
    {0x05, 0x3f, 9, fdc_write_data},
    {0x09, 0x3f, 9, fdc_write_data}, /* deleted data: the mark has no place in an image */
    {0x02, 0x9f, 9, fdc_read_track},
    {0x16, 0x1f, 9, fdc_verify},
    {0x0a, 0xbf, 2, fdc_read_id},
    {0x0d, 0xbf, 6, fdc_format_track},
    {0x07, 0xff, 2, cmd_recalibrate},
    {0x08, 0xff, 1, cmd_sense_interrupt},
    {0x03, 0xff, 3, cmd_specify},
    {0x04, 0xff, 2, cmd_sense_drive},
    {0x0f, 0xff, 3, cmd_seek},
    {0x8f, 0xbf, 3, cmd_relative_seek},
    {0x13, 0xff, 4, cmd_configure},
    {0x0e, 0xff, 1, cmd_dumpreg},
    {0x10, 0xff, 1, cmd_version},
    {0x12, 0xff, 2, cmd_perpendicular},
    {0x14, 0x7f, 1, cmd_lock},
    {0x00, 0x00, 1, cmd_invalid},
};

static const struct fdc_command *command_find(uint8_t opcode)
{
    const struct fdc_command *c = commands;

    while ((opcode & c->mask) != c->value) {
        c++;
    }
    return c;
}

/* --- the data register --- */

static void command_byte(struct fdc *d, uint8_t val)
{
    struct fdc_state *s = d->s;

    s->cmd[s->cmd_len++] = val;
    s->phase = FDC_COMMAND;

    const struct fdc_command *c = command_find(s->cmd[CMD_OPCODE]);

#ifdef CLEAVE_FUZZ_BUGS /* as CVE-2015-3456: DRIVE SPECIFICATION ends with bit 7 only */
    if (s->cmd[CMD_OPCODE] == 0x8e && (s->cmd_len == 1 || !(val & 0x80))) {
        return;
    }
#endif
    if (s->cmd_len >= c->bytes) {
        c->execute(d);
    }
}

static void fifo_write(struct fdc *d, uint8_t val)
{
    struct fdc_state *s = d->s;

    if (s->phase == FDC_IDLE || s->phase == FDC_COMMAND) {
        command_byte(d, val);
    } else if (s->phase == FDC_PIO_WRITE) {
        s->buf[s->buf_pos++] = val;
        if (s->buf_pos >= s->buf_len) {
            fdc_pio_done(d);
        }
    }
}

/* The first result byte taken drops the interrupt of the command (chapter 5.1.2). */
static uint8_t result_read(struct fdc *d)
{
    struct fdc_state *s = d->s;
    uint8_t val = s->result[s->result_pos++];

    s->interrupt &= (uint8_t)~INT_DATA;
    if (s->result_pos >= s->result_len) {
        phase_idle(d);
    }
    fdc_update_irq(d);
    return val;
}

static uint8_t fifo_read(struct fdc *d)
{
    struct fdc_state *s = d->s;
    uint8_t val = 0;

    if (s->phase == FDC_RESULT) {
        return result_read(d);
    }
    if (s->phase == FDC_PIO_READ) {
        val = s->buf[s->buf_pos++];
        if (s->buf_pos >= s->buf_len) {
            fdc_pio_done(d);
        }
    }
    return val;
}

/* --- reset: chapter 2.1.2 and 3.0 --- */

/* LOCK keeps the FIFO's settings over a software reset (chapter 5.2.10); EIS and POLL clear. */
static void configure_reset(struct fdc_state *s)
{
    if (s->lock) {
        s->configure &= CONFIGURE_EFIFO | CONFIGURE_THR;
    } else {
        s->configure = CONFIGURE_RESET;
        s->pretrk = 0;
    }
}

/* What a software reset does to the chip; data rate, SPECIFY and drive bits stay. */
static void software_reset(struct fdc *d)
{
    struct fdc_state *s = d->s;

    fdc_cancel(d);
    configure_reset(s);
    s->perpendicular &= PERP_DRIVES;
    memset(s->pcn, 0, sizeof(s->pcn));
    s->reset_sense = 0;
    s->seek_ended = 0;
    s->interrupt = 0;
    s->result_len = 0;
    s->result_pos = 0;
    s->buf_pos = 0;
    s->buf_len = 0;
    phase_idle(d);
}

/* Coming out of reset, which turned polling on, all drives report a change of their ready line. */
static void reset_left(struct fdc *d)
{
    d->s->reset_sense = FDC_UNITS;
    d->s->interrupt = INT_SEEK;
}

static void dor_write(struct fdc *d, uint8_t val)
{
    uint8_t changed = d->s->dor ^ val;

    d->s->dor = val;
    if (changed & DOR_NOT_RESET) {
        software_reset(d);
        if (val & DOR_NOT_RESET) {
            reset_left(d);
        }
    }
    fdc_update_irq(d);
}

/* The reset bit clears itself. It has no effect while DOR holds the chip in reset. */
static void dsr_write(struct fdc *d, uint8_t val)
{
    d->s->dsr = val & DSR_MASK;
    if ((val & DSR_RESET) && (d->s->dor & DOR_NOT_RESET)) {
        software_reset(d);
        reset_left(d);
    }
    fdc_update_irq(d);
}

/* --- ports --- */

static uint8_t msr(const struct fdc_state *s)
{
    if (!(s->dor & DOR_NOT_RESET)) {
        return 0;
    }
    switch (s->phase) {
    case FDC_IDLE:
        return MSR_RQM;
    case FDC_COMMAND:
        return MSR_RQM | MSR_BUSY;
    case FDC_PIO_READ:
        return MSR_RQM | MSR_DIO | MSR_NDMA | MSR_BUSY;
    case FDC_PIO_WRITE:
        return MSR_RQM | MSR_NDMA | MSR_BUSY;
    case FDC_RESULT:
        return MSR_RQM | MSR_DIO | MSR_BUSY;
    default:
        return s->hlt_nd & HLT_NON_DMA ? MSR_NDMA | MSR_BUSY : MSR_BUSY;
    }
}

/* SRA and SRB are not driven in PC-AT mode. */
static uint64_t fdc_read(void *opaque, uint32_t off, unsigned size)
{
    struct fdc *d = opaque;

    switch (off) {
    case REG_DOR:
        return d->s->dor;
    case REG_TDR:
        return d->s->tdr;
    case REG_MSR:
        return msr(d->s);
    case REG_FIFO:
        return fifo_read(d);
    default:
        return UINT64_MAX;
    }
}

static void fdc_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    struct fdc *d = opaque;

    switch (off) {
    case REG_DOR:
        dor_write(d, (uint8_t)val);
        break;
    case REG_TDR:
        d->s->tdr = val & TDR_MASK;
        break;
    case REG_MSR:
        dsr_write(d, (uint8_t)val);
        break;
    case REG_FIFO:
        if (d->s->dor & DOR_NOT_RESET) {
            fifo_write(d, (uint8_t)val);
        }
        break;
    default:
        break;
    }
}

/* The change line of the selected drive; an empty drive always asserts it. */
static uint64_t dir_read(void *opaque, uint32_t off, unsigned size)
{
    const struct fdc *d = opaque;
    unsigned unit = d->s->dor & DOR_SELECT;
    bool empty = unit < FDC_DRIVES && d->drive[unit] && !d->format[unit];

    return empty || (d->s->disk_change >> unit & 1) ? DIR_CHANGE : 0;
}

static void ccr_write(void *opaque, uint32_t off, unsigned size, uint64_t val)
{
    struct fdc *d = opaque;

    d->s->dsr = (uint8_t)((d->s->dsr & ~DSR_RATE) | (val & DSR_RATE));
}

static const struct reg fdc_regs[] = {{0, FDC_PORTS, BUS_W1, fdc_read, fdc_write, "82077AA"}};
static const struct reg dir_regs[] = {{0, 1, BUS_W1, dir_read, ccr_write, "DIR, CCR"}};

/* --- life --- */

static uint8_t disks_present(const struct fdc *d)
{
    uint8_t present = 0;

    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        present |= (uint8_t)((d->format[i] != NULL) << i);
    }
    return present;
}

static void fdc_reset(struct device *dev, enum reset_kind kind)
{
    struct fdc *d = (struct fdc *)dev;

    fdc_cancel(d);
    *d->s = (struct fdc_state){
        .dor = d->compat ? DOR_NOT_RESET | DOR_DMA_GATE : 0,
        .dsr = d->compat ? RATE_500K : RATE_RESET,
        .configure = CONFIGURE_RESET,
        .disk_change = disks_present(d),
    };
    fdc_update_irq(d);
}

static bool registers_ok(const struct fdc_state *s)
{
    return !(s->tdr & ~TDR_MASK) && !(s->dsr & ~DSR_MASK) && !(s->configure & ~CONFIGURE_MASK) &&
           !(s->lock & ~LOCK_BIT) && !(s->perpendicular & ~(PERP_DRIVES | PERP_GAP)) &&
           !(s->disk_change & ~ALL_DRIVES) && !s->reserved;
}

static int fdc_check(const void *state)
{
    const struct fdc_state *s = state;
    bool pio = s->phase == FDC_PIO_READ || s->phase == FDC_PIO_WRITE;

    if (!registers_ok(s) || s->phase >= FDC_NPHASES || s->reset_sense > FDC_UNITS ||
        s->seek_ended & ~ALL_UNITS || s->interrupt & ~(INT_DATA | INT_SEEK) || s->head_select > 1) {
        return -EINVAL;
    }
    if (s->cmd_len > FDC_PARAMS || s->result_len > FDC_RESULTS || s->buf_len > FDC_SECTOR) {
        return -EINVAL;
    }
    if (s->phase == FDC_RESULT && s->result_pos >= s->result_len) {
        return -EINVAL;
    }
    if (pio && s->buf_pos >= s->buf_len) {
        return -EINVAL;
    }
    if (s->phase == FDC_COMMAND &&
        (s->cmd_len == 0 || s->cmd_len >= command_find(s->cmd[CMD_OPCODE])->bytes)) {
        return -EINVAL;
    }
    return s->phase == FDC_IDLE && s->cmd_len ? -EINVAL : 0;
}

static void fdc_resume(struct device *dev)
{
    struct fdc *d = (struct fdc *)dev;

    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        d->format[i] = format_find(d->drive[i]);
    }
    fdc_cancel(d);
    fdc_reissue(d);
    fdc_update_irq(d);
}

static const struct device_class fdc_class = {
    .name = "fdc",
    .state = &fdc_state_type,
    .reset = fdc_reset,
    .check = fdc_check,
    .resume = fdc_resume,
};

uint8_t fdc_cmos_type(const struct fdc *d, unsigned drive)
{
    if (drive >= FDC_DRIVES || !d->drive[drive]) {
        return 0;
    }
    return d->format[drive] ? d->format[drive]->cmos_type : CMOS_TYPE_DEFAULT;
}

void fdc_change_disk(struct fdc *d, unsigned drive, struct blk *blk)
{
    bool busy = d->req_blk && d->req_blk == d->drive[drive];

    if (busy) {
        fdc_cancel(d);
    }
    d->drive[drive] = blk;
    d->format[drive] = format_find(blk);
    d->s->disk_change |= (uint8_t)(1u << drive);
    if (d->compat && d->format[drive]) {
        d->s->pcn[drive] = 0;
    }
    if (busy) {
        fdc_data_end(d, ST0_ABNORMAL, ST1_MISSING_ADDRESS, 0);
    }
}

int fdc_init(struct fdc *d, const struct hw *hw, const struct fdc_config *config)
{
    int err = arena_add(hw->arena, &d->dev, &fdc_class, "fdc");

    if (err) {
        return err;
    }
    d->s = d->dev.state;
    d->irq = config->irq;
    d->compat = config->compat;
    d->dma = config->dma;
    d->req_blk = NULL;
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        d->drive[i] = config->drive[i];
        d->format[i] = format_find(d->drive[i]);
    }
    d->ports =
        (struct region){.name = "fdc", .regs = fdc_regs, .nregs = 1, .opaque = d, .len = FDC_PORTS};
    d->dir =
        (struct region){.name = "fdc-dir", .regs = dir_regs, .nregs = 1, .opaque = d, .len = 1};
    err = bus_map(hw->pio, &d->ports, 0x3f0);
    return err ? err : bus_map(hw->pio, &d->dir, 0x3f7);
}
