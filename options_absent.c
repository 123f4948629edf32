// SPDX-License-Identifier: MIT
//
// Options of QEMU that this version does not have: passed over where they ask for nothing, else refused with the reason.
#include <stdio.h>
#include <string.h>
#include "options_internal.h"
#include "util/error.h"

static const struct {
    const char *name;
    bool argument;
    const char *harmless; // words; "*": any
    bool warns;
    const char *text;
} rows[] = {
#define ABSENT(name, argument, harmless, warns, text) { name, argument, harmless, warns, text },
#include "options_absent.def"
#undef ABSENT
};

// With or without a name: "none,id=x" is "none".
static bool is_word_of(const char *words, const char *word)
{
    const char *id = strstr(word, ",id=");
    size_t n = id ? (size_t)(id - word) : strlen(word);
    for (const char *w = words; *w; w += strcspn(w, " "), w += *w == ' ')
        if (strcspn(w, " ") == n && !strncmp(w, word, n))
            return true;
    return false;
}

enum absent_option option_absent(const char *name, const char *next, struct error **errp)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].name, name))
            continue;
        if (rows[i].argument && !next) {
            error_set(errp, "-%s: requires an argument", name);
            return ABSENT_REFUSED;
        }
        const char *value = rows[i].argument ? next : "", *gap = *value ? " " : "";
        bool any = !strcmp(rows[i].harmless, "*");
        if (!any && !is_word_of(rows[i].harmless, value)) {
            error_set(errp, "-%s%s%s: not in this version: %s", name, gap, value, rows[i].text);
            return ABSENT_REFUSED;
        }
        if (any && rows[i].warns)
            warn_report("-%s%s%s is passed over: %s", name, gap, value, rows[i].text);
        return rows[i].argument ? ABSENT_WITH_ARGUMENT : ABSENT_ALONE;
    }
    return ABSENT_UNKNOWN;
}
