// SPDX-License-Identifier: MIT
//
// SSE and AVX scalar floating point on float32 and float64 (see softfloat.h). One body per
// operation, inlined for both formats with their precision and exponent range as constants.
// Order of checks in every operation: NaNs, then invalid and divide by zero, then denormal
// operands, then the computation [SDM 1 4.9.2].
#include "fpu/softfloat.h"
#include "fpu/sf_internal.h"

struct format {
    int precision, emax;
};

#define F32 ((struct format){24, 127})
#define F64 ((struct format){53, 1023})
#define INLINE static inline __attribute__((always_inline))

INLINE uint64_t format_sign(struct format f)
{
    return f.precision == 24 ? 1ull << 31 : 1ull << 63;
}

INLINE uint64_t format_inf(struct format f)
{
    return (uint64_t)(2 * f.emax + 1) << (f.precision - 1);
}

INLINE uint64_t format_quiet(struct format f) { return 1ull << (f.precision - 2); }

INLINE uint64_t default_nan(struct format f)
{
    return format_sign(f) | format_inf(f) | format_quiet(f);
}

INLINE struct sf_num unpack(struct format f, uint64_t bits, const struct sf_env *env)
{
    struct sf_num num = sf_unpack_ieee(bits, f.precision, f.emax, (bits & format_sign(f)) != 0);
    if (num.denormal && env->daz)
        num = (struct sf_num){.sign = num.sign};
    return num;
}

INLINE uint64_t finish(struct format f, struct sf_result r, struct sf_env *env)
{
    uint64_t sign = r.sign ? format_sign(f) : 0;
    switch (r.kind) {
    case SF_KIND_ZERO:
        return sign;
    case SF_KIND_FINITE:
        return sign | sf_pack_ieee(env, f.precision, f.emax, r.sign, r.exp, r.hi, r.lo);
    case SF_KIND_INF:
        return sign | format_inf(f);
    default:
        return default_nan(f);
    }
}

// Rounds and merges `raised`, the flags found before the computation. An unmasked one of them ends
// the instruction: nothing that rounding found may become visible.
INLINE uint64_t finish_flags(struct format f, struct sf_result r, uint8_t raised,
                             struct sf_env *env)
{
    uint8_t flags = env->flags | raised;
    uint64_t bits = finish(f, r, env);
    env->flags = raised & ~env->masks ? flags : env->flags | raised;
    return bits;
}

INLINE void raise_snan(struct sf_num a, struct sf_num b, struct sf_env *env)
{
    if (a.kind == SF_KIND_SNAN || b.kind == SF_KIND_SNAN)
        env->flags |= SF_IE;
}

enum operation { ADD, SUB, MUL, DIV };

INLINE uint64_t binary(struct format f, enum operation op, uint64_t a, uint64_t b,
                       struct sf_env *env)
{
    struct sf_num x = unpack(f, a, env), y = unpack(f, b, env);
    struct sf_result r;
    uint8_t raised = 0;

    if (__builtin_expect(sf_is_nan(x) || sf_is_nan(y), 0)) {
        raise_snan(x, y, env);
        return (sf_is_nan(x) ? a : b) | format_quiet(f);
    }
    if (op == SUB)
        y.sign = !y.sign;
    if (op == MUL)
        r = sf_num_mul(x, y, &raised);
    else if (op == DIV)
        r = sf_num_div(x, y, &raised);
    else
        r = sf_num_add(x, y, env->rounding, &raised);
    if ((x.denormal || y.denormal) && !raised)
        raised = SF_DE;
    return finish_flags(f, r, raised, env);
}

INLINE uint64_t square_root(struct format f, uint64_t a, struct sf_env *env)
{
    struct sf_num x = unpack(f, a, env);
    uint8_t raised = 0;

    if (sf_is_nan(x)) {
        raise_snan(x, x, env);
        return a | format_quiet(f);
    }
    struct sf_result r = sf_num_sqrt(x, &raised);
    if (x.denormal && !raised)
        raised = SF_DE;
    return finish_flags(f, r, raised, env);
}

