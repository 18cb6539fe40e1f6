/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In place of xen.c in a build without Xen's libraries. */
#include <errno.h>
#include <stdio.h>

#include "xen.h"

struct transport *xen_world_new(struct machine *m, const struct ioreq_ops *ops, char *err,
                                size_t size)
{
    snprintf(err, size,
             "-machine accel=xen: left out of this build; install libxen-dev and build again");
    return NULL;
}

int xen_world_vram(struct machine *m)
{
    return -ENOSYS;
}

void xen_world_announce(struct machine *m)
{
}

void xen_world_suspend(struct machine *m)
{
}

bool xen_world_wakeup(struct machine *m)
{
    return false;
}

uint8_t *xen_world_vram_written(const struct machine *m)
{
    return NULL;
}

uint64_t xen_world_vram_gfn(const struct machine *m)
{
    return 0;
}

int xen_world_vram_attach(struct machine *m, uint64_t gfn)
{
    return -ENOSYS;
}

void xen_world_log_dirty(struct machine *m, bool on)
{
}

void xen_world_unplug(void *opaque, unsigned what)
{
}

void xen_world_rom_lock(void *opaque, bool locked)
{
}

void xen_world_guest_log(void *opaque, const char *line)
{
}
