// SPDX-License-Identifier: MIT
#define _GNU_SOURCE // vasprintf
#include "util/format.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

char *format_text(const char *fmt, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        abort();
    va_end(args);
    return text;
}

struct size_text size_text(uint64_t bytes)
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    static const char *const eighths[] = { "", ".125", ".25", ".375", ".5", ".625", ".75", ".875" };
    struct size_text t;
    unsigned top = 0;
    while (top < 6 && bytes >> 10 * (top + 1))
        top++;
    for (unsigned u = top; u > 0; u--) {
        uint64_t unit = 1ull << 10 * u;
        if (bytes % (unit / 8) == 0 && bytes / unit < 10240) {
            snprintf(t.text, sizeof t.text, "%llu%s %s", (unsigned long long)(bytes / unit), eighths[bytes % unit / (unit / 8)], units[u]);
            return t;
        }
    }
    if (bytes < 10240) {
        snprintf(t.text, sizeof t.text, "%u byte%s", (unsigned)bytes, bytes == 1 ? "" : "s");
    } else {
        uint64_t tenths = ((bytes >> 10 * (top - 1)) * 10 + 512) >> 10;
        snprintf(t.text, sizeof t.text, "%llu.%u %s", (unsigned long long)(tenths / 10), (unsigned)(tenths % 10), units[top]);
    }
    return t;
}
