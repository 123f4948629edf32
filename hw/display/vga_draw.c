// SPDX-License-Identifier: MIT
//
// The refresh: what of the registers shows (struct vga_look), which pages of video memory were written since the last time,
// and lines of pixels that are compared with what stands on the screen. Nothing that a guest can see changes, and when
// nothing changed nothing is drawn.
#include <stddef.h>
#include <string.h>
#include "hw/display/vga.h"
#include "ui/screen.h"

enum { FRAME_NS = 16666667, DIRTY_DISPLAY = 1, PAS = 0x20 };

// ---- the look

static uint32_t dac_colour(const struct vga_registers *r, unsigned index)
{
    const uint8_t *c = &r->dac[(index & r->dac_mask) * 3];
    bool wide = r->dispi[DISPI_ENABLE] & DISPI_8BIT_DAC;
    uint32_t colour = 0;
    for (int i = 0; i < 3; i++)
        colour = colour << 8 | (wide ? c[i] : (uint32_t)((c[i] & 0x3f) << 2 | (c[i] & 0x3f) >> 4));
    return colour;
}

// The attribute controller's colour register as an index of the DAC.
static unsigned attr_index(const struct vga_registers *r, unsigned n)
{
    unsigned index = r->attr[n] | (r->attr[0x14] & 0x0c) << 4;
    if (r->attr[0x10] & 0x80)
        index = (index & 0xcf) | (r->attr[0x14] & 3) << 4;
    return index;
}

static bool is_text(const struct vga_look *look)
{
    return !(look->gc_misc & 1) && !(look->dispi[DISPI_ENABLE] & DISPI_ENABLED);
}

static bool is_linear(const struct vga_look *look)
{
    return look->dispi[DISPI_ENABLE] & DISPI_ENABLED && look->dispi[DISPI_BPP] >= 8;
}

static void look_now(struct vga *vga, struct vga_look *look)
{
    const struct vga_registers *r = &vga->r;
    bool on = dispi_on(vga);
    memset(look, 0, sizeof *look);
    for (unsigned i = 0; i < 256; i++)
        look->colours[i] = dac_colour(r, i);
    for (unsigned i = 0; i < 16; i++)
        look->palette[i] = look->colours[attr_index(r, i)];
    memcpy(look->dispi, r->dispi, sizeof look->dispi);
    look->dispi[DISPI_BANK] = 0; // of no matter to the picture
    look->shown = r->attr_index & PAS && (on || ((r->seq[0] & 3) == 3 && !(r->seq[1] & 0x20) && r->crtc[0x17] & 0x80));
    look->gc_mode = r->gc[5] & 0x60;
    look->gc_misc = r->gc[6] & 1;
    memcpy(look->attr, r->attr, sizeof look->attr);
    if (on)
        return;
    memcpy(look->crtc, r->crtc, sizeof look->crtc);
    look->clocking = r->seq[1] & 9;
    look->fonts = r->seq[3];
    look->seq_mode = r->seq[4] & 8;
    if (!is_text(look))
        return;
    uint64_t frame = (uint64_t)clock_now(vga->clock) / FRAME_NS;
    look->cursor_on = r->crtc[0x0a] & 0x20 || !(frame & 8);
    look->text_on = !vga->has_blinking || !(frame & 16);
}

static unsigned scan_lines(const struct vga_look *look)
{
    const uint8_t *c = look->crtc;
    return (c[0x12] | (c[7] & 2) << 7 | (c[7] & 0x40) << 3) + 1u;
}

// ---- what was written

static bool changed(const struct vga *vga, uint64_t page) { return vga->changed[page / 8] >> (page & 7) & 1; }

