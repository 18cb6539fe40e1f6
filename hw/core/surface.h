/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A picture that a display device renders into on request. */
#ifndef CLEAVE_HW_CORE_SURFACE_H
#define CLEAVE_HW_CORE_SURFACE_H

#include <stdint.h>

#define SURFACE_MAX_WIDTH  2560u
#define SURFACE_MAX_HEIGHT 1600u

/* Pixels are 0x00RRGGBB, rows follow one another without gaps (stride = width pixels). */
struct surface {
    uint32_t width;
    uint32_t height;
    uint32_t *pixels; /* room for SURFACE_MAX_WIDTH * SURFACE_MAX_HEIGHT, the caller's */
};

#endif
