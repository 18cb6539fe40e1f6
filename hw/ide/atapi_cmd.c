/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of the CD-ROM drive: one data track, discs of any size. MMC-4 (T10 1545D), SPC-3. Not
 * modelled: audio, raw sub-channels, DVD structures, writing.
 */
#include "ide/ide_int.h"

#define NEEDS_MEDIUM 1u
#define ALLOWS_UA    2u /* runs even while a unit attention is pending */

#define TRACK_DATA   0x14u /* ADR 1, data track */
#define LEAD_OUT     0xaau
#define MSF_OFFSET   150u
#define CD_MAX_BLOCK 449849u /* blocks of a 99-minute disc; larger ones are DVDs */

#define PROFILE_CD  0x0008u
#define PROFILE_DVD 0x0010u

#define CLASS_MEDIA 4u

struct packet_command {
    uint8_t opcode;
    uint8_t flags;
    void (*run)(struct ide_drive *d, const uint8_t *packet);
};

static uint16_t be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static void put_be16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put_be32(uint8_t *p, uint32_t v)
{
    put_be16(p, v >> 16);
    put_be16(p + 2, v);
}

static void text_put(uint8_t *p, unsigned len, const char *s)
{
    for (unsigned i = 0; i < len; i++) {
        p[i] = *s ? (uint8_t)*s++ : ' ';
    }
}

static void invalid_field(struct ide_drive *d)
{
    atapi_check(d, SENSE_ILLEGAL_REQUEST, 0x24, 0x00);
}

/* --- the drive --- */

static void test_unit_ready(struct ide_drive *d, const uint8_t *packet)
{
    atapi_good(d);
}

static void request_sense(struct ide_drive *d, const uint8_t *packet)
{
    uint8_t *p = ide_reply_clear(d->ch, 18);

    p[0] = 0x70;
    p[2] = d->s->sense_key;
    p[7] = 10;
    p[12] = d->s->asc;
    p[13] = d->s->ascq;
    d->s->sense_key = d->s->asc = d->s->ascq = 0;
    atapi_reply(d, 18, packet[4]);
}

static void inquiry(struct ide_drive *d, const uint8_t *packet)
{
    uint8_t *p = ide_reply_clear(d->ch, 36);

    if ((packet[1] & 1) || packet[2]) {
        invalid_field(d);
        return;
    }
    p[0] = 0x05; /* CD-ROM */
    p[1] = 0x80; /* removable */
    p[3] = 0x21; /* ATAPI */
    p[4] = 36 - 5;
    text_put(p + 8, 8, "CLEAVE");
    text_put(p + 16, 16, "CLEAVE CD-ROM");
    text_put(p + 32, 4, "1.0");
    atapi_reply(d, 36, be16(packet + 3));
}

/* Whatever lies in a tray when it closes is a new medium (MMC-4): nobody saw it change. */
static void tray_move(struct ide_drive *d, bool open)
{
    struct ide *ide = d->ch->ide;

    if (d->s->tray_open == open) {
        return;
    }
    d->s->tray_open = open;
    d->s->media_change = atapi_medium(d);
    if (open) {
        d->s->media_event = EVENT_MEDIA_REMOVAL;
    } else if (atapi_medium(d)) {
        d->s->media_event = EVENT_NEW_MEDIA;
    }
    if (ide->tray_moved) {
        ide->tray_moved(ide->tray_opaque, d->index, open);
    }
}

/*
 * LoEj moves the tray; with a power condition the other bits mean nothing. A locked tray stays shut
 * (MMC-4, 6.42).
 */
static void start_stop_unit(struct ide_drive *d, const uint8_t *packet)
{
    bool start = packet[4] & 1;
    bool loej = packet[4] & 2;

    if (!(packet[4] >> 4) && loej) {
        if (!start && d->s->locked && !d->s->tray_open) {
            atapi_check(d, SENSE_ILLEGAL_REQUEST, 0x53, 0x02);
            return;
        }
        tray_move(d, !start);
    }
    atapi_good(d);
}

static void prevent_allow(struct ide_drive *d, const uint8_t *packet)
{
    d->s->locked = packet[4] & 1;
    atapi_good(d);
}

