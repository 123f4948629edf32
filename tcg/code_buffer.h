// SPDX-License-Identifier: MIT
//
// Memory for generated code: the same pages mapped twice, writable and executable, never both in one
// mapping. By memfd, then a temporary file, then one mapping whose protection is toggled; the mode can be forced.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
enum code_buffer_mode { CODE_BUFFER_AUTO, CODE_BUFFER_MEMFD, CODE_BUFFER_FILE, CODE_BUFFER_TOGGLE };
struct code_buffer {
    uint8_t *rw, *rx;     // the two views (equal in toggle mode)
    size_t size;
    size_t used;          // next free byte
    size_t limit;         // emit may use bytes up to here (exec hands out parts); at most size
    enum code_buffer_mode mode;
    bool writable;        // toggle mode: current state
};
bool code_buffer_init(struct code_buffer *buffer, size_t size, enum code_buffer_mode mode, struct error **errp);
void code_buffer_release(struct code_buffer *buffer);
// Toggle mode: make it writable / executable. No-ops otherwise. Bracket every write.
void code_buffer_begin_write(struct code_buffer *buffer);
void code_buffer_end_write(struct code_buffer *buffer, const uint8_t *rx_start, size_t length); // + instruction cache
static inline uint8_t *code_buffer_rw(const struct code_buffer *buffer, const uint8_t *rx)
{
    return buffer->rw + (rx - buffer->rx);
}
