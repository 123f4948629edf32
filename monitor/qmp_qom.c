// SPDX-License-Identifier: MIT
//
// QMP: paths. There is no object tree; the paths that clients ask for are read as such: /objects/ID, /machine/peripheral/ID,
// /machine/peripheral-anon/device[N], /machine/unattached/device[N] (a CPU), and what contains them.
#if HAVE_JANSSON
#define _GNU_SOURCE // asprintf
#include "monitor/qmp.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backends/memory_backend.h"
#include "hw/core/device.h"

enum node_kind { NONE, ROOT, MACHINE, PERIPHERAL, UNNAMED, UNATTACHED, OBJECTS, CPU, DEVICE, BACKEND };
struct node { enum node_kind kind; const struct device *device; struct memory_backend *backend; };

// ---- paths

// "device[N]"
static bool numbered(const char *text, unsigned *number)
{
    char rest[2];
    return sscanf(text, "device[%u%1[]]", number, rest) == 2 && text[7] >= '0' && text[7] <= '9' && text[strlen(text) - 1] == ']' &&
           strspn(text + 7, "0123456789") == strlen(text) - 8;
}

static struct node in_folder(struct machine *machine, enum node_kind folder, const char *name)
{
    struct node node = { .kind = NONE };
    unsigned number = 0;
    bool has_number = numbered(name, &number);
    switch (folder) {
    case OBJECTS:
        node.backend = backend_find(machine->backends, name);
        node.kind = node.backend ? BACKEND : NONE;
        break;
    case PERIPHERAL:
        node.device = machine_find_device(machine, name);
        node.kind = node.device ? DEVICE : NONE;
        break;
    case UNNAMED:
        for (const struct device *d = has_number ? machine->devices : NULL; d; d = d->next)
            if (!d->id && d->unnamed_number == number && number != DEVICE_OF_BOARD)
                node = (struct node){ .kind = DEVICE, .device = d };
        break;
    case UNATTACHED:
        node.kind = has_number && number < machine->cpu_count ? CPU : NONE;
        break;
    default: break;
    }
    return node;
}

static struct node resolve(struct machine *machine, const char *path)
{
    static const struct { const char *path; enum node_kind kind; } folders[] = {
        { "/", ROOT }, { "/machine", MACHINE }, { "/machine/peripheral", PERIPHERAL }, { "/machine/peripheral-anon", UNNAMED },
        { "/machine/unattached", UNATTACHED }, { "/objects", OBJECTS },
    };
    struct node node = { .kind = NONE };
    for (size_t i = 0; i < sizeof folders / sizeof *folders && *path == '/'; i++) {
        size_t n = strlen(folders[i].path);
        if (!strcmp(path, folders[i].path))
            return (struct node){ .kind = folders[i].kind };
        if (!strncmp(path, folders[i].path, n) && path[n] == '/' && n > 1)
            node = in_folder(machine, folders[i].kind, path + n + 1);
        if (node.kind != NONE)
            return node;
    }
    if (*path == '/')
        return node;
    node = in_folder(machine, PERIPHERAL, path); // a name alone is enough
    return node.kind != NONE ? node : in_folder(machine, OBJECTS, path);
}

