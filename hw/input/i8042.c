/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 8042 keyboard controller of a PS/2: status and command at port 64, data at port 60. Sources: IBM
 * PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller"; Intel
 * 8042 UPI data sheet. No password, no serial line diagnostics; A20 is kept, but masks no address.
 *
 * The output buffer holds one byte, with its source, until it is read. What comes after it arrives
 * a while later, as over the serial line: a handler may read port 60 twice and see the same byte,
 * and every byte makes an edge of its own on the interrupt line.
 */
#include "input/i8042.h"

#include <errno.h>
#include <string.h>

#define STATUS_OBF     0x01u /* output buffer full */
#define STATUS_SYS     0x04u
#define STATUS_CMD     0x08u /* the last write was to port 64 */
#define STATUS_UNLOCK  0x10u /* keyboard not locked */
#define STATUS_AUX_OBF 0x20u /* the byte is the mouse's */

#define CCB_KBD_INT   0x01u
#define CCB_AUX_INT   0x02u
#define CCB_SYS       0x04u
#define CCB_KBD_OFF   0x10u
#define CCB_AUX_OFF   0x20u
#define CCB_TRANSLATE 0x40u

#define OUT_NOT_RESET 0x01u
#define OUT_A20       0x02u
#define OUT_KBD_OBF   0x10u
#define OUT_AUX_OBF   0x20u
#define OUT_LINES     0xccu /* clock and data lines at rest */

#define IN_UNLOCKED 0x80u

#define CMD_READ_RAM       0x20u /* to 3F */
#define CMD_WRITE_RAM      0x60u /* to 7F */
#define CMD_TEST_PASSWORD  0xa4u
#define CMD_AUX_OFF        0xa7u
#define CMD_AUX_ON         0xa8u
#define CMD_AUX_TEST       0xa9u
#define CMD_SELF_TEST      0xaau
#define CMD_KBD_TEST       0xabu
#define CMD_KBD_OFF        0xadu
#define CMD_KBD_ON         0xaeu
#define CMD_READ_IN_PORT   0xc0u
#define CMD_READ_OUT_PORT  0xd0u
#define CMD_WRITE_OUT_PORT 0xd1u
#define CMD_WRITE_KBD_OUT  0xd2u
#define CMD_WRITE_AUX_OUT  0xd3u
#define CMD_WRITE_AUX      0xd4u
#define CMD_A20_OFF        0xddu
#define CMD_A20_ON         0xdfu
#define CMD_READ_TEST      0xe0u
#define CMD_PULSE          0xf0u /* to FF; bits 3-0: lines of the output port left alone */

#define PASSWORD_NONE 0xf1u
#define SELF_TEST_OK  0x55u

#define BREAK_PREFIX 0xf0u

enum source { FROM_NONE, FROM_KBD, FROM_AUX };

/*
 * Between two bytes: longer than a chain of handlers needs on virtual hardware, shorter than the
 * serial line's 900 us so that a guest which polls with interrupts on for moments misses none.
 */
#define BYTE_GAP_NS 100000u

STATE_TYPE(i8042_state, I8042_STATE);

/* --- lines --- */

static void irq_update(struct i8042 *c)
{
    const struct i8042_state *s = c->s;
    bool full = s->status & STATUS_OBF, aux = s->status & STATUS_AUX_OBF;

    irq_set(&c->irq_kbd, full && !aux && (s->ram[0] & CCB_KBD_INT));
    irq_set(&c->irq_mouse, full && aux && (s->ram[0] & CCB_AUX_INT));
}

/* --- the output buffer --- */

static void output_fill(struct i8042_state *s, uint8_t val, enum source from)
{
    s->output = val;
    s->status |= STATUS_OBF;
    s->status &= (uint8_t)~STATUS_AUX_OBF;
    if (from == FROM_AUX) {
        s->status |= STATUS_AUX_OBF;
    }
}

/* Takes bytes from the keyboard until one is for the host: a break prefix by itself is none. */
static bool output_from_kbd(struct i8042_state *s)
{
    struct ps2_queue_state *q = &s->kbd[0].queue[0];

    while (!ps2_queue_empty(q)) {
        uint8_t val = ps2_queue_get(q);

        if (!(s->ram[0] & CCB_TRANSLATE)) {
            output_fill(s, val, FROM_KBD);
            return true;
        }
        if (val == BREAK_PREFIX) {
            s->break_seen = 1;
            continue;
        }
        output_fill(s, ps2_translate(val) | (s->break_seen ? 0x80 : 0), FROM_KBD);
        s->break_seen = 0;
        return true;
    }
    return false;
}

