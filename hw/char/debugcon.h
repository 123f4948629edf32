// SPDX-License-Identifier: MIT
//
// isa-debugcon: each byte written to one port goes to a character device; a read gives `readback` (firmware probes for it).
#pragma once
#include <stdint.h>
#include "hw/core/device.h"
#include "softmmu/memory.h"

struct chardev;
struct debugcon {
    struct device device;
    struct chardev *chardev;
    uint32_t iobase, readback;  // 0xe9, 0xe9
    struct region io;
};
extern const struct device_type debugcon_type;
