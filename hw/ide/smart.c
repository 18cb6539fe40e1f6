/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMART feature set of a disk that never fails: enable, status, data, thresholds, logs, self-tests
 * (which pass at once). ATA/ATAPI-6 (T13 1410D), 8.41. Not modelled: WRITE LOG, the attributes of a
 * worn disk.
 */
#include "ide/ide_int.h"

#define SMART_MID  0x4fu
#define SMART_HIGH 0xc2u

#define SMART_READ_DATA       0xd0u
#define SMART_READ_THRESHOLDS 0xd1u
#define SMART_AUTOSAVE        0xd2u
#define SMART_SAVE            0xd3u
#define SMART_OFFLINE         0xd4u
#define SMART_READ_LOG        0xd5u
#define SMART_ENABLE          0xd8u
#define SMART_DISABLE         0xd9u
#define SMART_STATUS          0xdau

#define AUTOSAVE_ON  0xf1u
#define AUTOSAVE_OFF 0x00u

#define LOG_DIRECTORY 0x00u
#define LOG_ERRORS    0x01u
#define LOG_SELF_TEST 0x06u

struct attribute {
    uint8_t id;
    uint8_t flags;
    uint8_t value;
    uint8_t raw;
    uint8_t threshold;
};

static const struct attribute attributes[] = {
    {0x01, 0x03, 100, 0, 6},  /* raw read error rate */
    {0x03, 0x03, 100, 16, 0}, /* spin-up time */
    {0x04, 0x02, 100, 1, 20}, /* start and stop count */
    {0x05, 0x03, 100, 0, 36}, /* reallocated sectors */
    {0x09, 0x03, 100, 1, 0},  /* power-on hours */
    {0x0c, 0x03, 100, 1, 0},  /* power cycles */
    {0xbe, 0x03, 69, 31, 50}, /* temperature, 100 - C */
};
#define ATTRIBUTES (sizeof(attributes) / sizeof(attributes[0]))

static void page_send(struct ide_drive *d, uint8_t *page)
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < BLK_SECTOR - 1; i++) {
        sum = (uint8_t)(sum + page[i]);
    }
    page[BLK_SECTOR - 1] = (uint8_t)-sum;
    d->ch->s->pos = 0;
    ide_pio_in(d->ch, IDE_WORK_REPLY, BLK_SECTOR);
}

static void data_send(struct ide_drive *d)
{
    uint8_t *page = ide_reply_clear(d->ch, BLK_SECTOR);

    page[0] = 1;
    for (unsigned i = 0; i < ATTRIBUTES; i++) {
        uint8_t *a = page + 2 + 12 * i;

        a[0] = attributes[i].id;
        a[1] = attributes[i].flags;
        a[3] = attributes[i].value;
        a[4] = attributes[i].value;
        a[5] = attributes[i].raw;
    }
    page[362] = d->s->smart_tests ? 0x02 : 0x00; /* off-line collection completed, or never begun */
    page[367] = 0x11;                            /* off-line collection, self-tests */
    page[368] = 0x03;                            /* saves attributes, autosave */
    page[370] = 0x01;                            /* error log */
    page[372] = 1;                               /* minutes of a short test */
    page[373] = 1;                               /* and of an extended one */
    page_send(d, page);
}

static void thresholds_send(struct ide_drive *d)
{
    uint8_t *page = ide_reply_clear(d->ch, BLK_SECTOR);

    page[0] = 1;
    for (unsigned i = 0; i < ATTRIBUTES; i++) {
        page[2 + 12 * i] = attributes[i].id;
        page[3 + 12 * i] = attributes[i].threshold;
    }
    page_send(d, page);
}

/* 8.41.6.8.4: a ring of 21 entries; byte 508 counts from 1, 0 means none. */
static void self_test_log_fill(const struct ide_drive *d, uint8_t *page)
{
    page[0] = 1;
    for (unsigned i = 0; i < d->s->smart_tests; i++) {
        uint8_t *entry = page + 2 + 24 * i;

        entry[0] = d->s->smart_log[i];
        entry[2] = 1; /* power-on hours */
    }
    if (d->s->smart_tests) {
        page[508] = d->s->smart_next ? d->s->smart_next : IDE_SELF_TESTS;
    }
}

static void log_send(struct ide_drive *d)
{
    uint8_t log = d->s->lba_low;
    uint8_t *page;

    if (d->s->count != 1 || (log != LOG_DIRECTORY && log != LOG_ERRORS && log != LOG_SELF_TEST)) {
        ide_fail(d->ch, 0, ATA_ABRT);
        return;
    }
    page = ide_reply_clear(d->ch, BLK_SECTOR);
    page[0] = 1;
    if (log == LOG_DIRECTORY) {
        page[2 * LOG_ERRORS] = 1; /* sectors of each log */
        page[2 * LOG_SELF_TEST] = 1;
    } else if (log == LOG_SELF_TEST) {
        self_test_log_fill(d, page);
    }
    page_send(d, page);
}

static void self_test_run(struct ide_drive *d)
{
    uint8_t test = d->s->lba_low;

    switch (test) {
    case 0x00: /* off-line collection */
    case 0x7f: /* abort: nothing runs */
        break;
    case 0x01:
    case 0x02:
    case 0x81:
    case 0x82:
        d->s->smart_log[d->s->smart_next] = test;
        d->s->smart_next = (uint8_t)((d->s->smart_next + 1) % IDE_SELF_TESTS);
        if (d->s->smart_tests < IDE_SELF_TESTS) {
            d->s->smart_tests++;
        }
        break;
    default:
        ide_fail(d->ch, 0, ATA_ABRT);
        return;
    }
    ide_complete(d->ch);
}

static void setting_change(struct ide_drive *d)
{
    switch (d->s->feature) {
    case SMART_AUTOSAVE:
        if (d->s->count != AUTOSAVE_ON && d->s->count != AUTOSAVE_OFF) {
            ide_fail(d->ch, 0, ATA_ABRT);
            return;
        }
        d->s->smart_autosave = d->s->count == AUTOSAVE_ON;
        break;
    case SMART_ENABLE:
        d->s->smart = 1;
        break;
    case SMART_DISABLE:
        d->s->smart = 0;
        break;
    default: /* SAVE; STATUS: no threshold exceeded, so the registers stay as they are */
        break;
    }
    ide_complete(d->ch);
}

void ata_smart(struct ide_drive *d)
{
    if (d->s->lba_mid != SMART_MID || d->s->lba_high != SMART_HIGH ||
        (!d->s->smart && d->s->feature != SMART_ENABLE)) {
        ide_fail(d->ch, 0, ATA_ABRT);
        return;
    }
    switch (d->s->feature) {
    case SMART_READ_DATA:
        data_send(d);
        break;
    case SMART_READ_THRESHOLDS:
        thresholds_send(d);
        break;
    case SMART_READ_LOG:
        log_send(d);
        break;
    case SMART_OFFLINE:
        self_test_run(d);
        break;
    case SMART_AUTOSAVE:
    case SMART_SAVE:
    case SMART_ENABLE:
    case SMART_DISABLE:
    case SMART_STATUS:
        setting_change(d);
        break;
    default:
        ide_fail(d->ch, 0, ATA_ABRT);
        break;
    }
}
