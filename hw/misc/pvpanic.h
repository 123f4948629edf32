// SPDX-License-Identifier: MIT
//
// pvpanic: the guest's kernel says that it has panicked. One ISA port: a read gives the events that are known, a write reports
// some. The DSDT names the device at port 505h (QEMU0001), where Linux's driver looks for it. [QEMU docs/specs/pvpanic]
#pragma once
#include <stdint.h>
#include "hw/core/device.h"
#include "softmmu/memory.h"

enum pvpanic_event { PVPANIC_PANICKED = 1, PVPANIC_CRASH_LOADED = 2 };
struct pvpanic {
    struct device device;
    uint16_t ioport;            // 0x505
    uint8_t events;             // those that are told to the guest and acted on
    struct region io;
};
extern const struct device_type pvpanic_type;
