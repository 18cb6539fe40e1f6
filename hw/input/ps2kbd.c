/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 keyboard: commands from the host and scan code sets 1 to 3. Source: IBM PS/2 keyboard
 * reference, "Commands from the system". No typematic repeat, no per-key settings in set 3.
 */
#include "input/ps2kbd.h"

#include <errno.h>

#define CMD_SET_LEDS      0xedu
#define CMD_ECHO          0xeeu
#define CMD_SCAN_SET      0xf0u
#define CMD_GET_ID        0xf2u
#define CMD_TYPEMATIC     0xf3u
#define CMD_ENABLE        0xf4u
#define CMD_DISABLE       0xf5u
#define CMD_DEFAULTS      0xf6u
#define CMD_ALL_TYPEMATIC 0xf7u
#define CMD_ALL_BREAK     0xf8u
#define CMD_ALL_MAKE      0xf9u
#define CMD_ALL           0xfau
#define CMD_RESEND        0xfeu
#define CMD_RESET         0xffu

#define REPLY_ACK    0xfau
#define REPLY_BAT_OK 0xaau
#define REPLY_RESEND 0xfeu
#define REPLY_ID1    0xabu
#define REPLY_ID2    0x83u

#define TYPEMATIC_DEFAULT 0x2bu /* 10.9 per second after 500 ms */

/* A press leaves room for the releases of what is down already. */
#define SPARE_FOR_RELEASES 64u

STATE_TYPE(ps2_kbd_state, PS2_KBD_STATE);

static void kbd_defaults(struct ps2_kbd_state *s)
{
    s->set = 2;
    s->typematic = TYPEMATIC_DEFAULT;
    s->make_only = 0;
}

void ps2_kbd_reset(struct ps2_kbd *k)
{
    *k->s = (struct ps2_kbd_state){.scanning = 1};
    kbd_defaults(k->s);
}

int ps2_kbd_check(const struct ps2_kbd_state *s)
{
    bool waits =
        s->command == CMD_SET_LEDS || s->command == CMD_SCAN_SET || s->command == CMD_TYPEMATIC;

    if ((s->command && !waits) || s->set < 1 || s->set > 3 || s->scanning > 1 || s->leds > 7 ||
        s->typematic > 0x7f || s->make_only > 1) {
        return -EINVAL;
    }
    return ps2_queue_check(&s->queue[0]);
}

static void reply(struct ps2_kbd_state *s, uint8_t val)
{
    ps2_queue_reply(&s->queue[0], val);
}

/* False when the value is none that the command knows. */
static bool command_parameter(struct ps2_kbd_state *s, uint8_t val)
{
    uint8_t command = s->command;

    s->command = 0;
    switch (command) {
    case CMD_SET_LEDS:
        s->leds = val & 7;
        reply(s, REPLY_ACK);
        return true;
    case CMD_TYPEMATIC:
        s->typematic = val & 0x7f;
        reply(s, REPLY_ACK);
        return true;
    default: /* CMD_SCAN_SET */
        if (val > 3) {
            return false;
        }
        reply(s, REPLY_ACK);
        if (val) {
            s->set = val;
        } else {
            reply(s, s->set);
        }
        return true;
    }
}

static void command_reset(struct ps2_kbd *k)
{
    ps2_kbd_reset(k);
    reply(k->s, REPLY_ACK);
    reply(k->s, REPLY_BAT_OK);
}

/* Commands that forget what was typed before them. */
static void command_restart(struct ps2_kbd_state *s, bool scanning, bool defaults)
{
    ps2_queue_clear(&s->queue[0]);
    s->scanning = scanning;
    if (defaults) {
        kbd_defaults(s);
    }
    reply(s, REPLY_ACK);
}

static void command_first(struct ps2_kbd *k, uint8_t val)
{
    struct ps2_kbd_state *s = k->s;

    switch (val) {
    case CMD_SET_LEDS:
    case CMD_SCAN_SET:
    case CMD_TYPEMATIC:
        s->command = val;
        reply(s, REPLY_ACK);
        break;
    case CMD_ECHO:
        reply(s, CMD_ECHO);
        break;
    case CMD_GET_ID:
        reply(s, REPLY_ACK);
        reply(s, REPLY_ID1);
        reply(s, REPLY_ID2);
        break;
    case CMD_ENABLE:
        command_restart(s, true, false);
        break;
    case CMD_DISABLE:
        command_restart(s, false, true);
        break;
    case CMD_DEFAULTS:
        command_restart(s, s->scanning, true);
        break;
    case CMD_ALL_TYPEMATIC:
    case CMD_ALL_MAKE:
        s->make_only = 1;
        reply(s, REPLY_ACK);
        break;
    case CMD_ALL_BREAK:
    case CMD_ALL:
        s->make_only = 0;
        reply(s, REPLY_ACK);
        break;
    case CMD_RESEND:
        reply(s, s->queue[0].last);
        break;
    case CMD_RESET:
        command_reset(k);
        break;
    default:
        reply(s, REPLY_RESEND);
        break;
    }
}

void ps2_kbd_command(struct ps2_kbd *k, uint8_t val)
{
    struct ps2_kbd_state *s = k->s;

    ps2_queue_reply_begin(&s->queue[0]);
    /* A command in place of a parameter is taken as a command. */
    if (s->command && val < CMD_SET_LEDS) {
        if (!command_parameter(s, val)) {
            reply(s, REPLY_RESEND);
        }
    } else {
        s->command = 0;
        command_first(k, val);
    }
    ps2_port_ready(&k->port);
}

void ps2_kbd_key(struct ps2_kbd *k, unsigned key, bool down)
{
    struct ps2_kbd_state *s = k->s;
    uint8_t bytes[PS2_KEY_MAX_BYTES];

    if (!s->scanning || (!down && s->set == 3 && s->make_only)) {
        return;
    }
    unsigned n = ps2_key_bytes(key, down, s->set, bytes);

    if (n && ps2_queue_put(&s->queue[0], bytes, n, down ? SPARE_FOR_RELEASES : 0)) {
        ps2_port_ready(&k->port);
    }
}
