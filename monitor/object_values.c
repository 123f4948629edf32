// SPDX-License-Identifier: MIT
//
// Values of the object tree: as JSON to readers, as text from writers. Each kind of object gives its values in one function, which
// serves lists and single reads alike.
#include "monitor/object_values.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backends/memory_backend.h"
#include "hw/core/device.h"
#include "hw/mem/memory_device.h"
#include "hw/mem/pc_dimm.h"
#include "hw/pc/numa.h"
#include "hw/pc/pc.h"
#include "target/i386/cpu.h"
#include "util/error.h"
#include "util/format.h"
#include "util/state.h"

// A list (fn) or the value of one property (wanted; json is where it goes).
struct reader { object_fn *fn; void *opaque; const char *wanted; char *json; bool stopped; };

// ---- JSON

static void put_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        if ((unsigned char)*text < 0x20)
            fprintf(out, "\\u%04x", (unsigned)*text);
        else
            fputc(*text, out);
    }
    fputc('"', out);
}

static char *quoted(const char *text)
{
    char *json = NULL;
    size_t size;
    FILE *out = open_memstream(&json, &size);
    if (!out)
        abort();
    put_quoted(out, text);
    fclose(out);
    return json;
}

// Is this property's value wanted? Lists it if that is what is done.
static bool want(struct reader *r, const char *name, const char *type)
{
    if (r->fn)
        r->stopped = r->stopped || !r->fn(r->opaque, name, type, NULL);
    return !r->fn && !r->json && !strcmp(name, r->wanted);
}

static void give_bool(struct reader *r, const char *name, bool value)
{
    if (want(r, name, "bool"))
        r->json = format_text("%s", value ? "true" : "false");
}

static void give_number(struct reader *r, const char *name, const char *type, uint64_t value)
{
    if (want(r, name, type))
        r->json = format_text("%" PRIu64, value);
}

// Takes `text`, which is malloced.
static void give_text(struct reader *r, const char *name, const char *type, char *text)
{
    if (want(r, name, type))
        r->json = quoted(text);
    free(text);
}

// ---- devices and backends

static void read_device(struct reader *r, const struct device *d)
{
    give_bool(r, "realized", d->realized);
    give_bool(r, "hotplugged", d->hotplugged);
    give_bool(r, "hotpluggable", d->type->hotpluggable);
    for (size_t i = 0; i < d->type->property_count; i++) {
        const struct property *p = &d->type->properties[i];
        if (!want(r, p->name, property_type_name(p->type)))
            continue;
        char *text = device_get(d, p);
        switch (p->type) {
        case PROPERTY_STRING: case PROPERTY_CHARDEV: r->json = quoted(text); break;
        case PROPERTY_BACKEND: {
            char *path = format_text(*text ? "/objects/%s" : "%s", text);
            r->json = quoted(path);
            free(path);
            break;
        }
        default: r->json = format_text("%s", text); break; // true, false, digits
        }
        free(text);
    }
}

// QEMU's names.
const char *object_backend_type(int kind)
{
    switch (kind) {
    case BACKEND_BOOL: case BACKEND_IGNORED: return "bool";
    case BACKEND_POLICY: return "HostMemPolicy";
    case BACKEND_ROM: return "OnOffAuto";
    case BACKEND_STRING: return "string";
    default: return "int";
    }
}

static char *node_list(const struct memory_backend *backend)
{
    char *json = NULL;
    size_t size;
    const char *comma = "";
    FILE *out = open_memstream(&json, &size);
    if (!out)
        abort();
    fputc('[', out);
    for (unsigned n = 0; n < HOST_NODES_MAX; n++)
        if (backend->host_nodes[n / 64] >> n % 64 & 1) {
            fprintf(out, "%s%u", comma, n);
            comma = ", ";
        }
    fputc(']', out);
    fclose(out);
    return json;
}

static void read_backend(struct reader *r, const struct memory_backend *backend)
{
    const struct backend_property *p;
    for (size_t i = 0; (p = backend_property(backend->type, i)); i++) {
        if (p->kind == BACKEND_REFUSED || !strcmp(p->name, "id") || !want(r, p->name, object_backend_type(p->kind)))
            continue;
        char *text = backend_get(backend, p);
        switch (p->kind) {
        case BACKEND_BOOL: case BACKEND_IGNORED: r->json = format_text("%s", !strcmp(text, "on") ? "true" : "false"); break;
        case BACKEND_SIZE: case BACKEND_UINT32: r->json = format_text("%" PRIu64, (uint64_t)strtoull(text, NULL, 10)); break;
        case BACKEND_NODES: r->json = node_list(backend); break;
        default: r->json = quoted(text); break;
        }
        free(text);
    }
}

// ---- memory, CPUs, chips, the machine

static void read_region(struct reader *r, struct machine *machine, const struct region *region)
{
    give_text(r, "container", "link<memory-region>", region->parent ? object_region_path(machine, region->parent) : format_text("%s", ""));
    give_number(r, "addr", "uint64", region->base);
    give_number(r, "size", "uint64", region->size);
    if (want(r, "priority", "uint32"))
        r->json = format_text("%d", region->priority);
}

static void read_backend_memory(struct reader *r, struct machine *machine, const struct memory_backend *backend)
{
    const struct memory_device *m = machine->memory_devices ? machine->memory_devices->devices : NULL;
    while (m && pc_dimm_of(m->device)->memdev != backend)
        m = m->next;
    if (m)
        read_region(r, machine, &pc_dimm_of(m->device)->region);
    else
        read_region(r, machine, &(struct region){ .size = backend->size });
}

