// SPDX-License-Identifier: MIT
//
// Between control.c and its helpers.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct chardev_list;
struct control_commands;
struct error;
struct input_sink;
struct machine;
struct pc_options;
struct run_options;
struct script;
// script_check.c: is each event one for this machine? *errp names the line that is not.
struct script_place { struct machine *machine; struct chardev_list *chardevs; const struct control_commands *commands; };
bool script_check(const struct script *script, const struct script_place *place, const char *path, struct error **errp);
// keys.c: "ret", "ctrl-alt-delete", with " down" or " up" after it: pressed and released otherwise.
bool keys_check(const char *text, struct error **errp);
void keys_press(const struct input_sink *sink, const char *text);
char *keys_text(unsigned code, bool down); // malloced
// "DX DY WHEEL BUTTONS"
bool pointer_check(const char *text, struct error **errp);
void pointer_move(const struct input_sink *sink, const char *text);
// flip.c: "ADDRESS.BIT", "REGISTER.BIT" of CPU 0, or a flag's name.
bool flip_check(const char *text, struct error **errp);
bool flip_bit(struct machine *machine, const char *text, struct error **errp); // no memory there: false
// files.c: of -digest-at, -digest-every (stdout by default) and -record (NULL: none). Opened, or *errp says which cannot be.
struct run_files { FILE *at, *every, *record; };
bool run_files_open(struct run_files *files, const struct run_options *options, struct error **errp);
// Has all that was written come to one of them? Else *errp says why.
bool run_file_flush(const struct run_files *files, FILE *file, const struct run_options *options, struct error **errp);
void run_files_close(struct run_files *files); // also what failed half-way
// contract.c: what a run depends on, as one malloced line.
char *contract_line(struct machine *machine, const struct pc_options *pc);
char *contract_file(const char *path); // hash of a file, as it is there; malloced
