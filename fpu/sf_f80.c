// SPDX-License-Identifier: MIT
//
// x87 arithmetic on the 80-bit format: everything of softfloat.h's x87 part except conversions
// (sf_f80_convert.c) and transcendentals (sf_f80_trans.c). Order of checks: unsupported encodings
// and NaNs, then invalid and divide by zero, then denormal operands, then the computation.
#include "fpu/softfloat.h"
#include "fpu/sf_internal.h"

#define EMIN (-16382)
#define EMAX 16383
#define BIAS_ADJUST 24576 // of unmasked overflow and underflow [SDM 1 8.5.4, 8.5.5]

static int env_precision(const struct sf_env *env)
{
    return env->precision == 0 ? 24 : env->precision == 2 ? 53 : 64;
}

static struct sf_f80 pack_overflow(struct sf_env *env, int drop, bool sign)
{
    env->flags |= SF_OE | SF_PE;
    env->rounded_up = sf_overflow_to_inf(env, sign) || !(env->masks & SF_OE);
    return env->rounded_up ? sf_f80_inf(sign) : sf_f80_make(sign, 0x7ffe, UINT64_MAX << drop);
}

static struct sf_f80 pack_tiny(struct sf_env *env, int precision, bool sign, int32_t exp,
                               uint64_t hi, uint64_t lo)
{
    uint64_t mant = sf_pack_tiny(env, precision, EMAX, sign, exp, hi, lo) << (64 - precision);
    return sf_f80_make(sign, mant >> 63, mant);
}

// What rounding found out.
struct rounded {
    uint64_t mant;
    int32_t exp;
    bool inexact, up;
};

static struct rounded round_significand(const struct sf_env *env, int drop, bool sign, int32_t exp,
                                        uint64_t hi, uint64_t lo)
{
    struct rounded r = {.exp = exp};
    r.mant = sf_round_bits(hi, lo, drop, sign, env->rounding, &r.inexact, &r.up) << drop;
    if (r.up && r.mant == 0) {
        r.mant = SF_TOP_BIT;
        r.exp++;
    }
    return r;
}

struct sf_f80 sf_pack_f80(struct sf_env *env, int precision, bool sign, int32_t exp, uint64_t hi,
                          uint64_t lo)
{
    int drop = 64 - precision;
    struct rounded r = round_significand(env, drop, sign, exp, hi, lo);

    // Unmasked, the exponent is adjusted; beyond that (FSCALE only) lie infinity and zero.
    if (r.exp < EMIN) {
        if (env->masks & SF_UE)
            return pack_tiny(env, precision, sign, exp, hi, lo);
        env->flags |= SF_UE;
        r.exp += BIAS_ADJUST;
        if (r.exp < EMIN) {
            env->flags |= SF_PE;
            env->rounded_up = false;
            return sf_f80_zero(sign);
        }
    } else if (exp < EMIN) { // rounded up to the least normal: the denormal rounding decides C1, PE
        return pack_tiny(env, precision, sign, exp, hi, lo);
    } else if (r.exp > EMAX) {
        if (env->masks & SF_OE || r.exp - BIAS_ADJUST > EMAX)
            return pack_overflow(env, drop, sign);
        env->flags |= SF_OE;
        r.exp -= BIAS_ADJUST;
    }
    env->rounded_up = r.up;
    if (r.inexact)
        env->flags |= SF_PE;
    return sf_f80_make(sign, (unsigned)(r.exp - EMIN + 1), r.mant);
}

// b counts as absent if it is a number; the same value may be passed twice.
struct sf_f80 sf_nan_f80(struct sf_num a, struct sf_num b, struct sf_env *env)
{
    if (a.kind == SF_KIND_UNSUPPORTED || b.kind == SF_KIND_UNSUPPORTED) {
        env->flags |= SF_IE;
        return SF_F80_DEFAULT_NAN;
    }
    if (a.kind == SF_KIND_SNAN || b.kind == SF_KIND_SNAN)
        env->flags |= SF_IE;
    // [SDM 1 table 4-7]: the only NaN; the quiet one; the larger significand; the positive one.
    bool take_b;
    if (!sf_is_nan(a) || !sf_is_nan(b))
        take_b = sf_is_nan(b);
    else if (a.kind != b.kind)
        take_b = b.kind == SF_KIND_QNAN;
    else if (a.mant != b.mant)
        take_b = b.mant > a.mant;
    else
        take_b = a.sign;
    struct sf_num nan = take_b ? b : a;
    return sf_f80_make(nan.sign, 0x7fff, nan.mant | SF_QUIET_BIT);
}

