// SPDX-License-Identifier: MIT
//
// Translator: guest code -> IR. translate_block decodes the block first (so that flags that die are
// known), then calls each row's gen function. Shared by the gen_*.c files.
#pragma once
#include "target/i386/cpu.h"
#include "target/i386/decode.h"
#include "target/i386/helpers_fp.h"
#include "target/i386/helpers_int.h"
#include "tcg/ir.h"

#define MAX_BLOCK_INSNS 64

// Indices of IR globals, in home priority order.
enum x86_global {
    G_RAX, G_RCX, G_RDX, G_RBX, G_RSP, G_RBP, G_RSI, G_RDI, G_R8, G_R9, G_R10, G_R11, G_R12, G_R13, G_R14, G_R15,
    G_XMM0, G_XMM15 = G_XMM0 + 15,
    G__COUNT
};
extern const struct ir_target x86_ir_target;

// helpers.def: HELPER(name, flags, results, arguments) -> enum helper_id, table, prototypes helper_<name>.
enum helper_id {
#define HELPER(name, flags, results, arguments) H_##name,
#include "target/i386/helpers.def"
#undef HELPER
    H__COUNT
};

struct recipe { uint8_t kind, size; ir_var a, b, c; };

extern const struct helper_row x86_helpers[];
struct translator {
    struct ir_block *ir;
    uint32_t flags;              // enum block_flags
    uint64_t flags_id;           // of these flags
    const struct insn *insns;
    unsigned count, current;
    struct recipe cc;            // where the flags are now
    uint16_t needed;             // flags of the current instruction that somebody may see
    uint16_t site;               // ir_site row of the current instruction (made on demand)
    bool site_made, ended;
    uint8_t cc_saved;            // operands of cc that head.cc_a.. hold already, by bit
    uint16_t needed_after[MAX_BLOCK_INSNS];
    // how to make flag ids for exits whose flags differ (exec interns)
    uint32_t (*intern)(void *opaque, uint32_t flags);
    void *opaque;
};

struct code_window { const uint8_t *bytes; size_t available; const uint8_t *next_page; size_t next_available; };
// Translate up to max_insns instructions at rip into ir (cleared first). Sets ir->insn_count, edges, sites.
// Returns the bytes of guest code used; *kills_flags as tcg_block wants it. Never fails: bad code becomes code that
// raises #UD. get_code fetches bytes without side effects beyond the first page (NULL: not mapped: the block ends before
// an instruction that would need it, or raises when it is the first).
unsigned translate_block(struct translator *t, const uint8_t *page_bytes, size_t available, const uint8_t *next_bytes,
                         size_t next_available, uint64_t rip, uint32_t flags, unsigned max_insns, bool *kills_flags);

