/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IDE function of the PIIX3 (82371SB): two channels at their legacy ports, four drives, bus master.
 * What the machine needs to know; everything else is in ide_int.h.
 */
#ifndef CLEAVE_HW_IDE_IDE_H
#define CLEAVE_HW_IDE_IDE_H

#include "core/blk.h"
#include "core/bus.h"
#include "core/device.h"
#include "core/dma.h"
#include "core/irq.h"
#include "pci/pci.h"

#define IDE_CHANNELS 2u
#define IDE_DRIVES   4u /* channel * 2 + device */

#define IDE_BUF_SECTORS 16u
#define IDE_BUF         (IDE_BUF_SECTORS * BLK_SECTOR)
#define IDE_PRDS        64u /* descriptors read ahead */
#define IDE_SELF_TESTS  21u /* entries of the SMART self-test log */

enum ide_kind {
    IDE_KIND_NONE,
    IDE_KIND_DISK,
    IDE_KIND_CD,
};

/*
 * One drive. blk belongs to the caller and must stay valid; NULL or a blk without ops is an empty
 * tray for a CD and refused for a disk. Geometry 0 means the one that the size gives: at most 16383
 * cylinders, 16 heads, 63 sectors.
 */
struct ide_drive_config {
    enum ide_kind kind;
    struct blk *blk;
    uint16_t cylinders;
    uint8_t heads;      /* 1..16 */
    uint8_t sectors;    /* 1..63 */
    const char *serial; /* what IDENTIFY tells, at most 20, 8 and 40 characters; NULL: ours */
    const char *firmware;
    const char *model;
};

struct ide_config {
    uint8_t devfn; /* 01.1 in this machine */
    struct ide_drive_config drive[IDE_DRIVES];
    struct irq_line irq[IDE_CHANNELS]; /* IRQ 14, IRQ 15 */
};

/* Guest-visible state of one drive: its task file, settings, packet device state. */
#define IDE_DRIVE_STATE(V, A, S, T)                                                                \
    V(T, uint8_t, feature, 1)                                                                      \
    V(T, uint8_t, error, 1)                                                                        \
    V(T, uint8_t, count, 1)                                                                        \
    V(T, uint8_t, lba_low, 1)                                                                      \
    V(T, uint8_t, lba_mid, 1)                                                                      \
    V(T, uint8_t, lba_high, 1)                                                                     \
    V(T, uint8_t, device, 1)                                                                       \
    V(T, uint8_t, status, 1)                                                                       \
    V(T, uint8_t, hob_feature, 1)                                                                  \
    V(T, uint8_t, hob_count, 1)                                                                    \
    V(T, uint8_t, hob_lba_low, 1)                                                                  \
    V(T, uint8_t, hob_lba_mid, 1)                                                                  \
    V(T, uint8_t, hob_lba_high, 1)                                                                 \
    V(T, uint8_t, multiple, 1) /* sectors per DRQ block of READ/WRITE MULTIPLE, 0: disabled */     \
    V(T, uint8_t, heads, 1)    /* current CHS translation */                                       \
    V(T, uint8_t, sectors, 1)                                                                      \
    V(T, uint8_t, write_cache, 1)                                                                  \
    V(T, uint8_t, look_ahead, 1)                                                                   \
    V(T, uint8_t, keep_settings, 1) /* SET FEATURES 66h: survive a software reset */               \
    V(T, uint8_t, power, 1)         /* CHECK POWER MODE's answer */                                \
    V(T, uint8_t, transfer_mode, 1) /* as SET FEATURES 03h was given it */                         \
    V(T, uint8_t, smart, 1)                                                                        \
    V(T, uint8_t, smart_autosave, 1)                                                               \
    V(T, uint8_t, smart_tests, 1) /* entries in smart_log */                                       \
    V(T, uint8_t, smart_next, 1)  /* where the next one goes */                                    \
    A(T, uint8_t, smart_log, IDE_SELF_TESTS, 1)                                                    \
    V(T, uint8_t, sense_key, 1)                                                                    \
    V(T, uint8_t, asc, 1)                                                                          \
    V(T, uint8_t, ascq, 1)                                                                         \
    V(T, uint8_t, tray_open, 1)                                                                    \
    V(T, uint8_t, locked, 1)                                                                       \
    V(T, uint8_t, media_change, 1) /* 2: report not ready, 1: report unit attention */             \
    V(T, uint8_t, media_event, 1)  /* pending event of GET EVENT STATUS NOTIFICATION */            \
    A(T, uint8_t, reserved, 3, 1)
STATE_STRUCT(ide_drive_state, IDE_DRIVE_STATE);

