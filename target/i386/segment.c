// SPDX-License-Identifier: MIT
//
// Segment registers and descriptors [SDM 3A 3.4, 3.5].
//
// System structures are read with supervisor rights whatever the CPL (VIEW_SUPERVISOR). Checks come first, writes
// to the CPU last: every function may raise before it has changed anything.
#include "target/i386/segment.h"
#include <stddef.h>
#include "util/log.h"

bool descriptor_read(struct x86_cpu *cpu, uint16_t selector, bool wide, struct descriptor *out)
{
    uint64_t base = selector & 4 ? cpu->ldt.base : cpu->gdt.base;
    uint32_t limit = selector & 4 ? (cpu->ldt.attr & SEG_P ? cpu->ldt.limit : 0) : cpu->gdt.limit;
    if (!(selector & 0xfffc) || (selector & 4 && !(cpu->ldt.attr & SEG_P)))
        return false;
    uint32_t offset = selector & 0xfff8;
    if (offset + (wide ? 15 : 7) > limit)
        return false;
    out->address = base + offset;
    out->low = ldst_load_view(&cpu->head, out->address, 3, VIEW_SUPERVISOR);
    out->high = wide ? ldst_load_view(&cpu->head, out->address + 8, 3, VIEW_SUPERVISOR) : 0;
    return true;
}

struct segment descriptor_segment(const struct descriptor *d, uint16_t selector)
{
    struct segment s;
    s.selector = selector;
    s.attr = (uint16_t)descriptor_attr(d);
    s.base = (d->low >> 16 & 0xffffff) | (d->low >> 56 & 0xff) << 24;
    uint32_t limit = (uint32_t)((d->low & 0xffff) | (d->low >> 32 & 0xf0000));
    s.limit = s.attr & SEG_G ? limit << 12 | 0xfff : limit;
    return s;
}

void descriptor_mark_accessed(struct x86_cpu *cpu, const struct descriptor *d)
{
    if (d->low >> 40 & 1)
        return;
    ldst_store_view(&cpu->head, d->address + 5, (d->low >> 40 & 0xff) | 1, 0, VIEW_SUPERVISOR);
}

void cpu_set_cpl(struct x86_cpu *cpu, unsigned cpl)
{
    cpu->cpl = (uint8_t)cpl;
    cpu_update_context(cpu);
}

void cpu_set_cs(struct x86_cpu *cpu, struct segment cs, unsigned cpl)
{
    cs.selector = (uint16_t)((cs.selector & ~3u) | cpl);
    cpu->seg[SEG_CS] = cs;
    cpu_set_cpl(cpu, cpl);
}

void cpu_load_segment_real(struct x86_cpu *cpu, enum seg seg, uint16_t selector)
{
    struct segment *s = &cpu->seg[seg];
    s->selector = selector;
    s->base = (uint64_t)selector << 4;
    if (cpu->eflags & F_VM) {
        s->limit = 0xffff;
        s->attr = 0xf3;
    } else if (!(cpu->cr0 & CR0_PE) && seg == SEG_CS) {
        s->attr = 0x9b;
    }
}

static void load_null(struct x86_cpu *cpu, enum seg seg, uint16_t selector)
{
    if (seg == SEG_SS && (!code_is_64(cpu) || cpu->cpl == 3 || (selector & 3) != cpu->cpl))
        cpu_raise_error(cpu, VEC_GP, 0);
    cpu->seg[seg] = (struct segment){ .selector = selector };
    if (seg == SEG_SS) // usable in 64-bit mode, with DPL = CPL
        cpu->seg[seg].attr = (uint16_t)(cpu->cpl << 5);
}

void cpu_load_segment(struct x86_cpu *cpu, enum seg seg, uint16_t selector)
{
    if (!(cpu->cr0 & CR0_PE) || cpu->eflags & F_VM) {
        cpu_load_segment_real(cpu, seg, selector);
        return;
    }
    if (!(selector & 0xfffc)) {
        load_null(cpu, seg, selector);
        return;
    }
    uint32_t error = selector & 0xfffc;
    struct descriptor d;
    if (!descriptor_read(cpu, selector, false, &d))
        cpu_raise_error(cpu, VEC_GP, error);
    struct segment s = descriptor_segment(&d, selector);
    unsigned type = SEG_TYPE(s.attr), dpl = SEG_DPL(s.attr), rpl = selector & 3;
    if (!(s.attr & SEG_S))
        cpu_raise_error(cpu, VEC_GP, error);
    if (seg == SEG_SS) {
        if (rpl != cpu->cpl || dpl != cpu->cpl || (type & 0xa) != 2) // writable data
            cpu_raise_error(cpu, VEC_GP, error);
    } else {
        bool readable = !(type & 8) || type & 2, conforming = (type & 0xc) == 0xc;
        if (!readable || (!conforming && (rpl > dpl || cpu->cpl > dpl)))
            cpu_raise_error(cpu, VEC_GP, error);
    }
    if (!(s.attr & SEG_P))
        cpu_raise_error(cpu, seg == SEG_SS ? VEC_SS : VEC_NP, error);
    descriptor_mark_accessed(cpu, &d);
    s.attr |= 1;
    cpu->seg[seg] = s;
}

