// SPDX-License-Identifier: MIT
//
// SSE to SSE4.2 -> IR: an optional load of the memory operand into a vector temp, one vector operation on the globals,
// an optional store. While an MXCSR exception is unmasked (BF_FLOAT_EXACT) the operations that can raise
// one are calls of helper_vec_exact instead. [SDM 2]
#include <stddef.h>
#include "target/i386/gen_fp.h"
#include "target/i386/helpers_fp.h"
#include "target/i386/translate.h"
#include "tcg/vec.h"

// ---- pieces, also for gen_mmx.c
void gen_vop(struct translator *t, unsigned row, ir_var d, ir_var a, ir_var b, unsigned imm)
{
    struct ir_op *op = ir_append(t->ir, IR_VOP, 4);
    op->arg[0] = d;
    op->arg[1] = a;
    op->arg[2] = b;
    op->helper = (uint16_t)row;
    op->imm = imm;
}

ir_var gen_vop_temp(struct translator *t, unsigned row, ir_var a, ir_var b, unsigned imm)
{
    ir_var d = ir_vtemp(t->ir);
    gen_vop(t, row, d, a, b, imm);
    return d;
}

void gen_vfromg(struct translator *t, unsigned row, ir_var d, ir_var a, ir_var g, unsigned imm)
{
    struct ir_op *op = ir_append(t->ir, IR_VFROMG, 4);
    op->arg[0] = d;
    op->arg[1] = a;
    op->arg[2] = g;
    op->helper = (uint16_t)row;
    op->imm = imm;
}

void gen_vtog(struct translator *t, unsigned row, ir_var g, ir_var a, unsigned imm)
{
    struct ir_op *op = ir_append(t->ir, IR_VTOG, 4);
    op->arg[0] = g;
    op->arg[1] = a;
    op->helper = (uint16_t)row;
    op->imm = imm;
}

ir_var gen_vector_half(struct translator *t, ir_var v, unsigned half)
{
    ir_var g = ir_temp(t->ir);
    gen_vtog(t, half ? V_pextrq : V_movq_to, g, v, half);
    return g;
}

void gen_vmov(struct translator *t, ir_var d, ir_var s)
{
    if (d != s)
        ir_2(t->ir, IR_VMOV, 4, d, s);
}

bool gen_vec_is_exact(const struct translator *t, unsigned row)
{
    return vec_rows[row].is_float && (t->flags & BF_FLOAT_EXACT);
}

// xmm: number of the destination register or VEC_EXACT_NONE; s: second vector or IR_NONE; g likewise.
ir_var gen_vec_exact(struct translator *t, unsigned row, unsigned xmm, ir_var s, ir_var g, unsigned imm)
{
    ir_var result = ir_temp(t->ir), zero = gen_const(t, 0);
    ir_var low = s == IR_NONE ? zero : gen_vector_half(t, s, 0), high = s == IR_NONE ? zero : gen_vector_half(t, s, 1);
    ir_var code = gen_const(t, (int64_t)VEC_EXACT_CODE(row, imm, xmm));
    gen_call(t, H_vec_exact, result, 4, code, low, high, g == IR_NONE ? zero : g);
    return result;
}

static unsigned memory_size(uint8_t spec)
{
    switch (spec) {
    case O_Ww: return 1;
    case O_Wd: case O_Qd: case O_Md: case O_Ed: return 2;
    case O_Wq: case O_Qq: case O_Mq: case O_Pq: case O_Eq: return 3;
    default: return 4;
    }
}

static bool aligned(const struct insn *in) { return (in->row->flags & ROW_ALIGN16) != 0; }

// Vector operand n, from its register or memory.
ir_var gen_vector_operand(struct translator *t, const struct insn *in, unsigned n)
{
    if (in->op[n].kind != OPK_MEM)
        return gen_xmm(in->op[n].reg);
    struct gen_mem m = gen_address(t, in);
    unsigned size = memory_size(in->row->op[n]);
    if (size == 1) {
        ir_var v = ir_vtemp(t->ir), g = gen_load(t, &m, 1, 0);
        gen_vfromg(t, V_movd_from, v, gen_xmm(0), g, 0);
        return v;
    }
    return gen_vload(t, &m, size, size == 4 && aligned(in));
}

