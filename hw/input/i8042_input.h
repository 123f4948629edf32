// SPDX-License-Identifier: MIT
//
// The user's keys and pointer for the 8042's two devices.
#pragma once

struct i8042;
struct input;
void i8042_attach_input(struct i8042 *kbc, struct input *input);
// Set 1 code as ps2_key wants it, of a Linux input event code; 0: a PC's keyboard has no such key.
int scancode_of_key(unsigned code);
