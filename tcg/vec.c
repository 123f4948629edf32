// SPDX-License-Identifier: MIT
//
// The rows of tcg/vec.def as a table: how a host's SSE encodes each vector operation.
#include "tcg/vec.h"

const struct vec_row vec_rows[] = {
#define VEC(id, name, form, prefix, map, opcode, rexw, has_imm, is_float, swap, opext) \
    {name, form, prefix, map, opcode, rexw, has_imm, is_float, swap, opext},
#include "tcg/vec.def"
#undef VEC
};
const unsigned vec_row_count = sizeof vec_rows / sizeof vec_rows[0];
