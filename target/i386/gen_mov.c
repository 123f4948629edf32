// SPDX-License-Identifier: MIT
//
// Moves, extensions, exchanges, the stack.
#include <stddef.h>
#include "target/i386/gen_int.h"

void gen_nothing(struct translator *t, const struct insn *in)
{
}

void gen_mov(struct translator *t, const struct insn *in)
{
    const struct operand *d = &in->op[0], *s = &in->op[1];
    if (d->kind == OPK_REG && s->kind == OPK_MEM && d->size >= 2) {
        struct gen_mem m = gen_address(t, in);
        gen_protect(t, gen_reg(d->reg));
        gen_load_to(t, gen_reg(d->reg), &m, d->size, 0);
        return;
    }
    gen_write(t, in, 0, gen_read(t, in, 1));
}

void gen_lea(struct translator *t, const struct insn *in)
{
    unsigned size = in->op[0].size;
    ir_var d = gen_reg(in->op[0].reg);
    if (in->addrsize == size && size >= 2) {
        gen_protect(t, d);
        struct ir_op *op = ir_append(t->ir, IR_LEA, size);
        op->arg[0] = d;
        op->scale = in->scale;
        op->imm = in->disp;
        ir_var base = in->base < 0 ? gen_const(t, 0) : gen_reg((unsigned)in->base);
        ir_var index = in->index < 0 ? gen_const(t, 0) : gen_reg((unsigned)in->index);
        op = &t->ir->ops[t->ir->op_count - 1];
        op->arg[1] = base;
        op->arg[2] = index;
        return;
    }
    gen_write(t, in, 0, gen_ea(t, in));
}

static void extend(struct translator *t, const struct insn *in, bool is_signed)
{
    static const uint8_t opcode[2][3] = { { IR_ZX8, IR_ZX16, IR_ZX32 }, { IR_SX8, IR_SX16, IR_SX32 } };
    const struct operand *d = &in->op[0], *s = &in->op[1];
    ir_var g = gen_reg(d->reg);
    if (s->kind == OPK_MEM && d->size >= 2) {
        struct gen_mem m = gen_address(t, in);
        gen_protect(t, g);
        gen_load_to(t, g, &m, s->size, !is_signed ? 0 : d->size == 3 ? 1 : 2);
        return;
    }
    ir_var v = gen_read(t, in, 1);
    gen_protect(t, g);
    ir_2(t->ir, opcode[is_signed][s->size], d->size, g, v);
}

void gen_movzx(struct translator *t, const struct insn *in)
{
    extend(t, in, false);
}

void gen_movsx(struct translator *t, const struct insn *in)
{
    extend(t, in, true);
}

void gen_movsxd(struct translator *t, const struct insn *in)
{
    if (!long64(t)) { // ARPL
        gen_raise(t, VEC_UD, false, 0);
        return;
    }
    if (in->op[0].size == 3) {
        extend(t, in, true);
        return;
    }
    struct insn copy = *in;
    copy.op[1].size = copy.op[0].size; // without REX.W a plain move
    gen_write(t, &copy, 0, gen_read(t, &copy, 1));
}

void gen_xchg(struct translator *t, const struct insn *in)
{
    const struct operand *d = &in->op[0];
    if (d->kind == OPK_MEM) {
        struct gen_mem m = gen_address(t, in);
        ir_var value = gen_read(t, in, 1), token, old = gen_rmw(t, &m, d->size, &token);
        gen_rmw_store(t, &m, d->size, token, value);
        gen_write(t, in, 1, old);
        return;
    }
    ir_var a = ir_temp(t->ir), b = ir_temp(t->ir);
    ir_2(t->ir, IR_MOV, 3, a, gen_read(t, in, 0));
    ir_2(t->ir, IR_MOV, 3, b, gen_read(t, in, 1));
    gen_write(t, in, 0, b);
    gen_write(t, in, 1, a);
}

void gen_nop_or_xchg(struct translator *t, const struct insn *in)
{
    if (in->op[0].reg) // REX.B: xchg r8, rax
        gen_xchg(t, in);
}

