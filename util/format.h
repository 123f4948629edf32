// SPDX-License-Identifier: MIT
//
// Text of any length; sizes for people.
#pragma once
#include <stdint.h>

// As printf, into memory that the caller frees. Never NULL: without memory the process ends.
char *format_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

// "512 MiB", "2.25 GiB": exact, or with a decimal where that would take a long number. The text lives as long as the expression it is in.
struct size_text { char text[24]; };
struct size_text size_text(uint64_t bytes);
