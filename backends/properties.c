// SPDX-License-Identifier: MIT
//
// The types of backends and their properties: defaults, text to value and back, help. Rows are in properties.def.
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backends/internal.h"
#include "util/error.h"
#include "util/nearest.h"
#include "util/parse.h"

#define MAX_THREADS 1024
#define MAX_NAMES 64

// ---- the tables

enum type_bit { RAM_BIT = 1, FILE_BIT = 2, MEMFD_BIT = 4, SHM_BIT = 8, ALL = 15 };
static const struct { const char *name, *help; enum type_bit bit; bool share; } types[] = {
    { "memory-backend-ram", "anonymous memory of the host", RAM_BIT, false },
    { "memory-backend-file", "the bytes of a file, or of a temporary file in a directory (hugetlbfs: huge pages)", FILE_BIT, false },
    { "memory-backend-memfd", "memory with a file descriptor, huge pages without a mount", MEMFD_BIT, true },
    { "memory-backend-shm", "POSIX shared memory", SHM_BIT, true },
};
#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

static const struct backend_property properties[] = {
#define PROPERTY(name, kind, field, types, initial, help) \
    { name, initial, help, BACKEND_##kind, types, offsetof(struct memory_backend, field) },
#define WORD(name, kind, types, initial, help) { name, initial, help, BACKEND_##kind, types, 0 },
#include "backends/properties.def"
#undef PROPERTY
#undef WORD
};
#define PROPERTY_COUNT (sizeof(properties) / sizeof(properties[0]))
_Static_assert(PROPERTY_COUNT <= MAX_NAMES, "MAX_NAMES");

static const char *const policy_names[] = { "default", "preferred", "bind", "interleave" };
static const char *const rom_names[] = { "auto", "on", "off" };

const char *memory_policy_name(enum memory_policy policy) { return policy_names[policy]; }

static size_t find_type(const char *name)
{
    size_t i = 0;
    while (i < TYPE_COUNT && strcmp(types[i].name, name))
        i++;
    return i;
}

bool backend_type_known(const char *type) { return find_type(type) < TYPE_COUNT; }

const char *backend_type(size_t i) { return i < TYPE_COUNT ? types[i].name : NULL; }

const struct backend_property *backend_property(const char *type, size_t i)
{
    size_t t = find_type(type);
    for (const struct backend_property *p = properties; t < TYPE_COUNT && p < properties + PROPERTY_COUNT; p++) {
        if (p->types & types[t].bit && i-- == 0)
            return p;
    }
    return NULL;
}

const struct backend_property *backend_property_find(const char *type, const char *name)
{
    const struct backend_property *p;
    for (size_t i = 0; (p = backend_property(type, i)) && strcmp(p->name, name); i++)
        ;
    return p;
}

const char *backend_kind_name(enum backend_kind kind)
{
    static const char *const names[] = { "bool", "size", "uint32", "string", "HostMemPolicy", "OnOffAuto", "node list", "bool",
                                         "unsupported" };
    return names[kind];
}

bool backend_help(const char *options, void (*print)(void *, const char *), void *opaque)
{
    char line[240], type[64];
    size_t len = strcspn(options, ",");
    const char *rest = options + len;
    if (!strcmp(options, "help") || !strcmp(options, "?")) {
        print(opaque, "List of user creatable objects:\n");
        for (size_t i = 0; i < TYPE_COUNT; i++) {
            snprintf(line, sizeof(line), "  %-22s %s\n", types[i].name, types[i].help);
            print(opaque, line);
        }
        print(opaque, "TYPE,help lists the properties of one.\n");
        return true;
    }
    snprintf(type, sizeof(type), "%.*s", (int)(len < sizeof(type) ? len : 0), options);
    size_t all = strlen(rest);
    bool asked = !strcmp(rest, ",?") || (all >= 5 && !strcmp(rest + all - 5, ",help"));
    if (!asked || !backend_type_known(type))
        return false;
    snprintf(line, sizeof(line), "%s options:\n", type);
    print(opaque, line);
    const struct backend_property *p;
    for (size_t i = 0; (p = backend_property(type, i)); i++) {
        char left[80];
        bool share = !strcmp(p->name, "share");
        const char *initial = share ? types[find_type(type)].share ? "on" : "off" : p->initial;
        snprintf(left, sizeof(left), "%s=<%s>", p->name, backend_kind_name(p->kind));
        snprintf(line, sizeof(line), *initial ? "  %-26s - %s (default: %s)\n" : "  %-26s - %s\n", left, p->help, initial);
        print(opaque, line);
    }
    return true;
}

// ---- text to value

static bool set_bool(bool *field, const char *name, const char *value, struct error **errp)
{
    return parse_bool(value, field, NULL) || error_set(errp, "Parameter '%s' expects 'on' or 'off', not '%s'", name, value);
}

static bool set_size(struct memory_backend *backend, const struct backend_property *p, uint64_t *field, const char *value,
                     struct error **errp)
{
    if (!parse_size(value, field, errp)) {
        error_prefix(errp, "Parameter '%s' expects size: ", p->name);
        return false;
    }
    return *field || *p->initial || error_set(errp, "property '%s' of %s doesn't take value '0'", p->name, backend->type);
}

static bool set_threads(struct memory_backend *backend, const struct backend_property *p, uint32_t *field, const char *value,
                        struct error **errp)
{
    uint64_t n;
    if (!parse_u64(value, &n, NULL) || n > MAX_THREADS)
        return error_set(errp, "Parameter '%s' expects a number from 1 to %d, not '%s'", p->name, MAX_THREADS, value);
    if (!n)
        return error_set(errp, "property '%s' of %s doesn't take value '0'", p->name, backend->type);
    *field = (uint32_t)n;
    return true;
}

static bool set_word(const char *const *words, int count, int *field, const char *name, const char *value, struct error **errp)
{
    for (int i = 0; i < count; i++) {
        if (!strcmp(words[i], value)) {
            *field = i;
            return true;
        }
    }
    return error_set(errp, "Parameter '%s' does not accept value '%s'", name, value);
}

// Digits only; too large a number saturates.
static bool take_node(const char **text, uint64_t *node)
{
    const char *p = *text;
    for (*node = 0; *p >= '0' && *p <= '9'; p++) {
        if (*node <= UINT64_MAX / 10 - 1)
            *node = *node * 10 + (uint64_t)(*p - '0');
    }
    bool any = p > *text;
    *text = p;
    return any;
}

// "0", "0-3", "0-1,4"
static bool set_nodes(uint64_t *nodes, const char *name, const char *value, struct error **errp)
{
    const char *p = value;
    do {
        uint64_t first, last;
        bool good = take_node(&p, &first);
        last = first;
        if (good && *p == '-') {
            p++;
            good = take_node(&p, &last);
        }
        if (!good || (*p && *p != ',') || last < first)
            return error_set(errp, "Parameter '%s' expects node numbers or ranges (0-2,5), not '%s'", name, value);
        if (last >= HOST_NODES_MAX)
            return error_set(errp, "Invalid host-nodes value: %" PRIu64, last);
        for (uint64_t n = first; n <= last; n++)
            nodes[n / 64] |= 1ull << n % 64;
    } while (*p++ == ',');
    return true;
}

static bool unknown(const struct memory_backend *backend, const char *name, bool command_line, struct error **errp)
{
    const char *names[MAX_NAMES];
    const struct backend_property *p;
    size_t count = 0;
    error_set(errp, command_line ? "Invalid parameter '%s'" : "Parameter '%s' is unexpected", name);
    for (; (p = backend_property(backend->type, count)); count++)
        names[count] = p->name;
    const char *near = nearest_name(name, names, count);
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (backend_property_find(types[i].name, name)) {
            error_hint(errp, "%s has no '%s'; %s has.", backend->type, name, types[i].name);
            return false;
        }
    }
    if (near)
        error_hint(errp, "Did you mean '%s'?", near);
    return false;
}