// Load straight into an xmm register: nothing after the load can fault.
static void load_to_xmm(struct translator *t, const struct insn *in, unsigned reg, unsigned size)
{
    struct gen_mem m = gen_address(t, in);
    struct ir_op *op;
    uint16_t site = gen_site(t);
    op = ir_append(t->ir, IR_GLDV, size);
    op->arg[0] = gen_xmm(reg);
    op->arg[1] = m.base;
    op->arg[2] = m.index;
    op->scale = m.scale;
    op->addr32 = m.addr32;
    op->align = size == 4 && aligned(in);
    op->imm = m.disp;
    op->site = site;
}

static void store_vector(struct translator *t, const struct insn *in, unsigned size, ir_var v)
{
    struct gen_mem m = gen_address(t, in);
    gen_vstore(t, &m, size, v, size == 4 && aligned(in));
}

// ---- operations. arg: row of tcg/vec.def.
static void vector_op(struct translator *t, const struct insn *in, unsigned imm)
{
    unsigned row = (unsigned)in->row->arg;
    ir_var d = gen_xmm(in->op[0].reg), s = gen_vector_operand(t, in, 1);
    if (gen_vec_is_exact(t, row))
        gen_vec_exact(t, row, in->op[0].reg, s, IR_NONE, imm);
    else
        gen_vop(t, row, d, d, s, imm);
}
void gen_vec(struct translator *t, const struct insn *in) { vector_op(t, in, 0); }
void gen_vec_imm(struct translator *t, const struct insn *in) { vector_op(t, in, (uint8_t)in->op[2].imm); }

// Lanes of v, the others zero.
static ir_var dot_selected(struct translator *t, ir_var zero, ir_var v, unsigned blend, unsigned lanes, unsigned all)
{
    return lanes == all ? v : gen_vop_temp(t, blend, zero, v, lanes);
}

// DPPS, DPPD (arg: V_mulps, V_mulpd). Hosts differ in which of several NaNs they keep, so the sums are ops of their own, in
// the order of Intel's: of a pair an even lane of DPPS takes the upper product first, an odd one the lower. Products that the
// immediate leaves out are +0. helper_dot_exact does the same in steps.
void gen_dot_product(struct translator *t, const struct insn *in)
{
    bool wide = in->row->arg == V_mulpd;
    unsigned imm = (uint8_t)in->op[2].imm, all = wide ? 3 : 15, blend = wide ? V_blendpd : V_blendps;
    ir_var d = gen_xmm(in->op[0].reg), s = gen_vector_operand(t, in, 1), zero = ir_vtemp(t->ir);
    if (gen_vec_is_exact(t, V_mulps)) {
        gen_call(t, H_dot_exact, IR_NONE, 3, gen_const(t, (int64_t)VEC_EXACT_CODE(in->row->arg, imm, in->op[0].reg)), gen_vector_half(t, s, 0),
                 gen_vector_half(t, s, 1));
        return;
    }
    gen_vfromg(t, V_movd_from, zero, gen_xmm(0), gen_const(t, 0), 0);
    ir_var left = dot_selected(t, zero, d, blend, imm >> 4 & all, all), right = dot_selected(t, zero, s, blend, imm >> 4 & all, all);
    ir_var products = gen_vop_temp(t, (unsigned)in->row->arg, left, right, 0), sum;
    if (wide) {
        sum = gen_vop_temp(t, V_addpd, products, gen_vop_temp(t, V_pshufd, products, products, 0x4e), 0);
    } else {
        ir_var pairs = gen_vop_temp(t, V_addps, gen_vop_temp(t, V_pshufd, products, products, 0xb1), products, 0);
        sum = gen_vop_temp(t, V_addps, pairs, gen_vop_temp(t, V_pshufd, pairs, pairs, 0x4e), 0);
    }
    gen_vop(t, blend, d, zero, sum, imm & all);
}

// INSERTPS from memory takes the dword that is there, whatever the immediate selects.
void gen_insertps(struct translator *t, const struct insn *in)
{
    ir_var d = gen_xmm(in->op[0].reg);
    unsigned imm = (uint8_t)in->op[2].imm & (in->op[1].kind == OPK_MEM ? 0x3f : 0xff);
    gen_vop(t, V_insertps, d, d, gen_vector_operand(t, in, 1), imm);
}

void gen_vec_shift_imm(struct translator *t, const struct insn *in)
{
    ir_var d = gen_xmm(in->op[0].reg);
    gen_vop(t, (unsigned)in->row->arg, d, d, d, (uint8_t)in->op[1].imm);
}

