/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PS/2 keyboard and mouse behind their controller, and the catalogue's keyboard entries. */
#include "test-ps2.h"

/* --- keyboard --- */

struct spec_key {
    const char *name;
    int set1[9], set2[9], set3[3]; /* make; ends with -1 */
};

/* From the scan code tables of the keyboard reference. */
static const struct spec_key spec_keys[] = {
    {"a", {0x1e, -1}, {0x1c, -1}, {0x1c, -1}},
    {"1", {0x02, -1}, {0x16, -1}, {0x16, -1}},
    {"ret", {0x1c, -1}, {0x5a, -1}, {0x5a, -1}},
    {"spc", {0x39, -1}, {0x29, -1}, {0x29, -1}},
    {"esc", {0x01, -1}, {0x76, -1}, {0x08, -1}},
    {"minus", {0x0c, -1}, {0x4e, -1}, {0x4e, -1}},
    {"backslash", {0x2b, -1}, {0x5d, -1}, {0x5c, -1}},
    {"less", {0x56, -1}, {0x61, -1}, {0x13, -1}},
    {"f1", {0x3b, -1}, {0x05, -1}, {0x07, -1}},
    {"f7", {0x41, -1}, {0x83, -1}, {0x37, -1}},
    {"f12", {0x58, -1}, {0x07, -1}, {0x5e, -1}},
    {"shift", {0x2a, -1}, {0x12, -1}, {0x12, -1}},
    {"shift_r", {0x36, -1}, {0x59, -1}, {0x59, -1}},
    {"ctrl", {0x1d, -1}, {0x14, -1}, {0x11, -1}},
    {"ctrl_r", {0xe0, 0x1d, -1}, {0xe0, 0x14, -1}, {0x58, -1}},
    {"alt_r", {0xe0, 0x38, -1}, {0xe0, 0x11, -1}, {0x39, -1}},
    {"meta_l", {0xe0, 0x5b, -1}, {0xe0, 0x1f, -1}, {0x8b, -1}},
    {"up", {0xe0, 0x48, -1}, {0xe0, 0x75, -1}, {0x63, -1}},
    {"delete", {0xe0, 0x53, -1}, {0xe0, 0x71, -1}, {0x64, -1}},
    {"kp_enter", {0xe0, 0x1c, -1}, {0xe0, 0x5a, -1}, {0x79, -1}},
    {"kp_5", {0x4c, -1}, {0x73, -1}, {0x73, -1}},
    {"num_lock", {0x45, -1}, {0x77, -1}, {0x76, -1}},
    {"sysrq", {0x54, -1}, {0x84, -1}, {0x57, -1}},
    {"print", {0xe0, 0x2a, 0xe0, 0x37, -1}, {0xe0, 0x12, 0xe0, 0x7c, -1}, {0x57, -1}},
    {"pause",
     {0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5, -1},
     {0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77, -1},
     {0x62, -1}},
};

static void test_kbd_sets(void)
{
    struct fixture *f = fixture_new();

    kbc_command(f, 0x60, 0x00);
    for (unsigned set = 1; set <= 3; set++) {
        outb(f, 0x60, 0xf0);
        EXPECT(f, 0xfa);
        outb(f, 0x60, set);
        EXPECT(f, 0xfa);
        outb(f, 0x60, 0xf0);
        EXPECT(f, 0xfa);
        outb(f, 0x60, 0x00);
        EXPECT(f, 0xfa, (int)set);
        for (unsigned i = 0; i < G_N_ELEMENTS(spec_keys); i++) {
            const struct spec_key *k = &spec_keys[i];

            key(f, k->name, true);
            expect(f, set == 1 ? k->set1 : set == 2 ? k->set2 : k->set3);
            key(f, k->name, false);
            drain(f);
        }
    }
    outb(f, 0x60, 0xf0);
    EXPECT(f, 0xfa);
    outb(f, 0x60, 0x04);
    EXPECT(f, 0xfe);
    fixture_free(f);
}