// ---- stacks

struct stack stack_current(struct x86_cpu *cpu)
{
    struct stack s = { .cpu = cpu, .view = cpu->cpl == 3 ? VIEW_USER : VIEW_SUPERVISOR, .sp = cpu->regs[R_RSP] };
    if (cpu->cpl != 3)
        s.view = cpu->head.context->view;
    if (code_is_64(cpu)) {
        s.mask = ~0ull;
    } else {
        s.base = cpu->seg[SEG_SS].base;
        s.mask = cpu->seg[SEG_SS].attr & SEG_DB ? 0xffffffff : 0xffff;
    }
    return s;
}

static uint64_t stack_address(const struct stack *s, uint64_t sp)
{
    uint64_t va = s->base + (sp & s->mask);
    return s->mask == ~0ull ? va : va & 0xffffffff;
}

void stack_push(struct stack *s, unsigned size_log2, uint64_t value)
{
    uint64_t sp = s->sp - (1u << size_log2);
    ldst_store_view(&s->cpu->head, stack_address(s, sp), value, size_log2, s->view);
    s->sp = (s->sp & ~s->mask) | (sp & s->mask);
}

uint64_t stack_pop(struct stack *s, unsigned size_log2)
{
    uint64_t value = ldst_load_view(&s->cpu->head, stack_address(s, s->sp), size_log2, s->view);
    s->sp = (s->sp & ~s->mask) | ((s->sp + (1u << size_log2)) & s->mask);
    return value;
}

void stack_commit(const struct stack *s)
{
    uint64_t *rsp = &s->cpu->regs[R_RSP];
    *rsp = s->mask == 0xffff ? (*rsp & ~0xffffull) | (s->sp & 0xffff) : s->sp & s->mask;
}

void tss_stack(struct x86_cpu *cpu, unsigned cpl, uint16_t *ss, uint64_t *sp)
{
    const struct segment *tr = &cpu->tr;
    uint32_t error = tr->selector & 0xfffc;
    if (in_long_mode(cpu)) {
        uint32_t offset = 4 + 8 * cpl;
        if (offset + 7 > tr->limit)
            cpu_raise_error(cpu, VEC_TS, error);
        *sp = ldst_load_view(&cpu->head, tr->base + offset, 3, VIEW_SUPERVISOR);
        *ss = (uint16_t)cpl;
    } else if (SEG_TYPE(tr->attr) & 8) { // 32-bit TSS
        uint32_t offset = 4 + 8 * cpl;
        if (offset + 7 > tr->limit)
            cpu_raise_error(cpu, VEC_TS, error);
        *sp = ldst_load_view(&cpu->head, tr->base + offset, 2, VIEW_SUPERVISOR);
        *ss = (uint16_t)ldst_load_view(&cpu->head, tr->base + offset + 4, 1, VIEW_SUPERVISOR);
    } else {
        uint32_t offset = 2 + 4 * cpl;
        if (offset + 3 > tr->limit)
            cpu_raise_error(cpu, VEC_TS, error);
        *sp = ldst_load_view(&cpu->head, tr->base + offset, 1, VIEW_SUPERVISOR);
        *ss = (uint16_t)ldst_load_view(&cpu->head, tr->base + offset + 2, 1, VIEW_SUPERVISOR);
    }
}

void cpu_check_io(struct x86_cpu *cpu, uint16_t port, unsigned size)
{
    const struct segment *tr = &cpu->tr;
    if (!(tr->attr & SEG_P) || !(SEG_TYPE(tr->attr) & 8) || tr->limit < 103)
        cpu_raise_error(cpu, VEC_GP, 0);
    uint32_t map = (uint32_t)ldst_load_view(&cpu->head, tr->base + 102, 1, VIEW_SUPERVISOR);
    uint32_t offset = map + (port >> 3);
    if (offset + 1 > tr->limit)
        cpu_raise_error(cpu, VEC_GP, 0);
    uint32_t bits = (uint32_t)ldst_load_view(&cpu->head, tr->base + offset, 1, VIEW_SUPERVISOR);
    if (bits >> (port & 7) & ((1u << size) - 1))
        cpu_raise_error(cpu, VEC_GP, 0);
}
