/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saved state of devices: one field list per struct makes both the struct and its field table.
 *
 * A list is a macro of four parameters, used like this:
 *
 *     #define PIC_STATE(V, A, S, T)         \
 *         V(T, uint8_t, irr, 1)             \
 *         A(T, uint8_t, reserved, 3, 1)     \
 *         S(T, pic_chan_state, chan, 2, 1)
 *     STATE_STRUCT(pic_state, PIC_STATE);   in the header: struct pic_state
 *     STATE_TYPE(pic_state, PIC_STATE);     in one .c file: pic_state_type
 *
 * V is a scalar, A an array of scalars, S an array of nested state structs; the last argument is
 * the layout version that introduced the field. Scalars are uint8_t .. uint64_t, nothing else: no
 * pointers, no descriptors, no padding (asserted when compiled), so that a struct can be copied,
 * hashed, saved and mapped by another process as it is.
 */
#ifndef CLEAVE_HW_CORE_STATE_H
#define CLEAVE_HW_CORE_STATE_H

#include <stddef.h>
#include <stdint.h>

struct state_type;

/* One field: `count` elements of `size` bytes at `offset`; `sub` is set for nested structs. */
struct state_field {
    const char *name;
    const struct state_type *sub;
    uint32_t offset;
    uint32_t count;
    uint32_t size;
    uint32_t since;
};

struct state_type {
    const char *name;
    const struct state_field *fields;
    uint32_t nfields;
    uint32_t size; /* sizeof the struct */
};

#define STATE_DECL_V(tag, type, name, since)      type name;
#define STATE_DECL_A(tag, type, name, n, since)   type name[n];
#define STATE_DECL_S(tag, subtag, name, n, since) struct subtag name[n];
#define STATE_SUM_V(tag, type, name, since)       +sizeof(type)
#define STATE_SUM_A(tag, type, name, n, since)    +sizeof(type) * (n)
#define STATE_SUM_S(tag, subtag, name, n, since)  +sizeof(struct subtag) * (n)
#define STATE_ROW_V(tag, type, name, since)                                                        \
    {#name, NULL, offsetof(struct tag, name), 1, sizeof(type), since},
#define STATE_ROW_A(tag, type, name, n, since)                                                     \
    {#name, NULL, offsetof(struct tag, name), n, sizeof(type), since},
#define STATE_ROW_S(tag, subtag, name, n, since)                                                   \
    {#name, &subtag##_type, offsetof(struct tag, name), n, sizeof(struct subtag), since},

#define STATE_STRUCT(tag, LIST)                                                                    \
    struct tag {                                                                                   \
        LIST(STATE_DECL_V, STATE_DECL_A, STATE_DECL_S, tag)                                        \
    };                                                                                             \
    _Static_assert(0 LIST(STATE_SUM_V, STATE_SUM_A, STATE_SUM_S, tag) == sizeof(struct tag),       \
                   "padding in struct " #tag);                                                     \
    extern const struct state_type tag##_type

#define STATE_TYPE(tag, LIST)                                                                      \
    static const struct state_field tag##_fields[] = {                                             \
        LIST(STATE_ROW_V, STATE_ROW_A, STATE_ROW_S, tag)};                                         \
    const struct state_type tag##_type = {                                                         \
        #tag, tag##_fields, sizeof(tag##_fields) / sizeof(tag##_fields[0]), sizeof(struct tag)}

/* A 64-bit hash of the names, offsets, counts and sizes of `type` and of all it contains. */
uint64_t state_type_hash(const struct state_type *type);

#endif
