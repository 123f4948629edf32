// SPDX-License-Identifier: MIT
//
// Shared by the passes over the IR.
#pragma once
#include "tcg/ir.h"

// Does op keep part of its first result's old value (8- and 16-bit results, PUTHI, MOVCC)?
static inline bool ir_reads_result(const struct ir_op *op)
{
    if (op->opcode == IR_PUTHI || op->opcode == IR_MOVCC)
        return true;
    return op->size < 2 && op->opcode <= IR_POPCNT && op->opcode != IR_GETHI;
}
static inline unsigned ir_arg_count(const struct ir_op *op) { return (unsigned)op->defs + op->uses; }
static inline bool ir_is_temp(const struct ir_block *block, ir_var v)
{
    return v != IR_NONE && (block->vars[v].kind == IR_TEMP || block->vars[v].kind == IR_VTEMP);
}
static inline bool ir_is_vop(const struct ir_op *op) { return op->opcode >= IR_VOP && op->opcode <= IR_VCMPG; }
// Does op have a flag recipe? (kind, size, three variables from ir_recipe_arg on)
static inline bool ir_has_recipe(const struct ir_op *op)
{
    return (op->opcode >= IR_SETCC && op->opcode <= IR_SAVECC) || op->opcode == IR_BRCC || op->opcode == IR_EXIT;
}
// Does control never reach the op after this one?
static inline bool ir_is_end(const struct ir_block *block, const struct ir_op *op)
{
    if (op->opcode == IR_CALL)
        return block->target->helpers[op->helper].flags & HELPER_NORETURN;
    return op->opcode == IR_BR || ir_opcode_flags(op->opcode) & IRF_E;
}
// As the table has them (ir.c).
unsigned ir_opcode_defs(enum ir_opcode opcode);
unsigned ir_opcode_uses(enum ir_opcode opcode);
// Names of cc_kind and of x86 conditions, for the text form (dump.c).
const char *ir_kind_name(unsigned kind);
const char *ir_condition_name(unsigned cond);
// Removes pure ops whose results nobody needs, in one backward walk (liveness.c).
void ir_drop_dead(struct ir_block *block);
