// SPDX-License-Identifier: MIT
//
// pvpanic. Machine thread only.
#include "hw/misc/pvpanic.h"
#include "hw/core/machine.h"
#include "util/error.h"
#include "util/state.h"

static uint64_t pvpanic_read(void *opaque, uint64_t offset, unsigned size) { return ((struct pvpanic *)opaque)->events; }

// A crash kernel that is about to run (CRASH_LOADED) is for information only: the machine goes on.
static void pvpanic_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    const struct pvpanic *p = opaque;
    if (value & p->events & PVPANIC_PANICKED)
        machine_request(p->device.machine, REQUEST_PANIC);
}

static const struct region_ops pvpanic_ops = { pvpanic_read, pvpanic_write, 1, 1, false };

static bool pvpanic_realize(struct device *device, struct error **errp)
{
    struct pvpanic *p = (struct pvpanic *)device;
    if (p->events & ~(PVPANIC_PANICKED | PVPANIC_CRASH_LOADED))
        return error_set(errp, "pvpanic: events=%u: only the bits 1 (panicked) and 2 (crash loaded) are known", p->events);
    for (struct device *d = device->machine->devices; d; d = d->next)
        if (d->type == &pvpanic_type)
            return error_set(errp, "pvpanic: a machine has at most one");
    region_init_io(&p->io, "pvpanic", &pvpanic_ops, p, 1);
    region_add(&device->machine->ports.root, &p->io, p->ioport, 0);
    return true;
}

static void pvpanic_unrealize(struct device *device) { region_remove(&((struct pvpanic *)device)->io); }

static const struct property pvpanic_properties[] = {
    PROPERTY(UINT16, "ioport", pvpanic, ioport, 0x505, "the port; ACPI shows the device at 0x505 only"),
    PROPERTY(UINT8, "events", pvpanic, events, 3, "bits: 1 panicked, 2 crash kernel loaded"),
};
const struct device_type pvpanic_type = {
    .name = "pvpanic", .help = "tells that the guest's kernel has panicked (-action panic=)", .bus = "isa",
    .size = sizeof(struct pvpanic), .properties = pvpanic_properties,
    .property_count = sizeof(pvpanic_properties) / sizeof(pvpanic_properties[0]),
    .user_creatable = true, .realize = pvpanic_realize, .unrealize = pvpanic_unrealize,
    .state = &state_none,
};