// Note the pages of [start, start + size) that were written, and watch them anew.
static bool take_changes(struct vga *vga, uint64_t start, uint64_t size)
{
    bool any = false;
    if (start >= vga->vram->size || !size)
        return false;
    if (size > vga->vram->size - start)
        size = vga->vram->size - start;
    for (uint64_t page = start >> PAGE_BITS; page <= (start + size - 1) >> PAGE_BITS; page++) {
        bool dirty = ram_take_dirty(vga->memory, vga->vram, page << PAGE_BITS, DIRTY_DISPLAY);
        vga->changed[page / 8] = (uint8_t)((vga->changed[page / 8] & ~(1u << (page & 7))) | (unsigned)dirty << (page & 7));
        any |= dirty;
    }
    vga->written |= any;
    return any;
}

// ---- lines to the screen

struct canvas { struct screen *screen; uint32_t *pixels; unsigned stride, left, right, top, bottom; };

static struct canvas canvas_open(struct vga *vga, struct screen *screen, unsigned width, unsigned height)
{
    struct canvas c = { .screen = screen, .left = width, .top = height };
    if (vga->redraw) { // somebody wants all of it
        c.left = c.top = 0;
        c.right = width;
        c.bottom = height;
    }
    c.pixels = screen_lock(screen, width, height, &c.stride);
    vga->width = width;
    vga->height = height;
    return c;
}

static void canvas_line(struct canvas *c, unsigned y, const uint32_t *line)
{
    uint32_t *to = c->pixels + (size_t)y * c->stride;
    if (!memcmp(to, line, c->stride * sizeof *line))
        return;
    unsigned left = 0, right = c->stride;
    while (to[left] == line[left])
        left++;
    while (to[right - 1] == line[right - 1])
        right--;
    memcpy(to + left, line + left, (right - left) * sizeof *line);
    c->left = left < c->left ? left : c->left;
    c->right = right > c->right ? right : c->right;
    c->top = y < c->top ? y : c->top;
    c->bottom = y + 1 > c->bottom ? y + 1 : c->bottom;
}

static void canvas_close(struct canvas *c)
{
    if (c->right > c->left)
        screen_dirty(c->screen, (struct screen_rect){ c->left, c->top, c->right - c->left, c->bottom - c->top });
    screen_unlock(c->screen);
}

// ---- the modes

static void draw_blank(struct vga *vga, struct screen *screen)
{
    struct canvas c = canvas_open(vga, screen, vga->width, vga->height);
    memset(vga->line, 0, vga->width * sizeof *vga->line);
    for (unsigned y = 0; y < vga->height; y++)
        canvas_line(&c, y, vga->line);
    canvas_close(&c);
}

static void draw_linear(struct vga *vga, struct screen *screen, bool all)
{
    const uint16_t *d = vga->look.dispi;
    unsigned width = d[DISPI_XRES], height = d[DISPI_YRES];
    uint64_t pitch = dispi_pitch(d), start = d[DISPI_Y_OFFSET] * pitch;
    uint64_t inset = (uint64_t)d[DISPI_X_OFFSET] * ((d[DISPI_BPP] + 7u) / 8), bytes = (uint64_t)width * ((d[DISPI_BPP] + 7u) / 8);
    if (!take_changes(vga, start, pitch * (height - 1) + inset + bytes) && !all)
        return;
    struct canvas c = canvas_open(vga, screen, width, height);
    for (unsigned y = 0; y < height; y++) {
        uint64_t first = start + y * pitch + inset, last = first + bytes - 1;
        bool draw = all;
        for (uint64_t page = first >> PAGE_BITS; !draw && page <= last >> PAGE_BITS && last < vga->vram->size; page++)
            draw = changed(vga, page);
        if (!draw)
            continue;
        vga_linear_line(vga, y, vga->line);
        canvas_line(&c, y, vga->line);
    }
    canvas_close(&c);
}

