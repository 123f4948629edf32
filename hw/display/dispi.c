// SPDX-License-Identifier: MIT
//
// The DISPI registers: index at port 1ce, data at 1cf (16 bits each). A mode is set by writing size and depth, then ENABLE.
// Values that do not fit in video memory are cut or ignored when they are written, so what stands in the registers while
// ENABLE is on can be drawn as it is. [Bochs VBE DISPI interface]
#include <string.h>
#include "hw/display/vga.h"
#include "util/log.h"

uint32_t dispi_pitch(const uint16_t *dispi)
{
    unsigned bits = dispi[DISPI_BPP] == 15 ? 16 : dispi[DISPI_BPP];
    return dispi[DISPI_VIRT_WIDTH] * bits / 8; // 4 bits: four planes of width / 8 bytes
}

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

// The lines that video memory has for the virtual width.
static uint32_t virtual_height(const struct vga *vga)
{
    uint32_t pitch = dispi_pitch(vga->r.dispi);
    return pitch ? least((uint32_t)(vga->vram->size / pitch), 0xffff) : 0;
}

static void clip_offsets(struct vga *vga)
{
    uint16_t *d = vga->r.dispi;
    d[DISPI_VIRT_HEIGHT] = (uint16_t)virtual_height(vga);
    d[DISPI_X_OFFSET] = (uint16_t)least(d[DISPI_X_OFFSET], d[DISPI_VIRT_WIDTH] - d[DISPI_XRES]);
    d[DISPI_Y_OFFSET] = (uint16_t)least(d[DISPI_Y_OFFSET], d[DISPI_VIRT_HEIGHT] - d[DISPI_YRES]);
}

static void switch_on(struct vga *vga, uint16_t value)
{
    uint16_t *d = vga->r.dispi;
    d[DISPI_XRES] = (uint16_t)(least(d[DISPI_XRES], DISPI_MAX_XRES) & ~7u);
    if (!d[DISPI_XRES])
        d[DISPI_XRES] = 8;
    d[DISPI_VIRT_WIDTH] = d[DISPI_XRES];
    d[DISPI_X_OFFSET] = d[DISPI_Y_OFFSET] = d[DISPI_BANK] = 0;
    d[DISPI_YRES] = (uint16_t)least(least(d[DISPI_YRES], DISPI_MAX_YRES), virtual_height(vga));
    if (!d[DISPI_YRES])
        d[DISPI_YRES] = 1;
    clip_offsets(vga);
    if (!(value & DISPI_NOCLEARMEM)) {
        uint64_t size = (uint64_t)dispi_pitch(d) * d[DISPI_YRES];
        ram_about_to_change(vga->memory, vga->vram, 0, size);
        memset(vga->vram->host, 0, size);
    }
}

static void write_enable(struct vga *vga, uint16_t value)
{
    uint16_t *d = vga->r.dispi, before = d[DISPI_ENABLE];
    if (value & DISPI_ENABLED && !(before & DISPI_ENABLED))
        switch_on(vga, value);
    d[DISPI_ENABLE] = value & (DISPI_ENABLED | DISPI_GETCAPS | DISPI_8BIT_DAC | DISPI_LFB | DISPI_NOCLEARMEM);
    vga_map(vga);
}

static void write_depth(struct vga *vga, uint16_t value)
{
    static const uint8_t depths[] = { 4, 8, 15, 16, 24, 32 };
    if (!value)
        value = 8;
    for (unsigned i = 0; i < sizeof depths; i++)
        if (value == depths[i])
            vga->r.dispi[DISPI_BPP] = value;
}

static void write_virtual_width(struct vga *vga, uint16_t value)
{
    uint16_t *d = vga->r.dispi, before = d[DISPI_VIRT_WIDTH];
    if (!dispi_on(vga)) // set when ENABLE is
        return;
    d[DISPI_VIRT_WIDTH] = value & 0xfff8;
    if (d[DISPI_VIRT_WIDTH] < d[DISPI_XRES] || virtual_height(vga) < d[DISPI_YRES])
        d[DISPI_VIRT_WIDTH] = before;
    clip_offsets(vga);
}

uint16_t dispi_read(const struct vga *vga, unsigned index)
{
    const uint16_t *d = vga->r.dispi;
    if (index == DISPI_MEMORY_64K)
        return (uint16_t)(vga->vram->size >> 16);
    if (index >= DISPI_COUNT)
        return 0;
    if (d[DISPI_ENABLE] & DISPI_GETCAPS) {
        switch (index) {
        case DISPI_XRES: return DISPI_MAX_XRES;
        case DISPI_YRES: return DISPI_MAX_YRES;
        case DISPI_BPP: return 32;
        }
    }
    return d[index];
}

void dispi_write(struct vga *vga, unsigned index, uint16_t value)
{
    uint16_t *d = vga->r.dispi;
    switch (index) {
    case DISPI_ID: // a guest may ask for an older interface
        if (value >= 0xb0c0 && value <= DISPI_ID_NEWEST)
            d[DISPI_ID] = value;
        break;
    case DISPI_XRES: case DISPI_YRES: case DISPI_BPP:
        if (dispi_on(vga)) // takes a new mode: off, then on
            log_printf(LOG_GUEST_ERRORS, "vga: DISPI register %u is written while a mode is on: ignored\n", index);
        else if (index == DISPI_BPP)
            write_depth(vga, value);
        else
            d[index] = value;
        break;
    case DISPI_ENABLE: write_enable(vga, value); break;
    case DISPI_BANK:
        if (value < vga->vram->size >> 16) {
            d[DISPI_BANK] = value;
            vga_map(vga);
        }
        break;
    case DISPI_VIRT_WIDTH: write_virtual_width(vga, value); break;
    case DISPI_X_OFFSET: case DISPI_Y_OFFSET:
        d[index] = value;
        if (dispi_on(vga))
            clip_offsets(vga);
        break;
    default: break;
    }
}

// ---- ports

static uint64_t index_read(void *opaque, uint64_t offset, unsigned size) { return ((struct vga *)opaque)->r.dispi_index; }
static void index_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    ((struct vga *)opaque)->r.dispi_index = (uint16_t)value;
}

static uint64_t data_read(void *opaque, uint64_t offset, unsigned size)
{
    struct vga *vga = opaque;
    return dispi_read(vga, vga->r.dispi_index);
}

static void data_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct vga *vga = opaque;
    dispi_write(vga, vga->r.dispi_index, (uint16_t)value);
}

const struct region_ops dispi_index_ops = { .read = index_read, .write = index_write, .min_size = 2, .max_size = 2 };
const struct region_ops dispi_data_ops = { .read = data_read, .write = data_write, .min_size = 2, .max_size = 2 };
