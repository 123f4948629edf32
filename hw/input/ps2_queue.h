// SPDX-License-Identifier: MIT
//
// Between the files of the PS/2 devices: bytes on their way to the controller.
#pragma once
#include "hw/input/ps2.h"
#include "util/state.h"

#define PS2_REPLY_ROOM 16 // kept free for answers to commands

enum { PS2_ACK = 0xfa, PS2_RESEND = 0xfe, PS2_TEST_PASSED = 0xaa };
// Drops the byte when the queue is full (check room before a sequence).
void ps2_queue_put(struct ps2_queue *queue, uint8_t byte);
void ps2_queue_clear(struct ps2_queue *queue);
// Room for so many bytes of input, beside what answers need?
bool ps2_queue_room(const struct ps2_queue *queue, unsigned bytes);
// Call `changed` when there is something.
void ps2_queue_tell(struct ps2_queue *queue);
extern const struct state_table ps2_queue_state;
