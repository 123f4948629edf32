// SPDX-License-Identifier: MIT
//
// Control registers, EFLAGS as a whole, and the key of block flags [SDM 3A 2.5, 4.1].
#include "target/i386/segment.h"

uint64_t cpu_get_eflags(const struct x86_cpu *cpu)
{
    return (cpu->eflags & ~(uint64_t)F_ARITH) | cpu_arith_flags(cpu) | 2;
}

void cpu_set_eflags(struct x86_cpu *cpu, uint64_t value)
{
    bool ac = (value ^ cpu->eflags) & F_AC;
    cpu_set_arith_flags(cpu, (uint32_t)value);
    cpu->eflags = (value & ~(uint64_t)(F_ARITH | F_RF)) | 2;
    if (ac)
        cpu_update_context(cpu);
}

static void __attribute__((noreturn)) gp(struct x86_cpu *cpu)
{
    cpu_raise_error(cpu, VEC_GP, 0);
}

void cpu_write_cr0(struct x86_cpu *cpu, uint64_t value)
{
    value |= CR0_ET;
    if (value >> 32 || ((value & CR0_PG) && !(value & CR0_PE)) || ((value & CR0_NW) && !(value & CR0_CD)))
        gp(cpu);
    uint64_t efer = cpu->efer;
    if (efer & EFER_LME) {
        if (value & CR0_PG && !(cpu->cr0 & CR0_PG)) {
            if (!(cpu->cr4 & CR4_PAE) || cpu->seg[SEG_CS].attr & SEG_L)
                gp(cpu);
            efer |= EFER_LMA;
        } else if (!(value & CR0_PG) && cpu->cr0 & CR0_PG) {
            if (cpu->seg[SEG_CS].attr & SEG_L)
                gp(cpu);
            efer &= ~(uint64_t)EFER_LMA;
        }
    }
    if (!(value & CR0_PG) && cpu->cr4 & CR4_PCIDE)
        gp(cpu);
    cpu->efer = efer;
    cpu->cr0 = value;
    cpu_update_context(cpu);
}

void cpu_write_cr3(struct x86_cpu *cpu, uint64_t value)
{
    if (cpu->cr4 & CR4_PCIDE)
        value &= ~(1ull << 63); // "do not flush": there is nothing to flush
    if (in_long_mode(cpu) && value >> cpu_model_phys_bits(cpu->model))
        gp(cpu);
    cpu->cr3 = value;
    cpu_update_context(cpu);
}

void cpu_write_cr4(struct x86_cpu *cpu, uint64_t value)
{
    uint64_t known = cpu_model_cr4(cpu->model);
    if (value & ~known)
        gp(cpu);
    if (in_long_mode(cpu) && !(value & CR4_PAE))
        gp(cpu);
    if (value & CR4_PCIDE && !(cpu->cr4 & CR4_PCIDE) && (!in_long_mode(cpu) || cpu->cr3 & 0xfff))
        gp(cpu);
    cpu->cr4 = value;
    cpu_update_context(cpu);
}

void cpu_write_efer(struct x86_cpu *cpu, uint64_t value)
{
    uint64_t known = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
    if (value & ~known || ((value ^ cpu->efer) & EFER_LME && cpu->cr0 & CR0_PG))
        gp(cpu);
    cpu->efer = (value & ~(uint64_t)EFER_LMA) | (cpu->efer & EFER_LMA);
    cpu_update_context(cpu);
}

static bool flat(const struct segment *s)
{
    return s->base == 0 && s->limit == 0xffffffff;
}

uint32_t cpu_block_flags(const struct x86_cpu *cpu)
{
    uint32_t f = 0;
    const struct segment *cs = &cpu->seg[SEG_CS];
    bool vm = cpu->eflags & F_VM;
    if (cpu->cpl == 3)
        f |= BF_CPL_USER;
    if (cpu->cpl == 0)
        f |= BF_CPL_0;
    if (code_is_64(cpu)) {
        f |= BF_CS_L;
    } else {
        f |= (cs->attr & SEG_DB ? BF_CS_DB : 0) | (cpu->seg[SEG_SS].attr & SEG_DB ? BF_SS_DB : 0);
        if (!flat(cs) || !flat(&cpu->seg[SEG_SS]) || !flat(&cpu->seg[SEG_DS]) || !flat(&cpu->seg[SEG_ES]))
            f |= BF_SEG_BASES | (cs->base ? BF_CS_BASE : 0);
    }
    if (cpu->cr0 & CR0_PE)
        f |= BF_PE;
    if (vm)
        f |= BF_VM;
    if (cpu->cr0 & (CR0_TS | CR0_EM))
        f |= BF_NO_FPU | (cpu->cr0 & CR0_EM ? BF_EM : 0);
    if (cpu->eflags & F_TF)
        f |= BF_TF;
    if (cpu->inhibit)
        f |= BF_INHIBIT;
    if (cpu->head.trap & TRAP_LOOK && cpu_breaks_on_code(cpu))
        f |= BF_BREAKPOINT;
    if (cpu->cr4 & CR4_SMAP) {
        f |= BF_SMAP;
        if (cpu->eflags & F_AC && cpu->cpl < 3)
            f |= BF_AC_VIEW;
    }
    if ((cpu->head.mxcsr & 0x1f80) != 0x1f80)
        f |= BF_FLOAT_EXACT;
    if (cpu->cr4 & CR4_OSFXSR)
        f |= BF_SSE_OK;
    if (!vm && cpu->cpl <= (cpu->eflags >> 12 & 3))
        f |= BF_IOPL_OK;
    if (!(cpu->cr0 & CR0_PE))
        f |= BF_IOPL_OK;
    if (cpu->cr0 & CR0_AM && cpu->eflags & F_AC && cpu->cpl == 3)
        f |= BF_ALIGN_CHECK;
    if (cpu->fpu_status & ~cpu->fpu_control & 0x3f)
        f |= BF_FPU_EXC;
    if (cpu->cr4 & CR4_TSD && cpu->cpl == 3)
        f |= BF_TSD;
    if (cpu->cr4 & CR4_FSGSBASE)
        f |= BF_FSGSBASE;
    if (cpu->cr4 & CR4_UMIP)
        f |= BF_UMIP;
    if (cpu->cr4 & CR4_OSXSAVE)
        f |= BF_XSAVE;
    return f | (uint32_t)(cpu->fpu_top & 7) << BF_FPU_TOP_SHIFT;
}
