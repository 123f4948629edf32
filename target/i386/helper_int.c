// SPDX-License-Identifier: MIT
//
// C side of the integer and system instructions that are not inline. Each helper's row says what it touches.
#include "softmmu/memory.h"
#include "exec/engine.h"
#include "target/i386/cpuid.h"
#include "target/i386/helpers_int.h"
#include "target/i386/segment.h"
#include "util/log.h"

void helper_interrupt(struct vcpu_head *head, uint64_t vector, uint64_t next_rip)
{
    struct x86_cpu *cpu = x86_of(head);
    if (cpu->eflags & F_VM && (cpu->eflags >> 12 & 3) < 3 && vector != 3 && vector != 1)
        cpu_raise_error(cpu, VEC_GP, 0);
    cpu_raise_software(cpu, (uint8_t)vector, next_rip);
}

void helper_raise(struct vcpu_head *head, uint64_t code)
{
    if (code & 0x100)
        cpu_raise_error(x86_of(head), code & 0xff, (uint32_t)(code >> 16));
    cpu_raise(x86_of(head), code & 0xff);
}

void helper_fetch_next_page(struct vcpu_head *head, uint64_t va)
{
    struct translation t;
    va += head->code_base;
    if (!head->tlb_ops->walk(head, head->context->view, va, ACCESS_FETCH, &t))
        head->tlb_ops->raise(head);
    engine_leave(head, EXIT_LOOP); // it is mapped by now: translate again
}

// STI is done and something is pending: the loop runs the next instruction alone when it is in the shadow.
void helper_sti_pending(struct vcpu_head *head, uint64_t next_rip, uint64_t inhibit)
{
    engine_restore_site(head);
    head->budget -= 1;
    head->rip = next_rip;
    x86_of(head)->inhibit = (uint8_t)inhibit;
    engine_leave(head, EXIT_LOOP);
}

uint64_t helper_idiv64(struct vcpu_head *head, uint64_t low, uint64_t high, uint64_t divisor)
{
    __int128 dividend = (__int128)((unsigned __int128)high << 64 | low);
    int64_t d = (int64_t)divisor;
    if (d == 0)
        cpu_raise(x86_of(head), VEC_DE);
    if (d == -1) {
        if (dividend <= INT64_MIN || dividend > (__int128)INT64_MAX + 1)
            cpu_raise(x86_of(head), VEC_DE);
        x86_of(head)->second_result = 0;
        return (uint64_t)-dividend;
    }
    __int128 q = dividend / d;
    if (q != (int64_t)q)
        cpu_raise(x86_of(head), VEC_DE);
    x86_of(head)->second_result = (uint64_t)(dividend % d);
    return (uint64_t)q;
}

// how: log2 size, + 4 for RCR. The flags after go to second_result.
uint64_t helper_rotate_carry(struct vcpu_head *head, uint64_t value, uint64_t count, uint64_t how, uint64_t flags)
{
    unsigned size = how & 3, bits = 8u << size;
    count &= size == 3 ? 63 : 31;
    unsigned n = (unsigned)count % (bits + 1);
    uint64_t mask = bits == 64 ? ~0ull : (1ull << bits) - 1, carry = flags & F_CF;
    value &= mask;
    uint64_t result = value;
    for (unsigned i = 0; i < n; i++) {
        if (how & 4) {
            uint64_t out = result & 1;
            result = result >> 1 | carry << (bits - 1);
            carry = out;
        } else {
            uint64_t out = result >> (bits - 1) & 1;
            result = (result << 1 | carry) & mask;
            carry = out;
        }
    }
    if (count) {
        uint64_t top = result >> (bits - 1) & 1, next = result >> (bits - 2) & 1;
        uint64_t of = how & 4 ? top ^ next : top ^ carry;
        flags = (flags & ~(uint64_t)(F_CF | F_OF)) | carry | of << 11;
    }
    x86_of(head)->second_result = flags;
    return result;
}

