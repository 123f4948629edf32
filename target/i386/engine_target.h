// SPDX-License-Identifier: MIT
//
// x86's part in the execution engine.
#pragma once
#include "exec/engine.h"

struct x86_cpu;
extern const struct engine_target x86_engine_target; // .disassemble is filled in a copy by whoever has capstone
// Registers in the format of `info registers`.
void cpu_dump_state(struct vcpu_head *cpu, FILE *out);
