// SPDX-License-Identifier: MIT
//
// x87 instructions in soft float: the reference, the only version under the interpreter and on hosts without
// an x87, and the slow path of the others (stack faults, unmasked or pending exceptions). Compiled for
// general registers only, like all it calls: the guest's vector registers are live in the host. [SDM 1 8]
#include "target/i386/x87.h"

void x87_wait(struct x86_cpu *cpu)
{
    if (!(cpu->fpu_status & X87_ES))
        return;
    if (cpu->cr0 & CR0_NE)
        cpu_raise(cpu, VEC_MF);
    if (cpu->host && cpu->host->ferr)
        cpu->host->ferr(cpu->host_opaque);
}

void x87_update_summary(struct x86_cpu *cpu)
{
    if (cpu->fpu_status & ~cpu->fpu_control & SF_ALL_FLAGS)
        cpu->fpu_status |= X87_ES | X87_BUSY;
    else
        cpu->fpu_status &= (uint16_t)~(X87_ES | X87_BUSY);
}

bool x87_raise_flags(struct x86_cpu *cpu, uint64_t info, unsigned flags, bool c1)
{
    unsigned unmasked = flags & ~cpu->fpu_control & SF_ALL_FLAGS;
    cpu->fpu_status = (uint16_t)((cpu->fpu_status & ~X87_C1) | flags | (c1 ? X87_C1 : 0));
    if (unmasked) {
        cpu->fpu_status |= X87_ES | X87_BUSY;
        cpu->fpu_opcode = info >> 48 & 0x7ff;
    }
    return !(unmasked & (SF_IE | SF_DE | SF_ZE));
}

bool x87_merge(struct x86_cpu *cpu, uint64_t info, const struct sf_env *env)
{
    unsigned stop = env->flags & ~cpu->fpu_control & (SF_IE | SF_DE | SF_ZE); // not rounded at all
    return x87_raise_flags(cpu, info, env->flags, env->rounded_up && !stop);
}

bool x87_check_stack(struct x86_cpu *cpu, uint64_t info, bool *masked)
{
    if (x87_stack_ok(cpu, info))
        return true;
    bool underflow = (cpu->fpu_empty & ~(info >> 24) & info >> 16 & 0xff) != 0; // the stronger of the two
    *masked = x87_raise_flags(cpu, info, X87_IE | X87_SF, !underflow);
    return false;
}

// Division and square root call libgcc's 128-bit division, which uses vector registers that hold the guest's here.
#ifdef __x86_64__
struct vectors { uint8_t bytes[16][16]; };
#define EACH_VECTOR(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11) f(12) f(13) f(14) f(15)
#define KEEP(n) __asm__ volatile("movups %%xmm" #n ", %0" : "=m"(v->bytes[n]));
#define BACK(n) __asm__ volatile("movups %0, %%xmm" #n : : "m"(v->bytes[n]));
static void vectors_keep(struct vectors *v) { EACH_VECTOR(KEEP) }
static void vectors_back(const struct vectors *v) { EACH_VECTOR(BACK) }
#else
struct vectors { uint8_t unused; };
static void vectors_keep(struct vectors *v) {}
static void vectors_back(const struct vectors *v) {}
#endif

// The common frame of instructions that give dst a value: true when the caller should compute it.
static bool begin(struct x86_cpu *cpu, uint64_t info)
{
    bool masked;
    x87_wait(cpu);
    if (x87_check_stack(cpu, info, &masked))
        return true;
    if (masked) {
        x87_put(x87_dst(cpu, info), SF_F80_DEFAULT_NAN);
        x87_commit(cpu, info);
    }
    return false;
}

static void finish(struct x86_cpu *cpu, uint64_t info, struct sf_f80 value, const struct sf_env *env)
{
    if (!x87_merge(cpu, info, env))
        return;
    x87_put(x87_dst(cpu, info), value);
    x87_commit(cpu, info);
}

void x87_soft_arith(struct x86_cpu *cpu, uint64_t info, enum sf_f80_op op, enum x87_operand kind, uint64_t operand)
{
    if (!begin(cpu, info))
        return;
    struct sf_env env = sf_env_from_fcw(cpu->fpu_control);
    struct sf_f80 a = x87_value(x87_dst(cpu, info)), r;
    struct vectors vectors;
    vectors_keep(&vectors);
    switch (kind) {
    case X87_F32:
        r = sf_f80_arith_f32(op, a, (uint32_t)operand, &env);
        break;
    case X87_F64:
        r = sf_f80_arith_f64(op, a, operand, &env);
        break;
    case X87_INT:
        r = sf_f80_arith(op, a, sf_i64_to_f80((int64_t)operand), &env);
        break;
    default:
        r = sf_f80_arith(op, a, x87_value(x87_src(cpu, info)), &env);
    }
    vectors_back(&vectors);
    finish(cpu, info, r, &env);
}

