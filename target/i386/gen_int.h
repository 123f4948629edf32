// SPDX-License-Identifier: MIT
//
// The gen functions that opcodes_int.def names, by the file of their family.
#pragma once
#include "target/i386/translate.h"

#define GEN(name) void name(struct translator *t, const struct insn *in);
GEN(gen_undefined) // translate.c
// gen_alu.c
GEN(gen_alu) GEN(gen_test) GEN(gen_not) GEN(gen_neg) GEN(gen_incdec) GEN(gen_cmpxchg) GEN(gen_cmpxchg16) GEN(gen_xadd) GEN(gen_setcc)
GEN(gen_cmov) GEN(gen_carry) GEN(gen_direction) GEN(gen_sahf) GEN(gen_lahf) GEN(gen_crc32)
// gen_mov.c
GEN(gen_mov) GEN(gen_lea) GEN(gen_movzx) GEN(gen_movsx) GEN(gen_movsxd) GEN(gen_xchg) GEN(gen_nop_or_xchg) GEN(gen_cbw) GEN(gen_cwd)
GEN(gen_bswap) GEN(gen_movbe) GEN(gen_xlat) GEN(gen_push) GEN(gen_pop) GEN(gen_leave) GEN(gen_nothing) GEN(gen_clflush)
GEN(gen_pushf) GEN(gen_popf) GEN(gen_enter) GEN(gen_pusha)
// gen_shift.c
GEN(gen_shift) GEN(gen_rotate) GEN(gen_rotate_carry) GEN(gen_double_shift) GEN(gen_bit_test) GEN(gen_bit_scan) GEN(gen_count)
GEN(gen_mul) GEN(gen_imul) GEN(gen_div)
// gen_control.c
GEN(gen_jcc) GEN(gen_jmp) GEN(gen_jmp_indirect) GEN(gen_call_near) GEN(gen_call_indirect) GEN(gen_ret) GEN(gen_loop) GEN(gen_far_memory)
GEN(gen_far_direct) GEN(gen_far_ret) GEN(gen_int) GEN(gen_into) GEN(gen_iret) GEN(gen_syscall) GEN(gen_hlt) GEN(gen_pause) GEN(gen_string)
// gen_system.c
GEN(gen_push_seg) GEN(gen_pop_seg) GEN(gen_mov_from_seg) GEN(gen_mov_to_seg) GEN(gen_load_far) GEN(gen_bound) GEN(gen_descriptor)
GEN(gen_store_selector) GEN(gen_load_table) GEN(gen_table_register) GEN(gen_lmsw) GEN(gen_invlpg) GEN(gen_invpcid) GEN(gen_group7_register)
GEN(gen_clts) GEN(gen_mov_cr) GEN(gen_mov_dr) GEN(gen_msr) GEN(gen_rdtsc) GEN(gen_random) GEN(gen_rdpid) GEN(gen_rdpmc) GEN(gen_cpuid) GEN(gen_in) GEN(gen_out)
GEN(gen_segment_base) GEN(gen_cli) GEN(gen_sti) GEN(gen_decimal)
#undef GEN
