// SPDX-License-Identifier: MIT
//
// SSE instructions that are not one host instruction: the estimates, which hosts define differently; arithmetic while
// an MXCSR exception is unmasked; string comparisons; masked stores. Their call stubs save the vectors.
#include "fpu/softfloat.h"
#include "target/i386/cpu.h"
#include "target/i386/helpers_fp.h"
#include "tcg/vec.h"

// RCPPS and RSQRTPS, two lanes at a time.
uint64_t helper_rcp2(struct vcpu_head *head, uint64_t lanes)
{
    return sf_rcp_f32((uint32_t)lanes) | (uint64_t)sf_rcp_f32((uint32_t)(lanes >> 32)) << 32;
}

uint64_t helper_rsqrt2(struct vcpu_head *head, uint64_t lanes)
{
    return sf_rsqrt_f32((uint32_t)lanes) | (uint64_t)sf_rsqrt_f32((uint32_t)(lanes >> 32)) << 32;
}

// SIMD floating-point exception: flags are in MXCSR already. [SDM 1 11.5]
static void raise_simd(struct x86_cpu *cpu)
{
    cpu_raise(cpu, cpu->cr4 & CR4_OSXMMEXCPT ? VEC_XM : VEC_UD);
}

// One operation; an exception that is not masked ends the instruction, with the flags set. Those found before computing
// keep the others from being found [SDM 1 11.5.2].
static void exact_step(struct x86_cpu *cpu, unsigned row, struct vec_args *a)
{
    uint32_t before = cpu->head.mxcsr, unmasked = ~(before >> 7) & SF_ALL_FLAGS, first = SF_IE | SF_DE | SF_ZE, raised;
    a->mxcsr = before & ~SF_ALL_FLAGS;
    vec_interp[row](a);
    raised = a->mxcsr & SF_ALL_FLAGS;
    if (raised & unmasked & first)
        raised &= first;
    cpu->head.mxcsr = before | raised;
    if (raised & unmasked)
        raise_simd(cpu);
}

uint64_t helper_vec_exact(struct vcpu_head *head, uint64_t code, uint64_t low, uint64_t high, uint64_t g)
{
    struct x86_cpu *cpu = x86_of(head);
    unsigned row = code & 0xffff, dst = code >> 24 & 0xff;
    struct vec_args a = {.s.d = {low, high}, .g = g, .imm = (uint8_t)(code >> 16)};

    if (vec_rows[row].form == VEC_TOG) {
        a.d.d[0] = low;
        a.d.d[1] = high;
    } else if (dst != VEC_EXACT_NONE) {
        a.d.d[0] = cpu->xmm[dst].d[0];
        a.d.d[1] = cpu->xmm[dst].d[1];
    }
    exact_step(cpu, row, &a);
    if (vec_rows[row].form == VEC_TOG || vec_rows[row].form == VEC_CMP)
        return a.g;
    if (dst != VEC_EXACT_NONE) {
        cpu->xmm[dst].d[0] = a.d.d[0];
        cpu->xmm[dst].d[1] = a.d.d[1];
    }
    return a.d.d[0];
}

static union vec128 exact_op(struct x86_cpu *cpu, unsigned row, union vec128 d, union vec128 s, unsigned imm)
{
    struct vec_args a = {.d = d, .s = s, .imm = (uint8_t)imm};
    exact_step(cpu, row, &a);
    return a.d;
}

// gen_dot_product with exceptions that are not masked: products and sums are steps, each can end the instruction.
uint64_t helper_dot_exact(struct vcpu_head *head, uint64_t code, uint64_t low, uint64_t high)
{
    struct x86_cpu *cpu = x86_of(head);
    unsigned row = code & 0xffff, imm = code >> 16 & 0xff, dst = code >> 24 & 0xff;
    bool wide = row == V_mulpd;
    unsigned blend = wide ? V_blendpd : V_blendps, add = wide ? V_addpd : V_addps;
    union vec128 zero = {.d = {0, 0}}, d = {.d = {cpu->xmm[dst].d[0], cpu->xmm[dst].d[1]}}, s = {.d = {low, high}};
    d = exact_op(cpu, blend, zero, d, imm >> 4);
    s = exact_op(cpu, blend, zero, s, imm >> 4);
    s = exact_op(cpu, row, d, s, 0);
    if (!wide)
        s = exact_op(cpu, add, exact_op(cpu, V_pshufd, s, s, 0xb1), s, 0);
    s = exact_op(cpu, add, s, exact_op(cpu, V_pshufd, s, s, 0x4e), 0);
    s = exact_op(cpu, blend, zero, s, imm);
    cpu->xmm[dst].d[0] = s.d[0];
    cpu->xmm[dst].d[1] = s.d[1];
    return 0;
}

// ---- PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM [SDM 2B 4.1]
struct strings {
    int a[16], b[16];   // elements, extended by the format
    unsigned count;     // elements in a vector: 16 or 8
    unsigned a_len, b_len;
};

