// SPDX-License-Identifier: MIT
//
// Delivery of exceptions and interrupts through the IDT [SDM 3A 6], in all modes.
//
// Runs in the loop, outside generated code, with exact state. A fault while delivering comes back through
// catch_frame and is combined: contributory exceptions make a double fault, one more a triple fault.
#include <string.h>
#include "softmmu/memory.h"
#include "target/i386/decode.h"
#include "target/i386/segment.h"
#include "util/log.h"

struct event {
    uint8_t vector;
    bool has_error, software, external, is_fault;
    uint32_t error;
    uint64_t return_rip;
};

static uint32_t idt_error(const struct event *ev)
{
    return ev->vector * 8u + 2 + (ev->software ? 0 : 1);
}

// ---- real mode [SDM 3B 20.1.4]

static void inject_real(struct x86_cpu *cpu, const struct event *ev)
{
    if (ev->vector * 4u + 3 > cpu->idt.limit)
        cpu_raise_error(cpu, VEC_GP, ev->vector * 8u + 2);
    uint32_t entry = (uint32_t)ldst_load_view(&cpu->head, cpu->idt.base + ev->vector * 4u, 2, VIEW_SUPERVISOR);
    struct stack stack = stack_current(cpu);
    stack_push(&stack, 1, cpu_get_eflags(cpu));
    stack_push(&stack, 1, cpu->seg[SEG_CS].selector);
    stack_push(&stack, 1, ev->return_rip);
    stack_commit(&stack);
    cpu_load_segment_real(cpu, SEG_CS, (uint16_t)(entry >> 16));
    cpu->head.rip = entry & 0xffff;
    cpu->eflags &= ~(uint64_t)(F_IF | F_TF | F_AC | F_RF);
}

// ---- protected and long mode

struct target_gate { struct segment cs; struct descriptor d; uint64_t offset; unsigned type, ist, cpl, size_log2; };

static struct target_gate read_idt(struct x86_cpu *cpu, const struct event *ev)
{
    bool lm = in_long_mode(cpu);
    uint32_t size = lm ? 16 : 8, offset = ev->vector * size, error = idt_error(ev);
    if (offset + size - 1 > cpu->idt.limit)
        cpu_raise_error(cpu, VEC_GP, error);
    uint64_t low = ldst_load_view(&cpu->head, cpu->idt.base + offset, 3, VIEW_SUPERVISOR);
    uint64_t high = lm ? ldst_load_view(&cpu->head, cpu->idt.base + offset + 8, 3, VIEW_SUPERVISOR) : 0;
    unsigned attr = (unsigned)(low >> 40) & 0xff, type = attr & 0x1f;
    struct target_gate g = { .type = type, .ist = lm ? low >> 32 & 7 : 0 };
    bool valid = lm ? type == 14 || type == 15 : type == 6 || type == 7 || type == 14 || type == 15;
    if (!valid) {
        if (type == 5)
            log_printf(LOG_UNIMP, "interrupt %u through a task gate\n", ev->vector);
        cpu_raise_error(cpu, VEC_GP, error);
    }
    if (ev->software && SEG_DPL(attr) < cpu->cpl)
        cpu_raise_error(cpu, VEC_GP, ev->vector * 8u + 2);
    if (!(attr & SEG_P))
        cpu_raise_error(cpu, VEC_NP, error);
    g.offset = (low & 0xffff) | (low >> 48) << 16;
    g.size_log2 = lm ? 3 : type & 8 ? 2 : 1;
    if (g.size_log2 == 1)
        g.offset &= 0xffff;
    if (lm)
        g.offset |= (high & 0xffffffff) << 32;
    uint16_t selector = (uint16_t)(low >> 16);
    uint32_t ext = ev->software ? 0 : 1;
    if (!(selector & 0xfffc))
        cpu_raise_error(cpu, VEC_GP, ext);
    if (!descriptor_read(cpu, selector, false, &g.d))
        cpu_raise_error(cpu, VEC_GP, (selector & 0xfffcu) | ext);
    g.cs = descriptor_segment(&g.d, selector);
    if (!(g.cs.attr & SEG_S) || !(g.cs.attr & 8) || SEG_DPL(g.cs.attr) > cpu->cpl || (lm && !(g.cs.attr & SEG_L)))
        cpu_raise_error(cpu, VEC_GP, (selector & 0xfffcu) | ext);
    if (!(g.cs.attr & SEG_P))
        cpu_raise_error(cpu, VEC_NP, (selector & 0xfffcu) | ext);
    g.cpl = g.cs.attr & 4 ? cpu->cpl : SEG_DPL(g.cs.attr);
    return g;
}

