/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ATA commands: the table of who accepts what, addresses, and the commands that move no data.
 * ATA/ATAPI-6 (T13 1410D) clause 8, ACS-2 for DATA SET MANAGEMENT. Not modelled: SECURITY, SET MAX,
 * Host Protected Area, READ LONG, queued and streaming commands, power states (all answer at once).
 */
#include "ide/ide_int.h"

#define ON_DISK (1u << IDE_KIND_DISK)
#define ON_CD   (1u << IDE_KIND_CD)
#define ON_BOTH (ON_DISK | ON_CD)

#define LBA28_MAX     0x0fffffffull
#define POWER_STANDBY 0x00u
#define POWER_ACTIVE  0xffu

/* SET FEATURES subcommands. */
#define FEATURE_WRITE_CACHE_ON  0x02u
#define FEATURE_TRANSFER_MODE   0x03u
#define FEATURE_LOOK_AHEAD_OFF  0x55u
#define FEATURE_KEEP_SETTINGS   0x66u
#define FEATURE_WRITE_CACHE_OFF 0x82u
#define FEATURE_LOOK_AHEAD_ON   0xaau
#define FEATURE_REVERT_SETTINGS 0xccu

struct command {
    void (*run)(struct ide_drive *d, uint8_t opcode);
    uint8_t kinds; /* drives that accept it */
};

static bool is_ext(uint8_t opcode)
{
    return opcode < 0x60 && (opcode & 4 || (opcode & 0x0f) == 9 || opcode == 0x42);
}

/* --- addresses --- */

uint64_t ata_sectors(const struct ide_drive *d)
{
    return blk_present(d->blk) ? d->blk->bytes / BLK_SECTOR : 0;
}

static bool chs_to_lba(const struct ide_drive *d, uint64_t *lba)
{
    uint32_t cylinder = d->s->lba_mid | d->s->lba_high << 8;
    uint32_t head = d->s->device & 0x0f;
    uint32_t sector = d->s->lba_low;

    if (head >= d->s->heads || sector == 0 || sector > d->s->sectors) {
        return false;
    }
    *lba = ((uint64_t)cylinder * d->s->heads + head) * d->s->sectors + sector - 1;
    return true;
}

bool ata_get_address(const struct ide_drive *d, bool ext, uint64_t *lba, uint32_t *count)
{
    const struct ide_drive_state *s = d->s;
    uint32_t low = s->lba_low | s->lba_mid << 8 | (uint32_t)s->lba_high << 16;

    if (ext) {
        *count = s->count | s->hob_count << 8;
        *count = *count ? *count : ATA_MAX_COUNT;
        *lba = low | (uint64_t)(s->hob_lba_low | s->hob_lba_mid << 8) << 24 |
               (uint64_t)s->hob_lba_high << 40;
        return true;
    }
    *count = s->count ? s->count : 256;
    if (s->device & ATA_LBA) {
        *lba = low | (uint32_t)(s->device & 0x0f) << 24;
        return true;
    }
    return chs_to_lba(d, lba);
}

void ata_put_address(struct ide_drive *d, bool ext, uint64_t lba)
{
    struct ide_drive_state *s = d->s;

    if (!ext && !(s->device & ATA_LBA)) {
        uint64_t track = lba / s->sectors;

        s->lba_low = (uint8_t)(lba % s->sectors + 1);
        s->lba_mid = (uint8_t)(track / s->heads);
        s->lba_high = (uint8_t)(track / s->heads >> 8);
        s->device = (uint8_t)((s->device & 0xf0) | track % s->heads);
        return;
    }
    s->lba_low = (uint8_t)lba;
    s->lba_mid = (uint8_t)(lba >> 8);
    s->lba_high = (uint8_t)(lba >> 16);
    if (ext) {
        s->hob_lba_low = (uint8_t)(lba >> 24);
        s->hob_lba_mid = (uint8_t)(lba >> 32);
        s->hob_lba_high = (uint8_t)(lba >> 40);
    } else {
        s->device = (uint8_t)((s->device & 0xf0) | (lba >> 24 & 0x0f));
    }
}

void ata_put_position(struct ide_channel *ch)
{
    struct ide_drive *d = ide_selected(ch);

    ata_put_address(d, ch->s->ext, ch->s->lba);
    d->s->count = (uint8_t)ch->s->left;
    if (ch->s->ext) {
        d->s->hob_count = (uint8_t)(ch->s->left >> 8);
    }
}

/* --- commands without data --- */

static void command_abort(struct ide_drive *d)
{
    ide_fail(d->ch, 0, ATA_ABRT);
}

static void cmd_nop(struct ide_drive *d, uint8_t opcode)
{
    command_abort(d);
}

static void cmd_succeed(struct ide_drive *d, uint8_t opcode)
{
    ide_complete(d->ch);
}