/* One channel: lines, the command in progress, the bus master. */
#define IDE_CHANNEL_STATE(V, A, S, T)                                                              \
    V(T, uint64_t, lba, 1)        /* next block of the command */                                  \
    V(T, uint64_t, req_offset, 1) /* back-end request in flight: place in the medium */            \
    V(T, uint32_t, left, 1)       /* blocks still to be transferred */                             \
    V(T, uint32_t, req_bytes, 1)                                                                   \
    V(T, uint32_t, req_buf, 1) /* where in buf it reads or writes */                               \
    V(T, uint32_t, pos, 1)     /* data port: next byte in buf */                                   \
    V(T, uint32_t, end, 1)     /* end of the DRQ block */                                          \
    V(T, uint32_t, fill, 1)    /* valid bytes in buf */                                            \
    V(T, uint32_t, limit, 1)   /* byte count limit of a packet command */                          \
    V(T, uint32_t, bmidtp, 1)                                                                      \
    V(T, uint32_t, prd_table, 1) /* next descriptor to read */                                     \
    V(T, uint32_t, prd_read, 1)  /* descriptors read since the start */                            \
    V(T, uint32_t, prd_off, 1)   /* bytes used of the current descriptor */                        \
    V(T, uint16_t, block, 1)     /* bytes per block: 512, 2048 or 2352 */                          \
    V(T, uint8_t, unit, 1)       /* selected device */                                             \
    V(T, uint8_t, devctl, 1)                                                                       \
    V(T, uint8_t, intrq, 1) /* an interrupt is pending, nIEN or not */                             \
    V(T, uint8_t, line, 1)  /* level of the wire */                                                \
    V(T, uint8_t, phase, 1) /* enum ide_phase */                                                   \
    V(T, uint8_t, work, 1)  /* enum ide_work */                                                    \
    V(T, uint8_t, req, 1)   /* enum ide_request */                                                 \
    V(T, uint8_t, drq, 1)   /* sectors per DRQ block */                                            \
    V(T, uint8_t, retry, 1) /* after an error: one DRQ block at a time, to find the sector */      \
    V(T, uint8_t, packet_dma, 1)                                                                   \
    V(T, uint8_t, ext, 1) /* the command has a 48-bit address */                                   \
    V(T, uint8_t, bmic, 1)                                                                         \
    V(T, uint8_t, bmis, 1)                                                                         \
    V(T, uint8_t, prd_n, 1)   /* descriptors in the cache */                                       \
    V(T, uint8_t, prd_i, 1)   /* the current one */                                                \
    V(T, uint8_t, prd_end, 1) /* enum ide_prd_end: what follows the cached ones */                 \
    A(T, uint8_t, reserved, 2, 1)                                                                  \
    A(T, uint32_t, prd_addr, IDE_PRDS, 1)                                                          \
    A(T, uint32_t, prd_len, IDE_PRDS, 1) /* 1..65536 */                                            \
    A(T, uint8_t, buf, IDE_BUF, 1)                                                                 \
    S(T, ide_drive_state, drive, 2, 1)
STATE_STRUCT(ide_channel_state, IDE_CHANNEL_STATE);

#define IDE_STATE(V, A, S, T)                                                                      \
    S(T, pci_function_state, pci, 1, 1)                                                            \
    S(T, ide_channel_state, channel, IDE_CHANNELS, 1)
STATE_STRUCT(ide_state, IDE_STATE);

struct ide;
struct ide_channel;

/* Host side of a drive. */
struct ide_drive {
    enum ide_kind kind;
    unsigned index; /* 0..3 */
    struct blk *blk;
    uint16_t cylinders; /* default geometry */
    uint8_t heads;
    uint8_t sectors;
    const char *serial; /* NULL: ours */
    const char *firmware;
    const char *model;
    struct ide_channel *ch;
    struct ide_drive_state *s;
};

/* Host side of a channel: the one request that it can have in flight. */
struct ide_channel {
    struct ide *ide;
    unsigned n;
    struct ide_channel_state *s;
    struct ide_drive drive[2];
    struct region command_ports;
    struct region control_port;
    struct irq_line irq;
    struct dma *dma;
    bool in_flight;
    uint32_t mapped;     /* bytes of guest RAM that req.sg holds */
    struct blk *req_blk; /* where req was submitted */
    struct blk_req req;
    uint64_t sg_gpa[BLK_MAX_SG];
};

struct ide {
    struct device dev;
    struct ide_state *s;
    struct pci_function fn;
    struct region bm_ports;
    struct ide_channel channel[IDE_CHANNELS];
    /* The guest has moved a CD drive's tray; may be NULL. Set after ide_init(). */
    void (*tray_moved)(void *opaque, unsigned drive, bool open);
    void *tray_opaque;
};

/*
 * Adds the function to the arena ("ide"), to the PCI bus and its legacy ports to the port bus. 0,
 * -EINVAL for a disk without medium or a bad geometry, or what arena and buses answer.
 */
int ide_init(struct ide *ide, const struct hw *hw, struct pci_bus *bus,
             const struct ide_config *cfg);

/*
 * Puts another medium (NULL: none) into CD drive `drive` (0..3); the guest is told. A read in
 * progress fails as it does when a disc is pulled out. -EINVAL when that is no CD drive.
 */
int ide_media_change(struct ide *ide, unsigned drive, struct blk *blk);

/*
 * The host opens or closes the tray of CD drive `drive`, with the medium in it. A read in progress
 * fails. -EINVAL when that is no CD drive.
 */
int ide_tray_move(struct ide *ide, unsigned drive, bool open);
bool ide_tray_open(const struct ide *ide, unsigned drive);

/* Whether the guest has locked the tray (PREVENT ALLOW MEDIUM REMOVAL). */
bool ide_tray_locked(const struct ide *ide, unsigned drive);

/*
 * Takes disk `drive` (0..3) away for good, as Xen guests ask for when they have other drivers: the
 * place is empty from now on, also for a state that is loaded afterwards. Not for CD drives.
 */
void ide_unplug(struct ide *ide, unsigned drive);

/* Whether a back-end request is in flight (a pause waits for none). */
bool ide_in_flight(const struct ide *ide);

#endif
