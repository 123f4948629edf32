// SPDX-License-Identifier: MIT
//
// The guest's model is Intel's; processors of other vendors differ in places. Tests that compare with this host ask here.
#pragma once
#include <stdbool.h>
#ifdef __x86_64__
#include <cpuid.h>

// Asked once: in a virtual machine CPUID takes as long as ten thousand instructions.
static inline bool host_is_intel(void)
{
    static enum { UNKNOWN, OTHER, INTEL } vendor;
    unsigned eax, ebx, ecx, edx;
    if (vendor == UNKNOWN)
        vendor = __get_cpuid(0, &eax, &ebx, &ecx, &edx) && ebx == signature_INTEL_ebx ? INTEL : OTHER;
    return vendor == INTEL;
}
#else
static inline bool host_is_intel(void) { return false; }
#endif
