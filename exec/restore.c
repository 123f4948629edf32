// SPDX-License-Identifier: MIT
//
// Exact state from a side-table row, and leaving generated code from C below it.
//
// Runs with the guest's vector registers still live in the host: this file is compiled for general registers
// only and calls nothing that is not. All globals are in the CPU struct already (the stubs stored them); what
// a row adds is rip, the flags, and how many instructions of the block were not executed.
#include "exec/internal.h"

static uint64_t operand(const struct engine *e, const struct vcpu_head *cpu, const struct site_row *row, int32_t which,
                        unsigned bit)
{
    if (row->cc_slot >> bit & 1)
        return bit == 0 ? cpu->cc_a : bit == 1 ? cpu->cc_b : cpu->cc_c;
    if (which >= 0)
        return *(const uint64_t *)((const char *)cpu + e->target->ir->globals[which].offset);
    if (which == -1)
        return 0;
    return (uint64_t)e->parts[e->tbs[row->tb]->part].constants[-2 - which];
}

void engine_restore_site(struct vcpu_head *cpu)
{
    const struct engine *e = cpu->engine;
    if (!cpu->site)
        return;
    const struct site_row *row = &e->sites[cpu->site];
    cpu->rip = row->rip;
    cpu->budget += row->block_insns - row->insn;
    if (row->kind != CC_ENV) {
        uint32_t flags = cc_compute(row->kind, row->size, operand(e, cpu, row, row->a, 0), operand(e, cpu, row, row->b, 1),
                                    operand(e, cpu, row, row->c, 2));
        cpu->cc_lo = (uint8_t)(flags & 0xd5);
        cpu->cc_of = flags >> 11 & 1;
    }
    cpu->site = 0;
}

void engine_leave(struct vcpu_head *cpu, enum tcg_exit_reason reason)
{
    engine_restore_site(cpu);
    cpu->exit_reason = reason;
    cpu->exit_edge = NULL;
    cpu->backend->leave(cpu->backend_state, cpu);
}

void engine_leave_exactly(struct vcpu_head *cpu)
{
    engine_leave(cpu, EXIT_IO);
}

static uint64_t cpu_instructions(const struct engine *e, const struct vcpu_head *cpu)
{
    uint64_t done = cpu->instructions + (uint64_t)(int64_t)(cpu->entry_budget - cpu->budget);
    if (cpu->site) {
        const struct site_row *row = &e->sites[cpu->site];
        done -= (uint64_t)(row->block_insns - row->insn);
    }
    return done;
}

uint64_t engine_instructions(struct engine *e)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < e->cpu_count; i++)
        sum += cpu_instructions(e, e->cpus[i]);
    return sum;
}
