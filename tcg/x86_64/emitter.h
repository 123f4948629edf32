// SPDX-License-Identifier: MIT
//
// State of the x86-64 backend and of the block that it is emitting; what its files offer each other.
//
// Host registers in generated code:
//   rbp the CPU struct, r14 head.context, r15d the budget, rsp a frame of the host's stack (16-aligned)
//   rbx rsi rdi r8..r13  homes of the first nine integer globals; the others are memory operands
//   xmm0..13             homes of the first fourteen vector globals
//   rax rcx rdx          temps, handed out by alloc.c; dead at every call; xmm14, xmm15 likewise
// MXCSR holds the guest's, all exceptions masked. One pass; no allocation of memory for a block.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "softmmu/tlb.h"
#include "tcg/backend.h"
#include "tcg/code_buffer.h"
#include "tcg/ir.h"
#include "tcg/x86_64/assembler.h"

#define CPU_REG RBP
#define CONTEXT_REG R14
#define BUDGET_REG R15
#define SCRATCH_COUNT 3u   // rax rcx rdx
#define VSCRATCH_FIRST 14u // xmm14, xmm15
#define VSCRATCH_COUNT 2u
#define X86_MAX_GLOBALS 64
#define X86_MAX_LABELS 1024
#define HOME_COUNT 9u
#define VHOME_COUNT 14u
// Registers that C may change, among the homes.
#define CALLER_SAVED (1u << RSI | 1u << RDI | 1u << R8 | 1u << R9 | 1u << R10 | 1u << R11)

// The frame, as offsets from rsp: spill slots first (short displacements for the first ones).
enum frame {
    FRAME_SLOTS = 0, FRAME_SLOTS_END = 0x10000,
    FRAME_VA = FRAME_SLOTS_END,      // slow path: address
    FRAME_VALUE = FRAME_VA + 0x10,   // slow path: value to store (16 bytes)
    FRAME_RESULT = FRAME_VA + 0x20,  // slow path: value loaded (16 bytes)
    FRAME_TOKEN = FRAME_VA + 0x30,   // GRMW: pointer or NULL
    FRAME_RMW_VA = FRAME_VA + 0x38,  // GRMW with token NULL: where GRMWST stores
    FRAME_SAVE = FRAME_VA + 0x40,    // rax, rcx, rdx over a slow path
    FRAME_JUMP_ID = FRAME_VA + 0x58, // edge whose guard failed: flags id of its target
    FRAME_MXCSR_HOST = FRAME_VA + 0x60,
    FRAME_MXCSR = FRAME_VA + 0x64,   // for ldmxcsr and stmxcsr
    FRAME_CC = FRAME_VA + 0x68,      // operands of flag recipes that have no register (3)
    FRAME_SIZE = FRAME_VA + 0x88,    // 8 mod 16: six pushes and a return address are above
};
#define X86_EXIT_JUMP 0x80 // exit_reason between a failed guard and the lookup in the jump cache

// What the host's flags hold now. Operands are variables whose values have not changed since.
enum flags_family { HF_NONE, HF_SZP, HF_ADD, HF_SUB, HF_ADC, HF_SBB, HF_LOGIC, HF_SHL, HF_SHR, HF_EFLAGS };
#define HF_ZERO ((ir_var)0xfffe) // as operand: the constant 0
struct host_flags {
    uint8_t family, size;
    ir_var r, x, y, c; // result; ADD, ADC: addends x y; SUB, SBB: minuend x, subtrahend y; shifts (by 1): source x
    ir_var carry;      // CF is bit 0 of this variable
};

