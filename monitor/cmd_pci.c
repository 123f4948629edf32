// SPDX-License-Identifier: MIT
//
// info pci: the functions on the bus, from their configuration space, in the format that scripts know from QEMU; info roms.
#include <inttypes.h>
#include "hw/pci/pci.h"
#include "monitor/internal.h"

static const char *class_name(uint8_t base, uint8_t sub)
{
    static const struct { uint8_t base, sub; const char *name; } names[] = {
        { 3, 0, "VGA controller" }, { 6, 0, "Host bridge" }, { 6, 1, "ISA bridge" }, { 6, 0x80, "Bridge" },
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].base == base && names[i].sub == sub)
            return names[i].name;
    return NULL;
}

static void show_bar(const struct pci_device *d, unsigned index, const struct output *out)
{
    const struct pci_bar *bar = &d->bars[index];
    bool prefetch = d->config[0x10 + 4 * index] & 8;
    int digits = bar->io ? 4 : 8;
    out_printf(out, "      BAR%u: ", index);
    if (bar->io)
        out_printf(out, "I/O ");
    else
        out_printf(out, "%d bit%s memory ", bar->wide ? 64 : 32, prefetch ? " prefetchable" : "");
    if (bar->mapped)
        out_printf(out, "at 0x%0*" PRIx64 " [0x%0*" PRIx64 "]\n", digits, bar->address, digits, bar->address + bar->size - 1);
    else
        out_printf(out, "(not mapped)\n");
}

static void show_function(const struct pci_device *d, const struct output *out)
{
    const char *name = class_name(d->config[0x0b], d->config[0x0a]);
    out_printf(out, "  Bus  0, device %3d, function %d:\n    ", d->devfn >> 3, d->devfn & 7);
    if (name)
        out_printf(out, "%s", name);
    else
        out_printf(out, "Class %04d", d->config[0x0b] << 8 | d->config[0x0a]);
    out_printf(out, ": PCI device %04x:%04x\n", pci_get16(d, 0), pci_get16(d, 2));
    if (pci_get32(d, 0x2c))
        out_printf(out, "      PCI subsystem %04x:%04x\n", pci_get16(d, 0x2c), pci_get16(d, 0x2e));
    if (d->config[0x3d])
        out_printf(out, "      IRQ %d, pin %c\n", d->config[0x3c], 'A' + d->config[0x3d] - 1);
    for (unsigned i = 0; i < 6; i++)
        if (d->bars[i].region)
            show_bar(d, i, out);
    out_printf(out, "      id \"\"\n");
}

bool info_pci(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    for (unsigned i = 0; i < 256; i++)
        if (machine->pci_bus->devices[i])
            show_function(machine->pci_bus->devices[i], out);
    return true;
}

bool info_roms(struct machine *machine, char *arguments, const struct output *out, struct error **errp)
{
    out_printf(out, "there are no ROMs: the emulator loads the kernel by itself\n");
    return true;
}
