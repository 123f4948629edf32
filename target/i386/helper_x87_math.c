// SPDX-License-Identifier: MIT
//
// The x87 instructions that are always soft float: transcendentals, constants, remainders, scaling, decimal. Not
// bound to general registers: their call stubs save the vectors. [SDM 1 8.3]
#include "target/i386/helpers_fp.h"
#include "target/i386/x87.h"

// Constants in the order of the opcodes D9 E8.. [SDM 2 FLD1].
uint64_t helper_fld_constant(struct vcpu_head *head, uint64_t info, uint64_t which)
{
    struct x86_cpu *cpu = x86_of(head);
    struct sf_env env = sf_env_from_fcw(cpu->fpu_control);
    static const uint8_t constants[] = {0, SF_L2T, SF_L2E, SF_PI, SF_LG2, SF_LN2};
    struct sf_f80 value;
    bool masked;

    x87_wait(cpu);
    if (x87_check_stack(cpu, info, &masked)) {
        if (which == 0)
            value = sf_i64_to_f80(1);
        else if (which == 6)
            value = sf_i64_to_f80(0);
        else
            value = sf_f80_constant((enum sf_f80_constant)constants[which], &env);
        x87_set_cc(cpu, X87_C1, 0);
    } else if (masked) {
        value = SF_F80_DEFAULT_NAN;
    } else {
        return 0;
    }
    x87_put(x87_dst(cpu, info), value);
    x87_commit(cpu, info);
    return 0;
}

// One result, into dst; sources dst (ST0) and src (ST1). For FYL2X and FPATAN dst is ST1 and src ST0.
static struct sf_f80 compute(struct x86_cpu *cpu, uint64_t info, enum x87_math op, uint16_t *cc, struct sf_env *env)
{
    struct sf_f80 a = x87_value(x87_dst(cpu, info)), b = x87_value(x87_src(cpu, info)), r = a;
    switch (op) {
    case X87_F2XM1:
        return sf_f80_2xm1(a, env);
    case X87_FYL2X:
        return sf_f80_yl2x(b, a, env);
    case X87_FYL2XP1:
        return sf_f80_yl2xp1(b, a, env);
    case X87_FPATAN:
        return sf_f80_patan(b, a, env);
    case X87_FPREM:
        return sf_f80_prem(a, b, cc, env);
    case X87_FPREM1:
        return sf_f80_prem1(a, b, cc, env);
    case X87_FSCALE:
        return sf_f80_scale(a, b, env);
    case X87_FSIN:
        if (!sf_f80_sin(a, &r, env))
            *cc = SF_C2;
        return r;
    default:
        if (!sf_f80_cos(a, &r, env))
            *cc = SF_C2;
        return r;
    }
}

static bool is_nan(struct sf_f80 a) { return (a.se & 0x7fff) == 0x7fff && a.mant << 1; }

static void one_result(struct x86_cpu *cpu, uint64_t info, enum x87_math op)
{
    struct sf_env env = sf_env_from_fcw(cpu->fpu_control);
    uint16_t cc = 0;
    struct sf_f80 value = SF_F80_DEFAULT_NAN;
    bool go_on, remainder = op == X87_FPREM || op == X87_FPREM1;

    if (x87_check_stack(cpu, info, &go_on)) {
        value = compute(cpu, info, op, &cc, &env);
        go_on = x87_merge(cpu, info, &env);
        if (remainder)
            x87_set_cc(cpu, !go_on || is_nan(value) ? SF_C1 | SF_C2 : X87_CC, go_on ? cc : 0); // no quotient: C0 and C3 stay
        if (op == X87_FSIN || op == X87_FCOS)
            x87_set_cc(cpu, SF_C2, cc);
    } else if (remainder || op == X87_FSIN || op == X87_FCOS) {
        x87_set_cc(cpu, SF_C2, 0);
    }
    if (!go_on)
        return;
    x87_put(x87_dst(cpu, info), value);
    x87_commit(cpu, info);
}

