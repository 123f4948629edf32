// SPDX-License-Identifier: MIT
//
// Virtual time and the timers on it. One clock a machine; used by the machine thread only.
// The source is a function (host clock, or instruction count), filled by exec/: devices never see
// the host's clock. Deadlines are in ns of virtual time. Timers with equal deadlines fire in the
// order they were armed, so a run can be repeated.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS_PER_SECOND 1000000000LL
#define CLOCK_NEVER INT64_MAX

struct clock;
struct timer {
    struct clock *clock;
    void (*fn)(void *opaque);
    void *opaque;
    int64_t deadline;  // ns, CLOCK_NEVER when not armed
    uint64_t sequence; // arming order
    size_t heap_index; // SIZE_MAX when not armed
};

struct clock {
    int64_t (*source)(void *opaque); // ns since start of the machine, never goes back
    void *source_opaque;
    struct timer **heap;
    size_t count, capacity;
    uint64_t next_sequence;
    // Told when the earliest deadline may have changed (the vCPU loop shortens its budget); may be NULL.
    void (*deadline_changed)(void *opaque);
    void *deadline_opaque;
    int64_t wall_base_ns; // date of virtual time 0, ns since 1970 (-rtc); what RTC chips show
};

void clock_init(struct clock *clock, int64_t (*source)(void *), void *opaque);
void clock_release(struct clock *clock);
static inline int64_t clock_now(struct clock *clock) { return clock->source(clock->source_opaque); }
// Earliest deadline, CLOCK_NEVER when no timer is armed.
int64_t clock_deadline(const struct clock *clock);
// Fire all timers with deadline <= now; returns how many.
int clock_run_timers(struct clock *clock, int64_t now);

void timer_init(struct timer *timer, struct clock *clock, void (*fn)(void *), void *opaque);
void timer_arm(struct timer *timer, int64_t deadline_ns);
void timer_disarm(struct timer *timer);
static inline bool timer_armed(const struct timer *timer) { return timer->deadline != CLOCK_NEVER; }

// a * b / c without overflow of the product, rounded down. c != 0; the result must fit.
static inline uint64_t muldiv64(uint64_t a, uint64_t b, uint64_t c)
{
    return (uint64_t)((unsigned __int128)a * b / c);
}
