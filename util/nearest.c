// SPDX-License-Identifier: MIT
//
// Edit distance with two rows on the stack; words longer than NEAREST_MAX are never near. The case
// of a letter counts little: "INT" is nearer to "int" than "hint" is. Any thread.
#include "util/nearest.h"
#include <ctype.h>
#include <string.h>

enum { NEAREST_MAX = 64, EDIT_COST = 8, CASE_COST = 1 };

static unsigned replace_cost(char a, char b)
{
    if (a == b)
        return 0;
    return tolower((unsigned char)a) == tolower((unsigned char)b) ? CASE_COST : EDIT_COST;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

static unsigned edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned row[NEAREST_MAX + 1];
    for (size_t j = 0; j <= b_len; j++)
        row[j] = (unsigned)j * EDIT_COST;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i * EDIT_COST;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned up = row[j];
            row[j] = min3(up + EDIT_COST, row[j - 1] + EDIT_COST, diagonal + replace_cost(a[i - 1], b[j - 1]));
            diagonal = up;
        }
    }
    return row[b_len];
}

const char *nearest_name(const char *word, const char *const *names, size_t count)
{
    size_t len = strlen(word);
    if (len == 0 || len > NEAREST_MAX)
        return NULL;
    unsigned limit = (unsigned)(len / 3 > 2 ? len / 3 : 2) * EDIT_COST;
    const char *best = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t name_len = names[i] ? strlen(names[i]) : 0;
        if (name_len == 0 || name_len > NEAREST_MAX)
            continue;
        unsigned distance = edit_distance(word, len, names[i], name_len);
        // A guess that shares nothing with the word is no help: at least one letter must have stayed.
        if (distance > limit || distance >= EDIT_COST * (len > name_len ? len : name_len))
            continue;
        best = names[i];
        if (distance == 0)
            break;
        limit = distance - 1;
    }
    return best;
}
