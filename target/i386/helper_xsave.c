// SPDX-License-Identifier: MIT
//
// FXSAVE, FXRSTOR, XSAVE (also XSAVEOPT, XSAVEC) and XRSTOR with the components x87 and SSE, XGETBV, XSETBV. The
// layout is the legacy region of 512 bytes and the header of 64; with these two components the
// compacted form differs in the header alone. Whatever can fault comes before the first change.
// [SDM 1 10.5, 13.4 to 13.10]
#include "target/i386/helpers_fp.h"
#include "target/i386/x87.h"

#define XCR0_SUPPORTED 3u
#define MXCSR_MASK 0xffffu
#define MXCSR_DEFAULT 0x1f80u
#define COMPACTED (1ull << 63)

static void general_protection(struct x86_cpu *cpu) { cpu_raise_error(cpu, VEC_GP, 0); }

static unsigned xmm_count(uint64_t flags) { return flags & FXSAVE_LONG ? 16 : 8; }

static void store_x87(struct x86_cpu *cpu, uint64_t address, uint64_t flags)
{
    struct vcpu_head *head = &cpu->head;
    ldst_store(head, address, cpu->fpu_control | (uint64_t)x87_status_word(cpu) << 16 |
                                  (uint64_t)(uint8_t)~cpu->fpu_empty << 32 | (uint64_t)cpu->fpu_opcode << 48, 3);
    if (flags & FXSAVE_WIDE) {
        ldst_store(head, address + 8, cpu->fpu_ip, 3);
        ldst_store(head, address + 16, cpu->fpu_dp, 3);
    } else {
        ldst_store(head, address + 8, (uint32_t)cpu->fpu_ip, 3);
        ldst_store(head, address + 16, (uint32_t)cpu->fpu_dp, 3);
    }
    for (unsigned i = 0; i < 8; i++) {
        const struct x87_reg *r = &cpu->fpr[(cpu->fpu_top + i) & 7];
        uint64_t value[2] = {r->mant, r->se};
        ldst_store128(head, address + 32 + 16 * i, value);
    }
}

static void store_xmm(struct x86_cpu *cpu, uint64_t address, uint64_t flags)
{
    for (unsigned i = 0; i < xmm_count(flags); i++)
        ldst_store128(&cpu->head, address + 160 + 16 * i, cpu->xmm[i].d);
}

static void store_mxcsr(struct x86_cpu *cpu, uint64_t address)
{
    ldst_store(&cpu->head, address + 24, cpu->head.mxcsr | (uint64_t)MXCSR_MASK << 32, 3);
}

// The legacy region as read: 0 FCW.., 1 FIP, 2 FDP, 3 MXCSR and mask, then ST and XMM.
struct legacy { uint64_t word[4], st[8][2], xmm[16][2]; };

static void read_x87(struct x86_cpu *cpu, uint64_t address, struct legacy *from)
{
    for (unsigned i = 0; i < 3; i++)
        from->word[i] = ldst_load(&cpu->head, address + 8 * i, 3);
    for (unsigned i = 0; i < 8; i++)
        ldst_load128(&cpu->head, address + 32 + 16 * i, from->st[i]);
}

static void read_xmm(struct x86_cpu *cpu, uint64_t address, uint64_t flags, struct legacy *from)
{
    for (unsigned i = 0; i < xmm_count(flags); i++)
        ldst_load128(&cpu->head, address + 160 + 16 * i, from->xmm[i]);
}

static void read_mxcsr(struct x86_cpu *cpu, uint64_t address, struct legacy *from)
{
    from->word[3] = ldst_load(&cpu->head, address + 24, 2);
    if (from->word[3] & ~(uint64_t)MXCSR_MASK)
        general_protection(cpu);
}

static void put_x87(struct x86_cpu *cpu, const struct legacy *from, uint64_t flags)
{
    cpu->fpu_control = (uint16_t)((from->word[0] & 0x1f3f) | 0x40);
    cpu->fpu_empty = (uint8_t)~(from->word[0] >> 32);
    cpu->fpu_opcode = from->word[0] >> 48 & 0x7ff;
    x87_set_status_word(cpu, (uint16_t)(from->word[0] >> 16));
    if (flags & FXSAVE_WIDE) {
        cpu->fpu_ip = from->word[1];
        cpu->fpu_dp = from->word[2];
    } else {
        cpu->fpu_ip = (uint32_t)from->word[1];
        cpu->fpu_dp = (uint32_t)from->word[2];
    }
    for (unsigned i = 0; i < 8; i++)
        x87_put(&cpu->fpr[(cpu->fpu_top + i) & 7],
                (struct sf_f80){.mant = from->st[i][0], .se = (uint16_t)from->st[i][1]});
}

static void put_xmm(struct x86_cpu *cpu, const struct legacy *from, uint64_t flags)
{
    for (unsigned i = 0; i < xmm_count(flags); i++) {
        cpu->xmm[i].d[0] = from->xmm[i][0];
        cpu->xmm[i].d[1] = from->xmm[i][1];
    }
}

