// SPDX-License-Identifier: MIT
//
// Constants of sf_f80_trans.c, rounded to 128 bits. Series coefficients are fixed point with one
// integer bit (the value is n / 2^127); wide constants are {significand, exponent, sign}. All are
// defined by the formula beside them and can be made again with any big-number program.
#pragma once
#include "fpu/sf_wide.h"

#define C(hi, lo) ((sf_u128)(hi) << 64 | (lo))

// 1 / (2k + 1)!
static const sf_u128 sin_series[] = {
    C(0x8000000000000000, 0x0000000000000000),
    C(0x1555555555555555, 0x5555555555555555),
    C(0x0111111111111111, 0x1111111111111111),
    C(0x0006806806806806, 0x8068068068068068),
    C(0x0000171de3a556c7, 0x338faac1c88e5001),
    C(0x00000035cc8acfea, 0x89c71fce8fc97070),
    C(0x000000005849184e, 0xa1b425f28e0cc749),
    C(0x00000000006b9fcf, 0x9ccee07c476195ac),
    C(0x000000000000654b, 0x1dc0c2b529ac9814),
    C(0x000000000000004b, 0xd26d1a05055c9328),
    C(0x0000000000000000, 0x2e371dedb9eae318),
    C(0x0000000000000000, 0x001761b41316381a),
    C(0x0000000000000000, 0x000009f9e66e8b30),
    C(0x0000000000000000, 0x00000003a356385c),
    C(0x0000000000000000, 0x0000000001259f99),
};

// 1 / (2k)!
static const sf_u128 cos_series[] = {
    C(0x8000000000000000, 0x0000000000000000),
    C(0x4000000000000000, 0x0000000000000000),
    C(0x0555555555555555, 0x5555555555555555),
    C(0x002d82d82d82d82d, 0x82d82d82d82d82d8),
    C(0x0000d00d00d00d00, 0xd00d00d00d00d00d),
    C(0x0000024fc9f6ef13, 0xeb8e5de02da7d4cd),
    C(0x000000047bb63bfe, 0x3625ed5136a61eb4),
    C(0x00000000064e5d2a, 0x301f27482eb7c517),
    C(0x000000000006b9fc, 0xf9ccee07c476195b),
    C(0x00000000000005a0, 0x9e18ee5f65deec01),
    C(0x0000000000000003, 0xca8574804044a0f5),
    C(0x0000000000000000, 0x0219c72db6ff0a53),
    C(0x0000000000000000, 0x0000f96780cb97ac),
    C(0x0000000000000000, 0x000000623a17f1a9),
    C(0x0000000000000000, 0x000000002143144c),
    C(0x0000000000000000, 0x000000000009c996),
};

// 1 / (k + 1)!
static const sf_u128 exp_series[] = {
    C(0x8000000000000000, 0x0000000000000000),
    C(0x4000000000000000, 0x0000000000000000),
    C(0x1555555555555555, 0x5555555555555555),
    C(0x0555555555555555, 0x5555555555555555),
    C(0x0111111111111111, 0x1111111111111111),
    C(0x002d82d82d82d82d, 0x82d82d82d82d82d8),
    C(0x0006806806806806, 0x8068068068068068),
    C(0x0000d00d00d00d00, 0xd00d00d00d00d00d),
    C(0x0000171de3a556c7, 0x338faac1c88e5001),
    C(0x0000024fc9f6ef13, 0xeb8e5de02da7d4cd),
    C(0x00000035cc8acfea, 0x89c71fce8fc97070),
    C(0x000000047bb63bfe, 0x3625ed5136a61eb4),
    C(0x000000005849184e, 0xa1b425f28e0cc749),
    C(0x00000000064e5d2a, 0x301f27482eb7c517),
    C(0x00000000006b9fcf, 0x9ccee07c476195ac),
    C(0x000000000006b9fc, 0xf9ccee07c476195b),
    C(0x000000000000654b, 0x1dc0c2b529ac9814),
    C(0x00000000000005a0, 0x9e18ee5f65deec01),
    C(0x000000000000004b, 0xd26d1a05055c9328),
    C(0x0000000000000003, 0xca8574804044a0f5),
};

