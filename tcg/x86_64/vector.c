// SPDX-License-Identifier: MIT
//
// Vector ops: one legacy SSE instruction each, by the rows of tcg/vec.def.
//
// Memory operands of legacy SSE must be aligned, so values outside registers are loaded first (xmm14, xmm15).
#include "tcg/x86_64/emitter.h"
#include "tcg/vec.h"

static uint32_t row_opcode(const struct vec_row *row)
{
    uint32_t op = row->opcode | (uint32_t)row->map << 8 | (row->rexw ? X_W : 0u);
    return op | (row->prefix == 0x66 ? X_66 : row->prefix == 0xf2 ? X_F2 : row->prefix == 0xf3 ? X_F3 : 0u);
}

static void row_emit(struct x86_state *e, const struct ir_op *op, const struct vec_row *row, unsigned reg, struct operand rm)
{
    x_rm(&e->a, row_opcode(row), reg, rm);
    if (row->has_imm)
        x_byte(&e->a, (unsigned)op->imm);
}

static void move(struct x86_state *e, unsigned dst, unsigned src)
{
    if (dst != src)
        x_movaps(&e->a, dst, src);
}

static void emit_vmov(struct x86_state *e, const struct ir_op *op)
{
    ir_var d = op->arg[0];
    unsigned from = valloc_use(e, op->arg[1]);
    const struct ir_variable *v = &e->ir->vars[d];
    if (v->kind == IR_VGLOBAL && e->home[v->global] == NO_REG) {
        valloc_def_done(e, d, from);
        return;
    }
    unsigned reg = valloc_def(e, d, false);
    move(e, reg, from);
    valloc_def_done(e, d, reg);
}

// A copy of n's value, without a register of its own for it. IR_NONE: any value will do.
static void copy_to(struct x86_state *e, unsigned reg, ir_var n)
{
    if (n == IR_NONE)
        return;
    const struct ir_variable *v = &e->ir->vars[n];
    if (v->kind == IR_VGLOBAL && e->home[v->global] != NO_REG)
        move(e, reg, e->home[v->global]);
    else if (v->kind == IR_VTEMP && v->reg >= 0)
        move(e, reg, (unsigned)v->reg);
    else
        x_vload(&e->a, 4, reg, alloc_where(e, n));
}

static void emit_vop(struct x86_state *e, const struct ir_op *op)
{
    const struct vec_row *row = &vec_rows[op->helper];
    ir_var d = op->arg[0], a = op->arg[1], b = op->arg[2];
    if (row->opext != 0xff) { // shift of the destination by an immediate
        unsigned from = a == d ? NO_REG : valloc_use(e, a);
        unsigned reg = valloc_def(e, d, a == d);
        if (from != NO_REG)
            move(e, reg, from);
        row_emit(e, op, row, row->opext, opnd_reg(reg));
        valloc_def_done(e, d, reg);
        return;
    }
    unsigned source = valloc_use(e, b);
    if (a == d) {
        unsigned reg = valloc_def(e, d, true);
        row_emit(e, op, row, reg, opnd_reg(source));
        valloc_def_done(e, d, reg);
        return;
    }
    if (b == d) { // the copy of arg1 must not cover arg2: aside, then over
        unsigned aside = valloc_scratch(e);
        copy_to(e, aside, a);
        row_emit(e, op, row, aside, opnd_reg(source));
        const struct ir_variable *w = &e->ir->vars[d];
        if (w->kind == IR_VGLOBAL && e->home[w->global] == NO_REG) {
            valloc_def_done(e, d, aside);
        } else {
            unsigned reg = valloc_def(e, d, true); // still in `source`: no load
            move(e, reg, aside);
            valloc_def_done(e, d, reg);
        }
        return;
    }
    unsigned reg = valloc_def(e, d, false);
    copy_to(e, reg, a);
    row_emit(e, op, row, reg, opnd_reg(source));
    valloc_def_done(e, d, reg);
}

static void emit_vfromg(struct x86_state *e, const struct ir_op *op)
{
    const struct vec_row *row = &vec_rows[op->helper];
    ir_var d = op->arg[0], a = op->arg[1];
    unsigned g = alloc_use_reg(e, op->arg[2], row->rexw ? 3 : 2);
    unsigned from = a == d || a == IR_NONE ? NO_REG : valloc_use(e, a);
    unsigned reg = valloc_def(e, d, a == d);
    if (from != NO_REG)
        move(e, reg, from);
    row_emit(e, op, row, reg, opnd_reg(g));
    valloc_def_done(e, d, reg);
}

