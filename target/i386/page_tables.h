// SPDX-License-Identifier: MIT
//
// All mappings of a vCPU's page tables, looked at without a trace: no accessed bits, no faults, RAM only (a table in a device
// reads as empty). For the monitor, and for telling whether the guest has mapped a DIMM.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct x86_cpu;
struct page_mapping {
    uint64_t va, physical, size; // bytes
    uint64_t entry;              // the leaf as it is in the table
    uint64_t rights;             // bits 1 (W) and 2 (U), of all levels together
};
enum page_visit {
    PAGES_VISITED,
    PAGES_OFF,      // paging is off
    PAGES_TOO_MANY, // stopped: tables that name each other can have more mappings than anybody would read
    PAGES_STOPPED,  // by fn
};
// Each present leaf with va >= first, in the order of va; canonical addresses in long mode (first 1 << 63: the upper half).
// fn returns false to stop.
enum page_visit cpu_visit_pages(struct x86_cpu *cpu, uint64_t first, bool (*fn)(void *opaque, const struct page_mapping *page),
                                void *opaque);