/* The next byte, if there is one and its turn has come: controller, keyboard, mouse. */
static void output_next(struct i8042 *c)
{
    struct i8042_state *s = c->s;

    if ((s->status & STATUS_OBF) || clock_timer_pending(c->clock, c->timer)) {
        return;
    }
    if (s->answer_from != FROM_NONE) {
        output_fill(s, s->answer, s->answer_from);
        s->answer_from = FROM_NONE;
    } else if (!(s->ram[0] & CCB_KBD_OFF) && output_from_kbd(s)) {
        /* filled */
    } else if (!(s->ram[0] & CCB_AUX_OFF) && !ps2_queue_empty(&s->mouse[0].queue[0])) {
        output_fill(s, ps2_queue_get(&s->mouse[0].queue[0]), FROM_AUX);
        ps2_mouse_fetched(&c->mouse);
    }
}

static void i8042_update(struct i8042 *c)
{
    output_next(c);
    irq_update(c);
}

static void i8042_ready(void *opaque)
{
    i8042_update(opaque);
}

static bool output_waiting(const struct i8042_state *s)
{
    return s->answer_from != FROM_NONE || !ps2_queue_empty(&s->kbd[0].queue[0]) ||
           !ps2_queue_empty(&s->mouse[0].queue[0]);
}

/* An answer of the controller itself; a newer one takes the place of one that was not fetched. */
static void answer(struct i8042 *c, uint8_t val, enum source from)
{
    c->s->answer = val;
    c->s->answer_from = (uint8_t)from;
}

/* --- ports --- */

static uint64_t data_read(void *dev, uint32_t off, unsigned size)
{
    struct i8042 *c = dev;
    struct i8042_state *s = c->s;
    uint8_t val = s->output;

    if (s->status & STATUS_OBF) {
        s->status &= (uint8_t) ~(STATUS_OBF | STATUS_AUX_OBF);
        if (output_waiting(s)) {
            clock_timer_set(c->clock, c->timer, clock_add(clock_now(c->clock), BYTE_GAP_NS));
        }
        irq_update(c);
    }
    return val;
}

static uint64_t status_read(void *dev, uint32_t off, unsigned size)
{
    const struct i8042 *c = dev;

    return c->s->status;
}

static void command_byte_write(struct i8042_state *s, uint8_t val)
{
    s->ram[0] = val & 0x7f;
    s->status &= (uint8_t)~STATUS_SYS;
    s->status |= val & CCB_SYS ? STATUS_SYS : 0;
}

static void out_port_write(struct i8042 *c, uint8_t val)
{
    c->s->out_port = (val & OUT_A20) | OUT_NOT_RESET;
    if (!(val & OUT_NOT_RESET)) {
        power_request(&c->power, POWER_RESET, 0);
    }
}

/* The second byte of a command. */
static void command_data(struct i8042 *c, uint8_t command, uint8_t val)
{
    struct i8042_state *s = c->s;

    switch (command) {
    case CMD_WRITE_OUT_PORT:
        out_port_write(c, val);
        break;
    case CMD_WRITE_KBD_OUT:
        answer(c, val, FROM_KBD);
        break;
    case CMD_WRITE_AUX_OUT:
        answer(c, val, FROM_AUX);
        break;
    case CMD_WRITE_AUX:
        s->ram[0] &= (uint8_t)~CCB_AUX_OFF;
        ps2_mouse_command(&c->mouse, val);
        break;
    case CMD_WRITE_RAM:
        command_byte_write(s, val);
        break;
    default:
        s->ram[command & 0x1f] = val;
        break;
    }
}

static void data_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct i8042 *c = dev;
    struct i8042_state *s = c->s;
    uint8_t command = s->command;

    s->status &= (uint8_t)~STATUS_CMD;
    s->command = 0;
    if (command) {
        command_data(c, command, (uint8_t)val);
    } else { /* to the keyboard, which is switched on by it */
        s->ram[0] &= (uint8_t)~CCB_KBD_OFF;
        ps2_kbd_command(&c->kbd, (uint8_t)val);
    }
    i8042_update(c);
}

static uint8_t out_port_read(const struct i8042_state *s)
{
    uint8_t val = OUT_LINES | s->out_port;

    if (s->status & STATUS_OBF) {
        val |= s->status & STATUS_AUX_OBF ? OUT_AUX_OBF : OUT_KBD_OBF;
    }
    return val;
}

static bool command_takes_data(uint8_t command)
{
    return (command >= CMD_WRITE_RAM && command < CMD_WRITE_RAM + 32) ||
           (command >= CMD_WRITE_OUT_PORT && command <= CMD_WRITE_AUX);
}