void gen_cbw(struct translator *t, const struct insn *in)
{
    ir_var rax = gen_reg(R_RAX);
    gen_protect(t, rax);
    enum ir_opcode opcode = in->opsize == 1 ? IR_SX8 : in->opsize == 2 ? IR_SX16 : IR_SX32;
    ir_2(t->ir, opcode, in->opsize, rax, rax);
}

void gen_cwd(struct translator *t, const struct insn *in)
{
    ir_var sign = ir_temp(t->ir), rax = gen_reg(R_RAX);
    if (in->opsize == 1)
        ir_2(t->ir, IR_SX16, 3, sign, rax);
    else if (in->opsize == 2)
        ir_2(t->ir, IR_SX32, 3, sign, rax);
    else
        ir_2(t->ir, IR_MOV, 3, sign, rax);
    ir_3(t->ir, IR_SAR, 3, sign, sign, gen_const(t, 63));
    gen_write_reg(t, R_RDX, in->opsize, sign);
}

void gen_bswap(struct translator *t, const struct insn *in)
{
    ir_var d = gen_reg(in->op[0].reg);
    gen_protect(t, d);
    if (in->opsize == 1) // undefined: zero, as hardware does
        ir_2(t->ir, IR_MOV, 1, d, gen_const(t, 0));
    else
        ir_2(t->ir, IR_BSWAP, in->opsize, d, d);
}

static ir_var swapped(struct translator *t, unsigned size, ir_var v)
{
    ir_var r = ir_temp(t->ir);
    if (size > 1) {
        ir_2(t->ir, IR_BSWAP, size, r, v);
        return r;
    }
    ir_2(t->ir, IR_ZX16, 3, r, v);
    ir_3(t->ir, IR_ROL, 1, r, r, gen_const(t, 8));
    return r;
}

void gen_movbe(struct translator *t, const struct insn *in)
{
    unsigned memory = in->row->arg ? 0 : 1, size = in->opsize;
    struct gen_mem m = gen_address(t, in);
    if (memory)
        gen_write_reg(t, in->op[0].reg, size, swapped(t, size, gen_load(t, &m, size, 0)));
    else
        gen_store(t, &m, size, swapped(t, size, gen_reg(in->op[1].reg)));
}

void gen_xlat(struct translator *t, const struct insn *in)
{
    ir_var low = ir_temp(t->ir);
    ir_2(t->ir, IR_ZX8, 3, low, gen_reg(R_RAX));
    ir_var at = gen_lea_op(t, in->addrsize == 3 ? 3 : 2, gen_reg(R_RBX), low, 0, 0);
    if (in->addrsize == 1)
        ir_2(t->ir, IR_ZX16, 3, at, at);
    struct gen_mem m = gen_mem_at(t, in->segment, at);
    gen_write_reg(t, R_RAX, 0, gen_load(t, &m, 0, 0));
}

void gen_clflush(struct translator *t, const struct insn *in)
{
    struct gen_mem m = gen_address(t, in); // faults like a load of one byte
    gen_load(t, &m, 0, 0);
}

// ---- stack

static unsigned stack_width(const struct translator *t) // log2 bytes of the stack pointer
{
    return long64(t) ? 3 : t->flags & BF_SS_DB ? 2 : 1;
}

struct gen_mem gen_stack_at(struct translator *t, int64_t offset)
{
    unsigned width = stack_width(t);
    ir_var rsp = gen_reg(R_RSP);
    if (width == 3)
        return (struct gen_mem){ .base = rsp, .index = gen_const(t, 0), .disp = offset };
    ir_var at = gen_lea_op(t, 2, rsp, gen_const(t, 0), 0, offset);
    if (width == 1)
        ir_2(t->ir, IR_ZX16, 3, at, at);
    return gen_mem_at(t, SEG_SS, at);
}

void gen_stack_adjust(struct translator *t, int64_t delta)
{
    unsigned width = stack_width(t);
    ir_var rsp = gen_reg(R_RSP);
    gen_protect(t, rsp);
    if (width == 1) {
        ir_3(t->ir, IR_ADD, 1, rsp, rsp, gen_const(t, delta));
        return;
    }
    ir_var zero = gen_const(t, 0);
    struct ir_op *op = ir_append(t->ir, IR_LEA, width);
    op->arg[0] = op->arg[1] = rsp;
    op->arg[2] = zero;
    op->imm = delta;
}

