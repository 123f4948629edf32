// SPDX-License-Identifier: MIT
//
// The command line, parsed: text into structs, nothing started yet.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "hw/pc/pc.h"
#include "snapshot/control.h"

struct error;
#define MAX_LISTED 320
struct text_list { const char *items[MAX_LISTED]; size_t count; };
struct options {
    struct pc_options pc;
    struct run_options run;
    struct text_list objects, devices, chardevs, serials, monitors, mons;
    const char *name, *log_items, *log_file;
    bool nodefaults, nographic;
    bool done; // help or version was printed
};
// Fills in defaults, then argv. On false: *errp names the option and the value.
bool options_parse(struct options *options, int argc, char **argv, struct error **errp);
