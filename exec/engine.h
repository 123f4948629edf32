// SPDX-License-Identifier: MIT
//
// The execution engine: translation cache and vCPU loop. Knows no guest architecture and no device: the target's
// functions come in struct engine_target, time in struct clock.
//
// Machine thread only. All vCPUs take turns on it: a slice ends at the quantum, at HLT, or when somebody sets a
// bit in head.pending. What counts as an instruction, and when deadlines fire: docs/contract.md 3.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "softmmu/tlb.h"
#include "tcg/backend.h"
#include "util/clock.h"

struct error;
struct address_space;
struct engine;

// Why and how a target takes part.
struct engine_target {
    const struct ir_target *ir;
    // Key of everything besides rip that a translation depends on. `one` is the bit that asks for a block of
    // exactly one instruction, `shadow` the bits that allow only such a block, too.
    uint32_t (*block_flags)(struct vcpu_head *cpu);
    uint32_t one_insn, shadow;
    // Translate at rip. page: bytes from rip to the end of its page; next: start of the following page, or NULL.
    // Returns the bytes of guest code used.
    unsigned (*translate)(struct vcpu_head *cpu, struct ir_block *ir, const uint8_t *page, unsigned available,
                          const uint8_t *next, unsigned next_available, uint64_t rip, uint32_t flags, unsigned max_insns,
                          bool *kills_flags);
    // The exception recorded when EXIT_FAULT came back. Counts one instruction.
    void (*deliver)(struct vcpu_head *cpu);
    // head.pending is not zero, or the vCPU is halted: take interrupts, resets. Returns false while the vCPU has nothing
    // to run (halted). May count a delivered interrupt through *counted.
    bool (*service)(struct vcpu_head *cpu, unsigned *counted);
    // rip is where an indirect jump led to that the jump cache did not know. True: the jump itself must fault; with rip = source its
    // changes of the state are undone. Run again by itself it faults.
    bool (*undo_jump)(struct vcpu_head *cpu, uint64_t source);
    // Just before a block is entered from the loop (ends an interrupt shadow).
    void (*entering)(struct vcpu_head *cpu);
    void (*dump)(struct vcpu_head *cpu, FILE *out);       // -d cpu
    void (*disassemble)(FILE *out, const uint8_t *code, unsigned size, uint64_t address, uint32_t flags, bool host);
};
enum { ICOUNT_OFF = -1,         // virtual time is the host's
       ICOUNT_AUTO = -2 };       // counted at a pace that follows the host's clock: no run is like another
struct engine_options {
    const struct tcg_backend *backend;
    size_t code_size;            // bytes of generated code, 0: default
    int code_mode;               // enum code_buffer_mode
    int icount_shift;            // ns = instructions << shift, or one of the two below
    bool icount_sleep;           // counted time: wait for the host's clock while all vCPUs are halted, before time jumps
    bool icount_align;           // counted time: wait for the host's clock where it is behind, too
    unsigned max_insns;          // per block, 0: default
    bool no_chain;               // never link blocks
    unsigned flush_every;        // test: forget all derived mappings every N block entries, 0: never
    unsigned quantum;            // instructions, 0: default
    bool verify;                 // check the IR's rules for each block
};
struct engine_stats {
    uint64_t blocks, translated_insns, code_bytes, invalidated, evicted_parts, exits[8], lookups, links, jump_fills, flushes;
    uint64_t ir_ops, guest_bytes;
};

// Also initializes clock: its source is the engine.
struct engine *engine_new(const struct engine_options *options, const struct engine_target *target, struct address_space *memory,
                          struct tlb_machine *tlb, struct clock *clock, struct error **errp);
void engine_free(struct engine *engine);
// For the target's service: deliver the exception that it recorded.
void engine_deliver(struct vcpu_head *cpu);
void engine_add_cpu(struct engine *engine, struct vcpu_head *cpu);

// What the loop asks its owner.
struct engine_owner {
    // Between quanta: handle host events, run state. false: return from engine_run.
    bool (*look)(void *opaque);
    // All vCPUs are halted: wait up to ns of host time (CLOCK_NEVER: until something happens).
    void (*idle)(void *opaque, int64_t ns);
    // The count of engine_set_stop is reached: sets the next one. false: end the slice and look. NULL when none is ever set.
    bool (*stop)(void *opaque);
    // A stop is set, all vCPUs are halted and no timer is armed: the count will not be reached by itself. Does now what can
    // make the guest go on; false: there is nothing.
    bool (*stuck)(void *opaque);
    void *opaque;
};
void engine_run(struct engine *engine, const struct engine_owner *owner);
// Virtual time in ns: the source of the machine's clock (clock_init).
int64_t engine_time(void *engine);
// Host-clock mode: stop and restart virtual time (pause).
bool engine_counts_time(const struct engine *engine); // -icount shift=N: a function of the count alone
void engine_stop_time(struct engine *engine);
void engine_start_time(struct engine *engine);
// Call the owner's stop at the first instruction boundary where engine_instructions() >= count (UINT64_MAX: never), before
// timers that are due there. The guest cannot see it: a slice goes on afterwards as if it had not been interrupted.
void engine_set_stop(struct engine *engine, uint64_t count);
// Not running: call the owner's stop for a count that is reached already.
void engine_check_stop(struct engine *engine, const struct engine_owner *owner);
// Instructions completed by all vCPUs, exact at any leave point or helper with a site.
uint64_t engine_instructions(struct engine *engine);
// The running or last-run vCPU (device models that belong to a vCPU ask).
struct vcpu_head *engine_current_cpu(struct engine *engine);
// Make the current slice end at the next block edge that looks at pending; safe from devices.
void engine_kick(struct engine *engine);
// Small id for a flags key (jump-cache tags).
uint32_t engine_intern_flags(struct engine *engine, uint32_t flags);
// For a helper that changed what block flags depend on, at the end of its instruction with head.rip set: the id of flags for
// IR_RESUME to go on without the loop, or 0 when the loop must look first. The target has looked at head.pending and head.trap.
uint32_t engine_resume_id(struct vcpu_head *cpu, uint32_t flags);
void engine_print_stats(struct engine *engine, void (*print)(void *, const char *), void *opaque); // info jit

// ---- for targets, below generated code. Compiled for general registers only, no libc.
// State of head.site into the struct: rip, flags, refund of what was not executed; site = 0.
void engine_restore_site(struct vcpu_head *cpu);
// Restore, set the reason, go back to the loop.
void engine_leave(struct vcpu_head *cpu, enum tcg_exit_reason reason) __attribute__((noreturn));
// The running access must run again as a block of its own (head.leave_exactly).
void engine_leave_exactly(struct vcpu_head *cpu) __attribute__((noreturn));
