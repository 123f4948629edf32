// SPDX-License-Identifier: MIT
//
// memory-backend-ram: options as text, anonymous host memory with the wishes that were asked for (share, KSM, core dumps,
// preallocation, reservation, NUMA policy), the list of a machine. A backend holds one reference on its ram_block; the
// flat view holds others, so bytes outlive an object_del as long as someone may look at them.
// Machine thread only; preallocation uses short-lived threads of its own, which touch nothing but the new pages.
#include "backends/memory_backend.h"
#include <errno.h>
#include <inttypes.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "util/error.h"
#include "util/nearest.h"
#include "util/parse.h"

#define HUGE_SIZE (2ull << 20)
#define HOST_NODES_MAX 128 // as in QEMU

struct backend_list { struct memory_backend *first; };

// ---- types and properties

struct backend_type { const char *name, *help; bool supported; };
static const struct backend_type types[] = {
    { "memory-backend-ram", "anonymous memory of the host", true },
    { "memory-backend-file", "not built yet: bytes of a file", false },
    { "memory-backend-memfd", "not built yet: memory with a file descriptor", false },
    { "memory-backend-shm", "not built yet: POSIX shared memory", false },
};
#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

enum key { KEY_SIZE, KEY_SHARE, KEY_MERGE, KEY_DUMP, KEY_PREALLOC, KEY_PREALLOC_THREADS, KEY_RESERVE, KEY_POLICY, KEY_HOST_NODES,
           KEY_ID, KEY_CANONICAL, KEY_COUNT };
struct backend_property { const char *name, *help; };
static const struct backend_property properties[KEY_COUNT] = {
    [KEY_SIZE] = { "size", "bytes (512M, 1G...); required" },
    [KEY_SHARE] = { "share", "map as shared memory (off)" },
    [KEY_MERGE] = { "merge", "let the host merge equal pages (on)" },
    [KEY_DUMP] = { "dump", "include in core dumps (on)" },
    [KEY_PREALLOC] = { "prealloc", "take all pages from the host at once (off)" },
    [KEY_PREALLOC_THREADS] = { "prealloc-threads", "threads that do so (1)" },
    [KEY_RESERVE] = { "reserve", "have the host account for the memory (on)" },
    [KEY_POLICY] = { "policy", "default, preferred, bind or interleave" },
    [KEY_HOST_NODES] = { "host-nodes", "NUMA nodes of the host: 0 or 0-3" },
    [KEY_ID] = { "id", "name; required" },
    [KEY_CANONICAL] = { "x-use-canonical-path-for-ramblock-id", "accepted, has no meaning here" },
};
static const char *const policy_names[] = { "default", "preferred", "bind", "interleave" };

const char *memory_policy_name(enum memory_policy policy) { return policy_names[policy]; }

static const struct backend_type *find_type(const char *name)
{
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (!strcmp(types[i].name, name))
            return &types[i];
    }
    return NULL;
}

bool backend_type_known(const char *type) { return find_type(type) != NULL; }

static bool check_type(const char *name, struct error **errp)
{
    const struct backend_type *type = find_type(name);
    if (type && type->supported)
        return true;
    if (type)
        return error_set(errp, "%s is not supported yet; memory-backend-ram is", name);
    const char *names[TYPE_COUNT];
    for (size_t i = 0; i < TYPE_COUNT; i++)
        names[i] = types[i].name;
    const char *near = nearest_name(name, names, TYPE_COUNT);
    error_set(errp, "Parameter 'qom-type' does not accept value '%s'", name);
    if (near)
        error_hint(errp, "Did you mean '%s'?", near);
    return false;
}

void backend_print_help(void (*print)(void *, const char *), void *opaque)
{
    char line[160];
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        snprintf(line, sizeof(line), "%s: %s\n", types[i].name, types[i].help);
        print(opaque, line);
    }
    for (size_t i = 0; i < KEY_COUNT; i++) {
        snprintf(line, sizeof(line), "  %s=  %s\n", properties[i].name, properties[i].help);
        print(opaque, line);
    }
}

// ---- setting properties

static bool set_flag(bool *field, const char *name, const char *value, struct error **errp)
{
    return parse_bool(value, field, NULL) || error_set(errp, "Parameter '%s' expects 'on' or 'off', not '%s'", name, value);
}

