/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machine cleave-1: an i440FX/PIIX3 class PC. This is the wiring list: which devices there are, at
 * which addresses and lines, and what stands behind them on the host.
 */
#ifndef CLEAVE_DM_MACHINE_H
#define CLEAVE_DM_MACHINE_H

#include "acpi/piix4_pm.h"
#include "block.h"
#include "char/debug_exit.h"
#include "char/debugcon.h"
#include "char/ns16550.h"
#include "chr_fd.h"
#include "core/bus.h"
#include "core/clock.h"
#include "core/dma.h"
#include "core/memmap.h"
#include "dma/i8237.h"
#include "floppy/fdc.h"
#include "ide/ide.h"
#include "input/i8042.h"
#include "input/port92.h"
#include "loop.h"
#include "nvram/cmos.h"
#include "nvram/fw_cfg.h"
#include "options.h"
#include "pci/i440fx.h"
#include "pci/pci.h"
#include "pci/piix3.h"
#include "transport.h"
#include "vga/vga.h"

/* Memory objects besides guest RAM. */
#define OBJECT_VRAM   1u
#define OBJECT_VGAROM 2u
#define OBJECT_BIOS   3u
#endif
