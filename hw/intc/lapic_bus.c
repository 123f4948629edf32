// SPDX-License-Identifier: MIT
//
// Delivery: interrupt messages between local APICs, from the I/O APIC and devices, and local interrupts by the LVT.
// [SDM 3A 10.6, 10.11, 10.12.10] A target looks at the destination by its own mode (xAPIC flat or cluster, x2APIC).
// Not modelled: SMI, ExtINT as a message. Machine thread only.
#include "hw/intc/lapic_internal.h"
#include "util/log.h"

struct interrupt {
    uint32_t dest;
    bool logical, wide;   // wide: 32-bit destination (sent by an x2APIC)
    bool level;
    uint8_t mode, vector; // enum lapic_delivery
};

void lapic_error(struct lapic *apic, uint32_t bits)
{
    apic->esr_pending |= bits;
    lapic_local(apic, LVT_ERROR);
}

void lapic_accept(struct lapic *apic, uint8_t vector, bool level)
{
    uint32_t bit = 1u << (vector & 31);
    if (vector < 16) {
        apic->esr_pending |= ESR_RECEIVE_VECTOR;
        // An illegal vector in the error entry itself must not recurse.
        if ((apic->lvt[LVT_ERROR] & 0xff) >= 16)
            lapic_local(apic, LVT_ERROR);
        return;
    }
    apic->irr[vector >> 5] |= bit;
    apic->tmr[vector >> 5] = level ? apic->tmr[vector >> 5] | bit : apic->tmr[vector >> 5] & ~bit;
    lapic_update(apic);
}

// Hand an interrupt to one APIC. False: it does not take it.
static bool deliver_one(struct lapic *apic, const struct interrupt *in)
{
    const struct lapic_wires *w = &apic->set->wires;
    switch (in->mode) {
    case DELIVER_FIXED:
    case DELIVER_LOWEST:
        if (!lapic_on(apic))
            return false;
        lapic_accept(apic, in->vector, in->level);
        return true;
    case DELIVER_NMI:
        w->nmi(w->opaque, apic->cpu);
        return true;
    case DELIVER_INIT:
        lapic_init_reset(apic);
        w->init(w->opaque, apic->cpu);
        return true;
    case DELIVER_SIPI:
        w->sipi(w->opaque, apic->cpu, in->vector);
        return true;
    default:
        log_printf(LOG_UNIMP, "lapic: delivery mode %u is not modelled\n", in->mode);
        return false;
    }
}

static bool matches_logical(const struct lapic *apic, const struct interrupt *in)
{
    if (lapic_x2(apic)) {
        if (in->wide && in->dest == UINT32_MAX)
            return true;
        return in->dest >> 16 == apic->ldr >> 16 && (in->dest & apic->ldr & 0xffff);
    }
    uint8_t ldr = (uint8_t)(apic->ldr >> 24), dest = (uint8_t)in->dest;
    if (apic->dfr >> 28 == 0xf)
        return ldr & dest;
    return (dest >> 4 == 0xf || dest >> 4 == ldr >> 4) && (ldr & dest & 0xf);
}

static bool matches(const struct lapic *apic, const struct interrupt *in)
{
    if (!(apic->base_msr & BASE_ENABLE))
        return false;
    if (in->logical)
        return matches_logical(apic, in);
    uint32_t everyone = in->wide ? UINT32_MAX : 0xff;
    return in->dest == everyone || in->dest == apic->id;
}

static bool deliver_lowest(struct lapic_set *set, const struct interrupt *in)
{
    struct lapic *best = NULL;
    for (unsigned i = 0; i < set->count; i++) {
        struct lapic *apic = &set->apics[(i + set->next_lowest) % set->count];
        if (lapic_on(apic) && matches(apic, in) && (!best || lapic_ppr(apic) < lapic_ppr(best)))
            best = apic;
    }
    if (!best)
        return false;
    set->next_lowest = (best->cpu + 1) % set->count;
    return deliver_one(best, in);
}

static bool deliver(struct lapic_set *set, const struct interrupt *in)
{
    if (in->mode == DELIVER_LOWEST)
        return deliver_lowest(set, in);
    bool taken = false;
    for (unsigned i = 0; i < set->count; i++) {
        if (matches(&set->apics[i], in))
            taken |= deliver_one(&set->apics[i], in);
    }
    return taken;
}

bool lapic_message(struct lapic_set *set, uint64_t address, uint32_t data)
{
    struct interrupt in = { .dest = address >> 12 & 0xff, .logical = address & 4, .mode = data >> 8 & 7,
                            .vector = (uint8_t)data, .level = data & 0x8000 };
    if ((address & ~0xfffffull) != LAPIC_BASE)
        return false;
    return deliver(set, &in);
}

void lapic_send_ipi(struct lapic *apic, uint64_t icr)
{
    struct lapic_set *set = apic->set;
    struct interrupt in = { .mode = icr >> 8 & 7, .vector = (uint8_t)icr, .logical = icr & 0x800, .wide = lapic_x2(apic),
                            .dest = lapic_x2(apic) ? (uint32_t)(icr >> 32) : (uint32_t)(icr >> 56) };
    unsigned shorthand = icr >> 18 & 3;
    if (in.mode == DELIVER_INIT && (icr & 0x8000) && !(icr & 0x4000))
        return; // INIT level de-assert: only synchronizes arbitration
    if (in.mode <= DELIVER_LOWEST && in.vector < 16) {
        lapic_error(apic, ESR_SEND_VECTOR);
        return;
    }
    if (shorthand == 0) {
        deliver(set, &in);
        return;
    }
    for (unsigned i = 0; i < set->count; i++) {
        struct lapic *to = &set->apics[i];
        bool self = to == apic;
        if ((self && shorthand != 3) || (!self && shorthand != 1)) {
            if (to->base_msr & BASE_ENABLE)
                deliver_one(to, &in);
        }
    }
}

void lapic_local(struct lapic *apic, enum lapic_lvt lvt)
{
    uint32_t entry = apic->lvt[lvt];
    if (entry & LVT_MASKED)
        return;
    switch (entry >> 8 & 7) {
    case DELIVER_FIXED:
        if (lapic_on(apic))
            lapic_accept(apic, (uint8_t)entry, (lvt == LVT_LINT0 || lvt == LVT_LINT1) && (entry & LVT_LEVEL));
        break;
    case DELIVER_NMI:
        apic->set->wires.nmi(apic->set->wires.opaque, apic->cpu);
        break;
    default: // ExtINT at LINT0 is a level, seen by lapic_update
        break;
    }
}

void lapic_set_extint(void *opaque, int pin, int level)
{
    struct lapic_set *set = opaque;
    bool rose = level && !set->extint;
    set->extint = level;
    for (unsigned i = 0; i < set->count; i++) {
        struct lapic *apic = &set->apics[i];
        if (rose && (apic->base_msr & BASE_ENABLE))
            lapic_local(apic, LVT_LINT0);
        lapic_update(apic);
    }
}

void lapic_nmi(struct lapic_set *set, unsigned cpu)
{
    if (cpu < set->count)
        lapic_local(&set->apics[cpu], LVT_LINT1);
}
