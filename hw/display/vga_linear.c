// SPDX-License-Identifier: MIT
//
// Lines of the DISPI modes with 8 bits a pixel and more. A line that would leave video memory is black.
#include <string.h>
#include "hw/display/vga.h"

// Eight pixels at once, whatever vectors the host has. This is nearly all that a moving picture costs the guest.
#define LANES 8u
typedef uint16_t raw16 __attribute__((vector_size(2 * LANES)));
typedef uint32_t lanes __attribute__((vector_size(4 * LANES)));

static inline void draw_8_pixels(const uint8_t *from, uint32_t *to, bool green_6)
{
    raw16 raw;
    memcpy(&raw, from, sizeof raw);
    lanes v = __builtin_convertvector(raw, lanes), out;
    // Each colour is widened to 8 bits by its upper bits below it, so that full is full.
    if (green_6)
        out = (v << 8 & 0xf80000) | (v << 3 & 0x070000) | (v << 5 & 0xfc00) | (v >> 1 & 0x300);
    else
        out = (v << 9 & 0xf80000) | (v << 4 & 0x070000) | (v << 6 & 0xf800) | (v << 1 & 0x700);
    out |= (v << 3 & 0xf8) | (v >> 2 & 7);
    memcpy(to, &out, sizeof out);
}

static void draw_16_bits(const uint8_t *p, uint32_t *line, unsigned width, bool green_6)
{
    unsigned x = 0;
    for (; x + LANES <= width; x += LANES)
        draw_8_pixels(p + 2 * x, line + x, green_6);
    uint8_t rest[2 * LANES] = { 0 };
    uint32_t out[LANES];
    memcpy(rest, p + 2 * x, 2 * (width - x));
    draw_8_pixels(rest, out, green_6);
    memcpy(line + x, out, sizeof *out * (width - x));
}

static void draw_32_bits(const uint8_t *p, uint32_t *line, unsigned width)
{
    for (unsigned x = 0; x < width; x++) {
        memcpy(line + x, p + 4 * x, sizeof *line);
        line[x] &= 0xffffff;
    }
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
    if (bytes == 2) {
        draw_16_bits(p, line, width, d[DISPI_BPP] == 16);
        return;
    }
    if (bytes == 4) {
        draw_32_bits(p, line, width);
        return;
    }
    for (unsigned x = 0; x < width; x++, p += bytes)
        line[x] = d[DISPI_BPP] == 8 ? vga->look.colours[*p] : (uint32_t)(p[0] | p[1] << 8 | p[2] << 16);
}