enum cold_kind {
    COLD_LOAD, COLD_STORE, COLD_RMW, COLD_RMW_STORE, COLD_PROBE, COLD_VLOAD, COLD_VSTORE, COLD_MISALIGNED, COLD_BUDGET,
    COLD_EDGE, COLD_SECOND_PAGE, COLD_JUMP,
};
struct cc_recipe { uint8_t kind, size; struct operand a, b, c; };
struct cold { // a piece of code that follows the block's hot code
    uint8_t kind, size, ext;
    uint8_t address, index; // registers: offset into the page; place of the TLB entry
    uint8_t reg;            // loads: destination
    uint8_t token;          // COLD_RMW: its register
    uint8_t edge;
    uint32_t site;
    uint8_t *patch;         // rel32 of the jump here
    uint8_t *back;          // where to go on
    struct operand value;   // stores
    struct cc_recipe cc;    // edges
};
struct label_state { // registers at the only jump to a label
    ir_var owner[SCRATCH_COUNT], vowner[VSCRATCH_COUNT];
    bool valid[SCRATCH_COUNT], vvalid[VSCRATCH_COUNT];
    struct host_flags flags;
};
struct label {
    uint16_t uses;
    bool single;           // one jump, and nothing falls into it
    uint8_t *position;
    struct label_state state;
};
struct label_fixup { uint8_t *patch; unsigned label; };

struct x86_stubs { // executable view
    const uint8_t *enter, *leave, *exit, *edge_exit, *resume, *jump_miss, *misaligned;
    const uint8_t *load[4], *store[4], *rmw[4], *load128, *store128, *probe;
    const uint8_t *store_all, *store_caller;
    const uint8_t *call[4]; // bit 0: save vectors; bit 1: reload everything
};

struct x86_state {
    const struct ir_target *target;
    struct code_buffer *buffer;
    bool has_avx, has_bmi1, has_bmi2, has_lzcnt, has_popcnt;
    uint8_t home[X86_MAX_GLOBALS]; // of each global: register, xmm register, or NO_REG
    struct x86_stubs stubs;

    // ---- the block being emitted
    struct x86_asm a;
    const uint8_t *limit;  // writable view
    ptrdiff_t rx_delta;    // executable - writable view
    uint8_t *start;        // writable view
    struct ir_block *ir;
    struct tcg_block *block;
    ir_var owner[SCRATCH_COUNT], vowner[VSCRATCH_COUNT];
    unsigned pinned, vpinned; // registers that the current op has in hand
    int32_t slot_next;
    uint16_t free_slots[64], free_vslots[32];
    unsigned free_slot_count, free_vslot_count;
    struct host_flags hf;
    bool failed;           // something that does not fit this backend's limits
    unsigned cold_count, fixup_count;
    struct label labels[X86_MAX_LABELS];
    struct label_fixup fixups[IR_MAX_OPS];
    struct cold cold[2 * IR_MAX_OPS + 8];
};

static inline const uint8_t *x86_rw(const struct x86_state *e, const uint8_t *rx) { return rx - e->rx_delta; }
static inline struct operand cpu_mem(size_t offset) { return opnd_mem(CPU_REG, (int32_t)offset); }
static inline struct operand frame_mem(int32_t offset) { return opnd_mem(RSP, offset); }
// dst = src >> count in the bits that a mask below 2^(32 - count) keeps; the others are anything. Changes host flags.
static inline void x86_shift_down(struct x86_state *e, unsigned dst, unsigned src, unsigned count)
{
    if (e->has_bmi2) {
        x_rorx(&e->a, dst, opnd_reg(src), count);
    } else {
        x_mov_rr(&e->a, 2, dst, src);
        x_shift_imm(&e->a, X_SHR, 2, opnd_reg(dst), count);
    }
}
#define HEAD(field) cpu_mem(offsetof(struct vcpu_head, field))

