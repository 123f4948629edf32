// SPDX-License-Identifier: MIT
//
// Working numbers of the transcendentals: sign, exponent and a 128-bit significand, truncating,
// with a relative error of about 2^-126 per operation; and fixed point with one integer bit for
// series. Zero has a significand of 0.
#pragma once
#include "fpu/sf_internal.h"

struct wide {
    sf_u128 mant; // value is mant / 2^127 * 2^exp, top bit set unless zero
    int32_t exp;
    bool sign;
};

#define WIDE_TOP ((sf_u128)1 << 127)

static inline sf_u128 u128_mul_high(sf_u128 a, sf_u128 b)
{
    uint64_t a0 = (uint64_t)a, a1 = (uint64_t)(a >> 64), b0 = (uint64_t)b, b1 = (uint64_t)(b >> 64);
    sf_u128 low = (sf_u128)a0 * b0, cross1 = (sf_u128)a0 * b1, cross2 = (sf_u128)a1 * b0;
    sf_u128 middle = (low >> 64) + (uint64_t)cross1 + (uint64_t)cross2;
    return (sf_u128)a1 * b1 + (cross1 >> 64) + (cross2 >> 64) + (middle >> 64);
}

// Product of two fixed point numbers n / 2^127; it must stay below 2.
static inline sf_u128 fixed_mul(sf_u128 a, sf_u128 b) { return u128_mul_high(a, b) << 1; }

static inline struct wide wide_normalize(bool sign, int32_t exp, sf_u128 mant)
{
    if (!mant)
        return (struct wide){.sign = sign};
    uint64_t hi = (uint64_t)(mant >> 64);
    int shift = hi ? __builtin_clzll(hi) : 64 + __builtin_clzll((uint64_t)mant);
    return (struct wide){.mant = mant << shift, .exp = exp - shift, .sign = sign};
}

static inline struct wide wide_from_num(struct sf_num a)
{
    return (struct wide){.mant = (sf_u128)a.mant << 64, .exp = a.exp, .sign = a.sign};
}

static inline struct wide wide_from_int(int32_t a)
{
    return wide_normalize(a < 0, 127, a < 0 ? (sf_u128)-(int64_t)a : (sf_u128)a);
}

static inline struct wide wide_negate(struct wide a)
{
    a.sign = !a.sign;
    return a;
}

static inline struct wide wide_mul(struct wide a, struct wide b)
{
    return wide_normalize(a.sign != b.sign, a.exp + b.exp + 1, u128_mul_high(a.mant, b.mant));
}

static inline struct wide wide_add(struct wide a, struct wide b)
{
    if (!b.mant)
        return a;
    if (!a.mant)
        return b;
    if (a.exp < b.exp || (a.exp == b.exp && a.mant < b.mant)) {
        struct wide larger = b;
        b = a;
        a = larger;
    }
    uint32_t distance = (uint32_t)(a.exp - b.exp);
    sf_u128 addend = distance > 127 ? 0 : b.mant >> distance;
    if (a.sign != b.sign)
        return wide_normalize(a.sign, a.exp, a.mant - addend);
    sf_u128 sum = a.mant + addend;
    if (sum < addend)
        return (struct wide){.mant = sum >> 1 | WIDE_TOP, .exp = a.exp + 1, .sign = a.sign};
    return (struct wide){.mant = sum, .exp = a.exp, .sign = a.sign};
}

static inline struct wide wide_sub(struct wide a, struct wide b)
{
    return wide_add(a, wide_negate(b));
}

// Bit by bit: 128 short steps, and nothing to get wrong. Neither operand is zero.
static inline struct wide wide_div(struct wide a, struct wide b)
{
    bool less = a.mant < b.mant;
    sf_u128 rest = less ? a.mant : a.mant - b.mant;
    sf_u128 quotient = !less;
    for (int i = 0; i < 127 + less; i++) {
        bool carry = rest >> 127;
        rest <<= 1;
        bool fits = carry || rest >= b.mant;
        rest -= fits ? b.mant : 0;
        quotient = quotient << 1 | fits;
    }
    return (struct wide){.mant = quotient, .exp = a.exp - b.exp - less, .sign = a.sign != b.sign};
}

// |a| < 2 as fixed point.
static inline sf_u128 wide_to_fixed(struct wide a)
{
    return a.exp < -127 ? 0 : a.mant >> -a.exp;
}

static inline struct wide wide_from_fixed(sf_u128 a) { return wide_normalize(false, 0, a); }
