// SPDX-License-Identifier: MIT
#include "hw/pc/boot_screen.h"
#include <stdlib.h>
#include <string.h>
#include "hw/display/vga_pci.h"
#include "util/error.h"

enum { TYPE_TEXT = 1, TYPE_LINEAR = 0x23, LINUX_VESA = 0x200 };

// VESA's numbers; Linux adds 0x200.
static const struct { uint16_t number, width, height; uint8_t depth; } modes[] = {
    { 0x101, 640, 480, 8 }, { 0x103, 800, 600, 8 }, { 0x105, 1024, 768, 8 }, { 0x107, 1280, 1024, 8 },
    { 0x110, 640, 480, 15 }, { 0x113, 800, 600, 15 }, { 0x116, 1024, 768, 15 }, { 0x119, 1280, 1024, 15 },
    { 0x111, 640, 480, 16 }, { 0x114, 800, 600, 16 }, { 0x117, 1024, 768, 16 }, { 0x11a, 1280, 1024, 16 },
    { 0x112, 640, 480, 32 }, { 0x115, 800, 600, 32 }, { 0x118, 1024, 768, 32 }, { 0x11b, 1280, 1024, 32 },
};

bool boot_screen_parse(const char *append, struct boot_screen *screen, struct error **errp)
{
    const char *at = NULL;
    *screen = (struct boot_screen){ 0 };
    for (const char *p = append; p && (p = strstr(p, "vga=")) != NULL; p += 4)
        if (p == append || p[-1] == ' ')
            at = p + 4;
    if (!at)
        return true;
    size_t n = strcspn(at, " ");
    if (n == 6 && (!strncmp(at, "normal", 6) || !strncmp(at, "0xffff", 6)))
        return true;
    char *end;
    unsigned long number = strtoul(at, &end, 0);
    if (end == at + n && n) {
        if (number == 0xffff || number == 0xf00 || number == 3)
            return true;
        for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) {
            if (number != modes[i].number + (unsigned long)LINUX_VESA)
                continue;
            screen->width = modes[i].width;
            screen->height = modes[i].height;
            screen->depth = modes[i].depth;
            return true;
        }
    }
    error_set(errp, "-append: vga=%.*s: unknown video mode", (int)n, at);
    error_hint(errp, "normal is 80x25 text; 785 788 791 794: 640x480 800x600 1024x768 1280x1024 with 16 bits, "
                     "786 789 792 795: with 32");
    return false;
}

static unsigned bytes_a_line(const struct boot_screen *s) { return s->width * ((s->depth + 7u) / 8); }

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}
static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v);
    put16(p + 2, v >> 16);
}

// Size and position of red, green, blue and the rest.
static void describe_pixels(uint8_t *p, uint8_t depth)
{
    static const struct { uint8_t depth, fields[8]; } layouts[] = {
        { 8, { 6, 0, 6, 0, 6, 0, 0, 0 } }, { 15, { 5, 10, 5, 5, 5, 0, 1, 15 } },
        { 16, { 5, 11, 6, 5, 5, 0, 0, 0 } }, { 32, { 8, 16, 8, 8, 8, 0, 8, 24 } },
    };
    for (unsigned i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (layouts[i].depth == depth)
            memcpy(p, layouts[i].fields, 8);
}

void boot_screen_describe(const struct boot_screen *s, uint8_t info[64])
{
    memset(info, 0, 64);
    if (!s->width) {
        info[0x06] = 3;          // orig_video_mode
        info[0x07] = 80;
        put16(info + 0x0a, 3);   // orig_video_ega_bx: 256 KiB, colour
        info[0x0e] = 25;
        info[0x0f] = TYPE_TEXT;
        put16(info + 0x10, 16);  // orig_video_points
        return;
    }
    info[0x0f] = TYPE_LINEAR;
    put16(info + 0x12, s->width);
    put16(info + 0x14, s->height);
    put16(info + 0x16, s->depth);
    put32(info + 0x18, s->base);
    put32(info + 0x1c, s->size >> 16);
    put16(info + 0x24, bytes_a_line(s));
    describe_pixels(info + 0x26, s->depth);
    put16(info + 0x32, s->size / (bytes_a_line(s) * s->height)); // pages
    put16(info + 0x34, 0x9b);    // VESA attributes: a colour graphics mode, linear
}

bool boot_screen_fits(const struct boot_screen *s, const struct vga_device *vga, struct error **errp)
{
    uint64_t need = (uint64_t)bytes_a_line(s) * s->height;
    return need <= vga->vga.vram->size ||
           error_set(errp, "-append: vga=: %ux%u with %u bits needs more than the VGA's %u MiB of memory", s->width, s->height,
                     s->depth, vga->vgamem_mb);
}

void boot_screen_apply(const struct boot_screen *s, struct vga_device *device)
{
    struct vga *vga = &device->vga;
    uint8_t font[256 * 16];
    boot_font(font);
    vga_set_text_mode(vga, font); // also before a graphics mode, as a BIOS leaves it behind
    vga_place_bars(device);
    if (!s->width)
        return;
    dispi_write(vga, DISPI_XRES, s->width);
    dispi_write(vga, DISPI_YRES, s->height);
    dispi_write(vga, DISPI_BPP, s->depth);
    dispi_write(vga, DISPI_ENABLE, DISPI_ENABLED | DISPI_LFB);
}
