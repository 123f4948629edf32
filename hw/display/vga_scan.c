// SPDX-License-Identifier: MIT
//
// One scan line of the modes that the planes make: text, 16 colours, CGA's packed 4, and 256. Works from the look, not
// from the registers. Addresses wrap at the planes' end, so nothing here can leave video memory.
// [IBM VGA technical reference: CRT controller, attribute controller]
#include "hw/display/vga.h"

enum { CLOCKING_8_DOTS = 1, CLOCKING_HALF = 8 };
enum { MODE_GRAPHICS = 1, ATTR_MODE = 0x10, ATTR_LINE_GRAPHICS = 4, ATTR_BLINK = 8, ATTR_PLANES = 0x12 };

static unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }

unsigned vga_dots(const struct vga_look *look)
{
    unsigned dots = look->clocking & CLOCKING_8_DOTS || look->gc_misc & MODE_GRAPHICS ? 8 : 9;
    return look->clocking & CLOCKING_HALF ? dots * 2 : dots;
}

// The planes' address that a value of the address counter fetches.
static uint32_t fetch_address(const struct vga_look *look, uint32_t counter, uint8_t row)
{
    uint8_t mode = look->crtc[0x17];
    uint32_t at = counter;
    if (look->crtc[0x14] & 0x40) { // double words; packed memory of chain-4 modes counts them by one
        if (!(look->seq_mode & 8))
            at = counter << 2 | (counter >> 12 & 3);
    } else if (!(mode & 0x40)) { // words
        at = counter << 1 | (counter >> (mode & 0x20 ? 15 : 13) & 1);
    }
    if (!(mode & 1)) // as CGA: odd lines from elsewhere
        at = (at & ~0x2000u) | (row & 1u) << 13;
    if (!(mode & 2)) // as Hercules
        at = (at & ~0x4000u) | (row >> 1 & 1u) << 14;
    return at & (VGA_PLANE_SIZE - 1);
}

static uint32_t *put(uint32_t *to, uint32_t colour, unsigned times)
{
    while (times--)
        *to++ = colour;
    return to;
}

// ---- text

static uint32_t font_offset(unsigned number)
{
    return (number & 3) * 0x4000 + (number >> 2 & 1) * 0x2000;
}

// [0]: attribute bit 3 clear.
static void font_offsets(uint8_t select, uint32_t offsets[2])
{
    offsets[0] = font_offset((select & 3) | (select >> 2 & 4));
    offsets[1] = font_offset((select >> 2 & 3) | (select >> 3 & 4));
}

static bool cursor_row(const struct vga_look *look, uint8_t row)
{
    uint8_t start = look->crtc[0x0a], end = look->crtc[0x0b] & 0x1f;
    return look->cursor_on && !(start & 0x20) && row >= (start & 0x1f) && row <= end;
}

static void text_line(struct vga *vga, const struct vga_scan *scan, uint32_t *line)
{
    const struct vga_look *look = &vga->look;
    const uint8_t *bytes = vga->vram->host;
    unsigned dots = look->clocking & CLOCKING_8_DOTS ? 8 : 9, wide = look->clocking & CLOCKING_HALF ? 2 : 1;
    unsigned planes = look->attr[ATTR_PLANES] & 15;
    bool blinks = look->attr[ATTR_MODE] & ATTR_BLINK, underline = (look->crtc[0x14] & 0x1f) == scan->row;
    bool in_cursor = cursor_row(look, scan->row);
    uint32_t cursor = (uint32_t)(look->crtc[0x0e] << 8 | look->crtc[0x0f]) + (look->crtc[0x0b] >> 5 & 3);
    uint32_t fonts[2];
    font_offsets(look->fonts, fonts);
    for (unsigned c = 0; c < look->crtc[1] + 2u; c++) { // one more, for panning
        uint32_t counter = scan->start + c;
        const uint8_t *cell = bytes + fetch_address(look, counter, scan->row) * 4;
        uint8_t character = cell[0], attr = cell[1];
        unsigned bits = bytes[(fonts[attr >> 3 & 1] + character * 32u + scan->row) * 4 + 2] << 1;
        if (look->attr[ATTR_MODE] & ATTR_LINE_GRAPHICS && (character & 0xe0) == 0xc0)
            bits |= bits >> 1 & 1;
        if (underline && (attr & 7) == 1)
            bits = 0x1ff;
        uint32_t fore = look->palette[attr & 15 & planes], back = look->palette[attr >> 4 & (blinks ? 7 : 15) & planes];
        if (blinks && attr & 0x80) {
            vga->has_blinking = true;
            if (!look->text_on)
                fore = back;
        }
        if (in_cursor && (counter & 0xffff) == (cursor & 0xffff)) {
            bits = 0x1ff;
            fore = look->palette[attr & 15 & planes];
        }
        for (unsigned i = 0; i < dots; i++)
            line = put(line, bits >> (8 - i) & 1 ? fore : back, wide);
    }
}