// The stack that the handler runs on; *ss gets its SS when the privilege changes.
static struct stack handler_stack(struct x86_cpu *cpu, const struct target_gate *g, bool inward, struct segment *ss)
{
    struct stack stack = stack_current(cpu);
    if (in_long_mode(cpu)) {
        stack = (struct stack){ .cpu = cpu, .view = VIEW_SUPERVISOR, .sp = cpu->regs[R_RSP], .mask = ~0ull };
        if (g->cpl == 3)
            stack.view = VIEW_USER;
        else if (!inward && !g->ist)
            stack.view = cpu->head.context->view;
        if (g->ist) {
            uint32_t offset = 0x24 + 8 * (g->ist - 1);
            if (offset + 7 > cpu->tr.limit)
                cpu_raise_error(cpu, VEC_TS, cpu->tr.selector & 0xfffc);
            stack.sp = ldst_load_view(&cpu->head, cpu->tr.base + offset, 3, VIEW_SUPERVISOR);
        } else if (inward) {
            uint16_t unused;
            tss_stack(cpu, g->cpl, &unused, &stack.sp);
        }
        stack.sp &= ~15ull;
        *ss = (struct segment){ .selector = (uint16_t)g->cpl, .attr = (uint16_t)(g->cpl << 5) };
        return stack;
    }
    if (!inward)
        return stack;
    uint16_t selector;
    uint64_t sp;
    tss_stack(cpu, g->cpl, &selector, &sp);
    struct descriptor d;
    if (!descriptor_read(cpu, selector, false, &d))
        cpu_raise_error(cpu, VEC_TS, selector & 0xfffc);
    *ss = descriptor_segment(&d, selector);
    if ((selector & 3u) != g->cpl || SEG_DPL(ss->attr) != g->cpl || (ss->attr & 0x1a) != 0x12)
        cpu_raise_error(cpu, VEC_TS, selector & 0xfffc);
    if (!(ss->attr & SEG_P))
        cpu_raise_error(cpu, VEC_SS, selector & 0xfffc);
    return (struct stack){ .cpu = cpu, .view = VIEW_SUPERVISOR, .base = ss->base, .sp = sp,
                           .mask = ss->attr & SEG_DB ? 0xffffffff : 0xffff };
}

static void inject_protected(struct x86_cpu *cpu, const struct event *ev)
{
    struct target_gate g = read_idt(cpu, ev);
    bool inward = g.cpl < cpu->cpl, lm = in_long_mode(cpu);
    struct segment ss;
    struct stack stack = handler_stack(cpu, &g, inward, &ss);
    uint64_t flags = cpu_get_eflags(cpu) | (ev->is_fault ? F_RF : 0);
    if (lm || inward) {
        stack_push(&stack, g.size_log2, cpu->seg[SEG_SS].selector);
        stack_push(&stack, g.size_log2, cpu->regs[R_RSP]);
    }
    stack_push(&stack, g.size_log2, flags);
    stack_push(&stack, g.size_log2, cpu->seg[SEG_CS].selector);
    stack_push(&stack, g.size_log2, ev->return_rip);
    if (ev->has_error)
        stack_push(&stack, g.size_log2, ev->error);
    descriptor_mark_accessed(cpu, &g.d);

    g.cs.attr |= 1;
    if (inward)
        cpu->seg[SEG_SS] = ss;
    uint64_t keep = (g.type & 1) ? F_IF : 0; // trap gates leave IF alone
    cpu->eflags &= ~(uint64_t)(F_TF | F_NT | F_RF | F_VM | F_IF) | keep;
    // AC stays; cpu_set_cs recomputes the view.
    cpu_set_cs(cpu, g.cs, g.cpl);
    if (lm)
        cpu->regs[R_RSP] = stack.sp;
    else
        stack_commit(&stack);
    cpu->head.rip = g.offset;
}

static void inject(struct x86_cpu *cpu, const struct event *ev)
{
    if (log_on(LOG_INT))
        log_printf(LOG_INT, "%u: vector %#x error %#x%s from %#x:%#llx cpl %u cr2 %#llx rsp %#llx count %llu\n", cpu->head.index, ev->vector,
                   ev->error, ev->external ? " interrupt" : ev->software ? " software" : "", cpu->seg[SEG_CS].selector,
                   (unsigned long long)cpu->head.rip, cpu->cpl, (unsigned long long)cpu->cr2,
                   (unsigned long long)cpu->regs[R_RSP], (unsigned long long)cpu->head.instructions);
    if (cpu->cr0 & CR0_PE)
        inject_protected(cpu, ev);
    else
        inject_real(cpu, ev);
    cpu->inhibit = INHIBIT_NONE;
    if (ev->vector == VEC_DB)
        cpu->dr[7] &= ~0x2000ull; // GD: the handler may use the registers
}

static bool contributory(uint8_t vector)
{
    return vector == VEC_DE || (vector >= VEC_TS && vector <= VEC_GP);
}

