// SPDX-License-Identifier: MIT
//
// What the files of fpu/ share: numbers taken apart, the exact operations on them, and rounding.
// Every format is unpacked to one form with a normalized 64-bit significand, operations give a
// normalized 128-bit significand whose lowest bit is sticky, and packing rounds exactly once. The
// functions are inline so that precision and exponent range become constants in each caller.
#pragma once
#include "fpu/softfloat.h"

typedef unsigned __int128 sf_u128;

#define SF_TOP_BIT (1ull << 63)
#define SF_QUIET_BIT (1ull << 62) // in the left-aligned significand of a NaN

// Order matters: everything from SF_KIND_QNAN on is not a number.
enum sf_kind {
    SF_KIND_ZERO,
    SF_KIND_FINITE,
    SF_KIND_INF,
    SF_KIND_QNAN,
    SF_KIND_SNAN,
    SF_KIND_UNSUPPORTED, // x87 unnormals, pseudo-infinities, pseudo-NaNs
};

// A number taken apart. Finite: mant * 2^(exp - 63), top bit of mant set. NaN: mant is the
// significand left-aligned, integer bit included.
struct sf_num {
    uint64_t mant;
    int32_t exp;
    uint8_t kind;
    bool sign;
    bool denormal; // was encoded as one
};

// An exact or sticky result: (hi, lo) / 2^127 * 2^exp if finite. SF_KIND_QNAN is the default NaN.
struct sf_result {
    uint64_t hi, lo;
    int32_t exp;
    uint8_t kind;
    bool sign;
};

static inline bool sf_is_nan(struct sf_num a) { return a.kind >= SF_KIND_QNAN; }

// --- unpacking ---

static inline struct sf_num sf_unpack_ieee(uint64_t bits, int precision, int emax, bool sign)
{
    uint64_t fraction = bits & ((1ull << (precision - 1)) - 1);
    int biased = (int)(bits >> (precision - 1)) & (2 * emax + 1);
    struct sf_num num = {.sign = sign};

    if (biased == 2 * emax + 1) {
        num.mant = SF_TOP_BIT | fraction << (64 - precision);
        num.kind = !fraction                      ? SF_KIND_INF
                   : num.mant & SF_QUIET_BIT ? SF_KIND_QNAN
                                                  : SF_KIND_SNAN;
    } else if (biased) {
        num.mant = SF_TOP_BIT | fraction << (64 - precision);
        num.exp = biased - emax;
        num.kind = SF_KIND_FINITE;
    } else if (fraction) {
        int shift = __builtin_clzll(fraction);
        num.mant = fraction << shift;
        num.exp = 1 - emax + 64 - precision - shift;
        num.kind = SF_KIND_FINITE;
        num.denormal = true;
    }
    return num;
}

static inline struct sf_num sf_unpack_f32(uint32_t a)
{
    return sf_unpack_ieee(a, 24, 127, a >> 31);
}

static inline struct sf_num sf_unpack_f64(uint64_t a)
{
    return sf_unpack_ieee(a, 53, 1023, a >> 63);
}

static inline struct sf_num sf_unpack_f80(struct sf_f80 a)
{
    int biased = a.se & 0x7fff;
    struct sf_num num = {.sign = a.se >> 15, .mant = a.mant};

    if (biased == 0) {
        if (a.mant) {
            int shift = __builtin_clzll(a.mant);
            num.mant <<= shift;
            num.exp = -16382 - shift;
            num.kind = SF_KIND_FINITE;
            num.denormal = true;
        }
    } else if (!(a.mant & SF_TOP_BIT)) {
        num.kind = SF_KIND_UNSUPPORTED;
    } else if (biased == 0x7fff) {
        num.kind = !(a.mant << 1)               ? SF_KIND_INF
                   : a.mant & SF_QUIET_BIT ? SF_KIND_QNAN
                                                : SF_KIND_SNAN;
    } else {
        num.exp = biased - 16383;
        num.kind = SF_KIND_FINITE;
    }
    return num;
}

// --- rounding and packing ---

