// SPDX-License-Identifier: MIT
//
// The human monitor's view of the object tree: qom-list, qom-get, qom-set and info qom-tree. Outputs and errors are QEMU's.
#include <stdlib.h>
#include <string.h>
#include "monitor/internal.h"
#include "monitor/object_tree.h"

static bool needs(const struct output *out, const char *command)
{
    out_printf(out, "%s: string expected\nTry \"help %s\" for more information\n", command, command);
    return true;
}

// More words than the command takes? Says so.
static bool too_many(const struct output *out, const char *command, const char *before, const char *rest)
{
    if (!rest[strspn(rest, " \t")])
        return false;
    out_printf(out, "%s: extraneous characters at the end of line\nTry \"help %s%s\" for more information\n", command, before, command);
    return true;
}

static bool show_property(void *opaque, const char *name, const char *type, const struct object *child)
{
    out_printf(opaque, child ? "%s (child<%s>)\n" : "%s (%s)\n", name, type);
    return true;
}

bool cmd_qom_list(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    const char *path = next_word(&arguments);
    struct object object;
    if (!path) {
        out_printf(out, "/\n");
        return true;
    }
    if (too_many(out, "qom-list", "", arguments))
        return true;
    if (!object_find(machine, path, &object, errp))
        return false;
    object_each(machine, &object, show_property, (void *)out);
    return true;
}

// JSON as QEMU prints it: what is in an object or list on lines of its own.
static void show_json(const struct output *out, const char *json)
{
    bool text = false;
    unsigned depth = 0;
    for (const char *p = json; *p; p++) {
        text = *p == '"' ? !text : text;
        bool open = !text && (*p == '{' || *p == '['), close = !text && (*p == '}' || *p == ']'), comma = !text && *p == ',';
        if (close)
            out_printf(out, "\n%*s", (int)(4 * --depth), "");
        if (text && *p == '\\')
            out_printf(out, "%c", *p++);
        out_printf(out, "%c", *p);
        depth += open;
        if (open && p[1] != ']')
            out_printf(out, "\n%*s", (int)(4 * depth), "");
        if (comma) {
            out_printf(out, "\n%*s", (int)(4 * depth), "");
            p += p[1] == ' ';
        }
    }
    out_printf(out, "\n");
}

bool cmd_qom_get(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    const char *path = next_word(&arguments), *property = path ? next_word(&arguments) : NULL;
    struct object object;
    if (!property)
        return needs(out, "qom-get");
    if (too_many(out, "qom-get", "", arguments))
        return true;
    if (!object_find(machine, path, &object, errp))
        return false;
    char *json = object_get(machine, &object, property, errp);
    if (!json)
        return false;
    show_json(out, json);
    free(json);
    return true;
}

// With -j the value is JSON: a word or number as it stands, a string in quotes, which next_word has taken off.
bool cmd_qom_set(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    const char *path = next_word(&arguments);
    if (path && !strcmp(path, "-j"))
        path = next_word(&arguments);
    const char *property = path ? next_word(&arguments) : NULL, *value = property ? next_word(&arguments) : NULL;
    struct object object;
    if (!value)
        return needs(out, "qom-set");
    if (too_many(out, "qom-set", "", arguments))
        return true;
    return object_find(machine, path, &object, errp) && object_set(machine, &object, property, value, errp);
}

// ---- info qom-tree

struct branch { char *name, *type; struct object object; };
struct level { struct branch *list; size_t count, room; };

static bool gather(void *opaque, const char *name, const char *type, const struct object *child)
{
    struct level *l = opaque;
    if (!child)
        return true;
    if (l->count == l->room) {
        l->room = l->room ? 2 * l->room : 16;
        l->list = realloc(l->list, l->room * sizeof *l->list);
        if (!l->list)
            abort();
    }
    l->list[l->count++] = (struct branch){ .name = strdup(name), .type = strdup(type), .object = *child };
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct branch *)a)->name, ((const struct branch *)b)->name);
}

static void show_tree(struct machine *machine, const struct output *out, const char *name, const char *type, const struct object *object,
                      unsigned depth)
{
    struct level level = { 0 };
    out_printf(out, "%*s/%s (%s)\n", (int)(2 * depth), "", name, type);
    object_each(machine, object, gather, &level);
    if (level.count)
        qsort(level.list, level.count, sizeof *level.list, by_name);
    for (size_t i = 0; i < level.count; i++) {
        struct branch *b = &level.list[i];
        show_tree(machine, out, b->name, b->type, &b->object, depth + 1);
        free(b->name);
        free(b->type);
    }
    free(level.list);
}

bool info_qom_tree(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    const char *path = next_word(&arguments);
    struct object object;
    if (path && too_many(out, "qom-tree", "info ", arguments))
        return true;
    if (!path)
        path = "/machine";
    struct error *err = NULL;
    if (!object_find(machine, path, &object, &err)) {
        error_free(err);
        out_printf(out, "Path '%s' could not be resolved.\n", path);
        return true;
    }
    size_t length = strlen(path); // the last name is the object's own
    while (length && path[length - 1] == '/')
        length--;
    size_t start = length;
    while (start && path[start - 1] != '/')
        start--;
    char *name = strndup(path + start, length - start), *type = object_type(machine, &object);
    show_tree(machine, out, name, type, &object, 0);
    free(name);
    free(type);
    return true;
}
