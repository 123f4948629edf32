// SPDX-License-Identifier: MIT
//
// isa-debug-exit. Machine thread only.
#include "hw/misc/debug_exit.h"
#include "hw/core/machine.h"
#include "util/error.h"
#include "util/state.h"

static uint64_t debug_exit_read(void *opaque, uint64_t offset, unsigned size) { return 0; }

static void debug_exit_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct machine *m = ((struct debug_exit *)opaque)->device.machine;
    m->exit_code = (int)(value << 1 | 1);
    m->shutdown_cause = "isa-debug-exit";
    machine_request(m, REQUEST_QUIT);
}

static const struct region_ops debug_exit_ops = { debug_exit_read, debug_exit_write, 1, 4, false };

static bool debug_exit_realize(struct device *device, struct error **errp)
{
    struct debug_exit *exit = (struct debug_exit *)device;
    if (exit->iosize < 1 || exit->iosize > 8)
        return error_set(errp, "isa-debug-exit: iosize=%u must be 1 to 8", exit->iosize);
    if (exit->iobase > 0x10000 - exit->iosize)
        return error_set(errp, "isa-debug-exit: iobase=0x%x is not a port for %u registers", exit->iobase, exit->iosize);
    region_init_io(&exit->io, "isa-debug-exit", &debug_exit_ops, exit, exit->iosize);
    region_add(&device->machine->ports.root, &exit->io, exit->iobase, 0);
    return true;
}

static void debug_exit_unrealize(struct device *device) { region_remove(&((struct debug_exit *)device)->io); }

static const struct property debug_exit_properties[] = {
    PROPERTY(UINT32, "iobase", debug_exit, iobase, 0x501, "first port"),
    PROPERTY(UINT32, "iosize", debug_exit, iosize, 2, "how many ports"),
};
const struct device_type debug_exit_type = {
    .name = "isa-debug-exit", .help = "a write ends the emulator with status (value << 1) | 1", .bus = "isa",
    .size = sizeof(struct debug_exit), .properties = debug_exit_properties,
    .property_count = sizeof(debug_exit_properties) / sizeof(debug_exit_properties[0]),
    .user_creatable = true, .realize = debug_exit_realize, .unrealize = debug_exit_unrealize,
    .state = &state_none,
};
