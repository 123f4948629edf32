// SPDX-License-Identifier: MIT
//
// x87 transcendentals, defined by this code on every host: argument reduction that is exact or
// loses nothing that matters, a power series in 128-bit arithmetic, one rounding. Results whose
// exact value is representable are returned exactly; all others are irrational, so the last step
// rounds with the sticky bit set. Hardware differs by a bit here and there; software expects
// that. Special operands follow the tables of [SDM 2A FPATAN, FYL2X, FYL2XP1, F2XM1, FPTAN,
// FSIN].
#include "fpu/sf_internal.h"
#include "fpu/sf_tables.h"
#include "fpu/sf_wide.h"
#include "fpu/softfloat.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static const struct sf_f80 one = {.mant = SF_TOP_BIT, .se = 16383};

// Rounds a result. An unmasked DE keeps it from being computed: nothing more is raised.
static struct sf_f80 pack_exact(struct wide a, struct sf_env *env)
{
    if (env->flags & ~env->masks & SF_DE)
        return SF_F80_DEFAULT_NAN;
    return sf_pack_f80(env, 64, a.sign, a.exp, (uint64_t)(a.mant >> 64), (uint64_t)a.mant);
}

// Rounds an irrational result.
static struct sf_f80 pack(struct wide a, struct sf_env *env)
{
    a.mant |= 1;
    return pack_exact(a, env);
}

static struct sf_f80 pack_signed(struct wide a, bool sign, struct sf_env *env)
{
    a.sign = sign;
    return pack(a, env);
}

static struct sf_f80 invalid(struct sf_env *env)
{
    env->flags |= SF_IE;
    return SF_F80_DEFAULT_NAN;
}

// Sum of series[k] * (-1)^k * z^k, or without the alternating sign; 0 <= z < 1.
static sf_u128 series_sum(const sf_u128 *series, int count, sf_u128 z, bool alternating)
{
    sf_u128 sum = series[count - 1];
    for (int k = count - 2; k >= 0; k--) {
        sf_u128 term = fixed_mul(z, sum);
        sum = alternating ? series[k] - term : series[k] + term;
    }
    return sum;
}

static struct wide wide_square_series(const sf_u128 *series, int count, struct wide a,
                                      bool alternating)
{
    sf_u128 z = wide_to_fixed(wide_mul(a, a));
    sf_u128 sum = series_sum(series, count, z, alternating);
    // An alternating series that rounds to 1 is truly below it: directed rounding must see that.
    return wide_from_fixed(sum - alternating);
}

// --- F2XM1 ---

// e^y - 1 for |y| <= 0.7: the series at y / 16, then e^2t - 1 = (e^t - 1)(e^t - 1 + 2) four times.
static struct wide wide_expm1(struct wide y)
{
    if (y.exp < -130)
        return y;
    struct wide small = {.mant = y.mant, .exp = y.exp - 4, .sign = y.sign};
    sf_u128 sum = series_sum(exp_series, COUNT(exp_series), wide_to_fixed(small), y.sign);
    struct wide result = wide_mul(small, wide_from_fixed(sum));
    for (int i = 0; i < 4; i++)
        result = wide_mul(result, wide_add(result, wide_from_int(2)));
    return result;
}

struct sf_f80 sf_f80_2xm1(struct sf_f80 a, struct sf_env *env)
{
    struct sf_num x = sf_unpack_f80(a);

    env->rounded_up = false;
    if (sf_is_nan(x))
        return sf_nan_f80(x, x, env);
    if (x.kind == SF_KIND_ZERO)
        return a;
    if (x.kind == SF_KIND_INF)
        return x.sign ? sf_f80_chs(one) : a;
    if (x.denormal)
        env->flags |= SF_DE;
    if (x.exp >= 0) {
        // 1 is exact, and so is -1; beyond that the manual leaves the result undefined: unchanged.
        if (x.sign && x.exp == 0 && x.mant == SF_TOP_BIT)
            return sf_f80_make(true, 16382, SF_TOP_BIT);
        return a;
    }
    return pack(wide_expm1(wide_mul(wide_from_num(x), wide_ln2)), env);
}

// --- FYL2X, FYL2XP1 ---

