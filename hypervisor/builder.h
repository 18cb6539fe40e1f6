/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames and tables that the domain builder leaves for the loader (contract, section 3). */
#ifndef CLEAVE_HYPERVISOR_BUILDER_H
#define CLEAVE_HYPERVISOR_BUILDER_H

#include <stdint.h>

/* Special frames; names as in the Xen headers. All below HV_SPECIAL_END. */
#define BUILDER_PFN_SERVERS  0xfeff0u /* first of 8 ioreq-server frames */
#define BUILDER_NR_SERVERS   8u
#define BUILDER_PFN_PAGING   0xfeff8u
#define BUILDER_PFN_ACCESS   0xfeff9u
#define BUILDER_PFN_SHARING  0xfeffau
#define BUILDER_PFN_BUFIOREQ 0xfeffbu
#define BUILDER_PFN_XENSTORE 0xfeffcu
#define BUILDER_PFN_IOREQ    0xfeffdu
#define BUILDER_PFN_IDENT_PT 0xfeffeu
#define BUILDER_PFN_CONSOLE  0xfefffu

/* Event channel ports of the guest. */
#define BUILDER_PORT_XENSTORE 1u
#define BUILDER_PORT_CONSOLE  2u

#define BUILDER_RAW_ADDRESS 0x100000u /* a flat image is placed here and entered at its start */

#endif