/* Through the controller's translation set 2 is set 1, makes and breaks. */
static void test_kbd_translation(void)
{
    struct fixture *f = fixture_new();

    kbc_command(f, 0x60, 0x41);
    for (unsigned i = 0; i < G_N_ELEMENTS(spec_keys); i++) {
        key(f, spec_keys[i].name, true);
        expect(f, spec_keys[i].set1);
        key(f, spec_keys[i].name, false);
        if (strcmp(spec_keys[i].name, "print") == 0) {
            EXPECT(f, 0xe0, 0xb7, 0xe0, 0xaa);
        } else if (strcmp(spec_keys[i].name, "pause") == 0) {
            g_assert_cmpint(take(f), ==, -1);
        } else if (spec_keys[i].set1[0] == 0xe0) {
            EXPECT(f, 0xe0, spec_keys[i].set1[1] | 0x80);
        } else {
            EXPECT(f, spec_keys[i].set1[0] | 0x80);
        }
    }
    fixture_free(f);
}

static void test_kbd_breaks(void)
{
    struct fixture *f = fixture_new();

    kbc_command(f, 0x60, 0x00);
    key(f, "a", false);
    EXPECT(f, 0xf0, 0x1c);
    key(f, "up", false);
    EXPECT(f, 0xe0, 0xf0, 0x75);
    outb(f, 0x60, 0xf0);
    EXPECT(f, 0xfa);
    outb(f, 0x60, 0x03);
    EXPECT(f, 0xfa);
    key(f, "up", false);
    EXPECT(f, 0xf0, 0x63);
    outb(f, 0x60, 0xf9); /* makes only */
    EXPECT(f, 0xfa);
    key(f, "up", false);
    g_assert_cmpint(take(f), ==, -1);
    outb(f, 0x60, 0xfa);
    EXPECT(f, 0xfa);
    key(f, "up", false);
    EXPECT(f, 0xf0, 0x63);
    fixture_free(f);
}

static void test_kbd_commands(void)
{
    struct fixture *f = fixture_new();

    kbc_command(f, 0x60, 0x00);
    outb(f, 0x60, 0xee);
    EXPECT(f, 0xee);
    outb(f, 0x60, 0xed);
    EXPECT(f, 0xfa);
    outb(f, 0x60, 0x07);
    EXPECT(f, 0xfa);
    outb(f, 0x60, 0xf3);
    EXPECT(f, 0xfa);
    outb(f, 0x60, 0x20);
    EXPECT(f, 0xfa);
    outb(f, 0x60, 0xf2);
    EXPECT(f, 0xfa, 0xab, 0x83);
    outb(f, 0x60, 0xfe); /* once more */
    EXPECT(f, 0x83);
    outb(f, 0x60, 0xf5);
    EXPECT(f, 0xfa);
    key(f, "a", true);
    g_assert_cmpint(take(f), ==, -1);
    outb(f, 0x60, 0xf4);
    EXPECT(f, 0xfa);
    key(f, "a", true);
    EXPECT(f, 0x1c);
    outb(f, 0x60, 0xed); /* a command in place of the parameter */
    EXPECT(f, 0xfa);
    outb(f, 0x60, 0xf2);
    EXPECT(f, 0xfa, 0xab, 0x83);
    outb(f, 0x60, 0xff);
    EXPECT(f, 0xfa, 0xaa);
    outb(f, 0x60, 0x05); /* none */
    EXPECT(f, 0xfe);
    fixture_free(f);
}

/* The answer comes before keys that wait. */
static void test_kbd_reply_first(void)
{
    struct fixture *f = fixture_new();

    kbc_command(f, 0x60, 0x00);
    outb(f, 0x64, 0xad);
    key(f, "a", true);
    outb(f, 0x60, 0xed);
    EXPECT(f, 0xfa, 0x1c);
    fixture_free(f);
}

static void test_key_names(void)
{
    static const char *const names[] = {
        "shift",       "alt",          "ctrl",          "menu",        "esc",
        "0",           "minus",        "equal",         "backspace",   "tab",
        "q",           "bracket_left", "bracket_right", "ret",         "semicolon",
        "apostrophe",  "grave_accent", "backslash",     "z",           "comma",
        "dot",         "slash",        "asterisk",      "spc",         "caps_lock",
        "f1",          "f10",          "num_lock",      "scroll_lock", "kp_divide",
        "kp_multiply", "kp_subtract",  "kp_add",        "kp_enter",    "kp_decimal",
        "sysrq",       "kp_0",         "less",          "f11",         "print",
        "home",        "pgup",         "pgdn",          "end",         "left",
        "insert",      "delete",       "meta_r",        "compose",     "pause",
        "power"};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        unsigned code = ps2_keycode_by_name(names[i]);

        g_assert_cmpuint(code, !=, PS2_KEY_NONE);
        g_assert_cmpstr(ps2_keycode_name(code), ==, names[i]);
    }
    g_assert_cmpuint(ps2_keycode_by_name("no such key"), ==, PS2_KEY_NONE);
    g_assert_cmpuint(ps2_keycode_by_name(""), ==, PS2_KEY_NONE);
    g_assert_null(ps2_keycode_name(100000));
}