/* A packet device answers the disk's commands with an abort and its signature (8.15, 8.27). */
static void cmd_read(struct ide_drive *d, uint8_t opcode)
{
    if (d->kind == IDE_KIND_CD) {
        ide_set_signature(d);
        command_abort(d);
        return;
    }
    ata_read(d, is_ext(opcode), 1);
}

static void cmd_identify(struct ide_drive *d, uint8_t opcode)
{
    if (d->kind == IDE_KIND_CD) {
        ide_set_signature(d);
        command_abort(d);
        return;
    }
    ata_identify(d);
}

static void cmd_identify_packet(struct ide_drive *d, uint8_t opcode)
{
    ata_identify_packet(d);
}

static void cmd_packet(struct ide_drive *d, uint8_t opcode)
{
    atapi_packet(d);
}

static void cmd_device_reset(struct ide_drive *d, uint8_t opcode)
{
    ide_device_reset(d);
}

static void cmd_smart(struct ide_drive *d, uint8_t opcode)
{
    ata_smart(d);
}

static void cmd_trim(struct ide_drive *d, uint8_t opcode)
{
    ata_trim(d);
}

static void cmd_write(struct ide_drive *d, uint8_t opcode)
{
    ata_write(d, is_ext(opcode), 1);
}

static void cmd_read_multiple(struct ide_drive *d, uint8_t opcode)
{
    if (!d->s->multiple) {
        command_abort(d);
        return;
    }
    ata_read(d, is_ext(opcode), d->s->multiple);
}

static void cmd_write_multiple(struct ide_drive *d, uint8_t opcode)
{
    if (!d->s->multiple) {
        command_abort(d);
        return;
    }
    ata_write(d, is_ext(opcode), d->s->multiple);
}

static void cmd_read_dma(struct ide_drive *d, uint8_t opcode)
{
    ata_dma(d, is_ext(opcode), false);
}

static void cmd_write_dma(struct ide_drive *d, uint8_t opcode)
{
    ata_dma(d, is_ext(opcode), true);
}

static void cmd_verify(struct ide_drive *d, uint8_t opcode)
{
    ata_verify(d, is_ext(opcode));
}

static void cmd_flush(struct ide_drive *d, uint8_t opcode)
{
    ata_flush(d);
}

static void cmd_seek(struct ide_drive *d, uint8_t opcode)
{
    uint64_t lba;
    uint32_t count;

    if (!ata_get_address(d, false, &lba, &count) || lba >= ata_sectors(d)) {
        ide_fail(d->ch, 0, ATA_IDNF | ATA_ABRT);
        return;
    }
    ide_complete(d->ch);
}

static void cmd_set_multiple(struct ide_drive *d, uint8_t opcode)
{
    uint8_t n = d->s->count;

    if (n > IDE_BUF_SECTORS || (n & (n - 1))) {
        command_abort(d);
        return;
    }
    d->s->multiple = n;
    ide_complete(d->ch);
}

/* A translation with no sectors is refused, so that every later division is safe. */
static void cmd_initialize_parameters(struct ide_drive *d, uint8_t opcode)
{
    if (d->s->count == 0) {
        command_abort(d);
        return;
    }
    d->s->heads = (d->s->device & 0x0f) + 1;
    d->s->sectors = d->s->count;
    ide_complete(d->ch);
}

static void cmd_native_max(struct ide_drive *d, uint8_t opcode)
{
    uint64_t last = ata_sectors(d) - 1;
    bool ext = opcode == 0x27;

    if (!ext && last > LBA28_MAX) {
        last = LBA28_MAX;
    }
    ata_put_address(d, ext, last);
    ide_complete(d->ch);
}

static void cmd_power(struct ide_drive *d, uint8_t opcode)
{
    static const uint8_t standby[] = {0x94, 0x96, 0x99, 0xe0, 0xe2, 0xe6};

    d->s->power = POWER_ACTIVE;
    for (unsigned i = 0; i < sizeof(standby); i++) {
        if (opcode == standby[i]) {
            d->s->power = POWER_STANDBY;
        }
    }
    ide_complete(d->ch);
}

static void cmd_check_power(struct ide_drive *d, uint8_t opcode)
{
    d->s->count = d->s->power;
    ide_complete(d->ch);
}

/* --- SET FEATURES --- */

/* How many modes of each type there are (8.46.3): PIO default, PIO, single word, multiword, Ultra.
 */
static bool transfer_mode_known(uint8_t mode)
{
    static const uint8_t modes[32] = {[0] = 2, [1] = 5, [2] = 3, [4] = 3, [8] = 6};

    return (mode & 7) < modes[mode >> 3];
}

static void set_transfer_mode(struct ide_drive *d)
{
    if (!transfer_mode_known(d->s->count)) {
        command_abort(d);
        return;
    }
    d->s->transfer_mode = d->s->count;
    ide_complete(d->ch);
}

