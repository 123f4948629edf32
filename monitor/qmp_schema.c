// SPDX-License-Identifier: MIT
//
// query-qmp-schema: commands, events and their arguments as QMP describes itself (QEMU's qapi/introspect.json), made of the same
// rows that arguments are checked against. What a command returns is not described: any value.
#if HAVE_JANSSON
#include <stdio.h>
#include <string.h>
#include "backends/memory_backend.h"
#include "monitor/internal.h"
#include "monitor/qmp.h"

struct schema { json_t *entries; unsigned types; }; // types: named so far

static void add(struct schema *s, json_t *entry)
{
    json_array_append_new(s->entries, entry);
}

static json_t *member(const char *name, const char *type, bool optional)
{
    json_t *m = json_pack("{s:s,s:s}", "name", name, "type", type);
    if (optional)
        json_object_set_new(m, "default", json_null());
    return m;
}

static const char *new_name(struct schema *s, char name[16])
{
    snprintf(name, 16, "%u", s->types++);
    return name;
}

// The name of a new type of objects; takes the members.
static const char *add_object(struct schema *s, json_t *members, char name[16])
{
    add(s, json_pack("{s:s,s:s,s:o}", "name", new_name(s, name), "meta-type", "object", "members", members));
    return name;
}

static const char *add_enum(struct schema *s, const char *const *values, size_t count, char name[16])
{
    json_t *members = json_array(), *texts = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(members, json_pack("{s:s}", "name", values[i]));
        json_array_append_new(texts, json_string(values[i]));
    }
    add(s, json_pack("{s:s,s:s,s:o,s:o}", "name", new_name(s, name), "meta-type", "enum", "members", members, "values", texts));
    return name;
}

// The members that a row's words name.
static json_t *members_of(const char *spec)
{
    struct qmp_parameter p;
    json_t *members = json_array();
    while (qmp_next_parameter(&spec, &p))
        json_array_append_new(members, member(p.name, !strcmp(p.type, "list") ? "[any]" : p.type, p.optional));
    return members;
}

static const char *add_arguments(struct schema *s, const char *spec, char name[16])
{
    return *spec ? add_object(s, members_of(spec), name) : "0";
}

// ---- object-add: the members depend on the type

static const char *type_of(struct schema *s, const struct backend_property *p, char name[16])
{
    const char *values[POLICY_INTERLEAVE + 1];
    size_t count = 0;
    switch (p->kind) {
    case BACKEND_SIZE: case BACKEND_UINT32: return "int";
    case BACKEND_STRING: return "str";
    case BACKEND_NODES: return "[int]";
    case BACKEND_POLICY:
        for (; count <= POLICY_INTERLEAVE; count++)
            values[count] = memory_policy_name((enum memory_policy)count);
        return add_enum(s, values, count, name);
    case BACKEND_ROM:
        return add_enum(s, (const char *const[]){ "auto", "on", "off" }, 3, name);
    default: return "bool";
    }
}

static bool is_required(const char *property)
{
    return !strcmp(property, "size") || !strcmp(property, "mem-path");
}

static const char *add_object_add(struct schema *s, char name[16])
{
    const char *types[16];
    size_t count = 0;
    json_t *variants = json_array();
    for (; count < 16 && backend_type(count); count++) {
        const struct backend_property *p;
        json_t *members = json_array();
        char object[16], type[16];
        types[count] = backend_type(count);
        for (size_t i = 0; (p = backend_property(types[count], i)); i++)
            if (p->kind != BACKEND_REFUSED && strcmp(p->name, "id"))
                json_array_append_new(members, member(p->name, type_of(s, p, type), !is_required(p->name)));
        json_array_append_new(variants, json_pack("{s:s,s:s}", "case", types[count], "type", add_object(s, members, object)));
    }
    char kinds[16];
    add_enum(s, types, count, kinds);
    json_t *members = json_pack("[o,o]", member("qom-type", kinds, false), member("id", "str", false));
    add(s, json_pack("{s:s,s:s,s:o,s:s,s:o}", "name", new_name(s, name), "meta-type", "object", "members", members, "tag", "qom-type", "variants",
                     variants));
    return name;
}

// ----

static void add_builtins(struct schema *s)
{
    static const char *const types[][2] = { { "str", "string" }, { "int", "int" }, { "bool", "boolean" }, { "any", "value" } };
    static const char *const arrays[][2] = { { "[any]", "any" }, { "[int]", "int" } };
    char name[16];
    add_object(s, json_array(), name); // "0": no members
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        add(s, json_pack("{s:s,s:s,s:s}", "name", types[i][0], "meta-type", "builtin", "json-type", types[i][1]));
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        add(s, json_pack("{s:s,s:s,s:s}", "name", arrays[i][0], "meta-type", "array", "element-type", arrays[i][1]));
}

json_t *qmp_query_schema(struct machine *machine, const json_t *arguments, struct error **errp)
{
    struct schema s = { json_array(), 0 };
    char type[16];
    add_builtins(&s);
    for (size_t i = 0; i < qmp_command_count; i++) {
        const struct qmp_command *c = &qmp_commands[i];
        const char *in = !strcmp(c->name, "object-add") ? add_object_add(&s, type) : add_arguments(&s, c->arguments, type);
        const char *out = c->effect == EFFECT_CHANGES ? "0" : c->effect == EFFECT_LINE ? "str" : "any";
        add(&s, json_pack("{s:s,s:s,s:s,s:s}", "name", c->name, "meta-type", "command", "arg-type", in, "ret-type", out));
    }
    const char *name, *members;
    for (size_t i = 0; (name = qmp_event_name(i, &members)); i++)
        add(&s, json_pack("{s:s,s:s,s:s}", "name", name, "meta-type", "event", "arg-type", add_arguments(&s, members, type)));
    return s.entries;
}
#endif
