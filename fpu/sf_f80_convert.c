// SPDX-License-Identifier: MIT
//
// x87 loads and stores: float32, float64, integers and packed BCD to and from the 80-bit format.
// Stores round by env->rounding and report C1 in env->rounded_up; the precision control plays no
// part.
#include "fpu/softfloat.h"
#include "fpu/sf_internal.h"

static struct sf_f80 widen(struct sf_num x, struct sf_env *env)
{
    env->rounded_up = false;
    if (sf_is_nan(x))
        return sf_nan_f80(x, x, env);
    if (x.denormal)
        env->flags |= SF_DE;
    if (x.kind == SF_KIND_ZERO)
        return sf_f80_zero(x.sign);
    if (x.kind == SF_KIND_INF)
        return sf_f80_inf(x.sign);
    return sf_f80_make(x.sign, (unsigned)(x.exp + 16383), x.mant);
}

struct sf_f80 sf_f32_to_f80(uint32_t a, struct sf_env *env) { return widen(sf_unpack_f32(a), env); }
struct sf_f80 sf_f64_to_f80(uint64_t a, struct sf_env *env) { return widen(sf_unpack_f64(a), env); }

struct sf_f80 sf_i64_to_f80(int64_t a)
{
    struct sf_num x = sf_num_from_i64(a);
    if (x.kind == SF_KIND_ZERO)
        return sf_f80_zero(false);
    return sf_f80_make(x.sign, (unsigned)(x.exp + 16383), x.mant);
}

// An unmasked overflow or underflow is found before rounding: nothing is stored, no PE, no C1.
static inline uint64_t narrow_finite(struct sf_num a, int precision, int emax, struct sf_env *env)
{
    uint8_t flags = env->flags;
    env->flags = 0;
    uint64_t bits = sf_pack_ieee(env, precision, emax, a.sign, a.exp, a.mant, 0);
    uint8_t stopped = env->flags & ~env->masks & (SF_OE | SF_UE);
    if (stopped) {
        env->flags = stopped;
        env->rounded_up = false;
    }
    env->flags |= flags;
    return bits;
}

// Bits without the sign of a as a narrower format; *sign may be forced by the default NaN.
static inline uint64_t narrow(struct sf_num a, int precision, int emax, bool *sign,
                              struct sf_env *env)
{
    const uint64_t infinity = (uint64_t)(2 * emax + 1) << (precision - 1);

    env->rounded_up = false;
    *sign = a.sign;
    switch (a.kind) {
    case SF_KIND_ZERO:
        return 0;
    case SF_KIND_FINITE:
        return narrow_finite(a, precision, emax, env);
    case SF_KIND_INF:
        return infinity;
    default:;
        struct sf_f80 nan = sf_nan_f80(a, a, env);
        *sign = nan.se >> 15;
        return infinity | nan.mant << 1 >> (65 - precision);
    }
}

uint32_t sf_f80_to_f32(struct sf_f80 a, struct sf_env *env)
{
    bool sign;
    uint64_t bits = narrow(sf_unpack_f80(a), 24, 127, &sign, env);
    return (uint32_t)bits | (uint32_t)sign << 31;
}

uint64_t sf_f80_to_f64(struct sf_f80 a, struct sf_env *env)
{
    bool sign;
    uint64_t bits = narrow(sf_unpack_f80(a), 53, 1023, &sign, env);
    return bits | (uint64_t)sign << 63;
}

int16_t sf_f80_to_i16(struct sf_f80 a, struct sf_env *env)
{
    return (int16_t)sf_num_to_int(sf_unpack_f80(a), env->rounding, 16, env);
}
int32_t sf_f80_to_i32(struct sf_f80 a, struct sf_env *env)
{
    return (int32_t)sf_num_to_int(sf_unpack_f80(a), env->rounding, 32, env);
}
int64_t sf_f80_to_i64(struct sf_f80 a, struct sf_env *env)
{
    return sf_num_to_int(sf_unpack_f80(a), env->rounding, 64, env);
}
int16_t sf_f80_to_i16_trunc(struct sf_f80 a, struct sf_env *env)
{
    return (int16_t)sf_num_to_int(sf_unpack_f80(a), SF_ROUND_ZERO, 16, env);
}
int32_t sf_f80_to_i32_trunc(struct sf_f80 a, struct sf_env *env)
{
    return (int32_t)sf_num_to_int(sf_unpack_f80(a), SF_ROUND_ZERO, 32, env);
}
int64_t sf_f80_to_i64_trunc(struct sf_f80 a, struct sf_env *env)
{
    return sf_num_to_int(sf_unpack_f80(a), SF_ROUND_ZERO, 64, env);
}

// Digits above 9 are undefined by the manual; here each counts as its binary value.
struct sf_f80 sf_bcd_to_f80(const uint8_t bcd[10])
{
    int64_t magnitude = 0;
    for (int i = 8; i >= 0; i--)
        magnitude = magnitude * 100 + (bcd[i] >> 4) * 10 + (bcd[i] & 15);
    struct sf_f80 result = sf_i64_to_f80(magnitude);
    result.se |= (uint16_t)((bcd[9] & 0x80) << 8);
    return result;
}

void sf_f80_to_bcd(struct sf_f80 a, uint8_t bcd[10], struct sf_env *env)
{
    static const uint8_t indefinite[10] = {[7] = 0xc0, [8] = 0xff, [9] = 0xff};
    uint8_t flags = env->flags;
    int64_t value = sf_f80_to_i64(a, env);
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    if (magnitude > 999999999999999999) { // the integer indefinite too
        env->flags = flags | SF_IE;
        env->rounded_up = false;
        for (int i = 0; i < 10; i++)
            bcd[i] = indefinite[i];
        return;
    }
    for (int i = 0; i < 9; i++, magnitude /= 100)
        bcd[i] = (uint8_t)(magnitude / 10 % 10 << 4 | magnitude % 10);
    bcd[9] = a.se >> 8 & 0x80;
}