static bool set_size(struct memory_backend *backend, const char *value, struct error **errp)
{
    if (!parse_size(value, &backend->size, errp)) {
        error_prefix(errp, "Parameter 'size' expects size: ");
        return false;
    }
    if (!backend->size)
        return error_set(errp, "property 'size' of %s doesn't take value '0'", backend->type);
    return true;
}

static bool set_threads(struct memory_backend *backend, const char *value, struct error **errp)
{
    uint64_t n;
    if (!parse_u64(value, &n, NULL) || n > 1024)
        return error_set(errp, "Parameter 'prealloc-threads' expects a number from 1 to 1024, not '%s'", value);
    if (!n)
        return error_set(errp, "property 'prealloc-threads' of %s doesn't take value '0'", backend->type);
    backend->prealloc_threads = (uint32_t)n;
    return true;
}

static bool set_policy(struct memory_backend *backend, const char *value, struct error **errp)
{
    for (int i = 0; i < 4; i++) {
        if (!strcmp(policy_names[i], value)) {
            backend->policy = i;
            return true;
        }
    }
    return error_set(errp, "Parameter 'policy' does not accept value '%s'", value);
}

// "0", "0-3", "0-1,4"
static bool set_nodes(struct memory_backend *backend, const char *value, struct error **errp)
{
    for (const char *p = value; *p; p += *p == ',') {
        char *end;
        unsigned long first = strtoul(p, &end, 10), last = first;
        if (end == p)
            return error_set(errp, "Parameter 'host-nodes' expects node numbers or ranges, not '%s'", value);
        if (*end == '-') {
            p = end + 1;
            last = strtoul(p, &end, 10);
        }
        if (end == p || (*end && *end != ',') || last < first)
            return error_set(errp, "Parameter 'host-nodes' expects node numbers or ranges, not '%s'", value);
        if (last >= HOST_NODES_MAX)
            return error_set(errp, "Invalid host-nodes value: %lu", last);
        for (unsigned long n = first; n <= last; n++)
            backend->host_nodes[n / 64] |= 1ull << n % 64;
        p = end;
    }
    return true;
}

static bool set_property(struct memory_backend *backend, const char *name, const char *value, struct error **errp)
{
    const char *names[KEY_COUNT];
    int key = 0;
    bool unused;
    for (int i = 0; i < KEY_COUNT; i++)
        names[i] = properties[i].name;
    while (key < KEY_COUNT && strcmp(names[key], name))
        key++;
    switch (key) {
    case KEY_SIZE: return set_size(backend, value, errp);
    case KEY_SHARE: return set_flag(&backend->share, name, value, errp);
    case KEY_MERGE: return set_flag(&backend->merge, name, value, errp);
    case KEY_DUMP: return set_flag(&backend->dump, name, value, errp);
    case KEY_PREALLOC: return set_flag(&backend->prealloc, name, value, errp);
    case KEY_RESERVE: return set_flag(&backend->reserve, name, value, errp);
    case KEY_CANONICAL: return set_flag(&unused, name, value, errp);
    case KEY_PREALLOC_THREADS: return set_threads(backend, value, errp);
    case KEY_POLICY: return set_policy(backend, value, errp);
    case KEY_HOST_NODES: return set_nodes(backend, value, errp);
    case KEY_ID:
        free(backend->id);
        backend->id = strdup(value);
        return true;
    }
    error_set(errp, "Parameter '%s' is unexpected", name);
    const char *near = nearest_name(name, names, KEY_COUNT);
    if (near)
        error_hint(errp, "Did you mean '%s'?", near);
    return false;
}

static bool has_nodes(const struct memory_backend *backend)
{
    uint64_t any = 0;
    for (int i = 0; i < 16; i++)
        any |= backend->host_nodes[i];
    return any;
}

static bool check_id(const struct backend_list *list, const char *id, struct error **errp)
{
    if (!id)
        return error_set(errp, "Parameter 'id' is missing");
    if (!identifier_valid(id)) {
        error_set(errp, "Parameter 'id' expects an identifier, not '%s'", id);
        error_hint(errp, "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.");
        return false;
    }
    if (backend_find(list, id))
        return error_set(errp, "attempt to add duplicate property '%s' to object (type 'container')", id);
    return true;
}

