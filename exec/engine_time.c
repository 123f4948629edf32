// SPDX-License-Identifier: MIT
//
// Virtual time: the host's clock, or the count of instructions at 2^shift ns each (-icount shift=N), or the count at a
// pace that is set again and again so that the guest's time follows the host's (shift=auto).
//
// Only the last two lines of engine_run's loop and the start of a run change anything here; within a slice time is a function of
// the count alone, also with shift=auto.
#include <stdlib.h>
#include <time.h>
#include "exec/debug.h"
#include "exec/internal.h"
#include "util/error.h"

#define COUNTED_QUANTA 8
#define PACE_ONE (1u << 16)                 // 1 ns an instruction
#define PACE_LEAST (PACE_ONE >> 6)
#define PACE_MOST (PACE_ONE << 10)          // as the greatest shift
#define PACE_EVERY (10 * NS_PER_SECOND / 1000)  // of the host's time
#define CATCH_UP (NS_PER_SECOND / 10)       // a lead or lag is to be gone after so much time, if that needs at most
#define CATCH_UP_MOST 4                     // so many times the pace that would keep it
#define PACE_SAMPLE 1000                    // instructions that say how fast the host runs them
#define ALIGN_LEAD (NS_PER_SECOND / 1000)   // sleeping is not worth it for less
#define LATE_STEP (NS_PER_SECOND / 2)       // tell again when the guest has become so much later

static int64_t host_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

static bool counted(const struct engine *e)
{
    return e->options.icount_shift != ICOUNT_OFF;
}

static bool follows(const struct engine *e)
{
    return e->options.icount_shift == ICOUNT_AUTO;
}

// Is the host's clock looked at while time is counted?
static bool compares(const struct engine *e)
{
    return follows(e) || (counted(e) && e->options.icount_align);
}

int64_t engine_time(void *opaque)
{
    struct engine *e = opaque;
    if (e->options.icount_shift >= 0)
        return e->time_base + (int64_t)(engine_instructions(e) << e->options.icount_shift);
    if (follows(e))
        return e->time_base + (int64_t)((unsigned __int128)(engine_instructions(e) - e->pace.count) * e->pace.rate / PACE_ONE);
    return e->time_running ? e->time_base + host_ns() - e->host_base : e->time_base;
}

bool engine_counts_time(const struct engine *e)
{
    return e->options.icount_shift >= 0;
}

// What virtual time would be if it had gone with the host's clock since the start, pauses left out.
static int64_t host_time(const struct engine *e)
{
    return host_ns() - e->host_base;
}

// From here on so many instructions a ns: time itself goes on where it is.
static void set_pace(struct engine *e, uint64_t rate)
{
    e->time_base = engine_time(e);
    e->pace.count = engine_instructions(e);
    e->pace.rate = rate < PACE_LEAST ? PACE_LEAST : rate > PACE_MOST ? PACE_MOST : rate;
}

static void begin_sample(struct engine *e, int64_t host)
{
    e->pace.sample_host = host;
    e->pace.sample_count = engine_instructions(e);
}

void engine_stop_time(struct engine *e)
{
    if (!e->time_running)
        return;
    if (!counted(e))
        e->time_base += host_ns() - e->host_base;
    if (compares(e))
        e->pace.lead = engine_time(e) - host_time(e);
    e->time_running = false;
}

void engine_start_time(struct engine *e)
{
    if (e->time_running)
        return;
    e->host_base = host_ns();
    e->time_running = true;
    if (!compares(e))
        return;
    if (!e->pace.rate)
        e->pace.rate = PACE_ONE;
    e->host_base -= engine_time(e) - e->pace.lead;
    begin_sample(e, host_time(e));
}

// ---- while vCPUs run

int64_t time_budget(const struct engine *e)
{
    int64_t quantum = e->options.quantum;
    if (!counted(e))
        return quantum;
    if (e->cpu_count == 1 && !compares(e)) // nobody takes turns: fewer ends that must be met to the instruction
        quantum *= COUNTED_QUANTA;
    int64_t deadline = clock_deadline(e->clock);
    if (deadline == CLOCK_NEVER)
        return quantum;
    int64_t wait = deadline - engine_time((struct engine *)e), left;
    if (follows(e)) {
        if (wait >= quantum * (int64_t)e->pace.rate / PACE_ONE)
            return quantum;
        // The first count whose time is not before the deadline.
        uint64_t needed = ((uint64_t)(deadline - e->time_base) * PACE_ONE + e->pace.rate - 1) / e->pace.rate;
        left = (int64_t)(needed - (engine_instructions((struct engine *)e) - e->pace.count));
    } else {
        left = (wait + (1ll << e->options.icount_shift) - 1) >> e->options.icount_shift;
    }
    return left < 1 ? 1 : left < quantum ? left : quantum;
}