static struct sf_f80 finish(struct sf_result r, int precision, uint8_t raised, struct sf_env *env)
{
    uint8_t flags = env->flags | raised;
    struct sf_f80 result;

    switch (r.kind) {
    case SF_KIND_ZERO:
        result = sf_f80_zero(r.sign);
        break;
    case SF_KIND_FINITE:
        result = sf_pack_f80(env, precision, r.sign, r.exp, r.hi, r.lo);
        break;
    case SF_KIND_INF:
        result = sf_f80_inf(r.sign);
        break;
    default:
        result = SF_F80_DEFAULT_NAN;
    }
    // An unmasked fault found before the computation hides what rounding found.
    env->flags = raised & ~env->masks ? flags : env->flags | raised;
    return result;
}

static struct sf_f80 arith(enum sf_f80_op op, struct sf_num a, struct sf_num b, struct sf_env *env)
{
    struct sf_result r;
    uint8_t raised = 0;

    env->rounded_up = false;
    if (sf_is_nan(a) || sf_is_nan(b))
        return sf_nan_f80(a, b, env);
    switch (op) {
    case SF_ADD:
        r = sf_num_add(a, b, env->rounding, &raised);
        break;
    case SF_SUB:
        b.sign = !b.sign;
        r = sf_num_add(a, b, env->rounding, &raised);
        break;
    case SF_SUBR:
        a.sign = !a.sign;
        r = sf_num_add(b, a, env->rounding, &raised);
        break;
    case SF_MUL:
        r = sf_num_mul(a, b, &raised);
        break;
    case SF_DIV:
        r = sf_num_div(a, b, &raised);
        break;
    default:
        r = sf_num_div(b, a, &raised);
        break;
    }
    if ((a.denormal || b.denormal) && !raised)
        raised = SF_DE;
    return finish(r, env_precision(env), raised, env);
}

struct sf_f80 sf_f80_arith(enum sf_f80_op op, struct sf_f80 a, struct sf_f80 b, struct sf_env *env)
{
    return arith(op, sf_unpack_f80(a), sf_unpack_f80(b), env);
}
struct sf_f80 sf_f80_arith_f32(enum sf_f80_op op, struct sf_f80 a, uint32_t b, struct sf_env *env)
{
    return arith(op, sf_unpack_f80(a), sf_unpack_f32(b), env);
}
struct sf_f80 sf_f80_arith_f64(enum sf_f80_op op, struct sf_f80 a, uint64_t b, struct sf_env *env)
{
    return arith(op, sf_unpack_f80(a), sf_unpack_f64(b), env);
}
struct sf_f80 sf_f80_add(struct sf_f80 a, struct sf_f80 b, struct sf_env *env)
{
    return sf_f80_arith(SF_ADD, a, b, env);
}
struct sf_f80 sf_f80_sub(struct sf_f80 a, struct sf_f80 b, struct sf_env *env)
{
    return sf_f80_arith(SF_SUB, a, b, env);
}
struct sf_f80 sf_f80_mul(struct sf_f80 a, struct sf_f80 b, struct sf_env *env)
{
    return sf_f80_arith(SF_MUL, a, b, env);
}
struct sf_f80 sf_f80_div(struct sf_f80 a, struct sf_f80 b, struct sf_env *env)
{
    return sf_f80_arith(SF_DIV, a, b, env);
}

struct sf_f80 sf_f80_sqrt(struct sf_f80 a, struct sf_env *env)
{
    struct sf_num x = sf_unpack_f80(a);
    uint8_t raised = 0;

    env->rounded_up = false;
    if (sf_is_nan(x))
        return sf_nan_f80(x, x, env);
    struct sf_result r = sf_num_sqrt(x, &raised);
    if (x.denormal && !raised)
        raised = SF_DE;
    return finish(r, env_precision(env), raised, env);
}

static uint16_t compare(struct sf_num a, struct sf_num b, bool quiet, struct sf_env *env)
{
    static const uint16_t cc[] = {
        [SF_LESS] = SF_C0,
        [SF_EQUAL] = SF_C3,
        [SF_GREATER] = 0,
        [SF_UNORDERED] = SF_C0 | SF_C2 | SF_C3,
    };
    enum sf_relation relation = sf_num_compare(a, b);

    env->rounded_up = false;
    if (relation == SF_UNORDERED) {
        if (!quiet || a.kind > SF_KIND_QNAN || b.kind > SF_KIND_QNAN)
            env->flags |= SF_IE;
    } else if (a.denormal || b.denormal) {
        env->flags |= SF_DE;
    }
    return cc[relation];
}

