// SPDX-License-Identifier: MIT
//
// The registers of the VGA: general, sequencer, CRT controller, graphics controller, attribute controller, DAC.
// Reserved bits read as zero. [IBM VGA technical reference, chapters 2 and 4]
#include "hw/display/vga.h"

static const uint8_t seq_mask[VGA_SEQ_COUNT] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e };
static const uint8_t gc_mask[VGA_GC_COUNT] = { 0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff };
static const uint8_t attr_mask[VGA_ATTR_COUNT] = { 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
                                                   0x3f, 0x3f, 0x3f, 0x3f, 0xef, 0xff, 0x3f, 0x0f, 0x0f };
enum { STATUS_DISABLED = 1, STATUS_RETRACE = 8 };

// ---- time

struct timing { uint64_t line_ns; unsigned lines, shown, retrace, retrace_lines, characters, shown_characters; };

static struct timing timing_now(const struct vga_registers *r)
{
    const uint8_t *c = r->crtc;
    uint64_t hz = (r->misc >> 2 & 3) == 1 ? 28322000 : 25175000;
    unsigned dots = (r->seq[1] & 1 ? 8 : 9) * (r->seq[1] & 8 ? 2 : 1);
    struct timing t = {
        .characters = c[0] + 5u, .shown_characters = c[1] + 1u,
        .lines = (c[6] | (c[7] & 1) << 8 | (c[7] & 0x20) << 4) + 2u,
        .shown = (c[0x12] | (c[7] & 2) << 7 | (c[7] & 0x40) << 3) + 1u,
        .retrace = c[0x10] | (c[7] & 4) << 6 | (c[7] & 0x80) << 2,
    };
    t.retrace_lines = ((c[0x11] - t.retrace) & 15) ? (c[0x11] - t.retrace) & 15 : 16;
    t.line_ns = t.characters * dots * 1000000000ull / hz;
    // Half-programmed, or a DISPI mode: a monitor at 60 Hz all the same, so that no wait for a retrace is endless.
    if (t.retrace >= t.lines || !(c[0x17] & 0x80) || r->dispi[DISPI_ENABLE] & DISPI_ENABLED)
        t = (struct timing){ .characters = 100, .shown_characters = 80, .lines = 525, .shown = 480, .retrace = 490,
                             .retrace_lines = 2, .line_ns = 31746 };
    return t;
}

static uint8_t input_status_1(struct vga *vga)
{
    struct timing t = timing_now(&vga->r);
    uint64_t now = (uint64_t)clock_now(vga->clock) % (t.line_ns * t.lines);
    unsigned line = (unsigned)(now / t.line_ns);
    bool retrace = line >= t.retrace && line - t.retrace < t.retrace_lines;
    bool shown = line < t.shown && now % t.line_ns * t.characters / t.line_ns < t.shown_characters;
    return (uint8_t)((shown ? 0 : STATUS_DISABLED) | (retrace ? STATUS_RETRACE | STATUS_DISABLED : 0));
}

// ---- attribute controller and DAC

static void attr_write(struct vga *vga, uint8_t value)
{
    struct vga_registers *r = &vga->r;
    if (!r->attr_data)
        r->attr_index = value & 0x3f;
    else if ((r->attr_index & 0x1f) < VGA_ATTR_COUNT)
        r->attr[r->attr_index & 0x1f] = value & attr_mask[r->attr_index & 0x1f];
    r->attr_data = !r->attr_data;
}

static uint8_t attr_read(const struct vga_registers *r)
{
    unsigned i = r->attr_index & 0x1f;
    return i < VGA_ATTR_COUNT ? r->attr[i] : 0;
}

// The three parts of a colour take effect together, with the third write.
static void dac_write(struct vga_registers *r, uint8_t value)
{
    if (!(r->dispi[DISPI_ENABLE] & DISPI_8BIT_DAC))
        value &= 0x3f;
    if (r->dac_part < 2) {
        r->dac_latch[r->dac_part++] = value;
        return;
    }
    uint8_t *to = &r->dac[r->dac_write++ * 3];
    to[0] = r->dac_latch[0];
    to[1] = r->dac_latch[1];
    to[2] = value;
    r->dac_part = 0;
}

