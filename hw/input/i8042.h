// SPDX-License-Identifier: MIT
//
// 8042 keyboard controller with keyboard and auxiliary (mouse) port: ports 60h 64h, and port 92h (fast A20 and reset).
// [IBM PS/2 technical reference: keyboard and auxiliary device controller]
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "hw/core/irq.h"
#include "hw/input/ps2.h"
#include "softmmu/memory.h"
#include "util/state.h"

struct i8042 {
    struct ps2_keyboard keyboard;
    struct ps2_mouse mouse;
    uint8_t command;          // waits for its data byte; 0: none
    uint8_t mode, status, output_port, data;
    bool full, full_aux;      // output buffer holds `data`, from the mouse
    bool translate_break;     // an f0 was swallowed by the translation
    uint8_t reply, reply_kind; // a controller's own byte waiting: 0 none, 1 keyboard, 2 mouse
    uint8_t port92;
    uint8_t ram[32];
    struct irq keyboard_irq, mouse_irq;
    struct irq a20;           // level 1: gate open (address bit 20 passes)
    struct irq reset;         // pulse: CPU reset line
    struct region io60, io64, io92;
};
void i8042_init(struct i8042 *kbc, struct region *ports, struct irq keyboard_irq, struct irq mouse_irq, struct irq a20,
                struct irq reset);
void i8042_reset(struct i8042 *kbc);
extern const struct state_table i8042_state;