/* Commands that are done at once. Unknown ones do nothing and answer nothing. */
static void command_plain(struct i8042 *c, uint8_t command)
{
    struct i8042_state *s = c->s;

    switch (command) {
    case CMD_TEST_PASSWORD:
        answer(c, PASSWORD_NONE, FROM_KBD);
        break;
    case CMD_AUX_OFF:
        s->ram[0] |= CCB_AUX_OFF;
        break;
    case CMD_AUX_ON:
        s->ram[0] &= (uint8_t)~CCB_AUX_OFF;
        break;
    case CMD_AUX_TEST:
    case CMD_KBD_TEST:
    case CMD_READ_TEST:
        answer(c, 0, FROM_KBD);
        break;
    case CMD_SELF_TEST:
        s->ram[0] |= CCB_SYS;
        s->status |= STATUS_SYS;
        answer(c, SELF_TEST_OK, FROM_KBD);
        break;
    case CMD_KBD_OFF:
        s->ram[0] |= CCB_KBD_OFF;
        break;
    case CMD_KBD_ON:
        s->ram[0] &= (uint8_t)~CCB_KBD_OFF;
        break;
    case CMD_READ_IN_PORT:
        answer(c, IN_UNLOCKED, FROM_KBD);
        break;
    case CMD_READ_OUT_PORT:
        answer(c, out_port_read(s), FROM_KBD);
        break;
    case CMD_A20_OFF:
    case CMD_A20_ON:
        s->out_port = command == CMD_A20_ON ? OUT_A20 | OUT_NOT_RESET : OUT_NOT_RESET;
        break;
    default:
        break;
    }
}

static void command_write(void *dev, uint32_t off, unsigned size, uint64_t val)
{
    struct i8042 *c = dev;
    struct i8042_state *s = c->s;
    uint8_t command = (uint8_t)val;

    s->status |= STATUS_CMD;
    s->command = 0;
    if (command >= CMD_PULSE) {
        if (!(command & OUT_NOT_RESET)) {
            power_request(&c->power, POWER_RESET, 0);
        }
    } else if (command_takes_data(command)) {
        s->command = command;
    } else if (command >= CMD_READ_RAM && command < CMD_READ_RAM + 32) {
        answer(c, s->ram[command & 0x1f], FROM_KBD);
    } else {
        command_plain(c, command);
    }
    i8042_update(c);
}

static const struct reg data_regs[] = {
    {0, 1, BUS_W1, data_read, data_write, "data"},
};

static const struct reg control_regs[] = {
    {0, 1, BUS_W1, status_read, command_write, "control"},
};

/* --- device --- */

static void i8042_reset(struct device *dev, enum reset_kind kind)
{
    struct i8042 *c = (struct i8042 *)dev;

    *c->s = (struct i8042_state){
        .status = STATUS_CMD | STATUS_UNLOCK,
        .out_port = OUT_A20 | OUT_NOT_RESET,
        .ram = {CCB_KBD_INT | CCB_AUX_INT},
    };
    ps2_kbd_reset(&c->kbd);
    ps2_mouse_reset(&c->mouse);
    clock_timer_cancel(c->clock, c->timer);
    irq_update(c);
}

static int i8042_check(const void *state)
{
    const struct i8042_state *s = state;
    uint8_t fixed = STATUS_OBF | STATUS_SYS | STATUS_CMD | STATUS_UNLOCK | STATUS_AUX_OBF;

    if ((s->status & ~fixed) || !(s->status & STATUS_UNLOCK) || (s->ram[0] & 0x80) ||
        s->answer_from > FROM_AUX || s->break_seen > 1 ||
        (s->out_port & ~(OUT_A20 | OUT_NOT_RESET)) || !(s->out_port & OUT_NOT_RESET)) {
        return -EINVAL;
    }
    if ((s->status & STATUS_AUX_OBF) && !(s->status & STATUS_OBF)) {
        return -EINVAL;
    }
    if (s->command && !command_takes_data(s->command)) {
        return -EINVAL;
    }
    int ret = ps2_kbd_check(&s->kbd[0]);

    return ret ? ret : ps2_mouse_check(&s->mouse[0]);
}

static void i8042_resume(struct device *dev)
{
    i8042_update((struct i8042 *)dev);
}

static const struct device_class i8042_class = {
    .name = "i8042",
    .state = &i8042_state_type,
    .reset = i8042_reset,
    .check = i8042_check,
    .resume = i8042_resume,
};

int i8042_init(struct i8042 *c, const struct hw *hw, struct irq_line irq_kbd,
               struct irq_line irq_mouse)
{
    int ret;

    memset(c, 0, sizeof(*c));
    ret = arena_add(hw->arena, &c->dev, &i8042_class, "i8042");
    if (ret) {
        return ret;
    }
    c->s = c->dev.state;
    c->mouse = (struct ps2_mouse){&c->s->mouse[0], {i8042_ready, c}};
    c->irq_kbd = irq_kbd;
    c->irq_mouse = irq_mouse;
    c->power = hw->power;
    c->clock = hw->clock;
    c->timer = clock_timer_new(hw->clock, i8042_ready, c);
    ps2_kbd_init(&c->kbd, &c->s->kbd[0], (struct ps2_port){i8042_ready, c}, hw->clock);
    c->data = (struct region){.name = "i8042-data", .regs = data_regs, .nregs = 1};
    c->data.opaque = c;
    c->data.len = 1;
    c->control = (struct region){.name = "i8042-control", .regs = control_regs, .nregs = 1};
    c->control.opaque = c;
    c->control.len = 1;
    ret = bus_map(hw->pio, &c->data, 0x60);
    return ret ? ret : bus_map(hw->pio, &c->control, 0x64);
}
