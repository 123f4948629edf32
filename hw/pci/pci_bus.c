// SPDX-License-Identifier: MIT
//
// The PCI bus: configuration mechanism #1, header registers, BAR mapping, INTx. Configuration space is bytes with masks of
// what the guest can write or clear; after each write the BARs and the interrupt disable bit are looked at again.
// [PCI 3.0 3.2.2.3, 6.1, 6.2.5] Machine thread only.
#include "hw/pci/pci.h"
#include <string.h>
#include "util/log.h"

enum { CFG_VENDOR = 0, CFG_DEVICE = 2, CFG_COMMAND = 4, CFG_STATUS = 6, CFG_REVISION = 8, CFG_CACHE_LINE = 0x0c,
       CFG_LATENCY = 0x0d, CFG_HEADER = 0x0e, CFG_BAR = 0x10, CFG_LINE = 0x3c, CFG_PIN = 0x3d };
enum { COMMAND_IO = 1, COMMAND_MEMORY = 2, COMMAND_INTX_OFF = 0x400, STATUS_INTX = 8 };

// ---- BARs

static uint64_t bar_value(const struct pci_device *device, unsigned index)
{
    const struct pci_bar *bar = &device->bars[index];
    uint64_t value = pci_get32(device, CFG_BAR + 4 * index);
    if (bar->io)
        return value & ~3ull;
    if (bar->wide)
        value |= (uint64_t)pci_get32(device, CFG_BAR + 4 * index + 4) << 32;
    return value & ~15ull;
}

// Where the BAR answers now; false: nowhere. The value while a guest sizes the BAR (all ones) is nowhere.
static bool bar_place(const struct pci_device *device, unsigned index, uint64_t *address)
{
    const struct pci_bar *bar = &device->bars[index];
    uint64_t at = bar_value(device, index), last = at + bar->size - 1;
    if (!(pci_get16(device, CFG_COMMAND) & (bar->io ? COMMAND_IO : COMMAND_MEMORY)))
        return false;
    if (!at || last < at || (bar->io && last > 0xffff) || (!bar->io && !bar->wide && last >= 0xffffffffull) ||
        (bar->wide && last >> 52))
        return false;
    *address = at;
    return true;
}

static void update_bars(struct pci_device *device)
{
    for (unsigned i = 0; i < 6; i++) {
        struct pci_bar *bar = &device->bars[i];
        uint64_t at = 0;
        if (!bar->region)
            continue;
        bool on = bar_place(device, i, &at);
        if (on == bar->mapped && (!on || at == bar->address))
            continue;
        if (bar->mapped)
            region_remove(bar->region);
        if (on)
            region_add(bar->io ? device->bus->ports : device->bus->memory, bar->region, at, 1);
        bar->mapped = on;
        bar->address = at;
    }
}

void pci_device_set_bar(struct pci_device *device, unsigned index, struct region *region, bool io, bool prefetch, bool wide)
{
    struct pci_bar *bar = &device->bars[index];
    unsigned at = CFG_BAR + 4 * index;
    *bar = (struct pci_bar){ .region = region, .size = region->size, .io = io, .wide = wide };
    uint64_t mask = ~(bar->size - 1) & (io ? ~3ull : ~15ull);
    for (unsigned i = 0; i < (wide ? 8u : 4u); i++)
        device->writable[at + i] = (uint8_t)(mask >> 8 * i);
    device->config[at] = (uint8_t)(io ? 1 : (wide ? 4 : 0) | (prefetch ? 8 : 0));
}

// ---- INTx

static int pirq_of(const struct pci_device *device)
{
    int pin = device->config[CFG_PIN] - 1, slot = device->devfn >> 3;
    return (pin + slot - 1) & 3; // as the PC's boards are wired: device 1 INTA is PIRQA
}

