/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A deliberate hole, in builds with -Dtest_backdoor=true only: what would an attacker get? */
#ifndef CLEAVE_DM_BACKDOOR_H
#define CLEAVE_DM_BACKDOOR_H

#include "machine.h"

/* Before the process is locked down, which forbids executable memory. Ends it when that fails. */
void backdoor_open(struct machine *m);

#endif