uint64_t helper_fxsave(struct vcpu_head *head, uint64_t address, uint64_t flags)
{
    struct x86_cpu *cpu = x86_of(head);
    if (address & 15)
        general_protection(cpu);
    ldst_probe(head, address, 416, ACCESS_WRITE);
    store_x87(cpu, address, flags);
    store_mxcsr(cpu, address);
    store_xmm(cpu, address, flags);
    return 0;
}

uint64_t helper_fxrstor(struct vcpu_head *head, uint64_t address, uint64_t flags)
{
    struct x86_cpu *cpu = x86_of(head);
    struct legacy from;
    if (address & 15)
        general_protection(cpu);
    read_x87(cpu, address, &from);
    read_mxcsr(cpu, address, &from);
    read_xmm(cpu, address, flags, &from);
    put_x87(cpu, &from, flags);
    put_xmm(cpu, &from, flags);
    head->mxcsr = (uint32_t)from.word[3];
    return 0;
}

// ---- XSAVE. Components in use (XINUSE), exactly: not in their initial configuration.
static uint64_t components_in_use(const struct x86_cpu *cpu, uint64_t flags)
{
    uint64_t in_use = 0, bits = 0;
    if (cpu->fpu_control != X87_DEFAULT_CONTROL || cpu->fpu_status || cpu->fpu_top || cpu->fpu_empty != 0xff ||
        cpu->fpu_opcode || cpu->fpu_ip || cpu->fpu_dp)
        in_use |= 1;
    for (unsigned i = 0; i < 8; i++)
        if (cpu->fpr[i].mant || cpu->fpr[i].se)
            in_use |= 1;
    for (unsigned i = 0; i < xmm_count(flags); i++)
        bits |= cpu->xmm[i].d[0] | cpu->xmm[i].d[1];
    if (bits || cpu->head.mxcsr != MXCSR_DEFAULT)
        in_use |= 2;
    return in_use;
}

uint64_t helper_xsave(struct vcpu_head *head, uint64_t address, uint64_t mask, uint64_t flags)
{
    struct x86_cpu *cpu = x86_of(head);
    uint64_t requested = mask & cpu->xcr0 & XCR0_SUPPORTED, in_use = components_in_use(cpu, flags), write = requested;
    if (address & 63)
        general_protection(cpu);
    ldst_probe(head, address, 576, ACCESS_WRITE);
    uint64_t present = ldst_load(head, address + 512, 3);
    if (flags & XSAVE_COMPACT)
        present = requested & in_use;
    else
        present = (present & ~requested) | (requested & in_use);
    if (flags & (XSAVE_OPT | XSAVE_COMPACT))
        write &= in_use;
    if (write & 1)
        store_x87(cpu, address, flags);
    if (write & 2)
        store_xmm(cpu, address, flags);
    if (flags & XSAVE_COMPACT ? write & 2 : requested & 2)
        store_mxcsr(cpu, address);
    ldst_store(head, address + 512, present, 3);
    if (flags & XSAVE_COMPACT)
        ldst_store(head, address + 520, requested | COMPACTED, 3);
    return 0;
}

static void check_header(struct x86_cpu *cpu, uint64_t address, uint64_t present, uint64_t compact)
{
    bool bad = compact & COMPACTED ? (compact & ~COMPACTED & ~cpu->xcr0) || (present & ~compact)
                                   : compact || (present & ~cpu->xcr0);
    for (unsigned i = 16; i < (compact & COMPACTED ? 64 : 24); i += 8)
        bad |= ldst_load(&cpu->head, address + 512 + i, 3) != 0;
    if (bad)
        general_protection(cpu);
}

uint64_t helper_xrstor(struct vcpu_head *head, uint64_t address, uint64_t mask, uint64_t flags)
{
    struct x86_cpu *cpu = x86_of(head);
    struct legacy from = {.word = {X87_DEFAULT_CONTROL, 0, 0, MXCSR_DEFAULT}};
    uint64_t requested = mask & cpu->xcr0 & XCR0_SUPPORTED;
    if (address & 63)
        general_protection(cpu);
    uint64_t present = ldst_load(head, address + 512, 3), compact = ldst_load(head, address + 520, 3);
    check_header(cpu, address, present, compact);
    if (requested & present & 1)
        read_x87(cpu, address, &from);
    if (requested & present & 2)
        read_xmm(cpu, address, flags, &from);
    if (requested & 2 && (!(compact & COMPACTED) || present & 2))
        read_mxcsr(cpu, address, &from);
    if (requested & 1)
        put_x87(cpu, &from, flags);
    if (requested & 2) {
        put_xmm(cpu, &from, flags);
        head->mxcsr = (uint32_t)from.word[3];
    }
    return 0;
}

uint64_t helper_xgetbv(struct vcpu_head *head, uint64_t index)
{
    struct x86_cpu *cpu = x86_of(head);
    if ((uint32_t)index > 1)
        general_protection(cpu);
    if ((uint32_t)index == 1)
        return cpu->xcr0 & components_in_use(cpu, FXSAVE_LONG);
    return cpu->xcr0;
}

uint64_t helper_xsetbv(struct vcpu_head *head, uint64_t index, uint64_t value)
{
    struct x86_cpu *cpu = x86_of(head);
    if ((uint32_t)index != 0 || !(value & 1) || value & ~(uint64_t)XCR0_SUPPORTED)
        general_protection(cpu);
    cpu->xcr0 = value;
    return 0;
}
