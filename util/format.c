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