static void mechanism_status(struct ide_drive *d, const uint8_t *packet)
{
    uint8_t *p = ide_reply_clear(d->ch, 8);

    p[1] = d->s->tray_open ? 0x10 : 0;
    p[5] = 1; /* slots of the changer */
    atapi_reply(d, 8, be16(packet + 8));
}

static void event_status(struct ide_drive *d, const uint8_t *packet)
{
    uint8_t *p = ide_reply_clear(d->ch, 8);
    uint32_t len = 4;

    if (!(packet[1] & 1)) { /* only polled */
        invalid_field(d);
        return;
    }
    p[2] = 0x80; /* no event of a class that was asked for */
    p[3] = 1u << CLASS_MEDIA;
    if (packet[4] & 1u << CLASS_MEDIA) {
        len = 8;
        p[2] = CLASS_MEDIA;
        p[4] = d->s->media_event;
        p[5] = (uint8_t)((d->s->tray_open ? 1 : 0) | (atapi_medium(d) ? 2 : 0));
        d->s->media_event = 0;
    }
    put_be16(p, len - 2);
    atapi_reply(d, len, be16(packet + 7));
}

/* --- capabilities --- */

static uint32_t profile(const struct ide_drive *d)
{
    if (!atapi_medium(d)) {
        return 0;
    }
    return atapi_blocks(d) > CD_MAX_BLOCK ? PROFILE_DVD : PROFILE_CD;
}

/* A feature descriptor's header; returns its length. */
static uint32_t feature_put(uint8_t *p, uint32_t code, bool current, bool persistent,
                            uint32_t extra)
{
    put_be16(p, code);
    p[2] = (uint8_t)((current ? 1 : 0) | (persistent ? 2 : 0));
    p[3] = (uint8_t)extra;
    return 4 + extra;
}

static const uint16_t features[] = {0x0000, 0x0001, 0x0003, 0x0010, 0x001e, 0x001f};

static uint32_t feature_fill(const struct ide_drive *d, uint16_t code, uint8_t *p)
{
    uint32_t now = profile(d);

    switch (code) {
    case 0x0000: /* profile list */
        put_be16(p + 4, PROFILE_DVD);
        p[6] = now == PROFILE_DVD;
        put_be16(p + 8, PROFILE_CD);
        p[10] = now == PROFILE_CD;
        return feature_put(p, code, true, true, 8);
    case 0x0001: /* core: ATAPI */
        put_be32(p + 4, 2);
        return feature_put(p, code, true, true, 8);
    case 0x0003: /* removable medium: tray, eject, lock */
        p[4] = 0x29;
        return feature_put(p, code, true, true, 4);
    case 0x0010: /* random readable */
        put_be32(p + 4, CD_BLOCK);
        put_be16(p + 8, 16);
        return feature_put(p, code, now != 0, false, 8);
    case 0x001e: /* CD read */
        return feature_put(p, code, now == PROFILE_CD, false, 4);
    default: /* DVD read */
        return feature_put(p, code, now == PROFILE_DVD, false, 0);
    }
}

static void get_configuration(struct ide_drive *d, const uint8_t *packet)
{
    uint8_t *p = ide_reply_clear(d->ch, 256);
    uint8_t type = packet[1] & 3;
    uint16_t first = be16(packet + 2);
    uint32_t len = 8;

    if (type == 3) {
        invalid_field(d);
        return;
    }
    for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
        bool wanted = type == 2 ? features[i] == first : features[i] >= first;
        uint32_t n;

        if (!wanted) {
            continue;
        }
        n = feature_fill(d, features[i], p + len);
        if (type == 1 && !(p[len + 2] & 1)) {
            __builtin_memset(p + len, 0, n);
        } else {
            len += n;
        }
    }
    put_be32(p, len - 4);
    put_be16(p + 6, profile(d));
    atapi_reply(d, len, be16(packet + 7));
}

static uint32_t page_error_recovery(uint8_t *p)
{
    p[0] = 0x01;
    p[1] = 6;
    p[3] = 5; /* retries */
    return 8;
}

