// SPDX-License-Identifier: MIT
//
// Virtual time's timers: a binary heap ordered by deadline, then by arming order, with each timer knowing
// its place (disarming is O(log n)). Machine thread only. A callback may arm and disarm any timer,
// also itself; the heap is consistent whenever a callback runs.
#include "util/clock.h"
#include <assert.h>
#include <stdlib.h>

static bool timer_before(const struct timer *a, const struct timer *b)
{
    return a->deadline != b->deadline ? a->deadline < b->deadline : a->sequence < b->sequence;
}

static void heap_put(struct clock *clock, size_t index, struct timer *timer)
{
    clock->heap[index] = timer;
    timer->heap_index = index;
}

static void heap_up(struct clock *clock, size_t index)
{
    struct timer *timer = clock->heap[index];
    while (index) {
        size_t parent = (index - 1) / 2;
        if (!timer_before(timer, clock->heap[parent]))
            break;
        heap_put(clock, index, clock->heap[parent]);
        index = parent;
    }
    heap_put(clock, index, timer);
}

static void heap_down(struct clock *clock, size_t index)
{
    struct timer *timer = clock->heap[index];
    for (;;) {
        size_t child = index * 2 + 1;
        if (child >= clock->count)
            break;
        if (child + 1 < clock->count && timer_before(clock->heap[child + 1], clock->heap[child]))
            child++;
        if (!timer_before(clock->heap[child], timer))
            break;
        heap_put(clock, index, clock->heap[child]);
        index = child;
    }
    heap_put(clock, index, timer);
}

static void heap_remove(struct clock *clock, struct timer *timer)
{
    size_t index = timer->heap_index;
    struct timer *last = clock->heap[--clock->count];
    timer->heap_index = SIZE_MAX;
    timer->deadline = CLOCK_NEVER;
    if (last == timer)
        return;
    heap_put(clock, index, last);
    heap_up(clock, index);
    heap_down(clock, last->heap_index);
}

static void heap_insert(struct clock *clock, struct timer *timer)
{
    if (clock->count == clock->capacity) {
        clock->capacity = clock->capacity ? clock->capacity * 2 : 16;
        clock->heap = realloc(clock->heap, clock->capacity * sizeof(clock->heap[0]));
        if (!clock->heap)
            abort();
    }
    heap_put(clock, clock->count++, timer);
    heap_up(clock, timer->heap_index);
}

static void tell_if_changed(struct clock *clock, int64_t before)
{
    if (clock->deadline_changed && clock_deadline(clock) != before)
        clock->deadline_changed(clock->deadline_opaque);
}

void clock_init(struct clock *clock, int64_t (*source)(void *), void *opaque)
{
    *clock = (struct clock){ .source = source, .source_opaque = opaque };
}

void clock_release(struct clock *clock)
{
    for (size_t i = 0; i < clock->count; i++) {
        clock->heap[i]->deadline = CLOCK_NEVER;
        clock->heap[i]->heap_index = SIZE_MAX;
    }
    free(clock->heap);
    clock->heap = NULL;
    clock->count = clock->capacity = 0;
}

int64_t clock_deadline(const struct clock *clock)
{
    return clock->count ? clock->heap[0]->deadline : CLOCK_NEVER;
}

int clock_run_timers(struct clock *clock, int64_t now)
{
    int fired = 0;
    // Also fires what callbacks arm for times up to now: periodic timers catch up in deadline order.
    while (clock->count && clock->heap[0]->deadline <= now) {
        struct timer *timer = clock->heap[0];
        heap_remove(clock, timer);
        fired++;
        timer->fn(timer->opaque);
    }
    if (fired && clock->deadline_changed)
        clock->deadline_changed(clock->deadline_opaque);
    return fired;
}

void timer_init(struct timer *timer, struct clock *clock, void (*fn)(void *), void *opaque)
{
    *timer = (struct timer){ .clock = clock, .fn = fn, .opaque = opaque, .deadline = CLOCK_NEVER,
                             .heap_index = SIZE_MAX };
}

void timer_arm(struct timer *timer, int64_t deadline_ns)
{
    struct clock *clock = timer->clock;
    assert(clock);
    if (deadline_ns == CLOCK_NEVER) {
        timer_disarm(timer);
        return;
    }
    int64_t before = clock_deadline(clock);
    if (timer->heap_index != SIZE_MAX)
        heap_remove(clock, timer);
    timer->deadline = deadline_ns;
    timer->sequence = clock->next_sequence++;
    heap_insert(clock, timer);
    tell_if_changed(clock, before);
}

void timer_disarm(struct timer *timer)
{
    if (timer->heap_index == SIZE_MAX)
        return;
    int64_t before = clock_deadline(timer->clock);
    heap_remove(timer->clock, timer);
    tell_if_changed(timer->clock, before);
}
