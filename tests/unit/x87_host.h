// SPDX-License-Identifier: MIT
//
// Comparison with the x87 of an x86-64 host. Where processors of the vendors differ, the guest's is Intel's: what another
// host does there is not compared.
#pragma once
#include <stdint.h>
#include "fpu/softfloat.h"
#include "tests/host.h"

// Transcendentals: Intel's are within a unit of the last place of the exact value, as ours are; other hosts get two.
static inline uint64_t host_ulps(bool intel) { return intel ? 1 : 2; }

static inline bool f80_close(struct sf_f80 a, struct sf_f80 b, uint64_t ulps)
{
    a.se |= !(a.se & 0x7fff); // denormals have the exponent of the least normal numbers
    b.se |= !(b.se & 0x7fff);
    if (a.se == b.se)
        return (a.mant > b.mant ? a.mant - b.mant : b.mant - a.mant) <= ulps;
    if ((uint16_t)(a.se + 1) == b.se)
        return a.mant - b.mant * 2 + ulps <= 2 * ulps;
    if ((uint16_t)(b.se + 1) == a.se)
        return b.mant - a.mant * 2 + ulps <= 2 * ulps;
    return false;
}

// A denormal that FSCALE by zero, FPREM and FPREM1 by infinity leave as it is: with UE unmasked other vendors' processors
// call it an underflow.
static inline bool kept_denormal(struct sf_f80 a, uint16_t control)
{
    return !(control & SF_UE) && !(a.se & 0x7fff) && a.mant && !(a.mant >> 63);
}
static inline bool is_zero(struct sf_f80 a) { return !(a.se & 0x7fff) && !a.mant; }
static inline bool is_infinite(struct sf_f80 a) { return (a.se & 0x7fff) == 0x7fff && a.mant == 1ull << 63; }