void helper_cmpxchg_pair(struct vcpu_head *head, uint64_t va, uint64_t wide)
{
    struct x86_cpu *cpu = x86_of(head);
    uint32_t flags = cpu_arith_flags(cpu) & ~F_ZF;
    if (wide) {
        if (va & 15)
            cpu_raise_error(cpu, VEC_GP, 0);
        uint64_t old[2], value[2] = { cpu->regs[R_RBX], cpu->regs[R_RCX] };
        ldst_probe(head, va, 16, ACCESS_WRITE);
        ldst_load128(head, va, old);
        bool equal = old[0] == cpu->regs[R_RAX] && old[1] == cpu->regs[R_RDX];
        ldst_store128(head, va, equal ? value : old);
        cpu->regs[R_RAX] = equal ? cpu->regs[R_RAX] : old[0];
        cpu->regs[R_RDX] = equal ? cpu->regs[R_RDX] : old[1];
        flags |= equal ? F_ZF : 0;
    } else {
        ldst_probe(head, va, 8, ACCESS_WRITE);
        uint64_t old = ldst_load(head, va, 3), expected = (uint32_t)cpu->regs[R_RAX] | cpu->regs[R_RDX] << 32;
        uint64_t value = (uint32_t)cpu->regs[R_RBX] | cpu->regs[R_RCX] << 32;
        bool equal = old == expected;
        ldst_store(head, va, equal ? value : old, 3);
        if (!equal) {
            cpu->regs[R_RAX] = (uint32_t)old;
            cpu->regs[R_RDX] = old >> 32;
        }
        flags |= equal ? F_ZF : 0;
    }
    cpu_set_arith_flags(cpu, flags);
}

// ---- stack frames

void helper_enter(struct vcpu_head *head, uint64_t bytes, uint64_t level, uint64_t size)
{
    struct x86_cpu *cpu = x86_of(head);
    struct stack stack = stack_current(cpu), frame = stack;
    level &= 31;
    stack_push(&stack, (unsigned)size, cpu->regs[R_RBP]);
    uint64_t base = stack.sp;
    frame.sp = cpu->regs[R_RBP];
    for (unsigned i = 1; i < level; i++) {
        frame.sp -= 1u << size;
        struct stack at = frame;
        stack_push(&stack, (unsigned)size, stack_pop(&at, (unsigned)size));
    }
    if (level)
        stack_push(&stack, (unsigned)size, base);
    stack.sp -= bytes;
    struct stack probe = stack;
    ldst_probe(head, probe.base + (probe.sp & probe.mask), 1u << size, ACCESS_WRITE);
    uint64_t *rbp = &cpu->regs[R_RBP];
    *rbp = size == 1 ? (*rbp & ~0xffffull) | (base & 0xffff) : size == 2 ? (uint32_t)base : base;
    stack_commit(&stack);
}

void helper_pusha(struct vcpu_head *head, uint64_t size)
{
    struct x86_cpu *cpu = x86_of(head);
    struct stack stack = stack_current(cpu);
    for (unsigned i = 0; i < 8; i++)
        stack_push(&stack, (unsigned)size, cpu->regs[i]);
    stack_commit(&stack);
}

void helper_popa(struct vcpu_head *head, uint64_t size)
{
    struct x86_cpu *cpu = x86_of(head);
    struct stack stack = stack_current(cpu);
    uint64_t values[8];
    for (unsigned i = 8; i-- > 0;)
        values[i] = stack_pop(&stack, (unsigned)size);
    for (unsigned i = 0; i < 8; i++)
        if (i != R_RSP)
            cpu->regs[i] = size == 1 ? (cpu->regs[i] & ~0xffffull) | (values[i] & 0xffff) : (uint32_t)values[i];
    stack_commit(&stack);
}