// log2 of (1 + f), given f and 1 + f within [1/sqrt 2, sqrt 2]: 2 atanh(f / (2 + f)) / ln 2.
static struct wide wide_log2_near_one(struct wide f)
{
    struct wide s = wide_div(f, wide_add(f, wide_from_int(2)));
    struct wide sum = wide_square_series(atan_series, COUNT(atan_series), s, false);
    return wide_mul(wide_mul(s, sum), wide_2_log2e);
}

// log2 of m > 0, not a power of two.
static struct wide wide_log2(struct wide m)
{
    const uint64_t sqrt2 = 0xb504f333f9de6484;
    int32_t exp = m.exp;
    m.exp = 0;
    if ((uint64_t)(m.mant >> 64) >= sqrt2) {
        m.exp = -1;
        exp++;
    }
    return wide_add(wide_from_int(exp), wide_log2_near_one(wide_sub(m, wide_from_int(1))));
}

// y times an infinite logarithm of the given sign.
static struct sf_f80 times_infinity(struct sf_num y, bool negative, bool divide_by_zero,
                                    struct sf_env *env)
{
    if (y.kind == SF_KIND_ZERO)
        return invalid(env);
    if (y.denormal && !divide_by_zero)
        env->flags |= SF_DE;
    if (divide_by_zero && y.kind == SF_KIND_FINITE)
        env->flags |= SF_ZE;
    return sf_f80_inf(y.sign != negative);
}

// y is zero or infinite, the logarithm finite: relation is that of the logarithm to 0.
static struct sf_f80 special_times_log(struct sf_num y, enum sf_relation relation,
                                       struct sf_env *env)
{
    if (y.kind == SF_KIND_ZERO)
        return sf_f80_zero(y.sign != (relation == SF_LESS));
    if (relation == SF_EQUAL)
        return invalid(env);
    return sf_f80_inf(y.sign != (relation == SF_LESS));
}

struct sf_f80 sf_f80_yl2x(struct sf_f80 a, struct sf_f80 b, struct sf_env *env)
{
    struct sf_num x = sf_unpack_f80(a), y = sf_unpack_f80(b);

    env->rounded_up = false;
    if (sf_is_nan(x) || sf_is_nan(y))
        return sf_nan_f80(x, y, env);
    if (x.kind == SF_KIND_ZERO)
        return times_infinity(y, true, true, env);
    if (x.sign)
        return invalid(env);
    if (x.kind == SF_KIND_INF)
        return times_infinity(y, false, false, env);
    bool power_of_two = x.mant == SF_TOP_BIT;
    enum sf_relation relation = x.exp < 0                       ? SF_LESS
                                : x.exp > 0 || !power_of_two ? SF_GREATER
                                                                : SF_EQUAL;
    if (y.kind == SF_KIND_INF && relation == SF_EQUAL)
        return invalid(env);
    if (x.denormal || y.denormal)
        env->flags |= SF_DE;
    if (y.kind != SF_KIND_FINITE)
        return special_times_log(y, relation, env);
    if (relation == SF_EQUAL)
        return sf_f80_zero(y.sign);
    if (power_of_two) // exact until rounded
        return pack_exact(wide_mul(wide_from_int(x.exp), wide_from_num(y)), env);
    return pack(wide_mul(wide_log2(wide_from_num(x)), wide_from_num(y)), env);
}

// log2(1 + x), x > -1 and not 0, which may be far outside of what the manual defines.
static struct wide wide_log2_plus_one(struct wide x)
{
    if (x.exp < -2) // |x| < 1/4
        return wide_log2_near_one(x);
    return wide_log2(wide_add(x, wide_from_int(1)));
}

struct sf_f80 sf_f80_yl2xp1(struct sf_f80 a, struct sf_f80 b, struct sf_env *env)
{
    struct sf_num x = sf_unpack_f80(a), y = sf_unpack_f80(b);

    env->rounded_up = false;
    if (sf_is_nan(x) || sf_is_nan(y))
        return sf_nan_f80(x, y, env);
    if (x.kind == SF_KIND_INF)
        return x.sign ? invalid(env) : times_infinity(y, false, false, env);
    if (x.kind == SF_KIND_FINITE && x.sign && x.exp >= 0)
        return x.exp == 0 && x.mant == SF_TOP_BIT ? times_infinity(y, true, true, env)
                                                    : invalid(env);
    if (x.kind == SF_KIND_ZERO && y.kind == SF_KIND_INF)
        return invalid(env);
    if (x.denormal || y.denormal)
        env->flags |= SF_DE;
    if (x.kind == SF_KIND_ZERO)
        return sf_f80_zero(x.sign != y.sign);
    if (y.kind != SF_KIND_FINITE)
        return special_times_log(y, x.sign ? SF_LESS : SF_GREATER, env);
    return pack(wide_mul(wide_log2_plus_one(wide_from_num(x)), wide_from_num(y)), env);
}

