// SPDX-License-Identifier: MIT
//
// What a monitor says of itself: one EDID 1.4 block. [VESA E-EDID 1.4]
#pragma once
#include <stdint.h>

#define EDID_SIZE 128
#define EDID_MAX_WIDTH 4088u // the detailed timing has 12 bits for each
#define EDID_MAX_HEIGHT 4088u
// A digital monitor that prefers width x height at 60 Hz (within the limits above, at least 64 each).
void edid_build(uint8_t edid[EDID_SIZE], unsigned width, unsigned height);
