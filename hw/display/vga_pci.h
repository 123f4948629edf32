// SPDX-License-Identifier: MIT
//
// The device "VGA": PCI function 1234:1111. BAR0: video memory. BAR2, 4 KiB: EDID at 0, ports 3c0..3df at 400h, DISPI registers
// at 500h (16 bits each), the byte order of the pixels at 600h.
#pragma once
#include "hw/core/device.h"
#include "hw/display/edid.h"
#include "hw/display/vga.h"
#include "hw/pci/pci.h"

struct vga_device {
    struct device device;
    struct vga vga;
    struct pci_device pci;
    struct region linear, mmio;
    uint32_t vgamem_mb, xres, yres;
    bool edid;
    uint8_t edid_bytes[EDID_SIZE];
};
extern const struct device_type vga_type;
struct machine;
// The machine's VGA, or NULL.
struct vga_device *vga_find(struct machine *machine);
// As firmware does: give the BARs their places and let the function answer.
void vga_place_bars(struct vga_device *device);
uint32_t vga_linear_base(const struct vga_device *device); // where vga_place_bars puts BAR0
