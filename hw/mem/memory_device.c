// SPDX-License-Identifier: MIT
//
// Slots and addresses in the hotplug window. Devices are a list sorted by address without overlaps; a slot is taken when
// some entry has it. Checks change nothing; insert and remove cannot fail. Texts of errors are QEMU's, which clients
// look for. Machine thread only.
#include "hw/mem/memory_device.h"
#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include "util/error.h"
#include "util/format.h"

#define GIB (1ull << 30)
#define PCI_HOLE_64 (2 * GIB) // room for 64-bit BARs above the window

static uint64_t round_up(uint64_t value, uint64_t to) { return (value + to - 1) / to * to; }

uint64_t memory_device_window_base(uint64_t ram_above_4g) { return round_up(4 * GIB + ram_above_4g, GIB); }

uint64_t memory_device_window_size(uint64_t ram_size, uint64_t max_ram_size, unsigned slots)
{
    return max_ram_size > ram_size ? max_ram_size - ram_size + slots * GIB : 0;
}

bool memory_device_check_options(uint64_t ram_size, uint64_t *max_ram_size, uint64_t slots, bool slots_given, uint64_t ram_above_4g,
                                 unsigned phys_bits, struct error **errp)
{
    uint64_t max = *max_ram_size;
    if (slots > MEMORY_SLOTS_MAX)
        return error_set(errp, "unsupported amount of memory slots: %" PRIu64 " (at most %d)", slots, MEMORY_SLOTS_MAX);
    if (!max && slots_given && slots)
        return error_set(errp, "slots specified but no max-size");
    if (!max)
        max = ram_size;
    if (max < ram_size)
        return error_set(errp, "invalid value of maxmem: maximum memory size (0x%" PRIx64 ") must be at least the initial memory "
                         "size (0x%" PRIx64 ")", max, ram_size);
    if (slots && max == ram_size)
        return error_set(errp, "invalid value of maxmem: memory slots were specified but maximum memory size (0x%" PRIx64
                         ") is equal to the initial memory size (0x%" PRIx64 ")", max, ram_size);
    if (max % 4096)
        return error_set(errp, "maxmem=%" PRIu64 ": maximum memory size must be aligned to multiple of 4096 bytes", max);
    uint64_t limit = phys_bits >= 64 ? UINT64_MAX : (1ull << phys_bits) - 1, base = memory_device_window_base(ram_above_4g);
    unsigned __int128 end = (unsigned __int128)base + memory_device_window_size(ram_size, max, (unsigned)slots) + PCI_HOLE_64 - 1;
    if (end > limit) {
        uint64_t shown = end > UINT64_MAX ? UINT64_MAX : (uint64_t)end;
        return error_set(errp, "Address space limit 0x%" PRIx64 " < 0x%" PRIx64 " phys-bits too low (%u)", limit, shown, phys_bits);
    }
    *max_ram_size = max;
    return true;
}

void memory_device_init(struct memory_device_state *state, struct region *memory, uint64_t base, uint64_t size, unsigned slots)
{
    memset(state, 0, sizeof(*state));
    state->base = base;
    state->size = size;
    state->slots = slots;
    state->total = size > slots * GIB ? size - slots * GIB : 0;
    region_init_container(&state->region, "device-memory", size);
    if (size)
        region_add(memory, &state->region, base, 0);
}

void memory_device_release(struct memory_device_state *state)
{
    if (state->size && state->region.parent)
        region_remove(&state->region);
    memset(state, 0, sizeof(*state));
}

// ---- slots

static bool slot_taken(const struct memory_device_state *state, int slot)
{
    for (const struct memory_device *d = state->devices; d; d = d->next) {
        if (d->slot == slot)
            return true;
    }
    return false;
}

bool memory_device_find_slot(const struct memory_device_state *state, int *slot, struct error **errp)
{
    if (!state || !state->slots)
        return *slot < 0 ? error_set(errp, "no slots where allocated, please specify the 'slots' option")
                         : error_set(errp, "invalid slot number %d, no slots where allocated, please specify the 'slots' option", *slot);
    if (*slot < -1 || *slot >= (int)state->slots)
        return error_set(errp, "invalid slot number %d, valid range is [0-%u]", *slot, state->slots - 1);
    if (*slot >= 0)
        return !slot_taken(state, *slot) || error_set(errp, "slot %d is busy", *slot);
    for (int i = 0; i < (int)state->slots; i++) {
        if (!slot_taken(state, i)) {
            *slot = i;
            return true;
        }
    }
    error_set(errp, "no free slots available");
    error_hint(errp, "All %u slots hold a device; -m slots=N gives more (at most %d).", state->slots, MEMORY_SLOTS_MAX);
    return false;
}

