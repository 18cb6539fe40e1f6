/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys of a PC keyboard: names (QEMU's QKeyCode names) and scan codes. Source: IBM Personal
 * System/2 keyboard reference, scan code sets 1 to 3; Microsoft "Keyboard Scan Code Specification"
 * for the later keys.
 */
#ifndef CLEAVE_HW_INPUT_KEYMAP_H
#define CLEAVE_HW_INPUT_KEYMAP_H

#include <stdbool.h>
#include <stdint.h>

/* A key code of our own: an index into the table of keys; 0 is no key. */
#define PS2_KEY_NONE 0u

/* The longest sequence that one event makes. */
#define PS2_KEY_MAX_BYTES 8u

/* The code of a key by its name ("a", "ret", "shift_r", "f1"), PS2_KEY_NONE when unknown. */
unsigned ps2_keycode_by_name(const char *name);

/* The name, or NULL when there is no such key. */
const char *ps2_keycode_name(unsigned key);

/*
 * The bytes of a key in scan code set 1, 2 or 3; returns how many, 0 for keys that the set does not
 * have (or for the release of Pause, which has none).
 */
unsigned ps2_key_bytes(unsigned key, bool down, unsigned set, uint8_t bytes[PS2_KEY_MAX_BYTES]);

/* One byte as the controller translates it from set 2 to set 1 (break prefix apart). */
uint8_t ps2_translate(uint8_t val);

#endif
