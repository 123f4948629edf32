// SPDX-License-Identifier: MIT
//
// Unpack a compressed kernel payload on the host (gzip, xz, lz4 legacy, zstd), by its magic number.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
// Name of the format ("gzip", "xz", "lz4", "zstd"), NULL when unknown.
const char *unpack_format(const uint8_t *data, size_t size);
// Data ends with the unpacked size (4 bytes, little endian), as Linux's build appends it; gzip has it by itself.
// Returns malloced output and its size, or NULL with *errp (format unknown, library left out, data damaged).
uint8_t *unpack(const uint8_t *data, size_t size, size_t *out_size, struct error **errp);