// (hi, lo) without its lowest `drop` bits of hi, rounded; drop >= 0. *up: the magnitude grew. With
// drop 0 a carry out of 64 bits gives 0.
static inline uint64_t sf_round_bits(uint64_t hi, uint64_t lo, int drop, bool sign,
                                     unsigned rounding, bool *inexact, bool *up)
{
    uint64_t kept, rest; // rest: what is dropped, half is the top bit, lowest bit sticky
    if (drop == 0) {
        kept = hi;
        rest = lo;
    } else if (drop < 64) {
        kept = hi >> drop;
        rest = hi << (64 - drop) | (lo != 0);
    } else {
        kept = 0;
        rest = drop == 64 ? hi | (lo != 0) : (hi | lo) != 0;
    }
    *inexact = rest != 0;
    switch (rounding) {
    case SF_ROUND_NEAREST:
        *up = rest > SF_TOP_BIT || (rest == SF_TOP_BIT && (kept & 1));
        break;
    case SF_ROUND_DOWN:
        *up = sign && rest;
        break;
    case SF_ROUND_UP:
        *up = !sign && rest;
        break;
    default:
        *up = false;
    }
    return kept + *up;
}

// Does an overflow give infinity (rather than the largest finite number)?
static inline bool sf_overflow_to_inf(const struct sf_env *env, bool sign)
{
    return env->rounding == SF_ROUND_NEAREST ||
           env->rounding == (sign ? SF_ROUND_DOWN : SF_ROUND_UP);
}

// Would the value, rounded to `drop` bits less with an unbounded exponent, reach the next binade?
static inline bool sf_round_carries(const struct sf_env *env, uint64_t hi, uint64_t lo, int drop,
                                    bool sign)
{
    bool inexact, up;
    uint64_t kept = sf_round_bits(hi, lo, drop, sign, env->rounding, &inexact, &up);
    return up && kept << drop == 0;
}

static inline uint64_t sf_pack_tiny(struct sf_env *env, int precision, int emax, bool sign,
                                    int32_t exp, uint64_t hi, uint64_t lo)
{
    int drop = 64 - precision;
    bool inexact, up;
    bool tiny = exp < -emax || !sf_round_carries(env, hi, lo, drop, sign);
    int64_t total = (int64_t)drop + (1 - emax - exp);

    if (tiny && !(env->masks & SF_UE)) {
        // Rounded as with an unbounded exponent: exact or not, and no result to store.
        env->flags |= SF_UE;
        total = drop;
    } else if (tiny && env->ftz) {
        env->flags |= SF_UE | SF_PE;
        return 0;
    }
    uint64_t kept = sf_round_bits(hi, lo, total > 65 ? 65 : (int)total, sign, env->rounding,
                                  &inexact, &up);
    env->rounded_up = up;
    if (inexact)
        env->flags |= tiny ? SF_UE | SF_PE : SF_PE;
    return kept;
}

// Bits of a float32 or float64 without the sign, for a finite result.
static inline uint64_t sf_pack_ieee(struct sf_env *env, int precision, int emax, bool sign,
                                    int32_t exp, uint64_t hi, uint64_t lo)
{
    bool inexact, up;
    const uint64_t infinity = (uint64_t)(2 * emax + 1) << (precision - 1);

    if (exp < 1 - emax)
        return sf_pack_tiny(env, precision, emax, sign, exp, hi, lo);
    uint64_t kept = sf_round_bits(hi, lo, 64 - precision, sign, env->rounding, &inexact, &up);
    uint64_t bits = ((uint64_t)(exp + emax - 1) << (precision - 1)) + kept;
    env->rounded_up = up;
    if (inexact)
        env->flags |= SF_PE;
    if (exp <= emax && bits < infinity)
        return bits;
    env->flags |= SF_OE;
    if (env->masks & SF_OE) { // unmasked: PE tells whether the significand was rounded, no result
        env->flags |= SF_PE;
        env->rounded_up = sf_overflow_to_inf(env, sign);
    }
    return infinity - !sf_overflow_to_inf(env, sign);
}

