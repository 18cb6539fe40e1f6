/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 mouse. Sources: IBM PS/2 mouse reference; Microsoft "IntelliMouse" and "IntelliMouse
 * Explorer" packet formats. The sampling rate is kept but not obeyed: events are reported as they
 * come, merged when the guest is slow.
 */
#include "input/ps2mouse.h"

#include <errno.h>

#define CMD_SCALING_1_1 0xe6u
#define CMD_SCALING_2_1 0xe7u
#define CMD_RESOLUTION  0xe8u
#define CMD_STATUS      0xe9u
#define CMD_STREAM      0xeau
#define CMD_READ_DATA   0xebu
#define CMD_WRAP_RESET  0xecu
#define CMD_WRAP        0xeeu
#define CMD_REMOTE      0xf0u
#define CMD_GET_ID      0xf2u
#define CMD_SAMPLE_RATE 0xf3u
#define CMD_ENABLE      0xf4u
#define CMD_DISABLE     0xf5u
#define CMD_DEFAULTS    0xf6u
#define CMD_RESEND      0xfeu
#define CMD_RESET       0xffu

#define REPLY_ACK    0xfau
#define REPLY_BAT_OK 0xaau
#define REPLY_RESEND 0xfeu

#define ID_STANDARD 0u
#define ID_WHEEL    3u
#define ID_EXPLORER 4u

#define BUTTONS_ALL 0x1fu

/* Movement waiting to be reported is cut here, so that sums cannot overflow. */
#define MOVEMENT_MAX 100000

/* Packets that may wait: enough for a slow reader, little enough not to lag. */
#define PACKETS_QUEUED 16u

STATE_TYPE(ps2_mouse_state, PS2_MOUSE_STATE);

static void mouse_defaults(struct ps2_mouse_state *s)
{
    s->remote = 0;
    s->wrap = 0;
    s->enabled = 0;
    s->scaling = 0;
    s->resolution = 2; /* 4 counts/mm */
    s->rate = 100;
}

void ps2_mouse_reset(struct ps2_mouse *m)
{
    *m->s = (struct ps2_mouse_state){0};
    mouse_defaults(m->s);
}

static bool in_range(int32_t v)
{
    return v >= -MOVEMENT_MAX && v <= MOVEMENT_MAX;
}

static bool rate_valid(uint8_t rate)
{
    return rate == 10 || rate == 20 || rate == 40 || rate == 60 || rate == 80 || rate == 100 ||
           rate == 200;
}

int ps2_mouse_check(const struct ps2_mouse_state *s)
{
    if (!in_range(s->dx) || !in_range(s->dy) || !in_range(s->dz) || s->buttons > BUTTONS_ALL ||
        s->reported > BUTTONS_ALL || s->knock > 3 || s->remote > 1 || s->wrap > 1 ||
        s->enabled > 1 || s->scaling > 1 || s->resolution > 3) {
        return -EINVAL;
    }
    if (s->id != ID_STANDARD && s->id != ID_WHEEL && s->id != ID_EXPLORER) {
        return -EINVAL;
    }
    if (s->command && s->command != CMD_RESOLUTION && s->command != CMD_SAMPLE_RATE) {
        return -EINVAL;
    }
    if (!rate_valid(s->rate) || s->reserved) {
        return -EINVAL;
    }
    return ps2_queue_check(&s->queue[0]);
}

/* --- packets --- */

static int32_t limit(int32_t v, int32_t min, int32_t max)
{
    return v < min ? min : v > max ? max : v;
}

/* 2:1 scaling: small movements finer, large ones doubled; stream mode only. */
static int32_t scaled(const struct ps2_mouse_state *s, int32_t v)
{
    static const int8_t small[] = {0, 1, 1, 3, 6, 9};
    int32_t size = v < 0 ? -v : v;

    if (!s->scaling || s->remote) {
        return v;
    }
    size = size < 6 ? small[size] : limit(size * 2, 0, 255);
    return v < 0 ? -size : size;
}

