// SPDX-License-Identifier: MIT
//
// The interpreter's integer vector operations of SSE and SSE2: arithmetic, comparisons, logic, shifts.
// Plain loops over lanes; the result replaces a->d. Pure, any thread. [SDM 2]
#include "tcg/interp/vec_interp.h"

// One expression of x and y a lane; `type` is the (signed or unsigned) view of both.
#define LANES(id, bits, count, type, expression)                                        \
    void vec_##id(struct vec_args *a)                                                    \
    {                                                                                    \
        for (unsigned i = 0; i < (count); i++) {                                         \
            type x = (type)LANE##bits(a->d, i), y = (type)LANE##bits(a->s, i);           \
            (void)x;                                                                     \
            LANE##bits(a->d, i) = (uint##bits##_t)(expression);                          \
        }                                                                                \
    }
#define BYTES(id, type, expression) LANES(id, 8, 16, type, expression)
#define WORDS(id, type, expression) LANES(id, 16, 8, type, expression)
#define DWORDS(id, type, expression) LANES(id, 32, 4, type, expression)
#define QWORDS(id, type, expression) LANES(id, 64, 2, type, expression)

static int32_t clamp(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}
#define SAT_S8(v) clamp(v, -128, 127)
#define SAT_U8(v) clamp(v, 0, 255)
#define SAT_S16(v) clamp(v, -32768, 32767)
#define SAT_U16(v) clamp(v, 0, 65535)

BYTES(paddb, uint8_t, x + y)
WORDS(paddw, uint16_t, x + y)
DWORDS(paddd, uint32_t, x + y)
QWORDS(paddq, uint64_t, x + y)
BYTES(psubb, uint8_t, x - y)
WORDS(psubw, uint16_t, x - y)
DWORDS(psubd, uint32_t, x - y)
QWORDS(psubq, uint64_t, x - y)
BYTES(paddsb, int8_t, SAT_S8(x + y))
WORDS(paddsw, int16_t, SAT_S16(x + y))
BYTES(psubsb, int8_t, SAT_S8(x - y))
WORDS(psubsw, int16_t, SAT_S16(x - y))
BYTES(paddusb, uint8_t, SAT_U8(x + y))
WORDS(paddusw, uint16_t, SAT_U16(x + y))
BYTES(psubusb, uint8_t, SAT_U8(x - y))
WORDS(psubusw, uint16_t, SAT_U16(x - y))
BYTES(pavgb, uint8_t, (x + y + 1) >> 1)
WORDS(pavgw, uint16_t, (x + y + 1) >> 1)
BYTES(pminub, uint8_t, x < y ? x : y)
BYTES(pmaxub, uint8_t, x > y ? x : y)
BYTES(pminsb, int8_t, x < y ? x : y)
BYTES(pmaxsb, int8_t, x > y ? x : y)
WORDS(pminsw, int16_t, x < y ? x : y)
WORDS(pmaxsw, int16_t, x > y ? x : y)
WORDS(pminuw, uint16_t, x < y ? x : y)
WORDS(pmaxuw, uint16_t, x > y ? x : y)
DWORDS(pminsd, int32_t, x < y ? x : y)
DWORDS(pmaxsd, int32_t, x > y ? x : y)
DWORDS(pminud, uint32_t, x < y ? x : y)
DWORDS(pmaxud, uint32_t, x > y ? x : y)

BYTES(pcmpeqb, uint8_t, x == y ? -1 : 0)
WORDS(pcmpeqw, uint16_t, x == y ? -1 : 0)
DWORDS(pcmpeqd, uint32_t, x == y ? -1 : 0)
QWORDS(pcmpeqq, uint64_t, x == y ? ~0ull : 0)
BYTES(pcmpgtb, int8_t, x > y ? -1 : 0)
WORDS(pcmpgtw, int16_t, x > y ? -1 : 0)
DWORDS(pcmpgtd, int32_t, x > y ? -1 : 0)
QWORDS(pcmpgtq, int64_t, x > y ? ~0ull : 0)

QWORDS(pand, uint64_t, x & y)
QWORDS(pandn, uint64_t, ~x & y)
QWORDS(por, uint64_t, x | y)
QWORDS(pxor, uint64_t, x ^ y)
QWORDS(andps, uint64_t, x & y)
QWORDS(andnps, uint64_t, ~x & y)
QWORDS(orps, uint64_t, x | y)
QWORDS(xorps, uint64_t, x ^ y)

WORDS(pmullw, int16_t, x * y)
WORDS(pmulhw, int16_t, (x * y) >> 16)
WORDS(pmulhuw, uint16_t, ((uint32_t)x * y) >> 16)
WORDS(pmulhrsw, int16_t, ((((int32_t)x * y) >> 14) + 1) >> 1)
DWORDS(pmulld, uint32_t, x * y)
QWORDS(pmuludq, uint64_t, (x & 0xffffffff) * (y & 0xffffffff))
QWORDS(pmuldq, int64_t, (int64_t)(int32_t)x * (int32_t)y)

BYTES(psignb, int8_t, y < 0 ? -x : y ? x : 0)
WORDS(psignw, int16_t, y < 0 ? -x : y ? x : 0)
DWORDS(psignd, int32_t, y < 0 ? 0u - (uint32_t)x : y ? (uint32_t)x : 0)
BYTES(pabsb, int8_t, y < 0 ? -y : y)
WORDS(pabsw, int16_t, y < 0 ? -y : y)
DWORDS(pabsd, int32_t, y < 0 ? 0u - (uint32_t)y : (uint32_t)y)

