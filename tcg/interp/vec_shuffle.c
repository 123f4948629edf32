// SPDX-License-Identifier: MIT
//
// The interpreter's vector operations that move lanes: shuffles, packs, extensions, merges, and the traffic
// between vectors and integers. Pure, any thread. [SDM 2]
#include "tcg/interp/vec_interp.h"

// ---- interleave: lanes of d and s in turn, from lane `first` of both
#define UNPACK(id, bits, lanes, first)                                                   \
    void vec_##id(struct vec_args *a)                                                    \
    {                                                                                    \
        union vec128 r;                                                                  \
        for (unsigned i = 0; i < (lanes) / 2; i++) {                                     \
            LANE##bits(r, 2 * i) = LANE##bits(a->d, (first) + i);                        \
            LANE##bits(r, 2 * i + 1) = LANE##bits(a->s, (first) + i);                    \
        }                                                                                \
        a->d = r;                                                                        \
    }
UNPACK(punpcklbw, 8, 16, 0)
UNPACK(punpcklwd, 16, 8, 0)
UNPACK(punpckldq, 32, 4, 0)
UNPACK(punpcklqdq, 64, 2, 0)
UNPACK(punpckhbw, 8, 16, 8)
UNPACK(punpckhwd, 16, 8, 4)
UNPACK(punpckhdq, 32, 4, 2)
UNPACK(punpckhqdq, 64, 2, 1)
UNPACK(unpcklps, 32, 4, 0)
UNPACK(unpckhps, 32, 4, 2)
UNPACK(unpcklpd, 64, 2, 0)
UNPACK(unpckhpd, 64, 2, 1)

// ---- packs: d gives the lower half
#define PACK(id, wide, lanes, narrow, low, high)                                         \
    void vec_##id(struct vec_args *a)                                                    \
    {                                                                                    \
        union vec128 r;                                                                  \
        for (unsigned i = 0; i < 2 * (lanes); i++) {                                     \
            int##wide##_t x = (int##wide##_t)(i < (lanes) ? LANE##wide(a->d, i)          \
                                                          : LANE##wide(a->s, i - (lanes))); \
            LANE##narrow(r, i) = (uint##narrow##_t)(x < (low) ? (low) : x > (high) ? (high) : x); \
        }                                                                                \
        a->d = r;                                                                        \
    }
PACK(packsswb, 16, 8, 8, -128, 127)
PACK(packuswb, 16, 8, 8, 0, 255)
PACK(packssdw, 32, 4, 16, -32768, 32767)
PACK(packusdw, 32, 4, 16, 0, 65535)

// ---- extensions
#define EXTEND(id, from, to, lanes, sign)                                                \
    void vec_##id(struct vec_args *a)                                                    \
    {                                                                                    \
        union vec128 r;                                                                  \
        for (unsigned i = 0; i < (lanes); i++)                                           \
            LANE##to(r, i) = (uint##to##_t)(sign##from##_t)LANE##from(a->s, i);          \
        a->d = r;                                                                        \
    }
EXTEND(pmovsxbw, 8, 16, 8, int)
EXTEND(pmovsxbd, 8, 32, 4, int)
EXTEND(pmovsxbq, 8, 64, 2, int)
EXTEND(pmovsxwd, 16, 32, 4, int)
EXTEND(pmovsxwq, 16, 64, 2, int)
EXTEND(pmovsxdq, 32, 64, 2, int)
EXTEND(pmovzxbw, 8, 16, 8, uint)
EXTEND(pmovzxbd, 8, 32, 4, uint)
EXTEND(pmovzxbq, 8, 64, 2, uint)
EXTEND(pmovzxwd, 16, 32, 4, uint)
EXTEND(pmovzxwq, 16, 64, 2, uint)
EXTEND(pmovzxdq, 32, 64, 2, uint)

// ---- shuffles
void vec_pshufb(struct vec_args *a)
{
    union vec128 r;
    for (unsigned i = 0; i < 16; i++) {
        uint8_t select = LANE8(a->s, i);
        LANE8(r, i) = select & 0x80 ? 0 : LANE8(a->d, select & 15);
    }
    a->d = r;
}

void vec_pshufd(struct vec_args *a)
{
    for (unsigned i = 0; i < 4; i++)
        LANE32(a->d, i) = LANE32(a->s, a->imm >> 2 * i & 3);
}

void vec_pshuflw(struct vec_args *a)
{
    LANE64(a->d, 1) = LANE64(a->s, 1);
    for (unsigned i = 0; i < 4; i++)
        LANE16(a->d, i) = LANE16(a->s, a->imm >> 2 * i & 3);
}

void vec_pshufhw(struct vec_args *a)
{
    LANE64(a->d, 0) = LANE64(a->s, 0);
    for (unsigned i = 0; i < 4; i++)
        LANE16(a->d, 4 + i) = LANE16(a->s, 4 + (a->imm >> 2 * i & 3));
}

void vec_shufps(struct vec_args *a)
{
    union vec128 r;
    for (unsigned i = 0; i < 4; i++)
        LANE32(r, i) = LANE32(*(i < 2 ? &a->d : &a->s), a->imm >> 2 * i & 3);
    a->d = r;
}

