// SPDX-License-Identifier: MIT
//
// isa-debug-exit: a write of v to its ports ends the emulator with status (v << 1) | 1.
#pragma once
#include <stdint.h>
#include "hw/core/device.h"
#include "softmmu/memory.h"

struct debug_exit {
    struct device device;
    uint32_t iobase, iosize;    // 0x501, 2
    struct region io;
};
extern const struct device_type debug_exit_type;
