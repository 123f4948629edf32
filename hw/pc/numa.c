// SPDX-License-Identifier: MIT
//
// What holds for all -numa options together: no holes, all RAM on nodes, all CPUs on nodes, distances.
#include "hw/pc/numa.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "backends/memory_backend.h"
#include "util/error.h"

void numa_init(struct numa *numa, unsigned cpu_count, unsigned sockets)
{
    memset(numa, 0, sizeof *numa);
    numa->cpu_count = cpu_count;
    numa->sockets = sockets ? sockets : 1;
    for (unsigned i = 0; i < NUMA_CPUS_MAX; i++)
        numa->cpu_node[i] = -1;
}

unsigned numa_cpus_per_socket(const struct numa *numa)
{
    return (numa->cpu_count + numa->sockets - 1) / numa->sockets;
}

bool numa_has_memory(const struct numa *numa)
{
    for (unsigned i = 0; i < NUMA_NODES_MAX; i++)
        if (numa->nodes[i].memdev)
            return true;
    return false;
}

static bool check_nodes(const struct numa *numa, struct error **errp)
{
    for (unsigned i = 0; i < numa->count; i++)
        if (!numa->nodes[i].present)
            return error_set(errp, "numa: Node ID missing: %u", i);
    return true;
}

static bool check_memory(const struct numa *numa, uint64_t ram_size, struct error **errp)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < numa->count; i++) {
        const struct memory_backend *b = numa->nodes[i].memdev;
        for (unsigned j = 0; b && j < i; j++)
            if (numa->nodes[j].memdev == b)
                return error_set(errp, "memory backend %s can't be used multiple times.", b->id);
        if (b && b->size % PAGE_SIZE)
            return error_set(errp, "memory backend %s: the size of a NUMA node (0x%" PRIx64 ") must be a multiple of %u bytes", b->id,
                             b->size, PAGE_SIZE);
        if (sum + numa->nodes[i].size < sum)
            return error_set(errp, "total memory for NUMA nodes is more than 2^64 bytes");
        sum += numa->nodes[i].size;
    }
    if (sum == ram_size)
        return true;
    error_set(errp, "total memory for NUMA nodes (0x%" PRIx64 ") should equal RAM size (0x%" PRIx64 ")", sum, ram_size);
    error_hint(errp, "A node gets its part of RAM by -numa node,memdev=ID and a memory backend (-object) of that size.");
    return false;
}

// Distances between all pairs once one was given; a direction that was not given is as the other one.
static bool complete_distances(struct numa *numa, struct error **errp)
{
    bool asymmetric = false;
    for (unsigned a = 0; a < numa->count; a++) {
        for (unsigned b = a + 1; b < numa->count; b++) {
            uint8_t there = numa->distance[a][b], back = numa->distance[b][a];
            if (!there && !back)
                return error_set(errp, "The distance between node %u and %u is missing, at least one distance value between each nodes "
                                 "should be provided.", a, b);
            asymmetric |= there && back && there != back;
        }
    }
    for (unsigned a = 0; a < numa->count; a++) {
        for (unsigned b = 0; b < numa->count; b++) {
            if (a == b)
                numa->distance[a][b] = NUMA_LOCAL_DISTANCE;
            else if (!numa->distance[a][b] && asymmetric)
                return error_set(errp, "At least one asymmetrical pair of distances is given, please provide distances for both "
                                 "directions of all node pairs.");
            else if (!numa->distance[a][b])
                numa->distance[a][b] = numa->distance[b][a];
        }
    }
    return true;
}

static void assign_cpus(struct numa *numa)
{
    unsigned missing = 0, per_socket = numa_cpus_per_socket(numa);
    char names[256] = "";
    for (unsigned i = 0; i < numa->cpu_count; i++) {
        if (numa->cpu_node[i] >= 0)
            continue;
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%sCPU %u [socket-id: %u, core-id: %u, thread-id: 0]", missing++ ? ", " : "", i,
                 i / per_socket, i % per_socket);
    }
    if (missing && missing < numa->cpu_count)
        warn_report("CPU(s) not present in any NUMA nodes: %s", names);
    for (unsigned i = 0; i < numa->cpu_count; i++)
        if (numa->cpu_node[i] < 0)
            numa->cpu_node[i] = (int16_t)(i / per_socket % numa->count);
}

bool numa_complete(struct numa *numa, uint64_t ram_size, bool auto_node, struct error **errp)
{
    if (!numa->count && !auto_node)
        return true;
    if (!numa->count) {
        numa->count = 1;
        numa->nodes[0] = (struct numa_node){ .present = true, .size = ram_size };
    }
    if (!check_nodes(numa, errp) || !check_memory(numa, ram_size, errp) || (numa->has_distance && !complete_distances(numa, errp)))
        return false;
    assign_cpus(numa);
    return true;
}
