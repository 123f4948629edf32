// SPDX-License-Identifier: MIT
//
// What the window shows of the machine: copied here, from all layers, when the window asks.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hw/mem/pc_dimm.h"
#include "hw/pc/dimm_watch.h"
#include "hw/pc/numa.h"
#include "monitor/internal.h"
#include "ui/ui.h"

static void add_region(struct ui_facts *facts, const struct section *s, enum ui_region_kind kind, const char *name)
{
    struct ui_region *last = facts->region_count ? &facts->regions[facts->region_count - 1] : NULL;
    if (last && last->kind == kind && last->start + last->size == s->start && !strcmp(last->name, name)) {
        last->size += s->last - s->start + 1;
        return;
    }
    if (facts->region_count == UI_REGIONS)
        return;
    struct ui_region *r = &facts->regions[facts->region_count++];
    *r = (struct ui_region){ .start = s->start, .size = s->last - s->start + 1, .kind = kind };
    snprintf(r->name, sizeof r->name, "%s", name);
}

static void add_regions(struct machine *m, struct ui_facts *facts)
{
    for (uint32_t i = 0; i < m->memory.view->count; i++) {
        const struct section *s = &m->memory.view->sections[i];
        const char *name = s->region->name ? s->region->name : "";
        bool rom = s->ram && (s->readonly || s->ram->readonly), boot = s->ram && (s->ram->owner || !strcmp(s->ram->name, "pc.ram"));
        enum ui_region_kind kind = rom ? UI_ROM : boot ? UI_RAM : UI_DEVICE; // other RAM is a device's own (of a display)
        for (struct memory_device *d = m->memory_devices && s->ram ? m->memory_devices->devices : NULL; d; d = d->next) {
            if (s->start >= d->addr && s->start < d->addr + d->size) {
                kind = UI_DIMM;
                name = d->device->id ? d->device->id : name;
            }
        }
        add_region(facts, s, kind, name);
    }
}

static void add_dimms(struct machine *m, struct ui_facts *facts)
{
    struct memory_device_state *state = m->memory_devices;
    facts->ram_size = m->ram_size;
    if (!state)
        return;
    facts->slots = state->slots;
    facts->plugged = state->used;
    facts->pluggable = state->total - state->used;
    facts->largest = memory_device_largest(state);
    facts->nodes = pc_numa(m)->count;
    for (struct memory_device *d = state->devices; d && facts->dimm_count < UI_DIMMS; d = d->next) {
        struct pc_dimm *dimm = pc_dimm_of(d->device);
        struct ui_dimm *to = &facts->dimms[facts->dimm_count++];
        struct dimm_state guest = { .text = "" };
        if (!dimm)
            continue;
        if (facts->detail)
            dimm_state_get(m, dimm, &guest);
        *to = (struct ui_dimm){ .addr = d->addr, .size = d->size, .slot = d->slot, .node = dimm->node, .leaving = d->device->deleting };
        snprintf(to->id, sizeof to->id, "%s", d->device->id ? d->device->id : "");
        snprintf(to->backend, sizeof to->backend, "%s", dimm->memdev->id);
        snprintf(to->state, sizeof to->state, "%s", guest.text);
        snprintf(to->reason, sizeof to->reason, "%s", guest.reason);
    }
}

static void facts(void *opaque, struct ui_facts *to)
{
    static const enum ui_state states[] = {
        [RUN_STATE_PRELAUNCH] = UI_NOT_STARTED, [RUN_STATE_RUNNING] = UI_RUNNING, [RUN_STATE_PAUSED] = UI_PAUSED,
        [RUN_STATE_SHUTDOWN] = UI_SHUT_DOWN, [RUN_STATE_INTERNAL_ERROR] = UI_FAILED, [RUN_STATE_GUEST_PANICKED] = UI_PAUSED,
    };
    struct machine *m = opaque;
    to->state = states[m->state];
    to->instructions = engine_instructions(pc_engine(m));
    add_regions(m, to);
    add_dimms(m, to);
}

static void command(void *opaque, const char *line, void (*print)(void *, const char *), void *to)
{
    monitor_run_live(opaque, line, print, to);
}

struct monitor_ui {
    struct machine *machine;
    struct event_sink sink;
    struct memory_listener listener;
    bool waiting;
};

static void changed(void *opaque)
{
    struct monitor_ui *u = opaque;
    u->waiting = false;
    ui_changed(u->machine->ui);
}

// A little later: an event may come from inside an access of the guest, and many may come at once.
static void change(struct monitor_ui *u)
{
    if (!u->waiting)
        loop_after(u->machine->loop, 30, changed, u);
    u->waiting = true;
}

static void event(void *opaque, enum machine_event what, const struct event_details *details)
{
    change(opaque);
}

static void view_changed(void *opaque, const struct flat_view *old, const struct flat_view *now)
{
    change(opaque);
}

struct monitor_ui *monitor_ui_new(struct machine *machine, struct ui *ui, struct screen *screen, struct input *input)
{
    struct monitor_ui *u = calloc(1, sizeof *u);
    u->machine = machine;
    machine->ui = ui;
    u->sink = (struct event_sink){ .event = event, .opaque = u, .next = machine->sinks };
    machine->sinks = &u->sink;
    u->listener = (struct memory_listener){ .changed = view_changed, .opaque = u };
    address_space_add_listener(&machine->memory, &u->listener);
    ui_start(ui, &(struct ui_model){ .facts = facts, .command = command, .opaque = machine }, screen, input);
    return u;
}