static bool set_value(struct memory_backend *backend, const struct backend_property *p, const char *value, struct error **errp)
{
    void *field = (uint8_t *)backend + p->offset;
    bool flag;
    switch (p->kind) {
    case BACKEND_BOOL: return set_bool(field, p->name, value, errp);
    case BACKEND_IGNORED: return set_bool(&flag, p->name, value, errp);
    case BACKEND_SIZE: return set_size(backend, p, field, value, errp);
    case BACKEND_UINT32: return set_threads(backend, p, field, value, errp);
    case BACKEND_POLICY: return set_word(policy_names, 4, field, p->name, value, errp);
    case BACKEND_ROM: return set_word(rom_names, 3, field, p->name, value, errp);
    case BACKEND_NODES: return set_nodes(field, p->name, value, errp);
    case BACKEND_REFUSED:
        if (*p->initial && parse_bool(value, &flag, NULL) && !flag)
            return true;
        return error_set(errp, "property '%s' of %s cannot be '%s': %s", p->name, backend->type, value, p->help);
    case BACKEND_STRING:
        free(*(char **)field);
        if (!(*(char **)field = strdup(value)))
            abort();
        return true;
    }
    return false;
}

bool backend_set_initial(struct memory_backend *backend, const char *name, const char *value, bool command_line, struct error **errp)
{
    const char *dot = strchr(name, '.');
    bool element = dot && !strncmp(name, "host-nodes.", 11) && dot[1] && dot[1 + strspn(dot + 1, "0123456789")] == 0;
    const struct backend_property *p = backend_property_find(backend->type, element ? "host-nodes" : name);
    backend->merge_given |= !strcmp(name, "merge");
    backend->dump_given |= !strcmp(name, "dump");
    return p ? set_value(backend, p, value, errp) : unknown(backend, name, command_line, errp);
}

