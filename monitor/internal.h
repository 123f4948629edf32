// SPDX-License-Identifier: MIT
//
// What commands get: the machine, their arguments as text, and a place to print to.
#pragma once
#include "hw/pc/pc.h"
#include "monitor/monitor.h"
#include "util/error.h"

struct output { void (*print)(void *opaque, const char *text); void *opaque; };
struct command {
    const char *name, *alias, *arguments, *help;
    bool (*run)(struct machine *machine, char *arguments, const struct output *out, struct error **errp);
};
extern const struct command monitor_commands[], monitor_infos[];
extern const size_t monitor_command_count, monitor_info_count;

void out_printf(const struct output *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void out_text(void *out, const char *text); // print function for others' callbacks; opaque: const struct output *
// A command line that changes nothing of the machine (info, x, help ..., an empty line).
bool monitor_only_looks(const char *line);
// Next word of *text (quotes taken off), NULL at the end. Changes the text.
char *next_word(char **text);
// "driver,key=value,...": -device and device_add. Changes the text.
bool device_add_text(struct machine *machine, char *text, struct error **errp);
#define COMMAND(name_, alias_, arguments_, help_) \
    bool cmd_##name_(struct machine *machine, char *arguments, const struct output *out, struct error **errp);
#define INFO(name_, arguments_, help_) \
    bool info_##name_(struct machine *machine, char *arguments, const struct output *out, struct error **errp);
#include "monitor/commands.def"
#undef COMMAND
#undef INFO