void gen_vec_to_g(struct translator *t, const struct insn *in)
{
    unsigned row = (unsigned)in->row->arg, imm = (uint8_t)in->op[2].imm;
    if (vec_rows[row].rexw == 0 && in->opsize == 3 && row + 1 < vec_row_count && vec_rows[row + 1].rexw &&
        vec_rows[row + 1].opcode == vec_rows[row].opcode)
        row++; // the form with REX.W follows in the table
    ir_var s = gen_vector_operand(t, in, 1), g;
    if (gen_vec_is_exact(t, row)) {
        g = gen_vec_exact(t, row, VEC_EXACT_NONE, s, IR_NONE, imm);
    } else {
        g = ir_temp(t->ir);
        gen_vtog(t, row, g, s, imm);
    }
    gen_write_reg(t, in->op[0].reg, 3, g);
}

// CVTSI2xx: V, Ey.
void gen_cvt_from_g(struct translator *t, const struct insn *in)
{
    unsigned row = (unsigned)in->row->arg + (in->opsize == 3);
    ir_var d = gen_xmm(in->op[0].reg), g = gen_read(t, in, 1);
    if (gen_vec_is_exact(t, row))
        gen_vec_exact(t, row, in->op[0].reg, IR_NONE, g, 0);
    else
        gen_vfromg(t, row, d, d, g, 0);
}

// PINSRx: V, E, Ib. arg: row.
void gen_pinsr(struct translator *t, const struct insn *in)
{
    unsigned row = (unsigned)in->row->arg;
    ir_var d = gen_xmm(in->op[0].reg), g;
    if (row == V_pinsrd && in->opsize == 3)
        row = V_pinsrq;
    if (in->op[1].kind == OPK_MEM) {
        struct gen_mem m = gen_address(t, in);
        g = gen_load(t, &m, row == V_pinsrb ? 0 : row == V_pinsrw ? 1 : row == V_pinsrd ? 2 : 3, 0);
    } else {
        g = gen_reg(in->op[1].reg);
    }
    gen_vfromg(t, row, d, d, g, (uint8_t)in->op[2].imm);
}

// PEXTRB, PEXTRW (SSE4.1 form), PEXTRD/Q, EXTRACTPS: E, V, Ib.
void gen_pextr(struct translator *t, const struct insn *in)
{
    unsigned row = (unsigned)in->row->arg;
    ir_var g = ir_temp(t->ir);
    if (row == V_pextrd && in->opsize == 3 && in->opcode == 0x16)
        row = V_pextrq;
    gen_vtog(t, row, g, gen_xmm(in->op[1].reg), (uint8_t)in->op[2].imm);
    if (in->op[0].kind == OPK_MEM) {
        struct gen_mem m = gen_address(t, in);
        gen_store(t, &m, row == V_pextrb ? 0 : row == V_pextrw ? 1 : row == V_pextrd ? 2 : 3, g);
    } else {
        gen_write_reg(t, in->op[0].reg, 3, g);
    }
}

void gen_vec_compare(struct translator *t, const struct insn *in)
{
    unsigned row = (unsigned)in->row->arg;
    ir_var d = gen_xmm(in->op[0].reg), s = gen_vector_operand(t, in, 1), g;
    if (gen_vec_is_exact(t, row)) {
        g = gen_vec_exact(t, row, in->op[0].reg, s, IR_NONE, 0);
    } else {
        g = ir_temp(t->ir);
        struct ir_op *op = ir_append(t->ir, IR_VCMPG, 4);
        op->arg[0] = g;
        op->arg[1] = d;
        op->arg[2] = s;
        op->helper = (uint16_t)row;
    }
    gen_set_cc(t, CC_EFLAGS, 3, g, IR_NONE, IR_NONE);
}

// ---- moves
// MOVAPS, MOVUPS, MOVDQA..: V, W.
void gen_mov_load(struct translator *t, const struct insn *in)
{
    if (in->op[1].kind == OPK_MEM)
        load_to_xmm(t, in, in->op[0].reg, 4);
    else
        gen_vmov(t, gen_xmm(in->op[0].reg), gen_xmm(in->op[1].reg));
}

