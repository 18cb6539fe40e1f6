/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: the debug ports 402h, E9h, 501h and system control port 92h. */
#include "fuzz.h"

#include "char/debug_exit.h"
#include "char/debugcon.h"
#include "input/port92.h"

static struct debugcon console[2];
static struct debug_exit debug_exit;
static struct port92 port92;
static size_t room;

static size_t console_write(void *opaque, const uint8_t *buf, size_t len)
{
    size_t n = len < room ? len : room;

    room -= n;
    return n;
}

static struct chr chr = {console_write, NULL, NULL};

static void value_changed(void *opaque, uint16_t port, uint8_t value)
{
    fuzz_note(opaque, "port %#x now holds %#x", port, value);
}

static bool debug_setup(struct fuzz_world *w)
{
    fuzz_ports_add(w, "debugcon", 0x402, 1);
    fuzz_ports_add(w, "e9", 0xe9, 1);
    fuzz_ports_add(w, "debug-exit", 0x501, 1);
    fuzz_ports_add(w, "port92", 0x92, 1);
    if (debugcon_init(&console[0], &w->hw, 0x402, &chr) ||
        debugcon_init(&console[1], &w->hw, 0xe9, NULL) ||
        debug_exit_init(&debug_exit, &w->hw, 0x501) || port92_init(&port92, &w->hw)) {
        return false;
    }
    port92.value_changed = value_changed;
    port92.opaque = w;
    return true;
}

static void debug_reset(struct fuzz_world *w)
{
    room = 16;
}

FUZZ_TARGET(debugports) = {
    .name = "debugports",
    .about = "debug console, debug exit, port 92h",
    .setup = debug_setup,
    .reset = debug_reset,
};
