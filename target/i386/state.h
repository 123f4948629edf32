// SPDX-License-Identifier: MIT
//
// What of a vCPU is state, for digests.
#pragma once
#include "util/state.h"

struct x86_cpu;
// Outside generated code. Flags are computed, whatever form they are kept in.
void cpu_write_state(const struct x86_cpu *cpu, const struct state_writer *writer);
