// SPDX-License-Identifier: MIT
//
// `memory`: DIMMs in one word. Plugging makes a backend and a DIMM with the lowest free pair of names memN and dimmN; removing
// asks the guest, and the backend of a DIMM made here goes with it.
#include <stdlib.h>
#include <string.h>
#include "backends/memory_backend.h"
#include "hw/mem/pc_dimm.h"
#include "hw/pc/dimm_watch.h"
#include "monitor/internal.h"
#include "util/format.h"
#include "util/parse.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

// ---- the table

static unsigned free_slots(const struct memory_device_state *state)
{
    unsigned used = 0;
    for (const struct memory_device *d = state->devices; d; d = d->next)
        used += d->slot >= 0;
    return state->slots - used;
}

static void show_gaps(const struct memory_device_state *state, const struct output *out)
{
    uint64_t at = state->base, end = state->base + state->size;
    out_printf(out, "free addresses:");
    for (const struct memory_device *d = state->devices;; d = d->next) {
        uint64_t stop = d ? d->addr : end;
        if (stop > at)
            out_printf(out, " 0x%llx-0x%llx (%s)", (unsigned long long)at, (unsigned long long)stop - 1, size_text(stop - at).text);
        if (!d)
            break;
        at = d->addr + d->size;
    }
    out_printf(out, "\n");
}

static void show_dimm(struct machine *machine, const struct memory_device *m, const struct output *out)
{
    struct pc_dimm *dimm = pc_dimm_of(m->device);
    struct dimm_state guest;
    dimm_state_get(machine, dimm, &guest);
    out_printf(out, "%4d  %-12s %10s  0x%-12llx %4u  %-12s %s\n", m->slot, m->device->id ? m->device->id : "(unnamed)",
               size_text(m->size).text, (unsigned long long)m->addr, dimm->node, dimm->memdev->id, guest.text);
    if (*guest.reason)
        out_printf(out, "      %s\n", guest.reason);
}

// Why the machine has no memory hotplug at all; NULL: it has.
static const char *no_hotplug(const struct machine *machine)
{
    return !machine->memory_devices ? "the machine was started without maxmem (-m SIZE,slots=N,maxmem=SIZE)" :
           !machine->ram_slots ? "the machine was started without slots (-m SIZE,slots=N,maxmem=SIZE)" :
           !machine->acpi ? "memory hotplug is not enabled: missing acpi device or acpi disabled" : NULL;
}

static void show_table(struct machine *machine, const struct output *out)
{
    const struct memory_device_state *state = machine->memory_devices;
    struct size_text ram = size_text(machine->ram_size);
    if (no_hotplug(machine)) {
        out_printf(out, "boot RAM %s; no memory can be plugged: %s\n", ram.text, no_hotplug(machine));
        return;
    }
    out_printf(out, "slot  %-12s %10s  %-14s %4s  %-12s %s\n", "id", "size", "address", "node", "backend", "the guest");
    for (const struct memory_device *m = state->devices; m; m = m->next)
        show_dimm(machine, m, out);
    out_printf(out, "boot RAM %s, plugged %s of %s; %u of %u slots free\n", ram.text, size_text(state->used).text,
               size_text(state->total).text, free_slots(state), state->slots);
    show_gaps(state, out);
    uint64_t most = free_slots(state) ? memory_device_largest(state) : 0;
    if (most)
        out_printf(out, "can be plugged now: one DIMM of up to %s (memory +SIZE)\n", size_text(most).text);
    else
        out_printf(out, "nothing can be plugged now: %s\n", !free_slots(state) ? "no slot is left" :
                   state->used >= state->total ? "maxmem is reached" : "no room is left");
}

// ---- plug

// node: NULL, or its number as text.
static bool plug_memory(struct machine *machine, uint64_t bytes, const char *node, const struct output *out, struct error **errp)
{
    char memory[32], dimm[32], options[128];
    for (unsigned i = 1;; i++) {
        snprintf(memory, sizeof memory, "mem%u", i);
        snprintf(dimm, sizeof dimm, "dimm%u", i);
        if (!backend_find(machine->backends, memory) && !machine_find_device(machine, dimm))
            break;
    }
    if (no_hotplug(machine))
        return error_set(errp, "memory: %s", no_hotplug(machine));
    int slot = -1;
    if (!memory_device_find_slot(machine->memory_devices, &slot, errp) || !memory_device_check_space(machine->memory_devices, bytes, errp))
        return false; // before host memory is asked for
    snprintf(options, sizeof options, "memory-backend-ram,id=%s,size=%llu", memory, (unsigned long long)bytes);
    if (!backend_new(machine->backends, options, errp))
        return false;
    const char *properties[][2] = { { "memdev", memory }, { "autodel", "on" }, { "node", node } };
    struct device *device = pc_add_device(machine, "pc-dimm", dimm, (const char *const (*)[2])properties, node ? 3 : 2, errp);
    if (!device) {
        backend_delete(machine->backends, memory, NULL);
        error_prefix(errp, "memory +%s: ", size_text(bytes).text);
        return false;
    }
    out_printf(out, "%s: %s in slot %d at 0x%llx\n", dimm, size_text(bytes).text, pc_dimm_of(device)->slot,
               (unsigned long long)pc_dimm_of(device)->addr);
    return true;
}

// ---- remove

static bool remove_dimm(struct machine *machine, struct device *device, const struct output *out, struct error **errp)
{
    if (!machine->hotplug->unplug_request(machine, device, errp))
        return false;
    if (device->id)
        out_printf(out, "%s: ", device->id);
    else
        out_printf(out, "slot %d: ", pc_dimm_of(device)->slot);
    out_printf(out, "the guest is asked to let go of it (see 'memory')\n");
    return true;
}

