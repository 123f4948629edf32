// SPDX-License-Identifier: MIT
//
// The interpreter's floating-point vector operations, by soft float alone (fpu/softfloat.h): the reference for
// what generated code does. MXCSR comes in a->mxcsr and gets the flags raised. When one of them is unmasked
// the result means nothing: the caller raises #XM. Pure, any thread. [SDM 1 11.5]
#include "fpu/softfloat.h"
#include "tcg/interp/vec_interp.h"

static void merge_flags(struct vec_args *a, const struct sf_env *env) { a->mxcsr |= env->flags & SF_ALL_FLAGS; }

// The four widths of r = fn(d, s) a lane.
#define BINARY_LANES(id, bits, first_lanes, fn)                                           \
    void vec_##id(struct vec_args *a)                                                     \
    {                                                                                     \
        struct sf_env env = sf_env_from_mxcsr(a->mxcsr);                                  \
        for (unsigned i = 0; i < (first_lanes); i++)                                      \
            LANE##bits(a->d, i) = fn(LANE##bits(a->d, i), LANE##bits(a->s, i), &env);     \
        merge_flags(a, &env);                                                             \
    }
#define BINARY(op)                                   \
    BINARY_LANES(op##ps, 32, 4, sf_f32_##op)         \
    BINARY_LANES(op##ss, 32, 1, sf_f32_##op)         \
    BINARY_LANES(op##pd, 64, 2, sf_f64_##op)         \
    BINARY_LANES(op##sd, 64, 1, sf_f64_##op)
BINARY(add)
BINARY(sub)
BINARY(mul)
BINARY(div)
BINARY(min)
BINARY(max)

#define UNARY_LANES(id, bits, lanes, fn)                                                  \
    void vec_##id(struct vec_args *a)                                                     \
    {                                                                                     \
        struct sf_env env = sf_env_from_mxcsr(a->mxcsr);                                  \
        for (unsigned i = 0; i < (lanes); i++)                                            \
            LANE##bits(a->d, i) = fn(LANE##bits(a->s, i), &env);                          \
        merge_flags(a, &env);                                                             \
    }
UNARY_LANES(sqrtps, 32, 4, sf_f32_sqrt)
UNARY_LANES(sqrtss, 32, 1, sf_f32_sqrt)
UNARY_LANES(sqrtpd, 64, 2, sf_f64_sqrt)
UNARY_LANES(sqrtsd, 64, 1, sf_f64_sqrt)

#define COMPARE_LANES(id, bits, lanes)                                                    \
    void vec_##id(struct vec_args *a)                                                     \
    {                                                                                     \
        struct sf_env env = sf_env_from_mxcsr(a->mxcsr);                                  \
        for (unsigned i = 0; i < (lanes); i++) {                                          \
            bool holds = sf_f##bits##_cmp(LANE##bits(a->d, i), LANE##bits(a->s, i), a->imm & 7, &env); \
            LANE##bits(a->d, i) = (uint##bits##_t)(holds ? ~0ull : 0);                    \
        }                                                                                 \
        merge_flags(a, &env);                                                             \
    }
COMPARE_LANES(cmpps, 32, 4)
COMPARE_LANES(cmpss, 32, 1)
COMPARE_LANES(cmppd, 64, 2)
COMPARE_LANES(cmpsd, 64, 1)

#define COMPARE_FLAGS(id, bits, kind)                                                     \
    void vec_##id(struct vec_args *a)                                                     \
    {                                                                                     \
        struct sf_env env = sf_env_from_mxcsr(a->mxcsr);                                  \
        a->g = sf_f##bits##_##kind(LANE##bits(a->d, 0), LANE##bits(a->s, 0), &env);       \
        merge_flags(a, &env);                                                             \
    }
COMPARE_FLAGS(comiss, 32, comis)
COMPARE_FLAGS(ucomiss, 32, ucomis)
COMPARE_FLAGS(comisd, 64, comis)
COMPARE_FLAGS(ucomisd, 64, ucomis)

#define ROUND_LANES(id, bits, lanes)                                                      \
    void vec_##id(struct vec_args *a)                                                     \
    {                                                                                     \
        struct sf_env env = sf_env_from_mxcsr(a->mxcsr);                                  \
        unsigned rounding = a->imm & 4 ? env.rounding : a->imm & 3u;                      \
        for (unsigned i = 0; i < (lanes); i++)                                            \
            LANE##bits(a->d, i) = sf_f##bits##_round(LANE##bits(a->s, i), rounding, a->imm & 8, &env); \
        merge_flags(a, &env);                                                             \
    }
ROUND_LANES(roundps, 32, 4)
ROUND_LANES(roundss, 32, 1)
ROUND_LANES(roundpd, 64, 2)
ROUND_LANES(roundsd, 64, 1)

// ---- horizontal
#define HORIZONTAL(id, bits, lanes, fn)                                                   \
    void vec_##id(struct vec_args *a)                                                     \
    {                                                                                     \
        struct sf_env env = sf_env_from_mxcsr(a->mxcsr);                                  \
        union vec128 r;                                                                   \
        for (unsigned i = 0; i < (lanes); i++) {                                          \
            const union vec128 *from = i < (lanes) / 2 ? &a->d : &a->s;                   \
            unsigned k = 2 * i % (lanes);                                                 \
            LANE##bits(r, i) = fn(LANE##bits(*from, k), LANE##bits(*from, k + 1), &env);  \
        }                                                                                 \
        a->d = r;                                                                         \
        merge_flags(a, &env);                                                             \
    }
HORIZONTAL(haddps, 32, 4, sf_f32_add)
HORIZONTAL(hsubps, 32, 4, sf_f32_sub)
HORIZONTAL(haddpd, 64, 2, sf_f64_add)
HORIZONTAL(hsubpd, 64, 2, sf_f64_sub)

#define ADDSUB(id, bits, lanes)                                                           \
    void vec_##id(struct vec_args *a)                                                     \
    {                                                                                     \
        struct sf_env env = sf_env_from_mxcsr(a->mxcsr);                                  \
        for (unsigned i = 0; i < (lanes); i++)                                            \
            LANE##bits(a->d, i) = (i & 1 ? sf_f##bits##_add : sf_f##bits##_sub)(          \
                LANE##bits(a->d, i), LANE##bits(a->s, i), &env);                          \
        merge_flags(a, &env);                                                             \
    }
ADDSUB(addsubps, 32, 4)
ADDSUB(addsubpd, 64, 2)

// ---- conversions: `lanes` results from the low lanes of s, the rest of d zero when `clear`
#define CONVERT(id, from, to, lanes, clear, fn, cast)                                     \
    void vec_##id(struct vec_args *a)                                                     \
    {                                                                                     \
        struct sf_env env = sf_env_from_mxcsr(a->mxcsr);                                  \
        union vec128 r = a->d;                                                            \
        if (clear)                                                                        \
            r.d[0] = r.d[1] = 0;                                                          \
        for (unsigned i = 0; i < (lanes); i++)                                            \
            LANE##to(r, i) = (uint##to##_t)fn((cast)LANE##from(a->s, i), &env);           \
        a->d = r;                                                                         \
        merge_flags(a, &env);                                                             \
    }
CONVERT(cvtps2pd, 32, 64, 2, 1, sf_f32_to_f64, uint32_t)
CONVERT(cvtpd2ps, 64, 32, 2, 1, sf_f64_to_f32, uint64_t)
CONVERT(cvtss2sd, 32, 64, 1, 0, sf_f32_to_f64, uint32_t)
CONVERT(cvtsd2ss, 64, 32, 1, 0, sf_f64_to_f32, uint64_t)
CONVERT(cvtdq2ps, 32, 32, 4, 1, sf_i32_to_f32, int32_t)
CONVERT(cvtps2dq, 32, 32, 4, 1, sf_f32_to_i32, uint32_t)
CONVERT(cvttps2dq, 32, 32, 4, 1, sf_f32_to_i32_trunc, uint32_t)
CONVERT(cvtdq2pd, 32, 64, 2, 1, sf_i32_to_f64, int32_t)
CONVERT(cvtpd2dq, 64, 32, 2, 1, sf_f64_to_i32, uint64_t)
CONVERT(cvttpd2dq, 64, 32, 2, 1, sf_f64_to_i32_trunc, uint64_t)

#define CONVERT_FROM(id, to, fn, cast)                                                    \
    void vec_##id(struct vec_args *a)                                                     \
    {                                                                                     \
        struct sf_env env = sf_env_from_mxcsr(a->mxcsr);                                  \
        LANE##to(a->d, 0) = fn((cast)a->g, &env);                                         \
        merge_flags(a, &env);                                                             \
    }
CONVERT_FROM(cvtsi2ss_d, 32, sf_i32_to_f32, int32_t)
CONVERT_FROM(cvtsi2ss_q, 32, sf_i64_to_f32, int64_t)
CONVERT_FROM(cvtsi2sd_d, 64, sf_i32_to_f64, int32_t)
CONVERT_FROM(cvtsi2sd_q, 64, sf_i64_to_f64, int64_t)

#define CONVERT_TO(id, from, fn, cast)                                                    \
    void vec_##id(struct vec_args *a)                                                     \
    {                                                                                     \
        struct sf_env env = sf_env_from_mxcsr(a->mxcsr);                                  \
        a->g = (cast)fn(LANE##from(VEC_TOG_SOURCE(a), 0), &env);                          \
        merge_flags(a, &env);                                                             \
    }
CONVERT_TO(cvtss2si_d, 32, sf_f32_to_i32, uint32_t)
CONVERT_TO(cvtss2si_q, 32, sf_f32_to_i64, uint64_t)
CONVERT_TO(cvttss2si_d, 32, sf_f32_to_i32_trunc, uint32_t)
CONVERT_TO(cvttss2si_q, 32, sf_f32_to_i64_trunc, uint64_t)
CONVERT_TO(cvtsd2si_d, 64, sf_f64_to_i32, uint32_t)
CONVERT_TO(cvtsd2si_q, 64, sf_f64_to_i64, uint64_t)
CONVERT_TO(cvttsd2si_d, 64, sf_f64_to_i32_trunc, uint32_t)
CONVERT_TO(cvttsd2si_q, 64, sf_f64_to_i64_trunc, uint64_t)
