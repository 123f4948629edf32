// SPDX-License-Identifier: MIT
//
// MMX -> IR. A register is the significand of the physical x87 register of its number: loaded into the low half of a
// vector temp (upper half zero), worked on by the operations of SSE, and stored back with the exponent
// set to all ones. The first MMX instruction of a run makes top 0 and all tags valid (helper_mmx_enter),
// after what can fault and before anything is written. [SDM 1 9]
#include <stddef.h>
#include "target/i386/gen_fp.h"
#include "target/i386/helpers_fp.h"
#include "target/i386/translate.h"
#include "tcg/vec.h"

static ir_var read_mmx(struct translator *t, unsigned reg)
{
    ir_var v = ir_vtemp(t->ir);
    struct ir_op *op = ir_append(t->ir, IR_VLDENV, 3);
    op->arg[0] = v;
    op->imm = (int64_t)(offsetof(struct x86_cpu, fpr) + reg * sizeof(struct x87_reg) + offsetof(struct x87_reg, mant));
    return v;
}

static void write_mmx(struct translator *t, unsigned reg, ir_var v)
{
    int64_t offset = (int64_t)(offsetof(struct x86_cpu, fpr) + reg * sizeof(struct x87_reg));
    struct ir_op *op = ir_append(t->ir, IR_VSTENV, 3);
    op->arg[0] = v;
    op->imm = offset + (int64_t)offsetof(struct x87_reg, mant);
    ir_var ones = gen_const(t, 0xffff);
    op = ir_append(t->ir, IR_STENV, 1);
    op->arg[0] = ones;
    op->imm = offset + (int64_t)offsetof(struct x87_reg, se);
}

static bool touches_mmx(const struct insn *in)
{
    for (unsigned i = 0; i < 3; i++)
        if (in->op[i].kind == OPK_MMX)
            return true;
    return false;
}

static void enter(struct translator *t)
{
    if (t->current > 0) {
        const struct insn *before = &t->insns[t->current - 1];
        if ((before->row->flags & ROW_MMX) && touches_mmx(before))
            return;
    }
    gen_call(t, H_mmx_enter, IR_NONE, 0);
    gen_set_fpu_top(t, 0);
}

static unsigned operand_size(uint8_t spec) { return spec == O_Qd || spec == O_Ed ? 2 : 3; }

// Operand n: register or memory; then the state is MMX.
static ir_var source(struct translator *t, const struct insn *in, unsigned n)
{
    if (in->op[n].kind == OPK_MEM) {
        struct gen_mem m = gen_address(t, in);
        ir_var v = gen_vload(t, &m, operand_size(in->row->op[n]), false);
        enter(t);
        return v;
    }
    enter(t);
    return read_mmx(t, in->op[n].reg);
}

static void store(struct translator *t, const struct insn *in, unsigned size, ir_var (*value)(struct translator *, unsigned))
{
    struct gen_mem m = gen_address(t, in);
    ir_var at = gen_linear(t, in), none = gen_const(t, 0);
    uint16_t site = gen_site(t);
    struct ir_op *op = ir_append(t->ir, IR_GPROBE, size);
    op->arg[0] = at;
    op->arg[1] = none;
    op->site = site;
    enter(t);
    gen_vstore(t, &m, size, value(t, in->op[1].reg), false);
}

void gen_mmx_op(struct translator *t, const struct insn *in)
{
    ir_var s = source(t, in, 1), d = read_mmx(t, in->op[0].reg);
    write_mmx(t, in->op[0].reg, gen_vop_temp(t, (unsigned)in->row->arg, d, s, 0));
}

// Operations that work across the register: on both operands side by side, the low half is the result.
void gen_mmx_pair(struct translator *t, const struct insn *in)
{
    ir_var s = source(t, in, 1), d = read_mmx(t, in->op[0].reg);
    ir_var both = gen_vop_temp(t, V_punpcklqdq, d, s, 0);
    write_mmx(t, in->op[0].reg, gen_vop_temp(t, (unsigned)in->row->arg, both, both, 0));
}