static void emit_vtog(struct x86_state *e, const struct ir_op *op)
{
    const struct vec_row *row = &vec_rows[op->helper];
    ir_var d = op->arg[0];
    unsigned from = valloc_use(e, op->arg[1]);
    unsigned reg = alloc_def(e, d, false);
    if (row->swap)
        row_emit(e, op, row, from, opnd_reg(reg));
    else
        row_emit(e, op, row, reg, opnd_reg(from));
    alloc_def_done(e, d, 3, reg);
}

// The flags are left in the host's, too. LAHF's bit 1 is always set and bits 3 to 5 are clear here.
static void emit_vcmpg(struct x86_state *e, const struct ir_op *op)
{
    const struct vec_row *row = &vec_rows[op->helper];
    ir_var d = op->arg[0];
    unsigned a = valloc_use(e, op->arg[1]), b = valloc_use(e, op->arg[2]);
    alloc_take(e, RAX);
    unsigned scratch = alloc_scratch(e);
    row_emit(e, op, row, a, opnd_reg(b));
    x_byte(&e->a, 0x9f); // lahf
    x_byte(&e->a, 0x0f); // movzx scratch, ah
    x_byte(&e->a, 0xb6);
    x_byte(&e->a, 0xc0 | scratch << 3 | 4);
    x_lea(&e->a, 3, scratch, opnd_mem(scratch, -2));
    alloc_bind(e, d, scratch);
    flags_set(e, HF_EFLAGS, 3, d, IR_NONE, IR_NONE, IR_NONE);
}

static void emit_venv(struct x86_state *e, const struct ir_op *op)
{
    struct operand m = cpu_mem((size_t)op->imm);
    if (op->opcode == IR_VSTENV) {
        x_vstore(&e->a, op->size, m, valloc_use(e, op->arg[0]));
        return;
    }
    unsigned reg = valloc_def(e, op->arg[0], false);
    x_vload(&e->a, op->size, reg, m);
    valloc_def_done(e, op->arg[0], reg);
}

static void mxcsr_op(struct x86_state *e, unsigned digit)
{
    x_rm(&e->a, 0xae | X_0F, digit, frame_mem(FRAME_MXCSR));
}

// The guest's masks are in the struct, the sticky flags in the host's register.
static void emit_getmxcsr(struct x86_state *e, const struct ir_op *op)
{
    unsigned flags = alloc_scratch(e);
    mxcsr_op(e, 3);
    x_load(&e->a, 2, flags, frame_mem(FRAME_MXCSR));
    x_alu_imm(&e->a, X_AND, 2, opnd_reg(flags), 0x3f);
    unsigned rest = alloc_scratch(e);
    x_load(&e->a, 2, rest, HEAD(mxcsr));
    x_alu_imm(&e->a, X_AND, 2, opnd_reg(rest), ~0x3f);
    x_alu(&e->a, X_OR, 2, flags, opnd_reg(rest));
    flags_kill(e);
    alloc_bind(e, op->arg[0], flags);
}

static void emit_setmxcsr(struct x86_state *e, const struct ir_op *op)
{
    unsigned t = alloc_scratch(e);
    alloc_move(e, 2, t, alloc_where(e, op->arg[0]));
    x_store(&e->a, 2, HEAD(mxcsr), t);
    x_alu_imm(&e->a, X_OR, 2, opnd_reg(t), 0x1f80);
    x_store(&e->a, 2, frame_mem(FRAME_MXCSR), t);
    mxcsr_op(e, 2);
    flags_kill(e);
}

void vector_emit(struct x86_state *e, const struct ir_op *op)
{
    switch ((enum ir_opcode)op->opcode) {
    case IR_VMOV: emit_vmov(e, op); break;
    case IR_VLDENV: case IR_VSTENV: emit_venv(e, op); break;
    case IR_VOP: emit_vop(e, op); break;
    case IR_VFROMG: emit_vfromg(e, op); break;
    case IR_VTOG: emit_vtog(e, op); break;
    case IR_VCMPG: emit_vcmpg(e, op); break;
    case IR_GETMXCSR: emit_getmxcsr(e, op); break;
    case IR_SETMXCSR: emit_setmxcsr(e, op); break;
    default: e->failed = true; break;
    }
}