static void split(int out[16], const uint64_t v[2], unsigned format)
{
    for (unsigned i = 0; i < (format & 1 ? 8u : 16u); i++) {
        uint64_t half;
        if (format & 1) {
            half = v[i / 4] >> 16 * (i % 4) & 0xffff;
            out[i] = format & 2 ? (int16_t)half : (int)half;
        } else {
            half = v[i / 8] >> 8 * (i % 8) & 0xff;
            out[i] = format & 2 ? (int8_t)half : (int)half;
        }
    }
}

static unsigned implicit_length(const int v[16], unsigned count)
{
    unsigned n = 0;
    while (n < count && v[n])
        n++;
    return n;
}

static unsigned explicit_length(uint64_t reg, bool wide, unsigned count)
{
    int64_t value = wide ? (int64_t)reg : (int32_t)reg;
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    return magnitude > count ? count : (unsigned)magnitude;
}

// Is element j of b matched? Elements past the ends count as the aggregation says.
static bool any_or_range(const struct strings *s, unsigned j, bool range)
{
    if (j >= s->b_len)
        return false;
    for (unsigned i = 0; i < s->a_len; i += range ? 2 : 1) {
        if (!range && s->a[i] == s->b[j])
            return true;
        if (range && i + 1 < s->a_len && s->b[j] >= s->a[i] && s->b[j] <= s->a[i + 1])
            return true;
    }
    return false;
}

static bool equal_each(const struct strings *s, unsigned j)
{
    bool a_valid = j < s->a_len, b_valid = j < s->b_len;
    return a_valid && b_valid ? s->a[j] == s->b[j] : a_valid == b_valid;
}

static bool equal_ordered(const struct strings *s, unsigned j)
{
    for (unsigned i = 0; i + j < s->count && i < s->a_len; i++)
        if (i + j >= s->b_len || s->a[i] != s->b[i + j])
            return false;
    return true;
}

static unsigned string_result(const struct strings *s, unsigned imm)
{
    unsigned result = 0;
    for (unsigned j = 0; j < s->count; j++) {
        unsigned how = imm >> 2 & 3;
        bool bit = how < 2 ? any_or_range(s, j, how == 1) : how == 2 ? equal_each(s, j) : equal_ordered(s, j);
        if ((imm & 0x10) && (!(imm & 0x20) || j < s->b_len))
            bit = !bit;
        result |= (unsigned)bit << j;
    }
    return result;
}

static void write_mask(struct x86_cpu *cpu, unsigned result, unsigned imm)
{
    unsigned width = imm & 1 ? 16 : 8;
    uint64_t mask[2] = {0, 0};
    if (!(imm & 0x40)) {
        mask[0] = result;
    } else {
        for (unsigned j = 0; j < 128 / width; j++)
            if (result >> j & 1)
                mask[j * width / 64] |= ((1ull << width) - 1) << j * width % 64;
    }
    cpu->xmm[0].d[0] = mask[0];
    cpu->xmm[0].d[1] = mask[1];
}

// Returns the flags in EFLAGS layout and, above them, the index for ECX.
uint64_t helper_pcmpstr(struct vcpu_head *head, uint64_t code, uint64_t low, uint64_t high)
{
    struct x86_cpu *cpu = x86_of(head);
    unsigned imm = code & 0xff, index;
    uint64_t b[2] = {low, high};
    struct strings s = {.count = imm & 1 ? 8 : 16};
    split(s.a, cpu->xmm[code >> PCMPSTR_REG_SHIFT & 15].d, imm & 3);
    split(s.b, b, imm & 3);
    if (code & PCMPSTR_EXPLICIT) {
        s.a_len = explicit_length(cpu->regs[R_RAX], code & PCMPSTR_WIDE, s.count);
        s.b_len = explicit_length(cpu->regs[R_RDX], code & PCMPSTR_WIDE, s.count);
    } else {
        s.a_len = implicit_length(s.a, s.count);
        s.b_len = implicit_length(s.b, s.count);
    }
    unsigned result = string_result(&s, imm);
    if (code & PCMPSTR_MASK)
        write_mask(cpu, result, imm);
    index = !result ? s.count : imm & 0x40 ? 31 - (unsigned)__builtin_clz(result) : (unsigned)__builtin_ctz(result);
    return (result ? F_CF : 0) | (s.b_len < s.count ? F_ZF : 0) | (s.a_len < s.count ? F_SF : 0) |
           (result & 1 ? F_OF : 0) | (uint64_t)index << 32;
}

// MASKMOVDQU, MASKMOVQ: bytes whose mask has its top bit set; nothing is written when one of them faults.
uint64_t helper_maskmov(struct vcpu_head *head, uint64_t address, uint64_t low, uint64_t high, uint64_t mask_low, uint64_t mask_high)
{
    for (unsigned i = 0; i < 16; i++)
        if ((i < 8 ? mask_low : mask_high) >> (8 * (i % 8) + 7) & 1)
            ldst_probe(head, address + i, 1, ACCESS_WRITE);
    for (unsigned i = 0; i < 16; i++)
        if ((i < 8 ? mask_low : mask_high) >> (8 * (i % 8) + 7) & 1)
            ldst_store(head, address + i, (i < 8 ? low : high) >> 8 * (i % 8) & 0xff, 0);
    return 0;
}
