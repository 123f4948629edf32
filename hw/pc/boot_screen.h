// SPDX-License-Identifier: MIT
//
// The screen as a kernel finds it that is booted without firmware: a text mode with a font, or (vga=791 and its like on
// the kernel's command line, which is a boot loader's to act on) a linear framebuffer.
// [Linux Documentation/arch/x86/zero-page.rst, include/uapi/linux/screen_info.h, Documentation/fb/vesafb.rst]
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct error;
struct vga_device;
struct boot_screen {
    uint16_t width, height; // pixels of the framebuffer; 0: text, 80x25
    uint8_t depth;          // bits a pixel
    uint32_t base, size;    // where video memory is, and its bytes
};
// The mode that the last vga= of a command line (may be NULL) asks for; refuses what it does not know by name.
bool boot_screen_parse(const char *append, struct boot_screen *screen, struct error **errp);
// screen_info, the first 64 bytes of boot_params.
void boot_screen_describe(const struct boot_screen *screen, uint8_t info[64]);
// Put the mode on; places the BARs. False: the mode needs more video memory.
bool boot_screen_fits(const struct boot_screen *screen, const struct vga_device *vga, struct error **errp);
void boot_screen_apply(const struct boot_screen *screen, struct vga_device *vga);
// boot_font.c: 256 glyphs of 16 rows, in the order of code page 437.
void boot_font(uint8_t font[256 * 16]);
