/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine in a Xen domain that libxl has built: connection to the hypervisor, video memory, and
 * what is said in xenstore.
 */
#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore.h>

#include "../ioreq/xen.h"
#include "log.h"
#include "machine.h"
#include "qmp_int.h"
#include "sandbox.h"

#define VRAM_SIZE(o) ((uint64_t)(o)->vgamem_mib << 20)
#define LOW_RAM_END  0xf0000000ull
#define FOUR_GIB     0x100000000ull
#define ROM_START    0xc0000ull
#define ROM_END      0x100000ull
#define MAX_DIR      64
#define MAX_PATH     128

/* States of a back end: xen/io/xenbus.h. */
#define STATE_INITIALISING "1"
#define STATE_INIT_WAIT    "2"

static unsigned domid(const struct machine *m)
{
    return (unsigned)m->o->xen_domid;
}

static struct transport *domain_connect(struct machine *m, const struct ioreq_ops *ops, char *err,
                                        size_t size)
{
    struct xen_config cfg = {.domid = domid(m),
                             .vcpus = m->o->max_vcpus,
                             .pio = &m->pc.pio,
                             .mmio = &m->pc.mmio,
                             .ops = *ops};

    m->store = xs_open(0);
    if (!m->store) {
        snprintf(err, size, "-machine accel=xen: no access to xenstore: %s", strerror(errno));
        return NULL;
    }
    return xen_new(&cfg, err, size);
}

/* Behind the guest's RAM, until the guest puts the BAR somewhere. */
static uint64_t vram_first_gfn(const struct dm_options *o)
{
    uint64_t ram = (uint64_t)o->memory_mib << 20;
    uint64_t low = o->max_ram_below_4g ? o->max_ram_below_4g : LOW_RAM_END;

    return (ram <= low ? ram : FOUR_GIB + ram - low) >> 12;
}

/* New memory of the guest, or with -incoming what it has already. */
static int domain_vram(struct machine *m)
{
    uint64_t gfn = m->o->incoming_fd >= 0 ? 0 : vram_first_gfn(m->o);

    m->vram.fd = -1;
    m->vram.size = VRAM_SIZE(m->o);
    return xen_vram_new(m->t, OBJECT_VRAM, m->vram.size, gfn, &m->vram.host);
}

static uint8_t *domain_vram_written(const struct machine *m)
{
    return xen_vram_written(m->t);
}

static uint64_t domain_vram_gfn(const struct machine *m)
{
    return xen_vram_gfn(m->t);
}

static int domain_vram_attach(struct machine *m, uint64_t gfn)
{
    return xen_vram_attach(m->t, gfn);
}

static void domain_log_dirty(struct machine *m, bool on)
{
    xen_log_dirty(m->t, on);
}

/* --- xenstore: relative paths are the domain's in which we run --- */