// ---- addresses

bool memory_device_check_space(const struct memory_device_state *state, uint64_t size, struct error **errp)
{
    if (size <= state->total && state->used <= state->total - size)
        return true;
    error_set(errp, "not enough space, currently 0x%" PRIx64 " in use of total space for memory devices 0x%" PRIx64, state->used, state->total);
    error_hint(errp, "%s are wanted, %s of %s are free; -m maxmem=SIZE gives more.", size_text(size).text,
               size_text(state->total - state->used).text, size_text(state->total).text);
    return false;
}

// Lowest aligned gap of that size; false: none.
static bool first_fit(const struct memory_device_state *state, uint64_t size, uint64_t alignment, uint64_t *found)
{
    uint64_t end = state->base + state->size, at = round_up(state->base, alignment);
    for (const struct memory_device *d = state->devices; d; d = d->next) {
        if (at < d->addr && d->addr - at >= size)
            break;
        if (d->addr + d->size > at)
            at = round_up(d->addr + d->size, alignment);
    }
    *found = at;
    return at < end && end - at >= size;
}

static bool check_fixed(const struct memory_device_state *state, uint64_t addr, uint64_t size, uint64_t alignment,
                        struct error **errp)
{
    if (addr % alignment)
        return error_set(errp, "address must be aligned to 0x%" PRIx64 " bytes", alignment);
    if (addr < state->base || addr - state->base > state->size || size > state->size - (addr - state->base))
        return error_set(errp, "can't add memory device [0x%" PRIx64 ":0x%" PRIx64 "], usable range for memory devices [0x%" PRIx64
                         ":0x%" PRIx64 "]", addr, size, state->base, state->size);
    for (const struct memory_device *d = state->devices; d; d = d->next) {
        if (addr < d->addr + d->size && d->addr < addr + size)
            return error_set(errp, "address range conflicts with memory device id='%s'",
                             d->device && d->device->id ? d->device->id : "(unnamed)");
    }
    return true;
}

bool memory_device_find_address(const struct memory_device_state *state, uint64_t *addr, uint64_t size, uint64_t alignment,
                                struct error **errp)
{
    if (size % alignment)
        return error_set(errp, "backend memory size must be multiple of 0x%" PRIx64, alignment);
    if (*addr)
        return check_fixed(state, *addr, size, alignment, errp);
    // Linux refuses memory that does not begin at one of its blocks; only when no such gap is left, any gap.
    if (size >= MEMORY_BLOCK && alignment < MEMORY_BLOCK && first_fit(state, size, MEMORY_BLOCK, addr))
        return true;
    if (first_fit(state, size, alignment, addr))
        return true;
    *addr = 0;
    return error_set(errp, "could not find position in guest address space for memory device - memory fragmented due to alignments");
}

// ---- the list

void memory_device_insert(struct memory_device_state *state, struct memory_device *entry)
{
    struct memory_device **p = &state->devices;
    while (*p && (*p)->addr < entry->addr)
        p = &(*p)->next;
    assert(!*p || entry->addr + entry->size <= (*p)->addr);
    entry->next = *p;
    *p = entry;
    state->used += entry->size;
}

void memory_device_remove(struct memory_device_state *state, struct memory_device *entry)
{
    for (struct memory_device **p = &state->devices; *p; p = &(*p)->next) {
        if (*p == entry) {
            *p = entry->next;
            entry->next = NULL;
            state->used -= entry->size;
            return;
        }
    }
}

uint64_t memory_device_plugged(const struct memory_device_state *state) { return state ? state->used : 0; }

uint64_t memory_device_largest(const struct memory_device_state *state)
{
    uint64_t left = state->total - state->used, at = state->base, gap = 0, end = state->base + state->size;
    for (const struct memory_device *d = state->devices;; d = d->next) {
        uint64_t start = (at + MEMORY_BLOCK - 1) & ~(MEMORY_BLOCK - 1), stop = d ? d->addr : end;
        if (stop > start && stop - start > gap)
            gap = stop - start;
        if (!d)
            break;
        at = d->addr + d->size;
    }
    return (gap < left ? gap : left) & ~(MEMORY_BLOCK - 1);
}