// The same and MOVNTxx to memory: W, V.
void gen_mov_store(struct translator *t, const struct insn *in)
{
    if (in->op[0].kind == OPK_MEM)
        store_vector(t, in, 4, gen_xmm(in->op[1].reg));
    else
        gen_vmov(t, gen_xmm(in->op[0].reg), gen_xmm(in->op[1].reg));
}

// MOVSS, MOVSD, MOVQ xmm: from memory clears the rest; between registers arg is the row (merge or clear).
void gen_mov_scalar_load(struct translator *t, const struct insn *in)
{
    ir_var d = gen_xmm(in->op[0].reg);
    if (in->op[1].kind == OPK_MEM)
        load_to_xmm(t, in, in->op[0].reg, memory_size(in->row->op[1]));
    else
        gen_vop(t, (unsigned)in->row->arg, d, d, gen_xmm(in->op[1].reg), 0);
}

void gen_mov_scalar_store(struct translator *t, const struct insn *in)
{
    ir_var s = gen_xmm(in->op[1].reg);
    if (in->op[0].kind == OPK_MEM) {
        store_vector(t, in, memory_size(in->row->op[0]), s);
    } else {
        ir_var d = gen_xmm(in->op[0].reg);
        gen_vop(t, (unsigned)in->row->arg, d, d, s, 0);
    }
}

// MOVLPS/MOVHLPS and MOVLPD from memory: V, W or M. No prefix with a register is MOVHLPS.
void gen_mov_low_load(struct translator *t, const struct insn *in)
{
    ir_var d = gen_xmm(in->op[0].reg);
    if (in->op[1].kind == OPK_MEM) {
        struct gen_mem m = gen_address(t, in);
        gen_vop(t, V_movsd, d, d, gen_vload(t, &m, 3, false), 0);
    } else {
        gen_vop(t, V_movhlps, d, d, gen_xmm(in->op[1].reg), 0);
    }
}

void gen_mov_high_load(struct translator *t, const struct insn *in)
{
    ir_var d = gen_xmm(in->op[0].reg), s;
    if (in->op[1].kind == OPK_MEM) {
        struct gen_mem m = gen_address(t, in);
        s = gen_vload(t, &m, 3, false);
    } else {
        s = gen_xmm(in->op[1].reg);
    }
    gen_vop(t, V_movlhps, d, d, s, 0);
}

void gen_mov_low_store(struct translator *t, const struct insn *in) { store_vector(t, in, 3, gen_xmm(in->op[1].reg)); }

void gen_mov_high_store(struct translator *t, const struct insn *in)
{
    ir_var s = gen_xmm(in->op[1].reg);
    store_vector(t, in, 3, gen_vop_temp(t, V_movhlps, s, s, 0));
}

// MOVD, MOVQ: V, Ey.
void gen_movd_load(struct translator *t, const struct insn *in)
{
    bool wide = in->opsize == 3;
    if (in->op[1].kind == OPK_MEM) {
        load_to_xmm(t, in, in->op[0].reg, wide ? 3 : 2);
    } else {
        ir_var d = gen_xmm(in->op[0].reg);
        gen_vfromg(t, wide ? V_movq_from : V_movd_from, d, d, gen_reg(in->op[1].reg), 0);
    }
}

void gen_movd_store(struct translator *t, const struct insn *in)
{
    bool wide = in->opsize == 3;
    ir_var s = gen_xmm(in->op[1].reg), g;
    if (in->op[0].kind == OPK_MEM) {
        store_vector(t, in, wide ? 3 : 2, s);
    } else {
        g = ir_temp(t->ir);
        gen_vtog(t, wide ? V_movq_to : V_movd_to, g, s, 0);
        gen_write_reg(t, in->op[0].reg, 3, g);
    }
}

// MOVNTI: My, Gy.
void gen_movnti(struct translator *t, const struct insn *in)
{
    if (!in->mem) {
        gen_raise(t, VEC_UD, false, 0);
        return;
    }
    struct gen_mem m = gen_address(t, in);
    gen_store(t, &m, in->opsize == 3 ? 3 : 2, gen_reg(in->op[1].reg));
}

// ---- variable blends: the mask is the top bit of each lane of xmm0
static void blend(struct translator *t, const struct insn *in, ir_var mask)
{
    ir_var d = gen_xmm(in->op[0].reg), s = gen_vector_operand(t, in, 1);
    ir_var chosen = gen_vop_temp(t, V_pand, s, mask, 0), kept = gen_vop_temp(t, V_pandn, mask, d, 0);
    gen_vop(t, V_por, d, kept, chosen, 0);
}