static uint32_t page_capabilities(const struct ide_drive *d, uint8_t *p)
{
    p[0] = 0x2a;
    p[1] = 20;
    p[2] = 0x3b;                                     /* reads CD-R, CD-RW, DVD-ROM, DVD-R */
    p[4] = 0x70;                                     /* mode 2 forms 1 and 2, multi-session */
    p[6] = (uint8_t)(0x29 | (d->s->locked ? 2 : 0)); /* tray, eject, lock */
    put_be16(p + 8, 11080);                          /* KiB/s */
    put_be16(p + 10, 2);
    put_be16(p + 12, 512); /* KiB of buffer */
    put_be16(p + 14, 11080);
    return 22;
}

static void mode_sense(struct ide_drive *d, const uint8_t *packet)
{
    uint8_t *p = ide_reply_clear(d->ch, 64);
    uint8_t page = packet[2] & 0x3f;
    uint32_t len = 8;

    if (packet[2] >> 6 == 3) { /* saved values */
        atapi_check(d, SENSE_ILLEGAL_REQUEST, 0x39, 0x00);
        return;
    }
    if (page != 0x01 && page != 0x2a && page != 0x3f) {
        invalid_field(d);
        return;
    }
    if (page != 0x2a) {
        len += page_error_recovery(p + len);
    }
    if (page != 0x01) {
        len += page_capabilities(d, p + len);
    }
    put_be16(p, len - 2);
    p[2] = d->s->tray_open ? 0x71 : atapi_medium(d) ? 0x01 : 0x70;
    atapi_reply(d, len, be16(packet + 7));
}

/* --- the disc --- */

static void read_capacity(struct ide_drive *d, const uint8_t *packet)
{
    uint8_t *p = ide_reply_clear(d->ch, 8);

    put_be32(p, atapi_blocks(d) - 1);
    put_be32(p + 4, CD_BLOCK);
    atapi_reply(d, 8, 8);
}

static void read_10(struct ide_drive *d, const uint8_t *packet)
{
    atapi_read(d, be32(packet + 2), be16(packet + 7), CD_BLOCK);
}

static void read_12(struct ide_drive *d, const uint8_t *packet)
{
    atapi_read(d, be32(packet + 2), be32(packet + 6), CD_BLOCK);
}

/* Byte 9 chooses the fields of a block: none, user data, or all of it. */
static void read_cd(struct ide_drive *d, const uint8_t *packet)
{
    uint32_t blocks = (uint32_t)packet[6] << 16 | be16(packet + 7);

    switch (packet[9] & 0xf8) {
    case 0x00:
        atapi_good(d);
        break;
    case 0x10:
        atapi_read(d, be32(packet + 2), blocks, CD_BLOCK);
        break;
    case 0xf8:
        atapi_read(d, be32(packet + 2), blocks, CD_RAW_BLOCK);
        break;
    default:
        invalid_field(d);
        break;
    }
}

static void seek(struct ide_drive *d, const uint8_t *packet)
{
    if (be32(packet + 2) >= atapi_blocks(d)) {
        atapi_check(d, SENSE_ILLEGAL_REQUEST, 0x21, 0x00);
        return;
    }
    atapi_good(d);
}

static void position_put(uint8_t *p, uint32_t lba, bool msf)
{
    uint32_t frame = lba + MSF_OFFSET;

    if (!msf) {
        put_be32(p, lba);
        return;
    }
    p[0] = 0;
    p[1] = (uint8_t)(frame / 75 / 60);
    p[2] = (uint8_t)(frame / 75 % 60);
    p[3] = (uint8_t)(frame % 75);
}

static uint32_t toc_track(uint8_t *p, uint8_t number, uint32_t lba, bool msf)
{
    p[1] = TRACK_DATA;
    p[2] = number;
    position_put(p + 4, lba, msf);
    return 8;
}

static uint32_t toc_raw(uint8_t *p, uint8_t point, uint8_t track, uint32_t lba)
{
    p[0] = 1; /* session */
    p[1] = TRACK_DATA;
    p[3] = point;
    if (track) {
        p[8] = track;
    } else {
        position_put(p + 7, lba, true);
    }
    return 11;
}

