/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What libxl's command lines say beyond other people's; what is not offered names the setting. */
#include <string.h>

#include "log.h"
#include "options_int.h"

#define DOMID_MAX 0x7fef

/* A word, or a -device type (ends in '*': any that begins so), and what to say in xl.cfg. */
struct advice {
    const char *word;
    const char *what;
    const char *remedy;
};

static const struct advice words[] = {
    {"-kernel", "direct kernel boot", "take kernel= away from xl.cfg and boot from a disk"},
    {"-initrd", "direct kernel boot", "take ramdisk= away from xl.cfg"},
    {"-append", "direct kernel boot", "take cmdline=, extra= and root= away from xl.cfg"},
    {"-usb", "USB", "set usb=0 in xl.cfg"},
    {"-usbdevice", "USB", "take usbdevice= away from xl.cfg"},
    {"-netdev", "an emulated network card", "give each entry of vif= in xl.cfg type=vif"},
    {"-net", "an emulated network card", "give each entry of vif= in xl.cfg type=vif"},
    {"-nic", "an emulated network card", "give each entry of vif= in xl.cfg type=vif"},
    {"-spice", "SPICE", "set spice=0 in xl.cfg"},
    {"-soundhw", "sound", "take soundhw= away from xl.cfg"},
    {"-object", "COLO and I/O threads", "take them away from xl.cfg and device_model_args"},
    {"-xen-attach", "a device model for a PV guest", "leave device_model_override out of xl.cfg"},
    {"-vnc", "VNC", "set vnc=0 in xl.cfg"},
    {"-display", "a window", "set sdl=0 in xl.cfg"},
};

static const struct advice devices[] = {
    {"cirrus-vga", "this display adapter", "set vga=\"stdvga\" or vga=\"none\" in xl.cfg"},
    {"qxl-vga", "this display adapter", "set vga=\"stdvga\" or vga=\"none\" in xl.cfg"},
    {"rtl8139", "an emulated network card", "give each entry of vif= in xl.cfg type=vif"},
    {"e1000*", "an emulated network card", "give each entry of vif= in xl.cfg type=vif"},
    {"virtio-net*", "an emulated network card", "give each entry of vif= in xl.cfg type=vif"},
    {"ne2k*", "an emulated network card", "give each entry of vif= in xl.cfg type=vif"},
    {"pcnet", "an emulated network card", "give each entry of vif= in xl.cfg type=vif"},
    {"ahci", "AHCI", "set hdtype=\"ide\" in xl.cfg"},
    {"lsi*", "SCSI", "give the disks of disk= in xl.cfg vdev=hda to hdd, or xvda"},
    {"scsi*", "SCSI", "give the disks of disk= in xl.cfg vdev=hda to hdd, or xvda"},
    {"piix3-usb*", "USB", "take usbversion= and usbdevice= away from xl.cfg"},
    {"ich9-usb*", "USB", "take usbversion= and usbdevice= away from xl.cfg"},
    {"nec-usb*", "USB", "take usbversion= and usbdevice= away from xl.cfg"},
    {"usb*", "USB", "take usbversion= and usbdevice= away from xl.cfg"},
    {"intel-hda", "sound", "take soundhw= away from xl.cfg"},
    {"hda-duplex", "sound", "take soundhw= away from xl.cfg"},
    {"AC97", "sound", "take soundhw= away from xl.cfg"},
    {"ac97", "sound", "take soundhw= away from xl.cfg"},
    {"ES1370", "sound", "take soundhw= away from xl.cfg"},
    {"es1370", "sound", "take soundhw= away from xl.cfg"},
    {"sb16", "sound", "take soundhw= away from xl.cfg"},
    {"gus", "sound", "take soundhw= away from xl.cfg"},
    {"adlib", "sound", "take soundhw= away from xl.cfg"},
    {"cs4231a", "sound", "take soundhw= away from xl.cfg"},
    {"virtio-serial*", "SPICE's agent", "set spicevdagent=0 in xl.cfg"},
    {"virtserialport", "SPICE's agent", "set spicevdagent=0 in xl.cfg"},
    {"xen-pci-passthrough", "PCI pass-through", "take pci= away from xl.cfg"},
    {"xen-pvdevice", "the vendor device", "set vendor_device=\"none\" in xl.cfg"},
};

