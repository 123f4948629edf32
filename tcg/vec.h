// SPDX-License-Identifier: MIT
//
// Vector operations of the IR (VOP, VFROMG, VTOG, VCMPG): one row each, in tcg/vec.def. An x86-64 host emits the row's
// own encoding; other backends and the interpreter call the C function of the same number.
#pragma once
#include <stdint.h>

enum vec_form {
    VEC_VV,    // vector <- vector, vector
    VEC_FROMG, // vector <- vector, integer
    VEC_TOG,   // integer <- vector
    VEC_CMP,   // flags (EFLAGS bits) <- vector, vector
};
struct vec_row {
    const char *name;
    uint8_t form;
    uint8_t prefix;   // 0, 0x66, 0xf3, 0xf2
    uint8_t map;      // 1: 0F, 2: 0F38, 3: 0F3A
    uint8_t opcode, rexw, has_imm, is_float;
    uint8_t swap;     // the reg field is the source (store-form encodings such as pextrd)
    uint8_t opext;    // /digit of immediate shift groups, 0xff: none
};
extern const struct vec_row vec_rows[];
extern const unsigned vec_row_count;
enum vec_id {
#define VEC(id, name, form, prefix, map, opcode, rexw, has_imm, is_float, swap, opext) V_##id,
#include "tcg/vec.def"
#undef VEC
    V__COUNT
};

// Element i of each width is element i as on a little-endian host.
union vec128 { uint8_t b[16]; uint16_t h[8]; uint32_t w[4]; uint64_t d[2]; };
struct vec_args {
    union vec128 d;   // in: first operand; out: result
    union vec128 s;   // second operand
    uint64_t g;       // integer in (VEC_FROMG) or out (VEC_TOG, VEC_CMP)
    uint8_t imm;
    uint32_t mxcsr;   // in and out
};
typedef void (*vec_fn)(struct vec_args *args);
extern const vec_fn vec_interp[]; // same order as vec_rows