static void read_toc(struct ide_drive *d, const uint8_t *packet)
{
    uint8_t *p = ide_reply_clear(d->ch, 64);
    bool msf = packet[1] & 2;
    uint8_t format = packet[2] & 0x0f ? packet[2] & 0x0f : packet[9] >> 6;
    uint8_t first = packet[6];
    uint32_t len = 4;

    p[2] = 1; /* first and last track or session */
    p[3] = 1;
    switch (format) {
    case 0:
        if (first > 1 && first != LEAD_OUT) {
            invalid_field(d);
            return;
        }
        if (first <= 1) {
            len += toc_track(p + len, 1, 0, msf);
        }
        len += toc_track(p + len, LEAD_OUT, atapi_blocks(d), msf);
        break;
    case 1:
        len += toc_track(p + len, 1, 0, msf);
        break;
    case 2:
        len += toc_raw(p + len, 0xa0, 1, 0);
        len += toc_raw(p + len, 0xa1, 1, 0);
        len += toc_raw(p + len, 0xa2, 0, atapi_blocks(d));
        len += toc_raw(p + len, 1, 0, 0);
        break;
    default:
        invalid_field(d);
        return;
    }
    put_be16(p, len - 2);
    atapi_reply(d, len, be16(packet + 7));
}

static void read_disc_information(struct ide_drive *d, const uint8_t *packet)
{
    uint8_t *p = ide_reply_clear(d->ch, 34);

    if (packet[1] & 7) {
        invalid_field(d);
        return;
    }
    put_be16(p, 32);
    p[2] = 0x0e; /* complete disc, complete session */
    p[3] = p[4] = p[5] = p[6] = 1;
    p[7] = 0x20; /* unrestricted use */
    atapi_reply(d, 34, be16(packet + 7));
}

/* --- the table --- */

static const struct packet_command packet_commands[] = {
    {0x00, NEEDS_MEDIUM, test_unit_ready},
    {0x03, ALLOWS_UA, request_sense},
    {0x12, ALLOWS_UA, inquiry},
    {0x1b, 0, start_stop_unit},
    {0x1e, 0, prevent_allow},
    {0x25, NEEDS_MEDIUM, read_capacity},
    {0x28, NEEDS_MEDIUM, read_10},
    {0x2b, NEEDS_MEDIUM, seek},
    {0x43, NEEDS_MEDIUM, read_toc},
    {0x46, ALLOWS_UA, get_configuration},
    {0x4a, ALLOWS_UA, event_status},
    {0x51, NEEDS_MEDIUM, read_disc_information},
    {0x5a, 0, mode_sense},
    {0xa8, NEEDS_MEDIUM, read_12},
    {0xbb, 0, test_unit_ready}, /* SET CD SPEED */
    {0xbd, 0, mechanism_status},
    {0xbe, NEEDS_MEDIUM, read_cd},
};

static const struct packet_command *packet_find(uint8_t opcode)
{
    for (unsigned i = 0; i < sizeof(packet_commands) / sizeof(packet_commands[0]); i++) {
        if (packet_commands[i].opcode == opcode) {
            return &packet_commands[i];
        }
    }
    return NULL;
}

/* A new disc is first seen as none, so that a guest that missed the removal notices it. */
static bool report_change(struct ide_drive *d)
{
    if (d->s->media_change == 0) {
        return false;
    }
    d->s->media_change--;
    if (d->s->media_change) {
        atapi_check(d, SENSE_NOT_READY, 0x3a, 0x00);
    } else {
        atapi_check(d, SENSE_UNIT_ATTENTION, 0x28, 0x00);
    }
    return true;
}

void atapi_execute(struct ide_drive *d, const uint8_t *packet)
{
    const struct packet_command *c = packet_find(packet[0]);

    if (!c) {
        atapi_check(d, SENSE_ILLEGAL_REQUEST, 0x20, 0x00);
        return;
    }
    if (!(c->flags & ALLOWS_UA) && report_change(d)) {
        return;
    }
    if (c->run != request_sense) {
        d->s->sense_key = d->s->asc = d->s->ascq = 0;
    }
    if ((c->flags & NEEDS_MEDIUM) && !atapi_medium(d)) {
        atapi_check(d, SENSE_NOT_READY, 0x3a, 0x00);
        return;
    }
    c->run(d, packet);
}
