/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In place of xen.c in a build without Xen's libraries. */
#include <stdio.h>

#include "world.h"

static struct transport *refuse(struct machine *m, const struct ioreq_ops *ops, char *err,
                                size_t size)
{
    snprintf(err, size,
             "-machine accel=xen: left out of this build; install libxen-dev and build again");
    return NULL;
}

const struct world world_xen = {.connect = refuse};
