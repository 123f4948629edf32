// SPDX-License-Identifier: MIT
//
// NUMA nodes of the guest: which CPUs and which part of boot RAM each has, and distances. Told by -numa in the order of the
// command line (numa_options.c), checked and completed as a whole by numa_complete; then read only.
// The memory of node 0 comes first in boot RAM, then node 1's, and so on. Messages are QEMU's.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct backend_list;
struct error;
struct machine;
struct memory_backend;
#define NUMA_NODES_MAX 128
#define NUMA_CPUS_MAX 1024
#define NUMA_LOCAL_DISTANCE 10

struct numa_node {
    bool present;
    struct memory_backend *memdev; // NULL: none of its own
    uint64_t size;                 // bytes of boot RAM
};
struct numa {
    unsigned count;                // nodes; without holes once complete
    unsigned cpu_count, sockets;   // of the machine
    struct numa_node nodes[NUMA_NODES_MAX];
    int16_t cpu_node[NUMA_CPUS_MAX]; // -1: not said
    bool has_distance;
    uint8_t distance[NUMA_NODES_MAX][NUMA_NODES_MAX]; // [from][to]; 0: not said
};

// sockets: that the CPUs are spread over (at least 1): an unassigned CPU goes to the node of its socket, in turn.
void numa_init(struct numa *numa, unsigned cpu_count, unsigned sockets);
// One -numa text: node, dist or cpu. False: *errp says why, and nothing has changed.
bool numa_option(struct numa *numa, const char *text, const struct backend_list *backends, struct error **errp);
// After the last text. auto_node: without -numa there is one node with all RAM (hotplug needs it).
bool numa_complete(struct numa *numa, uint64_t ram_size, bool auto_node, struct error **errp);
// Some node brings memory of its own?
bool numa_has_memory(const struct numa *numa);
// Socket and core of a CPU, as -numa cpu,socket-id= counts them.
unsigned numa_cpus_per_socket(const struct numa *numa);
const struct numa *pc_numa(struct machine *machine);
