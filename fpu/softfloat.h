// SPDX-License-Identifier: MIT
//
// Exact floating point with x86 semantics in integer arithmetic: SSE/AVX scalar operations on
// float32 and float64, x87 operations on the 80-bit format. The code uses no host floating point
// and no layout-dependent type punning, so results are the same bits on every host.
// All functions are pure apart from *env; any thread may call them with its own env.
//
// Exceptions: functions OR raised bits into env->flags. To see what one instruction raised, zero
// env->flags before it and merge afterwards. `masks` follows MXCSR and FCW: a set bit is masked, so
// fill it (sf_env_from_mxcsr and sf_env_from_fcw do; 0x3f is "all masked"). Flags are exact for
// unmasked exceptions too. If an unmasked one is among those just raised, the returned value means
// nothing (SSE: #XM; x87: the operation did not happen), with one exception: x87 arithmetic under
// unmasked OE, UE or PE completes and returns what the register gets, for OE and UE the
// result with the biased exponent of [SDM 1 8.5.4, 8.5.5]. x87 stores do not write on OE or UE.
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum sf_flag { // MXCSR and FSW bit layout
    SF_IE = 1,
    SF_DE = 2,
    SF_ZE = 4,
    SF_OE = 8,
    SF_UE = 16,
    SF_PE = 32,
    SF_ALL_FLAGS = 63,
};

enum sf_rounding { // encoding of MXCSR.RC and FCW.RC
    SF_ROUND_NEAREST = 0,
    SF_ROUND_DOWN = 1,
    SF_ROUND_UP = 2,
    SF_ROUND_ZERO = 3,
};

struct sf_env {
    uint8_t rounding;  // enum sf_rounding
    bool daz, ftz;     // SSE only; x87 callers leave both false
    uint8_t precision; // x87 FCW.PC: 0 = 24 bits, 2 = 53, 3 (and the reserved 1) = 64
    uint8_t flags;     // sticky, enum sf_flag
    uint8_t masks;     // enum sf_flag, set = masked
    bool rounded_up;   // x87 C1 of the last operation: magnitude was rounded up
};

// Value is mant * 2^((se & 0x7fff) - 16383 - 63), sign in bit 15 of se. [SDM 1 4.2.2]
struct sf_f80 {
    uint64_t mant;
    uint16_t se;
};

// Environments with flags clear, from the control registers.
static inline struct sf_env sf_env_from_mxcsr(uint32_t mxcsr)
{
    return (struct sf_env){
        .rounding = mxcsr >> 13 & 3,
        .daz = mxcsr >> 6 & 1,
        .ftz = mxcsr >> 15 & 1,
        .precision = 3,
        .masks = mxcsr >> 7 & SF_ALL_FLAGS,
    };
}

static inline struct sf_env sf_env_from_fcw(uint16_t fcw)
{
    return (struct sf_env){
        .rounding = fcw >> 10 & 3,
        .precision = fcw >> 8 & 3,
        .masks = fcw & SF_ALL_FLAGS,
    };
}

// --- SSE and AVX, one lane [SDM 1 4.8, 11.5] ---
// a is the first source (the destination of the legacy forms), b the second. If a is a NaN the
// result is a quieted, else if b is, b quieted; invalid operations give the default NaN.
uint32_t sf_f32_add(uint32_t a, uint32_t b, struct sf_env *env);
uint32_t sf_f32_sub(uint32_t a, uint32_t b, struct sf_env *env);
uint32_t sf_f32_mul(uint32_t a, uint32_t b, struct sf_env *env);
uint32_t sf_f32_div(uint32_t a, uint32_t b, struct sf_env *env);
uint32_t sf_f32_sqrt(uint32_t a, struct sf_env *env);
uint64_t sf_f64_add(uint64_t a, uint64_t b, struct sf_env *env);
uint64_t sf_f64_sub(uint64_t a, uint64_t b, struct sf_env *env);
uint64_t sf_f64_mul(uint64_t a, uint64_t b, struct sf_env *env);
uint64_t sf_f64_div(uint64_t a, uint64_t b, struct sf_env *env);
uint64_t sf_f64_sqrt(uint64_t a, struct sf_env *env);

