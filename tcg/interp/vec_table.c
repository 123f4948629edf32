// SPDX-License-Identifier: MIT
//
// The interpreter's function of each row of tcg/vec.def.
#include "tcg/interp/vec_interp.h"

const vec_fn vec_interp[] = {
#define VEC(id, name, form, prefix, map, opcode, rexw, has_imm, is_float, swap, opext) vec_##id,
#include "tcg/vec.def"
#undef VEC
};
