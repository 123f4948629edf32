// SPDX-License-Identifier: MIT
//
// The wires of the board: interrupts between chips and local APICs, A20, reset, and what a vCPU asks of the board.
#include <stdio.h>
#include "hw/pc/internal.h"

#define APIC_TIMER_HZ 1000000000ull

// An ISA interrupt goes to the 8259 pair and to the I/O APIC (IRQ 0 to its pin 2, as the MADT says).
static void isa_irq(void *opaque, int pin, int level)
{
    struct pc *pc = opaque;
    i8259_set_irq(&pc->pic, pin, level);
    ioapic_set_irq(&pc->ioapic, pin == 0 ? 2 : pin, level);
}

static void set_pending(struct pc_cpu *cpu, uint32_t bit, bool on)
{
    if (on)
        atomic_fetch_or(&cpu->cpu->head.pending, bit);
    else
        atomic_fetch_and(&cpu->cpu->head.pending, ~bit);
}

static void apic_intr(void *opaque, unsigned cpu, bool level)
{
    set_pending(&((struct pc *)opaque)->cpus[cpu], PENDING_INTR, level);
}

static void apic_nmi(void *opaque, unsigned cpu)
{
    set_pending(&((struct pc *)opaque)->cpus[cpu], PENDING_NMI, true);
}

static void apic_init(void *opaque, unsigned cpu)
{
    set_pending(&((struct pc *)opaque)->cpus[cpu], PENDING_INIT, true);
}

static void apic_sipi(void *opaque, unsigned cpu, uint8_t vector)
{
    struct pc_cpu *target = &((struct pc *)opaque)->cpus[cpu];
    target->cpu->sipi_vector = vector;
    set_pending(target, PENDING_SIPI, true);
}

static unsigned apic_current(void *opaque)
{
    return engine_current_cpu(((struct pc *)opaque)->engine)->index;
}

static int64_t apic_tsc_time(void *opaque, unsigned cpu, uint64_t tsc)
{
    const struct x86_cpu *c = ((struct pc *)opaque)->cpus[cpu].cpu;
    uint64_t ticks = tsc - c->tsc_adjust;
    if ((int64_t)ticks < 0)
        return 0;
    return (int64_t)muldiv64(ticks, 1000000, c->tsc_khz) + 1;
}

static int apic_pic(void *opaque)
{
    return i8259_acknowledge(&((struct pc *)opaque)->pic);
}

static void apic_eoi(void *opaque, uint8_t vector)
{
    ioapic_eoi(&((struct pc *)opaque)->ioapic, vector);
}

static bool ioapic_message(void *opaque, uint64_t address, uint32_t data)
{
    return lapic_message(&((struct pc *)opaque)->lapics, address, data);
}

void pc_a20_gate(void *opaque, int pin, int level)
{
    address_space_set_a20(&((struct pc *)opaque)->machine.memory, level);
}

void pc_reset_line(void *opaque, int pin, int level)
{
    if (level)
        machine_request(opaque, REQUEST_RESET);
}

// ---- what a vCPU asks of the board

static int cpu_acknowledge(void *opaque) { return lapic_acknowledge(((struct pc_cpu *)opaque)->lapic); }
static bool cpu_has_interrupt(void *opaque) { return lapic_has_interrupt(((struct pc_cpu *)opaque)->lapic); }
static uint64_t cpu_read_cr8(void *opaque) { return lapic_read_cr8(((struct pc_cpu *)opaque)->lapic); }
static void cpu_write_cr8(void *opaque, uint64_t v) { lapic_write_cr8(((struct pc_cpu *)opaque)->lapic, v); }
static bool cpu_read_apic_msr(void *opaque, uint32_t msr, uint64_t *v) { return lapic_read_msr(((struct pc_cpu *)opaque)->lapic, msr, v); }
static int cpu_write_apic_msr(void *opaque, uint32_t msr, uint64_t v) { return lapic_write_msr(((struct pc_cpu *)opaque)->lapic, msr, v); }
static int64_t cpu_time(void *opaque) { return clock_now(&((struct pc_cpu *)opaque)->pc->machine.clock); }

static void cpu_tsc_changed(void *opaque) { lapic_tsc_changed(((struct pc_cpu *)opaque)->lapic); }
static uint64_t cpu_random(void *opaque) { return machine_random(&((struct pc_cpu *)opaque)->pc->machine); }

