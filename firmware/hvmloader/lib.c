/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the compiler and the table builder expect of a C library, and the debug output. */
#include <string.h>

#include "loader.h"

bool debug_on;

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    void *d = dst;

    __asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(n) : : "memory");
    return dst;
}

void *memset(void *dst, int value, size_t n)
{
    void *d = dst;

    __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(value) : "memory");
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *p = a;
    const uint8_t *q = b;

    for (size_t i = 0; i < n; i++) {
        if (p[i] != q[i]) {
            return p[i] - q[i];
        }
    }
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n] != '\0') {
        n++;
    }
    return n;
}

void debug_text(const char *text)
{
    while (debug_on && *text != '\0') {
        out8(0xe9, (uint8_t)*text++);
    }
}

void debug_value(const char *name, uint64_t value)
{
    char digit[2] = {0};

    debug_text(name);
    debug_text("=");
    for (int shift = 28; shift >= 0; shift -= 4) {
        digit[0] = "0123456789abcdef"[value >> shift & 0xf];
        debug_text(digit);
    }
    debug_text(" ");
}

void fail(const char *why)
{
    debug_on = true;
    debug_text("hvmloader: ");
    debug_text(why);
    debug_text("\n");
    hypercall_crash();
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}
