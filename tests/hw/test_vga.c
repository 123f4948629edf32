// SPDX-License-Identifier: MIT
//
// VGA: registers, what the graphics controller makes of reads and writes, pictures pixel by pixel, DISPI, the PCI function,
// and random registers with drawing.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hw/display/vga_pci.h"
#include "hwtest.h"
#include "tests/unit/tap.h"
#include "ui/screen.h"
#include "util/error.h"

#define LINEAR 0xe0000000u
#define MMIO 0xf0000000u

static struct bench b;
static struct pci_bus bus;
static struct vga_device *device;
static struct vga *vga;
static uint32_t *shot;
static unsigned width, height;

static void setup(const char *megabytes)
{
    bench_init(&b);
    pci_bus_init(&bus, b.memory, b.ports);
    b.machine.pci_bus = &bus;
    b.machine.screen = screen_new();
    device = (struct vga_device *)device_new(&b.machine, &vga_type);
    device_set(&device->device, "vgamem_mb", megabytes, NULL);
    device_realize(&device->device, NULL);
    vga = &device->vga;
    pci_config_write(&bus, device->pci.devfn, 0x10, LINEAR, 4);
    pci_config_write(&bus, device->pci.devfn, 0x18, MMIO, 4);
    pci_config_write(&bus, device->pci.devfn, 0x04, 3, 2);
}

static void teardown(void)
{
    device_delete(&device->device);
    screen_free(b.machine.screen);
    bench_release(&b);
    free(shot);
    shot = NULL;
}

// ---- short names

static void set(uint16_t port, unsigned index, unsigned value) { outw(&b, port, (uint16_t)(value << 8 | index)); }
static void seq(unsigned index, unsigned value) { set(0x3c4, index, value); }
static void gc(unsigned index, unsigned value) { set(0x3ce, index, value); }
static void crtc(unsigned index, unsigned value) { set(0x3d4, index, value); }
static void attr(unsigned index, unsigned value)
{
    inb(&b, 0x3da);
    outb(&b, 0x3c0, (uint8_t)index);
    outb(&b, 0x3c0, (uint8_t)value);
    outb(&b, 0x3c0, 0x20);
}
static void dac(unsigned index, unsigned red, unsigned green, unsigned blue)
{
    outb(&b, 0x3c8, (uint8_t)index);
    outb(&b, 0x3c9, (uint8_t)red);
    outb(&b, 0x3c9, (uint8_t)green);
    outb(&b, 0x3c9, (uint8_t)blue);
}
static void dispi(unsigned index, unsigned value)
{
    outw(&b, 0x1ce, (uint16_t)index);
    outw(&b, 0x1cf, (uint16_t)value);
}
static unsigned dispi_get(unsigned index)
{
    outw(&b, 0x1ce, (uint16_t)index);
    return inw(&b, 0x1cf);
}
static void mode(unsigned x, unsigned y, unsigned bits, unsigned flags)
{
    dispi(DISPI_ENABLE, 0);
    dispi(DISPI_XRES, x);
    dispi(DISPI_YRES, y);
    dispi(DISPI_BPP, bits);
    dispi(DISPI_ENABLE, DISPI_ENABLED | DISPI_LFB | flags);
}
static uint8_t get8(uint64_t at) { return (uint8_t)physical_load(&b.machine.memory, at, 1); }
static void put8(uint64_t at, unsigned value) { physical_store(&b.machine.memory, at, value, 1); }
static void draw(void)
{
    screen_refresh(b.machine.screen);
    free(shot);
    shot = screen_copy(b.machine.screen, &width, &height);
}
static uint32_t pixel(unsigned x, unsigned y) { return x < width && y < height ? shot[y * width + x] : 0xdeadbeef; }
static const uint8_t *planes(unsigned at) { return vga->vram->host + at * 4; }

// A font whose glyphs all differ.
static uint8_t font[256 * 16];
static void text_mode(void)
{
    for (unsigned i = 0; i < sizeof font; i++)
        font[i] = (uint8_t)(i / 16 * 37 + i % 16 * 29 + (i >> 3));
    vga_set_text_mode(vga, font);
    crtc(0x0a, 0x20); // no cursor
}

// A graphics mode of 640 dots and `lines` lines on the planes, 80 characters, byte mode.
static void planar_mode(unsigned lines)
{
    text_mode();
    crtc(0x11, 0x0e);
    seq(1, 1);
    seq(2, 15);
    seq(4, 6);
    gc(5, 0);
    gc(6, 5);
    crtc(0x12, (lines - 1) & 0xff);
    crtc(7, (lines - 1) >> 7 & 2);
    crtc(9, 0);
    crtc(0x17, 0xe3);
    crtc(0x18, 0xff);
    crtc(7, ((lines - 1) >> 7 & 2) | 0x10);
    crtc(9, 0x40);
    attr(0x10, 1);
    attr(0x13, 0);
    for (unsigned i = 0; i < 16; i++)
        attr(i, i);
    memset(vga->vram->host, 0, 0x40000);
    vga_invalidate(vga);
}

