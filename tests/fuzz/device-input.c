/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: keyboard controller with keyboard and mouse, and port 92h. */
#include "fuzz.h"

#include "input/i8042.h"
#include "input/keymap.h"
#include "input/port92.h"

static struct i8042 i8042;
static struct port92 port92;

/* addr: the key; bit 0 of the value: down. A key's name must lead back to it. */
static void key(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    const char *name = ps2_keycode_name(addr & 0xff);
    unsigned found = ps2_keycode_by_name(name ? name : "no such key");

    if (found != (name ? addr & 0xff : PS2_KEY_NONE)) {
        fuzz_finding(w, "key %#x is found as %#x", addr & 0xff, found);
    }
    ps2_kbd_key(&i8042.kbd, addr & 0xff, val & 1);
}

static void mouse(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    ps2_mouse_event(&i8042.mouse, (int16_t)val, (int16_t)(val >> 16), (int8_t)(val >> 32),
                    addr & 0x1f);
}

/* Wild movement: what a host could report at the worst. */
static void mouse_wild(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    ps2_mouse_event(&i8042.mouse, (int)(uint32_t)val, (int)(uint32_t)(val >> 32), (int)addr,
                    addr & 0xff);
}

static bool input_setup(struct fuzz_world *w)
{
    fuzz_ports_add(w, "i8042-data", 0x60, 1);
    fuzz_ports_add(w, "i8042-control", 0x64, 1);
    fuzz_ports_add(w, "port92", 0x92, 1);
    fuzz_action_add(w, "key", key);
    fuzz_action_add(w, "mouse", mouse);
    fuzz_action_add(w, "wild mouse", mouse_wild);
    return i8042_init(&i8042, &w->hw, fuzz_line(w, 1), fuzz_line(w, 12)) == 0 &&
           port92_init(&port92, &w->hw) == 0;
}

/* Commands of the controller (window 1), keyboard and, after D4h, mouse (window 0). */
static const struct fuzz_word input_words[] = {
    {1, 1, 0, 0x20}, {1, 1, 0, 0x60}, {1, 1, 0, 0xa7}, {1, 1, 0, 0xa8}, {1, 1, 0, 0xa9},
    {1, 1, 0, 0xaa}, {1, 1, 0, 0xab}, {1, 1, 0, 0xad}, {1, 1, 0, 0xae}, {1, 1, 0, 0xc0},
    {1, 1, 0, 0xd0}, {1, 1, 0, 0xd1}, {1, 1, 0, 0xd2}, {1, 1, 0, 0xd3}, {1, 1, 0, 0xd4},
    {1, 1, 0, 0xd4}, {1, 1, 0, 0xd4}, {1, 1, 0, 0xe0}, {1, 1, 0, 0xfe}, {1, 1, 0, 0xf0},
    {0, 1, 0, 0xe6}, {0, 1, 0, 0xe7}, {0, 1, 0, 0xe8}, {0, 1, 0, 0xe9}, {0, 1, 0, 0xea},
    {0, 1, 0, 0xeb}, {0, 1, 0, 0xec}, {0, 1, 0, 0xed}, {0, 1, 0, 0xee}, {0, 1, 0, 0xf0},
    {0, 1, 0, 0xf2}, {0, 1, 0, 0xf3}, {0, 1, 0, 0xf4}, {0, 1, 0, 0xf5}, {0, 1, 0, 0xf6},
    {0, 1, 0, 0xf7}, {0, 1, 0, 0xf8}, {0, 1, 0, 0xf9}, {0, 1, 0, 0xfa}, {0, 1, 0, 0xfe},
    {0, 1, 0, 0xff}, {0, 1, 0, 200},  {0, 1, 0, 100},  {0, 1, 0, 80},   {0, 1, 0, 2},
    {0, 1, 0, 0x47}, {0, 1, 0, 3},    {0, 1, 0, 1},    {0, 1, 0, 0},
};

/* A byte to the mouse, or the rates that make it a wheel mouse. */
static size_t input_generate(uint64_t (*rnd)(void), struct fuzz_op *op, size_t max)
{
    static const uint8_t knock[] = {0xf3, 200, 0xf3, 100, 0xf3, 80, 0xf2, 0xf4};
    static const uint8_t knock5[] = {0xf3, 200, 0xf3, 200, 0xf3, 80, 0xf2, 0xf4};
    static const uint8_t set[] = {0xf0, 3, 0xf8, 0xf4};
    const uint8_t *list = rnd() & 1 ? knock : knock5;
    uint64_t r = rnd();
    bool to_mouse = rnd() & 3;
    size_t n = 0, len = to_mouse ? sizeof(knock) : sizeof(set);

    if ((r & 7) == 0) { /* a command to the mouse with its parameter */
        static const uint8_t command[] = {0xe8, 0xf3, 0xe8, 0xf3, 0xf0, 0xee, 0xeb, 0xec};
        static const uint8_t value[] = {0, 1, 2, 3, 4, 10, 20, 40, 60, 80, 100, 200, 0xff, 0xec};

        op[0] = (struct fuzz_op){FUZZ_WRITE, 1, 1, 0, 0xd4};
        op[1] = (struct fuzz_op){FUZZ_WRITE, 1, 0, 0, command[r >> 8 & 7]};
        op[2] = (struct fuzz_op){FUZZ_WRITE, 1, 1, 0, 0xd4};
        op[3] = (struct fuzz_op){FUZZ_WRITE, 1, 0, 0, value[(r >> 16) % sizeof(value)]};
        op[4] = (struct fuzz_op){FUZZ_ACTION, 1, 1, 3, r >> 24};
        return 5;
    }
    list = to_mouse ? list : set;
    for (size_t i = 0; i < len; i++) {
        if (to_mouse) {
            op[n++] = (struct fuzz_op){FUZZ_WRITE, 1, 1, 0, 0xd4};
        }
        op[n++] = (struct fuzz_op){FUZZ_WRITE, 1, 0, 0, list[i]};
        if (rnd() & 1) {
            op[n++] = (struct fuzz_op){FUZZ_STEP_NEXT, 1, 0, 0, 0};
            op[n++] = (struct fuzz_op){FUZZ_READ, 1, 0, 0, 0};
        }
    }
    return n;
}

FUZZ_TARGET(i8042) = {
    .name = "i8042",
    .about = "8042 keyboard controller, PS/2 keyboard and mouse, port 92h",
    .setup = input_setup,
    .generate = input_generate,
    .words = input_words,
    .nwords = sizeof(input_words) / sizeof(input_words[0]),
};