// ---- graphics

// Four plane bytes to eight pixels.
static uint32_t *planar_pixels(const struct vga_look *look, const uint8_t *group, unsigned wide, uint32_t *line)
{
    unsigned planes = look->attr[ATTR_PLANES] & 15;
    for (int bit = 7; bit >= 0; bit--) {
        unsigned pixel = (group[0] >> bit & 1u) | (group[1] >> bit & 1u) << 1 | (group[2] >> bit & 1u) << 2 | (group[3] >> bit & 1u) << 3;
        line = put(line, look->palette[pixel & planes], wide);
    }
    return line;
}

// The shift registers interleaved: two bits a pixel from plane 0 then 1, the upper two from 2 then 3.
static uint32_t *packed_pixels(const struct vga_look *look, const uint8_t *group, unsigned wide, uint32_t *line)
{
    unsigned planes = look->attr[ATTR_PLANES] & 15;
    for (unsigned half = 0; half < 2; half++) {
        for (int shift = 6; shift >= 0; shift -= 2) {
            unsigned pixel = (group[half] >> shift & 3u) | (group[half + 2] >> shift & 3u) << 2;
            line = put(line, look->palette[pixel & planes], wide);
        }
    }
    return line;
}

static void graphics_line(const struct vga *vga, const struct vga_scan *scan, uint32_t *line)
{
    const struct vga_look *look = &vga->look;
    unsigned wide = look->clocking & CLOCKING_HALF ? 2 : 1;
    unsigned slow = look->crtc[0x14] & 0x20 ? 2 : look->crtc[0x17] & 8 ? 1 : 0; // the counter runs at 1/4 or 1/2
    for (unsigned c = 0; c < look->crtc[1] + 2u; c++) {
        const uint8_t *group = vga->vram->host + fetch_address(look, scan->start + (c >> slow), scan->row) * 4;
        if (look->gc_mode & 0x40) { // 256 colours: a pixel takes two dots
            for (unsigned p = 0; p < 4; p++)
                line = put(line, look->colours[group[p]], 2 * wide);
        } else if (look->gc_mode & 0x20) {
            line = packed_pixels(look, group, wide, line);
        } else {
            line = planar_pixels(look, group, wide, line);
        }
    }
}

// 16 colours of a DISPI mode: the planes without the CRT controller; what lies behind video memory wraps.
static void dispi_line(const struct vga *vga, unsigned y, uint32_t *line)
{
    const uint16_t *d = vga->look.dispi;
    uint64_t mask = vga->vram->size - 1;
    uint64_t at = (uint64_t)(y + d[DISPI_Y_OFFSET]) * dispi_pitch(d) + d[DISPI_X_OFFSET] / 8 * 4;
    for (unsigned c = 0; c < d[DISPI_XRES] / 8u + 1; c++, at += 4)
        line = planar_pixels(&vga->look, vga->vram->host + (at & mask), 1, line);
}

void vga_scan_line(struct vga *vga, const struct vga_scan *scan, uint32_t *line)
{
    if (vga->look.dispi[DISPI_ENABLE] & DISPI_ENABLED)
        dispi_line(vga, least(scan->start, DISPI_MAX_YRES), line);
    else if (vga->look.gc_misc & MODE_GRAPHICS)
        graphics_line(vga, scan, line);
    else
        text_line(vga, scan, line);
}