static uint8_t dac_read(struct vga_registers *r)
{
    uint8_t value = r->dac[r->dac_read * 3 + r->dac_part];
    if (++r->dac_part == 3) {
        r->dac_part = 0;
        r->dac_read++;
    }
    return value;
}

// ---- indexed registers

static void crtc_write(struct vga_registers *r, uint8_t value)
{
    unsigned i = r->crtc_index;
    if (i >= VGA_CRTC_COUNT)
        return;
    if (i < 8 && r->crtc[0x11] & 0x80) { // protected, but for line compare
        if (i == 7)
            r->crtc[7] = (uint8_t)((r->crtc[7] & ~0x10) | (value & 0x10));
        return;
    }
    r->crtc[i] = value;
}

static void seq_write(struct vga *vga, uint8_t value)
{
    struct vga_registers *r = &vga->r;
    if (r->seq_index >= VGA_SEQ_COUNT)
        return;
    r->seq[r->seq_index] = value & seq_mask[r->seq_index];
    vga_map(vga);
}

static void gc_write(struct vga *vga, uint8_t value)
{
    struct vga_registers *r = &vga->r;
    if (r->gc_index >= VGA_GC_COUNT)
        return;
    r->gc[r->gc_index] = value & gc_mask[r->gc_index];
    vga_map(vga);
}

// ---- ports

// The CRT controller and input status 1 answer at 3dx, or at 3bx as on a monochrome adapter.
static bool other_half(const struct vga *vga, uint16_t port)
{
    bool colour = vga->r.misc & 1;
    return port < 0x3c0 ? colour : port >= 0x3d0 && !colour;
}

uint8_t vga_port_read(struct vga *vga, uint16_t port)
{
    struct vga_registers *r = &vga->r;
    if (other_half(vga, port))
        return 0xff;
    switch (port) {
    case 0x3c0: return r->attr_data ? attr_read(r) : r->attr_index;
    case 0x3c1: return attr_read(r);
    case 0x3c2: return 0x10; // the comparator of a colour monitor; no interrupt
    case 0x3c4: return r->seq_index;
    case 0x3c5: return r->seq_index < VGA_SEQ_COUNT ? r->seq[r->seq_index] : 0;
    case 0x3c6: return r->dac_mask;
    case 0x3c7: return r->dac_reading ? 3 : 0;
    case 0x3c8: return r->dac_write;
    case 0x3c9: return dac_read(r);
    case 0x3ca: return r->feature;
    case 0x3cc: return r->misc;
    case 0x3ce: return r->gc_index;
    case 0x3cf: return r->gc_index < VGA_GC_COUNT ? r->gc[r->gc_index] : 0;
    case 0x3b4: case 0x3d4: return r->crtc_index;
    case 0x3b5: case 0x3d5: return r->crtc_index < VGA_CRTC_COUNT ? r->crtc[r->crtc_index] : 0;
    case 0x3ba: case 0x3da:
        r->attr_data = false;
        return input_status_1(vga);
    default: return 0xff;
    }
}

void vga_port_write(struct vga *vga, uint16_t port, uint8_t value)
{
    struct vga_registers *r = &vga->r;
    if (other_half(vga, port))
        return;
    switch (port) {
    case 0x3c0: case 0x3c1: attr_write(vga, value); break;
    case 0x3c2:
        r->misc = value & 0xef;
        vga_map(vga);
        break;
    case 0x3c4: r->seq_index = value & 7; break;
    case 0x3c5: seq_write(vga, value); break;
    case 0x3c6: r->dac_mask = value; break;
    case 0x3c7:
        r->dac_read = value;
        r->dac_part = 0;
        r->dac_reading = true;
        break;
    case 0x3c8:
        r->dac_write = value;
        r->dac_part = 0;
        r->dac_reading = false;
        break;
    case 0x3c9: dac_write(r, value); break;
    case 0x3ce: r->gc_index = value & 15; break;
    case 0x3cf: gc_write(vga, value); break;
    case 0x3b4: case 0x3d4: r->crtc_index = value & 0x3f; break;
    case 0x3b5: case 0x3d5: crtc_write(r, value); break;
    case 0x3ba: case 0x3da: r->feature = value & 0x08; break;
    default: break;
    }
}