static bool check_properties(const struct memory_backend *backend, struct error **errp)
{
    if (!backend->size)
        return error_set(errp, "Parameter 'size' is missing");
    if (backend->prealloc && !backend->reserve)
        return error_set(errp, "'prealloc=on' and 'reserve=off' are incompatible");
    if (backend->policy == POLICY_DEFAULT && has_nodes(backend))
        return error_set(errp, "host-nodes must be empty for policy default, or you should explicitly specify a policy other than "
                         "default");
    if (backend->policy != POLICY_DEFAULT && !has_nodes(backend))
        return error_set(errp, "host-nodes must be set for policy %s", memory_policy_name(backend->policy));
    return true;
}

// ---- host memory

static void *map_memory(const struct memory_backend *backend, uint64_t size)
{
    int flags = MAP_ANONYMOUS | (backend->share ? MAP_SHARED : MAP_PRIVATE) | (backend->reserve ? 0 : MAP_NORESERVE);
    uint64_t slack = size >= HUGE_SIZE ? HUGE_SIZE : 0;
    if (size > UINT64_MAX - slack)
        return NULL;
    uint8_t *p = mmap(NULL, size + slack, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    uint64_t before = slack ? -(uintptr_t)p & (HUGE_SIZE - 1) : 0;
    if (before)
        munmap(p, before);
    if (slack - before)
        munmap(p + before + size, slack - before);
    return p + before;
}

// The host may lack any of these: they are wishes.
static void advise(const struct memory_backend *backend, void *host, uint64_t size)
{
    madvise(host, size, MADV_HUGEPAGE);
    if (backend->merge)
        madvise(host, size, MADV_MERGEABLE);
    if (!backend->dump)
        madvise(host, size, MADV_DONTDUMP);
}

static bool bind_memory(const struct memory_backend *backend, void *host, uint64_t size, struct error **errp)
{
    const int modes[] = { MPOL_DEFAULT, MPOL_PREFERRED, MPOL_BIND, MPOL_INTERLEAVE };
    unsigned long nodes[HOST_NODES_MAX / 64];
    if (backend->policy == POLICY_DEFAULT)
        return true;
    for (unsigned i = 0; i < HOST_NODES_MAX / 64; i++)
        nodes[i] = (unsigned long)backend->host_nodes[i];
    if (syscall(SYS_mbind, host, size, modes[backend->policy], nodes, HOST_NODES_MAX + 1, MPOL_MF_STRICT | MPOL_MF_MOVE))
        return error_set(errp, "cannot bind memory to host NUMA nodes: %s", strerror(errno));
    return true;
}

struct touch_job { pthread_t thread; uint8_t *start; uint64_t len; int error; };

static void *touch(void *opaque)
{
    struct touch_job *job = opaque;
#ifdef MADV_POPULATE_WRITE
    if (!madvise(job->start, job->len, MADV_POPULATE_WRITE))
        return NULL;
    if (errno != EINVAL) {
        job->error = errno;
        return NULL;
    }
#endif
    for (uint64_t at = 0; at < job->len; at += PAGE_SIZE)
        *(volatile uint8_t *)(job->start + at) = 0;
    return NULL;
}

static bool preallocate(const struct memory_backend *backend, uint8_t *host, uint64_t size, struct error **errp)
{
    uint64_t pages = size / PAGE_SIZE, count = backend->prealloc_threads < pages ? backend->prealloc_threads : pages, from = 0;
    struct touch_job *jobs = calloc(count, sizeof(*jobs));
    int failed = 0;
    if (!jobs)
        abort();
    for (uint64_t i = 0; i < count; i++) {
        uint64_t to = pages * (i + 1) / count;
        jobs[i] = (struct touch_job){ .start = host + from * PAGE_SIZE, .len = (to - from) * PAGE_SIZE };
        from = to;
        if (i + 1 < count && pthread_create(&jobs[i].thread, NULL, touch, &jobs[i]) == 0)
            continue;
        touch(&jobs[i]); // the last share is ours; so is one that got no thread
        jobs[i].thread = pthread_self();
    }
    for (uint64_t i = 0; i < count; i++) {
        if (!pthread_equal(jobs[i].thread, pthread_self()))
            pthread_join(jobs[i].thread, NULL);
        failed = jobs[i].error ? jobs[i].error : failed;
    }
    free(jobs);
    return !failed || error_set(errp, "preallocating memory for '%s' failed: %s", backend->id, strerror(failed));
}

static bool allocate(struct memory_backend *backend, struct error **errp)
{
    if (backend->size > INT64_MAX)
        return error_set(errp, "cannot set up guest memory '%s': %s", backend->id, strerror(ENOMEM));
    // An odd size is refused where it matters: a DIMM needs a multiple of `alignment`.
    uint64_t size = (backend->size + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
    void *host = map_memory(backend, size);
    if (!host)
        return error_set(errp, "cannot set up guest memory '%s': %s", backend->id, strerror(errno ? errno : ENOMEM));
    advise(backend, host, size);
    if (!bind_memory(backend, host, size, errp) || (backend->prealloc && !preallocate(backend, host, size, errp))) {
        munmap(host, size);
        return false;
    }
    backend->ram = ram_block_wrap(backend->id, host, size, NULL, backend);
    return true;
}

// ---- the list

struct backend_list *backend_list_new(void)
{
    struct backend_list *list = calloc(1, sizeof(*list));
    if (!list)
        abort();
    return list;
}

static void backend_free(struct memory_backend *backend)
{
    if (backend->ram)
        backend->ram->owner = NULL;
    ram_block_unref(backend->ram);
    free(backend->id);
    free(backend);
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

struct memory_backend *backend_first(const struct backend_list *list) { return list->first; }

struct memory_backend *backend_find(const struct backend_list *list, const char *id)
{
    for (struct memory_backend *b = list->first; b; b = b->next) {
        if (!strcmp(b->id, id))
            return b;
    }
    return NULL;
}

static bool complete(struct backend_list *list, struct memory_backend *backend, const char *const *names, const char *const *values,
                     size_t count, struct error **errp)
{
    for (size_t i = 0; i < count; i++) {
        if (!set_property(backend, names[i], values[i], errp))
            return false;
    }
    return check_id(list, backend->id, errp) && check_properties(backend, errp) && allocate(backend, errp);
}

struct memory_backend *backend_new_from(struct backend_list *list, const char *type, const char *const *names,
                                        const char *const *values, size_t count, struct error **errp)
{
    if (!check_type(type, errp))
        return NULL;
    struct memory_backend *backend = calloc(1, sizeof(*backend));
    if (!backend)
        abort();
    *backend = (struct memory_backend){ .type = find_type(type)->name, .alignment = HUGE_SIZE, .merge = true, .dump = true,
                                        .reserve = true, .prealloc_threads = 1 };
    if (!complete(list, backend, names, values, count, errp)) {
        backend_free(backend);
        return NULL;
    }
    struct memory_backend **end = &list->first;
    while (*end)
        end = &(*end)->next;
    *end = backend;
    return backend;
}

// Cuts one "name=value" off *text in place (",," stands for a comma); false at the end.
static bool cut_option(char **text, char **name, char **value)
{
    char *from = *text, *to = *text;
    if (!*from)
        return false;
    *name = to;
    *value = NULL;
    for (; *from; from++) {
        if (*from == ',' && *++from != ',')
            break;
        if (*from == '=' && !*value) {
            *to++ = 0;
            *value = to;
            continue;
        }
        *to++ = *from;
    }
    *text = from; // before the 0, which may overwrite what is there
    *to = 0;
    return true;
}

struct memory_backend *backend_new(struct backend_list *list, const char *options, struct error **errp)
{
    const char *names[32], *values[32], *type = NULL;
    char *copy = strdup(options), *at = copy, *name, *value;
    size_t count = 0;
    bool good = true;
    if (!copy)
        abort();
    while (good && cut_option(&at, &name, &value)) {
        if (!type && (!value || !strcmp(name, "qom-type")))
            type = value ? value : name;
        else if (count == 32)
            good = error_set(errp, "too many parameters for an object (at '%s')", name);
        else if (*name) {
            names[count] = name;
            values[count++] = value ? value : "on";
        }
    }
    if (good && (!type || !*type))
        good = error_set(errp, "Parameter 'qom-type' is missing");
    struct memory_backend *backend = good ? backend_new_from(list, type, names, values, count, errp) : NULL;
    free(copy);
    return backend;
}

bool backend_delete(struct backend_list *list, const char *id, struct error **errp)
{
    for (struct memory_backend **p = &list->first; *p; p = &(*p)->next) {
        struct memory_backend *backend = *p;
        if (strcmp(backend->id, id))
            continue;
        if (backend->busy)
            return error_set(errp, "object '%s' is in use, can not be deleted", id);
        *p = backend->next;
        backend_free(backend);
        return true;
    }
    return error_set(errp, "object '%s' not found", id);
}

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
