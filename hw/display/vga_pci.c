// SPDX-License-Identifier: MIT
#include "hw/display/vga_pci.h"
#include "hw/core/machine.h"
#include "ui/screen.h"
#include "util/error.h"

#define MMIO_SIZE 0x1000u
#define MMIO_BASE 0xfebf0000u
#define LINEAR_LIMIT 0xfe000000u // BAR0 ends here or below
#define LITTLE_ENDIAN_PIXELS 0x1e1e1e1eu
enum { MMIO_PORTS = 0x400, MMIO_PORTS_END = 0x420, MMIO_DISPI = 0x500, MMIO_DISPI_END = 0x500 + 2 * DISPI_COUNT, MMIO_EXTENSION = 0x600 };

// ---- BAR2

static uint64_t port_piece(struct vga *vga, uint64_t offset, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)vga_port_read(vga, (uint16_t)(0x3c0 + offset + i)) << 8 * i;
    return value;
}

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned size)
{
    struct vga_device *d = opaque;
    uint64_t value = 0;
    if (offset < EDID_SIZE) {
        for (unsigned i = 0; i < size && offset + i < EDID_SIZE; i++)
            value |= (uint64_t)d->edid_bytes[offset + i] << 8 * i;
        return value;
    }
    if (offset >= MMIO_PORTS && offset < MMIO_PORTS_END)
        return port_piece(&d->vga, offset - MMIO_PORTS, size);
    if (offset >= MMIO_DISPI && offset < MMIO_DISPI_END)
        return dispi_read(&d->vga, (unsigned)(offset - MMIO_DISPI) / 2) >> 8 * (offset & 1);
    if (offset == MMIO_EXTENSION)
        return 8; // bytes of this block
    return offset == MMIO_EXTENSION + 4 ? LITTLE_ENDIAN_PIXELS : 0;
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct vga_device *d = opaque;
    if (offset >= MMIO_PORTS && offset < MMIO_PORTS_END) {
        for (unsigned i = 0; i < size; i++) // index and data with one access
            vga_port_write(&d->vga, (uint16_t)(0x3c0 + offset - MMIO_PORTS + i), (uint8_t)(value >> 8 * i));
    } else if (offset >= MMIO_DISPI && offset < MMIO_DISPI_END && size >= 2 && !(offset & 1)) {
        dispi_write(&d->vga, (unsigned)(offset - MMIO_DISPI) / 2, (uint16_t)value);
    }
}

static const struct region_ops mmio_ops = { .read = mmio_read, .write = mmio_write, .min_size = 1, .max_size = 4 };

// ---- places

uint32_t vga_linear_base(const struct vga_device *device)
{
    uint32_t size = (uint32_t)device->vga.vram->size;
    return (LINEAR_LIMIT - size) & ~(size - 1);
}

void vga_place_bars(struct vga_device *device)
{
    struct pci_bus *bus = device->pci.bus;
    pci_config_write(bus, device->pci.devfn, 0x10, vga_linear_base(device), 4);
    pci_config_write(bus, device->pci.devfn, 0x18, MMIO_BASE, 4);
    pci_config_write(bus, device->pci.devfn, 0x04, 3, 2);
}

struct vga_device *vga_find(struct machine *machine)
{
    for (struct device *d = machine->devices; d; d = d->next)
        if (d->type == &vga_type)
            return (struct vga_device *)d;
    return NULL;
}

// ---- the device

static bool within(const char *name, uint32_t value, uint32_t low, uint32_t high, struct error **errp)
{
    if (value >= low && value <= high)
        return true;
    return error_set(errp, "Property 'VGA.%s' expects a number from %u to %u, not %u", name, low, high, value);
}

static bool realize(struct device *device, struct error **errp)
{
    struct vga_device *d = (struct vga_device *)device;
    struct machine *m = device->machine;
    if (!m->pci_bus)
        return error_set(errp, "VGA: this machine has no PCI bus");
    if (vga_find(m))
        return error_set(errp, "VGA: this machine has one already (-vga none leaves out the default one)");
    if (!within("vgamem_mb", d->vgamem_mb, 1, 256, errp) || !within("xres", d->xres, 64, EDID_MAX_WIDTH, errp) ||
        !within("yres", d->yres, 64, EDID_MAX_HEIGHT, errp))
        return false;
    uint64_t bytes = 1ull << 20; // the next power of two
    while (bytes < (uint64_t)d->vgamem_mb << 20)
        bytes *= 2;
    d->vgamem_mb = (uint32_t)(bytes >> 20);
    if (!pci_device_add(m->pci_bus, &d->pci, "VGA", -1, 0x1234, 0x1111, 0x030000, 2))
        return error_set(errp, "VGA: no free place on the PCI bus");
    if (!vga_init(&d->vga, m, bytes, errp)) {
        pci_device_remove(&d->pci);
        return false;
    }
    region_init_ram(&d->linear, "vga.vram", d->vga.vram, 0, bytes);
    region_init_io(&d->mmio, "vga.mmio", &mmio_ops, d, MMIO_SIZE);
    pci_device_set_bar(&d->pci, 0, &d->linear, false, true, false);
    pci_device_set_bar(&d->pci, 2, &d->mmio, false, false, false);
    if (d->edid)
        edid_build(d->edid_bytes, d->xres, d->yres);
    if (m->screen)
        screen_set_source(m->screen, &(struct screen_source){ vga_refresh, vga_invalidate, vga_text_size, &d->vga });
    return true;
}

static void unrealize(struct device *device)
{
    struct vga_device *d = (struct vga_device *)device;
    if (device->machine->screen)
        screen_set_source(device->machine->screen, NULL);
    pci_device_remove(&d->pci);
    vga_release(&d->vga);
}

static void reset(struct device *device)
{
    vga_reset(&((struct vga_device *)device)->vga);
}

static struct ram_block *video_memory(const struct device *device)
{
    return ((const struct vga_device *)device)->vga.vram;
}

static const struct property properties[] = {
    PROPERTY(UINT32, "vgamem_mb", vga_device, vgamem_mb, 16, "video memory in MiB (rounded up to a power of two)"),
    PROPERTY(UINT32, "xres", vga_device, xres, 1280, "preferred width, in the EDID"),
    PROPERTY(UINT32, "yres", vga_device, yres, 800, "preferred height, in the EDID"),
    PROPERTY(BOOL, "edid", vga_device, edid, 1, "whether the monitor has an EDID"),
};

static const struct state_field vga_device_state_fields[] = {
    STATE_STRUCT(vga_device, vga, vga_state), STATE_STRUCT(vga_device, pci, pci_device_state),
};
static STATE_TABLE(vga_device_state);

const struct device_type vga_type = {
    .name = "VGA", .help = "VGA with DISPI modes (stdvga)", .bus = "pci", .size = sizeof(struct vga_device),
    .properties = properties, .property_count = sizeof properties / sizeof *properties,
    .user_creatable = true, .realize = realize, .unrealize = unrealize, .reset = reset,
    .state = &vga_device_state, .ram = video_memory,
};