// Shifts: the count is the whole low quadword of s, or the immediate.
#define SHIFT(id, bits, lanes, type, within, beyond)                                     \
    static void shift_##id(struct vec_args *a, uint64_t count)                           \
    {                                                                                    \
        for (unsigned i = 0; i < (lanes); i++) {                                         \
            type x = (type)LANE##bits(a->d, i);                                          \
            LANE##bits(a->d, i) = (uint##bits##_t)(count < (bits) ? (within) : (beyond)); \
        }                                                                                \
    }                                                                                    \
    void vec_##id(struct vec_args *a) { shift_##id(a, LANE64(a->s, 0)); }                \
    void vec_##id##_i(struct vec_args *a) { shift_##id(a, a->imm); }
SHIFT(psllw, 16, 8, uint16_t, (uint32_t)x << count, 0)
SHIFT(pslld, 32, 4, uint32_t, x << count, 0)
SHIFT(psllq, 64, 2, uint64_t, x << count, 0)
SHIFT(psrlw, 16, 8, uint16_t, x >> count, 0)
SHIFT(psrld, 32, 4, uint32_t, x >> count, 0)
SHIFT(psrlq, 64, 2, uint64_t, x >> count, 0)
SHIFT(psraw, 16, 8, int16_t, x >> count, x >> 15)
SHIFT(psrad, 32, 4, int32_t, x >> count, x >> 31)

void vec_psrldq(struct vec_args *a)
{
    union vec128 r = {.d = {0, 0}};
    for (unsigned i = 0; i + a->imm < 16; i++)
        LANE8(r, i) = LANE8(a->d, i + a->imm);
    a->d = r;
}

void vec_pslldq(struct vec_args *a)
{
    union vec128 r = {.d = {0, 0}};
    for (unsigned i = a->imm; i < 16; i++)
        LANE8(r, i) = LANE8(a->d, i - a->imm);
    a->d = r;
}

void vec_pmaddwd(struct vec_args *a)
{
    for (unsigned i = 0; i < 4; i++) {
        int32_t low = (int16_t)LANE16(a->d, 2 * i) * (int16_t)LANE16(a->s, 2 * i);
        int32_t high = (int16_t)LANE16(a->d, 2 * i + 1) * (int16_t)LANE16(a->s, 2 * i + 1);
        LANE32(a->d, i) = (uint32_t)low + (uint32_t)high;
    }
}

void vec_pmaddubsw(struct vec_args *a)
{
    for (unsigned i = 0; i < 8; i++) {
        int32_t low = LANE8(a->d, 2 * i) * (int8_t)LANE8(a->s, 2 * i);
        int32_t high = LANE8(a->d, 2 * i + 1) * (int8_t)LANE8(a->s, 2 * i + 1);
        LANE16(a->d, i) = (uint16_t)SAT_S16(low + high);
    }
}

static unsigned distance(unsigned x, unsigned y) { return x > y ? x - y : y - x; }

void vec_psadbw(struct vec_args *a)
{
    for (unsigned half = 0; half < 2; half++) {
        unsigned sum = 0;
        for (unsigned i = 8 * half; i < 8 * half + 8; i++)
            sum += distance(LANE8(a->d, i), LANE8(a->s, i));
        LANE64(a->d, half) = sum;
    }
}

void vec_mpsadbw(struct vec_args *a)
{
    unsigned from_d = a->imm & 4, from_s = (a->imm & 3) * 4;
    union vec128 r;
    for (unsigned i = 0; i < 8; i++) {
        unsigned sum = 0;
        for (unsigned k = 0; k < 4; k++)
            sum += distance(LANE8(a->d, from_d + i + k), LANE8(a->s, from_s + k));
        LANE16(r, i) = (uint16_t)sum;
    }
    a->d = r;
}

// Horizontal: pairs of d, then pairs of s.
#define PAIRS(id, bits, lanes, type, expression)                                          \
    void vec_##id(struct vec_args *a)                                                     \
    {                                                                                     \
        union vec128 r;                                                                   \
        for (unsigned i = 0; i < (lanes); i++) {                                          \
            const union vec128 *from = i < (lanes) / 2 ? &a->d : &a->s;                   \
            unsigned k = 2 * i % (lanes);                                                 \
            type x = (type)LANE##bits(*from, k), y = (type)LANE##bits(*from, k + 1);      \
            LANE##bits(r, i) = (uint##bits##_t)(expression);                              \
        }                                                                                 \
        a->d = r;                                                                         \
    }
PAIRS(phaddw, 16, 8, uint16_t, x + y)
PAIRS(phaddd, 32, 4, uint32_t, x + y)
PAIRS(phaddsw, 16, 8, int16_t, SAT_S16(x + y))
PAIRS(phsubw, 16, 8, uint16_t, x - y)
PAIRS(phsubd, 32, 4, uint32_t, x - y)
PAIRS(phsubsw, 16, 8, int16_t, SAT_S16(x - y))

void vec_phminposuw(struct vec_args *a)
{
    unsigned at = 0;
    for (unsigned i = 1; i < 8; i++)
        if (LANE16(a->s, i) < LANE16(a->s, at))
            at = i;
    LANE64(a->d, 0) = LANE16(a->s, at) | (uint64_t)at << 16;
    LANE64(a->d, 1) = 0;
}

void vec_ptest(struct vec_args *a)
{
    uint64_t both = (a->d.d[0] & a->s.d[0]) | (a->d.d[1] & a->s.d[1]);
    uint64_t only_s = (~a->d.d[0] & a->s.d[0]) | (~a->d.d[1] & a->s.d[1]);
    a->g = (both ? 0 : 0x40) | (only_s ? 0 : 1);
}
