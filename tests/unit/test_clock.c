// SPDX-License-Identifier: MIT
//
// util/clock.c: firing order against a sorted model, arming and disarming inside callbacks, deadline notices.
#include "tests/unit/tap.h"
#include "util/clock.h"

enum { TIMERS = 200 };
struct item { struct timer timer; int number; uint64_t order; };
struct world {
    struct clock clock;
    int64_t now;
    struct item items[TIMERS];
    int fired[TIMERS * 4], fired_count, notices;
};
static struct world world;

static int64_t source(void *opaque) { return ((struct world *)opaque)->now; }
static void fire(void *opaque) { world.fired[world.fired_count++] = ((struct item *)opaque)->number; }
static void notice(void *opaque) { ((struct world *)opaque)->notices++; }

static int model_next(const bool *armed, const int64_t *deadline, const uint64_t *order, int64_t now)
{
    int best = -1;
    for (int i = 0; i < TIMERS; i++)
        if (armed[i] && deadline[i] <= now &&
            (best < 0 || deadline[i] < deadline[best] || (deadline[i] == deadline[best] && order[i] < order[best])))
            best = i;
    return best;
}

static void test_model(void)
{
    struct tap_random random = { 1 };
    bool armed[TIMERS] = { 0 }, good = true;
    int64_t deadline[TIMERS];
    uint64_t order[TIMERS], next = 0;
    for (int i = 0; i < TIMERS; i++) {
        world.items[i].number = i;
        timer_init(&world.items[i].timer, &world.clock, fire, &world.items[i]);
    }
    for (int step = 0; step < 20000; step++) {
        int i = (int)tap_below(&random, TIMERS);
        if (tap_below(&random, 3)) {
            deadline[i] = world.now + (int64_t)tap_below(&random, 50);
            order[i] = next++;
            armed[i] = true;
            timer_arm(&world.items[i].timer, deadline[i]);
        } else {
            armed[i] = false;
            timer_disarm(&world.items[i].timer);
        }
        good &= timer_armed(&world.items[i].timer) == armed[i];
        if (step % 10)
            continue;
        world.now += (int64_t)tap_below(&random, 20);
        world.fired_count = 0;
        int count = clock_run_timers(&world.clock, world.now);
        good &= count == world.fired_count;
        for (int k = 0; k < count; k++) {
            int expected = model_next(armed, deadline, order, world.now);
            good &= expected == world.fired[k];
            if (expected >= 0)
                armed[expected] = false;
        }
        good &= model_next(armed, deadline, order, world.now) < 0 && clock_deadline(&world.clock) > world.now;
    }
    tap_ok(good, "random arming: order of firing as in the model");
}

static struct timer periodic, victim;
static int ticks;
static void tick(void *opaque)
{
    timer_disarm(&victim);
    if (++ticks < 5)
        timer_arm(&periodic, ticks * 10 + 10);
}

int main(void)
{
    clock_init(&world.clock, source, &world);
    tap_ok(clock_deadline(&world.clock) == CLOCK_NEVER, "no timer, no deadline");
    test_model();
    clock_release(&world.clock);
    world.now = 0;
    clock_init(&world.clock, source, &world);
    world.clock.deadline_changed = notice;
    world.clock.deadline_opaque = &world;
    timer_init(&periodic, &world.clock, tick, NULL);
    timer_init(&victim, &world.clock, fire, &world.items[0]);
    timer_arm(&periodic, 10);
    timer_arm(&victim, 10);
    tap_ok(world.notices == 1, "a notice for a new earliest deadline only");
    world.fired_count = 0;
    tap_ok(clock_run_timers(&world.clock, 100) == 5 && ticks == 5, "a periodic timer catches up");
    tap_ok(world.fired_count == 0 && !timer_armed(&victim), "a timer that a callback disarms does not fire");
    timer_arm(&victim, CLOCK_NEVER);
    tap_ok(!timer_armed(&victim), "arming for never is not armed");
    tap_ok(muldiv64(UINT64_MAX, 1000, 3000) == UINT64_MAX / 3, "muldiv64 with a wide product");
    clock_release(&world.clock);
    return tap_done();
}