INLINE uint64_t min_max(struct format f, bool max, uint64_t a, uint64_t b, struct sf_env *env)
{
    struct sf_num x = unpack(f, a, env), y = unpack(f, b, env);
    enum sf_relation relation = sf_num_compare(x, y);

    if (relation == SF_UNORDERED)
        env->flags |= SF_IE;
    else if (x.denormal || y.denormal)
        env->flags |= SF_DE;
    bool first = relation == (max ? SF_GREATER : SF_LESS);
    uint64_t result = first ? a : b;
    // DAZ shows in the result too, even beside a NaN.
    return (first ? x : y).kind == SF_KIND_ZERO ? result & format_sign(f) : result;
}

// Compares and raises what a signalling or quiet comparison raises.
INLINE enum sf_relation compare(struct format f, uint64_t a, uint64_t b, bool signalling,
                                struct sf_env *env)
{
    struct sf_num x = unpack(f, a, env), y = unpack(f, b, env);
    enum sf_relation relation = sf_num_compare(x, y);

    if (relation == SF_UNORDERED) {
        if (signalling)
            env->flags |= SF_IE;
        else
            raise_snan(x, y, env);
    } else if (x.denormal || y.denormal) {
        env->flags |= SF_DE;
    }
    return relation;
}

// Of each predicate 0..15: the relations for which it holds, and whether it signals. Predicates
// 16..31 are the same with signalling inverted.
#define BIT(relation) (1u << SF_##relation)
static const struct {
    uint8_t holds;
    bool signalling;
} predicates[16] = {
    [0x0] = {BIT(EQUAL), false},
    [0x1] = {BIT(LESS), true},
    [0x2] = {BIT(LESS) | BIT(EQUAL), true},
    [0x3] = {BIT(UNORDERED), false},
    [0x4] = {BIT(LESS) | BIT(GREATER) | BIT(UNORDERED), false},
    [0x5] = {BIT(EQUAL) | BIT(GREATER) | BIT(UNORDERED), true},
    [0x6] = {BIT(GREATER) | BIT(UNORDERED), true},
    [0x7] = {BIT(LESS) | BIT(EQUAL) | BIT(GREATER), false},
    [0x8] = {BIT(EQUAL) | BIT(UNORDERED), false},
    [0x9] = {BIT(LESS) | BIT(UNORDERED), true},
    [0xa] = {BIT(LESS) | BIT(EQUAL) | BIT(UNORDERED), true},
    [0xb] = {0, false},
    [0xc] = {BIT(LESS) | BIT(GREATER), false},
    [0xd] = {BIT(EQUAL) | BIT(GREATER), true},
    [0xe] = {BIT(GREATER), true},
    [0xf] = {BIT(LESS) | BIT(EQUAL) | BIT(GREATER) | BIT(UNORDERED), false},
};

INLINE bool compare_predicate(struct format f, uint64_t a, uint64_t b, unsigned predicate,
                              struct sf_env *env)
{
    bool signalling = predicates[predicate & 15].signalling != (predicate >> 4 & 1);
    enum sf_relation relation = compare(f, a, b, signalling, env);
    return predicates[predicate & 15].holds >> relation & 1;
}

static uint32_t relation_to_eflags(enum sf_relation relation)
{
    static const uint8_t eflags[] = {
        [SF_LESS] = 0x01, [SF_EQUAL] = 0x40, [SF_GREATER] = 0, [SF_UNORDERED] = 0x45};
    return eflags[relation];
}

INLINE uint64_t fma_nan(struct format f, const uint64_t in[3], const struct sf_num num[3],
                        struct sf_env *env)
{
    for (int i = 0; i < 3; i++)
        if (num[i].kind == SF_KIND_SNAN)
            env->flags |= SF_IE;
    for (int i = 0; i < 3; i++)
        if (sf_is_nan(num[i]))
            return in[i] | format_quiet(f);
    return default_nan(f);
}

