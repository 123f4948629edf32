// SPDX-License-Identifier: MIT
//
// The interpreter: runs the op list of a block directly. Reference for the other backends, and the backend of hosts that
// have none. Globals live in the CPU struct all the time; temps in a frame of the state, constants with the block.
//
// Machine thread only; one interp_enter at a time (the frame belongs to the state). Every row of ops.def has a function
// interp_<id> here: a row without one does not link.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "softmmu/tlb.h"
#include "tcg/backend.h"
#include "tcg/vec.h"

struct run;
struct iop;
typedef void (*iop_fn)(struct run *run, const struct iop *op);

// An operand is a place: byte offset << 2 | base.
enum place_base { BASE_FRAME, BASE_CPU, BASE_CONSTANTS, BASE_COUNT };
struct iop {
    iop_fn run;
    int64_t imm;         // as in the op; BR, BRCC: index of the op after the label
    uint32_t arg[6];
    uint32_t site;       // number in the machine-wide table
    uint16_t helper;
    uint8_t size, kind, cond, scale, ext, size2, edge, defs, uses, addr32, align;
};
struct interp_block {
    struct tcg_block *block;
    size_t bytes;        // of all, for the accounting of the code buffer
    uint64_t *constants; // the first is 0: what IR_NONE reads
    struct iop ops[];
};
struct interp_state {
    const struct ir_target *target;
    struct code_buffer *buffer; // not written: its room limits how much all blocks may take; may be NULL
    uint64_t *frame;
};
struct run { // one entry into interpreted code
    char *base[BASE_COUNT];
    struct vcpu_head *cpu;
    const struct interp_state *state;
    const struct interp_block *code;
    const struct iop *next; // NULL: left, exit_reason is set
};

static inline void *interp_place(const struct run *run, uint32_t arg) { return run->base[arg & 3] + (arg >> 2); }
static inline uint64_t interp_get(const struct run *run, const struct iop *op, unsigned k)
{
    return *(const uint64_t *)interp_place(run, op->arg[k]);
}
static inline uint64_t interp_truncate(uint64_t value, unsigned size)
{
    return size == 3 ? value : value & ((1ull << (8u << size)) - 1);
}
static inline int64_t interp_signed(uint64_t value, unsigned size)
{
    unsigned unused = 64 - (8u << size);
    return (int64_t)(value << unused) >> unused;
}
// Write operand k by the IR's rule: 32 bits clear the upper half, 8 and 16 bits keep the rest.
static inline void interp_put(const struct run *run, const struct iop *op, unsigned k, unsigned size, uint64_t value)
{
    uint64_t *to = interp_place(run, op->arg[k]);
    if (size >= 2)
        *to = interp_truncate(value, size);
    else
        *to = (*to & ~((1ull << (8u << size)) - 1)) | interp_truncate(value, size);
}
static inline union vec128 *interp_vector(const struct run *run, const struct iop *op, unsigned k)
{
    return interp_place(run, op->arg[k]);
}

// The flags of the recipe in op, whose first operand is arg[first]; EFLAGS layout.
uint32_t interp_flags(const struct run *run, const struct iop *op, unsigned first);
void interp_save_flags(struct vcpu_head *cpu, uint32_t flags);

#define OP(id, text, defs, uses, has_imm, flags) void interp_##id(struct run *run, const struct iop *op);
#include "tcg/ops.def"
#undef OP
