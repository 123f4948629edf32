// SPDX-License-Identifier: MIT
//
// Far transfers of control: JMP, CALL, RET to other segments, call gates, IRET [SDM 3A 5.8, 6.12, 6.14].
// Task gates and task switches are not implemented and say so in the log (no 64-bit system uses them).
#include "target/i386/segment.h"
#include "util/log.h"

static void __attribute__((noreturn)) gp(struct x86_cpu *cpu, uint16_t selector)
{
    cpu_raise_error(cpu, VEC_GP, selector & 0xfffc);
}

// Checks a code segment as target of a jump or call without gate; returns the CPL it will run at.
static unsigned check_code(struct x86_cpu *cpu, const struct segment *s)
{
    unsigned type = SEG_TYPE(s->attr), dpl = SEG_DPL(s->attr), rpl = s->selector & 3;
    if (!(s->attr & SEG_S) || !(type & 8))
        gp(cpu, s->selector);
    if (type & 4 ? dpl > cpu->cpl : rpl > cpu->cpl || dpl != cpu->cpl)
        gp(cpu, s->selector);
    if (!(s->attr & SEG_P))
        cpu_raise_error(cpu, VEC_NP, s->selector & 0xfffc);
    if (in_long_mode(cpu) && (s->attr & (SEG_L | SEG_DB)) == (SEG_L | SEG_DB))
        gp(cpu, s->selector);
    return cpu->cpl;
}

static uint64_t code_mask(const struct x86_cpu *cpu, const struct segment *cs)
{
    if (in_long_mode(cpu) && cs->attr & SEG_L)
        return ~0ull;
    return cs->attr & SEG_DB ? 0xffffffff : 0xffff;
}

