// SPDX-License-Identifier: MIT
//
// A growing byte buffer for ACPI tables, little endian, and the frame of a table in it: header and checksum. [ACPI 6.4 5.2.6]
#pragma once
#include <stddef.h>
#include <stdint.h>

struct buffer { uint8_t *data; size_t size, capacity; }; // all zero: empty; free(data) ends it

void put(struct buffer *b, const void *bytes, size_t n);
void put_int(struct buffer *b, uint64_t value, unsigned bytes);
static inline void put8(struct buffer *b, unsigned v) { put_int(b, v, 1); }
static inline void put16(struct buffer *b, unsigned v) { put_int(b, v, 2); }
static inline void put32(struct buffer *b, uint64_t v) { put_int(b, v, 4); }
static inline void put64(struct buffer *b, uint64_t v) { put_int(b, v, 8); }
void put_text(struct buffer *b, const char *text);
void put_zeros(struct buffer *b, size_t n);
void put_align16(struct buffer *b);

// What makes the bytes and itself add up to 0.
uint8_t acpi_checksum(const uint8_t *data, size_t size);
// Start a table (16-byte aligned) and return where it is; end fills in length and checksum.
size_t acpi_table_begin(struct buffer *b, const char *signature, unsigned revision, const char *oem_table);
void acpi_table_end(struct buffer *b, size_t at);
// Who made the table, in its header.
void acpi_put_creator(uint8_t *table);
