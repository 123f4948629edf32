// SPDX-License-Identifier: MIT
//
// CPUID features by name. What is offered is constant: nothing is read from the host.
#pragma once
#include <stdint.h>

enum cpuid_leaf { LEAF_1, LEAF_7, LEAF_D1, LEAF_EXT1, LEAF_EXT7, LEAF__COUNT };
enum cpu_feature {
    FEAT_NONE,
#define FEATURE(id, name, leaf, reg, bit, offered) FEAT_##id,
#include "target/i386/features.def"
#undef FEATURE
    FEAT__COUNT,
    FEAT_TZCNT = FEAT_BMI1,
};
