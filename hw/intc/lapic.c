// SPDX-License-Identifier: MIT
//
// Local APIC registers, priorities and what the CPU calls. [SDM 3A 10.4, 10.8, 10.12]
// MMIO offset = x2APIC register number * 16. The CPU's pin is up when an accepted vector beats the processor priority,
// or when the 8259 pair asks and LINT0 is an unmasked ExtINT (or the APIC is off, on CPU 0). lapic_update after every change.
// Machine thread only.
#include "hw/intc/lapic_internal.h"
#include <stdlib.h>
#include <string.h>
#include "util/log.h"

#define MSR_APIC_BASE 0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define VERSION (0x14u | (LVT_COUNT - 1) << 16)

// ---- priorities

static int highest(const uint32_t words[8])
{
    for (int i = 7; i >= 0; i--) {
        if (words[i])
            return i * 32 + 31 - __builtin_clz(words[i]);
    }
    return -1;
}

uint8_t lapic_ppr(const struct lapic *apic)
{
    int service = highest(apic->isr);
    if (service < 0)
        service = 0;
    return apic->tpr >> 4 >= service >> 4 ? apic->tpr : (uint8_t)(service & 0xf0);
}

// The vector to deliver now, -1: none.
static int pending_vector(const struct lapic *apic)
{
    int vector = lapic_on(apic) ? highest(apic->irr) : -1;
    return vector >= 0 && vector >> 4 > lapic_ppr(apic) >> 4 ? vector : -1;
}

static bool takes_extint(const struct lapic *apic)
{
    if (!apic->set->extint)
        return false;
    if (!(apic->base_msr & BASE_ENABLE))
        return apic->cpu == 0; // the pin is INTR itself
    return (apic->lvt[LVT_LINT0] & (LVT_MASKED | 0x700)) == DELIVER_EXTINT << 8;
}

void lapic_update(struct lapic *apic)
{
    bool intr = lapic_has_interrupt(apic);
    if (intr == apic->intr)
        return;
    apic->intr = intr;
    apic->set->wires.set_intr(apic->set->wires.opaque, apic->cpu, intr);
}

bool lapic_has_interrupt(void *opaque)
{
    struct lapic *apic = opaque;
    return pending_vector(apic) >= 0 || takes_extint(apic);
}

int lapic_acknowledge(void *opaque)
{
    struct lapic *apic = opaque;
    int vector = pending_vector(apic);
    if (vector >= 0) {
        apic->irr[vector >> 5] &= ~(1u << (vector & 31));
        apic->isr[vector >> 5] |= 1u << (vector & 31);
    } else if (takes_extint(apic) && apic->set->wires.pic_acknowledge) {
        vector = apic->set->wires.pic_acknowledge(apic->set->wires.opaque);
    }
    lapic_update(apic);
    return vector;
}

static void end_of_interrupt(struct lapic *apic)
{
    int vector = highest(apic->isr);
    if (vector < 0)
        return;
    uint32_t bit = 1u << (vector & 31);
    apic->isr[vector >> 5] &= ~bit;
    if ((apic->tmr[vector >> 5] & bit) && apic->set->wires.eoi)
        apic->set->wires.eoi(apic->set->wires.opaque, (uint8_t)vector);
    lapic_update(apic);
}

uint64_t lapic_read_cr8(void *opaque) { return ((struct lapic *)opaque)->tpr >> 4; }

void lapic_write_cr8(void *opaque, uint64_t value)
{
    struct lapic *apic = opaque;
    apic->tpr = (uint8_t)((value & 15) << 4);
    lapic_update(apic);
}

// ---- registers

