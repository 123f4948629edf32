// SPDX-License-Identifier: MIT
//
// Integer arithmetic and logic, conditions, exchanges with compare. Register forms become one IR op on the globals.
#include <stddef.h>
#include "target/i386/gen_int.h"

enum alu { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };
static const uint8_t alu_opcode[8] = { IR_ADD, IR_OR, IR_ADC, IR_SBB, IR_AND, IR_SUB, IR_XOR, IR_SUB };

static bool needs_flags(const struct translator *t) { return t->needed & F_ARITH; }

// A temp that holds what v holds now (v may be a global that is about to change).
static ir_var copy(struct translator *t, ir_var v)
{
    ir_var c = ir_temp(t->ir);
    ir_2(t->ir, IR_MOV, 3, c, v);
    return c;
}

// The flags of r = a op b.
static void set_alu_cc(struct translator *t, enum alu alu, unsigned size, ir_var r, ir_var b, ir_var carry)
{
    switch (alu) {
    case ALU_ADD: gen_set_cc(t, CC_ADD, size, r, b, IR_NONE); break;
    case ALU_SUB: gen_set_cc(t, CC_SUBR, size, r, b, IR_NONE); break;
    case ALU_ADC: gen_set_cc(t, CC_ADC, size, r, b, carry); break;
    case ALU_SBB: gen_set_cc(t, CC_SBB, size, r, b, carry); break;
    default: gen_set_cc(t, CC_LOGIC, size, r, IR_NONE, IR_NONE); break;
    }
}

static void alu_op(struct translator *t, enum alu alu, unsigned size, ir_var d, ir_var a, ir_var b, ir_var carry)
{
    if (alu == ALU_ADC || alu == ALU_SBB)
        ir_4(t->ir, alu_opcode[alu], size, d, a, b, carry);
    else
        ir_3(t->ir, alu_opcode[alu], size, d, a, b);
}

// Destination is a register that the IR knows as a global.
static void alu_register(struct translator *t, enum alu alu, const struct operand *o, ir_var b, ir_var carry)
{
    ir_var g = gen_reg(o->reg);
    unsigned size = o->size;
    if (b == g && (alu == ALU_XOR || alu == ALU_SUB)) {
        gen_protect(t, g);
        ir_2(t->ir, IR_MOV, size, g, gen_const(t, 0));
        gen_set_cc(t, CC_LOGIC, size, gen_const(t, 0), IR_NONE, IR_NONE);
        return;
    }
    if (b == g && needs_flags(t) && alu != ALU_AND && alu != ALU_OR)
        b = copy(t, b);
    gen_protect(t, g);
    alu_op(t, alu, size, g, g, b, carry);
    set_alu_cc(t, alu, size, g, b, carry);
}

void gen_alu(struct translator *t, const struct insn *in)
{
    enum alu alu = in->row->arg;
    const struct operand *o = &in->op[0];
    unsigned size = o->size;
    ir_var b = gen_read(t, in, 1), carry = IR_NONE;
    if (alu == ALU_CMP) {
        ir_var a = gen_read(t, in, 0);
        gen_set_cc(t, CC_SUB, size, a, b, IR_NONE);
        return;
    }
    if (alu == ALU_ADC || alu == ALU_SBB)
        carry = gen_condition_value(t, 2);
    if (o->kind == OPK_REG) {
        alu_register(t, alu, o, b, carry);
        return;
    }
    if (o->kind == OPK_REGH) {
        ir_var r = gen_read(t, in, 0);
        alu_op(t, alu, 0, r, r, b, carry);
        gen_write(t, in, 0, r);
        set_alu_cc(t, alu, 0, r, b == gen_reg(o->reg) ? copy(t, b) : b, carry);
        return;
    }
    struct gen_mem m = gen_address(t, in);
    ir_var token, r = gen_rmw(t, &m, size, &token);
    alu_op(t, alu, size, r, r, b, carry);
    gen_rmw_store(t, &m, size, token, r);
    set_alu_cc(t, alu, size, r, b, carry);
}

