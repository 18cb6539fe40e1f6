/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "world.h"

#include <stdio.h>
#include <string.h>

#include "cleave_core.h"
#include "local.h"
#include "machine.h"
#include "qmp_int.h"

static int vram_memfd(struct machine *m)
{
    const struct dm_options *o = m->o;
    int rc = o->vram_fd >= 0 ? object_attach(&m->vram, o->vram_fd, PC_VRAM_SIZE)
                             : object_new(&m->vram, "cleave-vram", PC_VRAM_SIZE);

    return rc ? rc : m->t->ops->add_object(m->t, OBJECT_VRAM, m->vram.fd, m->vram.size);
}

/* --- beside our own core --- */

static struct transport *core_connect(struct machine *m, const struct ioreq_ops *ops, char *err,
                                      size_t size)
{
    struct local_config cfg = {
        .core_fd = m->o->core_fd,
        .pio = &m->pc.pio,
        .mmio = &m->pc.mmio,
        .ops = *ops,
        .link_offset = m->o->firmware_qemu ? 3 : 0,
    };

    return local_new(&cfg, err, size);
}

static const struct world world_core = {
    .connect = core_connect,
    .vram = vram_memfd,
    .vram_setting = "-machine vram-fd",
    .power_button = "the power button is the hypervisor core's; use `cleave shutdown`",
    .nmi = "the CPUs are the hypervisor core's; send it the NMI",
};

/* --- alone --- */

static void alone_settle(void *opaque)
{
    machine_drain(opaque);
}

static struct transport *alone_connect(struct machine *m, const struct ioreq_ops *ops, char *err,
                                       size_t size)
{
    int rc = alone_init(&m->alone, &m->pc, m->o->memory_mib);

    m->alone.settle = alone_settle;
    m->alone.opaque = m;
    if (rc) {
        snprintf(err, size, "-m: %s", strerror(-rc));
        return NULL;
    }
    return &m->alone.t;
}

static const struct qmp_command *const alone_commands[] = {qmp_save_commands};

static const struct world world_alone = {
    .connect = alone_connect,
    .vram = vram_memfd,
    .vram_setting = "-machine vram-fd",
    .commands = alone_commands,
    .ncommands = 1,
    .alone = true,
};

const struct world *world_of(const struct dm_options *o)
{
    return o->accel == ACCEL_XEN     ? &world_xen
           : o->accel == ACCEL_QTEST ? &world_alone
                                     : &world_core;
}
