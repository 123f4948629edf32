// SPDX-License-Identifier: MIT
//
// Lines of the DISPI modes with 8 bits a pixel and more. A line that would leave video memory is black.
#include <string.h>
#include "hw/display/vga.h"

static uint32_t widen(uint32_t value, unsigned bits) // to 8 bits, so that full is full
{
    return value << (8 - bits) | value >> (2 * bits - 8);
}

static uint32_t pixel_15(uint32_t v)
{
    return widen(v >> 10 & 31, 5) << 16 | widen(v >> 5 & 31, 5) << 8 | widen(v & 31, 5);
}

static uint32_t pixel_16(uint32_t v)
{
    return widen(v >> 11 & 31, 5) << 16 | widen(v >> 5 & 63, 6) << 8 | widen(v & 31, 5);
}

void vga_linear_line(const struct vga *vga, unsigned y, uint32_t *line)
{
    const uint16_t *d = vga->look.dispi;
    unsigned width = d[DISPI_XRES], bytes = (d[DISPI_BPP] + 7u) / 8;
    uint64_t at = (uint64_t)(y + d[DISPI_Y_OFFSET]) * dispi_pitch(d) + (uint64_t)d[DISPI_X_OFFSET] * bytes;
    if (at + (uint64_t)width * bytes > vga->vram->size) {
        memset(line, 0, width * sizeof *line);
        return;
    }
    const uint8_t *p = vga->vram->host + at;
    for (unsigned x = 0; x < width; x++, p += bytes) {
        switch (d[DISPI_BPP]) {
        case 8: line[x] = vga->look.colours[*p]; break;
        case 15: line[x] = pixel_15(p[0] | p[1] << 8); break;
        case 16: line[x] = pixel_16(p[0] | p[1] << 8); break;
        default: line[x] = p[0] | p[1] << 8 | p[2] << 16; break;
        }
    }
}
