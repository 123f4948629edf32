// SPDX-License-Identifier: MIT
//
// x87 instructions -> IR. Each is a call of its helper with an info word (target/i386/x87.h) made from the
// stack top, which is static: part of the block's flags, and followed here through the block, so that exits
// name the flags with the top as it is then. Operands that need no conversion of their own go by address;
// others are loaded before the call. FIP and FDP are stored after it. [SDM 1 8]
#include "target/i386/gen_fp.h"
#include "target/i386/helpers_fp.h"
#include "target/i386/translate.h"
#include "target/i386/x87.h"

static unsigned stack_top(const struct translator *t) { return t->flags >> BF_FPU_TOP_SHIFT & 7; }
static unsigned physical(const struct translator *t, unsigned i) { return (stack_top(t) + i) & 7; }
static unsigned bit(unsigned reg) { return 1u << reg; }
static unsigned st_number(const struct insn *in) { return in->modrm & 7; }

void gen_set_fpu_top(struct translator *t, unsigned top)
{
    uint32_t flags = (t->flags & ~(7u << BF_FPU_TOP_SHIFT)) | top << BF_FPU_TOP_SHIFT;
    if (flags == t->flags)
        return;
    t->flags = flags;
    t->flags_id = t->intern(t->opaque, flags);
}

ir_var gen_linear(struct translator *t, const struct insn *in)
{
    struct gen_mem m = gen_address(t, in);
    ir_var result = ir_temp(t->ir);
    struct ir_op *op = ir_append(t->ir, IR_LEA, m.addr32 ? 2 : 3);
    op->arg[0] = result;
    op->arg[1] = m.base;
    op->arg[2] = m.index;
    op->scale = m.scale;
    op->imm = m.disp;
    return result;
}

// What an instruction does to the stack: pop -1 pushes (dst is the new register), 0, 1 or 2 pop.
struct effect { unsigned dst, src, check, expect_empty, valid_after; int pop; };

static ir_var make_info(struct translator *t, const struct insn *in, const struct effect *e)
{
    unsigned empty_after = 0;
    for (int i = 0; i < e->pop; i++)
        empty_after |= bit(physical(t, (unsigned)i));
    unsigned opcode = (in->opcode & 7u) << 8 | in->modrm;
    return gen_const(t, (int64_t)x87_info(e->dst, e->src, (stack_top(t) + (unsigned)e->pop) & 7, e->check, e->expect_empty,
                                          e->valid_after, empty_after, opcode));
}

// After the call: pointers of a non-control instruction, and the new top.
static void finish(struct translator *t, const struct insn *in, const struct effect *e)
{
    gen_store_env(t, 3, offsetof(struct x86_cpu, fpu_ip), gen_const(t, (int64_t)in->rip));
    if (in->mem)
        gen_store_env(t, 3, offsetof(struct x86_cpu, fpu_dp), gen_ea(t, in));
    gen_set_fpu_top(t, (stack_top(t) + (unsigned)e->pop) & 7);
}

static void call_1(struct translator *t, const struct insn *in, const struct effect *e, unsigned helper, ir_var result)
{
    gen_call(t, (enum helper_id)helper, result, 1, make_info(t, in, e));
    finish(t, in, e);
}

static void call_2(struct translator *t, const struct insn *in, const struct effect *e, unsigned helper, ir_var result,
                   ir_var second)
{
    gen_call(t, (enum helper_id)helper, result, 2, make_info(t, in, e), second);
    finish(t, in, e);
}

static struct effect effect_st0(const struct translator *t)
{
    unsigned st0 = physical(t, 0);
    return (struct effect){.dst = st0, .src = st0, .check = bit(st0)};
}

static struct effect effect_push(const struct translator *t)
{
    unsigned reg = physical(t, 7);
    return (struct effect){.dst = reg, .src = reg, .check = bit(reg), .expect_empty = bit(reg), .valid_after = bit(reg), .pop = -1};
}

static struct effect effect_two(const struct translator *t, unsigned dst, unsigned src)
{
    return (struct effect){.dst = physical(t, dst), .src = physical(t, src), .check = bit(physical(t, dst)) | bit(physical(t, src))};
}

// Memory operand of D8..DF: DA and DE are integers of 4 and 2 bytes, D8 float32, DC float64.
static ir_var load_operand(struct translator *t, const struct insn *in, enum x87_operand *kind)
{
    struct gen_mem m = gen_address(t, in);
    switch (in->opcode & 7) {
    case 0:
    case 1:
        *kind = X87_F32;
        return gen_load(t, &m, 2, 0);
    case 4:
    case 5:
        *kind = X87_F64;
        return gen_load(t, &m, 3, 0);
    case 2:
    case 3:
        *kind = X87_INT;
        return gen_load(t, &m, 2, 1);
    default:
        *kind = X87_INT;
        return gen_load(t, &m, 1, 1);
    }
}

