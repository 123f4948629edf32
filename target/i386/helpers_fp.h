// SPDX-License-Identifier: MIT
//
// Prototypes of the helpers in helpers_fp.def, and the operation numbers that some of them take.
#pragma once
#include <stdint.h>

struct vcpu_head;

// Those without a result return 0.
#define HELPER_0(name) uint64_t helper_##name(struct vcpu_head *head);
#define HELPER_1(name) uint64_t helper_##name(struct vcpu_head *head, uint64_t a1);
#define HELPER_2(name) uint64_t helper_##name(struct vcpu_head *head, uint64_t a1, uint64_t a2);
#define HELPER_3(name) uint64_t helper_##name(struct vcpu_head *head, uint64_t a1, uint64_t a2, uint64_t a3);
#define HELPER_4(name) \
    uint64_t helper_##name(struct vcpu_head *head, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4);
#define HELPER_5(name) \
    uint64_t helper_##name(struct vcpu_head *head, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);
#define HELPER(name, flags, results, arguments) HELPER_##arguments(name)
#include "target/i386/helpers_fp.def"
#undef HELPER
#undef HELPER_0
#undef HELPER_1
#undef HELPER_2
#undef HELPER_3
#undef HELPER_4
#undef HELPER_5

// helper_fmath: second argument.
enum x87_math {
    X87_F2XM1, X87_FYL2X, X87_FPTAN, X87_FPATAN, X87_FXTRACT, X87_FPREM1, X87_FPREM, X87_FYL2XP1, X87_FSINCOS, X87_FSCALE,
    X87_FSIN, X87_FCOS,
};
// Formats of the environment in memory: second argument of FNSTENV, FLDENV, FNSAVE, FRSTOR.
enum x87_env_format { X87_ENV_WIDE = 1, X87_ENV_PROTECTED = 2 };
// helper_pcmpstr: first argument: imm, then these, then the register number of the first source.
enum { PCMPSTR_EXPLICIT = 0x100, PCMPSTR_MASK = 0x200, PCMPSTR_WIDE = 0x400, PCMPSTR_REG_SHIFT = 16 };
// helper_fxsave, helper_fxrstor: second argument; helper_xsave, helper_xrstor: third.
enum fxsave_flags { FXSAVE_WIDE = 1 /* REX.W */, FXSAVE_LONG = 2 /* 64-bit mode: 16 registers */, XSAVE_OPT = 4, XSAVE_COMPACT = 8 };
// helper_vec_exact: first argument.
#define VEC_EXACT_CODE(row, imm, dst) ((uint64_t)(row) | (uint64_t)(imm) << 16 | (uint64_t)(dst) << 24)
#define VEC_EXACT_NONE 0xffu // no xmm register is the destination: the low 64 bits are returned
