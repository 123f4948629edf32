// SPDX-License-Identifier: MIT
//
// Which character devices the serial ports, the human monitors and QMP get, by the options and QEMU's defaults.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "options.h"

struct chardev;
struct chardev_list;
struct error;
#define MAX_MONITORS 8
struct consoles {
    struct chardev *monitors[MAX_MONITORS];
    struct { struct chardev *device; bool pretty; } controls[MAX_MONITORS]; // QMP
    size_t monitor_count, control_count;
};
// Makes the devices (list owns them); those of serial ports go to options->pc. window: there is one, with room for a vc each.
bool consoles_open(struct consoles *c, struct options *options, struct chardev_list *list, bool window, struct error **errp);