// MINxx, MAXxx: b if either is a NaN (IE) or both are zero.
uint32_t sf_f32_min(uint32_t a, uint32_t b, struct sf_env *env);
uint32_t sf_f32_max(uint32_t a, uint32_t b, struct sf_env *env);
uint64_t sf_f64_min(uint64_t a, uint64_t b, struct sf_env *env);
uint64_t sf_f64_max(uint64_t a, uint64_t b, struct sf_env *env);

// CMPxx with predicate 0..31 (SSE uses 0..7). [SDM 2A CMPPD, table 3-1]
bool sf_f32_cmp(uint32_t a, uint32_t b, unsigned predicate, struct sf_env *env);
bool sf_f64_cmp(uint64_t a, uint64_t b, unsigned predicate, struct sf_env *env);

// COMISx (signalling) and UCOMISx: ZF | PF | CF at their places in EFLAGS, the rest is zero.
uint32_t sf_f32_comis(uint32_t a, uint32_t b, struct sf_env *env);
uint32_t sf_f32_ucomis(uint32_t a, uint32_t b, struct sf_env *env);
uint32_t sf_f64_comis(uint64_t a, uint64_t b, struct sf_env *env);
uint32_t sf_f64_ucomis(uint64_t a, uint64_t b, struct sf_env *env);

// Fused a * b + c; NaNs are taken in the order a, b, c. For VFMADDxxx a and b are the factors in
// the order of the form's digits: 132 (op1, op3, op2), 213 (op2, op1, op3), 231 (op2, op3, op1).
enum sf_fma_negate { SF_FMA_NEGATE_PRODUCT = 1, SF_FMA_NEGATE_ADDEND = 2 };
uint32_t sf_f32_fma(uint32_t a, uint32_t b, uint32_t c, unsigned negate, struct sf_env *env);
uint64_t sf_f64_fma(uint64_t a, uint64_t b, uint64_t c, unsigned negate, struct sf_env *env);

// Conversions. Out of range and NaN give the integer indefinite (only the sign bit) and IE.
uint64_t sf_f32_to_f64(uint32_t a, struct sf_env *env);
uint32_t sf_f64_to_f32(uint64_t a, struct sf_env *env);
uint32_t sf_i32_to_f32(int32_t a, struct sf_env *env);
uint32_t sf_i64_to_f32(int64_t a, struct sf_env *env);
uint64_t sf_i32_to_f64(int32_t a, struct sf_env *env);
uint64_t sf_i64_to_f64(int64_t a, struct sf_env *env);
int32_t sf_f32_to_i32(uint32_t a, struct sf_env *env);
int64_t sf_f32_to_i64(uint32_t a, struct sf_env *env);
int32_t sf_f64_to_i32(uint64_t a, struct sf_env *env);
int64_t sf_f64_to_i64(uint64_t a, struct sf_env *env);
int32_t sf_f32_to_i32_trunc(uint32_t a, struct sf_env *env);
int64_t sf_f32_to_i64_trunc(uint32_t a, struct sf_env *env);
int32_t sf_f64_to_i32_trunc(uint64_t a, struct sf_env *env);
int64_t sf_f64_to_i64_trunc(uint64_t a, struct sf_env *env);

// VCVTPH2PS (no DAZ, no DE) and VCVTPS2PH (its imm8 resolved to a rounding mode; no FTZ).
uint32_t sf_f16_to_f32(uint16_t a, struct sf_env *env);
uint16_t sf_f32_to_f16(uint32_t a, unsigned rounding, struct sf_env *env);