static void drive(struct pci_device *device, int level)
{
    struct pci_bus *bus = device->bus;
    if (level == device->intx_level)
        return;
    device->intx_level = level;
    int pirq = pirq_of(device), before = bus->pirq_count[pirq];
    bus->pirq_count[pirq] += level ? 1 : -1;
    if (!before != !bus->pirq_count[pirq] && bus->set_pirq)
        bus->set_pirq(bus->pirq_opaque, pirq, bus->pirq_count[pirq] > 0);
}

static void update_intx(struct pci_device *device)
{
    bool asks = device->config[CFG_STATUS] & STATUS_INTX;
    drive(device, asks && !(pci_get16(device, CFG_COMMAND) & COMMAND_INTX_OFF));
}

void pci_set_irq(struct pci_device *device, int level)
{
    if (!device->config[CFG_PIN] || !device->bus)
        return;
    device->config[CFG_STATUS] = (uint8_t)((device->config[CFG_STATUS] & ~STATUS_INTX) | (level ? STATUS_INTX : 0));
    update_intx(device);
}

void pci_device_set_pin(struct pci_device *device, uint8_t pin) { device->config[CFG_PIN] = pin; }

// ---- configuration space

uint32_t pci_config_read(struct pci_bus *bus, uint8_t devfn, unsigned offset, unsigned size)
{
    struct pci_device *device = bus->devices[devfn];
    uint32_t value = 0;
    if (!device || offset + size > sizeof(device->config))
        return UINT32_MAX >> (32 - 8 * size);
    if (device->config_reading)
        device->config_reading(device, offset, size);
    for (unsigned i = 0; i < size; i++)
        value |= (uint32_t)device->config[offset + i] << 8 * i;
    return value;
}

void pci_config_write(struct pci_bus *bus, uint8_t devfn, unsigned offset, uint32_t value, unsigned size)
{
    struct pci_device *device = bus->devices[devfn];
    if (!device || offset + size > sizeof(device->config))
        return;
    for (unsigned i = 0; i < size; i++) {
        unsigned at = offset + i;
        uint8_t byte = (uint8_t)(value >> 8 * i), mask = device->writable[at];
        device->config[at] = (uint8_t)((device->config[at] & ~mask) | (byte & mask));
        device->config[at] &= (uint8_t)~(byte & device->clear[at]);
    }
    if (offset < CFG_BAR + 24 && offset + size > CFG_COMMAND) {
        update_bars(device);
        update_intx(device);
    }
    if (device->config_written)
        device->config_written(device, offset, size);
}

// ---- life

static void fill_header(struct pci_device *device, uint16_t vendor, uint16_t id, uint32_t class_code, uint8_t revision)
{
    memset(device->config, 0, sizeof(device->config));
    memset(device->writable, 0, sizeof(device->writable));
    memset(device->clear, 0, sizeof(device->clear));
    memset(device->bars, 0, sizeof(device->bars));
    pci_set16(device, CFG_VENDOR, vendor);
    pci_set16(device, CFG_DEVICE, id);
    pci_set32(device, CFG_REVISION, class_code << 8 | revision);
    device->writable[CFG_COMMAND] = 0x47;     // I/O, memory, master, parity
    device->writable[CFG_COMMAND + 1] = 0x05; // SERR, INTx disable
    device->clear[CFG_STATUS + 1] = 0xf9;
    device->writable[CFG_CACHE_LINE] = device->writable[CFG_LATENCY] = device->writable[CFG_LINE] = 0xff;
}

bool pci_device_add(struct pci_bus *bus, struct pci_device *device, const char *name, int devfn, uint16_t vendor,
                    uint16_t device_id, uint32_t class_code, uint8_t revision)
{
    if (devfn < 0) {
        for (devfn = 2 << 3; devfn < 256 && bus->devices[devfn]; )
            devfn += 8;
    }
    if (devfn > 255 || bus->devices[devfn])
        return false;
    fill_header(device, vendor, device_id, class_code, revision);
    device->name = name;
    device->bus = bus;
    device->devfn = (uint8_t)devfn;
    bus->devices[devfn] = device;
    return true;
}