static bool reg_read(struct lapic *apic, unsigned reg, uint32_t *value)
{
    switch (reg) {
    case REG_ID: *value = lapic_x2(apic) ? apic->id : apic->id << 24; return true;
    case REG_VERSION: *value = VERSION; return true;
    case REG_TPR: *value = apic->tpr; return true;
    case REG_PPR: *value = lapic_ppr(apic); return true;
    case REG_LDR: *value = apic->ldr; return true;
    case REG_SVR: *value = apic->svr; return true;
    case REG_ISR ... REG_ISR + 7: *value = apic->isr[reg - REG_ISR]; return true;
    case REG_TMR ... REG_TMR + 7: *value = apic->tmr[reg - REG_TMR]; return true;
    case REG_IRR ... REG_IRR + 7: *value = apic->irr[reg - REG_IRR]; return true;
    case REG_ESR: *value = apic->esr; return true;
    case REG_ICR: *value = (uint32_t)apic->icr; return true;
    case REG_LVT ... REG_LVT_LAST: *value = apic->lvt[reg - REG_LVT]; return true;
    case REG_TIMER_INITIAL: *value = apic->timer_initial; return true;
    case REG_TIMER_CURRENT: *value = lapic_timer_current(apic); return true;
    case REG_TIMER_DIVIDE: *value = apic->timer_divide; return true;
    default: return false;
    }
}

static void write_svr(struct lapic *apic, uint32_t value)
{
    apic->svr = value & 0x3ff;
    if (!(value & SVR_ENABLE)) {
        for (int i = 0; i < LVT_COUNT; i++)
            apic->lvt[i] |= LVT_MASKED; // [SDM 3A 10.4.7.2]
    }
    lapic_update(apic);
}

static void write_lvt(struct lapic *apic, enum lapic_lvt index, uint32_t value)
{
    // Bits that an entry has [SDM 3A figure 10-8]; delivery status and remote IRR are read-only.
    const uint32_t bits[LVT_COUNT] = { 0x700ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff };
    uint32_t old = apic->lvt[index];
    apic->lvt[index] = value & bits[index];
    if (!(apic->svr & SVR_ENABLE))
        apic->lvt[index] |= LVT_MASKED;
    if (index == LVT_TIMER)
        lapic_timer_set_lvt(apic, old);
    if (index == LVT_LINT0)
        lapic_update(apic);
}

static bool reg_write(struct lapic *apic, unsigned reg, uint32_t value)
{
    switch (reg) {
    case REG_TPR:
        apic->tpr = (uint8_t)value;
        lapic_update(apic);
        return true;
    case REG_EOI:
        end_of_interrupt(apic);
        return true;
    case REG_SVR:
        write_svr(apic, value);
        return true;
    case REG_ESR: // a write moves what was collected into view
        apic->esr = apic->esr_pending;
        apic->esr_pending = 0;
        return true;
    case REG_LVT ... REG_LVT_LAST:
        write_lvt(apic, reg - REG_LVT, value);
        return true;
    case REG_TIMER_INITIAL:
        if ((apic->lvt[LVT_TIMER] & LVT_TIMER_MODE) != LVT_TIMER_DEADLINE) {
            apic->timer_initial = value;
            lapic_timer_start(apic);
        }
        return true;
    case REG_TIMER_DIVIDE:
        lapic_timer_set_divide(apic, value);
        return true;
    default:
        return false;
    }
}

// ---- MMIO (xAPIC)

static struct lapic *accessed(struct lapic_set *set)
{
    unsigned cpu = set->wires.current_cpu ? set->wires.current_cpu(set->wires.opaque) : 0;
    return cpu < set->count ? &set->apics[cpu] : NULL;
}

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned size)
{
    struct lapic *apic = accessed(opaque);
    uint32_t value = 0;
    if (!apic || offset >= 0x1000 || !(apic->base_msr & BASE_ENABLE) || lapic_x2(apic))
        return UINT32_MAX;
    if (offset & 15)
        return 0;
    switch (offset >> 4) {
    case REG_DFR: return apic->dfr;
    case REG_ICR_HIGH: return apic->icr >> 32;
    case REG_APR:
    case REG_EOI:
    case REG_RRD:
    case REG_CMCI: return 0;
    }
    if (!reg_read(apic, (unsigned)(offset >> 4), &value))
        lapic_error(apic, ESR_REGISTER);
    return value;
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value64, unsigned size)
{
    struct lapic *apic = accessed(opaque);
    uint32_t value = (uint32_t)value64;
    // Registers start at 20h: offset 0 and other pages can only be a device's message to some CPU.
    if (offset >= 0x1000 || offset == 0) {
        lapic_message(opaque, LAPIC_BASE + offset, value);
        return;
    }
    if (!apic || (offset & 15) || !(apic->base_msr & BASE_ENABLE) || lapic_x2(apic))
        return;
    switch (offset >> 4) {
    case REG_LDR:
        apic->ldr = value & 0xff000000u;
        break;
    case REG_DFR:
        apic->dfr = value | 0x0fffffffu;
        break;
    case REG_ICR:
        apic->icr = (apic->icr & 0xffffffff00000000ull) | (value & ~(1u << 12));
        lapic_send_ipi(apic, apic->icr);
        break;
    case REG_ICR_HIGH:
        apic->icr = (apic->icr & 0xffffffffull) | (uint64_t)(value & 0xff000000u) << 32;
        break;
    default:
        if (!reg_write(apic, (unsigned)(offset >> 4), value) && (offset >> 4) != REG_ID)
            lapic_error(apic, ESR_REGISTER);
    }
}