// ---- registers

static void test_registers(void)
{
    check_eq(inb(&b, 0x3cc), 0, "reset: miscellaneous output is 0");
    check_eq(inb(&b, 0x3d4), 0xff, "so the CRT controller is not at 3d4");
    outb(&b, 0x3b4, 0x0c);
    outb(&b, 0x3b5, 0x5a);
    check_eq(inb(&b, 0x3b5), 0x5a, "but at 3b4");
    outb(&b, 0x3c2, 0x67);
    check_eq(inb(&b, 0x3d5), 0x5a, "and moves to 3d4");
    check_eq(inb(&b, 0x3b4), 0xff, "away from 3b4");
    seq(2, 0xff);
    check_eq(inb(&b, 0x3c5), 0x0f, "reserved bits read as 0");
    outb(&b, 0x3c4, 7);
    outb(&b, 0x3c5, 0x55);
    check_eq(inb(&b, 0x3c5), 0, "there is no sequencer register 7");
    outb(&b, 0x3d4, 0x3f);
    outb(&b, 0x3d5, 0x55);
    check_eq(inb(&b, 0x3d5), 0, "nor 3f of the CRT controller");
    crtc(0x11, 0x80);
    crtc(0, 0x77);
    crtc(7, 0xff);
    outb(&b, 0x3d4, 0);
    check_eq(inb(&b, 0x3d5), 0, "protected registers stay");
    outb(&b, 0x3d4, 7);
    check_eq(inb(&b, 0x3d5), 0x10, "but bit 4 of overflow does not");
    attr(0x11, 0x2a);
    inb(&b, 0x3da);
    outb(&b, 0x3c0, 0x31);
    check_eq(inb(&b, 0x3c1), 0x2a, "attribute register back");
    inb(&b, 0x3da);
    outb(&b, 0x3c0, 0x3f);
    outb(&b, 0x3c0, 0x12);
    check_eq(inb(&b, 0x3c1), 0, "no attribute register 1f");

    dac(5, 1, 2, 0xff);
    dac(6, 4, 5, 6);
    outb(&b, 0x3c7, 5);
    check_eq(inb(&b, 0x3c7), 3, "DAC is in read mode");
    unsigned seen = 0;
    for (int i = 0; i < 4; i++)
        seen = seen << 8 | inb(&b, 0x3c9);
    check_eq(seen, 0x01023f04, "DAC: six bits, index moves on by itself");
    outb(&b, 0x3c8, 9);
    outb(&b, 0x3c9, 1);
    outb(&b, 0x3c9, 1);
    outb(&b, 0x3c7, 9);
    check_eq(inb(&b, 0x3c9), 0, "two parts of a colour change nothing");
}

static void test_retrace(void)
{
    text_mode();
    unsigned retraces = 0, shown = 0, before = 8;
    for (int i = 0; i < 20000; i++) { // a tenth of a second in steps of 5 us
        bench_advance(&b, 5000);
        unsigned now = inb(&b, 0x3da);
        retraces += now & 8 && !(before & 8);
        shown += !(now & 1);
        before = now;
    }
    check_eq(retraces, 7, "70 Hz: seven retraces in a tenth of a second");
    check(shown > 12000 && shown < 16000, "most of the time is display time");
    crtc(0x11, 0x0e);
    crtc(6, 0);
    before = 8;
    retraces = 0;
    for (int i = 0; i < 20000; i++) {
        bench_advance(&b, 5000);
        unsigned now = inb(&b, 0x3da);
        retraces += now & 8 && !(before & 8);
        before = now;
    }
    check_eq(retraces, 6, "nonsense timings: 60 Hz, so that no wait is endless");
}

// ---- planes

// One bit of one plane, as the manual's drawing of the graphics controller has it.
static unsigned model_bit(const uint8_t g[9], unsigned value, unsigned latch, unsigned plane, unsigned bit)
{
    unsigned rotate = g[3] & 7, m = g[5] & 3, turned = value >> ((bit + rotate) & 7) & 1, old = latch >> bit & 1;
    unsigned set_reset = g[0] >> plane & 1, mask = g[8] >> bit & 1, in;
    if (m == 1)
        return old;
    if (m == 0)
        in = g[1] >> plane & 1 ? set_reset : turned;
    else if (m == 2)
        in = value >> plane & 1;
    else {
        in = set_reset;
        mask &= turned;
    }
    static const unsigned char result[4][4] = { { 0, 0, 1, 1 }, { 0, 0, 0, 1 }, { 0, 1, 1, 1 }, { 0, 1, 1, 0 } }; // [op][in, old]
    return mask ? result[g[3] >> 3][in << 1 | old] : old;
}