static void read_cpu(struct reader *r, struct machine *machine, unsigned number)
{
    const struct numa *numa = pc_numa(machine);
    unsigned cores = numa_cpus_per_socket(numa);
    give_bool(r, "realized", true);
    give_bool(r, "hotplugged", false);
    give_bool(r, "hotpluggable", false);
    give_number(r, "apic-id", "uint32", pc_cpu(machine, number)->apic_id);
    give_number(r, "socket-id", "int32", number / cores);
    give_number(r, "core-id", "int32", number % cores);
    give_number(r, "thread-id", "int32", 0);
    if (numa->count)
        give_number(r, "node-id", "int32", (uint64_t)numa->cpu_node[number]);
}

static void read_field(void *opaque, const char *path, uint64_t value, unsigned size)
{
    give_number(opaque, path, size == 1 ? "uint8" : size == 2 ? "uint16" : size == 4 ? "uint32" : "uint64", value);
}

static void read_chip(void *opaque, const char *part, const struct state_table *table, const void *instance)
{
    state_write(&(struct state_writer){ .value = read_field, .opaque = opaque, .paths = true }, table, instance);
}

static void read_machine(struct reader *r, struct machine *machine)
{
    const struct pc_options *o = pc_options(machine);
    if (want(r, "memory", "MemorySizeConfiguration"))
        r->json = format_text("{\"size\": %" PRIu64 ", \"slots\": %u, \"max-size\": %" PRIu64 "}", machine->ram_size, machine->ram_slots,
                            machine->max_ram_size);
    give_text(r, "memory-backend", "link<memory-backend>",
              numa_has_memory(pc_numa(machine)) ? format_text("%s", "") : format_text("/objects/%s", o->memory_backend ? o->memory_backend : "pc.ram"));
    give_text(r, "acpi", "OnOffAuto", format_text("%s", machine->acpi ? "on" : "off"));
}

// ---- all of them

static void read_values(struct reader *r, struct machine *machine, const struct object *o)
{
    switch (o->kind) {
    case OBJECT_MACHINE: read_machine(r, machine); break;
    case OBJECT_CPU: read_cpu(r, machine, o->number); break;
    case OBJECT_CHIP: object_chip(machine, o->number, read_chip, r); break;
    case OBJECT_DEVICE: read_device(r, o->device); break;
    case OBJECT_BACKEND: read_backend(r, o->backend); break;
    case OBJECT_BACKEND_MEMORY: read_backend_memory(r, machine, o->backend); break;
    case OBJECT_REGION: read_region(r, machine, o->region); break;
    case OBJECT_ROOT: case OBJECT_PERIPHERAL: case OBJECT_UNNAMED: case OBJECT_UNATTACHED: case OBJECT_BACKENDS: break;
    }
}

bool object_each_value(struct machine *machine, const struct object *object, object_fn *fn, void *opaque)
{
    struct reader r = { .fn = fn, .opaque = opaque };
    read_values(&r, machine, object);
    return !r.stopped;
}

struct named_child { const char *name; bool there; };

static bool is_child(void *opaque, const char *name, const char *type, const struct object *object)
{
    struct named_child *n = opaque;
    n->there = n->there || (object && !strcmp(name, n->name));
    return !n->there;
}

// Of an object that holds others.
static char *path_of(const struct object *object)
{
    switch (object->kind) {
    case OBJECT_MACHINE: return format_text("/machine");
    case OBJECT_PERIPHERAL: return format_text("/machine/peripheral");
    case OBJECT_UNNAMED: return format_text("/machine/peripheral-anon");
    case OBJECT_UNATTACHED: return format_text("/machine/unattached");
    case OBJECT_BACKENDS: return format_text("/objects");
    case OBJECT_BACKEND: return format_text("/objects/%s", object->backend->id);
    default: return format_text("%s", "");
    }
}

char *object_get(struct machine *machine, const struct object *object, const char *property, struct error **errp)
{
    struct reader r = { .wanted = property };
    if (!strcmp(property, "type")) {
        char *type = object_type(machine, object), *json = quoted(type);
        free(type);
        return json;
    }
    read_values(&r, machine, object);
    struct named_child n = { .name = property };
    if (!r.json)
        object_each(machine, object, is_child, &n);
    if (n.there) {
        char *path = path_of(object), *of_child = format_text("%s/%s", path, property);
        r.json = quoted(of_child);
        free(of_child);
        free(path);
    }
    if (!r.json) {
        char *type = object_type(machine, object);
        error_set(errp, "Property '%s.%s' not found", type, property);
        free(type);
    }
    return r.json;
}

bool object_set(struct machine *machine, const struct object *object, const char *property, const char *value, struct error **errp)
{
    char *now = object_get(machine, object, property, errp);
    if (!now)
        return false;
    free(now);
    if (object->kind == OBJECT_BACKEND && backend_property_find(object->backend->type, property))
        return backend_set(object->backend, property, value, errp);
    const struct device_type *t = object->kind == OBJECT_DEVICE ? object->device->type : NULL;
    for (size_t i = 0; t && i < t->property_count; i++)
        if (!strcmp(t->properties[i].name, property) && !t->properties[i].read_only)
            return device_set(object->device, property, value, errp); // which says why not
    char *type = object_type(machine, object);
    error_set(errp, "Property '%s.%s' is not writable", type, property);
    free(type);
    return false;
}
