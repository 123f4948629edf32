// SPDX-License-Identifier: MIT
//
// Text of any length.
#pragma once

// As printf, into memory that the caller frees. Never NULL: without memory the process ends.
char *format_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