static bool canonical(uint64_t va)
{
    return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

static bool real_mode(const struct x86_cpu *cpu)
{
    return !(cpu->cr0 & CR0_PE) || cpu->eflags & F_VM;
}

struct gate { uint16_t selector; uint64_t offset; unsigned count, size_log2; };

static struct gate read_gate(struct x86_cpu *cpu, uint16_t selector, const struct descriptor *d)
{
    unsigned attr = descriptor_attr(d), type = SEG_TYPE(attr);
    if (SEG_DPL(attr) < cpu->cpl || SEG_DPL(attr) < (selector & 3u))
        gp(cpu, selector);
    if (!(attr & SEG_P))
        cpu_raise_error(cpu, VEC_NP, selector & 0xfffc);
    struct gate g = { .selector = (uint16_t)(d->low >> 16), .offset = (d->low & 0xffff) | (d->low >> 48) << 16,
                      .count = d->low >> 32 & 31, .size_log2 = type & 8 ? 2 : 1 };
    if (g.size_log2 == 1)
        g.offset &= 0xffff;
    if (in_long_mode(cpu)) {
        struct descriptor wide;
        if (type != 12 || !descriptor_read(cpu, selector, true, &wide))
            gp(cpu, selector);
        g.offset |= (wide.high & 0xffffffff) << 32;
        g.size_log2 = 3;
        g.count = 0;
    }
    return g;
}

static struct segment read_code(struct x86_cpu *cpu, uint16_t selector, struct descriptor *d)
{
    if (!(selector & 0xfffc))
        cpu_raise_error(cpu, VEC_GP, 0);
    if (!descriptor_read(cpu, selector, false, d))
        gp(cpu, selector);
    return descriptor_segment(d, selector);
}

static void commit_jump(struct x86_cpu *cpu, struct segment s, const struct descriptor *d, unsigned cpl, uint64_t offset)
{
    offset &= code_mask(cpu, &s);
    if (!canonical(offset) || (code_mask(cpu, &s) != ~0ull && offset > s.limit))
        cpu_raise_error(cpu, VEC_GP, 0);
    descriptor_mark_accessed(cpu, d);
    s.attr |= 1;
    cpu_set_cs(cpu, s, cpl);
    cpu->head.rip = offset;
}

void cpu_far_jump(struct x86_cpu *cpu, uint16_t selector, uint64_t offset, unsigned size_log2, uint64_t next_rip)
{
    if (real_mode(cpu)) {
        if (offset > cpu->seg[SEG_CS].limit)
            cpu_raise_error(cpu, VEC_GP, 0);
        cpu_load_segment_real(cpu, SEG_CS, selector);
        cpu->head.rip = offset;
        return;
    }
    struct descriptor d;
    struct segment s = read_code(cpu, selector, &d);
    if (!(s.attr & SEG_S)) {
        unsigned type = SEG_TYPE(s.attr);
        if ((type & 7) != 4) {
            log_printf(LOG_UNIMP, "far jump to a system descriptor of type %u\n", type);
            gp(cpu, selector);
        }
        struct gate g = read_gate(cpu, selector, &d);
        s = read_code(cpu, g.selector, &d);
        s.selector &= ~3;
        offset = g.offset;
    }
    unsigned cpl = check_code(cpu, &s);
    commit_jump(cpu, s, &d, cpl, offset);
}

// Call through a gate to a more privileged level: new stack from the TSS, parameters copied.
static void gate_inward(struct x86_cpu *cpu, struct segment s, const struct descriptor *d, const struct gate *g, uint64_t next_rip)
{
    unsigned cpl = SEG_DPL(s.attr);
    uint16_t ss;
    uint64_t sp;
    tss_stack(cpu, cpl, &ss, &sp);
    struct stack stack = { .cpu = cpu, .view = VIEW_SUPERVISOR, .sp = sp, .mask = ~0ull };
    struct segment new_ss = { .selector = (uint16_t)cpl, .attr = (uint16_t)(cpl << 5) };
    struct stack old = stack_current(cpu);
    if (!in_long_mode(cpu)) {
        struct descriptor ssd;
        if (!descriptor_read(cpu, ss, false, &ssd))
            cpu_raise_error(cpu, VEC_TS, ss & 0xfffc);
        new_ss = descriptor_segment(&ssd, ss);
        if (SEG_DPL(new_ss.attr) != cpl || (SEG_TYPE(new_ss.attr) & 0xa) != 2 || !(new_ss.attr & SEG_P))
            cpu_raise_error(cpu, VEC_TS, ss & 0xfffc);
        stack.base = new_ss.base;
        stack.mask = new_ss.attr & SEG_DB ? 0xffffffff : 0xffff;
    }
    stack_push(&stack, g->size_log2, cpu->seg[SEG_SS].selector);
    stack_push(&stack, g->size_log2, cpu->regs[R_RSP]);
    for (unsigned i = g->count; i-- > 0;) {
        struct stack parameter = old;
        parameter.sp += (uint64_t)i << g->size_log2;
        stack_push(&stack, g->size_log2, stack_pop(&parameter, g->size_log2));
    }
    stack_push(&stack, g->size_log2, cpu->seg[SEG_CS].selector);
    stack_push(&stack, g->size_log2, next_rip);
    commit_jump(cpu, s, d, cpl, g->offset);
    cpu->seg[SEG_SS] = new_ss;
    stack_commit(&stack);
}

void cpu_far_call(struct x86_cpu *cpu, uint16_t selector, uint64_t offset, unsigned size_log2, uint64_t next_rip)
{
    struct stack stack = stack_current(cpu);
    struct descriptor d;
    struct segment s;
    if (real_mode(cpu)) {
        stack_push(&stack, size_log2, cpu->seg[SEG_CS].selector);
        stack_push(&stack, size_log2, next_rip);
        stack_commit(&stack);
        cpu_load_segment_real(cpu, SEG_CS, selector);
        cpu->head.rip = offset;
        return;
    }
    s = read_code(cpu, selector, &d);
    if (!(s.attr & SEG_S)) {
        if ((SEG_TYPE(s.attr) & 7) != 4) {
            log_printf(LOG_UNIMP, "far call to a system descriptor of type %u\n", SEG_TYPE(s.attr));
            gp(cpu, selector);
        }
        struct gate g = read_gate(cpu, selector, &d);
        s = read_code(cpu, g.selector, &d);
        if (!(s.attr & SEG_S) || !(SEG_TYPE(s.attr) & 8) || SEG_DPL(s.attr) > cpu->cpl)
            gp(cpu, g.selector);
        if (!(s.attr & SEG_P))
            cpu_raise_error(cpu, VEC_NP, g.selector & 0xfffc);
        if (!(SEG_TYPE(s.attr) & 4) && SEG_DPL(s.attr) < cpu->cpl) {
            gate_inward(cpu, s, &d, &g, next_rip);
            return;
        }
        offset = g.offset;
        size_log2 = g.size_log2;
        s.selector = (uint16_t)((s.selector & ~3u) | cpu->cpl);
    }
    unsigned cpl = check_code(cpu, &s);
    stack_push(&stack, size_log2, cpu->seg[SEG_CS].selector);
    stack_push(&stack, size_log2, next_rip);
    uint64_t sp = stack.sp;
    commit_jump(cpu, s, &d, cpl, offset);
    stack.sp = sp;
    stack_commit(&stack);
}

// Data segments that the outer level may not use become null [SDM 3A 5.8.6].
static void drop_inner_segments(struct x86_cpu *cpu)
{
    static const uint8_t data[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };
    for (unsigned i = 0; i < 4; i++) {
        struct segment *s = &cpu->seg[data[i]];
        bool conforming = (SEG_TYPE(s->attr) & 0xc) == 0xc;
        if (s->selector & 0xfffc && s->attr & SEG_S && !conforming && SEG_DPL(s->attr) < cpu->cpl)
            *s = (struct segment){ .base = s->base };
    }
}

// The common end of RET far and IRET in protected mode: to (cs, rip); stack holds SS:RSP when `stack_switch`.
static void return_to(struct x86_cpu *cpu, struct stack *stack, uint16_t selector, uint64_t rip, unsigned size_log2, uint16_t pop,
                      bool iret)
{
    struct descriptor d, ssd;
    struct segment s = read_code(cpu, selector, &d);
    unsigned rpl = selector & 3, type = SEG_TYPE(s.attr);
    if (!(s.attr & SEG_S) || !(type & 8) || rpl < cpu->cpl || (type & 4 ? SEG_DPL(s.attr) > rpl : SEG_DPL(s.attr) != rpl))
        gp(cpu, selector);
    if (!(s.attr & SEG_P))
        cpu_raise_error(cpu, VEC_NP, selector & 0xfffc);
    if (in_long_mode(cpu) && (s.attr & (SEG_L | SEG_DB)) == (SEG_L | SEG_DB))
        gp(cpu, selector);
    rip &= code_mask(cpu, &s);
    if (!canonical(rip) || (code_mask(cpu, &s) != ~0ull && rip > s.limit))
        cpu_raise_error(cpu, VEC_GP, 0);
    stack->sp += pop;
    bool outward = rpl > cpu->cpl;
    if (!outward && !(iret && code_is_64(cpu))) {
        descriptor_mark_accessed(cpu, &d);
        s.attr |= 1;
        cpu_set_cs(cpu, s, rpl);
        cpu->head.rip = rip;
        stack_commit(stack);
        return;
    }
    uint64_t sp = stack_pop(stack, size_log2);
    uint16_t ss = (uint16_t)stack_pop(stack, size_log2);
    struct segment new_ss = { .selector = ss, .attr = (uint16_t)(rpl << 5) };
    bool to_64 = in_long_mode(cpu) && s.attr & SEG_L;
    if (!(ss & 0xfffc)) {
        if (!to_64 || rpl == 3)
            cpu_raise_error(cpu, VEC_GP, 0);
    } else {
        if (!descriptor_read(cpu, ss, false, &ssd))
            gp(cpu, ss);
        new_ss = descriptor_segment(&ssd, ss);
        if ((ss & 3u) != rpl || SEG_DPL(new_ss.attr) != rpl || !(new_ss.attr & SEG_S) || (SEG_TYPE(new_ss.attr) & 0xa) != 2)
            gp(cpu, ss);
        if (!(new_ss.attr & SEG_P))
            cpu_raise_error(cpu, VEC_SS, ss & 0xfffc);
        descriptor_mark_accessed(cpu, &ssd);
        new_ss.attr |= 1;
    }
    descriptor_mark_accessed(cpu, &d);
    s.attr |= 1;
    cpu->seg[SEG_SS] = new_ss;
    cpu_set_cs(cpu, s, rpl);
    cpu->head.rip = rip;
    if (to_64)
        cpu->regs[R_RSP] = size_log2 == 3 ? sp + pop : size_log2 == 2 ? (uint32_t)(sp + pop) : (uint16_t)(sp + pop);
    else if (new_ss.attr & SEG_DB)
        cpu->regs[R_RSP] = (uint32_t)(sp + pop);
    else
        cpu->regs[R_RSP] = (cpu->regs[R_RSP] & ~0xffffull) | (uint16_t)(sp + pop);
    if (outward)
        drop_inner_segments(cpu);
}

void cpu_far_return(struct x86_cpu *cpu, unsigned size_log2, uint16_t pop)
{
    struct stack stack = stack_current(cpu);
    uint64_t rip = stack_pop(&stack, size_log2);
    uint16_t selector = (uint16_t)stack_pop(&stack, size_log2);
    if (real_mode(cpu)) {
        if (rip > cpu->seg[SEG_CS].limit)
            cpu_raise_error(cpu, VEC_GP, 0);
        cpu_load_segment_real(cpu, SEG_CS, selector);
        cpu->head.rip = rip;
        stack.sp += pop;
        stack_commit(&stack);
        return;
    }
    return_to(cpu, &stack, selector, rip, size_log2, pop, false);
}

// Flags that IRET and POPF may change at the current privilege.
static uint64_t writable_flags(const struct x86_cpu *cpu, unsigned size_log2)
{
    uint64_t mask = F_ARITH | F_TF | F_DF | F_NT;
    if (size_log2 > 1)
        mask |= F_AC | F_ID;
    unsigned iopl = cpu->eflags >> 12 & 3;
    if (cpu->cpl <= iopl)
        mask |= F_IF;
    if (cpu->cpl == 0)
        mask |= F_IOPL | (size_log2 > 1 ? F_VIF | F_VIP : 0);
    return mask;
}

void cpu_iret(struct x86_cpu *cpu, unsigned size_log2)
{
    struct stack stack = stack_current(cpu);
    if (!real_mode(cpu) && cpu->eflags & F_NT) {
        if (!in_long_mode(cpu))
            log_printf(LOG_UNIMP, "return to another task by IRET\n");
        cpu_raise_error(cpu, VEC_GP, 0);
    }
    if (cpu->eflags & F_VM && (cpu->eflags >> 12 & 3) != 3)
        cpu_raise_error(cpu, VEC_GP, 0);
    uint64_t rip = stack_pop(&stack, size_log2);
    uint16_t selector = (uint16_t)stack_pop(&stack, size_log2);
    uint64_t flags = stack_pop(&stack, size_log2);
    uint64_t mask = real_mode(cpu) ? F_ARITH | F_TF | F_IF | F_DF | F_IOPL | F_NT | (size_log2 > 1 ? F_AC | F_ID : 0)
                                   : writable_flags(cpu, size_log2);
    uint64_t merged = (cpu_get_eflags(cpu) & ~mask) | (flags & mask);
    if (real_mode(cpu)) {
        if (cpu->eflags & F_VM)
            merged = (merged & ~(uint64_t)F_IOPL) | (cpu->eflags & F_IOPL);
        cpu_load_segment_real(cpu, SEG_CS, selector);
        cpu->head.rip = size_log2 == 1 ? (uint16_t)rip : (uint32_t)rip;
        stack_commit(&stack);
    } else {
        if (flags & F_VM && size_log2 == 2 && cpu->cpl == 0 && !in_long_mode(cpu)) {
            log_printf(LOG_UNIMP, "IRET to virtual-8086 mode\n");
            cpu_raise_error(cpu, VEC_GP, 0);
        }
        return_to(cpu, &stack, selector, rip, size_log2, 0, true);
    }
    cpu->nmi_blocked = false;
    cpu_set_eflags(cpu, merged);
    cpu->eflags |= flags & F_RF; // until the next instruction begins
}
