// SPDX-License-Identifier: MIT
//
// The ACPI tables of NUMA: SRAT (which node has which CPU and memory) and SLIT (distances). [ACPI 6.4 5.2.16, 5.2.17]
#pragma once
#include <stdint.h>

struct buffer;
struct numa;
// low: bytes of RAM from 0 on, high: from 4 GiB on. The nodes' memory lies in it in their order, low part first.
struct srat_memory { uint64_t low, high, hotplug_base, hotplug_size; }; // hotplug_size 0: no window
void put_srat(struct buffer *b, const struct numa *numa, unsigned cpu_count, const struct srat_memory *memory);
// Only to be called when distances are known (numa->has_distance).
void put_slit(struct buffer *b, const struct numa *numa);