// ROUNDxx: the caller resolves imm8 to a rounding mode; suppress is imm8 bit 3 (no PE).
uint32_t sf_f32_round(uint32_t a, unsigned rounding, bool suppress, struct sf_env *env);
uint64_t sf_f64_round(uint64_t a, unsigned rounding, bool suppress, struct sf_env *env);

// RCPxx and RSQRTxx: the exact value rounded to nearest at 13 significant bits (relative error
// <= 2^-13). No flags, MXCSR is not looked at: denormal sources are zeros, denormal results zero.
uint32_t sf_rcp_f32(uint32_t a);
uint32_t sf_rsqrt_f32(uint32_t a);

// --- x87 [SDM 1 8] ---
// Condition codes at their places in the status word.
enum sf_x87_cc { SF_C0 = 0x100, SF_C1 = 0x200, SF_C2 = 0x400, SF_C3 = 0x4000 };

#define SF_F80_DEFAULT_NAN ((struct sf_f80){.mant = 0xc000000000000000, .se = 0xffff})

// The R forms have the operands reversed: SUBR is b - a, DIVR is b / a.
enum sf_f80_op { SF_ADD, SF_SUB, SF_SUBR, SF_MUL, SF_DIV, SF_DIVR };

// Rounded to env->precision. The f32 and f64 forms take a memory operand, whose denormal must
// raise DE once and only where the operation would (so do not convert it first).
struct sf_f80 sf_f80_arith(enum sf_f80_op op, struct sf_f80 a, struct sf_f80 b, struct sf_env *env);
struct sf_f80 sf_f80_arith_f32(enum sf_f80_op op, struct sf_f80 a, uint32_t b, struct sf_env *env);
struct sf_f80 sf_f80_arith_f64(enum sf_f80_op op, struct sf_f80 a, uint64_t b, struct sf_env *env);
struct sf_f80 sf_f80_add(struct sf_f80 a, struct sf_f80 b, struct sf_env *env);
struct sf_f80 sf_f80_sub(struct sf_f80 a, struct sf_f80 b, struct sf_env *env);
struct sf_f80 sf_f80_mul(struct sf_f80 a, struct sf_f80 b, struct sf_env *env);
struct sf_f80 sf_f80_div(struct sf_f80 a, struct sf_f80 b, struct sf_env *env);
struct sf_f80 sf_f80_sqrt(struct sf_f80 a, struct sf_env *env);

// Comparisons give C0, C2, C3 (a > b: 0, a < b: C0, equal: C3, unordered: all). quiet selects
// FUCOM: IE for signalling NaNs and unsupported encodings only. sf_f80_cc_to_eflags is for FCOMI.
uint16_t sf_f80_compare(struct sf_f80 a, struct sf_f80 b, bool quiet, struct sf_env *env);
uint16_t sf_f80_compare_f32(struct sf_f80 a, uint32_t b, struct sf_env *env);
uint16_t sf_f80_compare_f64(struct sf_f80 a, uint64_t b, struct sf_env *env);
static inline uint32_t sf_f80_cc_to_eflags(uint16_t cc)
{
    return (cc & SF_C0 ? 1u : 0) | (cc & SF_C2 ? 4u : 0) | (cc & SF_C3 ? 0x40u : 0);
}
// FXAM of a register that is not empty: C3 C2 C0 the class, C1 the sign.
uint16_t sf_f80_xam(struct sf_f80 a);

static inline struct sf_f80 sf_f80_abs(struct sf_f80 a)
{
    a.se &= 0x7fff;
    return a;
}
static inline struct sf_f80 sf_f80_chs(struct sf_f80 a)
{
    a.se ^= 0x8000;
    return a;
}

