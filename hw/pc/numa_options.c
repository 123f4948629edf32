// SPDX-License-Identifier: MIT
//
// The texts of -numa: node, dist and cpu. Each is read as a whole before anything changes.
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "backends/memory_backend.h"
#include "hw/pc/numa.h"
#include "util/error.h"
#include "util/nearest.h"
#include "util/parse.h"

enum numa_key { NODEID, CPUS, MEM, MEMDEV, INITIATOR, SRC, DST, VAL, NODE_ID, SOCKET_ID, DIE_ID, CORE_ID, THREAD_ID, KEYS };
static const char *const key_names[KEYS] = { "nodeid", "cpus", "mem", "memdev", "initiator", "src", "dst", "val", "node-id", "socket-id",
                                             "die-id", "core-id", "thread-id" };
#define BIT(key) (1u << (key))
static const struct { const char *name; unsigned keys; } types[] = {
    { "node", BIT(NODEID) | BIT(CPUS) | BIT(MEM) | BIT(MEMDEV) | BIT(INITIATOR) },
    { "dist", BIT(SRC) | BIT(DST) | BIT(VAL) },
    { "cpu", BIT(NODE_ID) | BIT(SOCKET_ID) | BIT(DIE_ID) | BIT(CORE_ID) | BIT(THREAD_ID) },
};
#define CPU_WORDS (NUMA_CPUS_MAX / 64)
struct words {
    const char *value[KEYS]; // NULL: not given; the last one wins
    uint64_t cpus[CPU_WORDS]; // all cpus= together
};

static bool number(const struct words *w, enum numa_key key, uint64_t *out, struct error **errp)
{
    return parse_u64(w->value[key], out, NULL) || error_set(errp, "Parameter '%s' expects a uint64 value, not '%s'", key_names[key], w->value[key]);
}

// FIRST[-LAST]. A CPU that is not there is refused by its number.
static bool add_cpus(const struct numa *numa, struct words *w, const char *text, struct error **errp)
{
    uint64_t first, last;
    char *copy = strdup(text), *dash = strchr(copy, '-');
    if (dash)
        *dash++ = 0;
    bool ok = parse_u64(copy, &first, NULL) && parse_u64(dash ? dash : copy, &last, NULL) && first <= last;
    free(copy);
    if (!ok)
        return error_set(errp, "Parameter 'cpus' expects a uint64 value or range, not '%s'", text);
    if (last >= numa->cpu_count)
        return error_set(errp, "CPU index (%" PRIu64 ") should be smaller than maxcpus (%u)", first > numa->cpu_count ? first : numa->cpu_count,
                         numa->cpu_count);
    for (; first <= last; first++)
        w->cpus[first / 64] |= 1ull << first % 64;
    return true;
}

static bool unknown_key(unsigned type, const char *name, struct error **errp)
{
    const char *known[KEYS];
    size_t count = 0;
    for (unsigned k = 0; k < KEYS; k++)
        if (types[type].keys >> k & 1)
            known[count++] = key_names[k];
    error_set(errp, "Invalid parameter '%s'", name);
    const char *nearest = nearest_name(name, known, count);
    if (nearest)
        error_hint(errp, "did you mean '%s'?", nearest);
    return false;
}

// "key=value,key=value": text is changed, and values point into it.
static bool read_words(const struct numa *numa, unsigned type, char *text, struct words *w, struct error **errp)
{
    while (text) {
        char *word = text, *comma = strchr(text, ','), *value;
        unsigned key = 0;
        if (comma)
            *comma++ = 0;
        text = comma;
        value = strchr(word, '=');
        if (value)
            *value++ = 0;
        while (key < KEYS && (!(types[type].keys >> key & 1) || strcmp(key_names[key], word)))
            key++;
        if (key == KEYS)
            return unknown_key(type, word, errp);
        if (!value)
            return error_set(errp, "Parameter '%s' expects a value", word);
        w->value[key] = value;
        if (key == CPUS && !add_cpus(numa, w, value, errp))
            return false;
    }
    return true;
}

static bool assign(struct numa *numa, const uint64_t *cpus, unsigned node, struct error **errp)
{
    for (unsigned i = 0; i < numa->cpu_count; i++)
        if (cpus[i / 64] >> i % 64 & 1 && numa->cpu_node[i] >= 0 && numa->cpu_node[i] != (int)node)
            return error_set(errp, "CPU is already assigned to node-id: %d (CPU %u)", numa->cpu_node[i], i);
    for (unsigned i = 0; i < numa->cpu_count; i++)
        if (cpus[i / 64] >> i % 64 & 1)
            numa->cpu_node[i] = (int16_t)node;
    return true;
}