// PUNPCKHxx: arg is the row of PUNPCKLxx, whose upper half is the result.
void gen_mmx_unpack_high(struct translator *t, const struct insn *in)
{
    ir_var s = source(t, in, 1), d = read_mmx(t, in->op[0].reg);
    ir_var r = gen_vop_temp(t, (unsigned)in->row->arg, d, s, 0);
    write_mmx(t, in->op[0].reg, gen_vop_temp(t, V_psrldq, r, r, 8));
}

void gen_mmx_pshufb(struct translator *t, const struct insn *in)
{
    ir_var s = source(t, in, 1), d = read_mmx(t, in->op[0].reg), mask = ir_vtemp(t->ir);
    gen_vfromg(t, V_movq_from, mask, gen_xmm(0), gen_const(t, (int64_t)0x8787878787878787), 0);
    ir_var select = gen_vop_temp(t, V_pand, s, mask, 0);
    write_mmx(t, in->op[0].reg, gen_vop_temp(t, V_pshufb, d, select, 0));
}

void gen_mmx_palignr(struct translator *t, const struct insn *in)
{
    ir_var s = source(t, in, 1), d = read_mmx(t, in->op[0].reg);
    ir_var both = gen_vop_temp(t, V_punpcklqdq, s, d, 0);
    write_mmx(t, in->op[0].reg, gen_vop_temp(t, V_psrldq, both, both, (uint8_t)in->op[2].imm));
}

void gen_mmx_pshufw(struct translator *t, const struct insn *in)
{
    ir_var s = source(t, in, 1);
    write_mmx(t, in->op[0].reg, gen_vop_temp(t, V_pshuflw, s, s, (uint8_t)in->op[2].imm));
}

void gen_mmx_shift_imm(struct translator *t, const struct insn *in)
{
    enter(t);
    ir_var d = read_mmx(t, in->op[0].reg);
    write_mmx(t, in->op[0].reg, gen_vop_temp(t, (unsigned)in->row->arg, d, d, (uint8_t)in->op[1].imm));
}

// ---- moves
void gen_mmx_load(struct translator *t, const struct insn *in) { write_mmx(t, in->op[0].reg, source(t, in, 1)); }

void gen_mmx_store(struct translator *t, const struct insn *in)
{
    if (in->op[0].kind == OPK_MEM) {
        store(t, in, 3, read_mmx);
    } else {
        enter(t);
        write_mmx(t, in->op[0].reg, read_mmx(t, in->op[1].reg));
    }
}

void gen_mmx_movd_load(struct translator *t, const struct insn *in)
{
    bool wide = in->opsize == 3;
    ir_var v;
    if (in->op[1].kind == OPK_MEM) {
        struct gen_mem m = gen_address(t, in);
        v = gen_vload(t, &m, wide ? 3 : 2, false);
        enter(t);
    } else {
        enter(t);
        v = ir_vtemp(t->ir);
        gen_vfromg(t, wide ? V_movq_from : V_movd_from, v, gen_xmm(0), gen_reg(in->op[1].reg), 0);
    }
    write_mmx(t, in->op[0].reg, v);
}

void gen_mmx_movd_store(struct translator *t, const struct insn *in)
{
    bool wide = in->opsize == 3;
    if (in->op[0].kind == OPK_MEM) {
        store(t, in, wide ? 3 : 2, read_mmx);
    } else {
        ir_var g = ir_temp(t->ir);
        enter(t);
        gen_vtog(t, wide ? V_movq_to : V_movd_to, g, read_mmx(t, in->op[1].reg), 0);
        gen_write_reg(t, in->op[0].reg, 3, g);
    }
}

// MOVQ2DQ: V, N. MOVDQ2Q: P, U.
void gen_movq2dq(struct translator *t, const struct insn *in)
{
    enter(t);
    gen_vmov(t, gen_xmm(in->op[0].reg), read_mmx(t, in->op[1].reg));
}

void gen_movdq2q(struct translator *t, const struct insn *in)
{
    enter(t);
    write_mmx(t, in->op[0].reg, gen_xmm(in->op[1].reg));
}