static bool advice_fits(const struct advice *a, const char *word)
{
    size_t len = strlen(a->word);

    return a->word[len - 1] == '*' ? !strncmp(a->word, word, len - 1) : !strcmp(a->word, word);
}

static const struct advice *advice_find(const struct advice *table, unsigned n, const char *word)
{
    for (unsigned i = 0; i < n; i++) {
        if (advice_fits(&table[i], word)) {
            return &table[i];
        }
    }
    return NULL;
}

/* Only for command lines that may be libxl's: returns where there is nothing to say. */
void xen_word_refuse(struct optctx *c, const char *arg)
{
    const struct advice *a = advice_find(words, G_N_ELEMENTS(words), c->option);

    if (a) {
        die("%s %s: %s is not offered; %s", c->option, arg ? arg : "", a->what, a->remedy);
    }
}

void xen_device_refuse(const char *type)
{
    const struct advice *a = advice_find(devices, G_N_ELEMENTS(devices), type);

    if (a) {
        die("-device %s: %s is not offered; %s", type, a->what, a->remedy);
    }
}

void option_xen_refused(struct optctx *c, const char *arg)
{
    xen_word_refuse(c, arg);
    die("%s %s: not offered", c->option, arg);
}

void option_xen_refused_flag(struct optctx *c, const char *arg)
{
    xen_word_refuse(c, NULL);
    die("%s: not offered", c->option);
}

/* The keyboard's layout is for VNC clients. */
void option_xen_ignored(struct optctx *c, const char *arg)
{
}

void option_xen_domid(struct optctx *c, const char *arg)
{
    c->o->xen_domid = parse_number("-xen-domid", arg, 0, DOMID_MAX);
}

void option_xen_restrict(struct optctx *c, const char *arg)
{
    c->o->xen_restrict = true;
}

void option_incoming(struct optctx *c, const char *arg)
{
    if (strncmp(arg, "fd:", 3)) {
        die("-incoming %s: use fd:N", arg);
    }
    c->o->incoming_fd = parse_fd("-incoming", arg + 3);
}

void option_no_acpi(struct optctx *c, const char *arg)
{
    c->o->no_acpi = true;
}

void xen_machine_refuse(const char *option, const char *type)
{
    if (!strcmp(type, "xenpv")) {
        die("%s %s: a device model for PV and PVH guests is not offered; leave "
            "device_model_override out of xl.cfg",
            option, type);
    }
}

/* Settings of -machine; after the type was looked up. */
void xen_machine(struct optctx *c, struct optlist *l)
{
    struct dm_options *o = c->o;
    const char *type = optlist_get(l, "type", NULL);

    if (type && !strcmp(type, "xenfv")) {
        o->machine = MACHINE_PC;
        o->accel = ACCEL_XEN;
        o->xen_platform = true;
    }
    o->max_ram_below_4g = optlist_size(l, "max-ram-below-4g", o->max_ram_below_4g, 1);
    if (optlist_bool(l, "igd-passthru", false)) {
        die("%s igd-passthru=on: not offered; set gfx_passthru=0 in xl.cfg", c->option);
    }
}

/* A probe asks what words there are and touches no domain: it gets a machine without a guest. */
void xen_resolve(struct optctx *c)
{
    struct dm_options *o = c->o;

    if (o->accel == ACCEL_XEN && o->machine == MACHINE_NONE && o->xen_domid < 0) {
        o->accel = ACCEL_QTEST;
        return;
    }
    if (o->accel == ACCEL_XEN && o->xen_domid < 0) {
        die("-machine accel=xen: needs -xen-domid N; usually `xl create` does this");
    }
    if (o->accel != ACCEL_XEN && (o->xen_domid >= 0 || o->xen_restrict)) {
        die("-xen-domid: is for -machine xenfv or -machine pc,accel=xen");
    }
    if (o->accel == ACCEL_XEN && o->firmware_qemu) {
        die("-machine firmware-mode=qemu: under Xen the toolstack brings the firmware");
    }
    if (o->accel == ACCEL_XEN) {
        c->nodefaults = true;
    }
}