/* --- mouse --- */

static void rate(struct fixture *f, unsigned val)
{
    mouse_out(f, 0xf3);
    EXPECT(f, 0xfa);
    mouse_out(f, val);
    EXPECT(f, 0xfa);
}

static void mouse_on(struct fixture *f)
{
    kbc_command(f, 0x60, 0x02);
    mouse_out(f, 0xf4);
    EXPECT(f, 0xfa);
}

/* --- typematic: delay and rate of F3h, by the reference's formulas --- */

/* Lets `ms` pass in steps of one, reading what comes; returns how many bytes equal `want`. */
static unsigned held_for(struct fixture *f, unsigned ms, int want)
{
    unsigned n = 0;

    while (ms--) {
        f->now += 1000000;
        clock_run(&f->clock);
        if (inb(f, 0x64) & SPEC_OBF) {
            g_assert_cmphex(inb(f, 0x60), ==, want);
            n++;
        }
    }
    return n;
}

static void typematic_set(struct fixture *f, unsigned val)
{
    outb(f, 0x60, 0xf3);
    EXPECT(f, 0xfa);
    outb(f, 0x60, val);
    EXPECT(f, 0xfa);
}

static void test_kbd_typematic(void)
{
    struct fixture *f = fixture_new();

    kbc_command(f, 0x60, 0x00);
    g_assert_cmpuint(clock_next(&f->clock), ==, CLOCK_NEVER); /* no key, no wake-up */
    key(f, "a", true);
    EXPECT(f, 0x1c);
    f->now = 0;
    arena_reset(&f->arena, RESET_POWER_ON);
    kbc_command(f, 0x60, 0x00);
    key(f, "a", true);
    g_assert_cmpuint(held_for(f, 499, 0x1c), ==, 1);
    g_assert_cmpuint(held_for(f, 1000, 0x1c), ==, 11); /* 10.9 a second */
    key(f, "a", true);                                 /* it is down already */
    g_assert_cmpuint(held_for(f, 50, 0x1c), <=, 1);
    key(f, "a", false);
    EXPECT(f, 0xf0, 0x1c);
    g_assert_cmpuint(clock_next(&f->clock), ==, CLOCK_NEVER);
    typematic_set(f, 0x00); /* 250 ms, 30 a second */
    key(f, "b", true);
    g_assert_cmpuint(held_for(f, 249, 0x32), ==, 1);
    g_assert_cmpuint(held_for(f, 1000, 0x32), ==, 30);
    typematic_set(f, 0x7f); /* a second, 2 a second, from the next one on */
    g_assert_cmpuint(held_for(f, 2050, 0x32), ==, 5);
    key(f, "b", false);
    EXPECT(f, 0xf0, 0x32);
    key(f, "b", true);
    g_assert_cmpuint(held_for(f, 999, 0x32), ==, 1);
    g_assert_cmpuint(held_for(f, 2, 0x32), ==, 1);
    /* Another key takes over; that the first is let go changes nothing. */
    key(f, "c", true);
    EXPECT(f, 0x21);
    key(f, "b", false);
    EXPECT(f, 0xf0, 0x32);
    g_assert_cmpuint(held_for(f, 1010, 0x21), ==, 1);
    key(f, "c", false);
    EXPECT(f, 0xf0, 0x21);
    fixture_free(f);
}