// ---- for gen_*.c
uint16_t gen_site(struct translator *t);  // site of the current instruction
static inline ir_var gen_const(struct translator *t, int64_t v) { return ir_const(t->ir, v); }
ir_var gen_reg(unsigned reg);             // global of a general register
ir_var gen_xmm(unsigned reg);
// Address of the instruction's memory operand as IR operands (adds the segment base if it has one).
struct gen_mem { ir_var base, index; uint8_t scale; bool addr32; int64_t disp; };
struct gen_mem gen_address(struct translator *t, const struct insn *in);
ir_var gen_ea(struct translator *t, const struct insn *in);   // effective address without segment (LEA), into a temp
ir_var gen_load(struct translator *t, const struct gen_mem *m, unsigned size, unsigned ext); // new temp, zero or sign extended
void gen_load_to(struct translator *t, ir_var dst, const struct gen_mem *m, unsigned size, unsigned ext);
void gen_store(struct translator *t, const struct gen_mem *m, unsigned size, ir_var value);
ir_var gen_vload(struct translator *t, const struct gen_mem *m, unsigned size, bool aligned); // vector temp
void gen_vstore(struct translator *t, const struct gen_mem *m, unsigned size, ir_var value, bool aligned);
// Operand access by the row: value of operand n as a variable readable at its size (registers are returned as
// their globals, not copied); store back to operand n.
ir_var gen_read(struct translator *t, const struct insn *in, unsigned n);
void gen_write(struct translator *t, const struct insn *in, unsigned n, ir_var value);
// Write a general register at a size (x86 rules).
void gen_write_reg(struct translator *t, unsigned reg, unsigned size, ir_var value);
// The global of a register that the next operation writes at `size`: what the flag recipe needs of it is copied first.
ir_var gen_dest(struct translator *t, unsigned reg);
// The current instruction's flags come from this recipe now. Call after the last write of the instruction; operands may
// be globals only if they hold the named value after the instruction.
void gen_set_cc(struct translator *t, enum cc_kind kind, unsigned size, ir_var a, ir_var b, ir_var c);
ir_var gen_get_eflags_arith(struct translator *t); // the six flags, EFLAGS layout, 64-bit temp
void gen_save_cc(struct translator *t);            // flags to the struct (before helpers that read or write them)
void gen_cc_from_env(struct translator *t);        // flags are in the struct now (after a helper that wrote them)
// Before a global is written that the current flags are computed from, while they are still needed: keeps a copy.
void gen_protect(struct translator *t, ir_var global);
// Bits of t->needed for this instruction's own flags; `pass`: flags of before that live on.
ir_var gen_condition_value(struct translator *t, unsigned cond); // SETCC of the current flags, 64-bit temp
void gen_store_env(struct translator *t, unsigned size, int64_t offset, ir_var value);
ir_var gen_load_env(struct translator *t, unsigned size, int64_t offset); // new temp
void gen_branch(struct translator *t, const struct recipe *cc, unsigned cond, unsigned label);
void gen_move_if(struct translator *t, const struct recipe *cc, unsigned cond, unsigned size, ir_var d, ir_var s); // d is read
void gen_label(struct translator *t, unsigned label);
void gen_exit_halt(struct translator *t, uint64_t rip);
ir_var gen_lea_op(struct translator *t, unsigned size, ir_var base, ir_var index, unsigned scale, int64_t disp);
struct gen_mem gen_mem_at(struct translator *t, unsigned seg, ir_var offset); // seg:offset
struct gen_mem gen_stack_at(struct translator *t, int64_t offset); // SS:RSP + offset
void gen_stack_adjust(struct translator *t, int64_t delta);
void gen_push_value(struct translator *t, unsigned size, ir_var value);
// Load for a store that follows to the same place: the store (gen_rmw_store) cannot fault.
ir_var gen_rmw(struct translator *t, const struct gen_mem *m, unsigned size, ir_var *token);
void gen_rmw_store(struct translator *t, const struct gen_mem *m, unsigned size, ir_var token, ir_var value);
void gen_check_pending(struct translator *t, uint64_t next_rip); // exit, through the loop when something is pending
// Call a helper: sets the site, saves flags when it may need them. result IR_NONE when it has none.
void gen_call(struct translator *t, enum helper_id helper, ir_var result, unsigned count, ...);
void gen_raise(struct translator *t, enum vector vector, bool has_error, uint32_t error); // ends the block when unconditional
void gen_exit_to(struct translator *t, uint64_t rip);   // direct edge; flags as t->cc says
void gen_exit_indirect(struct translator *t, ir_var rip);
// The state that block flags or mapping depend on changed: go to the loop after this instruction; rip = next (or as stored).
void gen_exit_loop(struct translator *t, uint64_t rip);
void gen_exit_loop_stored(struct translator *t); // a helper has set head.rip
void gen_exit_untrapped(struct translator *t, uint64_t rip, bool stored); // the same two without the trap of TF
// After a helper that ended with cpu_resume: on at head.rip in the state that it has set. traps: TF as before the instruction counts.
void gen_resume(struct translator *t, bool traps);
bool gen_require_fpu(struct translator *t, const struct insn *in); // emits the #NM/#UD when flags say so; false: raised, stop
static inline bool long64(const struct translator *t) { return t->flags & BF_CS_L; }
