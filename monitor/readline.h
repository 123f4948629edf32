// SPDX-License-Identifier: MIT
//
// Line editing over a stream of bytes: cursor keys, history, completion, kill and yank by word; for terminals and
// console tabs. Without `editing` lines are only collected.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/width.h"

struct readline;
// print gets text with \n line ends; line gets each finished line (and then calls readline_prompt);
// complete names the candidates for the text before the cursor; what follows a tab in one is its help, shown in a list;
// size says how large the terminal is now (no function: not known; then 80 columns). Of a line that takes more rows than there are,
// the part with the cursor is shown, behind a '<'.
struct readline *readline_new(const char *prompt, bool editing, size_t max, void (*print)(void *, const char *), void (*line)(void *, const char *),
                              void (*complete)(void *, const char *, void (*candidate)(void *, const char *), void *), struct text_size (*size)(void *),
                              void *opaque);
void readline_free(struct readline *r);
void readline_prompt(struct readline *r);
void readline_input(struct readline *r, const uint8_t *data, size_t len);
void readline_reset(struct readline *r); // a new client: forget the half line
void readline_above(struct readline *r, const char *text); // print text above the line being edited
