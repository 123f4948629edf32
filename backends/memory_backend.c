// SPDX-License-Identifier: MIT
//
// The list of a machine's backends: coming, going, who uses them. A backend holds one reference on its ram_block; the
// flat view holds others, so bytes outlive an object_del as long as someone may look at them. Machine thread only.
#include "backends/memory_backend.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backends/internal.h"
#include "util/error.h"
#include "util/parse.h"

struct backend_list { struct memory_backend *first; const char *no_files; bool no_merge, no_dump; };

struct backend_list *backend_list_new(void)
{
    struct backend_list *list = calloc(1, sizeof(*list));
    if (!list)
        abort();
    return list;
}

void backend_list_set_defaults(struct backend_list *list, bool merge, bool dump)
{
    list->no_merge = !merge;
    list->no_dump = !dump;
}

void backend_list_defaults(const struct backend_list *list, bool *merge, bool *dump)
{
    *merge = !list->no_merge;
    *dump = !list->no_dump;
}

void backend_list_free(struct backend_list *list)
{
    if (!list)
        return;
    for (struct memory_backend *b = list->first, *next; b; b = next) {
        next = b->next;
        backend_free(b);
    }
    free(list);
}

void backend_list_refuse_files(struct backend_list *list, const char *why) { list->no_files = why; }

struct memory_backend *backend_first(const struct backend_list *list) { return list->first; }

struct memory_backend *backend_find(const struct backend_list *list, const char *id)
{
    for (struct memory_backend *b = list->first; b; b = b->next) {
        if (!strcmp(b->id, id))
            return b;
    }
    return NULL;
}

static bool check_id(const struct backend_list *list, const char *id, bool command_line, struct error **errp)
{
    if (!id)
        return error_set(errp, "Parameter 'id' is missing");
    if (!identifier_valid(id)) {
        error_set(errp, "Parameter 'id' expects an identifier, not '%s'", id);
        error_hint(errp, "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.");
        return false;
    }
    if (!backend_find(list, id))
        return true;
    if (command_line)
        return error_set(errp, "Duplicate ID '%s' for object", id);
    return error_set(errp, "attempt to add duplicate property '%s' to object (type 'container')", id);
}

static bool check_file(const struct backend_list *list, const struct memory_backend *backend, struct error **errp)
{
    bool file = !strcmp(backend->type, "memory-backend-file");
    return !file || !list->no_files || error_set(errp, "%s %s", backend->type, list->no_files);
}

// Takes the parsed backend (NULL: stays an error) over into the list, or frees it.
static struct memory_backend *complete(struct backend_list *list, struct memory_backend *backend, bool command_line,
                                       struct error **errp)
{
    if (!backend)
        return NULL;
    backend->merge = backend->merge_given ? backend->merge : !list->no_merge;
    backend->dump = backend->dump_given ? backend->dump : !list->no_dump;
    if (!check_id(list, backend->id, command_line, errp) || !check_file(list, backend, errp) || !backend_check(backend, errp) || !backend_map(backend, errp)) {
        backend_free(backend);
        return NULL;
    }
    struct memory_backend **end = &list->first;
    while (*end)
        end = &(*end)->next;
    *end = backend;
    return backend;
}

struct memory_backend *backend_new(struct backend_list *list, const char *options, struct error **errp)
{
    return complete(list, backend_parse(options, false, errp), false, errp);
}

struct memory_backend *backend_new_option(struct backend_list *list, const char *options, struct error **errp)
{
    return complete(list, backend_parse(options, true, errp), true, errp);
}

struct memory_backend *backend_new_from(struct backend_list *list, const char *type, const char *const *names,
                                        const char *const *values, size_t count, struct error **errp)
{
    struct memory_backend *backend = backend_alloc(type, errp);
    for (size_t i = 0; backend && i < count; i++) {
        if (!backend_set_initial(backend, names[i], values[i], false, errp)) {
            backend_free(backend);
            backend = NULL;
        }
    }
    return complete(list, backend, false, errp);
}

bool backend_delete(struct backend_list *list, const char *id, struct error **errp)
{
    for (struct memory_backend **p = &list->first; *p; p = &(*p)->next) {
        struct memory_backend *backend = *p;
        if (strcmp(backend->id, id))
            continue;
        if (backend->busy) {
            error_set(errp, "object '%s' is in use, can not be deleted", id);
            if (backend->user)
                error_hint(errp, "Its user is '%s'.", backend->user);
            return false;
        }
        *p = backend->next;
        backend_free(backend);
        return true;
    }
    return error_set(errp, "object '%s' not found", id);
}

// ---- users

void backend_claim(struct memory_backend *backend, const char *user)
{
    backend->busy = true;
    backend->user = user;
}

void backend_release(struct memory_backend *backend)
{
    backend->busy = false;
    backend->user = NULL;
}

struct memory_backend *backend_new_boot(struct backend_list *list, const char *id, uint64_t size, const char *mem_path, bool prealloc,
                                        struct error **errp)
{
    char bytes[32];
    snprintf(bytes, sizeof(bytes), "%" PRIu64, size);
    const char *names[] = { "id", "size", "prealloc", "mem-path" };
    const char *values[] = { id, bytes, prealloc ? "on" : "off", mem_path };
    struct memory_backend *backend = backend_new_from(list, mem_path ? "memory-backend-file" : "memory-backend-ram", names, values,
                                                      mem_path ? 4 : 3, errp);
    if (backend)
        backend_claim(backend, "machine");
    return backend;
}

struct memory_backend *backend_take_boot(struct backend_list *list, const char *id, uint64_t size, struct error **errp)
{
    struct memory_backend *backend = backend_find(list, id);
    bool good = false;
    if (!backend)
        error_set(errp, "Memory backend '%s' not found", id);
    else if (backend->busy)
        error_set(errp, "memory backend '%s' can't be used multiple times", id);
    else if (backend->size != size)
        error_set(errp,
                  "Machine memory size does not match the size of the memory backend ('%s' has 0x%" PRIx64
                  " bytes, the machine 0x%" PRIx64 ")",
                  id, backend->size, size);
    else if (backend->rom == ROM_ON)
        error_set(errp, "memory backend '%s' is read-only and cannot be the machine's RAM (rom=off makes it a private copy)", id);
    else
        good = true;
    if (!good)
        return NULL;
    backend_claim(backend, "machine");
    return backend;
}
