// SPDX-License-Identifier: MIT
//
// Pictures to files: PNG (8 bits RGB, zlib; refused when built without) and PPM. Pixels are 00RRGGBB. [RFC 2083]
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct error;
enum picture_format { PICTURE_PPM, PICTURE_PNG };
// Errors name the file. A file that could not be written as a whole is removed.
bool picture_write(const char *path, enum picture_format format, const uint32_t *pixels, unsigned width, unsigned height,
                   struct error **errp);
