// SPDX-License-Identifier: MIT
//
// SYSCALL, SYSRET, SYSENTER, SYSEXIT [SDM 2B]. The segments they load are fixed by the architecture.
#include "target/i386/segment.h"

#define CODE64 (SEG_G | SEG_L | SEG_P | SEG_S | 0xb)
#define CODE32 (SEG_G | SEG_DB | SEG_P | SEG_S | 0xb)
#define DATA32 (SEG_G | SEG_DB | SEG_P | SEG_S | 3)

static struct segment fixed(uint16_t selector, unsigned attr, unsigned dpl)
{
    return (struct segment){ .selector = selector, .limit = 0xffffffff, .attr = (uint16_t)(attr | dpl << 5) };
}

// A kernel that masks TF is not stepped into, and the step over SYSCALL ends right after SYSRET.
static void trap_of_new_flags(struct x86_cpu *cpu)
{
    if (cpu->eflags & F_TF)
        cpu->head.trap |= TRAP_STEP;
}

// SYSCALL and SYSRET exist in 64-bit code only (their rows say so): CSTAR can be written, but nothing goes there.
static void check_enabled(struct x86_cpu *cpu)
{
    if (!(cpu->efer & EFER_SCE))
        cpu_raise(cpu, VEC_UD);
}

void cpu_syscall(struct x86_cpu *cpu, uint64_t next_rip)
{
    check_enabled(cpu);
    uint16_t selector = (uint16_t)(cpu->star >> 32 & 0xfffc);
    cpu->regs[R_RCX] = next_rip;
    cpu->regs[R_R8 + 3] = cpu_get_eflags(cpu) & ~(uint64_t)F_RF; // R11
    uint64_t flags = cpu_get_eflags(cpu) & ~cpu->sfmask;
    cpu_set_arith_flags(cpu, (uint32_t)flags);
    cpu->eflags = (flags & ~(uint64_t)(F_ARITH | F_RF)) | 2;
    cpu->seg[SEG_SS] = fixed((uint16_t)(selector + 8), DATA32, 0);
    cpu_set_cs(cpu, fixed(selector, CODE64, 0), 0);
    cpu->head.rip = cpu->lstar;
    trap_of_new_flags(cpu);
}

void cpu_sysret(struct x86_cpu *cpu, bool rex_w)
{
    check_enabled(cpu);
    uint64_t rip = cpu->regs[R_RCX];
    if (cpu->cpl != 0 || (rex_w && (uint64_t)((int64_t)(rip << 16) >> 16) != rip))
        cpu_raise_error(cpu, VEC_GP, 0);
    uint16_t selector = (uint16_t)((cpu->star >> 48) | 3);
    uint64_t flags = (cpu->regs[R_R8 + 3] & 0x3c7fd7) | 2;
    cpu_set_arith_flags(cpu, (uint32_t)flags);
    cpu->eflags = (flags & ~(uint64_t)(F_ARITH | F_RF)) | 2;
    cpu->seg[SEG_SS] = fixed((uint16_t)(selector + 8), DATA32, 3);
    if (rex_w)
        cpu_set_cs(cpu, fixed((uint16_t)(selector + 16), CODE64, 3), 3);
    else
        cpu_set_cs(cpu, fixed(selector, CODE32, 3), 3);
    cpu->head.rip = rex_w ? rip : (uint32_t)rip;
    trap_of_new_flags(cpu);
}

void cpu_sysenter(struct x86_cpu *cpu)
{
    if (!(cpu->cr0 & CR0_PE) || !(cpu->sysenter_cs & 0xfffc))
        cpu_raise_error(cpu, VEC_GP, 0);
    uint16_t selector = (uint16_t)(cpu->sysenter_cs & 0xfffc);
    bool lm = in_long_mode(cpu);
    cpu->eflags &= ~(uint64_t)(F_VM | F_IF | F_RF);
    cpu->seg[SEG_SS] = fixed((uint16_t)(selector + 8), DATA32, 0);
    cpu_set_cs(cpu, fixed(selector, lm ? CODE64 : CODE32, 0), 0);
    cpu->regs[R_RSP] = lm ? cpu->sysenter_esp : (uint32_t)cpu->sysenter_esp;
    cpu->head.rip = lm ? cpu->sysenter_eip : (uint32_t)cpu->sysenter_eip;
}

void cpu_sysexit(struct x86_cpu *cpu, bool rex_w)
{
    if (!(cpu->cr0 & CR0_PE) || !(cpu->sysenter_cs & 0xfffc) || cpu->cpl != 0)
        cpu_raise_error(cpu, VEC_GP, 0);
    uint16_t selector = (uint16_t)((cpu->sysenter_cs & 0xfffc) | 3);
    uint64_t rip = cpu->regs[R_RDX], rsp = cpu->regs[R_RCX];
    if (rex_w && ((uint64_t)((int64_t)(rip << 16) >> 16) != rip || (uint64_t)((int64_t)(rsp << 16) >> 16) != rsp))
        cpu_raise_error(cpu, VEC_GP, 0);
    cpu->seg[SEG_SS] = fixed((uint16_t)(selector + (rex_w ? 40 : 24)), DATA32, 3);
    cpu_set_cs(cpu, fixed((uint16_t)(selector + (rex_w ? 32 : 16)), rex_w ? CODE64 : CODE32, 3), 3);
    cpu->regs[R_RSP] = rex_w ? rsp : (uint32_t)rsp;
    cpu->head.rip = rex_w ? rip : (uint32_t)rip;
}