static uint16_t compare(struct x86_cpu *cpu, uint64_t info, bool quiet, enum x87_operand kind, uint64_t operand,
                        struct sf_env *env)
{
    struct sf_f80 a = x87_value(x87_dst(cpu, info));
    switch (kind) {
    case X87_F32:
        return sf_f80_compare_f32(a, (uint32_t)operand, env);
    case X87_F64:
        return sf_f80_compare_f64(a, operand, env);
    case X87_INT:
        return sf_f80_compare(a, sf_i64_to_f80((int64_t)operand), quiet, env);
    default:
        return sf_f80_compare(a, x87_value(x87_src(cpu, info)), quiet, env);
    }
}

// Returns the EFLAGS for FCOMI.
uint64_t x87_soft_compare(struct x86_cpu *cpu, uint64_t info, enum x87_compare how, enum x87_operand kind, uint64_t operand)
{
    uint16_t cc = SF_C0 | SF_C2 | SF_C3;
    bool go_on;
    x87_wait(cpu);
    if (x87_check_stack(cpu, info, &go_on)) {
        struct sf_env env = sf_env_from_fcw(cpu->fpu_control);
        cc = compare(cpu, info, how == X87_UCOM || how == X87_UCOMI, kind, operand, &env);
        env.rounded_up = false;
        go_on = x87_merge(cpu, info, &env);
    }
    if (how == X87_COM || how == X87_UCOM)
        x87_set_cc(cpu, SF_C0 | SF_C2 | SF_C3, cc); // also when the exception is unmasked: only the pops are left out
    if (go_on)
        x87_commit(cpu, info);
    return sf_f80_cc_to_eflags(cc);
}

void x87_soft_load(struct x86_cpu *cpu, uint64_t info, enum x87_operand kind, uint64_t operand)
{
    if (!begin(cpu, info))
        return;
    struct sf_env env = sf_env_from_fcw(cpu->fpu_control);
    struct sf_f80 r = kind == X87_F32   ? sf_f32_to_f80((uint32_t)operand, &env)
                      : kind == X87_F64 ? sf_f64_to_f80(operand, &env)
                                        : sf_i64_to_f80((int64_t)operand);
    if (x87_merge(cpu, info, &env) || !(env.flags & SF_IE)) { // an unmasked DE does not keep a load from its push
        x87_put(x87_dst(cpu, info), r);
        x87_commit(cpu, info);
    }
}

void x87_soft_unary(struct x86_cpu *cpu, uint64_t info, enum x87_unary op)
{
    struct sf_env env = sf_env_from_fcw(cpu->fpu_control);
    if (op == X87_XAM) { // looks at empty registers, too; never faults
        struct sf_f80 a = x87_value(x87_dst(cpu, info));
        x87_wait(cpu);
        bool empty = cpu->fpu_empty >> (info & 7) & 1;
        x87_set_cc(cpu, X87_CC, empty ? SF_C3 | SF_C0 | (a.se & 0x8000 ? X87_C1 : 0) : sf_f80_xam(a));
        x87_commit(cpu, info);
        return;
    }
    if (op == X87_TST) {
        bool go_on;
        uint16_t cc = SF_C0 | SF_C2 | SF_C3;
        x87_wait(cpu);
        if (x87_check_stack(cpu, info, &go_on)) {
            cc = sf_f80_compare(x87_value(x87_dst(cpu, info)), sf_i64_to_f80(0), false, &env);
            env.rounded_up = false;
            go_on = x87_merge(cpu, info, &env);
        }
        x87_set_cc(cpu, SF_C0 | SF_C2 | SF_C3, cc);
        if (go_on)
            x87_commit(cpu, info);
        return;
    }
    if (!begin(cpu, info))
        return;
    struct sf_f80 a = x87_value(x87_dst(cpu, info));
    struct sf_f80 r;
    struct vectors vectors;
    vectors_keep(&vectors);
    r = op == X87_SQRT     ? sf_f80_sqrt(a, &env)
        : op == X87_RNDINT ? sf_f80_rndint(a, &env)
        : op == X87_CHS    ? sf_f80_chs(a)
                           : sf_f80_abs(a);
    vectors_back(&vectors);
    finish(cpu, info, r, &env);
}

static const uint8_t store_size[] = {2, 3, 1, 2, 3, 1, 2, 3};

static uint64_t store_value(enum x87_store kind, struct sf_f80 a, struct sf_env *env)
{
    switch (kind) {
    case X87_ST_F32: return sf_f80_to_f32(a, env);
    case X87_ST_F64: return sf_f80_to_f64(a, env);
    case X87_ST_I16: return (uint16_t)sf_f80_to_i16(a, env);
    case X87_ST_I32: return (uint32_t)sf_f80_to_i32(a, env);
    case X87_ST_I64: return (uint64_t)sf_f80_to_i64(a, env);
    case X87_ST_T16: return (uint16_t)sf_f80_to_i16_trunc(a, env);
    case X87_ST_T32: return (uint32_t)sf_f80_to_i32_trunc(a, env);
    default: return (uint64_t)sf_f80_to_i64_trunc(a, env);
    }
}

static uint64_t indefinite(enum x87_store kind)
{
    static const uint64_t values[] = {0xffc00000, 0xfff8000000000000, 0x8000, 0x80000000, 1ull << 63,
                                      0x8000, 0x80000000, 1ull << 63};
    return values[kind];
}

