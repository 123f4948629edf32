// SPDX-License-Identifier: MIT
//
// The intermediate representation: what a target's translator builds and a backend lowers.
//
// A block is a list of ops over variables. A variable is a global (a piece of guest state with a fixed place
// in the CPU struct, and on some hosts a home register that holds across blocks), a temp (lives inside
// the block), or a constant. At an INSN op all globals are exact: results of the instruction before have been
// written. COMMIT LAST: inside one guest instruction, no global may be written before the last op with flag L
// of that instruction (but VOP/GETCC etc. on temps may come anywhere); the verifier checks it.
// Text form (ir_dump, ir_parse): one op a line, `add.3 %rax, %rax, t4`; docs/ir.md.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct error;
enum ir_opcode {
#define OP(id, text, defs, uses, has_imm, flags) IR_##id,
#include "tcg/ops.def"
#undef OP
    IR__COUNT
};
enum ir_op_flags { IRF_P = 1, IRF_L = 2, IRF_E = 4, IRF_B = 8, IRF_G = 16, IRF_F = 32, IRF_S = 64 };

// Flag recipes: how the six arithmetic flags come from up to three values at a size. Undefined flags have the
// value given here (docs/contract.md 4). r = result, truncated to the size.
enum cc_kind {
    CC_ENV,    // saved in head.cc_lo/cc_of (also: nothing pending)
    CC_EFLAGS, // a holds the flags in EFLAGS layout
    CC_ADD,    // a = r, b = one addend
    CC_SUB,    // a = minuend, b = subtrahend (both as before; r = a - b): CMP, and NEG with a = 0
    CC_SUBR,   // a = r, b = subtrahend (the minuend is r + b)
    CC_ADC,    // a = r, b = addend, c = carry in (bit 0)
    CC_SBB,    // a = r, b = subtrahend, c = borrow in (bit 0)
    CC_LOGIC,  // a = r; CF OF AF = 0
    CC_INC,    // a = r, c = old CF in bit 0
    CC_DEC,    // a = r, c = old CF in bit 0
    CC_SHL,    // a = r, b = value shifted by count - 1; CF = msb(b), OF = msb(a ^ b), AF = 0
    CC_SHR,    // a = r, b = value shifted by count - 1; CF = lsb(b), OF = msb(a ^ b), AF = 0 (SAR, too)
    CC_MUL,    // a = low half, b != 0 when the high half is significant; CF = OF = (b != 0), AF = 0
    CC__COUNT
};
// Evaluate a recipe: EFLAGS bits CF 1, PF 4, AF 0x10, ZF 0x40, SF 0x80, OF 0x800. The reference for all tiers.
uint32_t cc_compute(enum cc_kind kind, unsigned size, uint64_t a, uint64_t b, uint64_t c);
// x86 condition 0..15 (o no b ae e ne be a s ns p np l ge le g) on EFLAGS bits.
bool cc_condition(unsigned cond, uint32_t eflags);

enum ir_var_kind { IR_GLOBAL, IR_TEMP, IR_CONST, IR_VGLOBAL, IR_VTEMP };
typedef uint16_t ir_var; // index into ir_block.vars
#define IR_NONE ((ir_var)0xffff)

struct ir_op {
    uint8_t opcode, size;
    uint8_t kind, cond;   // CC recipe and condition
    uint8_t scale, ext;   // memory and LEA: index shift; GLD: extension
    uint8_t size2;        // MOVCC: size of the move
    uint8_t edge;         // EXIT: edge number; LEAVE: exit reason
    uint8_t addr32 : 1, align : 1;
    uint8_t defs, uses;   // as in the table; CALL: its own
    uint16_t helper;      // CALL: index in the target's helper table; VOP etc.: row of vec.def
    uint16_t site;        // L ops: row of ir_block.sites; INSN: instruction number
    ir_var arg[6];        // defs first
    int64_t imm;
    uint8_t dead;         // liveness: bit k = arg[k] is not used (uses) / not needed (defs) after this op
};

