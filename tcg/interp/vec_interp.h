// SPDX-License-Identifier: MIT
//
// What the files vec_*.c share: lanes of a 128-bit value on hosts of either byte order, and the prototypes
// of the rows' functions (vec_<id>, from tcg/vec.def).
#pragma once
#include <stdint.h>
#include "tcg/vec.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define VEC_BIG_ENDIAN 1
#else
#define VEC_BIG_ENDIAN 0
#endif
// Lane i of v; d[0] holds the low 64 bits in the host's own order.
#define LANE8(v, i) ((v).b[(i) ^ (VEC_BIG_ENDIAN ? 7 : 0)])
#define LANE16(v, i) ((v).h[(i) ^ (VEC_BIG_ENDIAN ? 3 : 0)])
#define LANE32(v, i) ((v).w[(i) ^ (VEC_BIG_ENDIAN ? 1 : 0)])
#define LANE64(v, i) ((v).d[i])

// Where VTOG's vector operand is: its first.
#define VEC_TOG_SOURCE(a) ((a)->d)

#define VEC(id, name, form, prefix, map, opcode, rexw, has_imm, is_float, swap, opext) void vec_##id(struct vec_args *a);
#include "tcg/vec.def"
#undef VEC
