// SPDX-License-Identifier: MIT
//
// The tree's shape: what holds what, and which object a path means.
#include "monitor/object_tree.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backends/memory_backend.h"
#include "hw/core/device.h"
#include "hw/mem/memory_device.h"
#include "hw/pc/numa.h"
#include "hw/pc/pc.h"
#include "monitor/object_values.h"
#include "target/i386/cpu.h"
#include "util/error.h"
#include "util/format.h"

#define CHIP_NAME_MAX 32

static const char *const folder_names[] = {
    [OBJECT_PERIPHERAL] = "peripheral", [OBJECT_UNNAMED] = "peripheral-anon", [OBJECT_UNATTACHED] = "unattached",
};

static bool of_board(const struct device *d)
{
    return !d->id && d->unnamed_number == DEVICE_OF_BOARD;
}

char *object_cpu_type(struct machine *machine)
{
    return format_text("%s-x86_64-cpu", cpu_model_name(pc_cpu(machine, 0)->model));
}

// ---- the board's chips

struct chip_search { unsigned at, wanted; pc_state_fn *fn; void *opaque; };

static void count_chip(void *opaque, const char *part, const struct state_table *table, const void *instance)
{
    struct chip_search *s = opaque;
    if (!strncmp(part, "device:", 7)) // has a place of its own
        return;
    if (s->at++ == s->wanted && s->fn)
        s->fn(s->opaque, part, table, instance);
}

static unsigned chip_count(struct machine *machine)
{
    struct chip_search s = { .at = 0 };
    pc_each_state(machine, count_chip, &s);
    return s.at;
}

void object_chip(struct machine *machine, unsigned number, pc_state_fn *fn, void *opaque)
{
    struct chip_search s = { .wanted = number, .fn = fn, .opaque = opaque };
    pc_each_state(machine, count_chip, &s);
}

static void copy_name(void *opaque, const char *part, const struct state_table *table, const void *instance)
{
    snprintf(opaque, CHIP_NAME_MAX, "%s", part);
}

// ---- memory regions

struct regions { const struct region **list; size_t count, room; };

static bool is_window(const struct machine *machine, const struct region *r)
{
    return machine->memory_devices && r == &machine->memory_devices->region;
}

// The window's children are in /objects.
static void gather(const struct machine *machine, struct regions *all, const struct region *r)
{
    if (all->count == all->room) {
        all->room = all->room ? 2 * all->room : 64;
        all->list = realloc(all->list, all->room * sizeof *all->list);
        if (!all->list)
            abort();
    }
    if (is_window(machine, r))
        return;
    all->list[all->count++] = r;
    for (const struct region *child = r->first_child; child; child = child->next_sibling)
        gather(machine, all, child);
}

static struct regions gather_all(const struct machine *machine)
{
    struct regions all = { 0 };
    gather(machine, &all, &machine->memory.root);
    gather(machine, &all, &machine->ports.root);
    return all;
}

// "NAME[N]": N counts those of one name. A slash in the name would split a path.
static void region_name(const struct regions *all, size_t index, char *text, size_t size)
{
    const char *name = all->list[index]->name;
    unsigned number = 0;
    size_t at = 0;
    for (size_t i = 0; i < index; i++)
        number += !strcmp(all->list[i]->name, name);
    for (; *name && at < size - 16; name++)
        at += (size_t)snprintf(text + at, size - at, *name == '/' ? "\\x2f" : "%c", *name);
    snprintf(text + at, size - at, "[%u]", number);
}

char *object_region_path(struct machine *machine, const struct region *region)
{
    char name[128] = "";
    struct regions all = gather_all(machine);
    for (size_t i = 0; i < all.count; i++)
        if (all.list[i] == region)
            region_name(&all, i, name, sizeof name);
    free(all.list);
    return format_text("%s%s", is_window(machine, region) ? "/machine/device-memory[0]" : *name ? "/machine/unattached/" : "", name);
}

// ---- children

struct walk { struct machine *machine; object_fn *fn; void *opaque; bool stopped; };

static bool child(struct walk *w, const char *name, const struct object *object)
{
    char *type = object_type(w->machine, object);
    w->stopped = w->stopped || !w->fn(w->opaque, name, type, object);
    free(type);
    return !w->stopped;
}

static bool numbered_child(struct walk *w, unsigned number, const struct object *object)
{
    char name[32];
    snprintf(name, sizeof name, "device[%u]", number);
    return child(w, name, object);
}

static void each_unattached(struct walk *w)
{
    struct machine *m = w->machine;
    unsigned number = 0, chips = chip_count(m);
    for (unsigned i = 0; i < m->cpu_count && !w->stopped; i++)
        numbered_child(w, number++, &(struct object){ .kind = OBJECT_CPU, .number = i });
    for (unsigned i = 0; i < chips && !w->stopped; i++)
        numbered_child(w, number++, &(struct object){ .kind = OBJECT_CHIP, .number = i });
    for (struct device *d = m->devices; d && !w->stopped; d = d->next)
        if (of_board(d))
            numbered_child(w, number++, &(struct object){ .kind = OBJECT_DEVICE, .device = d });
    struct regions all = gather_all(m);
    for (size_t i = 0; i < all.count && !w->stopped; i++) {
        char name[128];
        region_name(&all, i, name, sizeof name);
        child(w, name, &(struct object){ .kind = OBJECT_REGION, .region = all.list[i] });
    }
    free(all.list);
}

