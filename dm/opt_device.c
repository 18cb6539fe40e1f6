/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -device and -global: what can be added to the machine, and the settings that it takes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "options_int.h"

#define IDE_MAX_CYLINDERS 65535
#define VGAMEM_MIB        16
#define VGAMEM_XEN_MAX    256

struct device_type {
    const char *name;
    void (*add)(struct optctx *c, struct optlist *l);
    const char *settings;
    enum { REPLACES_NOTHING, REPLACES_CDROM, REPLACES_FLOPPY, REPLACES_VGA } replaces;
};

static const struct device_type *device_type_find(const char *name);

/* --- properties --- */

/* ATA strings are fixed fields: what does not fit is refused, not cut. */
static void ata_string(struct optlist *l, const char *key, const char **to, size_t max)
{
    const char *text = optlist_get(l, key, *to);

    if (text && strlen(text) > max) {
        die("%s %s=%s: give at most %zu characters", l->option, key, text, max);
    }
    *to = text;
}

/* Properties that ide-hd and ide-cd share with drives made by -drive if=ide. */
void drive_properties(struct optlist *l, struct dm_drive *d)
{
    static const char *const translation[] = {"none", "lba", "large", "rechs", "auto", NULL};

    ata_string(l, "serial", &d->serial, 20);
    ata_string(l, "ver", &d->version, 8);
    ata_string(l, "model", &d->model, 40);
    d->cylinders =
        (uint32_t)optlist_number(l, "cyls", d->cylinders, 0, d->cdrom ? 0 : IDE_MAX_CYLINDERS);
    d->heads = (uint32_t)optlist_number(l, "heads", d->heads, 0, d->cdrom ? 0 : 16);
    d->sectors = (uint32_t)optlist_number(l, "secs", d->sectors, 0, d->cdrom ? 0 : 63);
    d->translation =
        (enum dm_translation)optlist_choice(l, "bios-chs-trans", translation, (int)d->translation);
    if (!d->cylinders != !d->heads || !d->heads != !d->sectors) {
        die("drive %s: give cyls, heads and secs, or none of them", d->id);
    }
    optlist_bool(l, "write-cache", true);
}

void globals_apply(struct optctx *c, const char *type, struct optlist *into)
{
    for (unsigned i = 0; i < c->global->len; i++) {
        struct optlist *g = c->global->pdata[i];

        if (!strcmp(optlist_get(g, "driver", ""), type)) {
            optlist_add(into, optlist_get(g, "property", ""), optlist_get(g, "value", ""));
        }
    }
}

/* A -global must name something that there can be. */
static void globals_check(struct optctx *c)
{
    for (unsigned i = 0; i < c->global->len; i++) {
        struct optlist *g = c->global->pdata[i];
        const char *driver = optlist_get(g, "driver", NULL);

        if (!driver || !optlist_get(g, "property", NULL) || !optlist_get(g, "value", NULL)) {
            die("-global %s: give DEVICE.PROPERTY=VALUE", g->text);
        }
        if (!device_type_find(driver)) {
            die("-global %s: there is no device '%s'; leave it out", g->text, driver);
        }
        optlist_done(g);
    }
}

/* Globals first, then what the -device itself says: the last counts. */
static struct optlist *with_globals(struct optctx *c, const char *type, struct optlist *own)
{
    struct optlist *l = g_new0(struct optlist, 1);

    l->option = own->option;
    l->text = own->text;
    globals_apply(c, type, l);
    for (unsigned i = 0; i < own->n; i++) {
        optlist_add(l, own->row[i].key, own->row[i].value);
        own->row[i].used = true;
    }
    optlist_get(l, "driver", NULL);
    return l;
}

/* --- drives --- */

static unsigned ide_slot(struct optctx *c, struct optlist *l)
{
    static const char *const buses[] = {"ide.0", "ide.1", NULL};
    int bus = optlist_choice(l, "bus", buses, -1);
    int unit = (int)optlist_number(l, "unit", -1, 0, 1);

    if (bus >= 0 && unit >= 0) {
        return (unsigned)(bus * 2 + unit);
    }
    for (unsigned slot = 0; slot < DM_IDE_DRIVES; slot++) {
        bool fits =
            (bus < 0 || slot / 2 == (unsigned)bus) && (unit < 0 || slot % 2 == (unsigned)unit);

        if (fits && !c->o->ide[slot].present) {
            return slot;
        }
    }
    die("-device %s: no place is free; there are two buses of two drives", l->text);
}

static struct backend *device_backend(struct optctx *c, struct optlist *l, const char *id)
{
    const char *name = optlist_get(l, "drive", NULL);
    struct backend *b = name ? backend_find(c, name) : backend_empty(c, id);