static void test_write_modes(void)
{
    static const uint8_t masks[9] = { 15, 15, 15, 31, 3, 3, 0, 15, 255 };
    struct tap_random random = { 1 };
    unsigned wrong[4] = { 0 };
    planar_mode(480);
    for (unsigned n = 0; n < 4000; n++) {
        uint8_t g[9], latch[4];
        unsigned source = (unsigned)tap_below(&random, 0x8000), target = 0x8000 + (unsigned)tap_below(&random, 0x8000);
        for (unsigned p = 0; p < 4; p++)
            latch[p] = vga->vram->host[source * 4 + p] = (uint8_t)tap_next(&random);
        uint8_t before[4], value = (uint8_t)tap_next(&random);
        memcpy(before, planes(target), 4);
        get8(VGA_WINDOW + source);
        for (unsigned i = 0; i < 9; i++) {
            g[i] = (uint8_t)tap_next(&random) & masks[i];
            if (i != 6)
                gc(i, g[i]);
        }
        unsigned map = (unsigned)tap_below(&random, 16);
        seq(2, map);
        put8(VGA_WINDOW + target, value);
        for (unsigned p = 0; p < 4; p++) {
            unsigned want = 0;
            for (unsigned bit = 0; bit < 8; bit++)
                want |= model_bit(g, value, latch[p], p, bit) << bit;
            wrong[g[5]] += planes(target)[p] != (map >> p & 1 ? want : before[p]);
        }
    }
    for (unsigned m = 0; m < 4; m++) {
        char name[64];
        snprintf(name, sizeof name, "write mode %u against a model of each bit, 1000 random settings", m);
        check_eq(wrong[m], 0, name);
    }
}

static void test_reads(void)
{
    planar_mode(480);
    static const uint8_t group[4] = { 0xf0, 0xcc, 0xaa, 0x0f };
    memcpy(vga->vram->host + 4 * 0x1234, group, 4);
    unsigned seen = 0;
    for (unsigned p = 0; p < 4; p++) {
        gc(4, p);
        seen = seen << 8 | get8(VGA_WINDOW + 0x1234);
    }
    check_eq(seen, 0xf0ccaa0f, "read mode 0: the chosen plane");
    gc(5, 8);
    gc(2, 0x5); // planes 0 and 2 set, 1 and 3 not
    gc(7, 0xf);
    check_eq(get8(VGA_WINDOW + 0x1234), 0xf0 & ~0xcc & 0xaa & ~0x0f, "read mode 1: bits whose colour compares");
    gc(7, 0x1);
    check_eq(get8(VGA_WINDOW + 0x1234), 0xf0, "with one plane that matters");
    gc(7, 0);
    check_eq(get8(VGA_WINDOW + 0x1234), 0xff, "with none");
    check_eq(get8(0xb8000), 0xff, "outside of the memory map: nothing");
    gc(6, 0xd);
    gc(5, 0);
    check_eq(get8(VGA_WINDOW + 0x1234), 0xff, "map 3 is not at a0000");
    gc(4, 0);
    check_eq(get8(0xb8000 + 0x1234), 0xf0, "but at b8000");
    outb(&b, 0x3c2, 0x65);
    check_eq(get8(0xb8000 + 0x1234), 0xff, "RAM off");
}

static void test_odd_even(void)
{
    text_mode();
    put8(0xb8000 + 6, 'x');
    put8(0xb8000 + 7, 0x4e);
    check(planes(6)[0] == 'x' && planes(6)[1] == 0x4e, "odd/even: characters in plane 0, attributes in plane 1, same address");
    check_eq(get8(0xb8006) | get8(0xb8007) << 8, 'x' | 0x4e00, "and back");
    check_eq(planes('x' * 32 + 3)[2], font['x' * 16 + 3], "the font is in plane 2");
}

static void test_chain4(void)
{
    planar_mode(400);
    seq(4, 0xe);
    gc(5, 0x40);
    attr(0x10, 0x41);
    crtc(0x14, 0x40);
    crtc(0x17, 0xa3);
    crtc(9, 0x41);
    check(vga->bank_on && vga->bank_size == 0x10000, "chain-4: the window is RAM");
    for (unsigned i = 0; i < 64000; i++)
        put8(VGA_WINDOW + i, i * 7);
    bool linear = true;
    for (unsigned i = 0; i < 64000; i++)
        linear &= vga->vram->host[i] == (uint8_t)(i * 7);
    check(linear, "and its bytes lie as they are written");
    dac(5 * 7, 1, 2, 3);
    dac((320 * 7 + 3 * 7) & 0xff, 0x3f, 0, 0x20);
    draw();
    check(width == 640 && height == 400, "320x200 on a monitor of 640x400 dots");
    check(pixel(10, 0) == 0x04080c && pixel(11, 1) == 0x04080c, "each pixel is two by two");
    check_eq(pixel(6, 2), 0xff0082, "the second line follows after 320 bytes");
    seq(2, 1);
    check(!vga->bank_on, "with a plane masked it is not RAM");
    uint8_t before = vga->vram->host[5];
    put8(VGA_WINDOW + 4, 0x99);
    put8(VGA_WINDOW + 5, 0x99);
    check(vga->vram->host[4] == 0x99 && vga->vram->host[5] == before, "but means the same bytes, with the mask");
    // Mode X: the chain off, planes by hand.
    seq(4, 6);
    crtc(0x14, 0);
    crtc(0x17, 0xe3);
    seq(2, 4);
    put8(VGA_WINDOW + 80 + 2, 5 * 7); // line 1, pixel 2 * 4 + 2
    draw();
    check_eq(pixel(20, 2), 0x04080c, "mode X: plane 2 is each fourth pixel");
}