void gen_pblendvb(struct translator *t, const struct insn *in)
{
    ir_var zero = ir_vtemp(t->ir);
    gen_vfromg(t, V_movd_from, zero, gen_xmm(0), gen_const(t, 0), 0);
    blend(t, in, gen_vop_temp(t, V_pcmpgtb, zero, gen_xmm(0), 0));
}

void gen_blendvps(struct translator *t, const struct insn *in)
{
    blend(t, in, gen_vop_temp(t, V_psrad_i, gen_xmm(0), gen_xmm(0), 31));
}

void gen_blendvpd(struct translator *t, const struct insn *in)
{
    ir_var signs = gen_vop_temp(t, V_psrad_i, gen_xmm(0), gen_xmm(0), 31);
    blend(t, in, gen_vop_temp(t, V_pshufd, signs, signs, 0xf5));
}

// ---- estimates: RCPPS, RSQRTPS (arg: helper)
static ir_var estimate_half(struct translator *t, const struct insn *in, ir_var s, unsigned half)
{
    ir_var result = ir_temp(t->ir);
    gen_call(t, (enum helper_id)in->row->arg, result, 1, gen_vector_half(t, s, half));
    return result;
}

void gen_estimate_packed(struct translator *t, const struct insn *in)
{
    ir_var d = gen_xmm(in->op[0].reg), s = gen_vector_operand(t, in, 1);
    ir_var low = estimate_half(t, in, s, 0), high = estimate_half(t, in, s, 1);
    ir_var r = ir_vtemp(t->ir);
    gen_vfromg(t, V_movq_from, r, gen_xmm(0), low, 0);
    gen_vfromg(t, V_pinsrq, d, r, high, 1);
}

void gen_estimate_scalar(struct translator *t, const struct insn *in)
{
    ir_var d = gen_xmm(in->op[0].reg), s = gen_vector_operand(t, in, 1), r = ir_vtemp(t->ir);
    gen_vfromg(t, V_movd_from, r, gen_xmm(0), estimate_half(t, in, s, 0), 0);
    gen_vop(t, V_movss, d, d, r, 0);
}

// ---- string comparisons. arg: PCMPSTR_ flags.
void gen_pcmpstr(struct translator *t, const struct insn *in)
{
    ir_var s = gen_vector_operand(t, in, 1), result = ir_temp(t->ir), flags = ir_temp(t->ir);
    unsigned code = (uint8_t)in->op[2].imm | (unsigned)in->row->arg | (unsigned)in->op[0].reg << PCMPSTR_REG_SHIFT;
    if (in->opsize == 3)
        code |= PCMPSTR_WIDE;
    gen_call(t, H_pcmpstr, result, 3, gen_const(t, code), gen_vector_half(t, s, 0), gen_vector_half(t, s, 1));
    ir_2(t->ir, IR_ZX32, 3, flags, result);
    if (!(in->row->arg & PCMPSTR_MASK)) {
        ir_var index = ir_temp(t->ir);
        ir_3(t->ir, IR_SHR, 3, index, result, gen_const(t, 32));
        gen_write_reg(t, R_RCX, 3, index);
    }
    gen_set_cc(t, CC_EFLAGS, 3, flags, IR_NONE, IR_NONE);
}

// MASKMOVDQU: V, U; to DS:rDI, which the decoder gives as the memory operand's segment only.
ir_var gen_rdi_address(struct translator *t, const struct insn *in)
{
    struct insn at = *in;
    at.mem = true;
    at.base = R_RDI;
    at.index = -1;
    at.scale = 0;
    at.disp = 0;
    at.segment = in->seg_override != 0xff ? in->seg_override : SEG_DS;
    return gen_linear(t, &at);
}

void gen_maskmovdqu(struct translator *t, const struct insn *in)
{
    ir_var d = gen_xmm(in->op[0].reg), mask = gen_xmm(in->op[1].reg);
    gen_call(t, H_maskmov, IR_NONE, 5, gen_rdi_address(t, in), gen_vector_half(t, d, 0), gen_vector_half(t, d, 1),
             gen_vector_half(t, mask, 0), gen_vector_half(t, mask, 1));
}

// ---- MXCSR and the extended state
void gen_stmxcsr(struct translator *t, const struct insn *in)
{
    struct gen_mem m = gen_address(t, in);
    ir_var value = ir_temp(t->ir);
    ir_1(t->ir, IR_GETMXCSR, 2, value);
    gen_store(t, &m, 2, value);
}

