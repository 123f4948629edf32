// SPDX-License-Identifier: MIT
//
// Translation of x87, MMX and SSE: the gen functions that opcodes_x87.def and opcodes_sse.def name, and the pieces
// that their files share.
#pragma once
#include "target/i386/helpers_fp.h"
#include "target/i386/translate.h"

// ---- gen_x87.c
// The block's stack top from here on: changes t->flags and flags_id, so that exits name it.
void gen_set_fpu_top(struct translator *t, unsigned top);
ir_var gen_linear(struct translator *t, const struct insn *in); // linear address of the memory operand, in a temp
// ---- gen_sse.c: one op of tcg/vec.def each; `row` is V_name
void gen_vop(struct translator *t, unsigned row, ir_var d, ir_var a, ir_var b, unsigned imm);
ir_var gen_vop_temp(struct translator *t, unsigned row, ir_var a, ir_var b, unsigned imm);
void gen_vfromg(struct translator *t, unsigned row, ir_var d, ir_var a, ir_var g, unsigned imm);
void gen_vtog(struct translator *t, unsigned row, ir_var g, ir_var a, unsigned imm);
void gen_vmov(struct translator *t, ir_var d, ir_var s);
ir_var gen_vector_half(struct translator *t, ir_var v, unsigned half); // bits 63:0 or 127:64, in a temp
ir_var gen_vector_operand(struct translator *t, const struct insn *in, unsigned n);
// Must row go through helper_vec_exact in this block? And the call: xmm is the destination's number.
bool gen_vec_is_exact(const struct translator *t, unsigned row);
ir_var gen_vec_exact(struct translator *t, unsigned row, unsigned xmm, ir_var s, ir_var g, unsigned imm);
ir_var gen_rdi_address(struct translator *t, const struct insn *in);

// ---- rows
void gen_x87_arith_mem(struct translator *t, const struct insn *in);
void gen_x87_arith_reg(struct translator *t, const struct insn *in);
void gen_x87_com_mem(struct translator *t, const struct insn *in);
void gen_x87_com_reg(struct translator *t, const struct insn *in);
void gen_x87_load(struct translator *t, const struct insn *in);
void gen_x87_fild64(struct translator *t, const struct insn *in);
void gen_x87_load_address(struct translator *t, const struct insn *in);
void gen_x87_store(struct translator *t, const struct insn *in);
void gen_x87_fld_reg(struct translator *t, const struct insn *in);
void gen_x87_fst_reg(struct translator *t, const struct insn *in);
void gen_x87_fxch(struct translator *t, const struct insn *in);
void gen_x87_unary(struct translator *t, const struct insn *in);
void gen_x87_constant(struct translator *t, const struct insn *in);
void gen_x87_math(struct translator *t, const struct insn *in);
void gen_x87_fcmov(struct translator *t, const struct insn *in);
void gen_x87_stack(struct translator *t, const struct insn *in);
void gen_x87_ffree(struct translator *t, const struct insn *in);
void gen_x87_fnstsw_ax(struct translator *t, const struct insn *in);
void gen_x87_fnstsw(struct translator *t, const struct insn *in);
void gen_x87_fnstcw(struct translator *t, const struct insn *in);
void gen_x87_fldcw(struct translator *t, const struct insn *in);
void gen_x87_env(struct translator *t, const struct insn *in);
void gen_x87_clear(struct translator *t, const struct insn *in);
void gen_x87_fwait(struct translator *t, const struct insn *in);
void gen_x87_nothing(struct translator *t, const struct insn *in);
void gen_vec(struct translator *t, const struct insn *in);
void gen_vec_imm(struct translator *t, const struct insn *in);
void gen_dot_product(struct translator *t, const struct insn *in);
void gen_insertps(struct translator *t, const struct insn *in);
void gen_vec_shift_imm(struct translator *t, const struct insn *in);
void gen_vec_to_g(struct translator *t, const struct insn *in);
void gen_cvt_from_g(struct translator *t, const struct insn *in);
void gen_pinsr(struct translator *t, const struct insn *in);
void gen_pextr(struct translator *t, const struct insn *in);
void gen_vec_compare(struct translator *t, const struct insn *in);
void gen_mov_load(struct translator *t, const struct insn *in);
void gen_mov_store(struct translator *t, const struct insn *in);
void gen_mov_scalar_load(struct translator *t, const struct insn *in);
void gen_mov_scalar_store(struct translator *t, const struct insn *in);
void gen_mov_low_load(struct translator *t, const struct insn *in);
void gen_mov_high_load(struct translator *t, const struct insn *in);
void gen_mov_low_store(struct translator *t, const struct insn *in);
void gen_mov_high_store(struct translator *t, const struct insn *in);
void gen_movd_load(struct translator *t, const struct insn *in);
void gen_movd_store(struct translator *t, const struct insn *in);
void gen_movnti(struct translator *t, const struct insn *in);
void gen_pblendvb(struct translator *t, const struct insn *in);
void gen_blendvps(struct translator *t, const struct insn *in);
void gen_blendvpd(struct translator *t, const struct insn *in);
void gen_estimate_packed(struct translator *t, const struct insn *in);
void gen_estimate_scalar(struct translator *t, const struct insn *in);
void gen_pcmpstr(struct translator *t, const struct insn *in);
void gen_maskmovdqu(struct translator *t, const struct insn *in);
void gen_stmxcsr(struct translator *t, const struct insn *in);
void gen_ldmxcsr(struct translator *t, const struct insn *in);
void gen_fxsave(struct translator *t, const struct insn *in);
void gen_xsave(struct translator *t, const struct insn *in);
void gen_xgetbv(struct translator *t, const struct insn *in);
void gen_xsetbv(struct translator *t, const struct insn *in);
void gen_mmx_op(struct translator *t, const struct insn *in);
void gen_mmx_pair(struct translator *t, const struct insn *in);
void gen_mmx_unpack_high(struct translator *t, const struct insn *in);
void gen_mmx_pshufb(struct translator *t, const struct insn *in);
void gen_mmx_palignr(struct translator *t, const struct insn *in);
void gen_mmx_pshufw(struct translator *t, const struct insn *in);
void gen_mmx_shift_imm(struct translator *t, const struct insn *in);
void gen_mmx_load(struct translator *t, const struct insn *in);
void gen_mmx_store(struct translator *t, const struct insn *in);
void gen_mmx_movd_load(struct translator *t, const struct insn *in);
void gen_mmx_movd_store(struct translator *t, const struct insn *in);
void gen_movq2dq(struct translator *t, const struct insn *in);
void gen_movdq2q(struct translator *t, const struct insn *in);
void gen_mmx_pmovmskb(struct translator *t, const struct insn *in);
void gen_mmx_pinsrw(struct translator *t, const struct insn *in);
void gen_mmx_pextrw(struct translator *t, const struct insn *in);
void gen_maskmovq(struct translator *t, const struct insn *in);
void gen_emms(struct translator *t, const struct insn *in);
void gen_cvtpi2ps(struct translator *t, const struct insn *in);
void gen_cvtps2pi(struct translator *t, const struct insn *in);