    if (!b) {
        die("-device %s: there is no -drive with id=%s", l->text, name);
    }
    if (b->placed || strcmp(b->interface, "none")) {
        die("-device %s: drive %s is in use; give it if=none and one -device", l->text, name);
    }
    b->drive.qdev = id;
    return b;
}

static void add_ide(struct optctx *c, struct optlist *own, bool cdrom)
{
    struct optlist *l = with_globals(c, cdrom ? "ide-cd" : "ide-hd", own);
    struct backend *b = device_backend(c, l, optlist_get(l, "id", NULL));

    b->drive.cdrom = cdrom;
    b->drive.readonly |= cdrom;
    drive_properties(l, &b->drive);
    drive_place_ide(c, b, ide_slot(c, l));
    optlist_done(l);
}

static void add_ide_hd(struct optctx *c, struct optlist *l)
{
    add_ide(c, l, false);
}

static void add_ide_cd(struct optctx *c, struct optlist *l)
{
    add_ide(c, l, true);
}

static void add_floppy(struct optctx *c, struct optlist *own)
{
    static const char *const buses[] = {"floppy-bus.0", NULL};
    static const char *const types[] = {"auto", "144", "288", "120", "none", NULL};
    struct optlist *l = with_globals(c, "floppy", own);
    struct backend *b = device_backend(c, l, optlist_get(l, "id", NULL));
    int unit = (int)optlist_number(l, "unit", -1, 0, DM_FLOPPIES - 1);

    optlist_choice(l, "bus", buses, 0);
    optlist_choice(l, "drive-type", types, 0);
    for (unsigned i = 0; unit < 0; i++) {
        if (i == DM_FLOPPIES) {
            die("-device %s: there are %d floppy drives at most", l->text, DM_FLOPPIES);
        }
        unit = c->o->floppy[i].present ? -1 : (int)i;
    }
    drive_place_floppy(c, b, (unsigned)unit);
    optlist_done(l);
}

/* --- the others --- */

static void remember(struct optctx *c, struct optlist *l, const char *type)
{
    struct dm_options *o = c->o;

    if (o->ndevices == DM_MAX_DEVICES) {
        die("-device %s: at most %d devices", l->text, DM_MAX_DEVICES);
    }
    o->device[o->ndevices++] = (struct dm_device){type, optlist_get(l, "id", NULL)};
}

static void once(struct optlist *l, bool *flag)
{
    if (*flag) {
        die("-device %s: there can be only one", l->text);
    }
    *flag = true;
}

static void add_vga(struct optctx *c, struct optlist *own)
{
    struct optlist *l = with_globals(c, "VGA", own);

    if (c->o->vga != DM_VGA_NONE) {
        die("-device %s: there is a display adapter already; give -vga none before it", l->text);
    }
    c->o->vgamem_mib =
        (uint32_t)optlist_number(l, "vgamem_mb", VGAMEM_MIB, VGAMEM_MIB,
                                 c->o->accel == ACCEL_XEN ? VGAMEM_XEN_MAX : VGAMEM_MIB);
    if (c->o->vgamem_mib & (c->o->vgamem_mib - 1)) {
        die("-device %s: vgamem_mb: give a power of two (xl.cfg: videoram)", l->text);
    }
    c->o->vga = DM_VGA_STD;
    remember(c, l, "VGA");
    optlist_done(l);
}

static void add_pvpanic(struct optctx *c, struct optlist *own)
{
    struct optlist *l = with_globals(c, "pvpanic", own);

    once(l, &c->o->pvpanic);
    c->o->pvpanic_port = (uint16_t)optlist_number(l, "ioport", 0x505, 1, 0xffff);
    c->o->pvpanic_events = (uint8_t)optlist_number(l, "events", 3, 0, 255) & 3;
    remember(c, l, "pvpanic");
    optlist_done(l);
}

static void add_ib700(struct optctx *c, struct optlist *own)
{
    struct optlist *l = with_globals(c, "ib700", own);

    once(l, &c->o->ib700);
    remember(c, l, "ib700");
    optlist_done(l);
}

static void add_pc_testdev(struct optctx *c, struct optlist *own)
{
    struct optlist *l = with_globals(c, "pc-testdev", own);

    once(l, &c->o->pc_testdev);
    remember(c, l, "pc-testdev");
    optlist_done(l);
}

static void add_debug_exit(struct optctx *c, struct optlist *own)
{
    struct optlist *l = with_globals(c, "isa-debug-exit", own);

    if (c->o->debug_exit) {
        die("-device %s: there can be only one", l->text);
    }
    c->o->debug_exit = (uint16_t)optlist_number(l, "iobase", 0x501, 1, 0xfffc);
    optlist_number(l, "iosize", 2, 1, 4);
    remember(c, l, "isa-debug-exit");
    optlist_done(l);
}