/* What ends a repetition, what never repeats, and a guest that does not read. */
static void test_kbd_typematic_ends(void)
{
    struct fixture *f = fixture_new();
    unsigned n = 0;

    kbc_command(f, 0x60, 0x00);
    key(f, "pause", true);
    drain(f);
    g_assert_cmpuint(clock_next(&f->clock), ==, CLOCK_NEVER);
    for (unsigned i = 0; i < 4; i++) { /* disable, defaults, enable, reset */
        static const uint8_t ends[] = {0xf5, 0xf6, 0xf4, 0xff};

        outb(f, 0x60, 0xf4);
        EXPECT(f, 0xfa);
        key(f, "a", true);
        EXPECT(f, 0x1c);
        g_assert_cmpuint(clock_next(&f->clock), !=, CLOCK_NEVER);
        outb(f, 0x60, ends[i]);
        drain(f);
        g_assert_cmpuint(clock_next(&f->clock), ==, CLOCK_NEVER);
    }
    outb(f, 0x60, 0xf0);
    EXPECT(f, 0xfa);
    outb(f, 0x60, 0x03);
    EXPECT(f, 0xfa);
    for (unsigned i = 0xf7; i <= 0xfa; i++) { /* set 3: F7 and FA repeat, F8 and F9 do not */
        outb(f, 0x60, i);
        EXPECT(f, 0xfa);
        key(f, "a", true);
        EXPECT(f, 0x1c);
        g_assert_cmpint(clock_next(&f->clock) == CLOCK_NEVER, ==, i == 0xf8 || i == 0xf9);
        key(f, "a", false);
        drain(f);
    }
    /* An hour with nobody reading: one repetition waits, and the guest gets no burst. */
    key(f, "a", true);
    for (unsigned i = 0; i < 3600; i++) {
        f->now += NS_PER_S;
        clock_run(&f->clock);
    }
    while (inb(f, 0x64) & SPEC_OBF && n < 100) {
        g_assert_cmphex(inb(f, 0x60), ==, 0x1c);
        n++;
        f->now += 2000000;
        clock_run(&f->clock);
    }
    g_assert_cmpuint(n, <=, 3);
    /* A successor process goes on with it; a key that is none is refused. */
    arena_resume(&f->arena);
    g_assert_cmpuint(held_for(f, 1000, 0x1c), >=, 9);
    f->kbc.s->kbd[0].repeat_key = 0xff;
    g_assert_cmpint(f->kbc.dev.cls->check(f->kbc.s), !=, 0);
    arena_reset(&f->arena, RESET_HARD);
    g_assert_cmpuint(clock_next(&f->clock), ==, CLOCK_NEVER);
    fixture_free(f);
}

static void test_mouse_stream(void)
{
    struct fixture *f = fixture_new();

    kbc_command(f, 0x60, 0x02);
    ps2_mouse_event(&f->kbc.mouse, 5, 5, 0, 0);
    g_assert_cmpint(take(f), ==, -1); /* not enabled */
    mouse_on(f);
    ps2_mouse_event(&f->kbc.mouse, 5, 3, 0, PS2_BUTTON_LEFT);
    EXPECT(f, 0x29, 0x05, 0xfd); /* up is positive */
    ps2_mouse_event(&f->kbc.mouse, -2, -4, 9, PS2_BUTTON_RIGHT | PS2_BUTTON_MIDDLE);
    EXPECT(f, 0x1e, 0xfe, 0x04);
    ps2_mouse_event(&f->kbc.mouse, 0, 0, 0, 0);
    EXPECT(f, 0x08, 0x00, 0x00);
    ps2_mouse_event(&f->kbc.mouse, 300, 0, 0, 0); /* more than a packet holds */
    EXPECT(f, 0x08, 0xff, 0x00, 0x08, 0x2d, 0x00);
    fixture_free(f);
}

static void test_mouse_wheel(void)
{
    struct fixture *f = fixture_new();

    kbc_command(f, 0x60, 0x02);
    rate(f, 200);
    rate(f, 100);
    rate(f, 80);
    mouse_out(f, 0xf2);
    EXPECT(f, 0xfa, 0x03);
    mouse_on(f);
    ps2_mouse_event(&f->kbc.mouse, 0, 0, -1, 0);
    EXPECT(f, 0x08, 0, 0, 0xff);
    rate(f, 200);
    rate(f, 200);
    rate(f, 80);
    mouse_out(f, 0xf2);
    EXPECT(f, 0xfa, 0x04);
    ps2_mouse_event(&f->kbc.mouse, 0, 0, -1, PS2_BUTTON_SIDE);
    EXPECT(f, 0x08, 0, 0, 0x1f);
    ps2_mouse_event(&f->kbc.mouse, 0, 0, 0, PS2_BUTTON_EXTRA);
    EXPECT(f, 0x08, 0, 0, 0x20);
    mouse_out(f, 0xff);
    EXPECT(f, 0xfa, 0xaa, 0x00);
    mouse_out(f, 0xf2);
    EXPECT(f, 0xfa, 0x00);
    rate(f, 200); /* not the sequence */
    rate(f, 40);
    rate(f, 80);
    mouse_out(f, 0xf2);
    EXPECT(f, 0xfa, 0x00);
    fixture_free(f);
}

