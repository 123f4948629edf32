// SPDX-License-Identifier: MIT
//
// Descriptors and stacks, shared by segment.c, far.c, exception.c. All functions may raise.
#pragma once
#include "target/i386/cpu.h"

struct descriptor {
    uint64_t low, high;   // 8 bytes; high: second half of 16-byte system descriptors
    uint64_t address;     // linear, of the low half
};
// Reads the descriptor of selector from GDT or LDT. false: outside the table or null selector.
bool descriptor_read(struct x86_cpu *cpu, uint16_t selector, bool wide, struct descriptor *out);
struct segment descriptor_segment(const struct descriptor *d, uint16_t selector);
static inline unsigned descriptor_attr(const struct descriptor *d) { return (unsigned)(d->low >> 40) & 0xf0ff; }
// Sets the accessed bit in memory when it is clear.
void descriptor_mark_accessed(struct x86_cpu *cpu, const struct descriptor *d);
// CS gets the segment; updates CPL (rpl of selector) and mode.
void cpu_set_cs(struct x86_cpu *cpu, struct segment cs, unsigned cpl);

// A stack being pushed to or popped from without touching RSP: commit by storing sp.
struct stack {
    struct x86_cpu *cpu;
    enum tlb_view view;
    uint64_t base, sp, mask;
};
struct stack stack_current(struct x86_cpu *cpu);
void stack_push(struct stack *stack, unsigned size_log2, uint64_t value);
uint64_t stack_pop(struct stack *stack, unsigned size_log2);
void stack_commit(const struct stack *stack); // writes RSP at the stack's width
// Stack pointer (and SS in legacy modes) for a privilege level from the TSS.
void tss_stack(struct x86_cpu *cpu, unsigned cpl, uint16_t *ss, uint64_t *sp);
static inline bool in_long_mode(const struct x86_cpu *cpu) { return cpu->efer & EFER_LMA; }
static inline bool code_is_64(const struct x86_cpu *cpu) { return in_long_mode(cpu) && cpu->seg[SEG_CS].attr & SEG_L; }