static void each_child(struct walk *w, const struct object *o)
{
    struct machine *m = w->machine;
    char name[256];
    switch (o->kind) {
    case OBJECT_ROOT:
        child(w, "machine", &(struct object){ .kind = OBJECT_MACHINE });
        child(w, "objects", &(struct object){ .kind = OBJECT_BACKENDS });
        break;
    case OBJECT_MACHINE:
        for (unsigned kind = OBJECT_PERIPHERAL; kind <= OBJECT_UNATTACHED; kind++)
            child(w, folder_names[kind], &(struct object){ .kind = kind });
        if (m->memory_devices)
            child(w, "device-memory[0]", &(struct object){ .kind = OBJECT_REGION, .region = &m->memory_devices->region });
        break;
    case OBJECT_PERIPHERAL:
        for (struct device *d = m->devices; d && !w->stopped; d = d->next)
            if (d->id)
                child(w, d->id, &(struct object){ .kind = OBJECT_DEVICE, .device = d });
        break;
    case OBJECT_UNNAMED:
        for (struct device *d = m->devices; d && !w->stopped; d = d->next)
            if (!d->id && !of_board(d))
                numbered_child(w, d->unnamed_number, &(struct object){ .kind = OBJECT_DEVICE, .device = d });
        break;
    case OBJECT_UNATTACHED: each_unattached(w); break;
    case OBJECT_BACKENDS:
        for (struct memory_backend *b = backend_first(m->backends); b && !w->stopped; b = b->next)
            child(w, b->id, &(struct object){ .kind = OBJECT_BACKEND, .backend = b });
        break;
    case OBJECT_BACKEND:
        snprintf(name, sizeof name, "%s[0]", o->backend->id);
        child(w, name, &(struct object){ .kind = OBJECT_BACKEND_MEMORY, .backend = o->backend });
        break;
    case OBJECT_CPU: case OBJECT_CHIP: case OBJECT_DEVICE: case OBJECT_BACKEND_MEMORY: case OBJECT_REGION: break;
    }
}

void object_each(struct machine *machine, const struct object *object, object_fn *fn, void *opaque)
{
    struct walk w = { machine, fn, opaque, !fn(opaque, "type", "string", NULL) };
    if (!w.stopped && object_each_value(machine, object, fn, opaque))
        each_child(&w, object);
}

char *object_type(struct machine *machine, const struct object *object)
{
    char chip[CHIP_NAME_MAX] = "";
    const char *type = "container";
    switch (object->kind) {
    case OBJECT_MACHINE: type = machine->type_name; break;
    case OBJECT_CPU: return object_cpu_type(machine);
    case OBJECT_CHIP:
        object_chip(machine, object->number, copy_name, chip);
        type = chip;
        break;
    case OBJECT_DEVICE: type = object->device->type->name; break;
    case OBJECT_BACKEND: type = object->backend->type; break;
    case OBJECT_BACKEND_MEMORY: case OBJECT_REGION: type = "memory-region"; break;
    case OBJECT_ROOT: case OBJECT_PERIPHERAL: case OBJECT_UNNAMED: case OBJECT_UNATTACHED: case OBJECT_BACKENDS: break;
    }
    char *copy = strdup(type);
    if (!copy)
        abort();
    return copy;
}

// ---- paths

struct step { const char *name; size_t length; struct object found; bool there; };

static bool is_named(void *opaque, const char *name, const char *type, const struct object *object)
{
    struct step *s = opaque;
    if (object && strlen(name) == s->length && !strncmp(name, s->name, s->length)) {
        s->found = *object;
        s->there = true;
    }
    return !s->there;
}

// From `object` down the names of path; empty ones are skipped.
static bool descend(struct machine *machine, struct object *object, const char *path)
{
    for (path += strspn(path, "/"); *path; path += strspn(path, "/")) {
        struct step s = { .name = path, .length = strcspn(path, "/") };
        struct walk w = { machine, is_named, &s, false };
        each_child(&w, object);
        if (!s.there)
            return false;
        *object = s.found;
        path += s.length;
    }
    return true;
}

struct search { struct machine *machine; const char *path; struct object found; unsigned count; };

static bool search(void *opaque, const char *name, const char *type, const struct object *object)
{
    struct search *s = opaque;
    struct object at = *object;
    if (descend(s->machine, &at, s->path)) {
        s->found = at;
        s->count++;
    }
    struct walk w = { s->machine, search, s, false };
    each_child(&w, object);
    return s->count < 2;
}

bool object_find(struct machine *machine, const char *path, struct object *object, struct error **errp)
{
    *object = (struct object){ .kind = OBJECT_ROOT };
    if (*path == '/')
        return descend(machine, object, path) || error_set_class(errp, ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", path);
    struct search s = { .machine = machine, .path = path };
    search(&s, "", "", object);
    *object = s.found;
    if (s.count > 1)
        return error_set(errp, "Path '%s' is ambiguous", path);
    return s.count || error_set_class(errp, ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", path);
}
