// SPDX-License-Identifier: MIT
//
// Raising exceptions from C below generated code: record, then back to the loop, which delivers. While the loop
// itself delivers (catch_frame is set), a nested fault goes back there instead.
//
// Compiled for general registers only: the guest's vector registers may be live in the host.
#include "exec/engine.h"
#include "target/i386/cpu.h"

void cpu_leave_with_exception(struct x86_cpu *cpu)
{
    if (cpu->catch_frame)
        __builtin_longjmp(cpu->catch_frame, 1);
    engine_leave(&cpu->head, EXIT_FAULT);
}

static void record(struct x86_cpu *cpu, uint8_t vector, bool has_error, uint32_t error)
{
    cpu->exception.valid = true;
    cpu->exception.has_error = has_error;
    cpu->exception.software = false;
    cpu->exception.vector = vector;
    cpu->exception.error = error;
    cpu->exception.cr2 = cpu->cr2;
}

void cpu_raise(struct x86_cpu *cpu, enum vector vector)
{
    record(cpu, vector, false, 0);
    cpu_leave_with_exception(cpu);
}

void cpu_raise_error(struct x86_cpu *cpu, enum vector vector, uint32_t error)
{
    record(cpu, vector, true, error);
    cpu_leave_with_exception(cpu);
}

void cpu_raise_software(struct x86_cpu *cpu, uint8_t vector, uint64_t next_rip)
{
    record(cpu, vector, false, 0);
    cpu->exception.software = true;
    cpu->exception.next_rip = next_rip;
    cpu_leave_with_exception(cpu);
}