void gen_mmx_pmovmskb(struct translator *t, const struct insn *in)
{
    ir_var g = ir_temp(t->ir);
    enter(t);
    gen_vtog(t, V_pmovmskb, g, read_mmx(t, in->op[1].reg), 0);
    gen_write_reg(t, in->op[0].reg, 3, g);
}

void gen_mmx_pinsrw(struct translator *t, const struct insn *in)
{
    ir_var g;
    if (in->op[1].kind == OPK_MEM) {
        struct gen_mem m = gen_address(t, in);
        g = gen_load(t, &m, 1, 0);
    } else {
        g = gen_reg(in->op[1].reg);
    }
    enter(t);
    ir_var r = ir_vtemp(t->ir);
    gen_vfromg(t, V_pinsrw, r, read_mmx(t, in->op[0].reg), g, (uint8_t)in->op[2].imm & 3);
    write_mmx(t, in->op[0].reg, r);
}

void gen_mmx_pextrw(struct translator *t, const struct insn *in)
{
    ir_var g = ir_temp(t->ir);
    enter(t);
    gen_vtog(t, V_pextrw, g, read_mmx(t, in->op[1].reg), (uint8_t)in->op[2].imm & 3);
    gen_write_reg(t, in->op[0].reg, 3, g);
}

void gen_maskmovq(struct translator *t, const struct insn *in)
{
    enter(t);
    ir_var d = gen_vector_half(t, read_mmx(t, in->op[0].reg), 0), mask = gen_vector_half(t, read_mmx(t, in->op[1].reg), 0);
    ir_var zero = gen_const(t, 0);
    gen_call(t, H_maskmov, IR_NONE, 5, gen_rdi_address(t, in), d, zero, mask, zero);
}

// Makes the top 0, too. [SDM 3A 13.1]
void gen_emms(struct translator *t, const struct insn *in)
{
    gen_call(t, H_emms, IR_NONE, 0);
    gen_set_fpu_top(t, 0);
}

// ---- conversions
// CVTPI2PS, CVTPI2PD: V, Q. A memory operand does not touch the MMX state. arg: row.
void gen_cvtpi2ps(struct translator *t, const struct insn *in)
{
    unsigned row = (unsigned)in->row->arg;
    ir_var d = gen_xmm(in->op[0].reg), s, r;
    if (in->op[1].kind == OPK_MEM) {
        struct gen_mem m = gen_address(t, in);
        s = gen_vload(t, &m, 3, false);
    } else {
        s = source(t, in, 1);
    }
    if (row == V_cvtdq2pd) { // exact: raises nothing
        gen_vop(t, row, d, d, s, 0);
        return;
    }
    if (gen_vec_is_exact(t, row)) {
        ir_var low = gen_vec_exact(t, row, VEC_EXACT_NONE, s, IR_NONE, 0);
        r = ir_vtemp(t->ir);
        gen_vfromg(t, V_movq_from, r, gen_xmm(0), low, 0);
    } else {
        r = gen_vop_temp(t, row, s, s, 0);
    }
    gen_vop(t, V_movsd, d, d, r, 0);
}

// CVTxPS2PI (low quadword of W), CVTxPD2PI (all of it): P, W. arg: row.
void gen_cvtps2pi(struct translator *t, const struct insn *in)
{
    unsigned row = (unsigned)in->row->arg;
    ir_var s = gen_vector_operand(t, in, 1), r;
    if (row == V_cvtps2dq || row == V_cvttps2dq)
        s = gen_vop_temp(t, V_movq_low, s, s, 0); // the upper lanes must raise nothing
    enter(t);
    if (gen_vec_is_exact(t, row)) {
        ir_var low = gen_vec_exact(t, row, VEC_EXACT_NONE, s, IR_NONE, 0);
        r = ir_vtemp(t->ir);
        gen_vfromg(t, V_movq_from, r, gen_xmm(0), low, 0);
    } else {
        r = gen_vop_temp(t, row, s, s, 0);
    }
    write_mmx(t, in->op[0].reg, r);
}
