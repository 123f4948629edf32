// SPDX-License-Identifier: MIT
//
// Between control.c and its helpers.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct error;
struct machine;
struct pc_options;
struct run_options;
struct input_sink;
// keys.c: "ret", "ctrl-alt-delete", with " down" or " up" after it: pressed and released otherwise.
bool keys_check(const char *text, struct error **errp);
void keys_press(const struct input_sink *sink, const char *text);
char *keys_text(unsigned code, bool down); // malloced
// "DX DY WHEEL BUTTONS"
bool pointer_check(const char *text, struct error **errp);
void pointer_move(const struct input_sink *sink, const char *text);
// flip.c: "ADDRESS.BIT", "REGISTER.BIT" of CPU 0, or a flag's name.
bool flip_check(const char *text, struct error **errp);
void flip_bit(struct machine *machine, const char *text);
// files.c: of -digest-at, -digest-every (stdout by default) and -record (NULL: none). Opened, or *errp says which cannot be.
struct run_files { FILE *at, *every, *record; };
bool run_files_open(struct run_files *files, const struct run_options *options, struct error **errp);
void run_files_close(struct run_files *files); // also what failed half-way
// contract.c: what a run depends on, as one malloced line.
char *contract_line(struct machine *machine, const struct pc_options *pc);
char *contract_file(const char *path); // hash of a file, as it is there; malloced