// ---- alloc.c: where variables are
void alloc_start(struct x86_state *e);
// Where v is now; no code. Constants are immediates of any width; IR_NONE is the immediate 0.
struct operand alloc_where(struct x86_state *e, ir_var v);
// A scratch register, pinned until the op ends; moves its owner away. Never changes the host's flags.
unsigned alloc_scratch(struct x86_state *e);
void alloc_take(struct x86_state *e, unsigned reg); // this one
static inline void alloc_unpin(struct x86_state *e, unsigned reg) { e->pinned &= ~(1u << reg); }
// The value (at `size`) in a register / register or memory / also as an immediate that the encodings allow.
unsigned alloc_use_reg(struct x86_state *e, ir_var v, unsigned size);
struct operand alloc_use_rm(struct x86_state *e, ir_var v, unsigned size);
struct operand alloc_use_rmi(struct x86_state *e, ir_var v, unsigned size);
// The register to write v into; keep: it must hold the old value first. alloc_def_done ends the write.
unsigned alloc_def(struct x86_state *e, ir_var v, bool keep);
void alloc_def_done(struct x86_state *e, ir_var v, unsigned size, unsigned reg);
// Register to write arg[def] into that holds a copy of arg[use] at op size now (for two-address instructions).
// Resolve other operands first. The caller has excluded arg[def] == another operand.
unsigned alloc_def_copy(struct x86_state *e, const struct ir_op *op, unsigned def, unsigned use, unsigned size);
// v's new value is in scratch register reg, all 64 bits.
void alloc_bind(struct x86_state *e, ir_var v, unsigned reg);
void alloc_move(struct x86_state *e, unsigned size, unsigned reg, struct operand from); // mov at a size, any operand
void alloc_drop(struct x86_state *e, ir_var n); // the temp's register (not its slot) is not needed any more
void alloc_op_end(struct x86_state *e, const struct ir_op *op);
void alloc_spill_all(struct x86_state *e); // all values also in their slots
void alloc_forget(struct x86_state *e);    // after alloc_spill_all: nothing in registers
bool alloc_dies(const struct x86_state *e, const struct ir_op *op, unsigned k); // temp, arg[k] used for the last time
void alloc_save_state(struct x86_state *e, struct label_state *out);
void alloc_restore_state(struct x86_state *e, const struct label_state *in);
// Vectors
unsigned valloc_scratch(struct x86_state *e);
unsigned valloc_use(struct x86_state *e, ir_var v);
unsigned valloc_def(struct x86_state *e, ir_var v, bool keep);
void valloc_def_done(struct x86_state *e, ir_var v, unsigned reg);

// ---- flags.c
static inline void flags_kill(struct x86_state *e)
{
    e->hf = (struct host_flags){ .family = HF_NONE, .r = IR_NONE, .x = IR_NONE, .y = IR_NONE, .c = IR_NONE, .carry = IR_NONE };
}
void flags_written(struct x86_state *e, ir_var v); // v changes
void flags_set(struct x86_state *e, enum flags_family family, unsigned size, ir_var r, ir_var x, ir_var y, ir_var c);
// Make the host's flags answer op's condition; returns the host condition to test.
unsigned flags_condition(struct x86_state *e, const struct ir_op *op);
void flags_load_carry(struct x86_state *e, ir_var c); // CF = bit 0 of c
void flags_emit_setcc(struct x86_state *e, const struct ir_op *op);
void flags_emit_movcc(struct x86_state *e, const struct ir_op *op);
void flags_emit_getcc(struct x86_state *e, const struct ir_op *op);
void flags_emit_savecc(struct x86_state *e, const struct ir_op *op);
void flags_recipe(struct x86_state *e, const struct ir_op *op, struct cc_recipe *out);
// Cold code: store the recipe's flags to cc_of and cc_lo. All scratch registers are free but for its operands.
void flags_save_cold(struct x86_state *e, struct cc_recipe cc);

// ---- memory.c
struct operand memory_address(struct x86_state *e, ir_var base, ir_var index, unsigned scale, int64_t disp);
void memory_emit(struct x86_state *e, const struct ir_op *op);
void memory_emit_cold(struct x86_state *e, struct cold *c);
struct cold *cold_add(struct x86_state *e, enum cold_kind kind);

// ---- integer.c, vector.c, call.c, edges.c
void integer_emit(struct x86_state *e, const struct ir_op *op);
void vector_emit(struct x86_state *e, const struct ir_op *op);
void call_emit(struct x86_state *e, const struct ir_op *op);
void edges_emit(struct x86_state *e, const struct ir_op *op);
void edges_emit_entry(struct x86_state *e);
void edges_emit_cold(struct x86_state *e, struct cold *c);
void edges_link(void *state, struct tcg_edge *edge, struct tcg_block *to);
void edges_unlink(void *state, struct tcg_edge *edge);

// ---- stubs.c
bool stubs_emit(struct x86_state *e);