// --- FPATAN ---

// atan(small / large), 0 < small <= large: atan(k/8) + atan((s - k/8 l) / (l + k/8 s)).
static struct wide wide_atan(struct wide small, struct wide large)
{
    int32_t distance = large.exp - small.exp;
    struct wide u;
    int k = 0;
    if (distance < 6) {
        uint64_t divisor = (uint64_t)(large.mant >> 96);
        uint64_t ratio = (uint64_t)(small.mant >> 96 << 26 >> distance) / divisor;
        k = (int)((ratio + (1 << 22)) >> 23);
    }
    if (k == 0) {
        u = wide_div(small, large);
    } else {
        struct wide eighths = wide_from_int(k);
        eighths.exp -= 3;
        u = wide_sub(small, wide_mul(eighths, large));
        if (!u.mant)
            return atan_eighths[k];
        u = wide_div(u, wide_add(large, wide_mul(eighths, small)));
    }
    struct wide sum = wide_square_series(atan_series, COUNT(atan_series), u, true);
    return wide_add(atan_eighths[k], wide_mul(u, sum));
}

// Infinite operands, and zeros: the angle is a multiple of pi/4, with the sign of y.
static struct sf_f80 atan_special(struct sf_num x, struct sf_num y, struct sf_env *env)
{
    if (y.kind == SF_KIND_INF) {
        if (x.kind != SF_KIND_INF)
            return pack_signed(wide_half_pi, y.sign, env);
        return pack_signed(x.sign ? wide_three_quarter_pi : wide_quarter_pi, y.sign, env);
    }
    if (y.kind == SF_KIND_ZERO || x.kind == SF_KIND_INF) {
        if (x.sign)
            return pack_signed(wide_pi, y.sign, env);
        return sf_f80_zero(y.sign);
    }
    return pack_signed(wide_half_pi, y.sign, env); // x is zero
}

struct sf_f80 sf_f80_patan(struct sf_f80 a, struct sf_f80 b, struct sf_env *env)
{
    struct sf_num x = sf_unpack_f80(a), y = sf_unpack_f80(b);

    env->rounded_up = false;
    if (sf_is_nan(x) || sf_is_nan(y))
        return sf_nan_f80(x, y, env);
    if (x.denormal || y.denormal)
        env->flags |= SF_DE;
    if (x.kind != SF_KIND_FINITE || y.kind != SF_KIND_FINITE)
        return atan_special(x, y, env);
    struct wide wx = wide_from_num(x), wy = wide_from_num(y), angle;
    wx.sign = wy.sign = false;
    bool steep = wy.exp > wx.exp || (wy.exp == wx.exp && wy.mant > wx.mant);
    angle = steep ? wide_atan(wx, wy) : wide_atan(wy, wx);
    if (steep) // pi/2 less the angle from the y axis, which leans to the left if x < 0
        angle = x.sign ? wide_add(wide_half_pi, angle) : wide_sub(wide_half_pi, angle);
    else if (x.sign)
        angle = wide_sub(wide_pi, angle);
    return pack_signed(angle, y.sign, env);
}

// --- FSIN, FCOS, FPTAN, FSINCOS ---

// pi * 2^64, rounded to the 66 bits that the hardware uses. [SDM 1 8.3.8]
#define PI_66 ((sf_u128)3 << 64 | 0x243f6a8885a308d3)

// |x| - quadrant * pi/2, exactly, within [-pi/4, pi/4]; x finite, below 2^63. pi being PI_66 /
// 2^64, pi/2 is PI_66 in units of 2^-65.
static struct wide reduce(struct sf_num x, unsigned *quadrant)
{
    struct wide rest = wide_from_num(x);
    rest.sign = false;
    *quadrant = 0;
    if (x.exp < -1)
        return rest;
    sf_u128 units = (sf_u128)x.mant << (x.exp + 2);
    sf_u128 quotient = units / PI_66;
    sf_u128 remainder = units - quotient * PI_66;
    bool past = remainder > PI_66 / 2;
    *quadrant = (unsigned)(quotient + past) & 3;
    return wide_normalize(past, 127 - 65, past ? PI_66 - remainder : remainder);
}

