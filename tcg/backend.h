// SPDX-License-Identifier: MIT
//
// What a backend (one host, or the interpreter) offers to exec/. A translated block is host code (or, for the
// interpreter, the op list itself) with up to four edges that exec links to other blocks.
//
// Entry protocol. `entry`: the block's budget was subtracted by whoever jumps there (a linked edge, or the loop).
// `entry_checked`: subtracts its own count; when the budget goes below 0 it refunds, stores rip and leaves with
// EXIT_BUDGET. Jump caches hold entry_checked. In both cases flags are saved in head (CC_ENV), unless the
// linker found that the target kills_flags and took the bare form.
// An edge, when taken: subtract the target's count; below 0: refund, save flags and rip, leave with EXIT_BUDGET;
// (cross page: compare context->code[slot] with the target's handle; not equal: save flags, rip, and go on through
// the jump cache;) then jump. Not linked: save flags and rip, leave with EXIT_NONE and head.exit_edge = the edge.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tcg/ir.h"

struct vcpu_head;
struct tcg_block;

struct tcg_edge {
    struct tcg_block *from;
    struct tcg_block *to;          // NULL: not linked
    struct tcg_edge *next_incoming; // list of edges into `to`
    uint64_t rip;
    uint32_t flags_id;             // flags id that the target must have
    bool exists, cross_page;
    // backend: where to patch, as offsets from block->code
    uint32_t patch_count, patch_jump, patch_saved, patch_guard, stub;
};
struct tcg_block {
    // filled by exec before `emit`
    uint64_t rip;
    uint32_t flags_id;
    uint16_t insn_count;
    bool kills_flags;              // overwrites all six flags before anything that can leave or look at them
    uint32_t code_handle;          // of the code page of rip (CONTRACT 5); 0 for uncached one-instruction blocks
    uint32_t second_handle;        // an instruction on two pages: runs only where context.code[second_slot] is this; 0: one page
    uint16_t second_slot;
    uint32_t site_base;            // number of its first site in the machine-wide table
    // filled by the backend
    const void *entry, *entry_checked;
    uint8_t *code;                 // executable view
    uint32_t code_size;
    struct tcg_edge edges[IR_MAX_EDGES];
    void *backend_data;            // interpreter: its ops
    // exec's own follows in struct tb (exec/translation_cache.h)
};

struct code_buffer; // tcg/code_buffer.h: writable and executable views of one memory
struct tcg_backend {
    const char *name;
    // Once a machine: emits the entry, leave and slow-path stubs. state is the backend's own.
    void *(*new)(const struct ir_target *target, struct code_buffer *buffer, struct error **errp);
    void (*free)(void *state);
    // Lower ir (optimized, with liveness) into block; NULL-free result, false when the buffer has not enough room
    // left (exec evicts and tries again).
    bool (*emit)(void *state, struct ir_block *ir, struct tcg_block *block);
    void (*release)(void *state, struct tcg_block *block); // frees backend_data (the code's memory is exec's)
    void (*link)(void *state, struct tcg_edge *edge, struct tcg_block *to);
    void (*unlink)(void *state, struct tcg_edge *edge);
    // Run from block->entry until something leaves; head.exit_reason and exit_edge say why. All globals are in
    // the struct again, budget is written back.
    void (*enter)(void *state, struct vcpu_head *cpu, const struct tcg_block *block);
    // From C below `enter`: drop everything above it and return from it. Globals must be in the struct (the stubs see
    // to that); head.exit_reason is set by the caller.
    void (*leave)(void *state, struct vcpu_head *cpu) __attribute__((noreturn));
    // head.backend_state of each vCPU points to `state`.
    void (*disassemble_note)(void *state, const struct tcg_block *block, FILE *out); // optional extra for out_asm
};
// plain: code as for a host without AVX, BMI, LZCNT and POPCNT, to test on one that has them.
extern const struct tcg_backend tcg_backend_x86_64, tcg_backend_x86_64_plain, tcg_backend_interp;
