// SPDX-License-Identifier: MIT
//
// What of a struct is state of the machine: a table of fields for each chip, device and CPU, beside the code that owns them.
// Digests are made from these tables. Not in them: wires, host pointers, and what is computed from other fields.
// Values are written one by one, so that the result does not depend on the host's byte order or padding.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct state_table;
enum state_kind {
    STATE_SCALARS,  // numbers of `size` bytes (1, 2, 4, 8), bools, enums
    STATE_TIMERS,   // struct timer: its deadline
    STATE_PARTS,    // structs with a table of their own
    STATE_POINTED,  // the same behind a pointer; how many: the unsigned at count_offset
};
struct state_field {
    const char *name;
    enum state_kind kind;
    size_t offset, size;  // size: of one element
    size_t count;
    const struct state_table *table;
    size_t count_offset;
};
struct state_table { const struct state_field *fields; size_t count; };

#define STATE_MEMBER(s, f) (((struct s *)0)->f)
#define STATE_FIELD(s, f) { #f, STATE_SCALARS, offsetof(struct s, f), sizeof STATE_MEMBER(s, f), 1, NULL, 0 }
#define STATE_ARRAY(s, f) \
    { #f, STATE_SCALARS, offsetof(struct s, f), sizeof STATE_MEMBER(s, f)[0], sizeof STATE_MEMBER(s, f) / sizeof STATE_MEMBER(s, f)[0], NULL, 0 }
#define STATE_TIMER(s, f) { #f, STATE_TIMERS, offsetof(struct s, f), sizeof STATE_MEMBER(s, f), 1, NULL, 0 }
#define STATE_STRUCT(s, f, t) { #f, STATE_PARTS, offsetof(struct s, f), sizeof STATE_MEMBER(s, f), 1, &t, 0 }
#define STATE_STRUCTS(s, f, t) \
    { #f, STATE_PARTS, offsetof(struct s, f), sizeof STATE_MEMBER(s, f)[0], sizeof STATE_MEMBER(s, f) / sizeof STATE_MEMBER(s, f)[0], &t, 0 }
#define STATE_POINTER(s, f, n, t) \
    { #f, STATE_POINTED, offsetof(struct s, f), sizeof *STATE_MEMBER(s, f), 0, &t, offsetof(struct s, n) }
// const struct state_table NAME = ...; from an array NAME_fields of its rows.
#define STATE_TABLE(name) const struct state_table name = { name##_fields, sizeof name##_fields / sizeof name##_fields[0] }

extern const struct state_table state_none; // of devices that keep nothing

// Where values go: path as "channel[2].reload" (only when `paths`; else NULL), size in bytes.
struct state_writer {
    void (*value)(void *opaque, const char *path, uint64_t value, unsigned size);
    void *opaque;
    bool paths;
};
void state_write(const struct state_writer *writer, const struct state_table *table, const void *instance);