// ---- pictures

static const uint32_t ega[16] = { 0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa, 0xaa5500, 0xaaaaaa,
                                  0x555555, 0x5555ff, 0x55ff55, 0x55ffff, 0xff5555, 0xff55ff, 0xffff55, 0xffffff };

// Is the cell of 9 dots at (x, y) this glyph in these colours? ninth: what the last dot shows.
static bool cell_is(unsigned x, unsigned y, const uint8_t *glyph, uint32_t fore, uint32_t back, bool ninth)
{
    for (unsigned row = 0; row < 16; row++)
        for (unsigned dot = 0; dot < 9; dot++) {
            bool on = dot < 8 ? glyph[row] >> (7 - dot) & 1 : ninth && glyph[row] & 1;
            if (pixel(x + dot, y + row) != (on ? fore : back))
                return false;
        }
    return true;
}

static void put_cell(unsigned column, unsigned row, unsigned character, unsigned attribute)
{
    put8(0xb8000 + (row * 80 + column) * 2, character);
    put8(0xb8000 + (row * 80 + column) * 2 + 1, attribute);
}

static void test_text(void)
{
    text_mode();
    put_cell(3, 2, 'A', 0x1e);
    put_cell(4, 2, 0xc4, 0x07);
    put_cell(79, 24, 'z', 0x4f);
    draw();
    check(width == 720 && height == 400, "80x25 cells of 9x16");
    check(cell_is(27, 32, font + 'A' * 16, ega[14], ega[1], false), "a yellow A on blue, dot by dot");
    check(cell_is(36, 32, font + 0xc4 * 16, ega[7], ega[0], true), "line drawing: the ninth dot repeats the eighth");
    check(cell_is(711, 384, font + 'z' * 16, ega[15], ega[4], false), "the last cell");
    check(cell_is(0, 0, font + ' ' * 16, ega[7], ega[0], false), "a blank");
    unsigned columns, rows;
    check(screen_text_size(b.machine.screen, &columns, &rows) && columns == 80 && rows == 25, "text_size");
    attr(0x10, 0x08);
    draw();
    check(cell_is(36, 32, font + 0xc4 * 16, ega[7], ega[0], false), "line drawing off");
    attr(0x10, 0x0c);

    crtc(0x0a, 14);
    crtc(0x0b, 15);
    crtc(0x0e, 0);
    crtc(0x0f, 2 * 80 + 3);
    bench_advance(&b, 16 * 16666667 - b.now % (16 * 16666667)); // cursor in its visible half
    draw();
    check(pixel(27, 45) == ega[1] || pixel(27, 45) == ega[14], "above the cursor: the glyph");
    bool line = true;
    for (unsigned x = 27; x < 36; x++)
        line &= pixel(x, 46) == ega[14] && pixel(x, 47) == ega[14];
    check(line, "the cursor's two lines");
    bench_advance(&b, 8 * 16666667 + 1000);
    draw();
    check(cell_is(27, 32, font + 'A' * 16, ega[14], ega[1], false), "which blink");
    crtc(0x0a, 0x20);

    put_cell(10, 0, 'B', 0x9c); // blinks, on blue
    bench_advance(&b, 32 * 16666667LL - b.now % (32 * 16666667LL));
    draw();
    draw();
    check(cell_is(90, 0, font + 'B' * 16, ega[12], ega[1], false), "a blinking character, visible");
    bench_advance(&b, 16 * 16666667 + 1000);
    draw();
    check(cell_is(90, 0, font + ' ' * 16, ega[1], ega[1], false), "and not");
    attr(0x10, 0x04);
    draw();
    check(cell_is(90, 0, font + 'B' * 16, ega[12], ega[9], false), "blinking off: sixteen backgrounds");
}