void gen_test(struct translator *t, const struct insn *in)
{
    unsigned size = in->op[0].size;
    ir_var a = gen_read(t, in, 0), b = gen_read(t, in, 1);
    if (!needs_flags(t))
        return;
    if (a != b) {
        ir_var r = copy(t, a);
        ir_3(t->ir, IR_AND, size, r, r, b);
        a = r;
    }
    gen_set_cc(t, CC_LOGIC, size, a, IR_NONE, IR_NONE);
}

// Read, change, write back; for one-operand forms. *old: the value before, when asked for.
static ir_var unary(struct translator *t, const struct insn *in, enum ir_opcode opcode, int64_t constant, ir_var *old)
{
    const struct operand *o = &in->op[0];
    ir_var r, token = IR_NONE;
    struct gen_mem m = { 0 };
    bool memory = o->kind == OPK_MEM;
    if (memory) {
        m = gen_address(t, in);
        r = gen_rmw(t, &m, o->size, &token);
    } else {
        r = gen_read(t, in, 0);
    }
    if (old)
        *old = copy(t, r);
    if (o->kind == OPK_REG)
        gen_protect(t, r);
    if (opcode == IR_ADD || opcode == IR_SUB)
        ir_3(t->ir, opcode, o->size, r, r, gen_const(t, constant));
    else
        ir_2(t->ir, opcode, o->size, r, r);
    if (memory)
        gen_rmw_store(t, &m, o->size, token, r);
    else if (o->kind == OPK_REGH)
        gen_write(t, in, 0, r);
    return r;
}

void gen_not(struct translator *t, const struct insn *in)
{
    unary(t, in, IR_NOT, 0, NULL);
}

void gen_neg(struct translator *t, const struct insn *in)
{
    ir_var old = IR_NONE;
    unary(t, in, IR_NEG, 0, needs_flags(t) ? &old : NULL);
    gen_set_cc(t, CC_SUB, in->op[0].size, gen_const(t, 0), old, IR_NONE);
}

void gen_incdec(struct translator *t, const struct insn *in)
{
    bool dec = in->row->arg;
    ir_var carry = gen_const(t, 0);
    if (t->needed & F_CF)
        carry = gen_condition_value(t, 2);
    uint16_t needed = t->needed;
    t->needed = 0; // CF is kept by value: the old recipe needs no protection
    ir_var r = unary(t, in, dec ? IR_SUB : IR_ADD, 1, NULL);
    t->needed = needed;
    gen_set_cc(t, dec ? CC_DEC : CC_INC, in->op[0].size, r, IR_NONE, carry);
}

void gen_xadd(struct translator *t, const struct insn *in)
{
    const struct operand *d = &in->op[0];
    unsigned size = d->size;
    ir_var b = copy(t, gen_read(t, in, 1)), r = ir_temp(t->ir), old;
    if (d->kind == OPK_MEM) {
        struct gen_mem m = gen_address(t, in);
        ir_var token;
        old = gen_rmw(t, &m, size, &token);
        ir_2(t->ir, IR_MOV, 3, r, old);
        ir_3(t->ir, IR_ADD, size, r, r, b);
        gen_rmw_store(t, &m, size, token, r);
        gen_write(t, in, 1, old);
    } else {
        old = copy(t, gen_read(t, in, 0));
        ir_2(t->ir, IR_MOV, 3, r, old);
        ir_3(t->ir, IR_ADD, size, r, r, b);
        gen_write(t, in, 1, old);
        gen_write(t, in, 0, r);
    }
    gen_set_cc(t, CC_ADD, size, r, b, IR_NONE);
}