// f80 from a finite result, `precision` bits of significand. Defined in sf_f80.c.
struct sf_f80 sf_pack_f80(struct sf_env *env, int precision, bool sign, int32_t exp, uint64_t hi,
                          uint64_t lo);
// NaN of an x87 operation of which a or b is one (or unsupported); raises IE if due.
struct sf_f80 sf_nan_f80(struct sf_num a, struct sf_num b, struct sf_env *env);

static inline struct sf_f80 sf_f80_make(bool sign, unsigned biased, uint64_t mant)
{
    return (struct sf_f80){.mant = mant, .se = (uint16_t)((unsigned)sign << 15 | biased)};
}
static inline struct sf_f80 sf_f80_zero(bool sign) { return sf_f80_make(sign, 0, 0); }
static inline struct sf_f80 sf_f80_inf(bool sign) { return sf_f80_make(sign, 0x7fff, SF_TOP_BIT); }

// --- exact operations; operands are numbers (no NaNs) ---

static inline sf_u128 sf_shift_right_jam(sf_u128 value, unsigned count)
{
    if (count == 0)
        return value;
    if (count > 127)
        return value != 0;
    return value >> count | ((value << (128 - count)) != 0);
}

// Normalizes value / 2^127 * 2^exp; value is not zero.
static inline struct sf_result sf_result_normalize(bool sign, int32_t exp, sf_u128 value)
{
    uint64_t hi = (uint64_t)(value >> 64);
    int shift = hi ? __builtin_clzll(hi) : 64 + __builtin_clzll((uint64_t)value);
    value <<= shift;
    return (struct sf_result){
        .hi = (uint64_t)(value >> 64),
        .lo = (uint64_t)value,
        .exp = exp - shift,
        .kind = SF_KIND_FINITE,
        .sign = sign,
    };
}

static inline struct sf_result sf_result_special(enum sf_kind kind, bool sign)
{
    return (struct sf_result){.kind = kind, .sign = sign};
}

static inline struct sf_result sf_result_invalid(uint8_t *flags)
{
    *flags |= SF_IE;
    return sf_result_special(SF_KIND_QNAN, true);
}

static inline struct sf_result sf_result_from_num(struct sf_num a)
{
    return (struct sf_result){.hi = a.mant, .exp = a.exp, .kind = a.kind, .sign = a.sign};
}

// Sum of two finite numbers given as significands with bit 126 on top: value / 2^126 * 2^exp.
static inline struct sf_result sf_add_aligned(bool sign_a, int32_t exp_a, sf_u128 a, bool sign_b,
                                              int32_t exp_b, sf_u128 b, unsigned rounding)
{
    if (exp_a < exp_b || (exp_a == exp_b && a < b)) { // the larger magnitude first
        int32_t exp = exp_a;
        sf_u128 value = a;
        bool sign = sign_a;
        exp_a = exp_b, a = b, sign_a = sign_b;
        exp_b = exp, b = value, sign_b = sign;
    }
    b = sf_shift_right_jam(b, (unsigned)(exp_a - exp_b));
    sf_u128 sum = sign_a == sign_b ? a + b : a - b;
    if (!sum)
        return sf_result_special(SF_KIND_ZERO, rounding == SF_ROUND_DOWN);
    return sf_result_normalize(sign_a, exp_a + 1, sum);
}

static inline struct sf_result sf_num_add(struct sf_num a, struct sf_num b, unsigned rounding,
                                          uint8_t *flags)
{
    if (a.kind == SF_KIND_FINITE && b.kind == SF_KIND_FINITE)
        return sf_add_aligned(a.sign, a.exp, (sf_u128)a.mant << 63, b.sign, b.exp,
                              (sf_u128)b.mant << 63, rounding);
    if (a.kind == SF_KIND_INF) {
        if (b.kind == SF_KIND_INF && a.sign != b.sign)
            return sf_result_invalid(flags);
        return sf_result_special(SF_KIND_INF, a.sign);
    }
    if (b.kind == SF_KIND_INF)
        return sf_result_special(SF_KIND_INF, b.sign);
    if (a.kind == SF_KIND_FINITE)
        return sf_result_from_num(a);
    if (b.kind == SF_KIND_FINITE)
        return sf_result_from_num(b);
    return sf_result_special(SF_KIND_ZERO, a.sign == b.sign ? a.sign : rounding == SF_ROUND_DOWN);
}

