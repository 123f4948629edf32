// SPDX-License-Identifier: MIT
//
// SRAT and SLIT. The last SRAT entry is the whole hotplug window, enabled and hot-pluggable, on the highest node: Windows wants
// such an entry before it accepts DIMMs, and Linux prepares for memory above 4 GiB by it. A DIMM's own node comes by _PXM.
#include "hw/pc/srat.h"
#include "hw/pc/acpi_buffer.h"
#include "hw/pc/numa.h"

enum { ENABLED = 1, HOT_PLUGGABLE = 2 };
#define HOLE_START 0xa0000ull
#define HOLE_END 0x100000ull

static void put_cpu(struct buffer *b, uint32_t apic_id, unsigned node)
{
    if (apic_id < 255) {
        put(b, (uint8_t[]){ 0, 16, (uint8_t)node, (uint8_t)apic_id }, 4);
        put32(b, ENABLED);
        put8(b, 0); // SAPIC EID
        put_int(b, node >> 8, 3);
        put32(b, 0); // clock domain
    } else {
        put(b, (uint8_t[]){ 2, 24, 0, 0 }, 4);
        put32(b, node);
        put32(b, apic_id);
        put32(b, ENABLED);
        put64(b, 0); // clock domain, reserved
    }
}

static void put_memory(struct buffer *b, uint64_t base, uint64_t length, unsigned node, unsigned flags)
{
    put8(b, 1);
    put8(b, 40);
    put32(b, node);
    put16(b, 0);
    put64(b, base);
    put64(b, length);
    put32(b, 0);
    put32(b, flags);
    put64(b, 0);
}

// Bytes [start, end) of boot RAM that lie in [from, to) of it, which the guest sees at `at`.
static unsigned put_part(struct buffer *b, uint64_t start, uint64_t end, uint64_t from, uint64_t to, uint64_t at, unsigned node)
{
    uint64_t first = start > from ? start : from, last = end < to ? end : to;
    if (first >= last)
        return 0;
    put_memory(b, at + (first - from), last - first, node, ENABLED);
    return 1;
}

void put_srat(struct buffer *b, const struct numa *numa, unsigned cpu_count, const struct srat_memory *memory)
{
    size_t at = acpi_table_begin(b, "SRAT", 1, "RMJTSRAT");
    put32(b, 1); // reserved, and 1 by definition
    put64(b, 0);
    for (unsigned i = 0; i < cpu_count; i++)
        put_cpu(b, i, (unsigned)numa->cpu_node[i]);
    unsigned entries = 0;
    uint64_t start = 0;
    for (unsigned node = 0; node < numa->count; node++) {
        uint64_t end = start + numa->nodes[node].size;
        entries += put_part(b, start, end, 0, memory->low < HOLE_START ? memory->low : HOLE_START, 0, node);
        entries += put_part(b, start, end, HOLE_END, memory->low, HOLE_END, node);
        entries += put_part(b, start, end, memory->low, memory->low + memory->high, 4ull << 30, node);
        start = end;
    }
    for (; entries < numa->count + 2; entries++) // the same length whatever the nodes have, as guests know it
        put_memory(b, 0, 0, 0, 0);
    if (memory->hotplug_size)
        put_memory(b, memory->hotplug_base, memory->hotplug_size, numa->count - 1, ENABLED | HOT_PLUGGABLE);
    acpi_table_end(b, at);
}

void put_slit(struct buffer *b, const struct numa *numa)
{
    size_t at = acpi_table_begin(b, "SLIT", 1, "RMJTSLIT");
    put64(b, numa->count);
    for (unsigned from = 0; from < numa->count; from++)
        for (unsigned to = 0; to < numa->count; to++)
            put8(b, numa->distance[from][to]);
    acpi_table_end(b, at);
}