static void test_text_scroll(void)
{
    text_mode();
    for (unsigned i = 0; i < 16 * 200; i++)
        vga->vram->host[(0x4000 + (i / 16) * 32 + i % 16) * 4 + 2] = (uint8_t)(i * 3); // second font
    seq(3, 0x01); // attribute bit 3 clear: font 1; set: font 0
    put_cell(0, 0, 'A', 0x07);
    put_cell(1, 0, 'A', 0x0f);
    draw();
    uint8_t other[16];
    for (unsigned row = 0; row < 16; row++)
        other[row] = (uint8_t)(('A' * 16 + row) * 3);
    check(cell_is(0, 0, other, ega[7], ega[0], false), "attribute bit 3 chooses between two fonts");
    check(cell_is(9, 0, font + 'A' * 16, ega[15], ega[0], false), "and this is the other one");
    seq(3, 0);

    put_cell(0, 5, 'Q', 0x02);
    crtc(0x0c, 0);
    crtc(0x0d, 5 * 80 & 0xff);
    crtc(0x0c, 5 * 80 >> 8);
    draw();
    check(cell_is(0, 0, font + 'Q' * 16, ega[2], ega[0], false), "start address");
    crtc(8, 4); // four lines up
    attr(0x13, 2); // with 9 dots: three to the left
    draw();
    bool moved = true;
    for (unsigned row = 0; row < 12; row++)
        for (unsigned dot = 0; dot < 5; dot++)
            moved &= pixel(dot, row) == (font['Q' * 16 + row + 4] >> (4 - dot) & 1 ? ega[2] : ega[0]);
    check(moved, "preset row scan and pel panning");
    crtc(8, 0);
    attr(0x13, 8);

    put_cell(0, 0, 'S', 0x03);
    crtc(0x11, 0x0e);
    crtc(0x18, 199);
    crtc(7, 0x0f);
    crtc(9, 0x0f);
    draw();
    check(cell_is(0, 0, font + 'Q' * 16, ega[2], ega[0], false), "line compare: the upper half as before");
    check(cell_is(0, 200, font + 'S' * 16, ega[3], ega[0], false), "the lower one from address 0");
    crtc(0x14, 0x0d); // underline at row 13
    put_cell(1, 0, ' ', 0x01);
    put_cell(2, 0, ' ', 0x02);
    draw();
    check(pixel(9, 213) == ega[1] && pixel(17, 213) == ega[1] && pixel(18, 213) == ega[0], "underline of attribute 1");
    attr(0x12, 0x02);
    draw();
    check(cell_is(0, 200, font + 'S' * 16, ega[2], ega[0], false), "planes switched off by the attribute controller");
    attr(0x12, 0x0f);
    inb(&b, 0x3da);
    outb(&b, 0x3c0, 0);
    draw();
    check(width == 720 && pixel(0, 0) == 0 && pixel(9, 213) == 0, "without the palette address source: black");
}

static void test_planar(void)
{
    planar_mode(480);
    gc(8, 0x10);
    gc(5, 2);
    get8(VGA_WINDOW + 81);
    put8(VGA_WINDOW + 81, 11);
    draw();
    check(width == 640 && height == 480, "640x480 with 16 colours");
    check_eq(pixel(11, 1), 0x00aaff, "one pixel: colour 11 through the palette");
    check(pixel(10, 1) == 0 && pixel(12, 1) == 0, "and no other");
    attr(11, 0x3f);
    draw();
    check_eq(pixel(11, 1), 0xffffff, "another palette");
    attr(0x10, 0x81); // P5 P4 from colour select
    attr(0x14, 0x0c);
    dac(0xcf, 0x11, 0x22, 0x33);
    draw();
    check_eq(pixel(11, 1), 0x458acf, "colour select: bits 4 to 7 of the DAC's index");
    outb(&b, 0x3c6, 0x0f);
    dac(0x0f, 0, 0x3f, 0);
    draw();
    check_eq(pixel(11, 1), 0x00ff00, "and the DAC's mask");
    outb(&b, 0x3c6, 0xff);
    attr(0x10, 1);
    attr(0x14, 0);
    attr(0x13, 3);
    draw();
    check_eq(pixel(8, 1), 0xffffff, "pel panning");
    attr(0x13, 0);
    crtc(9, 0xc0); // each line twice
    draw();
    check(pixel(11, 2) == 0xffffff && pixel(11, 3) == 0xffffff && pixel(11, 1) == 0, "double scan");
}

static void test_cga(void)
{
    planar_mode(400);
    seq(1, 9);
    seq(4, 2);
    seq(2, 3);
    gc(5, 0x30);
    gc(6, 0x0f);
    crtc(0x11, 0x0e);
    crtc(1, 39);
    crtc(0x13, 20);
    crtc(9, 0xc1);
    crtc(0x17, 0xa2);
    put8(0xb8000, 0x1b);      // 0 1 2 3
    put8(0xb8001, 0xe4);      // 3 2 1 0
    put8(0xb8000 + 80, 0xff); // line 2
    put8(0xba000, 0xaa);      // line 1: 2 2 2 2
    draw();
    check(width == 640 && height == 400, "CGA's 320x200");
    unsigned order = 0;
    for (unsigned x = 0; x < 8; x++)
        order = order << 4 | (unsigned)(pixel(2 * x, 0) == ega[0] ? 0 : pixel(2 * x, 0) == ega[1] ? 1 : pixel(2 * x, 0) == ega[2] ? 2 : 3);
    check_eq(order, 0x01233210, "two bits a pixel");
    check(pixel(0, 2) == ega[2] && pixel(0, 3) == ega[2], "odd lines come from 8 KiB on");
    check_eq(pixel(0, 4), ega[3], "even lines follow after 80 bytes");
    // 640x200 with two colours.
    seq(1, 1);
    gc(5, 0);
    gc(6, 0x0d);
    seq(4, 6);
    crtc(1, 79);
    crtc(0x13, 40);
    crtc(0x17, 0xc2);
    attr(0x12, 1);
    memset(vga->vram->host, 0, 0x40000);
    put8(0xb8000, 0x80);
    put8(0xba000, 0x40);
    draw();
    check(pixel(0, 0) == ega[1] && pixel(1, 0) == 0 && pixel(1, 2) == ega[1] && pixel(0, 2) == 0, "CGA's 640x200");
}

