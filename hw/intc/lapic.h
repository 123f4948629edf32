// SPDX-License-Identifier: MIT
//
// Local APICs of all CPUs: xAPIC (MMIO at fee00000) and x2APIC (MSRs 800h..83fh), and the bus between them and the
// I/O APIC. [SDM 3A chapter 10]
// The functions taking (void *opaque) with a struct lapic * fit struct cpu_host_ops. Machine thread only.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "softmmu/memory.h"
#include "util/clock.h"
#include "util/state.h"

#define LAPIC_BASE 0xfee00000ull
#define LAPIC_WINDOW 0x100000ull

// What the set of APICs asks of the board; all filled, opaque goes to each.
struct lapic_wires {
    void *opaque;
    void (*set_intr)(void *opaque, unsigned cpu, bool level);  // PENDING_INTR
    void (*nmi)(void *opaque, unsigned cpu);
    void (*init)(void *opaque, unsigned cpu);                  // INIT IPI (the APIC is reset already)
    void (*sipi)(void *opaque, unsigned cpu, uint8_t vector);
    unsigned (*current_cpu)(void *opaque);                     // whose MMIO access is running
    int64_t (*tsc_time)(void *opaque, unsigned cpu, uint64_t tsc); // virtual ns at which the CPU's TSC reaches tsc
    int (*pic_acknowledge)(void *opaque);                      // INTA to the 8259 pair
    void (*eoi)(void *opaque, uint8_t vector);                 // broadcast of a level-triggered EOI to the I/O APICs
};

enum lapic_lvt { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };
enum lapic_delivery { DELIVER_FIXED, DELIVER_LOWEST, DELIVER_SMI, DELIVER_NMI = 4, DELIVER_INIT, DELIVER_SIPI, DELIVER_EXTINT };

struct lapic_set;
struct lapic {
    struct lapic_set *set;
    unsigned cpu;
    uint64_t base_msr;           // IA32_APIC_BASE
    uint32_t id;                 // APIC ID (x2APIC ID; the 8-bit xAPIC ID is its low byte, read-only)
    uint8_t tpr;
    uint32_t ldr, dfr, svr, esr, esr_pending;
    uint32_t isr[8], tmr[8], irr[8];
    uint32_t lvt[LVT_COUNT];
    uint64_t icr;
    uint32_t timer_initial, timer_divide;
    int64_t timer_start;         // virtual ns when counting began
    uint64_t tsc_deadline;
    struct timer timer;
    bool lint0, intr;            // level of LINT0; of the CPU's pin
};
struct lapic_set {
    struct lapic *apics;
    unsigned count;
    uint64_t timer_hz;           // input of the timers before division
    struct clock *clock;
    struct lapic_wires wires;
    struct region mmio;
    bool extint;                 // INTR of the 8259 pair
    unsigned next_lowest;        // rotates lowest priority delivery
};

// apic_ids: of `count` CPUs, or NULL: 0, 1, 2...; memory: the root of the physical address space.
void lapic_set_init(struct lapic_set *set, unsigned count, const uint32_t *apic_ids, uint64_t timer_hz, struct clock *clock,
                    struct region *memory, const struct lapic_wires *wires);
void lapic_set_release(struct lapic_set *set);
// Power-up state of all; LINT0 of CPU 0 takes interrupts of the 8259 pair, as firmware leaves it.
void lapic_set_reset(struct lapic_set *set);
struct lapic *lapic_of(struct lapic_set *set, unsigned cpu);

// INTR of the 8259 pair changed: the function of a struct irq (opaque: the set).
void lapic_set_extint(void *opaque, int pin, int level);
// LINT1 pulse (NMI button) at CPU `cpu`.
void lapic_nmi(struct lapic_set *set, unsigned cpu);
// The CPU's TSC was written: a TSC deadline moves.
void lapic_tsc_changed(struct lapic *apic);
// An interrupt message as on the system bus: address fee00000h + destination and mode, data [SDM 3A 10.11].
// Also for the I/O APIC and for PCI devices. False: nobody took it.
bool lapic_message(struct lapic_set *set, uint64_t address, uint32_t data);

// ---- as struct cpu_host_ops wants them; opaque: the CPU's struct lapic
int lapic_acknowledge(void *opaque);
bool lapic_has_interrupt(void *opaque);
uint64_t lapic_read_cr8(void *opaque);
void lapic_write_cr8(void *opaque, uint64_t value);
bool lapic_read_msr(void *opaque, uint32_t msr, uint64_t *value);
int lapic_write_msr(void *opaque, uint32_t msr, uint64_t value);
extern const struct state_table lapic_set_state;