// shift=auto: the pace at which the host has run the guest lately keeps the lead or lag that there is; a bit more or less undoes it.
static void adapt(struct engine *e, int64_t host)
{
    int64_t ran = host - e->pace.sample_host, lead = engine_time(e) - host;
    uint64_t count = engine_instructions(e) - e->pace.sample_count;
    if (ran < PACE_EVERY)
        return;
    if (count >= PACE_SAMPLE) {
        uint64_t keep = (uint64_t)((unsigned __int128)(uint64_t)ran * PACE_ONE / count);
        int64_t want = CATCH_UP - lead;
        want = want < CATCH_UP / CATCH_UP_MOST ? CATCH_UP / CATCH_UP_MOST : want > CATCH_UP * CATCH_UP_MOST ? CATCH_UP * CATCH_UP_MOST : want;
        set_pace(e, (uint64_t)((unsigned __int128)keep * (uint64_t)want / CATCH_UP));
    }
    begin_sample(e, host);
}

// align=on: the guest waits where it is ahead of the host's clock. Where it is behind nothing helps but to say so.
static void align(struct engine *e, const struct engine_owner *owner, int64_t host)
{
    int64_t lead = engine_time(e) - host;
    if (lead > ALIGN_LEAD) {
        owner->idle(owner->opaque, lead);
        e->pace.sample_host += host_time(e) - host; // nothing ran
    }
    if (-lead < e->pace.told_late + LATE_STEP)
        return;
    e->pace.told_late = -lead;
    warn_report("-icount align=on: the guest is %lld.%lld s behind the host's clock", (long long)(-lead / NS_PER_SECOND),
                (long long)(-lead % NS_PER_SECOND / (NS_PER_SECOND / 10)));
}

void time_follow(struct engine *e, const struct engine_owner *owner)
{
    if (!compares(e) || !e->time_running)
        return;
    int64_t host = host_time(e);
    if (follows(e))
        adapt(e, host);
    if (e->options.icount_align)
        align(e, owner, host);
}

// ---- while none does

// Time goes to where the host's clock is, not beyond the deadline and never back.
static void go_with_host(struct engine *e, int64_t deadline)
{
    int64_t host = host_time(e), to = host < deadline ? host : deadline, step = to - engine_time(e);
    if (step > 0)
        e->time_base += step;
}

// With shift=auto and align=on idle time also makes up for a lead or a lag.
static void idle_compared(struct engine *e, const struct engine_owner *owner, int64_t deadline)
{
    int64_t before = host_time(e), wait = deadline == CLOCK_NEVER ? CLOCK_NEVER : deadline - before;
    if (wait > 0)
        owner->idle(owner->opaque, wait);
    if (follows(e) || host_time(e) >= deadline)
        go_with_host(e, deadline);
    e->pace.sample_host += host_time(e) - before; // nothing ran
}

// Counted time jumps to the next timer: nothing happens before.
static void idle_counted(struct engine *e, const struct engine_owner *owner, int64_t deadline)
{
    int64_t wait = deadline - engine_time(e);
    if (wait <= 0)
        return;
    // Input that came meanwhile takes effect at the next instruction: do not let it wait for the host's clock.
    if (e->options.icount_sleep && e->stop > engine_instructions(e) + 1) {
        if (compares(e)) {
            idle_compared(e, owner, deadline);
            return;
        }
        int64_t end = host_ns() + wait;
        owner->idle(owner->opaque, wait);
        if (host_ns() < end)
            return; // something else: look
    }
    e->time_base += wait;
    e->host_base -= wait; // what was skipped is no lead over the host's clock
}

void time_idle(struct engine *e, const struct engine_owner *owner)
{
    int64_t deadline = clock_deadline(e->clock);
    if (deadline == CLOCK_NEVER && e->stop != UINT64_MAX && owner->stuck(owner->opaque))
        return;
    if (counted(e) && deadline != CLOCK_NEVER) {
        idle_counted(e, owner, deadline);
    } else if (compares(e)) {
        idle_compared(e, owner, CLOCK_NEVER);
    } else {
        int64_t wait = deadline == CLOCK_NEVER ? CLOCK_NEVER : deadline - engine_time(e);
        if (wait > 0)
            owner->idle(owner->opaque, wait);
    }
}

void time_print(struct engine *e, void (*print)(void *, const char *), void *opaque)
{
    char line[160];
    if (!compares(e))
        return;
    int64_t lead = e->time_running ? engine_time(e) - host_time(e) : e->pace.lead;
    snprintf(line, sizeof line, "guest's clock       %lld us %s the host's\n", llabs((long long)lead / 1000), lead < 0 ? "behind" : "ahead of");
    print(opaque, line);
    if (!follows(e))
        return;
    snprintf(line, sizeof line, "an instruction is   %.3f ns\n", (double)e->pace.rate / PACE_ONE);
    print(opaque, line);
}