bool backend_set(struct memory_backend *backend, const char *name, const char *value, struct error **errp)
{
    const struct backend_property *p = backend_property_find(backend->type, name);
    bool flag;
    if (!p)
        return error_set(errp, "Property '%s.%s' not found", backend->type, name);
    if (!strcmp(name, "prealloc-threads"))
        return set_threads(backend, p, &backend->prealloc_threads, value, errp);
    if (!strcmp(name, "prealloc")) {
        if (!set_bool(&flag, name, value, errp))
            return false;
        if (flag && !backend->reserve)
            return error_set(errp, "'prealloc=on' and 'reserve=off' are incompatible");
        if (flag && !backend->prealloc && !backend_preallocate(backend, backend->ram->host, backend->ram->size, errp))
            return false;
        backend->prealloc |= flag; // pages that are there stay
        return true;
    }
    if (!strcmp(name, "merge") || !strcmp(name, "dump")) {
        if (!set_value(backend, p, value, errp))
            return false;
        backend_advise(backend, backend->ram->host, backend->ram->size);
        return true;
    }
    if (!strcmp(name, "size"))
        return error_set(errp, "cannot change property size of %s", backend->type);
    return error_set(errp, "cannot change property value: '%s' of %s is fixed from the start", name, backend->type);
}

// ---- value to text

char *backend_host_nodes(const struct memory_backend *backend)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        abort();
    const char *comma = "";
    for (unsigned n = 0; n < HOST_NODES_MAX; n++) {
        if (!(backend->host_nodes[n / 64] >> n % 64 & 1))
            continue;
        unsigned last = n;
        while (last + 1 < HOST_NODES_MAX && (backend->host_nodes[(last + 1) / 64] >> (last + 1) % 64 & 1))
            last++;
        fprintf(out, last == n ? "%s%u" : "%s%u-%u", comma, n, last);
        comma = ",";
        n = last;
    }
    fclose(out);
    return text;
}