// Returns non-zero when the loop must look (IF came on, or flags that blocks depend on changed).
uint64_t helper_popf(struct vcpu_head *head, uint64_t value, uint64_t size, uint64_t pop)
{
    struct x86_cpu *cpu = x86_of(head);
    uint64_t mask = F_ARITH | F_TF | F_DF | F_NT, old = cpu_get_eflags(cpu);
    unsigned iopl = cpu->eflags >> 12 & 3;
    if (cpu->eflags & F_VM && iopl < 3)
        cpu_raise_error(cpu, VEC_GP, 0);
    if (size > 1)
        mask |= F_AC | F_ID;
    if (cpu->cpl <= iopl || !(cpu->cr0 & CR0_PE))
        mask |= F_IF;
    if (cpu->cpl == 0)
        mask |= F_IOPL;
    uint64_t now = (old & ~mask) | (value & mask);
    struct stack stack = stack_current(cpu);
    stack.sp = (stack.sp & ~stack.mask) | ((stack.sp + pop) & stack.mask);
    stack_commit(&stack);
    cpu_set_eflags(cpu, now);
    uint64_t changed = (old ^ now) & (F_TF | F_NT | F_AC | F_IOPL);
    if (now & F_IF && atomic_load_explicit(&head->pending, memory_order_relaxed))
        changed |= F_IF;
    return changed;
}

// ---- decimal adjust [SDM 2A]: which: 0 daa 1 das 2 aaa 3 aas 4 aam 5 aad 6 salc

static void decimal_packed(struct x86_cpu *cpu, bool subtract)
{
    uint32_t f = cpu_arith_flags(cpu);
    uint8_t al = (uint8_t)cpu->regs[R_RAX], old = al;
    bool cf = f & F_CF, af = f & F_AF, new_cf = false, new_af = false;
    if ((al & 15) > 9 || af) {
        new_cf = cf || (subtract ? al < 6 : al > 0xf9);
        al = (uint8_t)(subtract ? al - 6 : al + 6);
        new_af = true;
    }
    if (old > 0x99 || cf) {
        al = (uint8_t)(subtract ? al - 0x60 : al + 0x60);
        new_cf = true;
    }
    cpu->regs[R_RAX] = (cpu->regs[R_RAX] & ~0xffull) | al;
    cpu_set_arith_flags(cpu, cc_compute(CC_LOGIC, 0, al, 0, 0) | (new_cf ? F_CF : 0) | (new_af ? F_AF : 0));
}

static void decimal_unpacked(struct x86_cpu *cpu, bool subtract)
{
    uint16_t ax = (uint16_t)cpu->regs[R_RAX];
    bool adjust = (ax & 15) > 9 || cpu_arith_flags(cpu) & F_AF;
    if (adjust)
        ax = (uint16_t)(subtract ? ax - 0x106 : ax + 0x106);
    ax &= 0xff0f;
    cpu->regs[R_RAX] = (cpu->regs[R_RAX] & ~0xffffull) | ax;
    cpu_set_arith_flags(cpu, cc_compute(CC_LOGIC, 0, ax & 0xff, 0, 0) | (adjust ? F_CF | F_AF : 0));
}

void helper_decimal(struct vcpu_head *head, uint64_t which, uint64_t base)
{
    struct x86_cpu *cpu = x86_of(head);
    uint64_t *rax = &cpu->regs[R_RAX];
    uint8_t al = (uint8_t)*rax, ah = (uint8_t)(*rax >> 8);
    if (which < 2) {
        decimal_packed(cpu, which);
    } else if (which < 4) {
        decimal_unpacked(cpu, which == 3);
    } else if (which == 4) {
        if (!base)
            cpu_raise(cpu, VEC_DE);
        uint16_t ax = (uint16_t)(al / base << 8 | al % base);
        *rax = (*rax & ~0xffffull) | ax;
        cpu_set_arith_flags(cpu, cc_compute(CC_LOGIC, 0, ax & 0xff, 0, 0));
    } else if (which == 5) {
        uint8_t r = (uint8_t)(al + ah * base);
        *rax = (*rax & ~0xffffull) | r;
        cpu_set_arith_flags(cpu, cc_compute(CC_LOGIC, 0, r, 0, 0));
    } else {
        *rax = (*rax & ~0xffull) | (cpu_arith_flags(cpu) & F_CF ? 0xff : 0);
    }
}