// DIMMs that no removal was asked for, the last plugged address first. What goes must add up to exactly the bytes wished: found by
// trying, with a limit.
struct choice {
    struct memory_device *devices[MEMORY_SLOTS_MAX], *taken[MEMORY_SLOTS_MAX];
    uint64_t behind[MEMORY_SLOTS_MAX + 1]; // bytes of this device and those that follow
    unsigned count, taken_count, tries;
};

static void collect(struct machine *machine, struct choice *c)
{
    for (struct memory_device *m = machine->memory_devices ? machine->memory_devices->devices : NULL; m; m = m->next)
        c->count += !m->device->deleting;
    unsigned at = c->count;
    for (struct memory_device *m = c->count ? machine->memory_devices->devices : NULL; m; m = m->next)
        if (!m->device->deleting)
            c->devices[--at] = m;
    for (unsigned i = c->count; i-- > 0;)
        c->behind[i] = c->behind[i + 1] + c->devices[i]->size;
}

static bool choose(struct choice *c, unsigned at, uint64_t left)
{
    if (!left)
        return true;
    for (unsigned i = at; c->behind[i] >= left && c->tries; i++) {
        c->tries--;
        if (c->devices[i]->size > left)
            continue;
        c->taken[c->taken_count++] = c->devices[i];
        if (choose(c, i + 1, left - c->devices[i]->size))
            return true;
        c->taken_count--;
    }
    return false;
}

static bool cannot_choose(const struct machine *machine, const struct choice *c, uint64_t bytes, struct error **errp)
{
    enum { SHOWN = 20 };
    if (!c->count)
        return error_set(errp, "memory: there is no DIMM %s", machine->memory_devices && machine->memory_devices->devices ?
                         "that the guest was not asked for already" : "to remove");
    error_set(errp, "memory: no DIMMs add up to %s; DIMMs go as a whole:", size_text(bytes).text);
    for (unsigned i = 0; i < c->count && i < SHOWN; i++)
        error_hint(errp, "  %s: %s", c->devices[i]->device->id ? c->devices[i]->device->id : "(unnamed)",
                   size_text(c->devices[i]->size).text);
    if (c->count > SHOWN)
        error_hint(errp, "  and %u more ('memory' shows all)", c->count - SHOWN);
    return false;
}

static bool remove_memory(struct machine *machine, uint64_t bytes, const struct output *out, struct error **errp)
{
    struct choice c = { .tries = 1u << 20 };
    collect(machine, &c);
    if (!c.count || !choose(&c, 0, bytes))
        return cannot_choose(machine, &c, bytes, errp);
    for (unsigned i = 0; i < c.taken_count; i++)
        if (!remove_dimm(machine, c.taken[i]->device, out, errp))
            return false;
    return true;
}

// ---- the command

// What the guest was asked to let go of.
static uint64_t leaving(const struct machine *machine)
{
    uint64_t sum = 0;
    for (const struct memory_device *m = machine->memory_devices ? machine->memory_devices->devices : NULL; m; m = m->next)
        sum += m->device->deleting ? m->size : 0;
    return sum;
}

static bool set_total(struct machine *machine, uint64_t bytes, const struct output *out, struct error **errp)
{
    uint64_t plugged = machine->memory_devices ? machine->memory_devices->used : 0, goes = leaving(machine);
    uint64_t now = machine->ram_size + plugged - goes;
    if (bytes < machine->ram_size)
        return error_set(errp, "memory %s: boot RAM is %s and stays", size_text(bytes).text, size_text(machine->ram_size).text);
    if (bytes == now) {
        out_printf(out, goes ? "the machine will have %s when the guest has let go of %s (see 'memory')\n" : "the machine has %s already\n",
                   size_text(now).text, size_text(goes).text);
        return true;
    }
    return bytes > now ? plug_memory(machine, bytes - now, NULL, out, errp) : remove_memory(machine, now - bytes, out, errp);
}

// As after -m: plain numbers are MiB.
static bool parse_amount(const char *text, uint64_t *bytes)
{
    char mebibytes[32];
    bool plain = *text && !text[strspn(text, "0123456789")] && strlen(text) < sizeof mebibytes - 1;
    snprintf(mebibytes, sizeof mebibytes, "%sM", plain ? text : "");
    return parse_size(plain ? mebibytes : text, bytes, NULL) && *bytes;
}

bool cmd_memory(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    char *word = next_word(&arguments);
    if (!word) {
        show_table(machine, out);
        return true;
    }
    bool signed_ = *word == '+' || *word == '-';
    char *more = next_word(&arguments), *node = more && *word == '+' && !strncmp(more, "node=", 5) ? more + 5 : NULL;
    if (node)
        more = next_word(&arguments);
    if (more)
        return error_set(errp, "memory: one argument at most (and node=N with +SIZE); '%s' is too much", more);
    uint64_t bytes;
    struct device *named = *word == '-' ? machine_find_device(machine, word + 1) : NULL;
    if (named)
        return remove_dimm(machine, named, out, errp);
    if (word[signed_] == '+' || !parse_amount(word + signed_, &bytes))
        return error_set(errp, *word == '-' ? "memory %s: neither a DIMM nor a size" : "memory %s: not a size (512M, 1G, 1.5GiB)", word);
    if (*word == '+')
        return plug_memory(machine, bytes, node, out, errp);
    return *word == '-' ? remove_memory(machine, bytes, out, errp) : set_total(machine, bytes, out, errp);
}
