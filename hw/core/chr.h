/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A byte stream beside a character device (serial port, debug port). */
#ifndef CLEAVE_HW_CORE_CHR_H
#define CLEAVE_HW_CORE_CHR_H

#include <stddef.h>
#include <stdint.h>

/*
 * The back end's side. write() takes up to `len` bytes and returns how many it took (0 when its
 * buffer is full; it then calls the front's writable() once there is room). It never blocks.
 */
struct chr {
    size_t (*write)(void *opaque, const uint8_t *buf, size_t len);
    void (*accept_input)(void *opaque); /* the front has room again; may be NULL */
    void *opaque;
};

/*
 * The device's side, called from the loop. can_receive() is the number of bytes it has room for.
 */
struct chr_front {
    size_t (*can_receive)(void *opaque);
    void (*receive)(void *opaque, const uint8_t *buf, size_t len);
    void (*writable)(void *opaque);
    void *opaque;
};

#endif
