// SPDX-License-Identifier: MIT
//
// One timer for all slots looks at a DIMM DIMM_PATIENCE_NS after its acknowledgement (mapped?) and after a request to remove it
// (answered?). Everything else is worked out when somebody asks.
#include "hw/pc/dimm_watch.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "hw/pc/internal.h"
#include "target/i386/page_tables.h"
#include "util/error.h"

#define MIB ((uint64_t)1 << 20)
#define UPPER_HALF (1ull << 63) // kernels have their direct map there

// ---- mapped?

struct search { uint64_t pages[3]; bool found[3]; }; // physical addresses: first, last, and one of boot RAM

static bool found_page(void *opaque, const struct page_mapping *p)
{
    struct search *s = opaque;
    bool all = true;
    for (unsigned i = 0; i < 3; i++) {
        s->found[i] |= s->pages[i] - p->physical < p->size;
        all &= s->found[i];
    }
    return !all;
}

// Some page tables say nothing: those of user code under page-table isolation map next to nothing of the kernel's, not even boot RAM.
static enum dimm_use look_at(struct pc *pc, unsigned cpu, const struct pc_dimm *dimm)
{
    struct search s = { .pages = { dimm->addr, dimm->addr + dimm->size - PAGE_SIZE, pc->low_ram / 2 & ~PAGE_OFFSET_MASK } };
    if (!(pc->cpus[cpu].cpu->efer & EFER_LMA))
        return DIMM_UNKNOWN;
    enum page_visit result = cpu_visit_pages(pc->cpus[cpu].cpu, UPPER_HALF, found_page, &s);
    if (s.found[0] && s.found[1])
        return DIMM_MAPPED;
    return result == PAGES_VISITED && s.found[2] ? DIMM_NOT_MAPPED : DIMM_UNKNOWN;
}

static enum dimm_use use_of(struct pc *pc, const struct pc_dimm *dimm)
{
    struct dimm_watch_slot *slot = &pc->dimm_watch.slots[dimm->slot];
    if (dimm->memdev->ram->used_pages)
        return DIMM_IN_USE;
    enum dimm_use use = DIMM_UNKNOWN;
    for (unsigned i = 0; i < pc->machine.cpu_count && use != DIMM_MAPPED; i++) {
        enum dimm_use seen = look_at(pc, i, dimm);
        if (seen != DIMM_UNKNOWN)
            use = seen;
    }
    if (use != DIMM_UNKNOWN)
        slot->last_known = use;
    return slot->last_known; // of a moment when the tables did tell
}

// ---- in words

#define DROPPED "the request to remove it ended with a reset; ask again"

static void describe_bytes(char *to, size_t size, uint64_t bytes)
{
    if (bytes >= MIB)
        snprintf(to, size, "%" PRIu64 " MiB", bytes / MIB);
    else
        snprintf(to, size, "%" PRIu64 " KiB", bytes >> 10);
}

static void describe_refusal(const struct mem_hotplug_slot *slot, char *to, size_t size)
{
    const struct pc_dimm *dimm = slot->dimm;
    char memmap[32], answer[80] = "acknowledged, but";
    if (slot->insertion_status)
        snprintf(answer, sizeof answer, "answered '%s' (_OST 0x1/0x%x), and", mem_hotplug_ost_text(1, slot->insertion_status), slot->insertion_status);
    describe_bytes(memmap, sizeof memmap, dimm->size / 64);
    const char *why = dimm->addr % MEMORY_BLOCK ? "its address is not a multiple of 128 MiB, in which Linux adds memory" :
                      dimm->size % MEMORY_BLOCK ? "its size is not a multiple of 128 MiB, in which Linux adds memory" : NULL;
    if (why)
        snprintf(to, size, "%s not in the guest's page tables: %s", answer, why);
    else
        snprintf(to, size, "%s not in the guest's page tables: no driver for memory hotplug, or less than %s free for its page descriptors",
                 answer, memmap);
}

// What may help who was refused.
static const char *advice(uint32_t status)
{
    if (status >= 0x81 && status <= 0x83)
        return "; Linux gives back memory that was brought online as 'online_movable'";
    return status == 1 ? "; a guest that was booting then may agree when it is asked again" : "";
}