// 1 / (2k + 1), for atan and atanh
static const sf_u128 atan_series[] = {
    C(0x8000000000000000, 0x0000000000000000),
    C(0x2aaaaaaaaaaaaaaa, 0xaaaaaaaaaaaaaaab),
    C(0x1999999999999999, 0x999999999999999a),
    C(0x1249249249249249, 0x2492492492492492),
    C(0x0e38e38e38e38e38, 0xe38e38e38e38e38e),
    C(0x0ba2e8ba2e8ba2e8, 0xba2e8ba2e8ba2e8c),
    C(0x09d89d89d89d89d8, 0x9d89d89d89d89d8a),
    C(0x0888888888888888, 0x8888888888888889),
    C(0x0787878787878787, 0x8787878787878788),
    C(0x06bca1af286bca1a, 0xf286bca1af286bca),
    C(0x0618618618618618, 0x6186186186186186),
    C(0x0590b21642c8590b, 0x21642c8590b21643),
    C(0x051eb851eb851eb8, 0x51eb851eb851eb85),
    C(0x04bda12f684bda12, 0xf684bda12f684bda),
    C(0x0469ee58469ee584, 0x69ee58469ee5846a),
    C(0x0421084210842108, 0x4210842108421084),
    C(0x03e0f83e0f83e0f8, 0x3e0f83e0f83e0f84),
    C(0x03a83a83a83a83a8, 0x3a83a83a83a83a84),
    C(0x03759f22983759f2, 0x2983759f2298375a),
    C(0x0348348348348348, 0x3483483483483483),
    C(0x031f3831f3831f38, 0x31f3831f3831f383),
    C(0x02fa0be82fa0be82, 0xfa0be82fa0be82fa),
    C(0x02d82d82d82d82d8, 0x2d82d82d82d82d83),
    C(0x02b9310572620ae4, 0xc415c9882b931057),
    C(0x029cbc14e5e0a72f, 0x05397829cbc14e5e),
    C(0x0282828282828282, 0x8282828282828283),
};

// atan(k / 8)
static const struct wide atan_eighths[] = {
    {0, 0, false},
    {C(0xfeadd4d5617b6e32, 0xc897989f3e888ef8), -4, false},
    {C(0xfadbafc96406eb15, 0x6dc79ef5f7a217e6), -3, false},
    {C(0xb7b0ca0f26f78473, 0x8aa32122dcfe4483), -2, false},
    {C(0xed63382b0dda7b45, 0x6fe445ecbc3a8d03), -2, false},
    {C(0x8f005d5ef7f59f9b, 0x5c835e1665c43748), -1, false},
    {C(0xa4bc7d1934f70924, 0x19a87f2a457dac9f), -1, false},
    {C(0xb8053e2bc2319e73, 0xcb2da55210a4443d), -1, false},
    {C(0xc90fdaa22168c234, 0xc4c6628b80dc1cd1), -1, false},
};

// ln 2
static const struct wide wide_ln2 = {
    C(0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af), -1, false};
// 2 / ln 2
static const struct wide wide_2_log2e = {
    C(0xb8aa3b295c17f0bb, 0xbe87fed0691d3e89), 1, false};
// pi
static const struct wide wide_pi = {
    C(0xc90fdaa22168c234, 0xc4c6628b80dc1cd1), 1, false};
// pi / 2
static const struct wide wide_half_pi = {
    C(0xc90fdaa22168c234, 0xc4c6628b80dc1cd1), 0, false};
// pi / 4
static const struct wide wide_quarter_pi = {
    C(0xc90fdaa22168c234, 0xc4c6628b80dc1cd1), -1, false};
// 3 pi / 4
static const struct wide wide_three_quarter_pi = {
    C(0x96cbe3f9990e91a7, 0x9394c9e8a0a5159d), 1, false};

// In the order of enum sf_f80_constant: log2 10, log2 e, pi, log10 2, ln 2
static const struct wide wide_constants[] = {
    {C(0xd49a784bcd1b8afe, 0x492bf6ff4dafdb4d), 1, false},
    {C(0xb8aa3b295c17f0bb, 0xbe87fed0691d3e89), 0, false},
    {C(0xc90fdaa22168c234, 0xc4c6628b80dc1cd1), 1, false},
    {C(0x9a209a84fbcff798, 0x8f8959ac0b7c9178), -2, false},
    {C(0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af), -1, false},
};
