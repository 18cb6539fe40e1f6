/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 keyboard: commands from the host and scan code sets 1 to 3. Source: IBM PS/2 keyboard
 * reference, "Commands from the system" and "Typematic". No per-key settings in set 3.
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
    s->no_repeat = 0;
}

/* --- typematic --- */

/* (1 + bits 6-5) * 250 ms. */
static uint64_t repeat_delay(const struct ps2_kbd_state *s)
{
    return (1ull + (s->typematic >> 5 & 3)) * (NS_PER_S / 4);
}

/* (8 + bits 2-0) * 2^(bits 4-3) * 1/240 s. */
static uint64_t repeat_period(const struct ps2_kbd_state *s)
{
    return ((8ull + (s->typematic & 7)) << (s->typematic >> 3 & 3)) * NS_PER_S / 240;
}

static void repeat_stop(struct ps2_kbd *k)
{
    k->s->repeat_key = PS2_KEY_NONE;
    clock_timer_cancel(k->clock, k->timer);
}

/* Pause, which has no release, does not repeat. */
static bool key_repeats(const struct ps2_kbd_state *s, unsigned key)
{
    uint8_t bytes[PS2_KEY_MAX_BYTES];

    return !(s->set == 3 && s->no_repeat) && ps2_key_bytes(key, false, s->set, bytes) > 0;
}

/* The last key that went down repeats, and takes over from the one before. */
static void repeat_start(struct ps2_kbd *k, unsigned key)
{
    if (!key_repeats(k->s, key)) {
        repeat_stop(k);
        return;
    }
    k->s->repeat_key = (uint8_t)key;
    clock_timer_set(k->clock, k->timer, clock_add(clock_now(k->clock), repeat_delay(k->s)));
}

/* A repetition that finds the one before still unread is left out: nothing piles up. */
static void repeat_fire(void *opaque)
{
    struct ps2_kbd *k = opaque;
    struct ps2_kbd_state *s = k->s;
    uint8_t bytes[PS2_KEY_MAX_BYTES];

    if (s->repeat_key == PS2_KEY_NONE || !s->scanning) {
        return;
    }
    clock_timer_set(k->clock, k->timer, clock_add(clock_now(k->clock), repeat_period(s)));
    if (ps2_queue_empty(&s->queue[0])) {
        unsigned n = ps2_key_bytes(s->repeat_key, true, s->set, bytes);

        (void)ps2_queue_put(&s->queue[0], bytes, n, SPARE_FOR_RELEASES);
        ps2_port_ready(&k->port);
    }
}

/* --- life --- */

void ps2_kbd_init(struct ps2_kbd *k, struct ps2_kbd_state *s, struct ps2_port port,
                  struct clock *clock)
{
    *k = (struct ps2_kbd){.s = s, .port = port, .clock = clock};
    k->timer = clock_timer_new(clock, repeat_fire, k);
}

void ps2_kbd_reset(struct ps2_kbd *k)
{
    *k->s = (struct ps2_kbd_state){.scanning = 1};
    kbd_defaults(k->s);
    repeat_stop(k);
}

int ps2_kbd_check(const struct ps2_kbd_state *s)
{
    bool waits =
        s->command == CMD_SET_LEDS || s->command == CMD_SCAN_SET || s->command == CMD_TYPEMATIC;

    if ((s->command && !waits) || s->set < 1 || s->set > 3 || s->scanning > 1 || s->leds > 7 ||
        s->typematic > 0x7f || s->make_only > 1 || s->no_repeat > 1 ||
        (s->repeat_key && !ps2_keycode_name(s->repeat_key))) {
        return -EINVAL;
    }
    return ps2_queue_check(&s->queue[0]);
}

/* --- commands --- */

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
static void command_restart(struct ps2_kbd *k, bool scanning, bool defaults)
{
    struct ps2_kbd_state *s = k->s;

    repeat_stop(k);
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
        command_restart(k, true, false);
        break;
    case CMD_DISABLE:
        command_restart(k, false, true);
        break;
    case CMD_DEFAULTS:
        command_restart(k, s->scanning, true);
        break;
    case CMD_ALL_TYPEMATIC:
    case CMD_ALL_MAKE:
    case CMD_ALL_BREAK:
    case CMD_ALL:
        s->make_only = val == CMD_ALL_TYPEMATIC || val == CMD_ALL_MAKE;
        s->no_repeat = val == CMD_ALL_BREAK || val == CMD_ALL_MAKE;
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
    bool held = key != PS2_KEY_NONE && key == s->repeat_key;

    if (held && !down) {
        repeat_stop(k);
    }
    if (!s->scanning || (held && down) || (!down && s->set == 3 && s->make_only)) {
        return;
    }
    unsigned n = ps2_key_bytes(key, down, s->set, bytes);

    if (n && down) {
        repeat_start(k, key);
    }

    if (n && ps2_queue_put(&s->queue[0], bytes, n, down ? SPARE_FOR_RELEASES : 0)) {
        ps2_port_ready(&k->port);
    }
}