static inline struct sf_result sf_num_mul(struct sf_num a, struct sf_num b, uint8_t *flags)
{
    bool sign = a.sign != b.sign;
    if (a.kind == SF_KIND_FINITE && b.kind == SF_KIND_FINITE)
        return sf_result_normalize(sign, a.exp + b.exp + 1, (sf_u128)a.mant * b.mant);
    if (a.kind == SF_KIND_INF || b.kind == SF_KIND_INF) {
        if (a.kind == SF_KIND_ZERO || b.kind == SF_KIND_ZERO)
            return sf_result_invalid(flags);
        return sf_result_special(SF_KIND_INF, sign);
    }
    return sf_result_special(SF_KIND_ZERO, sign);
}

static inline struct sf_result sf_num_div(struct sf_num a, struct sf_num b, uint8_t *flags)
{
    bool sign = a.sign != b.sign;
    if (a.kind == SF_KIND_FINITE && b.kind == SF_KIND_FINITE) {
        bool less = a.mant < b.mant;
        sf_u128 dividend = (sf_u128)a.mant << (63 + less);
        uint64_t quotient = (uint64_t)(dividend / b.mant);
        uint64_t rest = (uint64_t)dividend - quotient * b.mant;
        uint64_t half = b.mant - rest; // rest against half of the divisor, without overflow
        struct sf_result result = {
            .hi = quotient,
            .lo = rest == 0 ? 0 : rest < half ? 1 : rest == half ? SF_TOP_BIT : SF_TOP_BIT | 1,
            .exp = a.exp - b.exp - less,
            .kind = SF_KIND_FINITE,
            .sign = sign,
        };
        return result;
    }
    if (a.kind == b.kind)
        return sf_result_invalid(flags); // 0/0, inf/inf
    if (a.kind == SF_KIND_INF)
        return sf_result_special(SF_KIND_INF, sign);
    if (b.kind == SF_KIND_ZERO) {
        *flags |= SF_ZE;
        return sf_result_special(SF_KIND_INF, sign);
    }
    return sf_result_special(SF_KIND_ZERO, sign);
}

// Square roots of n >= 2^(bits - 2), with what is left over; each step doubles the digits
// (Zimmermann's recursion: root of the upper half, then one division).
static inline uint32_t sf_sqrt_u32(uint32_t n, uint32_t *rest)
{
    uint32_t root = 0;
    for (uint32_t bit = 1u << 30; bit; bit >>= 2) {
        bool fits = n >= root + bit;
        n -= fits ? root + bit : 0;
        root = (root >> 1) + (fits ? bit : 0);
    }
    *rest = n;
    return root;
}

static inline uint64_t sf_sqrt_u64(uint64_t n, uint64_t *rest)
{
    uint32_t upper_rest;
    uint64_t upper = sf_sqrt_u32((uint32_t)(n >> 32), &upper_rest);
    uint64_t dividend = (uint64_t)upper_rest << 16 | (n >> 16 & 0xffff);
    uint64_t digit = dividend / (2 * upper);
    int64_t left = (int64_t)((dividend % (2 * upper)) << 16 | (n & 0xffff));
    uint64_t root = (upper << 16) + digit;
    left -= (int64_t)(digit * digit);
    if (left < 0) {
        left += (int64_t)(2 * root - 1);
        root--;
    }
    *rest = (uint64_t)left;
    return root;
}

static inline uint64_t sf_sqrt_u128(sf_u128 n, sf_u128 *rest)
{
    uint64_t upper_rest;
    uint64_t upper = sf_sqrt_u64((uint64_t)(n >> 64), &upper_rest);
    sf_u128 dividend = (sf_u128)upper_rest << 32 | ((uint64_t)n >> 32);
    uint64_t digit = (uint64_t)(dividend / (2 * upper));
    __int128 left = (__int128)((dividend % (2 * upper)) << 32 | (uint32_t)n);
    sf_u128 root = ((sf_u128)upper << 32) + digit;
    left -= (__int128)((sf_u128)digit * digit);
    if (left < 0) {
        left += (__int128)(2 * root - 1);
        root--;
    }
    *rest = (sf_u128)left;
    return (uint64_t)root;
}