struct ir_global {
    const char *name;
    uint32_t offset;      // in the CPU struct; 8 bytes (vectors: 16)
    bool vector;
};
// What may happen in a helper; the verifier and the backends go by it.
enum helper_flags {
    HELPER_LEAVES = 1,   // may raise a fault, reach devices or go to the loop: does not always return; needs a site
    HELPER_READS = 2,    // reads globals through the struct
    HELPER_WRITES = 4,   // writes globals (or budget, context) through the struct
    HELPER_GENERAL = 8,  // compiled for general registers only: no save of vectors
    HELPER_NORETURN = 16,// always leaves
};
struct helper_row {
    const char *name;
    void *function;      // uint64_t f(struct vcpu_head *cpu, uint64_t a1 .. a5); void ones return nothing
    uint8_t flags;
    uint8_t results, arguments; // 0..1, 0..5 (cpu not counted)
};
// Described once by a target, constant afterwards.
struct ir_target {
    const struct ir_global *globals; // most deserving of a home register first
    unsigned global_count;
    const struct helper_row *helpers;
    unsigned helper_count;
    uint32_t cpu_size;
    // name of a helper etc. come from the rows
};

struct ir_variable {
    uint8_t kind;
    uint16_t global;   // IR_GLOBAL, IR_VGLOBAL: index in target->globals
    int64_t value;     // IR_CONST
    // backend's own
    int16_t reg;
    int32_t slot;
    uint32_t next_use;
};
// Side-table row: guest state at a place that can leave.
struct ir_site {
    uint64_t rip;      // of the instruction
    uint16_t insn;     // its number in the block: instructions completed before it
    uint8_t kind, size; // flag recipe at the start of the instruction (CC_ENV: nothing pending)
    ir_var a, b, c;    // globals or constants only (a translator copies temps to head.cc_a.. with STENV, then uses
                       // cc_slot bits): IR_NONE when unused
    uint8_t cc_slot;   // bit 0: a is head.cc_a, bit 1: b is head.cc_b, bit 2: c is head.cc_c
};
struct ir_edge { uint64_t rip; uint32_t flags_id; bool cross_page; };
#define IR_MAX_EDGES 4
#define IR_MAX_OPS 4096
#define IR_MAX_VARS 4096

struct ir_block {
    const struct ir_target *target;
    struct ir_op *ops;
    unsigned op_count;
    struct ir_variable *vars; // the globals first, in the target's order
    unsigned var_count;
    struct ir_site *sites;
    unsigned site_count;
    struct ir_edge edges[IR_MAX_EDGES];
    unsigned edge_count;
    unsigned label_count;
    uint64_t rip;
    uint16_t insn_count; // what entering this block costs
    bool overflow;       // the builder ran out of room: the translator must cut the block earlier
};

struct ir_block *ir_block_new(const struct ir_target *target);
void ir_block_free(struct ir_block *block);
void ir_block_clear(struct ir_block *block);

// ---- builder
ir_var ir_temp(struct ir_block *block);
ir_var ir_vtemp(struct ir_block *block);
ir_var ir_const(struct ir_block *block, int64_t value);
static inline ir_var ir_global(unsigned index) { return (ir_var)index; }
unsigned ir_label(struct ir_block *block); // a new label number
// A zeroed op with defs/uses from the table, appended; valid until the next append.
struct ir_op *ir_append(struct ir_block *block, enum ir_opcode opcode, unsigned size);
void ir_1(struct ir_block *block, enum ir_opcode opcode, unsigned size, ir_var a);
void ir_2(struct ir_block *block, enum ir_opcode opcode, unsigned size, ir_var a, ir_var b);
void ir_3(struct ir_block *block, enum ir_opcode opcode, unsigned size, ir_var a, ir_var b, ir_var c);
void ir_4(struct ir_block *block, enum ir_opcode opcode, unsigned size, ir_var a, ir_var b, ir_var c, ir_var d);
uint16_t ir_site(struct ir_block *block, const struct ir_site *site);

// ---- passes (tcg/): in this order between translator and backend
bool ir_verify(const struct ir_block *block, char *why, size_t why_size); // rules above; in dbg builds and tests
void ir_optimize(struct ir_block *block);  // constants, copies, dead ops; one forward and one backward walk
void ir_liveness(struct ir_block *block);  // fills op.dead
void ir_dump(const struct ir_block *block, FILE *out);
// Reads the text back; NULL and *errp with the line number when it does not parse.
struct ir_block *ir_parse(const struct ir_target *target, const char *text, struct error **errp);
const char *ir_opcode_name(enum ir_opcode opcode);
unsigned ir_opcode_flags(enum ir_opcode opcode);
