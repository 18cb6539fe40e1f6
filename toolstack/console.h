/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A serial or debug port of the guest and its place in the world: terminal, file or unix socket.
 * The device model has one end of a socketpair and the monitor relays, so that no terminal, path or
 * listening socket comes within its reach.
 */
#ifndef CLEAVE_TOOLSTACK_CONSOLE_H
#define CLEAVE_TOOLSTACK_CONSOLE_H

#include <poll.h>
#include <stdbool.h>

#include "options.h"

#define CONSOLE_FDS 4

struct console;

/* Opens what the option names; NULL for "none". One line and status 2 when it cannot. */
struct console *console_open(const struct stream_option *o);
/* The device model's descriptor; console_started() closes our copy of it. */
int console_dm_fd(const struct console *c);
void console_started(struct console *c);
/* Puts the terminal into raw mode (stdio only). */
void console_raw(struct console *c);

/* What to wait for: always CONSOLE_FDS entries, unused ones with fd -1. */
void console_poll(const struct console *c, struct pollfd *p);
/* Relays what is ready. False: the user typed Ctrl-A x. */
bool console_handle(struct console *c, const struct pollfd *p);
/* Relays what the device model left behind; for at most `ms`. */
void console_drain(struct console *c, int ms);

/* Terminal as before, socket's name removed; touches no other state (the janitor calls it too). */
void console_restore(const struct console *c);
/* The descriptor whose terminal console_restore() needs, or -1. */
int console_terminal(const struct console *c);
void console_free(struct console *c);

#endif