void pci_device_remove(struct pci_device *device)
{
    drive(device, 0);
    pci_set16(device, CFG_COMMAND, 0);
    update_bars(device);
    device->bus->devices[device->devfn] = NULL;
    device->bus = NULL;
}

static void reset_device(struct pci_device *device)
{
    device->config[CFG_STATUS] &= (uint8_t)~STATUS_INTX;
    pci_set16(device, CFG_COMMAND, 0);
    device->config[CFG_CACHE_LINE] = device->config[CFG_LATENCY] = device->config[CFG_LINE] = 0;
    for (unsigned i = CFG_BAR; i < CFG_BAR + 24; i++)
        device->config[i] &= (uint8_t)~device->writable[i];
    update_bars(device);
    update_intx(device);
    if (device->reset)
        device->reset(device);
}

void pci_bus_reset(struct pci_bus *bus)
{
    bus->address = 0;
    for (unsigned i = 0; i < 256; i++) {
        if (bus->devices[i])
            reset_device(bus->devices[i]);
    }
}

// ---- ports cf8..cff

static uint64_t address_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pci_bus *bus = opaque;
    if (size == 4)
        return bus->address;
    if (size == 1 && offset == 1)
        return bus->cf9_read ? bus->cf9_read(bus->cf9_opaque) : 0;
    return UINT32_MAX >> (32 - 8 * size);
}

static void address_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct pci_bus *bus = opaque;
    if (size == 4 && offset == 0)
        bus->address = (uint32_t)value & 0x80fffffcu;
    else if (size == 1 && offset == 1 && bus->cf9_write)
        bus->cf9_write(bus->cf9_opaque, (uint8_t)value);
}

// The devfn that CONFIG_ADDRESS names, -1: configuration is off or another bus.
static int selected(const struct pci_bus *bus)
{
    if (!(bus->address & 0x80000000u) || (bus->address >> 16 & 0xff))
        return -1;
    return bus->address >> 8 & 0xff;
}

static uint64_t data_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pci_bus *bus = opaque;
    int devfn = selected(bus);
    if (devfn < 0)
        return UINT32_MAX >> (32 - 8 * size);
    return pci_config_read(bus, (uint8_t)devfn, (bus->address & 0xfc) + (unsigned)offset, size);
}

static void data_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct pci_bus *bus = opaque;
    int devfn = selected(bus);
    if (devfn >= 0)
        pci_config_write(bus, (uint8_t)devfn, (bus->address & 0xfc) + (unsigned)offset, (uint32_t)value, size);
}

static const struct region_ops address_ops = { address_read, address_write, 1, 4, false };
static const struct region_ops data_ops = { data_read, data_write, 1, 4, false };

void pci_bus_init(struct pci_bus *bus, struct region *memory, struct region *ports)
{
    memset(bus, 0, sizeof(*bus));
    bus->memory = memory;
    bus->ports = ports;
    region_init_io(&bus->io_address, "pci-conf-idx", &address_ops, bus, 4);
    region_init_io(&bus->io_data, "pci-conf-data", &data_ops, bus, 4);
    region_add(ports, &bus->io_address, 0xcf8, 0);
    region_add(ports, &bus->io_data, 0xcfc, 0);
}

// ---- state

static const struct state_field pci_bar_state_fields[] = {
    STATE_FIELD(pci_bar, mapped), STATE_FIELD(pci_bar, address),
};
static STATE_TABLE(pci_bar_state);

static const struct state_field pci_device_state_fields[] = {
    STATE_ARRAY(pci_device, config), STATE_STRUCTS(pci_device, bars, pci_bar_state), STATE_FIELD(pci_device, intx_level),
};
STATE_TABLE(pci_device_state);

static const struct state_field pci_bus_state_fields[] = {
    STATE_FIELD(pci_bus, address), STATE_ARRAY(pci_bus, pirq_count),
};
STATE_TABLE(pci_bus_state);
