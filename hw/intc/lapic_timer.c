// SPDX-License-Identifier: MIT
//
// The local APIC's timer: one-shot, periodic, TSC deadline. [SDM 3A 10.5.4]
// Counting is arithmetic on virtual time: nothing runs between deadlines. Periods that were missed as a whole
// are skipped, not made up for. Machine thread only.
#include "hw/intc/lapic_internal.h"

// A guest that programs less gets this much: a period of 1 ns would leave no time to run in.
#define MIN_PERIOD_NS 1000

static unsigned divide_shift(const struct lapic *apic)
{
    return (((apic->timer_divide >> 1 & 4) | (apic->timer_divide & 3)) + 1) & 7;
}

static uint32_t mode(const struct lapic *apic) { return apic->lvt[LVT_TIMER] & LVT_TIMER_MODE; }

static uint64_t ticks_since_start(struct lapic *apic)
{
    int64_t ns = clock_now(apic->set->clock) - apic->timer_start;
    return ns <= 0 ? 0 : muldiv64((uint64_t)ns, apic->set->timer_hz, NS_PER_SECOND) >> divide_shift(apic);
}

// Virtual time of that many ticks after start, rounded up so that the ticks have passed then.
static int64_t time_of(const struct lapic *apic, uint64_t ticks)
{
    unsigned __int128 ns = ((unsigned __int128)ticks << divide_shift(apic)) * NS_PER_SECOND;
    ns = (ns + apic->set->timer_hz - 1) / apic->set->timer_hz;
    __int128 at = (__int128)ns + apic->timer_start; // ns < 2^70
    return at > INT64_MAX - 1 ? INT64_MAX - 1 : (int64_t)at;
}

// `running`: it has not fired since it was started, even if the host took longer than the count.
static void arm(struct lapic *apic, bool running)
{
    if (!apic->timer_initial || mode(apic) == LVT_TIMER_DEADLINE) {
        timer_disarm(&apic->timer);
        return;
    }
    uint64_t ticks = ticks_since_start(apic);
    if (mode(apic) == LVT_TIMER_ONE_SHOT) {
        if (running || ticks < apic->timer_initial)
            timer_arm(&apic->timer, time_of(apic, apic->timer_initial));
        else
            timer_disarm(&apic->timer);
        return;
    }
    int64_t next = time_of(apic, (ticks / apic->timer_initial + 1) * apic->timer_initial);
    int64_t least = clock_now(apic->set->clock) + MIN_PERIOD_NS;
    timer_arm(&apic->timer, next > least ? next : least);
}

void lapic_timer_fire(void *opaque)
{
    struct lapic *apic = opaque;
    if (mode(apic) == LVT_TIMER_DEADLINE)
        apic->tsc_deadline = 0;
    else if (mode(apic) == LVT_TIMER_PERIODIC)
        arm(apic, true);
    lapic_local(apic, LVT_TIMER);
}

uint32_t lapic_timer_current(struct lapic *apic)
{
    if (!apic->timer_initial || mode(apic) == LVT_TIMER_DEADLINE)
        return 0;
    uint64_t ticks = ticks_since_start(apic);
    if (mode(apic) == LVT_TIMER_PERIODIC)
        return apic->timer_initial - (uint32_t)(ticks % apic->timer_initial);
    return ticks >= apic->timer_initial ? 0 : apic->timer_initial - (uint32_t)ticks;
}

void lapic_timer_start(struct lapic *apic)
{
    apic->timer_start = clock_now(apic->set->clock);
    arm(apic, true);
}

void lapic_timer_set_divide(struct lapic *apic, uint32_t value)
{
    // Counting goes on from the current count at the new rate.
    uint32_t done = apic->timer_initial - lapic_timer_current(apic);
    apic->timer_divide = value & 0xb;
    if (mode(apic) == LVT_TIMER_DEADLINE || !apic->timer_initial)
        return;
    int64_t now = clock_now(apic->set->clock);
    apic->timer_start = 0;
    apic->timer_start = now - time_of(apic, done);
    arm(apic, timer_armed(&apic->timer));
}

void lapic_timer_set_lvt(struct lapic *apic, uint32_t old)
{
    uint32_t now = mode(apic);
    old &= LVT_TIMER_MODE;
    if (old == now)
        return;
    if (old == LVT_TIMER_DEADLINE || now == LVT_TIMER_DEADLINE) {
        timer_disarm(&apic->timer); // [SDM 3A 10.5.4.1]
        apic->tsc_deadline = 0;
        apic->timer_initial = 0;
    } else {
        arm(apic, timer_armed(&apic->timer));
    }
}

void lapic_timer_set_deadline(struct lapic *apic, uint64_t tsc)
{
    if (mode(apic) != LVT_TIMER_DEADLINE)
        return; // ignored in the other modes
    apic->tsc_deadline = tsc;
    lapic_tsc_changed(apic);
}

void lapic_tsc_changed(struct lapic *apic)
{
    if (mode(apic) != LVT_TIMER_DEADLINE)
        return;
    if (!apic->tsc_deadline || !apic->set->wires.tsc_time)
        timer_disarm(&apic->timer);
    else
        timer_arm(&apic->timer, apic->set->wires.tsc_time(apic->set->wires.opaque, apic->cpu, apic->tsc_deadline));
}