// ---- DISPI

static void linear_fill(uint64_t at, const uint8_t *bytes, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        put8(LINEAR + at + i, bytes[i]);
}

static void test_dispi(void)
{
    text_mode();
    check_eq(dispi_get(DISPI_ID), 0xb0c5, "DISPI: id");
    check_eq(dispi_get(DISPI_MEMORY_64K), 64, "4 MiB in units of 64 KiB");
    dispi(DISPI_ENABLE, DISPI_GETCAPS);
    check(dispi_get(DISPI_XRES) >= 1920 && dispi_get(DISPI_YRES) >= 1080 && dispi_get(DISPI_BPP) == 32, "capabilities");
    put8(LINEAR, 0x55);
    mode(64, 32, 32, DISPI_NOCLEARMEM);
    check_eq(get8(LINEAR), 0x55, "memory is kept when asked");
    mode(64, 32, 32, 0);
    check_eq(get8(LINEAR), 0, "and cleared when not");
    linear_fill(64 * 4 + 8, (const uint8_t[]){ 0x11, 0x22, 0x33, 0xff }, 4);
    draw();
    check(width == 64 && height == 32, "64x32");
    check_eq(pixel(2, 1), 0x332211, "32 bits a pixel");
    mode(64, 32, 24, 0);
    linear_fill(64 * 3 + 6, (const uint8_t[]){ 0x44, 0x55, 0x66 }, 3);
    draw();
    check_eq(pixel(2, 1), 0x665544, "24 bits");
    mode(64, 32, 16, 0);
    linear_fill(64 * 2 + 4, (const uint8_t[]){ 0x1f, 0xf8 }, 2);
    draw();
    check_eq(pixel(2, 1), 0xff00ff, "16 bits");
    mode(64, 32, 15, 0);
    linear_fill(64 * 2 + 4, (const uint8_t[]){ 0xe0, 0x83 }, 2);
    draw();
    check_eq(pixel(2, 1), 0x00ff00, "15 bits");
    mode(64, 32, 8, 0);
    dac(7, 0x3f, 0, 1);
    linear_fill(64 + 2, (const uint8_t[]){ 7 }, 1);
    draw();
    check_eq(pixel(2, 1), 0xff0004, "8 bits, six in the DAC");
    mode(64, 32, 8, DISPI_8BIT_DAC);
    dac(7, 0x81, 0x82, 0x83);
    linear_fill(64 + 2, (const uint8_t[]){ 7 }, 1);
    draw();
    check_eq(pixel(2, 1), 0x818283, "eight in the DAC");
    mode(64, 32, 4, 0);
    seq(2, 15);
    seq(4, 6);
    gc(5, 2);
    gc(6, 5);
    put8(VGA_WINDOW + 8, 5);
    draw();
    check(width == 64 && pixel(0, 1) == ega[5] && pixel(7, 1) == ega[5] && pixel(8, 1) == ega[0], "4 bits, on the planes");
}

static void test_dispi_view(void)
{
    mode(640, 480, 32, 0);
    dispi(DISPI_VIRT_WIDTH, 800);
    check_eq(dispi_get(DISPI_VIRT_HEIGHT), (4 << 20) / 3200, "virtual height is what memory has");
    dispi(DISPI_X_OFFSET, 100);
    dispi(DISPI_Y_OFFSET, 50);
    physical_store(&b.machine.memory, LINEAR + (60 * 800 + 107) * 4, 0xabcdef, 4);
    draw();
    check_eq(pixel(7, 10), 0xabcdef, "offset in a virtual screen");
    dispi(DISPI_X_OFFSET, 0xffff);
    dispi(DISPI_Y_OFFSET, 0xffff);
    check(dispi_get(DISPI_X_OFFSET) == 160 && dispi_get(DISPI_Y_OFFSET) == (4 << 20) / 3200 - 480, "offsets stay inside");
    dispi(DISPI_VIRT_WIDTH, 8000);
    check_eq(dispi_get(DISPI_VIRT_WIDTH), 800, "a virtual width that leaves too few lines is ignored");
    mode(1920, 1080, 32, 0);
    check(dispi_get(DISPI_XRES) == 1920 && dispi_get(DISPI_YRES) == (4 << 20) / 7680, "a mode larger than memory is cut");
    draw();
    check(width == 1920 && height == (4 << 20) / 7680, "and drawn");
    dispi(DISPI_BANK, 5);
    physical_store(&b.machine.memory, VGA_WINDOW + 0x10, 0x12345678, 4);
    check_eq(physical_load(&b.machine.memory, LINEAR + 0x50010, 4), 0x12345678, "bank 5 in the window");
    dispi(DISPI_BANK, 64);
    check_eq(dispi_get(DISPI_BANK), 5, "there is no bank 64");
    dispi(DISPI_BPP, 77);
    dispi(DISPI_XRES, 8);
    check(dispi_get(DISPI_BPP) == 32 && dispi_get(DISPI_XRES) == 1920, "nothing changes while a mode is on");
    dispi(DISPI_ENABLE, 0);
    draw();
    check(width == 640 && height == 400, "off: the registers' mode again");
}

