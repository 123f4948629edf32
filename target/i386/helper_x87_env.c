// SPDX-License-Identifier: MIT
//
// x87 control instructions: control and status word, stack pointer, FCMOV, and the environment in memory
// (FNSTENV, FLDENV, FNSAVE, FRSTOR). Those that may clear ES end their block (target/i386/x87.h). Compiled for
// general registers only.
// [SDM 1 8.1.8 to 8.1.10]
#include "target/i386/helpers_fp.h"
#include "target/i386/x87.h"

// FINCSTP, FDECSTP, FFREE, FFREEP: only what the info word commits.
uint64_t helper_fstack(struct vcpu_head *head, uint64_t info)
{
    struct x86_cpu *cpu = x86_of(head);
    x87_wait(cpu);
    if ((info >> 6 & 7) != cpu->fpu_top || info >> 40 & 0xff) // FNOP leaves the condition bits alone
        x87_set_cc(cpu, X87_C1, 0);
    x87_commit(cpu, info);
    return 0;
}

uint64_t helper_fcmov(struct vcpu_head *head, uint64_t info, uint64_t condition)
{
    struct x86_cpu *cpu = x86_of(head);
    bool masked;
    x87_wait(cpu);
    if (!x87_check_stack(cpu, info, &masked)) {
        if (!masked)
            return 0;
        x87_put(x87_dst(cpu, info), SF_F80_DEFAULT_NAN);
    } else {
        if (condition) // C1 stays
            *x87_dst(cpu, info) = *x87_src(cpu, info);
    }
    x87_commit(cpu, info);
    return 0;
}

uint64_t helper_fldcw(struct vcpu_head *head, uint64_t control)
{
    struct x86_cpu *cpu = x86_of(head);
    x87_wait(cpu);
    cpu->fpu_control = (uint16_t)((control & 0x1f3f) | 0x40);
    x87_update_summary(cpu);
    return 0;
}

uint64_t helper_fnclex(struct vcpu_head *head)
{
    x86_of(head)->fpu_status &= 0x7f00;
    return 0;
}
uint64_t helper_fninit(struct vcpu_head *head)
{
    x87_reset(x86_of(head));
    return 0;
}

// ---- the environment: 7 fields of 2 or 4 bytes. There is no FCS and no FDS: stored as 0 [SDM 1 8.1.8]
static unsigned env_size(uint64_t format) { return format & X87_ENV_WIDE ? 28 : 14; }

static void env_fields(const struct x86_cpu *cpu, uint64_t format, uint32_t field[7])
{
    uint32_t ip = (uint32_t)cpu->fpu_ip, dp = (uint32_t)cpu->fpu_dp;
    field[0] = cpu->fpu_control;
    field[1] = x87_status_word(cpu);
    field[2] = x87_tag_word(cpu);
    if (format & X87_ENV_PROTECTED) {
        field[3] = ip;
        field[4] = format & X87_ENV_WIDE ? (uint32_t)cpu->fpu_opcode << 16 : 0;
        field[5] = dp;
        field[6] = 0;
    } else {
        field[3] = ip & 0xffff;
        field[5] = dp & 0xffff;
        if (format & X87_ENV_WIDE) {
            field[4] = ip >> 16 << 12 | cpu->fpu_opcode;
            field[6] = dp >> 16 << 12;
        } else {
            field[4] = (ip >> 4 & 0xf000) | cpu->fpu_opcode;
            field[6] = dp >> 4 & 0xf000;
        }
    }
    if (format & X87_ENV_WIDE) {
        for (unsigned i = 0; i < 3; i++)
            field[i] |= 0xffff0000;
        field[6] |= 0xffff0000;
    }
}

static void store_env(struct x86_cpu *cpu, uint64_t address, uint64_t format)
{
    unsigned width = format & X87_ENV_WIDE ? 2 : 1;
    uint32_t field[7];
    env_fields(cpu, format, field);
    for (unsigned i = 0; i < 7; i++)
        ldst_store(&cpu->head, address + (i << width), width == 1 ? field[i] & 0xffff : field[i], width);
}

