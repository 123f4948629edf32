// SPDX-License-Identifier: MIT
//
// Accesses by physical address: devices (DMA), loaders, the monitor; dispatch to device callbacks; I/O ports. Machine
// thread only, outside generated code (or below the slow path's guard of vector registers).
#include "softmmu/memory.h"
#include <string.h>
#include "softmmu/tlb.h"
#include "util/log.h"

static uint64_t size_mask(unsigned size)
{
    return size >= 8 ? UINT64_MAX : (1ull << size * 8) - 1;
}

// ---- device callbacks

static unsigned ops_min(const struct region_ops *ops) { return ops->min_size ? ops->min_size : 1; }
static unsigned ops_max(const struct region_ops *ops) { return ops->max_size ? ops->max_size : 4; }

static bool refused(const struct region *region, uint64_t offset, unsigned size, const char *what)
{
    const struct region_ops *ops = region->ops;
    if (!ops->strict || (size >= ops_min(ops) && size <= ops_max(ops)))
        return false;
    log_printf(LOG_GUEST_ERRORS, "%s: %s of %u bytes at offset %#llx is refused\n", region->name, what, size,
               (unsigned long long)offset);
    return true;
}

// One piece of at most max_size bytes, widened to min_size where needed.
static uint64_t piece_read(const struct region *region, uint64_t offset, unsigned size)
{
    const struct region_ops *ops = region->ops;
    unsigned min = ops_min(ops);
    if (!ops->read)
        return size_mask(size);
    if (size >= min)
        return ops->read(region->opaque, offset, size) & size_mask(size);
    unsigned inside = offset & (min - 1);
    uint64_t value = ops->read(region->opaque, offset - inside, min) >> inside * 8;
    if (inside + size > min) // over the edge of two wide registers
        value = (value & size_mask(min - inside)) |
                ops->read(region->opaque, offset - inside + min, min) << (min - inside) * 8;
    return value & size_mask(size);
}

static void piece_write(const struct region *region, uint64_t offset, uint64_t value, unsigned size)
{
    const struct region_ops *ops = region->ops;
    unsigned min = ops_min(ops);
    if (!ops->write)
        return;
    value &= size_mask(size);
    if (size >= min) {
        ops->write(region->opaque, offset, value, size);
        return;
    }
    unsigned inside = offset & (min - 1);
    ops->write(region->opaque, offset - inside, value << inside * 8 & size_mask(min), min);
    if (inside + size > min)
        ops->write(region->opaque, offset - inside + min, value >> (min - inside) * 8, min);
}

static uint64_t region_read(const struct region *region, uint64_t offset, unsigned size)
{
    if (refused(region, offset, size, "read"))
        return size_mask(size);
    unsigned max = ops_max(region->ops);
    uint64_t value = 0;
    for (unsigned done = 0; done < size;) {
        unsigned step = size - done < max ? size - done : max;
        value |= piece_read(region, offset + done, step) << done * 8;
        done += step;
    }
    return value;
}

static void region_write(const struct region *region, uint64_t offset, uint64_t value, unsigned size)
{
    if (refused(region, offset, size, "write"))
        return;
    unsigned max = ops_max(region->ops);
    for (unsigned done = 0; done < size;) {
        unsigned step = size - done < max ? size - done : max;
        piece_write(region, offset + done, value >> done * 8, step);
        done += step;
    }
}

static uint64_t bytes_load(const uint8_t *host, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)host[i] << i * 8;
    return value;
}

static uint64_t section_room(const struct section *section, uint64_t addr)
{
    if (section->host)
        return section->last - addr + 1;
    return section->region->size - (section->region_offset + (addr - section->start));
}

uint64_t section_read(const struct section *section, uint64_t addr, unsigned size)
{
    if (!section)
        return size_mask(size);
    if (section_room(section, addr) < size) { // bytes behind the region's end belong to nobody
        unsigned room = (unsigned)section_room(section, addr);
        uint64_t value = size_mask(size) & ~size_mask(room);
        for (unsigned i = 0; i < room; i++)
            value |= section_read(section, addr + i, 1) << i * 8;
        return value;
    }
    uint64_t delta = addr - section->start;
    if (section->host)
        return bytes_load(section->host + delta, size);
    return region_read(section->region, section->region_offset + delta, size);
}

void section_write(const struct section *section, uint64_t addr, uint64_t value, unsigned size)
{
    if (!section || section->readonly)
        return;
    if (section_room(section, addr) < size) {
        unsigned room = (unsigned)section_room(section, addr);
        for (unsigned i = 0; i < room; i++)
            section_write(section, addr + i, value >> i * 8, 1);
        return;
    }
    uint64_t delta = addr - section->start;
    if (!section->host) {
        region_write(section->region, section->region_offset + delta, value, size);
        return;
    }
    for (unsigned i = 0; i < size; i++)
        section->host[delta + i] = (uint8_t)(value >> i * 8);
}

// ---- single values