static void add_debugcon(struct optctx *c, struct optlist *own)
{
    struct optlist *l = with_globals(c, "isa-debugcon", own);
    const char *id = optlist_get(l, "chardev", NULL);
    int64_t port = optlist_number(l, "iobase", 0xe9, 0xe9, 0x402);

    optlist_number(l, "readback", 0xe9, 0xe9, 0xe9);
    if (!id || (port != 0xe9 && port != 0x402)) {
        die("-device %s: needs chardev=ID; the ports are 0xe9 and 0x402", l->text);
    }
    if (c->o->debugcon) {
        die("-device %s: both debug ports share one chardev, given already", l->text);
    }
    c->o->debugcon = chardev_use(c, "-device isa-debugcon", id)->id;
    remember(c, l, "isa-debugcon");
    optlist_done(l);
}

static void add_serial(struct optctx *c, struct optlist *own)
{
    static const uint16_t base[DM_SERIAL_PORTS] = {0x3f8, 0x2f8};
    struct optlist *l = with_globals(c, "isa-serial", own);
    struct dm_options *o = c->o;
    int64_t index = optlist_number(l, "index", o->nserial, 0, DM_SERIAL_PORTS - 1);
    int64_t iobase = optlist_number(l, "iobase", base[index], 0, 0xffff);
    const char *id = optlist_get(l, "chardev", NULL);

    for (unsigned i = 0; i < DM_SERIAL_PORTS; i++) {
        index = iobase == base[i] ? i : index;
    }
    optlist_number(l, "irq", index ? 3 : 4, index ? 3 : 4, index ? 3 : 4);
    if (iobase != base[index] || (unsigned)index < o->nserial) {
        die("-device %s: the ports are 0x3f8 and 0x2f8, each once", l->text);
    }
    o->serial[index] = id ? chardev_use(c, "-device isa-serial", id)->id : NULL;
    o->nserial = (unsigned)index + 1;
    remember(c, l, "isa-serial");
    optlist_done(l);
}

/* Part of every machine here: the word only confirms it. */
static void add_fdc(struct optctx *c, struct optlist *own)
{
    optlist_done(with_globals(c, "isa-fdc", own));
}

static const struct device_type types[] = {
    {"ide-hd", add_ide_hd,
     "drive=ID,bus=ide.B,unit=U,serial=S,ver=S,model=S,cyls=N,heads=N,secs=N,"
     "bios-chs-trans=none|lba|large|rechs|auto",
     REPLACES_CDROM},
    {"ide-cd", add_ide_cd, "drive=ID,bus=ide.B,unit=U,serial=S,ver=S,model=S", REPLACES_CDROM},
    {"floppy", add_floppy, "drive=ID,unit=U", REPLACES_FLOPPY},
    {"isa-fdc", add_fdc, "", REPLACES_FLOPPY},
    {"VGA", add_vga, "vgamem_mb=16", REPLACES_VGA},
    {"isa-serial", add_serial, "chardev=ID,index=N", REPLACES_NOTHING},
    {"isa-debugcon", add_debugcon, "chardev=ID,iobase=0xe9|0x402", REPLACES_NOTHING},
    {"isa-debug-exit", add_debug_exit, "iobase=PORT", REPLACES_NOTHING},
    {"pvpanic", add_pvpanic, "ioport=PORT,events=N", REPLACES_NOTHING},
    {"ib700", add_ib700, "", REPLACES_NOTHING},
    {"pc-testdev", add_pc_testdev, "", REPLACES_NOTHING},
};

static const struct device_type *device_type_find(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
        if (!strcmp(types[i].name, name)) {
            return &types[i];
        }
    }
    return NULL;
}

void devices_help(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
        printf("  %-15s %s\n", types[i].name, types[i].settings);
    }
}

static const struct device_type *device_type(struct optlist *l)
{
    const char *name = optlist_get(l, "driver", "");
    const struct device_type *t = device_type_find(name);

    if (!t) {
        xen_device_refuse(name);
        die("-device %s: there is no device '%s'; -device help lists them", l->text, name);
    }
    return t;
}

/* Before drives are resolved: which default devices does the command line replace? */
void devices_scan(struct optctx *c)
{
    globals_check(c);
    for (unsigned i = 0; i < c->device->len; i++) {
        const struct device_type *t = device_type(c->device->pdata[i]);

        c->no_default_cdrom |= t->replaces == REPLACES_CDROM;
        c->no_default_floppy |= t->replaces == REPLACES_FLOPPY;
        if (t->replaces == REPLACES_VGA && !c->vga) {
            c->vga = "none"; /* instead of the default adapter */
        }
    }
}

void devices_resolve(struct optctx *c)
{
    for (unsigned i = 0; i < c->device->len; i++) {
        device_type(c->device->pdata[i])->add(c, c->device->pdata[i]);
    }
}