/* Builds the packet of what is to be reported and takes that off. Returns its length. */
static unsigned packet_take(struct ps2_mouse_state *s, uint8_t packet[4])
{
    int32_t dx = limit(s->dx, -255, 255), dy = limit(s->dy, -255, 255);
    int32_t x = scaled(s, dx), y = scaled(s, dy), z = 0;

    s->dx -= dx;
    s->dy -= dy;
    packet[0] = (uint8_t)(0x08 | (s->buttons & 7) | (x < 0 ? 0x10 : 0) | (y < 0 ? 0x20 : 0));
    packet[1] = (uint8_t)x;
    packet[2] = (uint8_t)y;
    s->reported = s->buttons;
    if (s->id == ID_STANDARD) {
        s->dz = 0;
        return 3;
    }
    z = s->id == ID_WHEEL ? limit(s->dz, -127, 127) : limit(s->dz, -7, 7);
    s->dz -= z;
    packet[3] = (uint8_t)z;
    if (s->id == ID_EXPLORER) {
        packet[3] = (uint8_t)((z & 0x0f) | (s->buttons & 0x18) << 1);
    }
    return 4;
}

static bool packet_needed(const struct ps2_mouse_state *s)
{
    uint8_t shown = s->id == ID_EXPLORER ? BUTTONS_ALL : 7;

    return s->dx || s->dy || (s->dz && s->id != ID_STANDARD) ||
           ((s->buttons ^ s->reported) & shown);
}

/* Queues packets, each whole, while there is something to say and room to say it. */
static void packets_queue(struct ps2_mouse_state *s)
{
    uint8_t packet[4];

    while (s->enabled && !s->remote && !s->wrap && packet_needed(s) &&
           s->queue[0].count + sizeof(packet) <= PACKETS_QUEUED * 4) {
        unsigned n = packet_take(s, packet);

        ps2_queue_put(&s->queue[0], packet, n, 0);
    }
}

void ps2_mouse_event(struct ps2_mouse *m, int dx, int dy, int dz, unsigned buttons)
{
    struct ps2_mouse_state *s = m->s;

    s->buttons = buttons & BUTTONS_ALL;
    /* A mouse that is not to report forgets movement, but knows its buttons. */
    if (!s->enabled && !s->remote) {
        s->reported = s->buttons;
        return;
    }
    dx = limit(dx, -MOVEMENT_MAX, MOVEMENT_MAX);
    dy = limit(dy, -MOVEMENT_MAX, MOVEMENT_MAX);
    dz = limit(dz, -MOVEMENT_MAX, MOVEMENT_MAX);
    s->dx = limit(s->dx + dx, -MOVEMENT_MAX, MOVEMENT_MAX);
    s->dy = limit(s->dy - dy, -MOVEMENT_MAX, MOVEMENT_MAX);
    s->dz = limit(s->dz + dz, -MOVEMENT_MAX, MOVEMENT_MAX);
    packets_queue(s);
    if (!ps2_queue_empty(&s->queue[0])) {
        ps2_port_ready(&m->port);
    }
}

void ps2_mouse_fetched(struct ps2_mouse *m)
{
    packets_queue(m->s);
}

/* --- commands --- */

static void reply(struct ps2_mouse_state *s, uint8_t val)
{
    ps2_queue_reply(&s->queue[0], val);
}

/* The rates 200, 100, 80 ask for the wheel; 200, 200, 80 for five buttons. */
static void knock(struct ps2_mouse_state *s, uint8_t rate)
{
    if (s->knock == 0 || rate != 80) {
        s->knock = rate == 200 ? (s->knock == 1 || s->knock == 3 ? 3 : 1)
                               : (rate == 100 && s->knock == 1 ? 2 : 0);
        return;
    }
    if (s->knock == 2) {
        s->id = ID_WHEEL;
    } else if (s->knock == 3) {
        s->id = ID_EXPLORER;
    }
    s->knock = 0;
}

