// SPDX-License-Identifier: MIT
//
// Between lapic.c (registers), lapic_bus.c (delivery) and lapic_timer.c. Register numbers are x2APIC's: the MMIO offset
// divided by 16. [SDM 3A 10.4.1, 10.12.1]
#pragma once
#include "hw/intc/lapic.h"

enum lapic_register {
    REG_ID = 0x02, REG_VERSION = 0x03, REG_TPR = 0x08, REG_APR = 0x09, REG_PPR = 0x0a, REG_EOI = 0x0b, REG_RRD = 0x0c,
    REG_LDR = 0x0d, REG_DFR = 0x0e, REG_SVR = 0x0f, REG_ISR = 0x10, REG_TMR = 0x18, REG_IRR = 0x20, REG_ESR = 0x28,
    REG_CMCI = 0x2f, REG_ICR = 0x30, REG_ICR_HIGH = 0x31, REG_LVT = 0x32, REG_LVT_LAST = 0x37, REG_TIMER_INITIAL = 0x38,
    REG_TIMER_CURRENT = 0x39, REG_TIMER_DIVIDE = 0x3e, REG_SELF_IPI = 0x3f,
};
#define BASE_BSP (1ull << 8)
#define BASE_EXTD (1ull << 10)
#define BASE_ENABLE (1ull << 11)
#define SVR_ENABLE (1u << 8)
#define LVT_MASKED (1u << 16)
#define LVT_LEVEL (1u << 15)
#define LVT_TIMER_MODE (3u << 17)
#define LVT_TIMER_ONE_SHOT 0u
#define LVT_TIMER_PERIODIC (1u << 17)
#define LVT_TIMER_DEADLINE (2u << 17)
#define ESR_SEND_VECTOR (1u << 5)
#define ESR_RECEIVE_VECTOR (1u << 6)
#define ESR_REGISTER (1u << 7)

static inline bool lapic_x2(const struct lapic *apic) { return apic->base_msr & BASE_EXTD; }
static inline bool lapic_on(const struct lapic *apic) { return (apic->base_msr & BASE_ENABLE) && (apic->svr & SVR_ENABLE); }

// lapic.c
void lapic_update(struct lapic *apic);
void lapic_init_reset(struct lapic *apic);
uint8_t lapic_ppr(const struct lapic *apic);
// lapic_bus.c
void lapic_accept(struct lapic *apic, uint8_t vector, bool level);
void lapic_error(struct lapic *apic, uint32_t bits);
void lapic_local(struct lapic *apic, enum lapic_lvt lvt);
void lapic_send_ipi(struct lapic *apic, uint64_t icr);
// lapic_timer.c
void lapic_timer_fire(void *opaque);
uint32_t lapic_timer_current(struct lapic *apic);
void lapic_timer_start(struct lapic *apic);
void lapic_timer_set_divide(struct lapic *apic, uint32_t value);
void lapic_timer_set_lvt(struct lapic *apic, uint32_t old);
void lapic_timer_set_deadline(struct lapic *apic, uint64_t tsc);