static void load_env(struct x86_cpu *cpu, const uint32_t field[7], uint64_t format)
{
    cpu->fpu_control = (uint16_t)((field[0] & 0x1f3f) | 0x40);
    cpu->fpu_empty = 0;
    for (unsigned i = 0; i < 8; i++)
        if ((field[2] >> 2 * i & 3) == 3)
            cpu->fpu_empty |= (uint8_t)(1u << i);
    if (format & X87_ENV_PROTECTED) {
        cpu->fpu_ip = field[3];
        cpu->fpu_dp = field[5];
        if (format & X87_ENV_WIDE)
            cpu->fpu_opcode = field[4] >> 16 & 0x7ff;
    } else {
        unsigned from = format & X87_ENV_WIDE ? 0xffff000 : 0xf000;
        cpu->fpu_ip = (field[3] & 0xffff) | (uint64_t)((field[4] & from) >> 12) << 16;
        cpu->fpu_dp = (field[5] & 0xffff) | (uint64_t)((field[6] & from) >> 12) << 16;
        cpu->fpu_opcode = field[4] & 0x7ff;
    }
    x87_set_status_word(cpu, (uint16_t)field[1]);
}

static void read_fields(struct x86_cpu *cpu, uint64_t address, uint64_t format, uint32_t field[7])
{
    unsigned width = format & X87_ENV_WIDE ? 2 : 1;
    for (unsigned i = 0; i < 7; i++)
        field[i] = (uint32_t)ldst_load(&cpu->head, address + (i << width), width);
}

// Afterwards all exceptions are masked.
uint64_t helper_fnstenv(struct vcpu_head *head, uint64_t address, uint64_t format)
{
    struct x86_cpu *cpu = x86_of(head);
    ldst_probe(head, address, env_size(format), ACCESS_WRITE);
    store_env(cpu, address, format);
    cpu->fpu_control |= SF_ALL_FLAGS;
    x87_update_summary(cpu);
    return 0;
}

uint64_t helper_fldenv(struct vcpu_head *head, uint64_t address, uint64_t format)
{
    struct x86_cpu *cpu = x86_of(head);
    uint32_t field[7];
    x87_wait(cpu);
    read_fields(cpu, address, format, field);
    load_env(cpu, field, format);
    return 0;
}

uint64_t helper_fnsave(struct vcpu_head *head, uint64_t address, uint64_t format)
{
    struct x86_cpu *cpu = x86_of(head);
    ldst_probe(head, address, env_size(format) + 80, ACCESS_WRITE);
    store_env(cpu, address, format);
    for (unsigned i = 0; i < 8; i++) {
        const struct x87_reg *r = &cpu->fpr[(cpu->fpu_top + i) & 7];
        ldst_store(head, address + env_size(format) + 10 * i, r->mant, 3);
        ldst_store(head, address + env_size(format) + 10 * i + 8, r->se, 1);
    }
    x87_reset(cpu);
    return 0;
}

uint64_t helper_frstor(struct vcpu_head *head, uint64_t address, uint64_t format)
{
    struct x86_cpu *cpu = x86_of(head);
    struct x87_reg regs[8];
    uint32_t field[7];
    x87_wait(cpu);
    read_fields(cpu, address, format, field);
    for (unsigned i = 0; i < 8; i++) {
        regs[i].mant = ldst_load(head, address + env_size(format) + 10 * i, 3);
        regs[i].se = (uint16_t)ldst_load(head, address + env_size(format) + 10 * i + 8, 1);
    }
    load_env(cpu, field, format);
    for (unsigned i = 0; i < 8; i++)
        x87_put(&cpu->fpr[(cpu->fpu_top + i) & 7], (struct sf_f80){.mant = regs[i].mant, .se = regs[i].se});
    return 0;
}

// Reserved bits of a new MXCSR.
uint64_t helper_ldmxcsr_check(struct vcpu_head *head, uint64_t value)
{
    if (value & 0xffff0000)
        cpu_raise_error(x86_of(head), VEC_GP, 0);
    return 0;
}