static void command_parameter(struct ps2_mouse_state *s, uint8_t val)
{
    uint8_t command = s->command;

    s->command = 0;
    if (command == CMD_RESOLUTION && val <= 3) {
        s->resolution = val;
        reply(s, REPLY_ACK);
    } else if (command == CMD_SAMPLE_RATE && rate_valid(val)) {
        s->rate = val;
        knock(s, val);
        reply(s, REPLY_ACK);
    } else {
        reply(s, REPLY_RESEND);
    }
}

static void reply_status(struct ps2_mouse_state *s)
{
    uint8_t b = s->buttons;

    reply(s, REPLY_ACK);
    reply(s, (uint8_t)(s->remote << 6 | s->enabled << 5 | s->scaling << 4 | (b & 1) << 2 |
                       (b & 4) >> 1 | (b & 2) >> 1));
    reply(s, s->resolution);
    reply(s, s->rate);
}

static void reply_data(struct ps2_mouse_state *s)
{
    uint8_t packet[4];
    unsigned n = packet_take(s, packet);

    reply(s, REPLY_ACK);
    for (unsigned i = 0; i < n; i++) {
        reply(s, packet[i]);
    }
}

/* Changes of mode drop what waits to be sent, so that no half packet remains. */
static void mode_change(struct ps2_mouse_state *s)
{
    ps2_queue_clear(&s->queue[0]);
    s->dx = s->dy = s->dz = 0;
    s->reported = s->buttons;
    reply(s, REPLY_ACK);
}

static void command_reset(struct ps2_mouse *m)
{
    uint8_t buttons = m->s->buttons;

    ps2_mouse_reset(m);
    m->s->buttons = m->s->reported = buttons;
    reply(m->s, REPLY_ACK);
    reply(m->s, REPLY_BAT_OK);
    reply(m->s, ID_STANDARD);
}

static void command_mode(struct ps2_mouse_state *s, uint8_t val)
{
    switch (val) {
    case CMD_STREAM:
    case CMD_REMOTE:
        s->remote = val == CMD_REMOTE;
        break;
    case CMD_WRAP:
    case CMD_WRAP_RESET:
        s->wrap = val == CMD_WRAP;
        break;
    case CMD_ENABLE:
    case CMD_DISABLE:
        s->enabled = val == CMD_ENABLE;
        break;
    default:
        mouse_defaults(s);
        break;
    }
    mode_change(s);
}

static void command_first(struct ps2_mouse *m, uint8_t val)
{
    struct ps2_mouse_state *s = m->s;

    switch (val) {
    case CMD_SCALING_1_1:
    case CMD_SCALING_2_1:
        s->scaling = val == CMD_SCALING_2_1;
        reply(s, REPLY_ACK);
        break;
    case CMD_RESOLUTION:
    case CMD_SAMPLE_RATE:
        s->command = val;
        reply(s, REPLY_ACK);
        break;
    case CMD_STATUS:
        reply_status(s);
        break;
    case CMD_READ_DATA:
        reply_data(s);
        break;
    case CMD_GET_ID:
        reply(s, REPLY_ACK);
        reply(s, s->id);
        break;
    case CMD_STREAM:
    case CMD_REMOTE:
    case CMD_WRAP:
    case CMD_WRAP_RESET:
    case CMD_ENABLE:
    case CMD_DISABLE:
    case CMD_DEFAULTS:
        command_mode(s, val);
        break;
    case CMD_RESEND:
        reply(s, s->queue[0].last);
        break;
    case CMD_RESET:
        command_reset(m);
        break;
    default:
        reply(s, REPLY_RESEND);
        break;
    }
}

void ps2_mouse_command(struct ps2_mouse *m, uint8_t val)
{
    struct ps2_mouse_state *s = m->s;

    ps2_queue_reply_begin(&s->queue[0]);
    if (s->wrap && val != CMD_WRAP_RESET && val != CMD_RESET) {
        reply(s, val);
    } else if (s->command) {
        command_parameter(s, val);
    } else {
        command_first(m, val);
    }
    ps2_port_ready(&m->port);
}