static void test_mouse_commands(void)
{
    struct fixture *f = fixture_new();

    kbc_command(f, 0x60, 0x02);
    mouse_out(f, 0xe9);
    EXPECT(f, 0xfa, 0x00, 0x02, 100);
    mouse_out(f, 0xe8);
    EXPECT(f, 0xfa);
    mouse_out(f, 0x03);
    EXPECT(f, 0xfa);
    rate(f, 40);
    mouse_out(f, 0xe7);
    EXPECT(f, 0xfa);
    mouse_on(f);
    ps2_mouse_event(&f->kbc.mouse, 0, 0, 0, PS2_BUTTON_LEFT);
    EXPECT(f, 0x09, 0, 0);
    mouse_out(f, 0xe9);
    EXPECT(f, 0xfa, 0x34, 0x03, 40);
    ps2_mouse_event(&f->kbc.mouse, 3, -20, 0, PS2_BUTTON_LEFT); /* 2:1 */
    EXPECT(f, 0x09, 3, 40);
    mouse_out(f, 0xf6);
    EXPECT(f, 0xfa);
    mouse_out(f, 0xe9);
    EXPECT(f, 0xfa, 0x04, 0x02, 100);
    mouse_out(f, 0xe8);
    EXPECT(f, 0xfa);
    mouse_out(f, 0x04); /* no such resolution */
    EXPECT(f, 0xfe);
    mouse_out(f, 0x77); /* no such command */
    EXPECT(f, 0xfe);
    fixture_free(f);
}

static void test_mouse_remote_and_wrap(void)
{
    struct fixture *f = fixture_new();

    kbc_command(f, 0x60, 0x02);
    mouse_out(f, 0xf0);
    EXPECT(f, 0xfa);
    ps2_mouse_event(&f->kbc.mouse, 7, 0, 0, 0);
    g_assert_cmpint(take(f), ==, -1);
    mouse_out(f, 0xeb);
    EXPECT(f, 0xfa, 0x08, 7, 0);
    mouse_out(f, 0xea);
    EXPECT(f, 0xfa);
    mouse_out(f, 0xee);
    EXPECT(f, 0xfa);
    mouse_out(f, 0xf4);
    EXPECT(f, 0xf4); /* echo */
    mouse_out(f, 0x12);
    EXPECT(f, 0x12);
    mouse_out(f, 0xec);
    EXPECT(f, 0xfa);
    mouse_out(f, 0xf2);
    EXPECT(f, 0xfa, 0x00);
    fixture_free(f);
}

/* --- catalogue --- */

/* Queue indices that hardware cannot reach are refused; what is accepted is harmless. */
static void test_kbd_01(void)
{
    struct fixture *f = fixture_new();
    struct i8042_state good = *f->kbc.s;

    for (int head = -1; head <= 257; head++) {
        for (int count = -1; count <= 257; count++) {
            struct i8042_state t = good;
            bool valid = head >= 0 && head < 256 && count >= 0 && count <= 256;

            t.kbd[0].queue[0].head = (uint16_t)head;
            t.kbd[0].queue[0].count = (uint16_t)count;
            g_assert_cmpint(f->kbc.dev.cls->check(&t) == 0, ==, valid);
            t = good;
            t.mouse[0].queue[0].head = (uint16_t)head;
            t.mouse[0].queue[0].count = (uint16_t)count;
            g_assert_cmpint(f->kbc.dev.cls->check(&t) == 0, ==, valid);
            t.mouse[0].queue[0] = good.mouse[0].queue[0];
            t.kbd[0].queue[0].reply_head = (uint8_t)head;
            t.kbd[0].queue[0].reply_count = (uint8_t)count;
            valid = (uint8_t)head < 8 && (uint8_t)count <= 8;
            g_assert_cmpint(f->kbc.dev.cls->check(&t) == 0, ==, valid);
        }
    }
    for (unsigned head = 0; head < 256; head += 15) {
        for (unsigned count = 0; count <= 256; count += 16) {
            unsigned n = 0;

            *f->kbc.s = good;
            f->kbc.s->kbd[0].queue[0].head = (uint16_t)head;
            f->kbc.s->kbd[0].queue[0].count = (uint16_t)count;
            f->kbc.dev.cls->resume(&f->kbc.dev);
            while (take(f) >= 0) {
                n++;
            }
            g_assert_cmpuint(n, ==, count);
        }
    }
    fixture_free(f);
}

