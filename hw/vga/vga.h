/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Standard VGA with the Bochs display interface (DISPI) as PCI function 1234:1111. Sources: IBM VGA
 * Technical Reference (1992), Bochs "VBE DISPI" interface B0C5h, QEMU's stdvga MMIO layout.
 *
 * Video memory holds the four planes interleaved: byte p of dword n is address n of plane p. The
 * linear frame buffer shows the same bytes, so offset in vram = offset in the frame buffer.
 */
#ifndef CLEAVE_HW_VGA_VGA_H
#define CLEAVE_HW_VGA_VGA_H

#include "core/bus.h"
#include "core/clock.h"
#include "core/device.h"
#include "core/memmap.h"
#include "core/surface.h"
#include "pci/pci.h"

#define VGA_EDID_SIZE 128u

#define VGA_STATE(V, A, S, T)                                                                      \
    S(T, pci_function_state, pci, 1, 1)                                                            \
    V(T, uint32_t, latch, 1) /* the four plane latches */                                          \
    V(T, uint16_t, dispi_index, 1)                                                                 \
    A(T, uint16_t, dispi, 11, 1)                                                                   \
    V(T, uint8_t, misc, 1)    /* 3C2w 3CCr */                                                      \
    V(T, uint8_t, feature, 1) /* 3DAw 3CAr */                                                      \
    V(T, uint8_t, enable, 1)  /* 3C3, kept but without effect */                                   \
    V(T, uint8_t, seq_index, 1)                                                                    \
    A(T, uint8_t, seq, 8, 1)                                                                       \
    V(T, uint8_t, crtc_index, 1)                                                                   \
    A(T, uint8_t, crtc, 25, 1)                                                                     \
    V(T, uint8_t, gfx_index, 1)                                                                    \
    A(T, uint8_t, gfx, 9, 1)                                                                       \
    V(T, uint8_t, attr_index, 1) /* 3C0 with the PAS bit */                                        \
    V(T, uint8_t, attr_data, 1)  /* flip-flop: 1 = next write of 3C0 is data */                    \
    A(T, uint8_t, attr, 21, 1)                                                                     \
    V(T, uint8_t, dac_mask, 1)                                                                     \
    V(T, uint8_t, dac_state, 1) /* 3C7r: 0 write mode, 3 read mode */                              \
    V(T, uint8_t, dac_read_index, 1)                                                               \
    V(T, uint8_t, dac_write_index, 1)                                                              \
    V(T, uint8_t, dac_component, 1) /* 0..2: next component of 3C9 */                              \
    A(T, uint8_t, dac_pending, 3, 1)                                                               \
    V(T, uint8_t, big_endian, 1) /* frame buffer byte order (MMIO 604h) */                         \
    A(T, uint8_t, reserved, 4, 1)                                                                  \
    A(T, uint8_t, dac, 768, 1)

STATE_STRUCT(vga_state, VGA_STATE);

/*
 * vram is the caller's, vram_size bytes (a power of two, 256 KiB to 256 MiB), known to the memory
 * map as vram_object. rom_object holds the VGA BIOS, at least rom_size rounded up to a power of two
 * (and to 4 KiB) bytes; rom_size 0: no option ROM. vram_dirty, when not NULL, has a byte per 4 KiB
 * of vram, which the device sets to 1 when it writes there itself.
 */
struct vga_config {
    uint8_t *vram;
    uint32_t vram_size;
    uint32_t vram_object;
    uint32_t rom_object;
    uint32_t rom_size;
    uint8_t devfn;
    uint8_t *vram_dirty;
};

struct vga {
    struct device dev;
    struct vga_state *s;
    struct pci_function pci;
    struct clock *clock;
    struct memmap *mem;
    uint8_t *vram;
    uint32_t vram_size;
    uint8_t *vram_dirty;
    struct region legacy;      /* 3B0-3DF */
    struct region dispi_ports; /* 1CE-1D1 */
    struct region window;      /* A0000-BFFFF through the graphics controller */
    struct region mmio;        /* BAR 2 */
    struct mem_area alias;     /* A0000 window shown as memory in linear modes */
    struct mem_area lfb;       /* BAR 0 */
    struct mem_area rom;       /* BAR 6 */
    uint8_t edid[VGA_EDID_SIZE];
};

/* -EINVAL for a bad vram or ROM size; else what the arena, the buses or PCI refuse. */
int vga_init(struct vga *v, const struct hw *hw, struct pci_bus *bus, const struct vga_config *cfg);

/* What of the picture depends on time is the caller's choice, so that a still is reproducible. */
#define VGA_CURSOR    1u /* draw the text cursor (its visible phase) */
#define VGA_BLINK_OFF 2u /* blinking characters are in their invisible phase */

/*
 * Draws the screen as it is now; `flags` of VGA_CURSOR and VGA_BLINK_OFF. Never draws more than
 * SURFACE_MAX_WIDTH x SURFACE_MAX_HEIGHT, and reads nothing but vram.
 */
void vga_render(const struct vga *v, struct surface *out, unsigned flags);

/*
 * The text screen as UTF-8, each row ended by '\n', trailing blanks removed, NUL at the end; cut
 * off where `size` bytes do not suffice. Returns the number of rows, or -1 in graphics modes.
 */
int vga_text(const struct vga *v, char *out, size_t size);

/* Room that vga_text() needs for an ordinary screen (up to 132x60). */
#define VGA_TEXT_SIZE (132u * 60u * 3u + 61u)

#endif