struct sf_f80 sf_f80_rndint(struct sf_f80 a, struct sf_env *env);
// FSCALE: a (ST0) times two to the integer part of b (ST1).
struct sf_f80 sf_f80_scale(struct sf_f80 a, struct sf_f80 b, struct sf_env *env);
// FPREM, FPREM1 of a (ST0) by b (ST1). *cc gets C2 (incomplete), or C0 C3 C1 = quotient bits 2 1 0.
struct sf_f80 sf_f80_prem(struct sf_f80 a, struct sf_f80 b, uint16_t *cc, struct sf_env *env);
struct sf_f80 sf_f80_prem1(struct sf_f80 a, struct sf_f80 b, uint16_t *cc, struct sf_env *env);
// FXTRACT: returns the significand (new ST0); *exponent is what takes the old ST0's place.
struct sf_f80 sf_f80_xtract(struct sf_f80 a, struct sf_f80 *exponent, struct sf_env *env);

// Loads (FLD m32, m64, FILD) and stores (FST, FIST, FISTTP). Stores to memory round by
// env->rounding and set rounded_up; env->precision does not matter.
struct sf_f80 sf_f32_to_f80(uint32_t a, struct sf_env *env);
struct sf_f80 sf_f64_to_f80(uint64_t a, struct sf_env *env);
struct sf_f80 sf_i64_to_f80(int64_t a);
uint32_t sf_f80_to_f32(struct sf_f80 a, struct sf_env *env);
uint64_t sf_f80_to_f64(struct sf_f80 a, struct sf_env *env);
int16_t sf_f80_to_i16(struct sf_f80 a, struct sf_env *env);
int32_t sf_f80_to_i32(struct sf_f80 a, struct sf_env *env);
int64_t sf_f80_to_i64(struct sf_f80 a, struct sf_env *env);
int16_t sf_f80_to_i16_trunc(struct sf_f80 a, struct sf_env *env);
int32_t sf_f80_to_i32_trunc(struct sf_f80 a, struct sf_env *env);
int64_t sf_f80_to_i64_trunc(struct sf_f80 a, struct sf_env *env);
// FBLD, FBSTP: ten bytes, least significant digits first, sign in bit 7 of byte 9.
struct sf_f80 sf_bcd_to_f80(const uint8_t bcd[10]);
void sf_f80_to_bcd(struct sf_f80 a, uint8_t bcd[10], struct sf_env *env);

// Transcendentals: always 64 bits of precision, rounded by env->rounding from a value with a
// relative error below 2^-110 (FSIN, FCOS, FPTAN: of the argument reduced exactly with the 66-bit
// pi). The last three pairs: false means |a| >= 2^63 (C2 set, operand unchanged, nothing pushed).
// FPTAN's caller pushes 1.0, or the same NaN if the result is one.
struct sf_f80 sf_f80_2xm1(struct sf_f80 a, struct sf_env *env);                   // 2^a - 1
struct sf_f80 sf_f80_yl2x(struct sf_f80 x, struct sf_f80 y, struct sf_env *env);   // y log2 x
struct sf_f80 sf_f80_yl2xp1(struct sf_f80 x, struct sf_f80 y, struct sf_env *env); // y log2 (x+1)
struct sf_f80 sf_f80_patan(struct sf_f80 x, struct sf_f80 y, struct sf_env *env);  // arg(x + iy)
bool sf_f80_sin(struct sf_f80 a, struct sf_f80 *sine, struct sf_env *env);
bool sf_f80_cos(struct sf_f80 a, struct sf_f80 *cosine, struct sf_env *env);
bool sf_f80_tan(struct sf_f80 a, struct sf_f80 *tangent, struct sf_env *env);
bool sf_f80_sincos(struct sf_f80 a, struct sf_f80 *sine, struct sf_f80 *cosine,
                   struct sf_env *env);

// FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2: rounded by env->rounding, no flags.
enum sf_f80_constant { SF_L2T, SF_L2E, SF_PI, SF_LG2, SF_LN2 };
struct sf_f80 sf_f80_constant(enum sf_f80_constant which, const struct sf_env *env);
