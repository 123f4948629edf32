// SPDX-License-Identifier: MIT
//
// Where the flags are: t->cc is a recipe over globals, temps and constants. Nothing is computed until somebody looks.
//
// A recipe may name globals that the instruction left its values in. Before such a global is overwritten while the flags
// are still needed, gen_protect keeps a copy in a temp. At a place that can leave, the side table can only name globals,
// constants and the slots head.cc_a.. : gen_site stores temps there first.
#include <stddef.h>
#include "target/i386/gen_int.h"

void gen_set_cc(struct translator *t, enum cc_kind kind, unsigned size, ir_var a, ir_var b, ir_var c)
{
    t->cc_saved = 0;
    if (!(t->needed & F_ARITH)) // nobody looks before the next ones
        t->cc = (struct recipe){ CC_ENV, 0, IR_NONE, IR_NONE, IR_NONE };
    else
        t->cc = (struct recipe){ (uint8_t)kind, (uint8_t)size, a, b, c };
}

static void copy_operand(struct translator *t, ir_var *v, ir_var global)
{
    if (*v != global)
        return;
    ir_var copy = ir_temp(t->ir);
    ir_2(t->ir, IR_MOV, 3, copy, global);
    *v = copy;
}

void gen_protect(struct translator *t, ir_var global)
{
    const struct opcode_row *row = t->insns[t->current].row;
    uint16_t killed = row->flags & ROW_CCMERGE ? 0 : row->writes;
    if (t->cc.kind == CC_ENV || !(t->needed & ~killed))
        return;
    copy_operand(t, &t->cc.a, global);
    copy_operand(t, &t->cc.b, global);
    copy_operand(t, &t->cc.c, global);
}

static ir_var site_operand(struct translator *t, ir_var v, unsigned bit, int64_t slot, uint8_t *slots)
{
    if (v == IR_NONE || t->ir->vars[v].kind == IR_GLOBAL || t->ir->vars[v].kind == IR_CONST)
        return v;
    if (!(t->cc_saved >> bit & 1)) {
        gen_store_env(t, 3, slot, v);
        t->cc_saved |= (uint8_t)(1u << bit);
    }
    *slots |= (uint8_t)(1u << bit);
    return IR_NONE;
}

uint16_t gen_site(struct translator *t)
{
    if (t->site_made)
        return t->site;
    const struct insn *in = &t->insns[t->current];
    struct ir_site site = { .rip = in->rip, .insn = (uint16_t)t->current, .kind = t->cc.kind, .size = t->cc.size };
    site.a = site_operand(t, t->cc.a, 0, offsetof(struct vcpu_head, cc_a), &site.cc_slot);
    site.b = site_operand(t, t->cc.b, 1, offsetof(struct vcpu_head, cc_b), &site.cc_slot);
    site.c = site_operand(t, t->cc.c, 2, offsetof(struct vcpu_head, cc_c), &site.cc_slot);
    t->site = ir_site(t->ir, &site);
    t->site_made = true;
    return t->site;
}

static void fill_recipe(struct ir_op *op, unsigned first, const struct recipe *cc)
{
    op->kind = cc->kind;
    op->size = cc->size;
    op->arg[first] = cc->a;
    op->arg[first + 1] = cc->b;
    op->arg[first + 2] = cc->c;
}

ir_var gen_get_eflags_arith(struct translator *t)
{
    ir_var result = ir_temp(t->ir);
    struct ir_op *op = ir_append(t->ir, IR_GETCC, 3);
    op->arg[0] = result;
    fill_recipe(op, 1, &t->cc);
    return result;
}

ir_var gen_condition_value(struct translator *t, unsigned cond)
{
    ir_var result = ir_temp(t->ir);
    struct ir_op *op = ir_append(t->ir, IR_SETCC, 3);
    op->arg[0] = result;
    fill_recipe(op, 1, &t->cc);
    op->cond = (uint8_t)cond;
    return result;
}

static void save(struct translator *t)
{
    if (t->cc.kind != CC_ENV)
        fill_recipe(ir_append(t->ir, IR_SAVECC, 3), 0, &t->cc);
}

void gen_save_cc(struct translator *t)
{
    if (t->cc.kind == CC_ENV)
        return;
    save(t);
    gen_cc_from_env(t);
}

void gen_cc_from_env(struct translator *t)
{
    t->cc = (struct recipe){ CC_ENV, 0, IR_NONE, IR_NONE, IR_NONE };
    t->cc_saved = 0;
    t->site_made = false; // a site of this instruction must say so
}

