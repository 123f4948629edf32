// SPDX-License-Identifier: MIT
//
// x87 instructions as helpers: what the translator passes and what the files helper_x87*.c share.
//
// Each helper executes one whole instruction: check for a pending exception and the stack, compute, commit. Its
// first argument is an x87_info word, a constant of the translation; registers are physical numbers, since
// the stack top is part of the block's key. The fast versions (helper_x87_host.c) run on the host's x87 when all
// exceptions are masked; everything else, and the whole of it on other hosts and under the interpreter,
// is soft float (helper_x87.c). Both are compiled for general registers only.
//
// Unmasked exceptions: the instruction that meets one sets ES in the status word and, when it is IE, DE or ZE, writes
// nothing and does not move the top. The translation runs on with a wrong static top, which does no harm: each
// later waiting instruction looks at ES first and raises #MF; those that clear ES end the block. [SDM 1 8]
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "fpu/softfloat.h"
#include "target/i386/cpu.h"
#include "tcg/backend.h"

#define X87_IE 1u
#define X87_SF 0x40u
#define X87_ES 0x80u
#define X87_C1 0x200u
#define X87_CC 0x4700u       // C0 C1 C2 C3
#define X87_BUSY 0x8000u
#define X87_DEFAULT_CONTROL 0x37f

// The info word: dst, src, top after; then bytes of registers by bit: looked at, expected empty (of
// those), valid after, empty after; then the 11-bit opcode.
static inline uint64_t x87_info(unsigned dst, unsigned src, unsigned top_after, unsigned check, unsigned expect_empty,
                                unsigned valid_after, unsigned empty_after, unsigned opcode)
{
    return dst | src << 3 | top_after << 6 | (uint64_t)check << 16 | (uint64_t)expect_empty << 24 |
           (uint64_t)valid_after << 32 | (uint64_t)empty_after << 40 | (uint64_t)opcode << 48;
}
static inline struct x87_reg *x87_dst(struct x86_cpu *cpu, uint64_t info) { return &cpu->fpr[info & 7]; }
static inline struct x87_reg *x87_src(struct x86_cpu *cpu, uint64_t info) { return &cpu->fpr[info >> 3 & 7]; }

static inline bool x87_stack_ok(const struct x86_cpu *cpu, uint64_t info)
{
    return ((cpu->fpu_empty ^ info >> 24) & info >> 16 & 0xff) == 0;
}

// FLD ST(7): source and new top are one register, which no state suits.
static inline bool x87_is_fld_st7(uint64_t info)
{
    return (info & 7) == (info >> 3 & 7) && info >> 24 & 0xff;
}

static inline void x87_commit(struct x86_cpu *cpu, uint64_t info)
{
    cpu->fpu_empty = (uint8_t)((cpu->fpu_empty & ~(info >> 32)) | info >> 40);
    cpu->fpu_top = info >> 6 & 7;
}

// May the host's x87 do this instruction?
static inline bool x87_on_host(const struct x86_cpu *cpu, uint64_t info)
{
#ifdef __x86_64__
    return x87_stack_ok(cpu, info) && (cpu->fpu_control & 0x3f) == 0x3f && !(cpu->fpu_status & X87_ES) &&
           cpu->head.backend != &tcg_backend_interp;
#else
    return false;
#endif
}

static inline struct sf_f80 x87_value(const struct x87_reg *r) { return (struct sf_f80){.mant = r->mant, .se = r->se}; }
static inline void x87_put(struct x87_reg *r, struct sf_f80 v)
{
    r->mant = v.mant;
    r->se = v.se;
}

// ---- helper_x87.c
// Raise #MF (or FERR when CR0.NE is 0) if an exception is pending: first thing in each waiting instruction.
void x87_wait(struct x86_cpu *cpu);
// Stack check of info. True: fine. False: the fault is recorded; *masked tells whether the masked response is due.
bool x87_check_stack(struct x86_cpu *cpu, uint64_t info, bool *masked);
// Merge what a soft operation raised and C1. False: an unmasked IE, DE or ZE: nothing may be written.
bool x87_merge(struct x86_cpu *cpu, uint64_t info, const struct sf_env *env);
// Raise flags (with C1 as given) as x87_merge does. FOP becomes that of the last instruction with an unmasked exception.
// [SDM 1 8.1.9.1]
bool x87_raise_flags(struct x86_cpu *cpu, uint64_t info, unsigned flags, bool c1);
static inline void x87_set_cc(struct x86_cpu *cpu, unsigned mask, unsigned value)
{
    cpu->fpu_status = (uint16_t)((cpu->fpu_status & ~mask) | (value & mask));
}
// After a change of control or status word: ES and B as the flags and masks say.
void x87_update_summary(struct x86_cpu *cpu);

// Kinds of the second operand.
enum x87_operand { X87_REG, X87_F32, X87_F64, X87_INT };
enum x87_compare { X87_COM, X87_UCOM, X87_COMI, X87_UCOMI };
enum x87_unary { X87_SQRT, X87_RNDINT, X87_CHS, X87_ABS, X87_TST, X87_XAM };
enum x87_store { X87_ST_F32, X87_ST_F64, X87_ST_I16, X87_ST_I32, X87_ST_I64, X87_ST_T16, X87_ST_T32, X87_ST_T64 };
// Soft versions; `operand` is the memory operand's bits (X87_INT: the value).
void x87_soft_arith(struct x86_cpu *cpu, uint64_t info, enum sf_f80_op op, enum x87_operand kind, uint64_t operand);
uint64_t x87_soft_compare(struct x86_cpu *cpu, uint64_t info, enum x87_compare how, enum x87_operand kind, uint64_t operand);
void x87_soft_load(struct x86_cpu *cpu, uint64_t info, enum x87_operand kind, uint64_t operand);
void x87_soft_unary(struct x86_cpu *cpu, uint64_t info, enum x87_unary op);
void x87_soft_store(struct x86_cpu *cpu, uint64_t info, enum x87_store kind, uint64_t address);
void x87_soft_move(struct x86_cpu *cpu, uint64_t info);     // dst = src: FLD ST(i), FST ST(i)
void x87_soft_exchange(struct x86_cpu *cpu, uint64_t info);
void x87_soft_load80(struct x86_cpu *cpu, uint64_t info, uint64_t address);
void x87_soft_store80(struct x86_cpu *cpu, uint64_t info, uint64_t address);

// ---- the whole state, for FXSAVE, XSAVE, FSAVE, gdb
void x87_reset(struct x86_cpu *cpu); // FNINIT
uint16_t x87_tag_word(const struct x86_cpu *cpu);
static inline uint16_t x87_status_word(const struct x86_cpu *cpu)
{
    return (uint16_t)((cpu->fpu_status & ~0x3800u) | (unsigned)cpu->fpu_top << 11);
}
void x87_set_status_word(struct x86_cpu *cpu, uint16_t status);
