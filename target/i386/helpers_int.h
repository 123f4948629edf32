// SPDX-License-Identifier: MIT
//
// Prototypes of the helpers in helpers_int.def: void when they have no result.
#pragma once
#include <stdint.h>

struct vcpu_head;
#define HELPER_I00(name) void helper_##name(struct vcpu_head *head);
#define HELPER_I01(name) void helper_##name(struct vcpu_head *head, uint64_t a1);
#define HELPER_I02(name) void helper_##name(struct vcpu_head *head, uint64_t a1, uint64_t a2);
#define HELPER_I03(name) void helper_##name(struct vcpu_head *head, uint64_t a1, uint64_t a2, uint64_t a3);
#define HELPER_I04(name) void helper_##name(struct vcpu_head *head, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4);
#define HELPER_I10(name) uint64_t helper_##name(struct vcpu_head *head);
#define HELPER_I11(name) uint64_t helper_##name(struct vcpu_head *head, uint64_t a1);
#define HELPER_I12(name) uint64_t helper_##name(struct vcpu_head *head, uint64_t a1, uint64_t a2);
#define HELPER_I13(name) uint64_t helper_##name(struct vcpu_head *head, uint64_t a1, uint64_t a2, uint64_t a3);
#define HELPER_I14(name) uint64_t helper_##name(struct vcpu_head *head, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4);
#define HELPER(name, flags, results, arguments) HELPER_I##results##arguments(name)
#include "target/i386/helpers_int.def"
#undef HELPER