// arg: the helper's _reg form; the four kinds follow each other.
void gen_x87_arith_mem(struct translator *t, const struct insn *in)
{
    enum x87_operand kind;
    struct effect e = effect_st0(t);
    ir_var operand = load_operand(t, in, &kind);
    e.valid_after = bit(e.dst); // also of the masked response to an empty register
    call_2(t, in, &e, (unsigned)in->row->arg + kind, IR_NONE, operand);
}

// D8: ST0 op= STi; DC: STi op= ST0; DE: the same and pop.
void gen_x87_arith_reg(struct translator *t, const struct insn *in)
{
    bool to_st0 = (in->opcode & 7) == 0;
    struct effect e = to_st0 ? effect_two(t, 0, st_number(in)) : effect_two(t, st_number(in), 0);
    e.pop = (in->opcode & 7) == 6;
    e.valid_after = bit(e.dst);
    call_1(t, in, &e, (unsigned)in->row->arg, IR_NONE);
}

// arg: pops.
void gen_x87_com_mem(struct translator *t, const struct insn *in)
{
    enum x87_operand kind;
    struct effect e = effect_st0(t);
    ir_var operand = load_operand(t, in, &kind);
    e.pop = in->row->arg;
    call_2(t, in, &e, H_fcom_f32 + (unsigned)kind - X87_F32, ir_temp(t->ir), operand);
}

// arg: helper | pops << 16.
void gen_x87_com_reg(struct translator *t, const struct insn *in)
{
    struct effect e = effect_two(t, 0, st_number(in));
    unsigned helper = (unsigned)in->row->arg & 0xffff;
    ir_var eflags = ir_temp(t->ir);
    e.pop = in->row->arg >> 16;
    call_1(t, in, &e, helper, eflags);
    if (helper == H_fcomi_reg || helper == H_fucomi_reg)
        gen_set_cc(t, CC_EFLAGS, 3, eflags, IR_NONE, IR_NONE);
}

// FLD m32, m64; FILD m16, m32 (opcodes D9, DD, DF, DB). m64 integers have their own.
void gen_x87_load(struct translator *t, const struct insn *in)
{
    static const uint8_t helper_of_kind[] = {[X87_F32] = 0, [X87_F64] = 1, [X87_INT] = 2};
    enum x87_operand kind;
    struct effect e = effect_push(t);
    ir_var operand = load_operand(t, in, &kind);
    call_2(t, in, &e, H_fld_f32 + helper_of_kind[kind], IR_NONE, operand);
}

void gen_x87_fild64(struct translator *t, const struct insn *in)
{
    struct gen_mem m = gen_address(t, in);
    struct effect e = effect_push(t);
    call_2(t, in, &e, H_fild, IR_NONE, gen_load(t, &m, 3, 0));
}

// FLD m80, FBLD. arg: helper.
void gen_x87_load_address(struct translator *t, const struct insn *in)
{
    struct effect e = effect_push(t);
    call_2(t, in, &e, (unsigned)in->row->arg, IR_NONE, gen_linear(t, in));
}

// All stores to memory. arg: helper | pops << 16.
void gen_x87_store(struct translator *t, const struct insn *in)
{
    struct effect e = effect_st0(t);
    e.pop = in->row->arg >> 16;
    call_2(t, in, &e, (unsigned)in->row->arg & 0xffff, IR_NONE, gen_linear(t, in));
}

void gen_x87_fld_reg(struct translator *t, const struct insn *in)
{
    struct effect e = effect_push(t);
    e.src = physical(t, st_number(in));
    e.check |= bit(e.src);
    call_1(t, in, &e, H_fmov, IR_NONE);
}

// FST and FSTP to a register. arg: pops.
void gen_x87_fst_reg(struct translator *t, const struct insn *in)
{
    struct effect e = effect_st0(t);
    e.dst = physical(t, st_number(in));
    e.valid_after = bit(e.dst);
    e.pop = in->row->arg;
    call_1(t, in, &e, H_fmov, IR_NONE);
}

void gen_x87_fxch(struct translator *t, const struct insn *in)
{
    struct effect e = effect_two(t, 0, st_number(in));
    e.valid_after = e.check;
    call_1(t, in, &e, H_fxch, IR_NONE);
}

// One operand, in place. arg: helper.
void gen_x87_unary(struct translator *t, const struct insn *in)
{
    struct effect e = effect_st0(t);
    if (in->row->arg == H_fxam)
        e.check = 0;
    else if (in->row->arg != H_ftst)
        e.valid_after = bit(e.dst);
    call_1(t, in, &e, (unsigned)in->row->arg, IR_NONE);
}

void gen_x87_constant(struct translator *t, const struct insn *in)
{
    struct effect e = effect_push(t);
    call_2(t, in, &e, H_fld_constant, IR_NONE, gen_const(t, in->modrm & 7));
}