// Ends the block: with a link when all exceptions are masked as in this block, through the loop when that changed.
void gen_ldmxcsr(struct translator *t, const struct insn *in)
{
    struct gen_mem m = gen_address(t, in);
    ir_var value = gen_load(t, &m, 2, 0), masks = ir_temp(t->ir);
    gen_call(t, H_ldmxcsr_check, IR_NONE, 1, value);
    ir_1(t->ir, IR_SETMXCSR, 2, value);
    if (t->flags & BF_FLOAT_EXACT) {
        gen_exit_loop(t, in->next_rip);
        return;
    }
    gen_save_cc(t);
    ir_3(t->ir, IR_AND, 2, masks, value, gen_const(t, 0x1f80));
    unsigned same = ir_label(t->ir);
    struct ir_op *op = ir_append(t->ir, IR_BRCC, 2);
    op->kind = CC_SUB;
    op->cond = 4;
    op->arg[0] = masks;
    op->arg[1] = gen_const(t, 0x1f80);
    op->arg[2] = IR_NONE;
    op->imm = same;
    gen_exit_loop(t, in->next_rip);
    op = ir_append(t->ir, IR_LABEL, 0);
    op->imm = same;
    gen_exit_to(t, in->next_rip);
}

static unsigned fxsave_flags(const struct translator *t, const struct insn *in)
{
    return (in->opsize == 3 ? FXSAVE_WIDE : 0) | (long64(t) ? FXSAVE_LONG : 0);
}

// FXSAVE, FXRSTOR. arg: helper. The restoring ones may change top, MXCSR class and ES: back to the loop.
void gen_fxsave(struct translator *t, const struct insn *in)
{
    gen_call(t, (enum helper_id)in->row->arg, IR_NONE, 2, gen_linear(t, in), gen_const(t, fxsave_flags(t, in)));
    if (in->row->arg == H_fxrstor)
        gen_exit_loop(t, in->next_rip);
}

static ir_var edx_eax(struct translator *t)
{
    ir_var low = ir_temp(t->ir), high = ir_temp(t->ir), both = ir_temp(t->ir);
    ir_2(t->ir, IR_ZX32, 3, low, gen_reg(R_RAX));
    ir_3(t->ir, IR_SHL, 3, high, gen_reg(R_RDX), gen_const(t, 32));
    ir_3(t->ir, IR_OR, 3, both, low, high);
    return both;
}

// XSAVE, XSAVEOPT, XSAVEC, XRSTOR. arg: helper | fxsave_flags << 16. #UD when CR4.OSXSAVE is clear.
void gen_xsave(struct translator *t, const struct insn *in)
{
    unsigned helper = (unsigned)in->row->arg & 0xffff, flags = (unsigned)in->row->arg >> 16 | fxsave_flags(t, in);
    if (!(t->flags & BF_XSAVE)) {
        gen_raise(t, VEC_UD, false, 0);
        return;
    }
    gen_call(t, (enum helper_id)helper, IR_NONE, 3, gen_linear(t, in), edx_eax(t), gen_const(t, flags));
    if (helper == H_xrstor)
        gen_exit_loop(t, in->next_rip);
}

void gen_xgetbv(struct translator *t, const struct insn *in)
{
    ir_var value = ir_temp(t->ir), high = ir_temp(t->ir);
    if (!(t->flags & BF_XSAVE)) {
        gen_raise(t, VEC_UD, false, 0);
        return;
    }
    gen_call(t, H_xgetbv, value, 1, gen_reg(R_RCX));
    ir_3(t->ir, IR_SHR, 3, high, value, gen_const(t, 32));
    gen_write_reg(t, R_RAX, 2, value);
    gen_write_reg(t, R_RDX, 2, high);
}

void gen_xsetbv(struct translator *t, const struct insn *in)
{
    if (!(t->flags & BF_XSAVE)) {
        gen_raise(t, VEC_UD, false, 0);
        return;
    }
    if (!(t->flags & BF_CPL_0)) {
        gen_raise(t, VEC_GP, true, 0);
        return;
    }
    gen_call(t, H_xsetbv, IR_NONE, 2, gen_reg(R_RCX), edx_eax(t));
    gen_exit_loop(t, in->next_rip);
}
