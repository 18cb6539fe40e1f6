/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Locking cleave-hv down, in the two steps of util/lockdown.h. */
#ifndef CLEAVE_HV_SANDBOX_H
#define CLEAVE_HV_SANDBOX_H

#include "hv.h"

/*
 * Namespaces, root, user, capabilities, limits: after the last file was opened, before the first
 * thread. Ends the process with one line when it cannot be had; so does the other.
 */
void hv_sandbox_isolate(const struct hv *hv);

/* System calls, of all threads at once: after the last thread was started. */
void hv_sandbox_seal(const struct hv *hv);

#endif
