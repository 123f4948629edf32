// SPDX-License-Identifier: MIT
//
// Model specific registers [SDM 4 2]. Unknown ones raise #GP and go to the log; Linux probes with a safe access.
#include "target/i386/segment.h"
#include "util/log.h"

enum msr {
    MSR_TSC = 0x10, MSR_APIC_BASE = 0x1b, MSR_TSC_ADJUST = 0x3b, MSR_SPEC_CTRL = 0x48, MSR_PRED_CMD = 0x49, MSR_UCODE_REV = 0x8b,
    MSR_MTRRCAP = 0xfe, MSR_ARCH_CAPABILITIES = 0x10a, MSR_SYSENTER_CS = 0x174, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
    MSR_MCG_CAP = 0x179, MSR_MCG_STATUS, MSR_MCG_CTL, MSR_PERF_STATUS = 0x198, MSR_MISC_ENABLE = 0x1a0, MSR_DEBUGCTL = 0x1d9,
    MSR_MTRR_PHYS0 = 0x200, MSR_MTRR_FIX64K = 0x250, MSR_MTRR_FIX16K0 = 0x258, MSR_MTRR_FIX16K1, MSR_MTRR_FIX4K0 = 0x268,
    MSR_PAT = 0x277, MSR_MTRR_DEFTYPE = 0x2ff, MSR_TSC_DEADLINE = 0x6e0, MSR_XSS = 0xda0,
    MSR_EFER = 0xc0000080, MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK, MSR_FS_BASE = 0xc0000100, MSR_GS_BASE,
    MSR_KERNEL_GS_BASE, MSR_TSC_AUX, MSR_SYSCFG = 0xc0010010, MSR_HWCR = 0xc0010015, MSR_VM_CR = 0xc0010114,
    MSR_PATCH_LEVEL_AMD = 0xc0010020, MSR_DE_CFG = 0xc0011029,
};

// The capability bits that tell a guest which mitigations it does not need: RDCL_NO, IBRS_ALL, SKIP_L1DFL, MDS_NO,
// PSCHANGE_MC_NO, TAA_NO, SBDR_SSDP_NO, FBSDP_NO, PSDP_NO, PBRSB_NO, GDS_NO, RFDS_NO. True: translated code does not speculate.
#define ARCH_CAPABILITIES 0x0c01e16bull | 1ull << 26

static uint64_t *plain(struct x86_cpu *cpu, uint32_t msr)
{
    switch (msr) {
    case MSR_TSC_ADJUST: return &cpu->tsc_adjust;
    case MSR_SPEC_CTRL: return &cpu->spec_ctrl;
    case MSR_SYSENTER_CS: return &cpu->sysenter_cs;
    case MSR_SYSENTER_ESP: return &cpu->sysenter_esp;
    case MSR_SYSENTER_EIP: return &cpu->sysenter_eip;
    case MSR_MISC_ENABLE: return &cpu->misc_enable;
    case MSR_PAT: return &cpu->pat;
    case MSR_MTRR_DEFTYPE: return &cpu->mtrr_deftype;
    case MSR_STAR: return &cpu->star;
    case MSR_LSTAR: return &cpu->lstar;
    case MSR_CSTAR: return &cpu->cstar;
    case MSR_SFMASK: return &cpu->sfmask;
    case MSR_FS_BASE: return &cpu->seg[SEG_FS].base;
    case MSR_GS_BASE: return &cpu->seg[SEG_GS].base;
    case MSR_KERNEL_GS_BASE: return &cpu->kernel_gs_base;
    case MSR_TSC_AUX: return &cpu->tsc_aux;
    case MSR_XSS: return &cpu->xss;
    default: break;
    }
    if (msr >= MSR_MTRR_PHYS0 && msr < MSR_MTRR_PHYS0 + 16)
        return &cpu->mtrr_var[msr - MSR_MTRR_PHYS0];
    if (msr == MSR_MTRR_FIX64K)
        return &cpu->mtrr_fixed[0];
    if (msr == MSR_MTRR_FIX16K0 || msr == MSR_MTRR_FIX16K1)
        return &cpu->mtrr_fixed[1 + msr - MSR_MTRR_FIX16K0];
    if (msr >= MSR_MTRR_FIX4K0 && msr < MSR_MTRR_FIX4K0 + 8)
        return &cpu->mtrr_fixed[3 + msr - MSR_MTRR_FIX4K0];
    return NULL;
}