INLINE struct sf_result fma_result(struct sf_num x, struct sf_num y, struct sf_num z,
                                   unsigned rounding, uint8_t *raised)
{
    bool sign = x.sign != y.sign;
    if (x.kind == SF_KIND_FINITE && y.kind == SF_KIND_FINITE && z.kind == SF_KIND_FINITE) {
        // At most 106 significant bits: bringing the top bit to 126 loses nothing.
        sf_u128 product = (sf_u128)x.mant * y.mant;
        int carry = (int)(product >> 127);
        return sf_add_aligned(sign, x.exp + y.exp + carry, product >> carry, z.sign, z.exp,
                              (sf_u128)z.mant << 63, rounding);
    }
    struct sf_result product = sf_num_mul(x, y, raised);
    if (product.kind == SF_KIND_FINITE)
        return z.kind == SF_KIND_ZERO ? product : sf_result_from_num(z);
    if (product.kind == SF_KIND_QNAN)
        return product;
    return sf_num_add((struct sf_num){.kind = product.kind, .sign = product.sign}, z, rounding,
                      raised);
}

INLINE uint64_t fused(struct format f, uint64_t a, uint64_t b, uint64_t c, unsigned negate,
                      struct sf_env *env)
{
    struct sf_num x = unpack(f, a, env), y = unpack(f, b, env), z = unpack(f, c, env);
    uint8_t raised = 0;

    if (sf_is_nan(x) || sf_is_nan(y) || sf_is_nan(z))
        return fma_nan(f, (uint64_t[]){a, b, c}, (struct sf_num[]){x, y, z}, env);
    if (negate & SF_FMA_NEGATE_PRODUCT)
        x.sign = !x.sign;
    if (negate & SF_FMA_NEGATE_ADDEND)
        z.sign = !z.sign;
    struct sf_result r = fma_result(x, y, z, env->rounding, &raised);
    if ((x.denormal || y.denormal || z.denormal) && !raised)
        raised = SF_DE;
    return finish_flags(f, r, raised, env);
}

INLINE uint64_t round_integral(struct format f, uint64_t a, unsigned rounding, bool suppress,
                               struct sf_env *env)
{
    struct sf_num x = unpack(f, a, env);
    bool inexact, up;

    if (sf_is_nan(x)) {
        raise_snan(x, x, env);
        return a | format_quiet(f);
    }
    if (x.kind == SF_KIND_INF || (x.kind == SF_KIND_FINITE && x.exp >= f.precision - 1))
        return a;
    uint64_t magnitude = sf_num_round(x, rounding, &inexact, &up);
    if (inexact && !suppress)
        env->flags |= SF_PE;
    struct sf_num whole = sf_num_from_i64((int64_t)magnitude);
    whole.sign = x.sign;
    return finish(f, sf_result_from_num(whole), env);
}

INLINE uint64_t from_int(struct format f, int64_t a, struct sf_env *env)
{
    return finish(f, sf_result_from_num(sf_num_from_i64(a)), env);
}

// --- the public functions ---

#define BINARY(name, op)                                                                           \
    uint32_t sf_f32_##name(uint32_t a, uint32_t b, struct sf_env *env)                             \
    {                                                                                              \
        return (uint32_t)binary(F32, op, a, b, env);                                               \
    }                                                                                              \
    uint64_t sf_f64_##name(uint64_t a, uint64_t b, struct sf_env *env)                             \
    {                                                                                              \
        return binary(F64, op, a, b, env);                                                         \
    }
BINARY(add, ADD)
BINARY(sub, SUB)
BINARY(mul, MUL)
BINARY(div, DIV)

uint32_t sf_f32_sqrt(uint32_t a, struct sf_env *env) { return (uint32_t)square_root(F32, a, env); }
uint64_t sf_f64_sqrt(uint64_t a, struct sf_env *env) { return square_root(F64, a, env); }

uint32_t sf_f32_min(uint32_t a, uint32_t b, struct sf_env *env)
{
    return (uint32_t)min_max(F32, false, a, b, env);
}
uint32_t sf_f32_max(uint32_t a, uint32_t b, struct sf_env *env)
{
    return (uint32_t)min_max(F32, true, a, b, env);
}
uint64_t sf_f64_min(uint64_t a, uint64_t b, struct sf_env *env)
{
    return min_max(F64, false, a, b, env);
}
uint64_t sf_f64_max(uint64_t a, uint64_t b, struct sf_env *env)
{
    return min_max(F64, true, a, b, env);
}

