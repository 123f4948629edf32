// SPDX-License-Identifier: MIT
//
// UTF-8 text in the columns of a terminal.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Of a terminal, in characters; 0: not known.
struct text_size { unsigned columns, rows; };

// Columns that a character takes: 0, 1 or 2.
unsigned unicode_width(uint32_t code);
// The character at text (len > 0 bytes of it): its code and its bytes. What is no UTF-8: U+FFFD, one byte.
uint32_t utf8_get(const char *text, size_t len, size_t *bytes);
// How many bytes a character takes that starts with this one; 0: none starts so.
unsigned utf8_length(uint8_t first);