char *backend_get(const struct memory_backend *backend, const struct backend_property *p)
{
    const void *field = (const uint8_t *)backend + p->offset;
    const char *text = p->initial;
    char number[32];
    switch (p->kind) {
    case BACKEND_BOOL: text = *(const bool *)field ? "on" : "off"; break;
    case BACKEND_STRING: text = *(char *const *)field; break;
    case BACKEND_POLICY: text = policy_names[*(const int *)field]; break;
    case BACKEND_ROM: text = rom_names[*(const int *)field]; break;
    case BACKEND_NODES: return backend_host_nodes(backend);
    case BACKEND_SIZE: case BACKEND_UINT32:
        snprintf(number, sizeof(number), "%" PRIu64, p->kind == BACKEND_SIZE ? *(const uint64_t *)field : *(const uint32_t *)field);
        text = number;
        break;
    case BACKEND_IGNORED: case BACKEND_REFUSED: break;
    }
    char *copy = strdup(text ? text : "");
    if (!copy)
        abort();
    return copy;
}

// ---- whole backends

struct memory_backend *backend_alloc(const char *type, struct error **errp)
{
    size_t t = find_type(type);
    if (t == TYPE_COUNT) {
        const char *names[TYPE_COUNT];
        for (size_t i = 0; i < TYPE_COUNT; i++)
            names[i] = types[i].name;
        const char *near = nearest_name(type, names, TYPE_COUNT);
        error_set(errp, "Parameter 'qom-type' does not accept value '%s'", type);
        if (near)
            error_hint(errp, "Did you mean '%s'?", near);
        return NULL;
    }
    struct memory_backend *backend = calloc(1, sizeof(*backend));
    if (!backend)
        abort();
    *backend = (struct memory_backend){
        .type = types[t].name, .alignment = HUGE_SIZE, .share = types[t].share, .merge = true, .dump = true, .reserve = true, .seal = true,
        .prealloc_threads = 1,
    };
    return backend;
}

void backend_free(struct memory_backend *backend)
{
    ram_block_unref(backend->ram);
    free(backend->id);
    free(backend->mem_path);
    free(backend);
}

bool backend_check(const struct memory_backend *b, struct error **errp)
{
    bool nodes = b->host_nodes[0] | b->host_nodes[1], file = !strcmp(b->type, "memory-backend-file");
    if (!b->size)
        return error_set(errp, "Parameter 'size' is missing");
    if (file && !b->mem_path)
        return error_set(errp, "Parameter 'mem-path' is missing");
    if (b->prealloc && !b->reserve)
        return error_set(errp, "'prealloc=on' and 'reserve=off' are incompatible");
    if (b->policy == POLICY_DEFAULT && nodes)
        return error_set(errp, "host-nodes must be empty for policy default, or you should explicitly specify a policy other than "
                         "default");
    if (b->policy != POLICY_DEFAULT && !nodes)
        return error_set(errp, "host-nodes must be set for policy %s", memory_policy_name(b->policy));
    if (b->align & (b->align - 1))
        return error_set(errp, "alignment 0x%" PRIx64 " must be a power of two", b->align);
    if (b->hugetlbsize & (b->hugetlbsize - 1))
        return error_set(errp, "Hugepage size must be a power of 2, not 0x%" PRIx64, b->hugetlbsize);
    if (b->rom == ROM_ON && !b->readonly)
        return error_set(errp, "property 'rom' = 'on' is not supported with 'readonly' = 'off'");
    if (b->rom == ROM_OFF && b->readonly && b->share)
        return error_set(errp, "property 'rom' = 'off' is incompatible with 'readonly' = 'on' and 'share' = 'on'");
    if (!strcmp(b->type, "memory-backend-shm") && !b->share)
        return error_set(errp, "can't create shm backend with `share=off`");
    return true;
}