/* A sampling rate that no command sets is refused. */
static void test_rate_state(void)
{
    struct fixture *f = fixture_new();
    unsigned accepted = 0;

    for (unsigned rate = 0; rate < 256; rate++) {
        f->kbc.s->mouse[0].rate = (uint8_t)rate;
        accepted += f->kbc.dev.cls->check(f->kbc.s) == 0;
    }
    g_assert_cmpuint(accepted, ==, 7);
    f->kbc.s->mouse[0].rate = 80;
    g_assert_cmpint(f->kbc.dev.cls->check(f->kbc.s), ==, 0);
    fixture_free(f);
}

/* Random bytes as state: refused or harmless. */
static void test_kbd_01_random(void)
{
    struct fixture *f = fixture_new();
    struct i8042_state good = *f->kbc.s;
    GRand *rand = g_rand_new_with_seed(1);
    unsigned accepted = 0;

    for (unsigned n = 0; n < 200000; n++) {
        struct i8042_state t = good;

        for (unsigned i = 0; i < 3; i++) { /* a few fields, else hardly any state is accepted */
            ((uint8_t *)&t)[g_rand_int(rand) % sizeof(t)] = (uint8_t)g_rand_int(rand);
        }
        if (f->kbc.dev.cls->check(&t) == 0) {
            accepted++;
            *f->kbc.s = t;
            f->kbc.dev.cls->resume(&f->kbc.dev);
            outb(f, 0x64, g_rand_int(rand) & 0xff);
            outb(f, 0x60, g_rand_int(rand) & 0xff);
            key(f, "a", true);
            ps2_mouse_event(&f->kbc.mouse, INT_MAX, INT_MIN, INT_MIN, UINT_MAX);
            for (unsigned i = 0; i < 4; i++) {
                take(f);
            }
            g_assert_cmpint(f->kbc.dev.cls->check(f->kbc.s), ==, 0);
        }
    }
    g_assert_cmpuint(accepted, >, 10000);
    g_rand_free(rand);
    fixture_free(f);
}

/* A flood of keys: bounded, the newest are lost, each sequence is whole, releases find room. */
static void test_kbd_02(void)
{
    struct fixture *f = fixture_new();
    unsigned ups = 0, bytes = 0;
    int val;

    kbc_command(f, 0x60, 0x00);
    key(f, "shift", true);
    for (unsigned i = 0; i < 10000000; i++) {
        ps2_kbd_key(&f->kbc.kbd, 1 + i % 100, true);
    }
    key(f, "shift", false);
    g_assert_cmphex(take(f), ==, 0x12);
    while ((val = take(f)) >= 0 && bytes < 1000) {
        bytes++;
        ups = val == 0xf0 ? ups + 1 : ups;
    }
    g_assert_cmpuint(bytes, >, 100);
    g_assert_cmpuint(bytes, <=, 256);
    g_assert_cmpuint(ups, >=, 1); /* shift was let go (pause may have come, too) */
    key(f, "a", true);
    EXPECT(f, 0x1c);
    fixture_free(f);
}

