// SPDX-License-Identifier: MIT
//
// Error objects and reports to the user. Any thread; an object belongs to whoever holds it. Running
// out of host memory while building a message ends the process (there is nothing left to say).
#define _GNU_SOURCE // asprintf
#include "util/error.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *format_text(const char *fmt, va_list args)
{
    char *text;
    if (vasprintf(&text, fmt, args) < 0)
        abort();
    return text;
}

// a + b; frees both.
static char *join_text(char *a, char *b)
{
    char *text;
    if (asprintf(&text, "%s%s", a, b) < 0)
        abort();
    free(a);
    free(b);
    return text;
}

static bool set(struct error **errp, enum error_class class, const char *fmt, va_list args)
{
    if (!errp)
        return false;
    assert(!*errp);
    struct error *err = calloc(1, sizeof(*err));
    if (!err)
        abort();
    err->class = class;
    err->message = format_text(fmt, args);
    *errp = err;
    return false;
}

bool error_set(struct error **errp, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    set(errp, ERROR_GENERIC, fmt, args);
    va_end(args);
    return false;
}

bool error_set_class(struct error **errp, enum error_class class, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    set(errp, class, fmt, args);
    va_end(args);
    return false;
}

void error_hint(struct error **errp, const char *fmt, ...)
{
    if (!errp || !*errp)
        return;
    va_list args;
    va_start(args, fmt);
    char *text = format_text(fmt, args);
    va_end(args);
    struct error *err = *errp;
    if (!err->hint) {
        err->hint = text;
        return;
    }
    size_t len = strlen(err->hint);
    if (len && err->hint[len - 1] != '\n')
        err->hint = join_text(err->hint, strdup("\n"));
    err->hint = join_text(err->hint, text);
}

void error_prefix(struct error **errp, const char *fmt, ...)
{
    if (!errp || !*errp)
        return;
    va_list args;
    va_start(args, fmt);
    char *text = format_text(fmt, args);
    va_end(args);
    (*errp)->message = join_text(text, (*errp)->message);
}

void error_propagate(struct error **dst, struct error *src)
{
    if (!src)
        return;
    if (!dst || *dst) {
        error_free(src); // the first error is the cause
        return;
    }
    *dst = src;
}

const char *error_message(const struct error *err)
{
    return err ? err->message : "";
}

void error_free(struct error *err)
{
    if (!err)
        return;
    free(err->message);
    free(err->hint);
    free(err);
}

void error_report(const struct error *err)
{
    if (!err)
        return;
    fprintf(stderr, "ramjet: %s\n", err->message);
    if (err->hint && *err->hint) {
        size_t len = strlen(err->hint);
        fprintf(stderr, "%s%s", err->hint, err->hint[len - 1] == '\n' ? "" : "\n");
    }
    fflush(stderr);
}

void warn_report(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = format_text(fmt, args);
    va_end(args);
    fprintf(stderr, "ramjet: warning: %s\n", text);
    fflush(stderr);
    free(text);
}