// Deliver; nested faults become what [SDM 3A 6.15, interrupt 8] says.
static void deliver(struct x86_cpu *cpu, struct event ev)
{
    void *frame[5];
    bool double_fault = false;
    for (;;) {
        struct event attempt = ev;
        cpu->catch_frame = frame;
        if (!__builtin_setjmp(frame)) {
            inject(cpu, &attempt);
            cpu->catch_frame = NULL;
            return;
        }
        cpu->catch_frame = NULL;
        uint8_t first = ev.vector, second = cpu->exception.vector;
        cpu->exception.valid = false;
        if (double_fault || first == VEC_DF) {
            cpu->host->triple_fault(cpu->host_opaque);
            cpu->halted = true;
            return;
        }
        if (second == VEC_PF)
            cpu->cr2 = cpu->exception.cr2;
        bool benign = ev.external || ev.software;
        bool both = !benign && ((contributory(first) && contributory(second)) || (first == VEC_PF && (second == VEC_PF || contributory(second))));
        double_fault = both;
        ev.vector = both ? VEC_DF : second;
        ev.has_error = both || cpu->exception.has_error;
        ev.error = both ? 0 : cpu->exception.error;
        ev.software = ev.external = false;
        ev.is_fault = true;
        ev.return_rip = cpu->head.rip;
    }
}

// ---- faults of memory accesses

bool cpu_decode_at_rip(struct x86_cpu *cpu, struct insn *in)
{
    uint8_t bytes[15] = { 0 };
    uint64_t pc = cpu->head.rip + cpu->head.code_base, piece = PAGE_SIZE - (pc & PAGE_OFFSET_MASK);
    size_t available = sizeof bytes;
    if (!ldst_peek(&cpu->head, pc, bytes, available)) {
        available = piece < sizeof bytes ? piece : sizeof bytes;
        if (!ldst_peek(&cpu->head, pc, bytes, available))
            return false;
    }
    return decode_insn(bytes, available, cpu->head.rip, cpu_block_flags(cpu), in) == DECODE_OK;
}

static bool waits_for_x87(const struct insn *in)
{
    if (in->row->flags & ROW_FPU)
        return (in->opcode & 0xf8) == 0xd8 && strncmp(in->row->name, "fn", 2);
    return in->row->flags & ROW_MMX && !(in->row->flags & ROW_SSE && in->op[0].kind == OPK_XMM);
}

static bool uses_stack(const struct insn *in)
{
    static const char *const names[] = { "push", "pop", "pushf", "popf", "call", "ret", "enter", "leave" };
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(in->row->name, names[i]))
            return true;
    return false;
}

static bool is_stack_access(const struct x86_cpu *cpu, const struct insn *in, uint64_t va)
{
    if (in->mem && in->segment == SEG_SS)
        return true;
    return uses_stack(in) && (!in->mem || va - cpu->regs[R_RSP] + 16 < 32);
}

void cpu_refine_exception(struct x86_cpu *cpu)
{
    uint64_t va = cpu->head.fault.va;
    bool page_fault = cpu->exception.vector == VEC_PF && !(cpu->exception.error & 0x10);
    bool general = cpu->exception.vector == VEC_GP && !cpu->exception.software && cpu->exception.error == 0;
    bool noncanonical = general && in_long_mode(cpu) && va == cpu->exception.cr2 && (uint64_t)((int64_t)va >> 47) + 1 > 1;
    bool pending = cpu->fpu_status & 0x80 && cpu->cr0 & CR0_NE && (page_fault || general);
    struct insn in;
    if ((!pending && !noncanonical) || !cpu_decode_at_rip(cpu, &in))
        return;
    if (pending && in.mem && waits_for_x87(&in)) {
        cpu->exception.vector = VEC_MF;
        cpu->exception.has_error = false;
        cpu->exception.error = 0;
    } else if (noncanonical && is_stack_access(cpu, &in, va)) {
        cpu->exception.vector = VEC_SS;
    }
}

void cpu_deliver_exception(struct x86_cpu *cpu)
{
    cpu_refine_exception(cpu);
    if (!cpu->exception.software)
        cpu_drop_traps(cpu);
    struct event ev = { .vector = cpu->exception.vector, .has_error = cpu->exception.has_error,
                        .software = cpu->exception.software, .error = cpu->exception.error };
    cpu->exception.valid = false;
    ev.return_rip = ev.software ? cpu->exception.next_rip : cpu->head.rip;
    ev.is_fault = !ev.software && ev.vector != VEC_DB && ev.vector != VEC_BP && ev.vector != VEC_OF;
    if (!(cpu->cr0 & CR0_PE))
        ev.has_error = false;
    if (ev.vector == VEC_PF && !ev.software)
        cpu->cr2 = cpu->exception.cr2;
    deliver(cpu, ev);
}

void cpu_deliver_interrupt(struct x86_cpu *cpu, uint8_t vector)
{
    deliver(cpu, (struct event){ .vector = vector, .external = true, .return_rip = cpu->head.rip });
}

void cpu_deliver_nmi(struct x86_cpu *cpu)
{
    cpu->nmi_blocked = true;
    deliver(cpu, (struct event){ .vector = VEC_NMI, .external = true, .return_rip = cpu->head.rip });
}
