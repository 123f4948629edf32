// SPDX-License-Identifier: MIT
//
// isa-debugcon: one write-only console port. Machine thread only.
#include "hw/char/debugcon.h"
#include "chardev/chardev.h"
#include "hw/core/machine.h"
#include "util/error.h"
#include "util/state.h"

static uint64_t debugcon_read(void *opaque, uint64_t offset, unsigned size)
{
    return ((struct debugcon *)opaque)->readback;
}

static void debugcon_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct debugcon *con = opaque;
    uint8_t byte = (uint8_t)value;
    if (con->chardev)
        chardev_write(con->chardev, &byte, 1);
}

static const struct region_ops debugcon_ops = { debugcon_read, debugcon_write, 1, 1, false };

static size_t can_receive(void *opaque) { return 4096; } // input has nowhere to go
static void receive(void *opaque, const uint8_t *data, size_t len) { }
static const struct chardev_front debugcon_front = { .can_receive = can_receive, .receive = receive };

static bool debugcon_realize(struct device *device, struct error **errp)
{
    struct debugcon *con = (struct debugcon *)device;
    if (con->iobase > 0xffff)
        return error_set(errp, "isa-debugcon: iobase=0x%x is not a port", con->iobase);
    if (!con->chardev)
        return error_set(errp, "Can't create isa-debugcon, empty char device");
    if (!chardev_attach(con->chardev, &debugcon_front, con, errp))
        return false;
    region_init_io(&con->io, "isa-debugcon", &debugcon_ops, con, 1);
    region_add(&device->machine->ports.root, &con->io, con->iobase, 0);
    return true;
}

static void debugcon_unrealize(struct device *device)
{
    struct debugcon *con = (struct debugcon *)device;
    chardev_attach(con->chardev, NULL, NULL, NULL);
    region_remove(&con->io);
}

static const struct property debugcon_properties[] = {
    PROPERTY(CHARDEV, "chardev", debugcon, chardev, 0, "character device that gets the bytes"),
    PROPERTY(UINT32, "iobase", debugcon, iobase, 0xe9, "port"),
    PROPERTY(UINT32, "readback", debugcon, readback, 0xe9, "what a read of the port gives"),
};
const struct device_type debugcon_type = {
    .name = "isa-debugcon", .help = "debug console: one port", .bus = "isa", .size = sizeof(struct debugcon),
    .properties = debugcon_properties, .property_count = sizeof(debugcon_properties) / sizeof(debugcon_properties[0]),
    .user_creatable = true, .realize = debugcon_realize, .unrealize = debugcon_unrealize,
    .state = &state_none,
};
