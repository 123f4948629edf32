// SPDX-License-Identifier: MIT
//
// A VGA with linear video memory: IBM's registers, the planes behind the window at a0000, and the DISPI registers of
// Bochs for larger modes. [IBM VGA/XGA technical reference; Bochs VBE DISPI interface]
//
// Video memory is one RAM block. Plane p of address a is byte 4 * a + p, so that what the linear modes see as one picture
// is what the planes hold. In chain-4 modes the byte at window address A is byte A (packed, as Super VGAs do it: IBM's own
// chip leaves gaps that nobody can see). The window is that RAM itself while accesses mean nothing else (vga_map).
// Machine thread only. All indices that a guest writes are bounded where they are written.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "softmmu/memory.h"
#include "util/clock.h"
#include "util/state.h"

struct machine;
struct screen;
enum { VGA_SEQ_COUNT = 5, VGA_CRTC_COUNT = 25, VGA_GC_COUNT = 9, VGA_ATTR_COUNT = 21, VGA_DAC_SIZE = 768 };
enum { VGA_WINDOW = 0xa0000, VGA_WINDOW_SIZE = 0x20000, VGA_PLANE_SIZE = 0x10000 };

// DISPI registers by index.
enum { DISPI_ID, DISPI_XRES, DISPI_YRES, DISPI_BPP, DISPI_ENABLE, DISPI_BANK, DISPI_VIRT_WIDTH, DISPI_VIRT_HEIGHT,
       DISPI_X_OFFSET, DISPI_Y_OFFSET, DISPI_MEMORY_64K, DISPI_COUNT };
enum { DISPI_ENABLED = 1, DISPI_GETCAPS = 2, DISPI_8BIT_DAC = 0x20, DISPI_LFB = 0x40, DISPI_NOCLEARMEM = 0x80 };
enum { DISPI_ID_NEWEST = 0xb0c5, DISPI_MAX_XRES = 8192, DISPI_MAX_YRES = 8192 };

struct vga_registers {
    uint8_t misc, feature;                // 3c2/3cc, 3xa/3ca
    uint8_t seq_index, seq[VGA_SEQ_COUNT];
    uint8_t crtc_index, crtc[VGA_CRTC_COUNT];
    uint8_t gc_index, gc[VGA_GC_COUNT];
    uint8_t attr_index, attr[VGA_ATTR_COUNT]; // index: bit 5 shows the picture (PAS)
    bool attr_data;                       // the next write to 3c0 is data
    uint8_t dac[VGA_DAC_SIZE], dac_mask;  // as written: 6 or 8 bits
    uint8_t dac_read, dac_write, dac_part, dac_latch[2];
    bool dac_reading;
    uint8_t latch[4];                     // a byte of each plane, from the last read
    uint16_t dispi_index, dispi[DISPI_COUNT];
};

// All that decides the picture, besides video memory. Compared as bytes: padding is zeroed.
struct vga_look {
    uint32_t colours[256]; // 00RRGGBB, the DAC behind its mask
    uint32_t palette[16];  // the attribute controller's, through the DAC
    uint16_t dispi[DISPI_COUNT];
    uint8_t crtc[VGA_CRTC_COUNT], attr[VGA_ATTR_COUNT];
    uint8_t seq_reset, clocking, fonts, seq_mode, gc_mode, gc_misc;
    uint8_t shown;
    uint8_t cursor_on, text_on; // last, as they change by themselves; text_on: blinking characters are in their visible half
};

struct vga_ports { struct region region; struct vga *vga; uint16_t base; };
struct vga {
    struct machine *machine;
    struct address_space *memory;
    struct clock *clock;
    struct ram_block *vram;        // a power of two bytes
    struct vga_registers r;
    struct region window, planes, bank; // container at a0000; its I/O part; RAM over it where that is the same
    bool bank_on;
    uint32_t bank_start, bank_size;
    uint64_t bank_offset;
    struct vga_ports ports[5];
    struct region dispi_index, dispi_data;
    // What was drawn last.
    struct vga_look look;
    bool redraw, has_blinking;
    bool written;                  // video memory that shows was, since the look before
    uint8_t *changed;              // bit per page of video memory
    uint32_t *line;
    unsigned width, height;
};

// vga.c. vram_bytes: a power of two, 1 MiB or more. Ports and window are there at once; reset follows.
bool vga_init(struct vga *vga, struct machine *machine, uint64_t vram_bytes, struct error **errp);
void vga_release(struct vga *vga);
void vga_reset(struct vga *vga);
// A BIOS' 80x25 colour text mode (3): registers, palette, an empty screen and the font (256 glyphs of 16 bytes).
void vga_set_text_mode(struct vga *vga, const uint8_t font[256 * 16]);
// vga_registers.c: ports 3b0..3df.
uint8_t vga_port_read(struct vga *vga, uint16_t port);
void vga_port_write(struct vga *vga, uint16_t port, uint8_t value);
// vga_memory.c
extern const struct region_ops vga_planes_ops;
void vga_map(struct vga *vga); // after registers that say what the window shows
// dispi.c
extern const struct region_ops dispi_index_ops, dispi_data_ops;
uint16_t dispi_read(const struct vga *vga, unsigned index);
void dispi_write(struct vga *vga, unsigned index, uint16_t value);
static inline bool dispi_on(const struct vga *vga) { return vga->r.dispi[DISPI_ENABLE] & DISPI_ENABLED; }
uint32_t dispi_pitch(const uint16_t *dispi); // bytes a line
// vga_draw.c: struct screen_source's functions, opaque is the struct vga.
bool vga_refresh(void *opaque, struct screen *screen);
void vga_invalidate(void *opaque);
bool vga_text_size(void *opaque, unsigned *columns, unsigned *rows);
// vga_scan.c: one scan line of a mode of the planes into line (room for VGA_LINE_MAX pixels).
enum { VGA_LINE_MAX = DISPI_MAX_XRES + 64 };
struct vga_scan { uint32_t start; uint8_t row; unsigned pan; }; // address counter, row of the character, pixels to the left
void vga_scan_line(struct vga *vga, const struct vga_scan *scan, uint32_t *line);
unsigned vga_dots(const struct vga_look *look); // width of a character on the screen
// vga_linear.c
void vga_linear_line(const struct vga *vga, unsigned y, uint32_t *line);
extern const struct state_table vga_state;