// 16 colours of a DISPI mode.
static void draw_dispi_planes(struct vga *vga, struct screen *screen, bool all)
{
    const uint16_t *d = vga->look.dispi;
    if (!take_changes(vga, (uint64_t)d[DISPI_Y_OFFSET] * dispi_pitch(d), (uint64_t)(d[DISPI_YRES] + 1u) * dispi_pitch(d)) && !all)
        return;
    struct canvas c = canvas_open(vga, screen, d[DISPI_XRES], d[DISPI_YRES]);
    for (unsigned y = 0; y < d[DISPI_YRES]; y++) {
        vga_scan_line(vga, &(struct vga_scan){ .start = y }, vga->line);
        canvas_line(&c, y, vga->line + (d[DISPI_X_OFFSET] & 7));
    }
    canvas_close(&c);
}

// Dots to the left that the pel panning register says.
static unsigned panning(const struct vga_look *look)
{
    unsigned pan = look->attr[0x13] & 15, wide = look->clocking & 8 ? 2 : 1;
    if (vga_dots(look) / wide == 9)
        pan = pan >= 8 ? 0 : pan + 1;
    else
        pan &= 7;
    return pan * wide;
}

// The CRT controller's way down the screen.
static void draw_planes(struct vga *vga, struct screen *screen, bool all)
{
    const struct vga_look *look = &vga->look;
    const uint8_t *crtc = look->crtc;
    if (!take_changes(vga, 0, 4 * VGA_PLANE_SIZE) && !all)
        return;
    unsigned twice = crtc[0x17] & 4 ? 2 : 1, height = scan_lines(look) * twice;
    unsigned compare = crtc[0x18] | (crtc[7] & 0x10) << 4 | (crtc[9] & 0x40) << 3;
    uint32_t first = (uint32_t)(crtc[0x0c] << 8 | crtc[0x0d]), byte_pan = crtc[8] >> 5 & 3;
    struct vga_scan scan = { .row = crtc[8] & 0x1f, .pan = panning(look) };
    bool second = false; // of a line that is shown twice
    vga->has_blinking = false;
    struct canvas c = canvas_open(vga, screen, (crtc[1] + 1u) * vga_dots(look), height);
    for (unsigned y = 0; y < height; y++) {
        scan.start = first + byte_pan;
        vga_scan_line(vga, &scan, vga->line);
        canvas_line(&c, y, vga->line + scan.pan);
        if (twice == 2 && !(y & 1))
            continue;
        if (y / twice == compare) { // the lower half of a split screen starts at 0
            first = byte_pan = scan.row = 0;
            second = false;
            if (look->attr[0x10] & 0x20)
                scan.pan = 0;
            continue;
        }
        if (crtc[9] & 0x80 && (second = !second))
            continue;
        if (scan.row == (crtc[9] & 0x1f)) {
            scan.row = 0;
            first += crtc[0x13] * 2u;
        } else {
            scan.row = (scan.row + 1) & 0x1f;
        }
    }
    canvas_close(&c);
}

bool vga_refresh(void *opaque, struct screen *screen)
{
    struct vga *vga = opaque;
    struct vga_look look;
    look_now(vga, &look);
    bool differs = memcmp(&look, &vga->look, sizeof look), all = vga->redraw || differs;
    bool registers = differs && memcmp(&look, &vga->look, offsetof(struct vga_look, cursor_on)); // more than blinking
    vga->look = look;
    vga->written = false;
    if (!look.shown) {
        if (all)
            draw_blank(vga, screen);
    } else if (is_linear(&look)) {
        draw_linear(vga, screen, all);
    } else if (look.dispi[DISPI_ENABLE] & DISPI_ENABLED) {
        draw_dispi_planes(vga, screen, all);
    } else {
        draw_planes(vga, screen, all);
    }
    vga->redraw = false;
    return vga->written || registers;
}

void vga_invalidate(void *opaque)
{
    ((struct vga *)opaque)->redraw = true;
}

bool vga_text_size(void *opaque, unsigned *columns, unsigned *rows)
{
    struct vga *vga = opaque;
    struct vga_look look;
    look_now(vga, &look);
    if (!look.shown || !is_text(&look))
        return false;
    *columns = look.crtc[1] + 1u;
    *rows = scan_lines(&look) / ((look.crtc[9] & 0x1f) + 1u);
    return true;
}
