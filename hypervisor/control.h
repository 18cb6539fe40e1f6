/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket to the device model, on its own thread. */
#ifndef CLEAVE_HYPERVISOR_CONTROL_H
#define CLEAVE_HYPERVISOR_CONTROL_H

#include "hv.h"

void control_start(struct hv *hv);

#endif