void gen_branch(struct translator *t, const struct recipe *cc, unsigned cond, unsigned label)
{
    struct ir_op *op = ir_append(t->ir, IR_BRCC, 3);
    fill_recipe(op, 0, cc);
    op->cond = (uint8_t)cond;
    op->imm = label;
}

void gen_move_if(struct translator *t, const struct recipe *cc, unsigned cond, unsigned size, ir_var d, ir_var s)
{
    struct ir_op *op = ir_append(t->ir, IR_MOVCC, 3);
    op->arg[0] = d;
    fill_recipe(op, 1, cc);
    op->arg[4] = s;
    op->cond = (uint8_t)cond;
    op->size2 = (uint8_t)size;
}

void gen_label(struct translator *t, unsigned label)
{
    ir_append(t->ir, IR_LABEL, 0)->imm = label;
}

// ---- leaving the block. The recipe stays for the other branch.

static void exit_op(struct translator *t, uint64_t rip)
{
    struct ir_block *ir = t->ir;
    if (ir->edge_count == IR_MAX_EDGES) {
        ir->overflow = true;
        return;
    }
    bool cross = (rip ^ ir->rip) >> 12 != 0;
    ir->edges[ir->edge_count] = (struct ir_edge){ rip, (uint32_t)t->flags_id, cross };
    struct ir_op *op = ir_append(ir, IR_EXIT, 3);
    fill_recipe(op, 0, &t->cc);
    op->edge = (uint8_t)ir->edge_count++;
    op->imm = (int64_t)rip;
}

static void leave_op(struct translator *t, unsigned reason, uint64_t rip, bool stored)
{
    save(t);
    struct ir_op *op = ir_append(t->ir, IR_LEAVE, 3);
    op->edge = (uint8_t)reason;
    op->imm = (int64_t)rip;
    op->scale = stored;
    t->ended = true;
}

// The instruction is complete: under TF a trap follows it (debug.c).
static void single_step(struct translator *t)
{
    if (!(t->flags & BF_TF))
        return;
    ir_var trap = gen_load_env(t, 1, offsetof(struct vcpu_head, trap));
    ir_3(t->ir, IR_OR, 3, trap, trap, gen_const(t, TRAP_STEP));
    gen_store_env(t, 1, offsetof(struct vcpu_head, trap), trap);
}

void gen_exit_loop(struct translator *t, uint64_t rip)
{
    single_step(t);
    leave_op(t, EXIT_LOOP, rip, false);
}
void gen_exit_loop_stored(struct translator *t)
{
    single_step(t);
    leave_op(t, EXIT_LOOP, 0, true);
}
void gen_exit_halt(struct translator *t, uint64_t rip)
{
    single_step(t);
    leave_op(t, EXIT_HALT, rip, false);
}
// No trap: after a load of SS, and where a helper has decided.
void gen_exit_untrapped(struct translator *t, uint64_t rip, bool stored) { leave_op(t, EXIT_LOOP, rip, stored); }

// The loop finds no trap, interrupt or stop to serve when a helper says so: then generated code goes on where it pointed to.
void gen_resume(struct translator *t, bool traps)
{
    if (t->flags & (BF_ONE_INSN | BF_TF | BF_INHIBIT | BF_BREAKPOINT)) {
        if (traps)
            single_step(t);
        leave_op(t, EXIT_LOOP, 0, true);
        return;
    }
    save(t);
    ir_append(t->ir, IR_RESUME, 3);
    t->ended = true;
}

void gen_exit_to(struct translator *t, uint64_t rip)
{
    t->ended = true;
    if (t->flags & (BF_ONE_INSN | BF_INHIBIT | BF_TF | BF_BREAKPOINT))
        gen_exit_loop(t, rip);
    else
        exit_op(t, rip);
}

void gen_exit_indirect(struct translator *t, ir_var rip)
{
    if (t->flags & (BF_ONE_INSN | BF_TF | BF_INHIBIT | BF_BREAKPOINT | BF_CS_BASE)) {
        gen_store_env(t, 3, offsetof(struct vcpu_head, rip), rip);
        gen_exit_loop_stored(t);
        return;
    }
    save(t);
    uint16_t site = gen_site(t);
    struct ir_op *op = ir_append(t->ir, IR_JUMP, 3);
    op->arg[0] = rip;
    op->imm = (int64_t)t->flags_id;
    op->site = site;
    t->ended = true;
}