uint16_t sf_f80_compare(struct sf_f80 a, struct sf_f80 b, bool quiet, struct sf_env *env)
{
    return compare(sf_unpack_f80(a), sf_unpack_f80(b), quiet, env);
}
uint16_t sf_f80_compare_f32(struct sf_f80 a, uint32_t b, struct sf_env *env)
{
    return compare(sf_unpack_f80(a), sf_unpack_f32(b), false, env);
}
uint16_t sf_f80_compare_f64(struct sf_f80 a, uint64_t b, struct sf_env *env)
{
    return compare(sf_unpack_f80(a), sf_unpack_f64(b), false, env);
}

uint16_t sf_f80_xam(struct sf_f80 a)
{
    static const uint16_t classes[] = {
        [SF_KIND_UNSUPPORTED] = 0,
        [SF_KIND_QNAN] = SF_C0,
        [SF_KIND_SNAN] = SF_C0,
        [SF_KIND_FINITE] = SF_C2,
        [SF_KIND_INF] = SF_C2 | SF_C0,
        [SF_KIND_ZERO] = SF_C3,
    };
    struct sf_num x = sf_unpack_f80(a);
    uint16_t sign = x.sign ? SF_C1 : 0;
    return sign | (x.denormal ? SF_C3 | SF_C2 : classes[x.kind]);
}

struct sf_f80 sf_f80_rndint(struct sf_f80 a, struct sf_env *env)
{
    struct sf_num x = sf_unpack_f80(a);
    bool inexact, up;

    env->rounded_up = false;
    if (sf_is_nan(x))
        return sf_nan_f80(x, x, env);
    if (x.denormal)
        env->flags |= SF_DE;
    if (x.kind != SF_KIND_FINITE || x.exp >= 63)
        return a;
    uint64_t magnitude = sf_num_round(x, env->rounding, &inexact, &up);
    if (inexact && !(x.denormal && !(env->masks & SF_DE)))
        env->flags |= SF_PE;
    env->rounded_up = up;
    if (!magnitude)
        return sf_f80_zero(x.sign);
    int shift = __builtin_clzll(magnitude);
    return sf_f80_make(x.sign, 16383 + 63 - (unsigned)shift, magnitude << shift);
}

// The integer part of b, clamped to where every result is an overflow or underflow.
static int32_t scale_exponent(struct sf_num b)
{
    if (b.kind == SF_KIND_ZERO || b.exp < 0)
        return 0;
    int32_t whole = b.exp > 16 ? 0x10000 : (int32_t)(b.mant >> (63 - b.exp));
    return b.sign ? -whole : whole;
}

// a as the result of an operation that has nothing to compute: a denormal is no underflow, a pseudo-denormal becomes the
// normal number that it is. Intel's processors do so; others call the denormal an underflow.
static struct sf_f80 unchanged(struct sf_f80 a, bool denormal, struct sf_env *env)
{
    if (denormal)
        env->flags |= SF_DE;
    if (!(a.se & 0x7fff) && a.mant & SF_TOP_BIT)
        a.se |= 1;
    return a;
}

static struct sf_result scale_infinite(struct sf_num a, struct sf_num b, uint8_t *raised)
{
    if (b.kind != SF_KIND_INF)
        return sf_result_special(SF_KIND_INF, a.sign);
    if (a.kind == (b.sign ? SF_KIND_INF : SF_KIND_ZERO))
        return sf_result_invalid(raised); // inf * 2^-inf, 0 * 2^inf
    return sf_result_special(b.sign ? SF_KIND_ZERO : SF_KIND_INF, a.sign);
}

struct sf_f80 sf_f80_scale(struct sf_f80 a, struct sf_f80 b, struct sf_env *env)
{
    struct sf_num x = sf_unpack_f80(a), y = sf_unpack_f80(b);
    struct sf_result r;
    uint8_t raised = 0;

    env->rounded_up = false;
    if (sf_is_nan(x) || sf_is_nan(y))
        return sf_nan_f80(x, y, env);
    if (y.kind == SF_KIND_ZERO)
        return unchanged(a, x.denormal, env);
    if (x.kind == SF_KIND_INF || y.kind == SF_KIND_INF) {
        r = scale_infinite(x, y, &raised);
    } else {
        r = sf_result_from_num(x);
        r.exp += scale_exponent(y);
    }
    if ((x.denormal || y.denormal) && !raised)
        raised = SF_DE;
    return finish(r, 64, raised, env);
}