static bool give_removal(struct pc *pc, const struct mem_hotplug_slot *slot, const struct dimm_watch_slot *watch, char *to, size_t size)
{
    int64_t waited = clock_now(&pc->machine.clock) - watch->asked_at;
    switch (slot->removal) {
    case REMOVAL_ASKED:
        if (!mem_hotplug_listened(&pc->mem_hotplug))
            snprintf(to, size, "removal asked for; the guest does not listen to memory events (no ACPI, or not booted so far)");
        else
            snprintf(to, size, "removal asked for; no answer from the guest in %" PRId64 " s", (int64_t)(waited / NS_PER_SECOND));
        return true;
    case REMOVAL_IN_PROGRESS:
        snprintf(to, size, "the guest is letting go of it");
        return true;
    case REMOVAL_REFUSED:
        snprintf(to, size, "removal refused by the guest: %s (_OST 0x%x/0x%x)%s", mem_hotplug_ost_text(slot->removal_event, slot->removal_status),
                 slot->removal_event, slot->removal_status, advice(slot->removal_status));
        return true;
    case REMOVAL_DROPPED:
        snprintf(to, size, DROPPED);
        return true;
    default:
        return false;
    }
}

void dimm_state_get(struct machine *machine, const struct pc_dimm *dimm, struct dimm_state *state)
{
    struct pc *pc = pc_of(machine);
    const struct mem_hotplug_slot *slot = &pc->mem_hotplug.slots[dimm->slot];
    const struct dimm_watch_slot *watch = &pc->dimm_watch.slots[dimm->slot];
    char touched[32];
    *state = (struct dimm_state){ .use = use_of(pc, dimm), .touched = dimm->memdev->ram->used_pages * PAGE_SIZE };
    describe_bytes(touched, sizeof touched, state->touched);
    switch (state->use) {
    case DIMM_IN_USE: snprintf(state->text, sizeof state->text, "in use, %s touched", touched); break;
    case DIMM_MAPPED: snprintf(state->text, sizeof state->text, "mapped, unused"); break;
    case DIMM_NOT_MAPPED: snprintf(state->text, sizeof state->text, "not mapped"); break;
    default:
        snprintf(state->text, sizeof state->text, "unknown (%s)",
                 machine->state == RUN_STATE_PRELAUNCH ? "the guest has not started" : "the guest's page tables do not tell");
    }
    if (give_removal(pc, slot, watch, state->reason, sizeof state->reason) || state->use != DIMM_NOT_MAPPED)
        return;
    bool late = slot->acknowledged && clock_now(&machine->clock) - watch->acknowledged_at >= DIMM_PATIENCE_NS;
    if (late)
        describe_refusal(slot, state->reason, sizeof state->reason);
    else if (!slot->acknowledged && !mem_hotplug_listened(&pc->mem_hotplug))
        snprintf(state->reason, sizeof state->reason, "the guest does not listen to memory events (no ACPI, or not booted so far)");
}

// ---- what happens in time

__attribute__((format(printf, 3, 4)))
static void tell(struct machine *machine, const struct pc_dimm *dimm, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    struct event_details details = { .id = dimm->device.id, .slot = dimm->slot, .text = text };
    machine_send_event(machine, EVENT_NOTICE, &details);
}

static const char *name_of(const struct pc_dimm *dimm) { return dimm->device.id ? dimm->device.id : dimm->memdev->id; }

static void look_at_mapping(struct dimm_watch *watch, const struct mem_hotplug_slot *slot)
{
    struct dimm_state state;
    dimm_state_get(watch->machine, slot->dimm, &state);
    if (slot->removal == REMOVAL_NONE && state.use == DIMM_NOT_MAPPED)
        tell(watch->machine, slot->dimm, "DIMM '%s' is not used by the guest: %s", name_of(slot->dimm), state.reason);
}

static void look_at_answer(struct dimm_watch *watch, const struct mem_hotplug_slot *slot)
{
    struct dimm_state state;
    dimm_state_get(watch->machine, slot->dimm, &state);
    if (slot->removal == REMOVAL_ASKED)
        tell(watch->machine, slot->dimm, "DIMM '%s': %s", name_of(slot->dimm), state.reason);
}

static void arm(struct dimm_watch *watch)
{
    int64_t first = CLOCK_NEVER;
    for (unsigned i = 0; i < MEMORY_SLOTS_MAX; i++) {
        const struct dimm_watch_slot *slot = &watch->slots[i];
        int64_t due = slot->mapping_due < slot->answer_due ? slot->mapping_due : slot->answer_due;
        first = due < first ? due : first;
    }
    timer_disarm(&watch->timer);
    if (first != CLOCK_NEVER)
        timer_arm(&watch->timer, first);
}

