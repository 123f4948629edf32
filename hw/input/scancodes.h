// SPDX-License-Identifier: MIT
//
// What the 8042 makes of scan codes: set 2 to set 1. [IBM PS/2 technical reference, keyboard controller]
#pragma once
#include <stdint.h>

// Set 1 code of a set 2 code (not the prefixes e0, e1, f0).
uint8_t scancode_set1_of_set2(uint8_t code);
// The other way; 0: there is none.
uint8_t scancode_set2_of_set1(uint8_t code);