static bool find(struct machine *machine, const char *path, struct node *node, struct error **errp)
{
    *node = resolve(machine, path);
    return node->kind != NONE || error_set_class(errp, ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", path);
}

// ---- properties

static const char *property_type_name(enum property_type type)
{
    static const char *const names[] = {
        [PROPERTY_BOOL] = "bool", [PROPERTY_UINT8] = "uint8", [PROPERTY_UINT16] = "uint16", [PROPERTY_UINT32] = "uint32",
        [PROPERTY_UINT64] = "uint64", [PROPERTY_INT32] = "int32", [PROPERTY_INT64] = "int64", [PROPERTY_SIZE] = "uint64",
        [PROPERTY_STRING] = "str", [PROPERTY_BACKEND] = "link<memory-backend>", [PROPERTY_CHARDEV] = "str",
    };
    return names[type];
}

// Of QEMU's names for the same.
static const char *backend_type_name(enum backend_kind kind)
{
    switch (kind) {
    case BACKEND_BOOL: case BACKEND_IGNORED: return "bool";
    case BACKEND_POLICY: return "HostMemPolicy";
    case BACKEND_ROM: return "OnOffAuto";
    case BACKEND_STRING: return "string";
    default: return "int";
    }
}

static void list_add(json_t *list, const char *name, const char *type)
{
    json_array_append_new(list, json_pack("{s:s,s:s}", "name", name, "type", type));
}

static void list_child(json_t *list, const char *name, const char *type)
{
    char *text = NULL;
    if (asprintf(&text, "child<%s>", type) < 0)
        abort();
    list_add(list, name, text);
    free(text);
}

static void list_numbered(json_t *list, unsigned number, const char *type)
{
    char name[32];
    snprintf(name, sizeof name, "device[%u]", number);
    list_child(list, name, type);
}

static void list_device(json_t *list, const struct device *device)
{
    list_add(list, "realized", "bool");
    list_add(list, "hotplugged", "bool");
    list_add(list, "hotpluggable", "bool");
    for (size_t i = 0; i < device->type->property_count; i++)
        list_add(list, device->type->properties[i].name, property_type_name(device->type->properties[i].type));
}

static void list_backend(json_t *list, const struct memory_backend *backend)
{
    const struct backend_property *p;
    for (size_t i = 0; (p = backend_property(backend->type, i)); i++)
        if (p->kind != BACKEND_REFUSED && strcmp(p->name, "id"))
            list_add(list, p->name, backend_type_name(p->kind));
}

json_t *qmp_qom_list(struct machine *machine, const json_t *arguments, struct error **errp)
{
    struct node node;
    if (!find(machine, qmp_string(arguments, "path"), &node, errp))
        return NULL;
    json_t *list = json_array();
    list_add(list, "type", "string");
    switch (node.kind) {
    case ROOT:
        list_child(list, "machine", machine->type_name);
        list_child(list, "objects", "container");
        break;
    case MACHINE:
        list_child(list, "peripheral", "container");
        list_child(list, "peripheral-anon", "container");
        list_child(list, "unattached", "container");
        break;
    case PERIPHERAL: case UNNAMED:
        for (const struct device *d = machine->devices; d; d = d->next) {
            if (d->id && node.kind == PERIPHERAL)
                list_child(list, d->id, d->type->name);
            if (!d->id && node.kind == UNNAMED && d->unnamed_number != DEVICE_OF_BOARD)
                list_numbered(list, d->unnamed_number, d->type->name);
        }
        break;
    case UNATTACHED:
        for (unsigned i = 0; i < machine->cpu_count; i++)
            list_numbered(list, i, "x86_64-cpu");
        break;
    case OBJECTS:
        for (const struct memory_backend *b = backend_first(machine->backends); b; b = b->next)
            list_child(list, b->id, b->type);
        break;
    case DEVICE: list_device(list, node.device); break;
    case BACKEND: list_backend(list, node.backend); break;
    case CPU: case NONE: break;
    }
    return list;
}

static json_t *device_value(const struct device *device, const struct property *p)
{
    char *text = device_get(device, p), *path = NULL;
    json_t *value;
    switch (p->type) {
    case PROPERTY_BOOL: value = json_boolean(!strcmp(text, "true")); break;
    case PROPERTY_STRING: case PROPERTY_CHARDEV: value = qmp_text(text, strlen(text)); break;
    case PROPERTY_BACKEND:
        if (asprintf(&path, *text ? "/objects/%s" : "%s", text) < 0)
            abort();
        value = qmp_text(path, strlen(path));
        break;
    default: value = json_integer(*text == '-' ? strtoll(text, NULL, 10) : (json_int_t)strtoull(text, NULL, 10)); break;
    }
    free(path);
    free(text);
    return value;
}

static json_t *backend_value(const struct memory_backend *backend, const struct backend_property *p)
{
    char *text = backend_get(backend, p);
    json_t *value;
    switch (p->kind) {
    case BACKEND_BOOL: case BACKEND_IGNORED: value = json_boolean(!strcmp(text, "on")); break;
    case BACKEND_SIZE: case BACKEND_UINT32: value = json_integer((json_int_t)strtoull(text, NULL, 10)); break;
    case BACKEND_NODES:
        value = json_array();
        for (unsigned n = 0; n < HOST_NODES_MAX; n++)
            if (backend->host_nodes[n / 64] >> n % 64 & 1)
                json_array_append_new(value, json_integer(n));
        break;
    default: value = qmp_text(text, strlen(text)); break;
    }
    free(text);
    return value;
}

static const char *type_of(const struct machine *machine, const struct node *node)
{
    switch (node->kind) {
    case DEVICE: return node->device->type->name;
    case BACKEND: return node->backend->type;
    case MACHINE: return machine->type_name;
    case CPU: return "x86_64-cpu";
    default: return "container";
    }
}

static json_t *value_of_device(const struct device *d, const char *name)
{
    if (!strcmp(name, "realized"))
        return json_boolean(d->realized);
    if (!strcmp(name, "hotplugged"))
        return json_boolean(d->hotplugged);
    if (!strcmp(name, "hotpluggable"))
        return json_boolean(d->type->hotpluggable);
    for (size_t i = 0; i < d->type->property_count; i++)
        if (!strcmp(d->type->properties[i].name, name))
            return device_value(d, &d->type->properties[i]);
    return NULL;
}

// A folder's property is the path of what it holds.
static json_t *value_of_folder(struct machine *machine, const char *folder, const char *name)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", strcmp(folder, "/") ? folder : "", name) < 0)
        abort();
    json_t *value = *folder == '/' && resolve(machine, path).kind != NONE ? qmp_text(path, strlen(path)) : NULL;
    free(path);
    return value;
}