void helper_bound(struct vcpu_head *head, uint64_t value, uint64_t low, uint64_t high)
{
    if ((int64_t)value < (int64_t)low || (int64_t)value > (int64_t)high)
        cpu_raise(x86_of(head), VEC_BR);
}

// ---- far transfers and system calls: see far.c, syscall.c

void helper_far_jump(struct vcpu_head *head, uint64_t selector, uint64_t offset, uint64_t size, uint64_t next_rip)
{
    cpu_far_jump(x86_of(head), (uint16_t)selector, offset, (unsigned)size, next_rip);
}

void helper_far_call(struct vcpu_head *head, uint64_t selector, uint64_t offset, uint64_t size, uint64_t next_rip)
{
    cpu_far_call(x86_of(head), (uint16_t)selector, offset, (unsigned)size, next_rip);
}

void helper_far_return(struct vcpu_head *head, uint64_t size, uint64_t pop) { cpu_far_return(x86_of(head), (unsigned)size, (uint16_t)pop); }
void helper_iret(struct vcpu_head *head, uint64_t size)
{
    cpu_iret(x86_of(head), (unsigned)size);
    cpu_resume(x86_of(head));
}

void helper_syscall(struct vcpu_head *head, uint64_t next_rip)
{
    cpu_syscall(x86_of(head), next_rip);
    cpu_resume(x86_of(head));
}

void helper_sysret(struct vcpu_head *head, uint64_t wide)
{
    cpu_sysret(x86_of(head), wide);
    cpu_resume(x86_of(head));
}

void helper_sysenter(struct vcpu_head *head)
{
    cpu_sysenter(x86_of(head));
    cpu_resume(x86_of(head));
}

void helper_sysexit(struct vcpu_head *head, uint64_t wide)
{
    cpu_sysexit(x86_of(head), wide);
    cpu_resume(x86_of(head));
}

void helper_load_segment(struct vcpu_head *head, uint64_t seg, uint64_t selector) { cpu_load_segment(x86_of(head), (enum seg)seg, (uint16_t)selector); }

// ---- descriptors as operands: how: 0 LAR 1 LSL 2 VERR 3 VERW. ZF in the struct says whether it was accessible.

uint64_t helper_descriptor(struct vcpu_head *head, uint64_t selector, uint64_t how)
{
    struct x86_cpu *cpu = x86_of(head);
    struct descriptor d;
    cpu_set_arith_flags(cpu, cpu_arith_flags(cpu) & ~F_ZF);
    if (!descriptor_read(cpu, (uint16_t)selector, false, &d))
        return 0;
    struct segment s = descriptor_segment(&d, (uint16_t)selector);
    unsigned type = SEG_TYPE(s.attr), dpl = SEG_DPL(s.attr), rpl = selector & 3;
    bool code = s.attr & SEG_S && type & 8, conforming = code && type & 4, ok;
    bool visible = conforming || (cpu->cpl <= dpl && rpl <= dpl);
    if (!(s.attr & SEG_S)) {
        uint32_t types = how == 0 ? (in_long_mode(cpu) ? 0x1a04u : 0x1a3eu) : how == 1 ? (in_long_mode(cpu) ? 0xa04u : 0xa0eu) : 0;
        ok = types >> type & 1 && visible;
    } else if (how == 2) {
        ok = visible && (!code || type & 2);
    } else if (how == 3) {
        ok = visible && !code && type & 2;
    } else {
        ok = visible;
    }
    if (!ok)
        return 0;
    cpu_set_arith_flags(cpu, cpu_arith_flags(cpu) | F_ZF);
    return how == 0 ? d.low >> 32 & 0x00ffff00 : s.limit;
}