// The store may fault or leave: status, tags and top change after it. What an unmasked exception keeps from being stored
// does not look at memory either: it faults nowhere.
void x87_soft_store(struct x86_cpu *cpu, uint64_t info, enum x87_store kind, uint64_t address)
{
    struct sf_env env = sf_env_from_fcw(cpu->fpu_control);
    uint64_t value = indefinite(kind);
    bool stack_ok = x87_stack_ok(cpu, info);
    unsigned stop = SF_IE | SF_DE | SF_ZE | (kind <= X87_ST_F64 ? SF_OE | SF_UE : 0);
    x87_wait(cpu);
    if (stack_ok)
        value = store_value(kind, x87_value(x87_src(cpu, info)), &env);
    else
        env.flags = X87_IE | X87_SF;
    if (env.flags & ~cpu->fpu_control & stop) {
        x87_merge(cpu, info, &env);
        return;
    }
    ldst_store(&cpu->head, address, value, store_size[kind]);
    x87_merge(cpu, info, &env);
    x87_commit(cpu, info);
}

// No conversion, so no exception besides the stack's.
void x87_soft_move(struct x86_cpu *cpu, uint64_t info)
{
    if (!begin(cpu, info))
        return;
    if (x87_is_fld_st7(info)) { // empty, as a push wants it: but its source is empty then
        if (!x87_raise_flags(cpu, info, X87_IE | X87_SF, false))
            return;
        x87_put(x87_dst(cpu, info), SF_F80_DEFAULT_NAN);
        x87_commit(cpu, info);
        return;
    }
    *x87_dst(cpu, info) = *x87_src(cpu, info);
    x87_set_cc(cpu, X87_C1, 0);
    x87_commit(cpu, info);
}

void x87_soft_exchange(struct x86_cpu *cpu, uint64_t info)
{
    struct x87_reg *a = x87_dst(cpu, info), *b = x87_src(cpu, info), keep;
    bool masked;
    x87_wait(cpu);
    if (!x87_check_stack(cpu, info, &masked)) {
        if (!masked)
            return;
        if (cpu->fpu_empty >> (info & 7) & 1)
            x87_put(a, SF_F80_DEFAULT_NAN);
        if (cpu->fpu_empty >> (info >> 3 & 7) & 1)
            x87_put(b, SF_F80_DEFAULT_NAN);
    } else {
        x87_set_cc(cpu, X87_C1, 0);
    }
    keep = *a;
    *a = *b;
    *b = keep;
    x87_commit(cpu, info);
}

void x87_soft_load80(struct x86_cpu *cpu, uint64_t info, uint64_t address)
{
    struct sf_f80 value;
    value.mant = ldst_load(&cpu->head, address, 3);
    value.se = (uint16_t)ldst_load(&cpu->head, address + 8, 1);
    if (!begin(cpu, info))
        return;
    x87_put(x87_dst(cpu, info), value);
    x87_set_cc(cpu, X87_C1, 0);
    x87_commit(cpu, info);
}

void x87_soft_store80(struct x86_cpu *cpu, uint64_t info, uint64_t address)
{
    struct sf_f80 value = SF_F80_DEFAULT_NAN;
    bool stack_ok = x87_stack_ok(cpu, info);
    x87_wait(cpu);
    if (stack_ok || (cpu->fpu_control & X87_IE)) {
        if (stack_ok)
            value = x87_value(x87_src(cpu, info));
        ldst_probe(&cpu->head, address, 10, ACCESS_WRITE);
        ldst_store(&cpu->head, address, value.mant, 3);
        ldst_store(&cpu->head, address + 8, value.se, 1);
    }
    if (x87_raise_flags(cpu, info, stack_ok ? 0 : X87_IE | X87_SF, false))
        x87_commit(cpu, info);
}

void x87_reset(struct x86_cpu *cpu)
{
    cpu->fpu_control = X87_DEFAULT_CONTROL;
    cpu->fpu_status = 0;
    cpu->fpu_top = 0;
    cpu->fpu_empty = 0xff;
    cpu->fpu_opcode = 0;
    cpu->fpu_ip = cpu->fpu_dp = 0;
}

void x87_set_status_word(struct x86_cpu *cpu, uint16_t status)
{
    cpu->fpu_status = status & (uint16_t)~0x3800;
    cpu->fpu_top = status >> 11 & 7;
    x87_update_summary(cpu);
}

// Two bits a physical register: valid, zero, special, empty. [SDM 1 8.1.7]
uint16_t x87_tag_word(const struct x86_cpu *cpu)
{
    unsigned tags = 0;
    for (unsigned i = 0; i < 8; i++) {
        const struct x87_reg *r = &cpu->fpr[i];
        unsigned exponent = r->se & 0x7fff, tag = 0;
        if (cpu->fpu_empty >> i & 1)
            tag = 3;
        else if (!exponent && !r->mant)
            tag = 1;
        else if (!exponent || exponent == 0x7fff || !(r->mant >> 63))
            tag = 2;
        tags |= tag << 2 * i;
    }
    return (uint16_t)tags;
}
