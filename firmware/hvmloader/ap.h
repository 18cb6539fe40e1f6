/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page in which the other processors begin; cpu.c fills it, entry.S's code in it reads it. */
#ifndef CLEAVE_HVMLOADER_AP_H
#define CLEAVE_HVMLOADER_AP_H

#define AP_PAGE 0x8000
/* Offsets in it, after the code. */
#define AP_CALLED_IN 0x100 /* dword: processors that are done */
#define AP_COUNT     0x104 /* dword: entries that follow */
#define AP_MSRS      0x108 /* index, value's low and high dword */

#endif
