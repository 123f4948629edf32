// SPDX-License-Identifier: MIT
//
// The guest's model is Intel's; processors of other vendors differ in places. Tests that compare with this host ask here.
#pragma once
#include <stdbool.h>
#ifdef __x86_64__
#include <cpuid.h>

static inline bool host_is_intel(void)
{
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(0, &eax, &ebx, &ecx, &edx) && ebx == signature_INTEL_ebx;
}
#else
static inline bool host_is_intel(void) { return false; }
#endif