static void log_unassigned(const struct address_space *space, const char *what, uint64_t addr, unsigned size)
{
    log_printf(LOG_GUEST_ERRORS, "%s: %s of %u bytes at %#llx: nothing there\n", space->root.name, what, size,
               (unsigned long long)addr);
}

uint64_t physical_load(struct address_space *space, uint64_t addr, unsigned size)
{
    const struct section *section = address_space_find(space, addr);
    if (section && section_room(section, addr) >= size)
        return section_read(section, addr, size);
    if (size == 1) {
        log_unassigned(space, "read", addr, size);
        return 0xff;
    }
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= physical_load(space, addr + i, 1) << i * 8;
    return value;
}

void physical_store(struct address_space *space, uint64_t addr, uint64_t value, unsigned size)
{
    const struct section *section = address_space_find(space, addr);
    if (section && section_room(section, addr) >= size) {
        if (section->host && !section->readonly)
            ram_about_to_change(space, section->ram, section->ram_offset + (addr - section->start), size);
        section_write(section, addr, value, size);
        return;
    }
    if (size == 1) {
        log_unassigned(space, "write", addr, size);
        return;
    }
    for (unsigned i = 0; i < size; i++)
        physical_store(space, addr + i, value >> i * 8, 1);
}

// ---- buffers

// The largest natural access at addr within len.
static unsigned natural_size(uint64_t addr, uint64_t len)
{
    unsigned size = 8;
    while (size > len || addr & (size - 1))
        size /= 2;
    return size;
}

// Bytes from addr on that one step of a buffer access takes: a run of RAM, one device access, or one byte.
static uint64_t step_size(const struct section *section, uint64_t addr, uint64_t len)
{
    if (!section)
        return 1;
    uint64_t room = section->last - addr;
    if (room < len)
        len = room + 1;
    return section->host ? len : natural_size(addr, len);
}

bool physical_read(struct address_space *space, uint64_t addr, void *buffer, uint64_t len)
{
    uint8_t *to = buffer;
    bool complete = true;
    while (len) {
        const struct section *section = address_space_find(space, addr);
        uint64_t step = step_size(section, addr, len);
        if (section && section->host) {
            memcpy(to, section->host + (addr - section->start), step);
        } else {
            uint64_t value = section_read(section, addr, (unsigned)step);
            for (unsigned i = 0; i < step; i++)
                to[i] = (uint8_t)(value >> i * 8);
        }
        complete &= section != NULL;
        to += step;
        addr += step;
        len -= step;
    }
    return complete;
}

bool physical_write(struct address_space *space, uint64_t addr, const void *buffer, uint64_t len)
{
    const uint8_t *from = buffer;
    bool complete = true;
    while (len) {
        const struct section *section = address_space_find(space, addr);
        uint64_t step = step_size(section, addr, len);
        if (section && section->host) {
            if (!section->readonly) {
                uint64_t delta = addr - section->start;
                ram_about_to_change(space, section->ram, section->ram_offset + delta, step);
                memcpy(section->host + delta, from, step);
            }
        } else {
            section_write(section, addr, bytes_load(from, (unsigned)step), (unsigned)step);
        }
        complete &= section != NULL;
        from += step;
        addr += step;
        len -= step;
    }
    return complete;
}

void *address_space_ram_pointer(struct address_space *space, uint64_t addr, uint64_t len, bool write)
{
    const struct section *section = address_space_find(space, addr);
    if (!section || !section->host || (len && section->last - addr < len - 1))
        return NULL;
    uint64_t delta = addr - section->start;
    if (write) {
        if (section->readonly)
            return NULL;
        ram_about_to_change(space, section->ram, section->ram_offset + delta, len);
    }
    return section->host + delta;
}

bool ram_take_dirty(struct address_space *space, struct ram_block *block, uint64_t offset, uint8_t client)
{
    struct page_info *page = &block->pages[offset >> PAGE_BITS];
    if (!(page->dirty & client))
        return false;
    page->dirty &= (uint8_t)~client;
    if (space->hooks && space->hooks->tlb) // whoever fills a write entry sets all bits: no entry may outlive a cleared one
        tlb_protect_page(space->hooks->tlb, block, offset);
    return true;
}

// ---- ports

uint64_t port_read(struct address_space *ports, uint16_t port, unsigned size)
{
    const struct section *section = address_space_find(ports, port);
    if (size == 1 || (section && section_room(section, port) >= size))
        return section_read(section, port, size);
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= port_read(ports, (uint16_t)(port + i), 1) << i * 8;
    return value;
}

void port_write(struct address_space *ports, uint16_t port, uint64_t value, unsigned size)
{
    const struct section *section = address_space_find(ports, port);
    if (size == 1 || (section && section_room(section, port) >= size)) {
        section_write(section, port, value, size);
        return;
    }
    for (unsigned i = 0; i < size; i++)
        port_write(ports, (uint16_t)(port + i), value >> i * 8, 1);
}