// ST0 becomes `lower`, `upper` is pushed: dst is the new top, src the old one.
static void two_results(struct x86_cpu *cpu, uint64_t info, enum x87_math op)
{
    struct sf_env env = sf_env_from_fcw(cpu->fpu_control);
    struct sf_f80 a = x87_value(x87_src(cpu, info)), lower, upper;
    bool go_on, in_range = true;

    lower = upper = SF_F80_DEFAULT_NAN;
    if (x87_check_stack(cpu, info, &go_on)) {
        if (op == X87_FXTRACT) {
            upper = sf_f80_xtract(a, &lower, &env);
        } else if (op == X87_FSINCOS) {
            in_range = sf_f80_sincos(a, &lower, &upper, &env);
        } else {
            in_range = sf_f80_tan(a, &lower, &env);
            upper = in_range && is_nan(lower) ? lower : sf_i64_to_f80(1);
        }
        go_on = x87_merge(cpu, info, &env);
        if (op != X87_FXTRACT)
            x87_set_cc(cpu, SF_C2, in_range ? 0 : SF_C2);
        if (!in_range) // nothing is pushed
            return;
    } else if (op != X87_FXTRACT) {
        x87_set_cc(cpu, SF_C2, 0);
    }
    if (!go_on)
        return;
    x87_put(x87_src(cpu, info), lower);
    x87_put(x87_dst(cpu, info), upper);
    x87_commit(cpu, info);
}

uint64_t helper_fmath(struct vcpu_head *head, uint64_t info, uint64_t op)
{
    x87_wait(x86_of(head));
    if (op == X87_FXTRACT || op == X87_FSINCOS || op == X87_FPTAN)
        two_results(x86_of(head), info, (enum x87_math)op);
    else
        one_result(x86_of(head), info, (enum x87_math)op);
    return 0;
}

uint64_t helper_fbld(struct vcpu_head *head, uint64_t info, uint64_t address)
{
    struct x86_cpu *cpu = x86_of(head);
    uint64_t low = ldst_load(head, address, 3), high = ldst_load(head, address + 8, 1);
    struct sf_f80 value = SF_F80_DEFAULT_NAN;
    uint8_t bcd[10];
    bool masked;

    x87_wait(cpu);
    for (unsigned i = 0; i < 10; i++)
        bcd[i] = (uint8_t)((i < 8 ? low >> 8 * i : high >> 8 * (i - 8)));
    if (x87_check_stack(cpu, info, &masked)) {
        value = sf_bcd_to_f80(bcd);
        x87_set_cc(cpu, X87_C1, 0);
    } else if (!masked) {
        return 0;
    }
    x87_put(x87_dst(cpu, info), value);
    x87_commit(cpu, info);
    return 0;
}

uint64_t helper_fbstp(struct vcpu_head *head, uint64_t info, uint64_t address)
{
    struct x86_cpu *cpu = x86_of(head);
    struct sf_env env = sf_env_from_fcw(cpu->fpu_control);
    uint8_t bcd[10] = {0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff}; // the indefinite
    uint64_t low = 0;

    x87_wait(cpu);
    if (x87_stack_ok(cpu, info))
        sf_f80_to_bcd(x87_value(x87_src(cpu, info)), bcd, &env);
    else
        env.flags = X87_IE | X87_SF;
    if (env.flags & ~cpu->fpu_control & X87_IE) {
        x87_merge(cpu, info, &env);
        return 0;
    }
    for (unsigned i = 0; i < 8; i++)
        low |= (uint64_t)bcd[i] << 8 * i;
    ldst_probe(head, address, 10, ACCESS_WRITE);
    ldst_store(head, address, low, 3);
    ldst_store(head, address + 8, bcd[8] | (uint64_t)bcd[9] << 8, 1);
    x87_merge(cpu, info, &env);
    x87_commit(cpu, info);
    return 0;
}