bool sf_f32_cmp(uint32_t a, uint32_t b, unsigned predicate, struct sf_env *env)
{
    return compare_predicate(F32, a, b, predicate, env);
}
bool sf_f64_cmp(uint64_t a, uint64_t b, unsigned predicate, struct sf_env *env)
{
    return compare_predicate(F64, a, b, predicate, env);
}

uint32_t sf_f32_comis(uint32_t a, uint32_t b, struct sf_env *env)
{
    return relation_to_eflags(compare(F32, a, b, true, env));
}
uint32_t sf_f32_ucomis(uint32_t a, uint32_t b, struct sf_env *env)
{
    return relation_to_eflags(compare(F32, a, b, false, env));
}
uint32_t sf_f64_comis(uint64_t a, uint64_t b, struct sf_env *env)
{
    return relation_to_eflags(compare(F64, a, b, true, env));
}
uint32_t sf_f64_ucomis(uint64_t a, uint64_t b, struct sf_env *env)
{
    return relation_to_eflags(compare(F64, a, b, false, env));
}

uint32_t sf_f32_fma(uint32_t a, uint32_t b, uint32_t c, unsigned negate, struct sf_env *env)
{
    return (uint32_t)fused(F32, a, b, c, negate, env);
}
uint64_t sf_f64_fma(uint64_t a, uint64_t b, uint64_t c, unsigned negate, struct sf_env *env)
{
    return fused(F64, a, b, c, negate, env);
}

uint64_t sf_f32_to_f64(uint32_t a, struct sf_env *env)
{
    struct sf_num x = unpack(F32, a, env);
    if (sf_is_nan(x)) {
        raise_snan(x, x, env);
        return (uint64_t)x.sign << 63 | format_inf(F64) | format_quiet(F64) | x.mant << 1 >> 12;
    }
    if (x.denormal)
        env->flags |= SF_DE;
    return finish(F64, sf_result_from_num(x), env);
}

uint32_t sf_f64_to_f32(uint64_t a, struct sf_env *env)
{
    struct sf_num x = unpack(F64, a, env);
    if (sf_is_nan(x)) {
        raise_snan(x, x, env);
        return (uint32_t)((uint64_t)x.sign << 31 | format_inf(F32) | format_quiet(F32) |
                          x.mant << 1 >> 41);
    }
    return (uint32_t)finish_flags(F32, sf_result_from_num(x), x.denormal ? SF_DE : 0, env);
}

uint32_t sf_f16_to_f32(uint16_t a, struct sf_env *env)
{
    struct sf_num x = sf_unpack_ieee(a, 11, 15, a >> 15);
    if (sf_is_nan(x)) {
        raise_snan(x, x, env);
        return (uint32_t)(a & 0x8000) << 16 | 0x7fc00000 | (uint32_t)(a & 0x3ff) << 13;
    }
    return (uint32_t)finish(F32, sf_result_from_num(x), env);
}

uint16_t sf_f32_to_f16(uint32_t a, unsigned rounding, struct sf_env *env)
{
    struct sf_num x = unpack(F32, a, env);
    struct sf_env half = {.rounding = (uint8_t)rounding, .masks = env->masks};
    uint16_t sign = a >> 16 & 0x8000;

    if (sf_is_nan(x)) {
        raise_snan(x, x, env);
        return sign | 0x7e00 | (a >> 13 & 0x3ff);
    }
    if (x.kind == SF_KIND_ZERO)
        return sign;
    if (x.kind == SF_KIND_INF)
        return sign | 0x7c00;
    uint16_t bits = (uint16_t)sf_pack_ieee(&half, 11, 15, x.sign, x.exp, x.mant, 0);
    if (x.denormal)
        half.flags = env->masks & SF_DE ? half.flags | SF_DE : SF_DE;
    env->flags |= half.flags;
    return sign | bits;
}

uint32_t sf_i32_to_f32(int32_t a, struct sf_env *env) { return (uint32_t)from_int(F32, a, env); }
uint32_t sf_i64_to_f32(int64_t a, struct sf_env *env) { return (uint32_t)from_int(F32, a, env); }
uint64_t sf_i32_to_f64(int32_t a, struct sf_env *env) { return from_int(F64, a, env); }
uint64_t sf_i64_to_f64(int64_t a, struct sf_env *env) { return from_int(F64, a, env); }

