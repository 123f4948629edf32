// SPDX-License-Identifier: MIT
//
// The VGA's life: ports, window, reset, and the text mode that a BIOS would leave.
#include "hw/display/vga.h"
#include <stdlib.h>
#include <string.h>
#include "hw/core/machine.h"
#include "hw/pci/i440fx.h"
#include "util/error.h"

static uint64_t ports_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct vga_ports *p = opaque;
    return vga_port_read(p->vga, (uint16_t)(p->base + offset));
}

static void ports_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    const struct vga_ports *p = opaque;
    vga_port_write(p->vga, (uint16_t)(p->base + offset), (uint8_t)value);
}

static const struct region_ops ports_ops = { .read = ports_read, .write = ports_write, .min_size = 1, .max_size = 1 };

static void add_ports(struct vga *vga, unsigned i, uint16_t base, uint16_t count)
{
    vga->ports[i].vga = vga;
    vga->ports[i].base = base;
    region_init_io(&vga->ports[i].region, "vga", &ports_ops, &vga->ports[i], count);
    region_add(&vga->machine->ports.root, &vga->ports[i].region, base, 0);
}

bool vga_init(struct vga *vga, struct machine *machine, uint64_t vram_bytes, struct error **errp)
{
    *vga = (struct vga){ .machine = machine, .memory = &machine->memory, .clock = &machine->clock, .width = 640, .height = 400 };
    vga->vram = ram_block_new("vga.vram", vram_bytes, errp);
    if (!vga->vram)
        return false;
    vga->changed = calloc(1, vram_bytes / PAGE_SIZE / 8 + 1);
    vga->line = calloc(VGA_LINE_MAX, sizeof *vga->line);
    if (!vga->changed || !vga->line)
        abort();
    add_ports(vga, 0, 0x3b4, 2);
    add_ports(vga, 1, 0x3ba, 1);
    add_ports(vga, 2, 0x3c0, 16);
    add_ports(vga, 3, 0x3d4, 2);
    add_ports(vga, 4, 0x3da, 1);
    // Words at odd and even addresses side by side: the later region wins where they overlap.
    region_init_io(&vga->dispi_index, "dispi-index", &dispi_index_ops, vga, 2);
    region_add(&machine->ports.root, &vga->dispi_index, 0x1ce, 0);
    region_init_io(&vga->dispi_data, "dispi-data", &dispi_data_ops, vga, 2);
    region_add(&machine->ports.root, &vga->dispi_data, 0x1cf, 0);
    region_init_container(&vga->window, "vga-window", VGA_WINDOW_SIZE);
    region_init_io(&vga->planes, "vga-planes", &vga_planes_ops, vga, VGA_WINDOW_SIZE);
    region_add(&vga->window, &vga->planes, 0, 0);
    region_add(&machine->memory.root, &vga->window, VGA_WINDOW, I440FX_PRIORITY_ROM);
    vga_reset(vga);
    return true;
}

void vga_release(struct vga *vga)
{
    for (unsigned i = 0; i < sizeof vga->ports / sizeof *vga->ports; i++)
        region_remove(&vga->ports[i].region);
    region_remove(&vga->dispi_index);
    region_remove(&vga->dispi_data);
    region_remove(&vga->window);
    ram_block_unref(vga->vram);
    free(vga->changed);
    free(vga->line);
}

void vga_reset(struct vga *vga)
{
    memset(&vga->r, 0, sizeof vga->r);
    vga->r.dac_mask = 0xff;
    vga->r.dispi[DISPI_ID] = DISPI_ID_NEWEST;
    vga->r.dispi[DISPI_BPP] = 8;
    vga->redraw = true;
    vga_map(vga);
}

// The 64 colours of the EGA: two bits of each part.
static void set_palette(struct vga_registers *r)
{
    for (unsigned i = 0; i < 64; i++) {
        for (unsigned part = 0; part < 3; part++) // red is bit 2 (2/3) and bit 5 (1/3)
            r->dac[i * 3 + part] = (uint8_t)((i >> (2 - part) & 1) * 0x2a + (i >> (5 - part) & 1) * 0x15);
    }
}

void vga_set_text_mode(struct vga *vga, const uint8_t font[256 * 16])
{
    static const uint8_t seq[VGA_SEQ_COUNT] = { 0x03, 0x00, 0x03, 0x00, 0x02 };
    static const uint8_t crtc[VGA_CRTC_COUNT] = { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00,
                                                  0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff };
    static const uint8_t gc[VGA_GC_COUNT] = { 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x0f, 0xff };
    static const uint8_t attr[VGA_ATTR_COUNT] = { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a,
                                                  0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00 };
    struct vga_registers *r = &vga->r;
    vga_reset(vga);
    r->misc = 0x67;
    memcpy(r->seq, seq, sizeof seq);
    memcpy(r->crtc, crtc, sizeof crtc);
    memcpy(r->gc, gc, sizeof gc);
    memcpy(r->attr, attr, sizeof attr);
    r->attr_index = 0x20;
    set_palette(r);
    ram_about_to_change(vga->memory, vga->vram, 0, 4 * VGA_PLANE_SIZE);
    uint8_t *bytes = vga->vram->host;
    memset(bytes, 0, 4 * VGA_PLANE_SIZE);
    for (unsigned i = 0; i < 0x4000; i++) { // the window's 32 KiB: light grey blanks
        bytes[i * 8] = ' ';
        bytes[i * 8 + 1] = 0x07;
    }
    for (unsigned c = 0; c < 256; c++)
        for (unsigned row = 0; row < 16; row++)
            bytes[(c * 32 + row) * 4 + 2] = font[c * 16 + row];
    vga_map(vga);
}

// ---- state

#define F(f) STATE_FIELD(vga_registers, f)
#define A(f) STATE_ARRAY(vga_registers, f)
static const struct state_field vga_registers_state_fields[] = {
    F(misc), F(feature), F(seq_index), A(seq), F(crtc_index), A(crtc), F(gc_index), A(gc), F(attr_index), A(attr), F(attr_data), A(dac),
    F(dac_mask), F(dac_read), F(dac_write), F(dac_part), A(dac_latch), F(dac_reading), A(latch), F(dispi_index), A(dispi),
};
static STATE_TABLE(vga_registers_state);
static const struct state_field vga_state_fields[] = {
    STATE_STRUCT(vga, r, vga_registers_state), STATE_FIELD(vga, bank_on), STATE_FIELD(vga, bank_start), STATE_FIELD(vga, bank_size),
    STATE_FIELD(vga, bank_offset),
};
STATE_TABLE(vga_state);
