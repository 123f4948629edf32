// SPDX-License-Identifier: MIT
//
// A gate between the host and the front ends that belong to the guest (serial ports): host input does not reach them when it
// comes but when the gate's owner says so. What was let through and does not fit in the guest's device yet waits here,
// which is state of the machine. Machine thread only.
#include "chardev/internal.h"
#include <stdlib.h>
#include <string.h>

#define ROOM 4096 // bytes of host input that may be on their way

struct gate {
    struct gate *next;
    struct chardev *chardev;
    const struct chardev_front *front; // NULL: detached
    void *opaque;
    struct chardev_gate *owner;
    unsigned index;
    size_t announced;                  // given to the owner, not delivered yet
    uint8_t *waiting;
    size_t count, capacity;
};

static size_t gate_can_receive(void *opaque)
{
    const struct gate *g = opaque;
    size_t used = g->announced + g->count;
    return g->owner->closed || used > ROOM ? 0 : ROOM - used;
}

static void gate_receive(void *opaque, const uint8_t *data, size_t len)
{
    struct gate *g = opaque;
    g->announced += len;
    g->owner->input(g->owner->opaque, g->index, data, len);
}

static void gate_event(void *opaque, enum chardev_event event)
{
    struct gate *g = opaque;
    if (event == CHARDEV_BREAK && !g->owner->closed)
        g->owner->line_break(g->owner->opaque, g->index);
}

static const struct chardev_front gate_front = { .can_receive = gate_can_receive, .receive = gate_receive, .event = gate_event };

// The front and its opaque are replaced by the gate's.
void gate_wrap(struct chardev *c, const struct chardev_front **front, void **opaque)
{
    struct gate **end = &c->list->gates;
    if (!c->list->gate || !*front || !(*front)->guest)
        return;
    struct gate *g = calloc(1, sizeof *g);
    *g = (struct gate){ .chardev = c, .front = *front, .opaque = *opaque, .owner = c->list->gate };
    for (; *end; end = &(*end)->next)
        g->index++;
    *end = g;
    *front = &gate_front;
    *opaque = g;
}

void gate_detach(struct chardev *c)
{
    for (struct gate *g = c->list->gates; g; g = g->next)
        if (g->chardev == c)
            g->front = NULL;
}

static void push(struct gate *g)
{
    while (g->count && g->front) {
        size_t n = g->front->can_receive(g->opaque);
        if (!n)
            return;
        if (n > g->count)
            n = g->count;
        uint8_t *part = malloc(n);
        memcpy(part, g->waiting, n);
        g->count -= n;
        memmove(g->waiting, g->waiting + n, g->count);
        g->front->receive(g->opaque, part, n);
        free(part);
    }
}

void gate_accept_input(struct chardev *c)
{
    for (struct gate *g = c->list->gates; g; g = g->next)
        if (g->chardev == c)
            push(g);
}

void gate_free_all(struct chardev_list *list)
{
    for (struct gate *g = list->gates, *next; g; g = next) {
        next = g->next;
        free(g->waiting);
        free(g);
    }
}

void chardev_list_set_gate(struct chardev_list *list, struct chardev_gate *gate)
{
    list->gate = gate;
}

static struct gate *find(struct chardev_list *list, unsigned index)
{
    struct gate *g = list->gates;
    while (g && g->index != index)
        g = g->next;
    return g;
}

bool chardev_gate_exists(struct chardev_list *list, unsigned index)
{
    return find(list, index) != NULL;
}

void chardev_gate_deliver(struct chardev_list *list, unsigned index, const void *data, size_t len, bool announced)
{
    struct gate *g = find(list, index);
    if (!g)
        return;
    if (g->count + len > g->capacity) {
        g->capacity = (g->count + len) * 2;
        g->waiting = realloc(g->waiting, g->capacity);
    }
    memcpy(g->waiting + g->count, data, len);
    g->count += len;
    if (announced)
        g->announced -= len < g->announced ? len : g->announced;
    push(g);
    chardev_update(g->chardev);
}

void chardev_gate_break(struct chardev_list *list, unsigned index)
{
    struct gate *g = find(list, index);
    if (g && g->front && g->front->event)
        g->front->event(g->opaque, CHARDEV_BREAK);
}

void chardev_gate_each(struct chardev_list *list, void (*fn)(void *opaque, unsigned index, const uint8_t *waiting, size_t len), void *opaque)
{
    for (struct gate *g = list->gates; g; g = g->next)
        fn(opaque, g->index, g->waiting, g->count);
}
