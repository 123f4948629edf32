// SPDX-License-Identifier: MIT
//
// Did you mean: the known word that is spelled most like an unknown one. Pure functions.
#pragma once
#include <stddef.h>

// The entry of names[0..count) with the smallest edit distance (Levenshtein) to word; NULL when none is
// near enough to be a likely slip (more than a third of the word, at least 2 edits). NULL names are skipped.
const char *nearest_name(const char *word, const char *const *names, size_t count);
