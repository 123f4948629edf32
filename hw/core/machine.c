// SPDX-License-Identifier: MIT
//
// What does not belong to one kind of board: requests, events, the list of devices, the seeded generator.
// Machine thread only, but machine_request, which is async-signal-safe.
#include "hw/core/machine.h"
#include <string.h>

void machine_request(struct machine *machine, enum machine_request request)
{
    atomic_fetch_or(&machine->requests, (uint32_t)request);
    if (machine->loop)
        loop_kick(machine->loop);
    if (machine->request_made && !(request & REQUEST_SIGNAL))
        machine->request_made(machine);
}

void machine_send_event(struct machine *machine, enum machine_event event, const struct event_details *details)
{
    for (struct event_sink *sink = machine->sinks, *next; sink; sink = next) {
        next = sink->next; // a sink may take itself out
        sink->event(sink->opaque, event, details);
    }
}

struct device *machine_find_device(struct machine *machine, const char *id)
{
    for (struct device *d = machine->devices; d; d = d->next) {
        if (d->id && !strcmp(d->id, id))
            return d;
    }
    return NULL;
}

void machine_reset_devices(struct machine *machine)
{
    for (struct device *d = machine->devices, *next; d; d = next) {
        next = d->next;
        device_reset(d);
    }
}

// splitmix64: every state is fine, also 0; the whole state is one word for snapshots.
uint64_t machine_random(struct machine *machine)
{
    uint64_t z = machine->random_state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}
