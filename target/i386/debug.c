// SPDX-License-Identifier: MIT
//
// Debug registers and the traps after an instruction [SDM 3B 17.2, 17.3].
//
// What an instruction leaves to report collects in head.trap, in the layout of DR6: the single step (generated code sets
// it), and what data breakpoints saw (softmmu/watch.h). The loop's service delivers it before any interrupt; a fault of the
// same instruction drops it. Instruction breakpoints are compared there, too: while one is enabled, blocks have one
// instruction each and go through the loop.
#include "exec/engine.h"
#include "target/i386/cpu.h"
#include "target/i386/segment.h"
#include "util/log.h"

#define DR6_BREAKPOINTS 15u
#define DR6_BD 0x2000u
#define DR7_ENABLED 0xffu
#define DR7_GD 0x2000u

enum breakpoint_kind { BREAK_EXECUTE, BREAK_WRITE, BREAK_IO, BREAK_ACCESS };

static unsigned kind_of(const struct x86_cpu *cpu, unsigned n) { return cpu->dr[7] >> (16 + 4 * n) & 3; }
static bool enabled(const struct x86_cpu *cpu, unsigned n) { return cpu->dr[7] >> 2 * n & 3; }

bool cpu_breaks_on_code(const struct x86_cpu *cpu)
{
    for (unsigned n = 0; n < 4; n++)
        if (enabled(cpu, n) && kind_of(cpu, n) == BREAK_EXECUTE)
            return true;
    return false;
}

static void place_watch(struct x86_cpu *cpu, unsigned n)
{
    static const uint8_t lengths[4] = { 1, 2, 8, 4 };
    struct watchpoint *w = &cpu->dr_watch[n];
    if (w->kinds)
        watch_remove(cpu->head.tlb, w);
    unsigned kind = kind_of(cpu, n), len = lengths[cpu->dr[7] >> (18 + 4 * n) & 3];
    *w = (struct watchpoint){ .va = cpu->dr[n] & ~(uint64_t)(len - 1), .len = len, .cpu = &cpu->head };
    if (!enabled(cpu, n) || kind == BREAK_EXECUTE || kind == BREAK_IO)
        return;
    w->kinds = kind == BREAK_WRITE ? WATCH_WRITE : WATCH_WRITE | WATCH_READ;
    watch_add(cpu->head.tlb, w);
}

// Outside generated code: the registers may have changed.
static void place_all(struct x86_cpu *cpu)
{
    for (unsigned n = 0; n < 4; n++)
        place_watch(cpu, n);
    cpu->dr_changed = false;
    cpu->head.trap = (uint16_t)((cpu->head.trap & ~TRAP_LOOK) | (cpu->dr[7] & DR7_ENABLED ? TRAP_LOOK : 0));
}

void cpu_debug_changed(struct x86_cpu *cpu)
{
    cpu->dr_changed = true;
    cpu->head.trap |= TRAP_LOOK;
}

static uint16_t watch_hits(struct x86_cpu *cpu)
{
    uint16_t hits = 0;
    for (unsigned n = 0; n < 4; n++) {
        hits |= (uint16_t)((cpu->dr_watch[n].hit != 0) << n);
        cpu->dr_watch[n].hit = 0;
    }
    return hits;
}

void cpu_drop_traps(struct x86_cpu *cpu)
{
    if (cpu->head.trap)
        watch_hits(cpu);
    cpu->head.trap &= TRAP_LOOK;
}

static void report(struct x86_cpu *cpu, uint64_t bits)
{
    if (bits & DR6_BREAKPOINTS)
        cpu->dr[6] &= ~(uint64_t)DR6_BREAKPOINTS;
    cpu->dr[6] |= bits;
    cpu->halted = false;
    cpu->exception.valid = true;
    cpu->exception.has_error = cpu->exception.software = false;
    cpu->exception.vector = VEC_DB;
    cpu->exception.error = 0;
    engine_deliver(&cpu->head);
}

bool cpu_serve_traps(struct x86_cpu *cpu)
{
    if (cpu->dr_changed)
        place_all(cpu);
    if (cpu->inhibit == INHIBIT_TRAPS)
        return false;
    uint16_t bits = (uint16_t)(watch_hits(cpu) | (cpu->head.trap & ~TRAP_LOOK));
    cpu->head.trap &= TRAP_LOOK;
    if (bits)
        report(cpu, bits);
    return bits;
}

bool cpu_serve_code_breakpoint(struct x86_cpu *cpu)
{
    uint64_t bits = 0, at = cpu->head.rip + (code_is_64(cpu) ? 0 : cpu->seg[SEG_CS].base);
    if (cpu->halted || cpu->eflags & F_RF || cpu->inhibit == INHIBIT_TRAPS)
        return false;
    for (unsigned n = 0; n < 4; n++)
        if (enabled(cpu, n) && kind_of(cpu, n) == BREAK_EXECUTE && cpu->dr[n] == at)
            bits |= 1u << n;
    if (bits)
        report(cpu, bits);
    return bits;
}

// ---- MOV DR

static unsigned debug_register(struct x86_cpu *cpu, uint64_t dr)
{
    if (dr == 4 || dr == 5) {
        if (cpu->cr4 & CR4_DE)
            cpu_raise(cpu, VEC_UD);
        dr += 2;
    }
    if (cpu->dr[7] & DR7_GD) {
        cpu->dr[6] |= DR6_BD;
        cpu_raise(cpu, VEC_DB);
    }
    return dr & 7;
}

uint64_t cpu_read_dr(struct x86_cpu *cpu, unsigned dr)
{
    return cpu->dr[debug_register(cpu, dr)];
}

void cpu_write_dr(struct x86_cpu *cpu, unsigned dr, uint64_t value)
{
    unsigned n = debug_register(cpu, dr);
    if (n >= 6 && value >> 32)
        cpu_raise_error(cpu, VEC_GP, 0);
    if (n == 6)
        value = (value & 0xe00f) | 0xffff0ff0;
    if (n == 7)
        value = (value & 0xffff2fff) | 0x400;
    cpu->dr[n] = value;
    if (n != 6)
        cpu_debug_changed(cpu);
    for (unsigned i = 0; n == 7 && i < 4; i++)
        if (enabled(cpu, i) && kind_of(cpu, i) == BREAK_IO && cpu->cr4 & CR4_DE)
            log_printf(LOG_UNIMP, "breakpoints on ports are kept but not triggered: DR7 = %#llx\n", (unsigned long long)value);
}