static void cpu_triple_fault(void *opaque)
{
    struct pc_cpu *cpu = opaque;
    fprintf(stderr, "ramjet: cpu %u: triple fault at rip 0x%llx: the machine %s\n", cpu->cpu->head.index,
            (unsigned long long)cpu->cpu->head.rip, cpu->pc->machine.no_reboot ? "ends (-no-reboot)" : "resets");
    cpu->pc->machine.shutdown_cause = "triple fault";
    machine_request(&cpu->pc->machine, REQUEST_RESET);
}

static void cpu_ferr(void *opaque)
{
    struct pc *pc = ((struct pc_cpu *)opaque)->pc;
    irq_set(&pc->isa[13], 1);
}

const struct cpu_host_ops pc_cpu_host_ops = {
    .acknowledge = cpu_acknowledge, .has_interrupt = cpu_has_interrupt, .read_cr8 = cpu_read_cr8, .write_cr8 = cpu_write_cr8,
    .read_msr = cpu_read_apic_msr, .write_msr = cpu_write_apic_msr, .triple_fault = cpu_triple_fault, .time_ns = cpu_time, .tsc_changed = cpu_tsc_changed, .random = cpu_random,
    .ferr = cpu_ferr,
};

// ---- interrupt controllers

void pc_build_interrupts(struct pc *pc)
{
    struct machine *m = &pc->machine;
    for (int i = 0; i < PC_ISA_IRQS; i++)
        pc->isa[i] = (struct irq){ .set = isa_irq, .opaque = pc, .pin = i };
    struct lapic_wires wires = { .opaque = pc, .set_intr = apic_intr, .nmi = apic_nmi, .init = apic_init, .sipi = apic_sipi,
                                 .current_cpu = apic_current, .tsc_time = apic_tsc_time, .pic_acknowledge = apic_pic, .eoi = apic_eoi };
    lapic_set_init(&pc->lapics, m->cpu_count, NULL, APIC_TIMER_HZ, &m->clock, &m->memory.root, &wires);
    for (unsigned i = 0; i < m->cpu_count; i++)
        pc->cpus[i].lapic = lapic_of(&pc->lapics, i);
    ioapic_init(&pc->ioapic, &m->memory.root, IOAPIC_BASE, 0, ioapic_message, pc);
    i8259_init(&pc->pic, &m->ports.root, (struct irq){ .set = lapic_set_extint, .opaque = &pc->lapics });
}

void pc_inject_nmi(struct machine *m)
{
    for (unsigned i = 0; i < m->cpu_count; i++)
        lapic_nmi(&pc_of(m)->lapics, i);
}

// ---- timers: the HPET's legacy replacement takes IRQ 0 and 8 away from PIT and RTC

static void old_timer_irq(void *opaque, int pin, int level)
{
    struct pc *pc = opaque;
    if (!hpet_replaces_legacy(&pc->hpet))
        isa_irq(pc, pin, level);
}

static void legacy_replaced(void *opaque, bool on)
{
    isa_irq(opaque, 0, 0); // whoever drives it next makes an edge
    isa_irq(opaque, 8, 0);
}

static void ioapic_irq(void *opaque, int pin, int level) { ioapic_set_irq(&((struct pc *)opaque)->ioapic, pin, level); }

void pc_build_timers(struct pc *pc)
{
    struct machine *m = &pc->machine;
    struct irq hpet_irqs[HPET_IRQS];
    for (int i = 0; i < HPET_IRQS; i++)
        hpet_irqs[i] = (struct irq){ .set = i == 0 || i == 8 ? isa_irq : ioapic_irq, .opaque = pc, .pin = i };
    i8254_init(&pc->pit, &m->ports.root, &m->clock, (struct irq){ .set = old_timer_irq, .opaque = pc, .pin = 0 });
    mc146818_init(&pc->rtc, &m->ports.root, &m->clock, (struct irq){ .set = old_timer_irq, .opaque = pc, .pin = 8 });
    if (pc->options.hpet)
        hpet_init(&pc->hpet, &m->memory.root, HPET_BASE, &m->clock, hpet_irqs, ioapic_message, pc, legacy_replaced, pc);
}