void gen_cmpxchg(struct translator *t, const struct insn *in)
{
    const struct operand *d = &in->op[0];
    unsigned size = d->size;
    bool memory = d->kind == OPK_MEM;
    ir_var accumulator = copy(t, gen_reg(R_RAX)), source = gen_read(t, in, 1), token = IR_NONE, old, rax = gen_reg(R_RAX);
    struct gen_mem m = { 0 };
    if (memory) {
        m = gen_address(t, in);
        old = gen_rmw(t, &m, size, &token);
    } else {
        old = copy(t, gen_read(t, in, 0));
    }
    struct recipe equal = { CC_SUB, (uint8_t)size, accumulator, old, IR_NONE };
    ir_var value = copy(t, old);
    gen_move_if(t, &equal, 4, 3, value, source);
    if (memory)
        gen_rmw_store(t, &m, size, token, value);
    if (size == 2) { // when equal, RAX keeps its upper half
        ir_var wide = ir_temp(t->ir);
        ir_2(t->ir, IR_ZX32, 3, wide, old);
        gen_move_if(t, &equal, 5, 3, rax, wide);
    } else {
        ir_2(t->ir, IR_MOV, size, rax, old);
    }
    if (!memory)
        gen_write(t, in, 0, value);
    gen_set_cc(t, CC_SUB, size, accumulator, old, IR_NONE);
}

void gen_cmpxchg16(struct translator *t, const struct insn *in)
{
    struct gen_mem m = gen_mem_at(t, in->segment, gen_ea(t, in));
    ir_var address = gen_lea_op(t, m.addr32 ? 2 : 3, m.base, m.index, 0, 0);
    gen_call(t, H_cmpxchg_pair, IR_NONE, 2, address, gen_const(t, in->opsize == 3));
}

void gen_setcc(struct translator *t, const struct insn *in)
{
    gen_write(t, in, 0, gen_condition_value(t, (unsigned)in->row->arg));
}

void gen_cmov(struct translator *t, const struct insn *in)
{
    ir_var source = gen_read(t, in, 1), d = gen_dest(t, in->op[0].reg);
    gen_move_if(t, &t->cc, (unsigned)in->row->arg, in->op[0].size, d, source);
}

// ---- flags as such

void gen_carry(struct translator *t, const struct insn *in)
{
    unsigned how = (unsigned)in->row->arg; // 0 clear, 1 set, 2 complement
    if (!needs_flags(t))
        return;
    ir_var flags = gen_get_eflags_arith(t);
    enum ir_opcode opcode = how == 0 ? IR_AND : how == 1 ? IR_OR : IR_XOR;
    ir_3(t->ir, opcode, 3, flags, flags, gen_const(t, how == 0 ? ~(int64_t)F_CF : (int64_t)F_CF));
    gen_set_cc(t, CC_EFLAGS, 3, flags, IR_NONE, IR_NONE);
}

void gen_direction(struct translator *t, const struct insn *in)
{
    int64_t at = offsetof(struct x86_cpu, eflags);
    ir_var flags = gen_load_env(t, 3, at);
    ir_3(t->ir, in->row->arg ? IR_OR : IR_AND, 3, flags, flags, gen_const(t, in->row->arg ? (int64_t)F_DF : ~(int64_t)F_DF));
    gen_store_env(t, 3, at, flags);
}

void gen_lahf(struct translator *t, const struct insn *in)
{
    ir_var flags = gen_get_eflags_arith(t);
    ir_3(t->ir, IR_AND, 3, flags, flags, gen_const(t, 0xd5));
    ir_3(t->ir, IR_OR, 3, flags, flags, gen_const(t, 2));
    ir_2(t->ir, IR_PUTHI, 3, gen_dest(t, R_RAX), flags);
}

void gen_sahf(struct translator *t, const struct insn *in)
{
    if (!needs_flags(t))
        return;
    ir_var flags = gen_get_eflags_arith(t), high = ir_temp(t->ir);
    ir_2(t->ir, IR_GETHI, 3, high, gen_reg(R_RAX));
    ir_3(t->ir, IR_AND, 3, high, high, gen_const(t, 0xd5));
    ir_3(t->ir, IR_AND, 3, flags, flags, gen_const(t, F_OF));
    ir_3(t->ir, IR_OR, 3, flags, flags, high);
    gen_set_cc(t, CC_EFLAGS, 3, flags, IR_NONE, IR_NONE);
}

void gen_crc32(struct translator *t, const struct insn *in)
{
    ir_var source = gen_read(t, in, 1), d = gen_dest(t, in->op[0].reg);
    ir_3(t->ir, IR_CRC32, in->op[1].size, d, d, source);
}
