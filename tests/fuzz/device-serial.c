/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: serial port, with a peer that sends, and takes as much as it likes. */
#include "fuzz.h"

#include "char/ns16550.h"

#define ROOM_AT_FIRST 64u

static struct ns16550 uart;
static size_t room;

static size_t peer_write(void *opaque, const uint8_t *buf, size_t len)
{
    size_t n = len < room ? len : room;

    room -= n;
    for (size_t i = 0; i < n; i++) {
        fuzz_answer(opaque, buf[i]);
    }
    return n;
}

static void peer_accept(void *opaque)
{
    fuzz_note(opaque, "the port has room again");
}

static struct chr peer = {peer_write, peer_accept, NULL};

/* Low bits of addr: how many bytes; they are the value's, again and again. Only what fits. */
static void input(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    uint8_t buf[64];
    size_t can = uart.front.can_receive(uart.front.opaque);
    size_t n = (addr & 63) + 1;

    n = n < can ? n : can;
    if (can > sizeof(buf)) {
        fuzz_finding(w, "room for %zu bytes in a FIFO of 16", can);
    }
    for (size_t i = 0; i < n; i++) {
        buf[i] = (uint8_t)(val >> (8 * (i & 7)));
    }
    if (n) {
        uart.front.receive(uart.front.opaque, buf, n);
    }
    fuzz_note(w, "%zu bytes arrive", n);
}

static void peer_takes(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    room = val & 0x3f;
    fuzz_note(w, "the peer takes %zu bytes", room);
    if (room && uart.front.writable) {
        uart.front.writable(uart.front.opaque);
    }
}

/* Value bit 0: nobody is there; bit 1: somebody who does not ask when there is room again. */
static void peer_changes(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    uart.chr = val & 1 ? NULL : &peer;
    peer.accept_input = val & 2 ? NULL : peer_accept;
}

static bool serial_setup(struct fuzz_world *w)
{
    struct ns16550_config cfg = {
        .id = "serial0", .base = 0x3f8, .irq = fuzz_line(w, 4), .chr = &peer};

    peer.opaque = w;
    fuzz_ports_add(w, "serial", 0x3f8, 8);
    fuzz_action_add(w, "input", input);
    fuzz_action_add(w, "room", peer_takes);
    fuzz_action_add(w, "peer", peer_changes);
    return ns16550_init(&uart, &w->hw, &cfg) == 0;
}

static void serial_reset(struct fuzz_world *w)
{
    room = ROOM_AT_FIRST;
    peer_changes(w, 0, 0);
}

FUZZ_TARGET(ns16550) = {
    .name = "ns16550",
    .about = "16550A serial port",
    .setup = serial_setup,
    .reset = serial_reset,
};