static bool add_node(struct numa *numa, const struct words *w, const struct backend_list *backends, struct error **errp)
{
    uint64_t id = 0;
    struct memory_backend *memdev = NULL;
    if (w->value[NODEID]) {
        if (!number(w, NODEID, &id, errp))
            return false;
    } else {
        for (unsigned i = 0; i < NUMA_NODES_MAX; i++) // as in QEMU: as many as there are so far
            id += numa->nodes[i].present;
    }
    if (id >= NUMA_NODES_MAX)
        return error_set(errp, "Max number of NUMA nodes reached: %" PRIu64, id);
    if (numa->nodes[id].present)
        return error_set(errp, "Duplicate NUMA nodeid: %" PRIu64, id);
    if (w->value[INITIATOR])
        return error_set(errp, "initiator=%s: the Heterogeneous Memory Attribute Table (HMAT) is not in this version", w->value[INITIATOR]);
    if (w->value[MEM]) {
        error_set(errp, "Parameter -numa node,mem is not supported by this machine type");
        error_hint(errp, "Use -numa node,memdev instead");
        return false;
    }
    if (w->value[MEMDEV]) {
        memdev = backends ? backend_find(backends, w->value[MEMDEV]) : NULL;
        if (!memdev)
            return error_set(errp, "memdev=%s is ambiguous: no memory backend has this id", w->value[MEMDEV]);
    }
    if (!assign(numa, w->cpus, (unsigned)id, errp))
        return false;
    numa->nodes[id] = (struct numa_node){ .present = true, .memdev = memdev, .size = memdev ? memdev->size : 0 };
    if (id >= numa->count)
        numa->count = (unsigned)id + 1;
    return true;
}

static bool add_distance(struct numa *numa, const struct words *w, struct error **errp)
{
    uint64_t n[3];
    for (unsigned i = 0; i < 3; i++) {
        enum numa_key key = SRC + i;
        if (!w->value[key])
            return error_set(errp, "Parameter '%s' is missing", key_names[key]);
        if (!number(w, key, &n[i], errp))
            return false;
        if (key != VAL && n[i] >= NUMA_NODES_MAX)
            return error_set(errp, "Parameter '%s' expects an integer between 0 and %d, not %" PRIu64, key_names[key], NUMA_NODES_MAX - 1, n[i]);
        if (key == VAL && n[i] > UINT8_MAX)
            return error_set(errp, "Parameter 'val' expects uint8_t, not %" PRIu64, n[i]);
    }
    if (!numa->nodes[n[0]].present || !numa->nodes[n[1]].present)
        return error_set(errp, "Source/Destination NUMA node is missing. Please use '-numa node' option to declare it first.");
    if (n[2] < NUMA_LOCAL_DISTANCE)
        return error_set(errp, "NUMA distance (%" PRIu64 ") is invalid, it shouldn't be less than %d.", n[2], NUMA_LOCAL_DISTANCE);
    if (n[0] == n[1] && n[2] != NUMA_LOCAL_DISTANCE)
        return error_set(errp, "Local distance of node %" PRIu64 " should be %d.", n[0], NUMA_LOCAL_DISTANCE);
    numa->distance[n[0]][n[1]] = (uint8_t)n[2];
    numa->has_distance = true;
    return true;
}

// All CPUs that are what the given ids say.
static bool add_cpu(struct numa *numa, const struct words *w, struct error **errp)
{
    uint64_t id[KEYS] = { 0 }, cpus[CPU_WORDS] = { 0 };
    unsigned per_socket = numa_cpus_per_socket(numa), found = 0;
    for (unsigned key = NODE_ID; key < KEYS; key++)
        if (w->value[key] && !number(w, key, &id[key], errp))
            return false;
    if (!w->value[NODE_ID])
        return error_set(errp, "Missing mandatory node-id property");
    if (id[NODE_ID] >= NUMA_NODES_MAX || !numa->nodes[id[NODE_ID]].present)
        return error_set(errp, "Invalid node-id=%" PRIu64 ", NUMA node must be defined with -numa node,nodeid=ID before it's used with "
                         "-numa cpu,node-id=ID", id[NODE_ID]);
    if (w->value[DIE_ID])
        return error_set(errp, "die-id is not supported: sockets of this machine have no dies");
    for (unsigned i = 0; i < numa->cpu_count; i++) {
        if ((w->value[SOCKET_ID] && id[SOCKET_ID] != i / per_socket) || (w->value[CORE_ID] && id[CORE_ID] != i % per_socket) || id[THREAD_ID])
            continue;
        cpus[i / 64] |= 1ull << i % 64;
        found++;
    }
    if (!found)
        return error_set(errp, "no match found");
    return assign(numa, cpus, (unsigned)id[NODE_ID], errp);
}

static bool apply(struct numa *numa, unsigned type, const struct words *w, const struct backend_list *backends, struct error **errp)
{
    switch (type) {
    case 0: return add_node(numa, w, backends, errp);
    case 1: return add_distance(numa, w, errp);
    default: return add_cpu(numa, w, errp);
    }
}

bool numa_option(struct numa *numa, const char *text, const struct backend_list *backends, struct error **errp)
{
    struct words w = { 0 };
    const char *name = strncmp(text, "type=", 5) ? text : text + 5;
    size_t length = strcspn(name, ",");
    unsigned type = 0;
    if (!length || memchr(name, '=', length))
        return error_set(errp, "Parameter 'type' is missing (node, dist or cpu comes first)");
    while (type < 3 && (strlen(types[type].name) != length || strncmp(types[type].name, name, length)))
        type++;
    if (type == 3) {
        bool hmat = (length == 7 && !strncmp(name, "hmat-lb", 7)) || (length == 10 && !strncmp(name, "hmat-cache", 10));
        return error_set(errp, hmat ? "%.*s: the Heterogeneous Memory Attribute Table (HMAT) is not in this version" :
                         "Parameter 'type' does not accept value '%.*s'", (int)length, name);
    }
    char *copy = name[length] ? strdup(name + length + 1) : NULL;
    bool ok = read_words(numa, type, copy, &w, errp) && apply(numa, type, &w, backends, errp);
    free(copy);
    return ok;
}
