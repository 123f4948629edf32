// SPDX-License-Identifier: MIT
//
// Text to numbers, strictly: the whole text must be used, nothing wraps. Messages quote the text; callers
// put the option's name before them with error_prefix.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

// Bytes: decimal with an optional fraction ("1.5G") or hexadecimal ("0x1000", "0x10M"), an optional suffix k M G T P E
// (powers of 1024, any case; K alike), an optional B or iB after it ("512MiB", "4GB"). Fractions of a byte are dropped.
bool parse_size(const char *text, uint64_t *bytes, struct error **errp);
// Decimal (also with leading zeros) or hexadecimal (0x) up to 2^64 - 1, no sign but '+'.
bool parse_u64(const char *text, uint64_t *value, struct error **errp);
// As parse_u64 with an optional '-'.
bool parse_i64(const char *text, int64_t *value, struct error **errp);
// on/off, yes/no, true/false, y/n, 1/0.
bool parse_bool(const char *text, bool *value, struct error **errp);
// Identifiers of devices and backends: a letter, then letters, digits, '-', '.', '_'.
bool identifier_valid(const char *id);