static inline struct sf_result sf_num_sqrt(struct sf_num a, uint8_t *flags)
{
    if (a.kind == SF_KIND_ZERO)
        return sf_result_special(SF_KIND_ZERO, a.sign);
    if (a.sign)
        return sf_result_invalid(flags);
    if (a.kind == SF_KIND_INF)
        return sf_result_special(SF_KIND_INF, false);
    int odd = a.exp & 1;
    sf_u128 rest;
    uint64_t root = sf_sqrt_u128((sf_u128)a.mant << (63 + odd), &rest);
    return (struct sf_result){
        .hi = root,
        .lo = rest == 0 ? 0 : rest > root ? SF_TOP_BIT | 1 : 1,
        .exp = (a.exp - odd) / 2,
        .kind = SF_KIND_FINITE,
    };
}

// --- comparison and integers ---

enum sf_relation { SF_LESS, SF_EQUAL, SF_GREATER, SF_UNORDERED };

static inline enum sf_relation sf_num_compare(struct sf_num a, struct sf_num b)
{
    if (sf_is_nan(a) || sf_is_nan(b))
        return SF_UNORDERED;
    if (a.kind == SF_KIND_ZERO && b.kind == SF_KIND_ZERO)
        return SF_EQUAL;
    if (a.kind == SF_KIND_ZERO)
        return b.sign ? SF_GREATER : SF_LESS;
    if (b.kind == SF_KIND_ZERO || a.sign != b.sign)
        return a.sign ? SF_LESS : SF_GREATER;
    if (a.kind == b.kind && (a.kind == SF_KIND_INF || (a.exp == b.exp && a.mant == b.mant)))
        return SF_EQUAL;
    bool less = a.kind != b.kind ? b.kind == SF_KIND_INF
                : a.exp != b.exp ? a.exp < b.exp
                                 : a.mant < b.mant;
    return less != a.sign ? SF_LESS : SF_GREATER;
}

// |a| as an integer, rounded; a is zero or finite with exp <= 63. 2^64 comes out as 0 with *up.
static inline uint64_t sf_num_round(struct sf_num a, unsigned rounding, bool *inexact, bool *up)
{
    *inexact = *up = false;
    if (a.kind == SF_KIND_ZERO)
        return 0;
    return sf_round_bits(a.mant, 0, a.exp < -2 ? 65 : 63 - a.exp, a.sign, rounding, inexact, up);
}

// a as a two's complement integer of `bits` bits, sign extended; indefinite and IE if it does not
// fit.
static inline int64_t sf_num_to_int(struct sf_num a, unsigned rounding, int bits,
                                    struct sf_env *env)
{
    const uint64_t limit = 1ull << (bits - 1);
    env->rounded_up = false;
    if (a.kind <= SF_KIND_FINITE && a.exp < 64) {
        bool inexact, up;
        uint64_t magnitude = sf_num_round(a, rounding, &inexact, &up);
        if (magnitude <= limit - !a.sign && !(a.exp == 63 && up)) {
            if (inexact)
                env->flags |= SF_PE;
            env->rounded_up = up;
            return (int64_t)(a.sign ? 0 - magnitude : magnitude);
        }
    }
    env->flags |= SF_IE;
    return (int64_t)(0 - limit);
}

static inline struct sf_num sf_num_from_i64(int64_t a)
{
    struct sf_num num = {.sign = a < 0};
    if (a) {
        uint64_t magnitude = a < 0 ? 0 - (uint64_t)a : (uint64_t)a;
        int shift = __builtin_clzll(magnitude);
        num.mant = magnitude << shift;
        num.exp = 63 - shift;
        num.kind = SF_KIND_FINITE;
    }
    return num;
}
