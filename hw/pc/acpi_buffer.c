// SPDX-License-Identifier: MIT
//
// Bytes of ACPI tables, one after another.
#include "hw/pc/acpi_buffer.h"
#include <stdlib.h>
#include <string.h>

void put(struct buffer *b, const void *bytes, size_t n)
{
    if (b->size + n > b->capacity) {
        b->capacity = (b->size + n) * 2;
        b->data = realloc(b->data, b->capacity);
        if (!b->data)
            abort();
    }
    memcpy(b->data + b->size, bytes, n);
    b->size += n;
}

void put_int(struct buffer *b, uint64_t value, unsigned bytes)
{
    uint8_t raw[8];
    for (unsigned i = 0; i < bytes; i++)
        raw[i] = (uint8_t)(value >> 8 * i);
    put(b, raw, bytes);
}

void put_text(struct buffer *b, const char *text) { put(b, text, strlen(text)); }

void put_zeros(struct buffer *b, size_t n)
{
    while (n--)
        put8(b, 0);
}

void put_align16(struct buffer *b)
{
    while (b->size & 15)
        put8(b, 0);
}

uint8_t acpi_checksum(const uint8_t *data, size_t size)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + data[i]);
    return (uint8_t)-sum;
}

void acpi_put_creator(uint8_t *table)
{
    memcpy(table + 28, "RMJT\1\0\0\0", 8);
}

size_t acpi_table_begin(struct buffer *b, const char *signature, unsigned revision, const char *oem_table)
{
    put_align16(b);
    size_t at = b->size;
    put(b, signature, 4);
    put32(b, 0);
    put8(b, revision);
    put8(b, 0);
    put(b, "RAMJET", 6);
    put(b, oem_table, 8);
    put32(b, 1);
    put_zeros(b, 8);
    acpi_put_creator(b->data + at);
    return at;
}

void acpi_table_end(struct buffer *b, size_t at)
{
    uint32_t length = (uint32_t)(b->size - at);
    for (int i = 0; i < 4; i++)
        b->data[at + 4 + (size_t)i] = (uint8_t)(length >> 8 * i);
    b->data[at + 9] = 0;
    b->data[at + 9] = acpi_checksum(b->data + at, length);
}