static void test_pci(void)
{
    check_eq(pci_config_read(&bus, device->pci.devfn, 0, 4), 0x11111234, "1234:1111");
    check_eq(pci_config_read(&bus, device->pci.devfn, 8, 4), 0x03000002, "a VGA, revision 2");
    uint8_t edid[128], sum = 0;
    physical_read(&b.machine.memory, MMIO, edid, sizeof edid);
    for (unsigned i = 0; i < sizeof edid; i++)
        sum = (uint8_t)(sum + edid[i]);
    check(!memcmp(edid, "\0\377\377\377\377\377\377\0", 8) && !sum, "EDID: magic and sum");
    check(edid[56] + (edid[58] >> 4 << 8) == 1280 && edid[59] + (edid[61] >> 4 << 8) == 800, "prefers 1280x800");
    outb(&b, 0x3c2, 0x67);
    physical_store(&b.machine.memory, MMIO + 0x414, 0x770f, 2); // 3d4
    outb(&b, 0x3d4, 0x0f);
    check_eq(inb(&b, 0x3d5), 0x77, "ports in BAR2");
    physical_store(&b.machine.memory, MMIO + 0x500 + 2 * DISPI_XRES, 320, 2);
    check_eq(dispi_get(DISPI_XRES), 320, "DISPI registers in BAR2");
    check_eq(physical_load(&b.machine.memory, MMIO + 0x500, 2), 0xb0c5, "and its id");
    check_eq(physical_load(&b.machine.memory, MMIO + 0x604, 4), 0x1e1e1e1e, "little endian pixels");
    check_eq(inb(&b, 0x1d0), (uint8_t)(dispi_get(DISPI_ID), 0xb0), "the upper half of the data port");
    struct error *err = NULL;
    struct device *second = device_new(&b.machine, &vga_type);
    check(!device_realize(second, &err), "a second VGA is refused");
    check_text(error_message(err), "one already", "with a reason");
    error_free(err);
    device_delete(second);
}

static void test_properties(void)
{
    static const struct { const char *name, *value, *why; } bad[] = {
        { "vgamem_mb", "0", "'VGA.vgamem_mb' expects a number from 1 to 256, not 0" },
        { "vgamem_mb", "512", "not 512" }, { "xres", "63", "'VGA.xres'" }, { "yres", "4089", "'VGA.yres'" },
    };
    struct bench other;
    bench_init(&other);
    struct device *d = device_new(&other.machine, &vga_type);
    struct error *err = NULL;
    check(!device_realize(d, &err), "no PCI bus: refused");
    error_free(err);
    other.machine.pci_bus = &bus;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        device_delete(d);
        d = device_new(&other.machine, &vga_type);
        device_set(d, bad[i].name, bad[i].value, NULL);
        err = NULL;
        check(!device_realize(d, &err), "out of range: refused");
        check_text(error_message(err), bad[i].why, "by name");
        error_free(err);
    }
    device_delete(d);
    d = device_new(&other.machine, &vga_type);
    device_set(d, "vgamem_mb", "3", NULL);
    device_set(d, "edid", "off", NULL);
    check(device_realize(d, NULL), "3 MiB without EDID");
    struct vga_device *v = (struct vga_device *)d;
    check_eq(v->vga.vram->size, 4 << 20, "are 4");
    check_eq(vga_linear_base(v), 0xfdc00000, "at the end of what BAR0 may use");
    vga_place_bars(v);
    check_eq(physical_load(&b.machine.memory, 0xfebf0000, 8), 0, "no EDID");
    device_delete(d);
    bench_release(&other);
}

// ---- what is drawn at all