static void set_disk_feature(struct ide_drive *d)
{
    switch (d->s->feature) {
    case FEATURE_WRITE_CACHE_ON:
        d->s->write_cache = 1;
        break;
    case FEATURE_WRITE_CACHE_OFF:
        d->s->write_cache = 0;
        ata_flush(d);
        return;
    case FEATURE_LOOK_AHEAD_ON:
    case FEATURE_LOOK_AHEAD_OFF:
        d->s->look_ahead = d->s->feature == FEATURE_LOOK_AHEAD_ON;
        break;
    default:
        command_abort(d);
        return;
    }
    ide_complete(d->ch);
}

static void cmd_set_features(struct ide_drive *d, uint8_t opcode)
{
    switch (d->s->feature) {
    case FEATURE_TRANSFER_MODE:
        set_transfer_mode(d);
        break;
    case FEATURE_KEEP_SETTINGS:
    case FEATURE_REVERT_SETTINGS:
        d->s->keep_settings = d->s->feature == FEATURE_KEEP_SETTINGS;
        ide_complete(d->ch);
        break;
    default:
        if (d->kind == IDE_KIND_DISK) {
            set_disk_feature(d);
        } else {
            command_abort(d);
        }
        break;
    }
}

/* --- the table --- */

static const struct command commands[256] = {
    [0x00] = {cmd_nop, ON_BOTH},
    [0x06] = {cmd_trim, ON_DISK},
    [0x08] = {cmd_device_reset, ON_CD},
    [0x10 ... 0x1f] = {cmd_succeed, ON_DISK}, /* RECALIBRATE */
    [0x20 ... 0x21] = {cmd_read, ON_BOTH},
    [0x24] = {cmd_read, ON_DISK},
    [0x25] = {cmd_read_dma, ON_DISK},
    [0x27] = {cmd_native_max, ON_DISK},
    [0x29] = {cmd_read_multiple, ON_DISK},
    [0x30 ... 0x31] = {cmd_write, ON_DISK},
    [0x34] = {cmd_write, ON_DISK},
    [0x35] = {cmd_write_dma, ON_DISK},
    [0x39] = {cmd_write_multiple, ON_DISK},
    [0x40 ... 0x42] = {cmd_verify, ON_DISK},
    [0x70 ... 0x7f] = {cmd_seek, ON_DISK},
    [0x91] = {cmd_initialize_parameters, ON_DISK},
    [0x94 ... 0x97] = {cmd_power, ON_BOTH},
    [0x98] = {cmd_check_power, ON_BOTH},
    [0x99] = {cmd_power, ON_BOTH},
    [0xa0] = {cmd_packet, ON_CD},
    [0xa1] = {cmd_identify_packet, ON_CD},
    [0xb0] = {cmd_smart, ON_DISK},
    [0xc4] = {cmd_read_multiple, ON_DISK},
    [0xc5] = {cmd_write_multiple, ON_DISK},
    [0xc6] = {cmd_set_multiple, ON_DISK},
    [0xc8 ... 0xc9] = {cmd_read_dma, ON_DISK},
    [0xca ... 0xcb] = {cmd_write_dma, ON_DISK},
    [0xe0 ... 0xe3] = {cmd_power, ON_BOTH},
    [0xe5] = {cmd_check_power, ON_BOTH},
    [0xe6] = {cmd_power, ON_BOTH},
    [0xe7] = {cmd_flush, ON_BOTH},
    [0xea] = {cmd_flush, ON_DISK},
    [0xec] = {cmd_identify, ON_BOTH},
    [0xef] = {cmd_set_features, ON_BOTH},
    [0xf8] = {cmd_native_max, ON_DISK},
};

#define EXECUTE_DEVICE_DIAGNOSTIC 0x90u
#define DEVICE_RESET              0x08u

/*
 * While a command runs only DEVICE RESET is heard, by a packet device. EXECUTE DEVICE DIAGNOSTIC is
 * carried out by both devices whichever is selected.
 */
void ata_command(struct ide_drive *d, uint8_t opcode)
{
    struct ide_channel *ch = d->ch;
    const struct command *c = &commands[opcode];
    bool any = ch->drive[0].kind != IDE_KIND_NONE || ch->drive[1].kind != IDE_KIND_NONE;

    if (ch->s->phase == IDE_IN_RESET) {
        return;
    }
    if (ch->s->phase != IDE_IDLE) {
        if (opcode == DEVICE_RESET && d->kind == IDE_KIND_CD) {
            ide_device_reset(d);
        }
        return;
    }
    if (opcode == EXECUTE_DEVICE_DIAGNOSTIC && any) {
        ide_execute_diagnostic(ch);
        return;
    }
    if (d->kind == IDE_KIND_NONE) {
        return;
    }
    d->s->error = 0;
    d->s->status = ATA_DRDY | ATA_DSC;
    if (c->run && (c->kinds & 1u << d->kind)) {
        c->run(d, opcode);
    } else {
        command_abort(d);
    }
}
