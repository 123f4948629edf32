// SPDX-License-Identifier: MIT
//
// Liveness of temps, one backward walk; and the same walk dropping what nobody needs.
//
// Branches inside a block go forward (ir_verify), so the set at a label is known when a branch to it is met; a label
// that is not known (text that was not verified, more than MAX_LABELS) needs everything. Globals are always live.
#include <string.h>
#include "tcg/internal.h"
#include "tcg/vec.h"

#define WORDS (IR_MAX_VARS / 64)
#define MAX_LABELS 16

struct live { uint64_t bits[WORDS]; };
struct walk {
    struct ir_block *block;
    unsigned words;
    struct live now, labels[MAX_LABELS];
    uint64_t seen;
};

static bool live_get(const struct live *l, ir_var v) { return l->bits[v >> 6] >> (v & 63) & 1; }
static void live_set(struct live *l, ir_var v) { l->bits[v >> 6] |= 1ull << (v & 63); }
static void live_clear(struct live *l, ir_var v) { l->bits[v >> 6] &= ~(1ull << (v & 63)); }

static void walk_control(struct walk *w, const struct ir_op *op)
{
    if (ir_is_end(w->block, op))
        memset(w->now.bits, 0, w->words * 8);
    if (op->opcode == IR_LABEL && op->imm < MAX_LABELS) {
        memcpy(w->labels[op->imm].bits, w->now.bits, w->words * 8);
        w->seen |= 1ull << op->imm;
    } else if (op->opcode == IR_BR || op->opcode == IR_BRCC) {
        bool known = op->imm < MAX_LABELS && w->seen >> op->imm & 1;
        for (unsigned i = 0; i < w->words; i++)
            w->now.bits[i] |= known ? w->labels[op->imm].bits[i] : ~0ull;
    }
}

// Pure, all results dead: but a float op leaves its mark in MXCSR.
static bool removable(const struct walk *w, const struct ir_op *op)
{
    if (!(ir_opcode_flags(op->opcode) & IRF_P) || !op->defs)
        return false;
    if (ir_is_vop(op) && vec_rows[op->helper].is_float)
        return false;
    for (unsigned k = 0; k < op->defs; k++)
        if (!ir_is_temp(w->block, op->arg[k]) || live_get(&w->now, op->arg[k]))
            return false;
    return true;
}

static void walk_operands(struct walk *w, struct ir_op *op)
{
    op->dead = 0;
    for (unsigned k = 0; k < op->defs; k++) {
        ir_var v = op->arg[k];
        if (!ir_is_temp(w->block, v))
            continue;
        if (!live_get(&w->now, v))
            op->dead |= (uint8_t)(1u << k);
    }
    for (unsigned k = 0; k < op->defs; k++)
        if (ir_is_temp(w->block, op->arg[k]) && (k > 0 || !ir_reads_result(op)))
            live_clear(&w->now, op->arg[k]);
    for (unsigned k = ir_arg_count(op); k-- > op->defs;) {
        if (!ir_is_temp(w->block, op->arg[k]))
            continue;
        if (!live_get(&w->now, op->arg[k]))
            op->dead |= (uint8_t)(1u << k);
        live_set(&w->now, op->arg[k]);
    }
    if (ir_reads_result(op) && ir_is_temp(w->block, op->arg[0]))
        live_set(&w->now, op->arg[0]);
}

static void walk_start(struct walk *w, struct ir_block *block)
{
    w->block = block;
    w->words = (block->var_count + 63) / 64;
    w->seen = 0;
    memset(w->now.bits, 0, w->words * 8);
}

void ir_liveness(struct ir_block *block)
{
    struct walk w;
    walk_start(&w, block);
    for (unsigned i = block->op_count; i-- > 0;) {
        walk_control(&w, &block->ops[i]);
        walk_operands(&w, &block->ops[i]);
    }
}

void ir_drop_dead(struct ir_block *block)
{
    struct walk w;
    walk_start(&w, block);
    unsigned out = block->op_count;
    for (unsigned i = block->op_count; i-- > 0;) { // the survivors gather at the end
        struct ir_op *op = &block->ops[i];
        walk_control(&w, op);
        if (removable(&w, op))
            continue;
        walk_operands(&w, op);
        block->ops[--out] = *op;
    }
    block->op_count -= out;
    memmove(block->ops, block->ops + out, block->op_count * sizeof *block->ops);
}