static void test_dirty(void)
{
    uint32_t *mine = NULL;
    unsigned w = 0, h = 0;
    struct screen_rect box;
    struct screen *s = b.machine.screen;
    mode(640, 480, 32, 0);
    screen_refresh(s);
    screen_take(s, &mine, &w, &h, &box);
    check(!screen_refresh(s) && !screen_is_dirty(s), "nothing written");
    check(!screen_take(s, &mine, &w, &h, &box), "nothing drawn");
    physical_store(&b.machine.memory, LINEAR + (100 * 640 + 30) * 4, 1, 4);
    physical_store(&b.machine.memory, LINEAR + (102 * 640 + 34) * 4, 2, 4);
    screen_refresh(s);
    check(screen_take(s, &mine, &w, &h, &box) && box.x == 30 && box.y == 100 && box.width == 5 && box.height == 3,
          "the box of what changed");
    check(mine[100 * 640 + 30] == 1 && mine[102 * 640 + 34] == 2, "with its pixels");
    physical_store(&b.machine.memory, LINEAR + (100 * 640 + 30) * 4, 1, 4);
    screen_refresh(s);
    check(!screen_take(s, &mine, &w, &h, &box), "the same written again");
    screen_redraw(s);
    check(screen_take(s, &mine, &w, &h, &box) && box.width == 640 && box.height == 480, "redraw: all of it");
    physical_store(&b.machine.memory, LINEAR + 640 * 480 * 4 + 4096, 1, 4);
    screen_refresh(s);
    check(!screen_take(s, &mine, &w, &h, &box), "written behind the picture");
    text_mode();
    screen_refresh(s);
    screen_take(s, &mine, &w, &h, &box);
    put_cell(5, 5, 'X', 7);
    check(screen_refresh(s) && screen_is_dirty(s), "the guest wrote");
    check(screen_take(s, &mine, &w, &h, &box) && box.x >= 45 && box.x + box.width <= 54 && box.y >= 80 && box.y + box.height <= 96,
          "text: one cell");
    free(mine);
}

// ---- random

static void fuzz_step(struct tap_random *r)
{
    static const uint16_t ports[] = { 0x3c0, 0x3c0, 0x3c2, 0x3c4, 0x3c5, 0x3c6, 0x3c8, 0x3c9, 0x3ce, 0x3cf, 0x3d4, 0x3d5, 0x3da, 0x3b4, 0x3b5 };
    unsigned value = (unsigned)tap_next(r);
    switch (tap_below(r, 10)) {
    case 0: case 1: outb(&b, ports[tap_below(r, sizeof ports / sizeof *ports)], (uint8_t)value); break;
    case 2: crtc((unsigned)tap_below(r, 26), value & 0xff); break;
    case 3: value & 1 ? seq(value >> 8 & 7, value >> 16 & 0xff) : gc(value >> 8 & 15, value >> 16 & 0xff); break;
    case 4: dispi((unsigned)tap_below(r, 14), value >> tap_below(r, 16) & 0xffff); break;
    case 5: mode((unsigned)tap_below(r, 3000), (unsigned)tap_below(r, 2000), (unsigned)(const uint8_t[]){ 4, 8, 15, 16, 24, 32 }[value % 6], value & DISPI_NOCLEARMEM); break;
    case 6: physical_store(&b.machine.memory, VGA_WINDOW + tap_below(r, VGA_WINDOW_SIZE), value, 4); break;
    case 7: physical_load(&b.machine.memory, VGA_WINDOW + tap_below(r, VGA_WINDOW_SIZE), 4); break;
    case 8: physical_store(&b.machine.memory, LINEAR + tap_below(r, 0x100000), value, 8); break;
    default: physical_store(&b.machine.memory, MMIO + tap_below(r, 0x610), value, 1u << tap_below(r, 3)); break;
    }
}

static void test_fuzz(void)
{
    struct tap_random random = { 42 };
    unsigned drawn = 0, odd = 0;
    setup("1");
    outb(&b, 0x3c2, 0x67);
    for (unsigned n = 0; n < 100000; n++) {
        fuzz_step(&random);
        if (n % 400)
            continue;
        if (n % 3 == 0)
            dispi(DISPI_ENABLE, 0);
        seq(0, 3); // something to see
        vga->r.attr_index |= 0x20;
        vga->r.seq[1] &= 0xdf;
        vga->r.crtc[0x17] |= 0x80;
        bench_advance(&b, 1000000);
        draw();
        drawn += shot != NULL;
        odd += width > DISPI_MAX_XRES || height > DISPI_MAX_YRES;
    }
    check_eq(drawn, 250, "100000 random accesses with 250 pictures");
    check_eq(odd, 0, "of possible sizes");
    device_reset(&device->device);
    test_text();
    teardown();
}

int main(void)
{
    setup("4");
    test_registers();
    test_retrace();
    test_write_modes();
    test_reads();
    test_odd_even();
    test_chain4();
    test_text();
    test_text_scroll();
    test_planar();
    test_cga();
    test_dispi();
    test_dispi_view();
    test_pci();
    test_properties();
    test_dirty();
    teardown();
    test_fuzz();
    return test_end();
}