// arg: enum x87_math. FPTAN and FSINCOS may not push: the top is then known only to the loop.
void gen_x87_math(struct translator *t, const struct insn *in)
{
    int op = in->row->arg;
    bool pushes = op == X87_FPTAN || op == X87_FSINCOS || op == X87_FXTRACT;
    bool pops = op == X87_FYL2X || op == X87_FYL2XP1 || op == X87_FPATAN;
    struct effect e = effect_st0(t);
    if (pushes) {
        e = effect_push(t);
        e.src = physical(t, 0);
        e.check |= bit(e.src);
        e.valid_after |= bit(e.src);
    } else if (pops) {
        e = effect_two(t, 1, 0);
        e.pop = 1;
        e.valid_after = bit(e.dst);
    } else if (op == X87_FPREM || op == X87_FPREM1 || op == X87_FSCALE) {
        e = effect_two(t, 0, 1);
        e.valid_after = bit(e.dst);
    } else {
        e.valid_after = bit(e.dst);
    }
    call_2(t, in, &e, H_fmath, IR_NONE, gen_const(t, op));
    if (op == X87_FPTAN || op == X87_FSINCOS)
        gen_exit_loop(t, in->next_rip);
}

// arg: condition.
void gen_x87_fcmov(struct translator *t, const struct insn *in)
{
    struct effect e = effect_two(t, 0, st_number(in));
    ir_var condition = gen_condition_value(t, (unsigned)in->row->arg);
    e.valid_after = bit(e.dst);
    call_2(t, in, &e, H_fcmov, IR_NONE, condition);
}

// FINCSTP, FDECSTP (arg: 1, -1 to the top), FNOP (0).
void gen_x87_stack(struct translator *t, const struct insn *in)
{
    struct effect e = {.dst = 0};
    unsigned top = (stack_top(t) + (unsigned)in->row->arg) & 7;
    unsigned opcode = (in->opcode & 7u) << 8 | in->modrm;
    gen_call(t, H_fstack, IR_NONE, 1, gen_const(t, (int64_t)x87_info(0, 0, top, 0, 0, 0, 0, opcode)));
    finish(t, in, &e);
    gen_set_fpu_top(t, top);
}

// FFREE, FFREEP. arg: pops.
void gen_x87_ffree(struct translator *t, const struct insn *in)
{
    struct effect e = {.dst = 0};
    unsigned pops = (unsigned)in->row->arg, top = (stack_top(t) + pops) & 7;
    unsigned empty = bit(physical(t, st_number(in))) | (pops ? bit(physical(t, 0)) : 0);
    unsigned opcode = (in->opcode & 7u) << 8 | in->modrm;
    gen_call(t, H_fstack, IR_NONE, 1, gen_const(t, (int64_t)x87_info(0, 0, top, 0, 0, 0, empty, opcode)));
    finish(t, in, &e);
    gen_set_fpu_top(t, top);
}

// ---- control
static ir_var status_word(struct translator *t)
{
    ir_var status = gen_load_env(t, 1, offsetof(struct x86_cpu, fpu_status));
    ir_var top = gen_load_env(t, 3, offsetof(struct x86_cpu, fpu_top)), shifted = ir_temp(t->ir), result = ir_temp(t->ir);
    ir_3(t->ir, IR_SHL, 3, shifted, top, gen_const(t, 11));
    ir_3(t->ir, IR_OR, 3, result, status, shifted);
    return result;
}

void gen_x87_fnstsw_ax(struct translator *t, const struct insn *in) { gen_write_reg(t, R_RAX, 1, status_word(t)); }

void gen_x87_fnstsw(struct translator *t, const struct insn *in)
{
    struct gen_mem m = gen_address(t, in);
    gen_store(t, &m, 1, status_word(t));
}

void gen_x87_fnstcw(struct translator *t, const struct insn *in)
{
    struct gen_mem m = gen_address(t, in);
    gen_store(t, &m, 1, gen_load_env(t, 1, offsetof(struct x86_cpu, fpu_control)));
}

void gen_x87_fldcw(struct translator *t, const struct insn *in)
{
    struct gen_mem m = gen_address(t, in);
    gen_call(t, H_fldcw, IR_NONE, 1, gen_load(t, &m, 1, 0));
}

// FNSTENV, FLDENV, FNSAVE, FRSTOR. arg: helper.
void gen_x87_env(struct translator *t, const struct insn *in)
{
    unsigned format = (in->opsize >= 2 ? X87_ENV_WIDE : 0) |
                      ((t->flags & BF_PE) && !(t->flags & BF_VM) ? X87_ENV_PROTECTED : 0);
    gen_call(t, (enum helper_id)in->row->arg, IR_NONE, 2, gen_linear(t, in), gen_const(t, format));
    gen_exit_loop(t, in->next_rip);
}

// FNCLEX, FNINIT, which may clear ES. arg: helper.
void gen_x87_clear(struct translator *t, const struct insn *in)
{
    gen_call(t, (enum helper_id)in->row->arg, IR_NONE, 0);
    gen_exit_loop(t, in->next_rip);
}

void gen_x87_fwait(struct translator *t, const struct insn *in) { gen_call(t, H_fwait, IR_NONE, 0); }
void gen_x87_nothing(struct translator *t, const struct insn *in) {} // FENI, FDISI, FSETPM