void vec_shufpd(struct vec_args *a)
{
    LANE64(a->d, 0) = LANE64(a->d, a->imm & 1);
    LANE64(a->d, 1) = LANE64(a->s, a->imm >> 1 & 1);
}

void vec_palignr(struct vec_args *a)
{
    union vec128 r;
    for (unsigned i = 0; i < 16; i++) {
        unsigned from = i + a->imm;
        LANE8(r, i) = from < 16 ? LANE8(a->s, from) : from < 32 ? LANE8(a->d, from - 16) : 0;
    }
    a->d = r;
}

void vec_pblendw(struct vec_args *a)
{
    for (unsigned i = 0; i < 8; i++)
        if (a->imm >> i & 1)
            LANE16(a->d, i) = LANE16(a->s, i);
}

void vec_blendps(struct vec_args *a)
{
    for (unsigned i = 0; i < 4; i++)
        if (a->imm >> i & 1)
            LANE32(a->d, i) = LANE32(a->s, i);
}

void vec_blendpd(struct vec_args *a)
{
    for (unsigned i = 0; i < 2; i++)
        if (a->imm >> i & 1)
            LANE64(a->d, i) = LANE64(a->s, i);
}

void vec_insertps(struct vec_args *a)
{
    LANE32(a->d, a->imm >> 4 & 3) = LANE32(a->s, a->imm >> 6);
    for (unsigned i = 0; i < 4; i++)
        if (a->imm >> i & 1)
            LANE32(a->d, i) = 0;
}

// ---- moves that merge or duplicate
void vec_movss(struct vec_args *a) { LANE32(a->d, 0) = LANE32(a->s, 0); }
void vec_movsd(struct vec_args *a) { LANE64(a->d, 0) = LANE64(a->s, 0); }
void vec_movhlps(struct vec_args *a) { LANE64(a->d, 0) = LANE64(a->s, 1); }
void vec_movlhps(struct vec_args *a) { LANE64(a->d, 1) = LANE64(a->s, 0); }

void vec_movq_low(struct vec_args *a)
{
    LANE64(a->d, 0) = LANE64(a->s, 0);
    LANE64(a->d, 1) = 0;
}

void vec_movddup(struct vec_args *a) { LANE64(a->d, 0) = LANE64(a->d, 1) = LANE64(a->s, 0); }

void vec_movsldup(struct vec_args *a)
{
    for (unsigned i = 0; i < 4; i++)
        LANE32(a->d, i) = LANE32(a->s, i & 2);
}

void vec_movshdup(struct vec_args *a)
{
    for (unsigned i = 0; i < 4; i++)
        LANE32(a->d, i) = LANE32(a->s, i | 1);
}

// ---- integers in
void vec_movd_from(struct vec_args *a)
{
    LANE64(a->d, 0) = (uint32_t)a->g;
    LANE64(a->d, 1) = 0;
}

void vec_movq_from(struct vec_args *a)
{
    LANE64(a->d, 0) = a->g;
    LANE64(a->d, 1) = 0;
}

void vec_pinsrb(struct vec_args *a) { LANE8(a->d, a->imm & 15) = (uint8_t)a->g; }
void vec_pinsrw(struct vec_args *a) { LANE16(a->d, a->imm & 7) = (uint16_t)a->g; }
void vec_pinsrd(struct vec_args *a) { LANE32(a->d, a->imm & 3) = (uint32_t)a->g; }
void vec_pinsrq(struct vec_args *a) { LANE64(a->d, a->imm & 1) = a->g; }

// ---- integers out
void vec_movd_to(struct vec_args *a) { a->g = LANE32(VEC_TOG_SOURCE(a), 0); }
void vec_movq_to(struct vec_args *a) { a->g = LANE64(VEC_TOG_SOURCE(a), 0); }
void vec_pextrb(struct vec_args *a) { a->g = LANE8(VEC_TOG_SOURCE(a), a->imm & 15); }
void vec_pextrw(struct vec_args *a) { a->g = LANE16(VEC_TOG_SOURCE(a), a->imm & 7); }
void vec_pextrd(struct vec_args *a) { a->g = LANE32(VEC_TOG_SOURCE(a), a->imm & 3); }
void vec_pextrq(struct vec_args *a) { a->g = LANE64(VEC_TOG_SOURCE(a), a->imm & 1); }

void vec_pmovmskb(struct vec_args *a)
{
    a->g = 0;
    for (unsigned i = 0; i < 16; i++)
        a->g |= (uint64_t)(LANE8(VEC_TOG_SOURCE(a), i) >> 7) << i;
}

void vec_movmskps(struct vec_args *a)
{
    a->g = 0;
    for (unsigned i = 0; i < 4; i++)
        a->g |= (uint64_t)(LANE32(VEC_TOG_SOURCE(a), i) >> 31) << i;
}

void vec_movmskpd(struct vec_args *a)
{
    a->g = LANE64(VEC_TOG_SOURCE(a), 0) >> 63 | LANE64(VEC_TOG_SOURCE(a), 1) >> 63 << 1;
}