static void due(void *opaque)
{
    struct dimm_watch *watch = opaque;
    struct mem_hotplug *hotplug = &pc_of(watch->machine)->mem_hotplug;
    int64_t now = clock_now(&watch->machine->clock);
    for (unsigned i = 0; i < hotplug->slot_count; i++) {
        struct dimm_watch_slot *slot = &watch->slots[i];
        bool mapping = slot->mapping_due <= now, answer = slot->answer_due <= now;
        if (mapping)
            slot->mapping_due = CLOCK_NEVER;
        if (answer)
            slot->answer_due = CLOCK_NEVER;
        if (mapping && hotplug->slots[i].dimm)
            look_at_mapping(watch, &hotplug->slots[i]);
        if (answer && hotplug->slots[i].dimm)
            look_at_answer(watch, &hotplug->slots[i]);
    }
    arm(watch);
}

static void event(void *opaque, enum machine_event what, const struct event_details *details)
{
    struct dimm_watch *watch = opaque;
    if (what != EVENT_ACPI_OST || details->slot < 0 || details->slot >= MEMORY_SLOTS_MAX)
        return;
    struct dimm_watch_slot *slot = &watch->slots[details->slot];
    if (details->source == 1 && slot->acknowledged_at == CLOCK_NEVER) {
        slot->acknowledged_at = clock_now(&watch->machine->clock);
        slot->mapping_due = slot->acknowledged_at + DIMM_PATIENCE_NS;
    } else if (details->source == 3 || details->source == 0x103) {
        slot->answer_due = CLOCK_NEVER;
    }
    arm(watch);
}

static void forget(struct dimm_watch_slot *slot)
{
    *slot = (struct dimm_watch_slot){ .acknowledged_at = CLOCK_NEVER, .asked_at = CLOCK_NEVER, .mapping_due = CLOCK_NEVER,
                                       .answer_due = CLOCK_NEVER };
}

void dimm_watch_plugged(struct dimm_watch *watch, const struct pc_dimm *dimm)
{
    struct machine *m = watch->machine;
    uint64_t ram = m->ram_size + m->memory_devices->used - dimm->size;
    forget(&watch->slots[dimm->slot]);
    arm(watch);
    if (dimm->size % MEMORY_BLOCK || dimm->addr % MEMORY_BLOCK)
        warn_report("DIMM '%s': %s 0x%" PRIx64 " is not a multiple of 128 MiB: Linux will not use it", name_of(dimm),
                    dimm->size % MEMORY_BLOCK ? "size" : "address", dimm->size % MEMORY_BLOCK ? dimm->size : dimm->addr);
    else if (dimm->size / 64 > ram / 2)
        warn_report("DIMM '%s': Linux needs %" PRIu64 " MiB of the %" PRIu64 " MiB that it has to describe it, and may run out of memory",
                    name_of(dimm), dimm->size / 64 / MIB, ram / MIB);
}

void dimm_watch_asked(struct dimm_watch *watch, const struct pc_dimm *dimm)
{
    struct dimm_watch_slot *slot = &watch->slots[dimm->slot];
    slot->asked_at = clock_now(&watch->machine->clock);
    slot->answer_due = slot->asked_at + DIMM_PATIENCE_NS;
    arm(watch);
}

void dimm_watch_reset(struct dimm_watch *watch)
{
    struct mem_hotplug *hotplug = &pc_of(watch->machine)->mem_hotplug;
    for (unsigned i = 0; i < MEMORY_SLOTS_MAX; i++)
        forget(&watch->slots[i]);
    timer_disarm(&watch->timer);
    for (unsigned i = 0; i < hotplug->slot_count; i++)
        if (hotplug->slots[i].removal == REMOVAL_DROPPED)
            tell(watch->machine, hotplug->slots[i].dimm, "DIMM '%s': " DROPPED, name_of(hotplug->slots[i].dimm));
}

void dimm_watch_init(struct dimm_watch *watch, struct machine *machine)
{
    watch->machine = machine;
    timer_init(&watch->timer, &machine->clock, due, watch);
    dimm_watch_reset(watch);
    watch->sink = (struct event_sink){ .event = event, .opaque = watch, .next = machine->sinks };
    machine->sinks = &watch->sink;
}

void dimm_watch_release(struct dimm_watch *watch)
{
    timer_disarm(&watch->timer);
    for (struct event_sink **s = &watch->machine->sinks; *s; s = &(*s)->next) {
        if (*s == &watch->sink) {
            *s = watch->sink.next;
            break;
        }
    }
}
