// SPDX-License-Identifier: MIT
//
// The window at a0000: where an address goes in the planes, and what the graphics controller makes of reads and writes.
// [IBM VGA technical reference, graphics controller registers]
//
// In odd/even modes A0 chooses between planes 0/1 and 2/3 and is 0 in the planes' address, as the CRT controller's word
// mode reads it back.
#include "hw/core/machine.h"
#include "hw/display/vga.h"

enum { SEQ_MAP_MASK = 2, SEQ_MODE = 4, MODE_ODD_EVEN_OFF = 4, MODE_CHAIN4 = 8 };
enum { GC_SET_RESET, GC_ENABLE_SET_RESET, GC_COMPARE, GC_ROTATE, GC_READ_MAP, GC_MODE, GC_MISC, GC_CARE, GC_BIT_MASK };

// ---- addresses

// What of the window the memory map select shows.
static void map_select(const struct vga_registers *r, uint32_t *start, uint32_t *size)
{
    static const uint32_t starts[4] = { 0, 0, 0x10000, 0x18000 }, sizes[4] = { 0x20000, 0x10000, 0x8000, 0x8000 };
    *start = starts[r->gc[GC_MISC] >> 2 & 3];
    *size = sizes[r->gc[GC_MISC] >> 2 & 3];
}

// Offset in the shown part; false: nothing answers.
static bool window_offset(const struct vga *vga, uint64_t at, uint32_t *offset)
{
    uint32_t start, size;
    map_select(&vga->r, &start, &size);
    *offset = (uint32_t)at - start;
    return vga->r.misc & 2 && at >= start && *offset < size;
}

static uint64_t bank_of(const struct vga *vga) { return dispi_on(vga) ? (uint64_t)vga->r.dispi[DISPI_BANK] << 16 : 0; }
static bool chain4(const struct vga_registers *r) { return r->seq[SEQ_MODE] & MODE_CHAIN4; }

// Byte of plane 0 of a planes' address (a whole 4 byte group is inside video memory).
static uint64_t group_of(const struct vga *vga, uint64_t address)
{
    uint64_t mask = dispi_on(vga) ? vga->vram->size / 4 - 1 : VGA_PLANE_SIZE - 1;
    return ((address + bank_of(vga)) & mask) * 4;
}

// ---- the window as RAM

// Do accesses mean nothing but the bytes themselves?
static bool plain(const struct vga_registers *r)
{
    return chain4(r) && (r->seq[SEQ_MAP_MASK] & 15) == 15 && !(r->gc[GC_MODE] & 0x0b) && !r->gc[GC_ENABLE_SET_RESET] &&
           !r->gc[GC_ROTATE] && r->gc[GC_BIT_MASK] == 0xff;
}

void vga_map(struct vga *vga)
{
    const struct vga_registers *r = &vga->r;
    uint32_t start, size;
    map_select(r, &start, &size);
    bool on = r->misc & 2 && plain(r);
    uint64_t offset = bank_of(vga);
    if (dispi_on(vga) && r->dispi[DISPI_BPP] >= 8) { // whatever mode the registers of the planes are in
        on = true;
        start = 0;
        size = 0x10000;
    }
    on = on && offset + size <= vga->vram->size;
    if (on == vga->bank_on && (!on || (start == vga->bank_start && size == vga->bank_size && offset == vga->bank_offset)))
        return;
    struct machine *m = vga->machine;
    if (m->safe_point_begin)
        m->safe_point_begin(m);
    memory_transaction_begin(vga->memory);
    if (vga->bank_on)
        region_remove(&vga->bank);
    if (on) {
        region_init_ram(&vga->bank, "vga-bank", vga->vram, offset, size);
        region_add(&vga->window, &vga->bank, start, 1);
    }
    vga->bank_on = on;
    vga->bank_start = start;
    vga->bank_size = size;
    vga->bank_offset = offset;
    memory_transaction_commit(vga->memory);
    if (m->safe_point_end)
        m->safe_point_end(m);
}

// ---- reads

static uint64_t planes_read(void *opaque, uint64_t at, unsigned size)
{
    struct vga *vga = opaque;
    struct vga_registers *r = &vga->r;
    uint32_t offset;
    if (!window_offset(vga, at, &offset))
        return 0xff;
    unsigned plane = r->gc[GC_READ_MAP];
    uint64_t address = offset;
    if (chain4(r)) {
        plane = offset & 3;
        address = offset >> 2;
    } else if (r->gc[GC_MODE] & 0x10) {
        plane = (plane & 2) | (offset & 1);
        address &= ~1ull;
    }
    const uint8_t *group = vga->vram->host + group_of(vga, address);
    for (unsigned p = 0; p < 4; p++)
        r->latch[p] = group[p];
    if (!(r->gc[GC_MODE] & 8))
        return group[plane];
    uint8_t differ = 0; // colour compare
    for (unsigned p = 0; p < 4; p++)
        if (r->gc[GC_CARE] >> p & 1)
            differ |= group[p] ^ (r->gc[GC_COMPARE] >> p & 1 ? 0xff : 0);
    return (uint8_t)~differ;
}

// ---- writes

static uint8_t rotated(uint8_t value, unsigned by) { return (uint8_t)(value >> by | value << (8 - by)); }
static uint8_t filled(unsigned bits, unsigned plane) { return bits >> plane & 1 ? 0xff : 0; }

// What the ALU makes for one plane.
static uint8_t plane_value(const struct vga_registers *r, unsigned plane, uint8_t value)
{
    unsigned mode = r->gc[GC_MODE] & 3;
    uint8_t latch = r->latch[plane], mask = r->gc[GC_BIT_MASK], turned = rotated(value, r->gc[GC_ROTATE] & 7);
    switch (mode) {
    case 0: value = r->gc[GC_ENABLE_SET_RESET] >> plane & 1 ? filled(r->gc[GC_SET_RESET], plane) : turned; break;
    case 1: return latch;
    case 2: value = filled(value, plane); break;
    default:
        value = filled(r->gc[GC_SET_RESET], plane);
        mask &= turned;
        break;
    }
    switch (r->gc[GC_ROTATE] >> 3) {
    case 1: value &= latch; break;
    case 2: value |= latch; break;
    case 3: value ^= latch; break;
    }
    return (uint8_t)((value & mask) | (latch & ~mask));
}

static void planes_write(void *opaque, uint64_t at, uint64_t value, unsigned size)
{
    struct vga *vga = opaque;
    const struct vga_registers *r = &vga->r;
    uint32_t offset;
    if (!window_offset(vga, at, &offset))
        return;
    unsigned mask = r->seq[SEQ_MAP_MASK];
    uint64_t address = offset;
    if (chain4(r)) {
        mask &= 1u << (offset & 3);
        address = offset >> 2;
    } else if (!(r->seq[SEQ_MODE] & MODE_ODD_EVEN_OFF)) {
        mask &= offset & 1 ? 0xa : 0x5;
        address &= ~1ull;
    }
    uint64_t group = group_of(vga, address);
    ram_about_to_change(vga->memory, vga->vram, group, 4); // the guest may run code there, and the screen looks at it
    for (unsigned p = 0; p < 4; p++)
        if (mask >> p & 1)
            vga->vram->host[group + p] = plane_value(r, p, (uint8_t)value);
}

const struct region_ops vga_planes_ops = { .read = planes_read, .write = planes_write, .min_size = 1, .max_size = 1 };