static bool store_write(struct machine *m, const char *dir, const char *key, const char *value)
{
    char path[MAX_PATH];

    snprintf(path, sizeof(path), "%s/%.32s", dir, key);
    if (!xs_write(m->store, XBT_NULL, path, value, (unsigned)strlen(value))) {
        log_warn("xenstore: %s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

static bool store_is(struct machine *m, const char *dir, const char *key, const char *value)
{
    char path[MAX_PATH];
    unsigned len = 0;

    snprintf(path, sizeof(path), "%s/%s", dir, key);
    char *text = xs_read(m->store, XBT_NULL, path, &len);
    bool same = text && len == strlen(value) && !memcmp(text, value, len);

    free(text);
    return same;
}

/* A guest with Xen's keyboard driver built in waits for this one at boot. */
static void keyboard_offer(struct machine *m, const char *device)
{
    char dir[MAX_DIR];

    snprintf(dir, sizeof(dir), "backend/vkbd/%u/%.16s", domid(m), device);
    if (store_is(m, dir, "state", STATE_INITIALISING) &&
        store_write(m, dir, "feature-abs-pointer", "1") &&
        store_write(m, dir, "feature-raw-pointer", "1") &&
        store_write(m, dir, "hotplug-status", "connected")) {
        store_write(m, dir, "state", STATE_INIT_WAIT);
    }
}

static void keyboards_offer(struct machine *m)
{
    char path[MAX_PATH];
    unsigned n = 0;

    snprintf(path, sizeof(path), "backend/vkbd/%u", domid(m));
    char **device = xs_directory(m->store, XBT_NULL, path, &n);

    for (unsigned i = 0; device && i < n && i < 4; i++) {
        keyboard_offer(m, device[i]);
    }
    free(device);
}

/* The directory (with those above it) must be there, or the toolstack assumes every kind of back
 * end. */
static void backends_offer(struct machine *m)
{
    char path[MAX_PATH];

    snprintf(path, sizeof(path), "device-model/%u/backends/vkbd", domid(m));
    if (!xs_mkdir(m->store, XBT_NULL, path)) {
        log_warn("xenstore: %s: %s", path, strerror(errno));
    }
}

/* Confined, the toolstack asks by QMP instead. */
static void state_write(struct machine *m)
{
    char dir[MAX_DIR];

    snprintf(dir, sizeof(dir), "device-model/%u", domid(m));
    if (!store_write(m, dir, "state", "running")) {
        die("xenstore: %s/state cannot be written: the toolstack would wait in vain", dir);
    }
}

/*
 * Says in xenstore what back ends there are, and that the device model runs, which the toolstack
 * waits for; or with -xen-domid-restrict confines the process, and ends it where that cannot be
 * had. Xenstore is closed afterwards.
 */
static void domain_announce(struct machine *m)
{
    backends_offer(m);
    if (!m->o->xen_restrict) {
        state_write(m);
    }
    /* The toolstack does not wait for this, and the guest looks when it boots. */
    keyboards_offer(m);
    xs_close(m->store);
    m->store = NULL;
    int rc = m->o->xen_restrict ? xen_restrict(m->t) : 0;
    if (rc) {
        die("-xen-domid-restrict: %s; this kernel cannot confine a device model to one domain; set "
            "dm_restrict=0 in xl.cfg",
            strerror(-rc));
    }
}

/* --- what the guest asks for --- */

static void domain_suspend(struct machine *m)
{
    static struct log_limit limit;
    int rc = dm_sandboxed() ? -EPERM : xen_set_sleep(m->t, 3);

    if (rc) {
        log_limited(&limit, LOG_WARN, "ACPI S3: %s; set acpi_s3=0 in xl.cfg, or give -no-sandbox",
                    strerror(-rc));
    }
}

static bool domain_wakeup(struct machine *m)
{
    return !dm_sandboxed() && xen_set_sleep(m->t, 0) == 0;
}

static void guest_unplug(void *opaque, unsigned what)
{
    struct machine *m = opaque;

    for (unsigned i = 0; i < DM_IDE_DRIVES; i++) {
        if ((what & XEN_UNPLUG_DISKS) || ((what & XEN_UNPLUG_AUX_DISKS) && i)) {
            ide_unplug(&m->pc.ide, i);
        }
    }
    /* The guest's own driver reads the disks past our page cache. */
    if (what & (XEN_UNPLUG_DISKS | XEN_UNPLUG_AUX_DISKS)) {
        machine_flush_disks(m);
    }
}

static void guest_rom_lock(void *opaque, bool locked)
{
    struct machine *m = opaque;
    static struct log_limit limit;
    int rc = xen_set_rom(m->t, ROM_START, ROM_END, locked);

    if (rc) {
        log_limited(&limit, LOG_WARN, "ROM lock: %s", strerror(-rc));
    }
}

static void guest_log(void *opaque, const char *line)
{
    static struct log_limit limit;

    log_limited(&limit, LOG_INFO, "guest: %s", line);
}

/* --- the table --- */

static const struct qmp_command *const commands[] = {qmp_save_commands, qmp_xen_commands};

const struct world world_xen = {
    .connect = domain_connect,
    .announce = domain_announce,
    .vram = domain_vram,
    .vram_setting = "video memory (xl.cfg: videoram)",
    .vram_written = domain_vram_written,
    .vram_gfn = domain_vram_gfn,
    .vram_attach = domain_vram_attach,
    .log_dirty = domain_log_dirty,
    .suspend = domain_suspend,
    .wakeup = domain_wakeup,
    .platform = {.unplug = guest_unplug, .rom_lock = guest_rom_lock, .log = guest_log},
    .commands = commands,
    .ncommands = 2,
    .power_button = "the power button is Xen's; use `xl trigger DOMAIN power`",
    .nmi = "the CPUs are Xen's; use `xl trigger DOMAIN nmi`",
    .one_life = true,
    .silent = true,        /* libxenstat takes whatever comes for the reply it waits for */
    .orphan = true,        /* the process that libxl starts this one with soon ends */
    .private_arena = true, /* dm_restrict=1 limits the size of files, memfds included */
};