void gen_push_value(struct translator *t, unsigned size, ir_var value)
{
    struct gen_mem m = gen_stack_at(t, -(1ll << size));
    gen_store(t, &m, size, value);
    gen_stack_adjust(t, -(1ll << size));
}

void gen_push(struct translator *t, const struct insn *in)
{
    unsigned size = in->opsize;
    ir_var value = gen_read(t, in, 0); // PUSH rSP pushes the old value
    gen_push_value(t, size, value);
}

void gen_pop(struct translator *t, const struct insn *in)
{
    unsigned size = in->opsize;
    struct gen_mem m = gen_stack_at(t, 0);
    if (in->op[0].kind == OPK_REG) {
        if (size >= 2 && in->op[0].reg != R_RSP) {
            gen_protect(t, gen_reg(in->op[0].reg));
            gen_load_to(t, gen_reg(in->op[0].reg), &m, size, 0);
            gen_stack_adjust(t, 1ll << size);
            return;
        }
        ir_var value = gen_load(t, &m, size, 0);
        gen_stack_adjust(t, 1ll << size);
        gen_write_reg(t, in->op[0].reg, size, value);
        return;
    }
    ir_var value = gen_load(t, &m, size, 0);
    struct insn moved = *in;
    if (in->base == R_RSP) // the address is computed with the incremented RSP
        moved.disp += 1ll << size;
    struct gen_mem d = gen_address(t, &moved);
    gen_store(t, &d, size, value);
    gen_stack_adjust(t, 1ll << size);
}

void gen_leave(struct translator *t, const struct insn *in)
{
    unsigned width = stack_width(t), size = in->opsize;
    ir_var rbp = gen_reg(R_RBP), old = ir_temp(t->ir);
    struct gen_mem m = { .base = rbp, .index = gen_const(t, 0) };
    if (width == 1)
        ir_2(t->ir, IR_ZX16, 3, old, rbp);
    else
        ir_2(t->ir, IR_MOV, 3, old, rbp);
    if (width != 3)
        m = gen_mem_at(t, SEG_SS, old);
    ir_var value = gen_load(t, &m, size, 0);
    gen_protect(t, gen_reg(R_RSP));
    ir_2(t->ir, IR_MOV, width, gen_reg(R_RSP), old);
    gen_stack_adjust(t, 1ll << size);
    gen_write_reg(t, R_RBP, size, value);
}

void gen_enter(struct translator *t, const struct insn *in)
{
    gen_call(t, H_enter, IR_NONE, 3, gen_const(t, in->op[0].imm), gen_const(t, in->op[1].imm), gen_const(t, in->opsize));
}

void gen_pusha(struct translator *t, const struct insn *in)
{
    gen_call(t, in->row->arg ? H_popa : H_pusha, IR_NONE, 1, gen_const(t, in->opsize));
}

void gen_pushf(struct translator *t, const struct insn *in)
{
    unsigned size = in->opsize;
    ir_var flags = gen_get_eflags_arith(t), others = gen_load_env(t, 3, offsetof(struct x86_cpu, eflags));
    ir_3(t->ir, IR_OR, 3, flags, flags, others);
    ir_3(t->ir, IR_AND, 3, flags, flags, gen_const(t, ~(int64_t)(F_VM | F_RF)));
    gen_push_value(t, size, flags);
}

void gen_popf(struct translator *t, const struct insn *in)
{
    unsigned size = in->opsize;
    struct gen_mem m = gen_stack_at(t, 0);
    ir_var value = gen_load(t, &m, size, 0), changed = ir_temp(t->ir);
    gen_call(t, H_popf, changed, 3, value, gen_const(t, size), gen_const(t, 1ll << size));
    gen_cc_from_env(t);
    unsigned label = ir_label(t->ir);
    struct recipe test = { CC_LOGIC, 3, changed, IR_NONE, IR_NONE };
    gen_branch(t, &test, 5, label);
    gen_exit_to(t, in->next_rip);
    gen_label(t, label);
    gen_exit_loop(t, in->next_rip);
}