void helper_load_table(struct vcpu_head *head, uint64_t selector, uint64_t task)
{
    struct x86_cpu *cpu = x86_of(head);
    struct descriptor d;
    bool wide = in_long_mode(cpu);
    if (!(selector & 0xfffc)) {
        if (task)
            cpu_raise_error(cpu, VEC_GP, 0);
        cpu->ldt = (struct segment){ .selector = (uint16_t)selector };
        return;
    }
    uint32_t error = (uint32_t)selector & 0xfffc;
    if (selector & 4 || !descriptor_read(cpu, (uint16_t)selector, wide, &d))
        cpu_raise_error(cpu, VEC_GP, error);
    struct segment s = descriptor_segment(&d, (uint16_t)selector);
    unsigned type = SEG_TYPE(s.attr);
    if (s.attr & SEG_S || (task ? (type != 9 && (wide || type != 1)) : type != 2))
        cpu_raise_error(cpu, VEC_GP, error);
    if (!(s.attr & SEG_P))
        cpu_raise_error(cpu, VEC_NP, error);
    if (wide)
        s.base |= (d.high & 0xffffffff) << 32;
    if (task) { // mark it busy
        ldst_store_view(head, d.address + 5, (d.low >> 40 & 0xff) | 2, 0, VIEW_SUPERVISOR);
        s.attr |= 2;
        cpu->tr = s;
    } else {
        cpu->ldt = s;
    }
}

// how: 0 SGDT 1 SIDT 2 LGDT 3 LIDT; size: log2 of the operand (3 in 64-bit mode)
void helper_table_register(struct vcpu_head *head, uint64_t va, uint64_t how, uint64_t size)
{
    struct x86_cpu *cpu = x86_of(head);
    bool idt = how & 1;
    uint64_t *base = idt ? &cpu->idt.base : &cpu->gdt.base;
    uint16_t *limit = idt ? &cpu->idt.limit : &cpu->gdt.limit;
    unsigned width = size == 3 ? 3 : 2;
    if (how < 2) {
        ldst_probe(head, va, 2 + (1u << width), ACCESS_WRITE);
        ldst_store(head, va, *limit, 1);
        ldst_store(head, va + 2, *base, width);
        return;
    }
    uint64_t new_limit = ldst_load(head, va, 1), new_base = ldst_load(head, va + 2, width);
    if (size == 1)
        new_base &= 0xffffff;
    if (size == 3 && (uint64_t)((int64_t)(new_base << 16) >> 16) != new_base)
        cpu_raise_error(cpu, VEC_GP, 0);
    *limit = (uint16_t)new_limit;
    *base = new_base;
}

// ---- system registers

uint64_t helper_read_cr(struct vcpu_head *head, uint64_t cr)
{
    struct x86_cpu *cpu = x86_of(head);
    switch (cr) {
    case 0: return cpu->cr0;
    case 2: return cpu->cr2;
    case 3: return cpu->cr3;
    case 4: return cpu->cr4;
    default: return cpu->host->read_cr8 ? cpu->host->read_cr8(cpu->host_opaque) : cpu->cr8;
    }
}

void helper_write_cr(struct vcpu_head *head, uint64_t cr, uint64_t value)
{
    struct x86_cpu *cpu = x86_of(head);
    switch (cr) {
    case 0: cpu_write_cr0(cpu, value); break;
    case 2: cpu->cr2 = value; break;
    case 4: cpu_write_cr4(cpu, value); break;
    default:
        if (value & ~15ull)
            cpu_raise_error(cpu, VEC_GP, 0);
        cpu->cr8 = value;
        if (cpu->host->write_cr8)
            cpu->host->write_cr8(cpu->host_opaque, value);
        break;
    }
}

void helper_write_cr3(struct vcpu_head *head, uint64_t value, uint64_t next_rip)
{
    cpu_write_cr3(x86_of(head), value);
    head->rip = next_rip;
    cpu_resume(x86_of(head));
}

uint64_t helper_read_dr(struct vcpu_head *head, uint64_t dr) { return cpu_read_dr(x86_of(head), (unsigned)dr); }
void helper_write_dr(struct vcpu_head *head, uint64_t dr, uint64_t value) { cpu_write_dr(x86_of(head), (unsigned)dr, value); }

