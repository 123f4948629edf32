// SPDX-License-Identifier: MIT
//
// The command line, parsed: text into structs, nothing started yet.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "hw/pc/pc.h"
#include "snapshot/control.h"
#include "ui/ui.h"

struct error;
#define MAX_LISTED 320
struct text_list { char *items[MAX_LISTED]; size_t count; }; // texts of its own
void text_list_add(struct text_list *list, const char *text); // room: the caller's care
#define MAX_MON_OPTIONS 16
struct mon_option { char chardev[128]; bool control, pretty; }; // -mon
struct options {
    struct pc_options pc;
    struct run_options run;
    struct text_list objects, numas, devices, chardevs, serials, monitors, qmps, globals;
    bool qmp_pretty[MAX_LISTED]; // of qmps
    struct mon_option mons[MAX_MON_OPTIONS];
    size_t mon_count;
    char memory_backend[256]; // -machine memory-backend=
    bool no_mem_merge, no_core_dump; // -machine mem-merge=off, dump-guest-core=off
    char guest_name[256]; // -name
    const char *name, *log_items, *log_file;
    const char *gdb; // NULL: none
    bool vga_given;
    const char *vga; // device type of -vga or by default; NULL: none
    struct ui_options ui;
    bool nodefaults, nographic, daemonize, display_given, window; // window: -display sdl
    const char *pidfile;
    bool done; // help or version was printed
};
void options_release(struct options *options);
// Fills in defaults, then argv. On false: *errp names the option and the value.
bool options_parse(struct options *options, int argc, char **argv, struct error **errp);
