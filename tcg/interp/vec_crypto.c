// SPDX-License-Identifier: MIT
//
// The interpreter's AES and carry-less multiplication [SDM 2; FIPS 197]. The S-box is computed
// (inverse in GF(2^8) and the affine map), so there is no table to get wrong. Pure, any thread.
#include <stdbool.h>
#include "tcg/interp/vec_interp.h"

static uint8_t gf_multiply(uint8_t x, uint8_t y)
{
    uint8_t product = 0;
    for (; y; y >>= 1) {
        if (y & 1)
            product ^= x;
        x = (uint8_t)(x << 1 ^ (x & 0x80 ? 0x1b : 0));
    }
    return product;
}

// x^254; 0 gives 0.
static uint8_t gf_inverse(uint8_t x)
{
    uint8_t result = 1;
    for (unsigned power = 254; power; power >>= 1) {
        if (power & 1)
            result = gf_multiply(result, x);
        x = gf_multiply(x, x);
    }
    return result;
}

static uint8_t rotate8(uint8_t x, unsigned n) { return (uint8_t)(x << n | x >> (8 - n)); }

static uint8_t sub_byte(uint8_t x)
{
    uint8_t i = gf_inverse(x);
    return i ^ rotate8(i, 1) ^ rotate8(i, 2) ^ rotate8(i, 3) ^ rotate8(i, 4) ^ 0x63;
}

static uint8_t inverse_sub_byte(uint8_t x)
{
    return gf_inverse(rotate8(x, 1) ^ rotate8(x, 3) ^ rotate8(x, 6) ^ 5);
}

// Byte i of the state is row i % 4 of column i / 4; row r moves by r columns.
static union vec128 shift_sub(const union vec128 *state, bool inverse)
{
    union vec128 r;
    for (unsigned i = 0; i < 16; i++) {
        unsigned from = (i + (inverse ? 12 : 4) * (i % 4)) % 16;
        uint8_t x = LANE8(*state, from);
        LANE8(r, i) = inverse ? inverse_sub_byte(x) : sub_byte(x);
    }
    return r;
}

static union vec128 mix_columns(const union vec128 *state, bool inverse)
{
    static const uint8_t factors[2][4] = {{2, 3, 1, 1}, {14, 11, 13, 9}};
    union vec128 r;
    for (unsigned i = 0; i < 16; i++) {
        uint8_t sum = 0;
        for (unsigned k = 0; k < 4; k++)
            sum ^= gf_multiply(LANE8(*state, i / 4 * 4 + (i + k) % 4), factors[inverse][k]);
        LANE8(r, i) = sum;
    }
    return r;
}

static void aes_round(struct vec_args *a, bool inverse, bool last)
{
    union vec128 state = shift_sub(&a->d, inverse);
    if (!last)
        state = mix_columns(&state, inverse);
    for (unsigned i = 0; i < 2; i++)
        LANE64(a->d, i) = LANE64(state, i) ^ LANE64(a->s, i);
}

void vec_aesenc(struct vec_args *a) { aes_round(a, false, false); }
void vec_aesenclast(struct vec_args *a) { aes_round(a, false, true); }
void vec_aesdec(struct vec_args *a) { aes_round(a, true, false); }
void vec_aesdeclast(struct vec_args *a) { aes_round(a, true, true); }
void vec_aesimc(struct vec_args *a) { a->d = mix_columns(&a->s, true); }

static uint32_t sub_word(uint32_t x)
{
    return sub_byte((uint8_t)x) | (uint32_t)sub_byte((uint8_t)(x >> 8)) << 8 |
           (uint32_t)sub_byte((uint8_t)(x >> 16)) << 16 | (uint32_t)sub_byte((uint8_t)(x >> 24)) << 24;
}

void vec_aeskeygenassist(struct vec_args *a)
{
    uint32_t x1 = sub_word(LANE32(a->s, 1)), x3 = sub_word(LANE32(a->s, 3));
    LANE32(a->d, 0) = x1;
    LANE32(a->d, 1) = (x1 >> 8 | x1 << 24) ^ a->imm;
    LANE32(a->d, 2) = x3;
    LANE32(a->d, 3) = (x3 >> 8 | x3 << 24) ^ a->imm;
}

void vec_pclmulqdq(struct vec_args *a)
{
    uint64_t x = LANE64(a->d, a->imm & 1), y = LANE64(a->s, a->imm >> 4 & 1);
    uint64_t low = 0, high = 0;
    for (unsigned i = 0; i < 64; i++) {
        if (!(y >> i & 1))
            continue;
        low ^= x << i;
        high ^= i ? x >> (64 - i) : 0;
    }
    LANE64(a->d, 0) = low;
    LANE64(a->d, 1) = high;
}