// ---- MSRs (x2APIC)

bool lapic_read_msr(void *opaque, uint32_t msr, uint64_t *value)
{
    struct lapic *apic = opaque;
    uint32_t low = 0;
    if (msr == MSR_APIC_BASE) {
        *value = apic->base_msr;
        return true;
    }
    if (msr == MSR_TSC_DEADLINE) {
        *value = apic->tsc_deadline;
        return true;
    }
    if (msr < 0x800 || msr > 0x8ff || !lapic_x2(apic))
        return false;
    if (msr == 0x800 + REG_ICR) {
        *value = apic->icr;
        return true;
    }
    if (!reg_read(apic, msr - 0x800, &low))
        return false;
    *value = low;
    return true;
}

static int write_base(struct lapic *apic, uint64_t value)
{
    uint64_t was = apic->base_msr & (BASE_ENABLE | BASE_EXTD), now = value & (BASE_ENABLE | BASE_EXTD);
    if ((value & (0xff | 1ull << 9)) || value >> 52 || now == BASE_EXTD)
        return -1;
    if ((was == 0 && now == (BASE_ENABLE | BASE_EXTD)) || (was == (BASE_ENABLE | BASE_EXTD) && now == BASE_ENABLE))
        return -1; // [SDM 3A figure 10-27]
    if ((value & ~0xfffull) != LAPIC_BASE)
        log_printf(LOG_UNIMP, "lapic: moving the registers to 0x%llx is not modelled\n", (unsigned long long)(value & ~0xfffull));
    apic->base_msr = (LAPIC_BASE | now) | (apic->base_msr & BASE_BSP);
    if (was && !now) {
        lapic_init_reset(apic);
    } else if (!(was & BASE_EXTD) && (now & BASE_EXTD)) {
        apic->ldr = (apic->id >> 4) << 16 | 1u << (apic->id & 15);
        apic->icr &= 0xffffffffull;
    }
    lapic_update(apic);
    return 1;
}

static int write_x2(struct lapic *apic, unsigned reg, uint64_t value)
{
    switch (reg) {
    case REG_ICR:
        if (value & 0xfff32000u & 0xffffffffu)
            return -1;
        apic->icr = value & ~(1ull << 12);
        lapic_send_ipi(apic, apic->icr);
        return 1;
    case REG_SELF_IPI:
        if (value >> 8)
            return -1;
        if (value < 16)
            lapic_error(apic, ESR_SEND_VECTOR);
        else if (lapic_on(apic))
            lapic_accept(apic, (uint8_t)value, false);
        return 1;
    case REG_EOI:
    case REG_ESR:
        if (value)
            return -1;
        break;
    case REG_TPR:
        if (value >> 8)
            return -1;
        break;
    default:
        if (value >> 32)
            return -1;
    }
    return reg_write(apic, reg, (uint32_t)value) ? 1 : -1;
}

int lapic_write_msr(void *opaque, uint32_t msr, uint64_t value)
{
    struct lapic *apic = opaque;
    if (msr == MSR_APIC_BASE)
        return write_base(apic, value);
    if (msr == MSR_TSC_DEADLINE) {
        lapic_timer_set_deadline(apic, value);
        return 1;
    }
    if (msr < 0x800 || msr > 0x8ff)
        return 0;
    return lapic_x2(apic) ? write_x2(apic, msr - 0x800, value) : -1;
}