void helper_msr(struct vcpu_head *head, uint64_t write)
{
    struct x86_cpu *cpu = x86_of(head);
    uint32_t msr = (uint32_t)cpu->regs[R_RCX];
    if (write) {
        cpu_write_msr(cpu, msr, (uint32_t)cpu->regs[R_RAX] | cpu->regs[R_RDX] << 32);
        return;
    }
    uint64_t value = cpu_read_msr(cpu, msr);
    cpu->regs[R_RAX] = (uint32_t)value;
    cpu->regs[R_RDX] = value >> 32;
}

void helper_rdtsc(struct vcpu_head *head, uint64_t with_aux)
{
    struct x86_cpu *cpu = x86_of(head);
    uint64_t tsc = cpu_read_tsc(cpu);
    cpu->regs[R_RAX] = (uint32_t)tsc;
    cpu->regs[R_RDX] = tsc >> 32;
    if (with_aux)
        cpu->regs[R_RCX] = (uint32_t)cpu->tsc_aux;
}

uint64_t helper_random(struct vcpu_head *head)
{
    struct x86_cpu *cpu = x86_of(head);
    return cpu->host->random(cpu->host_opaque);
}

void helper_cpuid(struct vcpu_head *head)
{
    struct x86_cpu *cpu = x86_of(head);
    uint32_t out[4];
    cpu_cpuid(cpu, (uint32_t)cpu->regs[R_RAX], (uint32_t)cpu->regs[R_RCX], out);
    cpu->regs[R_RAX] = out[0];
    cpu->regs[R_RBX] = out[1];
    cpu->regs[R_RCX] = out[2];
    cpu->regs[R_RDX] = out[3];
}

void helper_invpcid(struct vcpu_head *head, uint64_t type, uint64_t va)
{
    struct x86_cpu *cpu = x86_of(head);
    uint64_t descriptor[2];
    if (type > 3)
        cpu_raise_error(cpu, VEC_GP, 0);
    ldst_load128(head, va, descriptor);
    if (descriptor[0] & ~0xfffull || (type < 2 && descriptor[0] && !(cpu->cr4 & CR4_PCIDE)))
        cpu_raise_error(cpu, VEC_GP, 0);
}

void helper_check_alignment(struct vcpu_head *head, uint64_t va, uint64_t mask)
{
    if (va & mask)
        cpu_raise_error(x86_of(head), VEC_AC, 0);
}

void helper_check_canonical(struct vcpu_head *head, uint64_t va)
{
    if ((uint64_t)((int64_t)(va << 16) >> 16) != va)
        cpu_raise_error(x86_of(head), VEC_GP, 0);
}

void helper_set_ac(struct vcpu_head *head, uint64_t set)
{
    struct x86_cpu *cpu = x86_of(head);
    cpu->eflags = set ? cpu->eflags | F_AC : cpu->eflags & ~(uint64_t)F_AC;
    cpu_update_context(cpu);
}

// ---- ports. how: log2 size, + 8 when no permission check is needed

static void port_access(struct vcpu_head *head, uint64_t port, uint64_t how)
{
    if (!(how & 8))
        cpu_check_io(x86_of(head), (uint16_t)port, 1u << (how & 3));
    if (!head->io_allowed && head->site)
        head->leave_exactly(head);
}

uint64_t helper_port_in(struct vcpu_head *head, uint64_t port, uint64_t how)
{
    port_access(head, port, how);
    return port_read(head->ports, (uint16_t)port, 1u << (how & 3));
}

void helper_port_out(struct vcpu_head *head, uint64_t port, uint64_t value, uint64_t how)
{
    unsigned bytes = 1u << (how & 3);
    port_access(head, port, how);
    port_write(head->ports, (uint16_t)port, bytes == 4 ? (uint32_t)value : value & ((1u << 8 * bytes) - 1), bytes);
}