json_t *qmp_qom_get(struct machine *machine, const json_t *arguments, struct error **errp)
{
    const char *path = qmp_string(arguments, "path"), *name = qmp_string(arguments, "property");
    struct node node;
    json_t *value = NULL;
    if (!find(machine, path, &node, errp))
        return NULL;
    const struct backend_property *p = node.kind == BACKEND ? backend_property_find(node.backend->type, name) : NULL;
    if (!strcmp(name, "type"))
        return json_string(type_of(machine, &node));
    if (node.kind == DEVICE)
        value = value_of_device(node.device, name);
    else if (p && p->kind != BACKEND_REFUSED)
        value = backend_value(node.backend, p);
    else if (node.kind != BACKEND && node.kind != CPU)
        value = value_of_folder(machine, path, name);
    if (!value)
        error_set(errp, "Property '%s.%s' not found", type_of(machine, &node), name);
    return value;
}

json_t *qmp_qom_set(struct machine *machine, const json_t *arguments, struct error **errp)
{
    const char *name = qmp_string(arguments, "property");
    const json_t *value = json_object_get(arguments, "value");
    struct node node;
    if (!find(machine, qmp_string(arguments, "path"), &node, errp))
        return NULL;
    if (node.kind == DEVICE) { // says why not
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        bool ok = text && device_set((struct device *)node.device, name, text, errp);
        free(text);
        return ok ? json_object() : NULL;
    }
    const struct backend_property *p = node.kind == BACKEND ? backend_property_find(node.backend->type, name) : NULL;
    char number[32];
    snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
    const char *text = json_is_boolean(value) ? json_is_true(value) ? "on" : "off" : json_is_integer(value) ? number : json_string_value(value);
    if (!p)
        error_set(errp, "Property '%s.%s' not found", type_of(machine, &node), name);
    else if (p->kind == BACKEND_BOOL && !json_is_boolean(value))
        qmp_wrong_type(name, "boolean", errp);
    else if (p->kind == BACKEND_UINT32 && !json_is_integer(value))
        qmp_wrong_type(name, "integer", errp);
    else if (!text)
        qmp_wrong_type(name, "string", errp);
    else if (backend_set(node.backend, name, text, errp))
        return json_object();
    return NULL;
}

// ---- types

json_t *qmp_qom_list_types(struct machine *machine, const json_t *arguments, struct error **errp)
{
    const char *wanted = qmp_string(arguments, "implements"), *type;
    json_t *list = json_array();
    for (size_t i = 0; (type = backend_type(i)); i++)
        if (!wanted || !strcmp(wanted, type) || !strcmp(wanted, "memory-backend") || !strcmp(wanted, "object"))
            json_array_append_new(list, json_pack("{s:s,s:s}", "name", type, "parent", "memory-backend"));
    for (size_t i = 0; i < machine->registry.count; i++) {
        const struct device_type *t = machine->registry.types[i];
        bool memory = !strcmp(t->name, "pc-dimm") && wanted && !strcmp(wanted, "memory-device");
        if (!wanted || memory || !strcmp(wanted, t->name) || !strcmp(wanted, "device") || !strcmp(wanted, "object"))
            json_array_append_new(list, json_pack("{s:s,s:s}", "name", t->name, "parent", "device"));
    }
    return list;
}

json_t *qmp_device_list_properties(struct machine *machine, const json_t *arguments, struct error **errp)
{
    const char *name = qmp_string(arguments, "typename");
    const struct device_type *type = device_type_find(&machine->registry, name);
    if (!type) {
        error_set_class(errp, ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", name);
        return NULL;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < type->property_count; i++) {
        const struct property *p = &type->properties[i];
        json_t *row = json_pack("{s:s,s:s}", "name", p->name, "type", property_type_name(p->type));
        bool text = p->type == PROPERTY_STRING || p->type == PROPERTY_BACKEND || p->type == PROPERTY_CHARDEV;
        if (!text && !p->read_only)
            json_object_set_new(row, "default-value", p->type == PROPERTY_BOOL ? json_boolean(p->default_value) : json_integer(p->default_value));
        if (p->help)
            json_object_set_new(row, "description", json_string(p->help));
        json_array_append_new(list, row);
    }
    return list;
}
#endif