// ---- life

void lapic_init_reset(struct lapic *apic)
{
    apic->tpr = 0;
    apic->ldr = lapic_x2(apic) ? apic->ldr : 0;
    apic->dfr = UINT32_MAX;
    apic->svr = 0xff;
    apic->esr = apic->esr_pending = 0;
    memset(apic->isr, 0, sizeof(apic->isr));
    memset(apic->irr, 0, sizeof(apic->irr));
    memset(apic->tmr, 0, sizeof(apic->tmr));
    for (int i = 0; i < LVT_COUNT; i++)
        apic->lvt[i] = LVT_MASKED;
    apic->icr = 0;
    apic->timer_initial = apic->timer_divide = 0;
    apic->tsc_deadline = 0;
    timer_disarm(&apic->timer);
    lapic_update(apic);
}

void lapic_set_reset(struct lapic_set *set)
{
    set->next_lowest = 0;
    for (unsigned i = 0; i < set->count; i++) {
        struct lapic *apic = &set->apics[i];
        apic->base_msr = LAPIC_BASE | BASE_ENABLE | (i == 0 ? BASE_BSP : 0);
        lapic_init_reset(apic);
        if (i == 0)
            apic->lvt[LVT_LINT0] = DELIVER_EXTINT << 8;
        lapic_update(apic);
    }
}

static const struct region_ops mmio_ops = { mmio_read, mmio_write, 4, 4, false };

void lapic_set_init(struct lapic_set *set, unsigned count, const uint32_t *apic_ids, uint64_t timer_hz, struct clock *clock,
                    struct region *memory, const struct lapic_wires *wires)
{
    memset(set, 0, sizeof(*set));
    set->apics = calloc(count, sizeof(set->apics[0]));
    if (!set->apics)
        abort();
    set->count = count;
    set->timer_hz = timer_hz;
    set->clock = clock;
    set->wires = *wires;
    for (unsigned i = 0; i < count; i++) {
        struct lapic *apic = &set->apics[i];
        apic->set = set;
        apic->cpu = i;
        apic->id = apic_ids ? apic_ids[i] : i;
        timer_init(&apic->timer, clock, lapic_timer_fire, apic);
    }
    region_init_io(&set->mmio, "lapic", &mmio_ops, set, LAPIC_WINDOW);
    region_add(memory, &set->mmio, LAPIC_BASE, 1);
    lapic_set_reset(set);
}

void lapic_set_release(struct lapic_set *set)
{
    for (unsigned i = 0; i < set->count; i++)
        timer_disarm(&set->apics[i].timer);
    free(set->apics);
    set->apics = NULL;
    set->count = 0;
}

struct lapic *lapic_of(struct lapic_set *set, unsigned cpu)
{
    return cpu < set->count ? &set->apics[cpu] : NULL;
}

// ---- state

static const struct state_field lapic_state_fields[] = {
    STATE_FIELD(lapic, base_msr), STATE_FIELD(lapic, id), STATE_FIELD(lapic, tpr), STATE_FIELD(lapic, ldr),
    STATE_FIELD(lapic, dfr), STATE_FIELD(lapic, svr), STATE_FIELD(lapic, esr), STATE_FIELD(lapic, esr_pending),
    STATE_ARRAY(lapic, isr), STATE_ARRAY(lapic, tmr), STATE_ARRAY(lapic, irr), STATE_ARRAY(lapic, lvt), STATE_FIELD(lapic, icr),
    STATE_FIELD(lapic, timer_initial), STATE_FIELD(lapic, timer_divide), STATE_FIELD(lapic, timer_start),
    STATE_FIELD(lapic, tsc_deadline), STATE_TIMER(lapic, timer), STATE_FIELD(lapic, lint0), STATE_FIELD(lapic, intr),
};
static STATE_TABLE(lapic_state);

static const struct state_field lapic_set_state_fields[] = {
    STATE_POINTER(lapic_set, apics, count, lapic_state), STATE_FIELD(lapic_set, extint), STATE_FIELD(lapic_set, next_lowest),
};
STATE_TABLE(lapic_set_state);