static bool must_be_canonical(uint32_t msr)
{
    return msr == MSR_FS_BASE || msr == MSR_GS_BASE || msr == MSR_KERNEL_GS_BASE || msr == MSR_LSTAR || msr == MSR_CSTAR ||
           msr == MSR_SYSENTER_ESP || msr == MSR_SYSENTER_EIP;
}

// Each byte a memory type: UC WC WT WP WB UC- are 0, 1, 4 to 7 [SDM 3A 11.12.2].
static bool pat_is_good(uint64_t value)
{
    for (unsigned i = 0; i < 64; i += 8)
        if (value >> i & 0xf8 || (value >> i & 6) == 2)
            return false;
    return true;
}

uint64_t cpu_read_tsc(struct x86_cpu *cpu)
{
    uint64_t ns = (uint64_t)cpu->host->time_ns(cpu->host_opaque);
    return (uint64_t)((unsigned __int128)ns * cpu->tsc_khz / 1000000) + cpu->tsc_adjust;
}

uint64_t cpu_read_msr(struct x86_cpu *cpu, uint32_t msr)
{
    uint64_t value;
    uint64_t *field = plain(cpu, msr);
    if (field)
        return *field;
    switch (msr) {
    case MSR_EFER: return cpu->efer;
    case MSR_TSC: return cpu_read_tsc(cpu);
    case MSR_MTRRCAP: return 0x508; // 8 variable ranges, fixed ranges, write combining
    case MSR_ARCH_CAPABILITIES: return ARCH_CAPABILITIES;
    case MSR_UCODE_REV: return 1ull << 32;
    case MSR_PATCH_LEVEL_AMD: return 0x01000065;
    case MSR_MCG_CAP: case MSR_MCG_STATUS: case MSR_MCG_CTL: case MSR_PERF_STATUS: case MSR_DEBUGCTL: case MSR_SYSCFG:
    case MSR_HWCR: case MSR_VM_CR: case MSR_DE_CFG: case MSR_PRED_CMD:
        return 0;
    default: break;
    }
    if (cpu->host->read_msr && cpu->host->read_msr(cpu->host_opaque, msr, &value))
        return value;
    log_printf(LOG_UNIMP, "read of unknown MSR %#x at %#llx\n", msr, (unsigned long long)cpu->head.rip);
    cpu_raise_error(cpu, VEC_GP, 0);
}

void cpu_write_msr(struct x86_cpu *cpu, uint32_t msr, uint64_t value)
{
    if (must_be_canonical(msr) && (uint64_t)((int64_t)(value << 16) >> 16) != value)
        cpu_raise_error(cpu, VEC_GP, 0);
    uint64_t *field = plain(cpu, msr);
    if (field) {
        if ((msr == MSR_XSS && value) || (msr == MSR_PAT && !pat_is_good(value)))
            cpu_raise_error(cpu, VEC_GP, 0);
        *field = value;
        if (msr == MSR_TSC_ADJUST)
            cpu->host->tsc_changed(cpu->host_opaque);
        return;
    }
    switch (msr) {
    case MSR_EFER:
        cpu_write_efer(cpu, value);
        return;
    case MSR_TSC:
        cpu->tsc_adjust += value - cpu_read_tsc(cpu);
        cpu->host->tsc_changed(cpu->host_opaque);
        return;
    case MSR_UCODE_REV: case MSR_MCG_STATUS: case MSR_MCG_CTL: case MSR_DEBUGCTL: case MSR_SYSCFG: case MSR_HWCR: case MSR_PRED_CMD:
    case MSR_DE_CFG: case MSR_PERF_STATUS:
        return; // accepted, no effect here
    default: break;
    }
    if (cpu->host->write_msr) {
        int done = cpu->host->write_msr(cpu->host_opaque, msr, value);
        if (done > 0)
            return;
        if (done < 0)
            cpu_raise_error(cpu, VEC_GP, 0);
    }
    log_printf(LOG_UNIMP, "write of unknown MSR %#x = %#llx at %#llx\n", msr, (unsigned long long)value, (unsigned long long)cpu->head.rip);
    cpu_raise_error(cpu, VEC_GP, 0);
}