static struct wide wide_sin(struct wide r)
{
    return wide_mul(r, wide_square_series(sin_series, COUNT(sin_series), r, true));
}

static struct wide wide_cos(struct wide r)
{
    return wide_square_series(cos_series, COUNT(cos_series), r, true);
}

// Sine of the angle `quadrant` quarter turns and r.
static struct wide sine_of(unsigned quadrant, struct wide r)
{
    struct wide result = quadrant & 1 ? wide_cos(r) : wide_sin(r);
    return quadrant & 2 ? wide_negate(result) : result;
}

// Handles what is not a finite, normal case; true if *result is settled. *in_range is cleared for
// C2.
static bool trig_special(struct sf_num x, struct sf_f80 at_zero, struct sf_f80 *result,
                         bool *in_range, struct sf_env *env)
{
    *in_range = true;
    env->rounded_up = false;
    if (sf_is_nan(x)) {
        *result = sf_nan_f80(x, x, env);
    } else if (x.kind == SF_KIND_INF) {
        *result = invalid(env);
    } else if (x.kind == SF_KIND_ZERO) {
        *result = at_zero;
    } else {
        *in_range = x.exp < 63;
        if (x.denormal)
            env->flags |= SF_DE;
        return !*in_range;
    }
    return true;
}

// A remainder of zero cannot come from an x that is not zero: PI_66 is odd and x.mant < 2^64 <
// PI_66.
static struct sf_f80 pack_trig(struct wide a, bool negate, struct sf_env *env)
{
    a.sign = a.sign != negate;
    return pack(a, env);
}

bool sf_f80_sin(struct sf_f80 a, struct sf_f80 *sine, struct sf_env *env)
{
    struct sf_num x = sf_unpack_f80(a);
    unsigned quadrant;
    bool in_range;

    *sine = a;
    if (trig_special(x, a, sine, &in_range, env))
        return in_range;
    struct wide r = reduce(x, &quadrant);
    *sine = pack_trig(sine_of(quadrant, r), x.sign, env);
    return true;
}

bool sf_f80_cos(struct sf_f80 a, struct sf_f80 *cosine, struct sf_env *env)
{
    struct sf_num x = sf_unpack_f80(a);
    unsigned quadrant;
    bool in_range;

    *cosine = a;
    if (trig_special(x, one, cosine, &in_range, env))
        return in_range;
    struct wide r = reduce(x, &quadrant);
    *cosine = pack_trig(sine_of(quadrant + 1, r), false, env);
    return true;
}

bool sf_f80_sincos(struct sf_f80 a, struct sf_f80 *sine, struct sf_f80 *cosine, struct sf_env *env)
{
    struct sf_num x = sf_unpack_f80(a);
    unsigned quadrant;
    bool in_range;

    *sine = *cosine = a;
    if (trig_special(x, a, sine, &in_range, env)) {
        *cosine = x.kind == SF_KIND_ZERO ? one : *sine;
        return in_range;
    }
    struct wide r = reduce(x, &quadrant);
    *sine = pack_trig(sine_of(quadrant, r), x.sign, env);
    *cosine = pack_trig(sine_of(quadrant + 1, r), false, env);
    return true;
}

bool sf_f80_tan(struct sf_f80 a, struct sf_f80 *tangent, struct sf_env *env)
{
    struct sf_num x = sf_unpack_f80(a);
    unsigned quadrant;
    bool in_range;

    *tangent = a;
    if (trig_special(x, a, tangent, &in_range, env))
        return in_range;
    struct wide r = reduce(x, &quadrant);
    struct wide t;
    if (quadrant == 0 && r.exp < -40) // r + r^3 / 3: a quotient could come out below r
        t = wide_mul(r, wide_from_fixed(WIDE_TOP + wide_to_fixed(wide_mul(r, r)) / 3));
    else
        t = wide_div(sine_of(quadrant, r), sine_of(quadrant + 1, r));
    *tangent = pack_trig(t, x.sign, env);
    return true;
}

struct sf_f80 sf_f80_constant(enum sf_f80_constant which, const struct sf_env *env)
{
    struct sf_env scratch = {.rounding = env->rounding, .masks = SF_ALL_FLAGS};
    return pack(wide_constants[which], &scratch);
}