int32_t sf_f32_to_i32(uint32_t a, struct sf_env *env)
{
    return (int32_t)sf_num_to_int(unpack(F32, a, env), env->rounding, 32, env);
}
int64_t sf_f32_to_i64(uint32_t a, struct sf_env *env)
{
    return sf_num_to_int(unpack(F32, a, env), env->rounding, 64, env);
}
int32_t sf_f64_to_i32(uint64_t a, struct sf_env *env)
{
    return (int32_t)sf_num_to_int(unpack(F64, a, env), env->rounding, 32, env);
}
int64_t sf_f64_to_i64(uint64_t a, struct sf_env *env)
{
    return sf_num_to_int(unpack(F64, a, env), env->rounding, 64, env);
}
int32_t sf_f32_to_i32_trunc(uint32_t a, struct sf_env *env)
{
    return (int32_t)sf_num_to_int(unpack(F32, a, env), SF_ROUND_ZERO, 32, env);
}
int64_t sf_f32_to_i64_trunc(uint32_t a, struct sf_env *env)
{
    return sf_num_to_int(unpack(F32, a, env), SF_ROUND_ZERO, 64, env);
}
int32_t sf_f64_to_i32_trunc(uint64_t a, struct sf_env *env)
{
    return (int32_t)sf_num_to_int(unpack(F64, a, env), SF_ROUND_ZERO, 32, env);
}
int64_t sf_f64_to_i64_trunc(uint64_t a, struct sf_env *env)
{
    return sf_num_to_int(unpack(F64, a, env), SF_ROUND_ZERO, 64, env);
}

uint32_t sf_f32_round(uint32_t a, unsigned rounding, bool suppress, struct sf_env *env)
{
    return (uint32_t)round_integral(F32, a, rounding, suppress, env);
}
uint64_t sf_f64_round(uint64_t a, unsigned rounding, bool suppress, struct sf_env *env)
{
    return round_integral(F64, a, rounding, suppress, env);
}

// float32 of a positive result at 13 significant bits; too small becomes zero. Neither estimate can
// overflow: sources are normal.
static uint32_t estimate(struct sf_result r)
{
    bool inexact, up;
    uint64_t kept = sf_round_bits(r.hi, r.lo, 64 - 13, false, SF_ROUND_NEAREST, &inexact, &up);
    int64_t bits = (int64_t)(r.exp + 126) * (1 << 23) + ((int64_t)kept << 11);
    return bits < 1 << 23 ? 0 : (uint32_t)bits;
}

// The parts the two estimates share: true if *result is settled by the class of the source.
static bool estimate_special(uint32_t a, struct sf_num *x, uint32_t *result)
{
    *x = sf_unpack_f32(a);
    if (sf_is_nan(*x))
        *result = a | 1u << 22;
    else if (x->kind == SF_KIND_ZERO || x->denormal)
        *result = (a & 1u << 31) | 0x7f800000;
    else
        return false;
    return true;
}

uint32_t sf_rcp_f32(uint32_t a)
{
    struct sf_num x;
    uint32_t result;
    uint8_t flags = 0;

    if (estimate_special(a, &x, &result))
        return result;
    if (x.kind == SF_KIND_INF)
        return a & 1u << 31;
    x.sign = false;
    return (a & 1u << 31) | estimate(sf_num_div(sf_num_from_i64(1), x, &flags));
}

uint32_t sf_rsqrt_f32(uint32_t a)
{
    struct sf_num x;
    uint32_t result;
    uint8_t flags = 0;

    if (estimate_special(a, &x, &result))
        return result;
    if (x.sign)
        return (uint32_t)default_nan(F32);
    if (x.kind == SF_KIND_INF)
        return 0;
    // Root to 64 bits, then its inverse: exact enough that rounding to 13 bits is that of the true
    // value unless it lies within 2^-60 of a tie, which no 24-bit source comes near.
    struct sf_result root = sf_num_sqrt(x, &flags);
    struct sf_num divisor = {.mant = root.hi, .exp = root.exp, .kind = SF_KIND_FINITE};
    return estimate(sf_num_div(sf_num_from_i64(1), divisor, &flags));
}