// Remainder of the significand a * 2^shift by that of b, shift 0..63; *quotient modulo 2^64.
static uint64_t significand_rem(uint64_t a, uint64_t b, unsigned shift, uint64_t *quotient)
{
    sf_u128 dividend = (sf_u128)a << shift;
    *quotient = (uint64_t)(dividend / b);
    return (uint64_t)dividend - *quotient * b;
}

static uint16_t quotient_cc(uint64_t quotient)
{
    return (quotient & 1 ? SF_C1 : 0) | (quotient & 2 ? SF_C3 : 0) | (quotient & 4 ? SF_C0 : 0);
}

// Is the remainder `rest` of divisor b past the tie that rounds the quotient up (FPREM1)?
static bool past_half(uint64_t rest, uint64_t b, uint64_t quotient)
{
    return rest > b - rest || (rest == b - rest && (quotient & 1));
}

// a and b finite, not zero.
static struct sf_result remainder_finite(struct sf_num a, struct sf_num b, bool nearest,
                                         uint16_t *cc)
{
    int32_t difference = a.exp - b.exp;
    int32_t exp = b.exp;
    uint64_t quotient = 0, rest;
    bool sign = a.sign;

    if (difference < -1 || (difference == -1 && (!nearest || a.mant <= b.mant)))
        return sf_result_from_num(a);
    if (difference == -1) { // between half of b and b: the quotient is one
        *cc = quotient_cc(1);
        return sf_result_normalize(!sign, exp, ((sf_u128)b.mant << 64) - ((sf_u128)a.mant << 63));
    }
    if (difference >= 64) { // reduce by 32 to 63 bits, as hardware does
        unsigned step = ((unsigned)difference & 31) | 32;
        rest = significand_rem(a.mant, b.mant, step, &quotient);
        exp = b.exp + difference - (int32_t)step;
        *cc = SF_C2;
    } else {
        rest = significand_rem(a.mant, b.mant, (unsigned)difference, &quotient);
        if (nearest && past_half(rest, b.mant, quotient)) {
            rest = b.mant - rest;
            sign = !sign;
            quotient++;
        }
        *cc = quotient_cc(quotient);
    }
    if (!rest)
        return sf_result_special(SF_KIND_ZERO, a.sign);
    return sf_result_normalize(sign, exp, (sf_u128)rest << 64);
}

static struct sf_f80 remainder_any(struct sf_f80 a, struct sf_f80 b, bool nearest, uint16_t *cc,
                                   struct sf_env *env)
{
    struct sf_num x = sf_unpack_f80(a), y = sf_unpack_f80(b);
    struct sf_result r;
    uint8_t raised = 0;

    *cc = 0;
    env->rounded_up = false;
    if (sf_is_nan(x) || sf_is_nan(y))
        return sf_nan_f80(x, y, env);
    if (x.kind == SF_KIND_INF || y.kind == SF_KIND_ZERO)
        r = sf_result_invalid(&raised);
    else if (x.kind == SF_KIND_ZERO || y.kind == SF_KIND_INF)
        return unchanged(a, x.denormal || y.denormal, env);
    else
        r = remainder_finite(x, y, nearest, cc);
    if ((x.denormal || y.denormal) && !raised)
        raised = SF_DE;
    return finish(r, 64, raised, env);
}

struct sf_f80 sf_f80_prem(struct sf_f80 a, struct sf_f80 b, uint16_t *cc, struct sf_env *env)
{
    return remainder_any(a, b, false, cc, env);
}
struct sf_f80 sf_f80_prem1(struct sf_f80 a, struct sf_f80 b, uint16_t *cc, struct sf_env *env)
{
    return remainder_any(a, b, true, cc, env);
}

struct sf_f80 sf_f80_xtract(struct sf_f80 a, struct sf_f80 *exponent, struct sf_env *env)
{
    struct sf_num x = sf_unpack_f80(a);

    env->rounded_up = false;
    if (sf_is_nan(x))
        return *exponent = sf_nan_f80(x, x, env);
    switch (x.kind) {
    case SF_KIND_ZERO:
        env->flags |= SF_ZE;
        *exponent = sf_f80_inf(true);
        return a;
    case SF_KIND_INF:
        *exponent = sf_f80_inf(false);
        return a;
    default:
        if (x.denormal)
            env->flags |= SF_DE;
        *exponent = sf_i64_to_f80(x.exp);
        return sf_f80_make(x.sign, 16383, x.mant);
    }
}