/* Overflow never leaves half a packet; what was moved meanwhile is not lost. */
static void test_kbd_03(void)
{
    struct fixture *f = fixture_new();
    int x = 0, packets = 0;

    mouse_on(f);
    for (unsigned i = 0; i < 1000; i++) {
        ps2_mouse_event(&f->kbc.mouse, 1, 0, 0, i & 1);
    }
    for (;;) {
        int b[3];

        b[0] = take(f);
        if (b[0] < 0) {
            break;
        }
        b[1] = take(f);
        b[2] = take(f);
        g_assert_cmphex(b[0] & 0xf8, ==, 0x08);
        g_assert_cmpint(b[2], ==, 0);
        x += b[1];
        packets++;
    }
    g_assert_cmpint(x, ==, 1000);
    g_assert_cmpint(packets, <, 200);
    /* The source of a byte does not change while it waits. */
    ps2_mouse_event(&f->kbc.mouse, 1, 0, 0, 1);
    g_assert_cmphex(inb(f, 0x64) & SPEC_AUX_OBF, ==, SPEC_AUX_OBF);
    key(f, "a", true);
    step(f);
    g_assert_cmphex(inb(f, 0x64) & (SPEC_OBF | SPEC_AUX_OBF), ==, SPEC_OBF | SPEC_AUX_OBF);
    g_assert_cmphex(inb(f, 0x60) & 0x0f, ==, 0x09);
    step(f);
    g_assert_cmphex(inb(f, 0x64) & (SPEC_OBF | SPEC_AUX_OBF), ==, SPEC_OBF);
    fixture_free(f);
}

/* 65,536 pairs of bytes to both ports: at most one reset per write, and the device lives. */
static void test_kbd_04(void)
{
    struct fixture *f = fixture_new();

    for (unsigned n = 0; n < 4 * 65536; n++) {
        unsigned first = n >> 16 & 1 ? 0x60 : 0x64, second = n >> 17 & 1 ? 0x64 : 0x60;
        unsigned before = f->resets;

        outb(f, first, n & 0xff);
        g_assert_cmpuint(f->resets - before, <=, 1);
        before = f->resets;
        outb(f, second, n >> 8 & 0xff);
        g_assert_cmpuint(f->resets - before, <=, 1);
        g_assert_cmpint(f->kbc.dev.cls->check(f->kbc.s), ==, 0);
        take(f);
    }
    outb(f, 0x64, 0xff); /* ends a command that waits */
    kbc_command(f, 0x60, 0x00);
    drain(f);
    g_assert_cmphex(kbc_query(f, 0xaa), ==, 0x55);
    outb(f, 0x60, 0xff);
    EXPECT(f, 0xfa, 0xaa);
    mouse_out(f, 0xff);
    EXPECT(f, 0xfa, 0xaa, 0x00);
    /* Unknown controller commands answer nothing. */
    static const uint8_t unknown[] = {0x00, 0x1f, 0x40, 0x80, 0xa0, 0xb0, 0xc8, 0xd8, 0xe8};

    for (unsigned i = 0; i < sizeof(unknown); i++) {
        outb(f, 0x64, unknown[i]);
        g_assert_cmpint(take(f), ==, -1);
    }
    fixture_free(f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ps2/keyboard/sets", test_kbd_sets);
    g_test_add_func("/ps2/keyboard/translation", test_kbd_translation);
    g_test_add_func("/ps2/keyboard/breaks", test_kbd_breaks);
    g_test_add_func("/ps2/keyboard/commands", test_kbd_commands);
    g_test_add_func("/ps2/keyboard/reply-first", test_kbd_reply_first);
    g_test_add_func("/ps2/keyboard/names", test_key_names);
    g_test_add_func("/ps2/keyboard/typematic", test_kbd_typematic);
    g_test_add_func("/ps2/keyboard/typematic-ends", test_kbd_typematic_ends);
    g_test_add_func("/ps2/mouse/stream", test_mouse_stream);
    g_test_add_func("/ps2/mouse/wheel", test_mouse_wheel);
    g_test_add_func("/ps2/mouse/commands", test_mouse_commands);
    g_test_add_func("/ps2/mouse/remote-and-wrap", test_mouse_remote_and_wrap);
    g_test_add_func("/catalogue/KBD-01/indices", test_kbd_01);
    g_test_add_func("/ps2/mouse/rate-state", test_rate_state);
    g_test_add_func("/catalogue/KBD-01/random-state", test_kbd_01_random);
    g_test_add_func("/catalogue/KBD-02/flood", test_kbd_02);
    g_test_add_func("/catalogue/KBD-03/whole-packets", test_kbd_03);
    g_test_add_func("/catalogue/KBD-04/all-pairs", test_kbd_04);
    return g_test_run();
}
