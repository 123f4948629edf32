// SPDX-License-Identifier: MIT
//
// The opcode tables, made from opcodes_int.def, opcodes_sse.def and opcodes_x87.def:
//   ROW(map, prefix, opcode, reg, name, gen, op0, op1, op2, flags, reads, writes, feature, arg)
// Three readings of the same lines: the rows, where each is found, and a switch from the key to the row's number (two rows
// with one key do not compile). Rows of features that no model offers are as if they were not there, so that for
// example REP BSF stays BSF without BMI1.
#include "target/i386/cpuid.h"
#include "target/i386/gen_fp.h"
#include "target/i386/gen_int.h"
#include "target/i386/helpers_fp.h"
#include "tcg/vec.h"

#define X87_FLAGS (ROW_FPU | ROW_LEAVES)
#define X87_MEM(opcode, digit, name, gen, operand, reads, writes, arg) \
    ROW(4, 0, opcode, digit, name, gen, operand, O_NONE, O_NONE, X87_FLAGS, reads, writes, FEAT_NONE, arg)
#define X87_REG(opcode, digit, name, gen, reads, writes, arg) \
    ROW(4, 0, opcode, MOD3(digit), name, gen, O_NONE, O_NONE, O_NONE, X87_FLAGS, reads, writes, FEAT_NONE, arg)
#define X87_ONE(opcode, modrm, name, gen, reads, writes, arg) \
    ROW(4, 0, opcode, modrm, name, gen, O_NONE, O_NONE, O_NONE, X87_FLAGS, reads, writes, FEAT_NONE, arg)

#define ROW(map, prefix, opcode, reg, name, gen, op0, op1, op2, flags, reads, writes, feature, arg) \
    { name, gen, { op0, op1, op2, O_NONE }, flags, reads, writes, feature, arg },
static const struct opcode_row rows[] = {
#include "target/i386/opcodes_int.def"
#include "target/i386/opcodes_sse.def"
#include "target/i386/opcodes_x87.def"
};
#undef ROW

enum { SLOT_BASE = __COUNTER__ + 1 };
#define ROW(map, prefix, opcode, reg, name, gen, op0, op1, op2, flags, reads, writes, feature, arg) \
    { map, opcode, prefix, reg, &rows[__COUNTER__ - SLOT_BASE] },
static const struct table_slot slots[] = {
#include "target/i386/opcodes_int.def"
#include "target/i386/opcodes_sse.def"
#include "target/i386/opcodes_x87.def"
};
#undef ROW

static const bool offered_features[FEAT__COUNT] = {
    [FEAT_NONE] = true,
#define FEATURE(id, name, leaf, reg, bit, offered) [FEAT_##id] = offered,
#include "target/i386/features.def"
#undef FEATURE
};

#define PREFIX_CODE(prefix) ((prefix) == 0x66 ? 1u : (prefix) == 0xf3 ? 2u : (prefix) == 0xf2 ? 3u : 0u)
#define KEY(map, prefix, opcode, reg) ((unsigned)(map) << 18 | PREFIX_CODE(prefix) << 16 | (unsigned)(opcode) << 8 | (unsigned)(reg))

enum { CASE_BASE = __COUNTER__ + 1 };
static int find(unsigned key)
{
    switch (key) {
#define ROW(map, prefix, opcode, reg, name, gen, op0, op1, op2, flags, reads, writes, feature, arg) \
    case KEY(map, prefix, opcode, reg):                                                             \
        return offered_features[feature] ? __COUNTER__ - CASE_BASE : -1;
#include "target/i386/opcodes_int.def"
#include "target/i386/opcodes_sse.def"
#include "target/i386/opcodes_x87.def"
#undef ROW
    default:
        return -1;
    }
}

static int find_prefixed(unsigned map, unsigned prefix, unsigned opcode, unsigned modrm)
{
    unsigned digit = modrm >> 3 & 7;
    int row = map == 4 ? -1 : find(KEY(map, prefix, opcode, ANY));
    if (row < 0 && modrm >= 0xc0)
        row = find(KEY(map, prefix, opcode, modrm));
    if (row < 0 && modrm >= 0xc0)
        row = find(KEY(map, prefix, opcode, MOD3(digit)));
    if (row < 0 && !(map == 4 && modrm >= 0xc0))
        row = find(KEY(map, prefix, opcode, digit));
    return row;
}

const struct table_slot *opcode_find(unsigned map, unsigned prefix, unsigned opcode, unsigned modrm)
{
    int row = find_prefixed(map, prefix, opcode, modrm);
    if (row < 0 && prefix) {
        row = find_prefixed(map, 0, opcode, modrm);
        // A vector instruction without its mandatory prefix is another one, or none.
        if (row >= 0 && rows[row].flags & (ROW_SSE | ROW_MMX) && map != 4)
            return NULL;
    }
    return row < 0 ? NULL : &slots[row];
}

size_t opcode_table_walk(void (*visit)(void *opaque, const struct table_slot *slot), void *opaque)
{
    size_t count = sizeof slots / sizeof slots[0];
    for (size_t i = 0; i < count; i++)
        visit(opaque, &slots[i]);
    return count;
}

const struct opcode_row opcode_undefined = { .name = "(bad)", .gen = gen_undefined, .flags = ROW_ENDS | ROW_LEAVES };
