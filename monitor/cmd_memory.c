// SPDX-License-Identifier: MIT
//
// Memory backends, DIMMs, and what the machine has of both. Formats as scripts know them from QEMU.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backends/memory_backend.h"
#include "hw/mem/pc_dimm.h"
#include "hw/pc/dimm_watch.h"
#include "monitor/internal.h"

#define MAX_PROPERTIES 32

bool cmd_object_add(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    if (!*arguments) {
        out_printf(out, "object_add: string expected\nTry \"help object_add\" for more information\n");
        return true;
    }
    return backend_help(arguments, out_text, (void *)out) || object_add_text(machine->backends, arguments, false, errp);
}

// The DIMM with this backend, when its removal was asked for.
static struct pc_dimm *leaving_dimm(struct machine *machine, const char *backend)
{
    struct memory_device_state *state = machine->memory_devices;
    for (struct memory_device *m = state ? state->devices : NULL; m; m = m->next)
        if (m->device->deleting && !strcmp(pc_dimm_of(m->device)->memdev->id, backend))
            return pc_dimm_of(m->device);
    return NULL;
}

static bool wait_for(const struct machine *machine, const struct pc_dimm *dimm, const struct output *out, struct error **errp)
{
    const char *id = dimm->memdev->id;
    if (!out->wait)
        return error_set(errp, "object_del -w: this connection cannot wait; DEVICE_DELETED tells when the DIMM of '%s' has gone", id);
    if (machine->state != RUN_STATE_RUNNING)
        out_printf(out, "the machine is paused: its guest cannot let go of the DIMM of '%s' before 'cont'\n", id);
    *out->wait = (struct monitor_wait){ .backend = strdup(id), .slot = dimm->slot };
    return true;
}

bool cmd_object_del(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    char *id = next_word(&arguments);
    bool wait = id && !strcmp(id, "-w");
    if (wait)
        id = next_word(&arguments);
    if (!id) {
        out_printf(out, "object_del: string expected\nTry \"help object_del\" for more information\n");
        return true;
    }
    if (has_more(arguments, "object_del", out))
        return true;
    const struct pc_dimm *leaving = leaving_dimm(machine, id);
    if (wait && leaving)
        return wait_for(machine, leaving, out, errp);
    if (backend_delete(machine->backends, id, errp))
        return true;
    if (leaving)
        error_hint(errp, "Its DIMM is being removed, and the guest has not let go of it so far; 'object_del -w %s' waits for that.", id);
    return false;
}

// Cuts one word off *text in place (",," stands for a comma); false at the end.
static bool cut_word(char **text, char **word)
{
    char *from = *text, *to = from;
    *word = from;
    if (!*from)
        return false;
    while (*from && !(*from == ',' && from[1] != ',')) {
        from += *from == ',';
        *to++ = *from++;
    }
    *text = from + (*from == ',');
    *to = 0;
    return true;
}

// "DRIVER,key=value,...", or driver=DRIVER anywhere.
bool device_add_list(struct machine *machine, char *text, struct error **errp)
{
    const char *properties[MAX_PROPERTIES][2], *driver = NULL, *id = NULL;
    unsigned count = 0;
    char *word;
    for (bool first = true; cut_word(&text, &word); first = false) {
        char *value = strchr(word, '=');
        if (value)
            *value++ = 0;
        if (first && !value) {
            driver = word;
        } else if (value && !strcmp(word, "driver")) {
            driver = value;
        } else if (value && !strcmp(word, "id")) {
            id = value;
        } else if (count < MAX_PROPERTIES) {
            properties[count][0] = word;
            properties[count++][1] = value ? value : "on";
        } else {
            return error_set(errp, "device %s: too many properties", driver ? driver : "");
        }
    }
    if (!driver)
        return error_set(errp, "Parameter 'driver' is missing");
    return pc_add_device(machine, driver, id, (const char *const (*)[2])properties, count, errp) != NULL;
}

bool cmd_device_add(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    if (device_help(&machine->registry, arguments, out_text, (void *)out))
        return true;
    return device_add_text(machine, arguments, errp);
}

bool cmd_device_del(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    char *id = next_word(&arguments);
    if (!id) {
        out_printf(out, "device_del: string expected\nTry \"help device_del\" for more information\n");
        return true;
    }
    return has_more(arguments, "device_del", out) || pc_remove_device(machine, id, errp);
}

bool info_memory_devices(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    struct memory_device_state *state = machine->memory_devices;
    for (struct memory_device *m = state ? state->devices : NULL; m; m = m->next) {
        struct pc_dimm *dimm = pc_dimm_of(m->device);
        struct dimm_state guest;
        dimm_state_get(machine, dimm, &guest);
        out_printf(out, "Memory device [dimm]: \"%s\"\n  addr: 0x%llx\n  slot: %d\n  node: %u\n  size: %llu\n  memdev: /objects/%s\n"
                        "  hotplugged: %s\n  hotpluggable: %s\n  state: %s\n%s%s%s",
                   m->device->id ? m->device->id : "", (unsigned long long)m->addr, m->slot, dimm->node, (unsigned long long)m->size,
                   dimm->memdev->id, m->device->hotplugged ? "true" : "false", m->device->type->hotpluggable ? "true" : "false",
                   guest.text, *guest.reason ? "  reason: " : "", guest.reason, *guest.reason ? "\n" : "");
    }
    return true;
}

static const char *yes(bool v) { return v ? "true" : "false"; }

bool info_memdev(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    for (struct memory_backend *b = backend_first(machine->backends); b; b = b->next) {
        char *nodes = backend_host_nodes(b);
        out_printf(out, "memory backend: %s\n  size:  %llu\n  merge: %s\n  dump: %s\n  prealloc: %s\n  share: %s\n  reserve: %s\n"
                        "  policy: %s\n  host nodes: %s\n",
                   b->id, (unsigned long long)b->size, yes(b->merge), yes(b->dump), yes(b->prealloc), yes(b->share), yes(b->reserve),
                   memory_policy_name(b->policy), nodes);
        free(nodes);
    }
    return true;
}

static uint64_t plugged(const struct machine *machine)
{
    return machine->memory_devices ? memory_device_plugged(machine->memory_devices) : 0;
}

bool info_memory_size_summary(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    out_printf(out, "base memory: %llu\nplugged memory: %llu\n", (unsigned long long)machine->ram_size, (unsigned long long)plugged(machine));
    return true;
}

bool info_mtree(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    bool flat = false, disabled = false;
    for (char *option; (option = next_word(&arguments));) {
        if (strcmp(option, "-f") && strcmp(option, "-D"))
            return error_set(errp, "info mtree: unknown option '%s' (-f shows the flat view, -D disabled regions, too)", option);
        flat |= option[1] == 'f';
        disabled |= option[1] == 'D';
    }
    struct address_space *const spaces[] = { &machine->memory, &machine->ports };
    for (unsigned i = 0; i < 2; i++) {
        if (flat)
            address_space_print_flat(spaces[i], out_text, (void *)out);
        else
            address_space_print_tree(spaces[i], disabled, out_text, (void *)out);
    }
    return true;
}

// There is no such device; clients ask all the same, and know this answer.
static bool no_balloon(struct error **errp)
{
    return error_set_class(errp, ERROR_DEVICE_NOT_ACTIVE, "No balloon device has been activated");
}

bool info_balloon(struct machine *machine, char *arguments, const struct output *out, struct error **errp) { return no_balloon(errp); }
bool cmd_balloon(struct machine *machine, char *arguments, const struct output *out, struct error **errp) { return no_balloon(errp); }
