// SPDX-License-Identifier: MIT
//
// The log: a mask, a stream and the table of items. Set up once before the machine starts, written by
// the machine thread. Without -D the log goes to stderr.
#include "util/log.h"
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include "util/error.h"
#include "util/nearest.h"

uint32_t log_mask;
static FILE *log_file;

static const char *const item_names[] = {
#define LOG(id, name, help) name,
#include "util/log.def"
#undef LOG
    "all", // no enumerator: all of them
};
static const char *const item_helps[] = {
#define LOG(id, name, help) help,
#include "util/log.def"
#undef LOG
};
_Static_assert(LOG__COUNT <= 32, "log_mask has 32 bits");

FILE *log_stream(void)
{
    return log_file ? log_file : stderr;
}

void log_printf(enum log_item item, const char *fmt, ...)
{
    if (!log_on(item))
        return;
    va_list args;
    va_start(args, fmt);
    vfprintf(log_stream(), fmt, args);
    va_end(args);
}

void log_flush(void)
{
    fflush(log_stream());
}

static bool log_item_bits(const char *name, uint32_t *bits, struct error **errp)
{
    size_t count = sizeof(item_names) / sizeof(item_names[0]);
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(name, item_names[i])) {
            *bits = i < LOG__COUNT ? 1u << i : (1u << LOG__COUNT) - 1;
            return true;
        }
    }
    const char *near = nearest_name(name, item_names, count);
    error_set(errp, "-d %s: unknown log item '%s'%s%s%s", name, name, near ? ", did you mean '" : "",
              near ? near : "", near ? "'?" : "");
    error_hint(errp, "'-d help' lists the items");
    return false;
}

bool log_set_items(const char *list, struct error **errp)
{
    uint32_t mask = 0;
    while (*list) {
        size_t len = strcspn(list, ",");
        char name[64];
        if (len >= sizeof(name))
            return error_set(errp, "-d: log item '%.60s...' is too long", list);
        memcpy(name, list, len);
        name[len] = 0;
        uint32_t bits = 0;
        if (len && !log_item_bits(name, &bits, errp))
            return false;
        mask |= bits;
        list += len + (list[len] == ',');
    }
    log_mask = mask;
    return true;
}

bool log_set_file(const char *path, struct error **errp)
{
    FILE *file = fopen(path, "we");
    if (!file)
        return error_set(errp, "-D %s: cannot open the log file: %s", path, strerror(errno));
    if (log_file)
        fclose(log_file);
    log_file = file;
    return true;
}

void log_print_help(FILE *out)
{
    fprintf(out, "Log items (comma separated):\n");
    for (size_t i = 0; i < LOG__COUNT; i++)
        fprintf(out, "%-14s %s\n", item_names[i], item_helps[i]);
    fprintf(out, "%-14s %s\n", "all", "all of these");
}
